"""Weights that the spec names, read from the sheet: where inverse variances are not wanted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from extraction.names import suggest
from meta.effects.sizes import EffectSizes
from meta.errors import ModelError
from meta.options import ModelSpec
from meta.results import Floats

#: The value of ``spec.weights`` that counts every study alike; any other names a column.
EQUAL = "equal"


def given_weights(effects: EffectSizes, spec: ModelSpec, used: NDArray[np.bool_]) -> Floats | None:
    """Return the weight of each study in the mean, shape (k,); None where the spec asks for no weights.

    Parameters
    ----------
    effects : EffectSizes
        The studies, with the columns of their sheet.
    spec : ModelSpec
        ``weights`` names the column (counts such as ``n`` too), or is ``"equal"``.
    used : array of bool, shape (k,)
        Studies that need a weight.

    Raises
    ------
    ModelError
        If there is no such column, or a study that is used has no weight there: a number >= 0.
    """
    if spec.weights is None:
        return None
    if spec.weights == EQUAL:
        return np.ones(effects.k)
    columns = {**{name: tuple(counts.tolist()) for name, counts in effects.counts.items()}, **effects.columns}
    if spec.weights not in columns:
        raise ModelError(f"weights: no column {spec.weights!r}; {suggest(spec.weights, (*columns, EQUAL))}")
    cells = columns[spec.weights]
    weights = np.array([_as_number(cell) for cell in cells], dtype=np.float64)
    for i in np.flatnonzero(used & ~(np.isfinite(weights) & (weights >= 0.0))):
        raise ModelError(
            f"weights: column {spec.weights!r} of study {effects.labels[i]!r} must hold a number >= 0; "
            f"got {cells[i]!r}"
        )
    return weights


def _as_number(cell: object) -> float:
    """Return a cell as a number, NaN where it holds none."""
    if cell is None or isinstance(cell, bool):
        return float("nan")
    try:
        return float(cell)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return float("nan")


def inverse_variances(v: Floats) -> Floats:
    """Return the weights of the model ``ivhet``: those of a common effect, whatever tau2 is.

    With them the variance of the mean is sum w^2 (v + tau2) / (sum w)^2.

    References
    ----------
    Doi et al. (2015), Contemporary Clinical Trials 45, 130-138.
    """
    return 1.0 / np.where(v > 0.0, v, np.nan)
