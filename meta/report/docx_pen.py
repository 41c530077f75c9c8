"""Sentences as paragraphs of a Word document: text that stays text, numbers that know their address."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

from docx.opc.constants import RELATIONSHIP_TYPE
from docx.oxml import OxmlElement, parse_xml
from docx.oxml.ns import nsdecls, qn

from meta.report.docx_styles import StyleBook
from meta.report.pieces import Link, Sentence, Shown
from meta.report.written import Place

#: What XML 1.0 cannot hold.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

#: Stands for a character that XML cannot hold.
REPLACEMENT = "\ufffd"

#: Attribute by which the run of a number carries its address until the map is made; never in a file.
_MARK = "address"

#: Word's longest name of a bookmark.
_LONGEST_BOOKMARK = 40

#: An XML element: python-docx and lxml have no types that tell more.
Element = Any


@dataclass(slots=True)
class Pen:
    """What writing needs to know: the document's part, its styles, room on the page, and counters.

    ``width`` and ``height`` are those of the text on a page, in mm; ``wide`` is the width of a page turned on
    its side, None where pages cannot be turned. ``anchors`` are the places that a link may lead to,
    ``numbering`` the kinds of lists that the document knows, None where it knows none.
    """

    part: Any
    styles: StyleBook
    width: float
    height: float
    wide: float | None
    anchors: frozenset[str]
    numbering: Any = None
    list_id: str | None = None
    tables: int = 0
    figures: int = 0
    bookmarks: int = 0
    pictures: int = 0
    warnings: list[str] = field(default_factory=list)
    marked: set[str] = field(default_factory=set)

    def paragraph(
        self, style: str, sentence: Sentence, *, keep: bool = False, anchor: str = "", look: str = ""
    ) -> Element:
        """Return a paragraph in a style; ``keep`` keeps it with the next, ``look`` styles its letters."""
        element = OxmlElement("w:p")
        properties = sub(element, "w:pPr")
        sub(properties, "w:pStyle", val=self.styles.id_of(style))
        if keep:
            sub(properties, "w:keepNext")
        if anchor:
            self.bookmark(element, anchor)
        self.write(element, sentence, look)
        return element

    def sentences(self, style: str, sentences: Iterable[Sentence]) -> list[Element]:
        """Return sentences as one paragraph; nothing where there are none."""
        joined: list[Any] = []
        for sentence in sentences:
            joined += [" ", *sentence] if joined else sentence
        return [self.paragraph(style, tuple(joined))] if joined else []

    def write(self, parent: Element, sentence: Sentence, look: str = "") -> None:
        """Add the pieces of a sentence to a paragraph."""
        for piece in sentence:
            if isinstance(piece, str):
                self.run(parent, piece, look)
            elif isinstance(piece, Link):
                self._link(parent, piece, look)
            else:
                self._number(parent, piece, look)

    def run(self, parent: Element, text: str, look: str = "") -> Element:
        """Add words to a paragraph or a link; control characters cannot come out as breaks or fields."""
        run = sub(parent, "w:r")
        if look:
            sub(sub(run, "w:rPr"), "w:rStyle", val=self.styles.id_of(look))
        words = sub(run, "w:t")
        words.text = self.clean(text)
        words.set("{http://www.w3.org/XML/1998/namespace}space", "preserve")
        return run

    def clean(self, text: str) -> str:
        """Return text without what XML forbids, and say where something was replaced."""
        flat = re.sub("[\t\n\r]", " ", text)
        for code in sorted({ord(c) for c in _FORBIDDEN.findall(flat)}):
            near = _FORBIDDEN.sub(REPLACEMENT, flat)[:60]
            self.warnings.append(f"report.docx: {_said(code)} in {near!r}")
        return _FORBIDDEN.sub(REPLACEMENT, flat)

    def bookmark(self, parent: Element, anchor: str) -> None:
        """Give a place a name that links lead to; the first place of a name keeps it."""
        name = bookmark_name(anchor)
        if name in self.marked:
            return
        self.marked.add(name)
        self.bookmarks += 1
        start = sub(parent, "w:bookmarkStart", id=str(self.bookmarks))
        start.set(qn("w:name"), name)
        sub(parent, "w:bookmarkEnd", id=str(self.bookmarks))

    def new_list(self) -> str:
        """Return the number of a new numbered list that begins at 1; empty where the document has none."""
        if self.numbering is None:
            return ""
        first = '<w:lvl w:ilvl="0"><w:start w:val="1"/><w:numFmt w:val="decimal"/><w:lvlText w:val="%1."/>'
        indent = '<w:lvlJc w:val="left"/><w:pPr><w:ind w:left="360" w:hanging="360"/></w:pPr></w:lvl>'
        if self.list_id is None:
            taken = self.numbering.xpath("./w:abstractNum/@w:abstractNumId")
            self.list_id = str(max(map(int, taken), default=-1) + 1)
            made = parse_xml(
                f'<w:abstractNum {nsdecls("w")} w:abstractNumId="{self.list_id}">'
                f'<w:multiLevelType w:val="singleLevel"/>{first}{indent}</w:abstractNum>'
            )
            # the kinds of lists stand before the lists
            lists = self.numbering.xpath("./w:num")
            (lists[0].addprevious if lists else self.numbering.append)(made)
        number = self.numbering.add_num(int(self.list_id))
        number.add_lvlOverride(ilvl=0).add_startOverride(1)
        return str(number.numId)

    def inner_link(self, parent: Element, anchor: str) -> Element:
        """Add a link to a place of this document, and return where its words go."""
        link = sub(parent, "w:hyperlink", anchor=bookmark_name(anchor))
        link.set(qn("w:history"), "1")
        return link

    def _number(self, parent: Element, number: Shown, look: str) -> None:
        target = number.link.removeprefix("#")
        inside = number.link.startswith("#") and target in self.anchors
        run = self.run(self.inner_link(parent, target) if inside else parent, number.text, look)
        run.set(_MARK, number.id)

    def _link(self, parent: Element, link: Link, look: str) -> None:
        """Write a link: inside the document, or to the web; whatever else it leads to, its words stay."""
        target = link.href.removeprefix("#")
        if link.href.startswith("#"):
            known = target in self.anchors
            self.run(self.inner_link(parent, target) if known else parent, link.text, look)
            return
        address = web_address(link.href)
        if not address:
            self.run(parent, link.text, look)
            return
        element = sub(parent, "w:hyperlink")
        element.set(
            qn("r:id"), self.part.relate_to(address, RELATIONSHIP_TYPE.HYPERLINK, is_external=True)
        )
        self.run(element, link.text, "Hyperlink")


def sub(parent: Element, tag: str, **attributes: str) -> Element:
    """Add an element of WordprocessingML; attributes are those of its namespace."""
    element = OxmlElement(tag)
    for name, value in attributes.items():
        element.set(qn(f"w:{name}"), value)
    parent.append(element)
    return element


def web_address(href: str) -> str:
    """Return an http or https address that Word can read, or nothing.

    A file with an address that is none counts as damaged in Word, so whatever an address may not hold is
    percent-encoded, and one without a plain host is no address.
    """
    try:
        parts = urlsplit(href.strip())
        port = parts.port
    except ValueError:
        return ""
    host = parts.hostname or ""
    if parts.scheme.lower() not in ("http", "https") or not re.fullmatch(r"[A-Za-z0-9.-]+", host):
        return ""
    rest = quote(parts.path.encode("utf-8", "replace"), safe="/%:@!$&'()*+,;=-._~")
    for mark, text in (("?", parts.query), ("#", parts.fragment)):
        if text:
            rest += mark + quote(text.encode("utf-8", "replace"), safe="/%:@!$&'()*+,;=-._~?")
    rest = re.sub("%(?![0-9A-Fa-f]{2})", "%25", rest)
    return f"{parts.scheme.lower()}://{host}{f':{port}' if port else ''}{rest}"


def bookmark_name(anchor: str) -> str:
    """Return an anchor as Word names bookmarks: letters, digits and _, a letter first, at most 40."""
    from extraction.files import sha256

    name = re.sub(r"[^A-Za-z0-9_]", "_", f"at_{anchor}")
    plain = name[3:] == anchor and len(name) <= _LONGEST_BOOKMARK
    return name if plain else f"{name[: _LONGEST_BOOKMARK - 9]}_{sha256(anchor)[:8]}"


def collect_places(body: Element) -> tuple[Place, ...]:
    """Return the numbers of a finished document in the order of reading, and take their marks away."""
    places = []
    for run, place in walk_runs(body):
        address = run.attrib.pop(_MARK, None)
        if address is not None:
            places.append(Place(place, run_text(run), address))
    return tuple(places)


def run_text(run: Element) -> str:
    """Return the words of a run."""
    return "".join(words.text or "" for words in run.iter(qn("w:t")))


def walk_runs(body: Element) -> Iterator[tuple[Element, str]]:
    """Walk the runs of a document, each with its place: a paragraph or a cell, counted from 1."""
    counts = {"paragraph": 0, "table": 0}
    yield from _walk(body, "", counts)


def _walk(parent: Element, place: str, counts: dict[str, int]) -> Iterator[tuple[Element, str]]:
    for child in parent:
        if child.tag == qn("w:r"):
            yield child, place
        elif child.tag == qn("w:tbl"):
            counts["table"] += 1
            yield from _walk_table(child, counts["table"], counts)
        elif child.tag == qn("w:p") and not place.startswith("table"):
            counts["paragraph"] += 1
            yield from _walk(child, f"paragraph {counts['paragraph']}", counts)
        else:
            yield from _walk(child, place, counts)


def _walk_table(table: Element, number: int, counts: dict[str, int]) -> Iterator[tuple[Element, str]]:
    for r, row in enumerate(table.iterchildren(qn("w:tr")), start=1):
        for c, cell in enumerate(row.iterchildren(qn("w:tc")), start=1):
            yield from _walk(cell, f"table {number} row {r} column {c}", counts)


def find_forbidden(value: object, path: str = "") -> Iterator[str]:
    """Walk results and name each text with a character that XML cannot hold, by its address."""
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield from find_forbidden(part, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list | tuple):
        for place, part in enumerate(value):
            yield from find_forbidden(part, f"{path}.{place}")
    elif isinstance(value, str):
        for code in sorted({ord(c) for c in _FORBIDDEN.findall(value)}):
            yield f"report.docx: {_said(code)} in results.json: {path}"


def _said(code: int) -> str:
    return f"character U+{code:04X}, which XML cannot hold, is replaced"
