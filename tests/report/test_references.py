"""References: what the methods cite is listed, studies once, and no text of a sheet acts in BibTeX."""

from __future__ import annotations

import ast
import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report_factory import HOSTILE, make_results

import meta.report
from meta.report.references import cited_works, list_references, render_references

REPORT = Path(meta.report.__file__).parent

#: Modules whose words tell how numbers were made.
WORDS = (
    "bayes.py",
    "cluster_words.py",
    "effect_words.py",
    "glmm_words.py",
    "measure_words.py",
    "methods.py",
    "sentences.py",
    "thresholds.py",
    "words.py",
    "../effects/recovery_steps.py",
    "../effects/recovered_rows.py",
)

_CITATION = re.compile(r"[A-ZÖÜ][\w'’-]+(?: et al\.| and colleagues)? \(?(?:19|20)\d\d\b")


def bibtex(results: dict[str, Any]) -> str:
    return render_references(results)["references.bib"].decode("utf-8")


def words_of(path: Path) -> str:
    """Return every text of a module that is no docstring, adjoining ones joined."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    texts = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs
    ]
    return "\n".join(texts)


@pytest.mark.parametrize("name", WORDS)
def test_every_citation_in_the_words_of_the_report_is_known(name: str) -> None:
    text = words_of(REPORT / name)
    for found in _CITATION.finditer(text):
        start = text.rfind("\n", 0, found.start()) + 1
        end = found.end() + 1 if "(" in found.group(0) else found.end()
        before = text[start:end]
        assert any(before.endswith(words) for entry in cited_works() for words in entry[0]), found.group(0)


def test_every_work_is_whole_and_cited_by_its_own_year() -> None:
    ids = [work["id"] for _, work in cited_works()]
    assert ids == sorted(set(ids))
    for words, work in cited_works():
        assert work["title"]
        assert work["author"]
        year = str(work["issued"]["date-parts"][0][0])
        for phrase in words:
            assert re.findall(r"\b(?:19|20)\d\d\b", phrase) in ([], [year]), phrase
        if work["type"] == "article-journal":
            assert {"container-title", "volume", "page"} <= set(work), work["id"]
        # an identifier that nobody looked up is worse than none
        assert "DOI" not in work


def test_methods_that_the_report_names_are_listed() -> None:
    found = [work["id"] for work in list_references(make_results()) if work["keyword"] == "method"]
    assert {"clopper1934", "higgins2002", "roever2015", "hartung2001", "sidik2002"} <= set(found)
    # nothing Bayesian was done
    assert not {"roever2020", "gelman2006"} & set(found)
    assert found == sorted(found)


def studies(results: dict[str, Any]) -> list[dict[str, Any]]:
    return [work for work in list_references(results) if work["keyword"] == "study"]


def with_rows(rows: list[dict[str, Any]]) -> dict[str, Any]:
    results = make_results()
    results["analyses"] = {"trs_total": results["analyses"]["trs_total"]}
    results["analyses"]["trs_total"]["study_table"]["rows"] = rows
    return results


def row(label: str, url: str | None = None, **cells: str) -> dict[str, Any]:
    blank = {"risk_of_bias": None, "rows": [], "cells": {}}
    return {"label": label, "source_url": url, **blank, "reference": cells}


def test_a_study_is_what_its_sheet_says() -> None:
    (work,) = studies(
        with_rows(
            [
                row(
                    "Agid2011",
                    "https://pubmed.ncbi.nlm.nih.gov/21527128/ ; https://pmc.ncbi.nlm.nih.gov/articles/PMC77",
                    authors_short="Agid et al.",
                    year="2011",
                    title="An algorithm",
                    journal="J Clin Psychiatry 72(11):1439-1444",
                    doi="https://doi.org/10.4088/JCP.09m05785yel",
                )
            ]
        )
    )
    assert work == {
        "id": "Agid2011",
        "type": "article-journal",
        "keyword": "study",
        "author": [{"literal": "Agid et al."}],
        "issued": {"date-parts": [[2011]]},
        "title": "An algorithm",
        "container-title": "J Clin Psychiatry",
        "volume": "72",
        "issue": "11",
        "page": "1439-1444",
        "DOI": "10.4088/JCP.09m05785yel",
        "PMID": "21527128",
        "PMCID": "PMC77",
        "URL": "https://pubmed.ncbi.nlm.nih.gov/21527128/",
    }


def test_a_study_without_a_source_is_not_listed_and_arms_of_one_trial_count_once() -> None:
    found = studies(
        with_rows(
            [
                row("Nothing", authors_short="Nobody", year="2001"),
                row("Bai2003 placebo", "https://pubmed.ncbi.nlm.nih.gov/14658949/"),
                row("Bai2003 drug", "https://pubmed.ncbi.nlm.nih.gov/14658949/", title="A trial"),
                row("Other", "https://ajp.psychiatryonline.org/doi/abs/10.1176/ajp.148.2.231"),
            ]
        )
    )
    assert [(work["id"], work.get("title")) for work in found] == [
        ("Bai2003-placebo", "A trial"),
        ("Other", None),
    ]
    assert found[1]["DOI"] == "10.1176/ajp.148.2.231"


def test_ids_are_unique_and_plain() -> None:
    labels = ["Çelik 2016", "celik-2016", "{}", "张"]
    found = studies(with_rows([row(label, title=f"T{i}") for i, label in enumerate(labels)]))
    assert [work["id"] for work in found] == ["Celik-2016", "celik-2016-2", "study", "study-2"]


def test_what_is_no_number_is_no_doi() -> None:
    (work,) = studies(with_rows([row("A", title="x", doi="not seen; see note", pmid="12}, evil = {x")]))
    assert "DOI" not in work
    assert "PMID" not in work


def entries(text: str) -> list[dict[str, str]]:
    """Read BibTeX as BibTeX does: an entry and a field end where their braces do."""
    out, at = [], 0
    while (at := text.find("@", at)) >= 0:
        head = re.compile(r"@(\w+)\{([^,{}\s]+),").match(text, at)
        assert head is not None, text[at : at + 60]
        fields, at = {"type": head[1], "id": head[2]}, head.end()
        while (field := re.compile(r"\s*(\w+) = \{").match(text, at)) is not None:
            depth, end = 1, field.end()
            while depth:
                depth += {"{": 1, "}": -1}.get(text[end], 0)
                end += 1
            fields[field[1]] = text[field.end() : end - 1]
            assert text[end] == ","
            at = end + 1
        closing = re.compile(r"\s*\}\s*").match(text, at)
        assert closing is not None, text[at : at + 60]
        at = closing.end()
        out.append(fields)
    return out


#: How TeX writes what it would act upon.
_WRITTEN = re.compile(r"\\text(backslash|brace(left|right)|ascii(tilde|circum))\{\}|\\[$&#_%]")


@settings(deadline=None, max_examples=60, derandomize=True)
@given(st.text(max_size=40), st.text(max_size=40))
def test_no_text_ends_its_field_or_is_a_command(title: str, journal: str) -> None:
    results = with_rows([row("A", title=f"x{title}", journal=journal, authors_short=title)])
    found = entries(bibtex(results))
    assert [entry["id"] for entry in found] == [work["id"] for work in list_references(results)]
    for name in ("title", "journal", "author"):
        value = _WRITTEN.sub("", found[-1].get(name, ""))
        assert not set(value) & set("\\$&#_%~^"), value


def test_hostile_text_stays_text() -> None:
    nasty = HOSTILE + " }, note = {\\input{/etc/passwd}} @comment{x} % \" \\write18{ls}"
    address = f"https://e.example/{{}}\\x {nasty}"
    attacked = row("A", address, title=nasty, journal=nasty, authors_short=nasty)
    last = entries(bibtex(with_rows([attacked])))[-1]
    assert set(last) == {"type", "id", "author", "title", "journal", "url", "keywords"}
    assert r"\input" not in str(last)
    assert r"\textbackslash{}input\textbraceleft{}/etc/passwd" in last["title"]
    assert last["url"] == "https://e.example/"


def test_same_input_same_text_and_the_json_is_what_was_listed() -> None:
    results = make_results()
    assert bibtex(results) == bibtex(copy.deepcopy(results))
    assert json.loads(render_references(results)["references.json"]) == list_references(results)


def test_names_are_written_for_bibtex() -> None:
    names = ("Van Harten, Bai et al", "A & B")
    text = bibtex(with_rows([row(name, title=name, authors_short=name) for name in names]))
    assert "author = {{Van Harten, Bai} and others}" in text
    assert r"author = {{A \& B}}" in text
    assert "author = {Röver, C. and Knapp, G. and Friede, T.}" in bibtex(make_results())
