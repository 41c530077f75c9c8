"""``Measure``: what the registry knows of one effect size measure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from meta.options import AxisScale, DisplayUnit

#: What a natural value is. Numbers of one kind can stand on one axis; numbers of two kinds cannot.
Kind = Literal[
    "proportion",
    "rate",
    "mean",
    "spread",
    "variation",
    "ratio",
    "mean_ratio",
    "variation_ratio",
    "difference",
    "rate_difference",
    "mean_difference",
    "standardised_difference",
    "transformed_difference",
    "correlation",
    "generic",
]
Transform = Literal[
    "identity",
    "log",
    "logit",
    "arcsine",
    "double_arcsine",
    "square_root",
    "double_root",
    "fisher_z",
]

#: Columns by the shape of the data, under the keywords of ``effect_sizes``.
ONE_GROUP = ("events", "n")
ONE_RATE = ("events", "time")
TWO_GROUPS = ("events1", "n1", "events2", "n2")
TWO_RATES = ("events1", "time1", "events2", "time2")
ONE_MEAN = ("mean", "sd", "n")
TWO_MEANS = ("mean1", "sd1", "n1", "mean2", "sd2", "n2")
BEFORE_AFTER = ("mean_pre", "mean_post", "sd_pre", "sd_post", "n", "r")
CORRELATION = ("r", "n")
PARTIAL = ("r", "n", "controls")

#: Kinds whose numbers are read as how many times.
_RATIOS = ("ratio", "mean_ratio", "variation_ratio")
#: Kinds that have no value of no effect: what is measured, not what is compared.
_SINGLE = ("proportion", "rate", "mean", "spread", "variation", "generic")
#: Transforms that turn back only with a size: their own, or the harmonic mean of those of the studies.
_NEEDS_SIZE: dict[str, str] = {"double_arcsine": "n", "double_root": "time"}


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
    kind : str
        What the natural value is (``Kind``): a fraction of people, events per unit of time, a mean, a ratio,
        a difference, a correlation, ..., or unknown.
    null : float or None
        Natural value that means "no effect", for a reference line; None where there is none (a single
        proportion, rate or mean).
    transform : str
        From the natural to the analysis scale (``Transform``).
    columns : tuple of str
        The columns that it is computed from, by the keywords of ``effect_sizes``.
    optional : tuple of str
        Further columns that may be given: checked and shown, never needed.
    variances : tuple of str
        The formulas for its sampling variance, the default first.
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
    optional: tuple[str, ...] = ()
    variances: tuple[str, ...] = ("LS",)
    add: float = 0.0
    drop00: bool = False
    log_axis: bool = False
    warning: str | None = None

    @property
    def is_ratio(self) -> bool:
        """Whether its numbers are read as how many times."""
        return self.kind in _RATIOS

    @property
    def compares(self) -> bool:
        """Whether it has a value of no effect, at which figures draw a line."""
        return self.null is not None and self.kind not in _SINGLE

    @property
    def two_groups(self) -> bool:
        """Whether it compares two groups of people."""
        return any(name.endswith("2") for name in self.columns)

    @property
    def counts_events(self) -> bool:
        """Whether it is computed from counts of events, of which some may be zero."""
        return "events" in self.columns or "events1" in self.columns

    @property
    def size(self) -> str | None:
        """The column whose harmonic mean turns a pooled value back, ``n`` or ``time``; None where none is."""
        return _NEEDS_SIZE.get(self.transform)

    @property
    def low_end(self) -> float | None:
        """Where its natural scale begins and figures let the axis begin: 0 for proportions and rates."""
        return 0.0 if self.kind in ("proportion", "rate") else None

    @property
    def axis_scales(self) -> tuple[AxisScale, ...]:
        """Scales on which figures can show its values: logarithms need positive ones, log odds shares."""
        positive = self.is_ratio or self.kind in ("proportion", "rate")
        log: tuple[AxisScale, ...] = ("log",) if positive else ()
        return ("natural", *log, "logit") if self.kind == "proportion" else ("natural", *log)

    @property
    def high_end(self) -> float | None:
        """Where its natural scale ends: 1 for proportions."""
        return 1.0 if self.kind == "proportion" else None
