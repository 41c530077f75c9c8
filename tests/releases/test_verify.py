"""Verifying a release: one that is whole, and cells and choices that were changed, each by its name."""

import json
import shutil
from pathlib import Path

from tampering import (
    CHANGED,
    CSV,
    FOREST,
    SHEET,
    TOML,
    flip_byte,
    only,
    replace_text,
    set_cell,
    set_stored,
    told,
)

from meta.releases.freeze import freeze_release
from meta.releases.verify import verify_release

BACK = "; with this put back, all of it is as stored"


def test_a_release_as_it_was_made_is_verified_and_nothing_is_written(release):
    before = {path: path.stat().st_mtime_ns for path in sorted(release.rglob("*"))}
    steps = []
    found = verify_release(str(release), progress=lambda *step: steps.append(step))
    assert found.verified
    assert (found.failures, found.information) == ((), ())
    assert (found.version, found.chain) == ("2026.1", ("this is the first release",))
    assert found.files == found.files_unchanged > 10
    assert found.numbers == found.exact > 200
    assert (found.differing, found.rounding, found.largest, found.largest_at) == (0, 0, 0.0, "")
    assert {path: path.stat().st_mtime_ns for path in sorted(release.rglob("*"))} == before
    assert [what for what, _done, _total in steps[:2]] == ["A share", "Another share"]
    assert set(found.opinions) == {"share", "late"}
    assert {o["status"] for said in found.opinions.values() for o in said if o["quantities"]} == {"agrees"}
    plain = found.to_dict()
    assert (plain["format"], plain["verified"]) == ("trs-meta-verification@1", True)
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain


# Inputs -----------------------------------------------------------------------------------------------------


def test_a_cell_is_named_by_file_line_and_column_and_what_follows_is_counted(release):
    set_cell(release / CSV, 3, "n", "26")
    words = only(release)
    assert words.startswith(f"{CSV} line 3, n: '25' at the release, '26' now{CHANGED}; ")
    assert " of analyses late and share follow from it (largest relative difference " in words
    assert words.endswith(BACK)


def test_two_cells_are_two_failures(release):
    set_cell(release / CSV, 2, "events", "4")
    set_cell(release / CSV, 5, "events", "8")
    found = told(release)
    assert [words.split(": ")[0] for words in found] == [f"{CSV} line 2, events", f"{CSV} line 5, events"]
    assert all("follow from it" in words for words in found)
    assert all(" of analysis share follow from it and from what else was changed there (" in w for w in found)
    assert all(words.endswith("; with these put back, all of it is as stored") for words in found)


def test_a_cell_that_takes_a_row_away_is_named(release):
    set_cell(release / CSV, 4, "role", "other")
    assert only(release).startswith(f"{CSV} line 4, role: 'main' at the release, 'other' now")


def test_a_row_that_comes_in_is_named_though_what_stood_there_is_not_known(release):
    set_cell(release / CSV, 6, "role", "main")
    words = only(release)
    assert words.startswith(f"{CSV} line 6: the row of 'Fifth2016' ")
    assert " follow from it" in words


def test_a_row_that_was_deleted_is_named(release):
    replace_text(release / CSV, "Third2011,2011,12,90,8,main,China,d\n", "")
    place = f"{CSV} line 4: "
    words = "the row of 'Third2011', which stood here, is not in the sheet any more"
    assert only(release).startswith(f"{place}{words}")


def test_a_shown_cell_is_named_though_no_number_hangs_on_it(release):
    set_cell(release / CSV, 2, "country", "Sweden")
    words = only(release)
    assert words.startswith(f"{CSV} line 2, country: 'Norway' at the release, 'Sweden' now{CHANGED}; ")
    assert " number" not in words


def test_a_cell_that_results_do_not_record_is_said_to_be_one(release):
    set_cell(release / CSV, 2, "note", "z")
    words = only(release)
    assert words.startswith(
        f"{CSV} line 2: the row of 'First1999' was changed in a cell that results.json does not record"
    )
    assert " number" not in words


def test_another_form_of_the_same_cells_is_said_to_be_one(release):
    (release / CSV).write_bytes(SHEET.replace("\n", "\r\n").encode("utf-8"))
    words = only(release)
    assert words.startswith(f"{CSV}: changed since the release: its SHA-256 is ")
    assert "; changed in a cell that no analysis uses, or in its form: every row in use is as it was" in words


def test_a_cell_that_breaks_the_rules_is_named_with_them_and_the_rest_is_compared(release):
    set_cell(release / CSV, 3, "events", "900")
    set_stored(release, "analyses.late.fit.k", lambda k: k + 1)
    flip_byte(release / FOREST, b'<path d="M ')
    cell, number, figure = told(release)
    place = f"{CSV} line 3, events: "
    assert cell.startswith(f"{place}'2' at the release, '900' now{CHANGED}; the review does not read (")
    assert "(cohorts.csv line 3, events: 900 events in 25 participants" in cell
    assert cell.endswith("; with this put back, the rest was compared")
    assert number == (
        "analyses.late.fit.k: 6 stored, 5 recomputed (relative difference 0.17); "
        "results.json was changed since the release"
    )
    assert figure.startswith(f"{FOREST}: changed since the release: made again from the frozen inputs it ")


def test_every_problem_is_a_failure_where_nothing_can_be_put_back(release):
    replace_text(release / CSV, "study_id,year,events", "study_id,year,evnts")
    problem, sheet = told(release)
    assert problem == (
        f"{TOML} line 15, analyses.share.columns.events: no column 'events' [unknown-column]; "
        "did you mean 'evnts'?"
    )
    assert sheet.endswith(", not the manifest's; without the column 'events', which analyses read")


def test_junk_for_a_sheet_is_one_failure_in_words(release):
    (release / CSV).write_bytes(b"\x00\xff" * 90)
    assert only(release).startswith(f"{CSV} line 1: the file is not UTF-8: byte 0xFF [not-utf8]")


# Choices ----------------------------------------------------------------------------------------------------


def test_an_option_is_named_by_its_key_with_the_line_of_the_protocol(release):
    replace_text(release / TOML, 'title = "A share"\n', 'title = "A share"\nmodel = {tau2_method = "DL"}\n')
    words = only(release)
    assert words.startswith(
        f"analyses.share.spec.tau2_method: 'REML' in results.json, 'DL' from {TOML} line 11{CHANGED}; "
    )
    assert words.endswith(BACK)


def test_another_profile_is_one_failure_with_the_options_it_brings(release):
    text = (release / TOML).read_text(encoding="utf-8").replace("proportions-glmm@1", "house@1")
    (release / TOML).write_text(text, encoding="utf-8", newline="")
    words = only(release)
    place = "analyses.late.profile: profile "
    assert words.startswith(f"{place}'proportions-glmm@1' in results.json, 'house@1' from {TOML} line ")
    assert "; spec.model 'binomial_normal', now 'random'; spec.tau2_method 'ML', now 'REML'; " in words
    assert words.endswith(BACK)


def test_choices_of_the_review_and_of_an_analysis_are_named_one_by_one(release):
    toml = release / TOML
    replace_text(toml, 'equals = "main"', 'in = ["main", "other"]')
    replace_text(toml, '"Few cohorts."', '"Many."')
    replace_text(toml, '"Five cohorts"', '"Six cohorts"')
    replace_text(toml, '"A share"', '"The share"')
    found = told(release)
    assert [words.partition(" in results.json, ")[0] for words in found] == [
        "title: 'Five cohorts'",
        "analyses.share.title: 'A share'",
        "analyses.share.filters.1.text: 'role is main'",
        "analyses.share.caveats.1: 'Few cohorts.'",
    ]
    assert all(f" from {TOML} line " in words and CHANGED in words for words in found)


def test_choices_of_an_alternative_are_named(release):
    replace_text(release / TOML, '"Paule and Mandel"', '"Moments"')
    replace_text(release / TOML, 'tau2_method = "PM"', 'tau2_method = "DL"')
    words = only(release)
    assert words.startswith(
        f"analyses.share.alternatives.1: label 'Paule and Mandel' in results.json, 'Moments' from {TOML} "
    )
    assert "; tau2_method 'PM', now 'DL' (the hash " in words


def test_a_choice_that_is_not_recorded_is_laid_to_the_protocol(release):
    replace_text(release / TOML, 'title = "A share"\n', 'title = "A share"\ncumulative = "year"\n')
    words = only(release)
    assert words.startswith(f"{TOML}: changed since the release: its SHA-256 is ")
    assert words.endswith(
        "results.json records nothing of it, but 8 parts of analysis share follow from it"
    )


def test_words_around_the_choices_are_said_to_move_nothing(release):
    replace_text(release / TOML, 'title = "A share"\n', '# a remark\ntitle = "A share"\n')
    words = only(release)
    assert words.startswith(f"{TOML}: changed since the release")
    assert words.endswith("no choice that results.json records is another, and no number moves")


def test_a_frozen_profile_is_compared_key_by_key_with_the_one_in_use(release):
    profile = release / "profiles/house@1.toml"
    replace_text(profile, 'value = "REML"', 'value = "DL"')
    assert only(release) == (
        "profiles/house@1.toml, options.tau2_method: 'REML' in results.json, 'DL' in the frozen profile, "
        f"'REML' in this engine's{CHANGED}"
    )
    replace_text(profile, 'value = "DL"', 'value = "REML"')
    assert told(release) == []
    replace_text(profile, "Langan et al.", "Nobody et al.")
    assert only(release) == f"profiles/house@1.toml: changed in words that are no option{CHANGED}"
    profile.write_bytes(b"\xff = [")
    assert only(release) == f"profiles/house@1.toml: this is no profile{CHANGED}"


def test_cells_with_semicolons_decimal_commas_and_codes_are_named_and_put_back(tmp_path):
    golden = Path(__file__).parents[1] / "golden" / "suicide-psyctr"
    shutil.copyfile(golden / "review.toml", tmp_path / "review.toml")
    shutil.copyfile(golden / "23.1.1" / "data.csv", tmp_path / "data.csv")
    release = freeze_release(tmp_path, version="23.1.1", note="as published").folder
    assert told(release) == []
    sheet = release / "review/data.csv"
    replace_text(sheet, ";-0,51455395331658;", ";-1,51455395331658;")
    words = only(release)
    assert words.startswith("review/data.csv line 152, .g: '-0,51455395331658' at the release, '-1,51455")
    assert words.endswith(BACK)
    replace_text(sheet, ";-1,51455395331658;", ";NA;")
    words = only(release)
    assert words.startswith("review/data.csv line 152, .g: '-0,51455395331658' at the release, 'NA' now")
    assert words.endswith(BACK)
