"""Text that people write beside judgements comes out inert in every format; all made up for tests."""

from __future__ import annotations

import csv
import io
import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

sys.path.append(str(Path(__file__).parents[1] / "protocol"))
from judged_review import ABOUT, REVIEW, TRIALS, write_review

from meta.pipeline import run_review

EVIL = (
    "</script><script>alert(1)</script>",
    '=HYPERLINK("javascript:alert(2)")',
    "[x](javascript:alert(3)) `c` | <img src=x onerror=alert(4)>",
    "\u202e\\input{/etc/passwd} $\\write18{x}$ #panic(1) & % ~ ^",
)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile_judgements")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["study", "D1", "D2", "D3", "D4", "D5", "overall", "D1_reason", "overall_reason", "note"])
    for i, study in enumerate(("Adams 2001", "Baker 2004", "Dunn 2015")):
        writer.writerow([study, *["High"] * 6, EVIL[i], EVIL[i + 1], EVIL[0]])
    excluded = io.StringIO()
    csv.writer(excluded).writerows(
        [["study", "reason", "source"], *([e, e, f"javascript:{e}"] for e in EVIL)]
    )
    review = REVIEW
    for old, new in ((ABOUT, EVIL[2]), ("half the risk", EVIL[1]), ("Register 2020, table 2", EVIL[3])):
        review = review.replace(f'"{old}"', f"'''{new}'''".replace("\u202e", ""))
    review = review.replace('outcome = "Relapse within 12 weeks"', f"outcome = '''{EVIL[0]}'''")
    trials = TRIALS.replace("Chile", '"<b onclick=alert(5)>"')
    path = write_review(
        folder, bias=text.getvalue(), excluded=excluded.getvalue(), review=review, trials=trials
    )
    run_review(path, out=folder / "out", tables=("csv", "latex"))
    return folder / "out"


def test_the_page_holds_it_as_text(out: Path) -> None:
    page = (out / "report.html").read_text(encoding="utf-8")
    assert page.count("<script") == 1
    for word in ("<img", "<b ", 'href="javascript'):
        assert word not in page
    assert "&lt;img src=x onerror=alert(4)&gt;" in page
    assert "\u202e" not in page


def test_drawings_hold_it_as_text(out: Path) -> None:
    for name in ("forest", "traffic_light", "risk_of_bias"):
        drawing = (out / "analyses" / "trials" / f"{name}.svg").read_bytes()
        tags = {str(element.tag).split("}")[-1] for element in ElementTree.fromstring(drawing).iter()}
        assert not tags & {"script", "img", "a", "b", "foreignObject"}


def test_markdown_holds_it_as_text(out: Path) -> None:
    text = (out / "report.md").read_text(encoding="utf-8")
    assert not re.search(r"(?<!\\)\]\(javascript:", text)
    assert not re.search(r"(?<!\\)<(?:script|img|b )", text)


def test_spreadsheets_would_run_nothing(out: Path) -> None:
    for path in (out / "tables").glob("*.csv"):
        for cells in csv.reader(io.StringIO(path.read_text(encoding="utf-8"))):
            assert not [cell for cell in cells if re.match(r"[=@\t\r]|[+-](?!\d)", cell)], (path.name, cells)


def test_latex_would_run_nothing(out: Path) -> None:
    said = "".join(path.read_text(encoding="utf-8") for path in (out / "tables").glob("*.tex"))
    assert r"\textbackslash{}input\{/etc/passwd\}" in said
    assert not re.search(r"\\(?:input|write|include|openout)\b", said)


@pytest.mark.parametrize("format", ["docx", "pdf"])
def test_word_and_pdf_are_made_of_it(format: str, out: Path) -> None:
    import json

    package = {"docx": "docxtpl", "pdf": "typst"}[format]
    pytest.importorskip(package, reason=f"{package} is not installed: pip install 'trs-meta[{format}]'")
    results = json.loads((out / "results.json").read_text(encoding="utf-8"))
    if format == "docx":
        from meta.report.docx import render_docx

        assert render_docx(results, {}).content.startswith(b"PK")
    else:
        from meta.report.pdf import render_pdf

        drawings = {p.relative_to(out).as_posix(): p.read_bytes() for p in out.rglob("*.svg")}
        assert render_pdf(results, drawings).content.startswith(b"%PDF")
