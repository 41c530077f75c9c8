"""What people judge, as a protocol declares it: risk of bias, excluded studies, certainty (GRADE)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from extraction.dialect import Delimiter, Dialect
from meta.protocol.parts import Number, Part, Words

#: Certainty of evidence, from the highest.
CERTAINTIES = ("high", "moderate", "low", "very low")

Certainty = Literal["high", "moderate", "low", "very low"]

#: How far a judgement lowers the certainty, in levels.
LOWERS = {
    "not serious": 0,
    "serious": 1,
    "very serious": 2,
    "extremely serious": 3,
    "undetected": 0,
    "strongly suspected": 1,
}
#: How far a judgement raises it.
RAISES = {"no": 0, "yes": 1, "large": 1, "very large": 2}

#: Domains of GRADE that may lower the certainty, with their names in words, in its order.
DOMAINS = {
    "risk_of_bias": "Risk of bias",
    "inconsistency": "Inconsistency",
    "indirectness": "Indirectness",
    "imprecision": "Imprecision",
    "publication_bias": "Publication bias",
}
#: Reasons to raise it, and the kinds of questions that have them.
UPGRADES = {
    "large_effect": "Large effect",
    "dose_response": "Dose-response gradient",
    "opposing_confounding": "Confounding that would act the other way",
}
UPGRADES_OF = {
    "interventions": ("large_effect", "dose_response", "opposing_confounding"),
    "prognosis": ("large_effect", "dose_response"),
}


class RiskOfBiasPlan(Part):
    """Where the judgements of risk of bias are, by which tool, and where they come from."""

    tool: Words = Field(description="RoB 2, ROBINS-I, JBI prevalence or Newcastle-Ottawa")
    file: Words = Field(description="Sheet of judgements: study, one column a domain, overall, reasons")
    about: Words = Field(description="Who judged, and how: shown with the judgements")
    delimiter: Delimiter | None = Field(
        default=None, description="What separates the cells of a text file; by the ending if not given"
    )
    show: tuple[Literal["forest", "traffic_light", "summary"], ...] = Field(
        default=(), description="Figures that show them, beside the tables of the report"
    )

    def dialect(self) -> Dialect:
        """Return how the file writes its cells."""
        return Dialect(self.delimiter)


class ExcludedStudy(Part):
    """A study that was read in full and excluded."""

    study: Words
    reason: Words
    source: str = Field(default="", description="Where it was published, or its web address")


class Seriousness(Part):
    """A domain that may lower the certainty: the judgement, and why."""

    judgement: Literal["not serious", "serious", "very serious", "extremely serious"]
    reason: Words


class Suspicion(Part):
    """Publication bias: the judgement, and why."""

    judgement: Literal["undetected", "strongly suspected"]
    reason: Words


class EffectUpgrade(Part):
    """How large the effect is, and why that raises the certainty."""

    judgement: Literal["no", "large", "very large"]
    reason: Words


class Upgrade(Part):
    """A reason to raise the certainty."""

    judgement: Literal["no", "yes"]
    reason: Words


class Baseline(Part):
    """What happens without the treatment, from elsewhere."""

    per_1000: Number = Field(description="Events among 1,000 people; for rates per 1,000 of person-time")
    words: Words = Field(description="Whose risk this is, such as 'people on placebo'")
    source: Words


class GradePlan(Part):
    """Certainty of the evidence on one question; every judgement is made by people, none computed."""

    kind: Literal["interventions", "prognosis"]
    start: Literal["high", "low"] = Field(
        description="Where it starts: high for randomised trials and prognosis, low for other designs"
    )
    certainty: Certainty = Field(description="The overall judgement")
    risk_of_bias: Seriousness
    inconsistency: Seriousness
    indirectness: Seriousness
    imprecision: Seriousness
    publication_bias: Suspicion
    large_effect: EffectUpgrade | None = None
    dose_response: Upgrade | None = None
    opposing_confounding: Upgrade | None = None
    outcome: str = Field(default="", description="The outcome in words; the analysis's title if not given")
    baselines: tuple[Baseline, ...] = Field(
        default=(), description="Risks without the treatment, for what a ratio means among 1,000 people"
    )

    def expected(self) -> str:
        """Return the certainty that the judgements add up to, which the declared one is compared with."""
        down = sum(LOWERS[getattr(self, name).judgement] for name in DOMAINS)
        given = (getattr(self, name) for name in UPGRADES)
        up = sum(RAISES[upgrade.judgement] for upgrade in given if upgrade is not None)
        place = CERTAINTIES.index(self.start) + down - up
        return CERTAINTIES[min(max(place, 0), len(CERTAINTIES) - 1)]
