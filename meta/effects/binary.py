"""Effect sizes of two groups with events: OR RR RD AS PETO YUQ PHI OR2DN. Arm 1 is the treatment.

Every function takes raw counts (k,) and returns effect sizes and sampling variances (k,), NaN where there is
no effect size. ``variance`` picks the formula of the variance: ``LS`` the usual large-sample one, ``UB`` an
unbiased one, ``AV`` with each arm's risk replaced by its average over the studies, weighted by size.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meta.effects.corrections import Correction
from meta.results import Floats

#: A log odds ratio over this is a standardised difference of two normal distributions (Cox 1970).
COX = 1.65


@dataclass(frozen=True, slots=True)
class _Table:
    """Cells after the correction, each (k,): events and non-events of arm 1, then of arm 2."""

    a: Floats
    b: Floats
    c: Floats
    d: Floats

    @property
    def m1(self) -> Floats:
        """People of arm 1."""
        return self.a + self.b

    @property
    def m2(self) -> Floats:
        """People of arm 2."""
        return self.c + self.d

    def without(self, bad: NDArray[np.bool_]) -> _Table:
        """Return the tables, NaN where ``bad``."""
        return _Table(*(np.where(bad, np.nan, cell) for cell in (self.a, self.b, self.c, self.d)))


def odds_ratio(
    events1: Floats, n1: Floats, events2: Floats, n2: Floats, *, correction: Correction
) -> tuple[Floats, Floats]:
    """Return log odds ratios and their variances 1/a + 1/b + 1/c + 1/d, (k,); NaN where a zero cell stays.

    References
    ----------
    Woolf (1955), Annals of Human Genetics 19, 251-253.
    """
    t = _corrected(events1, n1, events2, n2, correction)
    t = t.without(~((t.a > 0) & (t.b > 0) & (t.c > 0) & (t.d > 0)))
    return np.log(t.a * t.d) - np.log(t.b * t.c), 1.0 / t.a + 1.0 / t.b + 1.0 / t.c + 1.0 / t.d


def risk_ratio(
    events1: Floats, n1: Floats, events2: Floats, n2: Floats, *, correction: Correction
) -> tuple[Floats, Floats]:
    """Return log risk ratios and variances 1/a - 1/n1 + 1/c - 1/n2, (k,); NaN where an arm has no event.

    References
    ----------
    Katz, Baptista, Azen & Pike (1978), Biometrics 34, 469-474.
    """
    t = _corrected(events1, n1, events2, n2, correction)
    t = t.without(~((t.a > 0) & (t.c > 0)))
    # b / (a n1) is 1/a - 1/n1 without the loss of digits where nearly all had the event
    return np.log(t.a / t.m1) - np.log(t.c / t.m2), t.b / (t.a * t.m1) + t.d / (t.c * t.m2)


def risk_difference(
    events1: Floats, n1: Floats, events2: Floats, n2: Floats, *, correction: Correction, variance: str
) -> tuple[Floats, Floats]:
    """Return risk differences and their variances p1(1 - p1)/n1 + p2(1 - p2)/n2, shape (k,).

    ``UB`` divides by n - 1 in place of n.

    References
    ----------
    Fleiss & Berlin (2009), The Handbook of Research Synthesis and Meta-Analysis, 2nd ed., 237-253.
    """
    t = _corrected(events1, n1, events2, n2, correction)
    y = t.a / t.m1 - t.c / t.m2
    if variance == "AV":
        p1, p2 = average_share(t.a, t.m1), average_share(t.c, t.m2)
        return y, p1 * (1.0 - p1) / t.m1 + p2 * (1.0 - p2) / t.m2
    v1, v2 = t.a * t.b / t.m1**3, t.c * t.d / t.m2**3
    if variance == "UB":
        with np.errstate(divide="ignore", invalid="ignore"):
            return y, v1 * t.m1 / (t.m1 - 1.0) + v2 * t.m2 / (t.m2 - 1.0)
    return y, v1 + v2


def arcsine_difference(
    events1: Floats, n1: Floats, events2: Floats, n2: Floats, *, correction: Correction
) -> tuple[Floats, Floats]:
    """Return differences of arcsines of the root of the risk, and variances 1/(4 n1) + 1/(4 n2), (k,).

    References
    ----------
    Ruecker, Schwarzer, Carpenter & Olkin (2009), Statistics in Medicine 28, 721-738.
    """
    t = _corrected(events1, n1, events2, n2, correction)
    y = np.arcsin(np.sqrt(t.a / t.m1)) - np.arcsin(np.sqrt(t.c / t.m2))
    return y, 0.25 / t.m1 + 0.25 / t.m2


def peto_odds_ratio(
    events1: Floats, n1: Floats, events2: Floats, n2: Floats, *, correction: Correction
) -> tuple[Floats, Floats]:
    """Return Peto's log odds ratios (O - E)/V and variances 1/V, (k,), V hypergeometric; NaN where V is 0.

    References
    ----------
    Yusuf, Peto, Lewis, Collins & Sleight (1985), Progress in Cardiovascular Diseases 27, 335-371.
    """
    t = _corrected(events1, n1, events2, n2, correction)
    n, events, others = t.m1 + t.m2, t.a + t.c, t.b + t.d
    with np.errstate(divide="ignore", invalid="ignore"):
        v = t.m1 * t.m2 * (events / n) * (others / n) / (n - 1.0)
        v = np.where(v > 0.0, v, np.nan)
        return (t.a - t.m1 * (events / n)) / v, 1.0 / v


def yule_q(
    events1: Floats, n1: Floats, events2: Floats, n2: Floats, *, correction: Correction
) -> tuple[Floats, Floats]:
    """Return Yule's Q, (ad - bc)/(ad + bc), and variances (1 - Q^2)^2 (1/a + 1/b + 1/c + 1/d) / 4, (k,).

    References
    ----------
    Yule (1912), Journal of the Royal Statistical Society 75, 579-652.
    """
    t = _corrected(events1, n1, events2, n2, correction)
    t = t.without(~((t.a > 0) & (t.b > 0) & (t.c > 0) & (t.d > 0)))
    odds = (t.a / t.b) * (t.d / t.c)
    # 1 - Q^2 without the difference: 4 OR / (OR + 1)^2
    left = 4.0 * odds / np.square(odds + 1.0)
    return (odds - 1.0) / (odds + 1.0), 0.25 * np.square(left) * (1 / t.a + 1 / t.b + 1 / t.c + 1 / t.d)


def phi_coefficient(
    events1: Floats, n1: Floats, events2: Floats, n2: Floats, *, correction: Correction, variance: str
) -> tuple[Floats, Floats]:
    """Return phi coefficients and their variances, (k,); NaN where nobody, or everybody, had the event.

    ``LS``, the same as ``CS``, lets all four cells vary (a cross-sectional sample); ``ST`` holds the sizes of
    the two arms fixed, as in a trial, and lets the events vary.

    References
    ----------
    Yule (1912), Journal of the Royal Statistical Society 75, 579-652, p. 603 (``LS``); ``ST`` by the delta
    method over the two risks.
    """
    t = _corrected(events1, n1, events2, n2, correction)
    n = t.m1 + t.m2
    w1, w2 = t.m1 / n, t.m2 / n
    p, q = (t.a + t.c) / n, (t.b + t.d) / n
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.sqrt(w1 * w2 * p * q)
        phi = np.where(spread > 0, (t.a * t.d - t.b * t.c) / (n * n * spread), np.nan)
        if variance != "ST":
            apart1, apart2 = (w1 - w2) / np.sqrt(w1 * w2), (p - q) / np.sqrt(p * q)
            squares = np.square(phi)
            bracket = 1.0 - squares + phi * (1.0 + 0.5 * squares) * apart1 * apart2
            return phi, (bracket - 0.75 * squares * (np.square(apart1) + np.square(apart2))) / n
        p1, p2 = t.a / t.m1, t.c / t.m2
        first, tilt = np.sqrt(w1 * w2 / (p * q)), 0.5 * phi * (q - p) / (p * q)
        slope1, slope2 = first - w1 * tilt, -first - w2 * tilt
        v = np.square(slope1) * p1 * (1.0 - p1) / t.m1 + np.square(slope2) * p2 * (1.0 - p2) / t.m2
        return phi, v


def odds_ratio_to_d(
    events1: Floats, n1: Floats, events2: Floats, n2: Floats, *, correction: Correction
) -> tuple[Floats, Floats]:
    """Return log odds ratios over 1.65, as standardised differences of a normal outcome; variance likewise.

    References
    ----------
    Cox & Snell (1989), Analysis of Binary Data, 2nd ed.; Sanchez-Meca, Marin-Martinez & Chacon-Moscoso
    (2003), Psychological Methods 8, 448-467, eq. 18.
    """
    y, v = odds_ratio(events1, n1, events2, n2, correction=correction)
    return y / COX, v / COX**2


def find_uninformative(
    events1: Floats, n1: Floats, events2: Floats, n2: Floats
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which studies have no event in either arm, and which have only events in both; each (k,)."""
    return (events1 == 0) & (events2 == 0), (events1 == n1) & (events2 == n2)


def average_share(part: Floats, whole: Floats) -> Floats:
    """Return the share of all studies together, as an array of their shape; NaN studies do not count."""
    known = np.isfinite(part) & np.isfinite(whole)
    total = float(np.sum(whole[known]))
    return np.full(part.shape, float(np.sum(part[known])) / total if total > 0.0 else np.nan)


def _corrected(events1: Floats, n1: Floats, events2: Floats, n2: Floats, correction: Correction) -> _Table:
    """Return the cells after the correction; studies dropped by ``drop00`` are NaN and correct no others."""
    cells = np.array([events1, n1 - events1, events2, n2 - events2])
    if correction.drop00:
        none, everyone = find_uninformative(events1, n1, events2, n2)
        cells[:, none | everyone] = np.nan
    add1, add2 = correction.amounts((cells == 0).any(axis=0), n1, n2)
    return _Table(cells[0] + add1, cells[1] + add1, cells[2] + add2, cells[3] + add2)
