from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import expit

from meta.inference.population_mean import population_mean

NO_ERROR = np.zeros((1, 2, 2))
QUANTILE = np.array([1.959963984540054])


def mean_of(mu: float, tau: float) -> float:
    """Integrate piecewise around the turn of the logistic and around where a small mean has its mass."""
    turn = np.clip(-mu / tau, -35.0, 35.0)
    cuts = sorted({-38.0, -8.0, 0.0, turn - 1.0 / tau, turn, turn + 1.0 / tau, min(tau, 30.0), 8.0, 38.0})
    pieces = [
        quad(
            lambda z: expit(mu + tau * z) * np.exp(-0.5 * z * z) / np.sqrt(2.0 * np.pi),
            a,
            b,
            epsabs=0.0,
            epsrel=1e-12,
        )[0]
        for a, b in itertools.pairwise(cuts)
    ]
    return float(np.sum(pieces))


def one(family: str, mu: float, tau2: float, covariance: np.ndarray = NO_ERROR) -> tuple[float, float, float]:
    means = population_mean(family, np.array([mu]), np.array([tau2]), covariance, QUANTILE)
    return float(means.value[0]), float(means.low[0]), float(means.high[0])


@pytest.mark.parametrize(
    ("mu", "tau"),
    [(0.0, 1.0), (-1.9, 1.07), (-4.0, 0.3), (3.0, 2.5), (-12.0, 7.0), (-6.0, 2.0), (0.5, 40.0), (-25.0, 3.0)],
)
def test_logistic_normal_mean(mu: float, tau: float) -> None:
    value, low, high = one("binomial", mu, tau * tau)
    assert value == pytest.approx(mean_of(mu, tau), rel=1e-9)
    assert low == value == high
    # the mean of the complement is the complement of the mean
    assert one("binomial", -mu, tau * tau)[0] == pytest.approx(1.0 - value, rel=1e-9)


@pytest.mark.parametrize("family", ["binomial", "poisson"])
def test_delta_interval_is_that_of_difference_quotients(family: str) -> None:
    mu, tau = -1.3, 0.9
    covariance = np.array([[[0.04, -0.006], [-0.006, 0.03]]])

    def link(m: float, t: float) -> float:
        value = one(family, m, t * t)[0]
        return float(np.log(value / (1.0 - value)) if family == "binomial" else np.log(value))

    step = 1e-5
    slope = np.array(
        [
            (link(mu + step, tau) - link(mu - step, tau)) / (2 * step),
            (link(mu, tau + step) - link(mu, tau - step)) / (2 * step),
        ]
    )
    half = QUANTILE[0] * np.sqrt(slope @ covariance[0] @ slope)
    value, low, high = one(family, mu, tau * tau, covariance)
    inverse = expit if family == "binomial" else np.exp
    assert low == pytest.approx(inverse(link(mu, tau) - half), rel=1e-8)
    assert high == pytest.approx(inverse(link(mu, tau) + half), rel=1e-8)
    assert low < value < high


def test_rates_have_a_closed_form() -> None:
    assert one("poisson", -2.0, 0.64)[0] == pytest.approx(np.exp(-2.0 + 0.32), rel=1e-14)


@pytest.mark.parametrize("family", ["binomial", "poisson"])
def test_without_spread_the_mean_is_the_median_and_tau_has_no_error(family: str) -> None:
    covariance = np.array([[[0.04, np.nan], [np.nan, np.nan]]])
    value, low, high = one(family, -1.0, 0.0, covariance)
    inverse = expit if family == "binomial" else np.exp
    assert value == pytest.approx(inverse(-1.0))
    assert low == pytest.approx(inverse(-1.0 - QUANTILE[0] * 0.2))
    assert high == pytest.approx(inverse(-1.0 + QUANTILE[0] * 0.2))


def test_a_row_does_not_depend_on_its_batch_and_missing_stays_missing() -> None:
    mu = np.array([-2.0, np.nan, 0.4, -6.0, 1.0])
    tau2 = np.array([0.5, np.nan, 30.0, 0.0, 2.0])
    covariance = np.full((5, 2, 2), 0.01)
    quantile = np.full(5, QUANTILE[0])
    batch = population_mean("binomial", mu, tau2, covariance, quantile)
    assert np.isnan(batch.value[1])
    for i in (0, 2, 3, 4):
        alone = population_mean("binomial", mu[[i]], tau2[[i]], covariance[[i]], quantile[[i]])
        assert alone.value[0] == batch.value[i]
        assert alone.low[0] == batch.low[i]
