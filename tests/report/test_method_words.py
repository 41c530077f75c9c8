"""Every option that a model offers has words of its own in the methods, and no words of what was not done.

The phrases stand here a second time, apart from the engine's: one a value, which no other value may say.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any, get_args

import pandas as pd
import pytest

import meta
from meta.errors import OptionError
from meta.options import (
    CLUSTER_ROBUST,
    GLMMS,
    MULTILEVEL,
    PRIORS,
    SPEC_FIELDS,
    TWO_GROUP_GLMMS,
    CiGuard,
    Model,
    ModelSpec,
    model_offers,
    model_uses,
)
from meta.report.methods import DESCRIBED, methods_parts
from meta.report.moderator_words import regressions_sentences
from meta.report.pieces import Node, Shown, plain, read_unit
from meta.report.sentences import quotable_sentence, result_sentences
from meta.report.words import MEASURES
from meta.results import to_plain

MODELS = {
    "random": r"A random-effects model is fitted",
    "common": r"A common-effect model is fitted: all studies",
    "uwls": r"unrestricted weighted least squares \(UWLS",
    "ivhet": r"inverse variance heterogeneity model \(IVhet",
    "mantel_haenszel": r"pooled by the method of Mantel and Haenszel \(1959\)",
    "binomial_normal": r"A binomial(-normal generalised linear mixed)? model is fitted to the counts",
    "poisson_normal": r"A Poisson(-normal generalised linear mixed)? model is fitted to the counts",
    "beta_binomial": r"A beta-binomial model is fitted",
    "unconditional_fixed": r"\(UM\.FS\)",
    "unconditional_random": r"\(UM\.RS\)",
    "conditional_exact": r"\(CM\.EL\)",
    "conditional_approximate": r"\(CM\.AL\)",
    "bayes": r"A Bayesian normal–normal model is fitted",
    "three_level": r"A three-level model is fitted",
    "correlated_effects": r"A model of correlated and hierarchical effects is fitted",
}
TAU2_METHODS = {
    "REML": r"restricted maximum likelihood \(REML\)",
    "DL": r"DerSimonian and Laird \(DL\)|estimated by the method of DerSimonian and Laird\.",
    "HE": r"Hedges and Olkin",
    "HS": r"Hunter and Schmidt(?!, corrected)",
    "HSk": r"Hunter and Schmidt, corrected for small samples",
    "SJ": r"estimator of Sidik and Jonkman",
    "ML": r"(?<!restricted )maximum likelihood( \(ML\)|;| with adaptive)",
    "EB": r"empirical Bayes",
    "PM": r"(?<!form of )(?<!root as )(?<!of )\bthe method of Paule and Mandel \(PM\)",
    "PMM": r"median-unbiased form of Paule and Mandel",
    "GENQ": r"generalised method of moments with the weights given",
    "DL2": r"two-step method of DerSimonian and Kacker",
    "DL_MH": r"with Q about the Mantel–Haenszel estimate",
    "posterior": r"tau² and I² are medians of their posteriors",
}
CI_METHODS = {
    "HKSJ": r"Hartung, Knapp, Sidik and Jonkman \(HKSJ\)",
    "Wald": r"is the Wald interval, with a normal quantile",
    "t": r"takes (the Wald|that) standard error and a t quantile",
    "profile": r"is found by profile likelihood: the values",
    "CR0": r"cluster-robust \(CR0\)",
    "CR1": r"cluster-robust \(CR1\)",
    "CR1p": r"cluster-robust \(CR1p\)",
    "CR2": r"cluster-robust \(CR2\)",
    "posterior": r"credible interval is equal-tailed: as much",
}
#: The guard of the interval of the mean, and that of a prediction interval which alone takes the HKSJ error.
GUARDS = {
    "none": (r"no guard is set, so", r"\(no guard is set\)"),
    "se": (r"its standard error is never taken smaller", r"\(it is never taken smaller"),
    "ci": (r"where the Wald interval is wider, that is kept", r"the Wald standard error is taken\)"),
    "iqwig6": (r"its standard error is not taken smaller than the Wald one", r", it is not taken smaller"),
}
PREDICTIONS = {
    "t_k1": r"t quantile with one degree of freedom less than studies \(k − 1\)",
    "t_k2": r"k − 2 degrees of freedom and the (Wald|maximum-likelihood) standard error",
    "z": r"takes a normal quantile and the (Wald|maximum-likelihood) standard error of the mean",
    "hk_k1": r"k − 1 degrees of freedom and the Hartung–Knapp standard error",
    "hk_k2": r"k − 2 degrees of freedom and the Hartung–Knapp standard error",
    "bootstrap": r"bootstrap of Nagashima, Noma and Furukawa",
    "posterior": r"prediction interval is that of the predictive distribution",
}
TAU2_INTERVALS = {
    "QP": r"Q-profile method \(Viechtbauer 2007\)",
    "PL": r"The interval of tau² is found by profile likelihood|Each variance has an interval by profile",
    "J": r"weights 1/√v \(Jackson 2013\)",
    "BJ": r"weights 1/v \(Biggerstaff and Jackson 2008\)",
    "posterior": r"credible interval of tau² is equal-tailed as well",
}
PRIOR_WORDS = {
    "half_normal": r"half-normal prior with scale",
    "half_cauchy": r"half-Cauchy prior with scale",
    "uniform": r"a uniform prior (from 0 to|on all values)",
    "log_normal": r"log tau² is normal with mean",
}
PARAMETERS = {"half_normal": (0.7,), "half_cauchy": (0.7,), "uniform": (3.0,), "log_normal": (-1.5, 1.2)}
TABLES = {
    "tau2_method": TAU2_METHODS,
    "ci_method": CI_METHODS,
    "pi_method": PREDICTIONS,
    "tau2_ci": TAU2_INTERVALS,
}
NOTHING = "has no description in words here"

FRAME = pd.DataFrame(
    {
        "events1": [4, 6, 3, 9, 12, 8, 5, 15],
        "n1": [123, 306, 231, 200, 150, 90, 77, 180],
        "events2": [11, 29, 11, 9, 20, 14, 6, 33],
        "n2": [139, 303, 220, 190, 148, 95, 80, 175],
        "size": [3.0, 5.0, 4.0, 4.0, 3.0, 2.0, 2.0, 3.0],
        "site": ["a", "a", "b", "b", "c", "c", "d", "e"],
        "dose": [1.0, 2.0, 4.0, 3.0, 2.5, 1.5, 3.5, 2.0],
    }
)


def measure_of(model: str) -> str:
    return {"binomial_normal": "PLO", "beta_binomial": "PLO", "poisson_normal": "IRLN"}.get(model, "OR")


def effects_of(measure: str) -> Any:
    columns = {name: name for name in ("events1", "n1", "events2", "n2")}
    if measure == "PLO":
        columns = {"events": "events1", "n": "n1"}
    elif measure == "IRLN":
        columns = {"events": "events1", "time": "n1"}
    elif measure == "IRR":
        columns = {"events1": "events1", "time1": "n1", "events2": "events2", "time2": "n2"}
    return meta.effect_sizes(FRAME, measure, **columns)


def sentences_of(measure: str, spec: dict[str, Any]) -> list[str]:
    parts = methods_parts(measure, Node(to_plain(spec), "analyses.a.spec"))
    return [plain(sentence) for _, sentences in parts for sentence in sentences]


def said(measure: str, spec: dict[str, Any]) -> str:
    return " ".join(sentences_of(measure, spec))


@cache
def holds(phrase: str, sentence: str) -> bool:
    return re.search(phrase, sentence) is not None


def offered(model: str, name: str) -> list[str | None]:
    return [value for value in (*TABLES[name], None) if model_offers(model, name, value)]


def every_spec(model: str) -> Iterator[ModelSpec]:
    """Every combination of the four methods, guard and weights that a model takes."""
    names = ("tau2_method", "ci_method", "pi_method", "tau2_ci")
    weights = ("size", "equal") if model_uses(model, "weights") else ()
    for values in itertools.product(*(offered(model, name) for name in names)):
        chosen = dict(zip(names, values, strict=True))
        robust = chosen["ci_method"] in CLUSTER_ROBUST or model in MULTILEVEL
        for guard, weight in itertools.product(get_args(CiGuard), (None, *weights)):
            try:
                yield ModelSpec(
                    model, **chosen, ci_guard=guard, weights=weight, cluster="site" if robust else None
                )
            except OptionError:
                continue


def single_changes(model: str) -> Iterator[ModelSpec]:
    """The model as it is, then with each value of each option alone."""
    cluster = {"cluster": "site"} if model in MULTILEVEL else {}
    yield ModelSpec(model, **cluster)
    for name in TABLES:
        for value in offered(model, name):
            extra = dict(cluster)
            if name == "ci_method" and value in CLUSTER_ROBUST:
                extra = {"cluster": "site"}
            if value == "GENQ":
                extra["weights"] = "size"
            if name == "tau2_ci" and value == "PL" and not model_offers(model, "tau2_method", "REML"):
                extra["tau2_method"] = "ML"
            yield ModelSpec(model, **{name: value}, **extra)
    if model_uses(model, "weights"):
        yield ModelSpec(model, weights="size")
    if model_uses(model, "prior"):
        for prior in PRIORS:
            yield ModelSpec(model, prior=prior, prior_parameters=PARAMETERS[prior])


def test_phrases_are_those_of_the_options() -> None:
    """A model or value that is added to the options needs a phrase here, and so words."""
    assert set(MODELS) == set(get_args(Model))
    assert set(GUARDS) == set(get_args(CiGuard))
    assert set(PRIOR_WORDS) == set(PRIORS)
    assert set(DESCRIBED) == set(SPEC_FIELDS)
    from meta.options import _MODEL_CHOICES

    for choices in _MODEL_CHOICES.values():
        for name, table in TABLES.items():
            assert {value for value in getattr(choices, name) if value} <= set(table), name


def check_words(spec: ModelSpec, sentences: list[str]) -> None:
    """Each option's own phrase is there, and that of no other value."""
    text = " ".join(sentences)

    def found(phrase: str) -> bool:
        return any(holds(phrase, sentence) for sentence in sentences)

    assert NOTHING not in text, spec
    for model, phrase in MODELS.items():
        assert found(phrase) == (model == spec.model), (model, spec)
    for name, table in TABLES.items():
        done = getattr(spec, name)
        if name == "tau2_method" and spec.model in GLMMS:
            # with tau2 held at 0 the one value is by maximum likelihood as well
            assert "by maximum likelihood" in text, spec
            assert ("tau² is held at zero" in text) == spec.holds_tau2, spec
            continue
        for value, phrase in table.items():
            assert found(phrase) == (value == done), (name, value, spec)
    assert ("No prediction interval is computed." in text) == (
        spec.pi_method is None
        and spec.model in ("random", "bayes", *MULTILEVEL, *GLMMS)
        and spec.estimates_tau2
    ), spec
    no_interval = spec.tau2_ci is None and spec.estimates_tau2
    assert found("No interval is computed for (tau²|the variances)") == no_interval, spec
    hksj, hk = spec.ci_method == "HKSJ", (spec.pi_method or "").startswith("hk_")
    for guard, (mean, prediction) in GUARDS.items():
        assert found(mean) == (hksj and guard == spec.ci_guard), (guard, spec)
        alone = hk and guard == spec.ci_guard and not (hksj and guard != "none")
        assert found(prediction) == alone, (guard, spec)
    assert ("(after the guard above)" in text) == (hk and hksj and spec.ci_guard != "none"), spec
    assert ("by the column size of the sheet" in text) == (spec.weights == "size"), spec
    assert ("all studies weighted alike" in text) == (spec.weights == "equal"), spec
    assert ("varying by tau² and" in text) == (bool(spec.weights) and spec.model == "random"), spec
    assert ("sampling variance alone" in text) == (bool(spec.weights) and spec.model == "common"), spec
    assert ("(site)" in text or "column site" in text) == (spec.cluster is not None), spec
    assert "meta-regression" not in text


@pytest.mark.parametrize("model", get_args(Model))
def test_methods_of_every_combination(model: str) -> None:
    count = 0
    for spec in every_spec(model):
        check_words(spec, sentences_of(measure_of(model), spec.to_dict()))
        count += 1
    assert count >= 1
    if model == "random":
        assert count > 3000


@pytest.mark.parametrize("model", [m for m in get_args(Model) if m not in ("mantel_haenszel", "bayes")])
def test_methods_with_moderators_speak_of_no_pooled_value(model: str) -> None:
    for spec in single_changes(model):
        if spec.tau2_method == "DL_MH":
            continue
        options = {**spec.to_dict(), "moderators": "~ dose"}
        text = said(measure_of(model), options)
        assert NOTHING not in text
        assert "Moderators enter as a meta-regression (~ dose)" in text
        assert "R² is the share of" in text
        for unsaid in ("The pooled value is", "prediction interval, for the true value", "k − 1 d"):
            assert unsaid not in text, (spec, unsaid)
        if spec.ci_method in ("t", "HKSJ"):
            assert "k − p d" in text, spec
        again = regressions_sentences(Node(spec.to_dict()), [Node({"formula": "~ dose"})])
        assert "fitted again with moderators" in " ".join(plain(s) for s in again)
    assert regressions_sentences(Node(ModelSpec().to_dict()), []) == []


@pytest.mark.parametrize("prior", PRIORS)
def test_methods_of_every_prior(prior: str) -> None:
    spec = ModelSpec("bayes", prior=prior, prior_parameters=PARAMETERS[prior])
    text = said("OR", spec.to_dict())
    for name, phrase in PRIOR_WORDS.items():
        assert bool(re.search(phrase, text)) == (name == prior)
    for number in PARAMETERS[prior]:
        assert f"{number:g}".replace("-", "\u2212") in text
    flat = said("OR", ModelSpec("bayes", prior="uniform").to_dict())
    assert "uniform prior on all values above 0, which is improper" in flat
    default = said("OR", ModelSpec("bayes").to_dict())
    assert "half-normal prior with scale 0.5" in default
    assert "the default for logs and logits" in default


def test_rho_level_and_seed_are_said() -> None:
    spec = ModelSpec("correlated_effects", cluster="site", rho=0.35, level=0.9)
    parts = methods_parts("OR", Node(spec.to_dict(), "analyses.a.spec"))
    shown = {p.id: p.text for _, ss in parts for s in ss for p in s if isinstance(p, Shown)}
    assert shown == {"analyses.a.spec.rho": "0.35", "analyses.a.spec.level": "90%"}
    seeded = said("OR", ModelSpec(pi_method="bootstrap", seed=7).to_dict())
    assert "random numbers starting from the seed 7" in seeded
    assert "starting from a fixed seed" in said("OR", ModelSpec(pi_method="bootstrap").to_dict())


#: Values of a future, which the words of today do not know.
UNKNOWN = [
    ("random", "tau2_method", "NEW", "The estimator of tau² NEW"),
    ("random", "ci_method", "NEW", "The confidence interval NEW with guard se"),
    ("random", "ci_guard", "NEW", "The confidence interval HKSJ with guard NEW"),
    ("random", "pi_method", "NEW", "The prediction interval NEW"),
    ("random", "tau2_ci", "NEW", "The interval of tau² NEW"),
    ("ivhet", "tau2_method", "NEW", "The estimator of tau² NEW"),
    ("common", "ci_method", "NEW", "The confidence interval NEW"),
    ("uwls", "ci_method", "NEW", "The confidence interval NEW"),
    ("mantel_haenszel", "ci_method", "NEW", "The confidence interval NEW"),
    ("three_level", "tau2_method", "NEW", "The estimator of tau² NEW"),
    ("three_level", "tau2_ci", "NEW", "The interval of tau² NEW"),
    ("correlated_effects", "pi_method", "NEW", "The prediction interval NEW"),
    ("bayes", "pi_method", "NEW", "The option pi_method NEW"),
    ("bayes", "tau2_ci", "NEW", "The option tau2_ci NEW"),
    ("bayes", "prior", "NEW", "has a prior that"),
    *((model, "tau2_method", "NEW", "The estimator of tau² NEW") for model in GLMMS),
    *((model, "ci_method", "NEW", "The confidence interval NEW") for model in GLMMS),
    ("binomial_normal", "pi_method", "NEW", "The prediction interval NEW"),
    ("random", "model", "NEW", "The model NEW"),
    ("random", "scale", "~ year", "The option scale ~ year"),
    ("bayes", "scale", "~ year", "The option scale ~ year"),
    ("binomial_normal", "scale", "~ year", "The option scale ~ year"),
]


@pytest.mark.parametrize(("model", "name", "value", "words"), UNKNOWN)
def test_what_has_no_words_is_named(model: str, name: str, value: str, words: str) -> None:
    cluster = {"cluster": "site"} if model in MULTILEVEL else {}
    spec = {**ModelSpec(model, **cluster).to_dict(), name: value}
    text = said(measure_of(model), spec)
    assert words in text
    assert NOTHING in text


@pytest.mark.parametrize("model", get_args(Model))
def test_a_measure_without_words_is_named(model: str) -> None:
    cluster = {"cluster": "site"} if model in MULTILEVEL else {}
    assert NOTHING in said("NEW", ModelSpec(model, **cluster).to_dict())


def results_of(model: str, measure: str) -> Iterator[tuple[ModelSpec, str, dict[str, Any]]]:
    effects = effects_of(measure)
    specs = list(single_changes(model))
    # the words of rates differ by measure, not by option
    for spec in specs[:3] if measure == "IRR" else specs:
        fit = meta.fit_model(with_columns(effects), spec)
        entry = to_plain(
            {
                "id": "a",
                "title": "A question",
                "measure": measure,
                "unit": meta.options.DisplayUnit(1.0, "Value", "Value"),
                "fit": fit,
            }
        )
        node = Node({"analyses": {"a": entry}}).at("analyses", "a")
        unit = read_unit(node, ratio=MEASURES[measure].ratio)
        sentences = [quotable_sentence(node, unit, caveat=False), *result_sentences(node, unit)]
        yield spec, " ".join(plain(s) for s in sentences), entry["fit"]


def with_columns(effects: Any) -> Any:
    columns = {name: tuple(FRAME[name].tolist()) for name in ("size", "site", "dose")}
    return replace(effects, columns={**effects.columns, **columns})


CASES = [
    *((model, measure_of(model)) for model in get_args(Model)),
    *((model, "IRR") for model in TWO_GROUP_GLMMS if model != "conditional_approximate"),
]


@pytest.mark.parametrize(("model", "measure"), CASES)
def test_results_say_what_the_fit_holds_and_no_more(model: str, measure: str) -> None:
    for spec, text, fit in results_of(model, measure):
        assert fit["natural"] is not None, spec
        assert ("prediction interval" in text) == (fit["prediction"] is not None), spec
        assert ("population mean" in text) == (fit["population_mean"] is not None), spec
        assert (model in ("binomial_normal", "poisson_normal") and not spec.holds_tau2) == (
            "median setting" in text
        ), spec
        assert ("credible interval" in text) == (model == "bayes"), spec
        assert ("95% CI" in text) == (model != "bayes"), spec
        assert ("tau²\u00a0" in text) == spec.estimates_tau2, spec
        interval = spec.estimates_tau2 and fit["tau2"]["low"] is not None
        assert bool(re.search(r"tau²\u00a0[\d.<\s]+ \(95%", text)) == interval, spec
        assert ("ρ\u00a0" in text) == (model == "beta_binomial"), spec
        assert ("rows of" in text) == (spec.cluster is not None), spec
        assert ("of tau²," in text.lower()) == (model in MULTILEVEL), spec
        assert ("posterior" in text) == (fit["posterior"] is not None), spec
        assert "nan" not in text.lower().split()
        assert "None" not in text
