"""Derived columns: sums and differences of named columns, parsed and never evaluated."""

from __future__ import annotations

import re

from meta.errors import ProtocolError

#: A column, or a column of one level after a spread: ``events.early``. A name may begin with a point: ``.g``.
_NAME = r"\.?[A-Za-z_]\w*(?:\.[\w-]+)?"
_TERM = re.compile(rf"\s*([+-])\s*({_NAME})\s*")


def parse_sum(text: str) -> tuple[tuple[int, str], ...]:
    """Return the terms of a sum or difference of columns.

    Parameters
    ----------
    text : str
        ``"events.early + events.late"``: names joined by ``+`` and ``-``, and nothing else.

    Returns
    -------
    tuple of (sign, column)
        Sign is 1 or -1.

    Raises
    ------
    ProtocolError
        If anything else stands in it.
    """
    rest = text.strip()
    rest = rest if rest[:1] in ("+", "-") else f"+ {rest}"
    terms = []
    while rest:
        match = _TERM.match(rest)
        # a minus sign could also belong to a level's name; a name therefore ends where a blank stands
        if match is None:
            rule = "a derived column is a sum or difference of columns, such as 'n - events.early'"
            raise ProtocolError(f"{rule}; got {text!r} (at {rest.strip()!r})")
        terms.append((1 if match[1] == "+" else -1, match[2]))
        rest = rest[match.end() :]
    return tuple(terms)


def column_and_level(name: str) -> tuple[str, str | None]:
    """Split ``events.early`` into column and level; the level is None where there is none.

    A point at the beginning belongs to the name: ``.g`` is a column, ``.g.early`` a level of it.
    """
    place = name.find(".", 1)
    return (name, None) if place < 0 else (name[:place], name[place + 1 :])
