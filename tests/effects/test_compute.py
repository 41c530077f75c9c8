"""From rows to effect sizes: laws, exclusions, errors by their text, and the interval of each study."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extraction.sheet import Row, RowRef, Sheet
from meta.effects.compute import effect_sizes, study_intervals
from meta.effects.sizes import EffectSizes
from meta.errors import EffectError, OptionError

LAWS = settings(deadline=None, max_examples=100, derandomize=True)
ONE = {"events": "events", "n": "n"}
TWO = {"events1": "events1", "n1": "n1", "events2": "events2", "n2": "n2"}


def make_sheet(columns: dict[str, list[Any]]) -> Sheet:
    """A sheet of typed rows without a file behind it; line 2 is the first row."""
    names = tuple(columns)
    rows = tuple(
        Row(dict(zip(names, cells, strict=True)), {}, RowRef("made.csv", i + 2, f"hash{i}"))
        for i, cells in enumerate(zip(*columns.values(), strict=True))
    )
    schema: Any = None
    return Sheet("made.csv", schema, names, rows, "0" * 64)


arm = st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
tables = st.lists(st.tuples(arm, arm), min_size=1, max_size=8)


def two_groups(rows: list[tuple[tuple[int, int], tuple[int, int]]], swap: bool = False) -> pd.DataFrame:
    first, second = (1, 0) if swap else (0, 1)
    return pd.DataFrame(
        [(row[first][0], row[first][1], row[second][0], row[second][1]) for row in rows],
        columns=["events1", "n1", "events2", "n2"],
    )


@LAWS
@given(tables, st.sampled_from(["OR", "RR", "RD"]), st.sampled_from(["only0", "all", "if0all", "none"]))
def test_swapping_arms_flips_the_sign(rows: list[Any], measure: str, to: str) -> None:
    one = effect_sizes(two_groups(rows), measure, to=to, **TWO)
    other = effect_sizes(two_groups(rows, swap=True), measure, to=to, **TWO)
    np.testing.assert_array_equal(one.y, -other.y)
    np.testing.assert_allclose(one.v, other.v, rtol=1e-14)
    assert one.reasons == other.reasons


@LAWS
@given(st.lists(arm, min_size=1, max_size=8), st.sampled_from(["PR", "PLO"]))
def test_counting_the_others_mirrors_the_proportion(rows: list[tuple[int, int]], measure: str) -> None:
    frame = pd.DataFrame(rows, columns=["events", "n"])
    others = frame.assign(events=frame["n"] - frame["events"])
    one, other = effect_sizes(frame, measure, **ONE), effect_sizes(others, measure, **ONE)
    mirrored = -other.y if measure == "PLO" else 1.0 - other.y
    np.testing.assert_allclose(one.y, mirrored, rtol=0.0, atol=1e-15)
    np.testing.assert_allclose(one.v, other.v, rtol=1e-14)


@LAWS
@given(st.lists(arm, min_size=1, max_size=8), st.sampled_from(["PR", "PLO", "PFT"]), st.randoms())
def test_order_of_rows_does_not_matter(rows: list[tuple[int, int]], measure: str, random: Any) -> None:
    frame = pd.DataFrame(rows, columns=["events", "n"]).assign(name=[f"s{i}" for i in range(len(rows))])
    order = list(range(len(rows)))
    random.shuffle(order)
    plain = effect_sizes(frame, measure, label="name", to="if0all", **ONE)
    moved = effect_sizes(frame.iloc[order], measure, label="name", to="if0all", **ONE)
    np.testing.assert_array_equal(plain.y[order], moved.y)
    assert moved.labels == tuple(plain.labels[i] for i in order)


@LAWS
@given(st.lists(arm, min_size=1, max_size=8), st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_study_interval_is_exact_and_from_raw_counts(rows: list[tuple[int, int]], level: float) -> None:
    frame = pd.DataFrame(rows, columns=["events", "n"])
    for measure in ("PR", "PLO", "PFT"):
        value, low, high = study_intervals(effect_sizes(frame, measure, **ONE), level)
        np.testing.assert_array_equal(value, frame["events"] / frame["n"])
        assert ((low <= value) & (value <= high)).all()
        assert ((low == 0.0) == (frame["events"] == 0)).all()


def test_study_interval_of_a_rate_without_events_starts_at_0() -> None:
    frame = pd.DataFrame({"cases": [0, 5], "years": [100.0, 453.5]})
    value, low, high = study_intervals(effect_sizes(frame, "IRLN", events="cases", time="years"), 0.95)
    np.testing.assert_array_equal(value, [0.0, 5 / 453.5])
    assert low[0] == 0.0
    # -log(0.025) / 100: exact, two-sided
    assert high[0] == pytest.approx(0.036888794541139, rel=1e-12)


def test_study_interval_elsewhere_is_wald() -> None:
    frame = pd.DataFrame({"events1": [11, 0], "n1": [139, 10], "events2": [4, 0], "n2": [123, 12]})
    effects = effect_sizes(frame, "RR", **TWO)
    value, low, high = study_intervals(effects, 0.95)
    half = 1.959963984540054 * np.sqrt(effects.v[0])
    assert value[0] == pytest.approx((11 / 139) / (4 / 123))
    assert low[0] == pytest.approx(np.exp(effects.y[0] - half), rel=1e-12)
    assert high[0] == pytest.approx(np.exp(effects.y[0] + half), rel=1e-12)
    assert np.isnan([value[1], low[1], high[1]]).all()


def test_trials_without_events_keep_their_place_and_say_why() -> None:
    frame = pd.DataFrame(
        {
            "name": ["a", "b", "c"],
            "events1": [3, 0, 9],
            "n1": [10, 10, 9],
            "events2": [1, 0, 7],
            "n2": [10, 12, 7],
        }
    )
    for measure, word in (("OR", "odds ratio"), ("RR", "risk ratio")):
        effects = effect_sizes(frame, measure, label="name", **TWO)
        assert effects.labels == ("a", "b", "c")
        assert effects.reasons == (None, "0 events in both arms", f"all had events in both arms: no {word}")
        np.testing.assert_array_equal(np.isnan(effects.y), [False, True, True])
        np.testing.assert_array_equal(effects.counts["n2"], [10.0, 12.0, 7.0])
        assert effects.excluded == ()
    kept = effect_sizes(frame, "RD", label="name", **TWO)
    assert np.isfinite(kept.y).all()
    assert kept.reasons == (None, None, None)
    assert (kept.v > 0).all()


def test_dropped_trials_set_off_no_correction_elsewhere() -> None:
    frame = pd.DataFrame({"events1": [3, 0], "n1": [10, 10], "events2": [1, 0], "n2": [10, 12]})
    plain = effect_sizes(frame.iloc[:1], "OR", **TWO)
    assert effect_sizes(frame, "OR", to="if0all", **TWO).y[0] == plain.y[0]
    assert effect_sizes(frame, "OR", to="if0all", drop00=False, **TWO).y[0] != plain.y[0]


def test_a_zero_cell_without_a_correction_is_a_reason() -> None:
    effects = effect_sizes(pd.DataFrame({"events": [0, 3], "n": [9, 9]}), "PLO", to="none", **ONE)
    assert effects.reasons == ("a cell is 0 and nothing was added to it", None)
    assert np.isnan(effects.y[0])
    assert np.isnan(effects.v[0])


def test_missing_counts_are_excluded_with_their_rows() -> None:
    sheet = make_sheet(
        {
            "study_id": ["A", "B", "C", "D"],
            "events": [3, None, 4, 0],
            "n": [10, None, None, 0],
            "year": [2001, 2, 3, 4],
        }
    )
    effects = effect_sizes(sheet, "PLO", label="study_id", **ONE)
    assert effects.labels == ("A",)
    assert effects.rows == ((RowRef("made.csv", 2, "hash0"),),)
    assert [(e.label, e.reason) for e in effects.excluded] == [
        ("B", "no counts: events and n are empty"),
        ("C", "incomplete counts: n is empty"),
        ("D", "nobody observed: n is 0"),
    ]
    assert effects.excluded[1].rows == (RowRef("made.csv", 4, "hash2"),)
    assert effects.columns["year"] == (2001,)


def test_reasons_use_the_names_of_the_sheet() -> None:
    frame = pd.DataFrame({"resp": [np.nan], "people": [12], "r2": [None], "p2": [8]})
    effects = effect_sizes(frame, "RR", events1="resp", n1="people", events2="r2", n2="p2")
    assert effects.k == 0
    assert effects.excluded[0].reason == "incomplete counts: resp and r2 are empty"


def test_refs_given_by_hand_win() -> None:
    refs = {"A": (RowRef("f", 3, "x"), RowRef("f", 9, "y"))}
    sheet = make_sheet({"study_id": ["A", "B"], "events": [1, 2], "n": [5, 5]})
    effects = effect_sizes(sheet, "PLO", label="study_id", refs=refs, **ONE)
    assert effects.rows == (refs["A"], (RowRef("made.csv", 3, "hash1"),))


def test_every_column_is_carried_typed() -> None:
    frame = pd.DataFrame(
        {
            "events": [1, 2],
            "n": [9, 9],
            "year": [2001.0, np.nan],
            "word": ["x", None],
            "count": pd.array([1, None]),
            "yes": [True, False],
            "when": pd.to_datetime(["2020-01-02", None]),
        }
    )
    columns = effect_sizes(frame, "PLO", **ONE).columns
    assert columns["year"] == (2001.0, None)
    assert columns["word"] == ("x", None)
    assert columns["count"] == (1, None)
    assert columns["yes"] == ("True", "False")
    assert columns["when"] == ("2020-01-02 00:00:00", None)


@pytest.mark.parametrize(
    ("precision", "expected"),
    [({"v": "v"}, 0.04), ({"se": "se"}, 0.04), ({"low": "low", "high": "high"}, 0.04)],
)
def test_ready_made_numbers_say_their_precision_in_three_ways(
    precision: dict[str, str], expected: float
) -> None:
    half = 1.959963984540054 * 0.2
    frame = pd.DataFrame(
        {
            "y": [0.3, np.nan],
            "v": [0.04, 1.0],
            "se": [0.2, 1.0],
            "low": [0.3 - half, 0.0],
            "high": [0.3 + half, 1.0],
        }
    )
    effects = effect_sizes(frame, "GEN", y="y", **precision)
    assert effects.y[0] == 0.3
    assert effects.v[0] == pytest.approx(expected, rel=1e-12)
    assert effects.excluded[0].reason == "incomplete effect size: y is empty"
    assert effects.counts == {}


def test_ready_made_interval_of_another_level() -> None:
    frame = pd.DataFrame({"y": [0.0], "low": [-1.6448536269514722], "high": [1.6448536269514722]})
    effects = effect_sizes(frame, "RR", y="y", low="low", high="high", level=0.9)
    assert effects.v[0] == pytest.approx(1.0, rel=1e-12)
    assert effects.measure == "RR"
    with pytest.raises(EffectError, match=r"level must lie between 0 and 1 \(0.95 for 95%\); got 95"):
        effect_sizes(frame, "RR", y="y", low="low", high="high", level=95)


FRAME = pd.DataFrame(
    {
        "study_id": ["a", "b", "a"],
        "events": [12, 3, 1],
        "n": [10, 9, 8],
        "y": [0.1, 0.2, 0.3],
        "v": [0.1, 0.0, 0.1],
    }
)


@pytest.mark.parametrize(
    ("measure", "options", "text"),
    [
        ("PLO", {"events": "events"}, r"measure PLO takes the columns events, n; or .*not given: n"),
        ("PLO", {"events": "event", "n": "n"}, "no column 'event'; did you mean 'events'"),
        ("PLO", {**ONE, "time": "n"}, r"measure PLO takes the columns events, n; .*not used: time"),
        (
            "PLO",
            {**ONE, "y": "y"},
            r"takes y with exactly one of v, se, or low and high \(not used: events, n",
        ),
        ("GEN", {}, r"measure GEN takes y with exactly one of v, se, or low and high \(not given: y"),
        ("GEN", {"y": "y"}, r"takes y with exactly one of v, se, or low and high \(no precision given"),
        ("GEN", {"y": "y", "v": "v", "se": "v"}, r"exactly one of v, se, or low and high \(not used: se"),
        ("GEN", {"y": "y", "low": "v"}, r"exactly one of v, se, or low and high \(not given: high"),
        (
            "PFT",
            {"y": "y", "v": "v"},
            r"measure PFT takes the columns events, n \(not used: y, v; not given: events, n",
        ),
        (
            "GEN",
            {"y": "y", "v": "v"},
            r"1 row with impossible numbers: row 2 \('2'\): v must be > 0 \(y = 0.2, v = 0\)",
        ),
        (
            "PLO",
            ONE,
            r"1 row with impossible numbers: row 1 \('1'\): events must not exceed n \(events = 12, n = 10\)",
        ),
        (
            "PLO",
            {"events": "y", "n": "n"},
            r"3 rows with impossible numbers: row 1 .*y is not a whole number",
        ),
        (
            "PLO",
            {"events": "study_id", "n": "n"},
            r"column 'study_id' must hold finite numbers; row 1: 'a'; row 2",
        ),
        (
            "PLO",
            {"events": "n", "n": "n", "label": "study_id"},
            r"labels must be unique.*'a' \(row 1, row 3\)",
        ),
        ("PLO", {"events": "n", "n": "n", "label": "id"}, "no column 'id'"),
        ("PLO", {"events": "n", "n": "n", "add": -0.5}, r"be 0, or a number from 1e-06 to 10; got -0.5"),
        ("PLO", {"events": "n", "n": "n", "add": 1e308}, r"from 1e-06 to 10; got 1e\+308"),
        ("PLO", {"events": "n", "n": "n", "add": 1e-308}, r"from 1e-06 to 10; got 1e-308"),
        ("PLO", {"events": "n", "n": "n", "add": float("nan")}, r"from 1e-06 to 10; got nan"),
        ("PLO", {"events": 3, "n": "n"}, "events takes the name of a column; got int"),
        ("XYZ", ONE, "measure must be one of AS, COR"),
    ],
)
def test_what_cannot_be_is_refused_by_name(measure: str, options: dict[str, Any], text: str) -> None:
    with pytest.raises(EffectError, match=text):
        effect_sizes(FRAME, measure, **options)


def test_unknown_correction_lists_the_known_ones() -> None:
    text = "to must be one of 'only0', 'all', 'if0all', 'none', 'treatment_arm'; got 'zero'"
    with pytest.raises(OptionError, match=text):
        effect_sizes(FRAME, "PLO", events="n", n="n", to="zero")


def test_all_impossible_rows_are_named_with_file_and_line() -> None:
    sheet = make_sheet({"study_id": ["A", "B", "C"], "cases": [-1, 2, 3], "years": [10.0, 0.0, -2.5]})
    with pytest.raises(EffectError) as caught:
        effect_sizes(sheet, "IRLN", label="study_id", events="cases", time="years")
    text = str(caught.value)
    assert "3 rows with impossible numbers" in text
    assert "made.csv line 2 ('A'): cases is negative (cases = -1, years = 10)" in text
    assert "made.csv line 3 ('B'): cases in no years" in text
    assert "made.csv line 4 ('C'): years is negative (cases = 3, years = -2.5)" in text


@pytest.mark.parametrize("value", [1e308, -1e308, 1.1e15, 1e-16, -1e-300])
def test_numbers_too_large_or_too_small_to_compute_with_are_refused_by_rule(value: float) -> None:
    frame = pd.DataFrame({"y": [0.0, value], "v": [1.0, 1e-20], "se": [1.0, 1.0], "p": [0.5, 0.1]})
    with pytest.raises(EffectError) as caught:
        effect_sizes(frame, "GEN", y="y", v="v")
    rule = "y must be 0 or lie between 1e-15 and 1e+15 in size"
    assert str(caught.value).startswith(f"1 row with impossible numbers: row 2 ('2'): {rule} (y = ")
    if value > 0.0:
        frame = frame.rename(columns={"y": "reported"})
        with pytest.raises(EffectError, match=r"reported must be 0 or lie between 1e-15 and 1e\+15 in size"):
            effect_sizes(frame, "OR", se="se", recover={"reported": "reported", "p": "p"})


def test_a_variance_may_be_the_square_of_what_a_value_may_be() -> None:
    frame = pd.DataFrame({"y": [1e15, 1e-15], "v": [1e30, 1e-30]})
    assert effect_sizes(frame, "GEN", y="y", v="v").v.tolist() == [1e30, 1e-30]
    frame["v"] = [1e31, 1e-31]
    with pytest.raises(EffectError, match=r"2 rows .*v must be 0 or lie between 1e-30 and 1e\+30 in size"):
        effect_sizes(frame, "GEN", y="y", v="v")


def test_interval_upside_down_or_beside_its_value() -> None:
    frame = pd.DataFrame({"y": [0.0, 2.0], "low": [1.0, 0.0], "high": [0.5, 1.0]})
    with pytest.raises(EffectError) as caught:
        effect_sizes(frame, "GEN", y="y", low="low", high="high")
    assert "low must be below high" in str(caught.value)
    assert "y lies outside low to high" in str(caught.value)


def test_long_lists_of_faults_are_cut() -> None:
    frame = pd.DataFrame({"events": [2] * 25, "n": [1] * 25})
    with pytest.raises(EffectError, match=r"25 rows with impossible numbers: .*row 20 .*; and 5 more rows"):
        effect_sizes(frame, "PLO", **ONE)


def test_labels_join_columns_and_whole_numbers_stay_whole() -> None:
    frame = pd.DataFrame({"s": ["A", "A", "007"], "year": [2001.0, 2002.0, np.nan], "events": 1, "n": 5})
    assert effect_sizes(frame, "PLO", label=["s", "year"], **ONE).labels == ("A 2001", "A 2002", "007")
    with pytest.raises(EffectError, match=r"every row needs a label \('year'\); none in row 3"):
        effect_sizes(frame, "PLO", label="year", **ONE)


def test_tables_that_are_none() -> None:
    with pytest.raises(EffectError, match="data must be a Sheet or a pandas DataFrame; got dict"):
        effect_sizes({"events": [1]}, "PLO", **ONE)  # type: ignore[arg-type]
    doubled = pd.DataFrame([[1, 2, 3]], columns=["events", "n", "n"])
    with pytest.raises(EffectError, match="columns must have different names; more than once: 'n'"):
        effect_sizes(doubled, "PLO", **ONE)


def test_no_rows_is_no_error_here() -> None:
    for measure, columns in (("PLO", ONE), ("OR", TWO)):
        frame = pd.DataFrame({name: pd.Series(dtype=float) for name in columns})
        effects = effect_sizes(frame, measure, **columns)
        assert isinstance(effects, EffectSizes)
        assert effects.k == 0
