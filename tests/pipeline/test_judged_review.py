"""A review with judgements from its sheets to every format; the judgements are made up, and say so."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

sys.path.append(str(Path(__file__).parents[1] / "protocol"))
from judged_review import ABOUT, REVIEW, write_review

from meta.cli import main
from meta.explain.explanation import explain_number, read_results
from meta.pipeline import run_review
from meta.releases.freeze import freeze_release
from meta.releases.verify import verify_release
from meta.report.html_places import map_page
from meta.report.pieces import Node


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("judged")
    run_review(write_review(folder), out=folder / "out", tables=("csv",))
    return folder / "out"


@pytest.fixture(scope="module")
def results(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "results.json").read_text(encoding="utf-8"))
    return found


def test_shares_of_weight_are_those_of_the_fit(results: dict[str, Any]) -> None:
    entry = results["analyses"]["trials"]
    weights = {study["label"]: study["weight"] for study in entry["fit"]["studies"]}
    judged = entry["risk_of_bias"]
    assert (judged["tool"], judged["about"]) == ("RoB 2", ABOUT)
    assert (judged["assessed"], judged["not_assessed"], judged["shares"]["of"]) == (3, 0, "weight")
    assert judged["high"] == {
        "percent": pytest.approx(weights["Baker 2004"]),
        "of": "weight",
        "code": "overall",
        "words": "Overall",
    }
    # a study without events is shown with its judgement, and has no share
    assert [s["label"] for s in judged["studies"] if s["assessed"] and not s["used"]] == ["Fox 2020"]


def test_absolute_effects_have_an_address_each(results: dict[str, Any]) -> None:
    entry = results["analyses"]["trials"]
    (absolute,) = entry["grade"]["absolute"]
    ratio = entry["fit"]["natural"]
    for name in ("value", "low", "high"):
        assert absolute["effect"][name] == pytest.approx(250 * ratio[name])
    assert absolute["effect"]["difference"] == pytest.approx(250 * ratio["value"] - 250)
    assert absolute["source"] == "Register 2020, table 2"
    assert "absolute" in results["analyses"]["cohorts"]["grade"]
    assert results["analyses"]["cohorts"]["grade"]["absolute"] == []


def test_the_report_shows_glyph_and_word_and_never_says_more_than_was_judged(out: Path) -> None:
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "× High" in page
    assert "– Some concerns" in page
    assert "⊕⊕⊕◯ Moderate" in page
    assert "Risk of bias by RoB 2: not assessed, none of these studies was judged." in page
    assert "Open label, and half changed arms" in page
    assert page.count(ABOUT) >= 1
    assert "Characteristics of included studies" in page
    assert "Early 1990" in page  # taken away by a filter, and listed with it
    assert "no control group" in page


def test_figures_are_those_that_the_protocol_asks_for(results: dict[str, Any], out: Path) -> None:
    figures = results["analyses"]["trials"]["figures"]
    assert {"traffic_light", "risk_of_bias"} <= set(figures)
    assert "Risk of bias (RoB" in (out / figures["forest"]).read_text(encoding="utf-8")
    # nobody judged a cohort: no empty figure
    assert not {"traffic_light", "risk_of_bias"} & set(results["analyses"]["cohorts"]["figures"])


def test_without_the_wish_no_figure_is_drawn(tmp_path: Path) -> None:
    plain = REVIEW.replace('show = ["forest", "traffic_light", "summary"]\n', "")
    found = run_review(write_review(tmp_path, review=plain), out=tmp_path / "out").results
    assert not {"traffic_light", "risk_of_bias"} & set(found["analyses"]["trials"]["figures"])
    svg = (tmp_path / "out" / "analyses" / "trials" / "forest.svg").read_text(encoding="utf-8")
    assert "Risk of bias" not in svg


def test_without_judgements_the_report_says_so_once(tmp_path: Path) -> None:
    bare = REVIEW[: REVIEW.index("[risk_of_bias]")] + REVIEW[REVIEW.index("[[excluded]]") :]
    while "[analyses.grade]" in bare:
        start = bare.index("[analyses.grade]")
        end = bare.find("[[analyses]]", start)
        bare = bare[:start] + (bare[end:] if end > 0 else "")
    found = run_review(write_review(tmp_path, review=bare), out=tmp_path / "out")
    assert not {"risk_of_bias", "grade"} & set(found.results["analyses"]["trials"])
    page = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    assert page.count("Certainty of the evidence (GRADE): not assessed; the protocol declares no") == 1
    assert "Summary of findings" not in page


def test_every_number_of_the_page_leads_to_an_explanation(out: Path, results: dict[str, Any]) -> None:
    written = map_page((out / "report.html").read_text(encoding="utf-8"))
    mine = [p.id for p in written.places if ".risk_of_bias." in p.id or ".grade." in p.id]
    assert len(mine) > 40
    read = read_results(out)
    for address in dict.fromkeys(mine):
        node = Node(results)
        for key in address.split("."):
            node = node.at(int(key) if isinstance(node.value, list) else key)
        assert node.value is not None, address
        assert explain_number(read, address) is not None


@pytest.mark.parametrize("format", ["html", "md", "docx"])
def test_no_digit_of_the_report_is_free(format: str, out: Path, results: dict[str, Any]) -> None:
    for package in ("docx", "docxtpl"):
        pytest.importorskip(package, reason=f"{package} is not installed: pip install 'trs-meta[docx]'")
    sys.path.append(str(Path(__file__).parents[1] / "report"))
    from number_kinds import check_numbers, texts_of_docx, texts_of_markdown, texts_of_page

    if format == "html":
        written = map_page((out / "report.html").read_text(encoding="utf-8"))
        texts = texts_of_page(written.content)
    elif format == "md":
        from meta.report.markdown import write_markdown

        written = write_markdown(results)
        texts = texts_of_markdown(written.content)
    else:
        from meta.report.docx import render_docx

        written = render_docx(results, {})
        texts = texts_of_docx(written.content)
    check_numbers(written, texts, results, markdown=format == "md")


def test_tables_are_files_of_their_own_on_request(out: Path) -> None:
    names = {path.name for path in (out / "tables").iterdir()}
    assert {"summary-of-findings-interventions.csv", "trials-share-of-weight-by-risk-of-bias.csv"} <= names
    reasons = (out / "tables" / "trials-why-studies-were-judged-so.csv").read_text(encoding="utf-8")
    assert ",'=cmd()|' /C calc'!A0\n" in reasons


def test_the_command_writes_tables_and_refuses_other_formats(tmp_path: Path) -> None:
    review = str(write_review(tmp_path))
    refused = CliRunner().invoke(main, ["run", review, "--out", str(tmp_path / "o"), "--tables", "xls"])
    assert refused.exit_code == 2
    assert "unknown format 'xls'; use csv, latex" in refused.stderr
    done = CliRunner().invoke(main, ["run", review, "--out", str(tmp_path / "o"), "--tables", "latex"])
    assert done.exit_code == 0
    assert (tmp_path / "o" / "tables" / "all-analyses-at-a-glance.tex").is_file()
    assert not list((tmp_path / "o" / "tables").glob("*.csv"))


def test_a_release_keeps_the_judgements_and_verifies(tmp_path: Path) -> None:
    release = freeze_release(write_review(tmp_path), version="2026.1.0", note="First")
    assert {"review/bias.csv", "review/excluded.csv"} <= set(release.manifest.files)
    assert verify_release(release.folder, r=False).failures == ()
    judged = release.folder / "review" / "bias.csv"
    judged.write_text(judged.read_text(encoding="utf-8").replace("HIGH", "Low"), encoding="utf-8")
    failures = [str(failure) for failure in verify_release(release.folder, r=False).failures]
    assert any("bias.csv" in failure for failure in failures), failures


def test_sheets_of_judgements_are_deposited(out: Path) -> None:
    assert (out / "data" / "risk_of_bias.csv").read_text(encoding="utf-8").startswith("study,D1,D2,")
    assert "'=HYPERLINK(1)" in (out / "data" / "excluded.csv").read_text(encoding="utf-8")


def test_rows_that_a_filter_takes_away_are_told_from_studies_left_out(tmp_path: Path) -> None:
    # a second row of Adams, which a filter takes away while the first stays
    from judged_review import TRIALS

    more = TRIALS + "Adams 2001,1990,Chile,parallel,1,20,2,21,2\n"
    run_review(write_review(tmp_path, trials=more), out=tmp_path / "out")
    page = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    assert "| Early 1990 | not: year is at least 1995 | by a filter | trials.csv:6 |" in page
    kept = "by a filter; another row of the study is used"
    assert f"| Adams 2001 | not: year is at least 1995 | {kept} | trials.csv:8 |" in page
