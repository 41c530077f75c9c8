"""The release history of one analysis: a sentence, its figure, and the versions as a table."""

from __future__ import annotations

from meta.report.pieces import Node, Sentence, Unit, join, plain, show_count
from meta.report.standings import WITHOUT, estimate_cell, prediction_cell, same_kind, tau2_piece
from meta.report.views import Block, Column, Figure, Table, row
from meta.report.words import STATUS_REMARKS


def history_block(root: Node, analysis: Node, unit: Unit, figure: Figure | None) -> Block:
    """Return what an analysis found version by version; empty below two versions."""
    points = root.at("history", analysis.at("id").text())
    if len(points) < 2:
        return Block("Release history")
    sentence = _history_sentence(points, unit)
    return Block(
        "Release history",
        (sentence,) if plain(sentence) else (),
        figure,
        (),
        "Release history as a table",
        (_history_table(points, unit),),
    )


def _history_sentence(points: Node, unit: Unit) -> Sentence:
    """Say from where to where the estimate went."""
    newest = points.at(len(points) - 1, "standing")
    known = [
        point
        for point in points.each()
        if point.at("standing", "value").exists and same_kind(point.at("standing"), newest)
    ]
    if len(known) < 2 or not newest.at("value").exists:
        return ()

    def told(point: Node) -> Sentence:
        standing = point.at("standing")
        word = "study" if standing.at("k").number() == 1 else "studies"
        return join(
            unit.show(standing.at("value")),
            f" ({point.at('version').label()}, ",
            show_count(standing.at("k")),
            f" {word})",
        )

    first, last = known[0].at("standing"), known[-1].at("standing")
    values = [plain((unit.show(standing.at("value")),)) for standing in (first, last)]
    lead = join("Over ", show_count(points), " versions the estimate ")
    if values[0] == values[1] and first.at("k").number() == last.at("k").number():
        return join(lead, "stayed at ", *told(known[-1]), unit.after, ".")
    return join(lead, "went from ", *told(known[0]), " to ", *told(known[-1]), unit.after, ".")


def _history_table(points: Node, unit: Unit) -> Table:
    newest = points.at(len(points) - 1, "standing")
    rows = []
    for i, point in enumerate(points.each()):
        standing = point.at("standing")
        status = standing.at("status").text()
        remark = STATUS_REMARKS.get(status, "" if status in WITHOUT or status == "ok" else status)
        rows.append(
            row(
                point.at("version").label(),
                show_count(standing.at("k")),
                estimate_cell(standing, newest, unit),
                prediction_cell(standing, newest, unit),
                tau2_piece(standing),
                "; ".join(words for words in (point.at("note").text(), remark.replace("_", " ")) if words),
                strong=i == len(points) - 1,
            )
        )
    columns = (
        Column("Version"),
        Column("Studies", number=True),
        Column("Estimate [CI]", number=True),
        Column("Prediction interval", number=True),
        Column("tau²", number=True),
        Column("Note", wide=True),
    )
    return Table("Release history", columns, tuple(rows))
