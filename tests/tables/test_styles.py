"""Intervals and P values as journals write them."""

from __future__ import annotations

import math

import pytest

from meta.tables.numbers import interval_text, p_text
from meta.tables.styles import HOUSE_STYLE, NumberStyle

JAMA = NumberStyle("(", "-", ")", between_negative=" to ", leading_zero=False, digits="jama")
BMJ = NumberStyle("(", " to ", ")", equals="=", below="<")
METAFOR = NumberStyle(letter="p", leading_zero=False, digits="two")


@pytest.mark.parametrize("bounds", [(0.84, 0.96), (-0.3, 0.1), (math.nan, math.nan), (0.1, math.inf)])
def test_the_house_writes_as_the_tables_do(bounds: tuple[float, float]) -> None:
    assert HOUSE_STYLE.interval(0.9, *bounds, 2) == interval_text(0.9, *bounds, 2)


@pytest.mark.parametrize("p", [0.0, 0.0005, 0.001, 0.04201, 0.0999, 0.13, 1.0, math.nan, None])
def test_the_house_writes_p_as_the_tables_do(p: float | None) -> None:
    assert HOUSE_STYLE.p(p) == p_text(p)


def test_a_hyphen_never_stands_beside_a_minus_sign() -> None:
    assert JAMA.bounds(0.84, 0.96, 2) == "(0.84-0.96)"
    assert JAMA.bounds(-0.3, 0.1, 2) == "(−0.30 to 0.10)"
    assert JAMA.bounds(-0.3, -0.1, 2) == "(−0.30 to −0.10)"


@pytest.mark.parametrize(
    ("p", "jama", "bmj", "metafor"),
    [
        (0.0004, "P < .001", "P<0.001", "p < .01"),
        (0.002, "P = .002", "P=0.002", "p < .01"),
        (0.0312, "P = .03", "P=0.031", "p = .03"),
        (0.0492, "P = .049", "P=0.049", "p = .05"),
        (0.13, "P = .13", "P=0.13", "p = .13"),
        (0.997, "P > .99", "P=1.00", "p = 1.00"),
    ],
)
def test_p_values_of_journals(p: float, jama: str, bmj: str, metafor: str) -> None:
    assert (JAMA.p(p), BMJ.p(p), METAFOR.p(p)) == (jama, bmj, metafor)
