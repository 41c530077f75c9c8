"""One count: mean, variance and log-probability, binomial in the logit or Poisson in the log rate.

Arrays are of shape (c,), or (N, c) with nodes first. Binomial counts come turned round, so that at most half
of the people have an event: no sum cancels then.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

Floats = NDArray[np.float64]

#: A cell whose mode has a probability beyond this takes 1 - p + p exp(rise) as it stands.
NEARLY_CERTAIN = 0.9
#: ... with 1 - p no smaller than this, so that its logarithm exists.
SMALLEST = 1e-300
#: Beyond this exponent exp() overflows; the integrand is zero long before.
EXP_LIMIT = 650.0


def count_moments(binomial: bool, n: Floats, eta: Floats) -> tuple[Floats, Floats]:
    """Return expected events and their variance at ``eta``."""
    if binomial:
        p = expit(eta)
        return n * p, n * p * expit(-eta)
    mean = n * np.exp(np.minimum(eta, EXP_LIMIT))
    return mean, mean


def count_density(
    binomial: bool, e: Floats, n: Floats, constant: Floats, eta: Floats, mean: Floats
) -> Floats:
    """Return the log-probability of ``e`` events at ``eta``, without cancellation near their own best value.

    ``constant`` is the log-probability there, ``mean`` the expected events at ``eta``.
    """
    some = np.where(e > 0, e, 1.0)
    gap = mean - e
    near = gap > -0.5 * some
    with np.errstate(divide="ignore"):
        # two forms of log(mean / e): near 1 the gap is exact, far below it the ratio is
        ratio = np.where(near, np.log1p(np.where(near, gap / some, 0.0)), np.log(mean / some))
    first = np.where(e > 0, e * ratio, 0.0)
    if not binomial:
        return np.asarray(constant + (first - gap))
    rest = n - e
    # log((n - mean) / rest); rest >= size / 2 after turning round, and n - mean = n expit(-eta)
    far = gap > 0.5 * rest
    other = np.where(far, log_expit(-eta) + np.log(n / rest), np.log1p(np.where(far, 0.0, -gap / rest)))
    return np.asarray(constant + (first + rest * other))


def log_expit(x: Floats) -> Floats:
    """Return log(expit(x)) without overflow."""
    return np.asarray(np.minimum(x, 0.0) - np.log1p(np.exp(-np.abs(x))))


def fall_from_mode(
    binomial: bool, e: Floats, n: Floats, eta: Floats, rise: Floats, height: Floats
) -> tuple[Floats, Floats, Floats]:
    """Return ``height`` less what the cumulant function gains over ``rise`` (N, C) from ``eta`` (C,).

    With it the residual and the variance there.
    """
    growth = np.expm1(rise)
    if not binomial:
        mode = n * np.exp(np.minimum(eta, EXP_LIMIT))
        mean = mode * (1.0 + growth)
        return height - mode * growth, e - mean, mean
    p, q = expit(eta), expit(-eta)
    excess = p * growth
    part, whole = p * (1.0 + growth), 1.0 + excess
    certain = p > NEARLY_CERTAIN
    if certain.any():
        # here both sums cancel
        part = np.where(certain, p * np.exp(rise), part)
        whole = np.where(certain, np.maximum(q, SMALLEST) + part, whole)
        height -= n * np.where(certain, np.log(whole), np.log1p(np.where(certain, 0.0, excess)))
    else:
        height -= n * np.log1p(excess)
    mean = n * (part / whole)
    return height, e - mean, mean * (q / whole)
