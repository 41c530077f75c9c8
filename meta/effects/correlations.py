"""Effect sizes of correlations: COR UCOR ZCOR, and of partial ones: PCOR ZPCOR.

Every function takes correlations and sizes (k,), and returns effect sizes and sampling variances (k,), NaN
where there is no effect size.
"""

from __future__ import annotations

import numpy as np
from scipy.special import hyp2f1

from meta.effects.continuous import weighted_mean
from meta.results import Floats

#: From this third argument on, the series of 2F1 is summed here, with so many terms.
SERIES_FROM = 20.0
TERMS = 60


def correlation(r: Floats, n: Floats, *, variance: str) -> tuple[Floats, Floats]:
    """Return correlations as they are, and variances (1 - r^2)^2/(n - 1), shape (k,).

    ``AV`` puts the mean correlation of the studies, weighted by size, in the place of r.

    References
    ----------
    Hotelling (1953), Journal of the Royal Statistical Society B 15, 193-232; Hunter & Schmidt (2004), Methods
    of Meta-Analysis, 2nd ed. (``AV``).
    """
    return r.copy(), _variance(r, n, n - 1.0, variance)


def unbiased_correlation(r: Floats, n: Floats, *, variance: str) -> tuple[Floats, Floats]:
    """Return correlations less their bias, r 2F1(1/2, 1/2; (n - 2)/2; 1 - r^2), and variances, shape (k,).

    ``LS`` and ``AV`` as for a plain correlation, at the corrected one; ``UB`` the unbiased variance.

    References
    ----------
    Olkin & Pratt (1958), Annals of Mathematical Statistics 29, 201-211, eq. 2.3; Hedges (1989), Journal of
    Applied Psychology 74, 469-477, eq. 8 (``UB``).
    """
    n = np.where(n > 4.0, n, np.nan)
    left = 1.0 - np.square(r)
    y = r * _hypergeometric(0.5, (n - 2.0) / 2.0, left)
    if variance == "UB":
        v = np.square(y) - (1.0 - (n - 3.0) / (n - 2.0) * left * _hypergeometric(1.0, n / 2.0, left))
        return y, np.asarray(v, dtype=np.float64)
    return y, _variance(y, n, n - 1.0, variance)


def fisher_z(r: Floats, n: Floats) -> tuple[Floats, Floats]:
    """Return Fisher's z and variances 1/(n - 3), shape (k,); NaN at r of 1 or -1, and up to three people.

    References
    ----------
    Fisher (1921), Metron 1, 3-32.
    """
    return _fisher_z(r, n - 3.0)


def partial_correlation(r: Floats, n: Floats, controls: Floats, *, variance: str) -> tuple[Floats, Floats]:
    """Return partial correlations as they are, and variances (1 - r^2)^2/(n - controls - 2), shape (k,).

    References
    ----------
    Aloe & Becker (2012), Journal of Educational and Behavioral Statistics 37, 278-297; Aloe (2014), Journal
    of General Psychology 141, 47-64.
    """
    return r.copy(), _variance(r, n, n - controls - 2.0, variance)


def partial_fisher_z(r: Floats, n: Floats, controls: Floats) -> tuple[Floats, Floats]:
    """Return Fisher's z of partial correlations and variances 1/(n - controls - 3), shape (k,).

    References
    ----------
    Fisher (1924), Metron 3, 329-332.
    """
    return _fisher_z(r, n - controls - 3.0)


def _variance(r: Floats, n: Floats, df: Floats, variance: str) -> Floats:
    """Return (1 - r^2)^2 / df at each r, or at their mean; NaN without degrees of freedom."""
    at = weighted_mean(r, n) if variance == "AV" else r
    return np.asarray(np.square(1.0 - np.square(at)) / np.where(df > 0, df, np.nan), dtype=np.float64)


def _hypergeometric(a: float, c: Floats, z: Floats) -> Floats:
    """Return Gauss's 2F1(a, a; c; z) for 0 <= z <= 1.

    By its series from ``SERIES_FROM`` on, where SciPy's function is NaN above c of about 150 (its gamma
    functions overflow) and ``TERMS`` terms leave less than 1e-15.
    """
    large = c >= SERIES_FROM
    near = np.asarray(hyp2f1(a, a, np.where(large, np.nan, c), z), dtype=np.float64)
    term = np.where(large, 1.0, np.nan)
    total = term.copy()
    for k in range(TERMS):
        term = term * np.square(a + k) / ((c + k) * (k + 1.0)) * z
        total = total + term
    return np.where(large, total, near)


def _fisher_z(r: Floats, df: Floats) -> tuple[Floats, Floats]:
    known = (np.abs(r) < 1.0) & (df > 0.0)
    return np.arctanh(np.where(known, r, np.nan)), 1.0 / np.where(known, df, np.nan)
