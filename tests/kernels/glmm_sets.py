"""Random count data sets, and a grid of their likelihood by an integration of its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln

#: Most studies of a set.
MOST_STUDIES = 30
#: The grid of the likelihood: tau besides the fitted one, and places of the mean around the fitted one.
TAUS = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.65, 0.8, 1.0, 1.25, 1.5, 2.0, 2.5, 3.2, 4.0, 5.5, 8.0)
MEANS = np.linspace(-1.0, 1.0, 41)
#: Half-width of the sum in standard deviations of the random effect: a normal density beyond is below 1e-20.
REACH = 9.5


@dataclass(frozen=True)
class Sets:
    """Counts (R, k), the sizes (people or person-time), and which cells are studies."""

    events: np.ndarray
    size: np.ndarray
    mask: np.ndarray

    def used(self, i: int) -> tuple[np.ndarray, np.ndarray]:
        return self.events[i][self.mask[i]], self.size[i][self.mask[i]]


def draw_sets(family: str, count: int, seed: int) -> Sets:
    """k 2 to 30, n 5 to 500, events in 0.5% to 60%, tau 0 to 2, 0 to 60% of the studies without events."""
    rng = np.random.default_rng(seed)
    events = np.zeros((count, MOST_STUDIES))
    size = np.ones((count, MOST_STUDIES))
    mask = np.zeros((count, MOST_STUDIES), dtype=bool)
    for i in range(count):
        k = int(rng.integers(2, MOST_STUDIES + 1))
        n = np.round(np.exp(rng.uniform(np.log(5.0), np.log(500.0), k)))
        share = np.exp(rng.uniform(np.log(0.005), np.log(0.6)))
        eta = np.log(share / (1.0 - share)) + rng.choice([0.0, 0.1, 0.3, 0.7, 1.2, 2.0]) * rng.normal(size=k)
        if family == "binomial":
            e = rng.binomial(n.astype(int), 1.0 / (1.0 + np.exp(-eta))).astype(float)
        else:
            e = rng.poisson(n * np.exp(np.minimum(eta, 2.0))).astype(float)
        e[rng.random(k) < rng.uniform(0.0, 0.6)] = 0.0
        events[i, :k], size[i, :k], mask[i, :k] = e, n, True
    return Sets(events, size, mask)


def log_density(family: str, events: np.ndarray, size: np.ndarray, eta: np.ndarray) -> np.ndarray:
    """Return the log-probability of each count at each linear predictor (k, G), constants included."""
    e, n = events[:, None], size[:, None]
    if family == "binomial":
        constant = gammaln(n + 1.0) - gammaln(e + 1.0) - gammaln(n - e + 1.0)
        return constant + e * eta - n * np.logaddexp(0.0, eta)
    with np.errstate(over="ignore"):
        return -gammaln(e + 1.0) + e * (eta + np.log(n)) - n * np.exp(eta)


def grid_loglik(
    family: str, events: np.ndarray, size: np.ndarray, mu: float, se: float, tau: float
) -> tuple[float, float]:
    """Return the log-likelihood at (mu, tau), and the highest of a grid around it and over all of ``TAUS``.

    For each tau the counts' probabilities are summed over one fine grid of the linear predictor, on which the
    normal densities of all means are laid: a trapezoid rule, exact to rounding where its step is a quarter of
    the narrowest bell.
    """
    narrow = 1.0 / np.sqrt(float(np.max(np.maximum(events, 1.0))))
    best, own = -np.inf, np.nan
    if tau == 0.0:
        own = float(np.sum(log_density(family, events, size, np.array([mu]))))
    for place in sorted({*TAUS, *(f * tau for f in (0.7, 0.9, 0.97, 1.0, 1.03, 1.1, 1.4) if tau > 0.0)}):
        means = mu + MEANS * (4.0 * se + 1.5 * place)
        step = min(place, narrow) / 4.0
        eta = np.arange(means[0] - REACH * place, means[-1] + REACH * place + step, step)
        logs = log_density(family, events, size, eta)
        top = logs.max(axis=1)
        z = (eta[:, None] - means) / place
        weights = np.exp(-0.5 * z * z) * (step / (place * np.sqrt(2.0 * np.pi)))
        with np.errstate(divide="ignore"):
            total = np.sum(np.log(np.exp(logs - top[:, None]) @ weights) + top[:, None], axis=0)
        best = max(best, float(total.max()))
        if place == tau:
            own = float(total[MEANS.size // 2])
    return own, best
