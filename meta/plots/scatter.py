"""The frame of funnel, regression and other plots of points: two axes, title above, keys and notes below."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from meta.plots import theme
from meta.plots.axes import TICK, Axis, Extent, build_axis, fit_axis, sqrt_axis, write_axis
from meta.plots.layout import Disc, Page, Patch, Sheet, Stroke, clean_text, wrap_text
from meta.plots.legend import Key, Named, names_note, write_legend, write_names
from meta.plots.panel import write_foot, write_title
from meta.plots.theme import text_width

#: Height of the plot, mm.
PLOT_HEIGHT = 72.0
#: How far names keep from the points of a curve, mm.
LINE_CLEARANCE = 0.3
#: Radius of a point where size says nothing, mm.
RADIUS = 1.05


@dataclass(frozen=True, slots=True)
class Point:
    """A study: its place in the units of the axes, the radius of its circle in mm, and how it is filled.

    A ``name`` is written beside it where there is room, those of higher ``rank`` first.
    """

    x: float
    y: float
    radius: float = RADIUS
    fill: str = theme.PALE
    name: str = ""
    rank: float = 0.0


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
    vertical dotted line. ``height`` is that of the plot in mm; None: as much as it is wide, for two axes of
    one unit. ``keys`` say what colours and lines mean.
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
    height: float | None = PLOT_HEIGHT
    keys: Sequence[Key] = ()


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
    for line in wrap_text(clean_text(frame.y_words), frame.width - 2 * theme.margin(frame.width)):
        sheet.write(line, theme.margin(frame.width), top + 2.6)
        top += theme.LINE_PITCH
    top += 1.6
    if frame.height is None:
        frame = replace(frame, height=_square_height(frame, top))
    bottom = top + (frame.height or PLOT_HEIGHT)
    upright = _vertical_axis(frame, top, bottom)
    left = (
        theme.margin(frame.width)
        + max((text_width(text) for _, text in upright.ticks), default=0.0)
        + TICK
        + 0.8
    )
    level = fit_axis(frame.x_extent, frame.x_log, left, frame.width - theme.margin(frame.width), frame.width)
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
    held = [p for p in frame.points if level.holds(p.x) and upright.holds(p.y)]
    for point in sorted(held, key=lambda p: -p.radius):
        sheet.shapes.append(
            Disc(level.place(point.x), upright.place(point.y), point.radius, point.fill, theme.BLUE, 0.8)
        )
    # a little apart from the upright axis, so that their first labels keep clear of one another
    y = write_axis(sheet, level, bottom + 1.2, clean_text(frame.x_words), frame.width)
    y = write_legend(
        sheet,
        frame.keys,
        theme.margin(frame.width),
        frame.width - theme.margin(frame.width),
        y + (1.0 if frame.keys else 0.0),
    )
    missing = _name_points(sheet, frame, held, level, upright)
    notes = [*frame.notes, names_note(missing)]
    if len(held) < len(frame.points):
        notes.append(f"Beyond the axes, not drawn: {len(frame.points) - len(held)}.")
    height = write_foot(sheet, notes, frame.provenance, y + 2.0, frame.width)
    return sheet.page(frame.width, height, clean_text(frame.spoken_title), clean_text(frame.description))


def _name_points(sheet: Sheet, frame: Frame, held: Sequence[Point], level: Axis, upright: Axis) -> int:
    """Write the names of points beside them; return how many found no room."""
    named = [Named(p.name, level.place(p.x), upright.place(p.y), p.radius, p.rank) for p in held]
    if not any(point.words for point in named):
        return 0
    circles = [(point.x, point.y, point.radius) for point in named]
    # names keep clear of lines that are drawn through many points, too
    circles += [
        (level.place(x), upright.place(y), LINE_CLEARANCE)
        for curve in frame.curves
        if len(curve.x) > 2
        for x, y in zip(curve.x, curve.y, strict=True)
        if level.holds(x) and upright.holds(y)
    ]
    return write_names(
        sheet, named, circles, (level.start + 0.4, upright.end, frame.width - 1.0, upright.start)
    )


def _square_height(frame: Frame, top: float) -> float:
    """Return the height at which a plot is as tall as it is wide: the labels at its left take room."""
    upright = _vertical_axis(frame, top, top + frame.width)
    labels = max((text_width(text) for _, text in upright.ticks), default=0.0)
    return frame.width - 2 * theme.margin(frame.width) - labels - TICK - 0.8


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
