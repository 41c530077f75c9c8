"""Every local maximum of a profile likelihood in tau2: doubtful cells are found, halved and searched.

The bounds of ``concave`` settle most cells of a coarse grid without looking inside; the others are halved
until they are settled or too narrow to matter.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from meta.kernels.climb import SLOPE_RTOL, TAU2_RTOL
from meta.kernels.concave import (
    Limits,
    Point,
    Slopes,
    evaluate,
    falls_between,
    falls_ever_after,
    rises_between,
)
from meta.kernels.masks import Columns, Floats, Mask, Rows

#: Ratio between neighbours of the grid in tau2 + smallest variance. Coarse: cells near a maximum are halved
#: anyway.
GRID_RATIO = 4.0

#: How often an unsettled cell is halved. After 8 times it spans 0.5% of tau2 + smallest variance; two maxima
#: closer than that have likelihoods that differ by less than rounding.
HALVINGS = 8

#: Newton steps inside a bracket before giving up; bisection alone needs about 60.
MAX_STEPS = 120


@dataclass(frozen=True, slots=True)
class Maxima:
    """Local maxima, one element each: column, tau2, whether the slope vanishes there (or falls, at 0)."""

    column: Rows
    tau2: Floats
    converged: Mask


@dataclass(frozen=True, slots=True)
class _Cells:
    """Cells of the search: columns, and what is known at both ends."""

    column: Rows
    left: Point
    right: Point

    def pick(self, keep: Mask) -> _Cells:
        return _Cells(self.column[keep], self.left.take(keep), self.right.take(keep))


def find_maxima(columns: Columns, slopes: Slopes, limits: Limits) -> Maxima:
    """Find the local maxima in tau2 >= 0 of each column.

    Parameters
    ----------
    columns : Columns
        The analyses.
    slopes : callable
        Evaluates N, D and their derivatives.
    limits : Limits
        Bounds of each column.

    Returns
    -------
    Maxima
        Each column occurs at least once. 0 is among them only where the slope at 0 is not positive.
    """
    size = limits.cap.size
    start = evaluate(columns, slopes, np.arange(size), np.zeros(size))
    at_zero = np.flatnonzero(~start.rises())
    brackets = _scan(columns, slopes, limits, start)
    tau2, converged = _refine(columns, slopes, brackets, limits.typical)
    return Maxima(
        np.concatenate([at_zero, brackets.column]),
        np.concatenate([np.zeros(at_zero.size), tau2]),
        np.concatenate([np.ones(at_zero.size, dtype=bool), converged]),
    )


def _scan(columns: Columns, slopes: Slopes, limits: Limits, start: Point) -> _Cells:
    """Walk the grid until the likelihood falls ever after; return the cells that hold one maximum each."""
    found: list[_Cells] = []
    unsettled: list[_Cells] = []
    cap = limits.cap
    rows = np.arange(cap.size)
    left = start
    reach = 1.0
    while rows.size:
        reach *= GRID_RATIO
        tau2 = np.minimum(columns.v_min[rows] * (reach - 1.0), cap[rows])
        right = evaluate(columns, slopes, rows, tau2)
        _sort_cells(_Cells(rows, left, right), found, unsettled)
        over = ~right.rises() & falls_ever_after(right, limits.take(rows), touching=False)
        going = (tau2 < cap[rows]) & ~over
        rows, left = rows[going], right.take(going)
    for depth in range(HALVINGS):
        cells = _join(unsettled)
        unsettled = []
        if cells.column.size == 0:
            break
        v_min = columns.v_min[cells.column]
        middle = np.sqrt((cells.left.tau2 + v_min) * (cells.right.tau2 + v_min)) - v_min
        state = evaluate(columns, slopes, cells.column, middle)
        last = depth == HALVINGS - 1
        for half in (_Cells(cells.column, cells.left, state), _Cells(cells.column, state, cells.right)):
            _sort_cells(half, found, unsettled, last=last)
    return _join(found)


def _join(cells: list[_Cells]) -> _Cells:
    """Return several lots of cells as one."""
    if not cells:
        nothing = Point(*(np.empty(0) for _ in range(5)))
        return _Cells(np.empty(0, dtype=np.intp), nothing, nothing)
    return _Cells(
        np.concatenate([c.column for c in cells]),
        _join_points([c.left for c in cells]),
        _join_points([c.right for c in cells]),
    )


def _join_points(points: list[Point]) -> Point:
    """Return several lots of points as one."""
    names = ("tau2", "a", "a_slope", "e", "e_slope")
    return Point(*(np.concatenate([getattr(point, name) for point in points]) for name in names))


def _sort_cells(cells: _Cells, found: list[_Cells], unsettled: list[_Cells], *, last: bool = False) -> None:
    """Put each cell where it belongs: it holds one maximum, it holds none (dropped), or it must be halved."""
    left, right = cells.left, cells.right
    up_left, up_right = left.rises(), right.rises()
    falls, rises = up_left & ~up_right, ~up_left & up_right
    # the slopes of log N and log D shrink over the cell, so these bound the slope of log N - log D
    settled_fall = falls & (2.0 * right.a_slope * left.e > left.e_slope * right.a)
    settled_rise = rises & (2.0 * left.a_slope * right.e < right.e_slope * left.a)
    above = up_left & up_right & rises_between(left, right)
    below = ~up_left & ~up_right & falls_between(left, right, touching=False)
    if last:
        settled_fall = falls
    found.append(cells.pick(settled_fall))
    if not last:
        unsettled.append(cells.pick(~(settled_fall | settled_rise | below | above)))


def _refine(columns: Columns, slopes: Slopes, cells: _Cells, typical: Floats) -> tuple[Floats, Mask]:
    """Solve A^2 = E in each cell, where E - A^2 falls through 0: Newton on log E / A^2, else bisection."""
    low, high = cells.left.tau2.copy(), cells.right.tau2.copy()
    f1, f2 = _log_excess(cells.left), _log_excess(cells.right)
    tau2 = low + (high - low) * np.clip(f1 / (f1 - f2), 0.01, 0.99)
    answer = np.full(tau2.size, np.nan)
    active = np.arange(tau2.size)
    for _ in range(MAX_STEPS):
        if active.size == 0:
            break
        t = tau2[active]
        at = evaluate(columns, slopes, cells.column[active], t)
        f, slope = _log_excess(at), at.e_slope / at.e - 2.0 * at.a_slope / at.a
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
    final = evaluate(columns, slopes, cells.column, np.where(np.isnan(answer), 0.0, answer))
    converged = ~np.isnan(answer) & (np.abs(np.expm1(_log_excess(final))) <= SLOPE_RTOL)
    return answer, converged


def _log_excess(point: Point) -> Floats:
    """Return log N - log D."""
    return np.asarray(np.log(point.e) - 2.0 * np.log(point.a))
