"""The report's own Word document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import docx
from docx.opc.constants import RELATIONSHIP_TYPE

from meta.report.docx_body import Body, anchors_of
from meta.report.docx_pack import describe_document, pack_document
from meta.report.docx_pages import (
    TEXT_HEIGHT,
    TEXT_WIDTH,
    TURNED_WIDTH,
    fill_body,
    prepare_pages,
    write_footer,
)
from meta.report.docx_pen import Pen, collect_places, find_forbidden
from meta.report.docx_styles import StyleBook
from meta.report.views import ReportView
from meta.report.written import Written


def write_document(results: Mapping[str, Any], view: ReportView, pictures: Mapping[str, bytes]) -> Written:
    """Write the whole report into a document of its own; see :func:`meta.report.docx.render_docx`."""
    document = docx.Document()
    _drop_thumbnail(document)
    prepare_pages(document)
    styles = StyleBook(document, ours=True)
    styles.add_all()
    pen = Pen(
        document.part,
        styles,
        width=TEXT_WIDTH,
        height=TEXT_HEIGHT,
        wide=TURNED_WIDTH,
        anchors=anchors_of(view),
        numbering=document.part.numbering_part.element,
        warnings=list(find_forbidden(results)),
    )
    body = Body(pen, view, pictures)
    parts = (body.opening, body.contents, body.answers, body.changes, body.methods)
    write_footer(document, pen, view.title)
    fill_body(document, [element for part in (*parts, body.analyses, body.appendix) for element in part()])
    places = collect_places(document.element.body)
    describe_document(document, pen.clean(view.title), pen.clean(view.authors), pen.clean(view.question))
    return Written(pack_document(document), places, tuple(dict.fromkeys(pen.warnings)))


def _drop_thumbnail(document: Any) -> None:
    """Take away the picture of an empty page that python-docx starts from."""
    relations = document.part.package.rels
    for name, relation in list(relations.items()):
        if relation.reltype == RELATIONSHIP_TYPE.THUMBNAIL:
            del relations[name]
