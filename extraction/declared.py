"""Columns that a protocol names and a file must have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from extraction.codebook import FurtherKind
from extraction.dialect import Dialect, Roles
from extraction.errors import Problem
from extraction.names import suggest


def named_columns(
    types: Mapping[str, FurtherKind] | None, pairs: Sequence[tuple[str, str]] | None, roles: Roles
) -> dict[str, str]:
    """Return the columns that something names, each with what it is named as."""
    typed = dict.fromkeys([*(types or {}), *(name for pair in pairs or () for name in pair)])
    named = dict.fromkeys(typed, "which the analysis names")
    for role, column in roles.named():
        named.setdefault(column, f"which is declared as {role}")
    return named


def missing_columns(
    named: Mapping[str, str],
    dialect: Dialect,
    columns: Sequence[str],
    is_open: bool,
    line: int,
    file: str,
) -> tuple[Problem, ...]:
    """Return an error for each column that something names and the file has not.

    Codes for a column that is not there are only a warning in an open sheet: columns come and go between the
    versions of a living database.
    """
    found = [
        Problem(
            file,
            line,
            name,
            None,
            "missing-column",
            f"the sheet has no column {name!r}, {why}",
            suggest(name, columns),
        )
        for name, why in named.items()
        if name not in columns
    ]
    found += [
        Problem(
            file,
            line,
            name,
            None,
            "missing-code-no-column",
            f"the sheet has no column {name!r}, for which missing codes are declared",
            suggest(name, columns),
            "warning" if is_open else "error",
        )
        for name in dialect.missing
        if name not in columns and name not in named
    ]
    return tuple(found)
