"""The forest plot.

Every study of a fit beside its numbers, the pooled value as a diamond, prediction as a bar.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from matplotlib.figure import Figure

from meta.effects.measures import Measure, default_unit, find_measure
from meta.options import DisplayUnit, ModelSpec
from meta.plots import captions, theme
from meta.plots.axes import Extent
from meta.plots.draw import draw_page
from meta.plots.forest_rows import (
    Descriptor,
    Shared,
    all_studies,
    count_columns,
    group_lines,
    measured_columns,
    overall_lines,
    study_lines,
    table_columns,
)
from meta.plots.layout import Page, Sheet, Stroke, clean_text, wrap_text
from meta.plots.marks import Bound, Diamond, Square, square_sides
from meta.plots.panel import (
    WIDTH_SLACK,
    Line,
    Panel,
    Threshold,
    lay_out_panel,
    marked_extent,
    threshold_note,
    write_foot,
    write_title,
)
from meta.results import Fit, Study, Subgroups
from meta.tables.numbers import MISSING, column_decimals


def forest_plot(
    fit: Fit | None,
    *,
    subgroups: Subgroups | None = None,
    overall: bool = True,
    unit: DisplayUnit | None = None,
    descriptors: Sequence[Descriptor] = (),
    title: str | None = None,
    notes: Sequence[str] = (),
    threshold: Threshold | None = None,
    provenance: str | None = None,
    width_mm: float = 185.0,
    headings: Mapping[str, str] | None = None,
    arms: tuple[str, str] = ("Treatment", "Control"),
    favours: tuple[str, str] | None = None,
    reason: str | None = None,
) -> Figure:
    """Draw the studies of a fit with their intervals, the pooled value and the prediction interval.

    Every coordinate is a number of the results; nothing is estimated here. Rows that the model cannot use
    stay, with the reason.

    Parameters
    ----------
    fit : Fit or None
        The analysis; None where it could not be fitted at all, which is shown with ``reason``.
    subgroups : Subgroups, optional
        Draw the studies in blocks, each with its own pooled value, and the test between them.
    overall : bool
        Whether the pooled value of all studies is shown.
    unit : DisplayUnit, optional
        How numbers are shown; that of the measure unless given.
    descriptors : sequence of Descriptor
        Further columns.
    title, notes, provenance : optional
        Head of the figure, further notes, and a last line that says where its numbers live.
    threshold : Threshold, optional
        A value fixed in advance, in the unit of display.
    width_mm : float
        Width of the figure; it grows where a table does not fit even with its words wrapped.
    headings : mapping, optional
        Heads of count columns by name (``{"events": "Resistant", "time": "Person-years"}``).
    arms : (str, str)
        Names of the two arms, the treatment first.
    favours : (str, str), optional
        What lies left and right of the null value.
    reason : str, optional
        Why there is no fit.

    Returns
    -------
    matplotlib.figure.Figure
    """
    if fit is None:
        return draw_page(_empty_page(title, reason or "not estimable", notes, provenance, width_mm))
    shown = unit or default_unit(fit.measure)
    always = [threshold.value] if threshold is not None else []
    explained = [threshold_note(threshold, captions.unit_words(shown))] if threshold is not None else []
    for merged in (False, True):
        # a table too wide for the page is tried again with the two counts of an arm in one column
        panel = _forest_panel(fit, subgroups, overall, shown, descriptors, headings or {}, arms, merged)
        page = lay_out_panel(
            replace(
                panel,
                title=title,
                spoken_title=title or "Forest plot",
                notes=[*panel.notes, *explained, *notes],
                provenance=provenance,
                width=width_mm,
                threshold=threshold,
                favours=favours,
                extent=replace(panel.extent, always=(*panel.extent.always, *always)),
            )
        )
        if page.width <= width_mm + WIDTH_SLACK:
            break
    return draw_page(page)


def _forest_panel(
    fit: Fit,
    subgroups: Subgroups | None,
    overall: bool,
    unit: DisplayUnit,
    descriptors: Sequence[Descriptor],
    headings: Mapping[str, str],
    arms: tuple[str, str],
    merged: bool,
) -> Panel:
    """Build table, marks, axis and notes of a forest plot, without what the caller adds around it."""
    measure = find_measure(fit.measure)
    studies = all_studies(fit)
    counts = count_columns(measure, studies, merged)
    weighted = not fit.spec.is_glmm and any(s.weight is not None for s in studies)
    sizes = [_size(fit.spec, s) for s in studies]
    shared = Shared(
        spec=fit.spec,
        measure=measure,
        unit=unit,
        descriptors=descriptors,
        counts=counts,
        weighted=weighted,
        decimals=_decimals(fit, subgroups, unit, measure),
        sides=dict(zip((s.label for s in studies), square_sides(sizes), strict=True)),
        measured=measured_columns(studies),
    )
    lines = study_lines(shared, studies) if subgroups is None else group_lines(shared, studies, subgroups)
    pooled_row = None
    pooled = None
    if overall:
        pooled_row = len(lines)
        lines.extend(overall_lines(shared, fit))
        if isinstance(lines[pooled_row].mark, Diamond) and fit.natural is not None:
            pooled = fit.natural.value * unit.factor
    null = measure.null
    squares = [line.mark for line in lines if isinstance(line.mark, Square)]
    extent = Extent(
        studies=[(m.value, m.low, m.high) for m in squares],
        always=_always(lines, measure, pooled),
        floor=measure.low_end,
        ceiling=None if measure.high_end is None else unit.factor * measure.high_end,
    )
    return Panel(
        columns=table_columns(shared, headings, arms),
        lines=lines,
        extent=marked_extent(lines, extent),
        log=measure.log_axis,
        words=unit.axis,
        title=None,
        spoken_title="",
        description=_description(fit, unit, lines),
        notes=_notes(shared, fit, subgroups, overall, studies, any(s is not None for s in sizes)),
        provenance=None,
        width=0.0,
        pooled=pooled,
        pooled_row=pooled_row if pooled is not None else None,
        null=null * unit.factor if null is not None else None,
    )


def _always(lines: Sequence[Line], measure: Measure, pooled: float | None) -> list[float]:
    """Return what the axis must hold.

    Pooled values, one-sided bounds, and the null value of ratios and differences.
    """
    values = [line.mark.value for line in lines if isinstance(line.mark, Diamond)]
    for line in lines:
        if isinstance(line.mark, Bound):
            values.extend([line.mark.low, line.mark.high])
    if pooled is not None:
        values.append(pooled)
    if measure.compares and measure.null is not None:
        values.append(measure.null)
    return values


def _size(spec: ModelSpec, study: Study) -> float | None:
    """Return what a square's area stands for: weight, or under a GLMM people or person-time."""
    if not study.used:
        return None
    if not spec.is_glmm:
        return study.weight
    for names in (("time",), ("n",), ("time1", "time2"), ("n1", "n2")):
        sizes = [study.counts.get(name) for name in names]
        known = [size for size in sizes if size is not None]
        if len(known) == len(sizes):
            return sum(known)
    return None


def _decimals(fit: Fit, subgroups: Subgroups | None, unit: DisplayUnit, measure: Measure) -> int:
    """Return the decimals of the estimate column, which all its rows share."""
    fits = [fit, *(subgroups.fits if subgroups is not None else ())]
    rows: list[tuple[float | None, ...]] = [(s.value, s.low, s.high) for s in fit.studies if s.used]
    rows.extend((f.natural.value, f.natural.low, f.natural.high) for f in fits if f.natural is not None)
    # a value of 0 has no size, and its upper bound is the number that has to be read
    rows = [(row[2], row[1], row[2]) if row[0] == 0.0 else row for row in rows]
    shown = [tuple(None if x is None else x * unit.factor for x in row) for row in rows]
    return column_decimals(shown, least=2 if measure.is_ratio else 0)


def _notes(
    shared: Shared,
    fit: Fit,
    subgroups: Subgroups | None,
    overall: bool,
    studies: Sequence[Study],
    sized: bool,
) -> list[str]:
    """Return the notes that follow from the results: heterogeneity, model, population mean, marks."""
    first = " ".join(
        part
        for part in (
            captions.heterogeneity_note(fit) if overall else "",
            captions.effect_note(fit) if overall else "",
            captions.between_note(subgroups) if subgroups is not None else "",
        )
        if part
    )
    grows = "weight"
    if shared.spec.is_glmm:
        timed = any(name.startswith("time") for names in shared.counts for name in names)
        grows = "person-time" if timed else "people"
    signs = dict.fromkeys(
        f"{d.sign} {d.words}" for d in shared.descriptors if d.words and d.marked & {s.label for s in studies}
    )
    missing = any(not d.values.get(s.label) for d in shared.descriptors for s in studies)
    hollow = any(s.used and s.recovered is not None for s in studies)
    marks = [
        *(["Hollow squares: numbers recovered from what the papers report instead"] if hollow else []),
        *signs,
        *([f"{MISSING} not reported"] if missing else []),
    ]
    second = " ".join(
        part
        for part in (
            captions.population_note(fit, shared.unit) if overall else "",
            f"{'; '.join(marks)}." if marks else "",
        )
        if part
    )
    return [first, captions.moderator_note(fit), captions.model_note(fit, grows if sized else ""), second]


def _description(fit: Fit, unit: DisplayUnit, lines: Sequence[Line]) -> str:
    """Return what the figure shows, in words and row by row, for readers who cannot see it."""
    rows = "; ".join(captions.spoken_row([cell.text for cell in line.row.cells]) for line in lines)
    pooled = captions.pooled_sentence(fit, unit)
    return f"Forest plot of {fit.k} studies. {pooled} Axis: {unit.axis}. Rows: {rows}."


def _empty_page(
    title: str | None, reason: str, notes: Sequence[str], provenance: str | None, width: float
) -> Page:
    """Lay out the page of an analysis without any fit: what could not be done, and why."""
    sheet = Sheet()
    y = write_title(sheet, title, width)
    sheet.shapes.append(Stroke(theme.MARGIN, y, width - theme.MARGIN, y, width=0.9))
    words = clean_text(f"Not estimable: {reason}.")
    for line in wrap_text(words, width - 2 * theme.MARGIN):
        y += theme.ROW
        sheet.write(line, theme.MARGIN, y)
    height = write_foot(sheet, notes, provenance, y + 3.0, width)
    return sheet.page(width, height, clean_text(title or "Forest plot"), words)
