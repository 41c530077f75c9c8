"""Every kind of plot of the shipped evidence: on the page, described, the same bytes twice."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from test_forest_layout import outside, overlapping, page_of

import extraction
import meta
from meta.options import DisplayUnit
from meta.plots.save import figure_bytes

EVIDENCE = Path(str(files("extraction"))) / "evidence"
PER_100 = DisplayUnit(100.0, "Per 100", "Resistant, per 100 people")
RULE = ["most_cohorts", "longest_followup", "largest_n"]


def cohorts() -> meta.EffectSizes:
    sheet = extraction.read_sheet(EVIDENCE / "trs_incidence.csv", schema="trs_incidence")
    chosen = extraction.choose_rows(sheet.where(onset="total", analysis_set="primary"), rule=RULE)
    return meta.effect_sizes(chosen.sheet, measure="PLO", events="events", n="n", label="study_id")


def trials() -> meta.EffectSizes:
    sheet = extraction.read_sheet(EVIDENCE / "clozapine_controlled.csv", schema="clozapine_controlled")
    return meta.effect_sizes(
        sheet,
        measure="RR", events1="events_clz", n1="n_clz", events2="events_cmp", n2="n_cmp", label="study_id",
    )  # fmt: skip


def draw_proportions(width: float) -> dict[str, Figure]:
    effects, spec = cohorts(), meta.profile("proportions-glmm@1")
    fit = meta.fit_model(effects, spec)
    groups = meta.fit_subgroups(effects, spec, by="definition_type")
    trace = meta.trace_likelihood
    return {
        "funnel": meta.funnel_plot(fit, unit=PER_100, width_mm=width),
        "baujat": meta.baujat_plot(meta.find_contributions(effects, spec), width_mm=width),
        "radial": meta.radial_plot(meta.find_radial(fit), unit=PER_100, width_mm=width),
        "drapery": meta.drapery_plot(meta.trace_p_values(effects, spec), unit=PER_100, width_mm=width),
        "orchard": meta.orchard_plot(fit, groups, unit=PER_100, width_mm=width),
        "caterpillar": meta.caterpillar_plot(fit, unit=PER_100, width_mm=width),
        "tau2": meta.likelihood_plot(trace(effects, spec), unit=PER_100, width_mm=width),
        "mean": meta.likelihood_plot(trace(effects, spec, parameter="mean"), unit=PER_100, width_mm=width),
    }


def draw_ratios(width: float) -> dict[str, Figure]:
    effects = trials()
    fit = meta.fit_model(effects)
    arms = meta.compare_arms(fit)
    return {
        "funnel": meta.funnel_plot(fit, width_mm=width),
        "baujat": meta.baujat_plot(meta.find_contributions(effects), width_mm=width),
        "radial": meta.radial_plot(meta.find_radial(fit), width_mm=width),
        "labbe": meta.labbe_plot(arms, headings=("clozapine", "other antipsychotic"), width_mm=width),
        "drapery": meta.drapery_plot(meta.trace_p_values(effects), width_mm=width),
        "orchard": meta.orchard_plot(fit, width_mm=width),
        "caterpillar": meta.caterpillar_plot(fit, width_mm=width),
        "tau2": meta.likelihood_plot(meta.trace_likelihood(effects), width_mm=width),
    }


@pytest.mark.parametrize("width", [85.0, 170.0])
@pytest.mark.parametrize("draw", [draw_proportions, draw_ratios])
def test_figures_of_the_shipped_evidence(draw: Callable[[float], dict[str, Figure]], width: float) -> None:
    figures = draw(width)
    again = draw(width) if width == 85.0 else figures
    for kind, figure in figures.items():
        page = page_of(figure)
        assert overlapping(page) == [], kind
        assert outside(page) == [], kind
        assert page.width == width, kind
        assert len(page.description) > 60, kind
        assert again is figures or figure_bytes(figure, "svg") == figure_bytes(again[kind], "svg"), kind
