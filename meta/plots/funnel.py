"""The funnel plot.

Each study by its value and its size, for proportions by sample size rather than standard error.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Literal

import numpy as np
from matplotlib.figure import Figure

from meta.effects.measures import Measure, default_unit, find_measure, to_analysis, to_natural
from meta.errors import PlotError
from meta.options import DisplayUnit, check_option
from meta.plots import captions, theme
from meta.plots.axes import Extent
from meta.plots.draw import draw_page
from meta.plots.legend import Key
from meta.plots.scatter import Area, Curve, Frame, Point, lay_out_frame, sample
from meta.results import Fit, Study
from meta.tables.numbers import level_text, number_text

#: Below so many studies no test of small-study effects is done: its power is too low to tell anything.
LEAST_STUDIES = 10

#: P values at which the bands around no effect end (Peters et al. 2008).
CONTOURS = (0.1, 0.05, 0.01)

#: What the size axis counts, by the column it reads.
_SIZES = {"time": "Person-time", "n": "People"}


def funnel_plot(
    fit: Fit,
    *,
    axis: Literal["size", "se"] | None = None,
    contours: bool | None = None,
    filled: Sequence[tuple[float, float]] = (),
    unit: DisplayUnit | None = None,
    title: str | None = None,
    notes: Sequence[str] = (),
    provenance: str | None = None,
    width_mm: float = 120.0,
    size_words: str | None = None,
) -> Figure:
    """Draw each study by its value and its size.

    Parameters
    ----------
    fit : Fit
        The analysis.
    axis : {"size", "se"}, optional
        Sample size or person-time on a square-root scale, or the standard error with limits around the pooled
        value. Size unless given for single proportions and rates, whose standard error depends on the value
        itself and so makes a funnel lopsided without any bias (Hunter et al. 2014); standard error otherwise.
    contours : bool, optional
        Bands of two-sided P values against no effect, ending at 0.1, 0.05 and 0.01: studies that are missing
        where P is large suggest that results decided what was published. Where a measure compares and the
        axis is the standard error, unless given.
    filled : sequence of (y, se)
        Points that trim and fill added, on the analysis scale; drawn hollow. Standard error axis only.
    unit : DisplayUnit, optional
        How numbers are shown; that of the measure unless given.
    title, notes, provenance : optional
        Head of the figure, further notes, and a last line that says where its numbers live.
    width_mm : float
        Width of the figure.
    size_words : str, optional
        What the size axis counts (``Person-years``).

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    PlotError
        If sizes are asked for and no study has any, bands are where there is no value of no effect, or
        bands or filled points on an axis of sizes.

    References
    ----------
    Peters et al. (2008), Journal of Clinical Epidemiology 61, 991-996 (bands); Duval & Tweedie (2000),
    Biometrics 56, 455-463 (trim and fill); Hunter et al. (2014), Journal of Clinical Epidemiology 67,
    897-903.
    """
    check_option("axis", axis, ("size", "se", None))
    measure = find_measure(fit.measure)
    shown = unit or default_unit(fit.measure)
    column = "time" if any("time" in s.counts for s in fit.studies) else "n"
    by_size = axis == "size" or (
        axis is None and measure.kind in ("proportion", "rate") and _has(fit, column)
    )
    if by_size and not _has(fit, column):
        raise PlotError(
            f"a funnel plot by size needs sizes; no study of this fit has {column!r}, use axis='se'"
        )
    drawn = [
        (s, height) for s in fit.studies if (height := _height(s, column if by_size else "")) is not None
    ]
    points = [Point(float(s.value or 0.0) * shown.factor, height) for s, height in drawn]
    points += _added(fit.measure, filled, shown, by_size)
    pooled = fit.natural.value * shown.factor if fit.natural is not None else None
    tallest = max((p.y for p in points), default=1.0)
    banded = _wants_bands(measure, contours, by_size)
    bands = _bands(fit.measure, shown, tallest) if banded else []
    areas, curves, edges = ([], [], []) if by_size else _limits(fit, measure, shown, tallest)
    lines = [x for x in (pooled, measure.null if banded else None) if x is not None]
    words = (
        (size_words or _SIZES[column]) + " (square-root scale)"
        if by_size
        else f"Standard error of the {measure.scale}"
    )
    remark = (
        f"k = {fit.k}: no test of small-study effects below k = {LEAST_STUDIES}."
        if fit.k < LEAST_STUDIES
        else ""
    )
    frame = Frame(
        points=points,
        curves=curves,
        areas=bands or areas,
        x_extent=_extent(points, [*edges, *lines], measure, shown),
        y_extent=Extent([], always=[0.0, tallest], floor=0.0),
        x_log=measure.log_axis,
        vertical="sqrt" if by_size else "down",
        x_words=shown.axis,
        y_words=words,
        x_line=pooled,
        null=measure.null,
        title=title,
        spoken_title=title or "Funnel plot",
        description=_description(fit, shown, words, drawn, banded, len(filled)),
        notes=[_line_note(fit, by_size, bool(curves)), remark, *notes],
        provenance=provenance,
        width=width_mm,
        keys=_keys(banded, bool(filled)),
    )
    return draw_page(lay_out_frame(frame))


def _extent(points: Sequence[Point], always: Sequence[float], measure: Measure, unit: DisplayUnit) -> Extent:
    """Return what the level axis has to hold."""
    return Extent(
        [(p.x, p.x, p.x) for p in points],
        always=always,
        floor=measure.low_end,
        ceiling=None if measure.high_end is None else unit.factor * measure.high_end,
    )


def _wants_bands(measure: Measure, contours: bool | None, by_size: bool) -> bool:
    """Return whether bands are drawn, or say why those asked for cannot be."""
    if not contours:
        return contours is None and measure.compares and measure.size is None and not by_size
    if by_size:
        raise PlotError("bands of P values need the standard error upwards: use axis='se'")
    if not measure.compares:
        raise PlotError(f"bands of P values stand around no effect; a {measure.name} has no such value")
    return True


def _added(code: str, filled: Sequence[tuple[float, float]], unit: DisplayUnit, by_size: bool) -> list[Point]:
    """Return the points that trim and fill added."""
    if filled and by_size:
        raise PlotError("points of trim and fill have a standard error and no size: use axis='se'")
    return [Point(float(to_natural(code, y)) * unit.factor, se, fill=theme.PAPER) for y, se in filled]


def _bands(code: str, unit: DisplayUnit, tallest: float) -> list[Area]:
    """Return the bands of P values around no effect, outermost first; the innermost is white."""
    null = float(to_analysis(code, np.array([find_measure(code).null]))[0])
    far, bottom = math.inf, tallest * 1.3
    whole = [(-far, 0.0), (far, 0.0), (far, bottom), (-far, bottom)]
    areas = [Area(whole, theme.BANDS[-1])]
    fills = (*theme.BANDS[-2::-1], theme.PAPER)
    for p, fill in zip(sorted(CONTOURS), fills, strict=True):
        z = NormalDist().inv_cdf(1.0 - p / 2)
        heights = [bottom * i / 240 for i in range(241)]
        left, right = (
            [float(x) * unit.factor for x in to_natural(code, null + side * z * np.array(heights))]
            for side in (-1.0, 1.0)
        )
        outline = [*zip(left, heights, strict=True), *reversed(list(zip(right, heights, strict=True)))]
        areas.append(Area(outline, fill))
    return areas


def _keys(banded: bool, filled: bool) -> list[Key]:
    """Return what greys and hollow circles mean."""
    keys = []
    if banded:
        most, middle, least = (number_text(p, 2) for p in CONTOURS)
        keys = [
            Key(f"P ≥ {most}", fill=theme.PAPER),
            Key(f"{middle} to {most}", fill=theme.BANDS[0]),
            Key(f"{least} to {middle}", fill=theme.BANDS[1]),
            Key(f"P < {least}, against no effect", fill=theme.BANDS[2]),
        ]
    if filled:
        keys.append(Key("added by trim and fill", fill=theme.PAPER, edge=theme.BLUE, point=True))
    return keys


def _has(fit: Fit, column: str) -> bool:
    return any(s.counts.get(column) is not None for s in fit.studies if s.used)


def _height(study: Study, column: str) -> float | None:
    """Return the place of a study on the vertical axis: its size, or without a column its standard error."""
    if not study.used or study.value is None:
        return None
    if column:
        return study.counts.get(column)
    return math.sqrt(study.v) if study.v is not None else None


def _limits(
    fit: Fit, measure: Measure, unit: DisplayUnit, tallest: float
) -> tuple[list[Area], list[Curve], list[float]]:
    """Return area, edges and lowest ends of the region that holds studies without heterogeneity or bias."""
    if fit.estimate is None or measure.size is not None:
        return [], [], []
    center = fit.estimate.value
    z = NormalDist().inv_cdf(0.5 + fit.spec.level / 2)
    bottom = tallest * 1.3

    def edge(side: float) -> tuple[list[float], list[float]]:
        def natural(se: float) -> float:
            return float(to_natural(fit.measure, center + side * z * se)) * unit.factor

        heights, places = sample(0.0, bottom, natural)
        return places, heights

    (left, heights), (right, _) = edge(-1.0), edge(1.0)
    outline = [*zip(left, heights, strict=True), *reversed(list(zip(right, heights, strict=True)))]
    curves = [Curve(side, heights, theme.BLUE, 0.6, (3.0, 2.0)) for side in (left, right)]
    reach = tallest / bottom * (len(left) - 1)
    return [Area(outline, theme.WASH)], curves, [left[int(reach)], right[int(reach)]]


def _line_note(fit: Fit, by_size: bool, limited: bool) -> str:
    parts = ["Dotted line: pooled value"] if fit.natural is not None else []
    if limited:
        level = level_text(fit.spec.level)
        parts.append(
            f"dashed: where {level} of studies would lie without heterogeneity, small-study effects or bias"
        )
    if by_size:
        parts.append("larger studies stand higher")
    text = "; ".join(parts)
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def _description(
    fit: Fit,
    unit: DisplayUnit,
    words: str,
    drawn: Sequence[tuple[Study, float]],
    banded: bool,
    filled: int,
) -> str:
    """Return what the figure shows, in words."""
    pooled = captions.pooled_sentence(fit, unit)
    text = f"Funnel plot of {len(drawn)} studies. {pooled} Across: {unit.axis}. Upwards: {words}."
    if banded:
        text += f" Bands: P values against no effect, ending at {', '.join(map(str, CONTOURS))}."
    return text + (f" Hollow: {filled} points added by trim and fill." if filled else "")
