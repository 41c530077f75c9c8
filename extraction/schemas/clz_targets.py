"""Codebook of ``clz_targets``: what published syntheses of clozapine found."""

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
    name="clz_targets",
    title="Published syntheses: clozapine",
    columns=(
        TARGET_ID,
        TARGET_ANALYSIS,
        Column("measure", "text", "Effect measure (RR, SMD, proportion %)", required=True),
        Column("k", "count", "Studies or comparisons"),
        TARGET_PEOPLE,
        *TARGET_RESULT,
        TARGET_I2,
        TARGET_TAU2,
        TARGET_Q_TEXT,
        TARGET_P,
        *TARGET_SOURCE,
    ),
    key=("target_id",),
    intervals=(("lower", "estimate", "upper"),),
)
