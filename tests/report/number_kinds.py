"""What a report may hold in digits beside its numbers: declared kinds, each with the way to tell it."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from typing import Any

import docx

from meta.report.docx_pen import run_text, walk_runs
from meta.report.html_places import read_page
from meta.report.pieces import LONGEST_LABEL, LONGEST_TEXT, clean_text, squared
from meta.report.written import Place, Written

#: Stands where a number with an address was.
GONE = "\x00"

#: A backslash before a character that Markdown would act upon.
ESCAPED = r"\\([\\`*_\[\]<>|~$&@:.\-+=#)])"

#: The number of a caption.
CAPTION = r"^(?:Table|Figure) \d+(?:, part \d+ of \d+)?\."

#: Digits that a writer adds or that the methods carry, by kind.
KINDS = {
    "rows of sheets": r"(?:^|\b)[\w.-]+\.(?:csv|tsv|xlsx)[ :](?:line )?\d+",
    "citations": r"(?:\b[A-Z][^()\d]{1,60}(?:\(|, )?|\()(?:19|20)\d\d\b|\((?:19|20)\d\d\)",
    "measures of heterogeneity": r"\b(?:I2|H2|tau2|chi2|R2)\b|σ2",
    "names of methods": r"SHA-256|\bCR\d\w?\b|\b1/n\b|\bRoB 2\b|\b[kp]\s*−\s*\d\b|\bPRISMA 2020\b",
    "no difference": r"\b[01](?:, no difference|, which means no difference| \(no difference\))|"
    r"no difference: the prediction interval includes [01]\b",
    "formulas of methods": r"\+1/2 and −1/2|\b[mn] − 1\b|\bfactor (?:1/)?1\.65\b|\b1/√?v\b|\b50,000 draws\b|"
    r"N/\(n₁n₂\) \+ g²/\(2\(N − 3\.94\)\)|1 − 3/\(4N − 9\)",
    "names of programs and groups": r"\b(?:RevMan|Review Manager) 5\b|\bgroup 1\b",
    "priors": r"with scale 0\.5 \(Röver et al\. 2021\), the default|"
    r"\buniform prior (?:from 0|on all values above 0)",
    "bounds of what cannot be negative": r"\blower bound, 0\b|\band 0 where it would be negative",
    "levels in headings of columns": r"\[\d+(?:\.\d+)?% C[rR]?I\]",
    "the base of absolute effects": r"\bper 1,000\b",
    "names left out of a list": r"\band \d+ more\b",
    "parts of a table": r"\(part \d+ of \d+\)$",
    "hashes": r"\b[0-9a-f]{8,64}\b",
    "corrections of cells": r"\b0\.5 (?:is|was)? ?added|with 0\.5 added|\bat tau² = 0\b",
    "items of checklists": r"\bItem\s(?:\d{1,2}[a-f]?|L\d)(?!\S)|\bBMJ \d+: \w+",
    "versions": r"\b\w[\w.-]*@\d+\b|\b\d+\.\d+(?:\.\d+)*(?:\w+\d+)?\b(?=$)",
    "files": r"\S+\.(?:svg|csv|R|json|md|html|docx|pdf|bib|toml)\b",
    "addresses on the web": r"\bhttps?\S+|\bdoi\.org\S*",
}


def texts_of_docx(content: bytes) -> dict[str, str]:
    """Return the words of a Word document by place."""
    texts: dict[str, str] = {}
    for run, place in walk_runs(docx.Document(io.BytesIO(content)).element.body):
        texts[place] = texts.get(place, "") + run_text(run)
    return texts


def texts_of_page(content: bytes) -> dict[str, str]:
    """Return the words of a page by place."""
    return read_page(content.decode("utf-8")).texts


def texts_of_markdown(content: bytes) -> dict[str, str]:
    """Return the lines of a Markdown file, rows of tables cell by cell."""
    texts = {}
    for i, line in enumerate(content.decode("utf-8").split("\n"), start=1):
        if line.startswith("| "):
            texts.update({f"line {i} column {c}": cell for c, cell in enumerate(_cells(line)[1:-1], start=1)})
        else:
            texts[f"line {i}"] = re.sub(r"^1\. ", "", line)
    return texts


def without_numbers(texts: Mapping[str, str], places: tuple[Place, ...]) -> dict[str, str]:
    """Return texts without the numbers of the map; each must stand where the map says, in its order."""
    left, reached = dict(texts), dict.fromkeys(texts, 0)
    for place in places:
        start = _find(left[place.place], place.text, reached[place.place])
        assert start >= 0, f"{place} does not stand in {texts[place.place]!r}"
        end = start + len(place.text)
        left[place.place] = left[place.place][:start] + GONE * len(place.text) + left[place.place][end:]
        reached[place.place] = end
    return left


def _find(text: str, number: str, start: int) -> int:
    """Return where a number stands by itself, or else where it stands at all."""
    alone = re.compile(rf"(?<![\w.,]){re.escape(number)}(?!\w|[.,]\d)").search(text, start)
    return alone.start() if alone else text.find(number, start)


def strings_of(value: object) -> Iterator[str]:
    """Walk every text and every name in results, none of which is a number of theirs."""
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield str(key)
            yield from strings_of(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from strings_of(part)
    elif isinstance(value, str):
        yield value


def free_digits(left: Mapping[str, str], results: Mapping[str, Any], *, markdown: bool = False) -> list[str]:
    """Return what holds digits outside the map and outside the declared kinds, with its place."""
    lengths = (LONGEST_TEXT, LONGEST_LABEL)
    names = {clean_text(text, longest) for text in strings_of(results) for longest in lengths}
    names = {name for name in names if re.search(r"\d", name)}
    # a text that is digits alone only counts as a whole cell; in a sentence it would excuse any number
    whole = {name for name in names if not re.search(r"[^\W\d_]", name)} | _options(results)
    spoken = {form for name in names - whole for form in (name, squared(name), name[:1].lower() + name[1:])}
    known = re.compile("|".join(map(re.escape, sorted(spoken, key=len, reverse=True))) or "$^")
    kinds = re.compile("|".join(f"(?:{kind})" for kind in KINDS.values()))
    found = []
    for place, text in left.items():
        plain = re.sub(ESCAPED, r"\1", text) if markdown else text
        bare = re.sub(r"[†‡§*]+$", "", plain.strip())
        if not re.search("[0-9]", plain) or bare in whole:
            continue
        rest = kinds.sub(" ", known.sub(" ", re.sub(CAPTION, " ", plain)))
        if re.search("[0-9]", rest):
            found.append(f"{place}: {plain.replace(GONE, '_')!r} leaves {rest.split()!r}")
    return found


def _cells(text: str) -> list[str]:
    """Return the cells of a row of a Markdown table."""
    return re.split(r"(?<!\\)\|", text)


def _options(results: Mapping[str, Any]) -> set[str]:
    """Return the values of options that profiles hold, as tables of profiles show them."""
    profiles = (results.get("provenance") or {}).get("profiles") or []
    values = [value for profile in profiles for value in (profile.get("options") or {}).values()]
    return {str(value) for value in values}


def check_numbers(
    written: Written, texts: Mapping[str, str], results: Mapping[str, Any], *, markdown: bool = False
) -> None:
    """Hold a written report: every digit is a number of the map or of a declared kind."""
    left = without_numbers(texts, written.places)
    free = free_digits(left, results, markdown=markdown)
    assert not free, "\n".join(free[:20])
