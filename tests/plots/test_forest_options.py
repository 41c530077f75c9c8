"""Order, axis, band, further models, risk of bias and pages of forest plots."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import pytest
from figure_data import COHORTS, cohort_groups, cohorts_fit, count_study, make_fit, ratio_study
from test_forest_layout import UNIT, outside, overlapping, page_of, patches, texts

from meta.appraisal import TOOLS, Appraisal
from meta.errors import PlotError
from meta.options import ModelSpec
from meta.plots import theme
from meta.plots.forest import forest_pages, forest_plot
from meta.plots.forest_columns import Descriptor
from meta.plots.layout import Disc, Page, Stroke
from meta.plots.presets import PRESETS
from meta.results import Fit, Natural, Study

NAMES = [cohort[0] for cohort in COHORTS]


def order(page: Page) -> list[str]:
    """Names of studies from the top downwards."""
    return [b.text for b in sorted(page.texts, key=lambda b: b.y) if b.text in NAMES]


def ratios() -> Fit:
    listed = [
        ratio_study("Alpha 2001", 0.9, 0.2, 20.0, (1, 9, 2, 9)),
        ratio_study("beta 1990", -0.4, 0.2, 50.0, (1, 9, 2, 9)),
        ratio_study("Gamma", 0.1, 0.2, 30.0, (1, 9, 2, 9)),
    ]
    return make_fit(listed, Natural(1.2, 0.8, 1.9, 0.5, 2.9), measure="RR", spec=ModelSpec())


def rows(page: Page, names: list[str]) -> list[str]:
    return [b.text for b in sorted(page.texts, key=lambda b: b.y) if b.text in names]


# Order -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        (None, ["Alpha 2001", "beta 1990", "Gamma"]),
        ("label", ["Alpha 2001", "beta 1990", "Gamma"]),
        ("estimate", ["beta 1990", "Gamma", "Alpha 2001"]),
        ("weight", ["beta 1990", "Gamma", "Alpha 2001"]),
        ("year", ["beta 1990", "Alpha 2001", "Gamma"]),
        ("Dose", ["Gamma", "beta 1990", "Alpha 2001"]),
        ({"Gamma": 1.0, "beta 1990": 2.0}, ["Gamma", "beta 1990", "Alpha 2001"]),
        ({"Gamma": "b", "beta 1990": "a", "Alpha 2001": 3.0}, ["Alpha 2001", "beta 1990", "Gamma"]),
    ],
)
def test_studies_stand_in_the_order_asked_for(
    sort: str | Mapping[str, str | float | None] | None, expected: list[str]
) -> None:
    dose = Descriptor("Dose", {"Gamma": "\u22125", "beta 1990": "1\u202f200", "Alpha 2001": "high"})
    page = page_of(forest_plot(ratios(), sort=sort, descriptors=[dose]))
    assert rows(page, expected) == expected


def test_order_holds_inside_subgroups_and_unused_studies_go_last() -> None:
    page = page_of(forest_plot(cohorts_fit(), subgroups=cohort_groups(), sort="estimate"))
    assert order(page)[:6] == [
        *("Thien 2018", "Chan SKW 2021", "Agid 2011", "Moreno-Sancho 2022", "Demjaha 2017", "Lally 2016")
    ]
    lost = Study("Lost 1901", {}, None, None, None, None, None, None, False, "no events", ())
    fit = ratios()
    page = page_of(forest_plot(replace(fit, studies=(lost, *fit.studies)), sort="estimate"))
    assert rows(page, ["Lost 1901", "Alpha 2001"]) == ["Alpha 2001", "Lost 1901"]


def test_counts_give_an_order_and_an_unknown_one_is_named() -> None:
    by_size = order(page_of(forest_plot(cohorts_fit(), sort="n")))
    assert by_size == [c[0] for c in sorted(COHORTS, key=lambda c: c[4])]
    with pytest.raises(PlotError, match=r"sort names no order: 'wieght'; did you mean 'weight'\?"):
        forest_plot(cohorts_fit(), sort="wieght")


# Axis --------------------------------------------------------------------------------------------------


def tick(page: Page, text: str) -> float:
    bottom = max(b.y for b in page.texts if b.text == text and b.align == "center")
    return next(b.anchor for b in page.texts if b.text == text and b.y == bottom)


def test_a_logit_axis_has_even_steps_of_log_odds() -> None:
    page = page_of(forest_plot(cohorts_fit(), unit=UNIT, axis="logit"))
    ticks = ("5", "10", "20", "50")
    odds = [math.log(float(t) / (100 - float(t))) for t in ticks]
    places = [tick(page, t) for t in ticks]
    steps = [
        (b - a) / (y - x)
        for a, b, x, y in zip(places, places[1:], odds, odds[1:], strict=False)
    ]
    assert steps == pytest.approx([steps[0]] * 3)
    squares = patches(page, theme.BLUE)[:12]
    wimberley = sum(x for x, _ in squares[9].points) / 4
    share = 2309 / 13349
    assert wimberley == pytest.approx(places[0] + steps[0] * (math.log(share / (1 - share)) - odds[0]))


def test_a_log_axis_of_shares_ends_at_all_of_them() -> None:
    studies = [count_study("A", 98, 100), count_study("B", 40, 50), count_study("C", 30, 60)]
    page = page_of(forest_plot(make_fit(studies, Natural(0.8, 0.5, 0.99, None, None)), unit=UNIT, axis="log"))
    shown = [b.text for b in page.texts if b.align == "center" and b.text.isdigit()]
    assert shown
    assert max(map(int, shown)) <= 100


def test_a_ratio_on_its_natural_axis_starts_at_zero() -> None:
    page = page_of(forest_plot(ratios(), axis="natural"))
    assert tick(page, "2") - tick(page, "1") == pytest.approx(tick(page, "1") - tick(page, "0"))


def test_a_study_without_events_is_an_arrow_on_a_log_axis_and_keeps_its_numbers() -> None:
    studies = [count_study("A", 0, 30), count_study("B", 4, 50), count_study("C", 9, 60)]
    for axis in ("log", "logit"):
        page = page_of(
            forest_plot(make_fit(studies, Natural(0.1, 0.05, 0.2, None, None)), unit=UNIT, axis=axis)
        )
        heads = [p for p in patches(page, theme.INK) if len(p.points) == 3]
        assert len(heads) == 1
        assert "0.0 [0.0, 11.6]" in texts(page)


@pytest.mark.parametrize(
    ("measure", "axis", "message"),
    [
        ("RR", "logit", "axis of a risk ratio must be one of natural, log; got 'logit'"),
        ("MD", "log", "axis of a mean difference must be one of natural; got 'log'"),
        ("PLO", "linear", "axis of a proportion must be one of natural, log, logit; got 'linear'"),
    ],
)
def test_an_axis_that_a_measure_cannot_have_is_refused(measure: str, axis: str, message: str) -> None:
    fit = make_fit([count_study("A", 1, 9), count_study("B", 2, 9)], None, measure=measure, spec=ModelSpec())
    with pytest.raises(PlotError) as error:
        forest_plot(fit, axis=axis)  # type: ignore[arg-type]
    assert str(error.value) == message


# Band, models ------------------------------------------------------------------------------------------


def test_a_band_stands_behind_the_marks_and_is_explained() -> None:
    page = page_of(forest_plot(ratios(), band=(0.8, 1.25)))
    (band,) = patches(page, theme.WASH)
    places = sorted({x for x, _ in band.points})
    one = tick(page, "1") if "1" in texts(page) else tick(page, "1.0")
    # on a logarithmic axis 0.8 and 1.25 are as far from 1
    assert one - places[0] == pytest.approx(places[1] - one)
    assert page.shapes.index(band) == 0
    assert "Band: 0.8 to 1.25, declared too small to matter in practice." in texts(page)


@pytest.mark.parametrize(
    ("band", "message"),
    [
        ((1.2, 0.8), "band must be two numbers, the lower first; got 1.2, 0.8"),
        ((0.0, 0.8), "band must be above 0 on a logarithmic axis; got 0, 0.8"),
        ((math.nan, 0.8), "band must be two numbers, the lower first; got nan, 0.8"),
    ],
)
def test_a_band_that_is_none_is_refused(band: tuple[float, float], message: str) -> None:
    with pytest.raises(PlotError) as error:
        forest_plot(ratios(), band=band)
    assert str(error.value) == message


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_further_models_stand_below_the_main_one_in_every_layout(preset: str) -> None:
    main = ratios()
    other = replace(main, natural=Natural(1.5, 1.1, 2.1, None, None), spec=ModelSpec(model="common"))
    page = page_of(forest_plot(main, preset=preset, models={"Common effect": other}))
    label = next(b for b in page.texts if b.text == "Common effect (k = 3)")
    assert label.y > max(b.y for b in page.texts if b.text in ("Gamma", "beta 1990"))
    assert any(text.startswith("1.50") for text in texts(page))
    assert any("Common effect: Common effect by inverse variance." in text for text in texts(page))
    assert overlapping(page) == []


def test_a_model_of_another_measure_is_refused() -> None:
    with pytest.raises(PlotError, match="models must share the measure of the fit, RR; 'other' is PLO"):
        forest_plot(ratios(), models={"other": cohorts_fit()})


@pytest.mark.parametrize("width", [30.0, math.inf, math.nan])
def test_a_width_that_no_figure_has_is_refused(width: float) -> None:
    with pytest.raises(PlotError, match="width_mm must be at least 60; got"):
        forest_plot(ratios(), width_mm=width)


# Risk of bias ------------------------------------------------------------------------------------------


def judged() -> Appraisal:
    return Appraisal(
        TOOLS["ROBINS-I"],
        {
            "Alpha 2001": ("Low", "Moderate", "Serious", "Critical", "No information", "", "Low"),
            "beta 1990": ("low",) * 7,
        },
        {"Alpha 2001": "Critical", "beta 1990": "Low"},
        {},
        "Judged by two people of this review",
    )


def test_judgements_are_discs_with_glyph_and_colour() -> None:
    page = page_of(forest_plot(ratios(), appraisal=judged()))
    assert overlapping(page) == []
    assert outside(page) == []
    discs = [s for s in page.shapes if isinstance(s, Disc)]
    # seven domains and the whole for three studies, and a legend of five answers and "not judged"
    assert len(discs) == 3 * 8 + 6
    first = [(d.fill, glyph_on(page, d)) for d in discs if abs(d.y - discs[0].y) < 1e-9]
    assert first == [
        ("#02c100", "+"),
        ("#e2df07", "–"),
        ("#bf0000", "×"),
        ("#820000", "!"),
        ("#4ea1f7", "?"),
        (theme.PAPER, ""),
        ("#02c100", "+"),
        ("#820000", "!"),
    ]


def glyph_on(page: Page, disc: Disc) -> str:
    found = [b.text for b in page.texts if abs(b.anchor - disc.x) < 0.01 and b.y < disc.y < b.y + b.h]
    return found[0] if found else ""


def test_judgements_are_explained_in_words_and_spoken() -> None:
    page = page_of(forest_plot(ratios(), appraisal=judged()))
    words = " ".join(texts(page))
    legend = {"Low", "Moderate", "Serious", "Critical", "No information", "not judged"}
    assert {"D1", "D7", "All", *legend} <= set(texts(page))
    assert "Risk of bias by ROBINS-I: D1 Confounding; D2 Selection of participants;" in words
    assert "All the study as a whole. Judged by two people of this review." in words
    assert "Alpha 2001: D1 Low, D2 Moderate" in page.description
    assert "Gamma: D1 not judged" in page.description


@pytest.mark.parametrize("preset", ["bmj", "metafor"])
def test_discs_push_weight_and_estimate_to_the_left_of_the_plot(preset: str) -> None:
    page = page_of(forest_plot(ratios(), preset=preset, appraisal=judged()))
    estimate = next(b for b in page.texts if b.text.startswith("1.20 "))
    disc = next(s for s in page.shapes if isinstance(s, Disc))
    assert estimate.x < tick(page, "1") < disc.x


# Pages -------------------------------------------------------------------------------------------------


def many(k: int) -> Fit:
    studies = [count_study(f"Study {i:02d}", 10 + i, 200 + 9 * i) for i in range(k)]
    return make_fit(studies, Natural(0.171, 0.127, 0.226, 0.055, 0.420))


def axis_ticks(page: Page) -> list[tuple[str, float]]:
    return [(b.text, b.anchor) for b in page.texts if b.align == "center" and b.text.isdigit()]


def test_eighty_studies_take_three_pages_of_at_most_forty_rows() -> None:
    pages = [page_of(f) for f in forest_pages(many(80), unit=UNIT, title="Title", provenance="sheet.csv")]
    names = [[t for t in texts(page) if t.startswith("Study ") and t[6:].isdigit()] for page in pages]
    assert [len(found) for found in names] == [40, 40, 0]
    assert [name for found in names for name in found] == [f"Study {i:02d}" for i in range(80)]
    for place, page in enumerate(pages):
        assert {"Study", "Events", "People", "sheet.csv"} <= set(texts(page))
        assert ("Title (continued)" in texts(page)) is (place > 0)
        assert axis_ticks(page) == axis_ticks(pages[0])
        assert page.width == pages[0].width
        assert overlapping(page) == []
        assert outside(page) == []
        assert page.description.startswith(f"Page {place + 1} of 3.")
    # notes and totals on the last page; the dotted line runs down to the axis before it, and ends there
    assert [any("Clopper" in t for t in texts(page)) for page in pages] == [False, False, True]
    dotted = [[s for s in p.shapes if isinstance(s, Stroke) and s.dash] for p in pages]
    assert [len(found) for found in dotted] == [1, 1, 1]


def test_a_block_that_goes_on_repeats_its_header() -> None:
    pages = [page_of(f) for f in forest_pages(cohorts_fit(), subgroups=cohort_groups(), rows=5)]
    shown = [texts(page) for page in pages]
    assert "Failed trials or clinical criteria (continued)" in shown[1]
    for found, page in zip(shown, pages, strict=True):
        mine = [b for b in page.texts if b.size == theme.TEXT_SIZE and b.x < 30 and b.text != "Study"]
        assert len([b for b in mine if b.align == "left"]) <= 5
        assert overlapping(page) == []
        assert found
    counted = [name for page in pages for name in order(page)]
    assert sorted(counted) == sorted(NAMES)


def test_short_plots_are_one_page_like_the_single_figure() -> None:
    (only,) = forest_pages(cohorts_fit(), unit=UNIT, title="Title")
    assert page_of(only) == page_of(forest_plot(cohorts_fit(), unit=UNIT, title="Title"))
    (empty,) = forest_pages(None, reason="no rows")
    assert texts(page_of(empty)) == ["Not estimable: no rows."]


def test_pages_hold_at_least_five_rows() -> None:
    with pytest.raises(PlotError, match="rows must be at least 5; got 4"):
        forest_pages(cohorts_fit(), rows=4)
