"""Maximum likelihood for counts with a normal random intercept, binomial or Poisson, a batch at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meta.kernels.glmm_basis import Basis
from meta.kernels.glmm_cells import Bools, Cells, Floats, Ints
from meta.kernels.glmm_likelihood import evaluate_common, linear_predictor, mean_variance
from meta.kernels.glmm_problem import Problem, check_problem, make_basis, take_cells
from meta.kernels.glmm_scan import Starts, find_starts, first_coefficients, total_spread
from meta.kernels.glmm_search import TAU_MAX, Climb, climb, climb_settled, factorise, invert, part, take_value
from meta.kernels.quadrature import LADDER, Rule
from meta.kernels.status import Status

#: A standard error beyond this on the link scale, columns of unit size, means that a coefficient runs to
#: infinity (separation).
SE_MAX = 1e3
#: At tau2 = 0 the likelihood costs little, and the standard error of a fit that stays there is that of the
#: point before the last step: 1e-10 standard errors away (twice the log-likelihood to be gained is below
#: this), so that it agrees with other people's GLM to 1e-10.
COMMON_TOL = 1e-20
#: A slope in tau2 at 0 below this share of the information is zero: only rounding is left.
SLOPE_RTOL = 1e-10
#: A deviance below this is rounding.
SATURATED = 1e-9
#: Two maxima whose tau differ by less than this share are one.
SAME_TAU = 1e-4
#: A maximum inside must be higher than tau2 = 0 by more than rounding to be preferred.
LOGLIK_TIE = 1e-10
#: A tau below this share of the total spread has gone to 0: the likelihood changes there by its square.
ZERO_TAU = 1e-6


@dataclass(frozen=True, slots=True)
class GlmmBatch:
    """B fitted analyses, link scale; NaN where an analysis has no estimate.

    ``beta`` is (B, p), ``further`` (B, f) what a model of two groups has besides, ``tau2`` (B,);
    ``covariance`` (B, p + 1, p + 1) is the inverse observed information of (beta, tau), tau last and NaN
    where tau2 is 0 or given. ``loglik`` has all constants; ``common_loglik`` is that of the fit at tau2 = 0,
    ``common_beta`` (B, p) its coefficients, ``deviance`` twice its distance from the saturated model.
    ``nodes`` is the largest number of nodes an integral needed. ``k`` studies, ``status`` one ``Status``
    each.
    """

    beta: Floats
    further: Floats
    tau2: Floats
    covariance: Floats
    loglik: Floats
    common_beta: Floats
    common_loglik: Floats
    deviance: Floats
    nodes: Ints
    k: Ints
    status: NDArray[np.int8]


def fit_glmm(
    family: str,
    events: ArrayLike,
    size: ArrayLike,
    mask: ArrayLike,
    design: ArrayLike,
    *,
    tau2: float | None = None,
    nodes: int | None = None,
) -> GlmmBatch:
    """Fit counts with a normal random intercept by maximum likelihood.

    y_i | u_i ~ Binomial(n_i, expit(x_i'beta + u_i)) or Poisson(t_i exp(x_i'beta + u_i)), u_i ~ N(0, tau2).

    Parameters
    ----------
    family : {"binomial", "poisson"}
        Events of people (logit link) or events over person-time (log link).
    events, size : array_like of shape (k,) or (B, k)
        Events, and people or person-time (> 0); anything where the mask leaves a study out.
    mask : array_like of bool, shape (B, k)
        Which studies each analysis uses.
    design : array_like of shape (k, p)
        Design matrix, a column of ones for a mean alone.
    tau2 : float, optional
        Holds tau2 at this value (tests).
    nodes : int, optional
        Holds the number of Gauss-Hermite nodes (tests); otherwise each integral takes as many as it needs.

    Returns
    -------
    GlmmBatch
        Status ``one_sided`` without any event or with nothing but events; ``not_estimable`` without
        studies, where the design has not full rank or as many columns as studies, where a coefficient runs
        to infinity (a level without events) or tau does (every study all or nothing); ``single_study``,
        ``boundary``, ``several_maxima``, ``not_converged`` and ``ok``.

    Raises
    ------
    ModelError
        If the family is unknown, shapes do not fit, or a used count is impossible.

    References
    ----------
    Stijnen, Hamza & Ozdemir (2010), Statistics in Medicine 29, 3046-3067; Liu & Pierce (1994), Biometrika
    81, 624-629.
    """
    rules = LADDER if nodes is None else (Rule("hermite", nodes),)
    return fit_problem(check_problem(family, events, size, mask, design, rules), tau2)


def fit_problem(problem: Problem, tau2: float | None = None) -> GlmmBatch:
    """Fit checked input; ``tau2`` may be held, 0 for a common effect."""
    basis = make_basis(problem)
    status, open_rows = _triage(problem, basis, tau2 is None)
    rows, p = problem.mask.shape[0], problem.design.shape[1]
    best = _empty(p, problem.further, rows, status)
    best.k[:] = problem.mask.sum(axis=1)
    if open_rows.size:
        _fit_open(problem, basis, open_rows, best, tau2)
    return best


def _empty(p: int, further: int, rows: int, status: NDArray[np.int8]) -> GlmmBatch:
    def nan(*shape: int) -> Floats:
        return np.full(shape, np.nan)

    return GlmmBatch(
        beta=nan(rows, p),
        further=nan(rows, further),
        tau2=nan(rows),
        covariance=nan(rows, p + 1, p + 1),
        loglik=nan(rows),
        common_beta=nan(rows, p),
        common_loglik=nan(rows),
        deviance=nan(rows),
        nodes=np.zeros(rows, dtype=np.int64),
        k=np.zeros(rows, dtype=np.int64),
        status=status,
    )


def _triage(problem: Problem, basis: Basis, estimated: bool) -> tuple[NDArray[np.int8], Ints]:
    """Return the status of each analysis, and the analyses that have something to fit."""
    k, p = problem.mask.sum(axis=1), problem.design.shape[1]
    status = np.full(k.size, int(Status.OK), dtype=np.int8)
    status[problem.runaway] = Status.NOT_ESTIMABLE
    status[problem.one_sided] = Status.ONE_SIDED
    # as many coefficients as studies: nothing is left to estimate tau2 from
    status[(k == 0) | ~basis.full_rank | ((k == p) & (k > 1) & estimated)] = Status.NOT_ESTIMABLE
    return status, np.flatnonzero(status == Status.OK)


def _fit_open(problem: Problem, basis: Basis, rows: Ints, best: GlmmBatch, tau2: float | None) -> None:
    """Fit the analyses ``rows``: first at tau2 = 0, then wherever the profile in tau has a maximum."""
    cells = take_cells(problem, basis, rows)
    p = problem.design.shape[1]
    coefficients = tuple(range(p + problem.further))
    start = np.concatenate([first_coefficients(cells), np.zeros((1, rows.size))])
    common = climb(cells, start, coefficients, evaluate_at=evaluate_common, tolerance=COMMON_TOL)
    keep = np.flatnonzero(_has_maximum(common, coefficients))
    best.status[rows] = Status.NOT_ESTIMABLE
    if not keep.size:
        return
    rows, cells, common = rows[keep], cells.take(keep), _take_climb(common, keep)
    best.common_beta[rows] = basis.take(rows).to_beta(common.theta[:-1])[:p].T
    best.common_loglik[rows] = common.value.loglik
    best.deviance[rows] = np.maximum(0.0, 2.0 * (cells.add(cells.constant) - common.value.loglik))
    everything = np.arange(rows.size)
    if tau2 is None:
        _fit_tau(basis, rows, cells, common, best)
    elif tau2 == 0.0:
        status = np.where(best.k[rows] == 1, int(Status.SINGLE_STUDY), int(Status.OK))
        _record(basis, rows, best, everything, cells, common, status)
    else:
        theta = common.theta.copy()
        theta[-1] = np.sqrt(tau2)
        held = climb_settled(cells, theta, coefficients)
        status = np.where(held.converged, int(Status.OK), int(Status.NOT_CONVERGED))
        _record(basis, rows, best, everything, cells, held, status)


def _has_maximum(common: Climb, coefficients: tuple[int, ...]) -> Bools:
    """Return where the fit at tau2 = 0 exists.

    Under separation the ascent ends far out, with a standard error beyond all measure.

    Whether a coefficient runs to infinity does not depend on tau, so this decides for every tau2.
    """
    inverse = invert(factorise(part(common.value, coefficients)[1]))
    exists = common.converged.copy()
    for j in coefficients:
        exists &= (inverse[j, j] > 0.0) & (inverse[j, j] < SE_MAX**2)
    return exists


def _take_climb(end: Climb, rows: Ints) -> Climb:
    return Climb(np.take(end.theta, rows, axis=1), take_value(end.value, rows), end.converged[rows])


def _fit_tau(basis: Basis, rows: Ints, cells: Cells, common: Climb, best: GlmmBatch) -> None:
    """Climb every maximum the scan brackets, compare with tau2 = 0 where that is one, and record the best."""
    q = common.theta.shape[0]
    information = _information_of_mean(cells, common)
    slope = 0.5 * common.value.hessian[-1, -1]
    # a saturated fit cannot be bettered; one study, or single people alike, say nothing about tau
    searched = (best.deviance[rows] > SATURATED) & (best.k[rows] > 1)
    if cells.binomial and q == 2:
        searched &= cells.add((cells.size > 1.0) | (cells.offset != 0.0)) > 0.0
    at_zero = (slope <= SLOPE_RTOL * information) | ~searched
    spread = total_spread(cells, common.theta[:-1])
    starts = find_starts(cells, common, np.where(at_zero, 0.0, slope), searched, spread)
    copies = cells.take(starts.owner)
    summit = climb_settled(copies, starts.theta, tuple(range(q))) if starts.owner.size else None
    choice, status = _choose_summits(starts, summit, spread, common, at_zero)
    status = np.where(best.k[rows] == 1, int(Status.SINGLE_STUDY), status)
    zero, inner = np.flatnonzero(choice < 0), np.flatnonzero(choice >= 0)
    if zero.size:
        _record(basis, rows, best, zero, cells.take(zero), _take_climb(common, zero), status[zero])
    if inner.size:
        assert summit is not None
        picked = choice[inner]
        ends = _take_climb(summit, picked)
        _record(basis, rows, best, inner, copies.take(picked), ends, status[inner], with_tau=True)


def _choose_summits(
    starts: Starts, summit: Climb | None, spread: Floats, common: Climb, at_zero: Bools
) -> tuple[Ints, Ints]:
    """Return for each analysis its highest ascent (-1: tau2 = 0) and its status."""
    winner = np.where(at_zero, common.value.loglik, -np.inf)
    status = np.where(at_zero, int(Status.BOUNDARY), int(Status.NOT_CONVERGED))
    choice = np.full(at_zero.size, -1)
    found = np.full((int(starts.bracket.max(initial=-1)) + 2, at_zero.size), np.nan)
    found[0] = np.where(at_zero, 0.0, np.nan)
    if summit is None:
        return choice, status
    for bracket in range(found.shape[0] - 1):
        here = np.flatnonzero(starts.bracket == bracket)
        owner, tau = starts.owner[here], summit.theta[-1, here]
        inside, runaway = tau > ZERO_TAU * spread[owner], tau >= TAU_MAX
        real = summit.converged[here] & inside & ~runaway
        found[bracket + 1, owner] = np.where(real, tau, np.nan)
        higher = inside & (summit.value.loglik[here] > winner[owner] + LOGLIK_TIE)
        winner[owner] = np.where(higher, summit.value.loglik[here], winner[owner])
        failed = np.where(runaway, int(Status.NOT_ESTIMABLE), int(Status.NOT_CONVERGED))
        status[owner] = np.where(higher, np.where(real, int(Status.OK), failed), status[owner])
        choice[owner] = np.where(higher, here, choice[owner])
    several = (_count_distinct(found) > 1) & (status <= int(Status.BOUNDARY))
    return choice, np.where(several, int(Status.SEVERAL_MAXIMA), status)


def _information_of_mean(cells: Cells, common: Climb) -> Floats:
    """Return the studies' information about their own means at tau2 = 0, shape (R,).

    It is the scale against which a slope in tau2 is none.
    """
    if cells.kind is not None:
        return cells.kind.information(cells, common.theta)
    return cells.add(mean_variance(cells, linear_predictor(cells, common.theta))[1])


def _count_distinct(found: Floats) -> Ints:
    """Count the different tau in each column of ``found``, NaN aside."""
    ordered = np.sort(found, axis=0)
    known = np.isfinite(ordered)
    with np.errstate(invalid="ignore"):
        repeated = known[1:] & known[:-1] & (np.diff(ordered, axis=0) <= SAME_TAU * ordered[1:])
    return np.asarray(known.sum(axis=0) - repeated.sum(axis=0))


def _record(
    basis: Basis,
    rows: Ints,
    best: GlmmBatch,
    which: Ints,
    cells: Cells,
    end: Climb,
    status: Ints,
    *,
    with_tau: bool = False,
) -> None:
    """Write the fits ``end`` (their cells in ``cells``) of ``rows[which]``; what failed stays NaN."""
    if not which.size:
        return
    p, q = best.beta.shape[1], end.theta.shape[0] - 1
    place = rows[which]
    free = tuple(range(q + 1)) if with_tau else tuple(range(q))
    factor = factorise(part(end.value, free)[1])
    good = factor.definite & (status <= int(Status.SINGLE_STUDY))
    best.status[place] = np.where(
        good | (status > int(Status.SINGLE_STUDY)), status, int(Status.NOT_CONVERGED)
    )
    covariance = np.full((q + 1, q + 1, which.size), np.nan)
    covariance[: len(free), : len(free)] = invert(factor)
    local = basis.take(place)
    beta = local.to_beta(end.theta[:q])
    kept = np.array([*range(p), q])
    covariance = local.to_beta_covariance(covariance)[np.ix_(kept, kept)]
    counts = np.array([rule.nodes for rule in cells.rules])
    nodes = np.zeros(which.size, dtype=np.int64)
    np.maximum.at(nodes, cells.row, counts[cells.level])
    done = place[good]
    best.beta[done], best.further[done] = beta[:p, good].T, beta[p:, good].T
    best.tau2[done] = np.square(end.theta[-1])[good]
    best.covariance[done] = np.moveaxis(covariance, -1, 0)[good]
    best.loglik[done] = end.value.loglik[good]
    best.nodes[done] = nodes[good]
