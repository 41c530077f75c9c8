"""Columns that the sheet does not have: sums of its own, and what is said where a column is missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from extraction.errors import Problem, ProblemsError
from extraction.names import suggest
from extraction.sheet import Row, Sheet, Value
from meta.errors import ProtocolError
from meta.protocol.expressions import parse_sum
from meta.protocol.plan import Analysis


def show_value(value: Value) -> str:
    """Return a cell as text: a number with all its digits."""
    # :g alone would round from the seventh digit on
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def fail(
    sheet: Sheet,
    rule: str,
    message: str,
    *,
    column: str | None = None,
    line: int | None = None,
    advice: str = "",
) -> ProblemsError:
    """Return the error for one problem of a selection."""
    return ProblemsError([Problem(sheet.file, line, column, None, rule, message, advice)])


def need_column(sheet: Sheet, column: str, analysis: Analysis) -> None:
    """Raise the error for a column that an analysis needs and the sheet does not have."""
    if column not in sheet.columns:
        raise fail(
            sheet,
            "unknown-column",
            f"analysis {analysis.id!r} needs a column {column!r}",
            column=column,
            advice=suggest(column, sheet.columns),
        )


def derive_columns(sheet: Sheet, analysis: Analysis) -> Sheet:
    """Add the derived columns; where a term is missing, so is the sum."""
    for name, text in analysis.derived.items():
        if name in sheet.columns:
            raise fail(
                sheet,
                "derived-exists",
                f"analysis {analysis.id!r} derives {name!r}, which the sheet already has",
                column=name,
            )
        try:
            terms = parse_sum(text)
        except ProtocolError as error:
            raise fail(sheet, "derived-form", f"analysis {analysis.id!r}: {error}", column=name) from error
        for _, column in terms:
            need_column(sheet, column, analysis)
        rows = tuple(with_sum(sheet, row, name, terms) for row in sheet.rows)
        sheet = replace(sheet, columns=(*sheet.columns, name), rows=rows)
    return sheet


def with_sum(sheet: Sheet, row: Row, name: str, terms: Sequence[tuple[int, str]]) -> Row:
    """Return the row with one more column."""
    total: float | int | None = 0
    for sign, column in terms:
        cell = row.values[column]
        if isinstance(cell, str):
            raise fail(
                sheet,
                "derived-text",
                f"{name!r} adds up {column!r}, which holds text: {cell!r}",
                column=column,
                line=row.ref.line,
            )
        total = None if total is None or cell is None else total + sign * cell
    return replace(
        row,
        values={**row.values, name: total},
        text={**row.text, name: "" if total is None else show_value(total)},
    )
