"""A review under the Bayesian model, run whole: every number and word of the posterior finds its place."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from meta.pipeline import run_review
from meta.report.bayes import posterior_sentences
from meta.report.context import build_context
from meta.report.methods import methods_sentences
from meta.report.pieces import Node, Unit, plain

PLAN = """
title = "Trials"
question = "Does it work?"
authors = ["A"]
about = "A review made for a test."

[sheets.main]
file = "trials.csv"
schema = "generic"

[[analyses]]
id = "bayes"
title = "Bayesian"
question = "How much?"
sheet = "main"
label = "study_id"
measure = "OR"
columns = {events1 = "e1", n1 = "n1", events2 = "e2", n2 = "n2"}
profile = "house@1"
model = {model = "bayes"}
threshold = {value = 1.5, words = "worth having", source = "a panel"}
subgroups = [{by = "kind", title = "By kind"}]
alternatives = [
  {label = "Heavy tail", model = {prior = "half_cauchy", prior_parameters = [0.5]}, reason = "A wider prior"},
  {label = "Improper", model = {prior = "uniform"}, reason = "No prior to speak of"},
  {label = "Two", model = {prior = "uniform"}, filters = [{column = "kind", equals = "a"}], reason = "x"},
  {label = "REML", model = {model = "random"}, reason = "Without a prior"},
]

[[analyses]]
id = "plain"
title = "Usual"
question = "How much?"
sheet = "main"
label = "study_id"
measure = "OR"
columns = {events1 = "e1", n1 = "n1", events2 = "e2", n2 = "n2"}
profile = "house@1"
alternatives = [
  {label = "Bayesian", model = {model = "bayes", prior = "log_normal", prior_parameters = [-2.56, 1.74]}, \
reason = "x"},
]
"""

ROWS = """study_id,kind,year,e1,n1,e2,n2
Alpha,a,2001,12,40,8,41
Beta,a,2004,15,80,9,79
Gamma,b,2008,13,30,8,31
Delta,b,2011,9,50,9,52
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bayes")
    (folder / "review.toml").write_text(PLAN, encoding="utf-8")
    (folder / "trials.csv").write_text(ROWS, encoding="utf-8")
    run_review(folder / "review.toml", out=folder / "out")
    return folder / "out", json.loads((folder / "out" / "results.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def page(run) -> str:
    return (run[0] / "report.md").read_text(encoding="utf-8")


def section(page: str, title: str) -> str:
    return re.split(r"^## ", page.split(f"\n## {title}\n")[1], flags=re.MULTILINE)[0]


def test_no_test_and_no_nan_is_printed(run, page):
    out, _ = run
    html = (out / "report.html").read_text(encoding="utf-8")
    figures = [path.read_text(encoding="utf-8") for path in sorted((out / "analyses").rglob("*.svg"))]
    scripts = [path.read_text(encoding="utf-8") for path in sorted((out / "analyses").rglob("*.R"))]
    for text in (page, re.sub(r"<(svg|script).*?</\1>", "", html, flags=re.DOTALL), *scripts):
        assert not re.search(r"\bnan\b", text, flags=re.IGNORECASE)
        assert "P = \u2013" not in text
    for text in figures:
        assert not re.search(r">[^<]*\bnan\b[^<]*<", text, flags=re.IGNORECASE)
    assert "Overall effect" not in (out / "analyses" / "bayes" / "forest.svg").read_text(encoding="utf-8")
    assert "Test of no difference" not in section(page, "Bayesian")


def test_the_result_says_credible_interval_prior_and_probabilities(run, page):
    _, results = run
    said = section(page, "Bayesian")
    assert re.search(r"The pooled odds ratio is \d\.\d+ \(95% credible interval \d\.\d+ to \d\.\d+", said)
    prior = "τ has a half-normal prior with scale 0.5 (Röver et al. 2021)"
    assert f"{prior}, and its posterior has the median" in said
    assert re.search(r"its posterior has the median .* to [0-9.]+\), on the analysis scale \(log odds", said)
    above = "The posterior probability that the odds ratio lies above 1, no difference, is "
    assert re.search(above + r"\d+(\.\d)?%", said)
    assert "The posterior probability that the odds ratio lies above the threshold of 1.5 is" in said
    assert "The credible interval includes the threshold of 1.5 declared in the protocol" in said
    assert "95% CrI" in said
    posterior = results["analyses"]["bayes"]["fit"]["posterior"]
    assert posterior["beyond"]["threshold"] == 1.5
    assert 0.0 < posterior["beyond"]["mu"] < posterior["tail_mu"] < 1.0
    assert results["analyses"]["bayes"]["fit"]["estimate"]["p"] is None


def test_every_number_of_the_posterior_has_its_address(run):
    _, results = run
    view = next(a for a in build_context(results).analyses if a.anchor == "bayes")
    shown = [piece for sentence in view.results for piece in sentence if not isinstance(piece, str)]
    places = {piece.id for piece in shown if hasattr(piece, "id")}
    base = "analyses.bayes.fit.posterior"
    names = ("tau", "tau_low", "tau_high", "tail_mu", "tail_new", "beyond.mu", "prior_parameters.0")
    assert {f"{base}.{name}" for name in names} <= places


def test_shrunken_effects_stand_beside_the_own_ones(page):
    said = section(page, "Bayesian")
    assert "Odds ratio \\[CI\\], its own | Odds ratio \\[CrI\\], shrunken" in said
    assert said.count("| Gamma |") >= 2


def test_alternatives_show_their_posterior_and_those_without_say_why(run, page):
    out, results = run
    said = section(page, "Bayesian")
    assert "### Posterior of “Heavy tail”" in said
    assert "half-Cauchy (0.5) instead of half-normal (0.5)" in said
    assert "τ has a uniform prior on all values above 0, which is improper" in said
    why = "under a uniform prior of tau without an upper end it is proper from 3 studies on; here are 2"
    assert f"“Two” (no posterior: {why})" in said
    usual = section(page, "Usual")
    assert "### Posterior of “Bayesian”" in usual
    assert "log tau² is normal with mean −2.56 and standard deviation 1.74 (Turner et al. 2015)" in usual
    assert "Credible intervals: “Bayesian”." in usual
    lean = results["analyses"]["plain"]["alternatives"]["rows"][0]["posterior"]
    assert not any(name.startswith("density_") for name in lean)
    assert sorted(path.name for path in (out / "analyses" / "bayes").glob("posterior*.svg")) == [
        "posterior-1.svg",
        "posterior-2.svg",
        "posterior.svg",
    ]


def test_groups_are_not_tested(page):
    said = section(page, "Bayesian")
    assert "No test: a Bayesian model has none; the posteriors of the groups stand side by side" in said


def test_few_studies_leave_much_to_the_prior(page):
    assert "Four studies: what is known of how far settings differ comes largely from the prior" in page


def test_the_script_for_r_integrates_again(run):
    script = (run[0] / "analyses" / "bayes" / "analysis.R").read_text(encoding="utf-8")
    assert "# metafor fits no Bayesian model. With the package bayesmeta it would be" in script
    assert "tau.prior = function(t) dhalfnormal(t, scale = 0.5)" in script
    assert script.count("P(mean <= low)") == 3
    assert "rma(" not in script


@pytest.mark.parametrize(
    ("choices", "text"),
    [
        ({}, "half-normal prior with scale 0.5 (Röver et al. 2021), the default for logs and logits"),
        ({"prior": "half_cauchy", "prior_parameters": [2.0]}, "half-Cauchy prior with scale 2 (Gelman 2006)"),
        ({"prior": "uniform", "prior_parameters": [4.0]}, "uniform prior from 0 to 4 (Gelman 2006)"),
        ({"prior": "uniform"}, "uniform prior on all values above 0, which is improper"),
        ({"prior": "log_normal", "prior_parameters": [-3.0, 1.5]}, "mean −3 and standard deviation 1.5"),
    ],
)
def test_methods_name_each_prior(choices: dict[str, Any], text: str):
    spec = {"model": "bayes", "level": 0.95, "pi_method": "posterior", "tau2_ci": "posterior", **choices}
    said = " ".join(plain(sentence) for sentence in methods_sentences("OR", Node(spec)))
    assert text in said
    assert "There is no test." in said


@pytest.mark.parametrize(("threshold", "sentences"), [(1.0, 2), (1.5, 3)])
def test_a_threshold_at_the_null_value_is_spoken_of_once(threshold: float, sentences: int):
    posterior = {
        "prior": "half_normal", "prior_parameters": [0.5], "tau": 0.3, "tau_low": 0.1, "tau_high": 0.9,
        "tail_mu": 0.94, "tail_new": 0.78, "beyond": {"threshold": threshold, "mu": 0.94, "new": 0.78},
    }  # fmt: skip
    spec = Node({"model": "bayes", "prior": "half_normal", "prior_parameters": [0.5], "level": 0.95})
    declared = Node({"value": threshold})
    unit = Unit(1.0, "Risk ratio", "Risk ratio", "", "risk ratio", 2)
    said = posterior_sentences(Node(posterior), spec, unit, "RR", declared)
    assert len(said) == sentences
    assert "lies above 1, no difference, is 94%" in plain(said[1])
