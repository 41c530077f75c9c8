"""The posterior of tau on a grid on which sums are integrals: any number of analyses side by side.

With a flat prior of mu, the posterior of tau is p(tau) prod w_i^(1/2) W^(-1/2) exp(-Q / 2), w_i = 1 / (v_i +
tau2), W their sum, Q Cochran's at those weights; and mu given tau is normal with mean sum(w y) / W and
variance 1 / W (Roever 2020, Journal of Statistical Software 93(6), section 2.3). So all that is asked of the
posterior is a sum over a grid of tau.

The grid is even in z with log tau = s + z - exp(-z): below the smallest scale of the data and the prior the
posterior then dies away doubly exponentially, above it z is log tau. A bounded prior ends where another
exp(z) has grown large (a logistic curve in place of the logarithm). In z the integrand is analytic in a strip
around the real line (its poles lie where tau = i sqrt(v_i)), so the trapezoidal rule, and sinc interpolation
of the distribution function, converge exponentially (Trefethen & Weideman 2014, SIAM Review 56, 385-458).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meta.kernels.masks import Floats, Mask, Rows, add_studies, pair_up, pick_rows
from meta.kernels.mixtures import mixture_cdf
from meta.kernels.priors import Prior

#: The integrand is cut where it is below exp(-36), 2e-16, of its largest value.
CUT = 36.0

#: Smallest z: there tau is exp(-44) of the smallest scale.
Z_LOW = -3.7

#: How far above the largest scale, in log tau, the first look goes.
Z_BEYOND = 40.0

#: Intervals of a look at the whole range, and how often the window may close in.
LOOK, LOOKS = 192, 16

#: Rounding of a log integrand as a share of its parts, which are measured from the anchor; and how far above
#: the anchor the top may lie for a look to be final.
ROUNDING, FAR_BELOW = 1e-14, 100.0

#: Widest step of the first grid that is summed; it is halved until nothing moves.
FIRST_STEP = 0.25

#: Most halvings; the window has closed in on a narrow posterior before.
MOST_HALVINGS = 6

#: A grid is fine enough once leaving out every other node moves no check by more than this. The error that is
#: left is about its square.
MOVES = 1e-10

#: Numbers in one (k, nodes, columns) temporary.
GRID_NUMBERS = 400_000


@dataclass(frozen=True, slots=True)
class Column:
    """Analyses as columns, in units of ``2**exponent``, effects measured from ``origin`` (in those units).

    ``y`` and ``v`` are (k, R), 0 and infinite where a study is left out; the rest is (R,). ``shift`` is s of
    the map from z to log tau, and ``power`` the one with which the posterior falls for large tau.
    """

    y: Floats
    v: Floats
    exponent: NDArray[np.int64]
    origin: Floats
    k: Floats
    shift: Floats
    power: Floats

    def take(self, rows: Rows) -> Column:
        """Return some of the columns in C order."""
        y, v = np.take(self.y, rows, axis=1), np.take(self.v, rows, axis=1)
        rest = (a[rows] for a in (self.exponent, self.origin, self.k, self.shift, self.power))
        return Column(y, v, *rest)  # type: ignore[arg-type]  # in the order of the fields


@dataclass(frozen=True, slots=True)
class Anchor:
    """One tau of each column, from which the likelihood at others is measured; each of shape (R,).

    ``mean``, ``precision`` and ``log_likelihood`` are those at this tau.
    """

    log_tau: Floats
    inside: Floats
    mean: Floats
    precision: Floats
    log_likelihood: Floats

    def take(self, rows: Rows) -> Anchor:
        """Return some of the columns."""
        log_tau, inside, mean = self.log_tau[rows], self.inside[rows], self.mean[rows]
        return Anchor(log_tau, inside, mean, self.precision[rows], self.log_likelihood[rows])


@dataclass(frozen=True, slots=True)
class TauGrid:
    """The posterior of tau on N nodes, one column an analysis; units of ``columns``.

    ``weight`` (N, R) sums to 1 down each column; ``mean`` and ``variance`` are those of mu given tau;
    ``log_total`` is the log of the integral, in which likelihood and prior are 1 at the anchor; ``log_mass``
    that of the marginal likelihood in the units of the data.
    """

    rows: Rows
    columns: Column
    anchor: Anchor
    z: Floats
    step: Floats
    log_tau: Floats
    weight: Floats
    mean: Floats
    variance: Floats
    log_total: Floats
    log_mass: Floats


def turn_columns(y: Floats, v: Floats, mask: Mask, rows: Rows, prior: Prior) -> Column:
    """Turn rows of public arrays into columns, scaled by powers of two, measured from the most precise study.

    ``rows`` must be at least two, each using at least one study.
    """
    used = np.ascontiguousarray(mask[rows].T)
    vs = np.where(used, pick_rows(v, rows), np.inf)
    ys = np.where(used, pick_rows(y, rows), 0.0)
    least = np.minimum.reduce(vs, axis=0)
    exponent = np.floor_divide(np.frexp(least)[1], 2).astype(np.int64)
    ys, vs, least = np.ldexp(ys, -exponent), np.ldexp(vs, -2 * exponent), np.ldexp(least, -2 * exponent)
    origin = np.take_along_axis(ys, np.argmin(vs, axis=0)[None], axis=0)[0]
    ys = np.where(used, ys - origin, 0.0)
    k = used.sum(axis=0).astype(np.float64)
    shift = np.minimum(0.5 * np.log(least), prior.reach(exponent)[0])
    return Column(ys, vs, exponent, origin, k, shift, prior.tail + k - 1.0)


def map_z(columns: Column, prior: Prior, z: Floats) -> tuple[Floats, Floats, Floats]:
    """Return log tau, how far it lies inside a bounded prior, and the log of its slope in z.

    The second is log tau less the log of the upper end, told apart since close to the end it is smaller than
    the rounding of the first; without an end it is the first. Shapes (N, R).
    """
    log_tau = columns.shift + z - np.exp(-z)
    log_slope = np.logaddexp(0.0, -z)
    if prior.upper is None:
        return log_tau, log_tau, log_slope
    end = np.log(np.ldexp(prior.upper, -columns.exponent))
    beyond = log_tau - end
    inside = -np.logaddexp(0.0, -beyond)
    return end + inside, inside, log_slope - np.logaddexp(0.0, beyond)


def _drop_anchor(columns: Column, log_tau: Floats, inside: Floats) -> Anchor:
    """Evaluate the likelihood at one tau of each column."""
    mean, variance, log_likelihood = condition_on(columns, log_tau[None])
    return Anchor(log_tau, inside, mean[0], 1.0 / variance[0], log_likelihood[0])


def condition_on(columns: Column, log_tau: Floats) -> tuple[Floats, Floats, Floats]:
    """Return mean and variance of mu given tau, and the log-likelihood of tau with mu integrated; (N, R)."""
    shape = log_tau.shape
    tau2 = np.exp(2.0 * log_tau)
    y = columns.y[:, None, :]
    total = np.ascontiguousarray((columns.v[:, None, :] + tau2).reshape(y.shape[0], -1))
    y = np.ascontiguousarray(np.broadcast_to(y, (y.shape[0], *shape)).reshape(y.shape[0], -1))
    w = 1.0 / total
    precision = add_studies(w)
    mean = add_studies(w * y) / precision
    residual = y - mean
    logs = add_studies(np.where(w > 0.0, np.log(np.where(w > 0.0, total, 1.0)), 0.0))
    log_likelihood = -0.5 * (logs + np.log(precision) + add_studies(w * residual * residual))
    return mean.reshape(shape), (1.0 / precision).reshape(shape), log_likelihood.reshape(shape)


def _compare(columns: Column, anchor: Anchor, log_tau: Floats, step: Floats) -> tuple[Floats, Floats, Floats]:
    """Return mean and variance of mu given tau, and the log-likelihood less that at the anchor; (N, R).

    ``step`` is log tau less that of the anchor. Only differences are added up: with d = w - w0 and
    r = y - m0, Q - Q0 = sum(d r^2) - sum(d r)^2 / W. Where Q itself is enormous (a prior far below the
    spread of the data), its rounding would drown what the posterior hangs on.
    """
    shape = log_tau.shape
    tau2, base = np.exp(2.0 * log_tau), np.exp(2.0 * anchor.log_tau)
    apart = base * np.expm1(2.0 * step)
    total, start = columns.v[:, None, :] + tau2, (columns.v + base)[:, None, :]

    def add(a: Floats) -> Floats:
        return add_studies(np.ascontiguousarray(a.reshape(a.shape[0], -1))).reshape(shape)

    growth = apart / start
    change = -growth / total
    residual = np.where(np.isinf(start), 0.0, (columns.y - anchor.mean)[:, None, :])
    precision = add(1.0 / total)
    # sum(w0 r) is 0 but for its rounding, which far from the anchor may be more than sum(w r) itself
    near = np.maximum.reduce(np.abs(growth), axis=0) < 0.5
    tilt = np.where(near, add(change * residual), add(residual / total))
    q = add(change * residual * residual) - tilt * tilt / precision
    with np.errstate(invalid="ignore"):
        quotient = np.where(np.isinf(start), 1.0, total / start)
    logs = add(np.log(quotient)) + np.log(precision / anchor.precision)
    return anchor.mean + tilt / precision, 1.0 / precision, -0.5 * (logs + q)


def _log_integrand(columns: Column, prior: Prior, anchor: Anchor, z: Floats) -> tuple[Floats, ...]:
    """Return log tau, its place inside, mean and variance of mu, log integrand over z, its rounding; (N, R).

    The log integrand is less the logs of likelihood and prior at the anchor.
    """
    log_tau, inside, log_slope = map_z(columns, prior, z)
    step = inside - anchor.inside
    mean, variance, log_likelihood = _compare(columns, anchor, log_tau, step)
    ratio = prior.log_ratio(log_tau, anchor.log_tau, step, columns.exponent)
    rounding = ROUNDING * (np.abs(ratio) + np.abs(log_likelihood))
    return log_tau, inside, mean, variance, ratio + log_likelihood + log_slope, rounding


def _find_window(columns: Column, prior: Prior) -> tuple[Floats, Floats, Anchor]:
    """Return the z between which the integrand, and its second moment where there is one, is not negligible.

    The window closes in on it look by look, and the anchor moves to where the integrand is highest; a node
    too far from the anchor to be told from the highest one stays until the anchor is nearer. A peak between
    two nodes may rise above both by an eighth of the bend there; the cut is lowered by that much, so that no
    peak is lost to another.
    """
    size = np.where(np.isinf(columns.v), 0.0, np.maximum(columns.v, np.square(columns.y)))
    large = np.maximum(0.5 * np.log(np.maximum.reduce(size, axis=0)), prior.reach(columns.exponent)[1])
    low, high = np.full(large.shape, Z_LOW), large - columns.shift + Z_BEYOND
    moment = columns.power > 3.0
    share = np.linspace(0.0, 1.0, LOOK + 1)[:, None]
    guess, inside, _ = map_z(columns, prior, _guess_z(columns, prior)[None])
    anchor = _drop_anchor(columns, guess[0], inside[0])
    active = np.ones(large.shape, dtype=bool)
    for _ in range(LOOKS):
        z = low + (high - low) * share
        log_tau, inside, _, _, f, rounding = _log_integrand(columns, prior, anchor, z)
        top = np.argmax(f, axis=0)[None]
        *best, rise = (np.take_along_axis(a, top, axis=0)[0] for a in (log_tau, inside, f))
        held = (anchor.log_tau, anchor.inside)
        anchor = _drop_anchor(columns, *(np.where(active, a, b) for a, b in zip(best, held, strict=True)))
        kept = _above_cut(f, rounding) | (moment & _above_cut(f + 2.0 * log_tau, rounding))
        first = np.maximum(np.argmax(kept, axis=0) - 1, 0)
        last = np.minimum(LOOK - np.argmax(kept[::-1], axis=0) + 1, LOOK)
        closer = active & (last - first < 0.6 * LOOK)
        step = (high - low) / LOOK
        low, high = np.where(closer, low + step * first, low), np.where(closer, low + step * last, high)
        # a look that measured from far below the top is taken again from the new anchor
        active = closer | (active & (rise > FAR_BELOW))
        if not active.any():
            break
    return low, high, anchor


def _guess_z(columns: Column, prior: Prior) -> Floats:
    """Return where the first anchor is dropped: where the prior is at home, else at the smallest scale."""
    first, last = prior.reach(columns.exponent)
    home = 0.5 * (first + last) if prior.parameters else columns.shift
    return np.asarray(np.maximum(home - columns.shift, 0.0))


def _above_cut(f: Floats, rounding: Floats) -> Mask:
    """Return which nodes may matter, where ``f`` is known to within ``rounding``."""
    top = np.maximum.reduce(f, axis=0)
    bend = 2.0 * f[1:-1] - f[:-2] - f[2:]
    peak = (f[1:-1] >= f[:-2]) & (f[1:-1] >= f[2:]) & np.isfinite(bend)
    rise = np.maximum.reduce(np.where(peak, bend, 0.0), axis=0)
    return np.asarray(f + rounding > top - CUT - rise)


def build_grids(y: Floats, v: Floats, mask: Mask, rows: Rows, prior: Prior) -> Iterator[tuple[TauGrid, Mask]]:
    """Yield the posterior of tau of chosen rows, chunk by chunk, each with what is settled about it.

    Parameters
    ----------
    y, v : array of shape (k,) or (B, k)
        Effect sizes and sampling variances.
    mask : array of bool, shape (B, k)
        Which studies each analysis uses.
    rows : array of int
        Rows to integrate; their posterior must be proper.
    prior : Prior
        Of tau.

    Yields
    ------
    grid : TauGrid
        Of at least two columns; the last may be repeated.
    settled : array of bool, shape (R,)
        Whether the grid is fine enough; False only after the last halving.
    """
    for some in _chunks(rows, mask.shape[1] * (LOOK + 1)):
        columns = turn_columns(y, v, mask, some, prior)
        low, high, anchor = _find_window(columns, prior)
        level = np.maximum(np.ceil(np.log2((high - low) / FIRST_STEP)), 3.0).astype(np.intp)
        last = level + MOST_HALVINGS
        # a chunk of one row holds it twice
        waiting = np.arange(np.unique(some).size)
        while waiting.size:
            now = int(level[waiting].min())
            for part in _chunks(waiting[level[waiting] == now], mask.shape[1] * (2**now + 1)):
                grid = _sum_grid(
                    columns.take(part), some[part], prior, anchor.take(part), (low[part], high[part]), 2**now
                )
                settled = _is_settled(grid)
                final = settled | (now >= last[part])
                level[part] = np.where(final, -1, now + 1)
                if final.any():
                    kept = pair_up(np.flatnonzero(final))
                    yield _take_columns(grid, kept), settled[kept]
            waiting = waiting[level[waiting] >= 0]


def _sum_grid(
    columns: Column, rows: Rows, prior: Prior, anchor: Anchor, window: tuple[Floats, Floats], intervals: int
) -> TauGrid:
    """Evaluate the integrand on so many intervals of each window and turn it into weights."""
    low, high = window
    step = (high - low) / intervals
    z = low + step * np.arange(intervals + 1, dtype=np.float64)[:, None]
    log_tau, _, mean, variance, f, _ = _log_integrand(columns, prior, anchor, z)
    top = np.maximum.reduce(f, axis=0)
    weight = np.exp(f - top)
    total = add_studies(weight)
    constant = (columns.k - 1.0) * (0.5 * np.log(2.0 * np.pi) + columns.exponent * np.log(2.0))
    at_anchor = anchor.log_likelihood + prior.log_density(anchor.log_tau, columns.exponent)
    log_total = top + np.log(step * total)
    mass = log_total + at_anchor - constant
    return TauGrid(rows, columns, anchor, z, step, log_tau, weight / total, mean, variance, log_total, mass)


def _take_columns(grid: TauGrid, kept: Rows) -> TauGrid:
    """Return some of the columns of a grid."""
    z, log_tau, weight, mean, variance = (
        np.take(a, kept, axis=1) for a in (grid.z, grid.log_tau, grid.weight, grid.mean, grid.variance)
    )
    columns, anchor = grid.columns.take(kept), grid.anchor.take(kept)
    step, total, mass = grid.step[kept], grid.log_total[kept], grid.log_mass[kept]
    return TauGrid(grid.rows[kept], columns, anchor, z, step, log_tau, weight, mean, variance, total, mass)


def log_density(grid: TauGrid, prior: Prior, log_tau: Floats) -> Floats:
    """Return the log of the posterior density per unit of log tau, at any (N, R) in the grid's units."""
    inside = log_tau
    if prior.upper is not None:
        inside = log_tau - np.log(np.ldexp(prior.upper, -grid.columns.exponent))
    step = inside - grid.anchor.inside
    _, _, log_likelihood = _compare(grid.columns, grid.anchor, log_tau, step)
    ratio = prior.log_ratio(log_tau, grid.anchor.log_tau, step, grid.columns.exponent)
    return np.asarray(ratio + log_likelihood - grid.log_total)


def _is_settled(grid: TauGrid) -> Mask:
    """Return which grids give the same without every other node.

    Compared are the mass, the mean of mu, and the distribution functions of mu and of the effect of a new
    study at two points on either side of the mean at a small, a middling and a large tau.
    """
    half = slice(None, None, 2)
    coarse = np.ascontiguousarray(grid.weight[half])
    mass = add_studies(coarse)
    coarse = coarse / mass
    mean, variance, tau2 = grid.mean, grid.variance, np.exp(2.0 * grid.log_tau)
    moved = np.abs(2.0 * mass - 1.0)
    below = np.add.accumulate(grid.weight, axis=0)
    for probability in (0.1, 0.5, 0.9):
        at = np.argmax(below >= probability, axis=0)[None]
        middle = np.take_along_axis(mean, at, axis=0)[0]
        for spread in (variance, variance + tau2):
            sd = np.sqrt(spread)
            reach = 2.0 * np.take_along_axis(sd, at, axis=0)[0]
            for x in (middle - reach, middle + reach):
                fine = mixture_cdf(grid.weight, mean, sd, x)
                thin = mixture_cdf(coarse, mean[half].copy(), sd[half].copy(), x)
                moved = np.maximum(moved, np.abs(fine - thin))
    return np.asarray(moved <= MOVES)


def _chunks(rows: Rows, numbers: int) -> Iterator[Rows]:
    """Cut rows into chunks that bound memory; each holds at least two (the last may be repeated)."""
    size = max(2, GRID_NUMBERS // max(1, numbers))
    for start in range(0, rows.size, size):
        yield pair_up(rows[start : start + size])
