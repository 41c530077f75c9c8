"""Rules between the cells of a row, and the record of what they find.

A rule runs where the cells it reads are good, so one bad cell silences only the rules that need its value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from extraction.codebook import PercentClaim, SheetSchema
from extraction.dialect import Decimal
from extraction.errors import Problem
from extraction.number_text import plain_number

#: A percentage may be rounded or cut off, so it may differ from the counts by less than one unit of its last
#: printed digit; the slack is for the binary fractions of that comparison only.
DIGIT_SLACK = 1e-9

#: "prints 17.6%", "printed as 76.3%", "60.8% printed": a percentage that the source itself prints.
_PRINTED = re.compile(r"\bprint(?:s|ed)(?: as)? ([0-9]+(?:\.[0-9]+)?) ?%|([0-9]+(?:\.[0-9]+)?) ?% printed")
_FRACTION = re.compile(r"(?<![0-9.])([0-9]+)(?:/| of )([0-9]+)(?![0-9])")

Value = str | float | int | None
Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class CheckedRow:
    """One record after the rules for cells: exact text, typed values, and the columns whose cell is wrong.

    ``decimal`` is the mark in the text of its numbers.
    """

    line: int
    text: Mapping[str, str]
    values: Mapping[str, Value]
    wrong: frozenset[str]
    decimal: Decimal = "point"

    def number(self, column: str) -> float | None:
        """Return a number that stands in ``column``, or None where there is none, or a wrong one."""
        value = self.values.get(column)
        return value if isinstance(value, int | float) else None

    def printed(self, column: str) -> str:
        """Return the text of a number, with a decimal point."""
        return plain_number(self.text[column].strip(), self.decimal) or ""


class Findings:
    """Problems of one file as they are found."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []

    def add(
        self,
        line: int | None,
        column: str | None,
        value: str | None,
        rule: str,
        message: str,
        advice: str = "",
        severity: Severity = "error",
    ) -> None:
        """Note one problem."""
        self.problems.append(Problem(self.file, line, column, value, rule, message, advice, severity))

    def add_cell(
        self, row: CheckedRow, column: str, rule: str, message: str, advice: str, severity: Severity = "error"
    ) -> None:
        """Note a problem of one cell, with the text that stands there."""
        self.add(row.line, column, row.text[column].strip(), rule, message, advice, severity)


def check_row(row: CheckedRow, schema: SheetSchema, findings: Findings) -> None:
    """Run every rule between cells whose own cells are good."""
    rules: tuple[Callable[[CheckedRow, SheetSchema, Findings], None], ...] = (
        _check_required_when,
        _check_pairs,
        _check_sums,
        _check_intervals,
        _check_percents,
        _check_rates,
        _check_quotes,
    )
    for rule in rules:
        rule(row, schema, findings)


def _check_required_when(row: CheckedRow, schema: SheetSchema, findings: Findings) -> None:
    for needed in schema.required_when:
        if (
            row.values.get(needed.column) is not None
            or needed.column in row.wrong
            or needed.column not in row.text
        ):
            continue
        if all(row.values.get(column) == value for column, value in needed.when):
            because = " and ".join(f"{column} is {value}" for column, value in needed.when)
            findings.add_cell(
                row,
                needed.column,
                "required-missing",
                f"the cell is empty and must be filled where {because}",
                "fill it in, or change the coding of the row",
            )


def _check_pairs(row: CheckedRow, schema: SheetSchema, findings: Findings) -> None:
    for events_column, n_column in schema.pairs:
        events, n = row.number(events_column), row.number(n_column)
        if events is not None and n is not None and events > n:
            findings.add_cell(
                row,
                events_column,
                "events-exceed-n",
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
                row,
                whole_column,
                "parts-exceed-whole",
                f"{said} is more than {whole:g} {whole_column}",
                "check these cells in the source",
            )


def _check_intervals(row: CheckedRow, schema: SheetSchema, findings: Findings) -> None:
    for low_column, estimate_column, high_column in schema.intervals:
        low, estimate, high = (row.number(column) for column in (low_column, estimate_column, high_column))
        if low is not None and high is not None and low > high:
            findings.add_cell(
                row,
                low_column,
                "interval-upside-down",
                f"the lower limit {low:g} lies above the upper limit {high:g} ({high_column})",
                "check both limits in the source; are they swapped, or is a minus sign lost?",
            )
        elif estimate is not None and (
            (low is not None and estimate < low) or (high is not None and estimate > high)
        ):
            limits = f"{'?' if low is None else f'{low:g}'} to {'?' if high is None else f'{high:g}'}"
            findings.add_cell(
                row,
                estimate_column,
                "estimate-outside-interval",
                f"{estimate:g} lies outside its own interval, {limits}",
                "check the three cells in the source; if the source prints them so, say it in the note",
                "warning",
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
        if _contradicts(row.printed(claim.percent), expected):
            findings.add_cell(
                row,
                claim.percent,
                "percent-contradicts-counts",
                f"{percent:g}% is reported, and {claim.events} / {claim.n} is {events:g}/{n:g}, "
                f"{expected:.4g}%",
                "check the three cells in the source; if the source contradicts itself, say it in the note",
                "warning",
            )


def _is_excepted(row: CheckedRow, claim: PercentClaim) -> bool:
    return claim.unless is not None and row.values.get(claim.unless[0]) == claim.unless[1]


def _check_rates(row: CheckedRow, schema: SheetSchema, findings: Findings) -> None:
    for claim in schema.rates:
        rate, events, time = row.number(claim.rate), row.number(claim.events), row.number(claim.time)
        if rate is None or events is None or not time:
            continue
        expected = 100 * events / time
        if _contradicts(row.printed(claim.rate), expected):
            findings.add_cell(
                row,
                claim.rate,
                "rate-contradicts-counts",
                f"a rate of {rate:g} per 100 is reported, and {claim.events} / {claim.time} "
                f"is {events:g}/{time:g} = {expected:.4g} per 100",
                "check the three cells in the source; if the source contradicts itself, say it in the note",
                "warning",
            )


def _check_quotes(row: CheckedRow, schema: SheetSchema, findings: Findings) -> None:
    """Compare a percentage that a note quotes as printed beside the row's own events/n with these counts."""
    for events_column, n_column in schema.pairs[:1]:
        events, n = row.number(events_column), row.number(n_column)
        if events is None or not n:
            continue
        for column in schema.quotes:
            for printed in quoted_percents(row.text.get(column, ""), f"{events:.0f}", f"{n:.0f}"):
                if _contradicts(printed, 100 * events / n):
                    findings.add_cell(
                        row,
                        events_column,
                        "percent-contradicts-counts",
                        f"{column} says that the source prints {printed}%, and {events:g} of {n:g} "
                        f"is {100 * events / n:.4g}%",
                        "say in the note which is right; else code the row for sensitivity analyses",
                        "warning",
                    )


def quoted_percents(text: str, events: str, n: str) -> list[str]:
    """Return the percentages that a note quotes as printed and whose nearest fraction is ``events/n``."""
    quoted = []
    for sentence in re.split(r"(?<=[.]) (?=[A-Z0-9])", text):
        fractions = list(_FRACTION.finditer(sentence))
        for printed in _PRINTED.finditer(sentence):
            nearby = min(
                fractions,
                key=lambda f: max(f.start() - printed.end(), printed.start() - f.end()),
                default=None,
            )
            if nearby is not None and nearby.groups() == (events, n):
                quoted.append(printed[1] or printed[2])
    return quoted
