"""Cells of a sheet or a table as plain columns: numbers checked, labels made, places remembered."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from extraction.names import suggest
from extraction.sheet import RowRef, Sheet
from meta.effects.sizes import Value
from meta.errors import EffectError
from meta.results import Floats

if TYPE_CHECKING:
    import pandas as pd

#: Most rows an error lists one by one; more would hide the message they belong to.
MOST_LISTED = 20


@dataclass(frozen=True, slots=True)
class Cells:
    """Columns of typed cells, all of one length; ``places`` says where each row stands, in words."""

    columns: Mapping[str, tuple[Value, ...]]
    places: tuple[str, ...]
    rows: tuple[tuple[RowRef, ...], ...]

    def __len__(self) -> int:
        return len(self.places)

    def column(self, name: str) -> tuple[Value, ...]:
        """Return one column.

        Raises
        ------
        EffectError
            If there is none of that name; the nearest one is suggested.
        """
        if name not in self.columns:
            raise EffectError(f"no column {name!r}; {suggest(name, self.columns)}")
        return self.columns[name]

    def numbers(self, name: str) -> Floats:
        """Return one column as numbers, NaN where empty.

        Raises
        ------
        EffectError
            If there is no such column, or a cell holds text or an infinite number; names all rows.
        """
        cells = self.column(name)
        bad = [
            f"{place}: {cell!r}"
            for place, cell in zip(self.places, cells, strict=True)
            if isinstance(cell, str) or (isinstance(cell, float) and math.isinf(cell))
        ]
        if bad:
            raise EffectError(
                f"column {name!r} must hold finite numbers; {join_places(bad)} "
                "(a further column of a generic sheet is text until it is declared a number)"
            )
        return np.array([np.nan if cell is None else float(cell) for cell in cells], dtype=np.float64)


def join_places(faults: Sequence[str]) -> str:
    """Join the rows at fault, the first ``MOST_LISTED`` in full."""
    more = len(faults) - MOST_LISTED
    return "; ".join(faults[:MOST_LISTED]) + (f"; and {more} more rows" if more > 0 else "")


def read_cells(data: Sheet | pd.DataFrame) -> Cells:
    """Take the cells of a sheet or a table.

    Raises
    ------
    EffectError
        If ``data`` is neither, or a table has two columns of one name.
    """
    if isinstance(data, Sheet):
        return Cells(
            columns={name: tuple(_plain(row.values[name]) for row in data.rows) for name in data.columns},
            places=tuple(f"{row.ref.file} line {row.ref.line}" for row in data.rows),
            rows=tuple((row.ref,) for row in data.rows),
        )
    # pandas costs 0.4 s to import: only here, where the caller has imported it already
    import pandas as pd

    if not isinstance(data, pd.DataFrame):
        raise EffectError(f"data must be a Sheet or a pandas DataFrame; got {type(data).__name__}")
    names = [str(name) for name in data.columns]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        listed = ", ".join(map(repr, doubled))
        raise EffectError(f"columns must have different names; more than once: {listed}")
    columns = {name: tuple(_plain(cell) for cell in data.iloc[:, j].tolist()) for j, name in enumerate(names)}
    return Cells(columns, tuple(f"row {i + 1}" for i in range(len(data))), ((),) * len(data))


def make_labels(cells: Cells, label: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return one unique label a row: row numbers, one column, or several joined by a space.

    Raises
    ------
    EffectError
        If a column does not exist, a row has no label, or labels repeat; all rows at fault are named.
    """
    if label is None:
        return tuple(str(i + 1) for i in range(len(cells)))
    parts = [cells.column(name) for name in ([label] if isinstance(label, str) else label)]
    labels = tuple(
        " ".join(_text(part[i]) for part in parts if part[i] is not None).strip() for i in range(len(cells))
    )
    words = repr(label) if isinstance(label, str) else " + ".join(map(repr, label))
    empty = [place for place, text in zip(cells.places, labels, strict=True) if not text]
    if empty:
        raise EffectError(f"every row needs a label ({words}); none in {join_places(empty)}")
    doubled = {text for text in labels if labels.count(text) > 1}
    if doubled:
        faults = [
            f"{text!r} ({', '.join(p for p, t in zip(cells.places, labels, strict=True) if t == text)})"
            for text in sorted(doubled)
        ]
        raise EffectError(
            f"labels must be unique in an analysis; more than once: {join_places(faults)}; "
            "join a second column to the label, or keep one row"
        )
    return labels


def _plain(cell: object) -> Value:
    """Return a cell as text, int, float or None (NaN, NA and NaT are None); anything else as its text."""
    if cell is None or isinstance(cell, str):
        return cell
    if isinstance(cell, bool | np.bool_):
        return str(bool(cell))
    if isinstance(cell, numbers.Integral):
        return int(cell)
    if isinstance(cell, numbers.Real):
        number = float(cell)
        return None if math.isnan(number) else number
    text = str(cell)
    # pandas' own markers for a missing value; comparing with them needs pandas
    return None if text in ("<NA>", "NaT") else text


def _text(cell: Value) -> str:
    """Return a cell as it reads in a label: 2001, not 2001.0 (pandas: a gap makes floats)."""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell)
