"""Freezing a version of a review: inputs, results, figures and reports, whole or not at all."""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path, PurePosixPath

from extraction.errors import OutputError
from extraction.files import fsync_folder, sha256, write_atomic, write_new
from meta.errors import OptionError, ReleaseError
from meta.living.archive import (
    MANIFEST_FILE,
    MANIFEST_FORMAT,
    Manifest,
    Release,
    is_inside,
    list_releases,
    releases_folder,
    require_no_release,
    version_key,
)
from meta.living.past import read_past
from meta.pipeline import Computed, Tell, compute_review, profiles_used
from meta.protocol.parts import seen
from meta.protocol.review import Review, read_review
from meta.releases.lock import PATIENCE, hold_lock

#: What tells git to leave every byte of a release alone, line ends above all.
ATTRIBUTES = "* -text\n"

ATTRIBUTES_FILE = ".gitattributes"

#: What a release that was killed leaves behind, its folder or half a .gitattributes: no name of anybody else.
_LEFTOVER = re.compile(r"\.[0-9.]+\.[0-9a-f]{16}\.part|\.\.gitattributes\.\w{8}")


def freeze_release(
    review: str | Path | None = None,
    *,
    version: str,
    note: str,
    releases: str | Path | None = None,
    progress: Tell | None = None,
    tell: Callable[[str], None] | None = None,
    patience: float = PATIENCE,
) -> Release:
    """Freeze a version of a review: inputs, results, figures and reports, with a manifest of their hashes.

    The inputs are copied first, and the copy is what is analysed, so no file can change in between. All of it
    is written to a folder beside the releases and renamed once it is on the disk: a release is whole, or it
    is not there. The same inputs, version, note and release before give the same bytes.

    Parameters
    ----------
    review : path, optional
        A ``review.toml`` or its folder; the shipped review where none is given.
    version : str
        Two to four numbers joined by dots, higher than those of the newest release.
    note : str
        Why there is a new version; kept to the letter.
    releases : path, optional
        Folder of the releases; ``releases`` beside the protocol where none is given (in the current folder
        for the shipped review).
    progress : callable, optional
        As in :func:`meta.pipeline.run_review`.
    tell : callable, optional
        Called with a sentence if another release is waited for, or something is worth a warning.
    patience : float
        Seconds to wait for another release in the same folder.

    Returns
    -------
    Release
        Its folder, its manifest, and the SHA-256 of the manifest's bytes.

    Raises
    ------
    OptionError
        If the version is none, or the note is empty.
    ReleaseError
        If the version is there already or not the highest, the releases are no chain, or another release is
        being made all the while.
    ProtocolError, ProblemsError
        As :func:`meta.pipeline.run_review` raises them.
    OutputError
        If the system cannot write it; nothing is released then.
    """
    check_request(version, note)
    say = tell if tell is not None else lambda _sentence: None
    checked = read_review(review)
    folder = releases_folder(review) if releases is None else Path(releases)
    with _in_words(folder, version):
        require_no_release(folder)
        _make_folder(folder)
        with hold_lock(folder, patience=patience, tell=say):
            earlier = _check_version(folder, version)
            _remove_leftovers(folder)
            _keep_bytes(folder, say)
            return _freeze(checked, folder, version, note, earlier, progress)


def check_request(version: str, note: str) -> None:
    """Check what is asked for, before anything is read.

    Raises
    ------
    OptionError
        If the version is none, or the note is empty or no text that a file can hold.
    """
    version_key(version)
    if not seen(note):
        raise OptionError("a release needs a note: a sentence that says why there is a new version")
    try:
        note.encode("utf-8")
    except UnicodeEncodeError as error:
        raise OptionError(f"the note has a character that is none (position {error.start + 1})") from None


def _check_version(folder: Path, version: str) -> tuple[Release, ...]:
    """Return the releases before this one, or say why it cannot be the next."""
    # asked of the file system, not of the list: a broken release is not overwritten either
    if os.path.lexists(folder / version):
        raise ReleaseError(f"release {version} exists already; a release is never overwritten")
    earlier = list_releases(folder)
    if earlier and version_key(version) <= version_key(earlier[-1].manifest.version):
        newest = earlier[-1].manifest.version
        raise ReleaseError(f"release {version} is not above the newest one, {newest}; versions only go up")
    return earlier


def _freeze(
    checked: Review,
    folder: Path,
    version: str,
    note: str,
    earlier: Sequence[Release],
    progress: Tell | None,
) -> Release:
    """Write a release beside the others and rename it; the lock is held."""
    part = folder / f".{version}.{secrets.token_hex(8)}.part"
    part.mkdir()
    try:
        inputs = _read_inputs(checked)
        _write_files(part, inputs)
        protocol = f"review/{checked.path.name}"
        computed = compute_review(
            read_review(part / protocol),
            progress=progress,
            earlier=read_past(earlier),
            version=version,
            note=note,
        )
        _write_files(part, computed.files)
        manifest = _describe(version, note, earlier, protocol, {**inputs, **computed.files}, computed)
        content = manifest.to_bytes()
        write_new(part / MANIFEST_FILE, content)
        _sync_folders(part)
        # The name was free under the lock. Whoever ignores the lock can only have put an empty folder there
        # for this to succeed, and then nothing is lost: a folder with files, or a file, makes it fail.
        part.rename(folder / version)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    _sync_parent(folder, version)
    return Release(folder / version, manifest, sha256(content))


def _read_inputs(checked: Review) -> dict[str, bytes]:
    """Return protocol, sheets, references and profiles by their path in the release."""
    beside = checked.path.parent
    named = [entry.file for entry in (*checked.protocol.sheets.values(), *checked.protocol.targets.values())]
    template = checked.protocol.report.docx_template
    judged = checked.protocol.risk_of_bias
    more = (template, None if judged is None else judged.file, checked.protocol.excluded_file)
    further = [name for name in more if name is not None]
    paths = [PurePosixPath(name) for name in (checked.path.name, *named, *further)]
    for path in paths:
        if not is_inside(f"review/{path}"):
            raise ReleaseError(
                f"{checked.path.name}: the file name {str(path)!r} cannot be kept in a release; "
                "use a plain name, without '..', colon or backslash"
            )
    inputs = {f"review/{path}": _read_input(beside / path) for path in paths}
    for name in profiles_used(checked.protocol):
        inputs[f"profiles/{name}.toml"] = (files("meta.profiles") / f"{name}.toml").read_bytes()
    return inputs


def _read_input(path: Path) -> bytes:
    """Read a file of the review that could be read a moment ago."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ReleaseError(f"{path.name}: the file cannot be read any more ({error.strerror})") from error


def _describe(
    version: str,
    note: str,
    earlier: Sequence[Release],
    protocol: str,
    contents: Mapping[str, bytes],
    computed: Computed,
) -> Manifest:
    """Return the manifest of a release."""
    software = computed.results["provenance"]
    before = earlier[-1] if earlier else None
    return Manifest(
        format=MANIFEST_FORMAT,
        version=version,
        note=note,
        previous=None
        if before is None
        else {"version": before.manifest.version, "sha256": before.manifest_sha256},
        protocol=protocol,
        engine=software["engine"],
        python=software["python"],
        packages=software["packages"],
        files={name: sha256(data) for name, data in contents.items()},
    )


def _write_files(root: Path, contents: Mapping[str, bytes]) -> None:
    """Write new files below a folder, each down to the disk."""
    for name, data in contents.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_new(path, data)


def _sync_folders(root: Path) -> None:
    """Ask the system to keep the names in a folder and in all below it, the deepest first."""
    for path, _folders, _files in os.walk(root, topdown=False):
        fsync_folder(Path(path))


def _sync_parent(folder: Path, version: str) -> None:
    """Ask the system to keep the new name; the release is whole by now, so a failure is not its end."""
    try:
        fsync_folder(folder)
    except OSError as error:
        raise OutputError(
            f"release {version} stands in {folder}, but the system did not confirm that it is on the disk: "
            f"{error.strerror or error}; 'meta verify {folder / version}' says whether it is whole"
        ) from error


def _make_folder(folder: Path) -> None:
    """Make the folder of releases where there is none."""
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        fsync_folder(folder.parent)


def _remove_leftovers(folder: Path) -> None:
    """Remove what a killed release left; under the lock nobody is still writing it."""
    for path in sorted(folder.iterdir()):
        if _LEFTOVER.fullmatch(path.name) and not path.is_symlink():
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()


def _keep_bytes(folder: Path, tell: Callable[[str], None]) -> None:
    """Tell git to leave the bytes of releases alone, or warn where the folder says otherwise."""
    path = folder / ATTRIBUTES_FILE
    if not path.exists():
        write_atomic(path, ATTRIBUTES)
        return
    lines = [line.split() for line in path.read_text(encoding="utf-8", errors="replace").splitlines()]
    if not any(words[:1] == ["*"] and {"-text", "binary"} & set(words[1:]) for words in lines):
        tell(
            f"warning: {path} lacks the line '{ATTRIBUTES.strip()}', so git may change line ends, and hashes "
            "would no longer hold"
        )


@contextmanager
def _in_words(folder: Path, version: str) -> Iterator[None]:
    """Say in one line what the system could not do."""
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"cannot write release {version} in {folder}: {error.strerror or error}; nothing was "
            "released, and the releases before it are as they were"
        ) from error
