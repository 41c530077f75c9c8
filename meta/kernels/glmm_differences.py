"""Derivatives of what a rule of few nodes gives, by differences: for comparison with other programs only."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Half-step of the differences: fourth-order, so that truncation (1e-9) and rounding (1e-9) balance.
STEP = 1e-2


def differentiate(
    function: Callable[[tuple[Floats, ...]], Floats], at: tuple[Floats, ...]
) -> tuple[Floats, Floats, Floats]:
    """Return value (c,), gradient (m, c) and second derivatives (m, m, c) of ``function`` at m arrays."""
    m, d = len(at), STEP

    def value(moves: dict[int, float]) -> Floats:
        return function(tuple(x + moves.get(i, 0.0) for i, x in enumerate(at)))

    here = value({})
    first, second = np.empty((m, here.size)), np.empty((m, m, here.size))
    for i in range(m):
        one, back = value({i: d}), value({i: -d})
        two, far = value({i: 2.0 * d}), value({i: -2.0 * d})
        first[i] = (8.0 * (one - back) - (two - far)) / (12.0 * d)
        second[i, i] = (16.0 * (one + back) - (two + far) - 30.0 * here) / (12.0 * d * d)
        for j in range(i):
            near, wide = (
                value({i: w, j: w}) + value({i: -w, j: -w}) - value({i: w, j: -w}) - value({i: -w, j: w})
                for w in (d, 2.0 * d)
            )
            second[i, j] = second[j, i] = (16.0 * near - wide) / (48.0 * d * d)
    return here, first, second
