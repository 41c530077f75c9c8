"""The caterpillar plot: the intervals of many studies, sorted, on the bands of the pooled value."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.figure import Figure

from meta.effects.measures import default_unit, find_measure
from meta.errors import PlotError
from meta.options import DisplayUnit, interval_names
from meta.plots import captions, theme
from meta.plots.axes import Axis, Extent, fit_axis, write_axis
from meta.plots.draw import draw_page
from meta.plots.layout import Disc, Page, Patch, Sheet, Stroke, clean_text, wrap_text
from meta.plots.legend import WIDEST_NAME, Key, write_legend
from meta.plots.panel import write_foot, write_title
from meta.plots.theme import text_width
from meta.results import Fit, Study
from meta.tables.numbers import level_text

#: Up to so many studies each has its name at the left.
MOST_NAMES = 60
#: Names in the note on studies outside the prediction interval.
MOST_AWAY = 12
#: Distance of the rows, mm: with names, and without (many studies share a page).
NAMED_PITCH = 2.9
TALLEST = 170.0
LEAST_PITCH, MOST_PITCH = 0.32, 2.2


def caterpillar_plot(
    fit: Fit,
    *,
    unit: DisplayUnit | None = None,
    title: str | None = None,
    notes: Sequence[str] = (),
    provenance: str | None = None,
    width_mm: float = 120.0,
) -> Figure:
    """Draw the studies' intervals sorted by value; hundreds of them fit on a page.

    Parameters
    ----------
    fit : Fit
        The analysis.
    unit : DisplayUnit, optional
        How values are shown; that of the measure unless given.
    title, notes, provenance : optional
        Head of the figure, further notes, and a last line that says where its numbers live.
    width_mm : float
        Width of the figure.

    Returns
    -------
    matplotlib.figure.Figure
        Up to 60 studies have their names at the left. Those whose interval lies wholly outside the prediction
        interval (the pooled interval, where there is none) are drawn in red and thicker, and named in a note.

    Raises
    ------
    PlotError
        If no study used has a value.
    """
    shown = unit or default_unit(fit.measure)
    studies = sorted(
        (s for s in fit.studies if s.used and s.value is not None), key=lambda s: (s.value, s.label)
    )
    if not studies:
        raise PlotError("a caterpillar plot needs studies with a value; none has one")
    return draw_page(_lay_out(fit, studies, shown, title, notes, provenance, width_mm))


def _lay_out(
    fit: Fit,
    studies: Sequence[Study],
    unit: DisplayUnit,
    title: str | None,
    notes: Sequence[str],
    provenance: str | None,
    width: float,
) -> Page:
    """Compute where everything stands."""
    sheet = Sheet()
    margin, top = theme.margin(width), write_title(sheet, title, width) + 1.0
    named = len(studies) <= MOST_NAMES
    pitch = NAMED_PITCH if named else min(max(TALLEST / len(studies), LEAST_PITCH), MOST_PITCH)
    names = [
        wrap_text(clean_text(s.label), WIDEST_NAME, theme.NOTE_SIZE, most=1)[0] if named else ""
        for s in studies
    ]
    left = margin + max(text_width(name, theme.NOTE_SIZE) for name in names) + (theme.GAP if named else 0.0)
    measure = find_measure(fit.measure)
    axis = fit_axis(_extent(fit, studies, unit.factor), measure.log_axis, left, width - margin, width)
    bottom = top + pitch * len(studies) + 1.0
    _draw_bands(sheet, fit, axis, unit.factor, top, bottom)
    if measure.compares and measure.null is not None and axis.holds(measure.null):
        x = axis.place(measure.null)
        sheet.shapes.append(Stroke(x, top, x, bottom, theme.GREY, 0.8, (4.0, 2.0)))
    radius = min(max(0.36 * pitch, 0.22), 0.8)
    half = theme.CAPITAL * theme.NOTE_SIZE * theme.MM_PER_POINT / 2
    away = []
    for i, (study, name) in enumerate(zip(studies, names, strict=True)):
        y = top + (i + 0.5) * pitch
        if _is_away(fit, study):
            away.append(study.label)
        line = min(0.8, 1.1 * pitch)
        color, wide = (theme.RUST, 1.4 * line) if _is_away(fit, study) else (theme.GREY, line)
        _draw_interval(sheet, study, axis, unit.factor, (y, radius), (color, wide))
        full = clean_text(study.label)
        sheet.write(name, margin, y + half, theme.NOTE_SIZE, full=full if full != name else "")
    y = write_axis(sheet, axis, bottom, clean_text(unit.axis), width)
    y = write_legend(sheet, _keys(fit), margin, width - margin, y + 1.0)
    words = [captions.model_note(fit, studies=False), _away_note(fit, away), *notes]
    height = write_foot(sheet, words, provenance, y + 2.0, width)
    spoken = (
        f"Caterpillar plot of {len(studies)} studies, sorted by value. {captions.pooled_sentence(fit, unit)} "
        f"Across: {unit.axis}. {words[1]}"
    )
    return sheet.page(width, height, clean_text(title or "Caterpillar plot"), clean_text(spoken))


def _extent(fit: Fit, studies: Sequence[Study], factor: float) -> Extent:
    measure = find_measure(fit.measure)
    natural = fit.natural
    ends = (
        ()
        if natural is None
        else (natural.low, natural.high, natural.prediction_low, natural.prediction_high)
    )
    null = [measure.null] if measure.compares and measure.null is not None else []
    return Extent(
        [
            tuple((x if x is not None else math.nan) * factor for x in (s.value, s.low, s.high))  # type: ignore[misc]
            for s in studies
        ],
        pooled=[*(x * factor for x in ends if x is not None and math.isfinite(x)), *null],
        always=[natural.value * factor] if natural is not None else [],
        floor=measure.low_end,
        ceiling=None if measure.high_end is None else factor * measure.high_end,
    )


def _region(fit: Fit) -> tuple[tuple[float, float] | None, bool]:
    """Return the prediction interval (True), or the pooled one where there is none; natural scale."""
    natural = fit.natural
    if natural is None:
        return None, False
    if natural.prediction_low is not None and natural.prediction_high is not None:
        return (natural.prediction_low, natural.prediction_high), True
    return (natural.low, natural.high), False


def _is_away(fit: Fit, study: Study) -> bool:
    region, _ = _region(fit)
    if region is None or study.low is None or study.high is None:
        return False
    return study.high < region[0] or study.low > region[1]


def _draw_bands(sheet: Sheet, fit: Fit, axis: Axis, factor: float, top: float, bottom: float) -> None:
    """Draw the prediction interval, the pooled value and its interval, behind all else."""
    natural = fit.natural
    if natural is None:
        return
    for low, high, fill in (
        (natural.prediction_low, natural.prediction_high, theme.WASH),
        (natural.low, natural.high, theme.PALE),
    ):
        if low is not None and high is not None:
            left, right = axis.place(low * factor), axis.place(high * factor)
            sheet.shapes.append(Patch(((left, top), (right, top), (right, bottom), (left, bottom)), fill))
    if axis.holds(natural.value * factor):
        x = axis.place(natural.value * factor)
        sheet.shapes.append(Stroke(x, top, x, bottom, theme.BLUE, 0.9))


def _away_note(fit: Fit, away: Sequence[str]) -> str:
    """Return who lies outside the prediction interval, by name as far as a note can hold them."""
    region, predicted = _region(fit)
    if region is None:
        return ""
    words = "prediction interval" if predicted else "interval of the pooled value"
    if not away:
        return f"No study's interval lies wholly outside the {words}."
    named = ", ".join(away[:MOST_AWAY]) + (
        f" and {len(away) - MOST_AWAY} more" if len(away) > MOST_AWAY else ""
    )
    return f"Red: wholly outside the {words}, {len(away)} of {fit.k}: {named}."


def _draw_interval(
    sheet: Sheet,
    study: Study,
    axis: Axis,
    factor: float,
    place: tuple[float, float],
    style: tuple[str, float],
) -> None:
    """Draw one interval and its value; ``place`` is its y and the radius of its point, mm."""
    (y, radius), (color, wide) = place, style
    value = float(study.value or 0.0)
    low, high = ((value if x is None else x) * factor for x in (study.low, study.high))
    sheet.shapes.append(Stroke(axis.place(low), y, axis.place(high), y, color, wide))
    if axis.holds(value * factor):
        sheet.shapes.append(
            Disc(axis.place(value * factor), y, radius, color if color != theme.GREY else theme.BLUE)
        )


def _keys(fit: Fit) -> list[Key]:
    if fit.natural is None:
        return []
    level, name = level_text(fit.spec.level), interval_names(fit.spec.model)[0]
    keys = [Key("pooled value", edge=theme.BLUE, width=0.9), Key(f"its {level} {name}", fill=theme.PALE)]
    if fit.natural.prediction_low is not None:
        keys.append(Key(f"{level} prediction interval", fill=theme.WASH))
    return keys
