"""The field's words for each measure: what the sentences about effect sizes are made from."""

from __future__ import annotations

from dataclasses import dataclass

from meta.effects.measures import MEASURES as REGISTRY
from meta.effects.measures import Measure
from meta.report.effect_words import zeros_sentence
from meta.report.pieces import Node, plain


@dataclass(frozen=True, slots=True)
class MeasureWords:
    """How one measure is spoken of.

    ``scale`` names the analysis scale in a clause ("the logit"); ``made`` says how effect sizes are made
    under inverse variance; ``zeros`` what happens to zero cells there unless told otherwise; ``null`` is the
    natural value that means no difference (None for single groups).
    """

    scale: str
    made: str
    zeros: str
    intervals: str
    null: float | None
    ratio: bool


_EXACT = "Each study's own interval is exact (Clopper–Pearson), from its raw counts."
_EXACT_RATE = "Each study's own interval is exact (Poisson), from its raw counts."
_WALD = "Each study's own interval is a Wald interval on the analysis scale."

#: The analysis scale in a clause, and how effect sizes are made.
_WORDS: dict[str, tuple[str, str]] = {
    "PR": ("the proportion", "Proportions are pooled as they are"),
    "PLN": ("the log proportion", "Proportions are pooled as logarithms"),
    "PLO": ("the logit", "Proportions are pooled as logits"),
    "PAS": ("the arcsine", "Proportions are pooled as arcsines of their square roots"),
    "PFT": (
        "the double arcsine",
        "Proportions are pooled as Freeman–Tukey double arcsines and turned back with the harmonic mean of "
        "the sample sizes, which can mislead where these differ much (Schwarzer et al. 2019)",
    ),
    "IR": ("the rate", "Rates are pooled as they are"),
    "IRLN": ("the log rate", "Rates are pooled as logarithms"),
    "IRS": ("the root of the rate", "Rates are pooled as square roots"),
    "IRFT": (
        "the Freeman–Tukey root of the rate",
        "Rates are pooled as Freeman–Tukey roots and turned back with the harmonic mean of the person-times, "
        "which can mislead where these differ much",
    ),
    "MN": ("the mean", "Means are pooled as they are"),
    "MNLN": ("the log mean", "Means are pooled as logarithms"),
    "SDLN": (
        "the log standard deviation",
        "Standard deviations are pooled as logarithms, less their bias (Nakagawa et al. 2015)",
    ),
    "CVLN": (
        "the log coefficient of variation",
        "Coefficients of variation are pooled as logarithms, less their bias (Nakagawa et al. 2015)",
    ),
    "OR": ("the log odds ratio", "Odds ratios are pooled as logarithms"),
    "RR": ("the log risk ratio", "Risk ratios are pooled as logarithms"),
    "RD": ("the risk difference", "Risk differences are pooled as they are"),
    "AS": (
        "the arcsine difference",
        "Differences of the arcsines of the square roots of the risks are pooled (Rücker et al. 2009)",
    ),
    "PETO": (
        "the log odds ratio",
        "Odds ratios are estimated by Peto's method (Yusuf et al. 1985) and pooled as logarithms",
    ),
    "YUQ": ("Yule's Q", "Yule's Q of each study is pooled as it is"),
    "PHI": ("the phi coefficient", "Phi coefficients are pooled as they are"),
    "OR2DN": (
        "the standardised mean difference",
        "Log odds ratios are turned into standardised mean differences by the factor 1/1.65 (Cox and Snell "
        "1989)",
    ),
    "IRR": ("the log rate ratio", "Rate ratios are pooled as logarithms"),
    "IRD": ("the rate difference", "Rate differences are pooled as they are"),
    "IRSD": ("the difference of root rates", "Differences of the square roots of rates are pooled"),
    "MD": ("the mean difference", "Mean differences are pooled as they are"),
    "SMD": (
        "the standardised mean difference",
        "Standardised mean differences are Hedges' g, with the exact correction for small samples (Hedges "
        "1981)",
    ),
    "SMDH": (
        "the standardised mean difference",
        "Mean differences are divided by the root of the mean of the two variances (Bonett 2008), with the "
        "correction for small samples",
    ),
    "ROM": ("the log ratio of means", "Ratios of means are pooled as logarithms"),
    "VR": (
        "the log ratio of standard deviations",
        "Ratios of standard deviations are pooled as logarithms, less their bias (Nakagawa et al. 2015)",
    ),
    "CVR": (
        "the log ratio of coefficients of variation",
        "Ratios of coefficients of variation are pooled as logarithms, less their bias (Nakagawa et al. "
        "2015)",
    ),
    "D2ORN": (
        "the log odds ratio",
        "Standardised mean differences are turned into log odds ratios by the factor 1.65 (Cox and Snell "
        "1989)",
    ),
    "MC": ("the mean change", "Mean changes, after minus before, are pooled as they are"),
    "SMCC": (
        "the standardised mean change",
        "Mean changes, after minus before, are divided by the standard deviation of the change (Gibbons et "
        "al. 1993), with the correction for small samples",
    ),
    "SMCR": (
        "the standardised mean change",
        "Mean changes, after minus before, are divided by the standard deviation before (Becker 1988), with "
        "the correction for small samples",
    ),
    "SMCRH": (
        "the standardised mean change",
        "Mean changes, after minus before, are divided by the standard deviation before, with variances for "
        "unequal spreads (Bonett 2008) and the correction for small samples",
    ),
    "ROMC": (
        "the log ratio of means",
        "Ratios of the mean after to the mean before are pooled as logarithms (Lajeunesse 2011)",
    ),
    "COR": ("the correlation", "Correlations are pooled as they are"),
    "UCOR": ("the correlation", "Correlations are pooled less their bias (Olkin and Pratt 1958)"),
    "ZCOR": ("Fisher's z", "Correlations are pooled as Fisher's z"),
    "PCOR": ("the partial correlation", "Partial correlations are pooled as they are"),
    "ZPCOR": ("Fisher's z", "Partial correlations are pooled as Fisher's z"),
    "GEN": ("the effect", "Effects and their sampling variances are taken as given"),
}


def _describe(measure: Measure) -> MeasureWords:
    scale, made = _WORDS[measure.code]
    intervals = {"proportion": _EXACT, "rate": _EXACT_RATE}.get(measure.kind, _WALD)
    null = measure.null if measure.compares else None
    zeros = plain(zeros_sentence(measure, Node(None)))
    return MeasureWords(scale, made, zeros, intervals, null, measure.is_ratio)


#: How each measure is spoken of, by code.
MEASURES: dict[str, MeasureWords] = {code: _describe(measure) for code, measure in REGISTRY.items()}
