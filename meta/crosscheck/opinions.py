"""What a second opinion is: numbers of ours beside those of another engine, and how far apart they may be."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from meta.results import to_plain

Verdict = Literal["agrees", "differs", "cannot"]

PYMARE = "PyMARE"
STATSMODELS = "statsmodels"
SCIPY = "SciPy"
METAFOR = "metafor"

#: Closed forms (DL, HE, weighted least squares) and the GLM, whose Newton steps end at rounding. Worst seen:
#: 1e-13 for closed forms (1,000 made sets), 2e-12 for the GLM (the shipped review).
EXACT = 1e-10

#: PyMARE's ML and REML come from a search that stops where the likelihood is flat to 1e-12 of its size; its
#: HKSJ rows rest on them. Worst seen: 3e-7 on the shipped review, 8e-7 on 1,300 made sets.
PYMARE_ITERATED = 1e-6

#: statsmodels' estimator of Paule and Mandel stops once Q is within an absolute bound of its target, which
#: leaves tau2 off by about that over the slope of Q, and the limits by less. Worst seen on 1,000 made
#: sets: 4e-7 on tau2, 8e-7 on the rest.
STATSMODELS_PM_TAU2 = 1e-4
STATSMODELS_PM = 1e-5

#: The log-likelihood of a GLMM, ours by Gaussian rules and the other by ``scipy.integrate.quad`` (asked for
#: 1e-12 a study). What is left is rounding of log-binomials. Worst seen on the shipped review 2e-12.
LOGLIK = 1e-10

#: How much higher, in units of log-likelihood, a point near the reported (mu, tau2) may lie. An absolute
#: bound, since likelihoods are compared by differences; rounding gives 2e-13, and 1e-11 with millions of
#: people. A ring of 2e-5 standard errors then shows a maximum that is more than 1.5e-5 of them away.
NO_HIGHER = 1e-10


#: metafor with tight control. Its Fisher scoring and its searches stop later than that, and its closed forms
#: agree to rounding.
METAFOR_FITS = 1e-8

#: metafor finds the limits of tau2 by a root search with a tolerance of its own.
METAFOR_BOUNDS = 1e-6


@dataclass(frozen=True, slots=True)
class Numbers:
    """A pooled mean by one estimator and one interval, on the analysis scale."""

    tau2: float
    value: float
    se: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Pair:
    """One number of ours and another engine's; ``floor`` is what a difference is measured against at least.

    The floor is the scale of the analysis where a number may be zero up to rounding: the Wald standard error
    for means, limits and standard errors, the typical sampling variance for tau2, 1 for Q and log-likelihoods
    (more where log-binomials of millions of people round).
    """

    name: str
    ours: float
    theirs: float
    floor: float

    @property
    def difference(self) -> float:
        """Relative difference; infinite where only one side is a number."""
        if self.ours == self.theirs or (math.isnan(self.ours) and math.isnan(self.theirs)):
            return 0.0
        apart = abs(self.ours - self.theirs) / max(abs(self.ours), abs(self.theirs), self.floor)
        return math.inf if math.isnan(apart) else apart


@dataclass(frozen=True, slots=True)
class Opinion:
    """What one engine says of one fit, over the numbers that share a tolerance.

    Attributes
    ----------
    part : str
        Which fit of the analysis: ``main``, ``subgroup <title>: <level>``, ``alternative: <label>``.
    engine, version : str
        Who was asked.
    what : str
        What was compared, in words.
    quantities : int
        How many numbers were compared; 0 where the engine cannot.
    largest : float or None
        Largest relative difference; None where the engine cannot, or a number of one side is missing.
    at : str
        The number with the largest difference.
    tolerance : float
        How large a difference may be.
    status : {"agrees", "differs", "cannot"}
        ``cannot``: the engine has no such analysis, or failed; ``reason`` says why.
    reason : str
        Words for ``cannot``; empty elsewhere.
    failures : tuple of str
        Each number beyond the tolerance: its name, ours, theirs, difference, tolerance; after the last one
        what the engine warned of.
    """

    part: str
    engine: str
    version: str
    what: str
    quantities: int
    largest: float | None
    at: str
    tolerance: float
    status: Verdict
    reason: str
    failures: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        plain: dict[str, Any] = to_plain(self)
        return plain


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of which engine, over which numbers, and how near the answers must be."""

    engine: str
    version: str
    what: str
    tolerance: float


def compare_pairs(
    part: str, question: Question, pairs: Sequence[Pair], warned: Sequence[str] = ()
) -> list[Opinion]:
    """Judge pairs of numbers by one tolerance; ``warned`` are the engine's warnings, told where it differs.

    Numbers that the engine does not give (NaN where ours is one: PyMARE's limits at a standard error of 0)
    are an opinion of their own: it cannot.
    """
    missing = [pair for pair in pairs if math.isnan(pair.theirs) and not math.isnan(pair.ours)]
    compared = [pair for pair in pairs if pair not in missing]
    opinions = [judge_pairs(part, question, compared, warned)] if compared else []
    if missing:
        names = "; ".join(pair.name for pair in missing)
        opinions.append(decline(part, question, f"{question.engine} gives no number for {names}"))
    return opinions


def judge_pairs(part: str, question: Question, pairs: Sequence[Pair], warned: Sequence[str]) -> Opinion:
    """Judge pairs of which the engine has every number; at least one."""
    apart = [pair.difference for pair in pairs]
    worst = max(range(len(pairs)), key=apart.__getitem__)
    beyond = [pair for pair, d in zip(pairs, apart, strict=True) if d > question.tolerance]
    failures = [describe_failure(pair, question) for pair in beyond]
    if failures and warned:
        failures[-1] += f"; {question.engine} warned: {'; '.join(dict.fromkeys(warned))}"
    return Opinion(
        part=part,
        engine=question.engine,
        version=question.version,
        what=question.what,
        quantities=len(pairs),
        largest=apart[worst] if math.isfinite(apart[worst]) else None,
        at=pairs[worst].name,
        tolerance=question.tolerance,
        status="differs" if failures else "agrees",
        reason="",
        failures=tuple(failures),
    )


def describe_failure(pair: Pair, question: Question) -> str:
    """Name a number beyond its tolerance: ours, theirs, how far apart, how far they may be."""
    return (
        f"{pair.name}: {pair.ours!r} here, {pair.theirs!r} by {question.engine}, "
        f"relative difference {pair.difference:.1e} (at most {question.tolerance:.0e})"
    )


def decline(part: str, question: Question, reason: str) -> Opinion:
    """Return the opinion of an engine that cannot do an analysis."""
    return Opinion(
        part, question.engine, question.version, question.what, 0, None, "", question.tolerance, "cannot",
        reason, (),
    )
