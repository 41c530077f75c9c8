"""One analysis of the protocol, from its chosen rows to everything the report says about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from meta.alternatives import Alternatives, answer_alternatives
from meta.bias.asymmetry import SmallStudyTest, check_sample_size
from meta.crosscheck.opinions import Opinion
from meta.crosscheck.r_engine import crosscheck_with_r
from meta.crosscheck.regressed import Regressions
from meta.crosscheck.regression_engine import crosscheck_regressions
from meta.crosscheck.second import crosscheck_fits
from meta.effects.compute import effect_sizes
from meta.effects.measures import default_unit, find_measure
from meta.effects.recovered_rows import split_columns
from meta.effects.sizes import EffectSizes, Value
from meta.errors import MetaError, ProtocolError
from meta.judging import NOTHING_JUDGED, Judged, judge, judged_entries, overall_judgement
from meta.models.fitting import fit_model
from meta.models.formula import formula_columns
from meta.models.posterior_tails import with_threshold
from meta.models.predictions import Predictions, curve_column, predict_curve
from meta.models.subgroups import fit_subgroups
from meta.options import DisplayUnit, ModelSpec
from meta.protocol.plan import Analysis, ModeratorPlan, SubgroupPlan
from meta.protocol.reads import columns_read
from meta.protocol.review import Review
from meta.protocol.selection import Selection
from meta.results import Fit, GroupTest, Refits, Subgroups, to_plain
from meta.sensitivity.cumulative import cumulate
from meta.sensitivity.leave_one_out import leave_one_out
from meta.sensitivity.permutation import Permutation, permute
from meta.sensitivity.share import Share, expected_share, refuse_share

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

#: Columns that tell where a study was published, beside those above: for the list of references.
REFERENCE_COLUMNS = ("title", "journal", "doi", "pmid")


@dataclass(frozen=True, slots=True)
class Regression:
    """A meta-regression of the protocol: its fit, the curve where it can be drawn, its permutation test."""

    plan: ModeratorPlan
    fit: Fit
    curve: Predictions | None
    permutation: Permutation | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What one analysis found: inputs chosen, model fitted, refits, and the protocol's words on them."""

    plan: Analysis
    spec: ModelSpec
    unit: DisplayUnit
    selection: Selection
    effects: EffectSizes
    fit: Fit | None
    left_out: Refits | None
    grown: Refits | None
    alternatives: Alternatives | None
    subgroups: tuple[tuple[SubgroupPlan, Subgroups], ...]
    regressions: tuple[Regression, ...]
    small_study: SmallStudyTest | None
    share: Share | None
    descriptors: tuple[Mapping[str, Any], ...]
    study_table: Mapping[str, Any]
    targets: tuple[Mapping[str, Any], ...]
    judged: Judged = NOTHING_JUDGED

    def fits(self) -> tuple[tuple[str, EffectSizes, Fit], ...]:
        """Return every fit without moderators: its name, effect sizes that hold its studies, the fit.

        The main one where there is one, then subgroups, then alternatives. Groups that share one tau2 are
        coefficients of one regression and no fits of their own.
        """
        found = []
        if self.fit is not None and self.plan.overall:
            found.append(("main", self.effects, self.fit))
        for group, result in self.subgroups:
            if not result.common_tau2:
                found += [
                    (f"subgroup {group.by}: {level}", self.effects, fit)
                    for level, fit in zip(result.levels, result.fits, strict=True)
                ]
        for other in self.alternatives.rows if self.alternatives is not None else ():
            if other.effects is not None and other.fit is not None:
                found.append((f"alternative: {other.label}", other.effects, other.fit))
        return tuple(entry for entry in found if entry[2].spec.moderators is None)

    def regressed(self) -> Regressions:
        """Return every regression: the main fit where it is one, groups with one tau2, meta-regressions."""
        found: list[tuple[str, EffectSizes, Fit | Subgroups]] = []
        if self.fit is not None and self.plan.overall and self.fit.spec.moderators is not None:
            found.append(("main", self.effects, self.fit))
        found += [
            (f"subgroups {group.by}: one tau2", self.effects, result)
            for group, result in self.subgroups
            if result.common_tau2
        ]
        for other in self.alternatives.rows if self.alternatives is not None else ():
            if other.effects is not None and other.fit is not None and other.fit.spec.moderators is not None:
                found.append((f"alternative: {other.label}", other.effects, other.fit))
        found += [
            (f"regression: {regression.plan.formula}", self.effects, regression.fit)
            for regression in self.regressions
        ]
        if self.small_study is not None and self.small_study.fit is not None:
            found.append(("small-study check", self.effects, self.small_study.fit))
        return tuple(found)


def crosscheck_answers(answers: Iterable[Answer], *, r: bool = True) -> dict[str, tuple[Opinion, ...]]:
    """Return the second opinions on every fit of every answer, by analysis id; with ``r`` metafor's too."""
    asked = {answer.plan.id: (answer.fits(), answer.regressed()) for answer in answers}
    said = {
        name: (*crosscheck_fits(fits), *crosscheck_regressions(regressions))
        for name, (fits, regressions) in asked.items()
    }
    more = crosscheck_with_r(asked) if r else {}
    return {name: (*opinions, *more.get(name, ())) for name, opinions in said.items()}


@contextmanager
def name_analysis(checked: Review, plan: Analysis) -> Iterator[None]:
    """Say in which analysis of which protocol something could not be done."""
    try:
        yield
    except MetaError as error:
        raise ProtocolError(f"{checked.path.name}, analysis {plan.id!r}: {error}") from error


def answer_analysis(plan: Analysis, selection: Selection, targets: Mapping[str, Mapping[str, Any]]) -> Answer:
    """Run one analysis of the protocol.

    Parameters
    ----------
    plan : Analysis
        What the protocol declares.
    selection : Selection
        The rows it takes.
    targets : mapping
        Outside references by id.

    Returns
    -------
    Answer
        ``fit`` is None where no row reached the analysis at all.

    Raises
    ------
    MetaError
        If the plan asks for something its data or model do not offer.
    """
    spec = plan.spec()
    direct, recover = split_columns(plan.measure, plan.columns)
    columns: dict[str, Any] = {**direct, **plan.effect_choices()}
    effects = effect_sizes(
        selection.sheet,
        measure=plan.measure,
        label=selection.label,
        refs=selection.refs,
        recover=recover,
        **columns,
    )
    fit = fit_model(effects, spec) if effects.k or effects.excluded else None
    if fit is not None and plan.threshold is not None:
        declared = (plan.display_unit() or default_unit(plan.measure)).factor
        fit = with_threshold(fit, effects, float(plan.threshold.value) / declared)
    usable = fit.k if fit is not None else 0
    pooled = plan.overall and usable > 0
    many = plan.overall and usable >= MIN_REFITS
    unit = plan.display_unit() or default_unit(plan.measure)
    whole = selection.sheet.whole or selection.sheet
    left_out = leave_one_out(effects, spec) if many and plan.leave_one_out else None
    return Answer(
        plan=plan,
        spec=spec,
        unit=unit,
        selection=selection,
        effects=effects,
        fit=fit if plan.overall or fit is None else _unpooled(fit),
        left_out=left_out,
        grown=cumulate(effects, spec, order=plan.cumulative) if many and plan.cumulative else None,
        alternatives=answer_alternatives(plan, whole, fit, unit) if plan.alternatives else None,
        subgroups=tuple(
            (group, _fit_group(effects, spec, group))
            for group in plan.subgroups
            if usable
        ),
        regressions=tuple(_regress(effects, spec, moderator) for moderator in plan.moderators if pooled),
        small_study=check_sample_size(effects, spec) if plan.small_study and pooled else None,
        share=_share_beyond(plan, effects, spec, unit) if pooled else None,
        descriptors=_descriptors(plan, selection),
        study_table=_study_table(selection),
        targets=tuple(targets[name] for name in plan.targets),
        judged=judge(plan, selection, fit, left_out),
    )


def _share_beyond(plan: Analysis, effects: EffectSizes, spec: ModelSpec, unit: DisplayUnit) -> Share | None:
    """Return the share of settings above the declared threshold; None where there is no such share."""
    if plan.threshold is None:
        return None
    threshold = float(plan.threshold.value) / unit.factor
    if refuse_share(spec, effects.measure, threshold) is not None:
        return None
    return expected_share(effects, spec, threshold=threshold)


def _fit_group(effects: EffectSizes, spec: ModelSpec, group: SubgroupPlan) -> Subgroups:
    """Fit a subgroup of the protocol; a test that it does not want is in no result."""
    found = fit_subgroups(_in_words(effects, group), spec, by=group.by, common_tau2=group.common_tau2)
    if group.test:
        return found
    none = GroupTest(None, None, None, None, "none", "no test: the protocol asks for none")
    return replace(found, test=none)


def _regress(effects: EffectSizes, spec: ModelSpec, plan: ModeratorPlan) -> Regression:
    """Fit a regression of the protocol; what has no estimate has no curve, and nothing to permute."""
    chosen = replace(spec, moderators=plan.formula)
    fit = fit_model(effects, chosen)
    curve = predict_curve(fit) if curve_column(fit) is not None else None
    permuted = permute(effects, chosen) if plan.permutation and fit.coefficients is not None else None
    return Regression(plan, fit, curve, permuted)


def _in_words(effects: EffectSizes, group: SubgroupPlan) -> EffectSizes:
    """Put the protocol's words in place of the coded values of a subgroup's column."""
    if not group.names or group.by not in effects.columns:
        return effects
    named = tuple(
        cell if cell is None else group.names.get(str(cell), str(cell)) for cell in effects.columns[group.by]
    )
    return replace(effects, columns={**effects.columns, group.by: named})


def _unpooled(fit: Fit) -> Fit:
    """Keep what a fit says of its studies and drop all that pools them: the protocol asks for groups only."""
    return replace(
        fit,
        status="not_pooled",
        estimate=None,
        natural=None,
        population_mean=None,
        tau2=None,
        heterogeneity=None,
        prediction=None,
        coefficients=None,
        covariance=None,
        weights=None,
        posterior=None,
        loglik=None,
        studies=tuple(replace(study, weight=None) for study in fit.studies),
    )


def answer_to_dict(answer: Answer, figures: Mapping[str, str]) -> dict[str, Any]:
    """Return an answer as its entry of ``results.json``; ``figures`` maps kinds to file names."""
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
            "headings": plan.headings,
            "arms": plan.arms,
            "spec": answer.spec,
            "effects": plan.resolved_effects(),
            "selection": answer.selection.record,
            "cells": _cells(answer),
            "fit": answer.fit,
            "leave_one_out": answer.left_out,
            "cumulative": answer.grown,
            "crosscheck": None,
            "alternatives": answer.alternatives.to_dict() if answer.alternatives is not None else None,
            "subgroups": [
                {
                    "title": group.title,
                    "by": group.by,
                    "overall": group.overall,
                    "show_test": group.test,
                    "result": result,
                }
                for group, result in answer.subgroups
            ],
            "regressions": [
                {
                    "title": regression.plan.title,
                    "formula": regression.plan.formula,
                    "show": regression.plan.show,
                    "caveat": regression.plan.caveat,
                    "fit": regression.fit,
                    "curve": regression.curve,
                    # None where not asked for, as in releases made before there was such a choice
                    "permutation": regression.plan.permutation or None,
                    "permutation_test": regression.permutation,
                }
                for regression in answer.regressions
            ],
            "small_study": answer.small_study,
            "targets": answer.targets,
            "share": answer.share,
            "threshold": plan.threshold.model_dump() if plan.threshold is not None else None,
            "descriptors": answer.descriptors,
            "covariates": _covariates(answer),
            "study_table": answer.study_table,
            "caveats": plan.caveats,
            "figures": figures,
            **judged_entries(plan, answer.selection, answer.fit, answer.judged),
        }
    )
    return plain


def _cells(answer: Answer) -> dict[str, Any]:
    """Return the cells an analysis read, as they stand in the sheet.

    Of the rows used, of those set aside, and of those that its alternatives alone use. ``columns`` are those
    that can change a number (:func:`meta.protocol.reads.columns_read`).
    """
    selection = answer.selection
    whole = selection.sheet.whole or selection.sheet
    by_line = {row.ref.line: row for row in whole.rows}
    columns = columns_read(answer.plan, whole)
    behind = [(label, refs, True) for label, refs in selection.refs.items()]
    behind += [(entry.label, entry.rows, False) for entry in selection.set_aside]
    seen = {ref.line for _, refs, _ in behind for ref in refs}
    others = answer.alternatives.rows if answer.alternatives is not None else ()
    for study in (study for other in others if other.fit is not None for study in other.fit.studies):
        new = tuple(ref for ref in study.rows if ref.line not in seen)
        seen |= {ref.line for ref in new}
        behind.append((study.label, new, False))
    rows = [
        {
            "label": label,
            "line": ref.line,
            "hash": ref.hash,
            "used": used,
            "cells": {name: by_line[ref.line].text.get(name, "") for name in columns},
        }
        for label, refs, used in behind
        for ref in refs
    ]
    return {"file": whole.file, "columns": columns, "rows": sorted(rows, key=lambda row: row["line"])}


def _covariates(answer: Answer) -> dict[str, dict[str, Value]]:
    """Return the columns that subgroups, moderators and cumulative order rest on: typed values by study."""
    plan, effects = answer.plan, answer.effects
    names = [group.by for group in plan.subgroups]
    if answer.spec.moderators is not None:
        names += formula_columns(answer.spec.moderators)
    for moderator in plan.moderators:
        names += [*formula_columns(moderator.formula), *moderator.show]
    if plan.cumulative is not None:
        names.append(plan.cumulative)
    if answer.spec.cluster is not None:
        names.append(answer.spec.cluster)
    words = {g.by: _in_words(effects, g).columns.get(g.by) for g in plan.subgroups if g.names}
    columns = {**effects.columns, **{name: cells for name, cells in words.items() if cells is not None}}
    return {
        name: dict(zip(effects.labels, columns[name], strict=True))
        for name in dict.fromkeys(names)
        if name in columns
    }


def _descriptors(plan: Analysis, selection: Selection) -> tuple[Mapping[str, Any], ...]:
    """Return the descriptor columns of the forest plot: headings, and the cells as people read them."""
    found = []
    for descriptor in plan.descriptors:
        mark = descriptor.mark
        cells = {label: row.shown(descriptor.column) for label, row in selection.by_label()}
        marked = [
            label
            for label, row in selection.by_label()
            if mark is not None and row.values.get(mark.column) == mark.equals
        ]
        numeric = all(
            isinstance(row.values.get(descriptor.column), int | float | None)
            for _, row in selection.by_label()
        )
        found.append(
            {
                "column": descriptor.column,
                "heading": descriptor.heading,
                "align": descriptor.align or ("right" if numeric else "left"),
                "values": cells,
                "marked": [label for label in marked if cells[label]],
                "sign": mark.sign if mark is not None else None,
                "words": mark.words if mark is not None else None,
            }
        )
    return tuple(found)


def _study_table(selection: Selection) -> Mapping[str, Any]:
    """Return what the report's table of studies shows beside the numbers of the fit."""
    present = set(selection.sheet.columns)
    columns = [(name, heading) for name, heading in STUDY_COLUMNS if name in present]
    rows = []
    for label, row in selection.by_label():
        rows.append(
            {
                "label": label,
                "cells": {name: row.shown(name) for name, _ in columns},
                "source_url": row.shown("source_url") or None,
                "reference": {n: row.shown(n) for n in REFERENCE_COLUMNS if row.shown(n)},
                "risk_of_bias": row.shown("risk_of_bias") or overall_judgement(selection, label),
                "rows": selection.refs[label],
            }
        )
    return {"columns": [{"name": name, "heading": heading} for name, heading in columns], "rows": rows}
