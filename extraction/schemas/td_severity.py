"""Codebook of ``td_severity``: change in a score of tardive dyskinesia."""

from __future__ import annotations

from extraction.codebook import Column, OverlapColumns, RequiredWhen, SheetSchema
from extraction.schemas.shared import ESTIMATE_ID, TD_SOURCE, TD_STUDY, TD_TREATMENT

SCHEMA = SheetSchema(
    name="td_severity",
    title="Change in severity of tardive dyskinesia",
    columns=(
        ESTIMATE_ID,
        *TD_STUDY,
        *TD_TREATMENT,
        Column("outcome_label", "text", "What the means are about", required=True),
        Column("baseline_mean", "number", "Mean score before treatment", unit="points"),
        Column("baseline_sd", "number", "Its standard deviation", unit="points", low=0),
        Column("endpoint_mean", "number", "Mean score at the end", unit="points"),
        Column("endpoint_sd", "number", "Its standard deviation", unit="points", low=0),
        Column("change_mean", "number", "Mean change; a fall is negative", unit="points"),
        Column("change_sd", "number", "Its standard deviation", unit="points", low=0),
        Column(
            "pct_change_mean",
            "number",
            "Mean change in percent of baseline; a fall is negative",
            unit="percent",
            low=-100,
        ),
        Column("pre_post_r", "number", "Correlation of the scores before and after", low=-1, high=1),
        *TD_SOURCE,
    ),
    overlap=OverlapColumns("study_id", arm="treatment", group="overlap_group", followup="weeks", n="n"),
    key=("estimate_id",),
    required_when=(RequiredWhen("n", (("usable", "yes"),)),),
)
