"""Weights from the sheet, UWLS, IVhet, DL about Mantel-Haenszel, shrunken effects: by plain formulas."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import special

import meta
from meta.effects.sizes import EffectSizes
from meta.errors import ModelError, OptionError
from meta.models.shrunken import shrunken_effects
from meta.options import ModelSpec
from meta.results import Fit

Y = np.array([0.35, -0.1, 0.62, 0.2, 0.9, 0.41])
V = np.array([0.02, 0.05, 0.11, 0.03, 0.2, 0.07])
QUALITY = (3.0, 1.0, 2.5, 2.0, 0.5, 4.0)
TRIALS = pd.DataFrame(
    {
        "events1": [12, 8, 0, 21, 5],
        "n1": [60, 45, 30, 110, 25],
        "events2": [20, 9, 4, 25, 11],
        "n2": [58, 47, 31, 105, 24],
    }
)


def effects(y: np.ndarray = Y, quality: tuple[object, ...] = QUALITY) -> EffectSizes:
    columns = {"quality": quality, "arm": ("a", "b", "a", "b", "a", "b")}
    return EffectSizes.from_arrays(y, V, columns=columns)


def trials() -> EffectSizes:
    return meta.effect_sizes(TRIALS, measure="OR", **{name: name for name in TRIALS.columns})


def interval(fit: Fit) -> tuple[float, float]:
    assert fit.estimate is not None
    return fit.estimate.low, fit.estimate.high


def dersimonian_laird(y: np.ndarray, v: np.ndarray) -> float:
    w = 1.0 / v
    q = float(w @ (y - w @ y / w.sum()) ** 2)
    return max(0.0, (q - y.size + 1) / float(w.sum() - w @ w / w.sum()))


def test_a_column_of_weights_makes_the_mean_and_its_variance() -> None:
    fit = meta.fit_model(effects(), ModelSpec(tau2_method="DL", ci_method="Wald", weights="quality"))
    a, tau2 = np.array(QUALITY), dersimonian_laird(Y, V)
    se = float(np.sqrt(np.sum(a**2 * (V + tau2))) / a.sum())
    assert fit.estimate is not None
    assert fit.estimate.value == pytest.approx(float(a @ Y / a.sum()), rel=1e-13)
    assert fit.estimate.se == pytest.approx(se, rel=1e-12)
    assert fit.tau2 is not None
    assert fit.tau2.value == pytest.approx(tau2, rel=1e-12)
    assert fit.weights == pytest.approx(100.0 * a / a.sum(), rel=1e-13)
    assert sum(study.weight or 0.0 for study in fit.studies) == pytest.approx(100.0, rel=1e-13)


def test_equal_weights_are_a_column_of_ones() -> None:
    spec = ModelSpec(weights="equal")
    ones = meta.fit_model(effects(quality=(1.0,) * 6), ModelSpec(weights="quality"))
    assert interval(meta.fit_model(effects(), spec)) == interval(ones)
    many = meta.fit_many(Y, V, spec)
    assert (many.low[0], many.high[0]) == interval(ones)


def test_counts_can_be_weights() -> None:
    fit = meta.fit_model(trials(), ModelSpec(weights="n1"))
    n = TRIALS["n1"].to_numpy(dtype=float)
    assert fit.weights == pytest.approx(100.0 * n / n.sum(), rel=1e-13)


def test_refits_and_subgroups_keep_the_weights() -> None:
    spec = ModelSpec(tau2_method="GENQ", weights="quality")
    moved = meta.leave_one_out(effects(), spec)
    left = np.arange(6) != 2
    columns = {"quality": tuple(np.array(QUALITY)[left])}
    alone = meta.fit_model(EffectSizes.from_arrays(Y[left], V[left], columns=columns), spec)
    assert (moved.low[2], moved.high[2]) == interval(alone)
    groups = meta.fit_subgroups(effects(), spec, by="arm")
    a = np.array(QUALITY)[::2]
    assert groups.fits[0].estimate is not None
    assert groups.fits[0].estimate.value == pytest.approx(float(a @ Y[::2] / a.sum()), rel=1e-13)


@pytest.mark.parametrize(
    ("quality", "spec", "words"),
    [
        (QUALITY, ModelSpec(weights="qualty"), r"weights: no column 'qualty'; did you mean 'quality'\?"),
        (
            (3.0, None, 2.5, 2.0, 0.5, 4.0),
            ModelSpec(weights="quality"),
            "weights: column 'quality' of study '2' must hold a number >= 0; got None",
        ),
        (
            (3.0, 1.0, -2.5, 2.0, 0.5, 4.0),
            ModelSpec(weights="quality"),
            "weights: column 'quality' of study '3' must hold a number >= 0; got -2.5",
        ),
        (QUALITY, ModelSpec(weights="arm"), "'arm' of study '1' must hold a number >= 0; got 'a'"),
    ],
)
def test_a_weight_that_is_none_is_named(quality: tuple[object, ...], spec: ModelSpec, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        meta.fit_model(effects(quality=quality), spec)


def test_arrays_have_no_column_of_weights() -> None:
    with pytest.raises(ModelError, match="fit_many has no columns; weights must be None or 'equal', got 'n'"):
        meta.fit_many(Y, V, ModelSpec(weights="n"))


@pytest.mark.parametrize("spread", [1.0, 0.2])
def test_uwls_is_the_common_effect_with_its_own_scale_also_below_one(spread: float) -> None:
    y = spread * Y
    fit, common = (
        meta.fit_model(effects(y), spec)
        for spec in (ModelSpec(model="uwls"), ModelSpec(model="common", ci_method="Wald"))
    )
    assert fit.estimate is not None
    assert common.estimate is not None
    w = 1.0 / V
    mean = float(w @ y / w.sum())
    factor = float(w @ (y - mean) ** 2) / 5.0
    assert (factor < 1.0) == (spread == 0.2)
    assert fit.estimate.value == common.estimate.value
    se = np.sqrt(factor / w.sum())
    assert fit.estimate.se == pytest.approx(se, rel=1e-12)
    assert fit.estimate.df == 5.0
    half = float(-special.stdtrit(5, 0.025)) * se
    assert interval(fit) == pytest.approx((mean - half, mean + half), rel=1e-11)
    assert fit.prediction is None
    assert fit.loglik is None
    assert fit.heterogeneity is not None
    assert fit.heterogeneity.h2 == pytest.approx(factor, rel=1e-12)


def test_uwls_takes_moderators() -> None:
    fit = meta.fit_model(effects(), ModelSpec(model="uwls", moderators="~ quality"))
    x, w = np.column_stack([np.ones(6), QUALITY]), 1.0 / V
    inverse = np.linalg.inv(x.T * w @ x)
    b = inverse @ x.T @ (w * Y)
    factor = float(w @ (Y - x @ b) ** 2) / 4.0
    assert fit.coefficients is not None
    assert fit.coefficients.value == pytest.approx(b, rel=1e-10)
    assert fit.coefficients.se == pytest.approx(np.sqrt(factor * np.diag(inverse)), rel=1e-10)


def test_ivhet_is_the_common_effect_with_the_variance_of_random_effects() -> None:
    fit = meta.fit_model(effects(), ModelSpec(model="ivhet"))
    w, tau2 = 1.0 / V, dersimonian_laird(Y, V)
    se = float(np.sqrt(np.sum(w**2 * (V + tau2))) / w.sum())
    mean = float(w @ Y / w.sum())
    assert fit.estimate is not None
    assert fit.estimate.value == pytest.approx(mean, rel=1e-13)
    assert fit.estimate.se == pytest.approx(se, rel=1e-12)
    assert fit.estimate.df is None
    half = 1.959963984540054 * se
    assert interval(fit) == pytest.approx((mean - half, mean + half), rel=1e-12)
    assert fit.tau2 is not None
    assert (fit.tau2.method, fit.tau2.ci_method) == ("DL", "QP")
    assert fit.tau2.value == pytest.approx(tau2, rel=1e-12)
    assert fit.weights == pytest.approx(100.0 * w / w.sum(), rel=1e-12)
    assert fit.prediction is None
    assert fit.loglik is None


@pytest.mark.parametrize("model", ["uwls", "ivhet"])
def test_both_go_through_every_door(model: str) -> None:
    spec = ModelSpec(model=model)
    moved = meta.leave_one_out(effects(), spec)
    left = np.arange(6) != 4
    alone = meta.fit_model(EffectSizes.from_arrays(Y[left], V[left]), spec)
    assert (moved.low[4], moved.high[4]) == interval(alone)
    grown = meta.cumulate(effects(), spec, order="quality")
    assert interval(meta.fit_model(effects(), spec)) == (grown.low[-1], grown.high[-1])
    assert grown.status[0] == "single_study"
    assert grown.low[0] == pytest.approx(Y[4] - 1.959963984540054 * np.sqrt(V[4]), rel=1e-12)
    groups = meta.fit_subgroups(effects(), spec, by="arm", common_tau2=True)
    assert groups.test.p is not None
    assert 0.0 < groups.test.p < 1.0


def test_dl_mh_takes_q_about_the_mantel_haenszel_estimate() -> None:
    e = trials()
    fit = meta.fit_model(e, ModelSpec(tau2_method="DL_MH", ci_method="Wald"))
    a, n1, c, n2 = (TRIALS[name].to_numpy(dtype=float) for name in TRIALS.columns)
    n = n1 + n2
    pooled = np.log(np.sum(a * (n2 - c) / n) / np.sum(c * (n1 - a) / n))
    w = 1.0 / e.v
    q = float(w @ (e.y - pooled) ** 2)
    tau2 = max(0.0, (q - 4.0) / float(w.sum() - w @ w / w.sum()))
    assert fit.heterogeneity is not None
    assert fit.heterogeneity.q == pytest.approx(q, rel=1e-12)
    assert tau2 > 0.0
    assert fit.tau2 is not None
    assert fit.tau2.value == pytest.approx(tau2, rel=1e-11)
    assert fit.tau2.se is None
    star = 1.0 / (e.v + tau2)
    assert fit.estimate is not None
    assert fit.estimate.value == pytest.approx(float(star @ e.y / star.sum()), rel=1e-12)
    assert fit.heterogeneity.i2 == pytest.approx(100.0 * (q - 4.0) / q, rel=1e-10)
    moved = meta.leave_one_out(e, fit.spec)
    rest = TRIALS.drop(index=1).reset_index(drop=True)
    alone = meta.fit_model(meta.effect_sizes(rest, measure="OR", **{c: c for c in rest.columns}), fit.spec)
    assert (moved.low[1], moved.high[1]) == interval(alone)


def test_dl_mh_needs_counts_and_no_moderators() -> None:
    spec = ModelSpec(tau2_method="DL_MH")
    with pytest.raises(ModelError, match=r"Mantel-Haenszel pools .* from counts of two groups; got GEN"):
        meta.fit_model(effects(), spec)
    with pytest.raises(ModelError, match="takes Q about the Mantel-Haenszel estimate: it needs counts"):
        meta.fit_many(Y, V, spec)
    with pytest.raises(OptionError, match="tau2_method='DL_MH' takes no moderators"):
        ModelSpec(tau2_method="DL_MH", moderators="~ year")


def test_shrunken_effects_lie_between_the_study_and_the_mean() -> None:
    e = effects()
    fit = meta.fit_model(e, ModelSpec())
    shrunken = shrunken_effects(fit, e)
    assert fit.estimate is not None
    assert fit.tau2 is not None
    own = fit.tau2.value / (fit.tau2.value + V)
    assert shrunken.value == pytest.approx(own * Y + (1.0 - own) * fit.estimate.value, rel=1e-13)
    assert shrunken.se == pytest.approx(np.sqrt(own * V + ((1.0 - own) * fit.estimate.se) ** 2), rel=1e-13)
    half = float(-special.stdtrit(5, 0.025)) * shrunken.se
    assert shrunken.high == pytest.approx(shrunken.value + half, rel=1e-12)
    assert shrunken.labels == e.labels
    assert shrunken.to_dict()["value"] == shrunken.value.tolist()


def test_shrunken_effects_follow_the_moderators() -> None:
    e = effects()
    fit = meta.fit_model(e, ModelSpec(moderators="~ quality", ci_method="Wald"))
    shrunken = shrunken_effects(fit, e)
    assert fit.coefficients is not None
    assert fit.tau2 is not None
    fitted = np.column_stack([np.ones(6), QUALITY]) @ fit.coefficients.value
    own = fit.tau2.value / (fit.tau2.value + V)
    assert shrunken.value == pytest.approx(own * Y + (1.0 - own) * fitted, rel=1e-12)


def test_shrunken_effects_of_another_model_are_refused() -> None:
    e = effects()
    common = meta.fit_model(e, ModelSpec(model="common"))
    with pytest.raises(ModelError, match="shrunken effects come from model='random'; got model='common'"):
        shrunken_effects(common, e)
    other = EffectSizes.from_arrays(Y, V, labels=[f"s{i}" for i in range(6)])
    with pytest.raises(ModelError, match="shrunken effects need the studies of the fit; got others"):
        shrunken_effects(meta.fit_model(e, ModelSpec()), other)
