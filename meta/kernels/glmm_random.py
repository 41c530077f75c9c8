"""Two arms with a random level in every study: a two-dimensional integral, one inside the other (UM.RS).

The outer integral runs over the study's level b = mean + sigma v, v standard normal, and its integrand is
the inner integral over the random ratio, which is log-concave in b (Prekopa): each is one-dimensional, with
a mode, and climbs the ladder of rules on its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from meta.kernels.glmm_arms import (
    AA,
    AT,
    BA,
    BB,
    BT,
    LONGEST,
    TT,
    WIDE,
    A,
    Arms,
    B,
    Conditional,
    Loadings,
    T,
    integrate,
    joint_laplace,
    log_integral,
    make_arms,
    repeat_arms,
)
from meta.kernels.glmm_cells import Bools, Cells, Floats, Ints, Kind, Value
from meta.kernels.glmm_differences import differentiate
from meta.kernels.glmm_fixed import rough_ratios
from meta.kernels.glmm_likelihood import (
    LOG_INTEGRAL_TOL,
    MISSED,
    MODE_STEPS,
    MODE_TOL,
    SUPPORT_DROP,
    SUPPORT_HALVINGS,
    linear_predictor,
)
from meta.kernels.quadrature import Rule, hermite_rule, panel_rule, split_by_rule

#: A search for a mode of v starts no farther out than this.
FARTHEST = 12.0
#: Inner integrals done at once: their nodes stay in a second-level cache.
OUTER_BLOCK = 4096
#: Log-density of a node of the outer rule, below its peak, from which on it no longer matters.
NEGLIGIBLE = 60.0

_HERE = tuple[Floats, Floats, Floats, Floats]


@dataclass(slots=True)
class _Outer:
    """What one outer integral gives: its logarithm (C,), first (4, C) and second derivatives (4, 4, C).

    In (a, mean level, sigma, tau).
    """

    log: Floats
    first: Floats
    second: Floats


@dataclass(frozen=True)
class RandomLevels(Kind):
    """Study levels drawn from a normal distribution, its mean and sigma further parameters.

    ``state`` keeps the level at the mode of v, the mode of u there, and the rung of the inner rule; ``level``
    of the cells is that of the outer one. The likelihood is even in sigma, so an ascent may pass through 0.
    """

    binomial: bool
    loadings: Loadings
    further: int = 2
    states: int = 3
    even: bool = True

    def evaluate(self, cells: Cells, theta: Floats) -> Value:
        """Evaluate the likelihood in (coefficients, mean level, sigma, tau)."""
        at = _place(cells, theta)
        if len(cells.rules) > 1:
            found = self._integrate(cells, at)
        else:
            found = _Outer(*differentiate(self._rule_value(cells), at))
        return _collect(cells, found)

    def evaluate_common(self, cells: Cells, theta: Floats) -> Value:
        """Evaluate at tau = 0: the same integral."""
        return self.evaluate(cells, theta)

    def raise_levels(self, cells: Cells, theta: Floats) -> Bools:
        """Raise the inner and the outer rule of each cell until neither moves its integral."""
        changed = np.zeros(cells.analyses, dtype=bool)
        if not cells.settle:
            return changed
        at, top = _place(cells, theta), len(cells.rules) - 1
        modes = self._find_modes(cells, at)
        for place in (0, 1):
            pending = np.arange(cells.row.size)
            here = self._log_total(cells, at, modes, pending, (0, 0))
            while pending.size:
                above = self._log_total(cells, at, modes, pending, (1 - place, place))
                level = (cells.state[2] if place == 0 else cells.level)[pending]
                moved = (np.abs(above - here) > LOG_INTEGRAL_TOL) & (level < top)
                pending, here = pending[moved], above[moved]
                if place == 0:
                    cells.state[2][pending] += 1.0
                else:
                    cells.level[pending] += 1
                changed[cells.row[pending]] = True
        return changed

    def information(self, cells: Cells, theta: Floats) -> Floats:
        """Return what the studies know of their ratios at tau = 0, their levels at the modes."""
        at = _place(cells, theta)
        found = self._integrate(cells, at)
        return cells.add(-found.second[0, 0])

    def empirical(self, cells: Cells) -> tuple[Floats, Floats]:
        """Return log odds (or rate) ratios, 1/2 added."""
        _, ratio, variance = rough_ratios(self.binomial, cells.data)
        return ratio, variance

    def start(self, cells: Cells) -> Floats:
        """Return mean and standard deviation of the studies' empirical levels."""
        own = rough_ratios(self.binomial, cells.data)[0]
        level = (self.loadings.own[0] * own[0] + self.loadings.own[1] * own[1]) / (
            self.loadings.own[0] ** 2 + self.loadings.own[1] ** 2
        )
        count = cells.add(np.ones_like(level))
        mean = cells.add(level) / count
        spread = np.sqrt(cells.add(np.square(level - mean[cells.row])) / count)
        return np.array([mean, np.maximum(spread, 0.3)])

    def _arms(self, cells: Cells, index: Ints, times: int) -> Arms:
        """Return the cells ``index``, ``times`` over, on the rungs of their inner rules."""
        arms = make_arms(
            self.binomial,
            np.take(cells.data, index, axis=1),
            cells.state[1][index],
            np.nan_to_num(cells.state[2][index]).astype(np.int8),
            cells.rules,
        )
        return repeat_arms(arms, times) if times > 1 else arms

    def _find_modes(self, cells: Cells, at: _HERE) -> tuple[Floats, Floats, Conditional]:
        """Return the mode of v, its scale and the inner integral there; Newton inside a bracket."""
        a, mean, sigma, t = at
        cells.state[2] = np.nan_to_num(cells.state[2])
        # what is kept from call to call is the level itself: v would change sign with sigma
        with np.errstate(divide="ignore", invalid="ignore"):
            v = np.where(np.isnan(cells.state[0]), 0.0, (cells.state[0] - mean) / sigma)
        v = np.clip(np.nan_to_num(v), -FARTHEST, FARTHEST)
        longest = LONGEST / np.maximum(np.abs(sigma), 1e-300)
        low, high = np.full_like(v, -np.inf), np.full_like(v, np.inf)
        active, last = np.arange(v.size), np.full_like(v, np.inf)
        log, first, second = np.empty(v.size), np.empty((3, v.size)), np.empty((6, v.size))
        for _ in range(MODE_STEPS):
            arms = self._arms(cells, active, 1)
            found = integrate(
                arms, self.loadings, mean[active] + sigma[active] * v[active], a[active], t[active]
            )
            cells.state[1][active], cells.state[2][active] = arms.mode, arms.level
            log[active], first[:, active], second[:, active] = found.log, found.first, found.second
            here, s = v[active], sigma[active]
            force = here - s * found.first[B]
            slope = 1.0 - np.square(s) * np.minimum(found.second[BB], 0.0)
            low[active] = np.where(force <= 0.0, np.maximum(low[active], here), low[active])
            high[active] = np.where(force >= 0.0, np.minimum(high[active], here), high[active])
            # the slope is at least 1, so the mode is no farther than the force
            low[active] = np.maximum(low[active], here - np.maximum(force, 0.0))
            high[active] = np.minimum(high[active], here - np.minimum(force, 0.0))
            newton = -force / slope
            creeps = np.abs(newton) > 0.5 * last[active]
            last[active] = np.abs(newton)
            there = here + newton
            outside = (there < low[active]) | (there > high[active]) | creeps
            there = np.where(outside, 0.5 * (low[active] + high[active]), there)
            there = np.clip(there, here - longest[active], here + longest[active])
            # the rule is centred on the last point looked at, where everything is known
            still = (np.abs(there - here) * np.sqrt(slope) > 1e2 * MODE_TOL) & (high[active] > low[active])
            v[active] = np.where(still, there, here)
            active = active[still]
            if not active.size:
                break
        cells.state[0] = mean + sigma * v
        scale = 1.0 / np.sqrt(1.0 - np.square(sigma) * np.minimum(second[BB], 0.0))
        return v, scale, Conditional(log, first, second)

    def _nodes(
        self,
        cells: Cells,
        at: _HERE,
        modes: tuple[Floats, Floats, Conditional],
        index: Ints,
        rule: Rule,
    ) -> tuple[Floats, Floats]:
        """Return offsets of v from the mode and weights of the outer ``rule``, (M, c)."""
        if rule.kind == "hermite":
            x, w = hermite_rule(rule.count)
            s = modes[1][index]
            return x[:, None] * s, w[:, None] * s
        # the edges need not be sharp: the first rung of the inner rule will do
        ends = []
        for direction in (-1.0, 1.0):
            inside, outside = np.zeros(index.size), np.full(index.size, float(np.sqrt(2.0 * SUPPORT_DROP)))
            for step in range(SUPPORT_HALVINGS + 1):
                wide = np.minimum(WIDE * modes[1][index], outside)
                middle = wide if step == 0 else 0.5 * (inside + outside)
                inner = self._inner(
                    cells, at, modes, index, (direction * middle)[None, :], log_only=True, up=-99
                )
                drop = self._height(modes, index, inner.log, (direction * middle)[None, :])[0]
                below = drop < -SUPPORT_DROP
                outside, inside = np.where(below, middle, outside), np.where(below, inside, middle)
            ends.append(direction * outside)
        x, w = panel_rule(rule.count)
        width = ends[1] - ends[0]
        return ends[0] + x[:, None] * width, w[:, None] * width

    def _inner(
        self,
        cells: Cells,
        at: _HERE,
        modes: tuple[Floats, Floats, Conditional],
        index: Ints,
        dv: Floats,
        *,
        log_only: bool = False,
        up: int = 0,
    ) -> Conditional:
        """Return the inner integrals at ``dv`` (M, c) from the modes, arrays with nodes before cells."""
        a, mean, sigma, t = at
        times = dv.shape[0]
        arms = self._arms(cells, index, times)
        arms.level = np.clip(arms.level + up, 0, len(cells.rules) - 1).astype(np.int8)
        b = (mean[index] + sigma[index] * (modes[0][index] + dv)).ravel()
        a_here, t_here = np.tile(a[index], times), np.tile(t[index], times)
        if log_only:
            log = log_integral(arms, self.loadings, b, a_here, t_here)
            return Conditional(log.reshape(dv.shape), np.empty((3, 0)), np.empty((6, 0)))
        found = integrate(arms, self.loadings, b, a_here, t_here)
        # a rule that missed part of an integrand within reach of the peak stays behind for good
        grown = arms.level.reshape(dv.shape)
        reached = self._height(modes, index, found.log.reshape(dv.shape), dv) > -NEGLIGIBLE
        cells.state[2][index] = np.maximum(
            cells.state[2][index], np.where(reached, grown, 0).max(axis=0).astype(np.float64)
        )
        return Conditional(
            found.log.reshape(dv.shape),
            found.first.reshape(3, *dv.shape),
            found.second.reshape(6, *dv.shape),
        )

    def _height(
        self, modes: tuple[Floats, Floats, Conditional], index: Ints, log: Floats, dv: Floats
    ) -> Floats:
        """Return the log-integrand of v at ``dv`` (M, c) less that at the mode."""
        return np.asarray(log - modes[2].log[index] - dv * (modes[0][index] + 0.5 * dv))

    def _log_total(
        self,
        cells: Cells,
        at: _HERE,
        modes: tuple[Floats, Floats, Conditional],
        pending: Ints,
        up: tuple[int, int],
    ) -> Floats:
        """Return log-integrals over v, the inner and the outer rule ``up`` rungs higher than they stand."""
        total = np.empty(cells.row.size)
        level = np.minimum(cells.level + up[1], len(cells.rules) - 1).astype(np.int8)
        for index, rule in split_by_rule(cells.rules, pending, level[pending], OUTER_BLOCK):
            dv, w = self._nodes(cells, at, modes, index, rule)
            inner = self._inner(cells, at, modes, index, dv, log_only=True, up=up[0])
            height = self._height(modes, index, inner.log, dv)
            total[index] = np.log(np.add.reduce(w * np.exp(height), axis=0))
        return total[pending]

    def _integrate(self, cells: Cells, at: _HERE) -> _Outer:
        """Integrate both random effects out; Louis's identity once more gives the derivatives."""
        modes = self._find_modes(cells, at)
        sigma, size = at[2], cells.row.size
        out = _Outer(np.empty(size), np.empty((4, size)), np.empty((4, 4, size)))
        pending = np.arange(size)
        while pending.size:
            missed = np.zeros(size, dtype=bool)
            for index, rule in split_by_rule(cells.rules, pending, cells.level[pending], OUTER_BLOCK):
                dv, w = self._nodes(cells, at, modes, index, rule)
                inner = self._inner(cells, at, modes, index, dv)
                w = w * np.exp(self._height(modes, index, inner.log, dv))
                mass = np.add.reduce(w, axis=0)
                w /= mass
                v = modes[0][index] + dv
                out.log[index] = np.log(mass)
                out.first[:, index], out.second[:, :, index] = _louis(w, v, inner)
                slope = w * (sigma[index] * inner.first[B] - v)
                lever, stretch = np.add.reduce(slope, axis=0), 1.0 + np.add.reduce(slope * dv, axis=0)
                missed[index] = np.abs(lever) + np.abs(stretch) > MISSED
            pending = np.flatnonzero(missed & (cells.level < len(cells.rules) - 1))
            cells.level[pending] += 1
        out.log += modes[2].log - 0.5 * np.square(modes[0]) - 0.5 * np.log(2.0 * np.pi)
        return out

    def _rule_value(self, cells: Cells) -> Callable[[tuple[Floats, ...]], Floats]:
        """Return the log-integral of a fixed rule as a function: with one node, Laplace's, jointly."""
        everything = np.arange(cells.row.size)
        arms = make_arms(
            self.binomial,
            cells.data,
            np.zeros(cells.row.size),
            np.zeros(cells.row.size, dtype=np.int8),
            cells.rules,
        )

        laplace = [np.zeros(cells.row.size), np.zeros(cells.row.size)]

        def value(at: tuple[Floats, ...]) -> Floats:
            here = (at[0], at[1], at[2], np.abs(at[3]))
            if cells.rules[0].nodes == 1:
                return joint_laplace(arms, self.loadings, *here, laplace)
            modes = self._find_modes(cells, here)
            total = self._log_total(cells, here, modes, everything, (0, 0))
            return np.asarray(total + modes[2].log - 0.5 * np.square(modes[0]) - 0.5 * np.log(2.0 * np.pi))

        return value


def _place(cells: Cells, theta: Floats) -> _HERE:
    """Return (a, mean level, sigma, tau) of each cell."""
    row = cells.row
    return linear_predictor(cells, theta), theta[-3][row], theta[-2][row], np.abs(theta[-1])[row]


def _louis(w: Floats, v: Floats, inner: Conditional) -> tuple[Floats, Floats]:
    """Return derivatives in (a, mean level, sigma, tau) from those of the inner integrals, weights ``w``."""
    g, h = inner.first, inner.second
    first = (g[A], g[B], v * g[B], g[T])
    second = (
        (h[AA],),
        (h[BA], h[BB]),
        (v * h[BA], v * h[BB], np.square(v) * h[BB]),
        (h[AT], h[BT], v * h[BT], h[TT]),
    )
    slope = np.array([np.add.reduce(w * x, axis=0) for x in first])
    curvature = np.empty((4, 4, w.shape[1]))
    for i in range(4):
        for j in range(i + 1):
            product = (first[i] - slope[i]) * (first[j] - slope[j])
            curvature[i, j] = curvature[j, i] = np.add.reduce(w * (second[i][j] + product), axis=0)
    return slope, curvature


def _collect(cells: Cells, found: _Outer) -> Value:
    """Sum cells into analyses: coefficients through the design, the other three as they are."""
    p = cells.design.shape[0]
    q = p + 3
    # each parameter of an analysis reaches its cells through one of the four, times a column
    source = [*([0] * p), 1, 2, 3]
    one = np.ones(cells.row.size)
    column = [*cells.design, one, one, one]
    gradient, hessian = np.empty((q, cells.analyses)), np.empty((q, q, cells.analyses))
    for i in range(q):
        gradient[i] = cells.add(column[i] * found.first[source[i]])
        for j in range(i + 1):
            both = column[i] * column[j] * found.second[source[i], source[j]]
            hessian[i, j] = hessian[j, i] = cells.add(both)
    return Value(cells.add(found.log), gradient, hessian)
