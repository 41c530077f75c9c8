"""P-value functions of the studies, of the pooled value and of a new setting: a drapery plot in numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from meta.effects.measures import to_natural
from meta.effects.sizes import EffectSizes
from meta.errors import ModelError
from meta.inference.intervals import two_sided_quantile
from meta.inference.p_values import chi2_p, two_sided_p
from meta.kernels.glmm_profile import trace_profile
from meta.models.fitting import design_for, fit_model, usable_studies
from meta.models.likelihood import fit_held
from meta.options import ModelSpec
from meta.results import Estimate, Fit, Floats, to_plain

#: Points of each curve.
POINTS = 301
#: How far the grid goes beyond estimate and prediction interval, in their half widths.
REACH = 1.4
#: Share of the studies' intervals that may end beyond the grid at either side.
BEYOND = 0.05
#: From how many standard errors of the pooled value a likelihood is not asked: P is nothing there.
FAR = 7.0


@dataclass(frozen=True, slots=True)
class PValueCurves:
    """Two-sided P values against each value of a grid.

    Attributes
    ----------
    values, natural : arrays of shape (n,)
        The grid, rising on the analysis scale, and back-transformed.
    labels : tuple of str
        The m studies with an effect size.
    studies : array of shape (m, n)
        By the normal distribution of each effect size.
    peaks, natural_peaks : arrays of shape (m,)
        The effect sizes, where P is 1, on both scales.
    weights : array of shape (m,) or None
        Percent; None where the model has none.
    pooled : array of shape (n,)
        By the analysis's own interval (``ci_method``): where it is 1 - level, the interval ends.
    prediction : array of shape (n,) or None
        The same of the prediction interval; None where there is none, or none at other levels (bootstrap).
    """

    measure: str
    spec: ModelSpec
    k: int
    values: Floats
    natural: Floats
    labels: tuple[str, ...]
    studies: Floats
    peaks: Floats
    natural_peaks: Floats
    weights: Floats | None
    pooled: Floats
    prediction: Floats | None

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as a plain dictionary, NaN as None."""
        plain: dict[str, Any] = to_plain(self)
        return plain


def trace_p_values(effects: EffectSizes, spec: ModelSpec | None = None) -> PValueCurves:
    """Compute P-value functions on one grid.

    Parameters
    ----------
    effects : EffectSizes
        The studies.
    spec : ModelSpec, optional
        The analysis, one pooled value; ``ModelSpec()`` where none is given. Under ``profile`` the P values of
        the pooled value are likelihood-ratio tests, all in one batch.

    Returns
    -------
    PValueCurves

    Raises
    ------
    ModelError
        If the model is Bayesian (it tests nothing), or has no pooled value.

    References
    ----------
    Rucker & Schwarzer (2021), Research Synthesis Methods 12, 13-19; Infanger & Schmidt-Trucksass (2019),
    Statistics in Medicine 38, 4189-4197.
    """
    chosen = spec if spec is not None else ModelSpec()
    if chosen.model == "bayes":
        raise ModelError("P values are no answer of model='bayes': look at its posterior")
    fit = fit_model(effects, chosen)
    if fit.estimate is None:
        raise ModelError(f"P-value functions need a pooled value; this fit has none ({fit.status})")
    found = [s for s in fit.studies if s.used and s.y is not None and s.v]
    y, v = np.array([s.y for s in found], dtype=np.float64), np.array([s.v for s in found], dtype=np.float64)
    values = _grid(fit, fit.estimate, y, v)
    nothing = np.full(values.shape, np.nan)
    studies = two_sided_p((values - y[:, None]) / np.sqrt(v)[:, None], nothing)
    weighted = bool(found) and all(s.weight is not None for s in found)
    used = usable_studies(effects, chosen, design_for(effects, chosen))
    size = effects.harmonic_n(used)
    return PValueCurves(
        fit.measure,
        chosen,
        fit.k,
        values,
        to_natural(fit.measure, values, size),
        tuple(s.label for s in found),
        studies.reshape(len(found), values.size),
        y,
        to_natural(fit.measure, y, size),
        np.array([s.weight for s in found], dtype=np.float64) if weighted else None,
        _pooled(effects, chosen, fit, fit.estimate, values),
        _prediction(fit, fit.estimate, values),
    )


def _grid(fit: Fit, estimate: Estimate, y: Floats, v: Floats) -> Floats:
    """Return values about the pooled value and most studies; estimate and ends of intervals among them."""
    ends = [(estimate.low, estimate.high)]
    if fit.prediction is not None:
        ends.append((fit.prediction.low, fit.prediction.high))
    known = [x for pair in ends for x in pair if np.isfinite(x)]
    reach = max((abs(x - estimate.value) for x in known), default=estimate.se) or 1.0
    lows, highs = [estimate.value - REACH * reach], [estimate.value + REACH * reach]
    if y.size:
        width = float(two_sided_quantile(fit.spec.level, np.array([np.nan]))[0]) * np.sqrt(v)
        lows.append(float(np.quantile(y - width, BEYOND)))
        highs.append(float(np.quantile(y + width, 1.0 - BEYOND)))
    return np.unique([*np.linspace(min(lows), max(highs), POINTS), estimate.value, *known])


def _pooled(effects: EffectSizes, spec: ModelSpec, fit: Fit, estimate: Estimate, values: Floats) -> Floats:
    """Return the P values of the pooled value by its own kind of interval."""
    if spec.ci_method != "profile" or fit.status == "single_study":
        df = np.array(np.nan if estimate.df is None else estimate.df)
        return two_sided_p((values - estimate.value) / estimate.se, df)
    design = design_for(effects, spec)
    problem, batch = fit_held(effects, spec, usable_studies(effects, spec, design), design)
    near = np.abs(values - estimate.value) <= FAR * estimate.se
    loglik = trace_profile(problem, batch, values[near], of_tau=False, held=spec.holds_tau2)
    p = np.zeros(values.shape)
    lost = 2.0 * np.maximum(batch.loglik[0] - loglik, 0.0)
    p[near] = chi2_p(lost, np.ones_like(lost))
    return p


def _prediction(fit: Fit, estimate: Estimate, values: Floats) -> Floats | None:
    """Return the P values of a new setting: symmetric about the pooled value, as its interval is."""
    found = fit.prediction
    if found is None or found.method == "bootstrap" or not np.isfinite(found.high - found.low):
        return None
    df = np.array([np.nan if found.df is None else found.df])
    scale = 0.5 * (found.high - found.low) / two_sided_quantile(fit.spec.level, df)[0]
    if not scale > 0.0:
        return None
    return two_sided_p((values - estimate.value) / scale, df)
