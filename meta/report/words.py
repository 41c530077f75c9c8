"""The field's words for measures, options and statuses: what the sentences are made from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MeasureWords:
    """How one measure is spoken of.

    ``scale`` names the analysis scale in a clause ("the logit"); ``made`` says how effect sizes are made
    under inverse variance;
    ``zeros`` what happens to zero cells there; ``null`` is the natural value that means no difference (None
    for single groups).
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
_SINGLE_ZEROS = (
    "Where a study has no events, or nothing but events, 0.5 is added to its events and to its non-events."
)
_PAIR_ZEROS = "Where a study has a zero cell, 0.5 is added to each of its four cells"

MEASURES: dict[str, MeasureWords] = {
    "PLO": MeasureWords("the logit", "Proportions are pooled as logits", _SINGLE_ZEROS, _EXACT, None, False),
    "PR": MeasureWords(
        "the proportion", "Proportions are pooled as they are", _SINGLE_ZEROS, _EXACT, None, False
    ),
    "PFT": MeasureWords(
        "the double arcsine",
        "Proportions are pooled as Freeman–Tukey double arcsines and turned back with the harmonic mean of "
        "the sample "
        "sizes, which can mislead where these differ much (Schwarzer et al. 2019)",
        "The transform needs no correction for zero events.",
        _EXACT,
        None,
        False,
    ),
    "IRLN": MeasureWords(
        "the log rate",
        "Rates are pooled as logarithms",
        "Where a study has no events, 0.5 is added to its events.",
        _EXACT_RATE,
        None,
        False,
    ),
    "OR": MeasureWords(
        "the log odds ratio",
        "Odds ratios are pooled as logarithms",
        f"{_PAIR_ZEROS}; a study without events, or without non-events, in both arms has no odds ratio and "
        "is shown with this "
        "reason.",
        _WALD,
        1.0,
        True,
    ),
    "RR": MeasureWords(
        "the log risk ratio",
        "Risk ratios are pooled as logarithms",
        f"{_PAIR_ZEROS}; a study without events in both arms has no risk ratio and is shown with this "
        "reason.",
        _WALD,
        1.0,
        True,
    ),
    "RD": MeasureWords(
        "the risk difference", "Risk differences are pooled as they are", f"{_PAIR_ZEROS}.", _WALD, 0.0, False
    ),
    "GEN": MeasureWords(
        "the effect", "Effects and their sampling variances are taken as given", "", _WALD, None, False
    ),
}

TAU2_METHODS: dict[str, str] = {
    "REML": "restricted maximum likelihood (REML)",
    "DL": "the method of moments of DerSimonian and Laird (DL)",
    "HE": "the method of Hedges and Olkin (HE)",
    "PM": "the method of Paule and Mandel (PM)",
    "ML": "maximum likelihood (ML)",
}

TAU2_INTERVALS: dict[str, str] = {
    "QP": "the Q-profile method (Viechtbauer 2007)",
    "PL": "profile likelihood",
}

PREDICTIONS: dict[str, str] = {
    "t_k1": "a t quantile with one degree of freedom less than studies (k − 1) and the {se} standard error "
    "of the mean "
    "(Veroniki et al. 2019)",
    "t_k2": "a t quantile with k − 2 degrees of freedom and the {se} standard error of the mean "
    "(Higgins, Thompson and Spiegelhalter 2009)",
    "z": "a normal quantile and the {se} standard error of the mean",
    "hk_k1": "a t quantile with k − 1 degrees of freedom and the Hartung–Knapp standard error of the mean",
    "hk_k2": "a t quantile with k − 2 degrees of freedom and the Hartung–Knapp standard error of the mean "
    "(Partlett and Riley 2017)",
}

OVERLAP_RULES: dict[str, str] = {
    "most_cohorts": "the largest number of studies",
    "longest_followup": "the longest follow-up",
    "largest_n": "the most people",
}

#: Columns of counts, as headings of tables.
COUNT_HEADINGS: dict[str, str] = {
    "events": "Events",
    "n": "People",
    "time": "Person-time",
    "events1": "Events, treated",
    "n1": "People, treated",
    "events2": "Events, control",
    "n2": "People, control",
    "time1": "Person-time, treated",
    "time2": "Person-time, control",
}

NUMBER_WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")

#: What a status that leaves an estimate says about it, after a colon.
STATUS_REMARKS: dict[str, str] = {
    "boundary": "τ² at its lower bound, 0",
    "several_maxima": "the likelihood has several maxima",
    "single_study": "one study, nothing to pool",
}

#: Words for the risk-of-bias cell of a sheet that has none.
NOT_ASSESSED = "not assessed"

#: By which step of the overlap rule a row was set aside.
SET_ASIDE_RULES: dict[str, str] = {
    "named": "a row named in the protocol is kept",
    "most_cohorts": "more studies are kept this way",
    "longest_followup": "the kept rows follow people for longer",
    "largest_n": "the kept rows have more people",
    "name": "a tie, broken by name",
    "names": "a tie, broken by name",
}
