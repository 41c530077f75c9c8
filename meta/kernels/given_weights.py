"""Means and estimates of tau2 under weights that the user gives in place of inverse variances.

Study-major, as everywhere in the kernels, but with the studies in the order in which they came and every
design through an orthonormal basis: the most precise study need not be the heaviest here.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from meta.kernels.batch import BatchFit
from meta.kernels.masks import (
    RANK_RTOL,
    Columns,
    Floats,
    Frame,
    Mask,
    Rows,
    add_studies,
    orthonormalise,
    pair_up,
    pick_rows,
    remove_fit,
    row_chunks,
    turn_rows,
)
from meta.kernels.moments import generalised_q
from meta.kernels.weighted import invert_triangles, multiply_terms, weigh


def turn_weighted(
    y: Floats, v: Floats, weights: Floats, mask: Mask, design: Floats, rows: Rows
) -> Iterator[tuple[Rows, Columns, Frame, Floats]]:
    """Turn chosen rows into columns with their weights (k, B), 0 where a study is left out, largest near 1.

    Rows drop out where the design has not full rank over the studies with a weight.
    """
    for chunk in row_chunks(rows, mask.shape[1], design.shape[1] + 1):
        columns, frame = turn_rows(y, v, mask, design, chunk, mean=False)
        a = np.where(np.isinf(columns.v), 0.0, pick_rows(weights, chunk))
        # a power of two: no digit moves, and no scale of the weights overflows
        a = np.ldexp(a, -np.frexp(np.maximum.reduce(a, axis=0))[1])
        full = np.flatnonzero(~frame.deficient & _has_rank(columns, a))
        if full.size == 0:
            continue
        if full.size < chunk.size:
            full = pair_up(full)
            chunk, columns, frame = chunk[full], columns.take(full), frame.take(full)
            a = np.take(a, full, axis=1)
        yield chunk, columns, frame, a


def _has_rank(columns: Columns, a: Floats) -> Mask:
    """Say where the design has full rank over the studies with a positive weight, shape (B,)."""
    assert columns.basis is not None, "weights given go through a basis"
    _, triangle, lengths = orthonormalise(columns.basis, a)
    diagonal = np.stack([triangle[j, j] for j in range(columns.p)])
    return np.asarray((diagonal > RANK_RTOL * lengths).all(axis=0), dtype=bool)


def estimate_generalised(
    y: Floats, v: Floats, weights: Floats, mask: Mask, design: Floats, rows: Rows
) -> Floats:
    """Estimate tau2 (``GENQ``) of chosen rows from the weights given; NaN elsewhere, shape (B,)."""
    tau2 = np.full(mask.shape[0], np.nan)
    for chunk, columns, frame, a in turn_weighted(y, v, weights, mask, design, rows):
        tau2[chunk] = generalised_q(columns, a) * np.ldexp(1.0, 2 * frame.exponent)
    return tau2


def reweigh(batch: BatchFit, y: Floats, v: Floats, weights: Floats, mask: Mask, design: Floats) -> Mask:
    """Replace coefficients, their covariance and log-likelihoods by those under the weights given.

    With A = diag(weights), M = V + tau2 and H = (X'AX)^-1 X'A the coefficients are H y and their covariance H
    M H'. tau2 and the residual Q, hence the HKSJ factor, stay as they are; the likelihood is that at the
    coefficients given here.

    Returns
    -------
    array of bool, shape (B,)
        Rows that had numbers and lost them: their weights leave too few studies for the design.

    References
    ----------
    Henmi & Copas (2010), Statistics in
    Medicine 29, 2969-2983 (the variance of a mean under weights that are not the inverse variances).
    """
    known = ~np.isnan(batch.tau2)
    lost = known.copy()
    for chunk, columns, frame, a in turn_weighted(y, v, weights, mask, design, np.flatnonzero(known)):
        unit2 = np.ldexp(1.0, 2 * frame.exponent)
        coefficients, covariance, residual_q = _solve(columns, frame, a, batch.tau2[chunk] / unit2)
        batch.coefficients[chunk] = (coefficients * np.ldexp(1.0, frame.exponent)).T
        batch.covariance[chunk] = (covariance * unit2).transpose(2, 0, 1)
        batch.loglik[chunk] -= 0.5 * (residual_q - batch.residual_q[chunk])
        lost[chunk] = False
    return lost


def _solve(columns: Columns, frame: Frame, a: Floats, tau2: Floats) -> tuple[Floats, Floats, Floats]:
    """Return coefficients (p, B), covariance (p, p, B), and the residual Q about that fit at ``tau2``."""
    assert columns.basis is not None, "weights given go through a basis"
    assert frame.triangle is not None, "weights given go through a basis"
    q, triangle, _ = orthonormalise(columns.basis, a)
    residual, extra = remove_fit(columns.y, q, a)
    outer = invert_triangles(frame.triangle)
    inverse = multiply_terms(outer, invert_triangles(triangle))
    coefficients = multiply_terms(outer, frame.origin[:, None])[:, 0]
    coefficients = coefficients + multiply_terms(inverse, extra[:, None])[:, 0]
    spread = a * a * (np.where(np.isinf(columns.v), 0.0, columns.v) + tau2)
    p = columns.p
    middle = np.stack([np.stack([add_studies(spread * q[i] * q[j]) for j in range(p)]) for i in range(p)])
    covariance = multiply_terms(multiply_terms(inverse, middle), inverse.transpose(1, 0, 2))
    return coefficients, covariance, add_studies(weigh(columns, tau2) * residual * residual)


def share_given(weights: Floats, mask: Mask, known: Mask) -> Floats:
    """Return the weights given in percent of those used, shape (B, k); NaN where ``known`` (B,) is False."""
    out = np.full(mask.shape, np.nan)
    for rows in row_chunks(np.flatnonzero(known), mask.shape[1], 1):
        a = np.where(np.ascontiguousarray(mask[rows].T), pick_rows(weights, rows), 0.0)
        out[rows] = (100.0 * a / add_studies(a)).T
    return out
