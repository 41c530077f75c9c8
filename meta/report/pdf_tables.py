"""How a table stands on a page: widths of its columns from measured text, its page upright or on its side."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from meta.plots.theme import LINE, MM_PER_POINT, Face, text_width
from meta.report.pdf_text import widest_word
from meta.report.pieces import plain
from meta.report.views import Row, Table

#: Width of the text on an upright page and on one that lies on its side, mm (A4 less 15 mm on each side).
UPRIGHT = 180.0
LYING = 267.0

#: Sizes of type in tables, points: the usual one, and one for tables that are wide even on their side.
SIZES = (7.0, 6.0)

#: Space at both sides of a cell, mm.
CELL_INSET = 1.1

#: Least width of a column of some words and of one of sentences, mm, where their text would fill it.
_LEAST = {"wide": 24.0, "prose": 38.0}

#: A word wider than this is broken, mm (a SHA-256 is not); on a page too narrow for that, one wider than the
#: second width.
_LONGEST_WORDS = (105.0, 34.0)

#: A table with so few rows is worth no page on its side.
_FEW_ROWS = 3

#: A column of numbers keeps them whole up to this width, mm.
_LONGEST_NUMBER = 60.0

#: Pages and type that are tried in turn: width of the text, mm; size of the type, points; on its side or not.
_PAGES = ((UPRIGHT, SIZES[0], False), (LYING, SIZES[0], True), (LYING, SIZES[1], True))

#: Share by which text that breaks at words is longer than its width divided by that of the column.
_RAGGED = 1.2

#: Rows taller than this may break over pages, mm.
_TALLEST_ROW = 90.0


@dataclass(frozen=True, slots=True)
class Part:
    """A table, or the columns of it that fit one page.

    ``widths`` are those of the columns in mm, ``size`` that of the type in points, ``tall`` the places of
    rows that may break over pages.
    """

    columns: tuple[int, ...]
    widths: tuple[float, ...]
    size: float
    lying: bool
    tall: frozenset[int]


@dataclass(frozen=True, slots=True)
class _Wish:
    """What the columns of a table ask for: the least and the natural width of each, mm."""

    least: list[float]
    natural: list[float]

    def fits(self, width: float) -> bool:
        return sum(self.least) <= width

    def share(self, chosen: tuple[int, ...], width: float) -> tuple[float, ...]:
        """Share a width among columns so that the longest texts of all come out at about as many lines."""
        least = np.array([self.least[i] for i in chosen])
        natural = np.array([self.natural[i] for i in chosen])
        if natural.sum() <= width:
            return tuple(natural.tolist())
        if least.sum() >= width:
            return tuple((least * (width / least.sum())).tolist())
        few, many = 1.0, float(natural.sum() / least.min())
        for _ in range(40):
            lines = 0.5 * (few + many)
            taken = np.maximum(least, natural / lines).sum()
            few, many = (lines, many) if taken > width else (few, lines)
        return tuple(np.maximum(least, natural / many).tolist())


def lay_out(table: Table) -> tuple[Part, ...]:
    """Return how a table is set so that no text is cut: upright if it can be, else on its side or in parts.

    Parameters
    ----------
    table : Table
        With at least one column.

    Returns
    -------
    tuple of Part
        More than one where the columns do not fit even a page on its side; the first column heads each.
    """
    every = tuple(range(len(table.columns)))
    pages = _PAGES if len(table.rows) > _FEW_ROWS else _PAGES[:1]
    for width, size, lying in pages:
        for longest in _LONGEST_WORDS:
            wish = _wish(table, size, longest)
            if wish.fits(width):
                return (_part(table, every, wish, width, size, lying),)
    width, size, lying = pages[min(1, len(pages) - 1)]
    wish = _wish(table, size, _LONGEST_WORDS[-1])
    return tuple(_part(table, group, wish, width, size, lying) for group in _groups(wish, width))


def _groups(wish: _Wish, width: float) -> list[tuple[int, ...]]:
    """Return the columns in groups that fit the width, the first column in each."""
    groups: list[tuple[int, ...]] = []
    group, used = [0], wish.least[0]
    for i in range(1, len(wish.least)):
        if len(group) > 1 and used + wish.least[i] > width:
            groups.append(tuple(group))
            group, used = [0], wish.least[0]
        group.append(i)
        used += wish.least[i]
    return [*groups, tuple(group)]


def _part(
    table: Table, chosen: tuple[int, ...], wish: _Wish, width: float, size: float, lying: bool
) -> Part:
    widths = wish.share(chosen, width)
    tall = frozenset(
        place for place, row in enumerate(table.rows) if _height(row, chosen, widths, size) > _TALLEST_ROW
    )
    return Part(chosen, widths, size, lying, tall)


def _wish(table: Table, size: float, longest: float) -> _Wish:
    columns = [_column_wish(table, place, size, longest) for place in range(len(table.columns))]
    return _Wish([least for least, _ in columns], [natural for _, natural in columns])


def _column_wish(table: Table, place: int, size: float, longest: float) -> tuple[float, float]:
    """Return the least and the natural width of a column, both with the space around its text."""
    column = table.columns[place]
    natural = text_width(column.heading, size, "bold")
    least = min(widest_word(column.heading, size, "bold"), longest)
    for row in table.rows:
        text = plain(row.cells[place])
        face: Face = "bold" if row.strong else "regular"
        width = text_width(text, size, face)
        natural = max(natural, width)
        whole = width if column.number and width <= _LONGEST_NUMBER else 0.0
        least = max(least, whole, min(widest_word(text, size, face), longest))
    least = max(least, min(natural, _LEAST.get(column.kind, 0.0)))
    around = 2.0 * CELL_INSET + 0.2
    return least + around, natural + around


def _height(row: Row, chosen: tuple[int, ...], widths: tuple[float, ...], size: float) -> float:
    """Return about how tall a row will be, mm."""
    lines = (
        math.ceil(_RAGGED * text_width(plain(row.cells[i]), size, "bold") / (width - 2.0 * CELL_INSET))
        for i, width in zip(chosen, widths, strict=True)
    )
    return max(lines, default=0) * size * MM_PER_POINT * LINE
