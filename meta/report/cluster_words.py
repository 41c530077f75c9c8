"""Words for rows clustered in studies: multilevel models, robust intervals, variance components."""

from __future__ import annotations

from meta.options import CLUSTER_ROBUST, MULTILEVEL
from meta.report.pieces import (
    Node,
    Sentence,
    join,
    listed,
    plain,
    ranged,
    show_count,
    show_declared,
    show_level,
    show_percent,
    show_tau2,
)
from meta.tables.numbers import MISSING

_ROBUST = {
    "CR0": "without a correction for few studies",
    "CR1": "multiplied by m / (m − 1), m being the number of studies",
    "CR1p": "multiplied by m / (m − p), for m studies and p coefficients",
    "CR2": "with the bias-reduced adjustment of Bell and McCaffrey, the fitted model being its target "
    "(Pustejovsky and Tipton 2018)",
}

_LIKELIHOODS = {"REML": "restricted maximum likelihood (REML)", "ML": "maximum likelihood"}


def multilevel_sentences(spec: Node) -> list[Sentence]:
    """Say which multilevel model was fitted."""
    column = spec.at("cluster").text()
    method = spec.at("tau2_method").text()
    if spec.at("model").text() == "three_level":
        head = (
            f"A three-level model is fitted to the rows, clustered in studies by the column {column}: true "
            "values vary between studies and between the rows of a study, and sampling errors are taken as "
            "independent"
        )
        source = " (Konstantopoulos 2011; Van den Noortgate and colleagues 2013)"
        first: Sentence = (f"{head}{source}.",)
    else:
        first = join(
            "A model of correlated and hierarchical effects is fitted to the rows, clustered in studies by "
            f"the column {column}: true values vary between studies and between the rows of a study, and the "
            "sampling errors of rows of one study are taken to correlate by ",
            show_declared(spec.at("rho")),
            " (Pustejovsky and Tipton 2022).",
        )
    if method not in _LIKELIHOODS:
        return [first, ("tau² is the sum of both variances.",)]
    return [first, (f"Both variances are estimated by {_LIKELIHOODS[method]}; tau² is their sum.",)]


def robust_sentence(spec: Node) -> Sentence:
    """Say which cluster-robust interval the mean has; empty where it has another."""
    method = spec.at("ci_method").text()
    if method not in CLUSTER_ROBUST:
        return ()
    each, centre = ("", "mean")
    if spec.at("moderators").text():
        each, centre = " of each coefficient", "regression"
    return join(
        "The ",
        show_level(spec.at("level")),
        f" confidence interval{each} is cluster-robust (",
        method,
        f"): its standard error rests on how far whole studies ({spec.at('cluster').text()}) lie from the "
        f"{centre}, {_ROBUST[method]}, and its t quantile has Satterthwaite degrees of freedom.",
    )


def dependence_words(spec: Node) -> str:
    """Say what allows for rows of one study that share people; empty where nothing does."""
    if spec.at("model").text() == "correlated_effects":
        return "the model lets their sampling errors correlate"
    if spec.at("ci_method").text() in CLUSTER_ROBUST:
        return "the cluster-robust interval holds whatever their dependence is"
    return ""


def component_interval_sentence(spec: Node) -> Sentence:
    """Say how the variance components got their intervals; empty where there are no words for it."""
    if spec.at("tau2_ci").text() not in ("PL", ""):
        return ()
    if spec.at("tau2_ci").text() == "PL":
        return ("Each variance has an interval by profile likelihood; their sum has none.",)
    return ("No interval is computed for the variances.",)


def multilevel_i2_sentence() -> Sentence:
    """Say what I2 and Q are in a multilevel model."""
    return (
        "Q is Cochran's, with the sampling correlations of the model; I² is the share of both variances in "
        "their sum with the typical sampling variance, and each level has its own share (Cheung 2014).",
    )


def component_sentences(fit: Node) -> list[Sentence]:
    """Say how tau2 divides among its levels, each with its interval and its share."""
    parts = [_component(component, fit) for component in fit.at("components").each()]
    if fit.at("spec", "model").text() not in MULTILEVEL or not parts:
        return []
    if len(parts) == 1:
        return [join("All of tau², ", parts[0], ".")]
    return [join("Of tau², ", listed(parts, " and "), ".")]


def _component(component: Node, fit: Node) -> Sentence:
    bounds = ranged(show_tau2(component.at("low")), show_tau2(component.at("high")))
    level = show_level(fit.at("spec", "level"))
    inside = (level, " CI ", bounds, "; ") if plain(bounds) != MISSING else ()
    return join(
        show_tau2(component.at("value")),
        " (",
        *inside,
        "I²\u00a0",
        show_percent(component.at("i2")),
        f") lies {component.at('name').text()}",
    )


def studies_node(fit: Node) -> Node:
    """Return the number of studies of a fit: of clusters where rows are clustered, of rows elsewhere."""
    return fit.at("clusters") if fit.at("clusters").exists else fit.at("k")


def rows_text(fit: Node, link: str = "") -> Sentence:
    """Return ``56 rows of 11 studies`` where rows are clustered in studies; empty elsewhere."""
    clusters = fit.at("clusters")
    if not clusters.exists:
        return ()
    k, m = fit.at("k").number(), clusters.number()
    return join(
        show_count(fit.at("k"), link),
        " row of " if k == 1 else " rows of ",
        show_count(clusters),
        " study" if m == 1 else " studies",
    )
