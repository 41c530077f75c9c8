"""Binomial-normal GLMMs against R: ``metafor::rma.glmm``, timed inside R: its start does not count."""

from __future__ import annotations

import numpy as np
import pandas as pd
from timing import compare_r

import meta

#: A point fit (Wald interval), and the default with its profile-likelihood intervals; R makes the first.
SPECS = {
    "point fit": meta.ModelSpec(model="binomial_normal", ci_method="Wald", tau2_ci=None),
    "with profile intervals": meta.ModelSpec(model="binomial_normal", ci_method="profile", tau2_ci="PL"),
}


def compare_glmm(k: int) -> None:
    """One GLMM of ``k`` proportions."""
    rng = np.random.default_rng(k)
    n = rng.integers(20, 300, k)
    events = rng.binomial(n, 1.0 / (1.0 + np.exp(1.5 + 0.6 * rng.normal(size=k))))
    frame = pd.DataFrame({"events": events, "n": n, "study": [str(i) for i in range(k)]})
    effects = meta.effect_sizes(frame, measure="PLO", events="events", n="n", label="study")
    call, sheet = 'rma.glmm(measure = "PLO", xi = events, ni = n, data = d)', frame.to_csv(index=False)
    for words, spec in SPECS.items():
        fit = lambda spec=spec: meta.fit_model(effects, spec)  # noqa: E731
        compare_r(f"GLMM, k = {k}, {words}", fit, call, sheet)
