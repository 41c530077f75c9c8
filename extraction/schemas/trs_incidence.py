"""Codebook of ``trs_incidence``: what share of a first-episode cohort becomes treatment resistant."""

from __future__ import annotations

from extraction.codebook import CohortSplit, Column, OverlapColumns, SheetSchema
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
)

SCHEMA = SheetSchema(
    name="trs_incidence",
    title="Treatment-resistant schizophrenia in first-episode cohorts",
    columns=(
        STUDY_ID,
        *BIBLIOGRAPHY,
        Column("cohort_name", "text", "Name and place of the cohort"),
        Column(
            "population",
            "category",
            "Who was followed",
            required=True,
            allowed=(
                ("FEP", "first-episode psychosis"),
                ("FES", "first-episode schizophrenia"),
                ("FE-SSD", "first-episode schizophrenia-spectrum disorder"),
            ),
        ),
        Column(
            "design",
            "category",
            "How the cohort was followed",
            required=True,
            allowed=(
                ("prospective", ""),
                ("retrospective", "from case notes"),
                ("register", "from registers or routine records"),
            ),
        ),
        Column("recruitment_setting", "text", "Where people entered the cohort"),
        Column("trs_definition", "text", "Definition of treatment resistance, in the words of the source"),
        Column(
            "definition_type",
            "category",
            "Kind of definition, coded by the review team from the wording",
            required=True,
            allowed=(
                ("trials", "failed adequate trials or clinical criteria"),
                ("clozapine", "prescription or start of clozapine as the event"),
                ("register", "register algorithm"),
                ("symptoms", "symptom threshold only"),
                ("switch", "third antipsychotic for any reason"),
                ("unspecified", "not specified in the abstract"),
            ),
        ),
        Column(
            "onset",
            "category",
            "Which resistant people the row counts",
            required=True,
            allowed=(
                ("total", "all of them"),
                ("early", "resistant from the first episode"),
                ("late", "resistant after an initial response"),
            ),
        ),
        Column("events", "count", "Resistant people", unit="people", required=True),
        Column("n", "count", "People in the cohort", unit="people", required=True, low=1),
        Column("followup_years", "number", "Length of follow-up", unit="years", above=0, high=100),
        Column(
            "followup_kind",
            "category",
            "What the length of follow-up is",
            allowed=(
                ("fixed", "the same for all"),
                ("mean", ""),
                ("median", ""),
                ("maximum", "the longest; most were followed for less"),
            ),
        ),
        Column("events_male", "count", "Resistant men", unit="people"),
        Column("n_male", "count", "Men in the cohort", unit="people", low=1),
        Column("events_female", "count", "Resistant women", unit="people"),
        Column("n_female", "count", "Women in the cohort", unit="people", low=1),
        PCT_MALE,
        MEAN_AGE,
        Column("pct_dropout", "percent", "People lost to follow-up", unit="percent"),
        Column("quality_note", "text", "What weakens the study, in words"),
        Column(
            "overlaps_with", "text", "Studies of this sheet that share people with the row, joined by '; '"
        ),
        Column("overlaps_outside", "text", "Publications outside this sheet that share people with the row"),
        SOURCE_LOCATION,
        SOURCE_URL,
        VERIFICATION,
        ANALYSIS_SET,
        NOTE,
    ),
    pairs=(("events", "n"), ("events_male", "n_male"), ("events_female", "n_female")),
    overlap=OverlapColumns("study_id", lists="overlaps_with", followup="followup_years", n="n"),
    key=("study_id", "onset"),
    sums=(("events", ("events_male", "events_female")), ("n", ("n_male", "n_female"))),
    cohort=CohortSplit("study_id", "onset", "total", ("early", "late"), "events", "n"),
    quotes=("quality_note", "note"),
)
