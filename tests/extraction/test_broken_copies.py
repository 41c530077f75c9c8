"""Three broken copies of shipped sheets, ten faults each: all named by line, column, rule; none besides."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import openpyxl
import pytest

import extraction
from extraction.errors import ProblemsError
from extraction.sheet import check_sheet, read_sheet

EVIDENCE = Path(extraction.__file__).parent / "evidence"

Table = list[list[str]]
Place = tuple[int | None, str | None, str]


@dataclass(frozen=True)
class Fault:
    """What is done to a table, and the place and rule under which it must be found."""

    words: str
    damage: Callable[[Table], None]
    place: Place
    value: str | None


def write(
    line: int,
    column: str,
    text: str,
    rule: str,
    *,
    at: tuple[int, str] | None = None,
    value: str | None = None,
) -> Fault:
    """Write ``text`` into one cell; the fault is found there, or ``at`` a cell that it contradicts."""

    def damage(table: Table) -> None:
        table[line - 1][table[0].index(column)] = text

    place = at or (line, column)
    return Fault(
        f"{column} of line {line} is {text!r}", damage, (*place, rule), text if value is None else value
    )


def rename(column: str, name: str) -> Fault:
    def damage(table: Table) -> None:
        table[0][table[0].index(column)] = name

    return Fault(f"{column} is called {name}", damage, (1, name, "unknown-column"), name)


def cut(line: int, by: int) -> Fault:
    def damage(table: Table) -> None:
        del table[line - 1][-by:]

    return Fault(f"line {line} lacks {by} cells", damage, (line, None, "ragged-row"), None)


def repeat(line: int, at: int, column: str, value: str) -> Fault:
    def damage(table: Table) -> None:
        table.append(list(table[line - 1]))
        assert len(table) == at

    return Fault(f"line {line} is repeated", damage, (at, column, "duplicate-row"), value)


TRS = (
    write(2, "events", "245", "events-exceed-n"),
    write(5, "events", "40", "parts-exceed-total", at=(3, "events"), value="74"),
    write(6, "n", "1O45", "number-with-letters"),
    write(7, "year", "20166", "impossible-year"),
    write(8, "onset", "erly", "unknown-category"),
    write(10, "n", "", "required-missing"),
    write(16, "followup_years", "3-Jan", "cell-is-date"),
    write(17, "pct_dropout", "123.1", "percent-out-of-range"),
    write(18, "events", "#DIV/0!", "cell-is-error"),
    repeat(20, 32, "study_id", "MorenoSancho2022"),
)

CLOZAPINE = (
    rename("mean_dose_mg", "mean_dosis_mg"),
    write(2, "responders", "-3", "negative-count"),
    write(3, "n", "five", "number-with-letters"),
    write(4, "weeks", "0", "out-of-range"),
    write(5, "pct_male", "70,9", "number-with-comma"),
    write(6, "responders", "", "required-missing"),
    write(7, "year", "2061", "impossible-year"),
    write(8, "study_id", "Kane1988", "duplicate-key"),
    write(10, "responders", "11.5", "fractional-count"),
    cut(12, 2),
)

TD = (
    write(5, "pct_lower", "12.0", "interval-upside-down", value="12.0"),
    write(9, "rate_per_100py_reported", "7.6", "rate-contradicts-counts"),
    write(11, "person_years", "", "required-missing"),
    write(33, "pct_reported", "13.2", "percent-contradicts-counts"),
    write(34, "td_cases", "122", "events-exceed-n"),
    write(35, "drug_class", "SGAs", "unknown-category"),
    write(36, "source_url", "see abstract", "not-a-link"),
    write(38, "td_cases", "2024-05-03 00:00:00", "cell-is-date"),
    write(40, "n", "1l8", "number-with-letters"),
    write(42, "estimate_id", "C-Kane1993-1", "duplicate-key"),
)

#: What one fault brings along of itself: the repeated row has the repeated cells; a renamed column is
#: missing; a case count that is wrong silences its row's other rules, but 122 of 121 also contradicts the
#: percentage and the rate printed beside it.
FOLLOWED_BY: dict[str, list[Place]] = {
    "clozapine_response": [(1, "mean_dose_mg", "missing-column")],
    "td_incidence": [
        (34, "pct_reported", "percent-contradicts-counts"),
        (34, "rate_per_100py_reported", "rate-contradicts-counts"),
    ],
}  # fmt: skip

BROKEN = {"trs_incidence": TRS, "clozapine_response": CLOZAPINE, "td_incidence": TD}


def break_copy(name: str) -> Table:
    with open(EVIDENCE / f"{name}.csv", newline="", encoding="utf-8") as stream:
        table = list(csv.reader(stream))
    for fault in BROKEN[name]:
        fault.damage(table)
    return table


def expect(name: str) -> list[Place]:
    """Places of the ten faults, of what follows from them, and of what the sheet confesses already."""
    sheet = read_sheet(EVIDENCE / f"{name}.csv", name)
    confessed: list[Place] = [(p.line, p.column, p.rule) for p in sheet.warnings]
    return sorted([fault.place for fault in BROKEN[name]] + FOLLOWED_BY.get(name, []) + confessed, key=str)


@pytest.mark.parametrize("name", BROKEN)
def test_every_fault_of_a_broken_copy_is_named_and_nothing_besides(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"{name}.csv"
    with open(path, "w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows(break_copy(name))
    sheet, problems = check_sheet(path, name)
    assert sheet is None
    assert sorted([(p.line, p.column, p.rule) for p in problems], key=str) == expect(name)
    by_place = {(p.line, p.column, p.rule): p for p in problems}
    for fault in BROKEN[name]:
        problem = by_place[fault.place]
        assert fault.value is None or problem.value == fault.value, fault.words
        assert problem.file == f"{name}.csv"
        assert problem.message
        assert problem.advice, fault.words
    with pytest.raises(ProblemsError) as caught:
        read_sheet(path, name)
    assert all(f"line {fault.place[0]}" in str(caught.value) for fault in BROKEN[name])


@pytest.mark.parametrize("name", BROKEN)
def test_the_same_faults_are_found_in_a_workbook(tmp_path: Path, name: str) -> None:
    """A row of a workbook is never shorter than the header: its last cells are just empty."""
    path = tmp_path / f"{name}.xlsx"
    book = openpyxl.Workbook()
    for row in break_copy(name):
        book.active.append(row)
    book.save(path)
    places = {(p.line, p.column, p.rule) for p in check_sheet(path, name)[1]}
    assert places == {place for place in expect(name) if place[2] != "ragged-row"}


def test_there_are_ten_faults_of_different_kinds_in_each_copy() -> None:
    for name, faults in BROKEN.items():
        assert len(faults) == 10, name
        assert len({fault.place for fault in faults}) == 10, name
        assert len({fault.place[2] for fault in faults}) >= 9, name
    rules = {fault.place[2] for faults in BROKEN.values() for fault in faults}
    assert len(rules) >= 18
