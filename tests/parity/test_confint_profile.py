"""Intervals of tau2 against metafor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from oracle import Tally
from rma_adapter import METHODS, answer_case, check_bounds, compare_interval, method_of_a_later_issue, score

#: Worst seen 1.2e-10.
TOLERANCE = 1e-9


def interval_of_a_later_issue(case: Mapping[str, Any]) -> bool:
    """Profile likelihood of an inverse-variance model, or a Wald-type interval of tau2."""
    return case["spec"].get("type") in ("PL", "Wald", "Wald.log", "Wald.sqrt")


def profile_of_a_later_issue(case: Mapping[str, Any]) -> bool:
    """The profile likelihood itself, on a grid of tau2."""
    return bool(case["spec"]["fn"] == "profile")


def test_intervals_of_tau2(open_tally: Callable[[str, float], Tally]) -> None:
    tally = open_tally("confint_profile", TOLERANCE)
    for case in tally.topic.cases:
        for rule in (profile_of_a_later_issue, interval_of_a_later_issue, method_of_a_later_issue):
            if rule(case):
                tally.defer(case, rule)
                break
        else:
            check_case(tally, case)
    tally.check()


def check_case(tally: Tally, case: dict[str, Any]) -> None:
    columns, expected = tally.topic.columns(case["data"]), case["expected"]
    names = {
        "~ ablat": ["intrcpt", "ablat"],
        "~ ablat + alloc": ["intrcpt", "ablat", "allocrandom", "allocsystematic"],
    }
    mods = case["spec"]["model"].get("mods")
    answer = answer_case(case, columns, ["intrcpt"] if mods is None else names[mods])
    if case["id"] == "ci-fixed":
        rows = answer.rows
        ours = np.column_stack([rows.value[0], rows.low[0], rows.high[0]])
        tally.compare(case, "fixed", ours, expected["fixed"])
        for name in ("lb", "ub"):
            tally.excuse_field(
                case, f"random {name}", "confint() was run at its default tolerance, 1e-4 here"
            )
        check_bounds(answer, 0.90)
        expected = {"tau2": expected["random"]}
    else:
        compare_interval(tally, case, answer, expected)
    typical = float(answer.rows.typical_variance[0])
    tally.compare(case, "tau2 est", answer.rows.tau2[0], expected["tau2"]["est"], scale=1e-3 * typical)
    golden = expected["tau2"]["est"]
    method = METHODS[case["spec"]["model"]["method"]][1]
    if method in ("REML", "ML") and golden > 0.0:
        # ours solves the equation at least as well
        assert (
            abs(score(answer, float(answer.rows.tau2[0]), method))
            <= abs(score(answer, golden, method)) + 1e-12
        )
