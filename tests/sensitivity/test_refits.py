"""Leave one out and cumulative: bits, order, marks; all roads lead to the main fit."""

import numpy as np
import pytest

import meta
from meta.effects.sizes import EffectSizes
from meta.errors import ModelError
from meta.options import ModelSpec

SPECS = {
    "REML HKSJ": ModelSpec(),
    "DL Wald": ModelSpec(tau2_method="DL", ci_method="Wald"),
    "PM t": ModelSpec(tau2_method="PM", ci_method="t"),
    "ML hk": ModelSpec(tau2_method="ML", pi_method="hk_k2"),
    "common": ModelSpec(model="common", ci_method="Wald"),
    "GLMM profile": ModelSpec(model="binomial_normal"),
    "GLMM Wald": ModelSpec(model="binomial_normal", ci_method="Wald"),
}
FIELDS = (
    "estimate",
    "se",
    "low",
    "high",
    "p",
    "tau2",
    "i2",
    "k",
    "natural",
    "natural_low",
    "natural_high",
    "prediction_low",
    "prediction_high",
)


def proportions(k, seed=0):
    rng = np.random.default_rng(seed)
    n = rng.integers(5, 400, k)
    p = 1.0 / (1.0 + np.exp(-(rng.normal(-2.0, 0.8, k))))
    events = rng.binomial(n, p)
    events[::7] = 0
    import pandas as pd

    frame = pd.DataFrame(
        {"s": [f"study {i}" for i in range(k)], "e": events, "n": n, "year": rng.integers(1990, 2020, k)}
    )
    return frame, meta.effect_sizes(frame, measure="PLO", events="e", n="n", label="s")


def same_bits(a, b):
    return np.asarray(a, dtype=np.float64).tobytes() == np.asarray(b, dtype=np.float64).tobytes()


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize("k", [9, 20, 40])
def test_leave_one_out_has_the_bits_of_the_fit_without_the_study(k, name):
    frame, effects = proportions(k, seed=k)
    moved = meta.leave_one_out(effects, SPECS[name])
    assert moved.labels == effects.labels
    for i in range(0, k, 1 if k < 10 else 5):
        less = meta.effect_sizes(frame.drop(index=i), measure="PLO", events="e", n="n", label="s")
        fit = meta.fit_model(less, SPECS[name])
        prediction = fit.prediction
        alone = [
            fit.estimate.value,
            fit.estimate.se,
            fit.estimate.low,
            fit.estimate.high,
            fit.estimate.p,
            fit.tau2.value,
            fit.heterogeneity.i2,
            fit.k,
            fit.natural.value,
            fit.natural.low,
            fit.natural.high,
            prediction.low if prediction else np.nan,
            prediction.high if prediction else np.nan,
        ]
        for field, value in zip(FIELDS, alone, strict=True):
            assert same_bits(getattr(moved, field)[i], value), (field, i, getattr(moved, field)[i], value)
        assert moved.status[i] == fit.status


@pytest.mark.parametrize("name", SPECS)
def test_every_road_leads_to_the_main_fit(name):
    _, effects = proportions(14, seed=3)
    spec = SPECS[name]
    fit = meta.fit_model(effects, spec)
    grown = meta.cumulate(effects, spec)
    assert same_bits(grown.estimate[-1], fit.estimate.value)
    assert same_bits(grown.high[-1], fit.estimate.high)
    one = EffectSizes(
        **{f: getattr(effects, f) for f in EffectSizes.__dataclass_fields__ if f != "columns"},
        columns={"g": ("all",) * 14},
    )
    group = meta.fit_subgroups(one, spec, by="g").fits[0]
    assert same_bits(group.estimate.low, fit.estimate.low)
    assert group.tau2 == fit.tau2
    if not spec.is_glmm:
        many = meta.fit_many(effects.y, effects.v, spec, measure="PLO")
        assert same_bits(many.low[0], fit.estimate.low)
        assert same_bits(many.natural[0], fit.natural.value)


def test_studies_of_one_year_enter_together_and_those_without_a_year_last_and_marked():
    effects = EffectSizes.from_arrays(
        [0.1, 0.2, 0.3, 0.4],
        [0.01, 0.02, 0.03, 0.04],
        labels=["a", "b", "c", "d"],
        columns={"year": [2001, None, 1999, 2001]},
    )
    grown = meta.cumulate(effects, ModelSpec())
    assert grown.labels == ("1999: c", "2001: a, d", "no year: b")
    assert grown.k.tolist() == [1, 3, 4]
    assert grown.notes == ("", "", "no year reported")


def test_a_column_of_text_is_no_order_and_one_study_cannot_be_left_out():
    effects = EffectSizes.from_arrays([0.1], [0.01], columns={"year": ["recent"]})
    with pytest.raises(ModelError, match="column 'year' must be numeric; study '1' has 'recent'"):
        meta.cumulate(effects)
    with pytest.raises(ModelError, match="at least two studies; there is 1"):
        meta.leave_one_out(effects)
    with pytest.raises(ModelError, match="no column 'yaer'; did you mean 'year'"):
        meta.cumulate(effects, order="yaer")


def test_under_a_glmm_every_refit_is_a_glmm_and_zeros_stay():
    import pandas as pd

    frame = pd.DataFrame({"e": [0, 0, 3], "n": [20, 30, 40]})
    effects = meta.effect_sizes(frame, measure="PLO", events="e", n="n")
    moved = meta.leave_one_out(effects, ModelSpec(model="binomial_normal"))
    assert moved.status[2] == "one_sided"
    assert moved.natural[2] == 0.0
    assert moved.natural_high[2] == pytest.approx(1 - 0.05 ** (1 / 50), rel=1e-12)
    assert np.isnan(moved.estimate[2])
    assert moved.status[0] in ("ok", "boundary")


@pytest.mark.parametrize(("k", "seed"), [(40, 3), (60, 1), (60, 3)])
def test_freeman_tukey_refits_have_the_natural_bits_of_the_fit_without_the_study(k, seed):
    # these sets differed in a last bit while the harmonic mean of n was summed in two orders
    import pandas as pd

    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"n": rng.integers(5, 400, k)})
    frame["e"] = rng.binomial(frame["n"], 0.2)
    frame["s"] = [f"study {i}" for i in range(k)]
    moved = meta.leave_one_out(meta.effect_sizes(frame, measure="PFT", events="e", n="n", label="s"))
    for i in range(k):
        less = meta.effect_sizes(frame.drop(index=i), measure="PFT", events="e", n="n", label="s")
        natural = meta.fit_model(less).natural
        assert same_bits(moved.natural[i], natural.value)
        assert same_bits(moved.natural_low[i], natural.low)
        assert same_bits(moved.natural_high[i], natural.high)
