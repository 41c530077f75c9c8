"""The journal's style in headings of tables: what numbers do of themselves, words about them follow here."""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass, replace
from typing import TypeVar

from meta.report.views import Column
from meta.tables.styles import HOUSE_STYLE, NumberStyle

View = TypeVar("View")


def style_headings(view: View, style: NumberStyle) -> View:
    """Return a view whose headings write ``[CI]`` and ``P`` as the numbers below them are written.

    Parameters
    ----------
    view : any view of the report
        A dataclass of dataclasses and tuples; what changes nothing is returned as it is.
    style : NumberStyle
        The style of the report.
    """
    if style == HOUSE_STYLE:
        return view
    styled: View = _styled(view, style)  # type: ignore[assignment]
    return styled


def _styled(value: object, style: NumberStyle) -> object:
    if isinstance(value, Column):
        return replace(value, heading=_heading(value.heading, style))
    if isinstance(value, tuple):
        return tuple(_styled(one, style) for one in value)
    if is_dataclass(value) and not isinstance(value, type) and type(value).__module__ == Column.__module__:
        return replace(value, **{f.name: _styled(getattr(value, f.name), style) for f in fields(value)})
    return value


def _heading(words: str, style: NumberStyle) -> str:
    words = re.sub(r"\[(CI|CrI)\]", lambda m: f"{style.opening}{m.group(1)}{style.closing}", words)
    return re.sub(r"\bP\b(?=$|,)", style.letter, words)
