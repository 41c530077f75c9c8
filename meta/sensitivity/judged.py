"""How much of an analysis rests on studies at low, some or high risk of bias, as people judged it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from meta.appraisal import Appraisal
from meta.results import Fit, Study, to_plain

#: What shares are shares of: the weights of the fit; people or person-time where a model has no weights;
#: studies where neither is known of each.
ShareOf = Literal["weight", "people", "person_time", "studies"]

#: Level of a study that nobody judged; no tool has such an answer.
NOT_ASSESSED = "not_assessed"

#: Code of the judgement of a study as a whole.
OVERALL = "overall"

#: Levels that count as high risk of bias.
HIGH = ("high", "critical")

_PEOPLE = (("n",), ("n1", "n2"))
_TIME = (("time",), ("time1", "time2"))


@dataclass(frozen=True, slots=True)
class LevelShare:
    """The studies with one answer: how many, and their share in percent (None where nothing is used)."""

    level: str
    answer: str
    studies: int
    percent: float | None


@dataclass(frozen=True, slots=True)
class DomainShares:
    """One domain, or the study as a whole (code ``overall``): every answer of the tool, then none."""

    code: str
    words: str
    levels: tuple[LevelShare, ...]

    @property
    def high_percent(self) -> float | None:
        """Share of studies at high or critical risk, percent."""
        found = [level.percent for level in self.levels if level.level in HIGH]
        return None if any(x is None for x in found) else sum(x for x in found if x is not None)


@dataclass(frozen=True, slots=True)
class JudgementShares:
    """Shares of an analysis by risk of bias, domain by domain, the whole study last.

    ``of`` says what the percentages are shares of. ``k`` studies are used, ``assessed`` of them have a
    judgement.
    """

    tool: str
    of: ShareOf
    k: int
    assessed: int
    domains: tuple[DomainShares, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as a plain dictionary."""
        plain: dict[str, Any] = to_plain(self)
        return plain


def share_judgements(fit: Fit, appraisal: Appraisal) -> JudgementShares:
    """Return how the weight of an analysis is spread over the answers of a risk-of-bias tool.

    Parameters
    ----------
    fit : Fit
        The analysis; only the studies that it uses count.
    appraisal : Appraisal
        Judgements by study label.

    Returns
    -------
    JudgementShares
        In percent of the weights of the fit. A GLMM has no weights that add up: there it is percent of people
        (of person-time for rates, of studies where a study lacks both).
    """
    used = [study for study in fit.studies if study.used]
    of, sizes = _sizes(used)
    tool = appraisal.tool
    blank = ("",) * len(tool.domains)
    answers = [tuple(appraisal.answers.get(study.label, blank)) for study in used]
    overall = [appraisal.overall.get(study.label, "") if tool.has_overall else "" for study in used]
    domains = [
        DomainShares(code, words, _levels(appraisal, [given[i] for given in answers], sizes))
        for i, (code, words) in enumerate(tool.domains)
    ]
    if tool.has_overall:
        domains.append(DomainShares(OVERALL, "Overall", _levels(appraisal, overall, sizes)))
    assessed = sum(any((*given, whole)) for given, whole in zip(answers, overall, strict=True))
    return JudgementShares(tool.name, of, len(used), assessed, tuple(domains))


def _levels(appraisal: Appraisal, given: Sequence[str], sizes: Sequence[float]) -> tuple[LevelShare, ...]:
    """Sum up the sizes of the studies by answer; the answers in the order of the tool, then none."""
    tool = appraisal.tool
    total = sum(sizes)
    known = [(level, answer, answer.casefold()) for answer, level in tool.answers.items()]
    folded = [answer.strip().casefold() for answer in given]
    return tuple(
        LevelShare(
            level,
            words,
            folded.count(key),
            100.0 * sum(size for size, said in zip(sizes, folded, strict=True) if said == key) / total
            if total > 0.0
            else None,
        )
        for level, words, key in (*known, (NOT_ASSESSED, "Not assessed", ""))
    )


def _sizes(used: Sequence[Study]) -> tuple[ShareOf, list[float]]:
    """Return what every study used has, and how much of it: weight, people, person-time; else each is one."""
    weights = [study.weight for study in used if study.weight is not None]
    if used and len(weights) == len(used):
        return "weight", weights
    options: tuple[tuple[ShareOf, tuple[tuple[str, ...], ...]], ...] = (
        ("people", _PEOPLE),
        ("person_time", _TIME),
    )
    for of, groups in options:
        for names in groups:
            sizes = [_total(study, names) for study in used]
            known = [size for size in sizes if size is not None]
            if used and len(known) == len(used):
                return of, known
    return "studies", [1.0] * len(used)


def _total(study: Study, names: Sequence[str]) -> float | None:
    """Return the sum of some counts of a study; None where one is missing."""
    found = [study.counts.get(name) for name in names]
    return None if any(x is None for x in found) else float(sum(x for x in found if x is not None))
