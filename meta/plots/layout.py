"""Pages of text boxes and shapes in millimetres, computed before anything is drawn.

The origin is the top left corner, y grows downwards. A ``Page`` is plain data, so a test can ask whether two
texts overlap without drawing; ``draw.py`` only copies it to a matplotlib figure.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from meta.plots import theme
from meta.plots.theme import Face, text_width

Align = Literal["left", "center", "right"]


@dataclass(frozen=True, slots=True)
class TextBox:
    """One line of text: its box (top left corner, measured width, height) in mm, and how it is set.

    ``full`` is the whole text where ``text`` is cut short. Text that is ``turned`` reads upwards; its box is
    that of the turned text, and it is held at its middle.
    """

    text: str
    x: float
    y: float
    w: float
    h: float
    size: float
    face: Face
    color: str
    align: Align
    full: str = ""
    turned: bool = False

    @property
    def baseline(self) -> float:
        """Distance of the baseline from the top of the page, mm."""
        return self.y + theme.ASCENT * self.size * theme.MM_PER_POINT

    @property
    def anchor(self) -> float:
        """The x at which the text is held: its left end, centre or right end, mm."""
        return self.x + {"left": 0.0, "center": 0.5, "right": 1.0}[self.align] * self.w


@dataclass(frozen=True, slots=True)
class Stroke:
    """A straight line; ``width`` in points, ``dash`` in points on and off, empty for a solid one."""

    x1: float
    y1: float
    x2: float
    y2: float
    color: str = theme.INK
    width: float = 0.8
    dash: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Patch:
    """A polygon, or an open path where there is no ``fill``; an ``edge`` of width 0 is not drawn."""

    points: tuple[tuple[float, float], ...]
    fill: str | None
    edge: str | None = None
    width: float = 0.0
    dash: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Disc:
    """A circle with its radius in mm; ``opacity`` below 1 lets what is behind shine through."""

    x: float
    y: float
    radius: float
    fill: str
    edge: str | None = None
    width: float = 0.0
    opacity: float = 1.0


Shape = Stroke | Patch | Disc


@dataclass(frozen=True, slots=True)
class Page:
    """A finished figure as data: shapes in the order of drawing, then texts.

    ``title`` and ``description`` are for screen readers.
    """

    width: float
    height: float
    shapes: tuple[Shape, ...]
    texts: tuple[TextBox, ...]
    title: str
    description: str


def clean_text(text: str) -> str:
    """Return text on one line, without the characters that break XML or turn the direction of what follows.

    Control characters, lone surrogates, bidirectional embeddings, overrides, isolates and marks, and the byte
    order mark go; runs of white space become one space. Letters of right-to-left scripts stay.
    """
    kept = []
    for character in text:
        category = unicodedata.category(character)
        if character in BREAKS:
            kept.append(" ")
        elif category == "Cs" or (ord(character) & 0xFFFE) == 0xFFFE:
            kept.append("\ufffd")
        elif (
            category != "Cc"
            and unicodedata.bidirectional(character) not in _TURNS
            and character not in _MARKS
        ):
            kept.append(character)
    # only plain spaces are merged: a thin or no-break space is typography
    return " ".join(part for part in "".join(kept).split(" ") if part)


BREAKS = " \t\n\r\v\f\x1c\x1d\x1e\x1f\x85\u2028\u2029"
_TURNS = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
#: Directional marks, and the byte order mark: no width, and the PDF writer stops at it.
_MARKS = "\u200e\u200f\u061c\ufeff"


#: Spaces at which a line may end: not those of ``k = 12`` or ``P < 0.001``, nor those inside ``[10.9,
#: 14.7]``, ``(10.9 to 14.7)`` and ``95% CI``.
BREAK = re.compile(
    r"(?<![=<>]) (?![=<>])(?![^\[\]]{0,40}\])(?!to [^ ()]{1,30}\))(?!(?<=[0-9⁰¹²³⁴-⁹∞] to )[^ ()]{1,30}\))"
    r"(?!(?<=% )Cr?I\b)"
)


def wrap_text(
    text: str, width: float, size: float = theme.TEXT_SIZE, face: Face = "regular", most: int | None = None
) -> list[str]:
    """Break text into lines no wider than ``width`` mm, at spaces where possible and inside words where not.

    Beyond ``most`` lines the last one ends in an ellipsis.
    """
    lines: list[str] = []
    line = ""
    for word in BREAK.split(text):
        trial = f"{line} {word}" if line else word
        if text_width(trial, size, face) <= width:
            line = trial
            continue
        if line:
            lines.append(line)
        *whole, line = _break_word(word, width, size, face)
        lines.extend(whole)
        if most is not None and len(lines) > most:
            break
    lines.append(line)
    if most is None or len(lines) <= most:
        return lines
    last = lines[most - 1]
    while last and text_width(last + "…", size, face) > width:
        last = last[:-1]
    return [*lines[: most - 1], last.rstrip() + "…"]


def _break_word(word: str, width: float, size: float, face: Face) -> list[str]:
    """Break one word into pieces that fit, after a hyphen or slash if there is one."""
    pieces = []
    start = 0
    used = 0.0
    soft = -1
    for at, character in enumerate(word):
        wide = text_width(character, size, face)
        if used + wide > width and at > start:
            cut = soft if soft > start else at
            pieces.append(word[start:cut])
            used = text_width(word[cut:at], size, face)
            start, soft = cut, -1
        used += wide
        if character in "-/_–":
            soft = at + 1
    return [*pieces, word[start:]]


@dataclass(slots=True)
class Sheet:
    """Shapes and texts while a page is being laid out."""

    shapes: list[Shape] = field(default_factory=list)
    texts: list[TextBox] = field(default_factory=list)

    def write(
        self,
        text: str,
        x: float,
        baseline: float,
        size: float = theme.TEXT_SIZE,
        face: Face = "regular",
        color: str = theme.INK,
        align: Align = "left",
        full: str = "",
    ) -> None:
        """Set one line of text, held at ``x`` by the end or centre that ``align`` says, on a baseline; mm."""
        if not text:
            return
        w = text_width(text, size, face)
        em = size * theme.MM_PER_POINT
        left = x - {"left": 0.0, "center": 0.5, "right": 1.0}[align] * w
        box = TextBox(
            text, left, baseline - theme.ASCENT * em, w, theme.LINE * em, size, face, color, align, full
        )
        self.texts.append(box)

    def write_turned(
        self,
        text: str,
        middle: tuple[float, float],
        size: float = theme.TEXT_SIZE,
        face: Face = "regular",
        color: str = theme.INK,
    ) -> None:
        """Set one line of text that reads upwards, its box about ``middle``; mm."""
        h, w = text_width(text, size, face), theme.LINE * size * theme.MM_PER_POINT
        x, y = middle
        box = TextBox(text, x - w / 2, y - h / 2, w, h, size, face, color, "center", turned=True)
        self.texts.append(box)

    def write_notes(
        self, notes: Sequence[str], x: float, top: float, width: float, color: str = theme.GREY
    ) -> float:
        """Set notes below one another, wrapped at ``width``; return the y below them, mm."""
        y = top
        for note in notes:
            for line in wrap_text(clean_text(note), width, theme.NOTE_SIZE):
                self.write(line, x, y + theme.NOTE_PITCH * 0.75, theme.NOTE_SIZE, color=color)
                y += theme.NOTE_PITCH
            y += theme.NOTE_GAP
        return y

    def page(self, width: float, height: float, title: str, description: str) -> Page:
        """Finish the page."""
        return Page(width, height, tuple(self.shapes), tuple(self.texts), title, description)
