"""The checked input of a batch of GLMMs, and how it becomes cells."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from meta.errors import ModelError
from meta.kernels.glmm_basis import Basis, mean_basis, orthogonal_basis
from meta.kernels.glmm_cells import Bools, Cells, Floats, Ints, Kind, build_cells
from meta.kernels.glmm_tables import Tables
from meta.kernels.quadrature import LADDER, Rule

FAMILIES = ("binomial", "poisson")


@dataclass(slots=True)
class Problem:
    """Checked input of a batch: events, size, mask (R, k) and design (k, p).

    ``one_sided`` (R,) are analyses whose mean runs to an end of its scale, ``runaway`` (R,) those whose tau
    runs to infinity. What only models of two groups need: ``offset`` (R, k) of the linear predictor,
    ``data`` (d, R, k) and ``constant`` (R, k), the log-probability of the saturated model, for ``kind`` or
    ``tables``.
    """

    binomial: bool
    events: Floats
    size: Floats
    mask: Bools
    design: Floats
    rules: tuple[Rule, ...]
    one_sided: Bools
    runaway: Bools
    offset: Floats | None = None
    data: Floats | None = None
    constant: Floats | None = None
    tables: Tables | None = None
    kind: Kind | None = None

    @property
    def further(self) -> int:
        """How many parameters stand between the coefficients and tau."""
        return 0 if self.kind is None else self.kind.further


def check_problem(
    family: str,
    events: ArrayLike,
    size: ArrayLike,
    mask: ArrayLike,
    design: ArrayLike,
    rules: tuple[Rule, ...] = LADDER,
) -> Problem:
    """Check and broadcast the input of a batch; left-out cells become 0 events of 1."""
    if family not in FAMILIES:
        raise ModelError(f"family must be one of {', '.join(map(repr, FAMILIES))}; got {family!r}")
    used = np.atleast_2d(np.asarray(mask, dtype=bool))
    x = np.asarray(design, dtype=np.float64)
    try:
        e, n = (np.broadcast_to(np.asarray(a, dtype=np.float64), used.shape) for a in (events, size))
    except ValueError as error:
        raise ModelError(
            f"events {np.shape(events)} and size {np.shape(size)} must have shape (k,) or (B, k) "
            f"of the mask {used.shape}"
        ) from error
    if x.ndim != 2 or x.shape[0] != used.shape[1]:
        raise ModelError(f"design must have shape (k, p) with k = {used.shape[1]}; got {x.shape}")
    good = np.isfinite(e) & np.isfinite(n) & (e >= 0) & (n > 0)
    if family == "binomial":
        good &= e <= n
    bad = np.argwhere(used & ~good)
    if bad.size:
        row, study = (int(i) for i in bad[0])
        limit = "0 <= events <= n, n > 0" if family == "binomial" else "events >= 0, person-time > 0"
        raise ModelError(
            f"analysis {row + 1} uses study {study + 1} with events={e[row, study]:g}, "
            f"size={n[row, study]:g}; must be {limit}"
        )
    finite = np.asarray(np.isfinite(x).all(axis=1))
    if (used & ~finite).any():
        raise ModelError(
            f"design row {int(np.argwhere(used & ~finite)[0][1]) + 1} is not finite, and its study is used"
        )
    e, n = np.where(used, e, 0.0), np.where(used, n, 1.0)
    one_sided = ((e == 0.0) | ~used).all(axis=1)
    runaway = np.zeros(used.shape[0], dtype=bool)
    if family == "binomial":
        one_sided |= ((e == n) | ~used).all(axis=1)
        # all or nothing everywhere, and both: the better the larger tau, up to a coin that only knows 0 and
        # 1. Single people say nothing about tau, so there 0 is as good as any.
        extreme = ((e == 0.0) | (e == n) | ~used).all(axis=1)
        plural = (used & (n > 1.0)).any(axis=1)
        runaway = extreme & plural & ~one_sided & (used.sum(axis=1) > 1) & (x.shape[1] == 1)
    return Problem(
        family == "binomial",
        e,
        n,
        np.ascontiguousarray(used),
        np.where(finite[:, None], x, 0.0),
        rules,
        one_sided,
        runaway,
    )


def make_basis(problem: Problem, order: list[int] | None = None) -> Basis:
    """Make the design's columns orthogonal, in ``order``; further parameters stay as they are."""
    design = problem.design if order is None else np.ascontiguousarray(problem.design[:, order])
    used = problem.mask.any(axis=0)
    if design.shape[1] == 1 and (design[used] == 1.0).all():
        basis = mean_basis(problem.mask)
    else:
        basis = orthogonal_basis(design, problem.mask)
    p, q = design.shape[1], design.shape[1] + problem.further
    if q == p:
        return basis
    triangle = np.zeros((q, q, problem.mask.shape[0]))
    triangle[:p, :p] = basis.triangle
    for j in range(p, q):
        triangle[j, j] = 1.0
    return Basis(basis.columns, triangle, basis.full_rank)


def take_cells(problem: Problem, basis: Basis, rows: Ints) -> Cells:
    """Lay out the cells of the analyses ``rows``."""
    mask = problem.mask[rows]
    cells = build_cells(
        problem.binomial,
        problem.events[rows],
        problem.size[rows],
        mask,
        basis.columns[:, rows],
        problem.rules,
    )
    study = np.nonzero(np.ascontiguousarray(mask.T))[0]
    place = (rows[cells.row], study)
    if problem.offset is not None:
        cells.offset = problem.offset[place]
    if problem.constant is not None:
        cells.constant = problem.constant[place]
    if problem.data is not None:
        data = np.ascontiguousarray(problem.data[(slice(None), *place)])
        cells = replace(cells, data=data, tables=problem.tables)
    if problem.tables is not None:
        cells.own = problem.tables.own[cells.data[0].astype(np.int64)]
    if problem.kind is not None:
        cells.kind = problem.kind
        cells.state = np.full((problem.kind.states, study.size), np.nan)
    return cells
