"""Every number that people read passes through ``meta.tables.numbers``."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meta.tables import numbers

THIN = "\u202f"


@pytest.mark.parametrize(
    ("x", "decimals", "text"),
    [
        (17.14, 1, "17.1"),
        (-0.304, 2, "−0.30"),
        (-0.001, 2, "0.00"),
        (1234567.0, 0, f"1{THIN}234{THIN}567"),
        (-1234.5, 1, f"−1{THIN}234.5"),
        (0.285, 2, "0.28"),
        (0.295, 2, "0.30"),
        (None, 1, "–"),
        (math.nan, 1, "–"),
        (math.inf, 1, "∞"),
        (-math.inf, 1, "−∞"),
        (7, 0, "7"),
        (2.449e17, 2, "2.4×10¹⁷"),
        (-1e300, 2, "−1.0×10³⁰⁰"),
        (1e-300, 2, "0.00"),
        # more digits than Decimal keeps by default
        (1e11, 20, "100\u202f000\u202f000\u202f000." + 20 * "0"),
    ],
)
def test_number(x: float, decimals: int, text: str) -> None:
    assert numbers.number_text(x, decimals) == text


@pytest.mark.parametrize(
    ("values", "decimals"),
    [
        ((17.1, 13.9, 21.0), 1),
        ((1.73, 0.95, 3.15), 2),
        ((4.24, 3.16, 5.69), 2),
        ((17.12, 17.10, 17.14), 2),
        ((5000.0, 4000.0, 6000.0), 0),
        ((0.045, 0.031, 0.062), 3),
        ((0.0, 0.0, 3.7), 2),
        ((100.0, 97.5, 100.0), 1),
        ((None, None, None), 0),
        ((1.0, -math.inf, math.inf), 2),
    ],
)
def test_decimals(values: tuple[float | None, ...], decimals: int) -> None:
    assert numbers.decimals_for(values) == decimals


def test_ratios_keep_two_decimals() -> None:
    assert numbers.decimals_for((22.31, 1.44, 345.0), least=2) == 2


def test_column_takes_the_middle_row_and_collapses_none() -> None:
    column = [(20.5, 15.8, 26.1), (23.8, 22.9, 24.8), (5.2, 3.9, 6.8)]
    assert numbers.column_decimals(column) == 1
    assert numbers.column_decimals([*column, (0.05, 0.04, 0.06)]) == 2
    assert numbers.column_decimals([(0.0, 0.0, 3.7), *column]) == 1
    assert numbers.column_decimals([]) == 0


def test_intervals() -> None:
    assert numbers.interval_text(12.71, 10.88, 14.70, 1) == "12.7 [10.9, 14.7]"
    assert numbers.interval_text(12.71, None, None, 1) == "12.7"
    assert numbers.interval_text(None, None, None, 1) == "–"
    assert numbers.interval_text(-0.2, -0.5, 0.1, 1) == "−0.2 [−0.5, 0.1]"
    assert numbers.bounds_text(None, None, 1) == "–"
    assert numbers.bounds_text(0.5, math.inf, 1) == "[0.5, ∞]"
    assert numbers.range_text(10.88, 14.70, 1) == "10.9 to 14.7"
    assert numbers.range_text(None, math.nan, 1) == "–"


@pytest.mark.parametrize(
    ("p", "text"),
    [
        (0.0, "P < 0.001"),
        (0.00099, "P < 0.001"),
        (0.001, "P = 0.001"),
        (0.0424, "P = 0.042"),
        (0.314, "P = 0.31"),
        (1.0, "P = 1.00"),
        (None, "–"),
    ],
)
def test_p(p: float | None, text: str) -> None:
    assert numbers.p_text(p) == text


def test_p_in_a_column() -> None:
    assert [numbers.p_number_text(p) for p in (1e-9, 0.042, None)] == ["< 0.001", "0.042", "–"]


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (0.0, "0"),
        (0.28349, "0.283"),
        (1.1475, "1.15"),
        (0.9996, "1.00"),
        (12.34, "12.3"),
        (4321.0, f"4{THIN}321"),
        (0.00012345, "0.000123"),
        (0.00005, "< 0.0001"),
        (None, "–"),
        (math.inf, "∞"),
    ],
)
def test_tau2(x: float | None, text: str) -> None:
    assert numbers.tau2_text(x) == text


def test_small_words() -> None:
    assert numbers.percent_text(93.7) == "94%"
    assert numbers.percent_text(None) == "–"
    assert [numbers.level_text(level) for level in (0.95, 0.995, 0.9)] == ["95%", "99.5%", "90%"]
    assert [numbers.count_text(x) for x in (1170.0, 95.5, 0.25, None)] == [f"1{THIN}170", "95.5", "0.25", "–"]
    assert [numbers.df_text(x) for x in (11.0, 7.43, math.inf, None)] == ["11", "7.4", "∞", "–"]


@settings(deadline=None, max_examples=200, derandomize=True)
@given(st.floats(-1e6, 1e6), st.integers(0, 6))
def test_text_reads_back_within_half_a_unit(x: float, decimals: int) -> None:
    back = float(numbers.number_text(x, decimals).replace(THIN, "").replace("−", "-"))
    assert abs(back - x) <= 0.5 * 10.0**-decimals * (1 + 1e-9)


@settings(deadline=None, max_examples=200, derandomize=True)
@given(st.floats(0.001, 1e5), st.floats(0.001, 0.5))
def test_an_interval_never_collapses(value: float, relative: float) -> None:
    low, high = value * (1 - relative), value * (1 + relative)
    decimals = numbers.decimals_for((value, low, high))
    if decimals < numbers.MOST_DECIMALS:
        assert len({numbers.number_text(x, decimals) for x in (low, value, high)}) == 3


@pytest.mark.parametrize(
    ("value", "text"),
    [(20.0, "20"), (0.005, "0.005"), (0.825, "0.825"), (1.25, "1.25"), (1e-7, "0.0000001"), (None, "–")],
)
def test_what_was_declared_is_shown_as_it_was_given(value, text):
    assert numbers.declared_text(value) == text


def test_columns_of_means_share_the_decimals_of_their_finest_cell() -> None:
    assert numbers.sheet_decimals([24.1, 22.0, None]) == 1
    assert numbers.sheet_decimals([24.0, 22.0]) == 0
    assert numbers.sheet_decimals([0.5, 0.25, 0.333333]) == 2
    assert numbers.sheet_decimals([0.00123456, 2.0]) == 5
    assert numbers.sheet_decimals([]) == 0


def test_small_numbers_of_a_sheet_keep_three_digits() -> None:
    assert [numbers.count_text(x) for x in (12.0, 453.5, 12.346, 0.05, 0.00123456)] == [
        "12",
        "453.5",
        "12.35",
        "0.05",
        "0.00123",
    ]
