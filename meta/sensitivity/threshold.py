"""Where an estimate and its interval lie beside a value declared in advance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Side = Literal["below", "above", "on"]


@dataclass(frozen=True, slots=True)
class Place:
    """The side on which the estimate lies, and the interval (``on`` where it includes the threshold)."""

    estimate: Side
    interval: Side


def place_beside(value: float, low: float, high: float, threshold: float) -> Place:
    """Say where an estimate and its interval lie beside a threshold.

    Parameters
    ----------
    value, low, high : float
        Estimate and limits; limits may be infinite.
    threshold : float
        On the same scale.
    """
    side: Side = "on" if value == threshold else "above" if value > threshold else "below"
    span: Side = "above" if low > threshold else "below" if high < threshold else "on"
    return Place(side, span)
