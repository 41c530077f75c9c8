"""``meta diff``."""

from __future__ import annotations

from pathlib import Path

import click

from meta.commands.common import in_words
from meta.screen import print_changes, print_json, show_progress


@click.command()
@click.argument("old", metavar="A")
@click.argument("new", metavar="B")
@click.option(
    "--releases",
    default=None,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder in which versions are looked up.  [default: that of the other argument]",
)
@click.option("--json", "as_json", is_flag=True, help="Print every difference as JSON.")
@click.option("--markdown", "as_markdown", is_flag=True, help="Print the comparison as Markdown.")
def diff(old: str, new: str, releases: Path | None, as_json: bool, as_markdown: bool) -> None:
    """Show what changed from A to B: rows, choices, and what each analysis found.

    A and B are each the folder of a release, a version such as 2026.11.0, or a review (its review.toml or
    its folder). For each analysis that changed the rows and choices behind it are named.

    \b
    Example:  meta diff 2026.10.0 my-review
              meta diff my-review/releases/2026.10.0 2026.11.0 --markdown
    """  # noqa: D301  (click reads the control character)
    if as_json and as_markdown:
        raise click.UsageError("--json and --markdown exclude each other")
    from meta.releases.versions import compare_versions

    with in_words(as_json), show_progress() as progress:
        changes = compare_versions(old, new, releases=releases, progress=progress)
    if as_json:
        print_json(changes.to_dict())
    elif as_markdown:
        from meta.report.changes_text import changes_markdown

        click.echo(changes_markdown(changes), nl=False)
    else:
        print_changes(changes)
