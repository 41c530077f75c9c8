"""The parts of the report as elements of Word, from the same view as the page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from docx.oxml.ns import qn

from meta.report.docx_pen import Element, Pen, sub
from meta.report.docx_picture import figure_elements
from meta.report.docx_table import Wide, table_elements
from meta.report.pieces import Link, Sentence, join
from meta.report.views import AnalysisView, Block, Figure, Fold, MethodView, ReportView, Table

#: Title of the last part, and of the list at the opening.
APPENDIX, CONTENTS = "Behind the numbers", "Contents"


@dataclass(slots=True)
class Body:
    """Writes the parts of one report; ``pictures`` are PNG by the figure's name in the results."""

    pen: Pen
    view: ReportView
    pictures: Mapping[str, bytes]

    def opening(self) -> list[Element]:
        """Write title, authors, question, what is new, and what the review is about."""
        pen, view = self.pen, self.view
        out = [pen.paragraph("Title", (view.title,))]
        out += [pen.paragraph("Subtitle", (words,)) for words in (view.authors, view.question) if words]
        if view.changes is not None:
            out += pen.sentences("Normal", (view.changes.line,))
        return out + ([pen.paragraph("Normal", (view.about,))] if view.about else [])

    def contents(self) -> list[Element]:
        """Write a list of the parts that leads to them; Word can make it anew (a TOC field)."""
        entries = [("answers", "The answers")]
        if self.view.changes is not None:
            entries.append(("changes", self.view.changes.title))
        entries += [("methods", "Methods"), *((a.anchor, a.title) for a in self.view.analyses)]
        entries.append(("appendix", APPENDIX))
        out = [self.pen.paragraph("TOC Heading", (CONTENTS,), keep=True)]
        lines = [self.pen.paragraph("toc 1", ()) for _ in entries]
        start = sub(lines[0], "w:r")
        sub(start, "w:fldChar", fldCharType="begin")
        code = sub(sub(lines[0], "w:r"), "w:instrText")
        code.text = ' TOC \\o "1-1" \\n \\h \\z '
        sub(sub(lines[0], "w:r"), "w:fldChar", fldCharType="separate")
        for line, (anchor, title) in zip(lines, entries, strict=True):
            self.pen.run(self.pen.inner_link(line, anchor), title)
        sub(sub(lines[-1], "w:r"), "w:fldChar", fldCharType="end")
        return out + lines

    def answers(self) -> list[Element]:
        """Write the answers: a sentence an analysis with its caveat, and the table of all."""
        out = [self._heading(1, "The answers", "answers")]
        out += [self._item(join(card.sentence, " ", card.caveat)) for card in self.view.cards]
        return out + self.table(self.view.glance) + self.block(self.view.findings)

    def changes(self) -> list[Element]:
        """Write what changed since the last release; nothing in a first version."""
        found = self.view.changes
        if found is None:
            return []
        out = [self._heading(1, found.title, "changes"), *self.pen.sentences("Normal", found.sentences)]
        for figure in found.figures:
            out += self.figure(figure)
        out += self.table(found.table)
        for fold in found.folds:
            out += self._fold(fold)
        return out

    def methods(self) -> list[Element]:
        """Write the methods, once for all analyses that share them."""
        out = [self._heading(1, "Methods", "methods")]
        for method in self.view.methods:
            out += self._method(method)
        return out + self.block(self.view.overlap)

    def analyses(self) -> list[Element]:
        """Write every analysis."""
        return [element for one in self.view.analyses for element in self.analysis(one)]

    def analysis(self, one: AnalysisView, *, heading: bool = True) -> list[Element]:
        """Write one analysis: answer, caveats, forest plot, tables, sensitivity, studies."""
        out = [self._heading(1, one.title, one.anchor)] if heading else []
        if one.question:
            out.append(self.pen.paragraph("Subtitle", (one.question,)))
        out += self.pen.sentences("Normal", one.results)
        out += [self._item(caveat) for caveat in one.caveats]
        out += self.figure(one.forest)
        out += self.table(one.summary)
        files = ", ".join(link.href for link in one.files)
        out += self.pen.sentences(
            "Report Note", (join("Method: ", one.method, f". Files beside results.json: {files}."),)
        )
        out.append(self._heading(2, one.selection.title))
        out += self._steps(one.selection.sentences)
        out += self._tables(one.selection.tables)
        for block in (*one.blocks, one.studies):
            out += self.block(block)
        return out

    def appendix(self) -> list[Element]:
        """Write risk of bias, warnings, second opinions, and where everything comes from."""
        out = [self._heading(1, APPENDIX, "appendix")]
        view = self.view
        for block in (view.flow, view.bias, view.excluded, view.problems, view.crosscheck):
            out += self.block(block)
        return out + self.block(view.provenance) + self.block(view.checklist)

    def block(self, block: Block, level: int = 2) -> list[Element]:
        """Write a part of an analysis; what the page folds away stands open on paper."""
        if not block.exists:
            return []
        out = [self._heading(level, block.title), *self.pen.sentences("Normal", block.sentences)]
        out += self.figure(block.figure)
        return out + self._tables((*block.tables, *block.hidden))

    def figure(self, figure: Figure | None) -> list[Element]:
        """Write a figure, or name its file."""
        return _whole(figure_elements(self.pen, figure, self.pictures.get(figure.file) if figure else None))

    def table(self, table: Table) -> list[Element]:
        """Write a table."""
        return _whole(table_elements(self.pen, table))

    def _tables(self, tables: Iterable[Table]) -> list[Element]:
        return [element for table in tables for element in self.table(table)]

    def _heading(self, level: int, words: str, anchor: str = "") -> Element:
        return self.pen.paragraph(f"Heading {level}", (words,), keep=True, anchor=anchor)

    def _item(self, sentence: Sentence) -> Element:
        return self.pen.paragraph("List Bullet", sentence)

    def _steps(self, sentences: Iterable[Sentence]) -> list[Element]:
        """Write a numbered list that begins at 1."""
        lines = [self.pen.paragraph("List Number", sentence) for sentence in sentences]
        number = self.pen.new_list()
        for line in lines if number else ():
            properties = sub(line.find(qn("w:pPr")), "w:numPr")
            sub(properties, "w:ilvl", val="0")
            sub(properties, "w:numId", val=number)
        return lines

    def _method(self, method: MethodView) -> Iterator[Element]:
        yield self._heading(2, method.title, method.anchor)
        for name, sentences in method.parts:
            line = self.pen.paragraph("Normal", ())
            self.pen.run(line, f"{name}. ", "Strong")
            for place, sentence in enumerate(sentences):
                self.pen.write(line, join(" " * bool(place), sentence))
            yield line
        used: list[str | Link] = []
        for place, link in enumerate(method.analyses):
            used += ["; " if place else "Used for: ", link]
        yield self.pen.paragraph("Report Note", join(*used, "."))

    def _fold(self, fold: Fold) -> list[Element]:
        if not fold.exists:
            return []
        out = [self._heading(2, fold.title), *map(self._item, fold.sentences)]
        for table in fold.tables:
            out += self.table(table)
        return out


def _whole(elements: list[Element]) -> list[Element]:
    """Keep together what needs a page turned on its side."""
    return [elements] if isinstance(elements, Wide) else elements


def anchors_of(view: ReportView) -> frozenset[str]:
    """Return every place of the report that a link may lead to."""
    found = {"answers", "methods", "appendix", *(m.anchor for m in view.methods)}
    if view.changes is not None:
        folded = [table for fold in view.changes.folds for table in fold.tables]
        found |= {"changes", *_rows_of((view.changes.table, *folded))}
    found |= _rows_of((view.glance,))
    for one in view.analyses:
        tables = [one.summary]
        for block in (one.selection, *one.blocks, one.studies):
            tables += [*block.tables, *block.hidden]
        found |= {one.anchor, *_rows_of(tables)}
    return frozenset(found)


def _rows_of(tables: Iterable[Table]) -> set[str]:
    return {row.anchor for table in tables for row in table.rows if row.anchor}
