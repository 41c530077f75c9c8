"""The share of settings whose true value lies beyond a threshold, with a bootstrap interval."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from meta.effects.measures import find_measure, to_analysis
from meta.effects.sizes import EffectSizes
from meta.errors import ModelError
from meta.kernels.status import Status
from meta.models.design import Design
from meta.models.fitting import design_for, fit_rearranged, fit_rows, usable_studies
from meta.models.rows import FittedRows
from meta.options import ModelSpec, check_option
from meta.results import Floats, to_plain

Beyond = Literal["above", "below"]

#: Bootstrap samples. The Monte Carlo error leaves the level of a 95% interval uncertain by half a percentage
#: point.
SAMPLES = 2000

#: Where a spec names no seed.
DEFAULT_SEED = 20190411

#: Fewer studies than this give no interval: two studies have three different samples.
FEWEST_STUDIES = 3


#: Models whose mean and between-study variance describe settings.
SHARE_MODELS = ("random", "binomial_normal", "poisson_normal")


@dataclass(frozen=True, slots=True)
class Share:
    """The expected share of settings beyond a threshold; fractions from 0 to 1.

    ``threshold`` is natural. ``value`` is None where tau2 is 0 (all settings then share one value) or there
    is no estimate, and ``reason`` says so. ``samples`` counts the bootstrap samples that could be fitted.
    """

    threshold: float
    beyond: str
    value: float | None
    low: float | None
    high: float | None
    level: float
    samples: int
    seed: int
    reason: str | None

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as a plain dictionary."""
        plain: dict[str, Any] = to_plain(self)
        return plain


def expected_share(
    effects: EffectSizes, spec: ModelSpec | None = None, *, threshold: float, beyond: Beyond = "above"
) -> Share:
    """Estimate the share of settings whose true value lies beyond a threshold.

    Parameters
    ----------
    effects : EffectSizes
        The studies.
    spec : ModelSpec, optional
        A model with a between-study variance and without moderators; ``ModelSpec()`` where none is given.
        ``spec.seed`` starts the bootstrap.
    threshold : float
        On the natural scale: a proportion, a rate, a ratio, a difference.
    beyond : {"above", "below"}
        Which side is counted.

    Returns
    -------
    Share
        Phi((mu - c) / tau) above c, with mu, tau and c on the analysis scale. The interval resamples studies
        with replacement, refits the model to each sample and takes bias-corrected and accelerated
        percentiles; a sample whose tau2 is 0 counts as 0 or 1.

    Raises
    ------
    ModelError
        If the model has no between-study variance or has moderators, or the threshold lies outside the
        measure's scale.

    References
    ----------
    Mathur & VanderWeele (2019), Statistics in Medicine 38, 1336-1342; Efron (1987), JASA 82, 171-185 (BCa).
    """
    chosen = spec if spec is not None else ModelSpec()
    check_option("beyond", beyond, Beyond)
    if reason := refuse_share(chosen, effects.measure, threshold):
        raise ModelError(reason)
    # only mean and tau2 are read
    lean = replace(chosen, ci_method="Wald", ci_guard="none", tau2_ci=None, pi_method=None)
    seed = DEFAULT_SEED if chosen.seed is None else chosen.seed
    nothing = Share(float(threshold), beyond, None, None, None, chosen.level, 0, seed, None)
    design = design_for(effects, lean)
    used = np.flatnonzero(usable_studies(effects, lean, design))
    if used.size == 0:
        return replace(nothing, reason="no study can be used")
    cut = _on_analysis_scale(effects, used, threshold)
    rows = fit_rows(effects, lean, np.ones((1, effects.k), dtype=bool), design)
    tau2 = float(rows.tau2[0])
    if not np.isfinite(rows.value[0, 0]) or not np.isfinite(tau2):
        status = Status(int(rows.status[0])).name.lower().replace("_", " ")
        return replace(nothing, reason=f"no estimate ({status})")
    if used.size == 1:
        return replace(nothing, reason="a single study says nothing of how settings differ")
    if tau2 == 0.0:
        return replace(nothing, reason="tau2 is estimated at 0, so that all settings share one value")
    known = replace(nothing, value=float(_shares(rows, cut, beyond)[0]))
    if used.size < FEWEST_STUDIES:
        return replace(known, reason=f"no interval below {FEWEST_STUDIES} studies")
    return _with_interval(known, effects, lean, design, used, cut)


def refuse_share(spec: ModelSpec, measure: str, threshold: float) -> str | None:
    """Return why there is no share of settings beyond a natural threshold, or None where there is one."""
    if spec.model not in SHARE_MODELS or spec.moderators is not None:
        return (
            f"a share of settings needs one of the models {', '.join(SHARE_MODELS)} without moderators; got "
            f"{spec.model!r}, moderators {spec.moderators!r}"
        )
    if spec.cluster is not None:
        return "a share of settings resamples studies; rows clustered in studies are not offered"
    if spec.tau2_method == "DL_MH":
        return "a share of settings resamples effect sizes; tau2_method='DL_MH' takes counts as well"
    size = None if find_measure(measure).size is None else np.ones(1)
    if not np.isfinite(to_analysis(measure, np.array([threshold]), size)[0]):
        return f"threshold must lie inside the scale of measure {measure}; got {threshold}"
    return None


def _with_interval(
    share: Share,
    effects: EffectSizes,
    spec: ModelSpec,
    design: Design,
    used: NDArray[np.intp],
    cut: float,
) -> Share:
    """Add the bootstrap interval, from samples of the studies and from leaving out each."""
    assert share.value is not None
    orders = np.random.default_rng(share.seed).integers(0, used.size, size=(SAMPLES, used.size))
    drawn = _shares(fit_rearranged(effects, spec, design, used, orders, None, 0.0), cut, share.beyond)
    drawn = drawn[np.isfinite(drawn)]
    if drawn.size < SAMPLES // 2:
        return replace(share, samples=int(drawn.size), reason="most samples could not be fitted")
    without = np.zeros((used.size, effects.k), dtype=bool)
    without[:, used] = ~np.eye(used.size, dtype=bool)
    left = _shares(fit_rows(effects, spec, without, design), cut, share.beyond)
    low, high = _accelerated(share.value, drawn, left[np.isfinite(left)], share.level)
    return replace(share, low=low, high=high, samples=int(drawn.size))


def _on_analysis_scale(effects: EffectSizes, used: NDArray[np.intp], threshold: float) -> float:
    """Return the threshold on the analysis scale."""
    inside = np.isin(np.arange(effects.k), used)
    size = effects.harmonic_n(inside) if find_measure(effects.measure).size is not None else None
    return float(to_analysis(effects.measure, np.array([threshold]), size)[0])


def _shares(rows: FittedRows, cut: float, beyond: str) -> Floats:
    """Return the share of each row, NaN where it was not fitted; 0, 1 or a half where tau2 is 0."""
    value = rows.value[:, 0].copy()
    tau = np.sqrt(rows.tau2)
    bounded = rows.status == Status.ONE_SIDED
    # no event at all (or nothing else): the mean has gone to that end of the scale
    value[bounded] = np.where(rows.one_sided_low[bounded] == 0.0, -np.inf, np.inf)
    tau[bounded] = 0.0
    distance = value - cut if beyond == "above" else cut - value
    with np.errstate(divide="ignore", invalid="ignore"):
        score = np.where(tau > 0.0, distance / tau, np.sign(distance) * np.inf)
    score = np.where((tau == 0.0) & (distance == 0.0), 0.0, score)
    return np.asarray(ndtr(np.where(np.isfinite(tau) & ~np.isnan(distance), score, np.nan)))


def _accelerated(value: float, drawn: Floats, left: Floats, level: float) -> tuple[float, float]:
    """Return bias-corrected and accelerated percentiles; plain ones where the correction does not exist."""
    tails = np.array([0.5 * (1.0 - level), 0.5 * (1.0 + level)])
    below = (np.sum(drawn < value) + 0.5 * np.sum(drawn == value)) / drawn.size
    z = ndtri(tails)
    if 0.0 < below < 1.0:
        bias = float(ndtri(below))
        moved = left.mean() - left if left.size else np.zeros(1)
        spread = float(np.sum(moved**2)) ** 1.5
        pull = float(np.sum(moved**3)) / (6.0 * spread) if spread > 0.0 else 0.0
        tails = ndtr(bias + (bias + z) / (1.0 - pull * (bias + z)))
    low, high = np.quantile(drawn, tails)
    return float(low), float(high)
