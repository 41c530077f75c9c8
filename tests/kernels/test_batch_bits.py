"""The bits of a row: the same in any batch, chunk, process, and whatever the studies it leaves out hold."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import fields
from multiprocessing import get_context

import numpy as np
import pytest

import meta.kernels.masks as masks_module
from meta.kernels.batch import BatchFit
from meta.kernels.batch_fit import fit_batch

Arrays = dict[str, np.ndarray]


def batch_of(k: int, rows: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of every kind: all studies, some, two, one, none; homogeneous and not; some with an outlier."""
    rng = np.random.default_rng(seed)
    v = np.exp(rng.normal(-2.5, rng.choice([0.3, 1.5], (rows, 1)), (rows, k)))
    y = rng.normal(0.3, np.sqrt(v + rng.choice([0.0, 0.05, 1.0], (rows, 1))))
    y[::7, 0] += 9.0 * np.sqrt(v[::7, 0])
    mask = rng.random((rows, k)) < rng.choice([0.15, 0.7, 1.0], (rows, 1))
    return y, v, mask


def numbers_of(y: np.ndarray, v: np.ndarray, mask: np.ndarray, method: str) -> Arrays:
    fit = fit_batch(y, v, mask, np.ones((mask.shape[1], 1)), tau2_method=method)
    return {f.name: getattr(fit, f.name) for f in fields(BatchFit) if f.name != "p"}


def assert_same_bits(ours: Arrays, theirs: Arrays, rows: np.ndarray | slice = slice(None)) -> None:
    for name, array in ours.items():
        other = theirs[name][rows]
        assert np.ascontiguousarray(array).tobytes() == np.ascontiguousarray(other).tobytes(), name


@pytest.mark.parametrize("method", ["REML", "ML", "PM", "DL"])
@pytest.mark.parametrize("k", [20, 40])
def test_bits_are_those_of_any_batch_and_chunk(
    k: int, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    y, v, mask = batch_of(k, 301, seed=k)
    whole = numbers_of(y, v, mask, method)
    pieces = (slice(0, 1), slice(7, 8), slice(5, 7), slice(100, 199))
    for rows in (*pieces, np.arange(300, -1, -1), np.arange(0, 301, 3)):
        assert_same_bits(numbers_of(y[rows], v[rows], mask[rows], method), whole, rows)
    for size in (1, 3 * k, 64 * k, 10**6):
        monkeypatch.setattr(masks_module, "CHUNK_NUMBERS", size)
        assert_same_bits(numbers_of(y, v, mask, method), whole)


@pytest.mark.parametrize("method", ["REML", "PM"])
@pytest.mark.parametrize("k", [20, 40, 700])
def test_bits_are_those_of_the_sheet_without_the_studies_left_out(k: int, method: str) -> None:
    """700 studies alone are kept in another layout than 700 of many rows."""
    y, v, mask = batch_of(k, 90, seed=k + 1)
    y[~mask], v[~mask] = np.nan, -1.0
    whole = numbers_of(y, v, mask, method)
    for i in range(0, 90, 8):
        used = mask[i]
        if used.any():
            alone = numbers_of(y[i][used], v[i][used], np.ones((1, used.sum()), dtype=bool), method)
            assert_same_bits(alone, whole, slice(i, i + 1))


def test_bits_are_those_of_two_processes() -> None:
    y, v, mask = batch_of(20, 400, seed=3)
    whole = numbers_of(y, v, mask, "REML")
    halves = [(y[rows], v[rows], mask[rows], "REML") for rows in (slice(0, 151), slice(151, 400))]
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        first, second = pool.map(numbers_of, *zip(*halves, strict=True))
    assert_same_bits(first, whole, slice(0, 151))
    assert_same_bits(second, whole, slice(151, 400))
