"""The scripted history of the shipped review: four releases, what changed at each, and the last verified."""

import importlib.util
import json
import re
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import pytest

from meta.living.archive import list_releases, read_snapshot
from meta.living.changes import compare_snapshots

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).resolve().parents[2] / "docs" / "living_history.py"

#: The analyses of the sheet whose cohorts came in the second release.
COHORTS = ["trs_total", "trs_total_stokes", "trs_schizophrenia", "trs_early", "trs_early_share", "trs_late"]


@pytest.fixture(scope="module")
def history(tmp_path_factory):
    """Play the script once; return its releases, oldest first."""
    spec = importlib.util.spec_from_file_location("living_history", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    folder = tmp_path_factory.mktemp("history") / "history"
    script.play(folder)
    return [release.folder for release in list_releases(folder / "review" / "releases")]


def changes(history, old, new):
    return compare_snapshots(read_snapshot(history[old]), read_snapshot(history[new]))


def results(release):
    return json.loads((release / "results.json").read_text(encoding="utf-8"))


def test_the_cohorts_since_2017_change_their_analyses_and_no_other(history):
    found = changes(history, 0, 1)
    assert [a.id for a in found.analyses if a.what != "same"] == COHORTS
    (sheet,) = [sheet for sheet in found.sheets if sheet.rows]
    assert (sheet.new_file, {row.what for row in sheet.rows}, len(sheet.rows)) == (
        "trs_incidence.csv",
        {"came"},
        15,
    )
    used = {row.label: (row.analyses, row.alternatives) for row in sheet.rows}
    assert used["Smart2022"] == ((), ("trs_total", "trs_total_stokes"))
    assert used["Millgate2023"] == ((), ())
    total = found.analyses[0]
    assert (total.old.k, total.new.k) == (6, 12)
    behind = [row.label for row in total.rows if not row.alternatives_only]
    assert behind == ["Chan2021", "Thien2018", "Mena2018", "MorenoSancho2022", "Lee2024", "Downs2019"]


def test_one_corrected_cell_is_the_one_thing_that_changed(history):
    found = changes(history, 1, 2)
    (row,) = [row for sheet in found.sheets for row in sheet.rows]
    assert (row.what, row.label, row.new_line) == ("changed", "Chan2021", 10)
    assert [(c.column, c.old, c.new) for c in row.cells] == [("events", "175", "157")]
    moved = {a.id: a for a in found.analyses if a.what != "same"}
    # the total of Chan2021 is a denominator of one alternative of the early share, of no main analysis
    assert list(moved) == ["trs_total", "trs_total_stokes", "trs_schizophrenia", "trs_early_share"]
    assert [r.alternatives_only for a in moved.values() for r in a.rows] == [False, False, False, True]
    assert found.choices == ()


def test_another_profile_is_named_by_the_choices_it_brings(history):
    found = changes(history, 2, 3)
    assert [row for sheet in found.sheets for row in sheet.rows] == []
    assert [a.id for a in found.analyses if a.what != "same"] == ["trs_total"]
    assert found.choices[0].where == "analyses.trs_total.profile"
    assert (found.choices[0].old, found.choices[0].new) == ("cochrane2025@1", "proportions-glmm@1")
    assert all(choice.where.startswith("analyses.trs_total.") for choice in found.choices)


def test_the_last_release_is_the_shipped_review_and_tells_its_history(history):
    last = results(history[-1])
    points = last["history"]["trs_total"]
    assert [p["version"] for p in points] == ["2026.8.0", "2026.9.0", "2026.10.0", "2026.11.0"]
    assert [p["standing"]["k"] for p in points] == [6, 12, 12, 12]
    assert last["analyses"]["trs_total"]["fit"]["natural"]["value"] == points[-1]["standing"]["value"]
    shipped = Path(str(files("extraction"))) / "evidence"
    frozen = history[-1] / "review"
    for file in sorted(path for path in frozen.rglob("*") if path.is_file()):
        assert file.read_bytes() == (shipped / file.relative_to(frozen)).read_bytes(), file
    page = re.sub("<[^>]*>", "", (history[-1] / "report.html").read_text(encoding="utf-8"))
    assert "What changed since the last release" in page
    assert "1 of 14 analyses changed since 2026.10.0" in page
    assert (history[-1] / "analyses" / "trs_total" / "history.svg").is_file()


def test_the_chain_holds_from_the_first_to_the_last(history):
    chain = list_releases(history[0].parent)
    for before, after in pairwise(chain):
        assert after.manifest.previous == {
            "version": before.manifest.version,
            "sha256": before.manifest_sha256,
        }
