"""Pictures drawn by a second process while the first one goes on: the same bytes, on another core."""

from __future__ import annotations

import json
import os
import pickle
import struct
import subprocess
import sys
import warnings
import weakref
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import IO

from matplotlib.figure import Figure

from meta.errors import MissingGlyphWarning
from meta.plots.save import figure_bytes

#: What the second process runs: it sees the modules that the first one sees, and no others.
_PROGRAM = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from meta.plots.beside import serve; serve()"
)

#: A length before each message.
_LENGTH = struct.Struct(">Q")

#: Seconds that the second process has to end once nothing more is asked of it.
_PATIENCE = 5.0


class PictureProcess:
    """PNG at 300 dots per inch of figures that are asked for one by one and collected at the end.

    Where no second process can be had, or it fails, this one draws; the bytes are the same. The process ends
    when everything has been collected, or when nobody holds this object any more.
    """

    def __init__(self) -> None:
        self._asked: dict[str, tuple[bytes, Future[bytes] | None]] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._end: weakref.finalize[..., PictureProcess] | None = None

    def ask(self, name: str, figure: Figure) -> None:
        """Ask for a picture of a figure as it is now."""
        content = pickle.dumps(figure)
        if self._process is None and (os.cpu_count() or 1) > 1:
            self._start()
        future = None if self._process is None else self._thread.submit(_exchange, self._process, content)
        self._asked[name] = content, future

    def collect(self) -> dict[str, bytes]:
        """Return every picture asked for, by name in the order of asking.

        What the second process has not begun is drawn here, from the last on: it works from the first on.
        """
        found = {}
        for name, (content, future) in reversed(self._asked.items()):
            found[name] = _take(content, future)
        self._asked.clear()
        if self._end is not None:
            self._end()
            self._process = None
        return dict(reversed(found.items()))

    def _start(self) -> None:
        # without a second process everything is drawn in this one
        with suppress(OSError):
            self._process = subprocess.Popen(
                [sys.executable, "-c", _PROGRAM, json.dumps(sys.path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            self._end = weakref.finalize(self, _stop, self._process)


def _take(content: bytes, future: Future[bytes] | None) -> bytes:
    if future is not None and not future.cancel():
        # whatever keeps a second process from drawing, this one can
        with suppress(OSError, EOFError, ValueError):
            return future.result()
    return _draw(content)


def _draw(content: bytes) -> bytes:
    with warnings.catch_warnings():
        # said of the same figure as SVG
        warnings.simplefilter("ignore", MissingGlyphWarning)
        return figure_bytes(pickle.loads(content), "png")


def _exchange(process: subprocess.Popen[bytes], content: bytes) -> bytes:
    """Send a figure and wait for its picture."""
    if process.stdin is None or process.stdout is None:
        raise EOFError("the second process has no pipes")
    _send(process.stdin, content)
    return _receive(process.stdout)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the second process: by itself once its input ends, else by force."""
    with suppress(OSError):
        process.stdin.close()  # type: ignore[union-attr]  # it has pipes
    try:
        process.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    process.stdout.close()  # type: ignore[union-attr]


def serve() -> None:
    """Draw what comes in on stdin until it ends; the figures come from the process that began this one."""
    source, target = sys.stdin.buffer, sys.stdout.buffer
    # whatever is printed while a figure is drawn must not get between the pictures
    sys.stdout = sys.stderr
    while True:
        try:
            content = _receive(source)
        except EOFError:
            return
        _send(target, _draw(content))


def _send(pipe: IO[bytes], content: bytes) -> None:
    pipe.write(_LENGTH.pack(len(content)))
    pipe.write(content)
    pipe.flush()


def _receive(pipe: IO[bytes]) -> bytes:
    return _exactly(pipe, _LENGTH.unpack(_exactly(pipe, _LENGTH.size))[0])


def _exactly(pipe: IO[bytes], size: int) -> bytes:
    content = pipe.read(size)
    if len(content) < size:
        raise EOFError("the other process has gone")
    return content
