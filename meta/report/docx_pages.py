"""Pages of the report's own Word document: A4, a number at the foot, turned where something is too wide."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Mm

from meta.report.docx_pen import Element, Pen, sub
from meta.report.docx_table import Wide

#: A4 and its margins, mm.
PAGE = (210.0, 297.0)
SIDE, TOP, FOOT = 18.0, 18.0, 16.0

#: Width and height of the text, and the width on a page turned on its side; mm.
TEXT_WIDTH = PAGE[0] - 2 * SIDE
TEXT_HEIGHT = PAGE[1] - TOP - FOOT - 4.0
TURNED_WIDTH = PAGE[1] - 2 * SIDE


def prepare_pages(document: Any) -> None:
    """Set the size of the pages, and the language."""
    section = document.sections[0]
    section.page_width, section.page_height = Mm(PAGE[0]), Mm(PAGE[1])
    section.left_margin = section.right_margin = Mm(SIDE)
    section.top_margin, section.bottom_margin = Mm(TOP), Mm(FOOT)
    section.header_distance = section.footer_distance = Mm(8.0)
    for language in document.styles.element.iter(qn("w:lang")):
        language.set(qn("w:val"), "en-GB")


def write_footer(document: Any, pen: Pen, title: str) -> None:
    """Write the title and the number of the page at the foot of each."""
    line = document.sections[0].footer.paragraphs[0]._p
    for child in list(line):
        line.remove(child)
    properties = sub(line, "w:pPr")
    sub(properties, "w:pStyle", val=pen.styles.id_of("Report Note"))
    sub(sub(properties, "w:tabs"), "w:tab", val="right", pos=str(round(TEXT_WIDTH * 1440 / 25.4)))
    pen.run(line, title if len(title) <= 90 else title[:89].rstrip() + "…")
    sub(sub(line, "w:r"), "w:tab")
    pen.run(sub(line, "w:fldSimple", instr=" PAGE "), "1")


def fill_body(document: Any, elements: Iterable[Element]) -> None:
    """Put elements into an empty document, each that is ``Wide`` on a page turned on its side."""
    body = document.element.body
    final = body.find(qn("w:sectPr"))
    for child in list(body):
        if child is not final:
            body.remove(child)
    for group, wide in _by_orientation(elements):
        previous = body.index(final)
        if previous:
            _end_section(body[previous - 1], final, wide=not wide)
        for element in group:
            final.addprevious(element)
        last_wide = wide
    if last_wide:
        _turn(final)


def _by_orientation(elements: Iterable[Element]) -> list[tuple[list[Element], bool]]:
    """Group neighbours that share the way of their page; a heading goes with what it leads."""
    groups: list[tuple[list[Element], bool]] = []
    for element in elements:
        wide = isinstance(element, Wide)
        if not groups or groups[-1][1] != wide:
            led = _leading(groups[-1][0]) if groups and wide else []
            groups.append((led, wide))
        groups[-1][0].extend(element if wide else [element])
    return [(group, wide) for group, wide in groups if group]


def _leading(group: list[Element]) -> list[Element]:
    """Take the headings at the end of a group away from it."""
    led: list[Element] = []
    kept = f"{qn('w:pPr')}/{qn('w:keepNext')}"
    while group and group[-1].tag == qn("w:p") and group[-1].find(kept) is not None:
        led.insert(0, group.pop())
    return led


def _end_section(last: Element, final: Element, *, wide: bool) -> None:
    """End the section that an element is the last of."""
    if last.tag != qn("w:p"):
        paragraph = OxmlElement("w:p")
        last.addnext(paragraph)
        last = paragraph
    properties = last.find(qn("w:pPr"))
    if properties is None:
        properties = OxmlElement("w:pPr")
        last.insert(0, properties)
    section = copy.deepcopy(final)
    if wide:
        _turn(section)
    properties.append(section)


def _turn(section: Element) -> None:
    size = section.find(qn("w:pgSz"))
    size.set(qn("w:w"), str(round(PAGE[1] * 1440 / 25.4)))
    size.set(qn("w:h"), str(round(PAGE[0] * 1440 / 25.4)))
    size.set(qn("w:orient"), "landscape")
