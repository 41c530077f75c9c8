"""Three hundred random forest plots in every layout: no two texts overlap, and nothing leaves the page."""

from __future__ import annotations

import math
import random
import warnings

import pytest
from figure_data import count_study, make_fit
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_forest_layout import outside, overlapping, page_of

from meta.appraisal import TOOLS, Appraisal
from meta.effects.measures import find_measure
from meta.errors import LayoutWarning
from meta.options import ModelSpec
from meta.plots.forest import forest_pages, forest_plot
from meta.plots.forest_columns import Descriptor
from meta.plots.panel import Threshold
from meta.plots.presets import PRESETS
from meta.results import Fit, GroupTest, Natural, Study, Subgroups

#: Words of names in five scripts; the longest are those of consortia.
WORDS = (
    *("Müller", "van der Berg", "Consortium", "1998", "2014b", "et al.", "Schizophrenia-Working-Group"),
    *("Παπαδόπουλος", "Κέντρο", "μελέτη", "Иванов", "Исследование", "и др."),
    *("לוי", "בית־חולים", "מחקר", "研究", "山田太郎", "精神医学", "東京大学附属病院"),
)
#: How many plots there are in all; few of them have 80 studies, which take longest.
EXAMPLES = 300
SIZES = (1, 2, 3, 3, 4, 5, 5, 6, 7, 8, 9, 10, 12, 15, 20, 40, 80)
MEASURES = ("PLO", "RR", "OR", "IRLN", "MD", "GEN")


def make_name(rng: random.Random) -> str:
    return " ".join(rng.choice(WORDS) for _ in range(rng.choice((1, 2, 2, 3, 5, 12))))


def make_study(rng: random.Random, measure: str, label: str, weight: float) -> Study:
    if rng.random() < 0.08:
        reason = rng.choice(("no events in either arm", "followup_years not reported " * 6))
        return Study(label, {}, None, None, None, None, None, None, False, reason, ())
    if measure == "PLO":
        n = rng.choice((7, 80, 1234, 2_616_439))
        return count_study(label, rng.randint(0, n), n)
    center, spread = 10.0 ** rng.uniform(-6, 6), rng.choice((1.01, 1.5, 4.0, 1e3, 1e7))
    low, high = center / spread, center * spread
    if measure == "MD":
        center, low, high = (x * rng.choice((-1.0, 1.0)) for x in (center, center, center))
        low, high = center - spread, center + spread
    columns = [name for name in find_measure(measure).columns if name != "y"]
    counts: dict[str, float | None] = {
        name: None if rng.random() < 0.1 else float(rng.choice((3, 47, 5_808, 191_064))) for name in columns
    }
    recovered = "from an interval" if rng.random() < 0.1 else None
    return Study(label, counts, center, low, high, weight, 0.0, 1.0, True, None, (), recovered)


def make_natural(rng: random.Random, measure: str) -> Natural | None:
    if rng.random() < 0.1:
        return None
    value = rng.uniform(0.01, 0.9) if measure == "PLO" else 10.0 ** rng.uniform(-3, 3)
    low, high = value / rng.uniform(1.1, 30), value * rng.uniform(1.05, 1.1)
    if rng.random() < 0.3:
        return Natural(value, low, high, None, None)
    return Natural(value, low, high, low / 2, high * 1.001)


def make_case(rng: random.Random) -> tuple[Fit, Subgroups | None]:
    measure = rng.choice(MEASURES)
    k = rng.choice(SIZES)
    labels: dict[str, None] = {}
    while len(labels) < k:
        labels[f"{make_name(rng)} {len(labels)}"] = None
    studies = [make_study(rng, measure, label, 100.0 / k) for label in labels]
    counted = {"PLO": "binomial_normal", "IRLN": "poisson_normal"}
    glmm = measure in counted and rng.random() < 0.7
    spec = ModelSpec(model=counted[measure]) if glmm else ModelSpec()
    fit = make_fit(studies, make_natural(rng, measure), measure=measure, spec=spec)
    if k < 3 or rng.random() < 0.6:
        return fit, None
    cut = rng.randint(1, k - 1)
    parts = (studies[:cut], studies[cut:])
    fits = tuple(make_fit(part, make_natural(rng, measure), measure=measure, spec=spec) for part in parts)
    test = GroupTest(1.78, 1, None, 0.18, "Q", None)
    return fit, Subgroups("by", False, (make_name(rng), make_name(rng)), fits, test, ())


def make_appraisal(rng: random.Random, studies: tuple[Study, ...]) -> Appraisal:
    tool = TOOLS[rng.choice(sorted(TOOLS))]
    options = ["", *tool.answers]
    answers = {s.label: tuple(rng.choice(options) for _ in tool.domains) for s in studies[::2]}
    overall = {s.label: rng.choice(options) for s in studies} if tool.has_overall else {}
    return Appraisal(tool, answers, overall, {}, make_name(rng))


def make_axis(rng: random.Random, measure: str) -> str | None:
    return rng.choice((None, *find_measure(measure).axis_scales))


@settings(
    max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
@given(st.integers(0, 2**32))
def test_three_hundred_random_plots_neither_overlap_nor_leave_the_page(seed: int) -> None:
    rng = random.Random(seed)
    fit, groups = make_case(rng)
    width = rng.choice((None, 85.0, 85.0, 170.0, 170.0, 120.0, 260.0))
    columns = [
        Descriptor(make_name(rng), {s.label: make_name(rng) for s in fit.studies if rng.random() < 0.8})
        for _ in range(rng.randint(0, 3))
    ]
    axis = make_axis(rng, fit.measure)
    positive = (axis or ("log" if find_measure(fit.measure).log_axis else "natural")) == "log"
    wanted = {
        "subgroups": groups,
        "descriptors": columns,
        "title": make_name(rng),
        "notes": [make_name(rng)],
        "threshold": Threshold(0.5, make_name(rng)) if rng.random() < 0.4 else None,
        "favours": (make_name(rng), make_name(rng)) if rng.random() < 0.6 else None,
        "arms": (make_name(rng), make_name(rng)) if rng.random() < 0.4 else None,
        "width_mm": width,
        "preset": rng.choice((None, *PRESETS)),
        "models": {make_name(rng): fit} if rng.random() < 0.3 else None,
        "band": ((0.8 if positive else -0.2), 1.25) if rng.random() < 0.3 else None,
        "sort": rng.choice((None, "label", "estimate", "weight", "year")),
        "axis": axis,
        "appraisal": make_appraisal(rng, fit.studies) if rng.random() < 0.4 else None,
    }
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", LayoutWarning)
        paged = rng.random() < 0.2
        figures = forest_pages(fit, rows=20, **wanted) if paged else (forest_plot(fit, **wanted),)
    for page in map(page_of, figures):
        assert overlapping(page) == []
        assert outside(page) == []
        assert all(math.isfinite(box.x) and math.isfinite(box.y) for box in page.texts)
        if width is not None and page.width > width + 1e-6:
            assert any("mm wide" in str(warning.message) for warning in said)


@pytest.mark.parametrize("width", [85.0, 170.0])
@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_numbers_of_everyday_size_hold_the_width_of_a_journal(preset: str, width: float) -> None:
    rng = random.Random(7)
    studies = [count_study(make_name(rng) + f" {i}", 10 + i, 2000 + 90 * i) for i in range(12)]
    fit = make_fit(studies, Natural(0.171, 0.127, 0.226, 0.055, 0.420))
    columns = [Descriptor("Country", {s.label: "United Kingdom" for s in studies})]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LayoutWarning)
        page = page_of(forest_plot(fit, preset=preset, width_mm=width, descriptors=columns))
    assert page.width == width
    assert overlapping(page) == []
    assert outside(page) == []
