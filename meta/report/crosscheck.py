"""Second opinions: the largest difference of each analysis from PyMARE, statsmodels, SciPy and metafor."""

from __future__ import annotations

from meta.report.pieces import (
    Link,
    Node,
    Piece,
    Sentence,
    clean_text,
    join,
    listed,
    show_count,
    show_difference,
)
from meta.report.sentences import anchor_of
from meta.report.views import Block, Column, Row, Table, row
from meta.tables.numbers import MISSING

TITLE = "Second opinions"

#: What each engine is asked, in words.
ASKED = {
    "PyMARE": (
        "PyMARE fits the estimators DL, HE, ML and REML, each with Wald and HKSJ intervals, and "
        "regressions by them"
    ),
    "statsmodels": (
        "statsmodels fits DL and PM, weighted least squares at our τ² by every estimator, regressions by "
        "the same, and for counts the GLM at τ² = 0, whose deviance is our Q"
    ),
    "SciPy": (
        "SciPy integrates the log-likelihood of a GLMM study by study at the reported mean and τ², and "
        "looks for a higher one around them"
    ),
    "metafor": (
        "R's metafor makes every reported fit and regression by inverse variance again, with τ², its "
        "interval and the prediction interval, and of GLMMs the twin on effect sizes"
    ),
}

MEASURED: Sentence = (
    "A difference is relative to the number, or to the scale of the analysis where that is larger (the "
    "standard error of its mean, its typical sampling variance). Exact methods, which are closed forms, "
    "the GLM and the log-likelihood, may differ by 1e-10, and no log-likelihood nearby may be higher by "
    "more. Iterated methods have their tolerance in brackets: 1e-6 for PyMARE's ML, REML and HKSJ, and for "
    "statsmodels' PM 1e-4 on τ² and 1e-5 on the rest, since these stop their iterations early; for metafor "
    "1e-8, and 1e-6 for the interval of τ².",
)

ALIKE: Sentence = (
    "Our side is refitted by every estimator and interval, so that also what a profile did not choose is "
    "compared, and the reported numbers are among those compared. HKSJ is compared without its guard, and "
    "with the guard applied to the engine's own two standard errors. Analyses of counts are compared "
    "twice: their logits or log rates, with 0.5 added where a cell is zero, and the GLMM itself.",
)

NOT_COMPARED: Sentence = (
    "Not compared: profile-likelihood limits of GLMMs, and what stands below. Prediction intervals and "
    "intervals of τ² are compared with metafor alone.",
)


def crosscheck_block(root: Node) -> Block:
    """Return the second opinions of a run that asked for them; an empty block elsewhere."""
    summaries = root.at("crosscheck")
    if not summaries.exists:
        return Block(TITLE)
    return Block(
        TITLE,
        (_verdict(root, summaries),),
        None,
        (_difference_table(root, summaries), _failure_table(root, summaries)),
        "What was not compared, and why",
        (_declined_table(root, summaries),),
    )


def _verdict(root: Node, summaries: Node) -> Sentence:
    """Say in one sentence whether the engines agree."""
    silent = _not_asked(summaries)
    engines = dict.fromkeys(
        f"{entry.at('engine').text()} {entry.at('version').text()}"
        for entry in summaries.each()
        if entry.at("engine").text() not in silent
    )
    differing = [entry for entry in summaries.each() if entry.at("status").text() == "differs"]
    lead = join("The fits were made again by ", listed(list(engines)))
    after = "".join(f" {reason}." for reason in silent.values())
    if not differing:
        return join(lead, ": no number differs by more than its tolerance.", after)
    names = dict.fromkeys(_name(root, entry) for entry in differing)
    where = listed(list(names), last="; ", between="; ")
    return join(lead, ". Numbers differ by more than their tolerance in: ", where, ".", after)


def _not_asked(summaries: Node) -> dict[str, str]:
    """Return the engines that could not be asked at all, each with its one reason; they fill no rows."""
    reasons: dict[str, set[str]] = {}
    for entry in summaries.each():
        if entry.at("version").text() or entry.at("fits").number():
            continue
        told = {told.at("words").text() for told in entry.at("declined").each()}
        reasons.setdefault(entry.at("engine").text(), set()).update(told)
    return {engine: " ".join(sorted(words)) for engine, words in reasons.items()}


def _name(root: Node, entry: Node) -> Piece:
    """Return the title of an analysis as a link to it."""
    analysis = root.at("analyses", entry.at("analysis").text())
    return Link(analysis.at("title").text(), f"#{anchor_of(analysis)}")


def _difference_table(root: Node, summaries: Node) -> Table:
    """Return one row an analysis and engine: how many numbers, the largest differences, the verdict."""
    rows: list[Row] = []
    silent = _not_asked(summaries)
    for entry in summaries.each():
        if entry.at("engine").text() in silent:
            continue
        opinions = root.at("analyses", entry.at("analysis").text(), "crosscheck")
        rows.append(
            row(
                _name(root, entry),
                entry.at("engine").text(),
                show_count(entry.at("fits")),
                show_count(entry.at("quantities")),
                _largest(opinions, entry.at("exact"), tolerance=False),
                _largest(opinions, entry.at("iterated"), tolerance=True),
                _status(entry),
            )
        )
    named = dict.fromkeys(entry.at("engine").text() for entry in summaries.each())
    engines = [engine for engine in named if engine not in silent]
    asked = "; ".join(ASKED[engine] for engine in engines if engine in ASKED)
    return Table(
        "Largest difference by analysis and engine",
        (
            Column("Analysis", wide=True),
            Column("Engine"),
            Column("Fits", number=True),
            Column("Numbers", number=True),
            Column("Exact (1e-10)", number=True),
            Column("Iterated (tolerance)", number=True),
            Column("Verdict"),
        ),
        tuple(rows),
        ((f"{asked}.",), ALIKE, MEASURED, NOT_COMPARED),
    )


def _largest(opinions: Node, place: Node, *, tolerance: bool) -> Sentence:
    """Return the difference of the opinion at a place of the list, with its tolerance where that varies."""
    index = place.number()
    if index is None:
        return (MISSING,)
    opinion = opinions.at(int(index))
    largest = opinion.at("largest")
    shown: Piece = show_difference(largest) if largest.exists else "no number"
    return join(shown, " (", show_difference(opinion.at("tolerance")), ")") if tolerance else (shown,)


def _status(entry: Node) -> Sentence:
    status, declined = entry.at("status").text(), entry.at("declined")
    if status == "cannot":
        return ("cannot",)
    words: Piece | Sentence = status
    if status == "differs":
        words = join("differs: ", show_count(entry.at("failures")), " numbers")
    return join(words, *((", ", show_count(declined), " not compared") if declined.exists else ()))


def _failure_table(root: Node, summaries: Node) -> Table:
    """Return every number beyond its tolerance."""
    rows = [
        row(_name(root, entry), entry.at("engine").text(), told.at("part").text(), told.at("words").text())
        for entry in summaries.each()
        for told in entry.at("failures").each()
    ]
    columns = (
        Column("Analysis", wide=True),
        Column("Engine"),
        Column("Fit", wide=True),
        Column("What differs", wide=True),
    )
    return Table("Numbers beyond their tolerance", columns, tuple(rows))


def _declined_table(root: Node, summaries: Node) -> Table:
    """Return what engines cannot do, engines with the same reason in one row."""
    engines: dict[tuple[str, str, str], list[str]] = {}
    names: dict[str, Piece] = {}
    silent = _not_asked(summaries)
    for entry in summaries.each():
        if entry.at("engine").text() in silent:
            continue
        analysis = entry.at("analysis").text()
        names[analysis] = _name(root, entry)
        for told in entry.at("declined").each():
            key = analysis, told.at("part").text(), told.at("words").text()
            engines.setdefault(key, []).append(entry.at("engine").text())
    rows = [
        row(names[analysis], part, clean_text(words), ", ".join(who))
        for (analysis, part, words), who in engines.items()
    ]
    columns = (
        Column("Analysis", wide=True),
        Column("Fit", wide=True),
        Column("Why", wide=True),
        Column("Engines"),
    )
    return Table("Not compared", columns, tuple(rows))
