"""Tables laid out from measured text.

Columns as wide as their cells, words wrapped where the page is too narrow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

from meta.plots import theme
from meta.plots.layout import BREAK, Align, Sheet, Stroke, clean_text, wrap_text
from meta.plots.theme import Face, text_width

#: Lines of a study name or cell before it is cut by an ellipsis: names of consortia fit, an abstract pasted
#: by mistake does not push the plot off the page. What was cut stays in the SVG as a tooltip.
MOST_LINES = 4


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a table, over one or several columns.

    One that ``flows`` makes no column wider and wraps instead.
    """

    text: str = ""
    face: Face = "regular"
    color: str = theme.INK
    size: float = theme.TEXT_SIZE
    align: Align | None = None
    span: int = 1
    flows: bool = False
    indent: float = 0.0


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Heading, alignment, whether its text may wrap, and the arm it belongs to (columns of one arm stand side by
    side).
    """

    heading: str
    align: Align = "left"
    wraps: bool = False
    arm: str = ""
    least: float = 12.0


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table: cells from the left (a span counts its columns), and the space before it in mm."""

    cells: tuple[Cell, ...]
    before: float = 0.0
    rule: bool = False


@dataclass(frozen=True, slots=True)
class Grid:
    """Where a table stands.

    Left edges and widths of its columns, centre of each row, and the plot beside it, mm.
    """

    lefts: tuple[float, ...]
    widths: tuple[float, ...]
    centres: tuple[float, ...]
    top: float
    bottom: float
    plot_left: float
    plot_right: float
    page_width: float


#: By how much a long word may widen a column beyond its least width before it is broken, mm, and how much of
#: a cell is looked at.
_WORD = 12.0
_LOOK = 200


def column_widths(
    columns: Sequence[Column], rows: Sequence[Row], wanted: float, most: float, gap: float, shrink: bool
) -> tuple[float, ...]:
    """Return the width of each column.

    All as wide as they like where that fits into ``wanted`` mm, gaps included; else headings wrap; where that
    takes more than ``most`` mm and ``shrink`` allows it, the columns that may wrap give way, the widest
    first, down to their longest word.
    """
    cells = [0.0] * len(columns)
    for row in rows:
        for at, cell in _placed(row):
            if cell.span == 1 and not cell.flows:
                cells[at] = max(cells[at], text_width(cell.text, cell.size, cell.face) + cell.indent)
    whole = [text_width(column.heading, face="bold") for column in columns]
    words = [max(text_width(word, face="bold") for word in BREAK.split(column.heading)) for column in columns]
    gaps = gap * max(len(columns) - 1, 0)
    widths = [max(pair) for pair in zip(cells, whole, strict=True)]
    if sum(widths) > wanted - gaps:
        widths = [max(pair) for pair in zip(cells, words, strict=True)]
    # with no room at all, an arm takes what its longest word needs
    widths = _widen_arms(columns, widths, 0.0, gap)
    if sum(widths) > most - gaps and shrink:
        widths = _shrink(columns, widths, _longest_words(columns, rows, words), wanted - gaps)
    widths = _widen_arms(columns, widths, wanted - gaps, gap)
    widths[0] += max(min(_lacking(rows, widths, gap), wanted - gaps - sum(widths)), 0.0)
    return tuple(widths)


def _longest_words(columns: Sequence[Column], rows: Sequence[Row], words: Sequence[float]) -> list[float]:
    """Return the width of the longest word of each column, of its heading alone where it does not wrap."""
    longest = list(words)
    for row in rows:
        for at, cell in _placed(row):
            if cell.span == 1 and columns[at].wraps:
                widest = max(
                    text_width(word, cell.size, cell.face) for word in BREAK.split(cell.text[:_LOOK])
                )
                longest[at] = max(longest[at], min(widest + cell.indent, columns[at].least + _WORD))
    return longest


def _lacking(rows: Sequence[Row], widths: Sequence[float], gap: float) -> float:
    """Return what the first column lacks, mm, for the longest text that starts in it and spans others."""
    lacks = [0.0]
    for row in rows:
        cell = row.cells[0]
        have = sum(widths[: cell.span]) + gap * (cell.span - 1)
        lacks.append(
            text_width(cell.text, cell.size, cell.face) + cell.indent - have
            if cell.span > 1 or cell.flows
            else 0.0
        )
    return max(lacks)


def _shrink(columns: Sequence[Column], widths: list[float], words: list[float], room: float) -> list[float]:
    """Cap the columns that may wrap at a common width, found by halving.

    No lower than each one's least width and longest word.
    """

    def capped(cap: float) -> list[float]:
        return [
            min(width, max(cap, column.least, word)) if column.wraps else width
            for column, width, word in zip(columns, widths, words, strict=True)
        ]

    low, high = 0.0, max(widths)
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if sum(capped(middle)) <= room else (low, middle)
    return capped(low)


def _widen_arms(columns: Sequence[Column], widths: list[float], room: float, gap: float) -> list[float]:
    """Widen the columns of an arm whose name is longer than they are, as far as there is room.

    Its longest word always fits.
    """
    for start, stop in arm_spans(columns):
        have = sum(widths[start:stop]) + gap * (stop - start - 1)
        name = text_width(columns[start].arm, face="bold")
        word = max(text_width(part, face="bold") for part in BREAK.split(columns[start].arm))
        want = max(min(name, have + room - sum(widths)), min(word, 30.0))
        for at in range(start, stop):
            widths[at] += max(want - have, 0.0) / (stop - start)
    return widths


def arm_spans(columns: Sequence[Column]) -> list[tuple[int, int]]:
    """Return the half-open runs of neighbouring columns that belong to one named arm."""
    spans: list[tuple[int, int]] = []
    for at, column in enumerate(columns):
        if column.arm and at and columns[at - 1].arm == column.arm:
            spans[-1] = (spans[-1][0], at + 1)
        elif column.arm:
            spans.append((at, at + 1))
    return spans


def _placed(row: Row) -> list[tuple[int, Cell]]:
    """Return each cell of a row with the index of its first column."""
    placed, at = [], 0
    for cell in row.cells:
        placed.append((at, cell))
        at += cell.span
    return placed


def place_table(
    sheet: Sheet,
    columns: Sequence[Column],
    rows: Sequence[Row],
    top: float,
    width: float,
    plots: tuple[float, float],
) -> Grid:
    """Lay out a table with a plot at its right, write its texts and rules, and return where things stand.

    Parameters
    ----------
    sheet : Sheet
        Receives the texts and rules.
    columns, rows : sequences
        What to set; texts are cleaned here.
    top : float
        Where the headings start, mm.
    width : float
        Width of the page asked for, mm; the grid's ``page_width`` is larger where the table needs it.
    plots : (float, float)
        Width that the plot keeps while the table can still wrap, and its least width, mm.
    """
    columns = [replace(c, heading=clean_text(c.heading), arm=clean_text(c.arm)) for c in columns]
    rows = [replace(r, cells=tuple(replace(c, text=clean_text(c.text)) for c in r.cells)) for r in rows]
    # cells wrap only where closer columns do not help; a table too wide even so keeps its widths, and the
    # page grows
    for shrink, gap in product((False, True), (theme.GAP, theme.TIGHT_GAP)):
        wanted, most = (width - 2 * theme.MARGIN - plot - 2 * gap for plot in plots)
        widths = column_widths(columns, rows, wanted, most, gap, shrink)
        if sum(widths) + gap * (len(columns) - 1) <= most:
            break
    lefts = [theme.MARGIN]
    for w in widths[:-1]:
        lefts.append(lefts[-1] + w + gap)
    plot_left = lefts[-1] + widths[-1] + 2 * gap
    plot_right = max(width - theme.MARGIN, plot_left + plots[1])
    page_width = plot_right + theme.MARGIN
    y = _write_headings(sheet, columns, lefts, widths, top)
    sheet.shapes.append(Stroke(theme.MARGIN, y, page_width - theme.MARGIN, y, width=0.9))
    body_top = y
    y += 0.9
    centres = []
    for row in rows:
        y += row.before
        if row.rule:
            sheet.shapes.append(Stroke(theme.MARGIN, y, page_width - theme.MARGIN, y, theme.RULE, 0.7))
            y += 0.5
        height = _write_row(sheet, columns, row, lefts, widths, y)
        centres.append(y + height / 2)
        y += height
    return Grid(tuple(lefts), widths, tuple(centres), body_top, y, plot_left, plot_right, page_width)


def _write_headings(
    sheet: Sheet, columns: Sequence[Column], lefts: Sequence[float], widths: Sequence[float], top: float
) -> float:
    """Write arms and headings, headings on one last line; return the y of the rule below them."""
    y = top
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
            sheet.shapes.append(Stroke(left, rule, right, rule, theme.RULE, 0.6))
        y += depth * theme.LINE_PITCH + 1.1
    headings = [wrap_text(c.heading, w + 0.01, face="bold") for c, w in zip(columns, widths, strict=True)]
    depth = max(len(lines) for lines in headings)
    for column, left, w, lines in zip(columns, lefts, widths, headings, strict=True):
        for i, line in enumerate(lines):
            at = y + (depth - len(lines) + i + 0.8) * theme.LINE_PITCH
            sheet.write(line, _edge(left, w, column.align), at, face="bold", align=column.align)
    return y + depth * theme.LINE_PITCH + 0.9


def _edge(left: float, width: float, align: Align) -> float:
    return left + {"left": 0.0, "center": 0.5, "right": 1.0}[align] * width


def _write_row(
    sheet: Sheet,
    columns: Sequence[Column],
    row: Row,
    lefts: Sequence[float],
    widths: Sequence[float],
    top: float,
) -> float:
    """Write the cells of one row, each centred between ``top`` and the row's height; return that, mm."""
    set_cells = []
    for at, cell in _placed(row):
        last = min(at + cell.span, len(columns)) - 1
        room = lefts[last] + widths[last] - lefts[at] - cell.indent
        most = MOST_LINES if cell.span == 1 and not cell.flows else 2 * MOST_LINES
        lines = wrap_text(cell.text, room + 0.01, cell.size, cell.face, most)
        set_cells.append((at, cell, room, lines))
    deepest = max((len(lines) for *_, lines in set_cells), default=1)
    height = theme.ROW + (deepest - 1) * theme.LINE_PITCH
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
    return height
