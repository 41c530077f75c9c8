"""Rows clustered in studies: three-level and correlated-effects models, and robust intervals for any of them.

``three_level`` and ``correlated_effects`` are y = X b + u_study + w_row + e; under the second the sampling
errors of rows of one study correlate by ``rho``. Random and common effect models may take cluster-robust
intervals too; then rows are weighted as if they were independent, and only the intervals know better.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincinv

from meta.inference.heterogeneity import h2_from_tau2, i2_from_tau2
from meta.inference.intervals import joint_test, two_sided_quantile, wald_interval
from meta.inference.p_values import chi2_p, two_sided_p
from meta.inference.prediction import prediction_interval
from meta.inference.robust import cluster_robust, covariance_blocks
from meta.kernels.multilevel import MultilevelBatch, fit_multilevel
from meta.kernels.status import Status
from meta.models.normal import find_intercept
from meta.models.rows import FittedRows, blank_rows
from meta.options import ModelSpec
from meta.results import Component, Floats

Mask = NDArray[np.bool_]
Codes = NDArray[np.intp]

#: What the two variance components vary over, in the order of ``Fit.components``.
LEVELS = ("between studies", "within studies")


def infer_multilevel(
    y: Floats, v: Floats, mask: Mask, design: Floats, codes: Codes, spec: ModelSpec, intercept_only: bool
) -> FittedRows:
    """Fit a batch of three-level or correlated-effects models and turn it into finished numbers.

    Parameters
    ----------
    y, v : array of shape (k,)
        Effect sizes and sampling variances on the analysis scale.
    mask : array of bool, shape (B, k)
        Which rows each analysis uses; all of them have a study.
    design : array of shape (k, p)
        Design matrix.
    codes : array of int, shape (k,)
        Study of each row.
    spec : ModelSpec
        Model ``three_level`` or ``correlated_effects``. ``tau2_ci=None`` spares the profile likelihood
        intervals of the components.
    intercept_only : bool
        No moderators: a prediction interval exists, a moderator test does not.

    Returns
    -------
    FittedRows
        ``tau2`` is the sum of both components, ``k`` counts rows. ``t`` has k - p degrees of freedom, the
        prediction interval counts studies. ``typical_variance`` is (k - p) / tr P of the sampling covariance
        alone, correlations included. Weights are row sums of the inverse covariance.

    References
    ----------
    Higgins & Thompson (2002), Statistics in Medicine 21, 1539-1558 (typical variance); Cheung (2014),
    Psychological Methods 19, 211-229 (I2 of each level).
    """
    restricted = spec.tau2_method == "REML"
    rho = np.full(y.size, 0.0 if spec.rho is None else float(spec.rho))
    drop = float(gammaincinv(0.5, spec.level)) if spec.tau2_ci == "PL" else None
    batch = fit_multilevel(y, v, mask, design, codes, rho, restricted=restricted, drop=drop)
    rows = _fill(batch, spec, design.shape[1], restricted)
    df = np.where(batch.status == Status.SINGLE_STUDY, np.nan, rows.q_df)
    rows = _wald_rows(rows, df if spec.ci_method == "t" else np.full(df.shape, np.nan), spec.level)
    if not intercept_only:
        rows = _moderators(rows, design)
    if spec.ci_method in ("Wald", "t"):
        return _predict(rows, batch.m, spec) if intercept_only else rows
    return make_robust(rows, y, v, mask, design, codes, spec, intercept_only, (batch.between, batch.within))


def make_robust(
    rows: FittedRows,
    y: Floats,
    v: Floats,
    mask: Mask,
    design: Floats,
    codes: Codes,
    spec: ModelSpec,
    intercept_only: bool,
    components: tuple[Floats, Floats],
) -> FittedRows:
    """Replace standard errors, intervals and tests by cluster-robust ones.

    ``rows`` holds Wald numbers and their covariance; ``components`` are the variances between studies and of
    rows within them (for a random-effects model 0 and tau2). A single study keeps its Wald interval; where no
    coefficient has a robust interval (several rows of one study alone) nothing is estimated. A coefficient
    whose robust variance is degenerate is NaN among the others.
    """
    p = design.shape[1]
    rho = np.full(y.size, 0.0 if spec.rho is None else float(spec.rho))
    first = find_intercept(design)
    tested = () if intercept_only else tuple(j for j in range(p) if j != first)
    bread = rows.covariance if rows.wald_covariance is None else rows.wald_covariance
    residual = np.where(mask, y - _fitted(rows.value, design), 0.0)
    blocks = covariance_blocks(v, rho, *components)
    assert spec.ci_method is not None, "a robust interval has a method"
    robust = cluster_robust(
        design, rows.value, residual, mask, codes, bread, blocks, spec.ci_method, tested
    )
    single = rows.status == Status.SINGLE_STUDY
    covariance = np.where(single[:, None, None], rows.covariance, robust.covariance)
    coefficient_df = np.where(single[:, None], np.nan, robust.df)
    out = _wald_rows(replace(rows, covariance=covariance), coefficient_df, spec.level)
    out = replace(
        out,
        df=coefficient_df[:, 0] if p == 1 else _least(coefficient_df),
        coefficient_df=coefficient_df,
        clusters=robust.m,
        degenerate=robust.degenerate, decided_alone=robust.alone,
        wald_covariance=bread,
        test_statistic=robust.statistic, test_df=robust.df1, test_df2=robust.df2, test_p=robust.p,
    )  # fmt: skip
    if intercept_only:
        out = _predict(out, robust.m, spec)
    lost = ~single & np.isnan(out.se).all(axis=1) & np.isfinite(rows.value).all(axis=1)
    return _give_up(out, lost, robust.m, spec)


def _fill(batch: MultilevelBatch, spec: ModelSpec, p: int, restricted: bool) -> FittedRows:
    """Return what needs no interval: coefficients, components, heterogeneity, weights, notes."""
    failed = np.isnan(batch.between)
    free = np.where(failed, np.nan, (batch.k - p).astype(np.float64))
    total = batch.between + batch.within
    parameters = p + 1 + batch.separable.astype(np.int64)
    return replace(
        blank_rows(batch.k.size, p, batch.k),
        value=batch.coefficients,
        covariance=batch.covariance,
        wald_covariance=batch.covariance,
        tau2=total,
        q=batch.q, q_df=free, q_p=chi2_p(batch.q, free),
        i2=i2_from_tau2(total, batch.typical_variance), h2=h2_from_tau2(total, batch.typical_variance),
        typical_variance=batch.typical_variance,
        loglik=batch.loglik, parameters=parameters, restricted=restricted,
        status=batch.status,
        weights=batch.weights,
        clusters=batch.m,
        components=tuple(_components(batch, i) for i in range(batch.k.size)),
        notes=tuple(_notes(batch, i, spec) for i in range(batch.k.size)),
    )  # fmt: skip


def _components(batch: MultilevelBatch, i: int) -> tuple[Component, ...]:
    """Return both components of an analysis; only the first where no study gives more than one row."""
    if np.isnan(batch.between[i]) or batch.status[i] == Status.SINGLE_STUDY:
        return ()
    typical, values = float(batch.typical_variance[i]), (float(batch.between[i]), float(batch.within[i]))
    counts = (int(batch.m[i]), int(batch.k[i]))
    return tuple(
        Component(
            LEVELS[j],
            values[j],
            _number(batch.low[j, i]),
            _number(batch.high[j, i]),
            counts[j],
            100.0 * values[j] / (values[0] + values[1] + typical),
        )
        for j in range(2 if batch.separable[i] else 1)
    )


def _notes(batch: MultilevelBatch, i: int, spec: ModelSpec) -> tuple[str, ...]:
    """Say in words what a component that is 0, or not told apart, means."""
    if batch.status[i] == Status.NOT_ESTIMABLE:
        if batch.k[i] > 1 and batch.m[i] < 2:
            return (f"all rows are of one study ({spec.cluster}): nothing tells how studies differ",)
        return ()
    if batch.status[i] == Status.SINGLE_STUDY or np.isnan(batch.between[i]):
        return ()
    if not batch.separable[i]:
        return (
            "no study gives more than one row, so that the variance within studies cannot be told from "
            "that between them: all of it is shown as between studies",
        )
    values = (batch.between[i], batch.within[i])
    zero = [name for name, value in zip(LEVELS, values, strict=True) if value == 0.0]
    return tuple(f"the variance {name} is estimated at 0" for name in zero) if len(zero) == 1 else ()


def _wald_rows(rows: FittedRows, df: Floats, level: float) -> FittedRows:
    """Fill standard errors, intervals and tests from the covariance; ``df`` is (B,) or (B, p)."""
    each = df if df.ndim == 2 else df[:, None]
    se = np.sqrt(np.diagonal(rows.covariance, axis1=1, axis2=2))
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = rows.value / se
    low, high = wald_interval(rows.value, se, two_sided_quantile(level, each))
    return replace(
        rows,
        se=se, low=low, high=high, statistic=statistic, p_value=two_sided_p(statistic, each),
        df=rows.df if df.ndim == 2 else df,
    )  # fmt: skip


def _moderators(rows: FittedRows, design: Floats) -> FittedRows:
    """Fill the joint test of all coefficients but the intercept."""
    first = find_intercept(design)
    tested = [j for j in range(design.shape[1]) if j != first]
    if not tested:
        return rows
    statistic, p = joint_test(rows.value[:, tested], rows.covariance[:, tested][:, :, tested], rows.df)
    df = np.where(np.isnan(statistic), np.nan, float(len(tested)))
    return replace(rows, test_statistic=statistic, test_df=df, test_df2=rows.df, test_p=p)


def _predict(rows: FittedRows, m: NDArray[np.int64], spec: ModelSpec) -> FittedRows:
    """Fill the prediction interval for a row of a new study: all of tau2, studies counted, the Wald error."""
    if spec.pi_method is None:
        return rows
    assert rows.wald_covariance is not None, "the kernels' covariance is kept"
    wald = np.sqrt(rows.wald_covariance[:, 0, 0])
    hksj = wald if rows.hksj_covariance is None else np.sqrt(rows.hksj_covariance[:, 0, 0])
    studies = m.astype(np.float64)
    low, high, df = prediction_interval(
        rows.value[:, 0], wald, hksj, rows.tau2, studies, spec.pi_method, spec.level
    )
    return replace(
        rows, prediction_low=low, prediction_high=high, prediction_df=np.where(np.isnan(low), np.nan, df)
    )


def _give_up(rows: FittedRows, lost: Mask, m: NDArray[np.int64], spec: ModelSpec) -> FittedRows:
    """Estimate nothing where no robust interval exists, and say why."""
    if not lost.any():
        return rows
    blank = blank_rows(rows.k.size, rows.value.shape[1], rows.k)
    kept = ("value", "se", "low", "high", "statistic", "p_value", "df", "prediction_low", "prediction_high")
    changed = {}
    for name in kept:
        here, nothing = getattr(rows, name), getattr(blank, name)
        changed[name] = np.where(lost.reshape(-1, *[1] * (here.ndim - 1)), nothing, here)
    notes = rows.notes if rows.notes is not None else ((),) * lost.size
    said = tuple(
        (*notes[i], *_lost(int(m[i]), rows, i, spec)) if lost[i] else notes[i] for i in range(lost.size)
    )
    status = np.where(lost, Status.NOT_ESTIMABLE, rows.status).astype(np.int8)
    return replace(rows, status=status, notes=said, **changed)


def _lost(m: int, rows: FittedRows, i: int, spec: ModelSpec) -> tuple[str, ...]:
    """Say why an analysis has no robust interval; of degenerate variances the result itself does."""
    p = rows.value.shape[1]
    if rows.degenerate is not None and rows.degenerate[i].any():
        return ()
    studies = f"{m} {'study' if m == 1 else 'studies'} ({spec.cluster})"
    if m < 2:
        return (f"{studies}: a cluster-robust interval ({spec.ci_method}) needs two studies or more",)
    return (f"{studies} for {p} coefficients: no cluster-robust interval ({spec.ci_method})",)


def _fitted(value: Floats, design: Floats) -> Floats:
    """Return X b of each analysis, shape (B, k), term by term."""
    total = np.zeros((value.shape[0], design.shape[0]))
    for j in range(design.shape[1]):
        total = total + value[:, j, None] * design[:, j]
    return total


def _least(df: Floats) -> Floats:
    """Return the fewest degrees of freedom of an analysis, NaN where there are none."""
    known = np.where(np.isnan(df), np.inf, df).min(axis=1)
    return np.where(np.isinf(known), np.nan, known)


def _number(value: float | np.floating) -> float | None:
    return None if np.isnan(value) else float(value)
