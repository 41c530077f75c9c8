"""Methods in sentences: what a spec says was done; what these words do not cover is named, never guessed."""

from __future__ import annotations

from meta.options import GLMMS, MULTILEVEL, WITHOUT_TAU2
from meta.report.bayes import bayes_parts
from meta.report.cluster_words import (
    component_interval_sentence,
    dependence_words,
    multilevel_i2_sentence,
    multilevel_sentences,
    robust_sentence,
)
from meta.report.effect_words import effect_sentences, made_words
from meta.report.glmm_words import model_sentences, spread_sentences, suits
from meta.report.moderator_words import moderator_sentences, residual_sentence
from meta.report.pieces import Node, Sentence, join, show_count, show_level
from meta.report.words import MEASURES, OVERLAP_RULES, PREDICTIONS, TAU2_INTERVALS, TAU2_METHODS

#: The models on (y, v) whose words stand here.
INVERSE_VARIANCE = ("random", "common", "uwls", "ivhet", "mantel_haenszel")

#: What each guard of the HKSJ interval does, and where it comes from (for random effects).
_GUARDS = {
    "none": "no guard is set, so that it can be narrower than the Wald interval",
    "se": "its standard error is never taken smaller than the Wald one",
    "ci": "where the Wald interval is wider, that is kept",
    "iqwig6": "where it is narrower than the Wald interval of the DerSimonian–Laird model, its standard "
    "error is not taken smaller than the Wald one",
}
#: The same guards where only a prediction interval takes the HKSJ standard error.
_PREDICTION_GUARDS = {
    "none": "no guard is set",
    "se": "it is never taken smaller than the Wald one",
    "ci": "where the Wald interval of the mean is wider than the HKSJ one, the Wald standard error is taken",
    "iqwig6": "where the HKSJ interval of the mean is narrower than the Wald interval of the "
    "DerSimonian–Laird model, it is not taken smaller than the Wald one",
}
_GUARD_SOURCES = {
    "none": "",
    "se": " (Röver, Knapp and Friede 2015)",
    "ci": " (Jackson, Law, Rücker and Schwarzer 2017)",
    "iqwig6": " (IQWiG, General Methods 6.1)",
}

#: The options of a spec that have words; one that is not here is named as not described.
DESCRIBED = (
    "model",
    "tau2_method",
    "ci_method",
    "ci_guard",
    "pi_method",
    "tau2_ci",
    "level",
    "moderators",
    "weights",
    "cluster",
    "rho",
    "prior",
    "prior_parameters",
    "seed",
)

Part = tuple[str, list[Sentence]]

#: Effect sizes as their measure makes them: what holds where results.json records nothing else.
_AS_USUAL = Node(None)


def methods_parts(measure: str, spec: Node, choices: Node = _AS_USUAL) -> list[Part]:
    """Return what was done, under headings: model, estimate, prediction, heterogeneity, studies.

    Parameters
    ----------
    measure : str
        Code of the measure.
    spec : Node
        The ``spec`` of a fit in results.json.
    choices : Node
        The ``effects`` of the analysis there: how effect sizes were made beyond the measure.

    Returns
    -------
    list of (heading, sentences)
        An option or measure without words here gives a sentence that says so and where its value stands.
    """
    parts = _parts_of(measure, spec, choices)
    unknown = [(name, node.text()) for name, node in spec.items() if name not in DESCRIBED]
    said = [_not_described(f"option {name}", value, spec) for name, value in unknown if value]
    return [*parts, ("Not described", said)] if said else parts


def _parts_of(measure: str, spec: Node, choices: Node) -> list[Part]:
    model = spec.at("model").text()
    if model == "bayes":
        return _bayes_parts(measure, spec, choices)
    if model in GLMMS:
        parts = _glmm_parts(measure, spec, model)
    elif model in INVERSE_VARIANCE:
        parts = _inverse_variance_parts(measure, spec, model, choices)
    elif model in MULTILEVEL:
        parts = _multilevel_parts(measure, spec, choices)
    else:
        return [("Model", [_not_described("model", model, spec)])]
    return [*parts, *_shared_parts(measure, spec, model)]


def methods_sentences(measure: str, spec: Node, choices: Node = _AS_USUAL) -> list[Sentence]:
    """Return the sentences of ``methods_parts`` without their headings."""
    return [sentence for _, sentences in methods_parts(measure, spec, choices) for sentence in sentences]


def _bayes_parts(measure: str, spec: Node, choices: Node) -> list[Part]:
    parts = bayes_parts(measure, spec, choices)
    for name in ("tau2_method", "ci_method", "pi_method", "tau2_ci"):
        if spec.at(name).text() not in ("posterior", ""):
            parts.append(("Not described", [_not_described(f"option {name}", spec.at(name).text(), spec)]))
    if measure not in MEASURES:
        parts.append(("Not described", [_not_described("measure", measure, spec)]))
    return parts


def _not_described(what: str, value: str, spec: Node) -> Sentence:
    """Name what there are no words for."""
    return (
        f"The {what} {value or 'of this analysis'} has no description in words here; the option stands in "
        "results.json "
        f"under {spec.path}.",
    )


def _inverse_variance_parts(measure: str, spec: Node, model: str, choices: Node) -> list[Part]:
    words = MEASURES.get(measure)
    if model == "mantel_haenszel":
        made = [*_MANTEL_HAENSZEL, *effect_sentences(measure, choices)]
        if words is None:
            made.append(_not_described("measure", measure, spec))
        return [("Model", made), ("Interval", [_interval_sentence(spec, model)])]
    made = [_not_described("measure", measure, spec)]
    if words is not None:
        made = [(f"{made_words(measure, words.made, choices)}, {_weighted(spec)}.",)]
        made += effect_sentences(measure, choices)
    if model in _OWN_WORDS:
        made.append((_OWN_WORDS[model],))
        if spec.at("tau2_method").text() not in ("DL", ""):
            made.append(_not_described("estimator of tau²", spec.at("tau2_method").text(), spec))
    elif model == "common":
        made.append(
            (
                "A common-effect model is fitted: all studies are taken to estimate one and the same value, "
                "so there is no "
                "between-study variance and no prediction interval.",
            )
        )
    else:
        made.append(_tau2_sentence(spec))
    if spec.at("weights").text():
        made.append((_WEIGHTS_COMMON if model == "common" else _WEIGHTS_GIVEN,))
    made += moderator_sentences(spec)
    return [("Model", made), ("Interval", [_interval_sentence(spec, model)])]


def _multilevel_parts(measure: str, spec: Node, choices: Node) -> list[Part]:
    words = MEASURES.get(measure)
    made: list[Sentence] = [_not_described("measure", measure, spec)]
    if words is not None:
        how = made_words(measure, words.made, choices)
        made = [(f"{how}, and rows are weighted by the inverse of their covariance.",)]
        made += effect_sentences(measure, choices)
    made += multilevel_sentences(spec)
    if spec.at("tau2_method").text() not in ("REML", "ML"):
        made.append(_not_described("estimator of tau²", spec.at("tau2_method").text(), spec))
    made += moderator_sentences(spec)
    return [("Model", made), ("Interval", [_interval_sentence(spec, spec.at("model").text())])]


_OWN_WORDS = {
    "uwls": "The estimate of unrestricted weighted least squares (UWLS, Stanley and Doucouliagos 2015) is "
    "that of the common-effect model; its standard error is the one there times the square root of Q over "
    "its degrees of freedom, also where that is below one. There is no between-study variance and no "
    "prediction interval.",
    "ivhet": "The inverse variance heterogeneity model (IVhet, Doi and colleagues 2015) is fitted: the "
    "estimate is that of the common-effect model, and its variance lets each study vary by tau² besides, "
    "estimated by the method of DerSimonian and Laird. No prediction interval belongs to it.",
}

_MANTEL_HAENSZEL: list[Sentence] = [
    (
        "The counts of all studies are pooled by the method of Mantel and Haenszel (1959): one common value, "
        "no between-study variance and no prediction interval. No continuity correction enters the pooled "
        "value; the variance is that of Robins, Breslow and Greenland (1986) for odds ratios, Greenland and "
        "Robins (1985) for risk ratios and rates, and Sato, Greenland and Robins (1989) for differences.",
    ),
    ("Q compares the effect size of each study, made as follows, with the pooled value.",),
]

_WEIGHTS_GIVEN = (
    "The variance of the estimate is that of a mean with these weights, each study varying by tau² and its "
    "own sampling variance."
)
_WEIGHTS_COMMON = (
    "The variance of the estimate is that of a mean with these weights, each study varying by its own "
    "sampling variance alone."
)


def _weighted(spec: Node) -> str:
    """Say by what each study is weighted."""
    weights = spec.at("weights").text()
    if not weights:
        return "each study weighted by the inverse of its variance"
    if weights == "equal":
        return "all studies weighted alike"
    return f"each study weighted by the column {weights} of the sheet"


def _tau2_sentence(spec: Node) -> Sentence:
    method = spec.at("tau2_method").text()
    if method not in TAU2_METHODS:
        return _not_described("estimator of tau²", method, spec)
    return (
        "A random-effects model is fitted: the true values of the studies vary between settings, and their "
        "variance tau² is "
        f"estimated by {TAU2_METHODS[method]}.",
    )


def _interval_sentence(spec: Node, model: str) -> Sentence:
    """Say which interval the mean has."""
    method, guard = spec.at("ci_method").text(), spec.at("ci_guard").text()
    if robust := robust_sentence(spec):
        return robust
    each = " of each coefficient" if spec.at("moderators").text() else ""
    df = "k − p degrees of freedom, for k studies and p coefficients" if each else "k − 1 degrees of freedom"
    if model in MULTILEVEL:
        df = "k − p df, for k rows and p coefficients" if each else "k − 1 df, k counting rows"
    head = join("The ", show_level(spec.at("level")), f" confidence interval{each} ")
    if method == "Wald":
        return join(head, "is the Wald interval, with a normal quantile.")
    if method == "t" and model == "uwls":
        return join(head, f"takes that standard error and a t quantile with {df}.")
    if method == "t":
        return join(head, f"takes the Wald standard error and a t quantile with {df}.")
    if method == "profile":
        return join(
            head, "is found by profile likelihood: the values that a likelihood-ratio test does not reject."
        )
    if method == "HKSJ" and guard in _GUARDS:
        name = f"is that of Hartung, Knapp, Sidik and Jonkman (HKSJ), with a t quantile with {df}; "
        return join(head, name, _GUARDS[guard] + ("" if model == "common" else _GUARD_SOURCES[guard]), ".")
    return _not_described("confidence interval", f"{method} with guard {guard}", spec)


def _glmm_parts(measure: str, spec: Node, model: str) -> list[Part]:
    made, pooled = model_sentences(measure, spec)
    if spec.at("tau2_method").text() not in ("ML", ""):
        made.append(_not_described("estimator of tau²", spec.at("tau2_method").text(), spec))
    if not suits(model, measure):
        made.append(_not_described("measure", f"{measure} under this model", spec))
    interval = ("Interval", [_interval_sentence(spec, model)])
    if regression := moderator_sentences(spec):
        held = [] if spec.at("tau2_method").text() or model in WITHOUT_TAU2 else pooled
        return [("Model", [*made, *held, *regression]), interval]
    return [("Model", made), ("Estimate", pooled), interval]


def _shared_parts(measure: str, spec: Node, model: str) -> list[Part]:
    """Return the parts on prediction, heterogeneity and the studies themselves."""
    parts: list[Part] = []
    spread: list[Sentence] = []
    held = model in GLMMS and not spec.at("tau2_method").text()
    regression = bool(spec.at("moderators").text())
    if model not in (*WITHOUT_TAU2, "ivhet") and not held and not regression:
        parts.append(("Prediction", [_prediction_sentence(spec)]))
    if model not in WITHOUT_TAU2 and not held:
        spread.append(_tau2_interval_sentence(spec))
    if model in GLMMS:
        spread += spread_sentences(spec)
    elif model in MULTILEVEL:
        spread.append(multilevel_i2_sentence())
    elif model in WITHOUT_TAU2:
        spread.append(("Q is Cochran's; H² is Q over its degrees of freedom, and I² follows from it.",))
    else:
        spread.append(
            (
                "Q is Cochran's; I² is the share of tau² in the sum of tau² and the typical sampling "
                "variance (Higgins and "
                "Thompson 2002).",
            )
        )
    if regression:
        spread.append(residual_sentence(spec))
    parts.append(("Heterogeneity", spread))
    words = MEASURES.get(measure)
    if words is not None:
        weights = [] if model not in GLMMS else [("The model gives studies no weights.",)]
        parts.append(("Studies", [(words.intervals,), *weights]))
    return parts


def _prediction_sentence(spec: Node) -> Sentence:
    method = spec.at("pi_method").text()
    if not method:
        return ("No prediction interval is computed.",)
    if method not in PREDICTIONS:
        return _not_described("prediction interval", method, spec)
    se = "maximum-likelihood" if spec.at("model").text() in GLMMS else "Wald"
    how = join(PREDICTIONS[method].format(se=se))
    if method.startswith("hk_"):
        guard = spec.at("ci_guard").text()
        if guard not in _PREDICTION_GUARDS:
            return _not_described("guard", guard, spec)
        above = spec.at("ci_method").text() == "HKSJ" and guard != "none"
        how = join(how, " (after the guard above)" if above else f" ({_PREDICTION_GUARDS[guard]})")
    if method == "bootstrap":
        seed = spec.at("seed")
        start = join("the seed ", show_count(seed)) if seed.number() is not None else ("a fixed seed",)
        how = join(how, ", their random numbers starting from ", start)
    return join(
        "The ",
        show_level(spec.at("level")),
        " prediction interval, for the true value in a new setting, takes ",
        how,
        "; it is given from three studies on",
        ", and k counts studies, not rows." if spec.at("cluster").exists else ".",
    )


def _tau2_interval_sentence(spec: Node) -> Sentence:
    method = spec.at("tau2_ci").text()
    if spec.at("model").text() in MULTILEVEL:
        return component_interval_sentence(spec) or _not_described("interval of tau²", method, spec)
    if not method:
        return ("No interval is computed for tau².",)
    if method not in TAU2_INTERVALS:
        return _not_described("interval of tau²", method, spec)
    return (f"The interval of tau² is found by {TAU2_INTERVALS[method]}.",)


def overlap_sentence(rule: Node, spec: Node) -> Sentence:
    """Say by which rule rows were chosen among those that share people, under the model of ``spec``."""
    names = [step.text() for step in rule.each()]
    unknown = [name for name in names if name not in OVERLAP_RULES]
    if unknown:
        return (
            f"Rows that share people never enter together; the rule {', '.join(unknown)} has no description "
            "in words here.",
        )
    steps = [OVERLAP_RULES[name] for name in names]
    order = (
        f"; among the sets possible it takes {', then '.join(steps)}, then names in alphabetical order"
        if steps
        else ""
    )
    if dependence := dependence_words(spec):
        return (
            f"Rows of one study ({spec.at('cluster').text()}) may share people, since {dependence}; of rows "
            "of different studies that share people the analysis keeps rows named in the protocol "
            f"first{order}.",
        )
    return (
        "Rows that share people never enter together: the analysis keeps rows named in the protocol "
        f"first{order}.",
    )
