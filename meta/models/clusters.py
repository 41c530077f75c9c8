"""Which rows belong to one study: the column that ``ModelSpec.cluster`` names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from extraction.names import suggest
from meta.effects.sizes import EffectSizes, Value
from meta.errors import ModelError
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
