"""The rules of what people judge: a tool that exists, files in the folder, judgements that go together."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path as FilePath

from extraction.errors import Problem
from extraction.names import suggest
from extraction.toml_lines import Path, find_lines, nearest_line
from meta.appraisal import TOOLS
from meta.protocol.file_rules import check_inside
from meta.protocol.judging import UPGRADES, UPGRADES_OF
from meta.protocol.plan import Analysis, Protocol
from meta.protocol.shape import Fault
from meta.sensitivity.absolute import PER, RATIO_OF


def check_judging(protocol: Protocol, folder: FilePath) -> Iterator[Fault]:
    """Find what is wrong with the tool and the files of judgements and excluded studies."""
    plan = protocol.risk_of_bias
    if plan is not None:
        here: Path = ("risk_of_bias",)
        if plan.tool not in TOOLS:
            message = f"no risk-of-bias tool {plan.tool!r}"
            yield Fault((*here, "tool"), "unknown-value", message, suggest(plan.tool, TOOLS))
        yield from check_inside((*here, "file"), plan.file, folder)
        if plan.delimiter is not None and FilePath(plan.file).suffix.lower() == ".xlsx":
            message = f"delimiter is only for text files, and {plan.file!r} is a workbook"
            yield Fault((*here, "delimiter"), "only-for-text", message, "remove it")
    if protocol.excluded_file is not None:
        yield from check_inside(("excluded_file",), protocol.excluded_file, folder)


def check_grade(here: Path, analysis: Analysis) -> Iterator[Fault]:
    """Find what does not go together in the judgements of certainty of an analysis."""
    grade = analysis.grade
    if grade is None:
        return
    at: Path = (*here, "grade")
    if not analysis.overall:
        message = "certainty is of an overall estimate, which this analysis does not make"
        yield Fault(at, "no-overall", message, "remove it, or give each group an analysis of its own")
    for name in UPGRADES:
        if getattr(grade, name) is not None and name not in UPGRADES_OF[grade.kind]:
            message = f"{grade.kind} has no upgrade {name!r}"
            yield Fault((*at, name), "unknown-key", message, f"allowed: {', '.join(UPGRADES_OF[grade.kind])}")
    if grade.baselines and analysis.measure not in RATIO_OF:
        message = f"measure {analysis.measure} is no ratio that a baseline risk turns into events per 1,000"
        yield Fault((*at, "baselines"), "baseline-measure", message, f"allowed: {', '.join(RATIO_OF)}")
        return
    for place, baseline in enumerate(grade.baselines):
        risk, rate = float(baseline.per_1000), RATIO_OF.get(analysis.measure) == "rate"
        if risk <= 0.0 or (not rate and risk >= PER):
            bounds = "above 0" if rate else "above 0 and below 1000"
            where = (*at, "baselines", place, "per_1000")
            yield Fault(where, "baseline-range", f"a baseline per 1,000 must be {bounds}")


def grade_warnings(path: FilePath, protocol: Protocol) -> tuple[Problem, ...]:
    """Say where a declared certainty is not what its judgements add up to; the declared one stands.

    Parameters
    ----------
    path : Path
        The protocol's file, for the line of the key.
    protocol : Protocol
        As read, without errors.
    """
    text = path.read_bytes().decode("utf-8-sig")
    lines = find_lines(text)
    ids = [entry.get("id") for entry in tomllib.loads(text).get("analyses", ())]
    found = []
    for analysis in protocol.analyses:
        grade = analysis.grade
        if grade is None or grade.expected() == grade.certainty:
            continue
        place: Path = ("analyses", ids.index(analysis.id), "grade", "certainty")
        message = (
            f"the certainty is declared {grade.certainty}, and from {grade.start} the judgements "
            f"lead to {grade.expected()}"
        )
        advice = "check the judgements, or say in a reason why it is otherwise"
        key = f"analyses.{analysis.id}.grade.certainty"
        line = nearest_line(lines, place)
        found.append(
            Problem(path.name, line, key, grade.certainty, "grade-coherence", message, advice, "warning")
        )
    return tuple(found)
