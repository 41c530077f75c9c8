"""Sensitivity to choices: the declared alternatives in a table and in sentences, beside the main estimate."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from meta.report.pieces import (
    Node,
    Piece,
    Sentence,
    Unit,
    full_stop,
    join,
    listed,
    plain,
    read_unit,
    show_count,
    show_declared,
    show_factor,
    show_level,
    show_shift,
)
from meta.report.views import Block, Column, Figure, Row, Table, row
from meta.report.words import MEASURES, STATUS_REMARKS
from meta.tables.numbers import MISSING

#: Labels of studies that a cell lists before it counts the rest; results.json has them all.
MOST_NAMES = 8


def sensitivity_block(analysis: Node, unit: Unit, figure: Figure | None) -> Block:
    """Return what the declared alternatives of an analysis found; empty where none are declared."""
    title = "Sensitivity to choices"
    if not analysis.at("alternatives").exists:
        return Block(title)
    sentences = tuple(alternatives_sentences(analysis, unit))
    numbers = alternatives_table(analysis, unit)
    folded = "The alternatives as a table, with prediction intervals"
    return Block(title, sentences, figure, (reasons_table(analysis),), folded, (numbers,))


def read_block(name: str, entry: Mapping[str, Any]) -> Block:
    """Return the block of one entry of results.json by itself, for a screen.

    Parameters
    ----------
    name : str
        Id of the analysis.
    entry : mapping
        Its entry.
    """
    analysis = Node({"analyses": {name: dict(entry)}}).at("analyses", name)
    words = MEASURES.get(analysis.at("measure").text())
    unit = read_unit(analysis, ratio=words is not None and words.ratio)
    return sensitivity_block(analysis, unit, None)


# Sentences
# -----------------------------------------------------------------------------------------------------


def alternatives_sentences(analysis: Node, unit: Unit) -> list[Sentence]:
    """Say which alternative moves the estimate most, what crosses what, and what has no estimate."""
    found = analysis.at("alternatives")
    rows = list(found.at("rows").each())
    sentences = [
        _most_sentence(analysis, unit),
        _outside_sentence(analysis, rows),
        _threshold_sentence(analysis, unit, rows),
        _null_sentence(analysis, rows),
        _reasons_sentence("Shown and not compared: ", rows, "not_compared"),
        _reasons_sentence("Without an estimate: ", rows, "failure"),
    ]
    return [sentence for sentence in sentences if sentence]


def _named(rows: list[Node]) -> Sentence:
    """Return the labels of alternatives in quotation marks, as a list."""
    return listed((f"“{one.at('label').text()}”",) for one in rows)


def _most_sentence(analysis: Node, unit: Unit) -> Sentence:
    found = analysis.at("alternatives")
    rows, most = found.at("rows"), found.at("most").number()
    one = len(rows) == 1
    if not any(row.at("shift").exists for row in rows.each()):
        whose = "The one alternative cannot" if one else "None of the alternatives can"
        return (f"{whose} be compared with the main estimate.",)
    if most is None:
        return (
            ("The one alternative does not move the estimate.",)
            if one
            else join("None of the ", show_count(rows), " alternatives moves the estimate.")
        )
    there = rows.at(int(most))
    name = f"“{there.at('label').text()}”"
    head: Sentence = (
        ("The one alternative, ", name, ", moves the estimate")
        if one
        else join("Of ", show_count(rows), f" alternatives, {name} moves the estimate most")
    )
    before = f"{unit.before} " if unit.before else ""
    old, new = unit.show(analysis.at("fit", "natural", "value")), unit.show(there.at("natural", "value"))
    if plain((old,)) == plain((new,)):
        whole = join("None of the ", show_count(rows), " alternatives moves")
        who = ("The one alternative does not move",) if one else whole
        return join(*who, f" the estimate, {before}", old, unit.after, ", by as much as its last digit.")
    return join(
        *head,
        f": from {before}",
        old,
        " to ",
        new,
        unit.after,
        " (",
        _shift(found, there, unit),
        ")",
        _other_basis(analysis, there),
        ".",
    )


def _other_basis(analysis: Node, one: Node) -> Sentence:
    """Say on how many studies an alternative rests, where they are not as many as in the main analysis."""
    k, main = one.at("k"), analysis.at("fit", "k")
    if k.number() == main.number():
        return ()
    word = " study" if k.number() == 1 else " studies"
    return join(", on ", show_count(k), f"{word} instead of ", show_count(main))


def _shift(found: Node, one: Node, unit: Unit) -> Piece:
    """Show how far an alternative moves the estimate."""
    if found.at("shift_kind").text() == "ratio":
        return show_factor(one.at("shift"))
    return show_shift(one.at("shift"), unit.decimals, unit.factor)


def _outside_sentence(analysis: Node, rows: list[Node]) -> Sentence:
    """Say whether the alternative estimates lie within the main interval."""
    compared = [one for one in rows if one.at("outside").value is not None]
    if not compared:
        return ()
    outside = [one for one in compared if one.at("outside").is_true()]
    interval = join("the main ", show_level(analysis.at("spec", "level")), " interval")
    if not outside:
        what = "Its estimate lies" if len(rows) == 1 else "Every estimate that is compared lies"
        return join(f"{what} within ", interval, ".")
    head, verb = ("The estimate of ", "lies") if len(outside) == 1 else ("The estimates of ", "lie")
    return join(head, _named(outside), f" {verb} outside ", interval, ".")


def _threshold_sentence(analysis: Node, unit: Unit, rows: list[Node]) -> Sentence:
    """Say which alternatives lie on another side of the declared threshold; empty where there is none."""
    found, threshold = analysis.at("alternatives"), analysis.at("threshold")
    if not threshold.exists or not found.at("threshold").exists:
        return ()
    value = join("the threshold of ", show_declared(threshold.at("value")), unit.after)
    crossed = [one for one in rows if one.at("crossed").is_true()]
    if crossed:
        verb = "crosses" if len(crossed) == 1 else "cross"
        side = found.at("threshold", "estimate").text()
        head = join(_named(crossed), f" {verb} ", value, f": the main estimate lies {side} it.")
    else:
        head = join("No estimate crosses ", value, ".")
    main = found.at("threshold", "interval").text()
    other = [
        one
        for one in rows
        if one.at("threshold").exists and (one.at("threshold", "interval").text() == "on") != (main == "on")
    ]
    if not other or _is_null(analysis, threshold.at("value").number()):
        return head
    does, differs = ("includes it", "clear of it") if main == "on" else ("is clear of it", "not clear of it")
    are = "is that" if len(other) == 1 else "are those"
    return join(head, f" The main interval {does}; {differs} {are} of ", _named(other), ".")


def _is_null(analysis: Node, value: float | None) -> bool:
    """Say whether a threshold is the value of no difference, of which a sentence of its own speaks."""
    words = MEASURES.get(analysis.at("measure").text())
    return words is not None and words.null is not None and value == words.null


def _null_sentence(analysis: Node, rows: list[Node]) -> Sentence:
    """Say whether intervals include the value of no difference; empty where the measure has none."""
    main = analysis.at("alternatives", "includes_null")
    known = [one for one in rows if one.at("includes_null").value is not None]
    if main.value is None or not known:
        return ()
    words = MEASURES.get(analysis.at("measure").text())
    number = f"{words.null:g}, " if words is not None and words.null is not None else ""
    null = f"{number}no difference"
    does, does_not = ("includes", "excludes it") if main.is_true() else ("excludes", "includes it")
    other = [one for one in known if one.at("includes_null").is_true() != main.is_true()]
    if not other:
        return (f"The main interval {does} {null}; so does that of every alternative that has one.",)
    that = "that" if len(other) == 1 else "those"
    verb = does_not if len(other) == 1 else does_not.replace("s it", " it")
    return join(f"The main interval {does} {null}; {that} of ", _named(other), f" {verb}.")


def _reasons_sentence(head: str, rows: list[Node], key: str) -> Sentence:
    """Name the alternatives of which something holds, each with its reason."""
    given = [one for one in rows if one.at(key).exists]
    if not given:
        return ()
    parts = (f"“{one.at('label').text()}” ({one.at(key).text()})" for one in given)
    return join(head, listed(((part,) for part in parts), "; ", "; "), ".")


# Tables
# -----------------------------------------------------------------------------------------------------


def alternatives_table(analysis: Node, unit: Unit) -> Table:
    """Return the numbers of the main analysis and of each alternative, one a line."""
    found = analysis.at("alternatives")
    with_threshold = found.at("threshold").exists
    rows = [_main_row(analysis, unit, with_threshold)]
    rows += [_row(found, one, unit, with_threshold) for one in found.at("rows").each()]
    level = plain((show_level(analysis.at("spec", "level")),))
    columns = (
        Column("Alternative", wide=True),
        Column("Rows" if analysis.at("fit", "clusters").exists else "Studies", number=True),
        Column(f"{unit.heading} [{level} CI]", number=True),
        Column("Prediction interval", number=True),
        Column("Moves by", number=True),
        *((Column("Threshold"),) if with_threshold else ()),
    )
    ratio = found.at("shift_kind").text() == "ratio"
    moved = "the estimate divided by the main one" if ratio else "the estimate less the main one"
    title = "Alternatives beside the main analysis"
    return Table(title, columns, tuple(rows), ((f"Moves by: {moved}.",), *_credible_note(analysis)))


def _credible_note(analysis: Node) -> tuple[Sentence, ...]:
    """Say whose interval is a credible one."""
    rows = [one for one in analysis.at("alternatives", "rows").each() if one.at("posterior").exists]
    named = ["the main analysis"] if analysis.at("fit", "posterior").exists else []
    named += [f"“{one.at('label').text()}”" for one in rows]
    return ((f"Credible intervals: {', '.join(named)}.",),) if named else ()


def _main_row(analysis: Node, unit: Unit, with_threshold: bool) -> Row:
    fit = analysis.at("fit")
    natural, place = fit.at("natural"), analysis.at("alternatives", "threshold")
    cells: list[Piece | Sentence] = [
        "Main analysis",
        show_count(fit.at("k")),
        unit.interval(natural.at("value"), natural.at("low"), natural.at("high")),
        unit.range(natural.at("prediction_low"), natural.at("prediction_high")),
        MISSING,
        *([_place_words(place)] if with_threshold else []),
    ]
    return row(*cells, strong=True)


def _row(found: Node, one: Node, unit: Unit, with_threshold: bool) -> Row:
    natural = one.at("natural")
    own = _own_unit(one, unit)
    estimate = own.interval(natural.at("value"), natural.at("low"), natural.at("high"))
    if own is not unit and natural.exists:
        estimate = join(f"{own.before} ", estimate)
    crossed = "crosses: " if one.at("crossed").is_true() else ""
    cells: list[Piece | Sentence] = [
        one.at("label").text(),
        show_count(one.at("k")),
        estimate,
        own.range(natural.at("prediction_low"), natural.at("prediction_high")),
        MISSING if not one.at("shift").exists else _shift(found, one, unit),
        *([f"{crossed}{_place_words(one.at('threshold'))}"] if with_threshold else []),
    ]
    return row(*cells, muted=one.at("failure").exists)


def _own_unit(one: Node, unit: Unit) -> Unit:
    """Return the unit of an alternative that estimates another quantity; else that of the analysis."""
    if not one.at("unit").exists:
        return unit
    words = MEASURES.get(one.at("measure").text())
    there = {"unit": one.at("unit").value, "fit": {"natural": one.at("natural").value}}
    return read_unit(Node(there), ratio=words is not None and words.ratio)


def _place_words(place: Node) -> str:
    """Say where an estimate and its interval lie beside the threshold."""
    if not place.exists:
        return MISSING
    side = {"on": "on it"}.get(place.at("estimate").text(), place.at("estimate").text())
    interval = "interval includes it" if place.at("interval").text() == "on" else "interval clear of it"
    return f"{side}, {interval}"


def reasons_table(analysis: Node) -> Table:
    """Return what each alternative changes and why, the reason for a missing estimate first."""
    rows = []
    for one in analysis.at("alternatives", "rows").each():
        failure, reason = one.at("failure").text(), full_stop(one.at("reason").text())
        why = f"No estimate: {full_stop(failure)} {reason}" if failure else reason
        rows.append(row(one.at("label").text(), _changes(one), why, muted=bool(failure)))
    words = (Column("What it changes", prose=True), Column("Why", prose=True))
    columns = (Column("Alternative", wide=True), *words)
    notes = _remarks(analysis.at("alternatives"))
    return Table("What each alternative changes, and why", columns, tuple(rows), notes)


def _changes(one: Node) -> str:
    """Say what an alternative changes, and which studies come and go with it."""
    parts = ["; ".join(change.text() for change in one.at("changes").each())]
    said = set(re.split(", | and ", parts[0].removeprefix("without ")))
    for word, key in (("In", "came"), ("Out", "went"), ("By another row", "swapped")):
        names = [name.label() for name in one.at(key).each()]
        if names and said != set(names):
            more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES + 1 else ""
            kept = names if not more else names[:MOST_NAMES]
            parts.append(f"{word}: {', '.join(kept)}{more}")
    # names of columns stay as they are: a text may begin with one
    return f"{'. '.join(part for part in parts if part)}."


def _remarks(found: Node) -> tuple[Sentence, ...]:
    """Say how to read the rows, then what to know about single ones."""
    words = (
        "Each is the main analysis with only what is named changed, its rows chosen anew by the same rules. "
        "In: studies that the main analysis does not use; out: those that it alone uses."
    )
    notes: list[Sentence] = [(words,)]
    for one in found.at("rows").each():
        remarks = [remark.text() for remark in one.at("remarks").each()]
        status = STATUS_REMARKS.get(one.at("status").text(), "")
        if status and one.at("natural").exists and not one.at("failure").exists:
            remarks.append(status)
        if remarks:
            notes.append((f"“{one.at('label').text()}”: {full_stop('; '.join(remarks))}",))
    return tuple(notes)
