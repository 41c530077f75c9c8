"""``meta run --crosscheck``: results, report, screen, exit code; and nothing of it without."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import meta.crosscheck.statsmodels_engine as statsmodels_engine
from meta.cli import main
from meta.report.context import build_context
from meta.report.pieces import plain
from meta.tables.numbers import difference_text

ROOT = Path(__file__).resolve().parents[2]

PROTOCOL = """\
title = "Five cohorts"
question = "Do others find the same?"

[sheets.cohorts]
file = "cohorts.csv"
schema = "generic"

[[analyses]]
id = "share"
title = "A share"
question = "What share?"
sheet = "cohorts"
label = "study_id"
measure = "PLO"
columns = {events = "events", n = "n"}
profile = "proportions-glmm@1"
leave_one_out = false

[[analyses]]
id = "logit"
title = "A logit"
question = "What logit?"
sheet = "cohorts"
label = "study_id"
measure = "PLO"
columns = {events = "events", n = "n"}
profile = "house@1"
leave_one_out = false

[[analyses.subgroups]]
by = "note"
title = "By note"
"""

SHEET = """\
study_id,year,events,n,note
A,1999,3,40,x
B,2004,2,25,x
C,2011,12,90,x
D,2015,7,61,y
E,2016,0,20,x
"""


@pytest.fixture
def review(tmp_path: Path) -> Path:
    (tmp_path / "cohorts.csv").write_text(SHEET, encoding="utf-8")
    (tmp_path / "review.toml").write_text(PROTOCOL, encoding="utf-8")
    return tmp_path


def run(review: Path, *options: str) -> tuple[Result, dict[str, Any], Path]:
    out = review / "out"
    done = CliRunner().invoke(main, ["run", str(review), "--out", str(out), *options])
    assert (out / "results.json").exists(), done.output
    return done, json.loads((out / "results.json").read_text(encoding="utf-8")), out


def test_the_table_on_screen_and_in_the_report(review: Path) -> None:
    done, results, out = run(review, "--crosscheck", "--no-r")
    assert done.exit_code == 0, done.output
    assert "no number differs by more than its tolerance." in done.stdout
    assert "Largest difference by analysis and engine" in done.stdout
    assert "subgroup note: y" in done.stdout
    assert "beyond tolerance" not in done.stderr
    html = (out / "report.html").read_text(encoding="utf-8")
    text = (out / "report.md").read_text(encoding="utf-8")
    assert 'id="second-opinions"' in html
    assert "### Second opinions" in text
    # every difference shown is the one that stands at its address
    block = build_context(results).crosscheck
    table = next(table for table in block.tables if table.caption.startswith("Largest"))
    assert len(table.rows) == 5
    for row in table.rows:
        (shown,) = row.cells[4]
        place: Any = results
        for key in shown.id.split("."):  # type: ignore[union-attr]
            place = place[int(key) if isinstance(place, list) else key]
        assert shown.text == difference_text(place)  # type: ignore[union-attr]
        assert f'data-id="{shown.id}"' in html  # type: ignore[union-attr]
    assert [plain(row.cells[6]) for row in table.rows] == ["agrees"] * 3 + ["agrees, 1 not compared"] * 2


def test_nothing_of_it_without_the_option(review: Path) -> None:
    done, results, out = run(review)
    assert done.exit_code == 0
    assert "Second opinions" not in (out / "report.html").read_text(encoding="utf-8")
    assert "Second opinions" not in (out / "report.md").read_text(encoding="utf-8")
    assert results["crosscheck"] is None
    assert [entry["crosscheck"] for entry in results["analyses"].values()] == [None, None]
    assert "Largest difference" not in done.stdout


def test_the_same_bytes_twice(review: Path) -> None:
    _, _, out = run(review, "--crosscheck", "--no-r")
    first = {path.name: path.read_bytes() for path in out.glob("*.*")}
    run(review, "--crosscheck", "--no-r")
    assert first == {path.name: path.read_bytes() for path in out.glob("*.*")}


def test_a_number_that_differs_is_named_and_the_exit_code_is_one(
    review: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = statsmodels_engine._weigh

    def biased(data: Any, tau2: float) -> Any:
        return honest(data, tau2 * (1.0 + 1e-6) + 1e-6)

    monkeypatch.setattr(statsmodels_engine, "_weigh", biased)
    done, results, out = run(review, "--crosscheck", "--no-r")
    assert done.exit_code == 1
    assert "Numbers differ by more than their tolerance in: A share; A logit." in done.stdout
    assert "reported: estimate" not in done.stdout
    assert "beyond tolerance:" in done.stderr
    assert "logit, statsmodels, main: reported: estimate: " in done.stderr
    assert "Numbers beyond their tolerance" in (out / "report.html").read_text(encoding="utf-8")
    assert {entry["status"] for entry in results["crosscheck"]} == {"agrees", "differs"}


def test_json_carries_the_summaries(review: Path) -> None:
    done, results, _ = run(review, "--crosscheck", "--no-r", "--json")
    assert json.loads(done.stdout)["crosscheck"] == results["crosscheck"]
    assert len(results["crosscheck"]) == 5


@pytest.mark.parametrize(
    ("options", "loaded"), [([], "[]"), (["--crosscheck", "--no-r"], "['pymare', 'statsmodels']")]
)
def test_a_run_imports_the_engines_only_when_asked(review: Path, options: list[str], loaded: str) -> None:
    arguments = ["run", str(review), "--out", str(review / "out"), *options]
    code = (
        "import sys\nfrom meta.cli import main\n"
        f"main({arguments!r}, standalone_mode=False)\n"
        "tops = {name.partition('.')[0] for name in sys.modules} & {'pymare', 'statsmodels'}\n"
        "print(sorted(tops))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip().splitlines()[-1] == loaded
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("x", "text"),
    [(2.6e-13, "3e-13"), (0.0, "0"), (1e-10, "1e-10"), (9.6e-8, "1e-7"), (0.5, "5e-1"), (None, "–")],
)
def test_a_difference_has_one_digit(x: float | None, text: str) -> None:
    assert difference_text(x) == text
