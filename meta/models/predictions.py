"""Predictions of a regression at values of its moderators: the mean there, and where a new study may lie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from extraction.names import suggest
from meta.effects.measures import find_measure, to_natural
from meta.errors import ModelError
from meta.inference.intervals import two_sided_quantile, wald_interval
from meta.inference.prediction import prediction_interval
from meta.models.design import evaluate_design
from meta.results import Cell, Fit, Floats, Moderator, Moderators, to_plain

if TYPE_CHECKING:
    import pandas as pd

#: Intervals of the mean that are a quantile times one standard error, so that they exist at any values.
_PLAIN = ("Wald", "t", "HKSJ", "profile")

#: Prediction intervals that a value, two standard errors and tau2 decide.
_PREDICTED = ("t_k1", "t_k2", "z", "hk_k1", "hk_k2")

Values = Mapping[str, Cell | Sequence[Cell]]


@dataclass(frozen=True, slots=True)
class Predictions:
    """The mean at n settings of the moderators; arrays of shape (n,).

    ``value`` to ``prediction_high`` are on the analysis scale, names starting with ``natural`` are
    back-transformed; bounds that the model does not have are NaN, and ``notes`` say why. ``values`` are the
    settings by column; ``beyond`` marks those outside the range of the studies used.
    """

    measure: str
    formula: str
    level: float
    df: float | None
    values: Mapping[str, tuple[Cell, ...]]
    value: Floats
    se: Floats
    low: Floats
    high: Floats
    prediction_low: Floats
    prediction_high: Floats
    natural: Floats
    natural_low: Floats
    natural_high: Floats
    natural_prediction_low: Floats
    natural_prediction_high: Floats
    beyond: NDArray[np.bool_]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return every array as a list, NaN as None."""
        plain: dict[str, Any] = to_plain(self)
        return plain

    def to_frame(self) -> pd.DataFrame:
        """Return one row a setting, its values first."""
        import pandas as pd

        skip = {"measure", "formula", "level", "df", "values", "notes"}
        columns = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in skip}
        return pd.DataFrame({**self.values, **columns})


def predict_at(fit: Fit, values: Values) -> Predictions:
    """Predict the mean at values of the moderators, with its interval and the prediction interval.

    Parameters
    ----------
    fit : Fit
        A model with moderators.
    values : mapping of str to cell or sequence of cells
        For every column of the formula its values, ``{"year": [1990, 2020], "design": "RCT"}``; a single one
        holds throughout.

    Returns
    -------
    Predictions
        The interval of the mean is that of ``spec.ci_method`` and its guard (under ``profile`` Wald's: a
        profile at each point would cost a fit each; none under the cluster-robust ones, whose degrees of
        freedom belong to each contrast), k - p degrees of freedom under ``t`` and ``HKSJ``. The
        prediction interval is that of ``spec.pi_method``, its degrees of freedom k - p (``t_k1``, ``hk_k1``)
        or k - p - 1 (``t_k2``, ``hk_k2``): what k - 1 and k - 2 are with one coefficient.

    Raises
    ------
    ModelError
        If the fit has no moderators or no estimate, a column is missing or not of the formula, a level was
        not in the studies, lengths differ, or a value is no number.

    References
    ----------
    Knapp & Hartung (2003), Statistics in Medicine 22, 2693-2710; Higgins, Thompson & Spiegelhalter (2009),
    JRSS A 172, 137-159.
    """
    moderators = fit.moderators
    if moderators is None:
        raise ModelError("predictions at values take a model with moderators; this one has none")
    if fit.coefficients is None or fit.covariance is None:
        raise ModelError(f"the model {moderators.formula!r} has no estimate (status {fit.status})")
    columns, n = _read_values(moderators, values)
    x = evaluate_design(moderators, columns, n)
    _check_numbers(moderators, columns, x)
    value = np.asarray(np.einsum("ij,j->i", x, fit.coefficients.value))
    df, se, low, high, notes = _mean_interval(fit, x, value)
    prediction_low, prediction_high, further = _prediction_interval(fit, x, value)
    harmonic = _harmonic_n(fit)
    return Predictions(
        measure=fit.measure,
        formula=moderators.formula,
        level=fit.spec.level,
        df=df,
        values=columns,
        value=value,
        se=se,
        low=low,
        high=high,
        prediction_low=prediction_low,
        prediction_high=prediction_high,
        natural=to_natural(fit.measure, value, harmonic),
        natural_low=to_natural(fit.measure, low, harmonic),
        natural_high=to_natural(fit.measure, high, harmonic),
        natural_prediction_low=to_natural(fit.measure, prediction_low, harmonic),
        natural_prediction_high=to_natural(fit.measure, prediction_high, harmonic),
        beyond=_beyond(moderators, columns, n),
        notes=(*notes, *further),
    )


def curve_column(fit: Fit) -> str | None:
    """Return the column of a regression on one numeric column (powers and splines of it too), else None."""
    if fit.moderators is None or fit.coefficients is None:
        return None
    factors = fit.moderators.factors
    columns = {factor.column for factor in factors}
    ranged = all(f.low is not None and f.high is not None and f.low < f.high for f in factors)
    return columns.pop() if len(columns) == 1 and ranged else None


def predict_curve(fit: Fit, points: int = 61) -> Predictions:
    """Predict along the range of the moderator of a regression on a single numeric column, ends included.

    Raises
    ------
    ModelError
        If the regression is on anything else, or has no estimate.
    """
    column = curve_column(fit)
    if column is None or fit.moderators is None:
        raise ModelError(
            f"a curve needs an estimated regression on one numeric column; got {fit.spec.moderators!r}, "
            f"status {fit.status}"
        )
    factor = fit.moderators.factors[0]
    low, high = float(factor.low or 0.0), float(factor.high or 0.0)
    return predict_at(fit, {column: np.linspace(low, high, points).tolist()})


def _read_values(moderators: Moderators, values: Values) -> tuple[dict[str, tuple[Cell, ...]], int]:
    """Return every column of the formula with one value a setting, in the formula's order."""
    wanted = tuple(moderators.values)
    for name in values:
        if name not in wanted:
            raise ModelError(
                f"values: {moderators.formula!r} has no column {name!r}; {suggest(name, wanted)}"
            )
    lists: dict[str, tuple[Cell, ...]] = {}
    for name in wanted:
        if name not in values:
            raise ModelError(f"values: {moderators.formula!r} needs a value of {name!r}")
        given = values[name]
        cells: Sequence[Any] = [given] if _is_cell(given) else list(given)  # type: ignore[arg-type]
        lists[name] = tuple(cell.item() if isinstance(cell, np.generic) else cell for cell in cells)
    n = max(len(cells) for cells in lists.values())
    for name, cells in lists.items():
        if len(cells) not in (1, n) or not cells:
            raise ModelError(f"values: {name!r} has {len(cells)} values where others have {n}")
    return {name: cells * n if len(cells) == 1 else cells for name, cells in lists.items()}, n


def _is_cell(given: object) -> bool:
    """Tell a single value from a sequence of them; text is a value."""
    return given is None or isinstance(given, str | int | float | np.generic)


def _check_numbers(moderators: Moderators, columns: Mapping[str, Sequence[Cell]], x: Floats) -> None:
    """Refuse a level that no study had, and what is no number, by column and value."""
    for factor in moderators.factors:
        for cell in columns[factor.column]:
            if factor.kind == "levels" and str(cell) not in factor.levels:
                raise ModelError(
                    f"values: no study used has {factor.column} {cell!r}; {suggest(str(cell), factor.levels)}"
                )
            finite = isinstance(cell, int | float) and bool(np.isfinite(cell))
            if factor.kind != "levels" and not finite:
                raise ModelError(f"values: {factor.column} must be a finite number; got {cell!r}")
            if factor.kind == "log" and isinstance(cell, int | float) and not cell > 0:
                raise ModelError(f"values: {factor.text} needs {factor.column} above 0; got {cell!r}")
    if not np.isfinite(x).all():
        raise ModelError(f"values: {moderators.formula!r} gives no finite numbers at these values")


def _standard_errors(x: Floats, covariance: Floats) -> Floats:
    """Return sqrt(x' V x) of each row; NaN where it rests on a coefficient without a variance."""
    unknown = np.isnan(np.diagonal(covariance))
    known = np.where(np.isnan(covariance), 0.0, covariance)
    lost = (x[:, unknown] != 0.0).any(axis=1)
    variance = np.where(lost, np.nan, np.einsum("ij,jk,ik->i", x, known, x))
    return np.asarray(np.sqrt(np.maximum(variance, 0.0)))


def _mean_interval(
    fit: Fit, x: Floats, value: Floats
) -> tuple[float | None, Floats, Floats, Floats, tuple[str, ...]]:
    """Return df, standard error, bounds of the mean, and what is to be said of them."""
    spec = fit.spec
    se = _standard_errors(x, np.asarray(fit.covariance))
    if spec.ci_method not in _PLAIN:
        nothing = np.full(value.shape, np.nan)
        return None, se, nothing, nothing.copy(), (f"no interval of predictions under {spec.ci_method}",)
    df: float | None = None
    if spec.ci_method in ("t", "HKSJ"):
        df = float(fit.k - x.shape[1])
        if fit.moderator_test is not None:
            # None where the guard kept the Wald interval, and with it the normal quantile
            df = fit.moderator_test.df2
    quantile = two_sided_quantile(spec.level, np.full(value.shape, np.nan if df is None else df))
    low, high = wald_interval(value, se, quantile)
    notes = ("intervals of predictions are Wald's",) if spec.ci_method == "profile" else ()
    return df, se, low, high, notes


def _prediction_interval(fit: Fit, x: Floats, value: Floats) -> tuple[Floats, Floats, tuple[str, ...]]:
    """Return the bounds of the prediction interval at each setting."""
    method, nothing = fit.spec.pi_method, np.full(value.shape, np.nan)
    if method is None or fit.tau2 is None:
        return nothing, nothing.copy(), ()
    if method not in _PREDICTED:
        return nothing, nothing.copy(), (f"no prediction interval {method} at values of moderators",)
    wald = fit.wald_covariance if fit.wald_covariance is not None else fit.covariance
    hksj = fit.hksj_covariance if fit.hksj_covariance is not None else fit.covariance
    # k - 1 degrees of freedom with one coefficient are k - p with p of them
    k = np.full(value.shape, float(fit.k - x.shape[1] + 1))
    low, high, _ = prediction_interval(
        value,
        _standard_errors(x, np.asarray(wald)),
        _standard_errors(x, np.asarray(hksj)),
        np.full(value.shape, fit.tau2.value),
        k,
        method,
        fit.spec.level,
    )
    return low, high, ()


def _harmonic_n(fit: Fit) -> float | None:
    """Return the harmonic mean of sizes over the studies used, which Freeman-Tukey is turned back with."""
    size = find_measure(fit.measure).size
    if size is None:
        return None
    sizes = [float(s.counts[size] or np.nan) for s in fit.studies if s.used]
    return len(sizes) / sum(1.0 / n for n in sizes)


def _beyond(moderators: Moderators, columns: Mapping[str, Sequence[Cell]], n: int) -> NDArray[np.bool_]:
    """Say which settings lie outside what the studies used cover."""

    def outside(factor: Moderator, cell: Cell) -> bool:
        if factor.low is None or factor.high is None or not isinstance(cell, int | float):
            return False
        return not factor.low <= cell <= factor.high

    found = np.zeros(n, dtype=bool)
    for factor in moderators.factors:
        found |= np.array([outside(factor, cell) for cell in columns[factor.column]], dtype=bool)
    return found
