"""What each study adds to Q, and how far it moves the pooled value: the numbers of a Baujat plot."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from meta.effects.sizes import EffectSizes
from meta.errors import ModelError
from meta.models.clusters import cluster_names
from meta.models.design import Design
from meta.models.fitting import design_for, fit_rows, usable_studies
from meta.models.rows import FittedRows
from meta.options import MULTILEVEL, ModelSpec
from meta.results import Floats, to_plain

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Contributions:
    """One element a study (under ``spec.cluster`` all its rows), shape (m,); NaN where there is none.

    Attributes
    ----------
    labels : tuple of str
        The studies.
    measure, spec
        The analysis.
    q : float
        Cochran's Q about the common effect (with moderators: about the common-effect regression).
    contribution : array
        (y - fitted)^2 / v about the common effect; they add up to ``q``.
    squared_residual : array
        (y - fitted)^2 / (v + tau2) about the analysis's own pooled value, its squared Pearson residual; NaN
        under the multilevel models, whose rows have no residual of their own.
    influence : array
        (fitted - fitted without the study)^2 over the variance of the latter (Wald), under the analysis's
        own model; NaN where the model cannot be fitted without the study.
    """

    labels: tuple[str, ...]
    measure: str
    spec: ModelSpec
    q: float
    contribution: Floats
    squared_residual: Floats
    influence: Floats

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as a plain dictionary, NaN as None."""
        plain: dict[str, Any] = to_plain(self)
        return plain

    def to_frame(self) -> pd.DataFrame:
        """Return one row a study."""
        import pandas as pd

        names = ("contribution", "squared_residual", "influence")
        return pd.DataFrame({"label": list(self.labels), **{name: getattr(self, name) for name in names}})


def find_contributions(effects: EffectSizes, spec: ModelSpec | None = None) -> Contributions:
    """Find what each study adds to Q and how far the pooled value moves without it.

    Parameters
    ----------
    effects : EffectSizes
        The studies.
    spec : ModelSpec, optional
        The model of the analysis (``ModelSpec()`` where none is given); every study is left out under it,
        all in one batch.

    Returns
    -------
    Contributions
        For counts under a GLMM the contributions to Q are those of the effect sizes, so that a study without
        one has none.

    Raises
    ------
    ModelError
        If there are fewer than two usable studies, or the model cannot be fitted to all of them.

    References
    ----------
    Baujat, Mahe, Pignon & Hill (2002), Statistics in Medicine 21, 2641-2652.
    """
    chosen = spec if spec is not None else ModelSpec()
    lean = replace(chosen, tau2_ci=None, pi_method=None) if chosen.model != "bayes" else chosen
    design = design_for(effects, chosen)
    used = usable_studies(effects, chosen, design)
    labels, members = _groups(effects, chosen, used)
    if len(labels) < 2:
        raise ModelError(f"contributions need at least two studies; there {_count(len(labels))}")
    rows = fit_rows(effects, lean, np.vstack([used, used & ~members]), design)
    if not np.isfinite(rows.value[0]).all():
        raise ModelError("contributions need a fit of all studies; this model cannot be fitted to them")
    q, contribution = _share_q(effects, design, used, chosen.moderators)
    return Contributions(
        labels,
        effects.measure,
        chosen,
        q,
        _add(contribution, members),
        _add(_own_residuals(effects, chosen, rows, design), members),
        _influence(rows, design, members),
    )


def _count(studies: int) -> str:
    return "is 1" if studies == 1 else f"are {studies}"


def _groups(
    effects: EffectSizes, spec: ModelSpec, used: NDArray[np.bool_]
) -> tuple[tuple[str, ...], NDArray[np.bool_]]:
    """Return who is left out together: a study, or all rows of it; labels and masks (m, k)."""
    places = np.flatnonzero(used)
    if spec.cluster is None:
        members = np.zeros((places.size, effects.k), dtype=bool)
        members[np.arange(places.size), places] = True
        return tuple(effects.labels[j] for j in places), members
    names = cluster_names(effects, spec)
    studies = tuple(dict.fromkeys(str(names[j]) for j in places))
    return studies, np.array([[str(n) == s for n in names] for s in studies], dtype=bool) & used


def _share_q(
    effects: EffectSizes, design: Design, used: NDArray[np.bool_], moderators: str | None
) -> tuple[float, Floats]:
    """Return Q about the common effect and what each row (k,) adds to it."""
    common = ModelSpec(model="common", ci_method="Wald", moderators=moderators)
    there = used & usable_studies(effects, common, design)
    nothing = np.full(effects.k, np.nan)
    if not there.any():
        return float("nan"), nothing
    fit = fit_rows(effects, common, there[None, :], design)
    fitted = design.matrix @ fit.value[0]
    return float(fit.q[0]), np.where(there, np.square(effects.y - fitted) / effects.v, np.nan)


def _own_residuals(effects: EffectSizes, spec: ModelSpec, rows: FittedRows, design: Design) -> Floats:
    if spec.model in MULTILEVEL:
        return np.full(effects.k, np.nan)
    tau2 = np.nan_to_num(rows.tau2[0])
    return np.asarray(np.square(effects.y - design.matrix @ rows.value[0]) / (effects.v + tau2))


def _add(values: Floats, members: NDArray[np.bool_]) -> Floats:
    """Add up values (k,) over the rows of each study."""
    return np.array([float(np.sum(values[row])) for row in members])


def _influence(rows: FittedRows, design: Design, members: NDArray[np.bool_]) -> Floats:
    """Return the influence of each study, at its own values of the moderators."""
    covariance = rows.covariance if rows.wald_covariance is None else rows.wald_covariance
    at = np.array([design.matrix[row].mean(axis=0) for row in members])
    moved = np.einsum("mp,mp->m", at, rows.value[0] - rows.value[1:])
    variance = np.einsum("mp,mpq,mq->m", at, covariance[1:], at)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(variance > 0.0, np.square(moved) / variance, np.nan)
