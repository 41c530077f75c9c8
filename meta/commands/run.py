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

FIGURE_FORMATS = ("svg", "pdf", "png", "eps", "tiff")
#: Figures made of dots.
_DOTS = ("png", "tiff")
REPORT_FORMATS = ("html", "docx", "pdf", "md")
TABLE_FORMATS = ("csv", "latex")


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
    help="Formats of the figures: svg, pdf, png, eps, tiff, joined by commas.",
)
@click.option(
    "--dpi",
    type=click.IntRange(72, 1200),
    help="Dots per inch of png and tiff; 300 unless given.",
)
@click.option(
    "--format",
    "formats",
    default="html,md",
    show_default=True,
    metavar="LIST",
    help="Formats of the report: html, docx, pdf, md, joined by commas.",
)
@click.option(
    "--docx-template",
    type=click.Path(path_type=Path),
    help="A Word template of your own for report.docx, with the tags that the README lists.",
)
@click.option(
    "--tables",
    metavar="LIST",
    help="Every table of the report as a file of its own: csv, latex, joined by commas.",
)
@click.option("--crosscheck", is_flag=True, help="Make every fit again by PyMARE, statsmodels and SciPy.")
@click.option("--r/--no-r", default=True, help="With --crosscheck: by R's metafor too, if it is installed.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def run(
    review: Path | None,
    out: Path,
    figures: str,
    dpi: int | None,
    formats: str,
    docx_template: Path | None,
    tables: str | None,
    crosscheck: bool,
    r: bool,
    as_json: bool,
) -> None:
    """Check the sheets, fit every analysis of the protocol, and write figures and a report.

    REVIEW is a review.toml or its folder; without one, the shipped review of treatment-resistant
    schizophrenia is run. With --crosscheck a number that differs from another engine's by more than its
    tolerance is named on stderr, and the exit code is 1; results and report are written all the same.

    \b
    Example:  meta run my-review --out results --figures svg,pdf --format html,docx
    """  # noqa: D301  (click reads the control character)
    drawn = _listed(figures, FIGURE_FORMATS, "--figures")
    written = _listed(formats, REPORT_FORMATS, "--format")
    single = () if tables is None else _listed(tables, TABLE_FORMATS, "--tables")
    if dpi is not None and not set(drawn) & set(_DOTS):
        raise click.BadParameter(f"is for {' and '.join(_DOTS)}; add one to --figures", param_hint="--dpi")
    if docx_template is not None and "docx" not in written:
        raise click.BadParameter("is for report.docx; add docx to --format", param_hint="--docx-template")
    from meta.pipeline import run_review

    with in_words(as_json), show_progress() as tell:
        result = run_review(
            review,
            out=out,
            # SVG is always among them, since the report carries it
            figures=tuple(dict.fromkeys(["svg", *drawn])),
            dpi=dpi,
            formats=written,
            docx_template=docx_template,
            tables=single,
            progress=tell,
            crosscheck=crosscheck,
            r=r,
        )
    if as_json:
        print_json(run_summary(result))
    else:
        print_warnings(result.warnings)
        print_warnings(result.report_warnings)
        print_summary(result.results)
        print_crosscheck(result.results)
        click.echo(visible(f"\nReport: {result.report}"))
    if crosscheck and print_differences(result.results):
        raise SystemExit(1)


def _listed(text: str, offered: tuple[str, ...], option: str) -> tuple[str, ...]:
    """Read a list such as ``svg,pdf``."""
    wanted = [part.strip().lower() for part in text.split(",") if part.strip()]
    unknown = [part for part in wanted if part not in offered]
    if unknown or not wanted:
        what = f"unknown format {unknown[0]!r}" if unknown else "no format"
        raise click.BadParameter(f"{what}; use {', '.join(offered)}", param_hint=option)
    return tuple(wanted)
