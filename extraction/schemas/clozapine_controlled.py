"""Codebook of ``clozapine_controlled``: clozapine against another antipsychotic."""

from __future__ import annotations

from extraction.codebook import Column, OverlapColumns, SheetSchema
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
    name="clozapine_controlled",
    title="Clozapine against other antipsychotics",
    columns=(
        STUDY_ID,
        *BIBLIOGRAPHY,
        Column(
            "design",
            "category",
            "Design",
            required=True,
            allowed=(
                ("parallel RCT", "randomised, parallel groups"),
                ("factorial RCT", "randomised, drug crossed with another treatment"),
                ("non-randomised cohorts", ""),
            ),
        ),
        Column(
            "population",
            "category",
            "Who was treated",
            required=True,
            allowed=(
                ("adult TRS", "adults with treatment-resistant schizophrenia"),
                ("FE-TRS", "resistant within the first episode"),
                ("adolescent", ""),
            ),
        ),
        Column("prior_failed_trials", "text", "Failed trials required at entry, in the words of the source"),
        Column("response_criterion", "text", "Criterion of response, in the words of the source"),
        Column("comparator", "text", "Antipsychotic of the other arm", required=True),
        Column(
            "comparator_class",
            "category",
            "Its class",
            required=True,
            allowed=(("FGA", "first-generation antipsychotic"), ("SGA", "second-generation antipsychotic")),
        ),
        Column("events_clz", "count", "People who responded on clozapine", unit="people"),
        Column("n_clz", "count", "People in the clozapine arm", unit="people", required=True, low=1),
        Column("events_cmp", "count", "People who responded on the comparator", unit="people"),
        Column("n_cmp", "count", "People in the comparator arm", unit="people", required=True, low=1),
        Column("mean_clz", "number", "Mean of the outcome on clozapine", unit="points"),
        Column("sd_clz", "number", "Its standard deviation", unit="points", low=0),
        Column("mean_cmp", "number", "Mean of the outcome on the comparator", unit="points"),
        Column("sd_cmp", "number", "Its standard deviation", unit="points", low=0),
        Column("outcome", "text", "What counts or means are about", required=True),
        Column("direction", "text", "Which direction favours clozapine"),
        Column("scale", "text", "Rating scale (BPRS, PANSS)"),
        WEEKS,
        Column(
            "blinding", "category", "Who was blinded", allowed=(("double", ""), ("single", ""), ("open", ""))
        ),
        Column("dose_clz_mg", "number", "Mean dose of clozapine", unit="mg a day", low=0),
        Column("dose_cmp_mg", "number", "Mean dose of the comparator", unit="mg a day", low=0),
        MEAN_AGE,
        PCT_MALE,
        Column("illness_duration_years", "number", "Mean duration of illness", unit="years", low=0, high=100),
        Column("risk_of_bias_note", "text", "What weakens the study, in words"),
        SOURCE_LOCATION,
        SOURCE_URL,
        VERIFICATION,
        ANALYSIS_SET,
        Column("bib_recalled", "text", "Bibliographic fields written from memory, not seen"),
        NOTE,
    ),
    pairs=(("events_clz", "n_clz"), ("events_cmp", "n_cmp")),
    overlap=OverlapColumns("study_id", followup="weeks", n="n_clz"),
    key=("study_id",),
)
