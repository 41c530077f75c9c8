"""The release history: what one analysis found in each version of a review, the oldest at the top."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from meta.effects.measures import Measure, find_measure
from meta.errors import PlotError
from meta.living.shapes import HistoryPoint
from meta.options import DisplayUnit
from meta.plots import captions, theme
from meta.plots.draw import draw_page
from meta.plots.marks import Outcome
from meta.plots.panel import Line, Panel, Threshold, lay_out_panel, threshold_note
from meta.plots.standings import (
    interval_note,
    standing_cells,
    standing_columns,
    standing_decimals,
    standing_extent,
    standing_mark,
    standing_remark,
)
from meta.plots.table import Cell, Column, Row

#: Characters of a note beside a version; the whole one stands in the manifest of the release.
_NOTE = 90


def history_plot(
    points: Sequence[HistoryPoint],
    unit: DisplayUnit,
    *,
    level: float | None = None,
    title: str | None = None,
    threshold: Threshold | None = None,
    notes: Sequence[str] = (),
    provenance: str | None = None,
    width_mm: float = 185.0,
) -> Figure:
    """Draw estimate, interval and prediction interval of one analysis by version.

    Parameters
    ----------
    points : sequence of HistoryPoint
        Oldest first; the last is the version of the report, whose interval is the band.
    unit : DisplayUnit
        How numbers are shown.
    level : float, optional
        Level of all intervals; None where they differ.
    title, notes, provenance : optional
        Head of the figure, further notes, and a last line that says where its numbers live.
    threshold : Threshold, optional
        A value fixed in advance, in the unit of display.
    width_mm : float
        Width of the figure.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    PlotError
        If there are fewer than two points.
    """
    if len(points) < 2:
        raise PlotError(f"a history takes at least two versions; got {len(points)}")
    measure = find_measure(points[-1].standing.measure)
    signs = captions.number_remarks(standing_remark(point.standing, measure) for point in points)
    lines = _lines(points, unit, measure, signs)
    marks = [line.mark for line in lines if isinstance(line.mark, Outcome)]
    now = lines[-1].mark
    last = points[-1].version
    panel = Panel(
        columns=standing_columns(_first_columns(points), unit, level),
        lines=lines,
        extent=standing_extent(marks, unit, measure, [threshold.value] if threshold is not None else []),
        log=measure.log_axis,
        words=unit.axis,
        title=title,
        spoken_title=title or "Release history",
        description=_description(points, unit, lines),
        notes=[
            *captions.remark_notes(signs),
            f"{interval_note(marks)} Band and dotted line: {last} and its interval."
            if isinstance(now, Outcome)
            else interval_note(marks),
            *([threshold_note(threshold, captions.unit_words(unit))] if threshold is not None else []),
            *notes,
        ],
        provenance=provenance,
        width=width_mm,
        pooled=now.value if isinstance(now, Outcome) else None,
        null=measure.null * unit.factor if measure.null is not None else None,
        threshold=threshold,
        band=(now.low, now.high) if isinstance(now, Outcome) else None,
    )
    return draw_page(lay_out_panel(panel))


def _has_notes(points: Sequence[HistoryPoint]) -> bool:
    return any(point.note for point in points)


def _first_columns(points: Sequence[HistoryPoint]) -> list[Column]:
    """Return the columns that name a version; that of notes only where there are some."""
    noted = [Column("Note", wraps=True, least=24.0)] if _has_notes(points) else []
    return [Column("Version", wraps=True, least=18.0), *noted]


def _lines(
    points: Sequence[HistoryPoint], unit: DisplayUnit, measure: Measure, signs: dict[str, str]
) -> list[Line]:
    """Return a row for each version; the last one is set apart and bold."""
    decimals = standing_decimals([point.standing for point in points], unit, measure)
    noted = _has_notes(points)
    lines = []
    for i, point in enumerate(points):
        last = i == len(points) - 1
        face: theme.Face = "bold" if last else "regular"
        cells = [Cell(point.version + signs.get(standing_remark(point.standing, measure), ""), face)]
        if noted:
            cells.append(Cell(_short(point.note), color=theme.GREY))
        cells.extend(standing_cells(point.standing, unit, measure, decimals, face))
        mark = standing_mark(point.standing, unit, measure, filled=last)
        lines.append(Line(Row(tuple(cells), before=1.2 if last else 0.0, rule=last), mark))
    return lines


def _short(note: str) -> str:
    """Return a note cut to what fits beside a row."""
    return note if len(note) <= _NOTE else note[: _NOTE - 1].rstrip() + "…"


def _description(points: Sequence[HistoryPoint], unit: DisplayUnit, lines: Sequence[Line]) -> str:
    """Return what the figure shows, in words and row by row."""
    place = 3 if _has_notes(points) else 2
    rows = "; ".join(
        captions.spoken_row([line.row.cells[0].text, line.row.cells[place].text]) for line in lines
    )
    return f"{len(points)} versions, the oldest first. Axis: {unit.axis}. Rows: {rows}."
