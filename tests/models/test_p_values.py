"""P-value functions: where they cross 1 - level, the intervals end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

import meta
from meta.errors import ModelError
from meta.models.p_values import trace_p_values

TRIALS = json.loads(
    (Path(__file__).parents[1] / "golden" / "baujat_radial.json").read_text(encoding="utf-8")
)["data"]
COHORTS = pd.DataFrame({"e": [3, 10, 9, 20, 25, 0, 40], "n": [40, 60, 44, 70, 161, 30, 90]})


def bcg() -> meta.EffectSizes:
    frame = pd.DataFrame(TRIALS).assign(n1=lambda d: d.tpos + d.tneg, n2=lambda d: d.cpos + d.cneg)
    return meta.effect_sizes(frame, measure="RR", events1="tpos", n1="n1", events2="cpos", n2="n2")


def cohorts(measure: str = "PLO") -> meta.EffectSizes:
    return meta.effect_sizes(COHORTS, measure=measure, events="e", n="n")


@pytest.mark.parametrize(
    ("measure", "choices"),
    [
        ("RR", {}),
        ("RR", {"ci_method": "Wald", "pi_method": "z", "level": 0.9}),
        ("RR", {"ci_method": "t", "pi_method": "hk_k2"}),
        ("RR", {"ci_guard": "iqwig6"}),
        ("RR", {"model": "common"}),
        ("PLO", {"model": "binomial_normal"}),
        ("PLO", {"model": "binomial_normal", "tau2_method": None}),
        ("PLO", {"model": "beta_binomial"}),
        ("PLO", {"model": "binomial_normal", "ci_method": "t"}),
        ("PFT", {}),
    ],
)
def test_curves_cross_where_the_intervals_end(measure: str, choices: dict[str, Any]) -> None:
    effects, spec = bcg() if measure == "RR" else cohorts(measure), meta.ModelSpec(**choices)
    fit, found = meta.fit_model(effects, spec), trace_p_values(effects, spec)
    assert fit.estimate is not None
    for bound in (fit.estimate.low, fit.estimate.high):
        (place,) = np.flatnonzero(found.values == bound)
        assert found.pooled[place] == pytest.approx(1.0 - spec.level, abs=1e-8)
    (top,) = np.flatnonzero(found.values == fit.estimate.value)
    # a profile is flat at its top: rounding of the likelihood is 1e-7 of P
    assert found.pooled[top] == pytest.approx(1.0, abs=1e-5)
    assert found.natural[top] == pytest.approx(fit.natural.value if fit.natural else None, rel=1e-12)
    assert (found.prediction is None) == (fit.prediction is None)
    if fit.prediction is not None and found.prediction is not None:
        for bound in (fit.prediction.low, fit.prediction.high):
            (place,) = np.flatnonzero(found.values == bound)
            assert found.prediction[place] == pytest.approx(1.0 - spec.level, rel=1e-9)


def test_the_curves_of_studies_are_normal() -> None:
    effects = bcg()
    found = trace_p_values(effects)
    for i in (0, 7):
        z = (found.values - effects.y[i]) / np.sqrt(effects.v[i])
        assert found.studies[i] == pytest.approx(2.0 * norm.sf(np.abs(z)), rel=1e-10)
    assert found.peaks == pytest.approx(effects.y, rel=1e-15)
    assert found.natural_peaks == pytest.approx(np.exp(effects.y), rel=1e-15)
    assert found.studies.shape == (13, found.values.size)


def test_a_bootstrap_interval_has_no_curve() -> None:
    assert trace_p_values(bcg(), meta.ModelSpec(pi_method="bootstrap")).prediction is None


def test_what_has_no_p_value_is_refused() -> None:
    with pytest.raises(ModelError, match="no answer of model='bayes'"):
        trace_p_values(bcg(), meta.ModelSpec(model="bayes"))
    with pytest.raises(ModelError, match="need a pooled value"):
        trace_p_values(bcg(), meta.ModelSpec(moderators="~ ablat"))
