"""Standardised effects against precision: metafor's ``radial``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import meta
from meta.bias.radial import find_radial
from meta.errors import ModelError

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "baujat_radial.json").read_text(encoding="utf-8"))


def bcg_fit(**choices: Any) -> meta.Fit:
    frame = pd.DataFrame(GOLDEN["data"]).assign(n1=lambda d: d.tpos + d.tneg, n2=lambda d: d.cpos + d.cneg)
    effects = meta.effect_sizes(frame, measure="RR", events1="tpos", n1="n1", events2="cpos", n2="n2")
    return meta.fit_model(effects, meta.ModelSpec(**choices))


@pytest.mark.parametrize(
    ("name", "choices"), [("REML", {}), ("DL", {"tau2_method": "DL"}), ("common", {"model": "common"})]
)
def test_both_axes_are_those_of_metafor(name: str, choices: dict[str, Any]) -> None:
    fit = bcg_fit(**choices)
    found = find_radial(fit)
    # worst difference seen: 2e-9, of tau2 under REML
    assert found.precision == pytest.approx(np.array(GOLDEN["fits"][name]["precision"]), abs=1e-8)
    assert found.score == pytest.approx(np.array(GOLDEN["fits"][name]["score"]), abs=1e-8)
    assert found.tau2 == pytest.approx(GOLDEN["fits"][name]["tau2"], abs=1e-8)
    assert fit.estimate is not None
    assert (found.value, found.low, found.high) == (fit.estimate.value, fit.estimate.low, fit.estimate.high)
    assert found.band == pytest.approx(1.959963984540054, rel=1e-14)


def test_what_has_no_radial_plot_is_refused() -> None:
    with pytest.raises(ModelError, match="a radial plot needs a pooled value"):
        find_radial(bcg_fit(moderators="~ ablat"))
    effects = meta.EffectSizes.from_arrays([0.1, 0.2, 0.4], [0.1, 0.1, 0.1], columns={"who": ["a", "a", "b"]})
    clustered = meta.fit_model(effects, meta.ModelSpec(model="three_level", cluster="who"))
    with pytest.raises(ModelError, match="model='three_level' has clustered rows"):
        find_radial(clustered)
