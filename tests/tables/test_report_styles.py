"""How journals print P values and intervals: each rule as data, with its source, and what comes of it."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import get_args

import pytest

from meta.errors import OptionError
from meta.options import ReportStyle
from meta.tables.numbers import p_number_text, p_text
from meta.tables.styles import HOUSE_STYLE, NumberStyle, find_style, read_styles, report_styles

P_VALUES = {
    "house": {0.5: "P = 0.50", 0.042: "P = 0.042", 0.0042: "P = 0.004", 0.0004: "P < 0.001"},
    "jama": {
        0.5: "P = .50",
        0.034: "P = .03",
        0.0496: "P = .050",
        0.0042: "P = .004",
        0.0004: "P < .001",
        0.996: "P > .99",
    },
    "bmj": {0.5: "P=0.50", 0.034: "P=0.034", 0.0042: "P=0.004", 0.0004: "P<0.001"},
    "lancet": {
        0.5: "p=0·50",
        0.034: "p=0·034",
        0.0042: "p=0·0042",
        0.00042: "p=0·00042",
        0.00004: "p<0·0001",
    },
    "nejm": {0.5: "P=0.50", 0.034: "P=0.03", 0.0042: "P=0.004", 0.0004: "P<0.001"},
    "apa": {0.5: "p = .50", 0.034: "p = .03", 0.0042: "p = .004", 0.0004: "p < .001"},
}


def test_every_style_of_the_option_is_data_with_a_source_a_rule() -> None:
    assert tuple(read_styles()) == get_args(ReportStyle) == tuple(P_VALUES)
    names = {field.name for field in fields(NumberStyle)}
    for name, entry in read_styles().items():
        assert set(entry) == {"name", "rules", "sources"}
        assert set(entry["rules"]) == set(entry["sources"]), name
        assert set(entry["rules"]) <= names, name
        assert all(len(source) > 20 for source in entry["sources"].values()), name
    assert find_style("house") == HOUSE_STYLE
    assert len(set(report_styles().values())) == len(report_styles())


def test_a_style_that_there_is_not_is_named() -> None:
    allowed = "'house', 'jama', 'bmj', 'lancet', 'nejm', 'apa'"
    with pytest.raises(OptionError, match=f"style must be one of {allowed}; got 'nature'"):
        find_style("nature")


@pytest.mark.parametrize(
    ("name", "p", "text"), [(name, p, text) for name, row in P_VALUES.items() for p, text in row.items()]
)
def test_p_values(name: str, p: float, text: str) -> None:
    style = find_style(name)
    assert style.p(p) == text
    letter = text[0]
    assert style.p_number(p) == text.removeprefix(letter).removeprefix(style.equals).strip()
    assert style.p_number(p)[0] in "0.<>"


@pytest.mark.parametrize("name", P_VALUES)
def test_no_p_value_is_nothing(name: str) -> None:
    assert find_style(name).p(None) == find_style(name).p_number(math.nan) == "–"


@pytest.mark.parametrize("p", [0.0, 0.0005, 0.001, 0.04201, 0.0999, 0.13, 1.0, math.nan, None])
def test_the_house_is_as_it_was(p: float | None) -> None:
    assert HOUSE_STYLE.p(p) == p_text(p)
    assert HOUSE_STYLE.p_number(p) == p_number_text(p)


@pytest.mark.parametrize(
    ("name", "sentence", "negative", "cell", "negative_cell"),
    [
        ("house", "0.84 to 0.96", "−0.30 to 0.10", "[0.84, 0.96]", "[−0.30, 0.10]"),
        ("jama", "0.84-0.96", "−0.30 to 0.10", "(0.84-0.96)", "(−0.30 to 0.10)"),
        ("bmj", "0.84 to 0.96", "−0.30 to 0.10", "(0.84 to 0.96)", "(−0.30 to 0.10)"),
        ("lancet", "0·84–0·96", "−0·30 to 0·10", "(0·84–0·96)", "(−0·30 to 0·10)"),
        ("nejm", "0.84 to 0.96", "−0.30 to 0.10", "(0.84 to 0.96)", "(−0.30 to 0.10)"),
        ("apa", "[0.84, 0.96]", "[−0.30, 0.10]", "[0.84, 0.96]", "[−0.30, 0.10]"),
    ],
)
def test_intervals(name: str, sentence: str, negative: str, cell: str, negative_cell: str) -> None:
    style = find_style(name)
    for low, high, said, shown in (
        ("0.84", "0.96", sentence, cell),
        ("\u22120.30", "0.10", negative, negative_cell),
    ):
        low, high = style.mark(low), style.mark(high)
        assert style.range_opening + low + style.ranged(low, high) + high + style.range_closing == said
        assert style.opening + low + style.parted(low, high) + high + style.closing == shown
