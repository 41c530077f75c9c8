"""Random data sets of two groups, and their likelihoods by sums that share nothing with the kernel."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import gammaln, logsumexp

from meta.kernels.glmm_two import TwoGroups, check_two_groups, says_nothing

MOST_STUDIES = 30


def draw_pairs(family: str, count: int, seed: int, most: int = MOST_STUDIES) -> TwoGroups:
    """k 2 to ``most``, arms of 5 to 500, 0 to 60% of the studies without events in an arm."""
    rng = np.random.default_rng(seed)
    e1, e2 = np.zeros((count, most)), np.zeros((count, most))
    n1, n2 = np.ones((count, most)), np.ones((count, most))
    mask = np.zeros((count, most), dtype=bool)
    for i in range(count):
        k = int(rng.integers(2, most + 1))
        one, two = (np.round(np.exp(rng.uniform(np.log(5.0), np.log(500.0), k))) for _ in range(2))
        share = np.exp(rng.uniform(np.log(0.005), np.log(0.6)))
        level = np.log(share / (1.0 - share)) + rng.choice([0.0, 0.3, 1.0]) * rng.normal(size=k)
        ratio = rng.choice([0.0, -0.5, 1.0]) + rng.choice([0.0, 0.1, 0.3, 0.7, 1.2]) * rng.normal(size=k)
        x, y = (draw(rng, family, n, level + s * ratio) for n, s in ((one, 0.5), (two, -0.5)))
        x[rng.random(k) < rng.uniform(0.0, 0.6)] = 0.0
        y[rng.random(k) < rng.uniform(0.0, 0.4)] = 0.0
        e1[i, :k], e2[i, :k], n1[i, :k], n2[i, :k], mask[i, :k] = x, y, one, two, True
    return check_two_groups(family, (e1, n1, e2, n2), mask, np.ones((most, 1)))


def draw(rng: np.random.Generator, family: str, n: np.ndarray, eta: np.ndarray) -> np.ndarray:
    if family == "binomial":
        return rng.binomial(n.astype(int), 1.0 / (1.0 + np.exp(-eta))).astype(float)
    return rng.poisson(n * np.exp(np.minimum(eta, 2.0))).astype(float)


def informative(data: TwoGroups) -> TwoGroups:
    """Leave out studies that say nothing of their ratio."""
    counts = (data.events1, data.size1, data.events2, data.size2)
    family = "binomial" if data.binomial else "poisson"
    return check_two_groups(family, counts, data.mask & ~says_nothing(data), data.design)


def one_set(data: TwoGroups, i: int) -> TwoGroups:
    """Return analysis ``i`` alone, without the studies it leaves out."""
    used = data.mask[i]
    counts = tuple(c[i][used] for c in (data.events1, data.size1, data.events2, data.size2))
    family = "binomial" if data.binomial else "poisson"
    return check_two_groups(family, counts, np.ones((1, int(used.sum())), dtype=bool), data.design[used])


def log_count(binomial: bool, e: float, n: float, eta: np.ndarray) -> np.ndarray:
    """Return the log-probability of one count at linear predictors, constants included."""
    if binomial:
        constant = gammaln(n + 1.0) - gammaln(e + 1.0) - gammaln(n - e + 1.0)
        return constant + e * eta - n * np.logaddexp(0.0, eta)
    with np.errstate(over="ignore"):
        return e * (eta + np.log(n)) - n * np.exp(eta) - gammaln(e + 1.0)


def _grid(narrow: float, reach: float = 11.0) -> tuple[np.ndarray, float]:
    points = 2 * int(np.ceil(reach * 4.0 / min(narrow, 1.0))) + 1
    z = np.linspace(-reach, reach, points)
    return z, float(z[1] - z[0])


def dense_fixed(data: TwoGroups, mu: float, tau: float) -> float:
    """Return the log-likelihood with each study's level at its own best, by sums over u and a line search."""
    total = 0.0
    for e1, n1, e2, n2 in zip(data.events1[0], data.size1[0], data.events2[0], data.size2[0], strict=True):
        z, width = _grid(1.0 / (1.0 + tau * np.sqrt(max(e1, e2, 1.0))))
        ratio = mu + tau * z

        def lost(level: float, c=(e1, n1, e2, n2), ratio=ratio, z=z, width=width) -> float:
            logs = log_count(data.binomial, c[0], c[1], level + 0.5 * ratio)
            logs = logs + log_count(data.binomial, c[2], c[3], level - 0.5 * ratio)
            return -float(logsumexp(logs - 0.5 * z * z) + np.log(width / np.sqrt(2.0 * np.pi)))

        places = np.linspace(-16.0, 8.0, 49)
        start = places[int(np.argmin([lost(b) for b in places]))]
        found = minimize_scalar(
            lost, bounds=(start - 1.0, start + 1.0), method="bounded", options={"xatol": 1e-8}
        )
        total -= found.fun
    return total


def dense_random(data: TwoGroups, mu: float, level: float, sigma: float, tau: float) -> float:
    """Return the log-likelihood with levels random too, by sums over a square of (v, u)."""
    total = 0.0
    for e1, n1, e2, n2 in zip(data.events1[0], data.size1[0], data.events2[0], data.size2[0], strict=True):
        most = np.sqrt(max(e1, e2, 1.0))
        u, du = _grid(1.0 / (1.0 + tau * most), 8.5)
        v, dv = _grid(1.0 / (1.0 + sigma * most), 8.5)
        b, ratio = (level + sigma * v)[:, None], (mu + tau * u)[None, :]
        logs = log_count(data.binomial, e1, n1, b + 0.5 * ratio) + log_count(
            data.binomial, e2, n2, b - 0.5 * ratio
        )
        logs = logs - 0.5 * u[None, :] ** 2 - 0.5 * v[:, None] ** 2
        total += float(logsumexp(logs)) + np.log(du * dv / (2.0 * np.pi))
    return total


def dense_conditional(data: TwoGroups, mu: float, tau: float) -> float:
    """Return the log-likelihood given the margins: the noncentral hypergeometric, term by term."""
    total = 0.0
    for e1, n1, e2, n2 in zip(data.events1[0], data.size1[0], data.events2[0], data.size2[0], strict=True):
        z, width = _grid(1.0 / (1.0 + tau * np.sqrt(max(e1, e2, 1.0))))
        m = e1 + e2
        if data.binomial:
            x = np.arange(max(0.0, m - n2), min(n1, m) + 1.0)
            terms = -gammaln(x + 1) - gammaln(n1 - x + 1) - gammaln(m - x + 1) - gammaln(n2 - m + x + 1)
            eta = mu + tau * z
            logs = terms[np.flatnonzero(x == e1)[0]] + e1 * eta
            logs = logs - logsumexp(terms[:, None] + x[:, None] * eta, axis=0)
        else:
            logs = log_count(True, e1, m, mu + tau * z + np.log(n1 / n2))
        total += float(logsumexp(logs - 0.5 * z * z)) + np.log(width / np.sqrt(2.0 * np.pi))
    return total
