"""``meta verify``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from extraction.names import visible
from meta.commands.common import PROBLEMS, in_words
from meta.screen import print_crosscheck, print_json, show_progress

if TYPE_CHECKING:
    from meta.releases.verdict import Verification


@click.command()
@click.argument("release")
@click.option("--crosscheck/--no-crosscheck", default=True, help="Ask PyMARE, statsmodels and SciPy too.")
@click.option("--r/--no-r", default=True, help="Of second opinions, ask R's metafor too, if it is installed.")
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
def verify(release: str, crosscheck: bool, r: bool, as_json: bool) -> None:
    """Check every hash of a release, compute it again from its frozen inputs, and compare every number.

    RELEASE is the folder of a release, or a version that is looked up in releases/. Two numbers are the same
    within 1e-9 of the larger one, or where both are zero up to rounding. Each failure is named on a line of
    its own; the exit code is 1 if there is any. Nothing is written.

    \b
    Example:  meta verify releases/2026.11.0
    """  # noqa: D301  (click reads the control character)
    from meta.errors import ReleaseError
    from meta.releases.verify import verify_release

    with in_words(as_json), show_progress() as progress:
        try:
            found = verify_release(_locate(release), crosscheck=crosscheck, r=r, progress=progress)
        except ReleaseError as error:
            raise click.UsageError(visible(str(error))) from error
    if as_json:
        print_json(found.to_dict())
    else:
        _print(found)
    if not found.verified:
        sys.exit(PROBLEMS)


def _locate(release: str) -> Path:
    """Return the folder of a release: as named, or below releases/ in the current folder."""
    from meta.living.archive import RELEASES_FOLDER

    path = Path(release)
    below = Path(RELEASES_FOLDER) / release
    return below if not path.is_dir() and below.is_dir() else path


def _print(found: Verification) -> None:
    """Print what was checked, each failure on a line, the second opinions, and the verdict last."""
    lines = list(_lines(found))
    width = max(len(name) for name, _ in lines)
    for name, text in lines:
        _say(f"{name.ljust(width)}  {text}")
    count = len(found.failures)
    if found.failures:
        _say(f"\n{count} failure{'' if count == 1 else 's'}:")
    for failure in found.failures:
        _say(f"  {failure}")
    if found.opinions is not None:
        _print_opinions(found)
    if found.verified:
        _say("\nVerified: every file is as released, and the frozen inputs give every number again.")
    else:
        _say(f"\nNot verified: {count} failure{'' if count == 1 else 's'}.")


def _lines(found: Verification) -> Iterator[tuple[str, str]]:
    """Yield name and text of what was checked."""
    version = f" (version {found.version})" if found.version else ""
    yield "Release", f"{found.release}{version}"
    yield "SHA-256 of the manifest", found.manifest_sha256 or "there is none"
    from meta.tables.numbers import count_text

    unchanged, files = count_text(found.files_unchanged), count_text(found.files)
    yield "Hashes", f"{unchanged} of {files} files are as the manifest says"
    for i, sentence in enumerate(found.chain):
        yield ("" if i else "Releases before it"), sentence
    yield "Numbers", _numbers(found)
    for i, sentence in enumerate(found.information):
        yield ("" if i else "To know"), sentence


def _numbers(found: Verification) -> str:
    """Say how many numbers were compared, and how far apart they are."""
    if not found.numbers:
        return "none could be compared"
    from meta.tables.numbers import count_text

    same = found.numbers - found.differing
    text = f"{count_text(found.numbers)} compared"
    if found.differing:
        text += f", {count_text(found.differing)} of them differ"
    if found.exact == same:
        return f"{text}; {'the others are' if found.differing else 'all'} equal to the last bit"
    others = "of the others " if found.differing else ""
    text += f"; largest relative difference {others}{found.largest:.1g}"
    text += f", at {found.largest_at}" if found.largest_at else ""
    return f"{text}; {count_text(found.rounding)} zero up to rounding" if found.rounding else text


def _print_opinions(found: Verification) -> None:
    """Print the report's own table of second opinions."""
    from meta.crosscheck.summaries import summarise_opinions
    from meta.results import to_plain

    said = found.opinions or {}
    entries = {
        name: {"id": name, "title": found.titles.get(name, name), "crosscheck": list(opinions)}
        for name, opinions in said.items()
    }
    print_crosscheck({"crosscheck": to_plain(summarise_opinions(said)), "analyses": entries})


def _say(text: str) -> None:
    # a name in a release may hold a line feed, and a failure is one line
    lead = "\n" if text.startswith("\n") else ""
    click.echo(lead + visible(text.removeprefix("\n")).replace("\n", "\\n"))
