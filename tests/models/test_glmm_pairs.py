"""GLMMs of two groups and the beta-binomial through the public functions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp
from scipy.stats import nchypergeom_fisher

import meta
from meta.errors import ModelError, OptionError

TWO = ("unconditional_fixed", "unconditional_random", "conditional_exact", "conditional_approximate")
TRIALS = pd.DataFrame(
    {
        "events1": [4, 6, 3, 62, 33, 180, 8, 0],
        "n1": [123, 306, 231, 13598, 5069, 1541, 2545, 40],
        "events2": [11, 29, 11, 248, 47, 372, 10, 0],
        "n2": [139, 303, 220, 12867, 5808, 1451, 629, 41],
        "year": [1948, 1949, 1960, 1977, 1973, 1953, 1973, 1999],
    }
)


def ratios(frame: pd.DataFrame, measure: str = "OR", **further: object) -> meta.EffectSizes:
    size = "n" if measure == "OR" else "time"
    columns = {"events1": "events1", f"{size}1": "n1", "events2": "events2", f"{size}2": "n2"}
    return meta.effect_sizes(frame, measure=measure, **columns, **further)


def fit(effects: meta.EffectSizes, **choices: object) -> meta.Fit:
    return meta.fit_model(effects, meta.ModelSpec(**choices))


@pytest.mark.parametrize("model", TWO)
def test_a_fit_has_every_number(model: str) -> None:
    found = fit(ratios(TRIALS), model=model)
    random = model == "unconditional_random"
    # a trial without events has no odds ratio, and says something only of the levels
    assert found.k == (8 if random else 7)
    assert [e.reason for e in found.excluded] == ([] if random else ["0 events in both arms"])
    assert found.status == "ok"
    assert 0.15 < found.natural.low < found.natural.value < found.natural.high < 0.6
    np.testing.assert_allclose(found.natural.value, np.exp(found.estimate.value))
    assert found.tau2.low < found.tau2.value < found.tau2.high
    assert found.prediction.low < found.estimate.low
    assert found.heterogeneity.q_wald is not None
    assert found.weights is None
    assert found.population_mean is None
    levels = {"unconditional_fixed": found.k, "unconditional_random": 2}.get(model, 0)
    assert found.information.parameters == 2 + levels
    assert [c.name for c in found.components] == (["level"] if random else [])
    assert np.sign(found.estimate.statistic) == -1.0


@pytest.mark.parametrize("model", TWO)
def test_a_common_effect_holds_tau2_at_zero(model: str) -> None:
    found = fit(ratios(TRIALS), model=model, tau2_method=None)
    assert found.status == "ok"
    assert found.tau2.value == 0.0
    assert found.tau2.low is None
    assert found.prediction is None
    assert found.heterogeneity.i2 is None
    free = fit(ratios(TRIALS), model=model)
    assert found.loglik < free.loglik
    assert found.information.parameters == free.information.parameters - 1
    # Wald and profile agree where much is known and nothing varies
    wald = fit(ratios(TRIALS), model=model, tau2_method=None, ci_method="Wald")
    np.testing.assert_allclose(
        [wald.estimate.low, wald.estimate.high], [found.estimate.low, found.estimate.high], rtol=0, atol=2e-3
    )


def test_one_group_with_tau2_held_at_zero_is_the_pooled_proportion() -> None:
    effects = meta.effect_sizes(TRIALS, measure="PLO", events="events1", n="n1")
    found = fit(effects, model="binomial_normal", tau2_method=None)
    np.testing.assert_allclose(found.natural.value, TRIALS.events1.sum() / TRIALS.n1.sum(), rtol=1e-12)
    assert found.population_mean is None


def test_leave_one_out_row_is_the_fit_without_the_study() -> None:
    spec = meta.ModelSpec(model="conditional_exact", tau2_ci=None)
    moved = meta.leave_one_out(ratios(TRIALS), spec)
    for i in (0, 3, 6):
        without = meta.fit_model(ratios(TRIALS.drop(index=i)), spec)
        assert moved.estimate[i] == without.estimate.value
        assert moved.tau2[i] == without.tau2.value
        assert moved.low[i] == without.estimate.low


@pytest.mark.parametrize("model", TWO)
def test_moderators(model: str) -> None:
    effects = ratios(TRIALS)
    found = fit(effects, model=model, moderators="~ year", tau2_ci=None)
    assert found.coefficients.names == ("intercept", "year")
    assert found.estimate is None
    assert (found.coefficients.low < found.coefficients.value).all()
    plain = fit(effects, model=model, tau2_ci=None)
    np.testing.assert_allclose(found.moderator_test.statistic, 2 * (found.loglik - plain.loglik), rtol=1e-6)
    wald = fit(effects, model=model, moderators="~ year", tau2_ci=None, ci_method="t")
    assert wald.moderator_test.df2 == found.k - 2


@pytest.mark.parametrize("measure", ["OR", "IRR"])
@pytest.mark.parametrize("swapped", [False, True])
def test_an_arm_without_events_leaves_the_exact_conditional_bound(measure: str, swapped: bool) -> None:
    frame = pd.DataFrame({"events1": [0, 0, 0], "n1": [40, 50, 30], "events2": [3, 1, 2], "n2": [45, 52, 28]})
    if swapped:
        frame = frame.rename(columns={"events1": "events2", "n1": "n2", "events2": "events1", "n2": "n1"})
    for model in TWO[: 4 if measure == "OR" else 3]:
        found = fit(ratios(frame, measure), model=model, level=0.9)
        assert found.status == "one_sided"
        assert found.estimate is None
        assert (found.natural.value, found.natural.low) == (0.0, 0.0) or swapped
        bound = 1.0 / found.natural.low if swapped else found.natural.high
        if swapped:
            assert found.natural.value == found.natural.high == np.inf
        # the chance of so few events in all studies at that common ratio
        likely = 1.0
        for n1, m, n2 in zip([40, 50, 30], [3, 1, 2], [45, 52, 28], strict=True):
            law = nchypergeom_fisher(n1 + n2, n1, m, bound)
            likely *= law.pmf(0) if measure == "OR" else (1.0 / (1.0 + bound * n1 / n2)) ** m
        np.testing.assert_allclose(likely, 0.1, rtol=1e-7)


@pytest.mark.parametrize("model", TWO)
def test_no_events_in_any_arm_is_not_estimable(model: str) -> None:
    frame = pd.DataFrame({"events1": [0, 0], "n1": [40, 50], "events2": [0, 0], "n2": [45, 52]})
    found = fit(ratios(frame), model=model)
    assert found.status == "not_estimable"
    assert found.natural is None
    assert all(study.counts["n1"] > 0 for study in found.studies)


@pytest.mark.parametrize("model", TWO)
def test_one_study_keeps_its_exact_interval(model: str) -> None:
    frame = TRIALS.iloc[[0]]
    found = fit(ratios(frame), model=model)
    assert found.status == "single_study"
    if model == "conditional_approximate":
        return
    for bound, side in ((found.natural.high, "cdf"), (found.natural.low, "sf")):
        law = nchypergeom_fisher(262, 123, 15, bound)
        tail = law.cdf(4) if side == "cdf" else law.sf(3)
        np.testing.assert_allclose(tail, 0.025, rtol=1e-6)


def test_beta_binomial_reports_the_mean_and_rho() -> None:
    effects = meta.effect_sizes(TRIALS, measure="PLO", events="events1", n="n1")
    found = fit(effects, model="beta_binomial")
    assert found.status == "ok"
    assert found.tau2 is None
    assert found.prediction is None
    assert found.heterogeneity.i2 is None
    (rho,) = found.components
    assert rho.name == "rho"
    assert 0.0 < rho.low < rho.value < rho.high < 1.0
    assert found.natural.low < found.natural.value < found.natural.high
    # the mean of studies that differ this much lies between the pooled and the plain mean proportion
    shares = TRIALS.events1 / TRIALS.n1
    assert TRIALS.events1.sum() / TRIALS.n1.sum() < found.natural.value < 1.2 * shares.mean()
    wald = fit(effects, model="beta_binomial", ci_method="Wald")
    assert wald.estimate.value == found.estimate.value
    moved = meta.leave_one_out(effects, found.spec)
    assert moved.estimate[5] < found.estimate.value
    assert np.isnan(moved.tau2).all()


def test_beta_binomial_at_its_bounds() -> None:
    alike = pd.DataFrame({"e": [5, 10, 7], "n": [50, 100, 70]})
    found = fit(meta.effect_sizes(alike, measure="PLO", events="e", n="n"), model="beta_binomial")
    assert found.status == "boundary"
    assert (found.components[0].value, found.components[0].low) == (0.0, 0.0)
    none = pd.DataFrame({"e": [0, 0], "n": [30, 60]})
    found = fit(meta.effect_sizes(none, measure="PLO", events="e", n="n"), model="beta_binomial")
    assert found.status == "one_sided"
    np.testing.assert_allclose(found.natural.high, 1.0 - 0.05 ** (1.0 / 90.0), rtol=1e-12)


def test_errors_say_what_is_wrong() -> None:
    with pytest.raises(ModelError, match="fitted to counts of measure OR or IRR; got measure 'RR'"):
        fit(meta.effect_sizes(TRIALS, measure="RR", events1="events1", n1="n1", events2="events2", n2="n2"),
            model="conditional_exact")  # fmt: skip
    with pytest.raises(ModelError, match="fitted to counts of measure OR; got measure 'IRR'"):
        fit(ratios(TRIALS, "IRR"), model="conditional_approximate")
    numbers = meta.EffectSizes.from_arrays([0.1, 0.2], [0.1, 0.1], labels=["a", "b"], measure="OR")
    with pytest.raises(
        ModelError, match="needs the counts events1, n1, events2, n2; got effect sizes without"
    ):
        fit(numbers, model="unconditional_fixed")
    with pytest.raises(OptionError, match="pi_method under model='conditional_exact' must be one of None"):
        meta.ModelSpec(model="conditional_exact", tau2_method=None, pi_method="t_k1")
    with pytest.raises(OptionError, match="tau2_method under model='beta_binomial' must be one of None"):
        meta.ModelSpec(model="beta_binomial", tau2_method="ML")


def test_fixed_levels_lie_higher_than_where_glmer_stops_by_default() -> None:
    """By dense integration, each study's level at its best: 20 rate ratios, R metafor 3.8-1 with lme4 1.1-31.

    ``rma.glmm(measure = "IRR", model = "UM.FS", nAGQ = 21)`` stops a tenth of a standard error away; with
    glmer's bobyqa and tolPwrss = 1e-8 it arrives at our numbers.
    """
    counts = pd.DataFrame(
        {
            "events1": [2, 3, 30, 0, 35, 2, 1, 0, 2, 5, 4, 15, 6, 6, 0, 1, 2, 5, 0, 7],
            "time1": [
                316.6, 16.9, 95.6, 78.4, 118.9, 102.0, 128.9, 158.3, 51.9, 94.2,
                157.4, 230.3, 310.8, 46.7, 23.5, 47.1, 29.4, 102.2, 101.6, 160.4,
            ],
            "events2": [8, 7, 2, 11, 2, 3, 2, 4, 14, 10, 2, 3, 7, 9, 4, 1, 8, 2, 3, 7],
            "time2": [
                68.3, 99.0, 70.4, 77.7, 47.3, 37.6, 80.1, 92.9, 157.3, 147.3,
                25.4, 55.1, 80.7, 260.2, 153.8, 101.2, 306.7, 30.5, 72.7, 272.5,
            ],
        }
    )  # fmt: skip
    effects = meta.effect_sizes(counts, "IRR", **{name: name for name in counts})
    found = fit(effects, model="unconditional_fixed", ci_method="Wald", tau2_ci=None)
    z = np.linspace(-9.0, 9.0, 3001)
    log_density = -0.5 * z * z - 0.5 * np.log(2.0 * np.pi) + np.log(z[1] - z[0])

    def profile(mean: float, tau2: float) -> float:
        total = 0.0
        half = 0.5 * (mean + np.sqrt(tau2) * z)
        for events1, time1, events2, time2 in counts.itertuples(index=False):

            def lost(level: float) -> float:
                up, down = level + half, level - half
                terms = events1 * up - time1 * np.exp(up) + events2 * down - time2 * np.exp(down)  # noqa: B023
                return -float(logsumexp(log_density + terms))

            total -= minimize_scalar(lost, bounds=(-12.0, 6.0), method="bounded", options={"xatol": 1e-8}).fun
        return total

    ours = profile(found.estimate.value, found.tau2.value)
    np.testing.assert_allclose(ours - profile(-0.446203670795953, 1.78771360489946), 6.633e-3, rtol=1e-3)
    for step in (-1e-2, 1e-2):
        assert profile(found.estimate.value + step, found.tau2.value) < ours
        assert profile(found.estimate.value, found.tau2.value + step) < ours
    np.testing.assert_allclose(
        [found.estimate.value, found.estimate.se, found.tau2.value],
        [-0.40867911, 0.35676287, 1.73928182], rtol=2e-6,
    )  # fmt: skip
