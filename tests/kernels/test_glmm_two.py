"""GLMMs of two groups: random data sets, independent likelihoods, and what holds for every row of a batch."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from pair_sets import dense_conditional, dense_fixed, dense_random, draw_pairs, informative, one_set
from scipy.stats import nchypergeom_fisher

from meta.errors import ModelError
from meta.kernels.glmm import fit_problem
from meta.kernels.glmm_tables import build_tables, exact_interval, lower_tail, moments_at
from meta.kernels.glmm_two import MODELS, TwoGroups, build_problem, check_two_groups
from meta.kernels.status import Status
from meta.models.glmm_pairs import infer_pairs
from meta.models.rows import FittedRows
from meta.options import ModelSpec

FITTED = (Status.OK, Status.BOUNDARY, Status.SEVERAL_MAXIMA)
#: Random data sets of each family, and of those with random levels, whose integrals are two-dimensional.
SETS, RANDOM_SETS = 50, 4
#: Log-likelihoods against dense sums: worst seen 2e-9.
LOGLIK = 1e-8
CASES = [(m, f) for f in ("binomial", "poisson") for m in MODELS if (m, f) != (MODELS[3], "poisson")]


#: Events and people of group 1, then of group 2, of a data set on which a search once went wrong.
CYCLED = (
    "21 3 1 0 1 64 2 0 31 3 0 43 19 1 5 37 4 3 12 22 0 14 41 1 2 1 1 1",
    "146 21 32 26 14 287 69 25 222 19 11 90 130 8 73 101 40 90 38 202 14 100 177 13 48 7 22 17",
    "1 0 0 36 1 0 0 55 0 2 1 0 1 0 0 0 0 0 1 4 35 3 5 0 0 1 0 3",
    "66 23 273 127 10 25 59 211 155 461 24 184 14 52 19 34 5 31 10 8 420 10 31 67 194 46 49 68",
)


@functools.cache
def fit_sets(model: str, family: str) -> tuple[TwoGroups, FittedRows]:
    random = model == "unconditional_random"
    data = draw_pairs(family, RANDOM_SETS if random else SETS, 71, 12 if random else 30)
    data = data if random else informative(data)
    return data, infer_pairs(data, ModelSpec(model=model), True)


@pytest.mark.parametrize(("model", "family"), CASES)
def test_every_set_has_a_status_and_every_fit_its_numbers(model: str, family: str) -> None:
    data, rows = fit_sets(model, family)
    assert not (rows.status == Status.NOT_CONVERGED).any()
    fitted = np.isin(rows.status, FITTED)
    assert fitted.sum() >= 0.75 * fitted.size
    for name in ("value", "se", "low", "high", "p_value", "tau2", "tau2_low", "tau2_high", "q", "loglik"):
        array = getattr(rows, name)
        assert not np.isnan(array[fitted]).any(), name
    value = rows.value[fitted, 0]
    assert (rows.low[fitted, 0] < value).all()
    assert (value < rows.high[fitted, 0]).all()
    assert (rows.tau2_low[fitted] <= rows.tau2[fitted]).all()
    assert (rows.tau2[fitted] < rows.tau2_high[fitted]).all()
    assert (rows.q[fitted] >= 0.0).all()
    assert (data.mask.sum(axis=1) == rows.k).all()


@pytest.mark.parametrize(("model", "family"), CASES)
def test_a_row_does_not_depend_on_its_batch(model: str, family: str) -> None:
    data, rows = fit_sets(model, family)
    for i in np.flatnonzero(np.isin(rows.status, FITTED))[: 1 if model == "unconditional_random" else 3]:
        alone = infer_pairs(one_set(data, int(i)), ModelSpec(model=model), True)
        for name in ("value", "se", "low", "high", "tau2", "tau2_low", "tau2_high", "q", "loglik", "p_value"):
            assert np.array_equal(getattr(alone, name)[0], getattr(rows, name)[i]), name


@pytest.mark.parametrize("family", ["binomial", "poisson"])
@pytest.mark.parametrize("model", ["unconditional_fixed", "conditional_exact"])
def test_likelihood_by_dense_sums_and_nothing_higher_on_a_grid(model: str, family: str) -> None:
    data, rows = fit_sets(model, family)
    dense = dense_fixed if model == "unconditional_fixed" else dense_conditional
    few = np.flatnonzero(np.isin(rows.status, FITTED) & (rows.k < 10))[:3]
    assert few.size == 3
    for i in few:
        alone = one_set(data, int(i))
        mu, tau, se = rows.value[i, 0], float(np.sqrt(rows.tau2[i])), rows.se[i, 0]
        assert abs(dense(alone, mu, tau) - rows.loglik[i]) < LOGLIK
        for place in (0.0, 0.6 * tau, 1.1 * tau, 0.4, 1.5, 4.0):
            for move in (-1.0, 0.0, 1.0):
                here = mu + move * (se + 0.2 * place)
                assert dense(alone, here, place) <= rows.loglik[i] + LOGLIK, (i, place, move)


@pytest.mark.parametrize("family", ["binomial", "poisson"])
def test_random_levels_by_sums_over_a_square(family: str) -> None:
    data = informative(draw_pairs(family, 6, 72, 6))
    rows = infer_pairs(data, ModelSpec(model="unconditional_random", tau2_ci=None), True)
    problem = build_problem("unconditional_random", data)
    batch = fit_problem(problem)
    fitted = np.flatnonzero(np.isin(rows.status, FITTED))[:3]
    assert fitted.size == 3
    for i in fitted:
        alone = one_set(data, int(i))
        best = np.array(
            [rows.value[i, 0], batch.further[i, 0], abs(batch.further[i, 1]), np.sqrt(rows.tau2[i])]
        )
        assert abs(dense_random(alone, *best) - rows.loglik[i]) < LOGLIK
        for step in (*(0.1 * np.eye(4)), *(-0.1 * np.eye(4)), np.array([0.2, 0.1, 0.3, 0.3])):
            there = np.abs(best + step) * [np.sign(best[0] + step[0]), np.sign(best[1] + step[1]), 1.0, 1.0]
            assert dense_random(alone, *there) <= rows.loglik[i] + LOGLIK


def test_a_level_search_does_not_cycle_between_the_ends_of_its_bracket() -> None:
    """A shortened step landed on an end of the bracket, and back: the likelihood came out 8 too high."""
    counts = tuple(np.array(text.split(), dtype=float) for text in CYCLED)
    data = check_two_groups("binomial", counts, np.ones((1, 28), dtype=bool), np.ones((28, 1)))
    rows = infer_pairs(data, ModelSpec(model="unconditional_fixed", tau2_ci=None, ci_method="Wald"), True)
    assert rows.status[0] == Status.OK
    dense = dense_fixed(data, rows.value[0, 0], float(np.sqrt(rows.tau2[0])))
    assert abs(dense - rows.loglik[0]) < LOGLIK


def swap(data: TwoGroups) -> TwoGroups:
    family = "binomial" if data.binomial else "poisson"
    counts = (data.events2, data.size2, data.events1, data.size1)
    return check_two_groups(family, counts, data.mask, data.design)


@pytest.mark.parametrize(("model", "family"), CASES)
def test_swapping_the_groups_turns_the_ratio_round(model: str, family: str) -> None:
    data, rows = fit_sets(model, family)
    spec = ModelSpec(model=model, ci_method="Wald", tau2_ci=None)
    turned = infer_pairs(swap(data), spec, True)
    fitted = np.isin(rows.status, FITTED)
    assert np.array_equal(turned.status, rows.status)
    np.testing.assert_allclose(turned.value[fitted], -rows.value[fitted], rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(turned.tau2[fitted], rows.tau2[fitted], rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(turned.loglik[fitted], rows.loglik[fitted], rtol=0, atol=1e-8)


def test_tables_are_those_of_the_noncentral_hypergeometric() -> None:
    tables = build_tables(
        *(np.array(c, dtype=float) for c in ([3, 40, 0], [20, 90, 9], [8, 21, 4], [25, 70, 11]))
    )
    eta = np.array([[-1.2, 0.3, 0.9]])
    found = moments_at(tables, np.arange(3), eta)
    for i, (x, n1, y, n2) in enumerate(((3, 20, 8, 25), (40, 90, 21, 70), (0, 9, 4, 11))):
        law = nchypergeom_fisher(n1 + n2, n1, x + y, np.exp(eta[0, i]))
        np.testing.assert_allclose(-found.log[0, i], law.logpmf(x), rtol=1e-9)
        np.testing.assert_allclose(found.mean[0, i] + x, law.mean(), rtol=1e-9)
        np.testing.assert_allclose(found.variance[0, i], law.var(), rtol=1e-8)
    assert tables.own[2] == -np.inf
    np.testing.assert_allclose(moments_at(tables, np.arange(2), tables.own[None, :2]).mean, 0.0, atol=1e-10)
    low, high = exact_interval(tables, np.arange(3), 0.9)
    np.testing.assert_allclose(lower_tail(tables, np.arange(3), high)[0], 0.05, rtol=1e-9)
    np.testing.assert_allclose(lower_tail(tables, np.arange(2), low[:2])[1], 0.05, rtol=1e-9)
    assert low[2] == -np.inf


def test_large_tables_keep_their_digits() -> None:
    """Sums of ratios hold what differences of log-factorials of 90,000 lose."""
    tables = build_tables(np.array([180.0]), np.array([88391.0]), np.array([372.0]), np.array([88391.0]))
    # conditional maximum against the odds ratio of so large a table
    assert abs(tables.own[0] - np.log(180 / 88211 * 88019 / 372)) < 2e-3
    assert abs(moments_at(tables, np.array([0]), tables.own[None]).mean[0, 0]) < 1e-9


def test_errors_name_what_is_wrong() -> None:
    good = ([1, 2], [10, 10], [2, 3], [10, 10])
    used, ones = np.ones((1, 2), dtype=bool), np.ones((2, 1))
    with pytest.raises(ModelError, match="study 2 with counts 12, 10, 3, 10; events must be whole numbers"):
        check_two_groups("binomial", ([1, 12], *good[1:]), used, ones)
    with pytest.raises(ModelError, match=r"events >= 0, person-time > 0"):
        check_two_groups("poisson", ([1, 2], [10, 0], *good[2:]), used, ones)
    with pytest.raises(ModelError, match=r"design must have shape \(k, p\) with k = 2"):
        check_two_groups("binomial", good, used, np.ones(2))
    with pytest.raises(ModelError, match="counts must have shape"):
        check_two_groups("binomial", ([1, 2, 3], *good[1:]), used, ones)
    with pytest.raises(ModelError, match="design row 2 is not finite"):
        check_two_groups("binomial", good, used, np.array([[1.0], [np.nan]]))
    data = check_two_groups("poisson", good, used, ones)
    with pytest.raises(ModelError, match="conditional_approximate is for odds ratios"):
        build_problem("conditional_approximate", data)
    with pytest.raises(ModelError, match="model must be one of 'unconditional_fixed'"):
        build_problem("UM.FS", data)
