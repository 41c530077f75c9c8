"""What ``meta check`` says of a model that does not suit its measure or its moderators."""

from __future__ import annotations

from typing import Any

import pytest

from meta.protocol.model_rules import check_model
from meta.protocol.plan import Analysis


def faults(measure: str, profile: str, model: dict[str, Any], **more: Any) -> list[tuple[str, str, str]]:
    """Return place, rule and message with advice of what is wrong with the model of an analysis."""
    analysis = Analysis.model_validate(
        {"id": "x", "title": "X", "question": "X?", "sheet": "main", "measure": measure, "columns": {},
         "profile": profile, "model": model, **more}
    )  # fmt: skip
    found = check_model(("analyses", 0), analysis)
    return [(".".join(map(str, f.path[2:])), f.rule, f"{f.message}; {f.advice}") for f in found]


@pytest.mark.parametrize(
    ("measure", "profile", "model", "place", "words"),
    [
        ("SMD", "revman5@1", {}, "profile", 'SMD has none; set model = {tau2_method = "DL"}'),
        ("GEN", "house@1", {"tau2_method": "DL_MH"}, "model", "'DL_MH' pools the counts of two groups"),
        ("MD", "house@1", {"model": "mantel_haenszel"}, "model", "MD has none; choose another model"),
        ("PETO", "house@1", {"model": "mantel_haenszel"}, "model", "for OR, RR, RD, IRR, IRD; PETO has none"),
        ("SMD", "house@1", {"model": "bayes"}, "model", "needs a prior of tau for measure SMD"),
        ("OR", "house@1", {"model": "beta_binomial"}, "model", "OR is no proportion; choose another profile"),
        ("IRLN", "proportions-glmm@1", {}, "profile", 'set model = {model = "poisson_normal"} for rates'),
    ],
)
def test_a_model_that_its_measure_does_not_suit_is_named(
    measure: str, profile: str, model: dict[str, Any], place: str, words: str
) -> None:
    ((at, rule, text),) = faults(measure, profile, model)
    assert (at, rule) == (place, "model-measure")
    assert words in text


def test_two_groups_are_not_told_of_a_model_of_one_group() -> None:
    ((_, _, text),) = faults("OR", "house@1", {"model": "beta_binomial"})
    assert "poisson_normal" not in text


@pytest.mark.parametrize(
    ("profile", "model", "words"),
    [
        ("revman5@1", {}, "tau2_method='DL_MH' takes no moderators"),
        ("house@1", {"model": "mantel_haenszel"}, "model='mantel_haenszel' takes no moderators"),
        ("house@1", {"model": "bayes"}, "model='bayes' takes no moderators"),
    ],
)
def test_moderators_of_a_model_without_regression_are_named_with_their_place(
    profile: str, model: dict[str, Any], words: str
) -> None:
    plans = [{"formula": "~ year", "title": "Against year"}]
    ((at, rule, text),) = faults("OR", profile, model, moderators=plans)
    assert (at, rule) == ("moderators.0.formula", "model-choice")
    assert words in text


@pytest.mark.parametrize(
    ("model", "formula", "words"),
    [
        ({"model": "conditional_exact"}, "~ year", "'conditional_exact' has no permutation test; those that"),
        ({"model": "three_level", "cluster": "s"}, "~ year", "'three_level' has no permutation test"),
        ({"ci_method": "CR2", "cluster": "s"}, "~ year", "a permutation test takes a model without cluster"),
        ({}, "~ 0 + C(design)", "without an intercept the order of the studies tests nothing"),
    ],
)
def test_a_permutation_test_that_a_model_has_not_is_named_by_the_check(
    model: dict[str, Any], formula: str, words: str
) -> None:
    plan = {"formula": formula, "title": "T"}
    assert faults("OR", "house@1", model, moderators=[plan]) == []
    ((at, rule, text),) = faults("OR", "house@1", model, moderators=[{**plan, "permutation": True}])
    assert (at, rule) == ("moderators.0.permutation", "no-permutation")
    assert words in text


def test_permutation_tests_that_there_are_pass_the_check() -> None:
    plans = [{"formula": "~ year", "title": "T", "permutation": True}]
    for measure, profile, model in (
        ("OR", "house@1", {}),
        ("OR", "house@1", {"model": "common"}),
        ("PLO", "proportions-glmm@1", {}),
    ):
        assert faults(measure, profile, model, moderators=plans) == []


@pytest.mark.parametrize(
    ("measure", "profile", "model"),
    [
        ("RR", "revman5@1", {}),
        ("SMD", "revman5@1", {"tau2_method": "DL"}),
        ("IRD", "house@1", {"model": "mantel_haenszel"}),
        ("SMD", "house@1", {"model": "bayes", "prior": "half_normal", "prior_parameters": [0.5]}),
        ("OR", "house@1", {"model": "bayes"}),
        ("IRLN", "proportions-glmm@1", {"model": "poisson_normal"}),
    ],
)
def test_a_model_that_suits_is_let_through(measure: str, profile: str, model: dict[str, Any]) -> None:
    assert faults(measure, profile, model) == []
