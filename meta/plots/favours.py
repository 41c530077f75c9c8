"""What lies to either side of no effect: words on the two sides of the null line, below the axis or above."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from meta.plots import theme
from meta.plots.axes import Axis, write_centred
from meta.plots.layout import BREAK, Align, Sheet, clean_text, wrap_text
from meta.plots.theme import Face, text_width

#: How words begin that already say which side they favour, in either spelling.
_FAVOUR = ("favour", "favor")


@dataclass(frozen=True, slots=True)
class FavoursStyle:
    """Where and how it is said what lies to either side of the null value.

    ``apart`` is the distance of words that begin at the null line, mm; None centres them on their side.
    ``prefix`` stands before words that do not begin with it.
    """

    place: Literal["below", "above"] = "below"
    face: Face = "regular"
    arrows: bool = True
    apart: float | None = None
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class Side:
    """One side of the null line: its room from ``left`` to ``right``, mm, and its words."""

    left: float
    right: float
    words: str


def find_sides(
    favours: tuple[str, str], style: FavoursStyle, axis: Axis, null: float, ends: tuple[float, float]
) -> tuple[Side, Side]:
    """Return the two sides of the null value between two places, mm."""
    # a null value close to an end of the axis would leave one side no room for words
    least = min(14.0, (axis.end - axis.start) / 3)
    x = min(max(axis.place(null), axis.start + least), axis.end - least)
    left, right = (
        words if words.casefold().startswith(_FAVOUR) else style.prefix + words
        for words in map(clean_text, favours)
    )
    if style.arrows:
        left, right = f"← {left}", f"{right} →"
    apart = style.apart or 1.5
    return Side(ends[0], x - apart, left), Side(x + apart, ends[1], right)


def have_room(sides: Sequence[Side], face: Face) -> bool:
    """Return whether the longest word of each side fits there."""
    return all(
        max(text_width(word, face=face) for word in BREAK.split(side.words)) <= side.right - side.left
        for side in sides
    )


def write_favours(
    sheet: Sheet, sides: tuple[Side, Side], style: FavoursStyle, ends: tuple[float, float], top: float
) -> float:
    """Write what lies to the left and right of the null value below an axis; return the y below, mm."""
    left, right = sides
    top += 0.5
    if not have_room(sides, style.face):
        return _write_stacked(sheet, sides, style, ends, top)
    if style.apart is None:
        return max(
            write_centred(sheet, side.words, side.left, side.right, top, style.face) for side in sides
        )
    depth = 0
    places: tuple[tuple[Side, float, Align], ...] = ((left, left.right, "right"), (right, right.left, "left"))
    for side, x, align in places:
        lines = wrap_text(side.words, side.right - side.left, face=style.face)
        _write_lines(sheet, lines, x, top, style.face, align)
        depth = max(depth, len(lines))
    return top + depth * theme.LINE_PITCH


def _write_stacked(
    sheet: Sheet, sides: tuple[Side, Side], style: FavoursStyle, ends: tuple[float, float], top: float
) -> float:
    """Write the two sides one under the other, with arrows to tell them apart; return the y below."""
    left, right = (side.words for side in sides)
    if not style.arrows:
        left, right = f"← {left}", f"{right} →"
    y = top
    places: tuple[tuple[str, float, Align], ...] = ((left, ends[0], "left"), (right, ends[1], "right"))
    for words, x, align in places:
        lines = wrap_text(words, ends[1] - ends[0], face=style.face)
        _write_lines(sheet, lines, x, y, style.face, align)
        y += len(lines) * theme.LINE_PITCH
    return y


def _write_lines(sheet: Sheet, lines: Sequence[str], x: float, top: float, face: Face, align: Align) -> None:
    for i, line in enumerate(lines):
        sheet.write(line, x, top + (i + 0.8) * theme.LINE_PITCH, face=face, align=align)
