"""Regressions through the whole chain: figure, permutation test, notes, and the same from the shell."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from meta.cli import main
from meta.pipeline import run_review

SHEET = "trial,events,n,year,kind\n" + "".join(
    f"T{i},{e},{n},{1990 + 3 * i},{'ab'[i % 2]}\n"
    for i, (e, n) in enumerate([(3, 40), (10, 60), (9, 44), (20, 70), (25, 61), (14, 50), (30, 66), (12, 31)])
)

REVIEW = """title = "Small"
question = "How many?"
[sheets.main]
file = "sheet.csv"
schema = "generic"
[[analyses]]
id = "share"
title = "Share"
question = "How many?"
sheet = "main"
measure = "PLO"
columns = {events = "events", n = "n"}
label = "trial"
profile = "house@1"
moderators = [
  {formula = "~ ns(year, df=2)", title = "Against year", permutation = true},
  {formula = "~ 0 + C(kind)", title = "By kind"},
]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sheet.csv").write_text(SHEET, encoding="utf-8")
    (tmp_path / "review.toml").write_text(REVIEW, encoding="utf-8")
    return tmp_path


def test_a_regression_of_the_protocol_has_its_figure_its_permutation_and_its_notes(folder: Path) -> None:
    run_review(folder, out=folder / "out")
    results = json.loads((folder / "out" / "results.json").read_text(encoding="utf-8"))
    entry = results["analyses"]["share"]
    curved, grouped = entry["regressions"]
    assert (folder / "out" / entry["figures"]["regression-1"]).is_file()
    assert "regression-2" not in entry["figures"]
    assert len(curved["curve"]["value"]) == 61
    assert grouped["curve"] is None
    assert grouped["permutation_test"] is None
    test = curved["permutation_test"]
    assert (test["kind"], test["exact"], test["draws"]) == ("order", True, 40320)
    page = (folder / "out" / "report.html").read_text(encoding="utf-8")
    assert "Permutation test of the moderators, over all" in page
    assert "P by permutation" in page
    assert "8 studies for 2 coefficients beside the intercept: fewer than ten studies a coefficient" in page
    assert "A coefficient of a spline is the difference from the curve at the lowest value." in page
    script = (folder / "out" / "analyses" / "share" / "analysis.R").read_text(encoding="utf-8")
    assert 'splinefun(c(1990.0, 2000.5, 2011.0), c(0, 1, 0), method = "natural")' in script
    assert "intercept = FALSE" in script


def test_the_shell_draws_and_permutes(folder: Path) -> None:
    words = [
        "fit", "sheet.csv", "--measure", "PLO", "--columns", "events=events,n=n", "--label", "trial",
        "--model", "random", "--moderators", "~ year", "--permutation", "--regression", "plot.svg",
    ]  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        done = CliRunner().invoke(main, words)
        again = CliRunner().invoke(main, [*words, "--json"])
    assert done.exit_code == 0, done.output
    assert "all 40" in done.stdout
    assert "year, by permutation" in done.stdout
    assert "<svg" in (folder / "plot.svg").read_text(encoding="utf-8")
    plain = json.loads(again.stdout)
    assert plain["permutation_test"]["draws"] == 40320
    assert plain["moderators"]["values"]["year"] == [1990 + 3 * i for i in range(8)]


def test_a_plot_without_moderators_is_refused_in_words(folder: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        done = CliRunner().invoke(
            main,
            [
                "fit",
                "sheet.csv",
                "--measure",
                "PLO",
                "--columns",
                "events=events,n=n",
                "--regression",
                "p.svg",
            ],
        )
    assert done.exit_code in (1, 2)
    assert "a regression plot takes a fit with moderators; this one has none" in done.stderr
