"""The rows of declared alternatives, chosen before a run, so that a check finds what a run would."""

from __future__ import annotations

from dataclasses import replace

from extraction.errors import Problem, ProblemsError
from extraction.sheet import Sheet
from meta.protocol.plan import Analysis
from meta.protocol.selection import select_rows

#: Rules about rows that the sheet has not (yet, or any more). They leave one alternative without an estimate,
#: which its table says; the analysis itself does not hang on it, so they are warnings here.
_ABOUT_ROWS = ("unknown-row", "overlap")


def check_alternative_rows(sheet: Sheet, analysis: Analysis) -> tuple[Problem, ...]:
    """Choose the rows of each alternative of an analysis, and return what is wrong or suspicious.

    Parameters
    ----------
    sheet : Sheet
        The whole sheet.
    analysis : Analysis
        With its alternatives.

    Returns
    -------
    tuple of Problem
        Those that the analysis itself has too are left out; each names its alternative. A row that does not
        exist is a warning.
    """
    if not analysis.alternatives:
        return ()
    known = {_key(problem) for problem in _problems(sheet, analysis)}
    found: list[Problem] = []
    for alternative in analysis.alternatives:
        for problem in _problems(sheet, analysis.altered(alternative)):
            if _key(problem) not in known:
                message = f"alternative {alternative.label!r}: {problem.message}"
                severity = "warning" if problem.rule in _ABOUT_ROWS else problem.severity
                found.append(replace(problem, message=message, severity=severity))
    return tuple(found)


def _problems(sheet: Sheet, analysis: Analysis) -> tuple[Problem, ...]:
    try:
        return select_rows(sheet, analysis).warnings
    except ProblemsError as error:
        return error.problems


def _key(problem: Problem) -> tuple[str, str, int | None]:
    return problem.rule, problem.message, problem.line
