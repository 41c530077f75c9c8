"""Shrunken effects of the studies of a fit (best linear unbiased predictions)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from meta.effects.sizes import EffectSizes
from meta.errors import ModelError
from meta.inference.intervals import two_sided_quantile, wald_interval
from meta.inference.shrinkage import shrink
from meta.models.design import build_design
from meta.results import Fit, Floats, to_plain


@dataclass(frozen=True, slots=True)
class ShrunkenEffects:
    """What the model makes of each study's true effect, shape (k,), analysis scale, studies in their order.

    ``low`` and ``high`` are at ``level``, with the quantile of the fit's interval.
    """

    labels: tuple[str, ...]
    value: Floats
    se: Floats
    low: Floats
    high: Floats
    level: float

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as what JSON can hold."""
        plain: dict[str, Any] = to_plain(self)
        return plain


def shrunken_effects(fit: Fit, effects: EffectSizes) -> ShrunkenEffects:
    """Return the shrunken effect of each study that a random-effects fit used.

    Parameters
    ----------
    fit : Fit
        A fit of model ``random`` to ``effects``.
    effects : EffectSizes
        The studies it was fitted to.

    Returns
    -------
    ShrunkenEffects

    Raises
    ------
    ModelError
        If the model is another, nothing could be estimated, or the studies are not those of the fit.
    """
    if fit.spec.model != "random":
        raise ModelError(f"shrunken effects come from model='random'; got model={fit.spec.model!r}")
    if fit.coefficients is None or fit.covariance is None or fit.tau2 is None:
        raise ModelError(f"shrunken effects need an estimate; this fit is {fit.status}")
    used = tuple(study.label for study in fit.studies if study.used)
    place = {label: i for i, label in enumerate(effects.labels)}
    if not all(label in place for label in used):
        raise ModelError("shrunken effects need the studies of the fit; got others")
    rows = np.array([place[label] for label in used], dtype=np.intp)
    design = build_design(fit.spec.moderators, effects.columns, effects.k).matrix[rows]
    value, se = shrink(
        effects.y[rows], effects.v[rows], design, fit.coefficients.value, fit.covariance, fit.tau2.value
    )
    df = fit.estimate.df if fit.estimate is not None else _moderated_df(fit)
    quantile = two_sided_quantile(fit.spec.level, np.array([np.nan if df is None else df]))
    low, high = wald_interval(value, se, quantile)
    return ShrunkenEffects(used, value, se, low, high, fit.spec.level)


def _moderated_df(fit: Fit) -> float | None:
    """Return the degrees of freedom of the interval where there is no pooled estimate."""
    assert fit.coefficients is not None, "checked by the caller"
    return float(fit.k - len(fit.coefficients.names)) if fit.spec.ci_method in ("t", "HKSJ") else None
