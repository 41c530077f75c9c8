"""Recovery on its way through the rows: which cells are filled from which others, and the record of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from extraction.names import suggest
from meta.effects.cells import Cells
from meta.effects.columns import UNSIZED, Bools, absurd_size, cell_number, raise_faults
from meta.effects.entry import Measure
from meta.effects.measures import column_keywords, find_measure, to_analysis
from meta.effects.recover import compatible_counts, is_skewed, printed_decimals
from meta.effects.recovery_steps import Group, Step, all_steps, precision_values
from meta.errors import EffectError
from meta.results import Floats

#: Ways to say how precise a ready-made effect size is.
_PRECISION = (("v",), ("se",), ("low", "high"))
#: An interval is symmetric where its middle lies off the estimate by less than this share of its width; what
#: two printed decimals do to a ratio near 1 stays below it.
_OFF_CENTRE = 0.1
#: Sources that are spreads or statistics of a test, never negative.
_NOT_NEGATIVE = ("f", "scale_minimum")
#: Bounds of reported intervals.
_INTERVALS = (
    ("reported_low", "reported_high"), ("low_mean", "high_mean"), ("low1", "high1"), ("low2", "high2")
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Recovered:
    """Columns after recovery: what is filled, how (study by study), and what is doubtful about it."""

    values: Mapping[str, Floats]
    how: tuple[str | None, ...]
    doubts: tuple[str | None, ...]
    unusable: tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is recovered: the steps to take, and the keywords that they can fill in the place of a column."""

    steps: tuple[Step, ...]
    sources: Mapping[str, str]
    fills: tuple[str, ...]
    ready: bool


def recover_keywords(code: str) -> tuple[str, ...]:
    """Return the keywords of what papers report instead, from which a measure can be recovered.

    Raises
    ------
    EffectError
        If there is no such measure.
    """
    measure = find_measure(code)
    direct = column_keywords(code)
    kinds = (False, True) if measure.size is None else (False,)
    found: dict[str, None] = {}
    for ready in kinds:
        for step in all_steps(measure, ready, 0.95):
            found.update(dict.fromkeys(name for name in (*step.sources, *step.others) if name not in direct))
    return tuple(found)


def split_columns(code: str, columns: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Return the columns that a measure reads, and those that it may be recovered from.

    A protocol names them in one table; a keyword that is neither stays with the first, where it is refused.
    """
    direct = column_keywords(code)
    sources = {
        key: name for key, name in columns.items() if key in recover_keywords(code) and key not in direct
    }
    return {key: name for key, name in columns.items() if key not in sources}, sources


def plan_recovery(
    measure: Measure, given: Mapping[str, str], sources: Mapping[str, str] | None, level: float
) -> Plan:
    """Return the steps that the named columns allow.

    Raises
    ------
    EffectError
        If a keyword is unknown, or of no use without another one.
    """
    named = dict(sources or {})
    ready = "y" in given or measure.code == "GEN" or "reported" in named
    if not named:
        return Plan((), {}, (), ready)
    allowed = recover_keywords(measure.code)
    for key, name in named.items():
        if key not in allowed:
            raise EffectError(f"recover of measure {measure.code} has no {key!r}; {suggest(key, allowed)}")
        if not isinstance(name, str):
            raise EffectError(f"recover {key!r} takes the name of a column; got {type(name).__name__}")
    every = tuple(step for step in all_steps(measure, ready, level) if step.unless not in named)
    steps = tuple(step for step in every if all(key in named or key in given for key in step.sources))
    steps = tuple(step for step in steps if any(key in named for key in step.sources))
    used = {key for step in steps for key in (*step.sources, *step.others)}
    for key in named:
        if key not in used:
            ways = [" with ".join(step.sources) for step in every if key in (*step.sources, *step.others)]
            asks = f"it goes with: {'; or '.join(dict.fromkeys(ways))}" if ways else "not beside ready-made y"
            raise EffectError(f"recover has no use for {key!r} alone: {asks}")
    fills = [target for step in steps if not step.overrides for target in step.targets]
    if any(all(key in given for key in way) for way in _PRECISION):
        fills = [target for target in fills if target != "se" or not ready]
    return Plan(steps, named, tuple(dict.fromkeys(key for key in fills if key not in given)), ready)


def recover_rows(
    measure: Measure,
    plan: Plan,
    cells: Cells,
    labels: Sequence[str],
    given: Mapping[str, str],
    values: Mapping[str, Floats],
    level: float,
) -> Recovered:
    """Fill what rows lack from what their papers report instead, and say so row by row.

    Parameters
    ----------
    measure : Measure
        The measure.
    plan : Plan
        The steps, the best first: a number that one has filled is there for those behind it.
    cells, labels : Cells, sequence of str
        The rows.
    given : mapping
        Columns of the measure by keyword; a keyword that is recovered in every row stands for itself.
    values : mapping
        Their numbers, NaN where empty; never changed where there is one, but by the minimum of a scale.
    level : float
        Level of reported intervals.

    Raises
    ------
    EffectError
        If numbers reported instead contradict each other; every row at fault is named.
    """
    count = len(cells)
    if not plan.steps:
        nothing: tuple[str | None, ...] = (None,) * count
        return Recovered(values, nothing, nothing, nothing)
    names = {**given, **plan.sources}
    known = {**values, **{key: cells.numbers(name) for key, name in plan.sources.items()}}
    raise_faults(cells, labels, names, known, list(_source_faults(names, known)))
    way = next((way for way in _PRECISION if all(key in values for key in way)), ("se",))
    if plan.ready and way != ("se",):
        known["se"] = np.where(np.isnan(np.sum([values[key] for key in way], axis=0)), np.nan, 1.0)
    told: list[list[str]] = [[] for _ in range(count)]
    doubts: list[list[str]] = [[] for _ in range(count)]
    unusable: list[str | None] = [None] * count
    for step in plan.steps:
        filled = _take(step, known)
        for i in np.flatnonzero(filled):
            told[i].append(_sentence(step, names, {**known, **values}, known, int(i)))
            doubts[i].extend(_doubts(measure, step, names, known, int(i)))
        if "scale_minimum" in step.sources:
            for i in np.flatnonzero(_undeclared(step, known)):
                unusable[i] = (
                    f"the lowest score of the scale is not declared: {names['scale_minimum']} is empty"
                )
        if plan.ready and way != ("se",) and step.targets == ("se",):
            # written as the precision that the other rows give
            for key, numbers in zip(way, precision_values(known["se"], known["y"], way, level), strict=True):
                known[key] = np.where(filled, numbers, known[key])
    return Recovered(
        {key: known[key] for key in values},
        tuple("; ".join(parts) or None for parts in told),
        tuple("; ".join(dict.fromkeys(parts)) or None for parts in doubts),
        tuple(unusable),
    )


def _take(step: Step, known: dict[str, Floats]) -> Bools:
    """Fill the targets of a step where they are empty and it has an answer; return the rows."""
    absent = [key for key in step.others if key not in known and key != "df"]
    if absent:
        return np.zeros(next(iter(known.values())).shape, dtype=bool)
    with np.errstate(all="ignore"):
        answers = step.compute(known)
    rows: Bools = np.isfinite(np.sum(answers, axis=0))
    for key, answer in zip(step.targets, answers, strict=True):
        rows &= step.overrides | np.isnan(known[key])
        if key.startswith(("sd", "se")):
            rows &= answer > 0.0
    for key, answer in zip(step.targets, answers, strict=True):
        known[key] = np.where(rows, answer, known[key])
    return rows


def _undeclared(step: Step, known: Mapping[str, Floats]) -> Bools:
    """Return the rows that only lack the lowest score of their scale."""
    others = [known[key] for key in step.sources if key != "scale_minimum"]
    if step.overrides:
        others = [known[key] for key in step.targets]
    rows: Bools = np.isnan(known["scale_minimum"]) & np.isfinite(np.sum(others, axis=0))
    if not step.overrides:
        rows &= np.isnan(known[step.targets[0]])
    return rows


def _sentence(
    step: Step, names: Mapping[str, str], cells: Mapping[str, Floats], known: Mapping[str, Floats], i: int
) -> str:
    """Return what was recovered of a row, from which cells (not from what was itself recovered), and how."""
    reads = [key for key in (*step.sources, *step.others) if key in names and np.isfinite(cells[key][i])]
    if step.overrides:
        reads = list(step.sources)
    told = ", ".join(f"{names[key]} = {cell_number(cells[key][i])}" for key in reads)
    targets = " and ".join(names.get(key, key) for key in step.targets)
    text = f"{targets} from {told}: {step.words}"
    if step.sources[0].startswith("percent"):
        text += _other_counts(known, step, i)
    return text


def _other_counts(known: Mapping[str, Floats], step: Step, i: int) -> str:
    """Say which counts print as the same percentage, where there are several."""
    low, high = _count_range(step, known, i)
    return f" ({low:.0f} to {high:.0f} print alike)" if high > low else ""


def _count_range(step: Step, known: Mapping[str, Floats], i: int) -> tuple[float, float]:
    percent, n = known[step.sources[0]][[i]], known[step.others[0]][[i]]
    low, high = compatible_counts(percent, n, printed_decimals(percent))
    return float(low[0]), float(high[0])


def _doubts(
    measure: Measure, step: Step, names: Mapping[str, str], known: Mapping[str, Floats], i: int
) -> Iterator[str]:
    """Yield what a reader should doubt about a number that was recovered."""
    first = step.sources[0]
    if first.startswith("percent"):
        low, high = _count_range(step, known, i)
        if low > high:
            n = cell_number(known[step.others[0]][i])
            yield f"no whole number of {n} prints as {names[first]} = {cell_number(known[first][i])}%"
    if first.startswith("median") and _skewed(step, known, i):
        yield (
            f"{names[first]} and its quantiles speak against a symmetric distribution (Shi 2023), on which "
            "the recovered mean and SD rest"
        )
    if first == "reported_low" and _off_centre(measure, known, i):
        yield (
            f"{names[first]} to {names['reported_high']} does not lie evenly about the effect on the "
            "analysis scale, so its standard error is doubtful"
        )


def _skewed(step: Step, known: Mapping[str, Floats], i: int) -> bool:
    median = step.sources[0]
    group = Group(median[-1] if median[-1] in "12" else "")
    nothing = np.array([np.nan])
    low, q1, q3, high = (
        known[name][[i]] if name in step.sources else nothing
        for name in map(group.name, ("min", "q1", "q3", "max"))
    )
    return bool(is_skewed(known[group.name("n")][[i]], low, q1, known[median][[i]], q3, high)[0])


def _off_centre(measure: Measure, known: Mapping[str, Floats], i: int) -> bool:
    low, high = (float(to_analysis(measure.code, known[key][i])) for key in ("reported_low", "reported_high"))
    return abs((low + high) / 2.0 - float(known["y"][i])) > _OFF_CENTRE * (high - low)


def _source_faults(names: Mapping[str, str], known: Mapping[str, Floats]) -> Iterator[tuple[Bools, str]]:
    """Yield which rows break a rule about what papers report instead, and the rule."""
    for key, values in known.items():
        name = names.get(key, key)
        if key not in UNSIZED:
            yield absurd_size(key, name, values)
        if key.startswith("percent"):
            yield (values < 0) | (values > 100), f"{name} must lie between 0 and 100"
        elif key == "p":
            yield (values <= 0) | (values > 1), f"{name} must lie above 0 and not above 1"
        elif key in _NOT_NEGATIVE:
            yield values < 0, f"{name} is negative"
        elif key.startswith(("se_", "se1", "se2", "sd_change")) or key == "df":
            yield values <= 0, f"{name} must be > 0"
        elif key.startswith(("sd_pre", "sd_post")):
            yield values < 0, f"{name} is negative"
        elif key == "r":
            yield np.abs(values) > 1, f"{name} must lie between -1 and 1"
    for mark in ("", "1", "2"):
        yield from _order_faults(Group(mark), names, known)
    for low, high in _INTERVALS:
        if low in known and high in known:
            yield known[low] >= known[high], f"{names[low]} must be below {names[high]}"
    if "scale_minimum" in known:
        for key in ("mean_pre", "mean_pre1", "mean_pre2"):
            if key in known:
                faulty = known[key] <= known["scale_minimum"]
                yield faulty, f"{names.get(key, key)} must lie above {names['scale_minimum']}"


def _order_faults(
    group: Group, names: Mapping[str, str], known: Mapping[str, Floats]
) -> Iterator[tuple[Bools, str]]:
    """Yield where minimum, quartiles, median and maximum are out of order."""
    keys = [group.name(word) for word in ("min", "q1", "median", "q3", "max")]
    there = [key for key in keys if key in known and key in names]
    for i, low in enumerate(there):
        for high in there[i + 1 :]:
            yield known[low] > known[high], f"{names[low]} must not exceed {names[high]}"
