"""Second opinions agree where we are right, and name the number where we are not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from crosscheck_data import bcg, by_what, counted, failures_of, made, shipped_answer, shipped_fit

from meta.crosscheck.opinions import EXACT, PYMARE_ITERATED, Opinion
from meta.crosscheck.second import crosscheck_fits, second_opinions
from meta.effects.sizes import EffectSizes
from meta.results import Fit

TWIN = "inverse-variance twin: "
DL_HE = "DL and HE, Wald"
ML_REML = "ML and REML, and HKSJ by each"
LEAST_SQUARES = "DL, and weighted least squares at our tau²"
GLM = "GLM at tau² = 0"
LOGLIK = "log-likelihood by quadrature"
NEARBY = "no higher log-likelihood nearby"


def agreed(opinions: tuple[Opinion, ...]) -> bool:
    return all(opinion.status == "agrees" for opinion in opinions) and bool(opinions)


@pytest.mark.parametrize("options", [
    {},
    {"tau2_method": "DL", "ci_method": "Wald"},
    {"tau2_method": "HE"},
    {"tau2_method": "ML", "ci_method": "t", "level": 0.9},
    {"ci_guard": "none", "level": 0.99},
    {"model": "common", "ci_method": "Wald"},
    {"model": "common", "ci_method": "HKSJ"},
])
def test_the_trials_of_bcg(options: dict[str, Any]) -> None:
    opinions = second_opinions("main", *bcg(**options))
    assert agreed(opinions), failures_of(opinions)
    assert [opinion.engine for opinion in opinions] == ["PyMARE"] * 2 + ["statsmodels"] * 3


def test_anchors_of_bcg_by_the_engines_themselves() -> None:
    """What was noted when the engines were chosen: R metafor beside PyMARE and statsmodels."""
    from meta.crosscheck.ours import refit_all
    from meta.crosscheck.pymare_engine import _fit_all
    from meta.crosscheck.statsmodels_engine import _combine, _weigh

    effects, fit = bcg()
    data = refit_all(effects.y, effects.v, 0.95)
    rows, q = _fit_all(data)
    assert rows["DL", "Wald"].tau2 == pytest.approx(0.308760262862, abs=5e-13)
    assert rows["HE", "Wald"].tau2 == pytest.approx(0.328563857996, abs=5e-13)
    assert rows["REML", "Wald"].tau2 == pytest.approx(0.313243273, abs=5e-10)
    assert rows["REML", "HKSJ"].se == pytest.approx(0.1808, abs=5e-5)
    assert q == pytest.approx(152.2330, abs=5e-5)
    (paule_mandel, _), _, _ = _combine(data, "iterated")
    assert paule_mandel.tau2 == pytest.approx(0.318068452204, abs=5e-12)
    assert fit.tau2 is not None
    wald, hksj = _weigh(data, fit.tau2.value)
    assert wald.se == pytest.approx(0.17977, abs=1.5e-5)
    assert (hksj.se, hksj.low, hksj.high) == pytest.approx((0.1807917, -1.108444, -0.320621), abs=5e-7)


def test_pm_has_no_estimator_in_pymare_and_least_squares_at_its_tau2() -> None:
    opinions = second_opinions("main", *bcg(tau2_method="PM"))
    assert not failures_of(opinions)
    declined = by_what(opinions, "reported numbers by PM")
    assert (declined.status, declined.reason) == ("cannot", "PyMARE has no estimator PM")
    assert by_what(opinions, "PM: tau²").status == "agrees"
    assert by_what(opinions, LEAST_SQUARES).quantities == 11 + 5 * 10 + 1 + 4


@pytest.mark.parametrize("name", ["trs_total", "clozapine_controlled", "td_improvement_clozapine"])
def test_every_fit_of_a_shipped_analysis(name: str) -> None:
    """Subgroups and alternatives too: counts and effect sizes, tau2 = 0 and not, one study and more."""
    fits = shipped_answer(name).fits()
    opinions = crosscheck_fits(fits)
    assert not failures_of(opinions)
    assert {opinion.part for opinion in opinions} == {part for part, _, _ in fits}
    # nobody here makes the numbers of a posterior, or pools counts in one of these ways
    nobody = {"bayes", "mantel_haenszel", "conditional_exact"}
    cannot = {
        part
        for part, _, fit in fits
        if fit.k < 2 or fit.spec.model in nobody or fit.spec.tau2_method == "DL_MH"
    }
    assert {opinion.part for opinion in opinions if opinion.status == "cannot"} == cannot


def test_a_glmm_has_its_twin_and_itself_compared() -> None:
    effects, fit = shipped_fit("trs_total")
    opinions = second_opinions("main", effects, fit)
    whats = [opinion.what for opinion in opinions]
    assert whats == [
        f"{TWIN}{DL_HE}",
        f"{TWIN}{ML_REML}",
        f"{TWIN}{LEAST_SQUARES}",
        f"{TWIN}PM: tau²",
        f"{TWIN}PM: estimate, standard errors, limits",
        GLM,
        LOGLIK,
        NEARBY,
    ]
    assert by_what(opinions, LOGLIK).quantities == 1
    largest = by_what(opinions, NEARBY).largest
    assert largest is not None
    assert largest < 1e-10


def test_rates_without_events_in_one_study() -> None:
    rates = counted([0, 3, 12, 7, 30], [11.5, 60, 80.25, 150, 90], "poisson_normal")
    opinions = second_opinions("main", *rates)
    assert agreed(opinions), failures_of(opinions)


def test_proportions_all_or_nothing_in_some_studies() -> None:
    opinions = second_opinions("main", *counted([0, 10, 3, 22, 8], [40, 10, 25, 60, 9]))
    assert agreed(opinions), failures_of(opinions)


def test_millions_of_people() -> None:
    opinions = second_opinions("main", *counted([500_000, 312, 9_000, 40_000], [1e6, 1e6, 2e6, 9e5]))
    assert agreed(opinions), failures_of(opinions)


def test_tau2_at_zero_by_counts_is_the_glm() -> None:
    effects, fit = counted([5, 6, 4], [50, 60, 45])
    assert fit.tau2 is not None
    assert fit.tau2.value == 0.0
    opinions = second_opinions("main", effects, fit)
    assert agreed(opinions), failures_of(opinions)
    # at tau2 = 0 the reported mean, standard error and log-likelihood are the GLM's too
    assert by_what(opinions, GLM).quantities == 8


def test_a_negative_tau2_of_statsmodels_counts_as_zero() -> None:
    opinions = second_opinions("main", *made([0.3, 0.31], [0.4, 0.5]))
    assert agreed(opinions), failures_of(opinions)


def test_equal_effects_leave_no_hksj_limits_to_pymare() -> None:
    opinions = second_opinions("main", *made([0.4] * 4, [0.1, 0.2, 0.3, 0.4]))
    assert not failures_of(opinions)
    declined = [opinion for opinion in opinions if opinion.status == "cannot"]
    assert len(declined) == 1
    assert declined[0].reason.startswith("PyMARE gives no number for DL, HKSJ: lower limit; ")


def moved(fit: Fit, **change: Any) -> Fit:
    """Return a fit with numbers of its estimate moved."""
    assert fit.estimate is not None
    return replace(fit, estimate=replace(fit.estimate, **change))


def opinions_on(effects: EffectSizes, fit: Fit) -> str:
    return "\n".join(failures_of(second_opinions("main", effects, fit)))


def test_a_falsified_estimate_is_named() -> None:
    effects, fit = shipped_fit("clozapine_controlled")
    assert fit.estimate is not None
    text = opinions_on(effects, moved(fit, value=fit.estimate.value * (1.0 + 1e-5)))
    assert "PyMARE, reported: estimate: " in text
    assert "statsmodels, reported: estimate: " in text
    assert "relative difference 1.0e-05 (at most 1e-06)" in text
    assert "limit" not in text


@pytest.mark.parametrize(
    ("field", "name"), [("se", "standard error"), ("low", "lower limit"), ("high", "upper limit")]
)
def test_a_falsified_interval_is_named(field: str, name: str) -> None:
    effects, fit = bcg()
    text = opinions_on(effects, moved(fit, **{field: getattr(fit.estimate, field) * (1.0 + 1e-8)}))
    # too little for PyMARE's search, enough for least squares at our tau2
    assert text.startswith(f"statsmodels, reported: {name}: ")
    assert text.count("reported") == 1


def test_a_falsified_tau2_is_named() -> None:
    effects, fit = bcg()
    assert fit.tau2 is not None
    text = opinions_on(effects, replace(fit, tau2=replace(fit.tau2, value=fit.tau2.value * (1.0 + 1e-5))))
    assert "PyMARE, reported: tau2: " in text
    assert "statsmodels, reported: estimate: " in text


def test_a_guard_that_was_forgotten_is_named() -> None:
    effects, fit = made([0.10, 0.11, 0.12, 0.11], [0.1, 0.2, 0.3, 0.4], ci_guard="none")
    text = opinions_on(effects, replace(fit, spec=replace(fit.spec, ci_guard="se")))
    assert "statsmodels, reported: standard error" in text
    assert "PyMARE, reported: upper limit" in text


@pytest.mark.parametrize("name", ["clozapine_controlled", "trs_total"])
def test_a_falsified_q_is_named(name: str) -> None:
    effects, fit = shipped_fit(name)
    assert fit.heterogeneity is not None
    q = fit.heterogeneity.q * (1.0 + 1e-9)
    text = opinions_on(effects, replace(fit, heterogeneity=replace(fit.heterogeneity, q=q)))
    assert "statsmodels, reported: Q: " in text
    assert ("PyMARE, reported: Q: " in text) == (name == "clozapine_controlled")


def test_a_falsified_log_likelihood_is_named() -> None:
    effects, fit = shipped_fit("trs_total")
    assert fit.loglik is not None
    text = opinions_on(effects, replace(fit, loglik=fit.loglik * (1.0 + 1e-9)))
    assert text.startswith("SciPy, reported: log-likelihood: ")
    assert "\n" not in text


@pytest.mark.parametrize("name", ["trs_total", "td_improvement_clozapine"])
@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_a_falsified_mean_of_a_glmm_has_a_higher_value_nearby(name: str, sign: float) -> None:
    effects, fit = shipped_fit(name)
    assert fit.estimate is not None
    text = opinions_on(effects, moved(fit, value=fit.estimate.value + sign * 1e-5))
    assert text.startswith("SciPy, reported: by how much a value near (mu, tau2) is higher: 0.0 here, ")
    assert "\n" not in text


def test_a_falsified_tau2_of_a_glmm_has_a_higher_value_nearby() -> None:
    effects, fit = shipped_fit("trs_total")
    assert fit.tau2 is not None
    text = opinions_on(effects, replace(fit, tau2=replace(fit.tau2, value=fit.tau2.value * (1.0 + 1e-4))))
    assert text.startswith("SciPy, reported: log-likelihood: ")
    assert "SciPy, reported: by how much a value near (mu, tau2) is higher: 0.0 here, " in text


def test_the_data_come_from_the_effects_and_not_from_the_fit() -> None:
    """A fit of other data than it was given does not check itself."""
    effects, fit = bcg()
    other = replace(effects, y=effects.y + np.r_[1e-3, np.zeros(effects.k - 1)])
    assert "statsmodels, reported: estimate" in opinions_on(other, fit)


def test_tolerances_are_those_that_were_set() -> None:
    opinions = second_opinions("main", *bcg())
    assert [opinion.tolerance for opinion in opinions] == [EXACT, PYMARE_ITERATED, EXACT, 1e-4, 1e-5]
    assert (EXACT, PYMARE_ITERATED) == (1e-10, 1e-6)
