"""No free number in the words of any model: what is in digits has an address or is of a declared kind."""

from __future__ import annotations

from typing import get_args

import pytest

pytest.importorskip("docx", reason="python-docx is not installed: pip install 'trs-meta[docx]'")

from number_kinds import free_digits, without_numbers
from test_method_words import CASES, FRAME, effects_of, single_changes, with_columns

import meta
from meta.effects.measures import MEASURES as REGISTRY
from meta.options import Model
from meta.report.effect_words import effect_sentences
from meta.report.measure_words import MEASURES
from meta.report.methods import methods_parts
from meta.report.pieces import Node, Sentence, Shown, plain, read_unit
from meta.report.sentences import quotable_sentence, result_sentences
from meta.report.written import Place
from meta.results import to_plain


def free(sentences: list[Sentence]) -> list[str]:
    """Return the digits of sentences that neither have an address nor are of a declared kind."""
    texts = {f"sentence {i}": plain(sentence) for i, sentence in enumerate(sentences)}
    places = tuple(
        Place(f"sentence {i}", piece.text, piece.id)
        for i, sentence in enumerate(sentences)
        for piece in sentence
        if isinstance(piece, Shown)
    )
    return free_digits(without_numbers(texts, places), {})


@pytest.mark.parametrize(("model", "measure"), CASES)
def test_methods_of_every_option(model: str, measure: str) -> None:
    assert model in get_args(Model)
    for spec in single_changes(model):
        parts = methods_parts(measure, Node(to_plain(spec.to_dict()), "analyses.a.spec"))
        found = free([sentence for _, sentences in parts for sentence in sentences])
        assert not found, (spec, found)


@pytest.mark.parametrize("code", REGISTRY)
def test_measures_and_their_formulas(code: str) -> None:
    measure = REGISTRY[code]
    choices = [{"variance": formula} for formula in measure.variances]
    choices += [{"to": to, "add": 0.25, "drop00": False} for to in ("only0", "all", "if0all", "none")]
    for choice in choices:
        sentences = effect_sentences(code, Node(choice, "analyses.a.effects"))
        assert not free(sentences), choice
    words = MEASURES[code]
    assert not free([(words.made,), (words.zeros,), (words.intervals,), (words.scale,)])


@pytest.mark.parametrize(("model", "measure"), CASES)
def test_results_of_every_model(model: str, measure: str) -> None:
    spec = next(iter(single_changes(model)))
    fit = meta.fit_model(with_columns(effects_of(measure)), spec)
    unit = meta.options.DisplayUnit(1.0, "Value", "Value")
    entry = to_plain({"id": "a", "title": "A question", "measure": measure, "unit": unit, "fit": fit})
    node = Node({"analyses": {"a": entry}}).at("analyses", "a")
    shown = read_unit(node, ratio=MEASURES[measure].ratio)
    assert not free([quotable_sentence(node, shown), *result_sentences(node, shown)])


def test_the_frame_has_enough_studies_for_every_interval() -> None:
    assert len(FRAME) >= 5
