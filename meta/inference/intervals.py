"""Quantiles, the Hartung-Knapp-Sidik-Jonkman factor and its guard, intervals, joint tests of coefficients."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import special

from meta.inference.p_values import chi2_p, f_p

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Adjustment:
    """What became of the HKSJ interval under its guard, shape (B,).

    ``factor`` multiplies the Wald covariance; ``df`` are the degrees of freedom of the interval kept, NaN
    where that is the Wald one; ``replaced`` says where ``ci`` or ``iqwig6`` did not keep the HKSJ interval.
    """

    factor: Floats
    df: Floats
    replaced: NDArray[np.bool_]


#: Beyond this many rows, quantiles of t with up to as many whole degrees of freedom are read from a table.
MANY = 500


def two_sided_quantile(level: float, df: Floats) -> Floats:
    """Return q with P(|T| <= q) = level, for t with ``df`` degrees of freedom; normal where ``df`` is NaN.

    NaN where ``df`` is 0 or less: no such interval exists.
    """
    if df.size == 1:
        return np.full(df.shape, _one_quantile(level, df.item()))
    # from the lower tail: the upper one loses three digits
    tail = 0.5 * (1.0 - level)
    student = -special.stdtrit(np.arange(1.0, MANY + 1.0), tail) if df.size > MANY else None
    counts = np.isnan(df) | ((df >= 1.0) & (df <= MANY) & (df == np.floor(df)))
    if student is not None and counts.all():
        # counts of studies repeat: one quantile each
        student = student[np.where(np.isnan(df), 1.0, df).astype(np.intp) - 1]
    else:
        student = -special.stdtrit(np.where(df > 0.0, df, np.nan), tail)
    return np.where(np.isnan(df), -special.ndtri(tail), student)


@lru_cache(maxsize=1024)
def _one_quantile(level: float, df: float) -> float:
    """Return the quantile of one analysis; a fit asks for the same one several times."""
    tail = 0.5 * (1.0 - level)
    if np.isnan(df):
        return float(-special.ndtri(tail))
    return float(-special.stdtrit(df, tail)) if df > 0.0 else np.nan


def hksj_factor(residual_q: Floats, free: Floats, guard: str) -> Floats:
    """Return what the Wald covariance is multiplied with under Hartung, Knapp, Sidik and Jonkman.

    Parameters
    ----------
    residual_q : array of shape (B,)
        Weighted residual sum of squares at the estimated tau2.
    free : array of shape (B,)
        k - p.
    guard : {"none", "se"}
        ``se``: never below 1, so that the standard error is never smaller than the Wald one.

    Returns
    -------
    array of shape (B,)
        NaN without a degree of freedom.

    References
    ----------
    Hartung & Knapp (2001), Statistics in Medicine 20, 3875-3889; Sidik & Jonkman (2002), Statistics in
    Medicine 21, 3153-3159; Knapp & Hartung (2003), Statistics in Medicine 22, 2693-2710 (moderators, and the
    guard).
    """
    factor = residual_q / np.where(free > 0.0, free, np.nan)
    return np.maximum(factor, 1.0) if guard == "se" else factor


def adjust_interval(
    residual_q: Floats,
    free: Floats,
    guard: str,
    level: float,
    variances: Floats,
    rival: Floats | None,
) -> Adjustment:
    """Adjust the Wald covariance as Hartung, Knapp, Sidik and Jonkman do, under a guard.

    Parameters
    ----------
    residual_q, free : arrays of shape (B,)
        See ``hksj_factor``.
    guard : {"none", "se", "ci", "iqwig6"}
        ``ci``: where the HKSJ interval is narrower than the Wald one, the latter is kept, with its standard
        error and normal quantile. ``iqwig6``: where the HKSJ interval is narrower than the Wald interval of
        the DerSimonian-Laird model, the standard error is not taken smaller than the Wald one (``se``); with
        moderators, where that holds of any coefficient.
    level : float
        Level of the intervals compared.
    variances : array of shape (B, p)
        Wald variances of the coefficients.
    rival : array of shape (B, p), or None
        Those of the DerSimonian-Laird model, which ``iqwig6`` needs.

    Returns
    -------
    Adjustment

    References
    ----------
    Jackson, Law, Rücker & Schwarzer (2017), Statistics in Medicine 36, 3923-3934 (``ci``); IQWiG (2022),
    General Methods 6.1 (``iqwig6``).
    """
    factor = hksj_factor(residual_q, free, "se" if guard == "se" else "none")
    nowhere = np.zeros(free.shape, dtype=bool)
    if guard in ("none", "se"):
        return Adjustment(factor, free, nowhere)
    student = two_sided_quantile(level, free)
    normal = two_sided_quantile(level, np.full(free.shape, np.nan))
    if guard == "ci":
        narrower = np.asarray(student * np.sqrt(factor) < normal, dtype=bool)
        return Adjustment(np.where(narrower, 1.0, factor), np.where(narrower, np.nan, free), narrower)
    assert rival is not None, "iqwig6 compares with the DerSimonian-Laird model"
    ours = student[:, None] * np.sqrt(factor[:, None] * variances)
    narrower = np.asarray((ours < normal[:, None] * np.sqrt(rival)).any(axis=1), dtype=bool)
    return Adjustment(np.where(narrower, np.maximum(factor, 1.0), factor), free, narrower)


def wald_interval(value: Floats, se: Floats, quantile: Floats) -> tuple[Floats, Floats]:
    """Return value -+ quantile * se."""
    half = quantile * se
    return value - half, value + half


def joint_test(value: Floats, covariance: Floats, df2: Floats) -> tuple[Floats, Floats]:
    """Test that all coefficients are 0: statistic and p, chi-squared where ``df2`` is NaN, F otherwise.

    Parameters
    ----------
    value : array of shape (B, m)
        The coefficients tested.
    covariance : array of shape (B, m, m)
        Theirs, after any adjustment.
    df2 : array of shape (B,)
        Denominator degrees of freedom; NaN for chi-squared.

    Returns
    -------
    statistic, p : arrays of shape (B,)
        The statistic is value' covariance^-1 value, over m under F.
    """
    m = value.shape[1]
    form = quadratic_form(value, covariance)
    df1 = np.full(form.shape, float(m))
    with np.errstate(invalid="ignore"):
        return (
            np.where(np.isnan(df2), form, form / m),
            np.where(np.isnan(df2), chi2_p(form, df1), f_p(form / m, df1, df2)),
        )


def quadratic_form(value: Floats, covariance: Floats) -> Floats:
    """Return value' covariance^-1 value of each row, by Cholesky's method written out element by element.

    A stacked solver may round one row differently in another batch.
    """
    rows, m = value.shape
    lower = np.zeros((m, m, rows))
    total = np.zeros(rows)
    solved = np.zeros((m, rows))
    with np.errstate(invalid="ignore", divide="ignore"):
        for j in range(m):
            pivot = covariance[:, j, j].copy()
            rest = value[:, j].copy()
            for n in range(j):
                pivot -= lower[j, n] ** 2
                rest -= lower[j, n] * solved[n]
            lower[j, j] = np.sqrt(pivot)
            solved[j] = rest / lower[j, j]
            for i in range(j + 1, m):
                entry = covariance[:, i, j].copy()
                for n in range(j):
                    entry -= lower[i, n] * lower[j, n]
                lower[i, j] = entry / lower[j, j]
            total = total + solved[j] ** 2
    return total
