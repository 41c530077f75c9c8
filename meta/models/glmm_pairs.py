"""GLMMs of two groups, odds and rate ratios from the counts of both arms: finished numbers of a batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from meta.effects.exact import clopper_pearson
from meta.effects.sizes import EffectSizes
from meta.errors import ModelError
from meta.kernels.glmm import GlmmBatch
from meta.kernels.glmm_counts import log_expit
from meta.kernels.glmm_tables import bisect, exact_interval, moments_at
from meta.kernels.glmm_two import (
    TwoGroups,
    build_problem,
    build_study_tables,
    check_two_groups,
    ends_of_support,
    fit_two_groups,
    says_nothing,
)
from meta.kernels.status import Status
from meta.models.glmm_reasons import AT_ENDS, NO_RATIO, count_reasons
from meta.models.glmm_rows import Fitted, Singles, finish_rows
from meta.models.rows import FittedRows
from meta.options import ModelSpec
from meta.results import Component, Floats

Mask = NDArray[np.bool_]

#: The counts of each measure that a GLMM of two groups is fitted to, group 1 first.
PAIRS = {"OR": ("events1", "n1", "events2", "n2"), "IRR": ("events1", "time1", "events2", "time2")}


def known_pairs(effects: EffectSizes, spec: ModelSpec) -> Mask:
    """Return which studies have the counts of both groups, shape (k,).

    A study without any event, or with nothing but events, says nothing of its ratio: only a model with
    random study levels uses it.
    """
    e1, n1, e2, n2 = _pair_counts(effects, spec)
    known = np.isfinite(e1 + n1 + e2 + n2) & (n1 > 0) & (n2 > 0)
    if spec.model == "unconditional_random":
        return np.asarray(known, dtype=bool)
    nothing = e1 + e2 == 0.0
    if effects.measure == "OR":
        nothing |= e1 + e2 == n1 + n2
    return np.asarray(known & ~nothing, dtype=bool)


def fit_pairs(
    effects: EffectSizes, spec: ModelSpec, masks: Mask, matrix: Floats, intercept_only: bool
) -> FittedRows:
    """Fit a GLMM of two groups to the studies of each row of ``masks`` (B, k)."""
    known = known_pairs(effects, spec)
    fills = (0.0, 1.0, 0.0, 1.0)
    counts = [np.where(known, c, f) for c, f in zip(_pair_counts(effects, spec), fills, strict=True)]
    family = "binomial" if effects.measure == "OR" else "poisson"
    data = check_two_groups(family, (counts[0], counts[1], counts[2], counts[3]), masks, matrix)
    return infer_pairs(data, spec, intercept_only)


def infer_pairs(data: TwoGroups, spec: ModelSpec, intercept_only: bool) -> FittedRows:
    """Fit a batch of GLMMs of two groups and turn them into finished numbers.

    Parameters
    ----------
    data : TwoGroups
        Checked counts (B, k), mask and design.
    spec : ModelSpec
        ``unconditional_fixed``, ``unconditional_random``, ``conditional_exact`` or
        ``conditional_approximate``. ``tau2_method=None`` holds tau2 at 0 (a common effect).
    intercept_only : bool
        No moderators.

    Returns
    -------
    FittedRows
        Log ratios. A row in which group 1 has no event (or as few, or as many, as the margins allow) in every
        study is ``one_sided``: its bound is exact, from the distribution given the margins at a common ratio,
        with all of ``1 - level`` in one tail, and natural. A row without any informative study is
        ``not_estimable``. A single study has the exact conditional interval (Cornfield 1956; for rates
        Clopper and Pearson's of the binomial given the total). ``components`` holds the variance of the
        studies' levels where these are random.
    """
    held = spec.tau2_method is None
    problem = build_problem(spec.model, data)
    batch = fit_two_groups(spec.model, data, problem, 0.0 if held else None)
    y, v, zero = empirical_ratios(data)
    fitted = Fitted(
        problem,
        batch,
        held,
        _single_studies(data, batch, spec),
        y,
        v,
        wald=_wald_values(data, spec.model, (y, v, zero)),
        null=lambda columns: _null_loglik(data, spec.model, columns, held),
        parameters=_count_parameters(data, spec.model, held),
    )
    low, high = one_sided_ratios(data, batch, spec.level)
    silent = (says_nothing(data) | ~data.mask).all(axis=1)
    return replace(
        finish_rows(fitted, spec, intercept_only),
        one_sided_low=low,
        one_sided_high=high,
        notes=count_reasons(problem, batch, np.where(silent, NO_RATIO, AT_ENDS), held=held),
        components=_level_components(batch) if spec.model == "unconditional_random" else None,
    )


def empirical_ratios(data: TwoGroups) -> tuple[Floats, Floats, Mask]:
    """Return each study's log ratio, its variance, and whether a cell is zero (then 1/2 is added)."""
    if data.binomial:
        cells = [data.events1, data.size1 - data.events1, data.events2, data.size2 - data.events2]
    else:
        cells = [data.events1, data.events2]
    zero = np.logical_or.reduce([c == 0.0 for c in cells])
    cells = [c + np.where(zero, 0.5, 0.0) for c in cells]
    variance = sum(1.0 / c for c in cells)
    if data.binomial:
        return np.log(cells[0] / cells[1] * cells[3] / cells[2]), np.asarray(variance), zero
    return np.log(cells[0] / data.size1 * data.size2 / cells[1]), np.asarray(variance), zero


def _wald_values(
    data: TwoGroups, model: str, empirical: tuple[Floats, Floats, Mask]
) -> tuple[Floats, Floats, Mask]:
    """Return each study's own value under the likelihood of ``model``, its variance, where it is infinite.

    Given the margins, the value is the conditional maximum and the variance its inverse information.
    """
    if model == "conditional_exact" and data.binomial:
        tables, place = build_study_tables(data)
        index = place.astype(np.int64)
        infinite = ~np.isfinite(tables.own) | (tables.length == 1)
        own = np.where(infinite, 0.0, tables.own)
        information = moments_at(tables, np.arange(own.size), own[None, :]).variance[0]
        variance = 1.0 / np.where(infinite, 1.0, information)
        return own[index], variance[index], infinite[index]
    if not model.startswith("conditional"):
        return empirical
    none = (data.events1 == 0.0) | (data.events2 == 0.0)
    one, two = np.where(none, 1.0, data.events1), np.where(none, 1.0, data.events2)
    return np.log(one / data.size1) - np.log(two / data.size2), 1.0 / one + 1.0 / two, none


def one_sided_ratios(data: TwoGroups, batch: GlmmBatch, level: float) -> tuple[Floats, Floats]:
    """Return natural bounds of rows whose ratio runs to 0 or to infinity, NaN elsewhere.

    The bound is the common ratio at which the events of group 1, given all margins, are at that end in every
    study with probability ``1 - level``.
    """
    rows = batch.k.size
    low, high = np.full(rows, np.nan), np.full(rows, np.nan)
    few, many = ends_of_support(data)
    for ends, sign in ((few, 1.0), (many, -1.0)):
        chosen = np.flatnonzero((batch.status == Status.ONE_SIDED) & ends)
        if not chosen.size:
            continue
        lost = _lost_by(data, chosen)
        bound = bisect(partial(_still_likely, lost, level), np.zeros(chosen.size), sign)
        if sign > 0.0:
            low[chosen], high[chosen] = 0.0, np.exp(bound)
        else:
            low[chosen], high[chosen] = np.exp(bound), np.inf
    return low, high


def _still_likely(lost: Callable[[Floats], Floats], level: float, eta: Floats) -> Mask:
    """Return where the events are more likely than ``1 - level``."""
    return np.asarray(lost(eta) < -np.log1p(-level))


def _lost_by(data: TwoGroups, rows: NDArray[np.intp]) -> Callable[[Floats], Floats]:
    """Return, as a function of the common log ratio (rows,), minus the log-probability of the events.

    Given all margins: of group 1 in every study of ``rows``.
    """
    mask = data.mask[rows] & ~says_nothing(data)[rows]
    if data.binomial:
        tables, place = build_study_tables(data)
        cells, study = np.nonzero(mask)
        index = place[rows].astype(np.int64)[cells, study]

        def lost(eta: Floats) -> Floats:
            found = moments_at(tables, index, eta[cells][None, :]).log[0]
            return np.asarray(np.bincount(cells, found, rows.size), dtype=np.float64)

        return lost
    offset = np.log(data.size1[rows] / data.size2[rows])

    def lost_rates(eta: Floats) -> Floats:
        one = data.events1[rows] * log_expit(offset + eta[:, None])
        two = data.events2[rows] * log_expit(-offset - eta[:, None])
        total = np.zeros(rows.size)
        for i in range(mask.shape[1]):
            total -= np.where(mask[:, i], one[:, i] + two[:, i], 0.0)
        return total

    return lost_rates


def _single_studies(data: TwoGroups, batch: GlmmBatch, spec: ModelSpec) -> Singles:
    """Return what a single study says by itself, given its margins."""
    rows = np.flatnonzero(batch.status == Status.SINGLE_STUDY)
    study = np.argmax(data.mask[rows], axis=1)
    if data.binomial and spec.model != "conditional_approximate":
        tables, place = build_study_tables(data)
        index = place.astype(np.int64)[rows, study]
        low, high = exact_interval(tables, index, spec.level)
        at_null = moments_at(tables, index, np.zeros((1, rows.size))).log[0]
        ratio = 2.0 * (tables.saturated[index] + at_null)
    else:
        e1, e2 = data.events1[rows, study], data.events2[rows, study]
        offset = np.log(data.size1[rows, study] / data.size2[rows, study])
        low, high = (np.log(p) - np.log1p(-p) - offset for p in clopper_pearson(e1, e1 + e2, spec.level))
        best = e1 * np.log(e1 / (e1 + e2)) + e2 * np.log(e2 / (e1 + e2))
        ratio = 2.0 * (best - e1 * log_expit(offset) - e2 * log_expit(-offset))
    # the design of a single study may be a number other than 1
    x = data.design[study, 0]
    low, high = np.minimum(low / x, high / x), np.maximum(low / x, high / x)
    return Singles(rows, low, high, np.sign(batch.beta[rows, 0]) * np.sqrt(np.maximum(ratio, 0.0)))


def _null_loglik(data: TwoGroups, model: str, columns: Floats, held: bool) -> Floats:
    """Return the log-likelihood under other columns of the design."""
    part = replace(data, design=columns)
    return fit_two_groups(model, part, build_problem(model, part), 0.0 if held else None).loglik


def _count_parameters(data: TwoGroups, model: str, held: bool) -> NDArray[np.int64]:
    """Count coefficients, tau2, and the studies' levels or their mean and variance."""
    own = np.full(data.mask.shape[0], data.design.shape[1] + (not held), dtype=np.int64)
    if model == "unconditional_fixed":
        return np.asarray(own + data.mask.sum(axis=1))
    return np.asarray(own + (2 if model == "unconditional_random" else 0))


def _level_components(batch: GlmmBatch) -> tuple[tuple[Component, ...], ...]:
    """Return the variance of the studies' levels, where these are random."""
    return tuple(
        (Component("level", float(np.square(sigma)), None, None, int(k)),) if np.isfinite(sigma) else ()
        for sigma, k in zip(batch.further[:, 1], batch.k, strict=True)
    )


def _pair_counts(effects: EffectSizes, spec: ModelSpec) -> tuple[Floats, Floats, Floats, Floats]:
    """Return the counts of both groups, group 1 first."""
    measures = ("OR",) if spec.model == "conditional_approximate" else tuple(PAIRS)
    if effects.measure not in measures:
        raise ModelError(
            f"model={spec.model!r} is fitted to counts of measure {' or '.join(measures)}; "
            f"got measure {effects.measure!r}"
        )
    names = PAIRS[effects.measure]
    if effects.k and not all(name in effects.counts for name in names):
        raise ModelError(
            f"model={spec.model!r} needs the counts {', '.join(names)}; got effect sizes without counts"
        )
    found = [effects.counts.get(name, np.empty(0)) for name in names]
    return found[0], found[1], found[2], found[3]
