"""Cluster-robust covariances of coefficients, Satterthwaite degrees of freedom, and joint tests.

The weights are the inverse of the working covariance Phi of each cluster (sampling errors and variance
components), which is the target of CR2 too. Written with the bread M = (X' Phi^-1 X)^-1, and for the rows of
cluster i

    U_i = A_i Phi_i^-1 X_i M,   V = factor * sum U_i' e_i e_i' U_i,

A_i = I under CR0, CR1 and CR1p; under CR2 the symmetric A_i with A_i (Phi_i - X_i M X_i') A_i = Phi_i, so
that V is unbiased if Phi is right. Under the working model the products of the terms of V have the
expectations D_i - H_i M H_j' (D_i = U_i' Phi_i U_i only where i = j, H_i = U_i' X_i), from which every number
of degrees of freedom follows without a matrix of the size of the data.

References
----------
Pustejovsky & Tipton (2018), Journal of Business & Economic Statistics 36, 672-683 (CR2, Satterthwaite);
Tipton & Pustejovsky (2015), Journal of Educational and Behavioral Statistics 40, 604-634 (joint test HTZ).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meta.inference.intervals import quadratic_form
from meta.inference.p_values import f_p

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Rows = NDArray[np.intp]

#: Phi of T clusters of n rows: the analysis of each, shape (T,), and its rows, shape (T, n) -> (T, n, n).
Blocks = Callable[[Rows, Rows], Floats]

#: Eigenvalues of an adjustment below this share of the largest possible one count as 0 (its inverse is then
#: the Moore-Penrose one): the cluster alone decides a coefficient.
EIGEN_RTOL = 1e-12

#: A robust standard error without adjustment (CR0) below this share of the model-based one is rounding: the
#: residuals of every cluster cancel in that coefficient, and no data vary that could tell its error.
DEGENERATE = 1e-8

#: A cluster decides a combination of coefficients alone where the product of 1 - the eigenvalues of its
#: leverage X_i'Phi_i^-1 X_i M is below this.
LEVERAGE_RTOL = 1e-10

#: Coefficients whose correlations have a smaller eigenvalue than this are not tested together.
SINGULAR = 1e-10

#: Numbers in the blocks of clusters that are worked on at a time.
WORK_NUMBERS = 2_000_000


@dataclass(frozen=True, slots=True)
class Robust:
    """What the rows of clusters say about coefficients; NaN where an analysis failed.

    Attributes
    ----------
    covariance : array of shape (B, p, p)
        Cluster-robust covariance of the coefficients; rows and columns of a degenerate one are NaN.
    df : array of shape (B, p)
        Satterthwaite degrees of freedom of each coefficient.
    degenerate : array of bool, shape (B, p)
        Which coefficients have no robust variance: that of CR0 is 0 beside the model-based one.
    alone : array of bool, shape (B,)
        Whether one cluster alone decides a coefficient or a combination of them: its residuals are 0 there,
        and whatever its error is, no robust variance knows.
    m : array of int, shape (B,)
        Clusters used.
    statistic, df1, df2, p : arrays of shape (B,)
        The joint test that the coefficients named are 0: F, its degrees of freedom, its p-value; NaN where
        none are named.
    """

    covariance: Floats
    df: Floats
    degenerate: Mask
    alone: Mask
    m: NDArray[np.int64]
    statistic: Floats
    df1: Floats
    df2: Floats
    p: Floats


@dataclass(frozen=True, slots=True)
class _Terms:
    """One element a cluster of an analysis: who, U'e (p,) with A_i and without, D (p, p), H (p, p), leverage.

    ``leverage`` is the product of 1 - the eigenvalues of X_i'Phi_i^-1 X_i M.
    """

    owner: Rows
    score: Floats
    plain: Floats
    leverage: Floats
    d: Floats
    h: Floats


def covariance_blocks(v: Floats, rho: Floats, between: Floats, within: Floats) -> Blocks:
    """Return Phi for sampling errors of constant correlation and two variance components.

    Parameters
    ----------
    v, rho : array of shape (k,)
        Sampling variances, and the correlation of the sampling errors of rows of one cluster.
    between, within : array of shape (B,)
        Variance between clusters, and of rows within them.
    """

    def blocks(owner: Rows, rows: Rows) -> Floats:
        se = np.sqrt(v[rows])
        phi = rho[rows][:, :, None] * se[:, :, None] * se[:, None, :] + between[owner, None, None]
        diagonal = np.arange(rows.shape[1])
        phi[:, diagonal, diagonal] = v[rows] + between[owner, None] + within[owner, None]
        return phi

    return blocks


def cluster_robust(
    design: Floats,
    value: Floats,
    residual: Floats,
    mask: Mask,
    cluster: Rows,
    bread: Floats,
    blocks: Blocks,
    method: str,
    tested: tuple[int, ...] = (),
) -> Robust:
    """Compute cluster-robust covariances and their degrees of freedom for B analyses of k rows.

    Parameters
    ----------
    design : array of shape (k, p)
        Design matrix.
    value : array of shape (B, p)
        Coefficients.
    residual : array of shape (B, k)
        y - X b; anything where a row is left out.
    mask : array of bool, shape (B, k)
        Which rows each analysis uses.
    cluster : array of int, shape (k,)
        Cluster of each row; sums run in ascending order.
    bread : array of shape (B, p, p)
        (X' Phi^-1 X)^-1; NaN where an analysis failed.
    blocks : callable
        Phi of the rows of a cluster.
    method : {"CR0", "CR1", "CR1p", "CR2"}
        Factor 1, m / (m - 1), m / (m - p), or the bias-reduced matrices (m clusters).
    tested : tuple of int
        Coefficients of the joint test (HTZ).

    Returns
    -------
    Robust
        NaN below two clusters, and under CR1p where clusters do not exceed coefficients.
    """
    rows, p = bread.shape[:2]
    order = np.argsort(cluster, kind="stable")
    sizes = _sizes(mask[:, order], cluster[order])
    m = (sizes > 0).sum(axis=1)
    fine = np.isfinite(bread).all(axis=(1, 2)) & (m >= 2)
    covariance, df = np.full((rows, p, p), np.nan), np.full((rows, p), np.nan)
    degenerate, alone = np.zeros((rows, p), dtype=bool), np.zeros(rows, dtype=bool)
    test = np.full((4, rows), np.nan)
    largest = int((sizes * (sizes + p) + p * p).sum(axis=1).max(initial=1))
    chosen = np.flatnonzero(fine)
    step = max(1, WORK_NUMBERS // largest)
    for chunk in (chosen[start : start + step] for start in range(0, chosen.size, step)):
        used = _Used(mask[chunk][:, order], sizes[chunk], order)
        terms = _terms(used, design, residual[chunk], bread[chunk], blocks, chunk, adjust=method == "CR2")
        meat = _add(terms.owner, terms.score[:, :, None] * terms.score[:, None, :], chunk.size)
        lost = degenerate[chunk] = _has_no_variance(terms, bread[chunk])
        alone[chunk] = _add(terms.owner, np.where(terms.leverage < LEVERAGE_RTOL, 1.0, 0.0), chunk.size) > 0.0
        meat = np.where(lost[:, :, None] | lost[:, None, :], np.nan, meat)
        covariance[chunk] = _factor(method, m[chunk], p)[:, None, None] * meat
        for j in range(p):
            found = 2.0 * _wishart_df(_transform(terms, np.eye(p)[:, [j]], bread[chunk]))
            df[chunk, j] = np.where(lost[:, j], np.nan, found)
        if tested:
            test[:, chunk] = _joint_test(terms, value[chunk], covariance[chunk], bread[chunk], tested)
    return Robust(covariance, df, degenerate, alone, m.astype(np.int64), *test)


def _has_no_variance(terms: _Terms, bread: Floats) -> Mask:
    """Return which coefficients have a variance of 0 under CR0 beside that of the model, shape (B, p)."""
    variance = _add(terms.owner, np.square(terms.plain), bread.shape[0])
    return np.asarray(variance <= DEGENERATE**2 * np.diagonal(bread, axis1=1, axis2=2))


@dataclass(frozen=True, slots=True)
class _Used:
    """The rows that analyses use: ``mask`` in the order ``order`` of clusters, ``sizes`` of each cluster."""

    mask: Mask
    sizes: NDArray[np.int64]
    order: Rows


def _sizes(mask: Mask, cluster: Rows) -> NDArray[np.int64]:
    """Count the rows used of each cluster, shape (B, all clusters); ``cluster`` ascends."""
    starts = np.flatnonzero(np.concatenate([[True], cluster[1:] != cluster[:-1]]))
    return np.asarray(np.add.reduceat(mask.astype(np.int64), starts, axis=1))


def _factor(method: str, m: NDArray[np.int64], p: int) -> Floats:
    """Return what a method multiplies the sum with, shape (B,)."""
    clusters = m.astype(np.float64)
    less = {"CR1": 1, "CR1p": p}.get(method, 0)
    return np.where(clusters > less, clusters / np.where(clusters > less, clusters - less, 1.0), np.nan)


def _terms(
    used: _Used, design: Floats, residual: Floats, bread: Floats, blocks: Blocks, chunk: Rows, *, adjust: bool
) -> _Terms:
    """Return the terms of every cluster of every analysis, sorted by analysis, then cluster.

    Clusters of one size are worked on together, so that a cluster's numbers do not depend on the others.
    """
    flat = used.sizes.ravel()
    first = np.cumsum(flat) - flat
    place = used.order[np.nonzero(used.mask)[1]]
    found: list[tuple[Rows, Floats, Floats, Floats, Floats, Floats]] = []
    for n in np.unique(flat[flat > 0]):
        which = np.flatnonzero(flat == n)
        rows = place[first[which][:, None] + np.arange(n)]
        owner = which // used.sizes.shape[1]
        x, e, own = design[rows], residual[owner[:, None], rows], bread[owner]
        phi = blocks(chunk[owner], rows)
        u = np.linalg.solve(phi, x) @ own
        plain = (u.transpose(0, 2, 1) @ e[:, :, None])[:, :, 0]
        leverage = np.linalg.det(np.eye(x.shape[2]) - u.transpose(0, 2, 1) @ x)
        if adjust:
            u = _adjustment(phi, x, own) @ u
        turned = u.transpose(0, 2, 1)
        score = (turned @ e[:, :, None])[:, :, 0]
        found.append((which, score, plain, leverage, turned @ phi @ u, turned @ x))
    which = np.concatenate([part[0] for part in found])
    back = np.argsort(which, kind="stable")
    score, plain, leverage, d, h = (
        np.concatenate([np.asarray(part[i]) for part in found])[back] for i in (1, 2, 3, 4, 5)
    )
    return _Terms(which[back] // used.sizes.shape[1], score, plain, leverage, d, h)


def _adjustment(phi: Floats, x: Floats, bread: Floats) -> Floats:
    """Return the symmetric A with A (Phi - X M X') A = Phi, shape (T, n, n)."""
    lower = np.linalg.cholesky(phi)
    upper = lower.transpose(0, 2, 1)
    values, vectors = np.linalg.eigh(upper @ (phi - x @ bread @ x.transpose(0, 2, 1)) @ lower)
    # tr(L' Phi L) bounds every eigenvalue
    bound = (phi * phi).sum(axis=(1, 2))
    known = values > EIGEN_RTOL * bound[:, None]
    inverse = np.where(known, 1.0 / np.sqrt(np.where(known, values, 1.0)), 0.0)
    half = lower @ vectors
    return np.asarray((half * inverse[:, None, :]) @ half.transpose(0, 2, 1))


def _add(owner: Rows, terms: Floats, size: int) -> Floats:
    """Add the terms of each analysis one after another, shape (T, ...) -> (size, ...)."""
    total = np.zeros((size, *terms.shape[1:]))
    np.add.at(total, owner, terms)
    return total


@dataclass(frozen=True, slots=True)
class _Contrast:
    """Expected products of the terms of C' V C: D and H after C (and after standardising), and the bread."""

    owner: Rows
    d: Floats
    h: Floats
    own: Floats
    bread: Floats

    @property
    def mean(self) -> Floats:
        """Expectation of the sum of the terms under the working model, shape (B, q, q)."""
        return _add(self.owner, self.d - self.own, self.bread.shape[0])


def _transform(terms: _Terms, c: Floats, bread: Floats) -> _Contrast:
    """Apply contrasts ``c``, shape (p, q) or (B, p, q)."""
    each = c[terms.owner] if c.ndim == 3 else c
    turned = each.swapaxes(-1, -2)
    h = turned @ terms.h
    own = h @ bread[terms.owner] @ h.transpose(0, 2, 1)
    return _Contrast(terms.owner, turned @ terms.d @ each, h, own, bread)


def _wishart_df(contrast: _Contrast) -> Floats:
    """Return half the ratio of (tr E)^2 + tr(E E), q = 1: E^2, to the summed variances: eta over q (q + 1).

    With G_ij the expected products, standardised to a sum of I, eta = q (q + 1) / sum_ij (tr(G_ij)^2 +
    tr(G_ij^2)); for one coefficient this is Satterthwaite's number.
    """
    size, q = contrast.bread.shape[0], contrast.d.shape[1]
    mean = contrast.mean
    scale = mean[:, 0, 0] if q == 1 else np.ones(size)
    full = contrast.d - contrast.own
    total = _add(contrast.owner, _spread(full) - _spread(contrast.own), size)
    # sums over all pairs of clusters, through sums over clusters of h h'
    pairs = {
        (s, t): _add(contrast.owner, contrast.h[:, s, :, None] * contrast.h[:, t, None, :], size)
        for s in range(q)
        for t in range(q)
    }
    for s in range(q):
        for t in range(q):
            total = total + _trace(contrast.bread @ pairs[s, t] @ contrast.bread @ pairs[t, s])
            total = total + _trace(contrast.bread @ pairs[t, s] @ contrast.bread @ pairs[t, s])
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(scale * scale / total)


def _spread(g: Floats) -> Floats:
    """Return tr(G)^2 + tr(G^2) of each matrix."""
    return np.asarray(_trace(g) ** 2 + _trace(g @ g))


def _trace(a: Floats) -> Floats:
    return np.asarray(np.trace(a, axis1=1, axis2=2))


def _joint_test(
    terms: _Terms, value: Floats, covariance: Floats, bread: Floats, tested: tuple[int, ...]
) -> Floats:
    """Return F, its two degrees of freedom and p of the test HTZ, shape (4, B)."""
    size, q, columns = bread.shape[0], len(tested), list(tested)
    chosen = np.broadcast_to(np.eye(bread.shape[1])[:, columns], (size, bread.shape[1], q))
    # in units of their standard errors, so that it does not matter in which units a moderator is
    chosen = chosen / _root_diagonal(_transform(terms, chosen, bread).mean)[:, None, :]
    values, vectors = np.linalg.eigh(_transform(terms, chosen, bread).mean)
    fine = np.asarray((values > SINGULAR).all(axis=1), dtype=bool)
    root = np.sqrt(np.where(fine[:, None], values, 1.0))
    half = (vectors / root[:, None, :]) @ vectors.transpose(0, 2, 1)
    eta = q * (q + 1.0) * _wishart_df(_transform(terms, chosen @ half, bread))
    picked = covariance[:, columns][:, :, columns]
    unit = _root_diagonal(picked)
    correlation = picked / unit[:, :, None] / unit[:, None, :]
    known = np.where(np.isfinite(correlation), correlation, 0.0)
    df2 = eta - q + 1.0
    fine &= (np.linalg.eigvalsh(known)[:, 0] > SINGULAR) & (df2 > 0.0)
    wald = quadratic_form(value[:, columns], np.where(fine[:, None, None], picked, np.eye(q)))
    df1, df2 = np.where(fine, float(q), np.nan), np.where(fine, df2, np.nan)
    statistic = df2 / (eta * q) * wald
    return np.stack([statistic, df1, df2, f_p(statistic, df1, df2)])


def _root_diagonal(a: Floats) -> Floats:
    """Return the roots of the diagonals, shape (B, q); 1 where there is none."""
    diagonal = np.diagonal(a, axis1=1, axis2=2)
    return np.sqrt(np.where(diagonal > 0.0, diagonal, 1.0))
