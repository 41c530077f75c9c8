"""References as BibTeX and CSL JSON: the methods that the report cites, and the studies it includes."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from meta.report.context import build_context
from meta.report.pieces import Node, clean_text, plain
from meta.report.views import ReportView

#: One work in the form of CSL JSON.
Work = dict[str, Any]

_DOI = re.compile(r"\b(10\.\d{4,9}/[^\s\"<>;|?#{}\\]+)")
_DOI_ADDRESS = re.compile(rf"https?://[^\s;]*?(?:doi\.org/|/doi/(?:[a-z]+/)?){_DOI.pattern}", re.IGNORECASE)
_PUBMED = re.compile(r"https?://(?:pubmed\.ncbi\.nlm\.nih\.gov|www\.ncbi\.nlm\.nih\.gov/pubmed)/(\d{1,9})\b")
_PMC = re.compile(r"https?://[^\s;]*?/(PMC\d{1,9})\b")
_ADDRESS = re.compile(r"https?://[^\s;\"<>{}\\]+")
_YEAR = re.compile(r"(?:1[6-9]|20)\d\d")

#: A journal as sheets write it: ``J Clin Psychiatry 72(11):1439-1444``.
_JOURNAL = re.compile(r"(?P<name>.+?),? (?P<volume>\d+)(?:\((?P<issue>[^()]+)\))?:(?P<page>[\w.–-]+)")

#: What BibTeX and TeX act upon inside a field.
_TEX = {
    "\\": r"\textbackslash{}",
    "{": r"\textbraceleft{}",
    "}": r"\textbraceright{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{mark: "\\" + mark for mark in "$&#_%"},
}

#: Types of CSL and what BibTeX calls them; what is not here is ``misc``.
_ENTRIES = {
    "article-journal": "article",
    "book": "book",
    "chapter": "incollection",
    "paper-conference": "inproceedings",
    "report": "techreport",
}

#: Field of BibTeX for what a work stands in, by its entry; ``note`` for any other.
_STANDS_IN = {"article": "journal", "incollection": "booktitle", "inproceedings": "booktitle"}


@cache
def cited_works() -> tuple[tuple[tuple[str, ...], Work], ...]:
    """Return every work that sentences of the report can cite: the words that cite it, and the work."""
    text = (files("meta.report") / "cited.json").read_text(encoding="utf-8")
    return tuple((tuple(entry["cited_as"]), entry["reference"]) for entry in json.loads(text))


def list_references(results: Mapping[str, Any]) -> list[Work]:
    """Return the works cited by the sentences on methods, then the included studies.

    Parameters
    ----------
    results : mapping
        The content of results.json.

    Returns
    -------
    list of dict
        CSL JSON, each part in the order of its ids, which are unique; ``keyword`` is ``method`` or ``study``.
        A study is listed where its sheet names a source: DOI, PMID, address, title or journal.

    Raises
    ------
    ReportError
        If the results have another format.
    """
    view = build_context(results)
    root = Node(dict(results))
    said = " ".join(_said(view, root))
    cited = (work for words, work in cited_works() if any(one in said for one in words))
    methods = [{**work, "keyword": "method"} for work in cited]
    return [*methods, *_studies(root, {work["id"] for work in methods})]


def render_references(results: Mapping[str, Any]) -> dict[str, bytes]:
    """Return the files of references by name; the same input gives the same bytes.

    ``references.bib`` is BibTeX in UTF-8: no text of a sheet ends its field, or is a command of TeX.
    ``references.json`` is CSL JSON.
    """
    works = list_references(results)
    return {
        "references.bib": write_bibtex(works).encode("utf-8"),
        "references.json": (json.dumps(works, ensure_ascii=False, indent=1) + "\n").encode("utf-8"),
    }


def write_bibtex(works: Sequence[Work]) -> str:
    """Return works as BibTeX."""
    return "\n".join(_bibtex(work) for work in works)


# Methods


def _said(view: ReportView, root: Node) -> Iterator[str]:
    """Walk the sentences in which the report says how numbers were made; none holds words of a sheet."""
    for method in view.methods:
        for _, sentences in method.parts:
            yield from map(plain, sentences)
    yield from map(plain, view.findings.sentences)
    for analysis in view.analyses:
        for block in analysis.blocks:
            yield from map(plain, block.sentences)
            for table in (*block.tables, *block.hidden):
                yield from map(plain, table.notes)
        yield from map(plain, analysis.results)
    for _, entry in root.at("analyses").items():
        for study in entry.at("fit", "studies").each():
            yield study.at("recovered").text()


# Studies


def _studies(root: Node, taken: set[str]) -> list[Work]:
    """Return each study once, however many analyses and rows it stands in."""
    found: dict[tuple[str, str], Work] = {}
    for _, analysis in root.at("analyses").items():
        for row in analysis.at("study_table", "rows").each():
            work = _study(row)
            if work is not None:
                same = next((key for key in _identities(work) if key in found), None)
                kept = found[same] if same is not None else work
                for name, value in work.items():
                    kept.setdefault(name, value)
                for key in _identities(kept):
                    found.setdefault(key, kept)
    works: list[Work] = []
    for work in found.values():
        if not any(work is other for other in works):
            works.append(work)
    works.sort(key=lambda work: (_slug(work["id"]), json.dumps(work, sort_keys=True)))
    for work in works:
        work["id"] = _free(_slug(work["id"]), taken)
        taken.add(work["id"])
    return works


def _identities(work: Work) -> list[tuple[str, str]]:
    """Return by what a study is known again: its numbers, else its address, title and label."""
    known: list[tuple[str, str]] = [(n, str(work[n]).lower()) for n in ("DOI", "PMID") if n in work]
    rest = [str(work.get(name, "")).lower() for name in ("URL", "title", "id")]
    return known or [("other", "\n".join(rest))]


def _study(row: Node) -> Work | None:
    """Return what a sheet says of a study, or None where it names no source."""
    cells, named = row.at("cells"), row.at("reference")

    def cell(*names: str) -> str:
        texts = (part.at(name).text() for name in names for part in (named, cells))
        return next((text for text in texts if text), "")

    addresses = row.at("source_url").text(longest=4000)
    work: Work = {"id": row.at("label").text(), "type": "document", "keyword": "study"}
    authors, year, title = cell("authors_short", "authors"), _YEAR.search(cell("year")), cell("title")
    if authors:
        work["author"] = [{"literal": authors}]
    if year:
        work["issued"] = {"date-parts": [[int(year.group(0))]]}
    if title:
        work["title"] = title
    work |= _journal(cell("journal"))
    doi = _DOI.fullmatch(re.sub(r"^(?:https?://(?:dx\.)?doi\.org/|doi:\s*)", "", cell("doi"), flags=re.I))
    doi = doi or _DOI_ADDRESS.search(addresses)
    numbers = {
        "DOI": doi.group(1).rstrip(".,)") if doi else "",
        "PMID": cell("pmid") if re.fullmatch(r"\d{1,9}", cell("pmid")) else _first(_PUBMED, addresses),
        "PMCID": _first(_PMC, addresses),
        "URL": (_ADDRESS.search(addresses) or [""])[0],
    }
    work |= {name: number for name, number in numbers.items() if number}
    return work if set(work) & {"title", "container-title", *numbers} else None


def _first(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return found.group(1) if found else ""


def _journal(text: str) -> Work:
    """Return a journal with volume, issue and pages where the cell holds them."""
    if not text:
        return {}
    found = _JOURNAL.fullmatch(text)
    if found is None:
        return {"type": "article-journal", "container-title": text}
    parts = {"container-title": found["name"], "volume": found["volume"], "page": found["page"]}
    return {"type": "article-journal", **parts, **({"issue": found["issue"]} if found["issue"] else {})}


def _slug(text: str) -> str:
    """Return an id of plain letters and digits."""
    plainest = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii")
    return re.sub(r"[^A-Za-z0-9]+", "-", plainest).strip("-")[:60] or "study"


def _free(slug: str, taken: set[str]) -> str:
    """Return an id that is not taken; ids that differ in capitals only count as one."""
    used = {name.lower() for name in taken}
    if slug.lower() not in used:
        return slug
    return next(f"{slug}-{i}" for i in range(2, len(used) + 3) if f"{slug}-{i}".lower() not in used)


# BibTeX


def _bibtex(work: Work) -> str:
    kind = _ENTRIES.get(work["type"], "misc")
    where, maker = _STANDS_IN.get(kind, "note"), "institution" if kind == "techreport" else "publisher"
    fields = {
        "author": _people(work.get("author", [])),
        "title": f"{{{_tex(work['title'])}}}" if "title" in work else "",
        where: _tex(work.get("container-title", "")),
        "editor": _people(work.get("editor", [])),
        maker: _tex(work.get("publisher", "")),
        "edition": _tex(work.get("edition", "")),
        "year": str(work["issued"]["date-parts"][0][0]) if "issued" in work else "",
        "volume": _tex(work.get("volume", "")),
        "number": _tex(work.get("issue", "")),
        "pages": re.sub(r"[-–]+", "--", _tex(work.get("page", ""))),
        "doi": _tex(work.get("DOI", "")),
        "pmid": work.get("PMID", ""),
        "pmcid": work.get("PMCID", ""),
        "url": _tex_address(work.get("URL", "")),
        "keywords": work["keyword"],
    }
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
    return "\n".join([f"@{kind}{{{work['id']},", *lines, "}\n"])


def _people(people: list[dict[str, str]]) -> str:
    return " and ".join(_person(person) for person in people)


def _person(person: dict[str, str]) -> str:
    """Return a name; ``Agid et al.`` is a first author and others."""
    if "literal" not in person:
        return f"{_tex(person['family'])}, {_tex(person['given'])}"
    first = re.fullmatch(r"(.+?),? et al\.?", person["literal"])
    return f"{{{_tex(first.group(1))}}} and others" if first else f"{{{_tex(person['literal'])}}}"


def _tex(text: str) -> str:
    """Return text that TeX sets as it is written."""
    return "".join(_TEX.get(character, character) for character in clean_text(text, longest=len(text) + 1))


def _tex_address(address: str) -> str:
    """Return an address that cannot end its field, as the packages for addresses read it."""
    return re.sub(r"[{}\\\s]", lambda found: f"%{ord(found.group(0)):02X}", address)
