"""No free number: every digit of a report is a number with an address, or of a declared kind."""

from __future__ import annotations

from typing import Any

import pytest

from meta.report.html import render_html
from meta.report.html_places import map_page
from meta.report.markdown import write_markdown
from meta.report.pieces import Node, clean_text

pytest.importorskip("docx", reason="python-docx is not installed: pip install 'trs-meta[docx]'")
pytest.importorskip("docxtpl", reason="docxtpl is not installed: pip install 'trs-meta[docx]'")

from number_kinds import (
    check_numbers,
    free_digits,
    texts_of_docx,
    texts_of_markdown,
    texts_of_page,
    without_numbers,
)

from meta.report.docx import render_docx
from meta.report.written import Place, Written


def look_up(results: dict[str, Any], address: str) -> object:
    node = Node(results)
    for key in address.split("."):
        node = node.at(int(key) if isinstance(node.value, list) else key)
    return node.value


def write(format: str, results: dict[str, Any], figures: dict[str, str]) -> tuple[Written, dict[str, str]]:
    if format == "docx":
        written = render_docx(results, {})
        return written, texts_of_docx(written.content)
    if format == "html":
        written = map_page(render_html(results, figures))
        return written, texts_of_page(written.content)
    written = write_markdown(results)
    return written, texts_of_markdown(written.content)


@pytest.mark.parametrize("format", ["docx", "html", "md"])
def test_every_digit_is_a_number_of_the_map_or_of_a_declared_kind(
    format: str, results: dict[str, Any], figures: dict[str, str]
) -> None:
    written, texts = write(format, results, figures)
    check_numbers(written, texts, results, markdown=format == "md")


@pytest.mark.parametrize("format", ["docx", "html", "md"])
def test_every_address_leads_to_something(
    format: str, results: dict[str, Any], figures: dict[str, str]
) -> None:
    written, _ = write(format, results, figures)
    assert len(written.places) > 300
    assert all(look_up(results, place.id) is not None for place in written.places)


def test_the_formats_hold_the_same_numbers(results: dict[str, Any], figures: dict[str, str]) -> None:
    def numbers(format: str) -> list[tuple[str, str]]:
        written, _ = write(format, results, figures)
        return sorted((place.id, clean_text(place.text.replace("\\", ""))) for place in written.places)

    assert numbers("docx") == numbers("html")
    assert numbers("docx") == numbers("md")


def test_a_free_number_is_found(results: dict[str, Any]) -> None:
    for text in ("The risk falls by 17 per cent.", "See Table 3.", "2.7 more", "Agid2011 has 60"):
        assert len(free_digits({"paragraph 1": text}, results)) == 1, text
    assert not free_digits({"paragraph 1": "Table 3. Heterogeneity (Higgins and Thompson 2002)"}, results)


def test_a_number_that_does_not_stand_where_the_map_says_is_found() -> None:
    with pytest.raises(AssertionError, match="does not stand in"):
        without_numbers({"paragraph 1": "12.7"}, (Place("paragraph 1", "12.8", "a"),))


