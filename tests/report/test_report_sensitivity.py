"""Sensitivity to choices in the report: sentences, tables, and numbers that lead back to results.json."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest

from meta.choices import compute_sensitivity
from meta.report.pieces import Node, Sentence, Shown, plain
from meta.report.sensitivity import read_block
from meta.report.views import Block, Table
from meta.tables.numbers import factor_text, signed_text


@pytest.fixture(scope="module")
def entries() -> dict[str, Any]:
    """The shipped analyses with their alternatives, as results.json holds them."""
    found: dict[str, Any] = json.loads(json.dumps(dict(compute_sensitivity().entries)))
    return found


def said(block: Block) -> list[str]:
    return [plain(sentence) for sentence in block.sentences]


def table_rows(table: Table) -> dict[str, list[str]]:
    return {plain(row.cells[0]): [plain(cell) for cell in row.cells[1:]] for row in table.rows}


def changed(entry: dict[str, Any], **values: Any) -> dict[str, Any]:
    """Return a copy of an entry; ``values`` replace fields of its alternatives."""
    copied = copy.deepcopy(entry)
    copied["alternatives"].update(values)
    return copied


def test_one_sentence_names_what_moves_the_estimate_most(entries: dict[str, Any]) -> None:
    assert said(read_block("trs_total", entries["trs_total"])) == [
        "Of 14 alternatives, “Follow-up of 5 years or more” moves the estimate most: from 17.1 to 20.5 per "
        "100 people with a first episode (+3.4), on 5 studies instead of 12.",
        "Every estimate that is compared lies within the main 95% interval.",
        "No estimate crosses the threshold of 22.8 per 100 people with a first episode. The main interval is "
        "clear of it; not clear of it are those of “Inverse variance (REML, HKSJ)”, “Beta-binomial”, "
        "“Clozapine proxies left out”, “Register proxy left out”, “Follow-up of 5 years or more” and "
        "“Uncertain counts left out”.",
    ]


def test_ratios_move_by_a_factor_and_intervals_are_held_against_no_difference(
    entries: dict[str, Any],
) -> None:
    sentences = said(read_block("clozapine_controlled", entries["clozapine_controlled"]))
    assert sentences[0].endswith(
        "moves the estimate most: from risk ratio 1.88 to 3.92 (×2.09), on 2 studies instead of 4."
    )
    assert "No estimate crosses the threshold of 1." in sentences
    assert "The main interval includes 1, no difference; that of “Mantel–Haenszel” excludes it." in sentences
    assert sentences[-1] == "Without an estimate: “Counts as printed” (no study can be used)."
    assert sentences[-2].startswith("Shown and not compared: “Odds ratio” (another quantity: odds ratio")
    entry = changed(entries["clozapine_controlled"])
    rows = entry["alternatives"]["rows"]
    rows[0]["includes_null"] = False
    assert (
        f"The main interval includes 1, no difference; those of “{rows[0]['label']}” and “Mantel–Haenszel” "
        "exclude it."
    ) in said(read_block("x", entry))
    for row in rows:
        row["includes_null"] = True
    assert "The main interval includes 1, no difference; so does that of every alternative that has one." in (
        said(read_block("x", entry))
    )


def test_nothing_declared_says_nothing(entries: dict[str, Any]) -> None:
    assert not read_block("td_rate", entries["td_rate"]).exists


@pytest.mark.parametrize(
    ("rows", "most", "words"),
    [
        (1, 0, "The one alternative, “Inverse variance (REML, HKSJ)”, moves the estimate: from 17.1 to 17.2"),
        (1, None, "The one alternative does not move the estimate."),
        (3, None, "None of the 3 alternatives moves the estimate."),
    ],
)
def test_few_alternatives_and_those_that_move_nothing(
    entries: dict[str, Any], rows: int, most: int | None, words: str
) -> None:
    kept = entries["trs_total"]["alternatives"]["rows"][:rows]
    first = said(read_block("x", changed(entries["trs_total"], rows=kept, most=most)))[0]
    assert first.startswith(words)


def test_a_move_that_no_digit_shows_is_no_move_from_a_number_to_itself(entries: dict[str, Any]) -> None:
    rows = copy.deepcopy(entries["trs_total"]["alternatives"]["rows"][:2])
    for row in rows:
        row["natural"] = entries["trs_total"]["fit"]["natural"]
        row["shift"] = 1e-6
    first = said(read_block("x", changed(entries["trs_total"], rows=rows, most=0)))[0]
    people = "17.1 per 100 people with a first episode"
    assert first == f"None of the 2 alternatives moves the estimate, {people}, by as much as its last digit."
    first = said(read_block("x", changed(entries["trs_total"], rows=rows[:1], most=0)))[0]
    assert first == f"The one alternative does not move the estimate, {people}, by as much as its last digit."


def test_one_alternative_that_cannot_be_compared_is_one(entries: dict[str, Any]) -> None:
    rows = copy.deepcopy(entries["trs_total"]["alternatives"]["rows"][:1])
    rows[0]["shift"] = None
    first = said(read_block("x", changed(entries["trs_total"], rows=rows, most=None)))[0]
    assert first == "The one alternative cannot be compared with the main estimate."


def test_estimates_outside_the_main_interval_are_named(entries: dict[str, Any]) -> None:
    entry = changed(entries["trs_total"])
    for i in (0, 2):
        entry["alternatives"]["rows"][i]["outside"] = True
    assert said(read_block("x", entry))[1] == (
        "The estimates of “Inverse variance (REML, HKSJ)” and “Freeman–Tukey (older reviews)” lie "
        "outside the main 95% interval."
    )


def test_a_threshold_is_crossed_or_not_and_has_a_column(entries: dict[str, Any]) -> None:
    entry = changed(entries["trs_total"], threshold={"estimate": "below", "interval": "on"})
    entry["threshold"] = {"value": 20.0, "words": "a fifth", "source": "Planner 2020"}
    for one in entry["alternatives"]["rows"]:
        one.update(threshold={"estimate": "below", "interval": "on"}, crossed=False)
    block = read_block("x", entry)
    assert "No estimate crosses the threshold of 20 per 100 people with a first episode." in said(block)
    entry["alternatives"]["rows"][8].update(
        threshold={"estimate": "above", "interval": "above"}, crossed=True
    )
    block = read_block("x", entry)
    assert (
        "“Follow-up of 5 years or more” crosses the threshold of 20 per 100 people with a first episode: the "
        "main estimate lies below it. The main interval includes it; clear of it is that of “Follow-up of 5 "
        "years or more”."
    ) in said(block)
    (numbers,) = block.hidden
    assert [column.heading for column in numbers.columns][-1] == "Threshold"
    assert table_rows(numbers)["Main analysis"][-1] == "below, interval includes it"
    assert table_rows(numbers)["Follow-up of 5 years or more"][-1] == "crosses: above, interval clear of it"


def test_the_tables_hold_every_alternative_with_changes_and_reasons(entries: dict[str, Any]) -> None:
    block = read_block("clozapine_controlled", entries["clozapine_controlled"])
    (words,), (numbers,) = block.tables, block.hidden
    labels = [row["label"] for row in entries["clozapine_controlled"]["alternatives"]["rows"]]
    assert list(table_rows(words)) == labels
    assert list(table_rows(numbers)) == ["Main analysis", *labels]
    shown = table_rows(numbers)
    on = ["above, interval includes it"]
    assert shown["Main analysis"] == ["4", "1.88 [0.41, 8.59]", "0.08 to 44.37", "–", *on]
    assert shown["DerSimonian and Laird, Wald"] == [
        "4", "1.73 [0.95, 3.15]", "0.24 to 12.65", "×0.92", *on,
    ]  # fmt: skip
    assert shown["Risk difference"][1] == "risk difference 0.14 [−0.12, 0.41]"
    assert shown["Counts as printed"] == ["0", "–", "–", "–", "–"]
    changes, why = table_rows(words)["Counts as printed"]
    assert changes == "verification is seen. Out: Kane1988, Bondolfi1998, Bitter2004, Kumra2008."
    assert why.startswith("No estimate: no study can be used. No count rebuilt from a percentage")


def test_names_said_already_are_not_said_twice_and_long_lists_are_counted(entries: dict[str, Any]) -> None:
    total = table_rows(read_block("x", entries["trs_early"]).tables[0])
    assert total["Chan2021 left out"][0] == "without Chan2021."
    trials = table_rows(read_block("x", entries["clozapine_response"]).tables[0])["Randomised arms only"][0]
    assert trials.endswith("Remschmidt1994, Honer1995 and 10 more.")
    cases = table_rows(read_block("x", entries["td_improvement_clozapine"]).tables[0])
    assert cases["vanHarten1996 by its dystonia"][0].endswith("By another row: vanHarten1996.")


def test_remarks_stand_below_the_table(entries: dict[str, Any]) -> None:
    notes = [plain(note) for note in read_block("x", entries["trs_total"]).tables[0].notes]
    assert any("“Freeman–Tukey (older reviews)”: the middle of the double arcsine scale" in n for n in notes)
    assert any("can mislead badly where studies differ in size" in note for note in notes)
    thin = [plain(n) for n in read_block("x", entries["td_improvement_clozapine"]).tables[0].notes]
    assert "“Series with dystonia left out”: τ² at its lower bound, 0." in thin


def sentences_of(block: Block) -> Iterator[Sentence]:
    yield from block.sentences
    for table in (*block.tables, *block.hidden):
        yield from (cell for row in table.rows for cell in row.cells)


def test_every_number_leads_to_a_number_of_results(entries: dict[str, Any]) -> None:
    root = Node({"analyses": entries})
    seen = 0
    for name, entry in entries.items():
        for sentence in sentences_of(read_block(name, entry)):
            for piece in sentence:
                if isinstance(piece, Shown):
                    parts = [int(part) if part.isdigit() else part for part in piece.id.split(".")]
                    node = root.at(*parts)
                    # a count of rows leads to the rows
                    assert node.number() is not None or isinstance(node.value, list), piece
                    seen += 1
    assert seen > 500


def test_moves_are_written_with_their_sign() -> None:
    assert [signed_text(x, 1) for x in (2.84, -0.31, 0.0, 0.04, -0.04, None)] == [
        "+2.8",
        "−0.3",
        "0.0",
        "0.0",
        "0.0",
        "–",
    ]
    assert [factor_text(x) for x in (1.116, 0.97, 1.0, 12.34, 0.004, None)] == [
        "×1.12",
        "×0.97",
        "×1.00",
        "×12.3",
        "×0.0040",
        "–",
    ]
