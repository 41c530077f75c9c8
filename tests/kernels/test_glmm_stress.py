"""1,400 random count data sets: never an exception, always a status, and the numbers hold where looked at."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from glmm_dense import dense_loglik
from glmm_sets import MOST_STUDIES, Sets, draw_sets, grid_loglik
from scipy.optimize import linprog
from scipy.special import expit

from meta.kernels.glmm import fit_glmm
from meta.kernels.status import Status
from meta.models.glmm import infer_glmm
from meta.models.rows import FittedRows
from meta.options import ModelSpec

#: Data sets of each family, and how many of them an independent integration checks.
SETS = 700
CHECKED = 100
#: ... and how many a fine grid of parameters.
GRIDS = 10
FITTED = (Status.OK, Status.BOUNDARY, Status.SEVERAL_MAXIMA)


@functools.cache
def draw_and_fit(family: str) -> tuple[Sets, FittedRows]:
    """Draw the data sets of a family and fit them all at once."""
    sets = draw_sets(family, SETS, 20261 if family == "binomial" else 20262)
    spec = ModelSpec(model=f"{family}_normal")
    return sets, infer_glmm(sets.events, sets.size, sets.mask, np.ones((MOST_STUDIES, 1)), spec, True)


@pytest.mark.parametrize("family", ["binomial", "poisson"])
def test_every_set_has_a_status_and_every_fit_its_numbers(family: str) -> None:
    sets, rows = draw_and_fit(family)
    fitted = np.isin(rows.status, FITTED)
    none = sets.events.sum(axis=1) == 0.0
    assert np.array_equal(rows.status == Status.ONE_SIDED, none)
    # all but those without any event could be fitted
    assert np.array_equal(fitted, ~none)
    assert (rows.status == Status.BOUNDARY).sum() > 50
    one = {"value": rows.value, "se": rows.se, "low": rows.low, "high": rows.high, "p_value": rows.p_value}
    for name, array in one.items():
        assert not np.isnan(array[fitted]).any(), name
        assert np.isnan(array[none]).all(), name
    for name in (
        "tau2",
        "tau2_low",
        "tau2_high",
        "population_value",
        "population_low",
        "q",
        "q_p",
        "i2",
        "loglik",
    ):
        array = getattr(rows, name)
        assert not np.isnan(array[fitted]).any(), name
        assert np.isnan(array[none]).all(), name
    value = rows.value[fitted, 0]
    assert (rows.low[fitted, 0] < value).all()
    assert (rows.high[fitted, 0] > value).all()
    assert (rows.tau2_low[fitted] <= rows.tau2[fitted]).all()
    assert (rows.tau2_high[fitted] > rows.tau2[fitted]).all()
    assert (rows.one_sided_low[none] == 0.0).all()
    assert (rows.one_sided_high[none] > 0.0).all()


@pytest.mark.parametrize("family", ["binomial", "poisson"])
def test_likelihood_against_dense_integration_and_nothing_higher_nearby(family: str) -> None:
    sets, rows = draw_and_fit(family)
    fitted = np.flatnonzero(np.isin(rows.status, FITTED))[:CHECKED]
    assert fitted.size == CHECKED
    worst = 0.0
    for i in fitted:
        data = (family, *sets.used(i))
        mu, tau, se = rows.value[i, 0], float(np.sqrt(rows.tau2[i])), rows.se[i, 0]
        dense = dense_loglik(*data, mu, tau)
        worst = max(worst, abs(dense - rows.loglik[i]))
        for d_mu, d_tau in ((0.1, 0.0), (-0.1, 0.0), (0.0, 0.1), (0.0, -0.1), (0.3, 0.5), (-0.3, -0.5)):
            there = abs(tau + d_tau * max(tau, 0.1))
            assert dense_loglik(*data, mu + d_mu * se, there) <= dense + 1e-9, (i, d_mu, d_tau)
    # worst seen 3e-10
    assert worst < 1e-9


@pytest.mark.parametrize("family", ["binomial", "poisson"])
def test_no_other_tau_does_better(family: str) -> None:
    """For a given tau the mean is a concave problem: a grid of tau would show a maximum that was missed."""
    sets, rows = draw_and_fit(family)
    some = np.flatnonzero(np.isin(rows.status, FITTED))[:400]
    events, size, mask = sets.events[some], sets.size[some], sets.mask[some]
    for tau in (0.03, 0.08, 0.2, 0.45, 0.8, 1.3, 2.2, 4.0, 9.0):
        held = fit_glmm(family, events, size, mask, np.ones((MOST_STUDIES, 1)), tau2=tau * tau)
        assert (held.loglik <= rows.loglik[some] + 1e-8).all(), tau


@pytest.mark.parametrize("family", ["binomial", "poisson"])
def test_no_point_of_a_fine_grid_is_higher(family: str) -> None:
    """A slice of the 10,000 sets of test_glmm_grid."""
    sets, rows = draw_and_fit(family)
    for i in np.flatnonzero(np.isin(rows.status, FITTED))[:GRIDS]:
        own, best = grid_loglik(
            family, *sets.used(i), rows.value[i, 0], rows.se[i, 0], float(np.sqrt(rows.tau2[i]))
        )
        # worst seen over all 10,000: see test_glmm_grid
        assert best <= rows.loglik[i] + 1e-8, i
        assert abs(own - rows.loglik[i]) <= 1e-8, i


def is_separated(family: str, events: np.ndarray, size: np.ndarray, design: np.ndarray) -> bool:
    """Say by linear programming whether some direction lowers zeros and raises full counts for ever."""
    zero, full = events == 0.0, (events == size) & (family == "binomial")
    inner = ~zero & ~full
    bounded = np.vstack([design[zero], -design[full]])
    found = linprog(
        bounded.sum(axis=0),
        A_ub=bounded,
        b_ub=np.zeros(len(bounded)),
        A_eq=design[inner] if inner.any() else None,
        b_eq=np.zeros(inner.sum()) if inner.any() else None,
        bounds=[(-1.0, 1.0)] * design.shape[1],
    )
    return bool(found.fun < -1e-9)


@pytest.mark.parametrize("family", ["binomial", "poisson"])
def test_moderators_fit_unless_a_coefficient_runs_away(family: str) -> None:
    rng = np.random.default_rng(77)
    sets, k = 120, 14
    size = np.round(np.exp(rng.uniform(np.log(5.0), np.log(500.0), (sets, k))))
    eta = rng.normal(-2.0, 1.0, (sets, k))
    if family == "binomial":
        events = rng.binomial(size.astype(int), expit(eta)).astype(float)
    else:
        events = rng.poisson(size * np.exp(eta)).astype(float)
    events[rng.random((sets, k)) < 0.35] = 0.0
    mask = rng.random((sets, k)) < 0.75
    design = np.column_stack([np.ones(k), np.linspace(-1.0, 1.0, k), np.arange(k) % 3 == 0]).astype(float)
    spec = ModelSpec(model=f"{family}_normal", moderators="~ year + group", tau2_ci=None)
    rows = infer_glmm(events, size, mask, design, spec, False)
    separated = np.array(
        [is_separated(family, e[m], n[m], design[m]) for e, n, m in zip(events, size, mask, strict=True)]
    )
    assert 3 < separated.sum() < 60
    assert np.array_equal(rows.status == Status.NOT_ESTIMABLE, separated)
    fitted = np.isin(rows.status, FITTED)
    assert np.array_equal(fitted, ~separated)
    assert (rows.low[fitted] < rows.value[fitted]).all()
    assert (rows.value[fitted] < rows.high[fitted]).all()
    assert (rows.p_value[fitted] >= 0.0).all()
    assert (rows.test_p[fitted] >= 0.0).all()


@pytest.mark.parametrize("family", ["binomial", "poisson"])
def test_one_to_three_people_and_millions(family: str) -> None:
    rng = np.random.default_rng(78)
    sets, k = 100, 10
    few = rng.integers(1, 4, (sets, k)).astype(float)
    many = np.round(np.exp(rng.uniform(np.log(1e3), np.log(5e6), (sets, k))))
    share = expit(rng.normal(-7.0, rng.choice([0.01, 0.1, 1.0], (sets, 1)), (sets, k)))
    for size, chance in ((few, 0.3), (many, share)):
        if family == "binomial":
            events = rng.binomial(size.astype(np.int64), chance).astype(float)
        else:
            events = rng.poisson(size * chance).astype(float)
        spec = ModelSpec(model=f"{family}_normal")
        rows = infer_glmm(events, size, np.ones((sets, k), dtype=bool), np.ones((k, 1)), spec, True)
        all_or_nothing = ((events == 0.0) | (events == size)).all(axis=1) & (size > 1.0).any(axis=1)
        runs_away = all_or_nothing & (events.sum(axis=1) > 0.0) & (family == "binomial")
        assert np.array_equal(rows.status == Status.NOT_ESTIMABLE, runs_away)
        fitted = np.isin(rows.status, FITTED)
        assert (rows.low[fitted] < rows.value[fitted]).all()
        assert (rows.value[fitted] < rows.high[fitted]).all()
        assert (rows.tau2_low[fitted] <= rows.tau2[fitted]).all()
        assert (rows.tau2[fitted] < rows.tau2_high[fitted]).all()
