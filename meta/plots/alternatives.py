"""Forest of alternatives: the main estimate, and what other choices would have found."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from meta.alternatives import AlternativeAnswer, Alternatives
from meta.effects.measures import default_unit, find_measure
from meta.options import DisplayUnit
from meta.plots import captions, theme
from meta.plots.axes import Extent
from meta.plots.draw import draw_page
from meta.plots.marks import Diamond, Mark, Square
from meta.plots.panel import Line, Panel, Threshold, lay_out_panel, threshold_note
from meta.plots.table import Cell, Column, Row
from meta.results import Fit, Natural
from meta.tables.numbers import (
    column_decimals,
    count_text,
    decimals_for,
    factor_text,
    interval_text,
    level_text,
    signed_text,
)

#: Side of the mark of an alternative, mm: all alike, since none weighs more than another.
_SIDE = 1.7

#: Decimals of a ratio at the least.
_RATIO_DECIMALS = 2


def alternatives_plot(
    alternatives: Alternatives,
    fit: Fit,
    *,
    unit: DisplayUnit | None = None,
    title: str | None = None,
    threshold: Threshold | None = None,
    favours: tuple[str, str] | None = None,
    notes: Sequence[str] = (),
    provenance: str | None = None,
    width_mm: float = 185.0,
) -> Figure:
    """Draw the main estimate and below it what each declared alternative finds.

    Parameters
    ----------
    alternatives : Alternatives
        From :func:`meta.alternatives.answer_alternatives`. One without an estimate keeps its row, with the
        reason; one that estimates another quantity is written and not drawn.
    fit : Fit
        The main fit, which they were set beside.
    unit : DisplayUnit, optional
        How numbers are shown; that of the measure unless given.
    title, notes, provenance : optional
        Head of the figure, further notes, and a last line that says where its numbers live.
    threshold : Threshold, optional
        A declared value, drawn as a dashed line.
    favours : (left, right), optional
        What lies to either side of no difference.
    width_mm : float
        Width of the figure.

    Returns
    -------
    matplotlib.figure.Figure
    """
    shown = unit or default_unit(fit.measure)
    measure = find_measure(fit.measure)
    decimals = _decimals(alternatives, fit, shown, _RATIO_DECIMALS if measure.is_ratio else 0)
    signs = _signs(alternatives)
    rows = [_line(alternatives, row, shown, decimals, signs) for row in alternatives.rows]
    lines = [_main_line(fit, shown, decimals), *_ruled(rows)]
    squares = [line.mark for line in rows if isinstance(line.mark, Square)]
    main = None if fit.status == "one_sided" else _scaled(fit.natural, shown)
    level = level_text(fit.spec.level)
    panel = Panel(
        columns=[
            Column("Choice", wraps=True, least=30.0),
            Column("k", "right"),
            Column(f"{shown.heading} [{level} CI]", "right"),
            Column("Moves by", "right"),
        ],
        lines=lines,
        extent=_extent(main, squares, threshold),
        log=measure.log_axis,
        words=shown.axis,
        title=title,
        spoken_title=title or "Forest of alternatives",
        description=_description(alternatives, fit, shown, lines),
        notes=[
            *_sign_notes(signs),
            _main_note(fit),
            _bayes_note(alternatives, fit),
            "Each row: the main analysis with only what its name says changed. "
            "Band and dotted line: the main result and its interval.",
            *([threshold_note(threshold, captions.unit_words(shown))] if threshold else []),
            *notes,
        ],
        provenance=provenance,
        width=width_mm,
        pooled=main[0] if main is not None else None,
        null=measure.null,
        threshold=threshold,
        band=main[1:] if main is not None else None,
        favours=favours,
    )
    return draw_page(lay_out_panel(panel))


def _extent(
    main: tuple[float, float, float] | None, squares: Sequence[Square], threshold: Threshold | None
) -> Extent:
    """Return what the axis holds: the main interval and every estimate, and other intervals that lie near.

    An alternative of two studies may have an interval over many decades, which gets an arrow.
    """
    always = [*(main or ()), *(mark.value for mark in squares), *([threshold.value] if threshold else [])]
    return Extent((), pooled=[end for mark in squares for end in (mark.low, mark.high)], always=always)


def _bayes_note(alternatives: Alternatives, fit: Fit) -> str:
    """Say whose interval is a credible one."""
    named = ["the main analysis"] if fit.spec.model == "bayes" else []
    named += [f"“{row.label}”" for row in alternatives.rows if row.spec.model == "bayes"]
    return f"Credible intervals: {', '.join(named)}." if named else ""


#: First words of models that keep their capital within a sentence.
_NAMES = ("Bayesian", "Poisson", "Mantel", "Peto")


def _main_note(fit: Fit) -> str:
    """Return the line on model and interval of the main analysis."""
    note = captions.model_note(fit, studies=False).replace("Pooled intervals", "Interval")
    named = note.startswith(_NAMES)
    return f"Main analysis: {note if named else note[:1].lower() + note[1:]}"


def _scaled(natural: Natural | None, unit: DisplayUnit) -> tuple[float, float, float] | None:
    """Return value, low and high in the unit of display."""
    if natural is None:
        return None
    return natural.value * unit.factor, natural.low * unit.factor, natural.high * unit.factor


def _decimals(alternatives: Alternatives, fit: Fit, unit: DisplayUnit, least: int) -> int:
    """Return the decimals of the main estimate, as in the report; of the alternatives where it has none."""
    main = _scaled(fit.natural, unit)
    if main is not None:
        return decimals_for(main, least=least)
    others = [_scaled(row.fit.natural, unit) for row in alternatives.rows if row.fit is not None]
    return column_decimals([other for other in others if other is not None], least=least)


def _remarks(row: AlternativeAnswer) -> list[str]:
    """Return what is to be said below the figure about a row that has an estimate."""
    if row.failure is not None or row.fit is None:
        return []
    status = captions.STATUS_WORDS.get(row.status, row.status)
    other = "" if row.unit is None else "another quantity, so neither drawn nor compared"
    return [remark for remark in (*row.remarks, status, other) if remark]


def _signs(alternatives: Alternatives) -> dict[str, str]:
    """Give each remark on rows a sign."""
    return captions.number_remarks("; ".join(_remarks(row)) for row in alternatives.rows)


def _sign_notes(signs: dict[str, str]) -> list[str]:
    return [f"{sign} {remark}." for remark, sign in signs.items()]


def _line(
    alternatives: Alternatives,
    row: AlternativeAnswer,
    unit: DisplayUnit,
    decimals: int,
    signs: dict[str, str],
) -> Line:
    """Return one alternative; one that cannot be compared says why in the place of estimate and shift."""
    sign = signs.get("; ".join(_remarks(row)), "")
    k = Cell(count_text(row.k), color=theme.GREY)
    natural = row.fit.natural if row.fit is not None else None
    if row.failure is not None or natural is None:
        words = row.failure or captions.STATUS_WORDS.get(row.status) or "no pooled value"
        return Line(Row((Cell(row.label, color=theme.GREY), k, _in_words(words))))
    if row.unit is not None:
        value, low, high = (x * row.unit.factor for x in (natural.value, natural.low, natural.high))
        number = interval_text(value, low, high, decimals_for([value, low, high], least=_RATIO_DECIMALS))
        name = find_measure(row.measure).name
        return Line(Row((Cell(row.label + sign), k, _in_words(f"{name} {number}"))))
    value, low, high = (x * unit.factor for x in (natural.value, natural.low, natural.high))
    cells = (
        Cell(row.label + sign),
        k,
        Cell(interval_text(value, low, high, decimals)),
        Cell(_shift_text(alternatives, row, unit, decimals), color=theme.GREY),
    )
    return Line(Row(cells), Square(value, low, high, _SIDE, round=True))


def _in_words(words: str) -> Cell:
    """Return a cell of words over the columns of estimate and shift."""
    return Cell(words, "italic", theme.GREY, theme.NOTE_SIZE, "right", 2, flows=True)


def _shift_text(
    alternatives: Alternatives, row: AlternativeAnswer, unit: DisplayUnit, decimals: int
) -> str:
    if row.shift is None:
        return ""
    if alternatives.shift_kind == "ratio":
        return factor_text(row.shift)
    return signed_text(row.shift * unit.factor, decimals)


def _main_line(fit: Fit, unit: DisplayUnit, decimals: int) -> Line:
    """Return the row of the main fit, the first of the figure."""
    cells = [Cell("Main analysis", "bold"), Cell(count_text(fit.k), "bold")]
    main = _scaled(fit.natural, unit)
    if main is None:
        return Line(Row((*cells, _in_words(captions.no_value_words(fit)))))
    mark: Mark = Square(*main, _SIDE, round=True)
    if fit.status not in ("one_sided", "single_study"):
        mark = Diamond(*main, filled=True)
    return Line(Row((*cells, Cell(interval_text(*main, decimals), "bold"), Cell(""))), mark)


def _ruled(rows: Sequence[Line]) -> list[Line]:
    """Set the alternatives off from the main row by a rule."""
    if not rows:
        return []
    first = Row(rows[0].row.cells, before=1.2, rule=True)
    return [Line(first, rows[0].mark), *rows[1:]]


def _description(alternatives: Alternatives, fit: Fit, unit: DisplayUnit, lines: Sequence[Line]) -> str:
    """Return what the figure shows, in words and row by row."""
    rows = "; ".join(captions.spoken_row([cell.text for cell in line.row.cells[:3]]) for line in lines)
    pooled = captions.pooled_sentence(fit, unit)
    count = captions.counted(len(alternatives.rows), "alternative")
    return f"Forest of {count}. {pooled} Axis: {unit.axis}. Rows: {rows}."
