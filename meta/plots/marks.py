"""Marks beside the rows of a table: squares, intervals, diamonds, prediction bars, one-sided bounds.

Arrows where one is cut.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from meta.plots import theme
from meta.plots.axes import Axis
from meta.plots.layout import Disc, Patch, Shape, Stroke

#: Least and greatest side of a square, mm. Area is what readers compare, so sides go with the square root of
#: the weight.
LEAST_SIDE = 1.5
MOST_SIDE = 4.5
#: Share of the weight from which the largest square has its greatest side; below, squares shrink together, so
#: that forty equal studies are no wall of ink.
FULL_SHARE = 0.4
#: Side of the largest square where no study has much weight, mm.
MIDDLE_SIDE = 2.4
#: Outline of a hollow square, points.
OUTLINE = 0.9
#: Height of a diamond and of a prediction bar, mm.
DIAMOND = 3.2
BAR = 1.2
#: Height of the prediction bar of an outcome, and how far interval and bar stand above and below the middle
#: of their row, mm: closer to each other than to the next row.
THIN_BAR = 0.5
ABOVE, BELOW = 0.5, 1.2
#: Length and half height of an arrow head, mm.
ARROW = 1.5
ARROW_HALF = 0.75


@dataclass(frozen=True, slots=True)
class Square:
    """A study: value with its interval; ``side`` in mm, a disc where ``round``, outlined where ``hollow``."""

    value: float
    low: float
    high: float
    side: float
    color: str = theme.BLUE
    round: bool = False
    hollow: bool = False


@dataclass(frozen=True, slots=True)
class Diamond:
    """A pooled value, as wide as its interval; subgroups pale, the overall one filled."""

    value: float
    low: float
    high: float
    filled: bool


@dataclass(frozen=True, slots=True)
class Bar:
    """A prediction interval."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Bound:
    """A one-sided bound: a line from the end of the scale to the bound, closed there.

    ``upper`` says on which side it ends.
    """

    low: float
    high: float
    upper: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one version found: value with its interval, and below them the prediction interval as a thin bar.

    Open and grey unless ``filled``. A ``threshold`` of its own is a dashed line through the row.
    """

    value: float
    low: float
    high: float
    prediction: tuple[float, float] | None
    filled: bool
    threshold: float | None = None


Mark = Square | Diamond | Bar | Bound | Outcome


def mark_ends(mark: Mark) -> tuple[float, ...]:
    """Return the ends of the intervals that a mark draws."""
    ends = (mark.low, mark.high)
    return (*ends, *mark.prediction) if isinstance(mark, Outcome) and mark.prediction is not None else ends


def square_sides(sizes: Sequence[float | None]) -> list[float]:
    """Return the side of each study's square in mm.

    The area is in proportion to ``sizes`` between the least and greatest side.

    A study without a size gets the least side; where none has one, all are alike.
    """
    known = [s for s in sizes if s is not None and math.isfinite(s) and s > 0]
    if not known:
        return [MIDDLE_SIDE * 0.8] * len(sizes)
    largest = max(known)
    top = min(max(MOST_SIDE * math.sqrt(largest / sum(known) / FULL_SHARE), MIDDLE_SIDE), MOST_SIDE)
    return [
        max(top * math.sqrt(s / largest), LEAST_SIDE)
        if s is not None and math.isfinite(s) and s > 0
        else LEAST_SIDE
        for s in sizes
    ]


def mark_shapes(mark: Mark, axis: Axis, y: float) -> list[Shape]:
    """Return the shapes of one mark centred at ``y`` mm."""
    if isinstance(mark, Square):
        return _square(mark, axis, y)
    if isinstance(mark, Diamond):
        return _diamond(mark, axis, y)
    if isinstance(mark, Bar):
        return _bar(mark, axis, y, BAR)
    if isinstance(mark, Outcome):
        return _outcome(mark, axis, y)
    return _bound(mark, axis, y)


def _arrows(low: float, high: float, axis: Axis, y: float, color: str) -> list[Shape]:
    """Return an arrow head at each end of the axis that an interval passes."""
    heads: list[Shape] = []
    if low < axis.low and not axis.holds(low):
        x = axis.start
        heads.append(Patch(((x, y), (x + ARROW, y - ARROW_HALF), (x + ARROW, y + ARROW_HALF)), color))
    if high > axis.high and not axis.holds(high):
        x = axis.end
        heads.append(Patch(((x, y), (x - ARROW, y - ARROW_HALF), (x - ARROW, y + ARROW_HALF)), color))
    return heads


def _square(mark: Square, axis: Axis, y: float) -> list[Shape]:
    """Draw the interval, then the square.

    Inside it the interval in white where it is the narrower of the two.
    """
    shapes: list[Shape] = []
    has_interval = math.isfinite(mark.low) or math.isfinite(mark.high)
    low = mark.low if not math.isnan(mark.low) else mark.value
    high = mark.high if not math.isnan(mark.high) else mark.value
    left, right = axis.place(low), axis.place(high)
    if has_interval:
        shapes.append(Stroke(left, y, right, y, theme.INK, 0.9))
        shapes.extend(_arrows(low, high, axis, y, theme.INK))
    if not axis.holds(mark.value):
        return shapes
    x, half = axis.place(mark.value), mark.side / 2
    if mark.round:
        shapes.append(Disc(x, y, half, mark.color))
    else:
        corners = ((x - half, y - half), (x + half, y - half), (x + half, y + half), (x - half, y + half))
        shapes.append(
            Patch(corners, theme.PAPER, mark.color, OUTLINE) if mark.hollow else Patch(corners, mark.color)
        )
    if has_interval and left > x - half and right < x + half:
        shapes.append(Stroke(left, y, right, y, theme.INK if mark.hollow else theme.PAPER, 0.7))
    return shapes


def _diamond(mark: Diamond, axis: Axis, y: float) -> list[Shape]:
    """Draw a diamond, cut straight where its interval leaves the axis, with an arrow head there."""
    half = DIAMOND / 2
    x = axis.place(mark.value)
    left, right = axis.place(mark.low), axis.place(mark.high)
    heads = _arrows(mark.low, mark.high, axis, y, theme.BLUE)
    cut_left = not axis.holds(mark.low)
    cut_right = not axis.holds(mark.high)
    # a cut side ends in the arrow head, so the diamond tapers to the height of the head there
    ends_left = (
        ((left + ARROW, y + ARROW_HALF / 2), (left + ARROW, y - ARROW_HALF / 2)) if cut_left else ((left, y),)
    )
    ends_right = (
        ((right - ARROW, y - ARROW_HALF / 2), (right - ARROW, y + ARROW_HALF / 2))
        if cut_right
        else ((right, y),)
    )
    points = (*ends_left, (x, y - half), *ends_right, (x, y + half))
    return [Patch(points, theme.BLUE if mark.filled else theme.PALE, theme.BLUE, 0.8), *heads]


def _bar(mark: Bar, axis: Axis, y: float, height: float) -> list[Shape]:
    left, right, half = axis.place(mark.low), axis.place(mark.high), height / 2
    inner_left = left if axis.holds(mark.low) else left + ARROW
    inner_right = right if axis.holds(mark.high) else right - ARROW
    corners = (
        (inner_left, y - half),
        (inner_right, y - half),
        (inner_right, y + half),
        (inner_left, y + half),
    )
    return [Patch(corners, theme.RUST), *_arrows(mark.low, mark.high, axis, y, theme.RUST)]


def _bound(mark: Bound, axis: Axis, y: float) -> list[Shape]:
    left, right = axis.place(mark.low), axis.place(mark.high)
    stop = right if mark.upper else left
    return [
        Stroke(left, y, right, y, theme.BLUE, 1.4),
        Stroke(stop, y - 1.1, stop, y + 1.1, theme.BLUE, 1.4),
        *_arrows(mark.low, mark.high, axis, y, theme.BLUE),
    ]


def _outcome(mark: Outcome, axis: Axis, y: float) -> list[Shape]:
    """Draw the threshold, the interval with its disc, and the prediction bar below them."""
    color = theme.BLUE if mark.filled else theme.GREY
    shapes: list[Shape] = []
    if mark.threshold is not None and axis.holds(mark.threshold):
        x, half = axis.place(mark.threshold), theme.ROW / 2
        shapes.append(Stroke(x, y - half, x, y + half, theme.GREEN, 0.8, (4.0, 2.4)))
    if mark.prediction is not None:
        shapes.extend(_bar(Bar(*mark.prediction), axis, y + BELOW, THIN_BAR))
        y -= ABOVE
    left, right = axis.place(mark.low), axis.place(mark.high)
    shapes.append(Stroke(left, y, right, y, color, 1.3))
    shapes.extend(_arrows(mark.low, mark.high, axis, y, color))
    if axis.holds(mark.value):
        fill = color if mark.filled else theme.PAPER
        shapes.append(Disc(axis.place(mark.value), y, MIDDLE_SIDE * 0.4, fill, color, 0.9))
    return shapes
