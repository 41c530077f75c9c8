"""Words for models on counts: what was fitted, what its heterogeneity is, in sentences."""

from __future__ import annotations

from meta.report.pieces import Node, Sentence, join, ranged, show_level, show_tau2

#: The models of one group with a normal random intercept.
_ONE_GROUP = {
    "binomial_normal": ("binomial", "logit", "logits", "proportions"),
    "poisson_normal": ("Poisson", "log", "log rates", "rates"),
}
_QUADRATURE: Sentence = (
    "Estimation is by maximum likelihood with adaptive Gauss–Hermite quadrature, whose nodes rise "
    "until the likelihood stops moving.",
)
_NO_CORRECTION: Sentence = ("No continuity correction is made: studies without events enter as they are.",)
_ONE_BY_ONE: Sentence = (
    "A study without any event in either group, or with nothing but events, says nothing of the ratio and is "
    "left out.",
)

#: The models of two groups: what they take of a study (Stijnen, Hamza and Özdemir 2010).
_TWO_GROUPS = {
    "unconditional_fixed": "the events of both groups are {family}, each study has a level of its own "
    "(UM.FS), and the group enters as +1/2 and −1/2",
    "unconditional_random": "the events of both groups are {family}, the levels of the studies are normal "
    "with a variance of their own, independent of the ratios (UM.RS), and the group enters as +1/2 and −1/2; "
    "both random effects are integrated over",
    "conditional_exact": "the events of group 1, given those of both, follow {given} (CM.EL)",
    "conditional_approximate": "the events of group 1, given those of both, are taken as binomial, with the "
    "log ratio of the group sizes as offset (CM.AL), an approximation for rare events",
}

#: The measures whose counts each model is fitted to.
_SUITS = {
    "binomial_normal": ("PLO",),
    "poisson_normal": ("IRLN",),
    "beta_binomial": ("PLO",),
    "unconditional_fixed": ("OR", "IRR"),
    "unconditional_random": ("OR", "IRR"),
    "conditional_exact": ("OR", "IRR"),
    "conditional_approximate": ("OR",),
}


def model_sentences(measure: str, spec: Node) -> tuple[list[Sentence], list[Sentence]]:
    """Return what was fitted to the counts, and what the pooled value is."""
    model, held = spec.at("model").text(), not spec.at("tau2_method").text()
    if model == "beta_binomial":
        return _beta_binomial()
    if model in _ONE_GROUP:
        return _one_group(model, held)
    rates = measure == "IRR"
    ratios = "rate ratios" if rates else "odds ratios"
    how = _TWO_GROUPS[model].format(
        family="Poisson" if rates else "binomial",
        given="a binomial distribution" if rates else "a noncentral hypergeometric distribution",
    )
    spread = f"the log {ratios} are normal with variance tau²"
    if held:
        spread = f"all studies share one {ratios[:-1]}"
    made: list[Sentence] = [
        (f"A generalised linear mixed model is fitted to the counts of both groups: {how}; {spread}.",),
        ("No continuity correction is made.",),
    ]
    if model != "unconditional_random":
        made.append(_ONE_BY_ONE)
    made.append(("Estimation is by maximum likelihood.",) if held else _QUADRATURE)
    if held:
        return made, [("tau² is held at zero: a common-effect model, without a prediction interval.",)]
    return made, [(f"The pooled value is that of the median setting (exp of the mean log {ratios[:-1]}).",)]


def _one_group(model: str, held: bool) -> tuple[list[Sentence], list[Sentence]]:
    family, link, links, what = _ONE_GROUP[model]
    logit = link == "logit"
    if held:
        made: list[Sentence] = [
            (f"A {family} model is fitted to the counts themselves, with one value for all studies.",),
            _NO_CORRECTION,
            ("Estimation is by maximum likelihood.",),
        ]
        return made, [("tau² is held at zero: a common-effect model, without a prediction interval.",)]
    article = "A binomial" if logit else "A Poisson"
    made = [
        (
            f"{article}-normal generalised linear mixed model is fitted to the counts themselves: each "
            "study's events are "
            f"{family}, and the {links} of the studies' true {what} are normal with variance tau².",
        ),
        _NO_CORRECTION,
        _QUADRATURE,
    ]
    back = "expit of the mean logit" if logit else "exp of the mean log rate"
    side = "nearer to one half than the median" if logit else "above the median"
    return made, [
        (
            f"The pooled value is that of the median setting ({back}); beside it stands the population mean, "
            "the average over "
            f"settings, which lies {side} where settings differ.",
        )
    ]


def _beta_binomial() -> tuple[list[Sentence], list[Sentence]]:
    made: list[Sentence] = [
        (
            "A beta-binomial model is fitted to the counts themselves: each study's events are binomial, and "
            "the studies' true proportions follow a beta distribution; rho is the correlation of two people "
            "of one study (Kuss 2015).",
        ),
        _NO_CORRECTION,
        ("Estimation is by maximum likelihood, in a form that holds as rho goes to zero.",),
    ]
    return made, [
        (
            "The pooled value is the mean of that distribution, the population mean; its interval is set on "
            "the logit scale.",
        )
    ]


def spread_sentences(spec: Node) -> list[Sentence]:
    """Say what Q and I2 are under a model on counts."""
    model = spec.at("model").text()
    if model == "beta_binomial":
        return [
            ("Q is the likelihood-ratio statistic of one proportion for all against one for each study.",),
            (
                "There is no tau² and no I²; rho, with its profile-likelihood interval, says how far studies "
                "differ.",
            ),
        ]
    out: list[Sentence] = [
        ("Q is the likelihood-ratio statistic of the model without tau² against one value for each study.",)
    ]
    if spec.at("tau2_method").text():
        out.append(
            (
                "I² is the share of tau² in the sum of tau² and the typical sampling variance (Higgins and "
                "Thompson 2002), "
                "which is taken from the counts with 0.5 added where a cell is zero.",
            )
        )
    return out


def suits(model: str, measure: str) -> bool:
    """Return whether the words above are of a measure that the model is fitted to."""
    return measure in _SUITS.get(model, ())


def component_name(component: Node) -> str:
    """Return what a component of a model on counts is."""
    names = {"rho": "Correlation of two people of one study (ρ)", "level": "Variance of the studies' levels"}
    return names.get(component.at("name").text(), component.at("name").text())


def rho_text(fit: Node) -> list[Sentence]:
    """Return rho of a beta-binomial fit with its interval, one text, or none."""
    if fit.at("spec", "model").text() != "beta_binomial":
        return []
    level = show_level(fit.at("spec", "level"))
    return [
        join(
            "ρ\u00a0",
            show_tau2(component.at("value")),
            " (",
            level,
            " CI ",
            ranged(show_tau2(component.at("low")), show_tau2(component.at("high"))),
            ")",
        )
        for component in fit.at("components").each()
    ]
