"""Leave one out: how far does any single study carry the answer.

Where rows are clustered in studies, a study goes with all its rows.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from meta.effects.sizes import EffectSizes
from meta.errors import ModelError
from meta.models.clusters import cluster_names
from meta.models.fitting import design_for, refit, usable_studies
from meta.options import ModelSpec
from meta.results import Refits


def leave_one_out(
    effects: EffectSizes, spec: ModelSpec | None = None, *, kernel: str = "numpy"
) -> Refits:
    """Fit the analysis's own model k times, each time without one study.

    Parameters
    ----------
    effects : EffectSizes
        The studies; those the model cannot use are not left out one by one.
    spec : ModelSpec, optional
        The model of the analysis (``ModelSpec()`` where none is given), so that under a GLMM every refit is a
        GLMM.
    kernel : {"numpy", "fast"}
        See ``fit_many``.

    Returns
    -------
    Refits
        Row i lacks the study ``labels[i]`` (under ``spec.cluster`` all its rows), and equals the fit of the
        data without it to the last bit (without moderators).

    Raises
    ------
    ModelError
        If there are fewer than two usable studies.
    """
    chosen = spec if spec is not None else ModelSpec()
    used = usable_studies(effects, chosen, design_for(effects, chosen))
    places = np.flatnonzero(used)
    if places.size < 2:
        raise ModelError(
            "leave one out needs at least two studies; "
            f"there {'is' if places.size == 1 else 'are'} {places.size}"
        )
    if chosen.cluster is not None:
        return _leave_clusters_out(effects, chosen, used)
    mask = np.repeat(used[None, :], places.size, axis=0)
    mask[np.arange(places.size), places] = False
    labels = tuple(effects.labels[j] for j in places)
    return refit(effects, chosen, mask, kind="leave_one_out", labels=labels, kernel=kernel)


def _leave_clusters_out(effects: EffectSizes, spec: ModelSpec, used: NDArray[np.bool_]) -> Refits:
    """Leave out the rows of one study at a time, in the order of their first rows."""
    names = cluster_names(effects, spec)
    studies = tuple(dict.fromkeys(name for name, here in zip(names, used, strict=True) if here and name))
    if len(studies) < 2:
        raise ModelError(
            f"leave one out needs at least two studies ({spec.cluster}); there is {len(studies)}"
        )
    mask = np.array([[name != study for name in names] for study in studies], dtype=bool) & used
    return refit(effects, spec, mask, kind="leave_one_out", labels=studies)
