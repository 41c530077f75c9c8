"""From a formula over sheet columns to a design matrix; formulas are parsed, never evaluated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from extraction.names import suggest
from meta.errors import ModelError
from meta.results import Floats

Cell = str | float | int | None


@dataclass(frozen=True, slots=True)
class Design:
    """Design matrix of k studies.

    ``matrix`` is (k, p), rows of studies without a moderator value are NaN; ``present`` is (k,) and says
    which studies have all values; ``missing`` names the absent columns, study by study. ``intercept_only`` is
    true for a single column of ones.
    """

    matrix: Floats
    names: tuple[str, ...]
    present: NDArray[np.bool_]
    missing: tuple[str | None, ...]
    intercept_only: bool


@dataclass(frozen=True, slots=True)
class _Factor:
    """One column of a formula; ``categorical`` where it was written ``C(name)``."""

    column: str
    categorical: bool


def build_design(formula: str | None, columns: Mapping[str, Sequence[Cell]], k: int) -> Design:
    """Build the design matrix of ``formula`` over ``columns``.

    Parameters
    ----------
    formula : str or None
        ``None`` for a single column of ones; otherwise ``"~ a + C(b)"``: an intercept, numeric columns as
        they are, text columns and ``C()`` as indicators against the first level in sorted order.
    columns : mapping of str to sequence of length k
        Typed cells; None is missing.
    k : int
        Number of studies.

    Returns
    -------
    Design

    Raises
    ------
    ModelError
        If the formula cannot be parsed, names an unknown column, or uses anything beyond what is listed
        above.
    """
    if formula is None:
        return Design(np.ones((k, 1)), ("intercept",), np.ones(k, dtype=bool), (None,) * k, True)
    factors = _parse(formula, columns)
    missing: list[str | None] = [None] * k
    for factor in factors:
        for i, cell in enumerate(columns[factor.column]):
            if cell is None and missing[i] is None:
                missing[i] = factor.column
    present = np.array([name is None for name in missing], dtype=bool)
    names, blocks = ["intercept"], [np.ones(k)]
    for factor in factors:
        for name, values in _expand(factor, columns[factor.column], present):
            names.append(name)
            blocks.append(values)
    matrix = np.column_stack(blocks)
    matrix[~present] = np.nan
    return Design(np.ascontiguousarray(matrix), tuple(names), present, tuple(missing), False)


def formula_columns(formula: str, *, plain_only: bool = False) -> tuple[str, ...]:
    """Return the names of the columns a formula uses, in its order, without looking at any data.

    ``plain_only`` leaves out those written ``C(name)``, which need not be numbers.
    """
    return tuple(dict.fromkeys(f.column for f in _factors(formula) if not (plain_only and f.categorical)))


def _parse(formula: str, columns: Mapping[str, Sequence[Cell]]) -> list[_Factor]:
    """Return the factors of a formula whose columns all exist."""
    factors = _factors(formula)
    for factor in factors:
        if factor.column not in columns:
            raise ModelError(
                f"moderators {formula!r}: no column {factor.column!r}; {suggest(factor.column, columns)}"
            )
    return factors


def _factors(formula: str) -> list[_Factor]:
    """Parse a formula against the allow-list: an intercept, ``+``, column names and ``C(name)``."""
    # imported here: formulaic brings pandas, which a fit without moderators does not need
    from formulaic.errors import FormulaicError
    from formulaic.parser import DefaultFormulaParser

    try:
        terms: Any = DefaultFormulaParser().get_terms(formula)
    except (FormulaicError, SyntaxError) as error:
        raise ModelError(f"moderators {formula!r} cannot be read: {error}") from error
    if hasattr(terms, "lhs"):
        raise ModelError(f"moderators {formula!r}: nothing may stand before '~'")
    factors: list[_Factor] = []
    intercept = False
    for term in terms:
        if len(term.factors) != 1:
            raise ModelError(
                f"moderators {formula!r}: {term!s} is an interaction, which is not offered; "
                "write columns joined by +"
            )
        factor = term.factors[0]
        if factor.eval_method.value == "literal" and factor.expr == "1":
            intercept = True
        else:
            factors.append(_read_factor(factor, formula))
    if not intercept:
        raise ModelError(f"moderators {formula!r}: a model without an intercept is not offered")
    if not factors:
        raise ModelError(f"moderators {formula!r} names no column")
    return factors


def _read_factor(factor: Any, formula: str) -> _Factor:
    """Accept a plain name or ``C(name)``; refuse everything else without evaluating it."""
    if factor.eval_method.value == "lookup":
        return _Factor(str(factor.expr), categorical=False)
    text = str(factor.expr)
    inner = text[2:-1].strip().strip("`") if text.startswith("C(") and text.endswith(")") else ""
    if inner and all(part.isidentifier() for part in inner.split(".")):
        return _Factor(inner, categorical=True)
    raise ModelError(f"moderators {formula!r}: {text!r} is not allowed; use column names, C(name) and +")


def _expand(factor: _Factor, cells: Sequence[Cell], present: NDArray[np.bool_]) -> list[tuple[str, Floats]]:
    """Return the columns of one factor: itself where numeric, else indicators of all levels but the first."""
    used = [cell for cell, here in zip(cells, present, strict=True) if here]
    if not factor.categorical and all(isinstance(cell, int | float) for cell in used):
        numbers = [float(cell) if isinstance(cell, int | float) else np.nan for cell in cells]
        return [(factor.column, np.array(numbers, dtype=np.float64))]
    levels = sorted({str(cell) for cell in used})
    return [
        (f"{factor.column}: {level}", np.array([float(str(cell) == level) for cell in cells]))
        for level in levels[1:]
    ]
