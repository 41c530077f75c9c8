"""Two concave functions whose order tells where a likelihood in tau2 rises, and what bounds them in between.

The slope of the likelihood has the sign of N - D, where N = y'PPy and D = tr W (ML) or tr P (REML). With the
eigenvalues of the variances among error contrasts (ML: the variances) N = sum c / (lambda + tau2)^2 and
D = sum 1 / (lambda + tau2), c >= 0. So A = N^(-1/2) and E = 1 / D both rise and are both concave in tau2 (by
the inequality of Cauchy and Schwarz on their second derivatives), A with a slope of at least RSS^(-1/2),
where RSS = sum c, E with a slope of at least 1 / terms; far out E comes up to (tau2 + mean lambda) / terms
from below. The likelihood rises where A^2 < E and falls where A^2 > E.

A concave function lies above its chords and below its tangents; the square of a line less a line is a
parabola, so that what holds between two points where both functions and their slopes are known is decided in
closed form, without looking in between.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from meta.kernels.masks import Columns, Floats, Mask, Rows, pair_up

#: N, D and the negative of their derivatives in tau2, each of shape (B,), at tau2 (B,).
Slopes = Callable[[Columns, Floats], tuple[Floats, Floats, Floats, Floats]]

#: Stands for 0 in N, D and RSS without making infinities: the slope where the effects fit perfectly.
SMALLEST = 1e-300

#: What an inequality must leave, relatively, to be more than rounding.
MARGIN = 1e-12


@dataclass(frozen=True, slots=True)
class Limits:
    """What is known of the likelihood of each column before anything is evaluated, each of shape (B,).

    ``cap`` is a tau2 beyond which the slope is negative, ``rss`` the sum of c, ``terms`` the number of
    lambdas, ``mean`` their mean, ``typical`` the typical sampling variance (for the stopping rule).
    """

    cap: Floats
    rss: Floats
    terms: Floats
    mean: Floats
    typical: Floats

    def take(self, rows: Rows) -> Limits:
        """Return the limits of some of the columns."""
        return Limits(self.cap[rows], self.rss[rows], self.terms[rows], self.mean[rows], self.typical[rows])


@dataclass(frozen=True, slots=True)
class Point:
    """A and E with their slopes at a tau2, each of shape (C,)."""

    tau2: Floats
    a: Floats
    a_slope: Floats
    e: Floats
    e_slope: Floats

    def take(self, rows: Rows | Mask) -> Point:
        """Return some of the points."""
        return Point(self.tau2[rows], self.a[rows], self.a_slope[rows], self.e[rows], self.e_slope[rows])

    def rises(self) -> Mask:
        """Say where the likelihood rises."""
        return np.asarray(self.a * self.a < self.e)


def make_point(tau2: Floats, n: Floats, d: Floats, n1: Floats, d1: Floats) -> Point:
    """Return A, E and their slopes from N, D and the negative of theirs."""
    n, d = np.maximum(n, SMALLEST), np.maximum(d, SMALLEST)
    a, e = 1.0 / np.sqrt(n), 1.0 / d
    return Point(tau2, a, 0.5 * (n1 / n) * a, e, (d1 / d) * e)


def evaluate(columns: Columns, slopes: Slopes, rows: Rows, tau2: Floats) -> Point:
    """Evaluate chosen columns."""
    if rows.size == 0:
        return Point(*(np.empty(0) for _ in range(5)))
    paired = pair_up(rows)
    parts = slopes(columns.take(paired), tau2 if paired.size == rows.size else np.repeat(tau2, 2))
    return make_point(tau2, *(part[: rows.size] for part in parts))


def rises_between(left: Point, right: Point) -> Mask:
    """Say where A^2 < E is sure between two points at which A^2 <= E.

    A lies below its tangents at both ends, E above its chord. The square of a line less a line is convex, so
    it is enough to look at both ends and where the tangents meet.
    """
    width = right.tau2 - left.tau2
    with np.errstate(divide="ignore", invalid="ignore"):
        place = (right.a - right.a_slope * width - left.a) / (left.a_slope - right.a_slope)
        place = np.clip(place, 0.0, width)
        tangent = left.a + left.a_slope * place
        chord = left.e + (right.e - left.e) * (place / width)
        return np.asarray(tangent * tangent < chord * (1.0 - MARGIN))


def falls_between(left: Point, right: Point, *, touching: bool) -> Mask:
    """Say where A^2 > E is sure between two points at which A^2 >= E; ``touching``: equality on the left.

    A lies above its chord, E below its tangents at both ends.
    """
    width = right.tau2 - left.tau2
    with np.errstate(divide="ignore", invalid="ignore"):
        s = (right.a - left.a) / width
        back = right.e - right.e_slope * width
        return _ray_exceeds(left, s, back, right.e_slope, width, touching=touching)


def falls_ever_after(left: Point, limits: Limits, *, touching: bool) -> Mask:
    """Say where A^2 > E is sure from a point on; ``touching``: with equality at the point itself.

    A lies above the ray that leaves the point with the least slope it ever has, E below its tangent at the
    point and below its asymptote.
    """
    s = 1.0 / np.sqrt(np.maximum(limits.rss, SMALLEST))
    level = (left.tau2 + limits.mean) / limits.terms
    return _ray_exceeds(left, s, level, 1.0 / limits.terms, np.inf, touching=touching)


def _ray_exceeds(
    left: Point, s: Floats, level: Floats, flat: Floats, width: Floats | float, *, touching: bool
) -> Mask:
    """Say where (a + s x)^2 exceeds the lower one of e + e' x and level + flat x for x in (0, width).

    The square of a line less a line is least where its slope vanishes, or at the end of the interval on which
    its line is the lower one.
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        steeper = left.e_slope > flat
        meet = np.where(steeper, np.maximum(level - left.e, 0.0) / (left.e_slope - flat), width)
        meet = np.minimum(meet, width)
        turn = -(2.0 * left.a * s - left.e_slope) / (2.0 * s * s)
        near = turn <= 0.0
        if not touching:
            x = np.minimum(turn, meet)
            ray = left.a + s * x
            near |= ray * ray * (1.0 - MARGIN) > left.e + left.e_slope * x
        x = np.clip(-(2.0 * left.a * s - flat) / (2.0 * s * s), meet, width)
        ray = left.a + s * x
        far = (meet >= width) | (ray * ray * (1.0 - MARGIN) > level + flat * x)
    return np.asarray(near & far)
