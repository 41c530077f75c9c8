"""The guards of the HKSJ interval, against intervals written out one by one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

import meta

WALD = meta.ModelSpec(ci_method="Wald", pi_method=None)
HKSJ = meta.ModelSpec(ci_method="HKSJ", ci_guard="none", pi_method=None)

#: Three kinds: effects closer than chance (HKSJ narrow), far apart (HKSJ wide), and in between.
DATA = {
    "alike": ([0.10, 0.12, 0.11, 0.09, 0.13], [0.04, 0.02, 0.05, 0.01, 0.03]),
    "apart": ([0.10, 0.90, -0.60, 0.40, 1.30], [0.04, 0.02, 0.05, 0.01, 0.03]),
    "between": ([0.10, 0.35, 0.02, 0.15, 0.28, 0.22], [0.04, 0.02, 0.05, 0.01, 0.03, 0.02]),
}


def width(fit: meta.Fit) -> float:
    return fit.estimate.high - fit.estimate.low


@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize("level", [0.5, 0.95, 0.99])
def test_ci_keeps_the_wider_interval_whole(name: str, level: float) -> None:
    effects = meta.EffectSizes.from_arrays(*map(np.array, DATA[name]))
    wald, hksj = (meta.fit_model(effects, replace(s, level=level)) for s in (WALD, HKSJ))
    kept = wald if width(hksj) < width(wald) else hksj
    fit = meta.fit_model(effects, replace(HKSJ, ci_guard="ci", level=level))
    assert fit.estimate == kept.estimate
    assert fit.covariance == pytest.approx(kept.covariance)
    said = "the Wald interval is kept, since the HKSJ interval is narrower (guard ci)" in fit.notes
    assert said is (kept is wald)


@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize("level", [0.5, 0.95, 0.99])
def test_iqwig6_corrects_where_the_interval_is_narrower_than_dl(name: str, level: float) -> None:
    effects = meta.EffectSizes.from_arrays(*map(np.array, DATA[name]))
    hksj = meta.fit_model(effects, replace(HKSJ, level=level))
    rival = meta.fit_model(effects, replace(WALD, tau2_method="DL", level=level))
    fit = meta.fit_model(effects, replace(HKSJ, ci_guard="iqwig6", level=level))
    if width(hksj) < width(rival):
        assert fit.estimate == meta.fit_model(effects, replace(HKSJ, ci_guard="se", level=level)).estimate
        assert any(note.startswith("the HKSJ interval is narrower than the DerSim") for note in fit.notes)
    else:
        assert fit.estimate == hksj.estimate
        assert not fit.notes


def test_all_three_outcomes_occur() -> None:
    kinds = set()
    for y, v in DATA.values():
        effects = meta.EffectSizes.from_arrays(np.array(y), np.array(v))
        kinds.add(meta.fit_model(effects, replace(HKSJ, ci_guard="ci")).estimate.df is None)
    assert kinds == {True, False}


def test_the_kept_wald_interval_makes_tests_of_coefficients_chi_squared() -> None:
    y, v = map(np.array, DATA["alike"])
    effects = meta.EffectSizes.from_arrays(y, v, columns={"x": [1.0, 2.0, 3.0, 4.0, 6.0]})
    plain = meta.fit_model(effects, replace(WALD, moderators="~ x"))
    fit = meta.fit_model(effects, replace(HKSJ, moderators="~ x", ci_guard="ci"))
    assert fit.moderator_test == plain.moderator_test
    assert fit.moderator_test.df2 is None
    assert meta.test_contrast(fit, [0.0, 1.0]).df is None


def test_a_single_study_is_not_guarded() -> None:
    effects = meta.EffectSizes.from_arrays(np.array([0.3]), np.array([0.04]))
    fit = meta.fit_model(effects, replace(HKSJ, ci_guard="ci"))
    assert fit.estimate.high == pytest.approx(0.3 + stats.norm.ppf(0.975) * 0.2)
    assert not fit.notes


def test_leave_one_out_guards_each_refit_by_itself() -> None:
    y, v = map(np.array, DATA["between"])
    effects = meta.EffectSizes.from_arrays(y, v)
    for guard in ("ci", "iqwig6"):
        spec = replace(HKSJ, ci_guard=guard)
        moved = meta.leave_one_out(effects, spec)
        for i in range(y.size):
            alone = meta.fit_model(
                meta.EffectSizes.from_arrays(np.delete(y, i), np.delete(v, i)), spec
            ).estimate
            assert (moved.low[i], moved.high[i], moved.p[i]) == (alone.low, alone.high, alone.p)


def test_iqwig6_needs_random_effects() -> None:
    with pytest.raises(meta.MetaError, match="ci_guard='iqwig6' compares with a random-effects model"):
        meta.ModelSpec(model="common", ci_guard="iqwig6")
    with pytest.raises(meta.MetaError, match="ci_guard='ci' is not used"):
        meta.ModelSpec(ci_method="Wald", ci_guard="ci")
