"""The report as Markdown, from the same context as the page."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Undefined

from meta.report.context import build_context
from meta.report.pieces import Link, Sentence, Shown, clean_text
from meta.report.templating import templates_folder
from meta.report.views import Row, Table
from meta.report.written import Place, Written
from meta.tables.numbers import MISSING

#: Characters that Markdown (CommonMark, GitHub's tables, strikethrough, mathematics and mentions) gives a
#: meaning inside a line.
_SPECIAL = re.compile(r"([\\`*_\[\]<>|~$&@])")

#: What would begin a heading, a list, a quotation or a rule at the start of a line.
_LINE_START = re.compile(r"^(?:([-+=#])|(\d+)([.)])(?=\s|$))")

#: Bare addresses become links by themselves on GitHub.
_BARE_ADDRESS = re.compile(r"(https?|ftp):(?=//)|\b(www)\.", re.IGNORECASE)


#: Hold the address of a number while the text is made; never in a file.
_OPEN, _BETWEEN, _CLOSE = "\ue000", "\ue001", "\ue002"
_MARKS = re.compile(f"[{_OPEN}{_BETWEEN}{_CLOSE}]")
_NUMBER = re.compile(f"{_OPEN}([^{_BETWEEN}]*){_BETWEEN}([^{_CLOSE}]*){_CLOSE}")


class Safe(str):
    """Text that is Markdown already and must not be escaped again."""

    __slots__ = ()


def escape_markdown(text: str) -> str:
    """Return text that Markdown shows as it is, on one line: no link, code, HTML or heading comes of it."""
    flat = _MARKS.sub("\ufffd", clean_text(text, longest=len(text) + 1))
    flat = _SPECIAL.sub(r"\\\1", flat)
    flat = _BARE_ADDRESS.sub(lambda m: f"{m.group(1)}\\:" if m.group(1) else f"{m.group(2)}\\.", flat)
    return _LINE_START.sub(lambda m: f"\\{m.group(1)}" if m.group(1) else f"{m.group(2)}\\{m.group(3)}", flat)


def markdown_pieces(sentence: Sentence, *, marked: bool = False) -> Safe:
    """Return a sentence as Markdown; links within the page become words, numbers can carry their address."""
    out = []
    for piece in sentence:
        if isinstance(piece, str):
            # a piece inside a sentence may begin or end with the space that sets it apart
            lead, trail = " " * piece[:1].isspace(), " " * (piece[-1:].isspace() and len(piece) > 1)
            out.append(lead + escape_markdown(piece) + trail)
        elif isinstance(piece, Link) and not piece.href.startswith("#"):
            out.append(f"[{escape_markdown(piece.text)}](<{_address(piece.href)}>)")
        elif isinstance(piece, Shown) and marked:
            out.append(f"{_OPEN}{piece.id}{_BETWEEN}{escape_markdown(piece.text)}{_CLOSE}")
        else:
            out.append(escape_markdown(piece.text))
    return Safe("".join(out).strip())


def _address(href: str) -> str:
    """Return an address that cannot end the link it stands in."""
    return re.sub(r"[<>\s\\]", lambda m: f"%{ord(m.group(0)):02X}", href)


def markdown_table(table: Table, *, marked: bool = False) -> Safe:
    """Return a table in GitHub's form; numbers to the right, which can carry their address."""
    head = "| " + " | ".join(escape_markdown(column.heading) or " " for column in table.columns) + " |"
    rule = "|" + "|".join(" ---: " if column.number else " --- " for column in table.columns) + "|"
    return Safe("\n".join([head, rule, *(_table_row(row, marked) for row in table.rows)]))


def _table_row(row: Row, marked: bool) -> str:
    cells = [str(markdown_pieces(cell, marked=marked)) or MISSING for cell in row.cells]
    return (
        "| " + " | ".join(f"**{cell}**" if row.strong and cell != MISSING else cell for cell in cells) + " |"
    )


def _finish(value: object) -> object:
    """Escape whatever a template prints, unless it is Markdown already."""
    if isinstance(value, Safe | Undefined):
        return value
    return escape_markdown(str(value))


def render_markdown(results: Mapping[str, Any]) -> str:
    """Write the report as Markdown, figures as links to their files.

    Parameters
    ----------
    results : mapping
        The content of results.json.

    Returns
    -------
    str
        The same input gives the same text.

    Raises
    ------
    ReportError
        If the results have another format.
    """
    return write_markdown(results).content.decode("utf-8")


def write_markdown(results: Mapping[str, Any]) -> Written:
    """Write the report as Markdown, with the map of its numbers: ``line 12 column 3``, counted from 1.

    Parameters
    ----------
    results : mapping
        The content of results.json.

    Raises
    ------
    ReportError
        If the results have another format.
    """
    environment = Environment(
        loader=FileSystemLoader(templates_folder()),
        autoescape=False,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_finish,
    )
    environment.filters["pieces"] = partial(markdown_pieces, marked=True)
    environment.filters["table"] = partial(markdown_table, marked=True)
    environment.filters["file"] = lambda href: Safe(_address(href))
    text = environment.get_template("report.md.j2").render(report=build_context(results))
    marked = re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"
    lines = enumerate(marked.split("\n"), start=1)
    places = [place for line, words in lines for place in _line_places(line, words)]
    return Written(_NUMBER.sub(r"\2", marked).encode("utf-8"), tuple(places))


def _line_places(line: int, words: str) -> list[Place]:
    """Return the numbers of a line, by cell where it is a row of a table."""
    cells = re.split(r"(?<!\\)\|", words)[1:] if words.startswith("| ") else [words]
    return [
        Place(f"line {line} column {c}" if words.startswith("| ") else f"line {line}", found[2], found[1])
        for c, cell in enumerate(cells, start=1)
        for found in _NUMBER.finditer(cell)
    ]
