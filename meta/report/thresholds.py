"""Beside a declared threshold: which share of settings lies beyond it, where old and new estimates lie."""

from __future__ import annotations

from meta.living.standing import agree
from meta.report.pieces import (
    Node,
    Sentence,
    join,
    plain,
    ranged,
    read_unit,
    show_count,
    show_declared,
    show_level,
    show_share,
)
from meta.tables.numbers import MISSING


def share_sentence(analysis: Node) -> Sentence:
    """Say which share of settings is expected beyond the declared threshold; empty without one."""
    share, threshold = analysis.at("share"), analysis.at("threshold")
    if not share.exists or not threshold.exists:
        return ()
    if not share.at("value").exists:
        why = share.at("reason").text()
        return (f"No share of settings beyond it is given: {why.replace('tau2', 'tau²')}.",) if why else ()
    bounds = ranged(show_share(share.at("low")), show_share(share.at("high")))
    known = plain(bounds) != MISSING
    inside = (" (", show_level(share.at("level")), " CI ", bounds, ")") if known else ()
    samples = show_count(share.at("samples"))
    how = ("; the interval is from ", samples, " bootstrap samples of the studies") if known else ()
    return join(
        "An estimated ",
        show_share(share.at("value")),
        " of settings",
        *inside,
        f" lie {share.at('beyond').text()} it, by the normal distribution of the model",
        *how,
        " (Mathur and VanderWeele 2019).",
    )


def threshold_sentences(changes: Node) -> list[Sentence]:
    """Say which analyses crossed their threshold; that none did, where one is declared."""
    said: list[Sentence] = []
    for analysis in changes.at("analyses").each():
        threshold, unit = analysis.at("threshold"), read_unit(analysis, ratio=False)
        title = analysis.at("title").text().rstrip(".:")
        there = join(show_declared(threshold.at("value")), unit.after)
        if _has_moved(threshold):
            lies = threshold.at("new_side").text()
            tail = f", and the estimate lies {_sided(lies)} it." if lies else "."
            was = show_declared(threshold.at("old_value"))
            said.append(join(f"{title}: the threshold was ", was, " and is ", there, " now", tail))
        if threshold.at("crossed").is_true():
            old, new = (_sided(threshold.at(name).text()) for name in ("old_side", "new_side"))
            said.append(
                join(f"{title}: the estimate lay {old} its threshold of ", there, f" and lies {new} it now.")
            )
        elif threshold.at("interval_changed").is_true():
            includes = threshold.at("new_interval").text() == "on"
            words = "includes now" if includes else "included and does not any more"
            said.append(join(f"{title}: the interval {words} the threshold of ", there, "."))
    if not said and changes.at("counts", "declared").number():
        said.append(("No estimate crossed a declared threshold.",))
    return said


def _has_moved(threshold: Node) -> bool:
    """Say whether the older version had another threshold, in the newer unit."""
    old, new = threshold.at("old_value").number(), threshold.at("value").number()
    return old is not None and not agree(old, new)


def _sided(side: str) -> str:
    return {"on": "on", "above": "above", "below": "below"}.get(side, "beside")


def threshold_cell(threshold: Node) -> Sentence:
    """Say on which side of the threshold estimate and interval lie, and whether that is new."""
    if not threshold.exists:
        return (MISSING,)
    old, new = threshold.at("old_side").text(), threshold.at("new_side").text()
    value = join(show_declared(threshold.at("value")))
    if _has_moved(threshold):
        value = join(*value, " (was ", show_declared(threshold.at("old_value")), ")")
    if not new or not old:
        words = f", estimate {new or old} it" if new or old else ""
        return join(*value, words)
    moved = f"crossed, {old} → {new}" if threshold.at("crossed").is_true() else f"not crossed, {new}"
    before, now = (threshold.at(name).text() == "on" for name in ("old_interval", "new_interval"))
    interval = "; interval includes it" + (", as before" if before else ", newly")
    if not now:
        interval = "; interval clear of it" + (", newly" if before else ", as before")
    return join(*value, f": {moved}{interval}")
