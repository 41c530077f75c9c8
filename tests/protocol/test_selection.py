"""Which rows an analysis takes: the shipped review row by row, and each step by itself."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from extraction.errors import ProblemsError
from extraction.sheet import Sheet, read_sheet
from meta.errors import ProtocolError
from meta.protocol.expressions import parse_sum
from meta.protocol.plan import Analysis, Filter, Protocol, locate_review
from meta.protocol.reader import read_protocol
from meta.protocol.selection import Selection, filter_text, select_rows


@pytest.fixture(scope="module")
def shipped() -> dict[str, Selection]:
    path = locate_review()
    protocol = read_protocol(path)
    sheets = {
        name: read_sheet(path.parent / entry.file, entry.schema_name)
        for name, entry in protocol.sheets.items()
    }
    return {analysis.id: select_rows(sheets[analysis.sheet], analysis) for analysis in protocol.analyses}


def plans() -> Protocol:
    return read_protocol(locate_review())


@pytest.mark.parametrize(
    ("name", "k"),
    [
        ("trs_total", 12),
        ("trs_total_stokes", 12),
        ("trs_schizophrenia", 6),
        ("trs_early", 5),
        ("trs_early_share", 5),
        ("trs_late", 5),
        ("clozapine_response", 22),
        ("clozapine_controlled", 5),  # four with counts, and Sacchetti2009
        ("td_improvement_clozapine", 3),
        ("td_improvement_others", 5),
        ("td_rate", 5),
        ("td_rate_first", 2),
        ("td_rate_second", 2),
        ("td_rate_clozapine", 1),
    ],
)
def test_every_analysis_takes_its_rows(shipped: dict[str, Selection], name: str, k: int) -> None:
    assert len(shipped[name].sheet) == k
    assert len(set(shipped[name].labels)) == k
    assert shipped[name].record["used"] == list(shipped[name].labels)


def test_no_analysis_is_without_an_expected_number(shipped: dict[str, Selection]) -> None:
    assert len(shipped) == 14


@pytest.mark.parametrize(
    ("name", "column", "groups"),
    [
        (
            "trs_total",
            "definition_type",
            {"trials": 6, "clozapine": 3, "register": 1, "switch": 1, "unspecified": 1},
        ),
        (
            "clozapine_response",
            "criterion_type",
            {"pct20": 7, "kane": 5, "unspecified": 5, "global": 2, "cgi": 2, "pct30_cgi": 1},
        ),
        (
            "td_improvement_others",
            "treatment",
            {"risperidone": 2, "quetiapine": 1, "haloperidol": 1, "placebo": 1},
        ),
        ("td_rate", "drug_class", {"FGA": 2, "SGA": 2, "mixed FGA/SGA": 1}),
    ],
)
def test_subgroups_have_their_sizes(
    shipped: dict[str, Selection], name: str, column: str, groups: dict[str, int]
) -> None:
    assert Counter(shipped[name].sheet.column(column)) == groups


@pytest.mark.parametrize(
    ("name", "column", "present"),
    [
        ("trs_total", "followup_years", 9),
        ("trs_early", "followup_years", 4),
        ("trs_early_share", "followup_years", 4),
        ("trs_late", "followup_years", 4),
        ("clozapine_response", "weeks", 20),
        ("clozapine_response", "year", 20),
    ],
)
def test_moderators_are_present_where_the_evidence_says(
    shipped: dict[str, Selection], name: str, column: str, present: int
) -> None:
    assert sum(cell is not None for cell in shipped[name].sheet.column(column)) == present


def test_the_classes_of_comparators_with_counts(shipped: dict[str, Selection]) -> None:
    rows = [row for row in shipped["clozapine_controlled"].sheet.rows if row["events_clz"] is not None]
    assert Counter(row["comparator_class"] for row in rows) == {"FGA": 1, "SGA": 3}


def test_early_and_late_rows_are_joined_and_keep_both_addresses(shipped: dict[str, Selection]) -> None:
    share, late = shipped["trs_early_share"], shipped["trs_late"]
    counts = {label: (row["events.early"], row["resistant"]) for label, row in share.by_label()}
    assert counts == {
        "Demjaha2017": (62, 74),
        "Lally2016": (56, 80),
        "Chan2021": (16, 157),
        "Ucok2016": (8, 28),
        "MorenoSancho2022": (10, 35),
    }
    at_risk = {label: (row["events.late"], row["at_risk"]) for label, row in late.by_label()}
    assert at_risk["Chan2021"] == (141, 1218)
    assert at_risk["Ucok2016"] == (20, 97)
    assert {label: len(refs) for label, refs in share.refs.items()} == dict.fromkeys(counts, 2)
    assert [ref.line for ref in share.refs["Demjaha2017"]] == [4, 5]
    assert share.record["spread"] == {
        "column": "onset",
        "levels": ["early", "late"],
        "columns": ["events.early", "events.late"],
        "rows": 10,
        "studies": 5,
    }
    assert share.record["derived"] == [{"column": "resistant", "text": "events.early + events.late"}]


def test_filters_are_counted_one_by_one(shipped: dict[str, Selection]) -> None:
    assert shipped["trs_schizophrenia"].record["rows_in_sheet"] == 30
    assert [
        (f["text"], f["test"], f["value"], f["removed"], f["left"])
        for f in shipped["trs_schizophrenia"].record["filters"]
    ] == [
        ("onset is total", "equals", "total", 11, 19),
        ("analysis_set is primary", "equals", "primary", 1, 18),
        ("population is FES or FE-SSD", "in", ["FES", "FE-SSD"], 10, 8),
    ]


def test_what_was_set_aside_is_recorded_with_its_rows(shipped: dict[str, Selection]) -> None:
    overlap = shipped["trs_total_stokes"].record["overlap"]
    lee = next(entry for entry in overlap["set_aside"] if entry["label"] == "Lee2024")
    assert (lee["because_of"], lee["rule"]) == (["Stokes2020"], "named")
    assert [(ref["file"], ref["line"]) for ref in lee["rows"]] == [("trs_incidence.csv", 23)]
    assert shipped["trs_total_stokes"].record["named"][0]["label"] == "Stokes2020"
    assert [entry.label for entry in shipped["trs_total_stokes"].set_aside] == [
        e["label"] for e in overlap["set_aside"]
    ]


# Single steps, on small sheets ----------------------------------------


HEADER = "study_id,arm,country,dose,events,n,overlaps_with,followup_years\n"


def make_sheet(folder: Path, lines: str) -> Sheet:
    file = folder / "small.csv"
    file.write_text(HEADER + lines, encoding="utf-8")
    return read_sheet(file, "generic", types={"dose": "number"})


def plan(**changes: Any) -> Analysis:
    base: dict[str, Any] = {
        "id": "x",
        "title": "X",
        "question": "X?",
        "sheet": "main",
        "measure": "PLO",
        "columns": {"events": "events", "n": "n"},
        "profile": "proportions-glmm@1",
    }
    return Analysis.model_validate({**base, **changes})


SMALL = "A,,Norway,10,1,10,,\nB,,Sweden,20,2,20,,3\nC,,Norway,,3,30,,5\n"


@pytest.mark.parametrize(
    ("condition", "left", "text"),
    [
        ({"equals": "Norway", "column": "country"}, "AC", "country is Norway"),
        ({"in": ["Sweden", "Norway"], "column": "country"}, "ABC", "country is Sweden or Norway"),
        ({"not_in": ["Norway"], "column": "country"}, "B", "country is not Norway"),
        ({"at_least": 20, "column": "dose"}, "B", "dose is at least 20"),
        ({"at_most": 19.5, "column": "dose"}, "A", "dose is at most 19.5"),
        ({"present": True, "column": "dose"}, "AB", "dose is given"),
        ({"present": False, "column": "dose"}, "C", "dose is not given"),
        ({"equals": 20, "column": "n"}, "B", "n is 20"),
    ],
)
def test_each_filter(tmp_path: Path, condition: dict[str, Any], left: str, text: str) -> None:
    chosen = select_rows(make_sheet(tmp_path, SMALL), plan(filters=[condition]))
    assert "".join(chosen.labels) == left
    assert filter_text(Filter.model_validate(condition)) == text
    assert chosen.warnings == ()


def test_a_value_that_no_row_has_is_a_warning(tmp_path: Path) -> None:
    chosen = select_rows(
        make_sheet(tmp_path, SMALL), plan(filters=[{"column": "country", "equals": "Norwya"}])
    )
    assert len(chosen.sheet) == 0
    assert "asks for 'Norwya', which no row has" in str(chosen.warnings[0])
    assert "did you mean 'Norway'?" in str(chosen.warnings[0])


def test_an_excluded_row_is_recorded_with_its_reason(tmp_path: Path) -> None:
    chosen = select_rows(make_sheet(tmp_path, SMALL), plan(exclude=[{"row": "B", "reason": "retracted"}]))
    assert chosen.labels == ("A", "C")
    (entry,) = chosen.record["excluded"]
    assert (entry["label"], entry["reason"], entry["rows"][0]["line"]) == ("B", "retracted", 3)


def test_excluding_what_the_filters_took_already_is_a_warning(tmp_path: Path) -> None:
    filters = [{"column": "country", "equals": "Norway"}]
    chosen = select_rows(
        make_sheet(tmp_path, SMALL), plan(filters=filters, exclude=[{"row": "B", "reason": "r"}])
    )
    assert [w.rule for w in chosen.warnings] == ["excluded-already"]


def test_rows_that_share_people_are_doubted_where_no_rule_is_declared(tmp_path: Path) -> None:
    sheet = make_sheet(tmp_path, "A,,N,1,1,10,B,\nB,,N,1,2,20,,\n")
    chosen = select_rows(sheet, plan())
    assert chosen.labels == ("A", "B")
    assert [w.rule for w in chosen.warnings] == ["rows-share-people"]
    assert chosen.record["overlap"] is None


def test_the_largest_n_is_that_of_the_analysis_where_the_sheet_has_no_n(tmp_path: Path) -> None:
    file = tmp_path / "small.csv"
    file.write_text("study_id,cases,total,overlaps_with\nA,1,10,B\nB,1,20,\n", encoding="utf-8")
    sheet = read_sheet(file, "generic", types={"cases": "count", "total": "count"})
    overlap = {"rule": ["most_cohorts", "largest_n"]}
    chosen = select_rows(sheet, plan(columns={"events": "cases", "n": "total"}, overlap=overlap))
    assert chosen.labels == ("B",)


def test_a_sum_with_a_missing_term_is_missing(tmp_path: Path) -> None:
    chosen = select_rows(make_sheet(tmp_path, SMALL), plan(derived={"rest": "n - events + dose"}))
    assert [row["rest"] for row in chosen.sheet.rows] == [19, 38, None]


def test_a_sum_in_the_millions_keeps_its_last_digit(tmp_path: Path) -> None:
    sheet = make_sheet(tmp_path, "A,,Norway,10,1,2616439,,\n")
    columns = {"events": "events", "n": "rest"}
    chosen = select_rows(sheet, plan(derived={"rest": "n - events"}, columns=columns))
    assert [row.text["rest"] for row in chosen.sheet.rows] == ["2616438"]


def test_a_study_without_one_level_keeps_an_empty_cell(tmp_path: Path) -> None:
    sheet = make_sheet(tmp_path, "A,early,N,1,1,10,,\nA,late,N,1,2,10,,\nB,early,N,1,3,20,,\n")
    chosen = select_rows(
        sheet,
        plan(
            spread="arm",
            derived={"both": "events.early + events.late"},
            columns={"events": "events.early", "n": "both"},
        ),
    )
    assert [(row["events.early"], row["events.late"], row["both"]) for row in chosen.sheet.rows] == [
        (1, 2, 3),
        (3, None, None),
    ]


SPREAD: dict[str, Any] = {"spread": "arm", "columns": {"events": "events.early", "n": "n"}}


@pytest.mark.parametrize(
    ("lines", "changes", "words"),
    [
        (
            "A,x,N,1,1,10,,\nB,x,N,1,1,10,,\nA,y,N,1,2,20,,\n",
            {},
            "line 2, study_id: analysis 'x' takes 2 rows labelled 'A' (lines 2 and 4) [label-twice]",
        ),
        (
            SMALL,
            {"filters": [{"column": "contry", "equals": "N"}]},
            "needs a column 'contry' [unknown-column]; did you mean 'country'?",
        ),
        (SMALL, {"filters": [{"column": "n", "equals": "10"}]}, "compares '10' with a column of numbers"),
        (SMALL, {"filters": [{"column": "country", "at_least": 3}]}, "compares 3 with a column of text"),
        (SMALL, {"exclude": [{"row": "Z", "reason": "r"}]}, "excludes 'Z', which no row is called"),
        (
            SMALL,
            {"overlap": {"named": [{"row": "Z", "reason": "r"}], "rule": []}},
            "no row named 'Z' to keep",
        ),
        (SMALL, {"derived": {"n": "events + events"}}, "derives 'n', which the sheet already has"),
        (
            SMALL,
            {"derived": {"m": "n + country"}},
            "line 2, country: 'm' adds up 'country', which holds text: 'Norway'",
        ),
        (SMALL, {"derived": {"m": "n + missing"}}, "needs a column 'missing'"),
        (SMALL, {"derived": {"m": "n * 2"}}, "is a sum or difference of columns"),
        (SMALL, {"label": "name"}, "needs a column 'name'"),
        (
            "A,early,N,1,1,10,,\nA,early,N,1,2,10,,\n",
            SPREAD,
            "line 3, arm: analysis 'x' joins the rows of 'A', and lines 2 and 3 are both 'early'",
        ),
        (
            "A,early,N,1,1,10,,\nA,late,N,1,2,11,,\n",
            SPREAD,
            "line 3, n: analysis 'x' joins the rows of 'A', and they disagree: 10 on line 2, 11 on line 3",
        ),
        (
            "A,early,N,1,1,10,,\nA,,N,1,2,10,,\n",
            SPREAD,
            "line 3, arm: analysis 'x' spreads 'arm', which is empty here",
        ),
        (SMALL, {"spread": "onset"}, "spreads 'onset', which the sheet does not have"),
    ],
)
def test_what_cannot_be_chosen_is_an_error_with_its_place(
    tmp_path: Path, lines: str, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(ProblemsError) as caught:
        select_rows(make_sheet(tmp_path, lines), plan(**changes))
    assert words in str(caught.value)


def two_groups(folder: Path, lines: str) -> Sheet:
    text = f"study_id,events1,n1,events2,n2,overlap_group\n{lines}"
    (folder / "pairs.csv").write_text(text, encoding="utf-8")
    return read_sheet(folder / "pairs.csv", "generic")


@pytest.mark.parametrize(("sizes", "kept"), [("30,5,30", "B"), ("60,5,61", "A")])
def test_largest_n_of_two_groups_looks_at_the_people_of_both(tmp_path: Path, sizes: str, kept: str) -> None:
    sheet = two_groups(tmp_path, f"A,5,{sizes},g\nB,5,60,5,60,g\n")
    chosen = select_rows(
        sheet,
        plan(
            measure="OR",
            columns={key: key for key in ("events1", "n1", "events2", "n2")},
            profile="house@1",
            overlap={"rule": ["most_cohorts", "largest_n"]},
        ),
    )
    assert chosen.labels == (kept,)
    assert chosen.record["overlap"]["set_aside"][0]["rule"] == "largest_n"
    # what the rule looked at is no column of the sheet
    assert chosen.sheet.columns == sheet.columns == chosen.sheet.whole.columns


def test_largest_n_without_any_n_names_the_column_that_is_missing(tmp_path: Path) -> None:
    (tmp_path / "made.csv").write_text("study_id,y,se\nA,0.1,0.2\n", encoding="utf-8")
    asked = plan(
        measure="GEN", columns={"y": "y", "se": "se"}, profile="house@1", overlap={"rule": ["largest_n"]}
    )
    with pytest.raises(ProblemsError) as caught:
        select_rows(read_sheet(tmp_path / "made.csv", "generic"), asked)
    (problem,) = caught.value.problems
    assert problem.message.endswith(
        "the overlap rule 'largest_n' needs the column 'n', which this sheet does not have"
    )
    assert problem.advice == "an analysis that reads n, or n1 and n2, needs none; else leave largest_n out"


def test_text_that_differs_is_joined_and_numbers_that_differ_are_left_empty(tmp_path: Path) -> None:
    sheet = make_sheet(tmp_path, "A,early,Norway,1,1,10,,\nA,late,Sweden,2,2,10,,\n")
    (row,) = select_rows(sheet, plan(**SPREAD)).sheet.rows
    assert row["country"] == "Norway / Sweden"
    assert row["dose"] is None


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("a", ((1, "a"),)),
        ("a + b - c", ((1, "a"), (1, "b"), (-1, "c"))),
        ("-a+b", ((-1, "a"), (1, "b"))),
        ("n - events.early", ((1, "n"), (-1, "events.early"))),
        ("events.first-episode + n", ((1, "events.first-episode"), (1, "n"))),
    ],
)
def test_sums_are_parsed(text: str, terms: tuple[tuple[int, str], ...]) -> None:
    assert parse_sum(text) == terms


@pytest.mark.parametrize("text", ["", "a b", "a * b", "2 + a", "__import__('os')", "a +", "a.b.c", "(a)"])
def test_nothing_else_is(text: str) -> None:
    with pytest.raises(ProtocolError):
        parse_sum(text)
