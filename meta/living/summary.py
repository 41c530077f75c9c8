"""A comparison summed up: how many of what changed, and rows alike in what happened to them as one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from meta.living.shapes import AnalysisChanges, CellChange, Changes, RowChange, SheetChanges
from meta.living.standing import standings_agree
from meta.results import to_plain

#: From this many rows on that no analysis uses, alike in what happened to them, they are told as one.
ALIKE = 4


@dataclass(frozen=True, slots=True)
class Counts:
    """How many of what differs between two versions.

    ``analyses`` is their number in the newer version. ``crossed`` counts analyses of which the estimate lies
    on the other side of its threshold, ``declared`` those that have one. ``choices`` are those that can move
    a number, the software left out.
    """

    analyses: int
    changed: int
    came: int
    went: int
    same: int
    declared: int
    crossed: int
    rows_came: int
    rows_went: int
    rows_changed: int
    choices: int


@dataclass(frozen=True, slots=True)
class RowsAlike:
    """Rows of a sheet that no analysis uses and to which the same happened.

    ``rows`` are their places in the list of rows of the sheet. ``cells`` names the columns that changed, with
    ``emptied``, ``filled`` or ``changed``.
    """

    what: Literal["came", "went", "changed"]
    cells: tuple[tuple[str, str], ...]
    rows: tuple[int, ...]


def describe_changes(changes: Changes) -> dict[str, Any]:
    """Return changes as results.json holds them: with counts, rows alike, and where groups stand for all."""
    plain = changes.to_dict()
    plain["counts"] = to_plain(count_changes(changes))
    for entry, analysis in zip(plain["analyses"], changes.analyses, strict=True):
        entry["shows_groups"] = shows_groups(analysis)
    for entry, sheet in zip(plain["sheets"], changes.sheets, strict=True):
        entry["alike"] = to_plain(group_rows(sheet))
    return plain


def count_changes(changes: Changes) -> Counts:
    """Count what differs."""
    whats = [analysis.what for analysis in changes.analyses]
    rows = [row.what for sheet in changes.sheets for row in sheet.rows]
    declared = [analysis.threshold for analysis in changes.analyses if analysis.threshold is not None]
    return Counts(
        analyses=sum(what != "went" for what in whats),
        changed=whats.count("changed"),
        came=whats.count("came"),
        went=whats.count("went"),
        same=whats.count("same"),
        declared=len(declared),
        crossed=sum(threshold.crossed for threshold in declared),
        rows_came=rows.count("came"),
        rows_went=rows.count("went"),
        rows_changed=rows.count("changed"),
        choices=sum(choice.moves and choice.kind != "software" for choice in changes.choices),
    )


def group_rows(sheet: SheetChanges) -> tuple[RowsAlike, ...]:
    """Return the rows that can be told as one; rows that an analysis uses never are."""
    kinds: dict[tuple[Literal["came", "went", "changed"], tuple[tuple[str, str], ...]], list[int]] = {}
    for i, row in enumerate(sheet.rows):
        if not row.analyses and not row.alternatives:
            kinds.setdefault((row.what, _kind_of(row)), []).append(i)
    return tuple(
        RowsAlike(what, cells, tuple(places))
        for (what, cells), places in kinds.items()
        if len(places) >= ALIKE
    )


def _kind_of(row: RowChange) -> tuple[tuple[str, str], ...]:
    """Return what happened to the cells of a row; of a row that came or went, nothing more is told."""
    return tuple((cell.column, _cell_kind(cell)) for cell in row.cells) if row.what == "changed" else ()


def _cell_kind(cell: CellChange) -> str:
    if cell.old and not cell.new:
        return "emptied"
    return "filled" if cell.new and not cell.old else "changed"


def shows_groups(analysis: AnalysisChanges) -> bool:
    """Return whether the groups of an analysis stand for it: it has no overall estimate that moved."""
    return bool(analysis.groups) and (
        not any(side is not None and side.value is not None for side in (analysis.old, analysis.new))
        or standings_agree(analysis.old, analysis.new)
    )
