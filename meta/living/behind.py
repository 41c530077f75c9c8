"""The rows behind a change of an analysis: what became of them, and of their use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from extraction.sheet import Row, Sheet
from meta.living.shapes import RowBehind
from meta.living.sheets import Pair, Pairing, name_row
from meta.protocol.plan import Analysis
from meta.protocol.reads import columns_read
from meta.protocol.selection import filter_text, meets_filter

if TYPE_CHECKING:
    from meta.living.archive import Snapshot

#: Why the overlap rule keeps one row and not another that shares people with it.
_RULES = {
    "named": "which the protocol names",
    "most_cohorts": "since more studies are kept this way",
    "longest_followup": "with the longer follow-up",
    "largest_n": "with more people",
    "name": "a tie broken by name",
}


@dataclass(frozen=True, slots=True)
class Use:
    """What an analysis does with a row: uses it, sets it aside since it shares people, or leaves it out.

    ``label`` is its label there. ``now`` and ``before`` say why it is not used, as a sentence about now and
    about an earlier version.
    """

    state: Literal["used", "aside", "out"]
    label: str = ""
    now: str = ""
    before: str = ""


@dataclass(frozen=True, slots=True)
class Side:
    """One analysis in one version: its plan, its entry of results.json, and the use of each row by line.

    ``columns`` are those that it reads for more than a name, ``others`` the lines of rows that only its
    alternatives use.
    """

    plan: Analysis
    entry: Mapping[str, Any]
    uses: Mapping[int, Use]
    columns: frozenset[str]
    others: frozenset[int]

    def lines(self) -> frozenset[int]:
        """Return the lines of the rows that are used."""
        return frozenset(line for line, use in self.uses.items() if use.state == "used")


def read_side(version: Snapshot, plan: Analysis) -> Side:
    """Return what an analysis did with the rows of its sheet in one version."""
    entry = (version.results.get("analyses") or {}).get(plan.id) or {}
    sheet = version.review.sheets[plan.sheet]
    uses: dict[int, Use] = {}
    for label, refs in version.review.selections[plan.id].refs.items():
        uses.update({ref.line: Use("used", label) for ref in refs})
    uses.update(_unusable(entry))
    selection = entry.get("selection") or {}
    for item in (selection.get("overlap") or {}).get("set_aside") or ():
        rule = _RULES.get(item.get("rule"), "by the overlap rule")
        words = f"in favour of {' and '.join(item.get('because_of') or ())}, {rule}"
        use = Use("aside", item["label"], f"set aside {words}", f"was set aside {words}")
        uses.update({ref["line"]: use for ref in item.get("rows") or ()})
    for item in selection.get("excluded") or ():
        reason = item.get("reason") or "no reason given"
        use = Use("out", item["label"], f"left out by name: {reason}", f"was left out by name: {reason}")
        uses.update({ref["line"]: use for ref in item.get("rows") or ()})
    rest = (row for row in sheet.rows if row.ref.line not in uses)
    uses.update({row.ref.line: _filtered(row, plan) for row in rest})
    columns = (entry.get("cells") or {}).get("columns") or columns_read(plan, sheet)
    return Side(plan, entry, uses, frozenset(columns) - _names(plan, sheet), _other_lines(entry))


def _names(plan: Analysis, sheet: Sheet) -> frozenset[str]:
    """Return the columns that only name a row: another name moves no number."""
    overlap = sheet.schema.overlap
    names = {*plan.label_columns(), *((overlap.label,) if overlap is not None else ())}
    bare = replace(sheet, schema=replace(sheet.schema, overlap=None))
    return frozenset(names) - frozenset(columns_read(plan.model_copy(update={"label": None}), bare))


def _other_lines(entry: Mapping[str, Any]) -> frozenset[int]:
    """Return the lines of rows that alternatives use and the main analysis does not."""
    others = (entry.get("alternatives") or {}).get("rows") or ()
    names = {name for other in others for part in ("came", "swapped") for name in other.get(part) or ()}
    rows = (entry.get("cells") or {}).get("rows") or ()
    if others:
        # an alternative may join a further row to a study of the main analysis
        names |= {row["label"] for row in rows if row["used"]}
    return frozenset(row["line"] for row in rows if not row["used"] and row["label"] in names)


def _unusable(entry: Mapping[str, Any]) -> Iterator[tuple[int, Use]]:
    """Walk the lines of rows that reach the analysis and that its model cannot use."""
    for study in (entry.get("fit") or {}).get("studies") or ():
        if not study.get("used"):
            reason = study.get("reason") or "no reason given"
            use = Use("out", study["label"], f"cannot be used: {reason}", f"could not be used: {reason}")
            for ref in study.get("rows") or ():
                yield ref["line"], use


def _filtered(row: Row, plan: Analysis) -> Use:
    """Return which filter leaves a row out."""
    for condition in plan.filters:
        if condition.column in row.values and not meets_filter(condition, row):
            words = f"by the filter: {filter_text(condition)}"
            return Use("out", "", f"left out {words}", f"was left out {words}")
    return Use("out")


def same_rows(pairing: Pairing, old: Side, new: Side) -> bool:
    """Say whether both versions use the same rows."""
    return all(_is_used(pair, old, new) in ((True, True), (False, False)) for pair in pairing.pairs)


def study_names(pairing: Pairing, old: Side, new: Side) -> dict[str, str]:
    """Return the label of each study used in both versions: from the older to the newer."""
    return {
        old.uses[pair.old.ref.line].label: new.uses[pair.new.ref.line].label
        for pair in pairing.pairs
        if pair.old is not None and pair.new is not None and _is_used(pair, old, new) == (True, True)
    }


def rows_behind(pairing: Pairing, old: Side, new: Side, *, alternatives: bool) -> tuple[RowBehind, ...]:
    """Return the rows behind a change of an analysis, in the order of the newer sheet, those that went last.

    Rows used in either version that came, went, or changed in a column that the analysis reads (another name
    alone moves nothing); rows that are used in one version only; where ``alternatives`` moved, also rows that
    only they use. A row set aside in both versions cannot have moved the choice among the others.
    """
    columns = old.columns | new.columns
    labels = new.plan.label_columns()
    rows = [
        _behind(pair, old, new, columns, labels)
        or (_behind_others(pair, old, new, columns, labels) if alternatives else None)
        for pair in pairing.pairs
    ]
    return tuple(row for row in rows if row is not None)


def _is_used(pair: Pair, old: Side, new: Side) -> tuple[bool, bool]:
    """Say in which of the two versions a row is used."""
    before, after = _uses(pair, old, new)
    return (before is not None and before.state == "used", after is not None and after.state == "used")


def _uses(pair: Pair, old: Side, new: Side) -> tuple[Use | None, Use | None]:
    return (
        old.uses[pair.old.ref.line] if pair.old is not None else None,
        new.uses[pair.new.ref.line] if pair.new is not None else None,
    )


def _behind(
    pair: Pair, old: Side, new: Side, columns: frozenset[str], labels: tuple[str, ...]
) -> RowBehind | None:
    """Return a row that is used in either version, if there is anything to say about it."""
    uses, used = _uses(pair, old, new), _is_used(pair, old, new)
    if not any(used):
        return None
    cells = tuple(cell for cell in pair.cells if cell.column in columns)
    why = ""
    if used == (False, True) and uses[0] is not None:
        why = uses[0].before
    elif used == (True, False) and uses[1] is not None:
        why = uses[1].now
    what: Literal["came", "went", "changed", "now_used", "no_longer_used"]
    if pair.old is None:
        what = "came"
    elif pair.new is None:
        what = "went"
    elif cells:
        what = "changed"
    elif used[0] != used[1]:
        what = "now_used" if used[1] else "no_longer_used"
    else:
        return None
    label = next((use.label for use in reversed(uses) if use is not None and use.label), "")
    return _row(what, pair, label, cells if what == "changed" else (), why, labels)


def _behind_others(
    pair: Pair, old: Side, new: Side, columns: frozenset[str], labels: tuple[str, ...]
) -> RowBehind | None:
    """Return a row that only alternatives use, if it came, went or changed."""
    lines = (row.ref.line if row is not None else 0 for row in (pair.old, pair.new))
    cells = tuple(cell for cell in pair.cells if cell.column in columns)
    is_used = any(line in side.others for line, side in zip(lines, (old, new), strict=True))
    if not is_used or not (cells or pair.old is None or pair.new is None):
        return None
    what: Literal["came", "went", "changed"]
    what = "came" if pair.old is None else "went" if pair.new is None else "changed"
    label = next((use.label for use in reversed(_uses(pair, old, new)) if use is not None and use.label), "")
    why = "used by alternatives only"
    return replace(
        _row(what, pair, label, cells if what == "changed" else (), why, labels), alternatives_only=True
    )


def _row(
    what: Literal["came", "went", "changed", "now_used", "no_longer_used"],
    pair: Pair,
    label: str,
    cells: tuple[Any, ...],
    why: str,
    labels: tuple[str, ...],
) -> RowBehind:
    row = pair.new if pair.new is not None else pair.old
    assert row is not None
    return RowBehind(
        what=what,
        label=label or name_row(row, labels, ()),
        old_line=pair.old.ref.line if pair.old is not None else None,
        new_line=pair.new.ref.line if pair.new is not None else None,
        cells=cells,
        why=why,
    )
