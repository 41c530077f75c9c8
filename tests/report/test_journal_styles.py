"""A journal's style reaches every number of the report, in every format, and no figure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any, get_args

import pytest

from meta.errors import OptionError
from meta.options import ReportStyle
from meta.report.context import build_context
from meta.report.html import render_html
from meta.report.markdown import render_markdown
from meta.report.pieces import Node, Shown, bracketed, plain, ranged, show_number, show_p
from meta.report.views import Column
from meta.tables.styles import find_style

JOURNALS = [name for name in get_args(ReportStyle) if name != "house"]


def styled(results: dict[str, Any], name: str) -> dict[str, Any]:
    results["review"]["style"] = name
    return results


def walk(value: object, kind: type) -> Iterator[Any]:
    if isinstance(value, kind):
        yield value
    if is_dataclass(value) and not isinstance(value, Shown):
        for field in fields(value):
            yield from walk(getattr(value, field.name), kind)
    elif isinstance(value, tuple):
        for inner in value:
            yield from walk(inner, kind)


def test_results_without_a_style_are_in_the_house_s(results: dict[str, Any]) -> None:
    before = render_markdown(results)
    assert "95% CI 12.7 to 22.8" in before
    assert render_markdown(styled(results, "house")) == before


def test_an_unknown_style_is_named(results: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match=r"style must be one of 'house', 'jama'.*; got 'nature'"):
        build_context(styled(results, "nature"))


@pytest.mark.parametrize("name", JOURNALS)
def test_the_same_numbers_are_shown_at_the_same_places(results: dict[str, Any], name: str) -> None:
    house = [number.id for number in walk(build_context(results), Shown)]
    assert [number.id for number in walk(build_context(styled(results, name)), Shown)] == house


@pytest.mark.parametrize("name", JOURNALS)
def test_every_p_value_and_bound_follows(results: dict[str, Any], name: str) -> None:
    view = build_context(styled(results, name))
    style = find_style(name)
    numbers = list(walk(view, Shown))
    assert all(number.style == style for number in numbers)
    tested = [n for n in numbers if re.search(r"\.(p|test_p)(\.\d+)?$", n.id)]
    assert len(tested) > 5
    for number in tested:
        at = Node(view_of(results, number.id))
        assert number.text in (style.p(at.number()), style.p_number(at.number()))
    if name == "lancet":
        assert not any(re.search(r"\d\.\d", number.text) for number in numbers)
    headings = {column.heading for column in walk(view, Column)}
    brackets = f"{style.opening}CI{style.closing}"
    assert f"Estimate {brackets}" in headings
    assert style.letter in headings
    assert not any("[CI]" in heading for heading in headings) or style.opening == "["


def view_of(results: dict[str, Any], address: str) -> object:
    value: Any = results
    for key in address.split("."):
        value = value[int(key)] if isinstance(value, list) else value[key]
    return value


def test_formats_follow_and_figures_do_not(results: dict[str, Any], figures: dict[str, str]) -> None:
    page = render_html(styled(results, "lancet"), figures)
    words = re.sub(r"<[^>]+>", "", page)
    assert "95% CI 12·7–22·8" in words
    assert "95% CI 12·7–22·8" in render_markdown(results)
    assert "p&lt;0·0001" in words
    drawings = re.findall(r"<svg.*?</svg>", page, re.S)
    results["review"].pop("style")
    assert drawings == re.findall(r"<svg.*?</svg>", render_html(results, figures), re.S)


def test_a_number_carries_its_style_into_what_stands_between() -> None:
    node = Node({"low": -0.3, "high": 0.1, "p": 0.034}, "", find_style("jama"))
    low, high = show_number(node.at("low"), 2), show_number(node.at("high"), 2)
    assert plain(ranged(low, high)) == "−0.30 to 0.10"
    assert plain(ranged(high, high)) == "0.10-0.10"
    assert plain(bracketed(high, high, high)) == "0.10 (0.10-0.10)"
    assert plain((show_p(node.at("p")),)) == "P = .03"
