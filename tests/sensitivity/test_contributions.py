"""Contributions to Q and influence: metafor's ``baujat``, and the same numbers from plain refits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import meta
from meta.errors import ModelError
from meta.sensitivity.contributions import find_contributions

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "baujat_radial.json").read_text(encoding="utf-8"))

#: Worst difference seen: 3e-10 (REML), 5e-14 (common).
TOLERANCE = 1e-8


def bcg(measure: str = "RR") -> meta.EffectSizes:
    frame = pd.DataFrame(GOLDEN["data"]).assign(n1=lambda d: d.tpos + d.tneg, n2=lambda d: d.cpos + d.cneg)
    return meta.effect_sizes(frame, measure=measure, events1="tpos", n1="n1", events2="cpos", n2="n2")


@pytest.mark.parametrize(
    ("name", "choices"),
    [
        ("REML", {"ci_method": "HKSJ"}),
        ("DL", {"tau2_method": "DL", "ci_method": "Wald"}),
        ("common", {"model": "common", "ci_method": "Wald"}),
        ("regression", {"moderators": "~ ablat"}),
    ],
)
def test_both_axes_are_those_of_metafor(name: str, choices: dict[str, Any]) -> None:
    found = find_contributions(bcg(), meta.ModelSpec(**choices))
    assert found.squared_residual == pytest.approx(np.array(GOLDEN["fits"][name]["x"]), abs=TOLERANCE)
    assert found.influence == pytest.approx(np.array(GOLDEN["fits"][name]["y"]), abs=TOLERANCE)


def test_contributions_add_up_to_q_whatever_the_model() -> None:
    fit = meta.fit_model(bcg(), meta.ModelSpec(model="common"))
    assert fit.heterogeneity is not None
    for spec in (None, meta.ModelSpec(model="common"), meta.ModelSpec(tau2_method="PM")):
        found = find_contributions(bcg(), spec)
        assert found.q == pytest.approx(fit.heterogeneity.q, rel=1e-13)
        assert found.contribution.sum() == pytest.approx(found.q, rel=1e-12)
        assert found.contribution == pytest.approx(np.array(GOLDEN["fits"]["common"]["x"]), abs=TOLERANCE)


def proportions() -> meta.EffectSizes:
    sheet = pd.DataFrame({"e": [3, 10, 9, 20, 25, 0], "n": [40, 60, 44, 70, 161, 30], "who": list("aabbcd")})
    return meta.effect_sizes(sheet, measure="PLO", events="e", n="n")


def test_a_glmm_is_refitted_as_a_glmm() -> None:
    effects, spec = proportions(), meta.ModelSpec(model="binomial_normal", ci_method="Wald")
    found = find_contributions(effects, spec)
    fit, without = meta.fit_model(effects, spec), meta.leave_one_out(effects, spec)
    assert fit.estimate is not None
    shift = (fit.estimate.value - without.estimate) / without.se
    assert found.influence == pytest.approx(shift**2, rel=1e-9)


def test_rows_of_one_study_go_together() -> None:
    effects = proportions()
    spec = meta.ModelSpec(model="three_level", cluster="who", ci_method="Wald")
    found = find_contributions(effects, spec)
    assert found.labels == ("a", "b", "c", "d")
    assert found.contribution.sum() == pytest.approx(found.q, rel=1e-12)
    assert np.isnan(found.squared_residual).all()
    without = meta.leave_one_out(effects, spec)
    fit = meta.fit_model(effects, spec)
    assert fit.estimate is not None
    assert found.influence == pytest.approx(
        ((fit.estimate.value - without.estimate) / without.se) ** 2, rel=1e-6
    )
    assert list(found.to_frame().columns) == ["label", "contribution", "squared_residual", "influence"]


def test_one_study_has_no_influence() -> None:
    effects = meta.EffectSizes.from_arrays([0.1], [0.2])
    with pytest.raises(ModelError, match="contributions need at least two studies; there is 1"):
        find_contributions(effects)
