"""The flow diagram of PRISMA 2020: measured boxes, the template's words, and arrows from box to box."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from test_forest_layout import outside, overlapping, page_of, texts

import meta
from meta.plots import theme
from meta.plots.layout import Page, Patch, Stroke
from meta.plots.prisma import flow_boxes
from meta.prisma import PRISMA_CITATION, OtherMethods, PrismaFlow

sys.path.append(str(Path(__file__).parents[1] / "protocol"))
from flow_counts import ABOUT, NEW, OTHER, UPDATED


def draw(flow: PrismaFlow, **choices: Any) -> Page:
    page = page_of(meta.prisma_plot(flow, **choices))
    assert overlapping(page) == []
    assert outside(page) == []
    return page


def boxes(page: Page) -> list[tuple[float, float, float, float]]:
    """Return left, top, right, bottom of the white boxes."""
    found = [s for s in page.shapes if isinstance(s, Patch) and s.fill == theme.PAPER]
    return [(b.points[0][0], b.points[0][1], b.points[2][0], b.points[2][1]) for b in found]


def flows() -> dict[str, PrismaFlow]:
    return {
        "new": PrismaFlow(**NEW),
        "updated": PrismaFlow(**UPDATED, other=OtherMethods(**OTHER)),
        "little": PrismaFlow(ABOUT, {"MEDLINE": 200}, screened=180, excluded=150, studies=10),
        "least": PrismaFlow(ABOUT, {"MEDLINE": 200}),
        "side": PrismaFlow(ABOUT, {"MEDLINE": 200}, excluded=150, reasons={"No data": 4}, studies=10),
        "names": PrismaFlow(
            ABOUT,
            {"A source with a long name, in many words " * 6: 1, "x" * 300: 2, "מחקר": 3, "<b>&": 10**9},
            reasons={f"Reason {i}": i for i in range(30)},
        ),
    }


@pytest.mark.parametrize("name", list(flows()))
@pytest.mark.parametrize("width", [85.0, 170.0])
def test_boxes_hold_their_text_and_keep_apart(name: str, width: float) -> None:
    page = draw(flows()[name], width_mm=width, title="A title " * 12, provenance="results.json: prisma")
    found = boxes(page)
    assert len(found) == len(flow_boxes(flows()[name]))
    for i, (left, top, right, bottom) in enumerate(found):
        assert 0 < left < right < page.width
        assert 0 < top < bottom < page.height
        for other in found[:i]:
            assert right < other[0] or other[2] < left or bottom < other[1] or other[3] < top
    for box in page.texts:
        for left, top, right, bottom in found:
            apart = box.x + box.w <= left or box.x >= right or box.y + box.h <= top or box.y >= bottom
            within = left < box.x and box.x + box.w < right and top < box.y and box.y + box.h < bottom + 0.1
            assert apart or within, box


@pytest.mark.parametrize("name", list(flows()))
def test_no_line_crosses_a_box_and_every_arrow_ends_at_one(name: str) -> None:
    page = draw(flows()[name])
    found = boxes(page)
    slack = 1e-6
    for line in (s for s in page.shapes if isinstance(s, Stroke)):
        x = sorted((line.x1, line.x2))
        y = sorted((line.y1, line.y2))
        for left, top, right, bottom in found:
            beside = x[1] <= left + slack or x[0] >= right - slack
            assert beside or y[1] <= top + slack or y[0] >= bottom - slack
    heads = [s for s in page.shapes if isinstance(s, Patch) and s.fill == theme.GREY]
    for head in heads:
        x0, y0 = head.points[0]
        assert any(
            left - slack <= x0 <= right + slack and top - slack <= y0 <= bottom + slack
            for left, top, right, bottom in found
        )
    expected = {"new": 8, "updated": 16, "little": 3, "least": 0, "side": 3, "names": 0}
    assert len(heads) == expected[name]


def test_the_words_are_those_of_the_template() -> None:
    said = " ".join(texts(draw(flows()["new"])))
    for words in (
        "Identification of studies via databases and registers",
        "Records identified from: Databases (n = 900) Registers (n = 30)",
        "Records removed before screening: Duplicate records removed (n = 130)",
        "Records screened (n = 800) Records excluded (n = 700)",
        "Reports sought for retrieval (n = 100) Reports not retrieved (n = 5)",
        "Reports assessed for eligibility (n = 95)",
        "Reports excluded (n = 70) Wrong population (n = 50) No usable data on the outcome (n = 20)",
        "Studies included in review (n = 20) Reports of included studies (n = 25)",
        f"Diagram: PRISMA 2020 ({PRISMA_CITATION}).",
        f"{ABOUT}.",
    ):
        assert words in said
    assert "automation" not in said
    assert "Previous" not in said


def test_an_update_has_previous_new_and_total_studies() -> None:
    page = draw(flows()["updated"])
    spoken = page.description
    for words in (
        "Studies included in previous version of review (n = 12): Reports of studies included in previous",
        "Records marked as ineligible by automation tools (n = 0)",
        "New studies included in review (n = 21): Reports of new included studies (n = 26).",
        "Total studies included in review (n = 33): Reports of total included studies (n = 41).",
        "Studies included in meta-analysis (n = 30).",
        "Citation searching (n = 1\u202f200)",
    ):
        assert words in spoken
    heads = " ".join(texts(page))
    assert "Identification of new studies via other methods" in " ".join(heads.split())


def test_stages_read_upwards_inside_their_bars() -> None:
    page = draw(flows()["new"])
    turned = [box for box in page.texts if box.turned]
    assert [box.text for box in turned] == ["Identification", "Screening", "Included"]
    bars = [s for s in page.shapes if isinstance(s, Patch) and s.fill == theme.PALE][1:]
    for box, bar in zip(turned, bars, strict=True):
        (left, top), (right, bottom) = bar.points[0], bar.points[2]
        assert left < box.x < box.x + box.w < right
        assert top < box.y < box.y + box.h < bottom
