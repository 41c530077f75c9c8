"""Baujat, radial and L'Abbé plots, the bands of a funnel: what is drawn is what the engine found."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from test_forest_layout import outside, overlapping, page_of, texts

import meta
from meta.errors import OptionError, PlotError
from meta.options import DisplayUnit
from meta.plots import theme
from meta.plots.layout import Disc, Page, Patch

DATA = json.loads((Path(__file__).parents[1] / "golden" / "baujat_radial.json").read_text(encoding="utf-8"))[
    "data"
]
LABELS = (
    "Aronson 1948", "Ferguson & Simes 1949", "Rosenthal et al 1960", "Hart & Sutherland 1977",
    "Frimodt-Moller et al 1973", "Stein & Aronson 1953", "Vandiviere et al 1973", "TPT Madras 1980",
    "Coetzee & Berjak 1968", "Rosenthal et al 1961", "Comstock et al 1974", "Comstock & Webster 1969",
    "Comstock et al 1976",
)  # fmt: skip


def bcg(measure: str = "RR") -> meta.EffectSizes:
    frame = pd.DataFrame(DATA).assign(
        n1=lambda d: d.tpos + d.tneg, n2=lambda d: d.cpos + d.cneg, trial=list(LABELS)
    )
    return meta.effect_sizes(
        frame, measure=measure, events1="tpos", n1="n1", events2="cpos", n2="n2", label="trial"
    )


def many(k: int, measure: str = "SMD") -> meta.EffectSizes:
    rng = np.random.default_rng(k)
    v = rng.gamma(2.0, 0.03, k) + 0.004
    labels = [f"Study {i} with a name that goes on" for i in range(k)]
    return meta.EffectSizes.from_arrays(rng.normal(0.3, np.sqrt(v + 0.1)), v, measure=measure, labels=labels)


def discs(page: Page) -> list[Disc]:
    return [shape for shape in page.shapes if isinstance(shape, Disc)]


def fills(page: Page) -> list[str | None]:
    return [shape.fill for shape in page.shapes if isinstance(shape, Patch)]


def check(page: Page) -> None:
    assert overlapping(page) == []
    assert outside(page) == []
    assert page.description
    names = {box.text for box in page.texts if box.size == theme.NOTE_SIZE}
    for box in page.texts:
        # a name stands on no circle
        if box.full or box.text in (*LABELS, *(n for n in names if n.startswith("Study "))):
            for disc in discs(page):
                near = math.hypot(
                    max(box.x - disc.x, 0.0, disc.x - box.x - box.w),
                    max(box.y - disc.y, 0.0, disc.y - box.y - box.h),
                )
                assert near >= disc.radius - 1e-6


def test_a_baujat_plot_places_and_names_its_studies() -> None:
    found = meta.find_contributions(bcg())
    page = page_of(meta.baujat_plot(found, title="BCG"))
    check(page)
    assert len(discs(page)) == 13
    shown = texts(page)
    assert "Hart & Sutherland 1977" in shown
    assert "TPT Madras 1980" in shown
    assert any(text.startswith("Upwards: squared shift") for text in shown)
    assert "Furthest from the origin: Hart & Sutherland 1977 (34% across" in page.description
    places = np.array(sorted((disc.x, disc.y) for disc in discs(page)))
    order = np.argsort(found.contribution)
    slope = np.polyfit(found.contribution[order], places[:, 0], 1)
    assert np.polyval(slope, found.contribution[order]) == pytest.approx(places[:, 0], abs=1e-6)
    with pytest.raises(OptionError, match="about must be one of"):
        meta.baujat_plot(found, about="own")  # type: ignore[arg-type]


@pytest.mark.parametrize("k", [3, 40, 500])
def test_names_that_would_collide_are_left_out_and_counted(k: int) -> None:
    effects = many(k)
    fit = meta.fit_model(effects)
    for figure in (
        meta.baujat_plot(meta.find_contributions(effects)),
        meta.radial_plot(meta.find_radial(fit)),
    ):
        page = page_of(figure)
        check(page)
        named = sum(text.startswith("Study ") for text in texts(page))
        assert named >= min(k, 4) - 2
        left = [text for text in texts(page) if "left out where" in text]
        if named < k - 1:
            assert left == [f"{k - named} names are left out where they would collide."]


def test_rays_of_a_radial_plot_meet_effects_on_the_arc() -> None:
    fit = meta.fit_model(bcg())
    radial = meta.find_radial(fit)
    page = page_of(meta.radial_plot(radial, title="BCG"))
    check(page)
    arc = max(
        (s for s in page.shapes if isinstance(s, Patch) and s.fill is None and s.edge == theme.INK),
        key=lambda s: len(s.points),
    )
    # the origin is the centre of the arc; every study lies within it, at an angle that goes with its effect
    ends = np.array(arc.points)
    radius = [np.hypot(*(ends - np.array([x, y])).T) for x, y in _origin(page)]
    assert radius[0] == pytest.approx(radius[0][0], abs=1e-6)
    (x0, y0), *_ = _origin(page)
    circles = discs(page)
    assert all(math.hypot(c.x - x0, c.y - y0) < radius[0][0] for c in circles)
    effects = radial.score / radial.precision
    slopes = np.array([(y0 - c.y) / (c.x - x0) for c in circles])
    assert slopes / slopes[0] == pytest.approx(effects / effects[0], rel=1e-6)
    assert any(text.startswith("Arc: Risk ratio; pooled value 0.49 [0.33, 0.73]") for text in texts(page))


def _origin(page: Page) -> list[tuple[float, float]]:
    """Where the null line and the pooled line begin."""
    lines = [
        s for s in page.shapes if not isinstance(s, Disc | Patch) and s.color in (theme.RULE, theme.BLUE)
    ]
    return [(line.x1, line.y1) for line in lines]


@pytest.mark.parametrize("choices", [{}, {"model": "common"}, {"level": 0.8}, {"model": "mantel_haenszel"}])
@pytest.mark.parametrize("measure", ["RR", "OR", "RD"])
def test_radial_and_labbe_stay_on_the_page(measure: str, choices: dict[str, Any]) -> None:
    fit = meta.fit_model(bcg(measure), meta.ModelSpec(**choices))
    check(page_of(meta.radial_plot(meta.find_radial(fit))))
    arms = meta.compare_arms(fit)
    for log in (False, True):
        page = page_of(meta.labbe_plot(arms, log=log, title="A long title " * 12))
        check(page)
        assert len(discs(page)) == 13


def test_the_axes_of_a_labbe_plot_are_one_scale() -> None:
    fit = meta.fit_model(bcg())
    arms = meta.compare_arms(fit)
    page = page_of(meta.labbe_plot(arms, headings=("BCG vaccine", "no vaccine")))
    assert "Risk, no vaccine, per 100 people" in texts(page)
    assert "Risk, BCG vaccine, per 100 people" in texts(page)
    across = np.ptp([d.x for d in discs(page)]) / np.ptp(arms.risk2)
    upwards = np.ptp([d.y for d in discs(page)]) / np.ptp(arms.risk1)
    assert across == pytest.approx(upwards, rel=0.02)
    assert "is lower in the arm upwards in 11 of 13" in page.description
    rates = DisplayUnit(1000.0, "Per 1000", "per 1,000 people")
    assert "Risk, Control, per 1,000 people" in texts(page_of(meta.labbe_plot(arms, unit=rates)))


def test_a_funnel_of_a_comparison_has_bands_of_p_values() -> None:
    fit = meta.fit_model(bcg())
    page = page_of(meta.funnel_plot(fit))
    check(page)
    for grey in theme.BANDS:
        # the band, and its swatch
        assert fills(page).count(grey) == 2
    assert [t for t in texts(page) if "P ≥" in t or "P <" in t] == ["P ≥ 0.10", "P < 0.01, against no effect"]
    # a study on the edge of a band has the P value that the key says
    level = next(s for s in page.shapes if isinstance(s, Patch) and s.fill == theme.BANDS[0])
    inner = next(s for s in page.shapes if isinstance(s, Patch) and s.fill == theme.PAPER)
    circles = sorted(discs(page), key=lambda d: d.y)
    drawn = sorted((s for s in fit.studies if s.v is not None), key=lambda s: s.v or 0.0)
    scale = (circles[-1].y - circles[0].y) / (math.sqrt(drawn[-1].v or 0.0) - math.sqrt(drawn[0].v or 0.0))
    per_log = (circles[-1].x - circles[0].x) / ((drawn[-1].y or 0.0) - (drawn[0].y or 0.0))
    for shape, z in ((level, 1.959963984540054), (inner, 1.6448536269514722)):
        (x0, y0), (x1, y1) = shape.points[0], shape.points[40]
        assert abs(x1 - x0) / per_log / ((y1 - y0) / scale) == pytest.approx(z, rel=1e-3)
    assert "Bands: P values against no effect" in page.description
    plain = page_of(meta.funnel_plot(fit, contours=False))
    assert not set(theme.BANDS) & set(fills(plain))


def test_points_of_trim_and_fill_are_hollow() -> None:
    fit = meta.fit_model(bcg())
    page = page_of(meta.funnel_plot(fit, filled=[(0.5, 0.6), (0.3, 0.4)]))
    check(page)
    assert [d.fill for d in discs(page)].count(theme.PAPER) == 3
    assert "added by trim and fill" in texts(page)
    assert "Hollow: 2 points added by trim and fill." in page.description


def test_bands_need_a_standard_error_and_a_value_of_no_effect() -> None:
    sheet = pd.DataFrame({"e": [3, 10, 9], "n": [40, 60, 44]})
    fit = meta.fit_model(meta.effect_sizes(sheet, measure="PLO", events="e", n="n"))
    with pytest.raises(PlotError, match="use axis='se'"):
        meta.funnel_plot(fit, contours=True)
    with pytest.raises(PlotError, match="a proportion has no such value"):
        meta.funnel_plot(fit, contours=True, axis="se")
    with pytest.raises(PlotError, match="have a standard error and no size"):
        meta.funnel_plot(fit, filled=[(0.1, 0.2)])
    turned = meta.find_radial(meta.fit_model(meta.effect_sizes(sheet, measure="PFT", events="e", n="n")))
    with pytest.raises(PlotError, match="those of PFT depend on n"):
        meta.radial_plot(turned)
