"""Intervals of tau2 against the equations they solve, by plain matrices and series."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special
from test_quadratic_forms import ruben, weights_of_terms

import meta

Y = np.array([0.10, 0.42, -0.25, 0.31, 0.66, -0.04, 0.20, 0.55])
V = np.array([0.04, 0.03, 0.05, 0.02, 0.06, 0.01, 0.03, 0.08])
DOSE = [1.0, 2.0, 0.5, 3.0, 2.5, 1.5, 0.2, 4.0]


def fitted(tau2_ci: str, *, level: float = 0.95, moderators: str | None = None, **others: str) -> meta.Fit:
    effects = meta.EffectSizes.from_arrays(Y, V, columns={"dose": DOSE})
    spec = meta.ModelSpec(tau2_ci=tau2_ci, level=level, moderators=moderators, **others)
    return meta.fit_model(effects, spec)


def generalised_q(design: np.ndarray, power: float) -> float:
    w = V**-power
    residual = Y - design @ np.linalg.solve(design.T * w @ design, design.T @ (w * Y))
    return float(w @ residual**2)


@pytest.mark.parametrize("level", [0.5, 0.8])
@pytest.mark.parametrize(("method", "power"), [("J", 0.5), ("BJ", 1.0)])
@pytest.mark.parametrize("moderators", [None, "~ dose"])
def test_generalised_q_has_half_the_rest_of_the_level_beyond_each_bound(
    method: str, power: float, moderators: str | None, level: float
) -> None:
    """The second computation: eigenvalues and Ruben's series of chi-squared tails."""
    fit = fitted(method, level=level, moderators=moderators)
    design = np.ones((8, 1)) if moderators is None else np.column_stack([np.ones(8), DOSE])
    q = generalised_q(design, power)
    for bound, chance in ((fit.tau2.low, 0.5 * (1.0 + level)), (fit.tau2.high, 0.5 * (1.0 - level))):
        below = ruben(weights_of_terms(V, design, power, bound), q)
        if bound > 0.0:
            assert below == pytest.approx(chance, abs=1e-10)
        else:
            assert below <= chance
    assert fit.tau2.high > 0.0


def test_bounds_of_a_large_tau2_are_both_inside() -> None:
    effects = meta.EffectSizes.from_arrays(5.0 * Y, V)
    for method, power in (("J", 0.5), ("BJ", 1.0)):
        fit = meta.fit_model(effects, meta.ModelSpec(tau2_ci=method))
        assert 0.0 < fit.tau2.low < fit.tau2.high
        q = 25.0 * generalised_q(np.ones((8, 1)), power)
        for bound, chance in ((fit.tau2.low, 0.975), (fit.tau2.high, 0.025)):
            terms = weights_of_terms(V, np.ones((8, 1)), power, bound)
            assert ruben(terms, q) == pytest.approx(chance, abs=1e-10)


def test_with_equal_variances_every_q_method_gives_the_same_interval() -> None:
    effects = meta.EffectSizes.from_arrays(3.0 * Y, np.full(8, 0.05))
    found = [meta.fit_model(effects, meta.ModelSpec(tau2_ci=method)).tau2 for method in ("QP", "J", "BJ")]
    for tau2 in found[1:]:
        assert tau2.low == pytest.approx(found[0].low, rel=1e-10)
        assert tau2.high == pytest.approx(found[0].high, rel=1e-10)
    q = float(np.sum((3.0 * Y - 3.0 * Y.mean()) ** 2) / 0.05)
    assert found[0].high == pytest.approx(0.05 * (q / special.chdtri(7, 0.975) - 1.0), rel=1e-10)


@pytest.mark.parametrize("method", ["QP", "J", "BJ"])
def test_equal_effects_leave_an_empty_set_and_say_so(method: str) -> None:
    effects = meta.EffectSizes.from_arrays(np.full(6, 0.3) + 1e-4 * np.arange(6), np.full(6, 0.5))
    fit = meta.fit_model(effects, meta.ModelSpec(tau2_ci=method))
    assert (fit.tau2.low, fit.tau2.high) == (0.0, 0.0)
    assert "is empty at level 0.95 and reported as [0, 0]" in " ".join(fit.notes)


def test_profile_likelihood_spans_two_maxima() -> None:
    """Two maxima belong to the level and what lies between does not: the interval spans both."""
    y = np.array([0.35, 0.14, -0.1, -15.93, -0.09, 4.36, 1.75])
    v = np.array([0.001, 0.001, 0.064, 13.452, 2.849, 12.141, 22.693])
    grid = np.concatenate([[0.0], np.geomspace(1e-6, 1e4, 20_000)])
    w = 1.0 / (v[:, None] + grid)
    mean = (w * y[:, None]).sum(axis=0) / w.sum(axis=0)
    height = 0.5 * np.log(w).sum(axis=0) - 0.5 * (w * (y[:, None] - mean) ** 2).sum(axis=0)
    height -= 0.5 * np.log(w.sum(axis=0))
    fit = meta.fit_model(meta.EffectSizes.from_arrays(y, v), meta.ModelSpec(tau2_ci="PL"))
    belongs = height >= height.max() - 0.5 * special.chdtri(1, 0.05)
    assert np.sum(np.diff(belongs.astype(int)) == 1) == 2
    inside = grid[belongs]
    assert fit.tau2.low == pytest.approx(inside[0], rel=2e-3, abs=1e-9)
    assert fit.tau2.high == pytest.approx(inside[-1], rel=2e-3)


def test_i2_and_h2_follow_through_the_fixed_typical_variance() -> None:
    fit = fitted("QP", level=0.9)
    h, v = fit.heterogeneity, fit.heterogeneity.typical_variance
    for bound, i2, h2 in ((fit.tau2.low, h.i2_low, h.h2_low), (fit.tau2.high, h.i2_high, h.h2_high)):
        assert i2 == pytest.approx(100.0 * bound / (bound + v), rel=1e-13)
        assert h2 == pytest.approx(1.0 + bound / v, rel=1e-13)


def test_without_an_interval_of_tau2_there_is_none_of_i2() -> None:
    fit = meta.fit_model(meta.EffectSizes.from_arrays(Y, V), meta.ModelSpec(tau2_ci=None))
    assert fit.heterogeneity.i2_low is None
    assert fit.heterogeneity.h2_high is None


def test_an_estimate_outside_its_interval_is_explained() -> None:
    """Very unequal variances: DL lets the precise studies decide, the Q-profile all of them."""
    y = np.array([0.0, 1.0, 0.1, 6.0, -5.0, 4.0, -6.0])
    v = np.array([0.0001, 0.0001, 1.0, 1.0, 1.0, 1.0, 1.0])
    effects = meta.EffectSizes.from_arrays(y, v)
    fit = meta.fit_model(effects, meta.ModelSpec(tau2_method="DL"))
    assert not fit.tau2.low <= fit.tau2.value <= fit.tau2.high
    said = "tau2 lies outside its own interval: the estimate (DL) and the interval (QP)"
    assert said in " ".join(fit.notes)
    inside = meta.fit_model(effects, meta.ModelSpec(tau2_method="PM"))
    assert "outside" not in " ".join(inside.notes)


def test_profile_likelihood_needs_a_likelihood() -> None:
    with pytest.raises(meta.MetaError, match="tau2_ci='PL' needs tau2_method='REML' or 'ML', a like"):
        meta.ModelSpec(tau2_ci="PL", tau2_method="DL")
