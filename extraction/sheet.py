"""``Sheet``: typed rows that remember file, line and content hash; reading and writing sheets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from extraction.errors import Problem

if TYPE_CHECKING:
    import pandas as pd

    from extraction.codebook import SheetSchema

#: A typed cell: text, a number, or None where the cell is empty.
Value = str | float | int | None


@dataclass(frozen=True, slots=True)
class RowRef:
    """Where a row came from: file name, line (header is line 1), and SHA-256 of its cells in file order."""

    file: str
    line: int
    hash: str


@dataclass(frozen=True, slots=True)
class Row:
    """One row: typed values, the text as it stands in the file, and its address."""

    values: Mapping[str, Value]
    text: Mapping[str, str]
    ref: RowRef

    def __getitem__(self, column: str) -> Value:
        return self.values[column]


@dataclass(frozen=True, slots=True)
class Sheet:
    """Rows of one sheet, or a selection of them.

    ``whole`` is the sheet that a selection was taken from (None for the whole sheet itself), so that links between rows are
    always seen on the whole. ``warnings`` are the suspicions found while reading.
    """

    file: str
    schema: SheetSchema
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    sha256: str
    warnings: tuple[Problem, ...] = ()
    whole: Sheet | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def column(self, name: str) -> tuple[Value, ...]:
        """Return the typed cells of one column, row by row."""
        return tuple(row.values[name] for row in self.rows)

    def select(self, keep: Callable[[Row], bool]) -> Sheet:
        """Return the rows for which ``keep`` is true, linked to the whole sheet."""
        return replace(self, rows=tuple(r for r in self.rows if keep(r)), whole=self.whole or self)

    def where(self, **equals: Value) -> Sheet:
        """Return the rows whose columns equal the given values, for example ``where(onset="total")``."""
        return self.select(lambda row: all(row.values[c] == v for c, v in equals.items()))

    def to_frame(self) -> pd.DataFrame:
        """Return the typed cells as a table, with ``file``, ``line`` and ``hash`` in its index."""
        import pandas as pd

        index = pd.MultiIndex.from_tuples(
            [(r.ref.file, r.ref.line, r.ref.hash) for r in self.rows], names=["file", "line", "hash"]
        )
        return pd.DataFrame([dict(r.values) for r in self.rows], index=index, columns=list(self.columns))
