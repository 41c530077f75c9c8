"""Zero cells and formulas of the variances: every choice of every measure has words of its own."""

from __future__ import annotations

import itertools
import re

import pytest

from meta.effects.measures import MEASURES as REGISTRY
from meta.options import ModelSpec
from meta.report.effect_words import effect_sentences, variance_sentence
from meta.report.measure_words import MEASURES
from meta.report.methods import methods_sentences
from meta.report.pieces import Node, Shown, plain

NOTHING = "no description in words here"

#: Where something is added, a phrase that only this rule says.
RULES = {
    "only0": r"Where (a study has|an arm has no)(?!.*on average)",
    "if0all": r"Where (any study|an arm of any study)",
    "treatment_arm": r"treatment-arm correction",
    "none": r"Nothing is added|needs no correction",
}


def told(code: str, **choices: object) -> list[str]:
    return [plain(s) for s in effect_sentences(code, Node(choices, "analyses.a.effects"))]


def test_every_measure_has_words() -> None:
    assert set(MEASURES) == set(REGISTRY)


@pytest.mark.parametrize("code", REGISTRY)
def test_each_formula_of_the_variance_has_its_own_words(code: str) -> None:
    measure = REGISTRY[code]
    said = {}
    for formula in measure.variances:
        words = plain(variance_sentence(measure, Node({"variance": formula})))
        assert NOTHING not in words
        said[formula] = words
    assert not said[measure.variances[0]], "the usual formula needs no sentence"
    further = [words for words in said.values() if words]
    assert len(set(further)) == len(further)
    future = plain(variance_sentence(measure, Node({"variance": "NEW"})))
    assert future == "The formula NEW of the sampling variances has no description in words here."


@pytest.mark.parametrize("code", [code for code, measure in REGISTRY.items() if measure.counts_events])
def test_each_rule_for_zero_cells_has_its_own_words(code: str) -> None:
    measure = REGISTRY[code]
    rules = [rule for rule in ("all", *RULES) if rule != "treatment_arm" or measure.two_groups]
    for rule, add, drop00 in itertools.product(rules, (0.0, 0.25), (False, True)):
        text = " ".join(told(code, to=rule, add=add, drop00=drop00))
        assert NOTHING not in text
        done = rule if add > 0.0 else "none"
        if rule == "all" and add > 0.0:
            assert "of every study" in text
            assert not re.search("Where any|Where an arm of any", text)
        for other, phrase in RULES.items():
            assert bool(re.search(phrase, text)) == (other == done), (rule, add, drop00, other, text)
        assert ("0.25" in text) == (add > 0.0 and rule != "none")
        if measure.two_groups:
            gone = re.search("in both arms, is shown|in both arms has no", text) is not None
            assert gone == drop00, text


def test_a_rule_of_the_future_is_named() -> None:
    assert told("OR", to="new", add=0.5) == ["The rule new for zero cells has no description in words here."]
    assert told("PLO", to="new", add=0.5) == ["The rule new for zero cells has no description in words here."]


def test_what_was_added_has_an_address() -> None:
    effects = Node({"to": "all", "add": 0.25, "drop00": False, "variance": "LS"}, "analyses.a.effects")
    sentences = methods_sentences("OR", Node(ModelSpec().to_dict(), "analyses.a.spec"), effects)
    shown = [p for s in sentences for p in s if isinstance(p, Shown)]
    assert ("0.25", "analyses.a.effects.add") in [(p.text, p.id) for p in shown]
