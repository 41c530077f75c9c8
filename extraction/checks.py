"""Checks of a whole sheet: its header, every cell, every row, and the rows against one another.

All problems are collected, and none hides another: cells first, each by its column (:mod:`extraction.cells`),
then the rules between cells (:mod:`extraction.rules`) in every row where the cells they read are good.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

from extraction.cells import read_cell
from extraction.codebook import Column, SheetSchema
from extraction.dialect import NO_ROLES, PLAIN, Dialect, Roles, toml_key, toml_text
from extraction.errors import Problem
from extraction.faults import CellFault, quote
from extraction.grid import Grid, Record, restore
from extraction.names import nearest
from extraction.repeated import say_once
from extraction.rules import CheckedRow, Findings, Severity, Value, check_row
from extraction.sheet_rules import check_sheet_rules

#: Similarity from which a further column of an open sheet is suspected to be a known one misspelt (``evnts``,
#: not ``samplesize``).
NEAR_COLUMN = 0.8


@dataclass(frozen=True, slots=True)
class CheckedGrid:
    """Columns and problems in the order of the file, and the rows that line up with the header."""

    columns: tuple[str, ...]
    rows: tuple[CheckedRow, ...]
    problems: tuple[Problem, ...]
    carried: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """What is declared about a sheet beyond its codebook.

    ``needed`` are the columns that something reads: in an open sheet a column of the codebook's numbers that
    is not among them is carried as text where its cells are none. None: every column. ``typed`` are the
    columns whose type is declared.
    """

    dialect: Dialect = PLAIN
    roles: Roles = NO_ROLES
    needed: frozenset[str] | None = None
    typed: frozenset[str] = frozenset()


#: Nothing declared.
AS_IT_IS = Reading()


def check_grid(grid: Grid, schema: SheetSchema, file: str, reading: Reading = AS_IT_IS) -> CheckedGrid:
    """Check all cells, rows and the whole of a sheet against its codebook.

    Parameters
    ----------
    grid : Grid
        Cells as text.
    schema : SheetSchema
        The codebook, with its own key.
    file : str
        Name of the file, for problems.
    reading : Reading
        What is declared beyond the codebook.

    Returns
    -------
    CheckedGrid
        Problems are sorted by line, then by the order of columns; ``carried`` are the columns of numbers that
        were read as text.
    """
    findings = Findings(file)
    columns = check_header(grid, schema, findings, {column for _, column in reading.roles.named()})
    records = [record for record in grid.records if _lines_up(record, grid, findings)]
    carried = _carry_unread(columns, records, grid, schema, reading, findings)
    columns = {position: carried.get(column.name, column) for position, column in columns.items()}
    rows = [_check_record(record, grid, columns, reading.dialect, findings) for record in records]
    by_codebook = frozenset(schema.names) - reading.typed if schema.open else frozenset()
    findings.problems = say_once(findings.problems, rows, list(columns.values()), by_codebook)
    if not grid.records and not grid.problems:
        findings.add(
            None, None, None, "no-rows", "the sheet has a header and no rows", "add at least one row"
        )
    for row in rows:
        check_row(row, schema, findings)
    read = [column.name for column in columns.values()]
    # in an open sheet a column that is not there may be a slip in its name; rows are not compared without it
    key = reading.roles.key if not schema.open or set(reading.roles.key) <= set(read) else ()
    check_sheet_rules(rows, read, schema, key, findings)
    order = {column.name: position for position, column in columns.items()}
    problems = sorted(
        [*grid.problems, *findings.problems],
        key=lambda p: (p.line or 0, order.get(p.column or "", -1 if p.column is None else 10**6)),
    )
    return CheckedGrid(tuple(read), tuple(rows), tuple(problems), tuple(carried))


# The header


def check_header(
    grid: Grid, schema: SheetSchema, findings: Findings, named: Collection[str] = ()
) -> dict[int, Column]:
    """Match the header to the codebook; return the column at each position that can be read.

    Columns ``named`` in a protocol are no slips for others.
    """
    line = grid.header.line
    found: dict[int, Column] = {}
    for position, cell in enumerate(grid.header.cells):
        name = cell.strip()
        filled = any(
            len(record.cells) > position and record.cells[position].strip() for record in grid.records
        )
        if not name:
            if filled:
                _add_unnamed_column(position, line, schema, findings)
            continue
        if any(column.name == name for column in found.values()):
            findings.add(
                line,
                name,
                name,
                "duplicate-column",
                f"two columns are named {name!r}",
                "rename or delete one of them",
            )
            continue
        column = schema.find(name)
        found[position] = column or Column(name, "text", "Column of this review")
        if column is None and name not in named:
            _check_unknown_column(name, grid, schema, findings)
    present = {column.name for column in found.values()}
    unknown = present - set(schema.names)
    for column in schema.columns:
        if column.name not in present and (column.required or not schema.open):
            _add_missing_column(column, line, unknown, findings)
    return found


def _add_unnamed_column(position: int, line: int, schema: SheetSchema, findings: Findings) -> None:
    """Note a column that has cells and no name: R writes such a one, the numbers of its rows."""
    message = f"column {position + 1} has cells and no name"
    severity: Severity = "error"
    if schema.open:
        message, severity = f"{message}; it is not read", "warning"
    findings.add(line, None, "", "unnamed-column", message, "name it in the header", severity)


def _check_unknown_column(name: str, grid: Grid, schema: SheetSchema, findings: Findings) -> None:
    """A closed sheet takes no unknown column; an open one warns of a name that looks like a known one."""
    absent = set(schema.names) - {cell.strip() for cell in grid.header.cells}
    line = grid.header.line
    if not schema.open:
        near = nearest(name, sorted(absent)) or nearest(name, schema.names)
        advice = (
            f"did you mean {near!r}?" if near else f"delete it, or name one of: {', '.join(schema.names)}"
        )
        findings.add(line, name, name, "unknown-column", f"{name!r} is no column of {schema.name}", advice)
        return
    near = next((known for known in sorted(absent) if looks_misspelt(name, known)), None)
    if near is not None:
        findings.add(
            line,
            name,
            name,
            "unknown-column",
            f"{name!r} is no known column and is carried as text; {near!r} is one",
            f"did you mean {near!r}?",
            "warning",
        )


def looks_misspelt(name: str, known: str) -> bool:
    """Whether ``name`` may be a slip for ``known``: (nearly) its letters, in any order, and its digits."""
    letters = [re.sub(r"[\W_]", "", word.casefold()) for word in (name, known)]
    if re.sub(r"\D", "", letters[0]) != re.sub(r"\D", "", letters[1]):
        return False
    if letters[0] == letters[1]:
        return True
    if min(map(len, letters)) < 4:
        return False
    return (
        sorted(letters[0]) == sorted(letters[1])
        or SequenceMatcher(None, letters[0], letters[1]).ratio() >= NEAR_COLUMN
    )


def _add_missing_column(column: Column, line: int, unknown: set[str], findings: Findings) -> None:
    """Note a column of the codebook that the file has not: an error where it is required, else a warning."""
    near = nearest(column.name, sorted(unknown))
    advice = f"is it the column {near!r}?" if near else f"add it: {column.meaning}"
    if column.required:
        findings.add(
            line, column.name, None, "missing-column", f"the column {column.name!r} is missing", advice
        )
    else:
        message = f"the column {column.name!r} is missing; its cells are taken as empty"
        findings.add(line, column.name, None, "missing-column", message, advice, "warning")


# One record


def _lines_up(record: Record, grid: Grid, findings: Findings) -> bool:
    """Say whether the cells of a record line up with the header; note it where they do not."""
    width = len(grid.header.cells)
    if len(record.cells) >= width and not any(cell.strip() for cell in record.cells[width:]):
        return True
    mark = grid.separator or "comma"
    findings.add(
        record.line,
        None,
        str(len(record.cells)),
        "ragged-row",
        f"the row has {len(record.cells)} cells and the header {width}",
        f"check the {mark}s, and put cells that hold {mark}s in quotation marks",
    )
    return False


def _carry_unread(
    columns: Mapping[int, Column],
    records: Sequence[Record],
    grid: Grid,
    schema: SheetSchema,
    reading: Reading,
    findings: Findings,
) -> dict[str, Column]:
    """Return, as text, the columns of the codebook's numbers whose cells are none and which nothing reads.

    The sheet of another review may call by the same name what is no number at all (``time``: post,
    follow-up). One warning a column.
    """
    carried: dict[str, Column] = {}
    if reading.needed is None or not schema.open:
        return carried
    for position, column in columns.items():
        if not column.numeric or column.name in reading.needed:
            continue
        as_text = replace(column, kind="text")
        bad = [
            (record.line, record.cells[position].strip())
            for record in records
            if _read(column, record, position, grid, reading.dialect)[2] is not None
            and _read(as_text, record, position, grid, reading.dialect)[2] is None
        ]
        if bad:
            carried[column.name] = as_text
            line, value = bad[0]
            cells = "1 cell is" if len(bad) == 1 else f"{len(bad)} cells are"
            findings.add(
                line,
                column.name,
                value,
                "carried-as-text",
                f"{cells} no {column.kind} that the codebook allows, such as {quote(value)}; no analysis "
                "reads the column, so it is carried as text",
                _advise_carried(column.name, {value for _, value in bad}),
                "warning",
            )
    return carried


def _advise_carried(name: str, values: set[str]) -> str:
    """Say how to declare a column as text, or its one word that is no number as a code for missing."""
    advice = f'to say so, declare types = {{{toml_key(name)} = "text"}} for this sheet'
    if len(values) > 1:
        return advice
    (code,) = values
    return f"{advice}; or missing = {{{toml_key(name)} = [{toml_text(code)}]}} if that means an empty cell"


def _read(
    column: Column, record: Record, position: int, grid: Grid, dialect: Dialect
) -> tuple[str, Value, CellFault | None]:
    """Return a cell as text, as a value (None where empty, coded as missing, or wrong), and its fault."""
    cell = record.cells[position]
    bare = restore(cell) if grid.neutralised else cell
    missing = dialect.is_missing(column.name, bare)
    text = cell if column.numeric and not missing else bare
    # a code is a code, even where a spreadsheet calls it an error (#N/A)
    said, flag = ("", None) if missing else (text, record.flags.get(position))
    value, fault = read_cell(column, said, flag, dialect.decimal)
    return text, value, fault


def _check_record(
    record: Record, grid: Grid, columns: Mapping[int, Column], dialect: Dialect, findings: Findings
) -> CheckedRow:
    """Read every cell of a record that lines up with the header."""
    text: dict[str, str] = {}
    values: dict[str, Value] = {}
    wrong: set[str] = set()
    for position, column in columns.items():
        text[column.name], values[column.name], fault = _read(column, record, position, grid, dialect)
        if fault is not None:
            severity: Severity = "warning" if fault.warning else "error"
            value = record.cells[position].strip()
            findings.add(
                record.line, column.name, value, fault.rule, fault.message, fault.advice, severity
            )
            if not fault.warning:
                wrong.add(column.name)
    return CheckedRow(record.line, text, values, frozenset(wrong), dialect.decimal)
