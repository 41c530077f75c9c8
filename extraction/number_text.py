"""Numbers as people type them: what counts as one, and why a text does not."""

from __future__ import annotations

import re
import unicodedata

from extraction.dialect import Decimal
from extraction.faults import FLAGS, CellFault, quote, shorten

#: A number in a cell: digits, at most one decimal point, an exponent; no thousands separators.
NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")

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
    "[+-]?[0-9]{1,3}(?:[., '\u2019\u00a0\u202f]?[0-9]{3})*,[0-9]+(?:[eE][+-]?[0-9]+)?"
    r"|[+-]?[0-9]+(?:,[0-9]{3})+(?:\.[0-9]+)?"
)

#: ``1,234``: may be a count with a thousands separator; ``0,234`` may not.
_MAYBE_THOUSANDS = re.compile(r"[+-]?[1-9][0-9]{0,2}(?:,[0-9]{3})+")

_SWAPPED = str.maketrans(",.", ".,")

_ONES = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")

#: Words that people write where a number is not known.
_UNKNOWN = frozenset(
    {"na", "n/a", "n.a.", "nan", "nr", "none", "null", "missing", "unknown", "?", "-", "–", "—", "."}
)

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


def plain_number(text: str, decimal: Decimal) -> str | None:
    """Return a number with a decimal point, as ``float`` reads it; None where the text is no number.

    Under decimal commas a point is no part of a number, nor a comma under decimal points.
    """
    if decimal == "comma":
        # a point becomes a comma, which no number has
        text = text.translate(_SWAPPED)
    return text if NUMBER.fullmatch(text) else None


def has_other_decimal(text: str, decimal: Decimal) -> bool:
    """Say whether a text is plainly a number of the other decimal mark: ``0,25`` where points are declared.

    Not ``12``, which is a number under both, nor ``1,234``, which may have a thousands separator.
    """
    other = plain_number(text, "point" if decimal == "comma" else "comma")
    if other is None or "." not in other:
        return False
    commas = text if decimal == "point" else text.translate(_SWAPPED)
    return not _MAYBE_THOUSANDS.fullmatch(commas)


def explain_number(text: str, decimal: Decimal = "point") -> CellFault:
    """Say why ``text`` is no number, and which number may be meant."""
    fault = (_as_point(text) if decimal == "comma" else None) or _as_date(text) or _as_word(text)
    fault = fault or _as_unknown(text) or _as_lookalike(text, decimal)
    fault = fault or (_as_comma(text) if decimal == "point" else None)
    fault = fault or _as_unit(text, decimal) or _as_untidy(text, decimal)
    if fault is not None:
        return fault
    if re.search("[0-9]", text) and re.search(r"[^\W\d_]", text):
        return CellFault(
            "number-with-letters", f"{quote(text)} has letters in it", "write digits only, words to a note"
        )
    advice = f"write digits, and a {decimal} as decimal separator"
    return CellFault("not-a-number", f"{quote(text)} is not a number", advice)


def is_unknown_word(text: str) -> bool:
    """Say whether a text is one that people write where a value is not known: ``NA``."""
    return text.strip().casefold() in _UNKNOWN


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
    if not is_unknown_word(text):
        return None
    return CellFault(
        "not-a-number", f"{quote(text)} is not a number", "leave the cell empty if the number is not known"
    )


def _as_lookalike(text: str, decimal: Decimal) -> CellFault | None:
    """Recognise ``2O0`` and ``l2``; a lone letter only if it looks like a digit."""
    meant = text.translate(_LOOKALIKES)
    if meant == text or plain_number(meant, decimal) is None:
        return None
    if len(text) > 1 and not re.search("[0-9]", text):
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


def _as_point(text: str) -> CellFault | None:
    """Recognise a point in a sheet of decimal commas: ``1.5``, ``1.234``, ``1,234.5``."""
    if not NUMBER.fullmatch(text) and not _WITH_COMMA.fullmatch(text.translate(_SWAPPED)):
        return None
    return CellFault(
        "number-with-point",
        f"{quote(text)} has a point, and decimal commas are declared for this sheet",
        "write the decimal separator as a comma, and no thousands separator",
    )


def _as_unit(text: str, decimal: Decimal) -> CellFault | None:
    found = re.fullmatch(r"([+-]?[0-9.,]+)\s*(?:%|percent|per cent)", text)
    if found is None or plain_number(found[1], decimal) is None:
        return None
    message = f"{quote(text)} carries its unit"
    return CellFault("number-with-unit", message, f"write {shorten(found[1])} without it")


def _as_untidy(text: str, decimal: Decimal) -> CellFault | None:
    """Recognise spaces inside, full-width digits, and dashes that stand for a minus sign."""
    plain = re.sub(r"\s", "", unicodedata.normalize("NFKC", text)).translate(_DASHES)
    if plain_number(plain, decimal) is None:
        return None
    message = f"{quote(text)} is not written as a plain number"
    return CellFault("not-a-number", message, f"is {shorten(plain)} meant?")
