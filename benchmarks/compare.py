"""Side-by-side timings: each figure is a ratio of two things timed in turn in one run.

Run it with ``.venv/bin/python benchmarks/compare.py`` after the README's second command. Absolute seconds
depend on the machine and on what else it does; the ratios hold.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable

import numpy as np

#: Turns each side takes; the fastest of each counts, since other work on the machine only ever slows.
TURNS = 5

BASELINE = "import numpy, pandas, matplotlib.figure, scipy.special, jinja2"


Work = Callable[[], object]


def fastest(work: Work, peer: Work, turns: int = TURNS) -> tuple[float, float]:
    """Return the fastest time of each side, seconds; the two take turns."""
    work()
    peer()
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(turns):
        for side, run in enumerate((work, peer)):
            start = time.perf_counter()
            run()
            times[side].append(time.perf_counter() - start)
    return min(times[0]), min(times[1])


def report(what: str, ours: float, theirs: float, peer: str) -> None:
    """Print one line: both times and their ratio."""
    print(f"{what:44s} {ours:9.4f} s   {peer:38s} {theirs:9.4f} s   ours/peer {ours / theirs:7.3f}")


def compare_reml(size: int, k: int) -> None:
    """REML with Wald intervals for many analyses: one batch against PyMARE's columns."""
    from pymare.estimators import VarianceBasedLikelihoodEstimator

    import meta

    rng = np.random.default_rng(20261124)
    v = rng.uniform(0.02, 0.4, (size, k))
    y = rng.normal(0.2, np.sqrt(v + 0.1))
    spec = meta.ModelSpec(ci_method="Wald")
    design = np.ones((k, 1))

    def peer() -> object:
        return VarianceBasedLikelihoodEstimator(method="REML").fit(y.T, v.T, design)

    ours, theirs = fastest(lambda: meta.fit_many(y, v, spec), peer)
    report(f"REML, {size} analyses of {k} studies", ours, theirs, "PyMARE, as columns")


def compare_leave_one_out(k: int) -> None:
    """Leave one out by DerSimonian-Laird: one batch against a loop over statsmodels."""
    from statsmodels.stats.meta_analysis import combine_effects

    import meta

    rng = np.random.default_rng(7)
    v = rng.uniform(0.02, 0.4, k)
    y = rng.normal(0.2, np.sqrt(v + 0.1))
    effects = meta.EffectSizes.from_arrays(y, v)
    spec = meta.ModelSpec(tau2_method="DL", ci_method="Wald")

    def peer() -> object:
        return [combine_effects(np.delete(y, i), np.delete(v, i), method_re="dl") for i in range(k)]

    ours, theirs = fastest(lambda: meta.leave_one_out(effects, spec), peer)
    report(f"leave one out, DL, {k} studies", ours, theirs, "statsmodels, in a loop")


def compare_cold_run() -> None:
    """The whole shipped review from a cold start, against importing the libraries it stands on."""
    with tempfile.TemporaryDirectory() as folder:
        run = [sys.executable, "-m", "meta.cli", "run", "--out", folder]
        ours, theirs = fastest(
            lambda: subprocess.run(run, check=True, capture_output=True),
            lambda: subprocess.run([sys.executable, "-c", BASELINE], check=True),
            turns=3,
        )
    report("meta run, shipped review, cold", ours, theirs, "import numpy pandas matplotlib ...")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    compare_reml(10_000, 10)
    compare_leave_one_out(100)
    compare_cold_run()
