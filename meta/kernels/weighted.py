"""Weighted least squares at a given tau2: the sums every estimator, statistic and likelihood is made of.

Notation: w = 1 / (v + tau2), W = diag(w), P = W - W X (X'WX)^-1 X'W. All arrays are study-major (see
``masks``).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from meta.kernels.masks import (
    Columns,
    Floats,
    Frame,
    Mask,
    add_studies,
    orthonormalise,
    pick_rows,
    remove_fit,
    row_chunks,
)


@dataclass(frozen=True, slots=True)
class Moments:
    """Sums of one evaluation, each of shape (B,), in the units of the columns.

    ``q`` is y'Py, the weighted residual sum of squares; ``qq`` is y'PPy and ``qqq`` y'PPPy, its first
    derivatives in tau2 up to sign and factor; ``trace_w``, ``trace_ww``, ``trace_p``, ``trace_pp`` are traces
    of W, WW, P, PP.
    """

    q: Floats
    qq: Floats
    qqq: Floats
    trace_w: Floats
    trace_ww: Floats
    trace_p: Floats
    trace_pp: Floats


@dataclass(frozen=True, slots=True)
class Solution:
    """Coefficients (p, B), their covariance (p, p, B), y'Py (B,), in the units of the columns."""

    coefficients: Floats
    covariance: Floats
    residual_q: Floats


def weigh(columns: Columns, tau2: Floats) -> Floats:
    """Return the weights 1 / (v + tau2), shape (k, B); exactly 0 for studies left out."""
    w = columns.v + tau2
    return np.divide(1.0, w, out=w)


def sum_moments(columns: Columns, tau2: Floats) -> Moments:
    """Evaluate every sum at ``tau2``, shape (B,)."""
    w = weigh(columns, tau2)
    if columns.basis is None:
        return _sum_about_mean(columns, w)
    return _sum_about_fit(columns, columns.basis, w)


def sum_q(columns: Columns, tau2: Floats) -> tuple[Floats, Floats]:
    """Evaluate only y'Py and y'PPy at ``tau2``, each of shape (B,)."""
    w = weigh(columns, tau2)
    if columns.basis is None:
        residual = columns.y - add_studies(w * columns.y) / _total(w)
    else:
        q, _, _ = orthonormalise(columns.basis, w)
        residual, _ = remove_fit(columns.y, q, w)
    u = w * residual
    return add_studies(u * residual), add_studies(u * u)


def _total(w: Floats) -> Floats:
    """Add the weights, the first (heaviest) one last."""
    return np.asarray(w[0] + add_studies(w[1:]))


def sum_slopes(columns: Columns, tau2: Floats, *, restricted: bool) -> tuple[Floats, Floats, Floats, Floats]:
    """Evaluate y'PPy, tr P (or tr W) and the negative of their derivatives in tau2, each of shape (B,)."""
    w = weigh(columns, tau2)
    if columns.basis is not None:
        return pick_slopes(_sum_about_fit(columns, columns.basis, w), restricted=restricted)
    power = np.empty_like(w)
    trace, trace2, total = _sum_traces(w, power, restricted=restricted)
    u, residual = _weigh_residual(columns, w, total, power)
    centred = np.subtract(u, add_studies(np.multiply(w, u, out=power)) / total, out=residual)
    qq = add_studies(np.multiply(u, u, out=u))
    np.multiply(w, centred, out=u)
    return qq, trace, 2.0 * add_studies(np.multiply(u, centred, out=u)), trace2


def pick_slopes(moments: Moments, *, restricted: bool) -> tuple[Floats, Floats, Floats, Floats]:
    """Return y'PPy, tr P (or tr W) and the negative of their derivatives in tau2."""
    if restricted:
        return moments.qq, moments.trace_p, 2.0 * moments.qqq, moments.trace_pp
    return moments.qq, moments.trace_w, 2.0 * moments.qqq, moments.trace_ww


def _weigh_residual(columns: Columns, w: Floats, total: Floats, scratch: Floats) -> tuple[Floats, Floats]:
    """Return the weighted residuals from the mean, and the residuals."""
    residual = columns.y - add_studies(np.multiply(w, columns.y, out=scratch)) / total
    return w * residual, residual


def _sum_traces(w: Floats, scratch: Floats, *, restricted: bool) -> tuple[Floats, Floats, Floats]:
    """Return tr P and tr PP (or tr W and tr WW) for a design of ones, and the sum of the weights.

    The first weight is the heaviest. It is kept apart in the traces: a plain sum(w) - sum(w^2)/sum(w) loses
    six digits where one variance is 1e-10 of the others.
    """
    w0, rest = w[0], w[1:]
    square = scratch[1:]
    r1 = add_studies(rest)
    r2 = add_studies(np.multiply(rest, rest, out=square))
    total = w0 + r1
    if not restricted:
        return total, w0 * w0 + r2, total
    r3 = add_studies(np.multiply(square, rest, out=square))
    pp = (
        w0 * w0 * (r1 * r1 + 3.0 * r2)
        + 2.0 * w0 * (r1 * r2 - r3)
        + (r2 * r1 * r1 - 2.0 * r3 * r1 + r2 * r2)
    )
    return (2.0 * w0 * r1 + (r1 * r1 - r2)) / total, pp / (total * total), total


def _sum_about_mean(columns: Columns, w: Floats) -> Moments:
    """Sums for a design of ones."""
    power = np.empty_like(w)
    trace_p, trace_pp, total = _sum_traces(w, power, restricted=True)
    u, residual = _weigh_residual(columns, w, total, power)
    centred = u - add_studies(np.multiply(w, u, out=power)) / total
    return Moments(
        q=add_studies(np.multiply(u, residual, out=residual)),
        qq=add_studies(np.multiply(u, u, out=power)),
        qqq=add_studies(np.multiply(w * centred, centred, out=centred)),
        trace_w=total,
        trace_ww=w[0] * w[0] + add_studies(np.multiply(w[1:], w[1:], out=power[1:])),
        trace_p=trace_p,
        trace_pp=trace_pp,
    )


def _sum_about_fit(columns: Columns, basis: Floats, w: Floats) -> Moments:
    """Sums for any design, through weighted orthonormal columns."""
    q, _, _ = orthonormalise(basis, w)
    residual, _ = remove_fit(columns.y, q, w)
    u = w * residual
    centred, _ = remove_fit(u, q, w)
    leverage = w * np.add.reduce(q * q, axis=0)
    ww = w * w
    trace_ww = add_studies(ww)
    p = q.shape[0]
    trace_pp = trace_ww - 2.0 * add_studies(ww * leverage)
    for i in range(p):
        for j in range(p):
            trace_pp = trace_pp + add_studies(ww * q[i] * q[j]) ** 2
    return Moments(
        q=add_studies(u * residual),
        qq=add_studies(u * u),
        qqq=add_studies(w * centred * centred),
        trace_w=add_studies(w),
        trace_ww=trace_ww,
        trace_p=add_studies(w * np.maximum(1.0 - leverage, 0.0)),
        trace_pp=np.maximum(trace_pp, 0.0),
    )


def solve_coefficients(columns: Columns, frame: Frame, tau2: Floats) -> Solution:
    """Return the coefficients of the design, their covariance (X'WX)^-1, and y'Py."""
    w = weigh(columns, tau2)
    if columns.basis is None or frame.triangle is None:
        total = _total(w)
        mean = add_studies(w * columns.y) / total
        residual = columns.y - mean
        w *= residual
        w *= residual
        return Solution((frame.origin[0] + mean)[None], (1.0 / total)[None, None], add_studies(w))
    q, triangle, _ = orthonormalise(columns.basis, w)
    residual, extra = remove_fit(columns.y, q, w)
    # design = basis R = Q (S R): coefficients are R^-1 origin + (S R)^-1 extra
    outer = invert_triangles(frame.triangle)
    inverse = multiply_terms(outer, invert_triangles(triangle))
    coefficients = multiply_terms(outer, frame.origin[:, None])[:, 0]
    coefficients = coefficients + multiply_terms(inverse, extra[:, None])[:, 0]
    covariance = multiply_terms(inverse, np.ascontiguousarray(inverse.transpose(1, 0, 2)))
    return Solution(coefficients, covariance, add_studies(w * residual * residual))


def log_likelihood(columns: Columns, tau2: Floats, *, restricted: bool) -> Floats:
    """Return the log-likelihood at ``tau2``, coefficients at their best, in the units of the columns; (B,).

    The restricted one carries the constant log det(X'X) / 2, which makes it free of the parametrisation of
    the design.

    References
    ----------
    Harville (1977), JASA 72, 320-338; Raudenbush (2009), The Handbook of Research Synthesis, 2nd ed., ch. 16.
    """
    q, _ = sum_q(columns, tau2)
    logs = add_studies(np.where(np.isinf(columns.v), 0.0, np.log(columns.v + tau2)))
    free = columns.k - columns.p if restricted else columns.k
    value = -0.5 * (free * np.log(2.0 * np.pi) + logs + q)
    if restricted:
        if columns.basis is None:
            value = value + 0.5 * (np.log(columns.k) - np.log(_total(weigh(columns, tau2))))
        else:
            _, triangle, _ = orthonormalise(columns.basis, weigh(columns, tau2))
            for j in range(columns.p):
                value = value - np.log(triangle[j, j])
    return np.asarray(value)


def share_weights(v: Floats, mask: Mask, tau2: Floats) -> Floats:
    """Return the inverse-variance weights 1 / (v + tau2) in percent.

    Parameters
    ----------
    v : array of shape (k,) or (B, k)
        Sampling variances.
    mask : array of bool, shape (B, k)
        Which studies each analysis uses.
    tau2 : array of shape (B,)
        NaN where an analysis failed.

    Returns
    -------
    array of shape (B, k)
        Rows sum to 100; 0 for studies left out, NaN in rows that failed.
    """
    out = np.full(mask.shape, np.nan)
    for rows in row_chunks(np.flatnonzero(~np.isnan(tau2)), mask.shape[1], 1):
        used = np.ascontiguousarray(mask[rows].T)
        w = 1.0 / (np.where(used, pick_rows(v, rows), np.inf) + tau2[rows])
        out[rows] = (100.0 * w / add_studies(w)).T
    return out


def invert_triangles(r: Floats) -> Floats:
    """Invert upper triangles of shape (p, p, B) by back-substitution, element by element."""
    p = r.shape[0]
    out = np.zeros_like(r)
    for j in range(p):
        out[j, j] = 1.0 / r[j, j]
        for i in range(j - 1, -1, -1):
            total = np.zeros(r.shape[2])
            for m in range(i + 1, j + 1):
                total = total + r[i, m] * out[m, j]
            out[i, j] = -total / r[i, i]
    return out


def multiply_terms(a: Floats, b: Floats) -> Floats:
    """Multiply (p, m, B) by (m, n, B) term by term: a matrix product picks its order by shape."""
    out = np.zeros((a.shape[0], b.shape[1], a.shape[2]))
    for i in range(a.shape[0]):
        for j in range(b.shape[1]):
            for m in range(a.shape[1]):
                out[i, j] = out[i, j] + a[i, m] * b[m, j]
    return out
