"""What can be wrong with one cell, in words."""

from __future__ import annotations

from dataclasses import dataclass

#: Longest piece of a cell that a message repeats, in characters; ``Problem.value`` has it whole.
MAX_QUOTED = 60

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
