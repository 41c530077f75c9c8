"""Rules over headers, rows and sheets: place, value, rule, severity, and that no problem hides another."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

import extraction
from extraction.checks import looks_misspelt
from extraction.errors import Problem, ProblemsError
from extraction.rules import printed_unit, quoted_percents
from extraction.sheet import check_sheet, read_sheet

Place = tuple[int | None, str | None, str | None, str, str]


def places(problems: tuple[Problem, ...]) -> list[Place]:
    return [(p.line, p.column, p.value, p.rule, p.severity) for p in problems]


def check(tmp_path: Path, text: str, schema: str = "generic", **options: object) -> tuple[Problem, ...]:
    path = tmp_path / "sheet.csv"
    path.write_text(text, encoding="utf-8", newline="")
    sheet, problems = check_sheet(path, schema, **options)  # type: ignore[arg-type]
    assert (sheet is None) == any(p.severity == "error" for p in problems)
    assert all(p.file == "sheet.csv" and p.message and not p.message.endswith(".") for p in problems)
    if sheet is not None:
        assert sheet.warnings == problems
    return problems


# One row


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("events,n\n140,139\n", [(2, "events", "140", "events-exceed-n", "error")]),
        ("events,n\n139,139\n", []),
        ("events1,n1,events2,n2\n5,4,9,8\n",
         [(2, "events1", "5", "events-exceed-n", "error"), (2, "events2", "9", "events-exceed-n", "error")]),
        ("low,y,high\n2,1.5,1\n", [(2, "low", "2", "interval-upside-down", "error")]),
        ("low,y,high\n1,3,2\n", [(2, "y", "3", "estimate-outside-interval", "warning")]),
        ("low,y,high\n1,0,\n", [(2, "y", "0", "estimate-outside-interval", "warning")]),
        ("low,y,high\n1,1,1\n", []),
        ("pct_reported,events,n\n17.6,108,662\n",
         [(2, "pct_reported", "17.6", "percent-contradicts-counts", "warning")]),
        # 16.31: rounded, cut off, and rounded up in the last digit
        ("pct_reported,events,n\n16.3,108,662\n16,108,662\n16.4,108,662\n", []),
        ("pct_reported,events,n\n16.2,108,662\n",
         [(2, "pct_reported", "16.2", "percent-contradicts-counts", "warning")]),
    ],
)  # fmt: skip
def test_rules_between_cells(tmp_path: Path, text: str, expected: list[Place]) -> None:
    assert places(check(tmp_path, text)) == expected


def test_a_bad_cell_silences_only_the_rules_that_need_it(tmp_path: Path) -> None:
    problems = check(tmp_path, "events1,n1,events2,n2,low,y,high\nfive,4,9,8,2,x,1\n")
    assert places(problems) == [
        (2, "events1", "five", "number-with-letters", "error"),
        (2, "events2", "9", "events-exceed-n", "error"),
        (2, "low", "2", "interval-upside-down", "error"),
        (2, "y", "x", "not-a-number", "error"),
    ]


def test_the_error_reads_as_the_design_says(tmp_path: Path) -> None:
    (problem,) = check(tmp_path, "events,n\n140,139\n")
    assert str(problem) == (
        "sheet.csv line 2, events: 140 events in 139 participants (events must not exceed n) "
        "[events-exceed-n]; check both cells in the source; are the two columns swapped?"
    )


def test_printed_units() -> None:
    assert [printed_unit(text) for text in ("17.6", "28", "0.27", "5.", "1e1")] == [0.1, 1, 0.01, 1, 1]


def test_a_quoted_percentage_belongs_to_the_nearest_fraction() -> None:
    text = "19/21 + 84/141 = 103/162 (84/141 is 59.6%, printed as 59%). Prints nothing."
    assert quoted_percents(text, "103", "162") == []
    assert quoted_percents(text, "84", "141") == ["59"]
    assert quoted_percents("prints 17.6% but 108/662=16.3%; exclude", "108", "662") == ["17.6"]
    assert quoted_percents("Abstract prints 74.5% for trial 1 although 184/244=75.4%.", "50", "244") == []
    assert quoted_percents("60.8% printed. 1/2 is another sentence", "1", "2") == []


# The whole sheet


def test_repeated_rows(tmp_path: Path) -> None:
    problems = check(tmp_path, "study_id,n\na,1\nb,2\na , 1\na,1\na,3\n")
    assert places(problems) == [
        (4, "study_id", "a", "duplicate-row", "error"), (5, "study_id", "a", "duplicate-row", "error"),
    ]  # fmt: skip
    assert "line 2" in problems[0].message


TRS_HEADER = "study_id,population,design,definition_type,onset,events,n,verification,analysis_set"


def check_trs(tmp_path: Path, *rows: str) -> list[Place]:
    """Check rows given as ``study onset events n``; warnings of columns left out are set aside."""
    lines = []
    for row in rows:
        study, onset, events, n = row.split()
        lines.append(f"{study},FEP,register,trials,{onset},{events},{n},seen,primary")
    problems = check(tmp_path, "\n".join([TRS_HEADER, *lines]) + "\n", "trs_incidence")
    return [place for place in places(problems) if place[3] != "missing-column"]


def test_early_and_late_must_not_exceed_the_total(tmp_path: Path) -> None:
    assert (
        check_trs(tmp_path, "A total 10 90", "A early 6 90", "A late 4 90", "B early 50 90", "C late 7 90")
        == []
    )
    assert check_trs(tmp_path, "A late 5 90", "A early 6 90", "A total 10 90") == [
        (4, "events", "10", "parts-exceed-total", "error")
    ]
    assert check_trs(tmp_path, "A early 11 90", "A total 10 90") == [
        (3, "events", "10", "parts-exceed-total", "error")
    ]
    assert check_trs(tmp_path, "A early five 90", "A late 4 90", "A total 10 90") == [
        (2, "events", "five", "number-with-letters", "error")
    ]


def test_rows_of_one_cohort_share_their_n_and_their_key(tmp_path: Path) -> None:
    assert check_trs(tmp_path, "A total 10 90", "A early 6 91", "B total 1 8") == [
        (3, "n", "91", "n-differs-within-study", "warning")
    ]
    assert check_trs(tmp_path, "A total 10 90", "A total 11 90") == [
        (3, "study_id", "A", "duplicate-key", "error")
    ]


# The header


def test_a_closed_sheet_names_missing_and_unknown_columns(tmp_path: Path) -> None:
    header = TRS_HEADER.replace("events", "evnts") + ",dose,quality_notes"
    problems = check(
        tmp_path, f"{header}\nA,FEP,register,trials,total,1,2,seen,primary,4,x\n", "trs_incidence"
    )
    errors = [p for p in problems if p.severity == "error"]
    assert [(p.line, p.column, p.rule) for p in errors] == [
        (1, "evnts", "unknown-column"), (1, "dose", "unknown-column"), (1, "quality_notes", "unknown-column"),
        (1, "events", "missing-column"),
    ]  # fmt: skip
    assert [p.advice for p in errors[::2]] == ["did you mean 'events'?", "did you mean 'quality_note'?"]
    assert errors[3].advice == "is it the column 'evnts'?"
    warned = {p.column for p in problems if p.severity == "warning"}
    assert "year" in warned
    assert "events" not in warned


def test_a_column_that_may_be_missing_reads_as_empty(tmp_path: Path) -> None:
    path = tmp_path / "sheet.csv"
    path.write_text(f"{TRS_HEADER}\nA,FEP,register,trials,total,1,2,seen,primary\n")
    sheet = read_sheet(path)
    assert sheet.column("followup_years") == (None,)
    assert sheet.columns[: TRS_HEADER.count(",") + 1] == tuple(TRS_HEADER.split(","))
    assert {p.rule for p in sheet.warnings} == {"missing-column"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("study_id,events,events\na,1,1\n", [(1, "events", "events", "duplicate-column", "error")]),
        ("study_id,,n\na,x,1\n", [(1, None, "", "unnamed-column", "warning")]),
        ("study_id,n,,\na,1,,\n", []),
        (" study_id , n \na,1\n", []),
        ("evnts,dose\n1,2\n", [(1, "evnts", "evnts", "unknown-column", "warning")]),
        ("study_id,n\n", [(None, None, None, "no-rows", "error")]),
        ("study_id,n\na\nb,2,3\nc,4,,\nd,five\n",
         [(2, None, "1", "ragged-row", "error"), (3, None, "3", "ragged-row", "error"),
          (5, "n", "five", "number-with-letters", "error")]),
    ],
)  # fmt: skip
def test_headers_and_ragged_rows(tmp_path: Path, text: str, expected: list[Place]) -> None:
    assert places(check(tmp_path, text)) == expected


@pytest.mark.parametrize(
    ("name", "known", "near"),
    [
        ("evnts", "events", True), ("Events", "events", True), ("yaer", "year", True),
        ("study id", "study_id", True),
        ("events3", "events1", False), ("size", "se", False), ("samplesize", "scale", False),
        ("N", "n", True),
        ("m", "n", False), ("title_x", "title", True),
    ],
)  # fmt: skip
def test_a_further_column_is_suspected_only_where_it_is_near(name: str, known: str, near: bool) -> None:
    assert looks_misspelt(name, known) == near


def test_columns_that_the_protocol_types(tmp_path: Path) -> None:
    text = "study_id,cases,total,n\na,5,3,1.5\nb,x,4,2\n"
    types = {"cases": "count", "n": "number"}
    assert places(check(tmp_path, text, types=types, pairs=[("cases", "total")])) == [
        (2, "cases", "5", "events-exceed-n", "error"), (3, "cases", "x", "not-a-number", "error"),
    ]  # fmt: skip
    missing = check(tmp_path, text, types={"totl": "count"})
    assert (1, "totl", None, "missing-column", "error") in places(missing)
    assert missing[0].advice == "did you mean 'total'?"


def test_problems_come_in_the_order_of_the_file_and_errors_first_when_raised(tmp_path: Path) -> None:
    path = tmp_path / "sheet.csv"
    path.write_text("evnts,events,n\n,x,1\n,9,2\n,-1,0\n")
    _, problems = check_sheet(path, "generic")
    assert [(p.line, p.column) for p in problems] == [(2, "events"), (3, "events"), (4, "events"), (4, "n")]
    path.write_text("evnts,n\n,x\n")
    with pytest.raises(ProblemsError) as caught:
        read_sheet(path, "generic")
    assert [p.severity for p in caught.value.problems] == ["error", "warning"]
    assert str(caught.value).startswith(
        "2 problems:\n  sheet.csv line 2, n: 'x' is not a number [not-a-number]"
    )


# Rules of the evidence sheets, by editing a shipped row


def edit_row(tmp_path: Path, name: str, line: int, **cells: str) -> list[Place]:
    """Change cells of one row of a shipped sheet; return what is found in that row."""
    source = Path(extraction.__file__).parent / "evidence" / f"{name}.csv"
    with open(source, newline="", encoding="utf-8") as stream:
        table = list(csv.reader(stream))
    for column, text in cells.items():
        table[line - 1][table[0].index(column)] = text
    with open(tmp_path / f"{name}.csv", "w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows(table)
    return [place for place in places(check_sheet(tmp_path / f"{name}.csv", name)[1]) if place[0] == line]


def test_parts_of_a_row_must_not_exceed_its_whole(tmp_path: Path) -> None:
    line = 17  # Doyle2017: 28 events of 171, 23 in men and 5 in women
    assert edit_row(tmp_path, "trs_incidence", line, events_male="24") == [
        (line, "events", "28", "parts-exceed-whole", "error")
    ]
    assert edit_row(tmp_path, "trs_incidence", line, events_female="", events_male="29") == [
        (line, "events", "28", "parts-exceed-whole", "error")
    ]
    assert edit_row(tmp_path, "trs_incidence", line, n_male="100", n_female="72") == [
        (line, "n", "171", "parts-exceed-whole", "error")
    ]
    assert edit_row(tmp_path, "trs_incidence", line, n_male="100", n_female="71", events_female="4") == []


def test_a_survival_estimate_is_not_compared_with_counts(tmp_path: Path) -> None:
    line = 33  # Oosthuizen2003: 7 of 57, 12.3%, a count
    assert edit_row(tmp_path, "td_incidence", line, pct_reported="14.0", measure_type="risk") == []
    assert edit_row(tmp_path, "td_incidence", line, pct_reported="14.0") == [
        (line, "pct_reported", "14.0", "percent-contradicts-counts", "warning")
    ]


def test_counts_are_required_only_where_an_analysis_takes_the_row(tmp_path: Path) -> None:
    assert edit_row(tmp_path, "clozapine_response", 3, responders="") == []  # sensitivity
    assert edit_row(tmp_path, "clozapine_response", 2, responders="", criterion_type="") == [
        (2, "criterion_type", "", "required-missing", "error"),
        (2, "responders", "", "required-missing", "error"),
    ]  # fmt: skip
    # a cell that is wrong is not missing as well
    assert edit_row(tmp_path, "clozapine_response", 2, responders="x") == [
        (2, "responders", "x", "not-a-number", "error")
    ]
