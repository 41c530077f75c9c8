"""Two variance components, between clusters and within, by maximum or restricted maximum likelihood.

The likelihood of two components may have several maxima and often has its best one on the boundary. So it is
evaluated on a coarse grid of both first; from every local maximum of the grid a Newton search goes on, with
exact slopes and a second derivative from their differences, held to what is not negative, never downhill; and
the best answer is kept. All of it is done for a batch of analyses at a time.

References
----------
Harville (1977), JASA 72, 320-338 (slopes); Van den Noortgate et al. (2013), Behavior Research Methods 45,
576-594, and Konstantopoulos (2011), Research Synthesis Methods 2, 61-76 (the three-level model); Pustejovsky
& Tipton (2022), Prevention Science 23, 425-438 (correlated and hierarchical effects).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meta.kernels.blocks import Clusters, Root, build_clusters, take_root
from meta.kernels.component_profile import profile_bounds
from meta.kernels.component_search import Problem, find_maxima
from meta.kernels.masks import Columns, Floats, Frame, Mask, Rows, add_studies, pair_up, row_chunks, turn_rows
from meta.kernels.status import Status
from meta.kernels.variance_slopes import solve_blocks

#: From a start on the grid a step evaluates each analysis this often side by side (several starts, and the
#: differences of slopes).
SIDE_BY_SIDE = 8


@dataclass(frozen=True, slots=True)
class MultilevelBatch:
    """What the kernel returns; NaN where an analysis failed. B analyses, k rows, p coefficients.

    Attributes
    ----------
    coefficients : array of shape (B, p)
        On the scale of ``y``.
    covariance : array of shape (B, p, p)
        (X'M^-1 X)^-1.
    between, within : arrays of shape (B,)
        Variance components, squared units of ``y``.
    low, high : arrays of shape (2, B)
        Profile likelihood bounds of ``between`` and ``within``; NaN where none were asked for.
    separable : array of bool, shape (B,)
        Some cluster holds more than one row; where none does, ``within`` is 0 by convention.
    q : array of shape (B,)
        Weighted residual sum of squares with both components 0 (Cochran's Q, sampling correlations included).
    typical_variance : array of shape (B,)
        (k - p) / tr P at both components 0: the v of I2.
    loglik : array of shape (B,)
        Log-likelihood, restricted under REML.
    weights : array of shape (B, k)
        Row sums of M^-1, percent of their sum; 0 for rows left out.
    k, m : arrays of int, shape (B,)
        Rows and clusters used.
    status : array of int8, shape (B,)
        ``Status`` codes.
    """

    coefficients: Floats
    covariance: Floats
    between: Floats
    within: Floats
    low: Floats
    high: Floats
    separable: Mask
    q: Floats
    typical_variance: Floats
    loglik: Floats
    weights: Floats
    k: NDArray[np.int64]
    m: NDArray[np.int64]
    status: NDArray[np.int8]


def fit_multilevel(
    y: Floats,
    v: Floats,
    mask: Mask,
    design: Floats,
    cluster: Rows,
    rho: Floats,
    *,
    restricted: bool,
    drop: float | None = None,
) -> MultilevelBatch:
    """Fit y = X b + u_cluster + w_row + e to B subsets of k rows.

    Parameters
    ----------
    y, v : array of shape (k,)
        Effect sizes and sampling variances (> 0 where used).
    mask : array of bool, shape (B, k)
        Which rows each analysis uses.
    design : array of shape (k, p)
        Design matrix.
    cluster : array of int, shape (k,)
        Cluster of each row, in the order in which clusters shall be added; any integers.
    rho : array of shape (k,)
        Correlation of the sampling errors of rows of one cluster, the same for all its rows; less than 1.
    restricted : bool
        REML, else ML.
    drop : float, optional
        Half a quantile of chi-squared with one degree of freedom: profile likelihood intervals of both
        components, the costliest numbers.

    Returns
    -------
    MultilevelBatch
        ``single_study`` where one row is left; ``not_estimable`` where the rows do not exceed the
        coefficients, the design has not full rank, or the clusters are too few to tell a variance between
        them; ``boundary`` where both components are 0; ``several_maxima`` where the likelihood has more than
        one local maximum (the best is kept).
    """
    order = np.argsort(cluster, kind="stable")
    sorted_mask = np.ascontiguousarray(mask[:, order])
    out = _blank(mask, design.shape[1])
    out.m[:] = _count_clusters(sorted_mask, cluster[order])
    if not mask.any():
        return out
    present = np.flatnonzero(sorted_mask.any(axis=0))
    data = (y[order][present], v[order][present], sorted_mask[:, present], design[order][present])
    _, code = np.unique(cluster[order][present], return_inverse=True)
    clusters = build_clusters(code.astype(np.intp), rho[order][present])
    rows = np.flatnonzero(out.k > design.shape[1])
    rows = np.union1d(rows, np.flatnonzero((out.k == 1) & (design.shape[1] == 1)))
    for chunk in row_chunks(rows, present.size * SIDE_BY_SIDE, design.shape[1]):
        columns, frame = turn_rows(*data, chunk, mean=False)
        _fit_chunk(out, chunk, columns, frame, clusters, order[present], restricted, drop)
    return out


def _blank(mask: Mask, p: int) -> MultilevelBatch:
    """Return a batch in which nothing was estimated."""
    rows, k = mask.shape
    lost = [np.full(rows, np.nan) for _ in range(5)]
    return MultilevelBatch(
        np.full((rows, p), np.nan),
        np.full((rows, p, p), np.nan),
        lost[0],
        lost[1],
        np.full((2, rows), np.nan),
        np.full((2, rows), np.nan),
        np.zeros(rows, dtype=bool),
        lost[2],
        lost[3],
        lost[4],
        np.full((rows, k), np.nan),
        mask.sum(axis=1).astype(np.int64),
        np.zeros(rows, dtype=np.int64),
        np.full(rows, Status.NOT_ESTIMABLE, dtype=np.int8),
    )


def _count_clusters(mask: Mask, cluster: Rows) -> NDArray[np.int64]:
    """Count the clusters that each analysis uses, shape (B,); ``cluster`` ascends."""
    starts = np.flatnonzero(np.r_[True, cluster[1:] != cluster[:-1]]) if cluster.size else np.empty(0, int)
    if starts.size == 0:
        return np.zeros(mask.shape[0], dtype=np.int64)
    some = np.asarray(np.logical_or.reduceat(mask, starts, axis=1), dtype=bool)
    return np.asarray(some.sum(axis=1), dtype=np.int64)


def _fit_chunk(
    out: MultilevelBatch,
    chunk: Rows,
    columns: Columns,
    frame: Frame,
    clusters: Clusters,
    order: Rows,
    restricted: bool,
    drop: float | None,
) -> None:
    """Fit the analyses of one chunk and write them into ``out``."""
    zero = np.zeros(chunk.size)
    single = columns.k == 1.0
    at_zero = solve_blocks(take_root(columns, clusters, zero, zero), columns, restricted=True)
    told = ~frame.deficient & (single | _tells_between(columns, clusters))
    separable = _tells_within(columns, clusters)
    # where every cluster has one row only the sum of both components is told: all of it is called between
    free = np.stack([~single, separable & ~single])
    with np.errstate(divide="ignore", invalid="ignore"):
        typical = (columns.k - columns.p) / at_zero.trace_p
    going = pair_up(np.flatnonzero(told))
    if going.size == 0:
        return
    problem = Problem(
        columns.take(going),
        clusters,
        np.where(single, 1.0, typical)[going],
        np.compress(told, free, axis=1) if going.size == told.sum() else np.take(free, going, axis=1),
        restricted,
    )
    best = find_maxima(problem)
    root = take_root(problem.columns, clusters, best.x[0], best.x[1])
    solved = solve_blocks(root, problem.columns, restricted=restricted)
    frame, rows = frame.take(going), chunk[going]
    unit2 = np.ldexp(1.0, 2 * frame.exponent)
    coefficients, covariance = solved.coefficients(frame)
    out.coefficients[rows] = np.ldexp(coefficients, frame.exponent).T
    out.covariance[rows] = (covariance * unit2).transpose(2, 0, 1)
    out.between[rows], out.within[rows] = best.x[0] * unit2, best.x[1] * unit2
    if drop is not None:
        low, high = profile_bounds(problem, best.x, best.loglik, drop)
        out.low[:, rows], out.high[:, rows] = low * unit2, high * unit2
    out.separable[rows] = separable[going]
    out.q[rows] = at_zero.q[going]
    out.typical_variance[rows] = np.where(single, np.nan, typical)[going] * unit2
    less = problem.columns.k - (columns.p if restricted else 0)
    out.loglik[rows] = solved.loglik - less * np.log(2.0) * frame.exponent
    out.weights[rows] = 0.0
    out.weights[rows[:, None], order[None, :]] = _share(root, problem.columns).T
    out.status[rows] = _status(best.x, best.converged, best.count, single[going])


def _tells_between(columns: Columns, clusters: Clusters) -> Mask:
    """Say where the clusters differ by something that the design does not explain, shape (B,)."""
    root = take_root(columns, clusters, np.zeros(columns.k.size), np.zeros(columns.k.size))
    part = solve_blocks(root, columns, restricted=True)
    return np.asarray(part.trace_between > 1e-9 * add_studies(root.precision), dtype=bool)


def _tells_within(columns: Columns, clusters: Clusters) -> Mask:
    """Say where some cluster holds more than one row, shape (B,)."""
    sizes = clusters.add(np.isfinite(columns.v).astype(np.float64))
    return np.asarray((sizes > 1.0).any(axis=0), dtype=bool)


def _share(root: Root, columns: Columns) -> Floats:
    """Return the row sums of M^-1 in percent of their sum, shape (k, B)."""
    sums = root.apply_transposed(root.apply_ones())
    sums = np.where(np.isfinite(columns.v), sums, 0.0)
    return np.asarray(100.0 * sums / add_studies(np.ascontiguousarray(sums)))


def _status(x: Floats, converged: Mask, count: NDArray[np.int64], single: Mask) -> NDArray[np.int8]:
    """Return the status of each analysis of a chunk."""
    status = np.where((x == 0.0).all(axis=0), Status.BOUNDARY, Status.OK)
    status = np.where(count > 1, Status.SEVERAL_MAXIMA, status)
    status = np.where(converged, status, Status.NOT_CONVERGED)
    return np.where(single, Status.SINGLE_STUDY, status).astype(np.int8)
