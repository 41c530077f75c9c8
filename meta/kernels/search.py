"""Every local maximum of a profile likelihood in tau2: doubtful cells are found, halved and searched.

The slope of the likelihood has the sign of N - D, where N = y'PPy and D = tr W (ML) or tr P (REML). With the
eigenvalues of the variances among error contrasts, N = sum c / (lambda + tau2)^2 and D = sum 1 / (lambda +
tau2), so log N and log D both fall and are both convex in tau2: over a cell each lies below its chord and
above its tangents. That settles most cells of a coarse grid without looking inside; the others are halved
until they are settled or too narrow to matter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from meta.kernels.masks import Columns, Floats, Mask, Rows, pair_up

#: N, D and the negative of their derivatives in tau2, each of shape (B,), at tau2 (B,).
Slopes = Callable[[Columns, Floats], tuple[Floats, Floats, Floats, Floats]]

#: Ratio between neighbours of the grid in tau2 + smallest variance. Coarse: cells near a maximum are halved
#: anyway.
GRID_RATIO = 4.0

#: How often an unsettled cell is halved. After 8 times it spans 0.5% of tau2 + smallest variance; two maxima
#: closer than that have likelihoods that differ by less than rounding.
HALVINGS = 8

#: Stop once a step moves tau2 by less than this fraction of tau2 + the typical sampling variance
#: (precision-weighted: the plain mean fails when variances span ten decades). Relative, so it means the same
#: for log odds ratios and for points of a rating scale.
TAU2_RTOL = 1e-12

#: Newton steps inside a bracket before giving up; bisection alone needs about 60.
MAX_STEPS = 120

#: A maximum is accepted where |N - D| <= this fraction of D: the residual of the equation it solves.
SLOPE_RTOL = 1e-9

#: Stands for log 0 without being infinite: the slope where the effects fit perfectly.
SMALLEST = 1e-300


@dataclass(frozen=True, slots=True)
class Maxima:
    """Local maxima, one element each: column, tau2, whether the slope vanishes there (or falls, at 0)."""

    column: Rows
    tau2: Floats
    converged: Mask


@dataclass(frozen=True, slots=True)
class _Cells:
    """Cells of the search: columns, and at both ends (tau2, log N, log D, their slopes), shape (5, C)."""

    column: Rows
    left: Floats
    right: Floats

    def pick(self, keep: Mask) -> _Cells:
        left, right = (np.compress(keep, end, axis=1) for end in (self.left, self.right))
        return _Cells(self.column[keep], left, right)


def find_maxima(columns: Columns, slopes: Slopes, cap: Floats, typical: Floats) -> Maxima:
    """Find the local maxima in tau2 >= 0 of each column.

    Parameters
    ----------
    columns : Columns
        The analyses.
    slopes : callable
        Evaluates N, D and their derivatives.
    cap : array of shape (B,)
        A tau2 beyond which the slope is negative, so that no maximum can lie there.
    typical : array of shape (B,)
        Typical sampling variance, for the stopping rule.

    Returns
    -------
    Maxima
        Each column occurs at least once. 0 is among them only where the slope at 0 is not positive.
    """
    start = _evaluate(columns, slopes, np.arange(cap.size), np.zeros(cap.size))
    at_zero = np.flatnonzero(start[1] <= start[2])
    brackets = _scan(columns, slopes, cap, start)
    tau2, converged = _refine(columns, slopes, brackets, typical)
    return Maxima(
        np.concatenate([at_zero, brackets.column]),
        np.concatenate([np.zeros(at_zero.size), tau2]),
        np.concatenate([np.ones(at_zero.size, dtype=bool), converged]),
    )


def _evaluate(columns: Columns, slopes: Slopes, rows: Rows, tau2: Floats) -> Floats:
    """Return (tau2, log N, log D, slope of log N, slope of log D), shape (5, rows)."""
    if rows.size == 0:
        return np.empty((5, 0))
    paired = pair_up(rows)
    n, d, n1, d1 = slopes(columns.take(paired), tau2 if paired.size == rows.size else np.repeat(tau2, 2))
    n, d = np.maximum(n, SMALLEST), np.maximum(d, SMALLEST)
    out = np.stack([np.broadcast_to(tau2, n.shape), np.log(n), np.log(d), -n1 / n, -d1 / d])
    return np.ascontiguousarray(out[:, : rows.size])


def _scan(columns: Columns, slopes: Slopes, cap: Floats, start: Floats) -> _Cells:
    """Walk the grid from 0 to the cap and return the cells that hold one maximum each."""
    found: list[_Cells] = []
    unsettled: list[_Cells] = []
    rows = np.arange(cap.size)
    left = start
    reach = 1.0
    while rows.size:
        reach *= GRID_RATIO
        tau2 = np.minimum(columns.v_min[rows] * (reach - 1.0), cap[rows])
        right = _evaluate(columns, slopes, rows, tau2)
        _sort_cells(_Cells(rows, left, right), found, unsettled)
        going = tau2 < cap[rows]
        rows, left = rows[going], np.compress(going, right, axis=1)
    for depth in range(HALVINGS):
        cells = _join(unsettled)
        unsettled = []
        if cells.column.size == 0:
            break
        v_min = columns.v_min[cells.column]
        middle = np.sqrt((cells.left[0] + v_min) * (cells.right[0] + v_min)) - v_min
        state = _evaluate(columns, slopes, cells.column, middle)
        last = depth == HALVINGS - 1
        for half in (_Cells(cells.column, cells.left, state), _Cells(cells.column, state, cells.right)):
            _sort_cells(half, found, unsettled, last=last)
    return _join(found)


def _join(cells: list[_Cells]) -> _Cells:
    """Return several lots of cells as one."""
    if not cells:
        return _Cells(np.empty(0, dtype=np.intp), np.empty((5, 0)), np.empty((5, 0)))
    return _Cells(
        np.concatenate([c.column for c in cells]),
        np.concatenate([c.left for c in cells], axis=1),
        np.concatenate([c.right for c in cells], axis=1),
    )


def _sort_cells(cells: _Cells, found: list[_Cells], unsettled: list[_Cells], *, last: bool = False) -> None:
    """Put each cell where it belongs: it holds one maximum, it holds none (dropped), or it must be halved."""
    _, n1, d1, n1_slope, d1_slope = cells.left
    _, n2, d2, n2_slope, d2_slope = cells.right
    falls = (n1 > d1) & (n2 <= d2)
    rises = (n1 <= d1) & (n2 > d2)
    # slopes of log N and log D grow over the cell, so these bound the slope of log N - log D from above and
    # from below
    settled_fall = falls & (n2_slope < d1_slope)
    settled_rise = rises & (n1_slope > d2_slope)
    width = cells.right[0] - cells.left[0]
    below = ~falls & ~rises & (n1 <= d1) & ~_may_cross(n1, n2, d1, d2, d1_slope, d2_slope, width)
    above = ~falls & ~rises & (n1 > d1) & ~_may_cross(d1, d2, n1, n2, n1_slope, n2_slope, width)
    if last:
        settled_fall = falls
    found.append(cells.pick(settled_fall))
    if not last:
        unsettled.append(cells.pick(~(settled_fall | settled_rise | below | above)))


def _may_cross(
    chord1: Floats, chord2: Floats, low1: Floats, low2: Floats, slope1: Floats, slope2: Floats, width: Floats
) -> Mask:
    """Say whether a function below its chord may, inside a cell, exceed one that lies above its tangents.

    At both ends it does not. The gap to each tangent is linear; the smaller one is largest where they meet.
    """
    gap1, gap2 = chord1 - low1, chord2 - low2
    far1 = chord2 - (low1 + slope1 * width)
    far2 = chord1 - (low2 - slope2 * width)
    rise1, rise2 = far1 - gap1, far2 - gap2
    with np.errstate(divide="ignore", invalid="ignore"):
        meeting = gap1 + rise1 * (far2 - gap1) / (rise1 + rise2)
    return (far1 > 0.0) & (far2 > 0.0) & ~(meeting < 0.0)


def _refine(columns: Columns, slopes: Slopes, cells: _Cells, typical: Floats) -> tuple[Floats, Mask]:
    """Solve N = D in each cell, where N - D falls through 0: Newton on log N - log D, else bisection."""
    low, high = cells.left[0].copy(), cells.right[0].copy()
    f1, f2 = cells.left[1] - cells.left[2], cells.right[1] - cells.right[2]
    tau2 = low + (high - low) * np.clip(f1 / (f1 - f2), 0.01, 0.99)
    answer = np.full(tau2.size, np.nan)
    active = np.arange(tau2.size)
    for _ in range(MAX_STEPS):
        if active.size == 0:
            break
        t = tau2[active]
        state = _evaluate(columns, slopes, cells.column[active], t)
        f, slope = state[1] - state[2], state[3] - state[4]
        low[active] = np.where(f > 0.0, t, low[active])
        high[active] = np.where(f > 0.0, high[active], t)
        lo, hi = low[active], high[active]
        with np.errstate(divide="ignore", invalid="ignore"):
            new = t - f / slope
        inside = (slope < 0.0) & (new >= lo) & (new <= hi)
        new = np.where(inside, new, 0.5 * (lo + hi))
        tau2[active] = new
        done = np.abs(new - t) <= TAU2_RTOL * (t + typical[cells.column[active]])
        answer[active[done]] = new[done]
        active = active[~done]
    final = _evaluate(columns, slopes, cells.column, np.where(np.isnan(answer), 0.0, answer))
    converged = ~np.isnan(answer) & (np.abs(np.expm1(final[1] - final[2])) <= SLOPE_RTOL)
    return answer, converged
