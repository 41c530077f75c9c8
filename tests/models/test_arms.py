"""Risks of both arms, and the curve that a pooled value draws through them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import meta
from meta.errors import ModelError
from meta.models.arms import compare_arms

TRIALS = pd.DataFrame(
    {
        "e1": [4, 6, 0, 30],
        "n1": [120, 300, 50, 210],
        "e2": [11, 29, 4, 44],
        "n2": [139, 303, 52, 190],
        "t": [9.0] * 4,
    }
)


def fit_of(measure: str, **choices: object) -> meta.Fit:
    effects = meta.effect_sizes(TRIALS, measure=measure, events1="e1", n1="n1", events2="e2", n2="n2")
    return meta.fit_model(effects, meta.ModelSpec(**choices))  # type: ignore[arg-type]


def test_risks_are_raw_and_sized_by_weight() -> None:
    fit = fit_of("OR")
    arms = compare_arms(fit)
    assert arms.risk1 == pytest.approx(TRIALS.e1 / TRIALS.n1, rel=1e-15)
    assert arms.risk2 == pytest.approx(TRIALS.e2 / TRIALS.n2, rel=1e-15)
    assert (arms.kind, arms.sized) == ("risk", "weight")
    assert arms.size.sum() == pytest.approx(100.0)


@pytest.mark.parametrize("measure", ["OR", "PETO", "RR", "RD", "AS"])
def test_on_the_curve_the_effect_is_the_pooled_value(measure: str) -> None:
    fit = fit_of(measure, model="common" if measure == "PETO" else "random")
    arms = compare_arms(fit)
    assert fit.estimate is not None
    for curve, y in (
        (arms.pooled, fit.estimate.value),
        (arms.low, fit.estimate.low),
        (arms.high, fit.estimate.high),
    ):
        inside = (arms.control > 0.0) & (arms.control < 1.0) & (curve > 0.0) & (curve < 1.0)
        p, c = curve[inside], arms.control[inside]
        back = {
            "OR": np.log(p / (1 - p) * (1 - c) / c),
            "PETO": np.log(p / (1 - p) * (1 - c) / c),
            "RR": np.log(p / c),
            "RD": p - c,
            "AS": np.arcsin(np.sqrt(p)) - np.arcsin(np.sqrt(c)),
        }[measure]
        # at the clamped ends of the arcsine scale the difference is cut short
        assert np.median(np.abs(back - y)) < 1e-12
        assert inside.sum() > 200
    assert (np.diff(arms.control) > 0).all()


def test_rates_and_glmms_have_their_sizes() -> None:
    effects = meta.effect_sizes(
        TRIALS.assign(t1=TRIALS.n1 * 2.5, t2=TRIALS.n2 * 2.0),
        measure="IRR", events1="e1", time1="t1", events2="e2", time2="t2",
    )  # fmt: skip
    arms = compare_arms(meta.fit_model(effects, meta.ModelSpec(model="conditional_exact")))
    assert (arms.kind, arms.sized) == ("rate", "person-time")
    assert arms.risk1 == pytest.approx(TRIALS.e1 / (TRIALS.n1 * 2.5))
    assert arms.size == pytest.approx(TRIALS.n1 * 2.5 + TRIALS.n2 * 2.0)


def test_other_measures_and_fits_without_counts_are_refused() -> None:
    with pytest.raises(
        ModelError, match="one of the measures OR, PETO, RR, RD, AS, IRR, IRD, IRSD; got measure 'PHI'"
    ):
        compare_arms(fit_of("PHI"))
    bare = meta.EffectSizes.from_arrays([0.1, 0.2], [0.1, 0.1], measure="OR")
    with pytest.raises(ModelError, match="needs the counts events1, n1, events2, n2; no study used has them"):
        compare_arms(meta.fit_model(bare))


def test_beyond_the_scale_the_curve_ends_and_the_band_stays_at_the_end() -> None:
    doubled = meta.EffectSizes.from_arrays([0.7, 0.6, 0.8], [0.01] * 3, measure="RR")
    counts = {
        "events1": np.array([20.0, 18.0, 22.0]), "n1": np.full(3, 50.0),
        "events2": np.array([10.0, 10.0, 10.0]), "n2": np.full(3, 50.0),
    }  # fmt: skip
    arms = compare_arms(
        meta.fit_model(meta.EffectSizes(doubled.y, doubled.v, doubled.labels, "RR", counts=counts))
    )
    assert np.isnan(arms.pooled[-1])
    assert (arms.low[-1], arms.high[-1]) == (1.0, 1.0)
    assert (np.diff(arms.high) >= 0.0).all()
    assert (arms.low <= arms.high).all()
