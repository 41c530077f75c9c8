"""The checklists PRISMA 2020 and PRISMA-LSR: what this report shows of each item, and what people must write.

Item numbers are those of the checklists; the short names are ours. An item counts as shown only where the
results hold it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from meta.report.pieces import Link, Node, Piece, Sentence, join
from meta.report.sentences import anchor_of
from meta.report.views import Block, Column, Row, Table, row

SHOWN, IN_PART, PEOPLE = "shown", "in\u00a0part", "for\u00a0people"

#: Items of PRISMA 2020 (Page et al. 2021, BMJ 372: n71), with short names of ours.
PRISMA_ITEMS: dict[str, str] = {
    "1": "Title",
    "2": "Abstract",
    "3": "Rationale",
    "4": "Questions",
    "5": "Eligibility and grouping",
    "6": "Sources searched",
    "7": "Search strategies",
    "8": "Selection of studies",
    "9": "Collection of data",
    "10a": "Outcomes",
    "10b": "Other variables",
    "11": "Risk of bias: method",
    "12": "Effect measures",
    "13a": "Which studies enter which synthesis",
    "13b": "Preparation of data",
    "13c": "Tables and figures: method",
    "13d": "Synthesis: model, heterogeneity, software",
    "13e": "Exploration of heterogeneity: method",
    "13f": "Sensitivity analyses: method",
    "14": "Missing results: method",
    "15": "Certainty: method",
    "16a": "Flow of records and studies",
    "16b": "Studies excluded, with reasons",
    "17": "Characteristics of studies",
    "18": "Risk of bias of each study",
    "19": "Results of each study",
    "20a": "What each synthesis rests on",
    "20b": "Results of syntheses",
    "20c": "Exploration of heterogeneity: results",
    "20d": "Sensitivity analyses: results",
    "21": "Missing results: findings",
    "22": "Certainty of each outcome",
    "23a": "Discussion: interpretation",
    "23b": "Discussion: limits of the evidence",
    "23c": "Discussion: limits of the review",
    "23d": "Discussion: implications",
    "24a": "Registration",
    "24b": "Protocol",
    "24c": "Amendments",
    "25": "Support",
    "26": "Competing interests",
    "27": "Data and code",
}

#: What PRISMA-LSR adds (Akl et al. 2024, BMJ 387: e079183): its own items, and elements of items above.
LIVING_ITEMS: tuple[tuple[str, str], ...] = (
    ("1", "Title says that the review is living"),
    ("1", "Number of the version"),
    ("2", "Retirement from the living mode"),
    ("3", "Reason for the living mode"),
    ("3", "The preceding version, cited"),
    ("4", "Changes of the questions"),
    ("L1", "Schedules, triggers and end of the living mode"),
    ("L2", "Changes of the methods"),
    ("L3", "Changes of the results"),
    ("L4", "Authors and their roles"),
)

_STATEMENTS: tuple[Sentence, ...] = (
    (
        "Which items of PRISMA 2020 (",
        Link("Page et al. 2021, BMJ 372: n71", "https://doi.org/10.1136/bmj.n71"),
        ") and of its extension for living reviews, PRISMA-LSR (",
        Link("Akl et al. 2024, BMJ 387: e079183", "https://doi.org/10.1136/bmj-2024-079183"),
        "), this report shows, and which are for people to write. Item numbers are theirs, short names are "
        "ours; the checklists say what each item asks for.",
    ),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What this report has for one item: how far it is shown, where, and what is left for people."""

    state: str = PEOPLE
    places: tuple[Link, ...] = ()
    left: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the results hold, as far as the checklists ask."""

    root: Node
    analyses: tuple[Node, ...] = field(default=())

    def anywhere(self, *keys: str) -> Node | None:
        """Return the first analysis that holds something under a key."""
        return next((a for a in self.analyses if any(a.at(*key.split(".")).exists for key in keys)), None)

    @property
    def judged(self) -> Node | None:
        """The first analysis whose studies were judged for risk of bias."""
        return next((a for a in self.analyses if a.at("risk_of_bias", "assessed").number()), None)

    def title_has(self, words: str) -> bool:
        """Whether the title of the review holds words."""
        return words in self.root.at("review", "title").text().lower()

    @property
    def fitted(self) -> Node | None:
        """The first analysis with an estimate."""
        return self.anywhere("fit.natural")


def checklist_block(root: Node) -> Block:
    """Return both checklists, folded away.

    Parameters
    ----------
    root : Node
        The whole of results.json.
    """
    evidence = Evidence(root, tuple(analysis for _, analysis in root.at("analyses").items()))
    answers = dict(_answers(evidence))
    prisma = Table(
        "Items of PRISMA 2020",
        _COLUMNS,
        tuple(_row(item, name, answers.get(item, Answer())) for item, name in PRISMA_ITEMS.items()),
    )
    living = dict(_living_answers(evidence))
    extension = Table(
        "What PRISMA-LSR adds",
        _COLUMNS,
        tuple(_row(item, name, living.get(name, Answer())) for item, name in LIVING_ITEMS),
        (_FURTHER,),
    )
    folded = "Both checklists, item by item"
    return Block("Reporting checklists", _STATEMENTS, None, (), folded, (prisma, extension))


_COLUMNS = (
    Column("Number"),
    Column("Topic", wide=True),
    Column("State"),
    Column("Where, and what is left", prose=True),
)

_FURTHER: Sentence = (
    "PRISMA-LSR adds to the items on collecting data, risk of bias, synthesis, selection and limitations: "
    "these are for people.",
)


def _row(item: str, name: str, answer: Answer) -> Row:
    words: list[Piece] = []
    for place in answer.places:
        words += [", " if words else "", place]
    tail = "." if words else ""
    if answer.left:
        tail += f" Left: {answer.left}."
    return row(f"Item\u00a0{item}", name, answer.state, join(*words, tail), muted=answer.state == PEOPLE)


def _to(analysis: Node, words: str) -> Link:
    return Link(words, f"#{anchor_of(analysis)}")


_METHODS = Link("Methods", "#methods")
_APPENDIX = Link("Behind the numbers", "#appendix")
_CHANGES = Link("What changed since the last release", "#changes")


def _answers(evidence: Evidence) -> Iterator[tuple[str, Answer]]:
    """Yield what the results hold for items of PRISMA 2020; what is not yielded is for people."""
    if evidence.title_has("systematic review"):
        yield "1", Answer(SHOWN, (Link("The title", "#answers"),))
    yield from _asked(evidence)
    yield from _method_answers(evidence)
    yield from _result_answers(evidence)
    yield from _judged(evidence)
    yield from _open(evidence)


def _asked(evidence: Evidence) -> Iterator[tuple[str, Answer]]:
    first = evidence.anywhere("question")
    if first is not None:
        yield "4", Answer(SHOWN, (_to(first, "The question of each analysis"),))
    chosen = evidence.anywhere("selection")
    if chosen is not None:
        where = (Link("How the rows were chosen, in each analysis", f"#{anchor_of(chosen)}-rows"),)
        yield "5", Answer(IN_PART, where, "the criteria by which studies entered the sheets")
        yield "13a", Answer(SHOWN, where)
    named = evidence.anywhere("measure_name", "measure")
    if named is not None:
        left = "which results of a study were sought, and how one was chosen"
        yield "10a", Answer(IN_PART, (_to(named, "Title and measure of each analysis"),), left)


def _method_answers(evidence: Evidence) -> Iterator[tuple[str, Answer]]:
    if not evidence.analyses:
        return
    yield "12", Answer(SHOWN, (_METHODS,))
    yield "13b", Answer(SHOWN, (_METHODS,))
    drawn = evidence.anywhere("figures.forest")
    if drawn is not None:
        left = "how they were chosen and ordered"
        yield "13c", Answer(IN_PART, (_to(drawn, "Tables and figures of each analysis"),), left)
    software = Link("Provenance: the software", "#provenance")
    yield "13d", Answer(IN_PART, (_METHODS, software), "why these methods were chosen")
    explored = evidence.anywhere("subgroups", "regressions")
    if explored is not None:
        left = "why these were declared"
        yield "13e", Answer(IN_PART, (_to(explored, "Subgroups and regressions"),), left)
    moved = evidence.anywhere("leave_one_out", "alternatives")
    if moved is not None:
        yield "13f", Answer(SHOWN, (_to(moved, "Leave one out and alternatives"),))
    looked = evidence.anywhere("small_study", "figures.funnel")
    if looked is not None:
        left = "how results missing from reports were looked for"
        yield "14", Answer(IN_PART, (_to(looked, "Small-study effects"),), left)


def _result_answers(evidence: Evidence) -> Iterator[tuple[str, Answer]]:
    studied = evidence.anywhere("fit.studies")
    if studied is not None:
        described = evidence.anywhere("characteristics")
        left = "" if described is not None else "what the sheets do not describe"
        table = _to(described or studied, "Table of studies of each analysis, with sources")
        yield "17", Answer(IN_PART if left else SHOWN, (table,), left)
        yield "19", Answer(SHOWN, (_to(studied, "Forest plot and table of studies"),))
    fitted = evidence.fitted
    if fitted is None:
        return
    left = "" if evidence.judged is not None else "the risk of bias of these studies"
    yield "20a", Answer(IN_PART if left else SHOWN, (_to(fitted, "Results of each analysis"),), left)
    yield "20b", Answer(SHOWN, (Link("The answers", "#answers"), _to(fitted, "Results of each analysis")))
    explored = evidence.anywhere("subgroups", "regressions")
    if explored is not None:
        yield "20c", Answer(SHOWN, (_to(explored, "Subgroups and regressions"),))
    moved = evidence.anywhere("leave_one_out", "alternatives")
    if moved is not None:
        yield "20d", Answer(SHOWN, (_to(moved, "Leave one out and alternatives"),))
    looked = evidence.anywhere("small_study", "figures.funnel")
    if looked is not None:
        left = "what is known of missing results"
        yield "21", Answer(IN_PART, (_to(looked, "Small-study effects"),), left)


def _judged(evidence: Evidence) -> Iterator[tuple[str, Answer]]:
    """Yield what people declared: the flow of records, excluded studies, risk of bias, certainty."""
    if evidence.root.at("prisma").exists:
        yield "16a", Answer(IN_PART, (_APPENDIX,), "counts that were not given, if any")
    judged = evidence.judged
    if judged is not None:
        left = "how many judged and whether independently, unless it is said there"
        yield "11", Answer(IN_PART, (_to(judged, "Tool and assessors, with the judgements"),), left)
        yield "18", Answer(SHOWN, (_to(judged, "Judgements, study by study"),))
    if evidence.root.at("excluded").exists:
        yield "16b", Answer(SHOWN, (_APPENDIX,))
    graded = evidence.anywhere("grade")
    if graded is not None:
        left = "how the judgements were reached"
        yield "15", Answer(IN_PART, (_to(graded, "Certainty, domain by domain"),), left)
        yield "22", Answer(SHOWN, (_to(graded, "Certainty of each question"),))


def _open(evidence: Evidence) -> Iterator[tuple[str, Answer]]:
    """Yield what the report gives for others to run again."""
    provenance = Link("Provenance", "#provenance")
    if evidence.root.at("provenance", "protocol").exists:
        left = "where the protocol of the review is published"
        yield "24b", Answer(IN_PART, (provenance,), left)
        left = "where sheets, results and code are kept for others"
        yield "27", Answer(IN_PART, (provenance,), left)


def _living_answers(evidence: Evidence) -> Iterator[tuple[str, Answer]]:
    """Yield what the results hold for PRISMA-LSR; what is not yielded is for people."""
    if evidence.title_has("living"):
        yield "Title says that the review is living", Answer(SHOWN, (Link("The title", "#answers"),))
    changes = evidence.root.at("changes")
    if not changes.exists:
        return
    where = (_CHANGES,)
    if changes.at("new").exists:
        yield "Number of the version", Answer(SHOWN, where)
    if changes.at("old").exists:
        left = "where it was published"
        yield "The preceding version, cited", Answer(IN_PART, where, left)
    left = "why they were made, and what changed beyond the analyses"
    yield "Changes of the methods", Answer(IN_PART, where, left)
    yield "Changes of the results", Answer(SHOWN, where)
