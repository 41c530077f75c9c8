"""The expected share of settings beyond a threshold, against plain loops."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import meta
from meta.sensitivity.share import DEFAULT_SEED, SAMPLES

Y = np.array([0.10, 0.42, -0.35, 0.31, 0.86, -0.14, 0.20, 0.95])
V = np.array([0.04, 0.03, 0.05, 0.02, 0.06, 0.01, 0.03, 0.08])
EFFECTS = meta.EffectSizes.from_arrays(Y, V)
FRAME = pd.DataFrame({"e": [3, 9, 2, 24, 6, 8, 1], "n": [40, 50, 45, 60, 55, 30, 38]})


def plain_share(y: np.ndarray, v: np.ndarray, cut: float) -> float:
    fit = meta.fit_model(meta.EffectSizes.from_arrays(y, v), meta.ModelSpec(tau2_ci=None))
    if fit.tau2.value == 0.0:
        return float(fit.estimate.value > cut)
    return float(stats.norm.sf(cut, fit.estimate.value, np.sqrt(fit.tau2.value)))


def test_value_and_interval_by_plain_loops() -> None:
    """The second computation: every sample fitted by itself, BCa by its formula (Efron 1987)."""
    found = meta.expected_share(EFFECTS, threshold=0.3)
    assert found.value == pytest.approx(plain_share(Y, V, 0.3), rel=1e-12)
    orders = np.random.default_rng(DEFAULT_SEED).integers(0, 8, size=(SAMPLES, 8))
    drawn = np.array([plain_share(Y[order], V[order], 0.3) for order in orders])
    left = np.array([plain_share(np.delete(Y, i), np.delete(V, i), 0.3) for i in range(8)])
    bias = stats.norm.ppf((np.sum(drawn < found.value) + 0.5 * np.sum(drawn == found.value)) / SAMPLES)
    moved = left.mean() - left
    pull = np.sum(moved**3) / (6.0 * np.sum(moved**2) ** 1.5)
    z = bias + stats.norm.ppf([0.025, 0.975])
    low, high = np.quantile(drawn, stats.norm.cdf(bias + z / (1.0 - pull * z)))
    assert found.low == pytest.approx(low, rel=1e-9)
    assert found.high == pytest.approx(high, rel=1e-9)
    assert (found.samples, found.seed, found.beyond, found.reason) == (SAMPLES, DEFAULT_SEED, "above", None)


@pytest.mark.parametrize("model", ["random", "binomial_normal"])
def test_both_sides_add_up_to_all_settings(model: str) -> None:
    effects = meta.effect_sizes(FRAME, measure="PLO", events="e", n="n")
    spec = meta.ModelSpec(model=model)
    fit = meta.fit_model(effects, spec)
    above, below = (meta.expected_share(effects, spec, threshold=0.2, beyond=b) for b in ("above", "below"))
    score = (fit.estimate.value - np.log(0.2 / 0.8)) / np.sqrt(fit.tau2.value)
    assert above.value == pytest.approx(stats.norm.cdf(score), rel=1e-10)
    assert above.value + below.value == pytest.approx(1.0, abs=1e-12)
    assert above.low < above.value < above.high
    assert above.low == pytest.approx(1.0 - below.high, abs=0.01)


def test_a_far_threshold_has_no_setting_beyond_it() -> None:
    far = meta.expected_share(EFFECTS, threshold=50.0)
    assert far.value < 1e-300
    assert far.high < 1e-6


def test_without_a_spread_there_is_no_share() -> None:
    equal = meta.EffectSizes.from_arrays(np.full(4, 0.2), V[:4])
    found = meta.expected_share(equal, threshold=0.1)
    assert (found.value, found.low, found.samples) == (None, None, 0)
    assert found.reason == "tau2 is estimated at 0, so that all settings share one value"
    single = meta.expected_share(meta.EffectSizes.from_arrays(Y[:1], V[:1]), threshold=0.1)
    assert single.reason == "a single study says nothing of how settings differ"
    none = meta.effect_sizes(FRAME.assign(e=0), measure="PLO", events="e", n="n")
    bound = meta.expected_share(none, meta.ModelSpec(model="binomial_normal"), threshold=0.1)
    assert (bound.value, bound.reason) == (None, "no estimate (one sided)")


def test_two_studies_have_a_share_and_no_interval() -> None:
    found = meta.expected_share(meta.EffectSizes.from_arrays(np.array([0.0, 2.0]), V[:2]), threshold=1.0)
    assert found.value == pytest.approx(0.5, abs=0.02)
    assert (found.low, found.reason) == (None, "no interval below 3 studies")


def test_the_seed_of_the_spec_starts_the_samples() -> None:
    spec = meta.ModelSpec(seed=5)
    found = meta.expected_share(EFFECTS, spec, threshold=0.3)
    assert found.seed == 5
    assert found == meta.expected_share(EFFECTS, replace(spec, pi_method=None), threshold=0.3)
    assert found.low != meta.expected_share(EFFECTS, threshold=0.3).low


def test_refusals() -> None:
    with pytest.raises(meta.MetaError, match="needs one of the models random, binomial_normal"):
        meta.expected_share(EFFECTS, meta.ModelSpec(model="common"), threshold=0.3)
    with pytest.raises(meta.MetaError, match="beyond must be one of 'above', 'below'; got 'over'"):
        meta.expected_share(EFFECTS, threshold=0.3, beyond="over")
    effects = meta.effect_sizes(FRAME, measure="PLO", events="e", n="n")
    for outside in (1.0, 1.5, 0.0):
        with pytest.raises(meta.MetaError, match="threshold must lie inside the scale of measure PLO"):
            meta.expected_share(effects, threshold=outside)
