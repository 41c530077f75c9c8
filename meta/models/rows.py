"""``FittedRows``: the finished numbers of a batch, whatever the model, behind ``Fit`` and ``Refits``."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meta.kernels.status import Status
from meta.results import Component, Floats, Posterior


@dataclass(frozen=True, slots=True)
class FittedRows:
    """One element (or row) an analysis, on the analysis scale; NaN where a number does not exist.

    Shapes: ``value`` to ``p_value`` are (B, p), one column a coefficient, after the adjustment and guard of
    the spec; ``covariance`` is (B, p, p); everything else is (B,) but ``weights``, (B, k) in percent with 0
    for studies left out, or None under a GLMM. ``df`` is NaN where the reference distribution is normal (or
    chi-squared). ``low`` and ``high`` may be infinite. ``one_sided_low`` and ``one_sided_high`` are
    natural-scale bounds of rows whose status is ``one_sided`` (NaN elsewhere). ``population_*`` are natural;
    NaN without a GLMM or with moderators. ``tau2_se`` and ``i2_low`` to ``h2_high`` are None where no
    interval of tau2 was asked for; ``parameters`` counts coefficients and variance components; ``posteriors``
    and ``components`` hold one entry an analysis, None under other models. ``wald_covariance`` and
    ``hksj_covariance`` (the latter after the guard) are (B, p, p), for predictions at values of moderators;
    None under a GLMM. ``degenerate`` (B, p) says which coefficients have no robust variance,
    ``decided_alone`` (B,) where one cluster alone decides a combination of coefficients. ``guard_replaced``
    says where the guard ``ci`` or ``iqwig6`` did not keep the HKSJ interval.
    """

    value: Floats
    se: Floats
    low: Floats
    high: Floats
    statistic: Floats
    p_value: Floats
    covariance: Floats
    df: Floats
    tau2: Floats
    tau2_low: Floats
    tau2_high: Floats
    q: Floats
    q_df: Floats
    q_p: Floats
    q_wald: Floats
    q_wald_df: Floats
    q_wald_p: Floats
    i2: Floats
    h2: Floats
    typical_variance: Floats
    prediction_low: Floats
    prediction_high: Floats
    prediction_df: Floats
    population_value: Floats
    population_low: Floats
    population_high: Floats
    one_sided_low: Floats
    one_sided_high: Floats
    test_statistic: Floats
    test_df: Floats
    test_df2: Floats
    test_p: Floats
    loglik: Floats
    k: NDArray[np.int64]
    status: NDArray[np.int8]
    weights: Floats | None
    tau2_interval_empty: NDArray[np.bool_]
    tau2_se: Floats | None = None
    i2_low: Floats | None = None
    i2_high: Floats | None = None
    h2_low: Floats | None = None
    h2_high: Floats | None = None
    parameters: NDArray[np.int64] | None = None
    restricted: bool = False
    components: tuple[tuple[Component, ...], ...] | None = None
    posteriors: tuple[Posterior | None, ...] | None = None
    notes: tuple[tuple[str, ...], ...] | None = None
    coefficient_df: Floats | None = None
    clusters: NDArray[np.int64] | None = None
    degenerate: NDArray[np.bool_] | None = None
    decided_alone: NDArray[np.bool_] | None = None
    wald_covariance: Floats | None = None
    hksj_covariance: Floats | None = None
    guard_replaced: NDArray[np.bool_] | None = None


#: Fields of shape (B, p); ``covariance`` is (B, p, p).
_PER_COEFFICIENT = ("value", "se", "low", "high", "statistic", "p_value")


def blank_rows(rows: int, p: int, k: NDArray[np.int64]) -> FittedRows:
    """Return ``rows`` analyses of ``k`` studies each in which nothing could be estimated, to be filled in."""
    arrays: dict[str, Any] = {
        f.name: np.full((rows, p) if f.name in _PER_COEFFICIENT else rows, np.nan)
        for f in fields(FittedRows)
        if f.type == "Floats" and f.name != "covariance"
    }
    return FittedRows(
        covariance=np.full((rows, p, p), np.nan),
        k=k.astype(np.int64),
        status=np.full(rows, Status.NOT_ESTIMABLE, dtype=np.int8),
        weights=None,
        tau2_interval_empty=np.zeros(rows, dtype=bool),
        **arrays,
    )


@dataclass(frozen=True, slots=True)
class JointTest:
    """The moderator test of each row, shape (B,); ``df2`` NaN under chi-squared."""

    statistic: Floats
    df: Floats
    df2: Floats
    p: Floats
