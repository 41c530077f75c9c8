"""Intervals of tau2 from the exact distribution of a generalised Q, and DL's confidence distribution."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from meta.inference.quadratic_forms import generalised_q, tails_of_q
from meta.inference.roots import Rows, ask, bracket_above, find_roots
from meta.kernels.masks import Columns, Floats, Mask

#: The power of 1 / v that weighs a study in Q: ``J`` of Jackson (2013), ``BJ`` of Biggerstaff and Jackson.
POWERS = {"J": 0.5, "BJ": 1.0}


def weigh_by_power(columns: Columns, method: str) -> Floats:
    """Return the weights of ``J`` or ``BJ``, shape (k, B); 0 for studies left out."""
    return np.asarray(columns.v ** -POWERS[method])


def invert_q(columns: Columns, method: str, level: float, typical: Floats) -> tuple[Floats, Floats, Mask]:
    """Return the bounds of tau2 in the units of the columns, and whether no tau2 fits at all.

    Parameters
    ----------
    columns : Columns
        Analyses with more studies than coefficients.
    method : {"J", "BJ"}
        Weights of Q.
    level : float
        Level of the interval; each tail holds half of what it leaves.
    typical : array of shape (B,)
        Typical sampling variance, the unit of small values of tau2.

    Returns
    -------
    low, high : arrays of shape (B,)
        The tau2 at which Q is as large as its upper, or as small as its lower, quantile; 0 where it is no
        larger at tau2 = 0.
    empty : array of bool, shape (B,)
        Q is below its lower quantile even at tau2 = 0: [0, 0].

    References
    ----------
    Jackson (2013), Research Synthesis Methods 4, 220-229; Biggerstaff & Jackson (2008), Statistics in
    Medicine 27, 6093-6110; Jackson, Turner, Rhodes & Viechtbauer (2014), BMC Medical Research Methodology 14,
    103 (moderators).
    """
    weights = weigh_by_power(columns, method)
    q = generalised_q(columns, weights)
    tail = 0.5 * (1.0 - level)
    everyone = np.arange(q.size)

    def excess(lower: bool) -> Callable[[Rows, Floats], Floats]:
        # both fall in tau2: the chance of a smaller Q, and what the chance of a larger one lacks
        def function(rows: Rows, tau2: Floats) -> Floats:
            tails = tails_of_q(columns.take(rows), np.take(weights, rows, axis=1), tau2, q[rows])
            return np.log(np.maximum(tails[0], TINY) / tail) if lower else 1.0 - tails[1] / tail

        return function

    bounds = []
    for lower in (False, True):
        function = excess(lower)
        bound = np.zeros(q.size)
        rows = everyone[ask(function, everyone, np.zeros(q.size)) > 0.0]
        start = np.zeros(rows.size)
        below, above = bracket_above(function, rows, start, typical[rows])
        bound[rows] = find_roots(function, rows, below, above, typical[rows])
        bounds.append(bound)
    low, high = bounds
    empty = np.asarray(tails_of_q(columns, weights, np.zeros(q.size), q)[0] < tail, dtype=bool)
    return low, high, empty


#: Stands for a chance of 0 under a logarithm.
TINY = 1e-300
