"""A checked review: protocol, sheets and references read together, all their problems at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from extraction.errors import Problem, ProblemsError
from extraction.files import sha256
from extraction.sheet import Sheet, check_sheet
from meta.protocol.alternative_rows import check_alternative_rows
from meta.protocol.judgements import (
    Exclusion,
    Judgements,
    read_exclusions,
    read_judgements,
    unknown_studies,
)
from meta.protocol.judging_rules import grade_warnings
from meta.protocol.plan import Analysis, Protocol, locate_review
from meta.protocol.reader import check_protocol, sheet_pairs, sheet_types
from meta.protocol.reads import columns_needed
from meta.protocol.selection import Selection, select_rows


@dataclass(frozen=True, slots=True)
class Review:
    """A review that has passed its checks.

    ``sheets`` are whole sheets by the name the protocol gives them, ``targets`` outside references by id,
    ``selections`` the rows of each analysis by its id; ``warnings`` is what looked suspicious and stops
    nothing. ``judged`` holds the sheets of what people judged, by what they are: ``risk_of_bias`` and
    ``excluded``, those that there are; ``exclusions`` the studies excluded after reading.
    """

    path: Path
    protocol: Protocol
    sheets: Mapping[str, Sheet]
    targets: Mapping[str, Mapping[str, Any]]
    target_sheets: Mapping[str, Sheet]
    selections: Mapping[str, Selection]
    protocol_sha256: str
    warnings: tuple[Problem, ...]
    judged: Mapping[str, Sheet] = field(default_factory=dict)
    exclusions: tuple[Exclusion, ...] = ()


def read_review(review: str | Path | None = None) -> Review:
    """Read and check a review.

    Parameters
    ----------
    review : path, optional
        A ``review.toml`` or its folder; the shipped review where none is given.

    Raises
    ------
    ProtocolError
        If there is no protocol there.
    ProblemsError
        If protocol or sheets have errors: all of them at once, with the warnings.
    """
    found, problems = _check(review)
    if found is None:
        raise ProblemsError(problems)
    return found


def check_review(review: str | Path | None = None) -> tuple[Problem, ...]:
    """Return every problem of a review, errors first; nothing is written and nothing is fitted.

    Raises
    ------
    ProtocolError
        If there is no protocol there.
    """
    return tuple(sorted(_check(review)[1], key=lambda problem: problem.severity != "error"))


def _check(review: str | Path | None) -> tuple[Review | None, tuple[Problem, ...]]:
    """Check protocol, sheets, references and the choice of rows, as far as each can be read."""
    path = locate_review(review)
    protocol, problems = check_protocol(path)
    found = list(problems)
    if protocol is None:
        return None, tuple(found)
    sheets: dict[str, Sheet] = {}
    references: dict[str, Sheet] = {}
    for name, entry in protocol.sheets.items():
        sheet, raised = check_sheet(
            path.parent / entry.file,
            schema=entry.schema_name,
            types=sheet_types(protocol, name),
            pairs=sheet_pairs(protocol, name),
            dialect=entry.dialect(),
            roles=entry.roles(),
            needed=columns_needed(protocol, name),
        )
        found.extend(raised)
        if sheet is not None:
            sheets[name] = sheet
    for name, entry in protocol.targets.items():
        sheet, raised = check_sheet(
            path.parent / entry.file,
            schema=entry.schema_name,
            dialect=entry.dialect(),
            roles=entry.roles(),
        )
        found.extend(raised)
        if sheet is not None:
            references[name] = sheet
    judged, judgements, exclusions, raised = _read_judged(path, protocol)
    found.extend(raised)
    selections: dict[str, Selection] = {}
    for plan in protocol.analyses:
        if plan.sheet in sheets:
            selection, raised = _choose(sheets[plan.sheet], plan)
            found.extend(p for p in raised if p not in found)
            if selection is not None:
                mine = None if judgements is None else judgements.by_label(selection.names())
                selections[plan.id] = replace(selection, judgements=mine)
                found.extend(check_alternative_rows(sheets[plan.sheet], plan))
    if any(problem.severity == "error" for problem in found):
        return None, tuple(found)
    if judgements is not None:
        found.extend(unknown_studies(judgements, _study_names(sheets.values(), selections.values())))
    found.extend(grade_warnings(path, protocol))
    checked = Review(
        path=path,
        protocol=protocol,
        sheets=sheets,
        targets=_by_id(references),
        target_sheets=references,
        selections=selections,
        protocol_sha256=sha256(path.read_bytes()),
        warnings=tuple(found),
        judged=judged,
        exclusions=exclusions,
    )
    return checked, checked.warnings


def _read_judged(
    path: Path, protocol: Protocol
) -> tuple[dict[str, Sheet], Judgements | None, tuple[Exclusion, ...], tuple[Problem, ...]]:
    """Read what people judged: its sheets, the judgements, the excluded studies, and the problems."""
    judgements: Judgements | None = None
    problems: tuple[Problem, ...] = ()
    if protocol.risk_of_bias is not None:
        judgements, problems = read_judgements(path.parent, protocol.risk_of_bias)
    exclusions, sheet, more = read_exclusions(path.parent, protocol.excluded, protocol.excluded_file)
    sheets = {} if judgements is None else {"risk_of_bias": judgements.sheet}
    if sheet is not None:
        sheets["excluded"] = sheet
    return sheets, judgements, exclusions, (*problems, *more)


def _study_names(sheets: Iterable[Sheet], selections: Iterable[Selection]) -> set[str]:
    """Return what studies are called: in the sheets' own columns of studies, and as labels of analyses."""
    names = {name for selection in selections for own in selection.names().values() for name in own}
    for sheet in sheets:
        overlap = sheet.schema.overlap
        if overlap is not None and overlap.label in sheet.columns:
            names |= {str(cell) for cell in sheet.column(overlap.label) if cell not in (None, "")}
    return names


def _choose(sheet: Sheet, plan: Analysis) -> tuple[Selection | None, tuple[Problem, ...]]:
    """Choose the rows of an analysis; its faults join those of the sheets."""
    try:
        selection = select_rows(sheet, plan)
    except ProblemsError as error:
        return None, error.problems
    empty = tuple(_empty_groups(sheet, plan, selection))
    return (None if empty else selection), (*empty, *selection.warnings)


def _empty_groups(sheet: Sheet, plan: Analysis, selection: Selection) -> Iterator[Problem]:
    """Name the subgroups that no row of an analysis belongs to, before a fit stumbles over them."""
    for group in plan.subgroups:
        if len(selection.sheet) and all(cell in (None, "") for cell in selection.sheet.column(group.by)):
            message = f"analysis {plan.id!r} makes subgroups by {group.by!r}, empty in each of its rows"
            advice = "fill in the column, or remove the subgroups"
            yield Problem(sheet.file, None, group.by, None, "subgroup-empty", message, advice)


def _by_id(references: Mapping[str, Sheet]) -> dict[str, Mapping[str, Any]]:
    """Return outside references by id, in the words of results.json."""
    found: dict[str, Mapping[str, Any]] = {}
    for sheet in references.values():
        for row in sheet.rows:
            cells = row.values
            found[str(cells["target_id"])] = {
                "id": cells["target_id"],
                "analysis": cells.get("analysis"),
                "measure": cells.get("measure") or cells.get("scale"),
                "k": cells.get("k"),
                "n": cells.get("N"),
                "estimate": cells.get("estimate"),
                "low": cells.get("lower"),
                "high": cells.get("upper"),
                "unit": cells.get("unit") or cells.get("scale") or cells.get("measure"),
                "source": cells.get("source"),
                "source_url": cells.get("source_url"),
                "note": cells.get("note"),
                "rows": (row.ref,),
            }
    return found
