"""Lines of text on heterogeneity and tests in the words of a preset."""

from __future__ import annotations

import math

from meta.effects.measures import find_measure
from meta.plots import captions
from meta.plots.presets import Preset, TextLines, short_model
from meta.results import Fit, Subgroups
from meta.tables.numbers import df_text, level_text, number_text, percent_text, tau2_text
from meta.tables.styles import NumberStyle

_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
#: Fits that pool by a random effect, as metafor names them; and by none.
_SHORT = {"Random": "RE", "Fixed": "EE"}


def _signed(text: str, tight: bool) -> str:
    """Return a number with its sign: ``= 0.31``, ``< 0.0001``."""
    signed = text if text.startswith("<") else f"= {text}"
    return signed.replace(" ", "", 1) if tight else signed


def _heterogeneity_parts(fit: Fit, lines: TextLines, style: NumberStyle) -> str:
    """Return tau2, Q and I2 in the order of the preset, or nothing."""
    parts: dict[str, str] = {}
    if fit.tau2 is not None and fit.spec.estimates_tau2:
        bounds = ""
        if fit.tau2.low is not None and fit.tau2.high is not None:
            bounds = f" [{tau2_text(fit.tau2.low)}, {tau2_text(fit.tau2.high)}]"
        method = f" ({fit.tau2.method})" if fit.tau2.method is not None and not fit.spec.is_glmm else ""
        text = _signed(tau2_text(fit.tau2.value), lines.tight)
        parts["tau2"] = lines.tau2.format(tau2=text, bounds=bounds, method=method)
    h = fit.heterogeneity
    if h is not None:
        # under a GLMM the statistic is the likelihood ratio, and says so
        kind = " (likelihood ratio)" if fit.spec.is_glmm else ""
        q = number_text(h.q, 2)
        sub = str(h.df).translate(_SUBSCRIPTS)
        parts["q"] = lines.q.format(q=q, df=h.df, sub=sub, p=style.p(h.p)) + kind
        if h.i2 is not None:
            parts["i2"] = lines.i2.format(i2=percent_text(h.i2, lines.i2_decimals))
    text = ""
    for place, part in enumerate(parts[name] for name in lines.order if name in parts):
        text += (lines.join[min(place, len(lines.join)) - 1] if place else "") + part
    return text


def heterogeneity_line(fit: Fit, preset: Preset) -> str:
    """Return the line on heterogeneity of a fit, or nothing."""
    lines = preset.text
    if lines is None or not lines.heterogeneity:
        return ""
    if fit.k == 1:
        return lines.single
    parts = _heterogeneity_parts(fit, lines, preset.numbers)
    return lines.heterogeneity.format(parts=parts) if parts else ""


def effect_line(fit: Fit, preset: Preset) -> str:
    """Return the test of the pooled value against no effect; nothing where there is no such value."""
    lines = preset.text
    if lines is None or not lines.effect or fit.estimate is None or find_measure(fit.measure).null is None:
        return ""
    estimate = fit.estimate
    if math.isnan(estimate.p):
        return captions.effect_note(fit)
    kind = "z" if estimate.df is None else "t"
    df = "" if estimate.df is None else f", df = {df_text(estimate.df)}"
    method = f" ({fit.spec.ci_method})" if fit.spec.ci_method != "Wald" and fit.k > 1 else ""
    return lines.effect.format(
        method=method,
        kind=kind.upper() if lines.capital else kind,
        statistic=number_text(estimate.statistic, 2),
        df=df.replace(" = ", "=") if lines.tight else df,
        p=preset.numbers.p(estimate.p),
    )


def groups_line(subgroups: Subgroups | None, preset: Preset) -> str:
    """Return the test between subgroups, why there is none, or that there are no subgroups."""
    lines = preset.text
    if lines is None or not lines.groups:
        return ""
    if subgroups is None:
        return lines.no_groups
    test = subgroups.test
    if test.statistic is None or test.df is None or test.p is None:
        reason = (test.reason or "").removeprefix("no test: ")
        return "Test for subgroup differences: not done" + (f" ({reason})" if reason else "")
    df = str(test.df) if test.df2 is None else f"{test.df} and {df_text(test.df2)}"
    kind = "F" if test.df2 is not None else "χ²" if lines.tight else "Chi²"
    statistic, p = number_text(test.statistic, 2), preset.numbers.p(test.p)
    return lines.groups.format(kind=kind, statistic=statistic, df=df, p=p)


def pooled_label(fit: Fit, preset: Preset, template: str) -> str:
    """Return the label of a pooled row; an empty template takes the house's words."""
    if not template or fit.k == 0:
        return captions.overall_label(fit)
    parts = ""
    if preset.text is not None and fit.k > 1:
        parts = _heterogeneity_parts(fit, preset.text, preset.numbers)
    _, effects = short_model(fit.spec.model)
    return template.format(
        k=fit.k,
        level=level_text(fit.spec.level),
        short=_SHORT[effects],
        het=f" ({parts})" if parts else "",
    )
