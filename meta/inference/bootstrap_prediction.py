"""Prediction interval by Nagashima's bootstrap: tau2 is drawn from its confidence distribution."""

from __future__ import annotations

import numpy as np

from meta.inference.generalised_q import weigh_by_power
from meta.inference.prediction import FEWEST_STUDIES
from meta.inference.quadratic_forms import generalised_q, tails_of_q
from meta.inference.roots import Rows, bracket_above
from meta.kernels.masks import Columns, Floats, Mask, add_studies, turn_chunks
from meta.kernels.weighted import sum_moments

#: Draws of a row. The Monte Carlo standard error of a 95% bound is then 0.012 standard deviations of what is
#: drawn: 0.3% of the width of the interval.
DRAWS = 50_000

#: Where a spec names no seed.
DEFAULT_SEED = 20190628

#: Points of the table of a confidence distribution, evenly spaced in log(tau2 + typical variance); cubic
#: interpolation between them errs by less than 1e-5 of that logarithm.
TABLE = 256

#: The table ends where this much of the distribution is left: a draw beyond it is one in twenty runs.
LEFT = 1e-6


def bootstrap_prediction(
    y: Floats, v: Floats, mask: Mask, design: Floats, level: float, seed: int
) -> tuple[Floats, Floats]:
    """Return the bounds of the bootstrap prediction interval of each analysis, shape (B,).

    Parameters
    ----------
    y, v : array of shape (k,) or (B, k)
        Effect sizes and sampling variances on the analysis scale.
    mask : array of bool, shape (B, k)
        Which studies each analysis uses.
    design : array of shape (k, 1)
        A column of ones.
    level : float
        Level of the interval.
    seed : int
        Start of the random numbers. Every row starts its own stream there, so that its bounds do not depend
        on its neighbours and neighbours are compared under the same numbers.

    Returns
    -------
    low, high : arrays of shape (B,)
        Percentiles of mean(tau2) + z tau - t se(tau2), with tau2 from the confidence distribution of the
        DerSimonian-Laird estimator, P(Q > q; tau2), cut off at 0, z normal, t with k - 1 degrees of freedom,
        and the inverse-variance mean and its HKSJ standard error (without a guard) at the tau2 drawn. NaN
        below three studies.

    References
    ----------
    Nagashima, Noma & Furukawa (2019), Statistical Methods in Medical Research 28, 1689-1702.
    """
    low, high = np.full(mask.shape[0], np.nan), np.full(mask.shape[0], np.nan)
    rows = np.flatnonzero(mask.sum(axis=1) >= FEWEST_STUDIES)
    for chunk, columns, frame in turn_chunks(y, v, mask, design, rows):
        uniform, normal, student = _draw(seed, columns.k)
        limit = _limit_table(columns)
        for j in range(chunk.size):
            # every row is an array of draws: one at a time bounds memory
            column = columns.take(np.array([j, j]))
            tau2 = _draw_tau2(column, limit[j], uniform)
            value, se = _means(column, tau2)
            drawn = value + normal * np.sqrt(tau2) - student[int(columns.k[j])] * se
            bounds = np.quantile(drawn, [0.5 * (1.0 - level), 0.5 * (1.0 + level)])
            unit = np.ldexp(1.0, int(frame.exponent[j]))
            low[chunk[j]], high[chunk[j]] = (bounds + frame.origin[0, j]) * unit
    return low, high


def _draw(seed: int, k: Floats) -> tuple[Floats, Floats, dict[int, Floats]]:
    """Return the draws that all rows share: uniform, normal, and t by number of studies."""
    student = {}
    for count in np.unique(k):
        rng = np.random.default_rng(seed)
        uniform, normal = rng.random(DRAWS), rng.standard_normal(DRAWS)
        student[int(count)] = rng.standard_t(count - 1.0, DRAWS)
    return uniform, normal, student


def _limit_table(columns: Columns) -> Floats:
    """Return a tau2 beyond which next to nothing of the confidence distribution is left, shape (B,)."""
    weights = weigh_by_power(columns, "BJ")
    q = generalised_q(columns, weights)

    def function(rows: Rows, tau2: Floats) -> Floats:
        return tails_of_q(columns.take(rows), np.take(weights, rows, axis=1), tau2, q[rows])[0] - LEFT

    typical = (columns.k - 1.0) / sum_moments(columns, np.zeros(q.size)).trace_p
    return bracket_above(function, np.arange(q.size), np.zeros(q.size), typical)[1]


def _draw_tau2(column: Columns, limit: float, uniform: Floats) -> Floats:
    """Turn uniform draws into draws of tau2 by the inverse of its confidence distribution, cut off at 0.

    ``column`` holds the same analysis twice.
    """
    typical = ((column.k - 1.0) / sum_moments(column, np.zeros(2)).trace_p)[0]
    points = np.linspace(np.log(typical), np.log(typical + limit), TABLE)
    tau2 = np.exp(points) - typical
    tau2[0] = 0.0
    everywhere = column.take(np.zeros(TABLE, dtype=np.intp))
    weights = weigh_by_power(everywhere, "BJ")
    q = generalised_q(everywhere, weights)
    lower, upper = tails_of_q(everywhere, weights, tau2, q)
    if q[0] == 0.0:
        return np.zeros(uniform.size)
    known = (lower > 0.0) & (upper > 0.0)
    odds = np.log(upper[known] / lower[known])
    # rounding may repeat a value where a tail is all but 1
    rising = np.concatenate([[True], np.diff(np.maximum.accumulate(odds)) > 0.0])
    drawn = _interpolate(np.log(uniform / (1.0 - uniform)), odds[rising], points[known][rising])
    return np.where(uniform <= upper[0], 0.0, np.maximum(np.exp(drawn) - typical, 0.0))


def _interpolate(x: Floats, xs: Floats, ys: Floats) -> Floats:
    """Interpolate a monotone function by cubic pieces with slopes from three points; constant outside."""
    inside = np.clip(x, xs[0], xs[-1])
    slope = np.gradient(ys, xs)
    i = np.clip(np.searchsorted(xs, inside) - 1, 0, xs.size - 2)
    width = xs[i + 1] - xs[i]
    t = (inside - xs[i]) / width
    rest = 1.0 - t
    return np.asarray(
        ys[i] * rest * rest * (1.0 + 2.0 * t) + ys[i + 1] * t * t * (3.0 - 2.0 * t)
        + width * t * rest * (rest * slope[i] - t * slope[i + 1])
    )  # fmt: skip


def _means(column: Columns, tau2: Floats) -> tuple[Floats, Floats]:
    """Return the inverse-variance mean at each tau2, less the frame's origin, and its HKSJ standard error."""
    w = 1.0 / (column.v[:, :1] + tau2)
    total = add_studies(w)
    y = np.broadcast_to(column.y[:, :1], w.shape)
    value = add_studies(w * y) / total
    squares = add_studies(w * (y - value) ** 2)
    return value, np.sqrt(squares / (total * (column.k[0] - 1.0)))
