"""The formats of the report: what is written, what is named, and no free number in the shipped review."""

from __future__ import annotations

from pathlib import Path

import pytest

from meta.errors import OptionError, ReportError
from meta.pipeline import RunResult, run_review
from meta.report.formats import Reports, choose_formats
from meta.report.html_places import map_page
from meta.report.markdown import write_markdown
from meta.report.written import Written

REVIEW = """
title = "A review"
question = "How often?"

[sheets.trials]
file = "trials.csv"
schema = "generic"

[[analyses]]
id = "events"
title = "Events"
question = "How often?"
sheet = "trials"
measure = "PLO"
columns = {events = "cases", n = "people"}
profile = "house@1"
"""

ROWS = "study_id,cases,people\nOne1990,3,20\nTwo1991,5,40\nThree1992,9,41\n"


def make_review(folder: Path, more: str = "") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "review.toml").write_text(REVIEW.replace("[sheets", more + "\n[sheets", 1), encoding="utf-8")
    (folder / "trials.csv").write_text(ROWS, encoding="utf-8")
    return folder


def needs_docx() -> None:
    pytest.importorskip("docx", reason="python-docx is not installed: pip install 'trs-meta[docx]'")
    pytest.importorskip("docxtpl", reason="docxtpl is not installed: pip install 'trs-meta[docx]'")


@pytest.mark.parametrize("format", ["docx", "html", "md"])
def test_the_shipped_review_has_no_free_number(format: str, shipped: RunResult) -> None:
    needs_docx()
    from number_kinds import check_numbers, texts_of_docx, texts_of_markdown, texts_of_page

    from meta.report.docx import render_docx

    if format == "docx":
        written: Written = render_docx(shipped.results, {})
        texts = texts_of_docx(written.content)
    elif format == "html":
        written = map_page((shipped.out / "report.html").read_text(encoding="utf-8"))
        texts = texts_of_page(written.content)
    else:
        written = write_markdown(shipped.results)
        texts = texts_of_markdown(written.content)
    assert len(written.places) > 3_000
    check_numbers(written, texts, shipped.results, markdown=format == "md")


def test_only_the_formats_asked_for_are_written_and_named(tmp_path: Path) -> None:
    needs_docx()
    review = make_review(tmp_path / "review")
    done = run_review(review, out=tmp_path / "out", formats=("docx", "html"))
    found = {path.name for path in (tmp_path / "out").glob("report.*")}
    assert found == {"report.html", "report.docx"}
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert 'href="report.docx"' in page
    assert "report.md" not in page
    assert done.report == tmp_path / "out" / "report.html"


def test_all_formats_are_written_and_the_same_each_time(tmp_path: Path) -> None:
    needs_docx()
    pytest.importorskip("typst", reason="typst is not installed: pip install 'trs-meta[pdf]'")
    review = make_review(tmp_path / "review")
    for out in ("one", "two"):
        run_review(review, out=tmp_path / out, formats=("html", "docx", "pdf", "md"))
    names = ["report.docx", "report.html", "report.md", "report.pdf"]
    assert sorted(path.name for path in (tmp_path / "one").glob("report.*")) == names
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name
    assert (tmp_path / "one" / "report.pdf").read_bytes().startswith(b"%PDF")


def test_a_word_document_alone(tmp_path: Path) -> None:
    needs_docx()
    done = run_review(make_review(tmp_path / "review"), out=tmp_path / "out", formats=("docx",))
    assert done.report.name == "report.docx"
    assert [path.name for path in (tmp_path / "out").glob("report.*")] == ["report.docx"]


def test_the_word_document_shows_forest_plots_and_other_figures_on_request(tmp_path: Path) -> None:
    needs_docx()
    import docx

    counts = []
    for name, more in (("few", ""), ("all", '[report]\ndocx_figures = "all"\n')):
        review = make_review(tmp_path / name, more)
        run_review(review, out=tmp_path / f"out-{name}", formats=("docx",))
        document = docx.Document(str(tmp_path / f"out-{name}" / "report.docx"))
        counts.append(len(document.inline_shapes))
    drawn = list((tmp_path / "out-all" / "analyses" / "events").glob("*.svg"))
    assert counts == [1, len(drawn)]
    assert len(drawn) > 1


def test_the_template_of_the_protocol_is_used_and_another_one_can_take_its_place(tmp_path: Path) -> None:
    needs_docx()
    import docx

    review = make_review(tmp_path / "review", '[report]\ndocx_template = "team.docx"\n')
    for place, words in ((review / "team.docx", "Ours"), (tmp_path / "other.docx", "Theirs")):
        document = docx.Document()
        document.add_paragraph(words + ": {{ title }}")
        document.save(str(place))
    run_review(review, out=tmp_path / "out", formats=("docx",))
    assert docx.Document(str(tmp_path / "out" / "report.docx")).paragraphs[0].text == "Ours: A review"
    run_review(review, out=tmp_path / "out", formats=("docx",), docx_template=tmp_path / "other.docx")
    assert docx.Document(str(tmp_path / "out" / "report.docx")).paragraphs[0].text == "Theirs: A review"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("missing.docx", "no file 'missing.docx' beside the protocol"),
        ("trials.csv", "a Word template ends in .docx"),
        ("../team.docx", "must lie in the review's folder or below it"),
    ],
)
def test_a_template_that_cannot_be_one_is_a_problem_of_the_protocol(
    value: str, said: str, tmp_path: Path
) -> None:
    from meta.protocol.review import check_review

    problems = check_review(make_review(tmp_path / "review", f'[report]\ndocx_template = "{value}"\n'))
    assert [said in str(problem) and "report.docx_template" in str(problem) for problem in problems] == [True]


def test_a_release_keeps_the_template(tmp_path: Path) -> None:
    needs_docx()
    import docx

    from meta.releases.freeze import freeze_release

    review = make_review(tmp_path / "review", '[report]\ndocx_template = "team.docx"\n')
    docx.Document().save(str(review / "team.docx"))
    release = freeze_release(review, version="1.0", note="first")
    assert (release.folder / "review" / "team.docx").read_bytes() == (review / "team.docx").read_bytes()


def test_formats_that_are_not_offered() -> None:
    with pytest.raises(OptionError, match="rtf"):
        choose_formats(("html", "rtf"))
    with pytest.raises(OptionError, match="formats"):
        choose_formats(())
    assert choose_formats(("md", "html", "md")) == ("html", "md")


def test_a_template_needs_a_word_document(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="ask for the format docx"):
        run_review(make_review(tmp_path / "review"), out=tmp_path / "out", docx_template="team.docx")


@pytest.mark.parametrize(
    ("format", "module", "said"),
    [
        ("docx", "docx", r"needs python-docx, which is not installed: pip install 'trs-meta\[docx\]'"),
        ("docx", "docxtpl", r"needs docxtpl, which is not installed: pip install 'trs-meta\[docx\]'"),
        ("pdf", "typst", r"typst, which is not installed: pip install 'trs-meta\[pdf\]'"),
    ],
)
def test_a_missing_extra_is_named_before_anything_is_computed(
    format: str, module: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from importlib.util import find_spec

    def without(name: str) -> object:
        # whatever is installed here, one package is missing
        return None if name == module else find_spec("sys")

    monkeypatch.setattr("meta.report.docx.find_spec", without)
    monkeypatch.setattr("meta.report.formats.find_spec", without)
    with pytest.raises(ReportError, match=said):
        run_review(make_review(tmp_path / "review"), out=tmp_path / "out", formats=(format,))
    assert not (tmp_path / "out").exists()


def test_which_figures_word_is_given() -> None:
    few, every, none = Reports(("docx",)), Reports(("docx",), docx_figures="all"), Reports(("html",))
    kinds = ("forest", "subgroup-design", "funnel")
    assert [few.wants_picture(kind) for kind in kinds] == [True, True, False]
    assert every.wants_picture("funnel")
    assert not none.wants_picture("forest")
