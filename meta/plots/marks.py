"""Marks beside the rows of a table: squares, intervals, diamonds, prediction bars, one-sided bounds.

Arrows where one is cut.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

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


#: A prediction interval from fewer studies than this is hatched: its own uncertainty is large.
FEW = 5
#: Distance of the strokes of a hatched bar, mm.
HATCH = 1.0


@dataclass(frozen=True, slots=True)
class Look:
    """Colours and shapes that the marks of one figure share; by default the house's.

    Attributes
    ----------
    interval : str
        Lines of study intervals.
    over : bool
        Whether the interval is drawn over the square, rather than in white inside it where it is narrower.
    square_edge, square_width : str or None, float
        Border of a square, and its width in points.
    pooled, pooled_edge, group, group_edge : str
        Fill and border of the overall diamond, and of those of subgroups and further models.
    diamond : float
        Height of a diamond, mm.
    prediction, prediction_edge : str, str or None
        Fill and border of the bar of a prediction interval.
    prediction_as : {"bar", "line"}
        Whether it is a bar, or a line with closed ends; ``prediction_dash`` are points on and off.
    """

    interval: str = theme.INK
    over: bool = False
    square_edge: str | None = None
    square_width: float = 0.5
    pooled: str = theme.BLUE
    pooled_edge: str = theme.BLUE
    group: str = theme.PALE
    group_edge: str = theme.BLUE
    diamond: float = DIAMOND
    prediction: str = theme.RUST
    prediction_edge: str | None = None
    prediction_as: Literal["bar", "line"] = "bar"
    prediction_dash: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class SquareRule:
    """How the side of a square follows from the size of its study.

    ``area``: the area in proportion to the size, sides from ``least`` to ``most`` mm; the largest square has
    its greatest side from a share of ``full_share`` on, and ``middle`` at the least. ``linear``: the side is
    ``least`` mm and ``slope`` mm for each percent of all sizes.
    """

    kind: Literal["area", "linear"] = "area"
    least: float = LEAST_SIDE
    most: float = MOST_SIDE
    full_share: float = FULL_SHARE
    middle: float = MIDDLE_SIDE
    slope: float = 0.0


HOUSE_LOOK = Look()
HOUSE_SQUARES = SquareRule()


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
    """A prediction interval; hatched where it rests on ``few`` studies."""

    low: float
    high: float
    few: bool = False


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


def square_sides(sizes: Sequence[float | None], rule: SquareRule = HOUSE_SQUARES) -> list[float]:
    """Return the side of each study's square in mm, by ``rule``.

    A study without a size gets the least side; where none has one, all are alike.
    """
    known = [s for s in sizes if s is not None and math.isfinite(s) and s > 0]
    if not known:
        return [rule.middle * 0.8] * len(sizes)
    largest, total = max(known), sum(known)
    # of sizes that span all decades a sum may overflow: then none of them is a share
    share = largest / total if math.isfinite(total) else 1.0
    top = min(max(rule.most * math.sqrt(share / rule.full_share), rule.middle), rule.most)

    def side(size: float) -> float:
        if rule.kind == "linear":
            return rule.least + rule.slope * 100.0 * share * (size / largest)
        return max(top * math.sqrt(size / largest), rule.least)

    return [side(s) if s is not None and math.isfinite(s) and s > 0 else rule.least for s in sizes]


def mark_shapes(mark: Mark, axis: Axis, y: float, look: Look = HOUSE_LOOK) -> list[Shape]:
    """Return the shapes of one mark centred at ``y`` mm."""
    if isinstance(mark, Square):
        return _square(mark, axis, y, look)
    if isinstance(mark, Diamond):
        return _diamond(mark, axis, y, look)
    if isinstance(mark, Bar):
        return _prediction(mark, axis, y, look)
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


def _square(mark: Square, axis: Axis, y: float, look: Look) -> list[Shape]:
    """Draw the interval, then the square.

    Inside it the interval in white where it is the narrower of the two.
    """
    shapes: list[Shape] = []
    has_interval = math.isfinite(mark.low) or math.isfinite(mark.high)
    low = mark.low if not math.isnan(mark.low) else mark.value
    high = mark.high if not math.isnan(mark.high) else mark.value
    left, right = axis.place(low), axis.place(high)
    if has_interval:
        shapes.append(Stroke(left, y, right, y, look.interval, 0.9))
        shapes.extend(_arrows(low, high, axis, y, look.interval))
    if not axis.holds(mark.value):
        return shapes
    x, half = axis.place(mark.value), mark.side / 2
    if mark.round:
        shapes.append(Disc(x, y, half, mark.color))
    else:
        corners = ((x - half, y - half), (x + half, y - half), (x + half, y + half), (x - half, y + half))
        shapes.append(
            Patch(corners, theme.PAPER, mark.color, OUTLINE)
            if mark.hollow
            else Patch(corners, mark.color, look.square_edge, look.square_width if look.square_edge else 0.0)
        )
    if has_interval and look.over:
        shapes.append(Stroke(left, y, right, y, look.interval, 0.9))
    elif has_interval and left > x - half and right < x + half:
        shapes.append(Stroke(left, y, right, y, theme.INK if mark.hollow else theme.PAPER, 0.7))
    return shapes


def _diamond(mark: Diamond, axis: Axis, y: float, look: Look) -> list[Shape]:
    """Draw a diamond, cut straight where its interval leaves the axis, with an arrow head there."""
    half = look.diamond / 2
    fill, edge = (look.pooled, look.pooled_edge) if mark.filled else (look.group, look.group_edge)
    x = axis.place(mark.value)
    left, right = axis.place(mark.low), axis.place(mark.high)
    heads = _arrows(mark.low, mark.high, axis, y, edge)
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
    return [Patch(points, fill, edge, 0.8), *heads]


def _prediction(mark: Bar, axis: Axis, y: float, look: Look) -> list[Shape]:
    """Draw a prediction interval as the figure's look has it."""
    heads = _arrows(mark.low, mark.high, axis, y, look.prediction)
    left, right = axis.place(mark.low), axis.place(mark.high)
    if look.prediction_as == "line":
        shapes: list[Shape] = [Stroke(left, y, right, y, look.prediction, 0.9, look.prediction_dash)]
        shapes.extend(
            Stroke(x, y - BAR, x, y + BAR, look.prediction, 0.9)
            for x, end in ((left, mark.low), (right, mark.high))
            if axis.holds(end)
        )
        return [*shapes, *heads]
    if not mark.few:
        return _bar(mark, axis, y, BAR, look)
    (body, *_) = _bar(mark, axis, y, BAR, look)
    assert isinstance(body, Patch)
    inner_left, inner_right = body.points[0][0], body.points[1][0]
    count = int(max(inner_right - inner_left - BAR, 0.0) / HATCH) + 1
    strokes = [
        Stroke(x, y + BAR / 2, x + BAR, y - BAR / 2, look.prediction, 0.6)
        for x in (inner_left + i * HATCH for i in range(count))
        if x + BAR <= inner_right
    ]
    return [Patch(body.points, theme.PAPER, look.prediction, 0.7), *strokes, *heads]


def _bar(mark: Bar, axis: Axis, y: float, height: float, look: Look = HOUSE_LOOK) -> list[Shape]:
    left, right, half = axis.place(mark.low), axis.place(mark.high), height / 2
    inner_left = left if axis.holds(mark.low) else left + ARROW
    inner_right = right if axis.holds(mark.high) else right - ARROW
    corners = (
        (inner_left, y - half),
        (inner_right, y - half),
        (inner_right, y + half),
        (inner_left, y + half),
    )
    body = Patch(corners, look.prediction, look.prediction_edge, 0.7 if look.prediction_edge else 0.0)
    return [body, *_arrows(mark.low, mark.high, axis, y, look.prediction)]


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
