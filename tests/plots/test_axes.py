"""Axes: limits that hold what matters, ticks at numbers people read, labels that do not touch."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meta.plots.axes import TICK_GAP, Axis, Extent, build_axis, sqrt_axis
from meta.plots.layout import Sheet, clean_text, wrap_text
from meta.plots.theme import text_width


def labels(axis: Axis) -> list[str]:
    return [text for _, text in axis.ticks]


def test_proportions_start_at_zero_and_end_at_a_round_number() -> None:
    axis = build_axis(
        Extent([(17.0, 12.0, 25.0), (9.0, 5.0, 41.0)], floor=0.0, ceiling=100.0), False, 130.0, 180.0
    )
    assert (axis.low, axis.high) == (0.0, 50.0)
    assert labels(axis) == ["0", "10", "20", "30", "40", "50"]


def test_proportions_never_pass_one() -> None:
    axis = build_axis(
        Extent([(99.0, 95.0, 100.0)], pooled=[90.0, 100.0], floor=0.0, ceiling=100.0), False, 0.0, 50.0
    )
    assert (axis.low, axis.high) == (0.0, 100.0)


def test_ratios_have_ticks_at_one_two_five() -> None:
    axis = build_axis(Extent([(1.5, 0.2, 18.0)], always=[1.0]), True, 100.0, 170.0)
    assert labels(axis) == ["0.2", "0.5", "1", "2", "5", "10", "20"]
    assert axis.place(1.0) - axis.place(0.2) == pytest.approx(axis.place(5.0) - axis.place(1.0))


@pytest.mark.parametrize(
    ("low", "high"), [(0.97, 1.04), (0.8, 3.0), (1e-6, 1e6), (1e-200, 1e200), (1e-9, 1e-8)]
)
def test_narrow_and_wide_ratios_have_at_least_three_ticks(low: float, high: float) -> None:
    axis = build_axis(
        Extent([(1.0, low, high)], pooled=[low, high], always=[low, 1.0, high]), True, 100.0, 160.0
    )
    assert len(axis.ticks) >= 3
    # a label says the number at which it stands
    for value, text in axis.ticks:
        if "×" not in text:
            assert float(text.replace("\u202f", "")) == pytest.approx(value, rel=1e-9)


def test_one_wild_interval_does_not_decide_the_limits() -> None:
    usual = [(0.3 + 0.01 * i, 0.2, 0.5) for i in range(6)]
    axis = build_axis(Extent([*usual, (0.4, 0.0, 40.0)], floor=0.0), False, 0.0, 50.0)
    assert axis.high <= 1.0
    assert not axis.holds(40.0)


def test_of_two_intervals_neither_is_cut() -> None:
    extent = Extent([(10.7, 2.3, 28.2), (0.0, 0.0, 8.8)], floor=0.0, ceiling=100.0)
    axis = build_axis(extent, False, 0.0, 50.0)
    assert axis.high == 30.0


def test_the_null_value_and_pooled_values_are_always_on_the_axis() -> None:
    axis = build_axis(Extent([(30.0, 20.0, 45.0)], always=[1.0, 800.0]), True, 0.0, 50.0)
    assert axis.holds(1.0)
    assert axis.holds(800.0)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    st.lists(st.tuples(st.floats(-1e9, 1e9), st.floats(0.0, 1e9), st.floats(0.0, 1e9)), max_size=12),
    st.booleans(),
    st.sampled_from([42.0, 50.0, 110.0]),
)
def test_labels_never_touch_and_places_stay_between_the_ends(
    parts: list[tuple[float, float, float]], log: bool, room: float
) -> None:
    axis = build_axis(Extent([(v, v - a, v + b) for v, a, b in parts]), log, 100.0, 100.0 + room)
    assert axis.low < axis.high
    ends = [(axis.place(v) - text_width(t) / 2, axis.place(v) + text_width(t) / 2) for v, t in axis.ticks]
    assert all(right + TICK_GAP <= left + 1e-6 for (_, right), (left, _) in pairwise(ends))
    for value, *_ in parts:
        assert 100.0 <= axis.place(value) <= 100.0 + room


def test_sizes_stand_on_a_square_root_scale() -> None:
    axis = sqrt_axis(10_000.0, 100.0, 30.0)
    assert axis.place(0.0) == 100.0
    assert (100.0 - axis.place(2_500.0)) * 2 == pytest.approx(100.0 - axis.place(10_000.0))
    assert labels(axis)[0] == "0"
    assert labels(axis)[-1] == "10\u202f000"


def test_lines_break_at_spaces_but_not_inside_numbers() -> None:
    text = "interval of the pooled value 12.7 [10.9, 14.7] where k = 12 and P < 0.001"
    for width in (22.0, 30.0, 45.0):
        lines = wrap_text(text, width)
        assert " ".join(lines) == text
        assert all(text_width(line) <= width for line in lines)
        assert any("[10.9, 14.7]" in line for line in lines)
        assert any("k = 12" in line for line in lines)


def test_words_too_long_for_a_line_break_after_a_hyphen_if_they_can() -> None:
    assert wrap_text("Moreno-Sancho-Villanueva", 26.0) == ["Moreno-Sancho-", "Villanueva"]
    assert len(wrap_text("x" * 500, 20.0, most=3)) == 3
    assert wrap_text("x" * 500, 20.0, most=3)[-1].endswith("…")


def test_clean_text_keeps_typography_and_letters_of_every_script() -> None:
    assert clean_text("  a\n\tb  c ") == "a b c"
    assert clean_text("1\u202f234 מחקר") == "1\u202f234 מחקר"
    assert clean_text("x\u202ey\u200f\x07") == "xy"


def test_empty_text_writes_nothing() -> None:
    sheet = Sheet()
    sheet.write("", 0.0, 0.0)
    assert sheet.texts == []


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.floats(1e-7, 1.0 - 1e-9), min_size=1, max_size=6),
    st.floats(1.001, 50.0),
    st.sampled_from([1.0, 100.0, 10_000.0]),
    st.floats(20.0, 120.0),
)
def test_axes_of_log_odds_hold_their_ticks_and_keep_labels_apart(
    shares: list[float], spread: float, top: float, room: float
) -> None:
    points = [(p * top, p / spread * top, min(p * spread, 1.0) * top) for p in shares]
    axis = build_axis(Extent(points, floor=0.0, ceiling=top), False, 0.0, room, logit=True)
    assert 0.0 < axis.low < axis.high < top
    places = [axis.place(value) for value, _ in axis.ticks]
    assert places == sorted(places)
    assert all(axis.holds(value) for value, _ in axis.ticks)
    widths = [text_width(text) for text in labels(axis)]
    for (a, b), (x, y) in zip(pairwise(places), pairwise(widths), strict=True):
        assert b - a >= (x + y) / 2 + TICK_GAP - 1e-9


def test_shares_have_ticks_at_one_two_five_on_both_sides_of_the_half() -> None:
    axis = build_axis(Extent([(50.0, 0.9, 99.2)], ceiling=100.0), False, 0.0, 140.0, logit=True)
    assert {"1", "50", "99"} <= set(labels(axis))
    assert axis.place(10.0) + axis.place(90.0) == pytest.approx(2 * axis.place(50.0))
