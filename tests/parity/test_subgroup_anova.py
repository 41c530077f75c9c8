"""Subgroups with separate and common tau2, and model fit, against metafor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from oracle import Tally, Topic, columns_as_floats
from rma_adapter import TESTS, make_spec

import meta
from meta.effects.sizes import EffectSizes
from meta.results import Fit, Subgroups

#: Worst relative difference seen: 4e-11, the REML tau2 of a small group.
TOLERANCE = 1e-8

#: Numbers below this are rounding noise of sums of the size of 1.
SCALE = 1e-9


def effects_of(topic: Topic, case: dict[str, Any]) -> EffectSizes:
    columns = topic.columns(case["data"])
    y, v = columns_as_floats(columns, ("yi", "vi"))
    texts = {name: tuple(values) for name, values in columns.items() if name not in ("yi", "vi")}
    return EffectSizes.from_arrays(y, v, columns=texts)


def compare_separate(tally: Tally, case: dict[str, Any], groups: Subgroups) -> None:
    expected = case["expected"]
    assert list(groups.levels) == expected["groups"]
    theirs = expected["separate"]
    assert [fit.k for fit in groups.fits] == theirs["k"]
    ours: dict[str, Callable[[Fit], Any]] = {
        "beta": lambda f: f.estimate.value,
        "se": lambda f: f.estimate.se,
        "ci.lb": lambda f: f.estimate.low,
        "ci.ub": lambda f: f.estimate.high,
        "pval": lambda f: f.estimate.p,
        "tau2": lambda f: f.tau2.value,
        "I2": lambda f: f.heterogeneity.i2,
        "QE": lambda f: f.heterogeneity.q,
        "QEp": lambda f: f.heterogeneity.p,
    }
    assert set(theirs) - {"k"} == set(ours)
    for name, get in ours.items():
        tally.compare(case, f"separate.{name}", [get(fit) for fit in groups.fits], theirs[name], scale=SCALE)
    tally.compare(case, "Q.between", groups.test.statistic, expected["Q.between"], scale=SCALE)
    tally.compare(case, "Q.between.df", groups.test.df, expected["Q.between.df"])
    tally.compare(case, "Q.between.p", groups.test.p, expected["Q.between.p"])
    assert groups.test.df2 is None


def compare_common(tally: Tally, case: dict[str, Any], groups: Subgroups, fit: Fit) -> None:
    theirs = case["expected"]["common"]
    tally.compare(case, "common.tau2", fit.tau2.value, theirs["tau2"], scale=SCALE)
    tally.compare(case, "common.beta", fit.coefficients.value, theirs["beta"], scale=SCALE)
    tally.compare(case, "common.se", fit.coefficients.se, theirs["se"])
    tally.compare(case, "common.QE", fit.heterogeneity.q, theirs["QE"])
    tally.compare(case, "common.QEp", fit.heterogeneity.p, theirs["QEp"])
    tally.compare(case, "common.R2", fit.r2, theirs["R2"], scale=SCALE)
    for what, test in (("", fit.moderator_test), ("groups ", groups.test)):
        tally.compare(case, f"common.{what}QM", test.statistic, theirs["QM"], scale=SCALE)
        tally.compare(case, f"common.{what}QMdf", [test.df, test.df2], theirs["QMdf"])
        tally.compare(case, f"common.{what}QMp", test.p, theirs["QMp"])
    # the group means of the joint model are intercept + contrast
    means = np.asarray(theirs["beta"]) + np.where(np.arange(len(theirs["beta"])) > 0, theirs["beta"][0], 0.0)
    tally.compare(case, "common.means", [f.estimate.value for f in groups.fits], means, scale=SCALE)
    assert {f.tau2.value for f in groups.fits} == {groups.fits[0].tau2.value}


def compare_information(
    tally: Tally, case: dict[str, Any], name: str, fit: Fit, expected: dict[str, float]
) -> None:
    ours = fit.information
    for field, value in (("ll", ours.loglik), ("AIC", ours.aic), ("BIC", ours.bic), ("AICc", ours.aicc)):
        tally.compare(case, f"{name}{field}", value, expected[field], scale=1.0)
    # the deviance is twice the distance from the model with a value for each study
    v = np.array([study.v for study in fit.studies if study.used])
    saturated = -0.5 * float(np.sum(np.log(2.0 * np.pi * v)))
    if not ours.restricted:
        tally.compare(case, f"{name}dev", 2.0 * (saturated - ours.loglik), expected["dev"], scale=1.0)
    else:
        tally.compare(case, f"{name}dev", -2.0 * ours.loglik, expected["dev"], scale=1.0)


def compare_nested(tally: Tally, case: dict[str, Any], effects: EffectSizes) -> None:
    spec, expected = case["spec"], case["expected"]
    if spec["full"] == "REML":
        full = meta.fit_model(effects, meta.ModelSpec(ci_method="Wald", pi_method=None))
        reduced = meta.fit_model(effects, meta.ModelSpec(model="common", ci_method="Wald"))
    else:
        chosen = make_spec(case)
        full, reduced = (
            meta.fit_model(effects, replace(chosen, moderators=None if formula == "~ 1" else formula))
            for formula in (spec["full"], spec["reduced"])
        )
    found = meta.compare_fits(full, reduced)
    tally.compare(case, "LRT", found.statistic, expected["LRT"], scale=1.0)
    tally.compare(case, "pval", found.p, expected["pval"])
    for end, fit, tau2 in (("f", full, found.tau2_full), ("r", reduced, found.tau2_reduced)):
        tally.compare(case, f"QE.{end}", fit.heterogeneity.q, expected[f"QE.{end}"])
        tally.compare(case, f"tau2.{end}", tau2, expected[f"tau2.{end}"], scale=1e-3)
    if spec["full"] == "REML":
        # metafor reports R2 = 0 between two values of tau2 under the same coefficients; there is none
        assert found.r2 is None
        compare_information(tally, case, "full ", full, expected["fit.stats.f"])
        tally.compare(case, "reduced ll", found.loglik_reduced, expected["fit.stats.r"]["ll"])
        return
    tally.compare(case, "R2", found.r2, expected["R2"], scale=1.0)
    for name, fit, block in (("full ", full, "fit.stats.f"), ("reduced ", reduced, "fit.stats.r")):
        compare_information(tally, case, name, fit, expected[block])


def compare_contrast(tally: Tally, case: dict[str, Any], effects: EffectSizes) -> None:
    spec, expected = case["spec"], case["expected"]
    ci_method, guard = TESTS[spec["test"]]
    fit = meta.fit_model(
        effects,
        meta.ModelSpec(ci_method=ci_method, ci_guard=guard, pi_method=None, moderators=spec["model"]),
    )
    if "btt" in spec:
        first, _, last = spec["btt"].partition(":")
        picked = np.arange(int(first), int(last or first) + 1) - 1
        contrast = meta.test_contrast(fit, np.eye(expected["p"])[picked])
    else:
        contrast = meta.test_contrast(fit, spec["X"], value=spec.get("rhs", 0.0))
        tally.compare(case, "Xb", contrast.value - spec.get("rhs", 0.0), expected["Xb"])
        tally.compare(case, "se", contrast.se, expected["se"])
        tally.compare(case, "zval", contrast.statistic, expected["zval"])
        tally.compare(case, "pval", contrast.p, expected["pval"])
    tally.compare(case, "QM", contrast.joint_statistic, expected["QM"])
    tally.compare(case, "QMdf", [contrast.joint_df, contrast.joint_df2], expected["QMdf"])
    tally.compare(case, "QMp", contrast.joint_p, expected["QMp"])


def test_subgroups(open_tally: Callable[[str, float], Tally]) -> None:
    tally = open_tally("subgroup_anova", TOLERANCE)
    for case in tally.topic.cases:
        spec = case["spec"]
        effects = effects_of(tally.topic, case)
        if spec["fn"] == "anova":
            (compare_contrast if "model" in spec else compare_nested)(tally, case, effects)
            continue
        if spec["fn"] == "fitstats":
            moderators = None if spec["mods"] == "~ 1" else spec["mods"]
            fit = meta.fit_model(effects, replace(make_spec(case), moderators=moderators))
            compare_information(tally, case, "", fit, case["expected"])
            continue
        chosen = make_spec(case)
        compare_separate(tally, case, meta.fit_subgroups(effects, chosen, by=spec["by"]))
        joint = meta.fit_subgroups(effects, chosen, by=spec["by"], common_tau2=True)
        moderated = replace(chosen, moderators=f"~ C({spec['by']})")
        compare_common(tally, case, joint, meta.fit_model(effects, moderated))
        if spec["method"] == "EE" and spec["test"] == "z":
            tally.compare(case, "Qb.ee.df", joint.test.df, case["expected"]["Qb.ee.df"])
            if joint.unlabelled:
                # the oracle's total counts the studies without a level, its parts do not: ours is the Q of
                # the labelled ones
                tally.excuse_field(case, "Qb.ee", "its total includes studies that are in no group")
                total = meta.fit_model(effects, chosen).heterogeneity.q
                parts = sum(
                    fit.heterogeneity.q for fit in meta.fit_subgroups(effects, chosen, by=spec["by"]).fits
                )
                tally.compare(
                    case, "Qb.ee with all studies in its total", total - parts, case["expected"]["Qb.ee"]
                )
            else:
                tally.compare(case, "Qb.ee", joint.test.statistic, case["expected"]["Qb.ee"])
    tally.check()
    assert len(tally.run) == 64 + 8 + 15
