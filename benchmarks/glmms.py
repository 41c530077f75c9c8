"""Binomial-normal GLMMs against R: ``metafor::rma.glmm``, timed inside R: its start does not count."""

from __future__ import annotations

import shutil
import subprocess
import time

import numpy as np
from timing import report, skip

import meta

#: Prints the fastest of nine fits, in seconds.
R_CODE = """
suppressPackageStartupMessages(library(metafor))
d <- read.csv(file("stdin"))
fit <- function() suppressWarnings(rma.glmm(measure = "PLO", xi = events, ni = n, data = d))
invisible(fit())
cat(min(sapply(1:9, function(i) system.time(fit())[["elapsed"]])))
"""


def compare_glmm(k: int) -> None:
    """A point fit (Wald interval), and the default with its profile-likelihood intervals."""
    rng = np.random.default_rng(k)
    n = rng.integers(20, 300, k)
    events = rng.binomial(n, 1.0 / (1.0 + np.exp(1.5 + 0.6 * rng.normal(size=k))))
    point, whole = (
        meta.ModelSpec(model="binomial_normal", ci_method=method, tau2_ci=bound)
        for method, bound in (("Wald", None), ("profile", "PL"))
    )
    import pandas as pd

    frame = pd.DataFrame({"events": events, "n": n, "study": [str(i) for i in range(k)]})
    effects = meta.effect_sizes(frame, measure="PLO", events="events", n="n", label="study")
    what = f"GLMM, k = {k}"
    if shutil.which("Rscript") is None:
        skip(what, "R is not installed")
        return
    command, sheet = ["Rscript", "-e", R_CODE], frame.to_csv(index=False)
    done = subprocess.run(command, input=sheet, capture_output=True, text=True, check=False)
    if done.returncode:
        skip(what, "R has no metafor (with lme4)")
        return
    for words, spec in (("point fit", point), ("with profile intervals", whole)):
        times = []
        for _ in range(9):
            start = time.perf_counter()
            meta.fit_model(effects, spec)
            times.append(time.perf_counter() - start)
        report(f"{what}, {words}", min(times), float(done.stdout), "R metafor rma.glmm")
