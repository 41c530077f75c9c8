"""Models for two groups: from counts to a problem of the GLMM kernel."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from meta.errors import ModelError
from meta.kernels.glmm import GlmmBatch, fit_problem
from meta.kernels.glmm_arms import Loadings, lay_out_arms
from meta.kernels.glmm_cells import Bools, Floats, saturated_loglik
from meta.kernels.glmm_fixed import FixedLevels
from meta.kernels.glmm_problem import Problem
from meta.kernels.glmm_random import RandomLevels
from meta.kernels.glmm_tables import Tables, build_tables
from meta.kernels.quadrature import LADDER, Rule

#: UM.FS, UM.RS, CM.EL and CM.AL of Stijnen, Hamza & Ozdemir and of metafor.
MODELS = ("unconditional_fixed", "unconditional_random", "conditional_exact", "conditional_approximate")


@dataclass(frozen=True, slots=True)
class TwoGroups:
    """Checked counts of two groups, (R, k): events and people (``binomial``) or person-time of either.

    ``mask`` says which studies each analysis uses, ``design`` is (k, p).
    """

    binomial: bool
    events1: Floats
    size1: Floats
    events2: Floats
    size2: Floats
    mask: Bools
    design: Floats


def check_two_groups(
    family: str,
    counts: tuple[ArrayLike, ArrayLike, ArrayLike, ArrayLike],
    mask: ArrayLike,
    design: ArrayLike,
) -> TwoGroups:
    """Check and broadcast counts ``(events1, size1, events2, size2)``; left-out cells become 0 of 1.

    Raises
    ------
    ModelError
        If shapes do not fit, or a used count is impossible or no whole number.
    """
    used = np.atleast_2d(np.asarray(mask, dtype=bool))
    x = np.asarray(design, dtype=np.float64)
    if x.ndim != 2 or x.shape[0] != used.shape[1]:
        raise ModelError(f"design must have shape (k, p) with k = {used.shape[1]}; got {x.shape}")
    try:
        whole = [np.broadcast_to(np.asarray(c, dtype=np.float64), used.shape) for c in counts]
    except ValueError as error:
        raise ModelError(f"counts must have shape (k,) or (B, k) of the mask {used.shape}") from error
    e1, n1, e2, n2 = whole
    good = np.isfinite(e1 + n1 + e2 + n2) & (e1 >= 0) & (e2 >= 0) & (n1 > 0) & (n2 > 0)
    good &= (e1 == np.round(e1)) & (e2 == np.round(e2))
    if family == "binomial":
        good &= (e1 <= n1) & (e2 <= n2) & (n1 == np.round(n1)) & (n2 == np.round(n2))
    bad = np.argwhere(used & ~good)
    if bad.size:
        row, study = (int(i) for i in bad[0])
        shown = ", ".join(f"{c[row, study]:g}" for c in whole)
        raise ModelError(
            f"analysis {row + 1} uses study {study + 1} with counts {shown}; events must be whole numbers, "
            + ("0 <= events <= n" if family == "binomial" else "events >= 0, person-time > 0")
        )
    finite = np.asarray(np.isfinite(x).all(axis=1))
    if (used & ~finite).any():
        row = int(np.argwhere(used & ~finite)[0][1])
        raise ModelError(f"design row {row + 1} is not finite, and its study is used")
    e1, e2 = np.where(used, e1, 0.0), np.where(used, e2, 0.0)
    n1, n2 = np.where(used, n1, 1.0), np.where(used, n2, 1.0)
    return TwoGroups(
        family == "binomial", e1, n1, e2, n2, np.ascontiguousarray(used), np.where(finite[:, None], x, 0.0)
    )


def build_problem(
    model: str, data: TwoGroups, *, coding: float = 0.5, rules: tuple[Rule, ...] = LADDER
) -> Problem:
    """Turn counts of two groups into a problem of ``fit_problem``.

    Parameters
    ----------
    model : {"unconditional_fixed", "unconditional_random", "conditional_exact", "conditional_approximate"}
        Study levels fixed, or random; or the events of group 1 given those of both: noncentral
        hypergeometric for people and binomial for person-time, or binomial in place of the hypergeometric.
    data : TwoGroups
        Checked counts. Studies that say nothing (no event, or nothing else) are to be left out, but under
        ``unconditional_random``.
    coding : float
        How group 1 is coded where the levels are random or fixed; group 2 is ``coding - 1``.
    rules : tuple of Rule
        The rules of integration; one alone is taken for what it is.

    Raises
    ------
    ModelError
        If the model is unknown, or has no likelihood for person-time.

    References
    ----------
    Stijnen, Hamza & Ozdemir (2010), Statistics in Medicine 29, 3046-3067; Jackson, Law, Stijnen, Viechtbauer
    & White (2018), Statistics in Medicine 37, 1059-1085 (models 2, 4 and 7).
    """
    if model not in MODELS:
        raise ModelError(f"model must be one of {', '.join(map(repr, MODELS))}; got {model!r}")
    if model == "conditional_approximate" and not data.binomial:
        raise ModelError(
            "conditional_approximate is for odds ratios; for rates conditional_exact is binomial"
        )
    if model == "unconditional_fixed":
        problem = _problem_of_arms(data, rules)
        return replace(problem, kind=FixedLevels(data.binomial, Loadings((1.0, 1.0), (coding, coding - 1.0))))
    if model == "unconditional_random":
        problem = _problem_of_arms(data, rules)
        few, many = ends_of_support(data)
        return replace(
            problem,
            kind=RandomLevels(data.binomial, Loadings((1.0, 1.0), (coding, coding - 1.0))),
            one_sided=_runs_away_random(data) & (few ^ many),
            runaway=few & many,
        )
    if model == "conditional_exact" and data.binomial:
        return _hypergeometric(data, rules)
    return _binomial(data, rules)


def build_saturated(data: TwoGroups, *, coding: float = 1.0, rules: tuple[Rule, ...] = LADDER) -> Problem:
    """Return ``unconditional_random`` with a ratio of its own in every study, held against a common one.

    The random level takes the place of the random ratio, the ratios that of fixed levels: its "tau" is
    sigma, its mean that of the levels. The levels are those of group 2 (``coding`` 1), as in metafor.
    """
    problem = _problem_of_arms(data, rules)
    kind = FixedLevels(data.binomial, Loadings((coding, coding - 1.0), (1.0, 1.0)))
    rows = data.mask.shape[0]
    none = np.zeros(rows, dtype=bool)
    ones = np.ones((data.mask.shape[1], 1))
    return replace(problem, kind=kind, design=ones, one_sided=none, runaway=none)


def fit_two_groups(model: str, data: TwoGroups, problem: Problem, tau2: float | None = None) -> GlmmBatch:
    """Fit a problem of ``build_problem``; the deviance is that from the model's own saturated fit."""
    batch = fit_problem(problem, tau2)
    if model != "unconditional_random":
        return batch
    done = np.flatnonzero(np.isfinite(batch.common_loglik))
    if done.size:
        part = TwoGroups(
            data.binomial,
            data.events1[done],
            data.size1[done],
            data.events2[done],
            data.size2[done],
            data.mask[done],
            data.design,
        )
        whole = fit_problem(build_saturated(part))
        best = np.where(np.isfinite(whole.loglik), whole.loglik, whole.common_loglik)
        batch.deviance[done] = np.maximum(0.0, 2.0 * (best - batch.common_loglik[done]))
    return batch


def says_nothing(data: TwoGroups) -> Bools:
    """Return which studies say nothing of their ratio by themselves: no event in either arm, or no other."""
    total = data.events1 + data.events2
    nothing = total == 0.0
    if data.binomial:
        nothing |= total == data.size1 + data.size2
    return np.asarray(nothing)


def build_study_tables(data: TwoGroups) -> tuple[Tables, Floats]:
    """Return the tables of all used studies, each margin once, and the table of each cell (R, k)."""
    counts = np.stack([data.events1, data.size1, data.events2, data.size2], axis=-1)
    kinds, place = np.unique(counts.reshape(-1, 4), axis=0, return_inverse=True)
    return build_tables(*kinds.T), place.reshape(data.mask.shape).astype(np.float64)


def ends_of_support(data: TwoGroups) -> tuple[Bools, Bools]:
    """Return analyses in which group 1 has as few, or as many, events as the margins allow in every study."""
    few, many = data.events1 == 0.0, data.events2 == 0.0
    if data.binomial:
        few, many = few | (data.events2 == data.size2), many | (data.events1 == data.size1)
    idle = ~data.mask | says_nothing(data)
    return (few | idle).all(axis=1), (many | idle).all(axis=1)


def _runs_away_random(data: TwoGroups) -> Bools:
    """Return analyses in which an arm has no events, or nothing else, in every study."""
    left = ~data.mask
    away = ((data.events1 == 0.0) | left).all(axis=1) | ((data.events2 == 0.0) | left).all(axis=1)
    if data.binomial:
        away |= ((data.events1 == data.size1) | left).all(axis=1)
        away |= ((data.events2 == data.size2) | left).all(axis=1)
    return np.asarray(away)


def _problem_of_arms(data: TwoGroups, rules: tuple[Rule, ...]) -> Problem:
    """Lay out both arms; what the one-count kernel reads of a cell is left empty."""
    arms = lay_out_arms(data.binomial, data.events1, data.size1, data.events2, data.size2)
    few, many = ends_of_support(data)
    return Problem(
        data.binomial,
        np.zeros(data.mask.shape),
        data.size1 + data.size2,
        data.mask,
        data.design,
        rules,
        one_sided=few ^ many,
        runaway=few & many,
        data=arms,
        constant=arms[6] + arms[7],
    )


def _hypergeometric(data: TwoGroups, rules: tuple[Rule, ...]) -> Problem:
    tables, place = build_study_tables(data)
    few, many = ends_of_support(data)
    index = place.astype(np.int64)
    return Problem(
        True,
        np.zeros(data.mask.shape),
        np.where(data.mask, tables.length[index] - 1.0, 1.0),
        data.mask,
        data.design,
        rules,
        one_sided=few ^ many,
        runaway=_all_at_ends(data, tables, index),
        data=place[None],
        constant=tables.saturated[index],
        tables=tables,
    )


def _all_at_ends(data: TwoGroups, tables: Tables, index: np.ndarray) -> Bools:
    """Return analyses in which every study lies at an end of its support: the larger tau, the better."""
    ends = np.isinf(tables.own[index]) | ~data.mask
    plural = (data.mask & (tables.length[index] > 2)).any(axis=1)
    few, many = ends_of_support(data)
    several = (data.mask.sum(axis=1) > 1) & (data.design.shape[1] == 1)
    return np.asarray(few & many | ends.all(axis=1) & plural & several)


def _binomial(data: TwoGroups, rules: tuple[Rule, ...]) -> Problem:
    """Take the events of group 1 as binomial given those of both, the offset the log ratio of the sizes."""
    total = np.where(data.events1 + data.events2 > 0.0, data.events1 + data.events2, 1.0)
    none, full = (data.events1 == 0.0) | ~data.mask, (data.events2 == 0.0) | ~data.mask
    plural = (data.mask & (total > 1.0)).any(axis=1)
    away = (none | full).all(axis=1) & plural & (data.mask.sum(axis=1) > 1) & (data.design.shape[1] == 1)
    return Problem(
        True,
        data.events1,
        total,
        data.mask,
        data.design,
        rules,
        one_sided=none.all(axis=1) ^ full.all(axis=1),
        runaway=away,
        offset=np.log(data.size1 / data.size2),
        constant=saturated_loglik(True, data.events1, total),
    )
