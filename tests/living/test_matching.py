"""Which row is which: by key, then by content; the order of rows is nothing."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from living_factory import ROWS, changed, make_sheet, without

from extraction.sheet import Sheet
from meta.living.matching import MOST_PAIRS, match_rows

KEY = ("study_id",)
NUMBERS = "year events n"


def names(old: Sheet, new: Sheet, key: Sequence[str]) -> tuple[dict[str, tuple[str, str]], set, set]:
    """Return the matching by the names of studies: new -> (old, how), those that went, those that came."""
    found = match_rows(old, new, key)
    olds, news = ([row.text["study_id"] for row in sheet.rows] for sheet in (old, new))
    pairs = {news[one.new]: (olds[one.old], one.by) for one in found.matched}
    return pairs, {olds[i] for i in found.went}, {news[j] for j in found.came}


def test_rows_of_one_key_are_one_whatever_else_changed() -> None:
    new = changed(cells={("C2005", c): "99" for c in ("year", "events", "n", "setting")})
    pairs, went, came = names(make_sheet(ROWS), make_sheet(new), KEY)
    assert (went, came) == (set(), set())
    assert all(pair == (name, "key") for name, pair in pairs.items())


def test_a_row_that_came_and_one_that_went_are_not_matched() -> None:
    new = [*without("C2005"), ("Z2020", "prison", "2020", "3", "17", "", "")]
    pairs, went, came = names(make_sheet(ROWS), make_sheet(new), KEY)
    assert (went, came) == ({"C2005"}, {"Z2020"})
    assert len(pairs) == len(ROWS) - 2


def test_a_renamed_study_is_known_by_its_content() -> None:
    new = changed(cells={("C2005", "study_id"): "Clinic2005"})
    pairs, went, came = names(make_sheet(ROWS), make_sheet(new), KEY)
    assert pairs["Clinic2005"] == ("C2005", "content")
    assert (went, came) == (set(), set())


def test_a_renamed_study_with_another_cell_changed_is_known_too() -> None:
    new = changed(cells={("F2011", "setting"): "clinic", ("F2011", "study_id"): "Far2011"})
    pairs, _, _ = names(make_sheet(ROWS), make_sheet(new), KEY)
    assert pairs["Far2011"] == ("F2011", "content")


def test_two_studies_that_swap_names_are_taken_at_their_word() -> None:
    """A key is a key: the rows changed, and the names stay with what the protocol calls their key."""
    new = changed(cells={("C2005", "study_id"): "tmp", ("D2007", "study_id"): "C2005"})
    new = changed(new, {("tmp", "study_id"): "D2007"})
    pairs, _, _ = names(make_sheet(ROWS), make_sheet(new), KEY)
    assert pairs["C2005"] == ("C2005", "key")


@pytest.mark.parametrize("missing", ["", "NA", "  "])
def test_an_empty_key_part_equals_one_coded_as_missing_and_one_that_is_absent(missing: str) -> None:
    old = make_sheet([("study", "arm", "x"), ("A", "", "1"), ("B", missing, "2"), ("A", "high", "3")])
    new = make_sheet([("study", "arm", "x"), ("A", missing, "10"), ("B", "", "20"), ("A", "high", "30")])
    assert [(m.old, m.new, m.by) for m in match_rows(old, new, ("study", "arm")).matched] == [
        (0, 0, "key"),
        (1, 1, "key"),
        (2, 2, "key"),
    ]
    absent = make_sheet([("study", "x"), ("A", "10"), ("B", "20")])
    assert [(m.old, m.new, m.by) for m in match_rows(absent, new, ("study", "arm")).matched] == [
        (0, 0, "key"),
        (1, 1, "key"),
    ]


def test_a_number_in_a_key_is_a_number_in_either_version() -> None:
    old = make_sheet([("id", "x"), ("22", "a"), ("23", "b")], numbers="id")
    new = make_sheet([("id", "x"), ("23.0", "c"), ("22.0", "d")])
    assert [(m.old, m.new, m.by) for m in match_rows(old, new, ("id",)).matched] == [
        (1, 0, "key"),
        (0, 1, "key"),
    ]


def test_rows_that_share_a_key_are_settled_by_content_and_counted() -> None:
    old = make_sheet([("id", "x", "y"), ("A", "1", "p"), ("A", "2", "q"), ("A", "3", "r")])
    new = make_sheet([("id", "x", "y"), ("A", "3", "r"), ("A", "1", "q")])
    found = match_rows(old, new, ("id",))
    assert {(m.old, m.new) for m in found.matched} == {(2, 0), (0, 1)}
    assert (found.went, found.came) == ((1,), ())


def test_without_a_key_identical_rows_are_matched_as_often_as_they_stand() -> None:
    old = make_sheet([("a", "b"), ("1", "x"), ("1", "x"), ("2", "y")])
    new = make_sheet([("a", "b"), ("2", "y"), ("1", "x"), ("1", "x"), ("1", "x")])
    found = match_rows(old, new, ())
    assert {(m.old, m.new, m.by) for m in found.matched} == {
        (0, 1, "content"),
        (1, 2, "content"),
        (2, 0, "content"),
    }
    assert (found.went, found.came) == ((), (3,))


def test_without_a_key_a_corrected_cell_does_not_make_two_rows() -> None:
    pairs, went, came = names(
        make_sheet(ROWS), make_sheet(changed(cells={("D2007", "events"): "32"})), ()
    )
    assert pairs["D2007"] == ("D2007", "content")
    assert (went, came) == (set(), set())


def test_rows_that_say_next_to_nothing_are_not_taken_for_one() -> None:
    old = make_sheet([("id", "x", "y"), ("A", "1", ""), ("B", "", "")])
    new = make_sheet([("id", "x", "y"), ("C", "1", ""), ("D", "", "")])
    assert match_rows(old, new, ("id",)).matched == ()


def test_columns_of_one_version_only_say_nothing_about_a_match() -> None:
    old = make_sheet([("id", "x", "y", "gone"), ("A", "1", "p", "g"), ("B", "2", "q", "h")])
    new = make_sheet([("new", "y", "x", "id"), ("n", "q", "2", "B2"), ("m", "p", "1", "A")])
    assert {(m.old, m.new, m.by) for m in match_rows(old, new, ("id",)).matched} == {
        (0, 1, "key"),
        (1, 0, "content"),
    }


def test_too_many_rows_renamed_at_once_are_matched_only_where_identical() -> None:
    side = int(MOST_PAIRS**0.5) + 1
    old = make_sheet([("id", "x", "y", "z"), *((f"a{i}", str(i), "p", "q") for i in range(side))])
    rows = [(f"b{i}", str(i), "p", "q") for i in range(side)]
    assert len(match_rows(old, make_sheet([("id", "x", "y", "z"), *rows]), ("id",)).matched) == side
    other = make_sheet([("id", "x", "y", "z"), *((a, b, c, "changed") for a, b, c, _ in rows)])
    assert match_rows(old, other, ("id",)).matched == ()


#: Sheets of few values, so that rows share keys, repeat each other, and tie.
CELLS = st.sampled_from(["", "1", "2", "NA", "3.0"])
TABLES = st.lists(st.tuples(CELLS, CELLS, CELLS, CELLS), max_size=7)


@settings(max_examples=150, deadline=None)
@given(old=TABLES, new=TABLES, key=st.sampled_from([(), ("a",), ("a", "b")]), seed=st.integers(0, 2**32))
def test_the_order_of_rows_and_columns_changes_no_match(
    old: list[tuple[str, ...]], new: list[tuple[str, ...]], key: tuple[str, ...], seed: int
) -> None:
    rng = random.Random(seed)
    shuffled = [rng.sample(rows, len(rows)) for rows in (old, new)]
    head = ("a", "b", "c", "d")
    order = rng.sample(range(4), 4)

    def said(olds: list[tuple[str, ...]], news: list[tuple[str, ...]], places: Sequence[int]) -> list:
        sheets = [
            make_sheet([tuple(row[p] for p in places) for row in (head, *rows)], numbers="c")
            for rows in (olds, news)
        ]
        found = match_rows(*sheets, key)

        def cells(sheet: Sheet, place: int) -> tuple:
            # what a row says: spelling apart, rows that say the same may stand for each other
            return tuple(sheet.rows[place].values[name] or "" for name in head)

        pairs = [(*cells(sheets[0], m.old), *cells(sheets[1], m.new), m.by) for m in found.matched]
        assert len(found.matched) + len(found.went) == len(olds)
        assert len(found.matched) + len(found.came) == len(news)
        return sorted(map(repr, pairs))

    assert said(old, new, range(4)) == said(*shuffled, order)


@settings(max_examples=50, deadline=None)
@given(rows=TABLES, key=st.sampled_from([(), ("a",), ("a", "b")]), seed=st.integers(0, 2**32))
def test_a_sheet_and_itself_with_its_rows_permuted_are_one(
    rows: list[tuple[str, ...]], key: tuple[str, ...], seed: int
) -> None:
    told = [row for row in rows if sum(cell.strip() not in ("", "NA") for cell in row) == 4]
    permuted = random.Random(seed).sample(told, len(told))
    sheets = [make_sheet([("a", "b", "c", "d"), *side]) for side in (told, permuted)]
    found = match_rows(*sheets, key)
    assert (found.went, found.came) == ((), ())
    assert all(sheets[0].rows[m.old].text == sheets[1].rows[m.new].text for m in found.matched)
