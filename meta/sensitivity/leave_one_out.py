"""Leave one out: how far does any single study carry the answer."""

from __future__ import annotations

import numpy as np

from meta.effects.sizes import EffectSizes
from meta.errors import ModelError
from meta.models.fitting import design_for, refit, usable_studies
from meta.options import ModelSpec
from meta.results import Refits


def leave_one_out(effects: EffectSizes, spec: ModelSpec | None = None) -> Refits:
    """Fit the analysis's own model k times, each time without one study.

    Parameters
    ----------
    effects : EffectSizes
        The studies; those the model cannot use are not left out one by one.
    spec : ModelSpec, optional
        The model of the analysis (``ModelSpec()`` where none is given), so that under a GLMM every refit is a
        GLMM.

    Returns
    -------
    Refits
        Row i lacks the study ``labels[i]``, and equals the fit of the data without it to the last bit
        (without moderators).

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
    mask = np.repeat(used[None, :], places.size, axis=0)
    mask[np.arange(places.size), places] = False
    labels = tuple(effects.labels[j] for j in places)
    return refit(effects, chosen, mask, kind="leave_one_out", labels=labels)
