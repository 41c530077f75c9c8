"""Standardised effects against precision: the numbers of a radial (Galbraith) plot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtri

from meta.errors import ModelError
from meta.options import MULTILEVEL, ModelSpec
from meta.results import Fit, Floats, to_plain


@dataclass(frozen=True, slots=True)
class Radial:
    """A radial plot in numbers, one element a study; all on the analysis scale.

    ``precision`` is 1 / sqrt(v + tau2) and ``score`` y / sqrt(v + tau2), so that the line from the origin to
    a study has the slope y. ``value``, ``low`` and ``high`` are the pooled value and its interval, slopes
    too. ``band`` is how far above and below the pooled line a share of ``level`` of the scores is expected.
    """

    labels: tuple[str, ...]
    measure: str
    spec: ModelSpec
    precision: Floats
    score: Floats
    value: float
    low: float
    high: float
    tau2: float
    band: float
    level: float

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as a plain dictionary."""
        plain: dict[str, Any] = to_plain(self)
        return plain


def find_radial(fit: Fit) -> Radial:
    """Standardise the effects of a fit for a radial plot.

    Parameters
    ----------
    fit : Fit
        One pooled value. Its tau2 is part of the scale, 0 under a common effect; under a GLMM effects and
        variances are those of the studies' own logits or logs.

    Returns
    -------
    Radial
        The studies used that have an effect size.

    Raises
    ------
    ModelError
        If there is no pooled value, rows are clustered, or no study has an effect size.

    References
    ----------
    Galbraith (1988), Statistics in Medicine 7, 889-894.
    """
    if fit.spec.model in MULTILEVEL:
        raise ModelError(
            f"a radial plot takes independent studies; model={fit.spec.model!r} has clustered rows"
        )
    if fit.estimate is None:
        raise ModelError(f"a radial plot needs a pooled value; this fit has none ({fit.status})")
    found = [(s.label, s.y, s.v) for s in fit.studies if s.used and s.y is not None and s.v]
    if not found:
        raise ModelError("a radial plot needs effect sizes with a variance; no study used has one")
    tau2 = fit.tau2.value if fit.tau2 is not None and fit.spec.estimates_tau2 else 0.0
    y, v = np.array([row[1] for row in found]), np.array([row[2] for row in found])
    precision = 1.0 / np.sqrt(v + tau2)
    return Radial(
        tuple(row[0] for row in found),
        fit.measure,
        fit.spec,
        precision,
        y * precision,
        fit.estimate.value,
        fit.estimate.low,
        fit.estimate.high,
        tau2,
        float(-ndtri(0.5 * (1.0 - fit.spec.level))),
        fit.spec.level,
    )
