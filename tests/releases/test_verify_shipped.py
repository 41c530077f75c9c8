"""One cell, one option, one stored number, one byte of a figure changed by hand: four failures, all named."""

import shutil
from importlib.resources import files

import pytest
from tampering import flip_byte, replace_text, set_cell, set_stored

from meta.releases.freeze import freeze_release
from meta.releases.verify import verify_release

#: Analyses of the shipped review that the check needs; the others would only take time.
KEPT = ("trs_total", "trs_late", "clozapine_response", "td_rate")

NUMBER = "analyses.td_rate.subgroups.0.result.fits.0.estimate.value"
FIGURE = "analyses/trs_total/forest.svg"


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    """Four analyses of the shipped review, released."""
    review = tmp_path_factory.mktemp("shipped") / "review"
    shutil.copytree(str(files("extraction") / "evidence"), review)
    head, *plans = (review / "review.toml").read_text(encoding="utf-8").split("[[analyses]]\n")
    kept = [plan for plan in plans if any(f'id = "{name}"' in plan for name in KEPT)]
    assert len(kept) == len(KEPT)
    text = "".join(f"[[analyses]]\n{plan}" for plan in kept)
    (review / "review.toml").write_text(head + text, encoding="utf-8", newline="")
    return freeze_release(review, version="2026.11.0", note="the first").folder


@pytest.fixture
def release(released, tmp_path):
    """The copy that is changed."""
    return shutil.copytree(released, tmp_path / "2026.11.0")


def change_cell(release):
    assert set_cell(release / "review/clozapine_response.csv", 2, "responders", "38") == "37"


def change_option(release):
    key = 'title = "Resistance after an initial response"\n'
    replace_text(release / "review/review.toml", key, f'model = {{ci_method = "Wald"}}\n{key}')


def change_number(release):
    set_stored(release, NUMBER, lambda value: value * 1.001)


def change_byte(release):
    flip_byte(release / FIGURE, b'<path d="M ')


def check_cell(text):
    assert text.startswith(
        "review/clozapine_response.csv line 2, responders: '37' at the release, '38' now "
        "(the hash of the file is no longer the manifest's); "
    )
    assert " numbers and 10 files of analysis clozapine_response follow from it (largest relative " in text
    assert text.endswith("; with this put back, all of it is as stored")


def check_option(text):
    assert text.startswith(
        "analyses.trs_late.spec.ci_method: 'profile' in results.json, 'Wald' from review/review.toml line "
    )
    assert " files of analysis trs_late follow from it (largest relative difference " in text
    assert text.endswith("; with this put back, all of it is as stored")


def check_number(text):
    assert text.startswith(f"{NUMBER}: -2.926")
    assert text.endswith("recomputed (relative difference 0.001); results.json was changed since the release")


def check_byte(text):
    assert text.startswith(
        f"{FIGURE}: changed since the release: made again from the frozen inputs it is as released, and the "
        "file differs from byte "
    )


def test_four_changes_by_hand_are_four_failures_each_named(release):
    for change in (change_cell, change_option, change_number, change_byte):
        change(release)
    found = verify_release(release, crosscheck=False)
    assert [failure.kind for failure in found.failures] == ["cell", "option", "number", "figure"]
    checks = (check_cell, check_option, check_number, check_byte)
    for check, failure in zip(checks, found.failures, strict=True):
        check(str(failure))
    assert found.files_unchanged == found.files - 4
    assert (found.verified, found.opinions) == (False, None)
