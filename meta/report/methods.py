"""Methods in sentences: what a spec says was done; what these words do not cover is named, never guessed."""

from __future__ import annotations

from meta.report.pieces import Node, Sentence, join, show_level
from meta.report.words import MEASURES, OVERLAP_RULES, PREDICTIONS, TAU2_INTERVALS, TAU2_METHODS

_GLMMS = {
    "binomial_normal": ("binomial", "logit", "logits", "proportions"),
    "poisson_normal": ("Poisson", "log", "log rates", "rates"),
}


def methods_sentences(measure: str, spec: Node) -> list[Sentence]:
    """Return what was done, one sentence a choice, for a measure and a spec.

    Parameters
    ----------
    measure : str
        Code of the measure.
    spec : Node
        The ``spec`` of a fit in results.json.

    Returns
    -------
    list of Sentence
        An option or measure without words here gives a sentence that says so and where its value stands.
    """
    model = spec.at("model").text()
    if model in _GLMMS:
        return [*_glmm_sentences(measure, spec, model), *_shared_sentences(measure, spec)]
    if model in ("random", "common"):
        return [*_inverse_variance_sentences(measure, spec, model), *_shared_sentences(measure, spec)]
    return [_not_described("model", model, spec)]


def _not_described(what: str, value: str, spec: Node) -> Sentence:
    """Name what there are no words for."""
    return (f"The {what} {value or 'of this analysis'} has no description in words here; the option stands in results.json "
            f"under {spec.path}.",)


def _inverse_variance_sentences(measure: str, spec: Node, model: str) -> list[Sentence]:
    words = MEASURES.get(measure)
    out: list[Sentence] = []
    if words is None:
        out.append(_not_described("measure", measure, spec))
    else:
        out.append((f"{words.made}, each study weighted by the inverse of its variance.",))
        if words.zeros:
            out.append((words.zeros,))
    if model == "common":
        out.append(
            ("A common-effect model is fitted: all studies are taken to estimate one and the same value, so there is no "
             "between-study variance and no prediction interval.",)
        )
    else:
        out.append(_tau2_sentence(spec))
    out.append(_interval_sentence(spec, model))
    return out


def _tau2_sentence(spec: Node) -> Sentence:
    method = spec.at("tau2_method").text()
    if method not in TAU2_METHODS:
        return _not_described("estimator of tau²", method, spec)
    return ("A random-effects model is fitted: the true values of the studies vary between settings, and their variance tau² is "
            f"estimated by {TAU2_METHODS[method]}.",)


def _interval_sentence(spec: Node, model: str) -> Sentence:
    """Say which interval the mean has."""
    method, guard = spec.at("ci_method").text(), spec.at("ci_guard").text()
    head = join("The ", show_level(spec.at("level")), " confidence interval ")
    if method == "Wald":
        return join(head, "is the Wald interval, with a normal quantile.")
    if method == "t":
        return join(head, "takes the Wald standard error and a t quantile with k − 1 degrees of freedom.")
    if method == "profile":
        return join(head, "is found by profile likelihood: the values that a likelihood-ratio test does not reject.")
    if method == "HKSJ" and guard in ("se", "none"):
        name = "is that of Hartung, Knapp, Sidik and Jonkman (HKSJ), with a t quantile with k − 1 degrees of freedom; "
        if guard == "none":
            return join(head, name, "no guard is set, so that it can be narrower than the Wald interval.")
        why = "" if model == "common" else " (Röver, Knapp and Friede 2015)"
        return join(head, name, f"its standard error is never taken smaller than the Wald one{why}.")
    return _not_described("confidence interval", f"{method} with guard {guard}", spec)


def _glmm_sentences(measure: str, spec: Node, model: str) -> list[Sentence]:
    family, link, links, what = _GLMMS[model]
    back = "expit of the mean logit" if link == "logit" else "exp of the mean log rate"
    out: list[Sentence] = [
        (f"A {family.lower() if family == 'binomial' else family}-normal generalised linear mixed model is fitted to the counts "
         f"themselves: each study's events are {family}, and the {links} of the studies' true {what} are normal with variance "
         "tau².",),
        ("No continuity correction is made: studies without events enter as they are. The model gives studies no weights.",),
        ("Estimation is by maximum likelihood with adaptive Gauss–Hermite quadrature, whose nodes rise until the likelihood "
         "stops moving.",),
        (f"The pooled value is that of the median setting ({back}); beside it stands the population mean, the average over "
         "settings, which lies nearer to one half where settings differ.",)
        if link == "logit"
        else (f"The pooled value is that of the median setting ({back}); beside it stands the population mean, the average over "
              "settings, which lies above the median where settings differ.",),
        _interval_sentence(spec, model),
    ]
    if (model == "binomial_normal") != (measure in ("PLO", "PR", "PFT")):
        out.append(_not_described("measure", f"{measure} under this model", spec))
    return out


def _shared_sentences(measure: str, spec: Node) -> list[Sentence]:
    """Return the sentences on prediction, tau2 interval, I2 and the studies' own intervals."""
    model = spec.at("model").text()
    out: list[Sentence] = []
    if model != "common":
        out.append(_prediction_sentence(spec))
        out.append(_tau2_interval_sentence(spec))
    words = MEASURES.get(measure)
    if model in _GLMMS:
        out.append(
            ("Q is the likelihood-ratio statistic of the model without tau² against one value for each study; I² is the share of "
             "tau² in the sum of tau² and the typical sampling variance (Higgins and Thompson 2002), which is taken from "
             "the counts with 0.5 added where a cell is zero.",)
        )
    elif model == "common":
        out.append(("Q is Cochran's; H² is Q over its degrees of freedom, and I² follows from it.",))
    else:
        out.append(
            ("Q is Cochran's; I² is the share of tau² in the sum of tau² and the typical sampling variance (Higgins and Thompson "
             "2002).",)
        )
    if words is not None:
        out.append((words.intervals,))
    return out


def _prediction_sentence(spec: Node) -> Sentence:
    method = spec.at("pi_method").text()
    if not method:
        return ("No prediction interval is computed.",)
    if method not in PREDICTIONS:
        return _not_described("prediction interval", method, spec)
    se = "maximum-likelihood" if spec.at("model").text() in _GLMMS else "Wald"
    how = PREDICTIONS[method].format(se=se)
    return join(
        "The ", show_level(spec.at("level")), f" prediction interval, for the true value in a new setting, takes {how}; it is given "
        "from three studies on.",
    )


def _tau2_interval_sentence(spec: Node) -> Sentence:
    method = spec.at("tau2_ci").text()
    if not method:
        return ("No interval is computed for tau².",)
    if method not in TAU2_INTERVALS:
        return _not_described("interval of tau²", method, spec)
    return (f"The interval of tau² is found by {TAU2_INTERVALS[method]}.",)


def overlap_sentence(rule: Node) -> Sentence:
    """Say by which rule rows were chosen among those that share people."""
    names = [step.text() for step in rule.each()]
    unknown = [name for name in names if name not in OVERLAP_RULES]
    if unknown:
        return (f"Rows that share people never enter together; the rule {', '.join(unknown)} has no description in words here.",)
    steps = [OVERLAP_RULES[name] for name in names]
    order = f"; among the sets possible it takes {', then '.join(steps)}, then names in alphabetical order" if steps else ""
    return (f"Rows that share people never enter together: the analysis keeps rows named in the protocol first{order}.",)
