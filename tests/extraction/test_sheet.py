"""Reading and writing text sheets: encodings, lines, hashes, files that are none, there and back."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import extraction
from extraction.cells import ERROR_CELL
from extraction.codebook import SCHEMA_NAMES, find_schema
from extraction.errors import ProblemsError, SheetError
from extraction.grid import MAX_CELL, neutralise, restore
from extraction.sheet import Row, RowRef, Sheet, check_sheet, hash_cells, read_sheet, write_sheet

EVIDENCE = Path(extraction.__file__).parent / "evidence"
EVIDENCE_SHEETS = tuple(name for name in SCHEMA_NAMES if name != "generic")

#: Every suspicion in the shipped evidence, each confessed by a note of its row: Korea48wk ("printed as 76.3%
#: although 16/21 is 76.2%"), Carbon's misprinted interval ("printing error in the source"), Downs2019
#: ("prints 19.3%; 124/638 = 19.4%"), and Schneider2015 ("ABSTRACT INTERNALLY INCONSISTENT: prints 17.6% but
#: 108/662=16.3%").
SUSPICIONS = {
    "clozapine_response": [(29, "responders", "16", "percent-contradicts-counts")],
    "td_targets": [(27, "estimate", "2.8", "estimate-outside-interval")],
    "trs_incidence": [
        (24, "events", "124", "percent-contradicts-counts"),
        (28, "events", "108", "percent-contradicts-counts"),
    ],
}

#: Text that has done harm in a spreadsheet, a page or a parser.
HOSTILE = (
    '=HYPERLINK("http://x","y")', "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "'=1", "''=1",
    "'plain", "=", "-", "-0.5", "\uff1d1+1", '"', '"=1"', "a,b", "a\nb", "a\r\nb", "a\rb",
    "'", "''", "<script>alert(1)</script>",
    '"><img onerror=x>', "\u202eabc", "\u2028x", "\x0bx", "\x85x", "x" * 5000, " ", " lead", "trail ",
    "_x000D_", "_x0041_x0042_", "_xD800_", "_x0000_", "NA", "007", "#5", "1;2", "a|b", "\ufeffx",
)  # fmt: skip


def read_text(tmp_path: Path, data: str | bytes, schema: str = "generic", name: str = "sheet.csv") -> Sheet:
    path = tmp_path / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return read_sheet(path, schema)


# The evidence


@pytest.mark.parametrize("name", EVIDENCE_SHEETS)
def test_the_shipped_evidence_reads_with_no_suspicion_but_those_it_confesses(name: str) -> None:
    path = EVIDENCE / f"{name}.csv"
    sheet = read_sheet(path, name)
    with open(path, newline="", encoding="utf-8") as stream:
        header, *rows = csv.reader(stream)
    assert sheet.columns == tuple(header)
    assert [list(row.text.values()) for row in sheet.rows] == rows
    assert [row.ref.line for row in sheet.rows] == list(range(2, len(rows) + 2))
    assert sheet.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    found = [(p.line, p.column, p.value, p.rule) for p in sheet.warnings]
    assert found == SUSPICIONS.get(name, [])
    assert all(p.severity == "warning" for p in sheet.warnings)


@pytest.mark.parametrize("name", EVIDENCE_SHEETS)
def test_the_evidence_is_written_as_it_was_read(tmp_path: Path, name: str) -> None:
    sheet = read_sheet(EVIDENCE / f"{name}.csv", name)
    write_sheet(sheet, tmp_path / f"{name}.csv")
    again = read_sheet(tmp_path / f"{name}.csv", name)
    assert (again.rows, again.columns, again.warnings) == (sheet.rows, sheet.columns, sheet.warnings)


def test_values_are_typed_by_the_codebook() -> None:
    sheet = read_sheet(EVIDENCE / "trs_incidence.csv")
    row = sheet.rows[0]
    assert row["study_id"] == "Agid2011"
    assert (row["year"], row["events"], row["n"], row["followup_years"], row["pmid"]) == (
        2011,
        50,
        244,
        0.46,
        None,
    )
    assert [type(row[name]) for name in ("events", "followup_years")] == [int, float]
    assert len(sheet.where(onset="total")) == 19
    assert sheet.where(onset="total").whole is sheet
    frame = sheet.to_frame()
    assert list(frame.columns) == list(sheet.columns)
    assert frame.index[0] == ("trs_incidence.csv", 2, row.ref.hash)


# Text in, text out


def test_names_that_look_missing_or_numeric_stay_names(tmp_path: Path) -> None:
    sheet = read_text(tmp_path, "study_id,n\nNA,1\nNone,2\n007,3\nnull,4\n-1,5\n")
    assert sheet.column("study_id") == ("NA", "None", "007", "null", "-1")


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_byte_order_mark_and_line_ends_change_nothing(tmp_path: Path, start: bytes, end: bytes) -> None:
    sheet = read_text(tmp_path, start + end.join([b"study_id,n", "Åbo,1".encode(), b"b,2"]) + end)
    assert sheet.column("study_id") == ("Åbo", "b")
    assert sheet.columns == ("study_id", "n")
    assert [row.ref.line for row in sheet.rows] == [2, 3]


def test_lines_are_where_records_start(tmp_path: Path) -> None:
    text = 'study_id,note,n\na,"one\ntwo\r\nthree",1\n\n,,\nb,x,2\nc,"""\n""",3\nd,y,4\n'
    assert [row.ref.line for row in read_text(tmp_path, text).rows] == [2, 7, 8, 10]


def test_tabs_separate_the_cells_of_a_tsv(tmp_path: Path) -> None:
    sheet = read_text(tmp_path, "study_id\tn\na,b\t1\n", name="sheet.tsv")
    assert sheet.column("study_id") == ("a,b",)


def test_a_row_is_known_by_the_hash_of_its_cells(tmp_path: Path) -> None:
    sheet = read_text(tmp_path, 'study_id,note,n\na,"b,c",1\n"a,b",c,1\n')
    expected = hashlib.sha256(json.dumps(["a", "b,c", "1"], separators=(",", ":")).encode()).hexdigest()
    assert sheet.rows[0].ref == RowRef("sheet.csv", 2, expected)
    assert sheet.rows[0].ref.hash != sheet.rows[1].ref.hash
    moved = read_text(tmp_path, 'study_id,note,n\nz,,5\na,"b,c",1\n', name="other.csv")
    assert moved.rows[1].ref.hash == sheet.rows[0].ref.hash


@pytest.mark.parametrize(
    ("name", "data", "line", "rule"),
    [
        ("a.csv", b"", None, "empty-file"),
        ("a.csv", b"\n \n", None, "empty-file"),
        ("a.csv", b",,\n,,\n", None, "empty-file"),
        ("a.csv", "study_id,n\nÅ,1\n".encode("latin-1"), 2, "not-utf8"),
        ("a.csv", "study_id,n\nA,1\n".encode("utf-16"), None, "not-utf8"),
        ("a.csv", b"study_id,n\nA\0,1\n", 2, "not-text"),
        ("a.csv", b"PK\x03\x04\xff", None, "wrong-format"),
        ("a.csv", b"study_id;n\na;1,5\n", 1, "wrong-delimiter"),
        ("a.csv", b"study_id\tn\na\t1\n", 1, "wrong-delimiter"),
        ("a.tsv", b"study_id,n\na,1\n", 1, "wrong-delimiter"),
        ("a.csv", b'study_id,n\na,1\nb,"2\nc,3\n', 3, "bad-quotes"),
        ("a.csv", b'study_id,n\n"a"b,1\n', 2, "bad-quotes"),
        ("a.csv", b'"study_id,n\na,1\n', 1, "bad-quotes"),
        ("a.csv", b"study_id,note\na," + b"x" * (MAX_CELL + 1) + b"\n", 2, "bad-quotes"),
        ("a.xls", b"anything", None, "wrong-format"),
        ("a", b"study_id,n\na,1\n", None, "wrong-format"),
        ("a.xlsx", b"study_id,n\na,1\n", None, "wrong-format"),
    ],
)
def test_a_file_that_is_no_sheet_is_a_problem(
    tmp_path: Path, name: str, data: bytes, line: int | None, rule: str
) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    sheet, problems = check_sheet(path, "generic")
    assert sheet is None
    assert [(p.file, p.line, p.rule, p.severity) for p in problems] == [(name, line, rule, "error")]
    assert problems[0].advice
    with pytest.raises(ProblemsError, match=rule):
        read_sheet(path, "generic")


def test_a_file_that_is_missing_or_a_folder_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "trials.csv").write_text("study_id,n\na,1\n")
    (problem,) = check_sheet(tmp_path / "trails.csv", "generic")[1]
    assert (problem.file, problem.rule, problem.advice) == (
        "trails.csv",
        "no-such-file",
        "did you mean 'trials.csv'?",
    )
    (problem,) = check_sheet(tmp_path / "nowhere" / "a.csv", "generic")[1]
    assert problem.advice == "check its name and folder"
    (tmp_path / "folder.csv").mkdir()
    (problem,) = check_sheet(tmp_path / "folder.csv", "generic")[1]
    assert problem.rule == "unreadable-file"


def test_rows_before_an_unclosed_quotation_mark_are_still_checked(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('study_id,events,n\na,5,4\nb,1,2\nc,"1,2\n')
    assert [(p.line, p.rule) for p in check_sheet(path, "generic")[1]] == [
        (2, "events-exceed-n"),
        (4, "bad-quotes"),
    ]


def test_an_unknown_schema_is_an_error_of_the_caller(tmp_path: Path) -> None:
    with pytest.raises(SheetError, match="did you mean 'generic'"):
        check_sheet(tmp_path / "a.csv", "generics")


# There and back


def make_sheet(rows: list[tuple[str, str, str]]) -> Sheet:
    """Build a sheet of (study_id, note, y) as another program might hand it over."""
    columns = ("study_id", "note", "y")
    made = []
    for line, cells in enumerate(rows, start=2):
        text = dict(zip(columns, cells, strict=True))
        values = {**{name: cell.strip() or None for name, cell in text.items()}, "y": float(text["y"])}
        made.append(Row(values, text, RowRef("x.csv", line, hash_cells(cells))))
    return Sheet("x.csv", find_schema("generic"), columns, tuple(made), "")


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".xlsx"])
def test_hostile_text_comes_back_to_the_letter(tmp_path: Path, ending: str) -> None:
    sheet = make_sheet([(text, text[::-1], f"-{number}.5") for number, text in enumerate(HOSTILE)])
    path = tmp_path / f"sheet{ending}"
    write_sheet(sheet, path)
    again = read_sheet(path, "generic")
    assert [dict(row.text) for row in again.rows] == [dict(row.text) for row in sheet.rows]
    assert [dict(row.values) for row in again.rows] == [dict(row.values) for row in sheet.rows]
    assert [row.ref.hash for row in again.rows] == [row.ref.hash for row in sheet.rows]
    first = path.read_bytes()
    write_sheet(again, path)
    assert path.read_bytes() == first


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    texts=st.lists(
        st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=12)
        | st.text("='+-@\t\r\n\",; x_0D4", max_size=8),
        min_size=1, max_size=6,
    ),
    ending=st.sampled_from([".csv", ".tsv"]),
)  # fmt: skip
def test_any_text_comes_back_to_the_letter(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], ending: str
) -> None:
    assume(not any(ERROR_CELL.fullmatch(text.strip()) for text in texts))
    path = tmp_path_factory.mktemp("any") / f"sheet{ending}"
    sheet = make_sheet([(text, text, str(number)) for number, text in enumerate(texts)])
    write_sheet(sheet, path)
    assert [row.text for row in read_sheet(path, "generic").rows] == [row.text for row in sheet.rows]


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.text("'=+-@\t\r\n ax", max_size=6) | st.text(max_size=6))
def test_neutralised_text_is_harmless_and_can_be_restored(text: str) -> None:
    written = neutralise(text)
    assert restore(written) == text
    assert not written.startswith(("=", "+", "-", "@", "\t", "\r"))


def test_numbers_are_never_altered(tmp_path: Path) -> None:
    text = "study_id,y,note,n\na,-0.5,-0.5,5\nb,+1e-3,+1,07\nc,22.0,@x,1.0\n"
    sheet = read_text(tmp_path, text)
    write_sheet(sheet, tmp_path / "out.csv")
    assert (
        tmp_path / "out.csv"
    ).read_text() == "study_id,y,note,n\na,-0.5,'-0.5,5\nb,+1e-3,'+1,07\nc,22.0,'@x,1.0\n"


def test_a_selection_is_written_and_other_endings_are_refused(tmp_path: Path) -> None:
    shutil.copy(EVIDENCE / "trs_incidence.csv", tmp_path)
    totals = read_sheet(tmp_path / "trs_incidence.csv").where(onset="total")
    write_sheet(totals, tmp_path / "new" / "totals.csv")
    assert len(read_sheet(tmp_path / "new" / "totals.csv")) == 19
    with pytest.raises(
        SheetError, match=r"totals.json: a sheet is written as .csv, .tsv or .xlsx; got '.json'"
    ):
        write_sheet(totals, tmp_path / "totals.json")


def test_a_column_that_is_not_there_is_named_with_the_nearest() -> None:
    sheet = read_sheet(EVIDENCE / "trs_incidence.csv")
    with pytest.raises(SheetError, match=r"trs_incidence.csv has no column 'onst'; did you mean 'onset'\?"):
        sheet.where(onst="total")
    with pytest.raises(SheetError, match="has no column 'evnts'; did you mean 'events'"):
        sheet.column("evnts")
