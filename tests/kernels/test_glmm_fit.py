from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from glmm_dense import dense_loglik
from scipy.optimize import minimize

from meta.errors import ModelError
from meta.kernels.glmm import GlmmBatch, fit_glmm
from meta.kernels.status import Status

ZEROS = np.array([0, 1, 2, 0, 5, 3, 12, 0, 7, 1.0]), np.array([20, 35, 50, 15, 90, 40, 210, 10, 150, 33.0])
MIXED = np.array([4, 9, 0, 22, 3, 31, 15, 6, 0, 48.0]), np.array([60, 44, 25, 80, 70, 90, 150, 30, 12, 110.0])


def everyone(k: int) -> np.ndarray:
    return np.ones((1, k), dtype=bool)


def fit_mean(family: str, events: np.ndarray, size: np.ndarray) -> GlmmBatch:
    return fit_glmm(family, events, size, everyone(len(events)), np.ones((len(events), 1)))


def make_counts(family: str, k: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    n = rng.integers(8, 300, k).astype(float)
    eta = rng.normal(-1.8, 0.9, k)
    e = (
        rng.binomial(n.astype(int), 1.0 / (1.0 + np.exp(-eta)))
        if family == "binomial"
        else rng.poisson(n * np.exp(eta))
    )
    return np.where(rng.random(k) < 0.15, 0.0, e.astype(float)), n


def assert_same_bits(one: GlmmBatch, i: int, other: GlmmBatch, j: int) -> None:
    for field in fields(GlmmBatch):
        a, b = getattr(one, field.name)[i], getattr(other, field.name)[j]
        np.testing.assert_array_equal(a, b, err_msg=field.name)


@pytest.mark.parametrize("family", ["binomial", "poisson"])
@pytest.mark.parametrize("k", [9, 20, 40])
def test_leaving_one_out_is_the_fit_without_it_bit_for_bit(family: str, k: int) -> None:
    events, size = make_counts(family, k, k)
    batch = fit_glmm(family, events, size, ~np.eye(k, dtype=bool), np.ones((k, 1)))
    for i in range(k):
        keep = np.arange(k) != i
        assert_same_bits(batch, i, fit_mean(family, events[keep], size[keep]), 0)


def test_a_row_does_not_depend_on_its_batch_nor_on_what_is_masked() -> None:
    k = 12
    events, size = make_counts("binomial", k, 3)
    design = np.column_stack([np.ones(k), np.arange(2001.0, 2001.0 + k)])
    masks = np.random.default_rng(4).random((40, k)) < 0.8
    masks[:, :4] = True
    batch = fit_glmm("binomial", events, size, masks, design)
    for i in range(0, 40, 3):
        spoiled = np.where(masks[i], events, np.nan)
        assert_same_bits(batch, i, fit_glmm("binomial", spoiled, size, masks[i : i + 1], design), 0)
        assert_same_bits(batch, i, fit_glmm("binomial", events, size, masks[[i, 0, 1]], design), 0)
    # the data may differ from row to row
    rows = np.stack([events, size - events])
    two = fit_glmm("binomial", rows, size, np.ones((2, k), dtype=bool), design)
    assert_same_bits(two, 0, fit_glmm("binomial", events, size, everyone(k), design), 0)


@pytest.mark.parametrize("family", ["binomial", "poisson"])
def test_at_tau2_zero_the_fit_is_statsmodels_glm(family: str) -> None:
    # imported here: statsmodels takes a second
    from statsmodels.genmod import families
    from statsmodels.genmod.generalized_linear_model import GLM

    events, size = make_counts(family, 15, 11)
    design = np.column_stack([np.ones(15), np.linspace(1990.0, 2020.0, 15)])
    fit = fit_glmm(family, events, size, everyone(15), design, tau2=0.0)
    if family == "binomial":
        model = GLM(np.column_stack([events, size - events]), design, family=families.Binomial())
    else:
        model = GLM(events, design, family=families.Poisson(), offset=np.log(size))
    peer = model.fit(tol=1e-14, maxiter=100)
    np.testing.assert_allclose(fit.beta[0], peer.params, rtol=1e-9)
    np.testing.assert_allclose(np.sqrt(np.diagonal(fit.covariance[0])[:2]), peer.bse, rtol=1e-7)
    assert fit.deviance[0] == pytest.approx(peer.deviance, rel=1e-10)
    assert fit.loglik[0] == pytest.approx(peer.llf, rel=1e-10)
    assert np.isnan(fit.covariance[0, 2]).all()


@pytest.mark.parametrize("family", ["binomial", "poisson"])
def test_moderators_against_a_general_optimiser(family: str) -> None:
    events, size = make_counts(family, 14, 21)
    year = np.linspace(-1.0, 1.0, 14)
    group = (np.arange(14) % 3 == 0).astype(float)
    design = np.column_stack([np.ones(14), year, group])
    fit = fit_glmm(family, events, size, everyone(14), design)

    def loss(x: np.ndarray) -> float:
        return -dense_loglik(family, events, size, design @ x[:3], abs(x[3]))

    start = np.array([*fit.beta[0], np.sqrt(fit.tau2[0])]) + 0.05
    found = minimize(
        loss, start, method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-11, "maxiter": 2000}
    )
    assert fit.loglik[0] == pytest.approx(-found.fun, abs=1e-8)
    assert -found.fun <= fit.loglik[0] + 1e-9
    np.testing.assert_allclose(fit.beta[0], found.x[:3], atol=2e-4)
    np.testing.assert_allclose(fit.tau2[0], found.x[3] ** 2, atol=2e-4)


def test_a_calendar_year_is_as_easy_as_a_centred_one() -> None:
    events, size = make_counts("binomial", 14, 21)
    year = np.linspace(1990.0, 2016.0, 14)
    raw = fit_glmm("binomial", events, size, everyone(14), np.column_stack([np.ones(14), year]))
    centred = fit_glmm("binomial", events, size, everyone(14), np.column_stack([np.ones(14), year - 2000.0]))
    np.testing.assert_allclose(raw.beta[0, 1], centred.beta[0, 1], rtol=1e-9)
    np.testing.assert_allclose(raw.beta[0, 0] + 2000.0 * raw.beta[0, 1], centred.beta[0, 0], atol=1e-9)
    np.testing.assert_allclose(raw.covariance[0, 1:, 1:], centred.covariance[0, 1:, 1:], rtol=1e-7)
    np.testing.assert_allclose([raw.tau2[0], raw.loglik[0]], [centred.tau2[0], centred.loglik[0]], rtol=1e-10)


def test_counting_the_others_turns_the_mean_round() -> None:
    events, size = MIXED
    fit, other = fit_mean("binomial", events, size), fit_mean("binomial", size - events, size)
    np.testing.assert_allclose(other.beta, -fit.beta, rtol=1e-12)
    np.testing.assert_allclose(other.tau2, fit.tau2, rtol=1e-12)
    np.testing.assert_allclose(other.loglik, fit.loglik, rtol=1e-13)


def test_the_order_of_studies_and_the_unit_of_time_do_not_matter() -> None:
    events, size = make_counts("poisson", 17, 5)
    order = np.random.default_rng(1).permutation(17)
    fit, shuffled = fit_mean("poisson", events, size), fit_mean("poisson", events[order], size[order])
    months = fit_mean("poisson", events, 12.0 * size)
    np.testing.assert_allclose(shuffled.beta, fit.beta, rtol=1e-11)
    np.testing.assert_allclose(shuffled.tau2, fit.tau2, rtol=1e-11)
    np.testing.assert_allclose(months.beta, fit.beta - np.log(12.0), rtol=1e-11)
    np.testing.assert_allclose(months.loglik, fit.loglik, rtol=1e-12)


def test_boundary_is_decided_by_value_and_curvature() -> None:
    fit = fit_mean("binomial", *ZEROS)
    assert fit.status[0] == Status.BOUNDARY
    assert fit.tau2[0] == 0.0
    assert fit.loglik[0] == fit.common_loglik[0]
    for tau in (1e-3, 0.05, 0.2, 0.5, 1.0, 3.0):
        assert dense_loglik("binomial", *ZEROS, fit.beta[0, 0], tau) < fit.loglik[0]


def test_the_better_of_two_maxima_is_kept_and_both_are_told() -> None:
    # 31 events over 307 and none over 34: one rate for both, or two very different ones
    events, size = np.array([31.0, 0.0]), np.array([307.0, 34.0])
    fit = fit_mean("poisson", events, size)
    assert fit.status[0] == Status.SEVERAL_MAXIMA
    grid = np.linspace(-9.0, 0.0, 91)
    tau = (0.0, 0.3, 1.0, 2.0, 2.5, 3.0, 8.0)
    profile = np.array([max(dense_loglik("poisson", events, size, m, t) for m in grid) for t in tau])
    inner = profile[2:].max()
    assert profile[0] > profile[1]
    assert inner > max(profile[1], profile[-1])
    assert fit.loglik[0] >= profile.max() - 1e-9


def test_single_people_say_nothing_about_tau() -> None:
    fit = fit_mean("binomial", np.array([0, 1, 1, 0, 0.0]), np.ones(5))
    assert fit.status[0] == Status.BOUNDARY
    assert fit.beta[0, 0] == pytest.approx(np.log(2 / 3))


@pytest.mark.parametrize(
    ("family", "events", "size", "status"),
    [
        ("binomial", [0, 0, 0], [5, 9, 14], Status.ONE_SIDED),
        ("binomial", [5, 9], [5, 9], Status.ONE_SIDED),
        ("poisson", [0, 0], [5.5, 9.0], Status.ONE_SIDED),
        ("binomial", [0, 9], [5, 9], Status.NOT_ESTIMABLE),
        ("binomial", [3], [9], Status.SINGLE_STUDY),
        ("binomial", [0], [9], Status.ONE_SIDED),
        ("poisson", [4], [9.5], Status.SINGLE_STUDY),
        ("binomial", [3, 3], [9, 9], Status.BOUNDARY),
    ],
)
def test_degenerate_counts_are_a_status(
    family: str, events: list[int], size: list[float], status: Status
) -> None:
    fit = fit_mean(family, np.array(events, dtype=float), np.array(size, dtype=float))
    assert fit.status[0] == status
    estimated = status in (Status.SINGLE_STUDY, Status.BOUNDARY)
    assert np.isfinite(fit.beta[0, 0]) == estimated
    assert np.isfinite(fit.tau2[0]) == estimated
    if status == Status.SINGLE_STUDY:
        rate = events[0] / (size[0] - events[0] if family == "binomial" else size[0])
        assert fit.beta[0, 0] == pytest.approx(np.log(rate))
        assert fit.tau2[0] == 0.0


def test_designs_that_cannot_be_fitted_are_a_status() -> None:
    events, size = np.array([0, 0, 5, 9, 3, 7.0]), np.array([30, 20, 50, 60, 40, 50.0])
    level = np.array([1, 1, 0, 0, 0, 0.0])
    ones = np.ones(6)
    masks = np.array(
        [[1, 1, 1, 1, 1, 1], [0, 0, 1, 1, 1, 1], [0, 1, 1, 0, 0, 0], [0, 0, 0, 0, 0, 0]], dtype=bool
    )
    fit = fit_glmm("binomial", events, size, masks, np.column_stack([ones, level]))
    # a level without events, a level without studies, as many coefficients as studies, nobody
    assert (fit.status == Status.NOT_ESTIMABLE).all()
    assert np.isnan(fit.beta).all()
    mixed = fit_glmm(
        "poisson", events, size, masks[:1], np.column_stack([ones, np.array([1, 1, 1, 0, 0, 0.0])])
    )
    assert mixed.status[0] in (Status.OK, Status.BOUNDARY)
    assert np.isfinite(mixed.beta).all()


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"family": "normal"}, r"family must be one of 'binomial', 'poisson'; got 'normal'"),
        (
            {"events": [3.0, 11.0]},
            r"analysis 1 uses study 2 with events=11, size=10; must be 0 <= events <= n",
        ),
        ({"size": [10.0, 0.0]}, r"analysis 1 uses study 2 with events=4, size=0"),
        ({"events": [3.0, np.nan]}, r"study 2 with events=nan"),
        ({"events": [1.0, 2.0, 3.0]}, r"must have shape \(k,\) or \(B, k\)"),
        ({"design": np.ones((3, 1))}, r"design must have shape \(k, p\) with k = 2; got \(3, 1\)"),
        ({"design": np.array([[1.0], [np.nan]])}, r"design row 2 is not finite"),
    ],
)
def test_impossible_input_is_an_error_that_says_where(change: dict[str, object], text: str) -> None:
    given = {
        "family": "binomial",
        "events": [3.0, 4.0],
        "size": [10.0, 10.0],
        "mask": np.ones((1, 2), dtype=bool),
        "design": np.ones((2, 1)),
    }
    with pytest.raises(ModelError, match=text):
        fit_glmm(**{**given, **change})
