"""What is wrong with many cells in the same way is said once, with what to declare if it is no slip."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from extraction.codebook import Column
from extraction.dialect import Decimal, toml_key, toml_text
from extraction.errors import Problem
from extraction.faults import quote
from extraction.number_text import has_other_decimal, is_unknown_word, plain_number
from extraction.rules import CheckedRow

#: So many cells with one fault are each named; more are said once.
FEW = 3

#: How many of their lines are listed.
LISTED = 8

#: Rules of cells in which the other decimal mark stands, by the mark that is declared.
_OTHER_DECIMAL: dict[Decimal, str] = {"point": "number-with-comma", "comma": "number-with-point"}


def say_once(
    problems: Sequence[Problem],
    rows: Sequence[CheckedRow],
    columns: Sequence[Column],
    by_codebook: Collection[str],
) -> list[Problem]:
    """Return the problems of cells with those of one kind gathered.

    Numbers with the other decimal mark are one problem of the sheet, where nothing in their columns speaks
    against it. The same text with the same fault in more than a few cells of a column is one problem, and so
    are more than a few links of a column that are none.

    Parameters
    ----------
    problems : sequence of Problem
        Those of header, records and cells.
    rows : sequence of CheckedRow
        All rows.
    columns : sequence of Column
        In the order of the file.
    by_codebook : collection of str
        Columns that are numbers only because an open codebook calls them so.
    """
    return _gather_same(_gather_decimals(problems, rows, columns), by_codebook)


def _gather_decimals(
    problems: Sequence[Problem], rows: Sequence[CheckedRow], columns: Sequence[Column]
) -> list[Problem]:
    """Say once that the numbers of a sheet seem to have the other decimal mark."""
    decimal: Decimal = rows[0].decimal if rows else "point"
    rule = _OTHER_DECIMAL[decimal]
    suspects = {
        column.name
        for column in columns
        if column.numeric and _is_otherwise([row.text[column.name].strip() for row in rows], decimal)
    }
    found = [p for p in problems if p.rule == rule and p.column in suspects]
    if len(found) < 2:
        return list(problems)
    names = [column.name for column in columns if column.name in {p.column for p in found}]
    listed = ", ".join(names[:FEW]) + (f" and {len(names) - FEW} more columns" if len(names) > FEW else "")
    other = "comma" if decimal == "point" else "point"
    declared = "" if decimal == "point" else f", and decimal {decimal}s are declared"
    example = next(p for p in found if has_other_decimal(p.value or "", decimal))
    said = replace(
        example,
        rule=f"decimal-{other}",
        message=f"the numbers of {listed} seem to have decimal {other}s ({len(found)} cells, "
        f"such as {quote(example.value or '')}){declared}",
        advice=_decimal_advice(other),
    )
    first = problems.index(found[0])
    gone = set(map(id, found))
    kept = [*problems[:first], said, *problems[first:]]
    return [p for p in kept if id(p) not in gone]


def _decimal_advice(other: str) -> str:
    if other == "point":
        return "take the key decimal away from this sheet in review.toml, or write the numbers with commas"
    declare = 'declare decimal = "comma" for this sheet in review.toml (meta fit: --decimal comma)'
    return f"{declare}, or write the numbers with points"


def _is_otherwise(cells: Sequence[str], decimal: Decimal) -> bool:
    """Say whether cells show the other decimal mark, and none of them the declared one."""
    declared = [plain for cell in cells if (plain := plain_number(cell, decimal)) is not None]
    return not any("." in plain for plain in declared) and any(has_other_decimal(c, decimal) for c in cells)


def _gather_same(problems: Sequence[Problem], by_codebook: Collection[str]) -> list[Problem]:
    """Say once what is wrong with many cells of a column in the same way."""
    kinds: dict[tuple[str | None, str, str | None], list[Problem]] = {}
    for problem in problems:
        if problem.line is not None:
            kinds.setdefault(_kind(problem), []).append(problem)
    found = []
    for problem in problems:
        same = kinds.get(_kind(problem), []) if problem.line is not None else []
        if len(same) <= FEW:
            found.append(problem)
        elif same[0] is problem:
            found.append(_gathered(same, by_codebook))
    return found


def _kind(problem: Problem) -> tuple[str | None, str, str | None]:
    """Return what makes two problems one kind; links that are none are one whatever stands there."""
    value = None if problem.rule == "not-a-link" else problem.value
    return problem.column, problem.rule, value


def _gathered(same: Sequence[Problem], by_codebook: Collection[str]) -> Problem:
    """Return one problem for many of a kind: with how many there are, where, and what to declare."""
    first = same[0]
    lines = ", ".join(str(p.line) for p in same[:LISTED]) + (", ..." if len(same) > LISTED else "")
    what = "rows" if first.column is None else "cells"
    message = f"{first.message} (in {len(same)} {what}: lines {lines})"
    return replace(first, message=message, advice=_advice(first, by_codebook))


def _advice(problem: Problem, by_codebook: Collection[str]) -> str:
    """Return what to do about many cells of a column that hold one word."""
    if problem.rule != "not-a-number" or problem.column is None or problem.value is None:
        return problem.advice
    key = toml_key(problem.column)
    if is_unknown_word(problem.value):
        declare = f"declare missing = {{{key} = [{toml_text(problem.value)}]}} for this sheet in review.toml"
        declare += f" (meta fit: --missing {problem.column}={problem.value})"
        return f"{declare}, or leave the cells empty"
    if problem.column in by_codebook:
        return f'if the column holds words, declare types = {{{key} = "text"}} for this sheet in review.toml'
    return problem.advice
