"""The hashes of a release: every file against its manifest, and the manifests before it."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from extraction.files import sha256
from meta.errors import ReleaseError
from meta.living.archive import MANIFEST_FILE, MANIFEST_FORMAT, Manifest, is_inside, parse_manifest
from meta.releases.verdict import Failure

#: Where a release keeps its protocol where the manifest cannot be asked.
USUAL_PROTOCOL = "review/review.toml"


@dataclass(frozen=True, slots=True)
class Frozen:
    """A release as it lies on the disk.

    ``manifest`` holds what could be read of it. ``contents`` are the files that could be read, by path.
    ``changed`` are those of them whose hash is not the manifest's, ``unknown`` are files that the manifest
    does not name.
    """

    folder: Path
    manifest: Manifest
    manifest_sha256: str | None
    contents: Mapping[str, bytes]
    changed: frozenset[str]
    unknown: tuple[str, ...]
    failures: tuple[Failure, ...]

    @property
    def unchanged(self) -> int:
        """How many files of the manifest have the hash that it names."""
        return sum(self.is_intact(name) for name in self.manifest.files)

    def is_intact(self, name: str) -> bool:
        """Whether a file is there and has the hash that the manifest names."""
        return name in self.contents and name in self.manifest.files and name not in self.changed


def read_frozen(folder: Path) -> Frozen:
    """Read a release, every file of it; what is wrong is a failure, and the rest is read all the same.

    Nothing outside the folder is read: neither a path that leads out of it nor a link.
    """
    failures: list[Failure] = []
    manifest, digest = _read_manifest(folder, failures)
    contents: dict[str, bytes] = {}
    changed = set()
    for name in sorted(manifest.files):
        data, fault = _read_file(folder, name)
        if data is None:
            failures.append(Failure("missing", name, fault))
            continue
        contents[name] = data
        if sha256(data) != manifest.files[name]:
            changed.add(name)
    unknown = tuple(name for name in _walk_files(folder) if name not in manifest.files)
    if not failures or failures[0].kind != "manifest":
        failures += [Failure("unknown", name, "the manifest does not know this file") for name in unknown]
    else:
        # without a whole list of files, what lies there is read as it is
        for name in unknown:
            data, _fault = _read_file(folder, name)
            if data is not None:
                contents[name] = data
    return Frozen(folder, manifest, digest, contents, frozenset(changed), unknown, tuple(failures))


@dataclass(frozen=True, slots=True)
class Chain:
    """The releases before one.

    ``sentences`` say what was found, the newest first; ``failures`` are manifests that are not the ones that
    were recorded. ``folders`` are those releases, the newest first; None where the chain does not lead down
    to the first one.
    """

    sentences: tuple[str, ...]
    failures: tuple[Failure, ...]
    folders: tuple[Path, ...] | None


def follow_chain(folder: Path, manifest: Manifest) -> Chain:
    """Follow the hashes of the manifests before a release, all the way down, in the folder beside it."""
    if manifest.previous is None:
        return Chain(("this is the first release",), (), ())
    sentences: list[str] = []
    folders: list[Path] = []
    after: str = manifest.version
    before: Mapping[str, str] | None = manifest.previous
    while before is not None:
        version = before["version"]
        place = folder.resolve().parent / version
        data, fault = _read_file(place.parent, f"{version}/{MANIFEST_FILE}")
        if data is None and not os.path.lexists(place):
            sentences.append(f"{version}, the release before {after}, is not beside it: the chain ends here")
            return Chain(tuple(sentences), (), None)
        found: Manifest | None = None
        if data is not None:
            found, fault = _parse_link(place, data, before["sha256"], after)
        if found is None or place in folders:
            fault = fault or f"{version} comes before itself"
            return Chain(tuple(sentences), (Failure("chain", f"{version}/{MANIFEST_FILE}", fault),), None)
        sentences.append(f"{version}: its manifest is the one that {after} recorded")
        folders.append(place)
        after, before = version, found.previous
    return Chain(tuple(sentences), (), tuple(folders))


def _parse_link(place: Path, data: bytes, expected: str, after: str) -> tuple[Manifest | None, str]:
    """Return the manifest of an earlier release, or None and what is wrong with it."""
    if sha256(data) != expected:
        message = f"its SHA-256 is {sha256(data)}, and {after} recorded {expected}: it was changed since"
        return None, message
    try:
        return parse_manifest(place / MANIFEST_FILE, data), ""
    except ReleaseError as error:
        return None, _without_place(error, place)


def _read_manifest(folder: Path, failures: list[Failure]) -> tuple[Manifest, str | None]:
    """Return the manifest, or as much of a broken one as can be used."""
    data, fault = _read_file(folder, MANIFEST_FILE)
    if data is None:
        failures.append(Failure("manifest", MANIFEST_FILE, f"{fault}; no hash can be checked"))
        return _salvage({}), None
    try:
        return parse_manifest(folder / MANIFEST_FILE, data), sha256(data)
    except ReleaseError as error:
        failures.append(Failure("manifest", MANIFEST_FILE, _without_place(error, folder)))
    try:
        raw = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError):
        raw = None
    return _salvage(raw if isinstance(raw, dict) else {}), sha256(data)


def _salvage(raw: Mapping[str, Any]) -> Manifest:
    """Return what a broken manifest says as far as it can be used: files inside the release, their hashes."""
    words = {name: raw.get(name) for name in ("version", "note", "protocol", "engine", "python")}
    texts = {name: value if isinstance(value, str) else "" for name, value in words.items()}
    tables = {name: raw.get(name) for name in ("files", "packages")}
    files, packages = (
        {str(k): v for k, v in table.items() if isinstance(v, str)} if isinstance(table, dict) else {}
        for table in tables.values()
    )
    files = {name: digest for name, digest in files.items() if is_inside(name) and name != MANIFEST_FILE}
    protocol = texts["protocol"] if is_inside(texts["protocol"]) else USUAL_PROTOCOL
    return Manifest(
        format=MANIFEST_FORMAT,
        version=texts["version"],
        note=texts["note"],
        previous=None,
        protocol=protocol or USUAL_PROTOCOL,
        engine=texts["engine"],
        python=texts["python"],
        packages=packages,
        files=files,
    )


def _without_place(error: ReleaseError, folder: Path) -> str:
    """Return an error without the path that it begins with: the failure names the place itself."""
    return str(error).removeprefix(f"{folder / MANIFEST_FILE}: ")


def _read_file(folder: Path, name: str) -> tuple[bytes | None, str]:
    """Return the content of a file below a folder, or None and why there is none."""
    place = folder
    try:
        for part in name.split("/"):
            place = place / part
            mode = place.lstat().st_mode
            if stat.S_ISLNK(mode):
                return None, "a link stands in its place, and what it leads to is no part of the release"
        if not stat.S_ISREG(mode):
            kind = "a folder" if stat.S_ISDIR(mode) else "something that is no file"
            return None, f"{kind} stands in its place"
        return place.read_bytes(), ""
    except (FileNotFoundError, NotADirectoryError):
        return None, "the file is missing"
    except (OSError, ValueError) as error:
        return None, f"the file cannot be read ({getattr(error, 'strerror', None) or error})"


def _walk_files(folder: Path) -> Iterator[str]:
    """Yield the path of every file below a folder but the manifest, sorted; a link counts as a file."""
    found = []
    for root, folders, names in os.walk(folder):
        links = [name for name in folders if os.path.islink(os.path.join(root, name))]
        found += [(Path(root) / name).relative_to(folder).as_posix() for name in (*names, *links)]
    yield from (name for name in sorted(found) if name != MANIFEST_FILE)
