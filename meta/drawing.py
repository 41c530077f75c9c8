"""The figures of one analysis: which there are, and what goes into each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from extraction.names import safe_name
from meta.answers import Answer
from meta.plots.alternatives import alternatives_plot
from meta.plots.forest import forest_plot
from meta.plots.forest_rows import Descriptor
from meta.plots.funnel import funnel_plot
from meta.plots.panel import Threshold
from meta.plots.refits import cumulative_plot, leave_one_out_plot
from meta.plots.save import figure_bytes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Fewest studies for a funnel plot: two points have no shape.
MIN_FUNNEL = 3


def draw_answer(answer: Answer) -> dict[str, Figure]:
    """Draw the figures that an answer can bear, by kind.

    Kinds are ``forest``, ``subgroup-<column>``, ``alternatives``, ``leave_one_out``, ``cumulative`` and
    ``funnel``.

    Returns
    -------
    dict of str to Figure
        Kinds are safe as file names.
    """
    plan = answer.plan
    descriptors = _descriptors(answer)
    threshold = None
    if plan.threshold is not None:
        threshold = Threshold(float(plan.threshold.value), plan.threshold.words, plan.threshold.source)
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
    return figures


def save_drawings(figures: Mapping[str, Figure], formats: Sequence[str]) -> dict[tuple[str, str], bytes]:
    """Return each figure in each format as bytes, by (kind, format); SVG is always among them."""
    wanted = dict.fromkeys(["svg", *formats])
    return {
        (kind, suffix): figure_bytes(figure, suffix)  # type: ignore[arg-type]  # figure_bytes checks it
        for kind, figure in figures.items()
        for suffix in wanted
    }


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
