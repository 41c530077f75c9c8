"""A beta-binomial by others: its log-likelihood by SciPy's beta functions, or its binomial at rho = 0."""

from __future__ import annotations

import math
from importlib.metadata import version

import numpy as np

from meta.crosscheck.calls import call_engine
from meta.crosscheck.opinions import LOGLIK, NO_HIGHER, SCIPY, Opinion, Pair, Question, compare_pairs, decline
from meta.crosscheck.ours import Counts
from meta.results import Fit

#: Steps around the reported mean (standard errors) and phi = rho / (1 - rho) (factors), where nothing may be
#: higher.
MOVES = (-0.3, 0.0, 0.3)
FACTORS = (0.7, 1.0, 1.4)

#: Log-gammas of p / phi lose this share of their size: below it the binomial is as near.
SMALLEST_PHI = 1e-7


def ask_beta_functions(part: str, counts: Counts, fit: Fit) -> list[Opinion]:
    """Compare the reported log-likelihood with that by beta functions, and look for a higher one nearby."""
    number = version("scipy")
    exact = Question(SCIPY, number, "log-likelihood by beta functions", LOGLIK)
    near = Question(SCIPY, number, "no higher log-likelihood nearby", NO_HIGHER)
    if fit.estimate is None or fit.loglik is None or not fit.components:
        reason = f"there is no estimate ({fit.status.replace('_', ' ')})"
        return [decline(part, exact, reason), decline(part, near, reason)]
    mean, se, rho = fit.estimate.value, fit.estimate.se, fit.components[0].value
    phi = rho / (1.0 - rho)
    called = call_engine(lambda: _around(counts, mean, se, phi))
    if called.value is None:
        return [decline(part, exact, called.failure), decline(part, near, called.failure)]
    centre, around = called.value
    # a log-likelihood is a small difference of log-gammas of p / phi
    floor = max(1.0, 1e-3 / max(phi, SMALLEST_PHI)) if phi > 0.0 else 1.0
    reached = Pair("reported: log-likelihood", fit.loglik, centre, floor)
    higher = Pair(
        "reported: by how much a value near (mean, rho) is higher", 0.0, max(0.0, around - centre), floor
    )
    return [
        *compare_pairs(part, exact, [reached], called.warnings),
        *compare_pairs(part, near, [higher], called.warnings),
    ]


def _around(counts: Counts, mean: float, se: float, phi: float) -> tuple[float, float]:
    """Return the log-likelihood at (mean, phi), and the highest one around it."""
    points = [(mean + move * se, phi * factor) for move in MOVES for factor in FACTORS]
    if phi == 0.0:
        points += [(mean, small) for small in (1e-4, 1e-3, 1e-2)]
    return _loglik(counts, mean, phi), max(_loglik(counts, *point) for point in points)


def _loglik(counts: Counts, mean: float, phi: float) -> float:
    """Return the log-likelihood of all studies, with every constant."""
    from scipy.special import betaln, gammaln

    x, n = counts.events, counts.size
    log_p, log_q = -float(np.logaddexp(0.0, -mean)), -float(np.logaddexp(0.0, mean))
    choose = gammaln(n + 1.0) - gammaln(x + 1.0) - gammaln(n - x + 1.0)
    if phi < SMALLEST_PHI:
        return math.fsum(choose + x * log_p + (n - x) * log_q)
    a, b = math.exp(log_p) / phi, math.exp(log_q) / phi
    return math.fsum(choose + betaln(x + a, n - x + b) - betaln(a, b))
