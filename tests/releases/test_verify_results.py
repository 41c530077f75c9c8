"""Verifying a release whose results, files or manifest were changed, are broken, or are not there."""

import json
import os
from dataclasses import replace

import pytest
from tampering import (
    CHANGED,
    CSV,
    FOREST,
    TOML,
    flip_byte,
    hash_again,
    only,
    read_results,
    replace_text,
    set_cell,
    set_stored,
    told,
    write_results,
)

from meta.crosscheck import statsmodels_engine
from meta.errors import ReleaseError
from meta.releases.verify import verify_release


def test_whatever_was_changed_in_the_results_is_named_by_its_address(release):
    changes = {
        "analyses.share.spec.ci_method": (lambda _: "Wald", "'Wald' stored, 'HKSJ' recomputed"),
        "analyses.share.cells.rows.0.cells.n": (lambda _: "41", "'41' stored, '40' recomputed"),
        "analyses.share.fit.status": (lambda _: "perfect", "'perfect' stored, '"),
        "analyses.share.fit.estimate.low": (lambda _: None, "none stored, -"),
        "analyses.share.fit.estimate.high": (lambda _: "Inf", "'Inf' stored, -"),
        "analyses.share.fit.estimate.p": (lambda p: p * (1 + 1e-8), "(relative difference 1e-08)"),
        "analyses.share.fit.studies": (lambda studies: studies[1:], "3 items stored, 4 recomputed"),
        "analyses.late.unit": (lambda _: 100, "100 stored, a table recomputed"),
        "review.title": (lambda _: "None", "'None' stored, 'Five cohorts' recomputed"),
        "problems": (lambda _: [1], "1 items stored, 0 recomputed"),
    }
    for address, (change, _words) in changes.items():
        set_stored(release, address, change)
    found = told(release)
    assert len(found) == len(changes)
    for address, (_change, words) in changes.items():
        (text,) = [text for text in found if text.startswith(f"{address}: ")]
        assert words in text
        assert text.endswith("; results.json was changed since the release")


def test_a_number_within_a_billionth_is_the_same_and_the_file_is_another(release):
    set_stored(release, "analyses.share.fit.estimate.value", lambda value: value * (1 + 5e-10))
    found = verify_release(release, crosscheck=False)
    assert (found.exact, found.differing) == (found.numbers - 1, 0)
    assert found.largest == pytest.approx(5e-10, rel=1e-3)
    assert found.largest_at == "analyses.share.fit.estimate.value"
    (failure,) = found.failures
    assert failure.where == "results.json"
    assert failure.message.endswith("number and text in it is as recomputed: it was changed in its form")


def test_numbers_written_in_another_form_are_the_same_numbers(release):
    path = release / "results.json"
    text = json.dumps(read_results(release), ensure_ascii=False)
    path.write_text(text.replace('"level": 0.95', '"level": 95e-2'), encoding="utf-8")
    assert path.read_text(encoding="utf-8").count("95e-2") > 4
    assert only(release).endswith("every number and text in it is as recomputed: it was changed in its form")


def test_a_stored_number_is_told_from_those_that_follow_from_a_cell_of_its_analysis(release):
    set_cell(release / CSV, 3, "n", "26")
    set_stored(release, "analyses.share.fit.estimate.value", lambda value: value + 0.25)
    cell, number = told(release)
    assert cell.startswith(f"{CSV} line 3, n: ")
    assert number.startswith("analyses.share.fit.estimate.value: ")
    assert number.endswith(
        ", with what was changed in the inputs put back; results.json was changed since the release"
    )


def test_what_cannot_be_told_apart_is_said_not_to_be(release):
    replace_text(release / TOML, 'equals = "main"', 'in = ["main", "other"]')
    set_stored(release, "analyses.share.fit.estimate.value", lambda value: value + 0.25)
    option, results = told(release)
    assert option.startswith("analyses.share.filters.1.text: ")
    words = "; what else may have been changed there cannot be told apart until this is mended"
    assert option.endswith(words)
    assert results.startswith("results.json: changed since the release: its SHA-256 is ")
    assert results.endswith("what was changed in it cannot be told apart from what follows in share")


def test_a_crowd_of_differences_is_one_failure_with_the_worst_of_them(release):
    results = read_results(release)
    for study in results["analyses"]["late"]["fit"]["studies"]:
        for name in ("value", "low", "high", "y", "v"):
            study[name] *= 1.5
    results["analyses"]["late"]["fit"]["loglik"] += 40
    write_results(release, results)
    words = only(release)
    assert words.startswith("results.json: 26 places of late differ, analyses.late.fit.loglik most: ")


def test_files_that_are_missing_unknown_or_no_files_are_named(release):
    (release / "analyses/share/notes.txt").write_text("x", encoding="utf-8")
    (release / FOREST).unlink()
    (release / "report.md").unlink()
    (release / "report.md").mkdir()
    (release / "analyses/share/effects.csv").unlink()
    (release / "analyses/share/effects.csv").symlink_to(release / "results.json")
    (release / "analyses/late/effects.csv").unlink()
    os.mkfifo(release / "analyses/late/effects.csv")
    assert told(release) == [
        "analyses/late/effects.csv: something that is no file stands in its place",
        "analyses/share/effects.csv: a link stands in its place, and what it leads to is no part of the "
        "release",
        f"{FOREST}: the file is missing",
        "report.md: a folder stands in its place",
        "analyses/share/notes.txt: the manifest does not know this file",
    ]


def test_a_missing_file_is_one_failure_whatever_hangs_on_it(release):
    (release / CSV).unlink()
    assert only(release) == f"{CSV}: the file is missing"
    names = sorted([CSV, TOML, "results.json", FOREST, "profiles/house@1.toml"])
    for name in names:
        (release / name).unlink(missing_ok=True)
    assert told(release) == [f"{name}: the file is missing" for name in names]


def test_reports_and_tables_are_held_byte_by_byte(release):
    at = flip_byte(release / "report.md", b"# Five")
    flip_byte(release / "analyses/late/effects.csv", b"First1999,")
    table, report = told(release)
    assert table.startswith("analyses/late/effects.csv: changed since the release: made again ")
    assert f"and the file differs from byte {at} on (line 1)" in report


def test_new_hashes_hide_a_change_from_the_manifest_and_not_from_the_refit(release):
    set_cell(release / CSV, 3, "n", "26")
    flip_byte(release / "analyses/late/forest.svg", b'<path d="M ')
    set_stored(release, "provenance.sheets.0.sha256", lambda _: "0" * 64)
    hash_again(release)
    found = verify_release(release, crosscheck=False)
    assert found.files_unchanged == found.files
    (cell,) = map(str, found.failures)
    assert "and yet the hash of the file is the manifest's: the release does not agree with itself" in cell


def test_a_figure_under_a_new_hash_is_found_by_drawing_it_again(release):
    at = flip_byte(release / FOREST, b'<path d="M ')
    hash_again(release)
    words = only(release)
    assert words.startswith(f"{FOREST}: made again from the frozen inputs the file differs from byte {at} ")
    assert words.endswith(", and yet every number is as stored")


def test_other_versions_of_the_software_are_told_and_are_no_failure(release):
    set_stored(release, "provenance.packages.matplotlib", lambda _: "3.0.0")
    set_stored(release, "provenance.engine", lambda _: "0.0.9")
    results = read_results(release)
    del results["analyses"]["share"]["covariates"]
    write_results(release, results)
    flip_byte(release / FOREST, b'<path d="M ')

    packages = read_results(release)["provenance"]["packages"]
    hash_again(release, packages=packages, engine="0.0.9")
    found = verify_release(release, crosscheck=False)
    assert found.failures == ()
    assert found.information[0].startswith("engine: released with 0.0.9, verified with ")
    assert found.information[1].startswith("packages.matplotlib: released with 3.0.0, verified with ")
    assert found.information[2] == "this engine also reports 1 part that the release does not hold"
    assert found.information[3].startswith("other versions write other bytes: ")


# Broken releases --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\xff\x00garbage", "manifest.json: this is no JSON ("),
        (b'{"format": "trs-meta-release@1", "files": {"../x": 3}}', "manifest.json: it does not say version"),
        (None, "manifest.json: the file is missing; no hash can be checked"),
    ],
)
def test_a_broken_manifest_is_one_failure_and_the_rest_is_computed_again(release, content, words):
    if content is None:
        (release / "manifest.json").unlink()
    else:
        (release / "manifest.json").write_bytes(content)
    found = verify_release(release, crosscheck=False)
    (failure,) = map(str, found.failures)
    assert failure.startswith(words)
    assert found.numbers == found.exact > 200
    assert (found.version, found.files, found.chain) == (None, 0, ())


def test_a_manifest_that_names_paths_outside_reads_none_of_them(release, tmp_path):
    (tmp_path / "secret").write_text("secret", encoding="utf-8")
    manifest = json.loads((release / "manifest.json").read_text(encoding="utf-8"))
    hash_again(release, files={**manifest["files"], "../secret": "0" * 64})
    assert only(release) == "manifest.json: '../secret' is no file of the release"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"[" * 100_000 + b"]" * 100_000, "results.json: this is no JSON (nested too deeply), so no number"),
        (b"[1, 2]", "results.json: these are no results: there is no analysis in it"),
    ],
)
def test_broken_results_are_one_failure(release, content, words):
    (release / "results.json").write_bytes(content)
    found = verify_release(release, crosscheck=False)
    (failure,) = map(str, found.failures)
    assert failure.startswith(words)
    assert failure.endswith(CHANGED)
    assert found.numbers == 0


def test_results_of_another_shape_are_told_in_words(release):
    odd = {"cells": 3, "spec": [1], "fit": {"k": "x"}, "targets": {"a": 1}, "figures": 5, "sheet": "cohorts"}
    analyses = {"share": odd, "late": 7}
    write_results(release, {"analyses": analyses, "provenance": [], "review": 3, "history": [1]})
    found = told(release)
    assert any(words.startswith("analyses.late: 7 stored, a table recomputed") for words in found)
    assert any(words.startswith("provenance: [] stored, a table recomputed") for words in found)


def test_a_folder_that_is_no_release_is_said_to_be_none(tmp_path):
    with pytest.raises(ReleaseError, match="there is no such folder"):
        verify_release(tmp_path / "2026.9")
    (tmp_path / "notes.txt").write_text("x", encoding="utf-8")
    with pytest.raises(ReleaseError, match=r"there is no manifest\.json in it"):
        verify_release(tmp_path)


def test_a_difference_from_another_engine_is_a_failure_by_name(release, monkeypatch):
    weigh = statsmodels_engine._weigh
    monkeypatch.setattr(
        statsmodels_engine, "_weigh", lambda *given: tuple(replace(row, se=1.5) for row in weigh(*given))
    )
    found = verify_release(release, r=False)
    assert {failure.kind for failure in found.failures} == {"opinion"}
    assert str(found.failures[0]).startswith("analyses.share, statsmodels, main: DL, Wald: standard error: ")
    # alternatives are asked about as the main fit is
    assert any("statsmodels, alternative: Paule and Mandel: " in str(failure) for failure in found.failures)
    assert " here, 1.5 by statsmodels, relative difference " in str(found.failures[0])


def test_versions_that_manifest_and_results_name_differently_are_a_failure(release):
    replace_text(release / "manifest.json", '"engine": "', '"engine": "9.')
    (words,) = told(release)
    assert words.startswith("manifest.json, engine: '9.")
    assert words.endswith("' in results.json")


def test_a_folder_of_another_name_is_told_and_is_no_failure(release):
    found = verify_release(release.rename(release.with_name("a copy")), crosscheck=False)
    assert found.verified
    assert found.information == ("the folder is called 'a copy', and the manifest is of 2026.1",)


def test_rows_behind_a_record_that_cannot_be_read_are_not_said_to_be_gone(release):
    replace_text(release / CSV, '"Second, A 2004"', '"Second, A 2004')
    (words,) = told(release)
    assert words.startswith(f"{CSV} line 3: the record that begins here cannot be read ")
