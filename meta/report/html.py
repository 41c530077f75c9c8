"""The report as one HTML file that needs nothing else: no network, no fonts of the machine, no other file."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from meta.errors import ReportError
from meta.report.context import build_context
from meta.report.figures import inline_svg, page_fonts
from meta.report.pieces import Link, Shown
from meta.report.templating import templates_folder
from meta.report.views import Figure

#: The one script of the page: tables sorted and filtered, the way from a number to its rows and back. The
#: page is complete without it.
SCRIPT_FILE = "_page.js"


def read_script() -> str:
    """Return the script of the page as it stands in it."""
    return (templates_folder() / SCRIPT_FILE).read_text(encoding="utf-8").strip()


def content_policy(script: str) -> str:
    """Return the content security policy: styles and fonts inside the page, its one script by its hash."""
    digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
    return (
        f"default-src 'none'; style-src 'unsafe-inline'; font-src data:; script-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'"
    )


def render_html(
    results: Mapping[str, Any], figures: Mapping[str, str], formats: Sequence[str] = ("html", "md")
) -> str:
    """Write the report as HTML.

    Parameters
    ----------
    results : mapping
        The content of results.json.
    figures : mapping of str to str
        SVG text by file name as it stands under ``figures`` in the results.
    formats : sequence of str
        Formats of the report that stand beside the page, for its list of files.

    Returns
    -------
    str
        The page; the same input gives the same bytes.

    Raises
    ------
    ReportError
        If the results have another format, or a figure they name is missing or no plain drawing.
    """
    view = build_context(results, formats)
    environment = _environment()
    drawn = {figure.file: _drawing(figure, figures, i) for i, figure in enumerate(view.figures, start=1)}
    script = read_script()
    page = environment.get_template("report.html.j2").render(
        report=view,
        drawings=drawn,
        policy=content_policy(script),
        # made of nothing but data of the font
        fonts=Markup(page_fonts(drawn.values())),
        script=Markup(script),
    )
    return page if page.endswith("\n") else page + "\n"


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(templates_folder()),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.tests["shown"] = lambda piece: isinstance(piece, Shown)
    environment.tests["link"] = lambda piece: isinstance(piece, Link)
    return environment


def _drawing(figure: Figure, figures: Mapping[str, str], number: int) -> Markup:
    if figure.file not in figures:
        raise ReportError(f"the results name a figure {figure.file!r} that was not given")
    # inline_svg writes nothing but allow-listed elements and escaped text
    return Markup(inline_svg(figures[figure.file], f"fig{number}", figure.alternative))
