"""A declared flow of records in results, figure and every report; without one, nothing is said of it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from meta.pipeline import run_review
from meta.report.context import build_context
from meta.report.pieces import Shown

sys.path.append(str(Path(__file__).parents[1] / "protocol"))
from flow_counts import ABOUT, OTHER, UPDATED

REVIEW = """title = "T"
question = "Q?"

[sheets.s]
file = "s.csv"
schema = "generic"

{flow}
[[analyses]]
id = "risk"
title = "Risk"
question = "Q?"
sheet = "s"
label = "study_id"
measure = "GEN"
columns = {{y = "y", v = "v"}}
profile = "house@1"
leave_one_out = false
"""


def toml(name: str, table: dict[str, object]) -> str:
    lines = [f"[{name}]"]
    for key, value in table.items():
        inside = isinstance(value, dict) and ", ".join(f"{json.dumps(k)} = {n}" for k, n in value.items())
        lines.append(f"{key} = {{{inside}}}" if inside else f"{key} = {json.dumps(value)}")
    return "\n".join(lines) + "\n"


def review(folder: Path, flow: str) -> Path:
    folder.mkdir()
    (folder / "review.toml").write_text(REVIEW.format(flow=flow), encoding="utf-8")
    (folder / "s.csv").write_text("study_id,y,v\nA,0.1,0.1\nB,0.3,0.2\nC,0.2,0.1\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("flow")
    declared = toml("prisma", UPDATED) + toml("prisma.other", OTHER)
    run_review(review(folder / "review", declared), out=folder / "out", figures=["eps"])
    return folder / "out"


def test_figure_results_and_reports_hold_the_counts(out: Path) -> None:
    results = json.loads((out / "results.json").read_text(encoding="utf-8"))
    flow = results["prisma"]
    assert (flow["screened"], flow["figure"], flow["about"]) == (800, "prisma.svg", ABOUT)
    assert flow["other"]["identified"][2] == {"name": "Citation searching", "count": 1200}
    assert "Records screened" in (out / "prisma.svg").read_text(encoding="utf-8")
    assert (out / "prisma.eps").is_file()
    page = (out / "report.html").read_text(encoding="utf-8")
    assert page.count("Flow of records") >= 3
    assert 'data-id="prisma.other.identified.2.count"' in page
    assert ABOUT in page
    marked = (out / "report.md").read_text(encoding="utf-8")
    assert "![Flow of records: the counts are in the table below it](<prisma.svg>)" in marked
    row = next(line for line in marked.splitlines() if "Wrong population" in line)
    assert [cell.strip() for cell in row.split("|")[1:3]] == [
        "Databases and registers",
        "Reports excluded: Wrong population",
    ]


def test_every_count_of_the_table_has_its_address(out: Path) -> None:
    results = json.loads((out / "results.json").read_text(encoding="utf-8"))
    block = build_context(results).flow
    cells = [row.cells[2][0] for row in block.tables[0].rows]
    # each count of the two tables once, and each source and reason
    assert len(cells) == 25
    assert all(isinstance(cell, Shown) and cell.id.startswith("prisma.") for cell in cells)
    assert sum("New studies" in str(row.cells[1][0]) for row in block.tables[0].rows) == 1


def test_without_counts_nothing_is_said(tmp_path: Path) -> None:
    ran = run_review(review(tmp_path / "review", ""), out=tmp_path / "out")
    assert ran.results["prisma"] is None
    assert not (tmp_path / "out" / "prisma.svg").exists()
    assert not build_context(ran.results).flow.exists
    assert "prisma.svg" not in ran.report.read_text(encoding="utf-8")
