"""The regression plot: each study by a moderator and its value, with the fitted line and its band."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.figure import Figure

from extraction.names import suggest
from meta.effects.measures import default_unit, find_measure
from meta.errors import PlotError
from meta.models.predictions import Predictions
from meta.options import DisplayUnit
from meta.plots import captions, theme
from meta.plots.axes import Extent
from meta.plots.draw import draw_page
from meta.plots.marks import square_sides
from meta.plots.scatter import Area, Curve, Frame, Point, lay_out_frame
from meta.results import Fit, Study
from meta.tables.numbers import level_text


def regression_plot(
    fit: Fit,
    curve: Predictions | None = None,
    *,
    column: str | None = None,
    name: str | None = None,
    unit: DisplayUnit | None = None,
    title: str | None = None,
    notes: Sequence[str] = (),
    provenance: str | None = None,
    width_mm: float = 120.0,
) -> Figure:
    """Draw each study by a moderator and its value, its area by weight or people, and the fitted curve.

    Parameters
    ----------
    fit : Fit
        The model with moderators.
    curve : Predictions, optional
        Along a single numeric moderator (:func:`meta.models.predictions.predict_curve`): the mean, the band
        of its interval, and the prediction interval as dashed lines. None is drawn where none is given.
    column : str, optional
        The moderator across; the one of the curve unless given.
    name : str, optional
        Words under its axis; the name of the column unless given.
    unit : DisplayUnit, optional
        How values are shown; that of the measure unless given.
    title, notes, provenance : optional
        Head of the figure, further notes, and a last line that says where its numbers live.
    width_mm : float
        Width of the figure.

    Returns
    -------
    matplotlib.figure.Figure
        Studies without a value or moderator are not drawn, and counted in a note.

    Raises
    ------
    PlotError
        If the fit has no moderators or not this one, the curve is of another regression or of several
        columns, or no study used has both a value and a number in the column.
    """
    across = _pick_column(fit, curve, column)
    name = name or across
    measure = find_measure(fit.measure)
    shown = unit or default_unit(fit.measure)
    cells = _cells(fit, across)
    drawn = [(s, x) for s, x in cells if s.used and s.value is not None and x is not None]
    if not drawn:
        raise PlotError(f"a regression plot needs studies with a value and a moderator; none has {across!r}")
    sides = square_sides([_size(fit, s) for s, _ in drawn])
    # a circle of a square's area
    points = [
        Point(float(x), float(s.value or 0.0) * shown.factor, side * 0.5642)
        for (s, x), side in zip(drawn, sides, strict=True)
    ]
    curves, areas, ends = _curve_shapes(curve, across, shown.factor)
    values = [p.y for p in points]
    places = [p.x for p in points]
    missing = sum(1 for s in fit.studies if s.label not in {d.label for d, _ in drawn})
    frame = Frame(
        points=points,
        curves=curves,
        areas=areas,
        x_extent=Extent([], always=[min(places), max(places), *(curves[0].x if curves else ())]),
        y_extent=Extent(
            [(y, y, y) for y in values],
            pooled=ends,
            always=[min(values), max(values)],
            floor=measure.low_end,
            ceiling=None if measure.high_end is None else shown.factor * measure.high_end,
        ),
        x_log=False,
        vertical="log" if measure.log_axis else "linear",
        x_words=name,
        y_words=shown.axis,
        x_line=None,
        null=None,
        title=title,
        spoken_title=title or "Regression plot",
        description=f"Regression plot of {captions.counted(len(points), 'study')}. Across: {name}. "
        f"Upwards: {shown.axis}. {captions.moderator_note(fit)}",
        notes=[
            _curve_note(fit, curve, bool(areas), len(curves) > 1),
            _size_note(fit),
            captions.moderator_note(fit),
            captions.model_note(fit, studies=False),
            f"Not drawn, without a value or moderator: {missing}." if missing else "",
            *notes,
        ],
        provenance=provenance,
        width=width_mm,
    )
    return draw_page(lay_out_frame(frame))


def _size(fit: Fit, study: Study) -> float | None:
    if not fit.spec.is_glmm:
        return study.weight
    for names in (("time",), ("n",), ("time1", "time2"), ("n1", "n2")):
        sizes = [study.counts.get(name) for name in names]
        if None not in sizes:
            return sum(size for size in sizes if size is not None)
    return None


def _pick_column(fit: Fit, curve: Predictions | None, column: str | None) -> str:
    """Return the moderator that runs across, or say why there is none."""
    if fit.moderators is None:
        raise PlotError("a regression plot takes a fit with moderators; this one has none")
    if curve is not None and (curve.formula != fit.moderators.formula or len(curve.values) != 1):
        raise PlotError(
            f"the curve is of {curve.formula!r} over {', '.join(curve.values)}; a plot of "
            f"{fit.moderators.formula!r} takes its own, over one column"
        )
    known = tuple(fit.moderators.values)
    across = column or (next(iter(curve.values)) if curve is not None else known[0])
    if across not in known or (curve is not None and across not in curve.values):
        raise PlotError(f"no moderator {across!r} in {fit.moderators.formula!r}; {suggest(across, known)}")
    return across


def _cells(fit: Fit, column: str) -> list[tuple[Study, float | None]]:
    """Return each study with its number in the column, None where it has none."""
    values = fit.moderators.values[column] if fit.moderators is not None else ()
    numbers = [float(cell) if isinstance(cell, int | float) else None for cell in values]
    # rows that are invalid stand behind those that have cells
    numbers += [None] * (len(fit.studies) - len(numbers))
    return list(zip(fit.studies, numbers, strict=True))


def _curve_note(fit: Fit, curve: Predictions | None, band: bool, dashed: bool) -> str:
    """Say what is drawn of the model."""
    if curve is None:
        return ""
    level = level_text(fit.spec.level)
    parts = ["Line: the fitted model"]
    if band:
        # under a profile likelihood the band is Wald's, and the model's own note says profile
        kind = "Wald interval" if fit.spec.ci_method == "profile" else "interval"
        parts.append(f"band: its {level} {kind}")
    if dashed:
        parts.append(f"dashed: {level} prediction interval")
    return "; ".join(parts) + "."


def _size_note(fit: Fit) -> str:
    if not fit.spec.is_glmm:
        return "Circles: area by weight."
    timed = bool({"time", "time1"} & set(fit.totals))
    return f"Circles: area by {'person-time' if timed else 'people'}."


def _curve_shapes(
    curve: Predictions | None, column: str, factor: float
) -> tuple[list[Curve], list[Area], list[float]]:
    """Return the curve, its band, its prediction interval, and the values that the axis should hold."""
    if curve is None:
        return [], [], []
    x = [float(cell) for cell in curve.values[column] if isinstance(cell, int | float)]
    value, low, high, prediction_low, prediction_high = (
        [float(v) * factor for v in array]
        for array in (
            curve.natural,
            curve.natural_low,
            curve.natural_high,
            curve.natural_prediction_low,
            curve.natural_prediction_high,
        )
    )
    curves, areas, ends = [Curve(x, value, theme.BLUE, 1.1)], [], list(value)
    if all(math.isfinite(v) for v in (*low, *high)):
        areas.append(
            Area([*zip(x, low, strict=True), *reversed(list(zip(x, high, strict=True)))], theme.WASH)
        )
        ends += [*low, *high]
    if all(math.isfinite(v) for v in (*prediction_low, *prediction_high)):
        curves += [
            Curve(x, bound, theme.BLUE, 0.8, (2.0, 2.0)) for bound in (prediction_low, prediction_high)
        ]
        ends += [*prediction_low, *prediction_high]
    return curves, areas, ends
