"""Everything of a release computed again from its frozen inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from extraction.errors import Problem, ProblemsError, ReviewError
from meta.errors import ReleaseError
from meta.living.archive import Snapshot, read_release
from meta.living.past import Version, read_past
from meta.pipeline import Computed, Tell, compute_review
from meta.protocol.plan import Protocol
from meta.protocol.reader import check_protocol
from meta.protocol.review import Review, read_review
from meta.releases.hashes import Chain, Frozen

#: Formats of figures that a release can hold.
_FORMATS = ("svg", "pdf", "png")

Past = Sequence[Version | Snapshot]


@dataclass(frozen=True, slots=True)
class Refit:
    """What the frozen inputs give: everything, or why there is nothing.

    ``protocol`` is what can be used of it, None if nothing can; ``review`` is None where anything in it is an
    error. ``problems`` are the errors of protocol and
    sheets, ``error`` is another reason in words (empty: none).
    """

    protocol: Protocol | None
    review: Review | None
    computed: Computed | None
    problems: tuple[Problem, ...]
    error: str


def refit_release(frozen: Frozen, past: Past, progress: Tell | None) -> Refit:
    """Read the frozen review as any other, and compute everything again; what fails is told, never raised."""
    path = frozen.folder / frozen.manifest.protocol
    try:
        protocol, _problems = check_protocol(path)
    except ReviewError as error:
        return Refit(None, None, None, (), str(error))
    try:
        review = read_review(path)
    except ProblemsError as error:
        errors = tuple(problem for problem in error.problems if problem.severity == "error")
        return Refit(protocol, None, None, errors, "")
    except (ReviewError, OSError) as error:
        return Refit(protocol, None, None, (), str(error))
    computed, failure = compute_frozen(review, frozen, past, progress)
    return Refit(protocol, review, computed, (), failure)


def compute_frozen(
    review: Review, frozen: Frozen, past: Past, progress: Tell | None
) -> tuple[Computed | None, str]:
    """Compute a review as the release did; None, and why, where it cannot be computed."""
    manifest = frozen.manifest
    endings = {name.rpartition(".")[2] for name in manifest.files if name.startswith("analyses/")}
    formats = ["svg", *(f for f in _FORMATS[1:] if f in endings)]
    version: dict[str, Any] = (
        {"version": manifest.version, "note": manifest.note} if manifest.version else {}
    )
    try:
        return compute_review(review, figures=formats, progress=progress, earlier=past, **version), ""
    except ReviewError as error:
        return None, str(error)
    except Exception as error:
        # inputs changed by hand can ask for what nobody foresaw, and the rest is to be checked all the same
        return None, f"the engine failed on it ({type(error).__name__}: {error})"


def read_earlier(frozen: Frozen, chain: Chain) -> tuple[Past | None, str]:
    """Return the releases before one, the oldest first; None, and why, where they are not all there."""
    if frozen.manifest.previous is None:
        return (), ""
    skipped = "what changed since the release before, and the history, were not computed again"
    if chain.folders is None:
        return None, f"{skipped}: the releases before it are not all there"
    try:
        return read_past([read_release(folder) for folder in reversed(chain.folders)]), ""
    except (ReleaseError, OSError) as error:
        return None, f"{skipped}: {error}"
