"""What a ratio means among 1,000 people whose risk without the treatment is known."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from meta.errors import OptionError
from meta.results import Fit, to_plain

#: Measures that turn a baseline into a risk or a rate, by what the ratio is of.
RATIO_OF: dict[str, str] = {"OR": "odds", "PETO": "odds", "RR": "risk", "IRR": "rate"}

#: The base of absolute effects.
PER = 1000.0


@dataclass(frozen=True, slots=True)
class AbsoluteEffect:
    """Absolute effects per 1,000 people (for rates: per 1,000 units of person-time).

    ``baseline`` is what happens without the treatment, ``value`` with it, its interval and its prediction
    interval below (None where the fit has none); differences are with less without. ``capped`` says that a
    ratio would have given more events than people, and 1,000 stands instead.
    """

    baseline: float
    value: float
    low: float
    high: float
    difference: float
    difference_low: float
    difference_high: float
    prediction_low: float | None
    prediction_high: float | None
    capped: bool

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as a plain dictionary."""
        plain: dict[str, Any] = to_plain(self)
        return plain


def absolute_effect(fit: Fit, per_1000: float) -> AbsoluteEffect | None:
    """Return what a pooled ratio means where 1,000 people have a known risk without the treatment.

    Parameters
    ----------
    fit : Fit
        A fit of odds, risk or rate ratios, the treatment first.
    per_1000 : float
        Events among 1,000 people without the treatment, above 0 and (but for rates) below 1,000; for a rate
        ratio events per 1,000 units of person-time.

    Returns
    -------
    AbsoluteEffect or None
        None where nothing is pooled. The baseline is taken as known: its own uncertainty is not in the
        interval.

    Raises
    ------
    OptionError
        If the measure is no such ratio, or the baseline is out of its range.

    References
    ----------
    Schunemann et al., Cochrane Handbook for Systematic Reviews of Interventions, chapters 14 and 15:
    risk with treatment = RR * p, or OR * p / (1 - p + OR * p).
    """
    if fit.measure not in RATIO_OF:
        raise OptionError(f"absolute effects need one of {', '.join(RATIO_OF)}; got {fit.measure}")
    rate = RATIO_OF[fit.measure] == "rate"
    if not (per_1000 > 0.0 and (math.isfinite(per_1000) if rate else per_1000 < PER)):
        bounds = "above 0" if rate else "above 0 and below 1000"
        raise OptionError(f"a baseline per 1,000 must be {bounds}; got {per_1000:g}")
    natural = fit.natural
    if natural is None:
        return None
    of = RATIO_OF[fit.measure]
    wanted = (natural.value, natural.low, natural.high)
    value, low, high = (_apply(of, ratio, per_1000) for ratio in wanted)
    prediction = [
        None if ratio is None else _apply(of, ratio, per_1000)
        for ratio in (natural.prediction_low, natural.prediction_high)
    ]
    capped = (
        of == "risk"
        and max(ratio for ratio in (*wanted, natural.prediction_high) if ratio is not None) * per_1000 > PER
    )
    return AbsoluteEffect(
        per_1000,
        value,
        low,
        high,
        value - per_1000,
        low - per_1000,
        high - per_1000,
        prediction[0],
        prediction[1],
        capped,
    )


def _apply(of: str, ratio: float, per_1000: float) -> float:
    """Return the risk or rate per 1,000 that a ratio makes of a baseline."""
    if of == "rate":
        return ratio * per_1000
    risk = per_1000 / PER
    if of == "risk":
        return PER * min(ratio * risk, 1.0)
    # an infinite ratio is a bound that does not exist
    return PER if math.isinf(ratio) else PER * ratio * risk / (1.0 - risk + ratio * risk)
