"""What a protocol declares about its sheets: dialect, codes, key, roles; and arms that share a control."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import openpyxl
import pytest

from extraction.dialect import Dialect, Roles
from extraction.sheet import read_sheet
from meta.protocol.expressions import column_and_level, parse_sum
from meta.protocol.plan import Analysis, Protocol
from meta.protocol.reader import check_protocol, read_protocol, sheet_pairs, sheet_types
from meta.protocol.reads import columns_needed, columns_read
from meta.protocol.review import check_review, read_review
from meta.protocol.selection import select_rows

GOOD = """\
title = "T"
question = "Q?"
[sheets.main]
file = "data.csv"
schema = "generic"
{entry}
[[analyses]]
id = "first"
title = "First"
question = "First?"
sheet = "main"
label = ["study", "arm_name"]
measure = "GEN"
columns = {{y = ".g", se = ".g_se"}}
profile = "metafor@1"
{analysis}
"""

ENTRY = """\
delimiter = "semicolon"
decimal = "comma"
key = ["study", "arm_name"]
study = "study"
arm = "arm_name"
control = "against"
missing = {".g" = ["NA"], arm_name = ["NA"]}
"""

DATA = (
    'study;arm_name;against;.g;.g_se;time\r\n"A";one;cau;-0,5;0,25;post\r\nA;two;cau;0,1;0,2;post\r\n'
    "B;NA;cau;NA;0,3;post\r\nC;NA;wl;1,5;0,5;fu\r\n"
)


def write(folder: Path, entry: str = ENTRY, analysis: str = "", data: str = DATA) -> Path:
    (folder / "review.toml").write_text(GOOD.format(entry=entry, analysis=analysis), encoding="utf-8")
    (folder / "data.csv").write_bytes(data.encode())
    return folder


def rules(folder: Path) -> list[tuple[str, str | None, str]]:
    return [(p.rule, p.column, p.severity) for p in check_review(folder)]


def test_a_review_reads_its_sheet_as_declared(tmp_path: Path) -> None:
    review = read_review(write(tmp_path))
    sheet = review.sheets["main"]
    assert sheet.column(".g") == (-0.5, 0.1, None, 1.5)
    assert sheet.column("arm_name") == ("one", "two", None, None)
    assert sheet.schema.key == ("study", "arm_name")
    assert review.selections["first"].labels == ("A one", "A two", "B", "C")
    assert [p.rule for p in review.warnings] == ["carried-as-text", "shared-control"]


def test_the_columns_of_a_protocol_are_looked_up_with_its_delimiter(tmp_path: Path) -> None:
    folder = write(tmp_path, analysis='filters = [{column = "studdy", present = true}]')
    _, problems = check_protocol(folder)
    assert [(p.rule, p.advice) for p in problems] == [("unknown-column", "did you mean 'study'?")]


def test_without_what_is_declared_the_check_says_what_is_likely(tmp_path: Path) -> None:
    write(tmp_path, ENTRY.replace('delimiter = "semicolon"\n', ""))
    assert rules(tmp_path) == [("wrong-delimiter", None, "error")]
    write(tmp_path, ENTRY.replace('decimal = "comma"\n', ""))
    assert rules(tmp_path)[0] == ("decimal-comma", ".g", "error")
    assert len([r for r in rules(tmp_path) if r[2] == "error"]) == 1


def test_outside_references_are_read_as_declared(tmp_path: Path) -> None:
    entry = ENTRY + (
        '[targets.other]\nfile = "targets.csv"\nschema = "trs_targets"\ndelimiter = "semicolon"\n'
        'decimal = "comma"\nmissing = {lower = ["NA"]}\n'
    )
    write(tmp_path, entry, 'targets = ["ref1"]')
    (tmp_path / "targets.csv").write_text("target_id;estimate;lower\nref1;0,5;NA\n")
    assert check_protocol(tmp_path)[1] == ()  # the id is found
    read = ("target_id", "estimate", "lower")
    assert [p for p in check_review(tmp_path) if p.file == "targets.csv" and p.column in read] == []


def test_roles_of_a_closed_schema_are_refused_and_its_key_may_be_declared(tmp_path: Path) -> None:
    entry = (
        'study = "study_id"\narm = "scale"\ncontrol = "comparator"\nkey = ["study_id", "scael"]\n'
        'missing = {blindng = ["NA"]}'
    )
    text = GOOD.format(entry=entry, analysis="").replace('"generic"', '"clozapine_controlled"')
    (tmp_path / "review.toml").write_text(text)
    (tmp_path / "data.csv").write_text("study_id\nA\n")
    _, problems = check_protocol(tmp_path)
    closed = [p for p in problems if p.rule == "closed-schema"]
    assert [(p.column, p.message) for p in closed] == [
        (f"sheets.main.{key}", f"the schema 'clozapine_controlled' has fixed columns and takes no {key}")
        for key in ("study", "arm", "control")
    ]
    (tmp_path / "review.toml").write_text("\n".join(text.split("\n")[:5] + text.split("\n")[8:]))
    found = {(p.rule, p.column, p.advice) for p in check_review(tmp_path) if p.severity == "error"}
    assert ("missing-column", "scael", "did you mean 'scale'?") in found
    assert ("missing-code-no-column", "blindng", "did you mean 'blinding'?") in found


def test_what_only_text_files_have_is_refused_for_a_workbook(tmp_path: Path) -> None:
    write(tmp_path, ENTRY)
    book = openpyxl.Workbook()
    book.active.append(["study"])
    book.save(tmp_path / "data.xlsx")
    text = (tmp_path / "review.toml").read_text().replace("data.csv", "data.xlsx")
    (tmp_path / "review.toml").write_text(text)
    _, problems = check_protocol(tmp_path)
    assert [(p.line, p.column, p.rule, p.message) for p in problems] == [
        (6, "sheets.main.delimiter", "only-for-text",
         "delimiter is only for text files, and 'data.xlsx' is a workbook"),
        (7, "sheets.main.decimal", "only-for-text",
         "decimal is only for text files, and 'data.xlsx' is a workbook"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('delimiter = ";"', "sheets.main.delimiter"), ('decimal = "."', "sheets.main.decimal"),
        ('missing = {y = "NA"}', "sheets.main.missing.y"), ("key = [1]", "sheets.main.key[1]"),
    ],
)  # fmt: skip
def test_values_that_are_not_offered_are_named(tmp_path: Path, line: str, said: str) -> None:
    write(tmp_path, line)
    problems = check_protocol(tmp_path)[1]
    assert [p.column for p in problems if p.line == 6] == [said]


# Columns that analyses read, and those that nothing reads


@pytest.mark.parametrize(
    "analysis",
    [
        'filters = [{column = "time", equals = 1}]',
        'subgroups = [{by = "time"}]',
        'moderators = [{formula = "~ time"}]',
        'cumulative = "time"',
        'derived = {later = "time + .g"}',
        'alternatives = [{label = "L", reason = "R", filters = [{column = "time", equals = 1}]}]',
    ],
)
def test_numbers_that_an_analysis_reads_must_be_numbers(tmp_path: Path, analysis: str) -> None:
    write(tmp_path, analysis=analysis)
    assert ("not-a-number", "time", "error") in rules(tmp_path)
    write(tmp_path, ENTRY + 'types = {time = "text"}')
    assert [rule for rule, column, _ in rules(tmp_path) if column == "time"] == []


@pytest.mark.parametrize("analysis", ["", 'descriptors = [{column = "time", heading = "When"}]'])
def test_numbers_that_are_only_shown_may_be_text(tmp_path: Path, analysis: str) -> None:
    review = read_review(write(tmp_path, analysis=analysis))
    assert review.sheets["main"].column("time") == ("post", "post", "post", "fu")


def test_what_is_needed_counts_the_length_of_follow_up_only_under_a_rule(tmp_path: Path) -> None:
    plain = read_protocol(write(tmp_path))
    assert "followup_years" not in columns_needed(plain, "main")
    ruled = read_protocol(write(tmp_path, analysis='overlap = {rule = ["most_cohorts"]}'))
    assert {"followup_years", "n", ".g", ".g_se", "study", "arm_name"} <= columns_needed(ruled, "main")
    other = 'alternatives = [{label = "L", reason = "R", overlap = {rule = ["most_cohorts"]}}]'
    assert "followup_years" in columns_needed(read_protocol(write(tmp_path, analysis=other)), "main")


# Names that begin with a point


@pytest.mark.parametrize(
    ("name", "split"),
    [
        (".g", (".g", None)), (".g.early", (".g", "early")), ("events.early", ("events", "early")),
        ("events", ("events", None)), ("a.b.c", ("a", "b.c")), (".", (".", None)),
    ],
)  # fmt: skip
def test_a_point_at_the_beginning_belongs_to_the_name(name: str, split: tuple[str, str | None]) -> None:
    assert column_and_level(name) == split


def test_sums_take_names_that_begin_with_a_point() -> None:
    assert parse_sum(".g - .h.early + n") == ((1, ".g"), (-1, ".h.early"), (1, "n"))


def test_levels_of_such_a_column_are_spread(tmp_path: Path) -> None:
    data = "study;when;.g;.g_se;n\nA;early;0,1;0,2;10\nA;late;0,3;0,2;10\nB;early;0,5;0,1;20\n"
    entry = 'delimiter = "semicolon"\ndecimal = "comma"\nstudy = "study"\n'
    folder = write(tmp_path, entry, 'spread = "when"\nderived = {both = ".g.early + .g.late"}', data)
    text = (folder / "review.toml").read_text()
    text = text.replace('label = ["study", "arm_name"]', 'label = "study"')
    text = text.replace('y = ".g", se = ".g_se"', 'y = ".g.early", se = ".g_se.early"')
    (folder / "review.toml").write_text(text)
    review = read_review(folder)
    protocol = review.protocol
    assert sheet_types(protocol, "main") == {".g": "number", ".g_se": "number"}
    chosen = review.selections["first"].sheet
    assert chosen.column(".g.early") == (0.1, 0.5)
    assert chosen.column("both") == (0.4, None)
    assert columns_read(protocol.analyses[0], review.sheets["main"]) == ("study", "when", ".g", ".g_se")


def test_a_pair_of_such_columns_is_checked_under_a_spread() -> None:
    plan = {
        "id": "x", "title": "t", "question": "q", "sheet": "main", "measure": "PLO", "profile": "house@1",
        "columns": {"events": ".e", "n": ".n"}, "spread": "when",
    }  # fmt: skip
    sheets = {"main": {"file": "data.csv", "schema": "generic"}}

    def pairs(**columns: str) -> Any:
        analysis = {**plan, "columns": columns}
        protocol = Protocol.model_validate(
            {"title": "t", "question": "q", "sheets": sheets, "analyses": [analysis]}
        )
        return sheet_pairs(protocol, "main")

    assert pairs(events=".e", n=".n") == ((".e", ".n"),)
    assert pairs(events=".e.early", n=".n") == ()


def test_a_name_with_a_point_inside_is_no_level_where_the_sheet_has_it(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("study_id,when,log.rr,se\nA,early,1,0.5\nA,late,1,0.5\n")
    sheet = read_sheet(tmp_path / "s.csv", "generic", types={"log.rr": "number"})
    plan = Analysis.model_validate(
        {
            "id": "x", "title": "t", "question": "q", "sheet": "main", "measure": "GEN", "profile": "house@1",
            "columns": {"y": "log.rr", "se": "se"}, "spread": "when",
        }
    )  # fmt: skip
    assert select_rows(sheet, plan).sheet.column("log.rr") == (1.0,)


# Arms that share a control group


def shared(folder: Path, rows: str, measure: str = "GEN", roles: Roles | None = None) -> list[str]:
    """Return the warnings of an analysis of these rows."""
    (folder / "s.csv").write_text(f"study,arm_name,against,y,se,events,n\n{rows}")
    roles = Roles(study="study", arm="arm_name", control="against") if roles is None else roles
    codes = Dialect(missing={"against": ("NA",)})
    sheet = read_sheet(folder / "s.csv", "generic", roles=roles, dialect=codes)
    columns = {"events": "events", "n": "n"} if measure == "PLO" else {"y": "y", "se": "se"}
    plan = Analysis.model_validate(
        {
            "id": "x", "title": "t", "question": "q", "sheet": "main", "measure": measure,
            "profile": "house@1", "columns": columns, "label": ["study", "arm_name"],
        }
    )  # fmt: skip
    return [str(p) for p in select_rows(sheet, plan).warnings]


TWO_ARMS = "A,one,cau,1,1,1,9\nA,two,cau,1,1,1,9\nB,one,cau,1,1,1,9\n"


@pytest.mark.parametrize("measure", ["GEN", "OR", "RR", "RD"])
def test_arms_with_one_control_are_kept_with_one_warning_a_study(tmp_path: Path, measure: str) -> None:
    assert shared(tmp_path, TWO_ARMS, measure) == [
        "s.csv line 2, study: in analysis 'x' 'A one' (line 2) and 'A two' (line 3) share the control group "
        "'cau': they are not independent, which is not modelled [shared-control]; combine the arms, or keep "
        "one of them"
    ]


def test_a_study_with_two_shared_controls_is_named_once(tmp_path: Path) -> None:
    rows = "A,a,cau,1,1,,\nA,b,wl,1,1,,\nA,c,cau,1,1,,\nA,d,wl,1,1,,\nA,e,wl,1,1,,\n"
    (text,) = shared(tmp_path, rows)
    assert "'A a' (line 2) and 'A c' (line 4) share the control group 'cau'; " in text
    assert "'A b' (line 3), 'A d' (line 5) and 'A e' (line 6) share the control group 'wl'" in text


@pytest.mark.parametrize(
    "rows",
    [
        "A,one,cau,1,1,,\nA,two,wl,1,1,,\n",  # two controls
        "A,one,,1,1,,\nA,two,,1,1,,\n",  # no control is named
        "A,one,NA,1,1,,\nA,two,NA,1,1,,\n",  # coded as missing
        "A,one,cau,1,1,,\nB,two,cau,1,1,,\n",  # two studies
    ],
)
def test_no_warning_where_no_control_is_shared(tmp_path: Path, rows: str) -> None:
    assert shared(tmp_path, rows) == []


def test_single_groups_have_no_control_and_an_undeclared_one_is_none(tmp_path: Path) -> None:
    assert shared(tmp_path, TWO_ARMS, "PLO") == []
    assert shared(tmp_path, TWO_ARMS, roles=Roles(study="study", arm="arm_name")) == []


def test_rows_of_one_arm_are_the_same_people_whatever_their_control(tmp_path: Path) -> None:
    rows = "A,one,cau,1,1,,\nA,,wl,1,1,,\n"
    (text,) = shared(tmp_path, rows)
    assert "[rows-share-people]" in text


def test_the_declared_column_of_studies_labels_an_analysis_that_names_none(tmp_path: Path) -> None:
    plan = (
        'title = "T"\nquestion = "Q?"\n[sheets.main]\nfile = "s.csv"\nschema = "generic"\nstudy = "trial"\n'
        '[[analyses]]\nid = "a"\ntitle = "A"\nquestion = "Q?"\nsheet = "main"\nmeasure = "PLO"\n'
        'columns = {events = "events", n = "n"}\nprofile = "proportions-glmm@1"\n'
    )
    (tmp_path / "s.csv").write_text("trial,events,n\nA,1,10\nB,2,20\n", encoding="utf-8")
    (tmp_path / "review.toml").write_text(plan, encoding="utf-8")
    review = read_review(tmp_path)
    chosen = select_rows(review.sheets["main"], review.protocol.analyses[0])
    assert chosen.labels == ("A", "B")
    (tmp_path / "review.toml").write_text(plan.replace('study = "trial"\n', ""), encoding="utf-8")
    _, problems = check_protocol(tmp_path)
    assert [problem.rule for problem in problems] == ["no-label"]
