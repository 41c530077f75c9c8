"""The table of studies: counts and results beside what the sheet says, its sources and its rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from meta.effects.measures import SUMMED
from meta.report.origins import address_pieces, rows_text
from meta.report.pieces import (
    Node,
    Piece,
    Sentence,
    Unit,
    bracketed,
    clean_text,
    lower_first,
    scaled,
    show_count,
    show_number,
    show_percent,
)
from meta.report.views import Column, Table, row
from meta.report.words import COUNT_HEADINGS, NOT_ASSESSED
from meta.tables.numbers import MISSING, column_decimals, sheet_decimals

#: Cells up to this many letters need no width of their own; those beyond the second number are sentences.
SHORT_TEXT = 14
LONG_TEXT = 60


@dataclass(frozen=True, slots=True)
class _Shape:
    """What the table of one analysis holds beyond study, estimate, risk of bias, source and sheet rows."""

    described: list[Node]
    counts: list[str]
    headings: dict[str, str]
    reasons: bool
    weights: bool
    short: list[tuple[str, Column]]
    long: list[tuple[str, Column]]
    decimals: int
    measured: dict[str, int]


def study_table(analysis: Node, unit: Unit, anchor: str) -> Table:
    """Return one line a study; those that the model does not use are shown with the reason.

    Parameters
    ----------
    analysis : Node
        An entry of ``analyses`` in results.json.
    unit : Unit
        Its unit of display.
    anchor : str
        Anchor of the analysis; rows are named ``<anchor>-study-1`` and so on.
    """
    studies = list(analysis.at("fit", "studies").each())
    entries = {str(entry.at("label").value): entry for entry in analysis.at("study_table", "rows").each()}
    shape = _shape(analysis, unit, studies, list(entries.values()))
    rows = tuple(
        row(
            *_cells(study, entries.get(str(study.at("label").value), Node(None)), unit, shape),
            anchor=f"{anchor}-study-{i}",
            muted=not study.at("used").is_true(),
        )
        for i, study in enumerate(studies, start=1)
    )
    notes: list[Sentence] = [
        (f"{d.at('sign').text()} {d.at('words').text().rstrip('.')}.",)
        for d in shape.described
        if d.at("words").exists
    ]
    if studies and not shape.weights and _without_weights(analysis):
        notes.append(("The model gives studies no weights.",))
    return Table(f"Studies: {analysis.at('title').text()}", tuple(_columns(unit, shape)), rows, tuple(notes))


def recovered_table(analysis: Node) -> Table:
    """Return one line a study whose numbers were recovered: from which cells, and by which formula.

    Parameters
    ----------
    analysis : Node
        An entry of ``analyses`` in results.json.
    """
    rows = tuple(
        row(
            study.at("label").label(),
            clean_text(study.at("recovered").text()),
            rows_text(study.at("rows")),
            muted=not study.at("used").is_true(),
        )
        for study in analysis.at("fit", "studies").each()
        if study.at("recovered").exists
    )
    notes: tuple[Sentence, ...] = (
        ("Hollow squares in the forest plot. What a row gives itself goes before what can be recovered.",),
    )
    columns = Column("Study"), Column("What, from which cells, and how", prose=True), Column("Sheet rows")
    return Table("Numbers recovered from what papers report", columns, rows, notes)


def _without_weights(analysis: Node) -> bool:
    """Return whether the model gives studies no weights, rather than could not be fitted."""
    return analysis.at("fit", "spec", "model").text().endswith("_normal")


def _shape(analysis: Node, unit: Unit, studies: list[Node], entries: list[Node]) -> _Shape:
    """Read off what there is to show."""
    described = list(analysis.at("descriptors").each())
    shown = {d.at("column").text() for d in described}
    texts = [
        (c.at("name").text(), _text_column(c, entries))
        for c in analysis.at("study_table", "columns").each()
        if c.at("name").text() not in shown
    ]
    values = [
        [scaled(s.at(part).number(), unit.factor) for part in ("value", "low", "high")] for s in studies
    ]
    counts = list(dict.fromkeys(name for s in studies for name, _ in s.at("counts").items()))
    return _Shape(
        described=described,
        counts=counts,
        headings={name: _count_heading(analysis, name) for name in counts},
        reasons=not all(s.at("used").is_true() for s in studies),
        weights=any(s.at("weight").exists for s in studies),
        short=[(name, column) for name, column in texts if not column.kind],
        long=[(name, column) for name, column in texts if column.kind],
        decimals=column_decimals(values),
        measured={
            name: sheet_decimals(s.at("counts", name).number() for s in studies)
            for name in counts
            if name not in SUMMED
        },
    )


def _count_heading(analysis: Node, name: str) -> str:
    """Return the heading of a count: the protocol's own, else the usual word, with the name of the arm."""
    declared = analysis.at("headings", name).text()
    arm = analysis.at("arms", int(name[-1]) - 1).text() if name[-1] in "12" else ""
    bare = name.rstrip("12") if arm else name
    word = declared or analysis.at("headings", bare).text() or COUNT_HEADINGS.get(bare, bare)
    return f"{word}, {lower_first(arm)}" if arm and not declared else word


def _text_column(column: Node, entries: Iterable[Node]) -> Column:
    """Return a column of the sheet's own words, as wide as what stands in it asks for."""
    longest = max((len(entry.at("cells", column.at("name").text()).text()) for entry in entries), default=0)
    return Column(column.at("heading").text(), wide=longest > SHORT_TEXT, prose=longest > LONG_TEXT)


def _columns(unit: Unit, shape: _Shape) -> list[Column]:
    """Return the columns: numbers first, then judgement and origin, long words last."""
    return [
        Column("Study"),
        *(Column(d.at("heading").text(), right=d.at("align").text() == "right") for d in shape.described),
        *(Column(shape.headings[name], number=True) for name in shape.counts),
        Column(f"{unit.heading} [CI]", number=True),
        *([Column("Not used because", wide=True)] if shape.reasons else []),
        *([Column("Weight", number=True)] if shape.weights else []),
        *(column for _, column in shape.short),
        Column("Risk of bias"),
        Column("Source"),
        Column("Sheet rows"),
        *(column for _, column in shape.long),
    ]


def _cells(study: Node, entry: Node, unit: Unit, shape: _Shape) -> list[Piece | Sentence]:
    """Return the cells of one study, in the order of ``_columns``."""
    label = str(study.at("label").value)
    reason = "" if study.at("used").is_true() else study.at("reason").text() or "no reason recorded"
    value, low, high = (
        show_number(study.at(part), shape.decimals, unit.factor) for part in ("value", "low", "high")
    )
    return [
        study.at("label").label(),
        *(_descriptor_cell(d, label) for d in shape.described),
        *(_count_cell(study.at("counts", name), shape.measured.get(name)) for name in shape.counts),
        bracketed(value, low, high),
        *([reason] if shape.reasons else []),
        *([show_percent(study.at("weight"))] if shape.weights else []),
        *(entry.at("cells", name).text() or MISSING for name, _ in shape.short),
        entry.at("risk_of_bias").text() or NOT_ASSESSED,
        address_pieces(entry.at("source_url").text()),
        rows_text(study.at("rows")),
        *(entry.at("cells", name).text() or MISSING for name, _ in shape.long),
    ]


def _count_cell(count: Node, decimals: int | None) -> Piece:
    """Return a count; or a mean, spread or correlation with the decimals of its column."""
    return show_count(count) if decimals is None else show_number(count, decimals)


def _descriptor_cell(descriptor: Node, label: str) -> str:
    """Return a descriptor of one study, with the sign that the protocol puts behind marked cells."""
    text = descriptor.at("values", label).text()
    marked = descriptor.at("marked").value
    sign = descriptor.at("sign").text() if isinstance(marked, list) and label in marked else ""
    return f"{text}{sign}" if text else MISSING
