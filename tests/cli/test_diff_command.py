"""``meta diff``: releases, versions and reviews at work, in any order, three forms, clean words."""

import json

import pytest
from click.testing import CliRunner

from meta.cli import main

PROTOCOL = """\
title = "Four cohorts"
question = "What changed?"

[sheets.cohorts]
file = "cohorts.csv"
schema = "generic"
key = ["study_id"]

[[analyses]]
id = "share"
title = "A share"
question = "What share?"
sheet = "cohorts"
label = "study_id"
measure = "PLO"
columns = {events = "events", n = "n"}
profile = "house@1"
unit = {factor = 100, heading = "Per 100", axis = "Affected, per 100"}
"""

SHEET = "study_id,events,n,note\nA1999,3,40,\nB2004,2,25,\nC2011,12,90,\nD2015,7,61,\n"


@pytest.fixture
def shell(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def call(*words):
        done = CliRunner().invoke(main, [str(word) for word in words])
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert "Traceback" not in done.output
        return done

    return call


@pytest.fixture
def review(shell, tmp_path):
    """A review with two releases and a corrected cell since."""
    folder = tmp_path / "rev"
    folder.mkdir()
    (folder / "review.toml").write_text(PROTOCOL, encoding="utf-8")
    for version, sheet in (("1.0", SHEET), ("1.1", SHEET + "E2020,5,44,\n")):
        (folder / "cohorts.csv").write_text(sheet, encoding="utf-8")
        made = shell("release", "rev", "--version", version, "--note", f"Note of {version}")
        assert made.exit_code == 0, made.output
    (folder / "cohorts.csv").write_text(SHEET.replace("12,90", "21,90") + "E2020,5,44,\n", encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("old", "new", "heading", "points"),
    [
        ("1.0", "rev", "1.0 to the working review", ["E2020 came", "C2011 changed"]),
        ("rev", "1.0", "the working review to 1.0", ["E2020 went", "C2011 changed"]),
        ("rev/review.toml", "1.1", "the working review to 1.1", ["C2011 changed"]),
        ("rev/releases/1.0", "1.1", "1.0 to 1.1", ["E2020 came"]),
        ("1.1", "rev/releases/1.0", "1.1 to 1.0", ["E2020 went"]),
        ("rev/releases/1.0", "rev/releases/1.1", "1.0 to 1.1", ["E2020 came"]),
    ],
)
@pytest.mark.usefixtures("review")
def test_each_side_is_a_release_a_version_or_a_review(shell, old, new, heading, points):
    done = shell("diff", old, new)
    assert done.exit_code == 0
    assert done.stderr == ""
    assert done.stdout.startswith(f"What changed from {heading}\n  The one analysis changed.")
    for point in points:
        assert f"  - {point} (cohorts.csv, line " in done.stdout
    assert done.stdout.count(" (cohorts.csv, line ") == len(points)


def test_versions_are_looked_up_in_the_folder_of_releases_that_is_named(shell, review, monkeypatch):
    assert shell("diff", "1.0", "1.1", "--releases", "rev/releases").exit_code == 0
    monkeypatch.chdir(review)
    assert shell("diff", "1.0", "1.1").exit_code == 0
    assert shell("diff", "1.0", ".").exit_code == 0
    monkeypatch.chdir(review / "releases" / "1.1")
    assert shell("diff", "1.0", ".").stdout.startswith("What changed from 1.0 to 1.1\n")


@pytest.mark.usefixtures("review")
def test_the_screen_shows_numbers_and_cells(shell):
    text = shell("diff", "1.1", "rev").stdout
    lines = text.splitlines()
    assert "A share (share)" in lines
    (estimate,) = (line for line in lines if line.strip().startswith("Per 100 [CI]"))
    assert estimate.count("[") == 3
    assert "  - C2011 changed (cohorts.csv, line 4): events 12 → 21" in lines
    assert "  - C2011 changed, line 4: events 12 → 21; used by share" in lines
    assert all(line == line.rstrip() for line in lines)


def test_json_holds_every_difference(shell, review):
    found = json.loads(shell("diff", "1.0", "rev", "--json").stdout)
    assert (found["format"], found["old"], found["new"]) == (
        "trs-meta-changes@1",
        "1.0",
        "the working review",
    )
    assert found["old_note"] == "Note of 1.0"
    assert [(row["what"], row["label"]) for row in found["sheets"][0]["rows"]] == [
        ("came", "E2020"),
        ("changed", "C2011"),
    ]
    (analysis,) = found["analyses"]
    assert (analysis["what"], analysis["old"]["k"], analysis["new"]["k"]) == ("changed", 4, 5)
    assert str(review) not in json.dumps(found)


@pytest.mark.usefixtures("review")
def test_markdown_is_the_same_comparison(shell):
    text = shell("diff", "1.0", "1.1", "--releases", "rev/releases", "--markdown").stdout
    assert text.startswith("# What changed from 1.0 to 1.1\n\nThe one analysis changed.")
    assert "- E2020 came (cohorts.csv, line 6)" in text
    assert text == shell("diff", "rev/releases/1.0", "rev/releases/1.1", "--markdown").stdout


@pytest.mark.usefixtures("review")
def test_without_a_difference_it_says_so_and_is_no_failure(shell):
    done = shell("diff", "rev", "rev")
    assert done.exit_code == 0
    assert done.stdout.startswith("What changed from rev to rev\n")
    assert "The one analysis did not change. No row of a sheet differs. No choice that can" in done.stdout


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (("diff", "1.0"), 2, "Missing argument 'B'"),
        (("diff", "1.0", "rev", "--json", "--markdown"), 2, "--json and --markdown exclude each other"),
        (
            ("diff", "1.9", "rev"),
            1,
            "Error: there is no '1.9', neither a path nor a release in rev/releases; "
            "releases there: 1.0, 1.1\n",
        ),
        (("diff", "1.0", "1.1"), 1, "neither a path nor a release in releases; there are no releases"),
        (("diff", "empty", "rev"), 1, "Error: no protocol at empty/review.toml"),
        (("diff", "\x1b[31m", "rev"), 1, "there is no '\\x1b[31m'"),
    ],
)
@pytest.mark.usefixtures("review")
def test_bad_input_gets_clean_words(shell, tmp_path, words, code, text):
    (tmp_path / "empty").mkdir()
    done = shell(*words)
    assert done.exit_code == code
    assert text in done.stderr
    assert done.stdout == ""
    assert str(tmp_path) not in done.stderr


def test_a_problem_of_the_working_review_is_named_as_by_check(shell, review):
    (review / "cohorts.csv").write_text(SHEET.replace("12,90", "120,90"), encoding="utf-8")
    done = shell("diff", "1.0", "rev")
    assert done.exit_code == 1
    assert "cohorts.csv line 4" in done.stderr
    assert "events-exceed-n" in done.stderr
    as_json = json.loads(shell("diff", "1.0", "rev", "--json").stdout)
    assert as_json["problems"][0]["rule"] == "events-exceed-n"


def test_a_release_that_was_altered_is_refused_in_words(shell, review):
    sheet = review / "releases" / "1.0" / "review" / "cohorts.csv"
    sheet.write_bytes(sheet.read_bytes().replace(b"12,90", b"13,90"))
    done = shell("diff", "1.0", "rev")
    assert done.exit_code == 1
    assert "this is not the file that was released" in done.stderr


def test_cells_cannot_drive_the_terminal(shell, review):
    said = "\u202eevil\u2066"
    sheet = SHEET.replace("C2011", said).replace("12,90,", f"21,90,{said}")
    (review / "cohorts.csv").write_text(sheet, encoding="utf-8")
    for form in ((), ("--markdown",), ("--json",)):
        done = shell("diff", "1.0", "rev", *form)
        assert done.exit_code == 0, done.output
        assert not {"\u202e", "\u2066"} & set(done.stdout)
        assert "evil" in done.stdout


def test_a_reason_with_line_feeds_stays_on_its_line(shell, review):
    reason = 'exclude = [{row = "A1999", reason = "gone\\n\\nOther (other)\\n  The same."}]'
    path = review / "review.toml"
    path.write_text(path.read_text(encoding="utf-8") + reason, encoding="utf-8")
    done = shell("diff", "1.1", "rev")
    assert "left out by name: gone\\n\\nOther (other)\\n  The same." in done.stdout
    assert "Other (other)" not in [line.strip() for line in done.stdout.splitlines()]
