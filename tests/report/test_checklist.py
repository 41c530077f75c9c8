"""The checklists: every item once, shown only where the results hold it, the rest for people."""

from __future__ import annotations

import re
from typing import Any

import pytest

from meta.report.checklist import IN_PART, PEOPLE, PRISMA_ITEMS, SHOWN, checklist_block
from meta.report.context import build_context
from meta.report.html import render_html
from meta.report.markdown import render_markdown
from meta.report.pieces import Link, Node, plain


def rows_of(results: dict[str, Any], table: int = 0) -> dict[str, tuple[str, str]]:
    """State and words by item (by topic in the extension, whose items repeat)."""
    block = checklist_block(Node(results))
    found = {}
    for row in block.hidden[table].rows:
        item, topic, state, words = (plain(cell) for cell in row.cells)
        found[item.removeprefix("Item\u00a0") if table == 0 else topic] = (state, words)
    return found


def test_every_item_of_prisma_2020_stands_there_once(results: dict[str, Any]) -> None:
    items = list(rows_of(results))
    numbers = [int(re.match(r"\d+", item).group()) for item in items]  # type: ignore[union-attr]
    assert set(numbers) == set(range(1, 28))
    assert numbers == sorted(numbers)
    assert len(items) == 42
    parts = {number: items_of(items, number) for number in (10, 13, 16, 20, 23, 24)}
    assert parts == {10: "ab", 13: "abcdef", 16: "ab", 20: "abcd", 23: "abcd", 24: "abc"}


def items_of(items: list[str], number: int) -> str:
    return "".join(item.removeprefix(str(number)) for item in items if re.fullmatch(rf"{number}[a-f]", item))


def test_without_analyses_nothing_is_claimed() -> None:
    empty = {"review": {"title": "A title"}, "analyses": {}}
    assert {state for state, _ in rows_of(empty).values()} == {PEOPLE}
    assert {state for state, _ in rows_of(empty, 1).values()} == {PEOPLE}
    assert {words for _, words in rows_of(empty).values()} == {""}


#: What must be taken from the results so that an item is no longer shown.
NEEDED = [
    ("13e", ("subgroups", "regressions")),
    ("20c", ("subgroups", "regressions")),
    ("13f", ("leave_one_out", "alternatives")),
    ("20d", ("leave_one_out", "alternatives")),
    ("5", ("selection",)),
    ("13a", ("selection",)),
    ("4", ("question",)),
    ("13c", ("figures",)),
    ("19", ("fit",)),
    ("17", ("fit",)),
    ("20a", ("fit",)),
    ("20b", ("fit",)),
]


@pytest.mark.parametrize(("item", "keys"), NEEDED)
def test_an_item_is_shown_only_where_the_results_hold_it(
    results: dict[str, Any], item: str, keys: tuple[str, ...]
) -> None:
    assert rows_of(results)[item][0] in (SHOWN, IN_PART)
    for analysis in results["analyses"].values():
        for key in keys:
            analysis[key] = None
    assert rows_of(results)[item] == (PEOPLE, "")


def test_what_people_declare_is_shown_once_it_is_there(results: dict[str, Any]) -> None:
    before = rows_of(results)
    assert {before[item][0] for item in ("11", "15", "16a", "16b", "18", "22")} == {PEOPLE}
    assert "Left: the risk of bias of these studies." in before["20a"][1]
    first = next(iter(results["analyses"].values()))
    first["risk_of_bias"] = {"tool": "RoB 2", "assessed": 0}
    assert rows_of(results)["18"] == (PEOPLE, "")
    first["risk_of_bias"]["assessed"] = 4
    first["grade"] = {"certainty": "low"}
    results["prisma"] = {"about": "counted by hand", "identified": [{"name": "Databases", "count": 9}]}
    results["excluded"] = [{"study": "Smith2001", "reason": "no comparison"}]
    after = rows_of(results)
    assert {after[item][0] for item in ("16b", "18", "20a", "22")} == {SHOWN}
    assert {after[item][0] for item in ("11", "15", "16a")} == {IN_PART}


def test_the_title_counts_by_its_words(results: dict[str, Any]) -> None:
    results["review"]["title"] = "Cataract surgery"
    assert rows_of(results)["1"][0] == PEOPLE
    assert rows_of(results, 1)["Title says that the review is living"][0] == PEOPLE
    results["review"]["title"] = "Cataract surgery: a living systematic review"
    assert rows_of(results)["1"][0] == SHOWN
    assert rows_of(results, 1)["Title says that the review is living"][0] == SHOWN


def test_a_release_fills_what_the_comparison_knows(results: dict[str, Any]) -> None:
    topics = ("Number of the version", "The preceding version, cited", "Changes of the methods")
    assert {rows_of(results, 1)[topic][0] for topic in topics} == {PEOPLE}
    results["changes"] = {"old": "2026.10.0", "new": "2026.11.0"}
    after = rows_of(results, 1)
    assert [after[topic][0] for topic in topics] == [SHOWN, IN_PART, IN_PART]
    assert after["Changes of the results"][0] == SHOWN
    assert after["Authors and their roles"][0] == PEOPLE


def test_every_place_that_is_named_is_there(results: dict[str, Any], figures: dict[str, str]) -> None:
    page = render_html(results, figures)
    ids = set(re.findall(r'\bid="([^"]+)"', page))
    block = checklist_block(Node(results))
    places = [p for t in block.hidden for r in t.rows for c in r.cells for p in c if isinstance(p, Link)]
    assert len(places) > 15
    assert {place.href.removeprefix("#") for place in places} <= ids


def test_all_formats_show_both_checklists(results: dict[str, Any], figures: dict[str, str]) -> None:
    view = build_context(results)
    assert [table.caption for table in view.checklist.hidden] == [
        "Items of PRISMA 2020",
        "What PRISMA-LSR adds",
    ]
    page, text = render_html(results, figures), render_markdown(results)
    for source in ("https://doi.org/10.1136/bmj.n71", "https://doi.org/10.1136/bmj-2024-079183"):
        assert source in page
        assert source in text.replace("\\", "")
    assert re.search(r"<summary>Both checklists, item by item</summary>", page)
    assert page.index("Reporting checklists") > page.index("Provenance")
    for name in PRISMA_ITEMS.values():
        assert name in page
        assert name in text


def test_word_and_pdf_show_them_too(results: dict[str, Any], figures: dict[str, str]) -> None:
    pytest.importorskip("docx", reason="python-docx is not installed: pip install 'trs-meta[docx]'")
    pytest.importorskip("docxtpl", reason="docxtpl is not installed: pip install 'trs-meta[docx]'")
    from meta.report.docx import render_docx
    from meta.report.pdf_blocks import Sheets, document_data

    content = render_docx(results, {}).content
    import io

    import docx

    tables = docx.Document(io.BytesIO(content)).tables
    assert any(table.cell(1, 1).text == "Title" and len(table.rows) == 43 for table in tables)
    data = document_data(build_context(results), Sheets(figures))
    captions = [b["caption"] for g in data["groups"] for b in g["blocks"] if b["kind"] == "table"]
    assert captions[-2:] == ["Items of PRISMA 2020", "What PRISMA-LSR adds"]
