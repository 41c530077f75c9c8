"""Standings as cells: what an analysis found in one version, in the unit of the newest."""

from __future__ import annotations

from meta.effects.measures import find_measure
from meta.report.pieces import Node, Piece, Sentence, Unit, show_tau2
from meta.tables.numbers import MISSING

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
