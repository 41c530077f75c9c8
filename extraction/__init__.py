"""Structured extraction sheets: reading, checking and choosing rows; public names, loaded when first used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from extraction.dialect import Dialect as Dialect
    from extraction.dialect import Roles as Roles
    from extraction.errors import Problem as Problem
    from extraction.errors import ProblemsError as ProblemsError
    from extraction.errors import ReviewError as ReviewError
    from extraction.overlap import choose_rows as choose_rows
    from extraction.sheet import RowRef as RowRef
    from extraction.sheet import Sheet as Sheet
    from extraction.sheet import check_sheet as check_sheet
    from extraction.sheet import read_sheet as read_sheet
    from extraction.sheet import write_sheet as write_sheet

_HOMES = {
    "Dialect": "extraction.dialect",
    "Roles": "extraction.dialect",
    "Problem": "extraction.errors",
    "ProblemsError": "extraction.errors",
    "ReviewError": "extraction.errors",
    "RowRef": "extraction.sheet",
    "Sheet": "extraction.sheet",
    "check_sheet": "extraction.sheet",
    "choose_rows": "extraction.overlap",
    "read_sheet": "extraction.sheet",
    "write_sheet": "extraction.sheet",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'extraction' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
