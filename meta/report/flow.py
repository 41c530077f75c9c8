"""How records became studies: the PRISMA 2020 flow diagram, and the same counts as a table."""

from __future__ import annotations

from collections.abc import Iterator

from meta.report.pieces import Node, full_stop, show_count, upper_first
from meta.report.views import Block, Column, Figure, Row, Table, row

#: The counts of databases and registers in reading order, by key; ``*`` is a list of names.
_STEPS = (
    ("identified", "Records identified from *"),
    ("duplicates", "Duplicate records removed before screening"),
    ("automation", "Records marked as ineligible by automation tools"),
    ("other_removed", "Records removed before screening for other reasons"),
    ("screened", "Records screened"),
    ("excluded", "Records excluded"),
    ("sought", "Reports sought for retrieval"),
    ("not_retrieved", "Reports not retrieved"),
    ("assessed", "Reports assessed for eligibility"),
    ("reasons", "Reports excluded: *"),
)
_OTHER = ("identified", "sought", "not_retrieved", "assessed", "reasons")
_PREVIOUS = (
    ("previous_studies", "Studies included in previous version of review"),
    ("previous_reports", "Reports of studies included in previous version of review"),
)
_TOTAL = (
    ("total_studies", "Total studies included in review"),
    ("total_reports", "Reports of total included studies"),
    ("analysed", "Studies included in meta-analysis"),
)


def flow_block(flow: Node) -> Block:
    """Return the flow diagram with its counts as a table; nothing where no counts are declared."""
    title = "Flow of records"
    if not flow.exists:
        return Block(title)
    table = Table(
        "The flow of records as a table",
        (Column("Way", wide=True), Column("Step", wide=True), Column("Count", number=True)),
        tuple(_rows(flow)),
    )
    said = full_stop(upper_first(flow.at("about").text()))
    words = f"Counts as the protocol declares them, drawn as PRISMA 2020 asks. {said}"
    figure = Figure(flow.at("figure").text(), title, f"{title}: the counts are in the table below it")
    return Block(title, ((words,),), figure, (table,))


def _rows(flow: Node) -> Iterator[Row]:
    """Return one row a count, those not given left out."""
    is_update = any(flow.at(key).exists for key, _ in _PREVIOUS)
    new = "New studies included in review" if is_update else "Studies included in review"
    reports = "Reports of new included studies" if is_update else "Reports of included studies"
    other = flow.at("other")
    ways = (
        ("Previous version", flow, _PREVIOUS),
        ("Databases and registers", flow, _STEPS),
        ("Other methods", other, tuple(step for step in _STEPS if step[0] in _OTHER)),
        ("Included", flow, (("studies", new), ("reports", reports), *_TOTAL)),
    )
    for way, node, steps in ways:
        for key, words in steps:
            found = node.at(key)
            if words.endswith("*"):
                for one in found.each():
                    yield row(way, words.replace("*", one.at("name").text()), show_count(one.at("count")))
            elif found.exists:
                yield row(way, words, show_count(found))
