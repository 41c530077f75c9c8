"""Drapery, likelihood, orchard and caterpillar plots: on the page, legible, and true to their numbers."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from test_forest_layout import outside, overlapping, page_of, texts

import meta
from meta.errors import PlotError
from meta.options import DisplayUnit
from meta.plots import theme
from meta.plots.layout import Disc, Page, Patch, Stroke, TextBox
from meta.plots.save import figure_bytes

COHORTS = pd.DataFrame(
    {
        "e": [3, 10, 9, 20, 25, 0, 40],
        "n": [40, 60, 44, 70, 161, 30, 90],
        "kind": ["register", "register", "trial", "trial", "a name of a group that goes on", None, "trial"],
    }
)
UNIT = DisplayUnit(100.0, "Per 100", "Resistant, per 100 people")
SPEC = meta.ModelSpec(model="binomial_normal")


def cohorts() -> meta.EffectSizes:
    return meta.effect_sizes(COHORTS, measure="PLO", events="e", n="n")


def many(k: int, measure: str = "SMD") -> meta.EffectSizes:
    rng = np.random.default_rng(k)
    v = rng.gamma(2.0, 0.03, k) + 0.004
    y = rng.normal(0.3, np.sqrt(v + 0.1))
    y[0] = 4.0
    columns = {"kind": [f"Kind {'abc'[i % 3]}" for i in range(k)]}
    labels = [f"Study {i}" for i in range(k)]
    return meta.EffectSizes.from_arrays(y, v, measure=measure, labels=labels, columns=columns)


def discs(page: Page) -> list[Disc]:
    return [shape for shape in page.shapes if isinstance(shape, Disc)]


def lines(page: Page) -> list[Patch]:
    return [shape for shape in page.shapes if isinstance(shape, Patch) and shape.fill is None]


def check(page: Page) -> None:
    assert overlapping(page) == []
    assert outside(page) == []
    assert page.title
    assert page.description


@pytest.mark.parametrize(("measure", "k"), [("SMD", 3), ("RR", 3), ("RR", 40), ("SMD", 500)])
def test_figures_of_few_and_many_studies_stay_on_the_page(measure: str, k: int) -> None:
    effects = many(k, measure)
    fit = meta.fit_model(effects)
    for figure in (
        meta.drapery_plot(meta.trace_p_values(effects), title="Title"),
        meta.likelihood_plot(meta.trace_likelihood(effects), title="Title"),
        meta.likelihood_plot(meta.trace_likelihood(effects, parameter="mean")),
        meta.orchard_plot(fit, title="A title that goes on " * 10),
        meta.orchard_plot(fit, meta.fit_subgroups(effects, by="kind"), overall=False),
        meta.caterpillar_plot(fit, title="Title"),
    ):
        check(page_of(figure))


def test_a_drapery_plot_peaks_at_its_estimates() -> None:
    curves = meta.trace_p_values(cohorts(), SPEC)
    page = page_of(meta.drapery_plot(curves, unit=UNIT))
    check(page)
    (pooled,) = [line for line in lines(page) if line.edge == theme.BLUE]
    (new,) = [line for line in lines(page) if line.edge == theme.RUST]
    studies = [line for line in lines(page) if line.edge == theme.GREY]
    assert len(studies) == 7
    top = min(y for _, y in pooled.points)
    for line in (*studies, new):
        assert min(y for _, y in line.points) == pytest.approx(top, abs=1e-3)
    fit = meta.fit_model(cohorts(), SPEC)
    assert fit.natural is not None
    value, low, high = (f"{100.0 * x:.1f}" for x in (fit.natural.value, fit.natural.low, fit.natural.high))
    assert f"is highest at {value} and above 0.05 from {low} to {high}." in page.description
    assert "new setting (prediction)" in texts(page)


def test_a_likelihood_plot_marks_peak_cut_and_interval() -> None:
    trace = meta.trace_likelihood(cohorts(), SPEC)
    page = page_of(meta.likelihood_plot(trace))
    check(page)
    assert trace.low is not None
    assert trace.high is not None
    (curve,) = [line for line in lines(page) if line.edge == theme.BLUE]
    across, *down = [line for line in lines(page) if line.edge == theme.GREY]
    peak = discs(page)[0]
    assert (peak.x, peak.y) == pytest.approx(min(curve.points, key=lambda p: p[1]), abs=1e-6)
    (band,) = [s for s in page.shapes if isinstance(s, Patch) and s.fill == theme.WASH and len(s.points) > 4]
    scale = (peak.x - down[0].points[0][0]) / (trace.peak - trace.low)
    assert (down[1].points[0][0] - peak.x) / scale == pytest.approx(trace.high - trace.peak, rel=1e-6)
    assert {p[0] for p in band.points} >= {down[0].points[0][0], down[1].points[0][0]}
    # the curve meets the cut at both ends of the interval
    for line in down:
        nearest = min(curve.points, key=lambda p: abs(p[0] - line.points[0][0]))
        assert nearest[1] == pytest.approx(across.points[0][1], abs=1e-3)
    assert any(text.startswith("τ² by maximum likelihood: ") for text in texts(page))


def test_every_maximum_is_drawn_and_told() -> None:
    effects = meta.EffectSizes.from_arrays([0.0, 0.1, 3.0, 3.1, -3.0, -2.9], [1e-3, 1e-3, 2.0, 2.0, 2.0, 2.0])
    page = page_of(meta.likelihood_plot(meta.trace_likelihood(effects, meta.ModelSpec(tau2_method="ML"))))
    check(page)
    assert [d.fill for d in discs(page)] == [theme.BLUE, theme.PAPER, theme.BLUE, theme.PAPER]
    assert "another maximum" in texts(page)
    assert "Further maxima: 1." in page.description
    assert any("a further maximum, at 2.8" in text for text in texts(page))


def test_another_estimator_is_dotted_beside_the_maximum() -> None:
    page = page_of(meta.likelihood_plot(meta.trace_likelihood(many(12), meta.ModelSpec(tau2_method="DL"))))
    assert "estimate of this analysis (DL)" in texts(page)
    assert len([s for s in page.shapes if isinstance(s, Stroke) and s.color == theme.BLUE and s.dash]) == 2


def test_an_orchard_plot_shows_each_effect_and_the_intervals_of_each_group() -> None:
    effects = cohorts()
    fit, groups = meta.fit_model(effects, SPEC), meta.fit_subgroups(effects, SPEC, by="kind")
    page = page_of(meta.orchard_plot(fit, groups, unit=UNIT, title="Title"))
    check(page)
    shown = texts(page)
    assert [t for t in shown if t.startswith("k = ")] == ["k = 1", "k = 2", "k = 3", "k = 7"]
    see_through = [d for d in discs(page) if d.opacity < 1.0]
    # six effects in groups, seven in all
    assert len(see_through) == 13
    assert "In no group: 6." in shown
    assert any(t.startswith("Between subgroups: χ²") for t in shown)
    assert any(t.startswith("Circles: area by precision, 1 / standard error, ") for t in shown)
    assert fit.natural is not None
    thick = [s for s in page.shapes if isinstance(s, Stroke) and s.color == theme.INK and s.width == 3.2]
    # four rows and the key
    assert len(thick) == 5
    scale = (thick[3].x2 - thick[3].x1) / (fit.natural.high - fit.natural.low)
    thin = [s for s in page.shapes if isinstance(s, Stroke) and s.color == theme.RUST]
    low, high = fit.natural.prediction_low, fit.natural.prediction_high
    assert low is not None
    assert high is not None
    assert (thin[-2].x2 - thin[-2].x1) / scale == pytest.approx(high - low, rel=1e-6)
    assert b"opacity: 0.45" in figure_bytes(meta.orchard_plot(fit), "svg")


def test_circles_grow_with_precision() -> None:
    effects = many(12)
    page = page_of(meta.orchard_plot(meta.fit_model(effects)))
    drawn = [d for d in discs(page) if d.opacity < 1.0]
    assert len(drawn) + (1 if any("Beyond the axis" in t for t in texts(page)) else 0) == 12
    radii = sorted(d.radius for d in drawn)
    errors = np.sort(np.sqrt(effects.v))
    assert radii[-1] ** 2 / radii[-2] ** 2 == pytest.approx(errors[1] / errors[0], rel=1e-6)


def _box(page: Page, text: str) -> TextBox:
    return next(box for box in page.texts if box.text == text)


@pytest.mark.parametrize(("k", "named"), [(12, True), (60, True), (61, False), (500, False)])
def test_a_caterpillar_is_sorted_and_names_who_lies_outside(k: int, named: bool) -> None:
    effects = many(k)
    fit = meta.fit_model(effects)
    page = page_of(meta.caterpillar_plot(fit))
    check(page)
    points = discs(page)
    held = [d for d in points if d.fill in (theme.BLUE, theme.RUST)]
    assert all(a.x <= b.x + 1e-9 and a.y < b.y for a, b in pairwise(held))
    assert ("Study 1" in texts(page)) == named
    assert any(t.startswith("Red: wholly outside the prediction interval, ") for t in texts(page))
    (note,) = [t for t in texts(page) if t.startswith("Red: ")]
    assert "Study 0" in note or "Study 0" in page.texts[page.texts.index(_box(page, note)) + 1].text
    assert fit.natural is not None
    low, high = fit.natural.prediction_low, fit.natural.prediction_high
    assert low is not None
    assert high is not None
    outer = [s for s in fit.studies if (s.high or 0.0) < low or (s.low or 0.0) > high]
    assert [s.color for s in page.shapes if isinstance(s, Stroke)].count(theme.RUST) == len(outer)
    assert page.height < 250.0
    rows = np.diff([d.y for d in held])
    assert rows == pytest.approx(rows[0], abs=1e-6)


@pytest.mark.parametrize("choices", [{"model": "common"}, {"model": "bayes"}, {"model": "uwls"}])
def test_other_models_are_drawn_with_what_they_have(choices: dict[str, Any]) -> None:
    fit = meta.fit_model(many(9, "RR"), meta.ModelSpec(**choices))
    check(page_of(meta.orchard_plot(fit)))
    check(page_of(meta.caterpillar_plot(fit)))


def test_fits_without_a_pooled_value_show_their_studies() -> None:
    fit = meta.fit_model(many(9), meta.ModelSpec(moderators="~ kind"))
    page = page_of(meta.orchard_plot(fit))
    check(page)
    assert "none: the model has moderators" in texts(page)
    check(page_of(meta.caterpillar_plot(fit)))


def test_hostile_names_stay_inert() -> None:
    labels = ["<script>alert(1)</script>", "$\\frac{1}{2}$", "x" * 5000, "\u202etxt.exe", "]]>"]
    effects = meta.EffectSizes.from_arrays(
        [0.1, 0.2, 0.5, 0.3, 9.0], [0.1, 0.2, 0.1, 0.3, 0.01], labels=labels, columns={"kind": labels}
    )
    fit = meta.fit_model(effects)
    for figure in (
        meta.caterpillar_plot(fit),
        meta.orchard_plot(fit, meta.fit_subgroups(effects, by="kind")),
        meta.baujat_plot(meta.find_contributions(effects)),
        meta.radial_plot(meta.find_radial(fit)),
    ):
        check(page_of(figure))
        svg = figure_bytes(figure, "svg").decode("utf-8")
        assert "<script>" not in svg
        assert "\u202e" not in svg
        assert figure_bytes(figure, "svg") == figure_bytes(figure, "svg")


def test_what_cannot_be_drawn_is_said() -> None:
    fit = meta.fit_model(cohorts(), SPEC)
    other = meta.fit_subgroups(many(9), by="kind")
    with pytest.raises(PlotError, match="the subgroups are SMD, the fit is PLO"):
        meta.orchard_plot(fit, other)
    turned = meta.effect_sizes(COHORTS, measure="PFT", events="e", n="n")
    trace = meta.trace_likelihood(turned, parameter="mean")
    with pytest.raises(PlotError, match="means of PFT turn back by n"):
        meta.likelihood_plot(trace)
    assert math.isfinite(trace.peak)
