"""Cluster-robust inference against a second computation with matrices of the size of the data."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import block_diag, sqrtm

from meta.inference.robust import cluster_robust, covariance_blocks

#: Worst difference seen 4e-12.
RTOL = 1e-9


def draw(seed: int, m: int = 9):
    rng = np.random.default_rng(seed)
    cluster = np.repeat(np.arange(m), rng.integers(1, 5, m))
    k = cluster.size
    v, x = rng.gamma(3.0, 0.1, k), np.column_stack([np.ones(k), rng.normal(size=k), rng.normal(size=k)])
    y = x @ [0.2, 0.5, 0.0] + rng.normal(0, 0.5, m)[cluster] + rng.normal(0, np.sqrt(v))
    return y, v, x, cluster


def fit(y, v, x, cluster, masks, rho=0.6, between=0.2, within=0.1, method="CR2", tested=(1, 2)):
    """Generalised least squares of every row of ``masks``, from plain matrices, then the robust numbers."""
    size, p = masks.shape[0], x.shape[1]
    value, residual, bread = np.zeros((size, p)), np.zeros(masks.shape), np.zeros((size, p, p))
    for i, mask in enumerate(masks):
        w = np.linalg.inv(phi_of(v[mask], cluster[mask], rho, between, within))
        bread[i] = np.linalg.inv(x[mask].T @ w @ x[mask])
        value[i] = bread[i] @ x[mask].T @ w @ y[mask]
        residual[i] = y - x @ value[i]
    blocks = covariance_blocks(v, np.full(v.size, rho), np.full(size, between), np.full(size, within))
    return cluster_robust(x, value, residual, masks, cluster, bread, blocks, method, tested), value


def phi_of(v, cluster, rho, between, within):
    same = cluster[:, None] == cluster
    phi = np.where(same, rho * np.sqrt(np.outer(v, v)) + between, 0.0)
    np.fill_diagonal(phi, v + between + within)
    return phi


def second(y, v, x, cluster, method, rho=0.6, between=0.2, within=0.1):
    """Covariance, and the matrix of expected products of one coefficient, all in matrices of size k."""
    phi = phi_of(v, cluster, rho, between, within)
    w = np.linalg.inv(phi)
    bread = np.linalg.inv(x.T @ w @ x)
    hat = np.eye(y.size) - x @ bread @ x.T @ w
    e = hat @ y
    m = cluster.max() + 1
    meat, vectors = np.zeros((3, 3)), []
    for i in range(m):
        rows = cluster == i
        a = np.eye(rows.sum())
        if method == "CR2":
            root = np.linalg.cholesky(phi[np.ix_(rows, rows)]).T
            inner = root @ (hat @ phi @ hat.T)[np.ix_(rows, rows)] @ root.T
            a = root.T @ np.linalg.inv(np.real(sqrtm(inner))) @ root
        left = bread @ x[rows].T @ w[np.ix_(rows, rows)] @ a
        meat += np.outer(left @ e[rows], left @ e[rows])
        vectors.append(left @ hat[rows])
    factor = {"CR1": m / (m - 1), "CR1p": m / (m - 3)}.get(method, 1.0)
    products = np.array([[pi @ phi @ pj.T for pj in vectors] for pi in vectors])
    return factor * meat, products


@pytest.mark.parametrize("method", ["CR0", "CR1", "CR1p", "CR2"])
def test_covariance_and_satterthwaite_from_full_matrices(method: str):
    y, v, x, cluster = draw(4)
    robust, _ = fit(y, v, x, cluster, np.ones((1, y.size), dtype=bool), method=method)
    covariance, products = second(y, v, x, cluster, method)
    np.testing.assert_allclose(robust.covariance[0], covariance, rtol=RTOL)
    for j in range(3):
        g = products[:, :, j, j]
        assert robust.df[0, j] == pytest.approx(np.trace(g) ** 2 / np.sum(g * g), rel=RTOL)


def test_joint_test_from_full_matrices():
    """Tipton and Pustejovsky's eta, as a sum over all pairs of clusters of standardised products."""
    y, v, x, cluster = draw(5)
    robust, value = fit(y, v, x, cluster, np.ones((1, y.size), dtype=bool))
    covariance, products = second(y, v, x, cluster, "CR2")
    g = products[:, :, 1:, 1:]
    mean = sum(g[i, i] for i in range(g.shape[0]))
    root = np.linalg.inv(np.real(sqrtm(mean)))
    g = root @ g @ root
    total = np.sum(np.trace(g, axis1=2, axis2=3) ** 2 + np.trace(g @ g, axis1=2, axis2=3))
    eta, q = 2 * 3 / total, 2
    wald = value[0, 1:] @ np.linalg.solve(covariance[1:, 1:], value[0, 1:])
    assert robust.df2[0] == pytest.approx(eta - q + 1, rel=RTOL)
    assert robust.statistic[0] == pytest.approx((eta - q + 1) / (eta * q) * wald, rel=RTOL)
    assert robust.df1[0] == q


def test_one_coefficient_tested_alone_is_its_t_test():
    y, v, x, cluster = draw(6)
    robust, value = fit(y, v, x, cluster, np.ones((1, y.size), dtype=bool), tested=(1,))
    t = value[0, 1] / np.sqrt(robust.covariance[0, 1, 1])
    assert robust.statistic[0] == pytest.approx(t * t, rel=RTOL)
    assert robust.df2[0] == pytest.approx(robust.df[0, 1], rel=RTOL)


def test_cr2_is_unbiased_under_the_working_model():
    """The expectation of the CR2 covariance is the model's own."""
    y, v, x, cluster = draw(7)
    _, products = second(y, v, x, cluster, "CR2")
    w = np.linalg.inv(phi_of(v, cluster, 0.6, 0.2, 0.1))
    expected = sum(products[i, i] for i in range(products.shape[0]))
    np.testing.assert_allclose(expected, np.linalg.inv(x.T @ w @ x), rtol=1e-8, atol=1e-12)


def test_a_row_keeps_its_bits_in_any_batch_and_without_the_rows_it_leaves_out():
    y, v, x, cluster = draw(8, m=12)
    masks = np.concatenate([np.ones((1, y.size), dtype=bool), ~np.eye(y.size, dtype=bool)])
    batch, _ = fit(y, v, x, cluster, masks)
    for row in (0, 1, 5, 11):
        keep = masks[row]
        alone, _ = fit(y[keep], v[keep], x[keep], cluster[keep], np.ones((1, keep.sum()), dtype=bool))
        for name in ("covariance", "df", "statistic", "df2"):
            assert np.array_equal(getattr(batch, name)[row], getattr(alone, name)[0]), (row, name)


def test_units_of_a_moderator_do_not_matter_to_the_joint_test():
    y, v, x, cluster = draw(9)
    every = np.ones((1, y.size), dtype=bool)
    one, _ = fit(y, v, x, cluster, every)
    other, _ = fit(y, v, x * np.array([1.0, 1e9, 1e-9]), cluster, every)
    np.testing.assert_allclose(other.statistic, one.statistic, rtol=1e-6)
    np.testing.assert_allclose(other.df2, one.df2, rtol=1e-6)


def test_without_two_clusters_nothing_is_known():
    y, v, x, cluster = draw(10)
    masks = (cluster == np.array([0, 1])[:, None]) | (cluster == 3)
    masks[1] = cluster == 3
    robust, _ = fit(y, v, x[:, :1], cluster, masks, tested=())
    assert list(robust.m) == [2, 1]
    assert np.isfinite(robust.covariance[0]).all()
    assert np.isnan(robust.covariance[1]).all()
    assert np.isnan(robust.statistic).all()


def test_cr1p_needs_more_clusters_than_coefficients():
    y, v, x, cluster = draw(11)
    masks = (cluster < 3)[None] & (np.arange(y.size) >= 0)
    robust, _ = fit(y, v, x[:, :3], cluster, masks, method="CR1p", tested=())
    assert np.isnan(robust.covariance).all()


def test_block_of_one_cluster_is_the_matrix_of_the_model():
    v, rho = np.array([0.1, 0.2, 0.4]), np.full(3, 0.5)
    blocks = covariance_blocks(v, rho, np.array([0.3]), np.array([0.2]))
    found = blocks(np.array([0, 0]), np.array([[0, 1], [1, 2]]))
    expected = phi_of(v[:2], np.zeros(2), 0.5, 0.3, 0.2), phi_of(v[1:], np.zeros(2), 0.5, 0.3, 0.2)
    np.testing.assert_allclose(block_diag(*found), block_diag(*expected), rtol=1e-14)
