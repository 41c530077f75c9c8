"""How journals write intervals and P values: the same numbers, other signs around them.

Rounding stays that of ``numbers``; only a journal's own rule on the digits of P is kept here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from meta.tables.numbers import MISSING, Number, is_missing, number_text, p_text


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
    digits : {"house", "jama", "two"}
        ``house``: two decimals, three below 0.1, a bound below 0.001. ``jama``: two, three below 0.01 and
        where two would round up to 0.05, a bound below 0.001 (AMA Manual of Style, 11th ed., 18.7). ``two``:
        two, a bound below 0.01.
    """

    opening: str = "["
    between: str = ", "
    closing: str = "]"
    between_negative: str | None = None
    letter: str = "P"
    equals: str = " = "
    below: str = " < "
    leading_zero: bool = True
    digits: Literal["house", "jama", "two"] = "house"

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
        else:
            floor = 0.001 if self.digits == "jama" else 0.01
            if p < floor:
                sign, digits = self.below, f"{floor:g}"
            elif self.digits == "jama" and p > 0.99:
                sign, digits = self.below.replace("<", ">"), "0.99"
            else:
                fine = self.digits == "jama" and (p < 0.01 or (p < 0.05 and round(p, 2) >= 0.05))
                digits = number_text(p, 3 if fine else 2)
        return self.letter + sign + (digits if self.leading_zero else digits.removeprefix("0"))


#: ``0.90 [0.84, 0.96]``, ``P = 0.042``.
HOUSE_STYLE = NumberStyle()
