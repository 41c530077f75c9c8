"""How far each refit moves the pooled value away from that of the main fit."""

from __future__ import annotations

import numpy as np

from meta.effects.measures import find_measure
from meta.results import Fit, Floats, Refits


def find_shifts(refits: Refits, fit: Fit) -> Floats:
    """Return how far the pooled value of each refit lies from that of the main fit, on the natural scale.

    Parameters
    ----------
    refits : Refits
        The same model on other subsets.
    fit : Fit
        The main fit, of the same measure.

    Returns
    -------
    array of shape (B,)
        A factor for ratios, else a difference; NaN where one of the two has no pooled value.
    """
    if fit.natural is None:
        return np.full(len(refits.labels), np.nan)
    if find_measure(fit.measure).is_ratio:
        return np.asarray(refits.natural / fit.natural.value, dtype=np.float64)
    return np.asarray(refits.natural - fit.natural.value, dtype=np.float64)
