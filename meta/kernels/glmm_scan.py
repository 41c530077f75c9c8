"""Where the profile likelihood in tau has its maxima: a scan, so that no start misses one in silence."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from meta.kernels.glmm_cells import Bools, Cells, Floats, Ints
from meta.kernels.glmm_likelihood import empirical
from meta.kernels.glmm_search import Climb, climb, dot, factorise, part, solve
from meta.kernels.quadrature import LADDER, Rule

#: tau of the scan, as multiples of a moment estimate of the total spread between studies.
SCAN = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
#: The scan only needs the sign of a slope: fewer nodes will do, until they miss part of an integrand.
SCAN_LADDER = (Rule("hermite", 7), *LADDER)
#: The coefficients at a point of the scan need be no nearer to their best than this (twice the log-
#: likelihood still to gain).
SCAN_TOL = 1e-3
#: Newton steps at a point of the scan: the problem is concave.
SCAN_STEPS = 12


@dataclass(slots=True)
class Starts:
    """Starts of ascents: the analysis of each, its bracket (0 the lowest), and theta (p + 1, S)."""

    owner: Ints
    bracket: Ints
    theta: Floats


def first_coefficients(cells: Cells) -> Floats:
    """Return least squares on the empirical values (p, R): the columns are orthogonal with mean square 1."""
    own = empirical(cells)[0] * cells.sign - cells.offset
    count = cells.add(np.ones_like(own))
    gamma = [cells.add(x * own) / count for x in cells.design]
    start = np.array(gamma).reshape(cells.design.shape[0], cells.analyses)
    if len(gamma) == 1 and cells.kind is None and cells.tables is None:
        start = np.where(cells.add(cells.design[0]) == count, _pooled(cells), start)
    return start if cells.kind is None else np.concatenate([start, cells.kind.start(cells)])


def _pooled(cells: Cells) -> Floats:
    """Return the logit or log rate of all studies taken as one (R,): the mean at tau = 0, offsets apart."""
    events = cells.add(np.where(cells.sign > 0.0, cells.events, cells.size - cells.events))
    size = cells.add(cells.size)
    with np.errstate(divide="ignore"):
        return np.log(events) - np.log(size - events if cells.binomial else size)


def total_spread(cells: Cells, gamma: Floats) -> Floats:
    """Return a rough standard deviation (R,) of the studies' own values around the fit ``gamma``.

    It is never below a typical sampling error.
    """
    own, variance = empirical(cells)
    fitted = np.zeros_like(own)
    for j in range(cells.design.shape[0]):
        fitted += cells.design[j] * gamma[j][cells.row]
    weight = 1.0 / variance
    total, count = cells.add(weight), cells.add(np.ones_like(own))
    excess = (cells.add(weight * np.square(own - (fitted + cells.offset) * cells.sign)) - count) / total
    return np.asarray(np.sqrt(np.maximum(excess, 0.0) + count / total))


def find_starts(cells: Cells, common: Climb, slope: Floats, searched: Bools, spread: Floats) -> Starts:
    """Scan the profile in tau and return a start in each bracket where its slope turns from up to down.

    Parameters
    ----------
    cells : Cells
        R analyses.
    common : Climb
        Their fits at tau = 0.
    slope : array of shape (R,)
        Slope of the log-likelihood in tau2 at 0; what counts as no slope there is 0 or less.
    searched : array of bool, shape (R,)
        Which analyses to scan.
    spread : array of shape (R,)
        Their ``total_spread``.
    """
    rows = np.flatnonzero(searched)
    p = cells.design.shape[0] + cells.further
    gamma0 = np.take(common.theta[:p], rows, axis=1)
    tau = np.array((0.0, *SCAN))[:, None] * spread[rows]
    slopes, gammas = np.empty_like(tau), np.empty((tau.shape[0], p, rows.size))
    slopes[0], gammas[0] = slope[rows], gamma0
    points = len(SCAN)
    copies = replace(cells.take(np.tile(rows, points)), rules=SCAN_LADDER)
    theta = np.concatenate([np.tile(gamma0, (1, points)), tau[1:].reshape(1, -1)])
    free = tuple(range(p))
    fitted = climb(copies, theta, free, tolerance=SCAN_TOL, max_steps=SCAN_STEPS)
    gradient, information = part(fitted.value, free)
    # the coefficients are nearly at their best: a Newton step from there gives the slope where they are
    step = solve(factorise(information), gradient)
    along = fitted.value.gradient[p] + dot(fitted.value.hessian[p, :p], step)
    slopes[1:] = along.reshape(points, rows.size) / (2.0 * tau[1:])
    gammas[1:] = np.moveaxis((fitted.theta[:p] + step).reshape(p, points, rows.size), 0, 1)
    return _bracket(rows, tau, slopes, gammas)


def _bracket(rows: Ints, tau: Floats, slopes: Floats, gammas: Floats) -> Starts:
    """Interpolate a start in every bracket; beyond the scan its last point serves."""
    up = slopes > 0.0
    turning = up & ~np.concatenate([up[1:], np.zeros((1, rows.size), dtype=bool)])
    bracket, owner = np.nonzero(turning)
    above = np.minimum(bracket + 1, tau.shape[0] - 1)
    here, there = slopes[bracket, owner], slopes[above, owner]
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(above > bracket, here / (here - there), 0.0)
    # the slope falls steeply first: an even split of a wide bracket beats a secant that lands at its upper
    # end
    share = np.clip(share, 0.02, 0.9)
    low, high = np.square(tau[bracket, owner]), np.square(tau[above, owner])
    start = np.sqrt(low + share * (high - low))
    inside = (bracket > 0) & (above > bracket)
    if inside.any():
        found = _interpolate(tau[:, owner], slopes[:, owner], bracket)
        start = np.where(inside, found, start)
        share = np.where(inside, (np.square(found) - low) / np.where(inside, high - low, 1.0), share)
    gamma = gammas[bracket, :, owner] * (1.0 - share)[:, None] + gammas[above, :, owner] * share[:, None]
    return Starts(rows[owner], bracket, np.concatenate([gamma.T, start[None, :]]))


def _interpolate(tau: Floats, slopes: Floats, bracket: Ints) -> Floats:
    """Return where the slope turns in brackets that do not begin at 0, (S,), from tau and slopes (m, S).

    Slope times tau2 is nearly straight in log tau: a secant, put right by a parabola through the next point
    (2% off in the median, where a secant of the slope in tau2 is 20% off).
    """
    column = np.arange(bracket.size)
    first = np.clip(bracket, 1, tau.shape[0] - 2)
    third = np.where(first > 1, first - 1, np.minimum(first + 2, tau.shape[0] - 1))

    def point(place: Ints) -> tuple[Floats, Floats]:
        t = tau[place, column]
        return np.log(t), slopes[place, column] * np.square(t)

    (x0, g0), (x1, g1), (x2, g2) = point(first), point(first + 1), point(third)
    with np.errstate(divide="ignore", invalid="ignore"):
        chord = (g1 - g0) / (x1 - x0)
        bend = ((g2 - g1) / (x2 - x1) - chord) / (x2 - x0)
        x = x0 - g0 / chord
        x = x - bend * (x - x0) * (x - x1) / (chord + bend * (2.0 * x - x0 - x1))
    return np.asarray(np.exp(np.clip(np.where(np.isfinite(x), x, 0.5 * (x0 + x1)), x0, x1)))
