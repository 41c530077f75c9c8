"""``effects.csv`` and ``analysis.R``: complete, exact, inert whatever a sheet holds. R is not needed."""

from __future__ import annotations

import csv
import io
import json
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meta.bias.asymmetry import check_sample_size
from meta.effects.compute import effect_sizes
from meta.effects.sizes import EffectSizes
from meta.errors import ReportError
from meta.models.fitting import fit_model
from meta.models.formula import formula_columns
from meta.models.subgroups import fit_subgroups
from meta.options import ModelSpec
from meta.report.exports import effects_csv, r_script
from meta.report.r_code import r_string
from meta.results import to_plain

LAWS = settings(deadline=None, max_examples=200, derandomize=True)

STRING = re.compile(r'"(?:[^"\\]|\\["\\n]|\\U[0-9a-f]{8})*"')

HOSTILE = [
    "=HYPERLINK(1)", '"); system("rm -rf /"); ("', "two\nlines\r\n# and a comment", "é\\\"😀\u202e",
    "+1", "-1", "@x", "<script>alert(1)</script>", "NA", "007", "é😀\u202e", "back\\slash", "\ttab", "x\0y",
]  # fmt: skip


def entry(
    effects: EffectSizes,
    spec: ModelSpec,
    *,
    groups: tuple[str, ...] = (),
    common: tuple[str, ...] = (),
    formulas: tuple[str, ...] = (),
    small: bool = False,
) -> dict[str, Any]:
    """An entry of results.json, through JSON as the report reads it."""
    main = formula_columns(spec.moderators) if spec.moderators else ()
    used = {*groups, *common, *main, *(name for formula in formulas for name in formula_columns(formula))}
    shared = {by: fit_subgroups(effects, spec, by=by, common_tau2=True) for by in common}
    plain: dict[str, Any] = {
        "id": "made",
        "fit": fit_model(effects, spec),
        "subgroups": [{"result": fit_subgroups(effects, spec, by=by)} for by in groups]
        + [{"result": result} for result in shared.values()],
        "regressions": [
            {"fit": fit_model(effects, ModelSpec(**{**spec.to_dict(), "moderators": formula}))}
            for formula in formulas
        ],
        "small_study": check_sample_size(effects, spec) if small else None,
        "covariates": {
            name: dict(zip(effects.labels, effects.columns[name], strict=True)) for name in sorted(used)
        },
    }
    loaded: dict[str, Any] = json.loads(json.dumps(to_plain(plain)))
    return loaded


def proportions() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    n = rng.integers(20, 300, 12)
    return pd.DataFrame(
        {
            "name": [f"Study {i}" for i in range(12)], "events": rng.binomial(n, 0.3), "n": n,
            "kind": ["a", "b", "c"] * 4, "years": np.arange(12) / 7, "design": ["x", "y"] * 6,
        }
    )  # fmt: skip


def example(spec: ModelSpec | None = None, **options: Any) -> dict[str, Any]:
    effects = effect_sizes(proportions(), "PLO", label="name", events="events", n="n")
    return entry(effects, spec or ModelSpec(), **options)


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def comparisons(script: str) -> dict[str, list[float]]:
    """The numbers of results.json that a script compares, by what it calls them."""
    found: dict[str, list[float]] = {}
    for what, number in re.findall(r'^compare\("([^"]*)", (\S+), ', script, flags=re.MULTILINE):
        found.setdefault(what, []).append(float(number))
    return found


def outside_strings(script: str) -> str:
    """The script without its comments and with every string emptied."""
    emptied = [STRING.sub('""', line) for line in script.splitlines() if not line.startswith("#")]
    return "\n".join(emptied)


def comments(script: str) -> str:
    return "\n".join(line for line in script.splitlines() if line.startswith("#"))


def test_csv_holds_every_study_exactly() -> None:
    analysis = example(groups=("kind",), formulas=("~ years",))
    table = rows(effects_csv(analysis))
    assert list(table[0]) == ["label", "yi", "vi", "events", "n", "kind", "years", "used", "reason"]
    for row, study in zip(table, analysis["fit"]["studies"], strict=True):
        assert row["label"] == study["label"]
        assert float(row["yi"]) == study["y"]
        assert float(row["vi"]) == study["v"]
        assert row["events"] == str(int(study["counts"]["events"]))
        assert (row["used"], row["reason"]) == ("1", "")
    assert [float(row["years"]) for row in table] == [i / 7 for i in range(12)]


def test_csv_shows_what_is_not_used_and_why() -> None:
    frame = pd.DataFrame(
        {
            "name": list("abcd"),
            "e1": [3, 0, None, 4],
            "n1": [10, 10, 10, 12],
            "e2": [1, 0, 2, 3],
            "n2": [9, 9, 9, 9],
        }
    )
    effects = effect_sizes(frame, "OR", label="name", events1="e1", n1="n1", events2="e2", n2="n2")
    table = rows(effects_csv(entry(effects, ModelSpec())))
    assert [(row["label"], row["used"], row["reason"]) for row in table] == [
        ("a", "1", ""),
        ("b", "0", "0 events in both arms"),
        ("d", "1", ""),
        ("c", "0", "incomplete counts: e1 is empty"),
    ]
    assert (table[1]["yi"], table[1]["events1"], table[1]["n1"]) == ("", "0", "10")
    assert (table[3]["yi"], table[3]["events1"]) == ("", "")


def analysis_of(texts: list[str]) -> dict[str, Any]:
    """Ready-made numbers of heterogeneous studies: ``texts`` name them, and the first four their levels."""
    frame = pd.DataFrame(
        {
            "name": texts, "y": [-0.5 + (i // 4) % 2 for i in range(len(texts))], "v": 0.01,
            "level": [texts[i % 4] for i in range(len(texts))], "change": np.linspace(-3.0, 3.0, len(texts)),
        }
    )  # fmt: skip
    effects = effect_sizes(frame, "GEN", label="name", y="y", v="v")
    return entry(effects, ModelSpec(), groups=("level",), common=("level",), formulas=("~ level", "~ change"))


def hostile_analysis() -> dict[str, Any]:
    return analysis_of(HOSTILE)


def test_csv_is_harmless_in_a_spreadsheet_and_leaves_numbers_alone() -> None:
    text = effects_csv(hostile_analysis())
    table = rows(text)
    assert len(text.splitlines()) == len(table) + 1
    for row in table:
        for column in ("label", "level"):
            assert not row[column].startswith(("=", "+", "-", "@", "\t", "\r"))
    assert table[0]["label"] == "'=HYPERLINK(1)"
    assert {row["label"] for row in table} >= {"NA", "007", "two lines # and a comment"}
    assert float(table[0]["change"]) == -3.0
    assert float(table[0]["yi"]) == -0.5


def test_script_is_ascii_and_sheet_text_stays_inside_strings() -> None:
    script = r_script(hostile_analysis())
    assert script.isascii()
    harmless = r_script(analysis_of([f"s{i:02}" for i in range(len(HOSTILE))]))
    for part in (outside_strings, comments):
        # levels sort in another order, so the numbers differ; nothing else does, whatever the sheet holds
        assert re.sub(r"-?[0-9][0-9.e-]*", "0", part(script)) == re.sub(
            r"-?[0-9][0-9.e-]*", "0", part(harmless)
        )
    # labels of studies are data: they are in effects.csv alone
    assert "007" not in script.replace("007 keeps its name", "")


@pytest.mark.parametrize("opening", ["(", "[", "{"])
def test_brackets_of_the_script_close(opening: str) -> None:
    closing = {"(": ")", "[": "]", "{": "}"}[opening]
    for analysis in (
        hostile_analysis(),
        example(groups=("kind",), common=("kind",), formulas=("~ years",), small=True),
    ):
        code = outside_strings(r_script(analysis))
        depth = 0
        for character in code:
            depth += (character == opening) - (character == closing)
            assert depth >= 0
        assert depth == 0


@LAWS
@given(st.text())
def test_an_r_string_reads_back_and_cannot_end_early(text: str) -> None:
    literal = r_string(text)
    assert STRING.fullmatch(literal)
    assert literal.isascii()
    assert literal.isprintable()
    back = re.sub(
        r'\\(U([0-9a-f]{8})|["\\n])',
        lambda m: chr(int(m[2], 16)) if m[2] else {"n": "\n"}.get(m[1], m[1]),
        literal[1:-1],
    )
    assert back == "".join("?" if c == "\0" or "\ud800" <= c <= "\udfff" else c for c in text)


@pytest.mark.parametrize(
    ("options", "call"),
    [
        ({}, r'method = "REML", test = "adhoc",\s+level = 95.0'),
        ({"tau2_method": "DL", "ci_method": "Wald"}, 'method = "DL", test = "z"'),
        ({"tau2_method": "PM", "ci_method": "t", "level": 0.9}, r'method = "PM", test = "t",\s+level = 90.0'),
        ({"tau2_method": "ML", "ci_guard": "none"}, 'method = "ML", test = "knha"'),
        ({"tau2_method": "HE", "ci_method": "Wald"}, 'method = "HE", test = "z"'),
        ({"tau2_method": "HSk"}, 'method = "HSk", test = "adhoc"'),
        (
            {"tau2_method": "DL2"},
            r'method = "DL", tau2 = [\d.e-]+, test = "adhoc"[\s\S]*method = "DL"\), type =',
        ),
        ({"weights": "equal"}, 'method = "REML", weighted = FALSE, test = "adhoc"'),
        (
            {"weights": "n", "tau2_method": "GENQ"},
            r'method = "GENQ",\s+weights = c\([\d.]+(, [\d.]+)*\),\s+test',
        ),
        ({"tau2_method": "DL2", "weights": "equal"}, r'method = "DL", weighted = FALSE, tau2 = [\d.e-]+, '),
        ({"model": "uwls"}, r'# UWLS in metafor[\s\S]*method = "EE", test = "knha"'),
        ({"model": "ivhet"}, r'method = "DL", weights = 1 / vi, test = "z"'),
        ({"model": "common", "ci_method": "Wald"}, 'method = "EE", test = "z"'),
        (
            {"ci_method": "Wald", "pi_method": "hk_k1"},
            r'method = "REML", test = "z",[\s\S]*predict\(.*test = "adhoc"',
        ),
    ],
)
def test_the_call_says_what_the_spec_says(options: dict[str, Any], call: str) -> None:
    assert re.search(call, r_script(example(ModelSpec(**options))))


@pytest.mark.parametrize(
    ("method", "words"),
    [
        ("t_k1", 'predict(rma(yi, vi, data = dat, method = "REML", test = "t",'),
        ("z", 'predict(rma(yi, vi, data = dat, method = "REML", test = "z",'),
        ("hk_k1", 'predict(rma(yi, vi, data = dat, method = "REML", test = "adhoc",'),
        ("t_k2", "half <- qt(0.975, plain$k - 2) * sqrt(plain$tau2 + plain$se^2)"),
        ("hk_k2", 'plain <- rma(yi, vi, data = dat, method = "REML", test = "adhoc",'),
    ],
)
def test_the_prediction_interval_follows_its_definition(method: str, words: str) -> None:
    script = r_script(example(ModelSpec(pi_method=method)))
    assert words in script
    assert f"# Prediction interval {method}: " in script


def test_what_is_compared_is_what_results_json_holds() -> None:
    analysis = example(groups=("kind",), formulas=("~ years + C(design)",), small=True)
    script = r_script(analysis)
    fit, found = analysis["fit"], comparisons(script)
    assert found["estimate"][0] == fit["estimate"]["value"]
    assert found["high"][0] == fit["estimate"]["high"]
    assert found["tau2 high"][0] == fit["tau2"]["high"]
    assert found["prediction low"][0] == fit["prediction"]["low"]
    assert found["back-transformed"][0] == fit["natural"]["value"]
    assert found["Q between"] == [analysis["subgroups"][0]["result"]["test"]["statistic"]]
    assert found["design: y"] == [analysis["regressions"][0]["fit"]["coefficients"]["value"][2]]
    assert found["inverse_n"] == [analysis["small_study"]["fit"]["coefficients"]["value"][1]]
    assert 'as.numeric(dat[["design"]] == "y")' in script
    assert "1 / dat$n" in script


def test_a_level_is_compared_as_it_stands_in_the_csv() -> None:
    """A number used as a category keeps its sign; text like a formula stands behind its apostrophe."""
    frame = proportions().assign(kind=[-1.5, 2.0] * 6, design=["-x", "y"] * 6)
    effects = effect_sizes(frame, "PLO", label="name", events="events", n="n")
    analysis = entry(effects, ModelSpec(), groups=("kind", "design"))
    script = r_script(analysis)
    assert 'dat[dat[["kind"]] %in% "-1.5", ]' in script
    assert 'dat[dat[["design"]] %in% "\'-x", ]' in script
    assert {row["kind"] for row in rows(effects_csv(analysis))} == {"-1.5", "2.0"}
    assert {row["design"] for row in rows(effects_csv(analysis))} == {"'-x", "y"}


def test_a_column_that_carries_a_name_of_ours_gets_another() -> None:
    frame = proportions().rename(columns={"years": "yi"})
    effects = effect_sizes(frame, "PLO", label="name", events="events", n="n")
    analysis = entry(effects, ModelSpec(), formulas=("~ yi",))
    assert "column yi" in rows(effects_csv(analysis))[0]
    assert 'as.numeric(dat[["column yi"]])' in r_script(analysis)


def test_moderators_of_the_main_analysis() -> None:
    script = r_script(example(ModelSpec(moderators="~ years")))
    assert 'cat("\\nmain analysis ~ years\\n")' in script
    assert "mods = design[complete, , drop = FALSE], intercept = TRUE" in script
    assert "transf.ilogit" not in script


def test_a_coefficient_without_its_column_is_an_error_not_another_column() -> None:
    analysis = example(formulas=("~ years",))
    analysis["covariates"] = {}
    with pytest.raises(ReportError, match=r"moderator 'years' is no column of effects\.csv"):
        r_script(analysis)


def test_one_tau2_for_all_groups_is_one_model() -> None:
    script = r_script(example(common=("kind",)))
    assert 'levels <- c("a", "b", "c")' in script
    assert "mods = design, intercept = FALSE" in script
    assert len(comparisons(script)["group 3 se"]) == 1


def glmm_entry(status: str, **changes: Any) -> dict[str, Any]:
    """An entry under a GLMM, its numbers made up: the script is text, and R is not asked here."""
    analysis = example()
    spec = ModelSpec(model="binomial_normal").to_dict()
    analysis["fit"] = {**analysis["fit"], "spec": spec, "status": status, **changes}
    analysis["fit"]["heterogeneity"]["q_wald"] = 3.0
    return analysis


def test_glmm_says_which_intervals_r_does_not_make() -> None:
    script = r_script(glmm_entry("ok"))
    assert 'fit <- rma.glmm(measure = "PLO", xi = events, ni = n, data = dat,' in script
    assert "rma.glmm has Wald ones only" in script
    found = comparisons(script)
    assert {"estimate", "standard error", "tau2"} <= set(found)
    assert "low" not in found


def test_poisson_glmm_and_wald_intervals() -> None:
    analysis = glmm_entry("ok")
    analysis["fit"]["spec"] = ModelSpec(model="poisson_normal", ci_method="t").to_dict()
    script = r_script(analysis)
    assert 'measure = "IRLN", xi = events, ti = time' in script
    assert 'test = "t"' in script
    assert "low" in comparisons(script)


def test_counts_without_events_are_compared_by_their_exact_bound() -> None:
    natural = {"value": 0.0, "low": 0.0, "high": 0.012, "prediction_low": None, "prediction_high": None}
    script = r_script(glmm_entry("one_sided", estimate=None, natural=natural))
    assert "binom.test(sum(all$events), sum(all$n), conf.level = 0.95," in script
    assert 'alternative = "less")$conf.int' in script
    assert comparisons(script) == {"high, exact": [0.012]}
    mirrored = {**natural, "value": 1.0, "low": 0.97, "high": 1.0}
    script = r_script(glmm_entry("one_sided", estimate=None, natural=mirrored))
    assert 'alternative = "greater")$conf.int' in script
    assert comparisons(script) == {"low, exact": [0.97]}


def test_a_single_study_is_compared_by_itself() -> None:
    natural = {"value": 0.1, "low": 0.05, "high": 0.2, "prediction_low": None, "prediction_high": None}
    script = r_script(glmm_entry("single_study", natural=natural))
    assert comparisons(script) == {"low, exact": [0.05], "high, exact": [0.2]}
    frame = proportions().iloc[:1]
    alone = entry(effect_sizes(frame, "PLO", label="name", events="events", n="n"), ModelSpec())
    assert set(comparisons(r_script(alone))) == {"estimate", "low", "high"}


def test_nothing_to_fit_is_said() -> None:
    script = r_script(glmm_entry("not_estimable", estimate=None, k=0))
    assert "# Nothing to compare: not estimable, 0 usable studies." in script
    assert comparisons(script) == {}
    empty = {**example(), "fit": None, "covariates": {}}
    assert "there is nothing to fit" in r_script(empty)
    assert effects_csv(empty) == "label,yi,vi,used,reason\n"


def test_same_input_same_bytes() -> None:
    assert r_script(hostile_analysis()) == r_script(hostile_analysis())
    assert effects_csv(hostile_analysis()) == effects_csv(hostile_analysis())


def test_the_design_of_a_regression_in_r_is_ours_column_by_column() -> None:
    """Interactions, powers, logarithms, splines and levels, as R expressions that name one column each."""
    formula = "~ 0 + C(design) + I((years - 3)**2) + log(years)"
    script = r_script(example(formulas=(formula, "~ ns(years, df=2)")))
    assert 'as.numeric(dat[["design"]] == "' in script
    assert '(as.numeric(dat[["years"]]) - 3.0)^2' in script
    assert 'log(as.numeric(dat[["years"]]))' in script
    assert "intercept = FALSE" in script
    assert 'c(0, 1, 0), method = "natural")(as.numeric(dat[["years"]]))' in script
    assert 'c(0, 0, 1), method = "natural")(as.numeric(dat[["years"]]))' in script
