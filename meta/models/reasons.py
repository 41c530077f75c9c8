"""The words beside the numbers of a fit: what they hide, and why there are none."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from meta.kernels.status import Status
from meta.models.clusters import robust_notes
from meta.models.design import Design, is_determined
from meta.models.rows import FittedRows
from meta.options import MULTILEVEL, ModelSpec

Mask = NDArray[np.bool_]

#: Why a sheet without a usable row has no fit.
NO_ROW = "no row gives an effect size: each is listed with its reason"

#: Why a fit has no study.
NO_STUDY = "no study can be used: each is listed with its reason"

#: Why an estimate of tau2 may lie outside its interval.
OUTSIDE = (
    "tau2 lies outside its own interval: the estimate ({method}) and the interval ({ci}) answer two equations"
    ", which can part where studies are few or their variances very unequal"
)

#: What a guard did where it did not keep the HKSJ interval.
GUARD_NOTES = {
    "ci": "the Wald interval is kept, since the HKSJ interval is narrower (guard ci)",
    "iqwig6": "the HKSJ interval is narrower than the DerSimonian-Laird Wald interval, so its standard error "
    "is not taken smaller than the Wald one (guard iqwig6)",
}


def fit_notes(rows: FittedRows, i: int, spec: ModelSpec, design: Design, used: Mask) -> list[str]:
    """Say in words what a number alone would hide; the reason why there is none stands last."""
    notes = []
    if rows.tau2_interval_empty[i]:
        name = "Q-profile" if spec.tau2_ci == "QP" else f"generalised-Q ({spec.tau2_ci})"
        notes.append(f"the {name} set for tau2 is empty at level {spec.level:g} and reported as [0, 0]")
    elif not rows.tau2_low[i] <= rows.tau2[i] <= rows.tau2_high[i] and np.isfinite(rows.tau2_high[i]):
        notes.append(OUTSIDE.format(method=spec.tau2_method, ci=spec.tau2_ci))
    if rows.guard_replaced is not None and rows.guard_replaced[i]:
        notes.append(GUARD_NOTES[spec.ci_guard])
    if rows.notes is not None:
        notes.extend(rows.notes[i])
    notes.extend(_flat_notes(rows, i, spec))
    notes.extend(robust_notes(rows, i, spec, design.names))
    notes.extend(_missing_reason(rows, i, spec, design, used))
    return notes


def _flat_notes(rows: FittedRows, i: int, spec: ModelSpec) -> list[str]:
    """Say where the likelihood of a model on counts is flat, so that its maximum means little."""
    if not spec.is_glmm:
        return []
    notes = []
    if np.isposinf(rows.tau2_high[i]):
        notes.append(f"flat likelihood: no tau2, however large, is excluded at level {spec.level:g}")
    rho = None if rows.components is None else next((c for c in rows.components[i] if c.name == "rho"), None)
    if rho is not None and rho.high == 1.0:
        notes.append(f"flat likelihood: no correlation rho, up to 1, is excluded at level {spec.level:g}")
    if (np.isneginf(rows.low[i]) & np.isposinf(rows.high[i])).any():
        what = "the mean" if rows.value.shape[1] == 1 else "some coefficient"
        notes.append(f"flat likelihood: no value of {what} is excluded at level {spec.level:g}")
    return notes


def _missing_reason(rows: FittedRows, i: int, spec: ModelSpec, design: Design, used: Mask) -> list[str]:
    """Say why nothing was estimated where neither the model nor its design has said so."""
    status, k, p = Status(int(rows.status[i])), int(rows.k[i]), rows.value.shape[1]
    if status is Status.NOT_CONVERGED:
        return ["the search for the maximum of the likelihood did not converge"]
    said = (rows.notes is not None and rows.notes[i]) or (
        rows.degenerate is not None and rows.degenerate[i].any()
    )
    if status is not Status.NOT_ESTIMABLE or said:
        return []
    if k == 0:
        return [NO_STUDY]
    if not is_determined(design, used):
        return []
    if k == p:
        return [f"{k} studies for {p} coefficients: none is left to tell how much studies differ"]
    if spec.model in MULTILEVEL and rows.clusters is not None:
        return [
            f"the moderators leave no difference between the {rows.clusters[i]} studies ({spec.cluster}) "
            "from which the variance between them could be told"
        ]
    return ["these studies do not determine the model"]
