"""The rules of declared alternatives: the checks of an analysis, made once more on what each would be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from extraction.toml_lines import Path
from meta.errors import MetaError
from meta.protocol.parts import seen
from meta.protocol.plan import Alternative, Analysis, Filter
from meta.protocol.shape import Fault

#: What an alternative has no use for: its measure may read other columns than these speak of.
_ONLY_MAIN: dict[str, Any] = {
    "headings": {},
    "subgroups": (),
    "moderators": (),
    "descriptors": (),
    "small_study": False,
    "cumulative": None,
    "targets": (),
    "sort": None,
    "axis": None,
    "band": None,
    "characteristics": None,
    "grade": None,
}

Check = Callable[[Analysis], Iterable[Fault]]


def check_alternatives(here: Path, analysis: Analysis, check: Check) -> Iterator[Fault]:
    """Find what is wrong with the alternatives of an analysis.

    Parameters
    ----------
    here : path
        Place of the analysis.
    analysis : Analysis
        As read.
    check : callable
        The checks of measure, model, filters and columns of an analysis at ``here``: made on each altered
        analysis too, so that an alternative is held to no other rules than an analysis.

    Yields
    ------
    Fault
        At the alternative's own key where it has that key, else at the alternative. What is wrong with the
        analysis itself is not said again.
    """
    if not analysis.alternatives:
        return
    if not analysis.overall:
        message = "alternatives are compared with the overall estimate, which this analysis does not make"
        yield Fault((*here, "alternatives"), "no-overall", message, "remove them")
        return
    known = {(fault.rule, fault.message) for fault in check(analysis)}
    used: Counter[str] = Counter()
    for i, alternative in enumerate(analysis.alternatives):
        at: Path = (*here, "alternatives", i)
        # labels that look alike tell nothing apart
        label = seen(alternative.label)
        used[label] += 1
        if used[label] > 1:
            message = f"the label {alternative.label!r} is used before in this analysis"
            yield Fault((*at, "label"), "label-twice", message, "labels tell the alternatives apart")
        altered = analysis.altered(alternative).model_copy(update=_ONLY_MAIN)
        faults = [fault for fault in check(altered) if (fault.rule, fault.message) not in known]
        for fault in faults:
            place = _own_place(fault.path[len(here) :], analysis, alternative)
            yield Fault((*at, *place), fault.rule, fault.message, fault.advice)
        if not faults and not known and _is_same(analysis, altered):
            message = f"the alternative {alternative.label!r} changes nothing about its analysis"
            yield Fault(at, "changes-nothing", message, "change a choice or a filter, or remove it")


def _own_place(place: Path, analysis: Analysis, alternative: Alternative) -> Path:
    """Return the place in an alternative of a place in the altered analysis, or the alternative itself."""
    if not place or place[0] not in alternative.model_fields_set:
        # a profile's own choices are checked as a model
        return ("profile",) if place[:1] == ("model",) and alternative.profile is not None else ()
    if place[0] != "filters" or len(place) < 2 or not isinstance(place[1], int):
        return place
    own = place[1] - len(kept_filters(analysis, alternative))
    return ("filters", own, *place[2:]) if own >= 0 else ()


def kept_filters(analysis: Analysis, alternative: Alternative) -> tuple[Filter, ...]:
    """Return the own filters of an analysis that an alternative keeps: on columns that it does not filter."""
    replaced = {condition.column for condition in alternative.filters}
    return tuple(condition for condition in analysis.filters if condition.column not in replaced)


def _is_same(analysis: Analysis, altered: Analysis) -> bool:
    """Say whether nothing that can move a number differs: models are compared whole, filters in any order."""
    try:
        same_model = analysis.spec() == altered.spec()
        same_effects = analysis.resolved_effects() == altered.resolved_effects()
    except MetaError:
        return False
    filters = [sorted(repr(condition) for condition in a.filters) for a in (analysis, altered)]
    return (
        same_model
        and same_effects
        and filters[0] == filters[1]
        and all(getattr(analysis, key) == getattr(altered, key) for key in _COMPARED)
    )


_COMPARED = ("measure", "columns", "exclude", "overlap")
