"""Rules of one cell: what is read, what is refused, and what the advice says."""

from __future__ import annotations

import pytest

from extraction.cells import read_cell
from extraction.codebook import Column
from extraction.faults import FLAGS
from extraction.number_text import number_word

COUNT = Column("events", "count", "People with the event")
PEOPLE = Column("n", "count", "People", low=1)
NUMBER = Column("weeks", "number", "Length", unit="weeks", above=0)
ANY = Column("y", "number", "Effect")
PERCENT = Column("pct", "percent", "Share")
YEAR = Column("year", "year", "Year of publication")
TEXT = Column("note", "text", "Note")
LINK = Column("source_url", "link", "Address")
ONSET = Column("onset", "category", "Onset", allowed=(("total", ""), ("early", ""), ("late", "")))
REQUIRED = Column("study_id", "text", "Short name of the study", required=True)


@pytest.mark.parametrize(
    ("column", "text", "value"),
    [
        (COUNT, "5", 5), (COUNT, " 5 ", 5), (COUNT, "5.0", 5), (COUNT, "+5", 5), (COUNT, "1e3", 1000),
        (COUNT, "007", 7),
        (ANY, "-0.5", -0.5), (ANY, ".5", 0.5), (ANY, "5.", 5.0), (ANY, "1e-3", 0.001),
        (PERCENT, "0", 0.0), (PERCENT, "100", 100.0), (YEAR, "2016", 2016), (YEAR, "2016.0", 2016),
        (TEXT, "NA", "NA"), (TEXT, "None", "None"), (TEXT, "007", "007"), (TEXT, " x ", "x"),
        (TEXT, "=1+1", "=1+1"),
        (TEXT, "3-Jan", "3-Jan"), (TEXT, "", None), (COUNT, "  ", None), (ONSET, "early", "early"),
        (LINK, "https://a.org ; http://b.org/x?y=1", "https://a.org ; http://b.org/x?y=1"),
    ],
)  # fmt: skip
def test_good_cells(column: Column, text: str, value: object) -> None:
    read, fault = read_cell(column, text)
    assert fault is None
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("column", "text", "rule", "advice"),
    [
        (COUNT, "-3", "negative-count", "counts start at 0"),
        (COUNT, "-0.5", "negative-count", "counts start at 0"),
        (COUNT, "12.5", "fractional-count", "number of people"),
        (COUNT, "99999999999", "out-of-range", "check the source"),
        (COUNT, "1e400", "out-of-range", "check the source"),
        (PEOPLE, "0", "out-of-range", "check the source"),
        (NUMBER, "0", "out-of-range", "unit"),
        (ANY, "1e400", "out-of-range", "check the source"),
        (PERCENT, "100.5", "percent-out-of-range", "check the source"),
        (PERCENT, "-1", "percent-out-of-range", "check the source"),
        (YEAR, "20166", "impossible-year", "four digits"),
        (YEAR, "2061", "impossible-year", "four digits"),
        (YEAR, "16", "impossible-year", "four digits"),
        (YEAR, "-2016", "impossible-year", "four digits"),
        (YEAR, "2016.5", "impossible-year", "four digits"),
        (COUNT, "2O0", "number-with-letters", "is 200 meant?"),
        (COUNT, "l2", "number-with-letters", "is 12 meant?"),
        (COUNT, "1S", "number-with-letters", "is 15 meant?"),
        (COUNT, "O", "number-with-letters", "is 0 meant?"),
        (ANY, "0.I5", "number-with-letters", "is 0.15 meant?"),
        (COUNT, "five", "number-with-letters", "write 5"),
        (COUNT, "Twenty-five", "number-with-letters", "write 25"),
        (COUNT, "12 people", "number-with-letters", "words to a note"),
        (COUNT, "1,234", "number-with-comma", "decimal separator as a point"),
        (ANY, "1,5", "number-with-comma", "decimal separator as a point"),
        (ANY, "1.234,5", "number-with-comma", "decimal separator as a point"),
        (PERCENT, "45%", "number-with-unit", "write 45 without it"),
        (ANY, "\N{MINUS SIGN}5", "not-a-number", "is -5 meant?"),
        (COUNT, "1 234", "not-a-number", "is 1234 meant?"),
        (COUNT, "\uff11\uff12", "not-a-number", "is 12 meant?"),
        (COUNT, "NA", "not-a-number", "leave the cell empty"),
        (COUNT, "?", "not-a-number", "leave the cell empty"),
        (COUNT, "<5", "not-a-number", "write digits"),
        (COUNT, "5-10", "not-a-number", "write digits"),
        (COUNT, "1_000", "not-a-number", "write digits"),
        (ANY, "nan", "not-a-number", "leave the cell empty"),
        (ANY, "inf", "not-a-number", "write digits"),
        (COUNT, "True", "not-a-number", "write digits"),
        (COUNT, "3-Jan", "cell-is-date", "type the value again"),
        (COUNT, "Mar-10", "cell-is-date", "type the value again"),
        (COUNT, "10-Mrz", "cell-is-date", "type the value again"),
        (COUNT, "1. Okt", "cell-is-date", "type the value again"),
        (COUNT, "2024-05-03 00:00:00", "cell-is-date", "type the value again"),
        (COUNT, "2024-05-03T00:00:00", "cell-is-date", "type the value again"),
        (YEAR, "01/03/2024", "cell-is-date", "type the value again"),
        (ANY, "12:30", "cell-is-date", "type the value again"),
        (ONSET, "3-Jan", "cell-is-date", "type the value again"),
        (COUNT, "#DIV/0!", "cell-is-error", "leave the cell empty if unknown"),
        (TEXT, "#N/A", "cell-is-error", "leave the cell empty if unknown"),
        (TEXT, "Err:502", "cell-is-error", "leave the cell empty if unknown"),
        (ONSET, "erly", "unknown-category", "did you mean 'early'?; allowed: total, early, late"),
        (ONSET, "Total", "unknown-category", "did you mean 'total'?"),
        (REQUIRED, " ", "required-missing", "give study_id: Short name of the study"),
    ],
)
def test_bad_cells_name_the_rule_and_say_what_to_do(
    column: Column, text: str, rule: str, advice: str
) -> None:
    value, fault = read_cell(column, text)
    assert value is None
    assert fault is not None
    assert fault.rule == rule
    assert advice in fault.advice
    assert not fault.warning
    assert text.strip() in fault.message or text.strip() in fault.message.encode().decode("unicode_escape")
    assert not fault.message.endswith(".")


def test_words_are_no_numbers_unless_they_are_whole() -> None:
    known = ("zero", "Nineteen", "ninety", "forty two", "a dozen", "one hundred")
    assert [number_word(text) for text in known] == [
        0, 19, 90, 42, 12, 100,
    ]  # fmt: skip
    assert [number_word(text) for text in ("", "twenty eleven", "two thousand", "fiver", "a five")] == [
        None
    ] * 5


@pytest.mark.parametrize(
    "text", ["javascript:alert(1)", "www.a.org", "https://a.org; and more", "https://a.org ; b"]
)
def test_a_link_that_is_none_is_a_warning_and_stays(text: str) -> None:
    value, fault = read_cell(LINK, text)
    assert value == text
    assert fault is not None
    assert fault.rule == "not-a-link"
    assert fault.warning


@pytest.mark.parametrize("flag", FLAGS)
def test_a_flagged_cell_is_refused_whatever_its_text(flag: str) -> None:
    value, fault = read_cell(PERCENT, "5", flag)
    assert value is None
    assert fault is not None
    assert fault.rule == flag


def test_a_percent_format_matters_in_percent_columns_only() -> None:
    assert read_cell(ANY, "0.45", "percent-format") == (0.45, None)


def test_a_long_cell_is_cut_in_the_message() -> None:
    _, fault = read_cell(COUNT, "x" * 5000)
    assert fault is not None
    assert len(fault.message) < 150
