"""The sheets of two versions side by side: rows that came, went or changed, cell by cell."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from extraction.overlap import label_of
from extraction.sheet import Row, Sheet
from meta.living.cells import cell_meaning, cell_text, is_numeric
from meta.living.matching import MatchedBy, match_rows
from meta.living.shapes import CellChange, RowChange, SheetChanges

if TYPE_CHECKING:
    from meta.living.archive import Snapshot


@dataclass(frozen=True, slots=True)
class Pair:
    """One row in the two versions; None where a version has no such row."""

    old: Row | None
    new: Row | None
    by: MatchedBy | None
    cells: tuple[CellChange, ...]


@dataclass(frozen=True, slots=True)
class Pairing:
    """Two sheets put together: rows of the newer in its order, then those that went, in theirs."""

    old: Sheet | None
    new: Sheet | None
    key: tuple[str, ...]
    pairs: tuple[Pair, ...]


@dataclass(slots=True)
class Sheets:
    """The sheets of two versions, put together when first asked for."""

    old: Snapshot
    new: Snapshot
    _known: dict[tuple[str, str], Pairing] = field(default_factory=dict)

    def pair(self, old_name: str, new_name: str) -> Pairing:
        """Return two sheets put together, by their names in the two protocols."""
        names = (old_name, new_name)
        if names not in self._known:
            sides = ((self.new, new_name), (self.old, old_name))
            key = next((_key(side, name) for side, name in sides if name in side.review.sheets), ())
            self._known[names] = _pair_sheets(
                self.old.review.sheets.get(old_name), self.new.review.sheets.get(new_name), key
            )
        return self._known[names]


def _key(side: Snapshot, name: str) -> tuple[str, ...]:
    """Return the columns that name a row of a sheet: as the protocol declares them, else its codebook."""
    return side.review.protocol.sheets[name].key or side.review.sheets[name].schema.key


def _pair_sheets(old: Sheet | None, new: Sheet | None, key: tuple[str, ...]) -> Pairing:
    if old is None or new is None:
        came = tuple(Pair(None, row, None, ()) for row in (new.rows if new is not None else ()))
        went = tuple(Pair(row, None, None, ()) for row in (old.rows if old is not None else ()))
        return Pairing(old, new, key, came + went)
    matching = match_rows(old, new, key)
    by_new = {one.new: one for one in matching.matched}
    shared = {c: is_numeric(old, c) or is_numeric(new, c) for c in new.columns if c in old.columns}
    pairs = []
    for place, row in enumerate(new.rows):
        one = by_new.get(place)
        before = old.rows[one.old] if one is not None else None
        cells = _cell_changes(before, row, shared) if before is not None else ()
        pairs.append(Pair(before, row, one.by if one is not None else None, cells))
    went = tuple(Pair(old.rows[place], None, None, ()) for place in matching.went)
    return Pairing(old, new, key, (*pairs, *went))


def _cell_changes(old: Row, new: Row, columns: Mapping[str, bool]) -> tuple[CellChange, ...]:
    """Return the cells that mean something else; ``columns`` says of each whether it holds numbers."""
    return tuple(
        CellChange(name, cell_text(old, name), cell_text(new, name))
        for name, number in columns.items()
        if cell_meaning(old, name, number=number) != cell_meaning(new, name, number=number)
    )


def sheet_changes(
    name: str,
    pairing: Pairing,
    labels: tuple[str, ...],
    used: Mapping[str, tuple[Collection[int], ...]],
    others: Mapping[str, tuple[Collection[int], ...]],
) -> SheetChanges:
    """Return what differs between two versions of a sheet.

    Parameters
    ----------
    name : str
        Its name in the protocols.
    pairing : Pairing
        Its rows put together.
    labels : tuple of str
        Columns that name a row for people; the key, or the line, where they are empty.
    used : mapping
        By analysis the lines of the older and of the newer sheet that it used.
    others : mapping
        Likewise, the lines that only its alternatives used.
    """
    old, new, key = pairing.old, pairing.new, pairing.key
    rows = [
        _row_change(pair, labels, key, used, others)
        for pair in pairing.pairs
        if pair.old is None or pair.new is None or pair.cells
    ]
    order = {"came": 0, "went": 1, "changed": 2}
    before, after = (side.columns if side is not None else () for side in (old, new))
    both = old is not None and new is not None
    return SheetChanges(
        name=name,
        old_file=old.file if old is not None else None,
        new_file=new.file if new is not None else None,
        key=key,
        columns_came=tuple(c for c in after if c not in before) if both else (),
        columns_went=tuple(c for c in before if c not in after) if both else (),
        rows=tuple(sorted(rows, key=lambda row: order[row.what])),
        same=len(pairing.pairs) - len(rows),
    )


def _row_change(
    pair: Pair,
    labels: tuple[str, ...],
    key: tuple[str, ...],
    used: Mapping[str, tuple[Collection[int], ...]],
    others: Mapping[str, tuple[Collection[int], ...]],
) -> RowChange:
    lines = tuple(row.ref.line if row is not None else None for row in (pair.old, pair.new))
    row = pair.new if pair.new is not None else pair.old
    assert row is not None
    analyses = _names(used, lines)
    return RowChange(
        what="came" if pair.old is None else "went" if pair.new is None else "changed",
        label=name_row(row, labels, key),
        key=tuple(cell_text(row, column) for column in key),
        old_line=lines[0],
        new_line=lines[1],
        matched_by=pair.by,
        cells=pair.cells,
        analyses=analyses,
        alternatives=tuple(name for name in _names(others, lines) if name not in analyses),
    )


def _names(
    used: Mapping[str, tuple[Collection[int], ...]], lines: tuple[int | None, ...]
) -> tuple[str, ...]:
    """Return the names under which a row is used in either version."""
    return tuple(
        name
        for name, sides in used.items()
        if any(line in side for line, side in zip(lines, sides, strict=True))
    )


def name_row(row: Row, labels: tuple[str, ...], key: tuple[str, ...]) -> str:
    """Return what people call a row: its label, else its key, else its line."""
    return next(
        (label_of(row, columns) for columns in (labels, key) if any(cell_text(row, c) for c in columns)),
        f"line {row.ref.line}",
    )
