"""Results: frozen dataclasses of finished numbers, one type a kind of answer.

Scales: ``estimate``, ``prediction`` and ``tau2`` are on the analysis scale of the measure (log, logit, ...);
``natural`` is back-transformed (proportions as fractions, rates per unit of the time given, ratios as
ratios). ``i2`` and weights are percent. A number that does not exist is None in a ``Fit`` and NaN in the
arrays of ``Refits``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray

from extraction.sheet import RowRef
from meta.options import ModelSpec

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

#: A typed cell of a sheet; None is missing.
Cell = str | float | int | None


def to_plain(value: Any) -> Any:
    """Return ``value`` as what JSON can hold; NaN becomes None, infinities become text."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return to_plain(value.tolist())
    if isinstance(value, list | tuple | Numbered):
        return [to_plain(item) for item in value]
    if isinstance(value, np.generic):
        return to_plain(value.item())
    if isinstance(value, float):
        if math.isnan(value):
            return None
        if math.isinf(value):
            return "Inf" if value > 0 else "-Inf"
    return value


class Numbered(Sequence[str]):
    """The labels ``1`` to ``size``; each is made when it is read, so that a million cost nothing."""

    __slots__ = ("_size",)

    def __init__(self, size: int) -> None:
        self._size = size

    def __len__(self) -> int:
        return self._size

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[str, ...]: ...
    def __getitem__(self, place: int | slice) -> str | tuple[str, ...]:
        chosen = range(1, self._size + 1)[place]
        return tuple(map(str, chosen)) if isinstance(chosen, range) else str(chosen)

    def __iter__(self) -> Iterator[str]:
        return map(str, range(1, self._size + 1))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Numbered):
            return self._size == other._size
        return isinstance(other, tuple) and len(other) == self._size and tuple(self) == other

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return f"Numbered({self._size})"


@dataclass(frozen=True, slots=True)
class Estimate:
    """The pooled value on the analysis scale, its interval and its test against the null value.

    ``statistic`` is a z (``df`` None), a t (``df`` given), or the signed root of the likelihood ratio under
    ``profile``.
    """

    value: float
    se: float
    low: float
    high: float
    statistic: float
    df: float | None
    p: float
    level: float


@dataclass(frozen=True, slots=True)
class Natural:
    """The pooled value back-transformed; under a GLMM the median setting."""

    value: float
    low: float
    high: float
    prediction_low: float | None
    prediction_high: float | None


@dataclass(frozen=True, slots=True)
class PopulationMean:
    """E[g(mu + tau z)] under a GLMM: the mean over settings, not the median one; natural scale."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Tau2:
    """Between-study variance, squared units of the analysis scale; bounds None where there is no interval.

    ``se`` is its standard error, which no interval here is made of (None where none is known, or no interval
    was asked for).
    """

    value: float
    low: float | None
    high: float | None
    method: str | None
    ci_method: str | None
    se: float | None = None


@dataclass(frozen=True, slots=True)
class Heterogeneity:
    """Q (under a GLMM the likelihood ratio against the saturated model) and what follows from tau2.

    ``q_wald`` stands beside it under a GLMM: Q by inverse variance over the studies without a zero cell.
    ``typical_variance`` is the v of I2 = tau2 / (tau2 + v). Bounds of I2 and H2 follow from those of tau2.
    """

    q: float
    df: int
    p: float
    i2: float | None
    h2: float | None
    typical_variance: float | None
    q_wald: float | None = None
    q_wald_df: int | None = None
    q_wald_p: float | None = None
    i2_low: float | None = None
    i2_high: float | None = None
    h2_low: float | None = None
    h2_high: float | None = None


@dataclass(frozen=True, slots=True)
class Prediction:
    """Prediction interval for a new study's true value, analysis scale; ``df`` None for a normal quantile."""

    low: float
    high: float
    df: float | None
    method: str


@dataclass(frozen=True, slots=True)
class Coefficients:
    """Regression coefficients on the analysis scale (a single intercept where there are no moderators).

    ``df`` are the degrees of freedom of each under a cluster-robust interval; None elsewhere.
    """

    names: tuple[str, ...]
    value: Floats
    se: Floats
    low: Floats
    high: Floats
    statistic: Floats
    p: Floats
    df: Floats | None = None


@dataclass(frozen=True, slots=True)
class ModeratorTest:
    """Joint test of all coefficients but the intercept; chi-squared where ``df2`` is None, F otherwise."""

    statistic: float
    df: int
    df2: float | None
    p: float


@dataclass(frozen=True, slots=True)
class Study:
    """One study of a fit as a figure or a table shows it.

    ``counts`` are the raw columns of the measure (``events``, ``n``, ...). ``value``, ``low`` and ``high``
    are natural, the interval exact (Clopper-Pearson, Poisson) for single proportions and rates and Wald
    elsewhere. ``y`` and ``v`` are on the analysis scale, after any continuity correction. ``weight`` is
    percent, None under a GLMM. ``reason`` says why a study is shown but not used. ``recovered`` says how the
    effect was computed from what the paper reports instead (an interval, a test statistic), or None.
    """

    label: str
    counts: Mapping[str, float | None]
    value: float | None
    low: float | None
    high: float | None
    weight: float | None
    y: float | None
    v: float | None
    used: bool
    reason: str | None
    rows: tuple[RowRef, ...]
    recovered: str | None = None


@dataclass(frozen=True, slots=True)
class Excluded:
    """A row or study that was left out, and why."""

    label: str
    reason: str
    rows: tuple[RowRef, ...] = ()


@dataclass(frozen=True, slots=True)
class Moderator:
    """One factor of a regression, as the fit read it off the studies used.

    ``kind`` is ``number``, ``levels`` (the reference first), ``power`` (``(column - shift) ** power``),
    ``log``, or ``spline`` (``knots``, the outer ones at the extremes). ``low`` and ``high`` are the range of
    a numeric column.
    """

    text: str
    column: str
    kind: str
    levels: tuple[str, ...]
    knots: tuple[float, ...]
    shift: float
    power: int
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Moderators:
    """What stands behind the coefficients of a regression, complete enough to predict at other values.

    ``columns`` holds for each coefficient the pieces whose product is its column of the design: (factor, part
    of it), none for the intercept. A part is a level, or a knot of a spline; 0 elsewhere. ``values`` are the
    cells by column of the sheet, in the order of ``Fit.studies`` (those that are valid).
    """

    formula: str
    factors: tuple[Moderator, ...]
    columns: tuple[tuple[tuple[int, int], ...], ...]
    values: Mapping[str, tuple[Cell, ...]]


@dataclass(frozen=True, slots=True)
class Information:
    """Log-likelihood and the criteria made of it; ``restricted`` says which likelihood it is.

    ``parameters`` counts coefficients and variance components, ``n`` the observations that AICc counts.
    """

    loglik: float
    parameters: int
    n: int
    restricted: bool
    aic: float
    bic: float
    aicc: float | None


@dataclass(frozen=True, slots=True)
class Component:
    """One variance component of a multilevel model; ``levels`` counts the groups it varies over.

    ``i2`` is its share of all variation, percent: those of all components add up to the I2 of the analysis.
    """

    name: str
    value: float
    low: float | None
    high: float | None
    levels: int
    i2: float | None = None


@dataclass(frozen=True, slots=True)
class ShrunkenEffect:
    """What a Bayesian fit says of the true effect of one study: median and interval of its posterior."""

    label: str
    value: float
    low: float
    high: float
    natural_value: float
    natural_low: float
    natural_high: float


@dataclass(frozen=True, slots=True)
class PosteriorTail:
    """P(mu > threshold) and P(effect in a new study > threshold); the threshold on the natural scale."""

    threshold: float
    mu: float
    new: float


@dataclass(frozen=True, slots=True)
class Posterior:
    """What a Bayesian fit shows beside its estimate, on the analysis scale; intervals are equal-tailed.

    ``mean`` and ``sd`` are of mu; None or infinite where the integral does not exist. ``tau`` is the median.
    ``log_marginal`` is the log of the marginal likelihood under the density 1 of mu, None under an improper
    prior. ``tail_mu`` and ``tail_new`` are P(mu > null) and P(effect in a new study > null), None where the
    measure has no null value; ``beyond`` is the same for a threshold that was declared. ``density_mu`` and
    ``density_new`` are (n, 4): a point and the density there, the same point on the natural scale and the
    density in its units. ``density_tau`` is (n, 3): tau, posterior, prior (NaN where improper).
    """

    prior: str
    prior_parameters: tuple[float, ...]
    mean: float | None
    sd: float
    tau: float
    tau_low: float
    tau_high: float
    log_marginal: float | None
    null: float | None
    tail_mu: float | None
    tail_new: float | None
    shrunken: tuple[ShrunkenEffect, ...]
    density_mu: Floats
    density_new: Floats
    density_tau: Floats
    beyond: PosteriorTail | None = None

    def to_lean(self) -> dict[str, Any]:
        """Return it as plain data without the curves."""
        plain: dict[str, Any] = to_plain(self)
        return {name: value for name, value in plain.items() if not name.startswith("density_")}


@dataclass(frozen=True, slots=True)
class Fit:
    """One fitted model, finished: everything a figure, a table or a sentence needs.

    ``totals`` sums each count over the studies used; it is empty under ``spec.cluster``, where rows of one
    study may share people, and ``clusters`` counts the studies behind the ``k`` rows. ``weights`` are
    percent, one a used study in the order of ``studies``, and None under a GLMM. ``covariance`` is (p, p), of
    the coefficients, after the adjustment of ``spec.ci_method``; with moderators ``wald_covariance`` and
    ``hksj_covariance`` (after the guard ``se``) stand beside it under the inverse-variance models, since
    prediction intervals choose for themselves.
    """

    measure: str
    spec: ModelSpec
    k: int
    status: str
    estimate: Estimate | None
    natural: Natural | None
    population_mean: PopulationMean | None
    tau2: Tau2 | None
    heterogeneity: Heterogeneity | None
    prediction: Prediction | None
    coefficients: Coefficients | None
    covariance: Floats | None
    moderator_test: ModeratorTest | None
    r2: float | None
    loglik: float | None
    weights: Floats | None
    studies: tuple[Study, ...]
    excluded: tuple[Excluded, ...]
    totals: Mapping[str, float]
    notes: tuple[str, ...]
    information: Information | None = None
    components: tuple[Component, ...] = ()
    clusters: int | None = None
    posterior: Posterior | None = None
    moderators: Moderators | None = None
    wald_covariance: Floats | None = None
    hksj_covariance: Floats | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return every number as plain dictionaries and lists, NaN as None."""
        plain: dict[str, Any] = to_plain(self)
        return plain

    def to_frame(self) -> pd.DataFrame:
        """Return the studies as a table, one row a study, counts as columns of their own."""
        import pandas as pd

        rows = [
            {
                "label": s.label,
                **s.counts,
                "value": s.value,
                "low": s.low,
                "high": s.high,
                "weight": s.weight,
                "y": s.y,
                "v": s.v,
                "used": s.used,
                "reason": s.reason,
                "recovered": s.recovered,
            }
            for s in self.studies
        ]
        return pd.DataFrame(rows)


@dataclass(frozen=True, slots=True)
class Refits:
    """The same model on other subsets or data: arrays of shape (B,), element i belongs to ``labels[i]``.

    ``estimate``, ``se``, ``low``, ``high``, ``tau2``, ``prediction_low`` and ``prediction_high`` are on the
    analysis scale, names starting with ``natural`` are back-transformed. A refit that failed holds NaN and
    says why in ``status``. With moderators ``estimate`` is NaN and ``coefficients``, shape (B, p), speak.
    ``kind`` says what was refitted (``leave_one_out``, ``cumulative``, ``many``). ``notes[i]`` is a word on
    row i, or empty (a study without a year, say). ``kernel`` says what computed them (``numpy``, ``fast``).
    """

    kind: str
    labels: Sequence[str]
    measure: str
    spec: ModelSpec
    estimate: Floats
    se: Floats
    low: Floats
    high: Floats
    p: Floats
    tau2: Floats
    i2: Floats
    k: NDArray[np.int64]
    natural: Floats
    natural_low: Floats
    natural_high: Floats
    prediction_low: Floats
    prediction_high: Floats
    natural_prediction_low: Floats
    natural_prediction_high: Floats
    status: NDArray[np.str_]
    coefficients: Floats
    notes: tuple[str, ...]
    kernel: str = "numpy"

    def to_dict(self) -> dict[str, Any]:
        """Return every array as a list, NaN as None."""
        plain: dict[str, Any] = to_plain(self)
        return plain

    def to_frame(self) -> pd.DataFrame:
        """Return one row a refit."""
        import pandas as pd

        skip = {"kind", "labels", "measure", "spec", "coefficients", "notes", "kernel"}
        columns = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in skip}
        return pd.DataFrame({"label": list(self.labels), **columns})


@dataclass(frozen=True, slots=True)
class GroupTest:
    """Test between subgroups: chi-squared where ``df2`` is None, else F; ``reason`` where there is none."""

    statistic: float | None
    df: int | None
    df2: float | None
    p: float | None
    method: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class Subgroups:
    """One fit a level of a column, and the test between them.

    ``common_tau2`` says whether the groups share one tau2 (then each fit's tau2 is the common one).
    ``unlabelled`` counts studies without a value in the column; they are in no group.
    """

    by: str
    common_tau2: bool
    levels: tuple[str, ...]
    fits: tuple[Fit, ...]
    test: GroupTest
    unlabelled: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return every number as plain dictionaries and lists, NaN as None."""
        plain: dict[str, Any] = to_plain(self)
        return plain
