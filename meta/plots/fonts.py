"""Subsets of the figures' font as rules of a style sheet, so that measured widths hold on every machine."""

from __future__ import annotations

import base64
import io
import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import lru_cache

from meta.plots.layout import TextBox
from meta.plots.theme import Face, font_path, has_glyph

#: How a style sheet names the faces: weight and style.
_STYLES: dict[Face, tuple[str, str]] = {
    "regular": ("normal", "normal"),
    "bold": ("bold", "normal"),
    "italic": ("normal", "italic"),
}

#: What every subset holds: letters, digits and signs that figures write themselves. One subset then serves
#: nearly all figures of a run, and is made once.
_ALWAYS = frozenset(map(chr, range(0x20, 0x7F))) | frozenset(
    "–—−·…‘’“”†‡×≤≥∞τχ²³⁰¹⁴⁵⁶⁷⁸⁹₀₁₂\u00a0\u2009\u202f"
)

#: Blocks that come whole with their first letter, for the same reason: Latin, Greek, Cyrillic, Hebrew.
_BLOCKS = ((0xA0, 0x17F), (0x370, 0x3FF), (0x400, 0x45F), (0x5D0, 0x5EA))

#: Features that set marks on letters and join letters, for texts that need them. Kerning is left out, since
#: texts are measured without it.
_FEATURES = ("ccmp", "locl", "mark", "mkmk", "init", "medi", "fina", "isol", "rlig")

#: From here on scripts join their letters (Arabic and what follows).
_JOINING = 0x600

#: What a drawing carries and a page of drawings carries once.
FONT_RULES = re.compile(
    r"\s*(@font-face\{font-family:'DejaVu Sans';font-weight:(normal|bold);font-style:(normal|italic);"
    r"src:url\(data:font/ttf;base64,[A-Za-z0-9+/=]+\) format\('truetype'\)\}\s*)+"
)


def characters_by_face(texts: Iterable[TextBox]) -> dict[Face, frozenset[str]]:
    """Return the characters that texts hold, by face."""
    found: dict[Face, set[str]] = {}
    for box in texts:
        found.setdefault(box.face, set()).update(box.text)
    return {face: frozenset(characters) for face, characters in found.items()}


def font_rules(used: Mapping[Face, frozenset[str]]) -> str:
    """Return one ``@font-face`` rule a face in use, each with a subset of the font as a data URI.

    Parameters
    ----------
    used : mapping of face to characters
        What is drawn in each face; characters that the font lacks are left to the reader's fonts.

    Returns
    -------
    str
        The same rules on every run.
    """
    rules = []
    for face, (weight, style) in _STYLES.items():
        if face in used:
            data = base64.b64encode(_subset(face, _widen(used[face]))).decode("ascii")
            rules.append(
                f"@font-face{{font-family:'DejaVu Sans';font-weight:{weight};font-style:{style};"
                f"src:url(data:font/ttf;base64,{data}) format('truetype')}}"
            )
    return "\n".join(rules)


def _widen(used: frozenset[str]) -> frozenset[str]:
    """Return the characters of a subset that holds those used."""
    further = used - _ALWAYS
    begun = [(low, high) for low, high in _BLOCKS if any(chr(low) <= c <= chr(high) for c in further)]
    return _ALWAYS | used | {chr(code) for low, high in begun for code in range(low, high + 1)}


@lru_cache(maxsize=128)
def _subset(face: Face, characters: frozenset[str]) -> bytes:
    """Return a font of some characters' glyphs, with its copyright and without a date of its own.

    TrueType as it is: what compresses it differs between machines, and a figure's bytes may not.
    """
    from fontTools.subset import Options, Subsetter
    from fontTools.ttLib import TTFont

    # the date in the font stays that of its makers
    font = TTFont(font_path(face), recalcTimestamp=False, lazy=True)
    drawn = sorted(c for c in characters if has_glyph(c, face))
    shaped = any(unicodedata.combining(c) or (ord(c) >= _JOINING and c.isalpha()) for c in drawn)
    options = Options(
        hinting=False,
        layout_features=list(_FEATURES) if shaped else [],
        name_IDs=[0, 1, 2],
        notdef_outline=True,
        drop_tables=[*Options().drop_tables, "FFTM", "MATH", "kern", "gasp"],
    )
    subsetter = Subsetter(options)
    subsetter.populate(text="".join(drawn))
    subsetter.subset(font)
    buffer = io.BytesIO()
    font.save(buffer)
    font.close()
    return buffer.getvalue()
