"""A comparison of two versions for the screen and as Markdown: short first, then analysis by analysis."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from meta.living.shapes import (
    AnalysisChanges,
    Changes,
    ChoiceChange,
    GroupChange,
    RowBehind,
    SheetChanges,
    ThresholdChange,
)
from meta.living.standing import agree, standings_agree
from meta.living.summary import ALIKE, count_changes, shows_groups
from meta.report.changes_rows import cells_text, join_names, line_text, row_lines
from meta.report.markdown import escape_markdown, markdown_table
from meta.report.pieces import Node, Sentence, Unit, clean_text, plain, read_unit
from meta.report.standings import estimate_cell, prediction_cell, shared_unit, tau2_piece
from meta.report.views import Column, Row, Table, row
from meta.results import to_plain
from meta.tables.numbers import MISSING, declared_text, number_text

#: Longest value of a choice shown whole; the JSON has it as it is.
LONGEST_CHOICE = 160

#: Longest note shown whole; the manifest of the release has it to the letter.
LONGEST_NOTE = 1000

_PARTS = {
    "leave_one_out": "leave-one-out results",
    "cumulative": "cumulative results",
    "regressions": "regressions",
    "small_study": "the test of small-study effects",
    "alternatives": "alternatives",
}

_BEHIND = {
    "came": "came",
    "went": "went",
    "changed": "changed",
    "now_used": "is used now",
    "no_longer_used": "is no longer used",
}

_SIDES = {"below": "below", "above": "above", "on": "on"}


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a comparison: a heading, sentences, a table, and a list of points below it."""

    heading: str
    level: int
    sentences: tuple[str, ...] = ()
    table: Table | None = None
    points: tuple[str, ...] = ()


def describe_comparison(changes: Changes) -> tuple[Part, ...]:
    """Say in words and tables what differs between two versions.

    Parameters
    ----------
    changes : Changes
        From :func:`meta.living.changes.compare_snapshots`.

    Returns
    -------
    tuple of Part
        The lead; each analysis that is not the same; rows by sheet; choices. Rows that no analysis uses and
        to which the same happened are one point.
    """
    files = {sheet.name: sheet.new_file or sheet.old_file or sheet.name for sheet in changes.sheets}
    parts = [_lead(changes)]
    parts += [
        _analysis(a, changes, files.get(a.sheet, a.sheet)) for a in changes.analyses if a.what != "same"
    ]
    parts += [part for sheet in changes.sheets if (part := _sheet(sheet)) is not None]
    return (*parts, *_choices(changes.choices))


def changes_markdown(changes: Changes) -> str:
    """Return a comparison as Markdown; text from sheets and protocols is escaped."""
    out: list[str] = []
    for part in describe_comparison(changes):
        out.append(f"{'#' * part.level} {escape_markdown(part.heading)}")
        out += [escape_markdown(sentence) for sentence in part.sentences]
        if part.table is not None:
            out.append(str(markdown_table(part.table)))
        if part.points:
            out.append("\n".join(f"- {escape_markdown(point)}" for point in part.points))
    return "\n\n".join(out) + "\n"


# The lead --------------------------------------------------------------------------------------------------


def _lead(changes: Changes) -> Part:
    """Say how many of what differs, and what was crossed."""
    counts = count_changes(changes)
    analyses = [f"{counts.changed or 'none'} of {counts.analyses} analyses changed"]
    if not counts.changed + counts.same:
        analyses = ["no analysis is in both versions"]
    elif counts.analyses == 1:
        one = "the one analysis in both" if counts.went else "the one analysis"
        analyses = [f"{one} changed" if counts.changed else f"{one} did not change"]
    analyses += [f"{n} {word}" for n, word in ((counts.came, "came"), (counts.went, "went")) if n]
    rows = [
        f"{_count(n, 'row', 'rows')} {word}"
        for n, word in (
            (counts.rows_came, "came"),
            (counts.rows_went, "went"),
            (counts.rows_changed, "changed"),
        )
        if n
    ]
    columns = [
        f"{_count(n, 'column', 'columns')} {word}"
        for n, word in (
            (sum(len(sheet.columns_came) for sheet in changes.sheets), "came"),
            (sum(len(sheet.columns_went) for sheet in changes.sheets), "went"),
        )
        if n
    ]
    sentences = [f"{join_names(analyses).capitalize()}."]
    sentences.append(f"{join_names([*rows, *columns])}." if rows or columns else "No row of a sheet differs.")
    one, many = "choice that can move a number differs", "choices that can move a number differ"
    sentences.append(f"{_count(counts.choices, one, many)}." if counts.choices else f"No {one}.")
    crossed = [said for analysis in changes.analyses if (said := _threshold(analysis))]
    if counts.declared and not crossed:
        crossed = ["No estimate crossed a declared threshold."]
    versions = ((changes.old, changes.old_note), (changes.new, changes.new_note))
    # a note with line feeds would look like parts of the comparison
    notes = dict.fromkeys(f"{name}: {clean_text(note, LONGEST_NOTE)}" for name, note in versions if note)
    same = [analysis.id for analysis in changes.analyses if analysis.what == "same"]
    stay = [f"The same in both: {join_names(same)}."] if same else []
    sentences = [" ".join([*sentences, *crossed]), *stay]
    return Part(f"What changed from {changes.old} to {changes.new}", 1, tuple(sentences), None, tuple(notes))


def _threshold(analysis: AnalysisChanges) -> str:
    """Say what a threshold was, and what lies otherwise beside it; empty if it is as it was."""
    threshold = analysis.threshold
    if threshold is None:
        return ""
    said = []
    if threshold.old_value is not None and not agree(threshold.old_value, threshold.value):
        old, new = declared_text(threshold.old_value), declared_text(threshold.value)
        lies = f", and the estimate lies {_SIDES[threshold.new_side]} it" if threshold.new_side else ""
        said.append(f"its threshold was {old} and is {new} now{lies}")
    said += _crossings(threshold)
    return f"{analysis.id}: {'; '.join(said)}." if said else ""


def _crossings(threshold: ThresholdChange) -> list[str]:
    """Say that an estimate or an interval lies otherwise beside the newer threshold."""
    value = f"its threshold of {declared_text(threshold.value)} ({clean_text(threshold.words)})"
    said = []
    if threshold.crossed:
        old, new = threshold.old_side or "", threshold.new_side or ""
        said.append(f"the estimate lay {_SIDES.get(old, old)} {value} and lies {_SIDES.get(new, new)} it now")
    if threshold.interval_changed:
        beside = value if not said else "it"
        words = "includes" if threshold.new_interval == "on" else "no longer includes"
        whose = "its interval" if said else "the interval"
        said.append(f"{whose} {words} {beside}" + (" now" if words == "includes" else ""))
    return [", and ".join(said)] if said else []


# Analyses --------------------------------------------------------------------------------------------------


def _analysis(analysis: AnalysisChanges, changes: Changes, file: str) -> Part:
    """Return the part of an analysis that changed, came or went."""
    heading = f"{clean_text(analysis.title)} ({analysis.id})"
    if analysis.what != "changed":
        word = f"new in {changes.new}" if analysis.what == "came" else f"no longer in {changes.new}"
        heading += f": {word}"
    node = Node(to_plain(analysis))
    unit = read_unit(node, ratio=False)
    sentences = [said for said in (_threshold(analysis), _parts_sentence(analysis)) if said]
    names = (changes.old, changes.new)
    points = list(_row_points(analysis.rows, file))
    points += _choice_points(analysis, changes.choices)
    if shows_groups(analysis):
        table = _groups_table(node, unit, names)
    else:
        table = _standing_table(node, unit, names)
        if analysis.groups:
            points += _group_points(analysis.groups)
    return Part(heading, 2, tuple(sentences), table, tuple(points))


def _parts_sentence(analysis: AnalysisChanges) -> str:
    """Say what moved where the estimate did not."""
    if analysis.what != "changed" or not standings_agree(analysis.old, analysis.new):
        return ""
    if shows_groups(analysis) and (analysis.new is None or analysis.new.value is None):
        return ""
    moved = [_PARTS.get(part, part) for part in analysis.parts]
    if analysis.groups:
        moved = ["groups", *moved]
    return (
        f"The estimate is the same; what moved: {join_names(moved)}."
        if moved
        else "The estimate is the same."
    )


def _standing_table(node: Node, unit: Unit, names: tuple[str, str]) -> Table:
    """Return estimate, prediction interval, tau2 and k, one a line, of the versions that have them."""
    shown = shared_unit(node.at("old"), node.at("new"), unit)
    there = [(node.at(key), name) for key, name in zip(("old", "new"), names, strict=True)]
    there = [(side, name) for side, name in there if side.exists]
    sides = [side for side, _ in there]
    newest = sides[-1]
    lines: list[tuple[str, list[Sentence]]] = [
        (f"{unit.heading} [CI]", [_whole(estimate_cell(side, newest, shown)) for side in sides]),
        ("Prediction interval", [_whole(prediction_cell(side, newest, shown)) for side in sides]),
        ("tau²", [(tau2_piece(side),) for side in sides]),
        ("Studies (k)", [(_k_text(side),) for side in sides]),
    ]
    measures = [side.at("measure").text() for side in sides]
    if len(set(measures)) > 1:
        lines.insert(0, ("Measure", [(code,) for code in measures]))
    columns = (Column(""), *(Column(name, number=True) for _, name in there))
    return Table("", columns, tuple(row(name, *cells) for name, cells in lines))


def _groups_table(node: Node, unit: Unit, names: tuple[str, str]) -> Table:
    """Return the levels that moved, a line each."""
    rows: list[Row] = []
    for group in node.at("groups").each():
        sides = (group.at("old"), group.at("new"))
        shown = shared_unit(*sides, unit)
        newest = sides[1] if sides[1].exists else sides[0]
        cells = [_whole(estimate_cell(side, newest, shown)) for side in sides]
        counts = " → ".join(dict.fromkeys(_k_text(side) for side in sides))
        taus = [plain((tau2_piece(side),)) for side in sides]
        rows.append(row(group.at("level").label(), *cells, " → ".join(dict.fromkeys(taus)), counts))
    heads = [f"{unit.heading} [CI], {name}" for name in names]
    columns = (
        Column("Group"),
        *(Column(head, number=True) for head in heads),
        Column("tau²", number=True),
        Column("k", number=True),
    )
    return Table("", columns, tuple(rows))


def _whole(sentence: Sentence) -> Sentence:
    """Return a sentence as one piece of plain text: a comparison on the screen links nowhere."""
    return (plain(sentence),)


def _k_text(side: Node) -> str:
    k = side.at("k").number()
    return MISSING if k is None else number_text(k, 0)


def _row_points(rows: Sequence[RowBehind], file: str) -> Iterator[str]:
    """Walk the rows behind a change; many that came, or went, without more to say are one point."""
    for what in ("came", "went"):
        alike = [behind for behind in rows if behind.what == what and not behind.why]
        if len(alike) >= ALIKE:
            where = [f"{clean_text(r.label, 80)} ({line_text(r.old_line, r.new_line)})" for r in alike]
            yield f"{len(alike)} rows {what} ({file}): {join_names(where)}"
            rows = [behind for behind in rows if behind not in alike]
    for behind in rows:
        yield _row_point(behind, file)


def _group_points(groups: Sequence[GroupChange]) -> Iterator[str]:
    """Walk the columns by which groups moved."""
    for by in dict.fromkeys(group.by for group in groups):
        levels = [clean_text(group.level, 80) for group in groups if group.by == by]
        yield f"groups by {by} that moved: {'; '.join(levels)}"


def _row_point(behind: RowBehind, file: str) -> str:
    """Return a row behind a change: what happened, where it stands, its cells, and why it matters."""
    where = f"{file}, {line_text(behind.old_line, behind.new_line)}"
    said = f"{clean_text(behind.label, 80)} {_BEHIND[behind.what]} ({where})"
    if behind.cells:
        said += f": {cells_text(behind.cells)}"
    return f"{said}{'; ' if behind.cells else ': '}{behind.why}" if behind.why else said


def _choice_points(analysis: AnalysisChanges, choices: Sequence[ChoiceChange]) -> Iterator[str]:
    """Walk the choices behind a change, or say plainly that there is nothing but the software, or nothing."""
    behind = [choice for choice in choices if choice.where in analysis.choices]
    if behind and all(choice.kind == "software" for choice in behind):
        listed = join_names([_choice_text(choice) for choice in behind])
        yield f"No row and no choice explains this; the software is another: {listed}"
        return
    for choice in behind:
        yield f"choice {_choice_text(choice).removeprefix(f'analyses.{analysis.id}.')}"
    if analysis.what == "changed" and not behind and not analysis.rows:
        yield "No row, no choice and no version of the software explains this"


# Rows and choices ------------------------------------------------------------------------------------------


def _sheet(sheet: SheetChanges) -> Part | None:
    """Return what differs in a sheet; None where nothing does."""
    points = [
        f"{'columns' if len(names) > 1 else 'column'} {join_names(names)} {word}"
        for names, word in ((sheet.columns_came, "came"), (sheet.columns_went, "went"))
        if names
    ]
    points += row_lines(sheet)
    if sheet.old_file is None or sheet.new_file is None:
        points.insert(0, f"the sheet {'came' if sheet.old_file is None else 'went'}")
    elif sheet.old_file != sheet.new_file:
        points.insert(0, f"the file was {sheet.old_file}")
    if not points:
        return None
    same = _count(sheet.same, "is the same", "are the same")
    return Part(
        f"Rows of {sheet.new_file or sheet.old_file}",
        2,
        (f"{_count(len(sheet.rows), 'row differs', 'rows differ')}, {same}.",),
        None,
        tuple(points),
    )


def _choices(choices: Sequence[ChoiceChange]) -> Iterator[Part]:
    """Walk choices by what they can do: those that can move a number first, words last."""
    alternatives = [c for c in choices if _is_alternative(c)]
    # an analysis that came or went has a part of its own
    rest = [c for c in choices if c not in alternatives and c.where != f"analyses.{c.analysis}"]
    kinds = (
        ("Choices that can move a number", [c for c in rest if c.moves and c.kind != "software"]),
        ("Software", [c for c in rest if c.kind == "software"]),
    )
    for heading, found in kinds:
        if found:
            yield Part(heading, 2, (), None, tuple(map(_choice_text, found)))
    if alternatives:
        points = tuple(_alternative_points(alternatives))
        yield Part("Alternatives that came or went", 2, (), None, points)
    words = tuple(_choice_text(c) for c in rest if not c.moves and c.kind != "software")
    if words:
        yield Part("Words, and parts of analyses that came or went", 2, (), None, words)


def _is_alternative(choice: ChoiceChange) -> bool:
    """Say whether a choice is an alternative that came or went, whole."""
    inside = choice.where.startswith(f"analyses.{choice.analysis}.alternatives.")
    return inside and not choice.moves and (choice.old is None or choice.new is None)


def _alternative_points(choices: Sequence[ChoiceChange]) -> Iterator[str]:
    """Walk the analyses whose alternatives came or went, with their labels."""
    for analysis in dict.fromkeys(choice.analysis for choice in choices):
        place = f"analyses.{analysis}.alternatives."
        for word, gone in (("came", False), ("went", True)):
            found = [c for c in choices if c.analysis == analysis and (c.new is None) is gone]
            labels = [_unquoted(c.where.removeprefix(place)) for c in found]
            if labels:
                yield f"{analysis}: {len(labels)} {word}: {'; '.join(labels)}"


def _unquoted(part: str) -> str:
    """Return the last part of a dotted key as it was written before it was quoted."""
    return clean_text(json.loads(part) if part.startswith('"') else part, LONGEST_CHOICE)


def _choice_text(choice: ChoiceChange) -> str:
    """Return a choice as ``key: old → new``; what came or went says so."""
    old, new = (None if x is None else clean_text(x, LONGEST_CHOICE) for x in (choice.old, choice.new))
    if old is None or new is None:
        return f"{choice.where}: {new if old is None else old} ({'new' if old is None else 'no longer'})"
    return f"{choice.where}: {old} → {new}"


def _count(n: int, one: str, many: str) -> str:
    return f"{n} {one if n == 1 else many}"
