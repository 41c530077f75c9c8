"""Effect sizes of single proportions: PR PLN PLO PAS PFT.

Every function takes raw counts (k,) and returns effect sizes and sampling variances (k,), NaN where there is
no effect size. Under the variance ``AV`` each proportion is replaced by their average, weighted by size.
"""

from __future__ import annotations

import numpy as np

from meta.effects.binary import average_share
from meta.effects.corrections import Correction
from meta.effects.transforms import double_arcsine
from meta.results import Floats


def proportion(
    events: Floats, n: Floats, *, correction: Correction, variance: str
) -> tuple[Floats, Floats]:
    """Return raw proportions and variances p(1 - p)/n, shape (k,); after the correction, also in ``n``.

    ``UB`` divides by n - 1 in place of n.
    """
    x, rest = _corrected(events, n, correction)
    size = x + rest
    if variance == "AV":
        p = average_share(x, size)
        return x / size, p * (1.0 - p) / size
    v = x * rest / size**3
    if variance == "UB":
        with np.errstate(divide="ignore", invalid="ignore"):
            v = v * size / (size - 1.0)
    return x / size, v


def log_proportion(
    events: Floats, n: Floats, *, correction: Correction, variance: str
) -> tuple[Floats, Floats]:
    """Return logs of proportions and variances 1/x - 1/n, shape (k,); NaN where there is no event.

    References
    ----------
    Viechtbauer (2010), Journal of Statistical Software 36(3), 1-48.
    """
    x, rest = _corrected(events, n, correction)
    size = x + rest
    x = np.where(x > 0, x, np.nan)
    if variance == "AV":
        p = average_share(x, size)
        return np.log(x / size), (1.0 - p) / (size * p)
    # rest / (x n) is 1/x - 1/n without the loss of digits where nearly all had the event
    return np.log(x / size), rest / (x * size)


def log_odds(
    events: Floats, n: Floats, *, correction: Correction, variance: str
) -> tuple[Floats, Floats]:
    """Return log odds and their variances 1/x + 1/(n - x), shape (k,); NaN where a zero cell stays.

    References
    ----------
    Stijnen, Hamza & Ozdemir (2010), Statistics in Medicine 29, 3046-3067.
    """
    x, rest = _corrected(events, n, correction)
    exists = (x > 0) & (rest > 0)
    x, rest = np.where(exists, x, np.nan), np.where(exists, rest, np.nan)
    y = np.log(x) - np.log(rest)
    if variance == "AV":
        p = average_share(x, x + rest)
        return y, 1.0 / ((x + rest) * p * (1.0 - p))
    return y, 1.0 / x + 1.0 / rest


def arcsine(events: Floats, n: Floats, *, correction: Correction) -> tuple[Floats, Floats]:
    """Return arcsines of the root of the proportion and their variances 1/(4n), shape (k,).

    References
    ----------
    Ruecker, Schwarzer, Carpenter & Olkin (2009), Statistics in Medicine 28, 721-738.
    """
    x, rest = _corrected(events, n, correction)
    return np.arcsin(np.sqrt(x / (x + rest))), 0.25 / (x + rest)


def freeman_tukey(events: Floats, n: Floats, *, correction: Correction) -> tuple[Floats, Floats]:
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
