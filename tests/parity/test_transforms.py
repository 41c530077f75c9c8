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
    "transf.arcsin": lambda data, _: to_analysis("PAS", data["x"]),
    "transf.iarcsin": lambda data, _: to_natural("PAS", data["x"]),
    "transf.isqrt": lambda data, _: to_natural("IRS", data["x"]),
    "transf.rtoz": lambda data, _: to_analysis("ZCOR", data["x"]),
    "transf.ztor": lambda data, _: to_natural("ZCOR", data["x"]),
    "transf.irft": lambda data, args: to_analysis("IRFT", data["x"], args["ti"]),
    "transf.iirft": lambda data, _: to_natural("IRFT", data["x"], data["ti"]),
    "transf.pft": lambda data, _: to_analysis("PFT", data["xi"] / data["ni"], data["ni"]),
    "transf.ipft": lambda data, _: to_natural("PFT", data["x"], data["ni"]),
    "transf.ipft.hm": lambda data, args: to_natural("PFT", data["x"], harmonic_mean(numbers(args["ni"]))),
}


#: Transforms that turn no measure of ours into its natural scale.
NOT_OFFERED = {
    "transf.dtou1": "another way to put a standardised difference: Cohen's U1",
    "transf.dtou2": "another way to put a standardised difference: Cohen's U2",
    "transf.dtou3": "another way to put a standardised difference: Cohen's U3",
    "transf.dtocles": "another way to put a standardised difference: common language effect size",
    "transf.dtobesd": "another way to put a standardised difference: binomial effect size display",
    "transf.dtorpb": "to a point-biserial correlation, which is no measure here",
    "transf.exp.int": "the population mean is given for proportions and rates under a GLMM",
    "transf.iahw": "coefficients alpha are no measure here",
    "transf.iabt": "coefficients alpha are no measure here",
    "transf.ahw": "coefficients alpha are no measure here",
    "transf.abt": "coefficients alpha are no measure here",
}


def test_transforms(open_tally: Callable[[str, float], Tally]) -> None:
    tally = open_tally("transforms", TOLERANCE)
    for case in tally.topic.cases:
        if case["spec"]["name"] in NOT_OFFERED:
            tally.excuse(case, f"not offered: {NOT_OFFERED[case['spec']['name']]}")
            continue
        data = case["data"]
        raw = load_topic("transforms").columns(data) if isinstance(data, str) else data
        columns = {name: numbers(values) for name, values in raw.items()}
        assert set(case["expected"]) == {"y"}
        ours = OURS[case["spec"]["name"]](columns, case["spec"].get("args") or {})
        tally.compare(case, "y", ours, case["expected"]["y"])
    tally.check()
    assert {case["spec"]["name"] for case in tally.topic.cases if case["id"] in tally.run} == set(OURS)
    assert not tally.deferred
    assert len(tally.run) == 13
    assert len(tally.excused) == 11
