"""The kernel of two variance components against dense matrices on a fine grid, and its own laws."""

from __future__ import annotations

import numpy as np
import pytest

from meta.kernels.multilevel import MultilevelBatch, fit_multilevel
from meta.kernels.status import Status

#: The likelihood of the dense computation: worst relative difference seen 4e-13.
LOGLIK_RTOL = 1e-10

#: No point of the fine grid may be better than this.
GRID_GAIN = 1e-8


def dense_log_likelihood(y, big_v, x, cluster, between, within, restricted):
    """Log-likelihood by a Cholesky factor and a QR decomposition of matrices of the size of the data."""
    m = big_v + between * (cluster[:, None] == cluster) + within * np.eye(y.size)
    root = np.linalg.cholesky(m)
    q, r = np.linalg.qr(np.linalg.solve(root, x))
    e = np.linalg.solve(root, y)
    e = e - q @ (q.T @ e)
    value = -0.5 * e @ e - np.log(np.diag(root)).sum()
    n = y.size
    if restricted:
        value += 0.5 * np.linalg.slogdet(x.T @ x)[1] - np.log(np.abs(np.diag(r))).sum()
        n -= x.shape[1]
    return value - 0.5 * n * np.log(2 * np.pi)


def sampling_covariance(v, cluster, rho):
    big_v = np.where(cluster[:, None] == cluster, rho * np.sqrt(np.outer(v, v)), 0.0)
    np.fill_diagonal(big_v, v)
    return big_v


def draw(rng: np.random.Generator):
    """2 to 8 clusters of 1 to 4 rows, variances over one decade or four, now and then an outlier."""
    cluster = np.repeat(np.arange(m := rng.integers(2, 9)), rng.integers(1, 5, m))
    k = cluster.size
    v = np.exp(rng.normal(0, rng.choice([0.3, 1, 3]), k)) * rng.choice([1e-4, 1, 1e3])
    rho = rng.choice([0.0, 0.6, 0.9])
    unit = np.median(v)
    between, within = rng.choice([0, 0.1, 1, 10], 2) * unit
    big_v = sampling_covariance(v, cluster, rho)
    total = big_v + between * (cluster[:, None] == cluster) + within * np.eye(k)
    y = rng.multivariate_normal(np.full(k, 10 * np.sqrt(unit)), total)
    if rng.random() < 0.2:
        y[rng.integers(k)] += 20 * np.sqrt(unit)
    x = np.ones((k, 1))
    if rng.random() < 0.3:
        x = np.column_stack([x, rng.normal(size=k)])
    return y, v, x, cluster, rho, bool(rng.random() < 0.7)


def fit_one(y, v, x, cluster, rho, restricted) -> MultilevelBatch:
    mask = np.ones((1, y.size), dtype=bool)
    return fit_multilevel(y, v, mask, x, cluster, np.full(y.size, rho), restricted=restricted)


def test_no_point_of_a_fine_grid_is_better():
    rng = np.random.default_rng(1)
    seen = set()
    for _ in range(60):
        y, v, x, cluster, rho, restricted = draw(rng)
        batch = fit_one(y, v, x, cluster, rho, restricted)
        seen.add(int(batch.status[0]))
        if batch.status[0] == Status.NOT_ESTIMABLE:
            continue
        assert batch.status[0] != Status.NOT_CONVERGED
        big_v = sampling_covariance(v, cluster, rho)
        at = dense_log_likelihood(y, big_v, x, cluster, batch.between[0], batch.within[0], restricted)
        assert batch.loglik[0] == pytest.approx(at, rel=LOGLIK_RTOL)
        grid = np.concatenate([[0.0], np.geomspace(1e-3, 1e3, 16)]) * np.median(v)
        second = grid if batch.separable[0] else grid[:1]
        best = max(
            dense_log_likelihood(y, big_v, x, cluster, between, within, restricted)
            for between in grid
            for within in second
        )
        assert best <= at + GRID_GAIN
    # among them a ridge with a maximum at either end, which a grid over each component apart did not see
    assert {Status.OK, Status.BOUNDARY, Status.SEVERAL_MAXIMA} <= seen


def test_coefficients_and_covariance_are_those_of_generalised_least_squares():
    rng = np.random.default_rng(3)
    y, v, x, cluster, _, _ = draw(rng)
    x = np.column_stack([np.ones(y.size), rng.normal(size=y.size) + 2000.0])
    batch = fit_one(y, v, x, cluster, 0.6, True)
    big_v = sampling_covariance(v, cluster, 0.6)
    m = big_v + batch.between * (cluster[:, None] == cluster) + batch.within * np.eye(y.size)
    w = np.linalg.inv(m)
    covariance = np.linalg.inv(x.T @ w @ x)
    np.testing.assert_allclose(batch.covariance[0], covariance, rtol=1e-6)
    np.testing.assert_allclose(batch.coefficients[0], covariance @ x.T @ w @ y, rtol=1e-6)
    np.testing.assert_allclose(batch.weights[0], 100 * w.sum(axis=1) / w.sum(), rtol=1e-9)
    w = np.linalg.inv(big_v)
    p = w - w @ x @ np.linalg.inv(x.T @ w @ x) @ x.T @ w
    assert batch.q[0] == pytest.approx(y @ p @ y, rel=1e-6)
    assert batch.typical_variance[0] == pytest.approx((y.size - 2) / np.trace(p), rel=1e-6)


@pytest.mark.parametrize("rho", [0.0, 0.6])
def test_a_row_keeps_its_bits_in_any_batch_and_without_the_rows_it_leaves_out(rho: float):
    rng = np.random.default_rng(8)
    cluster = np.repeat(np.arange(12), rng.integers(1, 5, 12))
    cluster = rng.permutation(cluster)
    k = cluster.size
    v = rng.gamma(3.0, 0.1, k)
    y = rng.normal(0.0, 0.5, 12)[cluster] + rng.normal(0.0, 0.4, k)
    x = np.column_stack([np.ones(k), rng.normal(size=k)])
    without_rows = ~np.eye(k, dtype=bool)
    without_clusters = cluster != np.arange(12)[:, None]
    mask = np.concatenate([np.ones((1, k), dtype=bool), without_rows, without_clusters])
    batch = fit_multilevel(y, v, mask, x, cluster, np.full(k, rho), restricted=True)
    for row in (0, 1, 7, k, k + 1, k + 5):
        keep = mask[row]
        alone = fit_multilevel(
            y[keep], v[keep], mask[row][keep][None], x[keep], cluster[keep], np.full(keep.sum(), rho),
            restricted=True,
        )
        for name in ("coefficients", "covariance", "between", "within", "loglik", "q", "typical_variance"):
            assert np.array_equal(getattr(batch, name)[row], getattr(alone, name)[0]), (row, name)
        assert np.array_equal(batch.weights[row][keep], alone.weights[0])
        assert (batch.weights[row][~keep] == 0.0).all()


def test_units_and_a_shift_leave_the_fit_alone():
    rng = np.random.default_rng(5)
    y, v, x, cluster, _, _ = draw(rng)
    x = np.ones((y.size, 1))
    base = fit_one(y, v, x, cluster, 0.6, True)
    other = fit_one(1000.0 * y + 5.0, 1e6 * v, x, cluster, 0.6, True)
    np.testing.assert_allclose(other.between, 1e6 * base.between, rtol=1e-9)
    np.testing.assert_allclose(other.within, 1e6 * base.within, rtol=1e-9)
    np.testing.assert_allclose(other.coefficients, 1000.0 * base.coefficients + 5.0, rtol=1e-11)


def test_one_row_a_cluster_is_one_component():
    y, v = np.array([0.1, 0.9, -0.4, 1.6]), np.array([0.1, 0.2, 0.05, 0.3])
    batch = fit_one(y, v, np.ones((4, 1)), np.arange(4), 0.6, True)
    assert not batch.separable[0]
    assert batch.within[0] == 0.0
    assert batch.between[0] > 0.0


@pytest.mark.parametrize(
    ("used", "status"),
    [
        ([], Status.NOT_ESTIMABLE),
        ([1], Status.SINGLE_STUDY),
        ([0, 1, 2], Status.NOT_ESTIMABLE),
        ([0, 1, 2, 3], Status.OK),
    ],
)
def test_too_few_rows_or_clusters_are_a_status(used: list[int], status: Status):
    y, v = np.array([0.1, 0.9, 0.3, 8.0, 9.0]), np.array([0.1, 0.2, 0.1, 0.1, 0.2])
    mask = np.zeros((1, 5), dtype=bool)
    mask[0, used] = True
    batch = fit_multilevel(
        y, v, mask, np.ones((5, 1)), np.array([0, 0, 0, 1, 1]), np.full(5, 0.6), restricted=True
    )
    assert batch.status[0] == status
    assert np.isnan(batch.between[0]) == (status == Status.NOT_ESTIMABLE)
