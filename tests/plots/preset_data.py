"""Trials drawn in the layouts of journals, and what is asked of such pages."""

from __future__ import annotations

from dataclasses import replace

from figure_data import make_fit, ratio_study
from test_forest_layout import overlapping, page_of, patches

from meta.options import ModelSpec
from meta.plots.forest import forest_plot
from meta.plots.layout import Page, Patch, Stroke, TextBox
from meta.results import Estimate, Fit, Natural

PIXEL = 25.4 / 96
ARMS = {
    "A 1990": (0.90, 4, 123, 11, 139),
    "B 1995": (0.50, 6, 306, 29, 303),
    "C 2001": (1.90, 33, 5069, 47, 5808),
}
WEIGHTS = (20.0, 30.0, 50.0)


def trials(p: float = 0.0021) -> Fit:
    """Three trials of a risk ratio, with totals, a test and a prediction interval; nothing is estimated."""
    listed = [
        ratio_study(label, y - 1, 0.2, weight, arms)
        for (label, (y, *arms)), weight in zip(ARMS.items(), WEIGHTS, strict=True)
    ]
    natural = Natural(0.489, 0.331, 0.725, 0.135, 1.764)
    fit = make_fit(listed, natural, measure="RR", spec=ModelSpec(), tau2=0.3132, q=9.9512)
    estimate = Estimate(-0.71, 0.18, -1.1, -0.32, -3.9484, 12.0, p, 0.95)
    assert fit.heterogeneity is not None
    found = replace(fit.heterogeneity, df=6, p=0.1312, i2=39.74)
    return replace(fit, estimate=estimate, heterogeneity=found)


def drawn(preset: str | None, fit: Fit | None = None, **more: object) -> Page:
    wanted = {"favours": ("treatment", "control"), **more}
    page = page_of(forest_plot(fit or trials(), preset=preset, **wanted))  # type: ignore[arg-type]
    assert overlapping(page) == []
    return page


def box(page: Page, text: str) -> TextBox:
    return next(b for b in page.texts if b.text == text)


def uprights(page: Page, color: str) -> list[Stroke]:
    """Vertical lines that run over more than one row."""
    return [
        s
        for s in page.shapes
        if isinstance(s, Stroke) and s.x1 == s.x2 and s.color == color and abs(s.y2 - s.y1) > 8
    ]


def squares(page: Page, color: str) -> list[Patch]:
    """Patches of four corners that are as wide as they are high."""
    found = []
    for patch in patches(page, color):
        if all(len({round(point[i], 9) for point in patch.points}) == 2 for i in (0, 1)):
            found.append(patch)
    return found


def side(patch: Patch) -> float:
    return max(x for x, _ in patch.points) - min(x for x, _ in patch.points)


def numbers_left_of_plot(page: Page, text: str) -> bool:
    one = box(page, "1")
    return box(page, text).x + box(page, text).w < one.x
