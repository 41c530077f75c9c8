"""Profile-likelihood bounds and likelihood-ratio statistics of a fitted GLMM batch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtri

from meta.kernels.glmm import GlmmBatch
from meta.kernels.glmm_cells import Cells, Floats, Ints
from meta.kernels.glmm_likelihood import raise_levels
from meta.kernels.glmm_problem import Problem, make_basis, take_cells
from meta.kernels.glmm_scan import total_spread
from meta.kernels.glmm_search import MAX_ROUNDS, climb_settled, write_back
from meta.kernels.glmm_walk import Walk, walk
from meta.kernels.status import Status

#: Statuses of a fit by maximum likelihood, with a profile.
FITTED = (int(Status.OK), int(Status.BOUNDARY), int(Status.SEVERAL_MAXIMA))


@dataclass(slots=True)
class _Top:
    """The fitted analyses ``rows``, in a basis whose last column is the coefficient in question."""

    rows: Ints
    cells: Cells
    theta: Floats
    loglik: Floats
    error: Floats
    unit: Floats


def profile_coefficients(
    problem: Problem, batch: GlmmBatch, level: float, *, held: bool = False
) -> tuple[Floats, Floats]:
    """Return profile-likelihood bounds of every coefficient.

    The bound is the first point, going outwards from the estimate, at which the log-likelihood, at its best
    in everything else, has fallen by half the chi-squared(1) quantile; infinite where it never does.

    Parameters
    ----------
    problem : Problem
        Checked input, from ``check_problem`` or ``build_problem``.
    batch : GlmmBatch
        What ``fit_problem`` (or ``fit_glmm``) returned for it.
    level : float
        Level of the interval.
    held : bool
        tau2 is held at 0 (a common effect).

    Returns
    -------
    low, high : arrays of shape (B, p)
        NaN where there is no fit, or a bound was not found.
    """
    cut = 0.5 * float(chdtri(1, 1.0 - level))
    low, high = np.full_like(batch.beta, np.nan), np.full_like(batch.beta, np.nan)
    p = batch.beta.shape[1]
    for j in range(p):
        top = _prepare(problem, batch, j)
        if not top.rows.size:
            continue
        count = top.rows.size
        twice = np.concatenate([np.arange(count), np.arange(count)])
        direction = np.repeat([-1.0, 1.0], count)
        theta = np.take(top.theta, twice, axis=1)
        best = theta[p - 1].copy()
        theta[p - 1] = best + direction * np.sqrt(2.0 * cut) * top.error[twice]
        start = Walk(p - 1, best, direction, direction * np.inf, top.loglik[twice], cut)
        free = _others(top, p - 1, held)
        bound = _walk_settled(top.cells.take(twice), theta, start, free) / top.unit[twice]
        low[top.rows, j], high[top.rows, j] = bound[:count], bound[count:]
    return low, high


def profile_tau2(problem: Problem, batch: GlmmBatch, level: float) -> tuple[Floats, Floats]:
    """Return profile-likelihood bounds of tau2, shape (B,).

    The lower one is 0 wherever tau2 = 0 itself lies within the cut.
    """
    cut = 0.5 * float(chdtri(1, 1.0 - level))
    low, high = np.full_like(batch.tau2, np.nan), np.full_like(batch.tau2, np.nan)
    p = batch.beta.shape[1]
    top = _prepare(problem, batch, p - 1)
    if not top.rows.size:
        return low, high
    tau, last = top.theta[-1], top.theta.shape[0] - 1
    spread = total_spread(top.cells, top.theta[:-1])
    width = np.sqrt(2.0 * cut) * np.sqrt(np.nan_to_num(batch.covariance[top.rows, p, p]))
    free = tuple(range(last))
    theta = top.theta.copy()
    theta[-1] = tau + np.where(width > 0.0, np.minimum(width, 2.0 * (tau + spread)), spread)
    up = np.ones(tau.size)
    high[top.rows] = np.square(
        _walk_settled(
            top.cells.take(np.arange(tau.size)),
            theta,
            Walk(last, tau, up, np.full(tau.size, np.inf), top.loglik, cut),
            free,
        )
    )
    low[top.rows] = 0.0
    below = np.flatnonzero(batch.common_loglik[top.rows] < top.loglik - cut)
    if below.size:
        theta = np.take(top.theta, below, axis=1)
        theta[-1] = np.maximum(tau[below] - width[below], 0.3 * tau[below])
        down = Walk(last, tau[below], -up[below], np.zeros(below.size), top.loglik[below], cut)
        low[top.rows[below]] = np.square(_walk_settled(top.cells.take(below), theta, down, free))
    return low, high


def likelihood_ratios(problem: Problem, batch: GlmmBatch, *, held: bool = False) -> Floats:
    """Return twice the log-likelihood lost by holding each coefficient at 0, shape (B, p).

    NaN where there is no answer.
    """
    statistic = np.full_like(batch.beta, np.nan)
    p = batch.beta.shape[1]
    for j in range(p):
        top = _prepare(problem, batch, j)
        if not top.rows.size:
            continue
        theta = top.theta.copy()
        # what the coefficient explained becomes spread around 0
        if not held:
            theta[-1] = np.hypot(theta[-1], theta[p - 1])
        theta[p - 1] = 0.0
        null = climb_settled(top.cells, theta, _others(top, p - 1, held))
        lost = np.maximum(0.0, 2.0 * (top.loglik - null.value.loglik))
        statistic[top.rows, j] = np.where(null.converged, lost, np.nan)
    return statistic


def trace_profile(
    problem: Problem, batch: GlmmBatch, values: Floats, *, of_tau: bool, held: bool = False
) -> Floats:
    """Return the log-likelihood of the first analysis at held values of one parameter, the rest at its best.

    All values are climbed to side by side, in one batch.

    Parameters
    ----------
    problem : Problem
        Checked input, from ``check_problem`` or ``build_problem``.
    batch : GlmmBatch
        What ``fit_problem`` (or ``fit_glmm``) returned for it.
    values : array of shape (n,)
        Of tau2 (>= 0), or of the last coefficient.
    of_tau : bool
        Which of the two is held.
    held : bool
        tau2 is held at 0 (a common effect); for a coefficient only.

    Returns
    -------
    array of shape (n,)
        NaN where the ascent did not converge, or there is no fit.
    """
    p, found = batch.beta.shape[1], np.full(values.shape, np.nan)
    top = _prepare(problem, batch, p - 1)
    if not values.size or not top.rows.size or top.rows[0] != 0:
        return found
    fixed = top.theta.shape[0] - 1 if of_tau else p - 1
    inner = np.flatnonzero(values > 0.0) if of_tau else np.arange(values.size)
    if of_tau:
        found[values == 0.0] = batch.common_loglik[0]
    if not inner.size:
        return found
    first = np.zeros(inner.size, dtype=np.intp)
    theta = np.take(top.theta, first, axis=1)
    at = np.sqrt(values[inner]) if of_tau else values[inner] * top.unit[0]
    if not of_tau and not held:
        # what the mean explained becomes spread around the value held
        theta[-1] = np.hypot(theta[-1], (at - theta[fixed]) / top.unit[0])
    theta[fixed] = at
    end = climb_settled(top.cells.take(first), theta, _others(top, fixed, held))
    found[inner] = np.where(end.converged, end.value.loglik, np.nan)
    return found


def _prepare(problem: Problem, batch: GlmmBatch, j: int) -> _Top:
    """Lay out the fitted analyses with coefficient ``j`` last: to hold it is to hold that of the basis."""
    p = batch.beta.shape[1]
    order = [*(i for i in range(p) if i != j), j]
    rows = np.flatnonzero(np.isin(batch.status, FITTED))
    basis = make_basis(problem, order)
    cells, basis = take_cells(problem, basis, rows), basis.take(rows)
    unit = basis.triangle[p - 1, p - 1]
    beta = np.concatenate([batch.beta[rows][:, order], batch.further[rows]], axis=1)
    gamma = basis.to_gamma(np.ascontiguousarray(beta.T))
    theta = np.concatenate([gamma, np.sqrt(batch.tau2[rows])[None, :]])
    if rows.size:
        raise_levels(cells, theta)
    error = np.sqrt(batch.covariance[rows, j, j]) * unit
    return _Top(rows, cells, theta, batch.loglik[rows], error, unit)


def _others(top: _Top, fixed: int, held: bool) -> tuple[int, ...]:
    """Return the parameters that move while ``fixed`` is held; tau too, unless it is held at 0."""
    last = top.theta.shape[0] - 1
    return tuple(i for i in range(last if held else last + 1) if i != fixed)


def _walk_settled(cells: Cells, theta: Floats, start: Walk, free: tuple[int, ...]) -> Floats:
    """Walk to the bounds, raise the nodes of integrals not settled there, and walk on until none moves."""
    theta, bound = walk(cells, theta, start, free)
    for _ in range(MAX_ROUNDS):
        rows = np.flatnonzero(raise_levels(cells, theta) & ~np.isnan(bound))
        if not rows.size:
            break
        again = cells.take(rows)
        theta[:, rows], bound[rows] = walk(again, np.take(theta, rows, axis=1), start.take(rows), free)
        write_back(cells, again, rows)
    return bound
