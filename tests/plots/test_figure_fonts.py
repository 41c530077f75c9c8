"""The subset of the font that an SVG carries: every letter as wide as it was measured, on any machine."""

from __future__ import annotations

import base64
import io
import re
import unicodedata

import pytest
from figure_data import count_study, make_fit
from fontTools.ttLib import TTFont

from meta.plots.draw import Chart
from meta.plots.fonts import FONT_RULES, characters_by_face, font_rules
from meta.plots.forest import forest_plot
from meta.plots.save import figure_bytes
from meta.plots.theme import Face, has_glyph, text_width

SCRIPTS = {
    "Latin": "Müller-Łukasz ﬁ e\u0301 2020",
    "Greek": "Μελέτη ώς",
    "Cyrillic": "Исследование",
    "Hebrew": "מחקר 2018",
    "Arabic": "دراسة",
}


def fonts_of(rules: str) -> dict[Face, TTFont]:
    """Return the fonts of the rules of a style sheet."""
    found: dict[Face, TTFont] = {}
    for weight, style, data in re.findall(
        r"font-weight:(\w+);font-style:(\w+);src:url\(data:font/ttf;base64,([^)]+)\)", rules
    ):
        face: Face = "bold" if weight == "bold" else "italic" if style == "italic" else "regular"
        found[face] = TTFont(io.BytesIO(base64.b64decode(data)))
    return found


def drawn(name: str) -> Chart:
    made = forest_plot(make_fit([count_study(name, 3, 30), count_study("B", 4, 30)], None), title=name)
    assert isinstance(made, Chart)
    return made


@pytest.mark.parametrize("script", list(SCRIPTS))
def test_every_letter_has_a_glyph_as_wide_as_it_was_measured(script: str) -> None:
    made = drawn(SCRIPTS[script])
    style = re.search(r"<style>([^<]*)</style>", figure_bytes(made).decode())
    assert style is not None
    assert FONT_RULES.fullmatch(style.group(1))
    fonts = fonts_of(style.group(1))
    used = characters_by_face(made.page.texts)
    assert set(fonts) == set(used)
    for face, characters in used.items():
        names, widths = fonts[face].getBestCmap(), fonts[face]["hmtx"]
        for character in characters:
            assert has_glyph(character, face)
            wide = widths[names[ord(character)]][0] / fonts[face]["head"].unitsPerEm
            measured = text_width(character, 1000.0, face) / 1000.0 / 25.4 * 72.0
            if not unicodedata.combining(character):
                assert wide == pytest.approx(measured, abs=2e-3)


def test_the_same_characters_give_the_same_bytes_and_the_date_is_that_of_the_makers() -> None:
    used: dict[Face, frozenset[str]] = {"regular": frozenset("abc"), "bold": frozenset("é")}
    assert font_rules(used) == font_rules(dict(reversed(used.items())))
    for font in fonts_of(font_rules(used)).values():
        assert font["head"].modified < 3_900_000_000
        assert "Bitstream" in str(font["name"].getDebugName(0))
    assert "font-style:italic" not in font_rules(used)
    assert font_rules({}) == ""


def test_what_the_font_lacks_is_left_to_the_reader_s_fonts() -> None:
    (font,) = fonts_of(font_rules({"regular": frozenset("研a")})).values()
    assert ord("a") in font.getBestCmap()
    assert ord("研") not in font.getBestCmap()


def test_a_figure_stays_small() -> None:
    assert len(font_rules({"regular": frozenset("abc")})) < 18_000
