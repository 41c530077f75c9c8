"""Distribution of generalised Q statistics: quadratic forms in normal variables, both tails as tails."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meta.kernels.masks import Columns, Floats, Mask, add_studies, orthonormalise

Complexes = NDArray[np.complex128]

#: Points of the path on one side of the real axis. With 64 the rule errs by less than 1e-12 of the smaller
#: tail (measured, 1 to 5,000 degrees of freedom, weights of the chi-squared terms over eight decades).
POINTS = 64

#: The path ends where its bend has made the integrand smaller than exp of minus this.
REACH = 40.0

#: The path crosses the real axis this much farther out than the saddle point: the pole at 0 is what limits
#: the rule.
FARTHER = 1.2

#: Halvings of the bracket of the saddle point, which need not be exact.
HALVINGS = 24

#: The path bends at least by this share of 1 / room, so that it ends.
LEAST_BEND = 1e-3


def generalised_q(columns: Columns, weights: Floats) -> Floats:
    """Return the weighted residual sum of squares of each column, shape (B,), under ``weights`` (k, B).

    Weights are 0 where a study is left out.
    """
    basis = _orthonormal(columns, weights)
    residual = columns.y
    for _ in range(2):
        for j in range(columns.p):
            residual = residual - add_studies(weights * basis[j] * residual) * basis[j]
    return add_studies(weights * residual * residual)


def tails_of_q(columns: Columns, weights: Floats, tau2: Floats, q: Floats) -> tuple[Floats, Floats]:
    """Return P(Q <= q) and P(Q > q) for the generalised Q of ``weights`` at between-study variance ``tau2``.

    Parameters
    ----------
    columns : Columns
        Study-major; only variances and design are read.
    weights : array of shape (k, B)
        Fixed weights of Q (they know nothing of tau2); 0 where a study is left out.
    tau2, q : array of shape (B,)
        In the units of the columns; where q is 0 the lower tail is 0.

    Returns
    -------
    lower, upper : arrays of shape (B,)
        The smaller of the two is computed as a tail, the other is what it leaves of 1.

    Notes
    -----
    Q is a sum of chi-squared variables with weights lambda, so that its Laplace transform is the product of
    (1 + 2 lambda z)^(-1/2). With a = w (v + tau2) that product is, to the power -2, det(I + 2 z A S) = prod(1
    + 2 a z) det(X'W d X) / det(X'W X), d = 1 / (1 + 2 a z), which needs no eigenvalue. The transform over z,
    times exp(q z), is integrated along a parabola that crosses the real axis near the saddle point, right of
    the pole at 0 for the lower tail and left of it for the upper one, by the trapezoid rule in t, y = s
    sinh(t). The imaginary part of X'W d X is definite, so are those of its pivots: every logarithm is the
    principal one.

    References
    ----------
    Imhof (1961), Biometrika 48, 419-426 (the distribution); Rice (1980), SIAM Journal on Scientific and
    Statistical Computing 1, 438-448 (paths through the saddle point); Jackson (2013), Research Synthesis
    Methods 4, 220-229 (generalised Q).
    """
    basis = _orthonormal(columns, weights)
    used = weights > 0.0
    known = np.where(q > 0.0, q, 1.0)
    # z is measured in 1 / q
    a = np.where(used, weights * (np.where(used, columns.v, 0.0) + tau2), 0.0) / known
    path = _find_path(basis, weights, a, columns.k - columns.p)
    start, room, bend, upper = path.start, path.room, path.bend, path.upper
    step = np.arcsinh(np.sqrt(REACH / bend) / room) / POINTS
    total = np.zeros(q.shape)
    for n in range(POINTS):
        t = (n + 0.5) * step
        y, dy = room * np.sinh(t), room * np.cosh(t)
        z = (start - bend * y * y) + 1j * y
        exponent = z - 0.5 * _log_determinant(basis, weights, a, z)
        total += (np.exp(exponent) / z * ((1.0 + 2j * bend * y) * dy)).real
    tail = np.clip(np.abs(total) * (step / np.pi), 0.0, 1.0)
    tail = np.where(q > 0.0, tail, 0.0)
    return np.where(upper, 1.0 - tail, tail), np.where(upper, tail, 1.0 - tail)


@dataclass(frozen=True, slots=True)
class _Path:
    """A parabola z = start - bend y^2 + i y, (B,) each; ``room`` from ``start`` to the next singularity."""

    start: Floats
    room: Floats
    bend: Floats
    upper: Mask


def _find_path(basis: Floats, weights: Floats, a: Floats, free: Floats) -> _Path:
    """Find a parabola near the path of steepest descent through the saddle point.

    With L the logarithm of the determinant the saddle point solves 1 - 1 / z - L'(z) / 2 = 0: right of 0 it
    lies in [1, 1 + (k - p) / 2], left of 0 between the first singularity and 0. The bend is that of the
    steepest descent without the pole, whose part ends sooner than the path.
    """
    nothing = np.zeros(free.shape)
    trace = 0.5 * _slope(basis, weights, a, nothing)[0]
    tiny = 1e-4 * free / trace
    ends = [_slope(basis, weights, a, shift)[0] for shift in (-tiny, tiny)]
    # the mean of Q over q is the trace, its variance minus half the second derivative of L at 0
    spread = np.sqrt(np.maximum((ends[0] - ends[1]) / (4.0 * tiny), 0.0))
    upper = np.asarray(trace + spread < 1.0, dtype=bool)
    # the first singularity is -1 / (2 largest lambda), and the largest lambda at least their mean
    outside, inside = np.where(upper, -0.5 * free / trace, 0.0), nothing
    for _ in range(HALVINGS):
        middle = 0.5 * (outside + inside)
        beyond = _slope(basis, weights, a, middle)[1]
        outside, inside = np.where(beyond, middle, outside), np.where(beyond, inside, middle)
    edge = inside
    low, high = np.where(upper, edge, 1.0), np.where(upper, 0.0, 1.0 + 0.5 * free)
    for _ in range(HALVINGS):
        middle = np.where(upper, 0.5 * (low + high), np.sqrt(np.abs(low * high)))
        falling = 1.0 - 1.0 / middle < 0.5 * _slope(basis, weights, a, middle)[0]
        low, high = np.where(falling, middle, low), np.where(falling, high, middle)
    left = 0.5 * (low + high)
    start = np.where(upper, left, FARTHER * high)
    room = np.where(upper, np.minimum(-left, left - edge), start)
    width = 0.1 * room
    below, here, above = (_slope(basis, weights, a, start + shift)[0] for shift in (-width, nothing, width))
    second, third = (above - below) / (2.0 * width), (above - 2.0 * here + below) / (width * width)
    return _Path(start, room, np.maximum(third / (-6.0 * second), LEAST_BEND / room), upper)


def _slope(basis: Floats, weights: Floats, a: Floats, x: Floats) -> tuple[Floats, Mask]:
    """Return the derivative of L at real ``x`` (B,), and whether ``x`` lies beyond the first singularity."""
    factor = 1.0 + (2.0 * a) * x
    rate = (2.0 * a) / factor
    total = add_studies(rate)
    negative = np.add.reduce(factor < 0.0, axis=0)
    inverse = weights / factor
    p = basis.shape[0]
    value, change = np.empty((p, p, x.size)), np.empty((p, p, x.size))
    for i in range(p):
        for j in range(i + 1):
            product = basis[i] * basis[j] * inverse
            value[i, j] = value[j, i] = add_studies(product)
            change[i, j] = change[j, i] = -add_studies(product * rate)
    for j in range(p):
        pivot, moved = value[j, j], change[j, j]
        total = total + moved / pivot
        negative = negative - (pivot < 0.0)
        for i in range(j + 1, p):
            ratio = value[i, j] / pivot
            shift = (change[i, j] - ratio * moved) / pivot
            for m in range(j + 1, p):
                change[i, m] = change[i, m] - shift * value[j, m] - ratio * change[j, m]
                value[i, m] = value[i, m] - ratio * value[j, m]
    return total, np.asarray(negative != 0, dtype=bool)


def _orthonormal(columns: Columns, weights: Floats) -> Floats:
    """Return the design made orthonormal under ``weights``, shape (p, k, B)."""
    if columns.basis is None:
        return (np.where(weights > 0.0, 1.0, 0.0) / np.sqrt(add_studies(weights)))[None]
    return orthonormalise(columns.basis, weights)[0]


def _log_determinant(basis: Floats, weights: Floats, a: Floats, z: Complexes) -> Complexes:
    """Return log det(I + 2 z A S) of each column, shape (B,)."""
    factor = 1.0 + (2.0 * a) * z
    total = _add(np.log(factor))
    inverse = weights / factor
    p = basis.shape[0]
    matrix = np.empty((p, p, a.shape[1]), dtype=np.complex128)
    for i in range(p):
        for j in range(i + 1):
            matrix[i, j] = matrix[j, i] = _add(basis[i] * basis[j] * inverse)
    for j in range(p):
        total = total + np.log(matrix[j, j])
        for i in range(j + 1, p):
            ratio = matrix[i, j] / matrix[j, j]
            for m in range(j + 1, p):
                matrix[i, m] = matrix[i, m] - ratio * matrix[j, m]
    return total


def _add(terms: Complexes) -> Complexes:
    """Add study after study, shape (k, B) in C order -> (B,), as ``add_studies`` does with real numbers."""
    total: Complexes = np.add.reduce(terms, axis=0)
    return total
