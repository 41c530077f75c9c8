"""What papers report in the place of means, spreads, counts and standard errors, turned into them.

Pure functions: arrays in, arrays out, broadcast against each other, NaN where there is nothing to compute.
Which rows they serve, and how that is recorded, stands in ``meta.effects.recovered_rows``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from meta.errors import EffectError
from meta.results import Floats

Bools = NDArray[np.bool_]


def se_from_interval(low: Floats, high: Floats, level: float, df: Floats | None = None) -> Floats:
    """Recover the standard error from an interval that is symmetric on the scale of its bounds.

    Parameters
    ----------
    low, high : array
        Bounds of the interval.
    level : float
        Its level, between 0 and 1.
    df : array, optional
        Degrees of freedom of the t distribution it was made with; the normal one where NaN or not given.

    Returns
    -------
    array
        (high - low) / (2 q), q the quantile of (1 + level) / 2.

    Raises
    ------
    EffectError
        If ``level`` is none.

    References
    ----------
    Higgins, Li & Deeks (2023), Cochrane Handbook 6.4, sections 6.3.1 and 6.5.2.2.
    """
    if not 0.0 < level < 1.0:
        raise EffectError(f"level must lie between 0 and 1 (0.95 for 95%); got {level!r}")
    return np.asarray((high - low) / (2.0 * _quantile((1.0 - level) / 2.0, df)))


def se_from_t(effect: Floats, t: Floats) -> Floats:
    """Recover the standard error from a t (or z) statistic, as the size of effect / t; NaN where either is 0.

    References
    ----------
    Higgins, Li & Deeks (2023), Cochrane Handbook 6.4, section 6.5.2.3.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        se = np.abs(np.asarray(effect) / np.asarray(t))
    return _positive(se)


def se_from_f(effect: Floats, f: Floats) -> Floats:
    """Recover the standard error from an F statistic on 1 and any df, the square of t; NaN where either is 0.

    References
    ----------
    Borenstein & Hedges (2019), in The Handbook of Research Synthesis and Meta-Analysis, 3rd ed., chapter 11.
    """
    with np.errstate(invalid="ignore"):
        return se_from_t(effect, np.sqrt(f))


def se_from_p(effect: Floats, p: Floats, df: Floats | None = None) -> Floats:
    """Recover the standard error from a two-sided P value.

    Parameters
    ----------
    effect : array
        The effect, whose size (not its sign) counts.
    p : array
        Two-sided P value as printed, in (0, 1).
    df : array, optional
        Degrees of freedom of the t test; the normal distribution where NaN or not given.

    Returns
    -------
    array
        The size of effect / q, q the upper quantile of p / 2; NaN for an effect of 0, p = 0 or p = 1.

    References
    ----------
    Altman & Bland (2011), BMJ 343, d2090; Cochrane Handbook 6.4, section 6.3.2.
    """
    p = np.asarray(p, dtype=np.float64)
    inside = (p > 0.0) & (p < 1.0)
    return se_from_t(effect, np.where(inside, _quantile(np.where(inside, p, 0.5) / 2.0, df), np.nan))


def sd_from_se(se: Floats, n: Floats) -> Floats:
    """Recover the standard deviation of n people from the standard error of their mean: se sqrt(n).

    References
    ----------
    Higgins, Li & Deeks (2023), Cochrane Handbook 6.4, section 6.5.2.2.
    """
    return np.asarray(se * np.sqrt(n))


def sd_from_difference(se: Floats, n1: Floats, n2: Floats) -> Floats:
    """Recover the SD that two groups share from the standard error of the difference of their means.

    Returns
    -------
    array
        se / sqrt(1/n1 + 1/n2), the pooled standard deviation of a t test with n1 + n2 - 2 df.

    References
    ----------
    Higgins, Li & Deeks (2023), Cochrane Handbook 6.4, section 6.5.2.3.
    """
    return np.asarray(se / np.sqrt(1.0 / n1 + 1.0 / n2))


def mean_from_quantiles(
    n: Floats, low: Floats, q1: Floats, median: Floats, q3: Floats, high: Floats
) -> Floats:
    """Recover the mean of n people from the median with the range, the quartiles, or both.

    Parameters
    ----------
    n : array
        People.
    low, q1, median, q3, high : array
        Minimum, quartiles and maximum; NaN where not reported. Both are used where both are there.

    Returns
    -------
    array
        Range: w (low + high)/2 + (1 - w) median with w = 4 / (4 + n^0.75) (eq. 7). Quartiles:
        w (q1 + q3)/2 + (1 - w) median with w = 0.7 + 0.39/n (eq. 11). Both:
        w1 (low + high)/2 + w2 (q1 + q3)/2 + (1 - w1 - w2) median with w1 = 2.2 / (2.2 + n^0.75) and
        w2 = 0.7 - 0.72 / n^0.55 (eq. 15).

    References
    ----------
    Luo, Wan, Liu & Tong (2018), Statistical Methods in Medical Research 27, 1785-1805.
    """
    range_middle, quartile_middle = (low + high) / 2.0, (q1 + q3) / 2.0
    of_range = 4.0 / (4.0 + n**0.75)
    of_quartiles = 0.7 + 0.39 / n
    first, second = 2.2 / (2.2 + n**0.75), 0.7 - 0.72 / n**0.55
    both = first * range_middle + second * quartile_middle + (1.0 - first - second) * median
    ranged = of_range * range_middle + (1.0 - of_range) * median
    quartered = of_quartiles * quartile_middle + (1.0 - of_quartiles) * median
    return _best(both, quartered, ranged)


def sd_from_quantiles(n: Floats, low: Floats, q1: Floats, q3: Floats, high: Floats) -> Floats:
    """Recover the standard deviation of n people from the range, the quartiles, or both.

    Parameters
    ----------
    n : array
        People, at least 2.
    low, q1, q3, high : array
        Minimum, quartiles and maximum; NaN where not reported. Both are used where both are there.

    Returns
    -------
    array
        Range: (high - low) / (2 z((n - 0.375)/(n + 0.25))) (Wan eq. 9). Quartiles:
        (q3 - q1) / (2 z((0.75 n - 0.125)/(n + 0.25))) (Wan eq. 16). Both: the two with weights w and 1 - w,
        w = 1 / (1 + 0.07 n^0.6) (Shi eq. 10). z is the normal quantile. NaN below two people.

    References
    ----------
    Wan, Wang, Liu & Tong (2014), BMC Medical Research Methodology 14, 135; Shi, Luo, Weng, Zeng, Lin, Chu &
    Tong (2020), Research Synthesis Methods 11, 641-654.
    """
    enough = n >= 2.0
    people = np.where(enough, n, 2.0)
    ranged = (high - low) / (2.0 * ndtri((people - 0.375) / (people + 0.25)))
    quartered = (q3 - q1) / (2.0 * ndtri((0.75 * people - 0.125) / (people + 0.25)))
    weight = 1.0 / (1.0 + 0.07 * people**0.6)
    both = weight * ranged + (1.0 - weight) * quartered
    return np.where(enough, _best(both, quartered, ranged), np.nan)


def is_skewed(n: Floats, low: Floats, q1: Floats, median: Floats, q3: Floats, high: Floats) -> Bools:
    """Say where median, quartiles and range speak against a symmetric distribution, at the level of 5%.

    A mean recovered from them, which rests on the normal distribution, is then doubtful.

    Returns
    -------
    array of bool
        Range: the size of (low + high - 2 median) / (high - low) beyond 1.01/ln(n + 9) + 2.43/(n + 1).
        Quartiles: the same of q1 and q3 beyond 2.66/sqrt(n) - 5.92/n^2. Both: the larger of the second and of
        2.65 ln(0.6 n)/sqrt(n) times the first, beyond 2.97/sqrt(n) - 39.1/n^3. False where there is nothing
        to go by, or too few people for the last two bounds to be positive.

    References
    ----------
    Shi, Luo, Wan, Liu & Tong (2023), Statistical Methods in Medical Research 32, 1338-1360.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        of_range = np.abs(low + high - 2.0 * median) / (high - low)
        of_quartiles = np.abs(q1 + q3 - 2.0 * median) / (q3 - q1)
        root = np.sqrt(n)
        joint = np.maximum(2.65 * np.log(0.6 * n) / root * of_range, of_quartiles)
        excess = _best(
            joint - _bound(2.97 / root - 39.1 / n**3),
            of_quartiles - _bound(2.66 / root - 5.92 / n**2),
            of_range - (1.01 / np.log(n + 9.0) + 2.43 / (n + 1.0)),
        )
        return np.asarray(excess > 0.0)


def counts_from_percent(percent: Floats, n: Floats) -> Floats:
    """Recover how many of n people a percentage means: the nearest whole number, halves upwards.

    References
    ----------
    Higgins, Li & Deeks (2023), Cochrane Handbook 6.4, section 6.4.
    """
    # a printed percentage times n carries the error of a product: 8.3 of 250 is 20.75, not 20.749999999999996
    return np.floor(np.round(percent * n / 100.0, 9) + 0.5)


def compatible_counts(percent: Floats, n: Floats, decimals: NDArray[np.int_]) -> tuple[Floats, Floats]:
    """Return the least and the greatest count out of n that a percentage printed with decimals can mean.

    Parameters
    ----------
    percent, n : array
        As printed; people.
    decimals : array of int
        Decimals that were printed.

    Returns
    -------
    low, high : arrays
        Counts x between 0 and n with 100 x / n at most half a unit of the last decimal from ``percent``,
        either way of rounding halves; ``low > high`` where no whole number fits.
    """
    half = 0.5 * 10.0 ** -np.asarray(decimals, dtype=np.float64)
    low = np.ceil(np.round((percent - half) * n / 100.0, 9))
    high = np.floor(np.round((percent + half) * n / 100.0, 9))
    return np.maximum(low, 0.0), np.minimum(high, n)


def printed_decimals(values: Floats) -> NDArray[np.int_]:
    """Return the decimals that numbers show at least: 1 of 45.0 and 45.00 is unknown, so they count as 45."""
    return np.array([_decimals(float(x)) for x in np.ravel(values)], dtype=np.int_).reshape(np.shape(values))


def sd_of_change(sd_pre: Floats, sd_post: Floats, r: Floats) -> Floats:
    """Recover the SD of a change from the SDs before and after and the correlation r of the two.

    Returns
    -------
    array
        sqrt(sd_pre^2 + sd_post^2 - 2 r sd_pre sd_post).

    References
    ----------
    Higgins, Li & Deeks (2023), Cochrane Handbook 6.4, section 6.5.2.8.
    """
    return np.sqrt(np.maximum(sd_pre**2 + sd_post**2 - 2.0 * r * sd_pre * sd_post, 0.0))


def r_from_changes(sd_pre: Floats, sd_post: Floats, sd_change: Floats) -> Floats:
    """Recover the correlation of before with after from the SD of the change; NaN where it is none.

    Returns
    -------
    array
        (sd_pre^2 + sd_post^2 - sd_change^2) / (2 sd_pre sd_post), where that lies between -1 and 1.

    References
    ----------
    Higgins, Li & Deeks (2023), Cochrane Handbook 6.4, section 6.5.2.8.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        r = (sd_pre**2 + sd_post**2 - sd_change**2) / (2.0 * sd_pre * sd_post)
        return np.where(np.abs(r) <= 1.0, r, np.nan)


def percent_change(pre: Floats, post: Floats, minimum: Floats) -> Floats:
    """Return the change of a mean score in percent of what can change: the mean before less the minimum.

    A PANSS of 30 or a BPRS of 18 means no symptom at all, so 30 points from 90 to 60 are half of what there
    was to lose, not a third.

    Parameters
    ----------
    pre, post : array
        Mean scores before and after.
    minimum : array
        Lowest score of the form: 30 for the PANSS, 18 or 24 for the BPRS, 0 where items start at 0.

    Returns
    -------
    array
        100 (post - pre) / (pre - minimum), negative for an improvement; NaN where ``pre`` is not above the
        minimum.

    References
    ----------
    Leucht, Davis, Engel, Kane & Wagenpfeil (2007), Neuropsychopharmacology 32, 1903-1910; Obermeier et al.
    (2011), BMC Psychiatry 11, 113.
    """
    room = np.where(pre > minimum, pre - minimum, np.nan)
    return np.asarray(100.0 * (post - pre) / room)


def sd_of_percent_change(
    pre: Floats, post: Floats, minimum: Floats, sd_pre: Floats, sd_post: Floats, r: Floats
) -> Floats:
    """Return the SD of the percent change by the delta method, the baseline as random as it is.

    Returns
    -------
    array
        100 sqrt(sd_post^2 + q^2 sd_pre^2 - 2 q r sd_pre sd_post) / (pre - minimum), with
        q = (post - minimum) / (pre - minimum); NaN where ``pre`` is not above the minimum.

    References
    ----------
    Stuart & Ord (1994), Kendall's Advanced Theory of Statistics, 6th ed., section 10.5 (variance of a ratio).
    """
    room = np.where(pre > minimum, pre - minimum, np.nan)
    share = (post - minimum) / room
    return np.asarray(100.0 * sd_of_change(np.abs(share) * sd_pre, sd_post, r * np.sign(share)) / room)


def _quantile(tail: float | Floats, df: Floats | None) -> Floats:
    """Return the upper quantile of a tail: of t with ``df``, of the normal distribution where that is NaN."""
    normal = np.asarray(-ndtri(np.asarray(tail, dtype=np.float64)))
    if df is None:
        return normal
    known = np.isfinite(df)
    return np.where(known, -stdtrit(np.where(known, df, 1.0), tail), normal)


def _positive(se: Floats) -> Floats:
    return np.where(np.isfinite(se) & (se > 0.0), se, np.nan)


def _best(*estimates: Floats) -> Floats:
    """Return of each row the first estimate that is a number."""
    best = estimates[-1]
    for estimate in estimates[-2::-1]:
        best = np.where(np.isnan(estimate), best, estimate)
    return np.asarray(best, dtype=np.float64)


def _bound(values: Floats) -> Floats:
    """Return a critical value, infinite where so few people give none."""
    return np.where(values > 0.0, values, np.inf)


def _decimals(x: float) -> int:
    text = repr(x)
    if not np.isfinite(x) or "e" in text:
        return 0
    digits = text.partition(".")[2].rstrip("0")
    return len(digits)
