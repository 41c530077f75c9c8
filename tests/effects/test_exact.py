"""Exact intervals against scipy.stats, and what they must always do."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from meta.effects.exact import (
    clopper_pearson,
    clopper_pearson_high,
    clopper_pearson_low,
    poisson_exact,
    poisson_exact_high,
    poisson_exact_low,
)

LAWS = settings(deadline=None, max_examples=100, derandomize=True)
#: Worst relative difference seen: 2e-13 (quantiles found by root search).
RTOL = 1e-10

counts_of_people = st.integers(1, 100_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
levels = st.sampled_from([0.5, 0.8, 0.9, 0.95, 0.99, 0.999])


@LAWS
@given(counts_of_people, levels)
def test_proportion_agrees_with_scipy_stats(counts: tuple[int, int], level: float) -> None:
    events, n = counts
    expected = stats.binomtest(events, n).proportion_ci(level, method="exact")
    low, high = clopper_pearson(events, n, level)
    assert low == pytest.approx(expected.low, rel=1e-8)
    assert high == pytest.approx(expected.high, rel=1e-8)
    assert low <= events / n <= high
    assert (low == 0.0) == (events == 0)
    assert (high == 1.0) == (events == n)


@LAWS
@given(counts_of_people, levels)
def test_proportion_bounds_solve_their_equations(counts: tuple[int, int], level: float) -> None:
    events, n = counts
    low, high = clopper_pearson(events, n, level)
    tail = (1.0 - level) / 2.0
    if events > 0:
        assert stats.binom.sf(events - 1, n, low) == pytest.approx(tail, rel=1e-7)
    if events < n:
        assert stats.binom.cdf(events, n, high) == pytest.approx(tail, rel=1e-7)


@LAWS
@given(st.integers(0, 100_000), st.floats(1e-3, 1e6), levels)
def test_rate_agrees_with_scipy_stats(events: int, time: float, level: float) -> None:
    low, high = poisson_exact(events, time, level)
    tail = (1.0 - level) / 2.0
    assert high == pytest.approx(stats.chi2.isf(tail, 2 * events + 2) / 2.0 / time, rel=RTOL)
    expected_low = stats.chi2.ppf(tail, 2 * events) / 2.0 / time if events else 0.0
    assert low == pytest.approx(expected_low, rel=RTOL)
    assert low <= events / time <= high


@LAWS
@given(counts_of_people, st.floats(0.1, 1e4), levels)
def test_one_sided_bounds_are_two_sided_ones_of_another_level(
    counts: tuple[int, int], time: float, level: float
) -> None:
    events, n = counts
    wider = 1.0 - 2.0 * (1.0 - level)
    if wider <= 0.0:
        return
    low, high = clopper_pearson(events, n, wider)
    assert clopper_pearson_low(events, n, level) == pytest.approx(low, rel=1e-8)
    assert clopper_pearson_high(events, n, level) == pytest.approx(high, rel=1e-8)
    low, high = poisson_exact(events, time, wider)
    assert poisson_exact_low(events, time, level) == pytest.approx(low, rel=RTOL)
    assert poisson_exact_high(events, time, level) == pytest.approx(high, rel=RTOL)


@LAWS
@given(counts_of_people)
def test_wider_level_wider_interval(counts: tuple[int, int]) -> None:
    events, n = counts
    narrow, wide = clopper_pearson(events, n, 0.9), clopper_pearson(events, n, 0.99)
    assert wide[0] <= narrow[0] <= narrow[1] <= wide[1]


def test_no_events_gives_the_closed_form() -> None:
    # P(no events in 60) = (1 - p)^60 = 0.05; for a rate exp(-120 r) = 0.05
    assert clopper_pearson_high(0, 60, 0.95) == pytest.approx(1.0 - 0.05 ** (1 / 60), rel=1e-12)
    assert clopper_pearson_low(60, 60, 0.95) == pytest.approx(0.05 ** (1 / 60), rel=1e-12)
    assert poisson_exact_high(0, 120.0, 0.95) == pytest.approx(-np.log(0.05) / 120.0, rel=1e-12)
    assert clopper_pearson_low(0, 60, 0.95) == 0.0
    assert clopper_pearson_high(60, 60, 0.95) == 1.0
    assert poisson_exact_low(0, 120.0, 0.95) == 0.0


def test_arrays_keep_missing_and_refuse_no_size() -> None:
    low, high = clopper_pearson([0.0, 3.0, np.nan, 0.0], [10.0, np.nan, 5.0, 0.0], 0.95)
    np.testing.assert_array_equal(np.isnan(low), [False, True, True, True])
    np.testing.assert_array_equal(np.isnan(high), [False, True, True, True])
    low, high = poisson_exact([0.0, 3.0, np.nan, 0.0], [10.0, np.nan, 5.0, 0.0], 0.95)
    np.testing.assert_array_equal(np.isnan(low), [False, True, True, True])
    np.testing.assert_array_equal(np.isnan(high), [False, True, True, True])


def test_millions_of_people() -> None:
    low, high = clopper_pearson(1_696, 4_000_000, 0.95)
    assert 4.0e-4 < low < 4.24e-4 < high < 4.5e-4
