"""The Bayesian normal-normal model: from the posterior's numbers to what a fit holds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from meta.effects.measures import find_measure, to_analysis, to_natural
from meta.effects.sizes import EffectSizes
from meta.errors import ModelError
from meta.inference.heterogeneity import h2_from_tau2, i2_from_tau2
from meta.inference.p_values import chi2_p
from meta.kernels.batch import BatchFit
from meta.kernels.posterior import (
    PosteriorRows,
    describe_posterior,
    fewest_studies,
    integrate_posterior,
    posterior_tails,
)
from meta.kernels.priors import Prior
from meta.models.rows import FittedRows, blank_rows
from meta.options import ModelSpec
from meta.results import Floats, Posterior, ShrunkenEffect

Mask = NDArray[np.bool_]

#: The prior where none is given, for measures on these scales (Roever et al. 2021, Res Synth Methods 12,
#: 448-474: heterogeneity of logs and logits is rarely beyond 1).
DEFAULT_PRIOR = Prior("half_normal", (0.5,))
DEFAULT_SCALES = ("log", "logit")


def find_prior(spec: ModelSpec, measure: str) -> Prior:
    """Return the prior of tau that the spec names, or the default of the measure's scale.

    Raises
    ------
    ModelError
        If the spec names none and the measure is on another scale than a log or a logit.
    """
    if spec.prior is not None:
        return Prior(spec.prior, spec.prior_parameters or ())
    if find_measure(measure).transform not in DEFAULT_SCALES:
        raise ModelError(
            f"model='bayes' needs a prior of tau for measure {measure}: the default, half-normal with scale "
            "0.5, is meant for logs and logits; give prior and prior_parameters in the units of the effects"
        )
    return DEFAULT_PRIOR


def infer_bayes(
    batch: BatchFit, y: Floats, v: Floats, mask: Mask, spec: ModelSpec, prior: Prior
) -> FittedRows:
    """Integrate the posterior of every row of ``mask`` and return the finished numbers.

    Parameters
    ----------
    batch : BatchFit
        The common-effect fits of the same arrays: Q and the typical variance are theirs.
    y, v : array of shape (k,) or (B, k)
        Effect sizes and sampling variances on the analysis scale.
    mask : array of bool, shape (B, k)
        Which studies each analysis uses.
    spec : ModelSpec
        Model ``bayes``.
    prior : Prior
        Of tau.

    Returns
    -------
    FittedRows
        ``value`` is the median of mu, ``se`` its posterior standard deviation; there is no test, so
        ``statistic`` and ``p_value`` are NaN. I2 and H2 are medians and intervals of what follows from tau2.
    """
    found = integrate_posterior(y, v, mask, prior, spec.level)
    blank = blank_rows(found.k.size, 1, found.k)
    tau2, low, high = (np.square(found.tau[:, place]) for place in range(3))
    interval = spec.tau2_ci is not None
    prediction = spec.pi_method is not None
    free = (found.k - 1).astype(np.float64)
    typical = batch.typical_variance
    return replace(
        blank,
        value=found.mu[:, :1],
        se=found.sd[:, None],
        low=found.mu[:, 1:2],
        high=found.mu[:, 2:3],
        covariance=np.square(found.sd)[:, None, None],
        tau2=tau2,
        tau2_low=low if interval else blank.tau2_low,
        tau2_high=high if interval else blank.tau2_high,
        q=batch.q,
        q_df=np.where(np.isnan(batch.q), np.nan, free),
        q_p=chi2_p(batch.q, free),
        i2=i2_from_tau2(tau2, typical),
        h2=h2_from_tau2(tau2, typical),
        i2_low=i2_from_tau2(low, typical) if interval else None,
        i2_high=i2_from_tau2(high, typical) if interval else None,
        h2_low=h2_from_tau2(low, typical) if interval else None,
        h2_high=h2_from_tau2(high, typical) if interval else None,
        typical_variance=typical,
        prediction_low=found.new[:, 1] if prediction else blank.prediction_low,
        prediction_high=found.new[:, 2] if prediction else blank.prediction_high,
        status=found.status,
        weights=found.weights,
        notes=tuple(_notes(int(k), prior) for k in found.k),
    )


def _notes(k: int, prior: Prior) -> tuple[str, ...]:
    """Say why a posterior does not exist, or what that of a single study is."""
    fewest = fewest_studies(prior)
    if 0 < k < fewest:
        return (
            "no posterior: under a uniform prior of tau without an upper end it is proper from "
            f"{fewest} studies on; here {'is' if k == 1 else 'are'} {k}",
        )
    if k == 1:
        return ("one study says nothing of tau: the interval of the mean carries the prior of tau unchanged",)
    return ()


def describe_rows(
    effects: EffectSizes, spec: ModelSpec, mask: Mask, rows: FittedRows, prior: Prior
) -> tuple[Posterior | None, ...]:
    """Return what each analysis of a few shows beside its estimate; None where there is no posterior."""
    found = integrate_posterior(effects.y, effects.v, mask, prior, spec.level)
    return tuple(
        None if np.isnan(rows.value[i, 0]) else _describe(effects, spec, mask[i], found, i, prior)
        for i in range(mask.shape[0])
    )


def _describe(
    effects: EffectSizes, spec: ModelSpec, used: Mask, found: PosteriorRows, i: int, prior: Prior
) -> Posterior:
    details = describe_posterior(effects.y, effects.v, used, prior, spec.level)
    natural_null = find_measure(effects.measure).null
    null = None if natural_null is None else float(to_analysis(effects.measure, natural_null))
    tails = (None, None) if null is None else posterior_tails(effects.y, effects.v, used, prior, null)
    return Posterior(
        prior=prior.name,
        prior_parameters=prior.parameters,
        mean=_number(found.mean[i]),
        sd=float(found.sd[i]),
        tau=float(found.tau[i, 0]),
        tau_low=float(found.tau[i, 1]),
        tau_high=float(found.tau[i, 2]),
        log_marginal=_number(found.log_marginal[i]),
        null=null,
        tail_mu=tails[0],
        tail_new=tails[1],
        shrunken=_shrunken(effects, used, details.shrunken),
        density_mu=_with_natural(effects, used, details.density_mu),
        density_new=_with_natural(effects, used, details.density_new),
        density_tau=details.density_tau,
    )


def _shrunken(effects: EffectSizes, used: Mask, shrunken: Floats) -> tuple[ShrunkenEffect, ...]:
    """Return the shrunken effect of each study used, on both scales."""
    places = np.flatnonzero(used)
    # a transform that turns back with a size takes the study's own
    size = effects.harmonic_n(np.eye(used.size, dtype=bool)[places])
    natural = np.stack([to_natural(effects.measure, shrunken[places, c], size) for c in range(3)], axis=1)
    return tuple(
        ShrunkenEffect(effects.labels[j], *map(float, shrunken[j, :3]), *map(float, natural[n]))
        for n, j in enumerate(places)
    )


def _with_natural(effects: EffectSizes, used: Mask, curve: Floats) -> Floats:
    """Return a density curve (n, 2) with its points on the natural scale and the density there, (n, 4)."""
    natural = to_natural(effects.measure, curve[:, 0], effects.harmonic_n(used))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        # the slope of the transform from the points themselves: the curve is for looking at
        density = curve[:, 1] * np.gradient(curve[:, 0]) / np.gradient(natural)
    return np.column_stack([curve, natural, np.where(np.isfinite(density), density, np.nan)])


def _number(value: float | np.floating) -> float | None:
    return None if np.isnan(value) else float(value)
