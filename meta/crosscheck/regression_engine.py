"""Regressions by others: statsmodels' WLS at our tau2, PyMARE with its own, a GLMM's by quadrature."""

from __future__ import annotations

import math
from collections.abc import Sequence
from importlib.metadata import version

import numpy as np
from scipy.special import ndtri, stdtrit

from meta.crosscheck.calls import call_engine
from meta.crosscheck.glmm_engine import LARGE_SHARE, RADII, study_loglik
from meta.crosscheck.opinions import (
    EXACT,
    LOGLIK,
    NO_HIGHER,
    PYMARE,
    PYMARE_ITERATED,
    SCIPY,
    STATSMODELS,
    Opinion,
    Pair,
    Question,
    compare_pairs,
    decline,
)
from meta.crosscheck.ours import Counts, take_counts
from meta.crosscheck.pymare_engine import CLOSED, ITERATED
from meta.crosscheck.regressed import (
    Regressed,
    Regressions,
    contrasts,
    design_of,
    refuse_regression,
    take_groups,
    take_regression,
)
from meta.effects.sizes import EffectSizes
from meta.results import Fit, Floats, Subgroups

#: What is asked of statsmodels.
WLS_WORDS = "coefficients by weighted least squares at our tau²"


def crosscheck_regressions(asked: Regressions) -> tuple[Opinion, ...]:
    """Return the second opinions on regressions, and on groups that share one tau2."""
    found: list[Opinion] = []
    for part, effects, fitted in asked:
        found += _ask(part, effects, fitted)
    return tuple(found)


def _ask(part: str, effects: EffectSizes, fitted: Fit | Subgroups) -> list[Opinion]:
    """Ask every engine that has such a regression; those that have not say so."""
    refused = refuse_regression(fitted)
    if refused is not None:
        engines = ((PYMARE, "pymare"), (STATSMODELS, "statsmodels"))
        return [decline(part, Question(name, version(p), "", EXACT), refused) for name, p in engines]
    if isinstance(fitted, Subgroups):
        groups = take_groups(effects, fitted)
        return [*_ask_wls(part, groups, groups=True), *_ask_pymare(part, groups)]
    if fitted.spec.is_glmm:
        reason = "it has no regression on counts"
        asked = Question(PYMARE, version("pymare"), "", EXACT)
        least = Question(STATSMODELS, version("statsmodels"), "", EXACT)
        reasons = [decline(part, asked, reason), decline(part, least, "it has no mixed model by quadrature")]
        return [*reasons, *_ask_quadrature(part, effects, fitted)]
    regressed = take_regression(effects, fitted)
    return [*_ask_wls(part, regressed, groups=False), *_ask_pymare(part, regressed)]


def _ask_wls(part: str, asked: Regressed, *, groups: bool) -> list[Opinion]:
    """Compare coefficients, standard errors, limits, the joint test and Q with statsmodels' WLS."""
    question = Question(STATSMODELS, version("statsmodels"), WLS_WORDS, EXACT)
    called = call_engine(lambda: _least_squares(asked, groups))
    if called.value is None:
        return [decline(part, question, called.failure)]
    value, se, statistic, q = called.value
    pairs = pair_coefficients(asked, value, se)
    if asked.statistic is not None:
        pairs.append(Pair("joint test", asked.statistic, statistic, 1.0))
    if asked.q is not None:
        pairs.append(Pair("residual Q", asked.q, q, 1.0))
    return compare_pairs(part, question, pairs, called.warnings)


def _least_squares(asked: Regressed, groups: bool) -> tuple[Floats, Floats, float, float]:
    """Return coefficients and standard errors under our interval, the joint test, and the residual Q."""
    from statsmodels.regression.linear_model import WLS

    model = WLS(asked.y, asked.x, weights=1.0 / (asked.v + asked.tau2))
    fixed = model.fit(cov_type="fixed scale", use_t=False)
    factor = _factor(asked, float(model.fit().scale))
    rows = contrasts(asked, groups)
    statistic = math.nan
    if asked.statistic is not None:
        form = float(np.squeeze(fixed.wald_test(rows, use_f=False, scalar=True).statistic)) / factor
        statistic = form if asked.df2 is None else form / len(asked.tested)
    common = WLS(asked.y, asked.x, weights=1.0 / asked.v).fit()
    q = float(np.sum(common.resid**2 / asked.v))
    return np.asarray(fixed.params), np.asarray(fixed.bse) * math.sqrt(factor), statistic, q


def _factor(asked: Regressed, scale: float) -> float:
    """Return by what the Wald variances are multiplied: 1, the scale (HKSJ), or at least 1 (its guard)."""
    if asked.spec.model == "uwls":
        return scale
    if asked.spec.ci_method != "HKSJ":
        return 1.0
    return max(1.0, scale) if asked.spec.ci_guard == "se" else scale


def pair_coefficients(asked: Regressed, value: Floats, se: Floats) -> list[Pair]:
    """Return the pairs of every coefficient, its standard error and limits, by an engine's two columns."""
    k, p = asked.x.shape
    tail = 0.5 * (1.0 - asked.spec.level)
    quantile = float(-ndtri(tail) if asked.spec.ci_method == "Wald" else -stdtrit(k - p, tail))
    pairs: list[Pair] = []
    for j, (name, floor) in enumerate(zip(asked.names, asked.floors, strict=True)):
        half = quantile * se[j]
        rows = (
            ("coefficient", asked.value[j], value[j], floor),
            ("standard error", asked.se[j], se[j], 0.0),
            ("lower limit", asked.low[j], value[j] - half, floor),
            ("upper limit", asked.high[j], value[j] + half, floor),
        )
        pairs += [
            Pair(f"{name}: {word}", float(ours), float(theirs), float(least))
            for word, ours, theirs, least in rows
            if not math.isnan(ours)
        ]
    return pairs


def _ask_pymare(part: str, asked: Regressed) -> list[Opinion]:
    """Compare tau2 and the coefficients with PyMARE's, by the estimator of the fit."""
    method = asked.spec.tau2_method
    if method not in (*CLOSED, *ITERATED):
        question = Question(PYMARE, version("pymare"), "regression", EXACT)
        name = f"no estimator {method}" if method is not None else "no such regression without tau2"
        return [decline(part, question, f"PyMARE has {name}")]
    tolerance = EXACT if method in CLOSED else PYMARE_ITERATED
    question = Question(PYMARE, version("pymare"), f"regression by {method}", tolerance)
    called = call_engine(lambda: _fit_pymare(asked, method))
    if called.value is None:
        return [decline(part, question, called.failure)]
    tau2, value, se = called.value
    typical = float(asked.y.size / np.sum(1.0 / asked.v))
    pairs = [Pair("tau2", asked.tau2, tau2, typical)]
    pairs += [
        Pair(f"{name}: coefficient", float(ours), float(theirs), float(floor))
        for name, ours, theirs, floor in zip(asked.names, asked.value, value, asked.floors, strict=True)
    ]
    if asked.spec.ci_method in ("Wald", "t"):
        pairs += [
            Pair(f"{name}: standard error", float(ours), float(theirs), 0.0)
            for name, ours, theirs in zip(asked.names, asked.se, se, strict=True)
            if not math.isnan(ours)
        ]
    return compare_pairs(part, question, pairs, called.warnings)


def _fit_pymare(asked: Regressed, method: str) -> tuple[float, Floats, Floats]:
    """Return PyMARE's tau2, coefficients and Wald standard errors."""
    from pymare import Dataset
    from pymare.estimators import DerSimonianLaird, Hedges, VarianceBasedLikelihoodEstimator

    wald = "wald"
    estimator = {
        "DL": lambda: DerSimonianLaird(small_sample_correction=wald),
        "HE": lambda: Hedges(small_sample_correction=wald),
    }.get(method, lambda: VarianceBasedLikelihoodEstimator(method=method, small_sample_correction=wald))()
    dataset = Dataset(y=asked.y, v=asked.v, X=asked.x, add_intercept=False)
    result = estimator.fit_dataset(dataset).summary()
    stats = result.get_fe_stats()
    return float(result.tau2.item()), np.ravel(stats["est"]), np.ravel(stats["se"])


def _ask_quadrature(part: str, effects: EffectSizes, fit: Fit) -> list[Opinion]:
    """Compare the log-likelihood of a GLMM's regression with SciPy's, and look for a higher one nearby."""
    number = version("scipy")
    exact = Question(SCIPY, number, "log-likelihood by quadrature", LOGLIK)
    near = Question(SCIPY, number, "no higher log-likelihood nearby", NO_HIGHER)
    assert fit.coefficients is not None, "asked only where there are coefficients"
    assert fit.tau2 is not None, "and a tau2"
    if fit.loglik is None:
        reason = "the fit reports no log-likelihood"
        return [decline(part, exact, reason), decline(part, near, reason)]
    counts, x = take_counts(effects, fit), design_of(effects, fit)
    beta, se = np.asarray(fit.coefficients.value), np.asarray(fit.coefficients.se)
    tau = math.sqrt(fit.tau2.value)
    called = call_engine(lambda: _around(counts, x, beta, se, tau))
    if called.value is None:
        return [decline(part, exact, called.failure), decline(part, near, called.failure)]
    centre, around = called.value
    floor = max(1.0, LARGE_SHARE * math.fsum(math.lgamma(size + 1.0) for size in counts.size))
    reached = Pair("reported: log-likelihood", fit.loglik, centre, floor)
    nearby = Pair(
        "reported: by how much a value near (coefficients, tau2) is higher", 0.0, max(0.0, around - centre),
        floor,
    )
    return [
        *compare_pairs(part, exact, [reached], called.warnings),
        *compare_pairs(part, near, [nearby], called.warnings),
    ]


def _around(counts: Counts, x: Floats, beta: Floats, se: Floats, tau: float) -> tuple[float, float]:
    """Return the log-likelihood at (beta, tau), and the highest one a little off along each of them."""
    k, p = x.shape
    spread = tau / math.sqrt(2.0 * k) if tau > 0.0 else float(np.max(se))
    highest = -math.inf
    for radius in RADII:
        for sign in (-1.0, 1.0):
            for j in range(p):
                moved = beta.copy()
                moved[j] += sign * radius * se[j]
                highest = max(highest, _loglik(counts, x @ moved, tau))
            # the likelihood is even in tau
            highest = max(highest, _loglik(counts, x @ beta, abs(tau + sign * radius * spread)))
    return _loglik(counts, x @ beta, tau), highest


def _loglik(counts: Counts, mu: Sequence[float] | Floats, tau: float) -> float:
    """Return the log-likelihood of all studies, each with a mean of its own."""
    return math.fsum(
        study_loglik(counts.family, float(events), float(size), float(mean), tau)
        for events, size, mean in zip(counts.events, counts.size, mu, strict=True)
    )
