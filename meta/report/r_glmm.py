"""The models on counts as R code: metafor's rma.glmm, exact tests, and what R does not offer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meta.options import GLMMS, TWO_GROUP_GLMMS
from meta.report.r_code import r_compare, r_number

#: Relative tolerances. glmer stops where its likelihood is flat, which its estimates feel least (1e-6 seen
#: with lme4 1.1-31), its standard errors most (1e-5; 1e-3 with n in the millions). Random study levels have
#: Laplace's approximation there, and are integrated over here (2e-3 seen, 2e-2 of tau2).
_EXACT, _CLOSE, _LOOSE, _LAPLACE = "1e-6", "1e-4", "5e-3", "5e-2"
#: Standard errors of the exact conditional model are a numerical Hessian's in R (1e-2 seen).
_NUMERICAL = "2e-2"

#: metafor's names of the models of two groups.
_MODELS = {
    "unconditional_fixed": "UM.FS",
    "unconditional_random": "UM.RS",
    "conditional_exact": "CM.EL",
    "conditional_approximate": "CM.AL",
}


def is_glmm(fit: Mapping[str, Any]) -> bool:
    """Return whether a fit is of a model on counts."""
    return str(fit["spec"]["model"]) in GLMMS


def without_r(fit: Mapping[str, Any]) -> list[str]:
    """Return the words on a model that R metafor does not offer, or nothing."""
    if fit["spec"]["model"] != "beta_binomial":
        return []
    return [
        "# Not compared: R metafor has no beta-binomial model. (The mean of results.json is that of the",
        "# population on the logit scale; rho is the correlation of two people of one study.)",
    ]


def needs_package(fit: Mapping[str, Any], lines: list[str]) -> list[str]:
    """Put ``lines`` under the condition that R has the package its exact conditional model needs."""
    if fit["spec"]["model"] != "conditional_exact" or fit["measure"] != "OR":
        return lines
    return [
        'if (!requireNamespace("BiasedUrn", quietly = TRUE)) {',
        '  cat("  Not compared: the exact conditional model needs the package BiasedUrn.\\n")',
        "} else {",
        *(f"  {line}" for line in lines),
        "}",
    ]


def glmm_tolerances(fit: Mapping[str, Any]) -> tuple[str, str]:
    """Return the tolerances of an estimate and of what its standard error is in."""
    model, held = fit["spec"]["model"], fit["spec"]["tau2_method"] is None
    if model == "unconditional_random" and not held:
        return _LAPLACE, _LAPLACE
    return _CLOSE, _NUMERICAL if model == "conditional_exact" else _LOOSE


def glmm_call(fit: Mapping[str, Any], data: str, mods: str) -> list[str]:
    """Return the call of ``rma.glmm``; 25 nodes are the most that ``glmer`` takes."""
    spec = fit["spec"]
    note = []
    if spec["ci_method"] == "profile":
        note = [
            "# results.json has profile-likelihood intervals of mean and tau2; rma.glmm has Wald ones only.",
            "# Compared are the estimate, its standard error and tau2, all by maximum likelihood.",
        ]
    if spec["model"] == "unconditional_random":
        note.append("# glmer takes one node for two random effects; results.json integrates over both.")
    if _searches_in_vain(fit):
        note.append("# tau2 is estimated at 0, which R's search over log(tau2) never meets: held at 0 here.")
    test = "t" if spec["ci_method"] == "t" else "z"
    method = "EE" if spec["tau2_method"] is None or _searches_in_vain(fit) else "ML"
    return [
        *note,
        f"fit <- rma.glmm(measure = {_counts(fit)}, data = {data},{mods}",
        f'           method = "{method}", {_nodes(spec)}test = "{test}",',
        f"           level = {r_number(100 * spec['level'])}{_control(spec)})",
    ]


def _searches_in_vain(fit: Mapping[str, Any]) -> bool:
    """Return whether metafor's own optimizer, for the exact conditional model, looks for log(tau2) = -Inf."""
    exact = fit["spec"]["model"] == "conditional_exact" and fit["measure"] == "OR"
    return exact and fit["tau2"] is not None and fit["tau2"]["value"] == 0.0


def _counts(fit: Mapping[str, Any]) -> str:
    """Return the measure, the columns of the counts, and for two groups the model."""
    model = fit["spec"]["model"]
    if model == "binomial_normal":
        return '"PLO", xi = events, ni = n'
    if model == "poisson_normal":
        return '"IRLN", xi = events, ti = time'
    cells = (
        '"OR", ai = events1, n1i = n1, ci = events2, n2i = n2'
        if fit["measure"] == "OR"
        else '"IRR", x1i = events1, t1i = time1, x2i = events2, t2i = time2'
    )
    # studies without events say something where the levels are random
    kept = ", drop00 = FALSE" if model == "unconditional_random" else ""
    return f'{cells},\n           model = "{_MODELS[model]}"{kept}'


def _nodes(spec: Mapping[str, Any]) -> str:
    model = spec["model"]
    if model in ("unconditional_random", "conditional_exact"):
        return ""
    return "nAGQ = 25, "


def _control(spec: Mapping[str, Any]) -> str:
    """Return the control list; the exact conditional model is not fitted by glmer."""
    return "" if spec["model"] == "conditional_exact" else ", control = tight_glmm"


def glmm_extras(fit: Mapping[str, Any]) -> list[str]:
    """Compare tau2, the statistics of heterogeneity, and the prediction interval under a GLMM."""
    spec, prediction, heterogeneity = fit["spec"], fit["prediction"], fit["heterogeneity"]
    close, loose = glmm_tolerances(fit)
    lines: list[str] = []
    if fit["tau2"] is not None and not _searches_in_vain(fit):
        lines += r_compare("tau2", fit["tau2"]["value"], "fit$tau2", loose)
    if heterogeneity is not None:
        lines += r_compare("Q, likelihood ratio", heterogeneity["q"], "fit$QE.LRT", close)
    if prediction is None or loose == _LAPLACE:
        return lines
    quantile = {"z": "qnorm({q})", "t_k1": "qt({q}, fit$k - 1)", "t_k2": "qt({q}, fit$k - 2)"}[
        prediction["method"]
    ]
    upper = r_number(1.0 - (1.0 - float(spec["level"])) / 2.0)
    lines += [
        f"# Prediction interval {prediction['method']}: estimate -/+ quantile * sqrt(tau2 + se^2), by hand.",
        f"half <- {quantile.format(q=upper)} * sqrt(fit$tau2 + fit$se^2)",
    ]
    lines += r_compare("prediction low", prediction["low"], "fit$b[1] - half", loose)
    return lines + r_compare("prediction high", prediction["high"], "fit$b[1] + half", loose)


def single_study(fit: Mapping[str, Any], data: str) -> list[str]:
    """Compare the exact interval of one study."""
    natural = fit["natural"]
    lines = [f"one <- {data}", f"exact <- {_exact_interval(fit)}"]
    # fisher.test finds its bounds by a root search
    close = _CLOSE if fit["spec"]["model"] in TWO_GROUP_GLMMS else _EXACT
    lines += r_compare("low, exact", natural["low"], "exact[1]", close)
    return lines + r_compare("high, exact", natural["high"], "exact[2]", close)


def _exact_interval(fit: Mapping[str, Any]) -> str:
    """Return R's exact interval of the study ``one``, on the natural scale."""
    model, level = fit["spec"]["model"], r_number(fit["spec"]["level"])
    if model not in TWO_GROUP_GLMMS:
        return f"{exact_test(model, 'one')}, conf.level = {level})$conf.int"
    if fit["measure"] == "OR" and model != "conditional_approximate":
        cells = "c(one$events1, one$n1 - one$events1, one$events2, one$n2 - one$events2)"
        return f"fisher.test(matrix({cells}, 2), conf.level = {level})$conf.int"
    size = ("n1", "n2") if fit["measure"] == "OR" else ("time1", "time2")
    share = f"binom.test(one$events1, one$events1 + one$events2, conf.level = {level})$conf.int"
    return f"(function(p) p / (1 - p) * one${size[1]} / one${size[0]})({share})"


def one_sided(fit: Mapping[str, Any], data: str) -> list[str]:
    """Compare the exact bound of the pooled count where there are no events at all, or nothing but events."""
    natural, level = fit["natural"], r_number(fit["spec"]["level"])
    if fit["spec"]["model"] in TWO_GROUP_GLMMS:
        return ["# Not compared: the exact bound of a common ratio given the margins of all studies."]
    side, bound, place = ("less", "high", 2) if natural["low"] == 0.0 else ("greater", "low", 1)
    return [
        "# No model can be fitted; compared is the exact one-sided bound of the pooled count.",
        f"all <- {data}",
        f"exact <- {exact_test(fit['spec']['model'], 'all')}, conf.level = {level},",
        f'                    alternative = "{side}")$conf.int',
        *r_compare(f"{bound}, exact", natural[bound], f"exact[{place}]", _EXACT),
    ]


def exact_test(model: str, data: str) -> str:
    """Return the opening of R's exact test of a pooled count, without its closing bracket."""
    if model == "poisson_normal":
        return f"poisson.test(sum({data}$events), sum({data}$time)"
    return f"binom.test(sum({data}$events), sum({data}$n)"
