"""Text for a PDF: characters that its font has, and breaks in words that are wider than their line."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from itertools import accumulate

from meta.plots.theme import Face, has_glyph, text_width
from meta.report.pieces import Link, Piece, Sentence, Shown, plain

#: Stands for a character that the font lacks.
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

#: Allows a line to end without a mark. It comes only into words that are wider than their line: a number or a
#: name that fits stays whole for whoever copies it.
BREAK = "\N{ZERO WIDTH SPACE}"

#: Faces of the document: what stands in a heading must exist in both.
_FACES: tuple[Face, ...] = ("regular", "bold")

#: A mark without width at the end of a run from right to left, so that the digits after it keep their order.
_LEFT_TO_RIGHT = "\N{LEFT-TO-RIGHT MARK}"
_RTL = "\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc"
_RTL_RUN = re.compile(f"[{_RTL}]+(?:[^\\S\n]+[{_RTL}]+)*")

#: Marks without a glyph that the shapes of letters hang on. Others (soft hyphens, byte order marks) are left
#: out: PDF/UA forbids some, and none is seen.
_JOINERS = "\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}"

_BEYOND_ASCII = re.compile("[^\x00-\x7f]")

#: What a line cannot end in: other spaces than those that never break (U+00A0, U+2007, U+202F) part words.
_WORD = re.compile("[^ \t\n\r\u1680\u2000-\u2006\u2008-\u200a\u2028\u2029\u205f\u3000]+")

#: A stretch of a word that rather stays together: up to a mark after which addresses are broken.
_STRETCH = re.compile(r"[^/_.:;,=&?-]*[/_.:;,=&?-]?")


class Letters:
    """Text as the font can show it; ``missing`` gathers the characters that it lacks."""

    def __init__(self) -> None:
        self.missing: set[str] = set()

    def clean(self, text: str) -> str:
        """Return text in which every character has a glyph, and digits keep their order beside any script."""
        if text.isascii() and text.isprintable():
            return text
        shown = "".join(self._shown(character) for character in text)
        return _RTL_RUN.sub(lambda run: run.group(0) + _LEFT_TO_RIGHT, shown)

    def drawn(self, svg: str) -> str:
        """Return a drawing in which every character has a glyph."""
        return _BEYOND_ASCII.sub(lambda found: self._shown(found.group(0)), svg)

    def _shown(self, character: str) -> str:
        if character in "\n\t":
            return character
        if unicodedata.category(character) in ("Cf", "Cc") and character not in _JOINERS:
            return ""
        if all(has_glyph(character, face) for face in _FACES):
            return character
        if character in _JOINERS or "\ufe00" <= character <= "\ufe0f":
            return ""
        self.missing.add(character)
        return REPLACEMENT

    def warning(self) -> str:
        """Return what is to be said of the characters that the font lacks; empty where there are none."""
        if not self.missing:
            return ""
        names = [_name(character) for character in sorted(self.missing)]
        few = ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
        kept = f"{REPLACEMENT} stands there, and report.html keeps the text"
        return f"report.pdf: DejaVu Sans has no glyph for {few}; {kept}"


def _name(character: str) -> str:
    code = f"U+{ord(character):04X}"
    if unicodedata.category(character) == "Cs":
        return code
    return f"{character!r} ({code} {unicodedata.name(character, 'without a name')})"


def widest_word(text: str, size: float, face: Face = "regular") -> float:
    """Return the width of the widest word of a text in mm."""
    return max((text_width(word, size, face) for word in _WORD.findall(text)), default=0.0)


def fold_sentence(sentence: Sentence, width: float, size: float, face: Face = "regular") -> Sentence:
    """Return the sentence with breaks in the words that are wider than a line.

    Parameters
    ----------
    sentence : tuple of pieces
        A word may reach over several of them.
    width : float
        Width of the line, mm.
    size : float
        Type size, points.
    face : {"regular", "bold"}
        Face of the type.
    """
    text = plain(sentence)
    breaks = [
        word.start() + place
        for word in _WORD.finditer(text)
        if len(word.group(0)) > 1 and text_width(word.group(0), size, face) > width
        for place in _breaks(word.group(0), width, size, face)
    ]
    return tuple(_broken(sentence, breaks)) if breaks else sentence


def _broken(sentence: Sentence, breaks: list[int]) -> Iterator[Piece]:
    """Put breaks into a sentence; ``breaks`` are places in its whole text."""
    ends = accumulate(len(_text(piece)) for piece in sentence)
    for piece, end in zip(sentence, ends, strict=True):
        text = _text(piece)
        start = end - len(text)
        for place in reversed([b - start for b in breaks if start <= b < end]):
            text = text[:place] + BREAK + text[place:]
        if isinstance(piece, Shown):
            yield Shown(text, piece.id, piece.link)
        elif isinstance(piece, Link):
            yield Link(text, piece.href)
        else:
            yield text


def _text(piece: Piece) -> str:
    return piece if isinstance(piece, str) else piece.text


def _breaks(word: str, width: float, size: float, face: Face) -> list[int]:
    """Return where a word breaks so that no part is wider than the line."""
    out: list[int] = []
    used, place = 0.0, 0
    for stretch in filter(None, _STRETCH.findall(word)):
        wide = text_width(stretch, size, face)
        if used and used + wide > width:
            out.append(place)
            used = 0.0
        if wide <= width:
            used, place = used + wide, place + len(stretch)
            continue
        for character in stretch:
            step = text_width(character, size, face)
            if used and used + step > width and step > 0.0:
                out.append(place)
                used = 0.0
            used, place = used + step, place + 1
    return out
