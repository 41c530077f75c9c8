"""statsmodels on effect sizes: DL and PM by ``combine_effects``, weighted least squares at our tau2."""

from __future__ import annotations

from importlib.metadata import version

import numpy as np

from meta.crosscheck.calls import call_engine
from meta.crosscheck.opinions import (
    EXACT,
    STATSMODELS,
    STATSMODELS_PM,
    STATSMODELS_PM_TAU2,
    Numbers,
    Opinion,
    Pair,
    Question,
    compare_pairs,
    decline,
)
from meta.crosscheck.ours import (
    METHODS,
    Data,
    choose_numbers,
    cochran_q,
    pair_hksj,
    pair_mean,
    pair_tau2,
    reported,
)
from meta.results import Fit

#: Its Q exceeds k - 1 by more than rounding, and yet its PM is 0: the iteration fell back.
ABOVE = 1e-9

#: How near k - 1 its Q has to come. Its default, 1e-5, leaves limits off by up to 2e-5 (1,000 made sets of 2
#: to 39 studies); much below 1e-6 rounding makes it pass the root and fall back to 0.
PM_ATOL = 1e-6

Rows = tuple[Numbers, Numbers]


def ask_statsmodels(part: str, prefix: str, data: Data, fit: Fit | None) -> list[Opinion]:
    """Compare DL, PM and weighted least squares at our tau2, and what ``fit`` reports at its own.

    Parameters
    ----------
    part : str
        Which fit of the analysis.
    prefix : str
        Words before the name of each number; empty for the fit's own data.
    data : Data
        Effect sizes, at least two.
    fit : Fit or None
        The reported inverse-variance fit; None for the twin of a GLMM, which reports nothing.
    """
    number = version("statsmodels")
    exact = Question(STATSMODELS, number, f"{prefix}DL, and weighted least squares at our tau²", EXACT)
    called = call_engine(lambda: (_combine(data, "chi2"), _weigh_all(data, fit)))
    if called.value is None:
        opinions = [decline(part, exact, called.failure)]
    else:
        (dl, q, _), weighed = called.value
        pairs = _pair_rows("DL", "DL", dl, data)
        for method in METHODS:
            pairs += _pair_rows(f"least squares at the tau2 of {method}", method, weighed[method], data)[1:]
        if fit is not None:
            pairs += _pair_reported(fit, weighed, q, data)
        opinions = compare_pairs(part, exact, pairs, called.warnings)
    return opinions + _ask_paule_mandel(part, prefix, data, number)


def _ask_paule_mandel(part: str, prefix: str, data: Data, number: str) -> list[Opinion]:
    """Compare the estimator of Paule and Mandel, whose stopping rule gives tau2 fewer digits than limits."""
    tau2 = Question(STATSMODELS, number, f"{prefix}PM: tau²", STATSMODELS_PM_TAU2)
    mean = Question(STATSMODELS, number, f"{prefix}PM: estimate, standard errors, limits", STATSMODELS_PM)
    called = call_engine(lambda: _combine(data, "iterated"))
    if called.value is None:
        return [decline(part, tau2, called.failure), decline(part, mean, called.failure)]
    rows, q, raw = called.value
    if raw == 0.0 and q > (data.y.size - 1) * (1.0 + ABOVE):
        reason = "its iteration passed the root by a rounding and fell back to tau2 = 0"
        return [decline(part, tau2, reason), decline(part, mean, reason)]
    pairs = _pair_rows("PM", "PM", rows, data)
    return [
        *compare_pairs(part, tau2, pairs[:1], called.warnings),
        *compare_pairs(part, mean, pairs[1:], called.warnings),
    ]


def _combine(data: Data, method: str) -> tuple[Rows, float, float]:
    """Return the Wald and HKSJ rows of ``combine_effects``, its Q, and its tau2 before it is cut off at 0.

    Its DL tau2 may be negative; it counts as 0, and its rows, which rest on the negative one, give way to
    weighted least squares at 0.
    """
    from statsmodels.stats.meta_analysis import combine_effects

    alpha = 1.0 - data.level
    closer = {"atol": PM_ATOL} if method == "iterated" else {}
    found = combine_effects(data.y, data.v, method_re=method, alpha=alpha, **closer)
    raw = float(found.tau2)
    if raw < 0.0:
        return _weigh(data, 0.0), float(found.q), raw
    mean = float(found.mean_effect_re)
    low, high = found.conf_int(alpha=alpha, use_t=False)[1]
    wald = Numbers(raw, mean, float(found.sd_eff_w_re), float(low), float(high))
    low, high = found.conf_int(alpha=alpha, use_t=True)[3]
    hksj = Numbers(raw, mean, float(found.sd_eff_w_re_hksj), float(low), float(high))
    return (wald, hksj), float(found.q), raw


def _weigh_all(data: Data, fit: Fit | None) -> dict[str, Rows]:
    """Return weighted least squares at our tau2 by each estimator and, as ``reported``, at the fit's."""
    tau2 = {name: data.ours[name, "Wald"].tau2 for name in METHODS}
    if fit is not None and fit.estimate is not None:
        tau2["reported"] = reported(fit).tau2
    return {name: _weigh(data, value) for name, value in tau2.items()}


def _weigh(data: Data, tau2: float) -> Rows:
    """Return the mean by weighted least squares: at a fixed scale (Wald), and at its own (HKSJ)."""
    from statsmodels.regression.linear_model import WLS

    model = WLS(data.y, np.ones((data.y.size, 1)), weights=1.0 / (data.v + tau2))
    rows = []
    for fitted in (model.fit(cov_type="fixed scale", use_t=False), model.fit(use_t=True)):
        low, high = fitted.conf_int(alpha=1.0 - data.level)[0]
        rows.append(Numbers(tau2, float(fitted.params[0]), float(fitted.bse[0]), float(low), float(high)))
    return rows[0], rows[1]


def _pair_rows(name: str, method: str, theirs: Rows, data: Data) -> list[Pair]:
    """Pair our numbers by one estimator with an engine's two rows: tau2 first, then the mean's."""
    wald, hksj = theirs
    ours = data.ours[method, "Wald"]
    return [
        pair_tau2(name, ours, wald, data),
        *pair_mean(f"{name}, Wald", ours, wald, data),
        *pair_hksj(name, method, wald, hksj, data),
    ]


def _pair_reported(fit: Fit, weighed: dict[str, Rows], q: float, data: Data) -> list[Pair]:
    """Pair what the fit reports with weighted least squares at its tau2, and its Q."""
    ours = cochran_q(fit)
    pairs = [] if ours is None else [Pair("reported: Q", ours, q, 1.0)]
    if fit.estimate is None:
        return pairs
    # UWLS is weighted least squares at its own scale
    interval = "HKSJ" if fit.spec.model == "uwls" else fit.spec.ci_method or ""
    chosen = choose_numbers(*weighed["reported"], data, interval, fit.spec.ci_guard)
    return [*pairs, *pair_mean("reported", reported(fit), chosen, data)]
