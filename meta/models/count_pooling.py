"""Mantel-Haenszel pooling as a model: a common effect from the cells, heterogeneity from (y, v)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from meta.effects.sizes import EffectSizes
from meta.errors import ModelError
from meta.inference.heterogeneity import h2_from_q, i2_from_q
from meta.inference.intervals import two_sided_quantile, wald_interval
from meta.inference.p_values import chi2_p, two_sided_p
from meta.kernels.count_pooling import CountPool, pool_mantel_haenszel, sum_squares_about
from meta.kernels.status import Status
from meta.models.rows import FittedRows, blank_rows
from meta.options import ModelSpec
from meta.results import Floats

Mask = NDArray[np.bool_]

#: The cells of each measure that can be pooled after Mantel and Haenszel.
CELLS = {
    "OR": ("events1", "n1", "events2", "n2"),
    "RR": ("events1", "n1", "events2", "n2"),
    "RD": ("events1", "n1", "events2", "n2"),
    "IRR": ("events1", "time1", "events2", "time2"),
    "IRD": ("events1", "time1", "events2", "time2"),
}


def pool_counts(effects: EffectSizes, mask: Mask) -> CountPool:
    """Pool the counts of each row of ``mask``, shape (B, k), after Mantel and Haenszel.

    Raises
    ------
    ModelError
        If the measure is none of two groups with events, or there are no counts.
    """
    return pool_mantel_haenszel(effects.measure, *_cells(effects), mask)


def known_counts(effects: EffectSizes, _spec: ModelSpec) -> Mask:
    """Return which studies have their counts, shape (k,).

    Trials without an event in either arm say nothing of a ratio (nor do those with nothing but events of an
    odds ratio) and are not used, unless they were given an effect size; risk differences take them in.
    """
    first, size1, second, size2 = _cells(effects)
    known = np.isfinite(first) & np.isfinite(second) & (size1 > 0) & (size2 > 0)
    if effects.measure in ("RD", "IRD"):
        return np.asarray(known, dtype=bool)
    silent = (first == 0) & (second == 0)
    if effects.measure == "OR":
        silent |= (first == size1) & (second == size2)
    return np.asarray(known & ~(silent & np.isnan(effects.y)), dtype=bool)


def fit_counts(
    effects: EffectSizes, spec: ModelSpec, mask: Mask, matrix: Floats, intercept_only: bool
) -> FittedRows:
    """Pool the studies of each row of ``mask`` after Mantel and Haenszel.

    Q compares the effect sizes of the studies (with their continuity correction) with the pooled value, by
    inverse variance, as R metafor and RevMan 5 do. There is none where fewer than two of several studies give
    an effect size: metafor shows Q = 0 with P = 1 there, which reads as agreement where nothing was compared.

    Raises
    ------
    ModelError
        If there are moderators, or the measure cannot be pooled so.
    """
    if not intercept_only:
        raise ModelError("model='mantel_haenszel' takes no moderators")
    pool = pool_counts(effects, mask)
    k = mask.sum(axis=1)
    rows = blank_rows(mask.shape[0], matrix.shape[1], k)
    fitted = np.isfinite(pool.value)
    se = np.sqrt(pool.variance)
    nothing = np.full(se.shape, np.nan)
    low, high = wald_interval(pool.value, se, two_sided_quantile(spec.level, nothing))
    q, with_effect = sum_squares_about(effects.y, effects.v, mask, pool.value)
    free = np.where(fitted, with_effect - 1.0, np.nan)
    loglik = _log_likelihood(effects.v, mask, np.where(fitted, q, np.nan))
    # one study is its own pooled value, a correction for empty cells aside
    q = np.where(k == 1, 0.0, np.where(free > 0.0, q, np.nan))
    q = np.where(fitted & (with_effect > 0.0), q, np.nan)
    statistic = pool.value / se
    status = np.full(k.shape, Status.OK, dtype=np.int8)
    status[k == 1] = Status.SINGLE_STUDY
    status[~fitted] = Status.NOT_ESTIMABLE
    return replace(
        rows,
        value=pool.value[:, None], se=se[:, None], low=low[:, None], high=high[:, None],
        statistic=statistic[:, None], p_value=two_sided_p(statistic, nothing)[:, None],
        covariance=pool.variance[:, None, None], tau2=np.where(fitted, 0.0, np.nan),
        q=q, q_df=free, q_p=chi2_p(q, free), i2=i2_from_q(q, free), h2=h2_from_q(q, free),
        loglik=loglik, status=status, weights=np.where(mask, pool.weights, 0.0),
        parameters=np.ones(k.shape, dtype=np.int64),
        notes=tuple(
            _notes(effects.measure, bool(fitted[i]), int(k[i]), int(with_effect[i])) for i in range(k.size)
        ),
    )


def _notes(measure: str, fitted: bool, k: int, with_effect: int) -> tuple[str, ...]:
    """Say why nothing was pooled, or nothing compared."""
    if k and not fitted:
        if measure in ("RD", "IRD"):
            return ("every group has no event, or nothing but events: the variance is 0",)
        return (
            "one of the groups has no event in any study (or, of odds, nothing but events): the pooled ratio "
            "is 0, infinite or unknown",
        )
    if fitted and k > 1 and with_effect < 2:
        few = "only one study gives" if with_effect else "no study gives"
        return (f"{few} an effect size of its own: there is no Q, and no I2",)
    return ()


def _log_likelihood(v: Floats, mask: Mask, q: Floats) -> Floats:
    """Return the log-likelihood of the effect sizes about the pooled value, shape (B,)."""
    logs = np.where(np.isfinite(v) & (v > 0.0), np.log(2.0 * np.pi * np.where(v > 0.0, v, 1.0)), 0.0)
    # summed study after study, so that a study left out changes no bit of the sum of the others
    total = np.cumsum(np.where(mask, logs, 0.0), axis=1)[:, -1]
    return np.asarray(-0.5 * (total + q), dtype=np.float64)


def _cells(effects: EffectSizes) -> tuple[Floats, Floats, Floats, Floats]:
    """Return events and size of both arms."""
    if effects.measure not in CELLS:
        raise ModelError(
            f"Mantel-Haenszel pools {', '.join(CELLS)} from counts of two groups; got {effects.measure}"
        )
    names = CELLS[effects.measure]
    if effects.k and not all(name in effects.counts for name in names):
        raise ModelError(
            f"Mantel-Haenszel needs the counts {', '.join(names)}; got effect sizes without counts"
        )
    empty = np.empty(0)
    first, size1, second, size2 = (effects.counts.get(name, empty) for name in names)
    return first, size1, second, size2
