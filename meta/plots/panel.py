"""A table with a plot at its right, an axis below and notes at the foot.

What forest, leave-one-out and cumulative plots share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from meta.plots import theme
from meta.plots.axes import Axis, Extent, fit_axis, write_axis, write_centred
from meta.plots.layout import Page, Patch, Sheet, Stroke, clean_text, wrap_text
from meta.plots.marks import Bar, Diamond, Mark, mark_ends, mark_shapes
from meta.plots.table import Column, Row, place_table
from meta.tables.numbers import declared_text

#: Width that a plot keeps while the table can still wrap, and its least width before the page grows, mm.
WANTED_PLOT = 50.0
LEAST_PLOT = 40.0


#: Rounding in sums of widths, mm.
WIDTH_SLACK = 1e-6


@dataclass(frozen=True, slots=True)
class Threshold:
    """A value fixed in advance, drawn as a dashed line; ``value`` in the unit of display."""

    value: float
    words: str
    source: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a panel and its mark."""

    row: Row
    mark: Mark | None = None


@dataclass(frozen=True, slots=True)
class Panel:
    """Everything that a panel shows; numbers in the unit of display.

    Attributes
    ----------
    columns, lines : sequences
        The table and the marks beside it.
    extent : Extent
        What the axis has to hold.
    log : bool
        Logarithmic axis.
    words : str
        Under the axis.
    pooled, null, threshold : optional
        Reference lines: dotted down to the row that holds the pooled value, solid, dashed.
    pooled_row : int or None
        Row where the dotted line ends; None: it runs down to the axis.
    band : (low, high) or None
        Main interval, drawn as a band behind the marks.
    favours : (left, right) or None
        What lies to either side of the null value.
    """

    columns: Sequence[Column]
    lines: Sequence[Line]
    extent: Extent
    log: bool
    words: str
    title: str | None
    spoken_title: str
    description: str
    notes: Sequence[str]
    provenance: str | None
    width: float
    pooled: float | None = None
    pooled_row: int | None = None
    null: float | None = None
    threshold: Threshold | None = None
    band: tuple[float, float] | None = None
    favours: tuple[str, str] | None = None


def write_title(sheet: Sheet, title: str | None, width: float) -> float:
    """Write the title of a figure; return the y below it, mm."""
    y = theme.MARGIN - 1.5
    if not title:
        return y
    for line in wrap_text(clean_text(title), width - 2 * theme.MARGIN, theme.TITLE_SIZE, "bold", most=4):
        sheet.write(line, theme.MARGIN, y + 3.0, theme.TITLE_SIZE, "bold")
        y += 4.2
    return y + 2.2


def write_foot(sheet: Sheet, notes: Sequence[str], provenance: str | None, top: float, width: float) -> float:
    """Write notes and provenance; return the height of the page, mm."""
    kept = [note for note in (*notes, provenance or "") if note]
    bottom = sheet.write_notes(kept, theme.MARGIN, top, width - 2 * theme.MARGIN)
    return bottom + theme.MARGIN - 2.0


def lay_out_panel(panel: Panel) -> Page:
    """Compute where everything of a panel stands."""
    head = Sheet()
    top = write_title(head, panel.title, panel.width)
    rows = [line.row for line in panel.lines]
    table = Sheet()
    grid = place_table(table, panel.columns, rows, top, panel.width, (WANTED_PLOT, LEAST_PLOT))
    if grid.page_width > panel.width + WIDTH_SLACK:
        # the table is wider than the page asked for: the page grows
        return lay_out_panel(replace(panel, width=grid.page_width))
    axis = fit_axis(panel.extent, panel.log, grid.plot_left, grid.plot_right, panel.width)
    axis_y = grid.bottom + 1.6
    sheet = Sheet(list(head.shapes), list(head.texts))
    _draw_references(sheet, panel, axis, grid.top, axis_y, grid.centres)
    sheet.shapes.extend(table.shapes)
    sheet.texts.extend(table.texts)
    cut = False
    for line, y in zip(panel.lines, grid.centres, strict=True):
        if line.mark is not None:
            sheet.shapes.extend(mark_shapes(line.mark, axis, y))
            cut = cut or not all(axis.holds(end) for end in mark_ends(line.mark))
    y = axis_y
    if any(line.mark is not None for line in panel.lines):
        y = write_axis(sheet, axis, axis_y, clean_text(panel.words), panel.width)
        if panel.favours and panel.null is not None and axis.holds(panel.null):
            y = _write_favours(sheet, panel, axis, y)
    notes = [*panel.notes]
    if cut:
        notes.append(
            "Arrow heads: the interval goes on beyond the axis; its numbers in the table are complete."
        )
    height = write_foot(sheet, notes, panel.provenance, y + 2.0, panel.width)
    return sheet.page(panel.width, height, clean_text(panel.spoken_title), clean_text(panel.description))


def _draw_references(
    sheet: Sheet, panel: Panel, axis: Axis, top: float, bottom: float, centres: Sequence[float]
) -> None:
    """Draw band, null line, pooled line and threshold, behind everything else."""
    if panel.band is not None:
        left, right = (axis.place(x) for x in panel.band)
        sheet.shapes.append(Patch(((left, top), (right, top), (right, bottom), (left, bottom)), theme.WASH))
    if panel.null is not None and axis.holds(panel.null):
        x = axis.place(panel.null)
        sheet.shapes.append(Stroke(x, top, x, bottom, theme.RULE, 0.8))
    if panel.pooled is not None and axis.holds(panel.pooled):
        x = axis.place(panel.pooled)
        end = centres[panel.pooled_row] if panel.pooled_row is not None else bottom
        sheet.shapes.append(Stroke(x, top, x, end, theme.BLUE, 0.8, (1.0, 1.6)))
    if panel.threshold is not None and axis.holds(panel.threshold.value):
        x = axis.place(panel.threshold.value)
        sheet.shapes.append(Stroke(x, top, x, bottom, theme.GREEN, 0.8, (4.0, 2.4)))
        words = clean_text(f"{declared_text(panel.threshold.value)}: {panel.threshold.words}")
        (line,) = wrap_text(words, panel.width - axis.start - 2.0, theme.NOTE_SIZE, most=1)
        half = theme.text_width(line, theme.NOTE_SIZE) / 2
        middle = min(max(x, axis.start + half), panel.width - 2.0 - half)
        sheet.write(
            line,
            middle,
            top - 0.9,
            theme.NOTE_SIZE,
            color=theme.GREEN,
            align="center",
            full=words if line != words else "",
        )


def threshold_note(threshold: Threshold, unit_words: str) -> str:
    """Return the note on a threshold: value, words, source."""
    source = f" ({threshold.source})" if threshold.source else ""
    return f"Dashed line: {declared_text(threshold.value)}{unit_words}, {threshold.words}{source}."


def _write_favours(sheet: Sheet, panel: Panel, axis: Axis, top: float) -> float:
    """Write what lies to the left and right of the null value, each centred on its side and wrapped there."""
    assert panel.favours is not None
    assert panel.null is not None
    # a null value close to an end of the axis would leave one side no room for words
    x = min(max(axis.place(panel.null), axis.start + 14.0), axis.end - 14.0)
    left, right = panel.favours
    return max(
        write_centred(sheet, clean_text(f"← {left}"), axis.start - 6.0, x - 1.5, top + 0.5),
        write_centred(sheet, clean_text(f"{right} →"), x + 1.5, panel.width - 1.0, top + 0.5),
    )


def marked_extent(lines: Sequence[Line], extent: Extent) -> Extent:
    """Add to an extent the pooled and prediction intervals among the marks."""
    pooled = [
        end
        for line in lines
        if isinstance(line.mark, Diamond | Bar)
        for end in (line.mark.low, line.mark.high)
    ]
    return replace(extent, pooled=(*extent.pooled, *pooled))
