"""Effect sizes and variances against metafor's escalc, case by case."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from oracle import Tally, load_topic, numbers
from scipy.special import polygamma

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
#: metafor prints a variance beside an effect size that does not exist.
NO_EFFECT = "no effect size"

#: Measures that are not offered: psychometrics, matched pairs, biserial and tetrachoric correlations, one
#: group as the standardiser of two, and twins of measures that are (logistic, unscaled).
NOT_OFFERED = {
    "ABT": "coefficients alpha",
    "AHW": "coefficients alpha",
    "ARAW": "coefficients alpha",
    "MPOR": "matched pairs",
    "MPORC": "matched pairs",
    "MPPETO": "matched pairs",
    "MPRD": "matched pairs",
    "MPRR": "matched pairs",
    "YUY": "Yule's Y: Q is offered",
    "RBIS": "biserial correlation",
    "RPB": "point-biserial correlation",
    "RTET": "tetrachoric correlation",
    "PBIT": "difference of probits",
    "SPCOR": "semi-partial correlation",
    "SMD1": "one group's SD as the standardiser",
    "SMD1H": "one group's SD as the standardiser",
    "SMN": "one standardised mean",
    "CVRC": "variation before and after",
    "VRC": "variation before and after",
    "OR2D": "an older name of OR2DL",
    "OR2DL": "logistic twin of OR2DN",
    "D2OR": "an older name of D2ORL",
    "D2ORL": "logistic twin of D2ORN",
}

#: Cases of which metafor's variance is not ours, each with the test that shows ours.
OTHER_VARIANCE = {
    "escalc-ROM-means2-AV": "a study with one arm missing enters the average of its other arm; "
    "see test_average_variation_takes_whole_studies",
    "escalc-ZPCOR-correlations-default": "one degree of freedom too many ; "
    "see test_variance_of_partial_fisher_z_is_exact",
}
#: metafor 3.8 reads no variance type AV for these two and returns the usual variance.
NO_AVERAGE = ("RR", "OR")

#: metafor's columns under our keywords. Before and after: metafor's first mean is the one after.
KEYWORDS = {
    "xi": "events",
    "ni": "n",
    "ti": "time",
    "x1i": "events1",
    "t1i": "time1",
    "x2i": "events2",
    "t2i": "time2",
    "mi": "mean",
    "sdi": "sd",
    "m1i": "mean1",
    "sd1i": "sd1",
    "n1i": "n1",
    "m2i": "mean2",
    "sd2i": "sd2",
    "n2i": "n2",
    "ri": "r",
}
CHANGES = {"m1i": "mean_post", "m2i": "mean_pre", "sd1i": "sd_pre", "sd2i": "sd_post", "ni": "n", "ri": "r"}
#: In the ratio of two means each SD goes with its own mean; elsewhere the first SD is the standardiser.
RATIO = {**CHANGES, "sd1i": "sd_post", "sd2i": "sd_pre"}


def frame_of(case: dict[str, Any]) -> tuple[pd.DataFrame, dict[str, str]]:
    """Return the data set under our keywords: metafor's ai, bi, ... are cells; ours are events and n."""
    raw = load_topic("escalc").columns(case["data"])
    given = {name: numbers(raw[column]) for name, column in case["spec"]["columns"].items()}
    measure = case["spec"]["measure"]
    if "ai" in given:
        columns = {
            "events1": given["ai"],
            "n1": given["n1i"] if "n1i" in given else given["ai"] + given["bi"],
            "events2": given["ci"],
            "n2": given["n2i"] if "n2i" in given else given["ci"] + given["di"],
        }
    elif measure in ("PCOR", "ZPCOR"):
        # metafor takes the t statistic of the variable of interest and the number of all variables
        df = given["ni"] - given["mi"] - 1.0
        r = given["ti"] / np.sqrt(np.square(given["ti"]) + df)
        columns = {"r": r, "n": given["ni"], "controls": given["mi"] - 1.0}
    elif "m1i" in given and "ri" in given:
        keywords = RATIO if measure == "ROMC" else CHANGES
        columns = {keywords[name]: values for name, values in given.items()}
    else:
        columns = {KEYWORDS[name]: values for name, values in given.items()}
    return pd.DataFrame(columns), {name: name for name in columns}


def run(case: dict[str, Any]) -> tuple[EffectSizes, int]:
    """Return our effect sizes of a case, and how many rows its data have."""
    spec = case["spec"]
    frame, columns = frame_of(case)
    variance = None if spec["vtype"] == "LS" or spec["measure"] in NO_AVERAGE else spec["vtype"]
    effects = effect_sizes(
        frame,
        spec["measure"],
        add=spec["add"],
        to=spec["to"],
        drop00=spec["drop00"],
        variance=variance,
        **columns,
    )
    return effects, len(frame)


def in_row_order(effects: EffectSizes, values: np.ndarray, k: int) -> np.ndarray:
    """Return an array with NaN where a row was excluded; labels are the row numbers."""
    out = np.full(k, np.nan)
    out[[int(label) - 1 for label in effects.labels]] = values
    return out


def leave_out(
    tally: Tally, case: dict[str, Any], effects: EffectSizes, theirs: dict[str, np.ndarray]
) -> None:
    """Put NaN where metafor has a number and we have a reason, and excuse each such number."""
    for label, reason, v in zip(effects.labels, effects.reasons, effects.v, strict=True):
        # a variance of 0 is metafor's number too, and there is a reason not to weight by it
        assert (reason is None) == (v > 0.0), (case["id"], label)
    for i in range(theirs["yi"].size):
        if case["data"] == EMPTY_ARM[0] and i == EMPTY_ARM[1]:
            assert EMPTY_ARM_REASON in [e.reason for e in effects.excluded if e.label == str(i + 1)]
            why = EMPTY_ARM_REASON
        elif np.isnan(theirs["yi"][i]) and not np.isnan(theirs["vi"][i]):
            why = NO_EFFECT
        else:
            continue
        for name, values in theirs.items():
            if not np.isnan(values[i]):
                tally.excuse_field(case, f"{name}[{i}]", why)
            values[i] = np.nan


def test_escalc(open_tally: Callable[[str, float], Tally]) -> None:
    tally = open_tally("escalc", TOLERANCE)
    for case in tally.topic.cases:
        measure = case["spec"]["measure"]
        if measure in NOT_OFFERED:
            tally.excuse(case, f"{measure} is not offered: {NOT_OFFERED[measure]}")
            continue
        effects, k = run(case)
        assert set(case["expected"]) == {"yi", "vi"}
        theirs = {name: numbers(case["expected"][name]) for name in ("yi", "vi")}
        leave_out(tally, case, effects, theirs)
        tally.compare(case, "yi", in_row_order(effects, effects.y, k), theirs["yi"], scale=SCALE)
        if case["id"] in OTHER_VARIANCE:
            tally.excuse_field(case, "vi", OTHER_VARIANCE[case["id"]])
            continue
        tally.compare(case, "vi", in_row_order(effects, effects.v, k), theirs["vi"], scale=SCALE)
    tally.check()
    assert len(tally.run) == 246
    assert len(tally.excused) == 86
    assert not tally.deferred
    assert {case["spec"]["measure"] for case in tally.topic.cases} - set(NOT_OFFERED) == set(MEASURES) - {
        "GEN"
    }
    # every excused number is of a row without people or effect; two cases differ by their variance
    assert {name.split("[")[0] for _, name in tally.fields_excused} == {"yi", "vi"}
    reasons = list(tally.fields_excused.values())
    assert [reasons.count(why) for why in (EMPTY_ARM_REASON, NO_EFFECT)] == [106, 29]


def test_average_variation_takes_whole_studies() -> None:
    """Independent loop: averages over studies with both arms; with the lone arm they are metafor's."""
    case = next(c for c in load_topic("escalc").cases if c["id"] == "escalc-ROM-means2-AV")
    frame, _ = frame_of(case)
    effects, k = run(case)

    def average(arm: int, whole: bool) -> float:
        total = weight = 0.0
        for row in frame.itertuples():
            complete = np.isfinite([row.mean1, row.mean2]).all()
            if np.isfinite(getattr(row, f"mean{arm}")) and (complete or not whole):
                n = getattr(row, f"n{arm}")
                total += n * getattr(row, f"sd{arm}") / getattr(row, f"mean{arm}")
                weight += n
        return total / weight

    for whole, expected in ((True, in_row_order(effects, effects.v, k)), (False, case["expected"]["vi"])):
        one, two = average(1, whole), average(2, whole)
        for i, row in enumerate(frame.itertuples()):
            if np.isfinite([row.mean1, row.mean2]).all():
                assert abs(one**2 / row.n1 + two**2 / row.n2 - expected[i]) < 1e-14


def test_variance_of_partial_fisher_z_is_exact() -> None:
    """Without correlation (1 + r)/2 is beta distributed, and Var(z) = psi'(a)/2, a = (n - controls - 2)/2.

    1/(n - controls - 3) is the nearer of the two to it; metafor 3.8 has 1/(n - controls - 2).
    """
    frame = pd.DataFrame({"r": 0.0, "n": [20, 60, 143], "controls": [2, 4, 9]})
    effects = effect_sizes(frame, "ZPCOR", r="r", n="n", controls="controls")
    exact = polygamma(1, (frame["n"] - frame["controls"] - 2) / 2.0) / 2.0
    np.testing.assert_allclose(effects.v, exact, rtol=2e-3)
    assert (np.abs(effects.v - exact) < 0.05 * np.abs(1.0 / (1.0 / effects.v + 1.0) - exact)).all()


def test_defaults_are_those_of_escalc() -> None:
    """Where a case gives neither add nor to, leaving them out here gives the same numbers.

    But for Peto's odds ratio: escalc adds 1/2 to what it shows, and rma.peto pools without, as Peto does.
    """
    seen = set()
    for case in load_topic("escalc").cases:
        spec = case["spec"]
        if not case["id"].endswith("-default") or spec["measure"] in NOT_OFFERED:
            continue
        frame, columns = frame_of(case)
        plain = effect_sizes(frame, spec["measure"], drop00=False, **columns)
        stated = effect_sizes(frame, spec["measure"], add=spec["add"], to=spec["to"], drop00=False, **columns)
        if spec["measure"] == "PETO":
            stated = effect_sizes(frame, "PETO", to="none", drop00=False, **columns)
        np.testing.assert_array_equal(plain.y, stated.y)
        np.testing.assert_array_equal(plain.v, stated.v)
        seen.add(spec["measure"])
    assert seen == set(MEASURES) - {"GEN"}
