"""The forest plot: every study of a fit beside its numbers, the pooled value as a diamond, prediction as a bar."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from matplotlib.figure import Figure

from meta.effects.measures import Measure, default_unit, find_measure
from meta.options import DisplayUnit, ModelSpec
from meta.plots import captions, theme
from meta.plots.axes import Extent
from meta.plots.draw import draw_page
from meta.plots.layout import Align, Cell, Column, Page, Row, Sheet, Stroke, clean_text, wrap_text
from meta.plots.marks import Bar, Bound, Diamond, Mark, Square, square_sides
from meta.plots.panel import (
    Line,
    Panel,
    Threshold,
    lay_out_panel,
    marked_extent,
    threshold_note,
    write_foot,
    write_title,
)
from meta.results import Excluded, Fit, Study, Subgroups
from meta.tables.numbers import (
    MISSING,
    column_decimals,
    count_text,
    interval_text,
    level_text,
    percent_text,
)

#: Heads of the count columns, unless the caller names them.
COUNT_HEADINGS: Mapping[str, str] = {
    "events": "Events", "n": "People", "time": "Person-time", "mean": "Mean", "sd": "SD", "r": "r",
}
#: Counts that are summed in the overall row.
_SUMMED = ("events", "n", "time")
#: Space before a subgroup and before the overall row, mm.
_BLOCK_GAP = 2.6
_OVERALL_GAP = 1.2


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A column of words about the studies.

    Attributes
    ----------
    heading : str
        Head of the column.
    values : mapping of str to (str or None)
        Text by study label; None, empty or absent shows an en dash.
    align : {"left", "right", "center"}
        Numbers to the right, words to the left.
    marked : collection of str
        Labels whose cell carries ``sign``.
    sign, words : str
        The mark and what a footnote says it means.
    """

    heading: str
    values: Mapping[str, str | None]
    align: Align = "left"
    marked: frozenset[str] = frozenset()
    sign: str = "†"
    words: str = ""


@dataclass(frozen=True, slots=True)
class _Forest:
    """What the rows of one forest plot have in common."""

    spec: ModelSpec
    measure: Measure
    unit: DisplayUnit
    descriptors: Sequence[Descriptor]
    counts: tuple[str, ...]
    weighted: bool
    decimals: int
    sides: Mapping[str, float] = field(default_factory=dict)

    @property
    def middle(self) -> int:
        """Number of columns between study and weight."""
        return len(self.descriptors) + len(self.counts)


def forest_plot(
    fit: Fit | None,
    *,
    subgroups: Subgroups | None = None,
    overall: bool = True,
    unit: DisplayUnit | None = None,
    descriptors: Sequence[Descriptor] = (),
    title: str | None = None,
    notes: Sequence[str] = (),
    threshold: Threshold | None = None,
    provenance: str | None = None,
    width_mm: float = 185.0,
    headings: Mapping[str, str] | None = None,
    arms: tuple[str, str] = ("Treatment", "Control"),
    favours: tuple[str, str] | None = None,
    reason: str | None = None,
) -> Figure:
    """Draw the studies of a fit with their intervals, the pooled value and the prediction interval.

    Every coordinate is a number of the results; nothing is estimated here. Rows that the model cannot use stay, with the reason.

    Parameters
    ----------
    fit : Fit or None
        The analysis; None where it could not be fitted at all, which is shown with ``reason``.
    subgroups : Subgroups, optional
        Draw the studies in blocks, each with its own pooled value, and the test between them.
    overall : bool
        Whether the pooled value of all studies is shown.
    unit : DisplayUnit, optional
        How numbers are shown; that of the measure unless given.
    descriptors : sequence of Descriptor
        Further columns.
    title, notes, provenance : optional
        Head of the figure, further notes, and a last line that says where its numbers live.
    threshold : Threshold, optional
        A value fixed in advance, in the unit of display.
    width_mm : float
        Width of the figure; it grows where a table does not fit even with its words wrapped.
    headings : mapping, optional
        Heads of count columns by name (``{"events": "Resistant", "time": "Person-years"}``).
    arms : (str, str)
        Names of the two arms, the treatment first.
    favours : (str, str), optional
        What lies left and right of the null value.
    reason : str, optional
        Why there is no fit.

    Returns
    -------
    matplotlib.figure.Figure
    """
    if fit is None:
        return draw_page(_empty_page(title, reason or "not estimable", notes, provenance, width_mm))
    panel = _forest_panel(
        fit, subgroups, overall, unit or default_unit(fit.measure), descriptors, headings or {}, arms
    )
    measure = find_measure(fit.measure)
    shown = replace(
        panel,
        title=title,
        spoken_title=title or "Forest plot",
        notes=[
            *panel.notes,
            *([threshold_note(threshold, captions.unit_words(unit or default_unit(fit.measure)))] if threshold else []),
            *notes,
        ],
        provenance=provenance,
        width=width_mm,
        threshold=threshold,
        favours=favours if measure.null is not None else None,
        extent=replace(panel.extent, always=(*panel.extent.always, *([threshold.value] if threshold else []))),
    )
    return draw_page(lay_out_panel(shown))


def _forest_panel(
    fit: Fit,
    subgroups: Subgroups | None,
    overall: bool,
    unit: DisplayUnit,
    descriptors: Sequence[Descriptor],
    headings: Mapping[str, str],
    arms: tuple[str, str],
) -> Panel:
    """Build table, marks, axis and notes of a forest plot, without what the caller adds around it."""
    measure = find_measure(fit.measure)
    studies = _all_studies(fit)
    counts = _count_names(measure, studies)
    weighted = not fit.spec.is_glmm and any(s.weight is not None for s in studies)
    sizes = [_size(fit.spec, s) for s in studies]
    shared = _Forest(
        spec=fit.spec, measure=measure, unit=unit, descriptors=descriptors, counts=counts, weighted=weighted,
        decimals=_decimals(fit, subgroups, unit, measure),
        sides=dict(zip((s.label for s in studies), square_sides(sizes), strict=True)),
    )
    lines = _study_lines(shared, studies) if subgroups is None else _group_lines(shared, studies, subgroups)
    pooled_row = None
    pooled = None
    if overall:
        pooled_row = len(lines)
        lines.extend(_overall_lines(shared, fit))
        if isinstance(lines[pooled_row].mark, Diamond) and fit.natural is not None:
            pooled = fit.natural.value * unit.factor
    null = measure.null
    squares = [line.mark for line in lines if isinstance(line.mark, Square)]
    extent = Extent(
        studies=[(m.value, m.low, m.high) for m in squares],
        always=_always(lines, measure, pooled),
        floor=0.0 if measure.kind in ("proportion", "rate") else None,
        ceiling=unit.factor if measure.kind == "proportion" else None,
    )
    return Panel(
        columns=_columns(shared, headings, arms), lines=lines, extent=marked_extent(lines, extent),
        log=measure.log_axis, words=unit.axis, title=None, spoken_title="", description=_description(fit, unit, lines),
        notes=_notes(shared, fit, subgroups, overall, studies, any(s is not None for s in sizes)),
        provenance=None, width=0.0,
        pooled=pooled, pooled_row=pooled_row if pooled is not None else None,
        null=null * unit.factor if null is not None else None,
    )


def _always(lines: Sequence[Line], measure: Measure, pooled: float | None) -> list[float]:
    """Return what the axis must hold: pooled values, one-sided bounds, and the null value of ratios and differences."""
    values = [line.mark.value for line in lines if isinstance(line.mark, Diamond)]
    for line in lines:
        if isinstance(line.mark, Bound):
            values.extend([line.mark.low, line.mark.high])
    if pooled is not None:
        values.append(pooled)
    if measure.kind in ("ratio", "difference") and measure.null is not None:
        values.append(measure.null)
    return values


def _all_studies(fit: Fit) -> list[Study]:
    """Return the studies of a fit, and whatever it lists as excluded only."""
    known = {s.label for s in fit.studies}
    return [*fit.studies, *(_excluded_study(e) for e in fit.excluded if e.label not in known)]


def _excluded_study(excluded: Excluded) -> Study:
    return Study(
        excluded.label, {}, None, None, None, None, None, None, used=False, reason=excluded.reason, rows=excluded.rows
    )


def _count_names(measure: Measure, studies: Sequence[Study]) -> tuple[str, ...]:
    """Return the count columns there are, in the order of the measure, others behind."""
    there = {name: None for s in studies for name in s.counts}
    return (*(c for c in measure.columns if c in there), *(c for c in there if c not in measure.columns))


def _size(spec: ModelSpec, study: Study) -> float | None:
    """Return what a square's area stands for: weight, or under a GLMM people or person-time."""
    if not study.used:
        return None
    if not spec.is_glmm:
        return study.weight
    return study.counts.get("time") if study.counts.get("time") is not None else study.counts.get("n")


def _decimals(fit: Fit, subgroups: Subgroups | None, unit: DisplayUnit, measure: Measure) -> int:
    """Return the decimals of the estimate column, which all its rows share."""
    fits = [fit, *(subgroups.fits if subgroups is not None else ())]
    rows: list[tuple[float | None, ...]] = [(s.value, s.low, s.high) for s in fit.studies if s.used]
    rows.extend((f.natural.value, f.natural.low, f.natural.high) for f in fits if f.natural is not None)
    # a value of 0 has no size, and its upper bound is the number that has to be read
    rows = [(row[2], row[1], row[2]) if row[0] == 0.0 else row for row in rows]
    shown = [tuple(None if x is None else x * unit.factor for x in row) for row in rows]
    return column_decimals(shown, least=2 if measure.kind == "ratio" else 0)


def _columns(shared: _Forest, headings: Mapping[str, str], arms: tuple[str, str]) -> list[Column]:
    """Return the columns from study to estimate."""
    columns = [Column("Study", wraps=True, least=30.0)]
    columns.extend(Column(d.heading, d.align, wraps=True, least=13.0) for d in shared.descriptors)
    for name in shared.counts:
        base, arm = (name[:-1], int(name[-1])) if name[-1:] in ("1", "2") else (name, 0)
        words = headings.get(name, headings.get(base, COUNT_HEADINGS.get(base, name)))
        columns.append(Column(words, "right", arm=arms[arm - 1] if arm else ""))
    if shared.weighted:
        columns.append(Column("Weight", "right"))
    level = level_text(shared.spec.level)
    columns.append(Column(f"{shared.unit.heading} [{level} CI]", "right"))
    return columns


def _study_lines(shared: _Forest, studies: Sequence[Study], indent: bool = False) -> list[Line]:
    return [_study_line(shared, s, indent) for s in studies]


def _study_line(shared: _Forest, study: Study, indent: bool) -> Line:
    """Return the row of one study and its square; of one that is not used, the reason in the place of the estimate."""
    color = theme.INK if study.used else theme.GREY
    cells = [Cell(study.label, color=color, indent=2.2 if indent else 0.0)]
    for d in shared.descriptors:
        text = d.values.get(study.label) or MISSING
        sign = d.sign if study.label in d.marked else ""
        cells.append(Cell(text + sign, color=theme.GREY))
    cells.extend(Cell(count_text(study.counts.get(name)), color=color) for name in shared.counts)
    factor = shared.unit.factor
    value, low, high = (None if x is None else x * factor for x in (study.value, study.low, study.high))
    if not study.used or value is None:
        words = study.reason or "not estimable"
        cells.append(Cell(words, "italic", theme.GREY, theme.NOTE_SIZE, "right", 2 if shared.weighted else 1, flows=True))
        return Line(Row(tuple(cells)))
    if shared.weighted:
        cells.append(Cell(percent_text(study.weight, 1)))
    cells.append(Cell(interval_text(value, low, high, shared.decimals)))
    mark = Square(value, _or_nan(low), _or_nan(high), shared.sides[study.label])
    return Line(Row(tuple(cells)), mark)


def _or_nan(x: float | None) -> float:
    return math.nan if x is None else x


def _group_lines(shared: _Forest, studies: Sequence[Study], subgroups: Subgroups) -> list[Line]:
    """Return a block a subgroup: header, studies, pooled value; studies without a group come last."""
    lines: list[Line] = []
    by_label = {s.label: s for s in studies}
    placed: set[str] = set()
    for level, fit in zip(subgroups.levels, subgroups.fits, strict=True):
        # the square of a study is as large as in the overall fit, so its row comes from there
        inside = [by_label.get(s.label, s) for s in _all_studies(fit)]
        placed.update(s.label for s in inside)
        lines.append(_header_line(shared, level, first=not lines))
        lines.extend(_study_lines(shared, inside, indent=True))
        if fit.k != 1:
            lines.extend(_group_summary(shared, fit))
    rest = [s for s in studies if s.label not in placed]
    if rest:
        lines.append(_header_line(shared, "Not in a subgroup", first=not lines))
        lines.extend(_study_lines(shared, rest, indent=True))
    return lines


def _header_line(shared: _Forest, text: str, first: bool) -> Line:
    span = 1 + shared.middle + (1 if shared.weighted else 0) + 1
    return Line(Row((Cell(text, "bold", span=span),), before=0.0 if first else _BLOCK_GAP))


def _group_summary(shared: _Forest, fit: Fit) -> list[Line]:
    """Return the pooled row of a subgroup, with its heterogeneity beside the name, or below it where there is no column."""
    words = captions.heterogeneity_text(fit)
    between = shared.middle + (1 if shared.weighted else 0)
    cells = [Cell(f"Subgroup (k = {fit.k})", "italic", indent=2.2)]
    beside = between >= 2
    if beside:
        cells.append(Cell(words, color=theme.GREY, size=theme.NOTE_SIZE, align="right", span=between, flows=True))
    elif between:
        cells.append(Cell(span=between))
    text, mark = _pooled(shared, fit, filled=False)
    cells.append(Cell(text, "italic", flows=mark is None))
    lines = [Line(Row(tuple(cells)), mark)]
    if words and not beside:
        cell = Cell(words, color=theme.GREY, size=theme.NOTE_SIZE, span=between + 2, indent=2.2)
        lines.append(Line(Row((cell,), before=-1.2)))
    return lines


def _pooled(shared: _Forest, fit: Fit, filled: bool) -> tuple[str, Mark | None]:
    """Return the text and the mark of a pooled value; a single study and a one-sided bound are no diamonds."""
    natural, factor = fit.natural, shared.unit.factor
    if natural is None:
        return captions.no_value_words(fit), None
    value, low, high = (x * factor for x in (natural.value, natural.low, natural.high))
    text = interval_text(value, low, high, shared.decimals)
    if fit.status == "one_sided":
        return text, Bound(low, high, upper=value == low)
    return text, Diamond(value, low, high, filled) if fit.status != "single_study" else None


def _overall_lines(shared: _Forest, fit: Fit) -> list[Line]:
    """Return the overall row with its totals, and the row of the prediction interval."""
    before = 1 + len(shared.descriptors)
    cells = [Cell(captions.overall_label(fit), "bold", span=before, flows=True)]
    for name in shared.counts:
        summed = name.rstrip("12") in _SUMMED and name in fit.totals
        cells.append(Cell(count_text(fit.totals[name]) if summed else "", "bold"))
    text, mark = _pooled(shared, fit, filled=True)
    if shared.weighted:
        cells.append(Cell(percent_text(100.0, 1) if mark is not None else "", "bold"))
    if fit.natural is not None:
        cells.append(Cell(text, "bold"))
    else:
        cells.append(Cell(text, "italic", theme.GREY, theme.NOTE_SIZE, flows=True))
    lines = [Line(Row(tuple(cells), before=_OVERALL_GAP, rule=True), mark)]
    natural = fit.natural
    if natural is not None and natural.prediction_low is not None and natural.prediction_high is not None:
        low, high = (x * shared.unit.factor for x in (natural.prediction_low, natural.prediction_high))
        words = f"{level_text(shared.spec.level)} prediction interval for a new setting"
        span = 1 + shared.middle + (1 if shared.weighted else 0)
        row = Row((Cell(words, span=span, flows=True), Cell(captions.prediction_text(low, high, shared.decimals))))
        lines.append(Line(row, Bar(low, high)))
    return lines


def _notes(
    shared: _Forest, fit: Fit, subgroups: Subgroups | None, overall: bool, studies: Sequence[Study], sized: bool
) -> list[str]:
    """Return the notes that follow from the results: heterogeneity, model, population mean, marks."""
    first = " ".join(
        part for part in (
            captions.heterogeneity_note(fit) if overall else "",
            captions.between_note(subgroups) if subgroups is not None else "",
        ) if part
    )
    grows = "weight"
    if shared.spec.is_glmm:
        grows = "person-time" if "time" in shared.counts else "people"
    signs = dict.fromkeys(f"{d.sign} {d.words}" for d in shared.descriptors if d.words and d.marked & {s.label for s in studies})
    missing = any(not d.values.get(s.label) for d in shared.descriptors for s in studies)
    marks = [*signs, *([f"{MISSING} not reported"] if missing else [])]
    second = " ".join(
        part for part in (
            captions.population_note(fit, shared.unit) if overall else "",
            f"{'; '.join(marks)}." if marks else "",
        ) if part
    )
    return [first, captions.moderator_note(fit), captions.model_note(fit, grows if sized else ""), second]


def _description(fit: Fit, unit: DisplayUnit, lines: Sequence[Line]) -> str:
    """Return what the figure shows, in words and row by row, for readers who cannot see it."""
    rows = "; ".join(captions.spoken_row([cell.text for cell in line.row.cells]) for line in lines)
    return f"Forest plot of {fit.k} studies. {captions.pooled_sentence(fit, unit)} Axis: {unit.axis}. Rows: {rows}."


def _empty_page(
    title: str | None, reason: str, notes: Sequence[str], provenance: str | None, width: float
) -> Page:
    """Lay out the page of an analysis without any fit: what could not be done, and why."""
    sheet = Sheet()
    y = write_title(sheet, title, width)
    sheet.shapes.append(Stroke(theme.MARGIN, y, width - theme.MARGIN, y, width=0.9))
    words = clean_text(f"Not estimable: {reason}.")
    for line in wrap_text(words, width - 2 * theme.MARGIN):
        y += theme.ROW
        sheet.write(line, theme.MARGIN, y)
    height = write_foot(sheet, notes, provenance, y + 3.0, width)
    return sheet.page(width, height, clean_text(title or "Forest plot"), words)
