"""The command ``meta``: parse, call one function, print."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from extraction.errors import Problem, ProblemsError, ReviewError

if TYPE_CHECKING:
    from meta.pipeline import RunResult
    from meta.single import SingleFit

#: Exit codes: 0 done, 1 the review has problems, 2 wrong usage (click's own).
PROBLEMS = 1

FIGURE_FORMATS = ("svg", "pdf", "png")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="trs-meta", prog_name="meta")
def main() -> None:
    r"""Random-effects meta-analysis for living reviews.

    \b
    meta run                 the shipped review, into out/
    meta init my-review      start a review of your own
    meta check my-review     every problem in its sheets and protocol
    meta run my-review       fit, draw and report it
    """


@main.command()
@click.argument("review", required=False, type=click.Path(path_type=Path))
@click.option(
    "--out",
    default="out",
    show_default=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the results.",
)
@click.option(
    "--figures",
    default="svg",
    show_default=True,
    metavar="LIST",
    help="Formats of the figures: svg, pdf, png, joined by commas.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def run(review: Path | None, out: Path, figures: str, as_json: bool) -> None:
    r"""Check the sheets, fit every analysis of the protocol, and write figures and a report.

    REVIEW is a review.toml or its folder; without one, the shipped review of treatment-resistant
    schizophrenia is run.

    \b
    Example:  meta run my-review --out results --figures svg,pdf
    """
    formats = _figure_formats(figures)
    from meta.pipeline import run_review

    with _progress() as tell:
        try:
            result = run_review(review, out=out, figures=formats, progress=tell)
        except ReviewError as error:
            _fail(error, as_json)
    if as_json:
        click.echo(json.dumps(_summary(result), ensure_ascii=False, indent=1))
        return
    _print_warnings(result.warnings)
    _print_summary(result.results)
    click.echo(f"\nReport: {result.report}")


@main.command()
@click.argument("review", required=False, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the problems as JSON.")
def check(review: Path | None, as_json: bool) -> None:
    r"""Check the sheets and the protocol: every problem at once, with file, line, column, value and rule.

    Writes nothing. Warnings are shown, and do not fail.

    \b
    Example:  meta check my-review
    """
    from meta.protocol.review import check_review

    try:
        problems = check_review(review)
    except ReviewError as error:
        _fail(error, as_json)
    errors = [p for p in problems if p.severity == "error"]
    if as_json:
        click.echo(json.dumps({"problems": [p.to_dict() for p in problems]}, ensure_ascii=False, indent=1))
    else:
        _print_problems(errors)
        _print_warnings([p for p in problems if p.severity == "warning"])
        if not errors:
            click.echo("No errors." if problems else "No problems.")
    if errors:
        sys.exit(PROBLEMS)


@main.command()
@click.argument("sheet", type=click.Path(path_type=Path))
@click.option(
    "--measure",
    required=True,
    help="Measure code: PLO, PR, PFT, IRLN, OR, RR, RD, or GEN for ready-made numbers.",
)
@click.option(
    "--columns",
    required=True,
    metavar="LIST",
    help="Columns of the measure, for example events=cases,n=total.",
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
    "--profile",
    "profile_name",
    default=None,
    help="Method profile; proportions and rates take the GLMM profile, the rest house@1.",
)
@click.option("--model", default=None, help="random, common, binomial_normal or poisson_normal.")
@click.option("--tau2-method", default=None, help="REML, DL, PM or ML.")
@click.option("--ci-method", default=None, help="HKSJ, Wald, t or profile.")
@click.option("--ci-guard", default=None, help="se or none.")
@click.option("--pi-method", default=None, help="t_k1, t_k2, z, hk_k1 or hk_k2.")
@click.option("--level", default=None, type=float, help="Level of intervals, for example 0.95.")
@click.option("--moderators", default=None, metavar="FORMULA", help="For example '~ year + C(design)'.")
@click.option(
    "--per", default=None, type=float, help="Show proportions and rates per this many, for example 10000."
)
@click.option(
    "--forest",
    default=None,
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also draw a forest plot (.svg, .pdf or .png).",
)
@click.option("--json", "as_json", is_flag=True, help="Print the whole fit as JSON.")
def fit(
    sheet: Path,
    measure: str,
    columns: str,
    label: str | None,
    where: tuple[str, ...],
    schema: str,
    profile_name: str | None,
    model: str | None,
    tau2_method: str | None,
    ci_method: str | None,
    ci_guard: str | None,
    pi_method: str | None,
    level: float | None,
    moderators: str | None,
    per: float | None,
    forest: Path | None,
    as_json: bool,
) -> None:
    r"""Fit one analysis to a sheet, and print it.

    \b
    Example:  meta fit cataract.csv --measure PLO --columns events=cases,n=total --label authoryear --per
    10000
    """
    from meta.single import fit_sheet

    overrides = {
        "model": model,
        "tau2_method": tau2_method,
        "ci_method": ci_method,
        "ci_guard": ci_guard,
        "pi_method": pi_method,
        "level": level,
        "moderators": moderators,
    }
    try:
        result = fit_sheet(
            sheet,
            measure=measure,
            columns=_pairs(columns.split(","), "--columns"),
            label=label.split(",") if label else None,
            where=_pairs(where, "--where"),
            schema=schema,
            profile_name=profile_name,
            overrides={name: value for name, value in overrides.items() if value is not None},
            per=per,
            forest=forest,
        )
    except ReviewError as error:
        _fail(error, as_json)
    if as_json:
        click.echo(json.dumps(result.fit.to_dict(), ensure_ascii=False, indent=1))
    else:
        _print_warnings(result.warnings)
        _print_fit(result)


@main.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--title", default="A new review", show_default=True, help="Title of the review.")
def init(folder: Path, title: str) -> None:
    r"""Write a new review to fill in: review.toml, a sheet, its codebook.

    Nothing that exists is overwritten.

    \b
    Example:  meta init my-review --title "Congenital cataract at birth"
    """
    from extraction.template import write_new_review

    try:
        written = write_new_review(folder, title)
    except ReviewError as error:
        _fail(error, False)
    for path in written:
        click.echo(path)
    click.echo(f"\nFill in {folder / 'sheet.csv'}, then:  meta check {folder}")


def _figure_formats(text: str) -> tuple[str, ...]:
    """Read ``svg,pdf,png``; SVG is always among them, since the report carries it."""
    wanted = [part.strip().lower() for part in text.split(",") if part.strip()]
    unknown = [part for part in wanted if part not in FIGURE_FORMATS]
    if unknown:
        raise click.BadParameter(
            f"unknown format {unknown[0]!r}; use {', '.join(FIGURE_FORMATS)}", param_hint="--figures"
        )
    return tuple(dict.fromkeys(["svg", *wanted]))


def _pairs(parts: Iterable[str], option: str) -> dict[str, str]:
    """Read ``name=value`` pairs."""
    pairs = {}
    for part in parts:
        name, sign, value = part.partition("=")
        if not sign or not name.strip() or not value.strip():
            raise click.BadParameter(f"{part!r} is not of the form name=value", param_hint=option)
        pairs[name.strip()] = value.strip()
    return pairs


def _fail(error: ReviewError, as_json: bool) -> NoReturn:
    """Say what is wrong and stop with the exit code for problems."""
    if as_json:
        problems = [p.to_dict() for p in error.problems] if isinstance(error, ProblemsError) else []
        click.echo(json.dumps({"error": str(error), "problems": problems}, ensure_ascii=False, indent=1))
    elif isinstance(error, ProblemsError):
        _print_problems([p for p in error.problems if p.severity == "error"])
        _print_warnings([p for p in error.problems if p.severity == "warning"])
    else:
        click.echo(f"Error: {error}", err=True)
    sys.exit(PROBLEMS)


def _print_problems(problems: list[Problem]) -> None:
    """List errors on stderr, one a line."""
    if problems:
        click.echo(f"{len(problems)} error{'' if len(problems) == 1 else 's'}:", err=True)
    for problem in problems:
        click.echo(f"  {problem}", err=True)


def _print_warnings(warnings: Iterable[Problem]) -> None:
    """List warnings on stderr, one a line."""
    for problem in warnings:
        click.echo(f"  warning: {problem}", err=True)


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """Yield a function that shows how far a run is, on stderr; silent where stderr is no terminal."""
    if not sys.stderr.isatty():
        yield lambda _what, _done, _total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
        console=Console(stderr=True),
        transient=True,
    ) as bar:
        task = bar.add_task("reading", total=None)

        def tell(what: str, done: int, total: int) -> None:
            bar.update(task, description=what, completed=done, total=total)

        yield tell


def _print_summary(results: Mapping[str, Any]) -> None:
    """Print the report's own table at a glance: one row an analysis."""
    from meta.report.context import build_context
    from meta.report.pieces import plain

    glance = build_context(results).glance
    headings = tuple(column.heading for column in glance.columns)
    rows = [tuple(plain(cell) for cell in row.cells) for row in glance.rows]
    _print_table(headings, rows, numeric={column.heading for column in glance.columns if column.number})


def _summary(result: RunResult) -> dict[str, Any]:
    """Return what ``meta run --json`` prints: where things are, and the main numbers of each analysis."""
    analyses = {}
    for name, entry in result.results["analyses"].items():
        fit = entry["fit"] or {}
        analyses[name] = {
            "status": fit.get("status", "not_estimable"),
            "k": fit.get("k", 0),
            "measure": entry["measure"],
            "natural": fit.get("natural"),
            "population_mean": fit.get("population_mean"),
            "tau2": fit.get("tau2"),
        }
    return {
        "report": str(result.report),
        "results": str(result.out / "results.json"),
        "warnings": [p.to_dict() for p in result.warnings],
        "analyses": analyses,
    }


def _print_fit(result: SingleFit) -> None:
    """Print a fit: the studies in the unit of display, then name and value a line."""
    from meta.tables.numbers import column_decimals, count_text, interval_text

    studies, factor = result.fit.studies, result.unit.factor
    counts = list(dict.fromkeys(name for study in studies for name in study.counts))
    shown = [[None if x is None else x * factor for x in (s.value, s.low, s.high)] for s in studies]
    decimals = column_decimals(shown)
    rows = [
        (
            study.label,
            *(count_text(study.counts.get(name)) for name in counts),
            study.reason or interval_text(value, low, high, decimals),
        )
        for study, (value, low, high) in zip(studies, shown, strict=True)
    ]
    _print_table(("study", *counts, result.unit.heading.lower()), rows, numeric=set(counts))
    width = max(len(name) for name, _ in result.lines)
    click.echo()
    for name, text in result.lines:
        click.echo(f"{name.ljust(width)}  {text}")


def _print_table(headings: tuple[str, ...], rows: list[tuple[str, ...]], *, numeric: set[str]) -> None:
    """Print a plain table on stdout; coloured heads only on a terminal that wants colour."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading, justify="right" if heading in numeric else "left", overflow="fold")
    for row in rows:
        # Text, not markup: a study may be called [red]
        table.add_row(*(Text(cell) for cell in row))
    console = Console()
    if not console.is_terminal:
        # a pipe has no width; rows must not be folded at 80 columns
        console = Console(width=200)
    console.print(table)


if __name__ == "__main__":
    main()
