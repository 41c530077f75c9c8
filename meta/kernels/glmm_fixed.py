"""Two arms with a level of their own in every study: the level is profiled out, cell by cell (UM.FS).

The likelihood is log-concave in all levels and coefficients for a given tau (Prekopa), and a level enters
only its own study: so each study's level is at its best wherever the coefficients stand, what remains is a
likelihood of (coefficients, tau), and its observed information is that block of the whole.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from meta.kernels.glmm_arms import (
    AA,
    AT,
    BA,
    BB,
    BT,
    TT,
    A,
    Arms,
    B,
    Conditional,
    Loadings,
    T,
    integrate,
    log_integral,
    make_arms,
    raise_arms,
)
from meta.kernels.glmm_cells import Bools, Cells, Floats, Kind, Value
from meta.kernels.glmm_differences import differentiate
from meta.kernels.glmm_likelihood import Marginal, collect, linear_predictor

#: A level is found once its Newton step squared, in units of its standard error, is below this; the step is
#: taken to second order, so what is lost is of the order of its cube.
LEVEL_TOL = 1e-10
#: Longest step of a level, and the number of steps: 3 to 5 are typical.
LONGEST, LEVEL_STEPS = 3.0, 300


def rough_ratios(binomial: bool, data: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the log odds (or rate) of either arm (2, C), their difference and its variance, 1/2 added.

    ``data`` are the rows of ``lay_out_arms``.
    """
    events, size, sign = data[0:2], data[2:4], data[4:6]
    rest = size - events + 0.5 if binomial else size
    own = sign * np.log((events + 0.5) / rest)
    variance = 1.0 / (events + 0.5) + (1.0 / rest if binomial else 0.0)
    return own, own[0] - own[1], variance[0] + variance[1]


@dataclass(frozen=True)
class FixedLevels(Kind):
    """Study levels profiled out; ``state`` keeps each level and the mode of u."""

    binomial: bool
    loadings: Loadings
    further: int = 0
    states: int = 2

    def evaluate(self, cells: Cells, theta: Floats) -> Value:
        """Evaluate the likelihood profiled over the levels."""
        return collect(cells, self._profile(cells, *_place(cells, theta)))

    def evaluate_common(self, cells: Cells, theta: Floats) -> Value:
        """Evaluate at tau = 0: the same integral, of a constant."""
        return self.evaluate(cells, theta)

    def raise_levels(self, cells: Cells, theta: Floats) -> Bools:
        """Raise each integral until it is settled."""
        changed = np.zeros(cells.analyses, dtype=bool)
        if not cells.settle:
            return changed
        a, t = _place(cells, theta)
        self._profile(cells, a, t)
        arms = self._arms(cells)
        moved = raise_arms(arms, self.loadings, cells.state[0], a, t)
        self._keep(cells, arms)
        changed[cells.row[moved]] = True
        return changed

    def information(self, cells: Cells, theta: Floats) -> Floats:
        """Return what the studies know of their own ratios at tau = 0."""
        return cells.add(-self._profile(cells, *_place(cells, theta)).aa)

    def empirical(self, cells: Cells) -> tuple[Floats, Floats]:
        """Return log odds (or rate) ratios, 1/2 added."""
        _, ratio, variance = rough_ratios(self.binomial, cells.data)
        return ratio, variance

    def start(self, cells: Cells) -> Floats:
        """Return nothing: no further parameters."""
        return np.zeros((0, cells.analyses))

    def _arms(self, cells: Cells) -> Arms:
        return make_arms(self.binomial, cells.data, cells.state[1].copy(), cells.level.copy(), cells.rules)

    def _keep(self, cells: Cells, arms: Arms) -> None:
        cells.state[1], cells.level = arms.mode, arms.level

    def _first_levels(self, cells: Cells, a: Floats) -> Floats:
        """Return least squares of the levels on the empirical values."""
        own = rough_ratios(self.binomial, cells.data)[0]
        w, z = self.loadings.own, self.loadings.shared
        total = w[0] * (own[0] - z[0] * a) + w[1] * (own[1] - z[1] * a)
        return np.asarray(total / (w[0] ** 2 + w[1] ** 2))

    def _profile(self, cells: Cells, a: Floats, t: Floats) -> Marginal:
        """Find each study's level, by Newton inside a bracket, and return what is left to second order."""
        arms = self._arms(cells)
        level = np.where(np.isnan(cells.state[0]), self._first_levels(cells, a), cells.state[0])
        log, first, second = np.empty(a.size), np.empty((3, a.size)), np.empty((6, a.size))
        low, high = np.full(a.size, -np.inf), np.full(a.size, np.inf)
        active = np.arange(a.size)
        for _ in range(LEVEL_STEPS):
            some = arms if active.size == a.size else arms.take(active)
            found = self._conditional(cells, some, level[active], a[active], t[active])
            if some is not arms:
                arms.put(active, some)
            log[active], first[:, active], second[:, active] = found.log, found.first, found.second
            slope, bend = found.first[B], np.maximum(-found.second[BB], 1e-300)
            here = level[active]
            low[active] = np.where(slope >= 0.0, np.maximum(low[active], here), low[active])
            high[active] = np.where(slope <= 0.0, np.minimum(high[active], here), high[active])
            step = slope / bend
            open_still = np.square(step) * bend > LEVEL_TOL
            there = here + np.clip(step, -LONGEST, LONGEST)
            # a shortened step can land on an end of the bracket, and back
            outside = (there <= low[active]) | (there >= high[active])
            # a bracket with an open end holds every step towards it, so both ends are there when it is left
            middle = 0.5 * (np.maximum(low[active], here - 1e3) + np.minimum(high[active], here + 1e3))
            level[active] = np.where(open_still, np.where(outside, middle, there), here)
            active = active[open_still]
            if not active.size:
                break
        cells.state[0] = level
        self._keep(cells, arms)
        return _eliminate(Conditional(log, first, second))

    def _conditional(self, cells: Cells, arms: Arms, b: Floats, a: Floats, t: Floats) -> Conditional:
        """Return the integral at given levels; of a fixed rule the derivatives of what it gives."""
        if len(cells.rules) > 1:
            return integrate(arms, self.loadings, b, a, t)
        log, first, full = differentiate(
            lambda at: log_integral(arms, self.loadings, at[0], at[1], np.abs(at[2])), (b, a, t)
        )
        return Conditional(log, first, np.array([full[i, j] for i in range(3) for j in range(i, 3)]))


def _place(cells: Cells, theta: Floats) -> tuple[Floats, Floats]:
    return linear_predictor(cells, theta), np.abs(theta[-1])[cells.row]


def _eliminate(found: Conditional) -> Marginal:
    """Take the last step of the levels to second order, and their block out of the curvature."""
    bend = np.maximum(-found.second[BB], 1e-300)
    step = found.first[B] / bend
    return Marginal(
        found.log + 0.5 * found.first[B] * step,
        found.first[A] + found.second[BA] * step,
        found.first[T] + found.second[BT] * step,
        found.second[AA] + np.square(found.second[BA]) / bend,
        found.second[AT] + found.second[BA] * found.second[BT] / bend,
        found.second[TT] + np.square(found.second[BT]) / bend,
    )
