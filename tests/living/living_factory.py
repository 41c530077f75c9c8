"""Small reviews written to a folder, computed, and held as snapshots to be compared."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from extraction.codebook import Column, SheetSchema
from extraction.sheet import Row, RowRef, Sheet
from meta.living.archive import Snapshot, snapshot_of
from meta.pipeline import compute_results
from meta.protocol.review import read_review

#: Ten settings; Consortium2015 shares people with A2001 and B2003.
ROWS = (
    ("study_id", "setting", "year", "events", "n", "overlaps_with", "remark"),
    ("A2001", "ward", "2001", "12", "80", "Consortium2015", "first"),
    ("B2003", "ward", "2003", "22", "90", "Consortium2015", ""),
    ("C2005", "clinic", "2005", "9", "120", "", ""),
    ("D2007", "clinic", "2007", "31", "160", "", ""),
    ("E2009", "clinic", "2009", "14", "75", "", "a word"),
    ("F2011", "ward", "2011", "40", "210", "", ""),
    ("G2013", "prison", "2013", "6", "40", "", ""),
    ("Consortium2015", "ward", "2015", "70", "300", "A2001; B2003", ""),
)

PROTOCOL = """
title = "A review"
question = "How often?"
[sheets.s]
file = "s.csv"
schema = "generic"
key = ["study_id"]
[[analyses]]
id = "all"
title = "All settings"
question = "How often, anywhere?"
sheet = "s"
label = "study_id"
measure = "PLO"
columns = {events = "events", n = "n"}
profile = "house@1"
filters = [{column = "setting", in = ["ward", "clinic"]}]
overlap = {rule = ["most_cohorts", "largest_n"]}
cumulative = "year"
[[analyses]]
id = "clinics"
title = "Clinics"
question = "How often in clinics?"
sheet = "s"
label = "study_id"
measure = "PLO"
columns = {events = "events", n = "n"}
profile = "house@1"
filters = [{column = "setting", equals = "clinic"}]
"""


def changed(
    rows: Sequence[Sequence[str]] = ROWS, cells: Mapping[tuple[str, str], str] | None = None
) -> list[list[str]]:
    """Return rows with some cells replaced, by study and column."""
    head = list(rows[0])
    out = [list(row) for row in rows]
    for (study, column), text in (cells or {}).items():
        (row,) = (row for row in out if row[0] == study)
        row[head.index(column)] = text
    return out


def without(study: str, rows: Sequence[Sequence[str]] = ROWS) -> list[list[str]]:
    """Return rows without those of a study."""
    return [list(row) for row in rows if row[0] != study]


def csv_text(rows: Iterable[Sequence[str]]) -> str:
    """Return rows as CSV."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()


def write_review(
    folder: Path, rows: Iterable[Sequence[str]] = ROWS, protocol: str = PROTOCOL, file: str = "s.csv"
) -> Path:
    """Write a review of one sheet."""
    folder.mkdir(parents=True)
    (folder / file).write_text(csv_text(rows), encoding="utf-8")
    (folder / "review.toml").write_text(protocol, encoding="utf-8")
    return folder


def take(name: str, folder: Path, note: str = "") -> Snapshot:
    """Compute a review and return it as a snapshot."""
    checked = read_review(folder)
    return snapshot_of(name, note, checked, compute_results(checked))


def make_sheet(rows: Sequence[Sequence[str]], *, key: tuple[str, ...] = (), numbers: str = "") -> Sheet:
    """Return a sheet that was never a file; an empty cell and NA say nothing."""
    head = tuple(rows[0])
    columns = tuple(Column(name, "number", "") for name in numbers.split())
    schema = replace(SheetSchema("made", "Made", columns), key=key)
    made = tuple(_row(head, row, place, numbers) for place, row in enumerate(rows[1:]))
    return Sheet("made.csv", schema, head, made, "")


def _row(head: tuple[str, ...], cells: Sequence[str], place: int, numbers: str) -> Row:
    text = dict(zip(head, cells, strict=True))
    values = {
        name: None if cell.strip() in ("", "NA") else float(cell) if name in numbers.split() else cell
        for name, cell in text.items()
    }
    return Row(values, text, RowRef("made.csv", place + 2, ""))
