"""Every model has words, and they are words rather than codes."""

from __future__ import annotations

from typing import get_args

from meta.model_words import MODEL_WORDS, name_model
from meta.options import Model


def test_every_model_has_words() -> None:
    assert set(MODEL_WORDS) == set(get_args(Model))
    assert not any("_" in words.name + words.pooled + words.detail for words in MODEL_WORDS.values())


def test_an_unknown_model_of_an_older_release_keeps_its_code() -> None:
    assert name_model("of_another_version") == "of_another_version"
