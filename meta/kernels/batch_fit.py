"""The batch kernel of the inverse-variance models: B analyses of the same k studies, each a row of a mask."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meta.errors import ModelError
from meta.kernels.batch import BatchFit
from meta.kernels.fast import choose_kernel, fill_rows
from meta.kernels.given_weights import estimate_generalised, reweigh
from meta.kernels.masks import Columns, Floats, Frame, Mask, Rows, add_studies, turn_chunks
from meta.kernels.status import Status
from meta.kernels.tau2 import TAU2_METHODS, Estimates, estimate_tau2
from meta.kernels.weighted import Moments, log_likelihood, solve_coefficients, sum_moments, weigh

#: Estimators that need something more: weights, or the value about which Q is taken.
GIVEN_METHODS = ("GENQ", "DL_MH")


def fit_batch(
    y: ArrayLike,
    v: ArrayLike,
    mask: ArrayLike,
    design: ArrayLike,
    *,
    tau2_method: str | None,
    tau2: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    q_centre: ArrayLike | None = None,
    likelihood: bool = True,
    kernel: str = "numpy",
) -> BatchFit:
    """Fit every analysis of a batch.

    The bits of a row depend neither on the other rows nor on the studies it leaves out.

    Parameters
    ----------
    y, v : array_like of shape (k,) or (B, k)
        Effect sizes and sampling variances (> 0) on the analysis scale; anything, NaN too, where a study is
        left out.
    mask : array_like of bool, shape (B, k)
        Which studies each analysis uses.
    design : array_like of shape (k, p)
        Design matrix, one column of ones where there are no moderators.
    tau2_method : one of ``TAU2_METHODS``, "GENQ", "DL_MH", or None
        Estimator of tau2; None for a common effect.
    tau2 : float or array_like of shape (B,), optional
        A fixed tau2 >= 0 in place of an estimate (for tests).
    weights : array_like of shape (k,) or (B, k), optional
        Weights >= 0 of the studies in the coefficients, in place of inverse variances; under ``GENQ`` tau2 is
        estimated with them too. Their scale does not matter.
    q_centre : array_like of shape (B,), optional
        Under ``DL_MH`` the value about which Q is taken; NaN where there is none.
    likelihood : bool
        Whether ``loglik`` is asked for; else it is NaN.
    kernel : {"numpy", "fast"}
        ``fast`` compiles what ``meta.kernels.fast`` covers, likelihoods apart.

    Returns
    -------
    BatchFit
        Status ``single_study`` for k = p = 1 (tau2 0), ``boundary`` where tau2 is estimated at 0,
        ``several_maxima`` where the likelihood has more than one local maximum, ``not_estimable`` where the
        design has not full rank over the studies used (over those with a weight, where weights are given),
        tau2 is to be estimated from k = p studies, or Q has no centre;
        ``not_converged`` where the final check of the equation fails.

    Raises
    ------
    ModelError
        If shapes do not fit, a used effect is not finite, a used variance is not positive and finite, a used
        weight is negative or not finite, the method is unknown, or what it needs is not given.
    """
    ys, vs, masks, x = _check_input(y, v, mask, design)
    allowed = (*TAU2_METHODS, *GIVEN_METHODS)
    if tau2_method is not None and tau2_method not in allowed:
        raise ModelError(f"tau2_method must be one of {', '.join(allowed)} or None; got {tau2_method!r}")
    given = None if weights is None else _check_weights(weights, masks)
    centre = None if q_centre is None else np.asarray(q_centre, dtype=np.float64)
    _check_given(tau2_method, given, centre, masks, x)
    rows, p = masks.shape[0], x.shape[1]
    fixed = None if tau2 is None else np.broadcast_to(np.asarray(tau2, dtype=np.float64), (rows,))
    if fixed is not None and not (np.isfinite(fixed) & (fixed >= 0.0)).all():
        raise ModelError("a fixed tau2 must be finite and >= 0")
    batch = _empty_batch(masks.sum(axis=1), p)
    estimated = tau2_method is not None and fixed is None
    free = batch.k > p
    if centre is not None:
        free &= np.isfinite(centre)
    if tau2_method == "GENQ" and fixed is None and given is not None:
        fixed = estimate_generalised(ys, vs, given, masks, x, np.flatnonzero(free))
        free &= ~np.isnan(fixed)
    saturated = (batch.k == p) & ((batch.k == 1) | (not estimated))
    task = _Task(tau2_method, estimated, fixed, centre, likelihood, tau2_method == "REML")
    doubtful = [np.empty(0, dtype=np.intp)]
    chosen = np.flatnonzero(free)
    asked = None if likelihood or fixed is not None else tau2_method
    if choose_kernel(kernel, asked, x, given, rows) == "fast":
        chosen = fill_rows(batch, ys, vs, masks, str(tau2_method), chosen)
        if tau2_method in ("REML", "ML"):
            # what the compiled climb cannot tell, the same climb cannot tell here
            doubtful, chosen = [chosen], chosen[:0]
    for chunk, columns, frame in turn_chunks(ys, vs, masks, x, chosen):
        doubtful.append(_fit_chunk(batch, chunk, columns, frame, task, thorough=False))
    # few rows of many chunks: searched together
    for chunk, columns, frame in turn_chunks(ys, vs, masks, x, np.unique(np.concatenate(doubtful))):
        _fit_chunk(batch, chunk, columns, frame, task, thorough=True)
    task = replace(task, method=None, fixed=None if estimated else fixed, centre=None)
    for chunk, columns, frame in turn_chunks(ys, vs, masks, x, np.flatnonzero(saturated)):
        _fit_chunk(batch, chunk, columns, frame, task, thorough=False)
    if given is not None:
        _blank(batch, reweigh(batch, ys, vs, given, masks, x))
    return batch


def _check_given(
    method: str | None, weights: Floats | None, centre: Floats | None, mask: Mask, design: Floats
) -> None:
    """Refuse a method without what it needs, and what no method reads."""
    if method == "GENQ" and weights is None:
        raise ModelError("tau2_method='GENQ' needs weights")
    if (method == "DL_MH") != (centre is not None):
        raise ModelError("q_centre goes with tau2_method='DL_MH', and only with it")
    if centre is not None and (centre.shape != mask.shape[:1] or design.shape[1] != 1):
        raise ModelError(
            f"q_centre must be (B,) beside a design of one column; got {centre.shape} for mask {mask.shape}, "
            f"design {design.shape}"
        )


def _check_weights(weights: ArrayLike, mask: Mask) -> Floats:
    """Return the weights as an array of the right shape, or say which is wrong."""
    given = np.asarray(weights, dtype=np.float64)
    if given.shape not in (mask.shape, mask.shape[1:]):
        raise ModelError(f"weights must be (k,) or (B, k) as the mask {mask.shape}; got {given.shape}")
    bad = mask & ~(np.isfinite(given) & (given >= 0.0))
    if bad.any():
        row, study = (int(i) for i in np.argwhere(bad)[0])
        raise ModelError(
            f"weights must be finite and >= 0 where they are used; analysis {row + 1} uses study "
            f"{study + 1}, whose weight is not ({int(bad.sum())} such places in all)"
        )
    return given


def _blank(batch: BatchFit, lost: Mask) -> None:
    """Take the numbers out of rows whose weights leave too few studies for the design."""
    batch.status[lost] = Status.NOT_ESTIMABLE
    for name in ("coefficients", "covariance", "tau2", "q", "residual_q", "typical_variance", "loglik"):
        getattr(batch, name)[lost] = np.nan


def _check_input(
    y: ArrayLike, v: ArrayLike, mask: ArrayLike, design: ArrayLike
) -> tuple[Floats, Floats, Mask, Floats]:
    """Return arrays of the right types and shapes, or say what is wrong with which study."""
    ys, vs, x = (np.asarray(a, dtype=np.float64) for a in (y, v, design))
    masks = np.asarray(mask, dtype=bool)
    if masks.ndim != 2 or x.ndim != 2 or x.shape[0] != masks.shape[1] or x.shape[1] < 1:
        raise ModelError(f"mask must be (B, k) and design (k, p); got {masks.shape} and {x.shape}")
    for name, a in (("y", ys), ("v", vs)):
        if a.shape not in (masks.shape, masks.shape[1:]):
            raise ModelError(f"{name} must be (k,) or (B, k) as the mask {masks.shape}; got {a.shape}")
    if _all_good(ys, vs, x):
        return ys, vs, masks, x
    for name, rule, good in (
        ("y", "finite", np.isfinite(ys)),
        ("v", "positive and finite", np.isfinite(vs) & (vs > 0.0)),
        ("design", "finite", np.isfinite(x).all(axis=1)),
    ):
        bad = masks & ~good
        if bad.any():
            row, study = (int(i) for i in np.argwhere(bad)[0])
            raise ModelError(
                f"{name} must be {rule} where it is used; analysis {row + 1} uses study {study + 1}, "
                f"which is not ({int(bad.sum())} such places in all)"
            )
    return ys, vs, masks, x


def _all_good(y: Floats, v: Floats, design: Floats) -> bool:
    """Say whether every number, used or not, is as it must be: in three passes; False where sums overflow."""
    with np.errstate(over="ignore", invalid="ignore"):
        sums = y.sum(), v.sum(), design.sum()
    return bool(np.isfinite(sums).all()) and v.size > 0 and bool(v.min() > 0.0)


def _empty_batch(k: NDArray[np.int64], p: int) -> BatchFit:
    """Return a batch in which nothing could be estimated yet."""
    rows = k.size
    names = ("tau2", "q", "residual_q", "typical_variance", "loglik")
    return BatchFit(
        coefficients=np.full((rows, p), np.nan),
        covariance=np.full((rows, p, p), np.nan),
        k=k.astype(np.int64),
        p=p,
        status=np.full(rows, Status.NOT_ESTIMABLE, dtype=np.int8),
        **{name: np.full(rows, np.nan) for name in names},
    )


@dataclass(frozen=True, slots=True)
class _Task:
    """What is asked of every row: the estimator, whether it estimates, what is given (B,) instead."""

    method: str | None
    estimated: bool
    fixed: Floats | None
    centre: Floats | None
    likelihood: bool
    restricted: bool


def _fit_chunk(
    batch: BatchFit, rows: Rows, columns: Columns, frame: Frame, task: _Task, *, thorough: bool
) -> Rows:
    """Fit one chunk of rows, write it into ``batch``, return the rows that ask for a thorough search."""
    unit2 = np.ldexp(1.0, 2 * frame.exponent)
    at_zero = sum_moments(columns, np.zeros(rows.size))
    if task.centre is not None:
        away = columns.y - (np.ldexp(task.centre[rows], -frame.exponent) - frame.origin[0])
        at_zero = replace(at_zero, q=add_studies(weigh(columns, np.zeros(rows.size)) * away * away))
    if task.fixed is not None:
        estimates = Estimates(task.fixed[rows] / unit2, np.zeros(rows.size, dtype=bool))
    elif task.method is not None:
        estimates = estimate_tau2(columns, task.method, at_zero, frame.origin, thorough=thorough)
    else:
        estimates = Estimates(np.zeros(rows.size), np.zeros(rows.size, dtype=bool))
    failed = np.flatnonzero(np.isnan(estimates.tau2))
    _write_rows(batch, rows, columns, frame, estimates.tau2, at_zero)
    if task.likelihood:
        _write_likelihood(batch, rows, columns, frame, estimates.tau2, restricted=task.restricted)
    status = np.full(rows.size, Status.OK, dtype=np.int8)
    if task.method is not None and task.estimated:
        status[estimates.tau2 == 0.0] = Status.BOUNDARY
        status[estimates.several] = Status.SEVERAL_MAXIMA
        status[failed] = Status.NOT_CONVERGED
    status[columns.k == 1.0] = Status.SINGLE_STUDY
    batch.status[rows] = status
    if failed.size:
        for name in ("coefficients", "covariance", "q", "residual_q", "typical_variance", "loglik"):
            getattr(batch, name)[rows[failed]] = np.nan
    return rows[:0] if estimates.doubtful is None else rows[estimates.doubtful]


def _write_rows(
    batch: BatchFit, rows: Rows, columns: Columns, frame: Frame, estimate: Floats, at_zero: Moments
) -> None:
    """Write a chunk on the scale of the data; a column without tau2 is evaluated at 0, to be blanked."""
    tau2 = np.where(np.isnan(estimate), 0.0, estimate)
    unit, unit2 = np.ldexp(1.0, frame.exponent), np.ldexp(1.0, 2 * frame.exponent)
    solution = solve_coefficients(columns, frame, tau2)
    free = columns.k - columns.p
    batch.coefficients[rows] = (solution.coefficients * unit).T
    batch.covariance[rows] = (solution.covariance * unit2).transpose(2, 0, 1)
    batch.tau2[rows] = estimate * unit2
    batch.q[rows] = at_zero.q
    batch.residual_q[rows] = solution.residual_q
    some = free > 0.0
    batch.typical_variance[rows[some]] = (free[some] / at_zero.trace_p[some]) * unit2[some]


def _write_likelihood(
    batch: BatchFit, rows: Rows, columns: Columns, frame: Frame, estimate: Floats, *, restricted: bool
) -> None:
    """Write the log-likelihoods of a chunk on the scale of the data."""
    tau2 = np.where(np.isnan(estimate), 0.0, estimate)
    dimensions = columns.k - columns.p if restricted else columns.k
    loglik = log_likelihood(columns, tau2, restricted=restricted)
    batch.loglik[rows] = loglik - dimensions * (frame.exponent * np.log(2.0))
