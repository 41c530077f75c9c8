"""The life of a living review in four releases, played through on the shipped evidence.

    python docs/living_history.py history

makes the folder ``history`` with a copy of the shipped review and four releases of it: the first-episode
cohorts published by 2017; then all cohorts; then one corrected cell; then another method profile. The
releases before the last hold, for this story only, an older method for the first analysis, and the second a
slip of the pen (two digits of Chan2021 swapped) that the third mends; the fourth is the shipped review as it
is. After each release it prints what ``meta diff`` says, and in the end it verifies the last.
"""

from __future__ import annotations

import csv
import shutil
import sys
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

from meta.cli import main

LAST_YEAR = 2017

#: The profile line of the first analysis until the fourth release, and the shipped one.
OLD_PROFILE, NEW_PROFILE = 'profile = "cochrane2025@1"', 'profile = "proportions-glmm@1"'

#: The slip: file, study, onset, column, wrong, right.
SHEET, STUDY, ONSET, COLUMN, WRONG, RIGHT = "trs_incidence.csv", "Chan2021", "total", "events", "175", "157"


def rewrite(path: Path, change: Callable[[dict[str, str]], dict[str, str] | None]) -> None:
    """Apply ``change`` to every row of a sheet; None drops the row."""
    with path.open(encoding="utf-8", newline="") as stream:
        reader = csv.DictReader(stream)
        rows = [changed for row in reader if (changed := change(row)) is not None]
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, reader.fieldnames or [], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def by_2017(row: dict[str, str]) -> dict[str, str] | None:
    """Keep the cohorts published by then."""
    return row if row["year"] and int(row["year"]) <= LAST_YEAR else None


def with_slip(row: dict[str, str]) -> dict[str, str]:
    """Swap two digits in one cell."""
    hit = row["study_id"] == STUDY and row["onset"] == ONSET and row[COLUMN] == RIGHT
    return {**row, COLUMN: WRONG} if hit else row


def without_later_rows(protocol: str) -> str:
    """Leave out the analysis that names a study of 2020, which the first release cannot know."""
    parts = protocol.split("[[analyses]]")
    return "[[analyses]]".join(part for part in parts if 'id = "trs_total_stokes"' not in part)


def meta(*words: str | Path) -> None:
    """Run a command of ``meta`` as the shell would, and show it."""
    print("$ meta", *words, flush=True)  # noqa: T201  (a script that tells)
    try:
        main.main([str(word) for word in words], prog_name="meta", standalone_mode=False)
    except SystemExit as left:
        if left.code:
            raise


def play(folder: Path) -> None:
    """Make the review and its four releases in ``folder``, and print what changed from each to the next."""
    shipped = Path(str(files("extraction"))) / "evidence"
    review = folder / "review"
    shutil.copytree(shipped, review, ignore=shutil.ignore_patterns("__pycache__", "*.py"))
    releases = review / "releases"
    sheet, protocol = review / SHEET, review / "review.toml"
    shipped_text = protocol.read_text(encoding="utf-8")
    before = shipped_text.replace(NEW_PROFILE, OLD_PROFILE, 1)

    protocol.write_text(without_later_rows(before), encoding="utf-8")
    rewrite(sheet, by_2017)
    meta("release", review, "--version", "2026.8.0", "--note", "First-episode cohorts published by 2017")

    protocol.write_text(before, encoding="utf-8")
    shutil.copyfile(shipped / SHEET, sheet)
    rewrite(sheet, with_slip)
    meta("release", review, "--version", "2026.9.0", "--note", "Cohorts published since 2017")
    meta("diff", releases / "2026.8.0", releases / "2026.9.0")

    shutil.copyfile(shipped / SHEET, sheet)
    meta("release", review, "--version", "2026.10.0", "--note", "Chan2021: 157 cases, not 175")
    meta("diff", releases / "2026.9.0", releases / "2026.10.0")

    protocol.write_text(shipped_text, encoding="utf-8")
    meta("release", review, "--version", "2026.11.0", "--note", "Resistance on its counts, by a GLMM")
    meta("diff", releases / "2026.10.0", releases / "2026.11.0")
    meta("verify", releases / "2026.11.0")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python docs/living_history.py FOLDER")
    target = Path(sys.argv[1])
    if target.exists():
        sys.exit(f"{target} exists already")
    play(target)
