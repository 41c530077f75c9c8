"""The forest of old and new estimates and the release history, as pages."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_forest_layout import names, outside, overlapping, page_of, sizes, texts

from meta.effects.measures import default_unit, find_measure
from meta.errors import PlotError
from meta.living.shapes import HistoryPoint, Standing
from meta.options import DisplayUnit
from meta.plots import theme
from meta.plots.changes import Pair, changes_plot
from meta.plots.history import history_plot
from meta.plots.layout import Disc, Page, Patch, Stroke
from meta.plots.marks import Outcome
from meta.plots.panel import Threshold
from meta.plots.save import figure_bytes
from meta.plots.standings import standing_extent

UNIT = DisplayUnit(100.0, "Per 100", "Resistant, per 100 people")
RATIO = DisplayUnit(1.0, "Risk ratio", "Risk ratio (log scale)")
VERSIONS = ("2026.10.0", "this version")


def standing(
    value: float | None,
    low: float | None,
    high: float | None,
    prediction: tuple[float, float] | tuple[None, None] = (None, None),
    *,
    k: int = 6,
    status: str = "ok",
    measure: str = "PLO",
) -> Standing:
    return Standing(measure, k, status, value, low, high, *prediction, 0.28, 0.11, 0.9, 94.0)


OLD = standing(0.163, 0.11, 0.23, (0.05, 0.41))
NEW = standing(0.171, 0.139, 0.21, (0.055, 0.42), k=12)


def discs(page: Page) -> list[Disc]:
    return [shape for shape in page.shapes if isinstance(shape, Disc)]


def test_old_is_open_and_grey_above_new_filled_and_blue() -> None:
    page = page_of(
        changes_plot([Pair("All cohorts", "", OLD, NEW)], UNIT, "PLO", VERSIONS, level=0.95, title="Title")
    )
    old, new = sorted(discs(page), key=lambda disc: disc.y)
    assert (old.fill, old.edge) == (theme.PAPER, theme.GREY)
    assert (new.fill, new.edge) == (theme.BLUE, theme.BLUE)
    # both on one axis: 16.3 lies to the left of 17.1
    assert old.x < new.x
    shown = texts(page)
    assert shown.index("2026.10.0") < shown.index("this version")
    assert "16.3 [11.0, 23.0]" in shown
    assert "17.1 [13.9, 21.0]" in shown
    assert "[5.5, 42.0]" in shown
    assert "Per 100 [95% CI]" in shown
    assert any(t.startswith("Open circles: 2026.10.0; filled circles: this version.") for t in shown)
    bars = [s for s in page.shapes if isinstance(s, Patch) and s.fill == theme.RUST]
    assert len(bars) == 2
    # a bar stands closer to its own interval than to that of the next row
    assert 0 < bars[0].points[0][1] - old.y < new.y - bars[0].points[2][1]
    assert "17.1 [13.9, 21.0]" in page.description


def test_what_has_no_number_keeps_its_row_and_says_why() -> None:
    pairs = [
        Pair("Came", "", None, NEW),
        Pair("Failed", "", OLD, standing(None, None, None, status="not_converged")),
        Pair("By group", "", OLD, standing(None, None, None, status="not_pooled")),
        Pair("Another kind", "", standing(1.5, 1.1, 2.0, measure="RR"), NEW),
    ]
    page = page_of(changes_plot(pairs, UNIT, "PLO", VERSIONS))
    assert len(discs(page)) == 4
    shown = texts(page)
    for words in (
        "not in this version",
        "not converged",
        "no overall estimate: by group only",
        "another measure: risk ratio",
    ):
        assert shown.count(words) == 1
    assert shown.count("this version") == 4
    assert overlapping(page) == []


def test_another_measure_of_the_same_kind_is_drawn_and_marked() -> None:
    old, new = (standing(2.0, 1.5, 3.0, measure=code) for code in ("OR", "RR"))
    page = page_of(changes_plot([Pair("Trials", "", old, new)], RATIO, "RR", VERSIONS))
    assert len(discs(page)) == 2
    assert "2026.10.0†" in texts(page)
    assert "† as odds ratio, another measure." in texts(page)
    # the null line of ratios stands at 1, left of both
    null = [s for s in page.shapes if isinstance(s, Stroke) and s.color == theme.RULE and s.x1 == s.x2]
    assert len(null) == 1
    assert null[0].x1 < min(disc.x for disc in discs(page))


def test_a_threshold_runs_through_the_rows_of_its_own_analysis_only() -> None:
    pairs = [Pair("With", "", OLD, NEW, 20.0), Pair("Without", "", OLD, NEW)]
    page = page_of(changes_plot(pairs, UNIT, "PLO", VERSIONS))
    dashed = [s for s in page.shapes if isinstance(s, Stroke) and s.dash]
    assert len(dashed) == 2
    rows = sorted(disc.y for disc in discs(page))
    assert max(line.y2 for line in dashed) < rows[2]
    assert any("With, 20 per 100" in text for text in texts(page))


def test_groups_of_one_analysis_share_its_title() -> None:
    pairs = [Pair("By definition", "Trials", OLD, NEW), Pair("By definition", "Proxy", None, NEW)]
    page = page_of(changes_plot(pairs, UNIT, "PLO", VERSIONS))
    assert texts(page).count("By definition") == 1
    assert {"Trials", "Proxy"} <= set(texts(page))


def test_nothing_to_draw_is_refused() -> None:
    with pytest.raises(PlotError, match="nothing changed"):
        changes_plot([], UNIT, "PLO", VERSIONS)
    with pytest.raises(PlotError, match="at least two versions; got 1"):
        history_plot([HistoryPoint("1.0", "", OLD)], UNIT)


def test_a_history_ends_in_the_version_of_the_report() -> None:
    points = [
        HistoryPoint("2026.1.0", "Nothing yet", standing(None, None, None, k=0, status="not_estimable")),
        HistoryPoint("2026.2.0", "Cohorts published by 2017 " * 6, OLD),
        HistoryPoint("this version", "", NEW),
    ]
    page = page_of(
        history_plot(points, UNIT, level=0.9, title="Title", threshold=Threshold(20.0, "planned", "NICE"))
    )
    assert overlapping(page) == []
    assert outside(page) == []
    shown = texts(page)
    assert [t for t in shown if t in ("2026.1.0", "2026.2.0", "this version")] == [
        "2026.1.0",
        "2026.2.0",
        "this version",
    ]
    assert "not estimable" in shown
    assert "20: planned" in shown
    assert "Dashed line: 20 per 100, planned (NICE)." in shown
    old, new = sorted(discs(page), key=lambda disc: disc.y)
    (band,) = [s for s in page.shapes if isinstance(s, Patch) and s.fill == theme.WASH]
    interval = [s for s in page.shapes if isinstance(s, Stroke) and s.y1 == new.y and s.color == theme.BLUE]
    assert (interval[0].x1, interval[0].x2) == pytest.approx((band.points[0][0], band.points[1][0]))
    assert old.fill == theme.PAPER
    assert new.fill == theme.BLUE
    # a long note is shortened
    assert not any("2017 Cohorts published by 2017 Cohorts published by 2017 Cohorts" in t for t in shown)


def test_a_history_without_any_number_draws_no_mark() -> None:
    nothing = standing(None, None, None, status="not_pooled")
    page = page_of(history_plot([HistoryPoint(v, "", nothing) for v in ("1.0", "this version")], UNIT))
    assert discs(page) == []
    assert texts(page).count("no overall estimate: by group only") == 2
    assert "Note" not in texts(page)


def test_a_note_column_stands_only_where_there_are_notes() -> None:
    points = [HistoryPoint("1.0", "", OLD), HistoryPoint("this version", "", NEW)]
    assert "Note" not in texts(page_of(history_plot(points, UNIT)))
    noted = [replace(points[0], note="First"), points[1]]
    assert {"Note", "First"} <= set(texts(page_of(history_plot(noted, UNIT))))


@st.composite
def standings(draw: st.DrawFn) -> Standing | None:
    if draw(st.integers(0, 5)) == 0:
        return None
    if draw(st.integers(0, 5)) == 0:
        return standing(None, None, None, status="not_estimable", measure="RR")
    value, reach = draw(sizes), draw(st.floats(1.0, 1e3))
    high = math.inf if draw(st.integers(0, 9)) == 0 else value * reach
    predicted = (value / reach**2, value * reach**2) if draw(st.booleans()) else (None, None)
    return standing(value, value / reach, high, predicted, measure="RR")


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(names, names, standings(), standings()), min_size=1, max_size=6))
def test_nothing_overlaps_or_leaves_the_page(rows: list[tuple[str, str, Standing, Standing]]) -> None:
    pairs = [Pair(title, group, old, new, 1.5) for title, group, old, new in rows]
    page = page_of(changes_plot(pairs, RATIO, "RR", VERSIONS, title=rows[0][0]))
    assert overlapping(page) == []
    assert outside(page) == []
    nothing = standing(None, None, None, status="not_estimable", measure="RR")
    points = [HistoryPoint(title, group, new or nothing) for title, group, _, new in rows]
    page = page_of(history_plot([*points, HistoryPoint("now", "", nothing)], RATIO))
    assert overlapping(page) == []
    assert outside(page) == []


def test_the_same_bytes_twice() -> None:
    first, second = (
        figure_bytes(changes_plot([Pair("A", "", OLD, NEW, 20.0)], UNIT, "PLO", VERSIONS)) for _ in "ab"
    )
    assert first == second
    assert first.startswith(b"<?xml")


def test_prediction_intervals_are_whole_unless_out_of_proportion() -> None:
    unit, measure = default_unit("GEN"), find_measure("GEN")

    def held(low: float, high: float) -> bool:
        mark = Outcome(-0.3, -0.4, -0.2, (low, high), True, None)
        return {low, high} <= set(standing_extent([mark], unit, measure, []).always)

    assert held(-1.1, 0.5)
    assert not held(-30.0, 30.0)
    assert not held(float("-inf"), 0.5)
