"""Layouts of the forest plot, point by point: JAMA, BMJ and metafor."""

from __future__ import annotations

from dataclasses import replace

import pytest
from figure_data import cohorts_fit, make_fit
from preset_data import box, drawn, numbers_left_of_plot, side, squares, trials, uprights
from test_forest_layout import patches, texts

from meta.options import ModelSpec
from meta.plots import theme
from meta.plots.forest_columns import Descriptor
from meta.plots.layout import Stroke
from meta.results import Natural, Study

# jama --------------------------------------------------------------------------------------------------


def test_jama_has_source_and_one_cell_and_nothing_right_of_the_plot() -> None:
    page = drawn("jama", descriptors=[Descriptor("Country", {"A 1990": "Chile"})])
    assert "Chile" not in texts(page)
    assert not any("Weight" in text or text == "20.0%" for text in texts(page))
    assert numbers_left_of_plot(page, "0.49 (0.33-0.72)")


def test_jama_has_a_hairline_between_rows() -> None:
    page = drawn("jama")
    hair = [s for s in page.shapes if isinstance(s, Stroke) and s.y1 == s.y2 and s.width == 0.4]
    # between three studies, the pooled value and the prediction interval
    assert len(hair) == 4
    assert all(s.x2 - s.x1 > 150 for s in hair)


def test_jama_colours_and_lines() -> None:
    page = drawn("jama")
    assert len(squares(page, "#1b365d")) == 3
    assert len(patches(page, "#9cc2e5")) == 1
    (null,) = uprights(page, theme.INK)
    assert null.dash == ()
    assert uprights(page, theme.BLUE) == []


def test_jama_has_favours_on_top_in_bold_and_the_measure_below() -> None:
    page = drawn("jama")
    for words in ("Favors treatment", "Favors control"):
        assert box(page, words).face == "bold"
        assert box(page, words).y < box(page, "A 1990").y
    assert max(b.y for b in page.texts if b.text == "Risk ratio (95% CI)") > box(page, "1").y


def test_jama_lines_have_no_tau2_and_no_leading_zero() -> None:
    shown = texts(drawn("jama"))
    assert "Heterogeneity: χ²₆ = 9.95 (P = .13), I² = 40%" in shown
    assert "Test for overall effect: t = −3.95, df = 12 (P = .002)" in shown
    assert not any("subgroup differences" in text for text in shown)


def test_jama_shows_the_unit_of_what_it_does_not_compare() -> None:
    assert "Per 100 (95% CI)" in texts(drawn("jama", cohorts_fit()))


# bmj ---------------------------------------------------------------------------------------------------


def test_bmj_merges_the_counts_of_an_arm() -> None:
    page = drawn("bmj")
    assert {"4 / 123", "11 / 139", "43 / 5\u202f498"} <= set(texts(page))
    assert " ".join(texts(page)).count("No of events /") == 2


def test_bmj_merges_means_spreads_and_totals() -> None:
    counts = {"mean1": 21.4, "sd1": 4.5, "n1": 34.0, "mean2": 20.0, "sd2": 5.0, "n2": 33.0}
    one = Study("A", counts, 1.4, -1.0, 3.8, 50.0, 1.4, 1.5, True, None, ())
    natural = Natural(1.4, -0.3, 3.1, None, None)
    fit = make_fit([one, replace(one, label="B")], natural, measure="MD", spec=ModelSpec())
    # a column whose cells are all whole numbers has no decimals
    assert {"21.4 (4.5) / 34", "20 (5) / 33"} <= set(texts(drawn("bmj", fit)))


def test_bmj_has_weight_without_a_sign_and_estimate_right_of_the_plot() -> None:
    page = drawn("bmj")
    one = box(page, "1")
    assert one.x < box(page, "20.0").x < box(page, "0.49 (0.33 to 0.72)").x
    assert "100.0" in texts(page)
    assert "20.0%" not in texts(page)
    assert "Weight (%)" in " ".join(texts(page))


def test_bmj_colours() -> None:
    page = drawn("bmj")
    found = squares(page, "#6b58a6")
    assert len(found) == 3
    assert {(p.edge, p.width) for p in found} == {(theme.PAPER, 0.5)}
    (diamond,) = [p for p in patches(page, "#6b58a6") if p not in found]
    assert diamond.edge == theme.PAPER
    assert len(uprights(page, "#a7a9ac")) == 1
    lines = [s for s in page.shapes if isinstance(s, Stroke) and s.y1 == s.y2 and s.color == "#a7a9ac"]
    assert len(lines) >= 3


def test_bmj_favours_are_bold_below() -> None:
    page = drawn("bmj")
    assert box(page, "Favours treatment").face == "bold"
    assert box(page, "Favours treatment").y > box(page, "1").y


def test_bmj_lines_have_no_spaces_around_signs() -> None:
    shown = " ".join(texts(drawn("bmj")))
    assert "Test for heterogeneity: τ²=0.313; χ²=9.95, df=6, P=0.13; I²=40%" in shown
    assert "Test for overall effect: T=−3.95, df=12, P=0.002" in shown


def test_bmj_columns_stand_five_millimetres_apart_where_there_is_room() -> None:
    page = drawn("bmj", width_mm=260.0)
    weight, estimate = box(page, "20.0"), box(page, "Risk ratio, IV, random (95% CI)")
    assert estimate.x - (weight.x + weight.w) == pytest.approx(5.0, abs=0.3)


# metafor -----------------------------------------------------------------------------------------------


def test_metafor_has_its_numbers_right_of_the_plot_and_descriptors_left() -> None:
    page = drawn("metafor", descriptors=[Descriptor("Country", {"A 1990": "Chile"})])
    assert box(page, "Chile").x < box(page, "1").x < box(page, "0.49 [0.33, 0.72]").x
    assert "20.0%" not in texts(page)


def test_metafor_pools_in_a_black_polygon_that_tells_of_heterogeneity() -> None:
    page = drawn("metafor")
    assert "RE Model (Q = 9.95, df = 6, p = .13; I² = 39.7%, τ² = 0.313)" in " ".join(
        b.text for b in page.texts if b.face == "bold"
    )
    assert len([p for p in patches(page, "#000000") if p not in squares(page, "#000000")]) == 1
    common = replace(trials(), spec=ModelSpec(model="common"))
    assert any(text.startswith("EE Model") for text in texts(drawn("metafor", common)))


def test_metafor_bounds_small_p_values_at_one_percent() -> None:
    fit = trials()
    assert fit.heterogeneity is not None
    small = replace(fit, heterogeneity=replace(fit.heterogeneity, p=1e-9))
    assert any("p < .01" in text for text in texts(drawn("metafor", small)))


def test_metafor_predicts_with_a_dotted_line_and_has_a_dotted_null() -> None:
    page = drawn("metafor")
    assert "Prediction Interval [95% PI]" in texts(page)
    (null,) = uprights(page, "#000000")
    assert null.dash
    dotted = [s for s in page.shapes if isinstance(s, Stroke) and s.y1 == s.y2 and s.dash]
    assert len(dotted) == 1


def test_metafor_areas_follow_weights_between_limits() -> None:
    sides = [side(square) for square in squares(drawn("metafor"), "#000000")]
    assert sides[2] == pytest.approx(3.3)
    assert (sides[0] / sides[2]) ** 2 == pytest.approx(0.4)
    assert min(sides) >= 1.1
