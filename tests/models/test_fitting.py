"""The door to the models: what a fit carries, and what is refused."""

import numpy as np
import pandas as pd
import pytest

import meta
from meta.effects.sizes import EffectSizes
from meta.errors import EffectError, ModelError
from meta.options import ModelSpec

BCG = pd.DataFrame(
    {
        "trial": [f"t{i}" for i in range(13)],
        "tpos": [4, 6, 3, 62, 33, 180, 8, 505, 29, 17, 186, 5, 27],
        "tn": [123, 306, 231, 13598, 5069, 1541, 2545, 88391, 7499, 1716, 50634, 2498, 16913],
        "cpos": [11, 29, 11, 248, 47, 372, 10, 499, 45, 65, 141, 3, 29],
        "cn": [139, 303, 220, 12867, 5808, 1451, 629, 88391, 7277, 1665, 27338, 2341, 17854],
        "ablat": [44, 55, 42, 52, 13, 44, 19, 13, 27, 42, 18, 33, 33],
        "alloc": ["random"] * 4
        + [
            "alternate",
            "alternate",
            "random",
            "random",
            "random",
            "systematic",
            "systematic",
            "systematic",
            "systematic",
        ],
    }
)


def bcg():
    return meta.effect_sizes(
        BCG, measure="RR", events1="tpos", n1="tn", events2="cpos", n2="cn", label="trial"
    )


def test_weights_are_percent_and_add_up():
    fit = meta.fit_model(bcg())
    assert fit.weights.sum() == pytest.approx(100, rel=1e-12)
    assert [s.weight for s in fit.studies] == list(fit.weights)
    assert fit.totals == {"events1": 1065.0, "n1": 191064.0, "events2": 1510.0, "n2": 169877.0 - 3594.0}


def test_with_moderators_the_coefficients_speak():
    fit = meta.fit_model(bcg(), ModelSpec(moderators="~ ablat", ci_guard="none"))
    assert (
        fit.estimate is None
    )
    assert (
        fit.natural is None
    )
    assert (
        fit.prediction is None
    )
    assert (
        fit.population_mean is None
    )
    assert fit.coefficients.names == ("intercept", "ablat")
    # metafor 3.8 as quoted in the field's literature: b, se, tau2, F, R2
    np.testing.assert_allclose(fit.coefficients.value, [0.251468, -0.029102], atol=5e-7)
    np.testing.assert_allclose(fit.coefficients.se, [0.283925, 0.008201], atol=5e-7)
    assert fit.tau2.value == pytest.approx(0.076348, abs=5e-7)
    assert fit.moderator_test.statistic == pytest.approx(12.59098, abs=5e-6)
    assert (fit.moderator_test.df, fit.moderator_test.df2) == (1, 11.0)
    assert fit.r2 == pytest.approx(75.63, abs=5e-3)


def test_a_study_without_its_moderator_is_left_out_with_the_reason():
    frame = BCG.assign(ablat=[np.nan, *BCG["ablat"][1:]])
    effects = meta.effect_sizes(
        frame, measure="RR", events1="tpos", n1="tn", events2="cpos", n2="cn", label="trial"
    )
    fit = meta.fit_model(effects, ModelSpec(moderators="~ ablat"))
    assert fit.k == 12
    assert [(e.label, e.reason) for e in fit.excluded] == [("t0", "ablat not reported")]
    assert fit.studies[0].reason == "ablat not reported"


def test_a_trial_without_events_is_no_odds_ratio_and_stays_in_sight():
    frame = pd.DataFrame({"a": [0, 3, 5], "na": [10, 20, 30], "c": [0, 2, 9], "nc": [10, 20, 30]})
    effects = meta.effect_sizes(frame, measure="OR", events1="a", n1="na", events2="c", n2="nc")
    fit = meta.fit_model(effects)
    assert fit.k == 2
    assert fit.studies[0].reason == "0 events in both arms"
    assert not fit.studies[0].used


def test_one_study_is_itself():
    fit = meta.fit_model(EffectSizes.from_arrays([0.3], [0.04]))
    assert (fit.status, fit.k, fit.tau2.value, fit.prediction) == ("single_study", 1, 0.0, None)
    assert fit.estimate.low == pytest.approx(0.3 - 1.959963984540054 * 0.2, rel=1e-12)


def test_no_prediction_below_three_studies():
    fit = meta.fit_model(EffectSizes.from_arrays([0.3, 0.5], [0.04, 0.05]))
    assert fit.prediction is None
    assert fit.natural.prediction_low is None


def test_freeman_tukey_says_its_warning_and_goes_back_by_the_harmonic_mean():
    frame = pd.DataFrame(
        {"e": [4, 9, 0, 22, 3, 31, 15, 6, 0, 48], "n": [60, 44, 25, 80, 70, 90, 150, 30, 12, 110]}
    )
    fit = meta.fit_model(
        meta.effect_sizes(frame, measure="PFT", events="e", n="n"), ModelSpec(ci_method="Wald")
    )
    assert fit.natural.value == pytest.approx(0.14617, abs=5e-6)
    assert "harmonic mean" in fit.notes[0]


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: meta.fit_model(EffectSizes.from_arrays([], [])), ModelError, "no studies"),
        (
            lambda: meta.fit_model(bcg(), ModelSpec(model="binomial_normal")),
            ModelError,
            "counts of measure PLO; got measure 'RR'",
        ),
        (
            lambda: meta.fit_model(
                EffectSizes.from_arrays([1.0], [1.0], measure="PLO"), ModelSpec(model="binomial_normal")
            ),
            ModelError,
            "needs the counts events and n; got effect sizes without counts",
        ),
        (
            lambda: EffectSizes.from_arrays([1.0, 2.0], [1.0, 0.0]),
            EffectError,
            r"study '2' has y=2.0, v=0.0 \(1 such studies",
        ),
        (
            lambda: EffectSizes.from_arrays([1.0, 2.0], [1.0, 1.0], labels=["a", "a"]),
            EffectError,
            "more than once: 'a'",
        ),
        (
            lambda: meta.fit_many([[0.1, 0.2]], [[0.1, -0.1]]),
            ModelError,
            "analysis 1 uses study 2 with v=-0.1",
        ),
        (lambda: meta.fit_many([0.1, 0.2], [0.1, 0.1, 0.1]), ModelError, "do not broadcast"),
        (
            lambda: meta.fit_many([0.1], [0.1], ModelSpec(model="binomial_normal")),
            ModelError,
            "fit_many takes inverse-variance",
        ),
        (lambda: meta.fit_subgroups(bcg(), by="aloc"), ModelError, "no column 'aloc'; did you mean 'alloc'"),
    ],
)
def test_invalid_input_is_named(make, error, text):
    with pytest.raises(error, match=text):
        make()


def test_a_batch_reports_where_a_single_call_would_raise():
    many = meta.fit_many(
        [[0.1, 0.2, np.nan], [np.nan, np.nan, np.nan]], [[0.1, 0.1, np.nan], [0.1, 0.1, 0.1]]
    )
    assert many.status.tolist() == ["boundary", "not_estimable"]
    assert np.isnan(many.estimate[1])


def test_groups_of_one_study_are_shown_and_take_no_part_in_the_test():
    effects = EffectSizes.from_arrays(
        [0.1, 0.2, 0.9, 1.0, 5.0], [0.01] * 5, columns={"g": ["a", "a", "b", "b", "alone"]}
    )
    groups = meta.fit_subgroups(effects, ModelSpec(ci_method="Wald"), by="g")
    assert groups.levels == ("a", "alone", "b")
    assert groups.fits[1].status == "single_study"
    assert groups.fits[1].estimate.value == 5.0
    assert groups.test.df == 1
    assert groups.test.reason == "without alone (fewer than two studies, or not estimable)"


def test_results_turn_into_tables_and_plain_data():
    fit = meta.fit_model(bcg())
    frame = fit.to_frame()
    assert list(frame["label"]) == [f"t{i}" for i in range(13)]
    plain = fit.to_dict()
    assert plain["estimate"]["value"] == fit.estimate.value
    assert plain["spec"]["ci_guard"] == "se"
    moved = meta.leave_one_out(bcg())
    assert len(moved.to_frame()) == 13
    assert moved.to_dict()["status"] == moved.status.tolist()
