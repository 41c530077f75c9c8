"""Figures as files: SVG with real text and a description for screen readers, PDF, EPS, PNG, TIFF.

The same bytes on every run.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal
from xml.sax.saxutils import escape

from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from extraction.files import sha256, write_atomic
from meta.errors import MissingGlyphWarning, OptionError
from meta.options import check_option
from meta.plots.draw import Chart, settings
from meta.plots.fonts import characters_by_face, font_rules
from meta.plots.glyphs import missing_glyphs

Format = Literal["svg", "pdf", "png", "eps", "tiff"]

#: Formats made of pixels.
PIXELS = ("png", "tiff")

#: Dots per inch of PNG and TIFF: what journals ask of line art in colour at least.
DEFAULT_DPI = 300

#: Least and most dots per inch: letters of 6 pt can be read at the one, nobody prints finer than the other.
DPI_RANGE = (72, 1200)

#: Other endings of file names.
_ENDINGS = {"tif": "tiff"}


def figure_bytes(figure: Figure, format: Format = "svg", *, dpi: int | None = None) -> bytes:
    """Return a figure as a file's content; the same figure gives the same bytes.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        What a function of ``meta.plots`` returned; one drawn elsewhere has no title or description.
    format : {"svg", "pdf", "png", "eps", "tiff"}
        SVG: text as text, ``role="img"``, ``<title>`` and ``<desc>``; PDF and EPS: embedded fonts; PNG and
        TIFF (RGB, LZW) state their resolution, so that they are as large in print as was laid out.
    dpi : int, optional
        Dots per inch of PNG and TIFF, from 72 to 1200; 300 unless given.

    Raises
    ------
    OptionError
        If the format is another one, or a resolution is given that it has no use for or that cannot be.

    Warns
    -----
    MissingGlyphWarning
        If the font lacks characters of the figure.
    """
    check_option("format", format, Format)
    dots = _check_dpi(format, dpi)
    title, description = _words(figure)
    if missing := missing_glyphs(figure):
        warnings.warn(MissingGlyphWarning(title, missing), stacklevel=2)
    every: dict[str, dict[str, str | None]] = {
        "svg": {"Date": None, "Creator": None, "Format": None, "Type": None},
        "pdf": {"Title": title, "CreationDate": None, "Creator": None, "Producer": None},
        "png": {"Software": None, "Title": title, "Description": description},
        "eps": {"Creator": "meta"},
    }
    if format == "tiff":
        return _tiff(figure, dots)
    with _opaque(figure if format == "eps" else None):
        content = _saved(figure, format, dots, every[format])
    if format == "eps":
        return _dateless(content, title)
    return _accessible(content.decode("utf-8"), figure).encode("utf-8") if format == "svg" else content


def save_figure(
    figure: Figure, path: Path | str, format: Format | None = None, *, dpi: int | None = None
) -> None:
    """Write a figure, whole or not at all; the format is that of the file's suffix unless given.

    Parameters
    ----------
    figure, format, dpi
        As in :func:`figure_bytes`.
    path : path
        Where to; ``.tif`` is a TIFF too.
    """
    path = Path(path)
    ending = path.suffix.lstrip(".").lower()
    chosen = format or _ENDINGS.get(ending, ending)
    write_atomic(path, figure_bytes(figure, chosen, dpi=dpi))  # type: ignore[arg-type]  # it is checked there


def _check_dpi(format: str, dpi: int | None) -> int:
    """Return the resolution, if a format can have it."""
    if dpi is None:
        return DEFAULT_DPI
    if format not in PIXELS:
        raise OptionError(f"dpi is for {' and '.join(PIXELS)}; {format} is not made of dots")
    least, most = DPI_RANGE
    if isinstance(dpi, bool) or not isinstance(dpi, int) or not least <= dpi <= most:
        raise OptionError(f"dpi must be a whole number from {least} to {most}; got {dpi!r}")
    return dpi


def _saved(figure: Figure, format: str, dots: int, metadata: dict[str, str | None]) -> bytes:
    """Return what matplotlib writes."""
    buffer = io.BytesIO()
    with settings(), warnings.catch_warnings():
        # said before, once, with all characters and the name of the figure
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure.savefig(
            buffer, format=format, dpi=dots if format in PIXELS else "figure", metadata=metadata
        )
    return buffer.getvalue()


def _tiff(figure: Figure, dots: int) -> bytes:
    """Return a TIFF as printers take it: red, green and blue without transparency, LZW, its resolution."""
    from PIL import Image

    pixels = Image.open(io.BytesIO(_saved(figure, "png", dots, {"Software": None})))
    buffer = io.BytesIO()
    flat = Image.new("RGB", pixels.size, "white")
    flat.paste(pixels, mask=pixels.getchannel("A") if "A" in pixels.getbands() else None)
    flat.save(buffer, format="TIFF", compression="tiff_lzw", dpi=(dots, dots))
    return buffer.getvalue()


@contextmanager
def _opaque(figure: Figure | None) -> Iterator[None]:
    """Mix what shines through with the paper while PostScript, which has no transparency, is written."""
    found: list[tuple[Patch, float, Any]] = []
    for artist in [] if figure is None else figure.findobj(Patch):
        alpha, before = artist.get_alpha(), artist.get_facecolor()
        if alpha is not None and alpha < 1.0:
            found.append((artist, alpha, before))
            mixed = tuple(alpha * part + (1.0 - alpha) for part in to_rgb(before))
            artist.set(alpha=None, facecolor=mixed)
    try:
        yield
    finally:
        for artist, alpha, before in found:
            artist.set(facecolor=to_rgb(before), alpha=alpha)


def _dateless(eps: bytes, title: str) -> bytes:
    """Return an EPS without the moment of its making, and with its title."""
    head, end, rest = eps.partition(b"%%EndComments\n")
    dated = (b"%%CreationDate", b"%%Title")
    lines = [line for line in head.splitlines(keepends=True) if not line.startswith(dated)]
    plain = re.sub(r"[^ -~]", "?", title)[:200]
    named = [f"%%Title: {plain}\n".encode("ascii")] if plain else []
    return b"".join([*lines[:1], *named, *lines[1:], end, rest])


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
    # this style sheet would reach out of the figure into the page that it stands in; that of the fonts may
    svg, sheets = re.subn(r" <defs>\s*<style[^>]*>[^<]*</style>\s*</defs>\n", "", svg, count=1)
    strokes = 'stroke-linejoin="round" stroke-linecap="butt" ' if sheets else ""
    named = f'role="img" aria-labelledby="m{mark}-title" aria-describedby="m{mark}-desc"'
    head, start, rest = svg.partition("<svg ")
    attributes, close, rest = rest.partition(">")
    words = f'<title id="m{mark}-title">{escape(title)}</title>\n '
    words += f'<desc id="m{mark}-desc">{escape(description)}</desc>'
    if isinstance(figure, Chart) and figure.page.texts:
        words += f"\n <style>{font_rules(characters_by_face(figure.page.texts))}</style>"
    svg = f"{head}{start}{named} {strokes}{attributes}{close}\n {words}{rest}"
    if isinstance(figure, Chart):
        for order, box in enumerate(figure.page.texts):
            if box.full:
                group = f'<g id="m{mark}-text-{order}">'
                svg = svg.replace(group, f"{group}\n  <title>{escape(box.full)}</title>", 1)
    return svg
