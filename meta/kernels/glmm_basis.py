"""Orthogonal columns for each analysis, so that a calendar year and an indicator are equally easy to fit, and rank can be read off."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meta.kernels.glmm_cells import Floats, Ints

#: A column is dependent on those before it when less than this share of its length is left.
RANK_RTOL = 1e-10


@dataclass(slots=True)
class Basis:
    """Columns Q (p, R, k) with mean square 1 over the used studies of each analysis, and triangle T (p, p, R) with X = Q T.

    ``full_rank`` (R,) says where X has full column rank.
    """

    columns: Floats
    triangle: Floats
    full_rank: NDArray[np.bool_]

    def take(self, rows: Ints) -> Basis:
        """Return the basis of the analyses ``rows``."""
        return Basis(np.take(self.columns, rows, axis=1), np.take(self.triangle, rows, axis=2), self.full_rank[rows])

    def to_gamma(self, beta: Floats) -> Floats:
        """Turn coefficients of X (p, R) into those of Q."""
        gamma = np.zeros_like(beta)
        for i in range(beta.shape[0]):
            for j in range(i, beta.shape[0]):
                gamma[i] += self.triangle[i, j] * beta[j]
        return gamma

    def to_beta(self, gamma: Floats) -> Floats:
        """Turn coefficients of Q (p, R) into those of X; also applied to the columns of a covariance."""
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


def add_studies(values: Floats) -> Floats:
    """Sum (R, k) over studies, one after the other in order, so that left-out studies (0) leave the bits alone: shape (R,)."""
    total = np.zeros(values.shape[0])
    for i in range(values.shape[1]):
        total += values[:, i]
    return total


def orthogonal_basis(design: Floats, mask: NDArray[np.bool_]) -> Basis:
    """Orthogonalise the design (k, p) over the used studies of each analysis, ``mask`` (R, k), by Gram-Schmidt done twice."""
    rows, k = mask.shape
    p = design.shape[1]
    used = add_studies(mask.astype(np.float64))
    count = np.where(used > 0, used, 1.0)
    columns, triangle = np.zeros((p, rows, k)), np.zeros((p, p, rows))
    full_rank = np.ones(rows, dtype=bool)
    for j in range(p):
        column = np.where(mask, design[:, j], 0.0)
        whole = np.sqrt(add_studies(np.square(column)) / count)
        for _ in range(2):
            for i in range(j):
                share = add_studies(columns[i] * column) / count
                triangle[i, j] += share
                column = column - share[:, None] * columns[i]
        left = np.sqrt(add_studies(np.square(column)) / count)
        independent = left > RANK_RTOL * whole
        full_rank &= independent
        triangle[j, j] = np.where(independent, left, 1.0)
        columns[j] = column / triangle[j, j][:, None]
    return Basis(columns, triangle, full_rank)
