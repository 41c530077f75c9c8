"""Shares of an analysis by risk of bias, what ratios mean among 1,000 people, and the inputs of certainty."""

from __future__ import annotations

import math

import numpy as np
import pytest

import meta
from meta.appraisal import TOOLS, Appraisal
from meta.effects.sizes import EffectSizes
from meta.errors import OptionError
from meta.options import ModelSpec
from meta.results import Natural
from meta.sensitivity.absolute import absolute_effect
from meta.sensitivity.certainty import certainty_inputs
from meta.sensitivity.judged import share_judgements

ABOUT = "Made up for tests: nobody judged these studies"

EVENTS, PEOPLE = [5, 9, 0, 22], [60, 44, 25, 80]


def effects() -> EffectSizes:
    import pandas as pd

    frame = pd.DataFrame({"study": list("ABCD"), "events": EVENTS, "n": PEOPLE})
    return meta.effect_sizes(frame, measure="PLO", events="events", n="n", label="study")


def appraisal() -> Appraisal:
    low, high = ("Low",) * 5, ("Low", "High", "some concerns", "", "Low")
    return Appraisal(TOOLS["RoB 2"], {"A": low, "B": high, "D": high}, {"A": "Low", "B": "High"}, {}, ABOUT)


def test_shares_are_of_the_weights_of_the_fit() -> None:
    fit = meta.fit_model(effects(), ModelSpec())
    shares = share_judgements(fit, appraisal())
    assert (shares.of, shares.k, shares.assessed) == ("weight", 4, 3)
    weights = {s.label: s.weight for s in fit.studies}
    second = {level.answer: level.percent for level in shares.domains[1].levels}
    assert second["High"] == pytest.approx(weights["B"] + weights["D"])
    assert second["Low"] == pytest.approx(weights["A"])
    assert second["Not assessed"] == pytest.approx(weights["C"])
    third = {level.answer: level.studies for level in shares.domains[2].levels}
    assert third == {"Low": 1, "Some concerns": 2, "High": 0, "No information": 0, "Not assessed": 1}
    assert shares.domains[-1].code == "overall"
    assert shares.domains[-1].high_percent == pytest.approx(weights["B"])
    for domain in shares.domains:
        assert sum(level.percent for level in domain.levels) == pytest.approx(100.0)


def test_a_glmm_has_no_weights_and_shares_are_of_people() -> None:
    fit = meta.fit_model(effects(), ModelSpec(model="binomial_normal"))
    shares = share_judgements(fit, appraisal())
    assert shares.of == "people"
    second = {level.answer: level.percent for level in shares.domains[1].levels}
    assert second["High"] == pytest.approx(100 * (44 + 80) / sum(PEOPLE))
    assert second["Not assessed"] == pytest.approx(100 * 25 / sum(PEOPLE))


@pytest.mark.parametrize(
    ("measure", "ratio", "expected"),
    [
        ("RR", 0.5, 60.0),
        ("OR", 0.5, 1000 * 0.06 / 0.94),
        ("IRR", 0.5, 60.0),
        ("PETO", 2.0, 1000 * 0.24 / 1.12),
    ],
)
def test_absolute_effects_follow_the_handbook(measure: str, ratio: float, expected: float) -> None:
    v = np.full(3, 0.04)
    data = EffectSizes.from_arrays(np.full(3, math.log(ratio)), v, labels=("a", "b", "c"), measure=measure)
    spec = ModelSpec(model="common") if measure == "PETO" else ModelSpec()
    found = absolute_effect(meta.fit_model(data, spec), 120.0)
    assert found is not None
    assert found.value == pytest.approx(expected)
    assert found.difference == pytest.approx(expected - 120.0)
    assert found.low < found.value < found.high
    assert not found.capped


def test_a_risk_ratio_never_makes_more_events_than_people() -> None:
    from dataclasses import replace

    data = EffectSizes.from_arrays(
        np.log([3.0, 3.0, 3.0]), np.full(3, 0.04), labels=list("abc"), measure="RR"
    )
    fit = meta.fit_model(data, ModelSpec())
    found = absolute_effect(fit, 500.0)
    assert found is not None
    assert (found.value, found.capped) == (1000.0, True)
    assert absolute_effect(replace(fit, natural=None), 500.0) is None
    odds = replace(fit, measure="OR", natural=Natural(2.0, 0.0, math.inf, None, None))
    wide = absolute_effect(odds, 500.0)
    assert wide is not None
    assert (wide.low, wide.high, wide.prediction_low) == (0.0, 1000.0, None)


@pytest.mark.parametrize("per_1000", [0.0, -1.0, 1000.0, math.nan, math.inf])
def test_a_baseline_out_of_range_is_refused(per_1000: float) -> None:
    data = EffectSizes.from_arrays([0.1, 0.2], [0.1, 0.1], labels=("a", "b"), measure="RR")
    with pytest.raises(OptionError, match="a baseline per 1,000 must be above 0 and below 1000; got"):
        absolute_effect(meta.fit_model(data, ModelSpec()), per_1000)


def test_a_measure_without_a_baseline_is_refused() -> None:
    with pytest.raises(OptionError, match="absolute effects need one of OR, PETO, RR, IRR; got PLO"):
        absolute_effect(meta.fit_model(effects(), ModelSpec()), 100.0)


def test_inputs_of_certainty_are_numbers_of_the_results() -> None:
    spec = ModelSpec()
    fit = meta.fit_model(effects(), spec)
    moved = meta.leave_one_out(effects(), spec)
    found = certainty_inputs(fit, moved, share_judgements(fit, appraisal()))
    assert (found.k, found.people, found.width_as) == (4, float(sum(PEOPLE)), "difference")
    assert found.width == fit.natural.prediction_high - fit.natural.prediction_low
    assert (found.left_out_low, found.left_out_high) == (min(moved.natural), max(moved.natural))
    assert found.tau2 == fit.tau2.value
    assert (found.high_risk_of, found.high_risk_in) == ("weight", "overall")


def test_a_tool_without_an_overall_judgement_names_its_worst_domain() -> None:
    fit = meta.fit_model(effects(), ModelSpec(model="binomial_normal"))
    jbi = Appraisal(
        TOOLS["JBI prevalence"],
        {
            "A": ("Yes",) * 9,
            "D": ("Yes", "No", "Yes", "No", "Yes", "Yes", "Yes", "Yes", "No"),
            "B": ("No", *["Yes"] * 8),
        },
        {},
        {},
        ABOUT,
    )
    found = certainty_inputs(fit, None, share_judgements(fit, jbi))
    assert (found.high_risk_in, found.high_risk_of) == ("2", "people")
    assert found.high_risk == pytest.approx(100 * 80 / sum(PEOPLE))
    assert (found.left_out_low, found.left_out_high) == (None, None)
    nobody = Appraisal(TOOLS["RoB 2"], {}, {}, {}, ABOUT)
    assert certainty_inputs(fit, None, share_judgements(fit, nobody)).high_risk is None
