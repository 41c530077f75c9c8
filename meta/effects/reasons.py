"""Why a row cannot be used, why one that can has no effect size, and what looks wrong although it has one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from meta.effects.binary import find_uninformative
from meta.effects.continuous import exact_j, pooled_variance
from meta.effects.corrections import Correction
from meta.effects.entry import Measure
from meta.results import Floats

#: Columns of which 0 means that nobody was observed.
_SIZES = frozenset({"n", "n1", "n2", "time", "time1", "time2"})

#: From this standardised difference on (in size) a row is suspected to hold standard errors in the place of
#: standard deviations: at 3 two normal groups overlap by 13%, and 99.9% of one lie beyond the mean of the
#: other, which no treatment in this field does; an SE taken for the SD of n people makes a difference sqrt(n)
#: times as large. Such slips are frequent (Goetzsche et al. 2007, JAMA 298, 430-437; Cochrane Handbook
#: 6.5.2.2).
IMPLAUSIBLE = 3.0


def why_unusable(
    measure: Measure, given: Mapping[str, str], values: Mapping[str, Floats]
) -> tuple[str | None, ...]:
    """Return for each row why it cannot be used at all (numbers missing, nobody observed), or None."""
    what = "numbers"
    if "y" in values:
        what = "effect size"
    elif measure.counts_events:
        what = "counts"
    needed = {key: column for key, column in values.items() if key not in measure.optional}
    reasons: list[str | None] = []
    for i in range(len(next(iter(values.values())))):
        absent = [given[key] for key, column in needed.items() if np.isnan(column[i])]
        nobody = [given[key] for key, column in needed.items() if key in _SIZES and column[i] == 0]
        if absent:
            start = f"no {what}" if len(absent) == len(needed) else f"incomplete {what}"
            reasons.append(f"{start}: {_listed(absent)} empty")
        else:
            reasons.append(f"nobody observed: {_listed(nobody)} 0" if nobody else None)
    return tuple(reasons)


def why_no_effect(
    measure: Measure, values: Mapping[str, Floats], correction: Correction, y: Floats, v: Floats
) -> tuple[str | None, ...]:
    """Return for each usable row why it has no effect size that can be weighted, or None where it has."""
    reasons = [
        None if np.isfinite(y[i]) and v[i] > 0 else next(_causes(measure, values, correction, i))
        for i in range(y.size)
    ]
    return tuple(reasons)


def _causes(
    measure: Measure, values: Mapping[str, Floats], correction: Correction, i: int
) -> Iterator[str]:
    """Yield why row ``i`` has no effect size, the most telling first."""
    row = {name: float(column[i]) for name, column in values.items()}
    if measure.counts_events:
        yield from _causes_in_counts(measure, row, correction)
        return
    sds = [row[name] for name in measure.columns if name.startswith("sd")]
    if sds and max(sds) == 0.0:
        yield "the standard deviation is 0" if len(sds) == 1 else "both standard deviations are 0"
    if abs(row.get("r", 0.0)) == 1.0:
        yield f"r is {row['r']:g}: it has no sampling variance"
    means = [row[name] for name in measure.columns if name.startswith("mean")]
    if measure.transform == "log" and means and measure.kind != "ratio":
        if len(means) == 1 and means[0] <= 0.0:
            yield "the mean is not above 0: no logarithm"
        if len(means) == 2 and means[0] * means[1] <= 0.0:
            yield "the two means have not the same sign: no ratio"
        if len(means) == 2 and min(means) <= 0.0:
            yield "a mean is not above 0: no logarithm"
    if sds and min(sds) == 0.0:
        yield "a standard deviation is 0"
    yield "too few people for its sampling variance"


def _causes_in_counts(measure: Measure, row: Mapping[str, float], correction: Correction) -> Iterator[str]:
    """Yield why a row of counts has no effect size."""
    if "events1" not in row:
        empty = row["events"] == 0.0 or row["events"] == row.get("n")
        yield "a cell is 0 and nothing was added to it" if empty else "too few people for its variance"
        return
    if "n1" in row:
        none, everyone = find_uninformative(*(np.array([row[name]]) for name in measure.columns))
        if none[0] and (correction.drop00 or measure.code in ("PETO", "PHI")):
            yield "0 events in both arms"
        if everyone[0] and (correction.drop00 or measure.code in ("PETO", "PHI")):
            yield f"all had events in both arms: no {measure.name}"
    elif correction.drop00 and row["events1"] == row["events2"] == 0.0:
        yield "0 events in both arms"
    yield "a cell is 0 and nothing was added to it"


def find_implausible(
    measure: Measure, labels: Sequence[str], values: Mapping[str, Floats], y: Floats
) -> tuple[str | None, ...]:
    """Return for each row what makes its standardised difference implausible, or None.

    The rule is ``IMPLAUSIBLE``. Where the row says what the difference would be if its standard deviations
    were standard errors, the warning gives that number.
    """
    if measure.kind != "standardised_difference":
        return (None,) * y.size
    otherwise = _with_errors_as_sds(measure, values)
    warnings: list[str | None] = []
    for i in range(y.size):
        if not abs(y[i]) >= IMPLAUSIBLE:
            warnings.append(None)
            continue
        text = f"{labels[i]}: a {measure.name} of {_two_decimals(y[i])} is implausibly large"
        if otherwise is not None and np.isfinite(otherwise[i]):
            text += (
                "; are the standard deviations standard errors? Taken as such they would give "
                f"{_two_decimals(otherwise[i])}"
            )
        warnings.append(text)
    return tuple(warnings)


def _two_decimals(value: float) -> str:
    """Return a number of a sentence, with a minus sign as wide as a digit."""
    return f"{value:.2f}".replace("-", "\u2212")


def _with_errors_as_sds(measure: Measure, values: Mapping[str, Floats]) -> Floats | None:
    """Return the differences if each standard deviation were a standard error of its mean; None elsewhere."""
    with np.errstate(divide="ignore", invalid="ignore"):
        if "sd1" in values:
            sd1, sd2 = (values[f"sd{arm}"] * np.sqrt(values[f"n{arm}"]) for arm in ("1", "2"))
            spread = np.sqrt(pooled_variance(sd1, values["n1"], sd2, values["n2"]))
            j = exact_j(values["n1"] + values["n2"] - 2.0)
            return np.asarray(j * (values["mean1"] - values["mean2"]) / spread, dtype=np.float64)
        if measure.code in ("SMCR", "SMCRH") and "sd_pre" in values:
            spread = values["sd_pre"] * np.sqrt(values["n"])
            j = exact_j(values["n"] - 1.0)
            return np.asarray(j * (values["mean_post"] - values["mean_pre"]) / spread, dtype=np.float64)
    return None


def _listed(names: Sequence[str]) -> str:
    """Join names as a sentence does, with the verb: a, b and c are."""
    if len(names) == 1:
        return f"{names[0]} is"
    return f"{', '.join(names[:-1])} and {names[-1]} are"
