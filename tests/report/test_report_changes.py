"""What changed since the last release, and the release history, in the report."""

from __future__ import annotations

import copy
import math
import re
from dataclasses import replace
from typing import Any

import pytest
from report_factory import HOSTILE, make_figures, make_results, svg_of
from test_report_html import Page, shown_number, value_at

from meta.errors import ReportError
from meta.living.shapes import (
    AnalysisChanges,
    CellChange,
    Changes,
    ChoiceChange,
    GroupChange,
    HistoryPoint,
    RowBehind,
    RowChange,
    SheetChanges,
    Standing,
    ThresholdChange,
)
from meta.living.summary import describe_changes
from meta.options import DisplayUnit
from meta.report.html import render_html
from meta.report.markdown import render_markdown
from meta.results import to_plain

UNIT = DisplayUnit(100.0, "Per 100", "Treatment resistant, per 100 people")
RATIO = DisplayUnit(1.0, "Risk ratio", "Risk ratio (log scale)")


def standing(value: float | None, low: float | None, high: float | None, **changes: Any) -> Standing:
    fields: dict[str, Any] = {
        "measure": "PLO",
        "k": 6,
        "status": "ok",
        "prediction_low": None,
        "prediction_high": None,
        "tau2": 0.28,
        "tau2_low": 0.1,
        "tau2_high": 0.9,
        "i2": 94.0,
    }
    return Standing(value=value, low=low, high=high, **{**fields, **changes})


OLD = standing(0.163, 0.11, 0.23, prediction_low=0.05, prediction_high=0.41)
NEW = standing(0.2142, 0.175, 0.26, prediction_low=0.055, prediction_high=0.42, k=9, tau2=0.31)
BY_GROUP = standing(None, None, None, status="not_pooled")


def behind(what: Any, label: str, *cells: CellChange, why: str = "") -> RowBehind:
    return RowBehind(what, label, None if what == "came" else 4, None if what == "went" else 5, cells, why)


def analysis(
    name: str, title: str, what: Any, old: Standing | None, new: Standing | None, **extra: Any
) -> AnalysisChanges:
    fields: dict[str, Any] = {"unit": UNIT, "sheet": "trs"}
    fields |= dict.fromkeys(("groups", "parts", "rows", "choices"), ())
    return AnalysisChanges(
        id=name, title=title, what=what, old=old, new=new, **{**fields, "threshold": None, **extra}
    )


CELL = CellChange("events", "175", "157")
EMPTIED = (CellChange("n_arm1", "12", ""), CellChange("n_arm2", "14", ""))
CHANGES = Changes(
    old="2026.10.0",
    new="2026.11.0",
    old_note="All cohorts.",
    new_note="",
    sheets=(
        SheetChanges(
            "trs",
            "trs.csv",
            "trs.csv",
            ("study_id",),
            ("sites",),
            (),
            (
                RowChange("came", "Chan2021", ("Chan2021",), None, 3, None, (), ("trs_total",)),
                RowChange("changed", "Lee2024", ("Lee2024",), 8, 9, "key", (CELL,), ("trs_total",)),
                *(
                    RowChange("changed", f"Unused{i}", (), i, i, "key", EMPTIED, ())
                    for i in range(20, 108)
                ),
                RowChange("changed", "Odd", (), 200, 200, "content", (CellChange("note", "", "x"),), ()),
            ),
            40,
        ),
        SheetChanges("same", "same.csv", "same.csv", (), (), (), (), 12),
    ),
    choices=(
        ChoiceChange("software", "packages.numpy", "2.0", "2.1", None, True),
        ChoiceChange("protocol", "analyses.trs_total.question", "a", "b", "trs_total", False),
        ChoiceChange("profile", "analyses.trs_total.model.tau2_method", "DL", "REML", "trs_total", True),
    ),
    analyses=(
        analysis(
            "trs_total",
            "Treatment resistance",
            "changed",
            OLD,
            NEW,
            rows=(behind("came", "Chan2021"), behind("changed", "Lee2024", CELL)),
            choices=("analyses.trs_total.model.tau2_method",),
            threshold=ThresholdChange(20.0, 20.0, "planned", "below", "above", "on", "on", True, False),
        ),
        analysis(
            "two",
            "Groups only",
            "changed",
            BY_GROUP,
            BY_GROUP,
            groups=(GroupChange("design", "Cohort", OLD, NEW), GroupChange("design", "Register", None, NEW)),
            rows=(behind("no_longer_used", "Old2001", why="left out by the filter: onset is total"),),
        ),
        analysis("clozapine_rr", "Clozapine", "same", OLD, OLD, unit=RATIO),
        analysis("one", "One study", "came", None, standing(0.1, 0.05, 0.2, k=1, status="single_study")),
        analysis("gone", "An analysis that went", "went", OLD, None),
    ),
)
HISTORY = (
    HistoryPoint("2026.9.0", "First", standing(None, None, None, k=0, status="not_estimable")),
    HistoryPoint("2026.10.0", "All cohorts.", OLD),
    HistoryPoint("2026.11.0", "", NEW),
)


def living(changes: Changes = CHANGES) -> tuple[dict[str, Any], dict[str, str]]:
    """The results of the factory with a comparison and a history, and all figures."""
    results, figures = make_results(), make_figures()
    results["changes"] = describe_changes(changes)
    results["changes"]["figures"] = [{"file": "changes/per_100.svg", "unit": "per 100 people"}]
    results["history"] = {"trs_total": to_plain(HISTORY), "two": to_plain(HISTORY[1:2])}
    results["analyses"]["trs_total"]["figures"]["history"] = "analyses/trs_total/history.svg"
    figures["changes/per_100.svg"] = svg_of("old and new")
    figures["analyses/trs_total/history.svg"] = svg_of("release by release")
    return results, figures


@pytest.fixture(scope="module")
def html() -> str:
    return render_html(*living())


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


@pytest.fixture(scope="module")
def markdown() -> str:
    return render_markdown(living()[0])


def paragraphs(page: Page) -> list[str]:
    return [" ".join(text.split()) for _, text in page.all("p")]


def cells(page: Page) -> list[str]:
    return [text for _, text in [*page.all("th"), *page.all("td")]]


@pytest.mark.parametrize("form", [{}, {"changes": None, "history": {}}])
def test_without_a_release_there_is_no_section(form: dict[str, Any]) -> None:
    results = {k: v for k, v in make_results().items() if k not in ("changes", "history")} | form
    html, text = render_html(results, make_figures()), render_markdown(results)
    for words in ('id="changes"', "What changed", "Release history"):
        assert words not in html
        assert words not in text


def test_the_opening_and_the_section_lead_with_what_changed(page: Page, html: str) -> None:
    said = paragraphs(page)
    opening = "Version 2026.11.0; 2 of 4 analyses changed, 1 is new and 1 is gone since 2026.10.0."
    assert f"{opening} What changed." in said
    (lead,) = [p for p in said if p.startswith("Since 2026.10.0")]
    assert lead == (
        "Since 2026.10.0 (“All cohorts”), 2 of 4 analyses changed, 1 is new and 1 is gone. "
        "In the sheets, 1 row came and 90 rows changed. 1 choice that can move a number differs. "
        "Treatment resistance: the estimate lay below its threshold of 20 per 100 people "
        "and lies above it now."
    )
    # after the answers, before the methods
    assert html.index('id="answers"') < html.index('id="changes"') < html.index('id="methods"')


def test_every_number_of_the_section_has_an_address(page: Page) -> None:
    results, _ = living()
    checked = 0
    for _, attrs, text in page.elements:
        place = attrs.get("data-id", "")
        if not place.startswith(("changes.", "history.")):
            continue
        stored = value_at(results, place)
        stored = float(len(stored)) if isinstance(stored, list) else float(stored)
        number, decimals, _ = shown_number("".join(text))
        factors = (1.0, 100.0)
        assert any(abs(number - stored * f) <= 0.50001 * 10.0**-decimals for f in factors), (place, text)
        checked += 1
    assert checked > 50
    bare = [text for name, attrs, text in page.loose() if name == "td" and attrs.get("class") == "num"]
    assert not [cell for cell in bare if re.search(r"\d", cell) and "<script>" not in cell]


def test_old_and_new_stand_beside_what_is_behind_them(page: Page) -> None:
    rows = [" | ".join(row) for row in table_rows(page, "Analyses that changed")]
    assert rows == [
        "Treatment resistance | 6 → 9 | 16.3 [11.0, 23.0] | 21.4 [17.5, 26.0] | Per\u00a0100 | "
        "20: crossed, below → above; interval includes it, as before | "
        "came: Chan2021; changed: Lee2024 (events 175 → 157); choice: model.tau2_method (DL → REML)",
        "Groups only | 6 | by group only | by group only | Per\u00a0100 | – | no longer used: Old2001",
        "– Cohort | 6 → 9 | 16.3 [11.0, 23.0] | 21.4 [17.5, 26.0] | Per\u00a0100 |  | by design",
        "– Register | – → 9 | – | 21.4 [17.5, 26.0] | Per\u00a0100 |  | by design",
        "One study | – → 1 | – | 10.0 [5.0, 20.0] | Per\u00a0100 | – | new in the review",
        "An analysis that went | 6 → – | 16.3 [11.0, 23.0] | – | Per\u00a0100 | – | no longer in the review",
    ]
    spreads = table_rows(page, "Prediction intervals and tau² before and now")
    assert spreads[0] == ["Treatment resistance", "5.0 to 41.0", "5.5 to 42.0", "0.280", "0.310"]
    # one study has no tau2
    assert ["One study", "–", "–", "–", "–"] in spreads


def table_rows(page: Page, caption: str) -> list[list[str]]:
    """Return the rows of the table with a caption, as texts of cells."""
    rows: list[list[str]] = []
    there = False
    for name, _, text in page.elements:
        if name == "caption":
            there = "".join(text) == caption
        elif there and name == "tr":
            rows.append([])
        elif there and name in ("th", "td"):
            rows[-1].append("".join(text))
    return [row for row in rows[1:] if row]


def test_rows_that_no_analysis_uses_are_told_as_one_where_they_are_alike(page: Page) -> None:
    rows = table_rows(page, "Rows of trs.csv")
    assert rows == [
        ["Chan2021", "came", "3", "", "Treatment resistance"],
        ["Lee2024", "changed", "8 → 9", "events: 175 → 157", "Treatment resistance"],
        ["Odd", "changed, its key too", "200", "note: empty → x", "no analysis"],
        ["88 rows", "changed", "", "n_arm1: emptied; n_arm2: emptied", "no analysis"],
    ]
    assert "trs.csv: 91 rows differ, 40 are the same; column sites came." in " ".join(paragraphs(page))
    # a sheet without a change has no table
    assert "same.csv" not in " ".join(cells(page) + paragraphs(page))


def test_choices_that_move_a_number_come_first(page: Page) -> None:
    rows = table_rows(page, "Choices that differ")
    assert [row[0] for row in rows] == [
        "packages.numpy",
        "analyses.trs_total.model.tau2_method",
        "analyses.trs_total.question",
    ]
    assert rows[1] == ["analyses.trs_total.model.tau2_method", "method profile", "DL", "REML", "yes"]
    assert rows[2][-1] == "no"


def test_why_a_row_is_used_otherwise_is_said(page: Page) -> None:
    rows = table_rows(page, "Rows behind each analysis")
    assert ["Groups only", "Old2001", "no longer used", "4 → 5", "", rows[-1][-1]] == rows[-1]
    assert rows[-1][-1] == "left out by the filter: onset is total"


def test_the_history_is_told_drawn_and_listed(page: Page, markdown: str) -> None:
    words = "Over 3 versions the estimate went from 16.3 (2026.10.0, 6 studies) to 21.4 (2026.11.0, "
    words += "9 studies)"
    assert any(p.startswith(words) for p in paragraphs(page))
    assert words in markdown
    assert "](<analyses/trs_total/history.svg>)" in markdown
    assert table_rows(page, "Release history")[0][:3] == ["2026.9.0", "0", "not estimable"]
    # one version is no history
    assert [text for _, text in page.all("h3")].count("Release history") == 1


def test_an_estimate_that_stays_is_said_to_stay() -> None:
    results, figures = living()
    results["history"]["trs_total"][1] = {**results["history"]["trs_total"][2], "version": "2026.10.0"}
    assert "3 versions the estimate stayed at 21.4 (2026.11.0, 9 studies)" in render_markdown(results)
    del figures["analyses/trs_total/history.svg"]
    with pytest.raises(ReportError, match=r"name a figure 'analyses/trs_total/history\.svg'"):
        render_html(results, figures)


def test_numbers_that_differ_are_shown_as_different() -> None:
    near = replace(NEW, value=0.21424, low=0.17501, high=0.26001, k=9, tau2=0.31)
    changed = replace(CHANGES.analyses[0], old=NEW, new=near)
    text = render_markdown(living(replace(CHANGES, analyses=(changed,)))[0])
    assert "21.420 \\[17.500, 26.000\\] | 21.424 \\[17.501, 26.001\\]" in text


def test_a_measure_of_another_kind_is_named_instead_of_shown() -> None:
    changed = replace(CHANGES.analyses[0], old=standing(1.7, 1.1, 2.4, measure="RR"), threshold=None)
    text = render_markdown(living(replace(CHANGES, analyses=(changed,)))[0])
    assert "another measure: risk ratio | 21.4" in text
    assert "170" not in text.split("What changed since")[1].split("## Methods")[0]


def test_that_nothing_changed_is_said() -> None:
    same = analysis("trs_total", "Treatment resistance", "same", OLD, OLD)
    results, figures = living(replace(CHANGES, sheets=(), choices=(), analyses=(same,)))
    results["changes"]["figures"] = []
    text = " ".join(paragraphs(Page(render_html(results, figures))))
    assert "the one analysis did not change" in text
    gone = replace(same, what="went", new=None)
    text = render_markdown(living(replace(CHANGES, analyses=(gone, same)))[0])
    assert "the one analysis in both did not change and 1 is gone since" in text
    new = replace(same, what="came", old=None)
    text = render_markdown(living(replace(CHANGES, analyses=(new,)))[0])
    assert "no analysis is in both versions and 1 is new since" in text
    text = " ".join(paragraphs(Page(render_html(results, figures))))
    assert "No row of a sheet came, went or changed." in text
    assert "Analyses that changed" not in text


def test_the_interval_alone_can_move_to_a_threshold() -> None:
    moved = ThresholdChange(20.0, 20.0, "planned", "above", "above", "above", "on", False, True)
    changed = replace(CHANGES.analyses[0], threshold=moved)
    text = render_markdown(living(replace(CHANGES, analyses=(changed,)))[0])
    assert "the interval includes now the threshold of 20 per 100 people" in text
    assert "20: not crossed, above; interval includes it, newly" in text
    other = replace(changed, threshold=replace(moved, old_value=25.0))
    text = render_markdown(living(replace(CHANGES, analyses=(other,)))[0])
    assert "the threshold was 25 and is 20 per 100 people now, and the estimate lies above it." in text
    assert "20 (was 25): not crossed, above" in text
    kept = replace(changed, threshold=replace(moved, old_interval="on", interval_changed=False))
    text = render_markdown(living(replace(CHANGES, analyses=(kept,)))[0])
    assert "No estimate crossed a declared threshold." in text


def test_links_and_ids_hold(page: Page) -> None:
    ids = [attrs["id"] for _, attrs, _ in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    inside = [attrs["href"][1:] for attrs, _ in page.all("a") if attrs["href"].startswith("#")]
    assert set(inside) <= set(ids)
    assert "changes" in inside
    assert len(page.all("table")) == len(page.all("caption"))
    assert all(attrs.get("aria-label") for _, attrs, _ in page.elements if attrs.get("class") == "drawing")
    # an analysis that went has no place to lead to
    assert "gone" not in inside


def test_hostile_text_of_a_comparison_is_inert() -> None:
    cell = CellChange(HOSTILE, HOSTILE, HOSTILE)
    row = RowChange("changed", HOSTILE, (HOSTILE,), 3, 3, "key", (cell,), (HOSTILE,))
    changes = Changes(
        old="1.0",
        new="1.1",
        old_note=HOSTILE,
        new_note=HOSTILE,
        sheets=(SheetChanges(HOSTILE, HOSTILE, HOSTILE, (), (HOSTILE,), (HOSTILE,), (row,), 1),),
        choices=(ChoiceChange("protocol", HOSTILE, HOSTILE, HOSTILE, None, True),),
        analyses=(
            analysis(
                HOSTILE,
                HOSTILE,
                "changed",
                OLD,
                NEW,
                groups=(GroupChange(HOSTILE, HOSTILE, OLD, NEW),),
                rows=(RowBehind("changed", HOSTILE, 3, 3, (cell,), HOSTILE),),
                choices=(HOSTILE,),
                parts=(HOSTILE,),
            ),
        ),
    )
    results, figures = living(changes)
    results["history"]["trs_total"] = to_plain([replace(p, note=HOSTILE, version=HOSTILE) for p in HISTORY])
    html, text = render_html(results, figures), render_markdown(results)
    page = Page(html)
    assert html.count("<script") == 1
    assert "\u202e" not in html + text
    assert not any(k.startswith("on") for _, attrs, _ in page.elements for k in attrs)
    addresses = [attrs["href"] for attrs, _ in page.all("a")]
    assert not any(address.startswith("javascript:") for address in addresses)
    assert "<script" not in text.replace("\\<script", "")
    assert "](javascript" not in text.replace("\\](javascript", "")


def test_infinite_bounds_are_shown() -> None:
    endless = replace(NEW, high=math.inf, measure="RR")
    changed = replace(CHANGES.analyses[0], new=endless, old=endless, unit=RATIO, threshold=None)
    results, _ = living(replace(CHANGES, analyses=(changed,)))
    assert "0.21 \\[0.18, ∞\\]" in render_markdown(results)


def test_the_same_comparison_gives_the_same_bytes() -> None:
    results, figures = living()
    assert render_html(results, figures) == render_html(copy.deepcopy(results), dict(figures))
