"""``Grid``: the cells of a file as text, before any codebook; reading it from CSV and TSV."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from extraction.dialect import MARKS, Delimiter
from extraction.errors import Problem, ProblemsError

#: Longest cell that is read, in characters. A cell beyond it is an unclosed quotation mark, not a note.
MAX_CELL = 131_072

#: Text that a spreadsheet program would run as a formula when it opens the file (OWASP, CSV injection), with
#: the full-width forms; also behind apostrophes, so that :func:`neutralise` can be undone.
_RISKY = re.compile("'*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")

#: What may separate the cells of a header, in words; where two would do, the first is named.
_NAMES = {";": "semicolons", "\t": "tabs", ",": "commas", "|": "bars"}


@dataclass(frozen=True, slots=True)
class Record:
    """One record: the line where it starts (header: line 1), its cells as text, and flags of single cells.

    ``flags`` maps a cell's position to a key of :data:`extraction.cells.FLAGS`.
    """

    line: int
    cells: tuple[str, ...]
    flags: Mapping[int, str] = field(default_factory=dict)

    @property
    def blank(self) -> bool:
        """Whether every cell is empty."""
        return not self.flags and not any(cell.strip() for cell in self.cells)


@dataclass(frozen=True, slots=True)
class Grid:
    """The header, the records that are not blank, and the problems met while reading.

    ``neutralised`` says that risky text may stand behind an apostrophe (:func:`neutralise`), which text
    columns drop again. ``separator`` is what separates the cells of a text file; None in a workbook.
    """

    header: Record
    records: tuple[Record, ...]
    problems: tuple[Problem, ...] = ()
    neutralised: bool = False
    separator: Delimiter | None = None


def neutralise(text: str) -> str:
    """Return ``text``, behind an apostrophe if a spreadsheet would run it; :func:`restore` undoes it."""
    return f"'{text}" if _RISKY.match(text) else text


def restore(text: str) -> str:
    """Return the text that :func:`neutralise` was given."""
    return text[1:] if text.startswith("'") and _RISKY.match(text) else text


def file_problem(
    file: str, rule: str, message: str, advice: str, line: int | None = None, value: str | None = None
) -> ProblemsError:
    """Return the error to raise where a file cannot be read at all."""
    return ProblemsError([Problem(file, line, None, value, rule, message, advice)])


def read_delimited(data: bytes, file: str, delimiter: Delimiter) -> Grid:
    """Read CSV or TSV.

    Parameters
    ----------
    data : bytes
        Content of the file; UTF-8 with or without byte order mark.
    file : str
        Its name, for problems.
    delimiter : {"comma", "semicolon", "tab"}
        What separates the cells; never guessed. Where the header seems to be written otherwise, the error
        says how.

    Raises
    ------
    ProblemsError
        If there is no text, no header, or another encoding or delimiter.
    """
    text = _decode(data, file)
    problems: list[Problem] = []
    mark = MARKS[delimiter]
    records = [record for record in _records(text, file, mark, problems) if not record.blank]
    if len(records[0].cells if records else ()) <= 1:
        _refuse_other_mark(text, file, mark)
    if not records:
        raise (
            ProblemsError(problems)
            if problems
            else file_problem(
                file,
                "empty-file",
                "the file has no header line",
                "put the names of the columns in the first line",
            )
        )
    header = records[0]
    header = Record(header.line, tuple(restore(cell) for cell in header.cells))
    return Grid(header, tuple(records[1:]), tuple(problems), neutralised=True, separator=delimiter)


def _refuse_other_mark(text: str, file: str, mark: str) -> None:
    """Raise where the header, which is one cell or cannot be read, has several under another mark."""
    lines = enumerate(re.split(r"\r\n|\r|\n", text), start=1)
    line, header = next((number, said) for number, said in lines if said.strip())
    cells = {
        other: max((len(record.cells) for record in _records(header, file, other, [])), default=0)
        for other in _NAMES
        if other != mark
    }
    likely = max(cells, key=cells.__getitem__)
    if cells[likely] < 2:
        return
    word = next((word for word, sign in MARKS.items() if sign == likely), None)
    save = f"save the file with cells separated by {_NAMES[mark]}"
    declare = f'declare delimiter = "{word}" for this sheet in review.toml (meta fit: --delimiter {word})'
    raise file_problem(
        file,
        "wrong-delimiter",
        f"read with {_NAMES[mark]} between cells, the header is one cell; "
        f"the cells seem to be separated by {_NAMES[likely]}",
        save if word is None else f"{declare}, or {save}",
        line,
        header,
    )


def _decode(data: bytes, file: str) -> str:
    """Return the text, or raise the problem that says why there is none."""
    if not data.strip():
        raise file_problem(
            file, "empty-file", "the file is empty", "put the names of the columns in the first line"
        )
    if data.startswith(b"PK\x03\x04"):
        raise file_problem(
            file,
            "wrong-format",
            "the file is a spreadsheet, not text",
            "name it .xlsx, or save it as CSV UTF-8",
        )
    save = "save it as 'CSV UTF-8'"
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise file_problem(file, "not-utf8", "the file is UTF-16, not UTF-8", save)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise file_problem(
            file, "not-utf8", f"the file is not UTF-8: byte 0x{data[error.start]:02X}", save, line
        ) from None
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise file_problem(file, "not-text", "the file has a NUL character and is no text", save, line)
    return text


def _records(text: str, file: str, delimiter: str, problems: list[Problem]) -> Iterator[Record]:
    """Yield each record with the line where it starts; an unclosed quotation mark ends it with a problem."""
    csv.field_size_limit(MAX_CELL)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            problems.append(
                Problem(
                    file,
                    line,
                    None,
                    None,
                    "bad-quotes",
                    f"the record that begins here cannot be read ({error}); nothing after it was read",
                    "close each quotation mark, and double those inside a quoted cell",
                )
            )
            return
        yield Record(line, tuple(cells))
        line = reader.line_num + 1
