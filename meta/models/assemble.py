"""From the finished numbers of a batch to results: one row to ``Fit``, all rows to ``Refits``."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from meta.effects.compute import study_intervals
from meta.effects.measures import SUMMED, to_natural
from meta.effects.sizes import EffectSizes
from meta.inference.heterogeneity import h2_from_tau2, i2_from_tau2
from meta.kernels.status import Status
from meta.models.clusters import cluster_names
from meta.models.design import Design
from meta.models.reasons import NO_ROW, fit_notes
from meta.models.rows import FittedRows
from meta.options import WITHOUT_TAU2, ModelSpec
from meta.results import (
    Coefficients,
    Estimate,
    Excluded,
    Fit,
    Floats,
    Heterogeneity,
    Information,
    ModeratorTest,
    Natural,
    PopulationMean,
    Prediction,
    Refits,
    Study,
    Tau2,
)

Mask = NDArray[np.bool_]

#: The word of each status, by its code.
_STATUS_WORDS = np.array([status.name.lower() for status in sorted(Status)])


def assemble_fit(
    effects: EffectSizes,
    spec: ModelSpec,
    design: Design,
    rows: FittedRows,
    i: int,
    used: Mask,
    *,
    notes: Sequence[str] = (),
    null: FittedRows | None = None,
) -> Fit:
    """Turn row ``i`` of a batch into a ``Fit``.

    ``used`` (k,) says which studies that row rests on; ``null`` is the same model without moderators on the
    same studies (one row), for R2.
    """
    status = Status(int(rows.status[i]))
    pooled = design.intercept_only and status not in (Status.NOT_ESTIMABLE, Status.NOT_CONVERGED)
    one_sided = status is Status.ONE_SIDED
    coefficients = _coefficients(rows, i, design) if np.isfinite(rows.value[i]).all() else None
    return Fit(
        measure=effects.measure,
        spec=spec,
        k=int(rows.k[i]),
        status=status.name.lower(),
        estimate=_estimate(rows, i, spec) if pooled and not one_sided else None,
        natural=_natural(effects, rows, i, used, one_sided) if pooled else None,
        population_mean=_population_mean(rows, i) if pooled else None,
        tau2=_tau2(rows, i, spec),
        heterogeneity=_heterogeneity(rows, i, spec),
        prediction=_prediction(rows, i, spec),
        coefficients=coefficients,
        covariance=rows.covariance[i].copy() if coefficients is not None else None,
        moderator_test=_moderator_test(rows, i) if not design.intercept_only else None,
        r2=_r2(rows, i, spec, null) if null is not None else None,
        loglik=_number(rows.loglik[i]),
        weights=rows.weights[i][used].copy()
        if rows.weights is not None and coefficients is not None
        else None,
        studies=_studies(effects, spec, rows, i, design, used),
        excluded=_excluded(effects, spec, design, used),
        totals=_totals(effects, spec, used),
        notes=(*notes, *fit_notes(rows, i, spec, design, used)),
        information=_information(rows, i),
        components=rows.components[i] if rows.components is not None else (),
        clusters=int(rows.clusters[i]) if rows.clusters is not None else None,
        posterior=rows.posteriors[i] if rows.posteriors is not None else None,
        moderators=design.moderators,
        wald_covariance=_covariance(rows.wald_covariance, i, design),
        hksj_covariance=_covariance(rows.hksj_covariance, i, design),
    )


def _totals(effects: EffectSizes, spec: ModelSpec, used: Mask) -> dict[str, float]:
    """Sum the counts over the studies used; rows of one study may share people, so that none are summed."""
    if spec.cluster is not None:
        return {}
    return {name: float(np.sum(effects.counts[name][used])) for name in effects.counts if name in SUMMED}


def empty_fit(effects: EffectSizes, spec: ModelSpec) -> Fit:
    """Return the ``Fit`` of an analysis whose every row is invalid or incomplete: reasons, no number."""
    studies = tuple(_excluded_study(row) for row in effects.excluded)
    return Fit(
        measure=effects.measure,
        spec=spec,
        k=0,
        status="not_estimable",
        estimate=None,
        natural=None,
        population_mean=None,
        tau2=None,
        heterogeneity=None,
        prediction=None,
        coefficients=None,
        covariance=None,
        moderator_test=None,
        r2=None,
        loglik=None,
        weights=None,
        studies=studies,
        excluded=(),
        totals={},
        notes=(NO_ROW,),
    )


def assemble_refits(
    rows: FittedRows,
    kind: str,
    labels: Sequence[str],
    measure: str,
    spec: ModelSpec,
    harmonic: Floats | None,
    notes: tuple[str, ...] = (),
    *,
    kernel: str = "numpy",
) -> Refits:
    """Turn all rows into ``Refits``; with moderators pooled arrays are NaN and ``coefficients`` speak."""
    single = rows.value.shape[1] == 1 and spec.moderators is None
    nothing = np.full(rows.k.shape, np.nan)
    value, se, low, high, p = (
        array[:, 0] if single else nothing.copy()
        for array in (rows.value, rows.se, rows.low, rows.high, rows.p_value)
    )
    natural, natural_low, natural_high, prediction_low, prediction_high = (
        to_natural(measure, array, harmonic)
        for array in (value, low, high, rows.prediction_low, rows.prediction_high)
    )
    bounded = rows.status == Status.ONE_SIDED
    if bounded.any():
        # no events at all: the value is the bound that is itself zero (or one), the other is the exact one
        natural = np.where(bounded, np.where(rows.one_sided_low == 0.0, 0.0, rows.one_sided_high), natural)
        natural_low = np.where(bounded, rows.one_sided_low, natural_low)
        natural_high = np.where(bounded, rows.one_sided_high, natural_high)
    return Refits(
        kind=kind,
        labels=labels,
        measure=measure,
        spec=spec,
        estimate=value,
        se=se,
        low=low,
        high=high,
        p=p,
        tau2=rows.tau2,
        i2=rows.i2,
        k=rows.k,
        natural=natural,
        natural_low=natural_low,
        natural_high=natural_high,
        prediction_low=rows.prediction_low,
        prediction_high=rows.prediction_high,
        natural_prediction_low=prediction_low,
        natural_prediction_high=prediction_high,
        status=_STATUS_WORDS[rows.status],
        coefficients=rows.value.copy(),
        notes=notes or ("",) * len(labels),
        kernel=kernel,
    )


def _number(value: float | np.floating) -> float | None:
    """Return a float, or None for NaN."""
    return None if np.isnan(value) else float(value)


def _numbers(values: Floats) -> list[float | None]:
    """Return floats, None for NaN."""
    return [None if value != value else value for value in values.tolist()]


def _estimate(rows: FittedRows, i: int, spec: ModelSpec) -> Estimate:
    return Estimate(
        value=float(rows.value[i, 0]),
        se=float(rows.se[i, 0]),
        low=float(rows.low[i, 0]),
        high=float(rows.high[i, 0]),
        statistic=float(rows.statistic[i, 0]),
        df=_number(rows.df[i]),
        p=float(rows.p_value[i, 0]),
        level=spec.level,
    )


def _natural(effects: EffectSizes, rows: FittedRows, i: int, used: Mask, one_sided: bool) -> Natural:
    if one_sided:
        low, high = float(rows.one_sided_low[i]), float(rows.one_sided_high[i])
        return Natural(0.0 if low == 0.0 else high, low, high, None, None)
    value, low, high, prediction_low, prediction_high = to_natural(
        effects.measure,
        np.array(
            [
                rows.value[i, 0],
                rows.low[i, 0],
                rows.high[i, 0],
                rows.prediction_low[i],
                rows.prediction_high[i],
            ]
        ),
        effects.harmonic_n(used),
    )
    return Natural(float(value), float(low), float(high), _number(prediction_low), _number(prediction_high))


def _population_mean(rows: FittedRows, i: int) -> PopulationMean | None:
    if np.isnan(rows.population_value[i]):
        return None
    return PopulationMean(
        float(rows.population_value[i]), float(rows.population_low[i]), float(rows.population_high[i])
    )


def _tau2(rows: FittedRows, i: int, spec: ModelSpec) -> Tau2 | None:
    if np.isnan(rows.tau2[i]):
        return None
    return Tau2(
        float(rows.tau2[i]),
        _number(rows.tau2_low[i]),
        _number(rows.tau2_high[i]),
        spec.tau2_method,
        spec.tau2_ci,
        _bound(rows.tau2_se, i),
    )


def _heterogeneity(rows: FittedRows, i: int, spec: ModelSpec) -> Heterogeneity | None:
    if np.isnan(rows.q[i]):
        return None
    wald = not np.isnan(rows.q_wald[i])
    bounds = rows.i2_low, rows.i2_high, rows.h2_low, rows.h2_high
    if spec.is_glmm and bounds[0] is None:
        low, high, typical = rows.tau2_low, rows.tau2_high, rows.typical_variance
        bounds = (
            i2_from_tau2(low, typical), i2_from_tau2(high, typical),
            h2_from_tau2(low, typical), h2_from_tau2(high, typical),
        )  # fmt: skip
    return Heterogeneity(
        q=float(rows.q[i]),
        df=int(rows.q_df[i]),
        p=float(rows.q_p[i]),
        i2=_number(rows.i2[i]),
        h2=_number(rows.h2[i]),
        typical_variance=_number(rows.typical_variance[i]),
        q_wald=float(rows.q_wald[i]) if wald else None,
        q_wald_df=int(rows.q_wald_df[i]) if wald else None,
        q_wald_p=_number(rows.q_wald_p[i]) if wald else None,
        i2_low=_bound(bounds[0], i),
        i2_high=_bound(bounds[1], i),
        h2_low=_bound(bounds[2], i),
        h2_high=_bound(bounds[3], i),
    )


def _covariance(covariance: Floats | None, i: int, design: Design) -> Floats | None:
    """Return one of the two covariances that predictions rest on; None without moderators or estimate."""
    if covariance is None or design.moderators is None or not np.isfinite(covariance[i]).all():
        return None
    return np.array(covariance[i], dtype=np.float64)


def _bound(bounds: Floats | None, i: int) -> float | None:
    """Return one bound of a batch, None where it was not asked for or does not exist."""
    return None if bounds is None else _number(bounds[i])


def _information(rows: FittedRows, i: int) -> Information | None:
    """Return the criteria made of the log-likelihood; under REML n counts the error contrasts.

    References
    ----------
    Hurvich & Tsai (1989), Biometrika 76, 297-307 (AICc).
    """
    if rows.parameters is None or np.isnan(rows.loglik[i]):
        return None
    loglik, parameters = float(rows.loglik[i]), int(rows.parameters[i])
    n = int(rows.k[i]) - (rows.value.shape[1] if rows.restricted else 0)
    room = n - parameters - 1
    return Information(
        loglik=loglik,
        parameters=parameters,
        n=n,
        restricted=rows.restricted,
        aic=2.0 * parameters - 2.0 * loglik,
        bic=parameters * float(np.log(n)) - 2.0 * loglik if n > 0 else float("nan"),
        aicc=2.0 * parameters * n / room - 2.0 * loglik if room > 0 else None,
    )


def _prediction(rows: FittedRows, i: int, spec: ModelSpec) -> Prediction | None:
    if spec.pi_method is None or np.isnan(rows.prediction_low[i]):
        return None
    return Prediction(
        float(rows.prediction_low[i]),
        float(rows.prediction_high[i]),
        _number(rows.prediction_df[i]),
        spec.pi_method,
    )


def _coefficients(rows: FittedRows, i: int, design: Design) -> Coefficients:
    value, se, low, high, statistic, p = (
        array[i].copy() for array in (rows.value, rows.se, rows.low, rows.high, rows.statistic, rows.p_value)
    )
    df = None if rows.coefficient_df is None else rows.coefficient_df[i].copy()
    return Coefficients(design.names, value, se, low, high, statistic, p, df)


def _moderator_test(rows: FittedRows, i: int) -> ModeratorTest | None:
    if np.isnan(rows.test_statistic[i]):
        return None
    return ModeratorTest(
        float(rows.test_statistic[i]), int(rows.test_df[i]), _number(rows.test_df2[i]), float(rows.test_p[i])
    )


def _r2(rows: FittedRows, i: int, spec: ModelSpec, null: FittedRows) -> float | None:
    """Return the share of tau2 that moderators explain, percent; under a common effect, of Q over df.

    References
    ----------
    Raudenbush (2009), in The Handbook of Research Synthesis and Meta-Analysis, 2nd ed., eq. 16.24; negative
    values are reported as 0.
    """
    before, after = float(null.tau2[0]), float(rows.tau2[i])
    if spec.model in WITHOUT_TAU2:
        if not (null.q_df[0] > 0.0 and rows.q_df[i] > 0.0):
            return None
        before, after = float(null.q[0] / null.q_df[0]), float(rows.q[i] / rows.q_df[i])
    if not (np.isfinite(before) and np.isfinite(after)) or before <= 0.0:
        return None
    return 100.0 * max(0.0, (before - after) / before)


def _reason(effects: EffectSizes, spec: ModelSpec, design: Design, j: int) -> str:
    """Say why study ``j`` cannot be used."""
    if spec.cluster is not None and cluster_names(effects, spec)[j] is None:
        return f"{spec.cluster} not reported"
    if design.reasons[j] is not None:
        return str(design.reasons[j])
    return effects.reasons[j] or "not in this analysis"


def _studies(
    effects: EffectSizes, spec: ModelSpec, rows: FittedRows, i: int, design: Design, used: Mask
) -> tuple[Study, ...]:
    """List every study as figures show it: used, unusable under this model, invalid; with reasons."""
    value, low, high = (_numbers(array) for array in study_intervals(effects, spec.level))
    y, v = _numbers(effects.y), _numbers(effects.v)
    shown = np.full(effects.k, np.nan) if rows.weights is None else np.where(used, rows.weights[i], np.nan)
    weight = _numbers(shown)
    counts = {name: _numbers(values) for name, values in effects.counts.items()}
    studies = [
        Study(
            label=effects.labels[j],
            counts={name: values[j] for name, values in counts.items()},
            value=value[j],
            low=low[j],
            high=high[j],
            weight=weight[j],
            y=y[j],
            v=v[j],
            used=bool(used[j]),
            reason=None if used[j] else _reason(effects, spec, design, j),
            rows=effects.rows[j],
            recovered=effects.recovered[j],
        )
        for j in range(effects.k)
    ]
    return (*studies, *(_excluded_study(row) for row in effects.excluded))


def _excluded_study(row: Excluded) -> Study:
    """Show a row that is invalid or incomplete: its label and the reason."""
    return Study(
        row.label, {}, None, None, None, None, None, None, used=False, reason=row.reason, rows=row.rows
    )


def _excluded(effects: EffectSizes, spec: ModelSpec, design: Design, used: Mask) -> tuple[Excluded, ...]:
    """List the studies that are valid but of no use to this model."""
    return tuple(
        Excluded(effects.labels[j], _reason(effects, spec, design, int(j)), effects.rows[j])
        for j in np.flatnonzero(~used)
    )
