"""The heaviest set of points in a graph of which no two touch, exactly.

Points and sets are bits of whole numbers; weights are Python integers, which have no size limit, so that an
order of preference of any depth fits into one weight and nothing is rounded.
"""

from __future__ import annotations

from collections.abc import Sequence


class HeaviestSet:
    """Finds the heaviest set without a link: branches on the point with most links, splits, remembers.

    Parameters
    ----------
    near : sequence of int
        Neighbours of each point, as bits.
    weights : sequence of int
        Weight of each point, above 0, such that no two sets weigh the same (else the answer is one of the
        heaviest).
    """

    def __init__(self, near: Sequence[int], weights: Sequence[int]) -> None:
        self._near = near
        self._weights = weights
        self._known: dict[int, tuple[int, int]] = {0: (0, 0)}

    def within(self, mask: int) -> int:
        """Return the heaviest set among the points of ``mask``, as bits."""
        return self._best(mask)[1]

    def _best(self, mask: int) -> tuple[int, int]:
        """Return the weight of the heaviest set, and the set."""
        if mask in self._known:
            return self._known[mask]
        part = self._component(mask)
        if part != mask:
            one, two = self._best(part), self._best(mask ^ part)
            result = (one[0] + two[0], one[1] | two[1])
        else:
            pick = max(bits_of(mask), key=lambda bit: (self._near[bit] & mask).bit_count())
            rest = self._best(mask & ~(1 << pick) & ~self._near[pick])
            result = (rest[0] + self._weights[pick], rest[1] | 1 << pick)
            if self._near[pick] & mask:
                result = max(result, self._best(mask & ~(1 << pick)))
        self._known[mask] = result
        return result

    def _component(self, mask: int) -> int:
        """Return the points of ``mask`` that are connected to its lowest one."""
        found = fresh = mask & -mask
        while fresh:
            reached = 0
            for bit in bits_of(fresh):
                reached |= self._near[bit]
            fresh = reached & mask & ~found
            found |= fresh
        return found


def bits_of(mask: int) -> list[int]:
    """Return the places of the bits that are set, from low to high."""
    return [bit for bit in range(mask.bit_length()) if mask >> bit & 1]


def lexicographic_weights(keys: Sequence[Sequence[float]]) -> list[int]:
    """Turn keys into one whole number a point, whose sums order sets as comparing sorted keys would.

    Comparing sorted values lexicographically is comparing how often the largest occurs, then the next, and so
    on. So each distinct value is one digit, more significant the earlier its layer and the larger the value,
    in a base that no count can reach. The last digits are the points themselves, the first most significant:
    no two sets weigh the same.

    Parameters
    ----------
    keys : sequence of length count, of sequences of equal length
        What each layer of preference looks at, point by point; larger is better.

    Returns
    -------
    list of int
        All above 0: of two sets one of which holds the other, the larger weighs more.
    """
    count = len(keys)
    base = count + 1
    weights = [0] * count
    for layer in range(len(keys[0]) if keys else 0):
        values = sorted({key[layer] for key in keys})
        digit = {value: base**place for place, value in enumerate(values)}
        weights = [w * base ** len(values) + digit[key[layer]] for w, key in zip(weights, keys, strict=True)]
    return [w * base**count + base ** (count - 1 - i) for i, w in enumerate(weights)]
