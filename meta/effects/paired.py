"""Effect sizes of one group measured before and after: MC SMCC SMCR SMCRH ROMC. y is after minus before.

Every function takes means, standard deviations, sizes and the correlation of the two measurements (k,), and
returns effect sizes and sampling variances (k,), NaN where there is no effect size.
"""

from __future__ import annotations

import numpy as np

from meta.effects.continuous import exact_j
from meta.results import Floats


def change_variance(sd_pre: Floats, sd_post: Floats, r: Floats) -> Floats:
    """Return the variance of the change, from the two standard deviations and their correlation."""
    # as a square and what is left: the plain sum of three terms can round to just below 0 at r = 1
    return np.asarray(np.square(sd_post - sd_pre) + 2.0 * (1.0 - r) * sd_pre * sd_post, dtype=np.float64)


def mean_change(
    mean_pre: Floats, mean_post: Floats, sd_pre: Floats, sd_post: Floats, n: Floats, r: Floats
) -> tuple[Floats, Floats]:
    """Return mean changes and their variances, that of the change over n, shape (k,).

    References
    ----------
    Morris & DeShon (2002), Psychological Methods 7, 105-125.
    """
    return mean_post - mean_pre, change_variance(sd_pre, sd_post, r) / n


def change_by_change_sd(
    mean_pre: Floats, mean_post: Floats, sd_pre: Floats, sd_post: Floats, n: Floats, r: Floats, *,
    variance: str,
) -> tuple[Floats, Floats]:
    """Return changes over the standard deviation of the change, and variances, shape (k,).

    ``LS``: 1/n + y^2/(2n); ``LS2``: J^2 times the same at the uncorrected value.

    References
    ----------
    Gibbons, Hedeker & Davis (1993), Journal of Educational Statistics 18, 271-279, eq. 16; Borenstein (2009),
    The Handbook of Research Synthesis and Meta-Analysis, 2nd ed., 221-235 (``LS2``).
    """
    spread = np.sqrt(change_variance(sd_pre, sd_post, r))
    d = (mean_post - mean_pre) / np.where(spread > 0.0, spread, np.nan)
    return _corrected(d, n, np.ones(n.shape), variance)


def change_by_first_sd(
    mean_pre: Floats, mean_post: Floats, sd_pre: Floats, n: Floats, r: Floats, *, variance: str
) -> tuple[Floats, Floats]:
    """Return changes over the standard deviation before, and variances, shape (k,).

    ``LS``: 2 (1 - r)/n + y^2/(2n); ``LS2``: J^2 times the same at the uncorrected value.

    References
    ----------
    Becker (1988), British Journal of Mathematical and Statistical Psychology 41, 257-278, eqs 2 and 13.
    """
    d = (mean_post - mean_pre) / np.where(sd_pre > 0.0, sd_pre, np.nan)
    return _corrected(d, n, 2.0 * (1.0 - r), variance)


def _corrected(d: Floats, n: Floats, first: Floats, variance: str) -> tuple[Floats, Floats]:
    """Take the bias from standardised changes, and give their variances, ``first``/n + y^2/(2n)."""
    j = exact_j(n - 1.0)
    if variance == "LS2":
        return j * d, np.square(j) * (first / n + np.square(d) / (2.0 * n))
    y = j * d
    return y, np.where(np.isnan(y), np.nan, first / n + np.square(y) / (2.0 * n))


def change_unequal(
    mean_pre: Floats, mean_post: Floats, sd_pre: Floats, sd_post: Floats, n: Floats, r: Floats
) -> tuple[Floats, Floats]:
    """Return changes over the standard deviation before, with variances for unequal spreads, (k,).

    References
    ----------
    Bonett (2008), Psychological Methods 13, 99-109, section on within-subjects designs, eq. 13;
    value and standard error times J on n - 1.
    """
    sd_pre = np.where((sd_pre > 0.0) & (n > 1.0), sd_pre, np.nan)
    j = exact_j(n - 1.0)
    y = j * (mean_post - mean_pre) / sd_pre
    change = change_variance(sd_pre, sd_post, r)
    with np.errstate(divide="ignore", invalid="ignore"):
        v = (change / np.square(sd_pre) + 0.5 * np.square(y)) / (n - 1.0)
        return y, np.square(j) * v


def mean_ratio_change(
    mean_pre: Floats, mean_post: Floats, sd_pre: Floats, sd_post: Floats, n: Floats, r: Floats
) -> tuple[Floats, Floats]:
    """Return logs of the mean after over the mean before, and variances, shape (k,).

    NaN unless the two means have one sign.

    References
    ----------
    Lajeunesse (2011), Ecology 92, 2049-2055, eq. 5.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = mean_post / mean_pre
        y = np.log(np.where(ratio > 0.0, ratio, np.nan))
        v = change_variance(sd_pre / mean_pre, sd_post / mean_post, r) / n
        return y, np.where(np.isnan(y), np.nan, v)
