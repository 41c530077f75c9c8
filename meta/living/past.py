"""The versions that came before: results of each, and the newest whole, so that it can be compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from meta.living.archive import Release, Snapshot, read_released_results, read_snapshot


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a review by its results alone: enough for a history, and cheap to read."""

    name: str
    note: str
    results: Mapping[str, Any]


def read_past(releases: Sequence[Release]) -> tuple[Version | Snapshot, ...]:
    """Read what releases found: the results of each, and the newest with its sheets.

    Parameters
    ----------
    releases : sequence of Release
        The oldest first, as :func:`meta.living.archive.list_releases` gives them.

    Raises
    ------
    ReleaseError
        If a release cannot be read, or is not what was released; the text names the file.
    """
    if not releases:
        return ()
    return (*(_read_version(release) for release in releases[:-1]), read_snapshot(releases[-1].folder))


def _read_version(release: Release) -> Version:
    """Read a release by its results alone."""
    manifest = release.manifest
    return Version(manifest.version, manifest.note, read_released_results(release))
