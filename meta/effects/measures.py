"""The measures: one entry a code, with its scale, its back-transform, its columns and its source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit, logit

from meta.errors import EffectError
from meta.options import DisplayUnit
from meta.results import Floats

Kind = Literal["proportion", "rate", "ratio", "difference", "generic"]
Transform = Literal["identity", "log", "logit", "double_arcsine"]


@dataclass(frozen=True, slots=True)
class Measure:
    """One effect size measure.

    Attributes
    ----------
    code : str
        As in metafor: ``PLO``, ``OR``, ...
    name : str
        What it is, in words, on the natural scale: ``risk ratio``.
    scale : str
        The analysis scale in words: ``log risk ratio``.
    kind : {"proportion", "rate", "ratio", "difference", "generic"}
        What the natural value is: a fraction of people, events per unit of time, a ratio, a difference, or
        unknown.
    null : float or None
        Natural value that means "no effect", for a reference line; None where there is none (a single
        proportion or rate).
    transform : {"identity", "log", "logit", "double_arcsine"}
        From the natural to the analysis scale.
    columns : tuple of str
        The columns that it is computed from, by the keywords of ``effect_sizes``.
    add : float
        What is added to each cell of a study with a zero cell, unless told otherwise.
    drop00 : bool
        Whether, unless told otherwise, a study without events (or with nothing but events) in both arms has
        no effect size.
    log_axis : bool
        Whether figures use a logarithmic axis.
    unit : DisplayUnit
        How its numbers are shown, unless the protocol says otherwise.
    citation : str
        Where effect size and variance are defined.
    warning : str or None
        What a reader should know before relying on it.
    """

    code: str
    name: str
    scale: str
    kind: Kind
    transform: Transform
    columns: tuple[str, ...]
    unit: DisplayUnit
    citation: str
    null: float | None = None
    add: float = 0.5
    drop00: bool = False
    log_axis: bool = False
    warning: str | None = None


_PER_100 = DisplayUnit(100.0, "Per 100", "Events per 100 people")
_PER_100_TIME = DisplayUnit(100.0, "Per 100", "Events per 100 units of person-time")
_ONE_GROUP = ("events", "n")
_TWO_GROUPS = ("events1", "n1", "events2", "n2")
_RATE = ("events", "time")

_PROPORTIONS = (
    Measure(
        "PR", "proportion", "proportion", "proportion", "identity", _ONE_GROUP, _PER_100,
        citation="Viechtbauer (2010), J Stat Softw 36(3), 1-48",
        warning="raw proportions: studies near 0 or 1 look too precise, and intervals can leave 0 to 1",
    ),
    Measure(
        "PLO", "proportion", "log odds", "proportion", "logit", _ONE_GROUP, _PER_100,
        citation="Stijnen, Hamza & Ozdemir (2010), Stat Med 29, 3046-3067",
    ),
    Measure(
        "PFT", "proportion", "Freeman-Tukey double arcsine", "proportion", "double_arcsine", _ONE_GROUP,
        _PER_100,
        citation="Freeman & Tukey (1950), Ann Math Stat 21, 607-611; Miller (1978), Am Stat 32, 138",
        add=0.0,
        warning="Freeman-Tukey double arcsine: the pooled value is turned back into a proportion with the "
        "harmonic mean of n, which can mislead badly where studies differ in size (Schwarzer et al. 2019, "
        "Res Synth Methods 10, 476-483)",
    ),
)

_RATES = (
    Measure(
        "IR", "incidence rate", "rate", "rate", "identity", _RATE, _PER_100_TIME,
        citation="Viechtbauer (2010), J Stat Softw 36(3), 1-48",
        warning="raw rates: studies with few events look too precise, and intervals can fall below 0",
    ),
    Measure(
        "IRLN", "incidence rate", "log rate", "rate", "log", _RATE, _PER_100_TIME,
        citation="Stijnen, Hamza & Ozdemir (2010), Stat Med 29, 3046-3067",
    ),
)

_COMPARISONS = (
    Measure(
        "OR", "odds ratio", "log odds ratio", "ratio", "log", _TWO_GROUPS,
        DisplayUnit(1.0, "Odds ratio", "Odds ratio"),
        citation="Woolf (1955), Ann Hum Genet 19, 251-253; Haldane (1956), Ann Hum Genet 20, 309-311",
        null=1.0, drop00=True, log_axis=True,
    ),
    Measure(
        "RR", "risk ratio", "log risk ratio", "ratio", "log", _TWO_GROUPS,
        DisplayUnit(1.0, "Risk ratio", "Risk ratio"),
        citation="Katz, Baptista, Azen & Pike (1978), Biometrics 34, 469-474",
        null=1.0, drop00=True, log_axis=True,
    ),
    Measure(
        "RD", "risk difference", "risk difference", "difference", "identity", _TWO_GROUPS,
        DisplayUnit(1.0, "Risk difference", "Risk difference"),
        citation="Fleiss & Berlin (2009), in The Handbook of Research Synthesis and Meta-Analysis, 237-253",
        null=0.0,
    ),
)

_READY_MADE = Measure(
    "GEN", "effect", "as given", "generic", "identity", ("y",), DisplayUnit(1.0, "Effect", "Effect"),
    citation="Viechtbauer (2010), J Stat Softw 36(3), 1-48",
    null=0.0, add=0.0,
)

#: Columns of measures that hold whole numbers; ``time`` and ready-made effects may be any number.
COUNTS = ("events", "n", "events1", "n1", "events2", "n2")

#: Columns of measures that must fit each other: the first never exceeds the second.
PAIRS = (("events", "n"), ("events1", "n1"), ("events2", "n2"))

#: Columns of ready-made effect sizes, which may stand in for the counts of a measure.
READY_MADE = ("y", "v", "se", "low", "high")

#: Every measure that this version offers, by code.
MEASURES: dict[str, Measure] = {
    measure.code: measure for measure in (*_PROPORTIONS, *_RATES, *_COMPARISONS, _READY_MADE)
}


def find_measure(code: str) -> Measure:
    """Return the measure of a code.

    Raises
    ------
    EffectError
        If there is no such measure; the text lists those there are.
    """
    if code not in MEASURES:
        raise EffectError(f"measure must be one of {', '.join(sorted(MEASURES))}; got {code!r}")
    return MEASURES[code]


def column_keywords(code: str) -> tuple[str, ...]:
    """Return every column that a measure may read: its own, then those of ready-made effect sizes.

    Raises
    ------
    EffectError
        If there is no such measure.
    """
    return tuple(dict.fromkeys((*find_measure(code).columns, *READY_MADE)))


def default_unit(code: str) -> DisplayUnit:
    """Return how numbers of a measure are shown where the protocol does not say."""
    return find_measure(code).unit


def measure_warning(code: str) -> str | None:
    """Return what a reader should know before relying on a measure, or None."""
    return find_measure(code).warning


def to_analysis(code: str, values: ArrayLike, n: ArrayLike | None = None) -> Floats:
    """Transform natural values to the analysis scale.

    Parameters
    ----------
    code : str
        Measure.
    values : array_like
        Proportions as fractions, rates per unit of time, ratios, differences.
    n : array_like, optional
        Sample sizes, needed by ``PFT`` only.

    Returns
    -------
    array
        -inf and inf at the ends of the natural range (log of 0, logit of 0 or 1).

    Raises
    ------
    EffectError
        If the measure is unknown, or is ``PFT`` and ``n`` is missing.
    """
    transform = find_measure(code).transform
    natural = np.asarray(values, dtype=np.float64)
    if transform == "double_arcsine":
        if n is None:
            raise EffectError(f"measure {code} needs n to transform a proportion")
        sizes = np.asarray(n, dtype=np.float64)
        return double_arcsine(natural * sizes, sizes)
    if transform == "identity":
        return natural.copy()
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.log(natural) if transform == "log" else logit(natural), dtype=np.float64)


def to_natural(code: str, values: ArrayLike, harmonic_n: ArrayLike | None = None) -> Floats:
    """Transform values of the analysis scale back to the natural scale.

    Parameters
    ----------
    code : str
        Measure.
    values : array_like
        Values or bounds on the analysis scale. NaN stays NaN; -inf and inf go to the ends of the natural
        range.
    harmonic_n : array_like, optional
        Harmonic mean of the sample sizes (the sample size itself for a single study), needed by ``PFT`` only;
        broadcast against ``values``.

    Returns
    -------
    array
        Proportions as fractions, rates per unit of time, ratios, differences.

    Raises
    ------
    EffectError
        If the measure is unknown, or is ``PFT`` and ``harmonic_n`` is missing.
    """
    transform = find_measure(code).transform
    scaled = np.asarray(values, dtype=np.float64)
    if transform == "double_arcsine":
        if harmonic_n is None:
            raise EffectError(f"measure {code} needs the harmonic mean of n to transform back")
        return inverse_double_arcsine(scaled, np.asarray(harmonic_n, dtype=np.float64))
    if transform == "identity":
        return scaled.copy()
    if transform == "logit":
        return np.asarray(expit(scaled), dtype=np.float64)
    with np.errstate(over="ignore"):
        return np.asarray(np.exp(scaled), dtype=np.float64)


def double_arcsine(events: Floats, n: Floats) -> Floats:
    """Return the Freeman-Tukey double arcsine of ``events`` out of ``n``: half the sum of its arcsines.

    References
    ----------
    Freeman & Tukey (1950), Annals of Mathematical Statistics 21, 607-611.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        first = np.arcsin(np.sqrt(events / (n + 1.0)))
        second = np.arcsin(np.sqrt((events + 1.0) / (n + 1.0)))
    return np.asarray(0.5 * (first + second), dtype=np.float64)


def inverse_double_arcsine(x: Floats, n: Floats) -> Floats:
    """Return the proportion whose double arcsine in ``n`` people is ``x``.

    The double arcsine of 0 out of n is above 0, and that of n out of n below pi/2: an ``x`` beyond them (a
    bound of an interval, say) is 0 or 1.

    References
    ----------
    Miller (1978), The American Statistician 32, 138.
    """
    x, n = np.broadcast_arrays(x, n)
    lowest, highest = double_arcsine(np.zeros(n.shape), n), double_arcsine(n, n)
    inside = np.clip(x, lowest, highest)
    with np.errstate(divide="ignore", invalid="ignore"):
        sine = np.sin(2.0 * inside)
        root = np.sqrt(np.maximum(0.0, 1.0 - np.square(sine + (sine - 1.0 / sine) / n)))
    proportion = 0.5 * (1.0 - np.sign(np.cos(2.0 * inside)) * root)
    # at the two ends rounding would leave 1e-17, or the root of it
    proportion = np.where(x <= lowest, 0.0, np.where(x >= highest, 1.0, proportion))
    return np.asarray(np.where(np.isnan(x) | np.isnan(n), np.nan, proportion), dtype=np.float64)
