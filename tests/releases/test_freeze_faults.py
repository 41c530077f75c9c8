"""Full disks, read-only places and git: one clear line, nothing lost, and no byte changed."""

import errno
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner
from small_review import is_whole, tree, write_review

from extraction import files
from extraction.errors import OutputError
from meta.cli import main
from meta.releases import freeze
from meta.releases.freeze import freeze_release

FAULTS = {
    errno.ENOSPC: "No space left on device",
    errno.EROFS: "Read-only file system",
    errno.EDQUOT: "Disk quota exceeded",
    errno.EIO: "Input/output error",
}


@pytest.fixture
def review(tmp_path):
    """A review with one release."""
    write_review(tmp_path)
    freeze_release(tmp_path, version="1.0", note="the first")
    return tmp_path


def fail_at(monkeypatch, owner, name, number, code):
    """Let the n-th call of a function fail as the system would; return how often it was called."""
    whole = getattr(owner, name)
    calls = []

    def call(*args, **options):
        calls.append(args)
        if len(calls) == number:
            raise OSError(code, os.strerror(code))
        return whole(*args, **options)

    monkeypatch.setattr(owner, name, call)
    return calls


@pytest.mark.parametrize("code", FAULTS, ids=errno.errorcode.get)
@pytest.mark.parametrize(
    ("owner", "name", "number"),
    [
        (os, "fsync", 1),
        (os, "fsync", 7),
        (freeze, "write_new", 1),
        (freeze, "write_new", 5),
        (freeze, "write_new", 11),
        (freeze, "fsync_folder", 1),
        (Path, "mkdir", 1),
        (Path, "mkdir", 3),
        (Path, "rename", 1),
        (os, "open", 1),
    ],
    ids=lambda value: value if isinstance(value, str | int) else "",
)
def test_a_fault_of_the_disk_is_one_line_and_nothing_is_lost(review, monkeypatch, owner, name, number, code):
    releases = review / "releases"
    before = tree(releases)
    with monkeypatch.context() as patched:
        calls = fail_at(patched, owner, name, number, code)
        with pytest.raises(OutputError) as raised:
            freeze_release(review, version="1.1", note="the next")
        assert len(calls) >= number
    assert str(raised.value) == (
        f"cannot write release 1.1 in {releases}: {FAULTS[code]}; nothing was released, and the releases "
        "before it are as they were"
    )
    assert tree(releases) == before
    assert {path.name for path in releases.iterdir()} == {".gitattributes", "1.0"}
    assert is_whole(freeze_release(review, version="1.1", note="the next", patience=0).folder)


def test_a_disk_that_fills_in_the_middle_of_a_file_leaves_no_half_of_it(review, monkeypatch):
    before = tree(review / "releases")

    def write_half(path, data):
        if path.name == "report.html":
            path.write_bytes(data[: len(data) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        files.write_new(path, data)

    monkeypatch.setattr(freeze, "write_new", write_half)
    with pytest.raises(OutputError, match="No space left on device"):
        freeze_release(review, version="1.1", note="the next")
    assert tree(review / "releases") == before


def test_a_disk_that_fails_after_the_rename_leaves_a_whole_release_and_says_so(review, monkeypatch):
    folder = review / "releases"

    def fail_on_releases(path):
        if path == folder:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        files.fsync_folder(path)

    monkeypatch.setattr(freeze, "fsync_folder", fail_on_releases)
    with pytest.raises(OutputError) as raised:
        freeze_release(review, version="1.1", note="the next")
    assert str(raised.value) == (
        f"release 1.1 stands in {folder}, but the system did not confirm that it is on the disk: "
        f"Input/output error; 'meta verify {folder / '1.1'}' says whether it is whole"
    )
    assert is_whole(folder / "1.1")


def test_the_shell_says_a_read_only_place_in_one_line(review, monkeypatch):
    fail_at(monkeypatch, os, "open", 1, errno.EROFS)
    done = CliRunner().invoke(main, ["release", str(review), "--version", "1.1", "--note", "the next"])
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == (
        f"Error: cannot write release 1.1 in {review / 'releases'}: Read-only file system; nothing was "
        "released, and the releases before it are as they were\n"
    )


def test_a_file_in_the_place_of_the_folder_is_named(tmp_path):
    write_review(tmp_path)
    (tmp_path / "releases").write_text("precious")
    with pytest.raises(OutputError, match=f"^cannot write release 1.0 in {tmp_path}/releases: File exists; "):
        freeze_release(tmp_path, version="1.0", note="the first")
    assert (tmp_path / "releases").read_text() == "precious"


def git(*words, folder):
    """Run git as on a machine that turns line ends, and without the settings of this one."""
    subprocess.run(
        ["git", "-c", "core.autocrlf=true", "-c", "user.name=a", "-c", "user.email=a@b.c", *map(str, words)],
        cwd=folder,
        check=True,
        capture_output=True,
        env={**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"},
    )


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
@pytest.mark.parametrize("is_told", [True, False], ids=["with attributes", "without"])
def test_git_gives_the_bytes_of_a_release_back(review, tmp_path_factory, is_told):
    if not is_told:
        (review / "releases" / ".gitattributes").unlink()
    before = tree(review / "releases")
    git("init", folder=review)
    git("add", "-A", folder=review)
    git("commit", "-m", "a release", folder=review)
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "clone"
    git("clone", review, elsewhere, folder=review)
    # the second case shows that git would touch the bytes, and so that the first can fail
    assert (tree(elsewhere / "releases") == before) == is_told
    assert is_whole(elsewhere / "releases" / "1.0") == is_told
