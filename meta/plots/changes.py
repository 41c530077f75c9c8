"""The forest of old and new estimates: what changed between two versions of a review."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from meta.effects.measures import Measure, find_measure
from meta.errors import PlotError
from meta.living.shapes import Standing
from meta.options import DisplayUnit
from meta.plots import captions, theme
from meta.plots.draw import draw_page
from meta.plots.marks import Outcome
from meta.plots.panel import Line, Panel, lay_out_panel
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
from meta.tables.numbers import number_text

#: Space before the block of an analysis, and before that of a further group of one, mm.
_BLOCK_GAP = 2.6
_GROUP_GAP = 0.8

#: Columns of the table.
_WIDTH = 4


@dataclass(frozen=True, slots=True)
class Pair:
    """What an analysis, or one group of it, found in two versions; None where a version has no such thing.

    Attributes
    ----------
    title : str
        Title of the analysis.
    group : str
        Name of the group; empty for an overall estimate.
    threshold : float or None
        The value declared in advance, in the unit of display.
    """

    title: str
    group: str
    old: Standing | None
    new: Standing | None
    threshold: float | None = None


def changes_plot(
    pairs: Sequence[Pair],
    unit: DisplayUnit,
    measure: str,
    versions: tuple[str, str],
    *,
    level: float | None = None,
    title: str | None = None,
    notes: Sequence[str] = (),
    provenance: str | None = None,
    width_mm: float = 185.0,
) -> Figure:
    """Draw old and new estimates below each other, one block an analysis or group.

    Parameters
    ----------
    pairs : sequence of Pair
        What to draw; all are shown in ``unit``. Groups of one analysis stand one after another.
    unit : DisplayUnit
        How numbers are shown.
    measure : str
        Code of the measure that says what axis it takes; a standing of another kind of measure keeps its
        row, without a mark.
    versions : (str, str)
        Names of the old and the new version.
    level : float, optional
        Level of all intervals; None where they differ.
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
        If there is nothing to draw.
    """
    if not pairs:
        raise PlotError("pairs must not be empty: nothing changed, so there is nothing to draw")
    shown = find_measure(measure)
    standings = [standing for pair in pairs for standing in (pair.old, pair.new)]
    decimals = standing_decimals(standings, unit, shown)
    signs = captions.number_remarks(standing_remark(standing, shown) for standing in standings)
    lines = _lines(pairs, unit, shown, versions, decimals, signs)
    marks = [line.mark for line in lines if isinstance(line.mark, Outcome)]
    thresholds = [pair.threshold for pair in pairs if pair.threshold is not None]
    old, new = versions
    panel = Panel(
        columns=standing_columns([Column("Version", wraps=True, least=24.0)], unit, level),
        lines=lines,
        extent=standing_extent(marks, unit, shown, thresholds),
        log=shown.log_axis,
        words=unit.axis,
        title=title,
        spoken_title=title or "Old and new estimates",
        description=_description(pairs, unit, lines),
        notes=[
            f"Open circles: {old}; filled circles: {new}. {interval_note(marks)}",
            *_threshold_notes(pairs, unit),
            *captions.remark_notes(signs),
            *notes,
        ],
        provenance=provenance,
        width=width_mm,
        null=shown.null * unit.factor if shown.null is not None else None,
    )
    return draw_page(lay_out_panel(panel))


def _lines(
    pairs: Sequence[Pair],
    unit: DisplayUnit,
    measure: Measure,
    versions: tuple[str, str],
    decimals: int,
    signs: dict[str, str],
) -> list[Line]:
    """Return title, old and new row of each pair; groups of one analysis share its title."""
    lines: list[Line] = []
    last = None
    for pair in pairs:
        repeated = bool(pair.group) and pair.title == last
        if not repeated:
            head = Cell(pair.title, "bold", span=_WIDTH, flows=True)
            lines.append(Line(Row((head,), before=_BLOCK_GAP if lines else 0.0)))
        if pair.group:
            head = Cell(pair.group, span=_WIDTH, flows=True, indent=2.2)
            lines.append(Line(Row((head,), before=_GROUP_GAP if repeated else 0.0)))
        indent = 4.4 if pair.group else 2.2
        for version, standing, filled in zip(versions, (pair.old, pair.new), (False, True), strict=True):
            name = version + signs.get(standing_remark(standing, measure), "")
            first = Cell(name, color=theme.INK if filled else theme.GREY, indent=indent)
            cells = standing_cells(standing, unit, measure, decimals)
            mark = standing_mark(standing, unit, measure, filled, pair.threshold)
            lines.append(Line(Row((first, *cells)), mark))
        last = pair.title
    return lines


def _threshold_notes(pairs: Sequence[Pair], unit: DisplayUnit) -> list[str]:
    """Say which value the dashed line of each analysis stands for."""
    known = dict.fromkeys((pair.title, pair.threshold) for pair in pairs if pair.threshold is not None)
    words = "; ".join(
        f"{title}, {number_text(value, _decimals_of(value))}{captions.unit_words(unit)}"
        for title, value in known
        if value is not None
    )
    return [f"Dashed: the threshold declared in the protocol ({words})."] if words else []


def _decimals_of(value: float) -> int:
    """Return as many decimals as a declared number has."""
    return next((d for d in range(6) if abs(round(value, d) - value) <= 1e-9 * abs(value)), 6)


def _description(pairs: Sequence[Pair], unit: DisplayUnit, lines: Sequence[Line]) -> str:
    """Return what the figure shows, in words and row by row."""
    rows = "; ".join(_spoken(line) for line in lines)
    analyses = len({pair.title for pair in pairs})
    return f"Old and new estimates of {analyses} analyses. Axis: {unit.axis}. Rows: {rows}."


def _spoken(line: Line) -> str:
    """Return a row for screen readers: its name, and its estimate or the words in its place."""
    texts = [cell.text for cell in line.row.cells]
    return captions.spoken_row([texts[0], texts[2]]) if len(texts) > 2 else captions.spoken_row(texts)
