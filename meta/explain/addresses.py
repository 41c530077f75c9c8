"""Addresses in results.json: from the id of a number in a report to its place, or to the nearest ids."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from extraction.names import nearest
from meta.errors import ExplainError

#: Most ids that an error lists.
MOST_LISTED = 12

Key = str | int


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the way to a place: the key that leads there, and what stands there."""

    key: Key
    value: object


@dataclass(frozen=True, slots=True)
class Place:
    """A place in results.json, with everything passed on the way from the root (which is no step)."""

    root: Mapping[str, Any]
    steps: tuple[Step, ...]

    @property
    def keys(self) -> tuple[Key, ...]:
        """The keys that lead here."""
        return tuple(step.key for step in self.steps)

    @property
    def value(self) -> object:
        """What stands here."""
        return self.steps[-1].value

    @property
    def address(self) -> str:
        """The id, as reports carry it."""
        return join_keys(self.keys)

    @property
    def pattern(self) -> str:
        """The id with ``#`` in the place of every place in a list."""
        return ".".join("#" if isinstance(key, int) else key for key in self.keys)

    def above(self, count: int) -> Place:
        """Return the place that the first ``count`` keys lead to."""
        return Place(self.root, self.steps[:count])


def join_keys(keys: Sequence[Key]) -> str:
    """Return keys as an id."""
    return ".".join(map(str, keys))


def find_place(results: Mapping[str, Any], address: str) -> Place:
    """Find the place of an id.

    Parameters
    ----------
    results : mapping
        Content of ``results.json``.
    address : str
        Keys and places in lists joined by dots, as ``data-id`` in a report. A key may hold dots itself (a
        study called ``St. Ann``). In the place of a number in a list a label may stand: of a study, an
        alternative, a level of a subgroup, a row of leave-one-out or cumulative refits.

    Raises
    ------
    ExplainError
        If nothing stands there; the text names the nearest ids.
    """
    parts = address.strip().split(".")
    deepest: list[Step] = []
    found = _walk(results, parts, [], deepest)
    if found is None:
        raise ExplainError(_no_such(results, address.strip(), deepest))
    return Place(results, tuple(found))


def _walk(node: object, parts: Sequence[str], way: list[Step], deepest: list[Step]) -> list[Step] | None:
    """Follow the parts of an id from a node; a key takes as few parts as will do."""
    if len(way) > len(deepest):
        deepest[:] = way
    if not parts:
        return way or None
    for taken in range(1, len(parts) + 1):
        for steps in _step(node, ".".join(parts[:taken])):
            found = _walk(steps[-1].value, parts[taken:], [*way, *steps], deepest)
            if found is not None:
                return found
        if isinstance(node, list) and parts[0].isdigit():
            break
    return None


def _step(node: object, part: str) -> Iterator[tuple[Step, ...]]:
    """Yield where a part of an id can lead: by key, by place in a list, by label."""
    if isinstance(node, Mapping):
        if part in node:
            yield (Step(part, node[part]),)
        labels = node.get("labels")
        if "kind" in node and isinstance(labels, list):
            # a row of refits is spread over its columns; its label stands for it
            place = int(part) if part.isdigit() and int(part) < len(labels) else _place_of(labels, part)
            if place is not None:
                yield Step("labels", labels), Step(place, labels[place])
        levels, fits = node.get("levels"), node.get("fits")
        if isinstance(levels, list) and isinstance(fits, list) and part in levels:
            yield Step("fits", fits), Step(levels.index(part), fits[levels.index(part)])
    elif isinstance(node, list):
        if part.isdigit() and int(part) < len(node):
            yield (Step(int(part), node[int(part)]),)
        else:
            named = [_name_of(entry) for entry in node]
            if part in named:
                yield (Step(named.index(part), node[named.index(part)]),)


def _place_of(labels: Sequence[object], part: str) -> int | None:
    return labels.index(part) if part in labels else None


def _name_of(entry: object) -> object:
    """Return what an entry of a list is called."""
    if not isinstance(entry, Mapping):
        return None
    return next((entry[key] for key in ("label", "id", "name", "version", "by") if entry.get(key)), None)


def list_ids(node: object, keys: Sequence[Key] = ()) -> Iterator[str]:
    """Yield the id of every number at or below a node, in the order of the document."""
    for place in list_numbers(node, keys):
        yield join_keys(place)


def list_numbers(node: object, keys: Sequence[Key] = ()) -> Iterator[tuple[Key, ...]]:
    """Yield the keys to every number at or below a node, in the order of the document."""
    if is_number(node):
        yield tuple(keys)
    elif isinstance(node, Mapping):
        for key, value in node.items():
            yield from list_numbers(value, (*keys, key))
    elif isinstance(node, list):
        for i, value in enumerate(node):
            yield from list_numbers(value, (*keys, i))


def is_number(value: object) -> bool:
    """Whether a number stands here; infinities stand as text in JSON."""
    return (isinstance(value, int | float) and not isinstance(value, bool)) or value in ("Inf", "-Inf")


def _no_such(results: Mapping[str, Any], address: str, deepest: Sequence[Step]) -> str:
    """Say what of an id leads nowhere, and which ids are near it."""
    keys = [step.key for step in deepest]
    node: object = deepest[-1].value if deepest else results
    there = join_keys(keys)
    rest = address[len(there) :].lstrip(".") if address.startswith(there) else address
    wrong = rest.split(".")[0] if rest else address
    where = f"below {there!r}" if keys else "in results.json"
    near = _nearest_ids(results, node, keys, rest)
    hint = f"; did you mean {_listed(near)}?" if near else ""
    known = "" if near else f"; there is {_known(node)}"
    return f"there is no {wrong!r} {where}{hint}{known}"


def _nearest_ids(
    results: Mapping[str, Any], node: object, keys: Sequence[Key], rest: str
) -> list[str]:
    """Return ids near one that leads nowhere: a key spelt otherwise, a missing first part, the same end."""
    analyses = results.get("analyses")
    if not keys and isinstance(analyses, Mapping):
        first, _, after = rest.partition(".")
        near = first if first in analyses else nearest(first, map(str, analyses))
        if near is not None:
            return [join_keys(["analyses", near, *([after] if after else [])])]
    first, _, after = rest.partition(".")
    names = _names(node)
    near = nearest(first, names)
    if near is not None:
        found = join_keys([*keys, near])
        try:
            return [find_place(results, f"{found}.{after}" if after else found).address]
        except ExplainError:
            return [found]
    ends = [name for name in list_ids(node, keys) if name.rpartition(".")[2] == rest.rpartition(".")[2]]
    return ends[:3]


def _names(node: object) -> list[str]:
    """Return the parts that lead on from a node."""
    if isinstance(node, Mapping):
        labels = node.get("labels") if "kind" in node else None
        return [*map(str, node), *map(str, labels if isinstance(labels, list) else [])]
    if isinstance(node, list):
        return [str(name) for name in map(_name_of, node) if name is not None]
    return []


def _known(node: object) -> str:
    """Say what there is at a node."""
    if isinstance(node, Mapping):
        return f"{', '.join(list(map(str, node))[:MOST_LISTED]) or 'nothing'}"
    if isinstance(node, list):
        return f"a list of {len(node)}, counted from 0" if node else "an empty list"
    return "no further part: this is a value of its own"


def _listed(names: Sequence[str]) -> str:
    return " or ".join(repr(name) for name in names)


def describe_prefix(place: Place) -> str:
    """Say which ids begin with a prefix that stands for no number itself."""
    ids = list(list_ids(place.value, place.keys))
    if not ids:
        return f"{place.address} holds no number"
    more = f" and {len(ids) - MOST_LISTED} more" if len(ids) > MOST_LISTED else ""
    return (
        f"{place.address} is no number but a part of results.json that holds {len(ids)}; "
        f"ids that begin so: {', '.join(ids[:MOST_LISTED])}{more}"
    )
