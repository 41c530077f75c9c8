"""Recovery against second computations: order statistics by integration, tests by SciPy, counts by trial."""

from __future__ import annotations

from decimal import ROUND_HALF_DOWN, ROUND_HALF_UP, Decimal
from math import lgamma

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import meta
from meta.effects import recover
from meta.errors import EffectError

NAN = np.array([np.nan])
#: Points of the grid over which normal order statistics are integrated, and how far it reaches.
GRID = np.linspace(-8.0, 8.0, 501)
STEP = GRID[1] - GRID[0]


def order_density(n, i):
    """Return the density of the i-th of n normal order statistics on the grid."""
    log = lgamma(n + 1) - lgamma(i) - lgamma(n - i + 1)
    lower, upper = stats.norm.logcdf(GRID), stats.norm.logsf(GRID)
    return np.exp(log + (i - 1) * lower + (n - i) * upper + stats.norm.logpdf(GRID))


def order_mean(n, i):
    return float(np.sum(GRID * order_density(n, i)) * STEP)


def order_product(n, i, j):
    """Return E of the product of two normal order statistics, by integration over their joint density."""
    if i == j:
        return float(np.sum(GRID**2 * order_density(n, i)) * STEP)
    i, j = min(i, j), max(i, j)
    log = lgamma(n + 1) - lgamma(i) - lgamma(j - i) - lgamma(n - j + 1)
    lower, upper = stats.norm.logcdf(GRID), stats.norm.logsf(GRID)
    cdf = np.exp(lower)
    between = cdf[None, :] - cdf[:, None]
    density = np.where(between > 0.0, np.maximum(between, 1e-300) ** (j - i - 1), 0.0)
    ends = (i - 1) * lower + stats.norm.logpdf(GRID)
    tails = (n - j) * upper + stats.norm.logpdf(GRID)
    weight = np.exp(log + ends[:, None] + tails[None, :]) * density
    return float(GRID @ weight @ GRID * STEP * STEP)


@pytest.mark.parametrize("n", [9, 21, 41, 101])
def test_spreads_from_quantiles_are_unbiased_under_a_normal_distribution(n):
    quarter = (n - 1) // 4
    low, q1 = order_mean(n, 1), order_mean(n, quarter + 1)
    people = np.array([float(n)])
    # worst differences seen: 0.6% for the range, 0.3% for the quartiles, 0.4% for both
    found = recover.sd_from_quantiles(people, np.array([low]), NAN, NAN, np.array([-low]))
    assert found[0] == pytest.approx(1.0, abs=0.01)
    found = recover.sd_from_quantiles(people, NAN, np.array([q1]), np.array([-q1]), NAN)
    assert found[0] == pytest.approx(1.0, abs=0.01)
    both = [np.array([x]) for x in (low, q1, -q1, -low)]
    assert recover.sd_from_quantiles(people, *both)[0] == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("n", [21, 41])
@pytest.mark.parametrize("scenario", ["range", "quartiles", "both"])
def test_means_from_quantiles_have_almost_the_least_variance_there_is(n, scenario):
    quarter = (n - 1) // 4
    places = {
        "range": (1, n),
        "quartiles": (quarter + 1, n - quarter),
        "both": (1, quarter + 1, n - quarter, n),
    }
    places = [*places[scenario], (n + 1) // 2]
    moments = np.array([[order_product(n, i, j) for j in places] for i in places])
    centre = np.array([order_mean(n, i) for i in places])
    covariance = moments - np.outer(centre, centre)
    # the formula is linear and maps a constant to itself: its weights are its answers to unit vectors
    names = {"range": (1, 5), "quartiles": (2, 4), "both": (1, 2, 4, 5)}[scenario]
    weights = []
    for unit in np.eye(len(places)):
        arguments = [np.array([float(n)]), *([NAN] * 5)]
        for name, value in zip((*names, 3), unit, strict=True):
            arguments[name] = np.array([value])
        weights.append(recover.mean_from_quantiles(*arguments)[0])
    weights = np.array(weights)
    assert weights.sum() == pytest.approx(1.0, abs=1e-14)
    inverse = np.linalg.inv(covariance)
    least = 1.0 / inverse.sum()
    assert weights @ covariance @ weights <= 1.02 * least


def test_the_bounds_of_skewness_are_passed_by_one_normal_sample_in_twenty():
    rng = np.random.default_rng(20230)
    sample = np.sort(rng.normal(size=(8000, 41)), axis=1)
    low, q1, median, q3, high = (sample[:, i].copy() for i in (0, 10, 20, 30, 40))
    n, nothing = np.full(8000, 41.0), np.full(8000, np.nan)
    for five in (
        (low, nothing, median, nothing, high),
        (nothing, q1, median, q3, nothing),
        (low, q1, median, q3, high),
    ):
        assert recover.is_skewed(n, *five).mean() == pytest.approx(0.05, abs=0.01)
    skewed = np.exp(sample)
    five = [skewed[:, i].copy() for i in (0, 10, 20, 30, 40)]
    assert recover.is_skewed(n, *five).mean() > 0.6


def test_a_t_test_of_two_samples_gives_back_the_pooled_sd():
    rng = np.random.default_rng(7)
    one, two = rng.normal(3.0, 2.0, 23), rng.normal(2.0, 2.5, 31)
    test = stats.ttest_ind(one, two)
    pooled = np.sqrt((22 * one.var(ddof=1) + 30 * two.var(ddof=1)) / 52)
    difference = np.array([one.mean() - two.mean()])
    sizes = np.array([23.0]), np.array([31.0])
    ways = (
        recover.se_from_t(difference, np.array([test.statistic])),
        recover.se_from_f(difference, np.array([test.statistic**2])),
        recover.se_from_p(difference, np.array([test.pvalue]), np.array([52.0])),
        recover.se_from_interval(
            *(np.array([x]) for x in test.confidence_interval(0.9)), 0.9, np.array([52.0])
        ),
    )
    for se in ways:
        assert recover.sd_from_difference(se, *sizes)[0] == pytest.approx(pooled, rel=1e-9)


def test_without_degrees_of_freedom_a_p_value_is_normal():
    found = recover.se_from_p(np.array([0.4, -0.4, 0.4]), np.array([0.03, 0.03, 1e-12]), NAN)
    expected = [0.4 / stats.norm.isf(0.015), 0.4 / stats.norm.isf(0.015), 0.4 / stats.norm.isf(5e-13)]
    assert found == pytest.approx(expected, rel=1e-12)
    nothing = recover.se_from_p(np.array([0.0, 0.4, 0.4]), np.array([0.5, 1.0, 0.0]))
    assert np.isnan(nothing).all()


def test_the_interval_of_one_mean_gives_back_its_sd():
    rng = np.random.default_rng(8)
    sample = rng.normal(size=17)
    low, high = stats.t.interval(0.95, 16, sample.mean(), stats.sem(sample))
    se = recover.se_from_interval(np.array([low]), np.array([high]), 0.95, np.array([16.0]))
    assert recover.sd_from_se(se, np.array([17.0]))[0] == pytest.approx(sample.std(ddof=1), rel=1e-12)
    with pytest.raises(EffectError, match=r"level must lie between 0 and 1 \(0.95 for 95%\); got 95"):
        recover.se_from_interval(np.array([low]), np.array([high]), 95)


def test_changes_and_their_correlation_agree_with_the_people_behind_them():
    rng = np.random.default_rng(9)
    before = rng.normal(80.0, 12.0, 40)
    after = 0.6 * before + rng.normal(10.0, 8.0, 40)
    spreads = np.array([before.std(ddof=1)]), np.array([after.std(ddof=1)])
    r = np.array([np.corrcoef(before, after)[0, 1]])
    change = np.array([(after - before).std(ddof=1)])
    assert recover.sd_of_change(*spreads, r) == pytest.approx(change, rel=1e-12)
    assert recover.r_from_changes(*spreads, change) == pytest.approx(r, rel=1e-12)
    assert np.isnan(recover.r_from_changes(np.array([1.0]), np.array([1.0]), np.array([3.0])))[0]


def test_the_sd_of_a_percent_change_is_the_delta_method():
    pre, post, minimum, sd_pre, sd_post, r = 90.0, 62.0, 30.0, 12.0, 15.0, 0.4
    h = 1e-5

    def change(a, b):
        return float(recover.percent_change(np.array([a]), np.array([b]), np.array([minimum]))[0])

    gradient = np.array(
        [
            (change(pre + h, post) - change(pre - h, post)) / (2 * h),
            (change(pre, post + h) - change(pre, post - h)) / (2 * h),
        ]
    )
    covariance = np.array([[sd_pre**2, r * sd_pre * sd_post], [r * sd_pre * sd_post, sd_post**2]])
    found = recover.sd_of_percent_change(*(np.array([x]) for x in (pre, post, minimum, sd_pre, sd_post, r)))
    assert found[0] == pytest.approx(np.sqrt(gradient @ covariance @ gradient), rel=1e-8)
    assert change(90.0, 60.0) == -50.0
    assert np.isnan(change(30.0, 30.0))


@pytest.mark.parametrize(
    ("percent", "decimals"), [("45", 0), ("12.5", 1), ("33.3", 1), ("8.33", 2), ("100", 0)]
)
def test_counts_that_print_as_a_percentage_are_those_found_by_trial(percent, decimals):
    unit = Decimal(1).scaleb(-decimals)
    for n in range(1, 400):
        fits = [
            x
            for x in range(n + 1)
            for share in [Decimal(100 * x) / Decimal(n)]
            if Decimal(percent)
            in (share.quantize(unit, ROUND_HALF_UP), share.quantize(unit, ROUND_HALF_DOWN))
        ]
        low, high = recover.compatible_counts(
            np.array([float(percent)]), np.array([float(n)]), np.array([decimals])
        )
        assert list(range(int(low[0]), int(high[0]) + 1)) == fits, n
        nearest = recover.counts_from_percent(np.array([float(percent)]), np.array([float(n)]))[0]
        assert not fits or fits[0] <= nearest <= fits[-1]


def sizes(frame, measure, columns, **sources):
    return meta.effect_sizes(pd.DataFrame(frame), measure, **{key: key for key in columns}, recover=sources)


def test_a_cell_that_is_there_is_never_replaced_and_keeps_no_record():
    frame = {"mean": [5.0, None], "sd": [2.0, None], "n": [30, 30], "median": [9.0, 9.0], "q1": [8.0, 8.0],
             "q3": [10.0, 10.0]}  # fmt: skip
    effects = sizes(frame, "MN", ("mean", "sd", "n"), median="median", q1="q1", q3="q3")
    assert effects.y[0] == 5.0
    assert effects.recovered[0] is None
    assert effects.y[1] == 9.0
    assert "Luo 2018" in effects.recovered[1]


@pytest.mark.parametrize("way", [{"v": "v"}, {"se": "se"}, {"low": "low", "high": "high"}])
def test_a_p_value_fills_the_precision_in_the_form_of_the_other_rows(way):
    half = stats.norm.isf(0.025) * 0.1
    frame = {"y": [0.5, 0.4], "v": [0.01, None], "se": [0.1, None], "low": [0.5 - half, None],
             "high": [0.5 + half, None], "p": [None, 0.03]}  # fmt: skip
    effects = meta.effect_sizes(pd.DataFrame(frame), "GEN", y="y", **way, recover={"p": "p"})
    expected = (0.4 / stats.norm.isf(0.015)) ** 2
    assert effects.v == pytest.approx([0.01, expected], rel=1e-12)


def test_a_reported_ratio_is_read_on_its_own_scale_and_doubted_where_it_is_lopsided():
    frame = {"or": [1.5, 1.5], "from": [1.0, 1.4], "to": [2.25, 2.5]}
    effects = meta.effect_sizes(
        pd.DataFrame(frame), "OR", recover={"reported": "or", "reported_low": "from", "reported_high": "to"}
    )
    assert effects.y == pytest.approx([np.log(1.5)] * 2)
    assert effects.v[0] == pytest.approx((np.log(2.25) / (2 * stats.norm.isf(0.025))) ** 2)
    assert effects.warnings[0] is None
    assert effects.warnings[1].startswith("2: from to to does not lie evenly about the effect")


def test_ratios_of_means_take_the_lowest_score_off_and_say_so():
    frame = {"mean_pre": [90.0], "mean_post": [60.0], "sd_pre": [10.0], "sd_post": [10.0], "n": [40],
             "r": [0.5], "form": [30]}  # fmt: skip
    keys = ("mean_pre", "mean_post", "sd_pre", "sd_post", "n", "r")
    assert sizes(frame, "ROMC", keys).y[0] == pytest.approx(np.log(60 / 90))
    effects = sizes(frame, "ROMC", keys, scale_minimum="form")
    assert effects.y[0] == pytest.approx(np.log(30 / 60))
    assert "the lowest score of the scale is subtracted" in effects.recovered[0]


def test_a_skewed_median_is_a_warning_that_names_the_row():
    frame = {"n": [80], "median": [3.0], "q1": [2.5], "q3": [9.0]}
    effects = sizes(frame, "MN", ("n",), median="median", q1="q1", q3="q3")
    assert effects.warnings[0].startswith(
        "1: median and its quantiles speak against a symmetric distribution"
    )


@pytest.mark.parametrize(
    ("frame", "sources", "words"),
    [
        ({"q1": [5.0], "q3": [4.0], "median": [4.5]}, ("median", "q1", "q3"), "q1 must not exceed q3"),
        ({"se_mean": [-1.0]}, ("se_mean",), "se_mean must be > 0"),
        (
            {"low_mean": [2.0], "high_mean": [1.0]},
            ("low_mean", "high_mean"),
            "low_mean must be below high_mean",
        ),
    ],
)
def test_impossible_numbers_are_named_with_their_row(frame, sources, words):
    full = {"mean": [None], "sd": [None], "n": [30], **frame}
    with pytest.raises(EffectError, match=f"1 row with impossible numbers: row 1 .*{words}"):
        sizes(full, "MN", ("mean", "sd", "n"), **{key: key for key in sources})
