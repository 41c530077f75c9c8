"""The report as a PDF that programs can read aloud (PDF/UA-1), set by typst."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from meta.errors import ReportError
from meta.plots.theme import font_path
from meta.report.context import build_context
from meta.report.figures import inline_svg
from meta.report.pdf_blocks import Data, Sheets, document_data
from meta.report.templating import templates_folder
from meta.report.views import ReportView
from meta.report.written import Written

#: Name of the template in the folder of templates.
TEMPLATE = "report.typ"

#: What brings typst.
INSTALL = "pip install 'trs-meta[pdf]'"

#: Seconds since 1970 that stand for the time of writing: the same input gives the same bytes.
TIMESTAMP = 0


def render_pdf(results: Mapping[str, Any], pictures: Mapping[str, bytes]) -> Written:
    """Write the report as PDF/UA-1.

    Parameters
    ----------
    results : mapping
        The content of results.json.
    pictures : mapping of str to bytes
        SVG by file name as it stands under ``figures`` in the results.

    Returns
    -------
    Written
        The file, the same bytes for the same input; where each number of the results stands in it (``Table 3,
        row 2, I²``, as its tables are numbered); a warning where the text holds characters that DejaVu Sans
        lacks, U+FFFD standing in their place.

    Raises
    ------
    ReportError
        If typst is not installed, the results have another format, or a figure that they name is missing or
        no plain drawing.
    """
    typst = _typst()
    view = build_context(results)
    sheets = Sheets(_drawings(view, pictures))
    data = document_data(view, sheets)
    content = _compile(typst, data)
    said = sheets.letters.warning()
    return Written(content, tuple(sheets.places), (said,) if said else ())


def _typst() -> ModuleType:
    try:
        import typst
    except ImportError as error:
        raise ReportError(f"report.pdf is set by typst, which is not installed: {INSTALL}") from error
    return typst


def _compile(typst: ModuleType, data: Data) -> bytes:
    """Set the document; typst sees the folder of templates, the data and one folder of fonts, no more."""
    letters, folder = str(font_path("regular").parent), templates_folder()
    fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[letters])
    compiler = typst.Compiler(
        input=str(folder / TEMPLATE),
        root=str(folder),
        font_paths=fonts,
        sys_inputs={"data": json.dumps(data)},
    )
    try:
        content = compiler.compile(format="pdf", pdf_standards="ua-1", timestamp=TIMESTAMP)
    except typst.TypstError as error:
        raise ReportError(f"report.pdf: typst says {error}") from error
    return bytes(content)


def _drawings(view: ReportView, pictures: Mapping[str, bytes]) -> dict[str, str]:
    """Return every drawing of the report, checked against the allow-list and written anew."""
    drawn: dict[str, str] = {}
    for number, figure in enumerate(view.figures, start=1):
        if figure.file not in pictures:
            raise ReportError(f"the results name a figure {figure.file!r} that was not given")
        inline = inline_svg(pictures[figure.file].decode("utf-8"), f"fig{number}", figure.alternative)
        drawn[figure.file] = inline.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1)
    return drawn
