"""The rows of the shipped review, pooled the old way (DerSimonian-Laird on the log scale, Wald).

The numbers were worked out when the sheets were made; they hold only if exactly the right rows are chosen.
"""

from __future__ import annotations

import pytest

from meta.effects.compute import effect_sizes
from meta.models.fitting import fit_model
from meta.options import ModelSpec
from meta.protocol.review import Review, read_review

OLD_WAY = ModelSpec(tau2_method="DL", ci_method="Wald")


@pytest.fixture(scope="module")
def review() -> Review:
    return read_review()


@pytest.mark.parametrize(
    ("name", "factor", "digits", "k", "expected", "i2"),
    [
        ("trs_total", 100, 1, 12, (17.1, 13.9, 21.0), 94),
        ("trs_total_stokes", 100, 1, 12, (18.8, 16.3, 21.6), 89),
        ("clozapine_response", 100, 1, 22, (51.0, 44.5, 57.4), 81),
        ("clozapine_controlled", 1, 2, 4, (1.73, 0.95, 3.15), None),
    ],
)
def test_the_right_rows_give_the_known_numbers(
    review: Review, name: str, factor: float, digits: int, k: int, expected: tuple[float, ...], i2: int | None
) -> None:
    plan = next(analysis for analysis in review.protocol.analyses if analysis.id == name)
    chosen = review.selections[name]
    effects = effect_sizes(chosen.sheet, plan.measure, label=chosen.label, refs=chosen.refs, **plan.columns)
    fit = fit_model(effects, OLD_WAY)
    assert fit.k == k
    assert fit.natural is not None
    found = (fit.natural.value, fit.natural.low, fit.natural.high)
    assert tuple(round(factor * value, digits) for value in found) == expected
    assert fit.heterogeneity is not None
    assert i2 is None or round(fit.heterogeneity.i2) == i2
