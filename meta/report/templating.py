"""Where templates are found."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path


def templates_folder() -> Path:
    """Return the folder of the templates: inside the installed package, or ``templates`` of the repository.

    Raises
    ------
    FileNotFoundError
        If neither is there.
    """
    installed = Path(str(files("meta") / "_templates"))
    if installed.is_dir():
        return installed
    checkout = Path(str(files("meta"))).parent / "templates"
    if checkout.is_dir():
        return checkout
    raise FileNotFoundError(f"templates are neither at {installed} nor at {checkout}")
