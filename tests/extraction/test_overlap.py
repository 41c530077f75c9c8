"""Rows that share people: the graph, the exact choice, and what is said about it."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extraction.codebook import Column, OverlapColumns, SheetSchema
from extraction.files import sha256
from extraction.overlap import Chosen, OverlapError, choose_rows
from extraction.sheet import Row, RowRef, Sheet, Value

RULE = ("most_cohorts", "longest_followup", "largest_n")
COLUMNS = ("study_id", "arm", "overlaps_with", "overlap_group", "followup_years", "n", "onset")
NUMBERS = ("followup_years", "n")


def make_sheet(rows: Sequence[dict[str, Value]], columns: Sequence[str] = COLUMNS) -> Sheet:
    """Return a sheet of hand-made rows; lines count from 2, hashes are of the cells."""
    kinds = {name: "number" if name in NUMBERS else "text" for name in columns}
    schema = SheetSchema(
        "made",
        "Made",
        tuple(Column(name, kind, "") for name, kind in kinds.items()),  # type: ignore[arg-type]
        overlap=OverlapColumns("study_id", "arm", "overlaps_with", "overlap_group", "followup_years", "n"),
    )
    made = []
    for line, cells in enumerate(rows, start=2):
        values = {name: cells.get(name) for name in columns}
        text = {name: "" if value is None else str(value) for name, value in values.items()}
        made.append(
            Row(values, text, RowRef("made.csv", line, sha256(repr(sorted(values.items(), key=str)))))
        )
    return Sheet("made.csv", schema, tuple(columns), tuple(made), sha256(repr(rows)))


def kept(chosen: Chosen) -> list[str]:
    return sorted(str(name) for name in chosen.sheet.column("study_id"))


def aside(chosen: Chosen) -> dict[str, tuple[tuple[str, ...], str]]:
    return {entry.label: (entry.because_of, entry.rule) for entry in chosen.set_aside}


def test_a_consortium_touches_cohorts_that_do_not_touch_one_another() -> None:
    sheet = make_sheet(
        [
            {"study_id": "Consortium", "n": 5000, "overlaps_with": "A; B"},
            {"study_id": "A", "n": 10},
            {"study_id": "B", "n": 20},
        ]
    )
    chosen = choose_rows(sheet, RULE)
    assert kept(chosen) == ["A", "B"]
    assert aside(chosen) == {"Consortium": (("A", "B"), "most_cohorts")}
    assert chosen.ties == ()


def test_a_link_holds_both_ways_whoever_states_it() -> None:
    rows: list[dict[str, Value]] = [
        {"study_id": "A", "n": 10},
        {"study_id": "B", "n": 20, "overlaps_with": "A"},
    ]
    assert kept(choose_rows(make_sheet(rows), RULE)) == ["B"]
    rows = [{"study_id": "A", "n": 10, "overlaps_with": "B"}, {"study_id": "B", "n": 20}]
    assert kept(choose_rows(make_sheet(rows), RULE)) == ["B"]


def test_links_are_seen_on_the_whole_sheet() -> None:
    sheet = make_sheet(
        [
            {"study_id": "A", "onset": "early", "overlaps_with": "B", "n": 5},
            {"study_id": "A", "onset": "total", "n": 5},
            {"study_id": "B", "onset": "total", "n": 9},
        ]
    )
    chosen = choose_rows(sheet.where(onset="total"), RULE)
    assert kept(chosen) == ["B"]
    assert chosen.sheet.whole is sheet


def test_longest_followup_compares_sorted_lengths() -> None:
    # a path A - B - C - D leaves three pairs without a link: A C (9, 8), B D (9, 1), A D (8, 1)
    sheet = make_sheet(
        [
            {"study_id": "A", "followup_years": 8, "overlaps_with": "B"},
            {"study_id": "B", "followup_years": 9, "overlaps_with": "C"},
            {"study_id": "C", "followup_years": 9, "overlaps_with": "D"},
            {"study_id": "D", "followup_years": 1},
        ]
    )
    assert kept(choose_rows(sheet, RULE)) == ["A", "C"]


def test_greedy_by_followup_gives_fewer_cohorts_than_the_rule() -> None:
    sheet = make_sheet(
        [
            {"study_id": "Long", "followup_years": 20, "overlaps_with": "A; B"},
            {"study_id": "A", "followup_years": 1},
            {"study_id": "B"},
        ]
    )
    assert kept(choose_rows(sheet, RULE)) == ["A", "B"]
    assert kept(choose_rows(sheet, ("longest_followup", "most_cohorts"))) == ["Long"]


def test_missing_followup_comes_last() -> None:
    sheet = make_sheet(
        [{"study_id": "A", "overlaps_with": "B", "n": 999}, {"study_id": "B", "followup_years": 0.1, "n": 1}]
    )
    chosen = choose_rows(sheet, RULE)
    assert kept(chosen) == ["B"]
    assert aside(chosen) == {"A": (("B",), "longest_followup")}


def test_rows_of_one_study_and_arm_touch_and_arms_of_one_trial_do_not() -> None:
    sheet = make_sheet(
        [
            {"study_id": "T", "arm": "drug", "n": 10},
            {"study_id": "T", "arm": "drug", "n": 12},
            {"study_id": "T", "arm": "placebo", "n": 11},
        ]
    )
    assert [row["n"] for row in choose_rows(sheet, RULE).sheet.rows] == [12, 11]


def test_an_arm_that_is_not_given_may_be_any_arm_of_its_study() -> None:
    sheet = make_sheet([{"study_id": "T", "arm": "drug", "n": 10}, {"study_id": "T", "n": 12}])
    assert [row["n"] for row in choose_rows(sheet, RULE).sheet.rows] == [12]


def test_one_overlap_group_is_the_same_people() -> None:
    sheet = make_sheet(
        [{"study_id": "A", "overlap_group": "g", "n": 10}, {"study_id": "B", "overlap_group": "g", "n": 12}]
    )
    assert kept(choose_rows(sheet, RULE)) == ["B"]


def test_what_one_row_says_of_its_people_holds_for_their_other_rows() -> None:
    sheet = make_sheet(
        [
            {"study_id": "A", "arm": "x", "overlap_group": "g", "onset": "early"},
            {"study_id": "A", "arm": "x", "onset": "total", "n": 1},
            {"study_id": "B", "arm": "y", "overlap_group": "g", "onset": "total", "n": 2},
        ]
    )
    assert kept(choose_rows(sheet.where(onset="total"), RULE)) == ["B"]


def test_the_protocol_may_declare_more_links() -> None:
    sheet = make_sheet([{"study_id": "A", "n": 10}, {"study_id": "B", "n": 20}])
    assert kept(choose_rows(sheet, RULE)) == ["A", "B"]
    assert kept(choose_rows(sheet, RULE, links=[("A", "B")])) == ["B"]


def test_named_rows_come_first_and_say_so() -> None:
    sheet = make_sheet(
        [
            {"study_id": "Consortium", "overlaps_with": "A; B"},
            {"study_id": "A"},
            {"study_id": "B"},
        ]
    )
    chosen = choose_rows(sheet, RULE, named=["Consortium"])
    assert kept(chosen) == ["Consortium"]
    assert aside(chosen) == {"A": (("Consortium",), "named"), "B": (("Consortium",), "named")}


def test_a_tie_is_broken_by_name_and_said() -> None:
    sheet = make_sheet(
        [{"study_id": "Zeta", "n": 10, "overlaps_with": "Alpha"}, {"study_id": "Alpha", "n": 10}]
    )
    chosen = choose_rows(sheet, RULE)
    assert kept(chosen) == ["Alpha"]
    assert aside(chosen) == {"Zeta": (("Alpha",), "name")}
    assert chosen.ties == (
        "Alpha rather than Zeta: equal by most_cohorts, longest_followup, largest_n, so the name decided",
    )


def test_a_link_to_a_row_that_does_not_exist_is_a_warning() -> None:
    sheet = make_sheet(
        [{"study_id": "Demjaha2017", "overlaps_with": "Kravariti208"}, {"study_id": "Kravariti2018"}]
    )
    chosen = choose_rows(sheet, RULE, links=[("Demjaha2017", "Nobody1999")])
    assert kept(chosen) == ["Demjaha2017", "Kravariti2018"]
    assert [(w.line, w.column, w.value, w.severity) for w in chosen.warnings] == [
        (2, "overlaps_with", "Kravariti208", "warning"),
        (None, "links", "Nobody1999", "warning"),
    ]
    assert "did you mean 'Kravariti2018'?" in str(chosen.warnings[0])


def test_a_row_that_lists_itself_says_nothing() -> None:
    sheet = make_sheet([{"study_id": "T", "arm": "x", "overlaps_with": "T"}, {"study_id": "T", "arm": "y"}])
    assert len(choose_rows(sheet, RULE).sheet) == 2


def test_labels_may_be_made_of_several_columns() -> None:
    sheet = make_sheet([{"study_id": "T", "arm": "x", "n": 1}, {"study_id": "T", "arm": "y", "n": 2}])
    chosen = choose_rows(sheet, RULE, label=["study_id", "arm"], links=[("T x", "T y")])
    assert aside(chosen) == {"T x": (("T y",), "largest_n")}


@pytest.mark.parametrize(
    ("rule", "named", "links", "words"),
    [
        (
            ["most_cohort"],
            [],
            [],
            "unknown word in the overlap rule: 'most_cohort'; did you mean 'most_cohorts'?",
        ),
        (["largest_n", "largest_n"], [], [], "names 'largest_n' more than once"),
        ("most_cohorts", [], [], "the overlap rule is a list of words"),
        (RULE, ["Bet"], [], "no row named 'Bet' to keep in this analysis; did you mean 'Beta'?"),
        (RULE, ["Alpha", "Beta"], [], "the named rows 'Alpha' and 'Beta' (lines 2 and 3) share people"),
        (
            RULE,
            ["Gone"],
            [],
            "no row named 'Gone' to keep in this analysis; the filters of this analysis take it away",
        ),
        (RULE, [], [("Alpha", "Alpha")], "a link joins two different rows"),
        (RULE, [], [("Alpha",)], "a link joins two different rows"),
    ],
)
def test_what_cannot_be_used_is_an_error(
    rule: Sequence[str], named: list[str], links: list[tuple[str, ...]], words: str
) -> None:
    sheet = make_sheet(
        [
            {"study_id": "Alpha", "overlaps_with": "Beta", "onset": "total"},
            {"study_id": "Beta", "onset": "total"},
            {"study_id": "Gone", "onset": "early"},
        ]
    ).where(onset="total")
    with pytest.raises(OverlapError) as caught:
        choose_rows(sheet, rule, named=named, links=links)
    assert words in str(caught.value)


def test_a_rule_needs_its_column() -> None:
    sheet = make_sheet([{"study_id": "A"}], columns=("study_id", "n"))
    with pytest.raises(OverlapError, match="'longest_followup' needs the column 'followup_years', which"):
        choose_rows(sheet, RULE)
    assert kept(choose_rows(sheet, ("most_cohorts", "largest_n"))) == ["A"]


# Laws ----------------------------------------


@st.composite
def graphs(draw: st.DrawFn, largest: int = 9) -> tuple[list[dict[str, Value]], set[frozenset[int]]]:
    """Return rows with random links and repeated values, and the links."""
    count = draw(st.integers(1, largest))
    pairs = list(itertools.combinations(range(count), 2))
    links = draw(st.sets(st.sampled_from(pairs))) if pairs else set()
    rows: list[dict[str, Value]] = []
    for i in range(count):
        others = "; ".join(f"S{b}" for a, b in sorted(links) if a == i)
        followup = draw(st.sampled_from([None, 1.0, 2.0, 5.0]))
        size = draw(st.sampled_from([None, 10, 20]))
        rows.append(
            {"study_id": f"S{i}", "followup_years": followup, "n": size, "overlaps_with": others or None}
        )
    return rows, {frozenset(link) for link in links}


def brute_force(rows: list[dict[str, Value]], links: set[frozenset[int]], rule: Sequence[str]) -> set[int]:
    """Return the best set by the rule's own words, over all sets without a link."""

    def rank(chosen: tuple[int, ...]) -> tuple[object, ...]:
        keys: list[object] = []
        for word in rule:
            column = {"longest_followup": "followup_years", "largest_n": "n"}.get(word)
            cells = [rows[i][column] for i in chosen] if column else []
            numbers = [float("-inf") if not isinstance(cell, int | float) else float(cell) for cell in cells]
            keys.append(sorted(numbers, reverse=True) if column else len(chosen))
        return (*keys, [i in chosen for i in range(len(rows))])

    sets = (
        chosen
        for size in range(1, len(rows) + 1)
        for chosen in itertools.combinations(range(len(rows)), size)
        if not any(frozenset(pair) in links for pair in itertools.combinations(chosen, 2))
    )
    return set(max(sets, key=rank))


@settings(deadline=None, max_examples=150, derandomize=True)
@given(graphs(), st.permutations(RULE), st.integers(0, 3))
def test_the_choice_is_the_best_of_all(
    graph: tuple[list[dict[str, Value]], set[frozenset[int]]], words: list[str], length: int
) -> None:
    rows, links = graph
    rule = words[:length]
    chosen = choose_rows(make_sheet(rows), rule)
    assert kept(chosen) == sorted(f"S{i}" for i in brute_force(rows, links, rule))


@settings(deadline=None, max_examples=100, derandomize=True)
@given(graphs(14), st.randoms(use_true_random=False))
def test_no_two_rows_touch_none_could_be_added_and_order_does_not_matter(
    graph: tuple[list[dict[str, Value]], set[frozenset[int]]], rng: random.Random
) -> None:
    rows, links = graph
    chosen = choose_rows(make_sheet(rows), RULE)
    inside = {int(name[1:]) for name in kept(chosen)}
    assert not any(link <= inside for link in links)
    for entry in chosen.set_aside:
        row = int(entry.label[1:])
        touching = {f"S{j}" for j in inside if frozenset((row, j)) in links}
        assert set(entry.because_of) == touching
        assert touching
    assert len(inside) + len(chosen.set_aside) == len(rows)
    shuffled = list(rows)
    rng.shuffle(shuffled)
    again = choose_rows(make_sheet(shuffled), RULE)
    assert kept(again) == kept(chosen)
    assert aside(again) == aside(chosen)
    assert again.ties == chosen.ties


@settings(deadline=None, max_examples=60, derandomize=True)
@given(graphs(8), st.integers(0, 7))
def test_with_a_named_row_the_rest_is_still_the_best(
    graph: tuple[list[dict[str, Value]], set[frozenset[int]]], pick: int
) -> None:
    rows, links = graph
    name = pick % len(rows)
    chosen = choose_rows(make_sheet(rows), RULE, named=[f"S{name}"])
    free = [i for i in range(len(rows)) if i != name and frozenset((i, name)) not in links]
    inner = {frozenset(free.index(i) for i in link) for link in links if link <= set(free)}
    best = brute_force([rows[i] for i in free], inner, RULE) if free else set()
    assert kept(chosen) == sorted([f"S{name}", *(f"S{free[i]}" for i in best)])


@pytest.mark.parametrize("degree", [2, 3, 5, 12])
def test_large_components_are_solved_exactly_with_little_work(degree: int) -> None:
    # work is counted in remembered subproblems, so that no clock is needed
    from extraction.heaviest_set import HeaviestSet, lexicographic_weights

    rng = random.Random(degree)
    count = 60
    near = [0] * count
    for i in range(count):
        for j in rng.sample(range(count), degree // 2 + 1):
            if i != j:
                near[i] |= 1 << j
                near[j] |= 1 << i
    finder = HeaviestSet(near, lexicographic_weights([(0.0, rng.randint(0, 5)) for _ in range(count)]))
    best = finder.within((1 << count) - 1)
    inside = [i for i in range(count) if best >> i & 1]
    assert all(not near[i] & best for i in inside)
    assert all(near[i] & best for i in range(count) if i not in inside)
    assert len(finder._known) < 60_000
