"""Entries of the registry for one group of people: proportions, rates, means."""

from __future__ import annotations

from meta.effects.corrections import HALF
from meta.effects.entry import ONE_GROUP, ONE_MEAN, ONE_RATE, Measure
from meta.options import DisplayUnit

_PER_100 = DisplayUnit(100.0, "Per 100", "Events per 100 people")
_PER_100_TIME = DisplayUnit(100.0, "Per 100", "Events per 100 units of person-time")
_MEAN = DisplayUnit(1.0, "Mean", "Mean")

_SHARES = ("LS", "UB", "AV")
_VIECHTBAUER = "Viechtbauer (2010), J Stat Softw 36(3), 1-48"
_STIJNEN = "Stijnen, Hamza & Ozdemir (2010), Stat Med 29, 3046-3067"
_FREEMAN_TUKEY = "Freeman & Tukey (1950), Ann Math Stat 21, 607-611"
_ROTHMAN = "Rothman, Greenland & Lash (2008), Modern Epidemiology, 3rd ed."
_NAKAGAWA = "Nakagawa et al. (2015), Methods Ecol Evol 6, 143-152"

PROPORTIONS = (
    Measure(
        "PR", "proportion", "proportion", "proportion", "identity", ONE_GROUP, _PER_100,
        citation=_VIECHTBAUER, add=HALF, variances=_SHARES,
        warning="raw proportions: studies near 0 or 1 look too precise, and intervals can leave 0 to 1",
    ),
    Measure(
        "PLN", "proportion", "log proportion", "proportion", "log", ONE_GROUP, _PER_100,
        citation=_VIECHTBAUER, add=HALF, variances=("LS", "AV"),
        warning="log proportions: intervals can reach above 1",
    ),
    Measure(
        "PLO", "proportion", "log odds", "proportion", "logit", ONE_GROUP, _PER_100,
        citation=_STIJNEN, add=HALF, variances=("LS", "AV"),
    ),
    Measure(
        "PAS", "proportion", "arcsine of the root", "proportion", "arcsine", ONE_GROUP, _PER_100,
        citation="Ruecker, Schwarzer, Carpenter & Olkin (2009), Stat Med 28, 721-738",
    ),
    Measure(
        "PFT", "proportion", "Freeman-Tukey double arcsine", "proportion", "double_arcsine", ONE_GROUP,
        _PER_100, citation=f"{_FREEMAN_TUKEY}; Miller (1978), Am Stat 32, 138",
        warning="Freeman-Tukey double arcsine: the pooled value is turned back into a proportion with the "
        "harmonic mean of n, which can mislead badly where studies differ in size (Schwarzer et al. 2019, "
        "Res Synth Methods 10, 476-483)",
    ),
)

RATES = (
    Measure(
        "IR", "incidence rate", "rate", "rate", "identity", ONE_RATE, _PER_100_TIME,
        citation=_VIECHTBAUER, add=HALF,
        warning="raw rates: studies with few events look too precise, and intervals can fall below 0",
    ),
    Measure(
        "IRLN", "incidence rate", "log rate", "rate", "log", ONE_RATE, _PER_100_TIME,
        citation=_STIJNEN, add=HALF,
    ),
    Measure(
        "IRS", "incidence rate", "square root of the rate", "rate", "square_root", ONE_RATE, _PER_100_TIME,
        citation=_ROTHMAN,
    ),
    Measure(
        "IRFT", "incidence rate", "Freeman-Tukey root of the rate", "rate", "double_root", ONE_RATE,
        _PER_100_TIME, citation=_FREEMAN_TUKEY,
        warning="Freeman-Tukey root: the pooled value is turned back into a rate with the harmonic mean of "
        "the person-times, which can mislead where studies differ in size",
    ),
)

MEANS = (
    Measure("MN", "mean", "mean", "mean", "identity", ONE_MEAN, _MEAN, citation=_VIECHTBAUER),
    Measure("MNLN", "mean", "log mean", "mean", "log", ONE_MEAN, _MEAN, citation=_VIECHTBAUER),
    Measure(
        "SDLN", "standard deviation", "log standard deviation", "spread", "log", ("sd", "n"),
        DisplayUnit(1.0, "SD", "Standard deviation"), citation=_NAKAGAWA, optional=("mean",),
    ),
    Measure(
        "CVLN", "coefficient of variation", "log coefficient of variation", "variation", "log", ONE_MEAN,
        DisplayUnit(1.0, "CV", "Coefficient of variation"), citation=_NAKAGAWA,
    ),
)
