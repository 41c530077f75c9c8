"""The figures of an analysis and of what changed: which there are, and what goes into each."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from extraction.names import safe_name
from meta.answers import Answer
from meta.appraisal import Appraisal
from meta.effects.measures import find_measure
from meta.living.shapes import AnalysisChanges, Changes, HistoryPoint
from meta.living.standing import standings_agree
from meta.living.summary import shows_groups
from meta.options import DisplayUnit
from meta.plots.alternatives import alternatives_plot
from meta.plots.changes import Pair, changes_plot
from meta.plots.forest import forest_plot
from meta.plots.forest_columns import Descriptor
from meta.plots.funnel import funnel_plot
from meta.plots.history import history_plot
from meta.plots.panel import Threshold
from meta.plots.posterior import posterior_plot
from meta.plots.prisma import prisma_plot
from meta.plots.refits import cumulative_plot, leave_one_out_plot
from meta.plots.regression import regression_plot
from meta.plots.risk_of_bias import traffic_light_plot
from meta.plots.risk_of_bias_summary import OF_WORDS, risk_of_bias_summary_plot
from meta.prisma import PrismaFlow

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Fewest studies for a funnel plot: two points have no shape.
MIN_FUNNEL = 3

#: Most characters of a codebook's words under an axis; longer ones explain, and the column's name stands.
MAX_AXIS_WORDS = 60


def draw_answer(answer: Answer) -> dict[str, Figure]:
    """Draw the figures that an answer can bear, by kind.

    Kinds are ``forest``, ``subgroup-<column>``, ``alternatives``, ``leave_one_out``, ``cumulative``,
    ``regression-<place>`` and ``funnel``; where the protocol asks for them, ``traffic_light`` and
    ``risk_of_bias``.

    Returns
    -------
    dict of str to Figure
        Kinds are safe as file names.
    """
    plan = answer.plan
    descriptors = _descriptors(answer)
    threshold = _threshold(answer)
    figures: dict[str, Figure] = {}

    def forest(kind: str, title: str, index: int | None) -> None:
        group = answer.subgroups[index][0] if index is not None else None
        figures[kind] = forest_plot(
            answer.fit,
            subgroups=answer.subgroups[index][1] if index is not None else None,
            overall=plan.overall and (group is None or group.overall),
            unit=answer.unit,
            # a column that the blocks already name would say everything twice
            descriptors=[d for d, plan_d in descriptors if group is None or plan_d != group.by],
            title=title,
            notes=_notes(answer),
            threshold=threshold,
            provenance=_provenance(answer),
            headings=plan.headings,
            arms=plan.arms or ("Treatment", "Control"),
            favours=plan.favours,
            reason="no row of the sheet reaches this analysis",
            preset=plan.preset,
            band=None if plan.band is None else (float(plan.band[0]), float(plan.band[1])),
            sort=_order(answer),
            axis=plan.axis,
            appraisal=_appraisal(answer) if _shows(answer, "forest") else None,
        )

    if plan.overall or not answer.subgroups:
        forest("forest", plan.title, None)
    for i, (group, _) in enumerate(answer.subgroups):
        name = safe_name(group.by)
        if not figures:
            forest("forest", plan.title, i)
        else:
            words = group.title or f"by {group.by}"
            forest(f"subgroup-{name}", f"{plan.title}: {words[:1].lower()}{words[1:]}", i)
    if answer.fit is not None and answer.alternatives is not None:
        figures["alternatives"] = alternatives_plot(
            answer.alternatives,
            answer.fit,
            unit=answer.unit,
            title=f"{plan.title}: under other choices",
            threshold=threshold,
            favours=plan.favours,
            provenance=_provenance(answer),
        )
    if answer.fit is not None and answer.left_out is not None:
        figures["leave_one_out"] = leave_one_out_plot(
            answer.left_out,
            answer.fit,
            unit=answer.unit,
            title=f"{plan.title}: each study left out",
            provenance=_provenance(answer),
        )
    if answer.fit is not None and answer.grown is not None:
        figures["cumulative"] = cumulative_plot(
            answer.grown,
            answer.fit,
            unit=answer.unit,
            title=f"{plan.title}: as studies appeared",
            provenance=_provenance(answer),
        )
    figures.update(_draw_posteriors(answer))
    figures.update(_draw_regressions(answer))
    if (
        answer.fit is not None
        and answer.fit.estimate is not None
        and answer.fit.k >= MIN_FUNNEL
        and plan.overall
    ):
        figures["funnel"] = funnel_plot(
            answer.fit,
            unit=answer.unit,
            title=f"{plan.title}: by size of study",
            provenance=_provenance(answer),
        )
    figures.update(_draw_judgements(answer))
    return figures


def _appraisal(answer: Answer) -> Appraisal | None:
    """Return the judgements of an analysis where somebody judged one of its studies."""
    mine, shares = answer.selection.judgements, answer.judged.shares
    return mine.appraisal if mine is not None and shares is not None and shares.assessed else None


def _shows(answer: Answer, figure: str) -> bool:
    """Return whether the protocol asks for a figure of the judgements."""
    mine = answer.selection.judgements
    return mine is not None and figure in mine.show


def _draw_judgements(answer: Answer) -> dict[str, Figure]:
    """Draw risk of bias as the protocol asks for it."""
    appraisal, shares, figures = _appraisal(answer), answer.judged.shares, {}
    if appraisal is None or shares is None or answer.fit is None:
        return {}
    provenance = f"{_provenance(answer)}.risk_of_bias"
    if _shows(answer, "traffic_light"):
        labels = [study.label for study in answer.fit.studies]
        title = f"{answer.plan.title}: risk of bias"
        figures["traffic_light"] = traffic_light_plot(appraisal, labels, title=title, provenance=provenance)
    if _shows(answer, "summary"):
        title = f"{answer.plan.title}: {OF_WORDS[shares.of].lower()} by risk of bias"
        figures["risk_of_bias"] = risk_of_bias_summary_plot(
            shares, about=appraisal.about, title=title, provenance=provenance
        )
    return figures


def _order(answer: Answer) -> str | Mapping[str, str | float | None] | None:
    """Return the order of the studies: cells of a column of the sheet, or one that every analysis knows."""
    sort = answer.plan.sort
    rows = answer.selection.by_label()
    if sort is None or not any(sort in row.values for _, row in rows):
        return sort
    return {label: row.values.get(sort) for label, row in rows}


def _column_words(answer: Answer, name: str) -> str:
    """Return what the codebook calls a column, with its unit, where it says so in a few words."""
    for column in answer.selection.sheet.schema.columns:
        words = f"{column.meaning}, {column.unit}" if column.unit else column.meaning
        if column.name == name and 0 < len(words) <= MAX_AXIS_WORDS:
            return words
    return name


def _draw_regressions(answer: Answer) -> dict[str, Figure]:
    """Draw each regression on a single numeric column, by its place in the protocol from 1 on."""
    figures = {}
    for place, regression in enumerate(answer.regressions, start=1):
        if regression.curve is None:
            continue
        words = regression.plan.title or regression.plan.formula
        figures[f"regression-{place}"] = regression_plot(
            regression.fit,
            regression.curve,
            name=_column_words(answer, next(iter(regression.curve.values))),
            unit=answer.unit,
            title=f"{answer.plan.title}: {words[:1].lower()}{words[1:]}",
            provenance=f"{_provenance(answer)}.regressions.{place - 1}",
        )
    return figures


def _draw_posteriors(answer: Answer) -> dict[str, Figure]:
    """Draw the posterior of a Bayesian analysis and of its Bayesian alternatives."""
    title, figures = answer.plan.title, {}
    found = [("posterior", answer.fit, f"{title}: posterior")]
    rows = answer.alternatives.rows if answer.alternatives is not None else ()
    found += [
        (f"posterior-{place}", row.fit, f"{title}: posterior of “{row.label}”")
        for place, row in enumerate(rows, start=1)
        if row.unit is None
    ]
    for kind, fit, words in found:
        if fit is not None and fit.posterior is not None:
            figures[kind] = posterior_plot(
                fit,
                unit=answer.unit,
                title=words,
                threshold=_threshold(answer),
                provenance=_provenance(answer),
            )
    return figures


def draw_changes(changes: Changes, levels: Mapping[str, float | None]) -> dict[str, tuple[str, Figure]]:
    """Draw old and new estimates of the analyses that changed, one figure a unit of display.

    Parameters
    ----------
    changes : Changes
        What differs between two versions.
    levels : mapping
        By analysis id the level of its intervals, None where the versions differ in it.

    Returns
    -------
    dict of str to (str, Figure)
        By name of the unit, safe as a file name: the unit in words, and its figure.
    """
    kinds: dict[tuple[object, ...], list[tuple[AnalysisChanges, list[Pair]]]] = {}
    for analysis in changes.analyses:
        pairs = _pairs(analysis) if analysis.what != "same" else []
        if pairs:
            unit, kind = analysis.unit, find_measure(_measure(pairs)).kind
            kinds.setdefault((unit.factor, unit.heading, kind), []).append((analysis, pairs))
    figures: dict[str, tuple[str, Figure]] = {}
    for members in kinds.values():
        units = [analysis.unit for analysis, _ in members]
        unit = _shared_unit(units)
        shared = {levels.get(analysis.id) for analysis, _ in members}
        base = safe_name(unit.heading.lower())
        name = next(n for n in (base, *(f"{base}_{i}" for i in range(2, 999))) if n not in figures)
        figure = changes_plot(
            [pair for _, pairs in members for pair in pairs],
            unit,
            _measure(members[0][1]),
            (changes.old, changes.new),
            level=shared.pop() if len(shared) == 1 else None,
            title=f"What changed since {changes.old}: {_common_words(units)}",
            provenance="results.json: changes.analyses",
        )
        figures[name] = (_common_words(units), figure)
    return figures


def draw_flow(flow: PrismaFlow) -> Figure:
    """Draw how records became studies."""
    return prisma_plot(flow, title="Flow of records", provenance="results.json: prisma")


def draw_history(answer: Answer, points: Sequence[HistoryPoint], level: float | None) -> Figure | None:
    """Draw what an analysis found version by version; None below two versions, or without any estimate."""
    if len(points) < 2 or all(point.standing.value is None for point in points):
        return None
    return history_plot(
        points,
        answer.unit,
        level=level,
        title=f"{answer.plan.title}: release by release",
        threshold=_threshold(answer),
        provenance=f"results.json: history.{answer.plan.id}",
    )


def _pairs(analysis: AnalysisChanges) -> list[Pair]:
    """Return what is drawn of an analysis: its overall estimates, or its groups where those stand for it."""
    threshold = analysis.threshold.value if analysis.threshold is not None else None
    if shows_groups(analysis):
        return [
            Pair(analysis.title, group.level, group.old, group.new, threshold)
            for group in analysis.groups
            if any(side is not None and side.value is not None for side in (group.old, group.new))
        ]
    sides = (analysis.old, analysis.new)
    if not any(side is not None and side.value is not None for side in sides) or standings_agree(*sides):
        return []
    return [Pair(analysis.title, "", analysis.old, analysis.new, threshold)]


def _measure(pairs: Sequence[Pair]) -> str:
    """Return the measure of the newest standing."""
    sides = [side for pair in pairs for side in (pair.new, pair.old) if side is not None]
    return sides[0].measure


def _shared_unit(units: Sequence[DisplayUnit]) -> DisplayUnit:
    """Return one unit for analyses that share factor and heading: what their words have in common."""
    first = units[0]
    axes = {unit.axis for unit in units}
    words = first.axis if len(axes) == 1 else _capital(_common_words(units))
    return DisplayUnit(first.factor, first.heading, words)


def _common_words(units: Sequence[DisplayUnit]) -> str:
    """Return what the words of units share, ``per 100 people``; their heading where they share nothing."""
    # of "per 100 people with a first episode" and "per 100 people who became resistant": "per 100 people"
    found = [re.search(r"\bper\s+(\d+\s+)*\S+", unit.axis) for unit in units]
    shared = {match.group(0) if match else "" for match in found}
    heading = units[0].heading
    return (shared.pop() if len(shared) == 1 else "") or heading[:1].lower() + heading[1:]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _threshold(answer: Answer) -> Threshold | None:
    declared = answer.plan.threshold
    if declared is None:
        return None
    return Threshold(float(declared.value), declared.words, declared.source)


def _descriptors(answer: Answer) -> tuple[tuple[Descriptor, str], ...]:
    """Return the descriptor columns as the forest plot takes them, each with its column of the sheet."""
    found = []
    for d in answer.descriptors:
        shown = Descriptor(
            d["heading"], d["values"], d["align"], frozenset(d["marked"]), d["sign"] or "†", d["words"] or ""
        )
        found.append((shown, d["column"]))
    return tuple(found)


def _notes(answer: Answer) -> list[str]:
    """Say under a forest plot who was set aside for whom; the report gives the reasons."""
    aside = answer.selection.set_aside
    if not aside:
        return []
    named = [f"{entry.label} (for {', '.join(entry.because_of)})" for entry in aside]
    return [f"Set aside, people overlap: {', '.join(named)}."]


def _provenance(answer: Answer) -> str:
    """Say where the numbers of a figure live."""
    sheet = answer.selection.sheet
    source = f"{sheet.file} {sheet.sha256[:8]}"
    return f"{source}  ·  {answer.plan.profile}  ·  results.json: analyses.{answer.plan.id}"
