"""Rows of one study that share people: in one analysis only under a model that allows for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from extraction.errors import ProblemsError
from extraction.sheet import Roles, Sheet, read_sheet
from meta.protocol.differences import describe_changes
from meta.protocol.plan import Alternative, Analysis
from meta.protocol.reads import columns_read
from meta.protocol.selection import Selection, select_rows

ROWS = (
    "study_id,row,lab,arm,control,y,v,overlaps_with\n"
    "A,A1,x,,,0.1,0.1,\nA,A2,x,,,0.2,0.1,\nA,A3,x,,,0.4,0.1,\nB,B1,x,,,0.3,0.2,C\nC,C1,y,,,0.5,0.2,\n"
)
RULE = {"rule": ["most_cohorts"]}
CHE = {"model": "correlated_effects", "cluster": "study_id"}


def make_sheet(folder: Path, text: str = ROWS, **roles: str) -> Sheet:
    file = folder / "rows.csv"
    file.write_text(text, encoding="utf-8")
    return read_sheet(file, "generic", types={"y": "number", "v": "number"}, roles=Roles(**roles))


def plan(model: dict[str, Any], **changes: Any) -> Analysis:
    base: dict[str, Any] = {
        "id": "x", "title": "X", "question": "X?", "sheet": "main", "measure": "GEN", "label": "row",
        "columns": {"y": "y", "v": "v"}, "profile": "house@1", "model": model, "overlap": RULE,
    }  # fmt: skip
    return Analysis.model_validate({**base, **changes})


def take(folder: Path, model: dict[str, Any], **changes: Any) -> Selection:
    return select_rows(make_sheet(folder), plan(model, **changes))


@pytest.mark.parametrize(
    "model",
    [
        CHE,
        {**CHE, "ci_method": "Wald"},
        {"ci_method": "CR2", "cluster": "study_id"},
        {"model": "three_level", "cluster": "study_id"},
        {"model": "common", "ci_method": "CR0", "cluster": "study_id"},
    ],
)
def test_rows_of_one_study_stay_where_their_dependence_is_modelled(tmp_path: Path, model: Any) -> None:
    chosen = take(tmp_path, model)
    assert [label for label in chosen.labels if label.startswith("A")] == ["A1", "A2", "A3"]
    assert not chosen.warnings


@pytest.mark.parametrize(
    "model", [{}, {"model": "three_level", "cluster": "study_id", "ci_method": "t"}, {"ci_method": "Wald"}]
)
def test_elsewhere_one_of_them_is_kept(tmp_path: Path, model: Any) -> None:
    """A three-level model with a Wald interval takes sampling errors as independent."""
    chosen = take(tmp_path, model)
    assert [label for label in chosen.labels if label.startswith("A")] == ["A1"]


def test_rows_of_different_studies_that_share_people_never_stay_together(tmp_path: Path) -> None:
    chosen = take(tmp_path, CHE)
    assert chosen.labels == ("A1", "A2", "A3", "B1")
    assert [(entry.label, entry.because_of) for entry in chosen.set_aside] == [("C1", ("B1",))]


def test_the_column_of_clusters_decides_not_the_study(tmp_path: Path) -> None:
    """B and C share people, but are of two labs; A and B are of one."""
    assert take(tmp_path, {**CHE, "cluster": "lab"}).labels == ("A1", "A2", "A3", "B1")


def test_without_a_rule_they_give_no_warning(tmp_path: Path) -> None:
    chosen = take(tmp_path, CHE, overlap=None)
    assert [(w.rule, w.value) for w in chosen.warnings] == [("rows-share-people", "C1")]


def test_an_unknown_column_is_an_error_with_the_nearest(tmp_path: Path) -> None:
    for model in ({**CHE, "cluster": "studyid"}, {**CHE, "cluster": "studyid", "ci_method": "Wald"}):
        with pytest.raises(ProblemsError, match=r"needs a column 'studyid'.*did you mean 'study_id'"):
            take(tmp_path, model)


def test_the_column_is_read_by_the_analysis_and_by_its_alternatives(tmp_path: Path) -> None:
    sheet = make_sheet(tmp_path)
    assert "lab" in columns_read(plan({**CHE, "cluster": "lab"}), sheet)
    other = Alternative.model_validate(
        {"label": "l", "reason": "r", "model": {"ci_method": "CR2", "cluster": "lab"}}
    )
    assert "lab" in columns_read(plan({}, alternatives=(other,)), sheet)
    assert "lab" not in columns_read(plan({}), sheet)


CONTROLS = (
    "study_id,row,arm,control,y,v\n"
    "A,A1,one,placebo,0.1,0.1\nA,A2,two,placebo,0.2,0.1\nB,B1,one,placebo,0.3,0.2\n"
)


@pytest.mark.parametrize(("model", "warned"), [({}, True), (CHE, False), ({**CHE, "cluster": "row"}, True)])
def test_a_shared_control_is_no_warning_where_it_is_modelled(
    tmp_path: Path, model: Any, warned: bool
) -> None:
    sheet = make_sheet(tmp_path, CONTROLS, study="study_id", arm="arm", control="control")
    chosen = select_rows(sheet, plan(model))
    assert ([w.rule for w in chosen.warnings] == ["shared-control"]) == warned


def test_what_an_alternative_changes_is_said() -> None:
    other = Alternative.model_validate({"label": "l", "reason": "r", "model": {"rho": 0.8, "cluster": "lab"}})
    assert describe_changes(plan(CHE), other) == (
        "rows clustered by: lab instead of study_id",
        "correlation of sampling errors: 0.8 instead of 0.6",
    )
