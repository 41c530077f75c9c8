"""The report as a Word document: the report's own, or a team's template filled in."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from meta.errors import ReportError
from meta.report.context import build_context
from meta.report.written import Written

#: What brings python-docx and docxtpl.
INSTALL = "pip install 'trs-meta[docx]'"


def require_docx() -> None:
    """Say what is missing before anything is computed.

    Raises
    ------
    ReportError
        If python-docx or docxtpl is not installed.
    """
    packages = {"docx": "python-docx", "docxtpl": "docxtpl"}
    missing = [package for module, package in packages.items() if find_spec(module) is None]
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        raise ReportError(f"report.docx needs {' and '.join(missing)}, which {verb} not installed: {INSTALL}")


def render_docx(
    results: Mapping[str, Any], pictures: Mapping[str, bytes], template: str | Path | None = None
) -> Written:
    """Write the report as a Word document.

    Parameters
    ----------
    results : mapping
        The content of results.json.
    pictures : mapping of str to bytes
        PNG at 300 dots per inch by file name as it stands under ``figures`` in the results (``forest.svg``).
        A figure that is not among them is named with its file.
    template : path, optional
        A Word document of a team with the tags of docxtpl (Jinja2), filled in a sandbox; its styles are used.
        :func:`meta.report.docx_template.fill_template` lists the names that it may use.

    Returns
    -------
    Written
        The file, the same bytes for the same input; where each number of the results stands in it
        (``paragraph 12``, ``table 3 row 2 column 5``: counted from 1 in the order of reading, a table's head
        being row 1); a warning for each text with a character that XML cannot hold.

    Raises
    ------
    ReportError
        If python-docx or docxtpl is not installed, the results have another format, a picture is none, or the
        template cannot be read, runs code or asks for a name that there is not.
    """
    require_docx()
    from meta.report.docx_document import write_document
    from meta.report.docx_template import fill_template

    view = build_context(results)
    if template is None:
        return write_document(results, view, pictures)
    return fill_template(results, view, pictures, Path(template))
