"""Nested fits and contrasts: laws and refusals (numbers against metafor: parity, topic subgroup_anova)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

import meta

Y = np.array([0.10, 0.42, -0.25, 0.31, 0.66, -0.04, 0.20, 0.55])
V = np.array([0.04, 0.03, 0.05, 0.02, 0.06, 0.01, 0.03, 0.08])
EFFECTS = meta.EffectSizes.from_arrays(
    Y, V, columns={"x": [1.0, 2.0, 0.5, 3.0, 2.5, 1.5, 0.2, 4.0], "g": list("aabbabab")}
)
ML = meta.ModelSpec(tau2_method="ML", ci_method="Wald", pi_method=None)


def fit(moderators: str | None = None, spec: meta.ModelSpec = ML) -> meta.Fit:
    return meta.fit_model(EFFECTS, replace(spec, moderators=moderators))


def test_a_chain_of_likelihood_ratios_adds_up() -> None:
    small, middle, large = fit(), fit("~ x"), fit("~ x + C(g)")
    whole = meta.compare_fits(large, small)
    parts = [meta.compare_fits(large, middle), meta.compare_fits(middle, small)]
    assert whole.statistic == pytest.approx(sum(part.statistic for part in parts), rel=1e-9)
    assert (whole.df, whole.df2, whole.test) == (2, None, "likelihood_ratio")
    assert whole.p == pytest.approx(stats.chi2.sf(whole.statistic, 2), rel=1e-12)
    assert whole.r2 == pytest.approx(large.r2)


def test_wald_is_the_square_of_the_coefficients_statistic() -> None:
    small, large = fit(), fit("~ x")
    found = meta.compare_fits(large, small, test="Wald")
    assert found.statistic == pytest.approx(large.coefficients.statistic[1] ** 2, rel=1e-12)
    assert found.p == pytest.approx(large.coefficients.p[1], rel=1e-10)
    hksj = replace(ML, ci_method="HKSJ", ci_guard="none")
    f = meta.compare_fits(fit("~ x", hksj), fit(None, hksj), test="Wald")
    assert (f.df, f.df2) == (1, 6.0)


def test_random_against_common_is_a_test_of_tau2() -> None:
    common = fit(None, meta.ModelSpec(model="common", ci_method="Wald"))
    for spec in (ML, replace(ML, tau2_method="REML")):
        found = meta.compare_fits(fit(None, spec), common)
        assert found.df == 1
        assert found.statistic >= 0.0
        assert found.note == (
            "tau2 = 0 is at the edge of the parameters: the p-value is too large, by up to a factor of two"
        )


def test_a_contrast_of_groups_does_not_depend_on_the_reference_level() -> None:
    means = fit("~ 0 + C(g)")
    contrast = meta.test_contrast(means, [[-1.0, 1.0], [0.5, 0.5]])
    reference = fit("~ C(g)").coefficients
    assert contrast.value[0] == pytest.approx(reference.value[1], rel=1e-9)
    assert contrast.se[0] == pytest.approx(reference.se[1], rel=1e-9)
    assert contrast.low[0] == pytest.approx(reference.low[1], rel=1e-9)
    same = meta.test_contrast(means, np.eye(2))
    assert contrast.joint_statistic == pytest.approx(same.joint_statistic, rel=1e-10)


def test_a_mean_alone_may_be_tested_against_any_value() -> None:
    plain = fit(None, meta.ModelSpec())
    at = meta.test_contrast(plain, [1.0], value=plain.estimate.low)
    assert at.p[0] == pytest.approx(0.05, rel=1e-9)
    assert at.low[0] == pytest.approx(plain.estimate.low)
    assert at.df == plain.estimate.df == 7.0
    assert meta.test_contrast(plain, 1.0).to_dict()["joint_df"] == 1


def test_counts_compare_by_their_own_likelihood() -> None:
    import pandas as pd

    frame = pd.DataFrame({"e": [3, 9, 2, 14, 6, 8], "n": [40, 50, 45, 60, 55, 30], "x": [1, 2, 1, 4, 3, 5]})
    effects = meta.effect_sizes(frame, measure="PLO", events="e", n="n")
    spec = meta.ModelSpec(model="binomial_normal", ci_method="Wald", tau2_ci=None)
    found = meta.compare_fits(
        meta.fit_model(effects, replace(spec, moderators="~ x")), meta.fit_model(effects, spec)
    )
    assert found.df == 1
    profile = meta.fit_model(effects, replace(spec, ci_method="profile", moderators="~ x")).moderator_test
    assert found.statistic == pytest.approx(profile.statistic, rel=1e-6)


def test_what_is_not_nested_is_refused() -> None:
    reml = replace(ML, tau2_method="REML")
    for full, reduced, words in (
        (fit("~ x"), fit("~ C(g)"), "not nested: the reduced fit has g: b, which the full one lacks"),
        (fit("~ x"), fit("~ x"), "the same coefficients and the same model: nothing to compare"),
        (fit("~ x", reml), fit(None, reml), "restricted likelihoods of fits with other coefficients"),
        (fit("~ x"), fit(None, replace(ML, tau2_method="DL")), "tau2_method is 'ML' in the full fit"),
        (
            fit("~ x"),
            meta.fit_model(meta.EffectSizes.from_arrays(Y[:7], V[:7]), ML),
            "rest on other studies or effect sizes",
        ),
    ):
        with pytest.raises(meta.MetaError, match=words):
            meta.compare_fits(full, reduced)
    common = meta.ModelSpec(model="common", ci_method="Wald")
    with pytest.raises(meta.MetaError, match="these differ in tau2"):
        meta.compare_fits(fit(), fit(None, common), test="Wald")
    with pytest.raises(meta.MetaError, match="one fit has a restricted likelihood, the other has not"):
        meta.compare_fits(fit("~ x", reml), fit("~ x", common))
    with pytest.raises(meta.MetaError, match="test must be one of 'likelihood_ratio', 'Wald'; got 'score'"):
        meta.compare_fits(fit("~ x"), fit(), test="score")


def test_contrasts_that_cannot_be_tested_are_refused() -> None:
    large = fit("~ x")
    with pytest.raises(meta.MetaError, match=r"shape \(m, 2\), .* \(intercept, x\); got \(3,\)"):
        meta.test_contrast(large, [1.0, 0.0, 0.0])
    with pytest.raises(meta.MetaError, match="depend on each other, or one is zero"):
        meta.test_contrast(large, [[1.0, 0.0], [2.0, 0.0]])
    nothing = meta.fit_model(meta.EffectSizes.from_arrays(Y[:2], V[:2], columns={"x": [1.0, 1.0]}),
                             replace(ML, moderators="~ x"))  # fmt: skip
    with pytest.raises(meta.MetaError, match=r"a contrast needs coefficients; this fit has none \(status"):
        meta.test_contrast(nothing, [1.0, 0.0])
