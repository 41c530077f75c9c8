"""Maxima of a likelihood in two variance components that are not negative: a grid, then Newton from its best.

The grid runs over the sum of both components and the share of the first: the likelihood often has a ridge
along which the sum hardly changes, and two maxima on it, one at either end.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meta.kernels.blocks import Clusters, take_root
from meta.kernels.masks import Columns, Floats, Mask, Rows, add_studies, pair_up, row_chunks
from meta.kernels.variance_slopes import Solved, solve_blocks

#: Ratio between neighbours of the grid in the sum of the components.
GRID_RATIO = 4.0

#: Points of the grid in the sum beside 0: fewest and most.
GRID_POINTS = (6, 24)

#: Points of the grid in the share of the first component, 0 to 1; a search starts from each of them.
SHARES = np.linspace(0.0, 1.0, 9)

#: The smallest positive point of the grid, as a share of the smallest sampling variance.
GRID_START = 1.0 / 64.0

#: Stop once a step moves a component by less than this share of it and the typical variance together.
STEP_RTOL = 1e-12

#: A maximum is accepted where |N - D| of each free component is below this share of D, or of what D would be.
SLOPE_RTOL = 1e-8

#: Newton steps before giving up, and halvings of one step.
MAX_STEPS, MAX_HALVINGS = 100, 40

#: Step of the differences of slopes, as a share of the component and the typical variance together.
DIFFERENCE = 1e-6

#: Likelihoods are told apart down to this share of their size.
NOISE = 1e-13

#: Two answers nearer than this share of the component and the typical variance are one maximum.
SAME = 1e-5


@dataclass(frozen=True, slots=True)
class Problem:
    """What is maximised: columns, their clusters, the typical variance (B,), which components vary (2, B)."""

    columns: Columns
    clusters: Clusters
    typical: Floats
    free: Mask
    restricted: bool

    def take(self, rows: Rows) -> Problem:
        """Return the problem of some of the columns."""
        return Problem(
            self.columns.take(rows),
            self.clusters,
            self.typical[rows],
            np.take(self.free, rows, axis=1),
            self.restricted,
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """The best point of each column (2, B), its log-likelihood, and how many maxima there were (B,)."""

    x: Floats
    loglik: Floats
    converged: Mask
    count: NDArray[np.int64]


def evaluate(problem: Problem, x: Floats) -> Solved:
    """Evaluate each column at its own point ``x``, shape (2, B)."""
    root = take_root(problem.columns, problem.clusters, x[0], x[1])
    return solve_blocks(root, problem.columns, restricted=problem.restricted)


def find_maxima(problem: Problem, held: Floats | None = None) -> Answer:
    """Find the highest maximum of each column.

    ``held`` (2, B) gives the value of the components that are not free; 0 where it is None.
    """
    size = problem.typical.size
    fixed = np.zeros((2, size)) if held is None else held
    start, column = _scan(problem, fixed)
    x, loglik, converged = climb(problem, column, start)
    best = np.full(size, -1, dtype=np.intp)
    count = np.zeros(size, dtype=np.int64)
    # few starts a column: the loop is over them, not over the columns
    rank = _rank_within(column)
    seen: list[Floats] = []
    for turn in range(int(rank.max()) + 1):
        which = np.flatnonzero(rank == turn)
        at = column[which]
        here = np.full((2, size), np.nan)
        here[:, at] = x[:, which]
        new = np.ones(size, dtype=bool)
        for other in seen:
            scale = SAME * (np.fmax(here, other) + problem.typical)
            new &= ~(np.abs(here - other) <= scale).all(axis=0)
        seen.append(here)
        count[at] += new[at] & converged[which]
        first = best[at] < 0
        better = first | (loglik[which] > loglik[best[at]])
        best[at[better]] = which[better]
    return Answer(np.ascontiguousarray(x[:, best]), loglik[best], converged[best], np.maximum(count, 1))


def _rank_within(column: Rows) -> Rows:
    """Return 0, 1, ... within each run of equal values of an ascending array."""
    first = np.searchsorted(column, column)
    return np.arange(column.size) - first


def _scan(problem: Problem, fixed: Floats) -> tuple[Floats, Rows]:
    """Return the starts that a coarse grid gives, shape (2, S), and the column of each, ascending."""
    cap = np.maximum(4.0 * add_studies(problem.columns.y**2), problem.columns.v_min)
    low = GRID_START * problem.columns.v_min
    wanted = np.ceil(np.log(cap / low) / np.log(GRID_RATIO)).astype(np.int64)
    points = np.clip(wanted, *GRID_POINTS)
    both = problem.free.all(axis=0)
    starts: list[Floats] = []
    owners: list[Rows] = []
    # grids of one size at a time; the points are each column's own
    for number in np.unique(points):
        for shares in (SHARES, SHARES[-1:]):
            group = np.flatnonzero((points == number) & (both == (shares is SHARES)))
            if group.size:
                step = np.linspace(0.0, 1.0, number)[:, None]
                axis = low[group] * (cap[group] / low[group]) ** step
                axis = np.concatenate([np.zeros((1, group.size)), axis])
                found, owner = _scan_group(problem, fixed, group, axis, shares)
                starts.append(found)
                owners.append(owner)
    column = np.concatenate(owners)
    order = np.argsort(column, kind="stable")
    return np.take(np.concatenate(starts, axis=1), order, axis=1), column[order]


def _log_likelihoods(problem: Problem, column: Rows, x: Floats) -> Floats:
    """Evaluate only the log-likelihood at points ``x`` (2, S) of columns (S,), piece by piece."""
    out = np.empty(column.size)
    for piece in row_chunks(np.arange(column.size), problem.columns.v.shape[0], problem.columns.p):
        at = np.take(x, piece, axis=1)
        out[piece] = evaluate(problem.take(column[piece]), at).loglik
    return out


def _scan_group(
    problem: Problem, fixed: Floats, group: Rows, axis: Floats, shares: Floats
) -> tuple[Floats, Rows]:
    """Evaluate the grid of columns with as many points; ``axis`` is (points, columns).

    A start is the best point of each share, and whatever is above all its neighbours. Where one component is
    held, the grid runs over the other alone.
    """
    number, size = axis.shape
    free = problem.free[:, group]
    both = free.all(axis=0)
    part = np.stack([shares, 1.0 - shares])[:, None, :, None]
    grid = np.where(both, axis[:, None, :] * part, np.where(free[:, None, None, :], axis[:, None, :], 0.0))
    grid = np.where(free[:, None, None, :], grid, fixed[:, None, None, group])
    owner = np.broadcast_to(group, (number, shares.size, size))
    loglik = _log_likelihoods(problem, owner.reshape(-1), np.ascontiguousarray(grid.reshape(2, -1)))
    loglik = loglik.reshape(number, shares.size, size)
    peak = np.ones(loglik.shape, dtype=bool)
    padded = np.pad(loglik, ((1, 1), (1, 1), (0, 0)), constant_values=-np.inf)
    for i in range(3):
        for j in range(3):
            if (i, j) != (1, 1):
                around = padded[i : i + number, j : j + shares.size]
                # of equal neighbours (shares of nothing) the first stands for all
                peak &= (loglik > around) if (i, j) < (1, 1) else (loglik >= around)
    peak |= np.arange(number)[:, None, None] == np.argmax(loglik, axis=0)
    at = np.nonzero(peak)
    return np.ascontiguousarray(np.stack([part_[at] for part_ in grid])), owner[at]


def climb(problem: Problem, column: Rows, start: Floats) -> tuple[Floats, Floats, Mask]:
    """Go uphill from each start, shape (2, S), in its ``column``; return points, log-likelihoods, converged.

    A Newton step is the best point of the local quadratic within the quarter plane; where that is not
    concave, a component moves by its own size. The way is halved until the likelihood is no lower.
    """
    x = start.copy()
    answer = np.full(column.size, -np.inf)
    converged = np.zeros(column.size, dtype=bool)
    active = np.arange(column.size)
    for _ in range(MAX_STEPS):
        if active.size == 0:
            break
        paired = pair_up(active)
        part = problem.take(column[paired])
        here = x[:, paired]
        loglik, solved, target = _aim(part, here)
        moved, value = _walk(part, here, loglik, target)
        small = (np.abs(moved - here) <= STEP_RTOL * (here + part.typical)).all(axis=0)
        x[:, paired] = moved
        answer[paired] = value
        done = small | (target == here).all(axis=0)
        converged[paired] = np.where(done, _solves(part, here, solved), False)
        active = np.unique(paired[~done])
    return x, answer, converged


def _aim(problem: Problem, x: Floats) -> tuple[Floats, Solved, Floats]:
    """Return the log-likelihood, the evaluation, and the point that the local quadratic points to."""
    size = x.shape[1]
    step = DIFFERENCE * (x + problem.typical)
    moved = np.concatenate([x, x, x], axis=1)
    for i in range(2):
        moved[i, size * (i + 1) : size * (i + 2)] += step[i]
    everywhere = evaluate(problem.take(np.tile(np.arange(size), 3)), moved)
    slope = everywhere.slope[:, :size]
    change = [(everywhere.slope[:, size * (i + 1) : size * (i + 2)] - slope) / step[i] for i in range(2)]
    aa, bb, ab = change[0][0], change[1][1], 0.5 * (change[0][1] + change[1][0])
    solved = Solved(
        everywhere.loglik[:size],
        everywhere.q[:size],
        everywhere.gained[:, :size],
        everywhere.spent[:, :size],
        everywhere.trace_p[:size],
        everywhere.trace_between[:size],
        everywhere.triangle[:, :, :size],
        everywhere.extra[:, :size],
    )
    return solved.loglik, solved, _target(x, slope, aa, bb, ab, problem)


def _target(x: Floats, slope: Floats, aa: Floats, bb: Floats, ab: Floats, problem: Problem) -> Floats:
    """Return the best point of the quadratic within the quarter plane, or a bold step where it is no hill."""
    free = problem.free & ~((x == 0.0) & (slope <= 0.0))
    curve = np.stack([aa, bb])
    det = aa * bb - ab * ab
    hill = free.all(axis=0) & (aa < 0.0) & (det > 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        bold = np.where(slope > 0.0, x + (x + problem.typical), 0.0)
        alone = np.where(curve < 0.0, np.maximum(x - slope / curve, 0.0), bold)
        newton = np.stack([ab * slope[1] - bb * slope[0], ab * slope[0] - aa * slope[1]]) / det
        step = np.where(hill, newton, 0.0)
        # the best points with one component at 0
        edge_b = np.stack([-x[0], np.maximum(x[1] - (slope[1] - ab * x[0]) / bb, 0.0) - x[1]])
        edge_a = np.stack([np.maximum(x[0] - (slope[0] - ab * x[1]) / aa, 0.0) - x[0], -x[1]])

        def rise(d: Floats) -> Floats:
            linear = slope[0] * d[0] + slope[1] * d[1]
            return np.asarray(linear + 0.5 * (aa * d[0] ** 2 + bb * d[1] ** 2) + ab * d[0] * d[1])

        edge = np.where(rise(edge_a) >= rise(edge_b), edge_a, edge_b)
    outside = (x + step < 0.0).any(axis=0)
    target = np.where(hill, x + np.where(outside, edge, step), np.where(free, alone, x))
    # a quadratic says nothing about far away: no component grows by leaps, and the direction stays uphill
    leap = np.maximum.reduce((target - x) / (7.0 * (x + problem.typical)), axis=0)
    return np.where(leap > 1.0, x + (target - x) / np.maximum(leap, 1.0), np.maximum(target, 0.0))


def _walk(problem: Problem, x: Floats, loglik: Floats, target: Floats) -> tuple[Floats, Floats]:
    """Go towards the target, half the way and half again while that is downhill; stay where nothing helps."""
    moved, value = x.copy(), loglik.copy()
    length = np.ones(loglik.size)
    going = np.flatnonzero((target != x).any(axis=0))
    for _ in range(MAX_HALVINGS):
        if going.size == 0:
            break
        paired = pair_up(going)
        trial = x[:, paired] + length[paired] * (target[:, paired] - x[:, paired])
        trial = np.where(length[paired] == 1.0, target[:, paired], trial)
        found = evaluate(problem.take(paired), trial).loglik
        fine = found >= loglik[paired] - NOISE * (1.0 + np.abs(loglik[paired]))
        moved[:, paired[fine]] = trial[:, fine]
        value[paired[fine]] = found[fine]
        length[paired[~fine]] *= 0.5
        going = np.unique(paired[~fine])
    return moved, value


def _solves(problem: Problem, x: Floats, solved: Solved) -> Mask:
    """Say where each free component solves its equation, or is 0 with a slope that is not positive."""
    gap, size = solved.gained - solved.spent, np.abs(solved.gained) + np.abs(solved.spent)
    fine = (np.abs(gap) <= SLOPE_RTOL * size) | ((x == 0.0) & (gap <= 0.0)) | ~problem.free
    return np.asarray(fine.all(axis=0), dtype=bool)
