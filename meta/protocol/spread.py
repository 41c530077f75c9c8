"""Joining the rows of one study: early and late resistance of one cohort become two columns of one row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from extraction.errors import Problem, ProblemsError
from extraction.names import suggest
from extraction.overlap import label_of
from extraction.sheet import Row, RowRef, Sheet, Value
from meta.models.formula import formula_columns
from meta.protocol.expressions import column_and_level, parse_sum
from meta.protocol.plan import Analysis


@dataclass(frozen=True, slots=True)
class Joined:
    """A sheet whose rows may each stand for several, where each came from, and the record of it.

    ``refs`` goes from the address of a joined row (that of its first part) to the addresses of all its parts.
    """

    sheet: Sheet
    refs: Mapping[RowRef, tuple[RowRef, ...]] = field(default_factory=dict)
    record: dict[str, Any] | None = None


def spread_rows(sheet: Sheet, analysis: Analysis, columns: tuple[str, ...]) -> Joined:
    """Join the rows of each label that differ in the column ``spread``.

    A column that the analysis names with a level (``events.early``) becomes one column a level; it is empty
    where a study has no row of that level. Every other column keeps its value where the rows agree, or where
    only one of them gives it. Where texts differ they are joined by " / "; where numbers differ the cell is
    empty.

    Parameters
    ----------
    sheet : Sheet
        The rows after the filters.
    analysis : Analysis
        The plan; nothing happens without its ``spread``.
    columns : tuple of str
        Label columns: rows with one label are one study.

    Returns
    -------
    Joined

    Raises
    ------
    ProblemsError
        If a study has two rows of one level or a row without one, or if rows disagree in a column that the
        analysis computes with; both lines are named.
    """
    spread = analysis.spread
    if spread is None:
        return Joined(sheet)
    if spread not in sheet.columns:
        raise ProblemsError(
            [
                Problem(
                    sheet.file,
                    None,
                    spread,
                    None,
                    "unknown-column",
                    f"analysis {analysis.id!r} spreads {spread!r}, which the sheet does not have",
                    suggest(spread, sheet.columns),
                )
            ]
        )
    split = tuple(
        dict.fromkeys(
            column
            for name in _computed(analysis)
            for column, level in [column_and_level(name)]
            # a column whose own name has a point in it is no level of another
            if level is not None and column in sheet.columns and name not in sheet.columns
        )
    )
    levels = tuple(sorted({str(row.values[spread]) for row in sheet.rows if row.values[spread] is not None}))
    shared = tuple(c for c in sheet.columns if c != spread and c not in split)
    used = set(_computed(analysis)) | _sheet_needs(sheet)
    studies: dict[str, list[Row]] = {}
    for row in sheet.rows:
        studies.setdefault(label_of(row, columns), []).append(row)
    problems = [
        p
        for label, rows in studies.items()
        for p in _faults(sheet, analysis, label, rows, used & set(shared))
    ]
    if problems:
        raise ProblemsError(problems)
    new_columns = tuple(f"{column}.{level}" for column in split for level in levels)
    joined = tuple(_join(rows, spread, split, levels, shared) for rows in studies.values())
    record = {
        "column": spread,
        "levels": list(levels),
        "columns": list(new_columns),
        "rows": len(sheet),
        "studies": len(joined),
    }
    refs = {rows[0].ref: tuple(row.ref for row in rows) for rows in studies.values()}
    result = replace(sheet, columns=(*shared, *new_columns), rows=joined, whole=sheet.whole or sheet)
    return Joined(result, refs, record)


def _computed(analysis: Analysis) -> list[str]:
    """Return the columns that the analysis computes or groups with."""
    names = list(analysis.columns.values())
    names += [column for text in analysis.derived.values() for _, column in parse_sum(text)]
    names += [group.by for group in analysis.subgroups]
    names += [column for plan in analysis.moderators for column in formula_columns(plan.formula)]
    return names if analysis.cumulative is None else [*names, analysis.cumulative]


def _sheet_needs(sheet: Sheet) -> set[str]:
    """Return the columns that the overlap rule looks at."""
    overlap = sheet.schema.overlap
    return (
        set()
        if overlap is None
        else {c for c in (overlap.arm, overlap.group, overlap.followup, overlap.n) if c}
    )


def _faults(sheet: Sheet, analysis: Analysis, label: str, rows: list[Row], used: set[str]) -> list[Problem]:
    """Return what keeps the rows of one study from being joined."""
    spread = str(analysis.spread)
    problems = []
    seen: dict[str, int] = {}
    for row in rows:
        level = row.values[spread]
        if level is None:
            problems.append(
                Problem(
                    sheet.file,
                    row.ref.line,
                    spread,
                    None,
                    "spread-empty",
                    f"analysis {analysis.id!r} spreads {spread!r}, which is empty here",
                )
            )
            continue
        if str(level) in seen:
            lines = f"lines {seen[str(level)]} and {row.ref.line}"
            message = f"analysis {analysis.id!r} joins the rows of {label!r}, and {lines} are both {level!r}"
            problems.append(
                Problem(
                    sheet.file,
                    row.ref.line,
                    spread,
                    str(level),
                    "label-twice",
                    message,
                    "filter to one of them",
                )
            )
        seen[str(level)] = row.ref.line
    for column in sorted(used):
        given = [row for row in rows if row.values[column] is not None]
        if len({row.values[column] for row in given}) > 1:
            first, other = (
                given[0],
                next(row for row in given if row.values[column] != given[0].values[column]),
            )
            one, two = (f"{row.values[column]!r} on line {row.ref.line}" for row in (first, other))
            message = f"analysis {analysis.id!r} joins the rows of {label!r}, and they disagree: {one}, {two}"
            problems.append(
                Problem(
                    sheet.file, other.ref.line, column, str(other.values[column]), "spread-disagrees", message
                )
            )
    return problems


def _join(
    rows: list[Row], spread: str, split: tuple[str, ...], levels: tuple[str, ...], shared: tuple[str, ...]
) -> Row:
    """Return one row for the rows of one study."""
    by_level = {str(row.values[spread]): row for row in rows}
    values: dict[str, Value] = {column: _agree([row.values[column] for row in rows]) for column in shared}
    text = {column: _agree_text([row.shown(column) for row in rows]) for column in shared}
    for column in split:
        for level in levels:
            part = by_level.get(level)
            values[f"{column}.{level}"] = None if part is None else part.values[column]
            text[f"{column}.{level}"] = "" if part is None else part.shown(column)
    return Row(values, text, rows[0].ref)


def _agree(cells: list[Value]) -> Value:
    """Return the value that all filled cells share; texts that differ are joined, numbers left empty."""
    given = list(dict.fromkeys(cell for cell in cells if cell is not None))
    if len(given) <= 1:
        return given[0] if given else None
    return " / ".join(map(str, given)) if all(isinstance(cell, str) for cell in given) else None


def _agree_text(cells: list[str]) -> str:
    return " / ".join(dict.fromkeys(cell for cell in cells if cell))
