"""The regression plot: studies as circles, the curve, its band and the prediction interval."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from test_forest_layout import outside, overlapping, page_of, texts

import meta
from meta.effects.sizes import EffectSizes
from meta.errors import PlotError
from meta.models.predictions import predict_curve
from meta.options import DisplayUnit, ModelSpec
from meta.plots import theme
from meta.plots.layout import Disc, Page, Patch
from meta.plots.regression import regression_plot
from meta.results import Fit

UNIT = DisplayUnit(100.0, "Per 100", "Resistant, per 100 people")


def discs(page: Page) -> list[Disc]:
    return [shape for shape in page.shapes if isinstance(shape, Disc)]


def curves(page: Page) -> list[Patch]:
    return [shape for shape in page.shapes if isinstance(shape, Patch) and shape.fill is None]


def ratios(formula: str, k: int = 12, **choices: object) -> Fit:
    rng = np.random.default_rng(k)
    columns = {"latitude": list(rng.uniform(5.0, 60.0, k)), "kind": ["a", "b"] * (k // 2) + ["a"] * (k % 2)}
    effects = EffectSizes.from_arrays(
        rng.normal(0.2, 0.5, k), rng.uniform(0.02, 0.2, k), measure="RR", columns=columns
    )
    return meta.fit_model(effects, ModelSpec(moderators=formula, **choices))  # type: ignore[arg-type]


def proportions(formula: str = "~ years") -> Fit:
    sheet = pd.DataFrame(
        {
            "e": [3, 10, 9, 20, 25, 14, 8],
            "n": [40, 60, 44, 70, 161, 50, 33],
            "years": [1.0, 2.0, None, 4.0, 5.0, 7.0, 3.0],
        }
    )
    effects = meta.effect_sizes(sheet, measure="PLO", events="e", n="n")
    return meta.fit_model(effects, ModelSpec(model="binomial_normal", moderators=formula))


def test_curve_band_and_prediction_interval_are_those_of_the_model() -> None:
    fit = ratios("~ latitude")
    curve = predict_curve(fit)
    page = page_of(regression_plot(fit, curve, name="Absolute latitude", title="Title"))
    assert overlapping(page) == []
    assert outside(page) == []
    assert len(discs(page)) == 12
    line, *dashed = curves(page)
    (band,) = [s for s in page.shapes if isinstance(s, Patch) and s.fill == theme.WASH]
    assert len(line.points) == 61
    assert len(band.points) == 122
    assert [bool(c.dash) for c in dashed] == [True, True]
    # upwards on a logarithmic axis: places are linear in the log ratios of the results
    places = np.array([y for _, y in line.points])
    slope = (places[-1] - places[0]) / (curve.value[-1] - curve.value[0])
    assert places == pytest.approx(places[0] + slope * (curve.value - curve.value[0]), abs=1e-6)
    bounds = np.array([y for _, y in dashed[0].points])
    assert bounds == pytest.approx(places[0] + slope * (curve.prediction_low - curve.value[0]), abs=1e-6)
    assert "Line: the fitted model; band: its 95% interval; dashed: 95% prediction interval." in texts(page)
    assert "Circles: area by weight." in texts(page)


def test_a_glmm_is_drawn_by_people_and_counts_who_is_missing() -> None:
    fit = proportions()
    page = page_of(regression_plot(fit, predict_curve(fit), name="Years of follow-up", unit=UNIT))
    assert overlapping(page) == []
    assert outside(page) == []
    assert len(discs(page)) == 6
    assert "Circles: area by people." in texts(page)
    assert "Not drawn, without a value or moderator: 1." in texts(page)
    assert "Years of follow-up" in texts(page)
    radii = sorted(disc.radius for disc in discs(page))
    sizes = sorted(s.counts["n"] or 0.0 for s in fit.studies if s.used)
    assert radii[-1] > radii[0]
    assert radii[-1] ** 2 / radii[-2] ** 2 == pytest.approx(sizes[-1] / sizes[-2], rel=0.35)


@pytest.mark.parametrize(
    "formula", ["~ latitude + I(latitude**2)", "~ ns(latitude, df=3)", "~ log(latitude)"]
)
@pytest.mark.parametrize("k", [8, 60])
def test_curves_of_powers_splines_and_logarithms_stand_in_their_frame(formula: str, k: int) -> None:
    fit = ratios(formula, k)
    page = page_of(regression_plot(fit, predict_curve(fit), title="A title that is long " * 6))
    assert overlapping(page) == []
    assert outside(page) == []
    assert len(discs(page)) == k
    assert "latitude" in texts(page)


def test_a_fit_of_several_moderators_is_drawn_without_a_curve() -> None:
    fit = ratios("~ latitude * kind")
    page = page_of(regression_plot(fit, column="latitude"))
    assert curves(page) == []
    assert len(discs(page)) == 12
    assert not any("Line" in text for text in texts(page))


def test_without_a_prediction_interval_none_is_drawn() -> None:
    fit = ratios("~ latitude", model="common")
    page = page_of(regression_plot(fit, predict_curve(fit)))
    assert len(curves(page)) == 1
    assert "Line: the fitted model; band: its 95% interval." in texts(page)


def test_what_cannot_be_drawn_is_said() -> None:
    fit, other = ratios("~ latitude"), ratios("~ log(latitude)")
    with pytest.raises(PlotError, match=r"the curve is of '~ log\(latitude\)' over latitude"):
        regression_plot(fit, predict_curve(other))
    with pytest.raises(PlotError, match="no moderator 'latitud' in '~ latitude'; did you mean 'latitude'"):
        regression_plot(fit, column="latitud")
    with pytest.raises(PlotError, match="none has 'kind'"):
        regression_plot(ratios("~ kind"))
    with pytest.raises(PlotError, match="this one has none"):
        regression_plot(replace(fit, moderators=None))
