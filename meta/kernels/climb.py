"""The one local maximum of most likelihoods in tau2: climbed to in a few steps, and shown to be the only one.

Two evaluations, at 0 and at the maximum, settle nearly every column of narrow variances: a rise all the way
to the maximum, a fall ever after (see ``concave``). What they do not settle is left to ``search``.
"""

from __future__ import annotations

import numpy as np

from meta.kernels.concave import (
    SMALLEST,
    Limits,
    Point,
    Slopes,
    falls_ever_after,
    make_point,
    rises_between,
)
from meta.kernels.masks import Columns, Floats, pair_up

#: Stop once a step moves tau2 by less than this fraction of tau2 + the typical sampling variance
#: (precision-weighted: the plain mean fails when variances span ten decades). Relative, so it means the same
#: for log odds ratios and for points of a rating scale.
TAU2_RTOL = 1e-12

#: A maximum is accepted where |N - D| <= this fraction of D: the residual of the equation it solves.
SLOPE_RTOL = 1e-9

#: Steps before a column is left to ``search``. It takes 2 to 4; over variances of many decades up to 20.
MAX_STEPS = 25


def climb_columns(
    columns: Columns, slopes: Slopes, limits: Limits, at_zero: tuple[Floats, ...]
) -> Floats:
    """Return the tau2 of the one local maximum of each column, shape (B,); NaN where that is not settled.

    Parameters
    ----------
    columns : Columns
        The analyses.
    slopes : callable
        Evaluates N, D and their derivatives.
    limits : Limits
        Bounds far out.
    at_zero : tuple of arrays of shape (B,)
        What ``slopes`` returns at tau2 = 0.
    """
    answer = np.full(limits.cap.shape, np.nan)
    start = make_point(np.zeros(answer.shape), *at_zero)
    rises = at_zero[0] > at_zero[1]
    still = np.flatnonzero(~rises)
    answer[still[falls_ever_after(start.take(still), limits.take(still), touching=False)]] = 0.0
    rising = np.flatnonzero(rises)
    if rising.size == 0:
        return answer
    rows = pair_up(rising)
    top = _climb(columns.take(rows), slopes, limits.take(rows), tuple(a[rows] for a in at_zero))
    good = np.flatnonzero(~np.isnan(top.tau2))
    peak, rows = top.take(good), rows[good]
    alone = rises_between(start.take(rows), peak) & falls_ever_after(peak, limits.take(rows), touching=True)
    answer[rows[alone]] = peak.tau2[alone]
    return answer


def _climb(
    columns: Columns, slopes: Slopes, limits: Limits, start: tuple[Floats, ...]
) -> Point:
    """Climb from 0, where N > D, to a place where D / N = 1; NaN where the steps run out.

    D / N is nearly linear in tau2 (equal variances: exactly). The first step is Newton's; each further one
    inverts the cubic through the last two points and their slopes. A bracket keeps every step.
    """
    n, d, n1, d1 = start
    size = n.size
    found = np.full((5, size), np.nan)
    rows = np.arange(size)
    low, high = np.zeros(size), limits.cap.copy()
    before, typical = np.zeros(size), limits.typical
    f_before, g_before = _excess(n, d, n1, d1)
    t = np.clip(before - f_before / g_before, 0.0, high)
    for _ in range(MAX_STEPS):
        n, d, n1, d1 = slopes(columns, t)
        n, d = np.maximum(n, SMALLEST), np.maximum(d, SMALLEST)
        f, g = _excess(n, d, n1, d1)
        low, high = np.where(f > 0.0, t, low), np.where(f > 0.0, high, t)
        new = _next_step(t, f, g, before, f_before, g_before)
        inside = (g < 0.0) & (new >= low) & (new <= high)
        new = np.where(inside, new, 0.5 * (low + high))
        done = (np.abs(new - t) <= TAU2_RTOL * (t + typical)) & (np.abs(f) <= SLOPE_RTOL)
        if done.any():
            places = rows[done]
            for i, array in enumerate((t, n, d, n1, d1)):
                found[i, places] = array[done]
            going = np.flatnonzero(~done)
            if going.size == 0:
                break
            going = pair_up(going)
            rows, columns, typical = rows[going], columns.take(going), typical[going]
            low, high, before, f_before, g_before = low[going], high[going], t[going], f[going], g[going]
            t = new[going]
        else:
            before, f_before, g_before, t = t, f, g, new
    return make_point(*found)


def _excess(n: Floats, d: Floats, n1: Floats, d1: Floats) -> tuple[Floats, Floats]:
    """Return 1 - D / N, positive where the likelihood rises, and its slope."""
    ratio = d / n
    return 1.0 - ratio, ratio * (d1 / d - n1 / n)


def _next_step(
    t: Floats, f: Floats, g: Floats, before: Floats, f_before: Floats, g_before: Floats
) -> Floats:
    """Return where the cubic tau2(f) through two points and their slopes passes f = 0, or Newton's step.

    Newton's where the two differ by more than half of it: then the points are too far apart for a cubic.
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        newton = -f / g
        h = f - f_before
        chord = (t - before) / h
        bend = (1.0 / g - chord) / h
        cubic = newton + f * f * (bend - f_before * ((bend - (chord - 1.0 / g_before) / h) / h))
        near = np.abs(cubic - newton) <= 0.5 * np.abs(newton)
        return t + np.where(near, cubic, newton)
