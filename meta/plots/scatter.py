"""The frame of funnel and regression plots: two axes, points, a title above and notes below."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from meta.plots import theme
from meta.plots.axes import TICK, Axis, Extent, build_axis, fit_axis, sqrt_axis, write_axis
from meta.plots.layout import Disc, Page, Patch, Sheet, Stroke, clean_text, wrap_text
from meta.plots.panel import write_foot, write_title
from meta.plots.theme import text_width

#: Height of the plot, mm.
PLOT_HEIGHT = 72.0
#: Radius of a point where size says nothing, mm.
RADIUS = 1.05


@dataclass(frozen=True, slots=True)
class Point:
    """A study: its place in the units of the axes, and the radius of its circle in mm."""

    x: float
    y: float
    radius: float = RADIUS


@dataclass(frozen=True, slots=True)
class Curve:
    """A line through points, in the units of the axes."""

    x: Sequence[float]
    y: Sequence[float]
    color: str
    width: float = 0.9
    dash: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Area:
    """A closed area, in the units of the axes; what lies beyond an axis is drawn at its end."""

    outline: Sequence[tuple[float, float]]
    fill: str


@dataclass(frozen=True, slots=True)
class Frame:
    """What both kinds of plot share.

    ``vertical`` is ``linear``, ``log``, ``sqrt``, or ``down`` (linear, 0 at the top). ``x_line`` is a
    vertical dotted line.
    """

    points: Sequence[Point]
    curves: Sequence[Curve]
    areas: Sequence[Area]
    x_extent: Extent
    y_extent: Extent
    x_log: bool
    vertical: str
    x_words: str
    y_words: str
    x_line: float | None
    null: float | None
    title: str | None
    spoken_title: str
    description: str
    notes: Sequence[str]
    provenance: str | None
    width: float


def _vertical_axis(frame: Frame, top: float, bottom: float) -> Axis:
    if frame.vertical == "sqrt":
        return sqrt_axis(max(frame.y_extent.always), bottom, top)
    if frame.vertical == "down":
        return build_axis(frame.y_extent, False, top, bottom)
    return build_axis(frame.y_extent, frame.vertical == "log", bottom, top)


def lay_out_frame(frame: Frame) -> Page:
    """Compute where everything of a scatter stands."""
    sheet = Sheet()
    top = write_title(sheet, frame.title, frame.width)
    for line in wrap_text(clean_text(frame.y_words), frame.width - 2 * theme.MARGIN):
        sheet.write(line, theme.MARGIN, top + 2.6)
        top += theme.LINE_PITCH
    top += 1.6
    bottom = top + PLOT_HEIGHT
    upright = _vertical_axis(frame, top, bottom)
    left = theme.MARGIN + max((text_width(text) for _, text in upright.ticks), default=0.0) + TICK + 0.8
    level = fit_axis(frame.x_extent, frame.x_log, left, frame.width - theme.MARGIN, frame.width)
    for area in frame.areas:
        sheet.shapes.append(
            Patch(tuple((level.place(x), upright.place(y)) for x, y in area.outline), area.fill)
        )
    for value, color, dash in ((frame.null, theme.RULE, ()), (frame.x_line, theme.BLUE, (1.0, 1.6))):
        if value is not None and level.holds(value):
            x = level.place(value)
            sheet.shapes.append(Stroke(x, top, x, bottom, color, 0.8, dash))
    for curve in frame.curves:
        _draw_curve(sheet, curve, level, upright)
    _write_upright(sheet, upright, level.start, top, bottom)
    beyond = 0
    for point in sorted(frame.points, key=lambda p: -p.radius):
        if level.holds(point.x) and upright.holds(point.y):
            sheet.shapes.append(
                Disc(level.place(point.x), upright.place(point.y), point.radius, theme.PALE, theme.BLUE, 0.8)
            )
        else:
            beyond += 1
    # a little apart from the upright axis, so that their first labels keep clear of one another
    y = write_axis(sheet, level, bottom + 1.2, clean_text(frame.x_words), frame.width)
    notes = list(frame.notes)
    if beyond:
        notes.append(f"Beyond the axes, not drawn: {beyond}.")
    height = write_foot(sheet, notes, frame.provenance, y + 2.0, frame.width)
    return sheet.page(frame.width, height, clean_text(frame.spoken_title), clean_text(frame.description))


def _draw_curve(sheet: Sheet, curve: Curve, level: Axis, upright: Axis) -> None:
    """Draw the parts of a curve that lie within both axes."""
    part: list[tuple[float, float]] = []
    for x, y in [*zip(curve.x, curve.y, strict=True), (float("nan"), float("nan"))]:
        if level.holds(x) and upright.holds(y):
            part.append((level.place(x), upright.place(y)))
            continue
        if len(part) > 1:
            sheet.shapes.append(Patch(tuple(part), None, curve.color, curve.width, curve.dash))
        part = []


def _write_upright(sheet: Sheet, axis: Axis, x: float, top: float, bottom: float) -> None:
    """Draw the vertical axis and its labels."""
    sheet.shapes.append(Stroke(x, top, x, bottom))
    half = theme.CAPITAL * theme.TEXT_SIZE * theme.MM_PER_POINT / 2
    for value, text in axis.ticks:
        y = axis.place(value)
        sheet.shapes.append(Stroke(x - TICK, y, x, y))
        sheet.write(text, x - TICK - 0.8, y + half, align="right")


def sample(
    low: float, high: float, at: Callable[[float], float], n: int = 61
) -> tuple[list[float], list[float]]:
    """Return ``n`` places from ``low`` to ``high`` and the curve there."""
    places = [low + (high - low) * i / (n - 1) for i in range(n)]
    return places, [at(place) for place in places]
