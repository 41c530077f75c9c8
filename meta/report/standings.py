"""Standings as cells: what an analysis found in one version, in the unit of the newest."""

from __future__ import annotations

from dataclasses import replace

from meta.effects.measures import find_measure
from meta.report.pieces import RATIO_DECIMALS, Node, Piece, Sentence, Unit, scaled, show_tau2
from meta.report.words import MEASURES
from meta.tables.numbers import MISSING, decimals_for, number_text

#: Further decimals that are tried until two numbers that differ are shown as different.
FURTHER_DECIMALS = 2

#: What stands in the place of an estimate that does not exist.
WITHOUT = {
    "not_pooled": "by group only",
    "not_estimable": "not estimable",
    "not_converged": "not converged",
}


def tau2_piece(standing: Node) -> Piece:
    """Show tau2, but not of one study, which has none to show."""
    return MISSING if standing.at("k").number() == 1 else show_tau2(standing.at("tau2"))


def same_kind(standing: Node, newest: Node) -> bool:
    """Return whether the numbers of a standing can be read in the unit of the newest version."""
    codes = [side.at("measure").text() for side in (standing, newest)]
    return not all(codes) or find_measure(codes[0]).kind == find_measure(codes[1]).kind


def estimate_cell(standing: Node, newest: Node, unit: Unit) -> Sentence:
    """Show ``12.7 [10.9, 14.7]``, or say why there is no such number."""
    if not standing.exists or not standing.at("value").exists:
        return (WITHOUT.get(standing.at("status").text(), MISSING),)
    if not same_kind(standing, newest):
        return (f"another measure: {find_measure(standing.at('measure').text()).name}",)
    return unit.interval(standing.at("value"), standing.at("low"), standing.at("high"))


def prediction_cell(standing: Node, newest: Node, unit: Unit) -> Sentence:
    """Show ``10.9 to 14.7``, or an en dash."""
    if not same_kind(standing, newest):
        return (MISSING,)
    return unit.range(standing.at("prediction_low"), standing.at("prediction_high"))


def shared_unit(old: Node, new: Node, unit: Unit) -> Unit:
    """Return the unit with as many decimals as show two standings and, where possible, their difference."""
    numbers = [
        [scaled(side.at(name).number(), unit.factor) for name in ("value", "low", "high")]
        for side in (old, new)
    ]
    codes = [side.at("measure").text() for side in (new, old)]
    ratio = any(code in MEASURES and MEASURES[code].ratio for code in codes)
    decimals = max(decimals_for(row, least=RATIO_DECIMALS if ratio else 0) for row in numbers)
    most = decimals + FURTHER_DECIMALS
    while decimals < most and _look_alike(numbers, decimals):
        decimals += 1
    return replace(unit, decimals=decimals)


def _look_alike(numbers: list[list[float | None]], decimals: int) -> bool:
    """Return whether old and new differ and would be shown as the same."""
    old, new = ([number_text(x, decimals) for x in row] for row in numbers)
    return old == new and numbers[0] != numbers[1]
