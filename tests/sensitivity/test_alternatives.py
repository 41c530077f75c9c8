"""Declared alternatives: each is its altered analysis beside the main estimate; none stops the others."""

from __future__ import annotations

import csv
import math
from dataclasses import replace
from pathlib import Path

import pytest

import extraction
from meta.alternatives import AlternativeAnswer, Alternatives, answer_alternatives
from meta.answers import answer_analysis
from meta.choices import compute_sensitivity
from meta.effects.measures import default_unit
from meta.options import DisplayUnit
from meta.protocol.plan import Alternative, Analysis, Filter, ModelChoices, NamedRow, Threshold
from meta.protocol.review import Review, read_review
from meta.protocol.selection import select_rows
from meta.results import Fit
from meta.sensitivity.threshold import Place

EVIDENCE = Path(extraction.__file__).parent / "evidence"

#: Analyses with one pooled estimate from at least two studies.
POOLED = (
    "trs_total",
    "trs_total_stokes",
    "trs_schizophrenia",
    "trs_early",
    "trs_early_share",
    "trs_late",
    "clozapine_response",
    "clozapine_controlled",
    "td_improvement_clozapine",
    "td_rate_first",
    "td_rate_second",
)

PER_100 = DisplayUnit(100.0, "Per 100", "Per 100")


@pytest.fixture(scope="module")
def review() -> Review:
    return read_review()


@pytest.fixture(scope="module")
def mains(review: Review) -> dict[str, Fit]:
    return {name: fit_of(review, plan_of(review, name)) for name in POOLED}


@pytest.fixture(scope="module")
def found(review: Review, mains: dict[str, Fit]) -> dict[str, Alternatives]:
    return {name: answered(review, mains, plan_of(review, name)) for name in POOLED}


def plan_of(review: Review, name: str) -> Analysis:
    return next(plan for plan in review.protocol.analyses if plan.id == name)


def fit_of(review: Review, plan: Analysis) -> Fit:
    """Fit an analysis by the way of a run, without its alternatives and all else."""
    bare = {"subgroups": (), "moderators": (), "leave_one_out": False, "cumulative": None, "targets": ()}
    plain = plan.model_copy(update={**bare, "alternatives": (), "small_study": False, "descriptors": ()})
    fit = answer_analysis(plain, select_rows(review.sheets[plan.sheet], plain), {}).fit
    assert fit is not None
    return fit


def answered(review: Review, mains: dict[str, Fit], plan: Analysis) -> Alternatives:
    unit = plan.display_unit() or default_unit(plan.measure)
    return answer_alternatives(plan, review.sheets[plan.sheet], mains[plan.id], unit)


def ask(
    review: Review, mains: dict[str, Fit], name: str, *asked: Alternative, **changes: object
) -> Alternatives:
    """Answer other alternatives than the declared ones."""
    plan = plan_of(review, name).model_copy(update={"alternatives": asked, **changes})
    return answered(review, mains, plan)


def row_of(found: Alternatives, label: str) -> AlternativeAnswer:
    return next(row for row in found.rows if row.label == label)


def percent(fit: Fit | None) -> list[float]:
    assert fit is not None
    assert fit.natural is not None
    return [round(100 * x, 1) for x in (fit.natural.value, fit.natural.low, fit.natural.high)]


def test_every_pooled_analysis_declares_at_least_five_and_the_others_none(review: Review) -> None:
    declared = {plan.id: len(plan.alternatives) for plan in review.protocol.analyses}
    assert {name for name, count in declared.items() if count} == set(POOLED)
    assert min(declared[name] for name in POOLED) >= 5


def test_each_is_the_fit_of_its_altered_analysis_to_the_last_bit(
    review: Review, found: dict[str, Alternatives]
) -> None:
    compared = 0
    for name in POOLED:
        plan = plan_of(review, name)
        assert [row.label for row in found[name].rows] == [other.label for other in plan.alternatives]
        for row, other in zip(found[name].rows, plan.alternatives, strict=True):
            altered = plan.altered(other)
            assert row.spec == altered.spec()
            assert row.changes, row.label
            if row.fit is None:
                continue
            direct = fit_of(review, altered)
            assert row.fit.natural == direct.natural, (name, row.label)
            assert (row.k, row.status) == (direct.k, direct.status)
            compared += 1
    assert compared > 80


def test_numbers_worked_out_before_are_found_again(found: dict[str, Alternatives]) -> None:
    # from the README of the evidence
    label = "DerSimonian and Laird, Wald"
    assert percent(row_of(found["trs_total"], label).fit) == [17.1, 13.9, 21.0]
    assert percent(row_of(found["trs_total_stokes"], label).fit) == [18.8, 16.3, 21.6]
    assert percent(row_of(found["clozapine_response"], label).fit) == [51.0, 44.5, 57.4]
    fit = row_of(found["clozapine_controlled"], label).fit
    assert fit is not None
    assert fit.natural is not None
    natural = (fit.natural.value, fit.natural.low, fit.natural.high)
    assert [round(x, 2) for x in natural] == [1.73, 0.95, 3.15]


def test_two_analyses_that_are_alternatives_of_each_other_agree(
    found: dict[str, Alternatives], mains: dict[str, Fit]
) -> None:
    there = row_of(found["trs_total"], "National EDEN by symptoms")
    back = row_of(found["trs_total_stokes"], "National EDEN by strict criteria")
    assert there.fit is not None
    assert back.fit is not None
    assert there.fit.natural == mains["trs_total_stokes"].natural
    assert back.fit.natural == mains["trs_total"].natural
    assert there.shift == -(back.shift or 0.0)
    assert (there.came, there.went) == (("Stokes2020",), ("Lee2024",))
    assert there.changes == ("Stokes2020 named first among rows that share people",)


def test_rows_that_come_and_go_are_those_of_the_sheet(found: dict[str, Alternatives]) -> None:
    with (EVIDENCE / "trs_incidence.csv").open(encoding="utf-8-sig", newline="") as stream:
        rows = [r for r in csv.DictReader(stream) if r["onset"] == "total" and r["analysis_set"] == "primary"]
    proxies = {r["study_id"] for r in rows if r["definition_type"] == "clozapine"}
    left = row_of(found["trs_total"], "Clozapine proxies left out")
    assert set(left.went) == proxies == {"Doyle2017", "Mena2018", "Ucok2016"}
    assert left.came == ()
    long = row_of(found["trs_total"], "Follow-up of 5 years or more")
    assert long.fit is not None
    kept = {
        r["study_id"]
        for r in rows
        if float(r["followup_years"] or 0) >= 5 and r["followup_kind"] != "maximum"
    }
    used = {study.label for study in long.fit.studies if study.used}
    assert used == kept - {"Kravariti2018", "Wimberley2017"}  # part of Demjaha2017 and Wimberley2016urb
    consortium = row_of(found["trs_total"], "STRATA-G as one cohort")
    assert consortium.came == ("Smart2022",)
    assert set(consortium.went) == {"Demjaha2017", "Lally2016", "MorenoSancho2022", "Ucok2016"}


def test_a_study_by_another_row_is_told_apart_from_the_same_row(found: dict[str, Alternatives]) -> None:
    row = row_of(found["td_improvement_clozapine"], "vanHarten1996 by its dystonia")
    assert (row.came, row.went, row.swapped) == ((), (), ("vanHarten1996",))
    # rows joined from more lines than before are not other rows
    assert row_of(found["trs_early_share"], "Over all resistant people").swapped == ()


def test_the_largest_move_is_named_and_an_interval_moves_nothing(
    found: dict[str, Alternatives], mains: dict[str, Fit]
) -> None:
    total = found["trs_total"]
    assert total.shift_kind == "difference"
    shifts = [row.shift for row in total.rows]
    assert total.most == max(range(len(shifts)), key=lambda i: abs(shifts[i] or 0.0))
    assert total.rows[total.most].label == "Follow-up of 5 years or more"
    main = mains["trs_total"].natural
    assert main is not None
    for row in total.rows:
        assert row.fit is not None
        assert row.fit.natural is not None
        assert row.shift == row.fit.natural.value - main.value
        assert row.outside is False
    assert row_of(total, "Wald interval").shift == 0.0
    assert row_of(total, "Prediction on k − 2 df").shift == 0.0


def test_where_nothing_moves_none_moves_most(review: Review, mains: dict[str, Fit]) -> None:
    wald = Alternative(label="W", reason="r", model=ModelChoices(ci_method="Wald"))
    level = Alternative(label="L", reason="r", model=ModelChoices(level=0.9))
    answer = ask(review, mains, "trs_early", wald, level)
    assert answer.most is None
    assert [row.shift for row in answer.rows] == [0.0, 0.0]
    assert answer.rows[1].remarks == ("its intervals are at 90%",)
    assert answer.rows[1].changes == ("level of intervals: 90% instead of 95%",)


def test_ratios_move_by_factors_and_the_farthest_factor_counts(review: Review, mains: dict[str, Fit]) -> None:
    common = Alternative(label="c", reason="r", model=ModelChoices(model="common", ci_method="Wald"))
    dl = Alternative(label="d", reason="r", model=ModelChoices(tau2_method="DL"))
    answer = ask(review, mains, "clozapine_controlled", dl, common)
    assert answer.shift_kind == "ratio"
    main = mains["clozapine_controlled"].natural
    assert main is not None
    for row in answer.rows:
        assert row.fit is not None
        assert row.fit.natural is not None
        assert row.shift == pytest.approx(row.fit.natural.value / main.value, rel=1e-15)
    # x0.62 is farther from 1 than x0.92 although both lie below it
    assert answer.most == 1
    assert abs(math.log(answer.rows[1].shift or 1.0)) > abs(math.log(answer.rows[0].shift or 1.0))


def test_another_quantity_is_shown_and_not_compared(found: dict[str, Alternatives]) -> None:
    controlled = found["clozapine_controlled"]
    odds, risk = row_of(controlled, "Odds ratio"), row_of(controlled, "Risk difference")
    assert odds.not_compared == "another quantity: odds ratio, not risk ratio"
    assert risk.not_compared == "another quantity: risk difference, not risk ratio"
    for row in (odds, risk):
        assert (row.shift, row.outside, row.crossed, row.failure) == (None, None, None, None)
        assert row.fit is not None
        assert row.fit.natural is not None
    assert risk.unit == default_unit("RD")
    # each against its own value of no difference
    assert (controlled.includes_null, odds.includes_null, risk.includes_null) == (True, True, True)


def test_a_proportion_is_one_quantity_on_every_scale_and_a_mean_is_no_median(
    review: Review, mains: dict[str, Fit]
) -> None:
    raw = Alternative(label="raw", reason="r", measure="PR", profile="house@1")
    logits = Alternative(label="logits", reason="r", profile="house@1")
    answer = ask(review, mains, "trs_total", raw, logits)
    first, second = answer.rows
    assert first.shift is not None
    assert first.unit is None
    assert first.remarks[0] == "a mean over settings, set beside the median setting of the main analysis"
    assert "studies near 0 or 1 look too precise" in first.remarks[1]
    assert second.remarks == ()


def test_what_cannot_be_fitted_stays_with_its_reason(found: dict[str, Alternatives]) -> None:
    unusable = row_of(found["clozapine_controlled"], "Counts as printed")
    assert (unusable.failure, unusable.k, unusable.shift) == ("no study can be used", 0, None)
    assert set(unusable.went) == {"Kane1988", "Bondolfi1998", "Bitter2004", "Kumra2008"}
    empty = row_of(found["td_improvement_clozapine"], "Counts as printed")
    assert empty.failure == "no row of the sheet passes its filters"
    assert (empty.fit, empty.status) == (None, "not_estimable")
    assert empty.to_dict()["natural"] is None


def test_an_error_in_one_stops_none_of_the_others(review: Review, mains: dict[str, Fit]) -> None:
    # none of these passes the checks of a protocol; a fit must still not take the others with it
    wrong = Alternative(label="wrong", reason="r", model=ModelChoices(model="poisson_normal"))
    nobody = Alternative(label="nobody", reason="r", exclude=(NamedRow(row="Nobody1900", reason="r"),))
    good = Alternative(label="good", reason="r", model=ModelChoices(ci_method="t"))
    answer = ask(review, mains, "trs_early", wrong, nobody, good)
    assert "poisson_normal" in (answer.rows[0].failure or "")
    assert answer.rows[0].effects is not None
    assert answer.rows[1].failure == "analysis 'trs_early' excludes 'Nobody1900', which no row is called"
    assert answer.rows[2].failure is None


def test_a_bound_is_no_estimate(review: Review, mains: dict[str, Fit]) -> None:
    plan = plan_of(review, "trs_early")
    sheet = review.sheets[plan.sheet]
    rows = tuple(
        replace(row, values={**row.values, "events": 0})
        if row.values["study_id"] in ("Chan2021", "Lally2016") and row.values["onset"] == "early"
        else row
        for row in sheet.rows
    )
    none = Alternative(
        label="none", reason="r", filters=(Filter(column="study_id", among=("Chan2021", "Lally2016")),)
    )
    asked = plan.model_copy(update={"alternatives": (none,)})
    (row,) = answer_alternatives(asked, replace(sheet, rows=rows), mains["trs_early"], PER_100).rows
    assert row.status == "one_sided"
    assert row.failure == "no event at all: only a one-sided bound is known"
    assert (row.shift, row.threshold, row.includes_null, row.not_compared) == (None, None, None, None)


def test_a_single_study_is_compared_and_says_so(review: Review, mains: dict[str, Fit]) -> None:
    one = Alternative(label="one", reason="r", filters=(Filter(column="study_id", equals="Chan2021"),))
    (row,) = ask(review, mains, "trs_early", one).rows
    assert (row.status, row.k, row.failure) == ("single_study", 1, None)
    assert row.shift is not None
    assert row.outside is True


def test_a_threshold_is_in_the_unit_of_display(review: Review, mains: dict[str, Fit]) -> None:
    threshold = Threshold(value=16.5, words="w", source="s")
    proxies = Filter(column="definition_type", not_in=("clozapine",))
    out = Alternative(label="out", reason="r", filters=(proxies,))
    t = Alternative(label="t", reason="r", model=ModelChoices(ci_method="t"))
    answer = ask(review, mains, "trs_total", out, t, threshold=threshold)
    assert answer.threshold == Place("above", "on")
    assert answer.rows[0].threshold == Place("below", "on")
    assert [row.crossed for row in answer.rows] == [True, False]
    assert [row.crossed for row in ask(review, mains, "trs_total_stokes", out).rows] == [None]


def test_without_a_main_estimate_nothing_is_compared(review: Review) -> None:
    plan = plan_of(review, "trs_early").model_copy(
        update={"alternatives": (Alternative(label="a", reason="r", profile="house@1"),)}
    )
    answer = answer_alternatives(plan, review.sheets[plan.sheet], None, PER_100)
    (row,) = answer.rows
    assert (answer.most, row.shift, row.not_compared) == (None, None, "the main analysis has no estimate")
    assert row.fit is not None


def test_results_hold_finished_numbers_and_no_studies() -> None:
    entry = compute_sensitivity(analysis="trs_total").entries["trs_total"]
    kept = entry["alternatives"]
    assert kept["shift_kind"] == "difference"
    assert kept["rows"][kept["most"]]["label"] == "Follow-up of 5 years or more"
    row = kept["rows"][0]
    assert set(row["natural"]) == {"value", "low", "high", "prediction_low", "prediction_high"}
    assert set(row["estimate"]) == {"value", "se", "low", "high"}
    assert "studies" not in row
    assert row["natural"]["value"] == pytest.approx(1 / (1 + math.exp(-row["estimate"]["value"])), rel=1e-12)
    assert row["spec"]["tau2_method"] == "REML"


def test_cells_of_rows_that_only_an_alternative_uses_are_kept() -> None:
    rows = compute_sensitivity(analysis="trs_early").entries["trs_early"]["cells"]["rows"]
    (other,) = [row for row in rows if row["label"] == "Robinson1999"]
    assert other["used"] is False
    assert (other["cells"]["events"], other["cells"]["analysis_set"]) == ("15", "sensitivity")
    assert len({row["line"] for row in rows}) == len(rows)
