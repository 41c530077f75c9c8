"""What is added to cells of zero, and to which studies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from meta.errors import EffectError
from meta.options import check_option
from meta.results import Floats

To = Literal["only0", "all", "if0all", "none", "treatment_arm"]

#: What is added to a cell where a measure has a correction and nothing else is said.
HALF = 0.5

#: Between which an ``add`` other than 0 must lie: a correction is a part of an event, or a few. Far beyond,
#: cells of 10^308 overflow, and so do their reciprocals near 0.
ADD_BOUNDS = (1e-6, 10.0)


@dataclass(frozen=True, slots=True)
class Correction:
    """Continuity correction, in the words of metafor's ``escalc``, and the treatment-arm correction.

    Attributes
    ----------
    add : float
        Amount: 0, or from 0.000001 to 10.
    to : {"only0", "all", "if0all", "none", "treatment_arm"}
        Added to every cell of: the studies that have a zero cell; all studies; all studies if any has a zero
        cell; none. ``treatment_arm`` (two groups only): the studies that have a zero cell get
        ``2 add n_i / (n_1 + n_2)`` in the cells of arm i, so that with an ``add`` of 1/2 the two arms
        together get 1, shared by their size; for rates by their person-time.
    drop00 : bool
        Two groups only: a study without events, or with nothing but events, in both arms has no effect size.

    Raises
    ------
    OptionError
        If ``to`` is none of these.
    EffectError
        If ``add`` is neither 0 nor within ``ADD_BOUNDS``.

    References
    ----------
    Sweeting, Sutton & Lambert (2004), Statistics in Medicine 23, 1351-1375, section 3.3 (treatment arm).
    """

    add: float
    to: str
    drop00: bool

    def __post_init__(self) -> None:
        check_option("to", self.to, To)
        low, high = ADD_BOUNDS
        if self.add != 0.0 and not low <= self.add <= high:
            raise EffectError(f"add must be 0, or a number from {low:g} to {high:g}; got {self.add:g}")

    def amount(self, zero: NDArray[np.bool_]) -> Floats:
        """Return what is added to each cell of each study of one group.

        ``zero`` (k,) says which have a zero cell.
        """
        chosen = {
            "only0": zero,
            "treatment_arm": zero,
            "all": np.ones(zero.shape, dtype=bool),
            "if0all": np.full(zero.shape, bool(zero.any())),
            "none": np.zeros(zero.shape, dtype=bool),
        }[self.to]
        return np.where(chosen, self.add, 0.0)

    def amounts(self, zero: NDArray[np.bool_], size1: Floats, size2: Floats) -> tuple[Floats, Floats]:
        """Return what is added to each cell of arm 1 and of arm 2, each (k,).

        ``zero`` (k,) says which studies have a zero cell; the sizes (n, or person-time) share out the
        treatment-arm correction and are not looked at otherwise.
        """
        added = self.amount(zero)
        if self.to != "treatment_arm":
            return added, added
        total = 2.0 * added / (size1 + size2)
        return size1 * total, size2 * total
