"""``meta run --format``: what is asked for is offered, or said to be wrong before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from meta.cli import main
from meta.errors import ReportError


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--format", "html,rtf"], "unknown format 'rtf'; use html, docx, pdf, md"),
        (["--format", ","], "no format; use html, docx, pdf, md"),
        (["--docx-template", "team.docx"], "is for report.docx; add docx to --format"),
        (["--figures", "gif"], "unknown format 'gif'; use "),
    ],
)
def test_wrong_usage(options: list[str], said: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["run", "--out", str(tmp_path / "out"), *options])
    assert done.exit_code == 2
    assert said in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_missing_extra_is_told_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise ReportError("report.docx needs python-docx: pip install 'trs-meta[docx]'")

    monkeypatch.setattr("meta.report.docx.require_docx", missing)
    done = CliRunner().invoke(main, ["run", "--out", str(tmp_path / "out"), "--format", "docx"])
    assert done.exit_code == 1
    assert "pip install 'trs-meta[docx]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_help_names_the_formats() -> None:
    done = CliRunner().invoke(main, ["run", "--help"])
    assert "html, docx, pdf, md" in done.stdout
    assert "--docx-template" in done.stdout
