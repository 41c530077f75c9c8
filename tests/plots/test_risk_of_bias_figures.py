"""Traffic lights and weighted bars: glyph and colour of every judgement, and the shares that were given."""

from __future__ import annotations

import random

import pytest
from figure_data import cohorts_fit, make_fit, ratio_study
from test_forest_layout import outside, overlapping, page_of, texts

from meta.appraisal import TOOLS, Appraisal
from meta.errors import PlotError
from meta.plots import theme
from meta.plots.judgements import BEADS
from meta.plots.layout import Disc, Page, Patch
from meta.plots.risk_of_bias import RADIUS, traffic_light_plot
from meta.plots.risk_of_bias_summary import risk_of_bias_summary_plot
from meta.results import Fit
from meta.sensitivity.judged import share_judgements

ABOUT = "Made up for tests: nobody judged these studies"


def judged(name: str, labels: list[str], seed: int = 1) -> Appraisal:
    """Judgements drawn by lot, some domains left empty."""
    tool, rng = TOOLS[name], random.Random(seed)
    answers = {label: tuple(rng.choice([*tool.answers, ""]) for _ in tool.domains) for label in labels}
    overall = {label: rng.choice(list(tool.answers)) for label in labels} if tool.has_overall else {}
    return Appraisal(tool, answers, overall, {}, ABOUT)


def weighted() -> Fit:
    studies = [
        ratio_study(f"Trial {i}", 0.2, 0.3, weight, (10, 50, 12, 50))
        for i, weight in enumerate((50.0, 30.0, 20.0))
    ]
    return make_fit(studies, None, measure="RR")


def discs(page: Page) -> list[Disc]:
    return [s for s in page.shapes if isinstance(s, Disc) and s.radius == RADIUS]


def glyph_on(page: Page, disc: Disc) -> str:
    found = [b.text for b in page.texts if abs(b.anchor - disc.x) < 0.01 and b.y < disc.y < b.y + b.h]
    return found[0] if found else ""


@pytest.mark.parametrize("width", [120.0, 170.0])
@pytest.mark.parametrize("name", list(TOOLS))
def test_every_judgement_has_a_disc_with_its_glyph(name: str, width: float) -> None:
    labels = [study.label for study in cohorts_fit().studies]
    appraisal = judged(name, labels[:-1])
    page = page_of(traffic_light_plot(appraisal, labels, title="Risk of bias", width_mm=width))
    assert overlapping(page) == []
    assert outside(page) == []
    tool = appraisal.tool
    columns = len(tool.domains) + tool.has_overall
    found = discs(page)
    assert len(found) == len(labels) * columns
    for i, label in enumerate(labels[:-1]):
        answers = (*appraisal.answers[label], *([appraisal.overall[label]] if tool.has_overall else []))
        for disc, answer in zip(found[i * columns : (i + 1) * columns], answers, strict=True):
            bead = BEADS[tool.level(answer)] if answer else None
            assert disc.fill == (bead.fill if bead else theme.PAPER)
            assert glyph_on(page, disc) == (bead.glyph if bead else "")
    assert {disc.fill for disc in found[-columns:]} == {theme.PAPER}
    words = " ".join(texts(page))
    assert "Not assessed: 1 of 12 studies." in words
    assert all(answer in texts(page) for answer in tool.answers)
    assert all(f"{code}  {text}" in texts(page) for code, text in tool.domains)
    assert f"{labels[-1]}: {tool.domains[0][0]} not judged" in page.description


def test_colours_do_not_move_where_an_answer_does_not_occur() -> None:
    tool = TOOLS["ROBINS-I"]
    only = Appraisal(tool, {"A": ("No information", "Critical", *["Low"] * 5)}, {"A": "Critical"}, {}, ABOUT)
    first, second, third, *_ = discs(page_of(traffic_light_plot(only)))
    assert (first.fill, second.fill, third.fill) == ("#4ea1f7", "#820000", "#02c100")


def test_long_and_hostile_names_stay_on_the_page() -> None:
    labels = ["word " * 60, "x" * 300, "<script>\u202e$x$", "Ωμέγα και כל השאר"]
    page = page_of(traffic_light_plot(judged("JBI prevalence", labels), width_mm=90.0))
    assert overlapping(page) == []
    assert outside(page) == []


def test_no_study_and_no_room_are_refused() -> None:
    with pytest.raises(PlotError, match="needs at least one study"):
        traffic_light_plot(judged("RoB 2", []))
    with pytest.raises(PlotError, match=r"width_mm must be at least \d+ for ROBINS-I; got 60"):
        traffic_light_plot(judged("ROBINS-I", ["A"]), width_mm=60.0)
    empty = share_judgements(make_fit([], None), judged("RoB 2", []))
    with pytest.raises(PlotError, match="needs at least one study that the analysis uses"):
        risk_of_bias_summary_plot(empty)


@pytest.mark.parametrize("width", [120.0, 170.0])
@pytest.mark.parametrize("name", list(TOOLS))
def test_bars_are_as_long_as_the_shares_given(name: str, width: float) -> None:
    fit = weighted()
    shares = share_judgements(fit, judged(name, [s.label for s in fit.studies]))
    page = page_of(risk_of_bias_summary_plot(shares, about=ABOUT, title="Risk of bias", width_mm=width))
    assert overlapping(page) == []
    assert outside(page) == []
    bars = [shape for shape in page.shapes if isinstance(shape, Patch)]
    drawn = [bar.points[1][0] - bar.points[0][0] for bar in bars]
    given = [part.percent for domain in shares.domains for part in domain.levels if part.percent]
    whole = sum(drawn) / len(shares.domains)
    assert [100 * bar / whole for bar in drawn] == pytest.approx(given)
    assert "Share of weight" in texts(page)
    assert ABOUT in " ".join(texts(page))


def test_without_weights_the_figure_says_what_the_shares_are_of() -> None:
    fit = cohorts_fit()
    shares = share_judgements(fit, judged("RoB 2", [s.label for s in fit.studies[:3]]))
    page = page_of(risk_of_bias_summary_plot(shares))
    assert "Share of people" in texts(page)
    words = " ".join(texts(page))
    assert "The model gives studies no weights: shares are of people. Not assessed: 9 of 12 studies." in words
    assert page.description.startswith("Share of people by risk of bias (RoB 2). D1 Randomisation process: ")
