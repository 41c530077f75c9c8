"""Names as people read them: the nearest known one, and text without what only a terminal obeys."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

#: Similarity (0 to 1) from which a name is offered; difflib's own default of 0.6 misses short category names.
NEAR = 0.55

#: Characters that a terminal obeys instead of showing: controls (C0, DEL, C1) but for the line feed,
#: separators of lines, overrides of the direction of writing (a name can lie with them), halves of pairs.
_OBEYED = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


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


def visible(text: str) -> str:
    """Return text for a terminal: characters that it would obey are written as escapes."""
    return _OBEYED.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def safe_name(text: str) -> str:
    """Return a name for a file: what is no letter of the English alphabet, digit, - or _ becomes _."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", text)
