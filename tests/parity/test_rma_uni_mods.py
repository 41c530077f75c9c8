"""Models with moderators against metafor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from oracle import Tally, differences, load_topic
from regressions import compare_predictions, public_fit
from rma_adapter import (
    Answer,
    answer_case,
    compare_fit,
    compare_interval,
    score,
)
from rma_iterated import settle_iterated

from meta.kernels.status import Status
from meta.models.assemble import _r2

#: Worst seen 4.3e-9: metafor leaves 4e-13 of a tau2 whose estimate is 0.
TOLERANCE = 1e-8

#: What the engine does not offer.
NOT_OFFERED = {"vif": "variance inflation factors are not offered"}

#: metafor takes the plain mean out of the effects before it computes QE and tau2. That changes nothing
#: where the design spans a constant; these two designs (``~ 0 + ablat``, ``~ ablat:alloc - 1``) do not, so
#: its numbers are those of other data. Each is reproduced here from centred effects; ours are residual sums
#: of the effects as they are.
CENTRED = tuple(
    f"mods-bcg-{design}-{method}-{test}"
    for design in (8, 9)
    for method in ("EE", "DL", "HE", "PM", "REML", "ML", "HS", "SJ", "EB")
    for test in ("z", "knha")
)
OF_CENTRED = frozenset(("tau2", "I2", "H2", "QE", "QEp"))


def test_models_with_moderators(open_tally: Callable[[str, float], Tally]) -> None:
    tally = open_tally("rma_uni_mods", TOLERANCE)
    for case in tally.topic.cases:
        if case["spec"]["fn"] in NOT_OFFERED:
            tally.excuse(case, NOT_OFFERED[case["spec"]["fn"]])
        else:
            check_case(tally, case)
    tally.check()


def check_case(tally: Tally, case: dict[str, Any]) -> None:
    columns, expected = tally.topic.columns(case["data"]), case["expected"]
    if case["id"] in CENTRED:
        reproduce_centred(tally, case, columns)
        return
    answer = answer_case(case, columns, expected["names"])
    given, settled = settle_iterated(tally, case, answer)
    if given is not None:
        answer = answer_case(case, columns, expected["names"], tau2=given)
    compare_fit(tally, case, answer, skip=lambda name: name in settled)
    compare_predictions(tally, case, columns)
    assert np.isnan(answer.rows.prediction_low).all(), "no prediction interval stands beside moderators"
    if "confint" in expected:
        compare_interval(tally, case, answer, expected["confint"])
    if case["spec"].get("method") == "DLIT" and "R2" in expected:
        tally.excuse_field(case, "R2", "made of two DLIT estimates, see settle_iterated")
    elif expected.get("R2") is not None:
        compare_r2(tally, case, columns, answer)


def compare_r2(tally: Tally, case: dict[str, Any], columns: dict[str, Any], answer: Answer) -> None:
    """Compare the share of tau2 (common effect: of Q per degree of freedom) that the moderators explain."""
    y = np.where(answer.mask[0], answer.y, np.nan)
    null = answer_case(case, {"yi": list(y), "vi": columns["vi"]}, ["intrcpt"])
    ours = _r2(answer.rows, 0, answer.spec, null.rows)
    tally.compare(case, "R2", 0.0 if ours is None else ours, case["expected"]["R2"], scale=1.0)


def reproduce_centred(tally: Tally, case: dict[str, Any], columns: dict[str, Any]) -> None:
    """Show that metafor's numbers are those of centred effects, and that ours solve their own equations."""
    expected = case["expected"]
    scratch = Tally(tally.topic, TOLERANCE)
    theirs = answer_case(case, columns, expected["names"], centre=True)
    compare_fit(scratch, case, theirs, skip=lambda name: name not in OF_CENTRED)
    given = answer_case(case, columns, expected["names"], tau2=expected["tau2"])
    compare_fit(scratch, case, given, skip=lambda name: name in OF_CENTRED)
    assert not scratch.failed, scratch.failed
    ours = answer_case(case, columns, expected["names"])
    w = 1.0 / ours.v
    b = np.linalg.solve(ours.design.T * w @ ours.design, ours.design.T @ (w * ours.y))
    residual = ours.y - ours.design @ b
    assert ours.rows.q[0] == pytest.approx(float(w @ residual**2), rel=1e-12)
    if ours.spec.tau2_method in ("REML", "ML"):
        assert abs(score(ours, float(ours.rows.tau2[0]), ours.spec.tau2_method)) < 1e-10
    tally.excuse(case, "metafor centres the effects although the design spans no constant")


def test_a_redundant_moderator_is_not_estimable_rather_than_dropped() -> None:
    """metafor drops it in silence; which of two equal columns stays would be decided by their order."""
    rows = answer_case(
        {"spec": {"method": "REML", "test": "knha"}},
        {
            "yi": [0.3, 0.9, 0.2, 0.4, 0.6],
            "vi": [0.04, 0.09, 0.05, 0.1, 0.07],
            "x": [1, 2, 3, 4, 5],
            "z": [2, 4, 6, 8, 10],
        },
        ["intrcpt", "x", "z"],
    ).rows
    assert Status(int(rows.status[0])) is Status.NOT_ESTIMABLE
    assert np.isnan(rows.value).all()
    assert np.isnan(rows.q).all()


def test_formulas_give_the_coefficients_of_every_design() -> None:
    """The same models through the public face: R's formulas, read by ours, span what R's design spans.

    The design of each case that translates, under REML with Knapp and Hartung's interval, coefficient by
    coefficient in R's order.
    """
    topic = load_topic("rma_uni_mods")
    seen = set()
    for case in topic.cases:
        spec = case["spec"]
        if spec["fn"] != "rma.uni" or spec.get("method") != "REML" or spec.get("test") != "knha":
            continue
        key = (case["data"], spec["mods"])
        if key in seen or case["id"] in CENTRED or "btt" in spec:
            continue
        fit = public_fit(case, topic.columns(case["data"]), None)
        if fit is None:
            continue
        seen.add(key)
        assert fit.coefficients is not None, key
        for name in ("beta", "se"):
            ours = fit.coefficients.value if name == "beta" else fit.coefficients.se
            gap = differences(ours, case["expected"][name], float(np.max(case["expected"]["se"])))
            assert float(gap.max()) < TOLERANCE, (key, name)
        assert fit.moderator_test is not None, key
        assert fit.moderator_test.statistic == pytest.approx(case["expected"]["QM"], rel=TOLERANCE), key
    assert len(seen) >= 15, sorted(seen)
