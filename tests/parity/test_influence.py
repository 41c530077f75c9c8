"""Leave one out and cumulative analyses against metafor; the other diagnostics are of a later issue."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from oracle import Tally, columns_as_floats
from rma_adapter import make_spec

import meta
from meta.effects.sizes import EffectSizes

#: Worst relative difference seen: see the line that the run prints.
TOLERANCE = 1e-8

#: What a difference is measured against where the number itself is smaller: metafor leaves tau2 = 2e-13 where
#: it is 0.
SCALES = {"tau2": 1e-4, "I2": 1.0}
SCALE = 1e-8

#: metafor's name -> the field of Refits.
FIELDS = {
    "estimate": "estimate",
    "se": "se",
    "pval": "p",
    "ci.lb": "low",
    "ci.ub": "high",
    "tau2": "tau2",
    "I2": "i2",
}

#: Fields that Refits does not carry.
NOT_CARRIED = ("zval", "Q", "Qp", "H2")


def a_diagnostic_of_a_later_issue(case: dict[str, Any]) -> bool:
    return case["spec"]["fn"] not in ("leave1out", "cumul")


def test_refits(open_tally: Callable[[str, float], Tally]) -> None:
    tally = open_tally("influence", TOLERANCE)
    for case in tally.topic.cases:
        if a_diagnostic_of_a_later_issue(case):
            tally.defer(case, a_diagnostic_of_a_later_issue)
            continue
        y, v = columns_as_floats(tally.topic.columns(case["data"]), ("yi", "vi"))
        spec = make_spec(case)
        # cumul(order=...) takes a variable to sort by, and the oracle's call hands it order(vi)
        effects = EffectSizes.from_arrays(y, v, columns={"turn": np.argsort(v, kind="stable").tolist()})
        if case["spec"]["fn"] == "leave1out":
            refits = meta.leave_one_out(effects, spec)
        else:
            refits = meta.cumulate(effects, spec, order="turn")
        for name, values in case["expected"].items():
            if name in NOT_CARRIED:
                tally.defer_field(name)
                continue
            ours = getattr(refits, FIELDS[name])
            # one study is a study, not a pooled estimate with a t distribution on no degrees of freedom
            first = 1 if case["spec"]["fn"] == "cumul" else 0
            tally.compare(case, name, ours[first:], values[first:], scale=SCALES.get(name, SCALE))
    tally.check()
    assert len(tally.run) == 66 + 66
