"""The shell: exit codes, streams, JSON, clean words on bad input; from an empty folder to a report."""

import csv
import json
import shutil
from importlib.resources import files
from pathlib import Path

import pytest
from click.testing import CliRunner

from meta.cli import main

GOLDEN = Path(__file__).resolve().parents[1] / "golden"


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
def evidence(tmp_path):
    """A copy of the shipped review that may be broken."""
    target = tmp_path / "review"
    shutil.copytree(str(files("extraction") / "evidence"), target)
    return target


def edit(path, line, column, value):
    """Put ``value`` into one cell; no cell of these sheets spans lines."""
    with path.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.reader(stream))
    rows[line - 1][rows[0].index(column)] = value
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows(rows)


#: line, column, value, rule: ten faults a sheet.
FAULTS = {
    "trs_incidence.csv": [
        (2, "events", "900"),
        (3, "n", "-323"),
        (4, "events", "2O0"),
        (5, "year", "1066"),
        (6, "events", "five"),
        (7, "definition_type", "trails"),
        (8, "followup_years", "#DIV/0!"),
        (9, "n", ""),
        (10, "pct_male", "151"),
        (11, "events", "3-Jan"),
    ],
    "clozapine_response.csv": [
        (2, "responders", "500"),
        (3, "n", "37.5"),
        (4, "criterion_type", "pct2O"),
        (5, "year", "20033"),
        (6, "weeks", "twelve"),
        (7, "pct_male", "-3"),
        (8, "analysis_set", "primry"),
        (9, "responders", "#REF!"),
        (10, "n", ""),
        (11, "mean_age", "Mar-10"),
    ],
    "td_incidence.csv": [
        (2, "td_cases", "-2"),
        (3, "n", "5l3"),
        (4, "measure_type", "rates"),
        (5, "usable", "maybe"),
        (6, "year", "199"),
        (7, "pct_reported", "120"),
        (8, "person_years", "many"),
        (9, "pct_male", "#N/A"),
        (10, "study_id", ""),
        (11, "time_weeks", "2024-05-03"),
    ],
}


def test_check_of_the_shipped_review_is_sound_and_shows_its_warnings(shell):
    done = shell("check")
    assert done.exit_code == 0
    assert "No errors." in done.stdout
    assert "warning: trs_incidence.csv line 28" in done.stderr


@pytest.mark.parametrize("sheet", FAULTS)
def test_ten_faults_are_named_at_once_and_nothing_is_written(shell, evidence, sheet):
    for line, column, value in FAULTS[sheet]:
        edit(evidence / sheet, line, column, value)
    done = shell("check", evidence, "--json")
    assert done.exit_code == 1
    problems = json.loads(done.stdout)["problems"]
    found = {(p["line"], p["column"]) for p in problems if p["severity"] == "error"}
    assert {(line, column) for line, column, _ in FAULTS[sheet]} <= found
    before = sorted(p.name for p in evidence.parent.iterdir())
    run = shell("run", evidence)
    assert run.exit_code == 1
    for line, column, _ in FAULTS[sheet]:
        assert f"{sheet} line {line}, {column}: " in run.stderr
    assert sorted(p.name for p in evidence.parent.iterdir()) == before


def test_a_review_grows_from_init_to_a_report(shell, tmp_path):
    assert shell("init", "cataract", "--title", "Congenital cataract").exit_code == 0
    folder = tmp_path / "cataract"
    assert {"review.toml", "sheet.csv", "CODEBOOK.md"} <= {p.name for p in folder.iterdir()}
    again = shell("init", "cataract")
    assert again.exit_code == 1
    assert "review.toml" in again.stderr
    assert shell("check", folder).exit_code == 1

    shutil.copy(GOLDEN / "cataract.csv", folder / "sheet.csv")
    plan = (
        'sheet = "main"\nlabel = "authoryear"\nmeasure = "PLO"\ncolumns = {events = "cases", n = "total"}\n'
        'unit = {factor = 10000, heading = "Per 10,000", axis = "Congenital cataract, per 10,000 births"}\n'
    )
    (folder / "review.toml").write_text(
        'title = "Congenital cataract"\nquestion = "How common is it?"\n'
        '[sheets.main]\nfile = "sheet.csv"\nschema = "generic"\n'
        '[[analyses]]\nid = "glmm"\ntitle = "On counts"\nquestion = "How common?"\n'
        f'profile = "proportions-glmm@1"\n{plan}'
        f'[[analyses]]\nid = "dl"\ntitle = "On logits"\nquestion = "How common?"\nprofile = "house@1"\n{plan}'
        'model = {tau2_method = "DL", ci_method = "Wald"}\n',
        encoding="utf-8",
    )
    checked = shell("check", folder)
    assert checked.exit_code == 0, checked.output
    done = shell("run", folder, "--out", "results", "--json")
    assert done.exit_code == 0, done.output
    natural = json.loads(done.stdout)["analyses"]["dl"]["natural"]
    # published: 4.24 per 10,000 (3.16 to 5.69); R metafor: 4.242 (3.161, 5.692)
    assert [round(1e4 * natural[key], 3) for key in ("value", "low", "high")] == [4.242, 3.161, 5.692]
    assert (tmp_path / "results" / "report.html").exists()


def test_fit_prints_one_analysis_in_its_unit(shell):
    done = shell(
        "fit",
        GOLDEN / "cataract.csv",
        "--measure",
        "PLO",
        "--columns",
        "events=cases,n=total",
        "--label",
        "authoryear",
        "--per",
        "10000",
        "--tau2-method",
        "DL",
        "--ci-method",
        "Wald",
        "--model",
        "random",
        "--forest",
        "f.svg",
        "--preset",
        "jama",
    )
    assert done.exit_code == 0, done.output
    assert "4.24 [3.16, 5.69]" in done.stdout
    assert ">Per 10\u202f000 (95% CI)<" in Path("f.svg").read_text(encoding="utf-8")
    whole = shell(
        "fit", GOLDEN / "cataract.csv", "--measure", "PLO", "--columns", "events=cases,n=total", "--json"
    )
    assert json.loads(whole.stdout)["k"] == 17


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["run", "nowhere"], 1, "nowhere"),
        (["check", "."], 1, "review.toml"),
        (["run", "--figures", "gif"], 2, "unknown format 'gif'"),
        (["fit", "nowhere.csv", "--measure", "PLO", "--columns", "events=e,n=n"], 1, "nowhere.csv"),
        (["fit", "x.csv", "--measure", "PLO", "--columns", "events=e,n=n", "--preset", "bmj"], 2, "--forest"),
        (["fit", "empty.csv", "--measure", "PLO", "--columns", "events=e,n=n"], 1, "empty.csv"),
        (["fit", "picture.csv", "--measure", "PLO", "--columns", "events=e,n=n"], 1, "picture.csv"),
        (["fit", "picture.xlsx", "--measure", "PLO", "--columns", "events=e,n=n"], 1, "picture.xlsx"),
        (["fit", "s.csv", "--measure", "PLO", "--columns", "events"], 2, "is not of the form name=value"),
        (["fit", "s.csv", "--measure", "XX", "--columns", "events=e"], 2, "unknown measure 'XX'"),
        (
            ["fit", "s.csv", "--measure", "PLO", "--columns", "events=e,n=n", "--model", "fixed"],
            2,
            "must be one of",
        ),
        (
            ["fit", "s.csv", "--measure", "PLO", "--columns", "events=e,n=n", "--profile", "house@9"],
            2,
            "house@1",
        ),
        (["fit", "s.csv", "--measure", "PLO", "--columns", "events=x,n=n"], 1, "'x'"),
        (
            ["fit", "s.csv", "--measure", "PLO", "--columns", "events=e,n=n", "--moderators", "~ open('x')"],
            1,
            "moderators",
        ),
        (
            ["fit", "s.csv", "--measure", "PLO", "--columns", "events=e,n=n", "--level", "95"],
            2,
            "level must lie",
        ),
        (["fit", "s.csv", "--measure", "PLO", "--columns", "events=e,n=n", "--where", "g=1"], 1, "'g'"),
        (["nothing"], 2, "No such command"),
        ([], 2, "meta run"),
    ],
)
def test_bad_input_gets_clean_words_and_the_right_exit_code(shell, words, code, text):
    Path("empty.csv").touch()
    Path("picture.csv").write_bytes(bytes(range(256)))
    Path("picture.xlsx").write_bytes(b"PK\x03\x04 not a workbook")
    Path("s.csv").write_text("study_id,e,n\na,1,10\nb,2,20\n", encoding="utf-8")
    done = shell(*words)
    assert done.exit_code == code, done.output
    assert text in done.stderr + (done.stdout if code == 2 else "")
    if code == 1:
        assert done.stdout == ""


def test_a_broken_protocol_is_named_by_line_and_nearest_key(shell, evidence):
    protocol = evidence / "review.toml"
    text = protocol.read_text(encoding="utf-8").replace("leave_one_out = false", "leave_one_outt = false", 1)
    protocol.write_text(text, encoding="utf-8")
    line = text.splitlines().index("leave_one_outt = false") + 1
    done = shell("check", evidence)
    assert done.exit_code == 1
    assert f"review.toml line {line}" in done.stderr
    assert "did you mean 'leave_one_out'?" in done.stderr
    protocol.write_text("title = [", encoding="utf-8")
    assert shell("check", evidence).exit_code == 1


def test_names_are_printed_as_they_are_and_cannot_drive_the_terminal(shell):
    Path("s.csv").write_text("study_id,e,n\n[red]a[/red],1,10\nb\x1b[2J,2,20\n", encoding="utf-8")
    done = shell("fit", "s.csv", "--measure", "PLO", "--columns", "events=e,n=n", "--label", "study_id")
    assert "\x1b[2J" not in done.output
    if done.exit_code == 0:
        assert "[red]a[/red]" in done.stdout


def test_a_file_in_the_place_of_the_output_is_named_and_kept(shell):
    Path("out").write_text("mine", encoding="utf-8")
    done = shell("run")
    assert done.exit_code in (1, 2)
    assert "out" in done.stderr
    assert Path("out").read_text(encoding="utf-8") == "mine"
