import numpy as np
import pandas as pd
import pytest
from scipy import stats

import meta
from meta.effects.sizes import EffectSizes
from meta.errors import ModelError
from meta.models.fitting import fit_model
from meta.models.predictions import curve_column, predict_at, predict_curve
from meta.options import ModelSpec


def studies(k=14, seed=4):
    rng = np.random.default_rng(seed)
    columns = {"x": list(rng.uniform(2.0, 30.0, k)), "g": ["a", "b"] * (k // 2), "y": [0.0] * k}
    return EffectSizes.from_arrays(
        rng.normal(0.2, 0.4, k), rng.uniform(0.02, 0.2, k), measure="RR", columns=columns
    )


def shifted(effects, column, at):
    """The same studies, the moderator measured from ``at``: the intercept is then the mean there."""
    columns = {**effects.columns, column: [x - at for x in effects.columns[column]]}
    return EffectSizes.from_arrays(effects.y, effects.v, measure="RR", columns=columns)


@pytest.mark.parametrize(
    "choices",
    [
        {},
        {"ci_guard": "none", "pi_method": "hk_k2"},
        {"ci_guard": "ci"},
        {"ci_guard": "iqwig6"},
        {"ci_method": "Wald", "pi_method": "z"},
        {"ci_method": "t", "pi_method": "hk_k1"},
        {"model": "common"},
        {"level": 0.8, "tau2_method": "DL"},
    ],
)
def test_a_prediction_is_the_intercept_of_the_model_measured_from_there(choices):
    """The independent computation: refit with the moderator shifted, and read off the intercept."""
    effects = studies()
    fit = fit_model(effects, ModelSpec(moderators="~ x", **choices))
    found = predict_at(fit, {"x": [5.0, 17.5, 60.0]})
    for i, at in enumerate((5.0, 17.5, 60.0)):
        there = fit_model(shifted(effects, "x", at), ModelSpec(moderators="~ x", **choices)).coefficients
        for ours, theirs in (
            (found.value, there.value),
            (found.se, there.se),
            (found.low, there.low),
            (found.high, there.high),
        ):
            assert ours[i] == pytest.approx(theirs[0], rel=1e-8)
    assert found.natural == pytest.approx(np.exp(found.value))
    assert found.natural_high == pytest.approx(np.exp(found.high))
    assert found.beyond.tolist() == [False, False, True]


def test_the_prediction_interval_by_hand():
    effects = studies()
    fit = fit_model(effects, ModelSpec(moderators="~ x + g", pi_method="hk_k2", ci_method="Wald"))
    found = predict_at(fit, {"x": 10.0, "g": "b"})
    x = np.column_stack([np.ones(14), effects.columns["x"], [float(g == "b") for g in effects.columns["g"]]])
    w = 1.0 / (effects.v + fit.tau2.value)
    wald = np.linalg.inv(x.T * w @ x)
    residual = effects.y - x @ fit.coefficients.value
    hksj = wald * max(1.0, w @ residual**2 / 11)
    row = np.array([1.0, 10.0, 1.0])
    half = stats.t.ppf(0.975, 10) * np.sqrt(fit.tau2.value + row @ hksj @ row)
    assert found.prediction_high - found.value == pytest.approx([half], rel=1e-10)
    assert found.se == pytest.approx([np.sqrt(row @ wald @ row)], rel=1e-10)
    assert found.values == {"x": (10.0,), "g": ("b",)}


def test_without_an_intercept_each_level_is_predicted_by_its_own_coefficient():
    effects = studies()
    fit = fit_model(effects, ModelSpec(moderators="~ 0 + g"))
    found = predict_at(fit, {"g": ["b", "a"]})
    assert found.value.tolist() == fit.coefficients.value[::-1].tolist()
    assert found.low == pytest.approx(fit.coefficients.low[::-1], rel=1e-12)
    assert fit.moderator_test.df == 2


def test_a_glmm_predicts_on_its_link_and_says_that_intervals_are_wald():
    sheet = pd.DataFrame(
        {
            "e": [3, 10, 9, 20, 25, 14],
            "n": [40, 60, 44, 70, 61, 50],
            "x": [1, 2, 3, 4, 5, 7],
            "g": [*"aabbcc"],
        }
    )
    effects = meta.effect_sizes(sheet, measure="PLO", events="e", n="n")
    fit = fit_model(effects, ModelSpec(model="binomial_normal", moderators="~ x"))
    found = predict_at(fit, {"x": [2, 9]})
    row = np.array([1.0, 9.0])
    se = np.sqrt(row @ fit.covariance @ row)
    assert found.se[1] == pytest.approx(se, rel=1e-12)
    assert found.high[1] == pytest.approx(
        row @ fit.coefficients.value + stats.norm.ppf(0.975) * se, rel=1e-12
    )
    assert found.natural == pytest.approx(1.0 / (1.0 + np.exp(-found.value)))
    assert found.notes == ("intervals of predictions are Wald's",)
    half = stats.t.ppf(0.975, 4) * np.sqrt(fit.tau2.value + se**2)
    assert found.prediction_high[1] - found.value[1] == pytest.approx(half, rel=1e-10)
    # without an intercept the joint test is of all coefficients
    levels = fit_model(effects, ModelSpec(model="binomial_normal", moderators="~ 0 + g"))
    assert levels.moderator_test.df == 3
    assert predict_at(levels, {"g": "c"}).value[0] == levels.coefficients.value[2]


def test_a_curve_runs_over_the_range_of_one_numeric_column():
    effects = studies()
    for formula in ("~ x", "~ x + I(x**2)", "~ ns(x, df=3)", "~ log(x)"):
        fit = fit_model(effects, ModelSpec(moderators=formula))
        assert curve_column(fit) == "x"
        curve = predict_curve(fit, 5)
        ends = curve.values["x"][0], curve.values["x"][-1]
        assert ends == (min(effects.columns["x"]), max(effects.columns["x"]))
        assert not curve.beyond.any()
    for formula in ("~ x + g", "~ g", "~ x * g"):
        fit = fit_model(effects, ModelSpec(moderators=formula))
        assert curve_column(fit) is None
        with pytest.raises(ModelError, match="a curve needs an estimated regression on one numeric column"):
            predict_curve(fit)


def test_few_studies_a_coefficient_are_noted_and_why_there_is_no_estimate():
    def notes(formula, k=14):
        return fit_model(studies(k), ModelSpec(moderators=formula)).notes

    assert notes("~ x") == ()
    assert notes("~ x + g") == (
        "14 studies for 2 coefficients beside the intercept: fewer than ten studies a coefficient, so an "
        "association may be chance and one that is there may be missed",
    )
    assert notes("~ 0 + g")[0].startswith("14 studies for 2 coefficients: fewer than ten")
    assert notes("~ x", 8)[0].startswith("8 studies for 1 coefficient beside the intercept: fewer than ten")
    assert notes("~ x + y")[0].startswith("over the 14 studies used the moderators cannot be told apart: 3")
    assert notes("~ x * g + I(x**2) + log(x)", 4)[0] == "4 studies do not determine 6 coefficients"


@pytest.mark.parametrize(
    ("formula", "values", "text"),
    [
        (None, {"x": 1}, "this one has none"),
        ("~ x + y", {"x": 1, "y": 1}, "has no estimate .status not_estimable."),
        ("~ x + g", {"x": 1}, "needs a value of 'g'"),
        ("~ x", {"x": 1, "z": 1}, "has no column 'z'"),
        ("~ x + g", {"x": [1, 2, 3], "g": ["a", "b"]}, "'g' has 2 values where others have 3"),
        ("~ g", {"g": "c"}, "no study used has g 'c'"),
        ("~ x", {"x": [1, None]}, "x must be a finite number; got None"),
        ("~ x", {"x": float("nan")}, "x must be a finite number; got nan"),
        ("~ x", {"x": "many"}, "x must be a finite number; got 'many'"),
        ("~ log(x)", {"x": 0}, r"log\(x\) needs x above 0; got 0"),
        ("~ x", {"x": []}, "'x' has 0 values"),
    ],
)
def test_what_cannot_be_predicted_is_said(formula, values, text):
    fit = fit_model(studies(), ModelSpec(moderators=formula))
    with pytest.raises(ModelError, match=text):
        predict_at(fit, values)
