"""Every rule over the cells, rows and whole of a sheet; all problems are collected, none hides another.

Cells first, each by its column (:mod:`extraction.cells`). A rule between cells runs in every row where the cells it reads are good,
so one bad cell silences only the rules that would need its value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

from extraction.cells import read_cell
from extraction.codebook import Column, PercentClaim, SheetSchema
from extraction.errors import Problem
from extraction.grid import Grid, Record, restore
from extraction.names import nearest

#: Similarity from which a further column of an open sheet is suspected to be a known one misspelt ("evnts", not "samplesize").
NEAR_COLUMN = 0.8

#: A percentage may be rounded or cut off, so it may differ from the counts by less than one unit of its last printed digit;
#: the slack is for the binary fractions of that comparison only.
DIGIT_SLACK = 1e-9

#: "prints 17.6%", "printed as 76.3%", "60.8% printed": a percentage that the source itself prints.
_PRINTED = re.compile(r"\bprint(?:s|ed)(?: as)? ([0-9]+(?:\.[0-9]+)?) ?%|([0-9]+(?:\.[0-9]+)?) ?% printed")

_FRACTION = re.compile(r"(?<![0-9.])([0-9]+)(?:/| of )([0-9]+)(?![0-9])")

Value = str | float | int | None
Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class CheckedRow:
    """One record after the rules for cells: exact text, typed values, and the columns whose cell is wrong."""

    line: int
    text: Mapping[str, str]
    values: Mapping[str, Value]
    wrong: frozenset[str]

    def number(self, column: str) -> float | None:
        """Return a number that stands in ``column``, or None where there is none, or a wrong one."""
        value = self.values.get(column)
        return value if isinstance(value, int | float) else None


@dataclass(frozen=True, slots=True)
class CheckedGrid:
    """Columns in the order of the file, the rows that line up with them, and every problem in the order of the file."""

    columns: tuple[str, ...]
    rows: tuple[CheckedRow, ...]
    problems: tuple[Problem, ...]


class Findings:
    """Problems of one file as they are found."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []

    def add(
        self, line: int | None, column: str | None, value: str | None, rule: str, message: str, advice: str = "",
        severity: Severity = "error",
    ) -> None:
        """Note one problem."""
        self.problems.append(Problem(self.file, line, column, value, rule, message, advice, severity))

    def add_cell(self, row: CheckedRow, column: str, rule: str, message: str, advice: str, severity: Severity = "error") -> None:
        """Note a problem of one cell, with the text that stands there."""
        self.add(row.line, column, row.text[column].strip(), rule, message, advice, severity)


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
    rows = [row for record in grid.records if (row := _check_record(record, grid, columns, findings)) is not None]
    if not grid.records and not grid.problems:
        findings.add(None, None, None, "no-rows", "the sheet has a header and no rows", "add at least one row")
    for row in rows:
        _check_row(row, schema, findings)
    _check_duplicates(rows, columns, schema, findings)
    _check_cohorts(rows, schema, findings)
    order = {column.name: position for position, column in columns.items()}
    problems = sorted(
        [*grid.problems, *findings.problems], key=lambda p: (p.line or 0, order.get(p.column or "", -1 if p.column is None else 10**6))
    )
    return CheckedGrid(tuple(column.name for column in columns.values()), tuple(rows), tuple(problems))


# The header


def check_header(grid: Grid, schema: SheetSchema, findings: Findings) -> dict[int, Column]:
    """Match the header to the codebook; return the column at each position that can be read."""
    line = grid.header.line
    found: dict[int, Column] = {}
    for position, cell in enumerate(grid.header.cells):
        name = cell.strip()
        filled = any(len(record.cells) > position and record.cells[position].strip() for record in grid.records)
        if not name:
            if filled:
                findings.add(line, None, "", "unnamed-column", f"column {position + 1} has cells and no name", "name it in the header")
            continue
        if any(column.name == name for column in found.values()):
            findings.add(line, name, name, "duplicate-column", f"two columns are named {name!r}", "rename or delete one of them")
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
        advice = f"did you mean {near!r}?" if near else f"delete it, or name one of: {', '.join(schema.names)}"
        findings.add(line, name, name, "unknown-column", f"{name!r} is no column of {schema.name}", advice)
        return
    near = next((known for known in sorted(absent) if looks_misspelt(name, known)), None)
    if near is not None:
        findings.add(
            line, name, name, "unknown-column", f"{name!r} is no known column and is carried as text; {near!r} is one",
            f"did you mean {near!r}?", "warning",
        )


def looks_misspelt(name: str, known: str) -> bool:
    """Whether ``name`` may be a slip for ``known``: the same letters in another order or case, or nearly the same; same digits."""
    letters = [re.sub(r"[\W_]", "", word.casefold()) for word in (name, known)]
    if re.sub(r"\D", "", letters[0]) != re.sub(r"\D", "", letters[1]):
        return False
    if letters[0] == letters[1]:
        return True
    if min(map(len, letters)) < 4:
        return False
    return sorted(letters[0]) == sorted(letters[1]) or SequenceMatcher(None, letters[0], letters[1]).ratio() >= NEAR_COLUMN


def _add_missing_column(column: Column, line: int, unknown: set[str], findings: Findings) -> None:
    """Note a column that the codebook has and the file has not: an error where it is required, else a warning."""
    near = nearest(column.name, sorted(unknown))
    advice = f"is it the column {near!r}?" if near else f"add it: {column.meaning}"
    if column.required:
        findings.add(line, column.name, None, "missing-column", f"the column {column.name!r} is missing", advice)
    else:
        message = f"the column {column.name!r} is missing; its cells are taken as empty"
        findings.add(line, column.name, None, "missing-column", message, advice, "warning")


# One record


def _check_record(record: Record, grid: Grid, columns: Mapping[int, Column], findings: Findings) -> CheckedRow | None:
    """Read every cell of a record; return None where its cells do not line up with the header."""
    width = len(grid.header.cells)
    extra = [cell for cell in record.cells[width:] if cell.strip()]
    if len(record.cells) < width or extra:
        findings.add(
            record.line, None, str(len(record.cells)), "ragged-row", f"the row has {len(record.cells)} cells and the header {width}",
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
            findings.add(record.line, column.name, cell.strip(), fault.rule, fault.message, fault.advice, severity)
            if not fault.warning:
                wrong.add(column.name)
    return CheckedRow(record.line, text, values, frozenset(wrong))


# Rules between the cells of a row


def _check_row(row: CheckedRow, schema: SheetSchema, findings: Findings) -> None:
    """Run every rule between cells whose own cells are good."""
    rules: tuple[Callable[[CheckedRow, SheetSchema, Findings], None], ...] = (
        _check_required_when, _check_pairs, _check_sums, _check_intervals, _check_percents, _check_rates, _check_quotes,
    )
    for rule in rules:
        rule(row, schema, findings)


def _check_required_when(row: CheckedRow, schema: SheetSchema, findings: Findings) -> None:
    for needed in schema.required_when:
        if row.values.get(needed.column) is not None or needed.column in row.wrong or needed.column not in row.text:
            continue
        if all(row.values.get(column) == value for column, value in needed.when):
            because = " and ".join(f"{column} is {value}" for column, value in needed.when)
            findings.add_cell(
                row, needed.column, "required-missing", f"the cell is empty and must be filled where {because}",
                "fill it in, or change the coding of the row",
            )


def _check_pairs(row: CheckedRow, schema: SheetSchema, findings: Findings) -> None:
    for events_column, n_column in schema.pairs:
        events, n = row.number(events_column), row.number(n_column)
        if events is not None and n is not None and events > n:
            findings.add_cell(
                row, events_column, "events-exceed-n",
                f"{events:g} events in {n:g} participants ({events_column} must not exceed {n_column})",
                "check both cells in the source; are the two columns swapped?",
            )


def _check_sums(row: CheckedRow, schema: SheetSchema, findings: Findings) -> None:
    for whole_column, part_columns in schema.sums:
        whole = row.number(whole_column)
        parts = {column: number for column in part_columns if (number := row.number(column)) is not None}
        # a single part above the whole is reported too: it is the sum with the other part unknown
        if whole is not None and parts and sum(parts.values()) > whole:
            said = " + ".join(f"{number:g} {column}" for column, number in parts.items())
            findings.add_cell(
                row, whole_column, "parts-exceed-whole", f"{said} is more than {whole:g} {whole_column}", "check these cells in the source"
            )


def _check_intervals(row: CheckedRow, schema: SheetSchema, findings: Findings) -> None:
    for low_column, estimate_column, high_column in schema.intervals:
        low, estimate, high = (row.number(column) for column in (low_column, estimate_column, high_column))
        if low is not None and high is not None and low > high:
            findings.add_cell(
                row, low_column, "interval-upside-down", f"the lower limit {low:g} lies above the upper limit {high:g} ({high_column})",
                "check both limits in the source; are they swapped, or is a minus sign lost?",
            )
        elif estimate is not None and ((low is not None and estimate < low) or (high is not None and estimate > high)):
            limits = f"{'?' if low is None else f'{low:g}'} to {'?' if high is None else f'{high:g}'}"
            findings.add_cell(
                row, estimate_column, "estimate-outside-interval", f"{estimate:g} lies outside its own interval, {limits}",
                "check the three cells in the source; if the source prints them so, say it in the note", "warning",
            )


def printed_unit(text: str) -> float:
    """Return one unit of the last printed digit of a number: 0.1 for ``17.6``, 1 for ``28``."""
    mantissa = text.strip().lower().split("e")[0]
    return float(10 ** -len(mantissa.partition(".")[2]))


def _contradicts(printed: str, expected: float) -> bool:
    return abs(float(printed) - expected) >= printed_unit(printed) * (1 + DIGIT_SLACK)


def _check_percents(row: CheckedRow, schema: SheetSchema, findings: Findings) -> None:
    for claim in schema.percents:
        percent, events, n = row.number(claim.percent), row.number(claim.events), row.number(claim.n)
        if percent is None or events is None or not n or _is_excepted(row, claim):
            continue
        expected = 100 * events / n
        if _contradicts(row.text[claim.percent], expected):
            findings.add_cell(
                row, claim.percent, "percent-contradicts-counts",
                f"{percent:g}% is reported, and {claim.events} {events:g} of {claim.n} {n:g} is {expected:.4g}%",
                "check the three cells in the source; if the source contradicts itself, say it in the note", "warning",
            )


def _is_excepted(row: CheckedRow, claim: PercentClaim) -> bool:
    return claim.unless is not None and row.values.get(claim.unless[0]) == claim.unless[1]


def _check_rates(row: CheckedRow, schema: SheetSchema, findings: Findings) -> None:
    for claim in schema.rates:
        rate, events, time = row.number(claim.rate), row.number(claim.events), row.number(claim.time)
        if rate is None or events is None or not time:
            continue
        expected = 100 * events / time
        if _contradicts(row.text[claim.rate], expected):
            findings.add_cell(
                row, claim.rate, "rate-contradicts-counts",
                f"a rate of {rate:g} per 100 is reported, and {claim.events} {events:g} over {claim.time} {time:g} is {expected:.4g}",
                "check the three cells in the source; if the source contradicts itself, say it in the note", "warning",
            )


def _check_quotes(row: CheckedRow, schema: SheetSchema, findings: Findings) -> None:
    """Compare a percentage that a note quotes as printed, beside the row's own events/n, with these counts."""
    for events_column, n_column in schema.pairs[:1]:
        events, n = row.number(events_column), row.number(n_column)
        if events is None or not n:
            continue
        for column in schema.quotes:
            for printed in quoted_percents(row.text.get(column, ""), f"{events:.0f}", f"{n:.0f}"):
                if _contradicts(printed, 100 * events / n):
                    findings.add_cell(
                        row, events_column, "percent-contradicts-counts",
                        f"{column} says that the source prints {printed}%, and {events:g} of {n:g} is {100 * events / n:.4g}%",
                        "say in the note which is right, and keep the row out of primary analyses if none is known to be",
                        "warning",
                    )


def quoted_percents(text: str, events: str, n: str) -> list[str]:
    """Return the percentages that a note quotes as printed and that it sets beside ``events/n``, nearer than any other fraction."""
    quoted = []
    for sentence in re.split(r"(?<=[.;]) (?=[A-Z])", text):
        fractions = list(_FRACTION.finditer(sentence))
        for printed in _PRINTED.finditer(sentence):
            nearby = min(fractions, key=lambda f: max(f.start() - printed.end(), printed.start() - f.end()), default=None)
            if nearby is not None and nearby.groups() == (events, n):
                quoted.append(printed[1] or printed[2])
    return quoted


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
                row.line, first, value, "duplicate-row", f"the row is the same as line {seen[cells]} in every cell", "delete one of them"
            )
        elif key and None not in key and key in keys:
            said = ", ".join(f"{name} {value}" for name, value in zip(schema.key, key, strict=True))
            findings.add_cell(
                row, schema.key[0], "duplicate-key", f"{said} stands in line {keys[key]} already", "rename or delete one of the rows"
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
                said = " + ".join(f"{events:g} {part.values[split.part]} (line {part.line})" for part, events in counts)
                findings.add_cell(
                    row, split.events, "parts-exceed-total", f"{said} is more than the {whole:g} in {split.whole}",
                    "check the rows of this study in the source",
                )
        sizes = [(row, n) for row in [*wholes, *parts] if (n := row.number(split.n)) is not None]
        for row, n in sizes[1:]:
            if n != sizes[0][1]:
                findings.add_cell(
                    row, split.n, "n-differs-within-study", f"{split.n} is {n:g} here and {sizes[0][1]:g} in line {sizes[0][0].line}",
                    f"rows of one {split.study} share their {split.n}; check the source", "warning",
                )


def _cohorts(rows: Sequence[CheckedRow], study: str) -> Iterator[list[CheckedRow]]:
    """Yield the rows of each study, in the order of the file."""
    grouped: dict[str, list[CheckedRow]] = {}
    for row in rows:
        name = row.values.get(study)
        if isinstance(name, str):
            grouped.setdefault(name, []).append(row)
    yield from grouped.values()
