"""Figures in every format from the protocol on, at a resolution, and what their font lacks."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from meta.cli import main
from meta.pipeline import run_review

REVIEW = """title = "T"
question = "Q?"

[sheets.s]
file = "s.csv"
schema = "generic"

[[analyses]]
id = "risk"
title = "Risk"
question = "Q?"
sheet = "s"
label = "study_id"
measure = "GEN"
columns = {y = "y", v = "v"}
profile = "house@1"
"""


@pytest.fixture
def review(tmp_path: Path) -> Path:
    folder = tmp_path / "review"
    folder.mkdir()
    (folder / "review.toml").write_text(REVIEW, encoding="utf-8")
    names = ["研究 2020", "מחקר 2018", "Μελέτη 2019", "Год 2017"]
    rows = [f"{name},{(i + 1) / 10},0.1" for i, name in enumerate(names)]
    (folder / "s.csv").write_text("\n".join(["study_id,y,v", *rows]) + "\n", encoding="utf-8")
    return folder


def test_every_format_is_written_and_what_has_no_glyph_is_named(review: Path, tmp_path: Path) -> None:
    ran = run_review(review, out=tmp_path / "out", figures=["png", "eps", "tiff"], dpi=100)
    folder = tmp_path / "out" / "analyses" / "risk"
    assert {path.suffix for path in folder.glob("forest.*")} == {".svg", ".png", ".eps", ".tiff"}
    for suffix in ("png", "tiff"):
        with Image.open(io.BytesIO((folder / f"forest.{suffix}").read_bytes())) as picture:
            assert picture.info["dpi"] == pytest.approx((100, 100), rel=1e-3)
    assert ran.report_warnings == (
        "figure 'analyses/risk: forest, leave_one_out': DejaVu Sans has no glyph for 研 (U+7814), "
        "究 (U+7A76); an SVG shows them in a font of its reader, other formats as boxes; tables keep them",
    )
    assert "研究 2020" in ran.report.read_text(encoding="utf-8")


def test_a_resolution_without_dots_is_refused(review: Path, tmp_path: Path) -> None:
    ran = CliRunner().invoke(main, ["run", str(review), "--out", str(tmp_path / "o"), "--dpi", "600"])
    assert ran.exit_code == 2
    assert "is for png and tiff; add one to --figures" in ran.output
