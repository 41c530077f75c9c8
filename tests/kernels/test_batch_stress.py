"""10,000 random data sets: a status for every row, its equation solved, no point of a fine grid better."""

from __future__ import annotations

import numpy as np
import pytest

from meta.kernels.batch import BatchFit
from meta.kernels.batch_fit import fit_batch
from meta.kernels.status import Status

ROWS, MOST = 10_000, 30

#: Points of tau2 at which the likelihood is looked at in each data set, besides 0.
POINTS = 400

#: Worst shortfall of our log-likelihood behind the grid: none is seen; the two formulas differ by 9e-14.
BEHIND = 1e-10

#: Worst relative residual of the equation y'PPy = tr P seen: 2e-12.
RESIDUAL = 1e-9


def random_sets() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sets of 2 to 30 studies, from homogeneous to widely spread; one study of each tenth lies far out."""
    rng = np.random.default_rng(20_261_124)
    k = rng.integers(2, MOST + 1, ROWS)
    mask = np.arange(MOST) < k[:, None]
    spread = rng.choice([0.3, 1.0, 2.5], (ROWS, 1))
    v = np.exp(rng.normal(-2.5, spread, (ROWS, MOST)))
    y = rng.normal(rng.normal(0.0, 1.0, (ROWS, 1)), np.sqrt(v + rng.choice([0.0, 0.02, 0.3, 5.0], (ROWS, 1))))
    out = rng.random(ROWS) < 0.1
    y[out, 0] += rng.uniform(3.0, 30.0, out.sum()) * np.sqrt(v[out, 0])
    return y, v, mask


def restricted_likelihood(y: np.ndarray, v: np.ndarray, mask: np.ndarray, tau2: np.ndarray) -> np.ndarray:
    """From the textbook formula, row by row, constants included."""
    w = np.where(mask, 1.0 / (v + tau2[:, None]), 0.0)
    total = w.sum(axis=1)
    mean = (w * y).sum(axis=1) / total
    q = (w * (y - mean[:, None]) ** 2).sum(axis=1)
    logs = -np.log(np.where(mask, w, 1.0)).sum(axis=1)
    k = mask.sum(axis=1)
    return -0.5 * ((k - 1) * np.log(2.0 * np.pi) + logs + q + np.log(total) - np.log(k))


@pytest.fixture(scope="module")
def stress() -> tuple[np.ndarray, np.ndarray, np.ndarray, BatchFit]:
    y, v, mask = random_sets()
    return y, v, mask, fit_batch(y, v, mask, np.ones((MOST, 1)), tau2_method="REML")


def test_every_row_has_a_status_and_numbers(
    stress: tuple[np.ndarray, np.ndarray, np.ndarray, BatchFit],
) -> None:
    fit = stress[3]
    assert set(np.unique(fit.status)) == {Status.OK, Status.BOUNDARY, Status.SEVERAL_MAXIMA}
    assert np.isfinite(fit.tau2).all()
    assert ((fit.tau2 == 0.0) == (fit.status == Status.BOUNDARY))[fit.status != Status.SEVERAL_MAXIMA].all()


def test_no_point_of_a_fine_grid_is_better(
    stress: tuple[np.ndarray, np.ndarray, np.ndarray, BatchFit],
) -> None:
    y, v, mask, fit = stress
    ours = restricted_likelihood(y, v, mask, fit.tau2)
    assert fit.loglik == pytest.approx(ours, rel=1e-12, abs=1e-10)
    low = np.where(mask, v, np.inf).min(axis=1)
    centre = (y * mask).sum(axis=1) / mask.sum(axis=1)
    top = 2.0 * (((y - centre[:, None]) * mask) ** 2).sum(axis=1) + np.where(mask, v, 0.0).max(axis=1)
    best = np.full(ROWS, -np.inf)
    for share in np.linspace(0.0, 1.0, POINTS):
        best = np.maximum(best, restricted_likelihood(y, v, mask, low * ((top / low + 1.0) ** share - 1.0)))
    assert (best - ours).max() < BEHIND


def test_every_row_satisfies_its_equation(
    stress: tuple[np.ndarray, np.ndarray, np.ndarray, BatchFit],
) -> None:
    """The slope vanishes at tau2 > 0, and does not rise at 0."""
    y, v, mask, fit = stress
    w = np.where(mask, 1.0 / (v + fit.tau2[:, None]), 0.0)
    total = w.sum(axis=1)
    residual = y - ((w * y).sum(axis=1) / total)[:, None]
    n = ((w * residual) ** 2).sum(axis=1)
    d = (w * (total[:, None] - w)).sum(axis=1) / total
    inside = fit.tau2 > 0.0
    assert np.abs(n / d - 1.0)[inside].max() < RESIDUAL
    assert (n <= d * (1.0 + RESIDUAL))[~inside].all()


def test_outliers_and_wide_variances_show_several_maxima(
    stress: tuple[np.ndarray, np.ndarray, np.ndarray, BatchFit],
) -> None:
    """A row that says so has a second local maximum: the likelihood dips between it and the best one."""
    y, v, mask, fit = stress
    rows = np.flatnonzero(fit.status == Status.SEVERAL_MAXIMA)
    assert rows.size > 20
    y, v, mask = y[rows], v[rows], mask[rows]
    low = np.where(mask, v, np.inf).min(axis=1)
    top = 2.0 * ((y - y.mean()) ** 2 * mask).sum(axis=1) + np.where(mask, v, 0.0).max(axis=1)
    grid = low[:, None] * ((top / low + 1.0)[:, None] ** np.linspace(0.0, 1.0, 4000) - 1.0)
    value = np.stack([restricted_likelihood(y, v, mask, grid[:, i]) for i in range(4000)], axis=1)
    rises = np.diff(value, axis=1) > 0.0
    peaks = (rises[:, :-1] & ~rises[:, 1:]).sum(axis=1) + ~rises[:, 0]
    # a peak narrower than the grid is not seen by it
    assert (peaks >= 2).mean() > 0.9
