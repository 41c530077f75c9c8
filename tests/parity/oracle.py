"""Golden cases of the oracle: loading them, comparing numbers, counting that no case is skipped in silence.

A parity test takes the ``open_tally`` fixture, opens a tally on its topic and gives every case exactly one
outcome. ``check`` fails on any number out of tolerance, any field nobody looked at, and any case without an
outcome. The run prints each tally at its end.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

GOLDEN = Path(__file__).resolve().parents[1] / "golden"


@dataclass(frozen=True)
class Topic:
    """One golden file: data sets by name, designs by name, cases in the file's order."""

    name: str
    datasets: Mapping[str, Any]
    designs: Mapping[str, Any]
    cases: tuple[dict[str, Any], ...]

    def columns(self, name: str) -> dict[str, Any]:
        """Return the columns of a data set as they stand in the file."""
        columns: dict[str, Any] = self.datasets[name]["columns"]
        return columns


@functools.cache
def load_topic(name: str) -> Topic:
    """Read ``tests/golden/<name>.json``."""
    raw = json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))
    return Topic(name, raw["datasets"], raw.get("designs") or {}, tuple(raw["cases"]))


def numbers(value: Any) -> np.ndarray:
    """Return the numbers of a golden field as a flat array: ``null`` becomes NaN, ``"Inf"`` infinity."""
    if isinstance(value, list | tuple):
        parts = [numbers(item) for item in value]
        return np.concatenate(parts) if parts else np.empty(0)
    if isinstance(value, np.ndarray):
        return np.asarray(value, dtype=np.float64).ravel()
    if value is None:
        return np.array([math.nan])
    return np.array([float(value)])


def differences(ours: Any, theirs: Any, scale: float = 0.0) -> np.ndarray:
    """Return relative differences, element by element; infinite where only one is a number or lengths differ.

    ``scale`` is what a difference is measured against where the golden number itself is smaller (the rounding
    of numbers near 0).
    """
    a, b = numbers(ours), numbers(theirs)
    if a.shape != b.shape:
        return np.array([math.inf])
    with np.errstate(invalid="ignore", divide="ignore"):
        size = np.maximum(np.abs(b), scale)
        out = np.where(a == b, 0.0, np.abs(a - b) / size)
    out = np.where(np.isnan(a) & np.isnan(b), 0.0, out)
    return np.where(np.isnan(a) ^ np.isnan(b) | np.isnan(out), math.inf, out)


@dataclass
class Tally:
    """Outcomes of the cases of one topic: run, deferred by a named rule, excused by id, failed."""

    topic: Topic
    tolerance: float
    run: set[str] = field(default_factory=set)
    deferred: dict[str, str] = field(default_factory=dict)
    excused: dict[str, str] = field(default_factory=dict)
    failed: dict[str, list[str]] = field(default_factory=dict)
    fields_compared: int = 0
    fields_excused: dict[tuple[str, str], str] = field(default_factory=dict)
    fields_deferred: dict[str, int] = field(default_factory=dict)
    worst: float = 0.0
    worst_where: str = "-"

    def defer(self, case: Mapping[str, Any], rule: Callable[..., bool]) -> None:
        """Count a case as work of a later issue; the rule is a function, and its name is kept."""
        self.deferred[case["id"]] = rule.__name__

    def excuse(self, case: Mapping[str, Any], reason: str) -> None:
        """Count a case whose golden answer is not ours for a stated reason."""
        self.excused[case["id"]] = reason

    def excuse_field(self, case: Mapping[str, Any], name: str, reason: str) -> None:
        """Leave one field of a case out of the comparison for a stated reason."""
        self.fields_excused[case["id"], name] = reason

    def defer_field(self, name: str) -> None:
        """Count one golden field that a later issue will compare."""
        self.fields_deferred[name] = self.fields_deferred.get(name, 0) + 1

    def compare(
        self,
        case: Mapping[str, Any],
        name: str,
        ours: Any,
        theirs: Any,
        *,
        scale: float = 0.0,
        tolerance: float | None = None,
    ) -> bool:
        """Compare one field of a case; the case counts as run, or as failed from its first difference on."""
        found = differences(ours, theirs, scale)
        gap = float(found.max()) if found.size else 0.0
        self.fields_compared += 1
        self.run.add(case["id"])
        limit = self.tolerance if tolerance is None else tolerance
        if gap > limit:
            self.fail(case, f"{name}: {ours!r}, oracle {theirs!r}, relative difference {gap:.2g}")
            return False
        if tolerance is None and gap > self.worst:
            self.worst, self.worst_where = gap, f"{case['id']} {name}"
        return True

    def fail(self, case: Mapping[str, Any], text: str) -> None:
        """Record a failure of a case."""
        self.failed.setdefault(case["id"], []).append(text)

    def check(self) -> None:
        """Fail unless every case of the file has exactly one outcome and none failed."""
        ran = self.run - set(self.failed)
        outcomes = [*ran, *self.deferred, *self.excused, *self.failed]
        everything = [case["id"] for case in self.topic.cases]
        lines = [f"{case}: {line}" for case, found in self.failed.items() for line in found]
        assert not self.failed, f"{len(self.failed)} cases of {self.topic.name}:\n" + "\n".join(lines[:40])
        without = sorted(set(everything) - set(outcomes))[:10]
        twice = sorted({case for case in outcomes if outcomes.count(case) > 1})[:10]
        assert sorted(outcomes) == sorted(everything), (
            f"{self.topic.name}: {len(outcomes)} outcomes for {len(everything)} cases; "
            f"without one: {without}; with two: {twice}"
        )

    def summary(self) -> str:
        """Return one line for the end of the test run."""
        ran = len(self.run - set(self.failed))
        text = (
            f"{self.topic.name}: {len(self.topic.cases)} cases = {ran} run + {len(self.deferred)} deferred + "
            f"{len(self.excused)} excused + {len(self.failed)} failed; {self.fields_compared} fields, "
            f"worst relative difference {self.worst:.1e} ({self.worst_where})"
        )
        rules: dict[str, int] = {}
        for rule in self.deferred.values():
            rules[rule] = rules.get(rule, 0) + 1
        if rules:
            text += "; deferred by " + ", ".join(f"{name} {count}" for name, count in sorted(rules.items()))
        if self.fields_excused:
            text += f"; {len(self.fields_excused)} fields excused"
        return text


def columns_as_floats(columns: Mapping[str, Any], names: Iterable[str]) -> list[np.ndarray]:
    """Return data columns as float arrays, ``null`` as NaN."""
    return [numbers(columns[name]) for name in names]
