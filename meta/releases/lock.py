"""One writer at a time in a folder of releases: a lock that the system lets go of when its holder dies."""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from meta.errors import ReleaseError

#: Name of the lock inside the folder of releases; it is there only while somebody holds it, or died with it.
LOCK_FILE = ".lock"

#: Seconds to wait for another release: a large review takes about a minute.
PATIENCE = 120.0

#: Seconds between two attempts.
PAUSE = 0.1


@contextmanager
def hold_lock(folder: Path, *, patience: float, tell: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock of a folder of releases.

    Parameters
    ----------
    folder : Path
        The folder, which must exist.
    patience : float
        Seconds to wait where another process holds it.
    tell : callable
        Called once with a sentence if it has to wait.

    Raises
    ------
    ReleaseError
        If it is still held when patience has run out.
    OSError
        If the system cannot make or lock the file.
    """
    path = folder / LOCK_FILE
    deadline = time.monotonic() + patience
    handle = _try_lock(path)
    if handle is None and patience > 0:
        tell(f"another release is being made in {folder}; waiting for it, at most {patience:.0f} seconds")
    while handle is None:
        if time.monotonic() >= deadline:
            raise ReleaseError(
                f"another release is being made in {folder}; nothing was released, try again when it is done"
            )
        time.sleep(PAUSE)
        handle = _try_lock(path)
    try:
        yield
    finally:
        _let_go(path, handle)


def _try_lock(path: Path) -> int | None:
    """Return an open handle that holds the lock, or None where another process holds it."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        _lock(handle)
        # its holder removes the file: what was locked may be a file that no longer has a name
        held = os.path.samestat(os.fstat(handle), os.stat(path))
    except FileNotFoundError:
        held = False
    except OSError as error:
        os.close(handle)
        if error.errno in (errno.EAGAIN, errno.EACCES, errno.EDEADLK):
            return None
        raise
    if held:
        return handle
    os.close(handle)
    return None


def _let_go(path: Path, handle: int) -> None:
    """Remove the lock's file while it is held, so that none is left for git to find; then let go."""
    try:
        path.unlink()
    except OSError:
        pass  # Windows keeps the name of an open file; a lock that is left behind locks nobody out
    finally:
        os.close(handle)


if sys.platform == "win32":
    import msvcrt

    def _lock(handle: int) -> None:
        """Lock the first byte; the system lets go of it when the handle is closed, also by dying."""
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(handle: int) -> None:
        """Lock the file; the system lets go of it when the handle is closed, also by dying."""
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
