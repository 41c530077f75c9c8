"""Leave-one-out, cumulative and funnel plots."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from figure_data import cohorts_fit, make_fit, ratio_study, refits_of
from test_forest_layout import outside, overlapping, page_of, texts

from meta.errors import OptionError, PlotError
from meta.options import DisplayUnit, ModelSpec
from meta.plots import theme
from meta.plots.funnel import funnel_plot
from meta.plots.layout import Disc, Page, Patch, Stroke
from meta.plots.refits import cumulative_plot, leave_one_out_plot
from meta.results import Fit, Natural
from meta.tables.numbers import signed_text

UNIT = DisplayUnit(100.0, "Per 100", "Resistant, per 100 people")
VALUES = [0.176, 0.166, 0.168, 0.162, 0.169, 0.18, 0.172, 0.165, 0.171, 0.17, 0.168, 0.189]


def discs(page: Page) -> list[Disc]:
    return [shape for shape in page.shapes if isinstance(shape, Disc)]


def ratio_fit(k: int) -> Fit:
    listed = [
        ratio_study(f"Trial {i}", 0.3 + 0.1 * math.sin(i), 0.1 + 0.05 * i, 100.0 / k, (9, 30, 8, 30))
        for i in range(k)
    ]
    fit = make_fit(listed, Natural(1.35, 1.1, 1.7, 0.8, 2.4), measure="RR", spec=ModelSpec())
    assert fit.estimate is not None
    return replace(fit, estimate=replace(fit.estimate, value=0.3))


def test_leave_one_out_shows_each_refit_and_the_band_of_the_main_interval() -> None:
    fit = cohorts_fit()
    refits = refits_of(fit, "leave_one_out", VALUES, failed=[3])
    refits.status[5] = "boundary"
    page = page_of(leave_one_out_plot(refits, fit, unit=UNIT, title="Title"))
    shown = texts(page)
    assert overlapping(page) == []
    assert outside(page) == []
    assert len(discs(page)) == 11
    assert "not converged" in shown
    assert "Thien 2018†" in shown
    assert "† τ² at its lower bound, 0." in shown
    assert "17.6 [13.7, 22.4]" in shown
    (band,) = [s for s in page.shapes if isinstance(s, Patch) and s.fill == theme.WASH]
    (diamond,) = [s for s in page.shapes if isinstance(s, Patch) and s.fill == theme.BLUE]
    for end in (min, max):
        assert end(x for x, _ in band.points) == pytest.approx(end(x for x, _ in diamond.points))


def test_cumulative_rows_keep_their_notes() -> None:
    fit = cohorts_fit()
    refits = refits_of(fit, "cumulative", VALUES)
    refits = replace(refits, notes=("",) * 11 + ("no year reported",), k=np.arange(1, 13))
    refits.status[0] = "single_study"
    page = page_of(cumulative_plot(refits, fit, unit=UNIT))
    assert overlapping(page) == []
    assert "† one study; ‡ no year reported." in texts(page)
    assert "Lee R 2024‡" in texts(page)
    # one study has no tau2: eleven rows show one, the first a dash
    assert (texts(page).count("0.280"), texts(page).count("–")) == (11, 1)


def test_refits_of_another_measure_are_refused() -> None:
    fit = cohorts_fit()
    refits = replace(refits_of(fit, "leave_one_out", VALUES), measure="RR")
    with pytest.raises(PlotError, match="the refits are RR, the fit is PLO"):
        leave_one_out_plot(refits, fit)


def test_refits_where_everything_failed_can_be_drawn() -> None:
    fit = replace(cohorts_fit(), natural=None, status="not_converged")
    page = page_of(leave_one_out_plot(refits_of(fit, "leave_one_out", VALUES, failed=range(12)), fit))
    assert texts(page).count("not converged") == 13
    assert discs(page) == []


def test_a_funnel_of_proportions_goes_by_sample_size() -> None:
    fit = cohorts_fit()
    page = page_of(funnel_plot(fit, unit=UNIT, title="Title"))
    assert "People (square-root scale)" in texts(page)
    assert overlapping(page) == []
    assert outside(page) == []
    largest = min(discs(page), key=lambda disc: disc.y)
    (line,) = [s for s in page.shapes if isinstance(s, Stroke) and s.dash]
    assert line.x1 == pytest.approx(largest.x, abs=1.0)
    assert not any("no test" in text for text in texts(page))
    # heights go with the square root of n
    heights = sorted((line.y2 - disc.y) ** 2 for disc in discs(page))
    sizes = sorted(s.counts["n"] or 0.0 for s in fit.studies)
    assert np.array(heights) / heights[-1] == pytest.approx(np.array(sizes) / sizes[-1])


def test_a_funnel_of_ratios_goes_by_standard_error_and_has_limits() -> None:
    page = page_of(funnel_plot(ratio_fit(9)))
    assert "Standard error of the log risk ratio" in texts(page)
    assert "k = 9: no test of small-study effects below k = 10." in texts(page)
    edges = [s for s in page.shapes if isinstance(s, Patch) and s.dash]
    assert len(edges) == 2
    # on a logarithmic axis the limits are straight and meet at the pooled value
    for edge in edges:
        (x1, y1), (x2, y2), (x3, y3) = edge.points[0], edge.points[5], edge.points[-1]
        assert (x2 - x1) / (y2 - y1) == pytest.approx((x3 - x1) / (y3 - y1))
    assert edges[0].points[0] == pytest.approx(edges[1].points[0])


def test_the_axis_of_a_funnel_can_be_chosen_where_there_are_sizes() -> None:
    assert any("Standard error" in t for t in texts(page_of(funnel_plot(cohorts_fit(), axis="se"))))
    with pytest.raises(PlotError, match="no study of this fit has 'n'"):
        funnel_plot(ratio_fit(4), axis="size")
    with pytest.raises(OptionError, match="axis must be one of"):
        funnel_plot(ratio_fit(4), axis="n")  # type: ignore[arg-type]


def test_leaving_out_shows_how_far_the_estimate_moves_and_p_where_something_is_tested() -> None:
    fit = cohorts_fit()
    shown = texts(page_of(leave_one_out_plot(refits_of(fit, "leave_one_out", VALUES), fit, unit=UNIT)))
    assert fit.natural is not None
    assert "Change" in shown
    assert "P" not in shown
    assert signed_text((VALUES[0] - fit.natural.value) * 100, 1) in shown
    ratios = ratio_fit(3)
    assert ratios.natural is not None
    assert ratios.estimate is not None
    tested = replace(ratios, estimate=replace(ratios.estimate, p=0.042))
    values = [ratios.natural.value * factor for factor in (1.12, 1.0, 0.97)]
    refits = replace(refits_of(tested, "leave_one_out", values), p=np.array([0.0001, 0.31, np.nan]))
    page = page_of(leave_one_out_plot(refits, tested))
    assert {"×1.12", "×1.00", "×0.97", "P", "< 0.001", "0.31", "0.042"} <= set(texts(page))
    assert overlapping(page) == []
    grown = texts(page_of(cumulative_plot(replace(refits, kind="cumulative"), tested)))
    assert "Change" not in grown
    assert "P" in grown
