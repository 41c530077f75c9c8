"""How two things are timed side by side, and what stands in their way."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import import_module
from types import ModuleType

#: Turns each side takes; the fastest of each counts, since other work on the machine only ever slows.
TURNS = 5

Work = Callable[[], object]


def fastest(work: Work, peer: Work, turns: int = TURNS, loops: int = 1) -> tuple[float, float]:
    """Return the fastest time of one call of each side, seconds; the two take turns."""
    work()
    peer()
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(turns):
        for side, run in enumerate((work, peer)):
            start = time.perf_counter()
            for _ in range(loops):
                run()
            times[side].append((time.perf_counter() - start) / loops)
    return min(times[0]), min(times[1])


def report(what: str, ours: float, theirs: float, peer: str) -> None:
    """Print one line: both times and how many times ours is faster."""
    print(f"{what:50s} {ours:11.6f} s   {peer:34s} {theirs:11.6f} s   {theirs / ours:8.2f}x", flush=True)


def skip(what: str, reason: str) -> None:
    """Print one line that says what was not compared, and why."""
    print(f"{what:50s} not compared: {reason}", flush=True)


def find(name: str) -> ModuleType | None:
    """Return a module, or None where it is not installed."""
    try:
        return import_module(name)
    except ImportError:
        return None


def run_code(code: str) -> Work:
    """Return the work of a new interpreter that runs ``code``."""
    return lambda: subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


#: Times a call of ``fit`` inside R, whose start does not count: the fastest of ``turns``, in seconds.
R_FRAME = """
suppressPackageStartupMessages(library(metafor))
d <- read.csv(file("stdin"))
fit <- function() suppressWarnings({call})
invisible(fit())
loops <- {loops}
cat(min(sapply(1:{turns}, function(i) system.time(for (j in 1:loops) fit())[["elapsed"]])) / loops)
"""


def time_r(call: str, sheet: str, turns: int = 5, loops: int = 1) -> float | str:
    """Return the seconds of one call of metafor on ``d``, the CSV ``sheet``; or why there are none."""
    if shutil.which("Rscript") is None:
        return "R is not installed"
    code = R_FRAME.format(call=call, turns=turns, loops=loops)
    done = subprocess.run(["Rscript", "-e", code], input=sheet, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return float(done.stdout)
    said = [line.strip() for line in done.stderr.splitlines() if line.strip()] or ["nothing"]
    return "R says: " + " ".join(said[-3:-1] or said)


def compare_r(what: str, work: Work, call: str, sheet: str, loops: int = 1) -> None:
    """Print one line for our work against a call of metafor: R before and after, the faster counts."""
    peer = time_r(call, sheet, loops=loops)
    if isinstance(peer, str):
        skip(what, peer)
        return
    ours, _ = fastest(work, work, 9)
    again = time_r(call, sheet, loops=loops)
    report(what, ours, min(peer, float(again)), f"R metafor {call.partition('(')[0]}")
