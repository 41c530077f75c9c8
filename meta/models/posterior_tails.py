"""Posterior probabilities beyond a threshold, under the Bayesian model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from meta.effects.measures import to_analysis
from meta.effects.sizes import EffectSizes
from meta.errors import ModelError
from meta.kernels.posterior import posterior_tails
from meta.models.bayes import find_prior
from meta.models.fitting import design_for, usable_studies
from meta.options import ModelSpec
from meta.results import Fit, PosteriorTail


def posterior_tail(effects: EffectSizes, spec: ModelSpec, threshold: float) -> PosteriorTail:
    """Return how probable it is that the mean, and the effect in a new study, lie above a threshold.

    Parameters
    ----------
    effects : EffectSizes
        The studies.
    spec : ModelSpec
        Model ``bayes``.
    threshold : float
        On the natural scale of the measure: a proportion as a fraction, a ratio as a ratio.

    Returns
    -------
    PosteriorTail

    Raises
    ------
    ModelError
        If the model is another, the threshold is no number on the scale, or the posterior is improper.
    """
    if spec.model != "bayes":
        raise ModelError(f"posterior probabilities come from model='bayes'; got model={spec.model!r}")
    prior = find_prior(spec, effects.measure)
    used = usable_studies(effects, spec, design_for(effects, spec))
    size = effects.harmonic_n(used)
    place = float(to_analysis(effects.measure, threshold, size))
    if np.isnan(place):
        raise ModelError(f"threshold={threshold!r} is no value of measure {effects.measure}")
    mu, new = posterior_tails(effects.y, effects.v, used, prior, place)
    return PosteriorTail(threshold, mu, new)


def with_threshold(fit: Fit, effects: EffectSizes, threshold: float | None) -> Fit:
    """Return a fit whose posterior, if it has one, says how probable values above a threshold are."""
    if threshold is None or fit.posterior is None:
        return fit
    beyond = posterior_tail(effects, fit.spec, threshold)
    return replace(fit, posterior=replace(fit.posterior, beyond=beyond))
