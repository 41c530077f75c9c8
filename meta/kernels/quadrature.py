"""Rules of integration: Gauss-Hermite around a mode, and dense panels of Gauss-Legendre."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Nodes of one Gauss-Legendre panel: exact for polynomials of degree 39.
PANEL_NODES = 20


@dataclass(frozen=True, slots=True)
class Rule:
    """How one integral over the real line is done.

    ``hermite``: ``count`` Gauss-Hermite nodes around the mode, scaled by the curvature there. ``panels``:
    ``count`` equal panels of ``PANEL_NODES`` Gauss-Legendre nodes over the support of the integrand, for
    integrands that are not bell-shaped.
    """

    kind: str
    count: int

    @property
    def nodes(self) -> int:
        """How often the integrand is evaluated."""
        return self.count if self.kind == "hermite" else self.count * PANEL_NODES


#: The ladder an integral climbs until its logarithm stops moving. Gauss-Hermite does for all but zero (or
#: full) counts under a large tau, and two further rungs of it cost less than to find where panels must lie;
#: the panels halve from rung to rung, and the last resolves the step of a zero count at tau = 300.
LADDER = (
    Rule("hermite", 15),
    Rule("hermite", 25),
    Rule("hermite", 41),
    Rule("hermite", 65),
    Rule("panels", 4),
    Rule("panels", 8),
    Rule("panels", 16),
    Rule("panels", 32),
    Rule("panels", 64),
    Rule("panels", 128),
    Rule("panels", 256),
    Rule("panels", 512),
)


@lru_cache(maxsize=64)
def hermite_rule(nodes: int) -> tuple[Floats, Floats]:
    """Return offsets ``x`` and weights ``w`` with integral f(u) du = s * sum w f(m + s x).

    Exact for a polynomial times exp(-(u - m)^2 / 2 s^2).

    Shapes (nodes,); the weight function exp(-x^2 / 2) is divided out, so ``f`` is the whole integrand.
    """
    x, w = np.polynomial.hermite.hermgauss(nodes)
    offsets = np.sqrt(2.0) * x
    weights = np.sqrt(2.0) * w * np.exp(np.square(x))
    return offsets, weights


@lru_cache(maxsize=16)
def panel_rule(panels: int) -> tuple[Floats, Floats]:
    """Return nodes and weights on [0, 1], shapes (panels * PANEL_NODES,), of equal Gauss-Legendre panels."""
    x, w = np.polynomial.legendre.leggauss(PANEL_NODES)
    left = np.arange(panels, dtype=np.float64)
    nodes = (left[:, None] + 0.5 * (x + 1.0)) / panels
    weights = np.broadcast_to(0.5 * w / panels, nodes.shape)
    return nodes.ravel(), weights.ravel()


def split_by_rule(
    rules: Sequence[Rule], index: NDArray[np.intp], level: NDArray[np.int8], evaluations: int
) -> list[tuple[NDArray[np.intp], Rule]]:
    """Split integrals by their rule, and into pieces that fit the cache.

    Parameters
    ----------
    rules : sequence of Rule
        The ladder.
    index : array of int, shape (M,)
        The integrals.
    level : array of int8, shape (M,)
        Rung of each.
    evaluations : int
        How many evaluations of the integrand one piece may make.

    Returns
    -------
    list of (index, rule)
        Each piece has at least two integrals (the last repeated): a single column is summed in another order.
    """
    pieces = []
    for rung in np.flatnonzero(np.bincount(level)):
        rule = rules[int(rung)]
        here = index[level == rung]
        width = max(2, evaluations // rule.nodes)
        for start in range(0, here.size, width):
            piece = here[start : start + width]
            pieces.append((piece if piece.size > 1 else np.repeat(piece, 2), rule))
    return pieces
