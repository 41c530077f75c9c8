"""A second computation of the Bayesian model: mu and tau on a plane of Gauss-Legendre panels, nothing shared.

The joint density prior(tau) prod phi((y - mu) / sqrt(v + tau2)) is summed over the plane as it stands; mu is
not integrated by hand, log tau is not the variable, and there is no search for a window.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import ndtr

NODES = 16


def panels(edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes and weights of Gauss-Legendre panels between neighbouring edges."""
    x, w = np.polynomial.legendre.leggauss(NODES)
    half = 0.5 * np.diff(edges)[:, None]
    return (edges[:-1, None] + half * (x + 1.0)).ravel(), (half * w).ravel()


def prior_density(name: str, parameters: tuple[float, ...], tau: np.ndarray) -> np.ndarray:
    if name == "half_normal":
        return math.sqrt(2.0 / math.pi) / parameters[0] * np.exp(-0.5 * (tau / parameters[0]) ** 2)
    if name == "half_cauchy":
        return 2.0 / (math.pi * parameters[0] * (1.0 + (tau / parameters[0]) ** 2))
    if name == "uniform":
        return np.where(tau <= parameters[0], 1.0 / parameters[0], 0.0) if parameters else np.ones_like(tau)
    mean, sd = parameters
    z = (np.log(tau * tau) - mean) / sd
    return 2.0 / (tau * sd * math.sqrt(2.0 * math.pi)) * np.exp(-0.5 * z * z)


class Plane:
    """The posterior on a plane whose panels end at the points that a test asks for."""

    def __init__(self, y, v, name, parameters, *, tau_edges, mu_edges) -> None:
        self.y, self.v = np.asarray(y, dtype=float), np.asarray(v, dtype=float)
        self.tau, tau_weight = panels(np.unique(tau_edges))
        self.mu, mu_weight = panels(np.unique(mu_edges))
        density = np.zeros((self.tau.size, self.mu.size))
        for effect, variance in zip(self.y, self.v, strict=True):
            total = (variance + self.tau * self.tau)[:, None]
            density += -0.5 * np.log(2.0 * math.pi * total) - 0.5 * (effect - self.mu) ** 2 / total
        density = np.exp(density) * prior_density(name, parameters, self.tau)[:, None]
        density *= tau_weight[:, None] * mu_weight
        self.mass = float(density.sum())
        self.share = density / self.mass

    def mu_below(self, x: float) -> float:
        return float(self.share[:, self.mu < x].sum())

    def tau_below(self, x: float) -> float:
        return float(self.share[self.tau < x].sum())

    def new_below(self, x: float) -> float:
        return float((self.share * ndtr((x - self.mu) / self.tau[:, None])).sum())

    def study_below(self, i: int, x: float) -> float:
        tau2 = (self.tau * self.tau)[:, None]
        mean = (self.y[i] * tau2 + self.mu * self.v[i]) / (tau2 + self.v[i])
        return float((self.share * ndtr((x - mean) / np.sqrt(tau2 * self.v[i] / (tau2 + self.v[i])))).sum())

    def moments(self) -> tuple[float, float]:
        mean = float((self.share * self.mu).sum())
        return mean, math.sqrt(float((self.share * (self.mu - mean) ** 2).sum()))
