"""The registry of measures: one entry a code, and the transforms that each entry names."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from meta.effects.entry import Kind, Measure, Transform
from meta.effects.measures_groups import MEANS, PROPORTIONS, RATES
from meta.effects.measures_pairs import CHANGES, COMPARISONS, CONTINUOUS, CORRELATIONS
from meta.effects.transforms import inverse, transform
from meta.errors import EffectError
from meta.options import DisplayUnit
from meta.results import Floats

__all__ = [
    "COUNTS",
    "MEASURES",
    "PAIRS",
    "READY_MADE",
    "SUMMED",
    "Kind",
    "Measure",
    "Transform",
    "column_keywords",
    "default_unit",
    "find_measure",
    "measure_warning",
    "to_analysis",
    "to_natural",
]

_GENERIC = Measure(
    "GEN", "effect", "as given", "generic", "identity", ("y",), DisplayUnit(1.0, "Effect", "Effect"),
    citation="Viechtbauer (2010), J Stat Softw 36(3), 1-48",
    null=0.0,
)

#: Columns of measures that hold whole numbers; person-times, means and ready-made effects may be any number.
COUNTS = ("events", "n", "events1", "n1", "events2", "n2", "controls")

#: Columns that are added up over studies: people, events and person-time; a sum of means says nothing.
SUMMED = ("events", "n", "time", "events1", "n1", "events2", "n2", "time1", "time2")

#: Columns of measures that must fit each other: the first never exceeds the second.
PAIRS = (("events", "n"), ("events1", "n1"), ("events2", "n2"))

#: Columns of ready-made effect sizes, which may stand in for the numbers behind a measure.
READY_MADE = ("y", "v", "se", "low", "high")

#: Every measure that this version offers, by code.
MEASURES: dict[str, Measure] = {
    measure.code: measure
    for measure in (
        *PROPORTIONS,
        *RATES,
        *MEANS,
        *COMPARISONS,
        *CONTINUOUS,
        *CHANGES,
        *CORRELATIONS,
        _GENERIC,
    )
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
    """Return every column that a measure may read: its own, then those of ready-made effects if it takes any.

    Raises
    ------
    EffectError
        If there is no such measure.
    """
    measure = find_measure(code)
    ready = READY_MADE if measure.size is None else ()
    return tuple(dict.fromkeys((*measure.columns, *measure.optional, *ready)))


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
        Proportions as fractions, rates per unit of time, ratios, differences, correlations.
    n : array_like, optional
        Sample sizes (``PFT``) or person-times (``IRFT``), needed by these two only.

    Returns
    -------
    array
        -inf and inf at the ends of the natural range (log of 0, logit of 0 or 1, Fisher's z of -1 or 1); NaN
        beyond it.

    Raises
    ------
    EffectError
        If the measure is unknown, or needs ``n`` and it is missing.
    """
    measure = find_measure(code)
    natural = np.asarray(values, dtype=np.float64)
    if measure.size is None:
        return transform(measure.transform, natural)
    if n is None:
        raise EffectError(f"measure {code} needs {measure.size} to transform a {measure.name}")
    return transform(measure.transform, natural, np.asarray(n, dtype=np.float64))


def to_natural(code: str, values: ArrayLike, harmonic_n: ArrayLike | None = None) -> Floats:
    """Transform values of the analysis scale back to the natural scale.

    Parameters
    ----------
    code : str
        Measure.
    values : array_like
        Values or bounds on the analysis scale. NaN stays NaN; what lies beyond the image of the transform,
        infinities included, goes to the ends of the natural range.
    harmonic_n : array_like, optional
        Harmonic mean of the sample sizes (``PFT``) or person-times (``IRFT``), the size itself for a single
        study; needed by these two only; broadcast against ``values``.

    Returns
    -------
    array
        Proportions as fractions, rates per unit of time, ratios, differences, correlations.

    Raises
    ------
    EffectError
        If the measure is unknown, or needs ``harmonic_n`` and it is missing.
    """
    measure = find_measure(code)
    scaled = np.asarray(values, dtype=np.float64)
    if measure.size is None:
        return inverse(measure.transform, scaled)
    if harmonic_n is None:
        raise EffectError(f"measure {code} needs the harmonic mean of {measure.size} to transform back")
    return inverse(measure.transform, scaled, np.asarray(harmonic_n, dtype=np.float64))
