"""Mixtures of normal distributions, one a column: distribution function, density, quantiles.

Arrays are (N, C): N components down, C mixtures across. Sums run component after component, so that the bits
of a column depend on nothing but itself (see ``masks``); at least two columns are needed.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import ndtr, ndtri

from meta.kernels.masks import Floats, Rows, add_studies, pair_up

#: A quantile is found once a step moves it by less than this share of its distance from the middle plus the
#: spread there.
QUANTILE_RTOL = 1e-14

#: Steps inside a bracket; bisection alone, on a scale that grows like sinh, needs about 70.
MAX_STEPS = 200

#: Distribution function less the target, and the density, of chosen columns at a point each.
Curve = Callable[[Floats, Rows], tuple[Floats, Floats]]


def mixture_cdf(weight: Floats, mean: Floats, sd: Floats, x: Floats) -> Floats:
    """Return P(X <= x) of each mixture, shape (C,)."""
    return add_studies(weight * ndtr((x - mean) / sd))


def mixture_tail(weight: Floats, mean: Floats, sd: Floats, x: Floats) -> Floats:
    """Return P(X > x) of each mixture, shape (C,); small tails keep their digits."""
    return add_studies(weight * ndtr((mean - x) / sd))


def mixture_density(weight: Floats, mean: Floats, sd: Floats, x: Floats) -> Floats:
    """Return the density of each mixture at ``x``, shape (C,)."""
    z = (x - mean) / sd
    return add_studies(weight * np.exp(-0.5 * z * z) / (sd * np.sqrt(2.0 * np.pi)))


def mixture_quantiles(weight: Floats, mean: Floats, sd: Floats, target: Floats) -> Floats:
    """Return the quantile ``target`` (C,) of each mixture.

    Each lies between the smallest and the largest quantile of the components.
    """
    parts = mean + sd * ndtri(target)
    lead = np.argmax(weight, axis=0)[None]
    start = np.take_along_axis(parts, lead, axis=0)[0]
    centre = np.take_along_axis(mean, lead, axis=0)[0]
    spread = np.take_along_axis(sd, lead, axis=0)[0]

    def curve(x: Floats, columns: Rows) -> tuple[Floats, Floats]:
        w, m, s = (np.take(a, columns, axis=1) for a in (weight, mean, sd))
        z = (x - m) / s
        density = add_studies(w * np.exp(-0.5 * z * z) / s) / np.sqrt(2.0 * np.pi)
        return add_studies(w * ndtr(z)) - target[columns], density

    low, high = np.minimum.reduce(parts, axis=0), np.maximum.reduce(parts, axis=0)
    return invert(curve, low, high, start, centre, spread)


def invert(
    curve: Curve, low: Floats, high: Floats, start: Floats, centre: Floats, spread: Floats
) -> Floats:
    """Solve F(x) = target in every column: Newton inside a bracket, halved where a step does not serve.

    Parameters
    ----------
    curve : callable
        ``curve(x, columns)`` returns F(x) less the target, and the density, of those columns.
    low, high : array of shape (C,)
        Bracket of each root.
    start, centre, spread : array of shape (C,)
        First guess; middle and width of the distribution, which say how finely x is to be found. Halving is
        done in asinh((x - centre) / spread), since a bracket may span many powers of ten.

    Returns
    -------
    array of shape (C,)
    """
    x = np.clip(start, low, high)
    low, high = low.copy(), high.copy()
    last = high - low
    active = np.arange(x.size)
    for _ in range(MAX_STEPS):
        if active.size == 0:
            break
        columns = pair_up(active)
        gap, density = (a[: active.size] for a in curve(x[columns], columns))
        here = x[active]
        low[active] = np.where(gap <= 0.0, here, low[active])
        high[active] = np.where(gap >= 0.0, here, high[active])
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            step = -gap / density
        a, b, c, s = low[active], high[active], centre[active], spread[active]
        new = here + step
        halves = c + s * np.sinh(0.5 * (np.arcsinh((a - c) / s) + np.arcsinh((b - c) / s)))
        serves = (new >= a) & (new <= b) & (np.abs(step) <= 0.5 * last[active])
        new = np.where(serves, new, np.clip(halves, a, b))
        moved = np.abs(new - here)
        last[active] = moved
        x[active] = new
        active = active[~((moved <= QUANTILE_RTOL * (np.abs(here - c) + s)) | (gap == 0.0))]
    return x

