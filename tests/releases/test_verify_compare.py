"""What counts as the same number, and what a comparison of two documents names."""

import math

import pytest

from meta.releases.compare import (
    ABSENT,
    RELATIVE,
    ROUNDING,
    TINY,
    Difference,
    compare_documents,
    relative_difference,
    same_number,
)


def differing(stored, computed):
    return [(d.address, d.kind) for d in compare_documents(stored, computed).differences]


@pytest.mark.parametrize(
    ("stored", "computed", "same"),
    [
        (1.0, 1.0 + 0.9e-9, True),
        (1.0, 1.0 + 1.1e-9, False),
        (-1.0, 1.0, False),
        (1e300, 1e300 * (1 + 1e-10), True),
        (0.0, -0.0, True),
        (0.0, 1e-301, True),
        (0.0, 1e-299, False),
        (1e-20, 1e-19, False),
        (5, 5.0, True),
        (10**10, 10**10 + 1, False),
        (10**10, 10.0**10 + 1, True),
        (math.inf, 5.0, False),
        (math.inf, math.inf, True),
        (math.nan, math.nan, False),
        (10**400, 1.0, False),
        (1.7e308, -1.7e308, False),
    ],
)
def test_two_numbers_are_the_same_within_a_share_of_the_larger(stored, computed, same):
    assert (RELATIVE, ROUNDING, TINY) == (1e-9, 1e-12, 1e-300)
    assert same_number(stored, computed) is same
    assert same_number(computed, stored) is same
    assert differing([stored], [computed]) == ([] if same else [("0", "number")])


def test_a_relative_difference_neither_overflows_nor_needs_a_scale():
    assert relative_difference(1.7e308, -1.7e308) == 2.0
    assert relative_difference(1.0, 1.25) == pytest.approx(0.2)
    assert relative_difference(0, 0.0) == 0.0
    assert relative_difference("Inf", 1.0) is None
    assert relative_difference(None, 1.0) is None
    assert relative_difference(10**400, 1.0) is None


def estimate(**other):
    return {"value": 0.3, "se": 0.1, "low": 0.1, "high": 0.5, "statistic": 3.0, "df": 4, "p": 0.04, **other}


@pytest.mark.parametrize(
    ("stored", "computed", "same"),
    [
        # an estimate is zero up to rounding beside its limits, whatever the unit
        (estimate(value=1e-14), estimate(value=-1e-14), True),
        (estimate(value=1e-11), estimate(value=-1e-11), False),
        (
            {"value": 1e-25, "low": -1e-9, "high": 1e-9},
            {"value": -1e-25, "low": -1e-9, "high": 1e-9},
            True,
        ),
        (
            {"value": 1e-16, "low": -1e-9, "high": 1e-9},
            {"value": -1e-16, "low": -1e-9, "high": 1e-9},
            False,
        ),
        # a limit at zero
        ({"value": 0.02, "low": 0.0, "high": 0.1}, {"value": 0.02, "low": 1e-17, "high": 0.1}, True),
        # a p-value is never zero by rounding: 1e-30 and 1e-20 are two numbers
        (estimate(p=1e-30), estimate(p=1e-20), False),
        ({"weight": 1e-15, "value": 9.0}, {"weight": 3e-15, "value": 9.0}, False),
        # a sampling variance is never zero by rounding, an effect beside it is
        ({"y": 1e-18, "v": 1e-4}, {"y": -1e-18, "v": 1e-4}, True),
        ({"y": 0.1, "v": 1e-18}, {"y": 0.1, "v": 2e-18}, False),
        # statistics are read against 1, percentages against 100, log-likelihoods against 1
        (estimate(statistic=1e-13), estimate(statistic=-1e-13), True),
        ({"q": 1e-30, "i2": 5e-11, "p": 1.0}, {"q": 0.0, "i2": 0.0, "p": 1.0}, True),
        ({"q": 1e-11}, {"q": 0.0}, False),
        ({"loglik": -1e-13}, {"loglik": 1e-13}, True),
        # tau2 beside its limits, and in a fit beside the typical sampling variance
        ({"value": 0.0, "low": 0.0, "high": 0.5}, {"value": 1e-14, "low": 0.0, "high": 0.5}, True),
        (
            {"tau2": {"value": 0.0, "low": None, "high": None}, "heterogeneity": {"typical_variance": 0.2}},
            {"tau2": {"value": 1e-14, "low": None, "high": None}, "heterogeneity": {"typical_variance": 0.2}},
            True,
        ),
        (
            {"tau2": {"value": 0.0, "high": None}, "heterogeneity": {"typical_variance": 1e-6}},
            {"tau2": {"value": 1e-14, "high": None}, "heterogeneity": {"typical_variance": 1e-6}},
            False,
        ),
        ({"tau2": 0.0, "estimate": {"se": 0.1}}, {"tau2": 1e-15, "estimate": {"se": 0.1}}, True),
        # of arrays each element has a scale of its own
        (
            {"estimate": [1e-15, 5.0], "se": [0.1, 9.0], "tau2": [0.0, 0.3]},
            {"estimate": [-1e-15, 5.0], "se": [0.1, 9.0], "tau2": [1e-16, 0.3]},
            True,
        ),
        (
            {"estimate": [1e-12, 5.0], "se": [0.1, 9.0]},
            {"estimate": [-1e-12, 5.0], "se": [0.1, 9.0]},
            False,
        ),
        (
            {"covariance": [[4.0, 1e-13], [1e-13, 0.01]]},
            {"covariance": [[4.0, -1e-13], [-1e-13, 0.01]]},
            True,
        ),
        (
            {"covariance": [[4.0, 1e-12], [1e-12, 0.01]]},
            {"covariance": [[4.0, -1e-12], [-1e-12, 0.01]]},
            False,
        ),
        # what nobody says may be zero is held to its ratio
        ({"person_years": 1e-15}, {"person_years": 2e-15}, False),
    ],
)
def test_a_number_is_zero_up_to_rounding_beside_what_it_is_read_with(stored, computed, same):
    tally = compare_documents(stored, computed)
    assert (not tally.differences) is same
    assert (tally.rounding > 0) is same
    assert tally.largest <= RELATIVE


def test_what_is_no_number_is_compared_exactly():
    stored = {"a": "x", "b": True, "c": None, "d": "Inf", "e": 1, "f": 2.0, "g": "-Inf"}
    assert differing(stored, dict(stored)) == []
    other = {"a": "y", "b": False, "c": "", "d": 1e308, "e": True, "f": None, "g": "Inf"}
    assert differing(stored, other) == [
        ("a", "text"),
        ("b", "text"),
        ("c", "text"),
        ("d", "number"),
        ("e", "number"),
        ("f", "number"),
        ("g", "number"),
    ]
    assert differing({"a": True}, {"a": "True"}) == [("a", "text")]


def test_a_key_that_came_or_went_and_a_list_of_another_length_are_named_once():
    stored = {"fit": {"k": 5, "old": {"a": 1, "b": 2}}, "list": [1, 2, 3]}
    computed = {"fit": {"k": 5, "new": 1}, "list": [1, 2]}
    assert differing(stored, computed) == [("fit.old", "shape"), ("fit.new", "shape"), ("list", "shape")]
    found = compare_documents(stored, computed).differences
    assert (found[0].computed, found[1].stored) == (ABSENT, ABSENT)
    assert differing({"a": {"b": 1}}, {"a": [1]}) == [("a", "shape")]
    assert differing({"a": 1}, {"a": {"b": 1}}) == [("a", "shape")]


def test_the_tally_says_how_many_numbers_were_exact_and_where_the_largest_difference_is():
    stored = {"x": [1.0, 2.0, 3.0], "k": 4, "flag": True, "word": "3", "value": 0.0, "low": -1.0}
    computed = {"x": [1.0, 2.0 * (1 + 5e-10), 3.0 * (1 + 1e-12)], "k": 4, "flag": True, "word": "3"}
    tally = compare_documents(stored, computed | {"value": 1e-13, "low": -1.0})
    assert (tally.numbers, tally.exact, tally.rounding, tally.differences) == (6, 3, 1, [])
    assert tally.largest == pytest.approx(5e-10, rel=1e-6)
    assert tally.where == ("x", 1)
    changed = compare_documents({"x": 1.0}, {"x": 1.5}, ("analyses", "a")).differences
    assert changed == [Difference(("analyses", "a", "x"), "number", 1.0, 1.5, pytest.approx(1 / 3))]
    assert changed[0].address == "analyses.a.x"
