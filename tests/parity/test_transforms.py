"""Transformations and back-transformations against metafor's, case by case."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from oracle import Tally, load_topic, numbers

from meta.effects.measures import to_analysis, to_natural

#: Worst relative difference seen: 0 on the platform of the goldens; elsewhere log, exp and asin may differ in
#: the last digit, and Freeman-Tukey subtracts from 1.
TOLERANCE = 1e-13


def harmonic_mean(sizes: np.ndarray) -> float:
    return float(sizes.size / np.sum(1.0 / sizes))


#: metafor's name -> the same by our functions, from the columns of the data set and the case's arguments.
OURS: dict[str, Callable[[dict[str, np.ndarray], dict[str, Any]], np.ndarray]] = {
    "transf.ilogit": lambda data, _: to_natural("PLO", data["x"]),
    "transf.logit": lambda data, _: to_analysis("PLO", data["x"]),
    "exp": lambda data, _: to_natural("RR", data["x"]),
    "transf.pft": lambda data, _: to_analysis("PFT", data["xi"] / data["ni"], data["ni"]),
    "transf.ipft": lambda data, _: to_natural("PFT", data["x"], data["ni"]),
    "transf.ipft.hm": lambda data, args: to_natural("PFT", data["x"], harmonic_mean(numbers(args["ni"]))),
}


def transform_of_a_later_issue(case: dict[str, Any]) -> bool:
    return case["spec"]["name"] not in OURS


def test_transforms(open_tally: Callable[[str, float], Tally]) -> None:
    tally = open_tally("transforms", TOLERANCE)
    for case in tally.topic.cases:
        if transform_of_a_later_issue(case):
            tally.defer(case, transform_of_a_later_issue)
            continue
        data = case["data"]
        raw = load_topic("transforms").columns(data) if isinstance(data, str) else data
        columns = {name: numbers(values) for name, values in raw.items()}
        assert set(case["expected"]) == {"y"}
        ours = OURS[case["spec"]["name"]](columns, case["spec"].get("args") or {})
        tally.compare(case, "y", ours, case["expected"]["y"])
    tally.check()
    assert {case["spec"]["name"] for case in tally.topic.cases if case["id"] in tally.run} == set(OURS)
