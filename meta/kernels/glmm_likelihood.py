"""The marginal likelihood of counts with a normal random intercept: one integral a study, exact derivatives.

Within a cell the integral runs over the standardised random effect u with eta = a + tau u, a the linear
predictor: h(u) = l(a + tau u) - u^2 / 2, with l the log-likelihood of the study. h is concave. Nodes are
the first axis of ``(nodes, C)`` arrays and are added row after row; a single column would be summed in
another order, so there are never fewer than two.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meta.kernels.glmm_cells import Bools, Cells, Floats, Ints, Value
from meta.kernels.glmm_counts import EXP_LIMIT, count_density, count_moments, fall_from_mode
from meta.kernels.glmm_tables import moments_at
from meta.kernels.quadrature import LADDER, Rule, hermite_rule, panel_rule, split_by_rule

#: Doubles in one (nodes, C) temporary: about ten of them stay in a second-level cache.
BLOCK = 32768
#: An integral is settled once the next rule moves its logarithm by less than this; a sum over 50 studies
#: then moves by less than 1e-9.
LOG_INTEGRAL_TOL = 2e-11
#: The mode only centres the rule: a last Newton step below this many posterior standard deviations is
#: accurate to its square.
MODE_TOL = 1e-5
#: Newton steps to a mode: 2 to 5 are typical; far out on the exponential it takes one a unit of the link.
MODE_STEPS = 1000
#: A rule has missed part of an integrand when the mean slope of h, or its product with the distance from
#: the mode, is off by this.
MISSED = 1e-4
#: Panels cover the set where the integrand is above exp(-40) of its peak: what is outside weighs less than
#: a rounding.
SUPPORT_DROP = 40.0
#: Halvings that find the edge of that set, from outside: to a twenty-fifth of a standard deviation.
SUPPORT_HALVINGS = 8
#: Half-width of the central difference of the exact gradient (second-order error 1e-9), used only with a
#: fixed rule.
DIFFERENCE = 1e-4


@dataclass(slots=True)
class Marginal:
    """Per cell: log-integral and its derivatives in (a, tau), shape (C,) each."""

    log: Floats
    a: Floats
    t: Floats
    aa: Floats
    at: Floats
    tt: Floats


def linear_predictor(cells: Cells, theta: Floats) -> Floats:
    """Return a (C,), turned round where the cell is; ``theta`` is (p + 1, R)."""
    a = np.zeros(cells.row.size)
    for j in range(cells.design.shape[0]):
        a += cells.design[j] * theta[j][cells.row]
    return np.asarray((a + cells.offset) * cells.sign)


def evaluate_common(cells: Cells, theta: Floats) -> Value:
    """Evaluate at tau = 0 exactly; the curvature in tau is twice the slope in tau2."""
    if cells.kind is not None:
        return cells.kind.evaluate_common(cells, theta)
    a = linear_predictor(cells, theta)
    mean, variance = mean_variance(cells, a)
    residual = cells.events - mean
    flat = np.zeros_like(a)
    return collect(
        cells,
        Marginal(
            _log_density(cells, a, mean), residual, flat, -variance, flat, np.square(residual) - variance
        ),
    )


def evaluate(cells: Cells, theta: Floats) -> Value:
    """Evaluate the marginal log-likelihood, gradient and Hessian of each analysis at ``theta`` (p + 1, R)."""
    if cells.kind is not None:
        return cells.kind.evaluate(cells, theta)
    a, t = linear_predictor(cells, theta), np.abs(theta[-1])[cells.row]
    return collect(cells, _marginal(cells, a, t) if cells.settle else _marginal_of_rule(cells, a, t))


def raise_levels(cells: Cells, theta: Floats) -> Bools:
    """Move each integral up the ladder until the next rung no longer moves it.

    Returns which analyses changed, shape (R,).
    """
    changed = np.zeros(cells.analyses, dtype=bool)
    if cells.kind is not None:
        return cells.kind.raise_levels(cells, theta)
    if not cells.settle:
        return changed
    a, t = linear_predictor(cells, theta), np.abs(theta[-1])[cells.row]
    centre, scale = _find_modes(cells, a, t)
    pending = np.arange(a.size)
    here = _log_integral(cells, pending, cells.level, centre, scale, t)
    while pending.size:
        level = cells.level[pending]
        up = np.minimum(level + 1, len(LADDER) - 1).astype(np.int8)
        above = _log_integral(cells, pending, up, centre, scale, t)
        moved = (np.abs(above - here) > LOG_INTEGRAL_TOL) & (up > level)
        pending, here = pending[moved], above[moved]
        cells.level[pending] = up[moved]
        changed[cells.row[pending]] = True
    return changed


def mean_variance(cells: Cells, eta: Floats) -> tuple[Floats, Floats]:
    """Return expected events and their variance at ``eta`` (C,), turned round where the cell is."""
    if cells.tables is not None:
        found = moments_at(cells.tables, table_index(cells), eta[None, :])
        return found.mean[0], found.variance[0]
    return count_moments(cells.binomial, cells.size, eta)


def table_index(cells: Cells) -> Ints:
    """Return the table of each cell."""
    index: Ints = cells.data[0].astype(np.int64)
    return index


def _log_density(cells: Cells, eta: Floats, mean: Floats) -> Floats:
    """Return the log-probability of the events at ``eta``, where their mean is ``mean``."""
    if cells.tables is not None:
        return np.asarray(-moments_at(cells.tables, table_index(cells), eta[None, :]).log[0])
    return count_density(cells.binomial, cells.events, cells.size, cells.constant, eta, mean)


def _find_modes(cells: Cells, a: Floats, t: Floats) -> tuple[Floats, Floats]:
    """Return the mode m of h and its scale s = (-h''(m))^-1/2, shape (C,).

    Newton on eta inside a bracket, frozen cell by cell.
    """
    tt = np.square(t)
    pull = tt * (cells.events - mean_variance(cells, a)[0])
    # the mode lies between the linear predictor and the study's own value
    gap = cells.own - a
    low = a + np.minimum(np.maximum(pull, gap), 0.0)
    high = a + np.maximum(np.minimum(pull, gap), 0.0)
    eta, unknown = cells.eta, np.isnan(cells.eta)
    if unknown.any():
        eta = np.where(unknown, _first_guess(cells, a, tt), eta)
    eta = np.minimum(np.maximum(eta, low), high)
    active = np.ones(a.size, dtype=bool)
    spread = np.zeros_like(a)
    for _ in range(MODE_STEPS):
        mean, variance = mean_variance(cells, eta)
        force = eta - a - tt * (cells.events - mean)
        slope = 1.0 + tt * variance
        low = np.where(force <= 0.0, np.maximum(low, eta), low)
        high = np.where(force >= 0.0, np.minimum(high, eta), high)
        step = eta - force / slope
        step = np.where((step < low) | (step > high), 0.5 * (low + high), step)
        spread = t / np.sqrt(slope)
        done = (np.abs(step - eta) <= MODE_TOL * spread) | (high <= low)
        eta = np.where(active, step, eta)
        active &= ~done
        if not active.any():
            break
    cells.eta = eta
    variance = mean_variance(cells, eta)[1]
    with np.errstate(divide="ignore", invalid="ignore"):
        centre = np.where(t > 0.0, (eta - a) / t, 0.0)
    return centre, 1.0 / np.sqrt(1.0 + tt * variance)


def _first_guess(cells: Cells, a: Floats, tt: Floats) -> Floats:
    """Return the compromise of prior and own value, 1/2 added, as if both were normal."""
    own, variance = empirical(cells)
    return np.asarray((a * variance + own * tt) / (variance + tt))


def empirical(cells: Cells) -> tuple[Floats, Floats]:
    """Return each study's logit, log rate or log odds ratio and its variance (C,), 1/2 added.

    Turned round with its cell, offset included.
    """
    if cells.kind is not None:
        return cells.kind.empirical(cells)
    if cells.tables is not None:
        index = table_index(cells)
        return cells.tables.rough[index], cells.tables.variance[index]
    e = cells.events + 0.5
    rest = cells.size - cells.events + 0.5 if cells.binomial else cells.size
    return np.log(e / rest), 1.0 / e + (1.0 / rest if cells.binomial else 0.0)


def _offsets(
    cells: Cells, index: Ints, rule: Rule, centre: Floats, scale: Floats, t: Floats
) -> tuple[Floats, Floats]:
    """Return offsets from the mode (N, C) and weights (N, C) of ``rule`` for the cells ``index``."""
    if rule.kind == "hermite":
        x, w = hermite_rule(rule.count)
        s = scale[index]
        return x[:, None] * s, w[:, None] * s
    left, right = _support(cells, index, centre, t)
    x, w = panel_rule(rule.count)
    return left + x[:, None] * (right - left), w[:, None] * (right - left)


def _support(cells: Cells, index: Ints, centre: Floats, t: Floats) -> tuple[Floats, Floats]:
    """Return how far left (negative) and right of the mode the integrand is above exp(-SUPPORT_DROP) of it.

    -h'' is at least 1, so a bound of sqrt(2 * SUPPORT_DROP) holds on either side; bisection narrows it from
    outside.
    """
    widest = float(np.sqrt(2.0 * SUPPORT_DROP))
    ends = []
    for direction in (-1.0, 1.0):
        inside, outside = np.zeros(index.size), np.full(index.size, widest)
        for _ in range(SUPPORT_HALVINGS):
            middle = 0.5 * (inside + outside)
            drop = _height(cells, index, (direction * middle)[None, :], centre, t)[0][0]
            below = drop < -SUPPORT_DROP
            outside, inside = np.where(below, middle, outside), np.where(below, inside, middle)
        ends.append(direction * outside)
    return ends[0], ends[1]


def _height(
    cells: Cells, index: Ints, du: Floats, centre: Floats, t: Floats
) -> tuple[Floats, Floats, Floats]:
    """Return h(m + du) - h(m), residual and variance at ``du`` (N, C), for the cells ``index``."""
    e, n, tau = cells.events[index], cells.size[index], t[index]
    eta = cells.eta[index]
    if cells.tables is not None:
        table = table_index(cells)[index]
        there = moments_at(cells.tables, table, eta + tau * du)
        height = moments_at(cells.tables, table, eta[None, :]).log - there.log
        return height - du * (centre[index] + 0.5 * du), -there.mean, there.variance
    rise = np.minimum(tau * du, EXP_LIMIT)
    return fall_from_mode(cells.binomial, e, n, eta, rise, e * rise - du * (centre[index] + 0.5 * du))


def _log_integral(
    cells: Cells, pending: Ints, level: NDArray[np.int8], centre: Floats, scale: Floats, t: Floats
) -> Floats:
    """Return the logarithm of the integral of exp(h(u) - h(m)) for the cells ``pending``, in that order."""
    total = np.empty(cells.row.size)
    for index, rule in split_by_rule(cells.rules, pending, level, BLOCK):
        du, w = _offsets(cells, index, rule, centre, scale, t)
        height = _height(cells, index, du, centre, t)[0]
        total[index] = np.log(np.add.reduce(w * np.exp(height), axis=0))
    return total[pending]


def _moments(cells: Cells, a: Floats, t: Floats, *, of_rule: bool) -> tuple[Floats, Floats]:
    """Return posterior moments (8, C) and the log-integral with its constants (C,).

    Moments, in order: r, r u, r^2, r^2 u, r^2 u^2, v, v u, v u^2; with r the residual and v the variance.
    ``of_rule`` puts u, u du, r du (du = u - m) in the place of those from the third on.
    """
    centre, scale = _find_modes(cells, a, t)
    moments, total = np.empty((8, a.size)), np.empty(a.size)
    pending = np.arange(a.size)
    while pending.size:
        missed = np.zeros(a.size, dtype=bool)
        for index, rule in split_by_rule(cells.rules, pending, cells.level[pending], BLOCK):
            du, w = _offsets(cells, index, rule, centre, scale, t)
            height, r, v = _height(cells, index, du, centre, t)
            w = w * np.exp(height)
            mass = np.add.reduce(w, axis=0)
            total[index] = np.log(mass)
            w /= mass
            u = centre[index] + du
            products = _rule_products(w, r, u, du) if of_rule else _products(w, r, v, u)
            moments[: len(products), index] = np.add.reduce(products, axis=1)
            if not of_rule:
                slope = t[index] * products[0] - w * u
                lever, stretch = np.add.reduce(slope, axis=0), 1.0 + np.add.reduce(slope * du, axis=0)
                missed[index] = (np.abs(lever) + np.abs(stretch) > MISSED) & (
                    cells.level[index] < len(cells.rules) - 1
                )
        pending = np.flatnonzero(missed)
        cells.level[pending] += 1
    peak = _log_density(cells, cells.eta, mean_variance(cells, cells.eta)[0]) - 0.5 * np.square(centre)
    return moments, peak - 0.5 * np.log(2.0 * np.pi) + total


def _products(w: Floats, r: Floats, v: Floats, u: Floats) -> Floats:
    """Return r, r u, r^2, r^2 u, r^2 u^2, v, v u, v u^2, each times its weight: (8, N, C), made in place."""
    out = np.empty((8, *w.shape))
    np.multiply(w, r, out=out[0])
    np.multiply(out[0], u, out=out[1])
    np.multiply(out[0], r, out=out[2])
    np.multiply(out[2], u, out=out[3])
    np.multiply(out[3], u, out=out[4])
    np.multiply(w, v, out=out[5])
    np.multiply(out[5], u, out=out[6])
    np.multiply(out[6], u, out=out[7])
    return out


def _rule_products(w: Floats, r: Floats, u: Floats, du: Floats) -> Floats:
    """Return r, r u, u, u du, r du, each times its weight: what a fixed rule's own derivatives take."""
    wr, wu = w * r, w * u
    return np.array([wr, wr * u, wu, wu * du, wr * du])


def _marginal(cells: Cells, a: Floats, t: Floats) -> Marginal:
    """Differentiate under the integral sign: exact once the rule has settled (Louis's identity)."""
    (r, ru, rr, rru, rruu, v, vu, vuu), log = _moments(cells, a, t, of_rule=False)
    # by symmetry the slope in tau and the mixed curvature vanish at tau = 0; the rule leaves a rounding
    # there
    ru_exact, mixed = np.where(t > 0.0, ru, 0.0), np.where(t > 0.0, rru - r * ru - vu, 0.0)
    return Marginal(log, r, ru_exact, rr - np.square(r) - v, mixed, rruu - np.square(ru) - vuu)


def _marginal_of_rule(cells: Cells, a: Floats, t: Floats) -> Marginal:
    """Differentiate what a fixed rule gives, moving nodes included, so that few nodes too have a maximum."""
    d = DIFFERENCE
    log, ga, gt = _gradient_of_rule(cells, a, t)
    _, a_up, t_at_a_up = _gradient_of_rule(cells, a + d, t)
    _, a_down, t_at_a_down = _gradient_of_rule(cells, a - d, t)
    _, _, t_up = _gradient_of_rule(cells, a, t + d)
    _, _, t_down = _gradient_of_rule(cells, a, np.abs(t - d))
    t_down = np.where(t < d, -t_down, t_down)
    return Marginal(
        log,
        ga,
        gt,
        (a_up - a_down) / (2.0 * d),
        (t_at_a_up - t_at_a_down) / (2.0 * d),
        (t_up - t_down) / (2.0 * d),
    )


def _gradient_of_rule(cells: Cells, a: Floats, t: Floats) -> tuple[Floats, Floats, Floats]:
    """Return value and gradient in (a, tau) of the rule's own approximation.

    The nodes m + s x move with the parameters: by the chain rule, m' E[h'] + (log s)' (1 + E[h' du]) is
    added to E[dh].
    """
    (r, ru, u, udu, rdu, *_), log = _moments(cells, a, t, of_rule=True)
    eta = cells.eta
    if cells.tables is not None:
        own = moments_at(cells.tables, table_index(cells), eta[None, :])
        mean, v, dv = own.mean[0], own.variance[0], own.third[0]
    else:
        mean, v = mean_variance(cells, eta)
        dv = v * (1.0 - 2.0 * mean / cells.size) if cells.binomial else v
    with np.errstate(divide="ignore", invalid="ignore"):
        m = np.where(t > 0.0, (eta - a) / t, 0.0)
    ss = 1.0 / (1.0 + np.square(t) * v)
    m_a, m_t = -t * v * ss, (cells.events - mean - t * v * m) * ss
    s_a = -0.5 * ss * np.square(t) * dv * (1.0 + t * m_a)
    s_t = -0.5 * ss * (2.0 * t * v + np.square(t) * dv * (m + t * m_t))
    lever, stretch = t * r - u, 1.0 + t * rdu - udu
    return log, r + m_a * lever + s_a * stretch, ru + m_t * lever + s_t * stretch


def collect(cells: Cells, part: Marginal) -> Value:
    """Sum cells into analyses: coefficients through the design and the sign, tau as it is."""
    p = cells.design.shape[0]
    q = p + 1
    gradient, hessian = np.empty((q, cells.analyses)), np.empty((q, q, cells.analyses))
    ga, gat = cells.sign * part.a, cells.sign * part.at
    for j in range(p):
        x = cells.design[j]
        gradient[j] = cells.add(x * ga)
        hessian[j, p] = hessian[p, j] = cells.add(x * gat)
        for i in range(j + 1):
            hessian[i, j] = hessian[j, i] = cells.add(cells.design[i] * x * part.aa)
    gradient[p] = cells.add(part.t)
    hessian[p, p] = cells.add(part.tt)
    return Value(cells.add(part.log), gradient, hessian)
