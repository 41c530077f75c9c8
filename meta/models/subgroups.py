"""Subgroups: one estimate a level of a column, and the test between them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc

from extraction.names import suggest
from meta.effects.measures import to_natural
from meta.effects.sizes import EffectSizes
from meta.errors import ModelError
from meta.models.assemble import assemble_fit
from meta.models.clusters import cluster_names
from meta.models.design import Design, build_design
from meta.models.fitting import fit_rows, usable_studies
from meta.models.rows import FittedRows
from meta.options import ModelSpec
from meta.results import Estimate, Fit, Floats, GroupTest, Natural, Subgroups

Mask = NDArray[np.bool_]


def fit_subgroups(
    effects: EffectSizes, spec: ModelSpec | None = None, *, by: str, common_tau2: bool = False
) -> Subgroups:
    """Fit the model in each level of a column, and test the difference between levels.

    Parameters
    ----------
    effects : EffectSizes
        The studies; those without a value in ``by`` are in no group and listed.
    spec : ModelSpec, optional
        A model without moderators; ``ModelSpec()`` where none is given.
    by : str
        Column of the sheet whose values, as text and sorted, are the levels.
    common_tau2 : bool
        False: each group has a tau2 of its own, and the test is Cochran's Q of the group estimates
        (chi-squared). Groups of one study take no part in it, since they carry no between-study variance;
        where a cluster has rows in several groups there is no such test, since they are not independent.
        True: one model with one tau2, tested jointly (F under HKSJ and t); a group of one study takes part
        in the test and shows its study, with the study's own interval.

    Returns
    -------
    Subgroups

    Raises
    ------
    ModelError
        If the column does not exist, holds nothing, or the model has moderators.

    References
    ----------
    Borenstein & Higgins (2013), Prevention Science 14, 134-143 (separate and pooled tau2).
    """
    chosen = spec if spec is not None else ModelSpec()
    if chosen.moderators is not None:
        raise ModelError("subgroups take a model without moderators")
    if by not in effects.columns:
        raise ModelError(f"subgroups: no column {by!r}; {suggest(by, effects.columns)}")
    cells = [None if cell is None or cell == "" else str(cell) for cell in effects.columns[by]]
    levels = tuple(sorted({cell for cell in cells if cell is not None}))
    if not levels:
        raise ModelError(f"subgroups: column {by!r} is empty in every study")
    design = build_design(None, effects.columns, effects.k)
    usable = usable_studies(effects, chosen, design)
    member = np.array([[cell == level for cell in cells] for level in levels], dtype=bool)
    rows = fit_rows(effects, chosen, member, design)
    fits = tuple(_level_fit(effects, chosen, design, rows, i, member[i], usable) for i in range(len(levels)))
    if common_tau2:
        fits, test = _share_tau2(effects, chosen, levels, member & usable, fits)
    else:
        test = _no_test() if chosen.model == "bayes" else _q_between(levels, fits)
        if shared := _clusters_in_several(effects, chosen, member & usable):
            why = (
                f"no test: {chosen.cluster} {shared[0]!r} is in several groups, which are therefore not "
                "independent; one model with one tau2 tests them jointly"
            )
            test = GroupTest(None, None, None, None, test.method, why)
    unlabelled = tuple(effects.labels[j] for j in range(effects.k) if cells[j] is None)
    return Subgroups(by, common_tau2, levels, fits, test, unlabelled)


def _clusters_in_several(effects: EffectSizes, spec: ModelSpec, member: Mask) -> tuple[str, ...]:
    """Return the clusters whose rows are in more than one group, sorted."""
    if spec.cluster is None:
        return ()
    names = cluster_names(effects, spec)
    groups = [{names[j] for j in np.flatnonzero(row)} for row in member]
    everywhere = [name for group in groups for name in group if name is not None]
    return tuple(sorted({name for name in everywhere if everywhere.count(name) > 1}))


def _level_fit(
    effects: EffectSizes,
    spec: ModelSpec,
    design: Design,
    rows: FittedRows,
    i: int,
    member: Mask,
    usable: Mask,
) -> Fit:
    """Assemble the fit of one level, listing only the studies of that level."""
    fit = assemble_fit(effects, spec, design, rows, i, member & usable)
    inside = {effects.labels[j] for j in np.flatnonzero(member)}
    return replace(
        fit,
        studies=tuple(s for s in fit.studies if s.label in inside),
        excluded=tuple(e for e in fit.excluded if e.label in inside),
    )


def _no_test() -> GroupTest:
    """Say why Bayesian groups are not tested."""
    reason = "no test: a Bayesian model has none; the posteriors of the groups stand side by side"
    return GroupTest(None, None, None, None, "none", reason)


def _q_between(levels: tuple[str, ...], fits: tuple[Fit, ...]) -> GroupTest:
    """Test the levels that have a pooled estimate of two or more studies by Cochran's Q."""
    method = "Q between groups, each with its own tau2 (chi-squared)"
    pooled = [fit.estimate for fit in fits if fit.estimate is not None and fit.k >= 2]
    left_out = [level for level, fit in zip(levels, fits, strict=True) if fit.estimate is None or fit.k < 2]
    aside = f"without {', '.join(left_out)} (fewer than two studies, or not estimable)" if left_out else None
    if len(pooled) < 2:
        reason = f"no test: {'only one group has' if pooled else 'no group has'} two or more studies"
        return GroupTest(None, None, None, None, method, reason)
    value = np.array([e.value for e in pooled])
    weight = 1.0 / np.square([e.se for e in pooled])
    mean = float(np.sum(weight * value) / np.sum(weight))
    q = float(np.sum(weight * np.square(value - mean)))
    df = len(pooled) - 1
    return GroupTest(q, df, None, float(chdtrc(df, q)), method, aside)


def _share_tau2(
    effects: EffectSizes, spec: ModelSpec, levels: tuple[str, ...], member: Mask, fits: tuple[Fit, ...]
) -> tuple[tuple[Fit, ...], GroupTest]:
    """Refit all levels in one model with one tau2; give each fit its coefficient, and test them jointly."""
    method = "joint test in one model with one tau2"
    filled: Mask = np.any(member, axis=1)
    if filled.sum() < 2:
        return fits, GroupTest(None, None, None, None, method, "no test: fewer than two groups have studies")
    used: Mask = np.any(member, axis=0)
    indicators = member[filled].T.astype(np.float64)
    names = tuple(level for level, here in zip(levels, filled, strict=True) if here)
    means = fit_rows(effects, spec, used[None, :], _group_design(indicators, names, used))
    contrast = indicators.copy()
    contrast[:, 0] = 1.0
    tested = fit_rows(effects, spec, used[None, :], _group_design(contrast, names, used))
    places = iter(range(int(filled.sum())))
    shared = tuple(
        _with_common(fit, means, next(places), effects.measure, spec, effects.harmonic_n(member[g]))
        if filled[g]
        else fit
        for g, fit in enumerate(fits)
    )
    if np.isnan(tested.test_statistic[0]):
        return shared, GroupTest(None, None, None, None, method, "no test: the joint model cannot be fitted")
    df2 = float(tested.test_df2[0])
    return shared, GroupTest(
        float(tested.test_statistic[0]),
        int(tested.test_df[0]),
        None if np.isnan(df2) else df2,
        float(tested.test_p[0]),
        method,
        None,
    )


def _group_design(matrix: Floats, names: tuple[str, ...], used: Mask) -> Design:
    missing = tuple(None if here else "group" for here in used)
    return Design(np.ascontiguousarray(matrix), names, used, missing, intercept_only=False)


def _with_common(
    fit: Fit, rows: FittedRows, c: int, measure: str, spec: ModelSpec, harmonic: Floats | None
) -> Fit:
    """Give a level's fit the estimate and tau2 of the joint model; drop what rests on its own tau2."""
    if fit.tau2 is None or np.isnan(rows.value[0, c]):
        return fit
    tau2 = replace(fit.tau2, value=float(rows.tau2[0]), low=None, high=None, ci_method=None)
    if fit.status == "single_study":
        # a group of one shows its study, and summarises nothing
        return replace(fit, tau2=tau2)
    value, low, high = (float(array[0, c]) for array in (rows.value, rows.low, rows.high))
    df = float(rows.df[0] if rows.coefficient_df is None else rows.coefficient_df[0, c])
    estimate = Estimate(
        value,
        float(rows.se[0, c]),
        low,
        high,
        float(rows.statistic[0, c]),
        None if np.isnan(df) else df,
        float(rows.p_value[0, c]),
        spec.level,
    )
    natural = to_natural(measure, np.array([value, low, high]), harmonic)
    return replace(
        fit,
        estimate=estimate,
        natural=Natural(float(natural[0]), float(natural[1]), float(natural[2]), None, None),
        tau2=tau2,
        prediction=None,
        population_mean=None,
        coefficients=None,
        covariance=None,
        weights=None,
    )
