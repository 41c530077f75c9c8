"""``meta fit``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import get_args

import click

from extraction.dialect import Decimal, Delimiter, Dialect
from extraction.names import suggest
from meta.commands.common import as_usage, in_words
from meta.options import ForestPreset
from meta.screen import print_fit, print_json, print_warnings


def _known_measure(_context: click.Context, _option: click.Parameter, code: str) -> str:
    from meta.effects.measures import MEASURES

    if code not in MEASURES:
        raise click.BadParameter(f"unknown measure {code!r}; {suggest(code, MEASURES)}")
    return code


def _positive(_context: click.Context, _option: click.Parameter, value: float | None) -> float | None:
    if value is not None:
        from meta.protocol.plan import MAX_FACTOR

        if not 0 < value <= MAX_FACTOR:
            raise click.BadParameter(f"must be above 0 and at most {MAX_FACTOR:g}; got {value:g}")
    return value


@click.command()
@click.argument("sheet", type=click.Path(path_type=Path))
@click.option(
    "--measure",
    required=True,
    callback=_known_measure,
    help="Measure code, such as PLO, IRLN, OR, RR, RD, IRR, MD, SMD, ROM, SMCR, ZCOR (the README lists "
    "them all), or GEN for ready-made numbers.",
)
@click.option(
    "--columns",
    required=True,
    metavar="LIST",
    help="Columns of the measure, for example events=cases,n=total.",
)
@click.option(
    "--variance",
    default=None,
    metavar="CODE",
    help="Formula of the sampling variance, for example LS2 for SMD.",
)
@click.option("--add", default=None, type=float, help="What is added to zero cells; by measure if not given.")
@click.option(
    "--to",
    default=None,
    type=click.Choice(["only0", "all", "if0all", "none", "treatment_arm"]),
    help="Where it is added; only0 if not given.",
)
@click.option(
    "--drop00/--keep00",
    default=None,
    help="Whether studies without events in both arms have no effect size; by measure if not given.",
)
@click.option(
    "--label",
    default=None,
    metavar="COLUMN",
    help="Column (or several, joined by commas) that names the studies.",
)
@click.option(
    "--where", multiple=True, metavar="COLUMN=VALUE", help="Keep only rows with this value; may be repeated."
)
@click.option("--schema", default="generic", show_default=True, help="Codebook of the sheet.")
@click.option(
    "--delimiter",
    default=None,
    type=click.Choice(["comma", "semicolon", "tab"]),
    help="What separates the cells of a text file; comma in .csv and tab in .tsv if not given.",
)
@click.option(
    "--decimal",
    default="point",
    show_default=True,
    type=click.Choice(["point", "comma"]),
    help="Decimal mark of the numbers in a text file.",
)
@click.option(
    "--missing",
    multiple=True,
    metavar="COLUMN=CODE",
    help="A code that means an empty cell, for example weeks=NA; may be repeated.",
)
@click.option(
    "--profile",
    "profile_name",
    default=None,
    help="Method profile; proportions and rates take the GLMM profile, the rest house@1.",
)
@click.option("--model", default=None, help="random, common, or another model (see the table in the README).")
@click.option("--tau2-method", default=None, help="REML, DL, PM or another estimator of tau2.")
@click.option("--ci-method", default=None, help="HKSJ, Wald, t, profile, or CR0 to CR2.")
@click.option("--ci-guard", default=None, help="se, ci, iqwig6 or none.")
@click.option("--pi-method", default=None, help="t_k1, t_k2, z, hk_k1, hk_k2 or bootstrap.")
@click.option("--tau2-ci", default=None, help="Interval of tau2: QP, PL, J or BJ.")
@click.option("--weights", default=None, metavar="COLUMN", help="Column of weights for the mean, or equal.")
@click.option("--cluster", default=None, metavar="COLUMN", help="Column of rows that belong together.")
@click.option("--rho", default=None, type=float, help="Correlation of sampling errors inside a cluster.")
@click.option(
    "--prior", default=None, help="Prior of tau under bayes: half_normal, half_cauchy, uniform, log_normal."
)
@click.option(
    "--prior-parameters", default=None, metavar="NUMBERS", help="Its parameters, joined by commas: 0.5."
)
@click.option("--seed", default=None, type=int, help="Start of the random numbers of a bootstrap.")
@click.option("--level", default=None, type=float, help="Level of intervals, for example 0.95.")
@click.option("--moderators", default=None, metavar="FORMULA", help="For example '~ year + C(design)'.")
@click.option(
    "--per",
    default=None,
    type=float,
    callback=_positive,
    help="Show proportions and rates per this many, for example 10000."
)
@click.option(
    "--forest",
    default=None,
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also draw a forest plot (.svg, .pdf or .png).",
)
@click.option(
    "--preset",
    default=None,
    type=click.Choice(get_args(ForestPreset)),
    help="Layout of the forest plot; the house's if not given.",
)
@click.option(
    "--regression",
    default=None,
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also draw a regression plot of the moderators (.svg, .pdf or .png).",
)
@click.option(
    "--permutation",
    is_flag=True,
    help="Also test by permutation: signs without moderators, orders of the studies with them.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the whole fit as JSON.")
def fit(
    sheet: Path,
    measure: str,
    columns: str,
    variance: str | None,
    add: float | None,
    to: str | None,
    drop00: bool | None,
    label: str | None,
    where: tuple[str, ...],
    schema: str,
    delimiter: Delimiter | None,
    decimal: Decimal,
    missing: tuple[str, ...],
    profile_name: str | None,
    model: str | None,
    tau2_method: str | None,
    ci_method: str | None,
    ci_guard: str | None,
    pi_method: str | None,
    tau2_ci: str | None,
    weights: str | None,
    cluster: str | None,
    rho: float | None,
    prior: str | None,
    prior_parameters: str | None,
    seed: int | None,
    level: float | None,
    moderators: str | None,
    per: float | None,
    forest: Path | None,
    preset: ForestPreset | None,
    regression: Path | None,
    permutation: bool,
    as_json: bool,
) -> None:
    """Fit one analysis to a sheet, and print it.

    \b
    Example:  meta fit cataract.csv --measure PLO --columns events=cases,n=total \\
                  --label authoryear --per 10000
    """  # noqa: D301  (click reads the control character)
    from meta.single import fit_sheet

    overrides = {
        "model": model,
        "tau2_method": tau2_method,
        "ci_method": ci_method,
        "ci_guard": ci_guard,
        "pi_method": pi_method,
        "tau2_ci": tau2_ci,
        "weights": weights,
        "cluster": cluster,
        "rho": rho,
        "prior": prior,
        "prior_parameters": None if prior_parameters is None else _numbers(prior_parameters),
        "seed": seed,
        "level": level,
        "moderators": moderators,
    }
    if preset is not None and forest is None:
        raise click.UsageError("--preset is the layout of a forest plot: add --forest FILE")
    with in_words(as_json), as_usage():
        result = fit_sheet(
            sheet,
            measure=measure,
            columns=_pairs(columns.split(","), "--columns"),
            variance=variance,
            add=add,
            to=to or "only0",
            drop00=drop00,
            label=label.split(",") if label else None,
            where=_pairs(where, "--where"),
            schema=schema,
            dialect=Dialect(delimiter, decimal, _codes(missing)),
            profile_name=profile_name,
            overrides={name: value for name, value in overrides.items() if value is not None},
            per=per,
            forest=forest,
            preset=preset,
            regression=regression,
            permutation=permutation,
        )
    if as_json:
        print_json(result.to_dict())
    else:
        print_warnings(result.warnings)
        print_fit(result)


def _numbers(text: str) -> tuple[float, ...]:
    """Read numbers joined by commas."""
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise click.BadParameter(
            f"numbers joined by commas are needed; got {text!r}", param_hint="--prior-parameters"
        ) from error


def _pairs(parts: Iterable[str], option: str) -> dict[str, str]:
    """Read ``name=value`` pairs."""
    pairs = {}
    for name, value in _split(parts, option):
        if name in pairs:
            raise click.BadParameter(f"{name!r} is given twice", param_hint=option)
        pairs[name] = value
    return pairs


def _codes(parts: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Read ``column=code`` pairs; a column may have several codes."""
    codes: dict[str, tuple[str, ...]] = {}
    for name, code in _split(parts, "--missing"):
        codes[name] = (*codes.get(name, ()), code)
    return codes


def _split(parts: Iterable[str], option: str) -> Iterator[tuple[str, str]]:
    for part in parts:
        name, sign, value = part.partition("=")
        if not sign or not name.strip() or not value.strip():
            raise click.BadParameter(f"{part!r} is not of the form name=value", param_hint=option)
        yield name.strip(), value.strip()
