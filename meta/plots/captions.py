"""The words around a figure.

Notes on model, intervals and heterogeneity, names of statuses, the text for screen readers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from meta.effects.measures import find_measure
from meta.model_words import MODEL_WORDS
from meta.options import CLUSTER_ROBUST, MULTILEVEL, DisplayUnit, ModelSpec, interval_names
from meta.results import Fit, Subgroups
from meta.tables.numbers import (
    column_decimals,
    declared_text,
    df_text,
    interval_text,
    level_text,
    number_text,
    p_text,
    percent_text,
    probability_text,
    range_text,
    tau2_text,
)

STATUS_WORDS = {
    "ok": "",
    "boundary": "τ² at its lower bound, 0",
    "several_maxima": "the likelihood has several maxima",
    "single_study": "one study",
    "one_sided": "one-sided bound",
    "not_converged": "not converged",
    "not_estimable": "not estimable",
}

#: Signs of footnotes on rows, in the order in which they are taken.
_SIGNS = "†‡§¶#"

#: Characters of a study's name in a description; a pasted abstract would drown the rest.
_SPOKEN_NAME = 80

_INTERVALS = {
    "profile": "profile likelihood",
    "Wald": "Wald (normal)",
    "t": "Wald standard error, t distribution",
    "HKSJ": "Hartung–Knapp–Sidik–Jonkman",
    "posterior": "credible, equal-tailed",
    **{name: f"cluster-robust ({name})" for name in CLUSTER_ROBUST},
}
_GUARDS = {
    "none": "",
    "se": ", never narrower than Wald",
    "ci": ", or Wald where that is wider",
    "iqwig6": ", corrected where narrower than DerSimonian–Laird",
}


def no_value_words(fit: Fit) -> str:
    """Return what stands in the place of the pooled estimate where there is none."""
    if fit.spec.moderators is not None:
        return "none: the model has moderators"
    return STATUS_WORDS.get(fit.status) or "not estimable"


def overall_label(fit: Fit) -> str:
    """Return the name of the overall row: number of studies and what the number means."""
    if fit.k == 0:
        return "No study can be used (k = 0)"
    if fit.status == "single_study":
        return "One study (k = 1), nothing to pool"
    if fit.status == "one_sided":
        return f"All studies (k = {fit.k}), one-sided {level_text(fit.spec.level)} bound"
    words = MODEL_WORDS[fit.spec.model].pooled if fit.natural is not None else ""
    rows = f"All studies (k = {fit.k})"
    if fit.clusters is not None:
        rows = f"All rows (k = {fit.k} of {counted(fit.clusters, 'study')})"
    return rows + (f", {words}" if words else "")


def heterogeneity_text(fit: Fit) -> str:
    """Return ``τ² = 0.236, I² = 93%`` for a subgroup's row, or nothing."""
    parts = []
    if fit.tau2 is not None and fit.spec.estimates_tau2:
        parts.append(f"τ² {_equals(tau2_text(fit.tau2.value))}")
    parts += _rho(fit)
    if fit.heterogeneity is not None and fit.heterogeneity.i2 is not None:
        parts.append(f"I² = {percent_text(fit.heterogeneity.i2)}")
    return ", ".join(parts)


def _rho(fit: Fit, *, bounds: bool = False) -> list[str]:
    """Return the correlation of two people of one study under a beta-binomial model, or nothing."""
    if fit.spec.model != "beta_binomial":
        return []
    texts = []
    for c in fit.components:
        text = f"ρ {_equals(tau2_text(c.value))}"
        if bounds and c.low is not None and c.high is not None:
            text += f" [{tau2_text(c.low)}, {tau2_text(c.high)}]"
        texts.append(text)
    return texts


def _equals(text: str) -> str:
    return text if text.startswith("<") else f"= {text}"


def heterogeneity_note(fit: Fit) -> str:
    """Return the line on heterogeneity: tau2 with its interval, I2, the test."""
    parts = []
    if fit.tau2 is not None and fit.spec.estimates_tau2:
        text = f"τ² {_equals(tau2_text(fit.tau2.value))}"
        if fit.tau2.low is not None and fit.tau2.high is not None:
            text += f" [{tau2_text(fit.tau2.low)}, {tau2_text(fit.tau2.high)}]"
        parts.append(text + _component_words(fit))
    parts += _rho(fit, bounds=True)
    h = fit.heterogeneity
    if h is not None:
        if h.i2 is not None:
            bounds = ""
            if h.i2_low is not None and h.i2_high is not None:
                bounds = f" [{percent_text(h.i2_low)}, {percent_text(h.i2_high)}]"
            parts.append(f"I² = {percent_text(h.i2)}{bounds}")
        kind = " (likelihood ratio)" if fit.spec.is_glmm else ""
        parts.append(f"χ² = {number_text(h.q, 1)}, df = {h.df}, {p_text(h.p)}{kind}")
    if not parts:
        return ""
    words = "Residual heterogeneity" if fit.spec.moderators is not None else "Heterogeneity"
    status = STATUS_WORDS.get(fit.status, "") if fit.status in ("boundary", "several_maxima") else ""
    if fit.spec.model == "beta_binomial":
        status = status.replace("τ²", "ρ")
    return f"{words}: {'; '.join(parts)}." + (f" Note: {status}." if status else "")


def _basis(fit: Fit) -> str:
    """Return ``12 studies``, or ``56 rows of 11 studies`` where rows are clustered."""
    if fit.clusters is None:
        return counted(fit.k, "study")
    return f"{counted(fit.k, 'row')} of {counted(fit.clusters, 'study')}"


def counted(number: int, noun: str) -> str:
    """Return ``1 study``, ``2 studies``."""
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number} {noun if number == 1 else plural}"


def _component_words(fit: Fit) -> str:
    """Return how tau2 divides among its levels, or nothing."""
    if fit.spec.model not in MULTILEVEL or len(fit.components) < 2:
        return ""
    return f" ({', '.join(f'{tau2_text(c.value)} {c.name}' for c in fit.components)})"


def between_note(subgroups: Subgroups) -> str:
    """Return the line on the test between subgroups, or why there is none."""
    test = subgroups.test
    if test.statistic is None or test.df is None or test.p is None:
        return f"Between subgroups: {test.reason or 'no test'}."
    if test.df2 is None:
        text = f"χ² = {number_text(test.statistic, 2)}, df = {test.df}, {p_text(test.p)}"
    else:
        text = (
            f"F = {number_text(test.statistic, 2)}, df = {test.df} and {df_text(test.df2)}, {p_text(test.p)}"
        )
    shared = "one τ² for all" if subgroups.common_tau2 else "a τ² for each"
    return f"Between subgroups: {text} ({shared})" + (f"; {test.reason}." if test.reason else ".")


def effect_note(fit: Fit) -> str:
    """Return the test of the pooled value against no effect.

    Nothing where there is no such value, as for proportions.
    """
    if fit.estimate is None or find_measure(fit.measure).null is None:
        return ""
    if fit.posterior is not None and fit.posterior.tail_mu is not None:
        above = f"above {find_measure(fit.measure).null:g}"
        parts = (probability_text(p) for p in (fit.posterior.tail_mu, fit.posterior.tail_new))
        return "Posterior probability that the mean lies {}: {}; a new setting: {}.".format(above, *parts)
    if math.isnan(fit.estimate.p):
        return ""
    kind, estimate = "z", fit.estimate
    if estimate.df is not None:
        kind = "t"
    df = "" if estimate.df is None else f", df = {df_text(estimate.df)}"
    return f"Overall effect: {kind} = {number_text(estimate.statistic, 2)}{df}, {p_text(estimate.p)}."


def moderator_note(fit: Fit) -> str:
    """Return the line on the moderators of a model that has them."""
    if fit.spec.moderators is None:
        return ""
    test = fit.moderator_test
    words = f"Moderators: {fit.spec.moderators}; no single pooled value."
    if test is None:
        return words
    kind = f"χ² = {number_text(test.statistic, 2)}, df = {test.df}"
    if test.df2 is not None:
        kind = f"F = {number_text(test.statistic, 2)}, df = {test.df} and {df_text(test.df2)}"
    return f"{words} Test of moderators: {kind}, {p_text(test.p)}."


def weights_words(spec: ModelSpec) -> str:
    """Return what the weights are where they are not the inverse variances, or nothing."""
    if spec.weights is None:
        return ""
    return ", equal weights" if spec.weights == "equal" else f", weights: {spec.weights}"


def prior_words(fit: Fit) -> str:
    """Return the prior of tau of a Bayesian fit, or nothing."""
    if fit.posterior is None:
        return ""
    words = {
        "half_normal": "half-normal ({})",
        "half_cauchy": "half-Cauchy ({})",
        "uniform": "uniform (0 to {})" if fit.posterior.prior_parameters else "uniform",
        "log_normal": "log-normal on τ² ({}, {})",
    }[fit.posterior.prior]
    return ", prior of τ " + words.format(*(declared_text(x) for x in fit.posterior.prior_parameters))


def interval_words(spec: ModelSpec) -> str:
    """Return the name of the interval of the mean."""
    words = _INTERVALS[str(spec.ci_method)]
    return words + (_GUARDS[spec.ci_guard] if spec.ci_method == "HKSJ" else "")


def model_note(fit: Fit, sized: str = "", studies: bool = True) -> str:
    """Return the line on model and intervals.

    With ``studies``, as in a forest plot, on prediction, study intervals and squares too.
    ``sized`` says what the area of a square stands for.
    """
    spec = fit.spec
    if fit.k == 0:
        return "No study of this analysis can be used, so nothing is estimated or drawn."
    method = f", τ² by {spec.tau2_method}" if spec.model in ("random", "ivhet", *MULTILEVEL) else ""
    method += ", τ² held at 0" if spec.holds_tau2 else ""
    method += weights_words(spec)
    method += prior_words(fit)
    parts = [f"Pooled intervals: {interval_words(spec)}"]
    if not studies:
        return f"{_model(spec)}{method}. {parts[0]}."
    if fit.prediction is not None:
        parts.append(f"prediction: {_prediction_words(fit)}")
    parts.append(f"studies: {_study_interval_words(fit)}")
    note = f"{_model(spec)}{method}. {'; '.join(parts)}."
    if spec.is_glmm:
        name = "beta-binomial model" if spec.model == "beta_binomial" else "GLMM"
        note += f" A {name} has no weights that add up, so there is no weight column."
    return note + (f" Squares grow in area with {sized}." if sized else "")


def _model(spec: ModelSpec) -> str:
    """Return the model as a caption starts with it."""
    words = MODEL_WORDS[spec.model]
    return words.name[:1].upper() + words.name[1:] + words.detail


def _prediction_words(fit: Fit) -> str:
    assert fit.prediction is not None
    if fit.prediction.method == "posterior":
        return "predictive distribution"
    if fit.prediction.method == "bootstrap":
        return "bootstrap (Nagashima)"
    error = ", HKSJ standard error" if str(fit.prediction.method).startswith("hk_") else ""
    if fit.prediction.df is None:
        return f"normal distribution{error}"
    return f"t with {df_text(fit.prediction.df)} df{error}"


def _study_interval_words(fit: Fit) -> str:
    kind = find_measure(fit.measure).kind
    counted = any(study.counts for study in fit.studies)
    exact = {"proportion": "Clopper–Pearson", "rate": "exact Poisson"}
    return exact[kind] if counted and kind in exact else "Wald"


def population_note(fit: Fit, unit: DisplayUnit) -> str:
    """Return the line on the population mean of a GLMM, or nothing."""
    mean = fit.population_mean
    if mean is None:
        return ""
    value, low, high = (x * unit.factor for x in (mean.value, mean.low, mean.high))
    number = interval_text(value, low, high, column_decimals([(value, low, high)]))
    return f"Population mean (over settings, rather than the median setting): {number}{unit_words(unit)}."


def unit_words(unit: DisplayUnit) -> str:
    """Return `` per 100`` for a number in a sentence, where the heading says so, else nothing."""
    return f" {unit.heading[0].lower()}{unit.heading[1:]}" if unit.heading.startswith("Per ") else ""


def pooled_sentence(fit: Fit, unit: DisplayUnit) -> str:
    """Return one sentence on the pooled value, for screen readers."""
    level = level_text(fit.spec.level)
    if fit.natural is None:
        return f"No pooled value: {no_value_words(fit)}."
    value, low, high = (x * unit.factor for x in (fit.natural.value, fit.natural.low, fit.natural.high))
    decimals = column_decimals([(value, low, high)])
    interval = interval_names(fit.spec.model)[1]
    kind = f"one-sided {level} bound" if fit.status == "one_sided" else f"{level} {interval}"
    name = unit_words(unit) or f" ({unit.heading})"
    text = f"Pooled value of {_basis(fit)}: {number_text(value, decimals)}{name}"
    text += f", {kind} {range_text(low, high, decimals)}"
    below, above = fit.natural.prediction_low, fit.natural.prediction_high
    if below is not None and above is not None:
        text += (
            f", {level} prediction interval {range_text(below * unit.factor, above * unit.factor, decimals)}"
        )
    return text + "."


def spoken_row(texts: Sequence[str]) -> str:
    """Return a row of a table for screen readers: its name, cut where it is very long, and its last cell."""
    there = [text for text in texts if text]
    name = there[0] if len(there[0]) <= _SPOKEN_NAME else there[0][: _SPOKEN_NAME - 1] + "…"
    return f"{name.rstrip(':')}: {there[-1]}" if len(there) > 1 else name


def number_remarks(remarks: Iterable[str]) -> dict[str, str]:
    """Give each remark a sign, in the order of the rows."""
    known = dict.fromkeys(remark for remark in remarks if remark)
    return {remark: _SIGNS[i % len(_SIGNS)] * (i // len(_SIGNS) + 1) for i, remark in enumerate(known)}


def remark_notes(signs: dict[str, str]) -> list[str]:
    """Return the note that explains the signs."""
    return [f"{'; '.join(f'{sign} {remark}' for remark, sign in signs.items())}."] if signs else []
