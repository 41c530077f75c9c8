"""The orchard plot: every effect as a translucent circle, the mean with its intervals on top, by subgroup."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from meta.effects.measures import default_unit, find_measure
from meta.errors import PlotError
from meta.options import DisplayUnit, interval_names
from meta.plots import captions, theme
from meta.plots.axes import Axis, Extent, fit_axis, write_axis
from meta.plots.draw import draw_page
from meta.plots.layout import Disc, Page, Patch, Sheet, Stroke, clean_text, wrap_text
from meta.plots.legend import Key, write_legend
from meta.plots.marks import ARROW
from meta.plots.panel import write_foot, write_title
from meta.plots.theme import text_width
from meta.results import Fit, Study, Subgroups
from meta.tables.numbers import column_decimals, count_text, interval_text, level_text, significant_text

#: Height of a group's row, mm: of a few effects, and of many.
LEAST_HEIGHT, MOST_HEIGHT = 13.0, 30.0
#: Radii of the circles of the least and the most precise effect, mm; smaller where there are many.
LEAST_RADIUS, MOST_RADIUS = 0.45, 2.3
#: Widest name of a group, mm.
WIDEST_NAME = 40.0
#: How much of what is behind a circle shines through.
OPACITY = 0.45
#: Bins over the axis by which circles spread: more where there are more.
BINS = 40


@dataclass(frozen=True, slots=True)
class _Row:
    """One group: its name, its fit, and its effects with their standard errors."""

    name: str
    fit: Fit
    effects: tuple[tuple[float, float], ...]


def orchard_plot(
    fit: Fit,
    subgroups: Subgroups | None = None,
    *,
    overall: bool = True,
    unit: DisplayUnit | None = None,
    title: str | None = None,
    notes: Sequence[str] = (),
    provenance: str | None = None,
    width_mm: float = 150.0,
) -> Figure:
    """Draw all effects as circles that grow with precision, and on them the mean and its two intervals.

    Parameters
    ----------
    fit : Fit
        The analysis of all studies.
    subgroups : Subgroups, optional
        Groups, each a row of its own.
    overall : bool
        Whether all studies are a row below the groups.
    unit : DisplayUnit, optional
        How values are shown; that of the measure unless given.
    title, notes, provenance : optional
        Head of the figure, further notes, and a last line that says where its numbers live.
    width_mm : float
        Width of the figure.

    Returns
    -------
    matplotlib.figure.Figure
        The large point is the mean (trunk), the thick line its interval (branch), the thin line the
        prediction interval (twig), by the method of the fit.

    Raises
    ------
    PlotError
        If no study has a value and a standard error, or the subgroups are of another measure.

    References
    ----------
    Nakagawa et al. (2021), Research Synthesis Methods 12, 4-12.
    """
    shown = unit or default_unit(fit.measure)
    rows = _rows(fit, subgroups, overall)
    sheet = Sheet()
    top = write_title(sheet, title, width_mm) + 1.0
    return draw_page(_lay_out(sheet, rows, fit, subgroups, shown, title, (notes, provenance), top, width_mm))


def _rows(fit: Fit, subgroups: Subgroups | None, overall: bool) -> list[_Row]:
    rows = []
    if subgroups is not None:
        for level, group in zip(subgroups.levels, subgroups.fits, strict=True):
            if group.measure != fit.measure:
                raise PlotError(f"the subgroups are {group.measure}, the fit is {fit.measure}")
            rows.append(_Row(str(level), group, _effects(group)))
    if overall or not rows:
        rows.append(_Row("All studies", fit, _effects(fit)))
    if not any(row.effects for row in rows):
        raise PlotError("an orchard plot needs studies with a value and a standard error; none has both")
    return rows


def _effects(fit: Fit) -> tuple[tuple[float, float], ...]:
    """Return natural value and standard error (analysis scale) of each study used."""

    def has(study: Study) -> bool:
        return study.used and study.value is not None and study.v is not None and study.v > 0.0

    return tuple((float(s.value or 0.0), math.sqrt(s.v or 0.0)) for s in fit.studies if has(s))


def _lay_out(
    sheet: Sheet,
    rows: Sequence[_Row],
    fit: Fit,
    subgroups: Subgroups | None,
    unit: DisplayUnit,
    title: str | None,
    foot: tuple[Sequence[str], str | None],
    top: float,
    width: float,
) -> Page:
    """Compute where everything stands."""
    margin, f = theme.margin(width), unit.factor
    names = [wrap_text(clean_text(row.name), WIDEST_NAME, most=3) for row in rows]
    texts = [_row_text(row, unit) for row in rows]
    left = margin + max(text_width(line) for lines in names for line in lines) + theme.GAP
    right = width - margin - max(text_width(text) for pair in texts for text in pair) - theme.GAP
    measure = find_measure(fit.measure)
    axis = fit_axis(_extent(rows, fit, f), measure.log_axis, left, right, width)
    radii = _radii(rows)
    heights = [min(max(LEAST_HEIGHT, 1.2 * math.sqrt(len(row.effects)) * 1.4), MOST_HEIGHT) for row in rows]
    bottom = top + sum(heights) + 1.0
    if measure.compares and measure.null is not None and axis.holds(measure.null):
        x = axis.place(measure.null)
        sheet.shapes.append(Stroke(x, top, x, bottom, theme.RULE, 0.8))
    y, beyond = top, 0
    for row, height, lines, pair in zip(rows, heights, names, texts, strict=True):
        middle = y + height / 2
        beyond += _draw_circles(sheet, row, axis, f, radii, (middle, height / 2 - 1.6))
        _draw_trunk(sheet, row.fit, axis, f, middle)
        _write_lines(sheet, lines, margin, middle, "regular" if row.fit is not fit else "bold")
        _write_lines(sheet, pair, right + theme.GAP, middle, "regular")
        y += height
    y = write_axis(sheet, axis, bottom, clean_text(unit.axis), width)
    y = write_legend(sheet, _keys(fit), margin, width - margin, y + 1.0)
    notes, provenance = foot
    listed = "; ".join(f"{row.name}: {', '.join(pair)}" for row, pair in zip(rows, texts, strict=True))
    spoken = f"Orchard plot of single effects with mean and intervals. Across: {unit.axis}. {listed}."
    words = [
        _size_note(rows),
        captions.between_note(subgroups) if subgroups is not None else "",
        captions.model_note(fit, studies=False),
        f"In no group: {', '.join(subgroups.unlabelled)}."
        if subgroups is not None and subgroups.unlabelled
        else "",
        f"Beyond the axis, not drawn: {beyond}." if beyond else "",
        *notes,
    ]
    height = write_foot(sheet, words, provenance, y + 2.0, width)
    return sheet.page(width, height, clean_text(title or "Orchard plot"), clean_text(spoken))


def _row_text(row: _Row, unit: DisplayUnit) -> list[str]:
    """Return what stands at the right of a row: k (and studies where rows are clustered), and the mean."""
    clusters = "" if row.fit.clusters is None else f" ({row.fit.clusters})"
    natural = row.fit.natural
    if natural is None:
        return [f"k = {count_text(row.fit.k)}{clusters}", captions.no_value_words(row.fit)]
    value, low, high = (x * unit.factor for x in (natural.value, natural.low, natural.high))
    return [
        f"k = {count_text(row.fit.k)}{clusters}",
        interval_text(value, low, high, column_decimals([(value, low, high)])),
    ]


def _extent(rows: Sequence[_Row], fit: Fit, factor: float) -> Extent:
    measure = find_measure(fit.measure)
    pooled, always = [], []
    for row in rows:
        natural = row.fit.natural
        if natural is not None:
            always.append(natural.value * factor)
            ends = (natural.low, natural.high, natural.prediction_low, natural.prediction_high)
            pooled += [x * factor for x in ends if x is not None and math.isfinite(x)]
    if measure.compares and measure.null is not None:
        pooled.append(measure.null)
    values = [v * factor for row in rows for v, _ in row.effects]
    return Extent(
        [(v, v, v) for v in values],
        pooled=pooled,
        always=always,
        floor=measure.low_end,
        ceiling=None if measure.high_end is None else factor * measure.high_end,
    )


def _radii(rows: Sequence[_Row]) -> dict[float, float]:
    """Return the radius of each standard error, mm: area by precision, smaller where there are many."""
    errors = {se for row in rows for _, se in row.effects}
    most = max(len(row.effects) for row in rows)
    top = max(MOST_RADIUS * min(1.0, math.sqrt(60.0 / max(most, 1))), 2.0 * LEAST_RADIUS)
    finest = min(errors)
    return {se: max(top * math.sqrt(finest / se), LEAST_RADIUS) for se in errors}


def _draw_circles(
    sheet: Sheet,
    row: _Row,
    axis: Axis,
    factor: float,
    radii: dict[float, float],
    place: tuple[float, float],
) -> int:
    """Draw the effects of a row, spread upright where they are many; return how many lie beyond the axis."""
    middle, room = place
    held = sorted((axis.place(v * factor), se) for v, se in row.effects if axis.holds(v * factor))
    counts = [0] * (BINS + 1)
    bins = [int((x - axis.start) / (axis.end - axis.start) * BINS) for x, _ in held]
    for b in bins:
        counts[b] += 1
    most = max(counts, default=1) or 1
    for order, ((x, se), b) in enumerate(zip(held, bins, strict=True)):
        # neighbours along the axis get far-apart places: the bits of their order, mirrored
        spread = (_mirror(order) - 0.5) * 2.0 * room
        share = math.sqrt(counts[b] / most) if counts[b] > 1 else 0.0
        radius = radii[se]
        limit = max(room - radius + 1.2, 0.0) / max(room, 1e-9)
        y = middle + spread * share * limit
        sheet.shapes.append(Disc(x, y, radius, theme.BLUE, theme.PAPER, 0.3, OPACITY))
    return len(row.effects) - len(held)


def _mirror(order: int) -> float:
    """Return the van der Corput number of an order: the bits after the point, mirrored."""
    share, unit = 0.0, 0.5
    while order:
        share += unit * (order & 1)
        order >>= 1
        unit /= 2
    return share


def _draw_trunk(sheet: Sheet, fit: Fit, axis: Axis, factor: float, y: float) -> None:
    """Draw twig, branch and trunk, on a white edge so that they stand out from the circles."""
    natural = fit.natural
    if natural is None:
        return
    for low, high, width in (
        (natural.prediction_low, natural.prediction_high, 1.0),
        (natural.low, natural.high, 3.2),
    ):
        if low is None or high is None:
            continue
        left, right = axis.place(low * factor), axis.place(high * factor)
        sheet.shapes.append(Stroke(left, y, right, y, theme.PAPER, width + 1.2))
        color = theme.RUST if width < 2.0 else theme.INK
        sheet.shapes.append(Stroke(left, y, right, y, color, width))
        # an interval that the axis cuts ends in an arrow head beyond it
        heads = [(axis.start, -1.0)] if not axis.holds(low * factor) else []
        heads += [(axis.end, 1.0)] if not axis.holds(high * factor) else []
        for end, side in heads:
            tip = end + side * ARROW
            sheet.shapes.append(Patch(((tip, y), (end, y - ARROW / 2), (end, y + ARROW / 2)), color))
    if axis.holds(natural.value * factor):
        sheet.shapes.append(Disc(axis.place(natural.value * factor), y, 1.5, theme.PAPER, theme.INK, 1.2))


def _write_lines(sheet: Sheet, lines: Sequence[str], x: float, middle: float, face: theme.Face) -> None:
    """Write lines below one another, together centred at ``middle``."""
    half = theme.CAPITAL * theme.TEXT_SIZE * theme.MM_PER_POINT / 2
    first = middle - (len(lines) - 1) * theme.LINE_PITCH / 2
    for i, line in enumerate(lines):
        sheet.write(line, x, first + i * theme.LINE_PITCH + half, face=face)


def _keys(fit: Fit) -> list[Key]:
    level, name = level_text(fit.spec.level), interval_names(fit.spec.model)[0]
    return [
        Key("one effect", fill=theme.PALE, edge=theme.PAPER, point=True),
        Key("mean", fill=theme.PAPER, edge=theme.INK, point=True),
        Key(f"its {level} {name}", edge=theme.INK, width=3.2),
        Key(f"{level} prediction interval", edge=theme.RUST, width=1.0),
    ]


def _size_note(rows: Sequence[_Row]) -> str:
    errors = [se for row in rows for _, se in row.effects]
    low, high = (significant_text(1.0 / se, 2) for se in (max(errors), min(errors)))
    return f"Circles: area by precision, 1 / standard error, {low} to {high}."
