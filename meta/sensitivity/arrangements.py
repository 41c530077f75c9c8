"""Rearrangements of studies by number: every flip of signs, every order in which rows of a design can stand.

An arrangement is reached from its number alone, so that any stretch of them can be made without the others.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Orders = NDArray[np.intp]
Signs = NDArray[np.float64]


def number_signs(k: int, numbers: NDArray[np.int64]) -> Signs:
    """Return the flips of signs with these numbers of 0 to 2^k - 1, shape (n, k); number 0 flips none."""
    return np.asarray(np.where((numbers[:, None] >> np.arange(k)) & 1, -1.0, 1.0), dtype=np.float64)


def count_orders(classes: Sequence[int]) -> int:
    """Return how many orders differ, where rows of one class cannot be told apart: k! over the ties."""
    total = math.factorial(len(classes))
    for size in np.bincount(np.asarray(classes)):
        total //= math.factorial(int(size))
    return total


def number_orders(classes: Sequence[int], numbers: NDArray[np.int64]) -> Orders:
    """Return the distinct orders with these numbers of 0 to ``count_orders(classes) - 1``, shape (n, k).

    Parameters
    ----------
    classes : sequence of int, length k
        Which rows of the design are alike: equal rows share a number, from 0 on.
    numbers : array of int, shape (n,)
        Which of the orders.

    Returns
    -------
    array of int, shape (n, k)
        Which study stands at each row of the design. Each order is a multiset permutation of the classes,
        read off its rank: of those that remain, a share equal to that of a class starts with it.
    """
    kinds = np.asarray(classes)
    k, n = kinds.size, numbers.size
    left = np.repeat(np.bincount(kinds)[None, :], n, axis=0).astype(np.int64)
    rank, total = numbers.astype(np.int64), np.full(n, count_orders(classes), dtype=np.int64)
    drawn = np.empty((n, k), dtype=np.int64)
    for place in range(k):
        open_ = np.ones(n, dtype=bool)
        for kind in range(left.shape[1]):
            share = total * left[:, kind] // (k - place)
            here = open_ & (rank < share)
            drawn[here, place] = kind
            total = np.where(here, share, total)
            rank = np.where(open_ & ~here, rank - share, rank)
            open_ &= ~here
        left[np.arange(n), drawn[:, place]] -= 1
    # the studies that drew a class take its rows, first to last
    order = np.empty((n, k), dtype=np.intp)
    order[:, np.argsort(kinds, kind="stable")] = np.argsort(drawn, axis=1, kind="stable")
    return order


def draw_signs(k: int, n: int, *, rng: np.random.Generator) -> Signs:
    """Return ``n`` random flips of signs, (n, k), the same whether drawn at once or in parts."""
    return np.asarray(np.where(rng.random((n, k)) < 0.5, -1.0, 1.0), dtype=np.float64)


def draw_orders(k: int, n: int, *, rng: np.random.Generator) -> Orders:
    """Return ``n`` random orders of k studies, (n, k), the same whether drawn at once or in parts."""
    return np.asarray(np.argsort(rng.random((n, k)), axis=1, kind="stable"), dtype=np.intp)
