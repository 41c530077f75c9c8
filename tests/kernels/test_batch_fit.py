"""The batch kernel: bits that depend on nothing else, every maximum, ten decades of variances, statuses."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

import meta.kernels.masks as masks_module
from meta.errors import ModelError
from meta.kernels.batch import BatchFit
from meta.kernels.batch_fit import TAU2_METHODS, fit_batch
from meta.kernels.concave import Limits
from meta.kernels.masks import Columns, add_studies, orthonormalise
from meta.kernels.search import find_maxima
from meta.kernels.status import Status
from meta.models.normal import infer_normal
from meta.options import ModelSpec

METHODS = (None, *TAU2_METHODS)


def data(k: int, p: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    v = np.exp(rng.normal(-3.0, 2.0, k))
    y = rng.normal(0.3, np.sqrt(v + 0.2))
    moderators = [rng.normal(2000.0 if j == 0 else 0.0, 5.0, k) for j in range(p - 1)]
    return y, v, np.column_stack([np.ones(k), *moderators])


def numbers_of(
    y: np.ndarray, v: np.ndarray, mask: np.ndarray, design: np.ndarray, method: str | None
) -> dict[str, np.ndarray]:
    spec = ModelSpec(model="common") if method is None else ModelSpec(tau2_method=method)
    batch = fit_batch(y, v, mask, design, tau2_method=method)
    rows = infer_normal(batch, y, v, mask, design, spec, design.shape[1] == 1)
    arrays = {f.name: getattr(rows, f.name) for f in fields(rows)}
    return {name: array for name, array in arrays.items() if isinstance(array, np.ndarray)}


def same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    return np.ascontiguousarray(a).tobytes() == np.ascontiguousarray(b).tobytes()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("p", [1, 2, 3])
@pytest.mark.parametrize("k", [5, 9, 20, 40])
def test_leave_one_out_rows_have_the_bits_of_fits_on_the_sheet_without_the_study(
    k: int, p: int, method: str | None
) -> None:
    y, v, design = data(k, p, seed=k)
    mask = np.vstack([np.ones((1, k), dtype=bool), ~np.eye(k, dtype=bool)])
    y_masked = y.copy()
    together = numbers_of(y_masked, v, mask, design, method)
    for row, used in enumerate(mask):
        alone = numbers_of(y[used], v[used], np.ones((1, used.sum()), dtype=bool), design[used], method)
        for name, array in together.items():
            ours = array[row][used] if name == "weights" else array[row]
            assert same_bits(ours, alone[name][0]), (row, name)


@pytest.mark.parametrize("method", METHODS)
def test_bits_do_not_depend_on_batch_or_chunk(method: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    k = 21
    y, v, design = data(k, 2, seed=3)
    mask = np.random.default_rng(4).random((150, k)) < 0.7
    large = numbers_of(y, v, mask, design, method)
    monkeypatch.setattr(masks_module, "CHUNK_NUMBERS", 3 * k * 2)
    small = numbers_of(y, v, mask, design, method)
    one_by_one = [numbers_of(y, v, mask[i : i + 1], design, method) for i in range(0, 150, 7)]
    for name, array in large.items():
        assert same_bits(array, small[name]), name
        for i, alone in zip(range(0, 150, 7), one_by_one, strict=True):
            assert same_bits(array[i], alone[name][0]), (i, name)


@pytest.mark.parametrize("method", METHODS)
def test_a_left_out_study_may_hold_anything(method: str | None) -> None:
    y, v, design = data(12, 2, seed=6)
    mask = np.ones((1, 12), dtype=bool)
    mask[0, [0, 5, 11]] = False
    clean = numbers_of(y, v, mask, design, method)
    y, v, design = y.copy(), v.copy(), design.copy()
    y[0], v[5], design[11] = np.nan, -1.0, np.nan
    v[0], y[5], v[11] = np.inf, np.inf, 0.0
    dirty = numbers_of(y, v, mask, design, method)
    for name, array in clean.items():
        assert same_bits(array, dirty[name]), name


@pytest.mark.parametrize("layout", ["C", "F"])
@pytest.mark.parametrize("shape", [(40, 1), (40, 2), (1000, 1), (1000, 2), (600, 3), (9, 300), (64, 4097)])
def test_sums_add_study_after_study(shape: tuple[int, int], layout: str) -> None:
    """One column, and Fortran order, are what NumPy itself sums pairwise."""
    a = np.random.default_rng(0).normal(size=shape)
    total = a[0].copy()
    for row in a[1:]:
        total = total + row
    assert same_bits(add_studies(np.asarray(a, order=layout)), total)  # type: ignore[call-overload]


def best_on_dense_grid(y: np.ndarray, v: np.ndarray, *, restricted: bool, points: int = 600) -> np.ndarray:
    """Highest log-likelihood of each row on a grid of its own, written from the textbook formula."""
    k = y.shape[1]
    low = v.min(axis=1)
    top = 2.0 * y.var(axis=1, ddof=1) + v.max(axis=1)
    best = np.full(y.shape[0], -np.inf)
    for share in np.linspace(0.0, 1.0, points):
        tau2 = (low * (((top + low) / low) ** share - 1.0))[:, None]
        w = 1.0 / (v + tau2)
        total = w.sum(axis=1)
        mean = (w * y).sum(axis=1) / total
        q = (w * (y - mean[:, None]) ** 2).sum(axis=1)
        value = np.log(v + tau2).sum(axis=1) + q + (k - restricted) * np.log(2.0 * np.pi)
        if restricted:
            value += np.log(total) - np.log(k)
        best = np.maximum(best, -0.5 * value)
    return best


@pytest.mark.parametrize("method", ["REML", "ML"])
@pytest.mark.parametrize("kind", ["typical", "wide", "outlier"])
def test_the_highest_of_several_maxima_is_kept(kind: str, method: str) -> None:
    """10,000 data sets in all; no point of a dense grid is better."""
    rows, k = 1700, 8
    rng = np.random.default_rng(11)
    v = (
        np.exp(rng.normal(-2.0, 3.0, (rows, k)))
        if kind == "wide"
        else rng.gamma(2.0, 0.05, (rows, k)) + 0.005
    )
    y = rng.normal(0.0, np.sqrt(v + rng.choice([0.0, 0.05, 0.3], (rows, 1))))
    if kind == "outlier":
        y[:, 0] += rng.uniform(2.0, 8.0, rows) * np.sqrt(v[:, 0])
    fit = fit_batch(y, v, np.ones((rows, k), dtype=bool), np.ones((k, 1)), tau2_method=method)
    assert np.isin(fit.status, [Status.OK, Status.BOUNDARY, Status.SEVERAL_MAXIMA]).all()
    if kind == "wide":
        several = fit.status == Status.SEVERAL_MAXIMA
        assert (
            several & (fit.tau2 == 0.0)
        ).any()  # the better of two may lie at 0, and the status still says two
        assert (several & (fit.tau2 > 0.0)).any()
    shortfall = best_on_dense_grid(y, v, restricted=method == "REML") - fit.loglik
    assert shortfall.max() < 1e-12  # worst seen 1.3e-14


@pytest.mark.parametrize("excess", [1e-2, 1e-3, 1e-4])
def test_a_rise_and_a_fall_inside_one_cell_of_the_grid_are_found(excess: float) -> None:
    """N exceeds D only in a sliver between two points of the grid, 15 and 63; both ends look alike."""
    lam = np.array([1.0, 60.0])
    grid = np.linspace(0.0, 400.0, 400_001)
    falling = sum(1.0 / (li + grid) for li in lam)
    c = np.array(
        [0.5, (1.0 + excess) * float(((falling - 0.5 / (1.0 + grid) ** 2) * (60.0 + grid) ** 2).min())]
    )

    def slopes(_: Columns, t: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        n = sum(ci / (li + t) ** 2 for ci, li in zip(c, lam, strict=True))
        n1 = sum(2.0 * ci / (li + t) ** 3 for ci, li in zip(c, lam, strict=True))
        return n, sum(1.0 / (li + t) for li in lam), n1, sum(1.0 / (li + t) ** 2 for li in lam)

    n, d, _, _ = slopes(COLUMNS, grid)
    rise, fall = np.flatnonzero((n[:-1] > d[:-1]) != (n[1:] > d[1:]))
    assert 15.0 < grid[rise] < grid[fall] < 63.0
    limits = Limits(*(np.full(2, a) for a in (1e4, c.sum(), 2.0, lam.mean(), 1.0)))
    found = find_maxima(COLUMNS, slopes, limits)
    assert found.converged.all()
    assert found.column.tolist().count(0) == 2
    ours = np.sort(found.tau2[found.column == 0])
    assert ours == pytest.approx([0.0, grid[fall]], abs=2e-3)


#: Two columns for the search alone: it asks them only for their smallest variance.
COLUMNS = Columns(
    np.zeros((2, 2)), np.array([[1.0, 1.0], [100.0, 100.0]]), None, np.ones(2), np.full(2, 3.0), 1
)


@pytest.mark.parametrize("method", ["DL", "HE", "PM", "REML", "ML"])
def test_variances_over_ten_decades(method: str) -> None:
    """Substitute back in extended precision; the worst relative error in tau2 against 60 digits was 5e-15."""
    rng = np.random.default_rng(8)
    for _ in range(40):
        v = 10.0 ** rng.uniform(-8.0, 2.0, 6)
        v[0] = 1e-8
        y = rng.normal(0.0, np.sqrt(v + 10.0 ** rng.uniform(-6.0, 1.0))) + 1e3
        fit = fit_batch(y, v, np.ones((1, 6), dtype=bool), np.ones((6, 1)), tau2_method=method)
        t = np.longdouble(fit.tau2[0])
        if t == 0.0:
            continue
        yl, vl = y.astype(np.longdouble), v.astype(np.longdouble)
        w = 1.0 / (vl + (0.0 if method == "DL" else t))
        rest = w.sum() - w
        residual = yl - (w * yl).sum() / w.sum()
        trace = (w * rest).sum() / w.sum()
        q = (w * residual**2).sum()
        if method == "DL":
            assert float(t * trace / (q - 5.0)) == pytest.approx(1.0, rel=1e-10)
        elif method == "HE":
            variance = ((yl - yl.mean()) ** 2).sum() / 5.0
            assert float((t + vl.mean()) / variance) == pytest.approx(1.0, rel=1e-12)
        elif method == "PM":
            assert float(q / 5.0) == pytest.approx(1.0, rel=1e-11)
        else:
            against = trace if method == "REML" else w.sum()
            assert float(((w * residual) ** 2).sum() / against) == pytest.approx(1.0, rel=1e-9)


def test_one_dominant_weight_leaves_the_others_their_digits() -> None:
    """tr P is the difference of two numbers of 1e10 that agree in their first ten digits."""
    y, v = np.array([0.3, 2.5, 0.2, -3.0, 1.9]), np.array([1e-10, 1.0, 1.2, 0.7, 2.0])
    fit = fit_batch(y, v, np.ones((1, 5), dtype=bool), np.ones((5, 1)), tau2_method="DL")
    w = 1.0 / v.astype(np.longdouble)
    trace = sum(w[i] * (w.sum() - w[i]) for i in range(1, 5)) / w.sum() + w[0] * w[1:].sum() / w.sum()
    assert fit.typical_variance[0] == pytest.approx(float(4.0 / trace), rel=1e-14)
    assert fit.tau2[0] == pytest.approx(float((fit.q[0] - 4.0) / trace), rel=1e-14)


def test_statuses_and_their_numbers() -> None:
    y, v = np.array([0.3, 0.9, 0.2, 0.5]), np.array([0.04, 0.09, 0.05, 0.06])
    design = np.column_stack([np.ones(4), [1.0, 2.0, 3.0, 4.0]])
    none, one, two, three = (
        [False] * 4,
        [True, False, False, False],
        [True, True, False, False],
        [True] * 3 + [False],
    )
    mask = np.array([none, one, two, three])
    plain = fit_batch(y, v, mask, np.ones((4, 1)), tau2_method="REML")
    assert [Status(int(s)) for s in plain.status[:2]] == [Status.NOT_ESTIMABLE, Status.SINGLE_STUDY]
    assert np.isnan(plain.coefficients[0]).all()
    assert (plain.coefficients[1, 0], plain.covariance[1, 0, 0], plain.tau2[1]) == (0.3, 0.04, 0.0)
    moderated = fit_batch(y, v, mask, design, tau2_method="REML")
    assert [Status(int(s)) for s in moderated.status[:3]] == [Status.NOT_ESTIMABLE] * 3
    assert np.isfinite(moderated.tau2[3])
    common = fit_batch(y, v, mask, design, tau2_method=None)
    assert (
        Status(int(common.status[2])) is Status.OK
    )  # two coefficients through two studies: estimable, nothing left for Q
    assert common.q[2] == pytest.approx(0.0, abs=1e-20)
    assert np.isnan(common.typical_variance[2])


def test_equal_effects_are_on_the_boundary() -> None:
    for method in TAU2_METHODS:
        fit = fit_batch(
            np.full(5, 0.1), np.full(5, 0.3), np.ones((1, 5), dtype=bool), np.ones((5, 1)), tau2_method=method
        )
        assert Status(int(fit.status[0])) is Status.BOUNDARY
        assert (fit.tau2[0], fit.q[0], fit.coefficients[0, 0]) == (0.0, 0.0, 0.1)


def test_a_fixed_tau2_is_used_as_it_is() -> None:
    y, v, design = data(7, 1, seed=2)
    fit = fit_batch(y, v, np.ones((2, 7), dtype=bool), design, tau2_method="REML", tau2=[0.0, 0.37])
    w = 1.0 / (v + 0.37)
    assert fit.tau2.tolist() == [0.0, 0.37]
    assert fit.coefficients[1, 0] == pytest.approx(float(w @ y / w.sum()), rel=1e-14)
    assert (fit.status == Status.OK).all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"v": [0.1, 0.0, 0.2]},
            r"v must be positive and finite where it is used; analysis 1 uses study 2, .*\(1 such",
        ),
        ({"y": [0.1, np.nan, 0.2]}, "y must be finite where it is used; analysis 1 uses study 2"),
        (
            {"design": [[1.0], [np.nan], [1.0]]},
            "design must be finite where it is used; analysis 1 uses study 2",
        ),
        ({"y": [0.1, 0.2]}, r"y must be \(k,\) or \(B, k\) as the mask \(1, 3\); got \(2,\)"),
        ({"mask": [True, True, True]}, r"mask must be \(B, k\) and design \(k, p\); got \(3,\) and \(3, 1\)"),
        (
            {"tau2_method": "XX"},
            "tau2_method must be one of DL, HE, HS, .*, REML, ML, GENQ, DL_MH or None; got 'XX'",
        ),
        ({"tau2_method": "GENQ"}, "tau2_method='GENQ' needs weights"),
        ({"tau2_method": "DL_MH"}, "q_centre goes with tau2_method='DL_MH', and only with it"),
        ({"q_centre": [0.1]}, "q_centre goes with tau2_method='DL_MH', and only with it"),
        (
            {"tau2_method": "DL_MH", "q_centre": [0.1, 0.2]},
            r"q_centre must be \(B,\) beside a design of one column; got \(2,\) for mask \(1, 3\)",
        ),
        ({"weights": [1.0, 2.0]}, r"weights must be \(k,\) or \(B, k\) as the mask \(1, 3\); got \(2,\)"),
        (
            {"weights": [1.0, -2.0, np.nan]},
            r"weights must be finite and >= 0 where they are used; analysis 1 uses study 2, .*\(2 such",
        ),
        ({"tau2": -1.0}, "a fixed tau2 must be finite and >= 0"),
    ],
)
def test_invalid_input_is_named(change: dict[str, object], words: str) -> None:
    given: dict[str, object] = {
        "y": [0.1, 0.3, 0.2],
        "v": [0.1, 0.1, 0.1],
        "mask": [[True] * 3],
        "design": np.ones((3, 1)),
        "tau2_method": "REML",
    }
    with pytest.raises(ModelError, match=words):
        fit_batch(**{**given, **change})  # type: ignore[arg-type]


def test_an_empty_batch_is_an_empty_answer() -> None:
    fit = fit_batch(
        np.empty(0), np.empty(0), np.empty((0, 0), dtype=bool), np.ones((0, 1)), tau2_method="REML"
    )
    assert isinstance(fit, BatchFit)
    assert fit.tau2.shape == (0,)


def test_orthonormal_columns_give_the_design_back() -> None:
    rng = np.random.default_rng(5)
    x = np.ascontiguousarray(
        np.stack([np.ones((30, 2)), rng.normal(1990.0, 5.0, (30, 2)), rng.normal(size=(30, 2))])
    )
    w = np.exp(rng.normal(0.0, 3.0, (30, 2)))
    q, r, _ = orthonormalise(x, w)
    assert np.einsum("ikb,ijb->jkb", q, r) == pytest.approx(x, rel=1e-12, abs=1e-10)
    gram = np.einsum("ikb,kb,jkb->ijb", q, w, q)
    assert gram == pytest.approx(np.broadcast_to(np.eye(3)[:, :, None], gram.shape), abs=1e-13)
