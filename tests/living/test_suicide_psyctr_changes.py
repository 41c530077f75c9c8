"""Three releases of a living database that nobody here wrote: Metapsy's trials on suicidal thoughts.

The files are those of tests/golden/suicide-psyctr (metapsy-project/data-suicide-psyctr, ODC-By 1.0).
"""

from __future__ import annotations

import csv
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from living_factory import take

from meta.living.archive import Snapshot
from meta.living.changes import compare_snapshots
from meta.living.history import trace_history
from meta.living.shapes import CellChange, Changes, RowChange
from meta.report.changes_text import changes_markdown, describe_comparison

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "suicide-psyctr"
VERSIONS = ("23.0.2", "23.1.0", "23.1.1")

#: By R metafor: rma(yi, sei) over the 102 rows that have both, REML, Wald.
BEFORE, AFTER = (-0.2861, -0.3895, -0.1826), (-0.3044, -0.4048, -0.2040)
DIGITS = 5e-5


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Snapshot]:
    folder = tmp_path_factory.mktemp("psyctr")
    return {name: take(name, write_version(folder / name, name)) for name in VERSIONS}


def write_version(
    folder: Path, version: str, edit: Callable[[list[list[str]]], list[list[str]]] | None = None
) -> Path:
    """Copy one release, its rows edited or as they are."""
    folder.mkdir(parents=True)
    shutil.copy(GOLDEN / "review.toml", folder / "review.toml")
    shutil.copy(GOLDEN / version / "data.csv", folder / "data.csv")
    if edit is not None:
        with (folder / "data.csv").open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.reader(file, delimiter=";"))
        with (folder / "data.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, delimiter=";").writerows(edit(rows))
    return folder


def test_columns_come_and_go_and_88_rows_that_nothing_uses_lose_two_cells(
    versions: dict[str, Snapshot],
) -> None:
    changes = compare_snapshots(versions["23.0.2"], versions["23.1.0"])
    (sheet,) = changes.sheets
    assert sheet.columns_went == (".log_rr", ".log_rr_se")
    assert sheet.columns_came == ("event_arm1", "event_arm2", "totaln_arm1", "totaln_arm2")
    assert len(sheet.rows) == 88
    assert sheet.same == 190 - 88
    assert {row.what for row in sheet.rows} == {"changed"}
    assert {row.matched_by for row in sheet.rows} == {"key"}
    for row in sheet.rows:
        assert [(cell.column, cell.new) for cell in row.cells] == [("n_arm1", ""), ("n_arm2", "")]
        assert all(cell.old for cell in row.cells)
        assert row.analyses == ()
    assert {analysis.what for analysis in changes.analyses} == {"same"}
    lines = [point for part in describe_comparison(changes) for point in part.points]
    assert "88 rows that no analysis uses lost n_arm1 and n_arm2" in lines


def test_two_signs_move_the_pooled_g_and_nothing_else_changed(versions: dict[str, Snapshot]) -> None:
    changes = compare_snapshots(versions["23.1.0"], versions["23.1.1"])
    (sheet,) = changes.sheets
    assert (sheet.columns_came, sheet.columns_went, sheet.same) == ((), (), 188)
    found = {row.key[0]: row.cells for row in sheet.rows}
    assert found == {
        "Ryberg 2019": (CellChange(".g", "0,51455395331658", "-0,51455395331658"),),
        "Springer 1996": (CellChange(".g", "0,500908412682315", "-0,500908412682315"),),
    }
    (analysis,) = (a for a in changes.analyses if a.what == "changed")
    assert analysis.old is not None
    assert analysis.new is not None
    for side, expected in ((analysis.old, BEFORE), (analysis.new, AFTER)):
        assert side.k == 102
        assert (side.value, side.low, side.high) == pytest.approx(expected, abs=DIGITS)
    assert [(row.what, row.cells) for row in analysis.rows] == [("changed", c) for c in found.values()]
    assert [row.label.startswith(study) for row, study in zip(analysis.rows, found, strict=True)] == [
        True
    ] * 2
    assert analysis.choices == ()


def test_history_is_the_three_releases(versions: dict[str, Snapshot]) -> None:
    history = trace_history([versions[name] for name in VERSIONS])
    moved = [points for points in history.values() if points[0].standing.k == 102]
    assert [p.standing.value for p in moved[0]] == pytest.approx([BEFORE[0], BEFORE[0], AFTER[0]], abs=DIGITS)


def renamed(rows: list[list[str]]) -> list[list[str]]:
    """Rename every study and shuffle the rows."""
    place = rows[0].index("study")
    new = [[f"{c} (CTR)" if i == place else c for i, c in enumerate(row)] for row in rows[1:]]
    return [rows[0], *random.Random(4).sample(new, len(new))]


def test_renamed_studies_in_another_order_are_the_same_rows(
    versions: dict[str, Snapshot], tmp_path: Path
) -> None:
    """All 190 keys change at once; content still tells which row is which, and the two flipped signs."""
    new = take("renamed", write_version(tmp_path / "r", "23.1.1", renamed))
    changes = compare_snapshots(versions["23.1.0"], new)
    (sheet,) = changes.sheets
    assert {(row.what, row.matched_by) for row in sheet.rows} == {("changed", "content")}
    assert len(sheet.rows) == 190
    for row in sheet.rows:
        old, new_name = next((c.old, c.new) for c in row.cells if c.column == "study")
        assert new_name == f"{old} (CTR)"
    signs = [row.key[0] for row in sheet.rows if any(c.column == ".g" for c in row.cells)]
    assert sorted(signs) == ["Ryberg 2019 (CTR)", "Springer 1996 (CTR)"]
    (analysis,) = (a for a in changes.analyses if a.what == "changed")
    assert [[c.column for c in row.cells] for row in analysis.rows] == [[".g"], [".g"]]


def test_without_a_key_the_rows_are_found_by_content(versions: dict[str, Snapshot], tmp_path: Path) -> None:
    sides = []
    for name in ("23.0.2", "23.1.1"):
        folder = write_version(tmp_path / name, name, None if name == "23.0.2" else shuffled)
        protocol = (folder / "review.toml").read_text(encoding="utf-8").splitlines(keepends=True)
        (folder / "review.toml").write_text("".join(x for x in protocol if not x.startswith("key")), "utf-8")
        sides.append(take(name, folder))
    keyless, keyed = compare_snapshots(*sides), compare_snapshots(versions["23.0.2"], versions["23.1.1"])
    assert cells_by_row(keyless) == cells_by_row(keyed)


def shuffled(rows: list[list[str]]) -> list[list[str]]:
    return [rows[0], *random.Random(5).sample(rows[1:], len(rows) - 1)]


def cells_by_row(changes: Changes) -> list[tuple[str, tuple[CellChange, ...]]]:
    rows: tuple[RowChange, ...] = changes.sheets[0].rows
    return sorted(((row.label, row.cells) for row in rows), key=repr)


def test_what_a_reader_sees(versions: dict[str, Snapshot]) -> None:
    text = changes_markdown(compare_snapshots(versions["23.1.0"], versions["23.1.1"]))
    assert "2 rows changed." in text
    assert "−0.29 \\[−0.39, −0.18\\]" in text
    assert "−0.30 \\[−0.40, −0.20\\]" in text
    assert ".g 0,51455395331658 → -0,51455395331658" in text
