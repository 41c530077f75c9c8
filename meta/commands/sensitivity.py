"""``meta sensitivity``."""

from __future__ import annotations

from pathlib import Path

import click

from meta.commands.common import as_usage, in_words
from meta.screen import print_json, print_sensitivity, print_warnings, sensitivity_summary


@click.command()
@click.argument("review", required=False, type=click.Path(path_type=Path))
@click.option("--analysis", default=None, metavar="ID", help="Only this analysis; all of them without it.")
@click.option("--json", "as_json", is_flag=True, help="Print every number as JSON.")
def sensitivity(review: Path | None, analysis: str | None, as_json: bool) -> None:
    """Show how far each answer moves under the alternatives that the protocol declares.

    The tables and sentences are those of the report; nothing is drawn or written. REVIEW is a review.toml
    or its folder; without one, the shipped review is taken.

    \b
    Example:  meta sensitivity my-review --analysis trs_total
    """  # noqa: D301  (click reads the control character)
    from meta.choices import compute_sensitivity

    with in_words(as_json), as_usage():
        found = compute_sensitivity(review, analysis=analysis)
    if as_json:
        print_json(sensitivity_summary(found))
        return
    print_warnings(found.warnings)
    print_sensitivity(found)
