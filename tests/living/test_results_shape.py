"""Results that hold something else than what this program writes are refused by the place of it."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest
from living_factory import PROTOCOL, write_review

from meta.errors import ReleaseError
from meta.living.results_shape import require_results
from meta.pipeline import compute_results
from meta.protocol.review import read_review

PARTS = """alternatives = [{label = "DL", model = {tau2_method = "DL"}, reason = "Older"}]
subgroups = [{by = "setting", title = "By setting"}]
moderators = [{formula = "~ year", title = "By year"}]
small_study = true
exclude = [{row = "D2007", reason = "retracted"}]
"""

HERE = Path("results.json")


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Any:
    text = PROTOCOL.replace('[[analyses]]\nid = "clinics"', f'{PARTS}[[analyses]]\nid = "clinics"')
    review = write_review(tmp_path_factory.mktemp("shape") / "r", protocol=text)
    return json.loads(json.dumps(compute_results(read_review(review))))


def test_what_this_program_writes_is_taken_and_so_is_less_of_it(results: Any) -> None:
    require_results(HERE, results)
    bare = copy.deepcopy(results)
    for entry in bare["analyses"].values():
        for name in ("cells", "spec", "alternatives", "leave_one_out", "cumulative", "subgroups"):
            del entry[name]
        entry["fit"] = None
    require_results(HERE, bare)
    require_results(HERE, {})


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("analyses", [1]),
        ("analyses.all", "x"),
        ("analyses.all.measure", None),
        ("analyses.all.fit", "x"),
        ("analyses.all.fit.k", "many"),
        ("analyses.all.fit.natural", [1]),
        ("analyses.all.fit.studies.1.label", 3),
        ("analyses.all.selection.excluded.1.rows.1.line", "two"),
        ("analyses.all.selection.overlap.set_aside", {}),
        ("analyses.all.cells.columns", {"a": 1}),
        ("analyses.all.subgroups", {"a": 1}),
        ("analyses.all.subgroups.1.result.levels", [[]]),
        ("analyses.all.leave_one_out.natural", None),
        ("analyses.all.leave_one_out", {"labels": ["A"], "natural": [0.1]}),
        ("analyses.all.cumulative", [3]),
        ("analyses.all.regressions.1.formula", []),
        ("analyses.all.alternatives", [1]),
        ("analyses.all.spec.level", []),
        ("provenance.profiles.1.name", None),
        ("provenance.packages", ["numpy"]),
    ],
)
def test_another_kind_of_value_is_named_by_its_place(results: Any, place: str, value: Any) -> None:
    broken = copy.deepcopy(results)
    *path, last = [int(part) - 1 if part.isdigit() else part for part in place.split(".")]
    inner = broken
    for part in path:
        inner = inner[part]
    inner[last] = value
    with pytest.raises(ReleaseError, match=rf"^results\.json: {re.escape(place)}(\.\w+)* is not as this"):
        require_results(HERE, broken)


def test_a_leave_one_out_table_of_uneven_columns_is_named(results: Any) -> None:
    broken = copy.deepcopy(results)
    broken["analyses"]["all"]["leave_one_out"]["tau2"].pop()
    with pytest.raises(ReleaseError, match=r"analyses\.all\.leave_one_out is not as this program writes it"):
        require_results(HERE, broken)
