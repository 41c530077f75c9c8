"""The registry, and transformations that undo one another."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meta.alternatives import is_same_quantity
from meta.effects.formulas import FORMULAS
from meta.effects.measures import (
    MEASURES,
    default_unit,
    find_measure,
    measure_warning,
    to_analysis,
    to_natural,
)
from meta.effects.sizes import EffectSizes
from meta.errors import EffectError
from meta.report.measure_words import MEASURES as WORDS

LAWS = settings(deadline=None, max_examples=100, derandomize=True)


def test_registry_holds_what_this_version_offers() -> None:
    offered = (
        "RR OR RD AS PETO YUQ PHI IRR IRD IRSD MD SMD SMDH ROM VR CVR COR UCOR ZCOR PCOR ZPCOR PR PLN PLO "
        "PAS PFT IR IRLN IRS IRFT MN MNLN SDLN CVLN MC SMCC SMCR SMCRH ROMC OR2DN D2ORN GEN"
    )
    assert sorted(MEASURES) == sorted(offered.split())
    assert set(FORMULAS) == set(MEASURES) - {"GEN"}
    assert all(code == measure.code and measure.citation for code, measure in MEASURES.items())
    ratios = {"OR", "RR", "PETO", "IRR", "ROM", "VR", "CVR", "ROMC", "D2ORN"}
    assert {code for code, m in MEASURES.items() if m.null == 1.0} == ratios
    assert {code for code, m in MEASURES.items() if m.is_ratio} == ratios
    assert {code for code, m in MEASURES.items() if m.log_axis} == ratios
    one_group = {m.code for m in MEASURES.values() if m.kind in ("proportion", "rate", "mean")}
    assert {code for code, m in MEASURES.items() if m.null is None} == one_group | {"SDLN", "CVLN"}
    corrected = {"OR", "RR", "RD", "YUQ", "OR2DN", "IRR", "IRD", "PR", "PLN", "PLO", "IR", "IRLN"}
    assert {code for code, m in MEASURES.items() if m.add == 0.5} == corrected
    assert {m.add for m in MEASURES.values()} == {0.0, 0.5}
    assert {code for code, m in MEASURES.items() if m.drop00} == {"OR", "RR", "PETO", "YUQ", "OR2DN", "IRR"}
    assert all(m.variances[0] == "LS" for m in MEASURES.values())


def test_unknown_measure_lists_the_known_ones() -> None:
    with pytest.raises(EffectError, match=r"measure must be one of AS, COR, .*, ZPCOR; got 'plo'"):
        find_measure("plo")


def test_units_and_warnings() -> None:
    assert default_unit("PLO").factor == 100.0
    assert default_unit("OR").factor == 1.0
    assert measure_warning("PLO") is None
    assert "harmonic mean of n" in (measure_warning("PFT") or "")


@LAWS
@given(st.floats(1e-6, 1.0 - 1e-6), st.sampled_from(["PR", "PLN", "PLO", "PAS"]))
def test_back_transform_inverts_transform_of_proportions(p: float, code: str) -> None:
    assert to_natural(code, to_analysis(code, p)) == pytest.approx(p, rel=1e-9)


@LAWS
@given(st.floats(1e-9, 1e9), st.sampled_from(["IR", "IRLN", "IRS", "OR", "RR", "RD", "GEN"]))
def test_back_transform_inverts_transform_elsewhere(value: float, code: str) -> None:
    assert to_natural(code, to_analysis(code, value)) == pytest.approx(value, rel=1e-12)


@LAWS
@given(st.floats(-0.999999, 0.999999), st.sampled_from(["COR", "ZCOR", "ZPCOR", "PHI"]))
def test_back_transform_inverts_transform_of_correlations(r: float, code: str) -> None:
    assert to_natural(code, to_analysis(code, r)) == pytest.approx(r, rel=1e-9, abs=1e-15)


@LAWS
@given(st.integers(0, 5000), st.floats(0.01, 1e6))
def test_freeman_tukey_root_of_a_study_turns_back_into_its_rate(events: int, time: float) -> None:
    back = to_natural("IRFT", to_analysis("IRFT", events / time, time), time)
    assert back == pytest.approx(events / time, rel=1e-9)


def test_roots_and_arcsines_stop_at_the_ends_of_their_range() -> None:
    ends = np.array([-np.inf, -0.1, 0.0, 10.0, np.inf, np.nan])
    np.testing.assert_array_equal(to_natural("PAS", ends), [0.0, 0.0, 0.0, 1.0, 1.0, np.nan])
    np.testing.assert_array_equal(to_natural("IRS", ends), [0.0, 0.0, 0.0, 100.0, np.inf, np.nan])
    found = to_natural("IRFT", ends, 4.0)
    np.testing.assert_array_equal(found[[0, 1, 2, 4, 5]], [0.0, 0.0, 0.0, np.inf, np.nan])
    np.testing.assert_array_equal(to_natural("ZCOR", ends[[0, 2, 4]]), [-1.0, 0.0, 1.0])


@LAWS
@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_freeman_tukey_of_a_study_turns_back_into_its_proportion(counts: tuple[int, int]) -> None:
    events, n = counts
    back = to_natural("PFT", to_analysis("PFT", events / n, n), n)
    # near 0 and 1 the back-transform takes the root of a rounding of 1: 1e-8 at worst, and exact at the ends
    assert back == pytest.approx(events / n, abs=2e-8)
    if events in (0, n):
        assert float(back) == events / n


def test_freeman_tukey_stays_between_0_and_1_and_never_falls() -> None:
    grid = np.linspace(-0.5, 2.2, 400)
    for n in (1.0, 7.3, 4000.0):
        back = to_natural("PFT", grid, n)
        assert back[0] == 0.0
        assert back[-1] == 1.0
        assert (np.diff(back) >= 0.0).all()


def test_freeman_tukey_takes_one_size_a_value() -> None:
    back = to_natural("PFT", np.array([0.5, 0.5, np.nan]), np.array([10.0, 1000.0, 10.0]))
    assert back[0] == to_natural("PFT", 0.5, 10.0)
    assert back[1] == to_natural("PFT", 0.5, 1000.0)
    assert np.isnan(back[2])
    assert np.isnan(to_natural("PFT", 0.5, np.nan))


@pytest.mark.parametrize("function", [to_natural, to_analysis])
@pytest.mark.parametrize(("code", "size"), [("PFT", "n"), ("IRFT", "time")])
def test_freeman_tukey_without_sizes_is_refused(function: object, code: str, size: str) -> None:
    assert callable(function)
    with pytest.raises(EffectError, match=rf"measure {code} needs (the harmonic mean of )?{size} to trans"):
        function(code, 0.5)
    with pytest.raises(EffectError, match=f"measure {code} needs {size} to transform back: take effect_s"):
        EffectSizes.from_arrays([0.1], [0.1], measure=code)


def test_ends_and_missing_pass_through() -> None:
    ends = np.array([-np.inf, np.inf, np.nan, 1e6, -1e6])
    np.testing.assert_array_equal(to_natural("PLO", ends), [0.0, 1.0, np.nan, 1.0, 0.0])
    np.testing.assert_array_equal(to_natural("OR", ends), [0.0, np.inf, np.nan, np.inf, 0.0])
    np.testing.assert_array_equal(to_natural("PFT", ends, 10.0), [0.0, 1.0, np.nan, 1.0, 0.0])
    np.testing.assert_array_equal(to_natural("RD", ends), ends)
    np.testing.assert_array_equal(to_analysis("PLO", [0.0, 1.0]), [-np.inf, np.inf])
    np.testing.assert_array_equal(to_analysis("IRLN", [0.0, 1.0]), [-np.inf, 0.0])


def test_the_readme_lists_every_measure() -> None:
    text = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    section = text.partition("## Measures")[2].partition("\n## ")[0]
    assert [code for code in MEASURES if not re.search(rf"\b{code}\b", section)] == []


def test_the_report_has_words_for_every_measure() -> None:
    assert set(WORDS) == set(MEASURES)
    ratios = {code for code, measure in MEASURES.items() if measure.is_ratio}
    assert {code for code, words in WORDS.items() if words.ratio} == ratios
    assert {words.null for words in WORDS.values()} == {None, 0.0, 1.0}
    assert WORDS["IRR"].zeros == (
        "Where an arm has no events, 0.5 is added to the events of both arms; a study without events in both "
        "arms has no rate ratio and is shown with this reason."
    )
    assert WORDS["PHI"].zeros == "Nothing is added to zero cells."
    assert WORDS["MD"].zeros == ""


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("PLO", "PAS", True),
        ("IRLN", "IRFT", True),
        ("OR", "PETO", True),
        ("OR", "D2ORN", True),
        ("SMD", "SMDH", True),
        ("SMD", "OR2DN", True),
        ("COR", "ZCOR", True),
        ("OR", "RR", False),
        ("SMD", "MD", False),
        ("SMCR", "SMCC", False),
        ("COR", "PCOR", False),
        ("RD", "IRD", False),
    ],
)
def test_measures_of_one_quantity_can_be_set_beside_each_other(one: str, other: str, same: bool) -> None:
    assert is_same_quantity(MEASURES[one], MEASURES[other]) is same
    assert is_same_quantity(MEASURES[other], MEASURES[one]) is same
