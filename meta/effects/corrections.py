"""What is added to cells of zero, and to which studies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from meta.errors import EffectError
from meta.options import check_option
from meta.results import Floats

To = Literal["only0", "all", "if0all", "none"]


@dataclass(frozen=True, slots=True)
class Correction:
    """Continuity correction, in the words of metafor's ``escalc``.

    Attributes
    ----------
    add : float
        Amount, >= 0.
    to : {"only0", "all", "if0all", "none"}
        Added to every cell of: the studies that have a zero cell; all studies; all studies if any has a zero
        cell; none.
    drop00 : bool
        Two groups only: a study without events, or with nothing but events, in both arms has no effect size.

    Raises
    ------
    OptionError
        If ``to`` is not one of the four.
    EffectError
        If ``add`` is negative or not finite.
    """

    add: float
    to: str
    drop00: bool

    def __post_init__(self) -> None:
        check_option("to", self.to, To)
        if not np.isfinite(self.add) or self.add < 0:
            raise EffectError(f"add must be a finite number >= 0; got {self.add!r}")

    def amount(self, zero: NDArray[np.bool_]) -> Floats:
        """Return what is added to each cell of each study; ``zero`` (k,) says which have a zero cell."""
        chosen = {
            "only0": zero,
            "all": np.ones(zero.shape, dtype=bool),
            "if0all": np.full(zero.shape, bool(zero.any())),
            "none": np.zeros(zero.shape, dtype=bool),
        }[self.to]
        return np.where(chosen, self.add, 0.0)
