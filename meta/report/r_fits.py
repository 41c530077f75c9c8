"""The fits of an analysis as R code for metafor, each followed by its comparisons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from meta.effects.measures import find_measure
from meta.options import WITHOUT_TAU2
from meta.report.bayes import describe_bayes
from meta.report.r_clusters import clustered_call, clustered_coefficients, clustered_estimate
from meta.report.r_code import r_compare, r_number, r_string, r_title
from meta.report.r_design import design_columns, has_intercept
from meta.report.r_effects import pooled_call
from meta.report.r_glmm import (
    glmm_call,
    glmm_extras,
    glmm_tolerances,
    is_glmm,
    needs_package,
    one_sided,
    single_study,
    without_r,
)
from meta.report.r_options import NOT_IN_METAFOR, rma_options, with_tau2

#: Relative tolerances of comparisons. Closed forms and Fisher scoring agree to nearly all digits (1e-9 seen);
#: metafor finds the bounds of tau2 by a root search (1e-10 seen). Those of the GLMMs stand in r_glmm.
_TOLERANCE = {"exact": "1e-6", "bounds": "1e-4"}

_TESTS = {("Wald", "none"): "z", ("t", "none"): "t", ("HKSJ", "none"): "knha", ("HKSJ", "se"): "adhoc"}

#: Models whose groups are not put side by side in R.
_APART = ("bayes", "conditional_exact")

Headers = Mapping[str, str]
Choices = Mapping[str, Any]
Texts = Mapping[str, Mapping[str, str]]


def describe_fit(
    title: str, fit: Mapping[str, Any], data: str, headers: Headers, choices: Choices
) -> list[str]:
    """Return the R code of a fit without moderators to the studies of the R expression ``data``.

    ``headers`` names the further columns of ``effects.csv``, of which a column of clusters is one;
    ``choices`` says how the effect sizes there were made.
    """
    lines = r_title(title)
    status = fit["status"]
    if status == "one_sided":
        return lines + one_sided(fit, data)
    if fit["estimate"] is None:
        return [*lines, f"# Nothing to compare: {status.replace('_', ' ')}, {fit['k']} usable studies."]
    if fit["spec"]["model"] == "bayes":
        return lines + describe_bayes(fit, data)
    if status == "single_study":
        return lines + _single_study(fit, data)
    if fit["spec"].get("cluster") is not None:
        cluster = headers[fit["spec"]["cluster"]]
        return lines + clustered_call(fit, data, cluster, None) + clustered_estimate(fit)
    if fit["spec"]["model"] == "mantel_haenszel":
        return lines + pooled_call(fit, data, choices) + _estimate(fit, data) + _normal_extras(fit, data)
    if is_glmm(fit):
        if missing := without_r(fit):
            return lines + missing
        made = glmm_call(fit, data, "") + _estimate(fit, data) + glmm_extras(fit)
        return lines + needs_package(fit, made)
    return lines + _normal_call(fit, data, None) + _estimate(fit, data) + _normal_extras(fit, data)


def describe_regression(title: str, fit: Mapping[str, Any], headers: Headers, texts: Texts) -> list[str]:
    """Return the R code of a fit with moderators; the design is built by name, not by R's factors."""
    lines = r_title(f"{title} {fit['spec']['moderators']}")
    if fit["coefficients"] is None:
        return [
            *lines,
            f"# Nothing to compare: {fit['status'].replace('_', ' ')}, {fit['k']} usable studies.",
        ]
    if missing := without_r(fit):
        return [*lines, *missing]
    columns = design_columns(fit["moderators"], headers, texts)
    intercept = has_intercept(fit["moderators"])
    lines.append("design <- cbind(" + ",\n                ".join(columns) + ")")
    lines += ["complete <- rowSums(is.na(design)) == 0"]
    matrix = "design[complete, , drop = FALSE]"
    if fit["spec"].get("cluster") is not None:
        cluster = headers[fit["spec"]["cluster"]]
        lines += clustered_call(fit, "dat[complete, ]", cluster, matrix, intercept=intercept)
        return lines + clustered_coefficients(fit)
    call = _glmm_call if is_glmm(fit) else _normal_call
    # only the columns of numbers: a sheet may have a column called design, which would hide the matrix
    made = call(fit, "dat[complete, numbers]", matrix, intercept=intercept)
    made += _coefficients(fit, fit["coefficients"]["names"]) + _moderator_test(fit)
    return lines + needs_package(fit, made)


def describe_subgroups(
    result: Mapping[str, Any], headers: Headers, texts: Texts, choices: Choices
) -> list[str]:
    """Return the R code of subgroups and of the test between them."""
    by, levels, fits = result["by"], result["levels"], result["fits"]
    column = f"dat[[{r_string(headers[by])}]]"
    level_text = [r_string(texts[by].get(level, level)) for level in levels]
    if result["common_tau2"]:
        return _common_tau2(result, column, level_text)
    if missing := without_r(fits[0]):
        return ["", *missing]
    lines = ["", "groups <- NULL"]
    for level, text, fit in zip(levels, level_text, fits, strict=True):
        lines += describe_fit(f"{by}: {level}", fit, f"dat[{column} %in% {text}, ]", headers, choices)
        if fit["estimate"] is not None and fit["k"] >= 2 and fit["spec"]["model"] not in _APART:
            lines.append("groups <- rbind(groups, c(fit$b[1], fit$se))")
    test = result["test"]
    if test["statistic"] is None:
        return [*lines, "", "# No test between the groups."]
    if needs_package(fits[0], []):
        return [*lines, "", "# The test between the groups is not compared: not every R makes these fits."]
    return [
        *lines,
        *r_title(f"between the groups of {by}, each with its own tau2"),
        "weight <- 1 / groups[, 2]^2",
        "q <- sum(weight * (groups[, 1] - weighted.mean(groups[, 1], weight))^2)",
        *r_compare("Q between", test["statistic"], "q", _tolerance(fits[0], "exact", "glmm_flat")),
        *r_compare(
            "p",
            test["p"],
            "pchisq(q, nrow(groups) - 1, lower.tail = FALSE)",
            _tolerance(fits[0], "exact", "glmm_flat"),
        ),
    ]


def _common_tau2(result: Mapping[str, Any], column: str, level_text: Sequence[str]) -> list[str]:
    """Return the R code of one model in which all groups share tau2."""
    here = [i for i, fit in enumerate(result["fits"]) if fit["estimate"] is not None]
    lines = r_title(f"{result['by']}, one tau2 for all groups")
    if len(here) < 2:
        return [*lines, "# Nothing to compare: fewer than two groups."]
    fits = [result["fits"][i] for i in here]
    if fits[0]["spec"].get("cluster") is not None:
        return [*lines, "# Not compared: one tau2 for all groups of clustered rows."]
    if fits[0]["spec"].get("weights") not in (None, "equal"):
        return [*lines, "# Not compared: the weights of a column."]
    lines += [
        f"levels <- c({', '.join(level_text[i] for i in here)})",
        f"inside <- {column} %in% levels",
        f"design <- sapply(levels, function(level) as.numeric({column}[inside] == level))",
    ]
    call = _glmm_call if is_glmm(fits[0]) else _normal_call
    lines += call(fits[0], "dat[inside, numbers]", "design", intercept=False)
    loose = _tolerance(fits[0], "exact", "glmm_flat")
    for place, fit in enumerate(fits, start=1):
        estimate = fit["estimate"]
        lines += r_compare(f"group {place} estimate", estimate["value"], f"fit$b[{place}]", loose)
        if fit["k"] == 1:
            lines.append(f"# Group {place} is one study and shows its own interval.")
            continue
        lines += r_compare(f"group {place} se", estimate["se"], f"fit$se[{place}]", loose)
    lines += _tau2(fits[0])
    lines += call(fits[0], "dat[inside, numbers]", "design[, -1, drop = FALSE]")
    return lines + _statistic(result["test"], loose)


def _glmm_call(fit: Mapping[str, Any], data: str, design: str | None, *, intercept: bool = True) -> list[str]:
    """Return the call of ``rma.glmm``."""
    return glmm_call(fit, data, _mods(design, intercept))


def _normal_call(
    fit: Mapping[str, Any], data: str, design: str | None, *, intercept: bool = True
) -> list[str]:
    """Return the call of ``rma``."""
    spec = fit["spec"]
    mods = _mods(design, intercept)
    guard = _guard(spec)
    test = _TESTS[spec["ci_method"], "none" if guard in _RIVALS else guard]
    note = []
    if spec["model"] == "common" and spec["ci_method"] == "HKSJ":
        note = ["# metafor warns that this interval is not meant for common-effect models."]
    if spec["model"] == "uwls":
        test = "knha"
        note = ['# UWLS in metafor: the common effect with test = "knha", about which metafor warns.']
    if spec["tau2_method"] in NOT_IN_METAFOR:
        note.append("# metafor has no such estimator of tau2: its value is taken from results.json.")
    lines = [*note, f"fit <- rma(yi, vi, data = {data},{mods} {rma_options(fit, test)})"]
    if guard in _RIVALS:
        rival, kept = _RIVALS[guard]
        plain = rma_options(fit, "z")
        if guard == "iqwig6":
            plain = f'method = "DL", test = "z", level = {r_number(100 * spec["level"])}'
        lines += [
            f"# Guard {guard}: the HKSJ interval, unless it is narrower than {rival}.",
            f"rival <- rma(yi, vi, data = {data},{mods} {plain})",
            "if (any(fit$ci.ub - fit$ci.lb < rival$ci.ub - rival$ci.lb))",
            f"  fit <- rma(yi, vi, data = {data},{mods} {rma_options(fit, kept)})",
        ]
    return lines


#: What the guards that may replace the HKSJ interval compare it with, and metafor's test that then holds.
_RIVALS = {
    "ci": ("the Wald interval", "z"),
    "iqwig6": ("the Wald interval of the DerSimonian-Laird model", "adhoc"),
}


def _mods(design: str | None, intercept: bool) -> str:
    """Return the arguments for a design matrix, on a line of their own."""
    if design is None:
        return ""
    return f"\n           mods = {design}, intercept = {'TRUE' if intercept else 'FALSE'},\n          "


def _guard(spec: Mapping[str, Any]) -> str:
    """Return the guard of the mean's interval (it may be there for the prediction interval alone)."""
    return str(spec["ci_guard"]) if spec["ci_method"] == "HKSJ" else "none"


def _estimate(fit: Mapping[str, Any], data: str) -> list[str]:
    """Compare the pooled estimate, and its interval where R makes the same kind."""
    estimate = fit["estimate"]
    close, loose = _tolerance(fit, "exact", "glmm"), _tolerance(fit, "exact", "glmm_flat")
    lines = [
        *r_compare("estimate", estimate["value"], "fit$b", close),
        *r_compare("standard error", estimate["se"], "fit$se", loose),
    ]
    if fit["spec"]["ci_method"] != "profile":
        lines += r_compare("low", estimate["low"], "fit$ci.lb", loose)
        lines += r_compare("high", estimate["high"], "fit$ci.ub", loose)
        lines += r_compare("p", estimate["p"], "fit$pval", loose)
    natural = {
        "logit": "transf.ilogit(fit$b)",
        "log": "exp(fit$b)",
        "arcsine": "transf.iarcsin(fit$b)",
        "square_root": "transf.isqrt(fit$b)",
        "fisher_z": "transf.ztor(fit$b)",
        "double_root": f"transf.iirft(fit$b, ti = 1 / mean(1 / {data}$time))",
        "double_arcsine": f"transf.ipft.hm(fit$b, targs = list(ni = {data}$n))",
        "identity": "fit$b",
    }[find_measure(fit["measure"]).transform]
    return lines + r_compare("back-transformed", fit["natural"]["value"], natural, close)


def _normal_extras(fit: Mapping[str, Any], data: str) -> list[str]:
    """Compare heterogeneity, tau2 with its interval, and the prediction interval."""
    heterogeneity, tau2 = fit["heterogeneity"], fit["tau2"]
    lines = _tau2(fit) if fit["spec"]["model"] not in WITHOUT_TAU2 else []
    if fit["spec"]["tau2_method"] == "DL_MH":
        lines.append("# Q is taken about the Mantel-Haenszel estimate here: Q and I2 are not compared.")
    elif heterogeneity is not None:
        lines += r_compare("Q", heterogeneity["q"], "fit$QE", _TOLERANCE["exact"])
        # a tau2 of 0 is 1e-12 in R, and I2 some 1e-8 percent
        close = _TOLERANCE["exact" if heterogeneity["i2"] else "bounds"]
        lines += r_compare("I2, percent", heterogeneity["i2"], "fit$I2", close)
    if tau2 is not None and tau2["ci_method"] in ("QP", "PL") and tau2["high"] not in (None, 0.0):
        limit = _TOLERANCE["bounds"]
        lines += [
            f'bounds <- confint({with_tau2(fit, data)}, type = "{tau2["ci_method"]}",',
            f"                  control = list(tol = 1e-12, maxiter = 20000{_reach(tau2['high'])}))",
            'bounds <- bounds$random["tau^2", ]',
        ]
        lines += r_compare("tau2 low", tau2["low"], "bounds[2]", limit)
        lines += r_compare("tau2 high", tau2["high"], "bounds[3]", limit)
    elif tau2 is not None and tau2["ci_method"] in ("J", "BJ"):
        lines.append(
            f"# The interval {tau2['ci_method']} of tau2 is not compared: R needs CompQuadForm for it."
        )
    elif tau2 is not None and tau2["ci_method"] == "QP":
        lines.append("# The Q-profile set of tau2 is empty, or has no upper end: not compared.")
    return lines + _prediction(fit, data)


def _reach(high: float | str) -> str:
    """Return the argument that lets metafor look for an upper bound of tau2 beyond its usual 100."""
    far = not isinstance(high, str) and high > 50.0
    return f", tau2.max = {r_number(2.0 * float(high))}" if far else ""


def _prediction(fit: Mapping[str, Any], data: str) -> list[str]:
    """Compare the prediction interval, whose definition is named, since metafor's own follows ``test``."""
    prediction, spec = fit["prediction"], fit["spec"]
    if prediction is None:
        return []
    method = prediction["method"]
    if method == "bootstrap":
        return ["# The bootstrap prediction interval is not compared: its random numbers are its own."]
    if method.startswith("hk") and spec["ci_guard"] in _RIVALS:
        return [f"# The prediction interval is not compared: its standard error is under {spec['ci_guard']}."]
    if method.startswith("hk"):
        test = "adhoc" if spec["ci_guard"] == "se" else "knha"
        words = f'the HKSJ standard error (test = "{test}")'
    else:
        test, words = ("z" if method == "z" else "t"), "the Wald standard error"
    quantile = {"z": "normal", "t_k1": "t(k - 1)", "hk_k1": "t(k - 1)"}.get(method, "t(k - 2)")
    lines = [
        f"# Prediction interval {method}: estimate -/+ {quantile} quantile * sqrt(tau2 + se^2), se {words}."
    ]
    if method.endswith("k2"):
        lines += [
            "# By hand: metafor's predict() takes k - 1 degrees of freedom here.",
            f"plain <- rma(yi, vi, data = {data}, {rma_options(fit, test)})",
            f"half <- qt({_upper(spec)}, plain$k - 2) * sqrt(plain$tau2 + plain$se^2)",
            "new <- list(pi.lb = plain$b[1] - half, pi.ub = plain$b[1] + half)",
        ]
    else:
        lines += [
            f'# predict() does this after test = "{test}".',
            f"new <- predict(rma(yi, vi, data = {data}, {rma_options(fit, test)}))",
        ]
    lines += r_compare("prediction low", prediction["low"], "new$pi.lb", _TOLERANCE["exact"])
    return lines + r_compare("prediction high", prediction["high"], "new$pi.ub", _TOLERANCE["exact"])


def _tau2(fit: Mapping[str, Any]) -> list[str]:
    tau2 = fit["tau2"]
    if tau2 is None:
        return []
    return r_compare("tau2", tau2["value"], "fit$tau2", _tolerance(fit, "exact", "glmm_flat"))


def _single_study(fit: Mapping[str, Any], data: str) -> list[str]:
    """Compare the one study: its Wald interval, or under a GLMM its exact one."""
    if not is_glmm(fit):
        lines = [f"one <- {data}", f"half <- qnorm({_upper(fit['spec'])}) * sqrt(one$vi)"]
        lines += r_compare("estimate", fit["estimate"]["value"], "one$yi", _TOLERANCE["exact"])
        lines += r_compare("low", fit["estimate"]["low"], "one$yi - half", _TOLERANCE["exact"])
        return lines + r_compare("high", fit["estimate"]["high"], "one$yi + half", _TOLERANCE["exact"])
    return single_study(fit, data)


def _coefficients(fit: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    """Compare every coefficient, its standard error, and its interval where R makes the same kind."""
    found, loose = fit["coefficients"], _tolerance(fit, "exact", "glmm_flat")
    lines: list[str] = []
    for i, name in enumerate(names):
        lines += r_compare(f"{name}", found["value"][i], f"fit$b[{i + 1}]", loose)
        lines += r_compare("  standard error", found["se"][i], f"fit$se[{i + 1}]", loose)
        if fit["spec"]["ci_method"] != "profile":
            lines += r_compare("  low", found["low"][i], f"fit$ci.lb[{i + 1}]", loose)
            lines += r_compare("  high", found["high"][i], f"fit$ci.ub[{i + 1}]", loose)
    return lines + (_tau2(fit) if fit["spec"]["model"] not in WITHOUT_TAU2 else [])


def _moderator_test(fit: Mapping[str, Any]) -> list[str]:
    """Compare the joint test of the moderators, where R makes the same kind."""
    if fit["moderator_test"] is None:
        return []
    if fit["spec"]["ci_method"] != "profile":
        return _statistic(fit["moderator_test"], _tolerance(fit, "exact", "glmm_flat"))
    return [
        "# results.json tests the moderators by a likelihood ratio. rma.glmm's test is a Wald test, and",
        "# lme4 has no comparable log-likelihoods with more than one node: not compared.",
    ]


def _statistic(test: Mapping[str, Any], tolerance: str) -> list[str]:
    """Compare a joint test of coefficients; metafor calls chi-squared and F by one name."""
    return [
        *r_compare("test of moderators", test["statistic"], "fit$QM", tolerance),
        *r_compare("p", test["p"], "fit$QMp", tolerance),
    ]


def _upper(spec: Mapping[str, Any]) -> str:
    """Return the probability below the upper bound of an interval: 0.975 at 95%."""
    return r_number(1.0 - (1.0 - float(spec["level"])) / 2.0)


def _tolerance(fit: Mapping[str, Any], normal: str, glmm: str) -> str:
    if not is_glmm(fit):
        return _TOLERANCE[normal]
    return glmm_tolerances(fit)[0 if glmm == "glmm" else 1]
