"""A table with a plot at its right, an axis below and notes at the foot.

What forest, leave-one-out and cumulative plots share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from meta.plots import theme
from meta.plots.axes import Axis, Extent, fit_axis, write_axis
from meta.plots.favours import FavoursStyle, find_sides, have_room, write_favours
from meta.plots.layout import Page, Patch, Sheet, Stroke, clean_text, wrap_text
from meta.plots.marks import HOUSE_LOOK, Bar, Diamond, Look, Mark, mark_ends, mark_shapes
from meta.plots.table import HOUSE_TABLE, Bead, Column, Fitted, Row, TableStyle, clean_cells, fit_table
from meta.plots.table_text import BEAD_RADIUS, write_bead, write_table
from meta.plots.theme import Face, text_width
from meta.tables.numbers import declared_text

#: Width that a plot keeps while the table can still wrap, and its least width before the page grows, mm; and
#: on a page as narrow as a column of a journal.
PLOT_WIDTHS = (50.0, 40.0)
NARROW_PLOT_WIDTHS = (30.0, 22.0)
#: Least width for lines of text beside the axis, mm; narrower, they stand below it.
LEAST_BESIDE = 55.0


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
    """One row of a panel and its mark.

    ``block`` names the block of rows it stands in; ``heads`` it, or is ``tied`` to the row before it: a page
    ends neither after the one nor before the other.
    """

    row: Row
    mark: Mark | None = None
    block: str = ""
    heads: bool = False
    tied: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """How a reference line is drawn: colour, width in points, points on and off."""

    color: str
    width: float = 0.8
    dash: tuple[float, ...] = ()


NULL_RULE = Rule(theme.RULE)
POOLED_RULE = Rule(theme.BLUE, 0.8, (1.0, 1.6))


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
        Main interval, or a range of effects too small to matter: a band behind the marks.
    favours : (left, right) or None
        What lies to either side of the null value.
    logit : bool
        Axis of log odds.
    plot_at : int or None
        Number of columns to the left of the plot; None: all.
    most_plot : float or None
        Greatest width of the plot, mm.
    above : sequence of str
        Lines of a heading above the plot, the first in bold.
    beside : sequence of str
        Lines of text to the left of the axis, where there is room; else below it.
    legend : sequence of (Bead, str)
        Discs with what they mean.
    table, look, null_rule, pooled_rule, favours_style :
        How the panel looks; a rule that is None is not drawn.
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
    logit: bool = False
    plot_at: int | None = None
    most_plot: float | None = None
    above: Sequence[str] = ()
    beside: Sequence[str] = ()
    legend: Sequence[tuple[Bead, str]] = ()
    table: TableStyle = HOUSE_TABLE
    look: Look = HOUSE_LOOK
    null_rule: Rule | None = NULL_RULE
    pooled_rule: Rule | None = POOLED_RULE
    favours_style: FavoursStyle = field(default_factory=FavoursStyle)


def write_title(sheet: Sheet, title: str | None, width: float) -> float:
    """Write the title of a figure; return the y below it, mm."""
    y = theme.MARGIN - 1.5
    if not title:
        return y
    margin = theme.margin(width)
    for line in wrap_text(clean_text(title), width - 2 * margin, theme.TITLE_SIZE, "bold", most=4):
        sheet.write(line, margin, y + 3.0, theme.TITLE_SIZE, "bold")
        y += 4.2
    return y + 2.2


def write_foot(sheet: Sheet, notes: Sequence[str], provenance: str | None, top: float, width: float) -> float:
    """Write notes and provenance; return the height of the page, mm."""
    kept = [note for note in (*notes, provenance or "") if note]
    margin = theme.margin(width)
    bottom = sheet.write_notes(kept, margin, top, width - 2 * margin)
    return bottom + theme.MARGIN - 2.0


def fit_panel(panel: Panel) -> Fitted:
    """Find where the columns and the plot of a panel stand."""
    columns, rows = clean_cells(panel.columns, [line.row for line in panel.lines])
    plots = PLOT_WIDTHS if panel.width >= theme.NARROW else NARROW_PLOT_WIDTHS
    return fit_table(columns, rows, panel.width, plots, panel.plot_at, panel.most_plot, panel.table)


def grow_panel(panel: Panel, fitted: Fitted) -> tuple[Panel, Fitted]:
    """Return a panel as wide as its table needs, with where its columns then stand."""
    while fitted.page_width > panel.width + WIDTH_SLACK:
        panel = replace(panel, width=fitted.page_width)
        fitted = fit_panel(panel)
    return panel, fitted


def lay_out_panel(panel: Panel, fitted: Fitted | None = None) -> Page:
    """Compute where everything of a panel stands.

    ``fitted`` is what ``fit_panel`` says of it, or of a panel of more rows.
    """
    panel, fitted = grow_panel(panel, fit_panel(panel) if fitted is None else fitted)
    sheet, table = Sheet(), Sheet()
    top = write_title(sheet, panel.title, panel.width)
    axis = fit_axis(
        panel.extent, panel.log, fitted.plot_left, fitted.plot_right, panel.width, logit=panel.logit
    )
    columns, rows = clean_cells(panel.columns, [line.row for line in panel.lines])
    above = _Above(panel, axis)
    grid = write_table(table, columns, rows, fitted, top, above.height, panel.table)
    above.write(sheet, grid.top)
    axis_y = grid.bottom + 1.6
    _draw_references(sheet, panel, axis, grid.top, axis_y, grid.centres)
    sheet.shapes.extend(table.shapes)
    sheet.texts.extend(table.texts)
    cut = False
    for line, y in zip(panel.lines, grid.centres, strict=True):
        if line.mark is not None:
            sheet.shapes.extend(mark_shapes(line.mark, axis, y, panel.look))
            cut = cut or not all(axis.holds(end) for end in mark_ends(line.mark))
    y = axis_y
    notes = [*panel.notes]
    if any(line.mark is not None for line in panel.lines):
        reach = min([fitted.plot_left - 4.0, *(axis.place(v) - text_width(t) / 2 for v, t in axis.ticks)])
        y = write_axis(sheet, axis, axis_y, clean_text(panel.words), panel.width)
        if above.favours_below:
            reach = min(reach, axis.start - 6.0)
            y = _write_favours(sheet, panel, axis, y)
        beside = _write_beside(sheet, panel, grid.bottom + 1.2, reach - 1.5)
    else:
        beside = _write_beside(sheet, panel, grid.bottom + 1.2, panel.width - theme.margin(panel.width))
    if beside is None:
        notes = [*panel.beside, *notes]
    if cut:
        notes.append(
            "Arrow heads: the interval goes on beyond the axis; its numbers in the table are complete."
        )
    y = _write_legend(sheet, panel, max(y, beside or 0.0) + 2.0)
    height = write_foot(sheet, notes, panel.provenance, y, panel.width)
    return sheet.page(panel.width, height, clean_text(panel.spoken_title), clean_text(panel.description))


class _Above:
    """What stands above the plot, over the rule: its heading, favours, room for the words of a threshold."""

    def __init__(self, panel: Panel, axis: Axis) -> None:
        self.panel, self.axis = panel, axis
        wide = axis.end - axis.start
        self.lines: list[tuple[str, Face]] = []
        for i, words in enumerate(panel.above):
            face: Face = "regular" if i else "bold"
            self.lines.extend((line, face) for line in wrap_text(clean_text(words), wide, face=face))
        self.sides: list[tuple[float, list[str]]] = []
        self.favours_below = panel.favours_style.place == "below"
        if not self.favours_below and panel.favours and panel.null is not None and axis.holds(panel.null):
            ends = (axis.start, axis.end)
            sides = find_sides(panel.favours, panel.favours_style, axis, panel.null, ends)
            # a plot without room for a word on each side has them below, one under the other
            self.favours_below = not have_room(sides, panel.favours_style.face)
            for side in () if self.favours_below else sides:
                lines = wrap_text(side.words, side.right - side.left, face=panel.favours_style.face)
                self.sides.append(((side.left + side.right) / 2, lines))
        self.depth = max((len(lines) for _, lines in self.sides), default=0)
        self.lines_height = (len(self.lines) + self.depth) * theme.LINE_PITCH
        threshold = panel.threshold is not None and axis.holds(panel.threshold.value)
        # words of a threshold stand lowest, and need a line of their own only under other words
        self.room = theme.LINE_PITCH if threshold and self.lines_height else 0.0
        self.height = self.lines_height + self.room + 0.9 if self.lines_height else 0.0

    def write(self, sheet: Sheet, bottom: float) -> None:
        """Write it upwards from the rule at ``bottom``."""
        y = bottom - 0.9 - self.room - self.lines_height
        for line, face in self.lines:
            middle = (self.axis.start + self.axis.end) / 2
            sheet.write(line, middle, y + 0.8 * theme.LINE_PITCH, face=face, align="center")
            y += theme.LINE_PITCH
        face = self.panel.favours_style.face
        for middle, lines in self.sides:
            for i, line in enumerate(lines):
                at = y + (self.depth - len(lines) + i + 0.8) * theme.LINE_PITCH
                sheet.write(line, middle, at, face=face, align="center")


def _draw_references(
    sheet: Sheet, panel: Panel, axis: Axis, top: float, bottom: float, centres: Sequence[float]
) -> None:
    """Draw band, null line, pooled line and threshold, behind everything else."""
    if panel.band is not None:
        left, right = (axis.place(x) for x in panel.band)
        sheet.shapes.append(Patch(((left, top), (right, top), (right, bottom), (left, bottom)), theme.WASH))
    rule = panel.null_rule
    if panel.null is not None and rule is not None and axis.holds(panel.null):
        x = axis.place(panel.null)
        sheet.shapes.append(Stroke(x, top, x, bottom, rule.color, rule.width, rule.dash))
    rule = panel.pooled_rule
    if panel.pooled is not None and rule is not None and axis.holds(panel.pooled):
        x = axis.place(panel.pooled)
        end = centres[panel.pooled_row] if panel.pooled_row is not None else bottom
        sheet.shapes.append(Stroke(x, top, x, end, rule.color, rule.width, rule.dash))
    if panel.threshold is not None and axis.holds(panel.threshold.value):
        x = axis.place(panel.threshold.value)
        sheet.shapes.append(Stroke(x, top, x, bottom, theme.GREEN, 0.8, (4.0, 2.4)))
        words = clean_text(f"{declared_text(panel.threshold.value)}: {panel.threshold.words}")
        # headings of columns to the right of the plot start a little further on
        end = axis.end + 1.0 if _has_right(panel) else panel.width - 2.0
        (line,) = wrap_text(words, end - axis.start, theme.NOTE_SIZE, most=1)
        half = theme.text_width(line, theme.NOTE_SIZE) / 2
        middle = min(max(x, axis.start + half), end - half)
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


def _has_right(panel: Panel) -> bool:
    """Return whether columns stand to the right of the plot."""
    return panel.plot_at is not None and panel.plot_at < len(panel.columns)


def _write_favours(sheet: Sheet, panel: Panel, axis: Axis, top: float) -> float:
    """Write what lies to either side of the null value, where it is on the axis; return the y below, mm."""
    if panel.favours is None or panel.null is None or not axis.holds(panel.null):
        return top
    right = min(axis.end + 6.0, panel.width - 1.0) if _has_right(panel) else panel.width - 1.0
    ends = (max(axis.start - 6.0, 0.5), right)
    sides = find_sides(panel.favours, panel.favours_style, axis, panel.null, ends)
    return write_favours(sheet, sides, panel.favours_style, ends, top)


def _write_beside(sheet: Sheet, panel: Panel, top: float, right: float) -> float | None:
    """Write lines of text left of ``right``; return the y below, mm, None without room for any."""
    left = theme.margin(panel.width)
    if not panel.beside or right - left < LEAST_BESIDE:
        return None
    y = top
    for words in panel.beside:
        for line in wrap_text(clean_text(words), right - left):
            sheet.write(line, left, y + 0.8 * theme.LINE_PITCH)
            y += theme.LINE_PITCH
        y += theme.NOTE_GAP
    return y


def _write_legend(sheet: Sheet, panel: Panel, top: float) -> float:
    """Write discs with what they mean, as many a line as fit; return the y below, mm."""
    if not panel.legend:
        return top
    left = theme.margin(panel.width)
    x, y = left, top + BEAD_RADIUS
    for bead, words in panel.legend:
        text = clean_text(words)
        wide = 2 * BEAD_RADIUS + 0.9 + text_width(text, theme.NOTE_SIZE)
        if x > left and x + wide > panel.width - left:
            x, y = left, y + theme.ROW
        write_bead(sheet, bead, x + BEAD_RADIUS, y)
        base = y + theme.CAPITAL * theme.NOTE_SIZE * theme.MM_PER_POINT / 2
        sheet.write(text, x + 2 * BEAD_RADIUS + 0.9, base, theme.NOTE_SIZE, color=theme.GREY)
        x += wide + 3.0
    return y + BEAD_RADIUS + 1.6


def marked_extent(lines: Sequence[Line], extent: Extent) -> Extent:
    """Add to an extent the pooled and prediction intervals among the marks."""
    pooled = [
        end
        for line in lines
        if isinstance(line.mark, Diamond | Bar)
        for end in (line.mark.low, line.mark.high)
    ]
    return replace(extent, pooled=(*extent.pooled, *pooled))
