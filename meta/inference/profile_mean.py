"""Profile likelihood of the mean in an inverse-variance model by maximum likelihood."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Values of tau2 at which each profile is looked at before its best is searched: 0, and evenly in its root.
SCAN = 81

#: How far out tau is looked for, as a multiple of the furthest effect from the value held.
REACH = 1.5

#: Steps of the golden section: 0.618 to this power is rounding.
STEPS = 80

_GOLDEN = 0.5 * (np.sqrt(5.0) - 1.0)


def profile_mean(y: Floats, v: Floats, values: Floats) -> Floats:
    """Return the log-likelihood at each value of the mean, tau2 at its best there.

    Parameters
    ----------
    y, v : arrays of shape (k,)
        Effect sizes and sampling variances.
    values : array of shape (n,)
        Values at which the mean is held.

    Returns
    -------
    array of shape (n,)

    References
    ----------
    Hardy & Thompson (1996), Statistics in Medicine 15, 619-629.
    """
    away = np.square(y[:, None] - values)
    reach = REACH * np.sqrt(away.max(axis=0))

    def height(tau: Floats) -> Floats:
        total = v[:, None] + np.square(tau)
        return np.asarray(-0.5 * np.sum(np.log(2.0 * np.pi * total) + away / total, axis=0))

    scan = np.array([height(share * reach) for share in np.linspace(0.0, 1.0, SCAN)])
    best = scan.argmax(axis=0)
    low, high = (np.clip(best + step, 0, SCAN - 1) / (SCAN - 1) * reach for step in (-1, 1))
    inner, outer = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_inner, at_outer = height(inner), height(outer)
    for _ in range(STEPS):
        left = at_inner >= at_outer
        low, high = np.where(left, low, inner), np.where(left, outer, high)
        inner, outer = (
            np.where(left, high - _GOLDEN * (high - low), outer),
            np.where(left, inner, low + _GOLDEN * (high - low)),
        )
        fresh = height(np.where(left, inner, outer))
        at_inner, at_outer = np.where(left, fresh, at_outer), np.where(left, at_inner, fresh)
    return np.asarray(np.maximum(scan.max(axis=0), np.maximum(at_inner, at_outer)))
