"""The shipped evidence: unchanged files, a clean check, a README that stands alone."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest

from extraction.files import sha256
from extraction.overlap import choose_rows
from extraction.sheet import check_sheet, read_sheet

EVIDENCE = Path(str(files("extraction"))) / "evidence"

#: The files as they were handed to the project; whoever changes one changes the review, and says so here.
HASHES = {
    "clozapine_controlled.csv": "e46ba282a2290ce8e6306bca9db935eadc69f75d2cd5787f4878d07a1ceddedf",
    "clozapine_response.csv": "f4d392bbaaca85b6f27061af9511f209071af8598d437187b7684e6aa7fd6021",
    "clz_targets.csv": "6f1af47ff1f8fa52284979532be17ef18865dc6dd956d4b89ef9c0b06ea4d87a",
    "td_improvement.csv": "e9d52ccc1c560959d3c7f79cc4a4f08b5c208a3416d6f921bfa83c637f631b10",
    "td_incidence.csv": "9cc8805bb6da63b33efeee03c4361815ff9d75984e906d0886b09741ece3dd00",
    "td_severity.csv": "cd4f576e98541b401c9b630abf5743009746b6d5c3aefe3d277d3279fb466a56",
    "td_targets.csv": "c4b7d7454ac7c56ce0f8ff44729727325c9a31daa313f2a78acde313e9edbe52",
    "trs_incidence.csv": "f65993d07f912e0c9047b6899c5311b14ba031bd157389d94a61b513094009e5",
    "trs_targets.csv": "4a69fab2885f2442e54734d7475cbf27078c4c6df59e981068c96adbac051506",
}

ROWS = {
    "trs_incidence": 30,
    "clozapine_response": 36,
    "clozapine_controlled": 8,
    "td_improvement": 24,
    "td_incidence": 58,
    "td_severity": 5,
    "trs_targets": 16,
    "clz_targets": 21,
    "td_targets": 69,
}

RULE = ["most_cohorts", "longest_followup", "largest_n"]

TRS_TOTAL = [
    "Agid2011",
    "Chan2021",
    "Demjaha2017",
    "Downs2019",
    "Doyle2017",
    "Lally2016",
    "Lee2024",
    "Mena2018",
    "MorenoSancho2022",
    "Thien2018",
    "Ucok2016",
    "Wimberley2016urb",
]


@pytest.mark.parametrize("name", sorted(HASHES))
def test_the_files_are_unchanged(name: str) -> None:
    assert sha256((EVIDENCE / name).read_bytes()) == HASHES[name]


def test_no_sheet_is_without_a_hash() -> None:
    assert sorted(path.name for path in EVIDENCE.glob("*.csv")) == sorted(HASHES)


@pytest.mark.parametrize(("schema", "rows"), sorted(ROWS.items()))
def test_every_sheet_follows_its_codebook(schema: str, rows: int) -> None:
    sheet, problems = check_sheet(EVIDENCE / f"{schema}.csv", schema)
    assert [str(p) for p in problems if p.severity == "error"] == []
    assert sheet is not None
    assert len(sheet) == rows


def test_trs_total_takes_its_twelve_cohorts() -> None:
    sheet = read_sheet(EVIDENCE / "trs_incidence.csv")
    chosen = choose_rows(sheet.where(onset="total", analysis_set="primary"), RULE)
    assert sorted(map(str, chosen.sheet.column("study_id"))) == TRS_TOTAL
    assert {entry.label: (entry.because_of, entry.rule) for entry in chosen.set_aside} == {
        "Gasse2019": (("Wimberley2016urb",), "longest_followup"),
        "Kravariti2018": (("Demjaha2017",), "largest_n"),
        "Millgate2023": (("Demjaha2017", "Lally2016", "MorenoSancho2022"), "most_cohorts"),
        "Smart2022": (("Demjaha2017", "Lally2016", "MorenoSancho2022", "Ucok2016"), "most_cohorts"),
        "Stokes2020": (("Lee2024",), "largest_n"),
        "Wimberley2017": (("Wimberley2016urb",), "longest_followup"),
    }
    assert chosen.ties == ()
    assert chosen.warnings == ()


def test_stokes_named_takes_the_place_of_lee() -> None:
    sheet = read_sheet(EVIDENCE / "trs_incidence.csv")
    chosen = choose_rows(sheet.where(onset="total", analysis_set="primary"), RULE, named=["Stokes2020"])
    expected = sorted({*TRS_TOTAL, "Stokes2020"} - {"Lee2024"})
    assert sorted(map(str, chosen.sheet.column("study_id"))) == expected


def test_the_links_of_the_evidence_are_symmetric() -> None:
    sheet = read_sheet(EVIDENCE / "trs_incidence.csv")
    links = {
        (row["study_id"], other.strip())
        for row in sheet.rows
        for other in str(row["overlaps_with"] or "").split(";")
        if other.strip()
    }
    assert links
    assert {(b, a) for a, b in links} == links


def test_the_readme_stands_alone() -> None:
    text = (EVIDENCE / "README.md").read_text(encoding="utf-8")
    assert "shared/" not in text
    for name in ROWS:
        assert f"`{name}.csv`" in text
