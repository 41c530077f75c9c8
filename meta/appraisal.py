"""Risk of bias as people judged it: the tools, their domains, and what was answered study by study.

Nothing here is computed from the data of a study: judgements are made by people, and kept with their reasons.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from meta.errors import OptionError

#: How an answer is shown, whatever a tool calls it; each has a glyph of its own beside its colour.
Level = Literal["low", "some", "high", "critical", "unknown", "not_applicable"]


#: The glyph of each, so that colour never speaks alone; what does not apply has none.
GLYPHS: Mapping[Level, str] = {
    "low": "+",
    "some": "\u2013",
    "high": "\u00d7",
    "critical": "!",
    "unknown": "?",
    "not_applicable": "",
}


@dataclass(frozen=True, slots=True)
class Tool:
    """One instrument: ``domains`` as (code, words), ``answers`` in its own words with the level of each."""

    name: str
    domains: tuple[tuple[str, str], ...]
    answers: Mapping[str, Level]
    citation: str
    has_overall: bool = True

    def level(self, answer: str) -> Level:
        """Return the level of an answer, whatever its case.

        Raises
        ------
        OptionError
            If the tool has no such answer.
        """
        for known, level in self.answers.items():
            if known.casefold() == answer.strip().casefold():
                return level
        raise OptionError(f"{self.name} has no answer {answer!r}; its answers are {', '.join(self.answers)}")


@dataclass(frozen=True, slots=True)
class Appraisal:
    """The judgements of one tool: ``answers`` holds for each study label one answer a domain, "" for none.

    ``overall`` has the judgement of the whole study where the tool makes one. ``reasons`` has for each label
    one text a domain. ``about`` says where the judgements come from, and is shown with them.
    """

    tool: Tool
    answers: Mapping[str, tuple[str, ...]]
    overall: Mapping[str, str]
    reasons: Mapping[str, tuple[str, ...]]
    about: str = ""


_ROB2: dict[str, Level] = {"Low": "low", "Some concerns": "some", "High": "high", "No information": "unknown"}
_ROBINS_I: dict[str, Level] = {
    "Low": "low",
    "Moderate": "some",
    "Serious": "high",
    "Critical": "critical",
    "No information": "unknown",
}
_JBI: dict[str, Level] = {
    "Yes": "low",
    "Unclear": "unknown",
    "No": "high",
    "Not applicable": "not_applicable",
}
_NOS: dict[str, Level] = {"Star": "low", "No star": "high", "Unclear": "unknown"}

TOOLS: dict[str, Tool] = {
    tool.name: tool
    for tool in (
        Tool(
            "RoB 2",
            (
                ("D1", "Randomisation process"),
                ("D2", "Deviations from the intended interventions"),
                ("D3", "Missing outcome data"),
                ("D4", "Measurement of the outcome"),
                ("D5", "Selection of the reported result"),
            ),
            _ROB2,
            "Sterne et al. (2019), BMJ 366, l4898",
        ),
        Tool(
            "ROBINS-I",
            (
                ("D1", "Confounding"),
                ("D2", "Selection of participants"),
                ("D3", "Classification of interventions"),
                ("D4", "Deviations from intended interventions"),
                ("D5", "Missing data"),
                ("D6", "Measurement of outcomes"),
                ("D7", "Selection of the reported result"),
            ),
            _ROBINS_I,
            "Sterne et al. (2016), BMJ 355, i4919",
        ),
        Tool(
            "JBI prevalence",
            (
                ("1", "Sample frame"),
                ("2", "Sampling"),
                ("3", "Sample size"),
                ("4", "Subjects and setting described"),
                ("5", "Coverage of the sample"),
                ("6", "Valid identification of the condition"),
                ("7", "Reliable measurement"),
                ("8", "Statistical analysis"),
                ("9", "Response rate"),
            ),
            _JBI,
            "Munn et al. (2015), International Journal of Evidence-Based Healthcare 13, 147-153",
            has_overall=False,
        ),
        Tool(
            "Newcastle-Ottawa",
            (
                ("S1", "Representativeness of the exposed cohort"),
                ("S2", "Selection of the non-exposed cohort"),
                ("S3", "Ascertainment of exposure"),
                ("S4", "Outcome not present at the start"),
                ("C1", "Comparability: main factor"),
                ("C2", "Comparability: another factor"),
                ("O1", "Assessment of the outcome"),
                ("O2", "Follow-up long enough"),
                ("O3", "Adequacy of follow-up"),
            ),
            _NOS,
            "Wells et al., the Newcastle-Ottawa scale for cohort studies",
            has_overall=False,
        ),
    )
}


def find_tool(name: str) -> Tool:
    """Return a tool by its name.

    Raises
    ------
    OptionError
        If there is none of that name.
    """
    if name not in TOOLS:
        raise OptionError(f"risk-of-bias tool must be one of {', '.join(TOOLS)}; got {name!r}")
    return TOOLS[name]
