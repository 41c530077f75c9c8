"""Rules for one cell: text becomes a typed value, or a fault with a rule, a message and advice."""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from extraction.codebook import Column
from extraction.dialect import Decimal
from extraction.faults import FLAGS, CellFault, quote, shorten
from extraction.names import suggest
from extraction.number_text import DATE_TEXT, NUMBER, explain_number, plain_number

#: What spreadsheets (Excel, LibreOffice, Google) show where a formula failed.
ERROR_CELL = re.compile(
    r"#(?:DIV/0!|N/A|NAME\?|NULL!|NUM!|REF!|VALUE!|SPILL!|CALC!|FIELD!|BLOCKED!|CONNECT!|GETTING_DATA|ERROR!)|Err:[0-9]{3}"
)


def _parse_number(text: str) -> float:
    """Return the number of a text with a decimal point, or raise the fault, for pydantic to carry."""
    if not NUMBER.fullmatch(text):
        raise PydanticCustomError("no_number", "no number")
    return float(text)


@lru_cache(maxsize=512)
def cell_adapter(column: Column) -> TypeAdapter[Any]:
    """Return the pydantic type of the cells of ``column``: stripped, non-empty text in, typed value out."""
    low, high = column.bounds
    limits = Field(ge=low, le=high, gt=column.above)
    if column.kind in ("count", "year"):
        return TypeAdapter(Annotated[int, limits, BeforeValidator(_parse_number)])
    if column.numeric:
        return TypeAdapter(
            Annotated[float, limits, Field(allow_inf_nan=False), BeforeValidator(_parse_number)]
        )
    if column.kind == "category":
        return TypeAdapter(Literal[column.values])  # type: ignore[arg-type]  # built at run time
    return TypeAdapter(str)


def read_cell(
    column: Column, text: str, flag: str | None = None, decimal: Decimal = "point"
) -> tuple[str | float | int | None, CellFault | None]:
    """Read one cell.

    Parameters
    ----------
    column : Column
        What may stand in it.
    text : str
        What stands in it.
    flag : str or None
        A key of ``FLAGS`` where the spreadsheet itself says that the cell is no plain value.
    decimal : {"point", "comma"}
        Decimal mark of the file's numbers.

    Returns
    -------
    value : str, float, int or None
        None where the cell is empty or wrong.
    fault : CellFault or None
        What is wrong; a warning leaves the value in place.
    """
    bare = text.strip()
    if flag is not None and (flag != "percent-format" or column.kind == "percent"):
        message, advice = FLAGS[flag]
        return None, CellFault(flag, message.format(value=quote(bare)), advice)
    if not bare:
        missing = CellFault(
            "required-missing",
            "the cell is empty and must be filled",
            f"give {column.name}: {column.meaning}",
        )
        return None, missing if column.required else None
    if ERROR_CELL.fullmatch(bare):
        message, advice = FLAGS["cell-is-error"]
        return None, CellFault("cell-is-error", message.format(value=quote(bare)), advice)
    try:
        # what is no number under this decimal mark stays as it is, and is explained below
        said = (plain_number(bare, decimal) or "") if column.numeric else bare
        value: str | float | int = cell_adapter(column).validate_python(said)
    except ValidationError:
        return None, _explain(column, bare, decimal)
    if column.kind == "link" and not all(
        re.match(r"https?://\S+$", part.strip()) for part in bare.split(" ; ")
    ):
        return value, CellFault(
            "not-a-link",
            f"{quote(bare)} is not a web address",
            "write addresses that begin with https://, joined by ' ; '",
            warning=True,
        )
    return value, None


def _explain(column: Column, text: str, decimal: Decimal) -> CellFault:
    """Say what keeps a cell from being a value of its column."""
    if column.kind == "category":
        if DATE_TEXT.fullmatch(text):
            return explain_number(text)
        return CellFault(
            "unknown-category",
            f"{quote(text)} is not a value of {column.name}",
            f"{suggest(text, column.values)}; allowed: {', '.join(column.values)}",
        )
    plain = plain_number(text, decimal)
    if plain is None:
        return explain_number(text, decimal)
    if column.kind == "percent":
        return _explain_percent(column, text)
    if column.kind == "year":
        return _explain_year(column, text)
    explain = _explain_count if column.kind == "count" else _explain_range
    return explain(column, text, float(plain))


def _explain_count(column: Column, text: str, number: float) -> CellFault:
    if number < 0:
        return CellFault(
            "negative-count",
            f"{shorten(text)} is negative, and {column.name} is a count",
            "check the source; counts start at 0",
        )
    if math.isfinite(number) and number % 1:
        return CellFault(
            "fractional-count",
            f"{shorten(text)} is not a whole number, and {column.name} is a count",
            "give the number of people; a percentage belongs in another column",
        )
    return _explain_range(column, text, number)


def _explain_percent(column: Column, text: str) -> CellFault:
    return CellFault(
        "percent-out-of-range",
        f"{shorten(text)} lies outside 0 to 100, and {column.name} is a percentage",
        "check the source",
    )


def _explain_year(column: Column, text: str) -> CellFault:
    low, high = column.bounds
    return CellFault(
        "impossible-year",
        f"{shorten(text)} is not a possible year ({low:g} to {high:g})",
        "write four digits, or leave it empty",
    )


def _explain_range(column: Column, text: str, number: float) -> CellFault:
    low, high = column.bounds
    if column.above is not None and number <= column.above:
        rule = f"above {column.above:g}"
    elif low is not None and number < low:
        rule = f"at least {low:g}"
    else:
        rule = f"at most {high:,.10g}" if high is not None else "finite"
    unit = f" {column.unit}" if column.unit else ""
    return CellFault(
        "out-of-range",
        f"{shorten(text)} is out of range: {column.name} must be {rule}{unit}",
        "check the source and the unit",
    )
