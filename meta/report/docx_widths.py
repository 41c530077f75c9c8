"""Widths of the columns of a Word table, from what stands in them; tables too wide are set in parts."""

from __future__ import annotations

from collections.abc import Sequence

from meta.report.pieces import plain
from meta.report.views import Table

#: Type size of tables, in points, and mm to a point.
TABLE_SIZE = 8.0
MM_PER_POINT = 25.4 / 72.0

#: Room left and right of a cell's words together, and a little for what the widths of letters miss; mm.
CELL_ROOM = 2.8

#: Widest that a column is asked to be before its words are broken, and the least that a column of some words
#: or of sentences gets, by kind of column; mm.
_LONGEST = {"num": 46.0, "right": 30.0, "wide": 34.0, "prose": 34.0, "": 30.0}
_LEAST = {"wide": 24.0, "prose": 38.0}

#: By how much a column grows at a time, mm.
STEP = 1.0

#: Most parts that a table is set in before its page is turned.
MOST_PARTS = 3

#: Advance of letters in thousandths of the type size, as Arial has them.
_ADVANCES = {
    **dict.fromkeys("ijl'|", 222),
    **dict.fromkeys("ft.,;:/\\[]() !I\u00a0\u202f", 278),
    **dict.fromkeys("r-()", 333),
    **dict.fromkeys("ckszvxyJ", 500),
    **dict.fromkeys("mMW%@", 890),
    **dict.fromkeys("w", 722),
}


def text_width(text: str, bold: bool = False) -> float:
    """Return the width of text on one line at the size of tables, in mm."""
    units = 0
    for letter in text:
        if letter in _ADVANCES:
            units += _ADVANCES[letter]
        elif ord(letter) >= 0x2E80:
            units += 1000
        else:
            units += 690 if letter.isupper() else 556
    return units / 1000.0 * TABLE_SIZE * MM_PER_POINT * (1.07 if bold else 1.0)


def _word_width(text: str, bold: bool = False) -> float:
    # Word breaks no line at a space that does not break
    return max((text_width(word, bold) for word in text.split(" ")), default=0.0)


def column_bounds(table: Table) -> tuple[list[float], list[float]]:
    """Return for each column the width that it needs, and that of its longest text on one line; mm."""
    least, longest = [], []
    for place, column in enumerate(table.columns):
        texts = [(plain(row.cells[place]), row.strong) for row in table.rows]
        kind = column.kind
        whole = max((text_width(text, bold) for text, bold in texts), default=0.0)
        # numbers with their interval stay on one line, words break between them
        held = kind in ("num", "right") and whole <= _LONGEST[kind]
        words = whole if held else max((_word_width(text, bold) for text, bold in texts), default=0.0)
        need = min(max(words, min(whole, _LEAST.get(kind, 0.0))), _LONGEST[kind])
        need = max(need, min(_word_width(column.heading, True), _LONGEST[kind]))
        heading = text_width(column.heading, True)
        # the words over numbers may take two lines
        wish = max(whole, heading if kind != "num" else heading / 1.5)
        least.append(need + CELL_ROOM)
        longest.append(max(need, wish) + CELL_ROOM)
    return least, longest


def split_columns(least: Sequence[float], width: float) -> list[list[int]]:
    """Return the places of columns in parts that fit a page, each led by the first column.

    Parameters
    ----------
    least : sequence of float
        What each column needs, mm.
    width : float
        Width of the text, mm.
    """
    if sum(least) <= width or len(least) < 3:
        return [list(range(len(least)))]
    room, rest = width - least[0], list(range(1, len(least)))
    count = len(_fill(rest, least, room))
    # the same number of parts, as even as they come
    level = sum(least[i] for i in rest) / count
    while level < room and len(_fill(rest, least, level)) > count:
        level += 1.0
    return [[0, *part] for part in _fill(rest, least, min(level, room))]


def _fill(places: Sequence[int], least: Sequence[float], room: float) -> list[list[int]]:
    parts: list[list[int]] = [[]]
    for place in places:
        if parts[-1] and sum(least[i] for i in parts[-1]) + least[place] > room:
            parts.append([])
        parts[-1].append(place)
    return parts


def spread_widths(least: Sequence[float], longest: Sequence[float], width: float) -> list[float]:
    """Return widths of at least what columns need, together at most ``width``; mm.

    What is left goes step by step to the column whose longest text takes most lines, so that rows stay low.
    """
    need = sum(least)
    if need >= width:
        return [one * width / need for one in least]
    widths, left = list(least), width - need
    while left >= STEP:
        lines = [(long - CELL_ROOM) / (one - CELL_ROOM) for long, one in zip(longest, widths, strict=True)]
        most = max(range(len(lines)), key=lines.__getitem__)
        if lines[most] <= 1.0:
            break
        widths[most] += STEP
        left -= STEP
    return widths
