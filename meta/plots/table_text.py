"""Tables written where they were fitted: headings, rules, cells, discs."""

from __future__ import annotations

from collections.abc import Sequence

from meta.plots import theme
from meta.plots.layout import Align, Disc, Sheet, Stroke, wrap_text
from meta.plots.table import (
    BEAD_PITCH,
    HOUSE_TABLE,
    Bead,
    Column,
    Fitted,
    Grid,
    Row,
    TableStyle,
    arm_spans,
    placed_cells,
)

#: Lines of a study name or cell before it is cut by an ellipsis: names of consortia fit, an abstract pasted
#: by mistake does not push the plot off the page. What was cut stays in the SVG as a tooltip.
MOST_LINES = 4

#: Radius of a disc, mm.
BEAD_RADIUS = 1.55


def write_table(
    sheet: Sheet,
    columns: Sequence[Column],
    rows: Sequence[Row],
    fitted: Fitted,
    top: float,
    head: float = 0.0,
    style: TableStyle = HOUSE_TABLE,
) -> Grid:
    """Write the texts and rules of a table, and return where its rows stand.

    Parameters
    ----------
    sheet : Sheet
        Receives the texts and rules.
    columns, rows : sequences
        What to set, cleaned.
    fitted : Fitted
        Where the columns stand.
    top : float
        Where the headings start, mm.
    head : float
        Least height of the headings, for what stands above the plot, mm.
    style : TableStyle
        Rules and distances.
    """
    lefts, widths = fitted.lefts, fitted.widths
    margin = lefts[0]
    right = fitted.page_width - margin
    y = _write_headings(sheet, columns, lefts, widths, top, head, style)
    sheet.shapes.append(Stroke(margin, y, right, y, style.head_rule, style.head_rule_width))
    body_top = y
    y += 0.9
    centres = []
    for place, row in enumerate(rows):
        y += row.before
        if row.rule:
            sheet.shapes.append(Stroke(margin, y, right, y, style.total_rule, 0.7))
            y += 0.5
        elif style.row_rule is not None and place:
            sheet.shapes.append(Stroke(margin, y, right, y, style.row_rule, 0.4))
        height = _write_row(sheet, columns, row, lefts, widths, y, style.pitch)
        centres.append(y + height / 2)
        y += height
    return Grid(tuple(centres), body_top, y)


def _arm_gap(style: TableStyle) -> float:
    """Return the height of the rule below arms, mm."""
    return 1.1 if style.arm_rule else 0.0


def _head_depth(
    columns: Sequence[Column], lefts: Sequence[float], widths: Sequence[float], style: TableStyle
) -> float:
    """Return the height of arms and headings, mm."""
    depth = max(
        len(wrap_text(c.heading, w + 0.01, face="bold")) for c, w in zip(columns, widths, strict=True)
    )
    spans = arm_spans(columns)
    lines = [
        len(wrap_text(columns[a].arm, lefts[b - 1] + widths[b - 1] - lefts[a] + 0.01, face="bold", most=3))
        for a, b in spans
    ]
    arms = max(lines) * theme.LINE_PITCH + _arm_gap(style) if spans else 0.0
    return arms + depth * theme.LINE_PITCH + 0.9


def _write_headings(
    sheet: Sheet,
    columns: Sequence[Column],
    lefts: Sequence[float],
    widths: Sequence[float],
    top: float,
    head: float,
    style: TableStyle,
) -> float:
    """Write arms and headings, headings on one last line; return the y of the rule below them."""
    y = top + max(head - _head_depth(columns, lefts, widths, style), 0.0)
    arms = arm_spans(columns)
    if arms:
        wrapped = []
        for start, stop in arms:
            right = lefts[stop - 1] + widths[stop - 1]
            lines = wrap_text(columns[start].arm, right - lefts[start] + 0.01, face="bold", most=3)
            wrapped.append((lefts[start], right, lines))
        depth = max(len(lines) for *_, lines in wrapped)
        for left, right, lines in wrapped:
            for i, line in enumerate(lines):
                at = y + (depth - len(lines) + i + 0.8) * theme.LINE_PITCH
                sheet.write(line, (left + right) / 2, at, face="bold", align="center")
            rule = y + depth * theme.LINE_PITCH + 0.5
            if style.arm_rule:
                sheet.shapes.append(Stroke(left, rule, right, rule, theme.RULE, 0.6))
        y += depth * theme.LINE_PITCH + _arm_gap(style)
    headings = [wrap_text(c.heading, w + 0.01, face="bold") for c, w in zip(columns, widths, strict=True)]
    depth = max(len(lines) for lines in headings)
    for column, left, w, lines in zip(columns, lefts, widths, headings, strict=True):
        for i, line in enumerate(lines):
            at = y + (depth - len(lines) + i + 0.8) * theme.LINE_PITCH
            sheet.write(line, _edge(left, w, column.align), at, face="bold", align=column.align)
        for x, code in zip(_bead_places(left, w, len(column.codes)), column.codes, strict=True):
            sheet.write(
                code, x, y + (depth - 0.2) * theme.LINE_PITCH, theme.NOTE_SIZE, face="bold", align="center"
            )
    return y + depth * theme.LINE_PITCH + 0.9


def _bead_places(left: float, width: float, count: int) -> list[float]:
    """Return the centres of a row of discs in a column, mm."""
    start = left + (width - count * BEAD_PITCH) / 2
    return [start + (i + 0.5) * BEAD_PITCH for i in range(count)]


def write_bead(sheet: Sheet, bead: Bead, x: float, y: float) -> None:
    """Draw a disc with its glyph around a place, mm."""
    sheet.shapes.append(Disc(x, y, BEAD_RADIUS, bead.fill, theme.GREY, 0.3))
    half = theme.CAPITAL * theme.TEXT_SIZE * theme.MM_PER_POINT / 2
    sheet.write(bead.glyph, x, y + half, face="bold", color=bead.ink, align="center")


def _edge(left: float, width: float, align: Align) -> float:
    return left + {"left": 0.0, "center": 0.5, "right": 1.0}[align] * width


def _write_row(
    sheet: Sheet,
    columns: Sequence[Column],
    row: Row,
    lefts: Sequence[float],
    widths: Sequence[float],
    top: float,
    pitch: float,
) -> float:
    """Write the cells of one row, each centred between ``top`` and the row's height; return that, mm."""
    set_cells = []
    for at, cell in placed_cells(row):
        last = min(at + cell.span, len(columns)) - 1
        room = lefts[last] + widths[last] - lefts[at] - cell.indent
        most = MOST_LINES if cell.span == 1 and not cell.flows else 2 * MOST_LINES
        lines = wrap_text(cell.text, room + 0.01, cell.size, cell.face, most)
        set_cells.append((at, cell, room, lines))
    deepest = max((len(lines) for *_, lines in set_cells), default=1)
    height = pitch + (deepest - 1) * theme.LINE_PITCH
    for at, cell, room, lines in set_cells:
        align = cell.align or columns[at].align
        full = cell.text if lines[-1].endswith("…") and not cell.text.endswith("…") else ""
        half = theme.CAPITAL * cell.size * theme.MM_PER_POINT / 2
        first = top + height / 2 + half - (len(lines) - 1) * theme.LINE_PITCH / 2
        for i, line in enumerate(lines):
            sheet.write(
                line,
                _edge(lefts[at] + cell.indent, room, align),
                first + i * theme.LINE_PITCH,
                cell.size,
                cell.face,
                cell.color,
                align,
                full if i == len(lines) - 1 else "",
            )
        for x, bead in zip(_bead_places(lefts[at], room, len(cell.beads)), cell.beads, strict=True):
            write_bead(sheet, bead, x, top + height / 2)
    return height
