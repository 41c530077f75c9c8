"""The beta-binomial likelihood in its product form, which is the binomial as overdispersion goes to 0.

P(x of n) = C(n, x) prod_{j<x} (p + j phi) prod_{j<n-x} (1 - p + j phi) / prod_{j<n} (1 + j phi), with
phi = rho / (1 - rho) and rho the correlation between two people of one study. Log-gammas of p / phi lose all
digits where phi is small; these sums of logarithms do not. The search moves s = sqrt(phi) in the place of
tau: the likelihood is even in s, and its slope in phi at 0 is half the curvature in s.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import expit

from meta.kernels.glmm_cells import Bools, Cells, Floats, Ints, Kind, Value
from meta.kernels.glmm_counts import count_moments
from meta.kernels.glmm_likelihood import Marginal, collect, linear_predictor
from meta.kernels.glmm_problem import Problem
from meta.kernels.quadrature import PANEL_NODES, panel_rule

#: So many terms of a sum are added one by one. From there on the sum is an integral between half-integers
#: less 1/24 of the end slopes; the next term, 7/5760 of third derivatives, is below 2e-12.
EXACT_TERMS = 1024
#: Panels of the integral double in width.
GROWTH = 2.0
#: Terms held at once.
BLOCK = 500_000


@dataclass(frozen=True, slots=True)
class _Sums:
    """sum_j log(p + j phi) over j < m of each cell, and its derivatives in p and phi, shape (c,)."""

    log: Floats
    p: Floats
    f: Floats
    pp: Floats
    pf: Floats
    ff: Floats


@dataclass(frozen=True)
class BetaBinomial(Kind):
    """Counts whose proportions follow a beta distribution between studies."""

    further: int = 0
    states: int = 0

    def evaluate(self, cells: Cells, theta: Floats) -> Value:
        """Evaluate the likelihood in (coefficients, s)."""
        a, s = linear_predictor(cells, theta), np.abs(theta[-1])[cells.row]
        p, q, phi = expit(a), expit(-a), np.square(s)
        e, n = cells.events, cells.size
        yes, no = sum_logs(e, p, phi), sum_logs(n - e, q, phi)
        all_ = sum_logs(n, np.ones_like(p), phi)
        rest = n - e
        with np.errstate(divide="ignore", invalid="ignore"):
            own = np.where(e > 0, e * np.log(e / n), 0.0) + np.where(rest > 0, rest * np.log(rest / n), 0.0)
        log = cells.constant - own + (yes.log + no.log - all_.log)
        pq = p * q
        slope = yes.p - no.p
        bend = yes.pp + no.pp
        f, ff = yes.f + no.f - all_.f, yes.ff + no.ff - all_.ff
        a_one, a_two = slope * pq, bend * np.square(pq) + slope * pq * (q - p)
        a_f = (yes.pf - no.pf) * pq
        part = Marginal(log, a_one, 2.0 * s * f, a_two, 2.0 * s * a_f, 2.0 * f + 4.0 * np.square(s) * ff)
        return collect(cells, part)

    def evaluate_common(self, cells: Cells, theta: Floats) -> Value:
        """Evaluate at phi = 0: the binomial, by the same sums."""
        return self.evaluate(cells, theta)

    def raise_levels(self, cells: Cells, theta: Floats) -> Bools:  # noqa: ARG002 - nothing is integrated
        """Return that nothing moves: the sums are exact."""
        return np.zeros(cells.analyses, dtype=bool)

    def information(self, cells: Cells, theta: Floats) -> Floats:
        """Return the scale of a slope in s^2 that counts as none: the variance of the studies' scores."""
        p = expit(linear_predictor(cells, theta))
        return cells.add(count_moments(True, cells.size, linear_predictor(cells, theta))[1] / (p * (1.0 - p)))

    def empirical(self, cells: Cells) -> tuple[Floats, Floats]:
        """Return each study's logit and its variance, 1/2 added."""
        e, rest = cells.events + 0.5, cells.size - cells.events + 0.5
        return np.log(e / rest), 1.0 / e + 1.0 / rest

    def start(self, cells: Cells) -> Floats:
        """Return nothing: no further parameters."""
        return np.zeros((0, cells.analyses))


def beta_binomial_problem(problem: Problem) -> Problem:
    """Take the binomial problem of ``check_problem`` for a beta-binomial one; its "tau2" is phi.

    References
    ----------
    Griffiths (1973), Biometrics 29, 637-648; Kuss (2015), Statistics in Medicine 34, 1097-1116.
    """
    return replace(problem, kind=BetaBinomial())


def rho_from_phi(phi: Floats) -> Floats:
    """Return the correlation of two people of one study, rho = phi / (1 + phi)."""
    with np.errstate(invalid="ignore"):
        return np.where(np.isinf(phi), 1.0, phi / (1.0 + phi))


def sum_logs(m: Floats, p: Floats, phi: Floats) -> _Sums:
    """Return sum_{j<m} log(p + j phi) with its derivatives, for whole numbers ``m`` (c,)."""
    out = [np.zeros(m.size) for _ in range(6)]
    begin = 0
    terms = np.minimum(m, EXACT_TERMS + 2 + 80 * PANEL_NODES).astype(np.int64)
    while begin < m.size:
        held = np.cumsum(terms[begin:])
        end = begin + max(1, int(np.searchsorted(held, BLOCK)))
        j, w, cell = _terms(m[begin:end])
        if j.size:
            size = end - begin
            base = p[begin:end][cell] + j * phi[begin:end][cell]
            inverse = 1.0 / base
            square = w * np.square(inverse)
            sums = (
                w * np.log(base),
                w * inverse,
                w * j * inverse,
                -square,
                -square * j,
                -square * np.square(j),
            )
            for target, values in zip(out, sums, strict=True):
                target[begin:end] = np.bincount(cell, values, size)
        begin = end
    return _Sums(*out)


def _terms(m: Floats) -> tuple[Floats, Floats, Ints]:
    """Return arguments, weights and cells of the terms of sums over j < m."""
    exact = np.minimum(m, EXACT_TERMS).astype(np.int64)
    cell = np.repeat(np.arange(m.size), exact)
    j = (np.arange(cell.size) - np.repeat(np.cumsum(exact) - exact, exact)).astype(np.float64)
    w = np.ones(j.size)
    long = np.flatnonzero(m > EXACT_TERMS)
    if not long.size:
        return j, w, cell
    x, share = panel_rule(1)
    pieces = [(j, w, cell)]
    for i in long.tolist():
        left, end = EXACT_TERMS - 0.5, float(m[i]) - 0.5
        nodes, weights = [], []
        # slopes at both ends as differences over one step
        for at, sign in ((left, 1.0), (end, -1.0)):
            nodes += [at + 0.5, at - 0.5]
            weights += [sign / 24.0, -sign / 24.0]
        while left < end:
            right = min(end, GROWTH * left)
            nodes += (left + x * (right - left)).tolist()
            weights += (share * (right - left)).tolist()
            left = right
        pieces.append((np.array(nodes), np.array(weights), np.full(len(nodes), i)))
    joined = tuple(np.concatenate(parts) for parts in zip(*pieces, strict=True))
    return joined[0], joined[1], joined[2]
