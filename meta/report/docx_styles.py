"""The styles of the Word report: those of the document are used, those that it lacks are added."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls, qn

#: Typeface of the report: on every Windows and macOS, with a free one of the same widths on Linux.
FONT = "Arial"

_INK, _GREY, _RULE = "1A1A1A", "595959", "A6A6A6"


def _letters(size: float, *, bold: bool = False, colour: str = _INK) -> str:
    """Return properties of letters; the size in points."""
    half = f"{2 * size:.0f}"
    return (
        f'<w:rPr><w:rFonts w:ascii="{FONT}" w:hAnsi="{FONT}" w:cs="{FONT}"/>'
        f'<w:b w:val="{bold:d}"/><w:bCs w:val="{bold:d}"/>'
        f'<w:color w:val="{colour}"/><w:sz w:val="{half}"/><w:szCs w:val="{half}"/></w:rPr>'
    )


def _spacing(before: int, after: int, line: int = 264, *, keep: bool = False, more: str = "") -> str:
    """Return properties of a paragraph; distances in twentieths of a point, ``line`` 240 is single."""
    kept = "<w:keepNext/><w:keepLines/>" if keep else ""
    lines = f'w:before="{before}" w:after="{after}" w:line="{line}" w:lineRule="auto"'
    return f"<w:pPr>{kept}<w:spacing {lines}/>{more}</w:pPr>"


def _outline(level: int) -> str:
    return f'<w:outlineLvl w:val="{level}"/>'


#: Paragraph styles: name, the style that it is based on, properties. Outline levels make the headings that a
#: reader of the screen jumps between.
_PARAGRAPHS: dict[str, str] = {
    "Normal": _spacing(0, 120) + _letters(10),
    "Title": _spacing(0, 160, 240, keep=True) + _letters(20, bold=True),
    "Subtitle": _spacing(0, 160) + _letters(11, colour=_GREY),
    "Heading 1": _spacing(480, 120, 240, keep=True, more=_outline(0)) + _letters(15, bold=True),
    "Heading 2": _spacing(280, 80, 240, keep=True, more=_outline(1)) + _letters(11.5, bold=True),
    "Heading 3": _spacing(200, 60, 240, keep=True, more=_outline(2)) + _letters(10, bold=True),
    "Caption": _spacing(160, 80, 240) + _letters(9, bold=True),
    "TOC Heading": _spacing(240, 80, 240, keep=True) + _letters(11.5, bold=True),
    "toc 1": _spacing(0, 40) + _letters(10),
    "Report Note": _spacing(60, 160, 240) + _letters(8.5, colour=_GREY),
    "Report Figure": _spacing(160, 40, 240, keep=True) + _letters(10),
    "Table Text": _spacing(20, 20, 240) + _letters(8),
    "Table Number": _spacing(20, 20, 240, more='<w:jc w:val="right"/>') + _letters(8),
    "Table Heading": _spacing(20, 20, 240, keep=True) + _letters(8, bold=True),
}

#: Names that Word knows by another one inside the file.
_INSIDE = {"Title": "Title", "Heading 1": "heading 1", "Heading 2": "heading 2", "Heading 3": "heading 3"}
_INSIDE |= {"Caption": "caption", "TOC Heading": "TOC Heading", "Normal": "Normal", "Subtitle": "Subtitle"}

_CHARACTERS: dict[str, str] = {
    "Hyperlink": '<w:rPr><w:color w:val="0B5394"/><w:u w:val="single"/></w:rPr>',
    "Strong": "<w:rPr><w:b/><w:bCs/></w:rPr>",
    "Report Muted": f'<w:rPr><w:color w:val="{_GREY}"/></w:rPr>',
}

_EDGE = f'w:val="single" w:space="0" w:color="{_RULE}"'

#: A rule above, below and under the head; hairlines between rows.
_TABLE = (
    f'<w:tblPr><w:tblBorders><w:top {_EDGE} w:sz="8"/><w:bottom {_EDGE} w:sz="8"/>'
    f'<w:insideH w:val="single" w:sz="4" w:space="0" w:color="E0E0E0"/></w:tblBorders>'
    '<w:tblCellMar><w:left w:w="57" w:type="dxa"/><w:right w:w="57" w:type="dxa"/></w:tblCellMar></w:tblPr>'
    f'<w:tblStylePr w:type="firstRow"><w:tcPr><w:tcBorders><w:bottom {_EDGE} w:sz="8"/></w:tcBorders>'
    "</w:tcPr></w:tblStylePr>"
)


@dataclass(slots=True)
class StyleBook:
    """The styles of one document by the names that Word shows; what is missing is added when it is needed.

    ``ours`` says whether the looks of this report replace those of styles that the document has: in the
    report's own document they do, in a team's template its own looks stay.
    """

    document: Any
    ours: bool
    ids: dict[str, str] = field(default_factory=dict)

    def id_of(self, name: str) -> str:
        """Return the id of a style, adding it where the document has none of that name."""
        if name not in self.ids:
            found = self._find(name)
            if found is None or (self.ours and name in {**_PARAGRAPHS, **_CHARACTERS}):
                found = self._add(name, found)
            self.ids[name] = found.get(qn("w:styleId"))
        return self.ids[name]

    def add_all(self) -> None:
        """Add every style of the report, so that people find them in Word's list."""
        for name in (*_PARAGRAPHS, *_CHARACTERS, "Report Table"):
            self.id_of(name)

    def _find(self, name: str) -> Any:
        for style in self.document.styles.element.iterchildren(qn("w:style")):
            title = style.find(qn("w:name"))
            if title is not None and title.get(qn("w:val"), "").lower() == name.lower():
                return style
        return None

    def _add(self, name: str, old: Any) -> Any:
        """Add a style, or give an old one our looks under its own id."""
        id_ = old.get(qn("w:styleId")) if old is not None else name.replace(" ", "")
        inside = _INSIDE.get(name, name)
        if name == "Report Table":
            kind, based, looks = "table", "", _TABLE
        elif name in _CHARACTERS:
            kind, based, looks = "character", "", _CHARACTERS[name]
        else:
            kind, looks = "paragraph", _PARAGRAPHS.get(name, _spacing(0, 120) + _letters(10))
            based = f'<w:basedOn w:val="{self.id_of("Normal")}"/>' if name != "Normal" else ""
        if not self.ours:
            # beside a team's own letters ours would stand out
            looks = re.sub(r"<w:rFonts[^>]*/>", "", looks)
        default = ' w:default="1"' if name == "Normal" else ""
        style = parse_xml(
            f'<w:style {nsdecls("w")} w:type="{kind}" w:styleId="{id_}"{default}><w:name w:val="{inside}"/>'
            f"{based}<w:qFormat/>{looks}</w:style>"
        )
        parent = self.document.styles.element
        if old is not None:
            parent.replace(old, style)
        else:
            parent.append(style)
        return style
