"""Standard errors of tau2, in closed form, at an estimate that is already known."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from meta.kernels.given_weights import turn_weighted
from meta.kernels.masks import (
    Columns,
    Floats,
    Frame,
    Mask,
    Rows,
    add_studies,
    orthonormalise,
    row_chunks,
    turn_chunks,
    turn_rows,
)
from meta.kernels.moments import crude_variance, dersimonian_laird, sum_given
from meta.kernels.weighted import sum_moments, weigh

#: Estimators that solve a quadratic form y'P_a y for tau2, the weights a known beforehand.
FORMS = ("DL", "HE", "HS", "HSk", "SJ", "GENQ", "DL2")

#: Estimators that ask the weighted residual sum of squares at tau2 for a value.
ROOTS = ("PM", "EB", "PMM")


def tau2_errors(
    y: Floats,
    v: Floats,
    mask: Mask,
    design: Floats,
    tau2: Floats,
    method: str,
    weights: Floats | None = None,
) -> Floats:
    """Return the standard error of tau2 of each analysis.

    Maximum likelihood: from the expected information, 2 / tr(WW), or 2 / tr(PP) under REML. Estimators that
    solve a quadratic form y'P_a y: its variance 2 tr(P_a S P_a S), S = V + tau2, over the square of its
    divisor, the weights a (under SJ and DL2 made of the effects) taken as known. PM, EB and PMM: the delta
    method on Q(tau2), whose variance is 2 (k - p) and whose slope -tr(P), tr(P) taken as (k - p) / k tr(W).

    Parameters
    ----------
    y, v : array of shape (k,) or (B, k)
        Effect sizes and sampling variances; anything where a study is left out.
    mask : array of bool, shape (B, k)
        Which studies each analysis uses.
    design : array of shape (k, p)
        Design matrix.
    tau2 : array of shape (B,)
        The estimates, squared units of ``y``.
    method : str
        Estimator, one of ``TAU2_METHODS``, ``GENQ`` (with ``weights``) or ``DL_MH`` (no standard error is
        published: NaN).
    weights : array of shape (k,) or (B, k), optional
        The weights of ``GENQ``.

    Returns
    -------
    array of shape (B,)
        Squared units of ``y``; NaN where there is no estimate or no degree of freedom.

    References
    ----------
    Viechtbauer (2005), J Educ Behav Stat 30, 261-293; with moderators Raudenbush (2009), The
    Handbook of Research Synthesis, 2nd ed., ch. 16; Jackson (2013), Research Synthesis Methods 4, 220-229
    (weights given).
    """
    out = np.full(tau2.shape, np.nan)
    rows = np.flatnonzero(~np.isnan(tau2) & (mask.sum(axis=1) > design.shape[1]))
    if method not in (*FORMS, *ROOTS, "REML", "ML"):
        return out
    for chunk, columns, frame, a in _turn(y, v, weights, mask, design, rows, form=method in FORMS):
        unit2 = np.ldexp(1.0, 2 * frame.exponent)
        out[chunk] = _error(columns, frame, method, tau2[chunk] / unit2, a) * unit2
    return out


def _turn(
    y: Floats, v: Floats, weights: Floats | None, mask: Mask, design: Floats, rows: Rows, *, form: bool
) -> Iterator[tuple[Rows, Columns, Frame, Floats | None]]:
    """Turn rows into columns (for a quadratic form: with a basis), beside the weights given or None."""
    if not form:
        for chunk, columns, frame in turn_chunks(y, v, mask, design, rows):
            yield chunk, columns, frame, None
        return
    if weights is not None:
        yield from turn_weighted(y, v, weights, mask, design, rows)
        return
    for chunk in row_chunks(rows, mask.shape[1], design.shape[1] + 1):
        yield chunk, *turn_rows(y, v, mask, design, chunk, mean=False), None


def _error(columns: Columns, frame: Frame, method: str, tau2: Floats, given: Floats | None) -> Floats:
    """Return the standard error of each column, in the units of the columns."""
    k, free = columns.k, columns.k - columns.p
    if method in FORMS:
        a, divisor = _form(columns, frame, method, given)
        return np.asarray(np.sqrt(2.0 * _trace_of_squares(columns, a, tau2)) / divisor)
    sums = sum_moments(columns, tau2)
    if method in ROOTS:
        return np.asarray(k * np.sqrt(2.0 / free) / sums.trace_w)
    return np.asarray(np.sqrt(2.0 / (sums.trace_pp if method == "REML" else sums.trace_ww)))


def _form(columns: Columns, frame: Frame, method: str, given: Floats | None) -> tuple[Floats, Floats]:
    """Return the weights a (k, B) of the quadratic form, and what it is divided by."""
    k, free = columns.k, columns.k - columns.p
    if method == "HE":
        return np.where(np.isinf(columns.v), 0.0, 1.0), free
    if method == "SJ":
        crude = crude_variance(columns, frame.origin)
        with np.errstate(divide="ignore"):
            return weigh(columns, crude), free / crude
    if method == "GENQ":
        assert given is not None, "GENQ has weights"
        return given, sum_given(columns, given)[2]
    at_zero = sum_moments(columns, np.zeros(k.shape))
    if method == "DL2":
        a = weigh(columns, dersimonian_laird(at_zero, free))
        return a, sum_given(columns, a)[2]
    divisors = {"DL": at_zero.trace_p, "HS": at_zero.trace_w, "HSk": at_zero.trace_w * free / k}
    return weigh(columns, np.zeros(k.shape)), divisors[method]


def _trace_of_squares(columns: Columns, a: Floats, tau2: Floats) -> Floats:
    """Return tr(P_a S P_a S) with S = V + tau2.

    With Q'AQ = I and h = q_i'q_i: P_a = A - A Q Q' A, so that the trace is sum (a s)^2 - 2 sum a (a s)^2 h +
    the sum of squares of Q' A S A Q.
    """
    assert columns.basis is not None, "standard errors go through a basis"
    q, _, _ = orthonormalise(columns.basis, a)
    spread = a * (np.where(np.isinf(columns.v), 0.0, columns.v) + tau2)
    share = 1.0 - 2.0 * a * np.add.reduce(q * q, axis=0)
    total = add_studies(spread * spread * share)
    for i in range(columns.p):
        for j in range(columns.p):
            total = total + add_studies(a * spread * q[i] * q[j]) ** 2
    return np.asarray(np.maximum(total, 0.0))
