"""The versions that came before: results of each, and the newest whole, so that it can be compared."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from extraction.files import sha256
from meta.errors import ReleaseError
from meta.living.archive import Release, Snapshot, read_snapshot
from meta.living.results_shape import require_results


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
    """Read the results of a release, and nothing else of it."""
    path = release.folder / "results.json"
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ReleaseError(f"cannot read {path}: {error.strerror or error}") from error
    if sha256(data) != release.manifest.files["results.json"]:
        raise ReleaseError(
            f"{path}: this is not the file that was released (its SHA-256 is not the manifest's); "
            f"'meta verify {release.folder}' says what differs"
        )
    try:
        results = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ReleaseError(f"{path}: this is no JSON ({error})") from error
    require_results(path, results)
    return Version(release.manifest.version, release.manifest.note, results)
