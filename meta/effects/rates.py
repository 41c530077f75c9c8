"""Effect sizes of single incidence rates: IR, IRLN."""

from __future__ import annotations

import numpy as np

from meta.effects.corrections import Correction
from meta.results import Floats


def rate(events: Floats, time: Floats, correction: Correction) -> tuple[Floats, Floats]:
    """Return rates per unit of ``time`` and their variances x / t^2, shape (k,)."""
    x = events + correction.amount(events == 0)
    return x / time, x / np.square(time)


def log_rate(events: Floats, time: Floats, correction: Correction) -> tuple[Floats, Floats]:
    """Return log rates and their variances 1/x, shape (k,); NaN where no event stays.

    References
    ----------
    Stijnen, Hamza & Ozdemir (2010), Statistics in Medicine 29, 3046-3067.
    """
    x = events + correction.amount(events == 0)
    x = np.where(x > 0, x, np.nan)
    return np.log(x / time), 1.0 / x
