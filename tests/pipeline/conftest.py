from pathlib import Path

import pytest

from meta.pipeline import run_review


@pytest.fixture(scope="session")
def shipped(tmp_path_factory):
    """The shipped review, run once for all that look at it."""
    return run_review(out=Path(tmp_path_factory.mktemp("shipped")) / "out")
