"""How effect sizes are made beyond measure and columns: formula of the variance, zero cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from meta.effects.corrections import HALF, Correction
from meta.effects.entry import Measure
from meta.effects.recovered_rows import plan_recovery, split_columns
from meta.errors import EffectError
from meta.options import GLMMS

#: The choices by the keywords of ``effect_sizes``, which are the keys of a protocol too.
EFFECT_CHOICES = ("variance", "add", "to", "drop00")


@dataclass(frozen=True, slots=True)
class EffectChoices:
    """The choices in use.

    Attributes
    ----------
    variance : str or None
        Formula of the sampling variance; None for ready-made effect sizes, which bring their own.
    add, to : float, str or None
        Continuity correction; None where no cell can be zero.
    drop00 : bool or None
        Whether a study without events, or with nothing but events, in both arms has no effect size; None
        where there are no two groups with events.
    """

    variance: str | None
    add: float | None
    to: str | None
    drop00: bool | None


def resolve_choices(measure: Measure, given: Mapping[str, Any], *, ready: bool) -> EffectChoices:
    """Return the choices in use: those given, and for the rest what the measure does.

    Parameters
    ----------
    measure : Measure
        The measure.
    given : mapping
        Some of ``EFFECT_CHOICES``; None counts as not given.
    ready : bool
        Whether effect sizes are ready-made.

    Raises
    ------
    EffectError, OptionError
        If a value is not allowed.
    """
    variance = choose_variance(measure, given.get("variance"), ready)
    correction = make_correction(measure, given.get("add"), given.get("to") or "only0", given.get("drop00"))
    if ready:
        return EffectChoices(None, None, None, None)
    if not measure.counts_events:
        return EffectChoices(variance, None, None, None)
    drop00 = correction.drop00 if measure.two_groups else None
    return EffectChoices(variance, correction.add, correction.to, drop00)


def make_correction(measure: Measure, add: float | None, to: str, drop00: bool | None) -> Correction:
    """Return the continuity correction: what was asked for, and what the measure does otherwise.

    Raises
    ------
    EffectError, OptionError
        If a value is not allowed, or a measure of one group is to be corrected by arms.
    """
    if to == "treatment_arm" and measure.counts_events and not measure.two_groups:
        raise EffectError(f"to='treatment_arm' needs two groups, and measure {measure.code} has one")
    # whoever asks for the treatment-arm correction wants one, also where a measure needs none
    usual = HALF if to == "treatment_arm" else measure.add
    return Correction(
        usual if add is None else float(add), to, measure.drop00 if drop00 is None else bool(drop00)
    )


def choose_variance(measure: Measure, variance: str | None, ready: bool) -> str:
    """Return the code of the formula for the sampling variance.

    Raises
    ------
    EffectError
        If the measure has no such formula, or effect sizes are ready-made.
    """
    if variance is not None and ready:
        raise EffectError("variance picks a formula, and ready-made y comes with its own v, se or interval")
    if variance is not None and variance not in measure.variances:
        allowed = ", ".join(map(repr, measure.variances))
        raise EffectError(f"variance of measure {measure.code} must be one of {allowed}; got {variance!r}")
    return variance or measure.variances[0]


def is_ready_made(measure: Measure, columns: Mapping[str, str]) -> bool:
    """Say whether the columns of an analysis give effect sizes that were computed elsewhere.

    Raises
    ------
    EffectError
        If the columns contradict each other.
    """
    direct, sources = split_columns(measure.code, columns)
    # the ways to recover are the same at any level
    return plan_recovery(measure, direct, sources, 0.95).ready


def refuse_choice(name: str, measure: Measure, *, ready: bool, model: str) -> str | None:
    """Return why an analysis has no use for a choice, None where it has.

    Parameters
    ----------
    name : str
        One of ``EFFECT_CHOICES``.
    measure : Measure
        What is computed.
    ready : bool
        Whether effect sizes are ready-made.
    model : str
        What is fitted to them, or to the counts behind them.
    """
    if ready:
        return "effect sizes that were computed elsewhere are taken as they are"
    if model in GLMMS:
        return f"model {model!r} is fitted to the counts themselves"
    if name == "variance":
        return None
    if not measure.counts_events:
        return f"measure {measure.code} counts no events, so no cell can be zero"
    if name == "drop00" and not measure.two_groups:
        return f"measure {measure.code} has one group"
    return None


def inherit_effect_choices(
    own: Mapping[str, Any], measure: Measure, columns: Mapping[str, str], model: str, *, same_measure: bool
) -> dict[str, Any]:
    """Return which choices of an analysis an alternative with this measure and model takes over.

    A formula of the variance belongs to its measure; a correction stays where cells can be zero.
    """
    try:
        ready = is_ready_made(measure, columns)
    except EffectError:
        # what is wrong with the columns is told by itself
        ready = False
    kept = {n: v for n, v in own.items() if refuse_choice(n, measure, ready=ready, model=model) is None}
    if not same_measure:
        kept.pop("variance", None)
    if kept.get("to") == "treatment_arm" and not measure.two_groups:
        kept.pop("to")
    return kept
