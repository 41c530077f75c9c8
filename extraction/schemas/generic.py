"""Codebook of ``generic``, the sheet of any other review: known names are typed, others carried as text."""

from __future__ import annotations

from extraction.codebook import Column, OverlapColumns, PercentClaim, SheetSchema
from extraction.schemas.shared import AUTHORS, COUNTRY, DOI, JOURNAL, PMID, SOURCE_LOCATION, TITLE, YEAR

_COUNTS = tuple(
    column
    for group, whose in (("", ""), ("1", " in group 1 (the treatment)"), ("2", " in group 2 (the control)"))
    for column in (
        Column(
            f"events{group}",
            "count",
            f"People with the event{whose}; or events, where a rate is meant",
            unit="people",
        ),
        Column(f"n{group}", "count", f"People{whose}", unit="people", low=1),
        Column(f"time{group}", "number", f"Time at risk{whose}", unit="person-time", above=0),
        Column(f"mean{group}", "number", f"Mean of the outcome{whose}"),
        Column(f"sd{group}", "number", f"Standard deviation of the outcome{whose}", low=0),
    )
)

SCHEMA = SheetSchema(
    name="generic",
    title="Any other review",
    columns=(
        Column("study_id", "text", "Short name of the study, the same in all its rows"),
        Column("arm", "text", "Arm of the study; arms of one study are different people"),
        AUTHORS,
        YEAR,
        TITLE,
        JOURNAL,
        DOI,
        PMID,
        COUNTRY,
        *_COUNTS,
        Column("mean_pre", "number", "Mean before"),
        Column("mean_post", "number", "Mean after"),
        Column("sd_pre", "number", "Standard deviation before", low=0),
        Column("sd_post", "number", "Standard deviation after", low=0),
        Column("r", "number", "Correlation", low=-1, high=1),
        Column("controls", "count", "Variables that a partial correlation controls for"),
        Column("y", "number", "Effect size computed elsewhere, on the analysis scale"),
        Column("v", "number", "Sampling variance of y", above=0),
        Column("se", "number", "Standard error of y", above=0),
        Column("low", "number", "Lower limit of the confidence interval of y, on the scale of y"),
        Column("high", "number", "Upper limit of the confidence interval of y, on the scale of y"),
        Column("followup_years", "number", "Length of follow-up", unit="years", above=0),
        Column("weeks", "number", "Length of follow-up", unit="weeks", above=0),
        Column("pct_reported", "percent", "Share with the event, as printed", unit="percent"),
        Column(
            "overlaps_with", "text", "Studies of this sheet that share people with the row, joined by '; '"
        ),
        Column("overlap_group", "text", "Rows with the same entry report on the same people"),
        Column("risk_of_bias", "text", "Judgement of the risk of bias; empty where it was not assessed"),
        SOURCE_LOCATION,
        Column("source_url", "link", "Web address of the source; several joined by ' ; '"),
        Column("note", "text", "How derived figures were derived, and anything a reader should know"),
    ),
    open=True,
    pairs=(("events", "n"), ("events1", "n1"), ("events2", "n2")),
    overlap=OverlapColumns(
        "study_id", arm="arm", lists="overlaps_with", group="overlap_group", followup="followup_years", n="n"
    ),
    intervals=(("low", "y", "high"),),
    percents=(PercentClaim("pct_reported", "events", "n"),),
)
