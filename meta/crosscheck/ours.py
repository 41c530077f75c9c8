"""Our side of a second opinion: the data of a fit, what it reports, and refits by every estimator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from meta.crosscheck.opinions import Numbers, Pair
from meta.effects.sizes import EffectSizes
from meta.models.fitting import GLMM_DATA, fit_many
from meta.models.glmm import FAMILY, empirical_values
from meta.options import TWO_GROUP_GLMMS, ModelSpec
from meta.results import Fit, Floats

#: Estimators of tau2 that some engine has too, or at whose tau2 one finds the mean again.
METHODS = ("DL", "HE", "PM", "REML", "ML")

#: Name of an interval -> (our ci_method, our guard).
INTERVALS = {"Wald": ("Wald", "none"), "HKSJ": ("HKSJ", "none"), "HKSJ after its guard": ("HKSJ", "se")}


@dataclass(frozen=True, slots=True)
class Data:
    """Effect sizes y and variances v (k,) that an inverse-variance model is fitted to, and our fits of them.

    ``ours`` holds them by estimator and name of the interval. ``scale`` is the Wald standard error of the
    mean at the tau2 of REML, ``typical`` a sampling variance: what differences of means and of tau2 are
    measured against where the numbers are near 0.
    """

    y: Floats
    v: Floats
    level: float
    ours: Mapping[tuple[str, str], Numbers]
    scale: float
    typical: float


@dataclass(frozen=True, slots=True)
class Counts:
    """Events and size (people or person-time) of the studies a GLMM was fitted to, shape (k,)."""

    family: str
    events: Floats
    size: Floats


def used_places(effects: EffectSizes, fit: Fit) -> list[int]:
    """Return where the studies that the fit used stand among the effect sizes."""
    used = {study.label for study in fit.studies if study.used}
    return [i for i, label in enumerate(effects.labels) if label in used]


def take_counts(effects: EffectSizes, fit: Fit) -> Counts:
    """Return the counts that a GLMM was fitted to."""
    places = used_places(effects, fit)
    _, events, size = GLMM_DATA[fit.spec.model]
    return Counts(FAMILY[fit.spec.model], effects.counts[events][places], effects.counts[size][places])


def twin_places(effects: EffectSizes, fit: Fit) -> list[int]:
    """Return the studies used that have an effect size; a GLMM's trials without events have none."""
    return [i for i in used_places(effects, fit) if np.isfinite(effects.y[i]) and effects.v[i] > 0.0]


def cochran_q(fit: Fit) -> float | None:
    """Return the Q that a fit reports; None where it is about another mean than an engine's."""
    if fit.heterogeneity is None or fit.spec.tau2_method == "DL_MH":
        return None
    return fit.heterogeneity.q


def take_data(effects: EffectSizes, fit: Fit) -> Data:
    """Return what the fit's inverse-variance model, or under a GLMM its twin, is fitted to."""
    if fit.spec.model in TWO_GROUP_GLMMS:
        places = twin_places(effects, fit)
        y, v = effects.y[places], effects.v[places]
    elif fit.spec.is_glmm:
        counts = take_counts(effects, fit)
        y, v, _ = empirical_values(counts.family, counts.events, counts.size)
    else:
        places = used_places(effects, fit)
        y, v = effects.y[places], effects.v[places]
    return refit_all(y, v, fit.spec.level)


def refit_all(y: Floats, v: Floats, level: float) -> Data:
    """Fit our random-effects model by every estimator and interval."""
    ours = {}
    for method in METHODS:
        for name, (interval, guard) in INTERVALS.items():
            spec = ModelSpec(
                tau2_method=method,
                ci_method=interval,
                ci_guard=guard,
                pi_method=None,
                tau2_ci=None,
                level=level,
            )
            found = fit_many(y, v, spec, mask=np.ones((1, y.size), dtype=bool))
            arrays = (found.tau2, found.estimate, found.se, found.low, found.high)
            ours[method, name] = Numbers(*(float(a[0]) for a in arrays))
    # precision-weighted, as everywhere else: one huge variance must not set the scale
    typical = float(y.size / np.sum(1.0 / v))
    return Data(y, v, level, ours, ours["REML", "Wald"].se, typical)


def reported(fit: Fit) -> Numbers:
    """Return the numbers that the fit itself reports."""
    assert fit.estimate is not None, "a fit without an estimate reports no numbers"
    assert fit.tau2 is not None, "an estimate has a tau2"
    e = fit.estimate
    return Numbers(fit.tau2.value, e.value, e.se, e.low, e.high)


def choose_numbers(wald: Numbers, hksj: Numbers, data: Data, interval: str, guard: str) -> Numbers:
    """Return what an engine's two rows say of the mean under one of our intervals.

    ``t`` takes the engine's Wald standard error, the guard ``se`` the larger of its two standard errors; both
    take a t quantile with k - 1 degrees of freedom.
    """
    if interval == "Wald":
        return wald
    if interval == "HKSJ" and guard == "none":
        return hksj
    se = wald.se if interval == "t" else max(wald.se, hksj.se)
    half = float(-stdtrit(data.y.size - 1, 0.5 * (1.0 - data.level))) * se
    return Numbers(wald.tau2, wald.value, se, wald.value - half, wald.value + half)


def pair_tau2(name: str, ours: Numbers, theirs: Numbers, data: Data) -> Pair:
    """Return the pair of both tau2."""
    return Pair(f"{name}: tau2", ours.tau2, theirs.tau2, data.typical)


def pair_interval(name: str, ours: Numbers, theirs: Numbers, data: Data) -> list[Pair]:
    """Return the pairs of standard error and both limits."""
    return [
        Pair(f"{name}: {word}", getattr(ours, field), getattr(theirs, field), data.scale)
        for word, field in (("standard error", "se"), ("lower limit", "low"), ("upper limit", "high"))
    ]


def pair_mean(name: str, ours: Numbers, theirs: Numbers, data: Data) -> list[Pair]:
    """Return the pairs of estimate, standard error and both limits."""
    estimate = Pair(f"{name}: estimate", ours.value, theirs.value, data.scale)
    return [estimate, *pair_interval(name, ours, theirs, data)]


def pair_hksj(name: str, method: str, wald: Numbers, hksj: Numbers, data: Data) -> list[Pair]:
    """Return the pairs of our HKSJ interval, unguarded and guarded, with an engine's two rows."""
    pairs = pair_interval(f"{name}, HKSJ", data.ours[method, "HKSJ"], hksj, data)
    guarded = choose_numbers(wald, hksj, data, "HKSJ", "se")
    words = "HKSJ after its guard"
    return pairs + pair_interval(f"{name}, {words}", data.ours[method, words], guarded, data)
