"""Lines of keys in a TOML text, held against tomllib: every value that it reads has a line."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from typing import Any

import pytest

from extraction.toml_lines import Path, find_lines, nearest_line

TRICKY = '''\
# a comment with [brackets] and "quotes"
title = "a # no comment [ ] { } = \\" still the string"
'quoted key' = 'C:\\path\\'
"spaced key" . inner = 1
long = """
[not.a.table]
key = "no"
""\\" and ""two quotes"""""
literal = \'\'\'
key = 1\'\'\'
empty = []
nothing = {}

[a.b]   # a table
c = [1, [2,
  3], {d = 4, e = [5]}, # comment, with comma
]

[[items]]
name = "first"
  [items.inner]
  x = 1
  [[items.list]]
  y = 1
  [[items.list]]
  y = 2
[[items]]
name = "second"
point = {x = 1, y = {z = 2}}
when = 1979-05-27T07:32:00Z
  [[items.list]]
  y = 3
'''


def walk(node: Any, path: Path = ()) -> list[Path]:
    """Return every place of a document."""
    found = [path] if path else []
    if isinstance(node, dict):
        found += [place for key, value in node.items() for place in walk(value, (*path, key))]
    if isinstance(node, list):
        found += [place for i, value in enumerate(node) for place in walk(value, (*path, i))]
    return found


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize("shipped", [False, True])
def test_every_place_has_a_line(shipped: bool, ends: str) -> None:
    review = files("extraction") / "evidence" / "review.toml"
    text = review.read_text(encoding="utf-8") if shipped else TRICKY
    document = tomllib.loads(text)
    lines = find_lines(text.replace("\n", ends))
    places = walk(document)
    assert [place for place in places if place not in lines] == []
    assert set(lines) == set(places)


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("title",), 2),
        (("quoted key",), 3),
        (("spaced key", "inner"), 4),
        (("long",), 5),
        (("literal",), 9),
        (("empty",), 11),
        (("a", "b"), 14),
        (("a", "b", "c", 1, 0), 15),
        (("a", "b", "c", 1, 1), 16),
        (("a", "b", "c", 2, "e", 0), 16),
        (("items", 0), 19),
        (("items", 0, "inner", "x"), 22),
        (("items", 0, "list", 1, "y"), 26),
        (("items", 1, "name"), 28),
        (("items", 1, "point", "y", "z"), 29),
        (("items", 1, "list", 0, "y"), 32),
    ],
)
def test_lines_of_single_places(path: Path, line: int) -> None:
    assert find_lines(TRICKY)[path] == line


def test_a_place_that_is_missing_has_the_line_of_the_table_around_it() -> None:
    lines = find_lines(TRICKY)
    assert nearest_line(lines, ("items", 1, "title")) == 27
    assert nearest_line(lines, ("nowhere",)) is None
