"""The guard of the guards: a tally must notice what it is there to notice."""

from __future__ import annotations

import math

import pytest
from oracle import Tally, Topic, differences

TOPIC = Topic("made_up", {}, {}, ({"id": "a"}, {"id": "b"}, {"id": "c"}))


def later(case: object) -> bool:
    return case is not None


def test_a_case_without_an_outcome_fails() -> None:
    tally = Tally(TOPIC, 1e-8)
    tally.compare({"id": "a"}, "x", 1.0, 1.0)
    tally.defer({"id": "b"}, later)
    with pytest.raises(AssertionError, match=r"without one: \['c'\]"):
        tally.check()


def test_a_case_with_two_outcomes_fails() -> None:
    tally = Tally(TOPIC, 1e-8)
    for case in ("a", "b", "c"):
        tally.compare({"id": case}, "x", 1.0, 1.0)
    tally.excuse({"id": "b"}, "why")
    with pytest.raises(AssertionError, match=r"with two: \['b'\]"):
        tally.check()


def test_a_difference_fails_and_is_named() -> None:
    tally = Tally(TOPIC, 1e-8)
    assert not tally.compare({"id": "a"}, "x", 1.0, 1.0 + 1e-7)
    with pytest.raises(AssertionError, match=r"a: x: 1.0, oracle 1.0000001, relative difference 1e-07"):
        tally.check()


def test_differences() -> None:
    assert differences([1.0, None, "Inf"], [1.0, math.nan, math.inf]).max() == 0.0
    assert differences(math.nan, 1.0).max() == math.inf
    assert differences(1.0, None).max() == math.inf
    assert differences([1.0], [1.0, 2.0]).max() == math.inf
    assert differences(1e-17, 0.0).max() == math.inf
    assert differences(1e-17, 0.0, scale=1.0).max() == pytest.approx(1e-17)
