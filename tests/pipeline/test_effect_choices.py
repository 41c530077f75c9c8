"""A protocol chooses formula and continuity correction: from its check to results, report, R, releases."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import meta
from extraction.errors import Problem
from extraction.sheet import read_sheet
from meta.living.archive import read_snapshot
from meta.living.choices import compare_choices
from meta.pipeline import run_review
from meta.protocol.review import check_review
from meta.releases.freeze import freeze_release
from meta.releases.verify import verify_release

PAIRS = (
    "study_id,year,events1,n1,events2,n2\n"
    "Alpha,2001,0,20,4,22\nBeta,2004,3,40,0,38\nGamma,2007,5,60,9,61\nDelta,2010,0,30,0,31\n"
    "Epsilon,2013,12,90,15,88\nZeta,2016,7,50,11,49\n"
)
MEANS = (
    "study_id,mean1,sd1,n1,mean2,sd2,n2\nAlpha,12.1,3.2,20,14.0,3.9,22\nBeta,9.8,4.4,41,13.2,5.0,38\n"
    "Gamma,11.0,2.9,15,11.4,3.3,16\nDelta,10.1,3.7,60,12.9,3.6,58\n"
)
HEAD = """\
title = "Choices"
question = "What was done?"

[sheets.pairs]
file = "pairs.csv"
schema = "generic"

[sheets.means]
file = "means.csv"
schema = "generic"
"""
COUNTS = 'columns = {events1 = "events1", n1 = "n1", events2 = "events2", n2 = "n2"}\n'
SPREADS = (
    'columns = {mean1 = "mean1", sd1 = "sd1", n1 = "n1", mean2 = "mean2", sd2 = "sd2", n2 = "n2"}\n'
)


def block(name: str, measure: str, more: str, model: str = "") -> str:
    sheet, columns = ("means", SPREADS) if measure in ("SMD", "MD") else ("pairs", COUNTS)
    return (
        f'\n[[analyses]]\nid = "{name}"\ntitle = "The {name}"\nquestion = "Q?"\nsheet = "{sheet}"\n'
        f'label = "study_id"\nmeasure = "{measure}"\n{columns}profile = "house@1"\n{model}{more}'
    )


BODY = (
    block(
        "odds",
        "OR",
        'add = 0.25\nto = "all"\ndrop00 = false\nalternatives = [\n'
        '  {label = "Half", add = 0.5, reason = "r"},\n'
        '  {label = "By arm", to = "treatment_arm", reason = "r"},\n'
        '  {label = "Without", drop00 = true, reason = "r"},\n'
        '  {label = "Difference", measure = "RD", variance = "UB", reason = "r"},\n'
        '  {label = "Counts", model = {model = "conditional_exact"}, reason = "r"},\n'
        '  {label = "Common", model = {model = "mantel_haenszel"}, reason = "r"},\n'
        "]\n",
    )
    + block("pooled", "OR", 'add = 0.1\nto = "if0all"\n', 'model = {model = "mantel_haenszel"}\n')
    + block("arms", "OR", 'to = "treatment_arm"\n', 'model = {model = "mantel_haenszel"}\n')
    + block("means", "SMD", 'variance = "revman5"\nalternatives = [\n'
            '  {label = "Raw", measure = "MD", reason = "r"},\n'
            '  {label = "Exact", variance = "LS", reason = "r"},\n]\n')
    + block("usual", "SMD", "")
)  # fmt: skip


def write(folder: Path, body: str = BODY) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pairs.csv").write_text(PAIRS, encoding="utf-8")
    (folder / "means.csv").write_text(MEANS, encoding="utf-8")
    (folder / "review.toml").write_text(HEAD + body, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write(tmp_path_factory.mktemp("choices") / "rev")
    out = folder.parent / "out"
    run_review(folder, out=out)
    return out


def results(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "results.json").read_text(encoding="utf-8"))["analyses"]
    return found


def effects(folder: Path, measure: str, **choices: Any) -> Any:
    sheet = read_sheet(folder / ("means.csv" if measure in ("SMD", "MD") else "pairs.csv"), "generic")
    names = ("mean1", "sd1", "n1", "mean2", "sd2", "n2") if measure in ("SMD", "MD") else (
        "events1", "n1", "events2", "n2"
    )  # fmt: skip
    return meta.effect_sizes(
        sheet, measure, label="study_id", **{name: name for name in names}, **choices
    )


@pytest.mark.parametrize(
    ("name", "measure", "choices", "recorded"),
    [
        ("odds", "OR", {"add": 0.25, "to": "all", "drop00": False}, {"variance": "LS"}),
        ("pooled", "OR", {"add": 0.1, "to": "if0all"}, {"variance": "LS", "drop00": True}),
        ("arms", "OR", {"to": "treatment_arm"}, {"variance": "LS", "add": 0.5, "drop00": True}),
        ("means", "SMD", {"variance": "revman5"}, {"add": None, "to": None, "drop00": None}),
        ("usual", "SMD", {}, {"variance": "LS", "add": None, "to": None, "drop00": None}),
    ],
)
def test_what_was_chosen_is_what_was_done_and_recorded(
    done: Path, name: str, measure: str, choices: dict[str, Any], recorded: dict[str, Any]
) -> None:
    entry, made = results(done)[name], effects(done.parent / "rev", measure, **choices)
    assert entry["effects"] == {**choices, **recorded}
    found = {s["label"]: (s["y"], s["v"]) for s in entry["fit"]["studies"]}
    for label, y, v in zip(made.labels, made.y, made.v, strict=True):
        assert found[label] == ((None, None) if np.isnan(y) else (y, v))


@pytest.mark.parametrize(
    ("label", "measure", "choices", "change"),
    [
        ("Half", "OR", {"add": 0.5, "to": "all", "drop00": False}, "zero cells: 0.5 added in every study"),
        ("By arm", "OR", {"add": 0.25, "to": "treatment_arm", "drop00": False}, "zero cells: treatment-arm"),
        ("Without", "OR", {"add": 0.25, "to": "all", "drop00": True}, "in both arms: left out"),
        ("Difference", "RD", {"add": 0.25, "to": "all", "drop00": False, "variance": "UB"}, "variance: UB"),
    ],
)
def test_alternatives_take_over_what_they_do_not_name(
    done: Path, label: str, measure: str, choices: dict[str, Any], change: str
) -> None:
    rows = {row["label"]: row for row in results(done)["odds"]["alternatives"]["rows"]}
    made = effects(done.parent / "rev", measure, **choices)
    assert rows[label]["effects"] == {"variance": "LS", **choices}
    assert rows[label]["estimate"]["value"] == meta.fit_model(made, meta.ModelSpec()).estimate.value
    assert any(change in text for text in rows[label]["changes"]), rows[label]["changes"]


def test_what_an_alternative_cannot_use_falls_away(done: Path) -> None:
    rows = {row["label"]: row for row in results(done)["odds"]["alternatives"]["rows"]}
    assert rows["Counts"]["failure"] is None
    assert rows["Counts"]["effects"] == {"variance": "LS", "add": 0.5, "to": "only0", "drop00": True}
    assert rows["Common"]["effects"]["add"] == 0.25
    raw = results(done)["means"]["alternatives"]["rows"][0]
    assert (raw["measure"], raw["effects"]["variance"], raw["failure"]) == ("MD", "LS", None)


def test_the_report_says_what_was_done(done: Path) -> None:
    report = (done / "report.md").read_text(encoding="utf-8")
    assert (
        "0.25 is added to each of the four cells of every study; a study without events, or without "
        "non-events, in both arms is kept." in report
    )
    assert "Where any study has a zero cell, 0.1 is added to each of the four cells of every study" in report
    assert "shared between the arms by their size (treatment-arm correction, Sweeting et al. 2004)" in report
    assert "with RevMan 5's correction for small samples, 1 − 3/(4N − 9), each study weighted" in report
    assert "Sampling variances are those of RevMan 5" in report
    # the analysis that chose nothing has methods of its own
    assert "with the exact correction for small samples (Hedges 1981), each study weighted" in report
    assert "0.5 is added to each of its four cells;" not in report


def test_r_is_told_how_effect_sizes_were_made(done: Path) -> None:
    code = {n: (done / "analyses" / n / "analysis.R").read_text() for n in results(done)}
    assert 'were made with variance = "LS", add = 0.25, to = "all", drop00 = FALSE (var' in code["odds"]
    assert 'made with variance = "revman5" (variance is vtype in escalc).' in code["means"]
    assert "yi and vi of effects.csv were made" not in code["usual"]
    assert 'add = c(0.1, 0), to = c("if0all", "none"),\n              drop00 = TRUE' in code["pooled"]
    assert "metafor has no treatment-arm correction: Q and I2 are taken from yi and vi." in code["arms"]


EXACT = 'model = {model = "conditional_exact"}\n'

# The check ------------------------------------------------------------------------------------------------


def check(folder: Path, body: str) -> list[Problem]:
    return [p for p in check_review(write(folder, body)) if p.severity == "error"]


@pytest.mark.parametrize(
    ("measure", "key", "model", "rule", "words"),
    [
        ("SMD", 'variance = "revman"', "", "effect-choice", "'AV', 'revman5'; got 'revman'"),
        ("OR", "add = 1e308", "", "effect-choice", "add must be 0, or a number from 1e-06 to 10; got 1e+308"),
        ("OR", "add = -1", "", "effect-choice", "add must be 0, or a number from 1e-06 to 10; got -1"),
        ("OR", 'add = "half"', "", "wrong-value", "must be a number"),
        ("OR", 'to = "some"', "", "unknown-value", "must be one of 'only0', 'all', 'if0all'"),
        ("OR", 'drop00 = "no"', "", "wrong-value", "must be true or false"),
        ("OR", "dropp00 = true", "", "unknown-key", "unknown key 'dropp00'"),
        ("SMD", "add = 0.5", "", "effect-choice-unused", "measure SMD counts no events"),
        ("MD", "drop00 = true", "", "effect-choice-unused", "measure MD counts no events"),
        ("OR", "add = 0.5", EXACT, "effect-choice-unused", "fitted to the counts themselves"),
    ],
)
def test_what_cannot_be_chosen_is_named_with_its_line_and_value(
    tmp_path: Path, measure: str, key: str, model: str, rule: str, words: str
) -> None:
    body = block("one", measure, f"{key}\n", model)
    (problem,) = check(tmp_path, body)
    name = key.partition(" ")[0]
    assert (problem.rule, problem.column) == (rule, f"analyses.one.{name}")
    assert problem.line == (HEAD + body).splitlines().index(key) + 1
    assert words in problem.message
    assert problem.value is not None


def test_an_alternative_is_held_to_the_same_rules(tmp_path: Path) -> None:
    lines = (
        '  {label = "A", variance = "UB", reason = "r"},\n'
        '  {label = "B", add = 20, reason = "r"},\n'
        '  {label = "C", add = 0.5, to = "only0", reason = "r"},\n'
    )
    problems = check(tmp_path, block("one", "OR", f"alternatives = [\n{lines}]\n"))
    assert [(p.column, p.rule) for p in problems] == [
        ("analyses.one.alternatives[1].variance", "effect-choice"),
        ("analyses.one.alternatives[2].add", "effect-choice"),
        ("analyses.one.alternatives[3]", "changes-nothing"),
    ]


def test_one_group_has_no_arms(tmp_path: Path) -> None:
    body = block("one", "OR", 'to = "treatment_arm"\ndrop00 = true\n').replace('"OR"', '"PLO"')
    body = body.replace(COUNTS, 'columns = {events = "events1", n = "n1"}\n')
    assert {(p.column, p.message) for p in check(tmp_path, body)} == {
        ("analyses.one.drop00", "drop00 is not used here: measure PLO has one group"),
        ("analyses.one.to", "to='treatment_arm' needs two groups, and measure PLO has one"),
    }


# Releases -------------------------------------------------------------------------------------------------


def test_releases_tell_a_choice_that_changed_and_verify_one_that_did_not(tmp_path: Path) -> None:
    folder = tmp_path / "rev"
    bodies = {"1.0": "", "1.1": "add = 0.5\n", "1.2": "add = 0.25\ndrop00 = false\n"}
    for version, keys in bodies.items():
        freeze_release(write(folder, block("odds", "OR", keys)), version=version, note="Next")
        assert verify_release(folder / "releases" / version, crosscheck=False).failures == ()
    first, second, third = (read_snapshot(folder / "releases" / version) for version in bodies)
    # a key that appears with what holds without it is no change
    assert compare_choices(first, second) == ()
    assert [(c.where, c.old, c.new, c.moves) for c in compare_choices(second, third)] == [
        ("analyses.odds.add", "0.5", "0.25", True),
        ("analyses.odds.drop00", "true", "false", True),
    ]


def test_verify_names_a_choice_that_was_changed_in_the_frozen_protocol(tmp_path: Path) -> None:
    folder = write(tmp_path / "rev", block("odds", "OR", "add = 0.25\n"))
    freeze_release(folder, version="1.0", note="First")
    release = folder / "releases" / "1.0"
    protocol = release / "review" / "review.toml"
    protocol.write_text(protocol.read_text().replace("add = 0.25", "add = 0.75"), encoding="utf-8")
    (failure,) = [f for f in verify_release(release, crosscheck=False).failures if f.kind == "option"]
    assert failure.where == "analyses.odds.add"
    assert "0.25 in results.json, 0.75 from review/review.toml line" in failure.message
