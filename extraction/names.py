"""Nearest names: what a user may have meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

#: Similarity (0 to 1) from which a name is offered; difflib's own default of 0.6 misses short category names.
NEAR = 0.55


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name most like ``name``, ignoring case, or None where none comes near."""
    by_folded = {candidate.casefold(): candidate for candidate in known}
    found = get_close_matches(name.strip().casefold(), sorted(by_folded), n=1, cutoff=NEAR)
    return by_folded[found[0]] if found else None


def suggest(name: str, known: Iterable[str]) -> str:
    """Return ``did you mean 'x'?`` for the nearest known name, or a list of the known ones."""
    names = sorted(known)
    near = nearest(name, names)
    return f"did you mean {near!r}?" if near is not None else f"known: {', '.join(names)}"
