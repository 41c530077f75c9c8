"""The report as Markdown: the same sentences and tables, and nothing that Markdown would act upon."""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report_factory import HOSTILE

from meta.report.context import build_context
from meta.report.markdown import Safe, escape_markdown, markdown_pieces, render_markdown
from meta.report.pieces import Link, Shown, plain


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("a|b", r"a\|b"),
        ("`x` *y* _z_", r"\`x\` \*y\* \_z\_"),
        ("[link](javascript:1)", r"\[link\](javascript:1)"),
        ("<script>", r"\<script\>"),
        ("# not a heading", r"\# not a heading"),
        ("- no list", r"\- no list"),
        ("1. no list", r"1\. no list"),
        ("1.5 stays", "1.5 stays"),
        ("two\nlines", "two lines"),
        ("http://x.example www.x.example", r"http\://x.example www\.x.example"),
        ("\\", r"\\"),
        ("a & b", r"a \& b"),
        ("~~gone~~", r"\~\~gone\~\~"),
        ("\u202eflipped", "flipped"),
    ],
)
def test_escape(text: str, escaped: str) -> None:
    assert escape_markdown(text) == escaped


@settings(deadline=None, max_examples=300, derandomize=True)
@given(st.text(max_size=60))
def test_whatever_is_escaped_stays_text(text: str) -> None:
    """Every character that Markdown acts upon has an odd number of backslashes before it."""
    out = escape_markdown(text)
    assert "\n" not in out
    for found in re.finditer(r"(\\*)([`*_\[\]<>|~$&@])", out):
        assert len(found.group(1)) % 2 == 1, out


def test_a_space_that_does_not_break_sets_a_number_apart_all_the_same() -> None:
    assert markdown_pieces(("tau²\u00a0", Shown("0.3", "a.b"), "\u00a0per 100.")) == "tau² 0.3 per 100."


def test_pieces() -> None:
    sentence = (
        "Rate ",
        Shown("12.7", "a.b"),
        " of ",
        Link("so|urce", "https://x.example/(a) b"),
        ", see ",
        Link("below", "#here"),
    )
    assert markdown_pieces(sentence) == r"Rate 12.7 of [so\|urce](<https://x.example/(a)%20b>), see below"
    assert isinstance(markdown_pieces(sentence), Safe)


@pytest.fixture
def text(results: dict[str, Any]) -> str:
    return render_markdown(results)


def test_sentences_and_tables_are_those_of_the_page(text: str, results: dict[str, Any]) -> None:
    view = build_context(results)
    for card in view.cards:
        assert escape_markdown(plain(card.sentence)) in text
    for analysis in view.analyses:
        for row in analysis.summary.rows:
            assert escape_markdown(plain(row.cells[1])) in text


def test_every_table_has_as_many_cells_as_columns(text: str) -> None:
    lines = text.splitlines()
    seen = 0
    for i, line in enumerate(lines):
        if re.fullmatch(r"\|( -+:? \|)+", line):
            width = len(re.findall(r"(?<!\\)\|", line))
            seen += 1
            for other in (lines[i - 1], *lines[i + 1 :]):
                if not other.startswith("|"):
                    break
                assert len(re.findall(r"(?<!\\)\|", other)) == width, other
    assert seen > 30


def test_hostile_text_is_inert(text: str) -> None:
    assert HOSTILE.split()[0] not in text
    assert not re.search(r"(?<!\\)<(?!https?://|analyses/|results|report)", text)
    assert not re.search(r"(?<!\\)`", text)
    links = re.findall(r"(?<!\\)\]\(<([^>]*)>\)", text)
    assert all(re.match(r"https?://|analyses/", link) for link in links)
    assert len(links) > 30
    assert not re.search(r"(?<![\\(<])\bhttps?://(?!pubmed|doi|fine|orca)", text)


def test_figures_are_links_to_their_files(text: str) -> None:
    assert (
        "![Forest plot: Treatment resistance after a first episode](<analyses/trs_total/forest.svg>)" in text
    )


def test_same_input_same_text(results: dict[str, Any]) -> None:
    assert render_markdown(results) == render_markdown(copy.deepcopy(results))


def test_no_gaps_of_more_than_one_line(text: str) -> None:
    assert "\n\n\n" not in text
    assert text.endswith("\n")
