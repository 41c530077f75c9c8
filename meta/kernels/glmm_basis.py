"""Columns of a design made orthogonal, so that a calendar year and an indicator are equally easy to fit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from meta.kernels.masks import RANK_RTOL, Floats, Mask, Rows, orthonormalise


@dataclass(slots=True)
class Basis:
    """Columns Q (p, R, k) and triangle T (p, p, R) with X = Q T.

    Each column has mean square 1 over the studies its analysis uses.

    ``full_rank`` (R,) says where X has full column rank.
    """

    columns: Floats
    triangle: Floats
    full_rank: Mask

    def take(self, rows: Rows) -> Basis:
        """Return the basis of the analyses ``rows``."""
        return Basis(
            np.take(self.columns, rows, axis=1), np.take(self.triangle, rows, axis=2), self.full_rank[rows]
        )

    def to_gamma(self, beta: Floats) -> Floats:
        """Turn coefficients of X (p, R) into those of Q."""
        gamma = np.zeros_like(beta)
        for i in range(beta.shape[0]):
            for j in range(i, beta.shape[0]):
                gamma[i] += self.triangle[i, j] * beta[j]
        return gamma

    def to_beta(self, gamma: Floats) -> Floats:
        """Turn coefficients of Q (p, R) into those of X."""
        beta = gamma.copy()
        for i in reversed(range(gamma.shape[0])):
            for j in range(i + 1, gamma.shape[0]):
                beta[i] -= self.triangle[i, j] * beta[j]
            beta[i] /= self.triangle[i, i]
        return beta

    def to_beta_covariance(self, covariance: Floats) -> Floats:
        """Turn a covariance (p + 1, p + 1, R) of (gamma, tau) into one of (beta, tau)."""
        p = self.triangle.shape[0]
        half = covariance.copy()
        for j in range(p + 1):
            half[:p, j] = self.to_beta(covariance[:p, j])
        whole = half.copy()
        for i in range(p + 1):
            whole[i, :p] = self.to_beta(half[i, :p])
        return whole


def orthogonal_basis(design: Floats, mask: Mask) -> Basis:
    """Make the columns of ``design`` (k, p) orthogonal over the studies that ``mask`` (R, k) uses."""
    # sums run study after study, which takes two columns
    used = np.ascontiguousarray(mask.T if mask.shape[0] > 1 else np.repeat(mask.T, 2, axis=1))
    share = 1.0 / np.maximum(used.sum(axis=0), 1)
    x = np.where(used, design.T[:, :, None], 0.0)
    q, triangle, lengths = orthonormalise(x, np.ascontiguousarray(np.broadcast_to(share, used.shape)))
    full_rank = np.ones(used.shape[1], dtype=bool)
    for j in range(x.shape[0]):
        independent = triangle[j, j] > RANK_RTOL * lengths[j]
        full_rank &= independent
        triangle[j, j] = np.where(independent, triangle[j, j], 1.0)
    rows = mask.shape[0]
    columns = np.ascontiguousarray(np.moveaxis(q, 1, 2)[:, :rows])
    return Basis(columns, np.ascontiguousarray(triangle[:, :, :rows]), full_rank[:rows])


def mean_basis(mask: Mask) -> Basis:
    """Return the basis of one column of ones, as it stands."""
    return Basis(np.where(mask, 1.0, 0.0)[None], np.ones((1, 1, mask.shape[0])), np.asarray(mask.any(axis=1)))
