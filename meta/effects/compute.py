"""From rows to effect sizes, and the interval of each study by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from extraction.sheet import RowRef, Sheet
from meta.effects.cells import make_labels, read_cells
from meta.effects.choices import choose_variance, make_correction
from meta.effects.columns import check_numbers, given_columns, needed_columns
from meta.effects.exact import clopper_pearson, poisson_exact
from meta.effects.formulas import compute_effects
from meta.effects.measures import find_measure, to_natural
from meta.effects.reasons import find_implausible, why_no_effect, why_unusable
from meta.effects.recovered_rows import plan_recovery, recover_rows
from meta.effects.sizes import EffectSizes
from meta.errors import EffectError
from meta.results import Excluded, Floats

if TYPE_CHECKING:
    import pandas as pd

Bools = NDArray[np.bool_]
T = TypeVar("T")


def effect_sizes(
    data: Sheet | pd.DataFrame,
    measure: str = "PLO",
    *,
    label: str | Sequence[str] | None = None,
    add: float | None = None,
    to: str = "only0",
    drop00: bool | None = None,
    variance: str | None = None,
    events: str | None = None,
    n: str | None = None,
    time: str | None = None,
    events1: str | None = None,
    n1: str | None = None,
    events2: str | None = None,
    n2: str | None = None,
    time1: str | None = None,
    time2: str | None = None,
    mean: str | None = None,
    sd: str | None = None,
    mean1: str | None = None,
    sd1: str | None = None,
    mean2: str | None = None,
    sd2: str | None = None,
    mean_pre: str | None = None,
    mean_post: str | None = None,
    sd_pre: str | None = None,
    sd_post: str | None = None,
    r: str | None = None,
    controls: str | None = None,
    y: str | None = None,
    v: str | None = None,
    se: str | None = None,
    low: str | None = None,
    high: str | None = None,
    level: float = 0.95,
    recover: Mapping[str, str] | None = None,
    refs: Mapping[str, tuple[RowRef, ...]] | None = None,
) -> EffectSizes:
    """Compute the effect size and sampling variance of each row.

    Parameters
    ----------
    data : Sheet or DataFrame
        One row a study (or an arm).
    measure : str
        A code of ``meta.effects.measures.MEASURES``; columns by what is compared (1 is the treatment):
        ``events, n`` for PR PLN PLO PAS PFT; ``events, time`` for IR IRLN IRS IRFT; ``mean, sd, n`` for MN
        MNLN CVLN, ``sd, n`` for SDLN; ``events1, n1, events2, n2`` for OR RR RD AS PETO YUQ PHI OR2DN;
        ``events1, time1, events2, time2`` for IRR IRD IRSD; ``mean1, sd1, n1, mean2, sd2, n2`` for MD SMD
        SMDH ROM CVR D2ORN, without the means for VR; ``mean_pre, mean_post, sd_pre, sd_post, n, r`` (after
        minus before) for MC SMCC SMCRH ROMC, without ``sd_post`` for SMCR; ``r, n`` for COR UCOR ZCOR, with
        ``controls`` for PCOR ZPCOR; ready-made numbers for ``GEN``. Ready-made ``y``, on the analysis scale,
        may stand in for the numbers behind any but ``PFT`` and ``IRFT``.
    label : str or sequence of str, optional
        Column, or columns joined by a space, that names each row; row numbers where none is given.
    add, to : float, {"only0", "all", "if0all", "none", "treatment_arm"}
        Continuity correction as in metafor's ``escalc``: how much is added to each cell, and of which
        studies. By default 1/2 where a study has a zero cell, and nothing for PETO, AS, PHI, IRSD, PAS, PFT,
        IRS, IRFT (Peto's O - E and V exist with empty cells, and are pooled as they are). ``treatment_arm``
        (two groups only) adds n_i / (n_1 + n_2) to the cells of arm i where a study has a zero cell (Sweeting
        2004), person-time in the place of n for rates; another ``add`` than 1/2 scales it. Nothing happens
        where no cell can be zero.
    drop00 : bool, optional
        Whether a study without events, or with nothing but events, in both arms has no effect size (it keeps
        its place, with the reason). By default yes for the odds, risk and rate ratios and what is made of an
        odds ratio (OR RR PETO IRR YUQ OR2DN), no for the rest.
    variance : str, optional
        Which formula gives the sampling variance, of those that the registry lists for the measure (``LS``,
        the usual large-sample one, unless given); what each means stands with the formula.
    events, n, time, events1, n1, events2, n2, time1, time2 : str, optional
        Names of the columns of counts and person-times that the measure needs.
    mean, sd, mean1, sd1, mean2, sd2, mean_pre, mean_post, sd_pre, sd_post : str, optional
        Names of the columns of means and standard deviations that the measure needs.
    r, controls : str, optional
        Names of the columns of the correlation (of the two variables; before with after), and of the number
        of variables that a partial correlation controls for.
    y, v, se, low, high : str, optional
        Names of the columns of ready-made effect sizes, on the analysis scale, with one of: the variance
        ``v``, the standard error ``se``, or the bounds ``low`` and ``high`` of an interval symmetric on that
        scale.
    level : float
        Level of the interval ``low`` to ``high``, and of the intervals among ``recover``.
    recover : mapping of str to str, optional
        Columns of what papers report instead, by keyword, read only in rows whose own cell is empty (or has
        no column at all). For a mean or SD of group 1: ``se1``; ``low1, high1``; ``median1`` with
        ``q1_1, q3_1``, with ``min_1, max_1`` or both; ``mean_pre1, mean_post1, sd_pre1, sd_post1, r`` for a
        change, in percent beside ``scale_minimum`` (one group: ``se_mean``, ``low_mean, high_mean``,
        ``median``, ``q1, q3``, ``min, max``, ``mean_pre``, ...); ``t``, ``f`` or two-sided ``p`` of two means
        for an SD that both share. For ``events1``: ``percent1`` beside ``n1``. For measures before and after:
        ``se_pre``, ``se_post``, and for ``r`` one of ``sd_change, se_change, t, p``. For ROM and ROMC:
        ``scale_minimum``, which is subtracted from every mean. For ready-made y: ``reported`` with
        ``reported_low, reported_high`` on the natural scale, ``t``, ``f`` (1 df), ``p`` with or without
        ``df``. ``EffectSizes.recovered`` says what was done, study by study.
    refs : mapping of label to tuple of RowRef, optional
        Sheet rows behind a label, where they are not simply the row itself.

    Returns
    -------
    EffectSizes
        Rows whose numbers are missing are in ``excluded`` with the reason; every column is in ``columns``.

    Raises
    ------
    EffectError
        If the measure or a column is unknown, a column is missing or not used, labels repeat, or numbers
        contradict each other (events above n, negative or fractional counts, an interval upside down); all
        rows at fault are named.

    References
    ----------
    Viechtbauer (2010), Journal of Statistical Software 36(3), 1-48 (measures and corrections).
    """
    chosen = find_measure(measure)
    given = given_columns(
        {
            "events": events,
            "n": n,
            "time": time,
            "events1": events1,
            "n1": n1,
            "events2": events2,
            "n2": n2,
            "time1": time1,
            "time2": time2,
            "mean": mean,
            "sd": sd,
            "mean1": mean1,
            "sd1": sd1,
            "mean2": mean2,
            "sd2": sd2,
            "mean_pre": mean_pre,
            "mean_post": mean_post,
            "sd_pre": sd_pre,
            "sd_post": sd_post,
            "r": r,
            "controls": controls,
            "y": y,
            "v": v,
            "se": se,
            "low": low,
            "high": high,
        }
    )
    plan = plan_recovery(chosen, given, recover, level)
    given |= {keyword: keyword for keyword in plan.fills}
    needed = needed_columns(chosen, given)
    correction = make_correction(chosen, add, to, drop00)
    formula = choose_variance(chosen, variance, plan.ready)
    cells = read_cells(data)
    empty = np.full(len(cells), np.nan)
    read = {key: empty if key in plan.fills else cells.numbers(given[key]) for key in needed}
    labels = make_labels(cells, label)
    check_numbers(cells, labels, given, read)
    found = recover_rows(chosen, plan, cells, labels, given, read, level)
    values = found.values
    why = zip(found.unusable, why_unusable(chosen, given, values), strict=True)
    unusable = tuple(first or second for first, second in why)
    rows = tuple((refs or {}).get(text, row) for text, row in zip(labels, cells.rows, strict=True))
    keep = np.array([reason is None for reason in unusable], dtype=bool)
    kept = {keyword: column[keep] for keyword, column in values.items()}
    names = _keep(labels, keep)
    reasons: tuple[str | None, ...] = ()
    if "y" in kept:
        effect, spread = _ready_made(kept, level)
    else:
        effect, spread = compute_effects(chosen, kept, correction, formula)
        reasons = why_no_effect(chosen, kept, correction, effect, spread)
        absent = ~(np.isfinite(effect) & np.isfinite(spread))
        effect, spread = np.where(absent, np.nan, effect), np.where(absent, np.nan, spread)
    return EffectSizes(
        y=np.ascontiguousarray(effect),
        v=np.ascontiguousarray(spread),
        labels=names,
        measure=chosen.code,
        rows=_keep(rows, keep),
        excluded=tuple(
            Excluded(text, reason, row)
            for text, reason, row in zip(labels, unusable, rows, strict=True)
            if reason
        ),
        counts={} if "y" in kept else kept,
        columns={name: _keep(column, keep) for name, column in cells.columns.items()},
        reasons=reasons,
        warnings=_join_warnings(
            names, _keep(found.doubts, keep), find_implausible(chosen, names, kept, effect)
        ),
        recovered=_keep(found.how, keep),
    )


def _join_warnings(
    names: Sequence[str], doubts: Sequence[str | None], others: Sequence[str | None]
) -> tuple[str | None, ...]:
    """Return one warning a study: what is doubtful about a recovered number, and what else looks wrong."""
    told = [f"{name}: {doubt}" if doubt else None for name, doubt in zip(names, doubts, strict=True)]
    every = others or (None,) * len(names)
    return tuple("; ".join(filter(None, pair)) or None for pair in zip(told, every, strict=True))


def study_intervals(effects: EffectSizes, level: float) -> tuple[Floats, Floats, Floats]:
    """Return each study by itself, for figures and tables.

    Parameters
    ----------
    effects : EffectSizes
        The studies.
    level : float
        Level of the intervals.

    Returns
    -------
    value, low, high : arrays of shape (k,)
        Natural scale. Single proportions and rates from the raw counts, without correction: Clopper-Pearson
        and exact Poisson. Elsewhere the effect size with its Wald interval, back-transformed; NaN where there
        is none.
    """
    kind = find_measure(effects.measure).kind
    counts = effects.counts
    if kind == "proportion" and "n" in counts:
        return (counts["events"] / counts["n"], *clopper_pearson(counts["events"], counts["n"], level))
    if kind == "rate" and "time" in counts:
        return (counts["events"] / counts["time"], *poisson_exact(counts["events"], counts["time"], level))
    half = -ndtri((1.0 - level) / 2.0) * np.sqrt(effects.v)
    bounds = (effects.y, effects.y - half, effects.y + half)
    value, low, high = (to_natural(effects.measure, bound) for bound in bounds)
    return value, low, high


def _ready_made(values: Mapping[str, Floats], level: float) -> tuple[Floats, Floats]:
    """Return ``y`` and its variance, from ``v``, ``se``, or a symmetric interval at ``level``."""
    if "v" in values:
        return values["y"], values["v"]
    if "se" in values:
        return values["y"], np.square(values["se"])
    if not 0.0 < level < 1.0:
        raise EffectError(f"level must lie between 0 and 1 (0.95 for 95%); got {level!r}")
    quantile = -ndtri((1.0 - level) / 2.0)
    return values["y"], np.square((values["high"] - values["low"]) / (2.0 * quantile))


def _keep(items: Sequence[T], keep: Bools) -> tuple[T, ...]:
    """Return the items that are kept."""
    return tuple(item for item, here in zip(items, keep, strict=True) if here)
