"""Manifests are read with suspicion, and releases along their chain."""

import json
import os
import shutil

import pytest

from extraction.files import sha256
from meta.errors import OptionError, ProtocolError, ReleaseError
from meta.living.archive import (
    Manifest,
    Release,
    chain_faults,
    is_inside,
    list_releases,
    read_release,
    read_releases,
    read_snapshot,
    releases_folder,
    snapshot_of,
    version_key,
)
from meta.protocol.review import read_review

PROTOCOL = """\
title = "Two cohorts"
question = "What is kept?"

[sheets.cohorts]
file = "cohorts.csv"
schema = "generic"

[[analyses]]
id = "share"
title = "A share"
question = "What share?"
sheet = "cohorts"
label = "study_id"
measure = "PLO"
columns = {events = "events", n = "n"}
profile = "house@1"
"""

SHEET = "study_id,events,n\nOne1999,3,40\nTwo2004,2,25\n"

FILES = {
    "review/review.toml": PROTOCOL,
    "review/cohorts.csv": SHEET,
    "results.json": '{"format": "trs-meta-results@1"}\n',
}


def manifest_of(version, previous=None, **changed):
    fields = {
        "format": "trs-meta-release@1",
        "version": version,
        "note": f"version {version}",
        "previous": previous,
        "protocol": "review/review.toml",
        "engine": "0.1.0",
        "python": "3.11",
        "packages": {"numpy": "2.4.6"},
        "files": {name: sha256(text) for name, text in FILES.items()},
    }
    return {**fields, **changed}


def write_release(folder, manifest):
    """Write a release by hand; return what a successor says of it."""
    place = folder / manifest["version"]
    for name, text in FILES.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text, encoding="utf-8")
    text = json.dumps(manifest)
    (place / "manifest.json").write_text(text, encoding="utf-8")
    return {"version": manifest["version"], "sha256": sha256(text)}


def write_chain(folder, *versions):
    before = None
    for version in versions:
        before = write_release(folder, manifest_of(version, before))


def test_releases_come_along_their_chain_by_number_not_by_letter(tmp_path):
    write_chain(tmp_path, "9.0", "10.0", "10.0.1")
    found = list_releases(tmp_path)
    assert [release.manifest.version for release in found] == ["9.0", "10.0", "10.0.1"]
    assert found[1].folder == tmp_path / "10.0"
    assert found[1].manifest.previous == {"version": "9.0", "sha256": found[0].manifest_sha256}
    assert found[1].manifest_sha256 == sha256((tmp_path / "10.0" / "manifest.json").read_bytes())


def test_what_has_no_manifest_or_begins_with_a_dot_is_no_release(tmp_path):
    assert list_releases(tmp_path / "nowhere") == ()
    write_chain(tmp_path, "1.0")
    (tmp_path / "1.1").mkdir()
    (tmp_path / "README.md").write_text("words")
    shutil.copytree(tmp_path / "1.0", tmp_path / ".1.2.0123456789abcdef.part")
    assert [release.manifest.version for release in list_releases(tmp_path)] == ["1.0"]


@pytest.mark.parametrize("lost", ["1.0", "1.1"])
def test_a_release_that_lost_its_manifest_is_said_and_not_passed_over(tmp_path, lost):
    write_chain(tmp_path, "1.0", "1.1")
    (tmp_path / lost / "manifest.json").unlink()
    with pytest.raises(ReleaseError) as raised:
        list_releases(tmp_path)
    assert str(raised.value) == (
        f"{tmp_path / lost}: this was a release, and its manifest.json is gone; put it back, or move the "
        "folder out of the releases"
    )


def test_a_manifest_is_written_and_read_alike(tmp_path):
    manifest = Manifest(**manifest_of("1.0", note="two\nlines, β"))
    write_release(tmp_path, manifest_of("1.0"))
    (tmp_path / "1.0" / "manifest.json").write_bytes(manifest.to_bytes())
    assert read_release(tmp_path / "1.0") == Release(tmp_path / "1.0", manifest, sha256(manifest.to_bytes()))
    text = manifest.to_bytes().decode("utf-8")
    assert text.startswith('{\n "engine": "0.1.0",\n "files": {\n  "results.json": ')
    assert text.endswith('\n "version": "1.0"\n}\n')
    assert "β" in text


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"format": "trs-meta-release@2"}, "its format is 'trs-meta-release@2'; this program reads 'trs"),
        ({"version": 1}, "'version' must be text; got 1"),
        ({"note": ""}, "'note' must be text; got ''"),
        ({"packages": ["numpy"]}, "'packages' must be an object of texts"),
        ({"files": {"results.json": 1}}, "'files' must be an object of texts"),
        ({"files": {}}, "'review/review.toml' is not among its files"),
        ({"protocol": "review/other.toml"}, "'review/other.toml' is not among its files"),
        ({"protocol": "results.json"}, "the protocol, 'results.json', is not below review/"),
        ({"version": "../1.0"}, "'../1.0' is no version"),
        ({"version": "1.1"}, "the manifest is of version '1.1', its folder is '1.0'"),
        ({"previous": "0.9"}, "'previous' must be an object of texts"),
        ({"previous": {}}, "'previous' must hold a version and a SHA-256, or be null"),
        ({"previous": {"version": "0.9", "sha256": "abc"}}, "'previous' must hold a version and a SHA"),
        ({"previous": {"version": "..", "sha256": "a" * 64}}, "'previous' must hold a version and a SHA"),
    ],
)
def test_a_manifest_that_is_none_is_named_with_what_is_wrong(tmp_path, changed, message):
    write_release(tmp_path, manifest_of("1.0"))
    path = tmp_path / "1.0" / "manifest.json"
    path.write_text(json.dumps({**manifest_of("1.0"), **changed}))
    for read in (lambda: read_release(tmp_path / "1.0"), lambda: list_releases(tmp_path)):
        with pytest.raises(ReleaseError) as raised:
            read()
        assert str(raised.value).startswith(f"{path}: {message}")


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd", "../1.1/results.json", "review/../../x", "a\\b", "C:x", "a//b", "./a", "", ".", "a/",
        "a\0b", "manifest.json",
    ],
)  # fmt: skip
def test_no_path_of_a_manifest_leaves_its_release(tmp_path, name):
    manifest = manifest_of("1.0")
    manifest["files"][name] = "a" * 64
    write_release(tmp_path, manifest)
    with pytest.raises(ReleaseError) as raised:
        read_release(tmp_path / "1.0")
    assert str(raised.value) == f"{tmp_path / '1.0' / 'manifest.json'}: {name!r} is no file of the release"


def test_plain_paths_stay_inside():
    for name in ("results.json", "review/data/a b.csv", "profiles/house@1.toml", "review/.x/Ångström.csv"):
        assert is_inside(name)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "this is no JSON (Expecting value: line 1 column 1 (char 0))"),
        (b"\xff\xfe", "this is no JSON ('utf-8' codec"),
        (b"[" * 100_000, "this is no JSON ("),
        (b"[1]", "a manifest is a JSON object"),
        (b'{"format": "trs-meta-release@1", "version": "1.0"}', "it does not say note, previous, protocol"),
    ],
    ids=["empty", "bytes", "deep", "list", "half"],
)
def test_a_manifest_that_cannot_be_read_is_named(tmp_path, content, message):
    path = tmp_path / "1.0" / "manifest.json"
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(ReleaseError) as raised:
        read_release(tmp_path / "1.0")
    assert str(raised.value).startswith(f"{path}: {message}")


def test_a_folder_that_is_no_release_is_named(tmp_path):
    with pytest.raises(ReleaseError) as raised:
        read_release(tmp_path / "1.0")
    assert str(raised.value) == f"no release at {tmp_path / '1.0'}: there is no manifest.json in it"
    (tmp_path / "1.1" / "manifest.json").mkdir(parents=True)
    with pytest.raises(ReleaseError, match=r"^cannot read .*1\.1/manifest\.json: Is a directory$"):
        read_release(tmp_path / "1.1")
    (tmp_path / "file").write_text("words")
    with pytest.raises(ReleaseError, match=r"^cannot read .*/file: Not a directory$"):
        list_releases(tmp_path / "file")


def test_a_chain_with_a_gap_names_the_release_that_is_missing(tmp_path):
    write_chain(tmp_path, "1.0", "1.1", "1.2")
    shutil.rmtree(tmp_path / "1.1")
    path = tmp_path / "1.2" / "manifest.json"
    assert chain_faults(read_releases(tmp_path)) == (f"{path}: the release before it, 1.1, is missing",)
    with pytest.raises(ReleaseError, match=r"the release before it, 1\.1, is missing$"):
        list_releases(tmp_path)


def test_two_successors_or_two_firsts_are_no_chain(tmp_path):
    write_chain(tmp_path, "1.0", "1.1")
    first = read_release(tmp_path / "1.0")
    write_release(tmp_path, manifest_of("1.2", {"version": "1.0", "sha256": first.manifest_sha256}))
    write_release(tmp_path, manifest_of("1.3"))
    assert chain_faults(read_releases(tmp_path)) == (
        f"{tmp_path / '1.2' / 'manifest.json'}: both 1.1 and 1.2 follow 1.0; releases are one chain",
        f"{tmp_path / '1.3' / 'manifest.json'}: both 1.0 and 1.3 are the first release; releases are one "
        "chain",
    )
    with pytest.raises(ReleaseError) as raised:
        list_releases(tmp_path)
    assert str(raised.value) == "; ".join(chain_faults(read_releases(tmp_path)))


def test_a_release_cannot_follow_itself_or_a_higher_version(tmp_path):
    write_release(tmp_path, manifest_of("1.0", {"version": "1.1", "sha256": "a" * 64}))
    write_release(tmp_path, manifest_of("1.1", {"version": "1.1", "sha256": "b" * 64}))
    faults = chain_faults(read_releases(tmp_path))
    assert f"{tmp_path / '1.0' / 'manifest.json'}: the release before it, 1.1, is no lower version" in faults
    assert len(faults) == 3


def test_a_manifest_changed_after_its_successor_was_made_is_named(tmp_path):
    write_chain(tmp_path, "1.0", "1.1")
    path = tmp_path / "1.0" / "manifest.json"
    path.write_text(path.read_text().replace("version 1.0", "another note"))
    with pytest.raises(ReleaseError) as raised:
        list_releases(tmp_path)
    assert str(raised.value) == (
        f"{path}: its SHA-256 is not the one that 1.1 recorded, so it was changed after it was released"
    )
    # the newest has no successor: only what is printed of it can tell
    newest = tmp_path / "1.1" / "manifest.json"
    newest.write_text(newest.read_text().replace("version 1.1", "another note"))
    assert len(chain_faults(read_releases(tmp_path))) == 1


def test_a_snapshot_is_the_released_review_and_its_results(tmp_path):
    write_chain(tmp_path, "1.0")
    snapshot = read_snapshot(tmp_path / "1.0")
    assert (snapshot.name, snapshot.note) == ("1.0", "version 1.0")
    assert snapshot.results == {"format": "trs-meta-results@1"}
    assert snapshot.document["analyses"][0] == {
        "id": "share",
        "title": "A share",
        "question": "What share?",
        "sheet": "cohorts",
        "label": "study_id",
        "measure": "PLO",
        "columns": {"events": "events", "n": "n"},
        "profile": "house@1",
    }
    assert snapshot.review.sheets["cohorts"].column("events") == (3, 2)
    review = read_review(tmp_path / "1.0" / "review")
    assert snapshot_of("1.0", "version 1.0", review, snapshot.results) == snapshot


@pytest.mark.parametrize("name", FILES)
def test_a_snapshot_is_not_read_from_files_that_were_changed_or_lost(tmp_path, name):
    write_chain(tmp_path, "1.0")
    path = tmp_path / "1.0" / name
    path.write_text(path.read_text() + "\n")
    with pytest.raises(ReleaseError) as raised:
        read_snapshot(tmp_path / "1.0")
    assert str(raised.value) == (
        f"{path}: this is not the file that was released (its SHA-256 is not the manifest's); "
        f"'meta verify {tmp_path / '1.0'}' says what differs"
    )
    assert read_snapshot(tmp_path / "1.0", check_hashes=False).name == "1.0"
    path.unlink()
    with pytest.raises(ReleaseError) as raised:
        read_snapshot(tmp_path / "1.0", check_hashes=False)
    assert str(raised.value) == f"{path}: this file of the release is missing"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("review/cohorts.csv", "study_id,events,n\nA,41,40\n", "/review/review.toml: the released review"),
        ("results.json", "{", "/results.json: this is no JSON (Expecting property name"),
        ("results.json", "[]", "/results.json: these are no results"),
    ],
)
def test_a_release_whose_content_cannot_be_used_says_which(tmp_path, name, content, message):
    write_chain(tmp_path, "1.0")
    (tmp_path / "1.0" / name).write_text(content)
    with pytest.raises(ReleaseError) as raised:
        read_snapshot(tmp_path / "1.0", check_hashes=False)
    assert str(raised.value).startswith(f"{tmp_path / '1.0'}{message}")


def test_releases_lie_beside_the_protocol_and_in_this_folder_for_the_shipped_review(tmp_path, monkeypatch):
    (tmp_path / "review.toml").write_text(PROTOCOL)
    monkeypatch.chdir(tmp_path)
    assert releases_folder(tmp_path) == tmp_path / "releases"
    assert releases_folder(tmp_path / "review.toml") == tmp_path / "releases"
    assert os.fspath(releases_folder("review.toml")) == os.fspath(releases_folder(None)) == "releases"
    with pytest.raises(ProtocolError, match="no protocol at"):
        releases_folder(tmp_path / "nowhere")


def test_versions_are_ordered_by_number():
    words = ["2026.11.0", "2026.9", "2026.10.1", "23.1.1", "2026.10"]
    assert sorted(words, key=version_key) == ["23.1.1", "2026.9", "2026.10", "2026.10.1", "2026.11.0"]
    assert version_key("2026.9") == version_key("2026.09.0") == (2026, 9, 0, 0)
    with pytest.raises(OptionError, match=r"^'2026' is no version; a version is two to four numbers joined"):
        version_key("2026")
