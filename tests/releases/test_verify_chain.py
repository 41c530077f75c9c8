"""The releases before one: their manifests by hash, and what changed since them, computed again."""

import shutil

import pytest
from tampering import CSV, replace_text, set_cell, set_stored, told, write_review

from meta.releases.freeze import freeze_release
from meta.releases.verify import verify_release

SKIPPED = "what changed since the release before, and the history, were not computed again: "


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    """Three releases: the second with another cell, the third with nothing new."""
    review = tmp_path_factory.mktemp("chain") / "review"
    write_review(review)
    freeze_release(review, version="2026.1", note="one")
    set_cell(review / "data/cohorts.csv", 2, "events", "4")
    freeze_release(review, version="2026.2", note="two")
    freeze_release(review, version="2026.3", note="three")
    return review / "releases"


@pytest.fixture
def releases(chain, tmp_path):
    return shutil.copytree(chain, tmp_path / "releases")


def verify(folder):
    return verify_release(folder, crosscheck=False)


def test_each_release_of_a_chain_is_verified_with_its_changes_and_history(releases):
    alone = verify(releases / "2026.1")
    second, third = verify(releases / "2026.2"), verify(releases / "2026.3")
    assert [found.failures for found in (alone, second, third)] == [(), (), ()]
    assert alone.numbers < second.numbers
    assert alone.information == second.information == third.information == ()
    assert third.chain == (
        "2026.2: its manifest is the one that 2026.3 recorded",
        "2026.1: its manifest is the one that 2026.2 recorded",
    )


def test_numbers_of_changes_and_history_are_compared_too(releases):
    name = "history.share.0.standing.value"
    set_stored(releases / "2026.3", name, lambda value: value + 0.01)
    (words,) = told(releases / "2026.3")
    assert words.startswith(f"{name}: 0.")
    assert words.endswith("; results.json was changed since the release")
    set_stored(releases / "2026.2", "changes.analyses.0.new.k", lambda k: k + 1)
    (words,) = told(releases / "2026.2")
    assert words.startswith("changes.analyses.0.new.k: 5 stored, 4 recomputed ")


def test_a_cell_changed_by_hand_is_one_failure_in_a_chain_too(releases):
    set_cell(releases / "2026.3" / CSV, 4, "events", "13")
    (words,) = told(releases / "2026.3")
    assert words.startswith(f"{CSV} line 4, events: '12' at the release, '13' now ")
    assert words.endswith("; with this put back, all of it is as stored")


def test_a_release_without_those_before_it_is_verified_as_far_as_that_goes(releases, tmp_path):
    alone = shutil.copytree(releases / "2026.3", tmp_path / "a copy")
    found = verify(alone)
    assert found.verified
    assert found.chain == ("2026.2, the release before 2026.3, is not beside it: the chain ends here",)
    assert found.information == (
        f"{SKIPPED}the releases before it are not all there",
        "the folder is called 'a copy', and the manifest is of 2026.3",
    )
    shutil.rmtree(releases / "2026.1")
    found = verify(releases / "2026.3")
    assert found.verified
    assert found.chain[1] == "2026.1, the release before 2026.2, is not beside it: the chain ends here"


def test_a_manifest_that_is_not_the_recorded_one_breaks_the_chain_of_those_after_it(releases):
    replace_text(releases / "2026.1" / "manifest.json", '"one"', '"uno"')
    (failure,) = verify(releases / "2026.3").failures
    assert (failure.kind, failure.where) == ("chain", "2026.1/manifest.json")
    assert ", and 2026.2 recorded " in failure.message
    # nothing guards the newest: that is what its printed hash is for
    assert verify(releases / "2026.1").verified
    (releases / "2026.2" / "manifest.json").unlink()
    assert told(releases / "2026.3") == ["2026.2/manifest.json: the file is missing"]


def test_an_earlier_release_that_was_changed_is_told_and_its_numbers_are_not_used(releases):
    set_stored(releases / "2026.2", "analyses.share.fit.estimate.value", lambda value: value + 1)
    found = verify(releases / "2026.3")
    assert found.verified
    (words,) = found.information
    assert words.startswith(SKIPPED)
    assert "2026.2/results.json: this is not the file that was released" in words
    assert not verify(releases / "2026.2").verified
