"""From counts to finished numbers: what each field of a GLMM's rows means, and what degenerate data give."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from oracle import load_topic
from scipy.special import expit, stdtrit
from scipy.stats import binomtest, chi2, norm

from meta.kernels.glmm import fit_glmm
from meta.kernels.status import Status
from meta.models.glmm import empirical_values, infer_glmm
from meta.models.rows import FittedRows
from meta.options import ModelSpec

MIXED = ([4, 9, 0, 22, 3, 31, 15, 6, 0, 48], [60, 44, 25, 80, 70, 90, 150, 30, 12, 110])
ZEROS = ([0, 1, 2, 0, 5, 3, 12, 0, 7, 1], [20, 35, 50, 15, 90, 40, 210, 10, 150, 33])


def infer(counts: tuple[list[float], list[float]], **options: object) -> FittedRows:
    """Fit all studies of one set; the model is binomial unless said otherwise."""
    events, size = (np.array(a, dtype=float) for a in counts)
    spec = ModelSpec(**{"model": "binomial_normal", **options})
    return infer_glmm(
        events, size, np.ones((1, events.size), dtype=bool), np.ones((events.size, 1)), spec, True
    )


def test_anchors_of_mixed_counts() -> None:
    """Exact anchors: adaptive quadrature with 61 nodes, another program's; percents as they were printed."""
    rows = infer(MIXED)
    assert rows.value[0, 0] == pytest.approx(-1.8775082, abs=1e-6)
    assert rows.se[0, 0] == pytest.approx(0.392042, abs=1e-6)
    assert rows.tau2[0] == pytest.approx(1.1473278, abs=1e-6)
    assert 100 * expit(rows.low[0, 0]) == pytest.approx(5.328, abs=1e-3)
    assert 100 * expit(rows.high[0, 0]) == pytest.approx(24.715, abs=1e-3)
    assert rows.tau2_low[0] == pytest.approx(0.3665, abs=1e-4)
    assert rows.tau2_high[0] == pytest.approx(4.6130, abs=1e-4)
    assert 100 * expit(rows.value[0, 0]) == pytest.approx(13.268, abs=1e-3)
    assert 100 * rows.population_value[0] == pytest.approx(17.483, abs=1e-3)
    by_t = infer(MIXED, ci_method="t")
    # lme4's 7 nodes: the second decimal of a percent
    assert 100 * expit(by_t.low[0, 0]) == pytest.approx(5.927, abs=0.01)
    assert 100 * expit(by_t.high[0, 0]) == pytest.approx(27.079, abs=0.01)
    assert 100 * expit(by_t.prediction_low[0]) == pytest.approx(1.145, abs=0.01)
    assert 100 * expit(by_t.prediction_high[0]) == pytest.approx(66.883, abs=0.01)


def test_anchors_at_the_boundary() -> None:
    rows = infer(ZEROS)
    assert rows.status[0] == Status.BOUNDARY
    assert rows.tau2[0] == 0.0
    assert rows.tau2_low[0] == 0.0
    assert rows.tau2_high[0] == pytest.approx(0.2852, abs=1e-4)
    assert rows.value[0, 0] == pytest.approx(-2.9989529, abs=1e-6)
    assert rows.se[0, 0] == pytest.approx(0.184027, abs=1e-6)
    assert 100 * expit(rows.low[0, 0]) == pytest.approx(3.168, abs=1e-3)
    assert 100 * expit(rows.high[0, 0]) == pytest.approx(6.558, abs=1e-3)
    assert 100 * rows.population_value[0] == pytest.approx(4.747, abs=1e-3)
    assert 100 * rows.population_low[0] == pytest.approx(3.358, abs=1e-3)
    assert 100 * rows.population_high[0] == pytest.approx(6.672, abs=1e-3)
    assert rows.i2[0] == 0.0
    assert rows.h2[0] == 1.0


def test_anchors_of_a_published_set() -> None:
    columns = load_topic("glmm_exact").columns("pritz1997")
    rows = infer((columns["xi"], columns["ni"]))
    assert rows.value[0, 0] == pytest.approx(1.3765944, abs=1e-6)
    assert rows.se[0, 0] == pytest.approx(0.288380, abs=1e-6)
    assert rows.tau2[0] == pytest.approx(0.5893095, abs=1e-6)
    assert 100 * expit(rows.low[0, 0]) == pytest.approx(69.96, abs=0.01)
    assert 100 * expit(rows.high[0, 0]) == pytest.approx(88.97, abs=0.01)
    assert rows.tau2_low[0] == pytest.approx(0.1172, abs=1e-4)
    assert rows.tau2_high[0] == pytest.approx(2.3843, abs=1e-4)
    assert 100 * rows.population_value[0] == pytest.approx(77.365, abs=1e-3)


def test_statistic_and_p_under_profile_are_the_likelihood_ratio() -> None:
    rows = infer(MIXED)
    statistic = rows.statistic[0, 0]
    assert statistic < 0.0
    assert rows.p_value[0, 0] == pytest.approx(chi2.sf(statistic**2, 1), rel=1e-12)
    # a level whose cut is the statistic itself puts the null value on the bound
    at_null = infer(MIXED, level=1.0 - rows.p_value[0, 0])
    assert at_null.high[0, 0] == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("method", ["Wald", "t"])
def test_wald_and_t_intervals(method: str) -> None:
    rows = infer(MIXED, ci_method=method, level=0.9)
    quantile = -stdtrit(9, 0.05) if method == "t" else norm.ppf(0.95)
    np.testing.assert_allclose(rows.high - rows.value, quantile * rows.se, rtol=1e-12)
    np.testing.assert_allclose(rows.statistic, rows.value / rows.se, rtol=1e-14)
    assert (rows.df[0] == 9.0) if method == "t" else np.isnan(rows.df[0])
    profile = infer(MIXED, level=0.9)
    np.testing.assert_array_equal(rows.value, profile.value)
    np.testing.assert_array_equal(rows.tau2_high, profile.tau2_high)


@pytest.mark.parametrize(("method", "df"), [("t_k1", 9), ("t_k2", 8), ("z", None)])
def test_prediction_uses_the_standard_error_of_the_likelihood(method: str, df: int | None) -> None:
    rows = infer(MIXED, pi_method=method)
    quantile = norm.ppf(0.975) if df is None else -stdtrit(df, 0.025)
    half = quantile * np.sqrt(rows.tau2[0] + rows.se[0, 0] ** 2)
    assert rows.prediction_high[0] - rows.value[0, 0] == pytest.approx(half, rel=1e-12)
    assert rows.value[0, 0] - rows.prediction_low[0] == pytest.approx(half, rel=1e-12)
    assert np.isnan(rows.prediction_df[0]) if df is None else rows.prediction_df[0] == df


def test_no_prediction_below_three_studies_nor_where_none_is_asked_for() -> None:
    assert np.isnan(infer(([3, 9], [30, 41])).prediction_low[0])
    assert np.isnan(infer(MIXED, pi_method=None).prediction_low[0])
    assert np.isfinite(infer(([3, 9, 4], [30, 41, 50])).prediction_low[0])


def test_lean_rows_differ_only_in_the_interval_of_tau2() -> None:
    whole, lean = infer(MIXED), infer(MIXED, tau2_ci=None)
    for field in fields(FittedRows):
        a, b = getattr(whole, field.name), getattr(lean, field.name)
        if field.name in ("tau2_low", "tau2_high"):
            assert np.isfinite(a).all()
            assert np.isnan(b).all()
        elif a is not None:
            np.testing.assert_array_equal(a, b, err_msg=field.name)
    assert whole.weights is None


def test_heterogeneity_by_its_definitions() -> None:
    rows = infer(MIXED)
    events, size = (np.array(a, dtype=float) for a in MIXED)
    common = events.sum() / size.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = np.where(events > 0, events * np.log(events / size / common), 0.0)
        rest = (size - events) * np.log((1.0 - events / size) / (1.0 - common))
    assert rows.q[0] == pytest.approx(2.0 * np.sum(parts + rest), rel=1e-11)
    assert rows.q_df[0] == 9
    assert rows.q_p[0] == pytest.approx(chi2.sf(rows.q[0], 9), rel=1e-10)
    zero = events == 0
    add = np.where(zero, 0.5, 0.0)
    v = 1.0 / (events + add) + 1.0 / (size - events + add)
    w = 1.0 / v
    typical = 9.0 / (w.sum() - np.square(w).sum() / w.sum())
    assert rows.typical_variance[0] == pytest.approx(typical, rel=1e-11)
    assert rows.i2[0] == pytest.approx(100.0 * rows.tau2[0] / (rows.tau2[0] + typical), rel=1e-11)
    assert rows.h2[0] == pytest.approx(1.0 + rows.tau2[0] / typical, rel=1e-11)
    y = np.log((events + add) / (size - events + add))
    y, w = y[~zero], w[~zero]
    assert rows.q_wald[0] == pytest.approx(np.sum(w * np.square(y - np.sum(w * y) / w.sum())), rel=1e-11)
    assert rows.q_wald_df[0] == 7


def test_half_an_event_is_added_only_where_a_cell_is_zero() -> None:
    y, v, zero = empirical_values("binomial", np.array([0.0, 3.0, 7.0]), np.array([9.0, 10.0, 7.0]))
    np.testing.assert_allclose(y, [np.log(0.5 / 9.5), np.log(3 / 7), np.log(7.5 / 0.5)])
    np.testing.assert_allclose(v, [2 + 1 / 9.5, 1 / 3 + 1 / 7, 1 / 7.5 + 2])
    assert zero.tolist() == [True, False, True]
    y, v, zero = empirical_values("poisson", np.array([0.0, 7.0]), np.array([9.0, 7.0]))
    np.testing.assert_allclose(y, [np.log(0.5 / 9.0), 0.0])
    np.testing.assert_allclose(v, [2.0, 1 / 7])
    assert zero.tolist() == [True, False]


@pytest.mark.parametrize("level", [0.95, 0.8])
def test_no_events_give_an_exact_one_sided_bound(level: float) -> None:
    rows = infer(([0, 0, 0], [20, 35, 45]), level=level)
    assert rows.status[0] == Status.ONE_SIDED
    assert np.isnan(rows.value).all()
    assert rows.one_sided_low[0] == 0.0
    assert rows.one_sided_high[0] == pytest.approx(1.0 - (1.0 - level) ** (1.0 / 100.0), rel=1e-12)
    full = infer(([20, 35, 45], [20, 35, 45]), level=level)
    assert full.one_sided_low[0] == pytest.approx((1.0 - level) ** (1.0 / 100.0), rel=1e-12)
    assert full.one_sided_high[0] == 1.0
    rate = infer(([0, 0], [120.5, 79.5]), model="poisson_normal", level=level)
    assert rate.one_sided_low[0] == 0.0
    assert rate.one_sided_high[0] == pytest.approx(-np.log(1.0 - level) / 200.0, rel=1e-12)
    for bounded in (rows, full, rate):
        for name in ("se", "low", "high", "tau2", "q", "i2", "loglik", "population_value", "prediction_low"):
            assert np.isnan(getattr(bounded, name)).all(), name


@pytest.mark.parametrize("method", ["profile", "Wald", "t"])
def test_one_study_keeps_its_exact_interval(method: str) -> None:
    rows = infer(([7], [40]), ci_method=method)
    assert rows.status[0] == Status.SINGLE_STUDY
    assert rows.value[0, 0] == pytest.approx(np.log(7 / 33), rel=1e-12)
    assert rows.se[0, 0] == pytest.approx(np.sqrt(1 / 7 + 1 / 33), rel=1e-9)
    exact = binomtest(7, 40).proportion_ci(0.95, method="exact")
    assert expit(rows.low[0, 0]) == pytest.approx(exact.low, rel=1e-8)
    assert expit(rows.high[0, 0]) == pytest.approx(exact.high, rel=1e-8)
    assert rows.tau2[0] == 0.0
    assert np.isnan(rows.population_value[0])
    assert np.isnan(rows.i2[0])
    assert np.isnan(rows.prediction_low[0])
    assert 0.0 < rows.p_value[0, 0] < 1e-3
    rate = infer(([4], [12.5]), model="poisson_normal", ci_method=method)
    assert rate.value[0, 0] == pytest.approx(np.log(4 / 12.5), rel=1e-12)
    assert np.exp(rate.low[0, 0]) == pytest.approx(chi2.ppf(0.025, 8) / 25.0, rel=1e-10)
    assert np.exp(rate.high[0, 0]) == pytest.approx(chi2.ppf(0.975, 10) / 25.0, rel=1e-10)


def moderated(**options: object) -> tuple[FittedRows, np.ndarray, np.ndarray, np.ndarray]:
    events, size = (np.array(a, dtype=float) for a in MIXED)
    design = np.column_stack([np.ones(10), np.arange(2001.0, 2011.0), np.tile([0.0, 1.0], 5)])
    spec = ModelSpec(model="binomial_normal", moderators="~ year + group", **options)
    return infer_glmm(events, size, np.ones((1, 10), dtype=bool), design, spec, False), events, size, design


def test_moderators_are_tested_by_the_likelihood_ratio_under_profile() -> None:
    rows, events, size, design = moderated()
    mask = np.ones((1, 10), dtype=bool)
    full = fit_glmm("binomial", events, size, mask, design)
    null = fit_glmm("binomial", events, size, mask, design[:, :1])
    assert rows.test_statistic[0] == pytest.approx(2.0 * (full.loglik[0] - null.loglik[0]), rel=1e-12)
    assert rows.test_df[0] == 2
    assert np.isnan(rows.test_df2[0])
    assert rows.test_p[0] == pytest.approx(chi2.sf(rows.test_statistic[0], 2), rel=1e-10)
    assert (rows.low < rows.value).all()
    assert (rows.value < rows.high).all()
    for name in ("population_value", "prediction_low"):
        assert np.isnan(getattr(rows, name)).all(), name


@pytest.mark.parametrize("method", ["Wald", "t"])
def test_moderators_are_tested_by_wald_elsewhere(method: str) -> None:
    rows = moderated(ci_method=method)[0]
    form = rows.value[0, 1:] @ np.linalg.solve(rows.covariance[0, 1:, 1:], rows.value[0, 1:])
    expected = form / 2.0 if method == "t" else form
    assert rows.test_statistic[0] == pytest.approx(expected, rel=1e-8)
    assert (rows.test_df2[0] == 7.0) if method == "t" else np.isnan(rows.test_df2[0])


def test_a_design_without_a_column_of_ones_is_tested_whole() -> None:
    events, size = (np.array(a, dtype=float) for a in MIXED)
    group = np.tile([0.0, 1.0], 5)
    mask = np.ones((1, 10), dtype=bool)
    spec = ModelSpec(model="binomial_normal", moderators="~ group")
    means = infer_glmm(events, size, mask, np.column_stack([1.0 - group, group]), spec, False)
    contrast = infer_glmm(events, size, mask, np.column_stack([np.ones(10), group]), spec, False)
    np.testing.assert_allclose(means.value[0, 1] - means.value[0, 0], contrast.value[0, 1], rtol=1e-9)
    np.testing.assert_allclose(means.tau2, contrast.tau2, rtol=1e-9)
    assert means.test_df[0] == 2
    assert means.test_statistic[0] > contrast.test_statistic[0]
    assert contrast.test_df[0] == 1
    # with one moderator the joint test is its own
    assert contrast.test_p[0] == pytest.approx(contrast.p_value[0, 1], rel=1e-6)


def test_a_level_without_events_is_not_estimable() -> None:
    events = np.array([0, 0, 0, 9, 4, 11.0])
    size = np.array([20, 31, 12, 40, 41, 42.0])
    design = np.column_stack([np.ones(6), np.array([1, 1, 1, 0, 0, 0.0])])
    spec = ModelSpec(model="binomial_normal", moderators="~ level")
    rows = infer_glmm(events, size, np.ones((1, 6), dtype=bool), design, spec, False)
    assert rows.status[0] == Status.NOT_ESTIMABLE
    for field in fields(FittedRows):
        numbers = getattr(rows, field.name)
        if field.type == "Floats":
            assert np.isnan(numbers).all(), field.name


@pytest.mark.parametrize("k", [9, 20, 40])
def test_leave_one_out_rows_are_the_fits_without_that_study_bit_for_bit(k: int) -> None:
    rng = np.random.default_rng(k)
    size = rng.integers(8, 300, k).astype(float)
    events = rng.binomial(size.astype(int), expit(rng.normal(-1.5, 0.8, k))).astype(float)
    events[::7] = 0.0
    spec = ModelSpec(model="binomial_normal", tau2_ci="PL" if k == 9 else None)
    batch = infer_glmm(events, size, ~np.eye(k, dtype=bool), np.ones((k, 1)), spec, True)
    for i in range(0, k, 1 if k < 40 else 3):
        keep = np.arange(k) != i
        alone = infer_glmm(
            events[keep], size[keep], np.ones((1, k - 1), dtype=bool), np.ones((k - 1, 1)), spec, True
        )
        for field in fields(FittedRows):
            a = getattr(alone, field.name)
            if isinstance(a, np.ndarray):
                np.testing.assert_array_equal(
                    a[0], getattr(batch, field.name)[i], err_msg=f"{i} {field.name}"
                )
