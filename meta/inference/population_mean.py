"""The mean over settings, E[g(mu + tau z)], that a GLMM implies beside its median setting g(mu)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

Floats = NDArray[np.float64]

#: Half-width of the normal distribution that is summed over; what lies outside is below 1e-18.
REACH = 9.0
#: Largest step of the sum in z, and in the linear predictor. The trapezoid rule errs by exp(-2 pi^2 / step)
#: for the logistic function, whose nearest pole is pi away: 1e-17.
STEP = 0.5


@dataclass(frozen=True, slots=True)
class PopulationMeans:
    """Natural scale, shape (B,): E[g(mu + tau z)] and its interval; NaN where the input is."""

    value: Floats
    low: Floats
    high: Floats


def population_mean(
    family: str, mu: Floats, tau2: Floats, covariance: Floats, quantile: Floats
) -> PopulationMeans:
    """Return the mean proportion or rate over settings, with a delta interval on the link scale.

    Parameters
    ----------
    family : {"binomial", "poisson"}
        g is the inverse logit, or exp.
    mu, tau2 : arrays of shape (B,)
        Mean and variance of the settings on the link scale.
    covariance : array of shape (B, 2, 2)
        Of (mu, tau); where tau2 is 0 the delta method runs over mu alone.
    quantile : array of shape (B,)
        Half-width of the interval in standard errors.

    Returns
    -------
    PopulationMeans

    Notes
    -----
    The link of the mean is differentiated: with m = E[g], d logit(m) = d m / (m (1 - m)); log E[exp(mu +
    tau z)] = mu + tau^2 / 2.
    """
    tau = np.sqrt(tau2)
    if family == "poisson":
        link, by_mu, by_tau = mu + 0.5 * tau2, np.ones_like(mu), tau
    else:
        link, by_mu, by_tau = _logistic_normal(mu, tau)
    with_tau = tau > 0.0
    variance = by_mu * by_mu * covariance[:, 0, 0]
    shared = by_tau * (2.0 * by_mu * covariance[:, 0, 1] + by_tau * covariance[:, 1, 1])
    half = quantile * np.sqrt(variance + np.where(with_tau, shared, 0.0))
    inverse = np.exp if family == "poisson" else expit
    return PopulationMeans(inverse(link), inverse(link - half), inverse(link + half))


def _logistic_normal(mu: Floats, tau: Floats) -> tuple[Floats, Floats, Floats]:
    """Return logit E[expit(mu + tau z)] and its derivatives in mu and tau, shape (B,), by the trapezoid rule.

    The number of points is chosen row by row, in powers of two, and the points of a row are added one after
    the other.
    """
    link, by_mu, by_tau = mu.copy(), np.ones_like(mu), np.zeros_like(mu)
    spread = np.isfinite(mu) & (tau > 0.0)
    size = np.where(spread, tau, 1.0)
    # the mass of a small mean sits up to tau standard deviations out, but no farther than the turn of the
    # logistic
    reach = REACH + np.minimum(size, np.abs(np.where(spread, mu, 0.0)) / size)
    points = np.exp2(np.ceil(np.log2(reach * np.maximum(1.0, size) / STEP)))
    for count in np.unique(points[spread]):
        rows = np.flatnonzero(spread & (points == count))
        # a single column would be summed in another order
        pair = np.append(rows, rows[-1]) if rows.size == 1 else rows
        z = np.linspace(-1.0, 1.0, 2 * int(count) + 1)[:, None] * reach[pair]
        eta = mu[pair] + tau[pair] * z
        weight = np.exp(-0.5 * z * z)
        p, q = expit(eta), expit(-eta)
        yes, no = np.add.reduce(weight * p, axis=0), np.add.reduce(weight * q, axis=0)
        slope = weight * p * q
        total, both = yes + no, yes * no
        n = rows.size
        link[rows] = np.log(yes / no)[:n]
        by_mu[rows] = (np.add.reduce(slope, axis=0) * total / both)[:n]
        by_tau[rows] = (np.add.reduce(slope * z, axis=0) * total / both)[:n]
    return link, by_mu, by_tau
