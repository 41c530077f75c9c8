"""The cells of a release: its sheets as text, against the cells that results.json recorded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Literal

from extraction.checks import check_grid
from extraction.codebook import SheetSchema, extend_schema, find_schema
from extraction.errors import ReviewError
from extraction.grid import Grid, read_delimited
from extraction.sheet import Sheet, hash_cells
from extraction.spreadsheets import read_workbook
from meta.protocol.plan import Protocol, SheetEntry
from meta.protocol.reader import sheet_types
from meta.protocol.review import Review
from meta.releases.causes import Cause, CellChange, each_table, entries_of, look, said
from meta.releases.hashes import Frozen

#: What separates cells, by its word in a protocol.
_MARKS = {"comma": ",", "semicolon": ";", "tab": "\t"}

#: Columns of a sheet of references behind the keys of a target in results.json, where the names differ.
_TARGET_COLUMNS = {"id": "target_id", "n": "N", "low": "lower", "high": "upper"}


@dataclass(frozen=True, slots=True)
class FrozenSheet:
    """A sheet of a release as text: ``path`` in the release, cells by line and column, hashes by line.

    ``header`` is every cell of the first line, ``delimiter`` what stands between cells; None in a workbook.
    ``entry`` is what the protocol says of it.
    """

    path: str
    schema: SheetSchema
    delimiter: str | None
    header: tuple[str, ...]
    columns: tuple[str, ...]
    rows: Mapping[int, Mapping[str, str]]
    hashes: Mapping[int, str]
    entry: SheetEntry

    def shown(self, line: int, column: str) -> str | None:
        """Return a cell as reports show it: empty where a code says so, numbers with a decimal point."""
        text, known = self.rows[line].get(column), self.schema.find(column)
        if text is None or text.strip() in {code.strip() for code in self.entry.missing.get(column, ())}:
            return None if text is None else ""
        comma = self.entry.decimal == "comma" and known is not None and known.numeric
        return text.replace(",", ".") if comma else text


def read_sheets(
    frozen: Frozen, protocol: Protocol | None, review: Review | None
) -> dict[str, FrozenSheet]:
    """Return the sheets of a release by name, and its references by name behind ``targets.``.

    A sheet whose cells break its rules, so that there is no ``review``, is read all the same; one that is no
    table is left out.
    """
    found: dict[str, FrozenSheet] = {}
    if protocol is None:
        return found
    beside = PurePosixPath(frozen.manifest.protocol).parent
    entries = {**protocol.sheets, **{f"targets.{name}": entry for name, entry in protocol.targets.items()}}
    read: dict[str, Sheet] = {}
    if review is not None:
        read = {**review.sheets, **{f"targets.{n}": sheet for n, sheet in review.target_sheets.items()}}
    for name, entry in entries.items():
        path = str(beside / entry.file)
        types = sheet_types(protocol, name) if name in protocol.sheets else {}
        if path in frozen.contents:
            try:
                schema = extend_schema(find_schema(entry.schema_name), types, ())
                found[name] = _read_sheet(frozen.contents[path], path, entry, schema, read.get(name))
            except ReviewError:
                continue  # what is wrong with it is told where the review is read
    return found


def _read_sheet(
    data: bytes, path: str, entry: SheetEntry, schema: SheetSchema, sheet: Sheet | None
) -> FrozenSheet:
    """Return a sheet as text, whatever its cells say; ``sheet`` is it as read, where its cells are good."""
    grid, delimiter = _read_grid(data, PurePosixPath(path), entry, schema)
    header = tuple(cell.strip() for cell in grid.header.cells)
    if sheet is not None:
        rows = {row.ref.line: row.text for row in sheet.rows}
        hashes = {row.ref.line: row.ref.hash for row in sheet.rows}
        return FrozenSheet(path, sheet.schema, delimiter, header, sheet.columns, rows, hashes, entry)
    checked = check_grid(grid, schema, PurePosixPath(path).name)
    rows = {row.line: row.text for row in checked.rows}
    hashes = {row.line: hash_cells([row.text[name] for name in checked.columns]) for row in checked.rows}
    return FrozenSheet(path, schema, delimiter, header, checked.columns, rows, hashes, entry)


def _read_grid(
    data: bytes, path: PurePosixPath, entry: SheetEntry, schema: SheetSchema
) -> tuple[Grid, str | None]:
    if path.suffix.lower() == ".xlsx":
        return read_workbook(data, path.name, schema.name), None
    usual: Literal["tab", "comma"] = "tab" if path.suffix.lower() == ".tsv" else "comma"
    word = entry.delimiter or usual
    return read_delimited(data, path.name, word), _MARKS[word]


def find_cell_causes(
    stored: object, computed: object, sheets: Mapping[str, FrozenSheet], frozen: Frozen
) -> list[Cause]:
    """Return every cell, or row, that is not what results.json recorded.

    Parameters
    ----------
    stored, computed
        results.json as released, and as made again; None where there is none.
    sheets : mapping of str to FrozenSheet
        By the name of the protocol.
    frozen : Frozen
        The release: its hashes say which of two files was changed.
    """
    again = entries_of(computed)
    cells: dict[tuple[str, int, str], tuple[CellChange, set[str]]] = {}
    rows: dict[tuple[str, int], tuple[str, set[str]]] = {}
    for name, entry in entries_of(stored).items():
        sheet = sheets.get(str(entry.get("sheet")))
        if sheet is None or is_acquitted(frozen, sheet.path):
            continue
        gone = _Recorded(entry, sheet)
        for change in gone.cells():
            cells.setdefault((change.path, change.line, change.column), (change, set()))[1].add(name)
        come = _come(entry, again.get(name)) if sheet.path in frozen.changed else ()
        for line, words in [*gone.rows(), *come]:
            rows.setdefault((sheet.path, line), (words, set()))[1].add(name)
    found = [_cell_cause(change, names, stored, again, frozen) for change, names in cells.values()]
    named = {(change.path, change.line) for change, _ in cells.values()}
    found += [
        Cause("row", path, f"{path} line {line}", words, frozenset(names), mendable=False)
        for (path, line), (words, names) in rows.items()
        if (path, line) not in named
    ]
    return [*found, *_target_causes(stored, computed, sheets, frozen)]


class _Recorded:
    """The rows that an analysis recorded, matched with those of the sheet: by hash, else by line."""

    def __init__(self, entry: Mapping[str, Any], sheet: FrozenSheet) -> None:
        self.sheet = sheet
        self.entry = entry
        recorded = [row for row in each_table(entry, "cells", "rows") if isinstance(row.get("line"), int)]
        known = {row.get("hash") for row in recorded}
        there = set(sheet.hashes.values())
        self.changed = [row for row in recorded if row.get("hash") not in there]
        #: Lines of changed rows that hold a row of another hash, which no analysis recorded.
        self.lines = {
            row["line"]: row for row in self.changed if sheet.hashes.get(row["line"], "") not in known | {""}
        }
        labels = [row.get("label") for row in recorded]
        self.single = {label for label in labels if labels.count(label) == 1}

    def cells(self) -> Iterator[CellChange]:
        """Yield each cell whose text is another."""
        for line, row in self.lines.items():
            there, recorded = self.sheet.rows[line], _table(row.get("cells"))
            for column, old in self._texts(row).items():
                new = there.get(column) if column in recorded else self.sheet.shown(line, column)
                if column not in self.sheet.columns:
                    # a column that a codebook knows and the file lacks is read as empty
                    new = "" if old == "" else None
                if new != old:
                    yield CellChange(self.sheet.path, line, column, old, new)

    def rows(self) -> Iterator[tuple[int, str]]:
        """Yield each row that is gone, or changed in a cell that is not recorded, and words for it."""
        for row in self.changed:
            label, line = said(row.get("label")), row["line"]
            if line in self.lines:
                yield line, f"the row of {label} was changed in a cell that results.json does not record"
            else:
                yield line, f"the row of {label}, which stood here, is not in the sheet any more"

    def _texts(self, row: Mapping[str, Any]) -> dict[str, str]:
        """Return every text that results.json recorded of a row, by column."""
        found: dict[str, object] = {}
        label = row.get("label")
        for descriptor in each_table(self.entry, "descriptors") if label in self.single else ():
            found[str(descriptor.get("column"))] = look(descriptor, "values", str(label))
        for shown in each_table(self.entry, "study_table", "rows") if label in self.single else ():
            if shown.get("label") == label:
                found.update(_table(shown.get("cells")))
                found.update(_table(shown.get("reference")))
        found = {name: text for name, text in found.items() if name in self.sheet.columns}
        found.update(_table(row.get("cells")))
        return {name: text for name, text in found.items() if isinstance(text, str)}


def _table(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _come(stored: Mapping[str, Any], computed: Mapping[str, Any] | None) -> Iterator[tuple[int, str]]:
    """Yield rows that an analysis uses or sets aside now and did not record."""
    known = {row.get("hash") for row in each_table(stored, "cells", "rows")}
    lines = {row.get("line") for row in each_table(stored, "cells", "rows")}
    for row in each_table(computed, "cells", "rows"):
        if row.get("hash") not in known and row.get("line") not in lines:
            words = f"the row of {said(row.get('label'))} reaches the analysis now and did not at the release"
            yield int(row["line"]), words


def _cell_cause(
    change: CellChange,
    names: set[str],
    stored: object,
    computed: Mapping[str, Mapping[str, Any]],
    frozen: Frozen,
) -> Cause:
    """Return the cause for a cell; it touches every analysis that recorded or reads it."""
    touched = set(names)
    for entries in (entries_of(stored), computed):
        for name, entry in entries.items():
            columns = look(entry, "cells", "columns")
            lines = {row.get("line") for row in each_table(entry, "cells", "rows")}
            same = look(entry, "cells", "file") == PurePosixPath(change.path).name
            if same and change.line in lines and isinstance(columns, list) and change.column in columns:
                touched.add(name)
    place = f"{change.path} line {change.line}, {change.column}"
    message = f"{said(change.old)} at the release, {said(change.new)} now{blame(frozen, change.path)}"
    return Cause("cell", change.path, place, message, frozenset(touched), change)


def is_acquitted(frozen: Frozen, path: str) -> bool:
    """Whether an input is as released and results.json is not: what differs was changed in the latter."""
    return frozen.is_intact(path) and "results.json" in frozen.changed


def blame(frozen: Frozen, path: str) -> str:
    """Return words on the hash of a file that something was found in."""
    if path in frozen.changed:
        return " (the hash of the file is no longer the manifest's)"
    if frozen.is_intact(path):
        return " (and yet the hash of the file is the manifest's: the release does not agree with itself)"
    return ""


def _target_causes(
    stored: object, computed: object, sheets: Mapping[str, FrozenSheet], frozen: Frozen
) -> list[Cause]:
    """Return the cells of outside references that are not what results.json recorded."""
    found: dict[tuple[str, int, str], tuple[str, set[str]]] = {}
    files = {PurePosixPath(sheet.path).name: sheet for sheet in sheets.values()}
    again = entries_of(computed)
    for name, entry in entries_of(stored).items():
        now = {target.get("id"): target for target in each_table(again.get(name), "targets")}
        for target in each_table(entry, "targets"):
            other, ref = now.get(target.get("id")), look(target, "rows", 0)
            sheet = files.get(str(look(ref, "file")))
            if other is None or sheet is None or is_acquitted(frozen, sheet.path):
                continue
            if look(ref, "hash") in sheet.hashes.values():
                continue
            line = look(other, "rows", 0, "line")
            for key, old in target.items():
                if key != "rows" and other.get(key) != old:
                    column = _TARGET_COLUMNS.get(key, key)
                    words = f"{said(old)} at the release, {said(other.get(key))} now"
                    words += blame(frozen, sheet.path)
                    found.setdefault((sheet.path, line, column), (words, set()))[1].add(name)
    return [
        Cause("cell", path, f"{path} line {line}, {column}", words, frozenset(names), mendable=False)
        for (path, line, column), (words, names) in found.items()
    ]


def rows_untouched(stored: object, sheets: Sequence[FrozenSheet], path: str) -> bool:
    """Whether every row of a sheet that an analysis recorded still stands in it, cell by cell."""
    sheet = next((sheet for sheet in sheets if sheet.path == path), None)
    if sheet is None:
        return False
    there = set(sheet.hashes.values())
    recorded = (each_table(entry, "cells", "rows") for entry in _entries_on(stored, path))
    return all(row.get("hash") in there for rows in recorded for row in rows)


def columns_gone(stored: object, sheets: Sequence[FrozenSheet], path: str) -> list[str]:
    """Return the columns that analyses recorded and that a sheet has no more."""
    sheet = next((sheet for sheet in sheets if sheet.path == path), None)
    read = [look(entry, "cells", "columns") for entry in _entries_on(stored, path)]
    names = dict.fromkeys(str(name) for columns in read if isinstance(columns, list) for name in columns)
    return [name for name in names if sheet is not None and name not in sheet.columns]


def _entries_on(stored: object, path: str) -> Iterator[Mapping[str, Any]]:
    """Yield the analyses that recorded rows of a sheet."""
    file = PurePosixPath(path).name
    yield from (entry for entry in entries_of(stored).values() if look(entry, "cells", "file") == file)
