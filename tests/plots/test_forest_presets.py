"""Layouts of the forest plot, point by point: the house's, RevMan's, and what all of them have."""

from __future__ import annotations

import warnings
from dataclasses import replace

import pytest
from figure_data import cohort_groups, cohorts_fit, make_fit
from preset_data import (
    ARMS,
    PIXEL,
    WEIGHTS,
    box,
    drawn,
    numbers_left_of_plot,
    side,
    squares,
    trials,
    uprights,
)
from test_forest_layout import page_of, patches, texts

from meta.errors import LayoutWarning, PlotError
from meta.options import ModelSpec
from meta.plots import theme
from meta.plots.forest import forest_plot
from meta.plots.forest_columns import Descriptor
from meta.plots.layout import Stroke
from meta.plots.presets import PRESETS, find_preset
from meta.results import GroupTest, Natural, Study, Subgroups

# What every layout has ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("preset", "text"),
    [
        ("proportion", "0.49 [0.33, 0.72]"),
        ("rate", "0.49 [0.33, 0.72]"),
        ("revman", "0.49 [0.33 , 0.72]"),
        ("jama", "0.49 (0.33-0.72)"),
        ("bmj", "0.49 (0.33 to 0.72)"),
        ("metafor", "0.49 [0.33, 0.72]"),
        ("compact", "0.49 [0.33, 0.72]"),
    ],
)
def test_intervals_have_the_brackets_and_separators_of_the_preset(preset: str, text: str) -> None:
    assert text in texts(drawn(preset))


@pytest.mark.parametrize(
    ("preset", "study", "estimate"),
    [
        ("proportion", "Study", "Risk ratio [95% CI]"),
        ("revman", "Study or Subgroup", "IV, Random, 95% CI"),
        ("jama", "Source", "Risk ratio (95% CI)"),
        ("bmj", "Study or subgroup", "Risk ratio, IV, random (95% CI)"),
        ("metafor", "Author(s) and Year", "Estimate [95% CI]"),
        ("compact", "Study", "Risk ratio [95% CI]"),
    ],
)
def test_heads_of_study_and_estimate(preset: str, study: str, estimate: str) -> None:
    heads = " ".join(b.text for b in drawn(preset).texts if b.face == "bold")
    assert study in heads
    assert estimate in heads


@pytest.mark.parametrize(
    ("preset", "there"),
    [("proportion", True), ("revman", True), ("jama", False), ("metafor", False), ("compact", False)],
)
def test_counts_stand_in_columns_of_their_own_or_nowhere(preset: str, there: bool) -> None:
    shown = texts(drawn(preset))
    assert ({"123", "139", "5\u202f069"} <= set(shown)) is there


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_a_glmm_has_no_weights_and_says_so(preset: str) -> None:
    shown = texts(drawn(preset, cohorts_fit()))
    assert not any(text.startswith("Weight") for text in shown)
    assert "no weight column" in " ".join(shown)


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_proportions_have_no_null_line_in_any_layout(preset: str) -> None:
    page = drawn(preset, cohorts_fit())
    rule = find_preset(preset).null
    assert rule is not None
    assert uprights(page, rule.color) == []


def test_the_default_is_the_layout_of_proportions() -> None:
    assert drawn(None, cohorts_fit()) == drawn("proportion", cohorts_fit())


def test_an_unknown_preset_is_named_with_the_nearest() -> None:
    with pytest.raises(PlotError, match=r"preset must be one of .*; got 'revmann'; did you mean 'revman'"):
        forest_plot(trials(), preset="revmann")  # type: ignore[arg-type]


# rate, compact -----------------------------------------------------------------------------------------


def test_rates_have_events_and_person_years() -> None:
    rate = Study("A", {"events": 5.0, "time": 420.0}, 0.0119, 0.0039, 0.0278, None, -4.4, 0.2, True, None, ())
    spec = ModelSpec(model="poisson_normal")
    fit = make_fit([rate, replace(rate, label="B")], None, measure="IRLN", spec=spec)
    assert {"Events", "Person-years"} <= set(texts(drawn("rate", fit)))
    assert "Person-time" in texts(drawn("proportion", fit))


def test_compact_has_label_estimate_and_plot_alone() -> None:
    page = drawn("compact", descriptors=[Descriptor("Country", {"A 1990": "Chile"})])
    heads = [b.text for b in page.texts if b.face == "bold" and b.y < box(page, "A 1990").y]
    assert heads == ["Study", "Risk ratio [95% CI]"]
    assert "Chile" not in texts(page)
    assert box(page, "B 1995").y - box(page, "A 1990").y == pytest.approx(3.9)


# revman ------------------------------------------------------------------------------------------------


def test_revman_has_everything_left_of_the_plot() -> None:
    page = drawn("revman")
    for text in ("123", "20.0%", "0.49 [0.33 , 0.72]"):
        assert numbers_left_of_plot(page, text)


def test_revman_names_the_arms_over_their_pairs_without_a_rule() -> None:
    page = drawn("revman")
    arm, events, total = (box(page, text) for text in ("Experimental", "Events", "Total"))
    assert arm.face == "bold"
    assert events.x < arm.anchor < total.x + total.w
    assert arm.y < events.y
    flat = [s for s in page.shapes if isinstance(s, Stroke) and s.y1 == s.y2 and s.y1 < events.y + 1]
    assert flat == []


def test_revman_puts_means_before_spreads_before_totals() -> None:
    counts = {"mean1": 21.4, "sd1": 4.5, "n1": 34.0, "mean2": 20.0, "sd2": 5.0, "n2": 33.0}
    one = Study("A", counts, 1.4, -1.0, 3.8, 50.0, 1.4, 1.5, True, None, ())
    natural = Natural(1.4, -0.3, 3.1, None, None)
    fit = make_fit([one, replace(one, label="B")], natural, measure="MD", spec=ModelSpec())
    page = drawn("revman", fit)
    heads = [b.text for b in sorted(page.texts, key=lambda b: b.x) if b.text in ("Mean", "SD", "Total")]
    assert heads == ["Mean", "SD", "Total"] * 2
    assert len(squares(page, "#00cc00")) == 2


def test_revman_repeats_measure_and_method_over_the_plot() -> None:
    page = drawn("revman")
    measure = [b for b in page.texts if b.text == "Risk ratio"]
    method = [b for b in page.texts if b.text == "IV, Random, 95% CI"]
    assert len(measure) == len(method) == 2
    assert all(b.face == "bold" for b in measure)
    assert measure[1].y < method[1].y or measure[0].y < method[0].y


def test_revman_names_other_models_as_it_does() -> None:
    common = replace(trials(), spec=ModelSpec(model="common"))
    assert "IV, Fixed, 95% CI" in texts(drawn("revman", common))


def test_revman_squares_are_blue_for_events_and_grow_linearly_with_weight() -> None:
    sides = [side(square) for square in squares(drawn("revman"), "#0000cc")]
    assert sides == pytest.approx([(2 + 0.16 * w) * PIXEL for w in WEIGHTS])


def test_revman_draws_intervals_through_squares_and_black_diamonds() -> None:
    page = drawn("revman")
    first = squares(page, "#0000cc")[0]
    at = page.shapes.index(first)
    over = page.shapes[at + 1]
    assert isinstance(over, Stroke)
    assert over.color == "#000000"
    assert over.y1 == over.y2
    (diamond,) = [p for p in patches(page, "#000000") if len(p.points) == 4]
    assert diamond.edge == "#000000"


def test_revman_has_a_solid_black_null_line_of_full_height_and_no_pooled_line() -> None:
    page = drawn("revman")
    (null,) = uprights(page, "#000000")
    assert null.dash == ()
    assert null.x1 == pytest.approx(box(page, "1").anchor)
    assert null.y2 - null.y1 > 20
    assert uprights(page, theme.BLUE) == []


def test_revman_words_of_totals() -> None:
    page = drawn("revman")
    total, people, events = (box(page, text) for text in ("Total (95% CI)", "5\u202f498", "43"))
    assert total.face == people.face == "bold"
    assert people.y == pytest.approx(total.y)
    assert events.face == "regular"
    assert box(page, "Total events:").y == pytest.approx(events.y)
    assert box(page, "Total events:").y > total.y
    assert box(page, "100.0%").face == "bold"
    # a blank row sets the total apart
    assert total.y - box(page, "C 2001").y == pytest.approx(2 * theme.ROW)


def test_revman_lines_of_text_stand_beside_the_axis() -> None:
    page = drawn("revman")
    lines = " ".join(texts(page))
    for words in (
        "Heterogeneity: Tau² = 0.313 [0.144, 0.824] (REML); Chi² = 9.95, df = 6 (P = 0.13); I² = 40%",
        "Test for overall effect (HKSJ): T = −3.95, df = 12 (P = 0.002)",
        "Test for subgroup differences: Not applicable",
    ):
        assert words in lines
    first = next(b for b in page.texts if b.text.startswith("Heterogeneity"))
    assert first.size == theme.TEXT_SIZE
    assert first.y < box(page, "Favours treatment").y
    assert first.x + first.w < box(page, "Favours treatment").x


def test_revman_tests_by_z_where_the_interval_is_a_normal_one() -> None:
    fit = trials()
    assert fit.estimate is not None
    spec = ModelSpec(ci_method="Wald", ci_guard="none")
    wald = replace(fit, spec=spec, estimate=replace(fit.estimate, df=None, statistic=3.29, p=0.001))
    assert "Test for overall effect: Z = 3.29 (P = 0.001)" in texts(drawn("revman", wald))


def test_revman_favours_start_twenty_pixels_from_the_null_line() -> None:
    page = drawn("revman")
    null = box(page, "1").anchor
    left, right = box(page, "Favours treatment"), box(page, "Favours control")
    assert left.x + left.w == pytest.approx(null - 20 * PIXEL)
    assert right.x == pytest.approx(null + 20 * PIXEL)
    assert left.y > box(page, "1").y


def test_revman_subgroups_are_numbered_bold_with_subtotals_and_their_lines() -> None:
    fit = trials()
    parts = (fit.studies[:2], fit.studies[2:])
    early, late = Natural(0.6, 0.3, 1.2, None, None), Natural(1.1, 0.7, 1.7, None, None)
    fits = (
        make_fit(parts[0], early, measure="RR", spec=ModelSpec()),
        make_fit(parts[1], late, measure="RR", spec=ModelSpec(), status="single_study"),
    )
    groups = Subgroups("by", False, ("Early", "Late"), fits, GroupTest(3.1, 1, None, 0.08, "Q", None), ())
    page = drawn("revman", fit, subgroups=groups)
    shown = texts(page)
    assert box(page, "1.1.1 Early").face == "bold"
    assert "1.1.2 Late" in shown
    # the subtotal of a single study is shown, and nothing is said to vary in it
    assert shown.count("Subtotal (95% CI)") == 2
    assert "Heterogeneity: Not applicable" in shown
    assert "Test for subgroup differences: Chi² = 3.10, df = 1 (P = 0.080)" in shown
    assert shown.count("Total events:") == 3


def test_revman_calls_what_has_no_estimate_not_estimable_and_says_why_below() -> None:
    fit = trials()
    lost = Study("D 2003", {}, None, None, None, None, None, None, False, "no events in either arm", ())
    shown = texts(drawn("revman", replace(fit, studies=(*fit.studies, lost))))
    assert "Not estimable" in shown
    assert "Not estimable: D 2003 (no events in either arm)." in shown


# Subgroups in the house's layout, and widths -----------------------------------------------------------


def test_subgroups_have_prediction_intervals_of_their_own_and_few_studies_hatch_them() -> None:
    groups = cohort_groups()
    natural = Natural(0.195, 0.142, 0.269, 0.08, 0.4)
    fits = (groups.fits[0], replace(groups.fits[1], natural=natural), groups.fits[2])
    page = drawn("proportion", cohorts_fit(), subgroups=replace(groups, fits=fits))
    assert "95% prediction interval" in texts(page)
    assert "Hatched bars: prediction from fewer than 5 studies" in " ".join(texts(page))
    assert len([s for s in page.shapes if isinstance(s, Stroke) and s.color == theme.RUST]) > 5


def test_columns_of_lowest_priority_go_first_and_are_named() -> None:
    country, years = (Descriptor(name, dict.fromkeys(ARMS, "unbreakable")) for name in ("Country", "Years"))
    with pytest.warns(LayoutWarning, match="85 mm has no room for 'Country', 'Years'") as said:
        page = page_of(forest_plot(trials(), descriptors=[country, years], width_mm=85.0))
    assert said[0].message.columns[:2] == ("Country", "Years")  # type: ignore[union-attr]
    assert page.width == 85.0
    assert any(text.startswith("Not shown for want of room: Country, Years") for text in texts(page))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        wide = page_of(forest_plot(trials(), descriptors=[country], width_mm=200.0))
    assert "Country" in texts(wide)
