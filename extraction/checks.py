"""Checks of a whole sheet: its header, every cell, every row, and the rows against one another.

All problems are collected, and none hides another: cells first, each by its column (:mod:`extraction.cells`),
then the rules between cells (:mod:`extraction.rules`) in every row where the cells they read are good.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from extraction.cells import read_cell
from extraction.codebook import Column, SheetSchema
from extraction.errors import Problem
from extraction.grid import Grid, Record, restore
from extraction.names import nearest
from extraction.rules import CheckedRow, Findings, Severity, Value, check_row

#: Similarity from which a further column of an open sheet is suspected to be a known one misspelt (``evnts``,
#: not ``samplesize``).
NEAR_COLUMN = 0.8


@dataclass(frozen=True, slots=True)
class CheckedGrid:
    """Columns and problems in the order of the file, and the rows that line up with the header."""

    columns: tuple[str, ...]
    rows: tuple[CheckedRow, ...]
    problems: tuple[Problem, ...]


def check_grid(grid: Grid, schema: SheetSchema, file: str) -> CheckedGrid:
    """Check all cells, rows and the whole of a sheet against its codebook.

    Parameters
    ----------
    grid : Grid
        Cells as text.
    schema : SheetSchema
        The codebook.
    file : str
        Name of the file, for problems.

    Returns
    -------
    CheckedGrid
        Problems are sorted by line, then by the order of columns.
    """
    findings = Findings(file)
    columns = check_header(grid, schema, findings)
    rows = [
        row for record in grid.records if (row := _check_record(record, grid, columns, findings)) is not None
    ]
    if not grid.records and not grid.problems:
        findings.add(
            None, None, None, "no-rows", "the sheet has a header and no rows", "add at least one row"
        )
    for row in rows:
        check_row(row, schema, findings)
    _check_duplicates(rows, columns, schema, findings)
    _check_cohorts(rows, schema, findings)
    order = {column.name: position for position, column in columns.items()}
    problems = sorted(
        [*grid.problems, *findings.problems],
        key=lambda p: (p.line or 0, order.get(p.column or "", -1 if p.column is None else 10**6)),
    )
    return CheckedGrid(tuple(column.name for column in columns.values()), tuple(rows), tuple(problems))


# The header


def check_header(grid: Grid, schema: SheetSchema, findings: Findings) -> dict[int, Column]:
    """Match the header to the codebook; return the column at each position that can be read."""
    line = grid.header.line
    found: dict[int, Column] = {}
    for position, cell in enumerate(grid.header.cells):
        name = cell.strip()
        filled = any(
            len(record.cells) > position and record.cells[position].strip() for record in grid.records
        )
        if not name:
            if filled:
                findings.add(
                    line,
                    None,
                    "",
                    "unnamed-column",
                    f"column {position + 1} has cells and no name",
                    "name it in the header",
                )
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
        if column is None:
            _check_unknown_column(name, grid, schema, findings)
    present = {column.name for column in found.values()}
    unknown = present - set(schema.names)
    for column in schema.columns:
        if column.name not in present and (column.required or not schema.open):
            _add_missing_column(column, line, unknown, findings)
    return found


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


def _check_record(
    record: Record, grid: Grid, columns: Mapping[int, Column], findings: Findings
) -> CheckedRow | None:
    """Read every cell of a record; return None where its cells do not line up with the header."""
    width = len(grid.header.cells)
    extra = [cell for cell in record.cells[width:] if cell.strip()]
    if len(record.cells) < width or extra:
        findings.add(
            record.line,
            None,
            str(len(record.cells)),
            "ragged-row",
            f"the row has {len(record.cells)} cells and the header {width}",
            "check the commas, and put cells that hold commas in quotation marks",
        )
        return None
    text: dict[str, str] = {}
    values: dict[str, Value] = {}
    wrong: set[str] = set()
    for position, column in columns.items():
        cell = record.cells[position]
        text[column.name] = restore(cell) if grid.neutralised and not column.numeric else cell
        value, fault = read_cell(column, text[column.name], record.flags.get(position))
        values[column.name] = value
        if fault is not None:
            severity: Severity = "warning" if fault.warning else "error"
            findings.add(
                record.line, column.name, cell.strip(), fault.rule, fault.message, fault.advice, severity
            )
            if not fault.warning:
                wrong.add(column.name)
    return CheckedRow(record.line, text, values, frozenset(wrong))


# Rules over the whole sheet


def _check_duplicates(
    rows: Sequence[CheckedRow], columns: Mapping[int, Column], schema: SheetSchema, findings: Findings
) -> None:
    """Find rows that repeat an earlier one in every cell, or in the columns that name a row."""
    seen: dict[tuple[str, ...], int] = {}
    keys: dict[tuple[Value, ...], int] = {}
    names = [column.name for column in columns.values()]
    for row in rows:
        cells = tuple(row.text[name].strip() for name in names)
        key = tuple(row.values.get(name) for name in schema.key)
        if cells in seen:
            first = next((name for name in (*schema.key, *names) if name in row.text), None)
            value = row.text[first].strip() if first is not None else None
            findings.add(
                row.line,
                first,
                value,
                "duplicate-row",
                f"the row is the same as line {seen[cells]} in every cell",
                "delete one of them",
            )
        elif key and None not in key and key in keys:
            said = ", ".join(f"{name} {value}" for name, value in zip(schema.key, key, strict=True))
            findings.add_cell(
                row,
                schema.key[0],
                "duplicate-key",
                f"{said} stands in line {keys[key]} already",
                "rename or delete one of the rows",
            )
        seen.setdefault(cells, row.line)
        keys.setdefault(key, row.line)


def _check_cohorts(rows: Sequence[CheckedRow], schema: SheetSchema, findings: Findings) -> None:
    """Within one study, parts must not add up to more events than the whole, and n should be one number."""
    split = schema.cohort
    if split is None:
        return
    for cohort in _cohorts(rows, split.study):
        wholes = [row for row in cohort if row.values.get(split.part) == split.whole]
        parts = [row for row in cohort if row.values.get(split.part) in split.parts]
        counts = [(row, events) for row in parts if (events := row.number(split.events)) is not None]
        for row in wholes:
            whole = row.number(split.events)
            if whole is not None and counts and sum(events for _, events in counts) > whole:
                said = " + ".join(
                    f"{events:g} {part.values[split.part]} (line {part.line})" for part, events in counts
                )
                findings.add_cell(
                    row,
                    split.events,
                    "parts-exceed-total",
                    f"{said} is more than the {whole:g} in {split.whole}",
                    "check the rows of this study in the source",
                )
        sizes = [(row, n) for row in [*wholes, *parts] if (n := row.number(split.n)) is not None]
        for row, n in sizes[1:]:
            if n != sizes[0][1]:
                findings.add_cell(
                    row,
                    split.n,
                    "n-differs-within-study",
                    f"{split.n} is {n:g} here and {sizes[0][1]:g} in line {sizes[0][0].line}",
                    f"rows of one {split.study} share their {split.n}; check the source",
                    "warning",
                )


def _cohorts(rows: Sequence[CheckedRow], study: str) -> Iterator[list[CheckedRow]]:
    """Yield the rows of each study, in the order of the file."""
    grouped: dict[str, list[CheckedRow]] = {}
    for row in rows:
        name = row.values.get(study)
        if isinstance(name, str):
            grouped.setdefault(name, []).append(row)
    yield from grouped.values()
