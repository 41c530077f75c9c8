"""Rules over all rows of a sheet: rows that repeat one another, parts that are more than their whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from extraction.codebook import SheetSchema
from extraction.rules import CheckedRow, Findings


def check_sheet_rules(
    rows: Sequence[CheckedRow],
    columns: Sequence[str],
    schema: SheetSchema,
    declared_key: Sequence[str],
    findings: Findings,
) -> None:
    """Run every rule between rows.

    Parameters
    ----------
    rows : sequence of CheckedRow
        In the order of the file.
    columns : sequence of str
        Columns that were read.
    schema : SheetSchema
        The codebook, with its own key: a row that leaves part of that key empty is compared with none.
    declared_key : sequence of str
        Key that the protocol declares, or none. Under it empty cells, codes for missing ones and absent
        columns equal one another: releases are compared by it, and two rows that it cannot tell apart would
        be confused there.
    findings : Findings
        Where problems go.
    """
    _check_duplicates(rows, columns, schema.key, declared_key, findings)
    _check_cohorts(rows, schema, findings)


def _check_duplicates(
    rows: Sequence[CheckedRow],
    columns: Sequence[str],
    own_key: Sequence[str],
    declared_key: Sequence[str],
    findings: Findings,
) -> None:
    """Find rows that repeat an earlier one in every cell, or in the columns that name a row."""
    seen: dict[tuple[str, ...], int] = {}
    keys: dict[tuple[object, ...], int] = {}
    for row in rows:
        cells = tuple(row.text[name].strip() for name in columns)
        if cells in seen:
            first = next((name for name in (*own_key, *columns) if name in row.text), None)
            value = row.text[first].strip() if first is not None else None
            findings.add(
                row.line,
                first,
                value,
                "duplicate-row",
                f"the row is the same as line {seen[cells]} in every cell",
                "delete one of them",
            )
        elif not _repeats_key(row, own_key, keys, False, findings):
            _repeats_key(row, declared_key, keys, True, findings)
        seen.setdefault(cells, row.line)
        for declared, key in ((False, own_key), (True, declared_key)):
            if not row.wrong & set(key):
                keys.setdefault((declared, *(row.values.get(name) for name in key)), row.line)


def _repeats_key(
    row: CheckedRow,
    key: Sequence[str],
    keys: dict[tuple[object, ...], int],
    declared: bool,
    findings: Findings,
) -> bool:
    """Note a row that agrees with an earlier one in all of a key, and say whether it does."""
    values = [row.values.get(name) for name in key]
    comparable = not row.wrong & set(key) if declared else None not in values
    line = keys.get((declared, *values))
    if not key or not comparable or line is None:
        return False
    said = ", ".join(f"{name} {_show(value)}" for name, value in zip(key, values, strict=True))
    if not declared:
        findings.add_cell(
            row,
            key[0],
            "duplicate-key",
            f"{said} stands in line {line} already",
            "rename or delete one of the rows",
        )
        return True
    findings.add(
        row.line,
        key[0],
        row.text.get(key[0], "").strip(),
        "duplicate-key",
        f"{said} stands in line {line} already, and these columns are declared to name one row",
        "add a column to the key that tells the two rows apart, or mend one of them",
    )
    return True


def _show(value: object) -> str:
    return "(empty)" if value is None else str(value)


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
