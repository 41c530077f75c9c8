"""Entries of the registry for two groups (arm 1 is the treatment), before and after, and correlations."""

from __future__ import annotations

from meta.effects.corrections import HALF
from meta.effects.entry import (
    BEFORE_AFTER,
    CORRELATION,
    PARTIAL,
    TWO_GROUPS,
    TWO_MEANS,
    TWO_RATES,
    Measure,
)
from meta.options import DisplayUnit

_RUECKER = "Ruecker, Schwarzer, Carpenter & Olkin (2009), Stat Med 28, 721-738"
_ROTHMAN = "Rothman, Greenland & Lash (2008), Modern Epidemiology, 3rd ed., chapter 14"
_YULE = "Yule (1912), J R Stat Soc 75, 579-652"
_HEDGES = "Hedges (1981), J Educ Stat 6, 107-128"
_BONETT = "Bonett (2008), Psychol Methods 13, 99-109"
_NAKAGAWA = "Nakagawa et al. (2015), Methods Ecol Evol 6, 143-152"
_COX = (
    "Cox & Snell (1989), Analysis of Binary Data, 2nd ed.; Sanchez-Meca et al. (2003), Psychol Methods 8, "
    "448-467"
)

_SMD = DisplayUnit(1.0, "SMD", "Standardised mean difference")
_CHANGE = DisplayUnit(1.0, "SMC", "Standardised mean change")
_R = DisplayUnit(1.0, "r", "Correlation")

COMPARISONS = (
    Measure(
        "OR", "odds ratio", "log odds ratio", "ratio", "log", TWO_GROUPS,
        DisplayUnit(1.0, "Odds ratio", "Odds ratio"),
        citation="Woolf (1955), Ann Hum Genet 19, 251-253; Haldane (1956), Ann Hum Genet 20, 309-311",
        null=1.0, add=HALF, drop00=True, log_axis=True,
    ),
    Measure(
        "RR", "risk ratio", "log risk ratio", "ratio", "log", TWO_GROUPS,
        DisplayUnit(1.0, "Risk ratio", "Risk ratio"),
        citation="Katz, Baptista, Azen & Pike (1978), Biometrics 34, 469-474",
        null=1.0, add=HALF, drop00=True, log_axis=True,
    ),
    Measure(
        "RD", "risk difference", "risk difference", "difference", "identity", TWO_GROUPS,
        DisplayUnit(1.0, "Risk difference", "Risk difference"),
        citation="Fleiss & Berlin (2009), in The Handbook of Research Synthesis and Meta-Analysis, 237-253",
        null=0.0, add=HALF, variances=("LS", "UB", "AV"),
    ),
    Measure(
        "AS", "arcsine difference", "difference of arcsines of the root of the risk",
        "transformed_difference", "identity", TWO_GROUPS,
        DisplayUnit(1.0, "Arcsine difference", "Difference of arcsines (radians)"),
        citation=_RUECKER, null=0.0,
        warning="arcsine differences are in radians and turn back into no difference of risks",
    ),
    Measure(
        "PETO", "Peto odds ratio", "log odds ratio (Peto)", "ratio", "log", TWO_GROUPS,
        DisplayUnit(1.0, "Peto odds ratio", "Peto odds ratio"),
        citation="Yusuf, Peto, Lewis, Collins & Sleight (1985), Prog Cardiovasc Dis 27, 335-371",
        null=1.0, drop00=True, log_axis=True,  # O - E and V need no cell above 0
        warning="Peto odds ratios are biased where effects are large or arms differ much in size",
    ),
    Measure(
        "YUQ", "Yule's Q", "Yule's Q", "correlation", "identity", TWO_GROUPS,
        DisplayUnit(1.0, "Yule's Q", "Yule's Q"), citation=_YULE, null=0.0, add=HALF, drop00=True,
    ),
    Measure(
        "PHI", "phi coefficient", "phi coefficient", "correlation", "identity", TWO_GROUPS,
        DisplayUnit(1.0, "Phi", "Phi coefficient"), citation=_YULE, null=0.0, variances=("LS", "CS", "ST"),
    ),
    Measure(
        "OR2DN", "standardised mean difference", "standardised mean difference (from odds ratio)",
        "standardised_difference", "identity", TWO_GROUPS, _SMD, citation=_COX, null=0.0, add=HALF,
        drop00=True,
    ),
    Measure(
        "IRR", "rate ratio", "log rate ratio", "ratio", "log", TWO_RATES,
        DisplayUnit(1.0, "Rate ratio", "Rate ratio"), citation=_ROTHMAN, null=1.0, add=HALF, drop00=True,
        log_axis=True,
    ),
    Measure(
        "IRD", "rate difference", "rate difference", "rate_difference", "identity", TWO_RATES,
        DisplayUnit(1.0, "Rate difference", "Rate difference"), citation=_ROTHMAN, null=0.0, add=HALF,
    ),
    Measure(
        "IRSD", "difference of root rates", "difference of square roots of rates",
        "transformed_difference", "identity", TWO_RATES,
        DisplayUnit(1.0, "Root rate difference", "Difference of square roots of rates"),
        citation=_ROTHMAN, null=0.0,
        warning="differences of square roots turn back into no difference of rates",
    ),
)

CONTINUOUS = (
    Measure(
        "MD", "mean difference", "mean difference", "mean_difference", "identity", TWO_MEANS,
        DisplayUnit(1.0, "Mean difference", "Mean difference"),
        citation="Bond, Wiitala & Richard (2003), Psychol Methods 8, 406-418", null=0.0,
        variances=("LS", "UB", "HO"),
    ),
    Measure(
        "SMD", "standardised mean difference", "standardised mean difference (Hedges' g)",
        "standardised_difference", "identity", TWO_MEANS, _SMD, citation=_HEDGES, null=0.0,
        variances=("LS", "LS2", "UB", "AV", "revman5"),
    ),
    Measure(
        "SMDH", "standardised mean difference", "standardised mean difference, unequal variances",
        "standardised_difference", "identity", TWO_MEANS, _SMD, citation=_BONETT, null=0.0,
    ),
    Measure(
        "ROM", "ratio of means", "log ratio of means", "mean_ratio", "log", TWO_MEANS,
        DisplayUnit(1.0, "Ratio of means", "Ratio of means"),
        citation="Hedges, Gurevitch & Curtis (1999), Ecology 80, 1150-1156", null=1.0, log_axis=True,
        variances=("LS", "HO", "AV", "AVHO"),
    ),
    Measure(
        "VR", "ratio of standard deviations", "log ratio of standard deviations", "variation_ratio", "log",
        ("sd1", "n1", "sd2", "n2"), DisplayUnit(1.0, "Ratio of SDs", "Ratio of standard deviations"),
        citation=_NAKAGAWA, null=1.0, log_axis=True, optional=("mean1", "mean2"),
    ),
    Measure(
        "CVR", "ratio of coefficients of variation", "log ratio of coefficients of variation",
        "variation_ratio", "log", TWO_MEANS,
        DisplayUnit(1.0, "Ratio of CVs", "Ratio of coefficients of variation"),
        citation=_NAKAGAWA, null=1.0, log_axis=True,
    ),
    Measure(
        "D2ORN", "odds ratio", "log odds ratio (from standardised mean difference)", "ratio", "log",
        TWO_MEANS, DisplayUnit(1.0, "Odds ratio", "Odds ratio"), citation=_COX, null=1.0, log_axis=True,
    ),
)

CHANGES = (
    Measure(
        "MC", "mean change", "mean change", "mean_difference", "identity", BEFORE_AFTER,
        DisplayUnit(1.0, "Mean change", "Mean change, after minus before"),
        citation="Morris & DeShon (2002), Psychol Methods 7, 105-125", null=0.0,
    ),
    Measure(
        "SMCC", "mean change in its own SDs", "mean change over the SD of the change",
        "standardised_difference", "identity", BEFORE_AFTER, _CHANGE,
        citation="Gibbons, Hedeker & Davis (1993), J Educ Stat 18, 271-279", null=0.0,
        variances=("LS", "LS2"),
        warning="changes over the SD of the change are larger than differences over the SD of people by a "
        "factor that hangs on the correlation of the two measurements",
    ),
    Measure(
        "SMCR", "standardised mean change", "mean change over the SD before", "standardised_difference",
        "identity", ("mean_pre", "mean_post", "sd_pre", "n", "r"), _CHANGE,
        citation="Becker (1988), Br J Math Stat Psychol 41, 257-278", null=0.0, optional=("sd_post",),
        variances=("LS", "LS2"),
    ),
    Measure(
        "SMCRH", "standardised mean change", "mean change over the SD before, unequal variances",
        "standardised_difference", "identity", BEFORE_AFTER, _CHANGE, citation=_BONETT, null=0.0,
    ),
    Measure(
        "ROMC", "ratio of means", "log of the mean after over the mean before", "mean_ratio", "log",
        BEFORE_AFTER, DisplayUnit(1.0, "Ratio of means", "Ratio of means, after over before"),
        citation="Lajeunesse (2011), Ecology 92, 2049-2055", null=1.0, log_axis=True,
    ),
)

CORRELATIONS = (
    Measure(
        "COR", "correlation", "correlation", "correlation", "identity", CORRELATION, _R,
        citation="Hotelling (1953), J R Stat Soc B 15, 193-232", null=0.0, variances=("LS", "AV"),
        warning="raw correlations: strong ones look too precise, and intervals can leave -1 to 1",
    ),
    Measure(
        "UCOR", "correlation", "correlation less its bias", "correlation", "identity", CORRELATION, _R,
        citation="Olkin & Pratt (1958), Ann Math Stat 29, 201-211; Hedges (1989), J Appl Psychol 74, 469-477",
        null=0.0, variances=("LS", "UB", "AV"),
        warning="raw correlations: strong ones look too precise, and intervals can leave -1 to 1",
    ),
    Measure(
        "ZCOR", "correlation", "Fisher's z", "correlation", "fisher_z", CORRELATION, _R,
        citation="Fisher (1921), Metron 1, 3-32", null=0.0,
    ),
    Measure(
        "PCOR", "partial correlation", "partial correlation", "correlation", "identity", PARTIAL,
        DisplayUnit(1.0, "Partial r", "Partial correlation"),
        citation="Aloe & Becker (2012), J Educ Behav Stat 37, 278-297", null=0.0, variances=("LS", "AV"),
        warning="raw correlations: strong ones look too precise, and intervals can leave -1 to 1",
    ),
    Measure(
        "ZPCOR", "partial correlation", "Fisher's z", "correlation", "fisher_z", PARTIAL,
        DisplayUnit(1.0, "Partial r", "Partial correlation"),
        citation="Fisher (1924), Metron 3, 329-332; van Aert (2023), Res Synth Methods 14, 768-773",
        null=0.0,
    ),
)
