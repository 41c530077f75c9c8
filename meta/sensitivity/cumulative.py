"""Cumulative meta-analysis: how the answer grew as studies appeared."""

from __future__ import annotations

import numpy as np

from extraction.names import suggest
from meta.effects.sizes import EffectSizes
from meta.errors import ModelError
from meta.models.fitting import design_for, refit, usable_studies
from meta.options import ModelSpec
from meta.results import Refits


def cumulate(effects: EffectSizes, spec: ModelSpec | None = None, *, order: str = "year") -> Refits:
    """Fit the analysis's own model to a growing set of studies.

    Studies with one value of ``order`` enter together, those without a value last, in a step of their own
    that says so in ``notes``.

    Parameters
    ----------
    effects : EffectSizes
        The studies.
    spec : ModelSpec, optional
        The model of the analysis; ``ModelSpec()`` where none is given.
    order : str
        Numeric column of the sheet.

    Returns
    -------
    Refits
        One row a step; the label names the value of ``order`` and, for a step of one study, the study. The
        last row equals the main fit.

    Raises
    ------
    ModelError
        If the column does not exist or holds text, or no study is usable.
    """
    chosen = spec if spec is not None else ModelSpec()
    if order not in effects.columns:
        raise ModelError(f"order: no column {order!r}; {suggest(order, effects.columns)}")
    used = usable_studies(effects, chosen, design_for(effects, chosen))
    values = np.full(effects.k, np.nan)
    for j in np.flatnonzero(used):
        cell = effects.columns[order][j]
        if isinstance(cell, str):
            raise ModelError(
                f"order: column {order!r} must be numeric; study {effects.labels[j]!r} has {cell!r}"
            )
        values[j] = np.nan if cell is None else float(cell)
    if not used.any():
        raise ModelError("cumulative analysis needs at least one usable study")
    steps: list[float] = [float(value) for value in np.unique(values[used & ~np.isnan(values)])]
    entering = [used & (values == value) for value in steps]
    notes = [""] * len(steps)
    undated = used & np.isnan(values)
    if undated.any():
        entering.append(undated)
        notes.append(f"no {order} reported")
    labels = tuple(
        _step_label(effects, step, steps[i] if i < len(steps) else None, order)
        for i, step in enumerate(entering)
    )
    mask = np.cumsum(np.array(entering), axis=0) > 0
    return refit(effects, chosen, mask, kind="cumulative", labels=labels, notes=tuple(notes))


def _step_label(effects: EffectSizes, entering: np.ndarray, value: float | None, order: str) -> str:
    """Name a step by its value and what enters, for example ``2017: Demjaha2017, Doyle2017``."""
    names = ", ".join(effects.labels[j] for j in np.flatnonzero(entering))
    return f"{value:g}: {names}" if value is not None else f"no {order}: {names}"
