"""The rule of files that a protocol names: they lie in the review's folder or below it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path as FilePath

from extraction.toml_lines import Path
from meta.protocol.shape import Fault


def check_inside(here: Path, file: str, folder: FilePath) -> Iterator[Fault]:
    """Refuse a file outside the review's folder."""
    inside = folder.resolve()
    try:
        outside = not (inside / file).resolve().is_relative_to(inside)
    except (OSError, ValueError):
        outside = True
    if outside or FilePath(file).is_absolute() or "\\" in file:
        message = f"{file!r} must lie in the review's folder or below it"
        yield Fault(here, "file-outside", message, "copy the file beside the protocol and give its name")
