"""An explanation leads from a number back to its fit, its studies, its rows; what leads nowhere is told."""

import json

import pytest
from click.testing import CliRunner

import meta
from meta.cli import main
from meta.errors import ExplainError
from meta.explain.addresses import list_ids
from meta.explain.explanation import explain_number, read_results
from meta.releases.freeze import freeze_release

PROTOCOL = """\
title = "Seven trials"
question = "Where does a number come from?"

[sheets.trials]
file = "trials.csv"
schema = "generic"

[[analyses]]
id = "deaths"
title = "Deaths"
question = "Fewer deaths?"
sheet = "trials"
label = "study_id"
measure = "OR"
columns = {events1 = "e1", n1 = "n1", events2 = "e2", n2 = "n2"}
profile = "house@1"
filters = [{column = "role", equals = "main"}]
cumulative = "year"
overlap = {rule = ["most_cohorts"]}
alternatives = [
  {label = "Paule and Mandel", reason = "Another estimator", model = {tau2_method = "PM"}},
  {label = "Late rows too", reason = "All rows", filters = [{column = "role", in = ["main", "late"]}]},
]
threshold = {value = 0.8, words = "worth it", source = "A book, page 3"}
subgroups = [{by = "region", title = "By region"}]
moderators = [{formula = "~ year", title = "By year"}]
"""

SHEET = """\
study_id,year,e1,n1,e2,n2,role,region,overlaps_with,source_location,source_url,note
Alder,1999,3,40,6,41,main,north,,Table 1,https://example.org/alder,
St. Birch,2004,0,25,4,26,main,south,,Table 2,,
Cedar,2011,12,90,20,92,main,north,,page 4,,
Doum,2015,7,61,9,60,main,south,,,,
Elm,2016,9,50,11,52,main,north,,,,
Fir,2018,9,50,11,51,main,north,Elm,,,
Ginkgo,2019,5,50,7,52,late,south,,,,
"""


@pytest.fixture(scope="session")
def explained(tmp_path_factory):
    """The folder of a review with two releases, and the results of a run of it."""
    review = tmp_path_factory.mktemp("explained")
    (review / "review.toml").write_text(PROTOCOL, encoding="utf-8")
    (review / "trials.csv").write_text(SHEET, encoding="utf-8")
    freeze_release(review, version="1.0", note="first")
    (review / "trials.csv").write_text(SHEET.replace("Doum,2015,7", "Doum,2015,8"), encoding="utf-8")
    meta.run_review(review, out=review / "out")
    return review


@pytest.fixture(scope="session")
def results(explained):
    return read_results(explained / "out")


def test_the_pooled_value_leads_to_fit_formula_studies_rows_and_sources(results):
    found = explain_number(results, "analyses.deaths.fit.natural.value")
    fit = results["analyses"]["deaths"]["fit"]
    assert found.value == fit["natural"]["value"]
    assert "wᵢ = 1 / (vᵢ + τ²)" in found.what
    assert "DerSimonian and Laird 1986" in found.what
    assert found.part == "main fit"
    assert found.profile.startswith("house@1 (SHA-256 ")
    chosen = {choice.option: (choice.value, choice.source) for choice in found.choices}
    assert chosen["tau2_method"][0] == "REML"
    assert "Langan" in chosen["tau2_method"][1]
    used = [study for study in found.studies if study.used]
    assert [study.label for study in used] == [s["label"] for s in fit["studies"] if s["used"]]
    assert [study.weight for study in used] == fit["weights"]
    alder = used[0]
    assert (alder.label, alder.counts["events1"], alder.y) == ("Alder", 3.0, fit["studies"][0]["y"])
    (row,) = alder.rows
    assert (row.file, row.line, row.cells["e1"]) == ("trials.csv", 2, "3")
    assert (row.source, row.url) == ("Table 1", "https://example.org/alder")


def test_the_steps_name_filters_overlap_and_continuity_corrections(results):
    steps = " ".join(explain_number(results, "analyses.deaths.fit.tau2.value").steps)
    assert "Kept where role is main: 1 taken away, 6 left." in steps
    assert "since it shares people with" in steps
    assert "Zero cells in St. Birch: Where a study has a zero cell, 0.5 is added" in steps


def test_a_label_may_stand_in_the_place_of_a_number(results):
    study = explain_number(results, "analyses.deaths.fit.studies.St. Birch.y")
    assert study.id == "analyses.deaths.fit.studies.1.y"
    assert [s.label for s in study.studies] == ["St. Birch"]
    level = explain_number(results, "analyses.deaths.subgroups.0.result.north.natural.value")
    assert level.id == "analyses.deaths.subgroups.0.result.fits.0.natural.value"
    assert level.part == "subgroup 'north' (By region)"
    other = explain_number(results, "analyses.deaths.alternatives.rows.Late rows too.natural.value")
    assert other.id == "analyses.deaths.alternatives.rows.1.natural.value"


def test_a_covariate_under_a_label_with_a_dot(results):
    found = explain_number(results, "analyses.deaths.covariates.year.St. Birch")
    assert (found.value, [s.label for s in found.studies]) == (2004, ["St. Birch"])


def test_a_row_of_leave_one_out_lists_the_other_studies_and_its_numbers(results):
    found = explain_number(results, "analyses.deaths.leave_one_out.Alder")
    assert "Alder" not in [study.label for study in found.studies]
    assert all(study.weight is None for study in found.studies)
    assert found.part == "leave one out: without Alder"
    moved = results["analyses"]["deaths"]["leave_one_out"]
    assert found.numbers["analyses.deaths.leave_one_out.natural.0"] == moved["natural"][0]
    assert len(found.studies) == moved["k"][0]


def test_a_cumulative_row_lists_the_studies_so_far(results):
    grown = results["analyses"]["deaths"]["cumulative"]
    for place, k in enumerate(grown["k"]):
        found = explain_number(results, f"analyses.deaths.cumulative.natural.{place}")
        assert len(found.studies) == k


def test_an_alternative_says_what_it_changes_and_which_studies_it_takes(results):
    found = explain_number(results, "analyses.deaths.alternatives.rows.1")
    assert "Ginkgo" in [study.label for study in found.studies]
    (ginkgo,) = (study for study in found.studies if study.label == "Ginkgo")
    assert ginkgo.rows[0].line == 8
    assert any(step == "Studies that came: Ginkgo." for step in found.steps)
    assert any("All rows" in step for step in found.steps)
    estimator = explain_number(results, "analyses.deaths.alternatives.rows.0.tau2")
    assert {c.option: c.value for c in estimator.choices}["tau2_method"] == "PM"


def test_other_things_answer_too(results):
    words = {
        "analyses.deaths": "an analysis of the protocol",
        "analyses.deaths.subgroups.0.result.test.statistic": "the test between subgroups",
        "analyses.deaths.regressions.0.fit.coefficients.value.1": "a coefficient of the regression",
        "analyses.deaths.selection.overlap.set_aside": "set aside because they share people",
        "analyses.deaths.selection.filters.0.removed": "a filter of the protocol took away",
        "analyses.deaths.fit.weights.0": "the weight of a study used",
        "changes.analyses.0": "what changed since the release before",
        "changes.counts.changed": "how many of what differs",
        "changes.sheets.0.rows.0": "what changed since the release before",
        "history.deaths.0.standing.value": "in a version of the review",
        "provenance.sheets.0.rows": "how many rows the sheet has",
    }
    for address, text in words.items():
        assert text in explain_number(results, address).what, address
    threshold = explain_number(results, "analyses.deaths.threshold.value")
    assert threshold.sources == ("worth it", "A book, page 3")


def test_every_number_has_an_explanation_of_its_own(results):
    for address in list_ids(results):
        found = explain_number(results, address)
        assert found.id == address
        assert not found.what.startswith("a part of"), address
        json.dumps(found.to_dict(), allow_nan=False)


@pytest.mark.parametrize(("address", "near"), [
    ("deaths.fit.k", "did you mean 'analyses.deaths.fit.k'?"),
    ("analyses.deathz.fit.k", "did you mean 'analyses.deaths.fit.k'?"),
    ("analyses.deaths.fit.natural.valeu", "did you mean 'analyses.deaths.fit.natural.value'?"),
    ("analyses.deaths.fit.studies.Aldre.y", "did you mean 'analyses.deaths.fit.studies.0.y'?"),
    ("analyses.deaths.fit.studies.99", "a list of 5, counted from 0"),
    ("analyses.deaths.fit.k.more", "a value of its own"),
    ("", "there is no ''"),
    ("...", "there is no"),
])
def test_what_leads_nowhere_is_told_with_what_is_near(results, address, near):
    with pytest.raises(ExplainError) as told:
        explain_number(results, address)
    assert near in str(told.value)


def test_a_prefix_lists_the_ids_that_begin_so(results):
    with pytest.raises(ExplainError) as told:
        explain_number(results, "analyses.deaths.fit.natural")
    assert "that holds 5; ids that begin so: analyses.deaths.fit.natural.value," in str(told.value)


def test_the_command_prints_lines_json_and_errors(explained, monkeypatch):
    monkeypatch.chdir(explained)
    shell = CliRunner()
    done = shell.invoke(main, ["explain", "analyses.deaths.fit.natural.value"])
    assert done.exit_code == 0
    assert done.output.startswith("analyses.deaths.fit.natural.value = 0.")
    assert "trials.csv line 2: " in done.output
    assert "source: Table 1 https://example.org/alder" in done.output
    as_json = shell.invoke(main, ["explain", "analyses.deaths.fit.k", "1.0", "--json"])
    assert json.loads(as_json.output)["format"] == "trs-meta-explanation@1"
    assert json.loads(as_json.output)["value"] == 5
    wrong = shell.invoke(main, ["explain", "analyses.deaths.fit.kk"])
    assert (wrong.exit_code, wrong.stdout) == (1, "")
    assert "did you mean 'analyses.deaths.fit.k'?" in wrong.stderr
    lost = shell.invoke(main, ["explain", "analyses.deaths.fit.k", "nowhere"])
    assert lost.exit_code == 1
    assert "there is no results.json at nowhere" in lost.stderr


def test_what_are_no_results_is_said_to_be_none(tmp_path):
    (tmp_path / "results.json").write_text("[1]", encoding="utf-8")
    with pytest.raises(ExplainError, match="holds no results"):
        read_results(tmp_path)
    (tmp_path / "results.json").write_text("{", encoding="utf-8")
    with pytest.raises(ExplainError, match="cannot be read"):
        read_results(tmp_path)
