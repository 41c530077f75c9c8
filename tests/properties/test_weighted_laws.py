"""Laws of means under weights given, of UWLS and of IVhet, that hold for any data."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meta.effects.sizes import EffectSizes
from meta.kernels.batch import BatchFit
from meta.kernels.batch_fit import fit_batch
from meta.models.fitting import fit_model
from meta.options import ModelSpec
from meta.results import Fit

LAW = settings(deadline=None, max_examples=60, derandomize=True)
METHOD = st.sampled_from(["GENQ", "DL", "REML", "SJ", None])
MODEL = st.sampled_from(["uwls", "ivhet"])
NUMBERS = ("coefficients", "covariance", "tau2", "q", "residual_q", "loglik")

Data = tuple[np.ndarray, np.ndarray, np.ndarray]


@st.composite
def studies(draw: st.DrawFn) -> Data:
    """Effects, variances and weights, a tenth of which are 0 (never all)."""
    k = draw(st.integers(3, 25))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    v = np.exp(rng.normal(-3.0, draw(st.floats(0.1, 3.0)), k))
    weights = rng.uniform(0.1, 10.0, k) * (rng.random(k) > 0.1)
    weights[:2] = 1.0
    return rng.normal(0.0, np.sqrt(v + draw(st.sampled_from([0.0, 0.05, 1.0])))), v, weights


def fit(y: np.ndarray, v: np.ndarray, weights: np.ndarray, method: str | None) -> BatchFit:
    mask, design = np.ones((1, y.size), dtype=bool), np.ones((y.size, 1))
    return fit_batch(y, v, mask, design, tau2_method=method, weights=weights)


def through_the_door(y: np.ndarray, v: np.ndarray, model: str) -> Fit:
    return fit_model(EffectSizes.from_arrays(y, v), ModelSpec(model=model))


@given(studies(), METHOD, st.integers(0, 10**6))
@LAW
def test_the_order_of_studies_does_not_matter(data: Data, method: str | None, seed: int) -> None:
    y, v, weights = data
    order = np.random.default_rng(seed).permutation(y.size)
    a, b = fit(y, v, weights, method), fit(y[order], v[order], weights[order], method)
    typical = float(a.typical_variance[0])
    assert b.coefficients == pytest.approx(a.coefficients, rel=1e-9, abs=1e-10)
    assert b.covariance == pytest.approx(a.covariance, rel=1e-8)
    assert b.tau2 == pytest.approx(a.tau2, rel=1e-8, abs=1e-10 * typical)


@given(studies(), METHOD, st.sampled_from([1.0, -40.0, 1e6]))
@LAW
def test_a_shift_moves_only_the_mean(data: Data, method: str | None, shift: float) -> None:
    y, v, weights = data
    moved = (y + shift) - shift  # the digits that survive the addition
    a, b = fit(moved, v, weights, method), fit(y + shift, v, weights, method)
    typical = float(a.typical_variance[0])
    assert b.coefficients - shift == pytest.approx(a.coefficients, abs=1e-14 * max(1.0, abs(shift)))
    assert b.tau2 == pytest.approx(a.tau2, rel=1e-7, abs=1e-9 * max(typical, 1e-3))
    assert b.covariance == pytest.approx(a.covariance, rel=1e-7)


@given(studies(), METHOD, st.sampled_from([2.0**-20, 0.25, 2.0**17]))
@LAW
def test_a_change_of_unit_by_a_power_of_two_changes_no_bit(
    data: Data, method: str | None, unit: float
) -> None:
    y, v, weights = data
    a, b = fit(y, v, weights, method), fit(unit * y, unit**2 * v, 0.5 * weights, method)
    assert (b.coefficients / unit).tolist() == a.coefficients.tolist()
    assert (b.covariance / unit**2).tolist() == a.covariance.tolist()
    assert (b.tau2 / unit**2).tolist() == a.tau2.tolist()


@given(studies(), METHOD)
@LAW
def test_a_masked_study_is_an_absent_one_whatever_it_holds(data: Data, method: str | None) -> None:
    y, v, weights = (np.append(array, np.nan) for array in data)
    mask = np.append(np.ones((1, y.size - 1), dtype=bool), [[False]], axis=1)
    masked = fit_batch(y, v, mask, np.ones((y.size, 1)), tau2_method=method, weights=weights)
    absent = fit(*data, method)
    for name in NUMBERS:
        assert getattr(masked, name).tobytes() == getattr(absent, name).tobytes(), name


@given(studies(), METHOD)
@LAW
def test_a_row_of_a_batch_has_the_bits_of_a_row_alone(data: Data, method: str | None) -> None:
    y, v, weights = data
    mask = np.random.default_rng(1).random((5, y.size)) < 0.8
    mask[:, :2] = True
    batch = fit_batch(y, v, mask, np.ones((y.size, 1)), tau2_method=method, weights=weights)
    for i in range(5):
        alone = fit_batch(y, v, mask[i : i + 1], np.ones((y.size, 1)), tau2_method=method, weights=weights)
        for name in NUMBERS:
            assert getattr(batch, name)[i].tobytes() == getattr(alone, name)[0].tobytes(), name


@given(studies(), METHOD)
@LAW
def test_no_weights_beat_the_inverse_variances_at_their_tau2(data: Data, method: str | None) -> None:
    """Gauss and Markov: at one tau2 the inverse-variance mean has the smallest variance."""
    y, v, weights = data
    given_weights = fit(y, v, weights, method)
    best = 1.0 / float(np.sum(1.0 / (v + given_weights.tau2[0])))
    assert given_weights.covariance[0, 0, 0] >= best * (1.0 - 1e-12)


@given(studies(), MODEL, st.sampled_from([0.5, 3.0]))
@LAW
def test_uwls_and_ivhet_change_with_the_unit_alone(data: Data, model: str, unit: float) -> None:
    y, v, _ = data
    a, b = through_the_door(y, v, model), through_the_door(unit * y, unit**2 * v, model)
    assert a.estimate is not None
    assert b.estimate is not None
    for name in ("value", "se", "low", "high"):
        ours = getattr(b.estimate, name) / unit
        assert ours == pytest.approx(getattr(a.estimate, name), rel=1e-9, abs=1e-12 * a.estimate.se), name
    assert b.estimate.p == pytest.approx(a.estimate.p, rel=1e-7)


@given(studies(), MODEL)
@LAW
def test_uwls_and_ivhet_keep_the_common_estimate(data: Data, model: str) -> None:
    y, v, _ = data
    found, common = through_the_door(y, v, model), through_the_door(y, v, "common")
    assert found.estimate is not None
    assert common.estimate is not None
    assert found.estimate.value == pytest.approx(common.estimate.value, rel=1e-10, abs=1e-12)
    if model == "ivhet":
        assert found.estimate.se >= float(np.sqrt(1.0 / np.sum(1.0 / v))) * (1.0 - 1e-12)
