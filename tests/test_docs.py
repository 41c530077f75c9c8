"""What the README says is true: its example runs, its commands exist, every public name is explained."""

import re
import shutil
from pathlib import Path

import matplotlib
import pytest
from click.testing import CliRunner

import extraction
import meta
from extraction.template import new_review_files
from meta.cli import main

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def test_the_readme_has_exactly_two_set_up_commands_of_one_line_each():
    setup = [line for block in blocks("sh") for line in block.splitlines() if "pip install" in line]
    assert len(setup) == 2
    assert all("-c constraints.txt" in line for line in setup)
    assert setup[0].endswith("meta run")
    assert "pytest" in setup[1]


def test_the_python_example_runs_and_gives_the_first_answer(tmp_path, monkeypatch, capsys):
    evidence = Path("extraction", "evidence")
    (tmp_path / evidence).mkdir(parents=True)
    shutil.copy(ROOT / evidence / "trs_incidence.csv", tmp_path / evidence)
    monkeypatch.chdir(tmp_path)
    # the figure's own writer names its fonts; a bare savefig is what a user types
    with matplotlib.rc_context():
        (example,) = blocks("python")
        exec(compile(example, "README.md", "exec"), {})
    assert capsys.readouterr().out.startswith("0.1706")
    assert (tmp_path / "forest.svg").stat().st_size > 10_000


def test_what_the_readme_shows_of_a_plan_is_read_and_checked(tmp_path):
    plan = new_review_files("T")["review.toml"]
    sheet, choices, *_ = blocks("toml")
    head, body = plan.split("[[analyses]]")
    head = re.sub(r"\[sheets\.main\].*", sheet, head, flags=re.DOTALL)
    body = body.replace('sheet = "main"', 'sheet = "trials"').replace('label = "study_id"', 'label = "trial"')
    (tmp_path / "review.toml").write_text(f"{head}\n[[analyses]]{body}\n{choices}", encoding="utf-8")
    rows = "A;1;2009;UK;3;40;4,5\nB;1;2011;UK;5;60;NA\nC;1;2012;UK;6;50;2\n"
    header = "trial;arm;year;country;events;n;weeks\n"
    (tmp_path / "trials.csv").write_text(header + rows, encoding="utf-8")
    done = CliRunner().invoke(main, ["sensitivity", str(tmp_path)])
    assert (done.exit_code, done.stderr) == (0, "")
    assert all(label in done.stdout for label in ("Inverse variance", "Wald interval", "Since 2010"))
    assert "threshold of 20 per 100" in done.stdout


def test_what_the_readme_shows_of_judgements_is_read_and_reported(tmp_path):
    (judged,) = (block for block in blocks("toml") if "[analyses.grade]" in block)
    (flow,) = (block for block in blocks("toml") if "[prisma]" in block)
    review, grade = judged.split("[analyses.grade]")
    plan = f"""
title = "T"
question = "Q"
[sheets.trials]
file = "trials.csv"
schema = "generic"
{review}
{flow}
[[analyses]]
id = "a"
title = "A"
question = "Q"
sheet = "trials"
measure = "RR"
columns = {{events1 = "events1", n1 = "n1", events2 = "events2", n2 = "n2"}}
profile = "house@1"
[analyses.grade]{grade}"""
    (tmp_path / "review.toml").write_text(plan, encoding="utf-8")
    rows = "A,12,60,20,58\nB,5,44,11,45\nC,9,80,10,78\n"
    (tmp_path / "trials.csv").write_text(f"study_id,events1,n1,events2,n2\n{rows}", encoding="utf-8")
    made_up = "study,D1,D2,D3,D4,D5,overall,D1_reason\nA,Low,Low,Low,Low,Low,Low,made up for tests\n"
    (tmp_path / "rob2.csv").write_text(made_up, encoding="utf-8")
    done = CliRunner().invoke(main, ["run", str(tmp_path), "--out", str(tmp_path / "out")])
    assert (done.exit_code, done.stderr) == (0, "")
    report = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    assert "⊕⊕⊕◯ Moderate" in report
    assert "made up for tests" in report
    assert "Reports excluded: Wrong population" in report
    assert (tmp_path / "out" / "analyses" / "a" / "traffic_light.svg").is_file()


@pytest.mark.parametrize("command", sorted(main.commands))
def test_every_command_is_in_the_readme_and_teaches_with_an_example(command):
    assert f"`meta {command}" in README
    shown = CliRunner().invoke(main, [command, "--help"])
    assert shown.exit_code == 0
    assert "Example:" in shown.output


@pytest.mark.parametrize("module", [meta, extraction], ids=["meta", "extraction"])
def test_every_public_name_exists_and_is_explained(module):
    for name in module.__all__:
        thing = getattr(module, name)
        if callable(thing):
            assert thing.__doc__, name
            assert not thing.__doc__.startswith(f"{name}("), f"{name} has only a generated docstring"


def test_every_file_the_readme_links_to_is_there():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_no_registry_and_no_path_of_a_machine_is_in_the_constraints():
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    assert not re.search(r"https?:|file:|--index|/", text)
    for line in text.splitlines():
        assert line.startswith("#") or re.fullmatch(r"[A-Za-z0-9_.-]+==[0-9][0-9a-zA-Z.]*", line), line
