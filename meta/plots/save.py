"""Figures as files: SVG with real text and a description for screen readers, PDF, PNG.

The same bytes on every run.
"""

from __future__ import annotations

import io
import re
import warnings
from pathlib import Path
from typing import Literal
from xml.sax.saxutils import escape

from matplotlib.figure import Figure

from extraction.files import sha256, write_atomic
from meta.options import check_option
from meta.plots.draw import Chart, settings

Format = Literal["svg", "pdf", "png"]

#: Dots per inch of a PNG: what journals ask of line art in colour at least.
PNG_DPI = 300


def figure_bytes(figure: Figure, format: Format = "svg") -> bytes:
    """Return a figure as a file's content; the same figure gives the same bytes.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        What a function of ``meta.plots`` returned; one drawn elsewhere has no title or description.
    format : {"svg", "pdf", "png"}
        SVG: text as text, ``role="img"``, ``<title>`` and ``<desc>``; PDF: embedded fonts; PNG: 300 dpi.

    Raises
    ------
    OptionError
        If the format is another one.
    """
    check_option("format", format, Format)
    title, description = _words(figure)
    every: dict[str, dict[str, str | None]] = {
        "svg": {"Date": None, "Creator": None, "Format": None, "Type": None},
        "pdf": {"Title": title, "CreationDate": None, "Creator": None, "Producer": None},
        "png": {"Software": None, "Title": title, "Description": description},
    }
    buffer = io.BytesIO()
    with settings(), warnings.catch_warnings():
        # a name in a script that DejaVu Sans lacks: an SVG shows it all the same, a PNG shows boxes
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure.savefig(
            buffer, format=format, dpi=PNG_DPI if format == "png" else "figure", metadata=every[format]
        )
    content = buffer.getvalue()
    return _accessible(content.decode("utf-8"), figure).encode("utf-8") if format == "svg" else content


def save_figure(figure: Figure, path: Path | str, format: Format | None = None) -> None:
    """Write a figure, whole or not at all; the format is that of the file's suffix unless given."""
    path = Path(path)
    chosen = format or path.suffix.lstrip(".").lower()
    write_atomic(path, figure_bytes(figure, chosen))  # type: ignore[arg-type]  # figure_bytes checks it


def _words(figure: Figure) -> tuple[str, str]:
    return (figure.page.title, figure.page.description) if isinstance(figure, Chart) else ("", "")


def _accessible(svg: str, figure: Figure) -> str:
    """Give an SVG its role, title and description, and cut texts their whole words as a tooltip.

    The ids carry a hash, so that several figures can stand in one page. The document type goes: it points to
    a file on another server.
    """
    svg = re.sub(r"<!DOCTYPE[^>]*>\s*", "", svg, count=1)
    title, description = _words(figure)
    mark = sha256(svg)[:8]
    svg = re.sub(r'(<g id=")((?:figure|patch|shape|text)[-_]\d+")', rf"\g<1>m{mark}-\g<2>", svg)
    # a style sheet would reach out of the figure into the page that it stands in
    svg, sheets = re.subn(r" <defs>\s*<style[^>]*>[^<]*</style>\s*</defs>\n", "", svg, count=1)
    strokes = 'stroke-linejoin="round" stroke-linecap="butt" ' if sheets else ""
    named = f'role="img" aria-labelledby="m{mark}-title" aria-describedby="m{mark}-desc"'
    head, start, rest = svg.partition("<svg ")
    attributes, close, rest = rest.partition(">")
    words = f'<title id="m{mark}-title">{escape(title)}</title>\n '
    words += f'<desc id="m{mark}-desc">{escape(description)}</desc>'
    svg = f"{head}{start}{named} {strokes}{attributes}{close}\n {words}{rest}"
    if isinstance(figure, Chart):
        for order, box in enumerate(figure.page.texts):
            if box.full:
                group = f'<g id="m{mark}-text-{order}">'
                svg = svg.replace(group, f"{group}\n  <title>{escape(box.full)}</title>", 1)
    return svg
