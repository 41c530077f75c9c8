"""``Sheet``: typed rows that remember file, line and content hash; reading and writing sheets."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from extraction.dialect import BY_ENDING, MARKS, NO_ROLES, PLAIN, Dialect, Roles
from extraction.errors import Problem, ProblemsError, SheetError
from extraction.files import sha256, write_atomic
from extraction.grid import Grid, file_problem, neutralise, read_delimited
from extraction.names import nearest, suggest

if TYPE_CHECKING:
    import pandas as pd

    from extraction.codebook import FurtherKind, SheetSchema

#: A typed cell: text, a number, or None where the cell is empty.
Value = str | float | int | None


@dataclass(frozen=True, slots=True)
class RowRef:
    """Where a row came from: file name, line (header is line 1), and SHA-256 of its cells in file order."""

    file: str
    line: int
    hash: str


@dataclass(frozen=True, slots=True)
class Row:
    """One row: typed values, the text as it stands in the file, and its address.

    A cell that holds a code for missing has the value None, and its text is the code.
    """

    values: Mapping[str, Value]
    text: Mapping[str, str]
    ref: RowRef

    def __getitem__(self, column: str) -> Value:
        return self.values[column]

    def shown(self, column: str) -> str:
        """Return the text of a cell for people; empty where it is empty, coded as missing, or not there.

        The decimal mark of a number is a point, whatever the file has.
        """
        value, text = self.values.get(column), self.text.get(column, "")
        if value is None:
            return ""
        # a number has a comma in its text only where the file has decimal commas
        return text if isinstance(value, str) else text.replace(",", ".")


@dataclass(frozen=True, slots=True)
class Sheet:
    """Rows of one sheet, or a selection of them.

    ``whole`` is the sheet that a selection was taken from (None for the whole sheet itself), so that links
    between rows are always seen on the whole. ``warnings`` are the suspicions found while reading.
    """

    file: str
    schema: SheetSchema
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    sha256: str
    warnings: tuple[Problem, ...] = ()
    whole: Sheet | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def column(self, name: str) -> tuple[Value, ...]:
        """Return the typed cells of one column, row by row; SheetError if there is no such column."""
        self._require(name)
        return tuple(row.values[name] for row in self.rows)

    def select(self, keep: Callable[[Row], bool]) -> Sheet:
        """Return the rows for which ``keep`` is true, linked to the whole sheet."""
        return replace(self, rows=tuple(r for r in self.rows if keep(r)), whole=self.whole or self)

    def where(self, **equals: Value) -> Sheet:
        """Return the rows whose columns equal the given values, for example ``where(onset="total")``.

        Raises SheetError if there is no such column.
        """
        for name in equals:
            self._require(name)
        return self.select(lambda row: all(row.values[c] == v for c, v in equals.items()))

    def _require(self, name: str) -> None:
        if name not in self.columns:
            raise SheetError(f"{self.file} has no column {name!r}; {suggest(name, self.columns)}")

    def to_frame(self) -> pd.DataFrame:
        """Return the typed cells as a table, with ``file``, ``line`` and ``hash`` in its index."""
        import pandas as pd

        index = pd.MultiIndex.from_tuples(
            [(r.ref.file, r.ref.line, r.ref.hash) for r in self.rows], names=["file", "line", "hash"]
        )
        return pd.DataFrame([dict(r.values) for r in self.rows], index=index, columns=list(self.columns))


def read_sheet(
    path: str | Path,
    schema: str = "trs_incidence",
    *,
    types: Mapping[str, FurtherKind] | None = None,
    pairs: Sequence[tuple[str, str]] | None = None,
    dialect: Dialect = PLAIN,
    roles: Roles = NO_ROLES,
    needed: Collection[str] | None = None,
) -> Sheet:
    """Read and check a sheet (CSV, TSV or XLSX).

    Parameters
    ----------
    path : str or Path
        The file. Text is UTF-8 with or without byte order mark.
    schema : str
        Name of its codebook; ``generic`` for any other review.
    types : mapping of column to {"text", "count", "number", "percent", "year"}, optional
        Further columns of an open sheet, which are text otherwise.
    pairs : sequence of (events, n), optional
        Further columns of an open sheet where the first must not exceed the second.
    dialect : Dialect
        What separates the cells of a text file (commas in ``.csv`` and tabs in ``.tsv`` unless declared), its
        decimal mark, and codes for missing values. Nothing of it is guessed.
    roles : Roles
        Columns that together name a row; in an open sheet those that name study, arm and control group.
    needed : collection of str, optional
        Columns that something reads. Others of an open sheet that the codebook calls numbers are carried as
        text, with a warning, where their cells are none. All columns where not given.

    Returns
    -------
    Sheet
        Its ``warnings`` are what looks wrong and may be right; ``schema.key`` is the declared key, else the
        codebook's own.

    Raises
    ------
    ProblemsError
        With every problem at once, if one of them is an error.
    SheetError
        If there is no such codebook, or it takes no further columns or roles.
    """
    sheet, problems = check_sheet(
        path, schema, types=types, pairs=pairs, dialect=dialect, roles=roles, needed=needed
    )
    if sheet is None:
        raise ProblemsError(problems)
    return sheet


def check_sheet(
    path: str | Path,
    schema: str | SheetSchema = "trs_incidence",
    *,
    types: Mapping[str, FurtherKind] | None = None,
    pairs: Sequence[tuple[str, str]] | None = None,
    dialect: Dialect = PLAIN,
    roles: Roles = NO_ROLES,
    needed: Collection[str] | None = None,
) -> tuple[Sheet | None, tuple[Problem, ...]]:
    """Read a sheet and return it with its problems; what is in the file, or that there is none, never raises.

    Parameters
    ----------
    path, schema, types, pairs, dialect, roles, needed
        As in :func:`read_sheet`; ``schema`` may be a codebook itself, for sheets made up by a protocol.

    Returns
    -------
    sheet : Sheet or None
        None if any problem is an error.
    problems : tuple of Problem
        All of them, in the order of the file.
    """
    # imported here: the checks bring pydantic, which a fit of arrays or data frames does not need
    from extraction.checks import Reading, check_grid
    from extraction.codebook import extend_schema, find_schema
    from extraction.declared import missing_columns, named_columns

    found = find_schema(schema) if isinstance(schema, str) else schema
    codebook = extend_schema(found, types, pairs, roles)
    place = Path(path)
    try:
        data = _read_bytes(place)
        grid = _read_grid(data, place, codebook.name, dialect)
    except ProblemsError as error:
        return None, error.problems
    named = named_columns(types, pairs, roles)
    counted = named_columns(types, pairs, NO_ROLES)
    read = None if needed is None else frozenset((*needed, *counted))
    reading = Reading(dialect, roles, read, frozenset(types or ()))
    checked = check_grid(grid, replace(codebook, key=found.key), place.name, reading)
    known = checked.columns if codebook.open else tuple(dict.fromkeys((*checked.columns, *codebook.names)))
    missing = missing_columns(named, dialect, known, codebook.open, grid.header.line, place.name)
    problems = missing + checked.problems
    if any(problem.severity == "error" for problem in problems):
        return None, problems
    codebook = replace(
        codebook,
        columns=tuple(replace(c, kind="text") if c.name in checked.carried else c for c in codebook.columns),
    )
    absent = () if codebook.open else tuple(name for name in codebook.names if name not in checked.columns)
    rows = tuple(
        Row(
            {**row.values, **dict.fromkeys(absent)},
            {**row.text, **dict.fromkeys(absent, "")},
            RowRef(place.name, row.line, hash_cells([row.text[name] for name in checked.columns])),
        )
        for row in checked.rows
    )
    return Sheet(place.name, codebook, checked.columns + absent, rows, sha256(data), problems), problems


def hash_cells(cells: Sequence[str]) -> str:
    """Return the SHA-256 of the cells of a row, in order, spaces and all: of them as a JSON list in UTF-8."""
    return sha256(json.dumps(list(cells), ensure_ascii=False, separators=(",", ":")))


def write_sheet(sheet: Sheet, path: str | Path) -> None:
    """Write a sheet as CSV, TSV or XLSX, by the ending of ``path``; :func:`read_sheet` gives the cells back.

    Text that a spreadsheet would run as a formula is neutralised: behind an apostrophe in CSV and TSV, marked
    as text in XLSX. The codebook says which columns are text, so a number such as -0.5 is never touched. In
    CSV every cell keeps its text to the letter, decimal commas and codes for missing values too, so that it
    is read back by the same dialect but for the delimiter; in XLSX numbers are numbers, so ``22.0`` comes
    back as ``22``, and a number that is coded as missing is an empty cell.

    Parameters
    ----------
    sheet : Sheet
        Rows to write.
    path : str or Path
        Where to; folders are made as needed.

    Raises
    ------
    SheetError
        If the ending is another, or a text is too long for a spreadsheet cell.
    """
    place = Path(path)
    suffix = place.suffix.lower()
    if suffix in BY_ENDING:
        write_atomic(place, _delimited_text(sheet, MARKS[BY_ENDING[suffix]]))
    elif suffix == ".xlsx":
        from extraction.spreadsheets import write_workbook

        rows = [
            [
                row.values.get(name) if _is_numeric(sheet, name) else row.text.get(name, "")
                for name in sheet.columns
            ]
            for row in sheet.rows
        ]
        write_atomic(place, write_workbook(sheet.columns, rows, sheet.schema.name, place.name))
    else:
        raise SheetError(f"{place.name}: a sheet is written as .csv, .tsv or .xlsx; got {place.suffix!r}")


def _read_bytes(path: Path) -> bytes:
    """Return the content of a file, or raise the problem that says why there is none."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        others = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
        near = nearest(path.name, others)
        advice = f"did you mean {near!r}?" if near else "check its name and folder"
        raise file_problem(path.name, "no-such-file", f"there is no file {path.name!r}", advice) from None
    except OSError as error:
        raise file_problem(
            path.name,
            "unreadable-file",
            f"the file cannot be opened ({error.strerror})",
            "check that it is a file you may read",
        ) from None


def read_header(path: Path, schema: str, dialect: Dialect) -> tuple[str, ...] | None:
    """Return the names in the header of a file; None where it cannot be read."""
    try:
        grid = _read_grid(path.read_bytes(), path, schema, dialect)
    except (OSError, ProblemsError):
        return None
    return tuple(cell.strip() for cell in grid.header.cells if cell.strip())


def _read_grid(data: bytes, path: Path, schema: str, dialect: Dialect) -> Grid:
    """Read the cells as the dialect says, or else by the ending of the file's name."""
    suffix = path.suffix.lower()
    if suffix in BY_ENDING:
        return read_delimited(data, path.name, dialect.delimiter or BY_ENDING[suffix])
    if suffix == ".xlsx" and dialect.for_text_only:
        raise file_problem(
            path.name,
            "only-for-text",
            f"{' and '.join(dialect.for_text_only)} are only for text files, and this is a workbook",
            "take them away: a workbook knows its cells and numbers",
        )
    if suffix == ".xlsx":
        from extraction.spreadsheets import read_workbook

        return read_workbook(data, path.name, schema)
    raise file_problem(
        path.name,
        "wrong-format",
        f"files ending in {path.suffix!r} are not read",
        "save the sheet as .csv (CSV UTF-8), .tsv or .xlsx",
    )


def _is_numeric(sheet: Sheet, name: str) -> bool:
    column = sheet.schema.find(name)
    return column is not None and column.numeric


def _delimited_text(sheet: Sheet, delimiter: str) -> str:
    """Return the sheet as CSV or TSV; line ends are a single newline, cells are quoted where they must be."""
    numeric = {name for name in sheet.columns if _is_numeric(sheet, name)}
    lines = [[neutralise(name) for name in sheet.columns]]
    for row in sheet.rows:
        # a code for missing is text, in a column of numbers too
        cells = [
            (row.text.get(name, ""), name in numeric and row.values.get(name) is not None)
            for name in sheet.columns
        ]
        lines.append([text if number else neutralise(text) for text, number in cells])
    return "".join(
        delimiter.join(_quote(cell, delimiter, len(cells) == 1) for cell in cells) + "\n" for cells in lines
    )


def _quote(cell: str, delimiter: str, alone: bool) -> str:
    """Quote a cell where it must be; an empty cell alone in its line too, or the line would read as blank."""
    if (
        any(mark in cell for mark in (delimiter, '"', "\r", "\n"))
        or cell != cell.strip()
        or (alone and not cell)
    ):
        return '"' + cell.replace('"', '""') + '"'
    return cell
