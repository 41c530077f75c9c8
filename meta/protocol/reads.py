"""Which columns of its sheet an analysis reads, and for what."""

from __future__ import annotations

from collections.abc import Mapping

from extraction.codebook import FurtherKind, OverlapColumns, find_schema
from extraction.sheet import Sheet
from meta.effects.measures import COUNTS
from meta.models.formula import formula_columns
from meta.models.weights import EQUAL
from meta.protocol.expressions import column_and_level, parse_sum
from meta.protocol.plan import Analysis, Protocol


def columns_read(analysis: Analysis, sheet: Sheet) -> tuple[str, ...]:
    """Return every column of ``sheet`` that can change a number of an analysis, in the order of the sheet.

    Labels, counts, filters, links between rows and what the overlap rule looks at, subgroups, moderators and
    the order of a cumulative analysis, of its alternatives too; not what is only shown beside a study.
    """
    names = names_read(analysis, sheet.schema.overlap)
    return tuple(name for name in sheet.columns if name in names)


def names_read(analysis: Analysis, overlap: OverlapColumns | None) -> set[str]:
    """Return the names of the columns that can change a number of an analysis, whether or not they exist."""
    names = set(analysis.label_columns())
    names |= {column for column, _ in counted_columns(analysis)} | set(explaining_columns(analysis))
    names |= {column for m in analysis.moderators for column in formula_columns(m.formula)}
    names |= {column for group in analysis.subgroups for column in columns_behind(analysis, group.by)}
    names |= {condition.column for condition in analysis.filters}
    for other in analysis.alternatives:
        altered = analysis.altered(other)
        names |= {column for column, _ in counted_columns(altered)} | {f.column for f in altered.filters}
    for plan in (analysis, *(analysis.altered(other) for other in analysis.alternatives)):
        names |= {c for c in (plan.model.cluster, plan.model.weights) if c is not None and c != EQUAL}
    if analysis.spread is not None:
        names.add(analysis.spread)
    if overlap is not None:
        names |= {c for c in (overlap.label, overlap.arm, overlap.lists, overlap.group) if c is not None}
        others = [other.overlap for other in analysis.alternatives]
        chosen = any(plan is not None for plan in (analysis.overlap, *others))
        names |= {c for c in (overlap.followup, overlap.n) if c is not None and chosen}
    return names


def columns_needed(protocol: Protocol, name: str) -> frozenset[str]:
    """Return the columns of a sheet that some analysis reads, whether or not they exist."""
    overlap = find_schema(protocol.sheets[name].schema_name).overlap
    read = (names_read(analysis, overlap) for analysis in protocol.analyses if analysis.sheet == name)
    return frozenset().union(*read)


def counted_columns(analysis: Analysis) -> list[tuple[str, FurtherKind]]:
    """Return the columns of the sheet that an analysis counts with, and how they are read."""
    found: list[tuple[str, FurtherKind]] = []
    for key, name in analysis.columns.items():
        kind: FurtherKind = "count" if key in COUNTS else "number"
        found += [(column, kind) for column in columns_behind(analysis, name)]
    terms = [column for name in analysis.derived for column in columns_behind(analysis, name)]
    return found + [(column, "number") for column in terms]


def explaining_columns(analysis: Analysis) -> list[str]:
    """Return the columns of the sheet by which studies are explained or put in order, as numbers."""
    names = [c for m in analysis.moderators for c in formula_columns(m.formula, plain_only=True)]
    if analysis.cumulative is not None:
        names.append(analysis.cumulative)
    plain = [name for name in names if name not in analysis.derived]
    return [column for name in plain for column in columns_behind(analysis, name)]


def columns_behind(analysis: Analysis, name: str) -> list[str]:
    """Return the columns of the sheet behind a name: of a derived column those that it adds up."""
    if name in analysis.derived:
        # a column may be derived from one derived before it
        before = analysis.model_copy(update={"derived": _derived_before(analysis.derived, name)})
        terms = [term for _, term in parse_sum(analysis.derived[name])]
        return [column for term in terms for column in columns_behind(before, term)]
    return [column_and_level(name)[0] if analysis.spread else name]


def _derived_before(derived: Mapping[str, str], name: str) -> dict[str, str]:
    names = list(derived)
    return {known: derived[known] for known in names[: names.index(name)]}
