"""Words and R code of the models on counts: none without, and each says what was fitted."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

import meta
from meta.options import TWO_GROUP_GLMMS
from meta.report.methods import methods_sentences
from meta.report.pieces import Node, plain
from meta.report.r_fits import describe_fit
from meta.report.r_glmm import glmm_call

TRIALS = pd.DataFrame(
    {
        "events1": [4, 6, 3, 9],
        "n1": [123, 306, 231, 200],
        "events2": [11, 29, 11, 9],
        "n2": [139, 303, 220, 190],
    }
)


def fitted(measure: str, **choices: Any) -> dict[str, Any]:
    frame = TRIALS
    size = "time" if measure == "IRR" else "n"
    columns = {"events1": "events1", f"{size}1": "n1", "events2": "events2", f"{size}2": "n2"}
    if measure == "PLO":
        columns = {"events": "events1", "n": "n1"}
    effects = meta.effect_sizes(frame, measure=measure, **columns)
    plain_fit: dict[str, Any] = meta.fit_model(effects, meta.ModelSpec(**choices)).to_dict()
    return plain_fit


def said(measure: str, **choices: Any) -> str:
    spec = meta.ModelSpec(**choices).to_dict()
    return " ".join(plain(s) for s in methods_sentences(measure, Node(spec, "analyses.a.spec")))


@pytest.mark.parametrize("model", TWO_GROUP_GLMMS)
def test_methods_of_two_groups(model: str) -> None:
    text = said("OR", model=model)
    assert "no description" not in text
    assert "fitted to the counts of both groups" in text
    assert "log odds ratios are normal with variance tau²" in text
    name = {"unconditional_fixed": "UM.FS", "unconditional_random": "UM.RS", "conditional_exact": "CM.EL"}
    assert name.get(model, "CM.AL") in text
    assert ("is left out" in text.replace("\u00a0", " ")) == (model != "unconditional_random")
    held = said("OR", model=model, tau2_method=None)
    assert "tau² is held at zero: a common-effect model, without a prediction interval." in held
    assert "normal with variance tau²" not in held
    assert "I² is the share" not in held


def test_methods_of_rates_and_of_the_beta_binomial() -> None:
    assert "follow a binomial distribution (CM.EL)" in said("IRR", model="conditional_exact")
    text = said("PLO", model="beta_binomial")
    assert "rho is the correlation of two people of one study" in text
    assert "The pooled value is the mean of that distribution, the population mean" in text
    assert "There is no tau² and no I²" in text
    assert "Prediction" not in text


@pytest.mark.parametrize(
    ("measure", "model", "call"),
    [
        (
            "OR",
            "unconditional_fixed",
            'ai = events1, n1i = n1, ci = events2, n2i = n2,\n           model = "UM.FS"',
        ),
        ("OR", "unconditional_random", 'model = "UM.RS", drop00 = FALSE'),
        ("OR", "conditional_approximate", 'model = "CM.AL"'),
        ("IRR", "conditional_exact", "x1i = events1, t1i = time1, x2i = events2, t2i = time2"),
    ],
)
def test_r_code_calls_rma_glmm(measure: str, model: str, call: str) -> None:
    code = "\n".join(describe_fit("main", fitted(measure, model=model), "dat", {}, {}))
    assert call in code
    assert 'method = "ML"' in code
    assert 'compare("tau2"' in code
    held = "\n".join(describe_fit("main", fitted(measure, model=model, tau2_method=None), "dat", {}, {}))
    assert 'method = "EE"' in held


def test_r_code_says_what_r_cannot_do() -> None:
    code = "\n".join(describe_fit("main", fitted("PLO", model="beta_binomial"), "dat", {}, {}))
    assert "R metafor has no beta-binomial model" in code
    assert "compare(" not in code
    code = "\n".join(describe_fit("main", fitted("OR", model="conditional_exact"), "dat", {}, {}))
    assert 'if (!requireNamespace("BiasedUrn", quietly = TRUE)) {' in code
    assert '  compare("estimate"' in code


@pytest.mark.parametrize("moderators", [None, "~ x"])
def test_r_code_holds_tau2_where_r_would_look_for_its_logarithm(moderators: str | None) -> None:
    """metafor's search for the exact conditional model fails at tau2 = 0 ("did not achieve convergence")."""
    frame = pd.DataFrame(
        {
            "events1": [6, 8, 12, 9], "n1": [40, 52, 81, 60],
            "events2": [5, 9, 11, 9], "n2": [41, 50, 83, 61], "x": [0.3, -1.0, 0.5, 2.0],
        }
    )  # fmt: skip
    effects = meta.effect_sizes(frame, "OR", **{name: name for name in frame if name != "x"})
    spec = meta.ModelSpec(model="conditional_exact", moderators=moderators)
    fit = meta.fit_model(effects, spec)
    assert fit.tau2.value == 0.0
    assert glmm_call(fit.to_dict(), "dat", "")[-4:-2] == [
        "# tau2 is estimated at 0, which R's search over log(tau2) never meets: held at 0 here.",
        'fit <- rma.glmm(measure = "OR", ai = events1, n1i = n1, ci = events2, n2i = n2,\n'
        '           model = "CM.EL", data = dat,',
    ]
    assert 'method = "EE"' in glmm_call(fit.to_dict(), "dat", "")[-2]
    if moderators is None:
        code = "\n".join(describe_fit("main", fit.to_dict(), "dat", {}, {}))
        assert 'compare("estimate"' in code
        assert 'compare("tau2"' not in code
    # glmer, which fits the binomial likelihood of rates, reaches tau2 = 0
    rates = meta.effect_sizes(
        frame, "IRR", events1="events1", time1="n1", events2="events2", time2="n2"
    )  # fmt: skip
    held = meta.fit_model(rates, meta.ModelSpec(model="conditional_exact")).to_dict()
    assert held["tau2"]["value"] == 0.0
    assert 'method = "ML"' in glmm_call(held, "dat", "")[-2]
