"""Judgements on their way in: the sheet's own words; every fault by file, line, column, value and rule."""

from __future__ import annotations

from pathlib import Path

import pytest
from judged_review import ABOUT, REVIEW, ROB2, write_review

from extraction.errors import Problem
from meta.protocol.review import check_review, read_review


def problems(folder: Path, **changed: str) -> list[Problem]:
    return list(check_review(write_review(folder, **changed)))


def only(found: list[Problem]) -> str:
    assert len(found) == 1, [str(problem) for problem in found]
    return str(found[0])


def test_judgements_go_to_the_labels_of_each_analysis(tmp_path: Path) -> None:
    checked = read_review(write_review(tmp_path))
    assert checked.warnings == ()
    mine = checked.selections["trials"].judgements
    assert mine is not None
    assert list(mine.appraisal.answers) == ["Adams 2001", "Baker 2004", "Dunn 2015", "Fox 2020"]
    # whatever their case in the sheet, answers are the tool's own words
    assert mine.appraisal.answers["Baker 2004"] == ("Low", "High", "Some concerns", "", "Low")
    assert mine.appraisal.overall["Baker 2004"] == "High"
    assert mine.appraisal.reasons["Baker 2004"][1] == "Open label, and half changed arms"
    assert mine.appraisal.about == ABOUT
    assert (mine.rows["Dunn 2015"].file, mine.rows["Dunn 2015"].line) == ("bias.csv", 4)
    other = checked.selections["cohorts"].judgements
    assert other is not None
    assert dict(other.appraisal.answers) == {}
    assert [(e.study, e.row.line if e.row else None) for e in checked.exclusions] == [
        ("Gray 2012", None),
        ("Hill 2013", 2),
    ]
    assert sorted(checked.judged) == ["excluded", "risk_of_bias"]


def test_labels_of_several_columns_are_judged_by_their_study(tmp_path: Path) -> None:
    text = REVIEW.replace('sheet = "trials"', 'sheet = "trials"\nlabel = ["study_id", "design"]')
    text = text.replace('row = "Cole 2010"', 'row = "Cole 2010 crossover"')
    mine = read_review(write_review(tmp_path, review=text)).selections["trials"].judgements
    assert mine is not None
    assert "Adams 2001 parallel" in mine.appraisal.answers


def test_an_answer_that_the_tool_does_not_have_is_named(tmp_path: Path) -> None:
    said = only(problems(tmp_path, bias=ROB2.replace("HIGH", "Hihg")))
    assert said == (
        "bias.csv line 3, D2: RoB 2 has no answer 'Hihg' [unknown-category]; did you mean 'High'?"
    )


def test_a_domain_without_a_column_is_named(tmp_path: Path) -> None:
    said = only(problems(tmp_path, bias=ROB2.replace("D3,D4", "D4_reason,D4")))
    assert said == (
        "bias.csv line 1, D3: the column 'D3' (Missing outcome data) is missing [missing-column]; add it, "
        "empty where nobody judged it"
    )


def test_a_column_that_the_tool_does_not_have_is_named(tmp_path: Path) -> None:
    found = problems(tmp_path, bias=ROB2.replace("overall_reason", "Weight"))
    assert [(p.file, p.line, p.column, p.rule) for p in found] == [
        ("bias.csv", 1, "Weight", "unknown-column")
    ]


def test_a_study_judged_twice_is_named(tmp_path: Path) -> None:
    found = problems(tmp_path, bias=ROB2 + "Adams 2001,Low,Low,Low,Low,Low,Low,,\n")
    assert [(p.file, p.line, p.rule) for p in found] == [("bias.csv", 6, "duplicate-key")]


def test_a_judgement_of_nobody_is_a_warning(tmp_path: Path) -> None:
    said = only(problems(tmp_path, bias=ROB2.replace("Dunn 2015", "Dun 2015")))
    assert said == (
        "bias.csv line 4, study: no sheet of the review has a study of this name, so its judgements are "
        "shown nowhere [unknown-study]; did you mean 'Dunn 2015'?"
    )


def test_a_whole_better_than_its_worst_domain_is_a_warning(tmp_path: Path) -> None:
    found = problems(tmp_path, bias=ROB2.replace("Low,High,", "Low,Low,"))
    assert [(p.line, p.column, p.value, p.rule, p.severity) for p in found] == [
        (3, "overall", "Low", "overall-too-good", "warning")
    ]


def test_a_tool_that_does_not_exist_is_named(tmp_path: Path) -> None:
    said = only(problems(tmp_path, review=REVIEW.replace('"RoB 2"', '"RoB2"')))
    assert "risk_of_bias.tool: no risk-of-bias tool 'RoB2' [unknown-value]; did you mean 'RoB 2'?" in said
    assert said.startswith("review.toml line ")


# ruff: noqa: E501  (a fault a line)
@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('file = "bias.csv"', 'file = "../bias.csv"', "risk_of_bias.file: '../bias.csv' must lie in the review's"),
        ('file = "bias.csv"', 'file = "rob.csv"', "rob.csv: there is no file 'rob.csv' [no-such-file]"),
        ('file = "bias.csv"', "", "risk_of_bias.file: the key 'file' is missing [missing-key]"),
        ('show = ["forest"', 'show = ["florest"', "risk_of_bias.show[1]: must be one of 'forest', "),
        ('"excluded.csv"', '"/etc/passwd"', "excluded_file: '/etc/passwd' must lie in the review's folder"),
        ('reason = "no control group"', 'why = "none"', "unknown key 'why' [unknown-key]"),
        ('"country", "design"', '"county", "design"', "characteristics[1]: no column 'county' [unknown-column]"),
        ('certainty = "moderate"', 'certainty = "fair"', "grade.certainty: must be one of 'high', 'moderate', "),
        ("per_1000 = 250", "per_1000 = 1000", "per_1000: a baseline per 1,000 must be above 0 and below 1000"),
        ("per_1000 = 250, ", "", "baselines[1].per_1000: the key 'per_1000' is missing [missing-key]"),
        ('measure = "RR"', 'measure = "RD"', "measure RD is no ratio that a baseline risk turns into events"),
        ('kind = "prognosis"', 'kind = "prognosis"\nopposing_confounding = {judgement = "no", reason = "r"}',
         "opposing_confounding: prognosis has no upgrade 'opposing_confounding'"),
        ('{judgement = "serious", reason = "few people"}', '{judgement = "serious"}', "imprecision.reason: the key"),
        ('{judgement = "serious", reason = "few people"}', '{judgement = "bad", reason = "few"}',
         "imprecision.judgement: must be one of 'not serious', "),
    ],
)  # fmt: skip
def test_faults_of_the_protocol_are_named(tmp_path: Path, old: str, new: str, expected: str) -> None:
    assert old in REVIEW
    said = [
        str(problem)
        for problem in problems(tmp_path, review=REVIEW.replace(old, new))
        if problem.severity == "error"
    ]
    assert any(expected in line for line in said), said


def test_a_certainty_that_its_judgements_do_not_lead_to_is_a_warning(tmp_path: Path) -> None:
    text = REVIEW.replace('certainty = "moderate"', 'certainty = "high"')
    said = only(problems(tmp_path, review=text))
    line = text.splitlines().index('certainty = "high"') + 1
    assert said == (
        f"review.toml line {line}, analyses.trials.grade.certainty: the certainty is declared high, and from "
        "high the judgements lead to moderate [grade-coherence]; check the judgements, or say in a reason why "
        "it is otherwise"
    )


def test_a_cell_missing_in_the_excluded_studies_is_named(tmp_path: Path) -> None:
    found = problems(tmp_path, excluded="study,reason\nHill 2013,\n")
    assert [(p.file, p.line, p.column, p.rule) for p in found] == [
        ("excluded.csv", 2, "reason", "required-missing")
    ]
