"""Profile likelihood intervals of two variance components, one at a time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from meta.kernels.component_search import Problem, evaluate, find_maxima
from meta.kernels.masks import Floats, Rows, pair_up

#: Doublings of the distance in the search for an upper bound before it counts as infinite.
MAX_DOUBLINGS = 60

#: Steps of the search for a bound, and where it stops: share of the bound and the typical variance together.
MAX_STEPS, BOUND_RTOL = 80, 1e-10


def profile_bounds(problem: Problem, x: Floats, loglik: Floats, drop: float) -> tuple[Floats, Floats]:
    """Return where the profile log-likelihood of each component is ``drop`` below its maximum.

    Parameters
    ----------
    problem : Problem
        What was maximised, B columns.
    x : array of shape (2, B)
        The maximum.
    loglik : array of shape (B,)
        The log-likelihood there.
    drop : float
        Half a quantile of chi-squared with one degree of freedom.

    Returns
    -------
    low, high : arrays of shape (2, B)
        In the units of the columns: the ends of the stretch around the maximum in which the profile stays
        above; ``low`` is 0 where it does at 0, ``high`` infinite where no end was found; NaN for a component
        that does not vary.
    """
    size = loglik.size
    part = np.repeat(np.arange(2), size)
    column = np.tile(np.arange(size), 2)
    keep = problem.free[part, column]
    low, high = np.full((2, size), np.nan), np.full((2, size), np.nan)
    part, column = part[keep], column[keep]
    if part.size == 0:
        return low, high
    search = _Search(problem, part, column, loglik[column] - drop)
    start = x[part, column]
    high[part, column] = _find_high(search, start)
    low[part, column] = _find_low(search, start)
    return low, high


class _Search:
    """Evaluates the profile of component ``part`` of ``column``, less its target, and its slope."""

    def __init__(self, problem: Problem, part: Rows, column: Rows, target: Floats) -> None:
        self.problem, self.part, self.column, self.target = problem, part, column, target
        self.typical = problem.typical[column]

    def at(self, which: Rows, value: Floats) -> tuple[Floats, Floats]:
        """Return the gap to the target and its slope for the searches ``which`` at ``value``."""
        paired = pair_up(which)
        values = value if paired.size == which.size else np.repeat(value, 2)
        place = np.arange(paired.size)
        problem = self.problem.take(self.column[paired])
        free, held = problem.free.copy(), np.zeros((2, paired.size))
        free[self.part[paired], place] = False
        held[self.part[paired], place] = values
        best = find_maxima(replace(problem, free=free), held)
        # along the profile the other component stays at its best, so the slope is the partial one
        slope = evaluate(problem, best.x).slope[self.part[paired], place]
        gap = best.loglik - self.target[paired]
        return gap[: which.size], slope[: which.size]


def _find_high(search: _Search, start: Floats) -> Floats:
    """Double the distance until the profile is below its target, then close in."""
    inside, outside = start.copy(), np.full(start.size, np.inf)
    going = np.arange(start.size)
    reach = search.typical + start
    for _ in range(MAX_DOUBLINGS):
        if going.size == 0:
            break
        trial = start[going] + reach[going]
        gap, _ = search.at(going, trial)
        inside[going] = np.where(gap > 0.0, trial, inside[going])
        outside[going] = np.where(gap > 0.0, np.inf, trial)
        going = going[gap > 0.0]
        reach[going] *= 2.0
    return _close_in(search, inside, outside)


def _find_low(search: _Search, start: Floats) -> Floats:
    """Return 0 where the profile is still above its target there; close in between 0 and the maximum else."""
    answer = np.zeros(start.size)
    positive = np.flatnonzero(start > 0.0)
    if positive.size:
        gap, _ = search.at(positive, np.zeros(positive.size))
        outside = np.full(start.size, np.nan)
        outside[positive[gap < 0.0]] = 0.0
        found = _close_in(search, start.copy(), outside)
        answer = np.where(np.isnan(outside), 0.0, found)
    return answer


def _close_in(search: _Search, inside: Floats, outside: Floats) -> Floats:
    """Find where the gap is 0 between a point above the target and one below: Newton, else halving."""
    answer = outside.copy()
    going = np.flatnonzero(np.isfinite(outside))
    point = 0.5 * (inside + np.where(np.isfinite(outside), outside, inside))
    for _ in range(MAX_STEPS):
        if going.size == 0:
            break
        here = point[going]
        gap, slope = search.at(going, here)
        above = gap > 0.0
        inside[going] = np.where(above, here, inside[going])
        outside[going] = np.where(above, outside[going], here)
        low, high = np.minimum(inside[going], outside[going]), np.maximum(inside[going], outside[going])
        with np.errstate(divide="ignore", invalid="ignore"):
            new = here - gap / slope
        new = np.where((new >= low) & (new <= high), new, 0.5 * (low + high))
        answer[going] = point[going] = new
        going = going[np.abs(new - here) > BOUND_RTOL * (np.abs(here) + search.typical[going])]
    return answer
