"""Adapter of regressions through the public face: R's formula, predictions under metafor's names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from oracle import Tally, numbers
from rma_adapter import PREDICTION, make_spec

from meta.effects.sizes import EffectSizes
from meta.models.fitting import fit_model
from meta.models.predictions import Predictions, predict_at
from meta.results import Fit

#: metafor's back-transformation -> a measure of ours that has it.
MEASURES = {None: "GEN", "exp": "RR", "transf.ilogit": "PLO"}


def translate(formula: str) -> str | None:
    """Return R's formula as we write it; None where it computes what a formula of ours may not."""
    if "pmin" in formula or "+ n2i" in formula:
        return None
    return re.sub(r"factor\((\w+)\)", r"C(\1)", formula).replace("^", "**")


def cells(column: list[Any]) -> list[Any]:
    """Return a golden column as typed cells."""
    return [c if isinstance(c, str) or c is None else float(c) for c in column]


def public_effects(columns: Mapping[str, Any], transf: str | None) -> EffectSizes:
    """Return the effect sizes of a data set, its other columns beside them."""
    y, v = numbers(columns["yi"]), numbers(columns["vi"])
    known = ~np.isnan(y) & ~np.isnan(v)
    others = {
        name: [cell for cell, here in zip(cells(column), known, strict=True) if here]
        for name, column in columns.items()
        if name not in ("yi", "vi")
    }
    return EffectSizes.from_arrays(y[known], v[known], measure=MEASURES[transf], columns=others)


def public_fit(case: Mapping[str, Any], columns: Mapping[str, Any], pi_method: str | None) -> Fit | None:
    """Fit a case by its formula; None where the formula has no counterpart."""
    model = case["spec"].get("model", case["spec"])
    formula = translate(model["mods"])
    if formula is None:
        return None
    spec = replace(make_spec(case, pi_method), moderators=formula, tau2_ci=None)
    return fit_model(public_effects(columns, case["expected"].get("transf")), spec)


def compare_predictions(tally: Tally, case: Mapping[str, Any], columns: Mapping[str, Any]) -> None:
    """Compare predictions at the studies' own values and at new ones, on both scales."""
    expected = case["expected"]
    usual, riley = PREDICTION[case["spec"].get("test", "z")]
    common = case["spec"]["method"] in ("EE", "FE", "CE")
    for field, method in (("predict", usual), ("predict.riley", riley), ("predict.new", usual)):
        if field not in expected:
            continue
        fit = public_fit(case, columns, None if common else method)
        if fit is None:
            tally.excuse_field(case, field, "its formula computes in a way that ours may not")
            continue
        found = predict_at(fit, _new_values(case, fit) if field == "predict.new" else _own_values(fit))
        se = float(np.max(found.se))
        ours = _numbers_of(found, natural=False)
        for name, golden in expected[field].items():
            tally.compare(case, f"{field} {name}", ours[name], golden, scale=0.0 if name == "se" else se)
        if f"{field}.transf" in expected:
            ours = _numbers_of(found, natural=True)
            for name, golden in expected[f"{field}.transf"].items():
                if name != "se":  # metafor gives none after a transformation
                    tally.compare(case, f"{field}.transf {name}", ours[name], golden, scale=1e-3)


def _numbers_of(found: Predictions, *, natural: bool) -> dict[str, Any]:
    if natural:
        return {
            "pred": found.natural,
            "ci.lb": found.natural_low,
            "ci.ub": found.natural_high,
            "pi.lb": found.natural_prediction_low,
            "pi.ub": found.natural_prediction_high,
        }
    return {
        "pred": found.value,
        "se": found.se,
        "ci.lb": found.low,
        "ci.ub": found.high,
        "pi.lb": found.prediction_low,
        "pi.ub": found.prediction_high,
    }


def _own_values(fit: Fit) -> dict[str, list[Any]]:
    """Return the moderators of the studies used."""
    assert fit.moderators is not None
    used = [s.used for s in fit.studies]
    return {
        name: [cell for cell, here in zip(column, used, strict=True) if here]
        for name, column in fit.moderators.values.items()
    }


def _new_values(case: Mapping[str, Any], fit: Fit) -> dict[str, list[Any]]:
    """Return metafor's new rows of the design as cells: an indicator becomes its level."""
    assert fit.moderators is not None
    values: dict[str, list[Any]] = {name: [] for name in fit.moderators.values}
    for row in case["expected"]["newmods"]:
        rest = list(row)
        for factor in fit.moderators.factors:
            if factor.kind != "levels":
                values[factor.column].append(float(rest.pop(0)))
                continue
            chosen = [level for level in factor.levels[1:] if rest.pop(0) == 1]
            values[factor.column].append(chosen[0] if chosen else factor.levels[0])
    return values
