"""The sheets of a review as canonical CSV, whatever they were written in, and where each lies."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass

from extraction.grid import neutralise
from extraction.names import safe_name
from extraction.sheet import Row, Sheet
from meta.protocol.review import Review

#: Folder of the sheets and of the protocol in a run and in a release.
DATA_FOLDER = "data"

#: The protocol beside them, byte for byte.
PROTOCOL_FILE = f"{DATA_FOLDER}/protocol.toml"

#: Before the name of a table of outside references, which may be that of a sheet.
REFERENCES = "references_"

#: Kinds of columns whose numbers are whole.
WHOLE = ("count", "year")


@dataclass(frozen=True, slots=True)
class Deposited:
    """A sheet as it is deposited: its name in the protocol, its path, the sheet, its bytes as CSV."""

    name: str
    path: str
    sheet: Sheet
    content: bytes


def deposit_sheets(review: Review) -> tuple[Deposited, ...]:
    """Return every sheet, table of outside references and sheet of judgements as canonical CSV.

    Commas between cells, points as decimal marks, nothing where a cell is coded as missing; numbers are
    written in the shortest form that reads back exactly; text that a spreadsheet would run as a formula
    stands behind an apostrophe.
    """
    found: list[Deposited] = []
    taken: set[str] = set()
    references = ((f"{REFERENCES}{name}", sheet) for name, sheet in review.target_sheets.items())
    for name, sheet in (*review.sheets.items(), *references, *review.judged.items()):
        stem = path = safe_name(name).lower() or "sheet"
        count = 1
        while path in taken:
            count += 1
            path = f"{stem}-{count}"
        taken.add(path)
        found.append(Deposited(name, f"{DATA_FOLDER}/{path}.csv", sheet, sheet_csv(sheet)))
    return tuple(found)


def sheet_csv(sheet: Sheet) -> bytes:
    """Return a sheet as canonical CSV in UTF-8."""
    kinds = {column.name: column.kind for column in sheet.schema.columns}
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([neutralise(name) for name in sheet.columns])
    for row in sheet.rows:
        cells = [cell_text(row, name, kinds) for name in sheet.columns]
        writer.writerow(cells)
    return out.getvalue().encode("utf-8")


def cell_text(row: Row, name: str, kinds: Mapping[str, str]) -> str:
    """Return a cell in its canonical form."""
    value = row.values.get(name)
    if value is None:
        return ""
    if isinstance(value, str):
        return neutralise(value)
    whole = kinds.get(name) in WHOLE or float(value).is_integer()
    return str(int(value)) if whole else repr(float(value))
