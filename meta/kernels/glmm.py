"""Maximum likelihood for counts with a normal random intercept, binomial or Poisson, a batch at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meta.errors import ModelError
from meta.kernels.glmm_basis import Basis, orthogonal_basis
from meta.kernels.glmm_cells import Bools, Cells, Floats, Ints, build_cells
from meta.kernels.glmm_likelihood import evaluate_common, linear_predictor, mean_variance
from meta.kernels.glmm_scan import Starts, find_starts, first_coefficients, total_spread
from meta.kernels.glmm_search import TAU_MAX, Climb, climb, climb_settled, factorise, invert, part, take_value
from meta.kernels.quadrature import LADDER, Rule
from meta.kernels.status import Status

FAMILIES = ("binomial", "poisson")

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

    ``beta`` is (B, p), ``tau2`` (B,); ``covariance`` (B, p + 1, p + 1) is the inverse observed information
    of (beta, tau), tau last and NaN where tau2 is 0 or given. ``loglik`` has all constants;
    ``common_loglik`` is that of the fit at tau2 = 0, ``common_beta`` (B, p) its coefficients, ``deviance``
    twice its distance from the saturated model. ``nodes`` is the largest number of nodes an integral
    needed. ``k`` studies, ``status`` one ``Status`` each.
    """

    beta: Floats
    tau2: Floats
    covariance: Floats
    loglik: Floats
    common_beta: Floats
    common_loglik: Floats
    deviance: Floats
    nodes: Ints
    k: Ints
    status: NDArray[np.int8]


@dataclass(slots=True)
class Problem:
    """Checked input of a batch: events, size, mask (R, k) and design (k, p)."""

    binomial: bool
    events: Floats
    size: Floats
    mask: Bools
    design: Floats
    rules: tuple[Rule, ...]


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
    problem = check_problem(family, events, size, mask, design, rules)
    basis = orthogonal_basis(problem.design, problem.mask)
    status, open_rows = _triage(problem, basis, tau2 is None)
    rows, p = problem.mask.shape[0], problem.design.shape[1]
    best = _empty(p, rows, status)
    best.k[:] = problem.mask.sum(axis=1)
    if open_rows.size:
        _fit_open(problem, basis, open_rows, best, tau2)
    return best


def check_problem(
    family: str,
    events: ArrayLike,
    size: ArrayLike,
    mask: ArrayLike,
    design: ArrayLike,
    rules: tuple[Rule, ...] = LADDER,
) -> Problem:
    """Check and broadcast the input of a batch; left-out cells become 0 events of 1."""
    if family not in FAMILIES:
        raise ModelError(f"family must be one of {', '.join(map(repr, FAMILIES))}; got {family!r}")
    used = np.atleast_2d(np.asarray(mask, dtype=bool))
    x = np.asarray(design, dtype=np.float64)
    try:
        e, n = (np.broadcast_to(np.asarray(a, dtype=np.float64), used.shape) for a in (events, size))
    except ValueError as error:
        raise ModelError(
            f"events {np.shape(events)} and size {np.shape(size)} must have shape (k,) or (B, k) "
            f"of the mask {used.shape}"
        ) from error
    if x.ndim != 2 or x.shape[0] != used.shape[1]:
        raise ModelError(f"design must have shape (k, p) with k = {used.shape[1]}; got {x.shape}")
    good = np.isfinite(e) & np.isfinite(n) & (e >= 0) & (n > 0)
    if family == "binomial":
        good &= e <= n
    bad = np.argwhere(used & ~good)
    if bad.size:
        row, study = (int(i) for i in bad[0])
        limit = "0 <= events <= n, n > 0" if family == "binomial" else "events >= 0, person-time > 0"
        raise ModelError(
            f"analysis {row + 1} uses study {study + 1} with events={e[row, study]:g}, "
            f"size={n[row, study]:g}; must be {limit}"
        )
    finite = np.asarray(np.isfinite(x).all(axis=1))
    if (used & ~finite).any():
        raise ModelError(
            f"design row {int(np.argwhere(used & ~finite)[0][1]) + 1} is not finite, and its study is used"
        )
    return Problem(
        family == "binomial",
        np.where(used, e, 0.0),
        np.where(used, n, 1.0),
        np.ascontiguousarray(used),
        np.where(finite[:, None], x, 0.0),
        rules,
    )


def take_cells(problem: Problem, basis: Basis, rows: Ints) -> Cells:
    """Lay out the cells of the analyses ``rows``."""
    return build_cells(
        problem.binomial,
        problem.events[rows],
        problem.size[rows],
        problem.mask[rows],
        basis.columns[:, rows],
        problem.rules,
    )


def _empty(p: int, rows: int, status: NDArray[np.int8]) -> GlmmBatch:
    def nan(*shape: int) -> Floats:
        return np.full(shape, np.nan)

    return GlmmBatch(
        beta=nan(rows, p),
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
    one_sided = ((problem.events == 0.0) | ~problem.mask).all(axis=1)
    if problem.binomial:
        one_sided |= ((problem.events == problem.size) | ~problem.mask).all(axis=1)
    status = np.full(k.size, int(Status.OK), dtype=np.int8)
    status[one_sided] = Status.ONE_SIDED
    # as many coefficients as studies: nothing is left to estimate tau2 from
    status[(k == 0) | ~basis.full_rank | ((k == p) & (k > 1) & estimated)] = Status.NOT_ESTIMABLE
    if problem.binomial and p == 1:
        # all or nothing everywhere, and both: the better the larger tau, up to a coin that only knows 0 and
        # 1. Single people say nothing about tau, so there 0 is as good as any.
        extreme = (problem.events == 0.0) | (problem.events == problem.size)
        plural = (problem.mask & (problem.size > 1.0)).any(axis=1)
        runaway = (extreme | ~problem.mask).all(axis=1) & plural & (status == Status.OK) & (k > 1)
        status[runaway] = Status.NOT_ESTIMABLE
    return status, np.flatnonzero(status == Status.OK)


def _fit_open(problem: Problem, basis: Basis, rows: Ints, best: GlmmBatch, tau2: float | None) -> None:
    """Fit the analyses ``rows``: first at tau2 = 0, then wherever the profile in tau has a maximum."""
    cells = take_cells(problem, basis, rows)
    p = problem.design.shape[1]
    coefficients = tuple(range(p))
    start = np.concatenate([first_coefficients(cells), np.zeros((1, rows.size))])
    common = climb(cells, start, coefficients, evaluate_at=evaluate_common, tolerance=COMMON_TOL)
    keep = np.flatnonzero(_has_maximum(common, coefficients))
    best.status[rows] = Status.NOT_ESTIMABLE
    if not keep.size:
        return
    rows, cells, common = rows[keep], cells.take(keep), _take_climb(common, keep)
    best.common_beta[rows] = basis.take(rows).to_beta(common.theta[:p]).T
    best.common_loglik[rows] = common.value.loglik
    best.deviance[rows] = np.maximum(0.0, 2.0 * (cells.add(cells.constant) - common.value.loglik))
    everything = np.arange(rows.size)
    if tau2 is None:
        _fit_tau(basis, rows, cells, common, best)
    elif tau2 == 0.0:
        _record(basis, rows, best, everything, cells, common, np.full(rows.size, int(Status.OK)))
    else:
        theta = common.theta.copy()
        theta[p] = np.sqrt(tau2)
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
    q = cells.design.shape[0] + 1
    information = cells.add(_information_of_mean(cells, common))
    slope = 0.5 * common.value.hessian[-1, -1]
    # a saturated fit cannot be bettered; one study, or single people alike, say nothing about tau
    searched = (best.deviance[rows] > SATURATED) & (best.k[rows] > 1)
    if cells.binomial and q == 2:
        searched &= cells.add((cells.size > 1.0).astype(np.float64)) > 0.0
    at_zero = (slope <= SLOPE_RTOL * information) | ~searched
    starts = find_starts(cells, common, np.where(at_zero, 0.0, slope), searched)
    copies = cells.take(starts.owner)
    summit = climb_settled(copies, starts.theta, tuple(range(q))) if starts.owner.size else None
    spread = total_spread(cells, common.theta[: q - 1])
    choice, status = _choose_summits(starts, summit, spread, common, at_zero)
    status = np.where(best.k[rows] == 1, int(Status.SINGLE_STUDY), status)
    zero, inner = np.flatnonzero(choice < 0), np.flatnonzero(choice >= 0)
    _record(basis, rows, best, zero, cells.take(zero), _take_climb(common, zero), status[zero])
    if summit is not None:
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
    """Return each study's information about its own mean at tau2 = 0, shape (C,).

    It is the scale against which a slope in tau2 is none.
    """
    return mean_variance(cells, linear_predictor(cells, common.theta))[1]


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
    p = end.theta.shape[0] - 1
    place = rows[which]
    free = tuple(range(p + 1)) if with_tau else tuple(range(p))
    factor = factorise(part(end.value, free)[1])
    good = factor.definite & (status <= int(Status.SINGLE_STUDY))
    best.status[place] = np.where(
        good | (status > int(Status.SINGLE_STUDY)), status, int(Status.NOT_CONVERGED)
    )
    covariance = np.full((p + 1, p + 1, which.size), np.nan)
    covariance[: len(free), : len(free)] = invert(factor)
    local = basis.take(place)
    beta = local.to_beta(end.theta[:p])
    covariance = local.to_beta_covariance(covariance)
    counts = np.array([rule.nodes for rule in cells.rules])
    nodes = np.zeros(which.size, dtype=np.int64)
    np.maximum.at(nodes, cells.row, counts[cells.level])
    done = place[good]
    best.beta[done] = beta[:, good].T
    best.tau2[done] = np.square(end.theta[-1])[good]
    best.covariance[done] = np.moveaxis(covariance, -1, 0)[good]
    best.loglik[done] = end.value.loglik[good]
    best.nodes[done] = nodes[good]
