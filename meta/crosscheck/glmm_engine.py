"""A GLMM by others: statsmodels' GLM at tau2 = 0, and its log-likelihood by SciPy's quadrature."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np

from meta.crosscheck.calls import call_engine
from meta.crosscheck.opinions import (
    EXACT,
    LOGLIK,
    NO_HIGHER,
    SCIPY,
    STATSMODELS,
    Opinion,
    Pair,
    Question,
    compare_pairs,
    decline,
)
from meta.crosscheck.ours import Counts, reported
from meta.kernels.glmm import fit_glmm
from meta.kernels.status import Status
from meta.results import Fit

#: statsmodels stops where a step moves the mean by less than this. Its default, by the deviance, stops a step
#: early, and standard errors come from the step before the last (2e-10 off on the shipped review).
GLM_TOL = 1e-12

#: Radii, in standard errors of mu and tau, of the rings on which no higher log-likelihood may lie.
RADII = (2e-5, 1e-2)

#: Points of one ring.
POINTS = 8

#: Newton steps to the mode of one study's integrand, which is concave in its logarithm: 5 to 30 are taken.
MODE_STEPS = 200

#: A step to the mode below this share of the integrand's width moves the integral by nothing.
MODE_RTOL = 1e-10

#: Beyond this the exponential has no number; the likelihood is 0 there.
LARGEST_EXP = 700.0

#: A log-likelihood is a small difference of large numbers where samples are large. At ``LOGLIK`` this share
#: of log n!, as the floor of a difference, allows for five roundings of it; it matters from 1e5 people on.
LARGE_SHARE = 1e-5

#: What is asked of each integral.
QUAD_RTOL = 1e-12


def ask_glm(part: str, counts: Counts, fit: Fit) -> list[Opinion]:
    """Compare the model at tau2 = 0 with statsmodels' GLM: mean, standard error, deviance, log-likelihood.

    Our Q is the likelihood ratio of that model against one value for each study, which is the GLM's deviance.
    Where the reported tau2 is 0, the reported mean, standard error and log-likelihood are the GLM's too.
    """
    question = Question(STATSMODELS, version("statsmodels"), "GLM at tau² = 0", EXACT)
    k = counts.events.size
    ours = fit_glmm(
        counts.family, counts.events, counts.size, np.ones((1, k), dtype=bool), np.ones((k, 1)), tau2=0.0
    )
    if int(ours.status[0]) != Status.OK:
        return [decline(part, question, "there is no maximum at tau2 = 0")]
    called = call_engine(lambda: _fit_glm(counts))
    if called.value is None:
        return [decline(part, question, called.failure)]
    mean, se, deviance, loglik = called.value
    own = float(np.sqrt(ours.covariance[0, 0, 0]))
    pairs = [
        Pair("tau2 = 0: estimate", float(ours.beta[0, 0]), mean, own),
        Pair("tau2 = 0: standard error", own, se, 0.0),
        Pair("tau2 = 0: deviance", float(ours.deviance[0]), deviance, 1.0),
        Pair("tau2 = 0: log-likelihood", float(ours.loglik[0]), loglik, 1.0),
    ]
    if fit.heterogeneity is not None:
        pairs.append(Pair("reported: Q", fit.heterogeneity.q, deviance, 1.0))
    if fit.estimate is not None and fit.tau2 is not None and fit.tau2.value == 0.0:
        pairs.append(Pair("reported: estimate", fit.estimate.value, mean, own))
        pairs.append(Pair("reported: standard error", fit.estimate.se, se, own))
        if fit.loglik is not None:
            pairs.append(Pair("reported: log-likelihood", fit.loglik, loglik, 1.0))
    return compare_pairs(part, question, pairs, called.warnings)


def _fit_glm(counts: Counts) -> tuple[float, float, float, float]:
    """Return mean, standard error, deviance and log-likelihood of statsmodels' GLM."""
    from statsmodels.genmod.families import Binomial, Poisson
    from statsmodels.genmod.generalized_linear_model import GLM

    ones = np.ones((counts.events.size, 1))
    if counts.family == "binomial":
        both = np.column_stack([counts.events, counts.size - counts.events])
        model = GLM(both, ones, family=Binomial())
    else:
        model = GLM(counts.events, ones, family=Poisson(), offset=np.log(counts.size))
    fitted = model.fit(tol=GLM_TOL, tol_criterion="params", maxiter=200)
    return float(fitted.params[0]), float(fitted.bse[0]), float(fitted.deviance), float(fitted.llf)


def ask_scipy(part: str, counts: Counts, fit: Fit) -> list[Opinion]:
    """Compare the reported log-likelihood with SciPy's, study by study, and look for a higher one nearby."""
    number = version("scipy")
    exact = Question(SCIPY, number, "log-likelihood by quadrature", LOGLIK)
    near = Question(SCIPY, number, "no higher log-likelihood nearby", NO_HIGHER)
    if fit.estimate is None or fit.loglik is None:
        reason = f"there is no estimate ({fit.status.replace('_', ' ')})"
        return [decline(part, exact, reason), decline(part, near, reason)]
    numbers = reported(fit)
    mu, tau = numbers.value, math.sqrt(numbers.tau2)
    called = call_engine(lambda: _integrate_around(counts, mu, tau, _spreads(counts, fit)))
    if called.value is None:
        return [decline(part, exact, called.failure), decline(part, near, called.failure)]
    centre, around = called.value
    higher = max(0.0, around - centre)
    floor = max(1.0, LARGE_SHARE * math.fsum(math.lgamma(size + 1.0) for size in counts.size))
    reached = Pair("reported: log-likelihood", fit.loglik, centre, floor)
    nearby = Pair("reported: by how much a value near (mu, tau2) is higher", 0.0, higher, floor)
    return [
        *compare_pairs(part, exact, [reached], called.warnings),
        *compare_pairs(part, near, [nearby], called.warnings),
    ]


def _spreads(counts: Counts, fit: Fit) -> tuple[float, float]:
    """Return a step in mu and one in tau of about a standard error each.

    The one in tau is that of a normal model with k studies of the typical variance; at tau2 = 0, where the
    likelihood moves with tau2, the root of that variance.
    """
    assert fit.estimate is not None, "the fit has an estimate"
    assert fit.tau2 is not None, "the fit has a tau2"
    tau2, typical = fit.tau2.value, (fit.heterogeneity.typical_variance if fit.heterogeneity else None)
    spare = typical if typical is not None and math.isfinite(typical) else fit.estimate.se**2
    if tau2 == 0.0:
        return fit.estimate.se, math.sqrt(spare)
    tau = math.sqrt(tau2)
    return fit.estimate.se, min(tau, (tau2 + spare) / (tau * math.sqrt(2.0 * counts.events.size)))


def _integrate_around(
    counts: Counts, mu: float, tau: float, spreads: tuple[float, float]
) -> tuple[float, float]:
    """Return the log-likelihood at (mu, tau), and the highest one on rings around it."""
    around = -math.inf
    for radius in RADII:
        for point in range(POINTS):
            angle = 2.0 * math.pi * point / POINTS
            there = mu + radius * spreads[0] * math.cos(angle), tau + radius * spreads[1] * math.sin(angle)
            # the likelihood is even in tau
            around = max(around, _loglik(counts, there[0], abs(there[1])))
    return _loglik(counts, mu, tau), around


def _loglik(counts: Counts, mu: float, tau: float) -> float:
    """Return the log-likelihood of all studies at (mu, tau), with every constant."""
    return math.fsum(
        study_loglik(counts.family, float(events), float(size), mu, tau)
        for events, size in zip(counts.events, counts.size, strict=True)
    )


@dataclass(frozen=True, slots=True)
class _Shape:
    """One study's log-likelihood in its linear predictor, up to a constant: value, slope, curvature (> 0)."""

    value: Callable[[float], float]
    slope: Callable[[float], float]
    curvature: Callable[[float], float]
    constant: float


def study_loglik(family: str, events: float, size: float, mu: float, tau: float) -> float:
    """Integrate one study's likelihood over z, its linear predictor being mu + tau z, z standard normal."""
    from scipy.integrate import quad

    shape = _binomial(events, size) if family == "binomial" else _poisson(events, size)
    mode = _find_mode(shape, mu, tau)
    width = 1.0 / math.sqrt(1.0 + tau * tau * shape.curvature(mu + tau * mode))
    top = shape.value(mu + tau * mode) - 0.5 * mode * mode

    def integrand(t: float) -> float:
        z = mode + width * t
        return math.exp(shape.value(mu + tau * z) - 0.5 * z * z - top)

    halves = [
        quad(integrand, *ends, epsabs=0.0, epsrel=QUAD_RTOL, limit=500)[0]
        for ends in ((-math.inf, 0.0), (0.0, math.inf))
    ]
    integral = width * math.fsum(halves) / math.sqrt(2.0 * math.pi)
    return shape.constant + top + math.log(integral)


def _find_mode(shape: _Shape, mu: float, tau: float) -> float:
    """Return the z with the highest integrand, by Newton's method kept inside the bracket of its slope."""
    low, high, z = -math.inf, math.inf, 0.0
    for _ in range(MODE_STEPS):
        slope = tau * shape.slope(mu + tau * z) - z
        curvature = 1.0 + tau * tau * shape.curvature(mu + tau * z)
        if abs(slope) <= MODE_RTOL * math.sqrt(curvature):
            break
        low, high = (z, high) if slope > 0.0 else (low, z)
        new = z + slope / curvature
        z = new if low < new < high else 0.5 * (low + high)
    return z


def _binomial(events: float, size: float) -> _Shape:
    """Return the shape of ``events`` out of ``size`` in the logit."""
    rest = size - events

    def chance(eta: float) -> float:
        return 1.0 / (1.0 + math.exp(-eta)) if eta >= 0.0 else math.exp(eta) / (1.0 + math.exp(eta))

    def value(eta: float) -> float:
        # events log p + (n - events) log (1 - p), the tails as tails
        fold = math.log1p(math.exp(-abs(eta)))
        return -events * (fold + max(-eta, 0.0)) - rest * (fold + max(eta, 0.0))

    return _Shape(
        value=value,
        slope=lambda eta: events * chance(-eta) - rest * chance(eta),
        curvature=lambda eta: size * chance(eta) * chance(-eta),
        constant=math.lgamma(size + 1.0) - math.lgamma(events + 1.0) - math.lgamma(rest + 1.0),
    )


def _poisson(events: float, size: float) -> _Shape:
    """Return the shape of ``events`` in ``size`` units of time in the log rate."""

    def mean(eta: float) -> float:
        return size * math.exp(eta) if eta < LARGEST_EXP else math.inf

    return _Shape(
        value=lambda eta: events * eta - mean(eta),
        slope=lambda eta: events - mean(eta),
        curvature=mean,
        constant=(events * math.log(size) if events else 0.0) - math.lgamma(events + 1.0),
    )
