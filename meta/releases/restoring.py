"""Putting back what results.json recorded, to see whether everything else still agrees."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from extraction.errors import ReviewError
from extraction.grid import neutralise
from meta.answers import answer_analysis, answer_to_dict
from meta.options import FURTHER_OPTIONS, SPEC_FIELDS
from meta.profiles.loader import NOTHING
from meta.protocol.plan import Analysis, ModelChoices
from meta.protocol.review import Review, read_review
from meta.releases.causes import Cause, CellChange, entries_of, look
from meta.releases.frozen_cells import FrozenSheet
from meta.releases.hashes import Frozen

_LINE_END = re.compile("\r\n|\n|\r")


def restore_review(
    folder: Path, frozen: Frozen, causes: Sequence[Cause], sheets: Mapping[str, FrozenSheet], stored: object
) -> Review:
    """Return the review with cells and models put back as results.json has them, made in an empty folder.

    Raises
    ------
    ReviewError, OSError, ValueError
        If it cannot be put back, or does not read even then.
    """
    by_path = {sheet.path: sheet for sheet in sheets.values()}
    contents = {name: data for name, data in frozen.contents.items() if name.startswith("review/")}
    for cause in causes:
        if cause.cell is not None:
            contents[cause.file] = put_cell(contents[cause.file], by_path[cause.file], cause.cell)
    for path, data in contents.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    review = read_review(folder / frozen.manifest.protocol)
    return _with_models(review, stored, frozenset[str]().union(*(cause.specs for cause in causes)))


def answer_again(review: Review, name: str, figures: Mapping[str, str]) -> dict[str, Any]:
    """Return one analysis of a review as its entry of results.json."""
    plan = next(plan for plan in review.protocol.analyses if plan.id == name)
    return answer_to_dict(answer_analysis(plan, review.selections[name], review.targets), figures)


def put_cell(data: bytes, sheet: FrozenSheet, change: CellChange) -> bytes:
    """Return a sheet of delimited text with the text of one cell put back; every other byte stays.

    Raises
    ------
    ValueError
        If the sheet is a workbook, or the cell is not where it should be.
    """
    if sheet.delimiter is None or change.column not in sheet.header:
        raise ValueError("no cell of delimited text")
    text = data.decode("utf-8")
    starts = [0, *(found.end() for found in _LINE_END.finditer(text))]
    begin, end = _cell_span(
        text, starts[change.line - 1], sheet.header.index(change.column), sheet.delimiter
    )
    column = sheet.schema.find(change.column)
    numeric = column is not None and column.numeric
    old = change.old if numeric else neutralise(change.old)
    quoted = text[begin : begin + 1] == '"' or any(sign in old for sign in (sheet.delimiter, '"', "\r", "\n"))
    if quoted or old != old.strip():
        doubled = old.replace('"', '""')
        old = f'"{doubled}"'
    return (text[:begin] + old + text[end:]).encode("utf-8")


def _cell_span(text: str, start: int, position: int, delimiter: str) -> tuple[int, int]:
    """Return where a cell of the record that begins at ``start`` stands."""
    at = start
    for place in range(position + 1):
        begin = at
        if text.startswith("\ufeff", at) and at == 0:
            begin = at = 1
        if text.startswith('"', at):
            at = text.index('"', at + 1) + 1
            while text.startswith('"', at):
                at = text.index('"', at + 1) + 1
        while at < len(text) and text[at] not in f"{delimiter}\r\n":
            at += 1
        if place < position:
            if not text.startswith(delimiter, at):
                raise ValueError("the record is too short")
            at += 1
    return begin, at


def _with_models(review: Review, stored: object, names: frozenset[str]) -> Review:
    """Return a review whose analyses have the models that results.json recorded."""
    entries = entries_of(stored)
    plans = tuple(
        _with_model(plan, entries.get(plan.id, {})) if plan.id in names else plan
        for plan in review.protocol.analyses
    )
    return replace(review, protocol=review.protocol.model_copy(update={"analyses": plans}))


def _with_model(plan: Analysis, entry: Mapping[str, Any]) -> Analysis:
    """Return an analysis with the recorded model: by its profile alone, or by choices of its own.

    Raises
    ------
    ValueError
        If no such choices give the recorded model.
    """
    recorded = {name: look(entry, "spec", name) for name in SPEC_FIELDS}
    spec = {name: tuple(value) if isinstance(value, list) else value for name, value in recorded.items()}
    profile = entry.get("profile")
    own = plan.model.model_dump(exclude_none=True)
    profiles = dict.fromkeys([*([profile] if isinstance(profile, str) else []), plan.profile])
    for name in profiles:
        base = plan.model_copy(update={"profile": name})
        differing = [key for key in SPEC_FIELDS if getattr(base.spec(), key) != spec[key]]
        without = {key: value for key, value in own.items() if key not in differing}
        given = {key: NOTHING if spec[key] is None else spec[key] for key in differing}
        everything = {
            key: NOTHING if value is None else value
            for key, value in spec.items()
            if key != "moderators" and not (value is None and key in FURTHER_OPTIONS)
        }
        for choices in (own, without, {**without, **given}, everything):
            try:
                candidate = base.model_copy(update={"model": ModelChoices(**choices)})
                if all(getattr(candidate.spec(), key) == spec[key] for key in SPEC_FIELDS):
                    return candidate
            except (ReviewError, ValueError):
                continue
    raise ValueError("no choices give the model that results.json recorded")
