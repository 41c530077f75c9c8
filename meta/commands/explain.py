"""``meta explain``."""

from __future__ import annotations

from pathlib import Path

import click

from extraction.names import visible
from meta.commands.common import in_words
from meta.screen import print_json


@click.command()
@click.argument("address", metavar="ID")
@click.argument("place", metavar="[OUT_OR_RELEASE]", default="out")
@click.option("--json", "as_json", is_flag=True, help="Print the explanation as JSON.")
def explain(address: str, place: str, as_json: bool) -> None:
    """Show where a number comes from: its fit, formula, studies, rows of the sheets and sources.

    ID is the address of a number in results.json, which every number of report.html carries as data-id; or of
    a study, a subgroup, an alternative, a row of refits. In the place of a number in a list its label may
    stand. OUT_OR_RELEASE is the folder of a run (default: out), of a release, or a version that is looked up
    in releases/.

    \b
    Example:  meta explain analyses.trs_total.fit.natural.value
              meta explain analyses.trs_total.leave_one_out.Agid2011 results
              meta explain analyses.trs_total.fit.studies.Agid2011 2026.11.0 --json
    """  # noqa: D301  (click reads the control character)
    from meta.explain.explanation import explain_number, read_results
    from meta.explain.text import explanation_lines

    with in_words(as_json):
        found = explain_number(read_results(_locate(place)), address)
    if as_json:
        print_json(found.to_dict())
        return
    for line in explanation_lines(found):
        # cells may hold line feeds, and a line is one line
        click.echo(visible(line).replace("\n", "\\n"))


def _locate(place: str) -> Path:
    """Return the folder of a run or a release: as named, or below releases/ in the current folder."""
    from meta.living.archive import RELEASES_FOLDER

    path, below = Path(place), Path(RELEASES_FOLDER) / place
    return below if not path.exists() and below.is_dir() else path
