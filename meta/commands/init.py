"""``meta init``."""

from __future__ import annotations

from pathlib import Path

import click

from extraction.names import visible
from meta.commands.common import in_words


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--title", default="A new review", show_default=True, help="Title of the review.")
def init(folder: Path, title: str) -> None:
    """Write a new review to fill in: review.toml, a sheet, its codebook.

    Nothing that exists is overwritten.

    \b
    Example:  meta init my-review --title "Congenital cataract at birth"
    """  # noqa: D301  (click reads the control character)
    from extraction.template import write_new_review

    with in_words(False):
        written = write_new_review(folder, title)
    for path in written:
        click.echo(visible(str(path)))
    click.echo(visible(f"\nFill in {folder / 'sheet.csv'}, then:  meta check {folder}"))
