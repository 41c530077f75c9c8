"""The formats of the report: which are asked for, whether they can be made, and all of them written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, get_args

from meta.errors import ReportError
from meta.options import check_option
from meta.report.html import render_html
from meta.report.markdown import render_markdown

#: Formats in which the report is written.
Format = Literal["html", "docx", "pdf", "md"]

#: What is written unless other formats are asked for.
DEFAULT_FORMATS: tuple[Format, ...] = ("html", "md")

#: Kinds of figures that the Word document carries unless all are asked for.
FORESTS = ("forest", "subgroup")


@dataclass(frozen=True, slots=True)
class Reports:
    """Which reports are written, and how.

    Attributes
    ----------
    formats : tuple of {"html", "docx", "pdf", "md"}
        At least one.
    template : path, optional
        A team's Word template for ``report.docx``.
    docx_figures : {"forest", "all"}
        What ``report.docx`` shows: forest plots, or every figure.
    """

    formats: tuple[Format, ...] = DEFAULT_FORMATS
    template: Path | None = None
    docx_figures: Literal["forest", "all"] = "forest"

    def wants_picture(self, kind: str) -> bool:
        """Whether the Word document shows figures of a kind (``forest``, ``subgroup-design``, ``funnel``)."""
        forest = kind.split("-", 1)[0] in FORESTS
        return "docx" in self.formats and (forest or self.docx_figures == "all")


def choose_formats(formats: Sequence[str]) -> tuple[Format, ...]:
    """Return formats in the order of the list, each once, if they can be written here.

    Raises
    ------
    OptionError
        If there is none, or one that is not offered.
    ReportError
        If a package is missing; the error names the command that installs it.
    """
    for name in formats or ("",):
        check_option("formats", name, Format)
    chosen = tuple(name for name in get_args(Format) if name in formats)
    if "docx" in chosen:
        from meta.report.docx import require_docx

        require_docx()
    if "pdf" in chosen and find_spec("typst") is None:
        from meta.report.pdf import INSTALL

        raise ReportError(f"report.pdf is set by typst, which is not installed: {INSTALL}")
    return chosen


def write_reports(
    results: Mapping[str, Any], drawings: Mapping[str, str], pictures: Mapping[str, bytes], reports: Reports
) -> tuple[dict[str, bytes], tuple[str, ...]]:
    """Write the report in every format asked for.

    Parameters
    ----------
    results : mapping
        The content of results.json.
    drawings : mapping of str to str
        Every figure as SVG, by its file name in the results.
    pictures : mapping of str to bytes
        The figures that the Word document shows as PNG at 300 dots per inch, by the same names.
    reports : Reports
        What is asked for.

    Returns
    -------
    files : dict of str to bytes
        ``report.html`` and so on.
    warnings : tuple of str
        What a format could not hold, each with its place.
    """
    files: dict[str, bytes] = {}
    warnings: tuple[str, ...] = ()
    if "html" in reports.formats:
        files["report.html"] = render_html(results, drawings, reports.formats).encode("utf-8")
    if "docx" in reports.formats:
        from meta.report.docx import render_docx

        written = render_docx(results, pictures, reports.template)
        files["report.docx"], warnings = written.content, written.warnings
    if "pdf" in reports.formats:
        from meta.report.pdf import render_pdf

        page = render_pdf(results, {name: drawing.encode("utf-8") for name, drawing in drawings.items()})
        files["report.pdf"], warnings = page.content, (*warnings, *page.warnings)
    if "md" in reports.formats:
        files["report.md"] = render_markdown(results).encode("utf-8")
    return files, warnings
