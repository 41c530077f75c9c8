"""Numbers become text here and nowhere else: rounding, signs, thousands, intervals, P values.

Every function takes a number on the scale on which it is shown (natural value times the factor of the unit of
display), or None where there is none, and returns text. Missing is an en dash, minus is U+2212, thousands are
set off by a narrow no-break space.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal

Number = float | int | None

#: What stands where there is no number (en dash).
MISSING = "\u2013"

#: Minus sign, as wide as a digit; a hyphen is neither.
MINUS = "\u2212"

#: Narrow no-break space between thousands: DejaVu Sans, the font of the figures, has it, and no line breaks
#: inside
#: a number.
THIN_SPACE = "\u202f"

INFINITY = "\u221e"

#: P values below this are given as a bound: smaller ones depend on tails that no model is trusted in.
P_FLOOR = 0.001

#: Posterior probabilities below this, and as near to 1, are given as a bound.
PROBABILITY_FLOOR = 0.001

#: From here on two decimals of a P value are enough.
P_COARSE = 0.1

#: tau2 below this is given as a bound; it is no heterogeneity on a log or logit scale.
TAU2_FLOOR = 0.0001

#: Significant digits of tau2 and of other variances, which have no natural number of decimals.
SIGNIFICANT_DIGITS = 3

#: More decimals than this are noise, whatever the interval.
MOST_DECIMALS = 6

#: Digits enough for any float with as many decimals as its neighbours ask for: 28, the usual, are not.
_DIGITS = Context(prec=400, rounding=ROUND_HALF_EVEN)

#: From here on a number is written with a power of ten (the upper bound of a ratio from two studies, say).
POWERS_FROM = 1e12

_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def is_missing(x: Number) -> bool:
    """Return whether there is no number: None or NaN."""
    return x is None or math.isnan(x)


def number_text(x: Number, decimals: int) -> str:
    """Return ``x`` with a fixed number of decimals, for example ``1 234.5`` or ``−0.30``.

    Parameters
    ----------
    x : float, int or None
        The number; None and NaN give an en dash, infinities ``∞`` and ``−∞``.
    decimals : int
        Decimals to show, 0 or more. Ties go to the even digit of the decimal value that the float prints as.

    Returns
    -------
    str
        Never a negative zero.
    """
    if x is None or math.isnan(x):
        return MISSING
    if math.isinf(x):
        return INFINITY if x > 0 else MINUS + INFINITY
    if abs(x) >= POWERS_FROM:
        return _power_text(float(x))
    # by the shortest decimal text of the float: 0.285 means 0.285, not the binary number just below it
    rounded = Decimal(repr(float(x))).quantize(Decimal(1).scaleb(-decimals), context=_DIGITS)
    text = f"{abs(rounded):,.{decimals}f}".replace(",", THIN_SPACE)
    return MINUS + text if rounded < 0 else text


def signed_text(x: Number, decimals: int) -> str:
    """Return how far something moved: ``+2.8``, ``−0.3``, and ``0.0`` for what rounds to nothing."""
    text = number_text(x, decimals)
    moved = text.strip("0.") != "" and text not in (MISSING, MINUS + INFINITY) and not text.startswith(MINUS)
    return f"+{text}" if moved else text


def factor_text(x: Number) -> str:
    """Return by which factor a ratio moved: ``×1.12``, ``×0.97``; three digits from ten on."""
    if x is None or math.isnan(x) or math.isinf(x):
        return number_text(x, 0)
    return f"×{number_text(x, decimals_for([x], least=2) if x < 10.0 else 1)}"


def _power_text(x: float) -> str:
    """Return ``2.4×10¹⁷``."""
    digits, exponent = f"{abs(x):.1e}".split("e+")
    return f"{MINUS if x < 0 else ''}{digits}×10{str(int(exponent)).translate(_SUPERSCRIPTS)}"


def count_text(x: Number) -> str:
    """Return a count or another number of a sheet: no decimals where it is whole, else as many as it has.

    At most two (person-years, means), or three significant digits of what is below 0.1.
    """
    return number_text(x, _count_decimals(x))


def sheet_decimals(values: Iterable[Number]) -> int:
    """Return the decimals that a column of means, spreads or correlations shares: of its finest cell."""
    return max((_count_decimals(x) for x in values), default=0)


def _count_decimals(x: Number) -> int:
    if x is None or math.isnan(x) or math.isinf(x) or float(x).is_integer():
        return 0
    most = max(2, 2 - math.floor(math.log10(abs(x)))) if abs(x) < 0.1 else 2
    return next((d for d in range(1, most) if math.isclose(round(x, d), x, rel_tol=1e-9)), most)


def declared_text(x: Number) -> str:
    """Return a number that was declared, such as a threshold, with as many decimals as it was given."""
    if x is None or math.isnan(x) or math.isinf(x):
        return number_text(x, 0)
    decimals = next((d for d in range(12) if math.isclose(round(x, d), x, rel_tol=1e-9)), 12)
    return number_text(x, decimals)


def decimals_for(values: Iterable[Number], *, least: int = 0) -> int:
    """Return how many decimals one value and its interval need.

    Two to four significant digits by the size of the largest number (``17.1``, ``4.24``, ``0.045``), and then
    as
    many more as it takes for numbers that differ to be shown as different, so that an interval does not
    collapse
    onto its estimate.

    Parameters
    ----------
    values : iterable of float or None
        Estimate and bounds, in any order; missing and infinite ones do not count.
    least : int
        Fewest decimals (2 for ratios).

    Returns
    -------
    int
        At most ``MOST_DECIMALS``.
    """
    finite = sorted({float(x) for x in values if x is not None and math.isfinite(x)})
    sizes = sorted(abs(x) for x in finite if x != 0.0)
    decimals = max(least, _decimals_by_size(sizes[-1]) if sizes else 0)
    decimals = min(decimals, MOST_DECIMALS)
    while decimals < MOST_DECIMALS and len({number_text(x, decimals) for x in finite}) < len(finite):
        decimals += 1
    return decimals


def column_decimals(intervals: Iterable[Sequence[Number]], *, least: int = 0) -> int:
    """Return the decimals for a column of intervals: what its middle row needs, and no row collapses.

    Each element holds an estimate and its bounds. A bound that equals the estimate (0 events) is no collapse.
    """
    rows = [tuple(interval) for interval in intervals]
    values = [row[0] for row in rows if row]
    sizes = sorted(abs(float(x)) for x in values if x is not None and math.isfinite(x) and x != 0.0)
    decimals = min(max(least, _decimals_by_size(sizes[len(sizes) // 2]) if sizes else 0), MOST_DECIMALS)
    for row in rows:
        finite = {float(x) for x in row if x is not None and math.isfinite(x)}
        while decimals < MOST_DECIMALS and len({number_text(x, decimals) for x in finite}) < len(finite):
            decimals += 1
    return decimals


def _decimals_by_size(size: float) -> int:
    """Return the decimals that give a number of this size two to four significant digits."""
    if size >= 1000.0:
        return 0
    if size >= 10.0:
        return 1
    if size >= 0.1:
        return 2
    return 1 - math.floor(math.log10(size))


def interval_text(value: Number, low: Number, high: Number, decimals: int) -> str:
    """Return ``12.7 [10.9, 14.7]``; an en dash without a value, the value alone without bounds."""
    if is_missing(value):
        return MISSING
    if is_missing(low) and is_missing(high):
        return number_text(value, decimals)
    return f"{number_text(value, decimals)} {bounds_text(low, high, decimals)}"


def bounds_text(low: Number, high: Number, decimals: int) -> str:
    """Return ``[10.9, 14.7]``, or an en dash where both bounds are missing."""
    if is_missing(low) and is_missing(high):
        return MISSING
    return f"[{number_text(low, decimals)}, {number_text(high, decimals)}]"


def range_text(low: Number, high: Number, decimals: int) -> str:
    """Return ``10.9 to 14.7``, for sentences; an en dash where both bounds are missing."""
    if is_missing(low) and is_missing(high):
        return MISSING
    return f"{number_text(low, decimals)} to {number_text(high, decimals)}"


def p_text(p: Number) -> str:
    """Return ``P < 0.001``, ``P = 0.042``, ``P = 0.31``, or an en dash where there is none."""
    if p is None or math.isnan(p):
        return MISSING
    return f"P < {P_FLOOR}" if p < P_FLOOR else f"P = {number_text(p, 3 if p < P_COARSE else 2)}"


def p_number_text(p: Number) -> str:
    """Return a P value for a column headed P: ``< 0.001``, ``0.042``."""
    return p_text(p).removeprefix("P = ").removeprefix("P ")


def percent_text(x: Number, decimals: int = 0) -> str:
    """Return ``94%``; ``x`` is already in percent."""
    return MISSING if is_missing(x) else f"{number_text(x, decimals)}%"


def probability_text(p: Number) -> str:
    """Return a probability in percent, ``94%``; near 0 and 1 with a decimal, and then as a bound."""
    if p is None or math.isnan(p):
        return MISSING
    if p < PROBABILITY_FLOOR or p > 1.0 - PROBABILITY_FLOOR:
        return "<\u00a00.1%" if p < 0.5 else ">\u00a099.9%"
    return percent_text(100.0 * p, 1 if min(p, 1.0 - p) < 0.05 else 0)


def level_text(level: float) -> str:
    """Return the level of an interval, a fraction, as ``95%`` or ``99.5%``."""
    percent = round(100.0 * level, 6)
    return f"{percent:g}%"


def significant_text(x: Number, digits: int = SIGNIFICANT_DIGITS) -> str:
    """Return ``x`` to so many significant digits, without an exponent."""
    if x is None or math.isnan(x) or math.isinf(x):
        return number_text(x, 0)
    if x == 0.0:
        return "0"
    decimals = digits - 1 - math.floor(math.log10(abs(x)))
    # 0.9996 to three digits is 1.00, not 1.000
    decimals = digits - 1 - math.floor(math.log10(abs(float(f"{x:.{digits - 1}e}")))) if decimals > 0 else 0
    return number_text(x, max(decimals, 0))


def tau2_text(tau2: Number) -> str:
    """Return a between-study variance: ``0.283``, ``0`` at the boundary, ``< 0.0001`` just above it."""
    if tau2 is not None and 0.0 < tau2 < TAU2_FLOOR:
        return f"< {TAU2_FLOOR:.4f}"
    return significant_text(tau2)


def difference_text(x: Number) -> str:
    """Return a relative difference or a tolerance to one digit: ``3e-13``, ``0`` where there is none."""
    if x is None or math.isnan(x) or math.isinf(x):
        return number_text(x, 0)
    if x == 0.0:
        return "0"
    digits, exponent = f"{x:.0e}".split("e")
    return f"{digits}e{int(exponent)}"


def df_text(df: Number) -> str:
    """Return degrees of freedom: whole where they are, else one decimal."""
    if df is None or math.isnan(df) or math.isinf(df):
        return number_text(df, 0)
    return number_text(df, 0 if float(df).is_integer() else 1)
