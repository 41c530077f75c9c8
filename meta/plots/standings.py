"""Standings as rows of a figure: what versions of an analysis found, in one unit of display.

What the forest of old and new estimates and the release history share.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from meta.effects.measures import Measure, find_measure
from meta.living.shapes import Standing
from meta.options import DisplayUnit
from meta.plots import captions, theme
from meta.plots.axes import Extent
from meta.plots.marks import Outcome
from meta.plots.table import Cell, Column
from meta.plots.theme import Face
from meta.tables.numbers import (
    MISSING,
    bounds_text,
    column_decimals,
    count_text,
    interval_text,
    level_text,
)

#: Statuses without an overall estimate, in words; the others are those of a fit.
_WITHOUT = {"not_pooled": "no overall estimate: by group only"}

#: What stands in the row of a version that has no such analysis.
ABSENT = "not in this version"

#: Prediction intervals are shown whole while together they span at most so many times what the confidence
#: intervals span: beyond, estimates would shrink to points, and arrow heads stand for the rest.
WIDEST = 12.0


def standing_columns(first: Sequence[Column], unit: DisplayUnit, level: float | None) -> list[Column]:
    """Return the columns of a figure of standings: ``first``, studies, estimate, prediction."""
    name = f"{level_text(level)} " if level is not None else ""
    return [
        *first,
        Column("k", "right"),
        Column(f"{unit.heading} [{name}CI]", "right"),
        Column("Prediction interval", "right"),
    ]


def is_comparable(standing: Standing, measure: Measure) -> bool:
    """Return whether a standing can be drawn on an axis for ``measure``: both are of one kind."""
    return find_measure(standing.measure).kind == measure.kind


def standing_cells(
    standing: Standing | None, unit: DisplayUnit, measure: Measure, decimals: int, face: Face = "regular"
) -> list[Cell]:
    """Return the cells of a standing, or words over all of them where it has no number to show."""
    words = _words_instead(standing, measure)
    k = Cell(count_text(standing.k) if standing is not None else MISSING, color=theme.GREY)
    if standing is None or words:
        return [k, Cell(words, "italic", theme.GREY, theme.NOTE_SIZE, "right", 2, flows=True)]
    value, low, high, below, above = (x if x is not None else math.nan for x in _scaled(standing, unit))
    return [
        k,
        Cell(interval_text(value, low, high, decimals), face),
        Cell(bounds_text(below, above, decimals), color=theme.RUST if not math.isnan(below) else theme.GREY),
    ]


def _words_instead(standing: Standing | None, measure: Measure) -> str:
    """Return what stands in the place of the numbers of a standing; empty where there are some."""
    if standing is None:
        return ABSENT
    if standing.value is None:
        return _WITHOUT.get(standing.status) or captions.STATUS_WORDS.get(standing.status) or "no estimate"
    if not is_comparable(standing, measure):
        return f"another measure: {find_measure(standing.measure).name}"
    return ""


def _scaled(standing: Standing, unit: DisplayUnit) -> tuple[float | None, ...]:
    """Return value, interval and prediction interval in the unit of display."""
    numbers = (
        standing.value,
        standing.low,
        standing.high,
        standing.prediction_low,
        standing.prediction_high,
    )
    return tuple(None if x is None else x * unit.factor for x in numbers)


def standing_mark(
    standing: Standing | None,
    unit: DisplayUnit,
    measure: Measure,
    filled: bool,
    threshold: float | None = None,
) -> Outcome | None:
    """Return the mark of a standing; None where it has no number on this axis."""
    if standing is None or standing.value is None or not is_comparable(standing, measure):
        return None
    value, low, high, below, above = _scaled(standing, unit)
    assert value is not None
    predicted = (below, above) if below is not None and above is not None else None
    return Outcome(
        value,
        value if low is None else low,
        value if high is None else high,
        predicted,
        filled,
        threshold,
    )


def standing_decimals(
    standings: Iterable[Standing | None], unit: DisplayUnit, measure: Measure
) -> int:
    """Return the decimals that all rows of a figure share."""
    rows = [
        _scaled(s, unit)[:3]
        for s in standings
        if s is not None and s.value is not None and is_comparable(s, measure)
    ]
    # a value of 0 has no size, and its upper bound is the number that has to be read
    rows = [(row[2], row[1], row[2]) if row[0] == 0.0 else row for row in rows]
    return column_decimals(rows, least=2 if measure.is_ratio else 0)


def standing_extent(
    marks: Sequence[Outcome], unit: DisplayUnit, measure: Measure, thresholds: Sequence[float]
) -> Extent:
    """Return what the axis of a figure has to hold."""
    always = [mark.value for mark in marks] + list(thresholds) + _predictions(marks, measure)
    if measure.compares and measure.null is not None:
        always.append(measure.null * unit.factor)
    return Extent(
        studies=[(mark.value, mark.low, mark.high) for mark in marks],
        pooled=[end for mark in marks if mark.prediction is not None for end in mark.prediction],
        always=always,
        floor=measure.low_end,
        ceiling=None if measure.high_end is None else unit.factor * measure.high_end,
    )


def _predictions(marks: Sequence[Outcome], measure: Measure) -> list[float]:
    """Return the ends of prediction intervals, unless they are out of proportion to the intervals."""
    ends = [end for mark in marks if mark.prediction is not None for end in mark.prediction]
    spans = []
    for values in (ends, [end for mark in marks for end in (mark.low, mark.high)]):
        if not values or not all(math.isfinite(x) and (x > 0.0 or not measure.log_axis) for x in values):
            return []
        low, high = min(values), max(values)
        spans.append(math.log(high / low) if measure.log_axis else high - low)
    return ends if spans[0] <= WIDEST * spans[1] else []


def standing_remark(standing: Standing | None, measure: Measure) -> str:
    """Return what is to be said about a row that has a number all the same; empty if nothing."""
    if standing is None or _words_instead(standing, measure):
        return ""
    name = find_measure(standing.measure).name
    words = [captions.STATUS_WORDS.get(standing.status, standing.status)]
    if name != measure.name:
        words.append(f"as {name}, another measure")
    return "; ".join(word for word in words if word)


def interval_note(marks: Sequence[Outcome]) -> str:
    """Explain lines and bars; the bars only where there are any."""
    shown = any(mark.prediction is not None for mark in marks)
    more = "; thin bars below them: prediction intervals for a new setting" if shown else ""
    return f"Lines: confidence intervals{more}." if marks else ""
