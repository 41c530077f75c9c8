"""The likelihood at held values of tau2 or of the mean, against a dense integral maximised by itself."""

from __future__ import annotations

import numpy as np
import pytest
from glmm_dense import dense_loglik
from scipy.optimize import minimize_scalar

from meta.kernels.glmm import fit_problem
from meta.kernels.glmm_problem import check_problem
from meta.kernels.glmm_profile import trace_profile

EVENTS = np.array([3.0, 10.0, 9.0, 20.0, 25.0, 0.0, 40.0])
SIZES = {
    "binomial": np.array([40.0, 60, 44, 70, 161, 30, 90]),
    "poisson": np.array([4.1, 6, 4.5, 7, 16, 3, 9]),
}


@pytest.mark.parametrize("of_tau", [True, False])
@pytest.mark.parametrize("family", ["binomial", "poisson"])
def test_each_held_value_has_the_likelihood_of_a_dense_integral(family: str, of_tau: bool) -> None:
    size, mask = SIZES[family], np.ones((1, 7), dtype=bool)
    problem = check_problem(family, EVENTS, size, mask, np.ones((7, 1)))
    batch = fit_problem(problem)
    mean = float(batch.beta[0, 0])
    values = np.array([0.01, 0.4, 2.0, 6.0]) if of_tau else mean + np.array([-1.5, -0.3, 0.0, 0.8])
    found = trace_profile(problem, batch, values, of_tau=of_tau)
    for value, height in zip(values, found, strict=True):

        def lost(other: float, value: float = value) -> float:
            mu, tau = (other, np.sqrt(value)) if of_tau else (value, other)
            return -dense_loglik(family, EVENTS, size, mu, tau)

        ends = (mean - 3.0, mean + 3.0) if of_tau else (0.0, 4.0)
        best = minimize_scalar(lost, bounds=ends, method="bounded", options={"xatol": 1e-9})
        # worst difference seen: 3e-12
        assert height == pytest.approx(-best.fun, abs=1e-9)


def test_the_trace_meets_the_fit_at_its_own_values_and_at_zero() -> None:
    problem = check_problem(
        "binomial", EVENTS, SIZES["binomial"], np.ones((1, 7), dtype=bool), np.ones((7, 1))
    )
    batch = fit_problem(problem)
    of_tau = trace_profile(problem, batch, np.array([batch.tau2[0], 0.0]), of_tau=True)
    assert of_tau == pytest.approx([batch.loglik[0], batch.common_loglik[0]], abs=1e-11)
    of_mean = trace_profile(problem, batch, batch.beta[0], of_tau=False)
    assert of_mean == pytest.approx([batch.loglik[0]], abs=1e-11)


def test_without_a_fit_there_is_no_trace() -> None:
    problem = check_problem(
        "binomial", np.zeros(3), np.full(3, 9.0), np.ones((1, 3), dtype=bool), np.ones((3, 1))
    )
    found = trace_profile(problem, fit_problem(problem), np.array([0.0, 0.5]), of_tau=True)
    assert np.isnan(found).all()
