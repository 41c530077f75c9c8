"""In which order the studies of a forest plot stand."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from extraction.names import suggest
from meta.errors import PlotError
from meta.options import STUDY_ORDERS
from meta.plots.forest_columns import Descriptor
from meta.results import Study

#: A year in the name of a study, the last one where there are several.
_YEAR = re.compile(r"(?<!\d)(?:1[89]|20)\d\d(?!\d)")

Value = str | float | None


def sort_studies(
    studies: Sequence[Study], sort: str | Mapping[str, Value] | None, descriptors: Sequence[Descriptor]
) -> list[Study]:
    """Return the studies in the order asked for; those of equal rank keep theirs, those without one go last.

    Parameters
    ----------
    studies : sequence of Study
        As the fit has them.
    sort : str, mapping or None
        ``label``; ``estimate``, from low to high; ``weight``, the largest first; ``year``, of a descriptor of
        that heading, or else the last year in the name of the study; the heading of a descriptor; the name
        of a count, such as ``n``; or values by label. Numbers come before words.
    descriptors : sequence of Descriptor
        The columns that a heading may name.

    Raises
    ------
    PlotError
        If there is no such order.
    """
    if sort is None:
        return list(studies)
    value = _find_order(studies, sort, descriptors)

    def rank(study: Study) -> tuple[int, float, str]:
        found = value(study)
        number = _number(found)
        if number is not None:
            return 0, number, ""
        return (1, 0.0, str(found).casefold()) if found not in (None, "") else (2, 0.0, "")

    return sorted(studies, key=rank)


def _find_order(
    studies: Sequence[Study], sort: str | Mapping[str, Value], descriptors: Sequence[Descriptor]
) -> Callable[[Study], Value]:
    """Return what the rank of a study follows from."""
    if not isinstance(sort, str):
        return lambda study: sort.get(study.label)
    columns = {d.heading.casefold(): d.values for d in descriptors}
    if sort.casefold() in columns:
        cells = columns[sort.casefold()]
        return lambda study: cells.get(study.label)
    if sort == "label":
        # a name of digits is a name
        return lambda study: f"\0{study.label}"
    if sort == "estimate":
        return lambda study: study.value if study.used else None
    if sort == "weight":
        return lambda study: None if study.weight is None else -study.weight
    if sort == "year":
        return lambda study: next(reversed(_YEAR.findall(study.label)), None)
    counts = dict.fromkeys(name for study in studies for name in study.counts)
    if sort in counts:
        return lambda study: study.counts.get(sort)
    known = [*STUDY_ORDERS, *(d.heading for d in descriptors), *counts]
    raise PlotError(f"sort names no order: {sort!r}; {suggest(sort, known)}")


def _number(value: Value) -> float | None:
    """Return a cell as a number, where it is one: thin spaces and the minus sign of print are understood."""
    if isinstance(value, str):
        try:
            value = float(value.replace("\u202f", "").replace("\u2212", "-"))
        except ValueError:
            return None
    return value if value is not None and value == value else None
