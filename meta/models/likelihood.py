"""The profile likelihood of tau2 or of the mean: a curve, its peak, and the interval that it cuts off."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri

from meta.effects.sizes import EffectSizes
from meta.errors import ModelError
from meta.inference.profile_mean import profile_mean
from meta.kernels.glmm import GlmmBatch, fit_problem
from meta.kernels.glmm_beta import beta_binomial_problem
from meta.kernels.glmm_problem import Problem, check_problem
from meta.kernels.glmm_profile import trace_profile
from meta.kernels.glmm_two import build_problem, check_two_groups, fit_two_groups
from meta.models.design import Design
from meta.models.fitting import GLMM_DATA, design_for, fit_model, trace_tau2, usable_studies
from meta.models.glmm import FAMILY
from meta.models.glmm_pairs import PAIRS
from meta.options import TWO_GROUP_GLMMS, ModelSpec, check_option
from meta.results import Fit, Floats, to_plain

#: Points of the curve.
POINTS = 161
#: How far the curve goes beyond the interval: tau2 up to this multiple of its upper bound, the mean by this
#: share of the width of the interval.
BEYOND_TAU2 = 1.8
BEYOND_MEAN = 0.35
#: Points at which further maxima are looked for, over twelve decades of tau2.
SCAN = 145
#: Points of the search for the top of a lower maximum.
FINER = 41

Parameter = Literal["tau2", "mean"]


@dataclass(frozen=True, slots=True)
class LikelihoodTrace:
    """A profile likelihood on the analysis scale, shape (n,): everything else is at its best at each value.

    Attributes
    ----------
    parameter : str
        ``tau2`` or ``mean``.
    values, loglik : arrays of shape (n,)
        In rising order; NaN where the rest could not be fitted.
    restricted : bool
        Restricted likelihood (under REML, tau2 only), or the full one.
    peak, highest : float
        Where the likelihood is highest, and how high.
    low, high : float or None
        The interval: what lies at most ``drop`` below the peak; None where a bound was not found.
    drop : float
        Half the chi-squared(1) quantile of ``level``.
    estimate : float
        The analysis's own estimate, which another estimator than maximum likelihood puts elsewhere.
    lower_maxima : tuple of float
        Further local maxima.
    """

    parameter: str
    measure: str
    spec: ModelSpec
    k: int
    values: Floats
    loglik: Floats
    restricted: bool
    peak: float
    highest: float
    low: float | None
    high: float | None
    level: float
    drop: float
    estimate: float
    lower_maxima: tuple[float, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as a plain dictionary, NaN as None."""
        plain: dict[str, Any] = to_plain(self)
        return plain


def trace_likelihood(
    effects: EffectSizes, spec: ModelSpec | None = None, *, parameter: Parameter = "tau2"
) -> LikelihoodTrace:
    """Trace the profile likelihood of tau2 or of the mean.

    Parameters
    ----------
    effects : EffectSizes
        The studies.
    spec : ModelSpec, optional
        ``random`` (``ModelSpec()`` where none is given) or a GLMM. Under ``random`` with REML the profile of
        tau2 is that of the restricted likelihood; other estimators have that of the full one.
    parameter : {"tau2", "mean"}
        What is held at each value; the mean without moderators only.

    Returns
    -------
    LikelihoodTrace
        All held values are fitted in one batch.

    Raises
    ------
    ModelError
        If the model has no such likelihood, holds tau2, has weights of its own or moderators with
        ``parameter="mean"``, or cannot be fitted.

    References
    ----------
    Hardy & Thompson (1996), Statistics in Medicine 15, 619-629; Viechtbauer (2007), Statistics in Medicine
    26, 37-52.
    """
    chosen = spec if spec is not None else ModelSpec()
    check_option("parameter", parameter, Parameter)
    if reason := _refuse(chosen, parameter):
        raise ModelError(reason)
    fit = fit_model(effects, chosen)
    if fit.k < 2 or (fit.tau2 is None if parameter == "tau2" else fit.estimate is None):
        raise ModelError(
            f"a profile likelihood needs a fit of two studies or more; this one: k = {fit.k}, {fit.status}"
        )
    return _Curve(effects, chosen, parameter).trace(fit)


def _refuse(spec: ModelSpec, parameter: str) -> str | None:
    """Return why a model has no profile likelihood of a parameter, or None where it has one."""
    if spec.model != "random" and (
        not spec.is_glmm or (spec.model == "beta_binomial" and parameter == "tau2")
    ):
        return f"model={spec.model!r} has no profile likelihood of {parameter}; random and the GLMMs have one"
    if spec.weights is not None or spec.cluster is not None:
        return "a profile likelihood takes the likelihood's own weights, and rows that are independent"
    if parameter == "tau2" and spec.holds_tau2:
        return "tau2 is held at 0 (tau2_method=None), so that it has no profile likelihood"
    if parameter == "mean" and spec.moderators is not None:
        return "with moderators there is no single mean to profile"
    return None


class _Curve:
    """The log-likelihood of one analysis as a function of the parameter held."""

    def __init__(self, effects: EffectSizes, spec: ModelSpec, parameter: str) -> None:
        self.effects, self.spec, self.parameter = effects, spec, parameter
        self.design: Design = design_for(effects, spec)
        self.used = usable_studies(effects, spec, self.design)
        self.restricted = spec.model == "random" and spec.tau2_method == "REML" and parameter == "tau2"
        self.glmm = fit_held(effects, spec, self.used, self.design) if spec.is_glmm else None

    def at(self, values: Floats) -> Floats:
        """Return the log-likelihood at each value, shape (n,)."""
        if self.glmm is not None:
            of_tau = self.parameter == "tau2"
            return trace_profile(*self.glmm, values, of_tau=of_tau, held=self.spec.holds_tau2)
        if self.parameter == "tau2":
            return trace_tau2(self.effects, self.spec, self.design, values, restricted=self.restricted)
        return profile_mean(self.effects.y[self.used], self.effects.v[self.used], values)

    def trace(self, fit: Fit) -> LikelihoodTrace:
        """Trace the curve about its peak, and find peak, interval and further maxima."""
        drop = 0.5 * float(chdtri(1, 1.0 - self.spec.level))
        peak, low, high, several = self._peak(drop)
        values = self._grid(peak, low, high, several)
        loglik = self.at(values)
        highest = float(loglik[np.searchsorted(values, peak)])
        own = fit.tau2 if self.parameter == "tau2" else fit.estimate
        assert own is not None, "checked by the caller"
        return LikelihoodTrace(
            self.parameter, fit.measure, self.spec, fit.k, values, loglik, self.restricted, peak, highest,
            low, high, self.spec.level, drop, own.value, self._lower_maxima(values, loglik, peak),
        )  # fmt: skip

    def _peak(self, drop: float) -> tuple[float, float | None, float | None, bool]:
        """Return the maximum, the bounds of the interval, and whether the fit found several maxima."""
        if self.spec.is_glmm:
            tau2_ci = "PL" if self.parameter == "tau2" else None
            whole = replace(self.spec, ci_method="profile", tau2_ci=tau2_ci)
        else:
            method = "REML" if self.restricted else "ML"
            whole = replace(self.spec, tau2_method=method, tau2_ci="PL", ci_method="Wald", ci_guard="none")
        best = fit_model(self.effects, whole)
        tau2, mean, several = best.tau2, best.estimate, best.status == "several_maxima"
        if self.parameter == "tau2" and tau2 is not None:
            return tau2.value, tau2.low, tau2.high, several
        if mean is None:
            raise ModelError(f"a profile likelihood needs its maximum; the fit by it is {best.status}")
        if self.spec.is_glmm:
            return mean.value, _finite(mean.low), _finite(mean.high), several
        return (mean.value, *self._mean_bounds(mean.value, mean.se, drop), several)

    def _mean_bounds(self, peak: float, se: float, drop: float) -> tuple[float, float]:
        """Return where the profile of the mean has fallen by ``drop``, by halving on either side."""
        side = np.array([-1.0, 1.0])
        floor = float(self.at(np.array([peak]))[0]) - drop
        out = np.full(2, se)
        while (above := self.at(peak + side * out) > floor).any():
            out = np.where(above, 2.0 * out, out)
        inner = np.zeros(2)
        for _ in range(100):
            middle = 0.5 * (inner + out)
            above = self.at(peak + side * middle) > floor
            inner, out = np.where(above, middle, inner), np.where(above, out, middle)
        low, high = peak + side * 0.5 * (inner + out)
        return float(low), float(high)

    def _scan(self, scale: float) -> Floats:
        """Return values of tau2 about every maximum, wherever it lies: a triple for each."""
        values = np.concatenate([[0.0], scale * np.geomspace(1e-6, 1e6, SCAN)])
        loglik = np.nan_to_num(self.at(values), nan=-np.inf)
        tops = np.flatnonzero((loglik[1:-1] > loglik[:-2]) & (loglik[1:-1] > loglik[2:])) + 1
        return np.unique(values[np.concatenate([tops - 1, tops, tops + 1])])

    def _grid(self, peak: float, low: float | None, high: float | None, several: bool) -> Floats:
        """Return values about the interval, those of peak and bounds among them."""
        known = [x for x in (peak, low, high) if x is not None]
        if self.parameter == "tau2":
            # a tau2 estimated at 0 without an upper bound: as far as the typical variance tells
            typical = float(np.median(self.effects.v[self.used & np.isfinite(self.effects.v)]))
            top = BEYOND_TAU2 * high if high else 4.0 * max(peak, typical)
            further = self._scan(max(top, typical)) if several else np.empty(0)
            top = max(top, BEYOND_TAU2 * float(further.max(initial=0.0)))
            return np.unique([*np.square(np.linspace(0.0, np.sqrt(top), POINTS)), *further, *known])
        wide = max(known) - min(known)
        wide = wide if wide > 0.0 else max(abs(peak), 1.0)
        ends = (min(known) - BEYOND_MEAN * wide, max(known) + BEYOND_MEAN * wide)
        return np.unique([*np.linspace(*ends, POINTS), *known])

    def _lower_maxima(self, values: Floats, loglik: Floats, peak: float) -> tuple[float, ...]:
        """Return the local maxima but the highest; each is looked at more closely."""
        padded = np.concatenate([[-np.inf], loglik, [-np.inf]])
        tops = np.flatnonzero((padded[1:-1] > padded[:-2]) & (padded[1:-1] > padded[2:]))
        found = []
        # the ends of the curve are no maxima, but 0 is where the likelihood falls from there
        ends = {0, values.size - 1} if self.parameter == "mean" else {values.size - 1}
        for top in tops.tolist():
            if values[top] == peak or top in ends:
                continue
            finer = np.linspace(values[max(top - 1, 0)], values[top + 1], FINER)
            at = float(finer[np.nanargmax(self.at(finer))])
            if not np.isclose(at, peak, rtol=1e-6):
                found.append(at)
        return tuple(found)


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def fit_held(
    effects: EffectSizes, spec: ModelSpec, used: NDArray[np.bool_], design: Design
) -> tuple[Problem, GlmmBatch]:
    """Fit a GLMM as the kernel sees it: the likelihood and its one analysis."""
    matrix = np.where(used[:, None], design.matrix, 0.0)
    held = 0.0 if spec.tau2_method is None and spec.model != "beta_binomial" else None
    if spec.model in TWO_GROUP_GLMMS:
        names = PAIRS[effects.measure]
        e1, s1, e2, s2 = (
            np.where(used, effects.counts[name], fill)
            for name, fill in zip(names, (0.0, 1.0, 0.0, 1.0), strict=True)
        )
        family = "binomial" if effects.measure == "OR" else "poisson"
        data = check_two_groups(family, (e1, s1, e2, s2), used[None, :], matrix)
        problem = build_problem(spec.model, data)
        return problem, fit_two_groups(spec.model, data, problem, held)
    _, events, size = GLMM_DATA[spec.model]
    counts = np.where(used, effects.counts[events], 0.0), np.where(used, effects.counts[size], 1.0)
    problem = check_problem(FAMILY[spec.model], *counts, used[None, :], matrix)
    if spec.model == "beta_binomial":
        problem = beta_binomial_problem(problem)
    return problem, fit_problem(problem, held)
