"""The alternatives of a review without the rest of a run, as ``meta sensitivity`` prints them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from extraction.errors import Problem
from extraction.names import suggest
from meta.answers import answer_analysis, answer_to_dict, name_analysis
from meta.errors import OptionError
from meta.protocol.plan import Analysis
from meta.protocol.review import read_review

#: What an analysis is asked for beyond its own fit, which its alternatives do not need.
_WITHOUT: dict[str, Any] = {
    "subgroups": (),
    "moderators": (),
    "leave_one_out": False,
    "cumulative": None,
    "small_study": False,
    "targets": (),
}


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """Entries of ``results.json`` by id, with fit and alternatives alone, and what looked suspicious."""

    entries: Mapping[str, Mapping[str, Any]]
    warnings: tuple[Problem, ...]


def compute_sensitivity(review: str | Path | None = None, *, analysis: str | None = None) -> Sensitivity:
    """Fit the analyses of a review and their declared alternatives.

    Parameters
    ----------
    review : path, optional
        A ``review.toml`` or its folder; the shipped review where none is given.
    analysis : str, optional
        Id of the one analysis that is asked for; all of them, in the order of the protocol, without it.

    Returns
    -------
    Sensitivity
        With the same numbers as a whole run; an analysis that declares no alternatives is among them.

    Raises
    ------
    OptionError
        If there is no such analysis; the nearest name is offered.
    ProtocolError
        If there is no protocol, or a main analysis asks for what its data or model do not offer.
    ProblemsError
        If sheets or protocol have errors: all of them.
    """
    checked = read_review(review)
    plans = {plan.id: plan for plan in checked.protocol.analyses}
    if analysis is not None and analysis not in plans:
        raise OptionError(f"no analysis {analysis!r}; {suggest(analysis, plans)}")
    entries = {}
    for name, plan in plans.items():
        if analysis in (None, name):
            with name_analysis(checked, plan):
                answer = answer_analysis(_bare(plan), checked.selections[name], {})
            entries[name] = answer_to_dict(answer, {})
    return Sensitivity(entries, checked.warnings)


def _bare(plan: Analysis) -> Analysis:
    """Return an analysis without what its alternatives do not need."""
    return plan.model_copy(update=_WITHOUT)
