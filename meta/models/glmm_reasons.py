"""Why a model on counts has no maximum: what the counts themselves say."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from meta.kernels.glmm import GlmmBatch
from meta.kernels.glmm_problem import Problem, make_basis
from meta.kernels.status import Status

#: Every study of two groups says nothing of its ratio.
NO_RATIO = (
    "no study has both an event and a person (or time) without one: the counts say nothing of the ratio"
)
#: Two groups, every study at an end of its support, at both ends among them.
AT_ENDS = (
    "every study has no event, or nothing but events, in one of its groups: the likelihood rises without end "
    "as tau2 grows"
)
#: One group, likewise.
ALL_OR_NOTHING = (
    "every study has no event or nothing but events: the likelihood rises without end as tau2 grows"
)
SEPARATED = (
    "a coefficient runs to infinity: the studies that decide it have no event, or nothing but events, in a "
    "group"
)
FLAT = "the likelihood rises without end as tau2 grows"


def count_reasons(
    problem: Problem, batch: GlmmBatch, runaway: str | NDArray[np.str_], *, held: bool
) -> tuple[tuple[str, ...], ...]:
    """Say of each analysis that is not estimable what its counts lack; nothing where studies are too few.

    Parameters
    ----------
    problem : Problem
        Checked input.
    batch : GlmmBatch
        What ``fit_problem`` returned for it.
    runaway : str or array of str, shape (B,)
        What is said of an analysis whose tau runs away for what the counts are (``Problem.runaway``).
    held : bool
        tau2 is held at 0 (a common effect).
    """
    lost = batch.status == Status.NOT_ESTIMABLE
    if not lost.any():
        return tuple(() for _ in range(lost.size))
    words: list[str] = np.broadcast_to(np.asarray(runaway), lost.shape).tolist()
    p = problem.design.shape[1]
    # too few studies, and columns that cannot be told apart, are said of every model alike
    few = (batch.k < p) | ~make_basis(problem).full_rank
    few |= (batch.k == p) & (batch.k > 1) & (not held)
    separated = np.isnan(batch.common_loglik)

    def reason(i: int) -> tuple[str, ...]:
        if not lost[i] or batch.k[i] == 0 or (few[i] and not problem.runaway[i]):
            return ()
        if problem.runaway[i]:
            return (words[i],)
        return (SEPARATED,) if separated[i] else (FLAT,)

    return tuple(reason(i) for i in range(lost.size))
