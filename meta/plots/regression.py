"""The regression plot: each study by a moderator and its value, with the fitted line and its band."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from meta.effects.measures import default_unit, find_measure
from meta.errors import PlotError
from meta.options import DisplayUnit
from meta.plots import captions, theme
from meta.plots.axes import Extent
from meta.plots.draw import draw_page
from meta.plots.marks import square_sides
from meta.plots.scatter import Area, Curve, Frame, Point, lay_out_frame
from meta.results import Fit, Study
from meta.tables.numbers import level_text


@dataclass(frozen=True, slots=True)
class FittedLine:
    """A fitted line over a moderator, natural scale, with the interval of the mean where there is one.

    All sequences have one length; ``low`` and ``high`` may be empty.
    """

    x: Sequence[float]
    value: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()


def regression_plot(
    fit: Fit,
    moderator: Mapping[str, float | None],
    *,
    name: str,
    line: FittedLine | None = None,
    unit: DisplayUnit | None = None,
    title: str | None = None,
    notes: Sequence[str] = (),
    provenance: str | None = None,
    width_mm: float = 120.0,
) -> Figure:
    """Draw each study by a moderator and its value, its area by weight or people, and the fitted line.

    Parameters
    ----------
    fit : Fit
        The model with moderators.
    moderator : mapping of str to (float or None)
        Value by study label; studies without one are not drawn and counted in a note.
    name : str
        Words under the axis of the moderator.
    line : FittedLine, optional
        The fitted line and its band; none is drawn where there is none.
    unit : DisplayUnit, optional
        How values are shown; that of the measure unless given.
    title, notes, provenance : optional
        Head of the figure, further notes, and a last line that says where its numbers live.
    width_mm : float
        Width of the figure.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    PlotError
        If no study has both a value and a moderator, or the line's arrays differ in length.
    """
    measure = find_measure(fit.measure)
    shown = unit or default_unit(fit.measure)
    drawn = [
        (s, x)
        for s in fit.studies
        if s.used and s.value is not None and (x := moderator.get(s.label)) is not None
    ]
    if not drawn:
        raise PlotError(f"a regression plot needs studies with a value and a moderator; none has {name!r}")
    sides = square_sides([_size(fit, s) for s, _ in drawn])
    # a circle of a square's area
    points = [
        Point(float(x), float(s.value or 0.0) * shown.factor, side * 0.5642)
        for (s, x), side in zip(drawn, sides, strict=True)
    ]
    curves, areas, ends = _line_shapes(line, shown.factor)
    values = [p.y for p in points]
    places = [p.x for p in points]
    missing = sum(1 for s in fit.studies if s.label not in {d.label for d, _ in drawn})
    level = level_text(fit.spec.level)
    band = f"Line: the fitted model; band: its {level} interval." if areas else ""
    frame = Frame(
        points=points,
        curves=curves,
        areas=areas,
        x_extent=Extent([], always=[min(places), max(places), *(line.x if line else ())]),
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
        description=f"Regression plot of {len(points)} studies. Across: {name}. "
        f"Upwards: {shown.axis}. {captions.moderator_note(fit)}",
        notes=[
            band,
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
    return study.counts.get("time") if study.counts.get("time") is not None else study.counts.get("n")


def _line_shapes(line: FittedLine | None, factor: float) -> tuple[list[Curve], list[Area], list[float]]:
    """Return the line, its band, and the values that the axis should hold."""
    if line is None:
        return [], [], []
    lengths = {len(line.x), len(line.value)} | {len(bound) for bound in (line.low, line.high) if len(bound)}
    if len(lengths) > 1 or bool(len(line.low)) != bool(len(line.high)):
        raise PlotError(f"the arrays of a fitted line must have one length; got {sorted(lengths)}")
    values = [v * factor for v in line.value]
    low, high = [v * factor for v in line.low], [v * factor for v in line.high]
    areas = []
    if low:
        outline = [*zip(line.x, low, strict=True), *reversed(list(zip(line.x, high, strict=True)))]
        areas.append(Area(outline, theme.WASH))
    return [Curve(line.x, values, theme.BLUE, 1.1)], areas, [*values, *low, *high]
