"""Forest of alternatives: the main result on top, every alternative below it, nothing on top of another."""

from __future__ import annotations

from dataclasses import replace

import pytest
from figure_data import cohorts_fit, make_fit
from test_forest_layout import outside, overlapping, page_of, texts

from meta.alternatives import AlternativeAnswer, Alternatives
from meta.effects.choices import EffectChoices
from meta.effects.measures import default_unit
from meta.options import DisplayUnit, ModelSpec
from meta.plots import theme
from meta.plots.alternatives import alternatives_plot
from meta.plots.layout import Disc, Page, Patch, Stroke
from meta.plots.panel import Threshold
from meta.results import Fit, Natural

UNIT = DisplayUnit(100.0, "Per 100", "Resistant, per 100 people")


def answer(label: str, value: float | None, main: Fit, **changes: object) -> AlternativeAnswer:
    """Return an alternative with a given estimate; nothing is computed."""
    fit = None
    if value is not None:
        natural = Natural(value, value * 0.75, value * 1.3, value * 0.4, value * 2)
        fit = make_fit(main.studies, natural, measure=main.measure, spec=main.spec)
    shift = None
    if value is not None and main.natural is not None:
        old = main.natural.value
        shift = value / old if main.measure == "RR" else value - old
    made = AlternativeAnswer(
        label=label,
        reason="Because",
        changes=("something",),
        measure=main.measure,
        profile="house@1",
        spec=main.spec,
        choices=EffectChoices("LS", 0.5, "only0", None),
        unit=None,
        k=fit.k if fit is not None else 0,
        status="ok" if fit is not None else "not_estimable",
        effects=None,
        fit=fit,
        failure=None if fit is not None else "no study can be used",
        remarks=(),
        came=(),
        went=(),
        swapped=(),
        shift=shift,
        not_compared=None,
        outside=None if shift is None else False,
        threshold=None,
        crossed=None,
        includes_null=None,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def several(main: Fit) -> Alternatives:
    rows = (
        answer("Clozapine proxies left out", 0.163, main),
        answer("Follow-up of 5 years or more", 0.204, main, remarks=("a remark",)),
        answer("Freeman–Tukey", 0.176, main, status="boundary"),
        answer("Counts as printed", None, main),
    )
    return Alternatives("difference", 1, None, None, rows)


def ratio_main() -> Fit:
    return make_fit(
        cohorts_fit().studies, Natural(1.88, 0.41, 8.59, 0.08, 44.0), measure="RR", spec=ModelSpec()
    )


def discs(page: Page) -> list[Disc]:
    return [shape for shape in page.shapes if isinstance(shape, Disc)]


def baselines(page: Page) -> dict[str, float]:
    return {box.text: box.baseline for box in page.texts}


def test_every_alternative_has_its_row_below_the_main_one() -> None:
    fit = cohorts_fit()
    page = page_of(alternatives_plot(several(fit), fit, unit=UNIT, title="Title", provenance="sheet.csv"))
    shown = texts(page)
    assert overlapping(page) == []
    assert outside(page) == []
    assert len(discs(page)) == 3
    for text in ("17.1 [12.7, 22.6]", "16.3 [12.2, 21.2]", "20.4 [15.3, 26.5]", "−0.8", "+3.3", "+0.5"):
        assert text in shown
    assert "no study can be used" in shown
    assert "Follow-up of 5 years or more†" in shown
    assert "Freeman–Tukey‡" in shown
    assert "† a remark." in shown
    assert "‡ τ² at its lower bound, 0." in shown
    order = ["Main analysis", "Clozapine proxies left out", "Freeman–Tukey‡", "Counts as printed"]
    places = [baselines(page)[name] for name in order]
    assert places == sorted(places)


def test_the_band_is_the_main_interval_and_the_dotted_line_its_estimate() -> None:
    fit = cohorts_fit()
    page = page_of(alternatives_plot(several(fit), fit, unit=UNIT))
    (band,) = [s for s in page.shapes if isinstance(s, Patch) and s.fill == theme.WASH]
    (diamond,) = [s for s in page.shapes if isinstance(s, Patch) and s.fill == theme.BLUE]
    for end in (min, max):
        assert end(x for x, _ in band.points) == pytest.approx(end(x for x, _ in diamond.points))
    # the band reaches over every row, and the dotted line runs with it
    assert max(y for _, y in band.points) > max(disc.y for disc in discs(page))
    (dotted,) = [s for s in page.shapes if isinstance(s, Stroke) and s.dash]
    assert dotted.x1 == pytest.approx(diamond.points[1][0])


def test_another_quantity_is_written_and_not_drawn() -> None:
    main = ratio_main()
    other = answer(
        "Risk difference", 0.14, main, measure="RD", unit=default_unit("RD"), shift=None,
        not_compared="another quantity: risk difference, not risk ratio",
    )  # fmt: skip
    found = Alternatives("ratio", 0, None, True, (answer("Common effect", 1.17, main), other))
    page = page_of(alternatives_plot(found, main, favours=("the comparator", "clozapine")))
    shown = texts(page)
    assert len(discs(page)) == 1
    assert "×0.62" in shown
    assert any(text.startswith("risk difference 0.14 [") for text in shown)
    assert "† another quantity, so neither drawn nor compared." in shown
    assert any("clozapine →" in text for text in shown)
    assert overlapping(page) == []


def test_one_endless_interval_does_not_squeeze_the_others() -> None:
    main = ratio_main()
    wide = answer("Two trials", 3.92, main)
    assert wide.fit is not None
    assert wide.fit.natural is not None
    natural = replace(wide.fit.natural, low=0.0005, high=30120.0)
    wide = replace(wide, fit=replace(wide.fit, natural=natural))
    page = page_of(alternatives_plot(Alternatives("ratio", 0, None, True, (wide,)), main))
    assert any(text.startswith("Arrow heads") for text in texts(page))
    assert "3.92 [0.00, 30\u202f120.00]" in texts(page)
    blue = [s for s in page.shapes if isinstance(s, Patch) and s.fill == theme.BLUE]
    (diamond,) = [shape for shape in blue if len(shape.points) == 4]
    width = max(x for x, _ in diamond.points) - min(x for x, _ in diamond.points)
    assert width > 15.0


def test_a_threshold_is_a_dashed_line_with_its_words() -> None:
    fit = cohorts_fit()
    threshold = Threshold(20.0, "a fifth", "Planner 2020")
    page = page_of(alternatives_plot(several(fit), fit, unit=UNIT, threshold=threshold))
    assert [s for s in page.shapes if isinstance(s, Stroke) and s.color == theme.GREEN and s.dash]
    assert "Dashed line: 20 per 100, a fifth (Planner 2020)." in texts(page)
    assert overlapping(page) == []


def test_long_labels_wrap_and_long_reasons_keep_to_their_row() -> None:
    fit = cohorts_fit()
    label = "Only cohorts whose follow-up was fixed, mean or median, and at least five years for everyone"
    reason = "the model does not suit the measure, and this is said in a sentence that goes on for some time"
    rows = (answer(label, 0.2, fit), answer(f"{label} too", None, fit, failure=reason))
    page = page_of(alternatives_plot(Alternatives("difference", 0, None, None, rows), fit, unit=UNIT))
    assert overlapping(page) == []
    assert outside(page) == []
    assert page.width == pytest.approx(185.0)


def test_without_a_main_estimate_there_is_no_band_and_the_rows_stay() -> None:
    fit = replace(cohorts_fit(), natural=None, estimate=None, status="not_converged")
    rows = (answer("A", 0.2, fit), answer("B", None, fit))
    page = page_of(alternatives_plot(Alternatives("difference", None, None, None, rows), fit, unit=UNIT))
    assert not [s for s in page.shapes if isinstance(s, Patch) and s.fill == theme.WASH]
    assert "not converged" in texts(page)
    assert len(discs(page)) == 1


def test_one_alternative_of_one_study_is_spoken_of_in_the_singular() -> None:
    fit = replace(cohorts_fit(), k=1)
    one = replace(several(fit), rows=several(fit).rows[:1])
    page = page_of(alternatives_plot(one, fit, unit=UNIT, title="Title", provenance="sheet.csv"))
    assert page.description.startswith("Forest of 1 alternative. Pooled value of 1 study: ")


def test_the_description_reads_every_row() -> None:
    fit = cohorts_fit()
    page = page_of(alternatives_plot(several(fit), fit, unit=UNIT))
    assert page.description.startswith("Forest of 4 alternatives. Pooled value of 12 studies: 17.1 per 100")
    assert "Clozapine proxies left out: 16.3 [12.2, 21.2]" in page.description
    assert "Counts as printed: no study can be used" in page.description
