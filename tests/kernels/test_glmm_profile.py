from __future__ import annotations

import numpy as np
import pytest
from glmm_dense import dense_loglik
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize, minimize_scalar
from scipy.special import chdtri

from meta.kernels.glmm import fit_glmm
from meta.kernels.glmm_problem import check_problem
from meta.kernels.glmm_profile import likelihood_ratios, profile_coefficients, profile_tau2
from meta.kernels.status import Status

CUT = 0.5 * float(chdtri(1, 0.05))

#: (family, events, size): an ordinary one, one at the boundary, one with a single study that has events.
SETS = {
    "mixed": ("binomial", [4, 9, 0, 22, 3, 31, 15, 6, 0, 48], [60, 44, 25, 80, 70, 90, 150, 30, 12, 110]),
    "zeros": ("binomial", [0, 1, 2, 0, 5, 3, 12, 0, 7, 1], [20, 35, 50, 15, 90, 40, 210, 10, 150, 33]),
    "sparse": ("poisson", [0, 3, 0], [120.2, 731.9, 149.9]),
    "rates": ("poisson", [8, 6, 0, 30], [1019.0, 916.0, 46.1, 700.0]),
}


def arguments(name: str) -> tuple[str, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    family, events, size = SETS[name]
    k = len(events)
    return (
        family,
        np.array(events, dtype=float),
        np.array(size, dtype=float),
        np.ones((1, k), dtype=bool),
        np.ones((k, 1)),
    )


def best_over_tau(family: str, events: np.ndarray, size: np.ndarray, mu: float) -> float:
    """Return the dense log-likelihood at ``mu``, tau at its best: a grid, then a search around it."""
    grid = np.concatenate([[0.0], np.geomspace(0.02, 40.0, 40)])
    values = [dense_loglik(family, events, size, mu, t) for t in grid]
    i = int(np.argmax(values))
    low, high = grid[max(i - 1, 0)], grid[min(i + 1, grid.size - 1)]
    found = minimize_scalar(
        lambda t: -dense_loglik(family, events, size, mu, t),
        bounds=(low, high),
        method="bounded",
        options={"xatol": 1e-7},
    )
    return float(max(-found.fun, values[i]))


def best_over_mu(family: str, events: np.ndarray, size: np.ndarray, tau: float, near: float) -> float:
    found = minimize_scalar(
        lambda m: -dense_loglik(family, events, size, m, tau),
        bracket=(near - 0.5, near),
        method="brent",
        tol=1e-10,
    )
    return float(-found.fun)


@pytest.mark.parametrize("name", list(SETS))
def test_bounds_lie_where_the_profile_has_lost_the_cut(name: str) -> None:
    given_data = arguments(name)
    family, events, size = given_data[:3]
    fit = fit_glmm(*given_data)
    low, high = profile_coefficients(check_problem(*given_data), fit, 0.95)
    assert low[0, 0] < fit.beta[0, 0] < high[0, 0]
    for bound in (low[0, 0], high[0, 0]):
        assert best_over_tau(family, events, size, bound) == pytest.approx(fit.loglik[0] - CUT, abs=1e-7)
    tau2_low, tau2_high = profile_tau2(check_problem(*given_data), fit, 0.95)
    at_high = best_over_mu(family, events, size, np.sqrt(tau2_high[0]), fit.beta[0, 0])
    assert at_high == pytest.approx(fit.loglik[0] - CUT, abs=1e-7)
    if tau2_low[0] == 0.0:
        assert fit.common_loglik[0] >= fit.loglik[0] - CUT
    else:
        at_low = best_over_mu(family, events, size, np.sqrt(tau2_low[0]), fit.beta[0, 0])
        assert at_low == pytest.approx(fit.loglik[0] - CUT, abs=1e-7)


@pytest.mark.parametrize("name", list(SETS))
def test_likelihood_ratio_against_zero(name: str) -> None:
    given_data = arguments(name)
    fit = fit_glmm(*given_data)
    ratio = likelihood_ratios(check_problem(*given_data), fit)[0, 0]
    null = best_over_tau(*given_data[:3], 0.0)
    assert ratio == pytest.approx(2.0 * (fit.loglik[0] - null), abs=1e-6)


def test_a_side_that_never_drops_is_infinite() -> None:
    """Single people: a mean below that of the data, and a larger tau, explain them as well."""
    events = np.array([1.0] + 19 * [0.0])
    k = events.size
    data = ("binomial", events, np.ones(k), np.ones((1, k), dtype=bool), np.ones((k, 1)))
    fit = fit_glmm(*data)
    low, high = profile_coefficients(check_problem(*data), fit, 0.95)
    assert low[0, 0] == -np.inf
    # upwards a mean of 50% or less is out of reach, and tau = 0 is best
    at_high = best_over_tau("binomial", events, np.ones(k), high[0, 0])
    assert at_high == pytest.approx(fit.loglik[0] - CUT, abs=1e-7)
    assert dense_loglik("binomial", events, np.ones(k), high[0, 0], 0.0) == pytest.approx(at_high, abs=1e-7)
    tau2_low, tau2_high = profile_tau2(check_problem(*data), fit, 0.95)
    assert tau2_low[0] == 0.0
    assert tau2_high[0] == np.inf


def test_bounds_of_each_coefficient() -> None:
    rng = np.random.default_rng(8)
    k = 12
    size = rng.integers(30, 200, k).astype(float)
    events = rng.binomial(size.astype(int), 0.2).astype(float)
    events[[2, 7]] = 0.0
    design = np.column_stack([np.ones(k), np.linspace(2000.0, 2022.0, k)])
    data = ("binomial", events, size, np.ones((1, k), dtype=bool), design)
    fit = fit_glmm(*data)
    low, high = profile_coefficients(check_problem(*data), fit, 0.95)
    middle = design - np.array([0.0, 2011.0])
    for bound in (low[0, 1], high[0, 1]):
        start = [fit.beta[0, 0] + 2011.0 * fit.beta[0, 1], 0.6]
        found = minimize(
            lambda x, b=bound: (
                -dense_loglik("binomial", events, size, middle @ np.array([x[0], b]), abs(x[1]))
            ),
            start,
            method="Nelder-Mead",
            options={"xatol": 1e-7, "fatol": 1e-12, "maxiter": 800},
        )
        assert -found.fun == pytest.approx(fit.loglik[0] - CUT, abs=1e-7)
    ratios = likelihood_ratios(check_problem(*data), fit)
    alone = fit_glmm(*data[:4], design[:, :1])
    assert ratios[0, 1] == pytest.approx(2.0 * (fit.loglik[0] - alone.loglik[0]), abs=1e-8)


@settings(deadline=None, max_examples=25, derandomize=True)
@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(1, 60)), min_size=3, max_size=9),
    st.floats(0.5, 0.9),
    st.sampled_from(["binomial", "poisson"]),
)
def test_a_wider_level_gives_wider_bounds(counts: list[tuple[int, int]], level: float, family: str) -> None:
    events = np.array([float(a) for a, _ in counts])
    size = np.array([float(a + b) for a, b in counts])
    k = events.size
    data = (family, events, size, np.ones((1, k), dtype=bool), np.ones((k, 1)))
    fit = fit_glmm(*data)
    if fit.status[0] not in (Status.OK, Status.BOUNDARY, Status.SEVERAL_MAXIMA):
        return
    narrow, wide = (
        profile_coefficients(check_problem(*data), fit, level),
        profile_coefficients(check_problem(*data), fit, level + 0.09),
    )
    assert wide[0][0, 0] <= narrow[0][0, 0] < fit.beta[0, 0] < narrow[1][0, 0] <= wide[1][0, 0]
    narrow2, wide2 = (
        profile_tau2(check_problem(*data), fit, level),
        profile_tau2(check_problem(*data), fit, level + 0.09),
    )
    assert wide2[0][0] <= narrow2[0][0] <= fit.tau2[0] <= narrow2[1][0] <= wide2[1][0]
