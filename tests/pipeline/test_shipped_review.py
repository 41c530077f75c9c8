"""What the main job writes, held to the sheets as another reader sees them; test_main_job has the numbers."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import extraction
from extraction.files import sha256
from extraction.sheet import hash_cells
from meta.pipeline import RunResult

EVIDENCE = Path(extraction.__file__).parent / "evidence"

#: As the evidence's README lists them, worked out by hand from the sheet.
TRS_TOTAL = [
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
]

ANALYSES = [
    "trs_total",
    "trs_total_stokes",
    "trs_schizophrenia",
    "trs_early",
    "trs_early_share",
    "trs_late",
    "clozapine_response",
    "clozapine_controlled",
    "td_improvement_clozapine",
    "td_improvement_others",
    "td_rate",
    "td_rate_first",
    "td_rate_second",
    "td_rate_clozapine",
]


@pytest.fixture(scope="module")
def written(shipped: RunResult) -> dict[str, Any]:
    """Return results.json as a reader of the file finds it."""
    content: dict[str, Any] = json.loads((shipped.out / "results.json").read_text(encoding="utf-8"))
    return content


@pytest.fixture(scope="module")
def analyses(written: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = written["analyses"]
    return found


def test_these_files_are_written_and_no_others(shipped: RunResult, analyses: dict[str, Any]) -> None:
    assert shipped.report == shipped.out / "report.html"
    wanted = {"results.json", "report.html", "report.md", "references.bib", "references.json"}
    for name in ANALYSES:
        wanted |= {f"analyses/{name}/{file}" for file in ("forest.svg", "effects.csv", "analysis.R")}
    wanted |= {figure for entry in analyses.values() for figure in entry["figures"].values()}
    # what an archive needs: the sheets and the protocol as they were read, and three lists of all files
    provenance = shipped.results["provenance"]
    wanted |= {"manifest.json", "datapackage.json", "ro-crate-metadata.json", "data/protocol.toml"}
    wanted |= {f"data/{sheet['name']}.csv" for sheet in provenance["sheets"]}
    wanted |= {f"data/references_{name}.csv" for name in ("trs", "clozapine", "td")}
    found = {p.relative_to(shipped.out).as_posix() for p in shipped.out.rglob("*") if p.is_file()}
    assert found == wanted


def test_results_stand_in_the_order_of_the_protocol(analyses: dict[str, Any]) -> None:
    assert list(analyses) == ANALYSES
    assert all(entry["id"] == name for name, entry in analyses.items())


def test_what_is_returned_is_what_was_written(shipped: RunResult, written: dict[str, Any]) -> None:
    assert shipped.results == written


def test_stokes_in_the_place_of_lee(analyses: dict[str, Any]) -> None:
    used = set(analyses["trs_total_stokes"]["selection"]["used"])
    assert used == {*TRS_TOTAL, "Stokes2020"} - {"Lee2024"}


def row_refs(node: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every reference to a row of a sheet with the label of the study that names it."""
    if isinstance(node, dict):
        if "rows" in node and "label" in node and isinstance(node["rows"], list):
            for ref in node["rows"]:
                yield node["label"], ref
        for value in node.values():
            yield from row_refs(value)
    elif isinstance(node, list):
        for value in node:
            yield from row_refs(value)


def sheet_lines(file: str) -> dict[int, dict[str, str]]:
    """Read a sheet with nothing of the engine: rows by the line of the file on which they begin."""
    with (EVIDENCE / file).open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.reader(stream)
        header = next(reader)
        begin, found = reader.line_num + 1, {}
        for cells in reader:
            found[begin] = dict(zip(header, cells, strict=True))
            begin = reader.line_num + 1
    return found


def test_every_study_leads_to_its_line(analyses: dict[str, Any]) -> None:
    sheets = {path.name: sheet_lines(path.name) for path in EVIDENCE.glob("*.csv")}
    seen = 0
    for name, entry in analyses.items():
        for study in entry["fit"]["studies"]:
            assert study["rows"], (name, study["label"])
        for label, ref in row_refs(entry):
            assert set(ref) == {"file", "line", "hash"}
            row = sheets[ref["file"]][ref["line"]]
            assert label.startswith(row["study_id"]), (name, label, ref)
            assert ref["hash"] == hash_cells(list(row.values())), (name, label, ref)
            seen += 1
    assert seen > 200


def test_counts_are_those_of_the_line(analyses: dict[str, Any]) -> None:
    for name in ("trs_total", "clozapine_response", "td_rate"):
        entry = analyses[name]
        for study in entry["fit"]["studies"]:
            (ref,) = study["rows"]
            row = sheet_lines(ref["file"])[ref["line"]]
            for key, column in entry["columns"].items():
                assert float(row[column]) == study["counts"][key], (name, study["label"], column)


def test_sheets_and_protocol_are_named_by_their_hash(written: dict[str, Any]) -> None:
    provenance = written["provenance"]
    files = [provenance["protocol"], *provenance["sheets"], *provenance["targets"]]
    assert len(files) == 9
    for entry in files:
        assert entry["sha256"] == sha256((EVIDENCE / entry["file"]).read_bytes()), entry["file"]
    entries = written["analyses"].values()
    used = {entry["profile"] for entry in entries}
    used |= {row["profile"] for entry in entries for row in (entry["alternatives"] or {"rows": []})["rows"]}
    assert {profile["name"] for profile in provenance["profiles"]} == used


def test_what_cannot_be_estimated_is_shown_so(shipped: RunResult, analyses: dict[str, Any]) -> None:
    fit = analyses["td_rate_clozapine"]["fit"]
    assert (fit["status"], fit["natural"], fit["estimate"]) == ("not_estimable", None, None)
    (study,) = fit["studies"]
    assert study["label"] == "Kane1993 clozapine"
    assert study["used"] is False
    assert study["reason"] == "incomplete counts: person_years is empty"
    drawn = (shipped.out / "analyses/td_rate_clozapine/forest.svg").read_text(encoding="utf-8")
    assert "Kane1993" in drawn
    assert "person_years" in drawn
    assert "td_rate_clozapine" in (shipped.out / "report.html").read_text(encoding="utf-8")


def test_no_test_between_classes_of_drugs(shipped: RunResult, analyses: dict[str, Any]) -> None:
    for name in ("td_rate", "td_improvement_others"):
        (group,) = analyses[name]["subgroups"]
        test = group["result"]["test"]
        assert [test[key] for key in ("statistic", "df", "df2", "p")] == [None] * 4, name
        assert test["reason"] == "no test: the protocol asks for none"
        script = (shipped.out / f"analyses/{name}/analysis.R").read_text(encoding="utf-8")
        assert "QM" not in script
        assert "anova" not in script


@pytest.mark.parametrize("name", ["td_rate", "td_improvement_others"])
def test_nothing_is_pooled_across_drugs(shipped: RunResult, analyses: dict[str, Any], name: str) -> None:
    entry = analyses[name]
    pooled = ("estimate", "natural", "population_mean", "tau2", "heterogeneity", "prediction")
    pooled += ("coefficients", "covariance", "weights", "loglik")
    assert [entry["fit"][key] for key in pooled] == [None] * len(pooled)
    assert entry["fit"]["status"] == "not_pooled"
    assert [entry[key] for key in ("leave_one_out", "cumulative", "small_study")] == [None] * 3
    assert entry["regressions"] == []
    assert all(study["weight"] is None for study in entry["fit"]["studies"])
    assert set(entry["figures"]) == {"forest"}
    # the opening sentences speak of each drug, and of no number for all
    text = (shipped.out / "report.md").read_text(encoding="utf-8")
    assert entry["title"] in text
    sizes = [fit["k"] for fit in entry["subgroups"][0]["result"]["fits"]]
    assert (sum(sizes), max(sizes)) == (5, 2)


def test_small_studies_are_checked_where_there_are_enough(analyses: dict[str, Any]) -> None:
    check = analyses["clozapine_response"]["small_study"]
    assert (check["k"], check["reason"]) == (22, None)
    fit = check["fit"]
    assert fit["spec"]["moderators"] == "~ inverse_n"
    assert fit["coefficients"]["names"] == ["intercept", "inverse_n"]
    low, value, high = (fit["coefficients"][key][1] for key in ("low", "value", "high"))
    assert low < value < high
    others = [entry for name, entry in analyses.items() if name != "clozapine_response"]
    assert all(entry["small_study"] is None for entry in others)


def test_refits_are_made_under_the_analysis_own_model(analyses: dict[str, Any]) -> None:
    made = 0
    for name, entry in analyses.items():
        fits = [group_fit for group in entry["subgroups"] for group_fit in group["result"]["fits"]]
        fits += [regression["fit"] for regression in entry["regressions"]]
        fits += [refits for refits in (entry["leave_one_out"], entry["cumulative"]) if refits is not None]
        for fit in fits:
            for key in ("model", "tau2_method", "ci_method", "level"):
                assert fit["spec"][key] == entry["spec"][key], (name, key)
            made += 1
    assert made > 25


def test_leave_one_out_leaves_each_study_out_once(analyses: dict[str, Any]) -> None:
    entry = analyses["trs_total"]
    assert sorted(entry["leave_one_out"]["labels"]) == TRS_TOTAL
    assert entry["leave_one_out"]["k"] == [11] * 12
    assert entry["cumulative"]["k"][-1] == 12
    assert entry["cumulative"]["natural"][-1] == pytest.approx(entry["fit"]["natural"]["value"], rel=1e-9)


def test_the_json_has_no_number_that_json_lacks(shipped: RunResult) -> None:
    text = (shipped.out / "results.json").read_text(encoding="utf-8")
    assert re.search(r"(?<![\"\w])(NaN|-?Infinity)(?![\"\w])", text) is None


def test_no_path_of_this_machine_is_written(shipped: RunResult) -> None:
    for path in sorted(shipped.out.rglob("*")):
        if path.is_file():
            content = path.read_bytes()
            for place in (EVIDENCE.parent.parent, shipped.out, Path.home()):
                assert str(place).encode() not in content, (path.name, place)


def test_warnings_of_the_sheets_are_kept(shipped: RunResult, written: dict[str, Any]) -> None:
    assert [problem.to_dict() for problem in shipped.warnings] == written["problems"]
    assert {problem["severity"] for problem in written["problems"]} == {"warning"}
    assert {problem["rule"] for problem in written["problems"]} == {
        "percent-contradicts-counts",
        "estimate-outside-interval",
    }
