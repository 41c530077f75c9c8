"""Models without moderators against metafor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from oracle import Tally
from rma_adapter import (
    answer_case,
    compare_fit,
    compare_interval,
    compare_prediction,
    method_of_a_later_issue,
    settle_iterated,
    weights_of_a_later_issue,
)

#: Worst seen 2.3e-10: metafor's ML estimate of tau2 stops a little early, and p in the tail magnifies it.
TOLERANCE = 1e-9


def test_models_without_moderators(open_tally: Callable[[str, float], Tally]) -> None:
    tally = open_tally("rma_uni", TOLERANCE)
    for case in tally.topic.cases:
        for rule in (method_of_a_later_issue, weights_of_a_later_issue):
            if rule(case):
                tally.defer(case, rule)
                break
        else:
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
    """Compare tau2 under weights given; generalised-Q intervals are offered for other weights."""
    answer = answer_case(case, tally.topic.columns(case["data"]), ["intrcpt"])
    tally.compare(case, "tau2", answer.rows.tau2[0], case["expected"]["tau2"])
    for name in ("ci.lb", "ci.ub", "Q", "p0"):
        tally.excuse_field(
            case, name, "generalised-Q intervals are offered with weights 1 / sqrt(v) and 1 / v"
        )
