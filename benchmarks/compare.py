"""Side-by-side timings: each figure is a ratio of two things timed in turn in one run.

Run it with ``.venv/bin/python benchmarks/compare.py`` after the README's second command, or name some parts:
``single batch leave_one_out permutations glmm import run``. Absolute seconds depend on the machine and on
what else it does; the ratios hold. Peers that are not installed are named, with what was not compared.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import warnings

from fits import compare_batch, compare_leave_one_out, compare_permutations, compare_single
from glmms import compare_glmm
from timing import fastest, report, run_code

BASELINE = "import numpy, pandas, matplotlib.figure, scipy.special, jinja2"


def compare_imports() -> None:
    """``import meta``, and the first fitting function, against the two libraries they stand on."""
    base = run_code("import numpy, scipy.special")
    for code in ("import meta", "import meta; meta.fit_model"):
        report(code, *fastest(run_code(code), base, 7), "import numpy, scipy.special")


def compare_cold_run() -> None:
    """The whole shipped review from a cold start, against importing the libraries it stands on."""
    with tempfile.TemporaryDirectory() as folder:
        run = [sys.executable, "-m", "meta.cli", "run", "--out", folder]
        ours, theirs = fastest(
            lambda: subprocess.run(run, check=True, capture_output=True), run_code(BASELINE), turns=2
        )
    report("meta run, shipped review, cold", ours, theirs, "import numpy pandas matplotlib ...")


def compare_singles() -> None:
    """Single fits from ten studies to a hundred thousand."""
    for k in (10, 20, 100, 1_000, 10_000, 100_000):
        compare_single(k)


def compare_batches() -> None:
    """Batches of ten thousand, a hundred thousand, a million."""
    for rows in (10_000, 100_000, 1_000_000):
        compare_batch(rows)


def compare_glmms() -> None:
    """GLMMs of 20 and 200 studies."""
    for k in (20, 200):
        compare_glmm(k)


PARTS = {
    "single": compare_singles,
    "batch": compare_batches,
    "leave_one_out": compare_leave_one_out,
    "permutations": compare_permutations,
    "glmm": compare_glmms,
    "import": compare_imports,
    "run": compare_cold_run,
}


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    chosen = sys.argv[1:] or list(PARTS)
    if unknown := [name for name in chosen if name not in PARTS]:
        sys.exit(f"no such part: {', '.join(unknown)} (there are {', '.join(PARTS)})")
    for name in chosen:
        PARTS[name]()
