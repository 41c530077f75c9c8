"""Further numbers of the ``rma`` topics: the error of tau2, shrunken effects, back-transformed values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from oracle import Tally, numbers

from meta.effects.measures import to_natural
from meta.inference.intervals import two_sided_quantile, wald_interval
from meta.inference.shrinkage import shrink
from meta.kernels.tau2_errors import tau2_errors

if TYPE_CHECKING:
    from rma_adapter import Answer

#: R's name of a back-transformation -> a measure of ours that has it.
NATURAL = {"exp": "RR", "transf.ilogit": "PLO", "transf.ztor": "ZCOR"}


def tau2_error(answer: Answer) -> float:
    """Return our standard error of tau2; none under a common effect."""
    if answer.spec.tau2_method is None:
        return float("nan")
    errors = tau2_errors(
        answer.y,
        answer.v,
        answer.mask,
        answer.design,
        answer.rows.tau2,
        answer.spec.tau2_method,
        answer.weights,
    )
    return float(errors[0])


def compare_natural(tally: Tally, case: Mapping[str, Any], answer: Answer) -> None:
    """Compare the pooled value and its interval back-transformed."""
    measure = NATURAL[case["expected"]["transf"]]
    for name, ours in (
        ("pred", answer.rows.value),
        ("ci.lb", answer.rows.low),
        ("ci.ub", answer.rows.high),
    ):
        golden = case["expected"]["predict.transf"][name]
        tally.compare(case, f"natural {name}", to_natural(measure, ours[0]), golden)


def compare_shrunken(tally: Tally, case: Mapping[str, Any], answer: Answer) -> None:
    """Compare the shrunken effects of the studies, their standard errors and intervals."""
    used, rows = answer.mask[0], answer.rows
    value, se = shrink(
        answer.y[used],
        answer.v[used],
        answer.design[used],
        rows.value[0],
        rows.covariance[0],
        float(rows.tau2[0]),
    )
    low, high = wald_interval(value, se, two_sided_quantile(answer.spec.level, rows.df[:1]))
    scale = float(se.max()) if se.size else 0.0
    for name, ours in (("pred", value), ("se", se), ("pi.lb", low), ("pi.ub", high)):
        golden = numbers(case["expected"]["blup"][name])
        golden = golden[~np.isnan(golden)]  # R keeps a place for rows without an effect size
        tally.compare(case, f"blup {name}", ours, golden, scale=scale)
