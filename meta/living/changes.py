"""Two versions of a review compared: what each analysis found, and the rows and choices behind a change."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from meta.effects.measures import default_unit, find_measure
from meta.living.behind import Side, read_side, rows_behind, same_rows, study_names
from meta.living.choices import compare_choices, concerns
from meta.living.shapes import AnalysisChanges, Changes, ChoiceChange, Standing, ThresholdChange
from meta.living.sheets import Sheets, sheet_changes
from meta.living.standing import group_changes, moved_parts, read_standing, standings_agree
from meta.protocol.plan import Analysis, Threshold
from meta.sensitivity.threshold import Place, place_beside

if TYPE_CHECKING:
    from meta.living.archive import Snapshot


def compare_snapshots(old: Snapshot, new: Snapshot) -> Changes:
    """Compare two versions of a review.

    Parameters
    ----------
    old, new : Snapshot
        Two releases, or a release and a review at work. Keys that the results of an older engine lack are
        taken as absent.

    Returns
    -------
    Changes
        Every row, cell and choice that differs, and every analysis: those of the newer protocol in its order,
        then those that went.
    """
    sheets, renamed = Sheets(old, new), _renamed_sheets(old, new)
    choices = compare_choices(old, new)
    plans = [{plan.id: plan for plan in side.review.protocol.analyses} for side in (old, new)]
    names = [*plans[1], *(name for name in plans[0] if name not in plans[1])]
    sides = {name: (_side(old, plans[0], name), _side(new, plans[1], name)) for name in names}
    return Changes(
        old=old.name,
        new=new.name,
        old_note=old.note,
        new_note=new.note,
        sheets=tuple(
            sheet_changes(
                name,
                sheets.pair(renamed.get(name, name), name),
                _label_columns(name, (new, old)),
                _lines((renamed.get(name, name), name), sides, Side.lines),
                _lines((renamed.get(name, name), name), sides, lambda side: side.others),
            )
            for name in dict.fromkeys([*new.review.sheets, *old.review.sheets])
            if name not in renamed.values()
        ),
        choices=choices,
        analyses=tuple(_compare_analysis(name, *sides[name], sheets, choices) for name in names),
    )


def _side(version: Snapshot, plans: Mapping[str, Analysis], name: str) -> Side | None:
    return read_side(version, plans[name]) if name in plans else None


def _label_columns(sheet: str, versions: Sequence[Snapshot]) -> tuple[str, ...]:
    """Return the columns that name a row of a sheet: as an analysis says, else the column of the study."""
    for version in versions:
        plans = version.review.protocol.analyses
        said = (plan.label_columns() for plan in plans if plan.sheet == sheet and plan.label is not None)
        overlap = version.review.sheets[sheet].schema.overlap if sheet in version.review.sheets else None
        found = next(said, (overlap.label,) if overlap is not None else ())
        if found:
            return found
    return ()


def _renamed_sheets(old: Snapshot, new: Snapshot) -> dict[str, str]:
    """Return the former name of each sheet that the newer protocol calls otherwise: its file is the same."""
    before, after = (side.review.protocol.sheets for side in (old, new))
    gone = {entry.file: name for name, entry in before.items() if name not in after}
    return {
        name: gone[entry.file]
        for name, entry in after.items()
        if name not in before
        and entry.file in gone
        and before[gone[entry.file]].schema_name == entry.schema_name
        and sum(other.file == entry.file for n, other in after.items() if n not in before) == 1
    }


def _lines(
    sheets: tuple[str, str],
    sides: Mapping[str, tuple[Side | None, Side | None]],
    lines_of: Callable[[Side], frozenset[int]],
) -> dict[str, tuple[frozenset[int], frozenset[int]]]:
    """Return the lines of a sheet that each analysis, or only its alternatives, used in the two versions."""
    found = {}
    for name, pair in sides.items():
        lines = [
            lines_of(side) if side is not None and side.plan.sheet == sheet else frozenset()
            for side, sheet in zip(pair, sheets, strict=True)
        ]
        found[name] = (lines[0], lines[1])
    return found


def _compare_analysis(
    name: str, old: Side | None, new: Side | None, sheets: Sheets, choices: tuple[ChoiceChange, ...]
) -> AnalysisChanges:
    """Compare one analysis, which at least one version has."""
    newest = new if new is not None else old
    assert newest is not None
    standings = [
        read_standing(side.entry.get("fit"), side.plan.measure) if side is not None else None
        for side in (old, new)
    ]
    common: dict[str, Any] = {
        "id": name,
        "title": newest.plan.title,
        "sheet": newest.plan.sheet,
        "unit": newest.plan.display_unit() or default_unit(newest.plan.measure),
        "old": standings[0],
        "new": standings[1],
        "threshold": _threshold(old, newest, standings),
    }
    nothing: dict[str, Any] = {"groups": (), "parts": (), "rows": (), "choices": ()}
    if old is None or new is None:
        return AnalysisChanges(what="came" if old is None else "went", **common, **nothing)
    pairing = sheets.pair(old.plan.sheet, new.plan.sheet)
    groups = group_changes(old.entry, new.entry, (old.plan, new.plan))
    parts = moved_parts(old.entry, new.entry, study_names(pairing, old, new))
    kept = same_rows(pairing, old, new)
    main = not standings_agree(*standings) or not kept
    if not (main or groups or parts):
        return AnalysisChanges(what="same", **common, **nothing)
    rows = rows_behind(pairing, old, new, alternatives="alternatives" in parts)
    moved = (*(("main",) if main else ()), *(("subgroups",) if groups else ()), *parts)
    behind = [c.where for c in choices if concerns(c, old.plan, new.plan, moved)]
    if not rows and not behind:
        behind = [c.where for c in choices if c.kind == "software" and c.moves]
    return AnalysisChanges(
        what="changed", groups=groups, parts=parts, rows=rows, choices=tuple(behind), **common
    )


def _threshold(
    before: Side | None, newest: Side, standings: Sequence[Standing | None]
) -> ThresholdChange | None:
    """Say where old and new estimate lie beside the newer threshold; None without one, or without any."""
    threshold = newest.plan.threshold
    if threshold is None:
        return None
    factor = _factor(newest.plan)
    # a ratio lies nowhere beside the threshold of a proportion
    kind = find_measure(newest.plan.measure).kind
    alike = [s if s is not None and find_measure(s.measure).kind == kind else None for s in standings]
    old, new = (_place(standing, threshold, factor) for standing in alike)
    if old is None and new is None:
        return None
    return ThresholdChange(
        value=float(threshold.value),
        old_value=_old_value(before.plan, factor) if before is not None and alike[0] is not None else None,
        words=threshold.words,
        old_side=old.estimate if old is not None else None,
        new_side=new.estimate if new is not None else None,
        old_interval=old.interval if old is not None else None,
        new_interval=new.interval if new is not None else None,
        crossed=old is not None and new is not None and old.estimate != new.estimate,
        interval_changed=old is not None and new is not None and old.interval != new.interval,
    )


def _factor(plan: Analysis) -> float:
    return (plan.display_unit() or default_unit(plan.measure)).factor


def _old_value(plan: Analysis, factor: float) -> float | None:
    """Return the threshold of an older plan in a newer unit; the number as it stands where the unit stays."""
    if plan.threshold is None:
        return None
    value, own = float(plan.threshold.value), _factor(plan)
    return value if own == factor else value / own * factor


def _place(standing: Standing | None, threshold: Threshold, factor: float) -> Place | None:
    """Return where an estimate lies beside a threshold, both in the unit of display."""
    if standing is None or standing.value is None or standing.low is None or standing.high is None:
        return None
    value, low, high = (factor * x for x in (standing.value, standing.low, standing.high))
    return place_beside(value, low, high, float(threshold.value))
