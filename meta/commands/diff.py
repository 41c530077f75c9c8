"""``meta diff``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from meta.commands.common import in_words
from meta.screen import print_changes, print_json

if TYPE_CHECKING:
    from meta.living.archive import Snapshot

#: What a review at work is called in a comparison; its folder is a matter of the machine.
AT_WORK = "the working review"


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
    Examples:  meta diff 2026.10.0 my-review
               meta diff my-review/releases/2026.10.0 2026.11.0 --markdown
    """  # noqa: D301  (click reads the control character)
    if as_json and as_markdown:
        raise click.UsageError("--json and --markdown exclude each other")
    from meta.living.changes import compare_snapshots

    with in_words(as_json):
        places = _find_versions(old, new, releases)
        changes = compare_snapshots(*(_read_version(place) for place in places))
    if as_json:
        print_json(changes.to_dict())
    elif as_markdown:
        from meta.report.changes_text import changes_markdown

        click.echo(changes_markdown(changes), nl=False)
    else:
        print_changes(changes)


def _find_versions(old: str, new: str, releases: Path | None) -> tuple[Path, Path]:
    """Return where the two versions are: what is no place is a version among the releases."""
    from meta.errors import ReleaseError
    from meta.living.archive import MANIFEST_FILE

    there = [Path(text) if Path(text).exists() else None for text in (old, new)]
    folder = releases if releases is not None else _folder_of([path for path in there if path is not None])
    found = []
    for text, path in zip((old, new), there, strict=True):
        place = folder / text if path is None else path
        if not place.exists():
            entries = sorted(folder.iterdir()) if folder.is_dir() else []
            known = [entry.name for entry in entries if (entry / MANIFEST_FILE).exists()]
            hint = f"releases there: {', '.join(known)}" if known else "there are no releases"
            raise ReleaseError(f"there is no {text!r}, neither a path nor a release in {folder}; {hint}")
        found.append(place)
    return found[0], found[1]


def _folder_of(places: list[Path]) -> Path:
    """Return the folder of releases that a version is looked up in: that of the first place given."""
    from meta.living.archive import MANIFEST_FILE, RELEASES_FOLDER, releases_folder

    if not places:
        return Path(RELEASES_FOLDER)
    first = places[0]
    if not (first / MANIFEST_FILE).exists():
        return releases_folder(first)
    # the parent of "." is itself
    return first.parent if first.name else first.resolve().parent


def _read_version(place: Path) -> Snapshot:
    """Read a release, or compute a review at work."""
    from meta.living.archive import MANIFEST_FILE, read_snapshot, snapshot_of
    from meta.pipeline import compute_results
    from meta.protocol.review import read_review

    if (place / MANIFEST_FILE).exists():
        return read_snapshot(place)
    checked = read_review(place)
    return snapshot_of(AT_WORK, "", checked, compute_results(checked))
