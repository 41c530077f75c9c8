"""The report as a PDF: tagged, whole, the same bytes each time, and no text of a review is ever markup."""

from __future__ import annotations

import builtins
import copy
import io
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

import pytest
from report_factory import HOSTILE, make_figures, make_results

from meta.errors import ReportError
from meta.report.context import build_context
from meta.report.pdf import render_pdf
from meta.report.pieces import Shown
from meta.report.written import Written

#: What typst would act upon, were any text of a review read as markup, and what a page has no room for.
MARKUP = (
    '#import "@preview/cetz:0.3.0": * #panic("owned") #read("/etc/passwd") #sys.inputs $x^2$ *bold* _it_ '
    "@who <label> `raw` ```typ #eval``` = heading - list + enum / term: x \\ \\u{41} ~ --- // c /* d */ "
    "https://e.example"
)
LONG = "Pneumonoultramicroscopicsilicovolcanoconiosis" * 9
HEBREW = "אברהם כהן 2011"
CHINESE = "张伟"


def pictures() -> dict[str, bytes]:
    return {name: svg.encode("utf-8") for name, svg in make_figures().items()}


def read(content: bytes) -> Any:
    pypdf = pytest.importorskip("pypdf", reason="pypdf is not installed: the text of PDFs is not read")
    return pypdf.PdfReader(io.BytesIO(content))


def text_of(content: bytes) -> str:
    """Return the words of all pages, each space one space."""
    return " ".join(" ".join(page.extract_text() for page in read(content).pages).split())


def squeezed(text: str) -> str:
    """Return text without spaces and the marks that only allow a line to end: lines may end anywhere."""
    return re.sub(r"[\s\u200b\u200e]+", "", text)


@pytest.fixture(scope="module")
def written() -> Written:
    pytest.importorskip("typst", reason="typst is not installed: report.pdf is not made")
    return render_pdf(make_results(), pictures())


def test_same_input_same_bytes(written: Written) -> None:
    assert render_pdf(copy.deepcopy(make_results()), pictures()) == written


def test_a_missing_typst_is_named_with_what_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refuse(name: str, *args: Any) -> Any:
        if name == "typst":
            raise ImportError(name)
        return real(name, *args)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(ReportError, match=re.escape("pip install 'trs-meta[pdf]'")):
        render_pdf(make_results(), pictures())


def test_a_figure_that_was_not_given_is_named() -> None:
    pytest.importorskip("typst", reason="typst is not installed: report.pdf is not made")
    with pytest.raises(ReportError, match=r"'analyses/trs_total/forest\.svg' that was not given"):
        render_pdf(make_results(), {})


def test_a_figure_that_reaches_outside_itself_is_refused() -> None:
    pytest.importorskip("typst", reason="typst is not installed: report.pdf is not made")
    drawings = pictures()
    outside = b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>'
    drawings["analyses/trs_total/forest.svg"] = outside
    with pytest.raises(ReportError, match="holds an element 'image'"):
        render_pdf(make_results(), drawings)


def test_it_is_tagged_and_named(written: Written) -> None:
    reader = read(written.content)
    root = reader.trailer["/Root"]
    assert root["/Lang"] == "en-GB"
    assert root["/MarkInfo"]["/Marked"]
    assert root["/ViewerPreferences"]["/DisplayDocTitle"]
    assert reader.metadata["/Title"] == "A living review"
    assert reader.metadata["/Author"] == "A. Author, B. Author"
    assert "/CreationDate" not in reader.metadata
    assert b"pdfuaid" in root["/Metadata"].get_data()


def structure(reader: Any) -> list[Any]:
    """Return every element of the tree of tags."""
    found, waiting = [], [reader.trailer["/Root"]["/StructTreeRoot"]]
    while waiting:
        element = waiting.pop()
        element = element.get_object()
        if isinstance(element, list):
            waiting += element
        elif isinstance(element, dict):
            found += [element] if "/S" in element else []
            waiting += [element["/K"]] if "/K" in element else []
    return found


def test_headings_tables_and_figures_have_their_tags(written: Written) -> None:
    elements = structure(read(written.content))
    count = Counter(element["/S"] for element in elements)
    view = build_context(make_results())
    # the answers, methods, each analysis, behind the numbers; and the contents
    assert count["/H1"] == 3 + len(view.analyses) + 1
    assert count["/Table"] == count["/THead"] == count["/Caption"] - count["/Figure"]
    figures = [element for element in elements if element["/S"] == "/Figure"]
    # a figure stands as often as the results name one
    assert len(figures) == sum(len(a["figures"]) for a in make_results()["analyses"].values())
    assert all(figure["/Alt"] for figure in figures)
    assert any(str(figure["/Alt"]).startswith("Leave one out: Treatment resistance") for figure in figures)


def numbers(value: object) -> Iterator[Shown]:
    """Walk every number of a view."""
    if isinstance(value, Shown):
        yield value
    elif is_dataclass(value):
        for field in fields(value):
            yield from numbers(getattr(value, field.name))
    elif isinstance(value, tuple):
        for inner in value:
            yield from numbers(inner)


def test_every_number_has_its_place_once(written: Written) -> None:
    shown = Counter((number.text, number.id) for number in numbers(build_context(make_results())))
    assert Counter((place.text, place.id) for place in written.places) == shown
    assert len(shown) > 300


def test_every_number_is_read_whole(written: Written) -> None:
    text = squeezed(text_of(written.content))
    for place in written.places:
        assert squeezed(place.text) in text, place
    assert "tau²" in text
    assert "I²" in text


def test_places_name_the_tables_as_the_pages_do(written: Written) -> None:
    text = text_of(written.content)
    found = next(place for place in written.places if place.id == "analyses.trs_total.fit.tau2.value")
    assert found.place.startswith("Treatment resistance after a first episode, paragraph")
    inside = next(place for place in written.places if place.place.startswith("Table 2, row 1"))
    assert inside.id == "analyses.trs_total.fit.spec.level"
    assert "Table 2. Summary: Treatment resistance after a first episode" in text
    assert "Table 1. All analyses at a glance" in text


def test_headers_of_tables_come_again_on_each_page() -> None:
    pytest.importorskip("typst", reason="typst is not installed: report.pdf is not made")
    results = make_results()
    results["problems"] = results["problems"] * 90
    pages = [page.extract_text() for page in read(render_pdf(results, pictures()).content).pages]
    headed = [page for page in pages if "What is suspicious" in " ".join(page.split())]
    assert len(headed) > 2


@pytest.fixture(scope="module")
def attacked() -> Written:
    pytest.importorskip("typst", reason="typst is not installed: report.pdf is not made")
    results = make_results()
    results["review"] = {"title": MARKUP, "question": MARKUP + HOSTILE, "authors": [MARKUP], "about": LONG}
    entry = results["analyses"]["trs_total"]
    entry["title"] = entry["question"] = MARKUP
    entry["caveats"] = [MARKUP, LONG, "bell \x07 null \x00 \ufeff lone \ud800 \u00ad end", HEBREW, CHINESE]
    for study, label in zip(
        entry["fit"]["studies"], (MARKUP, LONG, HEBREW, CHINESE, "\u202eflipped"), strict=False
    ):
        study["label"] = label
    for row, label in zip(entry["study_table"]["rows"], (MARKUP, LONG, HEBREW, CHINESE), strict=False):
        row["label"] = label
        row["cells"]["verification"] = label
    return render_pdf(results, pictures())


def test_markup_of_typst_comes_out_as_it_was_written(attacked: Written) -> None:
    text = squeezed(text_of(attacked.content))
    assert squeezed('#panic("owned") #read("/etc/passwd") #sys.inputs $x^2$ *bold* _it_ @who') in text
    assert squeezed("`raw` ```typ #eval``` = heading - list + enum / term: x") in text
    assert "root:x:" not in text


def test_nothing_acts_and_links_lead_to_the_web_only(attacked: Written) -> None:
    reader = read(attacked.content)
    assert b"/JavaScript" not in attacked.content
    assert b"/Launch" not in attacked.content
    addresses = [
        annotation.get_object()["/A"]["/URI"]
        for page in reader.pages
        for annotation in page.get("/Annots", [])
        if "/A" in annotation.get_object() and "/URI" in annotation.get_object()["/A"]
    ]
    assert addresses
    assert all(re.match(r"https?://", str(address)) for address in addresses)


def test_a_character_without_glyph_is_a_named_warning(written: Written, attacked: Written) -> None:
    assert written.warnings == ()
    assert len(attacked.warnings) == 1
    assert "DejaVu Sans has no glyph for '伟' (U+4F1F CJK UNIFIED IDEOGRAPH-4F1F)" in attacked.warnings[0]
    assert "U+D800" in attacked.warnings[0]
    assert "\ufffd\ufffd" in text_of(attacked.content)


def test_nothing_is_wider_than_its_page(attacked: Written) -> None:
    """Every word begins inside the margins of its page, and long ones are broken over lines."""
    for page in read(attacked.content).pages:
        width = float(page.mediabox.width)
        starts: list[float] = []

        def note(text: str, *where: Any, starts: list[float] = starts) -> None:
            starts += [where[1][4]] if text.strip() else []

        page.extract_text(visitor_text=note)
        assert starts
        assert all(0.0 <= x < width - 40.0 for x in starts)
    longest = max(text_of(attacked.content).split(), key=len)
    assert len(longest) < 200


def test_hebrew_keeps_the_order_of_digits(attacked: Written) -> None:
    assert "2011" in text_of(attacked.content)
