"""The compiled kernel against NumPy: the same statuses, tau2 to 1e-12, by the same door, chosen by name."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

import numpy as np
import pytest

import meta
import meta.kernels.fast as fast_module
from meta.errors import ModelError
from meta.kernels import climb, concave, tau2
from meta.kernels.batch_fit import fit_batch
from meta.kernels.fast import FAST_METHODS, FEWEST_ROWS
from meta.kernels.status import Status

#: Share of tau2 + typical variance; worst seen: 0 (the operations are the same, in the same order).
TOLERANCE = 1e-12

needs_numba = pytest.mark.skipif(
    find_spec("numba") is None, reason="numba is not installed: pip install 'trs-meta[fast]'"
)


def data(k: int, rows: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    v = np.exp(rng.normal(-2.5, rng.choice([0.3, 1.0, 2.5], (rows, 1)), (rows, k)))
    y = rng.normal(50.0, np.sqrt(v + rng.choice([0.0, 0.05, 1.0], (rows, 1))))
    y[::10, 0] += 15.0 * np.sqrt(v[::10, 0])
    return y, v, rng.random((rows, k)) < rng.choice([0.2, 0.8, 1.0], (rows, 1))


@needs_numba
@pytest.mark.parametrize("method", sorted(FAST_METHODS))
@pytest.mark.parametrize("k", [2, 10, 33])
def test_equal_in_status_and_value(k: int, method: str) -> None:
    y, v, mask = data(k, 3001, seed=k)
    ones = np.ones((k, 1))
    plain = fit_batch(y, v, mask, ones, tau2_method=method, likelihood=False)
    fast = fit_batch(y, v, mask, ones, tau2_method=method, likelihood=False, kernel="fast")
    assert (fast.status == plain.status).all()
    scale = plain.tau2 + plain.typical_variance
    known = np.isfinite(scale)
    assert (np.abs(fast.tau2 - plain.tau2)[known] <= TOLERANCE * scale[known]).all()
    for name in ("coefficients", "covariance", "q", "residual_q", "typical_variance", "k"):
        assert getattr(fast, name) == pytest.approx(getattr(plain, name), rel=1e-11, nan_ok=True), name


@needs_numba
def test_the_compiled_constants_are_those_of_numpy() -> None:
    loops = import_module("meta.kernels.fast_loops")
    ours = (loops.MAX_STEPS, loops.SLOPE_RTOL, loops.TAU2_RTOL, loops.MARGIN, loops.SMALLEST, loops.PM_STEPS)
    steps, shares = (climb.MAX_STEPS, climb.SLOPE_RTOL, climb.TAU2_RTOL), (concave.MARGIN, concave.SMALLEST)
    assert ours == (*steps, *shares, tau2.MAX_STEPS)
    assert {name: getattr(loops, name) for name in FAST_METHODS} == FAST_METHODS


@needs_numba
def test_most_rows_are_compiled_and_several_maxima_are_left_to_the_search() -> None:
    y, v, _ = data(10, 5000, seed=1)
    mask = np.ones(y.shape, dtype=bool)
    batch = fit_batch(y, v, mask, np.ones((10, 1)), tau2_method="REML")
    several = np.flatnonzero(batch.status == Status.SEVERAL_MAXIMA)
    assert several.size > 5
    left = fast_module.fill_rows(batch, y, v, mask, "REML", np.arange(5000))
    assert np.isin(several, left).all()
    assert left.size < 3000


@needs_numba
def test_bits_do_not_depend_on_the_batch_or_on_what_is_left_out() -> None:
    y, v, mask = data(20, 400, seed=7)
    y[~mask], v[~mask] = np.nan, np.nan
    spec = meta.ModelSpec(tau2_ci=None)
    whole = meta.fit_many(y, v, spec, mask=mask, kernel="fast")
    part = meta.fit_many(y[250:99:-1], v[250:99:-1], spec, mask=mask[250:99:-1], kernel="fast")
    for name in ("estimate", "se", "low", "high", "tau2", "p"):
        assert getattr(part, name).tobytes() == getattr(whole, name)[250:99:-1].tobytes(), name


@needs_numba
def test_variances_far_from_one_are_left_to_numpy() -> None:
    y, v, mask = data(6, 300, seed=2)
    y, v = y * 1e-40, v * 1e-80
    spec = meta.ModelSpec(tau2_ci=None)
    fast, plain = (meta.fit_many(y, v, spec, mask=mask, kernel=name) for name in ("fast", "numpy"))
    assert (fast.status == plain.status).all()
    assert fast.tau2 == pytest.approx(plain.tau2, rel=1e-9, abs=1e-95, nan_ok=True)


@needs_numba
def test_refits_say_which_kernel_made_them() -> None:
    y, v, _ = data(FEWEST_ROWS + 20, 1, seed=4)
    effects = meta.EffectSizes.from_arrays(y[0], v[0])
    spec = meta.ModelSpec(tau2_ci=None)
    fast, plain = (meta.leave_one_out(effects, spec, kernel=name) for name in ("fast", "numpy"))
    assert (fast.kernel, plain.kernel) == ("fast", "numpy")
    assert fast.estimate == pytest.approx(plain.estimate, rel=1e-12)
    assert meta.leave_one_out(effects, spec).kernel == "numpy"
    small = meta.EffectSizes.from_arrays(y[0, :20], v[0, :20])
    assert meta.leave_one_out(small, spec, kernel="fast").kernel == "numpy"
    for other in (meta.ModelSpec(tau2_method="HE"), meta.ModelSpec(model="common")):
        assert meta.leave_one_out(effects, other, kernel="fast").kernel == "numpy"


def test_a_kernel_that_does_not_exist_is_named() -> None:
    with pytest.raises(ModelError, match="kernel must be one of numpy, fast; got 'gpu'"):
        meta.fit_many(np.zeros((2, 3)), np.ones((2, 3)), kernel="gpu")


def test_without_numba_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fast_module, "find_spec", lambda _: None)
    effects = meta.EffectSizes.from_arrays([0.1, 0.2, 0.4], [0.1, 0.1, 0.2])
    for call in (
        lambda: meta.fit_many(np.zeros((2, 3)), np.ones((2, 3)), kernel="fast"),
        lambda: meta.leave_one_out(effects, kernel="fast"),
    ):
        with pytest.raises(ModelError, match=r"kernel='fast' needs numba: .*pip install 'trs-meta\[fast\]'"):
            call()
