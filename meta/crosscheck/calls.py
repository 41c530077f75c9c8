"""How another engine is called: its exceptions become words, its warnings are kept, stderr stays clean."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from meta.errors import MetaError

T = TypeVar("T")

#: Longest piece of an engine's own words that is told.
LONGEST = 200


@dataclass(frozen=True, slots=True)
class Called(Generic[T]):
    """What an engine gave, or None and why it failed; and what it warned of, in the order it did."""

    value: T | None
    failure: str
    warnings: tuple[str, ...]


def call_engine(question: Callable[[], T]) -> Called[T]:
    """Ask another engine.

    Whatever it raises is a reason for having no opinion, never the end of a run; an error of our own is not
    swallowed. What it prints is dropped, what it warns of is kept for where its numbers differ.
    """
    with warnings.catch_warnings(record=True) as caught, contextlib.redirect_stdout(io.StringIO()), \
            contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("always")
        try:
            value = question()
        except MetaError:
            raise
        except Exception as error:
            return Called(None, in_words(error), told(caught))
    return Called(value, "", told(caught))


def in_words(error: Exception) -> str:
    """Return an engine's error in one line."""
    return f"it stopped with {type(error).__name__}: {shorten(str(error)) or 'no message'}"


def told(caught: list[warnings.WarningMessage]) -> tuple[str, ...]:
    """Return warnings in one line each, the same one once."""
    return tuple(dict.fromkeys(shorten(str(w.message)) for w in caught))


def shorten(text: str) -> str:
    """Return text on one line, cut where it is long."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"
