"""Codebook of ``td_improvement``: what share of people with tardive dyskinesia improves."""

from __future__ import annotations

from extraction.codebook import Column, OverlapColumns, PercentClaim, RequiredWhen, SheetSchema
from extraction.schemas.shared import ESTIMATE_ID, TD_SOURCE, TD_STUDY, TD_TREATMENT

SCHEMA = SheetSchema(
    name="td_improvement",
    title="Improvement of tardive dyskinesia",
    columns=(
        ESTIMATE_ID,
        *TD_STUDY,
        *TD_TREATMENT,
        Column("improvement_criterion", "text", "Criterion of improvement, in the words of the source"),
        Column(
            "criterion_type",
            "category",
            "Kind of criterion, coded by the review team from the wording",
            required=True,
            allowed=(
                ("pct50", "50 percent fall on the scale"),
                ("pct75", "75 percent fall on the scale"),
                ("resolution", "complete resolution"),
                ("remission", ""),
                ("points", "fall by a number of points"),
                ("global", "clinical judgement"),
            ),
        ),
        Column("improved", "count", "People who improved", unit="people"),
        Column("pct_reported", "percent", "Share that improved, as printed", unit="percent"),
        *TD_SOURCE,
    ),
    pairs=(("improved", "n"),),
    overlap=OverlapColumns("study_id", arm="treatment", group="overlap_group", followup="weeks", n="n"),
    key=("estimate_id",),
    percents=(PercentClaim("pct_reported", "improved", "n"),),
    required_when=(RequiredWhen("improved", (("usable", "yes"),)), RequiredWhen("n", (("usable", "yes"),))),
)
