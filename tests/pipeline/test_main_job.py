"""The main job on the shipped review: what it writes, what it finds, what it must never show."""

import csv
import io
import json
from importlib.resources import files

import pytest

COHORTS = {
    "Agid2011",
    "Chan2021",
    "Demjaha2017",
    "Downs2019",
    "Doyle2017",
    "Lally2016",
    "Lee2024",
    "Mena2018",
    "MorenoSancho2022",
    "Thien2018",
    "Ucok2016",
    "Wimberley2016urb",
}

#: Studies that each analysis rests on, as the README of the evidence says.
STUDIES = {
    "trs_total": 12,
    "trs_total_stokes": 12,
    "trs_schizophrenia": 6,
    "trs_early": 5,
    "trs_early_share": 5,
    "trs_late": 5,
    "clozapine_response": 22,
    "clozapine_controlled": 4,
    "td_improvement_clozapine": 3,
    "td_improvement_others": 5,
    "td_rate": 5,
    "td_rate_first": 2,
    "td_rate_second": 2,
    "td_rate_clozapine": 0,
}


@pytest.fixture(scope="session")
def analyses(shipped):
    return json.loads((shipped.out / "results.json").read_text(encoding="utf-8"))["analyses"]


def test_every_file_is_there(shipped, analyses):
    for name in ("report.html", "report.md", "results.json"):
        assert (shipped.out / name).stat().st_size > 10_000
    for name, entry in analyses.items():
        for file in ("forest.svg", "effects.csv", "analysis.R"):
            assert (shipped.out / "analyses" / name / file).exists()
        for path in entry["figures"].values():
            assert (shipped.out / path).exists()


def test_every_analysis_rests_on_the_studies_that_the_evidence_names(analyses):
    assert {name: entry["fit"]["k"] for name, entry in analyses.items()} == STUDIES
    assert {s["label"] for s in analyses["trs_total"]["fit"]["studies"] if s["used"]} == COHORTS


def test_the_first_answer_is_the_one_of_a_dense_quadrature(analyses):
    fit = analyses["trs_total"]["fit"]
    natural = {key: round(100 * value, 1) for key, value in fit["natural"].items()}
    assert natural == {
        "value": 17.1,
        "low": 12.7,
        "high": 22.6,
        "prediction_low": 5.5,
        "prediction_high": 42.0,
    }
    mean = {key: round(100 * value, 1) for key, value in fit["population_mean"].items()}
    assert mean == {"value": 18.4, "low": 14.1, "high": 23.6}
    assert fit["tau2"]["value"] == pytest.approx(0.299, abs=5e-4)
    assert round(fit["heterogeneity"]["q"], 1) == 237.7


def test_refits_under_a_glmm_are_glmms(analyses):
    entry = analyses["trs_total"]
    for kind in ("leave_one_out", "cumulative"):
        assert entry[kind]["spec"]["model"] == "binomial_normal"
    assert entry["cumulative"]["estimate"][-1] == entry["fit"]["estimate"]["value"]
    fits = [fit for group in entry["subgroups"] for fit in group["result"]["fits"]]
    assert {fit["spec"]["model"] for fit in fits} == {"binomial_normal"}


def test_every_study_used_leads_to_its_line_in_the_sheet(analyses):
    evidence = files("extraction") / "evidence"
    sheets = {}
    seen = 0
    for entry in analyses.values():
        for study in entry["fit"]["studies"]:
            assert study["rows"], study["label"]
            for row in study["rows"]:
                if row["file"] not in sheets:
                    text = (evidence / row["file"]).read_text(encoding="utf-8-sig")
                    sheets[row["file"]] = list(csv.DictReader(io.StringIO(text)))
                lines = sheets[row["file"]]
                assert len(row["hash"]) == 64
                # no cell of the evidence spans lines, so the header is line 1 and record i stands on line i +
                # 2
                assert lines[row["line"] - 2]["study_id"] == study["label"].split(" ")[0]
                seen += 1
    assert seen > 80


def test_no_test_is_made_between_classes_of_two_studies_and_drugs_are_never_pooled(analyses):
    for name in ("td_rate", "td_improvement_others"):
        entry = analyses[name]
        assert entry["fit"]["status"] == "not_pooled"
        for key in ("estimate", "natural", "tau2", "heterogeneity", "coefficients"):
            assert entry["fit"][key] is None
        assert entry["leave_one_out"] is None
        for group in entry["subgroups"]:
            assert group["result"]["test"]["statistic"] is None
            assert group["result"]["test"]["p"] is None


def test_what_cannot_be_estimated_is_shown_with_the_reason(shipped, analyses):
    entry = analyses["td_rate_clozapine"]
    assert entry["fit"]["status"] == "not_estimable"
    reason = entry["fit"]["studies"][0]["reason"]
    assert "person_years" in reason
    assert reason in (shipped.out / "report.html").read_text(encoding="utf-8")
    used = {s["label"]: s["used"] for s in analyses["clozapine_controlled"]["fit"]["studies"]}
    assert used["Sacchetti2009"] is False
    drawn = (shipped.out / "analyses" / "clozapine_controlled" / "forest.svg").read_text(encoding="utf-8")
    assert "Sacchetti2009" in drawn


def test_the_small_study_check_is_a_regression_on_one_over_n(analyses):
    check = analyses["clozapine_response"]["small_study"]
    assert check["k"] == 22
    assert check["fit"]["coefficients"]["names"] == ["intercept", "inverse_n"]
    assert check["fit"]["spec"]["model"] == "binomial_normal"


def test_the_report_never_calls_an_outside_reference_a_reproduction(shipped):
    text = (shipped.out / "report.md").read_text(encoding="utf-8").lower()
    assert "not a reproduction" in text
    assert "reproduces" not in text.replace("not a reproduction", "")


def test_risk_of_bias_says_not_assessed_where_the_sheet_has_none(shipped):
    assert "not assessed" in (shipped.out / "report.html").read_text(encoding="utf-8").lower()
