"""Profile-likelihood interval of tau2 in an inverse-variance model."""

from __future__ import annotations

import numpy as np

from meta.inference.roots import Rows, ask, find_roots
from meta.kernels.masks import Columns, Floats
from meta.kernels.tau2 import cap_tau2
from meta.kernels.weighted import log_likelihood

#: Ratio of neighbouring points, in tau2 + smallest variance, at which the likelihood is looked at for the
#: outermost values that belong to the interval.
GRID_RATIO = 1.1


def profile_likelihood(
    columns: Columns, tau2: Floats, drop: float, typical: Floats, *, restricted: bool
) -> tuple[Floats, Floats]:
    """Return the smallest and largest tau2 whose log-likelihood lies at most ``drop`` below the maximum.

    Where the likelihood has several maxima the values that belong may lie apart; the interval spans them
    all.

    Parameters
    ----------
    columns : Columns
        Analyses with more studies than coefficients.
    tau2 : array of shape (B,)
        The maximum, in the units of the columns.
    drop : float
        Half the chi-squared quantile of the level, one degree of freedom.
    typical : array of shape (B,)
        Typical sampling variance, the unit of small values of tau2.
    restricted : bool
        Restricted likelihood, or the full one.

    Returns
    -------
    low, high : arrays of shape (B,)

    References
    ----------
    Hardy & Thompson (1996), Statistics in Medicine 15, 619-629; Viechtbauer (2007), Statistics in Medicine
    26, 37-52.
    """
    everyone = np.arange(tau2.size)
    highest = log_likelihood(columns, tau2, restricted=restricted)

    def belongs(rows: Rows, value: Floats) -> Floats:
        height = log_likelihood(columns.take(rows), value, restricted=restricted)
        return height - highest[rows] + drop

    def is_outside(rows: Rows, value: Floats) -> Floats:
        return -belongs(rows, value)

    first, last = tau2.copy(), tau2.copy()
    before, beyond = np.zeros(tau2.size), np.full(tau2.size, np.inf)
    cap = np.maximum(cap_tau2(columns), tau2)
    point, going, found = np.zeros(tau2.size), everyone, np.zeros(tau2.size, dtype=bool)
    while going.size:
        inside = ask(belongs, going, point[going]) >= 0.0
        new = inside & ~found[going] & (point[going] < tau2[going])
        first[going[new]] = point[going[new]]
        found[going] |= inside
        last[going] = np.where(inside, np.maximum(point[going], last[going]), last[going])
        early = ~found[going] & (point[going] < tau2[going])
        before[going[early]] = point[going[early]]
        out = ~inside & (point[going] > last[going])
        beyond[going[out]] = np.where(
            np.isinf(beyond[going[out]]) | (beyond[going[out]] < last[going[out]]), point[going[out]],
            beyond[going[out]],
        )  # fmt: skip
        # the likelihood only falls beyond the cap, so one point outside there ends the search
        going = going[~(out & (point[going] >= cap[going]))]
        point = (point + columns.v_min) * GRID_RATIO - columns.v_min
    low = np.zeros(tau2.size)
    rows = np.flatnonzero(ask(belongs, everyone, low) < 0.0)
    low[rows] = find_roots(is_outside, rows, before[rows], first[rows], typical[rows])
    high = find_roots(belongs, everyone, last, beyond, typical)
    return low, high
