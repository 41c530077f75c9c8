"""A small review over releases: what a run says of the releases beside it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import meta.living.past
from meta.errors import ReleaseError
from meta.living.archive import list_releases
from meta.living.past import Version, read_past
from meta.pipeline import compute_review, run_review
from meta.protocol.review import read_review
from meta.releases.freeze import freeze_release

PROTOCOL = """\
title = "Cohorts and trials"
question = "Does a living review tell its life?"

[sheets.all]
file = "sheet.csv"
schema = "generic"
key = ["study_id"]

[[analyses]]
id = "share"
title = "A share"
question = "What share?"
sheet = "all"
label = "study_id"
measure = "PLO"
columns = {events = "events", n = "n"}
profile = "house@1"
leave_one_out = false
threshold = {value = 20, words = "planned for", source = "the plan"}
filters = [{column = "group", equals = "cohort"}]

[[analyses]]
id = "others"
title = "Other rows"
question = "What share?"
sheet = "all"
label = "study_id"
measure = "PLO"
columns = {events = "events", n = "n"}
profile = "house@1"
leave_one_out = false
filters = [{column = "group", equals = "other"}]
"""

HEAD = "study_id,group,events,n\n"
FIRST = HEAD + "A1999,cohort,3,40\nB2004,cohort,5,52\nC2007,other,9,30\nD2009,other,12,44\n"
SECOND = FIRST + "E2011,cohort,30,60\nF2013,cohort,25,55\n"
THIRD = SECOND.replace("E2011,cohort,30,60", "E2011,cohort,29,60")


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A review with two releases, and a sheet that was corrected since."""
    folder = tmp_path_factory.mktemp("living")
    (folder / "review.toml").write_text(PROTOCOL, encoding="utf-8")
    for version, sheet, note in (("2026.1.0", FIRST, "First two"), ("2026.2.0", SECOND, "Two more")):
        (folder / "sheet.csv").write_text(sheet, encoding="utf-8")
        freeze_release(folder, version=version, note=note)
    (folder / "sheet.csv").write_text(THIRD, encoding="utf-8")
    return folder


def results_of(life: Path, version: str) -> dict:
    return json.loads((life / "releases" / version / "results.json").read_text("utf-8"))


def test_the_first_release_has_nothing_to_compare_with(life: Path) -> None:
    results = results_of(life, "2026.1.0")
    assert results["changes"] is None
    assert results["history"] == {}
    folder = life / "releases" / "2026.1.0"
    assert not (folder / "changes").exists()
    assert not list(folder.rglob("history.*"))
    assert "What changed" not in (folder / "report.html").read_text("utf-8")


def test_a_release_is_compared_with_the_one_before_it(life: Path) -> None:
    results = results_of(life, "2026.2.0")
    changes = results["changes"]
    assert (changes["old"], changes["new"]) == ("2026.1.0", "2026.2.0")
    assert (changes["old_note"], changes["new_note"]) == ("First two", "Two more")
    assert changes["counts"]["changed"] == 1
    assert changes["counts"]["rows_came"] == 2
    share, others = changes["analyses"]
    assert (share["what"], others["what"]) == ("changed", "same")
    assert [row["label"] for row in share["rows"]] == ["E2011", "F2013"]
    # what is told of the new version is what the analysis itself says
    natural = results["analyses"]["share"]["fit"]["natural"]
    assert (share["new"]["value"], share["new"]["high"]) == (natural["value"], natural["high"])
    before = results_of(life, "2026.1.0")["analyses"]["share"]["fit"]["natural"]
    assert share["old"]["value"] == before["value"]
    assert share["threshold"]["crossed"] is (before["value"] < 0.2 < natural["value"])
    assert share["threshold"]["crossed"]


def test_figures_of_changes_and_history_are_files_and_stand_in_the_page(life: Path) -> None:
    folder = life / "releases" / "2026.2.0"
    results = results_of(life, "2026.2.0")
    assert results["changes"]["figures"] == [{"file": "changes/per_100.svg", "unit": "per 100 people"}]
    html = (folder / "report.html").read_text("utf-8")
    for name in ("changes/per_100.svg", "analyses/share/history.svg"):
        assert (folder / name).read_bytes().startswith(b"<?xml")
        assert f'href="{name}"' in html
    assert results["analyses"]["share"]["figures"]["history"] == "analyses/share/history.svg"
    # only what changed is in the forest of changes
    drawn = (folder / "changes" / "per_100.svg").read_text("utf-8")
    assert "A share" in drawn
    assert "Other rows" not in drawn


def test_a_run_finds_the_releases_beside_the_review(life: Path, tmp_path: Path) -> None:
    done = run_review(life, out=tmp_path / "out", figures=("svg", "png"))
    changes, history = done.results["changes"], done.results["history"]
    assert (changes["old"], changes["new"]) == ("2026.2.0", "this version")
    (row,) = changes["analyses"][0]["rows"]
    assert row["cells"] == [{"column": "events", "old": "30", "new": "29"}]
    assert [point["version"] for point in history["share"]] == ["2026.1.0", "2026.2.0", "this version"]
    assert [point["standing"]["k"] for point in history["share"]] == [2, 4, 4]
    page = done.report.read_text("utf-8")
    assert "This version; " in page
    assert "E2011 (events 30 → 29)" in page
    assert (tmp_path / "out" / "changes" / "per_100.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "out" / "analyses" / "share" / "history.png").exists()
    assert done.results["analyses"]["others"]["figures"]["history"] == "analyses/others/history.svg"


def test_the_same_history_gives_the_same_bytes(life: Path) -> None:
    computed = [
        compute_review(
            read_review(life), earlier=read_past(list_releases(life / "releases")), version="3.0", note="x"
        ).files
        for _ in "ab"
    ]
    assert computed[0] == computed[1]


def test_only_the_newest_release_is_read_with_its_sheets(
    life: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    whole = meta.living.past.read_snapshot

    def counted(folder: Path) -> object:
        read.append(folder.name)
        return whole(folder)

    monkeypatch.setattr(meta.living.past, "read_snapshot", counted)
    past = read_past(list_releases(life / "releases"))
    assert read == ["2026.2.0"]
    assert [version.name for version in past] == ["2026.1.0", "2026.2.0"]
    assert isinstance(past[0], Version)


def test_a_version_without_sheets_cannot_be_compared(life: Path) -> None:
    bare = Version("1.0", "", {"analyses": {}})
    with pytest.raises(ReleaseError, match=r"release 1\.0 must be read with its sheets"):
        compute_review(read_review(life), earlier=[bare])


@pytest.mark.parametrize(
    ("version", "content", "words"),
    [
        ("2026.1.0", b"{}", r"2026\.1\.0.results\.json: this is not the file that was released"),
        ("2026.2.0", b"{}", r"2026\.2\.0.results\.json: this is not the file that was released"),
        ("2026.1.0", None, r"cannot read .*2026\.1\.0.results\.json: No such file"),
    ],
)
def test_an_unreadable_release_is_named_and_nothing_is_written(
    life: Path, tmp_path: Path, version: str, content: bytes | None, words: str
) -> None:
    path = life / "releases" / version / "results.json"
    kept = path.read_bytes()
    try:
        if content is None:
            path.unlink()
        else:
            path.write_bytes(content)
        with pytest.raises(ReleaseError, match=words):
            run_review(life, out=tmp_path / "out")
        assert not list((tmp_path / "out").rglob("*.html"))
    finally:
        path.write_bytes(kept)


def test_what_is_gone_or_new_keeps_its_rows(tmp_path: Path) -> None:
    """An analysis that the new version drops, one that it adds, and a group that stands for an analysis."""
    folder = tmp_path / "review"
    folder.mkdir()
    first, others = PROTOCOL.split("\n[[analyses]]\nid = \"others\"")
    others = '\n[[analyses]]\nid = "others"' + others
    by_group = others.replace('"others"', '"groups"').replace("Other rows", "By group") + "overall = false\n"
    by_group = by_group.replace('filters = [{column = "group", equals = "other"}]\n', "")
    by_group += 'subgroups = [{by = "group", overall = false}]\n'
    (folder / "review.toml").write_text(first + others + by_group, encoding="utf-8")
    (folder / "sheet.csv").write_text(FIRST, encoding="utf-8")
    freeze_release(folder, version="1.0", note="Both")
    added = first.replace('"share"', '"again"').split("[[analyses]]")[1].replace("A share", "Added")
    (folder / "review.toml").write_text(
        first + by_group + "\n[[analyses]]" + added, encoding="utf-8"
    )
    (folder / "sheet.csv").write_text(SECOND, encoding="utf-8")
    done = run_review(folder, out=tmp_path / "out")
    whats = {a["id"]: (a["what"], a["shows_groups"]) for a in done.results["changes"]["analyses"]}
    assert whats == {
        "share": ("changed", False),
        "groups": ("changed", True),
        "again": ("came", False),
        "others": ("went", False),
    }
    drawn = (tmp_path / "out" / "changes" / "per_100.svg").read_text("utf-8")
    assert drawn.count(">not in this version<") == 2
    for words in ("A share", "By group", "cohort", "Added", "Other rows"):
        assert f">{words}<" in drawn
    # an analysis that only pools by group has no estimate to draw over time, and a table all the same
    assert "history" not in done.results["analyses"]["groups"]["figures"]
    assert [p["standing"]["status"] for p in done.results["history"]["groups"]] == ["not_pooled"] * 2
    assert done.results["history"]["again"][0]["version"] == "this version"
