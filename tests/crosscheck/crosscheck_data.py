"""Fits for second opinions: BCG from the golden file, analyses of the shipped review, and made ones."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from oracle import load_topic, numbers

from meta.answers import Answer, answer_analysis
from meta.crosscheck.opinions import Opinion
from meta.effects.sizes import EffectSizes
from meta.models.fitting import fit_model
from meta.options import ModelSpec
from meta.protocol.review import Review, read_review
from meta.results import Fit


@cache
def shipped_review() -> Review:
    return read_review(None)


@cache
def shipped_answer(name: str) -> Answer:
    review = shipped_review()
    plan = next(plan for plan in review.protocol.analyses if plan.id == name)
    return answer_analysis(plan, review.selections[name], review.targets)


def shipped_fit(name: str) -> tuple[EffectSizes, Fit]:
    """Return the main fit of an analysis without its refits."""
    found = {part: (effects, fit) for part, effects, fit in shipped_answer(name).fits()}
    return found["main"]


def bcg(**options: Any) -> tuple[EffectSizes, Fit]:
    columns = load_topic("rma_uni").columns("bcg")
    return made(numbers(columns["yi"]), numbers(columns["vi"]), **options)


def made(y: Any, v: Any, **options: Any) -> tuple[EffectSizes, Fit]:
    effects = EffectSizes.from_arrays(np.asarray(y, dtype=float), np.asarray(v, dtype=float))
    return effects, fit_model(effects, ModelSpec(**options))


def counted(
    events: list[float], size: list[float], model: str = "binomial_normal"
) -> tuple[EffectSizes, Fit]:
    """Return a GLMM on counts given by hand."""
    name, measure = ("n", "PLO") if model == "binomial_normal" else ("time", "IRLN")
    e, n = np.array(events, dtype=float), np.array(size, dtype=float)
    nothing = np.full(e.size, np.nan)
    effects = EffectSizes(
        nothing,
        nothing.copy(),
        tuple(str(i) for i in range(e.size)),
        measure,
        counts={"events": e, name: n},
    )
    return effects, fit_model(effects, ModelSpec(model=model))


def failures_of(opinions: tuple[Opinion, ...]) -> list[str]:
    return [f"{opinion.engine}, {text}" for opinion in opinions for text in opinion.failures]


def by_what(opinions: tuple[Opinion, ...], words: str) -> Opinion:
    found = [opinion for opinion in opinions if opinion.what == words]
    assert len(found) == 1, [opinion.what for opinion in opinions]
    return found[0]
