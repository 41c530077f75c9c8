"""The distribution of generalised Q: exact chi-squared tails, and Ruben's series as a second computation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special

from meta.inference.quadratic_forms import generalised_q, tails_of_q
from meta.kernels.masks import Columns, turn_chunks

#: Worst seen 4e-11, twelve studies whose variances span eight decades; 1e-14 over one decade.
TOLERANCE = 1e-10


def columns_of(y: np.ndarray, v: np.ndarray, design: np.ndarray, mask: np.ndarray | None = None) -> Columns:
    used = np.ones((2, y.size), dtype=bool) if mask is None else mask
    ((_, columns, _),) = turn_chunks(y, v, used, design, np.arange(used.shape[0]))
    return columns


def weights_of_terms(v: np.ndarray, design: np.ndarray, power: float, tau2: float) -> np.ndarray:
    """Return the weights of the chi-squared terms of Q: eigenvalues of a plain matrix."""
    w = np.diag(v**-power)
    a = w - w @ design @ np.linalg.solve(design.T @ w @ design, design.T @ w)
    root = np.sqrt(v + tau2)
    return np.linalg.eigvalsh(root[:, None] * a * root)[design.shape[1] :]


def ruben(terms: np.ndarray, q: float) -> float:
    """Return P(sum of terms * chi-squared(1) <= q) as a mixture of chi-squared tails (Ruben 1962).

    Positive terms only, so nothing cancels; thousands of them where the weights are unequal.
    """
    least = terms.min()
    ratio = 1.0 - least / terms
    count = 4000
    powers = np.array([0.5 * np.sum(ratio**m) for m in range(1, count)])
    share = np.zeros(count)
    share[0] = np.prod(np.sqrt(least / terms))
    for m in range(1, count):
        share[m] = np.dot(powers[:m], share[m - 1 :: -1][:m]) / m
    assert share.sum() == pytest.approx(1.0, abs=1e-12)
    return float(share @ special.gammainc(0.5 * terms.size + np.arange(count), 0.5 * q / least))


@pytest.mark.parametrize("k", [2, 3, 10, 100, 1000])
def test_equal_variances_give_chi_squared_in_both_tails(k: int) -> None:
    columns = columns_of(np.zeros(k), np.ones(k), np.ones((k, 1)))
    weights = np.ones((k, 2))
    for chance in (1e-8, 1e-3, 0.025, 0.3, 0.7, 0.975, 1.0 - 1e-8):
        q = 3.0 * special.chdtri(k - 1, 1.0 - chance)
        lower, upper = tails_of_q(columns, weights, np.full(2, 2.0), np.full(2, q))
        assert lower[0] == pytest.approx(special.chdtr(k - 1, q / 3.0), rel=1e-9)
        assert upper[0] == pytest.approx(special.chdtrc(k - 1, q / 3.0), rel=1e-9)


@pytest.mark.parametrize("power", [0.5, 1.0])
@pytest.mark.parametrize(("k", "p"), [(3, 1), (6, 1), (6, 2), (9, 3), (25, 2)])
def test_unequal_variances_agree_with_rubens_series(k: int, p: int, power: float) -> None:
    rng = np.random.default_rng(k)
    v = rng.uniform(0.3, 3.0, k)
    design = np.column_stack([np.ones(k), *rng.normal(size=(p - 1, k))])
    columns = columns_of(rng.normal(size=k), v, design)
    unit = v.min() / columns.v_min[0]
    for tau2 in (0.0, 0.5, 20.0):
        terms = weights_of_terms(v, design, power, tau2)
        for q in terms.sum() * np.array([0.05, 0.6, 1.5, 3.0]):
            weights = columns.v**-power
            # Q is in units of v^(1 - power), and v of the columns in units of a power of two
            inside = np.full(2, q / unit ** (1.0 - power))
            lower, _ = tails_of_q(columns, weights, np.full(2, tau2 / unit), inside)
            assert lower[0] == pytest.approx(ruben(terms, q), abs=TOLERANCE)


def test_variances_over_eight_decades_agree_with_a_fine_integral() -> None:
    """The second computation: Imhof's integral over the eigenvalues, by dense Gauss-Legendre panels."""
    rng = np.random.default_rng(5)
    v = 10.0 ** rng.uniform(-4.0, 4.0, 8)
    design = np.ones((8, 1))
    columns = columns_of(rng.normal(size=8), v, design)
    unit = v.min() / columns.v_min[0]
    terms = weights_of_terms(v, design, 0.5, 1.0)
    nodes, gauss = special.roots_legendre(40)
    edges = np.concatenate([[0.0], np.geomspace(1e-9, 1e7, 3000)])
    for q in terms.sum() * np.array([0.3, 1.0, 2.0]):
        half = 0.5 * np.diff(edges)[:, None]
        u = (edges[:-1, None] + half * (1.0 + nodes)).ravel() / q
        weight = (half * gauss).ravel() / q
        angle = 0.5 * np.sum(np.arctan(np.multiply.outer(u, terms)), axis=1) - 0.5 * q * u
        height = np.exp(0.25 * np.sum(np.log1p(np.multiply.outer(u, terms) ** 2), axis=1))
        keep = u * q < 2000.0
        upper = 0.5 + np.sum((weight * np.sin(angle) / (u * height))[keep]) / np.pi
        _, ours = tails_of_q(
            columns, columns.v**-0.5, np.full(2, 1.0 / unit), np.full(2, q / unit**0.5)
        )
        assert ours[0] == pytest.approx(upper, abs=1e-6)


def test_the_statistic_is_the_weighted_residual_sum_of_squares() -> None:
    y, v = np.array([0.1, 0.9, -0.3, 0.4]), np.array([0.1, 0.2, 0.05, 0.3])
    columns = columns_of(y, v, np.ones((4, 1)))
    w = v**-0.5
    unit = v.min() / columns.v_min[0]
    q = np.sum(w * (y - np.average(y, weights=w)) ** 2)
    assert generalised_q(columns, columns.v**-0.5)[0] * unit**0.5 == pytest.approx(q, rel=1e-13)


def test_bits_depend_neither_on_the_batch_nor_on_studies_left_out() -> None:
    rng = np.random.default_rng(8)
    y, v = rng.normal(size=9), rng.uniform(0.1, 2.0, 9)
    mask = rng.random((20, 9)) < 0.6
    mask[:, :3] = True
    many = columns_of(y, v, np.ones((9, 1)), mask)
    tau2 = np.linspace(0.0, 3.0, 20)
    both = tails_of_q(many, 1.0 / many.v, tau2, generalised_q(many, 1.0 / many.v))
    inside = mask[7]
    alone = columns_of(y[inside], v[inside], np.ones((int(inside.sum()), 1)))
    q = generalised_q(alone, 1.0 / alone.v)
    single = tails_of_q(alone, 1.0 / alone.v, np.full(2, tau2[7]), q)
    for ours, other in zip(both, single, strict=True):
        assert ours[7] == other[0] == other[1]


def test_nothing_lies_below_a_q_of_zero() -> None:
    columns = columns_of(np.zeros(4), np.ones(4), np.ones((4, 1)))
    lower, upper = tails_of_q(columns, np.ones((4, 2)), np.zeros(2), np.zeros(2))
    assert (lower[0], upper[0]) == (0.0, 1.0)
