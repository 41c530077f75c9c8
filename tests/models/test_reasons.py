"""Every fit without an estimate says why, whatever the model; a flat likelihood is said to be flat."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

import meta
from meta.models.glmm_reasons import ALL_OR_NOTHING, AT_ENDS, NO_RATIO, SEPARATED
from meta.models.reasons import NO_ROW, NO_STUDY
from meta.options import GLMMS, MULTILEVEL, TWO_GROUP_GLMMS, Model

#: Events and size of group 1, then of group 2, study after study.
COUNTS = {
    "no events": [(0, 10, 0, 12), (0, 9, 0, 8), (0, 5, 0, 7)],
    "nothing but events": [(10, 10, 12, 12), (9, 9, 8, 8)],
    "one study": [(3, 10, 2, 12)],
    "one study without events": [(0, 10, 0, 12)],
    "one arm without events": [(0, 10, 3, 12), (0, 9, 1, 8)],
    "opposed": [(0, 10, 3, 12), (4, 9, 0, 8), (0, 7, 2, 7)],
    "single people": [(0, 1, 1, 1), (1, 1, 0, 1), (0, 1, 1, 1)],
    "two studies": [(3, 10, 2, 12), (1, 9, 4, 8)],
    "equal studies": [(3, 10, 2, 12)] * 3,
    "not reported": [(None, 10, 3, 12), (None, 9, 2, 8)],
}
FORMULAS = (None, "~ x", "~ C(g)")
WITHOUT_MODERATORS = ("mantel_haenszel", "bayes")
ONE_GROUP = {"binomial_normal": ["PLO"], "beta_binomial": ["PLO"], "poisson_normal": ["IRLN"]}
COLUMNS = {
    "PLO": ("events", "n"),
    "IRLN": ("events", "time"),
    **dict.fromkeys(("OR", "RR", "RD"), ("events1", "n1", "events2", "n2")),
    **dict.fromkeys(("IRR", "IRD"), ("events1", "time1", "events2", "time2")),
}


NONE_LEFT = "2 studies for 2 coefficients: none is left to tell how much studies differ"
NO_VARIANCE = "every group has no event, or nothing but events: the variance is 0"
NO_POOL = (
    "one of the groups has no event in any study (or, of odds, nothing but events): the pooled ratio is 0, "
    "infinite or unknown"
)


def measures_of(model: str) -> list[str]:
    if model in ONE_GROUP:
        return ONE_GROUP[model]
    if model == "mantel_haenszel":
        return ["OR", "RR", "RD", "IRR", "IRD"]
    if model in TWO_GROUP_GLMMS:
        return ["OR"] if model == "conditional_approximate" else ["OR", "IRR"]
    return ["OR", "PLO"]


def effects_of(name: str, measure: str) -> meta.EffectSizes:
    counts, columns = COUNTS[name], COLUMNS[measure]
    frame = pd.DataFrame([row[: len(columns)] for row in counts], columns=columns, dtype=float)
    k = len(counts)
    frame = frame.assign(x=np.arange(float(k)), g=list("aabb")[:k], study=list("AABB")[:k])
    return meta.effect_sizes(frame, measure, **{column: column for column in columns})


def specs_of(model: str):
    """The model with every kind of interval that may be missing by itself, with and without moderators."""
    robust = ("CR0", "CR1p", "CR2") if model in ("random", "common", *MULTILEVEL) else ()
    plain = "Wald" if model in GLMMS else "default"
    for formula in FORMULAS[:1] if model in WITHOUT_MODERATORS else FORMULAS:
        for method in (plain, *robust):
            cluster = "study" if model in MULTILEVEL or method in robust else None
            yield meta.ModelSpec(
                model=model, ci_method=method, cluster=cluster, moderators=formula, tau2_ci=None
            )


def reasons_in(fit: meta.Fit) -> list[str]:
    """The notes of a fit, but for those that a fit with an estimate may have too."""
    usual = ("fewer than ten studies", "Q-profile", "they may be too small")
    return [note for note in fit.notes if not any(words in note for words in usual)]


@pytest.mark.parametrize("model", Model.__args__)
def test_no_fit_is_without_estimate_and_without_reason(model: str) -> None:
    seen = 0
    for spec in specs_of(model):
        for name in COUNTS:
            for measure in measures_of(model):
                fit = meta.fit_model(effects_of(name, measure), spec)
                if fit.status in ("not_estimable", "not_converged"):
                    seen += 1
                    reasons = reasons_in(fit)
                    assert reasons, (name, measure, spec)
                    assert "these studies do not determine the model" not in reasons, (name, measure, spec)
    assert seen > 3


@pytest.mark.parametrize("held", [False, True])
@pytest.mark.parametrize(
    ("model", "measure", "name", "formula", "reason"),
    [
        ("random", "OR", "no events", None, NO_STUDY),
        ("random", "OR", "not reported", None, NO_ROW),
        ("random", "OR", "two studies", "~ x", NONE_LEFT),
        ("conditional_exact", "OR", "no events", None, NO_STUDY),
        ("unconditional_random", "OR", "no events", None, NO_RATIO),
        ("unconditional_random", "OR", "nothing but events", None, NO_RATIO),
        ("conditional_exact", "OR", "opposed", None, AT_ENDS),
        ("conditional_approximate", "OR", "opposed", None, AT_ENDS),
        ("binomial_normal", "PLO", "opposed", "~ C(g)", SEPARATED),
        ("conditional_exact", "OR", "one study", "~ x", "1 study does not determine 2 coefficients"),
        ("mantel_haenszel", "RD", "no events", None, NO_VARIANCE),
        ("mantel_haenszel", "OR", "one arm without events", None, NO_POOL),
    ],
)
def test_the_reason_is_the_right_one(
    model: str, measure: str, name: str, formula: str | None, reason: str, held: bool
) -> None:
    choices: dict = {"model": model, "moderators": formula}
    if held and measure in ("OR", "PLO") and model not in ("random", "mantel_haenszel"):
        choices["tau2_method"] = None
    fit = meta.fit_model(effects_of(name, measure), meta.ModelSpec(**choices))
    assert fit.status == "not_estimable"
    assert fit.notes[-1] == reason


def test_groups_that_are_all_or_nothing_let_tau2_run_away() -> None:
    frame = pd.DataFrame({"events": [0, 9, 0], "n": [10, 9, 7]})
    effects = meta.effect_sizes(frame, "PLO", events="events", n="n")
    fit = meta.fit_model(effects, meta.ModelSpec(model="binomial_normal"))
    assert (fit.status, fit.notes) == ("not_estimable", (ALL_OR_NOTHING,))


class TestFlatLikelihood:
    """Three rate ratios of one event each: the likelihood rises by 0.07 from tau = 0, hardly falls again."""

    frame = pd.DataFrame(
        {
            "events1": [0, 1, 0], "time1": [13.9, 20.2, 8.5],
            "events2": [1, 0, 1], "time2": [9.0, 23.5, 18.0],
        }
    )  # fmt: skip

    def fit(self, **choices: object) -> meta.Fit:
        columns = {name: name for name in self.frame}
        return meta.fit_model(meta.effect_sizes(self.frame, "IRR", **columns), meta.ModelSpec(**choices))

    def test_it_is_said(self) -> None:
        fit = self.fit(model="conditional_exact")
        assert (fit.status, fit.tau2.high, fit.estimate.low, fit.estimate.high) == (
            "ok", np.inf, -np.inf, np.inf,
        )  # fmt: skip
        assert fit.notes == (
            "flat likelihood: no tau2, however large, is excluded at level 0.95",
            "flat likelihood: no value of the mean is excluded at level 0.95",
        )

    def test_it_is_true(self) -> None:
        """By dense integration: at any tau2 and mean there is a point within the cut of the maximum."""
        offset = np.log(self.frame.time1 / self.frame.time2).to_numpy()
        sign = np.where(self.frame.events1 == 1, 1.0, -1.0)
        z = np.linspace(-12.0, 12.0, 48_001)
        density = np.exp(-0.5 * z * z) / np.sqrt(2.0 * np.pi) * (z[1] - z[0])

        def loglik(mean: float, tau: float) -> float:
            eta = sign[:, None] * (offset[:, None] + mean + tau * z)
            return float(np.log((density * expit(eta)).sum(axis=1)).sum())

        fit = self.fit(model="conditional_exact")
        tau = np.sqrt(fit.tau2.value)
        assert fit.loglik == pytest.approx(loglik(fit.estimate.value, tau), abs=1e-9)
        for far in (0.0, 3.0, 300.0):
            shift = fit.estimate.value / tau * far if far else fit.estimate.value / tau
            assert fit.loglik - loglik(shift, far) < 1.92, far
        for mean in (-200.0, 200.0):
            assert fit.loglik - max(loglik(mean, wide) for wide in (200.0, 400.0, 800.0)) < 1.92, mean

    def test_an_ordinary_fit_says_nothing_of_it(self) -> None:
        frame = self.frame.assign(events1=[5, 8, 2], events2=[4, 9, 7])
        effects = meta.effect_sizes(frame, "IRR", **{name: name for name in frame})
        assert meta.fit_model(effects, meta.ModelSpec(model="conditional_exact")).notes == ()


def test_a_saturated_common_effect_has_no_r2_and_no_warning() -> None:
    fit = meta.fit_model(effects_of("two studies", "OR"), meta.ModelSpec(model="common", moderators="~ x"))
    assert (fit.heterogeneity.df, fit.r2) == (0, None)
