"""Nagashima's bootstrap: draws of tau2 against their equation, the interval against plain loops."""

from __future__ import annotations

import numpy as np
import pytest
from test_quadratic_forms import ruben, weights_of_terms

import meta
from meta.inference import bootstrap_prediction as module
from meta.kernels.masks import turn_chunks

Y = np.array([0.10, 0.42, -0.25, 0.31, 0.66, -0.04])
V = np.array([0.04, 0.03, 0.05, 0.02, 0.06, 0.01])
SPEC = meta.ModelSpec(pi_method="bootstrap")


def test_draws_of_tau2_follow_the_confidence_distribution_of_dl() -> None:
    """P(Q > q; tau2) of each draw is the uniform number it was made from, by eigenvalues and series."""
    ((_, columns, frame),) = turn_chunks(Y, V, np.ones((2, 6), dtype=bool), np.ones((6, 1)), np.arange(2))
    uniform = np.array([0.001, 0.02, 0.2, 0.5, 0.8, 0.97])
    limit = module._limit_table(columns)[0]
    drawn = module._draw_tau2(columns, limit, uniform) * 4.0 ** float(frame.exponent[0])
    w = 1.0 / V
    q = float(w @ (Y - np.average(Y, weights=w)) ** 2)
    none = 1.0 - ruben(weights_of_terms(V, np.ones((6, 1)), 1.0, 0.0), q)
    assert ((uniform <= none) == (drawn == 0.0)).all()
    assert 0 < np.sum(drawn == 0.0) < drawn.size
    for tau2, u in zip(drawn, uniform, strict=True):
        if tau2 > 0.0:
            chance = 1.0 - ruben(weights_of_terms(V, np.ones((6, 1)), 1.0, tau2), q)
            assert chance == pytest.approx(u, abs=1e-5)


def test_the_interval_is_the_percentiles_of_its_draws() -> None:
    """The second computation: each draw by itself, tau2 by bisection on Imhof's tail from other numbers."""
    rng = np.random.default_rng(1)
    grid = np.concatenate([[0.0], np.geomspace(1e-4, 30.0, 90)])
    w = 1.0 / V
    q = float(w @ (Y - np.average(Y, weights=w)) ** 2)
    rise = np.array([1.0 - ruben(weights_of_terms(V, np.ones((6, 1)), 1.0, t), q) for t in grid])
    tau2 = np.interp(rng.random(40_000), rise, grid, left=0.0)
    drawn = np.empty(tau2.size)
    for i, t in enumerate(tau2):
        weight = 1.0 / (V + t)
        mean = weight @ Y / weight.sum()
        se = np.sqrt(weight @ (Y - mean) ** 2 / (5.0 * weight.sum()))
        drawn[i] = mean + rng.standard_normal() * np.sqrt(t) - rng.standard_t(5) * se
    fit = meta.fit_model(meta.EffectSizes.from_arrays(Y, V), SPEC)
    low, high = np.quantile(drawn, [0.025, 0.975])
    # two samples, each with a standard error of 0.012 standard deviations
    spread = 0.07 * np.std(np.clip(drawn, low, high))
    assert fit.prediction.low == pytest.approx(low, abs=spread)
    assert fit.prediction.high == pytest.approx(high, abs=spread)
    assert (fit.prediction.method, fit.prediction.df) == ("bootstrap", None)


def test_the_seed_decides_the_bits_and_the_estimator_of_tau2_does_not() -> None:
    effects = meta.EffectSizes.from_arrays(Y, V)
    first = meta.fit_model(effects, SPEC).prediction
    same = meta.ModelSpec(pi_method="bootstrap", seed=module.DEFAULT_SEED, tau2_method="PM")
    assert meta.fit_model(effects, same).prediction == first
    other = meta.fit_model(effects, meta.ModelSpec(pi_method="bootstrap", seed=1)).prediction
    assert other != first
    assert other.low == pytest.approx(first.low, abs=0.03)


def test_refits_draw_the_numbers_of_the_fit_without_the_study() -> None:
    moved = meta.leave_one_out(meta.EffectSizes.from_arrays(Y, V), SPEC)
    alone = meta.fit_model(meta.EffectSizes.from_arrays(np.delete(Y, 2), np.delete(V, 2)), SPEC)
    assert moved.prediction_low[2] == alone.prediction.low
    assert moved.prediction_high[2] == alone.prediction.high


def test_scale_and_shift_carry_over() -> None:
    plain = meta.fit_model(meta.EffectSizes.from_arrays(Y, V), SPEC).prediction
    moved = meta.fit_model(meta.EffectSizes.from_arrays(4.0 * Y + 3.0, 16.0 * V), SPEC).prediction
    assert moved.low == pytest.approx(4.0 * plain.low + 3.0, rel=1e-9)
    assert moved.high == pytest.approx(4.0 * plain.high + 3.0, rel=1e-9)


def test_few_studies_and_equal_effects() -> None:
    two = meta.fit_model(meta.EffectSizes.from_arrays(Y[:2], V[:2]), SPEC)
    assert two.prediction is None
    equal = meta.fit_model(meta.EffectSizes.from_arrays(np.full(4, 0.25), V[:4]), SPEC)
    assert (equal.prediction.low, equal.prediction.high) == (0.25, 0.25)


def test_options() -> None:
    with pytest.raises(meta.MetaError, match="draws inverse-variance means; weights='equal'"):
        meta.ModelSpec(pi_method="bootstrap", weights="equal")
    with pytest.raises(meta.MetaError, match="seed must be 0 or more; got -1"):
        meta.ModelSpec(pi_method="bootstrap", seed=-1)
    with pytest.raises(meta.MetaError, match="seed=3 is not used under model='common'"):
        meta.ModelSpec(model="common", seed=3)
