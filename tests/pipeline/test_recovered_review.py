"""A review whose rows report medians, standard errors, percentages and P values, from sheet to report."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from meta.cli import main
from meta.pipeline import run_review

#: Two trials with means and SDs, then one that reports a median with quartiles, one an SE, one a t test.
MEANS = """study_id,mean1,sd1,n1,mean2,sd2,n2,med,lower,upper,error,test
Direct 1,10,2.5,40,12,2.6,41,,,,,
Direct 2,11,3.5,60,12.5,3.1,58,,,,,
Median,,,30,12,2.4,31,10.5,9,12,,
Error,9.5,,36,11,2.2,35,,,,0.4,
Test,10.2,,50,11.4,,50,,,,,2.1
Nothing,,,20,11,2,20,,,,,
"""
SHARES = """study_id,events,n,pct
Counted,12,60,
Printed,,137,45
Odd,,10,33.3
"""
CHANGES = """study_id,n,before,after,sd_before,sd_after,corr,form
PANSS,40,90,60,12,15,0.5,30
BPRS,35,48,33,9,10,0.5,18
Unknown form,30,50,40,8,9,0.5,
"""
REVIEW = """
title = "What papers report"
question = "How much?"
[sheets.means]
file = "means.csv"
schema = "generic"
[sheets.shares]
file = "shares.csv"
schema = "generic"
[sheets.changes]
file = "changes.csv"
schema = "generic"
[[analyses]]
id = "means"
title = "Means"
question = "How much?"
sheet = "means"
measure = "MD"
columns = {mean1 = "mean1", sd1 = "sd1", n1 = "n1", mean2 = "mean2", sd2 = "sd2", n2 = "n2", median1 = "med", q1_1 = "lower", q3_1 = "upper", se1 = "error", t = "test"}
profile = "house@1"
[[analyses]]
id = "shares"
title = "Shares"
question = "How many?"
sheet = "shares"
measure = "PLO"
columns = {events = "events", n = "n", percent = "pct"}
profile = "proportions-glmm@1"
[[analyses]]
id = "changes"
title = "Changes"
question = "How much?"
sheet = "changes"
measure = "MN"
columns = {n = "n", mean_pre = "before", mean_post = "after", sd_pre = "sd_before", sd_post = "sd_after", r = "corr", scale_minimum = "form"}
profile = "house@1"
"""  # noqa: E501


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recovered")
    for name, text in (("means.csv", MEANS), ("shares.csv", SHARES), ("changes.csv", CHANGES)):
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "review.toml").write_text(REVIEW, encoding="utf-8")
    run_review(folder / "review.toml", out=folder / "out")
    return folder / "out"


def read_studies(out: Path, analysis: str) -> dict[str, dict[str, object]]:
    results = json.loads((out / "results.json").read_text(encoding="utf-8"))
    return {study["label"]: study for study in results["analyses"][analysis]["fit"]["studies"]}


def test_each_recovered_row_says_what_from_what_and_how(out: Path) -> None:
    studies = read_studies(out, "means")
    assert studies["Direct 1"]["recovered"] is None
    assert studies["Median"]["recovered"] == (
        "mean1 from med = 10.5, lower = 9, upper = 12, n1 = 30: mean of a symmetric distribution by median, "
        "quartiles and n (Luo 2018, eq. 11); sd1 from lower = 9, upper = 12, n1 = 30: SD of a normal "
        "distribution by quartiles and n (Wan 2014, eq. 16)"
    )
    assert "SD = SE sqrt(n)" in studies["Error"]["recovered"]
    assert studies["Error"]["counts"]["sd1"] == pytest.approx(2.4, rel=1e-15)
    assert studies["Test"]["counts"]["sd1"] == studies["Test"]["counts"]["sd2"]
    assert studies["Nothing"]["reason"] == "incomplete numbers: mean1 and sd1 are empty"


def test_percentages_become_counts_and_say_where_several_fit(out: Path) -> None:
    studies = read_studies(out, "shares")
    assert studies["Printed"]["counts"] == {"events": 62.0, "n": 137.0}
    assert "(61 to 62 print alike)" in studies["Printed"]["recovered"]
    text = (out / "report.md").read_text(encoding="utf-8").replace("\u00a0", " ")
    assert "Odd: no whole number of 10 prints as pct = 33.3%" in text


def test_percent_change_subtracts_the_lowest_score_and_says_so(out: Path) -> None:
    studies = read_studies(out, "changes")
    assert studies["PANSS"]["counts"]["mean"] == -50.0
    assert studies["BPRS"]["counts"]["mean"] == -50.0
    assert "less the lowest score of the scale" in studies["PANSS"]["recovered"]
    assert "form = 30" in studies["PANSS"]["recovered"]
    reason = "the lowest score of the scale is not declared: form is empty"
    assert studies["Unknown form"]["reason"] == reason


def test_report_lists_them_and_the_forest_plot_leaves_their_squares_hollow(out: Path) -> None:
    text = (out / "report.md").read_text(encoding="utf-8").replace("\u00a0", " ")
    assert text.count("Numbers recovered from what papers report") == 3
    assert "sd1 from error = 0.4, n1 = 36" in text
    figure = next(out.rglob("*forest.svg"), None) or next(out.rglob("forest*.svg"))
    assert "Hollow squares: numbers recovered" in figure.read_text(encoding="utf-8")


def test_the_shell_takes_the_same_columns(tmp_path: Path) -> None:
    file = tmp_path / "shares.csv"
    file.write_text(SHARES, encoding="utf-8")
    words = ["fit", str(file), "--measure", "PLO", "--columns", "events=events,n=n,percent=pct"]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    assert "62" in done.output


def test_a_source_without_its_companion_is_refused(tmp_path: Path) -> None:
    (tmp_path / "means.csv").write_text(MEANS, encoding="utf-8")
    (tmp_path / "shares.csv").write_text(SHARES, encoding="utf-8")
    (tmp_path / "changes.csv").write_text(CHANGES, encoding="utf-8")
    file = tmp_path / "review.toml"
    file.write_text(REVIEW.replace(', q3_1 = "upper"', ""), encoding="utf-8")
    done = CliRunner().invoke(main, ["check", str(file)])
    assert done.exit_code == 1
    assert "recover has no use for 'median1' alone: it goes with" in " ".join(done.output.split())
