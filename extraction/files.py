"""Writing files whole or not at all, and hashing them."""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
from pathlib import Path

from extraction.errors import OutputError


def write_atomic(path: Path, content: str | bytes) -> None:
    """Write ``content`` to ``path`` by temporary file, fsync and rename: no reader sees half a file.

    Text is written as UTF-8 with the line ends it has. Folders are created as needed.

    Raises
    ------
    OutputError
        If the file or a folder above it cannot be written.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, data)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error


def check_folder(folder: Path) -> None:
    """Check that files can be written into a folder, as far as can be said without writing one.

    Raises
    ------
    OutputError
        If the folder, or the nearest one above it that exists, is a file or may not be written to.
    """
    try:
        there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    except OSError as error:
        raise OutputError(f"cannot write into {folder}: {error.strerror or error}") from error
    if not there.is_dir():
        raise OutputError(f"cannot write into {folder}: {there} is a file")
    if not os.access(there, os.W_OK | os.X_OK):
        raise OutputError(f"cannot write into {folder}: no permission to write in {there}")


def write_new(path: Path, data: bytes) -> None:
    """Write a file that must not be there yet, down to the disk; the folder above it must exist.

    Raises
    ------
    OSError
        If it is there already, or the system cannot write it.
    """
    with path.open("xb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def fsync_folder(folder: Path) -> None:
    """Ask the system to keep the names in a folder on the disk, where it can be asked.

    Raises
    ------
    OSError
        If the disk fails.
    """
    if os.name == "nt":  # a folder cannot be opened there
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some network file systems know no fsync of folders
            raise
    finally:
        os.close(handle)


def _replace(path: Path, data: bytes) -> None:
    """Write beside the file, then rename over it."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        # mkstemp makes files private (0600); a report is for reading by others as the umask allows
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(name, 0o666 & ~umask)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def sha256(data: bytes | str) -> str:
    """Return the SHA-256 of bytes, or of text as UTF-8, in hexadecimal."""
    return hashlib.sha256(data.encode("utf-8") if isinstance(data, str) else data).hexdigest()
