"""Mantel-Haenszel pooling of two groups: sums over the cells of all studies, no weight made of a variance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from meta.kernels.masks import Floats, Mask, add_studies, pair_up, row_chunks


@dataclass(frozen=True, slots=True)
class CountPool:
    """The pooled value of each analysis and its variance, shape (B,), and weights in percent, (B, k).

    NaN where the value does not exist: no study used, or no event in one arm of all of them (ratios).
    """

    value: Floats
    variance: Floats
    weights: Floats



def pool_mantel_haenszel(
    measure: str, first: Floats, size1: Floats, second: Floats, size2: Floats, mask: Mask
) -> CountPool:
    """Pool counts of two groups after Mantel and Haenszel, without a continuity correction.

    Parameters
    ----------
    measure : {"OR", "RR", "RD", "IRR", "IRD"}
        Ratios are pooled as such and returned as logs.
    first, size1, second, size2 : array of shape (k,)
        Events and people (person-time for rates) of the treatment arm, then of the other arm; anything where
        no analysis uses the study.
    mask : array of bool, shape (B, k)
        Which studies each analysis uses.

    Returns
    -------
    CountPool
        On the analysis scale of the measure.

    References
    ----------
    Mantel & Haenszel (1959), JNCI 22, 719-748; Robins, Breslow & Greenland (1986), Biometrics 42, 311-323
    (variance of the log odds ratio); Greenland & Robins (1985), Biometrics 41, 55-68 (risk ratio, rates);
    Sato, Greenland & Robins (1989), Biometrics 45, 1323-1324 (risk difference); Rothman, Greenland & Lash
    (2008), Modern Epidemiology, 3rd ed., ch. 15 (rates).
    """
    rows, k = mask.shape
    value, variance = np.full(rows, np.nan), np.full(rows, np.nan)
    weights = np.full((rows, k), np.nan)
    some = np.flatnonzero(mask.any(axis=1))
    for chunk in row_chunks(some, k, 1):
        used = np.ascontiguousarray(mask[chunk].T)
        # a study left out has one person an arm and no event, and its terms are taken as exactly 0 below
        a, c = (np.where(used, events[:, None], 0.0) for events in (first, second))
        n1, n2 = (np.where(used, size[:, None], 1.0) for size in (size1, size2))
        with np.errstate(divide="ignore", invalid="ignore"):
            value[chunk], variance[chunk], share = _POOLS[measure](a, n1, c, n2, used)
            weights[chunk] = (100.0 * share / add_studies(share)).T
    lost = ~np.isfinite(value) | ~np.isfinite(variance) | (variance <= 0.0)
    value[lost] = variance[lost] = np.nan
    weights[lost] = np.nan
    return CountPool(value, variance, weights)


def sum_squares_about(y: Floats, v: Floats, mask: Mask, value: Floats) -> tuple[Floats, Floats]:
    """Return Q = sum (y - value)^2 / v of each analysis, and the number of its studies with an effect size.

    Parameters
    ----------
    y, v : array of shape (k,)
        Effect sizes and sampling variances; NaN where a study has none.
    mask : array of bool, shape (B, k)
        Which studies each analysis uses.
    value : array of shape (B,)
        What the effects are compared with.
    """
    rows = pair_up(np.arange(mask.shape[0]))
    known = np.isfinite(y) & np.isfinite(v)
    used = np.ascontiguousarray((mask & known)[rows].T)
    terms = np.where(used, np.square(y[:, None] - value[rows]) / v[:, None], 0.0)
    q = add_studies(np.ascontiguousarray(terms))[: mask.shape[0]]
    return q, np.asarray((mask & known).sum(axis=1), dtype=np.float64)


def _pool_odds(a: Floats, n1: Floats, c: Floats, n2: Floats, used: Mask) -> tuple[Floats, Floats, Floats]:
    """Robins, Breslow & Greenland (1986), eq. 4."""
    b, d, total = n1 - a, n2 - c, n1 + n2
    up, down = np.where(used, a * d / total, 0.0), np.where(used, b * c / total, 0.0)
    p, q = (a + d) / total, (b + c) / total
    r, s = add_studies(up), add_studies(down)
    variance = (
        add_studies(p * up) / (2.0 * r * r)
        + add_studies(p * down + q * up) / (2.0 * r * s)
        + add_studies(q * down) / (2.0 * s * s)
    )
    return np.log(r) - np.log(s), variance, down


def _pool_risks(a: Floats, n1: Floats, c: Floats, n2: Floats, used: Mask) -> tuple[Floats, Floats, Floats]:
    """Greenland & Robins (1985), eq. 4 and 13."""
    total = n1 + n2
    up, down = np.where(used, a * n2 / total, 0.0), np.where(used, c * n1 / total, 0.0)
    spread = np.where(used, (n1 * n2 * (a + c) - a * c * total) / (total * total), 0.0)
    r, s = add_studies(up), add_studies(down)
    return np.log(r) - np.log(s), add_studies(spread) / (r * s), down


def _pool_risk_differences(
    a: Floats, n1: Floats, c: Floats, n2: Floats, used: Mask
) -> tuple[Floats, Floats, Floats]:
    """Sato, Greenland & Robins (1989)."""
    total = n1 + n2
    share = np.where(used, n1 * n2 / total, 0.0)
    weight = add_studies(share)
    value = add_studies(np.where(used, (a * n2 - c * n1) / total, 0.0)) / weight
    p = (c * n1 * n1 - a * n2 * n2 + 0.5 * n1 * n2 * (n2 - n1)) / (total * total)
    q = (a * (n2 - c) + c * (n1 - a)) / (2.0 * total)
    p, q = np.where(used, p, 0.0), np.where(used, q, 0.0)
    return value, (value * add_studies(p) + add_studies(q)) / (weight * weight), share


def _pool_rates(a: Floats, t1: Floats, c: Floats, t2: Floats, used: Mask) -> tuple[Floats, Floats, Floats]:
    """Greenland & Robins (1985), rates of person-time."""
    total = t1 + t2
    up, down = np.where(used, a * t2 / total, 0.0), np.where(used, c * t1 / total, 0.0)
    spread = np.where(used, (a + c) * (t1 / total) * (t2 / total), 0.0)
    r, s = add_studies(up), add_studies(down)
    return np.log(r) - np.log(s), add_studies(spread) / (r * s), down


def _pool_rate_differences(
    a: Floats, t1: Floats, c: Floats, t2: Floats, used: Mask
) -> tuple[Floats, Floats, Floats]:
    """Greenland & Robins (1985), rates of person-time."""
    total = t1 + t2
    share = np.where(used, t1 * (t2 / total), 0.0)
    weight = add_studies(share)
    value = add_studies(np.where(used, a * (t2 / total) - c * (t1 / total), 0.0)) / weight
    spread = share * share * (a / (t1 * t1) + c / (t2 * t2))
    return value, add_studies(np.where(used, spread, 0.0)) / (weight * weight), share


#: Cells of one chunk, each (k, columns): events and people (or person-time) of arm 1, then of arm 2; which
#: are used -> pooled value, its variance, what the weights are proportional to.
_POOLS: dict[str, Callable[[Floats, Floats, Floats, Floats, Mask], tuple[Floats, Floats, Floats]]] = {
    "OR": _pool_odds,
    "RR": _pool_risks,
    "RD": _pool_risk_differences,
    "IRR": _pool_rates,
    "IRD": _pool_rate_differences,
}
