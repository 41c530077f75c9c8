"""Three-level models and constant sampling correlations against metafor's ``rma.mv``.

metafor stops its search a little before the maximum. So beside the comparison our log-likelihood, computed
once more from matrices of the size of the data, must be no lower than at metafor's components.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from oracle import Tally, Topic, numbers

from meta.effects.sizes import EffectSizes
from meta.inference.intervals import joint_test, two_sided_quantile, wald_interval
from meta.inference.p_values import chi2_p, two_sided_p
from meta.kernels.blocks import build_clusters, take_root
from meta.kernels.component_search import Problem, evaluate, find_maxima
from meta.kernels.masks import turn_rows
from meta.kernels.multilevel import fit_multilevel
from meta.kernels.variance_slopes import solve_blocks
from meta.models.fitting import fit_model
from meta.options import ModelSpec
from meta.results import Fit

#: Worst seen 5.3e-6, in a p-value of 7e-5 (metafor's stopping rule: its log-likelihood is no higher than
#: ours, see ``rise``).
TOLERANCE = 1e-5

#: Bounds of components: metafor's root search; worst seen 1e-7.
PROFILE_TOLERANCE = 1e-5

#: What metafor's log-likelihood may exceed ours by: rounding.
GAIN = 1e-9

OTHER = {
    "4comp": "crossed random effects are not asked for",
    "UN": "unstructured random effects are not asked for",
    "HCS": "a variance of its own for each outcome is not asked for",
    "DIAG": "a variance of its own for each outcome is not asked for",
    "HAR": "a variance of its own for each outcome is not asked for",
    "time": "sampling errors here correlate by time, which is not asked for",
    "cooks": "deletion diagnostics of multilevel models are not asked for",
    "rstudent": "deletion diagnostics of multilevel models are not asked for",
}

#: Golden fields that are no output of this engine.
NOT_OURS = {
    "hat": "leverages are not asked for",
    "rstandard": "standardised residuals are not asked for",
    "ranef": "predicted random effects are not asked for",
    "fitted": "fitted values are no output; they are the coefficients, compared, times the moderators",
}


def excuse_of(case: dict[str, Any]) -> str | None:
    """Say why a case is not run, if it is not."""
    parts = case["id"].split("-")
    return next((reason for part, reason in OTHER.items() if part in parts), None)


def test_rma_mv(open_tally: Callable[[str, float], Tally]) -> None:
    tally = open_tally("rma_mv", TOLERANCE)
    for case in tally.topic.cases:
        reason = excuse_of(case)
        if reason is not None:
            tally.excuse(case, reason)
        elif case["id"] == "mv-konst-profile":
            check_profile(tally, case)
        elif case["id"] == "mv-konst-anova":
            check_anova(tally, case)
        elif case["id"].startswith("mv-berkey") or case["id"] == "mv-konst-fixedsigma2":
            check_kernel(tally, case)
        else:
            check_model(tally, case)
    tally.check()
    assert not tally.deferred
    assert (len(tally.run), len(tally.excused)) == (45, 26)


def effects_of(case: dict[str, Any], topic: Topic) -> tuple[EffectSizes, str]:
    """Return the rows of a case and the column of their studies."""
    columns = topic.columns(case["data"])
    cluster = next((name for name in ("district", "study") if name in columns), "row")
    if "~ 1 | study" in case["spec"]["random"]:
        cluster = "study"
    others = {name: tuple(cells) for name, cells in columns.items() if name not in ("yi", "vi")}
    others["row"] = tuple(str(i) for i in range(len(columns["yi"])))
    if "year" in columns:
        year = numbers(columns["year"])
        others["centred"] = tuple(year - year.mean())
    return EffectSizes.from_arrays(columns["yi"], columns["vi"], columns=others), cluster


def spec_of(case: dict[str, Any], cluster: str) -> ModelSpec:
    mods = case["spec"].get("mods")
    rho = case["id"].split("-")[-1] if "vcalc" in case["id"] else None
    return ModelSpec(
        model="three_level" if rho is None else "correlated_effects",
        tau2_method=case["spec"].get("method", "REML"),
        ci_method="t" if case["spec"].get("test") == "t" else "Wald",
        pi_method="z",
        cluster=cluster,
        rho=None if rho is None else float(rho),
        moderators={None: None, "~ I(year-mean(year))": "~ centred", "~ type": "~ type"}[mods],
    )


def check_model(tally: Tally, case: dict[str, Any]) -> None:
    """Compare a fit through the public door."""
    effects, cluster = effects_of(case, tally.topic)
    spec = spec_of(case, cluster)
    fit, expected = fit_model(effects, spec), case["expected"]
    single = spec.moderators is None
    c = fit.coefficients
    assert c is not None
    assert fit.heterogeneity is not None
    assert fit.information is not None
    values = [component.value for component in fit.components]
    own = expected["fit"][spec.tau2_method]
    ours: dict[str, Any] = {
        "k": fit.k, "p": c.value.size, "beta": c.value, "se": c.se, "zval": c.statistic, "pval": c.p,
        "ci.lb": c.low, "ci.ub": c.high, "vcov": fit.covariance, "sigma2": values,
        "QE": fit.heterogeneity.q, "QEdf": fit.heterogeneity.df, "QEp": fit.heterogeneity.p,
    }  # fmt: skip
    if len(values) == 2:
        ours |= {"tau2": sum(values), "rho": values[0] / sum(values)}
    for name in [name for name in ours if name in expected]:
        if case["spec"].get("dfs") == "contain" and name in ("pval", "ci.lb", "ci.ub"):
            tally.excuse_field(case, name, "degrees of freedom by containment are not asked for")
        else:
            tally.compare(case, name, ours[name], expected[name], scale=1e-3 if name != "QEp" else 0.0)
    if case["spec"].get("dfs") != "contain":
        check_test(tally, case, fit)
    information = fit.information
    for name, value in (
        ("ll", information.loglik), ("AIC", information.aic), ("BIC", information.bic),
        ("AICc", information.aicc),
    ):  # fmt: skip
        tally.compare(case, name, value, own[name])
    rise(case, effects, cluster, spec, fit)
    for name in NOT_OURS:
        if name in expected:
            tally.excuse_field(case, name, NOT_OURS[name])
    if "predict" in expected and single:
        check_prediction(tally, case, effects, spec)
    if "weights.rowsum" in expected:
        assert fit.weights is not None
        tally.compare(case, "weights.rowsum", fit.weights, expected["weights.rowsum"], scale=1e-3)
    if isinstance(expected.get("confint"), list) and "sigma2" in expected:
        check_bounds(tally, case, fit)


def check_test(tally: Tally, case: dict[str, Any], fit: Fit) -> None:
    """Compare the joint test; metafor tests the intercept where it is alone."""
    expected, c = case["expected"], fit.coefficients
    assert c is not None
    assert fit.heterogeneity is not None
    free = float(fit.heterogeneity.df) if fit.spec.ci_method == "t" else None
    if fit.moderator_test is None:
        statistic, df, p = c.statistic[0] ** 2, 1, c.p[0]
    else:
        statistic, df, p = fit.moderator_test.statistic, fit.moderator_test.df, fit.moderator_test.p
        assert fit.moderator_test.df2 == free
    tally.compare(case, "QM", statistic, expected["QM"])
    tally.compare(case, "QMdf", [df, free], expected["QMdf"])
    tally.compare(case, "QMp", p, expected["QMp"])


def check_prediction(tally: Tally, case: dict[str, Any], effects: EffectSizes, spec: ModelSpec) -> None:
    """Compare the prediction interval under z; under t metafor counts rows, we count studies."""
    expected = case["expected"]["predict"]
    if spec.ci_method == "t":
        tally.excuse_field(case, "predict", "metafor counts rows, this engine studies")
        return
    fit = fit_model(effects, replace(spec, pi_method="z"))
    assert fit.prediction is not None
    tally.compare(case, "pi.lb", fit.prediction.low, expected["pi.lb"])
    tally.compare(case, "pi.ub", fit.prediction.high, expected["pi.ub"])


def check_bounds(tally: Tally, case: dict[str, Any], fit: Fit) -> None:
    """Compare profile-likelihood intervals, component by component."""
    for component, golden in zip(fit.components, case["expected"]["confint"], strict=True):
        bounds = next(value for name, value in golden.items() if name.startswith("sigma2"))
        for name, value in (("lb", component.low), ("ub", component.high)):
            tally.compare(case, f"confint {name}", value, bounds[name], tolerance=PROFILE_TOLERANCE)


def dense_log_likelihood(
    y: np.ndarray, big_v: np.ndarray, x: np.ndarray, cluster: np.ndarray, parts: Any, method: str
) -> float:
    """Log-likelihood from matrices of the size of the data."""
    m = big_v + parts[0] * (cluster[:, None] == cluster) + parts[1] * np.eye(y.size)
    w = np.linalg.inv(m)
    gram = x.T @ w @ x
    e = y - x @ np.linalg.solve(gram, x.T @ w @ y)
    value = -0.5 * (e @ w @ e + np.linalg.slogdet(m)[1] + y.size * np.log(2.0 * np.pi))
    if method == "REML":
        value += 0.5 * (np.linalg.slogdet(x.T @ x)[1] - np.linalg.slogdet(gram)[1])
        value += 0.5 * x.shape[1] * np.log(2.0 * np.pi)
    return float(value)


def rise(case: dict[str, Any], effects: EffectSizes, cluster: str, spec: ModelSpec, fit: Fit) -> None:
    """Show that our log-likelihood is no lower than at metafor's components."""
    expected = case["expected"]
    theirs = numbers(expected.get("sigma2", [0.0]))
    if "tau2" in expected:
        tau2, rho = expected["tau2"][0], expected["rho"][0]
        theirs = np.array([rho * tau2, (1.0 - rho) * tau2])
    theirs = np.append(theirs, 0.0)[:2]
    ours = [component.value for component in fit.components]
    ours = [*ours, 0.0][:2]
    names = np.array([str(name) for name in effects.columns[cluster]])
    same = names[:, None] == names
    rho = 0.0 if spec.rho is None else spec.rho
    big_v = np.where(same, rho * np.sqrt(np.outer(effects.v, effects.v)), 0.0)
    np.fill_diagonal(big_v, effects.v)
    x = np.ones((effects.k, 1))
    if spec.moderators == "~ centred":
        x = np.column_stack([x, np.array(effects.columns["centred"], dtype=float)])
    elif spec.moderators == "~ type":
        grant = [cell == "Grant" for cell in effects.columns["type"]]
        x = np.column_stack([x, np.array(grant, dtype=float)])
    height = [
        dense_log_likelihood(effects.y, big_v, x, names, parts, str(spec.tau2_method))
        for parts in (ours, theirs)
    ]
    assert height[0] >= height[1] - GAIN, case["id"]
    assert fit.loglik == pytest.approx(height[0], rel=1e-9), case["id"]


def problem_of(
    y: Any, v: Any, x: Any, cluster: np.ndarray, rho: Any, free: Any, size: int
) -> tuple[Problem, Any]:
    """Return ``size`` copies of a problem whose components vary as ``free`` says."""
    rows = np.zeros(size, dtype=int)
    columns, frame = turn_rows(y, v, np.ones((1, y.size), dtype=bool), x, rows, mean=False)
    clusters = build_clusters(np.unique(cluster, return_inverse=True)[1], rho)
    typical = np.full(size, float(np.median(columns.v[:, 0])))
    vary = np.repeat(np.array(free)[:, None], size, axis=1)
    return Problem(columns, clusters, typical, vary, True), frame


def check_profile(tally: Tally, case: dict[str, Any]) -> None:
    """Compare the profile likelihood of the first component on a grid."""
    columns = tally.topic.columns(case["data"])
    y, v, district = (numbers(columns[name]) for name in ("yi", "vi", "district"))
    grid = numbers(case["expected"]["sigma2"])
    x, none = np.ones((y.size, 1)), np.zeros(y.size)
    problem, frame = problem_of(y, v, x, district, none, (False, True), grid.size)
    unit2 = np.ldexp(1.0, 2 * frame.exponent)
    best = find_maxima(problem, np.stack([grid / unit2, np.zeros(grid.size)]))
    loglik = best.loglik - (y.size - 1) * np.log(2.0) * frame.exponent
    tally.compare(case, "sigma2", grid, case["expected"]["sigma2"])
    tally.compare(case, "ll", loglik, case["expected"]["ll"])


def check_anova(tally: Tally, case: dict[str, Any]) -> None:
    """Compare the likelihood-ratio test of the variance between districts."""
    columns = tally.topic.columns(case["data"])
    y, v, district = (numbers(columns[name]) for name in ("yi", "vi", "district"))
    expected, x, none = case["expected"], np.ones((y.size, 1)), np.zeros(y.size)
    mask = np.ones((1, y.size), dtype=bool)
    full = fit_multilevel(y, v, mask, x, district, none, restricted=True)
    # every row a study of its own: one component, the variance of rows
    reduced = fit_multilevel(y, v, mask, x, np.arange(y.size), none, restricted=True)
    ratio = 2.0 * (full.loglik - reduced.loglik)
    tally.compare(case, "LRT", ratio, expected["LRT"])
    tally.compare(case, "pval", chi2_p(ratio, np.ones(1)), expected["pval"])
    tally.compare(case, "QE.f", full.q, expected["QE.f"])
    tally.compare(case, "QE.r", reduced.q, expected["QE.r"])
    tally.compare(case, "ll.f", full.loglik, expected["fit.stats.f"]["ll"])
    tally.compare(case, "ll.r", reduced.loglik, expected["fit.stats.r"]["ll"])


def check_kernel(tally: Tally, case: dict[str, Any]) -> None:
    """Compare a model whose sampling correlation differs by study, or with a component held."""
    expected, method = case["expected"], case["spec"].get("method", "REML")
    y, v, x, cluster, rho = kernel_data(case, tally.topic)
    # one component alone: ID (rows), AR of two outcomes is CS, fixed (none), sigma2 given
    struct = case["spec"].get("struct")
    free = {"CS": (True, True), "AR": (True, True), "ID": (False, True)}.get(struct or "", (False, False))
    held = np.zeros((2, 2))
    if "fixedsigma2" in case["id"]:
        free, held = (False, True), np.array([[0.05, 0.05], [0.0, 0.0]])
    problem, frame = problem_of(y, v, x, cluster, rho, free, 2)
    problem = replace(problem, restricted=method == "REML")
    unit2 = np.ldexp(1.0, 2 * int(frame.exponent[0]))
    best = find_maxima(problem, held / unit2)
    root = take_root(problem.columns, problem.clusters, best.x[0], best.x[1])
    solved = solve_blocks(root, problem.columns, restricted=problem.restricted)
    at_zero = evaluate(problem, np.zeros((2, 2)))
    value, covariance = solved.coefficients(frame)
    beta = np.ldexp(value, frame.exponent)[:, 0]
    vcov = covariance[:, :, 0] * unit2
    se = np.sqrt(np.diag(vcov))
    free_df = float(y.size - x.shape[1])
    df = np.array([free_df if case["spec"].get("test") == "t" else np.nan])
    low, high = wald_interval(beta, se, two_sided_quantile(0.95, df))
    tested = [0] if x.shape[1] == 1 else list(range(x.shape[1]))
    qm, qm_p = joint_test(beta[None, tested], vcov[None][:, tested][:, :, tested], df)
    parts = best.x[:, 0] * unit2
    less = problem.columns.k - (x.shape[1] if method == "REML" else 0)
    loglik = best.loglik - less * np.log(2.0) * frame.exponent
    ours: dict[str, Any] = {
        "k": y.size, "p": x.shape[1], "beta": beta, "se": se, "zval": beta / se,
        "pval": two_sided_p(beta / se, df), "ci.lb": low, "ci.ub": high, "vcov": vcov, "QE": at_zero.q[0],
        "QEdf": free_df, "QEp": chi2_p(at_zero.q[:1], np.array([free_df])), "QM": qm, "QMp": qm_p,
        "QMdf": [len(tested), df[0]], "sigma2": parts,
    }  # fmt: skip
    if "tau2" in expected:
        ours |= {"tau2": parts.sum(), "rho": parts[0] / parts.sum()}
    for name in [name for name in ours if name in expected]:
        tally.compare(case, name, ours[name], expected[name], scale=0.0 if name in ("QEp", "QMp") else 1e-3)
    golden = "ML" if method in ("ML", "EE") else "REML"
    tally.compare(case, "ll", loglik[0], expected["fit"][golden]["ll"])
    # no lower than at metafor's components
    if "tau2" in expected:
        theirs = np.array([expected["rho"][0], 1.0 - expected["rho"][0]]) * expected["tau2"][0] / unit2
        there = evaluate(problem, np.repeat(theirs[:, None], 2, axis=1)).loglik[0]
        assert best.loglik[0] >= there - GAIN, case["id"]


def kernel_data(case: dict[str, Any], topic: Topic) -> tuple[np.ndarray, ...]:
    """Return y, v, design, clusters and the sampling correlation of each row."""
    if isinstance(case["data"], str):
        columns = topic.columns(case["data"])
        y, v, district = (numbers(columns[name]) for name in ("yi", "vi", "district"))
        return y, v, np.ones((y.size, 1)), district, np.zeros(y.size)
    columns = topic.columns(case["data"]["dataset"])
    y, v, trial, year = (numbers(columns[name]) for name in ("yi", "vi", "trial", "year"))
    al = np.array([outcome == "AL" for outcome in columns["outcome"]])
    x = np.column_stack([al, ~al]).astype(float)
    if "year" in case["id"]:
        x = np.column_stack([x, x * (year - 1983.0)[:, None]])
    big_v = numbers(case["data"]["V"]).reshape(y.size, y.size)
    rho = np.array([big_v[i, i ^ 1] / np.sqrt(v[i] * v[i ^ 1]) for i in range(y.size)])
    return y, v, x, trial, rho
