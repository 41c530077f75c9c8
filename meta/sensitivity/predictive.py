"""The predictive distribution of the true value in a new setting, and its share beyond a threshold."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import special

from meta.effects.measures import find_measure, to_analysis, to_natural
from meta.effects.sizes import EffectSizes
from meta.errors import ModelError
from meta.inference.intervals import two_sided_quantile
from meta.models.fitting import design_for, fit_model, usable_studies
from meta.models.posterior_tails import posterior_tail
from meta.options import ModelSpec, check_option
from meta.results import Estimate, Fit, Floats, Posterior, Prediction, to_plain
from meta.sensitivity.share import Beyond, Share, expected_share, refuse_share

#: Points of the curve.
POINTS = 401
#: Probability left out at either end of it.
TAIL = 0.001
#: How many half widths of the 95% interval it reaches at most: t with few degrees of freedom has tails that
#: nobody can draw.
REACH = 3.0
#: Step of the slope between the scales, in units of the scale of the distribution.
STEP = 1e-5

_NO_INTERVAL = "a predictive distribution needs a prediction interval; this fit has none ({})"


@dataclass(frozen=True, slots=True)
class PredictiveCurve:
    """The density of the true value in a new setting, on a grid of shape (n,).

    Attributes
    ----------
    values, density : arrays of shape (n,)
        In rising order on the analysis scale; prediction interval, middle and threshold are among them.
    natural, natural_density : arrays of shape (n,)
        The same back-transformed; NaN where the natural scale ends.
    middle, low, high : float
        Median and prediction interval, natural; ``level`` is that of the interval.
    df : float or None
        Degrees of freedom of the t distribution; None for a normal one and for a posterior.
    method : str
        ``pi_method`` of the spec; ``posterior`` under the Bayesian model.
    threshold : float or None
        Natural.
    beyond : {"above", "below"}
        Which side is counted.
    probability : float or None
        Of the predictive distribution beyond the threshold: a fraction, computed as a tail.
    share : Share or None
        The estimated share of settings beyond it with its bootstrap interval, which takes mean and tau2 as
        they are estimated; None without a threshold or where the model has none.
    """

    measure: str
    spec: ModelSpec
    k: int
    values: Floats
    density: Floats
    natural: Floats
    natural_density: Floats
    middle: float
    low: float
    high: float
    level: float
    df: float | None
    method: str
    threshold: float | None
    beyond: str
    probability: float | None
    share: Share | None

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as a plain dictionary, NaN as None."""
        plain: dict[str, Any] = to_plain(self)
        return plain


def trace_prediction(
    effects: EffectSizes,
    spec: ModelSpec | None = None,
    *,
    threshold: float | None = None,
    beyond: Beyond = "above",
) -> PredictiveCurve:
    """Compute the density of the true value in a new setting.

    Parameters
    ----------
    effects : EffectSizes
        The studies.
    spec : ModelSpec, optional
        An analysis with a prediction interval; ``ModelSpec()`` where none is given.
    threshold : float, optional
        On the natural scale: a proportion, a rate, a ratio, a difference.
    beyond : {"above", "below"}
        Which side of it is counted.

    Returns
    -------
    PredictiveCurve
        mu + s T, with the T and the s of the analysis's own prediction interval: the interval holds ``level``
        of the density. Under the Bayesian model the posterior predictive density.

    Raises
    ------
    ModelError
        If the analysis has no prediction interval or none that is a distribution (bootstrap), or the
        threshold lies outside the scale of the measure.

    References
    ----------
    Higgins, Thompson & Spiegelhalter (2009), JRSS A 172, 137-159.
    """
    chosen = spec if spec is not None else ModelSpec()
    check_option("beyond", beyond, Beyond)
    fit = fit_model(effects, chosen)
    used = usable_studies(effects, chosen, design_for(effects, chosen))
    size = effects.harmonic_n(used) if find_measure(effects.measure).size is not None else None
    cut = None if threshold is None else float(to_analysis(effects.measure, threshold, size))
    if cut is not None and not np.isfinite(cut):
        raise ModelError(f"threshold must lie inside the scale of measure {effects.measure}; got {threshold}")
    if fit.posterior is not None:
        curve = _posterior_curve(fit, fit.posterior, cut)
    else:
        curve = _scaled_curve(fit, cut, beyond)
    curve = replace(curve, beyond=beyond, threshold=None if threshold is None else float(threshold))
    if fit.posterior is not None and threshold is not None:
        above = posterior_tail(effects, chosen, threshold).new
        curve = replace(curve, probability=above if beyond == "above" else 1.0 - above)
    elif threshold is not None and refuse_share(chosen, effects.measure, threshold) is None:
        share = expected_share(effects, chosen, threshold=threshold, beyond=beyond)
        curve = replace(curve, share=share)
    return _with_natural(curve, size)


def _scaled_curve(fit: Fit, cut: float | None, beyond: str) -> PredictiveCurve:
    """Return the density of mu + s T, without its natural side."""
    estimate, found = fit.estimate, fit.prediction
    if estimate is None or found is None:
        raise ModelError(_NO_INTERVAL.format(_why(fit)))
    if found.method == "bootstrap":
        raise ModelError("pi_method='bootstrap' gives an interval and no distribution")
    df = np.array([np.nan if found.df is None else found.df])
    scale = _scale(estimate, found, df)
    most = REACH * two_sided_quantile(0.95, df)
    reach = np.minimum(two_sided_quantile(1.0 - 2.0 * TAIL, df), most)
    ends = estimate.value + scale * float(reach[0]) * np.array([-1.0, 1.0])
    values = _grid(ends, [estimate.value, found.low, found.high, *([] if cut is None else [cut])])
    probability = None
    if cut is not None:
        distance = (estimate.value - cut if beyond == "above" else cut - estimate.value) / scale
        probability = float(special.ndtr(distance) if found.df is None else special.stdtr(found.df, distance))
    density = _density((values - estimate.value) / scale, found.df) / scale
    return _curve(fit, values, density, found, probability)


def _why(fit: Fit) -> str:
    if fit.spec.pi_method is None:
        return "pi_method is None"
    return f"k = {fit.k}" if fit.status == "ok" else f"k = {fit.k}, {fit.status}"


def _scale(estimate: Estimate, found: Prediction, df: Floats) -> float:
    """Return the s of the interval value -+ q s, which is symmetric about the estimate."""
    scale = 0.5 * (found.high - found.low) / float(two_sided_quantile(estimate.level, df)[0])
    if not (np.isfinite(scale) and scale > 0.0):
        raise ModelError("a predictive distribution needs a prediction interval of a finite width above 0")
    return scale


def _grid(ends: Floats, known: list[float]) -> Floats:
    """Return even steps between the ends, and what is known among them."""
    inside = [x for x in known if ends[0] < x < ends[1]]
    return np.unique([*np.linspace(ends[0], ends[1], POINTS), *inside])


def _density(z: Floats, df: float | None) -> Floats:
    """Return the standard density of t, or the normal one."""
    if df is None:
        return np.asarray(np.exp(-0.5 * z * z) / np.sqrt(2.0 * np.pi))
    log = special.gammaln(0.5 * (df + 1.0)) - special.gammaln(0.5 * df) - 0.5 * np.log(df * np.pi)
    return np.asarray(np.exp(log - 0.5 * (df + 1.0) * np.log1p(z * z / df)))


def _posterior_curve(fit: Fit, posterior: Posterior, cut: float | None) -> PredictiveCurve:
    """Return the posterior predictive density, without its natural side."""
    found, points = fit.prediction, posterior.density_new
    if found is None:
        raise ModelError(_NO_INTERVAL.format(_why(fit)))
    x, y = points[:, 0], points[:, 1]
    known = [found.low, found.high, *([] if cut is None else [cut])]
    values = np.unique([*x, *(one for one in known if x[0] < one < x[-1])])
    # straight between the points of the posterior's own curve, which is for looking at
    return _curve(fit, values, np.interp(values, x, y), found, None)


def _curve(
    fit: Fit, values: Floats, density: Floats, found: Prediction, probability: float | None
) -> PredictiveCurve:
    natural = fit.natural
    assert natural is not None, "an estimate without moderators has a natural value"
    assert natural.prediction_low is not None, "as the prediction interval has bounds"
    assert natural.prediction_high is not None
    nothing = np.full(values.shape, np.nan)
    method = "posterior" if fit.posterior is not None else found.method
    return PredictiveCurve(
        fit.measure, fit.spec, fit.k, values, density, nothing, nothing,
        natural.value, natural.prediction_low, natural.prediction_high, fit.spec.level,
        found.df, method, None, "above", probability, None,
    )  # fmt: skip


def _with_natural(curve: PredictiveCurve, size: Floats | None) -> PredictiveCurve:
    """Add the natural side: points turned back, and the density by the slope of the transform there."""
    step = STEP * (curve.values[-1] - curve.values[0])
    at, before, after = (to_natural(curve.measure, curve.values + d, size) for d in (0.0, -step, step))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        density = curve.density * 2.0 * step / (after - before)
    return replace(curve, natural=at, natural_density=np.where(np.isfinite(density), density, np.nan))
