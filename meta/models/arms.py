"""The two arms of each study, and what the pooled value says of one arm given the other: a L'Abbe plot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit, logit

from meta.effects.measures import find_measure
from meta.errors import ModelError
from meta.options import ModelSpec
from meta.results import Fit, Floats, Study, to_plain

#: Points of the curves: evenly from 0, and evenly on a logarithmic axis down to this share of the highest.
POINTS = 201
LEAST_SHARE = 1e-6


def _arcsine_shift(p: Floats, y: float) -> Floats:
    angle = np.clip(np.arcsin(np.sqrt(p)) + y, 0.0, 0.5 * np.pi)
    return np.asarray(np.square(np.sin(angle)), dtype=np.float64)


def _odds_shift(p: Floats, y: float) -> Floats:
    with np.errstate(divide="ignore"):
        return np.asarray(expit(logit(p) + y), dtype=np.float64)


#: The risk or rate of group 1 that an effect on the analysis scale makes of that of group 2.
_SHIFTS: dict[str, Callable[[Floats, float], Floats]] = {
    "OR": _odds_shift,
    "PETO": _odds_shift,
    "RR": lambda p, y: np.asarray(p * np.exp(y), dtype=np.float64),
    "RD": lambda p, y: np.asarray(p + y, dtype=np.float64),
    "AS": _arcsine_shift,
    "IRR": lambda p, y: np.asarray(p * np.exp(y), dtype=np.float64),
    "IRD": lambda p, y: np.asarray(p + y, dtype=np.float64),
    "IRSD": lambda p, y: np.square(np.maximum(np.sqrt(p) + y, 0.0)),
}


@dataclass(frozen=True, slots=True)
class Arms:
    """Risks (events per person) or rates (events per unit of person-time) of both groups of each study.

    ``risk1`` is that of group 1, the treatment; raw, without any continuity correction. ``size`` is the
    weight in percent, or the people or person-time of both groups where a model has no weights (``sized``
    says which). ``control`` are risks of group 2, in rising order, and ``pooled``, ``low`` and ``high`` those
    of group 1 that the pooled value and its interval make of them: beyond the ends of the scale ``pooled`` is
    NaN and the other two stay at the end; all empty where there is no pooled value.
    """

    labels: tuple[str, ...]
    measure: str
    spec: ModelSpec
    kind: str
    risk1: Floats
    risk2: Floats
    size: Floats
    sized: str
    control: Floats
    pooled: Floats
    low: Floats
    high: Floats

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as a plain dictionary, NaN as None."""
        plain: dict[str, Any] = to_plain(self)
        return plain


def compare_arms(fit: Fit) -> Arms:
    """Set the risks (or rates) of both groups of each study beside what the pooled value expects.

    Parameters
    ----------
    fit : Fit
        Of OR, PETO, RR, RD, AS, IRR, IRD or IRSD, with the counts of both groups.

    Returns
    -------
    Arms
        The studies used.

    Raises
    ------
    ModelError
        If the measure is another one, or no study used has the counts of both groups.

    References
    ----------
    L'Abbe, Detsky & O'Rourke (1987), Annals of Internal Medicine 107, 224-233.
    """
    if fit.measure not in _SHIFTS:
        raise ModelError(
            f"a L'Abbe plot takes one of the measures {', '.join(_SHIFTS)}; got measure {fit.measure!r}"
        )
    kind, size = ("rate", "time") if "time1" in find_measure(fit.measure).columns else ("risk", "n")
    names = ("events1", f"{size}1", "events2", f"{size}2")
    found = [(s, cells) for s in fit.studies if s.used and (cells := _cells(s, names)) is not None]
    if not found:
        raise ModelError(f"a L'Abbe plot needs the counts {', '.join(names)}; no study used has them")
    e1, n1, e2, n2 = np.array([cells for _, cells in found]).T
    weights = [s.weight for s, _ in found]
    weighted = all(w is not None for w in weights)
    top = 1.0 if kind == "risk" else 1.1 * float(max((e1 / n1).max(), (e2 / n2).max()))
    even = np.concatenate([np.linspace(0.0, top, POINTS), np.geomspace(LEAST_SHARE * top, top, POINTS)])
    control = np.unique(even) if fit.estimate is not None else np.empty(0)
    curves = [control] * 3
    if fit.estimate is not None:
        ends = (fit.estimate.value, fit.estimate.low, fit.estimate.high)
        curves = [_SHIFTS[fit.measure](control, y) for y in ends]
        most = 1.0 if kind == "risk" else np.inf
        beyond = (curves[0] < 0.0) | (curves[0] > most)
        curves = [np.where(beyond, np.nan, curves[0]), *(np.clip(c, 0.0, most) for c in curves[1:])]
    return Arms(
        tuple(s.label for s, _ in found),
        fit.measure,
        fit.spec,
        kind,
        e1 / n1,
        e2 / n2,
        np.array(weights, dtype=np.float64) if weighted else n1 + n2,
        "weight" if weighted else {"n": "people", "time": "person-time"}[size],
        control,
        *curves,
    )


def _cells(study: Study, names: tuple[str, ...]) -> list[float] | None:
    """Return the counts of a study, or None where one is missing."""
    cells = [study.counts.get(name) for name in names]
    known = [cell for cell in cells if cell is not None and np.isfinite(cell)]
    return known if len(known) == len(names) and known[1] > 0 and known[3] > 0 else None
