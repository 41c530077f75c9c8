"""From public arrays to study-major columns: masks turned once, chunks, two traps of NumPy's sums kept shut.

A mask of shape (B, k) says which studies each analysis uses. Inside the kernels an analysis is a column; a
study it leaves out has an infinite variance, hence a weight of exactly 0, and adds exactly 0 to every sum.
Sums run study after study, so the bits of a column depend neither on its neighbours nor on the studies it
leaves out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Rows = NDArray[np.intp]
_Cell = TypeVar("_Cell", np.float64, np.bool_)

#: Numbers in one (k, columns) temporary: a few of them fit into a second-level cache of 1 to 2 MB (measured:
#: chunks of 2,000 to 8,000 columns of ten studies run fastest; all 100,000 at once take half as long again).
CHUNK_NUMBERS = 50_000

#: Fewer rows than this are turned in one piece.
FEW_ROWS = 64

#: Up to so many columns, of at least so many studies, are kept column after column: NumPy's loops run along
#: the longer axis.
FEW_COLUMNS, LONG = 2, 512

#: A column of a design counts as a combination of those before it where what they leave of it is less than
#: this share of its length. Rounding leaves about 1e-15; a calendar year against an intercept 1e-4.
RANK_RTOL = 1e-10


#: A residual below this many times the largest effect is the rounding of a perfect fit, and counts as 0.
ROUNDING = 8.0 * float(np.finfo(np.float64).eps)


@dataclass(frozen=True, slots=True)
class Columns:
    """Analyses as columns, study-major, scaled by powers of two so that the smallest variance is near 1.

    Attributes
    ----------
    y : array of shape (k, B)
        Effect sizes less what ``Frame.origin`` explains; 0 where a study is left out.
    v : array of shape (k, B)
        Sampling variances; infinite where a study is left out.
    basis : array of shape (p, k, B), or None
        Design columns made orthonormal; None stands for a single column of ones, and then the first study is
        the most precise.
    v_min : array of shape (B,)
        Smallest variance used.
    k : array of shape (B,)
        Studies used.
    p : int
        Coefficients.
    """

    y: Floats
    v: Floats
    basis: Floats | None
    v_min: Floats
    k: Floats
    p: int

    def take(self, rows: Rows) -> Columns:
        """Return some of the columns in C order (``np.take`` keeps it; indexing with an array does not)."""
        if rows.size == self.k.size and (rows == np.arange(rows.size)).all():
            return self
        basis = None if self.basis is None else np.take(self.basis, rows, axis=2)
        y, v = np.take(self.y, rows, axis=1), np.take(self.v, rows, axis=1)
        return Columns(y, v, basis, self.v_min[rows], self.k[rows], self.p)


@dataclass(frozen=True, slots=True)
class Frame:
    """What leads from the columns back to the scale of the data.

    Attributes
    ----------
    exponent : array of int, shape (B,)
        ``y`` of the columns is in units of ``2**exponent``, ``v`` in units of its square.
    origin : array of shape (p, B)
        Coefficients (of ``basis``; of the ones where there is none) taken out of ``y`` beforehand, in units
        of the columns.
    triangle : array of shape (p, p, B), or None
        Upper triangle R with design = basis times R; None without a basis.
    deficient : array of bool, shape (B,)
        The design has not full rank over the studies used.
    """

    exponent: NDArray[np.int64]
    origin: Floats
    triangle: Floats | None
    deficient: Mask


    def take(self, rows: Rows) -> Frame:
        """Return the frame of some of the columns."""
        triangle = None if self.triangle is None else np.take(self.triangle, rows, axis=2)
        return Frame(self.exponent[rows], np.take(self.origin, rows, axis=1), triangle, self.deficient[rows])


def add_studies(a: Floats) -> Floats:
    """Add study after study, shape (k, B) -> (B,).

    NumPy reduces row after row only along the first axis of a C-ordered array of at least two columns;
    otherwise it sums pairwise, in an order that depends on the shape. Running sums are always in order.
    """
    if a.flags.c_contiguous and (a.shape[1] > FEW_COLUMNS or (a.shape[1] > 1 and a.shape[0] < LONG)):
        total: Floats = np.add.reduce(a, axis=0)
        return total
    last: Floats = np.add.accumulate(a, axis=0)[-1].copy()
    return last


def pair_up(rows: Rows) -> Rows:
    """Return ``rows``, twice where there is only one: a single column is summed in another order."""
    return np.append(rows, rows[-1]) if rows.size == 1 else rows


def turn_chunks(
    y: Floats, v: Floats, mask: Mask, design: Floats, rows: Rows
) -> Iterator[tuple[Rows, Columns, Frame]]:
    """Turn chosen rows into columns, chunk by chunk; rows whose design has not full rank drop out.

    Whether a row is a plain mean or a regression is decided row by row, so that it does not depend on the
    batch.
    """
    if rows.size == 0:
        return
    mean = use_mean(mask, design)
    for is_mean in (True, False):
        for chunk in row_chunks(rows[mean[rows] == is_mean], mask.shape[1], design.shape[1]):
            columns, frame = turn_rows(y, v, mask, design, chunk, mean=is_mean)
            full = np.flatnonzero(~frame.deficient)
            if full.size == 0:
                continue
            if full.size < chunk.size:
                full = pair_up(full)
                chunk, columns, frame = chunk[full], columns.take(full), frame.take(full)
            yield chunk, columns, frame


def row_chunks(rows: Rows, k: int, p: int) -> Iterator[Rows]:
    """Cut rows into chunks that bound memory; each holds at least two (the last may be repeated)."""
    size = max(2, CHUNK_NUMBERS // max(1, k * p))
    for start in range(0, rows.size, size):
        yield pair_up(rows[start : start + size])


def use_mean(mask: Mask, design: Floats) -> Mask:
    """Return for each row whether the design is one column of ones over the studies it uses, shape (B,)."""
    if design.shape[1] != 1:
        return np.zeros(mask.shape[0], dtype=bool)
    if (design == 1.0).all():
        return np.ones(mask.shape[0], dtype=bool)
    return np.asarray(~(mask & (design[:, 0] != 1.0)).any(axis=1), dtype=bool)


def pick_rows(a: Floats, rows: Rows) -> Floats:
    """Return rows of a (B, k) array turned to (k, rows), or a (k,) array repeated in every column."""
    if a.ndim == 1 and not _are_long(rows, a.size):
        return np.repeat(a[:, None], rows.size, axis=1)
    return _turn(a if a.ndim == 2 else np.broadcast_to(a, (int(rows.max(initial=0)) + 1, a.size)), rows)


def _are_long(rows: Rows, k: int) -> bool:
    """Say whether these are few and long columns, which lie one after the other in memory."""
    return rows.size <= FEW_COLUMNS and k >= LONG


def _turn(a: NDArray[_Cell], rows: Rows) -> NDArray[_Cell]:
    """Return rows of a (B, k) array turned to (k, rows), in C order (few and long ones in Fortran order)."""
    run = _slice_of(rows)
    if rows.size < FEW_ROWS:
        turned = a[run].T
        return np.asfortranarray(turned) if _are_long(rows, a.shape[1]) else np.ascontiguousarray(turned)
    # study after study: NumPy turns a block in the order of its source, five times slower
    turned = np.empty((a.shape[1], rows.size), dtype=a.dtype)
    for j in range(a.shape[1]):
        turned[j] = a[run, j]
    return turned


def _slice_of(rows: Rows) -> Rows | slice:
    """Return rows that follow one another as a slice, which copies nothing."""
    if rows.size > 1 and rows[-1] - rows[0] == rows.size - 1 and (np.diff(rows) == 1).all():
        return slice(int(rows[0]), int(rows[-1]) + 1)
    return rows


def turn_rows(
    y: Floats, v: Floats, mask: Mask, design: Floats, rows: Rows, *, mean: bool
) -> tuple[Columns, Frame]:
    """Turn some rows of public arrays into columns.

    Parameters
    ----------
    y, v : array of shape (k,) or (B, k)
        Effect sizes and sampling variances; anything where a study is left out.
    mask : array of bool, shape (B, k)
        Which studies each analysis uses.
    design : array of shape (k, p)
        Design matrix.
    rows : array of int
        Rows to turn, at least two, each using at least one study.
    mean : bool
        The design is a single column of ones over the studies used (see ``use_mean``).

    Returns
    -------
    Columns, Frame
    """
    used = _turn(mask, rows)
    ys, vs = pick_rows(y, rows), pick_rows(v, rows)
    if used.all():
        k = np.full(rows.size, float(mask.shape[1]))
    else:
        ys, vs = np.where(used, ys, 0.0), np.where(used, vs, np.inf)
        k = np.add.reduce(used, axis=0, dtype=np.float64)
    v_min = np.minimum.reduce(vs, axis=0)
    exponent = np.floor_divide(np.frexp(v_min)[1], 2).astype(np.int64)
    # powers of two: exact, and data in other units run through the very same numbers
    unit = np.ldexp(1.0, -exponent)
    ys = ys * unit
    # twice: the square of a power of two that brings subnormal numbers near 1 would overflow
    vs = vs * unit * unit
    v_min = v_min * unit * unit
    if mean:
        return _centre_on_most_precise(ys, vs, v_min, k, exponent)
    return _clear_of_design(ys, vs, v_min, k, exponent, np.where(used, design.T[:, :, None], 0.0))


def _centre_on_most_precise(
    y: Floats, v: Floats, v_min: Floats, k: Floats, exponent: NDArray[np.int64]
) -> tuple[Columns, Frame]:
    """Move the most precise study first and measure ``y`` from it.

    Differences of near values are exact, so a shift of all effects costs no digits, and equal effects leave
    exact zeros. With the heaviest weight first, sums that must not lose the light ones can set it apart
    (``weighted``).
    """
    lead = np.argmin(v, axis=0)
    moved = np.arange(1, v.shape[0])[:, None] <= lead
    columns = np.arange(k.size)
    origin = y[lead, columns][None]
    y, v = (_lead_first(a, lead, columns, moved) for a in (y, v))
    y -= origin
    y[np.isinf(v)] = 0.0
    nothing = np.zeros(k.shape, dtype=bool)
    return Columns(y, v, None, v_min, k, 1), Frame(exponent, origin, None, nothing)


def _lead_first(a: Floats, lead: Rows, columns: Rows, moved: Mask) -> Floats:
    """Move one study of each column to the front; those before it move down by one place."""
    out = np.empty_like(a)
    out[0] = a[lead, columns]
    out[1:] = np.where(moved, a[:-1], a[1:])
    return out


def _clear_of_design(
    y: Floats, v: Floats, v_min: Floats, k: Floats, exponent: NDArray[np.int64], x: Floats
) -> tuple[Columns, Frame]:
    """Make the design orthonormal over the studies used and take its unweighted fit out of ``y``."""
    basis, triangle, lengths = orthonormalise(x, None)
    diagonal = np.stack([triangle[j, j] for j in range(x.shape[0])])
    deficient = np.asarray((diagonal <= RANK_RTOL * lengths).any(axis=0), dtype=bool)
    residual, origin = remove_fit(y, basis, None)
    noise = ROUNDING * np.maximum.reduce(np.abs(y), axis=0)
    residual = np.where(np.abs(residual) <= noise, 0.0, residual)
    columns = Columns(residual, v, basis, v_min, k, x.shape[0])
    return columns, Frame(exponent, origin, triangle, deficient)


def orthonormalise(x: Floats, w: Floats | None) -> tuple[Floats, Floats, Floats]:
    """Factor each design as Q R with Q'WQ = I, by Gram-Schmidt done twice (columns may nearly agree).

    Parameters
    ----------
    x : array of shape (p, k, B)
        Designs, zero where a study is left out.
    w : array of shape (k, B), or None
        Weights; None stands for 1.

    Returns
    -------
    q : array of shape (p, k, B)
    r : array of shape (p, p, B)
        Upper triangle; a zero diagonal element marks a dependent column, whose ``q`` is zero.
    lengths : array of shape (p, B)
        Length of each column of ``x`` before anything was taken out.

    References
    ----------
    Giraud, Langou & Rozloznik (2005), Computers & Mathematics with Applications 50, 1069-1075 ("twice is
    enough").
    """
    p, _, b = x.shape
    q = np.zeros_like(x)
    r = np.zeros((p, p, b))
    lengths = np.zeros((p, b))
    for j in range(p):
        rest = x[j]
        lengths[j] = _length(rest, w)
        for _ in range(2):
            for i in range(j):
                share = _product(q[i], rest, w)
                r[i, j] += share
                rest = rest - share * q[i]
        r[j, j] = _length(rest, w)
        with np.errstate(divide="ignore", invalid="ignore"):
            q[j] = np.where(r[j, j] > 0.0, rest / r[j, j], 0.0)
    return q, r, lengths


def remove_fit(y: Floats, q: Floats, w: Floats | None) -> tuple[Floats, Floats]:
    """Return the residual of ``y`` (k, B) on an orthonormal ``q``, and the coefficients (p, B)."""
    coefficients = np.zeros((q.shape[0], y.shape[1]))
    for _ in range(2):
        for j in range(q.shape[0]):
            share = _product(q[j], y, w)
            coefficients[j] += share
            y = y - share * q[j]
    return y, coefficients


def _product(a: Floats, b: Floats, w: Floats | None) -> Floats:
    """Inner product over studies, shape (B,)."""
    return add_studies(a * b if w is None else w * a * b)


def _length(a: Floats, w: Floats | None) -> Floats:
    """Length over studies, shape (B,)."""
    return np.asarray(np.sqrt(_product(a, a, w)))
