"""Rules for one cell: text becomes a typed value, or a fault with a rule, a message and advice."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from extraction.codebook import Column
from extraction.names import suggest

#: A number in a cell: digits, at most one decimal point, an exponent; no thousands separators.
NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")

#: Longest piece of a cell that a message repeats, in characters; ``Problem.value`` has it whole.
MAX_QUOTED = 60

#: What spreadsheets (Excel, LibreOffice, Google) show where a formula failed.
ERROR_CELL = re.compile(
    r"#(?:DIV/0!|N/A|NAME\?|NULL!|NUM!|REF!|VALUE!|SPILL!|CALC!|FIELD!|BLOCKED!|CONNECT!|GETTING_DATA|ERROR!)|Err:[0-9]{3}"
)

#: Names of months, English and the neighbours' short forms, as spreadsheets write them.
_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?"
    r"|dec(?:ember)?|mrz|mai|maj|okt|dez|des|ene|abr|ago|dic|avr|juin|juil|out|set)\.?"
)
DATE_TEXT = re.compile(
    rf"[0-9]{{1,4}}[-./ ]{{1,2}}{_MONTH}(?:[-./, ]{{1,2}}[0-9]{{1,4}})?"
    rf"|{_MONTH}[-./ ]{{1,2}}[0-9]{{1,4}}(?:[-./, ]{{1,2}}[0-9]{{1,4}})?"
    r"|(?:1[89]|20)[0-9]{2}[-/.][0-9]{1,2}(?:[-/.][0-9]{1,2})?"
    r"(?:[T ][0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?)?Z?"
    r"|[0-9]{1,2}[-/.][0-9]{1,2}[-/.](?:[0-9]{2}|[0-9]{4})(?:[T ][0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?)?"
    r"|[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?",
    re.IGNORECASE,
)

#: Letters taken for digits, by eye or by text recognition.
_LOOKALIKES = str.maketrans("OoQDlIi|SsBZzОоЗ", "0000111155822003")

_DASHES = str.maketrans("\u2212\u2013", "--")

#: ``1,5`` or ``1,234`` or ``1.234,5``: which mark is the decimal one is not guessed.
_WITH_COMMA = re.compile(
    "[+-]?[0-9]{1,3}(?:[., '\u2019\u00a0\u202f]?[0-9]{3})*,[0-9]+"
    r"|[+-]?[0-9]+(?:,[0-9]{3})+(?:\.[0-9]+)?"
)

_ONES = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")

#: Words that people write where a number is not known.
_UNKNOWN = frozenset(
    {"na", "n/a", "n.a.", "nan", "nr", "none", "null", "missing", "unknown", "?", "-", "–", "—", "."}
)

#: What one flag set by a spreadsheet reader means: rule -> (message, advice). The message takes ``value``.
FLAGS: dict[str, tuple[str, str]] = {
    "cell-is-date": (
        "{value} is a date, not what was typed",
        "format the column as text or number in the spreadsheet, then type the value again",
    ),
    "formula-without-value": (
        "{value} is a formula whose result is not stored",
        "open the file in a spreadsheet and save it, or type the value",
    ),
    "cell-is-error": (
        "{value} is a spreadsheet error, not a value",
        "mend the formula or type the value; leave the cell empty if unknown",
    ),
    "percent-format": (
        "the cell is formatted as a percentage and holds {value}, which is shown a hundred times larger",
        "format the column as a plain number and type the percentage, 45 for 45 percent",
    ),
}


@dataclass(frozen=True, slots=True)
class CellFault:
    """What is wrong with one cell."""

    rule: str
    message: str
    advice: str
    warning: bool = False


def shorten(text: str) -> str:
    """Return ``text``, cut where it is too long for a message."""
    return text if len(text) <= MAX_QUOTED else f"{text[:MAX_QUOTED]}…"


def quote(text: str) -> str:
    """Return ``text`` in quotation marks for a message: cut, control characters written out."""
    return repr(shorten(text))


def number_word(text: str) -> int | None:
    """Return the number that an English word names (zero to ninety-nine, hundred, dozen), or None."""
    words = text.strip().casefold().replace("-", " ").split()
    if len(words) == 2 and words[0] in ("a", "one") and words[1] in ("hundred", "dozen"):
        words = words[1:]
    if len(words) == 1:
        word = words[0]
        if word in _ONES:
            return _ONES.index(word)
        if word in _TENS:
            return 20 + 10 * _TENS.index(word)
        return {"hundred": 100, "dozen": 12, "none": None}.get(word)
    if len(words) == 2 and words[0] in _TENS and words[1] in _ONES[1:10]:
        return 20 + 10 * _TENS.index(words[0]) + _ONES.index(words[1])
    return None


def explain_number(text: str) -> CellFault:
    """Say why ``text`` is no number, and which number may be meant."""
    for recognise in (_as_date, _as_word, _as_unknown, _as_lookalike, _as_comma, _as_unit, _as_untidy):
        fault = recognise(text)
        if fault is not None:
            return fault
    if re.search("[0-9]", text) and re.search(r"[^\W\d_]", text):
        return CellFault(
            "number-with-letters", f"{quote(text)} has letters in it", "write digits only, words to a note"
        )
    return CellFault(
        "not-a-number", f"{quote(text)} is not a number", "write digits, and a point as decimal separator"
    )


def _as_date(text: str) -> CellFault | None:
    if not DATE_TEXT.fullmatch(text):
        return None
    message, advice = FLAGS["cell-is-date"]
    return CellFault("cell-is-date", message.format(value=quote(text)), advice)


def _as_word(text: str) -> CellFault | None:
    number = number_word(text)
    if number is None:
        return None
    return CellFault("number-with-letters", f"{quote(text)} is a number written as a word", f"write {number}")


def _as_unknown(text: str) -> CellFault | None:
    if text.casefold() not in _UNKNOWN:
        return None
    return CellFault(
        "not-a-number", f"{quote(text)} is not a number", "leave the cell empty if the number is not known"
    )


def _as_lookalike(text: str) -> CellFault | None:
    """Recognise ``2O0`` and ``l2``; a lone letter only if it looks like a digit."""
    meant = text.translate(_LOOKALIKES)
    if meant == text or not NUMBER.fullmatch(meant) or not (len(text) == 1 or re.search("[0-9]", text)):
        return None
    message = f"{quote(text)} has letters among its digits"
    return CellFault("number-with-letters", message, f"is {shorten(meant)} meant?")


def _as_comma(text: str) -> CellFault | None:
    if not _WITH_COMMA.fullmatch(text):
        return None
    return CellFault(
        "number-with-comma",
        f"{quote(text)} has a comma, which may be a decimal or a thousands separator",
        "write the decimal separator as a point, and no thousands separator",
    )


def _as_unit(text: str) -> CellFault | None:
    found = re.fullmatch(r"([+-]?[0-9.]+)\s*(?:%|percent|per cent)", text)
    if found is None:
        return None
    message = f"{quote(text)} carries its unit"
    return CellFault("number-with-unit", message, f"write {shorten(found[1])} without it")


def _as_untidy(text: str) -> CellFault | None:
    """Recognise spaces inside, full-width digits, and dashes that stand for a minus sign."""
    plain = re.sub(r"\s", "", unicodedata.normalize("NFKC", text)).translate(_DASHES)
    if not NUMBER.fullmatch(plain):
        return None
    message = f"{quote(text)} is not written as a plain number"
    return CellFault("not-a-number", message, f"is {shorten(plain)} meant?")


def _parse_number(text: str) -> float:
    """Return the number, or raise the fault that :func:`explain_number` finds, for pydantic to carry."""
    if not NUMBER.fullmatch(text):
        fault = explain_number(text)
        raise PydanticCustomError("fault", "{fault}", {"fault": fault})
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
    column: Column, text: str, flag: str | None = None
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
        value: str | float | int = cell_adapter(column).validate_python(bare)
    except ValidationError as error:
        return None, _explain(column, bare, error)
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


def _explain(column: Column, text: str, error: ValidationError) -> CellFault:
    """Turn pydantic's first finding into ours."""
    found = error.errors(include_url=False)[0]
    if found["type"] == "fault":
        fault: CellFault = found["ctx"]["fault"]
        return fault
    if column.kind == "category":
        if DATE_TEXT.fullmatch(text):
            return explain_number(text)
        return CellFault(
            "unknown-category",
            f"{quote(text)} is not a value of {column.name}",
            f"{suggest(text, column.values)}; allowed: {', '.join(column.values)}",
        )
    explain: dict[str, Callable[[Column, str], CellFault]] = {
        "count": _explain_count,
        "percent": _explain_percent,
        "year": _explain_year,
    }
    return explain.get(column.kind, _explain_range)(column, text)


def _explain_count(column: Column, text: str) -> CellFault:
    number = float(text)
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
    return _explain_range(column, text)


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


def _explain_range(column: Column, text: str) -> CellFault:
    low, high = column.bounds
    number = float(text)
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
