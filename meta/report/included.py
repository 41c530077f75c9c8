"""Who is in an analysis and who is out: characteristics of its studies, and rows left out with the reason."""

from __future__ import annotations

from meta.report.origins import http_address, rows_text
from meta.report.pieces import Link, Node, Piece, Sentence
from meta.report.views import Block, Column, Row, Table, row
from meta.tables.numbers import MISSING

#: Cells longer than this make a column wide, and beyond the second number one of prose.
SHORT, LONG = 14, 60

#: Most names in one cell; the others are counted, and stand in the sheet by their lines.
MOST_NAMES = 40


def characteristics_table(analysis: Node) -> Table:
    """Return one line an included study with the columns that the protocol declares for it."""
    described = analysis.at("characteristics")
    heads = []
    for place, column in enumerate(described.at("columns").each()):
        longest = max((len(r.at("cells", place).text()) for r in described.at("rows").each()), default=0)
        heads.append(Column(column.at("heading").text(), wide=SHORT < longest <= LONG, prose=longest > LONG))
    rows = tuple(
        row(
            entry.at("label").label(),
            *(cell.text() or MISSING for cell in entry.at("cells").each()),
            rows_text(entry.at("rows")),
        )
        for entry in described.at("rows").each()
    )
    return Table("Characteristics of included studies", (Column("Study"), *heads, Column("Sheet rows")), rows)


def filtered_rows(analysis: Node) -> list[Row]:
    """Return one row a filter: whom it takes away, and where they stand in the sheet.

    Rows of a study that is in the analysis with another row stand apart: the study is not left out.
    """
    file = analysis.at("cells", "file").text()
    kept = {name.label() for name in analysis.at("selection", "used").each()}
    found = []
    for rule in analysis.at("selection", "filters").each():
        taken = [(one.at("label").label(), one.at("line").number()) for one in rule.at("taken").each()]
        reason = f"not: {rule.at('text').text()}"
        groups = (("by a filter", False), ("by a filter; another row of the study is used", True))
        for how, stays in groups:
            members = [(label, line) for label, line in taken if (label in kept) is stays]
            if members:
                found.append(row(_names(members), reason, how, _lines(file, members)))
    return found


def _names(members: list[tuple[str, float | None]]) -> str:
    names = list(dict.fromkeys(label for label, _ in members))
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(names[:MOST_NAMES]) + more


def _lines(file: str, members: list[tuple[str, float | None]]) -> str:
    """Return rows of the sheet: ``trials.csv:4, trials.csv:7``."""
    lines = [f"{file}:{line:.0f}" for _, line in members[:MOST_NAMES] if line is not None]
    return ", ".join(lines) + (" …" if len(members) > MOST_NAMES else "")


def excluded_block(excluded: Node) -> Block:
    """Return the studies that were read in full and excluded; nothing where none is declared."""
    rows = []
    for entry in excluded.each():
        source = entry.at("source").text()
        address = http_address(source)
        shown: Piece | Sentence = Link(source, address) if address else source or MISSING
        where = rows_text(entry.at("rows")) if entry.at("rows").exists else "protocol"
        rows.append(row(entry.at("study").label(), entry.at("reason").text(), shown, where))
    columns = (
        Column("Study"),
        Column("Reason", wide=True),
        Column("Source", wide=True),
        Column("Declared in"),
    )
    table = Table("Studies excluded after reading, with the reason", columns, tuple(rows))
    return Block("Excluded studies", (), None, (table,))
