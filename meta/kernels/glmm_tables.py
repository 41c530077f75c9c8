"""The noncentral hypergeometric distribution of 2x2 tables with both margins given, many tables at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

#: Doubles in one (nodes, support) temporary.
BLOCK = 200_000
#: Steps to a conditional maximum or an exact bound: Newton's, or halvings of a bracket; 5 to 10 are typical.
STEPS = 200
#: A log odds ratio is found once a step moves it by less than this.
ROOT_TOL = 1e-13
#: Beyond this log odds ratio a bound is infinite.
FAR = 1e4


@dataclass(frozen=True, slots=True)
class Tables:
    """T tables (events1 of n1, events2 of n2) given their margins.

    Supports lie one after the other: table i has ``length[i]`` points from ``start[i]`` on, at ``step``
    (possible events1 minus those observed), with ``weight`` = log of C(n1, x) C(n2, m - x) minus that of the
    observed table. ``own`` is the conditional maximum of the log odds ratio (infinite at an end of the
    support), ``saturated`` the log-probability there, ``rough`` the empirical log odds ratio with 1/2 added
    to each cell and ``variance`` its variance.

    References
    ----------
    Stijnen, Hamza & Ozdemir (2010), Statistics in Medicine 29, 3046-3067, section 3.2.
    """

    start: Ints
    length: Ints
    step: Floats
    weight: Floats
    own: Floats
    saturated: Floats
    rough: Floats
    variance: Floats


@dataclass(frozen=True, slots=True)
class Moments:
    """At a log odds ratio: -log P(observed), and mean, variance and third moment of what exceeds it."""

    log: Floats
    mean: Floats
    variance: Floats
    third: Floats


def build_tables(events1: Floats, n1: Floats, events2: Floats, n2: Floats) -> Tables:
    """Lay out tables; counts of shape (T,), whole numbers."""
    total = events1 + events2
    low, high = np.maximum(0.0, total - n2), np.minimum(n1, total)
    length = (high - low + 1.0).astype(np.int64)
    ends = np.cumsum(length)
    start = ends - length
    table = np.repeat(np.arange(length.size), length)
    step = np.arange(int(ends[-1]) if ends.size else 0) - start[table] + (low - events1)[table]
    x = events1[table] + step
    with np.errstate(divide="ignore"):
        # log of the ratio of a point's weight to that of the point before it: sums of these keep digits that
        # differences of log-factorials lose
        ratio = (n1[table] - x + 1.0) * (total[table] - x + 1.0) / (x * (n2[table] - total[table] + x))
        rise = np.where(step > (low - events1)[table], np.log(ratio), 0.0)
    weight = np.empty(step.size)
    for i in range(length.size):
        piece = slice(int(start[i]), int(ends[i]))
        sums = np.cumsum(rise[piece])
        weight[piece] = sums - sums[int(events1[i] - low[i])]
    a, b, c, d = events1 + 0.5, n1 - events1 + 0.5, events2 + 0.5, n2 - events2 + 0.5
    rough, variance = np.log(a / b) - np.log(c / d), 1.0 / a + 1.0 / b + 1.0 / c + 1.0 / d
    bare = Tables(start, length, step, weight, rough, rough, rough, variance)
    own = np.where(events1 == low, -np.inf, np.where(events1 == high, np.inf, 0.0))
    own = np.where(low == high, 0.0, own)
    inner = np.flatnonzero((events1 > low) & (events1 < high))
    saturated = np.zeros(length.size)
    if inner.size:
        own[inner] = _solve_mean(bare, inner, rough[inner])
        saturated[inner] = -moments_at(bare, inner, own[None, inner]).log[0]
    return Tables(start, length, step, weight, own, saturated, rough, variance)


def moments_at(tables: Tables, index: Ints, eta: Floats) -> Moments:
    """Return moments of the tables ``index`` (c,) at log odds ratios ``eta`` (N, c), each of shape (N, c)."""
    log, mean, variance, third = (np.empty(eta.shape) for _ in range(4))
    for piece in _pieces(tables.length[index], eta.shape[0]):
        chosen = index[piece]
        place, begins, cell = _points(tables, chosen)
        step, eta_here = tables.step[place], eta[:, piece][:, cell]
        power = tables.weight[place] + step * eta_here
        top = np.maximum.reduceat(power, begins, axis=1)
        mass = np.exp(power - top[:, cell])
        whole = np.add.reduceat(mass, begins, axis=1)
        log[:, piece] = top + np.log(whole)
        centre = np.add.reduceat(mass * step, begins, axis=1) / whole
        mean[:, piece] = centre
        gap = step - centre[:, cell]
        mass *= np.square(gap)
        variance[:, piece] = np.add.reduceat(mass, begins, axis=1) / whole
        third[:, piece] = np.add.reduceat(mass * gap, begins, axis=1) / whole
    return Moments(log, mean, variance, third)


def lower_tail(tables: Tables, index: Ints, eta: Floats) -> tuple[Floats, Floats]:
    """Return P(events1 <= observed) and P(events1 >= observed) of the tables ``index`` at ``eta`` (c,)."""
    below, above = np.empty(index.size), np.empty(index.size)
    for piece in _pieces(tables.length[index], 1):
        place, begins, cell = _points(tables, index[piece])
        step = tables.step[place]
        power = tables.weight[place] + step * eta[piece][cell]
        mass = np.exp(power - np.maximum.reduceat(power, begins)[cell])
        whole = np.add.reduceat(mass, begins)
        below[piece] = np.add.reduceat(np.where(step <= 0.0, mass, 0.0), begins) / whole
        above[piece] = np.add.reduceat(np.where(step >= 0.0, mass, 0.0), begins) / whole
    return below, above


def exact_interval(tables: Tables, index: Ints, level: float) -> tuple[Floats, Floats]:
    """Return the exact conditional interval of the log odds ratio of each table ``index`` (c,).

    ``(1 - level) / 2`` in each tail; infinite where the observed events are an end of the support.

    References
    ----------
    Cornfield (1956), Proceedings of the Third Berkeley Symposium 4, 135-148.
    """
    tail = (1.0 - level) / 2.0
    own = tables.own[index]
    start = np.where(np.isfinite(own), own, 0.0)
    high = bisect(lambda eta: lower_tail(tables, index, eta)[0] > tail, start, 1.0)
    low = bisect(lambda eta: lower_tail(tables, index, eta)[1] > tail, start, -1.0)
    return np.where(own == -np.inf, -np.inf, low), np.where(own == np.inf, np.inf, high)


def bisect(still: Callable[[Floats], Bools], start: Floats, direction: float) -> Floats:
    """Return where ``still`` turns from true to false, going from ``start`` in ``direction``."""
    inside, outside, width = start - direction * 64.0, np.full_like(start, direction * np.inf), 1.0
    inside = np.where(still(start), start, inside)
    for _ in range(STEPS):
        open_end = np.isinf(outside)
        middle = np.where(open_end, inside + direction * width, 0.5 * (inside + outside))
        true = still(middle)
        inside, outside = np.where(true, middle, inside), np.where(true, outside, middle)
        width *= 2.0
        if (np.abs(outside - inside) <= ROOT_TOL * (1.0 + np.abs(inside))).all() or width > 1e300:
            break
    return np.where(np.abs(inside) > FAR, direction * np.inf, inside)


def _solve_mean(tables: Tables, index: Ints, start: Floats) -> Floats:
    """Return the log odds ratio at which the mean is the observed count: Newton inside a bracket."""
    eta, low, high = start.copy(), np.full(start.size, -np.inf), np.full(start.size, np.inf)
    active = np.arange(start.size)
    for _ in range(STEPS):
        found = moments_at(tables, index[active], eta[None, active])
        mean, variance = found.mean[0], found.variance[0]
        here = eta[active]
        high[active] = np.where(mean >= 0.0, here, high[active])
        low[active] = np.where(mean <= 0.0, here, low[active])
        step = np.clip(mean / np.maximum(variance, 1e-300), -4.0, 4.0)
        there = here - step
        with np.errstate(invalid="ignore"):
            outside = (there < low[active]) | (there > high[active])
            there = np.where(outside, 0.5 * (low[active] + high[active]), there)
        eta[active] = there
        active = active[np.abs(there - here) > ROOT_TOL * (1.0 + np.abs(here))]
        if not active.size:
            break
    return eta


def _pieces(length: Ints, nodes: int) -> Iterator[slice]:
    """Cut cells into runs whose supports bound memory."""
    begin, filled = 0, 0
    for i, points in enumerate(length.tolist()):
        if i > begin and (filled + points) * nodes > BLOCK:
            yield slice(begin, i)
            begin, filled = i, 0
        filled += points
    if begin < length.size:
        yield slice(begin, length.size)


def _points(tables: Tables, index: Ints) -> tuple[Ints, Ints, Ints]:
    """Return the places of all support points of ``index``, where each cell begins, and each point's cell."""
    length = tables.length[index]
    begins = np.cumsum(length) - length
    cell = np.repeat(np.arange(index.size), length)
    place = np.arange(cell.size) - begins[cell] + tables.start[index][cell]
    return place, begins, cell
