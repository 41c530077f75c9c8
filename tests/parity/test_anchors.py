"""Anchors for the BCG trials (log risk ratios) and the degenerate sets, exact where R stops early.

Sources: the oracle's README and reference anchors made with metafor 3.8-1; the exact REML, PM and Q-profile
values were computed without R.
"""

from __future__ import annotations

import numpy as np
import pytest
from oracle import load_topic, numbers

from meta.kernels.batch_fit import fit_batch
from meta.models.normal import infer_normal
from meta.models.rows import FittedRows
from meta.options import ModelSpec


def fit(y: np.ndarray, v: np.ndarray, spec: ModelSpec) -> FittedRows:
    mask, design = np.ones((1, y.size), dtype=bool), np.ones((y.size, 1))
    batch = fit_batch(y, v, mask, design, tau2_method=spec.tau2_method)
    return infer_normal(batch, y, v, mask, design, spec, True)


def bcg(**options: object) -> FittedRows:
    columns = load_topic("rma_uni").columns("bcg")
    return fit(numbers(columns["yi"]), numbers(columns["vi"]), ModelSpec(**options))  # type: ignore[arg-type]


def test_reml_is_exact_to_the_last_digit_printed() -> None:
    rows = bcg(ci_method="Wald", pi_method="z")
    assert rows.tau2[0] == pytest.approx(0.313243258, abs=5e-10)
    assert rows.value[0, 0] == pytest.approx(-0.714532342, abs=5e-10)
    assert rows.se[0, 0] == pytest.approx(0.179781516, abs=5e-10)
    assert rows.q[0] == pytest.approx(152.2330, abs=5e-5)


def test_paule_mandel_is_the_root_and_not_where_r_stops() -> None:
    assert bcg(tau2_method="PM").tau2[0] == pytest.approx(0.318068452, abs=5e-10)


@pytest.mark.parametrize(
    ("method", "value", "se", "tau2", "i2"),
    [
        ("DL", -0.714117, 0.178742, 0.308760, 92.117),
        ("HE", -0.715879, 0.183280, 0.328564, 92.557),
        ("ML", -0.711199, 0.171897, 0.280028, 91.378),
        ("REML", -0.714532, 0.179782, 0.313243, 92.221),
    ],
)
def test_estimators(method: str, value: float, se: float, tau2: float, i2: float) -> None:
    rows = bcg(tau2_method=method, ci_method="Wald")
    assert rows.value[0, 0] == pytest.approx(value, abs=5e-7)
    assert rows.se[0, 0] == pytest.approx(se, abs=5e-7)
    assert rows.tau2[0] == pytest.approx(tau2, abs=5e-7)
    assert rows.i2[0] == pytest.approx(i2, abs=5e-4)


@pytest.mark.parametrize(
    ("ci_method", "low", "high"),
    [("Wald", -1.066898, -0.362167), ("t", -1.106243, -0.322822), ("HKSJ", -1.108444, -0.320621)],
)
def test_confidence_intervals(ci_method: str, low: float, high: float) -> None:
    guard = "none" if ci_method == "HKSJ" else "default"
    rows = bcg(ci_method=ci_method, ci_guard=guard)
    assert rows.low[0, 0] == pytest.approx(low, abs=5e-7)
    assert rows.high[0, 0] == pytest.approx(high, abs=5e-7)
    if ci_method == "HKSJ":
        assert rows.p_value[0, 0] == pytest.approx(0.00192002, abs=5e-9)


@pytest.mark.parametrize(
    ("pi_method", "low", "high"),
    [
        ("z", -1.866692, 0.437628),
        ("t_k1", -1.995342, 0.566277),
        ("hk_k1", -1.996017, 0.566952),
        ("t_k2", -2.008376, 0.579311),
    ],
)
def test_prediction_intervals(pi_method: str, low: float, high: float) -> None:
    guard = "none" if pi_method.startswith("hk_") else "default"
    rows = bcg(ci_method="Wald", pi_method=pi_method, ci_guard=guard)
    assert rows.prediction_low[0] == pytest.approx(low, abs=5e-7)
    assert rows.prediction_high[0] == pytest.approx(high, abs=5e-7)


def test_q_profile() -> None:
    rows = bcg()
    assert rows.tau2_low[0] == pytest.approx(0.119718, abs=5e-7)
    assert rows.tau2_high[0] == pytest.approx(1.111479, abs=5e-7)


def test_moderator_ablat_under_hksj() -> None:
    columns = load_topic("rma_uni").columns("bcg")
    y, v = numbers(columns["yi"]), numbers(columns["vi"])
    design = np.column_stack([np.ones(y.size), numbers(columns["ablat"])])
    mask = np.ones((1, y.size), dtype=bool)
    spec = ModelSpec(ci_guard="none", moderators="~ ablat")
    rows = infer_normal(fit_batch(y, v, mask, design, tau2_method="REML"), y, v, mask, design, spec, False)
    assert rows.value[0] == pytest.approx([0.251468, -0.029102], abs=5e-7)
    assert rows.se[0] == pytest.approx([0.283925, 0.008201], abs=5e-7)
    assert rows.tau2[0] == pytest.approx(0.076348, abs=5e-7)
    assert rows.test_statistic[0] == pytest.approx(12.59098, abs=5e-6)


def test_equal_effects_have_a_wald_interval_an_hksj_point_and_a_guarded_interval() -> None:
    y, v = np.array([0.1, 0.1, 0.1]), np.array([0.04, 0.05, 0.06])
    wald = fit(y, v, ModelSpec(ci_method="Wald"))
    bare = fit(y, v, ModelSpec(ci_guard="none"))
    guarded = fit(y, v, ModelSpec())
    assert (wald.low[0, 0], wald.high[0, 0]) == pytest.approx((-0.14959, 0.34959), abs=5e-6)
    assert (bare.low[0, 0], bare.high[0, 0]) == (0.1, 0.1)
    assert (guarded.low[0, 0], guarded.high[0, 0]) == pytest.approx((-0.44791, 0.64791), abs=5e-6)


def test_nearly_equal_effects() -> None:
    y, v = np.array([0.30, 0.32, 0.28]), np.array([0.04, 0.05, 0.06])
    bare = fit(y, v, ModelSpec(ci_guard="none"))
    guarded = fit(y, v, ModelSpec())
    assert (bare.low[0, 0], bare.high[0, 0]) == pytest.approx((0.25428, 0.34789), abs=5e-6)
    assert (guarded.low[0, 0], guarded.high[0, 0]) == pytest.approx((-0.24683, 0.84899), abs=5e-6)
