"""One analysis straight from one sheet, without a protocol: what ``meta fit`` does."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from extraction.dialect import PLAIN, Dialect
from extraction.errors import Problem
from extraction.names import suggest
from extraction.sheet import Sheet, read_sheet
from meta.effects.compute import effect_sizes
from meta.effects.measures import COUNTS, PAIRS, column_keywords, default_unit, find_measure
from meta.effects.recovered_rows import recover_keywords, split_columns
from meta.errors import EffectError
from meta.models.fitting import fit_model
from meta.models.formula import formula_columns
from meta.models.predictions import curve_column, predict_curve
from meta.options import MULTILEVEL, DisplayUnit, ForestPreset
from meta.plots.forest import forest_plot
from meta.plots.regression import regression_plot
from meta.plots.save import save_figure
from meta.profiles.loader import load_profile, override_spec
from meta.results import Component, Fit, Posterior
from meta.sensitivity.permutation import Permutation, permute
from meta.tables.numbers import (
    count_text,
    decimals_for,
    interval_text,
    p_text,
    percent_text,
    probability_text,
    range_text,
    significant_text,
    tau2_text,
)

#: What a measure is fitted by where neither a profile nor a model is named (the house's defaults).
DEFAULT_PROFILES = {
    "PLO": ("proportions-glmm@1", {}),
    "IRLN": ("proportions-glmm@1", {"model": "poisson_normal"}),
}
OTHER_PROFILE = "house@1"


@dataclass(frozen=True, slots=True)
class SingleFit:
    """A fit, how it is shown, what looked suspicious in its sheet, and its numbers as name and text."""

    fit: Fit
    unit: DisplayUnit
    warnings: tuple[Problem, ...]
    lines: list[tuple[str, str]]
    permutation: Permutation | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the fit as plain dictionaries, the permutation test beside it where there is one."""
        plain = self.fit.to_dict()
        if self.permutation is not None:
            plain["permutation_test"] = self.permutation.to_dict()
        return plain


def fit_sheet(
    path: str | Path,
    *,
    measure: str,
    columns: Mapping[str, str],
    variance: str | None = None,
    add: float | None = None,
    to: str = "only0",
    drop00: bool | None = None,
    label: Sequence[str] | None = None,
    where: Mapping[str, str] | None = None,
    schema: str = "generic",
    dialect: Dialect = PLAIN,
    profile_name: str | None = None,
    overrides: Mapping[str, Any] | None = None,
    per: float | None = None,
    forest: str | Path | None = None,
    preset: ForestPreset | None = None,
    regression: str | Path | None = None,
    permutation: bool = False,
) -> SingleFit:
    """Read a sheet, fit one model to it, and optionally draw its forest plot.

    Parameters
    ----------
    path : path
        CSV, TSV or XLSX.
    measure : str
        Code of the measure.
    columns : mapping
        Keyword of the measure to column of the sheet, for example ``{"events": "cases", "n": "total"}``.
    variance, add, to, drop00 : optional
        Formula of the sampling variance, and continuity correction, as ``effect_sizes`` takes them.
    label : sequence of str, optional
        Columns that name a study; row numbers where none is given.
    where : mapping, optional
        Keep only rows whose columns have these values, compared as text.
    schema : str
        Codebook of the sheet.
    dialect : Dialect
        What separates the cells of a text file, its decimal mark, and codes for missing values.
    profile_name, overrides : optional
        Method profile and choices that differ from it.
    per : float, optional
        Show natural values times this.
    forest : path, optional
        File to draw the forest plot into; its suffix says the format.
    preset : str, optional
        Layout of the forest plot; the house's unless given.
    regression : path, optional
        File to draw the regression plot into, with the curve where the formula is of one numeric column.
    permutation : bool
        Also test by permutation.

    Returns
    -------
    SingleFit

    Raises
    ------
    ProblemsError
        If the sheet has errors.
    MetaError
        If a name or a choice is unknown.
    """
    choices = dict(overrides or {})
    sheet = _read(Path(path), columns, choices.get("moderators"), schema, dialect)
    chosen = _keep(sheet, where or {})
    base, implied = DEFAULT_PROFILES.get(measure, (OTHER_PROFILE, {}))
    inverse = ("random", "common", "uwls", "ivhet", *MULTILEVEL)
    if profile_name is None and choices.get("model", "") in inverse:
        base, implied = OTHER_PROFILE, {}
    spec = override_spec(
        load_profile(profile_name or base), {**(implied if profile_name is None else {}), **choices}
    )
    allowed = (*column_keywords(measure), *recover_keywords(measure))
    for keyword in columns:
        if keyword not in allowed:
            raise EffectError(f"measure {measure} takes no column {keyword!r}; {suggest(keyword, allowed)}")
    direct, recover = split_columns(measure, columns)
    named: dict[str, Any] = direct
    effects = effect_sizes(
        chosen,
        measure=measure,
        label=list(label) if label else None,
        add=add,
        to=to,
        drop00=drop00,
        variance=variance,
        recover=recover,
        **named,
    )
    fit = fit_model(effects, spec)
    unit = default_unit(measure)
    if per is not None:
        unit = DisplayUnit(
            per, f"Per {count_text(per)}", f"{find_measure(measure).name}, per {count_text(per)}"
        )
    if forest is not None:
        save_figure(
            forest_plot(fit, unit=unit, title=f"{find_measure(measure).name}: {sheet.file}", preset=preset),
            Path(forest),
        )
    if regression is not None:
        curve = predict_curve(fit) if curve_column(fit) is not None else None
        save_figure(
            regression_plot(fit, curve, unit=unit, title=f"{find_measure(measure).name}: {sheet.file}"),
            Path(regression),
        )
    permuted = permute(effects, spec) if permutation else None
    lines = [*_lines(fit, unit), *(_permutation_lines(permuted) if permuted is not None else [])]
    return SingleFit(fit, unit, sheet.warnings, lines, permuted)


def _read(
    path: Path, columns: Mapping[str, str], formula: str | None, schema: str, dialect: Dialect
) -> Sheet:
    """Read the sheet; columns that the measure and the formula use are typed where the codebook is open."""
    if schema != "generic":
        return read_sheet(path, schema=schema, dialect=dialect)
    types: dict[str, Any] = {columns[name]: "count" if name in COUNTS else "number" for name in columns}
    pairs = [(columns[a], columns[b]) for a, b in PAIRS if a in columns and b in columns]
    numeric = formula_columns(formula, plain_only=True) if formula else ()
    types = {**dict.fromkeys(numeric, "number"), **types}
    named = formula_columns(formula) if formula else ()
    return read_sheet(path, schema=schema, types=types, pairs=pairs, dialect=dialect, needed=named)


def _keep(sheet: Sheet, where: Mapping[str, str]) -> Sheet:
    """Keep the rows whose cells read as the given texts."""
    for column in where:
        if column not in sheet.columns:
            raise EffectError(f"{sheet.file} has no column {column!r}; {suggest(column, sheet.columns)}")
    return sheet.select(lambda row: all(row.text[column].strip() == value for column, value in where.items()))


#: What a component of a model on counts is.
_COMPONENTS = {"rho": "rho (correlation in a study)", "level": "variance of study levels"}


def _component_text(component: Component) -> str:
    """Return a variance component with its interval and its share."""
    value = tau2_text(component.value)
    if component.low is not None and component.high is not None:
        value += f" [{tau2_text(component.low)}, {tau2_text(component.high)}]"
    return value if component.i2 is None else f"{value}, I2 {percent_text(component.i2)}"


def _permutation_lines(test: Permutation) -> list[tuple[str, str]]:
    """Return what a permutation test found as name and text."""
    what = "flips of signs" if test.kind == "signs" else "orders"
    how = f"all {count_text(test.draws)} {what}" if test.exact else f"{count_text(test.draws)} random {what}"
    lines = [("permutation test", how)]
    for name, p in zip(test.names, test.p, strict=True):
        lines.append((f"{name}, by permutation", p_text(float(p))))
    if test.test_p is not None and len(test.names) > 2:
        lines.append(("all moderators, by permutation", p_text(test.test_p)))
    # how many were drawn stands above
    lines.extend(("note", note) for note in test.notes if not note.endswith("drawn at random"))
    return lines


def _posterior_lines(posterior: Posterior) -> list[tuple[str, str]]:
    """Return the prior, tau and the probability beyond no effect as name and text."""
    given = ", ".join(f"{number:g}" for number in posterior.prior_parameters) or "improper"
    tau = (significant_text(x) for x in (posterior.tau, posterior.tau_low, posterior.tau_high))
    lines = [
        ("prior of tau", f"{posterior.prior}({given})"),
        ("tau", "{} [{}, {}]".format(*tau)),
    ]
    if posterior.null is not None:
        mu, new = probability_text(posterior.tail_mu), probability_text(posterior.tail_new)
        lines.append(("probability above no effect", f"{mu}, in a new setting {new}"))
    return lines


def _lines(fit: Fit, unit: DisplayUnit) -> list[tuple[str, str]]:
    """Return the numbers of a fit as name and text."""
    spec = fit.spec
    how = [
        spec.model,
        spec.tau2_method,
        spec.ci_method,
        None if spec.ci_guard == "none" else f"guard {spec.ci_guard}",
        None if spec.rho is None else f"rho {spec.rho:g}",
        None if spec.cluster is None else f"clustered by {spec.cluster}",
    ]
    lines = [
        ("model", ", ".join(dict.fromkeys(part for part in how if part and part != "posterior"))),
        ("status", fit.status),
        ("studies", str(fit.k) if fit.clusters is None else f"{fit.clusters}, of {fit.k} rows"),
    ]
    if fit.natural is not None:
        natural = fit.natural
        shown = [x if x is None else x * unit.factor for x in (natural.value, natural.low, natural.high)]
        decimals = decimals_for(shown)
        lines.append((unit.heading.lower(), interval_text(shown[0], shown[1], shown[2], decimals)))
        if natural.prediction_low is not None and natural.prediction_high is not None:
            bounds = range_text(
                natural.prediction_low * unit.factor, natural.prediction_high * unit.factor, decimals
            )
            lines.append(("prediction interval", f"{bounds} ({spec.pi_method})"))
        if fit.population_mean is not None:
            mean = fit.population_mean
            lines.append(
                (
                    "population mean",
                    interval_text(
                        mean.value * unit.factor, mean.low * unit.factor, mean.high * unit.factor, decimals
                    ),
                )
            )
    if fit.estimate is not None:
        estimate = fit.estimate
        text = interval_text(estimate.value, estimate.low, estimate.high, 4)
        # a Bayesian fit tests nothing
        test = "" if math.isnan(estimate.p) else f", {p_text(estimate.p)}"
        lines.append(("analysis scale", f"{text}{test}"))
    if fit.posterior is not None:
        lines += _posterior_lines(fit.posterior)
    if fit.coefficients is not None and spec.moderators is not None:
        c = fit.coefficients
        for name, value, low, high, p in zip(c.names, c.value, c.low, c.high, c.p, strict=True):
            bounds = interval_text(float(value), float(low), float(high), 4)
            lines.append((name, f"{bounds}, {p_text(float(p))}"))
    if fit.tau2 is not None and spec.estimates_tau2:
        bounds = (
            f" [{tau2_text(fit.tau2.low)}, {tau2_text(fit.tau2.high)}]" if fit.tau2.low is not None else ""
        )
        lines.append(("tau2", f"{tau2_text(fit.tau2.value)}{bounds}"))
    if fit.heterogeneity is not None:
        h = fit.heterogeneity
        shares = f"I2 {percent_text(h.i2)}"
        if h.i2_low is not None and h.i2_high is not None:
            shares += f" [{percent_text(h.i2_low)}, {percent_text(h.i2_high)}]"
        lines.append(
            (
                "heterogeneity",
                f"{shares}, Q {count_text(round(h.q, 2))}, df {h.df}, {p_text(h.p)}",
            )
        )
    name = "{}" if spec.is_glmm else "tau2 {}"
    lines.extend((name.format(_COMPONENTS.get(c.name, c.name)), _component_text(c)) for c in fit.components)
    lines.extend(("left out", f"{e.label}: {e.reason}") for e in fit.excluded)
    lines.extend(("note", note) for note in fit.notes)
    return lines
