"""What each analysis found in two versions, and exactly the rows and choices behind a change."""

from __future__ import annotations

import copy
import csv
import random
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from living_factory import PROTOCOL, ROWS, changed, take, without, write_review

from meta.living.archive import Snapshot
from meta.living.changes import compare_snapshots
from meta.living.history import trace_history
from meta.living.past import Version
from meta.living.shapes import AnalysisChanges, Changes
from meta.protocol.plan import locate_review

SECOND = '[[analyses]]\nid = "clinics"'


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return take("1.0", write_review(tmp_path_factory.mktemp("base") / "r"), "first")


@pytest.fixture
def compare(base: Snapshot, tmp_path: Path) -> Callable[..., Changes]:
    def against(rows: Any = ROWS, protocol: str = PROTOCOL) -> Changes:
        return compare_snapshots(base, take("2.0", write_review(tmp_path / "r", rows, protocol), "second"))

    return against


def find(changes: Changes, name: str) -> AnalysisChanges:
    (found,) = (analysis for analysis in changes.analyses if analysis.id == name)
    return found


def whats(changes: Changes) -> dict[str, str]:
    return {analysis.id: analysis.what for analysis in changes.analyses}


def test_a_sheet_that_has_another_name_in_the_protocol_keeps_its_rows(
    compare: Callable[..., Changes],
) -> None:
    renamed = PROTOCOL.replace("[sheets.s]", "[sheets.cohorts]").replace('sheet = "s"', 'sheet = "cohorts"')
    changes = compare(changed(cells={("C2005", "events"): "10"}), renamed)
    (sheet,) = changes.sheets
    assert (sheet.name, [(row.label, row.what) for row in sheet.rows]) == ("cohorts", [("C2005", "changed")])
    assert sheet.same == len(ROWS) - 2
    assert sheet.rows[0].analyses == ("all", "clinics")
    assert whats(changes) == {"all": "changed", "clinics": "changed"}
    assert [(c.where, c.old, c.new) for c in changes.choices][:2] == [
        ("sheets.s", "s.csv", None),
        ("sheets.cohorts", None, "s.csv"),
    ]


def behind(analysis: AnalysisChanges) -> list[tuple[str, str, dict[str, tuple[str, str]]]]:
    return [(r.label, r.what, {c.column: (c.old, c.new) for c in r.cells}) for r in analysis.rows]


def test_nothing_changed_between_a_version_and_itself(compare: Callable[..., Changes]) -> None:
    changes = compare()
    assert whats(changes) == {"all": "same", "clinics": "same"}
    assert (changes.choices, [sheet.rows for sheet in changes.sheets]) == ((), [()])
    assert (changes.old_note, changes.new_note) == ("first", "second")


def test_a_corrected_cell_changes_the_analyses_that_use_its_row(compare: Callable[..., Changes]) -> None:
    changes = compare(changed(cells={("F2011", "events"): "44"}))
    assert whats(changes) == {"all": "changed", "clinics": "same"}
    assert behind(find(changes, "all")) == [("F2011", "changed", {"events": ("40", "44")})]
    (row,) = changes.sheets[0].rows
    assert (row.label, row.what, row.old_line, row.new_line, row.analyses) == (
        "F2011",
        "changed",
        7,
        7,
        ("all",),
    )
    assert find(changes, "all").old != find(changes, "all").new


def test_a_row_that_only_other_analyses_or_none_use_is_behind_nothing(
    compare: Callable[..., Changes],
) -> None:
    changes = compare(changed(cells={("G2013", "events"): "7"}))
    assert whats(changes) == {"all": "same", "clinics": "same"}
    (row,) = changes.sheets[0].rows
    assert (row.label, row.analyses) == ("G2013", ())


def test_a_cell_that_no_number_depends_on_is_in_the_sheet_and_behind_nothing(
    compare: Callable[..., Changes],
) -> None:
    changes = compare(changed(cells={("E2009", "remark"): "another", ("F2011", "events"): "44"}))
    assert [row.label for row in find(changes, "all").rows] == ["F2011"]
    assert {row.label: [c.column for c in row.cells] for row in changes.sheets[0].rows} == {
        "E2009": ["remark"],
        "F2011": ["events"],
    }


def test_of_a_row_behind_only_the_cells_that_the_analysis_reads_are_named(
    compare: Callable[..., Changes],
) -> None:
    changes = compare(changed(cells={("F2011", "remark"): "new", ("F2011", "n"): "211"}))
    assert behind(find(changes, "all")) == [("F2011", "changed", {"n": ("210", "211")})]


def test_numbers_and_spaces_are_compared_by_what_they_mean(compare: Callable[..., Changes]) -> None:
    changes = compare(
        changed(cells={("F2011", "n"): "210.0", ("E2009", "setting"): " clinic ", ("E2009", "n"): "75 "})
    )
    assert changes.sheets[0].rows == ()
    assert whats(changes) == {"all": "same", "clinics": "same"}


def test_a_row_that_went_and_one_that_came(compare: Callable[..., Changes]) -> None:
    rows = [*without("D2007"), ["H2024", "clinic", "2024", "3", "33", "", ""]]
    changes = compare(rows)
    for name in ("all", "clinics"):
        assert behind(find(changes, name)) == [("H2024", "came", {}), ("D2007", "went", {})]
    assert [(row.what, row.label) for row in changes.sheets[0].rows] == [
        ("came", "H2024"),
        ("went", "D2007"),
    ]
    assert (find(changes, "all").old.k, find(changes, "all").new.k) == (6, 6)


def test_a_renamed_study_is_a_changed_row_and_changes_no_number(compare: Callable[..., Changes]) -> None:
    changes = compare(changed(cells={("D2007", "study_id"): "Dee2007"}))
    (row,) = changes.sheets[0].rows
    assert (row.what, row.matched_by, row.label, row.key) == ("changed", "content", "Dee2007", ("Dee2007",))
    assert [(c.column, c.old, c.new) for c in row.cells] == [("study_id", "D2007", "Dee2007")]
    assert whats(changes) == {"all": "same", "clinics": "same"}


def test_renamed_keys_in_reordered_rows_with_a_corrected_cell(compare: Callable[..., Changes]) -> None:
    rows = changed(cells={("F2011", "events"): "44", ("D2007", "study_id"): "Dee2007"})
    rows = [rows[0], *rows[:0:-1]]
    changes = compare(rows)
    assert behind(find(changes, "all")) == [("F2011", "changed", {"events": ("40", "44")})]
    assert {(r.label, r.old_line, r.new_line) for r in changes.sheets[0].rows} == {
        ("F2011", 7, 4),
        ("Dee2007", 5, 6),
    }
    assert changes.sheets[0].same == 6


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
def test_permuting_rows_and_columns_changes_nothing(
    base: Snapshot, tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    rng = random.Random(seed)
    order = rng.sample(range(len(ROWS[0])), len(ROWS[0]))
    rows = [[row[place] for place in order] for row in (ROWS[0], *rng.sample(ROWS[1:], len(ROWS) - 1))]
    changes = compare_snapshots(base, take("2.0", write_review(tmp_path_factory.mktemp("p") / "r", rows)))
    assert whats(changes) == {"all": "same", "clinics": "same"}
    (sheet,) = changes.sheets
    assert (sheet.rows, sheet.columns_came, sheet.columns_went, sheet.same) == ((), (), (), 8)


def test_columns_that_come_and_go_change_no_cell(compare: Callable[..., Changes]) -> None:
    rows = [[*row[:-1], extra] for row, extra in zip(ROWS, ["quality", *"abcdefgh"], strict=True)]
    (sheet,) = compare(rows).sheets
    assert (sheet.columns_came, sheet.columns_went, sheet.rows) == (("quality",), ("remark",), ())


def test_the_overlap_rule_that_chooses_otherwise_names_whom_it_keeps_instead(
    compare: Callable[..., Changes],
) -> None:
    """Without B2003 one study stands against the consortium, which has more people."""
    analysis = find(compare(without("B2003")), "all")
    assert [(row.label, row.what, row.why) for row in analysis.rows] == [
        ("A2001", "no_longer_used", "set aside in favour of Consortium2015, with more people"),
        (
            "Consortium2015",
            "now_used",
            "was set aside in favour of A2001 and B2003, since more studies are kept this way",
        ),
        ("B2003", "went", ""),
    ]


def test_links_that_change_the_choice_are_cells_behind_it(compare: Callable[..., Changes]) -> None:
    """The consortium no longer shares people with B2003, and has more than A2001."""
    links = {("Consortium2015", "overlaps_with"): "A2001", ("B2003", "overlaps_with"): ""}
    analysis = find(compare(changed(cells=links)), "all")
    assert behind(analysis) == [
        ("A2001", "no_longer_used", {}),
        ("B2003", "changed", {"overlaps_with": ("Consortium2015", "")}),
        ("Consortium2015", "changed", {"overlaps_with": ("A2001; B2003", "A2001")}),
    ]
    assert analysis.rows[2].why.startswith("was set aside in favour of A2001 and B2003")


def test_a_filter_of_the_protocol_brings_rows_whose_cells_are_the_same(
    compare: Callable[..., Changes],
) -> None:
    changes = compare(protocol=PROTOCOL.replace('["ward", "clinic"]', '["prison", "clinic"]'))
    analysis = find(changes, "all")
    assert [(row.label, row.what, row.why) for row in analysis.rows] == [
        ("A2001", "no_longer_used", "left out by the filter: setting is prison or clinic"),
        ("B2003", "no_longer_used", "left out by the filter: setting is prison or clinic"),
        ("F2011", "no_longer_used", "left out by the filter: setting is prison or clinic"),
        ("G2013", "now_used", "was left out by the filter: setting is ward or clinic"),
    ]
    assert analysis.choices == ("analyses.all.filters.setting",)
    assert find(changes, "clinics").what == "same"


def test_a_row_left_out_by_name_says_why(compare: Callable[..., Changes]) -> None:
    new = PROTOCOL.replace(SECOND, f'exclude = [{{row = "F2011", reason = "Odd"}}]\n{SECOND}')
    analysis = find(compare(protocol=new), "all")
    assert [(row.label, row.what, row.why) for row in analysis.rows] == [
        ("F2011", "no_longer_used", "left out by name: Odd")
    ]
    assert analysis.choices == ("analyses.all.exclude.F2011",)


def test_a_row_that_can_no_longer_be_used_is_a_changed_row(compare: Callable[..., Changes]) -> None:
    analysis = find(compare(changed(cells={("F2011", "events"): ""})), "all")
    ((row),) = analysis.rows
    assert (row.label, row.what, [(c.old, c.new) for c in row.cells]) == ("F2011", "changed", [("40", "")])
    assert row.why.startswith("cannot be used: ")
    assert (analysis.old.k, analysis.new.k) == (6, 5)


def test_a_model_that_cannot_use_a_row_says_so(tmp_path: Path) -> None:
    rows = [
        ("study_id", "e1", "n1", "e2", "n2"),
        ("A", "3", "40", "5", "41"),
        ("B", "6", "60", "9", "58"),
        ("C", "0", "30", "0", "31"),
    ]
    head = PROTOCOL[: PROTOCOL.index("[[analyses]]")].replace('key = ["study_id"]', "")
    plan = """[[analyses]]
id = "rr"
title = "T"
question = "Q"
sheet = "s"
label = "study_id"
measure = "RR"
columns = {events1 = "e1", n1 = "n1", events2 = "e2", n2 = "n2"}
profile = "house@1"
"""
    old = take("1", write_review(tmp_path / "a", rows, head + plan))
    new = take("2", write_review(tmp_path / "b", rows, head + plan.replace('"RR"', '"RD"')))
    analysis = find(compare_snapshots(old, new), "rr")
    assert [(row.label, row.what, row.why) for row in analysis.rows] == [
        ("C", "now_used", "could not be used: 0 events in both arms")
    ]
    assert analysis.choices == ("analyses.rr.measure",)
    assert (analysis.old.measure, analysis.new.measure) == ("RR", "RD")


def test_a_year_moves_the_cumulative_results_and_no_estimate(compare: Callable[..., Changes]) -> None:
    analysis = find(compare(changed(cells={("F2011", "year"): "1999"})), "all")
    assert (analysis.what, analysis.parts, analysis.old == analysis.new) == ("changed", ("cumulative",), True)
    assert behind(analysis) == [("F2011", "changed", {"year": ("2011", "1999")})]


GROUPED = PROTOCOL.replace(
    SECOND,
    f'overall = false\nleave_one_out = false\nsubgroups = [{{by = "setting", overall = false}}]\n{SECOND}',
).replace('cumulative = "year"\n', "")


def test_an_analysis_by_group_changes_by_its_groups(tmp_path: Path) -> None:
    old = take("1", write_review(tmp_path / "a", ROWS, GROUPED))
    new = take("2", write_review(tmp_path / "b", changed(cells={("D2007", "events"): "35"}), GROUPED))
    analysis = find(compare_snapshots(old, new), "all")
    assert analysis.what == "changed"
    assert (analysis.old.value, analysis.new.value) == (None, None)
    assert [(g.by, g.level) for g in analysis.groups] == [("setting", "clinic")]
    (group,) = analysis.groups
    assert group.old is not None
    assert group.new is not None
    assert group.new.value > group.old.value


def test_other_words_for_a_group_move_no_number(tmp_path: Path) -> None:
    names = 'subgroups = [{by = "setting", overall = false, names = {ward = "Hospital ward"}}]'
    old = take("1", write_review(tmp_path / "a", ROWS, GROUPED))
    words = GROUPED.replace('subgroups = [{by = "setting", overall = false}]', names)
    new = take("2", write_review(tmp_path / "b", ROWS, words))
    assert find(compare_snapshots(old, new), "all").what == "same"
    more = take("3", write_review(tmp_path / "c", changed(cells={("F2011", "events"): "9"}), words))
    assert [g.level for g in find(compare_snapshots(old, more), "all").groups] == ["Hospital ward"]


ALTERNATIVES = PROTOCOL.replace(
    SECOND,
    'alternatives = [{label = "Anywhere", reason = "Why not", '
    'filters = [{column = "setting", in = ["ward", "clinic", "prison"]}]}]\n' + SECOND,
)


def test_a_row_that_only_an_alternative_uses_is_behind_what_that_found(tmp_path: Path) -> None:
    old = take("1", write_review(tmp_path / "a", ROWS, ALTERNATIVES))
    new = take("2", write_review(tmp_path / "b", changed(cells={("G2013", "events"): "9"}), ALTERNATIVES))
    analysis = find(compare_snapshots(old, new), "all")
    assert (analysis.what, analysis.parts, analysis.old == analysis.new) == (
        "changed",
        ("alternatives",),
        True,
    )
    assert behind(analysis) == [("G2013", "changed", {"events": ("6", "9")})]
    assert analysis.rows[0].why == "used by alternatives only"


def test_a_new_alternative_changes_no_analysis(compare: Callable[..., Changes]) -> None:
    changes = compare(protocol=ALTERNATIVES)
    assert whats(changes) == {"all": "same", "clinics": "same"}
    assert [choice.where for choice in changes.choices] == ["analyses.all.alternatives.Anywhere"]


def with_results(side: Snapshot, mend: Callable[[dict[str, Any]], None]) -> Snapshot:
    results = copy.deepcopy(dict(side.results))
    mend(results)
    return Snapshot("3.0", side.note, side.review, results, side.document)


def shift(results: Mapping[str, Any]) -> None:
    results["analyses"]["all"]["fit"]["natural"]["value"] *= 1 + 1e-6


def test_a_number_that_only_the_software_can_have_moved_says_so(base: Snapshot) -> None:
    def mend(results: dict[str, Any]) -> None:
        shift(results)
        results["provenance"]["packages"].update(scipy="9.9", matplotlib="9.9")

    analysis = find(compare_snapshots(base, with_results(base, mend)), "all")
    assert (analysis.what, analysis.rows, analysis.choices) == ("changed", (), ("packages.scipy",))
    unexplained = find(compare_snapshots(base, with_results(base, shift)), "all")
    assert (unexplained.what, unexplained.rows, unexplained.choices) == ("changed", (), ())


def test_a_difference_of_rounding_is_none(base: Snapshot) -> None:
    def mend(results: dict[str, Any]) -> None:
        results["analyses"]["all"]["fit"]["natural"]["value"] *= 1 + 1e-12
        results["analyses"]["clinics"]["fit"]["tau2"]["low"] = 1e-14

    old = with_results(base, lambda r: r["analyses"]["clinics"]["fit"]["tau2"].update(low=0.0))
    assert whats(compare_snapshots(old, with_results(base, mend))) == {"all": "same", "clinics": "same"}


def test_results_of_an_older_engine_may_lack_what_came_later(base: Snapshot) -> None:
    def bare(results: dict[str, Any]) -> None:
        for entry in results["analyses"].values():
            for name in ("cells", "spec", "alternatives", "leave_one_out", "cumulative", "subgroups"):
                entry.pop(name, None)
        del results["provenance"]

    assert whats(compare_snapshots(with_results(base, bare), base)) == {"all": "same", "clinics": "same"}


def threshold(value: float) -> str:
    said = f'threshold = {{value = {value}, words = "Enough", source = "Us"}}'
    unit = 'unit = {factor = 100, heading = "Per 100", axis = "Per 100"}'
    return PROTOCOL.replace(SECOND, f"{said}\n{unit}\n{SECOND}")


def test_a_crossed_threshold_is_told_in_the_unit_of_display(base: Snapshot, tmp_path: Path) -> None:
    first = base.results["analyses"]["all"]["fit"]["natural"]
    rows = changed(cells={("F2011", "events"): "150"})
    second = take("x", write_review(tmp_path / "x", rows)).results["analyses"]["all"]["fit"]["natural"]
    between = round(50 * (first["value"] + second["value"]), 3)
    old = take("1", write_review(tmp_path / "a", ROWS, threshold(between)))
    new = take("2", write_review(tmp_path / "b", rows, threshold(between)))
    found = find(compare_snapshots(old, new), "all").threshold
    assert found is not None
    assert (found.value, found.words, found.old_side, found.new_side, found.crossed) == (
        between,
        "Enough",
        "below",
        "above",
        True,
    )
    away = take("3", write_review(tmp_path / "c", ROWS, threshold(99)))
    still = find(compare_snapshots(old, away), "all").threshold
    assert still is not None
    assert (still.crossed, still.old_side, still.new_interval) == (
        False,
        "below",
        "below",
    )


def test_analyses_that_came_or_went_stand_alone(compare: Callable[..., Changes]) -> None:
    changes = compare(protocol=PROTOCOL.replace('id = "clinics"', 'id = "third"'))
    assert whats(changes) == {"all": "same", "third": "came", "clinics": "went"}
    assert (find(changes, "third").old, find(changes, "clinics").new) == (None, None)
    assert find(changes, "third").new == find(changes, "clinics").old


def test_a_row_is_called_by_its_study_where_no_analysis_names_rows(tmp_path: Path) -> None:
    silent = PROTOCOL.replace('label = "study_id"\n', "").replace('key = ["study_id"]\n', "")
    old = take("1", write_review(tmp_path / "a", ROWS, silent))
    new = take("2", write_review(tmp_path / "b", changed(cells={("F2011", "events"): "44"}), silent))
    ((row,),) = (sheet.rows for sheet in compare_snapshots(old, new).sheets)
    assert (row.label, row.key, row.matched_by) == ("F2011", (), "content")


def test_a_sheet_that_only_one_version_has(base: Snapshot, tmp_path: Path) -> None:
    text = PROTOCOL.replace('"s"', '"z"').replace(".s]", ".z]").replace("s.csv", "z.csv")
    new = take("2", write_review(tmp_path / "b", ROWS, text, "z.csv"))
    changes = compare_snapshots(base, new)
    assert [(s.name, s.old_file, s.new_file, len(s.rows)) for s in changes.sheets] == [
        ("z", None, "z.csv", 8),
        ("s", "s.csv", None, 8),
    ]
    # the rows are put together across the two names: not one number moved
    assert whats(changes) == {"all": "same", "clinics": "same"}


def test_a_comparison_is_plain_data_and_the_same_every_time(compare: Callable[..., Changes]) -> None:
    changes = compare(changed(cells={("F2011", "events"): "44"}))
    plain = changes.to_dict()
    assert plain["format"] == "trs-meta-changes@1"
    assert [a["what"] for a in plain["analyses"]] == ["changed", "same"]
    assert plain["sheets"][0]["rows"][0]["cells"] == [{"column": "events", "old": "40", "new": "44"}]


def test_history_follows_the_analyses_of_the_last_version(base: Snapshot, tmp_path: Path) -> None:
    new = take("2.0", write_review(tmp_path / "r", protocol=PROTOCOL.replace("clinics", "third")), "second")
    lean = Version("0.9", "before", base.results)
    history = trace_history([lean, base, new])
    assert {name: [p.version for p in points] for name, points in history.items()} == {
        "all": ["0.9", "1.0", "2.0"],
        "third": ["2.0"],
    }
    assert history["all"][0].standing == history["all"][2].standing
    assert [point.note for point in history["all"]] == ["before", "first", "second"]
    assert trace_history([]) == {}


# The shipped review ----------------------------------------------------------------------------------------


def test_one_row_one_cell_and_one_profile_of_the_shipped_review(tmp_path: Path) -> None:
    """Each is behind the analyses that it touches, and the others are the same."""
    source = locate_review().parent
    for name in ("a", "b"):
        shutil.copytree(source, tmp_path / name)
    _drop(tmp_path / "b" / "trs_incidence.csv", "Agid2011")
    _correct(tmp_path / "b" / "clozapine_response.csv", "Kane1988", "responders", "39")
    protocol = tmp_path / "b" / "review.toml"
    text = protocol.read_text(encoding="utf-8")
    at = text.index('profile = "proportions-glmm@1"', text.index('id = "trs_early"'))
    protocol.write_text(f"{text[:at]}{text[at:].replace('proportions-glmm@1', 'cochrane2025@1', 1)}", "utf-8")
    changes = compare_snapshots(take("a", tmp_path / "a"), take("b", tmp_path / "b"))
    total = ("trs_total", "trs_total_stokes", "trs_schizophrenia")
    assert {a.id for a in changes.analyses if a.what == "changed"} == {
        *total,
        "trs_early",
        "clozapine_response",
    }
    assert {a.what for a in changes.analyses} == {"same", "changed"}
    for name in total:
        assert behind(find(changes, name)) == [("Agid2011", "went", {})]
        assert find(changes, name).choices == ()
    assert behind(find(changes, "clozapine_response")) == [
        ("Kane1988", "changed", {"responders": ("37", "39")})
    ]
    early = find(changes, "trs_early")
    assert early.rows == ()
    assert early.choices == (
        "analyses.trs_early.profile",
        *(f"analyses.trs_early.model.{name}" for name in ("model", "tau2_method", "ci_method", "tau2_ci")),
    )
    assert [(s.name, [(r.label, r.what) for r in s.rows]) for s in changes.sheets if s.rows] == [
        ("trs", [("Agid2011", "went")]),
        ("clozapine", [("Kane1988", "changed")]),
    ]


def _drop(path: Path, study: str) -> None:
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(line for line in lines if not line.startswith(f"{study},")), encoding="utf-8")


def _correct(path: Path, study: str, column: str, text: str) -> None:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    (row,) = (row for row in rows if row[0] == study)
    row[rows[0].index(column)] = text
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
