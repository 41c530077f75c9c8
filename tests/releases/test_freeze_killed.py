"""A release that is killed, or made twice at once, leaves a whole release or none."""

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
from small_review import is_whole, tree, write_review

from meta.errors import ReleaseError
from meta.living.archive import list_releases
from meta.releases import lock
from meta.releases.freeze import freeze_release
from meta.releases.lock import LOCK_FILE, hold_lock

KILLS = 30


def ignore(_sentence):
    """A waiting release has nobody to tell."""


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="tears files by their handles in /proc")
def test_a_release_killed_at_thirty_operations_is_whole_or_not_there(tmp_path):
    review, work = tmp_path / "review", tmp_path / "work"
    write_review(review)
    work.mkdir()
    program = Path(__file__).with_name("crash_points.py")
    ran = subprocess.run(
        [sys.executable, program, review, work, str(KILLS), "20261101"],
        capture_output=True,
        text=True,
        # one thread of arithmetic, so that a fork copies a process and not half of one
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    assert found["operations"] > KILLS
    assert list(found["ends"].values()) == [77] * KILLS
    before, wanted = tree(work / "base"), tree(work / "counted")
    released = 0
    for point in found["ends"]:
        folder = work / f"killed-{point}"
        assert {name: data for name, data in tree(folder).items() if name in before} == before
        there = [release.manifest.version for release in list_releases(folder)]
        assert there in (["1.0"], ["1.0", "1.1"])
        assert (folder / "1.1").exists() == (len(there) == 2)
        released += len(there) == 2
        # the dead held the lock, and left a folder: neither is in the way of the next
        coming = {1: ("1.1", "the next"), 2: ("1.2", "after")}[len(there)]
        freeze_release(review, version=coming[0], note=coming[1], releases=folder, patience=0)
        assert {name: data for name, data in tree(folder).items() if not name.startswith("1.2/")} == wanted
        assert {path.name for path in folder.iterdir()} == {".gitattributes", *there, coming[0]}
    # the schedule reaches past the rename, and not only there
    assert 0 < released < KILLS


def test_what_others_left_beside_the_releases_stays(tmp_path):
    write_review(tmp_path)
    folder = tmp_path / "releases"
    for name in (".git", ".1.0.backup", ".1.0.0123456789abcdef", "notes", ".1.0.0123456789abcdef.part"):
        (folder / name).mkdir(parents=True)
        (folder / name / "file").write_text("kept")
    freeze_release(tmp_path, version="1.0", note="the first")
    left = {path.name for path in folder.iterdir()}
    assert left == {".gitattributes", "1.0", ".git", ".1.0.backup", ".1.0.0123456789abcdef", "notes"}


def test_a_link_in_the_place_of_a_leftover_is_not_followed(tmp_path):
    write_review(tmp_path)
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("kept")
    (tmp_path / "releases").mkdir()
    (tmp_path / "releases" / ".1.0.0123456789abcdef.part").symlink_to(precious)
    freeze_release(tmp_path, version="1.0", note="the first")
    assert (precious / "file").read_text() == "kept"


def test_a_second_release_gives_up_in_words_while_the_first_is_made(tmp_path):
    write_review(tmp_path)
    folder = tmp_path / "releases"
    folder.mkdir()
    with hold_lock(folder, patience=0, tell=ignore), pytest.raises(ReleaseError) as raised:
        freeze_release(tmp_path, version="1.0", note="the second", patience=0)
    assert str(raised.value) == (
        f"another release is being made in {folder}; nothing was released, try again when it is done"
    )
    assert list(folder.iterdir()) == []
    assert is_whole(freeze_release(tmp_path, version="1.0", note="the second", patience=0).folder)


def test_a_second_release_says_that_it_waits_and_goes_on_when_the_first_is_done(tmp_path):
    write_review(tmp_path)
    folder = tmp_path / "releases"
    folder.mkdir()
    told = []
    with ExitStack() as first:
        first.enter_context(hold_lock(folder, patience=0, tell=ignore))

        def hear(sentence):
            told.append(sentence)
            first.close()

        made = freeze_release(tmp_path, version="1.0", note="the second", tell=hear, patience=50)
    assert told == [f"another release is being made in {folder}; waiting for it, at most 50 seconds"]
    assert is_whole(made.folder)


def test_a_lock_on_a_file_that_its_holder_has_just_removed_is_no_lock(tmp_path, monkeypatch):
    take = lock._lock
    taken = []

    def slow(handle):
        if not taken:
            (tmp_path / LOCK_FILE).unlink()
        taken.append(handle)
        take(handle)

    monkeypatch.setattr(lock, "_lock", slow)
    monkeypatch.setattr(lock, "PAUSE", 0)
    with hold_lock(tmp_path, patience=50, tell=ignore):
        monkeypatch.setattr(lock, "_lock", take)
        with pytest.raises(ReleaseError), hold_lock(tmp_path, patience=0, tell=ignore):
            pass
    assert len(taken) == 2
    assert list(tmp_path.iterdir()) == []


def test_two_at_once_make_one_release_and_the_other_is_told(tmp_path):
    write_review(tmp_path)
    command = "import meta.cli; meta.cli.main()"
    words = ["release", str(tmp_path), "--version", "1.0", "--note", "twice"]
    both = [
        subprocess.Popen(
            [sys.executable, "-c", command, *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONHASHSEED": seed, "TZ": zone},
        )
        for seed, zone in (("1", "UTC"), ("2", "Pacific/Kiritimati"))
    ]
    said = [process.communicate() for process in both]
    assert sorted(process.returncode for process in both) == [0, 1]
    (refused,) = [err for process, (_, err) in zip(both, said, strict=True) if process.returncode == 1]
    assert refused.splitlines()[-1] == "Error: release 1.0 exists already; a release is never overwritten"
    here = freeze_release(tmp_path, version="1.0", note="twice", releases=tmp_path / "other")
    assert tree(tmp_path / "releases") == tree(tmp_path / "other")
    assert is_whole(here.folder)
