"""The Bayesian model through the one door: what a fit, a refit, a subgroup and a threshold say."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest

import meta
from meta.effects.measures import to_natural
from meta.effects.sizes import EffectSizes
from meta.errors import ModelError, OptionError
from meta.kernels.posterior import integrate_posterior, posterior_tails
from meta.kernels.priors import Prior
from meta.models.bayes import find_prior
from meta.models.posterior_tails import with_threshold
from meta.options import ModelSpec
from meta.plots.posterior import posterior_plot

BAYES = ModelSpec(model="bayes")


def ratios(k: int = 5, measure: str = "OR", **columns: list[object]) -> EffectSizes:
    rng = np.random.default_rng(k)
    y, v = rng.normal(0.4, 0.5, k), rng.uniform(0.02, 0.3, k)
    return EffectSizes.from_arrays(y, v, measure=measure, columns=columns or None)


def proportions(measure: str = "PLO") -> EffectSizes:
    frame = pd.DataFrame({"study": list("abcd"), "events": [3, 10, 7, 0], "n": [20, 40, 25, 12]})
    return meta.effect_sizes(frame, measure=measure, events="events", n="n", label="study")


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (
            {"prior": "flat"},
            "prior must be one of 'half_normal', 'half_cauchy', 'uniform', 'log_normal'; got 'flat'",
        ),
        ({"prior": "half_normal"}, "prior_parameters of prior='half_normal' must be given: scale; got ()"),
        (
            {"prior": "half_normal", "prior_parameters": (0.0,)},
            "prior_parameters of prior='half_normal': scale must lie between 1e-30 and 1e+30; got 0",
        ),
        (
            {"prior": "log_normal", "prior_parameters": (-2.0, float("nan"))},
            "standard deviation of log tau2 must lie between 0.01 and 20; got nan",
        ),
        ({"prior_parameters": (0.5,)}, r"prior_parameters=(0.5,) belong to no prior; name one with prior"),
        ({"prior": "uniform", "prior_parameters": ("wide",)}, "prior_parameters must be a list of numbers"),
        ({"moderators": "~ year"}, "model='bayes' takes no moderators: it has one mean and tau"),
        ({"tau2_method": "REML"}, "tau2_method under model='bayes' must be one of 'posterior'; got 'REML'"),
        ({"ci_method": "HKSJ"}, "ci_method under model='bayes' must be one of 'posterior'; got 'HKSJ'"),
        ({"weights": "equal"}, "weights='equal' is not used under model='bayes'"),
    ],
)
def test_what_the_model_does_not_take_is_refused(options, text):
    with pytest.raises(OptionError) as caught:
        ModelSpec(model="bayes", **options)
    assert text in str(caught.value)


def test_a_prior_is_not_used_elsewhere():
    with pytest.raises(OptionError, match="prior='half_normal' is not used under model='random'"):
        ModelSpec(prior="half_normal", prior_parameters=(0.5,))


@pytest.mark.parametrize("measure", ["OR", "RR", "PLO", "IRLN", "IRR", "ROM"])
def test_logs_and_logits_have_a_default_prior(measure):
    assert find_prior(BAYES, measure) == Prior("half_normal", (0.5,))


@pytest.mark.parametrize("measure", ["GEN", "RD", "MD", "SMD", "PFT", "ZCOR"])
def test_other_scales_need_a_prior(measure):
    with pytest.raises(ModelError, match=f"model='bayes' needs a prior of tau for measure {measure}"):
        find_prior(BAYES, measure)
    given = ModelSpec(model="bayes", prior="half_cauchy", prior_parameters=(0.2,))
    assert find_prior(given, measure) == Prior("half_cauchy", (0.2,))


def test_a_fit_holds_medians_intervals_and_no_test():
    effects = ratios()
    fit = meta.fit_model(effects, BAYES)
    everyone = np.ones((1, 5), dtype=bool)
    rows = integrate_posterior(effects.y, effects.v, everyone, Prior("half_normal", (0.5,)), 0.95)
    estimate, posterior = fit.estimate, fit.posterior
    assert estimate is not None
    assert posterior is not None
    assert (estimate.value, estimate.low, estimate.high) == tuple(rows.mu[0])
    assert estimate.se == rows.sd[0] == posterior.sd
    assert math.isnan(estimate.p)
    assert math.isnan(estimate.statistic)
    assert estimate.df is None
    assert (fit.tau2.value, fit.tau2.low, fit.tau2.high) == tuple(rows.tau[0] ** 2)
    assert (fit.tau2.method, fit.tau2.ci_method, fit.prediction.method) == ("posterior",) * 3
    assert (fit.prediction.low, fit.prediction.high) == tuple(rows.new[0, 1:])
    assert fit.natural.value == math.exp(estimate.value)
    assert fit.weights.sum() == pytest.approx(100.0)
    assert fit.status == "ok"
    # the mean of mu is the mean of the effects under the weights shown
    assert float(np.sum(fit.weights * effects.y) / 100.0) == pytest.approx(posterior.mean, rel=1e-12)
    typical = fit.heterogeneity.typical_variance
    assert fit.heterogeneity.i2 == pytest.approx(100.0 * fit.tau2.value / (fit.tau2.value + typical))
    assert fit.heterogeneity.i2_high == pytest.approx(100.0 * fit.tau2.high / (fit.tau2.high + typical))
    assert [one.label for one in posterior.shrunken] == list(effects.labels)


def test_results_hold_no_nan():
    text = json.dumps(meta.fit_model(ratios(), BAYES).to_dict(), allow_nan=False)
    assert '"p": null' in text
    heavy = ModelSpec(model="bayes", prior="half_cauchy", prior_parameters=(1.0,))
    plain = meta.fit_model(ratios(2), heavy).to_dict()
    assert plain["estimate"]["se"] == "Inf"
    assert plain["posterior"]["mean"] is not None
    json.dumps(plain, allow_nan=False)


def test_leave_one_out_is_made_of_the_same_model_in_one_batch():
    effects = ratios(6)
    refits = meta.leave_one_out(effects, BAYES)
    for i in (0, 5):
        kept = [j for j in range(6) if j != i]
        alone = meta.fit_model(EffectSizes.from_arrays(effects.y[kept], effects.v[kept], measure="OR"), BAYES)
        assert refits.estimate[i] == alone.estimate.value
        assert refits.tau2[i] == alone.tau2.value
        assert refits.prediction_low[i] == alone.prediction.low
    assert np.isnan(refits.p).all()
    assert set(refits.status) == {"ok"}


def test_many_analyses_side_by_side_are_the_single_ones():
    effects = ratios(5)
    y = np.stack([effects.y, effects.y + 1.0, effects.y[::-1]])
    many = meta.fit_many(y, effects.v, BAYES, measure="OR")
    assert many.estimate[0] == meta.fit_model(effects, BAYES).estimate.value
    assert many.estimate[1] == pytest.approx(many.estimate[0] + 1.0, abs=1e-12)
    assert many.labels == ("1", "2", "3")


def test_one_study_and_two():
    one = meta.fit_model(ratios(1), BAYES)
    assert one.status == "single_study"
    assert one.prediction is not None
    assert one.notes == (
        "one study says nothing of tau: the interval of the mean carries the prior of tau unchanged",
    )
    two = meta.fit_model(ratios(2), BAYES)
    assert two.status == "ok"
    assert two.prediction is not None


@pytest.mark.parametrize(("k", "verb"), [(1, "is 1"), (2, "are 2")])
def test_an_improper_posterior_is_refused_in_words(k, verb):
    fit = meta.fit_model(ratios(k), ModelSpec(model="bayes", prior="uniform"))
    assert (fit.status, fit.estimate, fit.natural, fit.posterior) == ("not_estimable", None, None, None)
    assert fit.notes == (
        "no posterior: under a uniform prior of tau without an upper end it is proper from 3 studies on; "
        f"here {verb}",
    )
    bounded = meta.fit_model(ratios(k), ModelSpec(model="bayes", prior="uniform", prior_parameters=(2.0,)))
    assert bounded.estimate is not None


def test_groups_stand_side_by_side_without_a_test():
    effects = ratios(6, kind=["a", "a", "a", "b", "b", "b"])
    groups = meta.fit_subgroups(effects, BAYES, by="kind")
    assert groups.test.p is None
    why = "no test: a Bayesian model has none; the posteriors of the groups stand side by side"
    assert groups.test.reason == why
    assert all(fit.posterior is not None for fit in groups.fits)
    assert [one.label for one in groups.fits[1].posterior.shrunken] == ["4", "5", "6"]
    with pytest.raises(ModelError, match="one mean and one tau: no moderators, no tau2 shared by subgroups"):
        meta.fit_subgroups(effects, BAYES, by="kind", common_tau2=True)


def test_no_permutation_test():
    with pytest.raises(ModelError, match="model='bayes' has no permutation test"):
        meta.permute(ratios(5), BAYES)


def test_tails_at_the_null_value_and_at_a_threshold():
    effects = ratios()
    posterior = meta.fit_model(effects, BAYES).posterior
    at_null = meta.posterior_tail(effects, BAYES, 1.0)
    assert (at_null.mu, at_null.new) == (posterior.tail_mu, posterior.tail_new)
    beyond = meta.posterior_tail(effects, BAYES, 2.0)
    prior = Prior("half_normal", (0.5,))
    expected = posterior_tails(effects.y, effects.v, np.ones(5, dtype=bool), prior, math.log(2.0))
    assert (beyond.mu, beyond.new) == expected
    assert 0.0 < beyond.mu < at_null.mu < 1.0
    # no ratio lies below 0
    assert meta.posterior_tail(effects, BAYES, 0.0).mu == pytest.approx(1.0)
    fit = with_threshold(meta.fit_model(effects, BAYES), effects, 2.0)
    assert fit.posterior.beyond == beyond
    assert with_threshold(fit, effects, None) is fit


def test_proportions_have_no_null_value_and_a_threshold_as_a_fraction():
    effects = proportions()
    posterior = meta.fit_model(effects, BAYES).posterior
    assert (posterior.null, posterior.tail_mu, posterior.tail_new) == (None, None, None)
    upper, lower = (meta.posterior_tail(effects, BAYES, threshold).mu for threshold in (0.3, 0.1))
    assert 0.0 < upper < lower < 1.0
    with pytest.raises(ModelError, match=r"threshold=1.5 is no value of measure PLO"):
        meta.posterior_tail(effects, BAYES, 1.5)


@pytest.mark.parametrize("model", ["random", "common", "binomial_normal"])
def test_tails_ask_for_the_bayesian_model(model):
    with pytest.raises(ModelError, match=f"come from model='bayes'; got model='{model}'"):
        meta.posterior_tail(proportions(), ModelSpec(model=model), 0.2)


def test_shrunken_effects_go_back_with_the_size_of_their_own_study():
    effects = proportions("PFT")
    spec = ModelSpec(model="bayes", prior="half_normal", prior_parameters=(0.2,))
    posterior = meta.fit_model(effects, spec).posterior
    for one, n in zip(posterior.shrunken, (20, 40, 25, 12), strict=True):
        assert one.natural_value == float(to_natural("PFT", np.array(one.value), np.array(float(n))))
        assert one.natural_low <= one.natural_value <= one.natural_high
        assert one.natural_low >= 0.0


def test_curves_are_on_both_scales():
    posterior = meta.fit_model(proportions(), BAYES).posterior
    for curve in (posterior.density_mu, posterior.density_new):
        x, density, natural, natural_density = curve.T
        assert natural == pytest.approx(1.0 / (1.0 + np.exp(-x)))
        assert np.trapezoid(natural_density, natural) == pytest.approx(np.trapezoid(density, x), abs=2e-3)
    lean = posterior.to_lean()
    assert "density_mu" not in lean
    assert lean["shrunken"][0]["label"] == "a"


def test_without_an_interval_of_tau2_nothing_further_is_described():
    fit = meta.fit_model(ratios(), ModelSpec(model="bayes", tau2_ci=None))
    assert fit.posterior is None
    assert (fit.tau2.low, fit.tau2.high) == (None, None)
    assert fit.estimate.value == meta.fit_model(ratios(), BAYES).estimate.value
    with pytest.raises(meta.MetaError, match="a plot of a posterior takes a Bayesian fit with an estimate"):
        posterior_plot(fit)
