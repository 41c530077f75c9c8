"""The design matrix of a regression in R, column by column, from what results.json says stands behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from meta.bias.asymmetry import INVERSE_SIZE
from meta.errors import ReportError
from meta.report.r_code import r_number, r_string


def design_columns(
    moderators: Mapping[str, Any], headers: Mapping[str, str], texts: Mapping[str, Mapping[str, str]]
) -> list[str]:
    """Return the R expression of each column of the design but the intercept.

    Parameters
    ----------
    moderators : mapping
        ``fit.moderators`` of results.json.
    headers, texts : mapping
        Column of the sheet to its header in ``effects.csv``, and its values to their texts there.
    """
    factors: Sequence[Mapping[str, Any]] = moderators["factors"]
    return [
        " * ".join(_piece(factors[factor], part, headers, texts) for factor, part in pieces)
        for pieces in moderators["columns"]
        if pieces
    ]


def has_intercept(moderators: Mapping[str, Any]) -> bool:
    """Say whether the design has an intercept, which is always its first column."""
    return [] in moderators["columns"]


def _piece(
    factor: Mapping[str, Any],
    part: int,
    headers: Mapping[str, str],
    texts: Mapping[str, Mapping[str, str]],
) -> str:
    """Return the R expression of one part of a factor."""
    column, kind = factor["column"], factor["kind"]
    if column == INVERSE_SIZE and column not in headers:
        return "1 / dat$n"
    if column not in headers:
        raise ReportError(f"moderator {column!r} is no column of effects.csv ({', '.join(headers)})")
    cells = f"dat[[{r_string(headers[column])}]]"
    if kind == "levels":
        level = factor["levels"][part]
        return f"as.numeric({cells} == {r_string(texts[column].get(level, level))})"
    number = f"as.numeric({cells})"
    if kind == "log":
        return f"log({number})"
    if kind == "spline":
        knots = ", ".join(r_number(knot) for knot in factor["knots"])
        unit = ", ".join("1" if i == part else "0" for i in range(len(factor["knots"])))
        # the natural cubic spline that is 1 at this knot and 0 at the others
        return f'splinefun(c({knots}), c({unit}), method = "natural")({number})'
    if kind == "power" and (factor["shift"], factor["power"]) != (0.0, 1):
        return f"({number} - {r_number(factor['shift'])})^{factor['power']}"
    return number
