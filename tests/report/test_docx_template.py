"""A team's Word template: its styles and words, parts of the report in them, and nothing that runs."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from test_report_docx import FOREST, make_png

docx = pytest.importorskip("docx", reason="python-docx is not installed: pip install 'trs-meta[docx]'")
pytest.importorskip("docxtpl", reason="docxtpl is not installed: pip install 'trs-meta[docx]'")

from docx.enum.style import WD_STYLE_TYPE  # noqa: E402  (needs python-docx)
from docx.shared import Mm, Pt, RGBColor  # noqa: E402
from number_kinds import texts_of_docx, without_numbers  # noqa: E402

from meta.errors import ReportError  # noqa: E402
from meta.report.context import build_context  # noqa: E402
from meta.report.docx import render_docx  # noqa: E402
from meta.report.pieces import plain  # noqa: E402

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"

Fill = Callable[..., Any]


@pytest.fixture
def fill(results: dict[str, Any], tmp_path: Path) -> Fill:
    """Fill a template of these paragraphs."""

    def run(*paragraphs: str, make: Any = None) -> Any:
        document = make or docx.Document()
        for text in paragraphs:
            document.add_paragraph(text)
        document.save(str(tmp_path / "team.docx"))
        return render_docx(results, {FOREST: make_png(185.0, 80.0)}, tmp_path / "team.docx")

    return run


def text_of(content: bytes) -> str:
    return "\n".join(texts_of_docx(content).values())


def team_document() -> Any:
    """Return a template with styles, a header and pages of its own."""
    document = docx.Document()
    document.sections[0].page_width = Mm(180.0)
    document.sections[0].left_margin = document.sections[0].right_margin = Mm(30.0)
    heading = document.styles["Heading 1"]
    heading.font.name, heading.font.size, heading.font.color.rgb = "Georgia", Pt(23), RGBColor(0x80, 0, 0x40)
    cells = document.styles.add_style("Table Number", WD_STYLE_TYPE.PARAGRAPH)
    cells.font.name, cells.font.size = "Courier New", Pt(7)
    document.sections[0].header.paragraphs[0].text = "Team X: {{ title }}"
    document.add_heading("{{ title }}", 0)
    for text in (
        "{{ question }}",
        "{%p for one in analysis_list %}",
        "{{ one.title }} ({{ one.id }}): {{r one.answer }} {{r one.caveat }}",
        "{%p endfor %}",
        "{{p glance }}",
        "{{p analysis.trs_total.forest }}",
        "{{p analysis.trs_total.body }}",
        "{{p methods }}",
        "{{p appendix }}",
    ):
        document.add_paragraph(text)
    return document


def test_a_template_from_end_to_end(fill: Fill, results: dict[str, Any]) -> None:
    written = fill(make=team_document())
    document = docx.Document(io.BytesIO(written.content))
    view = build_context(results)
    assert document.paragraphs[0].text == view.title
    assert document.sections[0].header.paragraphs[0].text == f"Team X: {view.title}"
    text = text_of(written.content)
    for one, card in zip(view.analyses, view.cards, strict=True):
        assert f"{one.title} (" in text
        assert plain(card.sentence) in text
    assert "{{" not in text.replace("{{ 7*7 }}", "")
    # the team's looks stay, and what it lacks is there
    heading = next(p for p in document.paragraphs if p.text == "Methods")
    assert heading.style.font.name == "Georgia"
    numbers = document.styles["Table Number"]
    assert numbers.font.name == "Courier New"
    assert {"Report Table", "Table Text", "Report Note"} <= {style.name for style in document.styles}
    # tables and pictures keep to the page of the template
    for table in document.tables:
        assert sum(int(c.get(f"{W}w")) for c in table._tbl.iter(f"{W}gridCol")) <= 120.0 / 25.4 * 1440 + 20
    assert len(document.inline_shapes) == 2
    assert all(shape.width.mm <= 120.1 for shape in document.inline_shapes)


def test_the_map_of_a_filled_template_holds(fill: Fill) -> None:
    written = fill(make=team_document())
    assert len(written.places) > 100
    without_numbers(texts_of_docx(written.content), written.places)
    assert b"part=" not in zipfile.ZipFile(io.BytesIO(written.content)).read("word/document.xml")


def test_the_whole_report_at_once_is_the_report(fill: Fill, results: dict[str, Any]) -> None:
    own = render_docx(results, {})
    filled = fill("{{p report }}")
    assert {(p.text, p.id) for p in filled.places} == {(p.text, p.id) for p in own.places}


def test_same_template_same_bytes(fill: Fill) -> None:
    assert fill(make=team_document()) == fill(make=team_document())


def test_parts_stand_in_cells(fill: Fill) -> None:
    document = docx.Document()
    table = document.add_table(1, 2)
    table.cell(0, 0).text = "{{p analysis.trs_total.forest }}"
    table.cell(0, 1).text = "{{p analysis.trs_total.summary }}"
    filled = docx.Document(io.BytesIO(fill(make=document).content))
    (shape,) = filled.inline_shapes
    assert shape.width.mm < 90.0
    for cell in filled.tables[0].rows[0].cells:
        # Word calls a cell that does not end in a paragraph damaged
        assert cell._tc[-1].tag == f"{W}p"


def test_text_of_the_review_is_escaped_and_not_a_tag(fill: Fill, results: dict[str, Any]) -> None:
    results["review"]["title"] = "<w:p/> & {{ question }} {% raw %} {_{"
    text = text_of(fill("{{ title }}", "{{p answers }}").content)
    assert "<w:p/> & {{ question }} {% raw %}" in text


@pytest.mark.parametrize(
    ("tag", "said"),
    [
        ("{{ title.__class__ }}", "a tag reaches for what a template may not use"),
        ("{{ ''.__class__.__mro__[1].__subclasses__() }}", "a tag reaches for what a template may not use"),
        ("{{ cycler.__init__.__globals__.os.popen('id').read() }}", "may not use"),
        ("{{ self.__init__.__globals__ }}", "may not use"),
        ("{{ glance._place }}", "may not use"),
        ("{{ glance.__html__() }}", "may not use"),
        ("{% for i in 'a' * 999999999 %}x{% endfor %}", r"the operator \* is not allowed"),
        ("{{ 9 ** 9999999 }}", r"the operator \*\* is not allowed"),
        ("{{ analysis_list.append(1) }}", "has no attribute 'append'"),
        ("{{ analysis.update(a=1) }}", "may not use"),
        ("{{ 1 / 0 }}", "a tag fails with ZeroDivisionError"),
        ("{% include '/etc/passwd' %}", "a tag fails with TypeError"),
        ("{% import 'os' as os %}", "a tag fails with TypeError"),
        ("{{ nothing_of_the_kind }}", "'nothing_of_the_kind' is undefined; it may name about, analyses, "),
        ("{{ analysis.no_such_id.forest }}", "has no attribute 'no_such_id'"),
        ("{% if %}", "a tag cannot be read"),
        ("{{ glance }}", r"this part is set as \{\{p name \}\} in a paragraph of its own"),
        ("{{p analysis.trs_total.answer }}", r"this part is set as \{\{r name \}\}"),
    ],
)
def test_a_template_that_runs_code_or_names_nothing_fails_in_words(tag: str, said: str, fill: Fill) -> None:
    with pytest.raises(ReportError, match=said) as caught:
        fill(tag)
    assert str(caught.value).startswith("Word template team.docx: ")
    assert "Traceback" not in str(caught.value)


def test_a_part_in_a_header_is_refused(fill: Fill) -> None:
    document = docx.Document()
    document.sections[0].header.paragraphs[0].text = "{{p glance }}"
    with pytest.raises(ReportError, match="headers, footers and footnotes may only name texts"):
        fill(make=document)


@pytest.mark.parametrize("content", [b"", b"no document", b"PK\x03\x04 broken"])
def test_what_is_no_document(content: bytes, results: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "team.docx").write_bytes(content)
    with pytest.raises(ReportError, match=r"Word template team\.docx: this is no Word document"):
        render_docx(results, {}, tmp_path / "team.docx")


def test_another_container(results: dict[str, Any], tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "team.docx", "w") as archive:
        archive.writestr("hello.txt", "hello")
    with pytest.raises(ReportError, match=r"Word template team\.docx: this is no Word document"):
        render_docx(results, {}, tmp_path / "team.docx")


def test_a_file_that_is_not_there(results: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ReportError, match=r"Word template .*team\.docx: No such file"):
        render_docx(results, {}, tmp_path / "team.docx")


def test_a_template_that_unpacks_to_too_much(
    results: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meta.report.docx_pack.MAX_UNPACKED", 1_000)
    docx.Document().save(str(tmp_path / "team.docx"))
    with pytest.raises(ReportError, match=re.compile(r"unpacks to \d+ bytes in \d+ parts")):
        render_docx(results, {}, tmp_path / "team.docx")


def test_what_xml_forbids_is_named_in_templates_too(fill: Fill, results: dict[str, Any]) -> None:
    results["review"]["about"] = "A \ufffe mark"
    written = fill("{{ about }}")
    assert any("U+FFFE" in warning for warning in written.warnings)
