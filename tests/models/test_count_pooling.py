"""Mantel-Haenszel as a model: what it takes, refuses, and leaves alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import meta
from meta.errors import ModelError, OptionError
from meta.kernels.count_pooling import pool_mantel_haenszel
from meta.models.count_pooling import CELLS


def trials() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "e1": [3, 0, 12, 5, 0, 9],
            "n1": [40, 25, 80, 33, 20, 9],
            "e2": [6, 4, 20, 5, 0, 9],
            "n2": [41, 27, 78, 30, 22, 9],
        }
    )


def effects(measure: str) -> meta.EffectSizes:
    return meta.effect_sizes(trials(), measure, events1="e1", n1="n1", events2="e2", n2="n2")


def test_a_trial_without_events_says_nothing_of_a_ratio_and_counts_for_a_difference() -> None:
    spec = meta.ModelSpec(model="mantel_haenszel")
    ratio, difference = meta.fit_model(effects("RR"), spec), meta.fit_model(effects("RD"), spec)
    assert (ratio.k, difference.k) == (5, 6)
    assert [s.reason for s in ratio.studies if not s.used] == ["0 events in both arms"]
    assert ratio.heterogeneity is not None
    # the last trial has only events in both arms: its counts are pooled, and it has no risk ratio for Q
    assert ratio.heterogeneity.df == 3


@pytest.mark.parametrize("measure", sorted(CELLS))
def test_leaving_a_study_out_is_the_pool_without_it(measure: str) -> None:
    rng = np.random.default_rng(4)
    k = 23
    size1, size2 = (rng.integers(20, 200, k).astype(np.float64) for _ in range(2))
    first, second = (rng.binomial(19, p, k).astype(np.float64) for p in (0.3, 0.4))
    mask = np.ones((k + 1, k), dtype=bool)
    mask[np.arange(k), np.arange(k)] = False
    pool = pool_mantel_haenszel(measure, first, size1, second, size2, mask)
    for i in (0, 7, k - 1):
        keep = np.arange(k) != i
        alone = pool_mantel_haenszel(
            measure, first[keep], size1[keep], second[keep], size2[keep], np.ones((1, k - 1), dtype=bool)
        )
        assert pool.value[i] == alone.value[0]
        assert pool.variance[i] == alone.variance[0]
        np.testing.assert_array_equal(pool.weights[i][keep], alone.weights[0])


@pytest.mark.parametrize("measure", ["OR", "RR", "RD"])
def test_swapping_arms_flips_the_sign(measure: str) -> None:
    frame = trials()
    swapped = frame.rename(columns={"e1": "e2", "e2": "e1", "n1": "n2", "n2": "n1"})
    spec = meta.ModelSpec(model="mantel_haenszel")
    fits = [
        meta.fit_model(meta.effect_sizes(d, measure, events1="e1", n1="n1", events2="e2", n2="n2"), spec)
        for d in (frame, swapped)
    ]
    one, other = (fit.estimate for fit in fits)
    assert one is not None
    assert other is not None
    assert one.value == pytest.approx(-other.value, rel=1e-12)
    assert one.se == pytest.approx(other.se, rel=1e-12)


def test_what_cannot_be_pooled_is_refused_in_words() -> None:
    spec = meta.ModelSpec(model="mantel_haenszel")
    frame = trials()
    proportions = meta.effect_sizes(frame, "PLO", events="e1", n="n1")
    with pytest.raises(ModelError, match=r"Mantel-Haenszel pools OR, RR, RD, IRR, IRD .* got PLO"):
        meta.fit_model(proportions, spec)
    ready = meta.EffectSizes.from_arrays([0.1, 0.2], [0.1, 0.1], measure="OR")
    with pytest.raises(ModelError, match="needs the counts events1, n1, events2, n2"):
        meta.fit_model(ready, spec)
    with pytest.raises(OptionError, match="takes no moderators"):
        meta.ModelSpec(model="mantel_haenszel", moderators="~ n1")


def test_peto_pools_without_a_correction_for_cells_of_zero() -> None:
    """Yusuf et al. (1985): sum (O - E) / sum V, here in plain loops; a trial with one empty cell counts."""
    spec = meta.ModelSpec(model="common", ci_method="Wald")
    fit = meta.fit_model(effects("PETO"), spec)
    over, total = 0.0, 0.0
    for e1, n1, e2, n2 in trials().to_numpy(dtype=float):
        n, events = n1 + n2, e1 + e2
        over += e1 - n1 * events / n
        total += n1 * n2 * events * (n - events) / (n * n * (n - 1))
    assert fit.k == 4
    assert fit.estimate is not None
    assert fit.estimate.value == pytest.approx(over / total, rel=1e-13)
    assert fit.estimate.se == pytest.approx(total**-0.5, rel=1e-13)


def test_one_effect_size_among_several_studies_has_nothing_to_be_compared_with() -> None:
    """Without a correction only the first trial has an odds ratio; the pool uses the cells of all three."""
    frame = pd.DataFrame({"events1": [3, 0, 0], "n1": [10, 10, 8], "events2": [2, 2, 3], "n2": [12, 12, 9]})
    columns = {name: name for name in frame}
    effects = meta.effect_sizes(frame, "OR", **columns, add=0.0, to="none")
    fit = meta.fit_model(effects, meta.ModelSpec(model="mantel_haenszel"))
    # R metafor 3.8-1: rma.mh(..., add = 0, to = "none")
    assert fit.estimate.value == pytest.approx(-0.7740945, abs=5e-8)
    assert (fit.status, fit.k, fit.heterogeneity) == ("ok", 3, None)
    assert fit.notes == ("only one study gives an effect size of its own: there is no Q, and no I2",)
    corrected = meta.fit_model(meta.effect_sizes(frame, "OR", **columns), fit.spec)
    assert (corrected.heterogeneity.df, corrected.notes) == (2, ())


def test_a_single_study_agrees_with_itself_whatever_was_added_to_its_cells() -> None:
    frame = pd.DataFrame({"events1": [10], "n1": [10], "events2": [3], "n2": [12]})
    effects = meta.effect_sizes(frame, "RR", **{name: name for name in frame})
    fit = meta.fit_model(effects, meta.ModelSpec(model="mantel_haenszel"))
    assert fit.estimate.value != effects.y[0]
    assert (fit.status, fit.heterogeneity.q, fit.heterogeneity.df) == ("single_study", 0.0, 0)
