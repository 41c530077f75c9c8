"""What the GLMM topics share: the counts of a case, for one group or two, at given rules or at our own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from oracle import Topic, numbers

from meta.kernels.glmm import GlmmBatch
from meta.kernels.glmm_two import TwoGroups, build_problem, check_two_groups, fit_two_groups, says_nothing
from meta.kernels.quadrature import LADDER, Rule
from meta.models.glmm_pairs import infer_pairs
from meta.models.rows import FittedRows
from meta.options import ModelSpec

FAMILIES = {"PLO": "binomial", "IRLN": "poisson"}

#: Our names of metafor's models of two groups.
MODELS = {
    "UM.FS": "unconditional_fixed",
    "UM.RS": "unconditional_random",
    "CM.EL": "conditional_exact",
    "CM.AL": "conditional_approximate",
}


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


def of_two_groups(case: dict[str, Any]) -> bool:
    return case["spec"]["measure"] not in FAMILIES


def read_counts(topic: Topic, case: dict[str, Any]) -> Counts:
    """Return the counts of a one-group case; a moderator formula names one column."""
    spec = case["spec"]
    data = topic.columns(case["data"])
    named = spec.get("columns", {})
    size = "ni" if spec["measure"] == "PLO" else "ti"
    events, sizes = numbers(data[named.get("xi", "xi")]), numbers(data[named.get(size, size)])
    return Counts(
        FAMILIES[spec["measure"]],
        events,
        sizes,
        np.ones((1, events.size), dtype=bool),
        _design(spec, data, events.size),
    )


def _design(spec: dict[str, Any], data: dict[str, Any], k: int) -> np.ndarray:
    columns = [np.ones(k)]
    if spec.get("mods"):
        columns.append(numbers(data[spec["mods"].removeprefix("~").strip()]))
    return np.column_stack(columns)


def read_pairs(topic: Topic, case: dict[str, Any]) -> TwoGroups:
    """Return the counts of both groups of a case, without studies that lack one or have no event at all.

    metafor leaves such studies out of every model (``drop00``).
    """
    spec, data = case["spec"], topic.columns(case["data"])
    if spec["measure"] == "OR":
        e1, e2 = numbers(data["ai"]), numbers(data["ci"])
        n1 = numbers(data["n1i"]) if "n1i" in data else e1 + numbers(data["bi"])
        n2 = numbers(data["n2i"]) if "n2i" in data else e2 + numbers(data["di"])
        counts, family = (e1, n1, e2, n2), "binomial"
    else:
        counts, family = tuple(numbers(data[name]) for name in ("x1i", "t1i", "x2i", "t2i")), "poisson"
    mask = np.isfinite(sum(counts))[None, :]
    found = check_two_groups(family, counts, mask, _design(spec, data, mask.size))
    return check_two_groups(family, counts, mask & ~says_nothing(found), found.design)


def fit_pairs_at(case: dict[str, Any], data: TwoGroups, nodes: int | None) -> GlmmBatch:
    """Fit a case of two groups with so many nodes, or (None) with as many as it takes; each once."""
    if (case["id"], nodes) not in _FITS:
        _FITS[case["id"], nodes] = _fit_pairs(case, data, nodes)
    return _FITS[case["id"], nodes]


_FITS: dict[tuple[str, int | None], GlmmBatch] = {}


def _fit_pairs(case: dict[str, Any], data: TwoGroups, nodes: int | None) -> GlmmBatch:
    model = MODELS[case["spec"]["model"]]
    rules = LADDER if nodes is None else (Rule("hermite", nodes),)
    problem = build_problem(model, data, coding=case["spec"]["coding"], rules=rules)
    return fit_two_groups(model, data, problem, 0.0 if case["spec"]["method"] == "EE" else None)


def infer_pairs_of(case: dict[str, Any], data: TwoGroups) -> FittedRows:
    """Fit a case of two groups through the model layer, with metafor's choice of quantile."""
    spec = case["spec"]
    by_t, common = spec.get("test") == "t", spec["method"] == "EE"
    chosen = ModelSpec(
        model=MODELS[spec["model"]],
        tau2_method=None if common else "ML",
        ci_method="t" if by_t else "Wald",
        pi_method=None if common else "t_k1" if by_t else "z",
        tau2_ci=None,
    )
    return infer_pairs(data, chosen, data.design.shape[1] == 1)
