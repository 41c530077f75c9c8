"""Reading XLSX into a :class:`~extraction.grid.Grid`, and writing it, through openpyxl with defusedxml.

What a spreadsheet does to cells behind the user's back (dates, errors, formulas, percent formats, merged
cells) is kept as a flag or a problem, never as a silently missing value.
"""

from __future__ import annotations

import datetime
import io
import re
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from extraction.errors import Problem, ProblemsError, SheetError
from extraction.grid import Grid, Record, file_problem

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet

#: Largest content of a workbook when unpacked, in bytes; the evidence needs under 1 MB, a zip bomb asks for
#: GB.
MAX_UNPACKED = 128 * 2**20

#: Most parts of a workbook; an ordinary one has about a dozen.
MAX_PARTS = 2_000

#: Most cells of the used rectangle: far more than an extraction sheet, few enough to hold in memory.
MAX_CELLS = 2_000_000

#: Longest text in a cell that Excel accepts; openpyxl would cut it without a word.
MAX_XLSX_TEXT = 32_767

#: Characters that XML cannot hold or changes; written as Excel writes them, ``_x000D_``. NUL and halves of
#: surrogate pairs are not read back: they are no text.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff]")
_ESCAPED = re.compile("_x(?!0000|[Dd][89A-Fa-f])([0-9A-Fa-f]{4})_")

#: Time written into every workbook and every part of it, so that the same sheet gives the same bytes.
_EPOCH = datetime.datetime(1980, 1, 1)


def read_workbook(data: bytes, file: str, sheet_name: str) -> Grid:
    """Read the worksheet called ``sheet_name``, or else the first one.

    Parameters
    ----------
    data : bytes
        Content of the file.
    file : str
        Its name, for problems.
    sheet_name : str
        Worksheet to prefer (the name of the schema).

    Raises
    ------
    ProblemsError
        If it is no workbook, one that is too large, or has no header.
    """
    formulas = _load(data, file, sheet_name, stored=False)
    width, height = formulas.max_column, formulas.max_row
    if width * height > MAX_CELLS:
        raise file_problem(
            file,
            "too-large",
            f"the sheet reaches to row {height}, column {width}",
            "delete the empty rows and columns behind the data, and save",
        )
    any_formula = any(cell.data_type == "f" for row in formulas.iter_rows() for cell in row)
    values = _load(data, file, sheet_name, stored=True) if any_formula else formulas
    records: list[Record] = []
    computed: dict[int, list[tuple[int, str]]] = {}
    stored = values.iter_rows(values_only=True, max_col=width, max_row=height)
    pairs = zip(formulas.iter_rows(max_col=width), stored, strict=True)
    for line, (cells, results) in enumerate(pairs, start=1):
        record, computed_here = _record(line, cells, results)
        if not record.blank:
            records.append(record)
            for position, formula in computed_here.items():
                computed.setdefault(position, []).append((line, formula))
    if not records:
        raise file_problem(
            file, "empty-file", "the sheet has no header line", "put the names of the columns in row 1"
        )
    header = records[0]
    problems = _merged(formulas, header, file) + _formula_warnings(computed, header, file)
    return Grid(header, tuple(records[1:]), tuple(problems))


def _load(data: bytes, file: str, sheet_name: str, *, stored: bool) -> Worksheet:
    """Return the worksheet with its formulas or, if ``stored``, with the results stored beside them."""
    import openpyxl

    if not openpyxl.DEFUSEDXML:  # pragma: no cover - a declared dependency
        raise SheetError("reading XLSX needs the package defusedxml")
    if not zipfile.is_zipfile(io.BytesIO(data)):
        raise file_problem(
            file, "wrong-format", "the file is not an XLSX workbook", "save it as .xlsx or as CSV UTF-8"
        )
    try:
        _check_parts(data, file)
        with warnings.catch_warnings():
            # openpyxl warns of drop-downs and styles that it does not carry; nothing is lost here
            warnings.simplefilter("ignore")
            book = openpyxl.load_workbook(io.BytesIO(data), data_only=stored)
    except ProblemsError:
        raise
    except Exception as error:  # openpyxl answers a broken or hostile file with errors of many kinds
        raise file_problem(
            file,
            "wrong-format",
            f"the workbook cannot be read ({type(error).__name__})",
            "open it in a spreadsheet and save it anew",
        ) from None
    by_name = {sheet.title: sheet for sheet in book.worksheets}
    if not by_name:
        raise file_problem(
            file, "empty-file", "the workbook has no worksheet", "put the names of the columns in row 1"
        )
    return by_name.get(sheet_name, book.worksheets[0])


def _check_parts(data: bytes, file: str) -> None:
    """Raise if the workbook unpacks to more than the caps; zipfile stops at the size that a part declares."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = archive.infolist()
    total = sum(part.file_size for part in parts)
    if total > MAX_UNPACKED or len(parts) > MAX_PARTS:
        raise file_problem(
            file,
            "too-large",
            f"the workbook unpacks to {total} bytes in {len(parts)} parts",
            f"at most {MAX_UNPACKED} bytes in {MAX_PARTS} parts are read; save the sheet alone, as CSV UTF-8",
        )


def _record(line: int, cells: Sequence[Any], results: Sequence[Any]) -> tuple[Record, dict[int, str]]:
    """Turn one row into text and flags; also return the formulas whose stored results were taken."""
    texts: list[str] = []
    flags: dict[int, str] = {}
    computed: dict[int, str] = {}
    for position, (cell, result) in enumerate(zip(cells, results, strict=True)):
        value = cell.value
        if cell.data_type == "f":
            # an array formula is an object that holds its text
            formula = str(getattr(value, "text", value))
            if result is None:
                texts.append(formula)
                flags[position] = "formula-without-value"
                continue
            value = result
            computed[position] = formula
        texts.append(value_text(value))
        if isinstance(value, datetime.date | datetime.time | datetime.timedelta):
            flags[position] = "cell-is-date"
        elif cell.data_type == "e":
            flags[position] = "cell-is-error"
        elif isinstance(value, int | float) and "%" in (cell.number_format or ""):
            flags[position] = "percent-format"
    return Record(line, tuple(texts), flags), computed


def value_text(value: object) -> str:
    """Return a cell's value as text: 5.0 is ``5``, true is ``TRUE``, a date is written out, None is empty."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
    if isinstance(value, str):
        return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), value)
    return str(value)


def _merged(sheet: Worksheet, header: Record, file: str) -> list[Problem]:
    """Return a problem for each merged range: all its cells but the first read as empty."""
    found = []
    for area in sorted(sheet.merged_cells.ranges, key=lambda area: (area.min_row, area.min_col)):
        name = header.cells[area.min_col - 1].strip() if area.min_col <= len(header.cells) else ""
        value = value_text(sheet.cell(area.min_row, area.min_col).value)
        found.append(
            Problem(
                file,
                area.min_row,
                name or None,
                value,
                "merged-cells",
                f"the cells {area.coord} are merged",
                "unmerge them and fill in each cell",
            )
        )
    return found


def _formula_warnings(
    computed: Mapping[int, Sequence[tuple[int, str]]], header: Record, file: str
) -> list[Problem]:
    """Return one warning for each column whose cells hold formulas with stored results."""
    found = []
    for position, cells in sorted(computed.items()):
        line, formula = cells[0]
        count = "a formula" if len(cells) == 1 else f"formulas in {len(cells)} cells"
        message = f"the column holds {count}; the results stored in the file are read"
        advice = "paste values where the numbers are final"
        column = header.cells[position].strip() or None
        found.append(Problem(file, line, column, formula, "cell-is-formula", message, advice, "warning"))
    return found


def write_workbook(
    header: Sequence[str], rows: Sequence[Sequence[str | float | int | None]], title: str, where: str
) -> bytes:
    """Return a workbook with one worksheet: text as text (never a formula), numbers as numbers.

    Parameters
    ----------
    header : sequence of str
        Names of the columns.
    rows : sequence of sequences
        Cells; None is empty.
    title : str
        Name of the worksheet.
    where : str
        Name of the file, for errors.

    Raises
    ------
    SheetError
        If a text is longer than a spreadsheet can hold.
    """
    import openpyxl

    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = title[:31]
    for line, cells in enumerate([header, *rows], start=1):
        for position, value in enumerate(cells, start=1):
            if value is None or value == "":
                continue
            cell = sheet.cell(line, position)
            if not isinstance(value, str):
                cell.value = value
                continue
            text = _escape_text(value)
            if len(text) > MAX_XLSX_TEXT:
                raise SheetError(
                    f"{where} line {line}, {header[position - 1]}: text of {len(text)} characters "
                    f"(a spreadsheet cell holds at most {MAX_XLSX_TEXT}); write CSV"
                )
            cell.value = text
            cell.data_type = "s"  # openpyxl would make a formula of a text that begins with =
            cell.quotePrefix = True  # and a spreadsheet would when the cell is edited
    sheet.freeze_panes = "A2"
    stream = io.BytesIO()
    book.save(stream)
    return _fix_times(stream.getvalue())


def _escape_text(text: str) -> str:
    """Write characters that XML loses as Excel does, and protect text that already looks so."""
    guarded = re.sub("_(?=x[0-9A-Fa-f]{4}_)", "_x005F_", text)
    return _CONTROL.sub(lambda found: f"_x{ord(found[0]):04X}_", guarded)


def _fix_times(data: bytes) -> bytes:
    """Return the workbook packed anew with one fixed time everywhere."""
    stream = io.BytesIO()
    stamp = _EPOCH.strftime("%Y-%m-%dT%H:%M:%SZ").encode()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.infolist():
            content = old.read(part)
            if part.filename == "docProps/core.xml":
                content = re.sub(rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*", rb"\g<1>" + stamp, content)
            new.writestr(
                zipfile.ZipInfo(part.filename, _EPOCH.timetuple()[:6]), content, zipfile.ZIP_DEFLATED
            )
    return stream.getvalue()
