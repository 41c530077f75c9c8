"""Small-study effects: whether the effect depends on the size of the study."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from meta.effects.sizes import EffectSizes
from meta.errors import ModelError
from meta.models.design import build_design
from meta.models.fitting import fit_model, usable_studies
from meta.options import ModelSpec
from meta.results import Fit, to_plain

#: Fewest studies for a test of small-study effects (Sterne et al. 2011, BMJ 343:d4002).
MIN_STUDIES = 10

#: Column that carries the reciprocal of the sample size into the regression.
INVERSE_SIZE = "inverse_n"


@dataclass(frozen=True, slots=True)
class SmallStudyTest:
    """A regression of the effect on 1/n, or the reason why there is none.

    ``fit`` is a meta-regression whose second coefficient is the slope on 1/n, on the analysis scale per unit
    of 1/n.
    """

    method: str
    k: int
    fit: Fit | None
    reason: str | None

    def to_dict(self) -> dict[str, Any]:
        """Return every number as plain dictionaries and lists."""
        plain: dict[str, Any] = to_plain(self)
        return plain


def check_sample_size(effects: EffectSizes, spec: ModelSpec | None = None) -> SmallStudyTest:
    """Regress the effect on 1/n: Peters' form, which for proportions does not confuse effect and precision.

    Parameters
    ----------
    effects : EffectSizes
        Single proportions, with the counts ``events`` and ``n``.
    spec : ModelSpec, optional
        The model of the analysis, which the regression keeps (a GLMM under a GLMM headline).

    Returns
    -------
    SmallStudyTest
        Without a fit, and with the reason, below ten studies.

    Raises
    ------
    ModelError
        If there is no sample size ``n``, or the model has moderators of its own.

    References
    ----------
    Peters et al. (2006), JAMA 295, 676-680; Hunter et al. (2014), J Clin Epidemiol 67, 897-903 (proportions:
    by sample size).
    """
    chosen = spec if spec is not None else ModelSpec()
    if "n" not in effects.counts:
        raise ModelError(
            f"a check by sample size needs the count n; measure {effects.measure} has "
            f"{', '.join(effects.counts) or 'none'}"
        )
    if chosen.moderators is not None:
        raise ModelError("a check by sample size takes a model without moderators")
    method = "regression on 1/n (Peters' form)"
    used = usable_studies(effects, chosen, build_design(None, effects.columns, effects.k))
    k = int(used.sum())
    if k < MIN_STUDIES:
        return SmallStudyTest(
            method, k, None, f"not done: {k} studies, and a test needs at least {MIN_STUDIES}"
        )
    sizes = effects.counts["n"]
    inverse = tuple(float(1.0 / n) if np.isfinite(n) and n > 0 else None for n in sizes)
    with_size = replace(effects, columns={**effects.columns, INVERSE_SIZE: inverse})
    fit = fit_model(with_size, replace(chosen, moderators=f"~ {INVERSE_SIZE}"))
    return SmallStudyTest(method, k, fit, None)
