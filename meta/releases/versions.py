"""Two versions found and compared: releases, by folder or version, and reviews at work."""

from __future__ import annotations

from pathlib import Path

from meta.errors import ReleaseError
from meta.living.archive import (
    RELEASES_FOLDER,
    Snapshot,
    is_release,
    read_snapshot,
    releases_folder,
    snapshot_of,
)
from meta.living.changes import compare_snapshots
from meta.living.shapes import Changes
from meta.pipeline import Tell, compute_results
from meta.protocol.review import read_review

#: What a review at work is called in a comparison with a release; its folder is a matter of the machine.
AT_WORK = "the working review"


def compare_versions(
    old: str | Path,
    new: str | Path,
    *,
    releases: str | Path | None = None,
    progress: Tell | None = None,
) -> Changes:
    """Compare two versions of a review: rows, choices, and what each analysis found.

    Parameters
    ----------
    old, new : str or Path
        Each the folder of a release, a version such as ``2026.11.0``, or a review (its ``review.toml`` or its
        folder), which is computed.
    releases : path, optional
        Folder in which versions are looked up. Where it is not given: that of the release or the review that
        the other argument names, else ``releases`` in the current folder.
    progress : callable, optional
        Called while a review at work is computed, as by :func:`meta.pipeline.run_review`.

    Returns
    -------
    Changes

    Raises
    ------
    ReleaseError
        If there is no such version, or a release is not what was released.
    ProtocolError, ProblemsError
        If a review at work cannot be computed.
    """
    places = _find_versions(str(old), str(new), None if releases is None else Path(releases))
    # two reviews at work are told apart by where they are, as they were named
    at_work = not any(is_release(place) for place in places)
    names = (str(old), str(new)) if at_work else (AT_WORK, AT_WORK)
    sides = [_read_version(place, name, progress) for place, name in zip(places, names, strict=True)]
    return compare_snapshots(sides[0], sides[1])


def _find_versions(old: str, new: str, releases: Path | None) -> tuple[Path, Path]:
    """Return where two versions are: what is no place is a version among the releases."""
    there = [Path(text) if Path(text).exists() else None for text in (old, new)]
    folder = releases if releases is not None else _folder_of([path for path in there if path is not None])
    found = []
    for text, path in zip((old, new), there, strict=True):
        place = folder / text if path is None else path
        if not place.exists():
            entries = sorted(folder.iterdir()) if folder.is_dir() else []
            known = [entry.name for entry in entries if is_release(entry)]
            hint = f"releases there: {', '.join(known)}" if known else "there are no releases"
            raise ReleaseError(f"there is no {text!r}, neither a path nor a release in {folder}; {hint}")
        found.append(place)
    return found[0], found[1]


def _folder_of(places: list[Path]) -> Path:
    """Return the folder of releases that a version is looked up in: that of the first place given."""
    if not places:
        return Path(RELEASES_FOLDER)
    first = places[0]
    if not is_release(first):
        return releases_folder(first)
    # the parent of "." is itself
    return first.parent if first.name else first.resolve().parent


def _read_version(place: Path, name: str, progress: Tell | None) -> Snapshot:
    """Read a release, or compute a review at work under a name."""
    if is_release(place):
        return read_snapshot(place)
    checked = read_review(place)
    return snapshot_of(name, "", checked, compute_results(checked, progress=progress))
