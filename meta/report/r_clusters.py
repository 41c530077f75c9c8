"""The fits of rows clustered in studies as R code: ``rma`` and ``rma.mv`` of metafor, with clubSandwich."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meta.options import CLUSTER_ROBUST, MULTILEVEL
from meta.report.r_code import r_compare, r_number, r_string

#: metafor's search stops 1e-6 before the maximum of a multilevel likelihood; elsewhere it agrees closely.
_CLOSE, _LOOSE = "1e-4", "1e-3"


def clustered_call(
    fit: Mapping[str, Any], data: str, cluster: str, design: str | None, *, intercept: bool = True
) -> list[str]:
    """Return the call that fits ``data``; ``cluster`` is the header of the column of studies.

    ``fit$se`` becomes the robust standard error where the interval is cluster-robust.
    """
    spec = fit["spec"]
    level, method = r_number(100 * spec["level"]), spec["tau2_method"] or "EE"
    mods = "" if design is None else f", mods = {design}, intercept = {'TRUE' if intercept else 'FALSE'}"
    test = "t" if spec["ci_method"] == "t" else "z"
    lines = [
        f"rows <- {data}",
        f"rows <- data.frame(yi = rows$yi, vi = rows$vi, study = rows[[{r_string(cluster)}]],",
        "                   row = rows$label)",
    ]
    if spec["model"] in MULTILEVEL:
        rho = spec.get("rho")
        covariance = "vi" if rho is None else "V"
        if rho is not None:
            lines.append(f"V <- vcalc(vi, cluster = study, obs = row, rho = {r_number(rho)}, data = rows)")
        levels = "study/row" if len(fit["components"]) == 2 else "study"
        lines += [
            f"fit <- rma.mv(yi, {covariance}, random = ~ 1 | {levels}, data = rows{mods},",
            f'              method = "{method}", test = "{test}", level = {level},',
            "              control = list(rel.tol = 1e-10, iter.max = 5000, eval.max = 10000))",
        ]
    else:
        lines += [
            f"fit <- rma(yi, vi, data = rows{mods},",
            f'           method = "{method}", test = "{test}", level = {level}, control = tight)',
        ]
    if spec["ci_method"] in CLUSTER_ROBUST:
        lines += _robust_lines(spec)
    return lines


def _robust_lines(spec: Mapping[str, Any]) -> list[str]:
    """Return the lines that replace standard errors and intervals by cluster-robust ones."""
    kind = f'vcov = "{spec["ci_method"]}", cluster = rows$study'
    return [
        "suppressPackageStartupMessages(library(clubSandwich))",
        f'tests <- coef_test(fit, {kind}, test = "Satterthwaite")',
        f"bounds <- conf_int(fit, {kind}, level = {r_number(spec['level'])})",
        "fit$se <- tests$SE",
        "fit$pval <- tests$p_Satt",
        "fit$ci.lb <- bounds$CI_L",
        "fit$ci.ub <- bounds$CI_U",
    ]


def clustered_estimate(fit: Mapping[str, Any]) -> list[str]:
    """Compare the pooled estimate, its interval, heterogeneity, components and prediction."""
    estimate, heterogeneity = fit["estimate"], fit["heterogeneity"]
    lines = [
        *r_compare("estimate", estimate["value"], "fit$b", _CLOSE),
        *r_compare("standard error", estimate["se"], "fit$se", _CLOSE),
        *r_compare("low", estimate["low"], "fit$ci.lb", _CLOSE),
        *r_compare("high", estimate["high"], "fit$ci.ub", _CLOSE),
        *r_compare("p", estimate["p"], "fit$pval", _LOOSE),
    ]
    if heterogeneity is not None:
        lines += r_compare("Q", heterogeneity["q"], "fit$QE", _CLOSE)
    return lines + clustered_components(fit) + _prediction(fit)


def clustered_components(fit: Mapping[str, Any]) -> list[str]:
    """Compare tau2 with its parts."""
    if fit["spec"]["model"] not in MULTILEVEL:
        return r_compare("tau2", fit["tau2"]["value"], "fit$tau2", _LOOSE) if fit["tau2"] else []
    lines: list[str] = []
    for i, component in enumerate(fit["components"], start=1):
        lines += r_compare(f"tau2 {component['name']}", component["value"], f"fit$sigma2[{i}]", _LOOSE)
        if component["low"] is None or component["high"] is None:
            continue
        lines += [
            f"bounds <- confint(fit, sigma2 = {i}, level = {r_number(100 * fit['spec']['level'])},",
            "                  control = list(tol = 1e-12))$random[1, ]",
        ]
        # metafor's root search for a bound may fail, and then gives NA
        lines += ["if (!is.na(bounds[2]))", *r_compare("  low", component["low"], "bounds[2]", _LOOSE)]
        lines += ["if (!is.na(bounds[3]))", *r_compare("  high", component["high"], "bounds[3]", _LOOSE)]
    return lines


def _prediction(fit: Mapping[str, Any]) -> list[str]:
    """Compare the prediction interval: all of tau2, the Wald standard error, studies counted."""
    prediction = fit["prediction"]
    if prediction is None:
        return []
    if prediction["method"].startswith("hk_"):
        return ["# The prediction interval rests on the HKSJ standard error of rows: not compared."]
    p = r_number(1.0 - (1.0 - float(fit["spec"]["level"])) / 2.0)
    quantile = f"qnorm({p})"
    if prediction["df"] is not None:
        less = 2 if prediction["method"].endswith("k2") else 1
        quantile = f"qt({p}, length(unique(rows$study)) - {less})"
    total = "sum(fit$sigma2)" if fit["spec"]["model"] in MULTILEVEL else "fit$tau2"
    lines = [
        f"# Prediction interval {prediction['method']}: the model's own standard error; studies counted.",
        f"half <- {quantile} * sqrt({total} + fit$vb[1, 1])",
    ]
    lines += r_compare("prediction low", prediction["low"], "fit$b[1] - half", _LOOSE)
    return lines + r_compare("prediction high", prediction["high"], "fit$b[1] + half", _LOOSE)


def clustered_coefficients(fit: Mapping[str, Any]) -> list[str]:
    """Compare every coefficient with its interval, the components, and the joint test of the moderators."""
    found, lines = fit["coefficients"], []
    for i, name in enumerate(found["names"], start=1):
        lines += r_compare(f"{name}", found["value"][i - 1], f"fit$b[{i}]", _CLOSE)
        lines += r_compare("  standard error", found["se"][i - 1], f"fit$se[{i}]", _CLOSE)
        lines += r_compare("  low", found["low"][i - 1], f"fit$ci.lb[{i}]", _LOOSE)
        lines += r_compare("  high", found["high"][i - 1], f"fit$ci.ub[{i}]", _LOOSE)
    return lines + clustered_components(fit) + _joint_test(fit)


def _joint_test(fit: Mapping[str, Any]) -> list[str]:
    test, spec = fit["moderator_test"], fit["spec"]
    if test is None:
        return []
    if spec["ci_method"] not in CLUSTER_ROBUST:
        return [
            *r_compare("test of moderators", test["statistic"], "fit$QM", _CLOSE),
            *r_compare("p", test["p"], "fit$QMp", _LOOSE),
        ]
    p = len(fit["coefficients"]["names"])
    first = p - int(test["df"]) + 1
    return [
        f"joint <- Wald_test(fit, constraints = constrain_zero({first}:{p}), "
        f'vcov = "{spec["ci_method"]}",',
        '                   cluster = rows$study, test = "HTZ")',
        *r_compare("test of moderators", test["statistic"], "joint$Fstat", _LOOSE),
        *r_compare("  df", test["df2"], "joint$df_denom", _LOOSE),
        *r_compare("  p", test["p"], "joint$p_val", _LOOSE),
    ]
