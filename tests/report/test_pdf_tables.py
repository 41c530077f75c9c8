"""Tables of the PDF: no text is cut, whatever stands in the cells."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meta.plots.theme import text_width
from meta.report.pdf_tables import CELL_INSET, LYING, UPRIGHT, lay_out
from meta.report.pdf_text import BREAK, Letters, fold_sentence
from meta.report.pieces import Link, Shown, plain
from meta.report.views import Column, Table, row

WORDS = st.text(st.sampled_from("abcdé -/.,0123456789_ñΩя\u00a0\u202f"), max_size=120)


@st.composite
def tables(draw: st.DrawFn) -> Table:
    width = draw(st.integers(1, 20))
    kinds = st.sampled_from([{}, {"number": True}, {"wide": True}, {"prose": True}])
    columns = tuple(Column(draw(WORDS), **draw(kinds)) for _ in range(width))
    texts = draw(st.lists(st.lists(WORDS, min_size=width, max_size=width), min_size=1, max_size=6))
    return Table("A table", columns, tuple(row(*cells, strong=draw(st.booleans())) for cells in texts))


@settings(deadline=None, max_examples=60, derandomize=True)
@given(tables())
def test_every_part_fits_its_page_and_every_column_is_shown(table: Table) -> None:
    parts = lay_out(table)
    shown = [place for part in parts for place in part.columns[1 if part is not parts[0] else 0 :]]
    assert shown == list(range(len(table.columns)))
    for part in parts:
        assert sum(part.widths) <= (LYING if part.lying else UPRIGHT) + 1e-6
        for place, width in zip(part.columns, part.widths, strict=True):
            room = width - 2.0 * CELL_INSET
            for one in table.rows:
                face = "bold" if one.strong else "regular"
                folded = plain(fold_sentence(one.cells[place], room, part.size, face))
                assert folded.replace(BREAK, "") == plain(one.cells[place])
                for line in folded.replace(BREAK, " ").split(" "):
                    # a column cannot be narrower than one letter
                    assert len(line) <= 1 or text_width(line, part.size, face) <= room + 1e-6


def test_a_table_of_short_columns_stays_upright_at_its_natural_width() -> None:
    table = Table("t", (Column("Name"), Column("n", number=True)), (row("a", "1"), row("b", "2")))
    (part,) = lay_out(table)
    assert not part.lying
    assert sum(part.widths) < 40.0


def test_a_wide_table_lies_on_its_side_and_a_wider_one_comes_in_parts() -> None:
    columns = tuple(Column(f"A heading {i}") for i in range(13))
    wide = Table("t", columns, tuple(row(*["twenty-letters-long."] * 13) for _ in range(8)))
    assert [part.lying for part in lay_out(wide)] == [True, True]
    assert all(part.columns[0] == 0 for part in lay_out(wide))
    seven = Table("t", columns[:9], tuple(one for one in (row(*["sixteen-letters."] * 9),) * 8))
    assert [part.lying for part in lay_out(seven)] == [True]


def test_a_wide_table_of_few_rows_stays_upright() -> None:
    columns = tuple(Column(f"A heading {i}") for i in range(13))
    parts = lay_out(Table("t", columns, (row(*["twenty-letters-long."] * 13),)))
    assert len(parts) > 1
    assert not any(part.lying for part in parts)


def test_numbers_stay_whole() -> None:
    interval = (Shown("12.7", "a"), " [", Shown("10.9", "b"), ", ", Shown("14.7", "c"), "]")
    columns = (Column("Study", prose=True), Column("CI", number=True), Column("Note", prose=True))
    (part,) = lay_out(Table("t", columns, (row("word " * 90, interval, "word " * 200),)))
    assert part.widths[1] >= text_width("12.7 [10.9, 14.7]", part.size) + 2.0 * CELL_INSET


def test_a_tall_row_may_break_over_pages() -> None:
    columns = (Column("a"), *(Column("b", prose=True) for _ in range(4)))
    (part,) = lay_out(Table("t", columns, (row("x", *["word " * 500] * 4), row("x", *["word"] * 4))))
    assert part.tall == {0}


def test_a_fold_keeps_pieces_and_addresses() -> None:
    sentence = ("see ", Link("a" * 60, "https://x.example"), Shown("1" * 40, "id", "#there"), " end")
    folded = fold_sentence(sentence, 20.0, 8.0)
    assert plain(folded).replace(BREAK, "") == plain(sentence)
    assert isinstance(folded[1], Link)
    assert folded[1].href == "https://x.example"
    assert folded[2] == Shown(folded[2].text, "id", "#there")  # type: ignore[union-attr]
    assert fold_sentence(("short words ",), 20.0, 8.0) == ("short words ",)


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("tau² = 0.3, I² 97%, −1.2 ≤ x", "tau² = 0.3, I² 97%, −1.2 ≤ x"),
        ("soft\u00adhyphen \ufeffmark", "softhyphen mark"),
        ("אב גד 12", "אב גד\u200e 12"),
        ("张", "\ufffd"),
        ("Müller, Çelik, Ωμέγα, Иванов", "Müller, Çelik, Ωμέγα, Иванов"),
    ],
)
def test_letters(text: str, clean: str) -> None:
    assert Letters().clean(text) == clean


def test_the_warning_names_some_and_counts_the_rest() -> None:
    letters = Letters()
    letters.clean("一丁丂七丄丅丆万")
    assert letters.warning().startswith("report.pdf: DejaVu Sans has no glyph for '一' (U+4E00 CJK")
    assert "and 2 more; \ufffd stands there" in letters.warning()
    assert Letters().warning() == ""
