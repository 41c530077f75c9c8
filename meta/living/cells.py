"""What a cell says, so that two versions of a sheet can be compared: text stripped, numbers as numbers."""

from __future__ import annotations

from extraction.sheet import Row, Sheet

#: A cell for comparing: text, a number, or None where it holds nothing or a code for missing.
Meaning = str | float | None


def cell_meaning(row: Row, column: str, *, number: bool) -> Meaning:
    """Return what a cell says: None where it is empty, coded as missing, or where there is no such column.

    Parameters
    ----------
    row : Row
        The row.
    column : str
        The column.
    number : bool
        Whether text that is a number counts as one: for a column that only the other version types so.
    """
    value = row.values.get(column)
    if value is None:
        return None
    if not isinstance(value, str):
        return float(value)
    text = value.strip()
    if number:
        try:
            return float(text)
        except ValueError:
            pass
    return text or None


def cell_text(row: Row, column: str) -> str:
    """Return a cell as it stands in the file, without spaces around it; empty where it says nothing."""
    return "" if cell_meaning(row, column, number=False) is None else row.text.get(column, "").strip()


def is_numeric(sheet: Sheet, column: str) -> bool:
    """Return whether the codebook types a column as numbers."""
    found = sheet.schema.find(column)
    return found is not None and found.numeric
