"""Cells: the studies of all analyses in one axis, and the constants of their likelihoods.

A *cell* is one study in one analysis. Cells lie in one axis of length C, study after study and analysis
after analysis within a study, without those left out; per-analysis sums run through them in that order
(``np.bincount`` adds one after the other), so the bits of an analysis depend neither on its batch nor on
the studies it leaves out.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from meta.kernels.glmm_tables import Tables
from meta.kernels.quadrature import LADDER, Rule

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(slots=True)
class Value:
    """Log-likelihood (R,), gradient (q, R), Hessian (q, q, R) in coefficients, what a ``Kind`` adds, tau."""

    loglik: Floats
    gradient: Floats
    hessian: Floats


class Kind(ABC):
    """A likelihood other than one count with one linear predictor: how it is evaluated, cell by cell.

    ``further`` parameters stand between the coefficients and tau in every ``theta``; in that before tau the
    likelihood is even where ``even``, so that 0 can be a saddle. ``states`` numbers of each cell are kept
    from call to call.
    """

    further: int = 0
    states: int = 0
    even: bool = False

    @abstractmethod
    def evaluate(self, cells: Cells, theta: Floats) -> Value:
        """Evaluate the marginal log-likelihood with its derivatives at ``theta`` (q, R)."""

    @abstractmethod
    def evaluate_common(self, cells: Cells, theta: Floats) -> Value:
        """Evaluate at tau = 0; the curvature in tau is twice the slope in tau2."""

    @abstractmethod
    def raise_levels(self, cells: Cells, theta: Floats) -> Bools:
        """Move each integral up the ladder until the next rung no longer moves it; which rows changed."""

    @abstractmethod
    def information(self, cells: Cells, theta: Floats) -> Floats:
        """Return the information about the studies' own means at tau = 0, shape (R,)."""

    @abstractmethod
    def empirical(self, cells: Cells) -> tuple[Floats, Floats]:
        """Return each study's own value and its variance (C,), finite whatever the counts."""

    @abstractmethod
    def start(self, cells: Cells) -> Floats:
        """Return where the further parameters start, shape (further, R)."""


@dataclass(slots=True)
class Cells:
    """The studies of all analyses, shape (C,) each.

    ``design`` is (p, C), ``analyses`` the number of analyses (rows); ``offset`` is added to the linear
    predictor, ``own`` is where each study's own value lies, offset included. ``kind`` is None for one count
    with one linear predictor (binomial or Poisson, or, with ``tables``, noncentral hypergeometric); otherwise
    it evaluates the likelihood, from ``data`` (d, C) and with ``state`` (s, C), which is kept from call to
    call. Under ``tables`` the first row of ``data`` is the table of each cell, and ``events`` are counted
    from those observed (0).

    ``level`` is the rung of ``rules`` each integral stands on and ``eta`` its last mode, both kept from
    call to call. Without ``settle`` a single rule is taken for what it is: its own approximation is
    differentiated.
    """

    binomial: bool
    analyses: int
    row: Ints
    design: Floats
    events: Floats
    size: Floats
    sign: Floats
    constant: Floats
    own: Floats
    level: NDArray[np.int8]
    eta: Floats
    offset: Floats
    data: Floats
    state: Floats
    tables: Tables | None = None
    kind: Kind | None = None
    rules: tuple[Rule, ...] = LADDER
    settle: bool = True

    @property
    def further(self) -> int:
        """How many parameters stand between the coefficients and tau."""
        return 0 if self.kind is None else self.kind.further

    @property
    def even(self) -> bool:
        """Whether the likelihood is even in the parameter before tau too."""
        return self.kind is not None and self.kind.even

    def take(self, rows: Ints) -> Cells:
        """Return the cells of the analyses ``rows``, renumbered so; one may be taken several times."""
        if rows.size == self.analyses and np.array_equal(rows, np.arange(rows.size)):
            return replace(self, level=self.level.copy(), eta=self.eta.copy(), state=self.state.copy())
        order = np.argsort(rows, kind="stable")
        # copies of one analysis lie side by side within each study
        copies = np.bincount(rows, minlength=self.analyses)
        first = np.concatenate([[0], np.cumsum(copies)[:-1]])
        times = copies[self.row]
        index = np.repeat(np.arange(self.row.size), times)
        ends = np.cumsum(times)
        nth = np.arange(index.size) - np.repeat(ends - times, times)
        row = order[first[self.row[index]] + nth]
        return replace(
            self,
            analyses=int(rows.size),
            row=row,
            design=np.take(self.design, index, axis=1),
            events=self.events[index],
            size=self.size[index],
            sign=self.sign[index],
            constant=self.constant[index],
            own=self.own[index],
            level=self.level[index],
            eta=self.eta[index],
            offset=self.offset[index],
            data=np.take(self.data, index, axis=1),
            state=np.take(self.state, index, axis=1),
        )

    def add(self, values: Floats) -> Floats:
        """Sum ``values`` (C,) over the studies of each analysis, study after study: shape (analyses,)."""
        return np.asarray(np.bincount(self.row, values, self.analyses), dtype=np.float64)


def stirling_error(n: Floats) -> Floats:
    """Return log(n!) minus Stirling's formula, accurate where differences of log-gammas lose all digits.

    References
    ----------
    Loader (2000), Fast and accurate computation of binomial probabilities, section 3.
    """
    small = np.where(n > 15.0, 15.0, n)
    with np.errstate(divide="ignore", invalid="ignore"):
        exact = gammaln(small + 1.0) - (small + 0.5) * np.log(small) + small - 0.5 * np.log(2.0 * np.pi)
        m = np.square(n)
        series = (
            1.0 / 12.0 - (1.0 / 360.0 - (1.0 / 1260.0 - (1.0 / 1680.0 - 1.0 / (1188.0 * m)) / m) / m) / m
        ) / n
    return np.where(n > 15.0, series, exact)


def saturated_loglik(binomial: bool, events: Floats, size: Floats) -> Floats:
    """Return the log-probability of each count under its own best parameter, all constants included.

    It is 0 for 0 of n, n of n, and no events.
    """
    rest = size - events if binomial else np.full_like(events, np.inf)
    inner = (events > 0) & (rest > 0)
    e = np.where(inner, events, 1.0)
    if not binomial:
        return np.where(inner, -stirling_error(e) - 0.5 * np.log(2.0 * np.pi * e), 0.0)
    n, r = np.where(inner, size, 2.0), np.where(inner, rest, 1.0)
    value = stirling_error(n) - stirling_error(e) - stirling_error(r) - 0.5 * np.log(2.0 * np.pi * e * r / n)
    return np.where(inner, value, 0.0)


def build_cells(
    binomial: bool, events: Floats, size: Floats, mask: Bools, design: Floats, rules: tuple[Rule, ...]
) -> Cells:
    """Lay out the studies used: ``events``, ``size``, ``mask`` are (R, k), ``design`` is (p, R, k)."""
    study, row = np.nonzero(np.ascontiguousarray(mask.T))
    e, n = events[row, study], size[row, study]
    turned = binomial & (2.0 * e > n)
    rest = n - e if binomial else e
    counted = np.where(turned, rest, e)
    with np.errstate(divide="ignore"):
        own = np.log(counted / (n - counted if binomial else n))
    return Cells(
        binomial=binomial,
        analyses=mask.shape[0],
        row=row,
        design=np.ascontiguousarray(design[:, row, study]),
        events=counted,
        size=n,
        sign=np.where(turned, -1.0, 1.0),
        constant=saturated_loglik(binomial, e, n),
        own=own,
        level=np.zeros(row.size, dtype=np.int8),
        eta=np.full(row.size, np.nan),
        offset=np.zeros(row.size),
        data=np.empty((0, row.size)),
        state=np.empty((0, row.size)),
        rules=rules,
        settle=rules is LADDER,
    )
