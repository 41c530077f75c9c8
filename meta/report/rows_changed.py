"""Rows of sheets that came, went or changed, and choices that differ, as tables."""

from __future__ import annotations

from dataclasses import replace

from meta.report.pieces import Link, Node, Piece, Sentence, join, listed, plain, show_count
from meta.report.views import Column, Row, Table, row
from meta.tables.numbers import MISSING

#: Cells of a row that are shown before an ellipsis; results.json has them all.
MOST_CELLS = 8

#: What happened to a row behind a change, in words.
BEHIND = {
    "came": "came",
    "went": "went",
    "changed": "changed",
    "now_used": "used now",
    "no_longer_used": "no longer used",
}

_KINDS = {"protocol": "protocol", "profile": "method profile", "software": "software"}


def row_tables(changes: Node, anchors: frozenset[str]) -> tuple[tuple[Sentence, ...], tuple[Table, ...]]:
    """Return a sentence and a table for each sheet of which anything changed."""
    titles = {a.at("id").text(): a.at("title").text() for a in changes.at("analyses").each()}
    sentences, tables = [], []
    for sheet in changes.at("sheets").each():
        if not (sheet.at("rows").exists or _columns_text(sheet)):
            continue
        sentences.append(_sheet_sentence(sheet))
        tables.append(_sheet_table(sheet, titles, anchors))
    return tuple(sentences), tuple(tables)


def _name_of(sheet: Node) -> str:
    return sheet.at("new_file").label() or sheet.at("old_file").label() or sheet.at("name").label()


def _sheet_sentence(sheet: Node) -> Sentence:
    """Say how many rows of a sheet differ, how many are the same, and which columns came or went."""
    rows, same = sheet.at("rows"), sheet.at("same")
    differ = "row differs" if len(rows) == 1 else "rows differ"
    stay = "is the same" if same.number() == 1 else "are the same"
    said = join(show_count(rows), f" {differ}") if len(rows) else ("no row differs",)
    renamed = ""
    if sheet.at("old_file").exists and sheet.at("new_file").exists:
        old, new = sheet.at("old_file").label(), sheet.at("new_file").label()
        renamed = f" (was {old})" if old != new else ""
    columns = _columns_text(sheet)
    return join(
        f"{_name_of(sheet)}{renamed}: ",
        said,
        ", ",
        show_count(same) if same.exists else "none",
        f" {stay}",
        f"; {columns}" if columns else "",
        ".",
    )


def _columns_text(sheet: Node) -> str:
    parts = []
    for key, word in (("columns_came", "came"), ("columns_went", "went")):
        names = [column.label() for column in sheet.at(key).each()]
        if names:
            parts.append(f"{'column' if len(names) == 1 else 'columns'} {', '.join(names)} {word}")
    return "; ".join(parts)


def _sheet_table(sheet: Node, titles: dict[str, str], anchors: frozenset[str]) -> Table:
    """Return the rows one by one, those alike that no analysis uses as one."""
    alike = list(sheet.at("alike").each())
    told = {int(place.number() or 0) for group in alike for place in group.at("rows").each()}
    rows: list[Row] = [
        _row_of(changed, titles, anchors)
        for i, changed in enumerate(sheet.at("rows").each())
        if i not in told
    ]
    rows.extend(_alike_row(group) for group in alike)
    columns = (
        Column("Row", wide=True),
        Column("What happened"),
        Column("Line"),
        Column("Cells", wide=True),
        Column("Used by", wide=True),
    )
    return without_empty(Table(f"Rows of {_name_of(sheet)}", columns, tuple(rows)))


def without_empty(table: Table) -> Table:
    """Return a table without the columns in which no row says anything."""
    kept = [i for i in range(len(table.columns)) if any(plain(r.cells[i]) for r in table.rows)]
    rows = tuple(replace(r, cells=tuple(r.cells[i] for i in kept)) for r in table.rows)
    return replace(table, columns=tuple(table.columns[i] for i in kept), rows=rows)


def _row_of(changed: Node, titles: dict[str, str], anchors: frozenset[str]) -> Row:
    what = changed.at("what").text()
    if changed.at("matched_by").text() == "content":
        what += ", its key too"
    used: list[Piece] = []
    for name in (node.text() for node in changed.at("analyses").each()):
        words = titles.get(name, name)
        used.append(Link(words, f"#{name}") if name in anchors else words)
    for name in (node.text() for node in changed.at("alternatives").each()):
        used.append(f"alternatives of {titles.get(name, name)}")
    return row(
        changed.at("label").label() or MISSING,
        what,
        _lines(changed),
        _cells(changed) if what.startswith("changed") else "",
        listed(used, last=", ") if used else "no analysis",
    )


def _lines(changed: Node) -> str:
    """Return the line of a row before and now."""
    lines = [changed.at(name).number() for name in ("old_line", "new_line")]
    texts = [f"{line:.0f}" for line in lines if line is not None]
    return " → ".join(dict.fromkeys(texts))


def _cells(changed: Node) -> str:
    cells = [
        f"{c.at('column').label()}: {c.at('old').label() or 'empty'} → {c.at('new').label() or 'empty'}"
        for c in changed.at("cells").each()
    ]
    return "; ".join(cells[:MOST_CELLS]) + ("; …" if len(cells) > MOST_CELLS else "")


def _alike_row(group: Node) -> Row:
    cells = [f"{cell.at(0).label()}: {cell.at(1).text()}" for cell in group.at("cells").each()]
    what = group.at("what").text()
    return row(
        join(show_count(group.at("rows")), " rows"), what, "", "; ".join(cells), "no analysis", muted=True
    )


def choice_table(changes: Node) -> Table:
    """Return every choice that differs, by its key, those that can move a number first."""
    choices = sorted(changes.at("choices").each(), key=lambda choice: not choice.at("moves").is_true())
    rows = [
        row(
            choice.at("where").text(),
            _KINDS.get(choice.at("kind").text(), choice.at("kind").text()),
            choice.at("old").text() or MISSING,
            choice.at("new").text() or MISSING,
            "yes" if choice.at("moves").is_true() else "no",
        )
        for choice in choices
    ]
    columns = (
        Column("Choice", wide=True),
        Column("Of"),
        Column("Before", wide=True),
        Column("Now", wide=True),
        Column("Can move a number"),
    )
    return Table("Choices that differ", columns, tuple(rows))


def behind_table(changes: Node) -> Table:
    """Return every row behind a change of an analysis, and why it matters to it."""
    rows = []
    for analysis in changes.at("analyses").each():
        for behind in analysis.at("rows").each():
            what = behind.at("what").text()
            rows.append(
                row(
                    analysis.at("title").text(),
                    behind.at("label").label(),
                    BEHIND.get(what, what),
                    _lines(behind),
                    _cells(behind) if what == "changed" else "",
                    behind.at("why").text(),
                )
            )
    columns = (
        Column("Analysis", wide=True),
        Column("Row"),
        Column("What happened"),
        Column("Line"),
        Column("Cells", wide=True),
        Column("Why", prose=True),
    )
    return without_empty(Table("Rows behind each analysis", columns, tuple(rows)))
