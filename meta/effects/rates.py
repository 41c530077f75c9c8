"""Effect sizes of incidence rates: IR IRLN IRS IRFT of one group; IRR IRD IRSD of two, arm 1 the treatment.

Every function takes raw events and person-time (k,) and returns effect sizes and sampling variances (k,), NaN
where there is no effect size.
"""

from __future__ import annotations

import numpy as np

from meta.effects.corrections import Correction
from meta.effects.transforms import double_root
from meta.results import Floats


def rate(events: Floats, time: Floats, *, correction: Correction) -> tuple[Floats, Floats]:
    """Return rates per unit of ``time`` and their variances x / t^2, shape (k,)."""
    x = events + correction.amount(events == 0)
    return x / time, x / np.square(time)


def log_rate(events: Floats, time: Floats, *, correction: Correction) -> tuple[Floats, Floats]:
    """Return log rates and their variances 1/x, shape (k,); NaN where no event stays.

    References
    ----------
    Stijnen, Hamza & Ozdemir (2010), Statistics in Medicine 29, 3046-3067.
    """
    x = events + correction.amount(events == 0)
    x = np.where(x > 0, x, np.nan)
    return np.log(x / time), 1.0 / x


def root_rate(events: Floats, time: Floats, *, correction: Correction) -> tuple[Floats, Floats]:
    """Return square roots of rates and their variances 1/(4t), shape (k,).

    References
    ----------
    Rothman, Greenland & Lash (2008), Modern Epidemiology, 3rd ed.
    """
    x = events + correction.amount(events == 0)
    return np.sqrt(x / time), 0.25 / time


def freeman_tukey_rate(events: Floats, time: Floats, *, correction: Correction) -> tuple[Floats, Floats]:
    """Return Freeman-Tukey roots of rates and their variances 1/(4t), shape (k,).

    References
    ----------
    Freeman & Tukey (1950), Annals of Mathematical Statistics 21, 607-611.
    """
    x = events + correction.amount(events == 0)
    return double_root(x, time), 0.25 / time


def rate_ratio(
    events1: Floats, time1: Floats, events2: Floats, time2: Floats, *, correction: Correction
) -> tuple[Floats, Floats]:
    """Return log rate ratios and their variances 1/x1 + 1/x2, shape (k,); NaN where an arm has no event.

    References
    ----------
    Rothman, Greenland & Lash (2008), Modern Epidemiology, 3rd ed., chapter 14.
    """
    x1, x2 = _corrected(events1, time1, events2, time2, correction)
    x1, x2 = np.where((x1 > 0) & (x2 > 0), (x1, x2), np.nan)
    return np.log(x1 / time1) - np.log(x2 / time2), 1.0 / x1 + 1.0 / x2


def rate_difference(
    events1: Floats, time1: Floats, events2: Floats, time2: Floats, *, correction: Correction
) -> tuple[Floats, Floats]:
    """Return rate differences and their variances x1/t1^2 + x2/t2^2, shape (k,).

    References
    ----------
    Rothman, Greenland & Lash (2008), Modern Epidemiology, 3rd ed., chapter 14.
    """
    x1, x2 = _corrected(events1, time1, events2, time2, correction)
    return x1 / time1 - x2 / time2, x1 / np.square(time1) + x2 / np.square(time2)


def root_rate_difference(
    events1: Floats, time1: Floats, events2: Floats, time2: Floats, *, correction: Correction
) -> tuple[Floats, Floats]:
    """Return differences of square roots of rates, and variances 1/(4 t1) + 1/(4 t2), shape (k,).

    References
    ----------
    Rothman, Greenland & Lash (2008), Modern Epidemiology, 3rd ed.
    """
    x1, x2 = _corrected(events1, time1, events2, time2, correction)
    return np.sqrt(x1 / time1) - np.sqrt(x2 / time2), 0.25 / time1 + 0.25 / time2


def _corrected(
    events1: Floats, time1: Floats, events2: Floats, time2: Floats, correction: Correction
) -> tuple[Floats, Floats]:
    """Return the events after the correction; studies dropped by ``drop00`` are NaN and correct no others."""
    x1, x2 = events1.copy(), events2.copy()
    if correction.drop00:
        none = (x1 == 0) & (x2 == 0)
        x1[none] = x2[none] = np.nan
    add1, add2 = correction.amounts((x1 == 0) | (x2 == 0), time1, time2)
    return x1 + add1, x2 + add2
