"""Figures inside the page: an SVG is read, checked against an allow-list and written anew."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape, unescape
from typing import TYPE_CHECKING, get_args

from meta.errors import ReportError
from meta.plots.fonts import FONT_RULES, font_rules
from meta.plots.theme import Face

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

#: What a drawing may consist of; anything else (scripts, foreign objects, links, images from elsewhere) is
#: refused.
ELEMENTS = frozenset(
    [
        "svg",
        "g",
        "path",
        "text",
        "tspan",
        "title",
        "desc",
        "defs",
        "clipPath",
        "use",
        "rect",
        "circle",
        "ellipse",
        "line",
        "polyline",
        "polygon",
        "style",
        "marker",
        "symbol",
    ]
)

#: Left out without a word: descriptions for programs, which the file beside the report keeps.
DROPPED = frozenset({"metadata"})

#: Width on the page of one point of a drawing: letters of 7 pt come out at about 12 pixels.
REM_PER_POINT = 0.11

_XML = "{http://www.w3.org/XML/1998/namespace}"
#: What a drawing writes.
_TEXT = re.compile(r"<text[^>]*>([^<]*)<")
_FRAGMENT = re.compile(r"url\(\s*['\"]?#([^)'\"]+)['\"]?\s*\)")
_FOREIGN = re.compile(r"url\(\s*['\"]?(?!#)|@import|expression\(", re.IGNORECASE)


def inline_svg(text: str, prefix: str, label: str) -> str:
    """Return a drawing as markup to stand inside an HTML page.

    Parameters
    ----------
    text : str
        The SVG file.
    prefix : str
        Put before every id, so that the ids of two figures of one page cannot meet.
    label : str
        Name of the figure for screen readers, where the drawing carries no title.

    Returns
    -------
    str
        One ``svg`` element without namespaces, with ``role="img"`` and a name; its style rules reach no
        further than itself.

    Raises
    ------
    ReportError
        If the text is no SVG, or holds an element or an address that a drawing has no use for.
    """
    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import ParseError, fromstring

    try:
        root = fromstring(text)
    except (ParseError, DefusedXmlException) as error:
        raise ReportError(f"figure {label!r} is no well-formed SVG: {error}") from error
    if _local(root.tag) != "svg":
        raise ReportError(f"figure {label!r} is no SVG: its root element is {_local(root.tag)!r}")
    out: list[str] = []
    _write(root, prefix, label, out, top=True)
    return "".join(out)


def _local(tag: object) -> str:
    """Return a name without its namespace; comments and instructions have none."""
    return tag.rsplit("}", 1)[-1] if isinstance(tag, str) else ""


def _write(element: Element, prefix: str, label: str, out: list[str], *, top: bool = False) -> None:
    name = _local(element.tag)
    if name in DROPPED or not name or _holds_fonts(name, element.text or ""):
        return
    if name not in ELEMENTS:
        raise ReportError(
            f"figure {label!r} holds an element {name!r}; a drawing may hold {', '.join(sorted(ELEMENTS))}"
        )
    out.append(f"<{name}")
    for key, value in element.attrib.items():
        out.append(_attribute(key, value, prefix, label))
    if top:
        out.append(f' id="{prefix}"' if "id" not in element.attrib else "")
        out.append(_naming(element, label))
        out.append(_width(element))
    out.append(">")
    inner = element.text or ""
    out.append(_scoped(inner, prefix, label) if name == "style" else escape(inner, quote=False))
    for child in element:
        _write(child, prefix, label, out)
        out.append(escape(child.tail or "", quote=False))
    out.append(f"</{name}>")


def _holds_fonts(name: str, text: str) -> bool:
    """Whether an element brings the subset of the font along, which a page holds once for all its figures."""
    return name == "style" and FONT_RULES.fullmatch(text) is not None


def page_fonts(drawings: Iterable[str]) -> str:
    """Return the font rules that all drawings of a page share; empty where there is no drawing.

    Parameters
    ----------
    drawings : iterable of str
        As ``inline_svg`` returns them.
    """
    characters = frozenset(unescape("".join(_TEXT.findall("".join(drawings)))))
    return font_rules({face: characters for face in get_args(Face)}) if characters else ""


def _attribute(key: str, value: str, prefix: str, label: str) -> str:
    """Return one attribute; addresses may only lead to the drawing itself."""
    name = f"xml:{key.removeprefix(_XML)}" if key.startswith(_XML) else _local(key)
    if name.lower().startswith("on") or _FOREIGN.search(value):
        raise ReportError(f"figure {label!r}: attribute {name}={value!r} reaches outside the drawing")
    if name == "href":
        if not value.startswith("#"):
            raise ReportError(f"figure {label!r}: a drawing may only refer to itself; got href={value!r}")
        value = f"#{prefix}-{value[1:]}"
    elif name == "id":
        value = f"{prefix}-{value}"
    elif name in ("aria-labelledby", "aria-describedby"):
        value = " ".join(f"{prefix}-{part}" for part in value.split())
    else:
        value = _FRAGMENT.sub(lambda m: f"url(#{prefix}-{m.group(1)})", value)
    return f' {name}="{escape(value)}"'


def _naming(element: Element, label: str) -> str:
    """Return the attributes that give the drawing a role and a name, where it has none itself."""
    given = {_local(key) for key in element.attrib}
    named = given & {"aria-labelledby", "aria-label"}
    role = "" if "role" in given else ' role="img"'
    return role if named else f'{role} aria-label="{escape(label)}"'


def _width(element: Element) -> str:
    """Return, for the style sheet, the width at which all figures of a page have letters of one size."""
    box = re.findall(r"[\d.]+", element.attrib.get("viewBox", ""))
    return f' style="--width:{float(box[2]) * REM_PER_POINT:.1f}rem"' if len(box) == 4 else ""


def _scoped(css: str, prefix: str, label: str) -> str:
    """Return style rules that reach only this drawing."""
    if _FOREIGN.search(css) or "<" in css:
        raise ReportError(f"figure {label!r}: its style reaches outside the drawing")
    rules = re.findall(r"([^{}]+)\{([^{}]*)\}", css)
    return "".join(
        f'[data-figure="{prefix}"] {selector.strip()}{{{body.strip()}}}' for selector, body in rules
    )
