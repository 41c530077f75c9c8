"""One-group GLMMs against metafor's rma.glmm, at the number of nodes metafor used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from glmm_cases import Counts, read_counts, two_groups_of_a_later_issue
from oracle import Tally

from meta.kernels.glmm import GlmmBatch, fit_glmm
from meta.models.glmm import infer_glmm
from meta.models.rows import FittedRows
from meta.options import ModelSpec

#: Fits at metafor's nodes, relative to max(1, |golden|). Worst seen 2.6e-5 (a z value: R's glm stops early,
#: and its standard error with it); estimates 6e-8.
TOLERANCE = 4e-5
#: Intervals and tests of our own fit, whose nodes are not metafor's 7 (or 1, or 3): that moves tau2 by
#: 2e-4, by 2e-2 with one node.
OWN_NODES = 3e-4
FEW_NODES = 3e-2

NOT_COMPARABLE = "metafor keeps no log-likelihood; lme4 drops constants unlike ours where it integrates"
HELD = "tau2 = 0 is only held for tests: the model layer has no common-effect GLMM to compare"
ZERO_CELLS = "metafor counts studies with a zero cell in the degrees of freedom of a Q that leaves them out"


def held_nodes(case: dict[str, Any], counts: Counts) -> GlmmBatch:
    """Fit a case as metafor did."""
    if case["spec"]["method"] == "EE":
        return fit_glmm(*counts.arguments, tau2=0.0)
    return fit_glmm(*counts.arguments, nodes=case["spec"]["nAGQ"])


def own_nodes(case: dict[str, Any], counts: Counts) -> FittedRows:
    """Fit a case through the model layer, with metafor's choice of quantile."""
    by_t = case["spec"]["test"] == "t"
    spec = ModelSpec(
        model=f"{counts.family}_normal",
        ci_method="t" if by_t else "Wald",
        pi_method="t_k1" if by_t else "z",
        tau2_ci=None,
    )
    return infer_glmm(
        counts.events, counts.size, counts.mask, counts.design, spec, counts.design.shape[1] == 1
    )


def compare_fit(tally: Tally, case: dict[str, Any], counts: Counts) -> None:
    """Compare what the kernel gives at metafor's nodes."""
    golden, fit = case["expected"], held_nodes(case, counts)
    p = counts.design.shape[1]
    se = np.sqrt(np.diagonal(fit.covariance[0])[:p])
    ours = {
        "k": fit.k[0],
        "p": p,
        "beta": fit.beta[0],
        "se": se,
        "zval": fit.beta[0] / se,
        "vcov": fit.covariance[0, :p, :p],
        "tau2": fit.tau2[0],
        "QE.LRT": fit.deviance[0],
        "QE.df": fit.k[0] - p,
    }
    for name, value in ours.items():
        tally.compare(case, name, value, golden[name], scale=1.0)
    if "fit" in golden:
        tally.compare(case, "fit.ll", fit.common_loglik[0], golden["fit"]["ML"]["ll"], scale=1.0)


def compare_inference(tally: Tally, case: dict[str, Any], rows: FittedRows) -> None:
    """Compare what the model layer makes of the fit."""
    golden = case["expected"]
    tolerance = OWN_NODES if case["spec"]["nAGQ"] >= 7 else FEW_NODES
    common = case["spec"]["method"] == "EE"
    tally.compare(case, "QE.Wld", rows.q_wald[0], golden["QE.Wld"], scale=1.0)
    if rows.q_wald_df[0] == golden["QE.df"]:
        tally.compare(case, "QEp.Wld", rows.q_wald_p[0], golden["QEp.Wld"], scale=1e-3)
    else:
        assert case["data"] == "pritz1997"
        tally.excuse_field(case, "QEp.Wld", ZERO_CELLS)
    tally.compare(case, "QEp.LRT", rows.q_p[0], golden["QEp.LRT"], scale=1e-3)
    if common:
        for name in ("I2", "H2", "ci.lb", "ci.ub", "pval", "QM", "QMp", "predict"):
            tally.excuse_field(case, name, HELD)
        return
    typical = rows.typical_variance[0]
    # at metafor's own tau2, so that nothing but the typical variance is compared
    tally.compare(case, "I2", 100 * golden["tau2"] / (golden["tau2"] + typical), golden["I2"], tolerance=1e-4)
    tally.compare(case, "H2", 1.0 + golden["tau2"] / typical, golden["H2"], tolerance=1e-4)
    tally.compare(case, "ci.lb", rows.low[0], golden["ci.lb"], scale=1.0, tolerance=tolerance)
    tally.compare(case, "ci.ub", rows.high[0], golden["ci.ub"], scale=1.0, tolerance=tolerance)
    tally.compare(case, "pval", rows.p_value[0], golden["pval"], scale=1e-2, tolerance=tolerance)
    if rows.value.shape[1] > 1:
        tally.compare(case, "QM", rows.test_statistic[0], golden["QM"], tolerance=tolerance)
        tally.compare(case, "QMdf", rows.test_df[0], golden["QMdf"][0], tolerance=tolerance)
        tally.compare(case, "QMp", rows.test_p[0], golden["QMp"], tolerance=tolerance)
        return
    square = np.square(rows.statistic[0, 0])
    tally.compare(case, "QM", square, golden["QM"], tolerance=10 * tolerance)
    predicted = golden["predict"]
    tally.compare(
        case, "pi.lb", rows.prediction_low[0], predicted["pi.lb"][0], scale=1.0, tolerance=tolerance
    )
    tally.compare(
        case, "pi.ub", rows.prediction_high[0], predicted["pi.ub"][0], scale=1.0, tolerance=tolerance
    )


def test_glmm(open_tally: Callable[[str, float], Tally]) -> None:
    tally = open_tally("glmm", TOLERANCE)
    for case in tally.topic.cases:
        if two_groups_of_a_later_issue(case):
            tally.defer(case, two_groups_of_a_later_issue)
            continue
        counts = read_counts(tally.topic, case)
        compare_fit(tally, case, counts)
        compare_inference(tally, case, own_nodes(case, counts))
        if "fit.metafor.lme4" in case["expected"]:
            tally.excuse_field(case, "fit.metafor.lme4", NOT_COMPARABLE)
    tally.check()
    assert len(tally.run) == 21
    assert len(tally.deferred) == 58
