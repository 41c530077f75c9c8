"""A team's Word template filled with the report: its styles, its order, its words, and none of it code."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from docx.opc.constants import RELATIONSHIP_TYPE
from docx.oxml.ns import qn
from docxtpl import DocxTemplate
from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError, UndefinedError
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from meta.errors import ReportError
from meta.report.docx_body import Body, anchors_of
from meta.report.docx_pack import check_container, pack_document
from meta.report.docx_pen import Element, Pen, collect_places, find_forbidden
from meta.report.docx_styles import StyleBook
from meta.report.docx_table import TWIPS, Wide
from meta.report.pieces import Sentence, join
from meta.report.views import AnalysisView, ReportView
from meta.report.written import Written

#: Attribute of an empty paragraph or run that stands where a part will; text cannot make one.
_HOLDER = "part"

#: Width and height of the text where a template's page does not tell them, mm.
_WIDTH, _HEIGHT = 160.0, 240.0

_EMU_PER_MM = 36_000.0

#: What the sides of a cell take, and the least room that a cell counts as having, mm.
_CELL_SIDES, _LEAST_CELL = 4.0, 20.0


class _Sandbox(ImmutableSandboxedEnvironment):
    """Names and loops only: products and powers could ask for more than a machine has."""

    intercepted_binops = frozenset(["*", "**"])

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Refuse it."""
        del context, left, right
        raise SecurityError(f"the operator {operator} is not allowed")


@dataclass(frozen=True, slots=True)
class Part:
    """What a template may set: paragraphs, tables, figures by ``{{p x }}``, a sentence by ``{{r x }}``."""

    _place: int
    _inline: bool

    def __html__(self) -> str:
        """Return what holds the place until the template is filled in."""
        return f'<w:{"r" if self._inline else "p"} {_HOLDER}="{self._place}"/>'

    def __str__(self) -> str:
        return self.__html__()


@dataclass(slots=True)
class Shelf:
    """The parts of a report by number; what a template does not set is never written."""

    makers: list[Callable[[], list[Element]]] = field(default_factory=list)

    def block(self, make: Callable[[], list[Element]]) -> Part:
        """Keep paragraphs, tables and figures."""
        self.makers.append(make)
        return Part(len(self.makers) - 1, _inline=False)

    def words(self, pen: Pen, sentence: Sentence) -> Part:
        """Keep a sentence."""
        self.makers.append(lambda: _runs(pen, sentence))
        return Part(len(self.makers) - 1, _inline=True)


def _runs(pen: Pen, sentence: Sentence) -> list[Element]:
    holder = pen.paragraph("Normal", sentence)
    return [child for child in holder if child.tag != qn("w:pPr")]


def fill_template(
    results: Mapping[str, Any], view: ReportView, pictures: Mapping[str, bytes], template: Path
) -> Written:
    """Fill a team's Word template; see :func:`meta.report.docx.render_docx`.

    Names of text, set as ``{{ name }}``: ``title``, ``question``, ``authors``, ``about``, ``engine``.
    Parts, each set as ``{{p name }}`` in a paragraph of its own: ``report`` (all of it), ``answers``,
    ``glance`` (the table of all analyses), ``changes`` (nothing in a first version), ``methods``,
    ``analyses`` (all of them), ``appendix``.
    ``analysis_list`` holds the analyses in their order and ``analysis`` the same by id
    (``analysis.trs_total``); of each the texts ``title``, ``question`` and ``id``, the sentence ``answer``
    and the warning ``caveat``, set as ``{{r ... }}``, and the parts ``body`` (all of it without its
    heading), ``results``, ``forest``, ``summary``, ``selection``, ``sensitivity`` (every further block) and
    ``studies``.
    Styles are looked up by the names that Word shows (Heading 1, Caption, List Bullet, Table Text, Table
    Number, Table Heading, Report Table, Report Note, Report Figure, ...); what the template lacks is added.

    Raises
    ------
    ReportError
        If the template cannot be read, runs code, asks for a name that there is not, or sets a part where it
        cannot stand.
    """
    name = template.name
    try:
        content = template.read_bytes()
    except OSError as error:
        raise ReportError(f"Word template {template}: {error.strerror or error}") from error
    check_container(content, f"Word template {name}")
    document, filler = _open(content, name)
    pen = _pen_for(document, view, list(find_forbidden(results)))
    shelf = Shelf()
    names = template_names(results, view, Body(pen, view, pictures), shelf)
    _fill(filler, names, name)
    document = filler.docx
    pen.part = document.part
    _check_holders(document, name)
    _set_parts(document, shelf, pen, name)
    places = collect_places(document.element.body)
    return Written(pack_document(document), places, tuple(dict.fromkeys(pen.warnings)))


def _open(content: bytes, name: str) -> tuple[Any, Any]:
    filler = DocxTemplate(io.BytesIO(content))
    try:
        filler.render_init()
        document = filler.docx
        document.styles.element  # noqa: B018  (a document without styles cannot be filled)
    except Exception as error:  # python-docx answers a broken file with errors of many kinds
        raise ReportError(f"Word template {name}: this is no Word document (.docx)") from error
    return document, filler


def _pen_for(document: Any, view: ReportView, warnings: list[str]) -> Pen:
    section = document.sections[-1] if len(document.sections) else None
    width, height = _WIDTH, _HEIGHT
    if section is not None and section.page_width and section.page_height:
        sides = (section.left_margin or 0) + (section.right_margin or 0)
        ends = (section.top_margin or 0) + (section.bottom_margin or 0)
        width, height = (section.page_width - sides) / _EMU_PER_MM, (section.page_height - ends) / _EMU_PER_MM
    kinds = [r for r in document.part.rels.values() if r.reltype == RELATIONSHIP_TYPE.NUMBERING]
    return Pen(
        document.part,
        StyleBook(document, ours=False),
        width=max(width, 60.0),
        height=max(height, 80.0),
        wide=None,
        anchors=anchors_of(view),
        numbering=kinds[0].target_part.element if kinds else None,
        warnings=warnings,
        bookmarks=max(map(int, document.element.xpath("//w:bookmarkStart/@w:id")), default=0),
    )


def template_names(
    results: Mapping[str, Any], view: ReportView, body: Body, shelf: Shelf
) -> dict[str, Any]:
    """Return everything that a template may name."""
    clean = body.pen.clean
    analyses = [_analysis_names(one, view, i, body, shelf) for i, one in enumerate(view.analyses)]
    ids = [str(name) for name in results["analyses"]]
    for one, id_ in zip(analyses, ids, strict=True):
        one["id"] = clean(id_)
    everything = (body.opening, body.answers, body.changes, body.methods, body.analyses, body.appendix)
    return {
        "title": clean(view.title),
        "question": clean(view.question),
        "authors": clean(view.authors),
        "about": clean(view.about),
        "engine": clean(str((results.get("provenance") or {}).get("engine", ""))),
        "report": shelf.block(lambda: [element for part in everything for element in part()]),
        "answers": shelf.block(body.answers),
        "glance": shelf.block(lambda: body.table(view.glance)),
        "changes": shelf.block(body.changes),
        "methods": shelf.block(body.methods),
        "analyses": shelf.block(body.analyses),
        "appendix": shelf.block(body.appendix),
        "analysis_list": tuple(analyses),
        "analysis": dict(zip(ids, analyses, strict=True)),
    }


def _analysis_names(
    one: AnalysisView, view: ReportView, place: int, body: Body, shelf: Shelf
) -> dict[str, Any]:
    card, pen = view.cards[place], body.pen
    return {
        "title": pen.clean(one.title),
        "question": pen.clean(one.question),
        "answer": shelf.words(pen, card.sentence),
        "caveat": shelf.words(pen, card.caveat or join("")),
        "body": shelf.block(lambda: body.analysis(one, heading=False)),
        "results": shelf.block(lambda: pen.sentences("Normal", one.results)),
        "forest": shelf.block(lambda: body.figure(one.forest)),
        "summary": shelf.block(lambda: body.table(one.summary)),
        "selection": shelf.block(lambda: body.block(one.selection)),
        "sensitivity": shelf.block(lambda: [e for block in one.blocks for e in body.block(block)]),
        "studies": shelf.block(lambda: body.block(one.studies)),
    }


def _fill(filler: Any, names: dict[str, Any], name: str) -> None:
    """Fill in the tags; a template that reaches for anything else than names fails."""
    sandbox = _Sandbox(autoescape=True, undefined=StrictUndefined)
    sandbox.globals.clear()
    known = ", ".join(sorted(names))
    try:
        filler.render(names, sandbox, autoescape=True)
    except SecurityError as error:
        raise ReportError(
            f"Word template {name}: a tag reaches for what a template may not use ({error}); tags may only "
            "name parts of the report"
        ) from error
    except UndefinedError as error:
        raise ReportError(f"Word template {name}: {error}; it may name {known}") from error
    except TemplateSyntaxError as error:
        raise ReportError(f"Word template {name}: a tag cannot be read: {error.message}") from error
    except TemplateError as error:
        raise ReportError(f"Word template {name}: {error.message or type(error).__name__}") from error
    except RecursionError as error:
        raise ReportError(f"Word template {name}: a tag calls itself") from error
    except Exception as error:  # a tag can divide by nothing, add words to numbers, recurse, ...
        raise ReportError(
            f"Word template {name}: a tag fails with {type(error).__name__}: {error}"
        ) from error


def _check_holders(document: Any, name: str) -> None:
    """Refuse parts outside the body, where their pictures and links would be lost."""
    ends = (RELATIONSHIP_TYPE.HEADER, RELATIONSHIP_TYPE.FOOTER, RELATIONSHIP_TYPE.FOOTNOTES)
    holds = re.compile(rf'<w:[pr]\b[^>]* {_HOLDER}="'.encode())
    for relation in document.part.rels.values():
        if relation.reltype in ends and not relation.is_external and holds.search(relation.target_part.blob):
            raise ReportError(
                f"Word template {name}: headers, footers and footnotes may only name texts (title, question, "
                "authors, about, engine)"
            )


def _set_parts(document: Any, shelf: Shelf, pen: Pen, name: str) -> None:
    """Put the parts where the template holds a place for them, in the order of reading."""
    page = pen.width
    for holder in document.element.body.xpath(f".//*[@{_HOLDER}]"):
        inline, parent = holder.tag == qn("w:r"), holder.getparent()
        allowed = (qn("w:p"),) if inline else (qn("w:body"), qn("w:tc"), qn("w:sdtContent"))
        if parent.tag not in allowed:
            form = "{{r name }}" if inline else "{{p name }} in a paragraph of its own"
            raise ReportError(f"Word template {name}: this part is set as {form}, not as {{{{ name }}}}")
        pen.width = _cell_width(parent, page)
        for element in _flat(shelf.makers[int(holder.get(_HOLDER))]()):
            holder.addprevious(element)
        empty = parent.tag == qn("w:tc") and len(parent.findall(qn("w:p"))) == 1
        if empty or (parent.tag == qn("w:tc") and _ends_in_table(holder)):
            # a cell ends in a paragraph
            del holder.attrib[_HOLDER]
        else:
            parent.remove(holder)


def _cell_width(parent: Element, page: float) -> float:
    """Return the room in a cell of the template, in mm; that of the page outside of tables."""
    width = parent.find(f"{qn('w:tcPr')}/{qn('w:tcW')}") if parent.tag == qn("w:tc") else None
    if width is None or width.get(qn("w:type")) != "dxa":
        return page
    return min(page, max(int(float(width.get(qn("w:w")))) / TWIPS - _CELL_SIDES, _LEAST_CELL))


def _ends_in_table(holder: Element) -> bool:
    before = holder.getprevious()
    return holder.getnext() is None and (before is None or before.tag != qn("w:p"))


def _flat(elements: list[Element]) -> list[Element]:
    return [inner for one in elements for inner in (one if isinstance(one, Wide) else [one])]
