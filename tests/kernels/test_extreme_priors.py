"""Priors far from the data and data far from any prior: every posterior is integrated, and integrated right.

The second computation is plain: at every tau of a line around the posterior's own place the likelihood is
summed in extended precision (80 bits where the platform has them), study after study, by a loop.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from posterior_grid import panels
from scipy.special import ndtr

import meta.kernels.tau_grid as tau_grid
from meta.effects.sizes import EffectSizes
from meta.kernels.posterior import describe_posterior, integrate_posterior, posterior_tails
from meta.kernels.priors import Prior
from meta.kernels.status import Status
from meta.models.fitting import fit_model
from meta.options import ModelSpec

#: In probability against the line of extended precision, beside the last digits of the quantile itself;
#: worst seen 2e-13.
LINE_TOL = 1e-11
#: Of the log marginal likelihood, beside 1e-14 of it.
MASS_TOL = 1e-11

Long = np.longdouble

SPREAD = np.linspace(-1.3, 1.7, 20) ** 3
EVEN = 10.0 ** np.linspace(-2.0, 0.0, 20)

PRIORS = (
    *(Prior("half_normal", (10.0**power,)) for power in range(-8, 9, 2)),
    *(Prior("half_cauchy", (scale,)) for scale in (1e-8, 1e-3, 1.0, 1e8)),
    *(Prior("uniform", (end,)) for end in (1e-8, 1e-3, 1.0, 1e8)),
    Prior("uniform", ()),
    *(Prior("log_normal", (mean, sd)) for mean in (-60.0, -20.0, -2.56, 40.0) for sd in (0.01, 1.74, 10.0)),
)


def studies(kind: str, k: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(20261124 + k)
    y, v = rng.normal(size=k), 10.0 ** rng.uniform(-2.0, 0.0, k)
    if kind == "tiny variances":
        v *= 1e-12
    if kind == "huge variances":
        v *= 1e12
    if kind == "variances over sixteen decades":
        v = 10.0 ** rng.uniform(-10.0, 6.0, k)
    if kind == "far from zero":
        y += 1e6
    if kind == "equal effects":
        y[:] = 0.3
    if kind == "an outlier":
        y[0] += 1e4
    return y, v


@pytest.mark.parametrize("k", [1, 2, 5, 200])
@pytest.mark.parametrize(
    "kind",
    [
        "plain",
        "tiny variances",
        "huge variances",
        "variances over sixteen decades",
        "far from zero",
        "equal effects",
        "an outlier",
    ],
)
def test_every_posterior_is_integrated_and_its_numbers_are_in_order(kind, k, monkeypatch):
    y, v = studies(kind, k)
    mask = np.ones((1, k), dtype=bool)
    asked = {"looks and grids": 0, "nodes": 0}
    compare = tau_grid._compare

    def counted(columns, anchor, log_tau, step):
        asked["looks and grids"] += 1
        asked["nodes"] += log_tau.shape[0]
        return compare(columns, anchor, log_tau, step)

    monkeypatch.setattr(tau_grid, "_compare", counted)
    for prior in PRIORS:
        if not prior.proper and k < 3:
            continue
        asked.update({"looks and grids": 0, "nodes": 0})
        found = integrate_posterior(y, v, mask, prior, 0.95)
        what = (prior.name, prior.parameters)
        assert found.status[0] == (Status.SINGLE_STUDY if k == 1 else Status.OK), what
        # the time of a fit, counted: a grid that does not settle goes on to tens of thousands of nodes
        assert asked["nodes"] <= 8_000, what
        for name in ("mu", "new", "tau"):
            median, low, high = getattr(found, name)[0]
            assert -math.inf < low < median < high < math.inf, (name, what)
        assert found.tau[0, 1] >= 0.0, what
        assert found.weights.sum() == pytest.approx(100.0, rel=1e-9), what
        assert np.isfinite(found.log_marginal[0]) == prior.proper, what
        if prior.upper is not None:
            assert found.tau[0, 2] <= prior.upper, what


@pytest.mark.parametrize("kind", ["plain", "variances over sixteen decades", "far from zero", "an outlier"])
def test_every_curve_and_tail_is_finite(kind):
    y, v = studies(kind, 5)
    used = np.ones(5, dtype=bool)
    for prior in PRIORS:
        what = (prior.name, prior.parameters)
        details = describe_posterior(y, v, used, prior, 0.95)
        curves = (details.density_mu, details.density_new, details.density_tau[:, :2])
        for numbers in (details.shrunken, *curves):
            assert np.isfinite(numbers).all(), what
        tails = posterior_tails(y, v, used, prior, 0.1)
        assert all(0.0 <= tail <= 1.0 for tail in tails), what


def log_prior(prior: Prior, tau: np.ndarray) -> np.ndarray:
    """Log of the density per unit of tau."""
    if prior.name == "half_normal":
        scale = Long(prior.parameters[0])
        return np.log(2.0 / (scale * np.sqrt(Long(2.0) * Long(math.pi)))) - (tau / scale) ** 2 / 2
    if prior.name == "half_cauchy":
        scale = Long(prior.parameters[0])
        return np.log(2.0 / (Long(math.pi) * scale)) - np.log1p((tau / scale) ** 2)
    if prior.name == "uniform":
        return np.full(tau.shape, -np.log(Long(prior.parameters[0])))
    mean, sd = (Long(number) for number in prior.parameters)
    z = (2.0 * np.log(tau) - mean) / sd
    return np.log(2.0 / (tau * sd * np.sqrt(Long(2.0) * Long(math.pi)))) - z * z / 2


def line_of(y: np.ndarray, v: np.ndarray, prior: Prior, tau: np.ndarray) -> tuple[np.ndarray, ...]:
    """Log of prior times likelihood with mu integrated at each tau, and mean and standard deviation of mu."""
    total, weighted = np.zeros_like(tau), np.zeros_like(tau)
    for effect, variance in zip(y, v, strict=True):
        w = 1 / (Long(variance) + tau * tau)
        total += w
        weighted += w * Long(effect)
    mean = weighted / total
    log = (np.log(2 * Long(math.pi)) - np.log(total)) / 2
    for effect, variance in zip(y, v, strict=True):
        spread = Long(variance) + tau * tau
        log -= (np.log(2 * Long(math.pi) * spread) + (Long(effect) - mean) ** 2 / spread) / 2
    return log + log_prior(prior, tau), mean, 1 / np.sqrt(total)


def allowed(row: np.ndarray) -> float:
    """The tolerance in probability of a median and its interval: a narrow one is told by few digits."""
    return LINE_TOL + 16.0 * float(np.spacing(np.abs(row).max()) / (row[2] - row[1]))


def panel_edges(median: float, low: float, high: float, upper: float | None) -> np.ndarray:
    """Ends of panels: fine around the interval, which they split at its own points, wide elsewhere."""
    width = high - low
    edges = [
        [0.0],
        np.geomspace(1e-8 * low, low, 60),
        np.maximum(low - width * np.linspace(0.0, 8.0, 65), 1e-8 * low),
        np.linspace(low, median, 9),
        np.linspace(median, high, 9),
        high + width * np.geomspace(0.01, 1e12, 160),
    ]
    every = np.unique(np.concatenate(edges))
    return every if upper is None else np.append(every[every < upper], upper)


CONFLICTS = {
    "a half-normal a thousandth of the spread": (SPREAD, EVEN, Prior("half_normal", (1e-3,))),
    "a half-normal a hundred-millionth of it": (SPREAD, EVEN * 1e-12, Prior("half_normal", (1e-8,))),
    "a half-normal a hundred million times it": (SPREAD, EVEN, Prior("half_normal", (1e8,))),
    "a uniform prior that ends far below": (SPREAD, EVEN * 1e-6, Prior("uniform", (1e-3,))),
    "a uniform prior that ends at a likely place": (SPREAD, EVEN, Prior("uniform", (0.9,))),
    "a narrow log-normal far below": (SPREAD, EVEN * 1e-12, Prior("log_normal", (-60.0, 0.01))),
    "a log-normal far above": (SPREAD, EVEN, Prior("log_normal", (40.0, 1.74))),
    "a half-Cauchy far below": (SPREAD, EVEN * 1e-6, Prior("half_cauchy", (1e-8,))),
    "a half-Cauchy so far below that two modes are left": (
        np.array([0.3, 0.9, -0.6, 1.4, 0.1]), EVEN[[3, 9, 12, 5, 18]], Prior("half_cauchy", (1e-8,))
    ),
    "far from zero": (SPREAD + 1e6, EVEN, Prior("half_normal", (0.01,))),
    "variances over ten decades": (
        SPREAD, 10.0 ** np.linspace(-8.0, 2.0, 20)[::-1], Prior("half_normal", (1e-6,))
    ),
}


@pytest.mark.parametrize("name", CONFLICTS)
def test_conflict_of_prior_and_data_against_a_line_of_extended_precision(name):
    y, v, prior = CONFLICTS[name]
    mask = np.ones((1, y.size), dtype=bool)
    found = integrate_posterior(y, v, mask, prior, 0.95)
    median, low, high = found.tau[0]
    tau, weight = panels(panel_edges(median, low, high, prior.upper))
    log, mean, sd = line_of(y, v, prior, tau.astype(Long))
    peak = log.max()
    share = np.exp(log - peak) * weight
    mass = share.sum()
    slack = allowed(found.tau[0])
    for value, probability in ((median, 0.5), (low, 0.025), (high, 0.975)):
        assert float(share[tau < value].sum() / mass) == pytest.approx(probability, abs=slack)
    share_of = (share / mass).astype(float)
    for row, spread in ((found.mu[0], sd), (found.new[0], np.sqrt(sd * sd + tau * tau))):
        for value, probability in zip(row, (0.5, 0.025, 0.975), strict=True):
            z = ((Long(value) - mean) / spread).astype(float)
            assert float((share_of * ndtr(z)).sum()) == pytest.approx(probability, abs=allowed(row))
    log_mass = float(peak + np.log(mass))
    assert found.log_marginal[0] == pytest.approx(log_mass, abs=MASS_TOL + 1e-14 * abs(log_mass))
    # the curve that is drawn is that density
    curve = describe_posterior(y, v, mask[0], prior, 0.95).density_tau
    drawn = curve[(curve[:, 0] >= low) & (curve[:, 0] <= high)]
    assert len(drawn) >= 5
    expected = np.exp(line_of(y, v, prior, drawn[:, 0].astype(Long))[0] - peak) / mass
    assert drawn[:, 1] == pytest.approx(expected.astype(float), rel=1e-6)


def test_whole_numbers_as_parameters_are_the_same_prior():
    y, v = studies("tiny variances", 5)
    mask = np.ones((1, 5), dtype=bool)
    for name in ("half_normal", "half_cauchy", "uniform"):
        whole, real = (integrate_posterior(y, v, mask, Prior(name, (n,)), 0.95) for n in (1, 1.0))
        assert np.array_equal(whole.tau, real.tau)


def test_an_extreme_prior_reaches_a_fit_without_a_word_of_trouble():
    y, v = studies("plain", 200)
    effects = EffectSizes.from_arrays(y, v, measure="OR")
    for name, numbers in (("half_normal", (1e-8,)), ("uniform", (1e-8,)), ("log_normal", (-60.0, 0.01))):
        fit = fit_model(effects, ModelSpec(model="bayes", prior=name, prior_parameters=numbers))
        assert (fit.status, fit.notes) == ("ok", ())
        # so small a tau leaves the weights of the common effect
        assert fit.weights == pytest.approx(100.0 / v / np.sum(1.0 / v), rel=1e-6)
