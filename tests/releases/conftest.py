"""A small release, made once, and a copy of it for each test that changes it."""

import shutil

import pytest
from tampering import write_review

from meta.releases.freeze import freeze_release


@pytest.fixture(scope="session")
def small_release(tmp_path_factory):
    review = tmp_path_factory.mktemp("small") / "review"
    write_review(review)
    return freeze_release(review, version="2026.1", note="one").folder


@pytest.fixture
def release(small_release, tmp_path):
    return shutil.copytree(small_release, tmp_path / "2026.1")
