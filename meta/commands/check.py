"""``meta check``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from meta.commands.common import PROBLEMS, in_words
from meta.screen import print_json, print_problems, print_warnings


@click.command()
@click.argument("review", required=False, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the problems as JSON.")
def check(review: Path | None, as_json: bool) -> None:
    """Check the sheets and the protocol: every problem at once, with file, line, column, value and rule.

    Writes nothing. Warnings are shown, and do not fail.

    \b
    Example:  meta check my-review
    """  # noqa: D301  (click reads the control character)
    from meta.protocol.review import check_review

    with in_words(as_json):
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
