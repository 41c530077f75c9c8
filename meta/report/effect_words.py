"""What was added to which cells, and by which formula a sampling variance was computed, in words."""

from __future__ import annotations

from meta.effects.entry import Measure
from meta.effects.measures import MEASURES
from meta.report.pieces import Node, Piece, Sentence, join, show_declared

#: Formulas of the sampling variance that are not the usual one of their measure.
_AVERAGE = "the average of all studies, weighted by size, in place of each study's own"
_BORENSTEIN = (
    "those of Borenstein (2009), the square of the correction for small samples times the large-sample "
    "variance of the uncorrected value"
)
_VARIANCES: dict[tuple[str, str], str] = {
    ("PR", "UB"): "Sampling variances divide by n − 1 in place of n, which makes them unbiased.",
    ("RD", "UB"): "Sampling variances divide by n − 1 in place of n, which makes them unbiased.",
    ("RD", "AV"): f"For its sampling variance each arm's risk is {_AVERAGE}.",
    ("PHI", "ST"): "Sampling variances hold the sizes of the two arms fixed, as in a trial.",
    ("MD", "HO"): "For sampling variances the two standard deviations are taken for equal and pooled.",
    ("SMD", "LS2"): f"Sampling variances are {_BORENSTEIN}.",
    ("SMD", "UB"): "Sampling variances are the unbiased ones of Hedges (1983).",
    ("SMD", "AV"): f"For its sampling variance each study's difference is {_AVERAGE}.",
    ("SMD", "revman5"): "Sampling variances are those of RevMan 5, N/(n₁n₂) + g²/(2(N − 3.94)), N being the "
    "people of both groups.",
    ("ROM", "HO"): "For sampling variances the two standard deviations are taken for equal and pooled.",
    ("ROM", "AV"): f"For its sampling variance each arm's coefficient of variation is {_AVERAGE}.",
    ("ROM", "AVHO"): "For sampling variances one coefficient of variation, the average of all arms weighted "
    "by size, stands in place of each arm's own.",
    ("SMCC", "LS2"): f"Sampling variances are {_BORENSTEIN}.",
    ("SMCR", "LS2"): f"Sampling variances are {_BORENSTEIN}.",
    ("COR", "AV"): f"For its sampling variance each study's correlation is {_AVERAGE}.",
    ("UCOR", "AV"): f"For its sampling variance each study's correlation is {_AVERAGE}.",
    ("UCOR", "UB"): "Sampling variances are the unbiased ones of Hedges (1989).",
    ("PCOR", "AV"): f"For its sampling variance each study's correlation is {_AVERAGE}.",
    ("PLN", "AV"): f"For its sampling variance each study's proportion is {_AVERAGE}.",
    ("PLO", "AV"): f"For its sampling variance each study's proportion is {_AVERAGE}.",
    ("PR", "AV"): f"For its sampling variance each study's proportion is {_AVERAGE}.",
}

#: Formulas that are the usual one under another name.
_SAME = {("PHI", "CS"), ("MD", "UB")}

#: What a formula does to the effect size itself: words of ``made`` that it replaces.
_REMADE = {
    ("SMD", "revman5"): (
        "with the exact correction for small samples (Hedges 1981)",
        "with RevMan 5's correction for small samples, 1 − 3/(4N − 9)",
    )
}

#: The rules for zero cells that have words.
_RULES = ("only0", "all", "if0all", "treatment_arm", "none")

#: Measures that do not exist for a study without an event, or with nothing but events, in both arms.
_NEVER_EMPTY = ("PETO", "PHI")


def made_words(code: str, made: str, choices: Node) -> str:
    """Return how effect sizes are made, as the formula in use makes them."""
    usual, other = _REMADE.get((code, choices.at("variance").text()), ("", ""))
    return made.replace(usual, other) if usual else made


def effect_sentences(code: str, choices: Node) -> list[Sentence]:
    """Return what was done beyond the measure: another formula of the variance, and zero cells.

    Parameters
    ----------
    code : str
        Measure.
    choices : Node
        The ``effects`` of an analysis in results.json; what is not recorded there is as the measure does it.
    """
    measure = MEASURES.get(code)
    if measure is None:
        return []
    sentences = [variance_sentence(measure, choices), zeros_sentence(measure, choices)]
    return [sentence for sentence in sentences if sentence]


def variance_sentence(measure: Measure, choices: Node) -> Sentence:
    """Say which formula gives the sampling variance where it is not the usual one; else nothing."""
    formula = choices.at("variance").text()
    if formula in ("", measure.variances[0]) or (measure.code, formula) in _SAME:
        return ()
    words = _VARIANCES.get((measure.code, formula))
    unknown = f"The formula {formula} of the sampling variances has no description in words here."
    return (words or unknown,)


def zeros_sentence(measure: Measure, choices: Node) -> Sentence:
    """Say what happens to zero cells; nothing where no cell can be zero, or effects came ready-made."""
    if not measure.counts_events or (choices.exists and not choices.at("to").exists):
        return ()
    number = choices.at("add").number()
    add: Piece = f"{measure.add:g}" if number is None else show_declared(choices.at("add"))
    amount = measure.add if number is None else number
    to = choices.at("to").text() or "only0"
    if to not in _RULES:
        return (f"The rule {to} for zero cells has no description in words here.",)
    added = amount > 0.0 and to != "none"
    if not measure.two_groups:
        return _one_group(measure, add, to) if added else (_one_group_plain(measure),)
    start = _two_groups(measure, add, to) if added else ("Nothing is added to zero cells",)
    recorded = choices.at("drop00").value
    drop00 = measure.drop00 if recorded is None else bool(recorded)
    return join(start, _empty_studies(measure, drop00=drop00, added=added), ".")


def _one_group_plain(measure: Measure) -> str:
    """Say that nothing is added to the events of one group."""
    if measure.add == 0.0:
        return "The transform needs no correction for zero events."
    extremes = "no events, or nothing but events" if measure.kind == "proportion" else "no events"
    return (
        f"Nothing is added where a study has {extremes}; one that cannot be weighted for it is shown with "
        "this reason."
    )


def _one_group(measure: Measure, add: Piece, to: str) -> Sentence:
    """Say what is added to the events of one group."""
    proportion = measure.kind == "proportion"
    extremes = "no events, or nothing but events" if proportion else "no events"
    if to in ("all", "if0all"):
        target = "the events and to the non-events" if proportion else "the events"
        when = f"Where any study has {extremes}, " if to == "if0all" else ""
        return join(when, add, f" is added to {target} of every study.")
    target = "its events and to its non-events" if proportion else "its events"
    return join(f"Where a study has {extremes}, ", add, f" is added to {target}.")


def _two_groups(measure: Measure, add: Piece, to: str) -> Sentence:
    """Say what is added to the cells of two groups, without a full stop."""
    people = "n1" in measure.columns
    cells = "each of the four cells" if people else "the events of both arms"
    if to == "all":
        return join(add, f" is added to {cells} of every study")
    if to == "if0all":
        empty = "any study has a zero cell" if people else "an arm of any study has no events"
        return join(f"Where {empty}, ", add, f" is added to {cells} of every study")
    if to == "treatment_arm":
        what = "cells, shared between the arms by their size" if people else (
            "two counts of events, shared between the arms by their person-time"
        )
        empty = "a study has a zero cell" if people else "an arm has no events"
        source = " (treatment-arm correction, Sweeting et al. 2004)"
        return join(f"Where {empty}, ", add, f" on average is added to the study's {what}{source}")
    if people:
        return join("Where a study has a zero cell, ", add, " is added to each of its four cells")
    return join("Where an arm has no events, ", add, " is added to the events of both arms")


def _empty_studies(measure: Measure, *, drop00: bool, added: bool) -> str:
    """Say what becomes of studies that an effect size does not exist for, or was asked to exist for."""
    without = "without events" + (", or without non-events," if "n1" in measure.columns else "")
    if not added and measure.add > 0.0:
        also = f", like one {without} in both arms," if drop00 else ""
        return f"; a study that cannot be weighted for it{also} is shown with this reason"
    if drop00:
        return f"; a study {without} in both arms has no {measure.name} and is shown with this reason"
    if measure.code in _NEVER_EMPTY:
        return ""
    return f"; a study {without} in both arms is kept" if measure.drop00 else ""
