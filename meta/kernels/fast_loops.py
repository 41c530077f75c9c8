# mypy: disable-error-code="untyped-decorator"
"""The compiled loops of the optional kernel ``fast``; importing this module needs numba.

The methods are those of ``weighted``, ``climb`` and ``concave``, for a design of ones, with 32 analyses
side by side in a register's lanes. A lane adds study after study, a study left out has weight 0, and no step
of a lane looks at another, so that here too the bits of a row depend neither on its neighbours nor on the
studies it leaves out.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: As in ``climb``, ``concave`` and ``tau2`` (a test compares them). Written out here, since what is compiled
#: stays on disk until this file changes.
MAX_STEPS, SLOPE_RTOL, TAU2_RTOL, MARGIN, SMALLEST, PM_STEPS = 25, 1e-9, 1e-12, 1e-12, 1e-300, 200

#: Analyses side by side.
LANES = 32

#: Analyses that share one set of buffers, and go to one thread.
SHARE = 256

#: Methods by number.
DL, PM, REML, ML = 0, 1, 2, 3

#: Variances are not scaled here; rows beyond these are left to NumPy, which scales them.
SMALL, LARGE = 1e-60, 1e60

#: Numbers of one analysis: Q at 0, tr P at 0, tau2, mean, sum of the weights, Q at tau2.
Q_ZERO, TRACE, TAU2, MEAN, TOTAL, Q_HERE, NUMBERS = 0, 1, 2, 3, 4, 5, 6

#: Rows of the buffers of a block.
_T, _N, _D, _N1, _D1, _SUM, _MU, _Q, _LEAD, _K, _RSS, _VBAR, _CAP, _R1, _R2, _R3, _ORIGIN, _SIZE = range(18)

_compile = numba.njit(cache=True, error_model="numpy")
#: For what is called once an analysis: handing arrays over costs as much as the work.
_inline = numba.njit(error_model="numpy", inline="always")


@_inline
def _gather(y, v, mask, row, l, ys, vs, at):  # type: ignore[no-untyped-def]  # noqa: E741
    """Load one analysis into a lane, measured from its most precise study; return whether it can be done."""
    k = y.shape[1]
    lead, count = -1, 0.0
    low, high, total = np.inf, 0.0, 0.0
    # no branches: which study is the lead, or left out, cannot be predicted
    for j in range(k):
        used = mask[row, j]
        value = v[row, j] if used else np.inf
        known = value if used else 0.0
        count += 1.0 if used else 0.0
        total += known
        high = known if known > high else high
        lead = j if value < low else lead
        low = value if value < low else low
    middle = y[row, lead]
    plain = 0.0
    for j in range(k):
        rest = mask[row, j] and j != lead
        effect = y[row, j] - middle if rest else 0.0
        ys[j, l] = effect
        vs[j, l] = v[row, j] if rest else np.inf
        plain += effect
    plain /= count
    rss = plain * plain
    for j in range(k):
        away = ys[j, l] - plain
        rss += away * away if vs[j, l] != np.inf else 0.0
    at[_LEAD, l], at[_K, l], at[_RSS, l], at[_VBAR, l] = low, count, rss, total / count
    at[_ORIGIN, l] = middle
    at[_CAP, l] = 2.0 * rss / (count - 1.0) + high
    return low > SMALL and high < LARGE and rss < LARGE


@_compile
def _evaluate(ys, vs, ws, at, restricted):  # type: ignore[no-untyped-def]
    """Evaluate N, D, their slopes, the mean and Q at the tau2 of each lane."""
    k = ys.shape[0]
    for l in range(LANES):  # noqa: E741
        at[_R1, l] = at[_R2, l] = at[_R3, l] = at[_MU, l] = 0.0
    for j in range(k):
        for l in range(LANES):  # noqa: E741
            w = 1.0 / (vs[j, l] + at[_T, l])
            square = w * w
            ws[j, l] = w
            at[_R1, l] += w
            at[_R2, l] += square
            at[_R3, l] += square * w
            at[_MU, l] += w * ys[j, l]
    # the lead weighs most and is measured from: its effect is 0, its weight kept apart in the traces
    for l in range(LANES):  # noqa: E741
        w0 = 1.0 / (at[_LEAD, l] + at[_T, l])
        r1, r2, r3 = at[_R1, l], at[_R2, l], at[_R3, l]
        total = w0 + r1
        if restricted:
            pp = w0 * w0 * (r1 * r1 + 3.0 * r2) + 2.0 * w0 * (r1 * r2 - r3)
            pp += r2 * r1 * r1 - 2.0 * r3 * r1 + r2 * r2
            at[_D, l] = (2.0 * w0 * r1 + (r1 * r1 - r2)) / total
            at[_D1, l] = pp / (total * total)
        else:
            at[_D, l] = total
            at[_D1, l] = w0 * w0 + r2
        at[_SUM, l] = total
        at[_MU, l] /= total
        u = -w0 * at[_MU, l]
        at[_R1, l] = w0 * u
        at[_N, l] = u * u
        at[_Q, l] = -u * at[_MU, l]
    for j in range(k):
        for l in range(LANES):  # noqa: E741
            residual = ys[j, l] - at[_MU, l]
            u = ws[j, l] * residual
            at[_R1, l] += ws[j, l] * u
            at[_N, l] += u * u
            at[_Q, l] += u * residual
    for l in range(LANES):  # noqa: E741
        w0 = 1.0 / (at[_LEAD, l] + at[_T, l])
        at[_R1, l] /= at[_SUM, l]
        centred = -w0 * at[_MU, l] - at[_R1, l]
        at[_N1, l] = w0 * centred * centred
    for j in range(k):
        for l in range(LANES):  # noqa: E741
            centred = ws[j, l] * (ys[j, l] - at[_MU, l]) - at[_R1, l]
            at[_N1, l] += ws[j, l] * centred * centred
    for l in range(LANES):  # noqa: E741
        at[_N1, l] *= 2.0
        at[_N, l] = max(at[_N, l], SMALLEST)
        at[_D, l] = max(at[_D, l], SMALLEST)


@_compile
def _ray_exceeds(a, e, e_slope, s, level, flat, touching):  # type: ignore[no-untyped-def]
    """Say whether (a + s x)^2 exceeds the lower one of e + e' x and level + flat x for every x > 0."""
    meet = max(level - e, 0.0) / (e_slope - flat) if e_slope > flat else np.inf
    turn = -(2.0 * a * s - e_slope) / (2.0 * s * s)
    if turn > 0.0:
        if touching:
            return False
        x = min(turn, meet)
        ray = a + s * x
        if not ray * ray * (1.0 - MARGIN) > e + e_slope * x:
            return False
    if meet == np.inf:
        return True
    x = max(-(2.0 * a * s - flat) / (2.0 * s * s), meet)
    ray = a + s * x
    return ray * ray * (1.0 - MARGIN) > level + flat * x


@_inline
def _alone(l, zero, at, terms):  # type: ignore[no-untyped-def]  # noqa: E741
    """Say whether the maximum at the tau2 of a lane is the only one."""
    t = at[_T, l]
    a, e = 1.0 / np.sqrt(at[_N, l]), 1.0 / at[_D, l]
    a_slope, e_slope = 0.5 * (at[_N1, l] / at[_N, l]) * a, (at[_D1, l] / at[_D, l]) * e
    s = 1.0 / np.sqrt(max(at[_RSS, l], SMALLEST))
    level, flat = (t + at[_VBAR, l]) / terms, 1.0 / terms
    if not _ray_exceeds(a, e, e_slope, s, level, flat, t > 0.0):
        return False
    if t == 0.0:
        return True
    a0, e0 = 1.0 / np.sqrt(zero[0, l]), 1.0 / zero[1, l]
    a0_slope = 0.5 * (zero[2, l] / zero[0, l]) * a0
    place = (a - a_slope * t - a0) / (a0_slope - a_slope)
    place = min(max(place, 0.0), t)
    tangent = a0 + a0_slope * place
    return tangent * tangent < (e0 + (e - e0) * (place / t)) * (1.0 - MARGIN)


@_compile
def _climb(ys, vs, ws, at, zero, steps, done, restricted):  # type: ignore[no-untyped-def]
    """Climb every lane to where D / N = 1, from the values at 0; ``done`` says which arrived."""
    for l in range(LANES):  # noqa: E741
        for i in range(4):
            zero[i, l] = at[_N + i, l]
        ratio = zero[1, l] / zero[0, l]
        f, g = 1.0 - ratio, ratio * (zero[3, l] / zero[1, l] - zero[2, l] / zero[0, l])
        done[l] = not f > 0.0
        # low, high, the point before and its f and slope
        steps[0, l], steps[1, l], steps[2, l], steps[3, l], steps[4, l] = 0.0, at[_CAP, l], 0.0, f, g
        at[_T, l] = 0.0 if done[l] else min(max(-f / g, 0.0), at[_CAP, l])
    for _ in range(MAX_STEPS):
        if done.all():
            break
        _evaluate(ys, vs, ws, at, restricted)
        for l in range(LANES):  # noqa: E741
            t, ratio = at[_T, l], at[_D, l] / at[_N, l]
            f, g = 1.0 - ratio, ratio * (at[_D1, l] / at[_D, l] - at[_N1, l] / at[_N, l])
            low = t if f > 0.0 else steps[0, l]
            high = steps[1, l] if f > 0.0 else t
            newton = -f / g
            h = f - steps[3, l]
            chord = (t - steps[2, l]) / h
            bend = (1.0 / g - chord) / h
            cubic = newton + f * f * (bend - steps[3, l] * ((bend - (chord - 1.0 / steps[4, l]) / h) / h))
            new = t + (cubic if abs(cubic - newton) <= 0.5 * abs(newton) else newton)
            new = new if (g < 0.0) & (new >= low) & (new <= high) else 0.5 * (low + high)
            arrived = (abs(new - t) <= TAU2_RTOL * (t + steps[5, l])) & (abs(f) <= SLOPE_RTOL) | done[l]
            steps[0, l], steps[1, l], steps[2, l], steps[3, l], steps[4, l] = low, high, t, f, g
            at[_T, l] = t if arrived else new
            done[l] = arrived


@_compile
def _solve_q(ys, vs, ws, at, steps, done):  # type: ignore[no-untyped-def]
    """Solve Q(tau2) = k - 1 in every lane, from the values at 0; ``done`` says which arrived."""
    for l in range(LANES):  # noqa: E741
        done[l] = not at[_Q, l] > at[_K, l] - 1.0
    for _ in range(PM_STEPS):
        if done.all():
            break
        for l in range(LANES):  # noqa: E741
            t, q, target = at[_T, l], at[_Q, l], at[_K, l] - 1.0
            step = max(q * (q - target) / (target * at[_N, l]), 0.0)
            at[_T, l] = t if done[l] else t + step
            done[l] = done[l] or step <= TAU2_RTOL * (t + steps[5, l])
        _evaluate(ys, vs, ws, at, True)


@_compile
def _fit_block(y, v, mask, rows, start, method, ys, vs, ws, at, zero, steps, done, fit, out):  # type: ignore[no-untyped-def]
    """Fit the analyses of one block and write their numbers, NaN as tau2 where the block cannot tell."""
    size = min(LANES, rows.size - start)
    for l in range(LANES):  # noqa: E741
        fit[l] = _gather(y, v, mask, rows[start + min(l, size - 1)], l, ys, vs, at)
        at[_T, l] = 0.0
    _evaluate(ys, vs, ws, at, True)
    for l in range(size):  # noqa: E741
        out[Q_ZERO, start + l], out[TRACE, start + l] = at[_Q, l], at[_D, l]
    for l in range(LANES):  # noqa: E741
        steps[5, l] = (at[_K, l] - 1.0) / at[_D, l]
        done[l] = True
    if method == DL:
        for l in range(LANES):  # noqa: E741
            at[_T, l] = max(0.0, (at[_Q, l] - (at[_K, l] - 1.0)) / at[_D, l])
        _evaluate(ys, vs, ws, at, True)
    elif method == PM:
        _solve_q(ys, vs, ws, at, steps, done)
    else:
        if method == ML:
            _evaluate(ys, vs, ws, at, False)
        _climb(ys, vs, ws, at, zero, steps, done, method == REML)
    for l in range(size):  # noqa: E741
        good = fit[l] and done[l]
        if good and method >= REML:
            good = _alone(l, zero, at, at[_K, l] - (1.0 if method == REML else 0.0))
        out[TAU2, start + l] = at[_T, l] if good else np.nan
        out[MEAN, start + l] = at[_ORIGIN, l] + at[_MU, l]
        out[TOTAL, start + l] = at[_SUM, l]
        out[Q_HERE, start + l] = at[_Q, l]


@numba.njit(cache=True, error_model="numpy", parallel=True)
def fit_rows(y, v, mask, rows, method):  # type: ignore[no-untyped-def]
    """Fit chosen analyses, each of at least two studies; return their numbers, shape (NUMBERS, rows)."""
    k = y.shape[1]
    out = np.empty((NUMBERS, rows.size))
    for share in numba.prange((rows.size + SHARE - 1) // SHARE):
        ys, vs, ws = np.empty((k, LANES)), np.empty((k, LANES)), np.empty((k, LANES))
        at, zero, steps = np.empty((_SIZE, LANES)), np.empty((4, LANES)), np.empty((6, LANES))
        done, fit = np.empty(LANES, dtype=np.bool_), np.empty(LANES, dtype=np.bool_)
        for start in range(share * SHARE, min((share + 1) * SHARE, rows.size), LANES):
            _fit_block(y, v, mask, rows, start, method, ys, vs, ws, at, zero, steps, done, fit, out)
    return out
