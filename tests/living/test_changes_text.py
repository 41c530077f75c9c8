"""The comparison in words: short first, numbers in the unit of display, rows alike as one, text inert."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from living_factory import PROTOCOL, ROWS, changed, take, without, write_review

from meta.living.changes import compare_snapshots
from meta.living.shapes import Changes, ChoiceChange, RowBehind
from meta.report.changes_text import Part, changes_markdown, describe_comparison
from meta.report.pieces import plain

SECOND = '[[analyses]]\nid = "clinics"'
UNIT = 'unit = {factor = 100, heading = "Per 100", axis = "Affected, per 100 people"}'


def with_lines(*lines: str) -> str:
    return PROTOCOL.replace(SECOND, "\n".join([*lines, SECOND]))


def compared(tmp_path: Path, rows: object, new: str = PROTOCOL, old: str = PROTOCOL) -> Changes:
    sides = [
        take("2026.1", write_review(tmp_path / "a", ROWS, old), "First."),
        take("2026.2", write_review(tmp_path / "b", rows, new), "Second."),
    ]
    return compare_snapshots(*sides)


def cells(part: Part) -> list[tuple[str, ...]]:
    assert part.table is not None
    return [tuple(plain(cell) for cell in row.cells) for row in part.table.rows]


def test_the_lead_counts_before_anything_else(tmp_path: Path) -> None:
    rows = [
        *without("D2007", changed(cells={("F2011", "events"): "44"})),
        ["H", "clinic", "2024", "3", "33", "", ""],
    ]
    lead = describe_comparison(compared(tmp_path, rows))[0]
    assert lead.heading == "What changed from 2026.1 to 2026.2"
    assert lead.sentences == (
        "2 of 2 analyses changed. 1 row came, 1 row went and 1 row changed. "
        "No choice that can move a number differs.",
    )
    assert lead.points == ("2026.1: First.", "2026.2: Second.")


def test_nothing_that_differs_is_said_in_three_sentences(tmp_path: Path) -> None:
    parts = describe_comparison(compared(tmp_path, ROWS))
    assert [part.sentences for part in parts] == [
        (
            "None of 2 analyses changed. No row of a sheet differs. "
            "No choice that can move a number differs.",
            "The same in both: all and clinics.",
        )
    ]


def test_an_analysis_shows_both_versions_in_its_unit_and_what_is_behind(tmp_path: Path) -> None:
    text = with_lines(UNIT)
    parts = describe_comparison(compared(tmp_path, changed(cells={("F2011", "events"): "44"}), text, text))
    part = parts[1]
    assert part.heading == "All settings (all)"
    assert [column.heading for column in part.table.columns] == ["", "2026.1", "2026.2"]
    found = cells(part)
    assert [line[0] for line in found] == ["Per 100 [CI]", "Prediction interval", "tau²", "Studies (k)"]
    assert found[3] == ("Studies (k)", "6", "6")
    old, new = (take(n, tmp_path / n).results["analyses"]["all"]["fit"]["natural"] for n in ("a", "b"))
    for line, side in ((1, old), (2, new)):
        said = found[0][line].replace("[", "").replace("]", "").replace(",", "").split()
        assert [float(x) for x in said] == pytest.approx(
            [100 * side[name] for name in ("value", "low", "high")], abs=0.0501
        )
    assert part.points == ("F2011 changed (s.csv, line 7): events 40 → 44",)


def test_numbers_that_differ_by_little_are_shown_as_different(tmp_path: Path) -> None:
    text = with_lines(UNIT)
    rows = changed(ROWS, {("F2011", "events"): "40000", ("F2011", "n"): "210000"})
    again = changed(rows, {("F2011", "events"): "40010"})
    old = take("1", write_review(tmp_path / "a", rows, text))
    new = take("2", write_review(tmp_path / "b", again, text))
    line = cells(describe_comparison(compare_snapshots(old, new))[1])[0]
    assert line[1] != line[2]


def test_rows_behind_say_where_they_stand_and_why(tmp_path: Path) -> None:
    rows = without("B2003")
    points = describe_comparison(compared(tmp_path, rows))[1].points
    assert points == (
        "A2001 is no longer used (s.csv, line 2): set aside in favour of Consortium2015, with more people",
        "Consortium2015 is used now (s.csv, line 9, now 8): was set aside in favour of A2001 and B2003, "
        "since more studies are kept this way",
        "B2003 went (s.csv, line 3)",
    )


def test_rows_alike_that_no_analysis_uses_are_one_line(tmp_path: Path) -> None:
    unused = [[f"P{i}", "prison", "", str(i), "50", "", "x"] for i in range(9)]
    emptied = [[*row[:3], "", "", *row[5:]] for row in unused]
    old = take("1", write_review(tmp_path / "a", [*ROWS, *unused]))
    new = take("2", write_review(tmp_path / "b", [*ROWS, *emptied]))
    changes = compare_snapshots(old, new)
    assert len(changes.sheets[0].rows) == 9
    part = describe_comparison(changes)[-1]
    assert part.sentences == ("9 rows differ, 8 are the same.",)
    assert part.points == ("9 rows that no analysis uses lost events and n",)


def test_a_row_of_a_sheet_is_told_cell_by_cell(tmp_path: Path) -> None:
    rows = changed(cells={("F2011", "events"): "44", ("F2011", "remark"): "again", ("E2009", "remark"): ""})
    part = describe_comparison(compared(tmp_path, rows))[-1]
    assert part.heading == "Rows of s.csv"
    assert part.points == (
        "E2009 changed, line 6: remark a word → empty; used by all and clinics",
        "F2011 changed, line 7: events 40 → 44; remark empty → again; used by all",
    )


def test_groups_stand_for_an_analysis_without_an_overall_estimate(tmp_path: Path) -> None:
    text = with_lines(
        UNIT, "overall = false", "leave_one_out = false", 'subgroups = [{by = "setting", overall = false}]'
    ).replace('cumulative = "year"\n', "")
    part = describe_comparison(compared(tmp_path, changed(cells={("D2007", "events"): "35"}), text, text))[1]
    assert [column.heading for column in part.table.columns] == [
        "Group",
        "Per 100 [CI], 2026.1",
        "Per 100 [CI], 2026.2",
        "tau²",
        "k",
    ]
    ((group, old, new, _, k),) = cells(part)
    assert (group, k) == ("clinic", "3")
    assert old != new
    assert part.sentences == ()


def test_what_moved_beyond_the_estimate_is_said(tmp_path: Path) -> None:
    part = describe_comparison(compared(tmp_path, changed(cells={("F2011", "year"): "1999"})))[1]
    assert part.sentences == ("The estimate is the same; what moved: cumulative results.",)


def test_a_threshold_is_said_where_it_matters(tmp_path: Path) -> None:
    text = with_lines(UNIT, 'threshold = {value = 20, words = "A fifth", source = "Us"}')
    still = compared(tmp_path / "s", changed(cells={("F2011", "events"): "41"}), text, text)
    assert describe_comparison(still)[0].sentences[0].endswith("No estimate crossed a declared threshold.")
    crossed = compared(tmp_path / "c", changed(cells={("F2011", "events"): "200"}), text, text)
    said = "all: the estimate lay below its threshold of 20 (A fifth) and lies above it now"
    lead, part = describe_comparison(crossed)[:2]
    assert said in lead.sentences[0]
    assert part.sentences[0].startswith(said)
    threshold = replace(crossed.analyses[0].threshold, interval_changed=True, new_interval="on")
    both = replace(crossed, analyses=(replace(crossed.analyses[0], threshold=threshold),))
    assert describe_comparison(both)[1].sentences[0] == f"{said}, and its interval includes it now."


def test_choices_are_told_by_what_they_can_do(tmp_path: Path) -> None:
    new = with_lines('caveats = ["Few."]', 'model = {tau2_method = "DL"}')
    parts = describe_comparison(compared(tmp_path, ROWS, new))
    assert [(part.heading, part.points) for part in parts[2:]] == [
        ("Choices that can move a number", ("analyses.all.model.tau2_method: REML → DL",)),
        ("Words, and parts of analyses that came or went", ("analyses.all.caveats.1: Few. (new)",)),
    ]
    assert parts[1].points == ("choice model.tau2_method: REML → DL",)


def test_alternatives_that_come_are_named_and_are_no_choice_that_moves_a_number(tmp_path: Path) -> None:
    one = '{label = "By \\"DL\\"", reason = "Old", model = {tau2_method = "DL"}}'
    two = '{label = "t", reason = "New", model = {ci_method = "t"}}'
    changes = compared(tmp_path / "x", ROWS, with_lines(f"alternatives = [{one}, {two}]"))
    parts = describe_comparison(changes)
    assert parts[0].sentences[0].endswith("No choice that can move a number differs.")
    assert [(part.heading, part.points) for part in parts[1:]] == [
        ("Alternatives that came or went", ('all: 2 came: By "DL"; t',))
    ]
    again = two.replace("New", "Newer")
    words = compared(
        tmp_path / "y", ROWS, with_lines(f"alternatives = [{again}]"), with_lines(f"alternatives = [{two}]")
    )
    assert describe_comparison(words)[1].points == ("analyses.all.alternatives.t.reason: New → Newer",)


def test_many_rows_that_came_are_one_point(tmp_path: Path) -> None:
    more = [[f"N{i}", "ward", str(2016 + i), str(9 + i), "90", "", ""] for i in range(4)]
    part = describe_comparison(compared(tmp_path, [*ROWS, *more]))[1]
    assert part.points == ("4 rows came (s.csv): N0 (line 10), N1 (line 11), N2 (line 12) and N3 (line 13)",)


def test_what_only_the_software_explains_is_said_plainly(tmp_path: Path) -> None:
    changes = compared(tmp_path, changed(cells={("F2011", "events"): "44"}))
    (first, second) = changes.analyses
    software = ChoiceChange("software", "packages.scipy", "1.1", "1.2", None, moves=True)
    moved = replace(first, rows=(), choices=("packages.scipy",))
    alone = replace(changes, analyses=(moved, second), choices=(software,))
    assert describe_comparison(alone)[1].points == (
        "No row and no choice explains this; the software is another: packages.scipy: 1.1 → 1.2",
    )
    nothing = replace(alone, analyses=(replace(moved, choices=()), second))
    assert describe_comparison(nothing)[1].points == (
        "No row, no choice and no version of the software explains this",
    )


def test_analyses_that_come_and_go_are_named_so(tmp_path: Path) -> None:
    changes = compared(tmp_path, ROWS, PROTOCOL.replace('id = "clinics"', 'id = "third"'))
    parts = describe_comparison(changes)
    assert [part.heading for part in parts[1:3]] == [
        "Clinics (third): new in 2026.2",
        "Clinics (clinics): no longer in 2026.2",
    ]
    assert [[column.heading for column in part.table.columns] for part in parts[1:3]] == [
        ["", "2026.2"],
        ["", "2026.1"],
    ]
    assert len(parts) == 3
    assert cells(parts[1])[-1] == ("Studies (k)", "3")
    assert parts[0].sentences[0].startswith("None of 2 analyses changed, 1 came and 1 went.")


def test_markdown_is_tables_and_lists(tmp_path: Path) -> None:
    text = changes_markdown(compared(tmp_path, changed(cells={("F2011", "events"): "44"})))
    assert text.startswith("# What changed from 2026.1 to 2026.2\n\n1 of 2 analyses changed.")
    assert "\n## All settings (all)\n\n|   | 2026.1 | 2026.2 |\n| --- | ---: | ---: |\n" in text
    assert "\n- F2011 changed (s.csv, line 7): events 40 → 44\n" in text
    assert text.endswith("used by all\n")


HOSTILE = "[x](http://evil.example) <img src=x> `|` **b**\n# h \x1b[31m\u202e"


def test_hostile_text_stays_text_in_markdown(tmp_path: Path) -> None:
    changes = compared(tmp_path, changed(cells={("F2011", "events"): "44"}))
    (first, second) = changes.analyses
    evil = RowBehind("changed", HOSTILE, 7, 7, first.rows[0].cells, HOSTILE)
    choice = ChoiceChange("protocol", HOSTILE, HOSTILE, HOSTILE, None, moves=True)
    text = changes_markdown(
        replace(
            changes,
            old=HOSTILE,
            new_note=HOSTILE,
            choices=(choice,),
            analyses=(replace(first, title=HOSTILE, rows=(evil,)), second),
        )
    )
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "<img" not in text.replace("\\<img", "")
    assert "](" not in text.replace("\\](", "")
    assert "http://" not in text
    assert "**" not in text.replace("\\*\\*", "")
    # a line of a cell begins no heading
    assert [line for line in text.splitlines() if line.startswith("# ")] == text.splitlines()[:1]


def test_a_threshold_that_moved_is_said(tmp_path: Path) -> None:
    old = with_lines(UNIT, 'threshold = {value = 20, words = "A fifth", source = "Us"}')
    new = with_lines(UNIT, 'threshold = {value = 10, words = "A tenth", source = "Us"}')
    (said, _) = describe_comparison(compared(tmp_path / "v", ROWS, new, old))[0].sentences
    assert said.endswith("all: its threshold was 20 and is 10 now, and the estimate lies above it.")
    finer = old.replace("factor = 100", "factor = 1000")
    (said, _) = describe_comparison(compared(tmp_path / "u", ROWS, finer, old))[0].sentences
    assert said.endswith("all: its threshold was 200 and is 20 now, and the estimate lies above it.")


def test_a_ratio_crosses_no_threshold_of_a_proportion(tmp_path: Path) -> None:
    new = with_lines(UNIT, 'threshold = {value = 50, words = "Half", source = "Us"}')
    two = 'columns = {events1 = "events", n1 = "n", events2 = "events", n2 = "n"}'
    ratio = new.replace('"PLO"\ncolumns = {events = "events", n = "n"}', f'"RR"\n{two}', 1).replace(UNIT, "")
    changes = compared(tmp_path, ROWS, new, ratio)
    found = changes.analyses[0].threshold
    assert found is not None
    assert (found.old_side, found.new_side, found.crossed, found.old_value) == (None, "below", False, None)
    assert "lies" not in describe_comparison(changes)[0].sentences[0]


def test_a_note_with_line_feeds_stays_one_point(tmp_path: Path) -> None:
    sides = [
        take(name, write_review(tmp_path / name, ROWS, PROTOCOL), note)
        for name, note in (("1.0", "one\n\nAll settings (all)\n  The estimate is the same."), ("1.1", "two"))
    ]
    lead = describe_comparison(compare_snapshots(*sides))[0]
    assert lead.points == ("1.0: one All settings (all) The estimate is the same.", "1.1: two")


def test_the_lead_counts_analyses_that_came_and_went_apart(tmp_path: Path) -> None:
    alone = PROTOCOL[: PROTOCOL.index(SECOND)]
    went = describe_comparison(compared(tmp_path / "w", ROWS, alone, PROTOCOL))[0].sentences[0]
    assert went.startswith("The one analysis in both did not change and 1 went. ")
    renamed = alone.replace('id = "all"', 'id = "every"')
    none = describe_comparison(compared(tmp_path / "n", ROWS, renamed, alone))[0].sentences[0]
    assert none.startswith("No analysis is in both versions, 1 came and 1 went. ")
