"""What a Bayesian analysis is asked for and cannot do: refusals name the argument, the rule, the value."""

from __future__ import annotations

import re

import numpy as np
import pytest

import meta
from meta.effects.sizes import EffectSizes
from meta.errors import ModelError, OptionError

HUGE = 10**400

#: What each parameter is called, and the bounds that a refusal names.
PARAMETERS = {
    "half_normal": ("scale", "1e-30", "1e+30"),
    "half_cauchy": ("scale", "1e-30", "1e+30"),
    "uniform": ("upper end", "1e-30", "1e+30"),
}


def fit(measure: str = "OR", k: int = 3, **options: object) -> meta.Fit:
    y, v = np.array([0.1, 0.5, 0.3])[:k], np.array([0.1, 0.2, 0.05])[:k]
    effects = EffectSizes.from_arrays(y, v, measure=measure)
    return meta.fit_model(effects, meta.ModelSpec(model="bayes", **options))  # type: ignore[arg-type]


@pytest.mark.parametrize("prior", PARAMETERS)
@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (-1.0, "-1"),
        (0.0, "0"),
        (-0.0, "-0"),
        (float("inf"), "inf"),
        (float("-inf"), "-inf"),
        (float("nan"), "nan"),
        (1e-40, "1e-40"),
        (HUGE, "inf"),
        (-HUGE, "-inf"),
    ],
)
def test_a_scale_is_a_positive_finite_number(prior, value, shown):
    name, low, high = PARAMETERS[prior]
    rule = f"prior_parameters of prior='{prior}': {name} must lie between {low} and {high}; got {shown}"
    with pytest.raises(OptionError, match=f"^{re.escape(rule)}$"):
        fit(prior=prior, prior_parameters=(value,))


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ((-2.0, 0.0), "standard deviation of log tau2 must lie between 0.01 and 20; got 0"),
        ((-2.0, -1.0), "standard deviation of log tau2 must lie between 0.01 and 20; got -1"),
        ((-2.0, float("inf")), "standard deviation of log tau2 must lie between 0.01 and 20; got inf"),
        ((float("nan"), 1.0), "mean of log tau2 must lie between -100 and 100; got nan"),
        ((float("-inf"), 1.0), "mean of log tau2 must lie between -100 and 100; got -inf"),
        ((HUGE, 1.0), "mean of log tau2 must lie between -100 and 100; got inf"),
    ],
)
def test_a_log_normal_has_a_finite_mean_and_a_positive_spread(values, rule):
    said = f"prior_parameters of prior='log_normal': {rule}"
    with pytest.raises(OptionError, match=f"^{re.escape(said)}$"):
        fit(prior="log_normal", prior_parameters=values)


@pytest.mark.parametrize(
    ("prior", "values", "wanted"),
    [
        ("half_normal", None, "scale; got ()"),
        ("half_normal", (), "scale; got ()"),
        ("half_normal", (1.0, 2.0), "scale; got (1.0, 2.0)"),
        ("half_cauchy", (), "scale; got ()"),
        ("uniform", (1.0, 2.0), "upper end; got (1.0, 2.0)"),
        ("log_normal", None, "mean of log tau2, standard deviation of log tau2; got ()"),
        ("log_normal", (-2.0,), "mean of log tau2, standard deviation of log tau2; got (-2.0,)"),
    ],
)
def test_each_prior_takes_its_own_number_of_parameters(prior, values, wanted):
    rule = f"prior_parameters of prior='{prior}' must be given: {wanted}"
    with pytest.raises(OptionError, match=f"^{re.escape(rule)}$"):
        fit(prior=prior, prior_parameters=values)


@pytest.mark.parametrize("values", [0.5, "0.5", (True,), (None,), ("0.5",), (1j,), ([0.5],), np.array([0.5])])
def test_parameters_are_a_list_of_numbers(values):
    with pytest.raises(OptionError, match=r"^prior_parameters must be a list of numbers; got "):
        fit(prior="half_normal", prior_parameters=values)


@pytest.mark.parametrize("prior", ["flat", "", "Half_Normal", "half-normal", "normal"])
def test_an_unknown_prior_is_answered_with_those_there_are(prior):
    rule = f"prior must be one of 'half_normal', 'half_cauchy', 'uniform', 'log_normal'; got {prior!r}"
    with pytest.raises(OptionError, match=f"^{re.escape(rule)}$"):
        fit(prior=prior, prior_parameters=(0.5,))


@pytest.mark.parametrize("prior", [3, ["half_normal"], True])
def test_a_prior_is_a_text(prior):
    with pytest.raises(OptionError, match=r"^prior must be a text; got "):
        fit(prior=prior, prior_parameters=(0.5,))


@pytest.mark.parametrize("level", [0.0, 1.0, -0.95, float("nan"), float("inf"), HUGE])
def test_a_level_lies_between_0_and_1(level):
    with pytest.raises(OptionError, match=r"^level must lie between 0 and 1 \(0.95 for 95%\); got "):
        fit(level=level)


def test_a_measure_on_its_own_scale_asks_for_a_prior_and_says_in_which_units():
    with pytest.raises(ModelError, match=r"give prior and prior_parameters in the units of the effects$"):
        fit("MD")


@pytest.mark.parametrize("numbers", [(1,), [1.0], (np.float64(1.0),), (np.int64(1),), (np.float32(1.0),)])
def test_numbers_of_any_kind_are_the_same_prior(numbers):
    given = fit(prior="half_normal", prior_parameters=numbers)
    assert given.spec.prior_parameters == (1.0,)
    assert type(given.spec.prior_parameters[0]) is float
    assert given.tau2 == fit(prior="half_normal", prior_parameters=(1.0,)).tau2


@pytest.mark.parametrize("scale", [1e-30, 1e30])
@pytest.mark.parametrize("k", [1, 2, 3])
def test_the_ends_of_what_is_allowed_are_fitted(scale, k):
    for prior in ("half_normal", "half_cauchy", "uniform"):
        made = fit(k=k, prior=prior, prior_parameters=(scale,))
        assert made.status == ("single_study" if k == 1 else "ok")
        estimate, tau2 = made.estimate, made.tau2
        numbers = [estimate.value, estimate.low, estimate.high, tau2.value, tau2.high]
        assert np.isfinite(numbers).all(), (prior, numbers)
    for mean in (-100.0, 100.0):
        for sd in (0.01, 20.0):
            made = fit(k=k, prior="log_normal", prior_parameters=(mean, sd))
            assert made.status == ("single_study" if k == 1 else "ok"), (mean, sd)
            assert made.estimate.low < made.estimate.value < made.estimate.high
