"""The predictive distribution against a threshold: on the page, and true to its numbers."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import pytest
from test_curve_figures import SPEC, UNIT, check, cohorts, many
from test_forest_layout import page_of, texts

import meta
from meta.errors import PlotError
from meta.plots import theme
from meta.plots.layout import Page, Patch
from meta.plots.panel import Threshold


def draw(curve: meta.PredictiveCurve, **choices: Any) -> Page:
    page = page_of(meta.prediction_plot(curve, **choices))
    check(page)
    return page


def area(page: Page, color: str) -> list[Patch]:
    return [shape for shape in page.shapes if isinstance(shape, Patch) and shape.fill == color]


@pytest.mark.parametrize("width", [85.0, 120.0, 170.0])
@pytest.mark.parametrize("beyond", ["above", "below"])
def test_probability_share_and_interval_are_said(width: float, beyond: str) -> None:
    curve = meta.trace_prediction(cohorts(), SPEC, threshold=0.2, beyond=beyond)  # type: ignore[arg-type]
    mark = Threshold(20.0, "declared as high", "Protocol 2020")
    page = draw(curve, unit=UNIT, threshold=mark, title="A title", width_mm=width)
    said = " ".join(texts(page))
    chance, share = ("41%", "40% (95% CI <\u00a00.1% to 82%)")
    if beyond == "below":
        chance, share = "59%", "60% (95% CI 18% to >\u00a099.9%)"
    assert f"lies {beyond} 20 per 100 with a probability of {chance}" in said
    assert f"share of settings there: {share}" in said
    assert "20: declared as high" in said
    assert "Dashed line: 20 per 100, declared as high (Protocol 2020)." in said
    assert f"lies {beyond} 20 per 100" in page.description


def test_the_shade_begins_at_the_threshold_and_has_the_share_of_the_area() -> None:
    curve = meta.trace_prediction(many(12), threshold=0.2)
    page = draw(curve)
    (shade,) = area(page, theme.BLUSH)[:1]
    (line,) = [s for s in page.shapes if isinstance(s, Patch) and s.fill is None and s.edge == theme.RUST]

    def size(points: tuple[tuple[float, float], ...], base: float) -> float:
        return sum((b[0] - a[0]) * (base - (a[1] + b[1]) / 2) for a, b in pairwise(points))

    base = max(y for _, y in shade.points)
    share = size(shade.points[1:-1], base) / size(line.points, base)
    assert share == pytest.approx(curve.probability, abs=3e-3)


@pytest.mark.parametrize(
    "spec",
    [
        meta.ModelSpec(),
        meta.ModelSpec(pi_method="z"),
        meta.ModelSpec(model="bayes", prior="half_cauchy", prior_parameters=(0.5,)),
    ],
)
@pytest.mark.parametrize("threshold", [None, 1e-4, 0.2, 0.97])
def test_every_model_and_threshold_finds_room(spec: meta.ModelSpec, threshold: float | None) -> None:
    curve = meta.trace_prediction(cohorts(), spec, threshold=threshold)
    page = draw(curve, title="A long title of a review " * 4, notes=["A note."], provenance="results.json")
    assert bool(area(page, theme.BLUSH)) == (threshold is not None)
    assert ("predictive distribution" in " ".join(texts(page))) == (spec.model == "bayes")


def test_ratios_stand_on_a_logarithmic_axis_with_the_null_line() -> None:
    curve = meta.trace_prediction(many(9, "OR"), threshold=1.25, beyond="below")
    page = draw(curve)
    assert {"0.01", "0.1", "1.25: threshold"} <= set(texts(page))
    assert any(getattr(shape, "color", None) == theme.RULE for shape in page.shapes)


def test_an_analysis_without_differences_has_a_probability_and_says_why_no_share() -> None:
    effects = meta.EffectSizes.from_arrays([0.1, 0.1, 0.1, 0.1], [0.1] * 4, measure="MD")
    page = draw(meta.trace_prediction(effects, threshold=0.3))
    said = " ".join(texts(page))
    assert "with a probability of" in said
    assert "Share of settings: τ² is estimated at 0, so that all settings share one value." in said


@pytest.mark.parametrize(
    ("threshold", "mark", "words"),
    [
        (None, Threshold(20.0, "x"), "this curve was computed without a threshold"),
        (0.2, Threshold(0.2, "x"), "the threshold is 0.2, and the curve was computed for 20 in the same"),
    ],
)
def test_another_threshold_is_refused(threshold: float | None, mark: Threshold, words: str) -> None:
    curve = meta.trace_prediction(cohorts(), SPEC, threshold=threshold)
    with pytest.raises(PlotError, match=re.escape(words)):
        meta.prediction_plot(curve, unit=UNIT, threshold=mark)
