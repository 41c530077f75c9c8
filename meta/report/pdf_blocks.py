"""The report as the plain data of its PDF: blocks in reading order, every text ready to be set."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from html import unescape
from typing import Any

from meta.report.pdf_tables import CELL_INSET, UPRIGHT, Part, lay_out
from meta.report.pdf_text import Letters, fold_sentence
from meta.report.pieces import Link, Piece, Sentence, Shown, plain
from meta.report.views import AnalysisView, Block, Figure, Fold, MethodView, ReportView, Row, Table
from meta.report.written import Place

#: Plain data, as JSON has it.
Data = dict[str, Any]

#: Size of running text, points, and of the largest heading: words are measured at least at this size.
TEXT_SIZE = 8.5
HEADING_SIZES = {1: 14.0, 2: 10.5, 3: 9.0}
TITLE_SIZE = 19.0

#: Longest running head, letters.
RUNNING_HEAD = 80

#: Longest address of the web that is followed, letters.
LONGEST_ADDRESS = 2000

_ADDRESS = re.compile(r"https?://", re.IGNORECASE)


class Sheets:
    """The document while it is put together: its blocks, its places with numbers, its anchors.

    Each page group holds blocks that stand on upright pages or on pages that lie on their side.
    """

    def __init__(self, pictures: Mapping[str, str]) -> None:
        self.letters = Letters()
        self.groups: list[Data] = []
        self.places: list[Place] = []
        self.sections: list[str] = []
        self._pictures = pictures
        self._drawn: dict[str, str] = {}
        self.anchors: set[str] = set()
        self._section = ""
        self._tables = 0
        self._figures = 0
        self._paragraphs = 0

    def text(self, words: str, width: float = UPRIGHT, size: float = TEXT_SIZE, *, bold: bool = False) -> str:
        """Return words that hold no number of the results."""
        folded = fold_sentence((self.letters.clean(words),), width, size, "bold" if bold else "regular")
        return plain(folded)

    def sentence(
        self,
        sentence: Sentence,
        place: str,
        width: float = UPRIGHT,
        size: float = TEXT_SIZE,
        *,
        bold: bool = False,
    ) -> list[str | Data]:
        """Return a sentence as words and links, and note where each of its numbers stands."""
        self.places += [Place(place, piece.text, piece.id) for piece in sentence if isinstance(piece, Shown)]
        cleaned = tuple(self._cleaned(piece) for piece in sentence)
        out: list[str | Data] = []
        for piece in fold_sentence(cleaned, width, size, "bold" if bold else "regular"):
            data = _piece_data(piece)
            if isinstance(data, str) and out and isinstance(out[-1], str):
                out[-1] += data
            else:
                out.append(data)
        return out

    def _cleaned(self, piece: Piece) -> Piece:
        if isinstance(piece, str):
            return self.letters.clean(piece)
        if isinstance(piece, Shown):
            return Shown(self.letters.clean(piece.text), piece.id, piece.link)
        # a file beside the report is named by its path: nothing leads there from an archive
        beside = not piece.href.startswith("#") and not _ADDRESS.match(piece.href)
        return Link(self.letters.clean(piece.href if beside else piece.text), piece.href)

    def add(self, kind: str, *, lying: bool = False, **fields: Any) -> None:
        """Add a block to the pages that stand or lie as it asks."""
        if not self.groups or self.groups[-1]["lying"] != lying:
            self.groups.append({"lying": lying, "blocks": []})
        self.groups[-1]["blocks"].append({"kind": kind, **fields})

    def heading(self, level: int, words: str, anchor: str = "", *, lying: bool = False) -> None:
        """Add a heading; one of the first level opens a section."""
        size = HEADING_SIZES[level]
        if level == 1:
            self._section, self._paragraphs = words, 0
            self.sections.append(short(self.letters.clean(words), RUNNING_HEAD))
        self.add(
            "heading",
            lying=lying,
            level=level,
            text=self.text(words, UPRIGHT, size, bold=True),
            anchor=self.anchor(anchor),
        )

    def anchor(self, name: str) -> str:
        """Return an anchor the first time it is used; no two places share one."""
        name = self.letters.clean(name)
        if not name or name in self.anchors:
            return ""
        self.anchors.add(name)
        return name

    def paragraph(self, sentences: Iterable[Sentence], style: str = "") -> None:
        """Add sentences as one paragraph; ``style`` is ``note``, ``question``, ``quote`` or empty."""
        said = [sentence for sentence in sentences if plain(sentence)]
        if said:
            place = self._next_paragraph()
            self.add("paragraph", style=style, sentences=[self.sentence(one, place) for one in said])

    def items(self, sentences: Iterable[Sentence], *, ordered: bool = False) -> None:
        """Add sentences as a list."""
        said = [sentence for sentence in sentences if plain(sentence)]
        if said:
            place = self._next_paragraph()
            texts = [
                self.sentence(one, f"{place}, item {i}", UPRIGHT - 8.0) for i, one in enumerate(said, start=1)
            ]
            self.add("list", ordered=ordered, items=texts)

    def _next_paragraph(self) -> str:
        self._paragraphs += 1
        return f"{self._section}, paragraph {self._paragraphs}"

    def figure(self, figure: Figure | None) -> None:
        """Add a figure, which is given as a drawing already checked."""
        if figure is None:
            return
        self._figures += 1
        if figure.file not in self._drawn:
            self._drawn[figure.file] = self.letters.drawn(self._pictures[figure.file])
        width, height, words = _measures(self._drawn[figure.file])
        named = figure.alternative
        self.add(
            "figure",
            svg=self._drawn[figure.file],
            caption=self.text(named),
            alternative=self.letters.clean(f"{named}. {words}" if words else named),
            width=width,
            height=height,
        )

    def table(self, table: Table) -> None:
        """Add a table and its notes; without rows nothing is added."""
        if not table.rows:
            return
        parts = lay_out(table)
        name = f"Table {self._tables + 1}"
        for number, part in enumerate(parts, start=1):
            self._tables += 1
            of = f" (part {number} of {len(parts)})" if len(parts) > 1 else ""
            self._table_part(table, part, f"Table {self._tables}", of, first=number == 1)
        if table.notes:
            width = 267.0 if parts[-1].lying else UPRIGHT
            notes = [self.sentence(note, f"{name}, notes", width, 7.0) for note in table.notes]
            self.add("paragraph", lying=parts[-1].lying, style="note", sentences=notes)

    def _table_part(self, table: Table, part: Part, name: str, of: str, *, first: bool) -> None:
        columns = [table.columns[i] for i in part.columns]
        self.add(
            "table",
            lying=part.lying,
            caption=self.text(table.caption + of, UPRIGHT),
            size=part.size,
            widths=[round(width, 3) for width in part.widths],
            align=["right" if c.kind in ("num", "right") else "left" for c in columns],
            heads=[
                self.text(column.heading, width - 2.0 * CELL_INSET, part.size, bold=True)
                for column, width in zip(columns, part.widths, strict=True)
            ],
            rows=[
                self._row(row, part, f"{name}, row {i}", columns=[c.heading for c in columns], first=first)
                | {"tall": i - 1 in part.tall}
                for i, row in enumerate(table.rows, start=1)
            ],
        )

    def _row(self, row: Row, part: Part, place: str, columns: list[str], *, first: bool) -> Data:
        # the first column heads every part, and its numbers are counted once
        kept = len(self.places)
        cells = []
        for at, (i, width, heading) in enumerate(zip(part.columns, part.widths, columns, strict=True)):
            where = f"{place}, {heading}" if heading else place
            cells.append(
                self.sentence(row.cells[i], where, width - 2.0 * CELL_INSET, part.size, bold=row.strong)
            )
            if at == 0 and not first:
                del self.places[kept:]
        anchor = self.anchor(row.anchor) if first else ""
        return {"cells": cells, "strong": row.strong, "muted": row.muted, "anchor": anchor}

    def terms(self, parts: Iterable[tuple[str, tuple[Sentence, ...]]]) -> None:
        """Add terms and what is said of each."""
        place = self._next_paragraph()
        said = [
            [
                self.text(f"{term}.", bold=True),
                [self.sentence(one, f"{place}, {term}") for one in sentences],
            ]
            for term, sentences in parts
        ]
        self.add("terms", parts=said)


def _piece_data(piece: Piece) -> str | Data:
    """Return a piece as words, or as words that lead to an anchor or to an address of the web."""
    if isinstance(piece, str) or not piece.text.strip():
        return piece if isinstance(piece, str) else piece.text
    href = piece.link if isinstance(piece, Shown) else piece.href
    if href.startswith("#") and len(href) > 1:
        return {"text": piece.text, "anchor": href[1:], "number": isinstance(piece, Shown)}
    if isinstance(piece, Link) and _ADDRESS.match(href) and len(href) <= LONGEST_ADDRESS:
        return {"text": piece.text, "address": href}
    return piece.text


def short(text: str, longest: int) -> str:
    """Return text cut with an ellipsis."""
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def _measures(svg: str) -> tuple[float, float, str]:
    """Return width and height of a drawing in points, and the words that describe it."""
    box = re.search(r'viewBox="[\d.-]+ [\d.-]+ ([\d.]+) ([\d.]+)"', svg)
    words = re.search(r"<desc[^>]*>([^<]*)</desc>", svg)
    width, height = (float(box.group(1)), float(box.group(2))) if box else (525.0, 300.0)
    return width, height, " ".join(unescape(words.group(1)).split()) if words else ""


def document_data(view: ReportView, sheets: Sheets) -> Data:
    """Return the whole report as plain data.

    Parameters
    ----------
    view : ReportView
        The report.
    sheets : Sheets
        Where blocks, places and missing letters are gathered.
    """
    line = sheets.sentence(view.changes.line, "Opening") if view.changes is not None else []
    _opening(view, sheets)
    for method in view.methods:
        _method(method, sheets, first=method is view.methods[0])
    _block(view.overlap, sheets, 2, "overlap")
    for analysis in view.analyses:
        _analysis(analysis, sheets)
    sheets.heading(1, "Behind the numbers", "appendix")
    _block(view.flow, sheets, 2, "flow")
    _block(view.bias, sheets, 2, "risk-of-bias")
    _block(view.excluded, sheets, 2, "excluded")
    _block(view.problems, sheets, 2, "warnings")
    _block(view.crosscheck, sheets, 2, "second-opinions")
    _block(view.provenance, sheets, 2, "provenance")
    _block(view.checklist, sheets, 2, "checklists")
    clean = sheets.letters.clean
    data: Data = {
        "title": sheets.text(view.title, UPRIGHT, TITLE_SIZE, bold=True),
        "name": clean(view.title) or "Report",
        "head": short(clean(view.title), RUNNING_HEAD),
        "authors": sheets.text(view.authors),
        "question": sheets.text(view.question),
        "version": line,
        "about": sheets.text(view.about),
        "sections": sheets.sections,
        "groups": sheets.groups,
        "sizes": {"text": TEXT_SIZE, "title": TITLE_SIZE, "headings": list(HEADING_SIZES.values())},
        "inset": CELL_INSET,
    }
    _settle_links(data, sheets)
    return data


def _settle_links(value: object, sheets: Sheets) -> None:
    """Take from the data every link to an anchor that is not there."""
    if isinstance(value, dict):
        if "number" in value and value["anchor"] not in sheets.anchors:
            value["anchor"] = ""
        for inner in value.values():
            _settle_links(inner, sheets)
    elif isinstance(value, list):
        for inner in value:
            _settle_links(inner, sheets)


def _opening(view: ReportView, sheets: Sheets) -> None:
    sheets.heading(1, "The answers", "answers")
    for card in view.cards:
        sheets.paragraph([card.sentence, card.caveat], "card")
    sheets.table(view.glance)
    _block(view.findings, sheets, 2, "findings")
    if view.changes is not None:
        changes = view.changes
        sheets.heading(1, changes.title, "changes")
        sheets.paragraph(changes.sentences)
        for figure in changes.figures:
            sheets.figure(figure)
        sheets.table(changes.table)
        for fold in changes.folds:
            _fold(fold, sheets)


def _fold(fold: Fold, sheets: Sheets) -> None:
    if fold.exists:
        sheets.heading(2, fold.title)
        sheets.items(fold.sentences)
        for table in fold.tables:
            sheets.table(table)


def _method(method: MethodView, sheets: Sheets, *, first: bool) -> None:
    if first:
        sheets.heading(1, "Methods", "methods")
    sheets.heading(2, method.title, method.anchor)
    sheets.terms(method.parts)
    links: list[Piece] = []
    for link in method.analyses:
        links += ["; " if links else "Used for: ", link]
    sheets.paragraph([(*links, ".")], "note")


def _analysis(analysis: AnalysisView, sheets: Sheets) -> None:
    sheets.heading(1, analysis.title, analysis.anchor)
    sheets.paragraph([(analysis.question,)], "question")
    sheets.paragraph(analysis.results)
    sheets.items(analysis.caveats)
    sheets.figure(analysis.forest)
    sheets.table(analysis.summary)
    files: list[Piece] = []
    for link in analysis.files:
        files += [", " if files else "", link]
    sheets.paragraph([("Method: ", analysis.method, ". Files: ", *files, ".")], "note")
    sheets.heading(2, analysis.selection.title, f"{analysis.anchor}-rows")
    sheets.items(analysis.selection.sentences, ordered=True)
    for table in analysis.selection.tables:
        sheets.table(table)
    for number, block in enumerate(analysis.blocks, start=1):
        _block(block, sheets, 2, f"{analysis.anchor}-block-{number}")
    _block(analysis.studies, sheets, 2, f"{analysis.anchor}-studies")


def _block(block: Block, sheets: Sheets, level: int, anchor: str) -> None:
    if not block.exists:
        return
    tables = [table for table in (*block.tables, *block.hidden) if table.rows]
    # a heading stands on the page of what it heads
    bare = not plain(tuple(p for s in block.sentences for p in s)) and block.figure is None
    lying = bare and bool(tables) and lay_out(tables[0])[0].lying
    sheets.heading(level, block.title, anchor, lying=lying)
    sheets.paragraph(block.sentences)
    sheets.figure(block.figure)
    for table in tables:
        sheets.table(table)
