"""Sheets in the wild: delimiters, decimal commas, codes for missing, keys and roles, never guessed."""

from __future__ import annotations

import csv
import dataclasses
import io
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extraction.cells import read_cell
from extraction.codebook import Column, extend_schema, find_schema
from extraction.dialect import Dialect, Roles, toml_key
from extraction.errors import Problem, SheetError
from extraction.number_text import has_other_decimal, plain_number
from extraction.sheet import check_sheet, hash_cells, read_sheet, write_sheet

Y = Column("y", "number", "Effect")
N = Column("n", "count", "People", low=1)

GERMAN = Dialect("semicolon", "comma")


def check(folder: Path, text: str, name: str = "sheet.csv", **declared: Any) -> tuple[Problem, ...]:
    (folder / name).write_bytes(text.encode())
    return check_sheet(folder / name, "generic", **declared)[1]


def places(problems: tuple[Problem, ...]) -> list[tuple[int | None, str | None, str, str]]:
    return [(p.line, p.column, p.rule, p.severity) for p in problems]


# Delimiters and line ends


@pytest.mark.parametrize(
    ("name", "delimiter", "mark"),
    [
        ("a.csv", None, ","), ("a.tsv", None, "\t"), ("a.csv", "comma", ","), ("a.csv", "semicolon", ";"),
        ("a.csv", "tab", "\t"), ("a.tsv", "semicolon", ";"), ("a.tsv", "comma", ","),
    ],
)  # fmt: skip
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_cells_are_separated_as_declared_and_else_by_the_ending(
    tmp_path: Path, name: str, delimiter: Any, mark: str, end: str
) -> None:
    text = end.join(mark.join(cells) for cells in (["study_id", "n"], ["A", "5"], ["B", "6"])) + end
    (tmp_path / name).write_bytes(text.encode())
    sheet = read_sheet(tmp_path / name, "generic", dialect=Dialect(delimiter))
    assert (sheet.columns, sheet.column("n")) == (("study_id", "n"), (5, 6))
    assert [row.ref.line for row in sheet.rows] == [2, 3]
    assert sheet.rows[0].text == {"study_id": "A", "n": "5"}


@pytest.mark.parametrize("quote", ["", '"'])
@pytest.mark.parametrize(
    ("declared", "mark", "seems", "word"),
    [
        (None, ";", "semicolons", "semicolon"), (None, "\t", "tabs", "tab"),
        ("semicolon", ",", "commas", "comma"), ("semicolon", "\t", "tabs", "tab"),
        ("tab", ";", "semicolons", "semicolon"), ("tab", ",", "commas", "comma"),
    ],
)  # fmt: skip
def test_a_wrong_delimiter_is_named_with_what_to_declare(
    tmp_path: Path, quote: str, declared: Any, mark: str, seems: str, word: str
) -> None:
    header = mark.join(f"{quote}{name}{quote}" for name in ("study_id", "n", "year"))
    problems = check(tmp_path, f"{header}\nA{mark}5{mark}2001\n", dialect=Dialect(declared))
    (problem,) = problems
    assert (problem.line, problem.rule) == (1, "wrong-delimiter")
    assert problem.message.endswith(f"the cells seem to be separated by {seems}")
    assert problem.advice.startswith(f'declare delimiter = "{word}" for this sheet in review.toml')


def test_bars_are_said_to_be_likely_and_cannot_be_declared(tmp_path: Path) -> None:
    (problem,) = check(tmp_path, "study_id|n\nA|5\n")
    assert problem.message.endswith("the cells seem to be separated by bars")
    assert problem.advice == "save the file with cells separated by commas"


def test_a_sheet_of_one_column_is_no_wrong_delimiter(tmp_path: Path) -> None:
    assert check(tmp_path, '"first;second"\nA\n') == ()


def test_a_ragged_row_is_explained_with_the_mark_of_the_file(tmp_path: Path) -> None:
    (problem,) = check(tmp_path, "study_id;n\nA;1;2\n", dialect=GERMAN)
    assert problem.advice == "check the semicolons, and put cells that hold semicolons in quotation marks"


# Decimal commas


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("-2,93050147860304", -2.93050147860304), ("0,5", 0.5), (",5", 0.5), ("5,", 5.0), ("12", 12.0),
        ("1,5e-3", 0.0015), (" 0,25 ", 0.25), ("+1,0", 1.0),
    ],
)  # fmt: skip
def test_decimal_commas_are_numbers_where_they_are_declared(text: str, value: float) -> None:
    assert read_cell(Y, text, decimal="comma") == (value, None)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("0.5", "number-with-point"), ("1.234", "number-with-point"), ("1.234,5", "number-with-point"),
        ("1,234.5", "number-with-point"), ("2001.5", "number-with-point"), ("-1.5e-3", "number-with-point"),
        ("1 234,5", "not-a-number"), ("1,234,5", "not-a-number"), ("2O,5", "number-with-letters"),
        ("12,5%", "number-with-unit"), ("three", "number-with-letters"), ("1.5.2020", "cell-is-date"),
        ("NA", "not-a-number"), ("\u22120,5", "not-a-number"),
    ],
)  # fmt: skip
def test_what_is_no_number_under_decimal_commas(text: str, rule: str) -> None:
    value, fault = read_cell(Y, text, decimal="comma")
    assert value is None
    assert fault is not None
    assert fault.rule == rule


def test_a_point_among_decimal_commas_says_so_and_is_not_guessed() -> None:
    _, fault = read_cell(Y, "1.234", decimal="comma")
    assert fault is not None
    assert fault.message == "'1.234' has a point, and decimal commas are declared for this sheet"
    assert fault.advice == "write the decimal separator as a comma, and no thousands separator"
    _, fault = read_cell(Y, "abc", decimal="comma")
    assert fault is not None
    assert fault.advice == "write digits, and a comma as decimal separator"


def test_limits_of_a_column_hold_under_decimal_commas_and_messages_keep_the_text() -> None:
    assert read_cell(N, "7,0", decimal="comma") == (7, None)
    for text, message in (
        ("7,5", "7,5 is not a whole number, and n is a count"),
        ("-1,0", "-1,0 is negative, and n is a count"),
        ("0,0", "0,0 is out of range: n must be at least 1"),
    ):
        _, fault = read_cell(N, text, decimal="comma")
        assert fault is not None
        assert fault.message == message


def test_the_text_of_a_cell_stays_as_it_stands_and_its_value_is_the_number(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_bytes(b"study_id;y;note\r\nA;-0,50;1,5 of 3.5\r\n")
    (row,) = read_sheet(tmp_path / "s.csv", "generic", dialect=GERMAN).rows
    assert row.values == {"study_id": "A", "y": -0.5, "note": "1,5 of 3.5"}
    assert row.text == {"study_id": "A", "y": "-0,50", "note": "1,5 of 3.5"}
    assert row.ref.hash == hash_cells(["A", "-0,50", "1,5 of 3.5"])
    assert (row.shown("y"), row.shown("note"), row.shown("n")) == ("-0.50", "1,5 of 3.5", "")


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_the_same_with_either_mark(number: float) -> None:
    text = repr(number)
    value, fault = read_cell(Y, text)
    assert fault is None
    assert read_cell(Y, text.replace(".", ","), decimal="comma") == (value, None)


@given(st.text(alphabet="0123456789,.+-eE ", max_size=12))
def test_a_text_with_a_mark_is_a_number_under_one_of_them_at_most(text: str) -> None:
    both = [plain_number(text, "point"), plain_number(text, "comma")]
    assert None in both or not any("." in plain for plain in both if plain is not None)
    assert not (has_other_decimal(text, "point") and has_other_decimal(text, "comma"))


def test_percentages_are_compared_with_counts_under_decimal_commas(tmp_path: Path) -> None:
    text = "study_id;events;n;pct_reported\nA;1;6;16,7\nB;1;6;17,7\n"
    assert places(check(tmp_path, text, dialect=GERMAN)) == [
        (3, "pct_reported", "percent-contradicts-counts", "warning")
    ]


# What is likely, where nothing is declared


def test_a_column_of_decimal_commas_is_one_problem_of_the_sheet(tmp_path: Path) -> None:
    rows = "".join(f"S{i};{i};0,{i}5;-1,{i}\n" for i in range(1, 40))
    problems = check(tmp_path, f"study_id;n;y;low\n{rows}", dialect=Dialect("semicolon"))
    assert places(problems) == [(2, "y", "decimal-comma", "error")]
    (problem,) = problems
    assert problem.message == "the numbers of y, low seem to have decimal commas (78 cells, such as '0,15')"
    assert problem.advice.startswith('declare decimal = "comma" for this sheet in review.toml')


def test_decimal_points_under_declared_commas_are_one_problem_too(tmp_path: Path) -> None:
    rows = "".join(f"S{i};0.{i}5\n" for i in range(1, 40))
    (problem,) = check(tmp_path, f"study_id;y\n{rows}", dialect=GERMAN)
    assert (problem.line, problem.column, problem.rule) == (2, "y", "decimal-point")
    assert problem.message == (
        "the numbers of y seem to have decimal points (39 cells, such as '0.15'), "
        "and decimal commas are declared"
    )
    assert problem.advice.startswith("take the key decimal away from this sheet")


@pytest.mark.parametrize(
    ("cells", "rules"),
    [
        (("0,5", "0.5"), ["number-with-comma"]),  # one slip among points
        (("0,5", "0,6", "0.5"), ["number-with-comma"] * 2),  # a point speaks against it
        (("1,234", "2,345"), ["number-with-comma"] * 2),  # may be thousands
        (("0,5", "7", "x"), ["number-with-comma", "not-a-number"]),  # one cell is too few
        (("0,5", "1,234", "x"), ["decimal-comma", "not-a-number"]),
        (("0,5", "0,6", "", "7"), ["decimal-comma"]),
    ],
)
def test_decimal_commas_are_said_to_be_likely_only_where_nothing_speaks_against_it(
    tmp_path: Path, cells: tuple[str, ...], rules: list[str]
) -> None:
    rows = "".join(f"S{i};{cell}\n" for i, cell in enumerate(cells))
    problems = check(tmp_path, f"study_id;y\n{rows}", dialect=Dialect("semicolon"))
    assert [p.rule for p in problems] == rules


def test_one_word_in_many_cells_is_said_once_with_what_to_declare(tmp_path: Path) -> None:
    rows = "".join(f"S{i},{'NA' if i % 2 else i},post\n" for i in range(1, 25))
    problems = check(tmp_path, f"study_id,y,time\n{rows}S25,x,post\n")
    assert places(problems) == [
        (2, "y", "not-a-number", "error"), (2, "time", "not-a-number", "error"),
        (26, "y", "not-a-number", "error"),
    ]  # fmt: skip
    assert problems[0].message == (
        "'NA' is not a number (in 12 cells: lines 2, 4, 6, 8, 10, 12, 14, 16, ...)"
    )
    assert problems[0].advice.startswith('declare missing = {y = ["NA"]} for this sheet in review.toml')
    assert problems[1].advice.startswith('if the column holds words, declare types = {time = "text"}')


def test_a_few_cells_are_each_named(tmp_path: Path) -> None:
    problems = check(tmp_path, "study_id,y\nA,NA\nB,NA\nC,NA\n")
    assert places(problems) == [(line, "y", "not-a-number", "error") for line in (2, 3, 4)]


# Codes for missing


def test_a_code_is_an_empty_cell_in_its_column_only(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("study_id,y,se,weeks\nNA,1,0.5, NA \nB,-9,0.5,4\nC,9,.,3\n")
    codes = {"y": ("-9", "NA"), "weeks": ("NA",), "se": (".",)}
    sheet = read_sheet(tmp_path / "s.csv", "generic", dialect=Dialect(missing=codes))
    assert sheet.column("study_id") == ("NA", "B", "C")
    assert sheet.column("y") == (1.0, None, 9.0)
    assert sheet.column("se") == (0.5, 0.5, None)
    assert sheet.column("weeks") == (None, 4.0, 3.0)
    assert [row.text["weeks"] for row in sheet.rows] == [" NA ", "4", "3"]
    assert sheet.rows[0].ref.hash == hash_cells(["NA", "1", "0.5", " NA "])
    assert (sheet.rows[0].shown("weeks"), sheet.rows[0].shown("study_id")) == ("", "NA")


def test_a_code_in_a_cell_that_must_be_filled_is_missing(tmp_path: Path) -> None:
    text = "target_id,analysis,estimate\nNA,a,1\n"
    (tmp_path / "t.csv").write_text(text)
    codes = Dialect(missing={"target_id": ("NA",)})
    _, problems = check_sheet(tmp_path / "t.csv", "trs_targets", dialect=codes)
    assert (2, "target_id", "required-missing", "error") in places(problems)


def test_codes_for_a_column_that_is_not_there(tmp_path: Path) -> None:
    codes = Dialect(missing={"weaks": ("NA",)})
    (problem,) = check(tmp_path, "study_id,weeks\nA,1\n", dialect=codes)
    assert (problem.line, problem.column, problem.severity) == (1, "weaks", "warning")
    assert str(problem) == (
        "sheet.csv line 1, weaks: the sheet has no column 'weaks', for which missing codes are declared "
        "[missing-code-no-column]; did you mean 'weeks'?"
    )
    (tmp_path / "t.csv").write_text("target_id\nA\n")
    _, problems = check_sheet(tmp_path / "t.csv", "trs_targets", dialect=Dialect(missing={"sorce": ("NA",)}))
    (found,) = [p for p in problems if p.rule == "missing-code-no-column"]
    assert (found.severity, found.advice) == ("error", "did you mean 'source'?")
    # a column of the codebook that the file leaves out is no slip
    _, problems = check_sheet(tmp_path / "t.csv", "trs_targets", dialect=Dialect(missing={"source": ("NA",)}))
    assert not [p for p in problems if p.rule == "missing-code-no-column"]


def test_codes_hold_in_a_workbook_and_text_dialects_do_not(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for cells in (["study_id", "y"], ["A", "NA"], ["B", 0.5], ["C", "#N/A"]):
        book.active.append(cells)
    book.save(tmp_path / "s.xlsx")
    sheet = read_sheet(tmp_path / "s.xlsx", "generic", dialect=Dialect(missing={"y": ("NA", "#N/A")}))
    assert sheet.column("y") == (None, 0.5, None)
    for dialect, said in (
        (Dialect("comma"), "delimiter are"), (Dialect(decimal="comma"), "decimal are"),
        (GERMAN, "delimiter and decimal are"),
    ):  # fmt: skip
        _, (problem,) = check_sheet(tmp_path / "s.xlsx", "generic", dialect=dialect)
        assert problem.rule == "only-for-text"
        assert problem.message.replace(" is ", " are ").startswith(f"{said} only for text files")


@settings(max_examples=40)
@given(
    rows=st.lists(
        st.tuples(
            st.floats(-9, 9).map(lambda x: f"{x:.3f}".replace(".", ",")) | st.just("=NA()"),
            st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5),
        ),
        min_size=1,
        max_size=4,
        unique=True,
    )
)  # fmt: skip
def test_what_was_read_with_a_dialect_is_written_and_read_again(
    rows: list[tuple[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("there_and_back")
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, delimiter=";")
    writer.writerows([["study_id", "y", "note"], *([f"S{i}", *row] for i, row in enumerate(rows))])
    (folder / "a.csv").write_bytes(stream.getvalue().encode())
    codes = {"y": ("=NA()",)}
    sheet = read_sheet(folder / "a.csv", "generic", dialect=Dialect("semicolon", "comma", codes))
    write_sheet(sheet, folder / "b.csv")
    again = read_sheet(folder / "b.csv", "generic", dialect=Dialect("comma", "comma", codes))
    assert [row.values for row in again.rows] == [row.values for row in sheet.rows]
    assert [row.text["y"] for row in again.rows] == [row.text["y"] for row in sheet.rows]
    # a code is text: a spreadsheet must not run it
    for line in (folder / "b.csv").read_text(encoding="utf-8").splitlines():
        assert ",=NA()" not in line


# Columns that nothing reads


def test_numbers_that_nothing_reads_are_carried_as_text_with_one_warning(tmp_path: Path) -> None:
    text = "study_id,y,time,weeks\nA,1,post,4\nB,2,12,5\nC,3,fu,x\n"
    (tmp_path / "s.csv").write_text(text)
    sheet = read_sheet(tmp_path / "s.csv", "generic", needed=("y",))
    assert sheet.column("time") == ("post", "12", "fu")
    carried = "no analysis reads the column, so it is carried as text [carried-as-text]; to say so, declare"
    assert [str(p) for p in sheet.warnings] == [
        "s.csv line 2, time: 2 cells are no number that the codebook allows, such as 'post'; "
        f'{carried} types = {{time = "text"}} for this sheet',
        "s.csv line 4, weeks: 1 cell is no number that the codebook allows, such as 'x'; "
        f'{carried} types = {{weeks = "text"}} for this sheet; '
        'or missing = {weeks = ["x"]} if that means an empty cell',
    ]
    found = sheet.schema.find("time")
    assert found is not None
    assert (found.kind, sheet.schema.find("y").kind) == ("text", "number")  # type: ignore[union-attr]


def test_columns_that_are_read_or_typed_stay_strict(tmp_path: Path) -> None:
    text = "study_id,y,time\nA,1,post\n"
    wrong = [(2, "time", "not-a-number", "error")]
    assert places(check(tmp_path, text, needed=("time",))) == wrong
    assert places(check(tmp_path, text, needed=(), types={"time": "number"})) == wrong
    assert places(check(tmp_path, text)) == wrong
    assert check(tmp_path, text, needed=("time",), types={"time": "text"}) == ()


def test_an_error_cell_is_no_text_to_carry(tmp_path: Path) -> None:
    problems = check(tmp_path, "study_id,time\nA,#DIV/0!\nB,post\n", needed=())
    assert places(problems) == [
        (2, "time", "cell-is-error", "error"),
        (3, "time", "carried-as-text", "warning"),
    ]


def test_a_closed_schema_carries_nothing(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("target_id,estimate\nA,high\n")
    _, problems = check_sheet(tmp_path / "t.csv", "trs_targets", needed=())
    assert (2, "estimate", "not-a-number", "error") in places(problems)


def test_an_unnamed_column_is_not_read_and_no_part_of_a_rows_hash(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text('"",study_id,y\n1,A,1\n2,B,2\n')
    sheet = read_sheet(tmp_path / "s.csv", "generic")
    assert sheet.columns == ("study_id", "y")
    assert sheet.rows[1].text == {"study_id": "B", "y": "2"}
    assert sheet.rows[1].ref.hash == hash_cells(["B", "2"])
    assert [str(p) for p in sheet.warnings] == [
        "s.csv line 1: column 1 has cells and no name; it is not read [unnamed-column]; name it in the header"
    ]
    (tmp_path / "t.csv").write_text(",target_id\n1,A\n")
    _, problems = check_sheet(tmp_path / "t.csv", "trs_targets")
    assert (1, None, "unnamed-column", "error") in places(problems)


# Keys and roles


KEYED = "study,arm_name,outcome,y\nA,x,o,1\nA,,o,2\nA,x,p,3\nB,NA,o,4\n"


def test_a_declared_key_is_kept_on_the_schema_and_else_the_codebooks_own(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text(KEYED)
    key = ("study", "arm_name", "outcome")
    assert read_sheet(tmp_path / "s.csv", "generic", roles=Roles(key)).schema.key == key
    assert read_sheet(tmp_path / "s.csv", "generic").schema.key == ()
    assert extend_schema(find_schema("trs_incidence")).key == find_schema("trs_incidence").key


def test_two_rows_that_agree_in_a_declared_key_are_an_error_and_empty_equals_empty(tmp_path: Path) -> None:
    text = KEYED + "A,NA,o,5\nB,,o,6\n"
    roles = Roles(("study", "arm_name", "outcome"))
    problems = check(tmp_path, text, roles=roles, dialect=Dialect(missing={"arm_name": ("NA",)}))
    assert [(p.line, p.column, p.value, p.rule) for p in problems] == [
        (6, "study", "A", "duplicate-key"), (7, "study", "B", "duplicate-key"),
    ]  # fmt: skip
    assert problems[0].message == (
        "study A, arm_name (empty), outcome o stands in line 3 already, "
        "and these columns are declared to name one row"
    )
    # without the code NA is an arm of that name
    assert places(check(tmp_path, KEYED + "B,,o,6\n", roles=roles)) == []


def test_a_key_with_a_wrong_cell_is_not_compared_and_repeated_rows_are_said_once(tmp_path: Path) -> None:
    text = "study,weeks,y\nA,x,1\nA,,2\nB,3,1\nB,3,1\n"
    assert places(check(tmp_path, text, roles=Roles(("study", "weeks")))) == [
        (2, "weeks", "not-a-number", "error"), (5, "study", "duplicate-row", "error"),
    ]  # fmt: skip


def test_a_closed_schema_keeps_its_own_key_beside_a_declared_one(tmp_path: Path) -> None:
    required = [c for c in find_schema("clozapine_controlled").columns if c.required]
    cells = {c.name: c.values[0] if c.allowed else "10" if c.numeric else "a" for c in required}

    def errors(roles: Roles, **other: str) -> list[tuple[int | None, str, str]]:
        lines = [cells, cells.values(), {**cells, **other}.values()]
        (tmp_path / "c.csv").write_text("".join(f"{','.join(line)}\n" for line in lines))
        _, problems = check_sheet(tmp_path / "c.csv", "clozapine_controlled", roles=roles)
        return [(p.line, p.rule, p.message[:11]) for p in problems if p.severity == "error"]

    assert errors(Roles(("study_id", "comparator")), comparator="b") == [(3, "duplicate-key", "study_id a ")]
    assert errors(Roles(("study_id", "comparator")), study_id="b") == []
    # a column that the file leaves out is an empty part of the key
    assert errors(Roles(("comparator", "weeks")), study_id="b") == [(3, "duplicate-key", "comparator ")]


def test_columns_with_a_role_must_exist(tmp_path: Path) -> None:
    roles = Roles(("study", "arms"), study="studdy", arm="arm_nam", control="ctrl")
    problems = check(tmp_path, KEYED, roles=roles)
    assert {(p.column, p.message, p.severity) for p in problems} == {
        ("arms", "the sheet has no column 'arms', which is declared as key", "error"),
        ("studdy", "the sheet has no column 'studdy', which is declared as study", "error"),
        ("arm_nam", "the sheet has no column 'arm_nam', which is declared as arm", "error"),
        ("ctrl", "the sheet has no column 'ctrl', which is declared as control", "error"),
    }
    assert {p.column: p.advice for p in problems}["arm_nam"] == "did you mean 'arm_name'?"


def test_roles_say_which_columns_name_study_arm_and_control(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text(KEYED)
    roles = Roles(study="study", arm="arm_name", control="outcome")
    sheet = read_sheet(tmp_path / "s.csv", "generic", roles=roles)
    overlap = sheet.schema.overlap
    assert overlap is not None
    assert (overlap.label, overlap.arm, overlap.control) == ("study", "arm_name", "outcome")
    generic = find_schema("generic").overlap
    assert generic is not None
    assert overlap == dataclasses.replace(generic, label="study", arm="arm_name", control="outcome")
    assert sheet.warnings == ()  # study is no slip for study_id here
    assert places(check(tmp_path, KEYED)) == [(1, "study", "unknown-column", "warning")]
    with pytest.raises(SheetError, match="is closed: it takes no columns for study, arm and control"):
        read_sheet(tmp_path / "s.csv", "trs_incidence", roles=Roles(arm="x"))


def test_words_that_are_not_offered_are_refused() -> None:
    with pytest.raises(SheetError, match="no delimiter 'semicolons'; did you mean 'semicolon'"):
        Dialect("semicolons")  # type: ignore[arg-type]
    with pytest.raises(SheetError, match="no decimal ','"):
        Dialect(decimal=",")  # type: ignore[arg-type]
    with pytest.raises(SheetError, match="missing codes of 'y' are a list"):
        Dialect(missing={"y": "NA"})  # type: ignore[dict-item]


@pytest.mark.parametrize(("name", "key"), [("n_arm1", "n_arm1"), (".g", '".g"'), ('a"b', '"a\\"b"')])
def test_names_are_written_as_keys_of_toml(name: str, key: str) -> None:
    assert toml_key(name) == key
