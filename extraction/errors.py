"""Errors that the whole project shares, and problems found in files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from extraction.names import visible

#: Most characters of a message on the screen: a cell of a page of text must not bury the other problems.
LONGEST = 500


class ReviewError(Exception):
    """Root of every error that this project raises on purpose; its text is meant for the user."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, or suspicious, in one place of a file.

    Attributes
    ----------
    file : str
        Name of the file as the user knows it (no folder of this machine unless the user gave it).
    line : int or None
        Line of a text file or row of a spreadsheet, counted from 1 with the header as line 1; None for the
        whole file.
    column : str or None
        Column of a sheet, or dotted key of a protocol.
    value : str or None
        What stands there, as text.
    rule : str
        Short code in kebab case, for example ``events-exceed-n``.
    message : str
        What is wrong, one sentence, no full stop.
    advice : str
        What to do about it; may be empty.
    severity : {"error", "warning"}
        An error stops a run; a warning is shown and kept in the report.
    """

    file: str
    line: int | None
    column: str | None
    value: str | None
    rule: str
    message: str
    advice: str = ""
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        place = self.file
        if self.line is not None:
            place += f" line {self.line}"
        if self.column is not None:
            place += f", {self.column}"
        message = self.message if len(self.message) <= LONGEST else f"{self.message[:LONGEST]}…"
        text = f"{place}: {message} [{self.rule}]"
        # names of columns and files come from outside, and this text goes to terminals
        return visible(f"{text}; {self.advice}" if self.advice else text).replace("\n", "\\n")

    def to_dict(self) -> dict[str, object]:
        """Return the fields as a plain dictionary, for JSON."""
        return asdict(self)


class ProblemsError(ReviewError):
    """Every problem of a check at once; ``problems`` holds errors first, then warnings."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda p: p.severity != "error"))
        count = len(self.problems)
        lines = "\n".join(f"  {problem}" for problem in self.problems)
        super().__init__(f"{count} problem{'' if count == 1 else 's'}:\n{lines}")


class OutputError(ReviewError):
    """A file or a folder cannot be written; the text says which, and what the system says."""


class SheetError(ReviewError):
    """A sheet cannot be read or used at all (missing file, unreadable format, unknown schema)."""
