"""What can be recovered for each measure: from which columns, by which formula, in which order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from meta.effects import recover
from meta.effects.entry import Measure
from meta.effects.measures import to_analysis
from meta.results import Floats

Values = Mapping[str, Floats]
Formula = Callable[[Values], Floats]

#: Measures of two means in which both groups may be given the SD that a t test pools; a comparison of the
#: spreads themselves, or one that keeps them apart, is not made of it.
_POOLED = ("MD", "SMD", "ROM", "D2ORN")
#: Measures that divide means, of which the lowest score of a scale is no zero.
_RATIOS = ("ROM", "ROMC")

_HANDBOOK = "Cochrane Handbook"


@dataclass(frozen=True, slots=True)
class Step:
    """One way to a number that a row lacks.

    Attributes
    ----------
    targets : tuple of str
        Keywords that it fills, all with one formula; rows in which one of them is there are left alone.
    sources : tuple of str
        Keywords of what the paper reports instead, each of which must be named.
    others : tuple of str
        Further keywords that the formula reads where they are named.
    compute : callable
        From the values by keyword to the numbers, one array a target, NaN where a row lacks a source.
    words : str
        The formula and where it comes from.
    overrides : bool
        Whether it replaces what is there instead of filling what is not.
    unless : str
        A source beside which it is not taken: points are no stand-in where percent are asked for.
    """

    targets: tuple[str, ...]
    sources: tuple[str, ...]
    others: tuple[str, ...]
    compute: Callable[[Values], tuple[Floats, ...]]
    words: str
    overrides: bool = False
    unless: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """The keywords of one group of people: 1, 2, or nothing where there is one."""

    mark: str

    def name(self, word: str) -> str:
        """Return a keyword: ``sd1``, ``q1_1``; ``se_mean`` where ``se`` alone would be that of y."""
        if not self.mark:
            return f"{word}_mean" if word in ("se", "low", "high") else word
        return f"{word}_{self.mark}" if word in ("q1", "q3", "min", "max") else f"{word}{self.mark}"


def all_steps(measure: Measure, ready: bool, level: float) -> Iterator[Step]:
    """Yield every way to recover something for a measure, the best first.

    Parameters
    ----------
    measure : Measure
        The measure.
    ready : bool
        Whether its rows are given as y with their precision.
    level : float
        Level of the intervals that papers report.
    """
    if ready:
        yield from _ready_steps(measure, level)
        return
    known = (*measure.columns, *measure.optional)
    for mark in ("", "1", "2"):
        if f"events{mark}" in known and f"n{mark}" in known:
            yield _count_step(mark)
        if f"sd{mark}" in known:
            yield from _group_steps(Group(mark), f"mean{mark}" in known, level)
    if measure.code in _POOLED:
        yield from _difference_steps()
    if "sd_pre" in known:
        yield from _change_steps()
    if measure.code in _RATIOS:
        names = tuple(name for name in known if name.startswith("mean"))
        yield Step(
            names, ("scale_minimum",), (), lambda v: tuple(v[name] - v["scale_minimum"] for name in names),
            "the lowest score of the scale is subtracted: a ratio needs a true zero (Leucht et al. 2007)",
            overrides=True,
        )  # fmt: skip


def _count_step(mark: str) -> Step:
    events, n, percent = f"events{mark}", f"n{mark}", f"percent{mark}"
    return Step(
        (events,), (percent,), (n,), lambda v: (recover.counts_from_percent(v[percent], v[n]),),
        "nearest whole number of n times the percentage",
    )  # fmt: skip


def _group_steps(group: Group, has_mean: bool, level: float) -> Iterator[Step]:
    """Yield the ways to the mean and SD of one group, changes before quantiles."""
    sd, n = group.name("sd"), group.name("n")
    se, low, high = group.name("se"), group.name("low"), group.name("high")
    yield Step(
        (sd,), (se,), (n,), lambda v: (recover.sd_from_se(v[se], v[n]),),
        f"SD = SE sqrt(n) ({_HANDBOOK} 6.5.2.2)",
    )  # fmt: skip
    yield Step(
        (sd,), (low, high), (n,), lambda v: (_sd_of_interval(v[low], v[high], v[n], level),),
        f"SD = sqrt(n) (high - low) / (2 t), t with n - 1 df ({_HANDBOOK} 6.5.2.2)",
    )  # fmt: skip
    yield from _changes_of_group(group, has_mean)
    quartiles = group.name("q1"), group.name("q3")
    extremes = group.name("min"), group.name("max")
    every = (*extremes, *quartiles)
    yield from _quantile_steps(
        group, every, has_mean, "range and quartiles", "Luo 2018, eq. 15", "Shi 2020, eq. 10"
    )
    yield from _quantile_steps(
        group, quartiles, has_mean, "quartiles", "Luo 2018, eq. 11", "Wan 2014, eq. 16"
    )
    yield from _quantile_steps(group, extremes, has_mean, "range", "Luo 2018, eq. 7", "Wan 2014, eq. 9")


def _quantile_steps(
    group: Group, sources: tuple[str, ...], has_mean: bool, what: str, mean_source: str, sd_source: str
) -> Iterator[Step]:
    """Yield the ways from the median with some quantiles to the mean, and from these to the SD."""
    n, median = group.name("n"), group.name("median")
    if has_mean:
        yield Step(
            (group.name("mean"),), (median, *sources), (n,),
            lambda v: (recover.mean_from_quantiles(v[n], *_quantiles(v, sources, group, v[median])),),
            f"mean of a symmetric distribution by median, {what} and n ({mean_source})",
        )  # fmt: skip
    yield Step(
        (group.name("sd"),), sources, (n,),
        lambda v: (recover.sd_from_quantiles(v[n], *_quantiles(v, sources, group)),),
        f"SD of a normal distribution by {what} and n ({sd_source})",
    )  # fmt: skip


def _changes_of_group(group: Group, has_mean: bool) -> Iterator[Step]:
    """Yield the ways from means and SDs before and after to those of the change, in points or percent."""
    mean, sd = group.name("mean"), group.name("sd")
    pre, post, sd_pre, sd_post = (group.name(word) for word in ("mean_pre", "mean_post", "sd_pre", "sd_post"))
    means, spreads = (pre, post), (sd_pre, sd_post, "r")
    if has_mean:
        yield Step(
            (mean,), (*means, "scale_minimum"), (),
            lambda v: (recover.percent_change(v[pre], v[post], v["scale_minimum"]),),
            "change in percent of the mean before less the lowest score of the scale (Leucht et al. 2007)",
        )  # fmt: skip
        yield Step(
            (mean,), means, (), lambda v: (v[post] - v[pre],), "change = after - before",
            unless="scale_minimum",
        )  # fmt: skip
    yield Step(
        (sd,), (*means, "scale_minimum", *spreads), (),
        lambda v: (recover.sd_of_percent_change(*(v[x] for x in (*means, "scale_minimum", *spreads))),),
        "SD of the change in percent of the mean before less the lowest score of the scale (delta method)",
    )  # fmt: skip
    yield Step(
        (sd,), spreads, (), lambda v: (recover.sd_of_change(v[sd_pre], v[sd_post], v["r"]),),
        f"SD = sqrt(SD_pre^2 + SD_post^2 - 2 r SD_pre SD_post) ({_HANDBOOK} 6.5.2.8)",
        unless="scale_minimum",
    )  # fmt: skip


def _difference_steps() -> Iterator[Step]:
    """Yield the ways from the test of two means to the SD that both groups share."""
    yield _shared_sd("t", "SE = |difference / t|", lambda v: recover.se_from_t(_difference(v), v["t"]))
    yield _shared_sd("f", "SE = |difference| / sqrt(F)", lambda v: recover.se_from_f(_difference(v), v["f"]))
    yield _shared_sd(
        "p", "SE = |difference| / t of the two-sided P with n1 + n2 - 2 df",
        lambda v: recover.se_from_p(_difference(v), v["p"], v["n1"] + v["n2"] - 2.0),
    )  # fmt: skip


def _difference(v: Values) -> Floats:
    return np.asarray(v["mean1"] - v["mean2"])


def _shared_sd(source: str, words: str, se: Formula) -> Step:
    return Step(
        ("sd1", "sd2"), (source,), ("mean1", "n1", "mean2", "n2"),
        lambda v: (recover.sd_from_difference(se(v), v["n1"], v["n2"]),) * 2,
        f"{words}, SD = SE / sqrt(1/n1 + 1/n2) in both groups ({_HANDBOOK} 6.5.2.3)",
    )  # fmt: skip


def _change_steps() -> Iterator[Step]:
    """Yield the ways to the SDs before and after, and from the SD of the change to their correlation."""
    for sd, se in (("sd_pre", "se_pre"), ("sd_post", "se_post")):
        yield _spread_step(sd, se)
    yield _correlation_step("sd_change", (), "", lambda v: v["sd_change"])
    yield _correlation_step(
        "se_change", ("n",), "SD_change = SE sqrt(n), ", lambda v: recover.sd_from_se(v["se_change"], v["n"])
    )
    means = ("mean_pre", "mean_post", "n")
    yield _correlation_step(
        "t", means, "SD_change = sqrt(n) |change / t|, ",
        lambda v: recover.sd_from_se(recover.se_from_t(v["mean_post"] - v["mean_pre"], v["t"]), v["n"]),
    )  # fmt: skip
    yield _correlation_step(
        "p", means, "SD_change = sqrt(n) |change| / t of the two-sided P with n - 1 df, ",
        lambda v: recover.sd_from_se(
            recover.se_from_p(v["mean_post"] - v["mean_pre"], v["p"], v["n"] - 1.0), v["n"]
        ),
    )  # fmt: skip


def _spread_step(sd: str, se: str) -> Step:
    return Step(
        (sd,), (se,), ("n",), lambda v: (recover.sd_from_se(v[se], v["n"]),),
        f"SD = SE sqrt(n) ({_HANDBOOK} 6.5.2.2)",
    )  # fmt: skip


def _correlation_step(source: str, others: tuple[str, ...], words: str, sd_change: Formula) -> Step:
    return Step(
        ("r",), (source,), (*others, "sd_pre", "sd_post"),
        lambda v: (recover.r_from_changes(v["sd_pre"], v["sd_post"], sd_change(v)),),
        f"{words}r = (SD_pre^2 + SD_post^2 - SD_change^2) / (2 SD_pre SD_post) ({_HANDBOOK} 6.5.2.8)",
    )  # fmt: skip


def _ready_steps(measure: Measure, level: float) -> Iterator[Step]:
    """Yield the ways to ready-made y and its standard error."""
    code = measure.code
    scale = "" if measure.transform == "identity" else f" on the {measure.transform.replace('_', ' ')} scale"
    yield Step(
        ("y",), ("reported",), (), lambda v: (_finite(to_analysis(code, v["reported"])),),
        f"the reported {measure.name}{scale}",
    )  # fmt: skip
    yield Step(
        ("se",), ("reported_low", "reported_high"), (),
        lambda v: (_finite(recover.se_from_interval(
            to_analysis(code, v["reported_low"]), to_analysis(code, v["reported_high"]), level
        )),),
        f"SE = (high - low) / (2 z){scale} ({_HANDBOOK} 6.3.1)",
    )  # fmt: skip
    yield Step(
        ("se",), ("t",), ("y",), lambda v: (recover.se_from_t(v["y"], v["t"]),),
        f"SE = |y / t| ({_HANDBOOK} 6.3.2)",
    )  # fmt: skip
    yield Step(
        ("se",), ("f",), ("y",), lambda v: (recover.se_from_f(v["y"], v["f"]),),
        "SE = |y| / sqrt(F), F on 1 df and more",
    )  # fmt: skip
    yield Step(
        ("se",), ("p",), ("y", "df"), lambda v: (recover.se_from_p(v["y"], v["p"], v.get("df")),),
        f"SE = |y| / quantile of the two-sided P: of t where df is given, else normal ({_HANDBOOK} 6.3.2)",
    )  # fmt: skip


def precision_values(se: Floats, y: Floats, way: Sequence[str], level: float) -> tuple[Floats, ...]:
    """Return a standard error as the precision that the other rows give: ``v``, ``se``, or an interval."""
    if tuple(way) == ("v",):
        return (np.square(se),)
    if tuple(way) == ("low", "high"):
        half = -ndtri((1.0 - level) / 2.0) * se
        return y - half, y + half
    return (se,)


def _sd_of_interval(low: Floats, high: Floats, n: Floats, level: float) -> Floats:
    return recover.sd_from_se(recover.se_from_interval(low, high, level, n - 1.0), n)


def _quantiles(
    v: Values, sources: Sequence[str], group: Group, median: Floats | None = None
) -> tuple[Floats, ...]:
    """Return minimum, quartiles and maximum (the median between them, where given); NaN where not used.

    Where the sheet has range and quartiles, a row with one of the two only is for the steps that follow.
    """
    there = np.isfinite(np.sum([v[name] for name in sources], axis=0))
    nothing = np.full(there.shape, np.nan)
    names = [group.name(word) for word in ("min", "q1", "q3", "max")]
    low, q1, q3, high = (np.where(there, v[name], np.nan) if name in sources else nothing for name in names)
    return (low, q1, q3, high) if median is None else (low, q1, median, q3, high)


def _finite(values: Floats) -> Floats:
    return np.where(np.isfinite(values), values, np.nan)
