"""The formats of the report: which are asked for, whether they can be made, and all of them written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, get_args

from meta.errors import ReportError
from meta.options import check_option
from meta.report.context import build_context
from meta.report.html import render_html
from meta.report.markdown import render_markdown
from meta.report.table_formats import TableFormat, table_files
from meta.report.written import Written

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
    tables : tuple of {"csv", "latex"}
        Formats in which every table of the report is written by itself.
    """

    formats: tuple[Format, ...] = DEFAULT_FORMATS
    template: Path | None = None
    docx_figures: Literal["forest", "all"] = "forest"
    tables: tuple[TableFormat, ...] = ()

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


def choose_tables(formats: Sequence[str]) -> tuple[TableFormat, ...]:
    """Return formats of single tables in the order of the list, each once.

    Raises
    ------
    OptionError
        If one is not offered.
    """
    for name in formats:
        check_option("tables", name, TableFormat)
    return tuple(name for name in get_args(TableFormat) if name in formats)


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
    written: list[Written] = []
    with ThreadPoolExecutor(max_workers=1) as beside:
        # typst sets its pages outside of Python, on another core than the rest
        pages = beside.submit(_write_pdf, results, drawings) if "pdf" in reports.formats else None
        if "docx" in reports.formats:
            from meta.report.docx import render_docx

            written.append(render_docx(results, pictures, reports.template))
            files["report.docx"] = written[-1].content
        if "html" in reports.formats:
            files["report.html"] = render_html(results, drawings, reports.formats).encode("utf-8")
        if "md" in reports.formats:
            files["report.md"] = render_markdown(results).encode("utf-8")
        if pages is not None:
            written.append(pages.result())
            files["report.pdf"] = written[-1].content
    if reports.tables:
        files.update(table_files(build_context(results), reports.tables))
    return files, tuple(warning for one in written for warning in one.warnings)


def _write_pdf(results: Mapping[str, Any], drawings: Mapping[str, str]) -> Written:
    from meta.report.pdf import render_pdf

    return render_pdf(results, {name: drawing.encode("utf-8") for name, drawing in drawings.items()})
