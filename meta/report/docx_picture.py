"""Pictures of a Word document: 300 dots per inch, sized to the page, with a description to be read aloud."""

from __future__ import annotations

import io
import struct
import zlib

from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls

from meta.errors import ReportError
from meta.report.docx_pen import Element, Pen
from meta.report.docx_table import Wide, caption
from meta.report.views import Figure

#: Dots per inch of the pictures, and English metric units to a mm.
DPI = 300
EMU_PER_MM = 36_000

#: How far a picture may shrink before its page is turned: letters of 7 points come out at 5.6.
LEAST_SCALE = 0.8

#: Room for the caption under a picture, mm.
CAPTION_ROOM = 18.0

_SIGNATURE = b"\x89PNG\r\n\x1a\n"

#: Most bytes of a description that are read.
_MOST_WORDS = 65_536


def figure_elements(pen: Pen, figure: Figure | None, png: bytes | None) -> list[Element]:
    """Return a figure with its caption; where its picture was not asked for, a line that names its file."""
    if figure is None:
        return []
    if png is None:
        words = f"{figure.caption}: drawn in {figure.file}, beside results.json."
        return [pen.paragraph("Report Note", (words,))]
    wide, high, description = read_png(png, figure.file)
    width, height = pen.width, pen.height - CAPTION_ROOM
    turned = pen.wide is not None and wide * LEAST_SCALE > width
    if turned:
        # a page on its side: its height is the width of the text of one that stands
        width, height = pen.wide or width, pen.width - CAPTION_ROOM
    scale = min(1.0, width / wide, height / high)
    pen.figures += 1
    pen.pictures += 1
    paragraph = pen.paragraph("Report Figure", (), keep=True)
    words = f"{figure.alternative}. {description}" if description else figure.alternative
    paragraph.append(_drawing(pen, png, wide * scale, high * scale, words, figure.caption))
    label = caption(pen, "Figure", pen.figures, f"{figure.alternative}", keep=False)
    return Wide([paragraph, label]) if turned else [paragraph, label]


def _drawing(pen: Pen, png: bytes, wide: float, high: float, words: str, name: str) -> Element:
    """Return a run with a picture that stands in the line; its description reads aloud."""
    relation, _ = pen.part.get_or_add_image(io.BytesIO(png))
    cx, cy = round(wide * EMU_PER_MM), round(high * EMU_PER_MM)
    run = parse_xml(
        f"<w:r {nsdecls('w', 'wp', 'a', 'pic', 'r')}><w:drawing>"
        f'<wp:inline distT="0" distB="0" distL="0" distR="0"><wp:extent cx="{cx}" cy="{cy}"/>'
        f'<wp:docPr id="{pen.pictures}" name="Picture {pen.pictures}"/><wp:cNvGraphicFramePr>'
        '<a:graphicFrameLocks noChangeAspect="1"/></wp:cNvGraphicFramePr><a:graphic>'
        '<a:graphicData uri="http://schemas.openxmlformats.org/drawingml/2006/picture"><pic:pic>'
        f'<pic:nvPicPr><pic:cNvPr id="{pen.pictures}" name="Picture {pen.pictures}"/><pic:cNvPicPr/>'
        f'</pic:nvPicPr><pic:blipFill><a:blip r:embed="{relation}"/><a:stretch><a:fillRect/></a:stretch>'
        f'</pic:blipFill><pic:spPr><a:xfrm><a:off x="0" y="0"/><a:ext cx="{cx}" cy="{cy}"/></a:xfrm>'
        '<a:prstGeom prst="rect"><a:avLst/></a:prstGeom></pic:spPr></pic:pic></a:graphicData></a:graphic>'
        "</wp:inline></w:drawing></w:r>"
    )
    described = next(run.iter("{*}docPr"))
    described.set("descr", pen.clean(words))
    described.set("title", pen.clean(name))
    return run


def read_png(content: bytes, name: str) -> tuple[float, float, str]:
    """Return width and height of a picture in mm at 300 dots per inch, and the description that it carries.

    Raises
    ------
    ReportError
        If it is no PNG.
    """
    if not content.startswith(_SIGNATURE) or content[12:16] != b"IHDR" or len(content) < 33:
        raise ReportError(f"figure {name!r} is no PNG picture")
    wide, high = struct.unpack(">II", content[16:24])
    if not wide or not high:
        raise ReportError(f"figure {name!r} is an empty picture")
    return wide / DPI * 25.4, high / DPI * 25.4, _described(content)


def _described(content: bytes) -> str:
    """Return the words of a picture's text chunk ``Description``."""
    at = len(_SIGNATURE)
    while at + 12 <= len(content):
        length, kind = struct.unpack(">I4s", content[at : at + 8])
        data = content[at + 8 : at + 8 + length]
        keyword, _, rest = data.partition(b"\0")
        if keyword == b"Description":
            if kind == b"tEXt":
                return rest.decode("latin-1")
            if kind == b"iTXt" and len(rest) > 2:
                text = rest[2:].split(b"\0", 2)[-1]
                packed = rest[:1] == b"\1"
                raw = zlib.decompressobj().decompress(text, _MOST_WORDS) if packed else text
                return raw.decode("utf-8", "replace")
        at += 12 + length
    return ""
