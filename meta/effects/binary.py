"""Effect sizes of two groups with events: OR, RR, RD. Arm 1 is the treatment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meta.effects.corrections import Correction
from meta.results import Floats


@dataclass(frozen=True, slots=True)
class _Table:
    """Cells after the correction, each (k,): events and non-events of arm 1, then of arm 2."""

    a: Floats
    b: Floats
    c: Floats
    d: Floats


def odds_ratio(
    events1: Floats, n1: Floats, events2: Floats, n2: Floats, correction: Correction
) -> tuple[Floats, Floats]:
    """Return log odds ratios and their variances 1/a + 1/b + 1/c + 1/d, (k,); NaN where a zero cell stays.

    References
    ----------
    Woolf (1955), Annals of Human Genetics 19, 251-253.
    """
    t = _corrected(events1, n1, events2, n2, correction)
    exists = (t.a > 0) & (t.b > 0) & (t.c > 0) & (t.d > 0)
    a, b, c, d = (np.where(exists, cell, np.nan) for cell in (t.a, t.b, t.c, t.d))
    return np.log(a * d) - np.log(b * c), 1.0 / a + 1.0 / b + 1.0 / c + 1.0 / d


def risk_ratio(
    events1: Floats, n1: Floats, events2: Floats, n2: Floats, correction: Correction
) -> tuple[Floats, Floats]:
    """Return log risk ratios and variances 1/a - 1/n1 + 1/c - 1/n2, (k,); NaN where an arm has no event.

    References
    ----------
    Katz, Baptista, Azen & Pike (1978), Biometrics 34, 469-474.
    """
    t = _corrected(events1, n1, events2, n2, correction)
    exists = (t.a > 0) & (t.c > 0)
    a, c = np.where(exists, t.a, np.nan), np.where(exists, t.c, np.nan)
    m1, m2 = t.a + t.b, t.c + t.d
    # b / (a n1) is 1/a - 1/n1 without the loss of digits where nearly all had the event
    return np.log(a / m1) - np.log(c / m2), t.b / (a * m1) + t.d / (c * m2)


def risk_difference(
    events1: Floats, n1: Floats, events2: Floats, n2: Floats, correction: Correction
) -> tuple[Floats, Floats]:
    """Return risk differences and their variances p1(1 - p1)/n1 + p2(1 - p2)/n2, shape (k,).

    References
    ----------
    Fleiss & Berlin (2009), The Handbook of Research Synthesis and Meta-Analysis, 2nd ed., 237-253.
    """
    t = _corrected(events1, n1, events2, n2, correction)
    m1, m2 = t.a + t.b, t.c + t.d
    return t.a / m1 - t.c / m2, t.a * t.b / m1**3 + t.c * t.d / m2**3


def find_uninformative(
    events1: Floats, n1: Floats, events2: Floats, n2: Floats
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which studies have no event in either arm, and which have only events in both; each (k,)."""
    return (events1 == 0) & (events2 == 0), (events1 == n1) & (events2 == n2)


def _corrected(events1: Floats, n1: Floats, events2: Floats, n2: Floats, correction: Correction) -> _Table:
    """Return the cells after the correction; studies dropped by ``drop00`` are NaN and correct no others."""
    cells = np.array([events1, n1 - events1, events2, n2 - events2])
    if correction.drop00:
        none, everyone = find_uninformative(events1, n1, events2, n2)
        cells[:, none | everyone] = np.nan
    cells = cells + correction.amount((cells == 0).any(axis=0))
    return _Table(*cells)
