"""The rules of how effect sizes are made: each choice is one that its measure has, and is put to use."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from extraction.names import suggest
from extraction.toml_lines import Path
from meta.effects.choices import is_ready_made, refuse_choice, resolve_choices
from meta.effects.measures import MEASURES
from meta.errors import EffectError, MetaError
from meta.protocol.plan import Analysis
from meta.protocol.shape import Fault


def check_effects(here: Path, analysis: Analysis) -> Iterator[Fault]:
    """Check formula of the variance, continuity correction and ``drop00`` of an analysis."""
    given, measure = analysis.effect_choices(), MEASURES.get(analysis.measure)
    if not given or measure is None:
        return
    try:
        ready = is_ready_made(measure, analysis.columns)
        model = analysis.spec().model
    except MetaError:
        # columns and model have rules of their own
        return
    for name, value in given.items():
        reason = refuse_choice(name, measure, ready=ready, model=model)
        if reason is not None:
            message = f"{name} is not used here: {reason}"
            yield Fault((*here, name), "effect-choice-unused", message, "remove it")
            continue
        # each by itself, so that one that is wrong hides no other
        choice: dict[str, Any] = {name: value}
        try:
            resolve_choices(measure, choice, ready=ready)
        except EffectError as error:
            advice = suggest(value, measure.variances) if name == "variance" else ""
            yield Fault((*here, name), "effect-choice", str(error), advice)
