"""What engines cannot do is said; what they raise, print or draw at random stays with them."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from crosscheck_data import bcg, counted, made, shipped_answer

from meta.crosscheck import pymare_engine, second, statsmodels_engine
from meta.crosscheck.calls import call_engine
from meta.crosscheck.opinions import Pair, Question, compare_pairs
from meta.crosscheck.ours import take_data
from meta.crosscheck.second import second_opinions
from meta.crosscheck.summaries import find_failures, summarise_opinions
from meta.effects.compute import effect_sizes
from meta.effects.sizes import EffectSizes
from meta.errors import ModelError, OptionError
from meta.models.fitting import fit_model
from meta.options import CLUSTER_ROBUST, ModelSpec

ROOT = Path(__file__).resolve().parents[2]
ASKED = Question("PyMARE", "1.0", "a thing", 1e-10)


def reasons(effects: Any, fit: Any) -> list[tuple[str, str]]:
    return [(o.engine, o.reason) for o in second_opinions("main", effects, fit) if o.status == "cannot"]


def test_one_study() -> None:
    words = "one study: nothing is pooled"
    assert reasons(*made([0.3], [0.1])) == [("PyMARE", words), ("statsmodels", words)]
    assert reasons(*counted([3], [40])) == [("PyMARE", words), ("statsmodels", words), ("SciPy", words)]


def test_no_study() -> None:
    effects, fit = counted([np.nan, 3.0], [40, np.nan])
    assert fit.k == 0
    words = "no study is used"
    assert reasons(effects, fit) == [("PyMARE", words), ("statsmodels", words), ("SciPy", words)]


def test_counts_without_any_event() -> None:
    effects, fit = counted([0, 0, 0], [40, 20, 30])
    assert fit.status == "one_sided"
    assert reasons(effects, fit) == [
        ("statsmodels", "there is no maximum at tau2 = 0"),
        ("SciPy", "there is no estimate (one sided)"),
        ("SciPy", "there is no estimate (one sided)"),
    ]


def trials(events1: list[int], events2: list[int], **options: Any) -> tuple[Any, Any]:
    frame = pd.DataFrame({"a": events1, "m": [40, 60, 50], "c": events2, "n": [45, 55, 60]})
    effects = effect_sizes(frame, "OR", events1="a", n1="m", events2="c", n2="n")
    return effects, fit_model(effects, ModelSpec(**options))


@pytest.mark.parametrize("model", ["unconditional_random", "unconditional_fixed", "conditional_exact"])
@pytest.mark.parametrize("events2", [[0, 0, 0], [0, 4, 0]])
def test_trials_of_which_fewer_than_two_have_an_event(model: str, events2: list[int]) -> None:
    found = second_opinions("main", *trials([0, 0, 0], events2, model=model))
    assert {(o.engine, o.status) for o in found} == {
        ("PyMARE", "cannot"), ("statsmodels", "cannot"), ("SciPy", "cannot")
    }  # fmt: skip


def test_q_about_mantel_haenszel_is_not_set_against_cochrans() -> None:
    differ = {}
    for method in ("DL", "DL_MH"):
        effects, fit = trials([2, 9, 4], [7, 6, 15], tau2_method=method, ci_method="Wald")
        found = second_opinions("main", effects, fit)
        assert {o.status for o in found} <= {"agrees", "cannot"}
        differ[method] = fit.heterogeneity.q, sum(o.quantities for o in found)
    assert abs(differ["DL"][0] - differ["DL_MH"][0]) > 1e-3
    assert 0 < differ["DL_MH"][1] < differ["DL"][1]


CLUSTERED = EffectSizes.from_arrays(
    [0.1, 0.5, 0.45, -0.2, 0.9, 0.3, 0.35],
    [0.05, 0.04, 0.06, 0.03, 0.08, 0.02, 0.05],
    columns={"study": ["A", "A", "A", "B", "C", "D", "D"], "weight": [1.0, 2.0, 1.0, 3.0, 1.0, 2.0, 1.0]},
)


@pytest.mark.parametrize("interval", CLUSTER_ROBUST)
@pytest.mark.parametrize("model", ["random", "common"])
def test_cluster_robust_numbers_are_declined_not_set_against_others(model: str, interval: str) -> None:
    spec = ModelSpec(model=model, ci_method=interval, cluster="study")
    fit = fit_model(CLUSTERED, spec)
    found = second_opinions("main", CLUSTERED, fit)
    words = "statsmodels and PyMARE have no such model, weights, guard or cluster-robust interval"
    assert [(o.what, o.reason) for o in found if o.status == "cannot"] == [("reported numbers", words)]
    assert {o.status for o in found} == {"agrees", "cannot"}


def _remember(asked: Any) -> Any:
    """Return a function that answers like another one, and asks it once for each method."""
    answers: dict[Any, Any] = {}

    def answer(data: Any, *method: str) -> Any:
        if method not in answers:
            answers[method] = asked(data, *method)
        return answers[method]

    return answer


def every_spec() -> Iterator[ModelSpec]:
    """Return every combination of model, estimator, interval and guard on effect sizes that there is."""
    models = ("random", "common", "uwls", "ivhet", "three_level", "correlated_effects")
    tau2 = (None, "REML", "DL", "HE", "HS", "HSk", "SJ", "ML", "EB", "PM", "PMM", "GENQ", "DL2")
    intervals = ("Wald", "t", "HKSJ", *CLUSTER_ROBUST)
    guards = ("none", "se", "ci", "iqwig6")
    for chosen in product(models, tau2, intervals, guards):
        # a guard is the same whatever the estimator: all of them with one only
        if chosen[1] not in (None, "REML") and chosen[3] in guards[2:]:
            continue
        further: list[dict[str, str]] = [{}, {"weights": "weight"}, {"cluster": "study"}]
        for more in further:
            names = ("model", "tau2_method", "ci_method", "ci_guard")
            options: dict[str, Any] = {**dict(zip(names, chosen, strict=True)), **more}
            try:
                yield ModelSpec(**options, pi_method=None)
            except OptionError:
                continue


def test_no_model_estimator_interval_or_guard_raises_a_false_alarm(monkeypatch: pytest.MonkeyPatch) -> None:
    specs = list(every_spec())
    # the studies are the same for all, so what the engines say of them is asked for once
    data = take_data(CLUSTERED, fit_model(CLUSTERED, ModelSpec()))
    monkeypatch.setattr(second, "take_data", lambda *_: data)
    for module, name in ((pymare_engine, "_fit_all"), (statsmodels_engine, "_combine")):
        asked = getattr(module, name)
        monkeypatch.setattr(module, name, _remember(asked))
    assert {s.model for s in specs} >= {"random", "common", "uwls", "ivhet", "three_level"}
    assert len({s.tau2_method for s in specs}) == 13
    failures = [
        (spec, failure)
        for spec in specs
        for opinion in second_opinions("main", CLUSTERED, fit_model(CLUSTERED, spec))
        for failure in opinion.failures
    ]
    assert not failures


def test_an_engine_that_raises_is_told_and_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def burst(data: object) -> None:
        raise np.linalg.LinAlgError(f"Singular\nmatrix {type(data).__name__}")

    monkeypatch.setattr(pymare_engine, "_fit_all", burst)
    found = reasons(*bcg())
    assert found == [("PyMARE", "it stopped with LinAlgError: Singular matrix Data")] * 2


def test_our_own_error_is_not_taken_for_an_engines() -> None:
    def ours() -> None:
        raise ModelError("ours")

    with pytest.raises(ModelError, match="ours"):
        call_engine(ours)


def test_what_an_engine_prints_and_warns_of_stays_off_the_screen(capfd: pytest.CaptureFixture[str]) -> None:
    def noisy() -> int:
        print("noise")  # noqa: T201
        print("noise", file=sys.stderr)  # noqa: T201
        for _ in range(2):
            warnings.warn("half of it is missing", RuntimeWarning, stacklevel=1)
        return 1

    called = call_engine(noisy)
    assert (called.value, called.warnings) == (1, ("half of it is missing",))
    assert capfd.readouterr() == ("", "")


def test_a_warning_is_told_where_numbers_differ() -> None:
    (opinion,) = compare_pairs("main", ASKED, [Pair("x", 1.0, 1.1, 0.0)], ["half of it is missing"])
    assert opinion.status == "differs"
    assert opinion.failures == (
        "x: 1.0 here, 1.1 by PyMARE, relative difference 9.1e-02 (at most 1e-10); "
        "PyMARE warned: half of it is missing",
    )
    (opinion,) = compare_pairs("main", ASKED, [Pair("x", 1.0, 1.0, 0.0)], ["half of it is missing"])
    assert (opinion.status, opinion.failures) == ("agrees", ())


def test_a_number_that_we_lack_differs_and_one_that_the_engine_lacks_is_its_limit() -> None:
    ours, theirs = compare_pairs("main", ASKED, [Pair("x", np.nan, 1.0, 0.0), Pair("z", 1.0, np.nan, 0.0)])
    assert (ours.status, ours.largest) == ("differs", None)
    assert (theirs.status, theirs.reason) == ("cannot", "PyMARE gives no number for z")


@pytest.mark.parametrize(
    ("ours", "theirs", "floor", "difference"),
    [
        (1.0, 1.0, 0.0, 0.0),
        (0.0, 0.0, 0.0, 0.0),
        (1e-17, 0.0, 1.0, 1e-17),
        (2.0, 1.0, 0.5, 0.5),
        (np.nan, np.nan, 1.0, 0.0),
        (1.0, np.nan, 1.0, np.inf),
        (np.inf, 1.0, 1.0, np.inf),
    ],
)
def test_differences_are_relative_with_a_floor(
    ours: float, theirs: float, floor: float, difference: float
) -> None:
    assert Pair("x", ours, theirs, floor).difference == difference


def test_the_global_generator_is_left_alone() -> None:
    np.random.seed(1)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # type: ignore[index,union-attr]  # noqa: NPY002
    second_opinions("main", *bcg())
    second_opinions("main", *counted([3, 9, 4], [40, 60, 30]))
    assert (np.random.get_state()[1] == before).all()  # type: ignore[index]  # noqa: NPY002


def test_fits_of_an_answer_have_names_in_words() -> None:
    answer = shipped_answer("clozapine_controlled")
    names = [name for name, _, _ in answer.fits()]
    assert names[0] == "main"
    assert len(names) == len(set(names))
    assert "subgroup comparator_class: FGA" in names
    labels = {f"alternative: {other.label}" for other in answer.plan.alternatives}
    assert {name for name in names if name.startswith("alternative")} <= labels
    assert all(fit.spec.moderators is None for _, _, fit in answer.fits())


def test_an_analysis_of_groups_only_has_no_main_fit() -> None:
    names = [name for name, _, _ in shipped_answer("td_rate").fits()]
    assert "main" not in names
    assert names


def test_sums_by_analysis_and_engine() -> None:
    agrees = compare_pairs("main", ASKED, [Pair("x", 1.0, 1.0 + 1e-12, 0.0), Pair("y", 1.0, 1.0, 0.0)])
    loose = Question("PyMARE", "1.0", "another", 1e-6)
    nearer = compare_pairs("subgroup a: b", loose, [Pair("x", 1.0, 1.0 + 1e-7, 0.0)])
    differs = compare_pairs("main", Question("SciPy", "2", "it", 1e-10), [Pair("z", 1.0, 2.0, 0.0)])
    said = {"one": [o.to_dict() for o in (*agrees, *nearer, *differs)]}
    first, second = summarise_opinions(said)
    assert (first.fits, first.quantities, first.exact, first.iterated) == (2, 3, 0, 1)
    assert (first.status, second.status) == ("agrees", "differs")
    assert find_failures(said) == (
        "one, SciPy, main: z: 1.0 here, 2.0 by SciPy, relative difference 5.0e-01 (at most 1e-10)",
    )


def test_neither_engine_is_imported_before_it_is_asked() -> None:
    code = (
        "import sys, meta, meta.cli, meta.pipeline, meta.crosscheck.second, meta.report.crosscheck\n"
        "tops = {name.partition('.')[0] for name in sys.modules}\n"
        "print(sorted(tops & {'pymare', 'statsmodels', 'sympy'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "[]"
