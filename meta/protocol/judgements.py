"""The sheets of what people judged: risk of bias study by study, and studies excluded after reading."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from extraction.codebook import Column, SheetSchema
from extraction.errors import Problem
from extraction.names import nearest, suggest
from extraction.sheet import Row, RowRef, Sheet, check_sheet
from meta.appraisal import TOOLS, Appraisal, Level, Tool
from meta.protocol.judging import ExcludedStudy, RiskOfBiasPlan

#: Columns of a sheet of judgements beside the domains.
STUDY, OVERALL = "study", "overall"

#: Behind the name of a domain's column: why it was judged so.
REASON = "_reason"

#: How bad a level is; what is no judgement of risk has none.
_RANK: dict[Level, int] = {"low": 0, "some": 1, "high": 2, "critical": 3}


@dataclass(frozen=True, slots=True)
class Judgements:
    """Judgements of risk of bias, by study or by label of an analysis, each with its row of the sheet.

    ``show`` are the figures that the protocol asks for.
    """

    appraisal: Appraisal
    rows: Mapping[str, RowRef]
    sheet: Sheet
    show: tuple[str, ...] = ()

    def by_label(self, names: Mapping[str, tuple[str, ...]]) -> Judgements:
        """Return the judgements by labels of an analysis: of the first of a label's names that has one."""
        found: dict[str, str] = {}
        for label, candidates in names.items():
            study = next((name for name in candidates if name in self.rows), None)
            if study is not None:
                found[label] = study
        old = self.appraisal
        kept = Appraisal(
            old.tool,
            {label: old.answers[study] for label, study in found.items()},
            {label: old.overall[study] for label, study in found.items()},
            {label: old.reasons[study] for label, study in found.items()},
            old.about,
        )
        return replace(self, appraisal=kept, rows={label: self.rows[study] for label, study in found.items()})


@dataclass(frozen=True, slots=True)
class Exclusion:
    """A study that was read in full and excluded; ``row`` where it stands in a sheet, else None."""

    study: str
    reason: str
    source: str
    row: RowRef | None = None


def judgement_schema(tool: Tool) -> SheetSchema:
    """Return the codebook of a sheet of judgements by a tool."""
    words = f"{', '.join(tool.answers)}; empty where nobody judged it"
    domains = [Column(code, "text", f"{meaning}: {words}") for code, meaning in tool.domains]
    if tool.has_overall:
        domains.append(Column(OVERALL, "text", f"The study as a whole: {words}"))
    reasons = [Column(f"{c.name}{REASON}", "text", f"Why {c.name} was judged so") for c in domains]
    study = Column(STUDY, "text", "The study, called as in its sheet", required=True)
    note = Column("note", "text", "Anything a reader should know")
    columns = (study, *domains, *reasons, note)
    return SheetSchema(f"risk of bias by {tool.name}", f"Risk of bias: {tool.name}", columns, key=(STUDY,))


EXCLUDED_SCHEMA = SheetSchema(
    name="excluded studies",
    title="Studies read in full and excluded",
    columns=(
        Column(STUDY, "text", "The study", required=True),
        Column("reason", "text", "Why it was excluded", required=True),
        Column("source", "text", "Where it was published, or its web address"),
    ),
    key=(STUDY,),
)


def read_judgements(folder: Path, plan: RiskOfBiasPlan) -> tuple[Judgements | None, tuple[Problem, ...]]:
    """Read a sheet of judgements.

    Parameters
    ----------
    folder : Path
        The review's folder.
    plan : RiskOfBiasPlan
        Its tool exists.

    Returns
    -------
    judgements : Judgements or None
        By study; answers in the tool's own words, whatever their case in the sheet. None if anything is
        wrong.
    problems : tuple of Problem
        Missing columns, answers that the tool does not have, a study twice; as warnings an overall judgement
        better than the worst domain, where the tool does not allow that.
    """
    tool = TOOLS[plan.tool]
    sheet, raised = check_sheet(folder / plan.file, judgement_schema(tool), dialect=plan.dialect())
    problems = _without_optional(raised, (OVERALL,))
    if sheet is None:
        return None, problems
    codes = [code for code, _ in tool.domains]
    found = [*problems, *_missing_columns(folder / plan.file, plan, sheet, tool)]
    answers: dict[str, tuple[str, ...]] = {}
    overall: dict[str, str] = {}
    reasons: dict[str, tuple[str, ...]] = {}
    rows: dict[str, RowRef] = {}
    for row in sheet.rows:
        study = str(row.values[STUDY]).strip()
        read = {code: _answer(tool, row, code) for code in (*codes, OVERALL)}
        found += [problem for _, problem in read.values() if problem is not None]
        answers[study] = tuple(read[code][0] for code in codes)
        overall[study] = read[OVERALL][0]
        named = (*codes, OVERALL) if tool.has_overall else codes
        reasons[study] = tuple(str(row.values.get(f"{code}{REASON}") or "").strip() for code in named)
        rows[study] = row.ref
        if not any(problem for _, problem in read.values()):
            found += _too_good(tool, row, answers[study], overall[study])
    if any(problem.severity == "error" for problem in found):
        return None, tuple(found)
    appraisal = Appraisal(tool, answers, overall, reasons, plan.about)
    return Judgements(appraisal, rows, sheet, plan.show), tuple(found)


def _without_optional(problems: tuple[Problem, ...], wanted: tuple[str, ...] = ()) -> tuple[Problem, ...]:
    """Leave out the warnings that a column is missing, which most of these sheets may do without."""
    return tuple(
        p for p in problems if p.rule != "missing-column" or p.severity == "error" or p.column in wanted
    )


def _missing_columns(path: Path, plan: RiskOfBiasPlan, sheet: Sheet, tool: Tool) -> Iterator[Problem]:
    """Name the domains without a column: a slip in a header must not pass for a judgement not made."""
    from extraction.sheet import read_header

    header = read_header(path, sheet.schema.name, plan.dialect()) or ()
    for code, words in tool.domains:
        if code not in header:
            message = f"the column {code!r} ({words}) is missing"
            advice = "add it, empty where nobody judged it"
            yield Problem(sheet.file, 1, code, None, "missing-column", message, advice)


def _answer(tool: Tool, row: Row, code: str) -> tuple[str, Problem | None]:
    """Return an answer in the tool's own words, or the problem that keeps it from being one."""
    text = str(row.values.get(code) or "").strip()
    for known in tool.answers:
        if not text or known.casefold() == text.casefold():
            return (known if text else ""), None
    message = f"{tool.name} has no answer {text!r}"
    advice = suggest(text, tool.answers)
    return "", Problem(row.ref.file, row.ref.line, code, text, "unknown-category", message, advice)


def _too_good(tool: Tool, row: Row, answers: tuple[str, ...], overall: str) -> Iterator[Problem]:
    """Warn of a study that is better as a whole than in its worst domain, by RoB 2 and ROBINS-I."""
    if not tool.has_overall or not overall or tool.level(overall) not in _RANK:
        return
    ranks = [_RANK[tool.level(answer)] for answer in answers if answer and tool.level(answer) in _RANK]
    if ranks and _RANK[tool.level(overall)] < max(ranks):
        message = "the study as a whole is judged better than its worst domain, against the tool's rule"
        advice = "check both, or say why in overall_reason"
        yield Problem(
            row.ref.file, row.ref.line, OVERALL, overall, "overall-too-good", message, advice, "warning"
        )


def unknown_studies(judgements: Judgements, known: Collection[str]) -> tuple[Problem, ...]:
    """Warn of judgements of studies that no sheet of the review has: a slip in a name leaves one unjudged."""
    return tuple(
        Problem(
            ref.file,
            ref.line,
            STUDY,
            study,
            "unknown-study",
            "no sheet of the review has a study of this name, so its judgements are shown nowhere",
            f"did you mean {near!r}?" if (near := nearest(study, known)) else "call it as in its sheet",
            "warning",
        )
        for study, ref in judgements.rows.items()
        if study not in known
    )


def read_exclusions(
    folder: Path, listed: tuple[ExcludedStudy, ...], file: str | None
) -> tuple[tuple[Exclusion, ...], Sheet | None, tuple[Problem, ...]]:
    """Return the studies excluded after reading, of the protocol's list and of its file, and that sheet."""
    found = [Exclusion(entry.study, entry.reason, entry.source) for entry in listed]
    if file is None:
        return tuple(found), None, ()
    sheet, raised = check_sheet(folder / file, EXCLUDED_SCHEMA)
    problems = _without_optional(raised)
    for row in sheet.rows if sheet is not None else ():
        cells = [str(row.values.get(name) or "") for name in (STUDY, "reason", "source")]
        found.append(Exclusion(cells[0], cells[1], cells[2], row.ref))
    return tuple(found), sheet, problems
