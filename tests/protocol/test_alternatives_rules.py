"""What is wrong with declared alternatives is found by a check, at its own line, and said once."""

from __future__ import annotations

from pathlib import Path

import pytest

from extraction.errors import Problem
from meta.pipeline import compute_results
from meta.protocol.differences import describe_changes
from meta.protocol.plan import Alternative, Analysis, Filter, ModelChoices, NamedRow, Overlap
from meta.protocol.reader import sheet_pairs, sheet_types
from meta.protocol.review import check_review, read_review

SHEET = (
    "study_id,country,cases,total,more,all,y,v,year\n"
    "A,Norway,1,10,2,20,0.1,0.1,2001\nB,Sweden,2,20,3,30,0.2,0.1,2002\nC,Sweden,5,20,6,30,0.3,0.1,2003\n"
)

HEAD = """\
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
headings = {events = "Cases"}
profile = "proportions-glmm@1"
"""


def check(folder: Path, alternatives: str, *, more: str = "") -> list[Problem]:
    (folder / "sheet.csv").write_text(SHEET, encoding="utf-8")
    text = f"{HEAD}{more}alternatives = [\n{alternatives}\n]\n"
    (folder / "review.toml").write_text(text, encoding="utf-8")
    return list(check_review(folder))


def one(choice: str) -> str:
    return f'  {{label = "L", reason = "R", {choice}}},'


@pytest.mark.parametrize(
    "choice",
    [
        'profile = "house@1"',
        'measure = "PFT", profile = "house@1"',
        'measure = "PR", profile = "house@1", model = {tau2_method = "DL"}',
        'model = {pi_method = "none"}',
        'filters = [{column = "country", equals = "Sweden"}]',
        'exclude = [{row = "A", reason = "r"}]',
        'columns = {events = "more", n = "all"}',
        'overlap = {rule = ["most_cohorts"], named = [{row = "A", reason = "r"}]}',
        # a heading of the analysis is not held against a measure without that column
        'measure = "GEN", columns = {y = "y", v = "v"}, profile = "house@1"',
    ],
)
def test_what_is_sound_is_no_problem(tmp_path: Path, choice: str) -> None:
    assert check(tmp_path, one(choice)) == []


@pytest.mark.parametrize(
    ("choice", "column", "rule", "words"),
    [
        ('measure = "PLOO"', "measure", "unknown-measure", "no measure 'PLOO'"),
        ('measure = "RR", profile = "house@1"', "", "missing-key", "measure RR needs events1, n1"),
        ('measure = "OR"', "", "unknown-key", "measure OR reads no 'events'"),
        ('profile = "hous@1"', "profile", "unknown-profile", "no method profile 'hous@1'"),
        ('model = {ci_method = "HKSJ"}', "model", "model-choice", "must be one of 'profile', 'Wald', 't'"),
        ('model = {model = "poisson_normal"}', "model", "model-measure", "counts of a rate"),
        ('filters = [{column = "land", equals = 1}]', "filters[1].column", "unknown-column", "no column"),
        (
            'filters = [{column = "year", at_least = 2000}, {column = "country"}]',
            "filters[2]",
            "filter-tests",
            "this makes none",
        ),
        ('columns = {events = "case", n = "total"}', "columns.events", "unknown-column", "no column 'case'"),
    ],
)
def test_what_is_wrong_is_named_at_its_own_place(
    tmp_path: Path, choice: str, column: str, rule: str, words: str
) -> None:
    problems = check(tmp_path, one(choice))
    place = "analyses.first.alternatives[1]" + (f".{column}" if column else "")
    assert (rule, place) in [(p.rule, p.column) for p in problems]
    assert any(words in p.message for p in problems)
    assert {p.line for p in problems} == {HEAD.count("\n") + 2}
    assert {p.severity for p in problems} == {"error"}


@pytest.mark.parametrize(
    "choice",
    [
        'model = {tau2_method = "ML"}',
        'measure = "PLO"',
        'profile = "proportions-glmm@1"',
        'columns = {events = "cases", n = "total"}',
        'filters = [{column = "year", at_least = 2000}]',
    ],
)
def test_an_alternative_that_changes_nothing_is_an_error(tmp_path: Path, choice: str) -> None:
    more = 'filters = [{column = "year", at_least = 2000}]\n'
    (problem,) = check(tmp_path, one(choice), more=more)
    assert (problem.rule, problem.severity) == ("changes-nothing", "error")
    assert problem.message == "the alternative 'L' changes nothing about its analysis"


def test_labels_tell_alternatives_apart(tmp_path: Path) -> None:
    choices = one('model = {ci_method = "t"}') + "\n" + one('model = {ci_method = "Wald"}')
    (problem,) = check(tmp_path, choices)
    assert (problem.rule, problem.column) == ("label-twice", "analyses.first.alternatives[2].label")
    assert problem.value == "L"
    alike = choices.replace('"L"', '"L \\u200b"', 1)
    (problem,) = check(tmp_path, alike)
    assert problem.rule == "label-twice"


@pytest.mark.parametrize("label", ["  ", "\\u001b", "\\u200b\\u202e"])
def test_a_label_of_which_nothing_can_be_seen_is_empty(tmp_path: Path, label: str) -> None:
    choice = one('model = {ci_method = "t"}').replace('"L"', f'"{label}"')
    (problem,) = check(tmp_path, choice)
    assert (problem.column, problem.message) == ("analyses.first.alternatives[1].label", "must not be empty")


def test_there_is_nothing_to_compare_with_where_nothing_is_pooled(tmp_path: Path) -> None:
    more = 'overall = false\nsubgroups = [{by = "country", overall = false}]\n'
    (problem,) = check(tmp_path, one('profile = "house@1"'), more=more)
    assert (problem.rule, problem.column) == ("no-overall", "analyses.first.alternatives")


def test_a_fault_of_the_analysis_is_not_said_again_for_each_alternative(tmp_path: Path) -> None:
    more = 'filters = [{column = "land", equals = "x"}]\n'
    choices = one('profile = "house@1"') + "\n" + one('model = {ci_method = "t"}').replace('"L"', '"M"')
    (problem,) = check(tmp_path, choices, more=more)
    assert problem.column == "analyses.first.filters[1].column"


@pytest.mark.parametrize(
    ("choice", "words", "severity"),
    [
        ('exclude = [{row = "Z", reason = "r"}]', "excludes 'Z', which no row is called", "warning"),
        (
            'overlap = {rule = ["most_cohorts"], named = [{row = "Z", reason = "r"}]}',
            "no row named 'Z' to keep in this analysis",
            "warning",
        ),
        (
            'filters = [{column = "country", equals = "Sweden"}], '
            'overlap = {rule = [], named = [{row = "A", reason = "r"}]}',
            "the filters of this analysis take it away",
            "warning",
        ),
        ('filters = [{column = "year", equals = "2001"}]', "'2001' with a column of numbers", "error"),
    ],
)
def test_a_check_finds_what_choosing_its_rows_would(
    tmp_path: Path, choice: str, words: str, severity: str
) -> None:
    (problem,) = check(tmp_path, one(choice))
    assert problem.severity == severity
    assert problem.message.startswith("alternative 'L': ")
    assert words in str(problem)


def test_a_row_that_is_not_there_leaves_one_alternative_without_an_estimate(tmp_path: Path) -> None:
    check(tmp_path, one('exclude = [{row = "Z", reason = "not yet published"}]'))
    entry = compute_results(read_review(tmp_path))["analyses"]["first"]
    assert entry["fit"]["status"] in ("ok", "boundary")
    (row,) = entry["alternatives"]["rows"]
    assert row["natural"] is None
    assert "which no row is called" in row["failure"]


def test_a_value_that_no_row_has_is_a_warning(tmp_path: Path) -> None:
    (problem,) = check(tmp_path, one('filters = [{column = "country", equals = "Norge"}]'))
    assert (problem.severity, problem.rule) == ("warning", "filter-finds-nothing")
    assert problem.message == "alternative 'L': analysis 'first' asks for 'Norge', which no row has"


def test_columns_that_an_alternative_alone_counts_with_are_typed(tmp_path: Path) -> None:
    assert check(tmp_path, one('columns = {events = "more", n = "all"}')) == []
    protocol = read_review(tmp_path).protocol
    types = {"cases": "count", "total": "count", "more": "count", "all": "count"}
    assert sheet_types(protocol, "main") == types
    assert sheet_pairs(protocol, "main") == (("cases", "total"), ("more", "all"))


PLAN = Analysis(
    id="a",
    title="A",
    question="A?",
    sheet="main",
    measure="RR",
    columns={"events1": "a", "n1": "b", "events2": "c", "n2": "d"},
    profile="house@1",
    filters=(Filter(column="country", equals="Norway"),),
    exclude=(NamedRow(row="X", reason="r"),),
    overlap=Overlap(named=(NamedRow(row="N", reason="r"),)),
)


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ({"measure": "RD"}, ("risk difference instead of risk ratio",)),
        ({"columns": {**PLAN.columns, "events1": "z"}}, ("events1 from z instead of a",)),
        ({"model": ModelChoices(tau2_method="DL")}, ("estimator of τ²: DL instead of REML",)),
        ({"model": ModelChoices(pi_method="none")}, ("prediction: none instead of t on k − 1 df",)),
        (
            {"profile": "cochrane2025@1"},
            ("profile cochrane2025@1", "HKSJ interval: no guard instead of never narrower than Wald"),
        ),
        (
            {"model": ModelChoices(model="common", ci_method="Wald")},
            (
                "common effect by inverse variance (Wald interval) "
                "instead of random effects by inverse variance",
                "prediction: none instead of t on k − 1 df",
            ),
        ),
        ({"filters": (Filter(column="country", among=("Norway", "Oman")),)}, ("country is Norway or Oman",)),
        ({"filters": (Filter(column="weeks", at_least=12),)}, ("weeks is at least 12",)),
        (
            {"exclude": (NamedRow(row="Y", reason="r"), NamedRow(row="Z", reason="r"))},
            ("without Y and Z",),
        ),
        (
            {"overlap": Overlap(named=(NamedRow(row="M", reason="r"),))},
            ("M named first among rows that share people", "N no longer named first"),
        ),
        (
            {"overlap": Overlap(rule=("largest_n",), named=PLAN.overlap.named)},  # type: ignore[union-attr]
            ("rows that share people chosen by largest_n",),
        ),
        (
            {"overlap": Overlap(named=PLAN.overlap.named, links=(("P", "Q"),))},  # type: ignore[union-attr]
            ("links between rows: P and Q",),
        ),
        ({"profile": "house@1"}, ()),
    ],
)
def test_changes_are_said_in_words(choice: dict[str, object], words: tuple[str, ...]) -> None:
    alternative = Alternative.model_validate({"label": "L", "reason": "R"}).model_copy(update=choice)
    assert describe_changes(PLAN, alternative) == words


def test_a_guard_that_comes_with_another_model_is_named() -> None:
    plan = PLAN.model_copy(update={"profile": "cochrane2025@1"})
    alternative = Alternative(label="L", reason="R", model=ModelChoices(model="common"))
    named = "HKSJ interval: never narrower than Wald instead of no guard"
    assert named in describe_changes(plan, alternative)
