"""How records became studies: the counts of a PRISMA 2020 flow diagram, as people declared them.

Nothing here is computed from the data of a study. What is not given is not shown; what is given must add up.
The wording of the boxes is that of the template of Page et al. (2021), BMJ 372, n71 (CC BY 4.0).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from meta.errors import OptionError

#: More than every record that was ever indexed.
MOST_RECORDS = 10**9

#: Where the wording and the shape of the diagram come from.
PRISMA_CITATION = "Page et al. (2021), BMJ 372, n71"

Count = int | None


@dataclass(frozen=True, slots=True)
class Incoherence:
    """A count that does not fit the others: its ``field`` (and the ``part`` of it), and what is wrong."""

    field: str
    message: str
    part: str = ""

    @property
    def place(self) -> str:
        """The place in words."""
        return f"{self.field} {self.part!r}" if self.part else self.field


@dataclass(frozen=True, slots=True)
class OtherMethods:
    """Records found elsewhere: websites, organisations, citation searching; None is not given."""

    identified: Mapping[str, int]
    sought: Count = None
    not_retrieved: Count = None
    assessed: Count = None
    reasons: Mapping[str, int] | None = None


@dataclass(frozen=True, slots=True)
class PrismaFlow:
    """The counts of a flow diagram; None is not given, and gets no box.

    Attributes
    ----------
    about : str
        Where the counts come from; shown with them.
    identified : mapping of str to int
        Records by source: ``{"Databases": 900, "Registers": 30}``, or by database; empty is not given.
    duplicates, automation, other_removed : int or None
        Records removed before screening: duplicates, marked as ineligible by automation tools, other reasons.
    screened, excluded : int or None
        Records.
    sought, not_retrieved, assessed : int or None
        Reports.
    reasons : mapping of str to int or None
        Reports excluded, by reason.
    studies, reports : int or None
        Included; in an updated review the new ones.
    previous_studies, previous_reports : int or None
        Included in the previous version; with one of them the diagram is that of an updated review.
    total_studies, total_reports : int or None
        Previous and new ones together.
    analysed : int or None
        Studies in meta-analysis.
    other : OtherMethods or None

    Raises
    ------
    OptionError
        If counts do not fit each other: all that is wrong.
    """

    about: str
    identified: Mapping[str, int]
    duplicates: Count = None
    automation: Count = None
    other_removed: Count = None
    screened: Count = None
    excluded: Count = None
    sought: Count = None
    not_retrieved: Count = None
    assessed: Count = None
    reasons: Mapping[str, int] | None = None
    studies: Count = None
    reports: Count = None
    previous_studies: Count = None
    previous_reports: Count = None
    total_studies: Count = None
    total_reports: Count = None
    analysed: Count = None
    other: OtherMethods | None = None

    def __post_init__(self) -> None:
        found = find_incoherences(self)
        if found:
            raise OptionError("; ".join(f"{one.place}: {one.message}" for one in found))

    @property
    def is_update(self) -> bool:
        """Whether there was a version before."""
        return self.previous_studies is not None or self.previous_reports is not None


def find_incoherences(flow: Any) -> list[Incoherence]:
    """Return every count that cannot be, or that does not fit the others.

    Parameters
    ----------
    flow : PrismaFlow or anything with its fields
        ``other`` with those of ``OtherMethods``.
    """
    found = list(_check_range(flow, "", _COUNTS))
    if flow.other is not None:
        found += _check_range(flow.other, "other.", _OTHER_COUNTS)
    # sums of counts that cannot be would only say the same again
    checks = (_check_screening, _check_other, _check_included, _check_total)
    return found or [one for check in checks for one in check(flow)]


_COUNTS = (
    "duplicates", "automation", "other_removed", "screened", "excluded", "sought", "not_retrieved",
    "assessed", "studies", "reports", "previous_studies", "previous_reports", "total_studies",
    "total_reports", "analysed",
)  # fmt: skip
_OTHER_COUNTS = ("sought", "not_retrieved", "assessed")


def _check_range(flow: Any, prefix: str, counts: tuple[str, ...]) -> Iterator[Incoherence]:
    """Find counts that are no whole numbers from 0 on, and sources and reasons without a name."""
    rule = f"must be a whole number from 0 to {MOST_RECORDS}"
    for name in counts:
        value = getattr(flow, name)
        if value is not None and not _is_count(value):
            yield Incoherence(prefix + name, f"{rule}; got {value!r}")
    for name in ("identified", "reasons"):
        for part, value in (getattr(flow, name) or {}).items():
            if not part.strip():
                yield Incoherence(prefix + name, "a source or a reason needs a name")
            if not _is_count(value):
                yield Incoherence(prefix + name, f"{rule}; got {value!r}", part)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_RECORDS


def _check_screening(flow: Any) -> Iterator[Incoherence]:
    """Compare what was identified, removed, screened, excluded, sought and assessed."""
    identified = sum(flow.identified.values())
    removed = [n for n in (flow.duplicates, flow.automation, flow.other_removed) if n is not None]
    left = identified - sum(removed)
    if flow.identified and left < 0:
        yield Incoherence("duplicates", f"{sum(removed)} records removed, but {identified} identified")
    elif flow.identified and flow.screened is not None:
        sums = f"{identified} identified − {sum(removed)} removed = {left}"
        if removed and flow.screened != left:
            yield Incoherence("screened", f"{flow.screened} records, but {sums}")
        elif not removed and flow.screened > identified:
            yield Incoherence("screened", f"{flow.screened} records, but {identified} identified")
    yield from _difference("sought", flow.sought, ("screened", flow.screened), ("excluded", flow.excluded))
    lost = ("not retrieved", flow.not_retrieved)
    yield from _difference("assessed", flow.assessed, ("sought", flow.sought), lost)


def _difference(
    field: str, value: Count, whole: tuple[str, Count], part: tuple[str, Count]
) -> Iterator[Incoherence]:
    """Hold ``value = whole - part`` where all three are given, and a part within its whole."""
    (whole_name, of), (part_name, taken) = whole, part
    if of is None:
        return
    if taken is not None and taken > of:
        prefix = field[: field.rfind(".") + 1]
        yield Incoherence(prefix + part_name.replace(" ", "_"), f"{taken}, but {of} {whole_name}")
    elif value is not None and taken is not None and value != of - taken:
        yield Incoherence(field, f"{value}, but {of} {whole_name} − {taken} {part_name} = {of - taken}")
    elif value is not None and taken is None and value > of:
        yield Incoherence(field, f"{value}, but {of} {whole_name}")


def _check_other(flow: Any) -> Iterator[Incoherence]:
    """Compare the counts of other methods."""
    other = flow.other
    if other is None:
        return
    identified = sum(other.identified.values())
    if other.identified and other.sought is not None and other.sought > identified:
        yield Incoherence("other.sought", f"{other.sought}, but {identified} identified")
    sought, lost = ("sought", other.sought), ("not retrieved", other.not_retrieved)
    yield from _difference("other.assessed", other.assessed, sought, lost)


def _check_included(flow: Any) -> Iterator[Incoherence]:
    """Compare reports assessed, excluded and included, and studies with their reports."""
    ways = [("", flow), *([("other.", flow.other)] if flow.other is not None else [])]
    left: int | None = 0
    whole = True
    for prefix, way in ways:
        gone = None if way.reasons is None else sum(way.reasons.values())
        if way.assessed is None:
            left = None
            continue
        if gone is not None and gone > way.assessed:
            yield Incoherence(f"{prefix}reasons", f"{gone} reports excluded, but {way.assessed} assessed")
            left = None
        whole = whole and gone is not None
        left = None if left is None else left + way.assessed - (gone or 0)
    if left is not None and flow.reports is not None:
        if whole and flow.reports != left:
            message = f"{flow.reports} included, but assessed − excluded = {left}"
            yield Incoherence("reports", message)
        elif flow.reports > left:
            yield Incoherence("reports", f"{flow.reports} included, but {left} assessed")
    most = flow.reports if flow.reports is not None else left
    if flow.studies is not None and most is not None and flow.studies > most:
        yield Incoherence("studies", f"{flow.studies} studies, but {most} reports of them")


def _check_total(flow: Any) -> Iterator[Incoherence]:
    """Compare previous, new and all studies and reports, and the studies in meta-analysis."""
    for name in ("studies", "reports"):
        before, new, total = (getattr(flow, head + name) for head in ("previous_", "", "total_"))
        if total is None:
            continue
        if before is None:
            yield Incoherence(f"total_{name}", f"{total}, but previous_{name} is not given")
        elif new is not None and total != before + new:
            yield Incoherence(f"total_{name}", f"{total}, but {before} previous + {new} new = {before + new}")
    before, reports = flow.previous_studies, flow.previous_reports
    if before is not None and reports is not None and before > reports:
        yield Incoherence("previous_studies", f"{before} studies, but {reports} reports of them")
    most = flow.total_studies
    if most is None and flow.studies is not None:
        most = flow.studies + (flow.previous_studies or 0)
    if flow.analysed is not None and most is not None and flow.analysed > most:
        yield Incoherence("analysed", f"{flow.analysed} studies, but {most} included")


def flow_entry(flow: PrismaFlow, file: str) -> dict[str, Any]:
    """Return what results.json holds of a flow: its counts, names in lists, and the figure ``file``.svg."""
    entry: dict[str, Any] = {"about": flow.about, "figure": f"{file}.svg"}
    entry["identified"] = _pairs(flow.identified)
    entry |= {name: getattr(flow, name) for name in _COUNTS}
    entry["reasons"] = _pairs(flow.reasons)
    other = flow.other
    entry["other"] = other and {
        "identified": _pairs(other.identified),
        **{name: getattr(other, name) for name in _OTHER_COUNTS},
        "reasons": _pairs(other.reasons),
    }
    return entry


def _pairs(counts: Mapping[str, int] | None) -> list[dict[str, Any]] | None:
    """Return names with their counts as a list: a name may hold any character, an address may not."""
    return None if counts is None else [{"name": name, "count": n} for name, n in counts.items()]
