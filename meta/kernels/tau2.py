"""Estimators of tau2, column by column, in the units of the columns (see ``masks``)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from meta.kernels.climb import TAU2_RTOL, climb_columns
from meta.kernels.concave import Limits
from meta.kernels.masks import Columns, Floats, Mask, add_studies, pair_up
from meta.kernels.moments import (
    dersimonian_laird,
    hedges_olkin,
    hunter_schmidt,
    residual_variance,
    sidik_jonkman,
    two_step,
)
from meta.kernels.search import Maxima, find_maxima
from meta.kernels.weighted import Moments, log_likelihood, pick_slopes, sum_q, sum_slopes

#: Steps of the monotone search. It takes 3 to 8; over variances of ten decades about 30.
MAX_STEPS = 200

#: Estimators of tau2 that need nothing but effects, variances and a design.
TAU2_METHODS = ("DL", "HE", "HS", "HSk", "SJ", "PM", "EB", "PMM", "DL2", "REML", "ML")


@dataclass(frozen=True, slots=True)
class Estimates:
    """tau2 of each column (NaN where not found), and whether its likelihood has several local maxima.

    ``doubtful`` columns, whose one maximum could not be told at once, ask for a thorough search (None: none).
    """

    tau2: Floats
    several: Mask
    doubtful: Mask | None = None


def estimate_tau2(
    columns: Columns, method: str, at_zero: Moments, origin: Floats, *, thorough: bool
) -> Estimates:
    """Estimate tau2 >= 0 by one of ``TAU2_METHODS``, or by ``DL_MH``.

    ``at_zero`` holds the sums at tau2 = 0 (under ``DL_MH`` its ``q`` is that about the Mantel-Haenszel
    estimate), ``origin`` what was taken out of the effects beforehand (``Frame.origin``). Every column has
    more studies than coefficients. ``thorough`` looks for every maximum of a likelihood; without it columns
    with one maximum are quick, and the others stay ``doubtful``.
    """
    free = columns.k - columns.p
    if method in ("REML", "ML"):
        typical = free / at_zero.trace_p
        return maximise_likelihood(
            columns, at_zero, typical, restricted=method == "REML", thorough=thorough
        )
    return Estimates(_estimate_moments(columns, method, at_zero, origin), np.zeros(free.shape, dtype=bool))


def _estimate_moments(columns: Columns, method: str, at_zero: Moments, origin: Floats) -> Floats:
    """Return the estimate of one of the methods that know no likelihood."""
    free = columns.k - columns.p
    if method in ("DL", "DL_MH"):
        return dersimonian_laird(at_zero, free)
    if method == "DL2":
        return two_step(columns, dersimonian_laird(at_zero, free))
    if method == "HE":
        return hedges_olkin(columns)
    if method in ("HS", "HSk"):
        return hunter_schmidt(at_zero, columns.k, free, corrected=method == "HSk")
    if method == "SJ":
        return sidik_jonkman(columns, origin)
    # Paule and Mandel ask Q(tau2) for its mean, and so does empirical Bayes (Morris 1983, JASA 78, 47-55;
    # the same root: Viechtbauer et al. 2015, Psychological Methods 20, 360-374); PMM asks for its median
    # (Viechtbauer 2021)
    target = special.chdtri(free, 0.5) if method == "PMM" else free
    return solve_q(columns, np.asarray(target, dtype=np.float64), free / at_zero.trace_p)


def solve_q(columns: Columns, target: Floats, typical: Floats) -> Floats:
    """Solve Q(tau2) = target for tau2 >= 0, where Q = y'Py; 0 where Q(0) is not above the target.

    With ``target`` = k - p this is the estimator of Paule and Mandel, with the median of chi-squared(k - p)
    its median-unbiased form, with other quantiles a bound of the Q-profile interval.

    1 / Q is increasing and concave in tau2 (Q is a Stieltjes function), so Newton's method on 1 / Q climbs to
    the root from the left and never passes it; with equal variances it arrives in one step.

    References
    ----------
    Paule & Mandel (1982), J Res Natl Bur Stand 87, 377-385; Viechtbauer (2007), Statistics in Medicine 26,
    37-52; Viechtbauer (2021), Median-unbiased estimators for the amount of heterogeneity in meta-analysis.
    """
    tau2 = np.zeros(target.shape)
    q, qq = sum_q(columns, tau2)
    active = np.flatnonzero(q > target)
    q, qq = q[active], qq[active]
    answer = np.zeros(target.shape)
    answer[active] = np.nan
    for _ in range(MAX_STEPS):
        if active.size == 0:
            break
        t = tau2[active]
        step = np.maximum(q * (q - target[active]) / (target[active] * qq), 0.0)
        tau2[active] = t + step
        done = step <= TAU2_RTOL * (t + typical[active])
        answer[active[done]] = tau2[active[done]]
        active = active[~done]
        if active.size:
            rows = pair_up(active)
            q, qq = (a[: active.size] for a in sum_q(columns.take(rows), tau2[rows]))
    return answer


def maximise_likelihood(
    columns: Columns, at_zero: Moments, typical: Floats, *, restricted: bool, thorough: bool
) -> Estimates:
    """Maximise the restricted or full likelihood over tau2 >= 0; of several local maxima keep the best.

    References
    ----------
    Viechtbauer (2005), J Educ Behav Stat 30, 261-293.
    """

    def slopes(some: Columns, tau2: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        return sum_slopes(some, tau2, restricted=restricted)

    limits = far_limits(columns, typical, restricted=restricted)
    if thorough:
        return _keep_best(columns, find_maxima(columns, slopes, limits), restricted=restricted)
    tau2 = climb_columns(columns, slopes, limits, pick_slopes(at_zero, restricted=restricted))
    return Estimates(tau2, np.zeros(tau2.shape, dtype=bool), np.isnan(tau2))


def far_limits(columns: Columns, typical: Floats, *, restricted: bool) -> Limits:
    """Return what bounds the slope of the likelihood far out."""
    free = columns.k - columns.p
    spread = residual_variance(columns)
    v = np.where(np.isinf(columns.v), 0.0, columns.v)
    if restricted and columns.basis is not None:
        leverage = np.add.reduce(columns.basis * columns.basis, axis=0)
        mean = add_studies(v * np.maximum(1.0 - leverage, 0.0)) / free
    else:
        mean = add_studies(v) / columns.k
    cap = _cap(spread, v)
    return Limits(cap, spread * free, free if restricted else columns.k, mean, typical)


def cap_tau2(columns: Columns) -> Floats:
    """Return a tau2 beyond which both likelihoods fall: 2 s2 (residual variance) + largest variance.

    With RSS = (k - p) s2: y'PPy <= RSS / (v_min + tau2)^2 and tr W >= tr P >= (k - p) / (v_max + tau2); the
    second exceeds the first from tau2 = s2 + v_max on. It is a bound, not a limit set on the answer.
    """
    return _cap(residual_variance(columns), np.where(np.isinf(columns.v), 0.0, columns.v))


def _cap(spread: Floats, v: Floats) -> Floats:
    """Return twice the residual variance + the largest variance (0 where a study is left out)."""
    return np.asarray(2.0 * spread + np.maximum.reduce(v, axis=0))


def _keep_best(columns: Columns, maxima: Maxima, *, restricted: bool) -> Estimates:
    """Keep the highest maximum of each column; a column with one that did not converge is lost."""
    count = np.bincount(maxima.column, minlength=columns.k.size)
    tau2 = np.full(columns.k.size, np.nan)
    single = count[maxima.column] == 1
    tau2[maxima.column[single]] = maxima.tau2[single]
    rivals = np.flatnonzero(~single)
    if rivals.size:
        rows = pair_up(rivals)
        column, value = maxima.column[rows], maxima.tau2[rows]
        height = log_likelihood(columns.take(column), value, restricted=restricted)
        # highest last within each column, so that it is the one that stays; of equals the smaller tau2
        order = np.lexsort((-value, height, column))
        tau2[column[order]] = value[order]
    tau2[maxima.column[~maxima.converged]] = np.nan
    return Estimates(tau2, count > 1)
