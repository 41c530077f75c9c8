"""What every test shares: the parity helpers on the path, tallies, and their summary at the end."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent / "parity"))
# the kinds of digits that a report may hold are told once, for its own tests and those of the shipped review
sys.path.append(str(Path(__file__).parent / "report"))

from oracle import Tally, load_topic

#: Key of the user property that carries a tally from a test (perhaps in another process) to the summary.
PARITY = "parity"


@pytest.fixture
def open_tally(record_property: Callable[[str, object], None]) -> Iterator[Callable[[str, float], Tally]]:
    """Open tallies with ``open_tally(topic, tolerance)``; each is printed at the end, pass or fail."""
    opened: list[Tally] = []

    def start(topic: str, tolerance: float) -> Tally:
        tally = Tally(load_topic(topic), tolerance)
        opened.append(tally)
        return tally

    yield start
    for tally in opened:
        record_property(PARITY, tally.summary())


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print one line a topic: cases by outcome, and the worst difference."""
    lines = sorted(
        {
            str(text)
            for reports in terminalreporter.stats.values()
            for report in reports
            if getattr(report, "when", None) == "teardown"
            for name, text in report.user_properties
            if name == PARITY
        }
    )
    if lines:
        terminalreporter.section("parity with the oracle")
        for line in lines:
            terminalreporter.write_line(line)
