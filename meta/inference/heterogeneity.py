"""Cochran's Q and what says how much of the variation is between studies."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def i2_from_tau2(tau2: Floats, typical: Floats) -> Floats:
    """Return I2 = tau2 / (tau2 + typical variance), percent; 100 where a bound of tau2 is infinite.

    References
    ----------
    Higgins & Thompson (2002), Statistics in Medicine 21, 1539-1558, eq. 9 and 10.
    """
    endless = np.isposinf(tau2) & np.isfinite(typical)
    finite = np.where(endless, 0.0, tau2)
    return np.where(endless, 100.0, 100.0 * (finite / (finite + typical)))


def h2_from_tau2(tau2: Floats, typical: Floats) -> Floats:
    """Return H2 = (tau2 + typical variance) / typical variance."""
    return (tau2 + typical) / typical


def i2_from_q(q: Floats, df: Floats) -> Floats:
    """Return I2 = (Q - df) / Q, percent, cut off at 0; NaN without a degree of freedom."""
    known = np.where(df > 0.0, df, np.nan)
    return 100.0 * np.maximum(q - known, 0.0) / np.where(q > 0.0, q, 1.0)


def h2_from_q(q: Floats, df: Floats) -> Floats:
    """Return H2 = Q / df, below 1 where studies agree beyond chance; NaN without a degree of freedom."""
    return q / np.where(df > 0.0, df, np.nan)
