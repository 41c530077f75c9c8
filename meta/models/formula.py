"""Formulas over sheet columns: parsed against an allow-list, never evaluated."""

from __future__ import annotations

import ast
import re
import warnings
from dataclasses import dataclass
from typing import Any

from meta.errors import ModelError

#: Longest formula read, in characters: a parser is no place for a book.
MAX_LENGTH = 1000

#: Operators that multiply terms out, of them powers of a bracket, and the words beside which they are read:
#: together they keep what a parser builds below some thousands of terms.
MAX_PRODUCTS = 8
MAX_BRACKET_POWERS = 1
MAX_WORDS = 16

#: Most terms of a formula: more than a review could ever tell apart.
MAX_TERMS = 50

#: Highest power, of a column and of a bracket; beyond the fourth a curve says more than any review can hold.
MAX_POWER = 4

#: Columns of a spline; fewer is the column itself, more asks for more studies than a review has.
SPLINE_COLUMNS = (2, 6)

ALLOWED = (
    "column names, C(name), C(name, ref='level'), log(name), I(name - 1990), I(name**2), ns(name, df=3), "
    "joined by +, : or *, and 0 or - 1 for no intercept"
)


@dataclass(frozen=True, slots=True)
class Factor:
    """One factor of a formula, as it was written.

    ``kind`` is ``plain`` (a name alone: numbers, or the levels of a text column), ``levels``, ``power``
    (``(column - shift) ** power``), ``log`` or ``spline`` (``df`` columns).
    """

    text: str
    column: str
    kind: str
    reference: str | None = None
    shift: float = 0.0
    power: int = 1
    df: int = 0


@dataclass(frozen=True, slots=True)
class Formula:
    """A parsed formula: its terms in order of degree, each a product of factors, and the intercept."""

    text: str
    intercept: bool
    terms: tuple[tuple[Factor, ...], ...]

    @property
    def factors(self) -> tuple[Factor, ...]:
        """Every factor once, in the order in which the terms name it."""
        return tuple(dict.fromkeys(factor for term in self.terms for factor in term))


def parse_formula(text: str) -> Formula:
    """Parse a formula such as ``"~ a * C(b) + ns(year, df=3)"``.

    Raises
    ------
    ModelError
        If it cannot be read, names no column, or uses anything beyond ``ALLOWED``.
    """
    _check_size(text)
    # imported here: formulaic brings pandas, which a fit without moderators does not need
    from formulaic.parser import DefaultFormulaParser

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            parsed: Any = DefaultFormulaParser().get_terms(text)
            several = hasattr(parsed, "lhs") or isinstance(parsed, tuple)
            found = [] if several else [list(term.factors) for term in parsed]
    except Exception as error:  # whatever the parser of another project does to hostile text
        raise ModelError(
            f"moderators {text!r} cannot be read: {_why_unreadable(text)}; use {ALLOWED}"
        ) from error
    if several:
        raise ModelError(f"moderators {text!r}: nothing may stand before '~'")
    intercept, terms = False, []
    for factors in found:
        if [(f.eval_method.value, f.expr) for f in factors] == [("literal", "1")]:
            intercept = True
        else:
            terms.append(tuple(_read_factor(factor, text) for factor in factors))
    if len(terms) > MAX_TERMS:
        raise ModelError(f"moderators {text!r} has {len(terms)} terms; at most {MAX_TERMS} are read")
    if not terms:
        raise ModelError(f"moderators {text!r} names no column")
    # main effects first, so that an interaction knows which of its margins are there already
    return Formula(text, intercept, tuple(sorted(terms, key=len)))


def formula_columns(text: str, *, plain_only: bool = False) -> tuple[str, ...]:
    """Return the names of the columns a formula uses, in its order, without looking at any data.

    ``plain_only`` leaves out those written ``C(name)``, which need not be numbers.
    """
    factors = parse_formula(text).factors
    return tuple(dict.fromkeys(f.column for f in factors if not (plain_only and f.kind == "levels")))


def _check_size(text: str) -> None:
    """Refuse what a parser would multiply out to thousands of terms."""
    if len(text) > MAX_LENGTH:
        raise ModelError(f"moderators: a formula of {len(text)} characters; at most {MAX_LENGTH} are read")
    powers = [int(n) for n in re.findall(r"(?:\*\*|\^)\s*(\d{1,9})", text)]
    if max(powers, default=0) > MAX_POWER:
        raise ModelError(f"moderators {text!r}: powers go up to {MAX_POWER}; got {max(powers)}")
    products = len(re.findall(r"\*\*|\*|/|\^|:|%in%", text))
    brackets = len(re.findall(r"\)\s*(?:\*\*|\^)", text)) - len(
        re.findall(r"I\s*\(\s*\([^()]*\)\s*(?:\*\*|\^)", text)
    )
    words = len(set(re.findall(r"[^\W\d]\w*", text)))
    if products > MAX_PRODUCTS or (products and (brackets > MAX_BRACKET_POWERS or words > MAX_WORDS)):
        raise ModelError(
            f"moderators {text!r}: too many products to multiply out; at most {MAX_PRODUCTS} of *, :, / "
            f"and ** are read, over at most {MAX_WORDS} words, and {MAX_BRACKET_POWERS} power of a bracket"
        )


def _why_unreadable(text: str) -> str:
    """Say in words what keeps a formula from being read; the parser's own are those of another project."""
    bare = re.sub(r"`[^`]*`|'[^']*'|\"[^\"]*\"", "x", text)
    for sign, name in (("`", "backtick"), ("'", "quotation mark"), ('"', "quotation mark")):
        if sign in bare:
            return f"a {name} is opened and never closed"
    open_brackets: list[str] = []
    for sign in bare:
        if sign in "([{":
            open_brackets.append(sign)
        elif sign in ")]}" and (not open_brackets or open_brackets.pop() + sign not in ("()", "[]", "{}")):
            return f"the bracket '{sign}' closes none that is open"
    if open_brackets:
        return f"the bracket '{open_brackets[-1]}' is never closed"
    if lonely := re.search(r"([-+*:/^]+)\s*(?:$|\))|(?:~|\(|^)\s*([*:/^]+)|[-+*:/^]\s+([*:/^]+)", bare):
        return f"the operator '{next(filter(None, lonely.groups()))}' has nothing to join on one of its sides"
    if beside := re.search(r"([^\W\d][\w.]*)\s+(\w[\w.]*)", bare):
        return f"no operator stands between '{beside[1]}' and '{beside[2]}'"
    if strange := re.search(r"[^\w\s.,=~+*:/^()'\"`-]", bare):
        return f"'{strange[0]}' has no meaning in it"
    return "it has no form that is known here"


def _read_factor(factor: Any, formula: str) -> Factor:
    """Accept one of the forms of ``ALLOWED``; refuse everything else without evaluating it."""
    text = str(factor.expr)
    if factor.eval_method.value == "lookup":
        return Factor(text, text, "plain")
    quoted: list[str] = []

    def hide(match: re.Match[str]) -> str:
        quoted.append(match[1])
        return f"_quoted_{len(quoted) - 1}"

    try:
        tree = ast.parse(re.sub(r"`([^`]*)`", hide, text), mode="eval").body
        found = _match(tree, text, quoted)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        found = None
    if found is None:
        raise ModelError(f"moderators {formula!r}: {text!r} is not allowed; use {ALLOWED}")
    return _check_factor(found, formula)


def _match(tree: ast.expr, text: str, quoted: list[str]) -> Factor | None:
    """Return the factor of an expression tree, None where it has no allowed form."""
    if not (isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name) and tree.args):
        return None
    call, first = tree.func.id, tree.args[0]
    named = {word.arg: word.value for word in tree.keywords}
    extra = len(tree.args) > 1
    if call == "I" and not named and not extra:
        return _match_power(first, text, quoted)
    column = _name(first, quoted)
    if column is None:
        return None
    if call == "log" and not named and not extra:
        return Factor(text, column, "log")
    if call == "C" and not extra and set(named) <= {"ref"}:
        level = named.get("ref")
        if level is None:
            return Factor(text, column, "levels")
        if isinstance(level, ast.Constant) and isinstance(level.value, str | int | float):
            return Factor(text, column, "levels", reference=str(level.value))
    if call == "ns" and (set(named) == {"df"}) != (len(tree.args) == 2 and not named) and len(tree.args) < 3:
        df = named["df"] if named else tree.args[1]
        if isinstance(df, ast.Constant) and type(df.value) is int:
            return Factor(text, column, "spline", df=df.value)
    return None


def _match_power(tree: ast.expr, text: str, quoted: list[str]) -> Factor | None:
    """Return ``(column -+ number) ** power``; either part may be absent.

    ``^`` is taken as a power of a bare name only: Python reads it after ``-``, R before.
    """
    power = 1
    if isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Pow | ast.BitXor):
        exponent = tree.right
        if not (isinstance(exponent, ast.Constant) and type(exponent.value) is int):
            return None
        if isinstance(tree.op, ast.BitXor) and _name(tree.left, quoted) is None:
            return None
        tree, power = tree.left, exponent.value
    shift = 0.0
    if isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Add | ast.Sub):
        number = tree.right.value if isinstance(tree.right, ast.Constant) else None
        if isinstance(number, bool) or not isinstance(number, int | float):
            return None
        shift = float(number) if isinstance(tree.op, ast.Sub) else -float(number)
        tree = tree.left
    column = _name(tree, quoted)
    return None if column is None else Factor(text, column, "power", shift=shift, power=power)


def _name(tree: ast.expr, quoted: list[str]) -> str | None:
    """Return the column that a name, a dotted name or a name in backticks stands for."""
    if isinstance(tree, ast.Attribute):
        head = _name(tree.value, [])
        return None if head is None else f"{head}.{tree.attr}"
    if not isinstance(tree, ast.Name):
        return None
    match = re.fullmatch(r"_quoted_(\d+)", tree.id)
    return quoted[int(match[1])] if match and int(match[1]) < len(quoted) else tree.id


def _check_factor(factor: Factor, formula: str) -> Factor:
    """Refuse a power or a number of spline columns out of bounds, in words."""
    if factor.kind == "power" and not 1 <= factor.power <= MAX_POWER:
        raise ModelError(
            f"moderators {formula!r}: {factor.text!r}: a power must be a whole number from 1 to {MAX_POWER}"
        )
    fewest, most = SPLINE_COLUMNS
    if factor.kind == "spline" and not fewest <= factor.df <= most:
        raise ModelError(
            f"moderators {formula!r}: {factor.text!r}: a spline has df={fewest} to {most}; a straight line "
            "is the column itself"
        )
    return factor
