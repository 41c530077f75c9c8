"""Sampling covariance of effect sizes that share people, and their combination within a study."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meta.errors import EffectError
from meta.results import Floats


@dataclass(frozen=True, slots=True)
class Combined:
    """One effect size a study: its name, ``y`` and ``v``, each of shape (m,), in the order of first rows."""

    studies: tuple[str, ...]
    y: Floats
    v: Floats


def constant_correlation(v: ArrayLike, cluster: Sequence[object], rho: float) -> Floats:
    """Return the sampling covariance of rows whose errors correlate by ``rho`` within a study.

    Parameters
    ----------
    v : array_like of shape (k,)
        Sampling variances.
    cluster : sequence of length k
        Study of each row; rows of different studies are independent.
    rho : float
        Correlation, -1 to 1.

    Returns
    -------
    array of shape (k, k)
        Squared units of the effect sizes.

    Raises
    ------
    EffectError
        If lengths differ, a variance is not positive, or ``rho`` is no correlation.
    """
    variances = np.asarray(v, dtype=np.float64)
    codes = _codes(cluster)
    if variances.ndim != 1 or variances.size != codes.size:
        raise EffectError(f"{variances.size} variances but {codes.size} rows have a study")
    if not (variances > 0.0).all():
        raise EffectError("sampling variances must be > 0")
    if not -1.0 <= rho <= 1.0:
        raise EffectError(f"rho must be a correlation, -1 to 1; got {rho!r}")
    se = np.sqrt(variances)
    covariance = np.where(codes[:, None] == codes, rho * se[:, None] * se, 0.0)
    np.fill_diagonal(covariance, variances)
    return covariance


def combine_rows(
    y: ArrayLike, v: ArrayLike, cluster: Sequence[object], rho: float, *, weighted: bool = True
) -> Combined:
    """Combine the rows of each study into one effect size, their sampling errors correlated by ``rho``.

    Parameters
    ----------
    y, v : array_like of shape (k,)
        Effect sizes and sampling variances.
    cluster : sequence of length k
        Study of each row.
    rho : float
        Correlation of the sampling errors within a study.
    weighted : bool
        Weights from the inverse covariance (the most precise mean); else the plain mean, whose weights do not
        depend on ``rho`` and cannot be negative.

    Raises
    ------
    EffectError
        As ``constant_correlation``; and if the covariance of a study cannot be inverted.

    References
    ----------
    Borenstein et al. (2009), Introduction to Meta-Analysis, ch. 24 (the plain mean); Gleser & Olkin (2009),
    in The Handbook of Research Synthesis, 2nd ed., ch. 19.
    """
    effects = np.asarray(y, dtype=np.float64)
    covariance = constant_correlation(v, cluster, rho)
    if effects.shape != covariance.shape[:1]:
        raise EffectError(f"{effects.size} effect sizes but {covariance.shape[0]} variances")
    names = tuple(dict.fromkeys(str(name) for name in cluster))
    labels = np.array([str(name) for name in cluster])
    means, variances = np.empty(len(names)), np.empty(len(names))
    for i, name in enumerate(names):
        rows = np.flatnonzero(labels == name)
        block = covariance[np.ix_(rows, rows)]
        if weighted:
            try:
                weights = np.linalg.solve(block, np.ones(rows.size))
            except np.linalg.LinAlgError as error:
                raise EffectError(f"study {name!r}: rho={rho!r} leaves no covariance to invert") from error
            weights = weights / weights.sum()
        else:
            weights = np.full(rows.size, 1.0 / rows.size)
        means[i] = weights @ effects[rows]
        variances[i] = weights @ block @ weights
    return Combined(names, means, variances)


def _codes(cluster: Sequence[object]) -> NDArray[np.intp]:
    """Return a number for the study of each row."""
    _, codes = np.unique(np.array([str(name) for name in cluster]), return_inverse=True)
    return codes.astype(np.intp)
