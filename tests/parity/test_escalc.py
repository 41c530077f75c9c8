"""Effect sizes and variances against metafor's escalc, case by case."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from oracle import Tally, load_topic, numbers

from meta.effects.compute import effect_sizes
from meta.effects.measures import MEASURES
from meta.effects.sizes import EffectSizes

#: Worst relative difference seen: 3e-13 (a log odds ratio of 0.01, the difference of two logarithms near 18).
TOLERANCE = 1e-12
#: What a difference is measured against where the number itself is smaller: effects near 0 carry the rounding
#: of their parts.
SCALE = 1e-2

#: Row 11 of these tables has nobody in arm 2. metafor adds to its two empty cells and gets an effect size;
#: here a row without people is left out, with that reason: there is nothing that it could estimate.
EMPTY_ARM = ("tables2x2", 10)
EMPTY_ARM_REASON = "nobody observed: n2 is 0"


def measure_of_a_later_issue(case: dict[str, Any]) -> bool:
    return case["spec"]["measure"] not in MEASURES


def variance_type_of_a_later_issue(case: dict[str, Any]) -> bool:
    return case["spec"]["vtype"] != "LS"


def frame_of(case: dict[str, Any]) -> tuple[pd.DataFrame, dict[str, str]]:
    """Return the data set under our keywords: metafor's ai, bi, ... are cells; ours are events and n."""
    raw = load_topic("escalc").columns(case["data"])
    given = {name: numbers(raw[column]) for name, column in case["spec"]["columns"].items()}
    if "ai" in given:
        columns = {
            "events1": given["ai"],
            "n1": given["n1i"] if "n1i" in given else given["ai"] + given["bi"],
            "events2": given["ci"],
            "n2": given["n2i"] if "n2i" in given else given["ci"] + given["di"],
        }
    else:
        columns = {"events": given["xi"], **({"n": given["ni"]} if "ni" in given else {"time": given["ti"]})}
    return pd.DataFrame(columns), {name: name for name in columns}


def in_row_order(effects: EffectSizes, values: np.ndarray, k: int) -> np.ndarray:
    """Return an array with NaN where a row was excluded; labels are the row numbers."""
    out = np.full(k, np.nan)
    out[[int(label) - 1 for label in effects.labels]] = values
    return out


def test_escalc(open_tally: Callable[[str, float], Tally]) -> None:
    tally = open_tally("escalc", TOLERANCE)
    for case in tally.topic.cases:
        for rule in (measure_of_a_later_issue, variance_type_of_a_later_issue):
            if rule(case):
                tally.defer(case, rule)
                break
        else:
            spec = case["spec"]
            frame, columns = frame_of(case)
            effects = effect_sizes(
                frame, spec["measure"], add=spec["add"], to=spec["to"], drop00=spec["drop00"], **columns
            )
            assert set(case["expected"]) == {"yi", "vi"}
            for name, ours in (("yi", effects.y), ("vi", effects.v)):
                mine, theirs = in_row_order(effects, ours, len(frame)), numbers(case["expected"][name])
                if case["data"] == EMPTY_ARM[0]:
                    row = EMPTY_ARM[1]
                    assert EMPTY_ARM_REASON in [e.reason for e in effects.excluded if e.label == str(row + 1)]
                    if not np.isnan(theirs[row]):
                        tally.excuse_field(case, f"{name}[{row}]", EMPTY_ARM_REASON)
                    mine, theirs = np.delete(mine, row), np.delete(theirs, row)
                tally.compare(case, name, mine, theirs, scale=SCALE)
    tally.check()
    assert len(tally.run) == 71
    # 30 cases use these tables; under to="none" and add=0 metafor has no effect size there either
    assert {name for _, name in tally.fields_excused} == {"yi[10]", "vi[10]"}
    assert len(tally.fields_excused) == 42


def test_defaults_are_those_of_escalc() -> None:
    """Where a case gives neither add nor to, leaving them out here gives the same numbers."""
    seen = set()
    for case in load_topic("escalc").cases:
        spec = case["spec"]
        if not case["id"].endswith("-default") or measure_of_a_later_issue(case):
            continue
        frame, columns = frame_of(case)
        plain = effect_sizes(frame, spec["measure"], drop00=False, **columns)
        stated = effect_sizes(frame, spec["measure"], add=spec["add"], to=spec["to"], drop00=False, **columns)
        np.testing.assert_array_equal(plain.y, stated.y)
        np.testing.assert_array_equal(plain.v, stated.v)
        seen.add(spec["measure"])
    assert seen == set(MEASURES) - {"GEN"}
