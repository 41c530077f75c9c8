"""How a file writes its cells, and what single columns are for: what a protocol declares, never guessed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from extraction.errors import SheetError
from extraction.names import suggest

#: Words for what separates the cells of a text file.
Delimiter = Literal["comma", "semicolon", "tab"]

#: Words for the mark before the fraction of a number.
Decimal = Literal["point", "comma"]

#: The character behind each word.
MARKS: dict[Delimiter, str] = {"comma": ",", "semicolon": ";", "tab": "\t"}

#: What separates the cells in a text file where nothing is declared, by the ending of its name.
BY_ENDING: dict[str, Delimiter] = {".csv": "comma", ".tsv": "tab"}


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a file writes its cells.

    Attributes
    ----------
    delimiter : {"comma", "semicolon", "tab"} or None
        What separates the cells of a text file; None takes it from the ending of the file's name.
    decimal : {"point", "comma"}
        Decimal mark of the numbers in a text file. Thousands separators are refused under both.
    missing : mapping of column to tuple of str
        Codes that mean an empty cell, in that column only.

    Raises
    ------
    SheetError
        If a word is unknown.
    """

    delimiter: Delimiter | None = None
    decimal: Decimal = "point"
    missing: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, value, words in (
            ("delimiter", self.delimiter, get_args(Delimiter)),
            ("decimal", self.decimal, get_args(Decimal)),
        ):
            if value is not None and value not in words:
                raise SheetError(f"no {name} {value!r}; {suggest(value, words)}")
        for column, codes in self.missing.items():
            if isinstance(codes, str):
                raise SheetError(f"missing codes of {column!r} are a list, such as ['NA']; got {codes!r}")

    @property
    def for_text_only(self) -> tuple[str, ...]:
        """What is declared here and means nothing for a workbook."""
        declared = {"delimiter": self.delimiter is not None, "decimal": self.decimal != "point"}
        return tuple(name for name, given in declared.items() if given)

    def is_missing(self, column: str, text: str) -> bool:
        """Say whether a cell of this column holds one of its codes for an empty cell."""
        codes = self.missing.get(column, ())
        return bool(codes) and text.strip() in {code.strip() for code in codes}


@dataclass(frozen=True, slots=True)
class Roles:
    """What single columns are for.

    Attributes
    ----------
    key : tuple of str
        Columns that together name a row: no two rows may agree in all of them. Empty cells are equal to one
        another. Without it the key of the codebook holds.
    study, arm, control : str or None
        In an open sheet the columns that name the study, the arm (different people within a study), and the
        control group (which arms of a study may share).
    """

    key: tuple[str, ...] = ()
    study: str | None = None
    arm: str | None = None
    control: str | None = None

    def named(self) -> Iterator[tuple[str, str]]:
        """Yield each role with a column that plays it."""
        for column in dict.fromkeys(self.key):
            yield "key", column
        for role, name in (("study", self.study), ("arm", self.arm), ("control", self.control)):
            if name is not None:
                yield role, name


#: Commas or tabs by the ending, decimal points, no codes; and no roles beyond the codebook's.
PLAIN = Dialect()
NO_ROLES = Roles()


def toml_key(name: str) -> str:
    """Return the name of a column as a key of TOML: in quotes where it needs them."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else toml_text(name)


def toml_text(text: str) -> str:
    """Return a text as TOML writes it, for advice."""
    return json.dumps(text, ensure_ascii=False)
