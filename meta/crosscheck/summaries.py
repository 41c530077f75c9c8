"""Opinions summed up by analysis and engine: how many numbers, the largest differences, what failed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from meta.crosscheck.opinions import EXACT, Verdict
from meta.results import to_plain

#: Opinions by analysis id, each as ``Opinion.to_dict()`` writes it and ``results.json`` holds it.
Said = Mapping[str, Sequence[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class Told:
    """A number beyond its tolerance, or a fit that an engine cannot do, in words."""

    part: str
    words: str


@dataclass(frozen=True, slots=True)
class Summary:
    """What one engine says of one analysis, over all its fits.

    Attributes
    ----------
    analysis, engine, version : str
        Who says it, of what.
    fits, quantities : int
        How many fits and numbers were compared.
    exact : int or None
        Place, in the analysis's list of opinions, of the largest difference among those held at ``EXACT``;
        None where there is none.
    iterated : int or None
        Place of the one nearest to its tolerance among those held at a looser one.
    status : {"agrees", "differs", "cannot"}
        ``cannot``: nothing of this analysis could be compared.
    failures : tuple of Told
        Every number beyond its tolerance.
    declined : tuple of Told
        What was not compared, and why.
    """

    analysis: str
    engine: str
    version: str
    fits: int
    quantities: int
    exact: int | None
    iterated: int | None
    status: Verdict
    failures: tuple[Told, ...]
    declined: tuple[Told, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        plain: dict[str, Any] = to_plain(self)
        return plain


def summarise_opinions(said: Said) -> tuple[Summary, ...]:
    """Sum up opinions by analysis and engine.

    Parameters
    ----------
    said : mapping of str to sequence of mapping
        By analysis id, each opinion as ``Opinion.to_dict()`` writes it.

    Returns
    -------
    tuple of Summary
        In the order of the analyses; of an analysis in the order in which its engines were asked.
    """
    return tuple(
        _sum_up(analysis, engine, opinions)
        for analysis, opinions in said.items()
        for engine in dict.fromkeys(str(opinion["engine"]) for opinion in opinions)
    )


def _sum_up(analysis: str, engine: str, opinions: Sequence[Mapping[str, Any]]) -> Summary:
    """Sum up what one engine says of one analysis."""
    places = [i for i, opinion in enumerate(opinions) if opinion["engine"] == engine]
    done = [i for i in places if opinions[i]["status"] != "cannot"]
    failures = tuple(Told(opinions[i]["part"], text) for i in done for text in opinions[i]["failures"])
    declined = tuple(
        Told(opinions[i]["part"], _reason(opinions[i])) for i in places if opinions[i]["status"] == "cannot"
    )
    return Summary(
        analysis=analysis,
        engine=engine,
        version=str(opinions[places[0]]["version"]),
        fits=len({opinions[i]["part"] for i in done}),
        quantities=sum(int(opinions[i]["quantities"]) for i in done),
        exact=_nearest(opinions, [i for i in done if opinions[i]["tolerance"] <= EXACT]),
        iterated=_nearest(opinions, [i for i in done if opinions[i]["tolerance"] > EXACT]),
        status="differs" if failures else "agrees" if done else "cannot",
        failures=failures,
        declined=declined,
    )


def _reason(opinion: Mapping[str, Any]) -> str:
    what = opinion["what"]
    return f"{what}: {opinion['reason']}" if what else str(opinion["reason"])


def _nearest(opinions: Sequence[Mapping[str, Any]], places: Iterable[int]) -> int | None:
    """Return the place of the opinion nearest to its tolerance; one without a number is the nearest."""

    def share(place: int) -> float:
        largest = opinions[place]["largest"]
        return math.inf if largest is None else float(largest) / float(opinions[place]["tolerance"])

    return max(places, key=share, default=None)


def find_failures(said: Said) -> tuple[str, ...]:
    """Return every number beyond its tolerance in words, each with its analysis, engine and fit."""
    return tuple(
        f"{summary.analysis}, {summary.engine}, {told.part}: {told.words}"
        for summary in summarise_opinions(said)
        for told in summary.failures
    )
