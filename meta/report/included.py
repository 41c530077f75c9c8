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
    """Return one row a filter: whom it takes away, and where they stand in the sheet."""
    file = analysis.at("cells", "file").text()
    found = []
    for rule in analysis.at("selection", "filters").each():
        taken = list(rule.at("taken").each())
        if not taken:
            continue
        names = list(dict.fromkeys(one.at("label").label() for one in taken))
        lines = [line for one in taken if (line := one.at("line").number()) is not None]
        more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
        found.append(
            row(
                ", ".join(names[:MOST_NAMES]) + more,
                f"not: {rule.at('text').text()}",
                "by a filter",
                ", ".join(f"{file}:{line:.0f}" for line in lines[:MOST_NAMES])
                + (" …" if len(lines) > MOST_NAMES else ""),
            )
        )
    return found


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
