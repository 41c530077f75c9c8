"""The counts of a PRISMA flow diagram, as a protocol declares them in ``[prisma]``."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field, StrictInt

from extraction.toml_lines import Path
from meta.prisma import OtherMethods, PrismaFlow, find_incoherences
from meta.protocol.parts import Part, Words, seen


class OtherMethodsPlan(Part):
    """Records found by other methods than databases and registers."""

    identified: dict[str, StrictInt] = Field(
        description="Records by source: {Websites = 4, 'Citation searching' = 11}"
    )
    sought: StrictInt | None = Field(default=None, description="Reports sought for retrieval")
    not_retrieved: StrictInt | None = None
    assessed: StrictInt | None = Field(default=None, description="Reports assessed for eligibility")
    reasons: dict[str, StrictInt] | None = Field(default=None, description="Reports excluded, by reason")


class PrismaPlan(Part):
    """The counts of the flow diagram; those that are not given get no box."""

    about: Words = Field(description="Where the counts come from; shown with them")
    identified: dict[str, StrictInt] = Field(
        description="Records by source: {Databases = 900, Registers = 30}"
    )
    duplicates: StrictInt | None = Field(default=None, description="Records removed before screening")
    automation: StrictInt | None = Field(
        default=None, description="Records marked as ineligible by automation tools"
    )
    other_removed: StrictInt | None = Field(
        default=None, description="Records removed before screening for other reasons"
    )
    screened: StrictInt | None = Field(default=None, description="Records screened")
    excluded: StrictInt | None = Field(default=None, description="Records excluded")
    sought: StrictInt | None = Field(default=None, description="Reports sought for retrieval")
    not_retrieved: StrictInt | None = None
    assessed: StrictInt | None = Field(default=None, description="Reports assessed for eligibility")
    reasons: dict[str, StrictInt] | None = Field(default=None, description="Reports excluded, by reason")
    studies: StrictInt | None = Field(
        default=None, description="Studies included; in an updated review the new ones"
    )
    reports: StrictInt | None = Field(default=None, description="Reports of them")
    previous_studies: StrictInt | None = Field(
        default=None, description="Studies included in the previous version of the review"
    )
    previous_reports: StrictInt | None = None
    total_studies: StrictInt | None = Field(default=None, description="Previous and new ones together")
    total_reports: StrictInt | None = None
    analysed: StrictInt | None = Field(default=None, description="Studies included in meta-analysis")
    other: OtherMethodsPlan | None = None

    def flow(self) -> PrismaFlow:
        """Return the counts; those of a protocol without problems fit each other."""
        counts = {name: getattr(self, name) for name in PrismaPlan.model_fields}
        other = None if self.other is None else OtherMethods(**self.other.model_dump())
        return PrismaFlow(**{**counts, "about": seen(self.about), "other": other})


def find_flow_faults(plan: PrismaPlan | None) -> Iterator[tuple[Path, str]]:
    """Return place and message of every count of a flow diagram that does not fit the others."""
    for one in [] if plan is None else find_incoherences(plan):
        yield ("prisma", *one.field.split("."), *([one.part] if one.part else [])), one.message
