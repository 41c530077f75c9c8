"""The archive of a review: its releases, read and checked, and a version of it as one snapshot."""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path, PurePosixPath
from typing import Any

from extraction.errors import ReviewError
from extraction.files import sha256
from meta.errors import OptionError, ReleaseError
from meta.living.results_shape import require_results
from meta.protocol.plan import locate_review
from meta.protocol.review import Review, read_review

#: Layout of a manifest; a reader of it checks this first.
MANIFEST_FORMAT = "trs-meta-release@1"

#: Name of the manifest inside a release, and in the folder of a run.
MANIFEST_FILE = "manifest.json"

#: Layout of the manifest of a run, which is no release.
RUN_FORMAT = "trs-meta-run@1"

#: Name of the results inside a release.
RESULTS_FILE = "results.json"

#: Name of the folder of releases, beside the protocol.
RELEASES_FOLDER = "releases"

#: A version: two to four numbers joined by dots, so that the newest is a matter of numbers.
VERSION_PATTERN = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9}){1,3}")

_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a release holds, and which release came before it.

    Attributes
    ----------
    format : str
        ``trs-meta-release@1``.
    version, note : str
        Name of the release, and why it was made.
    previous : mapping or None
        ``version`` and ``sha256`` of the manifest before this one; None for the first release.
    protocol : str
        Path of the protocol inside the release, for example ``review/review.toml``.
    engine, python : str
        Versions of the software that made the release.
    packages : mapping of str to str
        Versions of the packages that can move a number.
    files : mapping of str to str
        SHA-256 of every file of the release but the manifest, by its path with forward slashes.
    """

    format: str
    version: str
    note: str
    previous: Mapping[str, str] | None
    protocol: str
    engine: str
    python: str
    packages: Mapping[str, str]
    files: Mapping[str, str]

    def to_bytes(self) -> bytes:
        """Return the manifest as it is written: JSON with sorted keys, one key a line."""
        return (json.dumps(asdict(self), ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode("utf-8")


@dataclass(frozen=True, slots=True)
class Release:
    """A release on disk: its folder, its manifest, and the SHA-256 of the manifest's bytes."""

    folder: Path
    manifest: Manifest
    manifest_sha256: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One version of a review, released or at work.

    ``review`` is the checked review, ``results`` the content of its results.json, ``document`` the protocol
    as TOML says it, before defaults are filled in.
    """

    name: str
    note: str
    review: Review
    results: Mapping[str, Any]
    document: Mapping[str, Any]


def version_key(version: str) -> tuple[int, ...]:
    """Return a version as numbers, by which versions are ordered: 2026.9 is before 2026.11, and is 2026.9.0.

    Raises
    ------
    OptionError
        If it is no version.
    """
    if not VERSION_PATTERN.fullmatch(version):
        raise OptionError(
            f"{version!r} is no version; a version is two to four numbers joined by dots, such as 2026.11.0"
        )
    numbers = [int(part) for part in version.split(".")]
    return tuple(numbers + [0] * (4 - len(numbers)))


def releases_folder(review: str | Path | None = None) -> Path:
    """Return where the releases of a review are: beside its protocol; of the shipped one, in this folder.

    Raises
    ------
    ProtocolError
        If there is no protocol there.
    """
    beside = Path() if review is None else locate_review(review).parent
    return beside / RELEASES_FOLDER


def require_no_release(folder: Path) -> None:
    """Check that a folder to write in is neither a release nor inside one.

    Raises
    ------
    ReleaseError
        If it is: a release is never overwritten.
    """
    # realpath, since resolve ends at links that lead in a circle
    resolved = Path(os.path.realpath(folder))
    for place in (resolved, *resolved.parents):
        try:
            is_release = MANIFEST_FORMAT.encode("ascii") in (place / MANIFEST_FILE).read_bytes()
        except OSError:
            continue
        if is_release:
            raise ReleaseError(f"{folder} is inside the release {place.name}; a release is never overwritten")


def list_releases(folder: Path) -> tuple[Release, ...]:
    """Return the releases of a folder along their chain, the oldest first; empty where there is no folder.

    Raises
    ------
    ReleaseError
        If a manifest cannot be read, or the manifests are no chain.
    """
    releases = read_releases(folder)
    faults = chain_faults(releases)
    if faults:
        raise ReleaseError("; ".join(faults))
    return releases


def read_releases(folder: Path) -> tuple[Release, ...]:
    """Return the releases of a folder by version, the oldest first, whether or not they are a chain.

    A folder without a manifest, or whose name begins with a dot, is no release.

    Raises
    ------
    ReleaseError
        If a manifest cannot be read, or is gone from a folder that has the name and the results of a release.
    """
    try:
        names = sorted(entry.name for entry in folder.iterdir()) if folder.exists() else []
        there = [n for n in names if not n.startswith(".") and (folder / n / MANIFEST_FILE).exists()]
    except OSError as error:
        raise ReleaseError(f"cannot read {folder}: {error.strerror or error}") from error
    for name in names:
        if name not in there and VERSION_PATTERN.fullmatch(name) and _was_release(folder / name):
            raise ReleaseError(
                f"{folder / name}: this was a release, and its {MANIFEST_FILE} is gone; put it back, or move "
                "the folder out of the releases"
            )
    found = [read_release(folder / name) for name in there]
    return tuple(sorted(found, key=lambda release: (version_key(release.manifest.version), release.folder)))


def _was_release(folder: Path) -> bool:
    """Say whether a folder holds what every release does beside its manifest."""
    return (folder / RESULTS_FILE).is_file() and (folder / "review").is_dir()


def is_release(folder: Path) -> bool:
    """Whether a folder holds the manifest of a release, whole or broken; that of a run is another."""
    try:
        return RUN_FORMAT.encode("ascii") not in (folder / MANIFEST_FILE).read_bytes()
    except OSError:
        return os.path.lexists(folder / MANIFEST_FILE)


def read_release(folder: Path) -> Release:
    """Read the manifest of one release.

    Parameters
    ----------
    folder : Path
        The release, for example ``releases/2026.11.0``.

    Raises
    ------
    ReleaseError
        If there is no manifest, or it is not what :class:`Manifest` says.
    """
    path = folder / MANIFEST_FILE
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise ReleaseError(f"no release at {folder}: there is no {MANIFEST_FILE} in it") from None
    except OSError as error:
        raise ReleaseError(f"cannot read {path}: {error.strerror or error}") from error
    manifest = parse_manifest(path, data)
    name = folder.resolve().name
    if manifest.version != name:
        raise ReleaseError(f"{path}: the manifest is of version {manifest.version!r}, its folder is {name!r}")
    return Release(folder, manifest, sha256(data))


def chain_faults(releases: Sequence[Release]) -> tuple[str, ...]:
    """Say what keeps releases from being a chain in which each names the one before it by its hash.

    Parameters
    ----------
    releases : sequence of Release
        All releases of a folder, by version, as :func:`read_releases` gives them.

    Returns
    -------
    tuple of str
        A sentence for each fault; empty for a whole chain.
    """
    return tuple(_faults(releases))


def _faults(releases: Sequence[Release]) -> Iterator[str]:
    known = {release.manifest.version: release for release in releases}
    successors: dict[str | None, str] = {}
    for release in releases:
        path, manifest = release.folder / MANIFEST_FILE, release.manifest
        before = None if manifest.previous is None else manifest.previous["version"]
        if before in successors:
            other = successors[before]
            place = "are the first release" if before is None else f"follow {before}"
            yield f"{path}: both {other} and {manifest.version} {place}; releases are one chain"
        else:
            successors[before] = manifest.version
        if manifest.previous is None or before is None:
            continue
        if before not in known:
            yield f"{path}: the release before it, {before}, is missing"
        elif version_key(before) >= version_key(manifest.version):
            yield f"{path}: the release before it, {before}, is no lower version"
        elif known[before].manifest_sha256 != manifest.previous["sha256"]:
            yield (
                f"{known[before].folder / MANIFEST_FILE}: its SHA-256 is not the one that {manifest.version} "
                "recorded, so it was changed after it was released"
            )


def read_snapshot(folder: Path, *, check_hashes: bool = True) -> Snapshot:
    """Read a release: its frozen review, checked as any other, and its results.

    Parameters
    ----------
    folder : Path
        The release.
    check_hashes : bool
        Whether protocol, sheets, references and results must be the bytes that the manifest names.

    Raises
    ------
    ReleaseError
        If the release cannot be read, or is not what was released.
    """
    release = read_release(folder)
    manifest = release.manifest
    read = [name for name in manifest.files if name.startswith("review/") or name == RESULTS_FILE]
    contents = {name: _read(folder, name) for name in read}
    for name, data in contents.items():
        if check_hashes:
            _require_released(release, name, data)
    try:
        review = read_review(folder / manifest.protocol)
    except ReviewError as error:
        raise ReleaseError(f"{folder / manifest.protocol}: the released review has {error}") from error
    document = tomllib.loads(contents[manifest.protocol].decode("utf-8-sig"))
    results = _parse_results(folder / RESULTS_FILE, contents[RESULTS_FILE])
    return Snapshot(manifest.version, manifest.note, review, results, document)


def read_released_results(release: Release) -> Mapping[str, Any]:
    """Read the results of a release, and nothing else of it.

    Raises
    ------
    ReleaseError
        If they cannot be read, or are not what was released; the text names the file.
    """
    path = release.folder / RESULTS_FILE
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ReleaseError(f"cannot read {path}: {error.strerror or error}") from error
    _require_released(release, RESULTS_FILE, data)
    return _parse_results(path, data)


def _require_released(release: Release, name: str, data: bytes) -> None:
    """Check that the bytes of a file are those that were released."""
    if sha256(data) != release.manifest.files[name]:
        raise ReleaseError(
            f"{release.folder / name}: this is not the file that was released (its SHA-256 is not the "
            f"manifest's); 'meta verify {release.folder}' says what differs"
        )


def _parse_results(path: Path, data: bytes) -> Mapping[str, Any]:
    """Return what a results.json says, or why it says nothing that can be used."""
    try:
        results = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ReleaseError(f"{path}: this is no JSON ({error})") from error
    require_results(path, results)
    found: Mapping[str, Any] = results
    return found


def snapshot_of(name: str, note: str, review: Review, results: Mapping[str, Any]) -> Snapshot:
    """Return a review at work as a snapshot, under the name it is to have in a comparison."""
    document = tomllib.loads(review.path.read_bytes().decode("utf-8-sig"))
    return Snapshot(name, note, review, results, document)


def is_inside(name: str) -> bool:
    """Say whether a path of a manifest stays inside its release: relative, plain, with forward slashes."""
    path = PurePosixPath(name)
    plain = name == str(path) and not path.is_absolute() and ".." not in path.parts
    # a colon is a drive or a stream to Windows, a backslash a folder
    return plain and name != "." and not any(sign in name for sign in "\\:\0")


def _read(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except FileNotFoundError:
        raise ReleaseError(f"{folder / name}: this file of the release is missing") from None
    except OSError as error:
        raise ReleaseError(f"cannot read {folder / name}: {error.strerror or error}") from error


def parse_manifest(path: Path, data: bytes) -> Manifest:
    """Return the manifest in some bytes, every field checked.

    Parameters
    ----------
    path : Path
        Where they come from, for errors.
    data : bytes
        Content of a ``manifest.json``.

    Raises
    ------
    ReleaseError
        If it is not what :class:`Manifest` says.
    """
    try:
        raw = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ReleaseError(f"{path}: this is no JSON ({error})") from error
    if not isinstance(raw, dict):
        raise ReleaseError(f"{path}: a manifest is a JSON object")
    found = raw.get("format")
    if found != MANIFEST_FORMAT:
        raise ReleaseError(f"{path}: its format is {found!r}; this program reads {MANIFEST_FORMAT!r}")
    missing = [field.name for field in fields(Manifest) if field.name not in raw]
    if missing:
        raise ReleaseError(f"{path}: it does not say {', '.join(missing)}")
    for name in ("version", "note", "protocol", "engine", "python"):
        if not isinstance(raw[name], str) or not raw[name]:
            raise ReleaseError(f"{path}: {name!r} must be text; got {raw[name]!r}")
    for name in ("packages", "files"):
        _require_texts(path, name, raw[name])
    manifest = Manifest(**{field.name: raw[field.name] for field in fields(Manifest)})
    if not VERSION_PATTERN.fullmatch(manifest.version):
        raise ReleaseError(f"{path}: {manifest.version!r} is no version")
    _check_previous(path, manifest.previous)
    _check_files(path, manifest)
    return manifest


def _check_previous(path: Path, previous: object) -> None:
    """Check what a manifest says of the release before it."""
    if previous is None:
        return
    _require_texts(path, "previous", previous)
    assert isinstance(previous, dict)
    if (
        set(previous) != {"version", "sha256"}
        or not VERSION_PATTERN.fullmatch(previous["version"])
        or not _HASH.fullmatch(previous["sha256"])
    ):
        raise ReleaseError(f"{path}: 'previous' must hold a version and a SHA-256, or be null")


def _check_files(path: Path, manifest: Manifest) -> None:
    """Check the paths and hashes of a manifest: nothing outside the release, and what every release has."""
    for name, digest in manifest.files.items():
        if not is_inside(name) or name == MANIFEST_FILE:
            raise ReleaseError(f"{path}: {name!r} is no file of the release")
        if not _HASH.fullmatch(digest):
            raise ReleaseError(f"{path}: {digest!r} is no SHA-256 of {name!r}")
    for name in (manifest.protocol, "results.json"):
        if name not in manifest.files:
            raise ReleaseError(f"{path}: {name!r} is not among its files")
    if not manifest.protocol.startswith("review/"):
        raise ReleaseError(f"{path}: the protocol, {manifest.protocol!r}, is not below review/")


def _require_texts(path: Path, name: str, value: object) -> None:
    """Check that a value is an object of texts."""
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise ReleaseError(f"{path}: {name!r} must be an object of texts")
