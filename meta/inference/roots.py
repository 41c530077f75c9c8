"""Roots of falling functions, column by column, inside brackets."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

#: Values of a function, shape (n,), at the points (n,) of chosen columns (n,), at least two.
Function = Callable[[Rows, Floats], Floats]

#: A bracket is narrow enough where it is below this share of the point (plus its unit): rounding.
RTOL = 1e-13

#: A bracket of doubles is halved at most this often; the steps used are some ten.
MAX_STEPS = 200

#: How often a bracket is widened fourfold before there is taken to be no root: the scale of the data is left
#: behind long before.
MAX_WIDENINGS = 500


def bracket_above(function: Function, rows: Rows, start: Floats, unit: Floats) -> tuple[Floats, Floats]:
    """Return (below, above), shape (n,): the function is positive at the first and not at the second.

    ``start`` (n,) holds points at which it is positive; the distance from it, ``unit`` (n,) at first, grows
    fourfold. Infinite where the function never falls to 0.
    """
    low, high = start.copy(), np.full(start.shape, np.inf)
    going = np.arange(rows.size)
    reach = unit.copy()
    for _ in range(MAX_WIDENINGS):
        if going.size == 0:
            break
        point = start[going] + reach[going]
        positive = ask(function, rows[going], point) > 0.0
        low[going[positive]] = point[positive]
        high[going[~positive]] = point[~positive]
        going = going[positive]
        reach *= 4.0
    return low, high


def find_roots(function: Function, rows: Rows, low: Floats, high: Floats, unit: Floats) -> Floats:
    """Return a root of each column between ``low``, where the function is positive, and ``high``, where not.

    Secants between the ends of the bracket, with the weight of an end halved that stays where it is, so that
    both ends move; halving where a secant does not shorten the bracket.

    Parameters
    ----------
    function : callable
        See ``Function``.
    rows : array of int, shape (n,)
        Columns.
    low, high : array of shape (n,)
        Ends of the brackets; NaN is returned where ``high`` is infinite.
    unit : array of shape (n,)
        What a difference is measured against where the root is near 0.

    Returns
    -------
    array of shape (n,)
    """
    root = np.full(rows.shape, np.nan)
    active = np.flatnonzero(np.isfinite(high))
    a, b = low[active].copy(), high[active].copy()
    fa, fb = (ask(function, rows[active], end) for end in (a, b))
    side = np.zeros(active.size)
    for step in range(MAX_STEPS):
        if active.size == 0:
            break
        middle = 0.5 * (a + b)
        with np.errstate(divide="ignore", invalid="ignore"):
            secant = (a * -fb + b * fa) / (fa - fb)
        # every third step halves, whatever the secant says: the bracket shrinks on any function
        point = np.where((secant > a) & (secant < b) & (step % 3 < 2), secant, middle)
        f = ask(function, rows[active], point)
        right = f > 0.0
        a, fa, b, fb = (
            np.where(right, point, a), np.where(right, f, np.where(side < 0.0, 0.5 * fa, fa)),
            np.where(right, b, point), np.where(right, np.where(side > 0.0, 0.5 * fb, fb), f),
        )  # fmt: skip
        side = np.where(right, 1.0, -1.0)
        done = (f == 0.0) | (b - a <= RTOL * (np.abs(point) + unit[active]))
        root[active[done]] = np.where(f == 0.0, point, 0.5 * (a + b))[done]
        keep = ~done
        active, a, b, fa, fb, side = (x[keep] for x in (active, a, b, fa, fb, side))
    root[active] = 0.5 * (a + b)
    return root


def ask(function: Function, rows: Rows, point: Floats) -> Floats:
    """Evaluate at least two columns: sums over a single one run in another order."""
    if rows.size == 0:
        return np.empty(0)
    if rows.size == 1:
        return function(np.repeat(rows, 2), np.repeat(point, 2))[:1]
    return function(rows, point)
