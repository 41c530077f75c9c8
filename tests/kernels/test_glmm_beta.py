"""The beta-binomial: its product form against log-gammas and dense integration; the binomial at its end."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import betaln, expit, gammaln, logsumexp

from meta.kernels.glmm import GlmmBatch, fit_problem
from meta.kernels.glmm_beta import EXACT_TERMS, beta_binomial_problem, rho_from_phi, sum_logs
from meta.kernels.glmm_problem import Problem, check_problem
from meta.kernels.glmm_profile import profile_coefficients, profile_tau2
from meta.kernels.status import Status

FITTED = (Status.OK, Status.BOUNDARY, Status.SEVERAL_MAXIMA)


def by_log_gamma(x: np.ndarray, n: np.ndarray, p: float, phi: float) -> float:
    """Return the log-likelihood by beta functions, good where phi is not small."""
    a, b = p / phi, (1.0 - p) / phi
    choose = gammaln(n + 1.0) - gammaln(x + 1.0) - gammaln(n - x + 1.0)
    return float(np.sum(choose + betaln(x + a, n - x + b) - betaln(a, b)))


def by_integration(x: float, n: float, p: float, phi: float) -> float:
    """Return the log-probability of one study by a sum over the logit of its own proportion."""
    logit = np.linspace(-60.0, 60.0, 24001)
    a, b = p / phi, (1.0 - p) / phi
    logs = (x + a) * -np.logaddexp(0.0, -logit) + (n - x + b) * -np.logaddexp(0.0, logit) - betaln(a, b)
    choose = gammaln(n + 1.0) - gammaln(x + 1.0) - gammaln(n - x + 1.0)
    return float(choose + logsumexp(logs) + np.log(logit[1] - logit[0]))


def fit(events: np.ndarray, n: np.ndarray, mask: np.ndarray | None = None) -> tuple[Problem, GlmmBatch]:
    used = np.ones((1, np.shape(events)[-1]), dtype=bool) if mask is None else mask
    design = np.ones((used.shape[1], 1))
    problem = beta_binomial_problem(check_problem("binomial", events, n, used, design))
    return problem, fit_problem(problem)


def draw(rng: np.random.Generator, k: int, most: float) -> tuple[np.ndarray, np.ndarray]:
    n = np.round(np.exp(rng.uniform(np.log(5.0), np.log(most), k)))
    share, phi = rng.uniform(0.02, 0.5), rng.choice([0.001, 0.02, 0.3])
    return rng.binomial(n.astype(int), rng.beta(share / phi, (1.0 - share) / phi, k)).astype(float), n


@pytest.mark.parametrize("m", [1.0, 7.0, EXACT_TERMS - 1.0, EXACT_TERMS, EXACT_TERMS + 1.0, 5e3, 4e5])
@pytest.mark.parametrize(("p", "phi"), [(0.2, 0.0), (1e-5, 1e-4), (0.3, 0.02), (0.9, 40.0)])
def test_sums_of_logarithms_and_their_derivatives(m: float, p: float, phi: float) -> None:
    found = sum_logs(np.array([m]), np.array([p]), np.array([phi]))
    j = np.arange(m)
    base = p + j * phi
    plain = (
        np.log(base), 1.0 / base, j / base, -1.0 / base**2, -j / base**2, -((j / base) ** 2),
    )  # fmt: skip
    for ours, terms in zip((found.log, found.p, found.f, found.pp, found.pf, found.ff), plain, strict=True):
        np.testing.assert_allclose(ours[0], np.sum(terms), rtol=1e-11)


def test_likelihood_by_log_gammas_and_by_integration_and_nothing_higher_nearby() -> None:
    rng = np.random.default_rng(5)
    checked = 0
    for _ in range(40):
        x, n = draw(rng, int(rng.integers(3, 20)), 400.0)
        _, batch = fit(x, n)
        if batch.status[0] not in (Status.OK, Status.SEVERAL_MAXIMA) or batch.tau2[0] < 1e-4:
            continue
        checked += 1
        p, phi, here = float(expit(batch.beta[0, 0])), float(batch.tau2[0]), batch.loglik[0]
        # worst seen 2e-9: the log-gammas' own rounding
        assert abs(by_log_gamma(x, n, p, phi) - here) < 1e-7
        # below, the tail of a beta density outlasts the sum
        if p / phi > 0.7:
            whole = sum(by_integration(a, b, p, phi) for a, b in zip(x, n, strict=True))
            assert abs(whole - here) < 1e-7
        for move in (-0.2, 0.0, 0.2):
            for times in (0.3, 0.8, 1.0, 1.25, 3.0, 10.0):
                there = by_log_gamma(x, n, float(expit(batch.beta[0, 0] + move)), phi * times)
                assert there <= here + 1e-7
    assert checked > 20


def test_rho_to_zero_is_the_binomial() -> None:
    x, n = np.array([3.0, 7.0, 2.0, 11.0]), np.array([31.0, 64.0, 22.0, 105.0])
    problem, batch = fit(x, n)
    assert batch.status[0] == Status.BOUNDARY
    assert batch.tau2[0] == 0.0
    share = x.sum() / n.sum()
    np.testing.assert_allclose(batch.beta[0, 0], np.log(share / (1.0 - share)), rtol=1e-13)
    np.testing.assert_allclose(
        np.sqrt(batch.covariance[0, 0, 0]), (n.sum() * share * (1 - share)) ** -0.5, rtol=1e-10
    )
    choose = gammaln(n + 1.0) - gammaln(x + 1.0) - gammaln(n - x + 1.0)
    binomial = np.sum(choose + x * np.log(share) + (n - x) * np.log1p(-share))
    np.testing.assert_allclose(batch.loglik[0], binomial, rtol=0, atol=1e-12)
    # on the way there nothing jumps: phi over ten decades, where log-gammas would have lost all digits
    before = batch.loglik[0]
    for phi in (1e-14, 1e-12, 1e-10, 1e-8, 1e-6):
        held = fit_problem(problem, phi).loglik[0]
        assert before - 1e3 * phi - 1e-12 <= held <= before + 1e-12
    low, high = profile_tau2(problem, batch, 0.95)
    assert low[0] == 0.0
    lost = batch.loglik[0] - fit_problem(problem, float(high[0])).loglik[0]
    np.testing.assert_allclose(2.0 * lost, 3.841458820694124, rtol=1e-6)


def test_bounds_lose_half_the_quantile() -> None:
    x = np.array([2.0, 0.0, 14.0, 30.0, 5.0, 9.0])
    n = np.array([40.0, 25.0, 80.0, 90.0, 12.0, 150.0])
    problem, batch = fit(x, n)
    assert batch.status[0] == Status.OK
    for bound in profile_tau2(problem, batch, 0.9):
        lost = batch.loglik[0] - fit_problem(problem, float(bound[0])).loglik[0]
        np.testing.assert_allclose(2.0 * lost, 2.705543454095414, rtol=1e-6)
    low, high = profile_coefficients(problem, batch, 0.9)
    for bound in (low[0, 0], high[0, 0]):
        best = max(by_log_gamma(x, n, float(expit(bound)), phi) for phi in np.geomspace(1e-3, 3.0, 4001))
        np.testing.assert_allclose(2.0 * (batch.loglik[0] - best), 2.705543454095414, rtol=1e-4)


def test_statuses_and_rows_that_do_not_depend_on_their_batch() -> None:
    rng = np.random.default_rng(9)
    k, rows = 8, 60
    events, n = np.zeros((rows, k)), np.ones((rows, k))
    for i in range(rows):
        events[i], n[i] = draw(rng, k, 200.0)
        events[i, rng.random(k) < 0.4] = 0.0
    mask = rng.random((rows, k)) < 0.8
    mask[:, 0] = True
    events[0], events[1] = 0.0, n[1]
    events[2] = np.where(np.arange(k) % 2 == 0, 0.0, n[2])
    mask[2] = True
    _, batch = fit(events, n, mask)
    assert batch.status[0] == batch.status[1] == Status.ONE_SIDED
    assert batch.status[2] == Status.NOT_ESTIMABLE
    fitted = np.isin(batch.status, FITTED)
    assert fitted.sum() > 45
    assert not np.isnan(batch.loglik[fitted]).any()
    for i in np.flatnonzero(fitted)[:4]:
        _, alone = fit(events[i][mask[i]], n[i][mask[i]])
        assert alone.beta[0, 0] == batch.beta[i, 0]
        assert alone.tau2[0] == batch.tau2[i]
        assert alone.loglik[0] == batch.loglik[i]


def test_rho_is_the_correlation() -> None:
    assert rho_from_phi(np.array([0.0, 1.0, np.inf, 0.25])).tolist() == [0.0, 0.5, 1.0, 0.2]
