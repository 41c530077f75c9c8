"""Intervals of tau2 against metafor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from oracle import Tally, numbers
from rma_adapter import METHODS, Answer, answer_case, check_bounds, compare_interval, score
from scipy import special

from meta.kernels.batch_fit import fit_batch
from meta.models.normal import infer_normal

#: Worst seen 1.2e-10.
TOLERANCE = 1e-9

#: Profile-likelihood bounds: metafor's root search leaves 1e-7; ours are put into their own equation below.
PL_TOLERANCE = 1e-6

NOT_ASKED = "a Wald-type interval of tau2, which this engine does not offer: it may reach below 0"


def test_intervals_of_tau2(open_tally: Callable[[str, float], Tally]) -> None:
    tally = open_tally("confint_profile", TOLERANCE)
    for case in tally.topic.cases:
        if (case["spec"].get("type") or "").startswith("Wald"):
            tally.excuse(case, NOT_ASKED)
        elif case["spec"]["fn"] == "profile":
            check_profile(tally, case)
        elif case["spec"].get("type") == "PL":
            check_profile_interval(tally, case)
        else:
            check_case(tally, case)
    tally.check()
    assert not tally.deferred
    assert (len(tally.run), len(tally.excused)) == (109, 216)


def log_likelihood(answer: Answer, tau2: float, method: str) -> float:
    """Return the log-likelihood at a given tau2, from plain matrices, without constants."""
    x, y, v = answer.design[answer.mask[0]], answer.y[answer.mask[0]], answer.v[answer.mask[0]]
    w = 1.0 / (v + tau2)
    gram = x.T * w @ x
    residual = y - x @ np.linalg.solve(gram, x.T @ (w * y))
    height = 0.5 * np.sum(np.log(w)) - 0.5 * w @ residual**2
    return float(height - 0.5 * np.linalg.slogdet(gram)[1] if method == "REML" else height)


def check_profile(tally: Tally, case: dict[str, Any]) -> None:
    """Compare the profile likelihood on a grid of tau2."""
    expected, method = case["expected"], case["spec"]["model"]["method"]
    answer = answer_case(case, tally.topic.columns(case["data"]), ["intrcpt"])
    grid = numbers(expected["tau2"])
    shape = (grid.size, answer.y.size)
    batch = fit_batch(
        answer.y, answer.v, np.broadcast_to(answer.mask, shape), answer.design, tau2_method=method, tau2=grid
    )
    tally.compare(case, "ll", batch.loglik, expected["ll"], scale=1.0)
    tally.compare(case, "beta", batch.coefficients[:, 0], expected["beta"], scale=1e-3)
    half = special.ndtri(0.975) * np.sqrt(batch.covariance[:, 0, 0])
    tally.compare(case, "ci.lb", batch.coefficients[:, 0] - half, expected["ci.lb"], scale=1e-3)
    tally.compare(case, "ci.ub", batch.coefficients[:, 0] + half, expected["ci.ub"], scale=1e-3)


def check_profile_interval(tally: Tally, case: dict[str, Any]) -> None:
    """Compare the profile-likelihood interval, and put its bounds into the equation they solve."""
    method, level = case["spec"]["model"]["method"], case["spec"]["level"] / 100.0
    mods = case["spec"]["model"].get("mods")
    answer = answer_case(case, tally.topic.columns(case["data"]), DESIGNS[mods])
    spec = replace(answer.spec, tau2_ci="PL", level=level)
    rows = infer_normal(
        answer.batch, answer.y, answer.v, answer.mask, answer.design, spec, answer.intercept_only
    )
    best, typical = float(rows.tau2[0]), float(rows.typical_variance[0])
    height = log_likelihood(answer, best, method) - 0.5 * special.chdtri(1, 1.0 - level)
    for name, bound, i2, h2 in (
        ("lb", rows.tau2_low[0], rows.i2_low[0], rows.h2_low[0]),
        ("ub", rows.tau2_high[0], rows.i2_high[0], rows.h2_high[0]),
    ):
        ours = {"tau2": bound, "tau": bound**0.5, "I2": i2, "H2": h2}
        for number, value in ours.items():
            scale = {"tau2": typical, "tau": typical**0.5}.get(number, 1.0)
            tally.compare(
                case, f"PL {number} {name}", value, case["expected"][number][name],
                scale=1e-3 * scale, tolerance=PL_TOLERANCE,
            )  # fmt: skip
        if bound > 0.0:
            assert abs(log_likelihood(answer, float(bound), method) - height) < 1e-9
        else:
            assert log_likelihood(answer, 0.0, method) >= height
    tally.compare(case, "tau2 est", best, case["expected"]["tau2"]["est"], scale=1e-3 * typical)


#: R's formulas and the names of their columns.
DESIGNS = {
    None: ["intrcpt"],
    "~ ablat": ["intrcpt", "ablat"],
    "~ ablat + alloc": ["intrcpt", "ablat", "allocrandom", "allocsystematic"],
}


def check_case(tally: Tally, case: dict[str, Any]) -> None:
    columns, expected = tally.topic.columns(case["data"]), case["expected"]
    answer = answer_case(case, columns, DESIGNS[case["spec"]["model"].get("mods")])
    if case["id"] == "ci-fixed":
        rows = answer.rows
        ours = np.column_stack([rows.value[0], rows.low[0], rows.high[0]])
        tally.compare(case, "fixed", ours, expected["fixed"])
        for name in ("lb", "ub"):
            tally.excuse_field(
                case, f"random {name}", "confint() was run at its default tolerance, 1e-4 here"
            )
        check_bounds(answer, 0.90)
        expected = {"tau2": expected["random"]}
    else:
        compare_interval(tally, case, answer, expected)
    typical = float(answer.rows.typical_variance[0])
    tally.compare(case, "tau2 est", answer.rows.tau2[0], expected["tau2"]["est"], scale=1e-3 * typical)
    golden = expected["tau2"]["est"]
    method = METHODS[case["spec"]["model"]["method"]][1]
    if method in ("REML", "ML") and golden > 0.0:
        # ours solves the equation at least as well
        assert (
            abs(score(answer, float(answer.rows.tau2[0]), method))
            <= abs(score(answer, golden, method)) + 1e-12
        )
