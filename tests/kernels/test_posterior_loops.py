"""Every summary of the posterior for two to five studies against dense integration over tau by plain loops.

The second computation knows no grid of log tau, no window and no arrays: panels of tau between fixed edges,
sixteen Gauss-Legendre points a panel, the likelihood study after study, distribution functions by erfc.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

from meta.kernels.posterior import describe_posterior, integrate_posterior, posterior_tails
from meta.kernels.priors import Prior

#: In probability; worst seen 4.4e-13.
LOOP_TOL = 1e-12
#: Means, standard deviations, weights, the marginal likelihood: relative to the spread; worst seen 1.9e-13.
MOMENT_TOL = 1e-11

PRIORS = (
    Prior("half_normal", (0.5,)),
    Prior("half_normal", (0.03,)),
    Prior("half_cauchy", (0.5,)),
    Prior("uniform", (2.0,)),
    Prior("uniform", ()),
    Prior("log_normal", (-2.56, 1.74)),
    Prior("log_normal", (-10.0, 3.0)),
)

DATA = {
    2: ([0.1, 1.2], [0.05, 0.3]),
    3: ([0.2, 0.4, 6.0], [0.1, 0.05, 0.08]),
    4: ([-1.0, -0.9, -1.1, -1.0], [0.2, 0.002, 1.5, 0.04]),
    5: ([0.2, 0.5, -0.3, 0.9, 0.1], [0.04, 0.1, 0.3, 0.02, 0.08]),
}

THRESHOLD = 0.25


def normal_below(z: float) -> float:
    return 0.5 * math.erfc(-z / math.sqrt(2.0))


def log_prior(prior: Prior, tau: float) -> float:
    if prior.name == "half_normal":
        scale = prior.parameters[0]
        return math.log(math.sqrt(2.0 / math.pi) / scale) - 0.5 * (tau / scale) ** 2
    if prior.name == "half_cauchy":
        scale = prior.parameters[0]
        return math.log(2.0 / (math.pi * scale)) - math.log1p((tau / scale) ** 2)
    if prior.name == "uniform":
        return -math.log(prior.parameters[0]) if prior.parameters else 0.0
    mean, sd = prior.parameters
    z = (2.0 * math.log(tau) - mean) / sd
    return math.log(2.0 / (tau * sd * math.sqrt(2.0 * math.pi))) - 0.5 * z * z


class Loops:
    """The posterior of tau as a list of (tau, share, mean and sd of mu given tau), panel after panel."""

    def __init__(self, y: list[float], v: list[float], prior: Prior, split: list[float]) -> None:
        self.y, self.v = y, v
        top = 40.0 * prior.parameters[0] if prior.name == "half_normal" else prior.upper or 1e13
        edges = sorted({0.0, top, *(x for x in split if x < top)})
        edge = 1e-9
        while edge < top:
            edges.append(edge)
            edge *= 1.2
        edges.sort()
        points, weights = np.polynomial.legendre.leggauss(16)
        rows = []
        for low, high in pairwise(edges):
            for x, w in zip(points, weights, strict=True):
                tau = low + 0.5 * (high - low) * (float(x) + 1.0)
                rows.append((tau, 0.5 * (high - low) * float(w), *self._given(tau, prior)))
        highest = max(row[2] for row in rows)
        total = math.fsum(width * math.exp(log - highest) for _, width, log, _, _ in rows)
        self.log_mass = highest + math.log(total)
        self.rows = [
            (tau, width * math.exp(log - highest) / total, mean, sd) for tau, width, log, mean, sd in rows
        ]

    def _given(self, tau: float, prior: Prior) -> tuple[float, float, float]:
        precision = weighted = 0.0
        for effect, variance in zip(self.y, self.v, strict=True):
            w = 1.0 / (variance + tau * tau)
            precision += w
            weighted += w * effect
        mean = weighted / precision
        log = log_prior(prior, tau) + 0.5 * math.log(2.0 * math.pi / precision)
        for effect, variance in zip(self.y, self.v, strict=True):
            total = variance + tau * tau
            log -= 0.5 * (math.log(2.0 * math.pi * total) + (effect - mean) ** 2 / total)
        return log, mean, 1.0 / math.sqrt(precision)

    def tau_below(self, x: float) -> float:
        return math.fsum(share for tau, share, _, _ in self.rows if tau < x)

    def mu_below(self, x: float) -> float:
        return math.fsum(share * normal_below((x - mean) / sd) for _, share, mean, sd in self.rows)

    def new_below(self, x: float) -> float:
        return math.fsum(
            share * normal_below((x - mean) / math.hypot(sd, tau)) for tau, share, mean, sd in self.rows
        )

    def study_below(self, i: int, x: float) -> float:
        y, v, below = self.y[i], self.v[i], []
        for tau, share, mean, sd in self.rows:
            pull = v / (v + tau * tau)
            spread = math.sqrt(v * tau * tau / (v + tau * tau) + (pull * sd) ** 2)
            below.append(share * normal_below((x - (1.0 - pull) * y - pull * mean) / spread))
        return math.fsum(below)

    def study_mean(self, i: int) -> float:
        y, v = self.y[i], self.v[i]
        return math.fsum(
            share * (tau * tau * y + v * mean) / (v + tau * tau) for tau, share, mean, _ in self.rows
        )

    def mean(self) -> float:
        return math.fsum(share * mean for _, share, mean, _ in self.rows)

    def sd(self) -> float:
        middle = self.mean()
        total = math.fsum(share * (sd**2 + (mean - middle) ** 2) for _, share, mean, sd in self.rows)
        return math.sqrt(total)

    def weight(self, i: int) -> float:
        return 100.0 * math.fsum(share * sd**2 / (self.v[i] + tau**2) for tau, share, _, sd in self.rows)


CASES = [(k, prior) for k in DATA for prior in PRIORS if prior.proper or k >= 3]


@pytest.mark.parametrize(("k", "prior"), CASES, ids=lambda case: str(getattr(case, "name", case)))
def test_every_summary_of_a_few_studies_holds_by_plain_loops(k, prior):
    y, v = DATA[k]
    arrays, used = (np.array(y), np.array(v)), np.ones(k, dtype=bool)
    found = integrate_posterior(*arrays, used[None, :], prior, 0.95)
    shrunken = describe_posterior(*arrays, used, prior, 0.95).shrunken
    loops = Loops(y, v, prior, [float(x) for x in found.tau[0]])

    for place, probability in enumerate((0.5, 0.025, 0.975)):
        assert loops.tau_below(found.tau[0, place]) == pytest.approx(probability, abs=LOOP_TOL)
        assert loops.mu_below(found.mu[0, place]) == pytest.approx(probability, abs=LOOP_TOL)
        assert loops.new_below(found.new[0, place]) == pytest.approx(probability, abs=LOOP_TOL)
        for i in range(k):
            assert loops.study_below(i, shrunken[i, place]) == pytest.approx(probability, abs=LOOP_TOL)
    tail_mu, tail_new = posterior_tails(*arrays, used, prior, THRESHOLD)
    assert tail_mu == pytest.approx(1.0 - loops.mu_below(THRESHOLD), abs=LOOP_TOL)
    assert tail_new == pytest.approx(1.0 - loops.new_below(THRESHOLD), abs=LOOP_TOL)
    for i in range(k):
        assert found.weights[0, i] == pytest.approx(loops.weight(i), abs=100.0 * MOMENT_TOL)
    if prior.proper:
        assert found.log_marginal[0] == pytest.approx(loops.log_mass, abs=MOMENT_TOL)
    spread = found.mu[0, 2] - found.mu[0, 1]
    if np.isfinite(found.mean[0]):
        assert found.mean[0] == pytest.approx(loops.mean(), abs=MOMENT_TOL * spread)
        for i in range(k):
            assert shrunken[i, 3] == pytest.approx(loops.study_mean(i), abs=MOMENT_TOL * spread)
    if np.isfinite(found.sd[0]):
        assert found.sd[0] == pytest.approx(loops.sd(), rel=MOMENT_TOL)
