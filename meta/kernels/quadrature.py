"""Rules of integration: Gauss-Hermite around a mode, and dense panels of Gauss-Legendre."""

from __future__ import annotations

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
#: full) counts under a large tau; the panels halve from rung to rung, and the last resolves the step of a
#: zero count at tau = 300.
LADDER = (
    Rule("hermite", 15),
    Rule("hermite", 25),
    Rule("panels", 2),
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
