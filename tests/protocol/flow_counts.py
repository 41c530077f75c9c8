"""Counts of flow diagrams, all of them made up for tests: no such search was made."""

from __future__ import annotations

from typing import Any

#: Said wherever the counts are shown.
ABOUT = "Made up for tests: no such search was made"

#: A new review, databases and registers only.
NEW: dict[str, Any] = {
    "about": ABOUT,
    "identified": {"Databases": 900, "Registers": 30},
    "duplicates": 130,
    "screened": 800,
    "excluded": 700,
    "sought": 100,
    "not_retrieved": 5,
    "assessed": 95,
    "reasons": {"Wrong population": 50, "No usable data on the outcome": 20},
    "studies": 20,
    "reports": 25,
}

#: An updated review with other methods.
OTHER: dict[str, Any] = {
    "identified": {"Websites": 5, "Organisations": 4, "Citation searching": 1200},
    "sought": 9,
    "not_retrieved": 1,
    "assessed": 8,
    "reasons": {"Duplicate report": 7},
}
UPDATED: dict[str, Any] = {
    **NEW,
    "automation": 0,
    "studies": 21,
    "reports": 26,
    "previous_studies": 12,
    "previous_reports": 15,
    "total_studies": 33,
    "total_reports": 41,
    "analysed": 30,
}
