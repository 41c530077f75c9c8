"""The command ``meta``: parse, call one function, print."""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from extraction.errors import ProblemsError, ReviewError
from extraction.names import suggest, visible
from meta.errors import OptionError, ProfileError
from meta.screen import (
    open_screen,
    print_fit,
    print_json,
    print_problems,
    print_summary,
    print_warnings,
    run_summary,
    show_progress,
)

#: Exit codes: 0 done, 1 the review has problems, 2 wrong usage (click's own).
PROBLEMS = 1

FIGURE_FORMATS = ("svg", "pdf", "png")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="trs-meta", prog_name="meta")
def main() -> None:
    """Random-effects meta-analysis for living reviews.

    \b
    meta run                 the shipped review, into out/
    meta init my-review      start a review of your own
    meta check my-review     every problem in its sheets and protocol
    meta run my-review       fit, draw and report it
    """  # noqa: D301  (click reads the control character)
    open_screen()


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
    """Check the sheets, fit every analysis of the protocol, and write figures and a report.

    REVIEW is a review.toml or its folder; without one, the shipped review of treatment-resistant
    schizophrenia is run.

    \b
    Example:  meta run my-review --out results --figures svg,pdf
    """  # noqa: D301  (click reads the control character)
    formats = _figure_formats(figures)
    from meta.pipeline import run_review

    with _in_words(as_json), show_progress() as tell:
        result = run_review(review, out=out, figures=formats, progress=tell)
    if as_json:
        print_json(run_summary(result))
        return
    print_warnings(result.warnings)
    print_summary(result.results)
    click.echo(visible(f"\nReport: {result.report}"))


@main.command()
@click.argument("review", required=False, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the problems as JSON.")
def check(review: Path | None, as_json: bool) -> None:
    """Check the sheets and the protocol: every problem at once, with file, line, column, value and rule.

    Writes nothing. Warnings are shown, and do not fail.

    \b
    Example:  meta check my-review
    """  # noqa: D301  (click reads the control character)
    from meta.protocol.review import check_review

    with _in_words(as_json):
        problems = check_review(review)
    errors = [p for p in problems if p.severity == "error"]
    if as_json:
        print_json({"problems": [p.to_dict() for p in problems]})
    else:
        print_problems(errors)
        print_warnings([p for p in problems if p.severity == "warning"])
        if not errors:
            click.echo("No errors." if problems else "No problems.")
    if errors:
        sys.exit(PROBLEMS)


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


@main.command()
@click.argument("sheet", type=click.Path(path_type=Path))
@click.option(
    "--measure",
    required=True,
    callback=_known_measure,
    help="Measure code: PLO, PR, PFT, IR, IRLN, OR, RR, RD, or GEN for ready-made numbers.",
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
        "level": level,
        "moderators": moderators,
    }
    with _in_words(as_json), _as_usage():
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
    if as_json:
        print_json(result.fit.to_dict())
    else:
        print_warnings(result.warnings)
        print_fit(result)


@main.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--title", default="A new review", show_default=True, help="Title of the review.")
def init(folder: Path, title: str) -> None:
    """Write a new review to fill in: review.toml, a sheet, its codebook.

    Nothing that exists is overwritten.

    \b
    Example:  meta init my-review --title "Congenital cataract at birth"
    """  # noqa: D301  (click reads the control character)
    from extraction.template import write_new_review

    with _in_words(False):
        written = write_new_review(folder, title)
    for path in written:
        click.echo(visible(str(path)))
    click.echo(visible(f"\nFill in {folder / 'sheet.csv'}, then:  meta check {folder}"))


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
        if name.strip() in pairs:
            raise click.BadParameter(f"{name.strip()!r} is given twice", param_hint=option)
        pairs[name.strip()] = value.strip()
    return pairs


@contextmanager
def _in_words(as_json: bool) -> Iterator[None]:
    """Turn errors that are meant for the user into words, and the exit code for problems."""
    try:
        yield
    except ReviewError as error:
        _tell_error(error, as_json)
        sys.exit(PROBLEMS)
    except OSError as error:
        if error.errno == errno.EPIPE:  # click ends quietly where a reader such as head has gone
            raise
        where = f"{error.filename}: " if error.filename is not None else ""
        _tell_error(ReviewError(f"{where}{error.strerror or error}"), as_json)
        sys.exit(PROBLEMS)


@contextmanager
def _as_usage() -> Iterator[None]:
    """Call a choice that is not offered wrong usage, where it came from the command line."""
    try:
        yield
    except (OptionError, ProfileError) as error:
        raise click.UsageError(visible(str(error))) from error


def _tell_error(error: ReviewError, as_json: bool) -> None:
    """Say what is wrong: on stderr, or as JSON on stdout where a program reads it."""
    problems = error.problems if isinstance(error, ProblemsError) else ()
    if as_json:
        print_json({"error": str(error), "problems": [p.to_dict() for p in problems]})
    elif problems:
        print_problems([p for p in problems if p.severity == "error"])
        print_warnings([p for p in problems if p.severity == "warning"])
    else:
        click.echo(visible(f"Error: {error}"), err=True)


if __name__ == "__main__":
    main()
