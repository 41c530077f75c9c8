"""Natural cubic splines by their values at the knots."""

from __future__ import annotations

import numpy as np

from meta.results import Floats


def spline_knots(values: Floats, df: int) -> Floats:
    """Return the df + 1 knots of a natural cubic spline: the extremes, and quantiles evenly between them.

    Quantiles by linear interpolation (R's type 7), as ``splines::ns`` places them.
    """
    return np.asarray(np.quantile(values, np.linspace(0.0, 1.0, df + 1)), dtype=np.float64)


def cardinal_splines(x: Floats, knots: Floats) -> Floats:
    """Evaluate the natural cubic splines that are 1 at one knot and 0 at every other, shape (n, m).

    They sum to 1 everywhere, and beyond the outer knots they run straight. A coefficient of function j beside
    an intercept, the first function left out, is the difference of the curve between knot j and the lowest
    value: the one basis whose coefficients can be read.

    Parameters
    ----------
    x : array of shape (n,)
        Where to evaluate; NaN gives NaN.
    knots : array of shape (m,)
        Increasing, at least three.

    References
    ----------
    de Boor (2001), A Practical Guide to Splines, rev. ed., ch. IV (second derivatives at the knots from a
    tridiagonal system, natural end conditions).
    """
    curvature = _second_derivatives(knots)
    h = np.diff(knots)
    inside = np.clip(x, knots[0], knots[-1])
    cell = np.clip(np.searchsorted(knots, np.nan_to_num(inside), side="right") - 1, 0, h.size - 1)
    step = h[cell]
    right = (inside - knots[cell]) / step
    left = 1.0 - right
    unit = np.eye(knots.size)
    cubic = (step * step / 6.0)[:, None] * (
        (left**3 - left)[:, None] * curvature[cell] + (right**3 - right)[:, None] * curvature[cell + 1]
    )
    value = left[:, None] * unit[cell] + right[:, None] * unit[cell + 1] + cubic
    return np.asarray(value + _beyond(x, knots, curvature))


def _second_derivatives(knots: Floats) -> Floats:
    """Return the second derivative at each knot (row) of each cardinal spline (column)."""
    h = np.diff(knots)
    m = knots.size
    system, target = np.eye(m), np.zeros((m, m))
    for i in range(1, m - 1):
        system[i, i - 1], system[i, i], system[i, i + 1] = h[i - 1] / 6.0, (h[i - 1] + h[i]) / 3.0, h[i] / 6.0
        target[i, i - 1], target[i, i + 1] = 1.0 / h[i - 1], 1.0 / h[i]
        target[i, i] = -1.0 / h[i - 1] - 1.0 / h[i]
    return np.asarray(np.linalg.solve(system, target), dtype=np.float64)


def _beyond(x: Floats, knots: Floats, curvature: Floats) -> Floats:
    """Return what the straight lines beyond the outer knots add to the value at those knots."""
    h = np.diff(knots)
    unit = np.eye(knots.size)
    first = (unit[1] - unit[0]) / h[0] - h[0] / 6.0 * curvature[1]
    last = (unit[-1] - unit[-2]) / h[-1] + h[-1] / 6.0 * curvature[-2]
    below = np.minimum(x - knots[0], 0.0)
    above = np.maximum(x - knots[-1], 0.0)
    return np.asarray(below[:, None] * first + above[:, None] * last)
