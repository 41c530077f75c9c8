"""What an analysis's entry of results.json says of judgements by people, and of who is in and who is out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from meta.protocol.judgements import Exclusion
from meta.protocol.judging import DOMAINS, LOWERS, RAISES, UPGRADES, UPGRADES_OF, GradePlan
from meta.protocol.plan import Analysis
from meta.protocol.selection import Selection
from meta.results import Fit, Refits
from meta.sensitivity.absolute import AbsoluteEffect, absolute_effect
from meta.sensitivity.certainty import CertaintyInputs, certainty_inputs, high_risk_share
from meta.sensitivity.judged import OVERALL, JudgementShares, share_judgements

#: Most letters of a codebook's words as a heading; longer ones explain, and the column's name stands.
MAX_HEADING = 40

#: In the table of studies, where a tool judges domains and no study as a whole.
BY_DOMAIN = "by domain, see below"


@dataclass(frozen=True, slots=True)
class Judged:
    """What follows from judgements: shares by risk of bias, inputs of certainty, effects per 1,000."""

    shares: JudgementShares | None = None
    inputs: CertaintyInputs | None = None
    absolute: tuple[AbsoluteEffect | None, ...] = ()


NOTHING_JUDGED = Judged()


def judge(plan: Analysis, selection: Selection, fit: Fit | None, left_out: Refits | None) -> Judged:
    """Compute what stands beside the judgements that protocol and sheets hold."""
    if fit is None:
        return NOTHING_JUDGED
    mine, grade = selection.judgements, plan.grade
    shares = None if mine is None else share_judgements(fit, mine.appraisal)
    if grade is None:
        return Judged(shares)
    absolute = tuple(absolute_effect(fit, float(b.per_1000)) for b in grade.baselines)
    return Judged(shares, certainty_inputs(fit, left_out, shares), absolute)


def judged_entries(
    plan: Analysis, selection: Selection, fit: Fit | None, judged: Judged
) -> dict[str, dict[str, Any]]:
    """Return what an entry holds of judgements and of characteristics; nothing where none is declared."""
    found: dict[str, dict[str, Any]] = {}
    if selection.judgements is not None:
        found["risk_of_bias"] = _risk_of_bias(selection, fit, judged.shares)
    if plan.grade is not None:
        found["grade"] = _grade(plan, plan.grade, judged)
    if characteristics := _characteristics(plan, selection):
        found["characteristics"] = characteristics
    return found


def overall_judgement(selection: Selection, label: str) -> str | None:
    """Return the judgement of a study as a whole, for the table of studies; None where nobody judged it."""
    mine = selection.judgements
    if mine is None or not any((*mine.appraisal.answers.get(label, ()), mine.appraisal.overall.get(label))):
        return None
    return mine.appraisal.overall[label] or None if mine.appraisal.tool.has_overall else BY_DOMAIN


def exclusion_entries(exclusions: Sequence[Exclusion]) -> list[dict[str, Any]]:
    """Return the studies excluded after reading, as results.json lists them."""
    return [
        {"study": e.study, "reason": e.reason, "source": e.source or None, "rows": [e.row] if e.row else []}
        for e in exclusions
    ]


def _risk_of_bias(selection: Selection, fit: Fit | None, shares: JudgementShares | None) -> dict[str, Any]:
    """Describe tool, judgements study by study, and shares."""
    mine = selection.judgements
    assert mine is not None
    appraisal, tool = mine.appraisal, mine.appraisal.tool
    domains = [*tool.domains, *([(OVERALL, "Overall")] if tool.has_overall else [])]
    used = {study.label for study in fit.studies if study.used} if fit is not None else set()
    labels = [study.label for study in fit.studies] if fit is not None else list(selection.labels)
    studies = []
    for label in labels:
        given = [*appraisal.answers.get(label, ("",) * len(tool.domains))]
        given += [appraisal.overall.get(label, "")] if tool.has_overall else []
        reasons = appraisal.reasons.get(label) or ("",) * len(given)
        studies.append(
            {
                "label": label,
                "used": label in used,
                "assessed": any(given),
                "judgements": [
                    {
                        "code": code,
                        "answer": answer or None,
                        "level": tool.level(answer) if answer else None,
                        "reason": reason or None,
                    }
                    for (code, _), answer, reason in zip(domains, given, reasons, strict=True)
                ],
                "rows": [mine.rows[label]] if label in mine.rows else [],
            }
        )
    return {
        "tool": tool.name,
        "citation": tool.citation,
        "about": appraisal.about,
        "domains": [{"code": code, "words": words} for code, words in domains],
        "studies": studies,
        "assessed": shares.assessed if shares is not None else 0,
        "not_assessed": shares.k - shares.assessed if shares is not None else 0,
        "high": _high(shares),
        "shares": shares,
    }


def _high(shares: JudgementShares | None) -> dict[str, Any] | None:
    """Return the share at high risk as a whole, or of the worst domain where no tool judges the whole."""
    if shares is None or not shares.assessed:
        return None
    percent, code = high_risk_share(shares)
    words = next((domain.words for domain in shares.domains if domain.code == code), None)
    return {"percent": percent, "of": shares.of, "code": code, "words": words}


def _grade(plan: Analysis, grade: GradePlan, judged: Judged) -> dict[str, Any]:
    """Describe the judgements of certainty, and the numbers beside them."""
    upgrades = [(name, getattr(grade, name)) for name in UPGRADES_OF[grade.kind]]
    return {
        "kind": grade.kind,
        "outcome": grade.outcome or plan.title,
        "start": grade.start,
        "certainty": grade.certainty,
        "domains": [
            {"name": name, "words": words, **_steps(getattr(grade, name))} for name, words in DOMAINS.items()
        ],
        "upgrades": [
            {"name": name, "words": UPGRADES[name], **_steps(given)}
            for name, given in upgrades
            if given is not None
        ],
        "inputs": judged.inputs,
        "absolute": [
            {"words": baseline.words, "source": baseline.source, "effect": effect}
            for baseline, effect in zip(
                grade.baselines, judged.absolute or (None,) * len(grade.baselines), strict=True
            )
        ],
    }


def _steps(given: BaseModel) -> dict[str, Any]:
    """Return a judgement, its reason, and by how many levels it moves the certainty."""
    found = given.model_dump()
    word = found["judgement"]
    return {**found, "steps": RAISES.get(word, 0) - LOWERS.get(word, 0)}


def _characteristics(plan: Analysis, selection: Selection) -> dict[str, Any] | None:
    """Return the table of included studies: the columns declared, else those of the forest plot."""
    described = {d.column: d.heading for d in plan.descriptors}
    names = tuple(dict.fromkeys(described if plan.characteristics is None else plan.characteristics))
    if not names or not selection.labels:
        return None
    meanings = _meanings(selection)
    return {
        "columns": [
            {"name": name, "heading": described.get(name) or meanings.get(name) or _heading(name)}
            for name in names
        ],
        "rows": [
            {
                "label": label,
                "cells": [row.shown(name) or None for name in names],
                "rows": selection.refs[label],
            }
            for label, row in selection.by_label()
        ],
    }


def _meanings(selection: Selection) -> Mapping[str, str]:
    """Return the codebook's words for columns where they are short enough to head one."""
    found = {}
    for column in selection.sheet.schema.columns:
        words = f"{column.meaning}, {column.unit}" if column.unit else column.meaning
        if words and words != "Column of this review" and len(words) <= MAX_HEADING:
            found[column.name] = words
    return found


def _heading(name: str) -> str:
    words = name.replace("_", " ").strip()
    return words[:1].upper() + words[1:]
