"""The columns that a measure reads: which are needed, and whether their numbers can be true."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from meta.effects.cells import Cells, join_places
from meta.effects.entry import Measure
from meta.effects.measures import COUNTS, PAIRS
from meta.errors import EffectError
from meta.results import Floats

Bools = NDArray[np.bool_]

#: The ways to say how precise a ready-made effect size is; exactly one is given.
_PRECISION = (("v",), ("se",), ("low", "high"))
#: Columns that are never negative.
_NOT_NEGATIVE = (*COUNTS, "time", "time1", "time2", "sd", "sd1", "sd2", "sd_pre", "sd_post")
#: Between which a number that is no count must lie in size, where it is not 0 (a variance: between their
#: squares): far beyond any use of it, and near enough to 1 that no sum of squares over- or underflows.
SIZES = (1e-15, 1e15)
#: Columns that this is not asked of: counts have bounds of their own, correlations and P values end at 1.
UNSIZED = (*COUNTS, "r", "p")
#: Events and the person-time in which they were counted.
_TIMES = (("events", "time"), ("events1", "time1"), ("events2", "time2"))


def given_columns(names: Mapping[str, str | None]) -> dict[str, str]:
    """Return the columns that were named, and refuse a name that is no text."""
    given = {}
    for keyword, name in names.items():
        if name is None:
            continue
        if not isinstance(name, str):
            raise EffectError(f"{keyword} takes the name of a column; got {type(name).__name__}")
        given[keyword] = name
    return given


def needed_columns(measure: Measure, given: Mapping[str, str]) -> tuple[str, ...]:
    """Return the keywords to read, in the order of the formula; refuse too few and too many."""
    ready = "y" in given or measure.code == "GEN"
    if ready and measure.size is None:
        ways = [way for way in _PRECISION if any(keyword in given for keyword in way)]
        needed: tuple[str, ...] = ("y", *(ways[0] if ways else ()))
        complete = len(ways) == 1 and all(keyword in given for keyword in needed)
        words = "y with exactly one of v, se, or low and high"
    else:
        needed = measure.columns
        complete = all(keyword in given for keyword in needed)
        words = "the columns " + ", ".join(needed)
        if measure.size is None:
            words += "; or ready-made y with exactly one of v, se, or low and high"
    allowed = (*needed, *(() if ready else measure.optional))
    unused = [keyword for keyword in given if keyword not in allowed]
    if complete and not unused:
        return tuple(keyword for keyword in allowed if keyword in given)
    faults = [f"not used: {', '.join(unused)}"] if unused else []
    absent = [keyword for keyword in needed if keyword not in given]
    if absent:
        faults.append(f"not given: {', '.join(absent)}")
    raise EffectError(f"measure {measure.code} takes {words} ({'; '.join(faults) or 'no precision given'})")


def check_numbers(
    cells: Cells, labels: Sequence[str], given: Mapping[str, str], values: Mapping[str, Floats]
) -> None:
    """Raise one error that names every row whose numbers cannot be true."""
    raise_faults(cells, labels, given, values, [*_alone(given, values), *_together(given, values)])


def raise_faults(
    cells: Cells,
    labels: Sequence[str],
    given: Mapping[str, str],
    values: Mapping[str, Floats],
    faults: Sequence[tuple[Bools, str]],
) -> None:
    """Raise one error that names every row at fault with the rules it breaks; none where no row is."""
    found = []
    for i in range(len(cells)):
        # NaN compares as false: a missing cell is no fault here, it is a reason to leave the row out
        broken = [rule for bad, rule in faults if bad[i]]
        if broken:
            numbers = ", ".join(f"{given[key]} = {cell_number(column[i])}" for key, column in values.items())
            found.append(f"{cells.places[i]} ({labels[i]!r}): {' and '.join(broken)} ({numbers})")
    if found:
        count = "1 row" if len(found) == 1 else f"{len(found)} rows"
        raise EffectError(f"{count} with impossible numbers: {join_places(found)}")


def _alone(given: Mapping[str, str], values: Mapping[str, Floats]) -> list[tuple[Bools, str]]:
    """Return which rows break a rule about one column, and the rule."""
    faults: list[tuple[Bools, str]] = []
    for keyword, column in values.items():
        name = given[keyword]
        if keyword not in UNSIZED:
            faults.append(absurd_size(keyword, name, column))
        if keyword in _NOT_NEGATIVE:
            faults.append((column < 0, f"{name} is negative"))
        if keyword in COUNTS:
            fractional = np.isfinite(column) & (column != np.floor(column))
            faults.append((fractional, f"{name} is not a whole number"))
        if keyword in ("v", "se"):
            faults.append((column <= 0, f"{name} must be > 0"))
        if keyword == "r":
            faults.append((np.abs(column) > 1, f"{name} must lie between -1 and 1"))
    return faults


def absurd_size(keyword: str, name: str, column: Floats) -> tuple[Bools, str]:
    """Return which numbers are too large or too small to compute with, and the rule."""
    low, high = (bound**2 if keyword == "v" else bound for bound in SIZES)
    size = np.abs(column)
    bad = (size > high) | ((size < low) & (size > 0))
    return bad, f"{name} must be 0 or lie between {low:g} and {high:g} in size"


def _together(given: Mapping[str, str], values: Mapping[str, Floats]) -> list[tuple[Bools, str]]:
    """Return which rows break a rule about two columns or more, and the rule."""
    faults: list[tuple[Bools, str]] = []
    for part, whole in PAIRS:
        if part in values and whole in values:
            faults.append((values[part] > values[whole], f"{given[part]} must not exceed {given[whole]}"))
    for events, time in _TIMES:
        if events in values and time in values:
            timeless = (values[time] == 0) & (values[events] > 0)
            faults.append((timeless, f"{given[events]} in no {given[time]}"))
    if "low" in values:
        upside_down = values["low"] >= values["high"]
        faults.append((upside_down, f"{given['low']} must be below {given['high']}"))
        outside = (values["y"] < values["low"]) | (values["y"] > values["high"])
        words = f"{given['y']} lies outside {given['low']} to {given['high']}"
        faults.append((outside & ~upside_down, words))
    return faults


def cell_number(value: float) -> str:
    """Return a cell as the user wrote it, or nearly: 4000000, not 4e+06."""
    if np.isnan(value):
        return "empty"
    whole = float(value).is_integer() and abs(value) < 1e16
    return str(int(value)) if whole else repr(float(value))
