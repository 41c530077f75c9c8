"""The radial (Galbraith) plot: standardised effects against precision, with the effects on an arc."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from meta.bias.radial import Radial
from meta.effects.measures import default_unit, find_measure, to_analysis, to_natural
from meta.errors import PlotError
from meta.model_words import MODEL_WORDS
from meta.options import DisplayUnit, interval_names
from meta.plots import theme
from meta.plots.axes import TICK, Axis, Extent, build_axis, fit_axis, write_axis
from meta.plots.draw import draw_page
from meta.plots.layout import Disc, Page, Patch, Sheet, Stroke, clean_text, wrap_text
from meta.plots.legend import Key, Named, names_note, write_legend, write_names
from meta.plots.panel import write_foot, write_title
from meta.plots.scatter import LINE_CLEARANCE, RADIUS
from meta.plots.theme import text_width
from meta.results import Floats
from meta.tables.numbers import column_decimals, interval_text, level_text, tau2_text

#: Greatest height of the scores and of the arc, mm.
PLOT_HEIGHT = 80.0
#: Height of the plot with the ends of arc and band, at most, mm.
TALLEST = 96.0
#: How far beyond the furthest study the arc stands, as a share of its distance from the origin.
BEYOND = 1.06
#: The bracket of the pooled value stands this far outside the arc, mm.
BRACKET = 1.6


@dataclass(frozen=True, slots=True)
class _Scales:
    """The origin of the rays and mm a unit of precision and of score; radius of the arc, mm."""

    x: float
    y: float
    across: float
    upwards: float
    radius: float

    def angle(self, slope: float) -> float:
        """Return the angle of a ray above the horizontal."""
        return math.atan2(slope * self.upwards, self.across)

    def on_arc(self, slope: float, off: float = 0.0) -> tuple[float, float]:
        """Return where a ray meets the arc, ``off`` mm outside it."""
        angle, radius = self.angle(slope), self.radius + off
        return self.x + radius * math.cos(angle), self.y - radius * math.sin(angle)


def radial_plot(
    radial: Radial,
    *,
    unit: DisplayUnit | None = None,
    title: str | None = None,
    notes: Sequence[str] = (),
    provenance: str | None = None,
    width_mm: float = 120.0,
) -> Figure:
    """Draw each study by its precision and standardised effect; a ray through it meets its effect on the arc.

    Parameters
    ----------
    radial : Radial
        From :func:`meta.bias.radial.find_radial`.
    unit : DisplayUnit, optional
        How effects on the arc are shown; that of the measure unless given.
    title, notes, provenance : optional
        Head of the figure, further notes, and a last line that says where its numbers live.
    width_mm : float
        Width of the figure.

    Returns
    -------
    matplotlib.figure.Figure
        The line is the pooled value, the band holds the stated share of the studies where the model is right,
        and the bracket on the arc is the interval of the pooled value.

    Raises
    ------
    PlotError
        If the measure needs sizes to turn its values back (``PFT``, ``IRFT``), so that there is no arc.

    References
    ----------
    Galbraith (1988), Statistics in Medicine 7, 889-894.
    """
    measure = find_measure(radial.measure)
    if measure.size is not None:
        raise PlotError(
            f"a radial plot has an arc of effects; those of {radial.measure} depend on {measure.size}"
        )
    shown = unit or default_unit(radial.measure)
    return draw_page(_lay_out(radial, shown, title, notes, provenance, width_mm))


def _lay_out(
    radial: Radial,
    unit: DisplayUnit,
    title: str | None,
    notes: Sequence[str],
    provenance: str | None,
    width: float,
) -> Page:
    """Compute where everything stands."""
    sheet = Sheet()
    top = write_title(sheet, title, width)
    root = "√(v + τ²)" if radial.tau2 > 0.0 else "√v"
    scale = find_measure(radial.measure).scale
    upward = f"Standardised effect: {scale} / {root}"
    for line in wrap_text(clean_text(upward), width - 2 * theme.margin(width)):
        sheet.write(line, theme.margin(width), top + 2.6)
        top += theme.LINE_PITCH
    top += 2.6
    left = theme.margin(width) + text_width("−00") + TICK + 0.8
    ticks = _arc_ticks(radial, unit)
    room = max((text_width(text) for _, text in ticks), default=0.0) + BRACKET + 3.4
    slopes = [slope for slope, _ in ticks]
    scales, bottom = _fit_scales(radial, slopes, (left, width - theme.margin(width) - room), top)
    end = _draw_rays(sheet, radial, scales)
    _draw_scores(sheet, radial, scales)
    arc = _draw_arc(sheet, radial, ticks, scales)
    _draw_bracket(sheet, radial, scales)
    places = [
        (scales.x + float(p) * scales.across, scales.y - float(z) * scales.upwards)
        for p, z in zip(radial.precision, radial.score, strict=True)
    ]
    sheet.shapes += [Disc(x, y, RADIUS, theme.PALE, theme.BLUE, 0.8) for x, y in places]
    y = write_axis(
        sheet, _level_axis(radial, scales, end, width), bottom + 1.2, f"Precision: 1 / {root}", width
    )
    y = write_legend(sheet, _keys(radial), theme.margin(width), width - theme.margin(width), y + 1.0)
    away = np.abs(radial.score - radial.value * radial.precision)
    missing = _write_names(sheet, radial.labels, places, away, arc, (left + 0.4, top, width - 1.0, bottom))
    words = [*_notes(radial, unit), names_note(missing), *notes]
    height = write_foot(sheet, words, provenance, y + 2.0, width)
    spoken = (
        f"Radial plot of {len(radial.labels)} studies. Across: precision. Upwards: {upward}. {words[0]} "
        f"Outside the band: {int(np.sum(away > radial.band))}."
    )
    return sheet.page(width, height, clean_text(title or "Radial plot"), clean_text(spoken))


def _write_names(
    sheet: Sheet,
    labels: Sequence[str],
    places: Sequence[tuple[float, float]],
    away: Floats,
    lines: Sequence[tuple[float, float]],
    bounds: tuple[float, float, float, float],
) -> int:
    """Name the studies, those furthest from the pooled line first; return how many found no room."""
    named = [
        Named(label, x, y, RADIUS, float(rank))
        for label, (x, y), rank in zip(labels, places, away, strict=True)
    ]
    circles = [(x, y, RADIUS) for x, y in places] + [(x, y, LINE_CLEARANCE) for x, y in lines]
    return write_names(sheet, named, circles, bounds)


def _level_axis(radial: Radial, scales: _Scales, end: float, width: float) -> Axis:
    """Return the axis of precision, on the scale of the rays and as long as they are."""
    extent = Extent([], always=[0.0, float(radial.precision.max())], floor=0.0)
    high = (end - scales.x) / scales.across
    ticks = fit_axis(extent, False, scales.x, end, width).ticks
    kept = tuple((value, text) for value, text in ticks if value <= high * (1.0 + 1e-9))
    return Axis("linear", 0.0, high, scales.x, end, kept)


def _effects(radial: Radial) -> list[float]:
    """Return the studies' own effects, analysis scale."""
    return [float(z / x) for x, z in zip(radial.precision, radial.score, strict=True)]


def _arc_ticks(radial: Radial, unit: DisplayUnit) -> list[tuple[float, str]]:
    """Return slope and label of the ticks of the arc: round numbers over the range of the effects."""
    measure = find_measure(radial.measure)
    ends = [min(*_effects(radial), radial.low), max(*_effects(radial), radial.high)]
    natural = [float(x) * unit.factor for x in to_natural(radial.measure, np.array(ends))]
    extent = Extent(
        [],
        always=natural,
        floor=measure.low_end,
        ceiling=None if measure.high_end is None else unit.factor * measure.high_end,
    )
    # upright, since labels stand below one another
    axis = build_axis(extent, measure.log_axis, 0.0, PLOT_HEIGHT)
    found = [
        (float(to_analysis(radial.measure, np.array([value / unit.factor]))[0]), text)
        for value, text in axis.ticks
    ]
    return [(slope, text) for slope, text in found if math.isfinite(slope)]


def _fit_scales(
    radial: Radial, slopes: Sequence[float], place: tuple[float, float], top: float
) -> tuple[_Scales, float]:
    """Return the scales at which studies and arc fill the room, and the bottom of the plot, mm."""
    left, right = place
    radius = right - left
    ends = _score_end(radial)
    low, high = min(-ends, float(radial.score.min())), max(ends, float(radial.score.max()))
    upwards = PLOT_HEIGHT / (high - low)
    across = radius / (BEYOND * float(radial.precision.max()))
    # a study far from the line may stand further out than the most precise one
    for _ in range(40):
        away = float(np.hypot(radial.precision * across, radial.score * upwards).max())
        if away * BEYOND <= radius * (1.0 + 1e-9):
            break
        across, upwards = across * radius / (away * BEYOND), upwards * radius / (away * BEYOND)
    reach = _reach(radial, slopes, _Scales(left, 0.0, across, upwards, radius), low, high)
    while reach[0] - reach[1] > TALLEST:
        upwards *= 0.95
        reach = _reach(radial, slopes, _Scales(left, 0.0, across, upwards, radius), low, high)
    return _Scales(left, top + reach[0], across, upwards, radius), top + reach[0] - reach[1]


def _reach(
    radial: Radial, slopes: Sequence[float], scales: _Scales, low: float, high: float
) -> tuple[float, float]:
    """Return how far the plot goes above and below its origin, mm: scores, arc with its ticks, band."""
    ends = [-scales.on_arc(s, BRACKET)[1] for s in (*slopes, *_effects(radial), radial.low, radial.high)]
    end = -scales.on_arc(radial.value)[1]
    band = radial.band * scales.upwards
    above = max(high * scales.upwards, end + band, *ends)
    below = min(low * scales.upwards, end - band, *ends)
    return above + 1.0, below - 1.0


def _draw_rays(sheet: Sheet, radial: Radial, scales: _Scales) -> float:
    """Draw the pooled line within its band; return the x at which they end, mm."""
    end, _ = scales.on_arc(radial.value)
    reach = (end - scales.x) / scales.across
    rise = radial.value * reach
    corners = [
        (0.0, radial.band),
        (reach, rise + radial.band),
        (reach, rise - radial.band),
        (0.0, -radial.band),
    ]
    places = [(scales.x + p * scales.across, scales.y - z * scales.upwards) for p, z in corners]
    sheet.shapes.append(Patch(tuple(places), theme.WASH))
    if find_measure(radial.measure).compares:
        sheet.shapes.append(Stroke(scales.x, scales.y, scales.x + scales.radius, scales.y, theme.RULE, 0.8))
    sheet.shapes.append(Stroke(scales.x, scales.y, *scales.on_arc(radial.value), theme.BLUE, 1.0))
    return end


def _score_end(radial: Radial) -> int:
    """Return where the upright axis ends: two standard errors, or as many whole ones as hold the band."""
    return max(2, math.ceil(radial.band))


def _draw_scores(sheet: Sheet, radial: Radial, scales: _Scales) -> None:
    """Draw the upright axis: 0 and 2 standard errors to either side, as long as the scores are."""
    reach = _score_end(radial)
    half = theme.CAPITAL * theme.TEXT_SIZE * theme.MM_PER_POINT / 2
    ends = [scales.y - z * scales.upwards for z in (-reach, reach)]
    sheet.shapes.append(Stroke(scales.x, ends[0], scales.x, ends[1]))
    texts = [(z, f"{'−' if z < 0 else ''}{abs(z)}") for z in (-reach, 0, reach)]
    if reach * scales.upwards < theme.TEXT_SIZE * theme.MM_PER_POINT * theme.LINE:
        texts = texts[1:2]
    for z, text in texts:
        y = scales.y - z * scales.upwards
        sheet.shapes.append(Stroke(scales.x - TICK, y, scales.x, y))
        sheet.write(text, scales.x - TICK - 0.8, y + half, align="right")


def _draw_arc(
    sheet: Sheet, radial: Radial, ticks: Sequence[tuple[float, str]], scales: _Scales
) -> list[tuple[float, float]]:
    """Draw the arc of effects with its ticks; a label that would touch the one before it is left out.

    Returns the points of the arc and of the pooled line, mm.
    """
    ends = [*_effects(radial), *(slope for slope, _ in ticks)]
    low, high = scales.angle(min(ends)), scales.angle(max(ends))
    steps = [low + (high - low) * i / 180 for i in range(181)]
    path = [(scales.x + scales.radius * math.cos(a), scales.y - scales.radius * math.sin(a)) for a in steps]
    sheet.shapes.append(Patch(tuple(path), None, theme.INK, 0.8))
    tall = theme.LINE * theme.TEXT_SIZE * theme.MM_PER_POINT
    half = theme.CAPITAL * theme.TEXT_SIZE * theme.MM_PER_POINT / 2
    last = math.inf
    for slope, text in ticks:
        x, y = scales.on_arc(slope)
        sheet.shapes.append(Stroke(x, y, *scales.on_arc(slope, TICK), theme.INK))
        at_x, at_y = scales.on_arc(slope, BRACKET + 1.4)
        if last - at_y >= tall:
            sheet.write(text, at_x, at_y + half)
            last = at_y
    x, y = scales.on_arc(radial.value)
    line = [(scales.x + (x - scales.x) * i / 180, scales.y + (y - scales.y) * i / 180) for i in range(181)]
    return [*path, *line]


def _draw_bracket(sheet: Sheet, radial: Radial, scales: _Scales) -> None:
    """Draw the interval of the pooled value outside the arc."""
    low, high = scales.angle(radial.low), scales.angle(radial.high)
    radius = scales.radius + BRACKET
    steps = [low + (high - low) * i / 30 for i in range(31)]
    path = [(scales.x + radius * math.cos(a), scales.y - radius * math.sin(a)) for a in steps]
    sheet.shapes.append(Patch(tuple(path), None, theme.BLUE, 1.8))
    sheet.shapes.append(
        Stroke(*scales.on_arc(radial.value), *scales.on_arc(radial.value, BRACKET + 0.9), theme.BLUE, 1.8)
    )


def _keys(radial: Radial) -> list[Key]:
    level = level_text(radial.level)
    name = interval_names(radial.spec.model)[0]
    return [
        Key("pooled value", edge=theme.BLUE),
        Key(f"where {level} of studies would lie", fill=theme.WASH),
        Key(f"on the arc: {level} {name} of the pooled value", edge=theme.BLUE, width=1.8),
    ]


def _notes(radial: Radial, unit: DisplayUnit) -> list[str]:
    ends = to_natural(radial.measure, np.array([radial.value, radial.low, radial.high])) * unit.factor
    value, low, high = (float(x) for x in ends)
    number = interval_text(value, low, high, column_decimals([(value, low, high)]))
    model = MODEL_WORDS[radial.spec.model].name
    tau2 = f", τ² = {tau2_text(radial.tau2)}" if radial.tau2 > 0.0 else ""
    return [
        f"Arc: {unit.axis}; pooled value {number} ({model}{tau2}).",
        "A line from the origin through a study meets the arc at its effect.",
    ]
