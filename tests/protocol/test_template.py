"""The files of a new review: a plan that teaches, and that passes its check once the sheet is filled."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from extraction.codebook import find_schema
from extraction.errors import ReviewError
from extraction.sheet import read_sheet
from extraction.template import SHEET_COLUMNS, new_review_files, write_new_review
from meta.protocol.reader import check_protocol, read_protocol, sheet_pairs, sheet_types
from meta.protocol.selection import select_rows

#: What the starter shows of a sheet beyond its file and codebook.
ENTRY_KEYS = ("types", "key", "delimiter", "decimal", "missing", "study", "arm", "control")

#: A review that nobody here wrote: congenital cataract.
#: Source: github wnk4242/meta-analysis-of-proportion at ea75c06 (MIT licence), unchanged.
CATARACT = Path(__file__).parent.parent / "golden" / "cataract.csv"

TITLES = ["Congenital cataract at birth", 'A "quoted" \\ title', "Ärzte, größer — 精神", "tab\tand\nline"]


@pytest.mark.parametrize("title", TITLES)
def test_the_protocol_is_valid_and_carries_the_title(tmp_path: Path, title: str) -> None:
    write_new_review(tmp_path, title)
    assert read_protocol(tmp_path).title == " ".join(title.split())
    assert " ".join(title.split()) in (tmp_path / "README.md").read_text(encoding="utf-8")


def test_the_sheet_has_columns_that_the_codebook_explains() -> None:
    contents = new_review_files("T")
    assert contents["sheet.csv"] == ",".join(SHEET_COLUMNS) + "\n"
    assert set(SHEET_COLUMNS) <= set(find_schema("generic").names)
    assert all(f"`{name}`" in contents["CODEBOOK.md"] for name in SHEET_COLUMNS)


def test_a_filled_sheet_passes_and_is_chosen_from(tmp_path: Path) -> None:
    write_new_review(tmp_path, "T")
    filled = {"study_id": "Smith2001", "year": "2001", "country": "Norway", "events": "3", "n": "40"}
    other = {**filled, "study_id": "Jones2004", "n": "90", "overlaps_with": "Smith2001"}
    lines = [",".join(row.get(name, "") for name in SHEET_COLUMNS) for row in (filled, other)]
    with (tmp_path / "sheet.csv").open("a", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    protocol, problems = check_protocol(tmp_path)
    assert problems == ()
    assert protocol is not None
    chosen = select_rows(read_sheet(tmp_path / "sheet.csv", "generic"), protocol.analyses[0])
    assert chosen.labels == ("Jones2004",)
    assert chosen.warnings == ()


#: How the lines of the starter begin that are examples.
EXAMPLES = (
    *("# filters", "#   {", "# ]", "# subgroups", "# moderators", "# threshold"),
    *("# alternatives", "# model = {pi"),
    *(f"# {key} =" for key in ENTRY_KEYS),
)


def uncommented(text: str) -> str:
    """Return a protocol with its commented examples switched on, where they are whole."""
    lines = []
    for line in text.splitlines():
        bare = line.removeprefix("# ")
        example = line.startswith(EXAMPLES)
        lines.append(bare if example else line)
    return "\n".join(lines)


def test_the_examples_in_the_remarks_are_valid_too(tmp_path: Path) -> None:
    contents = new_review_files("T")
    text = uncommented(contents["review.toml"])
    shown = {"filters", "subgroups", "moderators", "threshold", "alternatives", "model"}
    assert shown <= tomllib.loads(text)["analyses"][0].keys()
    assert set(ENTRY_KEYS) <= tomllib.loads(text)["sheets"]["main"].keys()
    (tmp_path / "review.toml").write_text(text, encoding="utf-8")
    (tmp_path / "sheet.csv").write_text(contents["sheet.csv"], encoding="utf-8")
    assert check_protocol(tmp_path)[1] == ()


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "sheet.csv").write_text("mine", encoding="utf-8")
    with pytest.raises(ReviewError, match=r"already holds sheet\.csv; nothing was written"):
        write_new_review(tmp_path, "T")
    assert [path.name for path in tmp_path.iterdir()] == ["sheet.csv"]
    with pytest.raises(ReviewError, match="is a file; a review is a folder"):
        write_new_review(tmp_path / "sheet.csv", "T")


def test_a_review_needs_a_title() -> None:
    with pytest.raises(ReviewError, match="a review needs a title"):
        new_review_files("  \n")


def test_another_review_needs_a_few_words_changed_only(tmp_path: Path) -> None:
    text = new_review_files("Congenital cataract at birth")["review.toml"]
    changes = {
        'label = "study_id"': 'label = "authoryear"',
        'columns = {events = "events", n = "n"}\n\n': 'columns = {events = "cases", n = "total"}\n\n',
        'factor = 100, heading = "Per 100", axis = "With the outcome, per 100 people"': (
            'factor = 10000, heading = "Per 10,000", axis = "Congenital cataract, per 10,000 births"'
        ),
        '{column = "country", heading = "Country"}': '{column = "studydesign", heading = "Design"}',
        'file = "sheet.csv"': 'file = "cataract.csv"',
    }
    for old, new in changes.items():
        assert text.count(old) == 1
        text = text.replace(old, new)
    (tmp_path / "review.toml").write_text(text, encoding="utf-8")
    (tmp_path / "cataract.csv").write_bytes(CATARACT.read_bytes())
    protocol, problems = check_protocol(tmp_path)
    assert problems == ()
    assert protocol is not None
    types, pairs = sheet_types(protocol, "main"), sheet_pairs(protocol, "main")
    assert (types, pairs) == ({"cases": "count", "total": "count"}, (("cases", "total"),))
    sheet = read_sheet(tmp_path / "cataract.csv", "generic", types=types, pairs=pairs)
    chosen = select_rows(sheet, protocol.analyses[0])
    assert len(chosen.sheet) == 17
    assert chosen.labels[:2] == ("Stewart-Brown 1988", "SanGiovanni 2002")
    assert sum(row["cases"] for row in chosen.sheet.rows) == 2159  # type: ignore[misc]
    assert chosen.record["overlap"]["set_aside"] == []
