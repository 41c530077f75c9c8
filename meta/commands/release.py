"""``meta release``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from extraction.errors import Problem
from extraction.names import visible
from meta.commands.common import as_usage, in_words
from meta.screen import print_changed, print_json, print_warnings, show_progress

if TYPE_CHECKING:
    from meta.living.archive import Release


@click.command()
@click.argument("review", required=False, type=click.Path(path_type=Path))
@click.option("--version", required=True, metavar="V", help="Numbers joined by dots, such as 2026.11.0.")
@click.option("--note", required=True, metavar="TEXT", help="Why there is a new version; kept in it.")
@click.option(
    "--releases",
    default=None,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the releases.  [default: releases, beside the protocol]",
)
@click.option("--json", "as_json", is_flag=True, help="Print what was released as JSON.")
def release(review: Path | None, version: str, note: str, releases: Path | None, as_json: bool) -> None:
    """Freeze a version of a review: sheets, protocol, profiles, results, figures and reports.

    A manifest holds the hash of every file, and of the manifest of the release before. A release is whole,
    or it is not there; a version that exists is never overwritten. REVIEW is a review.toml or its folder;
    without one, the shipped review is released into the current folder.

    \b
    Example:  meta release my-review --version 2026.11.0 --note "Two cohorts published since June"
    """  # noqa: D301  (click reads the control character)
    from meta.releases.freeze import check_request, freeze_release

    with as_usage():
        check_request(version, note)
    with in_words(as_json), show_progress() as progress:
        made = freeze_release(
            review, version=version, note=note, releases=releases, progress=progress, tell=_tell
        )
    results = json.loads((made.folder / "results.json").read_text(encoding="utf-8"))
    if as_json:
        print_json(_summary(made, results))
        return
    print_warnings(Problem(**problem) for problem in results["problems"])
    _print_release(made)
    print_changed(results)


def _tell(sentence: str) -> None:
    """Say on stderr what is waited for, or worth a warning."""
    click.echo(visible(sentence), err=True)


def _summary(made: Release, results: dict[str, Any]) -> dict[str, Any]:
    """Return what ``meta release --json`` prints."""
    manifest = made.manifest
    changes = results["changes"]
    changed = [] if changes is None else [a["id"] for a in changes["analyses"] if a["what"] != "same"]
    return {
        "folder": str(made.folder),
        "version": manifest.version,
        "files": len(manifest.files),
        "manifest_sha256": made.manifest_sha256,
        "previous": manifest.previous,
        "changed": changed,
        "warnings": results["problems"],
    }


def _print_release(made: Release) -> None:
    """Print where a release is and what names it, a line each."""
    manifest = made.manifest
    before = manifest.previous
    lines = {
        "Release": str(made.folder),
        "Files": f"{len(manifest.files)}, and {made.folder / 'manifest.json'}",
        "SHA-256 of the manifest": made.manifest_sha256,
        "Release before it": "none, this is the first" if before is None else before["version"],
    }
    width = max(len(name) for name in lines)
    for name, text in lines.items():
        click.echo(visible(f"{name.ljust(width)}  {text}"))
