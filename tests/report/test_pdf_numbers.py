"""The PDF's map: every number stands where it is said to, every other digit is of a declared kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

pytest.importorskip("docx", reason="python-docx is not installed: pip install 'trs-meta[docx]'")

from number_kinds import check_numbers

from meta.report.context import build_context
from meta.report.html import render_html
from meta.report.html_places import map_page
from meta.report.pdf_blocks import TEXT_SIZE, UPRIGHT, Sheets, document_data
from meta.report.pieces import Sentence, plain
from meta.report.written import Written


class Listener(Sheets):
    """The PDF's pages, whose words are kept by place: those without a place are counted."""

    def __init__(self, pictures: Mapping[str, str]) -> None:
        super().__init__(pictures)
        self.texts: dict[str, str] = {}

    def text(self, words: str, width: float = UPRIGHT, size: float = TEXT_SIZE, *, bold: bool = False) -> str:
        self.texts[f"words {len(self.texts)}"] = words
        return super().text(words, width, size, bold=bold)

    def sentence(
        self,
        sentence: Sentence,
        place: str,
        width: float = UPRIGHT,
        size: float = TEXT_SIZE,
        *,
        bold: bool = False,
    ) -> list[str | dict[str, Any]]:
        before = self.texts.get(place, "")
        kept = len(self.places)
        said = super().sentence(sentence, place, width, size, bold=bold)
        heard = f"{before} {plain(sentence)}" if before else plain(sentence)
        # a part of a split table repeats its first column, whose numbers count once
        self.texts[place] = before if plain(sentence) == before and len(self.places) > kept else heard
        return said


def listen(results: dict[str, Any], figures: dict[str, str]) -> tuple[Written, dict[str, str]]:
    sheets = Listener(figures)
    document_data(build_context(results), sheets)
    return Written(b"", tuple(sheets.places)), sheets.texts


def test_every_digit_is_a_number_of_the_map_or_of_a_declared_kind(
    results: dict[str, Any], figures: dict[str, str]
) -> None:
    written, texts = listen(results, figures)
    assert len(written.places) > 300
    check_numbers(written, texts, results)


def test_the_pdf_holds_the_numbers_of_the_page(results: dict[str, Any], figures: dict[str, str]) -> None:
    written, _ = listen(results, figures)
    page = map_page(render_html(results, figures))
    assert sorted((p.id, p.text) for p in written.places) == sorted((p.id, p.text) for p in page.places)


def test_a_number_that_is_written_into_words_is_found(
    results: dict[str, Any], figures: dict[str, str]
) -> None:
    written, texts = listen(results, figures)
    place = next(place for place in texts if place.startswith("Methods"))
    texts[place] += " The risk falls by 17 per cent."
    with pytest.raises(AssertionError, match="17"):
        check_numbers(written, texts, results)
