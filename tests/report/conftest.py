"""Fixtures of the report tests."""

from __future__ import annotations

from typing import Any

import pytest
from report_factory import make_figures, make_results


@pytest.fixture
def results() -> dict[str, Any]:
    """Return results with every kind of answer; each test gets its own."""
    return make_results()


@pytest.fixture
def figures() -> dict[str, str]:
    """Return the drawings that the results name."""
    return make_figures()
