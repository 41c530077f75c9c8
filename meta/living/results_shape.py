"""What a comparison reads of a results.json, so that one which holds something else is told in words."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from meta.errors import ReleaseError

#: A kind of value: the name of one, a mapping of keys to kinds ("*" for any key), or a list of one kind.
#: What is absent or null is never a fault, since an older engine wrote less.
Kind = str | dict[str, Any] | list[Any]

_NUMBERS: Kind = ["anything"]

_ROWS: Kind = [{"line": "count!"}]

_FIT: Kind = {
    "k": "count",
    "natural": {},
    "tau2": {},
    "heterogeneity": {},
    "coefficients": {},
    "studies": [{"label": "text!", "rows": _ROWS}],
}

_REGRESSION: Kind = {"formula": "text", "fit": _FIT}

_ANALYSIS: Kind = {
    "measure": "text!",
    "fit": _FIT,
    "spec": {"level": "number"},
    "selection": {
        "overlap": {"set_aside": [{"label": "text!", "rule": "text", "because_of": ["text"], "rows": _ROWS}]},
        "excluded": [{"label": "text!", "reason": "text", "rows": _ROWS}],
    },
    "cells": {"columns": ["text"], "rows": [{"label": "text!", "line": "count!"}]},
    "subgroups": [{"by": "text", "result": {"levels": ["text"], "fits": [_FIT]}}],
    "leave_one_out": {
        "labels!": ["text"],
        "natural!": _NUMBERS,
        "natural_low!": _NUMBERS,
        "natural_high!": _NUMBERS,
        "tau2!": _NUMBERS,
    },
    "cumulative": {
        "natural!": _NUMBERS,
        "natural_low!": _NUMBERS,
        "natural_high!": _NUMBERS,
        "tau2!": _NUMBERS,
        "k!": _NUMBERS,
    },
    "regressions": [{"formula": "text!", "fit": _FIT}],
    "small_study": _REGRESSION,
    "alternatives": {"rows": [{"label": "text!", "came": ["text"], "swapped": ["text"]}]},
}

_RESULTS: Kind = {
    "analyses": {"*": _ANALYSIS},
    "provenance": {
        "engine": "text",
        "python": "text",
        "packages": {"*": "text"},
        "profiles": [{"name": "text!", "sha256": "text", "options": {}}],
    },
}

_WORDS: dict[str, type | tuple[type, ...]] = {"text": str, "count": int, "number": (int, float)}


def require_results(path: Path, results: Any) -> None:
    """Check that results are as this program writes them, as far as a comparison reads them.

    Parameters
    ----------
    path : Path
        Where they come from, for errors.
    results : any
        Content of a results.json, whose author may be anybody.

    Raises
    ------
    ReleaseError
        If they are not; the text names the place.
    """
    if not isinstance(results, dict):
        raise ReleaseError(f"{path}: these are no results")
    place = _fault(results, _RESULTS, "") or _uneven(results)
    if place:
        raise ReleaseError(f"{path}: {place} is not as this program writes it, so nothing can be compared")


def _fault(value: Any, kind: Kind, place: str) -> str:
    """Return the first place below a value that is of another kind."""
    if isinstance(kind, str):
        name = kind.removesuffix("!")
        wrong = name in _WORDS and (isinstance(value, bool) or not isinstance(value, _WORDS[name]))
        return place if wrong else ""
    if isinstance(kind, list):
        if not isinstance(value, list):
            return place
        parts = ((f"{place}.{i}", item, kind[0]) for i, item in enumerate(value, start=1))
        return next((found for at, item, of in parts if (found := _fault(item, of, at))), "")
    if not isinstance(value, Mapping):
        return place
    if "*" in kind:
        kind = dict.fromkeys(value, kind["*"])
    for key, of in kind.items():
        name = key.removesuffix("!")
        inner, at = value.get(name), f"{place}.{name}".removeprefix(".")
        needed = key.endswith("!") or (isinstance(of, str) and of.endswith("!"))
        if (inner is None and needed) or (inner is not None and (found := _fault(inner, of, at))):
            return at if inner is None else found
    return ""


def _uneven(results: Mapping[str, Any]) -> str:
    """Return the first leave-one-out table of which the columns are not of one length."""
    for name, entry in (results.get("analyses") or {}).items():
        table = (entry or {}).get("leave_one_out") or {}
        columns = ("labels", "natural", "natural_low", "natural_high", "tau2")
        if table and len({len(table[column]) for column in columns}) > 1:
            return f"analyses.{name}.leave_one_out"
    return ""
