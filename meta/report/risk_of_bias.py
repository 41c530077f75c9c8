"""Risk of bias in the report: what was judged, study by study, and how much of the analysis it concerns."""

from __future__ import annotations

from meta.appraisal import GLYPHS
from meta.report.origins import rows_text
from meta.report.pieces import (
    Node,
    Piece,
    Sentence,
    full_stop,
    join,
    show_count,
    show_percent,
)
from meta.report.views import Block, Column, Figure, Table, row
from meta.report.words import NOT_ASSESSED
from meta.tables.numbers import MISSING

#: What shares are shares of, and why they are not of the weight.
SHARES_OF = {
    "weight": "of the weight",
    "people": "of the people (the model gives studies no weights)",
    "person_time": "of the person-time (the model gives studies no weights)",
    "studies": "of the studies (neither weights nor people are known of all)",
}
SHARE_HEADS = {"weight": "weight", "people": "people", "person_time": "person-time", "studies": "studies"}

_OVERALL = "overall"


def risk_blocks(analysis: Node, traffic_light: Figure | None, summary: Figure | None) -> list[Block]:
    """Return what the report says of risk of bias in one analysis; nothing where no judgements are declared.

    Parameters
    ----------
    analysis : Node
        An entry of ``analyses`` in results.json.
    traffic_light, summary : Figure or None
        Its figures, where the protocol asks for them.
    """
    judged = analysis.at("risk_of_bias")
    if not judged.exists:
        return []
    if not judged.at("assessed").number():
        words = (
            f"Risk of bias by {judged.at('tool').text()}: {NOT_ASSESSED}, none of these studies was judged."
        )
        return [Block("Risk of bias", ((words,),))]
    first = Block(
        "Risk of bias",
        (_source(judged), _counts(judged), _high(judged)),
        traffic_light,
        (judgement_table(judged),),
        "Reasons for the judgements",
        (reason_table(judged),),
    )
    of = SHARE_HEADS[judged.at("shares", "of").text()]
    second = Block(f"Share of {of} by risk of bias", (), summary, (share_table(judged),))
    return [first, second]


def judged_answer(answer: str, level: str) -> str:
    """Return a judgement as a glyph and its word: never by colour alone."""
    if not answer:
        return NOT_ASSESSED
    glyph = GLYPHS.get(level, "")  # type: ignore[call-overload]  # a level of another version has no glyph
    return f"{glyph} {answer}" if glyph else answer


def _source(judged: Node) -> Sentence:
    tool, citation = judged.at("tool").text(), judged.at("citation").text()
    return (f"Judged by {tool} ({citation}). {full_stop(judged.at('about').text())}",)


def _counts(judged: Node) -> Sentence:
    """Say how many studies were judged, and how many were not: the table shows which."""
    shares = judged.at("shares")
    said: Sentence = join(
        show_count(judged.at("assessed")), " of ", show_count(shares.at("k")), " studies assessed"
    )
    if not judged.at("not_assessed").number():
        return join(said, ".")
    return join(said, "; ", show_count(judged.at("not_assessed")), f" {NOT_ASSESSED}.")


def _high(judged: Node) -> Sentence:
    """Say how much of the analysis is at high risk of bias."""
    high = judged.at("high")
    if high.at("percent").number() is None:
        return ()
    of = SHARES_OF[high.at("of").text()]
    share = show_percent(high.at("percent"))
    if high.at("code").text() == _OVERALL:
        return join("Studies at high risk of bias as a whole hold ", share, f" {of}.")
    where = f"{high.at('code').text()} ({high.at('words').text()})"
    tool = judged.at("tool").text()
    return join(
        f"{tool} judges no study as a whole; the domain with most at high risk is {where}: ", share, f" {of}."
    )


def judgement_table(judged: Node) -> Table:
    """Return one line a study and one column a domain: glyph and word of each judgement."""
    domains = list(judged.at("domains").each())
    rows = []
    for study in judged.at("studies").each():
        cells: list[Piece | Sentence] = [
            judged_answer(one.at("answer").text(), one.at("level").text())
            for one in study.at("judgements").each()
        ]
        where = rows_text(study.at("rows"))
        rows.append(row(study.at("label").label(), *cells, where, muted=not study.at("used").is_true()))
    heads = [Column("Overall" if d.at("code").text() == _OVERALL else d.at("code").text()) for d in domains]
    said = [
        f"{d.at('code').text()} {d.at('words').text()}" for d in domains if d.at("code").text() != _OVERALL
    ]
    notes: tuple[Sentence, ...] = ((f"{'; '.join(said)}.",),)
    caption = f"Risk of bias by {judged.at('tool').text()}, study by study"
    return Table(caption, (Column("Study"), *heads, Column("Judged in")), tuple(rows), notes)


def reason_table(judged: Node) -> Table:
    """Return one line a judgement that has a reason."""
    words = {d.at("code").text(): d.at("words").text() for d in judged.at("domains").each()}
    rows = []
    for study in judged.at("studies").each():
        for one in study.at("judgements").each():
            code = one.at("code").text()
            if one.at("reason").exists:
                domain = words[code] if code == _OVERALL else f"{code} {words.get(code, '')}"
                answer = judged_answer(one.at("answer").text(), one.at("level").text())
                rows.append(row(study.at("label").label(), domain, answer, one.at("reason").text()))
    columns = (
        Column("Study"),
        Column("Domain", wide=True),
        Column("Judgement"),
        Column("Reason", prose=True),
    )
    return Table("Why studies were judged so", columns, tuple(rows))


def share_table(judged: Node) -> Table:
    """Return one line a domain: the share of each answer, and of how many studies."""
    shares = judged.at("shares")
    domains = list(shares.at("domains").each())
    levels = list(domains[0].at("levels").each()) if domains else []
    shown = [
        place
        for place, level in enumerate(levels)
        if level.at("level").text() != "not_assessed"
        or any(domain.at("levels", place, "studies").number() for domain in domains)
    ]
    rows = []
    for domain in domains:
        code, words = domain.at("code").text(), domain.at("words").text()
        cells = []
        for place in shown:
            level = domain.at("levels", place)
            count = level.at("studies")
            share = join(show_percent(level.at("percent")), " (", show_count(count), ")")
            cells.append(share if count.number() else (MISSING,))
        name = words if code == _OVERALL else f"{code} {words}"
        rows.append(row(name, *cells, strong=code == _OVERALL))
    heads = [_level_head(levels[place]) for place in shown]
    of = SHARES_OF[shares.at("of").text()]
    notes: tuple[Sentence, ...] = ((f"Shares are {of}; in brackets the number of studies.",),)
    return Table(
        f"Share of {SHARE_HEADS[shares.at('of').text()]} by risk of bias",
        (Column("Domain", wide=True), *heads),
        tuple(rows),
        notes,
    )


def _level_head(level: Node) -> Column:
    answer, code = level.at("answer").text(), level.at("level").text()
    return Column(judged_answer(answer, code), number=True)
