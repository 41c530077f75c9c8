"""Which rows belong to one study (the column ``ModelSpec.cluster``), and what robust intervals lack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from extraction.names import suggest
from meta.effects.sizes import EffectSizes, Value
from meta.errors import ModelError
from meta.models.rows import FittedRows
from meta.options import ModelSpec


def cluster_names(effects: EffectSizes, spec: ModelSpec) -> tuple[str | None, ...]:
    """Return the name of the study of each row, None where the cell is empty.

    Raises
    ------
    ModelError
        If the effect sizes have no such column; the nearest name is given.
    """
    assert spec.cluster is not None, "a model without clusters has no names of them"
    return tuple(_name(cell) for cell in _cells(effects.columns, spec.cluster))


def cluster_codes(effects: EffectSizes, spec: ModelSpec) -> NDArray[np.intp]:
    """Return the place of each row's study among their names, sorted, shape (k,); -1 without one.

    Sorted by name, so that leaving out a row changes no order.
    """
    names = cluster_names(effects, spec)
    place = {name: i for i, name in enumerate(sorted({name for name in names if name is not None}))}
    return np.array([-1 if name is None else place[name] for name in names], dtype=np.intp)


def robust_notes(rows: FittedRows, i: int, spec: ModelSpec, names: Sequence[str]) -> list[str]:
    """Name the coefficients without a robust variance, and what robust variances leave out."""
    if rows.degenerate is None or rows.decided_alone is None:
        return []
    lost = [name for name, gone in zip(names, rows.degenerate[i], strict=True) if gone]
    alone = bool(rows.decided_alone[i])
    if lost:
        why = (
            f"one study ({spec.cluster}) alone decides it"
            if alone
            else f"the residuals of every study ({spec.cluster}) cancel"
        )
        return [
            f"{name}: no cluster-robust standard error ({spec.ci_method}), since {why}: its robust variance "
            "is degenerate (0 beside the model-based one)"
            for name in lost
        ]
    if alone:
        return [
            f"one study ({spec.cluster}) alone decides a combination of the coefficients, whose error "
            f"cluster-robust standard errors ({spec.ci_method}) leave out: they may be too small"
        ]
    return []


def _cells(columns: Mapping[str, Sequence[Value]], name: str) -> Sequence[Value]:
    if name not in columns:
        raise ModelError(f"cluster: no column {name!r}; {suggest(name, columns)}")
    return columns[name]


def _name(cell: Value) -> str | None:
    """Return a cell as a name; 3 and 3.0 are one study, as in a sheet whose column became numbers."""
    if cell is None:
        return None
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    return str(cell).strip() or None
