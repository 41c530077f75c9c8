"""Effect sizes beyond counts of one kind: laws, corrections, reasons, warnings, ready-made rows."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import gammaln

from meta.effects.compute import effect_sizes, study_intervals
from meta.effects.correlations import unbiased_correlation
from meta.effects.measures import MEASURES
from meta.effects.reasons import IMPLAUSIBLE
from meta.errors import EffectError
from meta.models.fitting import fit_model
from meta.options import ModelSpec

LAWS = settings(deadline=None, max_examples=60, derandomize=True)

counts = st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
rates = st.tuples(st.integers(0, 300), st.floats(0.5, 5000.0))
means = st.tuples(st.floats(0.5, 200.0), st.floats(0.1, 60.0), st.integers(2, 400))

SWAPPED = {
    "OR": 1.0, "RR": 1.0, "RD": 1.0, "AS": 1.0, "PETO": 1.0, "YUQ": 1.0, "PHI": 1.0, "OR2DN": 1.0,
    "IRR": 1.0, "IRD": 1.0, "IRSD": 1.0,
    "MD": 1.0, "SMD": 1.0, "SMDH": 1.0, "ROM": 1.0, "VR": 1.0, "CVR": 1.0, "D2ORN": 1.0,
}


def columns_of(measure: str) -> dict[str, Any]:
    return {name: name for name in MEASURES[measure].columns}


def two_arms(measure: str, rows: list[Any], swap: bool) -> pd.DataFrame:
    """One row a pair of arms; the parts of an arm in the order of the measure's columns."""
    first = [name for name in MEASURES[measure].columns if name.endswith("1")]
    frame = {}
    for arm, other in (("1", 1 if swap else 0), ("2", 0 if swap else 1)):
        for j, name in enumerate(first):
            parts = [row[other][-len(first) :] for row in rows]
            frame[name[:-1] + arm] = [part[j] for part in parts]
    return pd.DataFrame(frame)


def arms_for(measure: str) -> st.SearchStrategy[Any]:
    columns = MEASURES[measure].columns
    arm = counts if "n1" in columns and "events1" in columns else rates if "time1" in columns else means
    return st.lists(st.tuples(arm, arm), min_size=1, max_size=5)


@LAWS
@given(st.data(), st.sampled_from(sorted(SWAPPED)))
def test_swapping_arms_flips_the_sign(data: st.DataObject, measure: str) -> None:
    rows = data.draw(arms_for(measure))
    one = effect_sizes(two_arms(measure, rows, False), measure, **columns_of(measure))
    other = effect_sizes(two_arms(measure, rows, True), measure, **columns_of(measure))
    np.testing.assert_allclose(one.y, -other.y, rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(one.v, other.v, rtol=1e-11)
    assert one.reasons == other.reasons


def test_every_comparison_of_two_groups_is_swapped() -> None:
    assert set(SWAPPED) == {code for code, measure in MEASURES.items() if measure.two_groups}


@LAWS
@given(st.lists(st.tuples(means, means), min_size=1, max_size=5), st.floats(0.01, 100.0))
def test_standardised_differences_and_ratios_have_no_unit(rows: list[Any], unit: float) -> None:
    for measure in ("SMD", "SMDH", "ROM", "VR", "CVR", "D2ORN"):
        frame = two_arms(measure, rows, False)
        scaled = frame.copy()
        for name in frame.columns:
            if not name.startswith("n"):
                scaled[name] = frame[name] * unit
        one = effect_sizes(frame, measure, **columns_of(measure))
        other = effect_sizes(scaled, measure, **columns_of(measure))
        np.testing.assert_allclose(one.y, other.y, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(one.v, other.v, rtol=1e-9)


@LAWS
@given(st.floats(-0.99, 0.99), st.integers(5, 500))
def test_turning_a_variable_round_flips_the_correlation(r: float, n: int) -> None:
    frame = pd.DataFrame({"r": [r, -r], "n": n, "controls": 1})
    for measure in ("COR", "UCOR", "ZCOR", "PCOR", "ZPCOR"):
        effects = effect_sizes(frame, measure, **columns_of(measure))
        np.testing.assert_array_equal(effects.y[0], -effects.y[1])
        np.testing.assert_array_equal(effects.v[0], effects.v[1])


@LAWS
@given(
    st.floats(1.0, 100.0),
    st.floats(1.0, 100.0),
    st.floats(0.5, 40.0),
    st.integers(3, 300),
    st.floats(-0.9, 0.9),
)
def test_turning_time_round_flips_a_change_of_one_spread(
    before: float, after: float, sd: float, n: int, r: float
) -> None:
    ends = {"mean_pre": [before, after], "mean_post": [after, before]}
    frame = pd.DataFrame({**ends, "sd_pre": sd, "sd_post": sd, "n": n, "r": r})
    for measure in ("MC", "SMCC", "SMCR", "SMCRH"):
        effects = effect_sizes(frame, measure, **columns_of(measure))
        np.testing.assert_array_equal(effects.y[0], -effects.y[1])
        np.testing.assert_array_equal(effects.v[0], effects.v[1])
    ratio = effect_sizes(frame, "ROMC", **columns_of("ROMC"))
    assert ratio.y[0] == pytest.approx(-ratio.y[1], rel=1e-12, abs=1e-14)


def test_published_example_before_and_after() -> None:
    """30.6 and 23.5 with an SD of 15 and r of 0.5 in 20 people (Morris 2008's data as metafor has them)."""
    frame = pd.DataFrame(
        {"mean_pre": [23.5], "mean_post": [30.6], "sd_pre": [15.0], "sd_post": [13.1], "n": [20], "r": [0.5]}
    )
    for measure, y, v in (("SMCR", 0.4544, 0.0552), ("SMCC", 0.4818, 0.0558)):
        effects = effect_sizes(frame, measure, **columns_of(measure))
        assert effects.y[0] == pytest.approx(y, abs=5e-5)
        assert effects.v[0] == pytest.approx(v, abs=5e-5)


def test_sd_after_is_optional_where_the_formula_does_not_need_it() -> None:
    frame = pd.DataFrame(
        {"mean_pre": 5.0, "mean_post": 6.0, "sd_pre": 2.0, "sd_post": [2.0, np.nan], "n": 9, "r": 0.4}
    )
    plain = effect_sizes(frame, "SMCR", **columns_of("SMCR"))
    shown = effect_sizes(frame, "SMCR", sd_post="sd_post", **columns_of("SMCR"))
    np.testing.assert_array_equal(plain.y, shown.y)
    assert shown.excluded == ()
    assert "sd_post" in shown.counts


MEANS2 = {"mean1": [10.0], "sd1": [4.0], "n1": [12], "mean2": [7.0], "sd2": [5.0], "n2": [15]}


def test_revman5_variance_of_a_standardised_difference() -> None:
    """Second computation, term by term: J = 1 - 3/(4N - 9), v = N/(n1 n2) + g^2/(2 (N - 3.94))."""
    effects = effect_sizes(pd.DataFrame(MEANS2), "SMD", variance="revman5", **columns_of("SMD"))
    pooled = math.sqrt((11 * 16.0 + 14 * 25.0) / 25)
    g = (1 - 3 / (4 * 27 - 9)) * 3.0 / pooled
    assert effects.y[0] == pytest.approx(g, rel=1e-14)
    assert effects.v[0] == pytest.approx(27 / (12 * 15) + g * g / (2 * (27 - 3.94)), rel=1e-14)


def test_exact_correction_of_a_standardised_difference() -> None:
    """Second computation: J by the recurrence of the gamma function from df = 2 on, by loops."""
    effects = effect_sizes(pd.DataFrame(MEANS2), "SMD", **columns_of("SMD"))
    j, df = 1.0 / math.sqrt(math.pi), 2  # Gamma(1) / (sqrt(1) Gamma(1/2))
    even = j
    while df < 24:
        # Gamma(x + 1)/Gamma(x + 1/2) from Gamma(x)/Gamma(x - 1/2)
        even *= (df / 2) / (df / 2 - 0.5)
        df += 2
    # 25 is odd: the ratio Gamma(12.5)/Gamma(12) by halves of the even one
    odd = math.exp(float(gammaln(12.5) - gammaln(12.0)))
    assert even * odd == pytest.approx(11.5, rel=1e-12)  # Gamma(12)/Gamma(11.5) Gamma(12.5)/Gamma(12)
    pooled = math.sqrt((11 * 16.0 + 14 * 25.0) / 25)
    assert effects.y[0] == pytest.approx(odd / math.sqrt(12.5) * 3.0 / pooled, rel=1e-13)


@pytest.mark.parametrize("n", [5, 12, 41, 43, 400, 100_000])
@pytest.mark.parametrize("r", [-0.6, 0.15, 0.95])
def test_unbiased_correlation_by_its_integral(r: float, n: int) -> None:
    """Second computation: Euler's integral of 2F1(1/2, 1/2; c; 1 - r^2), t = s^2, on a dense grid.

    2F1 = Gamma(c)/(Gamma(1/2) Gamma(c - 1/2)) int t^(-1/2) (1 - t)^(c - 3/2) (1 - tz)^(-1/2) dt.
    """
    c, z = (n - 2) / 2, 1.0 - r * r
    # s = sin(a): 2 ds cos(a)^(2c - 3) becomes 2 cos(a)^(2c - 2) da, smooth at both ends; for large c all of
    # it lies within 12 / sqrt(c) of 0
    top = min(math.pi / 2, 12.0 / math.sqrt(c))
    a = (np.arange(200_000) + 0.5) * top / 200_000
    inside = 2.0 * np.exp((2 * c - 2) * np.log(np.cos(a))) / np.sqrt(1.0 - z * np.sin(a) ** 2)
    integral = float(np.sum(inside)) * top / 200_000
    factor = math.exp(float(gammaln(c) - gammaln(c - 0.5) - gammaln(0.5)))
    y, v = unbiased_correlation(np.array([r]), np.array([float(n)]), variance="UB")
    assert y[0] == pytest.approx(r * factor * integral, rel=1e-9)
    assert v[0] > 0


# Continuity corrections
# -----------------------------------------------------------------------------------------------------


def test_treatment_arm_correction_by_hand() -> None:
    """Second computation, cell by cell (Sweeting 2004): n_i / (n_1 + n_2) to both cells of arm i."""
    frame = pd.DataFrame({"events1": [0, 3], "n1": [30, 30], "events2": [4, 5], "n2": [70, 70]})
    effects = effect_sizes(frame, "OR", to="treatment_arm", **columns_of("OR"))
    a, b, c, d = 0 + 0.3, 30 + 0.3, 4 + 0.7, 66 + 0.7
    assert effects.y[0] == pytest.approx(math.log(a / b) - math.log(c / d), rel=1e-13)
    assert effects.v[0] == pytest.approx(1 / a + 1 / b + 1 / c + 1 / d, rel=1e-13)
    plain = effect_sizes(frame, "OR", to="none", **columns_of("OR"))
    assert effects.y[1] == plain.y[1]
    risks = effect_sizes(frame, "RR", to="treatment_arm", **columns_of("RR"))
    assert risks.y[0] == pytest.approx(math.log(0.3 / 30.6) - math.log(4.7 / 71.4), rel=1e-13)


def test_treatment_arm_correction_in_arms_of_one_size_is_a_half() -> None:
    frame = pd.DataFrame({"events1": [0], "n1": [40], "events2": [6], "n2": [40]})
    for measure in ("OR", "RR", "RD"):
        one = effect_sizes(frame, measure, to="treatment_arm", **columns_of(measure))
        other = effect_sizes(frame, measure, **columns_of(measure))
        np.testing.assert_allclose(one.y, other.y, rtol=1e-14)
        np.testing.assert_allclose(one.v, other.v, rtol=1e-14)


def test_treatment_arm_correction_of_rates_shares_by_person_time_and_scales_with_add() -> None:
    frame = pd.DataFrame({"events1": [0], "time1": [100.0], "events2": [4], "time2": [300.0]})
    effects = effect_sizes(frame, "IRR", to="treatment_arm", **columns_of("IRR"))
    assert effects.y[0] == pytest.approx(math.log(0.25 / 100) - math.log(4.75 / 300), rel=1e-13)
    halved = effect_sizes(frame, "IRR", to="treatment_arm", add=0.25, **columns_of("IRR"))
    assert halved.v[0] == pytest.approx(1 / 0.125 + 1 / 4.375, rel=1e-13)


def test_treatment_arm_correction_needs_arms_where_events_are_counted() -> None:
    frame = pd.DataFrame({"events": [0], "n": [9]})
    with pytest.raises(EffectError, match="to='treatment_arm' needs two groups, and measure PLO has one"):
        effect_sizes(frame, "PLO", to="treatment_arm", events="events", n="n")
    # no cell can be zero: accepted, and nothing happens
    means_frame = pd.DataFrame(MEANS2)
    corrected = effect_sizes(means_frame, "MD", to="treatment_arm", add=0.5, **columns_of("MD"))
    np.testing.assert_array_equal(corrected.y, effect_sizes(means_frame, "MD", **columns_of("MD")).y)


# Reasons and warnings
# -----------------------------------------------------------------------------------------------------

COUNTED = {"events1": 0, "n1": 10, "events2": 0, "n2": 12}
RATED = {"events1": 0, "time1": 9.0, "events2": 0, "time2": 8.0}
MEANT = {"mean1": 5.0, "sd1": 1.0, "n1": 9, "mean2": 4.0, "sd2": 1.0, "n2": 9}
CHANGED = {"mean_pre": 5.0, "mean_post": 4.0, "sd_pre": 1.0, "sd_post": 1.0, "n": 9, "r": 0.5}


@pytest.mark.parametrize(
    ("measure", "row", "reason"),
    [
        ("PETO", COUNTED, "0 events in both arms"),
        ("PHI", COUNTED, "0 events in both arms"),
        ("PHI", {**COUNTED, "events1": 10, "events2": 12}, "all had events in both arms: no phi coefficient"),
        ("IRR", RATED, "0 events in both arms"),
        ("MD", {**MEANT, "sd1": 0.0, "sd2": 0.0}, "both standard deviations are 0"),
        ("VR", {**MEANT, "sd1": 0.0}, "a standard deviation is 0"),
        ("ROM", {**MEANT, "mean1": -5.0}, "the two means have not the same sign: no ratio"),
        ("CVR", {**MEANT, "mean1": -5.0, "mean2": -4.0}, "a mean is not above 0: no logarithm"),
        ("SMD", {**MEANT, "n1": 1, "n2": 1}, "too few people for its sampling variance"),
        ("MNLN", {"mean": -1.0, "sd": 1.0, "n": 9}, "the mean is not above 0: no logarithm"),
        ("MN", {"mean": -1.0, "sd": 0.0, "n": 9}, "the standard deviation is 0"),
        ("SDLN", {"sd": 2.0, "n": 1}, "too few people for its sampling variance"),
        ("SMCR", {**CHANGED, "sd_pre": 0.0}, "the standard deviation is 0"),
        ("SMCC", {**CHANGED, "r": 1.0}, "r is 1: it has no sampling variance"),
        ("ROMC", {**CHANGED, "mean_pre": -5.0}, "the two means have not the same sign: no ratio"),
        ("COR", {"r": -1.0, "n": 9}, "r is -1: it has no sampling variance"),
        ("ZCOR", {"r": 0.3, "n": 3}, "too few people for its sampling variance"),
        ("UCOR", {"r": 0.3, "n": 4}, "too few people for its sampling variance"),
        ("ZPCOR", {"r": 0.3, "n": 9, "controls": 6}, "too few people for its sampling variance"),
    ],
)
def test_effects_that_do_not_exist_say_why(measure: str, row: dict[str, float], reason: str) -> None:
    effects = effect_sizes(pd.DataFrame([row]), measure, **columns_of(measure))
    assert effects.reasons == (reason,)
    assert not (np.isfinite(effects.y[0]) and effects.v[0] > 0)


def test_an_effect_without_variance_is_shown_and_not_pooled() -> None:
    frame = pd.DataFrame({"events": [0, 3, 5, 4], "n": [9, 10, 11, 12]})
    effects = effect_sizes(frame, "PR", to="none", events="events", n="n")
    assert effects.v[0] == 0.0
    fit = fit_model(effects, ModelSpec())
    assert fit.k == 3
    assert [(e.label, e.reason) for e in fit.excluded] == [("1", "a cell is 0 and nothing was added to it")]


def test_numbers_that_cannot_be_are_refused() -> None:
    for measure, row, text in (
        ("MD", {**MEANT, "sd1": -1.0}, "sd1 is negative"),
        ("COR", {"r": 1.5, "n": 9}, "r must lie between -1 and 1"),
        ("PCOR", {"r": 0.5, "n": 9, "controls": 1.5}, "controls is not a whole number"),
        ("IRD", {**RATED, "events2": 3, "time2": 0.0}, "events2 in no time2"),
    ):
        with pytest.raises(EffectError, match=text):
            effect_sizes(pd.DataFrame([row]), measure, **columns_of(measure))


def test_missing_numbers_are_a_reason() -> None:
    effects = effect_sizes(pd.DataFrame([{**MEANT, "sd2": np.nan}]), "MD", **columns_of("MD"))
    assert effects.excluded[0].reason == "incomplete numbers: sd2 is empty"


def slip(rows: int = 3) -> pd.DataFrame:
    """Studies of which the last gives standard errors as standard deviations."""
    good = {"mean1": 24.0, "sd1": 8.0, "n1": 50, "mean2": 20.0, "sd2": 8.0, "n2": 50}
    bad = {**good, "sd1": 8.0 / math.sqrt(50), "sd2": 8.0 / math.sqrt(50)}
    return pd.DataFrame([good] * (rows - 1) + [bad]).assign(name=[f"Study {i + 1}" for i in range(rows)])


def test_a_standard_error_taken_for_an_sd_is_a_warning_that_names_the_row() -> None:
    for measure in ("SMD", "SMDH"):
        effects = effect_sizes(slip(), measure, label="name", **columns_of(measure))
        assert effects.warnings[:2] == (None, None)
        assert effects.warnings[2] == (
            "Study 3: a standardised mean difference of 3.51 is implausibly large; are the standard "
            "deviations standard errors? Taken as such they would give 0.50"
        )
        fit = fit_model(effects, ModelSpec())
        assert effects.warnings[2] in fit.notes
    change = pd.DataFrame([{**CHANGED, "mean_post": 9.0}])
    warned = effect_sizes(change, "SMCR", **columns_of("SMCR")).warnings[0]
    assert warned == (
        "1: a standardised mean change of 3.61 is implausibly large; are the standard deviations standard "
        "errors? Taken as such they would give 1.20"
    )


def test_only_what_is_beyond_the_limit_is_warned_of() -> None:
    y = [IMPLAUSIBLE, -IMPLAUSIBLE, IMPLAUSIBLE - 1e-9, 0.0]
    frame = pd.DataFrame({"y": y, "se": 0.2})
    effects = effect_sizes(frame, "SMD", y="y", se="se")
    assert [text is not None for text in effects.warnings] == [True, True, False, False]
    assert effects.warnings[0] == "1: a standardised mean difference of 3.00 is implausibly large"
    assert effect_sizes(frame, "MD", y="y", se="se").warnings == (None,) * 4


def test_a_warning_of_a_study_left_out_is_no_note() -> None:
    frame = slip(4)
    frame["x"] = [0.0, 1.0, 2.0, np.nan]
    effects = effect_sizes(frame, "SMD", label="name", **columns_of("SMD"))
    fit = fit_model(effects, ModelSpec(moderators="~ x"))
    assert not any("implausibly" in note for note in fit.notes)


# Ready-made rows, variances, intervals
# -----------------------------------------------------------------------------------------------------

READY = pd.DataFrame(
    {"y": [0.1, 0.2], "v": [0.04, 0.09], "se": [0.2, 0.3], "low": [-0.3, -0.4], "high": [0.5, 0.8]}
)
SIZED = {"PFT", "IRFT"}


@pytest.mark.parametrize("measure", sorted(MEASURES))
def test_ready_made_rows_take_exactly_one_precision(measure: str) -> None:
    if measure in SIZED:
        with pytest.raises(EffectError, match=f"measure {measure} takes the columns .*not used: y, v"):
            effect_sizes(READY, measure, y="y", v="v")
        return
    by_v = effect_sizes(READY, measure, y="y", v="v")
    by_se = effect_sizes(READY, measure, y="y", se="se")
    by_interval = effect_sizes(READY, measure, y="y", low="low", high="high")
    np.testing.assert_allclose(by_v.v, by_se.v, rtol=1e-15)
    assert by_interval.v[0] == pytest.approx((0.8 / 2 / 1.959963984540054) ** 2, rel=1e-12)
    for clash in ({"v": "v", "se": "se"}, {"v": "v", "low": "low", "high": "high"}, {"low": "low"}, {}):
        with pytest.raises(EffectError, match="y with exactly one of v, se, or low and high"):
            effect_sizes(READY, measure, y="y", **clash)  # type: ignore[arg-type]
    with pytest.raises(EffectError, match="ready-made y comes with its own v, se or interval"):
        effect_sizes(READY, measure, y="y", v="v", variance="LS")


def test_sized_measures_are_those_that_need_a_size_to_turn_back() -> None:
    assert {code for code, measure in MEASURES.items() if measure.size} == SIZED


def test_a_variance_that_a_measure_has_not_lists_those_it_has() -> None:
    text = r"variance of measure MD must be one of 'LS', 'UB', 'HO'; got 'AV'"
    with pytest.raises(EffectError, match=text):
        effect_sizes(pd.DataFrame(MEANS2), "MD", variance="AV", **columns_of("MD"))


@pytest.mark.parametrize("measure", sorted(set(MEASURES) - {"GEN"}))
def test_every_measure_is_fitted_and_turned_back(measure: str) -> None:
    events, people, time = (3, 5, 9), (20, 30, 45), (100.0, 200.0, 300.0)
    mean, sd = (5.0, 6.0, 5.5), (1.0, 1.2, 0.9)
    rows = {
        **dict.fromkeys(("events", "events1"), events),
        **dict.fromkeys(("n", "n1"), people),
        **dict.fromkeys(("time", "time1"), time),
        **dict.fromkeys(("mean", "mean1", "mean_pre"), mean),
        **dict.fromkeys(("sd", "sd1", "sd_pre"), sd),
        **{"events2": (5, 9, 12), "n2": (22, 31, 40), "time2": (95.0, 210.0, 290.0)},
        **dict.fromkeys(("mean2", "mean_post"), (4.5, 5.0, 5.2)),
        **dict.fromkeys(("sd2", "sd_post"), (1.1, 1.0, 1.3)),
        **{"r": (0.3, 0.5, 0.4), "controls": (1, 2, 3)},
    }
    effects = effect_sizes(pd.DataFrame(rows), measure, **columns_of(measure))
    assert effects.reasons == (None, None, None)
    fit = fit_model(effects, ModelSpec())
    assert fit.natural is not None
    assert fit.natural.low < fit.natural.value < fit.natural.high
    value, low, high = study_intervals(effects, 0.95)
    assert ((low < value) & (value < high)).all()
    # the pooled value lies among those of the studies, on the natural scale
    assert value.min() - 1e-9 <= fit.natural.value <= value.max() + 1e-9
    assert set(fit.totals) <= {"events", "n", "time", "events1", "n1", "events2", "n2", "time1", "time2"}
