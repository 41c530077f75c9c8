"""Exact intervals of a proportion (Clopper-Pearson) and of a rate (Poisson), two-sided and one-sided."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betainccinv, betaincinv, gammainccinv, gammaincinv

from meta.results import Floats


def clopper_pearson(events: ArrayLike, n: ArrayLike, level: float) -> tuple[Floats, Floats]:
    """Return the exact interval of a proportion.

    Parameters
    ----------
    events, n : array_like
        Events and people; broadcast against each other. NaN, or ``n`` 0, gives NaN.
    level : float
        Level of the interval, 0.95 for 95%: half of the rest in each tail.

    Returns
    -------
    low, high : arrays
        As fractions; low is 0 without events, high is 1 where all had one.

    References
    ----------
    Clopper & Pearson (1934), Biometrika 26, 404-413.
    """
    tail = (1.0 - level) / 2.0
    return _proportion_low(events, n, tail), _proportion_high(events, n, tail)


def clopper_pearson_low(events: ArrayLike, n: ArrayLike, level: float) -> Floats:
    """Return the exact one-sided lower bound of a proportion, all of ``1 - level`` in that tail."""
    return _proportion_low(events, n, 1.0 - level)


def clopper_pearson_high(events: ArrayLike, n: ArrayLike, level: float) -> Floats:
    """Return the exact one-sided upper bound of a proportion, all of ``1 - level`` in that tail."""
    return _proportion_high(events, n, 1.0 - level)


def poisson_exact(events: ArrayLike, time: ArrayLike, level: float) -> tuple[Floats, Floats]:
    """Return the exact interval of a rate.

    Parameters
    ----------
    events, time : array_like
        Events and person-time; broadcast against each other. NaN, or ``time`` 0, gives NaN.
    level : float
        Level of the interval, 0.95 for 95%: half of the rest in each tail.

    Returns
    -------
    low, high : arrays
        Per unit of ``time``; low is 0 without events.

    References
    ----------
    Garwood (1936), Biometrika 28, 437-442.
    """
    tail = (1.0 - level) / 2.0
    return _rate_low(events, time, tail), _rate_high(events, time, tail)


def poisson_exact_low(events: ArrayLike, time: ArrayLike, level: float) -> Floats:
    """Return the exact one-sided lower bound of a rate, all of ``1 - level`` in that tail."""
    return _rate_low(events, time, 1.0 - level)


def poisson_exact_high(events: ArrayLike, time: ArrayLike, level: float) -> Floats:
    """Return the exact one-sided upper bound of a rate, all of ``1 - level`` in that tail."""
    return _rate_high(events, time, 1.0 - level)


def _pair(events: ArrayLike, size: ArrayLike) -> tuple[Floats, Floats]:
    """Broadcast to two float arrays, NaN in both where there is no size to divide by."""
    x, m = np.broadcast_arrays(np.asarray(events, dtype=np.float64), np.asarray(size, dtype=np.float64))
    known = m > 0
    return np.where(known, x, np.nan), np.where(known, m, np.nan)


def _proportion_low(events: ArrayLike, n: ArrayLike, tail: float) -> Floats:
    x, m = _pair(events, n)
    # the beta quantile needs a positive first parameter; the answer at 0 is filled in below
    bound = betaincinv(np.where(x == 0, 1.0, x), m - x + 1.0, tail)
    return np.asarray(np.where(x == 0, np.where(np.isnan(m), np.nan, 0.0), bound), dtype=np.float64)


def _proportion_high(events: ArrayLike, n: ArrayLike, tail: float) -> Floats:
    x, m = _pair(events, n)
    rest = m - x
    bound = betainccinv(x + 1.0, np.where(rest == 0, 1.0, rest), tail)
    return np.asarray(np.where(rest == 0, 1.0, bound), dtype=np.float64)


def _rate_low(events: ArrayLike, time: ArrayLike, tail: float) -> Floats:
    x, t = _pair(events, time)
    bound = gammaincinv(np.where(x == 0, 1.0, x), tail) / t
    return np.asarray(np.where(x == 0, 0.0 * t, bound), dtype=np.float64)


def _rate_high(events: ArrayLike, time: ArrayLike, tail: float) -> Floats:
    x, t = _pair(events, time)
    return np.asarray(gammainccinv(x + 1.0, tail) / t, dtype=np.float64)
