"""The likelihood of two variance components, its slopes, and the coefficients, at given components.

With A'A = M^-1 (see ``blocks``) all of it is ordinary least squares of A y on A X: Q R = A X, e = (I - QQ') A
y. The slope in a component with dM = Z Z' is half of N - D, N = |Z'A'e|^2 and D = tr(Z'A' (I - QQ') A Z), the
projection under REML only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from meta.kernels.blocks import Root
from meta.kernels.masks import Columns, Floats, Frame, add_studies, orthonormalise, remove_fit
from meta.kernels.weighted import invert_triangles, multiply_terms


@dataclass(frozen=True, slots=True)
class Solved:
    """One evaluation, each of shape (B,) unless said otherwise, in the units of the columns.

    ``q`` is the weighted residual sum of squares; ``gained`` and ``spent``, shape (2, B), are N and D of the
    two slopes (between, within); ``trace_p`` and ``trace_between`` are D of the restricted likelihood.
    ``triangle`` (p, p, B) is R, ``extra`` (p, B) the coefficients of Q.
    """

    loglik: Floats
    q: Floats
    gained: Floats
    spent: Floats
    trace_p: Floats
    trace_between: Floats
    triangle: Floats
    extra: Floats

    @property
    def slope(self) -> Floats:
        """Slope of the log-likelihood in both components, shape (2, B)."""
        return 0.5 * (self.gained - self.spent)

    def coefficients(self, frame: Frame) -> tuple[Floats, Floats]:
        """Return the coefficients (p, B) of the design and their covariance (p, p, B)."""
        assert frame.triangle is not None, "columns cleared of a design have its triangle"
        inverse = invert_triangles(frame.triangle)
        # a triangle of an analysis that cannot be estimated has a zero on its diagonal
        with np.errstate(divide="ignore", invalid="ignore"):
            both = multiply_terms(inverse, invert_triangles(self.triangle))
        value = multiply_terms(inverse, frame.origin[:, None]) + multiply_terms(both, self.extra[:, None])
        return value[:, 0], multiply_terms(both, np.ascontiguousarray(both.transpose(1, 0, 2)))


def solve_blocks(root: Root, columns: Columns, *, restricted: bool) -> Solved:
    """Evaluate likelihood, slopes and coefficients at the components of ``root``."""
    assert columns.basis is not None, "columns must be cleared of their design"
    clusters = root.clusters
    x = np.stack([root.apply(column) for column in columns.basis])
    q, triangle, _ = orthonormalise(x, None)
    residual, extra = remove_fit(root.apply(columns.y), q, None)
    ones = root.apply_ones()
    pulled = root.apply_transposed(residual)
    within_trace = add_studies(root.diagonal())
    between_trace = add_studies(clusters.add(ones * ones))
    trace_p, trace_between = within_trace, between_trace
    for column in q:
        back = root.apply_transposed(column)
        trace_p = trace_p - add_studies(back * back)
        trace_between = trace_between - add_studies(clusters.add(ones * column) ** 2)
    gained = np.stack([add_studies(clusters.add(ones * residual) ** 2), add_studies(pulled * pulled)])
    spent = [trace_between, trace_p] if restricted else [between_trace, within_trace]
    sum_q = add_studies(residual * residual)
    free = columns.k - columns.p if restricted else columns.k
    loglik = -0.5 * (free * np.log(2.0 * np.pi) + root.log_det + sum_q)
    if restricted:
        for j in range(columns.p):
            # the columns are orthonormal without weights, so that det(X'X) adds nothing here
            with np.errstate(divide="ignore"):
                loglik = loglik - np.log(triangle[j, j])
    return Solved(loglik, sum_q, gained, np.stack(spent), trace_p, trace_between, triangle, extra)
