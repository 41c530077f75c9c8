"""``meta run``."""

from __future__ import annotations

from pathlib import Path

import click

from extraction.names import visible
from meta.commands.common import in_words
from meta.screen import (
    print_crosscheck,
    print_differences,
    print_json,
    print_summary,
    print_warnings,
    run_summary,
    show_progress,
)

FIGURE_FORMATS = ("svg", "pdf", "png")


@click.command()
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
@click.option("--crosscheck", is_flag=True, help="Make every fit again by PyMARE, statsmodels and SciPy.")
@click.option("--r/--no-r", default=True, help="With --crosscheck: by R's metafor too, if it is installed.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def run(review: Path | None, out: Path, figures: str, crosscheck: bool, r: bool, as_json: bool) -> None:
    """Check the sheets, fit every analysis of the protocol, and write figures and a report.

    REVIEW is a review.toml or its folder; without one, the shipped review of treatment-resistant
    schizophrenia is run. With --crosscheck a number that differs from another engine's by more than its
    tolerance is named on stderr, and the exit code is 1; results and report are written all the same.

    \b
    Example:  meta run my-review --out results --figures svg,pdf
    """  # noqa: D301  (click reads the control character)
    formats = _figure_formats(figures)
    from meta.pipeline import run_review

    with in_words(as_json), show_progress() as tell:
        result = run_review(review, out=out, figures=formats, progress=tell, crosscheck=crosscheck, r=r)
    if as_json:
        print_json(run_summary(result))
    else:
        print_warnings(result.warnings)
        print_summary(result.results)
        print_crosscheck(result.results)
        click.echo(visible(f"\nReport: {result.report}"))
    if crosscheck and print_differences(result.results):
        raise SystemExit(1)


def _figure_formats(text: str) -> tuple[str, ...]:
    """Read ``svg,pdf,png``; SVG is always among them, since the report carries it."""
    wanted = [part.strip().lower() for part in text.split(",") if part.strip()]
    unknown = [part for part in wanted if part not in FIGURE_FORMATS]
    if unknown:
        raise click.BadParameter(
            f"unknown format {unknown[0]!r}; use {', '.join(FIGURE_FORMATS)}", param_hint="--figures"
        )
    return tuple(dict.fromkeys(["svg", *wanted]))
