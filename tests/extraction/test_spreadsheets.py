"""XLSX: what spreadsheets do to cells is named; hostile files are problems; text never becomes a formula."""

from __future__ import annotations

import datetime
import io
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import openpyxl
import pytest

import extraction
from extraction import spreadsheets
from extraction.errors import Problem, SheetError
from extraction.sheet import Sheet, check_sheet, read_sheet, write_sheet

EVIDENCE = Path(extraction.__file__).parent / "evidence"


def make_book(path: Path, rows: Sequence[Sequence[Any]]) -> openpyxl.Workbook:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(path)
    return book


def check_rows(tmp_path: Path, *rows: Sequence[Any]) -> tuple[Sheet | None, tuple[Problem, ...]]:
    path = tmp_path / "sheet.xlsx"
    make_book(path, [("study_id", "events", "n", "year", "note"), *rows])
    return check_sheet(path, "generic")


def edit_part(path: Path, part: str, old: bytes, new: bytes) -> None:
    """Replace bytes inside one part of a workbook."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    # the two libraries that may write it close an empty element each in its way
    content = parts[part].replace(b"<v></v>", b"<v />").replace(b"<v/>", b"<v />")
    assert old in content
    parts[part] = content.replace(old, new)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


def test_cells_read_as_text_first(tmp_path: Path) -> None:
    sheet, problems = check_rows(
        tmp_path, ("NA", 5.0, 10, 2016, None), (12, 0, "1", None, 1.50), ("x", 1, 2, None, True)
    )
    assert problems == ()
    assert sheet is not None
    assert sheet.rows[0].text == {"study_id": "NA", "events": "5", "n": "10", "year": "2016", "note": ""}
    assert sheet.column("study_id") == ("NA", "12", "x")
    assert sheet.column("note") == (None, "1.5", "TRUE")
    assert [row.ref.line for row in sheet.rows] == [2, 3, 4]


def test_dates_in_any_column_are_problems(tmp_path: Path) -> None:
    moment = datetime.datetime(2024, 5, 3)
    _, problems = check_rows(tmp_path, ("a", moment, 10, datetime.time(3, 4), moment.date()))
    assert [(p.line, p.column, p.value, p.rule) for p in problems] == [
        (2, "events", "2024-05-03 00:00:00", "cell-is-date"),
        (2, "year", "03:04:00", "cell-is-date"),
        (2, "note", "2024-05-03 00:00:00", "cell-is-date"),
    ]


def test_errors_and_formulas(tmp_path: Path) -> None:
    sheet, problems = check_rows(
        tmp_path, ("a", "=1+1", "#DIV/0!", 2016, '=HYPERLINK("x")'), ("b", 1, 2, 2016, "#N/A")
    )
    assert sheet is None
    assert [(p.line, p.column, p.value, p.rule) for p in problems] == [
        (2, "events", "=1+1", "formula-without-value"),
        (2, "n", "#DIV/0!", "cell-is-error"),
        (2, "note", '=HYPERLINK("x")', "formula-without-value"),
        (3, "note", "#N/A", "cell-is-error"),
    ]


def test_a_formula_with_a_stored_result_is_read_and_said(tmp_path: Path) -> None:
    check_rows(tmp_path, ("a", "=1+1", 9, 2016, ""), ("b", "=2+1", 9, 2016, ""), ("c", "=9/0", 9, 2016, ""))
    path = tmp_path / "sheet.xlsx"
    sheet_part = "xl/worksheets/sheet1.xml"
    edit_part(path, sheet_part, b"<f>1+1</f><v />", b"<f>1+1</f><v>2</v>")
    edit_part(path, sheet_part, b"<f>2+1</f><v />", b"<f>2+1</f><v>3</v>")
    edit_part(path, sheet_part, b'<c r="B4"><f>9/0</f><v />', b'<c r="B4" t="e"><f>9/0</f><v>#DIV/0!</v>')
    sheet, problems = check_sheet(path, "generic")
    assert sheet is None
    assert [(p.line, p.column, p.value, p.rule, p.severity) for p in problems] == [
        (2, "events", "=1+1", "cell-is-formula", "warning"),
        (4, "events", "#DIV/0!", "cell-is-error", "error"),
    ]  # fmt: skip
    assert "formulas in 3 cells" in problems[0].message
    edit_part(path, sheet_part, b' t="e"><f>9/0</f><v>#DIV/0!</v>', b"><f>9/0</f><v>4</v>")
    assert read_sheet(path, "generic").column("events") == (2, 3, 4)


def test_merged_cells_are_problems(tmp_path: Path) -> None:
    path = tmp_path / "sheet.xlsx"
    book = make_book(path, [("study_id", "n"), ("a", 1), ("b", 2), ("c", 3)])
    book.active.merge_cells("A2:A3")
    book.save(path)
    (problem,) = check_sheet(path, "generic")[1]
    assert (problem.line, problem.column, problem.value, problem.rule) == (2, "study_id", "a", "merged-cells")
    assert "A2:A3" in problem.message


def test_a_percentage_format_hides_a_factor_of_a_hundred(tmp_path: Path) -> None:
    path = tmp_path / "sheet.xlsx"
    book = make_book(path, [("study_id", "pct_reported", "y"), ("a", 0.45, 0.45)])
    for cell in book.active[2]:
        cell.number_format = "0%"
    book.save(path)
    (problem,) = check_sheet(path, "generic")[1]
    assert (problem.line, problem.column, problem.value, problem.rule) == (
        2,
        "pct_reported",
        "0.45",
        "percent-format",
    )


def test_the_worksheet_named_after_the_schema_is_read_and_empty_rows_count(tmp_path: Path) -> None:
    path = tmp_path / "sheet.xlsx"
    book = make_book(path, [("about", "this book")])
    other = book.create_sheet("generic")
    for line, row in ((3, ("study_id", "n")), (5, ("a", 1)), (9, ("b", "x"))):
        for position, value in enumerate(row, start=1):
            other.cell(line, position, value)
    book.save(path)
    (problem,) = check_sheet(path, "generic")[1]
    assert (problem.line, problem.rule) == (9, "not-a-number")


def test_ragged_header_and_cells_without_a_name(tmp_path: Path) -> None:
    path = tmp_path / "sheet.xlsx"
    make_book(path, [("study_id", None, "n", "n"), ("a", "x", 1, 2)])
    assert [(p.line, p.column, p.rule) for p in check_sheet(path, "generic")[1]] == [
        (1, None, "unnamed-column"), (1, "n", "duplicate-column"),
    ]  # fmt: skip


# Hostile files


def problem_of(path: Path) -> Problem:
    sheet, problems = check_sheet(path, "generic")
    assert sheet is None
    (problem,) = problems
    return problem


def test_broken_workbooks_are_problems(tmp_path: Path) -> None:
    path = tmp_path / "sheet.xlsx"
    path.write_bytes(b"")
    assert problem_of(path).rule == "wrong-format"
    path.write_bytes(b"PK\x03\x04 and no more")
    assert problem_of(path).rule == "wrong-format"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("hello.txt", "no workbook")
    assert problem_of(path).rule == "wrong-format"
    make_book(path, [])
    assert problem_of(path).rule == "empty-file"
    make_book(path, [("study_id", "n")])
    assert problem_of(path).rule == "no-rows"
    make_book(path, [("study_id", "n"), ("a", 1)])
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert problem_of(path).rule == "wrong-format"


def test_entities_are_not_expanded(tmp_path: Path) -> None:
    path = tmp_path / "sheet.xlsx"
    make_book(path, [("study_id", "n"), ("a", 1)])
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'
    edit_part(path, "xl/worksheets/sheet1.xml", b"<worksheet", bomb + b"<worksheet")
    # a parser that takes entities reads this workbook without a word
    assert problem_of(path).rule == "wrong-format"


def test_size_is_capped_before_anything_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "sheet.xlsx"
    make_book(path, [("study_id", "n"), ("a", 1)])
    monkeypatch.setattr(spreadsheets, "MAX_UNPACKED", 1000)
    assert problem_of(path).rule == "too-large"
    monkeypatch.undo()
    monkeypatch.setattr(spreadsheets, "MAX_PARTS", 3)
    assert problem_of(path).rule == "too-large"
    monkeypatch.undo()
    book = make_book(path, [("study_id", "n"), ("a", 1)])
    book.active["XFD1048576"] = 1
    book.save(path)
    problem = problem_of(path)
    assert (problem.rule, problem.message) == ("too-large", "the sheet reaches to row 1048576, column 16384")


# Writing


@pytest.mark.parametrize("name", ["trs_incidence", "clozapine_controlled", "td_targets"])
def test_the_evidence_comes_back_from_a_workbook(tmp_path: Path, name: str) -> None:
    sheet = read_sheet(EVIDENCE / f"{name}.csv", name)
    path = tmp_path / f"{name}.xlsx"
    write_sheet(sheet, path)
    again = read_sheet(path, name)
    assert [dict(row.values) for row in again.rows] == [dict(row.values) for row in sheet.rows]
    assert [row.ref.line for row in again.rows] == [row.ref.line for row in sheet.rows]
    assert [(p.line, p.column, p.rule) for p in again.warnings] == [
        (p.line, p.column, p.rule) for p in sheet.warnings
    ]
    first = path.read_bytes()
    write_sheet(sheet, path)
    assert path.read_bytes() == first


def test_text_is_marked_as_text_and_numbers_are_numbers(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("study_id,note,y,n\n=1+1,'-2,-0.5,3\n")
    write_sheet(read_sheet(tmp_path / "in.csv", "generic"), tmp_path / "out.xlsx")
    cells = openpyxl.load_workbook(tmp_path / "out.xlsx").active[2]
    assert [(cell.value, cell.data_type, cell.quotePrefix) for cell in cells] == [
        ("=1+1", "s", True), ("-2", "s", True), (-0.5, "n", False), (3, "n", False),
    ]  # fmt: skip


def test_a_text_too_long_for_a_spreadsheet_is_refused_not_cut(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text(f"study_id,note\na,{'x' * 40_000}\n")
    sheet = read_sheet(tmp_path / "in.csv", "generic")
    with pytest.raises(SheetError, match=r"out.xlsx line 2, note: text of 40000 characters"):
        write_sheet(sheet, tmp_path / "out.xlsx")
    assert not (tmp_path / "out.xlsx").exists()


def test_parts_carry_one_fixed_time(tmp_path: Path) -> None:
    write_sheet(read_sheet(EVIDENCE / "td_severity.csv", "td_severity"), tmp_path / "out.xlsx")
    with zipfile.ZipFile(io.BytesIO((tmp_path / "out.xlsx").read_bytes())) as archive:
        assert {part.date_time for part in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert archive.read("docProps/core.xml").count(b"1980-01-01T00:00:00Z") == 2
