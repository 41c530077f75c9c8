"""What every model on counts has in common: from a fitted batch to intervals, tests and heterogeneity."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from meta.inference.heterogeneity import h2_from_tau2, i2_from_tau2
from meta.inference.intervals import joint_test, two_sided_quantile, wald_interval
from meta.inference.p_values import chi2_p, two_sided_p
from meta.inference.prediction import prediction_interval
from meta.kernels.glmm import GlmmBatch
from meta.kernels.glmm_problem import Problem
from meta.kernels.glmm_profile import likelihood_ratios, profile_coefficients, profile_tau2
from meta.kernels.masks import turn_chunks
from meta.kernels.status import Status
from meta.kernels.weighted import sum_moments
from meta.models.rows import FittedRows, JointTest, blank_rows
from meta.options import ModelSpec
from meta.results import Floats

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Singles:
    """Analyses of one study: which, exact bounds on the link scale, signed root of the likelihood ratio."""

    rows: NDArray[np.intp]
    low: Floats
    high: Floats
    statistic: Floats


@dataclass(frozen=True, slots=True)
class Fitted:
    """A fitted batch, and what its inference needs beside it.

    ``y`` and ``v`` (B, k) are the studies' own values on the link scale and their variances, 1/2 added where
    a cell is zero; ``wald`` holds values, variances and where there are none, for Wald's Q. ``null`` gives
    the log-likelihood (B,) under other columns of the design; ``held`` says that tau2 is held at 0;
    ``parameters`` (B,) counts all.
    """

    problem: Problem
    batch: GlmmBatch
    held: bool
    singles: Singles
    y: Floats
    v: Floats
    wald: tuple[Floats, Floats, Mask]
    null: Callable[[Floats], Floats]
    parameters: NDArray[np.int64]


def finish_rows(fitted: Fitted, spec: ModelSpec, intercept_only: bool) -> FittedRows:
    """Turn a fitted batch into finished numbers; bounds of one-sided rows and means over settings aside.

    Under ``profile`` the statistic is the signed root of the likelihood ratio against 0 on the link scale,
    and the moderator test is the likelihood ratio against the intercept alone. A single study keeps its exact
    interval under every ``ci_method``, and its z test (``profile``: likelihood ratio).
    """
    batch = fitted.batch
    rows, p = batch.beta.shape
    free = (batch.k - p).astype(np.float64)
    failed = np.isnan(batch.tau2)
    covariance = np.ascontiguousarray(batch.covariance[:, :p, :p])
    se = np.sqrt(np.stack([covariance[:, j, j] for j in range(p)], axis=1))
    df = np.where((batch.status == Status.SINGLE_STUDY) | (spec.ci_method != "t"), np.nan, free)
    low, high, statistic, p_value = _intervals(fitted, se, df, spec)
    tau2_low, tau2_high = _tau2_interval(fitted, spec)
    typical, q_wald, wald_free = _inverse_variance(fitted, free)
    prediction = _predict(batch, se, spec, intercept_only)
    test = _test_moderators(fitted, covariance, df, spec, intercept_only)
    q = np.where(failed, np.nan, batch.deviance)
    spread = np.where(failed | fitted.held, np.nan, batch.tau2)
    return replace(
        blank_rows(rows, p, batch.k),
        value=batch.beta,
        se=se,
        low=low,
        high=high,
        statistic=statistic,
        p_value=p_value,
        covariance=covariance,
        df=np.where(failed, np.nan, df),
        tau2=batch.tau2,
        tau2_low=tau2_low,
        tau2_high=tau2_high,
        q=q,
        q_df=np.where(failed, np.nan, free),
        q_p=chi2_p(q, free),
        q_wald=np.where(failed, np.nan, q_wald),
        q_wald_df=np.where(failed, np.nan, wald_free),
        q_wald_p=np.where(failed, np.nan, chi2_p(q_wald, wald_free)),
        i2=i2_from_tau2(spread, typical),
        h2=h2_from_tau2(spread, typical),
        typical_variance=np.where(failed, np.nan, typical),
        prediction_low=prediction[0],
        prediction_high=prediction[1],
        prediction_df=prediction[2],
        test_statistic=test.statistic,
        test_df=test.df,
        test_df2=test.df2,
        test_p=test.p,
        loglik=batch.loglik,
        status=batch.status,
        parameters=fitted.parameters,
    )


def nothing(rows: int) -> Floats:
    """Return NaN for every row."""
    return np.full(rows, np.nan)


def _intervals(
    fitted: Fitted, se: Floats, df: Floats, spec: ModelSpec
) -> tuple[Floats, Floats, Floats, Floats]:
    """Return bounds, statistic and p of each coefficient, shape (B, p)."""
    batch, singles = fitted.batch, fitted.singles
    if spec.ci_method == "profile":
        low, high = profile_coefficients(fitted.problem, batch, spec.level, held=fitted.held)
        ratio = likelihood_ratios(fitted.problem, batch, held=fitted.held)
        statistic = np.sign(batch.beta) * np.sqrt(ratio)
        p_value = chi2_p(ratio, np.ones_like(ratio))
        statistic[singles.rows, 0] = singles.statistic
        p_value[singles.rows, 0] = chi2_p(np.square(singles.statistic), np.ones(singles.rows.size))
    else:
        with np.errstate(divide="ignore", invalid="ignore"):
            statistic = batch.beta / se
        low, high = wald_interval(batch.beta, se, two_sided_quantile(spec.level, df)[:, None])
        p_value = two_sided_p(statistic, df[:, None])
    for where, exact in ((low, singles.low), (high, singles.high)):
        where[singles.rows, 0] = exact
    return low, high, statistic, p_value


def _tau2_interval(fitted: Fitted, spec: ModelSpec) -> tuple[Floats, Floats]:
    if spec.tau2_ci is None or fitted.held:
        return nothing(fitted.batch.k.size), nothing(fitted.batch.k.size)
    return profile_tau2(fitted.problem, fitted.batch, spec.level)


def _inverse_variance(fitted: Fitted, free: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the typical variance, Wald's Q over the studies without a zero cell and its degrees of freedom.

    The typical variance is (k - p) / tr(P), as in the inverse-variance models; NaN where k = p.
    """
    y, v, mask, design = fitted.y, fitted.v, fitted.problem.mask, fitted.problem.design
    rows, p = mask.shape[0], design.shape[1]
    typical, q, wald_free = nothing(rows), nothing(rows), nothing(rows)
    wald_y, wald_v, zero = fitted.wald
    whole = mask & ~zero
    # without a zero cell both are sums over the same studies and values
    same = wald_y is y and wald_v is v and not (mask & zero).any()
    for chunk, columns, frame in turn_chunks(y, v, mask, design, np.flatnonzero(free > 0.0)):
        moments = sum_moments(columns, np.zeros(chunk.size))
        typical[chunk] = (columns.k - p) / moments.trace_p * np.ldexp(1.0, 2 * frame.exponent)
        if same:
            q[chunk], wald_free[chunk] = moments.q, columns.k - p
    if same:
        return typical, q, wald_free
    enough = np.flatnonzero(whole.sum(axis=1) > p)
    for chunk, columns, _ in turn_chunks(wald_y, wald_v, whole, design, enough):
        q[chunk] = sum_moments(columns, np.zeros(chunk.size)).q
        wald_free[chunk] = columns.k - p
    return typical, q, wald_free


def _predict(
    batch: GlmmBatch, se: Floats, spec: ModelSpec, intercept_only: bool
) -> tuple[Floats, Floats, Floats]:
    """Return bounds and degrees of freedom of the prediction interval, by the likelihood's standard error."""
    rows = batch.k.size
    if spec.pi_method is None or not intercept_only:
        return nothing(rows), nothing(rows), nothing(rows)
    low, high, df = prediction_interval(
        batch.beta[:, 0],
        se[:, 0],
        se[:, 0],
        batch.tau2,
        batch.k.astype(np.float64),
        spec.pi_method,
        spec.level,
    )
    return low, high, np.where(np.isnan(low), np.nan, df)


def _test_moderators(
    fitted: Fitted, covariance: Floats, df: Floats, spec: ModelSpec, intercept_only: bool
) -> JointTest:
    """Test all coefficients but the intercept together; all, if the design has no column of ones."""
    batch, design = fitted.batch, fitted.problem.design
    rows = batch.k.size
    unused = ~np.asarray(fitted.problem.mask.any(axis=0))
    ones = (design == 1.0) | unused[:, None]
    intercept = [j for j in range(design.shape[1]) if ones[:, j].all()][:1]
    tested = [j for j in range(design.shape[1]) if j not in intercept]
    if intercept_only or not tested:
        return JointTest(nothing(rows), nothing(rows), nothing(rows), nothing(rows))
    count = np.where(np.isnan(batch.tau2), np.nan, float(len(tested)))
    if spec.ci_method != "profile":
        statistic, p = joint_test(batch.beta[:, tested], covariance[:, tested][:, :, tested], df)
        return JointTest(statistic, count, np.where(np.isnan(batch.tau2), np.nan, df), p)
    ratio = np.maximum(0.0, 2.0 * (batch.loglik - fitted.null(design[:, intercept])))
    return JointTest(ratio, count, nothing(rows), chi2_p(ratio, count))
