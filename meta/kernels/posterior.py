"""Summaries of the posterior of a normal-normal model, each a sum over the grid of tau: no random numbers.

mu, the effect of a new study and the true effect of each study are mixtures of normal distributions over tau
(``mixtures``); tau itself has its distribution function by sinc integration over the grid (``tau_grid``).
Quantiles are found to about 1e-10 in probability; tests compare them with a second computation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import sici

from meta.errors import ModelError
from meta.kernels.masks import Floats, Mask, Rows, add_studies
from meta.kernels.mixtures import invert, mixture_density, mixture_quantiles, mixture_tail
from meta.kernels.priors import Prior
from meta.kernels.status import Status
from meta.kernels.tau_grid import TauGrid, build_grids, log_density, map_z

#: Points of a density curve, and the probability left out at either end of it.
CURVE_POINTS, CURVE_TAIL = 101, 0.001

#: How far beyond the upper end of its interval the curve of tau goes.
TAU_REACH = 1.25


@dataclass(frozen=True, slots=True)
class PosteriorRows:
    """Summaries of B posteriors in the units of the data; NaN where there is none.

    Attributes
    ----------
    mu, new, tau : array of shape (B, 3)
        Median and equal-tailed interval of the mean, of the true effect in a new study, of tau.
    mean, sd : array of shape (B,)
        Of mu; NaN or infinite where the integral does not exist (few studies and a heavy-tailed prior).
    log_marginal : array of shape (B,)
        Log of the marginal likelihood under the flat density 1 of mu; NaN under an improper prior of tau.
    weights : array of shape (B, k)
        What each study adds to the posterior mean of mu, percent: the posterior mean of w_i / W.
    status : array of int8, shape (B,)
    k : array of int, shape (B,)
    """

    mu: Floats
    new: Floats
    tau: Floats
    mean: Floats
    sd: Floats
    log_marginal: Floats
    weights: Floats
    status: NDArray[np.int8]
    k: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class PosteriorDetails:
    """What one analysis shows beyond its summaries, in the units of the data.

    Attributes
    ----------
    shrunken : array of shape (k, 4)
        Median, interval and mean of the true effect of each study; NaN for studies left out.
    density_mu, density_new : array of shape (n, 2)
        A point and the density there.
    density_tau : array of shape (n, 3)
        tau, its posterior and its prior density; the prior NaN where it is improper.
    """

    shrunken: Floats
    density_mu: Floats
    density_new: Floats
    density_tau: Floats


def fewest_studies(prior: Prior) -> int:
    """Return from how many studies on the posterior is proper under a flat prior of mu."""
    return 1 if prior.proper else 3


def integrate_posterior(y: Floats, v: Floats, mask: Mask, prior: Prior, level: float) -> PosteriorRows:
    """Integrate the posterior of every row of ``mask``.

    Parameters
    ----------
    y, v : array of shape (k,) or (B, k)
        Effect sizes and sampling variances (> 0 where used).
    mask : array of bool, shape (B, k)
        Which studies each analysis uses.
    prior : Prior
        Of tau; that of mu is flat.
    level : float
        Of the intervals.

    Returns
    -------
    PosteriorRows
        A row with too few studies for a proper posterior is ``not_estimable``.
    """
    rows, k = mask.shape
    count = mask.sum(axis=1)
    triples = [np.full((rows, 3), np.nan) for _ in range(3)]
    singles = [np.full(rows, np.nan) for _ in range(3)]
    status = np.full(rows, Status.NOT_ESTIMABLE, dtype=np.int8)
    weights = np.full((rows, k), np.nan)
    out = PosteriorRows(
        triples[0], triples[1], triples[2], singles[0], singles[1], singles[2], weights, status,
        count.astype(np.int64),
    )
    possible = np.flatnonzero(count >= fewest_studies(prior))
    for grid, settled in build_grids(y, v, mask, possible, prior):
        _fill(out, grid, settled, prior, level)
    return out


def _targets(level: float) -> tuple[float, float, float]:
    """Return the probabilities below median, low and high end."""
    return 0.5, 0.5 - 0.5 * level, 0.5 + 0.5 * level


def _fill(out: PosteriorRows, grid: TauGrid, settled: Mask, prior: Prior, level: float) -> None:
    """Write the summaries of a grid into the rows they belong to."""
    rows, unit = grid.rows, grid.columns.exponent
    new_sd = np.sqrt(grid.variance + np.exp(2.0 * grid.log_tau))
    for place, target in enumerate(_targets(level)):
        want = np.full(rows.shape, target)
        middle = mixture_quantiles(grid.weight, grid.mean, np.sqrt(grid.variance), want)
        setting = mixture_quantiles(grid.weight, grid.mean, new_sd, want)
        out.mu[rows, place] = np.ldexp(middle + grid.columns.origin, unit)
        out.new[rows, place] = np.ldexp(setting + grid.columns.origin, unit)
        out.tau[rows, place] = np.ldexp(_tau_quantile(grid, prior, want), unit)
    mean = add_studies(grid.weight * grid.mean)
    second = add_studies(grid.weight * (grid.variance + np.square(grid.mean - mean)))
    power = grid.columns.power
    out.mean[rows] = np.where(power > 2.0, np.ldexp(mean + grid.columns.origin, unit), np.nan)
    out.sd[rows] = np.where(power > 3.0, np.ldexp(np.sqrt(second), unit), np.inf)
    out.log_marginal[rows] = grid.log_mass if prior.proper else np.nan
    out.weights[rows] = _mean_weights(grid).T
    fine = np.where(out.k[rows] == 1, Status.SINGLE_STUDY, Status.OK)
    out.status[rows] = np.where(settled, fine, Status.NOT_CONVERGED)
    for array in (out.mu, out.new, out.tau, out.mean, out.sd, out.log_marginal, out.weights):
        array[rows[~settled]] = np.nan


def _mean_weights(grid: TauGrid) -> Floats:
    """Return the posterior mean of w_i / W in percent, shape (k, R)."""
    tau2 = np.exp(2.0 * grid.log_tau)
    shares = [add_studies(grid.weight * grid.variance / (v + tau2)) for v in grid.columns.v]
    return 100.0 * np.stack(shares)


def _tau_quantile(grid: TauGrid, prior: Prior, target: Floats) -> Floats:
    """Return a quantile of tau of each column, in its units: the distribution function by sinc integration.

    References
    ----------
    Stenger (1993), Numerical Methods Based on Sinc and Analytic Functions, section 3.6 (indefinite integral).
    """
    def curve(z: Floats, columns: Rows) -> tuple[Floats, Floats]:
        weight, nodes = (np.take(a, columns, axis=1) for a in (grid.weight, grid.z))
        step = grid.step[columns]
        t = (z - nodes) / step
        below = add_studies(weight * (0.5 + sici(np.pi * t)[0] / np.pi))
        return below - target[columns], add_studies(weight * np.sinc(t)) / step

    low, high = grid.z[0].copy(), grid.z[-1].copy()
    at = np.argmax(np.add.accumulate(grid.weight, axis=0) >= target, axis=0)[None]
    start = np.take_along_axis(grid.z, at, axis=0)[0]
    z = invert(curve, low, high, start, start, np.ones_like(low))
    return np.asarray(np.exp(map_z(grid.columns, prior, np.stack([z, z]))[0][0]))


def _single_grid(y: Floats, v: Floats, used: Mask, prior: Prior) -> tuple[TauGrid, bool]:
    """Return the grid of one analysis, twice in two columns."""
    if int(used.sum()) < fewest_studies(prior):
        raise ModelError(
            f"{int(used.sum())} studies are too few for a proper posterior under prior {prior.name!r}"
        )
    grid, settled = next(iter(build_grids(y, v, used[None, :], np.zeros(1, dtype=np.intp), prior)))
    return grid, bool(settled[0])


def describe_posterior(y: Floats, v: Floats, used: Mask, prior: Prior, level: float) -> PosteriorDetails:
    """Return the shrunken effects and the density curves of one analysis of the studies ``used``, (k,)."""
    grid, _ = _single_grid(y, v, used, prior)
    unit, origin = grid.columns.exponent[0], grid.columns.origin[0]
    spreads = np.sqrt(grid.variance), np.sqrt(grid.variance + np.exp(2.0 * grid.log_tau))
    column = np.ascontiguousarray
    shrunken = np.full((used.size, 4), np.nan)
    shrunken[used] = np.ldexp(_shrink(grid, used, level) + origin, unit)
    curves = []
    for spread in spreads:
        low, first, middle, third, high = (
            float(mixture_quantiles(grid.weight, grid.mean, spread, np.full(2, p))[0])
            for p in (CURVE_TAIL, 0.25, 0.5, 0.75, 1.0 - CURVE_TAIL)
        )
        x = _spread_points(low, high, middle, 2.0 * (third - first))
        weight, mean, sd = (
            column(np.repeat(a[:, :1], CURVE_POINTS, axis=1)) for a in (grid.weight, grid.mean, spread)
        )
        density = mixture_density(weight, mean, sd, x)
        curves.append(np.column_stack([np.ldexp(x + origin, unit), np.ldexp(density, -unit)]))
    return PosteriorDetails(shrunken, curves[0], curves[1], _tau_curve(grid, prior, level))


def _spread_points(low: float, high: float, middle: float, width: float) -> Floats:
    """Return points from low to high: even steps near the middle, wider and wider ones in a heavy tail."""
    ends = np.arcsinh((np.array([low, high]) - middle) / width)
    return np.asarray(middle + width * np.sinh(np.linspace(ends[0], ends[1], CURVE_POINTS)))


def _shrink(grid: TauGrid, used: Mask, level: float) -> Floats:
    """Return median, low, high and mean of the true effect of each used study, (k used, 4).

    In the units of the grid and from its origin. Given tau the effect is normal about y + s (mean - y),
    s = v / (v + tau2), with variance v (1 - s) + s^2 times the variance of mu.
    """
    y, v = grid.columns.y[used, 0], grid.columns.v[used, 0]
    count = y.size
    y3, v3 = np.tile(y, 3), np.tile(v, 3)
    weight, mean, variance = (
        np.ascontiguousarray(np.repeat(a[:, :1], 3 * count, axis=1))
        for a in (grid.weight, grid.mean, grid.variance)
    )
    tau2 = np.exp(2.0 * grid.log_tau[:, :1])
    pull = v3 / (v3 + tau2)
    centre = y3 + pull * (mean - y3)
    sd = np.sqrt(v3 * (tau2 / (v3 + tau2)) + np.square(pull) * variance)
    quantiles = mixture_quantiles(weight, centre, sd, np.repeat(_targets(level), count))
    means = add_studies(weight * centre)[:count]
    return np.column_stack([quantiles.reshape(3, count).T, means])


def _tau_curve(grid: TauGrid, prior: Prior, level: float) -> Floats:
    """Return tau, its posterior and its prior density in the units of the data.

    The first point stands for tau = 0 and is evaluated at 1e-9 of the last one.
    """
    first, middle, third, high = (
        float(_tau_quantile(grid, prior, np.full(2, p))[0]) for p in (0.25, 0.5, 0.75, 0.5 + 0.5 * level)
    )
    top = TAU_REACH * high
    if prior.upper is not None:
        top = min(top, float(np.ldexp(prior.upper, -int(grid.columns.exponent[0]))))
    tau = _spread_points(0.0, top, middle, 2.0 * (third - first))
    log_tau = np.log(np.maximum(tau, 1e-9 * top))
    pair = np.repeat(log_tau[:, None], 2, axis=1)
    unit = int(grid.columns.exponent[0])
    per_tau = log_tau + unit * np.log(2.0)
    posterior = np.exp(log_density(grid, prior, pair)[:, 0] - per_tau)
    log_prior = prior.log_density(pair, grid.columns.exponent)[:, 0] - per_tau
    before = np.exp(log_prior) if prior.proper else np.full(tau.shape, np.nan)
    return np.column_stack([np.ldexp(tau, unit), posterior, before])


def posterior_tails(y: Floats, v: Floats, used: Mask, prior: Prior, threshold: float) -> tuple[float, float]:
    """Return P(mu > threshold) and P(effect of a new study > threshold) of one analysis.

    Raises
    ------
    ModelError
        If the studies are too few for a proper posterior.
    """
    grid, settled = _single_grid(y, v, used, prior)
    if not settled:
        return float("nan"), float("nan")
    x = np.ldexp(threshold, -grid.columns.exponent) - grid.columns.origin
    new_sd = np.sqrt(grid.variance + np.exp(2.0 * grid.log_tau))
    tails = (mixture_tail(grid.weight, grid.mean, sd, x)[0] for sd in (np.sqrt(grid.variance), new_sd))
    # weights that add up to 1 but for rounding may leave a tail of 1 + 2e-16
    mu, new = (min(1.0, float(tail)) for tail in tails)
    return mu, new
