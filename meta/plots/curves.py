"""Density curves over an axis: traced where they lie below a height, and filled between two values."""

from __future__ import annotations

import math
from itertools import pairwise

from meta.plots import theme
from meta.plots.axes import Axis
from meta.plots.layout import Patch, Sheet
from meta.results import Floats

Points = list[tuple[float, float]]


def curve_points(x: Floats, y: Floats, factor: float = 1.0) -> Points:
    """Return the points of a curve, x in the unit of display, that have finite numbers."""
    both = ((a * factor, b) for a, b in zip(x.tolist(), y.tolist(), strict=True))
    return [(a, b) for a, b in both if math.isfinite(a) and math.isfinite(b)]


def trace_curve(
    sheet: Sheet,
    points: Points,
    axis: Axis,
    span: tuple[float, float],
    tallest: float,
    color: str,
    dash: tuple[float, ...],
) -> None:
    """Draw a curve where it lies below ``tallest``; ``span`` is its top and base, mm."""
    top, base = span
    for run in _below(points, tallest):
        places = tuple((axis.place(x), base - y / tallest * (base - top)) for x, y in run)
        sheet.shapes.append(Patch(places, None, color, 1.0, dash))


def _below(points: Points, top: float) -> list[Points]:
    """Return the parts of a curve below a height, each to where it meets it."""
    runs: list[Points] = [[]]
    for (x, y), (next_x, next_y) in pairwise(points):
        if y <= top:
            runs[-1].append((x, y))
        if (y <= top) != (next_y <= top):
            runs[-1].append((x + (next_x - x) * (top - y) / (next_y - y), top))
            if next_y > top:
                runs.append([])
    if points and points[-1][1] <= top:
        runs[-1].append(points[-1])
    return [run for run in runs if len(run) > 1]


def shade_curve(
    sheet: Sheet,
    points: Points,
    interval: tuple[float, float],
    axis: Axis,
    span: tuple[float, float],
    tallest: float,
    color: str = theme.PALE,
) -> None:
    """Fill the area below a curve between the ends of an interval."""
    top, base = span
    low, high = interval
    ends = [(end, _height(points, end)) for end in (low, high)]
    inside = [(x, y) for x, y in points if low < x < high]
    heights = ((x, min(y, tallest)) for x, y in (ends[0], *inside, ends[1]))
    outline = [(axis.place(x), base - y / tallest * (base - top)) for x, y in heights]
    if len(outline) > 2:
        closed = ((outline[0][0], base), *outline, (outline[-1][0], base))
        sheet.shapes.append(Patch(closed, color))


def _height(points: Points, at: float) -> float:
    """Return the height of a curve at a place, on the line between its neighbours."""
    for (x, y), (next_x, next_y) in pairwise(points):
        if x <= at <= next_x and next_x > x:
            return y + (next_y - y) * (at - x) / (next_x - x)
    return 0.0
