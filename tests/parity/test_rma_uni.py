"""Models without moderators against metafor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from oracle import Tally
from rma_adapter import (
    answer_case,
    compare_fit,
    compare_interval,
    compare_prediction,
)
from rma_iterated import settle_iterated

from meta.inference.quadratic_forms import generalised_q, tails_of_q
from meta.kernels.masks import turn_rows

#: Worst seen 2.3e-10: metafor's ML estimate of tau2 stops a little early, and p in the tail magnifies it.
TOLERANCE = 1e-9

#: Worst seen 6.3e-7 (of a tail of 3e-6): the oracle's own integration after Imhof, and its root search.
IMHOF = 1e-6


def test_models_without_moderators(open_tally: Callable[[str, float], Tally]) -> None:
    tally = open_tally("rma_uni", TOLERANCE)
    for case in tally.topic.cases:
        if "genqci" in case["id"]:
            check_generalised(tally, case)
        else:
            check_case(tally, case)
    tally.check()


def check_case(tally: Tally, case: dict[str, Any]) -> None:
    columns, expected = tally.topic.columns(case["data"]), case["expected"]
    fixed = case["spec"].get("tau2")
    answer = answer_case(case, columns, expected["names"], tau2=fixed)
    given, settled = settle_iterated(tally, case, answer)
    if given is not None:
        fixed = given
        answer = answer_case(case, columns, expected["names"], tau2=fixed)
    compare_fit(tally, case, answer, skip=lambda name: name in settled)
    compare_prediction(tally, case, columns, fixed)
    if "confint" in expected:
        compare_interval(tally, case, answer, expected["confint"])


def check_generalised(tally: Tally, case: dict[str, Any]) -> None:
    """Compare tau2 and Q under weights given, and the tails of Q at the bounds that the oracle found."""
    columns, expected = tally.topic.columns(case["data"]), case["expected"]
    answer = answer_case(case, columns, ["intrcpt"])
    assert answer.weights is not None
    tally.compare(case, "tau2", answer.rows.tau2[0], expected["tau2"])
    twice = np.arange(2)
    some, frame = turn_rows(
        answer.y, answer.v, np.repeat(answer.mask, 2, axis=0), answer.design, twice, mean=False
    )
    unit2 = float(np.ldexp(1.0, 2 * int(frame.exponent[0])))
    weights = np.repeat(answer.weights[:, None], 2, axis=1)
    q = generalised_q(some, weights)
    tally.compare(case, "Q", q[0] * unit2, expected["Q"])
    bounds = np.array([expected["ci.lb"], expected["ci.ub"]]) / unit2
    upper = tails_of_q(some, weights, bounds, q)[1]
    tally.compare(case, "tails at the bounds", upper, [0.025, 0.975], tolerance=IMHOF)
    at_zero = tails_of_q(some, weights, np.zeros(2), q)[1]
    tally.compare(case, "p0", at_zero[0], expected["p0"], tolerance=IMHOF)
