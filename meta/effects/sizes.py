"""``EffectSizes``: what the data say, study by study, ready for any model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from extraction.sheet import RowRef
from meta.effects.measures import find_measure
from meta.errors import EffectError
from meta.results import Excluded, Floats

#: A typed cell of a sheet.
Value = str | float | int | None


@dataclass(frozen=True, slots=True)
class EffectSizes:
    """Effect sizes of k studies, with the raw counts that GLMMs and exact intervals need.

    Attributes
    ----------
    y, v : array of shape (k,)
        Effect sizes and sampling variances on the analysis scale of ``measure``; NaN where the measure does
        not exist for a study (``reasons`` says why), although a model on its counts may still use it.
    labels : tuple of str
        Unique names, one a study.
    measure : str
        Code of the measure (``PLO``, ``OR``, ...; ``GEN`` for ready-made numbers).
    rows : tuple of tuple of RowRef
        The sheet rows behind each study; empty tuples for arrays given by hand.
    excluded : tuple of Excluded
        Rows that are invalid or incomplete, with the reason; they are in none of the arrays.
    counts : mapping of str to array of shape (k,)
        Raw count columns under the names the measure uses (``events``, ``n``, ``time``, ``events1``, ...);
        empty for ready-made numbers.
    columns : mapping of str to tuple
        Other columns of the sheet, typed, for moderators, subgroups and ordering.
    reasons : tuple of (str or None)
        Why ``y`` is NaN, or has a sampling variance of 0 and no model can weight it, study by study.
    warnings : tuple of (str or None)
        What looks wrong about a study that is used all the same (an implausibly large difference), study by
        study, in a sentence that names it; a fit that uses the study carries it in its notes.
    recovered : tuple of (str or None)
        What of a study was computed from what its paper reports instead (a standard error, a median, a
        percentage), from which cells and how.
    """

    y: Floats
    v: Floats
    labels: tuple[str, ...]
    measure: str
    rows: tuple[tuple[RowRef, ...], ...] = ()
    excluded: tuple[Excluded, ...] = ()
    counts: Mapping[str, Floats] = field(default_factory=dict)
    columns: Mapping[str, tuple[Value, ...]] = field(default_factory=dict)
    reasons: tuple[str | None, ...] = ()
    warnings: tuple[str | None, ...] = ()
    recovered: tuple[str | None, ...] = ()

    def __post_init__(self) -> None:
        k = len(self.labels)
        doubled = sorted(label for label, times in Counter(self.labels).items() if times > 1)
        if doubled:
            raise EffectError(
                f"labels must be unique in an analysis; more than once: {', '.join(map(repr, doubled))}"
            )
        defaults = [("rows", ((),) * k), *((n, (None,) * k) for n in ("reasons", "warnings", "recovered"))]
        for name, default in defaults:
            if len(getattr(self, name)) == 0:
                object.__setattr__(self, name, default)
        for name in ("y", "v"):
            getattr(self, name).setflags(write=False)

    @property
    def k(self) -> int:
        """Number of studies."""
        return len(self.labels)

    def harmonic_n(self, mask: NDArray[np.bool_]) -> Floats | None:
        """Return the harmonic mean of n (person-time for rates) for Freeman-Tukey; None elsewhere.

        Over the last axis of ``mask``, which is (k,) or (B, k); NaN where it holds nobody. Summed study after
        study, so that a study left out changes no bit of the sum of the others.
        """
        size = find_measure(self.measure).size
        if size is None:
            return None
        inverse = np.where(mask, 1.0 / self.counts[size], 0.0)
        total = np.cumsum(inverse, axis=-1)[..., -1]
        with np.errstate(invalid="ignore"):
            return np.asarray(mask.sum(axis=-1) / total, dtype=np.float64)

    @classmethod
    def from_arrays(
        cls,
        y: ArrayLike,
        v: ArrayLike,
        *,
        labels: Sequence[str] | None = None,
        measure: str = "GEN",
        columns: Mapping[str, Sequence[Value]] | None = None,
    ) -> EffectSizes:
        """Take effect sizes and variances computed elsewhere.

        Parameters
        ----------
        y, v : array_like of shape (k,)
            Effect sizes and sampling variances (> 0) on the analysis scale of ``measure``.
        labels : sequence of str, optional
            Unique names; ``1`` to ``k`` where none are given.
        measure : str
            Code of the measure, which decides how results are back-transformed; ``GEN`` does not transform.
        columns : mapping, optional
            Further columns of length k, for moderators, subgroups and ordering.

        Raises
        ------
        EffectError
            If shapes differ, a variance is not positive, a number is not finite, labels repeat, or the
            measure is unknown or needs sample sizes to transform back (``PFT``, ``IRFT``).
        """
        size = find_measure(measure).size
        if size is not None:
            raise EffectError(f"measure {measure} needs {size} to transform back: take effect_sizes")
        ys = np.array(y, dtype=np.float64)
        vs = np.array(v, dtype=np.float64)
        if ys.ndim != 1 or ys.shape != vs.shape:
            raise EffectError(
                f"y and v must be one-dimensional and of one length; got shapes {ys.shape} and {vs.shape}"
            )
        names = tuple(str(i + 1) for i in range(ys.size)) if labels is None else tuple(map(str, labels))
        if len(names) != ys.size:
            raise EffectError(f"{ys.size} effect sizes but {len(names)} labels")
        bad = ~np.isfinite(ys) | ~np.isfinite(vs) | (vs <= 0)
        if bad.any():
            i = int(np.flatnonzero(bad)[0])
            raise EffectError(
                "effect sizes must be finite and sampling variances > 0; "
                f"study {names[i]!r} has y={ys[i]}, v={vs[i]} "
                f"({int(bad.sum())} such studies in all)"
            )
        cols = {name: tuple(values) for name, values in (columns or {}).items()}
        for name, values in cols.items():
            if len(values) != ys.size:
                raise EffectError(f"column {name!r} has {len(values)} values for {ys.size} studies")
        return cls(ys, vs, names, measure, columns=cols)
