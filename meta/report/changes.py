"""What changed since the last release: the sentences, and the table of analyses that changed."""

from __future__ import annotations

from dataclasses import dataclass

from meta.report.pieces import (
    Link,
    Node,
    Piece,
    Sentence,
    Unit,
    clean_text,
    join,
    listed,
    lower_first,
    plain,
    read_unit,
    show_count,
    upper_first,
)
from meta.report.rows_changed import BEHIND, behind_table, choice_table, row_tables
from meta.report.sentences import anchor_of
from meta.report.standings import estimate_cell, prediction_cell, shared_unit, tau2_piece
from meta.report.thresholds import threshold_cell, threshold_sentences
from meta.report.views import ChangesView, Column, Figure, Fold, Row, Table, row
from meta.report.words import NUMBER_WORDS
from meta.tables.numbers import MISSING

#: Labels of rows that a cell lists before it stops; the folded table has them all.
MOST_NAMES = 6

#: Characters of a unit that stays on one line of a table.
SHORT_UNIT = 12

#: What moved beyond the estimate, in words.
_PARTS = {
    "leave_one_out": "leave one out",
    "cumulative": "cumulative results",
    "regressions": "regressions",
    "small_study": "small-study effects",
    "alternatives": "alternatives",
    "subgroups": "subgroups",
}

#: What is behind an analysis that only one version has.
_WHOLE = {"came": "new in the review", "went": "no longer in the review"}


@dataclass(frozen=True, slots=True)
class _Side:
    """The two versions of an analysis or group, and how their numbers are shown."""

    old: Node
    new: Node
    unit: Unit


def changes_view(root: Node, anchors: frozenset[str]) -> ChangesView | None:
    """Return the section on what changed; None where there is no earlier release.

    Parameters
    ----------
    root : Node
        The whole of results.json.
    anchors : frozenset of str
        Anchors of the analyses of the report, to which names of analyses may lead.
    """
    changes = root.at("changes")
    if not changes.exists:
        return None
    old = changes.at("old").label()
    return ChangesView(
        title="What changed since the last release",
        line=_opening_line(changes),
        sentences=tuple(_lead_sentences(changes)),
        figures=tuple(
            Figure(
                figure.at("file").text(),
                f"Old and new estimates: {lower_first(figure.at('unit').text())}",
                f"Old and new estimates since {old}: {lower_first(figure.at('unit').text())}",
            )
            for figure in changes.at("figures").each()
        ),
        table=_changed_table(changes, anchors),
        folds=tuple(fold for fold in _folds(changes, anchors) if fold.exists),
    )


# Sentences -------------------------------------------------------------------------------------------------


def _version_name(changes: Node) -> str:
    name = changes.at("new").label()
    return f"Version {name}" if name[:1].isdigit() else upper_first(name)


def _opening_line(changes: Node) -> Sentence:
    """Return ``Version 2026.11.0; 3 of 12 analyses changed and 1 is new since 2026.10.0``."""
    since = f" since {changes.at('old').label()}."
    return join(f"{_version_name(changes)}; ", listed(_analyses_text(changes)), since)


def _analyses_text(changes: Node) -> list[Sentence]:
    """Say how many analyses changed, came and went."""
    moved = _counted(changes.at("counts"), (("came", "is new", "are new"), ("went", "is gone", "are gone")))
    return [_changed_text(changes), *moved]


def _changed_text(changes: Node) -> Sentence:
    counts = changes.at("counts")
    total, changed = counts.at("analyses"), counts.at("changed").number()
    if not changed and not counts.at("same").number():
        return ("no analysis is in both versions",)
    if total.number() == 1:
        one = "the one analysis in both" if counts.at("went").number() else "the one analysis"
        return (f"{one} changed" if changed else f"{one} did not change",)
    if not changed:
        return join("none of ", show_count(total), " analyses changed")
    return join(show_count(counts.at("changed")), " of ", show_count(total), " analyses changed")


def _lead_sentences(changes: Node) -> list[Sentence]:
    """Say how many analyses and rows changed, what else did, and what was crossed."""
    counts, note = changes.at("counts"), changes.at("old_note").text()
    said = f" (“{note.rstrip('.')}”)" if note else ""
    since = f"Since {changes.at('old').label()}{said}, "
    rows = _counted(
        counts,
        (
            ("rows_came", "row came", "rows came"),
            ("rows_went", "row went", "rows went"),
            ("rows_changed", "row changed", "rows changed"),
        ),
    )
    out = [join(since, listed(_analyses_text(changes)), ".")]
    out.append(
        join("In the sheets, ", listed(rows), ".") if rows else ("No row of a sheet came, went or changed.",)
    )
    choices = counts.at("choices")
    if choices.number():
        words = "choice that can move a number differs" if choices.number() == 1 else ""
        out.append(join(show_count(choices), f" {words or 'choices that can move a number differ'}."))
    out.extend(threshold_sentences(changes))
    return out


def _counted(counts: Node, names: tuple[tuple[str, str, str], ...]) -> list[Sentence]:
    """Return ``3 rows came`` for each count that is not 0."""
    found = [(counts.at(name), one, many) for name, one, many in names]
    return [
        join(show_count(node), f" {one if node.number() == 1 else many}")
        for node, one, many in found
        if node.number()
    ]


# The table of analyses -------------------------------------------------------------------------------------


def _unit_of(node: Node) -> Unit:
    """Return the unit of an analysis in which old and new are shown."""
    return read_unit(node, ratio=False)


def _side(node: Node, unit: Unit) -> _Side:
    """Return both versions, and the unit with as many decimals as show them and their difference."""
    old, new = node.at("old"), node.at("new")
    return _Side(old, new, shared_unit(old, new, unit))


def _changed_table(changes: Node, anchors: frozenset[str]) -> Table:
    """Return a line for each analysis that changed, and for its groups where those stand for it."""
    choices = {choice.at("where").text(): choice for choice in changes.at("choices").each()}
    shown = [a for a in changes.at("analyses").each() if a.at("what").text() != "same"]
    declared = any(analysis.at("threshold").exists for analysis in shown)
    rows: list[Row] = []
    for analysis in shown:
        rows.append(_analysis_row(analysis, anchors, declared, choices))
        if analysis.at("shows_groups").is_true():
            rows.extend(_group_rows(analysis, declared))
    columns = (
        Column("Analysis", wide=True),
        Column("Studies", number=True),
        Column("Estimate [CI] before", number=True),
        Column("Estimate [CI] now", number=True),
        Column("Unit"),
        *((Column("Threshold", wide=True),) if declared else ()),
        Column("What is behind it", prose=True),
    )
    return Table("Analyses that changed", columns, tuple(rows))


def _numbers(side: _Side) -> list[Sentence]:
    """Return studies and estimates of both versions, and the unit, as cells."""
    old, new, unit = side.old, side.new, side.unit
    return [
        _arrow(show_count(old.at("k")), show_count(new.at("k"))),
        estimate_cell(old, new, unit),
        estimate_cell(new, new, unit),
        (unit.heading.replace(" ", "\u00a0") if len(unit.heading) <= SHORT_UNIT else unit.heading,),
    ]


def _spreads(side: _Side) -> list[Sentence]:
    """Return prediction intervals and tau2 of both versions as cells."""
    old, new, unit = side.old, side.new, side.unit
    return [
        prediction_cell(old, new, unit),
        prediction_cell(new, new, unit),
        (tau2_piece(old),),
        (tau2_piece(new),),
    ]


def _arrow(old: Piece, new: Piece) -> Sentence:
    """Return ``6 → 12``; one of them alone where they read the same."""
    texts = [piece if isinstance(piece, str) else piece.text for piece in (old, new)]
    return (new,) if texts[0] == texts[1] else join(old, " → ", new)


def _analysis_row(
    analysis: Node, anchors: frozenset[str], declared: bool, choices: dict[str, Node]
) -> Row:
    unit = _unit_of(analysis)
    side = _side(analysis, unit)
    title, anchor = analysis.at("title").text(), anchor_of(analysis)
    name: Piece = Link(title, f"#{anchor}") if anchor in anchors else title
    threshold = (threshold_cell(analysis.at("threshold")),) if declared else ()
    return row(name, *_numbers(side), *threshold, _behind(analysis, choices))


def _group_rows(analysis: Node, declared: bool) -> list[Row]:
    unit = _unit_of(analysis)
    empty: tuple[Sentence, ...] = (("",),) if declared else ()
    return [
        row(
            f"– {group.at('level').label()}",
            *_numbers(_side(group, unit)),
            *empty,
            f"by {group.at('by').label()}",
        )
        for group in analysis.at("groups").each()
    ]


def _behind(analysis: Node, choices: dict[str, Node]) -> Sentence:
    """Say which rows and choices are behind a change, in words; the folded table has them one by one."""
    parts: list[Sentence] = []
    kinds: dict[str, list[str]] = {}
    behind = list(analysis.at("rows").each())
    main = [one for one in behind if not one.at("alternatives_only").is_true()]
    for one in main:
        kinds.setdefault(one.at("what").text(), []).append(_row_words(one))
    for what, labels in kinds.items():
        parts.append((f"{BEHIND.get(what, what)}: {_few(labels)}",))
    if not main and behind:
        parts.append((f"for its alternatives only: {_few([_row_words(one) for one in behind])}",))
    names = [choice.text() for choice in analysis.at("choices").each()]
    if names:
        told = [_choice_words(name, analysis, choices if i == 0 else {}) for i, name in enumerate(names)]
        parts.append((f"{'choice' if len(names) == 1 else 'choices'}: {_few(told)}",))
    whole = _WHOLE.get(analysis.at("what").text())
    if whole:
        parts.append((whole,))
    if analysis.at("parts").exists and not _moved(analysis):
        moved = [_PARTS.get(part.text(), part.text()) for part in analysis.at("parts").each()]
        parts.append((f"moved beyond the estimate: {', '.join(moved)}",))
    return listed(parts, last="; ", between="; ") if parts else (MISSING,)


def _moved(analysis: Node) -> bool:
    """Return whether the overall estimate moved by more than what is shown."""
    side = _side(analysis, _unit_of(analysis))
    old, new = (plain(estimate_cell(one, side.new, side.unit)) for one in (side.old, side.new))
    return old != new


def _row_words(behind: Node) -> str:
    """Return the name of a row, with its one changed cell where there is just one."""
    cells = list(behind.at("cells").each())
    label = behind.at("label").label()
    if behind.at("what").text() != "changed" or len(cells) != 1:
        return label
    (cell,) = cells
    old, new = (clean_text(cell.at(name).text(), 24) or "empty" for name in ("old", "new"))
    return f"{label} ({cell.at('column').label()} {old} → {new})"


def _few(names: list[str]) -> str:
    """Return names with commas, one that recurs once; of many only the first, and an ellipsis."""
    times = {name: names.count(name) for name in names}
    told = [name if n == 1 else f"{name} ({_number_word(n)} rows)" for name, n in times.items()]
    more = len(told) - MOST_NAMES
    if more > 1:
        return f"{', '.join(told[:MOST_NAMES])} and {_number_word(more)} more"
    return ", ".join(told)


def _number_word(n: int) -> str:
    return NUMBER_WORDS[n] if n < len(NUMBER_WORDS) else "many"


def _choice_words(where: str, analysis: Node, choices: dict[str, Node]) -> str:
    """Return the key of a choice without the analysis that it stands under, and its values where known."""
    key = where.removeprefix(f"analyses.{analysis.at('id').text()}.")
    if where not in choices:
        return key
    old, new = (clean_text(choices[where].at(name).text(), 40) or MISSING for name in ("old", "new"))
    return f"{key} ({old} → {new})"


# Folded away -----------------------------------------------------------------------------------------------


def _folds(changes: Node, anchors: frozenset[str]) -> list[Fold]:
    return [
        Fold("Prediction intervals and tau² before and now", (), (_spread_table(changes),)),
        Fold("Rows behind each analysis", (), (behind_table(changes),)),
        Fold("Groups that moved", (), (_groups_table(changes),)),
        Fold("Rows that came, went or changed, cell by cell", *row_tables(changes, anchors)),
        Fold("Choices and software that differ", (), (choice_table(changes),)),
    ]


#: Columns of prediction intervals and tau2.
_SPREADS = (
    Column("Prediction interval before", number=True),
    Column("Prediction interval now", number=True),
    Column("tau² before", number=True),
    Column("tau² now", number=True),
)


def _spread_table(changes: Node) -> Table:
    rows = []
    for analysis in changes.at("analyses").each():
        if analysis.at("what").text() == "same":
            continue
        unit, title = _unit_of(analysis), analysis.at("title").text()
        rows.append(row(title, *_spreads(_side(analysis, unit))))
        if analysis.at("shows_groups").is_true():
            rows += [
                row(f"– {group.at('level').label()}", *_spreads(_side(group, unit)))
                for group in analysis.at("groups").each()
            ]
    columns = (Column("Analysis", wide=True), *_SPREADS)
    return Table("Prediction intervals and tau² before and now", columns, tuple(rows))


def _groups_table(changes: Node) -> Table:
    rows = []
    for analysis in changes.at("analyses").each():
        if analysis.at("shows_groups").is_true():
            continue
        unit = _unit_of(analysis)
        for group in analysis.at("groups").each():
            side = _side(group, unit)
            name = f"{group.at('by').label()}: {group.at('level').label()}"
            rows.append(row(analysis.at("title").text(), name, *_numbers(side)[:-1], *_spreads(side)))
    columns = (
        Column("Analysis", wide=True),
        Column("Group", wide=True),
        Column("Studies", number=True),
        Column("Estimate [CI] before", number=True),
        Column("Estimate [CI] now", number=True),
        *_SPREADS,
    )
    return Table("Groups that moved, in the unit of their analysis", columns, tuple(rows))
