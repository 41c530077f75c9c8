"""The field's words for measures, options and statuses: what the sentences are made from."""

from __future__ import annotations

from meta.report.measure_words import MEASURES as MEASURES

TAU2_METHODS: dict[str, str] = {
    "REML": "restricted maximum likelihood (REML)",
    "DL": "the method of moments of DerSimonian and Laird (DL)",
    "HE": "the method of Hedges and Olkin (HE)",
    "PM": "the method of Paule and Mandel (PM)",
    "ML": "maximum likelihood (ML)",
    "HS": "the method of Hunter and Schmidt",
    "HSk": "the method of Hunter and Schmidt, corrected for small samples (Brannick and colleagues 2019)",
    "SJ": "the two-step estimator of Sidik and Jonkman (2005)",
    "EB": "empirical Bayes (the same root as Paule and Mandel's)",
    "PMM": "the median-unbiased form of Paule and Mandel's method (Viechtbauer 2021)",
    "GENQ": "the generalised method of moments with the weights given (DerSimonian and Kacker 2007)",
    "DL2": "the two-step method of DerSimonian and Kacker (2007), which starts from the method of moments",
    "DL_MH": "the method of moments of DerSimonian and Laird with Q about the Mantel–Haenszel estimate, as "
    "in Review Manager 5",
}

TAU2_INTERVALS: dict[str, str] = {
    "QP": "the Q-profile method (Viechtbauer 2007)",
    "J": "the exact distribution of Q with weights 1/√v (Jackson 2013)",
    "BJ": "the exact distribution of Q with weights 1/v (Biggerstaff and Jackson 2008)",
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
    "bootstrap": "the bootstrap of Nagashima, Noma and Furukawa (2019): percentiles of 50,000 draws in which "
    "tau² comes from the confidence distribution of its DerSimonian–Laird estimator",
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
    "mean": "Mean",
    "sd": "SD",
    "mean1": "Mean, treated",
    "sd1": "SD, treated",
    "mean2": "Mean, control",
    "sd2": "SD, control",
    "mean_pre": "Mean before",
    "mean_post": "Mean after",
    "sd_pre": "SD before",
    "sd_post": "SD after",
    "r": "r",
    "controls": "Variables controlled",
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
