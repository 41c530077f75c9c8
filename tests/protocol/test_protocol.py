"""Reading review.toml: every problem at once, each with its line, and nothing hidden behind another."""

from __future__ import annotations

import json
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extraction.errors import Problem, ProblemsError
from meta.errors import ProtocolError
from meta.protocol.plan import Analysis, Protocol, locate_review
from meta.protocol.reader import (
    check_protocol,
    protocol_json_schema,
    protocol_schema_text,
    read_protocol,
    sheet_pairs,
    sheet_types,
)
from meta.protocol.review import check_review

SHEET = "study_id,country,cases,total,year\nA,Norway,1,10,2001\nB,Sweden,2,20,2002\n"

GOOD = """\
title = "T"
question = "Q?"
[sheets.main]
file = "sheet.csv"
schema = "generic"
[[analyses]]
id = "first"
title = "First"
question = "First?"
sheet = "main"
label = "study_id"
measure = "PLO"
columns = {events = "cases", n = "total"}
profile = "proportions-glmm@1"
"""


def check(folder: Path, text: str, sheet: str = SHEET) -> tuple[Protocol | None, tuple[Problem, ...]]:
    (folder / "sheet.csv").write_text(sheet, encoding="utf-8")
    (folder / "review.toml").write_text(text, encoding="utf-8")
    return check_protocol(folder)


def test_the_shipped_review_has_no_problem() -> None:
    protocol = read_protocol(locate_review())
    assert len(protocol.analyses) == 14
    assert all(analysis.caveats for analysis in protocol.analyses)
    assert all(analysis.unit is not None for analysis in protocol.analyses)
    assert all(analysis.headings or analysis.arms for analysis in protocol.analyses)


def test_counts_are_headlined_by_glmms_ratios_by_the_house_profile_two_studies_by_bayes() -> None:
    analyses = read_protocol(locate_review()).analyses
    models = {analysis.id: (analysis.measure, analysis.spec().model) for analysis in analyses}
    kinds = {"PLO": "binomial_normal", "IRLN": "poisson_normal", "RR": "random"}
    expected = {name: kinds[measure] for name, (measure, _) in models.items()}
    expected |= dict.fromkeys(("td_rate_first", "td_rate_second"), "bayes")
    assert {name: model for name, (_, model) in models.items()} == expected


def test_a_small_protocol_is_read_with_its_defaults(tmp_path: Path) -> None:
    protocol, problems = check(tmp_path, GOOD)
    assert problems == ()
    assert protocol is not None
    (analysis,) = protocol.analyses
    assert (analysis.overall, analysis.leave_one_out, analysis.small_study) == (True, True, False)
    assert analysis.label_columns() == ("study_id",)
    assert analysis.overlap is None


def test_columns_of_an_open_sheet_are_typed_as_the_analyses_read_them(tmp_path: Path) -> None:
    protocol, _ = check(tmp_path, GOOD)
    assert protocol is not None
    assert sheet_types(protocol, "main") == {"cases": "count", "total": "count"}
    assert sheet_pairs(protocol, "main") == (("cases", "total"),)


def test_what_the_sheet_declares_comes_first_and_derived_columns_are_seen_through(tmp_path: Path) -> None:
    text = GOOD.replace('schema = "generic"', 'schema = "generic"\ntypes = {total = "number"}')
    text = text.replace('n = "total"', 'n = "rest"') + 'derived = {rest = "total - year"}\n'
    protocol, problems = check(tmp_path, text)
    assert problems == ()
    assert protocol is not None
    assert sheet_types(protocol, "main") == {"total": "number", "cases": "count"}
    assert sheet_pairs(protocol, "main") == ()


def test_every_column_that_is_counted_with_is_read_as_a_number(tmp_path: Path) -> None:
    sheet = "study_id,country,early,late,total,dose,kind,wave\nA,Norway,1,2,10,2.5,x,1\nB,Oman,2,1,20,3,y,2\n"
    text = GOOD.replace('events = "cases"', 'events = "both"')
    text += 'derived = {both = "early + late", rest = "total - both"}\ncumulative = "wave"\n'
    text += 'moderators = [{formula = "~ dose + C(kind)"}, {formula = "~ country"}, {formula = "~ rest"}]\n'
    protocol, problems = check(tmp_path, text, sheet)
    assert problems == ()
    assert protocol is not None
    assert sheet_types(protocol, "main") == {
        "early": "count",
        "late": "count",
        "total": "count",
        "dose": "number",
        "wave": "number",
    }
    assert check_review(tmp_path) == ()


def test_two_columns_whose_figures_would_have_one_name_are_named(tmp_path: Path) -> None:
    sheet = "study_id,cases,total,größe,gr__e\nA,1,10,x,y\nB,2,20,x,y\n"
    groups = 'subgroups = [{by = "größe"}, {by = "gr__e"}]\n'
    _, problems = check(tmp_path, GOOD + groups, sheet)
    assert [(p.column, p.rule) for p in problems] == [("analyses.first.subgroups[2].by", "subgroup-twice")]


def test_a_check_finds_subgroups_by_an_empty_column(tmp_path: Path) -> None:
    sheet = "study_id,cases,total,kind\nA,1,10,\nB,2,20,\n"
    check(tmp_path, GOOD + 'subgroups = [{by = "kind"}]\n', sheet)
    assert [(p.file, p.column, p.rule) for p in check_review(tmp_path)] == [
        ("sheet.csv", "kind", "subgroup-empty")
    ]


def test_nothing_is_typed_in_a_sheet_with_a_codebook_of_its_own() -> None:
    protocol = read_protocol(locate_review())
    assert all(
        sheet_types(protocol, name) == {} and sheet_pairs(protocol, name) == () for name in protocol.sheets
    )


BROKEN = """\
titel = "T"
question = 5
[sheets.main]
file = "../sheet.csv"
schema = "genric"
[sheets.other]
file = "sheet.csv"
schema = "generic"
colour = "red"
[[analyses]]
id = "First One"
title = "First"
question = "First?"
sheet = "othr"
measure = "PLOO"
columns = {events = "cases", n = "total"}
profile = "proportions-glm@1"
[[analyses]]
id = "second"
title = "Second"
question = "Second?"
sheet = "other"
label = "studyid"
measure = "PLO"
columns = {events = "case", nn = "total"}
profile = "house@1"
model = {tau2_methd = "DL", ci_method = "HKSJJ"}
filters = [
  {column = "contry", equals = "Norway"},
  {column = "country", equals = "Norway", present = true},
  {colum = "country", equals = "Norway"},
  {column = "country", at_least = "x"},
]
overlap = {rule = ["most_cohort"], named = [{row = "A"}]}
derived = {rest = "total * 2", more = "totl - cases"}
subgroups = [{by = "county", tets = true}]
moderators = [{formula = "~ sqrt(year)"}, {formula = "~ yer"}]
small_study = "yes"
targets = ["TRS001"]
threshold = {value = 20, words = "x"}
descriptors = [{column = "countri", heading = "Country"}]
cumulative = "yeer"
"""


#: Line, key, rule, and what is offered.
FAULTS = [
    (None, "title", "missing-key", ""),
    (1, "titel", "unknown-key", "did you mean 'title'?"),
    (2, "question", "wrong-value", ""),
    (4, "sheets.main.file", "file-outside", "copy the file beside the protocol and give its name"),
    (5, "sheets.main.schema", "unknown-schema", "did you mean 'generic'?"),
    (
        9,
        "sheets.other.colour",
        "unknown-key",
        "known: arm, control, decimal, delimiter, file, key, missing, pairs, schema, study, types",
    ),
    (11, "analyses.First One.id", "wrong-value", ""),
    (14, "analyses.First One.sheet", "unknown-sheet", "did you mean 'other'?"),
    (15, "analyses.First One.measure", "unknown-measure", "did you mean 'PLO'?"),
    (17, "analyses.First One.profile", "unknown-profile", "did you mean 'proportions-glmm@1'?"),
    (23, "analyses.second.label", "unknown-column", "did you mean 'study_id'?"),
    (25, "analyses.second.columns", "missing-key", "given: events, nn"),
    (25, "analyses.second.columns.events", "unknown-column", "did you mean 'cases'?"),
    (25, "analyses.second.columns.nn", "unknown-key", "did you mean 'n'?"),
    (27, "analyses.second.model", "model-choice", ""),
    (27, "analyses.second.model.tau2_methd", "unknown-key", "did you mean 'tau2_method'?"),
    (29, "analyses.second.filters[1].column", "unknown-column", "did you mean 'country'?"),
    (30, "analyses.second.filters[2]", "filter-tests", ""),
    (31, "analyses.second.filters[3].colum", "unknown-key", "did you mean 'column'?"),
    (31, "analyses.second.filters[3].column", "missing-key", ""),
    (32, "analyses.second.filters[4].at_least", "wrong-value", ""),
    (34, "analyses.second.overlap.named[1].reason", "missing-key", ""),
    (34, "analyses.second.overlap.rule[1]", "unknown-value", ""),
    (35, "analyses.second.derived.more", "unknown-column", "did you mean 'total'?"),
    (35, "analyses.second.derived.rest", "derived-form", ""),
    (36, "analyses.second.subgroups[1].by", "unknown-column", "did you mean 'country'?"),
    (36, "analyses.second.subgroups[1].tets", "unknown-key", "did you mean 'test'?"),
    (37, "analyses.second.moderators[1].formula", "formula", ""),
    (37, "analyses.second.moderators[2].formula", "unknown-column", "did you mean 'year'?"),
    (38, "analyses.second.small_study", "wrong-value", ""),
    (39, "analyses.second.targets[1]", "unknown-target", "name their file under [targets]"),
    (40, "analyses.second.threshold.source", "missing-key", ""),
    (41, "analyses.second.descriptors[1].column", "unknown-column", "did you mean 'country'?"),
    (42, "analyses.second.cumulative", "unknown-column", "did you mean 'year'?"),
]


def test_every_problem_is_named_at_once_with_its_line(tmp_path: Path) -> None:
    _, problems = check(tmp_path, BROKEN)
    assert [(p.line, p.column, p.rule, p.advice) for p in problems] == FAULTS
    assert {p.file for p in problems} == {"review.toml"}
    assert {p.severity for p in problems} == {"error"}


def test_reading_raises_them_all(tmp_path: Path) -> None:
    check(tmp_path, BROKEN)
    with pytest.raises(ProblemsError, match=f"{len(FAULTS)} problems:"):
        read_protocol(tmp_path)


def test_what_is_right_is_handed_on_for_further_checks(tmp_path: Path) -> None:
    second = GOOD[GOOD.index("[[analyses]]") :].replace('"first"', '"second"').replace('"PLO"', '"PLOO"')
    protocol, problems = check(tmp_path, GOOD + second)
    assert [p.rule for p in problems] == ["unknown-measure"]
    assert protocol is not None
    assert [analysis.id for analysis in protocol.analyses] == ["first"]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('id = "first"', 'id = "a/b"', "line 7, analyses.a/b.id: must be lower-case letters"),
        ('id = "first"', 'id = "../up"', "line 7, analyses.../up.id: must be lower-case letters"),
        (
            'file = "sheet.csv"',
            'file = "/etc/passwd"',
            "line 4, sheets.main.file: '/etc/passwd' must lie in the review's folder",
        ),
        ('file = "sheet.csv"', 'file = "a\\\\b.csv"', "must lie in the review's folder"),
        (
            'schema = "generic"',
            'schema = "trs_incidence"\ntypes = {cases = "count"}',
            "line 6, sheets.main.types: the schema 'trs_incidence' has fixed columns and takes no types",
        ),
        (
            'schema = "generic"',
            'schema = "generic"\ntypes = {cases = "counts"}',
            "line 6, sheets.main.types.cases: must be one of 'count', 'number', 'percent', 'year' or 'text'",
        ),
        (
            'label = "study_id"',
            "label = 5",
            "line 11, analyses.first.label: must be text in quotes or a list in square brackets",
        ),
        (
            'measure = "PLO"',
            'measure = "RR"',
            "line 13, analyses.first.columns: measure RR needs events1, n1, events2, n2",
        ),
        (
            'measure = "PLO"',
            'measure = "IRLN"',
            "model 'binomial_normal' is fitted to counts of a proportion, and IRLN is no proportion",
        ),
        (
            'columns = {events = "cases", n = "total"}',
            'columns = {y = "cases"}',
            "measure PLO needs y with one of v, se, or low and high",
        ),
        ('title = "T"', "title = ", "line 1: this is no TOML: invalid value"),
        ('title = "T"', 'title = "T"\ntitle = "U"', "line 2: this is no TOML: cannot overwrite a value"),
        ("[sheets.main]", "[sheet.main]", "the key 'sheets' is missing"),
    ],
)
def test_single_faults(tmp_path: Path, old: str, new: str, words: str) -> None:
    assert old in GOOD
    _, problems = check(tmp_path, GOOD.replace(old, new, 1))
    assert words in "\n".join(map(str, problems))


ADDED = [
    ('spread = "contry"', "spread: no column 'contry' [unknown-column]; did you mean 'country'?"),
    ('model = {ci_method = "profile"}', "model: ci_method under model='random' must be one of"),
    ("overall = false", "overall: nothing is left to estimate: no overall and no subgroups"),
    (
        'headings = {event = "Cases"}',
        "headings.event: a heading for 'event', which this analysis does not read",
    ),
    ('derived = {year = "total - cases"}', "derived.year: the sheet already has a column 'year'"),
    ('unit = {factor = 0, heading = "x", axis = "y"}', "unit.factor: must be above 0"),
    ("filters = 3", "filters: must be a list in square brackets"),
    ('threshold = {value = 5, words = "x", source = ""}', "threshold.source: must not be empty"),
    ("moderators = [{formula = \"~ __import__('os').system('x')\"}]", "moderators[1].formula: "),
    ("small_study = 1", "small_study: must be true or false"),
    ('unit = {factor = inf, heading = "x", axis = "y"}', "unit.factor: must be a number [wrong-value]"),
    ('unit = {factor = 1e300, heading = "x", axis = "y"}', "unit.factor: must be at most 10^12"),
    ('threshold = {value = nan, words = "x", source = "y"}', "threshold.value: must be a number"),
    ('filters = [{column = "year", at_least = nan}]', "filters[1].at_least: must be a number"),
    ('cumulative = "country"', "cumulative: studies are put in order by numbers, and 'country' holds text"),
    (
        'subgroups = [{by = "country"}, {by = "country"}]',
        "subgroups[2].by: 'country' would share its figure with the subgroups by 'country' before it",
    ),
    ('label = ["study_id", "arms"]', "label: no column 'arms'"),
]


@pytest.mark.parametrize(("line", "words"), ADDED)
def test_faults_of_a_further_line(tmp_path: Path, line: str, words: str) -> None:
    text = GOOD.replace("proportions-glmm@1", "house@1")
    if line.startswith("label"):
        text = text.replace('label = "study_id"\n', "")
    _, problems = check(tmp_path, f"{text}{line}\n")
    assert len(problems) == 1
    assert f"line {14 if line.startswith('label') else 15}, analyses.first.{words}" in str(problems[0])


def test_what_needs_an_overall_estimate_is_named(tmp_path: Path) -> None:
    lines = 'overall = false\ncumulative = "year"\nsubgroups = [{by = "country"}]\n'
    _, problems = check(tmp_path, GOOD + lines)
    assert [(p.line, p.column) for p in problems] == [
        (16, "analyses.first.cumulative"),
        (17, "analyses.first.subgroups[1]"),
    ]


def test_two_analyses_need_two_ids(tmp_path: Path) -> None:
    _, problems = check(tmp_path, GOOD + GOOD[GOOD.index("[[analyses]]") :])
    assert [(p.line, p.column, p.rule) for p in problems] == [(16, "analyses.first.id", "id-twice")]


def test_a_sheet_of_one_column_too_few_is_told_by_the_label(tmp_path: Path) -> None:
    _, problems = check(tmp_path, GOOD.replace('label = "study_id"\n', ""), SHEET.replace("study_id", "name"))
    assert [(p.line, p.column, p.rule) for p in problems] == [(6, "analyses.first", "no-label")]


def test_a_category_without_such_a_value_names_the_nearest(tmp_path: Path) -> None:
    evidence = locate_review().parent
    for file in evidence.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    text = (evidence / "review.toml").read_text(encoding="utf-8")
    (tmp_path / "review.toml").write_text(
        text.replace('equals = "total"', 'equals = "totl"', 1), encoding="utf-8"
    )
    _, problems = check_protocol(tmp_path)
    assert [(p.column, p.rule, p.advice) for p in problems] == [
        ("analyses.trs_total.filters[1].equals", "unknown-value", "did you mean 'total'?")
    ]


def test_references_are_looked_up_in_their_files(tmp_path: Path) -> None:
    evidence = locate_review().parent
    for file in evidence.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    text = (evidence / "review.toml").read_text(encoding="utf-8")
    (tmp_path / "review.toml").write_text(text.replace('"TRS007"', '"TRS07"', 1), encoding="utf-8")
    _, problems = check_protocol(tmp_path)
    assert [(p.column, p.rule, p.advice[:14]) for p in problems] == [
        ("analyses.trs_total.targets[2]", "unknown-target", "did you mean '")
    ]


def test_a_file_that_leads_out_by_a_symbolic_link_is_refused(tmp_path: Path) -> None:
    inside = tmp_path / "review"
    inside.mkdir()
    (tmp_path / "secret.csv").write_text(SHEET, encoding="utf-8")
    (inside / "link.csv").symlink_to(tmp_path / "secret.csv")
    _, problems = check(inside, GOOD.replace("sheet.csv", "link.csv"))
    assert [p.rule for p in problems] == ["file-outside"]


def test_a_missing_sheet_is_left_to_the_check_of_the_sheet(tmp_path: Path) -> None:
    protocol, problems = check(tmp_path, GOOD.replace("sheet.csv", "other.csv"))
    assert problems == ()
    assert protocol is not None


def test_a_protocol_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(
        ProtocolError, match=r"no protocol at .*review\.toml; a review is a review\.toml or a folder"
    ):
        check_protocol(tmp_path)


def test_text_that_is_not_utf8_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "review.toml").write_bytes(b'title = "caf\xe9"\n')
    protocol, problems = check_protocol(tmp_path)
    assert protocol is None
    assert [p.rule for p in problems] == ["not-utf8"]


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "sheet.csv").write_text(SHEET, encoding="utf-8")
    (tmp_path / "review.toml").write_text(GOOD, encoding="utf-8-sig")
    assert check_protocol(tmp_path)[1] == ()


def mutations(document: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Return every place of a document."""
    found = [path] if path else []
    if isinstance(document, dict):
        found += [place for key, value in document.items() for place in mutations(value, (*path, key))]
    if isinstance(document, list):
        found += [place for i, value in enumerate(document) for place in mutations(value, (*path, i))]
    return found


SHIPPED = tomllib.loads((files("extraction") / "evidence" / "review.toml").read_text(encoding="utf-8"))


@settings(deadline=None, max_examples=60, derandomize=True)
@given(
    st.lists(st.sampled_from(mutations(SHIPPED)), min_size=1, max_size=4),
    st.sampled_from([None, 5, "", "x", [], [5], {}, {"x": 1}, True, -1.5]),
)
def test_whatever_is_broken_the_shape_is_told_and_never_raises(
    places: list[tuple[str | int, ...]], value: Any
) -> None:
    from copy import deepcopy

    from meta.protocol.shape import look_up, shape_protocol

    document = deepcopy(SHIPPED)
    for place in places:
        parent = look_up(document, place[:-1])
        if isinstance(parent, dict) and place[-1] in parent:
            if value is None:
                del parent[place[-1]]
            else:
                parent[place[-1]] = value
        elif isinstance(parent, list) and isinstance(place[-1], int) and place[-1] < len(parent):
            parent[place[-1]] = value
    shaped = shape_protocol(document)
    if shaped.protocol is None:
        assert shaped.faults
    for fault in shaped.faults:
        assert fault.message


# The JSON Schema ----------------------------------------


def test_the_shipped_json_schema_is_up_to_date() -> None:
    shipped = (files("meta.protocol") / "review.schema.json").read_text(encoding="utf-8")
    assert shipped == protocol_schema_text(), "write protocol_schema_text() into the file"
    assert json.loads(shipped) == protocol_json_schema()


def test_the_json_schema_speaks_of_keys_as_they_are_written() -> None:
    schema = protocol_json_schema()
    assert schema["additionalProperties"] is False
    assert "schema" in schema["$defs"]["SheetEntry"]["properties"]
    assert {"in", "not_in"} <= schema["$defs"]["Filter"]["properties"].keys()


def test_a_model_choice_may_be_none_in_words() -> None:
    protocol = read_protocol(locate_review())
    plain = protocol.analyses[0].model_dump(by_alias=True)
    changed = Analysis.model_validate({**plain, "model": {"pi_method": "none", "level": 0.9}})
    assert changed.spec().pi_method is None
    assert changed.spec().level == 0.9
    assert changed.spec(moderators="~ year").moderators == "~ year"
