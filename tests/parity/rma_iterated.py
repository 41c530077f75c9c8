"""metafor's iterated estimators of tau2, DLIT and SJIT: which equation each solves, and what of it stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from oracle import Tally
from rma_adapter import Answer

#: Worst seen 1.2e-8 (against 1e-3 of the typical variance): SJIT stops 9e-12 above a tau2 of 0.
SJIT_TOLERANCE = 1e-7

DEFAULT_THRESHOLD = "run at metafor's default threshold of 1e-5; ours solves the equation"


def settle_iterated(
    tally: Tally, case: Mapping[str, Any], answer: Answer
) -> tuple[float | None, tuple[str, ...]]:
    """Account for metafor's tau2 under DLIT and SJIT; return it, and the fields that are thereby settled.

    Everything else is then compared at metafor's tau2. Under other methods nothing is settled.
    """
    method = case["spec"].get("method")
    theirs = case["expected"].get("tau2")
    if method == "SJIT":
        typical = float(np.nan_to_num(answer.rows.typical_variance[0]))
        scale, ours = 1e-3 * typical, answer.rows.tau2[0]
        if case["spec"]["control"]:
            tally.compare(case, "tau2 SJIT", ours, theirs, scale=scale, tolerance=SJIT_TOLERANCE)
        else:
            tally.excuse_field(case, "tau2", DEFAULT_THRESHOLD)
            assert answer.batch.residual_q[0] == pytest.approx(answer.batch.k[0] - answer.batch.p, rel=1e-10)
        return theirs, ("tau2",)
    if method == "DLIT":
        _check_iterated_dl(case, answer, float(theirs))
        for name in ("tau2", "se.tau2"):
            tally.excuse_field(
                case, name, "DLIT repeats a moment equation whose expectation it does not renew"
            )
        return theirs, ("tau2", "se.tau2")
    return None, ()


def _check_iterated_dl(case: Mapping[str, Any], answer: Answer, theirs: float) -> None:
    """Show which equation metafor's DLIT solves, and that ours solves that of PM.

    It repeats (Q - (k - p)) / tr(P) with weights 1 / (v + tau2) and keeps k - p, which is the expectation of
    Q only while the weights are those at tau2 = 0. It ends where tau2 tr(P) = Q(tau2) - (k - p). The moment
    equation with the right expectation, iterated, ends where Q(tau2) = k - p.
    """
    used = answer.mask[0]
    x, y, v = answer.design[used], answer.y[used], answer.v[used]
    free = y.size - x.shape[1]
    if free == 0:
        return
    w = np.diag(1.0 / (v + theirs))
    p = w - w @ x @ np.linalg.solve(x.T @ w @ x, x.T @ w)
    own = max(0.0, float(y @ p @ y - free) / float(np.trace(p)))
    rounding = 1e-9 * float(answer.rows.typical_variance[0])
    if case["spec"]["control"]:  # else run at metafor's default threshold of 1e-5, which may stop it at once
        assert own == pytest.approx(theirs, rel=1e-7, abs=rounding), case["id"]
    if answer.rows.tau2[0] > 0.0:
        assert answer.batch.residual_q[0] == pytest.approx(free, rel=1e-10), case["id"]
    else:
        assert answer.batch.q[0] <= free, case["id"]
