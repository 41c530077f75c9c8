"""Rows that came, went or changed, as lines of text; many alike that no analysis uses are one line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from meta.living.shapes import CellChange, RowChange, SheetChanges
from meta.living.summary import RowsAlike, group_rows
from meta.report.pieces import clean_text, listed, plain

#: Longest cell and longest label shown whole; the JSON has them as they are.
LONGEST_CELL, LONGEST_NAME = 60, 80

#: What happened to a cell in many rows at once.
_KINDS = {"emptied": "lost", "filled": "gained", "changed": "have another"}


def row_lines(sheet: SheetChanges) -> Iterator[str]:
    """Walk the rows of a sheet that differ, each a line; rows alike that no analysis uses are one line."""
    alike = group_rows(sheet)
    told = {place for group in alike for place in group.rows}
    for place, changed in enumerate(sheet.rows):
        if place not in told:
            yield _row_line(changed)
    for group in alike:
        yield _alike_line(group)


def _row_line(changed: RowChange) -> str:
    """Return ``Kane1988 changed, line 2: responders 37 → 39; used by clozapine_response``."""
    parts = [part for part in changed.key if part and part not in changed.label]
    name = clean_text(changed.label, LONGEST_NAME)
    if parts:
        name += f" ({clean_text(', '.join(parts), LONGEST_NAME)})"
    said = f"{name} {changed.what}, {line_text(changed.old_line, changed.new_line)}"
    if changed.matched_by == "content":
        said += ", known by its content"
    if changed.cells:
        said += f": {cells_text(changed.cells)}"
    return f"{said}; used by {_users(changed)}"


def _users(changed: RowChange) -> str:
    """Return which analyses use a row, those of which only an alternative does last."""
    others = f"alternatives of {join_names(changed.alternatives)}" if changed.alternatives else ""
    if not changed.analyses:
        return others or "no analysis"
    return join_names(changed.analyses) + (f", and by {others}" if others else "")


def _alike_line(group: RowsAlike) -> str:
    """Return ``88 rows that no analysis uses lost n_arm1 and n_arm2``."""
    kinds: dict[str, list[str]] = {}
    for column, kind in group.cells:
        kinds.setdefault(kind, []).append(column)
    did = [f"{_KINDS.get(kind, kind)} {join_names(columns)}" for kind, columns in kinds.items()]
    return f"{len(group.rows)} rows that no analysis uses {join_names(did) if did else group.what}"


def line_text(old: int | None, new: int | None) -> str:
    """Return where a row stands: its line before and now."""
    if old is None or new is None or old == new:
        return f"line {old if new is None else new}"
    return f"line {old}, now {new}"


def cells_text(cells: Sequence[CellChange]) -> str:
    """Return cells as ``responders 37 → 39``."""
    shown = ((c.column, clean_text(c.old, LONGEST_CELL), clean_text(c.new, LONGEST_CELL)) for c in cells)
    return "; ".join(f"{name} {old or 'empty'} → {new or 'empty'}" for name, old, new in shown)


def join_names(names: Sequence[str]) -> str:
    """Return names with commas, and a word before the last."""
    return plain(listed(names))
