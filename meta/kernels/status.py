"""What became of an analysis of a batch."""

from __future__ import annotations

from enum import IntEnum


class Status(IntEnum):
    """Outcome of one analysis; ``Status.X.name.lower()`` is the word that results carry."""

    OK = 0
    #: tau2 is estimated at 0 (or truncated there).
    BOUNDARY = 1
    #: The likelihood has more than one local maximum; the best was kept.
    SEVERAL_MAXIMA = 2
    SINGLE_STUDY = 3
    #: Counts without any event, or with nothing but events: only a one-sided bound exists.
    ONE_SIDED = 4
    NOT_CONVERGED = 5
    NOT_ESTIMABLE = 6
