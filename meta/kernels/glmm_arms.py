"""Two counts of one study that share a random effect: the integral over it, and its derivatives.

The linear predictor of arm j is w_j b + z_j (a + tau u): ``b`` and ``a`` are numbers of the study, u is
standard normal, ``w`` and ``z`` are the arms' loadings. With loadings (1, 1) and (1/2, -1/2), b is the
study's own level and a its log odds (or rate) ratio; exchanged, the level is random and the ratio fixed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from meta.kernels.glmm_cells import Bools, Floats, Ints, saturated_loglik
from meta.kernels.glmm_counts import EXP_LIMIT, count_density, count_moments, fall_from_mode
from meta.kernels.glmm_likelihood import (
    BLOCK,
    LOG_INTEGRAL_TOL,
    MISSED,
    MODE_STEPS,
    MODE_TOL,
    SUPPORT_DROP,
    SUPPORT_HALVINGS,
)
from meta.kernels.quadrature import Rule, hermite_rule, panel_rule, split_by_rule

#: Most integrands are down to nothing so many standard deviations from their mode.
WIDE = 16.0
#: Longest step to a mode, in units of the link: beyond, an exponential overflows.
LONGEST = 6.0

#: Places of the derivatives of a conditional integral in (b, a, tau): first, then second.
B, A, T = 0, 1, 2
BB, BA, BT, AA, AT, TT = range(6)
_PAIRS = ((B, B), (B, A), (B, T), (A, A), (A, T), (T, T))


@dataclass(frozen=True, slots=True)
class Loadings:
    """How b (``own``) and a + tau u (``shared``) enter the linear predictors of the two arms."""

    own: tuple[float, float]
    shared: tuple[float, float]


@dataclass(slots=True)
class Arms:
    """Two counts a cell: ``events``, ``size`` and ``constant`` (2, c); ``mode`` (c,) of u, NaN at first.

    ``sign`` (2, c) is -1 where non-events are counted, so that they are at most half. ``level`` (c,) is the
    rung of ``rules`` each integral stands on; modes and levels are kept from call to call.
    """

    binomial: bool
    events: Floats
    size: Floats
    sign: Floats
    constant: Floats
    mode: Floats
    level: NDArray[np.int8]
    rules: tuple[Rule, ...]

    def take(self, index: Ints) -> Arms:
        """Return the cells ``index``."""
        return replace(
            self,
            events=np.take(self.events, index, axis=1),
            size=np.take(self.size, index, axis=1),
            sign=np.take(self.sign, index, axis=1),
            constant=np.take(self.constant, index, axis=1),
            mode=self.mode[index],
            level=self.level[index],
        )

    def put(self, index: Ints, other: Arms) -> None:
        """Copy modes and levels of ``other`` into the cells ``index``."""
        self.mode[index], self.level[index] = other.mode, other.level


@dataclass(slots=True)
class Conditional:
    """The log-integral (c,), its gradient (3, c) and its second derivatives (6, c) in (b, a, tau)."""

    log: Floats
    first: Floats
    second: Floats


def lay_out_arms(binomial: bool, events1: Floats, n1: Floats, events2: Floats, n2: Floats) -> Floats:
    """Return what ``make_arms`` reads, (8, ...): events, size, sign and constant of either arm."""
    events, size = np.array([events1, events2]), np.array([n1, n2])
    turned = binomial & (2.0 * events > size)
    constant = saturated_loglik(binomial, events, size)
    counted = np.where(turned, size - events, events)
    return np.concatenate([counted, size, np.where(turned, -1.0, 1.0), constant])


def make_arms(
    binomial: bool, data: Floats, mode: Floats, level: NDArray[np.int8], rules: tuple[Rule, ...]
) -> Arms:
    """Turn the rows of ``lay_out_arms`` (8, c) into arms."""
    return Arms(binomial, data[0:2], data[2:4], data[4:6], data[6:8], mode, level, rules)


def repeat_arms(arms: Arms, times: int) -> Arms:
    """Return the cells ``times`` over, one round after the other."""
    return arms.take(np.tile(np.arange(arms.mode.size), times))


def integrate(arms: Arms, loadings: Loadings, b: Floats, a: Floats, t: Floats) -> Conditional:
    """Integrate u out at (b, a, tau), each (c,); a rule that misses part of it gives way to the next."""
    centre, scale = _find_modes(arms, loadings, b, a, t)
    out = Conditional(np.empty(b.size), np.empty((3, b.size)), np.empty((6, b.size)))
    pending = np.arange(b.size)
    while pending.size:
        missed = np.zeros(b.size, dtype=bool)
        for index, rule in split_by_rule(arms.rules, pending, arms.level[pending], BLOCK):
            du, w = _offsets(arms, loadings, index, rule, centre, scale, (b, a, t))
            height, residual, variance = _height(arms, loadings, index, du, centre, b, a, t)
            w = w * np.exp(height)
            mass = np.add.reduce(w, axis=0)
            w /= mass
            u = centre[index] + du
            out.log[index] = np.log(mass)
            first, second, slope = _derivatives(loadings, w, u, t[index], residual, variance)
            out.first[:, index], out.second[:, index] = first, second
            lever, stretch = np.add.reduce(slope, axis=0), 1.0 + np.add.reduce(slope * du, axis=0)
            missed[index] = np.abs(lever) + np.abs(stretch) > MISSED
        pending = np.flatnonzero(missed & (arms.level < len(arms.rules) - 1))
        arms.level[pending] += 1
    peak = _log_density(arms, loadings, centre, b, a, t) - 0.5 * np.square(centre)
    out.log += peak - 0.5 * np.log(2.0 * np.pi)
    # by symmetry slopes in tau vanish at tau = 0; the rule leaves a rounding there
    for array, places in ((out.first, (T,)), (out.second, (BT, AT))):
        for place in places:
            array[place] = np.where(t > 0.0, array[place], 0.0)
    return out


def log_integral(arms: Arms, loadings: Loadings, b: Floats, a: Floats, t: Floats) -> Floats:
    """Return the log-integral alone, on the rungs where the cells stand."""
    centre, scale = _find_modes(arms, loadings, b, a, t)
    log = _log_mass(arms, loadings, np.arange(b.size), arms.level, centre, scale, b, a, t)
    peak = _log_density(arms, loadings, centre, b, a, t) - 0.5 * np.square(centre)
    return np.asarray(log + peak - 0.5 * np.log(2.0 * np.pi))


def joint_laplace(
    arms: Arms, loadings: Loadings, a: Floats, mean: Floats, sigma: Floats, t: Floats, modes: list[Floats]
) -> Floats:
    """Return Laplace's approximation with the level random too, b = mean + sigma v: one node for both.

    For comparison with programs that stop there. Newton on (v, u), which is concave, each step halved until
    it ascends, from ``modes``, which it moves.
    """
    v, u = modes
    w, z = loadings.own, loadings.shared

    def look(v: Floats, u: Floats) -> tuple[Floats, Floats, Floats, Floats, Floats, Floats]:
        b = mean + sigma * v
        value = _log_density(arms, loadings, u, b, a, t) - 0.5 * (np.square(v) + np.square(u))
        gv, gu, hvv, hvu, huu = -v, -u, np.ones_like(a), np.zeros_like(a), np.ones_like(a)
        for j, eta in enumerate(_predictors(arms, loadings, u, b, a, t)):
            m, variance = count_moments(arms.binomial, arms.size[j], eta)
            r = arms.sign[j] * (arms.events[j] - m)
            lv, lu = sigma * w[j], t * z[j]
            gv, gu = gv + lv * r, gu + lu * r
            hvv, hvu = hvv + lv * lv * variance, hvu + lv * lu * variance
            huu = huu + lu * lu * variance
        return value, gv, gu, hvv, hvu, huu

    value, gv, gu, hvv, hvu, huu = look(v, u)
    for _ in range(MODE_STEPS):
        det = hvv * huu - np.square(hvu)
        dv, du = (huu * gv - hvu * gu) / det, (hvv * gu - hvu * gv) / det
        if float(np.max(dv * gv + du * gu, initial=0.0)) < 1e-24:
            break
        share = np.ones_like(a)
        for _ in range(60):
            there = look(v + share * dv, u + share * du)
            worse = there[0] < value - 1e-12 * (1.0 + np.abs(value))
            if not worse.any():
                break
            share = np.where(worse, 0.5 * share, share)
        v, u = v + share * dv, u + share * du
        value, gv, gu, hvv, hvu, huu = there
    modes[:] = v, u
    return np.asarray(value - 0.5 * np.log(hvv * huu - np.square(hvu)))


def raise_arms(arms: Arms, loadings: Loadings, b: Floats, a: Floats, t: Floats) -> Bools:
    """Move each integral up the ladder until the next rung no longer moves it; which moved, (c,)."""
    centre, scale = _find_modes(arms, loadings, b, a, t)
    moved, pending = np.zeros(b.size, dtype=bool), np.arange(b.size)
    here = _log_mass(arms, loadings, pending, arms.level, centre, scale, b, a, t)
    while pending.size:
        level = arms.level.copy()
        level[pending] = np.minimum(level[pending] + 1, len(arms.rules) - 1)
        above = _log_mass(arms, loadings, pending, level, centre, scale, b, a, t)
        up = (np.abs(above - here) > LOG_INTEGRAL_TOL) & (level[pending] > arms.level[pending])
        pending, here = pending[up], above[up]
        arms.level[pending] = level[pending]
        moved[pending] = True
    return moved


def _predictors(
    arms: Arms, loadings: Loadings, u: Floats, b: Floats, a: Floats, t: Floats
) -> tuple[Floats, Floats]:
    """Return the linear predictors of both arms at ``u`` (c,), turned round where an arm is."""
    shared = a + t * u
    return (
        arms.sign[0] * (loadings.own[0] * b + loadings.shared[0] * shared),
        arms.sign[1] * (loadings.own[1] * b + loadings.shared[1] * shared),
    )


def _find_modes(arms: Arms, loadings: Loadings, b: Floats, a: Floats, t: Floats) -> tuple[Floats, Floats]:
    """Return the mode of u and its scale (-h'')^-1/2, shape (c,): Newton inside a bracket, cell by cell."""
    u = np.where(np.isnan(arms.mode), 0.0, arms.mode)
    low, high = np.full_like(u, -np.inf), np.full_like(u, np.inf)
    active, last = np.ones(u.size, dtype=bool), np.full_like(u, np.inf)
    longest = LONGEST / np.maximum(t, 1e-300)
    for _ in range(MODE_STEPS):
        force, slope = u.copy(), np.ones_like(u)
        for j, eta in enumerate(_predictors(arms, loadings, u, b, a, t)):
            mean, variance = count_moments(arms.binomial, arms.size[j], eta)
            force -= t * loadings.shared[j] * arms.sign[j] * (arms.events[j] - mean)
            slope += np.square(t * loadings.shared[j]) * variance
        low = np.where(force <= 0.0, np.maximum(low, u), low)
        high = np.where(force >= 0.0, np.minimum(high, u), high)
        # the slope is at least 1, so the mode is no farther than the force
        low, high = np.maximum(low, u - np.maximum(force, 0.0)), np.minimum(high, u - np.minimum(force, 0.0))
        # on an exponential Newton creeps by one unit of the link a step: where it does not shorten, bisect
        newton = -force / slope
        creeps = np.abs(newton) > 0.5 * last
        last = np.abs(newton)
        step = u + newton
        step = np.where((step < low) | (step > high) | creeps, 0.5 * (low + high), step)
        step = np.clip(step, u - longest, u + longest)
        done = (np.abs(step - u) * np.sqrt(slope) <= MODE_TOL) | (high <= low)
        u = np.where(active, step, u)
        active &= ~done
        if not active.any():
            break
    arms.mode = u
    slope = np.ones_like(u)
    for j, eta in enumerate(_predictors(arms, loadings, u, b, a, t)):
        slope += np.square(t * loadings.shared[j]) * count_moments(arms.binomial, arms.size[j], eta)[1]
    return u, 1.0 / np.sqrt(slope)


def _height(
    arms: Arms, loadings: Loadings, index: Ints, du: Floats, centre: Floats, b: Floats, a: Floats, t: Floats
) -> tuple[Floats, tuple[Floats, Floats], tuple[Floats, Floats]]:
    """Return h(m + du) - h(m), and the residuals and variances of both arms, at ``du`` (N, c)."""
    height = -du * (centre[index] + 0.5 * du)
    residuals, variances = [], []
    for j in (0, 1):
        e, n, sign = arms.events[j][index], arms.size[j][index], arms.sign[j][index]
        shared = a[index] + t[index] * centre[index]
        eta = sign * (loadings.own[j] * b[index] + loadings.shared[j] * shared)
        rise = np.minimum((sign * loadings.shared[j] * t[index]) * du, EXP_LIMIT)
        height, r, v = fall_from_mode(arms.binomial, e, n, eta, rise, height + e * rise)
        residuals.append(sign * r)
        variances.append(v)
    return height, (residuals[0], residuals[1]), (variances[0], variances[1])


def _log_density(arms: Arms, loadings: Loadings, u: Floats, b: Floats, a: Floats, t: Floats) -> Floats:
    """Return the log-probability of both counts at ``u`` (c,)."""
    total = np.zeros_like(u)
    for j, eta in enumerate(_predictors(arms, loadings, u, b, a, t)):
        mean = count_moments(arms.binomial, arms.size[j], eta)[0]
        total += count_density(arms.binomial, arms.events[j], arms.size[j], arms.constant[j], eta, mean)
    return total


def _derivatives(
    loadings: Loadings,
    w: Floats,
    u: Floats,
    t: Floats,
    residual: tuple[Floats, Floats],
    variance: tuple[Floats, Floats],
) -> tuple[Floats, Floats, Floats]:
    """Return first and second derivatives in (b, a, tau) by Louis's identity, and w h'(u) (N, c)."""
    (w1, w2), (z1, z2) = loadings.own, loadings.shared
    own = w1 * residual[0] + w2 * residual[1]
    shared = z1 * residual[0] + z2 * residual[1]
    score = (own, shared, shared * u)
    # the weights come first: far from the mode they are 0, and what they multiply may be near the largest
    # number there is
    v1, v2 = w * variance[0], w * variance[1]
    own2 = w1 * w1 * v1 + w2 * w2 * v2
    cross = w1 * z1 * v1 + w2 * z2 * v2
    shared2 = z1 * z1 * v1 + z2 * z2 * v2
    curvature = (own2, cross, cross * u, shared2, shared2 * u, shared2 * np.square(u))
    first = np.array([np.add.reduce(w * s, axis=0) for s in score])
    # about their means: of large products the difference would be rounding
    apart = [s - m for s, m in zip(score, first, strict=True)]
    second = np.array(
        [
            np.add.reduce(w * apart[i] * apart[j] - c, axis=0)
            for (i, j), c in zip(_PAIRS, curvature, strict=True)
        ]
    )
    return first, second, w * (t * shared - u)


def _log_mass(
    arms: Arms,
    loadings: Loadings,
    pending: Ints,
    level: NDArray[np.int8],
    centre: Floats,
    scale: Floats,
    b: Floats,
    a: Floats,
    t: Floats,
) -> Floats:
    """Return the logarithm of the integral of exp(h(u) - h(m)) for the cells ``pending``, in that order."""
    total = np.empty(centre.size)
    for index, rule in split_by_rule(arms.rules, pending, level[pending], BLOCK):
        du, w = _offsets(arms, loadings, index, rule, centre, scale, (b, a, t))
        height = _height(arms, loadings, index, du, centre, b, a, t)[0]
        total[index] = np.log(np.add.reduce(w * np.exp(height), axis=0))
    return total[pending]


def _offsets(
    arms: Arms,
    loadings: Loadings,
    index: Ints,
    rule: Rule,
    centre: Floats,
    scale: Floats,
    at: tuple[Floats, Floats, Floats],
) -> tuple[Floats, Floats]:
    """Return offsets from the mode (N, c) and weights (N, c) of ``rule`` for the cells ``index``."""
    if rule.kind == "hermite":
        x, w = hermite_rule(rule.count)
        s = scale[index]
        return x[:, None] * s, w[:, None] * s
    ends = []
    for direction in (-1.0, 1.0):
        inside, outside = np.zeros(index.size), np.full(index.size, float(np.sqrt(2.0 * SUPPORT_DROP)))
        for step in range(SUPPORT_HALVINGS + 1):
            # two arms that pull apart hold u within a hair: halving alone would not get there
            middle = np.minimum(WIDE * scale[index], outside) if step == 0 else 0.5 * (inside + outside)
            drop = _height(arms, loadings, index, (direction * middle)[None, :], centre, *at)[0][0]
            below = drop < -SUPPORT_DROP
            outside, inside = np.where(below, middle, outside), np.where(below, inside, middle)
        ends.append(direction * outside)
    x, w = panel_rule(rule.count)
    width = ends[1] - ends[0]
    return ends[0] + x[:, None] * width, w[:, None] * width
