"""What the engine knows of each reason to doubt an estimate; the judging is left to people (GRADE)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from meta.effects.measures import find_measure
from meta.results import Fit, Refits, to_plain
from meta.sensitivity.judged import OVERALL, JudgementShares, ShareOf


@dataclass(frozen=True, slots=True)
class CertaintyInputs:
    """Numbers beside the judgements of certainty; None where there is no such number.

    Attributes
    ----------
    k, people : int or None, float or None
        Studies used, and the people in them.
    width, width_as : float or None, {"difference", "ratio"}
        Upper less lower end of the prediction interval on the natural scale, or their ratio for ratios.
    tau2 : float or None
        Between-study variance, analysis scale.
    left_out_low, left_out_high : float or None
        Smallest and largest estimate with one study left out, natural scale.
    high_risk, high_risk_of, high_risk_in : float or None, str or None, str or None
        Percent of weight (people, ...) from studies at high risk of bias: as a whole (``overall``), or, where
        the tool makes no such judgement, in the domain where it is largest.
    """

    k: int
    people: float | None
    width: float | None
    width_as: Literal["difference", "ratio"]
    tau2: float | None
    left_out_low: float | None
    left_out_high: float | None
    high_risk: float | None
    high_risk_of: ShareOf | None
    high_risk_in: str | None

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as a plain dictionary."""
        plain: dict[str, Any] = to_plain(self)
        return plain


def certainty_inputs(
    fit: Fit, left_out: Refits | None = None, shares: JudgementShares | None = None
) -> CertaintyInputs:
    """Gather what bears on the certainty of an estimate.

    Parameters
    ----------
    fit : Fit
        The analysis.
    left_out : Refits, optional
        The same fit with each study left out.
    shares : JudgementShares, optional
        Its weight by risk of bias.
    """
    ratio = find_measure(fit.measure).log_axis
    low, high = _left_out_range(left_out)
    risk = high_risk_share(shares) if shares is not None and shares.assessed else (None, None)
    tau2 = fit.tau2.value if fit.tau2 is not None else None
    return CertaintyInputs(
        fit.k,
        _people(fit),
        _width(fit, ratio),
        "ratio" if ratio else "difference",
        tau2,
        low,
        high,
        risk[0],
        shares.of if shares is not None and risk[0] is not None else None,
        risk[1],
    )


def _people(fit: Fit) -> float | None:
    """Return the people of the studies used, of both arms where there are two."""
    totals = fit.totals
    if "n" in totals:
        return totals["n"]
    return totals["n1"] + totals["n2"] if {"n1", "n2"} <= totals.keys() else None


def _width(fit: Fit, ratio: bool) -> float | None:
    natural = fit.natural
    if natural is None or natural.prediction_low is None or natural.prediction_high is None:
        return None
    low, high = natural.prediction_low, natural.prediction_high
    if ratio:
        return high / low if low > 0.0 and math.isfinite(high) else None
    return high - low


def _left_out_range(left_out: Refits | None) -> tuple[float | None, float | None]:
    """Return the smallest and the largest estimate that there is."""
    found = np.array([]) if left_out is None else left_out.natural[np.isfinite(left_out.natural)]
    return (float(found.min()), float(found.max())) if found.size else (None, None)


def high_risk_share(shares: JudgementShares) -> tuple[float | None, str | None]:
    """Return the percent at high risk of bias and the code of what was judged.

    As a whole (``overall``) where the tool judges that; else in the domain where it is largest, the first of
    several.
    """
    whole = [domain for domain in shares.domains if domain.code == OVERALL]
    known = [(d.high_percent, d.code) for d in whole or shares.domains if d.high_percent is not None]
    # the first of the largest
    return max(known, key=lambda pair: pair[0]) if known else (None, None)
