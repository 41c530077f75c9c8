"""From a parsed formula and the columns of a sheet to a design matrix, for the studies and for new values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, combinations, product

import numpy as np
from numpy.typing import NDArray

from extraction.names import suggest
from meta.errors import ModelError
from meta.models.formula import Factor, Formula, parse_formula
from meta.models.splines import cardinal_splines, spline_knots
from meta.results import Cell, Floats, Moderator, Moderators

Mask = NDArray[np.bool_]

#: Studies that a coefficient asks for; fewer, and the fit carries a note.
STUDIES_PER_COEFFICIENT = 10


@dataclass(frozen=True, slots=True)
class Design:
    """Design matrix of k studies.

    ``matrix`` is (k, p), rows of studies without a moderator value are NaN; ``present`` is (k,) and says
    which studies have all values; ``reasons`` says why one has not, study by study. ``intercept_only`` is
    true for a single column of ones; ``moderators`` is then None. ``notes`` tell what makes a design
    impossible to estimate.
    """

    matrix: Floats
    names: tuple[str, ...]
    present: Mask
    reasons: tuple[str | None, ...]
    intercept_only: bool
    moderators: Moderators | None = None
    notes: tuple[str, ...] = ()


def build_design(
    formula: str | None, columns: Mapping[str, Sequence[Cell]], k: int, *, known: Mask | None = None
) -> Design:
    """Build the design matrix of ``formula`` over ``columns``.

    Parameters
    ----------
    formula : str or None
        ``None`` for a single column of ones. Otherwise, for example, ``"~ a * C(b) + ns(year, df=3)"``:

        - numeric columns as they are; text columns and ``C()`` as indicators against the first level in
          sorted order, or against ``ref='level'``; where the formula leaves the margin of a factor out (no
          intercept, no main effect) every level gets an indicator, as in R;
        - ``a:b`` products, ``a * b`` both columns and their product;
        - ``I(a**2)`` powers, ``I(a - 1990)`` another origin, ``log(a)`` natural logarithms (a study where a
          is not above 0 is left out, with the reason);
        - ``ns(a, df=3)`` natural cubic splines: knots at the extremes and at quantiles evenly between them,
          columns are the splines that are 1 at one knot and 0 at the others, the lowest knot left out
          (:func:`meta.models.splines.cardinal_splines`);
        - ``0 +`` or ``- 1``: no intercept.
    columns : mapping of str to sequence of length k
        Typed cells; None is missing.
    k : int
        Number of studies.
    known : array of bool, shape (k,), optional
        Studies whose effect is known; levels, knots and ranges are those of the studies used, so that one
        that the model cannot use shapes no column. All where none is given.

    Returns
    -------
    Design

    Raises
    ------
    ModelError
        If the formula cannot be parsed, names an unknown column or level, takes numbers of words, or uses
        anything beyond what is listed above.
    """
    if formula is None:
        return Design(np.ones((k, 1)), ("intercept",), np.ones(k, dtype=bool), (None,) * k, True)
    parsed = parse_formula(formula)
    for factor in parsed.factors:
        if factor.column not in columns:
            raise ModelError(
                f"moderators {formula!r}: no column {factor.column!r}; {suggest(factor.column, columns)}"
            )
    reasons = _reasons(parsed, columns, k)
    present = np.array([reason is None for reason in reasons], dtype=bool)
    used = present if known is None else present & known
    found = [_learn(factor, columns[factor.column], used, formula) for factor in parsed.factors]
    names, recipe = _lay_out(parsed, found)
    shown = tuple(dict.fromkeys(factor.column for factor in parsed.factors))
    moderators = Moderators(formula, tuple(found), recipe, {name: tuple(columns[name]) for name in shown})
    cells = {
        name: [cell if here else None for cell, here in zip(columns[name], present, strict=True)]
        for name in shown
    }
    matrix = evaluate_design(moderators, cells, k)
    filled = _filled(moderators, matrix[used])
    notes = [
        f"no study used has {name}: no coefficient"
        for name, here in zip(names, filled, strict=True)
        if not here
    ]
    names = tuple(name for name, here in zip(names, filled, strict=True) if here)
    recipe = tuple(pieces for pieces, here in zip(recipe, filled, strict=True) if here)
    matrix = np.ascontiguousarray(matrix[:, np.array(filled)])
    matrix[~present] = np.nan
    notes += [
        f"{m.text}: only {len(set(m.knots))} of its {len(m.knots)} knots differ; take fewer columns"
        for m in found
        if m.kind == "spline" and len(set(m.knots)) < len(m.knots)
    ]
    moderators = replace(moderators, columns=recipe)
    return Design(matrix, names, present, reasons, False, moderators, tuple(notes))


def _filled(moderators: Moderators, matrix: Floats) -> list[bool]:
    """Say which columns stay: not those of a combination of levels that no study used has.

    Nothing can be said of such a cell, and no other column could take its place; where a column is redundant
    in any other way, the design has no full rank and the fit says so.
    """

    def is_cell(pieces: tuple[tuple[int, int], ...]) -> bool:
        return sum(moderators.factors[i].kind == "levels" for i, _ in pieces) > 1

    empty = (matrix == 0.0).all(axis=0)
    return [not (is_cell(pieces) and empty[j]) for j, pieces in enumerate(moderators.columns)]


def evaluate_design(moderators: Moderators, columns: Mapping[str, Sequence[Cell]], n: int) -> Floats:
    """Return the design matrix (n, p) of a fit at other values of its columns; NaN where one is missing."""
    parts = [_evaluate(factor, columns[factor.column], n) for factor in moderators.factors]
    matrix = np.ones((n, len(moderators.columns)))
    for j, pieces in enumerate(moderators.columns):
        for factor, part in pieces:
            matrix[:, j] *= parts[factor][:, part]
    return matrix


def design_notes(design: Design, used: Mask) -> list[str]:
    """Say what a reader of a regression must know of its design: too few studies, or no rank.

    References
    ----------
    Deeks, Higgins & Altman (2023), Cochrane Handbook, section 10.11.5.1 (at least ten studies a coefficient).
    """
    if design.moderators is None:
        return []
    k, p = int(used.sum()), len(design.names)
    notes = list(design.notes)
    if k < p:
        words = f"{k} {'study does' if k == 1 else 'studies do'} not determine {p} coefficient"
        notes.append(words if p == 1 else f"{words}s")
    elif not is_determined(design, used):
        notes.append(
            f"over the {k} studies used the moderators cannot be told apart: {p} coefficients, but fewer "
            "independent columns"
        )
    else:
        slopes = sum(1 for pieces in design.moderators.columns if pieces)
        if k < STUDIES_PER_COEFFICIENT * slopes:
            words = "coefficient" if slopes == 1 else "coefficients"
            beside = " beside the intercept" if slopes < p else ""
            notes.append(
                f"{k} studies for {slopes} {words}{beside}: fewer than ten studies a coefficient, so an "
                "association may be chance and one that is there may be missed"
            )
    return notes


def is_determined(design: Design, used: Mask) -> bool:
    """Return whether the studies used tell all coefficients apart."""
    return bool(np.linalg.matrix_rank(_unit_columns(design.matrix[used])) == len(design.names))


def _unit_columns(matrix: Floats) -> Floats:
    """Bring the columns to unit length, so that their units do not decide on the rank."""
    length = np.sqrt((matrix * matrix).sum(axis=0))
    return np.asarray(matrix / np.where(length > 0.0, length, 1.0), dtype=np.float64)


def _reasons(formula: Formula, columns: Mapping[str, Sequence[Cell]], k: int) -> tuple[str | None, ...]:
    """Say of each study why it has no place in the design, None where it has."""
    reasons: list[str | None] = [None] * k
    for factor in formula.factors:
        for i, cell in enumerate(columns[factor.column]):
            if reasons[i] is not None:
                continue
            if cell is None:
                reasons[i] = f"{factor.column} not reported"
            elif factor.kind == "log" and isinstance(cell, int | float) and not cell > 0:
                reasons[i] = f"{factor.column} is not above 0, so it has no logarithm"
    return tuple(reasons)


def _learn(factor: Factor, cells: Sequence[Cell], used: Mask, formula: str) -> Moderator:
    """Read off the studies used what a factor needs: levels, knots, range."""
    kept = [cell for cell, here in zip(cells, used, strict=True) if here and cell is not None]
    numeric = all(isinstance(cell, int | float) for cell in kept)
    blank = Moderator(factor.text, factor.column, factor.kind, (), (), factor.shift, factor.power, None, None)
    if factor.kind == "levels" or (factor.kind == "plain" and not numeric):
        levels = sorted({str(cell) for cell in kept})
        if factor.reference is not None and factor.reference not in levels:
            raise ModelError(
                f"moderators {formula!r}: no study used has {factor.column} {factor.reference!r}; "
                f"{suggest(factor.reference, levels)}"
            )
        first = [factor.reference] if factor.reference is not None else []
        ordered = (*first, *(level for level in levels if level != factor.reference))
        return replace(blank, kind="levels", levels=ordered)
    if not numeric:
        words = next(cell for cell in kept if not isinstance(cell, int | float))
        raise ModelError(
            f"moderators {formula!r}: {factor.text} takes numbers; {factor.column} holds {words!r}"
        )
    numbers = np.array([float(cell) for cell in kept])
    low, high = (float(numbers.min()), float(numbers.max())) if kept else (None, None)
    kind = "number" if factor.kind == "plain" else factor.kind
    knots = spline_knots(numbers, factor.df) if factor.kind == "spline" and kept else ()
    return replace(blank, kind=kind, knots=tuple(float(knot) for knot in knots), low=low, high=high)


def _evaluate(factor: Moderator, cells: Sequence[Cell], n: int) -> Floats:
    """Return every column a factor can give, shape (n, parts)."""
    if factor.kind == "levels":
        table = [
            [np.nan if cell is None else float(str(cell) == level) for level in factor.levels]
            for cell in cells
        ]
        return np.array(table, dtype=np.float64).reshape(n, len(factor.levels))
    x = np.array([float(cell) if isinstance(cell, int | float) else np.nan for cell in cells])
    if factor.kind == "spline":
        knots = np.array(factor.knots)
        if len(set(factor.knots)) < knots.size or not factor.knots:
            # fewer values than knots: no such curve; columns of zeros have no rank, and the fit says so
            return np.zeros((n, knots.size))
        return cardinal_splines(x, knots)
    if factor.kind == "log":
        return np.log(np.where(x > 0, x, np.nan))[:, None]
    return np.asarray((x - factor.shift) ** factor.power)[:, None]


def _lay_out(
    formula: Formula, factors: Sequence[Moderator]
) -> tuple[tuple[str, ...], tuple[tuple[tuple[int, int], ...], ...]]:
    """Return the names of the coefficients, and of each the pieces whose product is its column."""
    place = {factor: i for i, factor in enumerate(formula.factors)}
    names: list[str] = []
    recipe: list[tuple[tuple[int, int], ...]] = []
    # what earlier terms span: for each set of numeric factors, the sets of categorical ones
    spanned: dict[frozenset[int], set[frozenset[int]]] = {}
    if formula.intercept:
        names.append("intercept")
        recipe.append(())
        spanned[frozenset()] = {frozenset()}
    for term in formula.terms:
        members = [place[factor] for factor in term]
        levels = [i for i in members if factors[i].kind == "levels"]
        others = frozenset(members) - frozenset(levels)
        for coding in _code_levels(levels, spanned.setdefault(others, set())):
            choices = [
                [(i, part) for part in range(*_parts(factors[i], full=coding.get(i, False)))]
                for i in members
                if i in others or i in coding
            ]
            for pieces in product(*choices):
                recipe.append(pieces)
                names.append(" × ".join(_name(factors[i], part) for i, part in pieces))
    return tuple(names), tuple(recipe)


def _code_levels(levels: Sequence[int], spanned: set[frozenset[int]]) -> list[dict[int, bool]]:
    """Say how the categorical factors of a term are coded: all levels (True) or all but the reference.

    The product of all levels of some factors spans every subset of them; subsets that earlier terms span
    already are left out, and what remains is joined into as few blocks as possible.

    References
    ----------
    Chambers & Hastie (1992), Statistical Models in S, section 2.4.1 (which margins a model holds decides on
    contrasts or indicators).
    """
    subsets = chain.from_iterable(combinations(levels, n) for n in range(len(levels) + 1))
    needed = [frozenset(subset) for subset in subsets if frozenset(subset) not in spanned]
    spanned.update(needed)
    blocks: list[dict[int, bool]] = [dict.fromkeys(sorted(subset), False) for subset in needed]
    joined = True
    while joined:
        joined = False
        for small, large in combinations(range(len(blocks)), 2):
            extra = set(blocks[large]) - set(blocks[small])
            rest = {i: full for i, full in blocks[large].items() if i not in extra}
            if len(extra) == 1 and rest == blocks[small]:
                blocks[large] = {**blocks[large], **dict.fromkeys(extra, True)}
                del blocks[small]
                joined = True
                break
    return blocks


def _parts(factor: Moderator, *, full: bool) -> tuple[int, int]:
    """Return the range of a factor's columns that a term takes."""
    if factor.kind == "levels":
        return (0 if full else 1), len(factor.levels)
    return (1, len(factor.knots)) if factor.kind == "spline" else (0, 1)


def _name(factor: Moderator, part: int) -> str:
    """Return the words for one column of a factor."""
    if factor.kind == "levels":
        return f"{factor.column}: {factor.levels[part]}"
    return f"{factor.text} at {factor.knots[part]:.6g}" if factor.kind == "spline" else factor.text
