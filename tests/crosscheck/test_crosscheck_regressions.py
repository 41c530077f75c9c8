"""Regressions by other engines: they agree where we are right, and a falsified number is named."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from crosscheck_data import by_what, failures_of, shipped_answer

from meta.bias.asymmetry import check_sample_size
from meta.crosscheck.regressed import Regressions
from meta.crosscheck.regression_engine import WLS_WORDS, crosscheck_regressions
from meta.effects.sizes import EffectSizes
from meta.models.fitting import fit_model
from meta.models.subgroups import fit_subgroups
from meta.options import ModelSpec
from meta.results import Fit


def made(formula: str, **options: Any) -> tuple[EffectSizes, Fit]:
    """Return a regression on fourteen made studies, one of which lacks a moderator."""
    random = np.random.default_rng(4)
    k = 14
    v = random.uniform(0.02, 0.2, k)
    dose = [*(float(x) for x in random.uniform(1, 9, k - 1)), None]
    arm = tuple("abc"[i % 3] for i in range(k))
    y = np.array([0.1 * (d or 0) for d in dose]) + random.normal(0, 0.4, k)
    effects = EffectSizes.from_arrays(y, v)
    effects = replace(effects, columns={"dose": tuple(dose), "arm": arm})
    return effects, fit_model(effects, ModelSpec(moderators=formula, **options))


def ask(effects: EffectSizes, fit: Fit) -> Any:
    return crosscheck_regressions((("regression", effects, fit),))


@pytest.mark.parametrize("formula", ["~ dose", "~ dose * C(arm)", "~ 0 + C(arm)", "~ ns(dose, df=3)"])
@pytest.mark.parametrize("options", [
    {},
    {"ci_method": "Wald"},
    {"ci_method": "t", "tau2_method": "DL"},
    {"ci_guard": "none", "tau2_method": "HE", "level": 0.9},
    {"tau2_method": "PM"},
    {"model": "common", "ci_method": "Wald"},
    {"model": "uwls"},
])
def test_coefficients_standard_errors_limits_and_tests_agree(formula: str, options: dict[str, Any]) -> None:
    opinions = ask(*made(formula, **options))
    assert not failures_of(opinions)
    least = by_what(opinions, WLS_WORDS)
    p = {"~ dose": 2, "~ dose * C(arm)": 6, "~ 0 + C(arm)": 3, "~ ns(dose, df=3)": 4}[formula]
    assert (least.status, least.quantities) == ("agrees", 4 * p + 2)


@pytest.mark.parametrize(("field", "named"), [
    ("value", "dose: coefficient: "), ("se", "dose: standard error: "), ("high", "dose: upper limit: "),
])
def test_a_falsified_coefficient_is_named(field: str, named: str) -> None:
    effects, fit = made("~ dose")
    assert fit.coefficients is not None
    false = np.array(getattr(fit.coefficients, field))
    false[1] *= 1.0 + 1e-8
    opinions = ask(effects, replace(fit, coefficients=replace(fit.coefficients, **{field: false})))
    assert any(text.startswith(named) for text in by_what(opinions, WLS_WORDS).failures)


def test_a_falsified_test_tau2_or_q_is_named() -> None:
    effects, fit = made("~ dose")
    assert fit.moderator_test is not None
    assert fit.tau2 is not None
    assert fit.heterogeneity is not None
    moved = replace(fit.moderator_test, statistic=fit.moderator_test.statistic * 1.001)
    assert "joint test: " in failures_of(ask(effects, replace(fit, moderator_test=moved)))[0]
    tau2 = replace(fit.tau2, value=fit.tau2.value * 1.001)
    assert any("PyMARE, tau2: " in text for text in failures_of(ask(effects, replace(fit, tau2=tau2))))
    q = replace(fit.heterogeneity, q=fit.heterogeneity.q + 0.01)
    assert "residual Q: " in failures_of(ask(effects, replace(fit, heterogeneity=q)))[0]


@pytest.mark.parametrize("options", [{}, {"ci_method": "Wald"}, {"tau2_method": "DL", "ci_guard": "none"}])
def test_groups_that_share_one_tau2_are_a_regression(options: dict[str, Any]) -> None:
    effects, _ = made("~ dose")
    groups = fit_subgroups(effects, ModelSpec(**options), by="arm", common_tau2=True)
    asked: Regressions = (("subgroups arm: one tau2", effects, groups),)
    opinions = crosscheck_regressions(asked)
    assert not failures_of(opinions)
    assert by_what(opinions, WLS_WORDS).quantities == 13
    assert groups.fits[1].estimate is not None
    false = replace(groups.fits[1], estimate=replace(groups.fits[1].estimate, value=1.0))
    moved = replace(groups, fits=(groups.fits[0], false, groups.fits[2]))
    told = failures_of(crosscheck_regressions((("groups", effects, moved),)))
    assert told[0].startswith("statsmodels, b: coefficient: 1.0 here, ") or told[0].startswith("PyMARE")


def test_regressions_of_the_shipped_review_on_counts_are_integrated_again() -> None:
    answer = shipped_answer("clozapine_response")
    asked = answer.regressed()
    assert [part for part, _, _ in asked] == ["regression: ~ weeks", "small-study check"]
    opinions = crosscheck_regressions(asked)
    assert [(o.engine, o.status) for o in opinions] == [
        ("PyMARE", "cannot"), ("statsmodels", "cannot"), ("SciPy", "agrees"), ("SciPy", "agrees"),
    ] * 2
    part, effects, fit = asked[0]
    assert isinstance(fit, Fit)
    assert fit.coefficients is not None
    moved = replace(fit.coefficients, value=np.array(fit.coefficients.value) * 1.001)
    told = failures_of(crosscheck_regressions(((part, effects, replace(fit, coefficients=moved)),)))
    assert any("by how much a value near (coefficients, tau2) is higher" in text for text in told)


def test_the_small_study_check_of_an_inverse_variance_model() -> None:
    effects, _ = made("~ dose")
    n = np.linspace(20, 200, effects.k)
    effects = replace(effects, counts={"n": n})
    check = check_sample_size(effects, ModelSpec())
    assert check.fit is not None
    assert not failures_of(ask(effects, check.fit))


@pytest.mark.parametrize(("options", "reason"), [
    ({"ci_method": "CR2", "cluster": "arm"}, "no second program here has this regression with clusters"),
    ({"ci_guard": "ci"}, "no second program here has the guard ci"),
    ({"model": "ivhet", "ci_method": "Wald"}, "under this model"),
])
def test_what_no_engine_has_is_declined_by_name(options: dict[str, Any], reason: str) -> None:
    opinions = ask(*made("~ dose", **options))
    assert {opinion.status for opinion in opinions} == {"cannot"}
    assert all(reason in opinion.reason for opinion in opinions)


def test_a_regression_without_coefficients_has_nothing_to_compare() -> None:
    effects, _ = made("~ dose")
    few = replace(effects, columns={**effects.columns, "dose": (1.0, *(None,) * (effects.k - 1))})
    opinions = ask(few, fit_model(few, ModelSpec(moderators="~ dose")))
    assert all("there are no coefficients" in opinion.reason for opinion in opinions)
