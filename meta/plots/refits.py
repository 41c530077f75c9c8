"""Leave-one-out and cumulative plots.

The same model on other subsets, row by row, against the main result.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from meta.effects.measures import default_unit, find_measure
from meta.errors import PlotError
from meta.options import DisplayUnit, interval_names
from meta.plots import captions, theme
from meta.plots.axes import Extent
from meta.plots.draw import draw_page
from meta.plots.marks import Diamond, Mark, Square
from meta.plots.panel import Line, Panel, lay_out_panel
from meta.plots.table import Cell, Column, Row
from meta.results import Fit, Refits
from meta.sensitivity.shift import find_shifts
from meta.tables.numbers import (
    MISSING,
    column_decimals,
    count_text,
    factor_text,
    interval_text,
    level_text,
    p_number_text,
    percent_text,
    signed_text,
    tau2_text,
)

#: Side of the mark of a refit, mm: all alike, since a refit has no weight.
_SIDE = 1.7


def leave_one_out_plot(
    refits: Refits,
    fit: Fit,
    *,
    unit: DisplayUnit | None = None,
    title: str | None = None,
    notes: Sequence[str] = (),
    provenance: str | None = None,
    width_mm: float = 185.0,
) -> Figure:
    """Draw the pooled value without each study in turn; the band is the interval of the main fit.

    Parameters
    ----------
    refits : Refits
        From ``leave_one_out``: row i lacks the study it is named after.
    fit : Fit
        The main fit.
    unit : DisplayUnit, optional
        How numbers are shown; that of the measure unless given.
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
        If refits and fit are of different measures.
    """
    words = (
        "Each row: the same model without that study. Band and dotted line: the main result and its interval."
    )
    return _refits_plot(
        refits,
        fit,
        unit,
        title,
        "Leave-one-out plot",
        "Left out",
        [words, *notes],
        provenance,
        width_mm,
        "Nothing left out",
    )


def cumulative_plot(
    refits: Refits,
    fit: Fit,
    *,
    unit: DisplayUnit | None = None,
    title: str | None = None,
    notes: Sequence[str] = (),
    provenance: str | None = None,
    width_mm: float = 185.0,
) -> Figure:
    """Draw how the pooled value grew as studies appeared; the band is the interval of the main fit.

    Parameters
    ----------
    refits : Refits
        From ``cumulate``: each row holds the studies of all rows above it too.
    fit : Fit
        The main fit, equal to the last row.
    unit : DisplayUnit, optional
        How numbers are shown; that of the measure unless given.
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
        If refits and fit are of different measures.
    """
    words = (
        "Each row: the same model on the studies of that row and all rows above. "
        "Band and dotted line: the main result and its interval."
    )
    return _refits_plot(
        refits,
        fit,
        unit,
        title,
        "Cumulative plot",
        "Added",
        [words, *notes],
        provenance,
        width_mm,
        "All studies",
    )


def _refits_plot(
    refits: Refits,
    fit: Fit,
    unit: DisplayUnit | None,
    title: str | None,
    kind: str,
    heading: str,
    notes: Sequence[str],
    provenance: str | None,
    width: float,
    main: str,
) -> Figure:
    """Lay out and draw refits above the main fit."""
    if refits.measure != fit.measure:
        raise PlotError(
            f"refits and fit must share a measure; the refits are {refits.measure}, the fit is {fit.measure}"
        )
    shown = unit or default_unit(fit.measure)
    measure = find_measure(fit.measure)
    decimals = _decimals(refits, fit, shown, 2 if measure.is_ratio else 0)
    signs = _signs(refits)
    beside = _beside(refits, fit, shown, decimals)
    lines = [_refit_line(refits, i, shown, decimals, signs, beside) for i in range(len(refits.labels))]
    lines.append(_main_line(fit, shown, decimals, main, beside))
    squares = [line.mark for line in lines if isinstance(line.mark, Square)]
    band = None
    if fit.natural is not None and fit.status != "one_sided":
        band = (fit.natural.low * shown.factor, fit.natural.high * shown.factor)
    pooled = fit.natural.value * shown.factor if fit.natural is not None else None
    level = level_text(fit.spec.level)
    panel = Panel(
        columns=[
            Column(heading, wraps=True, least=30.0),
            Column("k", "right"),
            *(Column(name, "right") for name in beside),
            Column("τ²", "right"),
            Column("I²", "right"),
            Column(f"{shown.heading} [{level} {interval_names(fit.spec.model)[0]}]", "right"),
        ],
        lines=lines,
        extent=Extent(
            [(m.value, m.low, m.high) for m in squares],
            pooled=band or (),
            always=[pooled] if pooled is not None else [],
        ),
        log=measure.log_axis,
        words=shown.axis,
        title=title,
        spoken_title=title or kind,
        description=_description(kind, refits, fit, shown, lines),
        notes=[*captions.remark_notes(signs), captions.model_note(fit, studies=False), *notes],
        provenance=provenance,
        width=width,
        pooled=pooled,
        null=measure.null,
        band=band,
    )
    return draw_page(lay_out_panel(panel))


def _beside(refits: Refits, fit: Fit, unit: DisplayUnit, decimals: int) -> dict[str, tuple[list[str], str]]:
    """Return further columns by heading: a text a refit, and that of the main fit.

    How far leaving a study out moves the estimate; and P, where there is a value of no effect to test.
    """
    columns: dict[str, tuple[list[str], str]] = {}
    measure = find_measure(fit.measure)
    if refits.kind == "leave_one_out" and fit.natural is not None:
        shifts = [float(x) for x in find_shifts(refits, fit)]
        if measure.is_ratio:
            columns["Change"] = ([factor_text(x) for x in shifts], "")
        else:
            columns["Change"] = ([signed_text(x * unit.factor, decimals) for x in shifts], "")
    if measure.compares and fit.estimate is not None and not math.isnan(fit.estimate.p):
        columns["P"] = ([p_number_text(float(p)) for p in refits.p], p_number_text(fit.estimate.p))
    return columns


def _decimals(refits: Refits, fit: Fit, unit: DisplayUnit, least: int) -> int:
    factor = unit.factor
    rows = [
        (float(v) * factor, float(low) * factor, float(high) * factor)
        for v, low, high in zip(refits.natural, refits.natural_low, refits.natural_high, strict=True)
    ]
    if fit.natural is not None:
        rows.append((fit.natural.value * factor, fit.natural.low * factor, fit.natural.high * factor))
    return column_decimals(
        [(high, low, high) if v == 0.0 else (v, low, high) for v, low, high in rows], least=least
    )


def _signs(refits: Refits) -> dict[str, str]:
    """Give each remark on rows a sign: notes of rows, and statuses that leave a value."""
    return captions.number_remarks(
        remark for i in range(len(refits.labels)) for remark in _remarks(refits, i)
    )


def _remarks(refits: Refits, i: int) -> list[str]:
    """Return what is to be said about row ``i``.

    Its note, and its status where the row has a value all the same.
    """
    status = str(refits.status[i])
    words = captions.STATUS_WORDS.get(status, status) if not math.isnan(float(refits.natural[i])) else ""
    return [remark for remark in (refits.notes[i], words) if remark]


def _refit_line(
    refits: Refits,
    i: int,
    unit: DisplayUnit,
    decimals: int,
    signs: dict[str, str],
    beside: Mapping[str, tuple[list[str], str]],
) -> Line:
    """Return one refit; one that failed says so in the place of its estimate."""
    label = refits.labels[i] + "".join(signs[remark] for remark in _remarks(refits, i))
    k = Cell(count_text(int(refits.k[i])), color=theme.GREY)
    value, low, high = (
        float(array[i]) * unit.factor for array in (refits.natural, refits.natural_low, refits.natural_high)
    )
    if math.isnan(value):
        status = str(refits.status[i])
        words = captions.STATUS_WORDS.get(status) or "no pooled value"
        span = 3 + len(beside)
        failed = Cell(words, "italic", theme.GREY, theme.NOTE_SIZE, "right", span, flows=True)
        return Line(Row((Cell(label, color=theme.GREY), k, failed)))
    cells = (
        Cell(label),
        k,
        *(Cell(refit_texts[i], color=theme.GREY) for refit_texts, _ in beside.values()),
        Cell(tau2_text(float(refits.tau2[i])) if refits.k[i] > 1 else MISSING, color=theme.GREY),
        Cell(percent_text(float(refits.i2[i])), color=theme.GREY),
        Cell(interval_text(value, low, high, decimals)),
    )
    return Line(Row(cells), Square(value, low, high, _SIDE, round=True))


def _main_line(
    fit: Fit, unit: DisplayUnit, decimals: int, name: str, beside: Mapping[str, tuple[list[str], str]]
) -> Line:
    """Return the row of the main fit."""
    tau2 = tau2_text(fit.tau2.value) if fit.tau2 is not None else ""
    i2 = fit.heterogeneity.i2 if fit.heterogeneity is not None else None
    cells = [Cell(name, "bold"), Cell(count_text(fit.k), "bold")]
    cells.extend(Cell(text, "bold") for _, text in beside.values())
    cells.append(Cell(tau2, "bold"))
    cells.append(Cell(percent_text(i2) if i2 is not None else "", "bold"))
    mark: Mark | None = None
    if fit.natural is None:
        cells.append(Cell(captions.no_value_words(fit), "italic", theme.GREY, theme.NOTE_SIZE, flows=True))
    else:
        value, low, high = (x * unit.factor for x in (fit.natural.value, fit.natural.low, fit.natural.high))
        cells.append(Cell(interval_text(value, low, high, decimals), "bold"))
        pooled = fit.status not in ("one_sided", "single_study")
        mark = (
            Diamond(value, low, high, filled=True) if pooled else Square(value, low, high, _SIDE, round=True)
        )
    return Line(Row(tuple(cells), before=1.2, rule=True), mark)


def _description(kind: str, refits: Refits, fit: Fit, unit: DisplayUnit, lines: Sequence[Line]) -> str:
    """Return what the figure shows, in words and row by row."""
    rows = "; ".join(captions.spoken_row([cell.text for cell in line.row.cells]) for line in lines)
    pooled = captions.pooled_sentence(fit, unit)
    return f"{kind} of {len(refits.labels)} refits. {pooled} Axis: {unit.axis}. Rows: {rows}."
