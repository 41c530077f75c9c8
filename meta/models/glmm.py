"""The GLMMs on counts: from the kernel's numbers to intervals, tests, heterogeneity and predictions."""

from __future__ import annotations

from dataclasses import dataclass, replace

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
from meta.inference.intervals import two_sided_quantile
from meta.inference.population_mean import PopulationMeans, population_mean
from meta.kernels.glmm import GlmmBatch, fit_problem
from meta.kernels.glmm_beta import beta_binomial_problem, rho_from_phi
from meta.kernels.glmm_problem import Problem, check_problem
from meta.kernels.glmm_profile import profile_tau2
from meta.kernels.status import Status
from meta.models.glmm_reasons import ALL_OR_NOTHING, count_reasons
from meta.models.glmm_rows import Fitted, Singles, finish_rows, nothing
from meta.models.rows import FittedRows
from meta.options import ModelSpec
from meta.results import Component, Floats

Mask = NDArray[np.bool_]

FAMILY = {"binomial_normal": "binomial", "poisson_normal": "poisson", "beta_binomial": "binomial"}


@dataclass(frozen=True, slots=True)
class _Data:
    """What every step needs: family, counts and mask (B, k), design (k, p)."""

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
        Model ``binomial_normal``, ``poisson_normal`` or ``beta_binomial``. ``tau2_method=None`` holds tau2 at
        0 (a common effect); ``tau2_ci=None`` spares the interval of tau2, the costliest number.
    intercept_only : bool
        No moderators: prediction interval and population mean exist, a moderator test does not.

    Returns
    -------
    FittedRows
        Under ``profile`` the statistic is the signed root of the likelihood ratio against 0 on the analysis
        scale (a proportion of 50%, a rate of 1), and the moderator test is the likelihood ratio against the
        model with the intercept alone, chi-squared; under ``Wald`` it is Wald's chi-squared, under ``t``
        Wald's F. A single study keeps its exact interval under every ``ci_method``, and its z test
        (``profile``: likelihood ratio). ``weights`` is None: a GLMM has none. ``beta_binomial`` has no tau2:
        its mean is that of the population, and ``components`` holds the correlation rho.
    """
    used = np.atleast_2d(np.asarray(mask, dtype=bool))
    e = np.where(used, events, 0.0)
    n = np.where(used, size, 1.0)
    data = _Data(FAMILY[spec.model], e, n, used, design)
    problem = _problem(data, spec, design)
    held = spec.tau2_method is None and spec.model != "beta_binomial"
    batch = fit_problem(problem, 0.0 if held else None)
    y, v, zero = empirical_values(data.family, e, n)
    fitted = Fitted(
        problem,
        batch,
        held,
        _single_studies(data, batch, spec.level),
        y,
        v,
        wald=(y, v, zero),
        null=lambda columns: _null_loglik(data, spec, columns, held),
        parameters=np.full(batch.k.shape, batch.beta.shape[1] + (not held), dtype=np.int64),
    )
    rows = finish_rows(fitted, spec, intercept_only)
    low, high = _one_sided(data, batch, spec.level)
    notes = count_reasons(problem, batch, ALL_OR_NOTHING, held=held)
    rows = replace(rows, one_sided_low=low, one_sided_high=high, notes=notes)
    if spec.model == "beta_binomial":
        return beta_rows(problem, batch, rows, spec)
    if held:
        return rows
    population = _population(data, batch, rows.df, spec, intercept_only)
    return replace(
        rows,
        population_value=population.value,
        population_low=population.low,
        population_high=population.high,
    )


def _problem(data: _Data, spec: ModelSpec, design: Floats) -> Problem:
    """Return the likelihood of the model of ``spec`` under a design."""
    problem = check_problem(data.family, data.events, data.size, data.mask, design)
    return beta_binomial_problem(problem) if spec.model == "beta_binomial" else problem


def _null_loglik(data: _Data, spec: ModelSpec, columns: Floats, held: bool) -> Floats:
    """Return the log-likelihood under other columns of the design."""
    return fit_problem(_problem(data, spec, columns), 0.0 if held else None).loglik


def beta_rows(problem: Problem, batch: GlmmBatch, rows: FittedRows, spec: ModelSpec) -> FittedRows:
    """Say of a beta-binomial fit what its search called tau2: phi, hence the correlation rho; no tau2, no I2.

    The interval of rho is by profile likelihood; ``components`` holds it.
    """
    low, high = profile_tau2(problem, batch, spec.level)
    rho, rho_low, rho_high = (rho_from_phi(x) for x in (batch.tau2, low, high))
    none = nothing(batch.k.size)
    components = tuple(
        (Component("rho", float(rho[i]), _finite(rho_low[i]), _finite(rho_high[i]), int(batch.k[i])),)
        if np.isfinite(rho[i])
        else ()
        for i in range(batch.k.size)
    )
    return replace(rows, tau2=none, i2=none.copy(), h2=none.copy(), components=components)


def _finite(value: np.floating) -> float | None:
    return None if np.isnan(value) else float(value)


def _single_studies(data: _Data, batch: GlmmBatch, level: float) -> Singles:
    """Return what a single study says by itself."""
    rows = np.flatnonzero(batch.status == Status.SINGLE_STUDY)
    study = np.argmax(data.mask[rows], axis=1)
    e, n = data.events[rows, study], data.size[rows, study]
    if data.family == "binomial":
        low, high = (np.log(p) - np.log1p(-p) for p in clopper_pearson(e, n, level))
        ratio = 2.0 * (xlogy(e, 2.0 * e / n) + xlog1py(n - e, 1.0 - 2.0 * e / n))
    else:
        low, high = (np.log(rate) for rate in poisson_exact(e, n, level))
        ratio = 2.0 * (xlogy(e, e / n) - (e - n))
    # the design of a single study may be a number other than 1
    x = data.design[study, 0]
    low, high = np.minimum(low / x, high / x), np.maximum(low / x, high / x)
    return Singles(rows, low, high, np.sign(batch.beta[rows, 0]) * np.sqrt(np.maximum(ratio, 0.0)))


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


def _population(
    data: _Data, batch: GlmmBatch, df: Floats, spec: ModelSpec, intercept_only: bool
) -> PopulationMeans:
    """Return the mean over settings; a single study speaks for no other."""
    rows = batch.k.size
    if not intercept_only:
        return PopulationMeans(nothing(rows), nothing(rows), nothing(rows))
    mu = np.where(batch.k > 1, batch.beta[:, 0], np.nan)
    return population_mean(data.family, mu, batch.tau2, batch.covariance, two_sided_quantile(spec.level, df))


def _one_sided(data: _Data, batch: GlmmBatch, level: float) -> tuple[Floats, Floats]:
    """Return natural bounds where there are no events, or nothing else: exact and one-sided."""
    low, high = nothing(batch.k.size), nothing(batch.k.size)
    rows = np.flatnonzero(batch.status == Status.ONE_SIDED)
    if not rows.size:
        return low, high
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
