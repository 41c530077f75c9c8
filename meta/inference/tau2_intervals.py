"""Intervals of tau2."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from meta.inference.generalised_q import invert_q
from meta.inference.profile_tau2 import profile_likelihood
from meta.kernels.masks import Floats, Mask, turn_chunks
from meta.kernels.tau2 import solve_q
from meta.kernels.weighted import sum_moments


@dataclass(frozen=True, slots=True)
class Tau2Interval:
    """Bounds of tau2, shape (B,), NaN where there is none; ``empty`` where no tau2 fits ([0, 0])."""

    low: Floats
    high: Floats
    empty: Mask


def find_interval(
    method: str,
    y: Floats,
    v: Floats,
    mask: Mask,
    design: Floats,
    level: float,
    rows: NDArray[np.intp],
    tau2: Floats,
    *,
    restricted: bool,
) -> Tau2Interval:
    """Return the interval of tau2 of chosen analyses.

    Parameters
    ----------
    method : {"QP", "PL", "J", "BJ"}
        Q-profile: every tau2 at which Q, with weights 1 / (v + tau2), lies between its two quantiles. ``PL``:
        profile likelihood. ``J``, ``BJ``: the generalised Q with fixed weights, see ``generalised_q``.
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
    tau2 : array of shape (B,)
        The maximum of the likelihood (read by ``PL``).
    restricted : bool
        Whether that is the restricted likelihood (read by ``PL``).

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
        unit2 = np.ldexp(1.0, 2 * frame.exponent)
        at_zero = sum_moments(columns, np.zeros(chunk.size))
        typical = free / at_zero.trace_p
        if method == "QP":
            upper = np.asarray(2.0 * special.gammainccinv(0.5 * free, tail), dtype=np.float64)
            lower = np.asarray(2.0 * special.gammaincinv(0.5 * free, tail), dtype=np.float64)
            bounds = solve_q(columns, upper, typical), solve_q(columns, lower, typical)
            empty[chunk] = at_zero.q < lower
        elif method == "PL":
            drop = float(special.gammainccinv(0.5, 1.0 - level))
            bounds = profile_likelihood(
                columns, tau2[chunk] / unit2, drop, typical, restricted=restricted
            )
        else:
            first, last, empty[chunk] = invert_q(columns, method, level, typical)
            bounds = first, last
        low[chunk], high[chunk] = (bound * unit2 for bound in bounds)
    return Tau2Interval(low, high, empty)
