"""Predictive distributions: the interval holds its level of them, tails are tails, and nothing is made up."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import expit, logit

import meta
from meta.errors import ModelError, OptionError

COHORTS = pd.DataFrame({"e": [3, 10, 9, 20, 25, 0, 40], "n": [40, 60, 44, 70, 161, 30, 90]})
BAYES: dict[str, Any] = {"model": "bayes", "prior": "half_normal", "prior_parameters": (1.0,)}


def cohorts(measure: str = "PLO") -> meta.EffectSizes:
    return meta.effect_sizes(COHORTS, measure=measure, events="e", n="n")


def inside(curve: meta.PredictiveCurve, low: float, high: float) -> float:
    """Return the area between two values, on the natural scale."""
    held = (curve.natural >= low) & (curve.natural <= high) & np.isfinite(curve.natural_density)
    return float(np.trapezoid(curve.natural_density[held], curve.natural[held]))


@pytest.mark.parametrize(
    "choices",
    [{"model": "binomial_normal"}, {}, {"pi_method": "z"}, {"pi_method": "hk_k2", "level": 0.8}, BAYES],
)
def test_the_prediction_interval_holds_its_level_of_the_density(choices: dict[str, Any]) -> None:
    curve = meta.trace_prediction(cohorts(), meta.ModelSpec(**choices), threshold=0.2)
    assert inside(curve, curve.low, curve.high) == pytest.approx(curve.level, abs=2e-4)
    assert float(np.trapezoid(curve.density, curve.values)) == pytest.approx(0.998, abs=3e-4)
    # what the curve leaves out at its end
    assert inside(curve, 0.2, 1.0) == pytest.approx(curve.probability, abs=1.5e-3)


@pytest.mark.parametrize("method", ["t_k1", "t_k2", "z", "hk_k1"])
def test_the_probability_is_the_tail_of_the_interval_s_own_distribution(method: str) -> None:
    spec = meta.ModelSpec(pi_method=method, ci_guard="none")
    fit = meta.fit_model(cohorts(), spec)
    assert fit.estimate is not None
    assert fit.prediction is not None
    df = fit.prediction.df
    law = stats.norm() if df is None else stats.t(df)
    scale = (fit.prediction.high - fit.estimate.value) / law.ppf(0.975)
    above = meta.trace_prediction(cohorts(), spec, threshold=0.3)
    below = meta.trace_prediction(cohorts(), spec, threshold=0.3, beyond="below")
    z = (logit(0.3) - fit.estimate.value) / scale
    assert above.probability == pytest.approx(law.sf(z), rel=1e-10)
    assert below.probability == pytest.approx(law.cdf(z), rel=1e-10)
    density = law.pdf((above.values - fit.estimate.value) / scale) / scale
    assert above.density == pytest.approx(density, rel=1e-10)
    p = expit(above.values)
    assert above.natural == pytest.approx(p)
    assert above.natural_density == pytest.approx(above.density / (p * (1.0 - p)), rel=1e-6)


def test_share_and_posterior_are_those_of_their_own_functions() -> None:
    spec = meta.ModelSpec(model="binomial_normal")
    curve = meta.trace_prediction(cohorts(), spec, threshold=0.2, beyond="below")
    assert curve.share == meta.expected_share(cohorts(), spec, threshold=0.2, beyond="below")
    bayes = meta.ModelSpec(**BAYES)
    tail = meta.posterior_tail(cohorts(), bayes, 0.2).new
    assert meta.trace_prediction(cohorts(), bayes, threshold=0.2).probability == tail
    assert meta.trace_prediction(cohorts(), bayes, threshold=0.2, beyond="below").probability == 1.0 - tail
    assert meta.trace_prediction(cohorts(), bayes, threshold=0.2).share is None


def test_without_a_threshold_there_is_the_curve_alone() -> None:
    curve = meta.trace_prediction(cohorts())
    assert (curve.threshold, curve.probability, curve.share) == (None, None, None)
    plain = curve.to_dict()
    assert plain["method"] == "t_k1"
    assert len(plain["natural"]) == curve.values.size


def test_a_scale_that_ends_has_no_density_beyond_its_end() -> None:
    curve = meta.trace_prediction(cohorts("PAS"), threshold=0.2)
    assert np.isfinite(curve.natural).all()
    assert curve.natural.min() >= 0.0
    end = curve.natural == 0.0
    assert np.isnan(curve.natural_density[end][:-1]).all()


@pytest.mark.parametrize(
    ("k", "choices", "threshold", "words"),
    [
        (2, {}, None, "a predictive distribution needs a prediction interval; this fit has none (k = 2"),
        (7, {"pi_method": None}, None, "this fit has none (pi_method is None)"),
        (7, {"pi_method": "bootstrap", "seed": 1}, None, "pi_method='bootstrap' gives an interval and no"),
        (7, {}, 1.5, "threshold must lie inside the scale of measure PLO; got 1.5"),
        (7, {}, 0.0, "threshold must lie inside the scale of measure PLO; got 0.0"),
    ],
)
def test_what_cannot_be_is_refused(
    k: int, choices: dict[str, Any], threshold: float | None, words: str
) -> None:
    effects = meta.effect_sizes(COHORTS.head(k), measure="PLO", events="e", n="n")
    with pytest.raises(ModelError, match=re.escape(words)):
        meta.trace_prediction(effects, meta.ModelSpec(**choices), threshold=threshold)


def test_a_side_that_does_not_exist_is_refused() -> None:
    with pytest.raises(OptionError, match="beyond must be one of"):
        meta.trace_prediction(cohorts(), threshold=0.2, beyond="left")  # type: ignore[arg-type]
