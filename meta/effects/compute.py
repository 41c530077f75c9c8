"""From rows to effect sizes, and the interval of each study by itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from extraction.sheet import RowRef, Sheet
from meta.effects import binary, proportions, rates
from meta.effects.cells import Cells, join_places, make_labels, read_cells
from meta.effects.corrections import Correction
from meta.effects.exact import clopper_pearson, poisson_exact
from meta.effects.measures import COUNTS, PAIRS, Measure, find_measure, to_natural
from meta.effects.sizes import EffectSizes
from meta.errors import EffectError
from meta.results import Excluded, Floats

if TYPE_CHECKING:
    import pandas as pd

Bools = NDArray[np.bool_]
T = TypeVar("T")
Formula = Callable[..., tuple[Floats, Floats]]

_FORMULAS: dict[str, Formula] = {
    "PR": proportions.proportion,
    "PLO": proportions.log_odds,
    "PFT": proportions.freeman_tukey,
    "IR": rates.rate,
    "IRLN": rates.log_rate,
    "OR": binary.odds_ratio,
    "RR": binary.risk_ratio,
    "RD": binary.risk_difference,
}

#: The ways to say how precise a ready-made effect size is; exactly one is given.
_PRECISION = (("v",), ("se",), ("low", "high"))
_SIZES = frozenset({"n", "n1", "n2", "time"})


def effect_sizes(
    data: Sheet | pd.DataFrame,
    measure: str = "PLO",
    *,
    label: str | Sequence[str] | None = None,
    add: float | None = None,
    to: str = "only0",
    drop00: bool | None = None,
    events: str | None = None,
    n: str | None = None,
    time: str | None = None,
    events1: str | None = None,
    n1: str | None = None,
    events2: str | None = None,
    n2: str | None = None,
    y: str | None = None,
    v: str | None = None,
    se: str | None = None,
    low: str | None = None,
    high: str | None = None,
    level: float = 0.95,
    refs: Mapping[str, tuple[RowRef, ...]] | None = None,
) -> EffectSizes:
    """Compute the effect size and sampling variance of each row.

    Parameters
    ----------
    data : Sheet or DataFrame
        One row a study (or an arm).
    measure : str
        ``PLO``, ``PR``, ``PFT`` (columns ``events``, ``n``); ``IRLN``, ``IR`` (``events``, ``time``); ``OR``,
        ``RR``, ``RD`` (``events1``, ``n1``, ``events2``, ``n2``; 1 is the treatment); ``GEN`` (ready-made
        numbers). Ready-made ``y``, on the analysis scale, may stand in for the counts of any but ``PFT``.
    label : str or sequence of str, optional
        Column, or columns joined by a space, that names each row; row numbers where none is given.
    add, to : float, {"only0", "all", "if0all", "none"}
        Continuity correction as in metafor's ``escalc``: how much is added to each cell, and of which
        studies. By default 1/2 where a study has a zero cell, and nothing for ``PFT``. Nothing happens where
        no cell can be zero.
    drop00 : bool, optional
        Whether a study without events, or with nothing but events, in both arms has no effect size (it keeps
        its place, with the reason). By default yes for ``OR`` and ``RR``, no for ``RD``.
    events, n, time, events1, n1, events2, n2 : str, optional
        Names of the columns that the measure needs.
    y, v, se, low, high : str, optional
        Names of the columns of ready-made effect sizes, on the analysis scale, with one of: the variance
        ``v``, the standard error ``se``, or the bounds ``low`` and ``high`` of an interval symmetric on that
        scale.
    level : float
        Level of the interval ``low`` to ``high``.
    refs : mapping of label to tuple of RowRef, optional
        Sheet rows behind a label, where they are not simply the row itself.

    Returns
    -------
    EffectSizes
        Rows whose numbers are missing are in ``excluded`` with the reason; every column is in ``columns``.

    Raises
    ------
    EffectError
        If the measure or a column is unknown, a column is missing or not used, labels repeat, or numbers
        contradict each other (events above n, negative or fractional counts, an interval upside down); all
        rows at fault are named.

    References
    ----------
    Viechtbauer (2010), Journal of Statistical Software 36(3), 1-48 (measures and corrections).
    """
    chosen = find_measure(measure)
    given = _given(
        {
            "events": events,
            "n": n,
            "time": time,
            "events1": events1,
            "n1": n1,
            "events2": events2,
            "n2": n2,
            "y": y,
            "v": v,
            "se": se,
            "low": low,
            "high": high,
        }
    )
    needed = _needed_columns(chosen, given)
    correction = Correction(
        chosen.add if add is None else float(add), to, chosen.drop00 if drop00 is None else bool(drop00)
    )
    cells = read_cells(data)
    values = {keyword: cells.numbers(given[keyword]) for keyword in needed}
    labels = make_labels(cells, label)
    _check_numbers(cells, labels, given, values)
    reasons = _why_unusable(given, values)
    rows = tuple((refs or {}).get(text, row) for text, row in zip(labels, cells.rows, strict=True))
    keep = np.array([reason is None for reason in reasons], dtype=bool)
    kept = {keyword: column[keep] for keyword, column in values.items()}
    ready = "y" in kept
    effect, variance = (
        _ready_made(kept, level) if ready else _FORMULAS[chosen.code](*kept.values(), correction)
    )
    return EffectSizes(
        y=np.ascontiguousarray(effect),
        v=np.ascontiguousarray(variance),
        labels=_keep(labels, keep),
        measure=chosen.code,
        rows=_keep(rows, keep),
        excluded=tuple(
            Excluded(text, reason, row)
            for text, reason, row in zip(labels, reasons, rows, strict=True)
            if reason
        ),
        counts={} if ready else kept,
        columns={name: _keep(column, keep) for name, column in cells.columns.items()},
        reasons=() if ready else _why_no_effect(chosen, kept, correction, effect),
    )


def study_intervals(effects: EffectSizes, level: float) -> tuple[Floats, Floats, Floats]:
    """Return each study by itself, for figures and tables.

    Parameters
    ----------
    effects : EffectSizes
        The studies.
    level : float
        Level of the intervals.

    Returns
    -------
    value, low, high : arrays of shape (k,)
        Natural scale. Single proportions and rates from the raw counts, without correction: Clopper-Pearson
        and exact Poisson. Elsewhere the effect size with its Wald interval, back-transformed; NaN where there
        is none.
    """
    kind = find_measure(effects.measure).kind
    counts = effects.counts
    if kind == "proportion" and "n" in counts:
        return (counts["events"] / counts["n"], *clopper_pearson(counts["events"], counts["n"], level))
    if kind == "rate" and "time" in counts:
        return (counts["events"] / counts["time"], *poisson_exact(counts["events"], counts["time"], level))
    half = -ndtri((1.0 - level) / 2.0) * np.sqrt(effects.v)
    bounds = (effects.y, effects.y - half, effects.y + half)
    value, low, high = (to_natural(effects.measure, bound) for bound in bounds)
    return value, low, high


def _given(names: Mapping[str, str | None]) -> dict[str, str]:
    """Return the columns that were named, and refuse a name that is no text."""
    given = {}
    for keyword, name in names.items():
        if name is None:
            continue
        if not isinstance(name, str):
            raise EffectError(f"{keyword} takes the name of a column; got {type(name).__name__}")
        given[keyword] = name
    return given


def _needed_columns(measure: Measure, given: Mapping[str, str]) -> tuple[str, ...]:
    """Return the keywords to read, in the order of the formula; refuse too few and too many."""
    ready = "y" in given or measure.code == "GEN"
    if ready and measure.transform != "double_arcsine":
        ways = [way for way in _PRECISION if any(keyword in given for keyword in way)]
        needed = ("y", *(ways[0] if ways else ()))
        complete = len(ways) == 1 and all(keyword in given for keyword in needed)
        words = "y with exactly one of v, se, or low and high"
    else:
        needed = measure.columns
        complete = all(keyword in given for keyword in needed)
        words = "the columns " + ", ".join(needed)
        if measure.transform != "double_arcsine":
            words += "; or ready-made y with exactly one of v, se, or low and high"
    unused = [keyword for keyword in given if keyword not in needed]
    if complete and not unused:
        return needed
    faults = [f"not used: {', '.join(unused)}"] if unused else []
    absent = [keyword for keyword in needed if keyword not in given]
    if absent:
        faults.append(f"not given: {', '.join(absent)}")
    raise EffectError(f"measure {measure.code} takes {words} ({'; '.join(faults) or 'no precision given'})")


def _check_numbers(
    cells: Cells, labels: Sequence[str], given: Mapping[str, str], values: Mapping[str, Floats]
) -> None:
    """Raise one error that names every row whose numbers cannot be true."""
    faults: list[tuple[Bools, str]] = []
    for keyword, column in values.items():
        name = given[keyword]
        if keyword in COUNTS or keyword == "time":
            faults.append((column < 0, f"{name} is negative"))
        if keyword in COUNTS:
            fractional = np.isfinite(column) & (column != np.floor(column))
            faults.append((fractional, f"{name} is not a whole number"))
        if keyword in ("v", "se"):
            faults.append((column <= 0, f"{name} must be > 0"))
    for part, whole in PAIRS:
        if part in values and whole in values:
            faults.append((values[part] > values[whole], f"{given[part]} must not exceed {given[whole]}"))
    if "time" in values:
        timeless = (values["time"] == 0) & (values["events"] > 0)
        faults.append((timeless, f"{given['events']} in no {given['time']}"))
    if "low" in values:
        upside_down = values["low"] >= values["high"]
        faults.append((upside_down, f"{given['low']} must be below {given['high']}"))
        outside = (values["y"] < values["low"]) | (values["y"] > values["high"])
        words = f"{given['y']} lies outside {given['low']} to {given['high']}"
        faults.append((outside & ~upside_down, words))
    found = []
    for i in range(len(cells)):
        # NaN compares as false: a missing cell is no fault here, it is a reason to leave the row out
        broken = [rule for bad, rule in faults if bad[i]]
        if broken:
            numbers = ", ".join(f"{given[key]} = {_number_text(column[i])}" for key, column in values.items())
            found.append(f"{cells.places[i]} ({labels[i]!r}): {' and '.join(broken)} ({numbers})")
    if found:
        count = "1 row" if len(found) == 1 else f"{len(found)} rows"
        raise EffectError(f"{count} with impossible numbers: {join_places(found)}")


def _number_text(value: float) -> str:
    """Return a cell as the user wrote it, or nearly: 4000000, not 4e+06."""
    if np.isnan(value):
        return "empty"
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def _why_unusable(given: Mapping[str, str], values: Mapping[str, Floats]) -> tuple[str | None, ...]:
    """Return for each row why it cannot be used at all (numbers missing, nobody observed), or None."""
    what = "effect size" if "y" in values else "counts"
    reasons: list[str | None] = []
    for i in range(len(next(iter(values.values())))):
        absent = [given[key] for key, column in values.items() if np.isnan(column[i])]
        nobody = [given[key] for key, column in values.items() if key in _SIZES and column[i] == 0]
        if absent:
            start = f"no {what}" if len(absent) == len(values) else f"incomplete {what}"
            reasons.append(f"{start}: {_listed(absent)} empty")
        else:
            reasons.append(f"nobody observed: {_listed(nobody)} 0" if nobody else None)
    return tuple(reasons)


def _why_no_effect(
    measure: Measure, counts: Mapping[str, Floats], correction: Correction, effect: Floats
) -> tuple[str | None, ...]:
    """Return for each usable row why it has no effect size, or None where it has one."""
    reasons: list[str | None] = [
        "a cell is 0 and nothing was added to it" if absent else None for absent in np.isnan(effect)
    ]
    if correction.drop00 and "events1" in counts:
        none, everyone = binary.find_uninformative(*counts.values())
        for i in range(len(reasons)):
            if none[i]:
                reasons[i] = "0 events in both arms"
            elif everyone[i]:
                reasons[i] = f"all had events in both arms: no {measure.name}"
    return tuple(reasons)


def _ready_made(values: Mapping[str, Floats], level: float) -> tuple[Floats, Floats]:
    """Return ``y`` and its variance, from ``v``, ``se``, or a symmetric interval at ``level``."""
    if "v" in values:
        return values["y"], values["v"]
    if "se" in values:
        return values["y"], np.square(values["se"])
    if not 0.0 < level < 1.0:
        raise EffectError(f"level must lie between 0 and 1 (0.95 for 95%); got {level!r}")
    quantile = -ndtri((1.0 - level) / 2.0)
    return values["y"], np.square((values["high"] - values["low"]) / (2.0 * quantile))


def _listed(names: Sequence[str]) -> str:
    """Join names as a sentence does, with the verb: a, b and c are."""
    if len(names) == 1:
        return f"{names[0]} is"
    return f"{', '.join(names[:-1])} and {names[-1]} are"


def _keep(items: Sequence[T], keep: Bools) -> tuple[T, ...]:
    """Return the items that are kept."""
    return tuple(item for item, here in zip(items, keep, strict=True) if here)
