"""Estimators of tau2 and weights given: dense matrices, laws of bits. Parity holds metafor's cases."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special

from meta.kernels.batch import BatchFit
from meta.kernels.batch_fit import fit_batch
from meta.kernels.status import Status
from meta.kernels.tau2_errors import tau2_errors

NUMBERS = ("coefficients", "covariance", "tau2", "q", "residual_q", "typical_variance", "loglik")


def data(k: int, p: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return effects, variances, weights and a design."""
    rng = np.random.default_rng(seed)
    v = np.exp(rng.normal(-3.0, 1.5, k))
    y = rng.normal(0.3, np.sqrt(v + 0.2))
    design = np.column_stack([np.ones(k), *(rng.normal(0.0, 5.0, k) for _ in range(p - 1))])
    return y, v, rng.uniform(0.5, 20.0, k), design


def projection(a: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return P_a = A - A X (X'AX)^-1 X'A as a dense matrix."""
    w = np.diag(a)
    return np.asarray(w - w @ x @ np.linalg.solve(x.T @ w @ x, x.T @ w))


def moment(y: np.ndarray, v: np.ndarray, a: np.ndarray, x: np.ndarray) -> float:
    """Return the moment estimate of tau2 under weights a, by dense matrices."""
    p = projection(a, x)
    return max(0.0, float((y @ p @ y - np.trace(p @ np.diag(v))) / np.trace(p)))


def one(y: np.ndarray, v: np.ndarray, design: np.ndarray, method: str | None, **options: object) -> BatchFit:
    """Fit one analysis of every study."""
    mask = np.ones((1, y.size), dtype=bool)
    return fit_batch(y, v, mask, design, tau2_method=method, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("p", [1, 2, 3])
def test_dl2_is_the_moment_estimate_under_the_weights_of_dl(p: int) -> None:
    for seed in range(8):
        y, v, _, x = data(12, p, seed)
        first = moment(y, v, 1.0 / v, x)
        assert one(y, v, x, "DL").tau2[0] == pytest.approx(first, rel=1e-11, abs=1e-13)
        expected = moment(y, v, 1.0 / (v + first), x)
        assert one(y, v, x, "DL2").tau2[0] == pytest.approx(expected, rel=1e-10, abs=1e-13)


@pytest.mark.parametrize("p", [1, 2, 3])
def test_weights_given_serve_tau2_under_genq_and_the_mean_with_its_sandwich(p: int) -> None:
    for seed in range(8):
        y, v, a, x = data(12, p, seed)
        fit = one(y, v, x, "GENQ", weights=a)
        tau2 = moment(y, v, a, x)
        assert fit.tau2[0] == pytest.approx(tau2, rel=1e-10, abs=1e-13)
        h = np.linalg.solve(x.T @ np.diag(a) @ x, x.T @ np.diag(a))
        assert fit.coefficients[0] == pytest.approx(h @ y, rel=1e-10)
        assert fit.covariance[0] == pytest.approx(h @ np.diag(v + tau2) @ h.T, rel=1e-9, abs=1e-14)
        residual = y - x @ h @ y
        ours = -0.5 * float(np.sum(np.log(2.0 * np.pi * (v + tau2)) + residual**2 / (v + tau2)))
        assert fit.loglik[0] == pytest.approx(ours, rel=1e-11)


def test_pmm_asks_q_for_its_median() -> None:
    y, v, _, x = data(15, 2, seed=4)
    fit = one(y, v, x, "PMM")
    assert fit.tau2[0] > 0.0
    assert fit.residual_q[0] == pytest.approx(special.gammaincinv(6.5, 0.5) * 2.0, rel=1e-11)


def test_eb_is_paule_and_mandel_to_the_last_bit() -> None:
    y, v, _, x = data(15, 1, seed=5)
    assert one(y, v, x, "EB").tau2[0] == one(y, v, x, "PM").tau2[0]


def test_weights_leave_tau2_and_q_alone_except_under_genq() -> None:
    y, v, a, x = data(15, 1, seed=6)
    plain, weighted = one(y, v, x, "REML"), one(y, v, x, "REML", weights=a)
    for name in ("tau2", "q", "residual_q", "typical_variance"):
        assert getattr(plain, name)[0] == getattr(weighted, name)[0], name
    assert weighted.loglik[0] < plain.loglik[0]
    assert weighted.covariance[0, 0, 0] > plain.covariance[0, 0, 0]


def test_inverse_variances_given_are_the_weights_that_nobody_gives() -> None:
    y, v, _, x = data(15, 2, seed=7)
    plain, weighted = one(y, v, x, None), one(y, v, x, None, weights=1.0 / v)
    for name in ("coefficients", "covariance", "loglik"):
        assert getattr(weighted, name)[0] == pytest.approx(getattr(plain, name)[0], rel=1e-11), name


@pytest.mark.parametrize("scale", [1e-300, 0.1, 1e300])
def test_the_scale_of_the_weights_does_not_matter(scale: float) -> None:
    y, v, a, x = data(9, 2, seed=8)
    plain, other = one(y, v, x, "GENQ", weights=a), one(y, v, x, "GENQ", weights=scale * a)
    for name in NUMBERS:
        assert getattr(other, name)[0] == pytest.approx(getattr(plain, name)[0], rel=1e-12), name


def test_a_weight_of_zero_keeps_a_study_in_q_and_out_of_the_mean() -> None:
    y, v, a, x = data(9, 1, seed=9)
    a[3] = 0.0
    fit, plain = one(y, v, x, "DL", weights=a), one(y, v, x, "DL")
    assert fit.tau2[0] == plain.tau2[0]
    assert fit.k[0] == 9
    assert fit.coefficients[0, 0] == pytest.approx(float(a @ y / a.sum()), rel=1e-13)


def test_weights_that_leave_too_few_studies_are_not_estimable() -> None:
    y, v, _, x = data(9, 2, seed=10)
    mask = np.ones((2, 9), dtype=bool)
    weights = np.ones((2, 9))
    weights[1, 1:] = 0.0  # one study for two coefficients
    for method in ("GENQ", "REML", None):
        fit = fit_batch(y, v, mask, x, tau2_method=method, weights=weights)
        assert [Status(int(s)) for s in fit.status] == [Status.OK, Status.NOT_ESTIMABLE], method
        for name in NUMBERS:
            assert np.isfinite(getattr(fit, name)[0]).all(), name
            assert np.isnan(getattr(fit, name)[1]).all(), name


def test_a_single_study_is_itself_under_any_weight() -> None:
    fit = one(np.array([0.3]), np.array([0.04]), np.ones((1, 1)), "GENQ", weights=[7.0])
    assert Status(int(fit.status[0])) is Status.SINGLE_STUDY
    assert (fit.coefficients[0, 0], fit.tau2[0]) == (0.3, 0.0)
    assert fit.covariance[0, 0, 0] == pytest.approx(0.04, rel=1e-15)


def test_dl_mh_takes_q_about_the_value_given() -> None:
    y, v, _, x = data(9, 1, seed=11)
    mask = np.ones((3, 9), dtype=bool)
    mean = float(np.sum(y / v) / np.sum(1.0 / v))
    fit = fit_batch(y, v, mask, x, tau2_method="DL_MH", q_centre=[0.1, mean, np.nan])
    w = 1.0 / v
    q = float(np.sum(w * (y - 0.1) ** 2))
    assert fit.q[0] == pytest.approx(q, rel=1e-13)
    assert fit.tau2[0] == pytest.approx((q - 8.0) / (w.sum() - w @ w / w.sum()), rel=1e-12)
    dl = one(y, v, x, "DL")
    assert fit.tau2[1] == pytest.approx(dl.tau2[0], rel=1e-12)
    assert fit.q[0] > fit.q[1]
    assert Status(int(fit.status[2])) is Status.NOT_ESTIMABLE
    assert np.isnan(fit.tau2[2])
    low = fit_batch(y / 100.0, v, mask[:1], x, tau2_method="DL_MH", q_centre=[0.0])
    assert (low.tau2[0], Status(int(low.status[0]))) == (0.0, Status.BOUNDARY)


@pytest.mark.parametrize("method", ["GENQ", "REML", None])
@pytest.mark.parametrize("p", [1, 2])
@pytest.mark.parametrize("k", [5, 9, 21, 40])
def test_weighted_rows_have_the_bits_of_fits_on_the_sheet_without_the_study(
    k: int, p: int, method: str | None
) -> None:
    y, v, a, x = data(k, p, seed=k)
    mask = np.vstack([np.ones((1, k), dtype=bool), ~np.eye(k, dtype=bool)])
    together = fit_batch(y, v, mask, x, tau2_method=method, weights=a)
    for row, used in enumerate(mask):
        alone = one(y[used], v[used], x[used], method, weights=a[used])
        for name in NUMBERS:
            ours, theirs = getattr(together, name)[row], getattr(alone, name)[0]
            assert np.ascontiguousarray(ours).tobytes() == np.ascontiguousarray(theirs).tobytes(), (row, name)


@pytest.mark.parametrize("p", [1, 2])
def test_the_error_of_tau2_under_dl2_is_that_of_its_quadratic_form(p: int) -> None:
    y, v, _, x = data(14, p, seed=3)
    mask = np.ones((1, 14), dtype=bool)
    tau2 = one(y, v, x, "DL2").tau2
    form = projection(1.0 / (v + moment(y, v, 1.0 / v, x)), x)
    spread = form @ np.diag(v + tau2[0])
    expected = np.sqrt(2.0 * np.trace(spread @ spread)) / np.trace(form)
    assert tau2_errors(y, v, mask, x, tau2, "DL2")[0] == pytest.approx(expected, rel=1e-10)


def test_the_error_of_tau2_is_missing_where_none_is_published_or_nothing_is_left() -> None:
    y, v, _, x = data(6, 1, seed=3)
    mask = np.ones((2, 6), dtype=bool)
    mask[1, 1:] = False
    tau2 = np.array([0.2, 0.0])
    assert np.isnan(tau2_errors(y, v, mask, x, tau2, "DL_MH")).all()
    reml = tau2_errors(y, v, mask, x, tau2, "REML")
    assert np.isfinite(reml[0])
    assert np.isnan(reml[1])
