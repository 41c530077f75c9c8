"""Codebook of ``trs_targets``: what published syntheses of treatment resistance found."""

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
    name="trs_targets",
    title="Published syntheses: treatment resistance",
    columns=(
        TARGET_ID,
        TARGET_ANALYSIS,
        Column("k", "count", "Studies"),
        TARGET_PEOPLE,
        *TARGET_RESULT,
        Column("scale", "text", "Scale of the estimate (percent, ratio), with what it counts", required=True),
        TARGET_I2,
        TARGET_TAU2,
        TARGET_Q_TEXT,
        TARGET_P,
        *TARGET_SOURCE,
    ),
    key=("target_id",),
    intervals=(("lower", "estimate", "upper"),),
)
