"""Tables laid out from measured text.

Columns as wide as their cells, words wrapped where the page is too narrow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

from meta.plots import theme
from meta.plots.layout import BREAK, Align, clean_text
from meta.plots.theme import Face, text_width

#: Distance of the discs of a cell, mm.
BEAD_PITCH = 4.0


@dataclass(frozen=True, slots=True)
class Bead:
    """A disc with a glyph on it, so that colour never speaks alone."""

    glyph: str
    fill: str
    ink: str


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a table, over one or several columns.

    One that ``flows`` makes no column wider and wraps instead. ``beads`` stand in a row of discs.
    """

    text: str = ""
    face: Face = "regular"
    color: str = theme.INK
    size: float = theme.TEXT_SIZE
    align: Align | None = None
    span: int = 1
    flows: bool = False
    indent: float = 0.0
    beads: tuple[Bead, ...] = ()


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Heading, alignment, whether its text may wrap, and the arm it belongs to (columns of one arm stand side by
    side). ``codes`` head each of a row of discs.
    """

    heading: str
    align: Align = "left"
    wraps: bool = False
    arm: str = ""
    least: float = 12.0
    codes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table: cells from the left (a span counts its columns), and the space before it in mm."""

    cells: tuple[Cell, ...]
    before: float = 0.0
    rule: bool = False


@dataclass(frozen=True, slots=True)
class TableStyle:
    """Rules and distances of a table.

    Attributes
    ----------
    gap : float
        Distance of columns, mm; narrower pages go without some of it.
    pitch : float
        Distance of rows, mm.
    head_rule, head_rule_width : str, float
        Colour and width in points of the rule below the headings.
    total_rule : str
        Colour of the rule above the overall row.
    row_rule : str or None
        Colour of a hairline below each row.
    arm_rule : bool
        Whether a light rule stands below the name of an arm.
    """

    gap: float = theme.GAP
    pitch: float = theme.ROW
    head_rule: str = theme.INK
    head_rule_width: float = 0.9
    total_rule: str = theme.RULE
    row_rule: str | None = None
    arm_rule: bool = True


HOUSE_TABLE = TableStyle()


@dataclass(frozen=True, slots=True)
class Fitted:
    """Where columns and plot stand, mm; the page is wider than it was asked to be where they need it.

    ``plot_at`` columns stand to the left of the plot, the others to its right.
    """

    lefts: tuple[float, ...]
    widths: tuple[float, ...]
    plot_at: int
    plot_left: float
    plot_right: float
    page_width: float


@dataclass(frozen=True, slots=True)
class Grid:
    """Where the rows of a table stand: centre of each, top and bottom of them all, mm."""

    centres: tuple[float, ...]
    top: float
    bottom: float


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
        for at, cell in placed_cells(row):
            if cell.span == 1 and not cell.flows:
                wide = text_width(cell.text, cell.size, cell.face) + cell.indent
                cells[at] = max(cells[at], wide, len(cell.beads) * BEAD_PITCH)
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
        for at, cell in placed_cells(row):
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


def placed_cells(row: Row) -> list[tuple[int, Cell]]:
    """Return each cell of a row with the index of its first column."""
    placed, at = [], 0
    for cell in row.cells:
        placed.append((at, cell))
        at += cell.span
    return placed


def clean_cells(columns: Sequence[Column], rows: Sequence[Row]) -> tuple[list[Column], list[Row]]:
    """Return columns and rows with their texts cleaned, as they are measured and written."""
    return (
        [replace(c, heading=clean_text(c.heading), arm=clean_text(c.arm)) for c in columns],
        [replace(r, cells=tuple(replace(c, text=clean_text(c.text)) for c in r.cells)) for r in rows],
    )


def fit_table(
    columns: Sequence[Column],
    rows: Sequence[Row],
    width: float,
    plots: tuple[float, float],
    plot_at: int | None = None,
    most_plot: float | None = None,
    style: TableStyle = HOUSE_TABLE,
) -> Fitted:
    """Find the width of each column of a table, and the place of the plot beside or between them.

    Parameters
    ----------
    columns, rows : sequences
        What is to be set, cleaned.
    width : float
        Width of the page asked for, mm; ``page_width`` of the result is larger where the table needs it.
    plots : (float, float)
        Width that the plot keeps while the table can still wrap, and its least width, mm.
    plot_at : int, optional
        How many columns stand to the left of the plot; all unless given.
    most_plot : float, optional
        Greatest width of the plot; what is left over goes to the first column.
    style : TableStyle
        Gives the distance of columns.
    """
    at = len(columns) if plot_at is None else plot_at
    margin = theme.margin(width)
    # right of the plot stand one gap less between columns, and two more beside the plot
    beside = 1 if at < len(columns) else 0
    # cells wrap only where closer columns do not help; a table too wide even so keeps its widths, and the
    # page grows
    for shrink, gap in product((False, True), dict.fromkeys((style.gap, theme.GAP, theme.TIGHT_GAP))):
        wanted, most = (width - 2 * margin - plot - (2 + beside) * gap for plot in plots)
        widths = column_widths(columns, rows, wanted, most, gap, shrink)
        if sum(widths) + gap * (len(columns) - 1) <= most:
            break
    right = sum(widths[at:]) + gap * (len(widths) - at + 1) * beside
    left = margin + sum(widths[:at]) + gap * (at + 1)
    spare = width - margin - right - left - most_plot if most_plot is not None else 0.0
    widths = (widths[0] + max(spare, 0.0), *widths[1:])
    lefts = [margin]
    for w in widths[: at - 1]:
        lefts.append(lefts[-1] + w + gap)
    plot_left = lefts[-1] + widths[at - 1] + 2 * gap
    plot_right = max(width - margin - right, plot_left + plots[1])
    page_width = plot_right + right + margin
    start = plot_right + 2 * gap
    for w in widths[at:]:
        lefts.append(start)
        start += w + gap
    return Fitted(tuple(lefts), widths, at, plot_left, plot_right, page_width)
