"""An explanation as lines for a screen."""

from __future__ import annotations

import json
from collections.abc import Iterator

from meta.explain.explanation import Explanation
from meta.explain.studies import BehindRow, BehindStudy
from meta.tables.numbers import count_text

#: Most numbers of a part that are listed.
MOST_NUMBERS = 40


def explanation_lines(found: Explanation) -> Iterator[str]:
    """Yield an explanation line by line: the number first, then backwards to the sources."""
    value = "" if found.value is None and found.numbers else f" = {_value_text(found.value)}"
    yield f"{found.id}{value}" + (f", shown as {found.shown}" if found.shown else "")
    yield f"  {found.what[:1].upper()}{found.what[1:]}."
    if found.numbers:
        yield from _numbers(found)
    if found.analysis is not None:
        yield ""
        yield f"Analysis {found.analysis['id']}: {found.analysis['title']}"
        if found.part:
            yield f"  {found.part[:1].upper()}{found.part[1:]}"
        yield f"  Sheet {found.analysis['sheet']}, measure {found.analysis['measure']} " \
              f"({found.analysis['measure_name']})"
    yield from _listing("Source", found.sources)
    yield from _fit(found)
    yield from _listing("From the sheet to this number", found.steps)
    if found.studies:
        yield from _studies(found.studies)


def _value_text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _numbers(found: Explanation) -> Iterator[str]:
    for address, value in list(found.numbers.items())[:MOST_NUMBERS]:
        yield f"    {address} = {_value_text(value)}"
    if len(found.numbers) > MOST_NUMBERS:
        yield f"    and {len(found.numbers) - MOST_NUMBERS} more"


def _listing(heading: str, lines: tuple[str, ...]) -> Iterator[str]:
    if lines:
        yield ""
        yield heading
        yield from (f"  {line}" for line in lines)


def _fit(found: Explanation) -> Iterator[str]:
    if not found.choices:
        return
    yield ""
    yield f"Fit{f', by profile {found.profile}' if found.profile else ''}"
    width = max(len(choice.option) for choice in found.choices)
    for choice in found.choices:
        yield f"  {choice.option.ljust(width)}  {_option_text(choice.value)}: {choice.source}"
    yield from (f"  {sentence}" for sentence in found.methods)


def _option_text(value: object) -> str:
    return value if isinstance(value, str) else _value_text(value)


def _studies(studies: tuple[BehindStudy, ...]) -> Iterator[str]:
    used = sum(study.used for study in studies)
    yield ""
    yield f"Studies: {count_text(used)} used" + (
        f", {count_text(len(studies) - used)} not" if used < len(studies) else ""
    )
    for study in studies:
        yield f"  {study.label}{_study_text(study)}"
        yield from (f"    {line}" for row in study.rows for line in _row(row))


def _study_text(study: BehindStudy) -> str:
    parts = [f"{name} {count_text(count)}" for name, count in study.counts.items() if count is not None]
    parts += [f"{name} {x!r}" for name, x in (("y", study.y), ("v", study.v)) if x is not None]
    parts += [f"weight {study.weight!r} percent"] if study.weight is not None else []
    parts += [f"not used: {study.reason}"] if study.reason else []
    parts += [f"recovered: {study.recovered}"] if study.recovered else []
    return f": {', '.join(parts)}" if parts else ""


def _row(row: BehindRow) -> Iterator[str]:
    cells = "; ".join(f"{name} {cell}" for name, cell in row.cells.items() if cell)
    yield f"{row.file} line {row.line}" + (f": {cells}" if cells else "")
    source = " ".join(filter(None, (row.source, row.url)))
    if source:
        yield f"  source: {source}"
