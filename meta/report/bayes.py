"""The Bayesian model in words: methods, posterior in sentences, shrunken effects, and a check in base R."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meta.report.effect_words import effect_sentences, made_words
from meta.report.pieces import (
    Node,
    Piece,
    Sentence,
    Unit,
    join,
    ranged,
    show_declared,
    show_level,
    show_probability,
    show_significant,
)
from meta.report.r_code import r_compare, r_number
from meta.report.views import Block, Column, Figure, Table, row
from meta.report.words import MEASURES

#: What a prior is called, what its parameters are, and who proposed it.
_PRIORS = {
    "half_normal": ("a half-normal prior with scale {}", "Röver et al. 2021"),
    "half_cauchy": ("a half-Cauchy prior with scale {}", "Gelman 2006"),
    "uniform": ("a uniform prior from 0 to {}", "Gelman 2006"),
    "log_normal": (
        "a prior under which log tau² is normal with mean {} and standard deviation {}",
        "Turner et al. 2015",
    ),
}
_IMPROPER = "a uniform prior on all values above 0, which is improper"

#: Relative tolerance of the comparisons in R: its grid of tau has 40 001 points.
_R_TOLERANCE = "1e-4"


def bayes_parts(measure: str, spec: Node, choices: Node) -> list[tuple[str, list[Sentence]]]:
    """Return the methods of a Bayesian analysis under headings; ``choices`` as ``methods_parts`` takes."""
    words = MEASURES.get(measure)
    made: list[Sentence] = []
    if words is not None:
        made.append((f"{made_words(measure, words.made, choices)}, each with its sampling variance.",))
        made += effect_sentences(measure, choices)
    made.append(
        (
            "A Bayesian normal–normal model is fitted: the true values of the studies are normal around "
            "their mean, with standard deviation tau (Röver 2020).",
        )
    )
    made.append(join("The mean has a flat prior, tau ", *_prior_of(spec, spec), "."))
    made.append(
        (
            "The posterior is integrated over tau on a grid that is refined until nothing moves; no random "
            "numbers are drawn.",
        )
    )
    level = show_level(spec.at("level"))
    estimate = join(
        "The pooled value is the median of the posterior; the ",
        level,
        " credible interval is equal-tailed: as much probability lies below it as above. There is no test.",
    )
    parts = [("Model", made), ("Estimate", [estimate])]
    if spec.at("pi_method").exists:
        prediction = join(
            "The ",
            level,
            " prediction interval is that of the predictive distribution of the true value in a new setting, "
            "which carries the uncertainty of mean and tau; it exists from one study on.",
        )
        parts.append(("Prediction", [prediction]))
    else:
        parts.append(("Prediction", [("No prediction interval is computed.",)]))
    spread: list[Sentence] = [
        (
            "tau² and I² are medians of their posteriors; I² follows from tau² and the typical sampling "
            "variance (Higgins and Thompson 2002). Q is Cochran's.",
        )
    ]
    if spec.at("tau2_ci").exists:
        spread.append(join("The ", level, " credible interval of tau² is equal-tailed as well."))
    else:
        spread.append(("No interval is computed for tau².",))
    parts.append(("Heterogeneity", spread))
    if words is not None:
        weights = "The weight of a study is what it adds to the posterior mean, averaged over tau."
        parts.append(("Studies", [(words.intervals,), (weights,)]))
    return parts


def _prior_of(spec: Node, numbers: Node) -> tuple[Sentence, ...]:
    """Return ``has a half-normal prior with scale 0.5 (Röver et al. 2021)``; numbers with their addresses."""
    name = spec.at("prior").text()
    if not name:
        words, source = _PRIORS["half_normal"]
        return (("has " + words.format("0.5") + f" ({source}), the default for logs and logits",),)
    given = [show_declared(node) for node in numbers.at("prior_parameters").each()]
    if name == "uniform" and not given:
        return ((f"has {_IMPROPER}",),)
    if name not in _PRIORS:
        return ((f"has a prior that has no description in words here ({name})",),)
    words, source = _PRIORS[name]
    pieces = words.split("{}")
    after = zip(given, pieces[1:], strict=True)
    inside = [join(pieces[0]), *(join(number, text) for number, text in after)]
    return (("has ",), *inside, (f" ({source})",))


def posterior_sentences(
    posterior: Node, spec: Node, unit: Unit, measure: str, threshold: Node
) -> list[Sentence]:
    """Say what the prior of tau was, what became of it, and how probable values beyond a line are.

    Parameters
    ----------
    posterior : Node
        The ``posterior`` of a fit or an alternative in results.json.
    spec : Node
        Its spec.
    unit : Unit
        Unit of display.
    measure : str
        Code of the measure.
    threshold : Node
        The threshold that the protocol declared, in the unit of display.
    """
    bounds = ranged(show_significant(posterior.at("tau_low")), show_significant(posterior.at("tau_high")))
    out = [
        join(
            "The mean has a flat prior; τ ",
            *_prior_of(posterior, posterior),
            ", and its posterior has the median ",
            show_significant(posterior.at("tau")),
            " (",
            show_level(spec.at("level")),
            " credible interval ",
            bounds,
            f"), {_scale_words(measure)}.",
        )
    ]
    words = MEASURES.get(measure)
    what = unit.before or "mean"
    if posterior.at("tail_mu").exists and words is not None and words.null is not None:
        out.append(_tail_sentence(what, f"above {words.null:g}, no difference,", posterior))
    beyond = posterior.at("beyond")
    # a threshold at the null value has been spoken of
    said = len(out) > 1 and words is not None and beyond.at("threshold").number() == words.null
    if beyond.exists and threshold.exists and not said:
        place = join("above the threshold of ", show_declared(threshold.at("value")), unit.after)
        out.append(_tail_sentence(what, place, beyond, "mu", "new"))
    return out


def _scale_words(measure: str) -> str:
    """Say on what scale tau is."""
    words = MEASURES.get(measure)
    return "on the analysis scale" + (f" ({words.scale.removeprefix('the ')})" if words else "")


def _tail_sentence(
    what: str, place: str | Sentence, tails: Node, mu: str = "tail_mu", new: str = "tail_new"
) -> Sentence:
    return join(
        f"The posterior probability that the {what} lies ",
        place,
        " is ",
        show_probability(tails.at(mu)),
        ", and that the value in a new setting does is ",
        show_probability(tails.at(new)),
        ".",
    )


def posterior_block(
    title: str, holder: Node, unit: Unit, figure: Figure | None, sentences: list[Sentence]
) -> Block:
    """Return the curves of a posterior and the shrunken effects of its studies; empty without a posterior."""
    posterior = holder.at("posterior")
    if not posterior.exists:
        return Block(title)
    level = show_level(holder.at("spec", "level"))
    own = {study.at("label").text(): study for study in holder.at("studies").each()}
    rows = []
    for effect in posterior.at("shrunken").each():
        natural = (effect.at(f"natural_{name}") for name in ("value", "low", "high"))
        cells: list[Piece | Sentence] = [effect.at("label").label(), unit.interval(*natural)]
        if own:
            study = own.get(effect.at("label").text(), Node(None))
            cells.insert(1, unit.interval(study.at("value"), study.at("low"), study.at("high")))
        rows.append(row(*cells))
    columns = (
        Column("Study"),
        *((Column(f"{unit.heading} [CI], its own", number=True),) if own else ()),
        Column(f"{unit.heading} [CrI], shrunken", number=True),
    )
    note = join(
        "The true value of each study given all studies: median and ",
        level,
        " credible interval of its posterior, drawn towards the mean.",
    )
    table = Table("Shrunken effects of the studies", columns, tuple(rows), (note,))
    return Block(title, tuple(sentences), figure, (), "Shrunken effects of the studies", (table,))


def describe_bayes(fit: Mapping[str, Any], data: str) -> list[str]:
    """Return R code that integrates the posterior again in base R and compares its distribution functions."""
    posterior, estimate, tau2 = fit["posterior"], fit["estimate"], fit["tau2"]
    if posterior is None:
        return ["# No posterior is kept of this fit: nothing to compare."]
    name, given = posterior["prior"], [r_number(x) for x in posterior["prior_parameters"]]
    lines = [
        "# metafor fits no Bayesian model. With the package bayesmeta it would be",
        '#   bayesmeta(y = dat$yi, sigma = sqrt(dat$vi), interval.type = "central",',
        f"#             tau.prior = function(t) {_bayesmeta_prior(name, given)})",
        "# Here the posterior is integrated in base R, over a fine grid of log tau.",
        f"one <- {data}",
        *_r_grid(name, given, posterior["tau"]),
    ]
    half = r_number((1.0 - float(fit["spec"]["level"])) / 2.0)
    rest = r_number(1.0 - (1.0 - float(fit["spec"]["level"])) / 2.0)
    for what, value, probability in (
        ("P(mean <= estimate)", estimate["value"], "0.5"),
        ("P(mean <= low)", estimate["low"], half),
        ("P(mean <= high)", estimate["high"], rest),
    ):
        code = f"sum(p * pnorm({r_number(value)}, given[2, ], given[3, ]))"
        lines += r_compare(what, float(probability), code, _R_TOLERANCE)
    if fit["prediction"] is not None:
        for end, probability in (("low", half), ("high", rest)):
            code = (
                f"sum(p * pnorm({r_number(fit['prediction'][end])}, given[2, ], sqrt(given[3, ]^2 + tau^2)))"
            )
            lines += r_compare(f"P(new <= prediction {end})", float(probability), code, _R_TOLERANCE)
    if tau2 is not None:
        code = f"approx(tau, cumsum(p) - p / 2, {r_number(posterior['tau'])})$y"
        lines += r_compare("P(tau <= median)", 0.5, code, _R_TOLERANCE)
    return lines


def _bayesmeta_prior(name: str, given: list[str]) -> str:
    if name == "log_normal":
        return f"2 * dlnorm(t^2, {given[0]}, {given[1]}) * t"
    if name == "uniform":
        return f"dunif(t, 0, {given[0]})" if given else "1"
    return f"d{name.replace('_', '')}(t, scale = {given[0]})"


def _r_grid(name: str, given: list[str], tau: float) -> list[str]:
    """Return R code that makes the grid ``tau``, the posterior ``p`` on it, and mu ``given`` tau."""
    prior = {
        "half_normal": "dnorm(tau, 0, {}, log = TRUE)",
        "half_cauchy": "dcauchy(tau, 0, {}, log = TRUE)",
        "uniform": "0",
        "log_normal": "dlnorm(tau^2, {}, {}, log = TRUE) + log(tau)",
    }[name].format(*given)
    top = f"log({given[0]})" if name == "uniform" and given else f"log({r_number(tau)}) + 20"
    return [
        f"tau <- exp(seq(log({r_number(tau)}) - 20, {top}, length.out = 40001))",
        "given <- sapply(tau, function(t) {",
        "  w <- 1 / (one$vi + t^2)",
        "  m <- sum(w * one$yi) / sum(w)",
        "  c((sum(log(w)) - log(sum(w)) - sum(w * (one$yi - m)^2)) / 2, m, 1 / sqrt(sum(w)))",
        "})",
        f"p <- {prior} + log(tau) + given[1, ]",
        "p <- exp(p - max(p))",
        "p[c(1, length(p))] <- p[c(1, length(p))] / 2",
        "p <- p / sum(p)",
    ]
