"""One-group GLMMs against the oracle's dense quadrature: estimates, profile intervals, population mean."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from oracle import Tally

from meta.models.glmm import infer_glmm
from meta.options import ModelSpec

#: Relative to max(1, |golden|). Worst seen: 6.6e-7 (a delta interval, whose golden standard error is a
#: difference quotient); profile bounds 5e-10, estimates 4e-9. The file promises 1e-6 for those, and less
#: than the following for the rest.
TOLERANCE = 1e-6
#: mu, tau2, log-likelihood: what the oracle promises, absolutely.
TIGHT = {"mu": 1e-8, "tau2": 1e-7, "loglik": 1e-9}
#: Profile bounds are good to this.
PROFILE = 1e-7


def fitted(case: dict[str, Any]) -> dict[str, float]:
    """Fit a case through the model layer and name the numbers as the oracle does."""
    spec, data = case["spec"], case["data"]
    events = np.array(data["events"], dtype=float)
    size = np.array(data["n"] if spec["measure"] == "PLO" else data["time"], dtype=float)
    mask, design = np.ones((1, events.size), dtype=bool), np.ones((events.size, 1))
    chosen = ModelSpec(model=spec["model"], ci_method=spec["ci"], level=spec["level"] / 100.0)
    rows = infer_glmm(events, size, mask, design, chosen, True)
    return {
        "mu": rows.value[0, 0],
        "se": rows.se[0, 0],
        "tau2": rows.tau2[0],
        "loglik": rows.loglik[0],
        "mu.lb": rows.low[0, 0],
        "mu.ub": rows.high[0, 0],
        "tau2.lb": rows.tau2_low[0],
        "tau2.ub": rows.tau2_high[0],
        "population_mean": rows.population_value[0],
        "population_mean.lb": rows.population_low[0],
        "population_mean.ub": rows.population_high[0],
    }


def test_glmm_one(open_tally: Callable[[str, float], Tally]) -> None:
    tally = open_tally("glmm_one", TOLERANCE)
    for case in tally.topic.cases:
        ours = fitted(case)
        assert set(case["expected"]) == set(ours)
        for name, golden in case["expected"].items():
            tally.compare(case, name, ours[name], golden, scale=1.0)
            allowed = TIGHT.get(
                name, PROFILE if name in ("mu.lb", "mu.ub", "tau2.lb", "tau2.ub") else TOLERANCE
            )
            gap = abs(ours[name] - golden)
            # bounds far out are held relative to their size
            assert gap <= allowed * max(1.0, abs(golden) if "." in name else 1.0), (
                f"{case['id']} {name}: {gap:.1e}"
            )
    tally.check()
    assert len(tally.run) == 45
