"""The protocol, ``review.toml``: the plan of a review, declared in advance, as frozen models."""

from __future__ import annotations

import datetime
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StrictBool
from pydantic_core import PydanticCustomError

from extraction.dialect import Decimal, Delimiter, Dialect, Roles
from meta.effects.choices import (
    EFFECT_CHOICES,
    EffectChoices,
    inherit_effect_choices,
    is_ready_made,
    resolve_choices,
)
from meta.effects.corrections import To
from meta.effects.measures import MEASURES, find_measure
from meta.errors import MetaError, ProtocolError
from meta.options import AxisScale, DisplayUnit, ForestPreset, ModelSpec, ReportStyle
from meta.profiles.inheriting import inherit_choices
from meta.profiles.loader import NOTHING, load_profile, override_spec
from meta.protocol.judging import ExcludedStudy, GradePlan, RiskOfBiasPlan
from meta.protocol.parts import Cell, Number, Part, Words
from meta.protocol.screening import PrismaPlan

#: Name of the protocol inside a review's folder.
REVIEW_FILE = "review.toml"

#: What an id may look like: it becomes the name of folders and figures.
ID_PATTERN = r"^[a-z0-9][a-z0-9_-]{0,59}$"

#: Largest factor of a unit of display: per 10^12 is more than anything that is counted in people.
MAX_FACTOR = 1e12


def _require_day(text: str) -> str:
    """Return a day as it was written."""
    try:
        there = datetime.date.fromisoformat(text).isoformat() == text
    except ValueError:
        there = False
    if not there:
        raise PydanticCustomError("no_day", 'must be a day in quotes, such as "2026-11-24"')
    return text


Day = Annotated[str, AfterValidator(_require_day)]
RuleWord = Literal["most_cohorts", "longest_followup", "largest_n"]

#: Option values that TOML, which has no null, writes as ``"none"``.
_MAY_BE_ABSENT = ("tau2_method", "pi_method", "tau2_ci")


class SheetEntry(Part):
    """A sheet of the review: its file, beside the protocol or below it, and the codebook it follows."""

    file: Words = Field(description="File name, relative to the folder of the protocol (CSV, TSV or XLSX)")
    schema_name: Words = Field(alias="schema", description="Codebook of the sheet; 'generic' fits any review")
    delimiter: Delimiter | None = Field(
        default=None, description="What separates the cells of a text file; by the ending if not given"
    )
    decimal: Decimal = Field(default="point", description="Decimal mark of the numbers in a text file")
    missing: dict[str, tuple[Words, ...]] = Field(
        default_factory=dict, description="Codes that mean an empty cell, by column: {weeks = ['NA']}"
    )
    key: tuple[Words, ...] = Field(
        default=(), description="Columns that together name a row, by which releases are compared"
    )
    study: Words | None = Field(
        default=None, description="Column that names the study, where a generic sheet has no study_id"
    )
    arm: Words | None = Field(default=None, description="Column that names the arm: different people")
    control: Words | None = Field(
        default=None, description="Column that names the control group, which several arms may share"
    )
    types: dict[str, Literal["count", "number", "percent", "year", "text"]] = Field(
        default_factory=dict, description="Types of further columns of a generic sheet"
    )
    pairs: tuple[tuple[str, str], ...] = Field(
        default=(), description="Pairs of columns (events, n) that must fit each other: events never exceed n"
    )

    def dialect(self) -> Dialect:
        """Return how the file writes its cells."""
        return Dialect(self.delimiter, self.decimal, self.missing)

    def roles(self) -> Roles:
        """Return what single columns are for."""
        return Roles(self.key, self.study, self.arm, self.control)


class Filter(Part):
    """A condition on one column that a row must meet; exactly one test."""

    column: Words
    equals: Cell | None = None
    among: tuple[Cell, ...] | None = Field(default=None, alias="in", min_length=1)
    not_in: tuple[Cell, ...] | None = Field(default=None, min_length=1)
    at_least: Number | None = None
    at_most: Number | None = None
    present: StrictBool | None = Field(
        default=None, description="true: the cell is filled; false: it is empty"
    )

    def tests(self) -> dict[str, Any]:
        """Return the tests that are given, by the word used in the protocol; a valid filter has one."""
        given = {
            "equals": self.equals,
            "in": self.among,
            "not_in": self.not_in,
            "at_least": self.at_least,
            "at_most": self.at_most,
            "present": self.present,
        }
        return {word: value for word, value in given.items() if value is not None}


class NamedRow(Part):
    """A row singled out by its label, and why."""

    row: Words = Field(description="Label of the row in this analysis, or name of the study")
    reason: Words


class Overlap(Part):
    """How rows that share people are chosen from: named rows first, then the rule, then names."""

    rule: tuple[RuleWord, ...] = Field(
        default=("most_cohorts", "longest_followup", "largest_n"), description="What decides, in this order"
    )
    named: tuple[NamedRow, ...] = ()
    links: tuple[tuple[str, str], ...] = Field(
        default=(), description="Pairs of rows that share people, beyond the sheet's own links"
    )


class SubgroupPlan(Part):
    """An estimate for each value of a column."""

    by: Words
    title: str = ""
    overall: StrictBool = Field(default=True, description="Show the overall estimate below the groups")
    test: StrictBool = Field(default=True, description="Show the test between groups")
    common_tau2: StrictBool = False
    names: dict[str, Words] = Field(
        default_factory=dict, description="Words for the coded values of the column, for figures and tables"
    )


class ModeratorPlan(Part):
    """A meta-regression: a formula over columns, columns to show beside each study, a permutation test."""

    formula: Words = Field(description="For example '~ followup_years' or '~ weeks + C(design)'")
    title: str = ""
    show: tuple[str, ...] = ()
    caveat: str = ""
    permutation: bool = False


class Threshold(Part):
    """A value worth marking, in the unit of display, and where it comes from."""

    value: Number
    words: Words
    source: Words


class ReportPlan(Part):
    """How the report is written."""

    docx_template: Words | None = Field(
        default=None, description="Word template of the team for report.docx, beside the protocol or below it"
    )
    docx_figures: Literal["forest", "all"] = Field(
        default="forest", description="What report.docx shows: forest plots, or every figure"
    )
    style: ReportStyle = Field(
        default="house", description="How the report writes P values and intervals"
    )


class Unit(Part):
    """How numbers of an analysis are shown."""

    factor: Number = Field(gt=0, le=MAX_FACTOR, description="100 for 'per 100'")
    heading: Words
    axis: Words


class Mark(Part):
    """A sign behind the cells of a descriptor where another column has a value."""

    column: Words
    equals: Cell
    sign: Words
    words: Words


class Descriptor(Part):
    """A column shown beside the studies of a forest plot."""

    column: Words
    heading: Words
    align: Literal["left", "right"] | None = Field(
        default=None, description="By the type of the column where not given"
    )
    mark: Mark | None = None


class ModelChoices(Part):
    """Choices that differ from the profile's; ``"none"`` where something is not to be computed."""

    model: str | None = None
    tau2_method: str | None = None
    ci_method: str | None = None
    ci_guard: str | None = None
    pi_method: str | None = None
    tau2_ci: str | None = None
    level: Number | None = None
    weights: Words | None = None
    cluster: Words | None = None
    rho: Number | None = None
    prior: str | None = None
    prior_parameters: tuple[Number, ...] | None = None
    seed: int | None = None


class _EffectKeys(Part):
    """How effect sizes are made beyond measure and columns; what is not given is as the measure does it."""

    variance: Words | None = Field(
        default=None, description="Formula of the sampling variance, where the measure has several"
    )
    add: Number | None = Field(
        default=None, description="What is added to each cell of a study with a zero cell: 0.5 as a rule"
    )
    to: To | None = Field(
        default=None, description="Where it is added; only to studies with a zero cell if not given"
    )
    drop00: StrictBool | None = Field(
        default=None, description="true: studies without events in both arms have no effect size"
    )

    def effect_choices(self) -> dict[str, Any]:
        """Return the keys that are given."""
        return {name: getattr(self, name) for name in EFFECT_CHOICES if getattr(self, name) is not None}


class Alternative(_EffectKeys):
    """A choice that could reasonably have been made instead, to show how far the answer hangs on it.

    What is not given is as in the analysis, but for what no longer applies: a model choice of the analysis
    that the alternative's model, interval or prior has no use for falls away. A filter on a column replaces
    the analysis's own filters on that column; on another column it is added.
    """

    label: Words
    reason: Words
    measure: Words | None = None
    columns: dict[str, str] | None = Field(default=None, description="With another measure: what it reads")
    profile: Words | None = Field(
        default=None, description="Another method profile; the analysis's own model choices then fall away"
    )
    model: ModelChoices = ModelChoices()
    filters: tuple[Filter, ...] = ()
    exclude: tuple[NamedRow, ...] = Field(default=(), description="Further rows left out")
    overlap: Overlap | None = None


class Analysis(_EffectKeys):
    """One question, the rows that answer it, and the model."""

    id: Annotated[str, Field(pattern=ID_PATTERN)]
    title: Words
    question: Words
    sheet: Words
    label: str | tuple[str, ...] | None = Field(default=None, description="Column or columns that name a row")
    measure: Words
    columns: dict[str, str] = Field(description="Which columns of the sheet the measure reads")
    profile: Words
    model: ModelChoices = ModelChoices()
    filters: tuple[Filter, ...] = ()
    exclude: tuple[NamedRow, ...] = ()
    spread: str | None = Field(
        default=None, description="Join the rows of one study that differ in this column"
    )
    derived: dict[str, str] = Field(
        default_factory=dict, description="New columns: sums and differences of named ones"
    )
    overlap: Overlap | None = None
    overall: StrictBool = Field(default=True, description="false: nothing is pooled across the subgroups")
    subgroups: tuple[SubgroupPlan, ...] = ()
    moderators: tuple[ModeratorPlan, ...] = ()
    small_study: StrictBool = False
    leave_one_out: StrictBool = True
    cumulative: str | None = Field(
        default=None, description="Column, such as 'year', in whose order studies enter"
    )
    targets: tuple[str, ...] = Field(
        default=(), description="Ids of outside references to show beside the estimate"
    )
    threshold: Threshold | None = None
    alternatives: tuple[Alternative, ...] = Field(
        default=(), description="Other choices, each shown beside the main estimate"
    )
    unit: Unit | None = None
    descriptors: tuple[Descriptor, ...] = ()
    headings: dict[str, Words] = Field(
        default_factory=dict, description="Heads of count columns, for example {events = 'Resistant'}"
    )
    arms: tuple[Words, Words] | None = Field(
        default=None, description="Names of the two arms, the treatment first"
    )
    favours: tuple[Words, Words] | None = Field(
        default=None, description="What lies left and right of no difference"
    )
    preset: ForestPreset | None = Field(default=None, description="Layout of the forest plot")
    sort: Words | None = Field(
        default=None, description="Order of its studies: label, estimate, weight, year, or a column"
    )
    axis: AxisScale | None = Field(default=None, description="Scale of its axis; by the measure if not given")
    band: tuple[Number, Number] | None = Field(
        default=None, description="Effects too small to matter, in the unit of display, the lower bound first"
    )
    caveats: tuple[Words, ...] = ()
    characteristics: tuple[Words, ...] | None = Field(
        default=None, description="Columns of the table of included studies; the descriptors if not given"
    )
    grade: GradePlan | None = Field(
        default=None, description="Certainty of the evidence (GRADE), as people judged it"
    )

    def label_columns(self) -> tuple[str, ...]:
        """Return the columns that name a row; empty where the sheet's own study column does."""
        if self.label is None:
            return ()
        return (self.label,) if isinstance(self.label, str) else self.label

    def spec(self, *, moderators: str | None = None) -> ModelSpec:
        """Return the profile's choices with this analysis's own on top, and optionally a formula.

        Raises
        ------
        ProfileError
            If there is no such profile.
        OptionError
            If a choice is not allowed.
        """
        overrides: dict[str, Any] = {"moderators": moderators}
        for name, value in self.model.model_dump(exclude_none=True).items():
            overrides[name] = None if value == NOTHING and name in _MAY_BE_ABSENT else value
        return override_spec(load_profile(self.profile), overrides)

    def altered(self, alternative: Alternative) -> Analysis:
        """Return this analysis with the choices of an alternative in place of its own."""
        a = alternative
        replaced = {condition.column for condition in a.filters}
        model = a.model.model_dump(exclude_none=True)
        if a.profile is None:
            model = inherit_choices(self.profile, self.model.model_dump(exclude_none=True), model)
        other = self.model_copy(
            update={
                "measure": a.measure or self.measure,
                "columns": self.columns if a.columns is None else a.columns,
                "profile": a.profile or self.profile,
                "model": ModelChoices(**model),
                "filters": (*(f for f in self.filters if f.column not in replaced), *a.filters),
                "exclude": (*self.exclude, *a.exclude),
                "overlap": self.overlap if a.overlap is None else a.overlap,
            }
        )
        kept = {**self._inherited_effects(other), **a.effect_choices()}
        return other.model_copy(update={name: kept.get(name) for name in EFFECT_CHOICES})

    def _inherited_effects(self, other: Analysis) -> dict[str, Any]:
        """Return the choices for effect sizes that still apply to what an alternative computes and fits."""
        own, measure = self.effect_choices(), MEASURES.get(other.measure)
        if not own or measure is None:
            return own
        try:
            model = other.spec().model
        except MetaError:
            return own
        same = other.measure == self.measure
        return inherit_effect_choices(own, measure, other.columns, model, same_measure=same)

    def resolved_effects(self) -> EffectChoices:
        """Return how effect sizes are made, whoever chose it.

        Raises
        ------
        MetaError
            If a choice is not allowed, or there is no such measure.
        """
        measure = find_measure(self.measure)
        ready = is_ready_made(measure, self.columns)
        return resolve_choices(measure, self.effect_choices(), ready=ready)

    def display_unit(self) -> DisplayUnit | None:
        """Return the unit of display, or None where the measure's own default holds."""
        unit = self.unit
        return None if unit is None else DisplayUnit(float(unit.factor), unit.heading, unit.axis)


class Protocol(Part):
    """A review: its question, its sheets, and its analyses in the order of the report."""

    title: Words
    question: Words
    authors: tuple[str, ...] = ()
    about: str = ""
    published: Day | None = Field(
        default=None, description="Day that archives are told, such as 2026-11-24; no number hangs on it"
    )
    report: ReportPlan = ReportPlan()
    sheets: dict[str, SheetEntry] = Field(min_length=1)
    targets: dict[str, SheetEntry] = Field(default_factory=dict)
    risk_of_bias: RiskOfBiasPlan | None = Field(
        default=None, description="Judgements of risk of bias: the tool, and the file that holds them"
    )
    excluded: tuple[ExcludedStudy, ...] = Field(
        default=(), description="Studies read in full and excluded, each with its reason"
    )
    excluded_file: Words | None = Field(
        default=None, description="The same as a file with the columns study, reason, source"
    )
    prisma: PrismaPlan | None = Field(default=None, description="Counts of the PRISMA 2020 flow diagram")
    analyses: tuple[Analysis, ...] = Field(min_length=1)


def locate_review(review: str | Path | None = None) -> Path:
    """Return the protocol's file: of a folder the ``review.toml`` inside it; of nothing the shipped review.

    Raises
    ------
    ProtocolError
        If there is no such file.
    """
    path = Path(str(files("extraction"))) / "evidence" if review is None else Path(review)
    found = path / REVIEW_FILE if path.is_dir() else path
    if not found.is_file():
        hint = f"a review is a {REVIEW_FILE} or a folder that holds one ('meta init DIR' makes one)"
        raise ProtocolError(f"no protocol at {found}; {hint}")
    return found
