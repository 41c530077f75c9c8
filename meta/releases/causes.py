"""What a cause is: one thing changed by hand, from which many numbers can follow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from meta.releases.verdict import Kind


@dataclass(frozen=True, slots=True)
class CellChange:
    """A cell that is not what results.json recorded: ``path`` in the release, texts before and now.

    ``new`` is None where the sheet has no such column any more.
    """

    path: str
    line: int
    column: str
    old: str
    new: str | None


@dataclass(frozen=True, slots=True)
class Cause:
    """One thing that is not as it was at the release.

    ``file`` is the file of the release that it stands in, ``where`` and ``message`` are those of a failure,
    ``analyses`` those that it touches. ``cell`` is the cell behind it, ``specs`` the analyses whose model it
    changes: both can be put back from results.json, to see whether everything else still agrees.
    """

    kind: Kind
    file: str
    where: str
    message: str
    analyses: frozenset[str]
    cell: CellChange | None = None
    specs: frozenset[str] = frozenset()
    #: Whether what it changed can be put back from what results.json records.
    mendable: bool = True


def look(document: object, *keys: str | int) -> Any:
    """Return what stands at a place of a document; None where there is no such place."""
    for key in keys:
        if isinstance(document, Mapping):
            document = document.get(key)
        elif isinstance(document, list) and isinstance(key, int) and 0 <= key < len(document):
            document = document[key]
        else:
            return None
    return document


def each_table(document: object, *keys: str | int) -> Iterator[Mapping[str, Any]]:
    """Yield the tables in a list of a document; nothing where there is no list."""
    found = look(document, *keys)
    for item in found if isinstance(found, list) else ():
        if isinstance(item, Mapping):
            yield item


def entries_of(results: object) -> dict[str, Mapping[str, Any]]:
    """Return the analyses of a results document by id, as far as they are tables."""
    found = look(results, "analyses")
    tables = found.items() if isinstance(found, Mapping) else ()
    return {str(name): entry for name, entry in tables if isinstance(entry, Mapping)}


#: Longest value shown in a failure, in characters.
LONGEST_VALUE = 160


def said(value: object) -> str:
    """Return a value as a failure shows it: text in quotes, long text cut, of tables that they are tables."""
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, list) and any(isinstance(item, Mapping | list) for item in value):
        return f"a list of {len(value)}"
    text = repr(value) if isinstance(value, str) else "none" if value is None else str(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"
