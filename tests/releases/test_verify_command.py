"""``meta verify`` in the shell: what it prints, its exit codes, and no traceback whatever is broken."""

import json
import os
import shutil

import pytest
from click.testing import CliRunner
from tampering import CSV, FOREST, TOML, set_cell

from meta.cli import main


def call(*words):
    done = CliRunner().invoke(main, ["verify", *map(str, words)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert "Traceback" not in done.output
    return done


def test_a_whole_release_is_verified_with_second_opinions(release, tmp_path, monkeypatch):
    (tmp_path / "releases").mkdir()
    shutil.move(release, tmp_path / "releases" / "2026.1")
    monkeypatch.chdir(tmp_path)
    done = call("2026.1")
    assert (done.exit_code, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "Release                  releases/2026.1 (version 2026.1)"
    assert lines[1].startswith("SHA-256 of the manifest  ")
    assert len(lines[1].split()[-1]) == 64
    assert "files are as the manifest says" in lines[2]
    assert lines[3] == "Releases before it       this is the first release"
    assert lines[4].endswith(" compared; all equal to the last bit")
    assert "Largest difference by analysis and engine" in lines
    assert "PyMARE" in done.stdout
    assert lines[-1] == "Verified: every file is as released, and the frozen inputs give every number again."


def test_failures_are_a_line_each_and_the_verdict_is_last(release):
    set_cell(release / CSV, 3, "n", "26")
    (release / FOREST).unlink()
    (release / "a\nb\x1b[31m").write_text("x", encoding="utf-8")
    done = call(release, "--no-crosscheck")
    assert done.exit_code == 1
    before, _, after = done.stdout.partition("\n3 failures:\n")
    assert " of them differ; the others are equal to the last bit\n" in before
    lines = after.splitlines()
    assert lines[0] == f"  {FOREST}: the file is missing"
    assert lines[1] == "  a\\nb\\x1b[31m: the manifest does not know this file"
    assert lines[2].startswith(f"  {CSV} line 3, n: '25' at the release, '26' now ")
    assert lines[3:] == ["", "Not verified: 3 failures."]
    assert "PyMARE" not in done.stdout


def test_json_holds_everything_and_the_exit_code_is_the_same(release):
    set_cell(release / CSV, 3, "n", "26")
    done = call(release, "--no-crosscheck", "--json")
    assert done.exit_code == 1
    found = json.loads(done.stdout)
    assert (found["format"], found["verified"]) == ("trs-meta-verification@1", False)
    assert [failure["kind"] for failure in found["failures"]] == ["cell"]
    assert found["files_unchanged"] == found["files"] - 1


def test_what_is_no_release_is_wrong_usage(tmp_path, release):
    for words in ([tmp_path / "2026.9"], [tmp_path], [release / "manifest.json"], []):
        done = call(*words)
        assert done.exit_code == 2
        assert "Usage: " in done.stderr
        assert done.stdout == ""


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("manifest.json", "folder"),
        ("results.json", "folder"),
        (CSV, b"[[{\n"),
        (CSV, "folder"),
        (TOML, b"\x00\x01\xff junk"),
        (TOML, b"[[{\n"),
        ("profiles/house@1.toml", b"\x00\x01\xff junk"),
        (FOREST, b""),
    ],
)
def test_whatever_is_broken_is_told_in_words(release, name, content):
    path = release / name
    path.unlink()
    if content == "folder":
        path.mkdir()
    else:
        path.write_bytes(content)
    done = call(release, "--no-crosscheck")
    assert done.exit_code == 1
    assert name in done.stdout
    assert done.stdout.splitlines()[-1].startswith("Not verified: ")


def test_a_release_of_which_everything_is_gone_but_its_manifest_is_told_file_by_file(release):
    for path in sorted(release.iterdir()):
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != "manifest.json":
            os.remove(path)
    done = call(release, "--no-crosscheck")
    files = json.loads((release / "manifest.json").read_text(encoding="utf-8"))["files"]
    assert done.stdout.count(": the file is missing\n") == len(files)
    assert "Numbers                  none could be compared" in done.stdout
