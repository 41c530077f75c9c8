"""Summary of findings: what was found and how certain people are of it (GRADE), with numbers beside it."""

from __future__ import annotations

from meta.report.cluster_words import studies_node
from meta.report.pieces import (
    Link,
    Node,
    Piece,
    Sentence,
    Unit,
    bracketed,
    full_stop,
    join,
    listed,
    lower_first,
    show_count,
    show_factor,
    show_number,
    show_percent,
    show_shift,
    show_tau2,
)
from meta.report.risk_of_bias import SHARES_OF
from meta.report.sentences import anchor_of, people_text
from meta.report.views import Block, Column, Row, Table, row
from meta.report.words import NOT_ASSESSED
from meta.tables.numbers import MISSING

#: Certainty as signs and a word: four circles, so many of them filled.
CERTAINTY = {
    "high": "⊕⊕⊕⊕ High",
    "moderate": "⊕⊕⊕◯ Moderate",
    "low": "⊕⊕◯◯ Low",
    "very low": "⊕◯◯◯ Very low",
}

#: Absolute effects below this, per 1,000, need a decimal.
SMALL = 10.0

GRADE = {
    "interventions": "GRADE (Guyatt et al. 2008)",
    "prognosis": "GRADE for prognosis (Iorio et al. 2015)",
}


def findings_block(analyses: list[tuple[Node, Unit]]) -> Block:
    """Return the summary of findings of all analyses; where nobody judged certainty, a sentence says so."""
    graded = [(analysis, unit) for analysis, unit in analyses if analysis.at("grade").exists]
    if not graded:
        words = f"Certainty of the evidence (GRADE): {NOT_ASSESSED}; the protocol declares no judgements."
        return Block("Certainty of the evidence", ((words,),))
    kinds = {kind: [p for p in graded if p[0].at("grade", "kind").text() == kind] for kind in GRADE}
    by = listed(GRADE[kind] for kind, members in kinds.items() if members)
    sentences: list[Sentence] = [
        join("Certainty as people judged it by ", by, "; the numbers beside the judgements are computed.")
    ]
    without = [analysis.at("title").text() for analysis, _ in analyses if not analysis.at("grade").exists]
    if without:
        sentences.append(join(f"Certainty {NOT_ASSESSED}: ", listed(without, between="; ", last="; "), "."))
    tables = (_interventions(kinds["interventions"]), _prognosis(kinds["prognosis"]))
    return Block("Summary of findings", tuple(sentences), None, tables)


def grade_block(analysis: Node, unit: Unit) -> Block:
    """Return the judgements of certainty of one analysis, each beside what the engine knows of it."""
    grade = analysis.at("grade")
    if not grade.exists:
        return Block("Certainty of the evidence")
    certainty, start = grade.at("certainty").text(), grade.at("start").text()
    said: Sentence = (f"Certainty: {CERTAINTY.get(certainty, certainty)}, starting from {start}.",)
    rows = [
        row(
            one.at("words").text(),
            _judgement(one),
            one.at("reason").text(),
            _computed(one.at("name").text(), analysis, unit),
        )
        for group in ("domains", "upgrades")
        for one in grade.at(group).each()
    ]
    columns = (
        Column("Domain"),
        Column("Judgement"),
        Column("Reason", prose=True),
        Column("Computed", prose=True),
    )
    notes: tuple[Sentence, ...] = (("Judgements and reasons are people's; no judgement is computed.",),)
    return Block(
        "Certainty of the evidence",
        (said,),
        None,
        (Table("Certainty by domain", columns, tuple(rows), notes),),
    )


def _judgement(one: Node) -> Sentence:
    """Return a judgement with the levels that it moves the certainty by: ``serious (−1)``."""
    words = one.at("judgement").text()
    return (
        join(words, " (", show_shift(one.at("steps"), 0, 1.0), ")") if one.at("steps").number() else (words,)
    )


def _computed(name: str, analysis: Node, unit: Unit) -> Sentence:
    """Return what the engine knows that bears on a domain."""
    fit, inputs = analysis.at("fit"), analysis.at("grade", "inputs")
    natural = fit.at("natural")
    if name == "risk_of_bias":
        return _risk(inputs)
    if name == "inconsistency":
        parts: list[Sentence] = []
        if inputs.at("tau2").exists:
            parts.append(join("τ² ", show_tau2(inputs.at("tau2"))))
        if inputs.at("width").exists:
            ratio = inputs.at("width_as").text() == "ratio"
            width = show_factor(inputs.at("width")) if ratio else unit.show(inputs.at("width"))
            ends = unit.range(natural.at("prediction_low"), natural.at("prediction_high"))
            parts.append(join("prediction interval ", ends, ", width ", width))
        if inputs.at("left_out_low").exists:
            ends = unit.range(inputs.at("left_out_low"), inputs.at("left_out_high"))
            parts.append(join("each study left out: ", ends))
        return _parts(parts)
    if name == "imprecision":
        parts = [join(show_count(inputs.at("k")), " studies")] if inputs.at("k").exists else []
        if inputs.at("people").exists:
            parts.append(join(show_count(inputs.at("people")), " people"))
        if natural.exists:
            parts.append(unit.interval(natural.at("value"), natural.at("low"), natural.at("high")))
        return _parts(parts)
    if name == "large_effect" and natural.exists:
        return unit.interval(natural.at("value"), natural.at("low"), natural.at("high"))
    return (MISSING,)


def _parts(parts: list[Sentence]) -> Sentence:
    return listed(parts, last="; ", between="; ") if parts else (MISSING,)


def _risk(inputs: Node) -> Sentence:
    if inputs.at("high_risk").number() is None:
        return (f"risk of bias {NOT_ASSESSED}",)
    code = inputs.at("high_risk_in").text()
    where = "as a whole" if code == "overall" else f"in domain {code}, where it is most"
    of = SHARES_OF[inputs.at("high_risk_of").text()]
    return join(show_percent(inputs.at("high_risk")), f" {of} at high risk of bias {where}")


# The tables over all analyses ------------------------------------------------------------------------------


def _interventions(members: list[tuple[Node, Unit]]) -> Table:
    """Return one line an outcome and baseline: relative and absolute effect, certainty; why, in the notes."""
    rows: list[Row] = []
    notes: list[Sentence] = []
    for analysis, unit in members:
        baselines = list(analysis.at("grade", "absolute").each())
        for baseline in baselines or [Node(None)]:
            rows.append(_intervention_row(analysis, unit, baseline))
            if baseline.exists:
                notes.append((_baseline_note(baseline),))
        notes.append(_reasons(analysis))
    columns = (
        Column("Outcome", wide=True),
        Column("Studies", number=True),
        Column("People", number=True),
        Column("Relative effect [CI]", number=True),
        Column("Without, per 1,000", number=True),
        Column("With, per 1,000 [CI]", number=True),
        Column("Difference, per 1,000 [CI]", number=True),
        Column("Certainty"),
    )
    kept = tuple(dict.fromkeys(note for note in notes if note))
    return Table("Summary of findings: interventions", columns, tuple(rows), kept)


def _baseline_note(baseline: Node) -> str:
    source = full_stop(baseline.at("source").text())
    capped = " A ratio would give more events than people; all of them stand instead."
    more = capped if baseline.at("effect", "capped").is_true() else ""
    return f"Without: {baseline.at('words').text()}, taken as known. Source: {source}{more}"


def _intervention_row(analysis: Node, unit: Unit, baseline: Node) -> Row:
    effect = baseline.at("effect")
    places = [effect.at(name) for name in ("baseline", "value", "low", "high")]
    known = [place.number() for place in places]
    decimals = 1 if any(x is not None and 0.0 < x < SMALL for x in known[:2]) else 0
    without, value, low, high = (show_number(place, decimals) for place in places)
    moved = [
        show_shift(effect.at(name), decimals, 1.0)
        for name in ("difference", "difference_low", "difference_high")
    ]
    return row(
        *_outcome(analysis, unit, words=baseline.at("words").text()),
        _estimate(analysis, unit),
        without,
        bracketed(value, low, high),
        bracketed(moved[0], moved[1], moved[2]),
        _certainty(analysis),
    )


def _prognosis(members: list[tuple[Node, Unit]]) -> Table:
    """Return one line an outcome: how often, for a new setting, certainty; why, in the notes."""
    rows = []
    for analysis, unit in members:
        natural = analysis.at("fit", "natural")
        rows.append(
            row(
                *_outcome(analysis, unit),
                _estimate(analysis, unit),
                unit.heading,
                unit.range(natural.at("prediction_low"), natural.at("prediction_high")),
                _certainty(analysis),
            )
        )
    columns = (
        Column("Outcome", wide=True),
        Column("Studies", number=True),
        Column("People", number=True),
        Column("Estimate [CI]", number=True),
        Column("Unit"),
        Column("Prediction interval", number=True),
        Column("Certainty"),
    )
    notes = tuple(reasons for analysis, _ in members if (reasons := _reasons(analysis)))
    return Table("Summary of findings: prognosis", columns, tuple(rows), notes)


def _outcome(analysis: Node, unit: Unit, words: str = "") -> list[Piece | Sentence]:
    fit, people = analysis.at("fit"), analysis.at("grade", "inputs", "people")
    link = Link(analysis.at("grade", "outcome").text(), f"#{anchor_of(analysis)}")
    return [
        (link, f" ({words})") if words else link,
        show_count(studies_node(fit)),
        show_count(people) if people.exists else people_text(fit, unit) or MISSING,
    ]


def _estimate(analysis: Node, unit: Unit) -> Sentence:
    natural = analysis.at("fit", "natural")
    return unit.interval(natural.at("value"), natural.at("low"), natural.at("high"))


def _certainty(analysis: Node) -> str:
    word = analysis.at("grade", "certainty").text()
    return CERTAINTY.get(word, word)


def _reasons(analysis: Node) -> Sentence:
    """Return the judgements that moved the certainty of an outcome, with their reasons."""
    grade = analysis.at("grade")
    moved = [
        join(
            f"{lower_first(one.at('words').text())} ",
            _judgement(one),
            f": {one.at('reason').text().rstrip('.')}",
        )
        for group in ("domains", "upgrades")
        for one in grade.at(group).each()
        if one.at("steps").number()
    ]
    outcome, start = grade.at("outcome").text().rstrip("."), grade.at("start").text()
    said = listed(moved, last="; ", between="; ") if moved else ("no reason to move it",)
    return join(f"{outcome}, from {start}: ", *said, ".")
