"""The report as a Word document: its structure, its pictures, its bytes, and text that stays text."""

from __future__ import annotations

import copy
import io
import re
import struct
import subprocess
import zipfile
import zlib
from itertools import pairwise
from pathlib import Path
from shutil import which
from typing import Any

import pytest
from report_factory import HOSTILE

docx = pytest.importorskip("docx", reason="python-docx is not installed: pip install 'trs-meta[docx]'")
pytest.importorskip("docxtpl", reason="docxtpl is not installed: pip install 'trs-meta[docx]'")

from docx.oxml.ns import qn  # noqa: E402  (needs python-docx)

from meta.errors import ReportError  # noqa: E402
from meta.report.context import build_context  # noqa: E402
from meta.report.docx import render_docx  # noqa: E402
from meta.report.docx_pages import TEXT_WIDTH, TURNED_WIDTH  # noqa: E402
from meta.report.docx_pen import bookmark_name, web_address  # noqa: E402
from meta.report.docx_picture import read_png  # noqa: E402
from meta.report.docx_widths import CELL_ROOM, column_bounds, split_columns, spread_widths  # noqa: E402
from meta.report.pieces import plain  # noqa: E402
from meta.report.views import Column, Table, row  # noqa: E402

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"


def make_png(wide: float, high: float, words: bytes = b"") -> bytes:
    """Return a white picture of a size in mm at 300 dots per inch, with a description."""
    x, y = (round(mm / 25.4 * 300) for mm in (wide, high))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    described = chunk(b"tEXt", b"Description\0" + words) if words else b""
    rows = zlib.compress((b"\0" + b"\xff" * x) * y)
    header = struct.pack(">IIBBBBB", x, y, 8, 0, 0, 0, 0)
    chunks = (chunk(b"IHDR", header), described, chunk(b"IDAT", rows), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


FOREST = "analyses/trs_total/forest.svg"


@pytest.fixture(scope="module")
def pictures() -> dict[str, bytes]:
    return {FOREST: make_png(185.0, 100.0, b"Nine studies.")}


@pytest.fixture
def content(results: dict[str, Any], pictures: dict[str, bytes]) -> bytes:
    return render_docx(results, pictures).content


@pytest.fixture
def document(content: bytes) -> Any:
    return docx.Document(io.BytesIO(content))


def parts(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def words_of(element: Any) -> str:
    return "".join(words.text or "" for words in element.iter(f"{W}t"))


def captions(document: Any) -> list[str]:
    """Return captions whole: the words in their fields too."""
    lines = [p for p in document.paragraphs if p.style.name == "Caption"]
    return [words_of(line._p) for line in lines]


def test_headings_lead_through_the_report(document: Any, results: dict[str, Any]) -> None:
    view = build_context(results)
    found = [(p.style.name, p.text) for p in document.paragraphs if p.style.name.startswith("Heading")]
    first = [text for style, text in found if style == "Heading 1"]
    changed = [view.changes.title] if view.changes else []
    assert first == [
        "The answers", *changed, "Methods", *(a.title for a in view.analyses), "Behind the numbers"
    ]  # fmt: skip
    assert document.paragraphs[0].style.name == "Title"
    levels = [int(style[-1]) for style, _ in found]
    assert all(below - above <= 1 for above, below in pairwise(levels))


def test_the_contents_lead_to_the_headings(document: Any) -> None:
    lines = [p for p in document.paragraphs if p.style.name.lower() == "toc 1"]
    targets = [link.get(qn("w:anchor")) for line in lines for link in line._p.iter(f"{W}hyperlink")]
    marked = {start.get(qn("w:name")) for start in document.element.body.iter(f"{W}bookmarkStart")}
    assert len(targets) == len([p for p in document.paragraphs if p.style.name == "Heading 1"])
    assert set(targets) <= marked


def test_every_link_within_the_document_leads_somewhere(document: Any) -> None:
    body = document.element.body
    names = [start.get(qn("w:name")) for start in body.iter(f"{W}bookmarkStart")]
    targets = {link.get(qn("w:anchor")) for link in body.iter(f"{W}hyperlink")} - {None}
    assert len(names) == len(set(names))
    assert targets <= set(names)
    assert len(targets) > 10


def test_tables_repeat_their_heads_keep_rows_whole_and_fit_the_page(document: Any) -> None:
    assert len(document.tables) > 30
    for table in document.tables:
        rows = list(table._tbl.iter(f"{W}tr"))
        assert rows[0].find(f"{W}trPr/{W}tblHeader") is not None
        assert all(one.find(f"{W}trPr/{W}tblHeader") is None for one in rows[1:])
        assert all(one.find(f"{W}trPr/{W}cantSplit") is not None for one in rows)
        assert table.style.name == "Report Table"
        grid = [int(column.get(qn("w:w"))) for column in table._tbl.iter(f"{W}gridCol")]
        assert sum(grid) / 1440 * 25.4 <= TURNED_WIDTH + 0.1
        assert all(len(list(one.iter(f"{W}tc"))) == len(grid) for one in rows)


def test_cells_are_those_of_the_view(document: Any, results: dict[str, Any]) -> None:
    summary = build_context(results).analyses[0].summary
    words = [[plain(cell) for cell in one.cells] for one in summary.rows]
    found = [[[words_of(cell._tc) for cell in one.cells] for one in table.rows] for table in document.tables]
    assert words in [rows[1:] for rows in found]


def test_numbers_stand_to_the_right(document: Any, results: dict[str, Any]) -> None:
    glance = build_context(results).glance
    cells = list(list(document.tables[0]._tbl.iter(f"{W}tr"))[1].iter(f"{W}tc"))
    styles = [cell.find(f"{W}p/{W}pPr/{W}pStyle").get(qn("w:val")) for cell in cells]
    assert styles == ["TableNumber" if c.kind in ("num", "right") else "TableText" for c in glance.columns]
    number = next(s for s in document.styles if s.name == "Table Number")
    assert number.element.find(f"{W}pPr/{W}jc").get(qn("w:val")) == "right"


def test_captions_are_numbered_in_their_order(document: Any) -> None:
    tables = [int(m.group(1)) for text in captions(document) if (m := re.match(r"Table (\d+)[.,]", text))]
    figures = [int(m.group(1)) for text in captions(document) if (m := re.match(r"Figure (\d+)\.", text))]
    assert sorted(set(tables)) == list(range(1, max(tables) + 1))
    assert tables == sorted(tables)
    assert figures == [1]
    counted = [f.get(qn("w:instr")).split()[1] for f in document.element.body.iter(f"{W}fldSimple")]
    # Word counts a table once, however many parts it is set in
    assert counted.count("Table") == max(tables)


def test_pictures_are_described_and_sized_to_the_page(document: Any) -> None:
    (shape,) = document.inline_shapes
    described = next(shape._inline.iter("{*}docPr"))
    assert described.get("descr").startswith("Forest plot: Treatment resistance after a first episode")
    assert described.get("descr").endswith("Nine studies.")
    assert shape.width.mm == pytest.approx(TEXT_WIDTH, abs=0.1)
    assert shape.height.mm == pytest.approx(TEXT_WIDTH / 185.0 * 100.0, abs=0.1)
    assert len(document.sections) == 1


def test_a_wide_picture_turns_its_page(results: dict[str, Any]) -> None:
    content = render_docx(results, {FOREST: make_png(255.0, 100.0)}).content
    document = docx.Document(io.BytesIO(content))
    assert [section.orientation for section in document.sections] == [0, 1, 0]
    (shape,) = document.inline_shapes
    assert shape.width.mm == pytest.approx(255.0, abs=0.1)


def test_a_figure_without_a_picture_is_named_with_its_file(document: Any) -> None:
    text = "\n".join(p.text for p in document.paragraphs)
    assert "Leave one out: drawn in analyses/trs_total/leave_one_out.svg, beside results.json." in text


def test_a_picture_that_is_none(results: dict[str, Any]) -> None:
    with pytest.raises(ReportError, match=r"figure 'analyses/trs_total/forest.svg' is no PNG picture"):
        render_docx(results, {FOREST: b"<svg/>"})


def test_descriptions_in_other_scripts() -> None:
    chunk = b"Description\0\0\0\0\0" + "Μελέτες".encode()
    data = struct.pack(">I", len(chunk)) + b"iTXt" + chunk + b"\0\0\0\0"
    png = make_png(10, 10)
    assert read_png(png[:33] + data + png[33:], "x")[2] == "Μελέτες"


def test_same_input_same_bytes(results: dict[str, Any], pictures: dict[str, bytes]) -> None:
    once, again = render_docx(results, pictures), render_docx(copy.deepcopy(results), dict(pictures))
    assert once == again
    with zipfile.ZipFile(io.BytesIO(once.content)) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert archive.namelist()[0] == "[Content_Types].xml"


def test_properties_hold_no_clock_and_the_language_is_set(content: bytes, results: dict[str, Any]) -> None:
    core = parts(content)["docProps/core.xml"].decode()
    assert "created" not in core
    assert "modified" not in core
    assert "python-docx" not in core
    document = docx.Document(io.BytesIO(content))
    assert document.core_properties.title == results["review"]["title"]
    assert 'w:lang w:val="en-GB"' in parts(content)["word/styles.xml"].decode()
    assert not any("thumbnail" in name for name in parts(content))


#: Where people write, in results.json.
PEOPLE = ("title", "question", "about", "label", "note", "source", "source_url", "reason", "words")


def poison(value: Any, text: str) -> Any:
    """Return results with a text in place of every text that people write."""
    if isinstance(value, dict):
        return {
            key: text if isinstance(part, str) and key in PEOPLE else poison(part, text)
            for key, part in value.items()
        }
    if isinstance(value, list):
        return [text if isinstance(part, str) and " " in part else poison(part, text) for part in value]
    return value


@pytest.mark.parametrize(
    "text",
    [
        HOSTILE,
        'HYPERLINK "http://evil.example" DDEAUTO cmd.exe "/k calc" { INCLUDEPICTURE "x" }',
        "</w:t></w:r><w:r><w:fldChar w:fldCharType='begin'/></w:r>",
        "]]><!DOCTYPE x [<!ENTITY y SYSTEM 'file:///etc/passwd'>]>&y;",
        "{{ 7*7 }}{% for x in y %}{_{ }_}",
    ],
)
def test_hostile_text_is_inert(text: str, results: dict[str, Any]) -> None:
    content = render_docx(poison(results, text), {}).content
    held = parts(content)
    body = docx.Document(io.BytesIO(content)).element.body
    # fields: numbers of captions and pages, the contents; nothing that a text could have made
    codes = [f.get(qn("w:instr")).strip() for f in body.iter(f"{W}fldSimple")]
    codes += [code.text.strip() for code in body.iter(f"{W}instrText")]
    assert {code.split()[0] for code in codes} <= {"SEQ", "TOC"}
    for name, data in held.items():
        if name.endswith(".rels"):
            # what lies outside is followed when a person clicks; nothing is loaded when the file is opened
            for relation in re.findall(rb"<Relationship [^>]*External[^>]*>", data):
                assert b"relationships/hyperlink" in relation
                assert re.search(rb'Target="https?://', relation), relation
    clean = docx.Document(io.BytesIO(render_docx(results, {}).content)).element.body
    assert {element.tag for element in body.iter()} <= {element.tag for element in clean.iter()}
    assert text.split()[0] in words_of(body)


@pytest.mark.parametrize(
    ("href", "address"),
    [
        ("https://doi.org/10.1/x", "https://doi.org/10.1/x"),
        ("HTTP://a.example/b c\"<>", "http://a.example/b%20c%22%3C%3E"),
        ("http://a.example/%zz?q=ü#ä", "http://a.example/%25zz?q=%C3%BC#%C3%A4"),
        ("http://a.example:80/x", "http://a.example:80/x"),
        ("javascript:alert(1)", ""),
        ("file:///etc/passwd", ""),
        ("\\\\server\\share", ""),
        ("//a.example/x", ""),
        ("http://[bad", ""),
        ("http://a.example:port/", ""),
        ("http://", ""),
        ("analyses/x/effects.csv", ""),
    ],
)
def test_only_addresses_of_the_web_become_links(href: str, address: str) -> None:
    assert web_address(href) == address


def test_bookmarks_have_names_that_word_takes() -> None:
    names = [bookmark_name(anchor) for anchor in ("trs_total", "a-b", "a_b", "x" * 80, "x" * 81, "Ü 1")]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[A-Za-z]\w{0,39}", name) for name in names)


def test_what_xml_forbids_is_replaced_and_named(results: dict[str, Any]) -> None:
    results["review"]["title"] = "A \x0b review \ufffe of \ud800 things"
    results["analyses"]["trs_total"]["question"] = "How\x00 often?"
    written = render_docx(results, {})
    text = parts(written.content)["word/document.xml"].decode("utf-8")
    assert "\ufffe" not in text
    assert "\ufffd of \ufffd things" in text
    said = "\n".join(written.warnings)
    assert "U+000B, which XML cannot hold, is replaced in results.json: review.title" in said
    assert "U+FFFE, which XML cannot hold, is replaced in results.json: review.title" in said
    assert "U+D800, which XML cannot hold, is replaced in results.json: review.title" in said
    assert "U+0000, which XML cannot hold, is replaced in results.json: analyses.trs_total.question" in said


def test_other_scripts_stay_as_they_are(results: dict[str, Any]) -> None:
    for words in ("Ακαδημία", "Больница", "בית חולים", "病院", "𝛼 β"):
        results["review"]["title"] = words
        written = render_docx(results, {})
        assert docx.Document(io.BytesIO(written.content)).paragraphs[0].text == words
        assert not written.warnings


def test_places_are_where_the_document_holds_them(results: dict[str, Any]) -> None:
    written = render_docx(results, {})
    document = docx.Document(io.BytesIO(written.content))
    place = next(p for p in written.places if p.place.startswith("table"))
    table, one, column = map(int, re.findall(r"\d+", place.place))
    cell = list(list(document.tables[table - 1]._tbl.iter(f"{W}tr"))[one - 1].iter(f"{W}tc"))[column - 1]
    assert place.text in "".join(t.text for t in cell.iter(f"{W}t"))
    assert b" address=" not in parts(written.content)["word/document.xml"]


def table_of(widths: list[int], kind: str = "wide") -> Table:
    columns = tuple(Column(f"c{i}", wide=kind == "wide", number=kind == "num") for i in range(len(widths)))
    return Table("t", columns, (row(*["word " * width for width in widths]),))


def test_columns_share_the_width_of_the_page() -> None:
    table = table_of([1, 30, 3])
    least, longest = column_bounds(table)
    widths = spread_widths(least, longest, 174.0)
    assert sum(widths) <= 174.0 + 1e-9
    assert all(got >= need for got, need in zip(widths, least, strict=True))
    # the longest text gets the room
    assert widths[1] == max(widths)
    assert spread_widths([10.0, 10.0], [10.0, 10.0], 174.0) == [10.0, 10.0]
    assert sum(spread_widths([100.0, 100.0], [200.0, 200.0], 50.0)) == pytest.approx(50.0)


def test_a_table_too_wide_is_set_in_parts_that_name_their_rows() -> None:
    parts_ = split_columns([30.0] * 14, 174.0)
    assert parts_[0][0] == parts_[1][0] == parts_[2][0] == 0
    assert sorted(place for part in parts_ for place in part[1:]) == list(range(1, 14))
    assert all(30.0 * len(part) <= 174.0 for part in parts_)
    assert len(parts_) == 4
    assert split_columns([30.0] * 3, 174.0) == [[0, 1, 2]]


def test_intervals_are_not_broken() -> None:
    table = Table("t", (Column("Estimate [CI]", number=True),), (row("1 234.5 [1 000.1, 2 000.2]"),))
    least, _ = column_bounds(table)
    assert least[0] - CELL_ROOM > 25.0


def test_words_joined_by_a_space_that_does_not_break_stay_together() -> None:
    tables = [Table("t", (Column("State"),), (row(f"for{space}people"),)) for space in (" ", "\u00a0")]
    parted, joined = (column_bounds(table)[0][0] for table in tables)
    assert joined - parted > 3.0


@pytest.mark.skipif(which("soffice") is None, reason="soffice (LibreOffice) is not installed")
def test_libreoffice_reads_it(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "report.docx").write_bytes(content)
    home = f"-env:UserInstallation=file://{tmp_path}/home"
    command = ["soffice", home, "--headless", "--convert-to", "txt:Text", "report.docx"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=300)
    text = (tmp_path / "report.txt").read_text(encoding="utf-8-sig")
    assert "Table 1. All analyses at a glance" in text
    assert "Error! Reference" not in text
