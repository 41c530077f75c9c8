"""Newton ascents over many analyses at once: every decision is taken analysis by analysis."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from meta.kernels.glmm_cells import Bools, Cells, Floats, Ints, Value
from meta.kernels.glmm_likelihood import evaluate, raise_levels

Evaluate = Callable[[Cells, Floats], Value]

#: Converged once the Newton decrement (twice the log-likelihood still to be gained) is below this: the last
#: step, which is taken, is then 1e-8 standard errors long.
DECREMENT_TOL = 1e-16
#: A step may lower the log-likelihood by this much per unit of its size: the rounding of a sum.
ROUNDING = 1e-12
#: With less than this to be gained (twice the log-likelihood) the gradient decides alone: a rule that has
#: not settled yet may tell of a loss where there is none.
NEAR_TOL = 1e-2
#: A tau beyond this (a factor e^300 between settings one standard deviation apart) counts as infinite.
TAU_MAX = 300.0
#: Newton steps before an ascent counts as failed. Typical are 3 to 6; a step that had to be shortened
#: counts too.
MAX_STEPS = 100
#: An ascent whose steps have been shortened below this share sits on the rounding of its log-likelihood,
SMALLEST_SCALE = 1e-7
#: and has converged if its decrement is below this.
STALLED_TOL = 1e-9
#: A standard deviation of levels below this, units of the link, may sit on the saddle at 0;
SADDLE = 1e-3
#: it is moved by so much.
OUT_OF_SADDLE = 0.1
#: The smallest step that is told from none.
TINY = 1e-300
#: Rounds of "ascend, then raise the nodes": one a rung of the ladder at most.
MAX_ROUNDS = 10


@dataclass(slots=True)
class Factor:
    """L D L' of a symmetric (n, n, R) matrix.

    A pivot that is not positive is replaced by its size, and noted in ``definite``.
    """

    lower: list[list[Floats]]
    pivots: list[Floats]
    definite: Bools


def factorise(matrix: Floats) -> Factor:
    """Factorise each matrix of (n, n, R), explicit loops over n so that bits do not depend on R."""
    n, rows = matrix.shape[0], matrix.shape[2]
    lower: list[list[Floats]] = [[np.zeros(rows)] * n for _ in range(n)]
    pivots: list[Floats] = []
    definite = np.ones(rows, dtype=bool)
    for j in range(n):
        pivot = matrix[j, j].copy()
        for m in range(j):
            pivot -= np.square(lower[j][m]) * pivots[m]
        # relative to what was there before elimination: below this nothing but rounding is left
        floor = 1e-14 * np.abs(matrix[j, j]) + 1e-300
        definite &= pivot > floor
        pivots.append(np.maximum(np.abs(pivot), floor))
        for i in range(j + 1, n):
            entry = matrix[i, j].copy()
            for m in range(j):
                entry -= lower[i][m] * lower[j][m] * pivots[m]
            lower[i][j] = entry / pivots[j]
    return Factor(lower, pivots, definite)


def solve(factor: Factor, rhs: Floats) -> Floats:
    """Solve each system for ``rhs`` (n, R)."""
    n = len(factor.pivots)
    x = rhs.copy()
    for i in range(n):
        for m in range(i):
            x[i] -= factor.lower[i][m] * x[m]
    for i in range(n):
        x[i] /= factor.pivots[i]
    for i in reversed(range(n)):
        for m in range(i + 1, n):
            x[i] -= factor.lower[m][i] * x[m]
    return x


def invert(factor: Factor) -> Floats:
    """Return each inverse, (n, n, R)."""
    n, rows = len(factor.pivots), factor.definite.size
    inverse = np.zeros((n, n, rows))
    for j in range(n):
        unit = np.zeros((n, rows))
        unit[j] = 1.0
        inverse[:, j] = solve(factor, unit)
    return inverse


def dot(a: Floats, b: Floats) -> Floats:
    """Sum the products of two (n, R) arrays over n, one after the other."""
    total = np.zeros(a.shape[1])
    for i in range(a.shape[0]):
        total += a[i] * b[i]
    return total


def take_value(value: Value, rows: Ints) -> Value:
    """Return the analyses ``rows`` of a ``Value``."""
    return Value(
        value.loglik[rows],
        np.take(value.gradient, rows, axis=1),
        np.ascontiguousarray(np.take(value.hessian, rows, axis=2)),
    )


def put_value(target: Value, rows: Ints, source: Value) -> None:
    """Write ``source`` into the analyses ``rows`` of ``target``."""
    target.loglik[rows] = source.loglik
    target.gradient[:, rows] = source.gradient
    target.hessian[:, :, rows] = source.hessian


def part(value: Value, free: tuple[int, ...]) -> tuple[Floats, Floats]:
    """Return the gradient and minus the Hessian in the parameters ``free``."""
    n = len(free)
    if free == tuple(range(n)):
        return value.gradient[:n], -value.hessian[:n, :n]
    index = np.array(free, dtype=np.intp)
    return value.gradient[index], -value.hessian[np.ix_(index, index)]


@dataclass(slots=True)
class Climb:
    """Where each ascent ended: parameters (q, R), the value there, whether it converged (R,)."""

    theta: Floats
    value: Value
    converged: Bools


def climb(
    cells: Cells,
    theta: Floats,
    free: tuple[int, ...],
    *,
    evaluate_at: Evaluate = evaluate,
    tolerance: float = DECREMENT_TOL,
    max_steps: int = MAX_STEPS,
) -> Climb:
    """Ascend to a maximum of the log-likelihood in the parameters ``free``, the others held.

    Parameters
    ----------
    cells : Cells
        R analyses; their modes are updated.
    theta : array of shape (p + 1, R)
        Start; tau last. The likelihood is even in tau, so a step through 0 is turned back.
    free : tuple of int
        Which parameters move.
    evaluate_at : callable
        The likelihood: integrated, or at tau = 0.
    tolerance : float
        Newton decrement below which an ascent has converged.
    max_steps : int
        Steps before it has failed.

    Returns
    -------
    Climb
    """
    theta = theta.copy()
    value = evaluate_at(cells, theta)
    converged = np.zeros(cells.analyses, dtype=bool)
    if not free:
        converged[:] = True
        return Climb(theta, value, converged)
    index, last = np.array(free, dtype=np.intp), theta.shape[0] - 1
    active = np.arange(cells.analyses)
    here, at, now, shrink = cells, theta.copy(), value, np.ones(active.size)
    for _ in range(max_steps):
        gradient, information = part(now, free)
        factor = factorise(information)
        step = solve(factor, gradient)
        decrement = dot(gradient, step)
        if cells.even:
            step[-1 if last not in free else -2] += leave_saddle(factor.definite, decrement, at)
        scale = shrink * step_limit(step, at, index)
        arrived = factor.definite & (decrement <= tolerance)
        done = arrived | (shrink < SMALLEST_SCALE) | ((at[-1] >= TAU_MAX) & (last in free))
        if arrived.any():
            at[index] += np.where(arrived, step, 0.0)
            at[-1] = np.abs(at[-1])
        keep = np.flatnonzero(~done)
        if keep.size < done.size:
            rows = active[done]
            theta[:, rows] = at[:, done]
            put_value(value, rows, take_value(now, np.flatnonzero(done)))
            # a step shortened to nothing means that the log-likelihood no longer resolves what is left to
            # gain
            converged[rows] = (
                factor.definite
                & (decrement <= max(tolerance, STALLED_TOL))
                & ((at[-1] < TAU_MAX) | (last not in free))
            )[done]
            if not keep.size:
                write_back(cells, here, active)
                return Climb(theta, value, converged)
            active, here = active[keep], carry(cells, here, active, keep)
            at, now, shrink = np.take(at, keep, axis=1), take_value(now, keep), shrink[keep]
            step, scale = np.take(step, keep, axis=1), scale[keep]
        trial = at.copy()
        trial[index] += scale * step
        trial[-1] = np.minimum(np.abs(trial[-1]), np.maximum(TAU_MAX, at[-1]))
        after = evaluate_at(here, trial)
        slack = np.where(
            factor.definite[keep] & (decrement[keep] <= NEAR_TOL),
            NEAR_TOL,
            ROUNDING * (1.0 + np.abs(now.loglik)),
        )
        better = after.loglik >= now.loglik - slack
        if better.all():
            shrink, at, now = np.ones(better.size), trial, after
            continue
        shrink = np.where(better, 1.0, 0.25 * shrink)
        at = np.where(better, trial, at)
        now = _choose(better, after, now)
    theta[:, active] = at
    put_value(value, active, now)
    write_back(cells, here, active)
    return Climb(theta, value, converged)


def climb_settled(cells: Cells, theta: Floats, free: tuple[int, ...]) -> Climb:
    """Ascend, raise the nodes of each integral that has not settled, and ascend again until none moves."""
    if cells.settle:
        # near the top the nodes are those of the top: to raise them there spares a second ascent
        theta = climb(cells, theta, free, tolerance=NEAR_TOL).theta
        raise_levels(cells, theta)
    result = climb(cells, theta, free)
    for _ in range(MAX_ROUNDS):
        # a failed ascent may stand anywhere; only its status matters from here on
        rows = np.flatnonzero(raise_levels(cells, result.theta) & result.converged)
        if not rows.size:
            return result
        again_cells = cells.take(rows)
        again = climb(again_cells, np.take(result.theta, rows, axis=1), free)
        result.theta[:, rows] = again.theta
        put_value(result.value, rows, again.value)
        result.converged[rows] = again.converged
        write_back(cells, again_cells, rows)
    return result


def leave_saddle(definite: Bools, gain: Floats, at: Floats) -> Floats:
    """Return the step out of 0 of the parameter before tau, where 0 is a saddle."""
    return np.where(~definite & (gain <= NEAR_TOL) & (np.abs(at[-2]) < SADDLE), OUT_OF_SADDLE, 0.0)


def step_limit(step: Floats, at: Floats, index: Ints) -> Floats:
    """Return the share of each step that keeps it where the quadratic can be trusted.

    That is a few units of the link; tau is no more than trebled.

    Downwards tau may pass 0 by half its size: a step of twice its size would be turned back to where it
    began.
    """
    share = np.ones(step.shape[1])
    last = at.shape[0] - 1
    for i, parameter in enumerate(index):
        longest = np.full(step.shape[1], 4.0)
        if parameter == last:
            longest = np.where(step[i] < 0.0, 1.5 * at[last], np.maximum(2.0 * at[last], 0.5))
        # no step at all is no reason to shorten the others
        share = np.fmin(share, longest / np.maximum(np.abs(step[i]), TINY))
    return share


def _choose(better: Bools, after: Value, now: Value) -> Value:
    return Value(
        np.where(better, after.loglik, now.loglik),
        np.where(better, after.gradient, now.gradient),
        np.where(better, after.hessian, now.hessian),
    )


def carry(cells: Cells, here: Cells, active: Ints, keep: Ints) -> Cells:
    """Return the cells of the analyses still ascending; the modes of all are written back first."""
    write_back(cells, here, active)
    return here.take(keep)


def write_back(cells: Cells, here: Cells, active: Ints) -> None:
    """Copy modes and levels of ``here`` (the analyses ``active`` of ``cells``, in order) into ``cells``."""
    if here is cells:
        return
    chosen = np.zeros(cells.analyses, dtype=bool)
    chosen[active] = True
    place = np.flatnonzero(chosen[cells.row])
    cells.eta[place], cells.level[place] = here.eta, here.level
    cells.state[:, place] = here.state
