"""Forest plots as pages: nothing overlaps, nothing is clipped, and the numbers of the fit are on it."""

from __future__ import annotations

import math
import warnings
from dataclasses import replace

import pytest
from figure_data import COHORTS, cohort_groups, cohorts_fit, count_study, make_fit, ratio_study
from hypothesis import given, settings
from hypothesis import strategies as st

from meta.effects.measures import find_measure
from meta.errors import LayoutWarning
from meta.options import DisplayUnit, ModelSpec
from meta.plots import theme
from meta.plots.forest import forest_plot
from meta.plots.forest_columns import Descriptor
from meta.plots.layout import Disc, Page, Patch, Stroke
from meta.plots.panel import Threshold
from meta.results import Excluded, Fit, GroupTest, ModeratorTest, Natural, Study, Subgroups

UNIT = DisplayUnit(100.0, "Per 100", "Resistant, per 100 people")


def page_of(figure: object) -> Page:
    return figure.page  # type: ignore[attr-defined, no-any-return]


def overlapping(page: Page) -> list[tuple[str, str]]:
    """Pairs of texts whose boxes share more than a hair."""
    hair = 1e-6
    found = []
    boxes = sorted(page.texts, key=lambda box: box.y)
    for i, a in enumerate(boxes):
        for b in boxes[i + 1 :]:
            if b.y + hair >= a.y + a.h:
                break
            if a.x + hair < b.x + b.w and b.x + hair < a.x + a.w:
                found.append((a.text, b.text))
    return found


def outside(page: Page) -> list[str]:
    """Texts and shapes that leave the page."""
    beyond = [
        b.text
        for b in page.texts
        if b.x < 0 or b.y < 0 or b.x + b.w > page.width + 1e-6 or b.y + b.h > page.height + 1e-6
    ]
    for shape in page.shapes:
        if isinstance(shape, Stroke):
            ends = [(shape.x1, shape.y1), (shape.x2, shape.y2)]
        elif isinstance(shape, Patch):
            ends = list(shape.points)
        else:
            ends = [(shape.x - shape.radius, shape.y), (shape.x + shape.radius, shape.y)]
        if not all(-1e-6 <= x <= page.width + 1e-6 and -1e-6 <= y <= page.height + 1e-6 for x, y in ends):
            beyond.append(repr(shape))
    return beyond


def texts(page: Page) -> list[str]:
    return [box.text for box in page.texts]


def patches(page: Page, fill: str) -> list[Patch]:
    return [shape for shape in page.shapes if isinstance(shape, Patch) and shape.fill == fill]


names = st.one_of(
    st.text(min_size=1, max_size=30),
    st.text(alphabet="abc -/éЖשλ研$\u202e", min_size=1, max_size=400),
    st.sampled_from(["x" * 5000, "word " * 1000, "<script>alert(1)</script>", "]]>", "$\\frac{1}{2}$"]),
)
sizes = st.floats(-12.0, 12.0).map(lambda e: 10.0**e)


@st.composite
def studies(draw: st.DrawFn, measure: str) -> list[Study]:
    labels = draw(st.lists(names, min_size=1, max_size=draw(st.sampled_from([1, 2, 5, 12, 80])), unique=True))
    made = []
    for label in labels:
        if draw(st.integers(0, 9)) == 0:
            reason = draw(st.sampled_from(["no events in either arm", "r " * 200]))
            made.append(Study(label, {}, None, None, None, None, None, None, False, reason, ()))
            continue
        if measure == "PLO":
            n = draw(st.integers(1, 10_000_000))
            made.append(count_study(label, draw(st.integers(0, n)), n))
        else:
            value, factor = draw(sizes), draw(st.floats(1.0, 1e9))
            counts = {
                c: float(draw(st.integers(0, 10**7))) for c in find_measure(measure).columns if c != "y"
            }
            weight = 100.0 / len(labels)
            made.append(
                Study(label, counts, value, value / factor, value * factor, weight, 0.0, 1.0, True, None, ())
            )
    return made


@st.composite
def forests(draw: st.DrawFn) -> tuple[Fit, Subgroups | None, list[Descriptor]]:
    measure = draw(st.sampled_from(["PLO", "RR", "GEN", "IRLN"]))
    listed = draw(studies(measure))
    used = sum(s.used for s in listed)
    natural = None
    if used and draw(st.booleans()):
        value = 0.2 if measure == "PLO" else draw(sizes)
        spread = draw(st.floats(1.0, 1e6))
        high = 0.9 if measure == "PLO" else value * spread
        predicted = draw(st.booleans())
        natural = Natural(
            value,
            value / spread,
            high,
            value / spread / 2 if predicted else None,
            high * 1.05 if predicted else None,
        )
    glmm = measure in ("PLO", "IRLN") and draw(st.booleans())
    model = {"PLO": "binomial_normal", "IRLN": "poisson_normal"}[measure] if glmm else "random"
    fit = make_fit(listed, natural, measure=measure, spec=ModelSpec(model=model))
    groups = None
    if len(listed) > 1 and draw(st.booleans()):
        half = len(listed) // 2
        parts = (listed[:half], listed[half:-1] or listed[half:])
        fits = tuple(make_fit(part, natural, measure=measure, spec=fit.spec) for part in parts)
        test = GroupTest(None, None, None, None, "Q", "no test: " + draw(names))
        groups = Subgroups("by", False, (draw(names), "other"), fits, test, ())
    columns = [
        Descriptor(
            draw(names), {s.label: draw(names) for s in listed[:6]}, draw(st.sampled_from(["left", "right"]))
        )
        for _ in range(draw(st.integers(0, 3)))
    ]
    return fit, groups, columns


@settings(max_examples=40, deadline=None, derandomize=True)
@given(forests(), names, st.sampled_from([120.0, 185.0, 260.0]))
def test_random_forests_neither_overlap_nor_leave_the_page(
    case: tuple[Fit, Subgroups | None, list[Descriptor]], words: str, width: float
) -> None:
    fit, groups, columns = case
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LayoutWarning)
        figure = forest_plot(
            fit,
            subgroups=groups,
            descriptors=columns,
            title=words,
            notes=[words],
            provenance=words,
            width_mm=width,
            threshold=Threshold(0.5, words),
            favours=("Favours this", words[:60]),
        )
    page = page_of(figure)
    assert overlapping(page) == []
    assert outside(page) == []
    assert page.width >= width
    assert all(math.isfinite(box.x) and math.isfinite(box.y) for box in page.texts)


@pytest.mark.parametrize("k", [2, 12, 40, 80])
def test_height_follows_the_rows(k: int) -> None:
    listed = [count_study(f"Study {i}", 10 + i, 200) for i in range(k)]
    heights = [
        page_of(forest_plot(make_fit(rows, Natural(0.1, 0.05, 0.2, None, None)))).height
        for rows in (listed, [*listed, count_study("One more", 12, 200)])
    ]
    assert heights[1] - heights[0] == pytest.approx(theme.ROW)


def test_the_twelve_cohorts_show_every_number_of_the_results() -> None:
    columns = [
        Descriptor("Country", {c[0]: c[1] for c in COHORTS}),
        Descriptor(
            "Years",
            {c[0]: c[2] for c in COHORTS},
            "right",
            frozenset({"Doyle 2017"}),
            words="maximum follow-up",
        ),
    ]
    page = page_of(
        forest_plot(cohorts_fit(), subgroups=cohort_groups(), descriptors=columns, unit=UNIT, title="Title")
    )
    shown = texts(page)
    for text in (
        "Chan SKW 2021",
        "157",
        "1\u202f234",
        "12.7 [10.9, 14.7]",
        "Hong Kong",
        "19†",
        "–",
        "18.7 [12.5, 27.1]",
        "τ² = 0.236, I² = 97%",
        "All studies (k = 12), median setting",
        "3\u202f042",
        "18\u202f329",
        "17.1 [12.7, 22.6]",
        "95% prediction interval for a new setting",
        "[5.5, 42.0]",
        "Per 100 [95% CI]",
        UNIT.axis,
    ):
        assert text in shown
    assert "Weight" not in shown
    notes = " ".join(shown)
    for words in (
        "no weight column",
        "† maximum follow-up; – not reported.",
        "Clopper–Pearson",
        "profile likelihood",
        "χ² = 1.78, df = 2, P = 0.41",
        "Population mean",
        "(likelihood ratio)",
    ):
        assert words in notes
    assert overlapping(page) == []
    # one filled diamond and twelve squares share the blue; three pale diamonds, one bar of prediction
    assert len(patches(page, theme.BLUE)) == 13
    assert len(patches(page, theme.PALE)) == 3
    assert len(patches(page, theme.RUST)) == 1


def test_marks_stand_at_the_numbers_of_the_results() -> None:
    fit = cohorts_fit()
    page = page_of(forest_plot(fit, unit=UNIT))
    ticks = {b.text: b.anchor for b in page.texts if b.align == "center" and b.text in ("0", "10", "40")}
    per_unit = (ticks["40"] - ticks["10"]) / 30

    def place(share: float) -> float:
        return ticks["0"] + per_unit * 100 * share

    squares = [p for p in patches(page, theme.BLUE)]
    centers = [sum(x for x, _ in square.points) / 4 for square in squares[:12]]
    assert centers == pytest.approx([place(s.value or 0.0) for s in fit.studies])
    diamond = squares[12]
    assert fit.natural is not None
    assert sorted(x for x, _ in diamond.points)[0] == pytest.approx(place(fit.natural.low))
    assert sorted(x for x, _ in diamond.points)[-1] == pytest.approx(place(fit.natural.high))
    (bar,) = patches(page, theme.RUST)
    assert (min(x for x, _ in bar.points), max(x for x, _ in bar.points)) == pytest.approx(
        (place(0.055), place(0.42))
    )
    areas = [(s.points[1][0] - s.points[0][0]) ** 2 for s in squares[:12]]
    assert max(areas) == pytest.approx(4.5**2)
    assert min(areas) >= 1.5**2 - 1e-9


def test_weights_have_a_column_and_set_the_areas_under_inverse_variance() -> None:
    listed = [
        replace(count_study("Large", 100, 1000), weight=80.0),
        replace(count_study("Small", 20, 100), weight=20.0),
    ]
    page = page_of(forest_plot(make_fit(listed, Natural(0.12, 0.05, 0.3, None, None), spec=ModelSpec())))
    assert {"Weight", "80.0%", "20.0%", "100.0%"} <= set(texts(page))
    large, small = patches(page, theme.BLUE)[:2]
    sides = [square.points[1][0] - square.points[0][0] for square in (large, small)]
    assert (sides[0] / sides[1]) ** 2 == pytest.approx(4.0)


def test_an_interval_beyond_the_axis_gets_an_arrow_and_keeps_its_numbers() -> None:
    listed = [ratio_study(f"Trial {i}", 0.1 * i, 0.2, 20.0, (10, 50, 9, 50)) for i in range(5)]
    listed.append(ratio_study("Wild", 1.0, 4.0, 0.1, (1, 5, 0, 5)))
    page = page_of(
        forest_plot(make_fit(listed, Natural(1.2, 0.9, 1.6, None, None), measure="RR", spec=ModelSpec()))
    )
    heads = [p for p in patches(page, theme.INK) if len(p.points) == 3]
    assert len(heads) == 2
    assert "2.72 [0.00, 6\u202f904.99]" in texts(page)
    assert any("Arrow heads" in text for text in texts(page))


def test_proportions_have_no_null_line_and_ratios_have_one_at_one() -> None:
    def solid(page: Page) -> list[Stroke]:
        return [s for s in page.shapes if isinstance(s, Stroke) and s.x1 == s.x2 and s.color == theme.RULE]

    assert solid(page_of(forest_plot(cohorts_fit()))) == []
    listed = [ratio_study("A", 0.3, 0.2, 50.0, (1, 9, 2, 9)), ratio_study("B", -0.2, 0.2, 50.0, (1, 9, 2, 9))]
    fit = make_fit(listed, Natural(1.1, 0.7, 1.7, None, None), measure="RR", spec=ModelSpec())
    page = page_of(forest_plot(fit, favours=("Favours control", "Favours treatment")))
    (null,) = solid(page)
    one = next(b for b in page.texts if b.align == "center" and b.text in ("1", "1.0"))
    assert null.x1 == pytest.approx(one.anchor)
    assert {"← Favours control", "Favours treatment →", "Treatment", "Control"} <= set(texts(page))


def test_a_single_study_has_no_diamond() -> None:
    fit = make_fit(
        [count_study("Only", 2, 28)], Natural(2 / 28, 0.009, 0.235, None, None), status="single_study"
    )
    page = page_of(forest_plot(fit))
    assert len(patches(page, theme.BLUE)) == 1
    assert "One study (k = 1), nothing to pool" in texts(page)


def test_a_one_sided_fit_shows_its_bound_and_no_diamond() -> None:
    listed = [count_study("A", 0, 28), count_study("B", 0, 40)]
    page = page_of(forest_plot(make_fit(listed, Natural(0.0, 0.0, 0.043, None, None), status="one_sided")))
    assert "All studies (k = 2), one-sided 95% bound" in texts(page)
    assert "0.00 [0.00, 4.30]" in texts(page)
    assert len(patches(page, theme.BLUE)) == 2
    assert len([s for s in page.shapes if isinstance(s, Stroke) and s.color == theme.BLUE]) == 2


@pytest.mark.parametrize(
    ("status", "words"), [("not_converged", "not converged"), ("not_estimable", "not estimable")]
)
def test_what_could_not_be_estimated_says_so_in_its_place(status: str, words: str) -> None:
    listed = [
        count_study("A", 3, 28),
        count_study("B", 1, 40, used=False, reason="followup_years not reported"),
    ]
    page = page_of(forest_plot(make_fit(listed, None, status=status)))
    assert words in texts(page)
    assert "followup_years not reported" in " ".join(texts(page))
    assert patches(page, theme.RUST) == []


def test_without_a_fit_the_reason_stands_alone() -> None:
    page = page_of(
        forest_plot(None, title="Clozapine", reason="no study reports person-years", notes=["A note."])
    )
    assert texts(page) == ["Clozapine", "Not estimable: no study reports person-years.", "A note."]
    assert page.description == "Not estimable: no study reports person-years."


def test_moderators_leave_no_pooled_value() -> None:
    fit = make_fit(
        [count_study("A", 3, 28), count_study("B", 9, 40)],
        None,
        spec=ModelSpec(model="binomial_normal", moderators="~ year"),
    )
    page = page_of(forest_plot(replace(fit, moderator_test=ModeratorTest(1.2, 1, None, 0.27))))
    notes = " ".join(texts(page))
    assert "Residual heterogeneity" in notes
    assert "Test of moderators: χ² = 1.20, df = 1, P = 0.27" in notes


def test_rows_that_are_only_excluded_are_shown() -> None:
    fit = replace(cohorts_fit(), excluded=(Excluded("Gone 1999", "no events"),))
    assert {"Gone 1999", "no events"} <= set(texts(page_of(forest_plot(fit))))


def test_studies_without_a_group_have_a_block_of_their_own() -> None:
    groups = cohort_groups()
    fewer = replace(groups, levels=groups.levels[:2], fits=groups.fits[:2])
    shown = texts(page_of(forest_plot(cohorts_fit(), subgroups=fewer)))
    assert "Not in a subgroup" in shown
    assert "Wimberley 2016" in shown


def test_without_an_overall_there_is_no_pooled_row() -> None:
    page = page_of(forest_plot(cohorts_fit(), subgroups=cohort_groups(), overall=False))
    assert not any(text.startswith("All studies") for text in texts(page))
    assert [s for s in page.shapes if isinstance(s, Stroke) and s.dash] == []


def test_a_threshold_is_dashed_and_explained() -> None:
    page = page_of(forest_plot(cohorts_fit(), unit=UNIT, threshold=Threshold(25, "a quarter", "Kane 1988")))
    dashed = [s for s in page.shapes if isinstance(s, Stroke) and s.color == theme.GREEN]
    assert len(dashed) == 1
    assert {"25: a quarter", "Dashed line: 25 per 100, a quarter (Kane 1988)."} <= set(texts(page))


def test_long_names_wrap_and_what_is_cut_is_kept() -> None:
    long = "The Consortium for the Longitudinal Investigation of " * 8
    page = page_of(forest_plot(make_fit([count_study(long, 3, 30), count_study("B", 4, 30)], None)))
    (cut,) = [box for box in page.texts if box.full]
    assert cut.text.endswith("…")
    assert cut.full == long.strip()


def test_a_table_too_wide_for_the_page_widens_it() -> None:
    columns = [Descriptor(f"Column{i}", {"A": "unbreakable"}) for i in range(12)]
    fit = make_fit([count_study("A", 3, 30), count_study("B", 4, 30)], Natural(0.1, 0.05, 0.2, None, None))
    page = page_of(forest_plot(fit, descriptors=columns))
    assert page.width > 185.0
    assert overlapping(page) == []


def test_discs_are_not_part_of_a_forest() -> None:
    assert not any(isinstance(shape, Disc) for shape in page_of(forest_plot(cohorts_fit())).shapes)


def test_counts_of_an_arm_share_a_column_where_the_page_is_narrow() -> None:
    listed = [ratio_study(f"Trial {i}", 0.3, 0.2, 50.0, (1234, 5678, 2345, 6789)) for i in range(2)]
    fit = make_fit(listed, Natural(1.1, 0.7, 1.7, None, None), measure="RR", spec=ModelSpec())
    wide, narrow = (page_of(forest_plot(fit, width_mm=width)) for width in (185.0, 142.0))
    assert {"Events", "People", "1\u202f234", "5\u202f678"} <= set(texts(wide))
    assert "1\u202f234 / 5\u202f678" in texts(narrow)
    assert narrow.width == 142.0
    assert overlapping(narrow) == []


def test_rows_no_model_can_use_are_kept_apart_from_subgroups() -> None:
    fit = cohorts_fit()
    broken = count_study("Gone 1999", 1, 2, used=False, reason="incomplete counts: n is empty")
    shown = texts(
        page_of(forest_plot(replace(fit, studies=(*fit.studies, broken)), subgroups=cohort_groups()))
    )
    assert "Not used" in shown
    assert "Not in a subgroup" not in shown
    assert "incomplete counts: n is empty" in " ".join(shown)


def test_without_any_usable_study_there_is_no_axis() -> None:
    fit = make_fit([count_study("A", 1, 2, used=False, reason="time is empty")], None, status="not_estimable")
    shown = texts(page_of(forest_plot(fit, unit=UNIT)))
    assert "No study can be used (k = 0)" in shown
    assert "time is empty" in shown
    assert UNIT.axis not in shown
    assert "Clopper" not in " ".join(shown)


def test_the_overall_effect_is_tested_for_ratios_but_not_for_proportions() -> None:
    assert not any("Overall effect" in text for text in texts(page_of(forest_plot(cohorts_fit()))))
    listed = [ratio_study(f"Trial {i}", 0.3, 0.2, 50.0, (1, 9, 2, 9)) for i in range(2)]
    fit = make_fit(listed, Natural(1.1, 0.7, 1.7, None, None), measure="RR", spec=ModelSpec())
    assert fit.estimate is not None
    tested = replace(fit, estimate=replace(fit.estimate, statistic=2.5, df=3.0, p=0.088))
    assert "Overall effect: t = 2.50, df = 3, P = 0.088." in " ".join(texts(page_of(forest_plot(tested))))
