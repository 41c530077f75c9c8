"""A forest plot as a panel: rows, axis and notes, and the columns for which its page has room."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from meta.appraisal import Appraisal
from meta.effects.measures import Measure, find_measure
from meta.errors import LayoutWarning, PlotError
from meta.options import AxisScale, DisplayUnit, ModelSpec
from meta.plots import theme
from meta.plots.axes import Extent
from meta.plots.forest_columns import (
    Descriptor,
    Dropped,
    Shared,
    Slot,
    choose_slots,
    count_columns,
    drop_order,
    fill_words,
    table_columns,
)
from meta.plots.forest_notes import (
    asked_notes,
    describe_forest,
    figure_notes,
    lines_beside,
    risk_legend,
)
from meta.plots.forest_order import Value, sort_studies
from meta.plots.forest_rows import all_studies, group_lines, measured_columns, overall_lines, study_lines
from meta.plots.marks import Bound, Diamond, Square, square_sides
from meta.plots.panel import WIDTH_SLACK, Line, Panel, Threshold, fit_panel, marked_extent
from meta.plots.presets import Preset
from meta.plots.table import Fitted
from meta.results import Fit, Study, Subgroups
from meta.tables.numbers import MISSING, column_decimals

#: Width of a figure unless one is asked for, mm: one that grows where the table does not fit.
USUAL_WIDTH = 185.0


@dataclass(frozen=True, slots=True)
class Forest:
    """Everything that is asked of a forest plot, checked; numbers of ``band`` in the unit of display."""

    fit: Fit
    subgroups: Subgroups | None
    overall: bool
    unit: DisplayUnit
    descriptors: Sequence[Descriptor]
    title: str | None
    notes: Sequence[str]
    threshold: Threshold | None
    provenance: str | None
    width: float | None
    headings: Mapping[str, str]
    arms: tuple[str, str]
    favours: tuple[str, str] | None
    preset: Preset
    models: Mapping[str, Fit]
    band: tuple[float, float] | None
    sort: str | Mapping[str, Value] | None
    axis: AxisScale | None
    appraisal: Appraisal | None


#: Least width of a figure that can be asked for, mm.
LEAST_WIDTH = 60.0


def axis_scale(measure: Measure, asked: AxisScale | None) -> AxisScale:
    """Return the scale of the axis: the one asked for, else that of the measure."""
    return asked or ("log" if measure.log_axis else "natural")


def check_forest(forest: Forest) -> Forest:
    """Return what is asked for, if it can be drawn.

    Raises
    ------
    PlotError
        If the measure has no such axis, a model is of another measure, or the band is none.
    """
    measure = find_measure(forest.fit.measure)
    if forest.axis is not None and forest.axis not in measure.axis_scales:
        scales = ", ".join(measure.axis_scales)
        raise PlotError(f"axis of a {measure.name} must be one of {scales}; got {forest.axis!r}")
    for name, other in forest.models.items():
        if other.measure != measure.code:
            raise PlotError(
                f"models must share the measure of the fit, {measure.code}; {name!r} is {other.measure}"
            )
    if forest.band is not None:
        low, high = forest.band
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise PlotError(f"band must be two numbers, the lower first; got {low:g}, {high:g}")
        if low <= 0 and axis_scale(measure, forest.axis) == "log":
            raise PlotError(f"band must be above 0 on a logarithmic axis; got {low:g}, {high:g}")
    if forest.width is not None and not (math.isfinite(forest.width) and forest.width >= LEAST_WIDTH):
        raise PlotError(f"width_mm must be at least {LEAST_WIDTH:g}; got {forest.width:g}")
    return forest


def build_forest(forest: Forest) -> tuple[Panel, Fitted]:
    """Lay out the columns of a forest plot: labels wrap, then columns go, with a warning.

    A page whose width was not asked for grows instead.
    """
    wanted = forest.width or USUAL_WIDTH
    for merge, dropped, stacked in _attempts(forest):
        panel = _forest_panel(forest, wanted, merge, dropped, stacked)
        fitted = fit_panel(panel)
        if fitted.page_width <= wanted + WIDTH_SLACK:
            break
    names = tuple(dict.fromkeys(name for _, name in _in_order(forest, dropped)))
    if names:
        words = f"a page of {wanted:g} mm has no room for {', '.join(repr(name) for name in names)}"
        warnings.warn(LayoutWarning(f"forest plot: {words}; left out", names), stacklevel=4)
        note = f"Not shown for want of room: {', '.join(names)}."
        panel = replace(panel, notes=[*panel.notes, note])
    if forest.width is not None and fitted.page_width > wanted + WIDTH_SLACK:
        words = f"its numbers need {fitted.page_width:.0f} mm, and the page was to be {wanted:g} mm wide"
        warnings.warn(LayoutWarning(f"forest plot: {words}"), stacklevel=4)
    return panel, fitted


def _attempts(forest: Forest) -> Iterator[tuple[bool, Dropped, bool]]:
    """Yield layouts, the fullest first: counts of an arm joined, columns left out, intervals below."""
    nothing: Dropped = frozenset()
    yield False, nothing, False
    yield True, nothing, False
    if forest.width is None:
        return
    slots, _ = _slots(forest, merge=True, dropped=nothing)
    dropped = nothing
    for names in drop_order(slots):
        dropped |= names
        yield True, dropped, False
    yield True, dropped, True


def _in_order(forest: Forest, dropped: Dropped) -> list[tuple[str, str]]:
    slots, _ = _slots(forest, merge=True, dropped=frozenset())
    return [(slot.role, slot.name) for slot in slots if (slot.role, slot.name) in dropped]


def _slots(forest: Forest, merge: bool, dropped: Dropped) -> tuple[tuple[Slot, ...], int]:
    """Return the columns that are left, and how many stand left of the plot."""
    fit = forest.fit
    studies = all_studies(fit)
    counts = count_columns(find_measure(fit.measure), studies, forest.preset, merge)
    weighted = not fit.spec.is_glmm and any(s.weight is not None for s in studies)
    return choose_slots(
        forest.preset, forest.descriptors, counts, weighted, forest.appraisal, dropped, forest.headings
    )


def _forest_panel(forest: Forest, width: float, merge: bool, dropped: Dropped, stacked: bool) -> Panel:
    """Build table, marks, axis and notes of a forest plot."""
    fit, unit, preset = forest.fit, forest.unit, forest.preset
    measure = find_measure(fit.measure)
    studies = sort_studies(all_studies(fit), forest.sort, forest.descriptors)
    slots, plot_at = _slots(forest, merge, dropped)
    sizes = [_size(fit.spec, s) for s in studies]
    sides = square_sides(sizes, preset.square_rule)
    shared = Shared(
        spec=fit.spec,
        measure=measure,
        unit=unit,
        preset=preset,
        slots=slots,
        plot_at=plot_at,
        decimals=_decimals(forest, measure),
        color=preset.squares[_square_kind(measure)],
        appraisal=forest.appraisal if any(slot.role == "appraisal" for slot in slots) else None,
        sides=dict(zip((s.label for s in studies), sides, strict=True)),
        measured=measured_columns(studies),
    )
    subgroups = forest.subgroups
    lines = study_lines(shared, studies) if subgroups is None else group_lines(shared, studies, subgroups)
    pooled_row = pooled = None
    if forest.overall:
        pooled_row = len(lines)
        lines.extend(overall_lines(shared, fit, forest.models))
        if isinstance(lines[pooled_row].mark, Diamond) and fit.natural is not None:
            pooled = fit.natural.value * unit.factor
    sized = any(size is not None for size in sizes)
    scale = axis_scale(measure, forest.axis)
    return Panel(
        columns=table_columns(shared, forest.headings, forest.arms, width < theme.NARROW, stacked),
        lines=lines,
        extent=marked_extent(lines, _extent(forest, measure, scale, lines, pooled)),
        log=scale == "log",
        words=_axis_words(forest, measure),
        title=forest.title,
        spoken_title=forest.title or "Forest plot",
        description=describe_forest(shared, fit, lines),
        notes=[
            *figure_notes(shared, fit, subgroups, forest.overall, studies, sized, lines, forest.models),
            *asked_notes(forest.threshold, forest.band, unit),
            *forest.notes,
        ],
        provenance=forest.provenance,
        width=width,
        pooled=pooled,
        pooled_row=pooled_row if pooled is not None else None,
        null=measure.null * unit.factor if measure.null is not None else None,
        threshold=forest.threshold,
        band=forest.band,
        favours=forest.favours,
        logit=scale == "logit",
        plot_at=plot_at,
        most_plot=preset.plot,
        above=[fill_words(line, unit, fit.spec) for line in preset.above],
        beside=lines_beside(shared, fit, subgroups, forest.overall),
        legend=risk_legend(shared, studies),
        table=preset.table,
        look=preset.look,
        null_rule=preset.null,
        pooled_rule=preset.pooled_line,
        favours_style=preset.favours,
    )


def _extent(
    forest: Forest, measure: Measure, scale: AxisScale, lines: Sequence[Line], pooled: float | None
) -> Extent:
    """Return what the axis has to hold."""
    squares = [line.mark for line in lines if isinstance(line.mark, Square)]
    always = _always(lines, measure, pooled)
    always += [forest.threshold.value] if forest.threshold is not None else []
    always += list(forest.band or ())
    # a ratio on its natural scale starts where a ratio can
    floor = 0.0 if measure.is_ratio and scale == "natural" else measure.low_end
    return Extent(
        studies=[(m.value, m.low, m.high) for m in squares],
        always=always,
        floor=floor,
        ceiling=None if measure.high_end is None else forest.unit.factor * measure.high_end,
    )


def _axis_words(forest: Forest, measure: Measure) -> str:
    """Return the words under the axis: of what is compared the preset's, else those of the unit."""
    template = forest.preset.axis
    if not template or not measure.compares or (template == MISSING and forest.favours is None):
        return forest.unit.axis
    return "" if template == MISSING else fill_words(template, forest.unit, forest.fit.spec)


def _square_kind(measure: Measure) -> str:
    """Return what decides the colour of a square in layouts that have several."""
    if measure.counts_events:
        return "events"
    return "means" if any(name.startswith("mean") for name in measure.columns) else "other"


def _always(lines: Sequence[Line], measure: Measure, pooled: float | None) -> list[float]:
    """Return what the axis must hold.

    Pooled values, one-sided bounds, and the null value of ratios and differences.
    """
    values = [line.mark.value for line in lines if isinstance(line.mark, Diamond)]
    for line in lines:
        if isinstance(line.mark, Bound):
            values.extend([line.mark.low, line.mark.high])
    if pooled is not None:
        values.append(pooled)
    if measure.compares and measure.null is not None:
        values.append(measure.null)
    return values


def _size(spec: ModelSpec, study: Study) -> float | None:
    """Return what a square's area stands for: weight, or under a GLMM people or person-time."""
    if not study.used:
        return None
    if not spec.is_glmm:
        return study.weight
    for names in (("time",), ("n",), ("time1", "time2"), ("n1", "n2")):
        sizes = [study.counts.get(name) for name in names]
        known = [size for size in sizes if size is not None]
        if len(known) == len(sizes):
            return sum(known)
    return None


def _decimals(forest: Forest, measure: Measure) -> int:
    """Return the decimals of the estimate column, which all its rows share."""
    fit, factor = forest.fit, forest.unit.factor
    groups = forest.subgroups.fits if forest.subgroups is not None else ()
    fits = [fit, *groups, *forest.models.values()]
    rows: list[tuple[float | None, ...]] = [(s.value, s.low, s.high) for s in fit.studies if s.used]
    rows.extend((f.natural.value, f.natural.low, f.natural.high) for f in fits if f.natural is not None)
    # a value of 0 has no size, and its upper bound is the number that has to be read
    rows = [(row[2], row[1], row[2]) if row[0] == 0.0 else row for row in rows]
    shown = [tuple(None if x is None else x * factor for x in row) for row in rows]
    return column_decimals(shown, least=2 if measure.is_ratio else 0)
