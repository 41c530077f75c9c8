"""One table as CSV and LaTeX: what the report shows, inert in a spreadsheet and in TeX."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

import pytest
from report_factory import HOSTILE

from meta.errors import OptionError
from meta.report.context import build_context
from meta.report.formats import choose_tables
from meta.report.pieces import Shown, plain
from meta.report.table_formats import escape_latex, table_csv, table_files, table_latex
from meta.report.views import Column, Table, row


def table(*cells: Any) -> Table:
    return Table("Title", tuple(Column(f"c{i}", number=i > 0) for i in range(len(cells))), (row(*cells),))


@pytest.mark.parametrize("text", ["=1+1", "+SUM(A1)", "-2", "@cmd", "\t=1", "'=1", "\uff1d1"])
def test_text_that_a_spreadsheet_would_run_stands_behind_an_apostrophe(text: str) -> None:
    (_, cells) = csv.reader(io.StringIO(table_csv(table(text))))
    assert cells[0].startswith("'")
    assert cells[0][1:] == text.strip()


def test_numbers_of_the_results_are_left_alone() -> None:
    shift = Shown("+2.8", "analyses.a.shift")
    (_, cells) = csv.reader(io.StringIO(table_csv(table("a", shift, ("+", shift)))))
    assert cells == ["a", "+2.8", "'++2.8"]


def test_thousands_and_minus_signs_stay_as_the_report_has_them() -> None:
    (_, cells) = csv.reader(io.StringIO(table_csv(table("a", "1\u202f234", "\u22120.30"))))
    assert cells == ["a", "1\u202f234", "\u22120.30"]


def test_notes_follow_after_an_empty_line() -> None:
    noted = Table("T", (Column("a"),), (row("x"),), (("=why",), ()))
    assert table_csv(noted) == "a\nx\n\n'=why\n"


def test_latex_escapes_whatever_it_would_act_upon() -> None:
    assert escape_latex(r"\input{/etc/passwd} 5% & $x_1^2$ #~|<>") == (
        r"\textbackslash{}input\{/etc/passwd\} 5\% \& \$x\_1\textasciicircum{}2\$ "
        r"\#\textasciitilde{}\textbar{}\textless{}\textgreater{}"
    )
    # no option of a line end, no ligature, no second line
    assert escape_latex("[5cm] a--b\nc\u2028d") == r"{[}5cm{]} a-{}-{}b c d"
    assert escape_latex("\u22120.3 \u2295 1\u202f234") == r"\ensuremath{-}0.3 \ensuremath{\oplus} 1\,234"


def test_latex_is_a_table_with_a_head_on_every_page() -> None:
    made = Table(
        "A & B",
        (Column("Study"), Column("n", number=True), Column("Why", prose=True)),
        (row("x_1", Shown("12", "a.b"), "a reason"), row("All", Shown("9", "a.c"), "", strong=True)),
        (("50% of them.",),),
    )
    said = table_latex(made).splitlines()
    assert said[1] == r"\begin{longtable}{lr>{\raggedright\arraybackslash}p{0.260\linewidth}}"
    assert said[2] == r"\caption{A \& B} \\"
    assert r"x\_1 & 12 & a reason \\" in said
    assert r"\textbf{All} & \textbf{9} &  \\" in said
    assert said.index(r"\endhead") < said.index(r"x\_1 & 12 & a reason \\")
    assert said[-1] == r"\par\noindent 50\% of them."


def test_every_table_of_the_report_is_a_file_of_its_own(results: dict[str, Any]) -> None:
    view = build_context(results)
    files = table_files(view, ("csv", "latex"))
    shown = [t for a in view.analyses for b in a.blocks for t in (*b.tables, *b.hidden) if t.rows]
    assert len(files) > 2 * len(shown)
    assert all(re.fullmatch(r"tables/[A-Za-z0-9_-]{1,90}\.(csv|tex)", name) for name in files)
    assert files == table_files(view, ("csv", "latex"))
    header, *rows = csv.reader(io.StringIO(files["tables/all-analyses-at-a-glance.csv"].decode("utf-8")))
    assert header == [column.heading for column in view.glance.columns]
    assert rows[0] == [plain(cell) for cell in view.glance.rows[0].cells]


def test_hostile_text_is_inert_in_both() -> None:
    for cell in (HOSTILE, f"=1 {HOSTILE}"):
        (_, cells) = csv.reader(io.StringIO(table_csv(table(cell))))
        assert not re.match(r"[=+\-@\t\r]", cells[0])
        body = table_latex(table(cell))
        assert not re.search(r"(?<!\\)[$#&%](?!\s*(?:For|\\usepackage))", body.split(r"\endfoot")[1])
        assert "\u202e" not in body


def test_formats_are_each_once_and_known() -> None:
    assert choose_tables(["latex", "csv", "latex"]) == ("csv", "latex")
    assert choose_tables([]) == ()
    with pytest.raises(OptionError, match="tables must be one of 'csv', 'latex'; got 'xls'"):
        choose_tables(["xls"])
