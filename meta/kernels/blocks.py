"""Rows in clusters: sums within clusters, and a square root of each cluster's inverse covariance.

The covariance of the rows of one cluster is

    M = diag(v) (1 - rho) + rho s s' + between 1 1' + within I,   s = sqrt(v),

a diagonal and two matrices of rank one, so that A with A'A = M^-1 is applied by two rotations and a scaling,
and no matrix of the size of a cluster is ever formed. Rows are sorted by cluster before they come here, and
the clusters by name, so that leaving a row or a cluster out changes no order of a sum.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meta.kernels.masks import Columns, Floats, add_studies

Indices = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Clusters:
    """Which rows belong together, and how to add them up one after another.

    Attributes
    ----------
    code : array of int, shape (k,)
        Cluster of each row, 0 to m - 1, ascending.
    visit : array of int, shape (k,)
        The rows in the order of a sum: the first row of every cluster, then the second of those that have
        one, and so on; larger clusters first.
    lengths : tuple of int
        How many clusters have a first row, a second row, and so on.
    place : array of int, shape (m,)
        Where each cluster stands in that order.
    rho : array of shape (k, 1)
        Correlation of the sampling errors within the cluster of each row.
    """

    code: Indices
    visit: Indices
    lengths: tuple[int, ...]
    place: Indices
    rho: Floats

    @property
    def m(self) -> int:
        """Number of clusters."""
        return int(self.place.size)

    def add(self, a: Floats) -> Floats:
        """Add the rows of each cluster one after another, shape (k, B) -> (m, B)."""
        visited = np.take(a, self.visit, axis=0)
        total = visited[: self.m].copy()
        start = self.m
        for length in self.lengths[1:]:
            total[:length] += visited[start : start + length]
            start += length
        return np.take(total, self.place, axis=0)

    def spread(self, a: Floats) -> Floats:
        """Repeat the value of each cluster for its rows, shape (m, B) -> (k, B)."""
        return np.take(a, self.code, axis=0)


def build_clusters(code: Indices, rho: Floats) -> Clusters:
    """Return the clusters of rows whose codes ascend from 0 without a gap; ``rho`` has shape (k,)."""
    sizes = np.bincount(code)
    starts = np.cumsum(sizes) - sizes
    by_size = np.argsort(-sizes, kind="stable")
    place = np.empty_like(by_size)
    place[by_size] = np.arange(by_size.size)
    lengths = tuple(int((sizes > rank).sum()) for rank in range(int(sizes.max())))
    visit = np.concatenate([starts[by_size[:length]] + rank for rank, length in enumerate(lengths)])
    return Clusters(code, visit, lengths, place, np.ascontiguousarray(rho[:, None]))


@dataclass(frozen=True, slots=True)
class Root:
    """A with A'A = M^-1, block by block, shape (k, B) each unless said otherwise.

    ``scale`` is the root of the inverse diagonal; ``sampling`` and ``common`` are unit vectors within each
    cluster, along which what was scaled is multiplied with ``sampling_factor`` and ``common_factor`` (m, B).
    ``sampling`` is None where no sampling errors are correlated. ``precision`` (m, B) is 1'N^-1 1 with N = M
    without its part between clusters. ``log_det`` (B,) is log det M.
    """

    clusters: Clusters
    scale: Floats
    sampling: Floats | None
    sampling_factor: Floats | None
    common: Floats
    common_factor: Floats
    precision: Floats
    log_det: Floats

    def apply(self, x: Floats) -> Floats:
        """Return A x."""
        x = self.scale * x
        if self.sampling is not None and self.sampling_factor is not None:
            x = self._stretch(x, self.sampling, self.sampling_factor)
        return self._stretch(x, self.common, self.common_factor)

    def apply_transposed(self, x: Floats) -> Floats:
        """Return A'x."""
        x = self._stretch(x, self.common, self.common_factor)
        if self.sampling is not None and self.sampling_factor is not None:
            x = self._stretch(x, self.sampling, self.sampling_factor)
        return self.scale * x

    def apply_ones(self) -> Floats:
        """Return A 1."""
        length = self.clusters.spread(np.sqrt(self.precision) * self.common_factor)
        return np.ascontiguousarray(self.common * length)

    def diagonal(self) -> Floats:
        """Return the diagonal of M^-1."""
        squares = np.ones_like(self.scale)
        along = self.common
        if self.sampling is not None and self.sampling_factor is not None:
            factor = self.clusters.spread(self.sampling_factor)
            part = self.sampling * self.sampling
            squares = (1.0 - part) + factor * factor * part
            product = self.clusters.spread(self.clusters.add(self.common * self.sampling))
            along = (self.common - self.sampling * product) + self.sampling * product * factor
        factor = self.clusters.spread(self.common_factor)
        part = along * along
        inverse = (squares - part) + factor * factor * part
        return np.where(self.scale > 0.0, self.scale * self.scale * inverse, 0.0)

    def _stretch(self, x: Floats, unit: Floats, factor: Floats) -> Floats:
        """Multiply what lies along ``unit`` with ``factor``; a cluster of one row keeps every digit."""
        along = self.clusters.add(unit * x)
        spread = self.clusters.spread
        return (x - unit * spread(along)) + unit * spread(along * factor)


def take_root(columns: Columns, clusters: Clusters, between: Floats, within: Floats) -> Root:
    """Return the root of the inverse covariance at two variance components, each of shape (B,).

    Rows left out (infinite variance) get zeros everywhere. A row alone in its cluster has no errors that its
    own could be correlated with.
    """
    used = np.isfinite(columns.v)
    variance = np.where(used, columns.v, 1.0)
    alone = clusters.spread(clusters.add(used.astype(np.float64))) <= 1.0
    rho = np.where(alone, 0.0, clusters.rho)
    diagonal = variance * (1.0 - rho) + within
    scale = np.where(used, 1.0 / np.sqrt(diagonal), 0.0)
    log_det = add_studies(np.where(used, np.log(diagonal), 0.0))
    sampling = sampling_factor = None
    ones = scale
    if clusters.rho.any():
        s = np.where(used & ~alone, np.sqrt(variance), 0.0) * scale
        length = clusters.add(s * s)
        sampling = _unit(s, clusters.spread(length))
        correlation = _per_cluster(clusters, rho)
        sampling_factor = 1.0 / np.sqrt(1.0 + correlation * length)
        log_det = log_det + add_studies(np.log1p(correlation * length))
        along = clusters.add(sampling * ones)
        ones = (ones - sampling * clusters.spread(along)) + sampling * clusters.spread(
            along * sampling_factor
        )
    precision = clusters.add(ones * ones)
    common_factor = 1.0 / np.sqrt(1.0 + between * precision)
    log_det = log_det + add_studies(np.log1p(between * precision))
    common = _unit(ones, clusters.spread(precision))
    return Root(
        clusters, scale, sampling, sampling_factor, common, common_factor, precision, np.asarray(log_det)
    )


def _unit(x: Floats, square: Floats) -> Floats:
    """Return ``x`` over its length; exactly 1 where a cluster holds one row, 0 where it holds none."""
    safe = np.where(square > 0.0, square, 1.0)
    return np.where(square == x * x, np.sign(x), x / np.sqrt(safe))


def _per_cluster(clusters: Clusters, rho: Floats) -> Floats:
    """Return the correlation of each cluster (0 where it holds one row), shape (m, B)."""
    first = np.searchsorted(clusters.code, np.arange(clusters.m))
    return np.take(rho, first, axis=0)
