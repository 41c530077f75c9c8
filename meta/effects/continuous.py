"""Effect sizes of means: MD SMD SMDH ROM VR CVR D2ORN of two groups, MN MNLN SDLN CVLN of one.

Arm 1 is the treatment. Every function takes means, standard deviations and sizes (k,) and returns effect
sizes and sampling variances (k,), NaN where there is no effect size. ``variance`` picks the formula of the
variance; what each letter means stands with the function.
"""

from __future__ import annotations

import numpy as np
from scipy.special import gammaln

from meta.effects.binary import COX
from meta.results import Floats


def exact_j(df: Floats) -> Floats:
    """Return the factor that takes the bias from a standardised difference with ``df`` degrees of freedom.

    NaN below two degrees of freedom, where the mean of the uncorrected value does not exist.

    References
    ----------
    Hedges (1981), Journal of Educational Statistics 6, 107-128, eq. 6e.
    """
    half = np.where(df > 1.0, df, np.nan) / 2.0
    return np.asarray(np.exp(gammaln(half) - np.log(np.sqrt(half)) - gammaln(half - 0.5)), dtype=np.float64)


def pooled_variance(sd1: Floats, n1: Floats, sd2: Floats, n2: Floats) -> Floats:
    """Return the variance within two groups, each weighted by its degrees of freedom; NaN without any."""
    df = n1 + n2 - 2.0
    pooled = ((n1 - 1.0) * np.square(sd1) + (n2 - 1.0) * np.square(sd2)) / np.where(df > 0, df, np.nan)
    return np.asarray(pooled, dtype=np.float64)


def weighted_mean(values: Floats, sizes: Floats) -> Floats:
    """Return the mean of all studies weighted by size, as an array of their shape; NaN ones do not count."""
    known = np.isfinite(values) & np.isfinite(sizes)
    total = float(np.sum(sizes[known]))
    mean = float(np.sum((values * sizes)[known])) / total if total > 0.0 else np.nan
    return np.full(values.shape, mean)


def mean_difference(
    mean1: Floats, sd1: Floats, n1: Floats, mean2: Floats, sd2: Floats, n2: Floats, *, variance: str
) -> tuple[Floats, Floats]:
    """Return mean differences and variances sd1^2/n1 + sd2^2/n2, shape (k,).

    ``HO`` takes the two variances for equal and pools them.

    References
    ----------
    Bond, Wiitala & Richard (2003), Psychological Methods 8, 406-418.
    """
    if variance == "HO":
        v = pooled_variance(sd1, n1, sd2, n2) * (1.0 / n1 + 1.0 / n2)
    else:
        v = np.square(sd1) / n1 + np.square(sd2) / n2
    return mean1 - mean2, v


def standardised_difference(
    mean1: Floats, sd1: Floats, n1: Floats, mean2: Floats, sd2: Floats, n2: Floats, *, variance: str
) -> tuple[Floats, Floats]:
    """Return Hedges' g and its variance, shape (k,), with the exact J on df = n1 + n2 - 2.

    ``LS``: 1/n1 + 1/n2 + g^2/(2 (n1 + n2)); ``LS2``: J^2 times the same at the uncorrected d; ``UB``:
    unbiased, 1/n1 + 1/n2 + (1 - (df - 2)/(df J^2)) g^2; ``AV``: ``LS`` at the mean g of the studies, weighted
    by size; ``revman5``: what RevMan 5 does, J = 1 - 3/(4N - 9) and
    N/(n1 n2) + g^2/(2 (N - 3.94)), N = n1 + n2.

    References
    ----------
    Hedges (1981), Journal of Educational Statistics 6, 107-128 (g, ``LS``); Hedges (1983), Psychological
    Bulletin 93, 388-395, eq. 8 (``UB``); Borenstein (2009), The Handbook of Research Synthesis and
    Meta-Analysis, 2nd ed., 221-235, eq. 12.17 (``LS2``); Deeks & Higgins (2010), Statistical algorithms in
    Review Manager 5, p. 7 (``revman5``).
    """
    total, df = n1 + n2, n1 + n2 - 2.0
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.sqrt(pooled_variance(sd1, n1, sd2, n2))
        d = (mean1 - mean2) / np.where(spread > 0.0, spread, np.nan)
        parts = 1.0 / n1 + 1.0 / n2
        if variance == "revman5":
            g = d * (1.0 - 3.0 / (4.0 * total - 9.0))
            late = np.where(total > 3.94, total - 3.94, np.nan)
            return g, parts + np.square(g) / (2.0 * late)
        j = exact_j(df)
        g = j * d
        if variance == "LS2":
            return g, np.square(j) * (parts + np.square(d) / (2.0 * total))
        if variance == "UB":
            return g, parts + (1.0 - (df - 2.0) / (df * np.square(j))) * np.square(g)
        at = weighted_mean(g, total) if variance == "AV" else g
        return g, np.where(np.isnan(g), np.nan, parts + np.square(at) / (2.0 * total))


def standardised_difference_unequal(
    mean1: Floats, sd1: Floats, n1: Floats, mean2: Floats, sd2: Floats, n2: Floats
) -> tuple[Floats, Floats]:
    """Return differences over the root of the mean of the two variances, and their variances, (k,).

    References
    ----------
    Bonett (2008), Psychological Methods 13, 99-109, eq. 5; value and standard error times J on n1 + n2 - 2,
    as Bonett (2009), Psychological Methods 14, 225-238.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        square = 0.5 * (np.square(sd1) + np.square(sd2))
        square = np.where((square > 0.0) & (n1 > 1.0) & (n2 > 1.0), square, np.nan)
        j = exact_j(n1 + n2 - 2.0)
        y = j * (mean1 - mean2) / np.sqrt(square)
        fourth = sd1**4 / (n1 - 1.0) + sd2**4 / (n2 - 1.0)
        second = np.square(sd1) / (n1 - 1.0) + np.square(sd2) / (n2 - 1.0)
        v = np.square(y) * fourth / (8.0 * np.square(square)) + second / square
        return y, np.square(j) * v


def odds_ratio_from_d(
    mean1: Floats, sd1: Floats, n1: Floats, mean2: Floats, sd2: Floats, n2: Floats
) -> tuple[Floats, Floats]:
    """Return 1.65 d, as log odds ratios of a normal outcome that is cut, and variances 1.65^2 v, (k,).

    d without J, and v = 1/n1 + 1/n2 + d^2/(2 (n1 + n2)).

    References
    ----------
    Cox & Snell (1989), Analysis of Binary Data, 2nd ed.; Sanchez-Meca, Marin-Martinez & Chacon-Moscoso
    (2003), Psychological Methods 8, 448-467, eq. 18.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.sqrt(pooled_variance(sd1, n1, sd2, n2))
        d = (mean1 - mean2) / np.where(spread > 0.0, spread, np.nan)
        v = 1.0 / n1 + 1.0 / n2 + np.square(d) / (2.0 * (n1 + n2))
        return COX * d, COX**2 * v


def mean_ratio(
    mean1: Floats, sd1: Floats, n1: Floats, mean2: Floats, sd2: Floats, n2: Floats, *, variance: str
) -> tuple[Floats, Floats]:
    """Return logs of ratios of means and their variances, (k,); NaN unless the means have one sign.

    ``LS``: sd1^2/(n1 mean1^2) + sd2^2/(n2 mean2^2); ``HO``: both variances pooled; ``AV``: each coefficient
    of variation replaced by its average over the studies, weighted by size; ``AVHO``: one average over all
    arms.

    References
    ----------
    Hedges, Gurevitch & Curtis (1999), Ecology 80, 1150-1156 (``LS``); Nakagawa et al. (2023), Ecology Letters
    26, 232-244 (``AV``).
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = mean1 / mean2
        y = np.log(np.where(ratio > 0.0, ratio, np.nan))
        known = np.isfinite(y)
        if variance == "HO":
            sd1 = sd2 = np.sqrt(pooled_variance(sd1, n1, sd2, n2))
        cv1, cv2 = np.where(known, sd1 / mean1, np.nan), np.where(known, sd2 / mean2, np.nan)
        if variance == "AV":
            cv1, cv2 = weighted_mean(cv1, n1), weighted_mean(cv2, n2)
        if variance == "AVHO":
            both = weighted_mean(np.concatenate([cv1, cv2]), np.concatenate([n1, n2]))
            cv1 = cv2 = both[: n1.size]
        return y, np.where(known, np.square(cv1) / n1 + np.square(cv2) / n2, np.nan)


def variability_ratio(sd1: Floats, n1: Floats, sd2: Floats, n2: Floats) -> tuple[Floats, Floats]:
    """Return logs of ratios of standard deviations, less their bias, and variances, shape (k,).

    References
    ----------
    Nakagawa et al. (2015), Methods in Ecology and Evolution 6, 143-152, eqs 9 and 10.
    """
    y1, v1 = log_sd(sd1, n1)
    y2, v2 = log_sd(sd2, n2)
    return y1 - y2, v1 + v2


def variation_ratio(
    mean1: Floats, sd1: Floats, n1: Floats, mean2: Floats, sd2: Floats, n2: Floats
) -> tuple[Floats, Floats]:
    """Return logs of ratios of coefficients of variation, less their bias, and variances, shape (k,).

    References
    ----------
    Nakagawa et al. (2015), Methods in Ecology and Evolution 6, 143-152, eqs 11 and 12, without the
    correlation of mean and standard deviation (normal outcomes).
    """
    y1, v1 = log_variation(mean1, sd1, n1)
    y2, v2 = log_variation(mean2, sd2, n2)
    return y1 - y2, v1 + v2


def mean_of_one(mean: Floats, sd: Floats, n: Floats) -> tuple[Floats, Floats]:
    """Return means as they are, and their variances sd^2/n, shape (k,)."""
    return mean.copy(), np.square(sd) / n


def log_mean(mean: Floats, sd: Floats, n: Floats) -> tuple[Floats, Floats]:
    """Return logs of means and variances sd^2/(n mean^2), shape (k,); NaN unless the mean is above 0.

    References
    ----------
    Viechtbauer (2010), Journal of Statistical Software 36(3), 1-48.
    """
    mean = np.where(mean > 0.0, mean, np.nan)
    return np.log(mean), np.square(sd / mean) / n


def log_sd(sd: Floats, n: Floats) -> tuple[Floats, Floats]:
    """Return logs of standard deviations less their bias, and variances 1/(2 (n - 1)), shape (k,).

    References
    ----------
    Raudenbush & Bryk (1987), Journal of Educational Statistics 12, 241-269; Nakagawa et al. (2015), Methods
    in Ecology and Evolution 6, 143-152, eqs 7 and 8.
    """
    known = (sd > 0.0) & (n > 1.0)
    v = 0.5 / (np.where(known, n, np.nan) - 1.0)
    return np.log(np.where(known, sd, np.nan)) + v, v


def log_variation(mean: Floats, sd: Floats, n: Floats) -> tuple[Floats, Floats]:
    """Return logs of coefficients of variation less their bias, and their variances, shape (k,).

    References
    ----------
    Nakagawa et al. (2015), Methods in Ecology and Evolution 6, 143-152, for normal outcomes.
    """
    mean = np.where(mean > 0.0, mean, np.nan)
    y, v = log_sd(sd, n)
    return y - np.log(mean), v + np.square(sd / mean) / n
