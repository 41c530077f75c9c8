"""Codebook of ``td_incidence``: how fast tardive dyskinesia appears, by drug class."""

from __future__ import annotations

from extraction.codebook import Column, OverlapColumns, PercentClaim, RateClaim, RequiredWhen, SheetSchema
from extraction.schemas.shared import ESTIMATE_ID, TD_SOURCE, TD_STUDY

_RATE_IN_USE = (("measure_type", "rate"), ("usable", "yes"))

SCHEMA = SheetSchema(
    name="td_incidence",
    title="Incidence and prevalence of tardive dyskinesia",
    columns=(
        ESTIMATE_ID,
        *TD_STUDY,
        Column(
            "arm",
            "text",
            "Drug or exposure of the row; arms of one study are different people",
            required=True,
        ),
        Column(
            "drug_class",
            "category",
            "Class of the drug",
            required=True,
            allowed=(
                ("FGA", "first-generation antipsychotic"),
                ("SGA", "second-generation antipsychotic, clozapine apart"),
                ("clozapine", ""),
                ("mixed FGA/SGA", ""),
                ("mixed FGA/clozapine", ""),
                ("mixed FGA/SGA/clozapine", ""),
            ),
        ),
        Column(
            "level",
            "category",
            "What the row is about",
            allowed=(
                ("study arm", ""),
                ("study subgroup", ""),
                ("pooled review", "several studies together; never pooled with studies"),
                ("pooled review (10 studies)", "the same, ten studies"),
            ),
        ),
        Column("measure", "text", "Measure, in the words of the source"),
        Column(
            "measure_type",
            "category",
            "Kind of measure",
            required=True,
            allowed=(
                ("rate", "cases and person-years"),
                ("risk", "survival estimate or annual risk"),
                ("count", "cases over people"),
                ("prevalence", "cases present at one time"),
            ),
        ),
        Column(
            "td_cases",
            "count",
            "People with new tardive dyskinesia (with any, where a prevalence)",
            unit="people",
        ),
        Column("person_years", "number", "Time at risk", unit="person-years", above=0),
        Column("pct_reported", "percent", "Risk or prevalence as printed", unit="percent"),
        Column("pct_lower", "percent", "Lower limit of its confidence interval", unit="percent"),
        Column("pct_upper", "percent", "Upper limit of its confidence interval", unit="percent"),
        Column(
            "rate_per_100py_reported",
            "number",
            "Incidence rate as printed",
            unit="per 100 person-years",
            low=0,
        ),
        Column("time_weeks", "number", "Time to which a risk refers", unit="weeks", above=0),
        Column("td_definition", "text", "Case definition"),
        Column(
            "baseline_td_excluded",
            "text",
            "Whether people with tardive dyskinesia at the start were left out",
        ),
        *TD_SOURCE,
    ),
    pairs=(("td_cases", "n"),),
    overlap=OverlapColumns("study_id", arm="arm", group="overlap_group", followup="weeks", n="n"),
    key=("estimate_id",),
    intervals=(("pct_lower", "pct_reported", "pct_upper"),),
    # a survival estimate is no ratio of cases to people
    percents=(PercentClaim("pct_reported", "td_cases", "n", unless=("measure_type", "risk")),),
    rates=(RateClaim("rate_per_100py_reported", "td_cases", "person_years"),),
    required_when=(RequiredWhen("td_cases", _RATE_IN_USE), RequiredWhen("person_years", _RATE_IN_USE)),
)
