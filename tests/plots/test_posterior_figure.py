"""The figure of a posterior: curves of mean and new setting, tau beside its prior, all inside the page."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from test_forest_layout import outside, overlapping, page_of, texts

import meta
from meta.effects.sizes import EffectSizes
from meta.errors import PlotError
from meta.options import DisplayUnit, ModelSpec
from meta.plots import theme
from meta.plots.layout import Page, Patch, Stroke
from meta.plots.panel import Threshold
from meta.plots.posterior import posterior_plot
from meta.results import Fit

PER_100 = DisplayUnit(100.0, "Per 100", "Improved, per 100 people")


def ratios(k: int = 5, spread: float = 0.5, **choices: object) -> Fit:
    rng = np.random.default_rng(k)
    effects = EffectSizes.from_arrays(rng.normal(0.4, spread, k), rng.uniform(0.02, 0.3, k), measure="RR")
    return meta.fit_model(effects, ModelSpec(model="bayes", **choices))  # type: ignore[arg-type]


def proportions() -> Fit:
    frame = pd.DataFrame({"study": list("abc"), "events": [13, 3, 23], "n": [30, 5, 35]})
    effects = meta.effect_sizes(frame, measure="PLO", events="events", n="n", label="study")
    return meta.fit_model(effects, ModelSpec(model="bayes"))


def curves(page: Page) -> list[Patch]:
    return [shape for shape in page.shapes if isinstance(shape, Patch) and shape.fill is None]


CASES = {
    "five ratios": lambda: ratios(),
    "one study": lambda: ratios(1),
    "far apart": lambda: ratios(4, 20.0),
    "heavy tails": lambda: ratios(2, prior="half_cauchy", prior_parameters=(5.0,)),
    "improper": lambda: ratios(3, prior="uniform"),
    "log-normal": lambda: ratios(5, prior="log_normal", prior_parameters=(-2.56, 1.74)),
    "tiny prior": lambda: ratios(5, prior="half_normal", prior_parameters=(1e-5,)),
    "proportions": proportions,
}


@pytest.mark.parametrize("case", CASES)
def test_nothing_overlaps_or_leaves_the_page(case):
    fit = CASES[case]()
    unit = PER_100 if case == "proportions" else None
    page = page_of(posterior_plot(fit, unit=unit, title="Clozapine against others", provenance="x"))
    assert overlapping(page) == []
    assert outside(page) == []
    for shape in page.shapes:
        ends = () if isinstance(shape, Patch) else ((shape.x1, shape.y1), (shape.x2, shape.y2))
        points = shape.points if isinstance(shape, Patch) else ends
        assert all(0.0 <= x <= page.width and 0.0 <= y <= page.height for x, y in points)


def test_the_prior_is_drawn_where_it_is_proper():
    proper = page_of(posterior_plot(ratios(3)))
    improper = page_of(posterior_plot(ratios(3, prior="uniform")))
    assert [c.edge for c in curves(proper)] == [theme.RUST, theme.BLUE, theme.GREY, theme.BLUE]
    assert [c.edge for c in curves(improper)] == [theme.RUST, theme.BLUE, theme.BLUE]
    assert any("its prior is improper and not drawn" in text for text in texts(improper))


def test_the_curves_are_those_of_the_fit():
    """The highest point of the drawn curve of tau stands where the density of the result is highest."""
    fit = ratios()
    page = page_of(posterior_plot(fit))
    tau = curves(page)[-1]
    tau_values, density = fit.posterior.density_tau[:, 0], fit.posterior.density_tau[:, 1]
    places = [x for x, _ in tau.points]
    peak = min(range(len(places)), key=lambda i: tau.points[i][1])
    assert peak == int(np.argmax(density))
    # equal steps of tau are equal steps on the page
    share = (np.array(places) - places[0]) / (places[-1] - places[0])
    assert share == pytest.approx(tau_values / tau_values[-1])


def test_a_threshold_and_the_null_value_are_lines():
    page = page_of(posterior_plot(ratios(), threshold=Threshold(1.5, "worth having", "protocol")))
    strokes = [shape for shape in page.shapes if isinstance(shape, Stroke)]
    assert any(s.color == theme.GREEN and s.dash for s in strokes)
    assert any(s.color == theme.RULE for s in strokes)
    assert any("Dashed line: 1.5, worth having (protocol)." in text for text in texts(page))


def test_the_notes_say_prior_and_probability():
    page = page_of(posterior_plot(ratios()))
    said = " ".join(texts(page))
    assert "prior of τ half-normal (0.5)" in said
    assert "Posterior probability that the mean lies above 1:" in said
    assert "95% credible interval" in said


def test_a_fit_without_a_posterior_is_refused():
    plain = meta.fit_model(EffectSizes.from_arrays([0.1, 0.4], [0.1, 0.2], measure="RR"), ModelSpec())
    with pytest.raises(PlotError, match="a plot of a posterior takes a Bayesian fit with an estimate"):
        posterior_plot(plain)
    with pytest.raises(PlotError):
        posterior_plot(replace(ratios(), natural=None))


def test_a_density_without_limit_does_not_press_the_others_flat():
    """Two rates under a half-Cauchy prior: per unit of the rate the density grows without limit towards 0."""
    frame = pd.DataFrame({"study": ["a", "b"], "events": [3, 5], "time": [111.0, 420.0]})
    effects = meta.effect_sizes(frame, measure="IRLN", events="events", time="time", label="study")
    heavy = ModelSpec(model="bayes", prior="half_cauchy", prior_parameters=(0.5,))
    fit = meta.fit_model(effects, heavy)
    density = fit.posterior.density_new[:, 3]
    assert np.nanmax(density) > 5.0 * np.nanmax(density[fit.posterior.density_new[:, 2] > 0.005])
    page = page_of(posterior_plot(fit, unit=DisplayUnit(100.0, "Per 100", "Per 100 person-years")))
    assert outside(page) == []
    drawn = curves(page)
    base = max(y for curve in drawn for _, y in curve.points)
    top = min(y for curve in drawn for _, y in curve.points)
    # the posterior of the mean, the last curve at the left, reaches the top of the panel inside its interval
    mean = next(curve for curve in drawn if curve.edge == theme.BLUE)
    assert min(y for _, y in mean.points) == pytest.approx(top, abs=1e-6)
    assert base - top == pytest.approx(40.0, abs=0.1)
    assert "A curve that meets the upper edge rises beyond it and is cut there." in texts(page)
    usual = page_of(posterior_plot(meta.fit_model(effects, ModelSpec(model="bayes"))))
    assert not any("is cut there" in text for text in texts(usual))


def test_a_prior_far_narrower_than_the_data_is_cut():
    page = page_of(posterior_plot(ratios(8, 3.0, prior="half_cauchy", prior_parameters=(0.001,))))
    assert "A curve that meets the upper edge rises beyond it and is cut there." in texts(page)
    assert outside(page) == []


@pytest.mark.parametrize("measure", ["OR", "PLO", "IRLN", "MD"])
@pytest.mark.parametrize(
    ("prior", "numbers"),
    [
        ("half_normal", (1e30,)),
        ("half_cauchy", (1e-30,)),
        ("log_normal", (100.0, 20.0)),
        ("uniform", (1e30,)),
    ],
)
def test_extreme_priors_are_drawn_inside_the_page(measure, prior, numbers):
    effects = EffectSizes.from_arrays(np.array([-0.5, 0.6]), np.array([0.05, 0.3]), measure=measure)
    fit = meta.fit_model(effects, ModelSpec(model="bayes", prior=prior, prior_parameters=numbers))
    page = page_of(posterior_plot(fit, title="Extreme"))
    assert outside(page) == []
    points = [point for curve in curves(page) for point in curve.points]
    assert np.isfinite(np.array(points)).all()
    assert all(0.0 <= x <= page.width and 0.0 <= y <= page.height for x, y in points)
