"""The edge cases of ``escalc``: impossible numbers are refused by row; effects that do not exist, named."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from oracle import Tally, numbers

from meta.effects.compute import effect_sizes
from meta.errors import EffectError

KEYWORDS = {
    "ai": "events1", "n1i": "n1", "ci": "events2", "n2i": "n2", "ri": "r", "ni": "n",
    "m1i": "mean1", "sd1i": "sd1", "m2i": "mean2", "sd2i": "sd2",
}
#: What R refuses as a whole -> the words of our error, which name the row.
REFUSED = {
    "edge-events-above-n": r"1 row with impossible numbers: row 2 .*events1 must not exceed n1",
    "edge-negative-count": r"1 row with impossible numbers: row 1 .*events1 is negative",
    "edge-r-above-1": r"1 row with impossible numbers: row 1 .*r must lie between -1 and 1",
}
#: What R answers with NA -> our reason.
REASONS = {
    "edge-n-below-2": "too few people for its sampling variance",
    "edge-sd0": "both standard deviations are 0",
    "edge-negmean-rom": "the two means have not the same sign: no ratio",
}


def check_effect_sizes(tally: Tally, case: dict[str, Any]) -> None:
    """Run one case; its data stand in its call: ``ai=c(5, 11), n1i=c(10, 10)``."""
    call = case["call"]
    measure = re.search(r'measure="(\w+)"', call)
    assert measure is not None
    found = re.findall(r"(\w+)=(c\([^)]*\)|-?[\d.]+)", call)
    cells = {name: text.removeprefix("c(").rstrip(")").split(",") for name, text in found}
    frame = pd.DataFrame({KEYWORDS[name]: [float(x) for x in column] for name, column in cells.items()})
    columns: dict[str, Any] = {name: name for name in frame.columns}
    if case["expected"] is None:
        with pytest.raises(EffectError, match=REFUSED[case["id"]]):
            effect_sizes(frame, measure.group(1), **columns)
        tally.run.add(case["id"])
        return
    effects = effect_sizes(frame, measure.group(1), **columns)
    tally.compare(case, "yi", effects.y, numbers(case["expected"]["yi"]))
    tally.compare(case, "vi", effects.v, numbers(case["expected"]["vi"]))
    absent = [reason for reason in effects.reasons if reason is not None]
    assert absent == [REASONS[case["id"]]]
    assert np.isnan(effects.y[0])
