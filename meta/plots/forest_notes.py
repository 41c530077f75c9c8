"""What a forest plot says below and beside its rows: notes, legend, and words for those who cannot see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from meta.appraisal import Appraisal
from meta.options import DisplayUnit
from meta.plots import captions
from meta.plots.forest_columns import OVERALL_CODE, Shared
from meta.plots.forest_rows import study_beads
from meta.plots.forest_text import effect_line, groups_line, heterogeneity_line
from meta.plots.judgements import NOT_JUDGED, answer_bead
from meta.plots.marks import FEW, Bar
from meta.plots.panel import Line, Threshold, threshold_note
from meta.plots.table import Bead
from meta.results import Fit, Study, Subgroups
from meta.tables.numbers import declared_text


def figure_notes(
    shared: Shared,
    fit: Fit,
    subgroups: Subgroups | None,
    overall: bool,
    studies: Sequence[Study],
    sized: bool,
    lines: Sequence[Line],
    models: Mapping[str, Fit],
) -> list[str]:
    """Return the notes that follow from the results: heterogeneity, models, population mean, marks."""
    first = ""
    if shared.preset.text is None:
        parts = (
            captions.heterogeneity_note(fit) if overall else "",
            captions.effect_note(fit) if overall else "",
            captions.between_note(subgroups) if subgroups is not None else "",
        )
        first = " ".join(part for part in parts if part)
    marks = _marks(shared, studies, lines)
    second = " ".join(
        part
        for part in (
            captions.population_note(fit, shared.unit) if overall else "",
            f"{'; '.join(marks)}." if marks else "",
        )
        if part
    )
    named = [f"{name}: {captions.model_note(other, studies=False)}" for name, other in models.items()]
    rule = shared.preset.square_rule.kind
    model = captions.model_note(fit, _grows(fit) if sized and rule == "area" else "")
    if sized and rule == "linear":
        model += f" Sides of squares grow with {_grows(fit)}."
    notes = [first, captions.moderator_note(fit), model, *(named if overall else []), second]
    return [*notes, *_unused_note(shared, studies), *_risk_note(shared)]


def _grows(fit: Fit) -> str:
    """Return what the area of a square stands for."""
    if not fit.spec.is_glmm:
        return "weight"
    timed = any(name.startswith("time") for study in fit.studies for name in study.counts)
    return "person-time" if timed else "people"


def _marks(shared: Shared, studies: Sequence[Study], lines: Sequence[Line]) -> list[str]:
    """Return what signs and other marks mean, those that occur."""
    columns = [slot.descriptor for slot in shared.slots if slot.descriptor is not None]
    signs = dict.fromkeys(
        f"{d.sign} {d.words}" for d in columns if d.words and d.marked & {s.label for s in studies}
    )
    missing = any(not d.values.get(s.label) for d in columns for s in studies)
    hollow = any(s.used and s.recovered is not None for s in studies)
    few = shared.preset.look.prediction_as == "bar" and any(
        isinstance(line.mark, Bar) and line.mark.few for line in lines
    )
    return [
        *(["Hollow squares: numbers recovered from what the papers report instead"] if hollow else []),
        *([f"Hatched bars: prediction from fewer than {FEW} studies"] if few else []),
        *signs,
        *([f"{shared.preset.missing} not reported"] if missing else []),
    ]


def _unused_note(shared: Shared, studies: Sequence[Study]) -> list[str]:
    """Return why studies have no estimate, where their rows do not say so."""
    words = shared.preset.unused
    reasons = [f"{s.label} ({s.reason})" for s in studies if words and not s.used and s.reason]
    return [f"{words}: {'; '.join(reasons)}."] if reasons else []


def lines_beside(shared: Shared, fit: Fit, subgroups: Subgroups | None, overall: bool) -> list[str]:
    """Return the lines of a preset on heterogeneity and tests, which stand beside the axis."""
    lines = [heterogeneity_line(fit, shared.preset), effect_line(fit, shared.preset)] if overall else []
    lines.append(groups_line(subgroups, shared.preset))
    return [line for line in lines if line]


def asked_notes(
    threshold: Threshold | None, band: tuple[float, float] | None, unit: DisplayUnit
) -> list[str]:
    """Return the notes on a threshold and on a range of effects too small to matter."""
    words = captions.unit_words(unit)
    notes = [threshold_note(threshold, words)] if threshold is not None else []
    if band is not None:
        low, high = (declared_text(x) for x in band)
        notes.append(f"Band: {low} to {high}{words}, declared too small to matter in practice.")
    return notes


def _risk_note(shared: Shared) -> list[str]:
    """Return what the codes of the domains mean, and where the judgements come from."""
    appraisal = shared.appraisal
    if appraisal is None:
        return []
    tool = appraisal.tool
    domains = [f"{code} {words}" for code, words in tool.domains]
    domains += [f"{OVERALL_CODE} the study as a whole"] if tool.has_overall else []
    about = f" {appraisal.about.rstrip('.')}." if appraisal.about.strip() else ""
    return [f"Risk of bias by {tool.name}: {'; '.join(domains)}.{about}"]


def risk_legend(shared: Shared, studies: Sequence[Study]) -> list[tuple[Bead, str]]:
    """Return each answer of a tool with its disc, and the disc of what nobody judged where there is one."""
    appraisal = shared.appraisal
    if appraisal is None:
        return []
    legend = [(answer_bead(appraisal.tool, answer), answer) for answer in appraisal.tool.answers]
    if any(NOT_JUDGED in study_beads(shared, study.label) for study in studies):
        legend.append((NOT_JUDGED, "not judged"))
    return legend


def describe_forest(shared: Shared, fit: Fit, lines: Sequence[Line]) -> str:
    """Return what the figure shows, in words and row by row, for readers who cannot see it."""
    rows = "; ".join(captions.spoken_row([cell.text for cell in line.row.cells]) for line in lines)
    pooled = captions.pooled_sentence(fit, shared.unit)
    studies = captions.counted(fit.k, "study")
    words = f"Forest plot of {studies}. {pooled} Axis: {shared.unit.axis}. Rows: {rows}."
    return words if shared.appraisal is None else f"{words} {_spoken_risk(shared.appraisal, fit)}"


def _spoken_risk(appraisal: Appraisal, fit: Fit) -> str:
    """Return the judgements study by study."""
    tool = appraisal.tool
    codes = [code for code, _ in tool.domains] + ([OVERALL_CODE] if tool.has_overall else [])
    spoken = []
    for study in fit.studies:
        answers = appraisal.answers.get(study.label, ("",) * len(tool.domains))
        overall = (appraisal.overall.get(study.label, ""),) if tool.has_overall else ()
        pairs = zip(codes, (*answers, *overall), strict=True)
        words = ", ".join(f"{code} {answer or 'not judged'}" for code, answer in pairs)
        spoken.append(f"{study.label}: {words}")
    return f"Risk of bias by {tool.name}: {'; '.join(spoken)}."
