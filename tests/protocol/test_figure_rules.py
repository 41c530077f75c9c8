"""What ``meta check`` says of the preset, order, axis and band of a forest plot."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from meta.protocol.figure_rules import check_figure
from meta.protocol.plan import Analysis

REVIEW = """
title = "T"
question = "Q?"

[sheets.main]
file = "main.csv"
schema = "generic"

[[analyses]]
id = "one"
title = "One"
question = "Q?"
sheet = "main"
label = "name"
measure = "PLO"
columns = {{events = "cases", n = "total"}}
profile = "house@1"
{keys}
"""


def faults(measure: str, **more: Any) -> list[tuple[str, str, str]]:
    """Return place, rule and message with advice of what is wrong with the figure of an analysis."""
    analysis = Analysis.model_validate(
        {"id": "x", "title": "X", "question": "X?", "sheet": "main", "measure": measure, "columns": {},
         "profile": "house@1", **more}
    )  # fmt: skip
    found = check_figure(("analyses", 0), analysis)
    return [(".".join(map(str, f.path[2:])), f.rule, f"{f.message}; {f.advice}") for f in found]


@pytest.mark.parametrize(
    ("measure", "keys", "expected"),
    [
        ("RR", {"axis": "logit"}, ("axis", "axis-measure", "allowed: natural, log")),
        ("MD", {"axis": "log"}, ("axis", "axis-measure", "measure MD (mean difference) has no log axis")),
        ("MD", {"band": [1.0, -1.0]}, ("band", "band-order", "from 1 to -1 is no range")),
        ("RR", {"band": [0, 1.2]}, ("band", "band-positive", "both bounds must be above 0")),
        ("PLO", {"band": [0, 1.2], "axis": "log"}, ("band", "band-positive", "both bounds must be above 0")),
    ],
)
def test_a_figure_that_its_measure_cannot_have_is_named(
    measure: str, keys: dict[str, Any], expected: tuple[str, str, str]
) -> None:
    ((at, rule, text),) = faults(measure, **keys)
    assert (at, rule) == expected[:2]
    assert expected[2] in text


@pytest.mark.parametrize(
    ("measure", "keys"),
    [
        ("PLO", {"axis": "logit", "band": [0.0, 5.0]}),
        ("RR", {"axis": "natural", "band": [0.0, 1.2]}),
        ("RR", {"band": [0.8, 1.25], "preset": "revman", "sort": "weight"}),
        ("unheard", {"axis": "logit"}),
    ],
)
def test_what_can_be_drawn_is_not_complained_of(measure: str, keys: dict[str, Any]) -> None:
    assert faults(measure, **keys) == []


def run_meta(folder: Path, command: str, *words: str) -> subprocess.CompletedProcess[str]:
    call = [sys.executable, "-m", "meta.cli", command, str(folder), *words]
    return subprocess.run(call, capture_output=True, text=True, check=False, cwd=folder)


def review(folder: Path, keys: str) -> Path:
    (folder / "main.csv").write_text(
        "name,cases,total,year\nA,4,50,2001\nB,9,60,1999\nC,12,80,2010\n", encoding="utf-8"
    )
    (folder / "review.toml").write_text(REVIEW.format(keys=keys), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ('preset = "revmann"', ("analyses.one.preset: must be one of", "'revman', 'jama'")),
        ('axis = "linear"', ("analyses.one.axis: must be one of 'natural', 'log' or 'logit'",)),
        ('sort = "yaer"', ("sort", "'yaer'", "did you mean 'year'?")),
        ("band = [1, 2, 3]", ("band",)),
        ("band = [5, 2]", ("band", "from 5 to 2 is no range")),
    ],
)
def test_the_check_names_key_value_and_what_is_allowed(
    tmp_path: Path, keys: str, words: tuple[str, ...]
) -> None:
    done = run_meta(review(tmp_path, keys), "check")
    assert done.returncode == 1
    shown = " ".join((done.stdout + done.stderr).split())
    assert all(word in shown for word in words), shown


def test_the_keys_reach_the_figure_of_a_report(tmp_path: Path) -> None:
    keys = 'preset = "jama"\nsort = "year"\naxis = "logit"\nband = [8, 12]'
    folder = review(tmp_path, keys)
    done = run_meta(folder, "run", "--out", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    drawn = (tmp_path / "out" / "analyses" / "one" / "forest.svg").read_text(encoding="utf-8")
    assert ">Source<" in drawn
    assert drawn.index(">B<") < drawn.index(">A<") < drawn.index(">C<")
    assert "Band: 8 to 12" in drawn
    shutil.rmtree(tmp_path / "out")
