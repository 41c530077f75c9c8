"""Colours, type and measured text: the look that all figures share, and how wide a text is in it."""

from __future__ import annotations

import unicodedata
from functools import cache, lru_cache
from pathlib import Path
from typing import Literal

import matplotlib
from matplotlib.ft2font import FT2Font

Face = Literal["regular", "bold", "italic"]

#: Ink of text and study intervals; on white 16:1.
INK = "#1b1f24"
#: Descriptor columns and notes; on white 5.9:1, above the 4.5:1 of WCAG AA.
GREY = "#5b6570"
#: Estimates; told from RUST by people with any of the common colour deficiencies, and darker than it in
#: print.
BLUE = "#1f5a96"
#: Fill of subgroup diamonds.
PALE = "#cfe0f1"
#: Band of the main interval behind refits; paler than PALE, since text and marks stand on it.
WASH = "#e8f0f8"
#: Prediction.
RUST = "#b5462f"
#: Share of a predictive distribution beyond a threshold; as pale as PALE.
BLUSH = "#f2d9d1"
#: A prespecified threshold; darker than blue and rust, so that no colour deficiency mixes them up, and dashed
#: as well, so that colour never speaks alone.
GREEN = "#184028"
#: Light rule and null line.
RULE = "#b9bfc6"
#: Bands of P values around no effect, the most doubtful darkest; greys, so that colour says nothing.
BANDS = ("#c6ccd3", "#dfe3e8", "#f3f5f7")
PAPER = "#ffffff"

#: Millimetres in a typographic point.
MM_PER_POINT = 25.4 / 72.0
#: Sizes of type, points.
TITLE_SIZE = 9.0
TEXT_SIZE = 7.0
NOTE_SIZE = 5.6
#: Height of a line of text, its part above the baseline, and the height of capitals, in units of the type
#: size (DejaVu Sans).
LINE = 1.17
ASCENT = 0.93
CAPITAL = 0.73

#: Distance of rows, mm.
ROW = 4.6
#: Distance of the lines of a wrapped cell, mm.
LINE_PITCH = 3.3
#: Distance of the lines of notes, mm, and the further distance between notes.
NOTE_PITCH = 2.75
NOTE_GAP = 0.75
#: Page margin, mm; and below a page of ``NARROW`` mm.
MARGIN = 6.0
NARROW = 120.0
NARROW_MARGIN = 2.5
#: Distance of columns, and on a page that is too narrow for that, mm.
GAP = 2.4
TIGHT_GAP = 1.7

_FILES: dict[Face, str] = {
    "regular": "DejaVuSans.ttf",
    "bold": "DejaVuSans-Bold.ttf",
    "italic": "DejaVuSans-Oblique.ttf",
}
#: Pixels of one em when advances are read: so large that rounding to whole pixels moves no width by more than
#: 0.1%.
_EM = 1000
#: Width in em of a character that the font lacks, where it is no wide East Asian one.
_UNKNOWN = 0.65


def font_path(face: Face) -> Path:
    """Return the font file that ships with matplotlib, so that figures look alike on every machine."""
    return Path(matplotlib.get_data_path()) / "fonts" / "ttf" / _FILES[face]


@cache
def _font(face: Face) -> FT2Font:
    font = FT2Font(str(font_path(face)))
    font.set_size(_EM, 72)
    return font


@cache
def has_glyph(character: str, face: Face = "regular") -> bool:
    """Return whether the face draws a character itself."""
    return _font(face).get_char_index(ord(character)) != 0


@cache
def _advance(character: str, face: Face) -> float:
    """Return the advance of one character in em.

    For a character that the font lacks, it is what a substitute is likely to take.
    """
    if unicodedata.combining(character):
        return 0.0
    font = _font(face)
    if font.get_char_index(ord(character)) == 0:
        return 1.0 if unicodedata.east_asian_width(character) in "WF" else _UNKNOWN
    return float(font.load_char(ord(character)).linearHoriAdvance) / 65536.0 / _EM


def margin(width: float) -> float:
    """Return the margin of a page of ``width`` mm: a column of a journal has none to spare."""
    return MARGIN if width >= NARROW else NARROW_MARGIN


@lru_cache(maxsize=16384)
def text_width(text: str, size: float = TEXT_SIZE, face: Face = "regular") -> float:
    """Return the width of one line of text in mm.

    Advances are added without kerning and ligatures, which only ever make the drawn text narrower.

    Parameters
    ----------
    text : str
        One line.
    size : float
        Type size in points.
    face : {"regular", "bold", "italic"}
        Face of DejaVu Sans.
    """
    return sum(_advance(character, face) for character in text) * size * MM_PER_POINT
