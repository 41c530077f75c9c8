"""Profile likelihoods: metafor's of tau2, plain searches for the mean."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize_scalar

import meta
from meta.errors import ModelError
from meta.models.design import build_design
from meta.models.fitting import trace_tau2
from meta.models.likelihood import trace_likelihood

GOLDEN_FOLDER = Path(__file__).parents[1] / "golden"
GOLDEN = json.loads((GOLDEN_FOLDER / "likelihood.json").read_text(encoding="utf-8"))
TRIALS = json.loads((GOLDEN_FOLDER / "baujat_radial.json").read_text(encoding="utf-8"))["data"]


def bcg(measure: str = "RR") -> meta.EffectSizes:
    frame = pd.DataFrame(TRIALS).assign(n1=lambda d: d.tpos + d.tneg, n2=lambda d: d.cpos + d.cneg)
    return meta.effect_sizes(frame, measure=measure, events1="tpos", n1="n1", events2="cpos", n2="n2")


COHORTS = pd.DataFrame({"e": [3, 10, 9, 20, 25, 0, 40], "n": [40, 60, 44, 70, 161, 30, 90]})


def cohorts() -> meta.EffectSizes:
    return meta.effect_sizes(COHORTS, measure="PLO", events="e", n="n")


@pytest.mark.parametrize("method", ["REML", "ML"])
def test_the_curve_peak_and_interval_of_tau2_are_those_of_metafor(method: str) -> None:
    golden, effects, spec = GOLDEN["fits"][method], bcg(), meta.ModelSpec(tau2_method=method)
    found = trace_likelihood(effects, spec)
    design = build_design(None, effects.columns, effects.k)
    curve = trace_tau2(effects, spec, design, np.array(golden["at"]), restricted=found.restricted)
    # worst difference seen: 4e-11 (metafor's curve), 4e-12 (its interval)
    assert curve == pytest.approx(np.array(golden["ll"]), abs=1e-9)
    assert found.peak == pytest.approx(golden["tau2"], abs=1e-9)
    assert found.highest == pytest.approx(golden["loglik"], abs=1e-10)
    assert found.low == pytest.approx(golden["low"], abs=1e-8)
    assert found.high == pytest.approx(golden["high"], abs=1e-8)
    assert found.estimate == found.peak
    assert found.lower_maxima == ()


def check_cut(found: meta.LikelihoodTrace) -> None:
    """The interval ends where the curve has fallen by the drop; nothing is above the peak."""
    assert (np.diff(found.values) > 0.0).all()
    assert not np.isnan(found.loglik).any()
    assert found.loglik.max() <= found.highest + 1e-10
    for bound in (found.low, found.high):
        assert bound is not None
        (place,) = np.flatnonzero(found.values == bound)
        assert found.loglik[place] == pytest.approx(found.highest - found.drop, abs=1e-9)


@pytest.mark.parametrize("parameter", ["tau2", "mean"])
@pytest.mark.parametrize(
    ("measure", "model"),
    [
        ("RR", "random"),
        ("PLO", "binomial_normal"),
        ("OR", "unconditional_fixed"),
        ("OR", "conditional_approximate"),
    ],
)
def test_the_interval_is_where_the_curve_meets_the_cut(measure: str, model: str, parameter: str) -> None:
    effects = cohorts() if measure == "PLO" else bcg(measure)
    found = trace_likelihood(effects, meta.ModelSpec(model=model, level=0.9), parameter=parameter)  # type: ignore[arg-type]
    check_cut(found)
    assert found.drop == pytest.approx(0.5 * 2.705543454095404, rel=1e-12)


def test_another_estimator_stands_beside_the_maximum() -> None:
    found = trace_likelihood(bcg(), meta.ModelSpec(tau2_method="DL"))
    fit = meta.fit_model(bcg(), meta.ModelSpec(tau2_method="DL"))
    assert fit.tau2 is not None
    assert (found.estimate, found.restricted) == (fit.tau2.value, False)
    assert found.peak == pytest.approx(GOLDEN["fits"]["ML"]["tau2"], abs=1e-9)


def test_the_mean_has_its_best_tau2_at_each_value() -> None:
    effects = bcg()
    found = trace_likelihood(effects, meta.ModelSpec(tau2_method="ML"), parameter="mean")
    check_cut(found)
    for place in (0, 40, 90, found.values.size - 1):
        away = np.square(effects.y - found.values[place])

        def lost(root: float, away: np.ndarray = away) -> float:
            total = effects.v + root * root
            return float(0.5 * np.sum(np.log(2 * np.pi * total) + away / total))

        best = minimize_scalar(lost, bounds=(0.0, 4.0), method="bounded", options={"xatol": 1e-10})
        assert found.loglik[place] == pytest.approx(-best.fun, abs=1e-9)


def test_a_glmm_at_tau2_of_zero_is_the_common_fit() -> None:
    found = trace_likelihood(cohorts(), meta.ModelSpec(model="binomial_normal"))
    common = meta.fit_model(cohorts(), meta.ModelSpec(model="binomial_normal", tau2_method=None))
    assert found.values[0] == 0.0
    assert found.loglik[0] == pytest.approx(common.loglik, abs=1e-10)


@pytest.mark.parametrize(
    ("y", "v", "peak", "other"),
    [
        ([0.0, 0.1, 3.0, 3.1, -3.0, -2.9], [1e-3, 1e-3, 2.0, 2.0, 2.0, 2.0], 0.0015222, 2.8740),
        ([0.0, 0.3, 3.0, 3.1, -3.0, -2.9, 4.0, -4.5], [0.004] * 2 + [2.0] * 6, 6.398086, 0.02456),
    ],
)
def test_every_maximum_is_found_wherever_it_lies(
    y: list[float], v: list[float], peak: float, other: float
) -> None:
    found = trace_likelihood(meta.EffectSizes.from_arrays(y, v), meta.ModelSpec(tau2_method="ML"))
    assert found.peak == pytest.approx(peak, rel=1e-4)
    assert found.lower_maxima == pytest.approx((other,), rel=1e-2)
    # a dense grid of the plain likelihood has these two maxima and no more
    tau2 = np.geomspace(1e-7, 1e3, 20001)
    w = 1.0 / (np.array(v)[:, None] + tau2)
    mean = (w * np.array(y)[:, None]).sum(axis=0) / w.sum(axis=0)
    height = 0.5 * (np.log(w) - w * (np.array(y)[:, None] - mean) ** 2).sum(axis=0)
    tops = tau2[1:-1][(height[1:-1] > height[:-2]) & (height[1:-1] > height[2:])]
    assert sorted(tops) == pytest.approx(sorted([found.peak, *found.lower_maxima]), rel=1e-2)


def test_tau2_at_its_bound_is_traced_from_zero() -> None:
    found = trace_likelihood(meta.EffectSizes.from_arrays([0.1, 0.11, 0.12, 0.1], [0.1, 0.2, 0.1, 0.3]))
    assert (found.peak, found.low) == (0.0, 0.0)
    assert found.high is not None
    assert found.high > 0.0
    assert found.loglik.argmax() == 0


def test_what_has_no_profile_is_refused() -> None:
    with pytest.raises(ModelError, match="model='common' has no profile likelihood of tau2"):
        trace_likelihood(bcg(), meta.ModelSpec(model="common"))
    with pytest.raises(ModelError, match="tau2 is held at 0"):
        trace_likelihood(cohorts(), meta.ModelSpec(model="binomial_normal", tau2_method=None))
    with pytest.raises(ModelError, match="no single mean to profile"):
        trace_likelihood(bcg(), meta.ModelSpec(moderators="~ ablat"), parameter="mean")
    with pytest.raises(ModelError, match="the likelihood's own weights"):
        trace_likelihood(bcg(), meta.ModelSpec(weights="equal"))
    one = meta.EffectSizes.from_arrays([0.1], [0.2])
    with pytest.raises(ModelError, match="needs a fit of two studies or more; this one: k = 1, single_study"):
        trace_likelihood(one)


def test_moderators_keep_their_profile_of_tau2() -> None:
    found = trace_likelihood(bcg(), meta.ModelSpec(moderators="~ ablat"))
    check_cut(found)
    fit = meta.fit_model(bcg(), meta.ModelSpec(moderators="~ ablat", tau2_ci="PL"))
    assert fit.tau2 is not None
    assert (found.peak, found.low, found.high) == (fit.tau2.value, fit.tau2.low, fit.tau2.high)
