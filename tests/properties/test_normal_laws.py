"""Laws of the inverse-variance models that hold for any data."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meta.kernels.batch_fit import TAU2_METHODS, fit_batch
from meta.kernels.status import Status
from meta.models.normal import infer_normal
from meta.models.rows import FittedRows
from meta.options import ModelSpec

METHOD = st.sampled_from(TAU2_METHODS)
LAW = settings(deadline=None, max_examples=60, derandomize=True)


@st.composite
def studies(draw: st.DrawFn, smallest: int = 3) -> tuple[np.ndarray, np.ndarray]:
    k = draw(st.integers(smallest, 25))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    spread = draw(st.floats(0.1, 3.0))
    v = np.exp(rng.normal(-3.0, spread, k))
    return rng.normal(0.0, np.sqrt(v + draw(st.sampled_from([0.0, 0.05, 1.0])))), v


def fit(y: np.ndarray, v: np.ndarray, method: str | None, **options: object) -> FittedRows:
    mask, design = np.ones((1, y.size), dtype=bool), np.ones((y.size, 1))
    spec = (
        ModelSpec(model="common", **options) if method is None else ModelSpec(tau2_method=method, **options)
    )  # type: ignore[arg-type]
    return infer_normal(fit_batch(y, v, mask, design, tau2_method=method), y, v, mask, design, spec, True)


@given(studies(), METHOD, st.integers(0, 10**6))
@LAW
def test_the_order_of_studies_does_not_matter(
    data: tuple[np.ndarray, np.ndarray], method: str, seed: int
) -> None:
    y, v = data
    order = np.random.default_rng(seed).permutation(y.size)
    a, b = fit(y, v, method), fit(y[order], v[order], method)
    assert b.value == pytest.approx(a.value, rel=1e-9, abs=1e-10)
    assert b.tau2 == pytest.approx(a.tau2, rel=1e-8, abs=1e-10 * a.typical_variance[0])
    assert b.weights[0] == pytest.approx(a.weights[0][order], rel=1e-8)  # type: ignore[index]


@given(studies(), METHOD, st.sampled_from([1.0, -40.0, 1e6]))
@LAW
def test_a_shift_moves_only_the_mean(data: tuple[np.ndarray, np.ndarray], method: str, shift: float) -> None:
    y, v = data
    moved = (y + shift) - shift  # the digits that survive the addition
    a, b = fit(moved, v, method), fit(y + shift, v, method)
    assert b.value - shift == pytest.approx(a.value, abs=1e-15 * max(1.0, abs(shift)) * 4.0)
    for name in ("se", "tau2", "q", "i2", "tau2_low", "tau2_high"):
        assert getattr(b, name) == pytest.approx(getattr(a, name), rel=1e-9, abs=1e-12), name


@given(studies(), METHOD, st.sampled_from([1e-6, 0.25, 100.0, 1e5]))
@LAW
def test_a_change_of_unit_changes_units_only(
    data: tuple[np.ndarray, np.ndarray], method: str, unit: float
) -> None:
    y, v = data
    a, b = fit(y, v, method), fit(unit * y, unit**2 * v, method)
    assert b.value / unit == pytest.approx(a.value, rel=1e-9, abs=1e-12)
    assert b.se / unit == pytest.approx(a.se, rel=1e-9)
    assert b.tau2 / unit**2 == pytest.approx(a.tau2, rel=1e-8, abs=1e-10 * a.typical_variance[0])
    assert b.q == pytest.approx(a.q, rel=1e-9)
    assert b.i2 == pytest.approx(a.i2, rel=1e-7, abs=1e-7)
    assert b.p_value == pytest.approx(a.p_value, rel=1e-7)


@given(studies(), METHOD)
@LAW
def test_a_sign_change_mirrors_everything(data: tuple[np.ndarray, np.ndarray], method: str) -> None:
    y, v = data
    a, b = fit(y, v, method), fit(-y, v, method)
    assert (-b.value).tolist() == a.value.tolist()
    assert (-b.low).tolist() == a.high.tolist()
    assert (-b.prediction_low).tolist() == a.prediction_high.tolist()
    assert b.tau2.tolist() == a.tau2.tolist()


@given(studies(), st.sampled_from([None, *TAU2_METHODS]), st.sampled_from(["Wald", "t", "HKSJ"]))
@LAW
def test_a_wider_level_gives_wider_intervals(
    data: tuple[np.ndarray, np.ndarray], method: str | None, ci_method: str
) -> None:
    y, v = data
    rows = [fit(y, v, method, ci_method=ci_method, level=level) for level in (0.8, 0.95, 0.99)]
    for narrow, wide in pairwise(rows):
        assert wide.low[0, 0] < narrow.low[0, 0] <= narrow.value[0, 0] <= narrow.high[0, 0] < wide.high[0, 0]
        if method is not None:
            assert wide.prediction_low[0] < narrow.prediction_low[0]
            assert wide.tau2_low[0] <= narrow.tau2_low[0]
            assert wide.tau2_high[0] >= narrow.tau2_high[0]


@given(studies(2), METHOD)
@LAW
def test_the_guard_never_narrows(data: tuple[np.ndarray, np.ndarray], method: str) -> None:
    y, v = data
    wald = fit(y, v, method, ci_method="Wald")
    bare = fit(y, v, method, ci_method="HKSJ", ci_guard="none")
    guarded = fit(y, v, method, ci_method="HKSJ", ci_guard="se")
    assert guarded.se[0, 0] == max(float(wald.se[0, 0]), float(bare.se[0, 0]))


@given(studies(2), st.sampled_from(["REML", "ML"]))
@LAW
def test_the_slope_is_zero_or_tau2_is_zero_and_the_slope_negative(
    data: tuple[np.ndarray, np.ndarray], method: str
) -> None:
    y, v = data
    tau2 = float(fit(y, v, method).tau2[0])
    w = 1.0 / (v + tau2)
    p = np.diag(w) - np.outer(w, w) / w.sum()
    against = np.trace(p) if method == "REML" else w.sum()
    slope = (y @ p @ p @ y - against) / against
    assert slope <= 1e-9 if tau2 == 0.0 else abs(slope) < 1e-9


@given(studies(2))
@LAW
def test_paule_mandel_solves_its_equation(data: tuple[np.ndarray, np.ndarray]) -> None:
    y, v = data
    tau2 = float(fit(y, v, "PM").tau2[0])
    w = 1.0 / (v + tau2)
    q = float(w @ (y - w @ y / w.sum()) ** 2)
    assert q <= y.size - 1 if tau2 == 0.0 else q == pytest.approx(y.size - 1, rel=1e-9)


@given(studies(2), METHOD)
@LAW
def test_tau2_of_zero_is_the_common_effect_fit(data: tuple[np.ndarray, np.ndarray], method: str) -> None:
    y, v = data
    random, common = fit(y, v, method, ci_method="Wald"), fit(y, v, None, ci_method="Wald")
    if random.tau2[0] == 0.0:
        assert random.status[0] in (Status.BOUNDARY, Status.SEVERAL_MAXIMA)
        assert random.value.tolist() == common.value.tolist()
        assert random.se.tolist() == common.se.tolist()
    else:
        assert random.se[0, 0] > common.se[0, 0]


@given(studies(2), METHOD)
@LAW
def test_weights_sum_to_a_hundred_and_give_the_mean(data: tuple[np.ndarray, np.ndarray], method: str) -> None:
    y, v = data
    rows = fit(y, v, method)
    assert rows.weights is not None
    assert rows.weights.sum() == pytest.approx(100.0, rel=1e-12)
    assert float(rows.weights[0] @ y) / 100.0 == pytest.approx(float(rows.value[0, 0]), rel=1e-9, abs=1e-12)


@given(studies(5), METHOD, st.integers(0, 10**6))
@LAW
def test_another_basis_of_the_same_design_is_the_same_model(
    data: tuple[np.ndarray, np.ndarray], method: str, seed: int
) -> None:
    """Likelihood, Q and tau2 know the space the moderators span, not the columns that span it."""
    y, v = data
    x = np.column_stack([np.ones(y.size), np.random.default_rng(seed).normal(size=y.size)])
    turned = x @ np.array([[1.0, 2000.0], [0.0, 3.0]])
    mask = np.ones((1, y.size), dtype=bool)
    a, b = (fit_batch(y, v, mask, design, tau2_method=method) for design in (x, turned))
    assert b.tau2 == pytest.approx(a.tau2, rel=1e-6, abs=1e-9 * float(a.typical_variance[0]))
    assert b.q == pytest.approx(a.q, rel=1e-9, abs=1e-12)
    slope = float(b.coefficients[0, 1]) * 3.0
    assert slope == pytest.approx(float(a.coefficients[0, 1]), rel=1e-6, abs=1e-9)
