"""Which row of a newer sheet is which row of an older one: by key, then by content where keys changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from extraction.sheet import Row, Sheet
from meta.living.cells import Meaning, cell_meaning, is_numeric

#: Share of equal cells, of those filled in at least one of two rows, from which rows count as one by their
#: content if they agree in a value that no other row of either sheet has: without a key, where the content
#: holds the name of the study, and with one, where another key speaks against it. In the 190 rows of
#: Metapsy's suicide trials, without their key, one of 17,901 pairs of rows of different studies passes the
#: second (women and men of one trial); four would pass the first.
LEAST_WITHOUT_KEY, LEAST_WITH_KEY = 0.6, 0.75

#: From here on rows count as one in any case.
SURE_SIMILARITY = 0.8

#: Fewest equal cells from which two rows are taken for one by their content.
LEAST_CELLS = 2

#: Most pairs of left-over rows that are compared for similarity; beyond it (2,000 rows renamed at once) only
#: rows with identical content are matched.
MOST_PAIRS = 4_000_000

MatchedBy = Literal["key", "content"]


@dataclass(frozen=True, slots=True)
class Matched:
    """Two rows that are one, by their places in the two sheets."""

    old: int
    new: int
    by: MatchedBy


@dataclass(frozen=True, slots=True)
class Matching:
    """The rows of two sheets put together.

    ``matched`` is in the order of the newer sheet; ``went`` and ``came`` are the places of rows without a
    partner, in the order of their sheets.
    """

    matched: tuple[Matched, ...]
    went: tuple[int, ...]
    came: tuple[int, ...]


def match_rows(old: Sheet, new: Sheet, key: Sequence[str]) -> Matching:
    """Match the rows of two versions of a sheet.

    Rows with one key are one; a key part that is empty, coded as missing or absent equals an empty one. A key
    that several rows share is settled among them by content. Of the rows left over on both sides those are
    one that agree in all shared columns outside the key, then, best first, those that agree in enough of the
    cells filled in either (``LEAST_WITH_KEY``, ``SURE_SIMILARITY``). Without a key everything is matched by
    content. Ties go to the rows with more key parts in common, then by what stands in them, so that the order
    of rows decides only between rows that say the same.

    Parameters
    ----------
    old, new : Sheet
        Whole sheets.
    key : sequence of str
        Columns that together name a row; may be empty.
    """
    pool = _Pool(old, new, tuple(key))
    if key:
        pool.match_keys()
    pool.match_identical()
    pool.match_similar()
    return pool.finish()


class _Pool:
    """The rows of two sheets, and which of them have found each other."""

    def __init__(self, old: Sheet, new: Sheet, key: tuple[str, ...]) -> None:
        # in one order, whatever the order of the sheet
        shared = sorted(set(old.columns) & set(new.columns))
        content, parts = [c for c in shared if c not in key], [c for c in shared if c in key]
        self.keys = _Codes(old, new, key)
        self.content = _Codes(old, new, content)
        self.parts = _Codes(old, new, parts)
        whole = _Codes(old, new, [*parts, *content])
        self.order = (whole.in_order(whole.old), whole.in_order(whole.new))
        self.partner: dict[int, tuple[int, MatchedBy]] = {}
        self.taken: set[int] = set()

    def join(self, i: int, j: int, by: MatchedBy) -> None:
        self.partner[j] = (i, by)
        self.taken.add(i)

    def match_keys(self) -> None:
        """Join rows of one key; a key that is empty throughout names no row."""
        for olds, news in self._groups(self.keys, least=1):
            self._settle(olds, news, self.content, "key")

    def match_identical(self) -> None:
        """Join rows without a partner that agree in every shared column outside the key."""
        for olds, news in self._groups(self.content, least=LEAST_CELLS):
            self._settle(olds, news, self.parts, "content")

    def _settle(self, olds: list[int], news: list[int], codes: _Codes, by: MatchedBy) -> None:
        """Join rows that are alike, those first that agree most in other columns."""
        if (len(olds) > 1 or len(news) > 1) and len(olds) * len(news) <= MOST_PAIRS:
            for i, j in _best_pairs(codes.of(olds, news), None, None):
                self.join(olds[i], news[j], by)
        rest = ([i for i in olds if i not in self.taken], [j for j in news if j not in self.partner])
        for i, j in zip(*rest, strict=False):
            self.join(i, j, by)

    def match_similar(self) -> None:
        """Join rows without a partner that agree in most of their cells, the most similar first."""
        olds, news = self._left()
        if len(olds) * len(news) > MOST_PAIRS:
            return
        codes, parts = self.content.of(olds, news), self.parts.of(olds, news)
        least = LEAST_WITH_KEY if self.keys.new.size else LEAST_WITHOUT_KEY
        alike = np.where(self.content.telling(news), least, SURE_SIMILARITY)
        for i, j in _best_pairs(codes, parts, alike):
            self.join(olds[i], news[j], "content")

    def finish(self) -> Matching:
        pairs = (Matched(i, j, by) for j, (i, by) in sorted(self.partner.items()))
        olds, news = self._left()
        return Matching(tuple(pairs), tuple(sorted(olds)), tuple(sorted(news)))

    def _left(self) -> tuple[list[int], list[int]]:
        """Return the rows of either sheet that have no partner yet, in the order of what they say."""
        return (
            [i for i in self.order[0] if i not in self.taken],
            [j for j in self.order[1] if j not in self.partner],
        )

    def _groups(self, codes: _Codes, *, least: int) -> list[tuple[list[int], list[int]]]:
        """Return the rows without a partner that agree in all columns, where both sheets have some.

        At least so many of the cells say something.
        """
        groups: dict[bytes, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
        for side, (cells, places) in enumerate(zip((codes.old, codes.new), self._left(), strict=True)):
            for place in places:
                if (cells[place] >= 0).sum() >= least:
                    groups[cells[place].tobytes()][side].append(place)
        return [group for group in groups.values() if group[0] and group[1]]


_Ints = NDArray[np.int64]


class _Codes:
    """Columns of two sheets as whole numbers: equal where cells mean the same, -1 where they say nothing."""

    def __init__(self, old: Sheet, new: Sheet, columns: Sequence[str]) -> None:
        numbers = {c: is_numeric(old, c) or is_numeric(new, c) for c in columns}
        known: list[dict[Meaning, int]] = [{None: -1} for _ in columns]

        def encode(row: Row) -> list[int]:
            meanings = (cell_meaning(row, c, number=numbers[c]) for c in columns)
            return [codes.setdefault(m, len(codes)) for codes, m in zip(known, meanings, strict=True)]

        width = len(columns)
        self.old: _Ints = np.array([encode(r) for r in old.rows], dtype=np.int64).reshape(len(old), width)
        self.new: _Ints = np.array([encode(r) for r in new.rows], dtype=np.int64).reshape(len(new), width)
        self.words = [{code: _sortable(m) for m, code in codes.items()} for codes in known]

    def in_order(self, cells: _Ints) -> list[int]:
        """Return the places of the rows of one sheet, sorted by what stands in them."""
        words = [tuple(said[int(code)] for said, code in zip(self.words, row, strict=True)) for row in cells]
        return sorted(range(len(words)), key=words.__getitem__)

    def of(self, olds: Sequence[int], news: Sequence[int]) -> tuple[_Ints, _Ints]:
        """Return the cells of some rows, shape (rows, columns)."""
        return self.old[np.array(olds, dtype=np.intp)], self.new[np.array(news, dtype=np.intp)]

    def telling(self, news: Sequence[int]) -> NDArray[np.bool_]:
        """Say of cells of the newer sheet whether at most one row of each sheet has their value."""
        found = np.zeros((len(news), self.new.shape[1]), dtype=np.bool_)
        for place in range(self.new.shape[1]):
            cells = self.new[np.array(news, dtype=np.intp), place]
            most = max((int(side[:, place].max(initial=0)) for side in (self.old, self.new)), default=0)
            counts = [
                np.bincount(side[side[:, place] >= 0, place], minlength=most + 1)
                for side in (self.old, self.new)
            ]
            found[:, place] = (cells >= 0) & (np.maximum(*counts)[cells] <= 1)
        return found


def _sortable(meaning: Meaning) -> tuple[int, float, str]:
    if meaning is None:
        return (0, 0.0, "")
    return (1, meaning, "") if isinstance(meaning, float) else (2, 0.0, meaning)


def _best_pairs(
    codes: tuple[_Ints, _Ints],
    parts: tuple[_Ints, _Ints] | None,
    alike: NDArray[np.float64] | None,
) -> list[tuple[int, int]]:
    """Return pairs of rows, one to one: the most similar first, then by equal key parts, then in order.

    Similarity is the share of equal cells among those filled in either row. ``alike``, where given, says how
    large it must be for rows that agree in a cell of the newer rows, shape (rows, columns).
    """
    found: list[tuple[_Ints, _Ints, NDArray[np.float64], _Ints]] = []
    for i, row in enumerate(codes[0]):
        equal = (codes[1] == row) & (row >= 0)
        shared = equal.sum(axis=1)
        score = shared / np.maximum(((codes[1] >= 0) | (row >= 0)).sum(axis=1), 1)
        good = np.ones(score.size, dtype=np.bool_)
        if alike is not None:
            least = np.where(equal, alike, np.inf).min(axis=1, initial=np.inf)
            good = (shared >= LEAST_CELLS) & (score >= least)
        news = np.flatnonzero(good)
        same = np.zeros(news.size, dtype=np.int64) if parts is None else _same(parts, i, news)
        found.append((np.full(news.size, i), news, score[news], same))
    if not found:
        return []
    old, new, score, same = (np.concatenate([part[n] for part in found]) for n in range(4))
    seen: tuple[set[int], set[int]] = (set(), set())
    pairs = []
    for at in np.lexsort((new, old, -same, -score)):
        i, j = int(old[at]), int(new[at])
        if i not in seen[0] and j not in seen[1]:
            seen[0].add(i)
            seen[1].add(j)
            pairs.append((i, j))
    return pairs


def _same(parts: tuple[_Ints, _Ints], i: int, news: _Ints) -> _Ints:
    """Return in how many parts of the key one older row agrees with some newer ones."""
    counted: _Ints = (parts[1][news] == parts[0][i]).sum(axis=1)
    return counted
