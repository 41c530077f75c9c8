"""How journals write intervals and P values: the same numbers, other signs around them.

Rounding stays that of ``numbers``; only a journal's own rule on the digits of P is kept here. The styles of
the report stand in ``report_styles.toml``, each rule with its source; those of figures in their presets.
"""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from meta.options import ReportStyle, check_option
from meta.tables.numbers import MINUS, MISSING, Number, is_missing, number_text, p_text, significant_text


@dataclass(frozen=True, slots=True)
class NumberStyle:
    """Signs around the numbers of a figure or table.

    Attributes
    ----------
    opening, between, closing : str
        Around and between the bounds of an interval.
    between_negative : str
        Between bounds of which one is negative, where ``between`` would read as a minus sign.
    letter, equals, below : str
        Of a P value: ``P``, `` = `` and `` < ``.
    leading_zero : bool
        Whether a P value starts with 0.
    digits : {"house", "jama", "nejm", "lancet", "two"}
        ``house``: two decimals, three below 0.1, a bound below 0.001. ``jama``: two, three below 0.01 and
        where two would round up to 0.05, a bound below 0.001 (AMA Manual of Style, 11th ed., 18.7).
        ``nejm``: two, three below 0.01, a bound below 0.001. ``lancet``: two significant figures, a bound
        below 0.0001. ``two``: two, a bound below 0.01.
    decimal : str
        Mark between whole and decimals, of every number.
    range_opening, range_between, range_closing : str
        Around and between the bounds of an interval in a sentence.
    range_between_negative : str
        As ``between_negative``, in a sentence.
    """

    opening: str = "["
    between: str = ", "
    closing: str = "]"
    between_negative: str | None = None
    letter: str = "P"
    equals: str = " = "
    below: str = " < "
    leading_zero: bool = True
    digits: Literal["house", "jama", "nejm", "lancet", "two"] = "house"
    decimal: str = "."
    range_opening: str = ""
    range_between: str = " to "
    range_closing: str = ""
    range_between_negative: str | None = None

    def mark(self, text: str) -> str:
        """Return the text of a number with the decimal mark of the style."""
        return text if self.decimal == "." else text.replace(".", self.decimal)

    def parted(self, low: str, high: str) -> str:
        """Return what stands between two bounds in a table; ``ranged`` in a sentence."""
        return self._between(low, high, self.between, self.between_negative)

    def ranged(self, low: str, high: str) -> str:
        """Return what stands between two bounds in a sentence."""
        return self._between(low, high, self.range_between, self.range_between_negative)

    @staticmethod
    def _between(low: str, high: str, usual: str, negative: str | None) -> str:
        return negative if negative and MINUS in low + high else usual

    def bounds(self, low: Number, high: Number, decimals: int) -> str:
        """Return the bounds of an interval, or an en dash where both are missing."""
        if is_missing(low) and is_missing(high):
            return MISSING
        negative = any(x is not None and x < 0 for x in (low, high))
        between = self.between_negative if negative and self.between_negative else self.between
        inside = f"{number_text(low, decimals)}{between}{number_text(high, decimals)}"
        return f"{self.opening}{inside}{self.closing}"

    def interval(self, value: Number, low: Number, high: Number, decimals: int) -> str:
        """Return a value with its bounds; an en dash without a value, the value alone without bounds."""
        if is_missing(value):
            return MISSING
        if is_missing(low) and is_missing(high):
            return number_text(value, decimals)
        return f"{number_text(value, decimals)} {self.bounds(low, high, decimals)}"

    def p(self, p: Number) -> str:
        """Return a P value with its letter, or an en dash where there is none."""
        if p is None or math.isnan(p):
            return MISSING
        sign, digits = self.equals, ""
        if self.digits == "house":
            text = p_text(p).removeprefix("P ")
            sign = self.below if text.startswith("<") else self.equals
            digits = text[2:]
        elif p < _P_FLOORS[self.digits]:
            sign, digits = self.below, f"{_P_FLOORS[self.digits]:.4f}".rstrip("0")
        elif self.digits == "jama" and p > 0.99:
            sign, digits = self.below.replace("<", ">"), "0.99"
        elif self.digits == "lancet":
            digits = significant_text(p, 2)
        else:
            fine = self.digits != "two" and p < 0.01
            fine = fine or (self.digits == "jama" and p < 0.05 and round(p, 2) >= 0.05)
            digits = number_text(p, 3 if fine else 2)
        digits = digits if self.leading_zero else digits.removeprefix("0")
        return self.letter + sign + self.mark(digits)

    def p_number(self, p: Number) -> str:
        """Return a P value for a column headed P: its sign only where it is a bound."""
        return self.p(p).removeprefix(self.letter).removeprefix(self.equals).strip()


#: P values below these are given as a bound.
_P_FLOORS = {"jama": 0.001, "nejm": 0.001, "lancet": 0.0001, "two": 0.01}


#: ``0.90 [0.84, 0.96]``, ``P = 0.042``.
HOUSE_STYLE = NumberStyle()


@cache
def report_styles() -> dict[str, NumberStyle]:
    """Return the styles of the report by name, as ``report_styles.toml`` holds them."""
    return {name: NumberStyle(**entry["rules"]) for name, entry in read_styles().items()}


@cache
def read_styles() -> dict[str, Any]:
    """Return the content of ``report_styles.toml``: by style its ``name``, ``rules`` and ``sources``."""
    return tomllib.loads(files("meta.tables").joinpath("report_styles.toml").read_text(encoding="utf-8"))


def find_style(name: str) -> NumberStyle:
    """Return the style of the report by its name.

    Raises
    ------
    OptionError
        If there is no such style.
    """
    check_option("style", name, ReportStyle)
    return report_styles()[name]
