"""P-values, each computed as a tail."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import special

Floats = NDArray[np.float64]


def two_sided_p(statistic: Floats, df: Floats) -> Floats:
    """Return the two-sided p-value of a t statistic, or of a z statistic where ``df`` is NaN.

    Parameters
    ----------
    statistic : array
        May be infinite (p = 0) or NaN.
    df : array that broadcasts with ``statistic``
        Degrees of freedom; NaN for the normal distribution, 0 for none at all (NaN is returned).
    """
    statistic, df = np.broadcast_arrays(np.abs(statistic), df)
    normal = 2.0 * special.ndtr(-statistic)
    if np.isnan(df).all():
        return np.asarray(normal)
    square = statistic * statistic
    known = np.where(df > 0.0, df, np.nan)
    with np.errstate(invalid="ignore"):
        far = special.betainc(0.5 * known, 0.5, known / (known + square))
        # near 0 the complement keeps the digits
        small = np.where(square < known, square, 0.0)
        near = special.betaincc(0.5, 0.5 * known, small / (known + small))
    student = np.where(square < known, near, far)
    student = np.where(np.isnan(known) | np.isnan(statistic), np.nan, student)
    return np.where(np.isnan(df), normal, student)


def chi2_p(statistic: Floats, df: Floats) -> Floats:
    """Return the upper tail of chi-squared; 1 at 0 degrees of freedom, where the statistic is 0."""
    tail = special.chdtrc(np.where(df > 0.0, df, np.nan), statistic)
    return np.where(df == 0.0, np.where(np.isnan(statistic), np.nan, 1.0), tail)


def f_p(statistic: Floats, df1: Floats, df2: Floats) -> Floats:
    """Return the upper tail of F; NaN where ``df2`` is not positive."""
    infinite = np.isinf(statistic)
    tail = special.fdtrc(df1, np.where(df2 > 0.0, df2, np.nan), np.where(infinite, 0.0, statistic))
    return np.where(infinite & (df2 > 0.0), 0.0, tail)
