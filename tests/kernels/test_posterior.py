"""The posterior kernel against a plane of mu and tau, published numbers, limits and laws."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from posterior_grid import Plane, prior_density
from scipy.special import ndtri

from meta.errors import ModelError
from meta.kernels.batch_fit import fit_batch
from meta.kernels.mixtures import mixture_cdf, mixture_quantiles, mixture_tail
from meta.kernels.posterior import describe_posterior, integrate_posterior, posterior_tails
from meta.kernels.priors import Prior
from meta.kernels.status import Status

#: Against the plane, in probability (and of the log marginal likelihood); worst seen 3.2e-13.
PLANE_TOL = 1e-11
#: The same where the plane has a step in mu as steep as tau is small (a new setting, a study): the plane's
#: own error; worst seen 9e-8.
STEP_TOL = 1e-6
#: Laws (shift, scale, order): relative to the spread; worst seen 3e-14.
LAW_TOL = 1e-11

HALF = Prior("half_normal", (0.5,))

PRIORS = (
    HALF,
    Prior("half_cauchy", (0.5,)),
    Prior("uniform", (2.0,)),
    Prior("log_normal", (-2.56, 1.74)),
)

DATA = {
    "one": ([0.3], [0.2]),
    "two": ([0.1, 1.2], [0.05, 0.3]),
    "three with an outlier": ([0.2, 0.4, 6.0], [0.1, 0.05, 0.08]),
    "five": ([0.2, 0.5, -0.3, 0.9, 0.1], [0.04, 0.1, 0.3, 0.02, 0.08]),
}

SCHOOLS = (
    [28.39, 7.94, -2.75, 6.82, -0.64, 0.63, 18.01, 12.16],
    [14.9**2, 10.2**2, 16.3**2, 11.0**2, 9.4**2, 11.4**2, 10.4**2, 17.6**2],
)


def run(y, v, prior=HALF, level=0.95, mask=None):
    y, v = np.asarray(y, dtype=float), np.asarray(v, dtype=float)
    used = np.ones((1, y.shape[-1]), dtype=bool) if mask is None else np.asarray(mask, dtype=bool)
    return integrate_posterior(y, v, used, prior, level)


def line_of_tau(y, v, tau):
    """Mean and standard deviation of mu at each tau, and the log-likelihood with mu integrated."""
    w = 1.0 / (v[:, None] + tau**2)
    total = w.sum(axis=0)
    mean = (w * y[:, None]).sum(axis=0) / total
    log = 0.5 * (np.log(w).sum(axis=0) - np.log(total) - (w * (y[:, None] - mean) ** 2).sum(axis=0))
    return mean, 1.0 / np.sqrt(total), log


def tau_edges(prior: Prior, points) -> np.ndarray:
    top = prior.upper or {"half_normal": 6.0, "log_normal": 1e4}.get(prior.name, 1e12)
    grid = np.concatenate([[0.0], np.geomspace(1e-6, top, 60 if top < 1e5 else 100)])
    return np.concatenate([grid, [p for p in points if p < top]])


def mu_edges(prior: Prior, y, points, steps) -> np.ndarray:
    reach = np.geomspace(0.02, {"half_normal": 40.0, "uniform": 60.0}.get(prior.name, 1e13), 40)
    middle = float(np.mean(y))
    near = [x + side * d for x in steps for side in (-1.0, 1.0) for d in (1e-4, 1e-3, 0.01, 0.1)]
    return np.concatenate([middle - reach, [middle], middle + reach, points, steps, near])


@pytest.mark.parametrize("prior", PRIORS, ids=lambda prior: prior.name)
@pytest.mark.parametrize("name", DATA)
def test_every_summary_holds_on_a_plane_of_mu_and_tau(name, prior):
    y, v = DATA[name]
    found = run(y, v, prior)
    details = describe_posterior(np.array(y), np.array(v), np.ones(len(y), dtype=bool), prior, 0.95)
    tail_mu, tail_new = posterior_tails(np.array(y), np.array(v), np.ones(len(y), dtype=bool), prior, 0.25)
    plane = Plane(
        y, v, prior.name, prior.parameters,
        tau_edges=tau_edges(prior, found.tau[0]),
        mu_edges=mu_edges(
            prior, y, [*found.mu[0], *details.shrunken[[0, -1], :3].ravel()], [*found.new[0], 0.25]
        ),
    )
    for place, probability in enumerate((0.5, 0.025, 0.975)):
        assert plane.mu_below(found.mu[0, place]) == pytest.approx(probability, abs=PLANE_TOL)
        assert plane.tau_below(found.tau[0, place]) == pytest.approx(probability, abs=PLANE_TOL)
        assert plane.new_below(found.new[0, place]) == pytest.approx(probability, abs=STEP_TOL)
        for i in {0, len(y) - 1}:
            below = plane.study_below(i, details.shrunken[i, place])
            assert below == pytest.approx(probability, abs=STEP_TOL)
    assert tail_mu == pytest.approx(1.0 - plane.mu_below(0.25), abs=PLANE_TOL)
    assert tail_new == pytest.approx(1.0 - plane.new_below(0.25), abs=STEP_TOL)
    assert found.log_marginal[0] == pytest.approx(math.log(plane.mass), abs=PLANE_TOL)
    if prior.name != "half_cauchy":
        mean, sd = plane.moments()
        assert found.mean[0] == pytest.approx(mean, abs=PLANE_TOL)
        assert found.sd[0] == pytest.approx(sd, rel=1e-9)


def test_eight_schools_of_the_bayesmeta_vignette():
    """Uniform priors of mu and tau; the package's introduction prints these (its grid of tau leaves 1e-4)."""
    found = run(*SCHOOLS, Prior("uniform", ()))
    # tau is integrated directly there: all digits
    assert found.tau[0, 0] == pytest.approx(5.227732, abs=6e-7)
    at_most = run(*SCHOOLS, Prior("uniform", ()), level=0.9).tau[0, 2]
    assert at_most == pytest.approx(17.265797, abs=6e-7)
    # mu and the new school are mixtures over a coarse grid there
    assert found.mu[0, 0] == pytest.approx(8.055861, rel=2e-4)
    assert found.mean[0] == pytest.approx(8.092138, rel=2e-4)
    assert found.sd[0] == pytest.approx(5.246683, rel=1e-3)
    assert found.new[0, 0] == pytest.approx(8.008111, rel=2e-4)
    assert np.isnan(found.log_marginal[0])


def test_a_narrow_prior_is_the_common_effect():
    y, v = np.array(DATA["five"][0]), np.array(DATA["five"][1])
    found = run(y, v, Prior("half_normal", (1e-7,)))
    common = fit_batch(y, v, np.ones((1, 5), dtype=bool), np.ones((5, 1)), tau2_method=None)
    se = math.sqrt(common.covariance[0, 0, 0])
    assert found.mu[0, 0] == pytest.approx(common.coefficients[0, 0], abs=1e-12)
    assert found.sd[0] == pytest.approx(se, rel=1e-11)
    assert found.mu[0, 2] - found.mu[0, 0] == pytest.approx(1.959963984540054 * se, rel=1e-11)
    assert found.weights[0] == pytest.approx(100.0 * (1 / v) / np.sum(1 / v), rel=1e-11)


def test_a_vague_prior_and_many_studies_are_reml():
    rng = np.random.default_rng(20261101)
    k = 2000
    v = rng.uniform(0.02, 0.3, k)
    y = 0.4 + rng.normal(size=k) * np.sqrt(v + 0.09)
    found = run(y, v, Prior("uniform", ()))
    reml = fit_batch(y, v, np.ones((1, k), dtype=bool), np.ones((k, 1)), tau2_method="REML")
    assert found.tau[0, 0] ** 2 == pytest.approx(reml.tau2[0], rel=5e-3)
    assert found.mu[0, 0] == pytest.approx(reml.coefficients[0, 0], abs=1e-4)
    assert found.sd[0] == pytest.approx(math.sqrt(reml.covariance[0, 0, 0]), rel=5e-3)
    assert found.status[0] == Status.OK


def test_one_study_leaves_the_prior_of_tau_as_it_was():
    found = run([0.3], [0.2])
    # quantiles of |N(0, 0.5^2)|
    assert found.tau[0] == pytest.approx(0.5 * ndtri([0.75, 0.5125, 0.9875]), rel=1e-11)
    assert found.mu[0, 0] == pytest.approx(0.3, abs=1e-14)
    assert found.sd[0] == pytest.approx(math.sqrt(0.2 + 0.25), rel=1e-12)
    assert found.status[0] == Status.SINGLE_STUDY
    assert found.weights[0] == pytest.approx([100.0])
    shrunken = describe_posterior(np.array([0.3]), np.array([0.2]), np.array([True]), HALF, 0.95).shrunken
    # its own true effect is what the study says, whatever tau
    half = 1.959963984540054 * math.sqrt(0.2)
    assert shrunken[0, :3] == pytest.approx([0.3, 0.3 - half, 0.3 + half], rel=1e-10)


@pytest.mark.parametrize(
    ("prior", "k", "has_mean", "has_sd"),
    [
        (Prior("half_cauchy", (1.0,)), 1, False, False),
        (Prior("half_cauchy", (1.0,)), 2, True, False),
        (Prior("half_cauchy", (1.0,)), 3, True, True),
        (Prior("uniform", ()), 3, False, False),
        (Prior("uniform", ()), 4, True, False),
        (Prior("uniform", ()), 5, True, True),
        (Prior("uniform", (9.0,)), 1, True, True),
    ],
)
def test_moments_are_given_where_they_exist(prior, k, has_mean, has_sd):
    found = run(np.linspace(0.0, 1.0, k), np.full(k, 0.1), prior)
    assert np.isfinite(found.mu).all()
    assert np.isfinite(found.new).all()
    assert bool(np.isfinite(found.mean[0])) is has_mean
    assert bool(np.isfinite(found.sd[0])) is has_sd


@pytest.mark.parametrize("k", [1, 2])
def test_an_improper_prior_with_too_few_studies_has_no_posterior(k):
    y, v = np.zeros(k), np.ones(k)
    found = run(y, v, Prior("uniform", ()))
    assert found.status[0] == Status.NOT_ESTIMABLE
    assert np.isnan(found.mu).all()
    with pytest.raises(ModelError, match=f"{k} studies are too few for a proper posterior"):
        posterior_tails(y, v, np.ones(k, dtype=bool), Prior("uniform", ()), 0.0)


def test_no_study_at_all_is_not_estimable():
    found = run([0.1, 0.2], [0.1, 0.1], mask=[[False, False], [True, True]])
    assert list(found.status) == [Status.NOT_ESTIMABLE, Status.OK]


@pytest.mark.parametrize("prior", PRIORS, ids=lambda prior: prior.name)
def test_variances_over_ten_decades_and_conflict_with_the_prior(prior):
    """The weights add up, and the quantiles of mean and new setting hold on a fine line of log tau."""
    y = np.array([0.1, 0.4, -0.2, 9.0, 0.3])
    v = np.array([1e-8, 1e-5, 1e-2, 1.0, 1e2])
    found = run(y, v, prior)
    assert found.status[0] == Status.OK
    assert found.weights[0].sum() == pytest.approx(100.0, rel=1e-12)
    # a line of tau: mu by hand, 200,000 points of log tau, plain sums
    u = np.linspace(-30.0, math.log(prior.upper) if prior.upper else 30.0, 200_001)
    tau = np.exp(u)
    mean, sd, log = line_of_tau(y, v, tau)
    with np.errstate(divide="ignore"):
        log = log + np.log(prior_density(prior.name, prior.parameters, tau)) + u
    share = np.exp(log - log.max())
    share[-1] *= 0.5
    share /= share.sum()
    columns = tuple(np.repeat(a[:, None], 2, axis=1) for a in (share, mean, sd))
    assert mixture_cdf(*columns, found.mu[0, :2]) == pytest.approx([0.5, 0.025], abs=1e-8)
    new = np.sqrt(sd**2 + tau**2)
    columns = tuple(np.repeat(a[:, None], 2, axis=1) for a in (share, mean, new))
    assert mixture_cdf(*columns, found.new[0, 1:]) == pytest.approx([0.025, 0.975], abs=1e-8)


def test_a_prior_in_conflict_with_the_data_is_integrated_all_the_same():
    """The posterior is a peak of a thousandth of its place: the window has to close in on it."""
    rng = np.random.default_rng(5)
    y, v = rng.normal(size=60), 10.0 ** rng.uniform(-8, 2, 60)
    found = run(y, v, Prior("half_normal", (1e-6,)))
    assert found.status[0] == Status.OK
    reach = 4.0 * (found.tau[0, 2] - found.tau[0, 1])
    tau = np.linspace(found.tau[0, 1] - reach, found.tau[0, 2] + reach, 20_001)
    _, _, log = line_of_tau(y, v, tau)
    log -= 0.5 * (tau / 1e-6) ** 2
    share = np.exp(log - log.max())
    below = np.interp(found.tau[0], tau, (np.cumsum(share) - 0.5 * share) / share.sum())
    assert below == pytest.approx([0.5, 0.025, 0.975], abs=1e-6)


def test_densities_integrate_to_what_they_show():
    y, v = (np.array(a) for a in DATA["five"])
    details = describe_posterior(y, v, np.ones(5, dtype=bool), HALF, 0.95)
    for curve in (details.density_mu, details.density_new):
        assert np.trapezoid(curve[:, 1], curve[:, 0]) == pytest.approx(0.998, abs=1e-3)
    tau, posterior, prior = details.density_tau.T
    # up to a quarter beyond the upper end of the interval
    high = run(y, v).tau[0, 2]
    assert tau[-1] == pytest.approx(1.25 * high)
    below = np.append(0.0, np.cumsum(np.diff(tau) * 0.5 * (posterior[1:] + posterior[:-1])))
    assert np.interp(high, tau, below) == pytest.approx(0.975, abs=2e-3)
    assert prior == pytest.approx(math.sqrt(2 / math.pi) / 0.5 * np.exp(-0.5 * (tau / 0.5) ** 2), rel=1e-6)


# --- bits and laws --------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [3, 25])
def test_a_row_depends_neither_on_its_batch_nor_on_the_studies_it_leaves_out(k):
    rng = np.random.default_rng(k)
    y, v = rng.normal(size=k), rng.uniform(0.01, 0.5, k)
    masks = np.concatenate([np.ones((1, k), dtype=bool), ~np.eye(k, dtype=bool), rng.random((40, k)) < 0.6])
    masks[:, 0] |= ~masks.any(axis=1)
    together = integrate_posterior(y, v, masks, HALF, 0.95)
    for i in (0, 1, k, k + 7, masks.shape[0] - 1):
        alone = integrate_posterior(y, v, masks[i : i + 1], HALF, 0.95)
        kept = masks[i]
        absent = integrate_posterior(y[kept], v[kept], np.ones((1, kept.sum()), dtype=bool), HALF, 0.95)
        for name in ("mu", "new", "tau", "mean", "sd", "log_marginal"):
            expected = getattr(alone, name)[0]
            assert np.array_equal(getattr(together, name)[i], expected), name
            assert np.array_equal(getattr(absent, name)[0], expected), name


studies = st.integers(1, 6).flatmap(
    lambda k: st.tuples(
        st.lists(st.floats(-3, 3), min_size=k, max_size=k),
        st.lists(st.floats(-6, 1), min_size=k, max_size=k).map(lambda logs: [10.0**x for x in logs]),
    )
)


@settings(max_examples=25, deadline=None)
@given(studies, st.sampled_from(PRIORS), st.floats(-100, 100))
def test_a_shift_of_the_effects_moves_mu_alone(data, prior, shift):
    y, v = (np.array(a) for a in data)
    before, after = run(y, v, prior), run(y + shift, v, prior)
    width = before.mu[0, 2] - before.mu[0, 1]
    slack = LAW_TOL + 1e-14 * (abs(shift) + 3.0) / math.sqrt(min(v))
    assert np.abs(after.mu - before.mu - shift).max() <= slack * max(width, 1.0) * 10.0
    assert after.tau == pytest.approx(before.tau, rel=1e-6, abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(studies, st.sampled_from(PRIORS), st.sampled_from([1e-3, 0.7, 100.0, 1024.0]))
def test_other_units_scale_everything_with_the_prior(data, prior, factor):
    y, v = (np.array(a) for a in data)
    scaled = (
        Prior("log_normal", (prior.parameters[0] + 2.0 * math.log(factor), prior.parameters[1]))
        if prior.name == "log_normal"
        else Prior(prior.name, tuple(p * factor for p in prior.parameters))
    )
    before, after = run(y, v, prior), run(y * factor, v * factor * factor, scaled)
    width = before.new[0, 2] - before.new[0, 1]
    for name in ("mu", "new", "tau"):
        assert np.abs(getattr(after, name) / factor - getattr(before, name)).max() <= 1e-9 * width
    assert after.weights == pytest.approx(before.weights, abs=1e-7)


@settings(max_examples=25, deadline=None)
@given(studies, st.sampled_from(PRIORS), st.randoms(use_true_random=False))
def test_the_order_of_studies_does_not_matter(data, prior, random):
    y, v = (np.array(a) for a in data)
    order = list(range(y.size))
    random.shuffle(order)
    before, after = run(y, v, prior), run(y[order], v[order], prior)
    width = before.new[0, 2] - before.new[0, 1]
    for name in ("mu", "new", "tau"):
        assert np.abs(getattr(after, name) - getattr(before, name)).max() <= 1e-9 * width
    assert after.weights[0] == pytest.approx(before.weights[0][order], abs=1e-7)


@settings(max_examples=25, deadline=None)
@given(studies, st.sampled_from(PRIORS))
def test_intervals_nest_and_the_new_setting_is_wider(data, prior):
    y, v = data
    narrow, wide = run(y, v, prior, 0.8), run(y, v, prior, 0.99)
    for name in ("mu", "new", "tau"):
        (_, low, high), (median, lower, higher) = getattr(narrow, name)[0], getattr(wide, name)[0]
        assert lower < low < median < high < higher
    assert wide.new[0, 1] <= wide.mu[0, 1]
    assert wide.mu[0, 2] <= wide.new[0, 2]


# --- mixtures -------------------------------------------------------------------------------------


def test_quantiles_of_mixtures_solve_their_equation_far_out():
    """Components of widths from 1e-6 to 1e12, as a heavy-tailed prior makes them."""
    sd = np.repeat(10.0 ** np.arange(-6.0, 13.0)[:, None], 4, axis=1)
    weight = np.repeat((0.5 ** np.arange(19.0))[:, None], 4, axis=1)
    weight = weight / weight.sum(axis=0)
    mean = np.zeros_like(sd)
    target = np.array([0.5, 1e-5, 0.2, 0.999])
    found = mixture_quantiles(weight, mean, sd, target)
    assert mixture_cdf(weight, mean, sd, found) == pytest.approx(target, rel=1e-12)
    assert mixture_tail(weight, mean, sd, -found) == pytest.approx(target, rel=1e-12)
