"""Two result documents compared number by number: what counts as the same number, and what differs where."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

#: Two numbers are the same if they differ by no more than this share of the larger one.
RELATIVE = 1e-9

#: Where zero is an ordinary value, a number is zero up to rounding once it is below this share of what it is
#: read beside: limits and standard error for an estimate, sampling variance for tau2, 1 for a statistic.
ROUNDING = 1e-12

#: Below this, nothing is told apart: tails of distributions that underflow on one machine and not on another.
TINY = 1e-300

#: Names of numbers in one unit inside one object: the scale of each is the largest of them.
_LOCATIONS = (
    ("value", "estimate", "se", "low", "high", "prediction_low", "prediction_high"),
    ("natural", "natural_low", "natural_high", "natural_prediction_low", "natural_prediction_high"),
)
_VARIANCES = ("tau2", "tau2_low", "tau2_high")

#: Pure numbers that pass through zero, and the size at which they are read: percent, and 1.
_PURE = {"statistic": 1.0, "q": 1.0, "q_wald": 1.0, "loglik": 1.0, "i2": 100.0, "r2": 100.0}

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where two documents differ.

    ``kind``: ``number`` where both have a number there, or one has and the other has none; ``text`` for
    words and switches; ``shape`` where one has what the other lacks, or a list of another length.
    ``relative`` is the difference over the larger number; None where one of them is no finite number.
    """

    path: Path
    kind: Literal["number", "text", "shape"]
    stored: Any
    computed: Any
    relative: float | None = None

    @property
    def address(self) -> str:
        """The place as results.json and the report call it."""
        return address(self.path)


@dataclass(slots=True)
class Tally:
    """What a comparison has counted so far.

    ``numbers`` compared; of them ``exact`` equal to the last bit, and ``rounding`` zero up to rounding.
    ``largest`` is the largest relative difference among those that count as the same, ``where`` its place.
    """

    numbers: int = 0
    exact: int = 0
    rounding: int = 0
    largest: float = 0.0
    where: Path = ()
    differences: list[Difference] = field(default_factory=list)


def address(path: Path) -> str:
    """Return a place as results.json and the report call it: keys and positions joined by dots."""
    return ".".join(map(str, path))


def compare_documents(stored: object, computed: object, path: Path = ()) -> Tally:
    """Compare two documents of dictionaries, lists, texts and numbers.

    Parameters
    ----------
    stored, computed
        What JSON holds; infinities are the texts ``Inf`` and ``-Inf``, what does not exist is None.
    path : tuple
        Place of the two in the whole document.

    Returns
    -------
    Tally
        Numbers by :func:`same_number`, everything else exactly. Of something that only one side has, the
        place is named once, and nothing below it.
    """
    tally = Tally()
    _walk(stored, computed, path, (), tally)
    return tally


def same_number(stored: float, computed: float, floor: float = TINY) -> bool:
    """Whether two numbers are the same: within 1e-9 of the larger, or closer to each other than ``floor``.

    Counts (two whole numbers) are the same only if they are equal.
    """
    if stored == computed:
        return True
    if isinstance(stored, int) and isinstance(computed, int):
        return False
    first, second = _as_float(stored), _as_float(computed)
    if not (math.isfinite(first) and math.isfinite(second)):
        return False
    return abs(first - second) <= max(floor, RELATIVE * max(abs(first), abs(second)))


def relative_difference(stored: object, computed: object) -> float | None:
    """Return the difference of two numbers over the larger; None where one of them is no finite number."""
    if not (is_number(stored) and is_number(computed)):
        return None
    first, second = _as_float(stored), _as_float(computed)
    if not (math.isfinite(first) and math.isfinite(second)):
        return None
    larger = max(abs(first), abs(second))
    if larger == 0.0:
        return 0.0
    # divided first: the difference itself could overflow
    return abs(first / larger - second / larger)


def is_number(value: object) -> bool:
    """Whether a value of a document is a number; a switch is none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _walk(stored: Any, computed: Any, path: Path, above: tuple[Any, ...], tally: Tally) -> None:
    """Compare what stands at one place; ``above`` is what it stands in on the stored side, from the root."""
    if isinstance(stored, Mapping) and isinstance(computed, Mapping):
        for key in dict.fromkeys((*stored, *computed)):
            below: Path = (*path, key)
            if key not in stored or key not in computed:
                found = Difference(below, "shape", stored.get(key, ABSENT), computed.get(key, ABSENT))
                tally.differences.append(found)
            else:
                _walk(stored[key], computed[key], below, (*above, stored), tally)
    elif isinstance(stored, list) and isinstance(computed, list):
        if len(stored) != len(computed):
            tally.differences.append(Difference(path, "shape", stored, computed))
            return
        for i, (one, other) in enumerate(zip(stored, computed, strict=True)):
            _walk(one, other, (*path, i), (*above, stored), tally)
    elif is_number(stored) and is_number(computed):
        _count(stored, computed, path, above, tally)
    elif _kind(stored) == _kind(computed) == "text":
        if stored != computed or type(stored) is not type(computed):
            tally.differences.append(_difference(path, stored, computed))
    else:
        tally.numbers += is_number(stored) or is_number(computed)
        tally.differences.append(_difference(path, stored, computed))


def _count(stored: float, computed: float, path: Path, above: tuple[Any, ...], tally: Tally) -> None:
    """Compare two numbers, and count them."""
    tally.numbers += 1
    if stored == computed:
        tally.exact += 1
        return
    relative = relative_difference(stored, computed)
    if not same_number(stored, computed, _floor(path, above)):
        tally.differences.append(Difference(path, "number", stored, computed, relative))
    elif relative is None or relative > RELATIVE:
        tally.rounding += 1
    elif relative > tally.largest:
        tally.largest, tally.where = relative, path


def _difference(path: Path, stored: Any, computed: Any) -> Difference:
    """Return the difference of two values of which at least one is no number."""
    kinds = {_kind(stored), _kind(computed)}
    number = is_number(stored) or is_number(computed) or bool({"Inf", "-Inf"} & _words(stored, computed))
    return Difference(path, "shape" if "shape" in kinds else "number" if number else "text", stored, computed)


def _words(*values: object) -> set[str]:
    return {value for value in values if isinstance(value, str)}


def _kind(value: object) -> str:
    if isinstance(value, Mapping | list) or value is ABSENT:
        return "shape"
    return "number" if is_number(value) else "text"


def _floor(path: Path, above: tuple[Any, ...]) -> float:
    """Return the distance below which two numbers at a place are the same whatever their ratio.

    It is no more than :data:`TINY` for p-values, sampling variances, weights and all else that is never zero
    by rounding: there 1e-30 and 1e-20 are two numbers.
    """
    name = ""
    places: list[int] = []
    for part in path:
        if isinstance(part, str):
            name, places = part, []
        else:
            places.append(part)
    parents = [item for item in above if isinstance(item, Mapping)]
    return max(TINY, ROUNDING * _scale(name, places, parents))


def _scale(name: str, places: Sequence[int], parents: Sequence[Mapping[str, Any]]) -> float:
    """Return the size beside which a number of this name is read; 0 where it is never zero by rounding."""
    if not parents:
        return 0.0
    parent = parents[-1]
    if name in _PURE:
        return _PURE[name]
    if name == "y":
        return math.sqrt(max(_numbers(parent, ("v",), places), default=0.0))
    if name == "covariance" and len(places) == 2:
        i, j = places
        return math.sqrt(_at(parent[name], [i, i]) * _at(parent[name], [j, j]))
    if name in _VARIANCES:
        return max([*_numbers(parent, _VARIANCES, places), *_squares(parent, places)], default=0.0)
    for family in _LOCATIONS:
        if name in family:
            return max([*_numbers(parent, family, places), *_around_tau2(parent, parents)], default=0.0)
    return 0.0


def _around_tau2(parent: Mapping[str, Any], parents: Sequence[Mapping[str, Any]]) -> Iterator[float]:
    """Yield the typical sampling variance where the parent is the tau2 of a fit: what tau2 is read beside."""
    if len(parents) > 1 and parents[-2].get("tau2") is parent:
        heterogeneity = parents[-2].get("heterogeneity")
        if isinstance(heterogeneity, Mapping):
            yield from _numbers(heterogeneity, ("typical_variance",), ())


def _squares(parent: Mapping[str, Any], places: Sequence[int]) -> Iterator[float]:
    """Yield the square of the standard error beside a tau2."""
    estimate = parent.get("estimate")
    holder = estimate if isinstance(estimate, Mapping) else parent
    for se in _numbers(holder, ("se",), places if holder is parent else ()):
        yield se * se


def _numbers(parent: Mapping[str, Any], names: Sequence[str], places: Sequence[int]) -> Iterator[float]:
    """Yield the finite numbers of these names, of arrays the element at ``places``; as magnitudes."""
    for name in names:
        if name in parent:
            found = _at(parent[name], places)
            if math.isfinite(found):
                yield found


def _at(value: Any, places: Sequence[int]) -> float:
    """Return the magnitude of a number, or of the element of an array; NaN where there is none."""
    for place in places:
        if not isinstance(value, list) or place >= len(value):
            return math.nan
        value = value[place]
    return abs(_as_float(value)) if is_number(value) else math.nan


def _as_float(value: Any) -> float:
    """Return a number as float; a whole number beyond all floats as infinity."""
    try:
        return float(value)
    except OverflowError:
        return math.inf


class _Absent:
    """What stands where one document has nothing at all, not even null."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "nothing"


ABSENT = _Absent()
