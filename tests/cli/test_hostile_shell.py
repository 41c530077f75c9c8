"""The shell in bad weather: no traceback, a clean word, the right stream, nothing a terminal would obey."""

from __future__ import annotations

import io
import json
import os
import random
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from meta.cli import main
from meta.screen import show_progress

CATARACT = Path(__file__).resolve().parents[1] / "golden" / "cataract.csv"
FIT = ("fit", CATARACT, "--measure", "PLO", "--columns", "events=cases,n=total")
OBEYED = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")

Shell = Callable[..., Result]


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """Call the shell in an empty folder; an exception that is no exit is the test's failure."""
    monkeypatch.chdir(tmp_path)

    def run(*words: object) -> Result:
        done = CliRunner().invoke(main, [str(word) for word in words])
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert "Traceback" not in done.output
        assert OBEYED.search(done.output) is None
        return done

    return run


@pytest.mark.parametrize("command", ["run", "check", "fit", "init"])
def test_help_teaches_with_an_example_that_stands_on_lines_of_its_own(call: Shell, command: str) -> None:
    done = call(command, "--help")
    assert done.exit_code == 0
    assert f"\n  Example:  meta {command} " in done.stdout
    assert "\\b" not in done.stdout
    assert f"\n  {command} " in call("--help").stdout


def test_the_example_of_fit_runs_as_it_is_printed(call: Shell) -> None:
    text = call("fit", "--help").stdout.split("Example:  meta ")[1].split("\n\n")[0]
    words = text.replace("\\\n", " ").split()
    done = call(*(CATARACT if word == "cataract.csv" else word for word in words))
    assert done.exit_code == 0, done.output
    assert "per 10 000" in done.stdout.replace("\u202f", " ")


@pytest.mark.parametrize("words", [("--out", "file"), ("--out", "file/below"), ("--out", "x" * 300)])
def test_a_folder_that_cannot_be_written_is_named_before_anything_is_computed(
    call: Shell, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meta.pipeline.read_review", lambda _review: pytest.fail("computed first"))
    Path("file").write_text("mine", encoding="utf-8")
    done = call("run", *words)
    assert done.exit_code in (1, 2)
    assert words[1] in done.stderr
    assert done.stdout == ""
    assert [path.name for path in Path().iterdir()] == ["file"]


def test_a_figure_that_cannot_be_written_is_named(call: Shell) -> None:
    Path("file").write_text("mine", encoding="utf-8")
    done = call(*FIT, "--forest", "file/forest.svg")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "cannot write file/forest.svg" in done.stderr


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--per", "0"), "must be above 0"),
        (("--per", "-100"), "must be above 0"),
        (("--per", "nan"), "must be above 0"),
        (("--per", "inf"), "at most 1e+12"),
        (("--level", "nan"), "level must lie between 0 and 1"),
        (("--forest", "forest.gif"), "'svg', 'pdf', 'png'"),
        (("--columns", "events=cases,n=total,n=cases"), "'n' is given twice"),
        (("--columns", "events=,n=total"), "not of the form name=value"),
        (("--columns", ""), "not of the form name=value"),
        (("--measure", "plo"), "did you mean 'PLO'?"),
        (("--ci-guard", "se"), "ci_guard='se' is not used"),
    ],
)
def test_a_choice_that_is_not_offered_is_wrong_usage(call: Shell, words: tuple[str, str], text: str) -> None:
    done = call(*FIT, *words)
    assert (done.exit_code, done.stdout) == (2, "")
    assert text in done.stderr
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize("command", ["run", "check"])
@pytest.mark.parametrize("name", ["nowhere", "x" * 400, "bad\x1b[31mname", "half\udcffpair", "a/b/c", ""])
def test_a_review_that_is_not_there(call: Shell, command: str, name: str) -> None:
    done = call(command, name)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: ")


@pytest.mark.parametrize(
    ("text", "line"), [("title = [", 1), ('title = "a"\nx y\n', 2), ('a = 1\n\nb = "open', 3), ("", None)]
)
def test_a_protocol_that_is_no_toml_is_named_by_its_line(call: Shell, text: str, line: int | None) -> None:
    Path("review.toml").write_text(text, encoding="utf-8")
    done = call("check", ".", "--json")
    assert done.exit_code == 1
    problems = json.loads(done.stdout)["problems"]
    assert problems
    assert {problem["line"] for problem in problems} == {line}
    assert call("run", ".").exit_code == 1
    assert [path.name for path in Path().iterdir()] == ["review.toml"]


def test_json_is_ascii_whatever_stands_in_the_sheet(call: Shell) -> None:
    sheet = "study_id,e,n\nÅse\x1b[2J,1,10\n\u202eb,2,20\n精神,3,30\n"
    Path("s.csv").write_text(sheet, encoding="utf-8")
    words = ("fit", "s.csv", "--measure", "PLO", "--columns", "events=e,n=n", "--label", "study_id")
    done = call(*words, "--json")
    assert done.exit_code == 0, done.output
    assert done.stdout.isascii()
    labels = [study["label"] for study in json.loads(done.stdout)["studies"]]
    assert labels == ["Åse\x1b[2J", "\u202eb", "精神"]
    shown = call(*words)
    assert "Åse\\x1b[2J" in shown.stdout
    assert "\\u202eb" in shown.stdout
    assert "精神" in shown.stdout


def test_problems_go_to_json_too(call: Shell) -> None:
    Path("s.csv").write_text("study_id,e,n\na,five,10\nb,2,20\n", encoding="utf-8")
    done = call("fit", "s.csv", "--measure", "PLO", "--columns", "events=e,n=n", "--json")
    assert (done.exit_code, done.stderr) == (1, "")
    (problem,) = json.loads(done.stdout)["problems"]
    assert (problem["line"], problem["column"], problem["value"]) == (2, "e", "five")


def test_names_of_columns_and_files_cannot_drive_the_terminal(call: Shell) -> None:
    sheet = Path("s\x1b[31m.csv")
    sheet.write_text("study_id,e\x1b[2J,n\na,five,10\n", encoding="utf-8")
    done = call("fit", sheet, "--measure", "PLO", "--columns", "events=e\x1b[2J,n=n")
    assert done.exit_code == 1
    assert "s\\x1b[31m.csv line 2, e\\x1b[2J: " in done.stderr


def test_markup_of_the_screen_is_printed_as_it_is(call: Shell) -> None:
    Path("s.csv").write_text("study_id,e,n\n[red]a[/red],1,10\n[/],2,20\n:smile:,3,9\n", encoding="utf-8")
    done = call("fit", "s.csv", "--measure", "PLO", "--columns", "events=e,n=n", "--label", "study_id")
    assert done.exit_code == 0, done.output
    for name in ("[red]a[/red]", "[/]", ":smile:"):
        assert name in done.stdout


def test_a_cell_of_a_page_does_not_bury_the_other_problems(call: Shell) -> None:
    Path("s.csv").write_text(f"study_id,e,n\na,{'x' * 5000},10\nb,y,20\n", encoding="utf-8")
    done = call("fit", "s.csv", "--measure", "PLO", "--columns", "events=e,n=n")
    assert done.exit_code == 1
    assert max(len(line) for line in done.stderr.splitlines()) < 1000
    assert "line 3, e: 'y' is not a number" in done.stderr


def test_an_encoding_that_lacks_our_signs_ends_no_command(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "meta.cli", *map(str, FIT)]
    for encoding, read_as in (("cp1252", "cp1252"), ("ascii", "utf-8")):  # click writes UTF-8 for ASCII
        env = {**os.environ, "PYTHONIOENCODING": encoding}
        done = subprocess.run(words, cwd=tmp_path, env=env, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "616" in done.stdout.decode(read_as)


#: What a hand, a spreadsheet or a broken disk puts into a file.
PIECES = (
    *(b'"', b",", b"\n", b"\r", b'""', b"\xef\xbb\xbf", b"\x00", b"\xff", b"1e400", b"NaN", b"-", b"inf"),
    *(b"9" * 40, b"\t", b";", b"=1+1", "٣".encode(), b"1_000", b"0x10", b" ", b".", b"\x1b[2J", b"1.5"),
)


def test_progress_counts_steps_once_they_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", screen := Terminal())
    with show_progress() as tell:
        tell("[red] A share\x1b[2J", 1, 3)
    assert "reading" in screen.getvalue()
    assert "[red] A share\\x1b[2J" in screen.getvalue()
    assert "1/3" in screen.getvalue()
    assert "None" not in screen.getvalue()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_a_screen_that_cannot_be_written_is_told_in_one_line() -> None:
    shell = [sys.executable, "-c", "from meta.cli import main; main()"]
    with Path("/dev/full").open("w") as full:
        words = [str(word) for word in FIT]
        done = subprocess.run([*shell, *words], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "Error: cannot print: No space left on device\n")


def test_a_stderr_that_the_shell_closed_ends_no_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    with show_progress() as tell:
        tell("reading", 0, 1)


@pytest.mark.parametrize("seed", range(6))
def test_whatever_is_broken_in_a_sheet_gets_words_or_numbers(call: Shell, seed: int) -> None:
    rng, whole = random.Random(seed), CATARACT.read_bytes()
    codes = set()
    for _ in range(40):
        data = whole
        for _ in range(rng.randint(1, 2)):
            at = rng.randrange(len(data))
            cut = rng.choice((0, 0, 0, 1, 30))
            data = data[:at] + rng.choice(PIECES) + data[at + cut :]
        Path("s.csv").write_bytes(data)
        model = rng.choice((("--label", "authoryear"), ("--model", "random"), ("--moderators", "~ year")))
        done = call("fit", "s.csv", *FIT[2:], *model)
        assert done.exit_code in (0, 1)
        assert (done.stdout == "") is (done.exit_code == 1)
        codes.add(done.exit_code)
    assert codes == {0, 1}
