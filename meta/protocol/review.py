"""A checked review: protocol, sheets and references read together, all their problems at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from extraction.codebook import find_schema
from extraction.errors import Problem, ProblemsError
from extraction.files import sha256
from extraction.sheet import Sheet, check_sheet
from meta.models.design import formula_columns
from meta.protocol.expressions import column_and_level
from meta.protocol.plan import Analysis, Protocol, SheetEntry, locate_review
from meta.protocol.reader import check_protocol
from meta.protocol.selection import Selection, select_rows

#: Keywords of measures whose columns hold whole numbers, and which of them is part of which.
COUNTS = ("events", "n", "events1", "n1", "events2", "n2")
PAIRS = (("events", "n"), ("events1", "n1"), ("events2", "n2"))


@dataclass(frozen=True, slots=True)
class Review:
    """A review that has passed its checks.

    ``sheets`` are whole sheets by the name the protocol gives them, ``targets`` outside references by id,
    ``selections`` the rows of each
    analysis by its id; ``warnings`` is what looked suspicious and stops nothing.
    """

    path: Path
    protocol: Protocol
    sheets: Mapping[str, Sheet]
    targets: Mapping[str, Mapping[str, Any]]
    target_sheets: Mapping[str, Sheet]
    selections: Mapping[str, Selection]
    protocol_sha256: str
    warnings: tuple[Problem, ...]


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
            types=_further_types(protocol, name, entry),
            pairs=_further_pairs(protocol, name, entry),
        )
        found.extend(raised)
        if sheet is not None:
            sheets[name] = sheet
    for name, entry in protocol.targets.items():
        sheet, raised = check_sheet(path.parent / entry.file, schema=entry.schema_name)
        found.extend(raised)
        if sheet is not None:
            references[name] = sheet
    selections: dict[str, Selection] = {}
    for plan in protocol.analyses:
        if plan.sheet in sheets:
            selection, raised = _choose(sheets[plan.sheet], plan)
            found.extend(p for p in raised if p not in found)
            if selection is not None:
                selections[plan.id] = selection
    if any(problem.severity == "error" for problem in found):
        return None, tuple(found)
    checked = Review(
        path=path,
        protocol=protocol,
        sheets=sheets,
        targets=_by_id(references),
        target_sheets=references,
        selections=selections,
        protocol_sha256=sha256(path.read_bytes()),
        warnings=tuple(found),
    )
    return checked, checked.warnings


def _choose(sheet: Sheet, plan: Analysis) -> tuple[Selection | None, tuple[Problem, ...]]:
    """Choose the rows of an analysis; its faults join those of the sheets."""
    try:
        selection = select_rows(sheet, plan)
    except ProblemsError as error:
        return None, error.problems
    return selection, selection.warnings


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


def _further_types(protocol: Protocol, name: str, entry: SheetEntry) -> dict[str, Any] | None:
    """Return types of columns that an open codebook does not know: as declared, or as analyses use them."""
    if not find_schema(entry.schema_name).open:
        return None
    types: dict[str, Any] = {}
    for plan in protocol.analyses:
        if plan.sheet != name:
            continue
        for keyword, column in plan.columns.items():
            base = column_and_level(column)[0]
            if column not in plan.derived:
                types.setdefault(base, "count" if keyword in COUNTS else "number")
        for moderator in plan.moderators:
            for column in formula_columns(moderator.formula, plain_only=True):
                if column not in plan.derived and column not in types:
                    types[column] = "number"
        if plan.cumulative is not None:
            types.setdefault(plan.cumulative, "number")
    known = {column.name for column in find_schema(entry.schema_name).columns}
    return {**{column: kind for column, kind in types.items() if column not in known}, **entry.types}


def _further_pairs(protocol: Protocol, name: str, entry: SheetEntry) -> list[tuple[str, str]] | None:
    """Return pairs (part, whole) that an open codebook does not know: as declared or used."""
    if not find_schema(entry.schema_name).open:
        return None
    pairs = list(entry.pairs)
    for plan in protocol.analyses:
        if plan.sheet == name and plan.spread is None:
            for part, whole in PAIRS:
                if part in plan.columns and whole in plan.columns:
                    pair = (plan.columns[part], plan.columns[whole])
                    if pair not in pairs and not set(pair) & set(plan.derived):
                        pairs.append(pair)
    return pairs
