"""The GLMMs on counts: from the kernel's numbers to intervals, tests, heterogeneity and predictions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlog1py, xlogy

from meta.effects.exact import (
    clopper_pearson,
    clopper_pearson_high,
    clopper_pearson_low,
    poisson_exact,
    poisson_exact_high,
)
from meta.inference.heterogeneity import h2_from_tau2, i2_from_tau2
from meta.inference.intervals import joint_test, two_sided_quantile, wald_interval
from meta.inference.p_values import chi2_p, two_sided_p
from meta.inference.population_mean import PopulationMeans, population_mean
from meta.inference.prediction import prediction_interval
from meta.kernels.glmm import GlmmBatch, fit_glmm, fit_problem
from meta.kernels.glmm_problem import Problem, check_problem
from meta.kernels.glmm_profile import likelihood_ratios, profile_coefficients, profile_tau2
from meta.kernels.masks import turn_chunks
from meta.kernels.status import Status
from meta.kernels.weighted import sum_moments
from meta.models.rows import FittedRows
from meta.options import ModelSpec
from meta.results import Floats

Mask = NDArray[np.bool_]

FAMILY = {"binomial_normal": "binomial", "poisson_normal": "poisson"}


@dataclass(frozen=True, slots=True)
class _Data:
    """What every step needs: family, counts and mask (B, k), design (k, p), and the same as a problem."""

    problem: Problem
    family: str
    events: Floats
    size: Floats
    mask: Mask
    design: Floats


def infer_glmm(
    events: Floats, size: Floats, mask: Mask, design: Floats, spec: ModelSpec, intercept_only: bool
) -> FittedRows:
    """Fit a batch of GLMMs and turn them into finished numbers.

    Parameters
    ----------
    events, size : array of shape (k,) or (B, k)
        Events, and people (``binomial_normal``) or person-time (``poisson_normal``).
    mask : array of bool, shape (B, k)
        Which studies each analysis uses.
    design : array of shape (k, p)
        Design matrix.
    spec : ModelSpec
        Model ``binomial_normal`` or ``poisson_normal``. ``tau2_ci=None`` spares the interval of tau2, the
        costliest number.
    intercept_only : bool
        No moderators: prediction interval and population mean exist, a moderator test does not.

    Returns
    -------
    FittedRows
        Under ``profile`` the statistic is the signed root of the likelihood ratio against 0 on the analysis
        scale (a proportion of 50%, a rate of 1), and the moderator test is the likelihood ratio against the
        model with the intercept alone, chi-squared; under ``Wald`` it is Wald's chi-squared, under ``t``
        Wald's F. A single study keeps its exact interval under every ``ci_method``, and its z test
        (``profile``: likelihood ratio). ``weights`` is None: a GLMM has none.
    """
    used = np.atleast_2d(np.asarray(mask, dtype=bool))
    e = np.where(used, events, 0.0)
    n = np.where(used, size, 1.0)
    problem = check_problem(FAMILY[spec.model], e, n, used, design)
    data = _Data(problem, FAMILY[spec.model], e, n, used, design)
    batch = fit_problem(problem)
    single = _single_studies(data, batch, spec)
    p = batch.beta.shape[1]
    free = (batch.k - p).astype(np.float64)
    failed = np.isnan(batch.tau2)
    covariance = np.ascontiguousarray(batch.covariance[:, :p, :p])
    se = np.sqrt(np.stack([covariance[:, j, j] for j in range(p)], axis=1))
    df = np.where((batch.status == Status.SINGLE_STUDY) | (spec.ci_method != "t"), np.nan, free)
    low, high, statistic, p_value = _intervals(data, batch, se, df, spec)
    for where, exact in ((low, single.low), (high, single.high)):
        where[single.rows, 0] = exact
    if spec.ci_method == "profile":
        statistic[single.rows, 0] = single.statistic
        p_value[single.rows, 0] = chi2_p(np.square(single.statistic), np.ones(single.rows.size))
    tau2_low, tau2_high = _tau2_interval(data, batch, spec)
    typical, q_wald, wald_free = _inverse_variance(data, free)
    population = _population(data, batch, df, spec, intercept_only)
    prediction = _predict(batch, se, spec, intercept_only)
    test = _test_moderators(data, batch, covariance, df, spec, intercept_only)
    one_sided_low, one_sided_high = _one_sided(data, batch, spec.level)
    q = np.where(failed, np.nan, batch.deviance)
    return FittedRows(
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
        i2=i2_from_tau2(batch.tau2, typical),
        h2=h2_from_tau2(batch.tau2, typical),
        typical_variance=np.where(failed, np.nan, typical),
        prediction_low=prediction[0],
        prediction_high=prediction[1],
        prediction_df=prediction[2],
        population_value=population.value,
        population_low=population.low,
        population_high=population.high,
        one_sided_low=one_sided_low,
        one_sided_high=one_sided_high,
        test_statistic=test.statistic,
        test_df=test.df,
        test_df2=test.df2,
        test_p=test.p,
        loglik=batch.loglik,
        k=batch.k,
        status=batch.status,
        weights=None,
        tau2_interval_empty=np.zeros(batch.k.shape, dtype=bool),
    )


def _nothing(rows: int) -> Floats:
    return np.full(rows, np.nan)


def _intervals(
    data: _Data, batch: GlmmBatch, se: Floats, df: Floats, spec: ModelSpec
) -> tuple[Floats, Floats, Floats, Floats]:
    """Return bounds, statistic and p of each coefficient, shape (B, p)."""
    if spec.ci_method == "profile":
        low, high = profile_coefficients(data.problem, batch, spec.level)
        ratio = likelihood_ratios(data.problem, batch)
        return low, high, np.sign(batch.beta) * np.sqrt(ratio), chi2_p(ratio, np.ones_like(ratio))
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = batch.beta / se
    low, high = wald_interval(batch.beta, se, two_sided_quantile(spec.level, df)[:, None])
    return low, high, statistic, two_sided_p(statistic, df[:, None])


@dataclass(frozen=True, slots=True)
class _Singles:
    """Analyses of one study: which, exact bounds on the link scale, signed root of the likelihood ratio."""

    rows: NDArray[np.intp]
    low: Floats
    high: Floats
    statistic: Floats


def _single_studies(data: _Data, batch: GlmmBatch, spec: ModelSpec) -> _Singles:
    """Return what a single study says by itself."""
    rows = np.flatnonzero(batch.status == Status.SINGLE_STUDY)
    study = np.argmax(data.mask[rows], axis=1)
    e, n = data.events[rows, study], data.size[rows, study]
    if data.family == "binomial":
        low, high = (np.log(p) - np.log1p(-p) for p in clopper_pearson(e, n, spec.level))
        ratio = 2.0 * (xlogy(e, 2.0 * e / n) + xlog1py(n - e, 1.0 - 2.0 * e / n))
    else:
        low, high = (np.log(rate) for rate in poisson_exact(e, n, spec.level))
        ratio = 2.0 * (xlogy(e, e / n) - (e - n))
    # the design of a single study may be a number other than 1
    x = data.design[study, 0]
    low, high = np.minimum(low / x, high / x), np.maximum(low / x, high / x)
    return _Singles(rows, low, high, np.sign(batch.beta[rows, 0]) * np.sqrt(np.maximum(ratio, 0.0)))


def _tau2_interval(data: _Data, batch: GlmmBatch, spec: ModelSpec) -> tuple[Floats, Floats]:
    if spec.tau2_ci is None:
        return _nothing(batch.k.size), _nothing(batch.k.size)
    return profile_tau2(data.problem, batch, spec.level)


def empirical_values(family: str, events: Floats, size: Floats) -> tuple[Floats, Floats, Mask]:
    """Return each study's logit or log rate, its variance, and whether a cell is zero.

    1/2 is added to the cells of those studies.

    A rate has one cell, its events; a proportion two, events and non-events.
    """
    if family == "binomial":
        zero = (events == 0.0) | (events == size)
        add = np.where(zero, 0.5, 0.0)
        yes, no = events + add, size - events + add
        return np.log(yes / no), 1.0 / yes + 1.0 / no, zero
    zero = events == 0.0
    yes = events + np.where(zero, 0.5, 0.0)
    return np.log(yes / size), 1.0 / yes, zero


def _inverse_variance(data: _Data, free: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the typical variance, Q over the studies without a zero cell and its degrees of freedom.

    The typical variance is (k - p) / tr(P), as in the inverse-variance models; NaN where k = p.
    """
    y, v, zero = empirical_values(data.family, data.events, data.size)
    rows, p = data.mask.shape[0], data.design.shape[1]
    typical, q, wald_free = _nothing(rows), _nothing(rows), _nothing(rows)
    for chunk, columns, frame in turn_chunks(y, v, data.mask, data.design, np.flatnonzero(free > 0.0)):
        moments = sum_moments(columns, np.zeros(chunk.size))
        typical[chunk] = (columns.k - p) / moments.trace_p * np.ldexp(1.0, 2 * frame.exponent)
    whole = data.mask & ~zero
    enough = np.flatnonzero(whole.sum(axis=1) > p)
    for chunk, columns, _ in turn_chunks(y, v, whole, data.design, enough):
        q[chunk] = sum_moments(columns, np.zeros(chunk.size)).q
        wald_free[chunk] = columns.k - p
    return typical, q, wald_free


def _population(
    data: _Data, batch: GlmmBatch, df: Floats, spec: ModelSpec, intercept_only: bool
) -> PopulationMeans:
    """Return the mean over settings; a single study speaks for no other."""
    rows = batch.k.size
    if not intercept_only:
        return PopulationMeans(_nothing(rows), _nothing(rows), _nothing(rows))
    mu = np.where(batch.k > 1, batch.beta[:, 0], np.nan)
    return population_mean(data.family, mu, batch.tau2, batch.covariance, two_sided_quantile(spec.level, df))


def _predict(
    batch: GlmmBatch, se: Floats, spec: ModelSpec, intercept_only: bool
) -> tuple[Floats, Floats, Floats]:
    """Return bounds and degrees of freedom of the prediction interval, by the likelihood's standard error."""
    rows = batch.k.size
    if spec.pi_method is None or not intercept_only:
        return _nothing(rows), _nothing(rows), _nothing(rows)
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


@dataclass(frozen=True, slots=True)
class _JointTest:
    """The moderator test of each row, shape (B,); ``df2`` NaN under chi-squared."""

    statistic: Floats
    df: Floats
    df2: Floats
    p: Floats


def _test_moderators(
    data: _Data, batch: GlmmBatch, covariance: Floats, df: Floats, spec: ModelSpec, intercept_only: bool
) -> _JointTest:
    """Test all coefficients but the intercept together; all, if the design has no column of ones."""
    rows = batch.k.size
    unused = ~np.asarray(data.mask.any(axis=0))
    ones = (data.design == 1.0) | unused[:, None]
    intercept = [j for j in range(data.design.shape[1]) if ones[:, j].all()][:1]
    tested = [j for j in range(data.design.shape[1]) if j not in intercept]
    if intercept_only or not tested:
        return _JointTest(_nothing(rows), _nothing(rows), _nothing(rows), _nothing(rows))
    count = np.where(np.isnan(batch.tau2), np.nan, float(len(tested)))
    if spec.ci_method != "profile":
        statistic, p = joint_test(batch.beta[:, tested], covariance[:, tested][:, :, tested], df)
        return _JointTest(statistic, count, np.where(np.isnan(batch.tau2), np.nan, df), p)
    null = fit_glmm(data.family, data.events, data.size, data.mask, data.design[:, intercept])
    ratio = np.maximum(0.0, 2.0 * (batch.loglik - null.loglik))
    return _JointTest(ratio, count, _nothing(rows), chi2_p(ratio, count))


def _one_sided(data: _Data, batch: GlmmBatch, level: float) -> tuple[Floats, Floats]:
    """Return natural bounds where there are no events, or nothing else: exact and one-sided."""
    low, high = _nothing(batch.k.size), _nothing(batch.k.size)
    rows = np.flatnonzero(batch.status == Status.ONE_SIDED)
    total = np.zeros(rows.size)
    events = np.zeros(rows.size)
    for i in range(data.mask.shape[1]):
        total += np.where(data.mask[rows, i], data.size[rows, i], 0.0)
        events += data.events[rows, i]
    none = events == 0.0
    if data.family == "poisson":
        low[rows], high[rows] = 0.0, poisson_exact_high(events, total, level)
        return low, high
    low[rows] = np.where(none, 0.0, clopper_pearson_low(events, total, level))
    high[rows] = np.where(none, clopper_pearson_high(events, total, level), 1.0)
    return low, high
