"""``datapackage.json``: sheets and effect sizes as a Frictionless Data Package, schemas from the codebook."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from extraction.codebook import MAX_COUNT, Column, SheetSchema
from extraction.files import sha256
from extraction.grid import neutralise
from meta.deposit.sheets import Deposited
from meta.protocol.plan import Protocol
from meta.report.exports import covariate_headers
from meta.report.r_code import COUNTS
from meta.report.words import COUNT_HEADINGS

PACKAGE_FILE = "datapackage.json"

PACKAGE_PROFILE = "https://datapackage.org/profiles/2.0/datapackage.json"
RESOURCE_PROFILE = "https://datapackage.org/profiles/2.0/dataresource.json"
#: Named in each schema, since ``exclusiveMinimum`` is a word of this version.
TABLE_PROFILE = "https://datapackage.org/profiles/2.0/tableschema.json"

#: Types of Table Schema by kind of a column.
TYPES = {
    "text": "string", "link": "string", "category": "string", "count": "integer", "year": "integer",
    "number": "number", "percent": "number",
}

_EFFECTS = {
    "label": ("string", "Study, or row of a study"),
    "yi": ("number", "Effect size on the analysis scale, after any continuity correction"),
    "vi": ("number", "Sampling variance of the effect size"),
    "reason": ("string", "Why the model does not use the study; empty where it does"),
}


def package_bytes(
    protocol: Protocol,
    sheets: Sequence[Deposited],
    entries: Mapping[str, Any],
    files: Mapping[str, bytes],
    version: str | None,
) -> bytes:
    """Return ``datapackage.json``.

    Parameters
    ----------
    protocol : Protocol
        Title, question, authors.
    sheets : sequence of Deposited
        The sheets as they are deposited.
    entries : mapping
        ``analyses`` of results.json.
    files : mapping of str to bytes
        The files of the run; of them, ``analyses/<id>/effects.csv`` are described.
    version : str or None
        Of a release.

    Returns
    -------
    bytes
        A Data Package of version 2.0: one tabular resource a file, each with hash, size and Table Schema.
    """
    resources = [_sheet_resource(sheet) for sheet in sheets]
    for name, entry in entries.items():
        path = f"analyses/{name}/effects.csv"
        if path in files:
            resources.append(_effects_resource(name, path, files[path], entry, sheets))
    package: dict[str, Any] = {
        "$schema": PACKAGE_PROFILE,
        "name": re.sub(r"[^a-z0-9]+", "-", protocol.title.lower()).strip("-")[:60].strip("-") or "review",
        "title": protocol.title,
        "description": " ".join(filter(None, (protocol.question, protocol.about))),
    }
    if version is not None:
        package["version"] = version
    if protocol.authors:
        package["contributors"] = [{"title": author, "roles": ["author"]} for author in protocol.authors]
    package["resources"] = resources
    return (json.dumps(package, ensure_ascii=False, indent=1) + "\n").encode("utf-8")


def _resource(name: str, path: str, content: bytes, title: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "$schema": RESOURCE_PROFILE,
        "name": name,
        "type": "table",
        "path": path,
        "title": title,
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "bytes": len(content),
        "hash": f"sha256:{sha256(content)}",
        "schema": schema,
    }


def _sheet_resource(deposited: Deposited) -> dict[str, Any]:
    """Describe a sheet by its codebook."""
    sheet = deposited.sheet
    stem = deposited.path.rpartition("/")[2].removesuffix(".csv")
    found = _resource(f"data-{stem}", deposited.path, deposited.content, sheet.schema.title, {})
    found["description"] = (
        f"Sheet {deposited.name} of the protocol, read from {sheet.file} (SHA-256 {sheet.sha256}) by the "
        f"codebook {sheet.schema.name}"
    )
    found["schema"] = sheet_schema(sheet.schema, sheet.columns, _whole_key(deposited))
    return found


def sheet_schema(schema: SheetSchema, columns: Sequence[str], key: Sequence[str] = ()) -> dict[str, Any]:
    """Return the Table Schema of a sheet in its canonical form.

    Parameters
    ----------
    schema : SheetSchema
        Its codebook.
    columns : sequence of str
        Its columns, in order; those that the codebook does not know are text.
    key : sequence of str
        Columns that name a row, each filled in every row; empty where there are none.
    """
    known = {column.name: column for column in schema.columns}
    fields = [
        _field(known[name]) if name in known else {"name": neutralise(name), "type": "string"}
        for name in columns
    ]
    found: dict[str, Any] = {"$schema": TABLE_PROFILE, "fields": fields, "missingValues": [""]}
    if key:
        found["primaryKey"] = list(key)
    return found


def _field(column: Column) -> dict[str, Any]:
    """Describe a column: type, meaning, unit, and what may stand in it."""
    described = column.meaning + (f" ({column.unit})" if column.unit else "")
    words = "; ".join(f"{value}: {text}" for value, text in column.allowed if text)
    found: dict[str, Any] = {
        "name": neutralise(column.name),
        "type": TYPES[column.kind],
        "description": described + (f". {words}" if words else ""),
    }
    constraints: dict[str, Any] = {}
    if column.required:
        constraints["required"] = True
    if column.allowed:
        constraints["enum"] = list(column.values)
    if column.numeric:
        low, high = column.bounds
        if column.above is not None:
            constraints["exclusiveMinimum"] = column.above
        elif low is not None:
            constraints["minimum"] = low
        if high is not None and high != MAX_COUNT:
            constraints["maximum"] = high
    if constraints:
        found["constraints"] = constraints
    return found


def _whole_key(deposited: Deposited) -> tuple[str, ...]:
    """Return the columns that name a row, where every row has all of them."""
    sheet = deposited.sheet
    key = sheet.schema.key
    if any(name not in sheet.columns for name in key):
        return ()
    filled = all(row.values.get(name) not in (None, "") for row in sheet.rows for name in key)
    return key if filled and len(sheet) else ()


def _effects_resource(
    name: str, path: str, content: bytes, entry: Mapping[str, Any], sheets: Sequence[Deposited]
) -> dict[str, Any]:
    """Describe the effect sizes of an analysis."""
    header = next(csv.reader([content.decode("utf-8").split("\n", 1)[0]]))
    columns = {shown: column for column, shown in covariate_headers(entry).items()}
    codebook = {
        column.name: column
        for deposited in sheets
        if deposited.name == entry["sheet"]
        for column in deposited.sheet.schema.columns
    }
    fields = [_effects_field(shown, columns, entry, codebook) for shown in header]
    schema = {"$schema": TABLE_PROFILE, "fields": fields, "missingValues": [""]}
    title = f"Effect sizes of the analysis {name}: {entry['title']}"
    found = _resource(f"effects-{name}", path, content, title, schema)
    found["description"] = (
        f"Measure {entry['measure']} ({entry['measure_name']}), one row a study, as fitted; analysis.R "
        "beside it makes the same fits in R"
    )
    return found


def _effects_field(
    shown: str, columns: Mapping[str, str], entry: Mapping[str, Any], codebook: Mapping[str, Column]
) -> dict[str, Any]:
    """Describe a column of effects.csv: of the file itself, a count, or a column of the sheet."""
    if shown == "used":
        return {
            "name": "used", "type": "boolean", "trueValues": ["1"], "falseValues": ["0"],
            "description": "Whether the model uses the study",
        }
    if shown in _EFFECTS:
        kind, words = _EFFECTS[shown]
        return {"name": shown, "type": kind, "description": words}
    if shown in COUNTS and shown not in columns:
        return {"name": shown, "type": "number", "description": COUNT_HEADINGS.get(shown, shown)}
    name = columns[shown]
    values = [value for value in entry["covariates"][name].values() if value is not None]
    numeric = bool(values) and all(isinstance(x, int | float) and not isinstance(x, bool) for x in values)
    words = codebook[name].meaning if name in codebook else f"Column {name} of the sheet"
    return {"name": shown, "type": "number" if numeric else "string", "description": words}
