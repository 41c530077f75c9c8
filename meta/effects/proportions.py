"""Effect sizes of single proportions: PR, PLO, PFT."""

from __future__ import annotations

import numpy as np

from meta.effects.corrections import Correction
from meta.effects.measures import double_arcsine
from meta.results import Floats


def proportion(events: Floats, n: Floats, correction: Correction) -> tuple[Floats, Floats]:
    """Return raw proportions and variances p(1 - p)/n, shape (k,); after the correction, also in ``n``."""
    x, rest = _corrected(events, n, correction)
    size = x + rest
    return x / size, x * rest / size**3


def log_odds(events: Floats, n: Floats, correction: Correction) -> tuple[Floats, Floats]:
    """Return log odds and their variances 1/x + 1/(n - x), shape (k,); NaN where a zero cell stays.

    References
    ----------
    Stijnen, Hamza & Ozdemir (2010), Statistics in Medicine 29, 3046-3067.
    """
    x, rest = _corrected(events, n, correction)
    exists = (x > 0) & (rest > 0)
    x, rest = np.where(exists, x, np.nan), np.where(exists, rest, np.nan)
    return np.log(x) - np.log(rest), 1.0 / x + 1.0 / rest


def freeman_tukey(events: Floats, n: Floats, correction: Correction) -> tuple[Floats, Floats]:
    """Return Freeman-Tukey double arcsines and their variances 1/(4n + 2), shape (k,).

    References
    ----------
    Freeman & Tukey (1950), Annals of Mathematical Statistics 21, 607-611.
    """
    x, rest = _corrected(events, n, correction)
    size = x + rest
    return double_arcsine(x, size), 1.0 / (4.0 * size + 2.0)


def _corrected(events: Floats, n: Floats, correction: Correction) -> tuple[Floats, Floats]:
    """Return events and non-events after the correction."""
    rest = n - events
    amount = correction.amount((events == 0) | (rest == 0))
    return events + amount, rest + amount
