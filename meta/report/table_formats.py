"""One table of the report as CSV and as LaTeX; Markdown, HTML, Word and PDF have writers of their own."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from typing import Literal

from extraction.grid import neutralise
from extraction.names import safe_name
from meta.report.pieces import Sentence, Shown, plain
from meta.report.views import Block, ReportView, Table

#: Formats in which tables are written on request.
TableFormat = Literal["csv", "latex"]

#: Ending of the file of each.
ENDINGS: dict[TableFormat, str] = {"csv": "csv", "latex": "tex"}

#: Most of the line that a column of words takes, so that numbers beside it have room.
MOST_SHARE = 0.26

#: Longest stem of a file, letters.
LONGEST_STEM = 80

_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "%": r"\%",
    "#": r"\#",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    # no ligatures and no options: -- is a dash, ?` and [ mean something after \\
    "-": r"-{}",
    "`": r"\textasciigrave{}",
    "'": r"\textquotesingle{}",
    "[": r"{[}",
    "]": r"{]}",
    "*": r"{*}",
}
#: Signs of the report's own numbers and words that every LaTeX sets by name.
_SIGNS = {
    "\u2212": r"\ensuremath{-}",
    "\u2013": r"\textendash{}",
    "\u2014": r"\textemdash{}",
    "\u202f": r"\,",
    "\u00a0": "~",
    "\u00d7": r"\ensuremath{\times}",
    "\u221e": r"\ensuremath{\infty}",
    "\u00b2": r"\ensuremath{^2}",
    "\u03c4": r"\ensuremath{\tau}",
    "\u03bc": r"\ensuremath{\mu}",
    "\u03c7": r"\ensuremath{\chi}",
    "\u03c6": r"\ensuremath{\phi}",
    "\u03a6": r"\ensuremath{\Phi}",
    "\u2264": r"\ensuremath{\le}",
    "\u2265": r"\ensuremath{\ge}",
    "\u2192": r"\ensuremath{\rightarrow}",
    "\u2295": r"\ensuremath{\oplus}",
    "\u25ef": r"\ensuremath{\bigcirc}",
    "\u201c": "``",
    "\u201d": "''",
    "\u2018": "`",
    "\u2019": "'",
    "\u2026": r"\ldots{}",
    "\u2020": r"\dag{}",
    "\u00b7": r"\ensuremath{\cdot}",
}
_ESCAPES = str.maketrans({**_LATEX, **_SIGNS})

#: What would turn the direction of the text around it, break its line, or be no text at all.
_CONTROLS = re.compile(
    "[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]+"
)

#: First lines of a LaTeX table, for whoever opens the file.
_HEAD = "% For \\usepackage{longtable,booktabs,array,textcomp} and a Unicode engine or inputenc."


def table_csv(table: Table) -> str:
    """Return a table as CSV (RFC 4180 with line feeds): headings, then a line a row.

    Cells are as the report shows them. Text that a spreadsheet would run as a formula stands behind an
    apostrophe; a cell that begins with a number of the results is left alone. Notes follow after an empty
    line, one a line.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([neutralise(_line(column.heading)) for column in table.columns])
    for row in table.rows:
        writer.writerow([_csv_cell(cell) for cell in row.cells])
    notes = [note for note in table.notes if plain(note)]
    if notes:
        writer.writerow([])
        for note in notes:
            writer.writerow([_csv_cell(note)])
    return out.getvalue()


def _csv_cell(cell: Sentence) -> str:
    said = [piece for piece in cell if not (isinstance(piece, str) and not piece)]
    text = _line(plain(cell))
    return text if said and isinstance(said[0], Shown) else neutralise(text)


def _line(text: str) -> str:
    """Return text on one line; the narrow spaces inside numbers stay."""
    return " ".join(part for part in _CONTROLS.sub(" ", text).split(" ") if part)


def table_latex(table: Table) -> str:
    """Return a table as a ``longtable`` with booktabs' rules, whose head is repeated on every page.

    Every character that LaTeX gives a meaning is escaped, so text of a sheet stays text. Columns of prose
    wrap; numbers are set to the right.
    """
    heads = " & ".join(rf"\textbf{{{escape_latex(column.heading)}}}" for column in table.columns)
    lines = [
        _HEAD,
        rf"\begin{{longtable}}{{{_column_types(table)}}}",
        rf"\caption{{{escape_latex(table.caption)}}} \\",
        r"\toprule",
        rf"{heads} \\",
        r"\midrule",
        r"\endhead",
        r"\bottomrule",
        r"\endfoot",
    ]
    for row in table.rows:
        cells = [escape_latex(plain(cell)) for cell in row.cells]
        lines.append(" & ".join(rf"\textbf{{{c}}}" if row.strong and c else c for c in cells) + r" \\")
    lines.append(r"\end{longtable}")
    lines += [rf"\par\noindent {escape_latex(plain(note))}" for note in table.notes if plain(note)]
    return "\n".join(lines) + "\n"


def _column_types(table: Table) -> str:
    """Return the columns as LaTeX has them; those with words share what the line leaves them."""
    wide = [column for column in table.columns if column.prose or column.wide]
    share = min(0.6 / len(wide), MOST_SHARE) if wide else 0.0
    kinds = []
    for column in table.columns:
        if column.prose or column.wide:
            kinds.append(rf">{{\raggedright\arraybackslash}}p{{{share:.3f}\linewidth}}")
        else:
            kinds.append("r" if column.number or column.right else "l")
    return "".join(kinds)


def escape_latex(text: str) -> str:
    """Return text that LaTeX sets as it is, on one line."""
    return _line(text).translate(_ESCAPES)


def table_files(view: ReportView, formats: tuple[TableFormat, ...]) -> dict[str, bytes]:
    """Return every table of the report in the formats asked for, by path below ``tables/``."""
    files: dict[str, bytes] = {}
    for stem, table in _named_tables(view):
        for name in formats:
            text = table_csv(table) if name == "csv" else table_latex(table)
            files[f"tables/{stem}.{ENDINGS[name]}"] = text.encode("utf-8")
    return files


def _named_tables(view: ReportView) -> Iterator[tuple[str, Table]]:
    """Walk the tables in reading order, each with a name that no other has."""
    taken: set[str] = set()
    for prefix, table in _tables(view):
        if not table.rows:
            continue
        words = safe_name(re.sub(r"[^\w]+", "-", table.caption.lower()).strip("-"))
        base = (f"{prefix}-{words}" if prefix else words)[:LONGEST_STEM].rstrip("-_") or "table"
        stem, count = base, 1
        while stem in taken:
            count += 1
            stem = f"{base}-{count}"
        taken.add(stem)
        yield stem, table


def _tables(view: ReportView) -> Iterator[tuple[str, Table]]:
    yield "", view.glance
    yield from (("", table) for table in _of(view.findings))
    if view.changes is not None:
        yield "changes", view.changes.table
        yield from (("changes", table) for fold in view.changes.folds for table in fold.tables)
    for analysis in view.analyses:
        yield analysis.anchor, analysis.summary
        for block in (analysis.selection, *analysis.blocks, analysis.studies):
            yield from ((analysis.anchor, table) for table in _of(block))
    judged = (view.flow, view.bias, view.excluded)
    behind = (view.problems, view.crosscheck, view.provenance, view.checklist)
    for block in (view.overlap, *judged, *behind):
        yield from (("", table) for table in _of(block))


def _of(block: Block) -> tuple[Table, ...]:
    return (*block.tables, *block.hidden)
