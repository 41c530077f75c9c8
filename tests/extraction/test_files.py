"""Writing whole or not at all, names for files, and text that a terminal shows and does not obey."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from extraction.errors import LONGEST, OutputError, Problem
from extraction.files import check_folder, sha256, write_atomic
from extraction.names import safe_name, visible


def test_a_file_is_written_with_the_folders_above_it(tmp_path: Path) -> None:
    place = tmp_path / "a" / "b" / "c.txt"
    write_atomic(place, "ä\n")
    assert place.read_bytes() == "ä\n".encode()
    write_atomic(place, b"second")
    assert place.read_bytes() == b"second"
    assert [path.name for path in place.parent.iterdir()] == ["c.txt"]


def test_others_may_read_what_the_umask_allows(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_atomic(tmp_path / "f", "x")
    finally:
        os.umask(before)
    assert (tmp_path / "f").stat().st_mode & 0o777 == 0o640


def test_what_cannot_be_written_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    for place in (tmp_path / "file" / "x", tmp_path / ("x" * 300), tmp_path):
        with pytest.raises(OutputError, match="cannot write"):
            write_atomic(place, "x")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text(encoding="utf-8") == "mine"


def test_a_folder_is_checked_without_writing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    check_folder(tmp_path)
    check_folder(tmp_path / "new" / "deeper")
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(OutputError, match="file is a file"):
            check_folder(place)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_folder_without_permission_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # root may write everywhere, so the system's answer is put in its place
    monkeypatch.setattr(os, "access", lambda _place, _mode: False)
    with pytest.raises(OutputError, match="no permission to write in"):
        check_folder(tmp_path / "new")


def test_the_hash_is_of_the_bytes() -> None:
    assert sha256("abc") == sha256(b"abc")
    # FIPS 180-2, appendix B.1
    assert sha256("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, \u00e4, \u7cbe\u795e, \U0001f600", "plain, \u00e4, \u7cbe\u795e, \U0001f600"),
        ("\u05d0\u05d1\u200f", "\u05d0\u05d1\u200f"),  # Hebrew, and the mark it needs
        ("a\x1b[31mb", "a\\x1b[31mb"),
        ("a\rb\tc\x7f\x9b", "a\\rb\\tc\\x7f\\x9b"),
        ("evil\u202egnp.exe", "evil\\u202egnp.exe"),
        ("half\udcff", "half\\udcff"),
        ("two\nlines", "two\nlines"),
    ],
)
def test_what_a_terminal_would_obey_is_shown(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_a_problem_is_one_line_of_bounded_length() -> None:
    text = str(Problem("f\n.csv", 3, "a\nb\x1b", None, "rule", "x" * 5000, "do this"))
    assert text.startswith("f\\n.csv line 3, a\\nb\\x1b: xxx")
    assert text.endswith("xxx… [rule]; do this")
    assert len(text) < LONGEST + 100


def test_a_name_for_a_file_has_plain_letters_only() -> None:
    assert safe_name("by größe/../x") == "by_gr__e____x"
