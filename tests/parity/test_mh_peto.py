"""Mantel-Haenszel and Peto pooling of two groups against metafor."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd
from oracle import Tally, numbers

from meta.effects.compute import effect_sizes
from meta.effects.sizes import EffectSizes
from meta.models.fitting import fit_model
from meta.options import ModelSpec
from meta.results import Fit, Refits
from meta.sensitivity.cumulative import cumulate
from meta.sensitivity.leave_one_out import leave_one_out

#: Worst seen 4.3e-13.
TOLERANCE = 1e-11

#: Fields that are left out, with the reason.
NOT_OFFERED = {
    "MH": "the Cochran-Mantel-Haenszel test",
    "MHp": "the Cochran-Mantel-Haenszel test",
    "TA": "Tarone's test",
    "TAdf": "Tarone's test",
    "TAp": "Tarone's test",
    "CO": "Cochran's test",
    "COp": "Cochran's test",
    "k.pos": "studies that these tests count",
}

#: metafor's names of the columns -> ours.
PEOPLE = {"ai": "events1", "n1i": "n1", "ci": "events2", "n2i": "n2"}
RATES = {"x1i": "events1", "t1i": "time1", "x2i": "events2", "t2i": "time2"}


def adds_to_the_pooled_cells(spec: Mapping[str, Any]) -> bool:
    """Whether something is added to the cells that are pooled."""
    return bool(spec.get("add", [0.5, 0])[1] > 0 and spec["to"][1] != "none")


def effects_of(tally: Tally, case: Mapping[str, Any], spec: Mapping[str, Any], measure: str) -> EffectSizes:
    raw = tally.topic.columns(case["data"])
    if "tpos" in raw:
        a, b, c, d = (numbers(raw[name]) for name in ("tpos", "tneg", "cpos", "cneg"))
        frame = pd.DataFrame({"events1": a, "n1": a + b, "events2": c, "n2": c + d})
    else:
        frame = pd.DataFrame(
            {ours: numbers(raw[name]) for name, ours in {**PEOPLE, **RATES}.items() if name in raw}
        )
    drop = spec.get("drop00", [True, True])
    return effect_sizes(
        frame,
        measure,
        add=spec.get("add", [0.5, 0])[0] if measure != "PETO" else 0.0,
        to=spec.get("to", ["only0", "none"])[0] if measure != "PETO" else "none",
        drop00=bool(drop[0] if isinstance(drop, list) else drop),
        **{name: name for name in frame.columns},
    )


def spec_of(measure: str, level: float) -> ModelSpec:
    """Peto's method is a common effect of Peto's odds ratios, whose weights are hypergeometric variances."""
    model = "common" if measure == "PETO" else "mantel_haenszel"
    return ModelSpec(model=model, ci_method="Wald", level=level)


def excused_of_peto(case: Mapping[str, Any], effects: EffectSizes) -> dict[str, str]:
    """Return the fields of Peto's method that metafor computes from something else than it pools."""
    if effects.measure != "PETO":
        return {}
    fields = {}
    if has_zero(effects):
        fields["fit"] = "metafor takes the likelihood of effects with 1/2 added, and pools without"
    if case["spec"].get("drop00") is False or case["data"] == EMPTY_ARM:
        for name in ("QEdf", "QEp", "I2", "H2"):
            fields[name] = "metafor counts trials that say nothing among the degrees of freedom"
    return fields


#: Row 11 of these tables has nobody in arm 2 (7 of 20, 0 of 0). metafor adds to its cells and compares it
#: with the pooled value; here a row without people is left out, with that reason.
EMPTY_ARM = "zeros"
EMPTY_ARM_REASON = "metafor's Q counts a row that has nobody in one arm"


def heterogeneity_of_the_others(measure: str, case: Mapping[str, Any], pooled: float) -> float:
    """Return metafor's Q without what the row with an empty arm adds to it."""
    everywhere = case["spec"]["to"][0] == "all"
    a, b, c, d = 7.5, 13.5, 0.5, 0.5
    assert everywhere or case["spec"]["to"][0] == "only0"
    y, v = {
        "OR": (math.log(a * d / (b * c)), 1 / a + 1 / b + 1 / c + 1 / d),
        "RR": (math.log(a / (a + b)) - math.log(c / (c + d)), 1 / a - 1 / (a + b) + 1 / c - 1 / (c + d)),
        "RD": (a / (a + b) - c / (c + d), a * b / (a + b) ** 3 + c * d / (c + d) ** 3),
    }[measure]
    return float(case["expected"]["QE"] - (y - pooled) ** 2 / v)


def has_zero(effects: EffectSizes) -> bool:
    """Return whether any cell of any trial is 0."""
    cells = [effects.counts["events1"], effects.counts["events2"]]
    if "n1" in effects.counts:
        cells += [effects.counts[f"n{arm}"] - effects.counts[f"events{arm}"] for arm in (1, 2)]
    return bool(any((cell == 0).any() for cell in cells))


def compare_pooled(tally: Tally, case: Mapping[str, Any], fit: Fit, excused: Mapping[str, str]) -> None:
    expected = case["expected"]
    assert fit.estimate is not None
    assert fit.heterogeneity is not None
    if case["data"] == EMPTY_ARM and fit.measure != "PETO":
        excused = dict.fromkeys(("QE", "QEdf", "QEp", "I2", "H2", "fit"), EMPTY_ARM_REASON)
        others = heterogeneity_of_the_others(fit.measure, case, fit.estimate.value)
        tally.compare(case, "QE of the others", fit.heterogeneity.q, others)
    e, h, se = fit.estimate, fit.heterogeneity, fit.estimate.se
    ours: dict[str, tuple[Any, float]] = {
        "beta": (e.value, se),
        "se": (e.se, 0.0),
        "zval": (e.statistic, 1.0),
        "pval": (e.p, 0.0),
        "ci.lb": (e.low, se),
        "ci.ub": (e.high, se),
        "QE": (h.q, 1.0),
        "QEdf": (float(h.df), 0.0),
        "QEp": (h.p, 0.0),
        "I2": (h.i2, 1.0),
        "H2": (h.h2, 0.0),
    }
    for name, value in expected.items():
        if name in NOT_OFFERED:
            tally.excuse_field(case, name, NOT_OFFERED[name])
        elif name in excused:
            tally.excuse_field(case, name, excused[name])
        elif name in ours:
            tally.compare(case, name, ours[name][0], value, scale=ours[name][1])
        elif name == "weights":
            golden = numbers(value)
            assert fit.weights is not None
            tally.compare(case, name, fit.weights[fit.weights > 0], golden[golden > 0])
        elif name == "fit":
            tally.compare(case, "ll", fit.loglik, value["ML"]["ll"], scale=1.0)
        elif name == "predict":
            for bound, field in ((e.value, "pred"), (e.low, "ci.lb"), (e.high, "ci.ub")):
                tally.compare(case, f"predict {field}", bound, value[field], scale=se)
        else:
            assert name in ("k", "k.yi", "predict.exp"), name


def compare_refits(tally: Tally, case: Mapping[str, Any], refits: Refits) -> None:
    ours = {
        "estimate": refits.estimate,
        "se": refits.se,
        "pval": refits.p,
        "ci.lb": refits.low,
        "ci.ub": refits.high,
    }
    for name, value in ours.items():
        tally.compare(case, name, value, case["expected"][name], scale=1e-2)


def test_mantel_haenszel_and_peto(open_tally: Callable[[str, float], Tally]) -> None:
    tally = open_tally("mh_peto", TOLERANCE)
    for case in tally.topic.cases:
        spec = case["spec"]
        model = spec.get("model", spec)
        measure = model.get("measure", "PETO")
        if len(numbers(next(iter(tally.topic.columns(case["data"]).values())))) == 0:
            assert case["expected"] is None
            tally.excuse(case, "a data set without rows, which R cannot fit either")
            continue
        effects = effects_of(tally, case, model, measure)
        level = spec.get("level", 95) / 100.0
        if spec["fn"] == "leave1out":
            compare_refits(tally, case, leave_one_out(effects, spec_of(measure, level)))
        elif spec["fn"] == "cumul":
            columns = {**effects.columns, "order": tuple(range(effects.k))}
            ordered = dataclasses.replace(effects, columns=columns)
            compare_refits(tally, case, cumulate(ordered, spec_of(measure, level), order="order"))
        else:
            check_case(tally, case, fit_model(effects, spec_of(measure, level)), effects)
    tally.check()


def check_case(tally: Tally, case: Mapping[str, Any], fit: Fit, effects: EffectSizes) -> None:
    expected = case["expected"]
    if adds_to_the_pooled_cells(case["spec"]) and has_zero(effects):
        tally.excuse(case, "a correction of the cells that are pooled, which Mantel-Haenszel does not need")
    elif expected is None or expected.get("beta") is None:
        assert fit.estimate is None
        assert fit.status == "not_estimable"
        tally.run.add(case["id"])
    elif case["id"] == "mh-allzero-RD-1":
        assert fit.status == "not_estimable"
        assert expected["se"] == 0.0
        tally.excuse(
            case, "no event in any trial: a difference of 0 with a standard error of 0 is no estimate"
        )
    elif fit.estimate is None:
        tally.fail(case, f"no estimate ({fit.status}); oracle {expected['beta']}")
    else:
        compare_pooled(tally, case, fit, excused_of_peto(case, effects))
