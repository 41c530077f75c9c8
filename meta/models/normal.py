"""The inverse-variance models: from the kernel's numbers to intervals, tests, heterogeneity, prediction."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from meta.inference.bootstrap_prediction import DEFAULT_SEED, bootstrap_prediction
from meta.inference.heterogeneity import h2_from_q, h2_from_tau2, i2_from_q, i2_from_tau2
from meta.inference.intervals import (
    Adjustment,
    adjust_interval,
    joint_test,
    two_sided_quantile,
    wald_interval,
)
from meta.inference.p_values import chi2_p, two_sided_p
from meta.inference.prediction import prediction_interval
from meta.inference.tau2_intervals import Tau2Interval, find_interval
from meta.kernels.batch import BatchFit
from meta.kernels.given_weights import share_given
from meta.kernels.status import Status
from meta.kernels.tau2_errors import tau2_errors
from meta.kernels.weighted import share_weights
from meta.models.rows import FittedRows, JointTest
from meta.options import WITHOUT_TAU2, ModelSpec
from meta.results import Floats

Mask = NDArray[np.bool_]


def infer_normal(
    batch: BatchFit,
    y: Floats,
    v: Floats,
    mask: Mask,
    design: Floats,
    spec: ModelSpec,
    intercept_only: bool,
    weights: Floats | None = None,
    rival: BatchFit | None = None,
    whole: bool = True,
) -> FittedRows:
    """Turn a batch of inverse-variance fits into finished numbers.

    Parameters
    ----------
    batch : BatchFit
        What ``fit_batch`` gave for the same arrays.
    y, v : array of shape (k,) or (B, k)
        Effect sizes and sampling variances on the analysis scale.
    mask : array of bool, shape (B, k)
        Which studies each analysis uses.
    design : array of shape (k, p)
        Design matrix; rows of studies that no analysis uses may hold zeros or NaN.
    spec : ModelSpec
        Model ``random``, ``common``, ``uwls`` or ``ivhet``.
    intercept_only : bool
        No moderators: a prediction interval exists, a moderator test does not.
    weights : array of shape (k,) or (B, k), optional
        The weights given to ``fit_batch``.
    rival : BatchFit, optional
        The DerSimonian-Laird fit of the same arrays, with which the guard ``iqwig6`` compares.
    whole : bool
        Whether the weights of the studies and the p-value of Q are asked for; no ``Refits`` holds them.

    Returns
    -------
    FittedRows
        A single study keeps its Wald interval under every ``ci_method``. Arrays that only a GLMM fills are
        NaN.
    """
    wald = batch.covariance
    free = (batch.k - batch.p).astype(np.float64)
    hksj = _adjust(batch, free, spec, rival)
    adjusted = hksj.factor[:, None, None] * wald
    # UWLS is the common-effect fit with the factor of HKSJ at tau2 = 0, never cut off (Stanley & Doucouliagos
    # 2015, Statistics in Medicine 34, 2116-2127)
    covariance = adjusted if spec.ci_method == "HKSJ" or spec.model == "uwls" else wald
    single = batch.status == Status.SINGLE_STUDY
    if single.any():
        covariance = np.where(single[:, None, None], wald, covariance)
    # stands wherever a number does not exist, and cannot be written to
    nothing = np.full(free.shape, np.nan)
    nothing.flags.writeable = False
    df = np.where(single, np.nan, {"HKSJ": hksj.df, "t": free}.get(spec.ci_method or "", nothing))
    failed = np.isnan(batch.tau2)
    se = np.sqrt(_diagonal(covariance))
    value = batch.coefficients
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = value / se
    low, high = wald_interval(value, se, two_sided_quantile(spec.level, df)[:, None])
    interval = _tau2_interval(batch, y, v, mask, design, spec, free)
    prediction = _predict(batch, adjusted, spec, y, v, mask, design, intercept_only)
    test = _test_moderators(value, covariance, df, design, intercept_only)
    i2, h2 = _share_variation(batch, free, spec)
    typical = batch.typical_variance
    bounded = spec.tau2_ci is not None
    return FittedRows(
        value=value, se=se, low=low, high=high, statistic=statistic,
        p_value=two_sided_p(statistic, df[:, None]), covariance=covariance, df=np.where(failed, np.nan, df),
        tau2=batch.tau2, tau2_low=interval.low, tau2_high=interval.high, tau2_interval_empty=interval.empty,
        tau2_se=_tau2_error(batch, y, v, mask, design, spec, weights),
        q=batch.q, q_df=np.where(failed, np.nan, free),
        q_p=chi2_p(batch.q, free) if whole else nothing,
        q_wald=nothing, q_wald_df=nothing, q_wald_p=nothing,
        i2=i2, h2=h2, typical_variance=typical,
        i2_low=i2_from_tau2(interval.low, typical) if bounded else None,
        i2_high=i2_from_tau2(interval.high, typical) if bounded else None,
        h2_low=h2_from_tau2(interval.low, typical) if bounded else None,
        h2_high=h2_from_tau2(interval.high, typical) if bounded else None,
        prediction_low=prediction[0], prediction_high=prediction[1], prediction_df=prediction[2],
        population_value=nothing, population_low=nothing, population_high=nothing,
        one_sided_low=nothing, one_sided_high=nothing,
        test_statistic=test.statistic, test_df=np.where(failed, np.nan, test.df),
        test_df2=np.where(failed, np.nan, test.df2), test_p=test.p, k=batch.k,
        loglik=nothing if spec.model in ("uwls", "ivhet") else batch.loglik,
        status=batch.status, weights=_share(batch, v, mask, weights) if whole else None,
        wald_covariance=wald, hksj_covariance=adjusted,
        parameters=np.full(free.shape, batch.p + (spec.model == "random"), dtype=np.int64),
        restricted=spec.tau2_method == "REML",
        guard_replaced=hksj.replaced & (spec.ci_method == "HKSJ") & ~single,
    )


def _tau2_error(
    batch: BatchFit, y: Floats, v: Floats, mask: Mask, design: Floats, spec: ModelSpec, weights: Floats | None
) -> Floats | None:
    """Return the standard error of tau2, which stands beside its interval; None where none was asked for."""
    if spec.tau2_ci is None or spec.tau2_method is None:
        return None
    given = weights if spec.tau2_method == "GENQ" else None
    return tau2_errors(y, v, mask, design, batch.tau2, spec.tau2_method, given)


def _share(batch: BatchFit, v: Floats, mask: Mask, weights: Floats | None) -> Floats:
    """Return the weights of the studies in the mean, percent: by inverse variance, or those given."""
    if weights is None:
        return share_weights(v, mask, batch.tau2)
    return share_given(weights, mask, ~np.isnan(batch.tau2))


def _diagonal(covariance: Floats) -> Floats:
    """Return the diagonals, shape (B, p)."""
    return np.stack([covariance[:, j, j] for j in range(covariance.shape[1])], axis=1)


def _adjust(batch: BatchFit, free: Floats, spec: ModelSpec, rival: BatchFit | None) -> Adjustment:
    """Return what HKSJ and its guard make of the Wald covariance; NaN without a degree of freedom."""
    other = None if rival is None else _diagonal(rival.covariance)
    variances = _diagonal(batch.covariance)
    return adjust_interval(batch.residual_q, free, spec.ci_guard, spec.level, variances, other)


def _tau2_interval(
    batch: BatchFit, y: Floats, v: Floats, mask: Mask, design: Floats, spec: ModelSpec, free: Floats
) -> Tau2Interval:
    """Return the interval of tau2 that the spec asks for."""
    if spec.tau2_ci is None or spec.model not in ("random", "ivhet"):
        nothing = np.full(free.shape, np.nan)
        return Tau2Interval(nothing, nothing, np.zeros(free.shape, dtype=bool))
    rows = np.flatnonzero((free > 0.0) & ~np.isnan(batch.tau2))
    restricted = spec.tau2_method == "REML"
    return find_interval(
        spec.tau2_ci, y, v, mask, design, spec.level, rows, batch.tau2, restricted=restricted
    )


def _predict(
    batch: BatchFit,
    adjusted: Floats,
    spec: ModelSpec,
    y: Floats,
    v: Floats,
    mask: Mask,
    design: Floats,
    intercept_only: bool,
) -> tuple[Floats, Floats, Floats]:
    """Return the bounds of the prediction interval and its degrees of freedom."""
    if spec.pi_method is None or not intercept_only:
        nothing = np.full(batch.k.shape, np.nan)
        return nothing, nothing.copy(), nothing.copy()
    if spec.pi_method == "bootstrap":
        seed = DEFAULT_SEED if spec.seed is None else spec.seed
        low, high = bootstrap_prediction(y, v, mask, design, spec.level, seed)
        return low, high, np.full(low.shape, np.nan)
    low, high, df = prediction_interval(
        batch.coefficients[:, 0],
        np.sqrt(batch.covariance[:, 0, 0]),
        np.sqrt(adjusted[:, 0, 0]),
        batch.tau2,
        batch.k.astype(np.float64),
        spec.pi_method,
        spec.level,
    )
    return low, high, np.where(np.isnan(low), np.nan, df)


def _share_variation(batch: BatchFit, free: Floats, spec: ModelSpec) -> tuple[Floats, Floats]:
    """Return I2 (percent) and H2: from tau2 and the typical variance, under a common effect from Q."""
    if spec.model in WITHOUT_TAU2:
        return i2_from_q(batch.q, free), h2_from_q(batch.q, free)
    return i2_from_tau2(batch.tau2, batch.typical_variance), h2_from_tau2(batch.tau2, batch.typical_variance)


def _test_moderators(
    value: Floats, covariance: Floats, df2: Floats, design: Floats, intercept_only: bool
) -> JointTest:
    """Test all coefficients but the intercept together; all, if the design has no column of ones."""
    rows = value.shape[0]
    intercept = None if intercept_only else find_intercept(design)
    tested = [j for j in range(value.shape[1]) if j != intercept]
    if intercept_only or not tested:
        return JointTest(*(np.full(rows, np.nan) for _ in range(4)))
    statistic, p = joint_test(value[:, tested], covariance[:, tested][:, :, tested], df2)
    return JointTest(statistic, np.full(rows, float(len(tested))), df2, p)


def find_intercept(design: Floats) -> int | None:
    """Return the index of the first column of ones, over the studies that have a design at all."""
    present = np.isfinite(design).all(axis=1) & (design != 0.0).any(axis=1)
    for j in range(design.shape[1]):
        if present.any() and (design[present, j] == 1.0).all():
            return j
    return None
