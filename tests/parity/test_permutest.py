"""Permutation tests against metafor's, every arrangement fitted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from oracle import Tally
from regressions import public_effects
from rma_adapter import make_spec

from meta.effects.sizes import EffectSizes
from meta.models.fitting import fit_model
from meta.options import ModelSpec
from meta.sensitivity import permutation
from meta.sensitivity.permutation import permute

#: Worst seen 1.0e-11; p-values are counts, and equal.
TOLERANCE = 1e-10


def test_permutation_tests(open_tally: Callable[[str, float], Tally]) -> None:
    tally = open_tally("permutest", TOLERANCE)
    for case in tally.topic.cases:
        check_case(tally, case)
    tally.check()


def check_case(tally: Tally, case: dict[str, Any]) -> None:
    expected, asked = case["expected"], case["spec"]
    effects, spec = arrange_case(case, tally.topic.columns(case["data"]))
    quantity = "estimate" if asked.get("stat") == "coef" else "statistic"
    found = permute(effects, spec, quantity=quantity, interval=bool(asked.get("permci")))
    fit = fit_model(effects, spec)
    assert fit.coefficients is not None
    p = {"two.sided": found.p, "greater": found.p_above, "less": found.p_below}
    tally.compare(case, "exact.iter", found.draws, expected["exact.iter"])
    tally.compare(case, "pval", p[asked.get("alternative", "two.sided")], expected["pval"])
    # without moderators metafor's joint test is that of the intercept
    joint = found.p[0] if found.test_p is None else found.test_p
    tally.compare(case, "QMp", joint, expected["QMp"])
    tally.compare(
        case, "beta", fit.coefficients.value, expected["beta"], scale=float(fit.coefficients.se.max())
    )
    tally.compare(case, "zval", fit.coefficients.statistic, expected["zval"], scale=1.0)
    test = fit.moderator_test.statistic if fit.moderator_test else fit.coefficients.statistic[0] ** 2
    tally.compare(case, "QM", test, expected["QM"], scale=1.0)
    compare_distribution(tally, case, effects, spec)
    bounds = ("ci.lb", found.low), ("ci.ub", found.high)
    for name, ours in bounds:
        if asked.get("permci"):
            # metafor stops its search at its own tolerance; our ends are known to 1e-6 standard errors
            tally.compare(case, name, ours, expected[name], tolerance=case["tol"]["abs"])
        else:
            usual = fit.coefficients.low if name == "ci.lb" else fit.coefficients.high
            tally.compare(case, name, usual, expected[name], scale=float(fit.coefficients.se.max()))


def arrange_case(case: Mapping[str, Any], columns: Mapping[str, Any]) -> tuple[EffectSizes, ModelSpec]:
    """Return the effect sizes and the spec of a case; sampling variances can be a moderator too."""
    model = case["spec"]["model"]
    effects = public_effects(columns, None)
    effects = replace(effects, columns={**effects.columns, "vi": tuple(effects.v.tolist())})
    return effects, replace(make_spec({"spec": model}), moderators=model.get("mods"))


def compare_distribution(tally: Tally, case: dict[str, Any], effects: EffectSizes, spec: ModelSpec) -> None:
    """Compare what metafor tells of the statistics over all arrangements."""
    expected = case["expected"]
    task = permutation._prepare(effects, spec, None, "statistic", interval=False)
    parts = list(permutation._statistics(task, task.all_, 1, exact=True))
    statistic = np.concatenate([part[0] for part in parts])
    test = statistic[:, 0] ** 2 if task.signs else np.concatenate([part[1] for part in parts])
    summary = expected["QM.perm.summary"]
    for name, ours in (("mean", test.mean()), ("min", test.min()), ("max", test.max())):
        tally.compare(case, f"QM.perm {name}", ours, summary[name], scale=1.0)
    tally.compare(case, "zval.perm mean", statistic.mean(axis=0), expected["zval.perm.mean"], scale=1.0)
    tally.compare(case, "zval.perm max", statistic.max(axis=0), expected["zval.perm.max"], scale=1.0)
