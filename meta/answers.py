"""One analysis of the protocol, from its chosen rows to everything the report says about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from extraction.sheet import RowRef, Sheet
from meta.bias.asymmetry import SmallStudyTest, check_sample_size
from meta.effects.compute import effect_sizes
from meta.effects.measures import default_unit, find_measure
from meta.effects.sizes import EffectSizes
from meta.models.fitting import fit_model
from meta.models.subgroups import fit_subgroups
from meta.options import DisplayUnit, ModelSpec
from meta.profiles.loader import MethodProfile, load_profile
from meta.protocol import Analysis, ModeratorPlan, SubgroupPlan
from meta.results import Fit, Refits, Subgroups, to_plain
from meta.selection import Selection, select_rows
from meta.sensitivity.cumulative import cumulate
from meta.sensitivity.leave_one_out import leave_one_out

#: Fewest studies for a table of leave-one-out or cumulative refits: with two, every refit is a single study.
MIN_REFITS = 3

#: Sheet columns that the table of studies shows where a sheet has them, with their headings.
STUDY_COLUMNS = (
    ("authors_short", "Authors"),
    ("year", "Year"),
    ("verification", "Verified"),
    ("source_location", "Read in"),
    ("risk_of_bias_note", "Quality note"),
    ("quality_note", "Quality note"),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What one analysis found: inputs chosen, model fitted, refits, and the words of the protocol that go with them."""

    plan: Analysis
    profile: MethodProfile
    spec: ModelSpec
    unit: DisplayUnit
    selection: Selection
    effects: EffectSizes
    fit: Fit | None
    left_out: Refits | None
    grown: Refits | None
    subgroups: tuple[tuple[SubgroupPlan, Subgroups], ...]
    regressions: tuple[tuple[ModeratorPlan, Fit], ...]
    small_study: SmallStudyTest | None
    descriptors: tuple[Mapping[str, Any], ...]
    study_table: Mapping[str, Any]
    targets: tuple[Mapping[str, Any], ...]


def resolve_spec(profile: MethodProfile, overrides: Mapping[str, Any]) -> ModelSpec:
    """Return the choices of a profile with those of the protocol in their place.

    Choices of the profile that an override makes meaningless (the HKSJ guard under a Wald interval, the estimator of another kind of
    model) fall back to what the overriding choice brings by default.
    """
    options = {**profile.options, **overrides}
    base = profile.spec()
    model = options.get("model", base.model)
    if model != base.model and not (base.is_glmm and ModelSpec(model=model).is_glmm):
        options = {"level": options.get("level", base.level), **overrides}
    if "ci_method" in overrides and "ci_guard" not in overrides:
        options.pop("ci_guard", None)
    return ModelSpec(**options)


def answer_analysis(plan: Analysis, sheet: Sheet, targets: Mapping[str, Mapping[str, Any]]) -> Answer:
    """Run one analysis of the protocol.

    Parameters
    ----------
    plan : Analysis
        What the protocol declares.
    sheet : Sheet
        The whole checked sheet it names.
    targets : mapping
        Outside references by id.

    Returns
    -------
    Answer
        ``fit`` is None where no row reached the analysis at all.

    Raises
    ------
    ProblemsError
        If two rows carry one label, or a named row does not exist.
    MetaError
        If the plan asks for something its data or model do not offer.
    """
    profile = load_profile(plan.profile)
    spec = resolve_spec(profile, plan.model)
    selection = select_rows(sheet, plan)
    effects = effect_sizes(
        selection.sheet, measure=plan.measure, label=plan.label_columns, refs=selection.refs, **plan.columns
    )
    fit = fit_model(effects, spec) if effects.k or effects.excluded else None
    usable = fit.k if fit is not None else 0
    return Answer(
        plan=plan,
        profile=profile,
        spec=spec,
        unit=_unit(plan),
        selection=selection,
        effects=effects,
        fit=fit,
        left_out=leave_one_out(effects, spec) if plan.leave_one_out and usable >= MIN_REFITS else None,
        grown=cumulate(effects, spec, order=plan.cumulative) if plan.cumulative and usable >= MIN_REFITS else None,
        subgroups=tuple(
            (group, fit_subgroups(effects, spec, by=group.by, common_tau2=group.common_tau2))
            for group in plan.subgroups
            if usable
        ),
        regressions=tuple(
            (moderator, fit_model(effects, replace(spec, moderators=moderator.formula)))
            for moderator in plan.moderators
            if usable
        ),
        small_study=check_sample_size(effects, spec) if plan.small_study and usable else None,
        descriptors=_descriptors(plan, selection),
        study_table=_study_table(selection),
        targets=tuple(targets[name] for name in plan.targets),
    )


def answer_to_dict(answer: Answer, figures: Mapping[str, str]) -> dict[str, Any]:
    """Return an answer as the entry of ``results.json`` that belongs to it; ``figures`` maps kinds to file names."""
    plan = answer.plan
    plain: dict[str, Any] = to_plain(
        {
            "id": plan.id,
            "title": plan.title,
            "question": plan.question,
            "sheet": plan.sheet,
            "measure": plan.measure,
            "measure_name": find_measure(plan.measure).name,
            "profile": plan.profile,
            "unit": answer.unit,
            "columns": plan.columns,
            "spec": answer.spec,
            "selection": answer.selection.record,
            "fit": answer.fit,
            "leave_one_out": answer.left_out,
            "cumulative": answer.grown,
            "subgroups": [
                {"title": group.title, "by": group.by, "overall": group.overall, "show_test": group.test, "result": result}
                for group, result in answer.subgroups
            ],
            "regressions": [
                {
                    "title": moderator.title, "formula": moderator.formula, "show": moderator.show,
                    "caveat": moderator.caveat, "fit": fit,
                }
                for moderator, fit in answer.regressions
            ],
            "small_study": answer.small_study,
            "targets": answer.targets,
            "threshold": plan.threshold.model_dump() if plan.threshold is not None else None,
            "descriptors": answer.descriptors,
            "study_table": answer.study_table,
            "caveats": plan.caveats,
            "figures": figures,
        }
    )
    return plain


def _unit(plan: Analysis) -> DisplayUnit:
    """Return the unit that the protocol declares, or the measure's own."""
    if plan.unit is None:
        return default_unit(plan.measure)
    return DisplayUnit(plan.unit.factor, plan.unit.heading, plan.unit.axis)


def _descriptors(plan: Analysis, selection: Selection) -> tuple[Mapping[str, Any], ...]:
    """Return the descriptor columns of the forest plot: heading, and the cells by study as the sheet writes them."""
    found = []
    for descriptor in plan.descriptors:
        values = {}
        for label, row in zip(selection.labels, selection.sheet.rows, strict=True):
            text = row.text.get(descriptor.column, "")
            marked = descriptor.mark is not None and row.text.get(descriptor.mark.column) == descriptor.mark.equals
            values[label] = f"{text}{descriptor.mark.sign}" if marked and text and descriptor.mark else text
        found.append(
            {
                "column": descriptor.column,
                "heading": descriptor.heading,
                "align": descriptor.align,
                "values": values,
                "note": f"{descriptor.mark.sign} {descriptor.mark.words}" if descriptor.mark is not None else None,
            }
        )
    return tuple(found)


def _study_table(selection: Selection) -> Mapping[str, Any]:
    """Return what the report's table of studies shows beside the numbers of the fit."""
    present = set(selection.sheet.columns)
    columns = [(name, heading) for name, heading in STUDY_COLUMNS if name in present]
    rows = []
    for label, row in zip(selection.labels, selection.sheet.rows, strict=True):
        refs: tuple[RowRef, ...] = selection.refs.get(label, (row.ref,))
        rows.append(
            {
                "label": label,
                "cells": {name: row.text.get(name, "") for name, _ in columns},
                "source_url": row.text.get("source_url") or None,
                "risk_of_bias": row.text.get("risk_of_bias") or None,
                "rows": refs,
            }
        )
    return {"columns": [{"name": name, "heading": heading} for name, heading in columns], "rows": rows}
