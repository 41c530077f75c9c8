"""What verifying a release says: its failures by name, what was counted, and what is worth knowing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from meta.results import to_plain
from meta.tables.numbers import count_text

#: Layout of a verification as JSON; a reader of it checks this first.
VERIFICATION_FORMAT = "trs-meta-verification@1"

Kind = Literal[
    "manifest", "chain", "missing", "unknown", "file", "figure", "report", "input",
    "cell", "row", "option", "profile", "number", "text", "refit", "opinion",
]


@dataclass(frozen=True, slots=True)
class Failure:
    """One thing that is not as it was released, or not what the frozen inputs give.

    ``where`` is its place: a file, line and column; a dotted key; an address in results.json. ``message``
    says what is wrong, without a full stop.
    """

    kind: Kind
    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"


@dataclass(frozen=True, slots=True)
class Verification:
    """What verifying a release found.

    Attributes
    ----------
    release : str
        Its folder, as given.
    version, manifest_sha256 : str or None
        Of its manifest; None where it cannot be read.
    files, files_unchanged : int
        Files of the manifest, and those of them whose hash is as it says.
    chain : tuple of str
        A sentence for each release before it, the newest first.
    numbers, exact, rounding, differing : int
        Numbers compared; of them equal to the last bit; of them zero up to rounding; of them not the same.
    largest, largest_at
        Largest relative difference among numbers that count as the same, and its address (empty: none).
    failures : tuple of Failure
        Empty for a verified release.
    information : tuple of str
        What is no failure and worth knowing: other versions of the software, what could not be checked.
    opinions : mapping or None
        By analysis, what PyMARE and statsmodels say (:class:`meta.crosscheck.opinions.Opinion` as
        dictionaries); None where they were not asked.
    titles : mapping of str to str
        Titles of the analyses by id.
    """

    release: str
    version: str | None
    manifest_sha256: str | None
    files: int
    files_unchanged: int
    chain: tuple[str, ...]
    numbers: int
    exact: int
    rounding: int
    differing: int
    largest: float
    largest_at: str
    failures: tuple[Failure, ...]
    information: tuple[str, ...]
    opinions: Mapping[str, Sequence[Mapping[str, Any]]] | None
    titles: Mapping[str, str]

    @property
    def verified(self) -> bool:
        """Whether nothing failed."""
        return not self.failures

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain dictionaries and lists, with its format and verdict."""
        return {"format": VERIFICATION_FORMAT, "verified": self.verified, **to_plain(self)}


def plural(count: int, noun: str) -> str:
    """Return ``1 number``, ``2 numbers``, ``1 234 numbers``."""
    return f"{count_text(count)} {noun}{'' if count == 1 else 's'}"


def listed(names: Sequence[str]) -> str:
    """Return names as people list them: ``a``, ``a and b``, ``a, b and c``."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
