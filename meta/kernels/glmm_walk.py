"""The way from a maximum down to where the profile likelihood has lost a given amount."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from meta.kernels.glmm_cells import Bools, Cells, Floats, Ints
from meta.kernels.glmm_likelihood import evaluate
from meta.kernels.glmm_scan import total_spread
from meta.kernels.glmm_search import (
    NEAR_TOL,
    ROUNDING,
    TAU_MAX,
    carry,
    dot,
    factorise,
    leave_saddle,
    part,
    solve,
    step_limit,
    write_back,
)

#: The other parameters must be as near to their best as this (twice the log-likelihood still to be gained)
#: for the last step; to judge the profile at all, to second order, ``NEAR_TOL`` will do.
LAST_TOL = 1e-9
#: A last step shorter than this share of the way from the estimate; Newton's error is then of the order of
#: its square.
WAY_RTOL = 1e-6
#: Evaluations before a walk counts as failed. Typical are 5 to 8.
MAX_EVALUATIONS = 200
#: A bound farther away than this on the link scale (columns of unit size) is infinite.
FAR = 1e3
#: Below this share of the total spread tau counts as 0 when it should leave 0.
SMALL_TAU = 1e-3


@dataclass(slots=True)
class Walk:
    """What is sought: where the profile is ``cut`` below ``loglik`` (R,).

    Parameter ``fixed`` leaves ``best`` (R,) in ``direction`` (R,).

    ``outside`` (R,) is a point known to be lower than that, or infinite.
    """

    fixed: int
    best: Floats
    direction: Floats
    outside: Floats
    loglik: Floats
    cut: float

    def take(self, rows: Ints) -> Walk:
        """Return the walks ``rows``."""
        return Walk(
            self.fixed, self.best[rows], self.direction[rows], self.outside[rows], self.loglik[rows], self.cut
        )


def walk(cells: Cells, theta: Floats, start: Walk, free: tuple[int, ...]) -> tuple[Floats, Floats]:
    """Find where each profile has lost ``start.cut``.

    Every evaluation moves two things: the other parameters by their Newton step towards their best, and,
    where they are near it, the parameter itself by a Newton step on the signed root of the loss, which is
    nearly linear in it; inside a bracket.

    Parameters
    ----------
    cells : Cells
        R analyses.
    theta : array of shape (p + 1, R)
        First guess of the bound and of the other parameters there.
    start : Walk
        What is sought.
    free : tuple of int
        The other parameters.

    Returns
    -------
    theta : array of shape (p + 1, R)
        Where each walk ended.
    bound : array of shape (R,)
        The parameter there; infinite where the profile stays above the cut, NaN where the walk failed.

    References
    ----------
    Venzon & Moolgavkar (1988), Applied Statistics 37, 87-94.
    """
    end, bound = theta.copy(), np.full(cells.analyses, np.nan)
    active, here, want, at = np.arange(cells.analyses), cells, start, theta.copy()
    state = _State(
        start.best.copy(),
        start.outside.copy(),
        total_spread(cells, at[:-1]),
        at.copy(),
        np.full(cells.analyses, -np.inf),
    )
    for _ in range(MAX_EVALUATIONS):
        answer = _advance(here, at, want, free, state)
        done = np.flatnonzero(~np.isnan(answer))
        if done.size:
            end[:, active[done]], bound[active[done]] = at[:, done], answer[done]
            keep = np.flatnonzero(np.isnan(answer))
            if not keep.size:
                write_back(cells, here, active)
                return end, bound
            active, here = active[keep], carry(cells, here, active, keep)
            want, at, state = want.take(keep), np.take(at, keep, axis=1), state.take(keep)
    end[:, active] = at
    write_back(cells, here, active)
    return end, bound


@dataclass(slots=True)
class _State:
    """Of each walk: the bracket, a scale for tau, where the last ascent of the others began, its value."""

    inside: Floats
    outside: Floats
    spread: Floats
    origin: Floats
    base: Floats

    def take(self, rows: Ints) -> _State:
        """Return the walks ``rows``."""
        origin = np.take(self.origin, rows, axis=1)
        return _State(self.inside[rows], self.outside[rows], self.spread[rows], origin, self.base[rows])


@dataclass(slots=True)
class _Look:
    """What one evaluation shows.

    The others' Newton step and its gain, the loss of the profile and its slope in the parameter.
    """

    step: Floats
    follow: Floats
    gain: Floats
    definite: Bools
    loglik: Floats
    lost: Floats
    slope: Floats


def _look(cells: Cells, at: Floats, want: Walk, free: tuple[int, ...]) -> _Look:
    """Evaluate at ``at``; loss and slope are those at the others' best, to second order."""
    value = evaluate(cells, at)
    gradient, information = part(value, free)
    factor = factorise(information)
    step = solve(factor, gradient)
    gain = dot(gradient, step)
    cross = np.ascontiguousarray(value.hessian[np.array(free, dtype=np.intp), want.fixed])
    near = factor.definite & (gain <= NEAR_TOL)
    lost = want.loglik - value.loglik - np.where(near, 0.5 * gain, 0.0)
    slope = value.gradient[want.fixed] + dot(cross, step)
    return _Look(step, solve(factor, cross), gain, factor.definite, value.loglik, lost, slope)


def _advance(cells: Cells, at: Floats, want: Walk, free: tuple[int, ...], state: _State) -> Floats:
    """Evaluate at ``at`` and move it on, in place; return the bounds of walks that arrived, NaN elsewhere."""
    look = _look(cells, at, want, free)
    index, last = np.array(free, dtype=np.intp), at.shape[0] - 1
    tau_free = want.fixed != last
    # an attempt may stand at -tau, for what tau is there, until it is known whether it is shortened
    back = state.origin + 0.25 * (at - state.origin)
    at[last] = np.abs(at[last])
    x = at[want.fixed].copy()
    # an ascent of the others that went down is tried again, a quarter as long
    fell = look.loglik < state.base - ROUNDING * (1.0 + np.abs(state.base))
    far = tau_free & (at[last] >= TAU_MAX) & ~fell
    near = look.definite & (look.gain <= NEAR_TOL) & ~fell & ~far
    # tau = 0 is a saddle here: no gradient leads away from it
    stuck = tau_free & ~look.definite & (at[last] < SMALL_TAU * state.spread) & ~fell
    moved, newton = _next_point(look, want, state, x, near, far)
    answer = _judge(look, want, state, x, moved, near, newton)
    answer = np.where(far & (look.lost < want.cut), want.direction * np.inf, answer)
    if not tau_free:
        answer = np.where(near & (x >= TAU_MAX) & (look.lost < want.cut), np.inf, answer)
        moved = np.minimum(moved, TAU_MAX)
    delta = look.step + look.follow * np.where(near, moved - x, 0.0)
    kick = np.zeros_like(x)
    if cells.even:
        kick = leave_saddle(look.definite, look.gain, at) * ~fell
        delta[-2 if tau_free else -1] += kick
    delta *= step_limit(delta, at, index)
    state.origin, state.base = np.where(fell, state.origin, at), np.where(fell, state.base, look.loglik)
    at[index] += delta
    if tau_free:
        at[last] = np.where(stuck, 0.5 * state.spread, at[last])
        at[last] = np.where(far, np.abs(moved - want.best) + state.spread, at[last])
        at[last] = np.minimum(at[last], TAU_MAX)
    at[want.fixed] = np.where(near | far, moved, x)
    at[:] = np.where(fell, back, at)
    state.base = np.where(near | far | stuck | (kick > 0.0), -np.inf, state.base)
    return answer


def _next_point(
    look: _Look, want: Walk, state: _State, x: Floats, near: Bools, far: Bools
) -> tuple[Floats, Bools]:
    """Return where to look next, and whether that is a full Newton step; the bracket is narrowed first."""
    # the loss is known to second order in what the others still have to gain; nearer to the cut than that it
    # decides nothing. At the largest tau it is taken as it is.
    clear = far | (near & (np.abs(look.lost - want.cut) > 5.0 * look.gain))
    state.outside = np.where(clear & (look.lost > want.cut), x, state.outside)
    state.inside = np.where(clear & (look.lost < want.cut), x, state.inside)
    root, goal = np.sqrt(2.0 * np.maximum(look.lost, 0.0)), np.sqrt(2.0 * want.cut)
    falling = look.slope * want.direction < 0.0
    usable = falling & (root > 1e-3 * goal)
    with np.errstate(divide="ignore", invalid="ignore"):
        target = np.where(usable, x + (root - goal) * root / look.slope, np.nan)
        between = (
            usable
            & ((target - state.inside) * want.direction > 0.0)
            & ((state.outside - target) * want.direction > 0.0)
        )
    open_end = np.isinf(state.outside)
    way = np.abs(x - want.best)
    too_far = open_end & (np.abs(target - want.best) > 3.0 * way)
    newton = between & ~too_far
    bisected = np.where(
        open_end,
        want.best + want.direction * 2.5 * way,
        0.5 * (state.inside + np.where(open_end, x, state.outside)),
    )
    # no farther than where the answer would be infinity anyway
    return np.clip(np.where(newton, target, bisected), want.best - 2.0 * FAR, want.best + 2.0 * FAR), newton


def _judge(
    look: _Look, want: Walk, state: _State, x: Floats, moved: Floats, near: Bools, newton: Bools
) -> Floats:
    """Return the bound where a walk has arrived, NaN elsewhere.

    It ends by a last short step, in a closed bracket (the profile jumps there), or nowhere.
    """
    way = np.abs(moved - want.best)
    arrived = near & newton & (look.gain <= LAST_TOL) & (np.abs(moved - x) <= WAY_RTOL * way)
    answer = np.where(arrived, moved, np.nan)
    closed = near & ~newton & (np.abs(state.outside - state.inside) <= WAY_RTOL * way)
    answer = np.where(closed, moved, answer)
    return np.where(
        near & (look.lost < want.cut) & (np.abs(x - want.best) > FAR), want.direction * np.inf, answer
    )
