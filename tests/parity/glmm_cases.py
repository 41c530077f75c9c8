"""What the GLMM topics share: the counts of a case, and the rule that defers the models of two groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from oracle import Topic, numbers

FAMILIES = {"PLO": "binomial", "IRLN": "poisson"}


@dataclass(frozen=True)
class Counts:
    """Arguments of the kernel for one case: ``mask`` is (1, k), ``design`` (k, p)."""

    family: str
    events: np.ndarray
    size: np.ndarray
    mask: np.ndarray
    design: np.ndarray

    @property
    def arguments(self) -> tuple[str, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        return self.family, self.events, self.size, self.mask, self.design


def two_groups_of_a_later_issue(case: dict[str, Any]) -> bool:
    return case["spec"]["measure"] not in FAMILIES


def read_counts(topic: Topic, case: dict[str, Any]) -> Counts:
    """Return the counts of a one-group case; a moderator formula names one column."""
    spec = case["spec"]
    data = topic.columns(case["data"])
    named = spec.get("columns", {})
    size = "ni" if spec["measure"] == "PLO" else "ti"
    events, sizes = numbers(data[named.get("xi", "xi")]), numbers(data[named.get(size, size)])
    columns = [np.ones(events.size)]
    if spec.get("mods"):
        columns.append(numbers(data[spec["mods"].removeprefix("~").strip()]))
    return Counts(
        FAMILIES[spec["measure"]],
        events,
        sizes,
        np.ones((1, events.size), dtype=bool),
        np.column_stack(columns),
    )
