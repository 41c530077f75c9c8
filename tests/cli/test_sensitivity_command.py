"""``meta sensitivity``: the report's tables and sentences on the screen, and the exit codes of the house."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from meta.choices import compute_sensitivity
from meta.cli import main
from meta.errors import OptionError

SHEET = "study_id,cases,total,year\nA,1,10,2001\nB,2,20,2002\nC,9,20,2003\n"

REVIEW = """\
title = "T"
question = "Q?"
[sheets.main]
file = "sheet.csv"
schema = "generic"
[[analyses]]
id = "first"
title = "First \\u001b[31m"
question = "First?"
sheet = "main"
label = "study_id"
measure = "PLO"
columns = {events = "cases", n = "total"}
profile = "proportions-glmm@1"
"""

ALTERNATIVES = """\
alternatives = [
  {label = "without \\u001b[2J A", reason = "why not", exclude = [{row = "A", reason = "r"}]},
  {label = "nobody", reason = "to see", filters = [{column = "year", at_least = 2010}]},
]
"""


def call(*words: object) -> Result:
    done = CliRunner().invoke(main, ["sensitivity", *(str(word) for word in words)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert "Traceback" not in done.output
    return done


@pytest.fixture
def review(tmp_path: Path) -> Path:
    (tmp_path / "sheet.csv").write_text(SHEET, encoding="utf-8")
    (tmp_path / "review.toml").write_text(REVIEW + ALTERNATIVES, encoding="utf-8")
    return tmp_path


def test_one_shipped_analysis_is_printed_as_the_report_has_it() -> None:
    done = call("--analysis", "trs_early")
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert lines[0] == "Resistance from the first episode (trs_early)"
    assert lines[1].strip() == (
        "Of 11 alternatives, “Chan2021 left out” moves the estimate most: from 7.5 to 11.8 per 100 people "
        "with a first episode (+4.3), on 4 studies instead of 5."
    )
    (row,) = [line for line in lines if line.startswith("Chan2021 left out")]
    assert " ".join(row.split()) == (
        "Chan2021 left out 4 11.8 [4.6, 25.3] 1.0 to 63.8 +4.3 below, interval includes it"
    )
    assert any(line.strip().startswith("Chan2021 left out: without Chan2021. The longest") for line in lines)
    assert "Treatment resistance after a first episode" not in done.stdout
    assert "warning: trs_incidence.csv line 28" in done.stderr


def test_without_an_id_every_analysis_is_there_in_its_order() -> None:
    done = call()
    assert done.exit_code == 0
    heads = [line for line in done.stdout.splitlines() if line.endswith(")") and line[:1] not in (" ", "")]
    names = [head.rsplit("(", 1)[1].rstrip(")") for head in heads]
    assert names == list(compute_sensitivity().entries)
    assert done.stdout.count("No alternatives are declared.") == 3


def test_json_has_every_number() -> None:
    done = call("--analysis", "clozapine_controlled", "--json")
    content: dict[str, Any] = json.loads(done.stdout)
    assert list(content["analyses"]) == ["clozapine_controlled"]
    entry = content["analyses"]["clozapine_controlled"]
    assert entry["k"] == 4
    most = entry["alternatives"]["rows"][entry["alternatives"]["most"]]
    assert most["shift"] == pytest.approx(most["natural"]["value"] / entry["natural"]["value"], rel=1e-15)
    assert len(content["warnings"]) == 4


def test_an_unknown_id_is_wrong_usage_and_the_nearest_is_offered() -> None:
    done = call("--analysis", "trs_totl")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "no analysis 'trs_totl'; did you mean 'trs_total'?" in done.stderr
    with pytest.raises(OptionError, match="no analysis 'x'"):
        compute_sensitivity(analysis="x")


def test_a_review_of_ones_own_and_words_that_a_terminal_would_obey(review: Path) -> None:
    done = call(review)
    assert done.exit_code == 0
    assert "\x1b" not in done.output
    assert done.stdout.startswith("First \\x1b[31m (first)\n")
    assert "Without an estimate: “nobody” (no row of the sheet passes its filters)." in done.stdout


def test_an_analysis_without_alternatives_says_so(review: Path) -> None:
    (review / "review.toml").write_text(REVIEW, encoding="utf-8")
    done = call(review, "--analysis", "first")
    assert (done.exit_code, "No alternatives are declared." in done.stdout) == (0, True)


def test_problems_are_named_and_the_exit_code_says_so(review: Path) -> None:
    text = (REVIEW + ALTERNATIVES).replace("exclude = [{", 'measure = "PLOT", exclude = [{')
    (review / "review.toml").write_text(text, encoding="utf-8")
    done = call(review)
    assert (done.exit_code, done.stdout) == (1, "")
    assert "no measure 'PLOT' [unknown-measure]" in done.stderr
    problems = json.loads(call(review, "--json").stdout)["problems"]
    assert "unknown-measure" in [problem["rule"] for problem in problems]


def test_an_alternative_whose_row_is_not_there_is_told_and_stops_nothing(review: Path) -> None:
    text = (REVIEW + ALTERNATIVES).replace('row = "A"', 'row = "Z"')
    (review / "review.toml").write_text(text, encoding="utf-8")
    done = call(review)
    assert done.exit_code == 0
    assert "excludes 'Z', which no row is called [unknown-row]" in done.stderr
    assert "Without an estimate" in done.stdout


def test_nothing_is_drawn_and_nothing_is_written(review: Path) -> None:
    before = sorted(path.name for path in review.iterdir())
    code = (
        "import sys; from click.testing import CliRunner; from meta.cli import main; "
        f"done = CliRunner().invoke(main, ['sensitivity', {str(review)!r}]); "
        "assert done.exit_code == 0, done.output; "
        "assert not {'matplotlib', 'jinja2', 'statsmodels', 'pymare'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert sorted(path.name for path in review.iterdir()) == before
