"""Codebook of ``td_targets``: what published syntheses of tardive dyskinesia found."""

from __future__ import annotations

from extraction.codebook import Column, SheetSchema
from extraction.schemas.shared import (
    TARGET_ANALYSIS,
    TARGET_I2,
    TARGET_ID,
    TARGET_P,
    TARGET_PEOPLE,
    TARGET_Q_TEXT,
    TARGET_RESULT,
    TARGET_SOURCE,
    TARGET_TAU2,
)

SCHEMA = SheetSchema(
    name="td_targets",
    title="Published syntheses: tardive dyskinesia",
    columns=(
        TARGET_ID,
        Column("synthesis", "text", "Short name of the synthesis", required=True),
        TARGET_ANALYSIS,
        Column("measure", "text", "Measure (pooled raw incidence, annual incidence, RR)", required=True),
        Column("k", "text", "Studies or arms, as printed"),
        TARGET_PEOPLE,
        *TARGET_RESULT,
        Column("unit", "text", "Unit of the estimate"),
        TARGET_I2,
        TARGET_TAU2,
        TARGET_Q_TEXT,
        Column("df", "count", "Degrees of freedom of Q"),
        TARGET_P,
        *TARGET_SOURCE,
    ),
    key=("target_id",),
    intervals=(("lower", "estimate", "upper"),),
)
