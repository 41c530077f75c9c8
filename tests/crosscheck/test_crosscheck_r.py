"""metafor's opinion: one call of R for everything, tight tolerances; without R a line that says so."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from crosscheck_data import bcg, counted, shipped_answer
from test_crosscheck_regressions import made

from meta.crosscheck import r_engine
from meta.crosscheck.opinions import Opinion
from meta.crosscheck.r_engine import crosscheck_with_r, read_output, write_script
from meta.crosscheck.summaries import summarise_opinions
from meta.models.subgroups import fit_subgroups
from meta.options import ModelSpec
from meta.report.crosscheck import crosscheck_block
from meta.report.pieces import Node, plain


@cache
def has_metafor() -> bool:
    if shutil.which("Rscript") is None:
        return False
    code = 'cat(requireNamespace("metafor", quietly = TRUE))'
    done = subprocess.run(["Rscript", "-e", code], capture_output=True, text=True, check=False)
    return done.stdout == "TRUE"


needs_metafor = pytest.mark.skipif(not has_metafor(), reason="R with metafor is not installed")

#: Every option that rma.uni has under a name of ours.
FITS: dict[str, dict[str, Any]] = {
    **{f"method {m}": {"tau2_method": m} for m in r_engine.METHODS},
    "Wald": {"ci_method": "Wald", "pi_method": "z"},
    "t": {"ci_method": "t", "level": 0.9},
    "no guard": {"ci_guard": "none"},
    "PL": {"tau2_ci": "PL", "tau2_method": "ML"},
    "common": {"model": "common", "ci_method": "Wald"},
    "common t": {"model": "common", "ci_method": "t"},
    "uwls": {"model": "uwls"},
    "ivhet": {"model": "ivhet", "ci_method": "Wald"},
    "equal": {"weights": "equal", "ci_method": "Wald"},
}


@pytest.fixture(scope="module")
def asked() -> dict[str, tuple[Any, Any]]:
    """Fits of every kind, and regressions, as they are asked about."""
    fits = tuple((name, *bcg(**options)) for name, options in FITS.items())
    fits += (("counts", *counted([3, 9, 4, 0], [40, 60, 30, 25])),)
    regressions = [
        ("linear", *made("~ dose")),
        ("levels", *made("~ dose * C(arm)", ci_method="Wald", tau2_method="DL")),
        ("unguarded", *made("~ C(arm)", ci_guard="none", tau2_method="PM")),
    ]
    effects = regressions[0][1]
    groups = fit_subgroups(effects, ModelSpec(), by="arm", common_tau2=True)
    return {"one": (fits, (*regressions, ("groups", effects, groups))), "none": ((), ())}


@needs_metafor
def test_everything_agrees_in_one_call(asked: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    run = subprocess.run
    monkeypatch.setattr(r_engine.subprocess, "run", lambda *a, **k: (calls.append(1), run(*a, **k))[1])
    said = crosscheck_with_r(asked)
    assert len(calls) == 1
    assert said["none"] == ()
    wrong = [(o.part, o.status, o.reason, o.failures) for o in said["one"] if o.status != "agrees"]
    assert wrong == []
    parts = {opinion.part for opinion in said["one"]}
    assert parts == {*FITS, "counts", "linear", "levels", "unguarded", "groups"}
    assert all(" (R " in opinion.version for opinion in said["one"])
    by_part = {o.part: o.quantities for o in said["one"] if o.tolerance == r_engine.METAFOR_FITS}
    # tau2, estimate, se, two limits, Q, I2, two prediction limits
    assert by_part["method REML"] == 9
    assert by_part["groups"] == 1 + 3 * 4 + 1


@needs_metafor
def test_falsified_numbers_are_named() -> None:
    effects, fit = bcg()
    assert fit.estimate is not None
    assert fit.prediction is not None
    assert fit.tau2 is not None
    false = replace(
        fit,
        estimate=replace(fit.estimate, se=fit.estimate.se * (1.0 + 1e-6)),
        prediction=replace(fit.prediction, low=fit.prediction.low - 1e-5),
        tau2=replace(fit.tau2, high=fit.tau2.high * 1.0001 if fit.tau2.high else None),
    )
    r_effects, regression = made("~ dose")
    assert regression.coefficients is not None
    moved = np.array(regression.coefficients.value)
    moved[1] += 1e-5
    wrong = replace(regression, coefficients=replace(regression.coefficients, value=moved))
    said = crosscheck_with_r({"a": ((("main", effects, false),), (("slope", r_effects, wrong),))})
    named = [text.partition(": 0")[0].partition(": -")[0] for o in said["a"] for text in o.failures]
    assert [name.partition(": 1")[0] for name in named] == [
        "reported: standard error", "reported: lower prediction limit", "reported: upper limit of tau2",
        "dose: coefficient",
    ]


@needs_metafor
def test_what_rma_uni_lacks_is_declined_by_name_and_an_error_of_r_ends_nothing() -> None:
    clusters = bcg()[0]
    clusters = replace(clusters, columns={"lab": tuple("abcdefghijabc")})
    from meta.models.fitting import fit_model

    robust = fit_model(clusters, ModelSpec(ci_method="CR2", cluster="lab"))
    two_step = bcg(tau2_method="DL2")
    said = crosscheck_with_r({"a": ((
        ("robust", clusters, robust), ("two steps", *two_step), ("one", *counted([3], [40])),
    ), (("counts", *_on_counts()),))})
    assert [(o.part, o.status, o.reason) for o in said["a"]] == [
        ("robust", "cannot", "rma.uni has no clusters"),
        ("two steps", "cannot", "rma.uni has no estimator DL2 as it is meant here"),
        ("one", "cannot", "one study: nothing is pooled"),
        ("counts", "cannot", "rma.uni has no regression on counts"),
    ]


def _on_counts() -> Any:
    part, effects, fit = shipped_answer("clozapine_response").regressed()[0]
    assert part == "regression: ~ weeks"
    return effects, fit


@pytest.mark.parametrize(("program", "said"), [
    (None, "there is no Rscript on this machine"),
    ("missing", "it has no package metafor"),
    ("broken", "it stopped (sorry)"),
    ("gone", "it stopped with FileNotFoundError"),
])
def test_without_r_one_line_says_so_and_fills_no_table(
    program: str | None, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(*_: Any, **__: Any) -> Any:
        if program == "gone":
            raise FileNotFoundError
        code = 1 if program == "broken" else 0
        return subprocess.CompletedProcess([], code, "missing\n" if program == "missing" else "", "sorry")

    monkeypatch.setattr(r_engine.shutil, "which", lambda _: program and "/usr/bin/Rscript")
    monkeypatch.setattr(r_engine.subprocess, "run", run)
    opinions = crosscheck_with_r({"a": ((("main", *bcg()),), ()), "b": ((("main", *bcg()),), ())})
    assert [o.reason for found in opinions.values() for o in found] == [f"R was not asked: {said}"] * 2
    block = _block({name: list(found) for name, found in opinions.items()})
    assert plain(block.sentences[0]).count(said) == 1
    assert [table.rows for table in block.tables] == [(), ()]
    assert [table.rows for table in block.hidden] == [()]


def _block(said: dict[str, list[Opinion]]) -> Any:
    entries = {name: {"id": name, "title": name, "crosscheck": [o.to_dict() for o in found]}
               for name, found in said.items()}
    plain_said = {name: entry["crosscheck"] for name, entry in entries.items()}
    summaries = [summary.to_dict() for summary in summarise_opinions(plain_said)]
    return crosscheck_block(Node({"crosscheck": summaries, "analyses": entries}))


def test_the_script_holds_numbers_and_fixed_words_only() -> None:
    name: Callable[..., Any] = r_engine._call_fit
    call = name('"); system("x', *bcg())
    script = write_script({'a"); system("y': call})
    assert "system" not in script
    assert script.isascii()


def test_numbers_of_r_are_read_back() -> None:
    lines = ["version\t3.8.1 (R 4.2.2)", "0\ttau2\t1\t0.5", "0\tvalue\t2\tNA", "1\terror\t1\tno", "noise"]
    text = "\n".join([*lines, "0\tq\t1\tInf", ""])
    found = read_output(text, ["a/0", "a/1"])
    assert found.version == "3.8.1 (R 4.2.2)"
    assert found.numbers["a/0", "tau2", 1] == 0.5
    assert np.isnan(found.numbers["a/0", "value", 2])
    assert found.numbers["a/0", "q", 1] == np.inf
    assert found.errors == {"a/1": "no"}
