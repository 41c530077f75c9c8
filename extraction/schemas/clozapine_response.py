"""Codebook of ``clozapine_response``: what share of people with treatment-resistant schizophrenia responds to clozapine."""

from __future__ import annotations

from extraction.codebook import Column, OverlapColumns, RequiredWhen, SheetSchema
from extraction.schemas.shared import (
    ANALYSIS_SET,
    BIBLIOGRAPHY,
    MEAN_AGE,
    NOTE,
    PCT_MALE,
    SOURCE_LOCATION,
    SOURCE_URL,
    STUDY_ID,
    VERIFICATION,
    WEEKS,
)

SCHEMA = SheetSchema(
    name="clozapine_response",
    title="Response to clozapine",
    columns=(
        STUDY_ID, *BIBLIOGRAPHY,
        Column(
            "design", "category", "Design", required=True,
            allowed=(("RCT arm", "clozapine arm of a randomised trial"), ("open prospective", ""), ("retrospective", "")),
        ),
        Column(
            "population", "category", "Who was treated", required=True,
            allowed=(
                ("adult TRS", "adults with treatment-resistant schizophrenia"),
                ("FE-TRS", "resistant within the first episode"),
                ("adolescent", ""),
                ("mixed", "resistant and other patients together"),
            ),
        ),
        Column("prior_failed_trials", "text", "Failed trials required at entry, in the words of the source"),
        Column("response_criterion", "text", "Criterion of response, in the words of the source"),
        Column(
            "criterion_type", "category", "Kind of criterion, coded by the review team from the wording",
            allowed=(
                ("pct20", "20 percent fall on the scale"),
                ("kane", "20 percent fall and a low end state"),
                ("pct30_cgi", "30 percent fall and much improved"),
                ("pct50", "50 percent fall"),
                ("band25_50", "25 to 50 percent fall; people above 50 are not counted"),
                ("cgi", "clinical global impression"),
                ("global", "clinical judgement"),
                ("remission", ""),
                ("unspecified", "not specified in the abstract"),
            ),
        ),
        Column("responders", "count", "People who responded", unit="people"),
        Column("n", "count", "People treated with clozapine", unit="people", required=True, low=1),
        WEEKS,
        Column("mean_dose_mg", "number", "Mean dose of clozapine", unit="mg a day", low=0),
        MEAN_AGE, PCT_MALE,
        Column("illness_duration_years", "number", "Mean duration of illness", unit="years", low=0, high=100),
        Column("scale", "text", "Rating scale (BPRS, PANSS)"),
        Column("baseline_mean", "number", "Mean score before clozapine", unit="points"),
        Column("baseline_sd", "number", "Its standard deviation", unit="points", low=0),
        Column("endpoint_mean", "number", "Mean score at the end", unit="points"),
        Column("endpoint_sd", "number", "Its standard deviation", unit="points", low=0),
        Column("change_mean", "number", "Mean change; a fall is negative", unit="points"),
        Column("change_sd", "number", "Its standard deviation", unit="points", low=0),
        Column("risk_of_bias_note", "text", "What weakens the study, in words"),
        SOURCE_LOCATION, SOURCE_URL, VERIFICATION, ANALYSIS_SET,
        Column("bib_recalled", "text", "Bibliographic fields written from memory, not seen"),
        NOTE,
    ),
    pairs=(("responders", "n"),),
    overlap=OverlapColumns("study_id", followup="weeks", n="n"),
    key=("study_id",),
    required_when=(
        RequiredWhen("responders", (("analysis_set", "primary"),)),
        RequiredWhen("criterion_type", (("analysis_set", "primary"),)),
    ),
    quotes=("risk_of_bias_note", "note"),
)
