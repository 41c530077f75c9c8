"""Intervals of tau2."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from meta.kernels.masks import Floats, Mask, turn_chunks
from meta.kernels.tau2 import solve_q
from meta.kernels.weighted import sum_moments


@dataclass(frozen=True, slots=True)
class Tau2Interval:
    """Bounds of tau2, shape (B,), NaN where there is none; ``empty`` where no tau2 fits ([0, 0])."""

    low: Floats
    high: Floats
    empty: Mask


def profile_q(
    y: Floats, v: Floats, mask: Mask, design: Floats, level: float, rows: NDArray[np.intp]
) -> Tau2Interval:
    """Return the Q-profile interval of tau2: every value at which Q lies between its two quantiles.

    Parameters
    ----------
    y, v : array of shape (k,) or (B, k)
        Effect sizes and sampling variances on the analysis scale.
    mask : array of bool, shape (B, k)
        Which studies each analysis uses.
    design : array of shape (k, p)
        Design matrix.
    level : float
        Level of the interval.
    rows : array of int
        Analyses that get an interval; each has more studies than coefficients.

    Returns
    -------
    Tau2Interval
        In squared units of ``y``. Where Q is below its lower quantile even at tau2 = 0 the set is empty: [0,
        0], and said so.

    References
    ----------
    Viechtbauer (2007), Statistics in Medicine 26, 37-52; Hartung & Knapp (2005), JASA 100, 1033-1034.
    """
    low, high = np.full(mask.shape[0], np.nan), np.full(mask.shape[0], np.nan)
    empty = np.zeros(mask.shape[0], dtype=bool)
    tail = 0.5 * (1.0 - level)
    for chunk, columns, frame in turn_chunks(y, v, mask, design, rows):
        free = columns.k - columns.p
        upper = np.asarray(2.0 * special.gammainccinv(0.5 * free, tail), dtype=np.float64)
        lower = np.asarray(2.0 * special.gammaincinv(0.5 * free, tail), dtype=np.float64)
        at_zero = sum_moments(columns, np.zeros(chunk.size))
        typical = free / at_zero.trace_p
        unit2 = np.ldexp(1.0, 2 * frame.exponent)
        low[chunk] = solve_q(columns, upper, typical) * unit2
        high[chunk] = solve_q(columns, lower, typical) * unit2
        empty[chunk] = at_zero.q < lower
    return Tau2Interval(low, high, empty)
