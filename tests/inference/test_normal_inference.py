"""Quantiles, tails, heterogeneity and prediction, against their defining equations."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from meta.inference.heterogeneity import h2_from_q, i2_from_q, i2_from_tau2
from meta.inference.intervals import hksj_factor, joint_test, quadratic_form, two_sided_quantile
from meta.inference.p_values import chi2_p, f_p, two_sided_p
from meta.inference.prediction import prediction_interval
from meta.inference.tau2_intervals import find_interval


def test_tails_keep_their_digits() -> None:
    """P(|Z| > 30) from mpmath; t with 5 degrees of freedom at 1e-8 and at 1e40."""
    p = two_sided_p(np.array([30.0, 1e-8, 1e40]), np.array([np.nan, 5.0, 5.0]))
    assert p[0] == pytest.approx(9.8134278542963737e-198, rel=1e-12)
    assert 1.0 - p[1] == pytest.approx(7.5921e-9, rel=1e-3)
    assert p[2] == pytest.approx(2.0 * stats.t.sf(1e40, 5.0), rel=1e-12)
    assert 0.0 < p[2] < 1e-190


@pytest.mark.parametrize("df", [1.0, 2.0, 12.0, 300.0])
def test_t_quantile_and_tail_invert_each_other(df: float) -> None:
    for level in (0.5, 0.8, 0.95, 0.999):
        q = two_sided_quantile(level, np.array([df]))
        assert two_sided_p(q, np.array([df]))[0] == pytest.approx(1.0 - level, rel=1e-12)


def test_what_has_no_degrees_of_freedom_has_no_tail() -> None:
    assert np.isnan(two_sided_quantile(0.95, np.array([0.0]))).all()
    assert np.isnan(two_sided_p(np.array([1.0]), np.array([0.0]))).all()
    assert np.isnan(f_p(np.array([1.0]), np.array([2.0]), np.array([0.0]))).all()
    assert chi2_p(np.array([0.0, np.nan]), np.array([0.0, 0.0])).tolist()[0] == 1.0
    assert np.isnan(hksj_factor(np.array([0.0]), np.array([0.0]), "se")).all()


def test_infinite_statistics() -> None:
    assert two_sided_p(np.array([np.inf, -np.inf, np.nan]), np.array([3.0, np.nan, 3.0])).tolist()[:2] == [
        0.0,
        0.0,
    ]
    assert f_p(np.array([np.inf]), np.array([2.0]), np.array([3.0]))[0] == 0.0


def test_quadratic_form_is_that_of_the_inverse() -> None:
    rng = np.random.default_rng(1)
    a = rng.normal(size=(6, 4, 4))
    covariance = a @ a.transpose(0, 2, 1) + np.eye(4)
    value = rng.normal(size=(6, 4))
    expected = np.einsum("bi,bij,bj->b", value, np.linalg.inv(covariance), value)
    assert quadratic_form(value, covariance) == pytest.approx(expected, rel=1e-12)
    statistic, p = joint_test(value, covariance, np.array([np.nan, 7.0, 7.0, 7.0, 0.0, 7.0]))
    assert statistic[0] == pytest.approx(expected[0])
    assert statistic[1] == pytest.approx(expected[1] / 4.0)
    assert p[0] == pytest.approx(stats.chi2.sf(expected[0], 4.0), rel=1e-12)
    assert p[1] == pytest.approx(stats.f.sf(expected[1] / 4.0, 4.0, 7.0), rel=1e-12)
    assert np.isnan(p[4])


def test_heterogeneity_at_its_ends() -> None:
    assert i2_from_tau2(np.array([0.0, 3.0]), np.array([1.0, 1.0])).tolist() == [0.0, 75.0]
    # an interval of tau2 without an upper end leaves room for nothing but heterogeneity
    assert i2_from_tau2(np.array([np.inf]), np.array([1.0])).tolist() == [100.0]
    assert i2_from_q(np.array([0.0, 2.0, 8.0, 0.0]), np.array([4.0, 4.0, 4.0, 0.0])).tolist()[:3] == [
        0.0,
        0.0,
        50.0,
    ]
    assert h2_from_q(np.array([2.0]), np.array([4.0])).tolist() == [0.5]
    assert np.isnan(h2_from_q(np.array([0.0]), np.array([0.0]))).all()


@pytest.mark.parametrize("method", ["t_k1", "t_k2", "z", "hk_k1", "hk_k2"])
def test_prediction_from_three_studies_on(method: str) -> None:
    value, wald, hksj, tau2 = (np.full(2, number) for number in (0.2, 0.1, 0.3, 0.04))
    low, high, df = prediction_interval(value, wald, hksj, tau2, np.array([2.0, 3.0]), method, 0.9)
    assert np.isnan([low[0], high[0], df[0]]).all()
    se = 0.3 if method.startswith("hk") else 0.1
    quantile = (
        stats.norm.ppf(0.95) if method == "z" else stats.t.ppf(0.95, {"k1": 2.0, "k2": 1.0}[method[-2:]])
    )
    assert high[1] - 0.2 == pytest.approx(quantile * np.sqrt(0.04 + se**2), rel=1e-12)
    assert low[1] + high[1] == pytest.approx(0.4)


def test_an_empty_q_profile_set_is_said_to_be_empty() -> None:
    y, v = np.array([0.1, 0.12, 0.09, 0.11, 0.105]), np.array([0.1, 0.2, 0.15, 0.12, 0.3])
    interval = find_interval(
        "QP", y, v, np.ones((1, 5), dtype=bool), np.ones((5, 1)), 0.95, np.array([0]), np.zeros(1),
        restricted=True,
    )  # fmt: skip
    assert (interval.low[0], interval.high[0], interval.empty[0]) == (0.0, 0.0, True)


def test_rows_not_asked_for_have_no_interval() -> None:
    y, v = np.array([0.1, 0.5, 0.9]), np.full(3, 0.01)
    interval = find_interval(
        "QP", y, v, np.ones((2, 3), dtype=bool), np.ones((3, 1)), 0.95, np.array([1]), np.zeros(2),
        restricted=True,
    )  # fmt: skip
    assert np.isnan(interval.low[0])
    assert interval.low[1] < interval.high[1]
