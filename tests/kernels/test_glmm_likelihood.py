from __future__ import annotations

import numpy as np
import pytest
from glmm_dense import dense_loglik
from scipy import stats

from meta.kernels.glmm_cells import Cells, build_cells, saturated_loglik
from meta.kernels.glmm_likelihood import evaluate, evaluate_common, raise_levels
from meta.kernels.quadrature import LADDER, Rule

EVENTS = [4, 9, 0, 22, 3, 31, 15, 6, 0, 48]
SIZE = [60, 44, 25, 80, 70, 90, 150, 30, 12, 110]


def lay_out(family: str, events: list[float], size: list[float], rules: tuple[Rule, ...] = LADDER) -> Cells:
    e, n = np.array(events, dtype=float)[None, :], np.array(size, dtype=float)[None, :]
    return build_cells(
        family == "binomial", e, n, np.ones(e.shape, dtype=bool), np.ones((1, *e.shape)), rules
    )


def settled(cells: Cells, mu: float, tau: float) -> float:
    theta = np.array([[mu], [tau]])
    raise_levels(cells, theta)
    return float(evaluate(cells, theta).loglik[0])


@pytest.mark.parametrize(
    ("family", "events", "size", "mu", "tau"),
    [
        ("binomial", 0, 500, -6.0, 5.0),
        ("binomial", 500, 500, 6.0, 5.0),
        ("binomial", 0, 500, -20.0, 30.0),
        ("binomial", 3, 500, -20.0, 30.0),
        ("binomial", 0, 5, 3.0, 0.05),
        ("binomial", 0, 1, 0.3, 4.0),
        ("binomial", 500_000, 1_000_000, 0.0, 0.01),
        ("binomial", 312, 1_000_000, -8.0, 0.3),
        ("poisson", 0, 500, -6.0, 5.0),
        ("poisson", 0, 1.5, -20.0, 30.0),
        ("poisson", 3, 500, -20.0, 30.0),
        ("poisson", 129, 7, -8.0, 4.9),
        ("poisson", 500, 1_000_000, -7.0, 0.01),
    ],
)
def test_one_study_against_dense_integration(
    family: str, events: int, size: float, mu: float, tau: float
) -> None:
    cells = lay_out(family, [events], [size])
    dense = dense_loglik(family, np.array([events]), np.array([size]), mu, tau)
    # the constant of a million people carries the rounding of log-gammas in the dense sum, not in the
    # kernel
    assert settled(cells, mu, tau) == pytest.approx(dense, abs=2e-9 if size > 1e5 else 1e-10)


def test_few_nodes_would_not_do() -> None:
    """0 of 500 at mu -6, tau 5: 15 nodes miss, and panels take over."""
    exact = settled(lay_out("binomial", [0], [500]), -6.0, 5.0)
    few = settled(lay_out("binomial", [0], [500], (Rule("hermite", 15),)), -6.0, 5.0)
    assert abs(few - exact) > 1e-3
    cells = lay_out("binomial", [0], [500])
    settled(cells, -6.0, 5.0)
    assert LADDER[int(cells.level[0])].kind == "panels"


@pytest.mark.parametrize("family", ["binomial", "poisson"])
@pytest.mark.parametrize("nodes", [None, 1, 2, 7])
@pytest.mark.parametrize("point", [(-1.9, 1.07), (-3.0, 2.5), (-1.0, 0.3)])
def test_derivatives_are_those_of_the_value(
    family: str, nodes: int | None, point: tuple[float, float]
) -> None:
    rules = LADDER if nodes is None else (Rule("hermite", nodes),)
    cells = lay_out(family, list(EVENTS), list(SIZE), rules)
    theta = np.array(point)[:, None]
    raise_levels(cells, theta)
    value = evaluate(cells, theta)
    step = 1e-4
    for i in range(2):
        ahead, behind = theta.copy(), theta.copy()
        ahead[i] += step
        behind[i] -= step
        up, down = evaluate(cells, ahead), evaluate(cells, behind)
        slope = (up.loglik - down.loglik) / (2.0 * step)
        np.testing.assert_allclose(value.gradient[i], slope, rtol=1e-6, atol=1e-6)
        bend = (up.gradient - down.gradient) / (2.0 * step)
        np.testing.assert_allclose(value.hessian[i], bend, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("family", ["binomial", "poisson"])
def test_at_zero_spread_the_integral_is_the_plain_likelihood(family: str) -> None:
    cells = lay_out(family, list(EVENTS), list(SIZE))
    theta = np.array([[-1.7], [0.0]])
    plain, integral = evaluate_common(cells, theta), evaluate(cells, theta)
    rate = np.exp(-1.7)
    if family == "binomial":
        exact = stats.binom.logpmf(EVENTS, SIZE, rate / (1.0 + rate)).sum()
    else:
        exact = stats.poisson.logpmf(EVENTS, np.array(SIZE) * rate).sum()
    assert plain.loglik[0] == pytest.approx(exact, abs=1e-11)
    np.testing.assert_allclose(integral.loglik, plain.loglik, rtol=1e-13)
    np.testing.assert_allclose(integral.hessian, plain.hessian, rtol=1e-10, atol=1e-10)
    assert integral.gradient[1, 0] == 0.0


def test_saturated_constants_keep_their_digits() -> None:
    e = np.array([0.0, 1.0, 7.0, 250.0, 3.0, 499_999.0, 12.0])
    n = np.array([9.0, 1.0, 20.0, 500.0, 1e6, 1e6, 12.0])
    p = e / n
    np.testing.assert_allclose(
        saturated_loglik(True, e, n), stats.binom.logpmf(e, n, p), rtol=1e-9, atol=1e-12
    )
    np.testing.assert_allclose(
        saturated_loglik(False, e, n), np.where(e > 0, stats.poisson.logpmf(e, e), 0.0), rtol=1e-9, atol=1e-12
    )
