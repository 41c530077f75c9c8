"""Tables of the report as tables of Word: heads that repeat, rows that stay whole, captions with numbers."""

from __future__ import annotations

from collections.abc import Sequence

from docx.oxml import OxmlElement
from docx.oxml.ns import qn

from meta.report.docx_pen import Element, Pen, sub
from meta.report.docx_widths import MOST_PARTS, column_bounds, split_columns, spread_widths
from meta.report.pieces import Sentence
from meta.report.views import Column, Row, Table

#: Twentieths of a point to a mm.
TWIPS = 1440.0 / 25.4

#: Most rows of a table that is kept on one page.
KEPT_ROWS = 9


class Wide(list[Element]):
    """Elements that need a page turned on its side."""


def caption(
    pen: Pen, kind: str, number: int, words: str, *, keep: bool, more: str = "", counted: bool = True
) -> Element:
    """Return a caption with a number that Word counts (a SEQ field) and that stands there already."""
    element = pen.paragraph("Caption", (f"{kind} ",), keep=keep)
    # a further part keeps the number of the first, so Word must not count it again
    field = sub(element, "w:fldSimple", instr=f" SEQ {kind} \\* ARABIC ") if counted else element
    pen.run(field, str(number))
    pen.run(element, f"{more}. {words}")
    return element


def table_elements(pen: Pen, table: Table) -> list[Element]:
    """Return a table with caption and notes; nothing where it has no rows.

    A table that does not fit the width of the page is set in parts, each led by the first column; one of more
    parts than ``MOST_PARTS`` turns its page.
    """
    if not table.rows:
        return []
    pen.tables += 1
    least, longest = column_bounds(table)
    width, turned = pen.width, False
    parts = split_columns(least, width)
    # a part of a name and one column has nothing left to split, and may still be too wide
    crowded = any(sum(least[i] for i in part) > width for part in parts)
    if pen.wide is not None and (len(parts) > MOST_PARTS or crowded):
        width, turned = pen.wide, True
        parts = split_columns(least, width)
    out: list[Element] = Wide() if turned else []
    for place, part in enumerate(parts, start=1):
        more = f", part {place} of {len(parts)}" if len(parts) > 1 else ""
        out.append(caption(pen, "Table", pen.tables, table.caption, keep=True, more=more, counted=place == 1))
        widths = spread_widths([least[i] for i in part], [longest[i] for i in part], width)
        out.append(_grid(pen, table, part, widths, table.caption + more))
        if place < len(parts):
            out.append(pen.paragraph("Table Text", ()))
    out += pen.sentences("Report Note", table.notes) or [pen.paragraph("Table Text", ())]
    return out


def _grid(pen: Pen, table: Table, part: Sequence[int], widths: Sequence[float], words: str) -> Element:
    element = OxmlElement("w:tbl")
    properties = sub(element, "w:tblPr")
    sub(properties, "w:tblStyle", val=pen.styles.id_of("Report Table"))
    sub(properties, "w:tblW", w=_twips(sum(widths)), type="dxa")
    sub(properties, "w:tblLayout", type="fixed")
    sub(properties, "w:tblLook", val="0020", firstRow="1", lastRow="0", firstColumn="0", lastColumn="0",
        noHBand="1", noVBand="1")  # fmt: skip
    sub(properties, "w:tblCaption", val=pen.clean(words))
    grid = sub(element, "w:tblGrid")
    for width in widths:
        sub(grid, "w:gridCol", w=_twips(width))
    columns = [table.columns[i] for i in part]
    _head(pen, element, columns, widths)
    kept = len(table.rows) <= KEPT_ROWS
    for place, row in enumerate(table.rows, start=1):
        cells = [row.cells[i] for i in part]
        _row(pen, element, row, cells, columns, widths, keep=kept and place < len(table.rows))
    return element


def _twips(mm: float) -> str:
    return str(round(mm * TWIPS))


def _row_element(table: Element, *, head: bool = False) -> Element:
    row = sub(table, "w:tr")
    properties = sub(row, "w:trPr")
    sub(properties, "w:cantSplit")
    if head:
        sub(properties, "w:tblHeader")
    return row


def _cell(row: Element, width: float, content: Element) -> None:
    cell = sub(row, "w:tc")
    sub(sub(cell, "w:tcPr"), "w:tcW", w=_twips(width), type="dxa")
    cell.append(content)


def _head(pen: Pen, table: Element, columns: Sequence[Column], widths: Sequence[float]) -> None:
    row = _row_element(table, head=True)
    for column, width in zip(columns, widths, strict=True):
        words = pen.paragraph("Table Heading", (column.heading,), keep=True)
        if column.kind in ("num", "right"):
            sub(words.find(qn("w:pPr")), "w:jc", val="right")
        _cell(row, width, words)


def _row(
    pen: Pen,
    table: Element,
    row: Row,
    cells: Sequence[Sentence],
    columns: Sequence[Column],
    widths: Sequence[float],
    *,
    keep: bool,
) -> None:
    element = _row_element(table)
    look = "Strong" if row.strong else "Report Muted" if row.muted else ""
    for place, (cell, column, width) in enumerate(zip(cells, columns, widths, strict=True)):
        style = "Table Number" if column.kind in ("num", "right") else "Table Text"
        anchor = row.anchor if place == 0 else ""
        _cell(element, width, pen.paragraph(style, cell, keep=keep, anchor=anchor, look=look))
