"""Reading and checking ``review.toml``: every problem at once, with the line of the key."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from extraction.codebook import FurtherKind, SheetSchema, find_schema
from extraction.errors import Problem, ProblemsError
from extraction.toml_lines import Path as Place
from extraction.toml_lines import find_lines, nearest_line
from meta.effects.measures import PAIRS
from meta.protocol.expressions import column_and_level
from meta.protocol.plan import Analysis, Protocol, locate_review
from meta.protocol.reads import counted_columns, explaining_columns
from meta.protocol.rules import check_rules
from meta.protocol.shape import Fault, look_up, shape_protocol


def read_protocol(path: str | Path) -> Protocol:
    """Read a protocol.

    Parameters
    ----------
    path : str or Path
        A ``review.toml``, or the folder that holds it.

    Raises
    ------
    ProtocolError
        If there is no such file.
    ProblemsError
        With every problem of the protocol.
    """
    protocol, problems = check_protocol(path)
    if protocol is None or problems:
        raise ProblemsError(problems)
    return protocol


def check_protocol(path: str | Path) -> tuple[Protocol | None, tuple[Problem, ...]]:
    """Read a protocol and return it with its problems; never raise for what stands in it.

    Parameters
    ----------
    path : str or Path
        A ``review.toml``, or the folder that holds it. Sheets and references are looked up beside it: their
        names and columns are checked here, their cells by :func:`extraction.sheet.check_sheet`.

    Returns
    -------
    protocol : Protocol or None
        What can be used of it: without the sheets and analyses that have a problem, so that the rest can be
        checked further. None if nothing can.
    problems : tuple of Problem
        All of them, by line; each is an error. A key that is wrong hides no other: the rest is checked
        without it.

    Raises
    ------
    ProtocolError
        If there is no such file.
    """
    place = locate_review(path)
    try:
        text = place.read_bytes().decode("utf-8-sig")
        raw = tomllib.loads(text)
    except UnicodeDecodeError:
        message = "the protocol is not UTF-8 text"
        return None, (Problem(place.name, None, None, None, "not-utf8", message, "save it as UTF-8"),)
    except tomllib.TOMLDecodeError as error:
        return None, (_syntax_problem(place.name, text, error),)
    shaped = shape_protocol(raw)
    faults = list(shaped.faults)
    if shaped.protocol is not None:
        found = check_rules(shaped.protocol, place.parent)
        placed = [Fault(shaped.original(f.path), f.rule, f.message, f.advice) for f in found]
        faults += [fault for fault in placed if not _is_named(fault, shaped.faults)]
    lines = find_lines(text)
    problems = {_to_problem(place.name, raw, lines, fault) for fault in faults}
    ordered = sorted(problems, key=lambda p: (p.line or 0, p.column or "", p.rule, p.message))
    usable = None
    if shaped.protocol is not None:
        usable = (
            _without(shaped.protocol, {f.path for f in faults}, shaped.original)
            if faults
            else shaped.protocol
        )
    return usable, tuple(ordered)


def protocol_json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a protocol, for editors that complete and check TOML."""
    schema = Protocol.model_json_schema(by_alias=True)
    return {
        **schema,
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "review.toml of a living review",
    }


def protocol_schema_text() -> str:
    """Return the JSON Schema as the text of the shipped file, ``meta/protocol/review.schema.json``."""
    return json.dumps(protocol_json_schema(), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def sheet_types(protocol: Protocol, name: str) -> dict[str, FurtherKind]:
    """Return how further columns of an open sheet are typed: as declared, and as the analyses read them.

    A column that a measure reads as events or n is a count; as time, an effect size, a term of a derived
    column, a moderator (unless it is written ``C(name)``) or the order of a cumulative analysis, a number.
    Nothing is typed in a sheet whose codebook knows all its columns.
    """
    entry = protocol.sheets[name]
    schema = find_schema(entry.schema_name)
    types: dict[str, FurtherKind] = dict(entry.types)
    if not schema.open:
        return types
    for analysis in protocol.analyses:
        if analysis.sheet == name:
            for column, kind in _counted_in_any(analysis):
                known = schema.find(column)
                if known is None or not known.numeric:
                    types.setdefault(column, kind)
            for column in explaining_columns(analysis):
                # a column that the codebook calls text, such as country, stays a category
                if schema.find(column) is None:
                    types.setdefault(column, "number")
    return types


def _counted_in_any(analysis: Analysis) -> list[tuple[str, FurtherKind]]:
    """Return the columns that an analysis or one of its alternatives counts with."""
    every = (analysis, *(analysis.altered(other) for other in analysis.alternatives))
    return [found for one in every for found in counted_columns(one)]


def sheet_pairs(protocol: Protocol, name: str) -> tuple[tuple[str, str], ...]:
    """Return the pairs (events, n) of an open sheet: as declared, and as the analyses read them."""
    entry = protocol.sheets[name]
    schema = find_schema(entry.schema_name)
    pairs = dict.fromkeys(entry.pairs)
    if schema.open:
        for analysis in protocol.analyses:
            if analysis.sheet == name:
                for one in (analysis, *(analysis.altered(other) for other in analysis.alternatives)):
                    pairs.update(dict.fromkeys(_pairs(one, schema)))
    return tuple(pairs)


def _pairs(analysis: Analysis, schema: SheetSchema) -> list[tuple[str, str]]:
    """Return the pairs of plain columns that an analysis reads and the codebook does not pair already."""
    pairs = [(analysis.columns.get(a), analysis.columns.get(b)) for a, b in PAIRS]
    plain = [(a, b) for a, b in pairs if a is not None and b is not None]
    made = set(analysis.derived)
    return [
        p
        for p in plain
        if p not in schema.pairs
        and not made & set(p)
        and not (analysis.spread and any(column_and_level(column)[1] is not None for column in p))
    ]


def _without(protocol: Protocol, bad: set[Place], original: Any) -> Protocol | None:
    """Return a protocol without the sheets and analyses in which something is wrong."""

    def is_good(path: Place) -> bool:
        place = original(path)
        return not any(fault[: len(place)] == place for fault in bad)

    return protocol.model_copy(
        update={
            "sheets": {n: e for n, e in protocol.sheets.items() if is_good(("sheets", n))},
            "targets": {n: e for n, e in protocol.targets.items() if is_good(("targets", n))},
            "analyses": tuple(a for i, a in enumerate(protocol.analyses) if is_good(("analyses", i))),
            "risk_of_bias": protocol.risk_of_bias if is_good(("risk_of_bias",)) else None,
            "excluded_file": protocol.excluded_file if is_good(("excluded_file",)) else None,
        }
    )


def _is_named(fault: Fault, before: tuple[Fault, ...]) -> bool:
    """Say whether a fault only echoes one before it: of the same value, or of a test left out of a filter."""
    echo = {f.path[:-1] for f in before} if fault.rule == "filter-tests" else {f.path for f in before}
    return fault.path in echo


def _syntax_problem(file: str, text: str, error: tomllib.TOMLDecodeError) -> Problem:
    """Return the problem of a text that is no TOML."""
    match = re.search(r"\(at line (\d+), column \d+\)", str(error))
    message = re.sub(r"\s*\(at [^)]*\)", "", str(error))
    message = message[:1].lower() + message[1:]
    # what tomllib misses at the end of the document has the document's last line
    line = int(match[1]) if match else len(text.rstrip().splitlines())
    return Problem(
        file,
        line,
        None,
        None,
        "toml-syntax",
        f"this is no TOML: {message}",
        'text stands in "quotes", lists in [brackets]',
    )


def _to_problem(file: str, raw: Any, lines: Mapping[Place, int], fault: Fault) -> Problem:
    """Return a fault with its line, its key in words, and the value that stands there."""
    return Problem(
        file,
        nearest_line(lines, fault.path),
        _key_words(raw, fault.path),
        _value(raw, fault.path),
        fault.rule,
        fault.message,
        fault.advice,
    )


def _key_words(raw: Any, path: Place) -> str | None:
    """Return a path as a person would say it: an analysis by its id, items of lists counted from 1."""
    words = ""
    for end, part in enumerate(path, start=1):
        name = look_up(raw, (*path[:end], "id"))
        if isinstance(part, str):
            words += f".{part}" if words else part
        else:
            words += f".{name}" if isinstance(name, str) and name else f"[{part + 1}]"
    return words or None


def _value(raw: Any, path: Place) -> str | None:
    """Return the value at a path as text, if a single value stands there."""
    value = look_up(raw, path)
    return None if value is None or isinstance(value, dict | list) else str(value)
