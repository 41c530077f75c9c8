"""Small k, degenerate and extreme inputs against metafor: we need not fail where R fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from edge_escalc import check_effect_sizes
from oracle import Tally
from rma_adapter import (
    answer_case,
    check_bounds,
    compare_fit,
    compare_interval,
    compare_prediction,
    score,
)
from rma_iterated import DEFAULT_THRESHOLD, settle_iterated
from scipy import special

from meta.errors import ModelError, OptionError
from meta.kernels.status import Status
from meta.options import ModelSpec

#: Worst seen 9.0e-9: metafor leaves 3e-14 of a tau2 whose estimate is 0 (against 1e-3 of the typical
#: variance).
TOLERANCE = 1e-8


#: Data sets R refuses, or answers with infinities -> the words of our error.
REFUSED = {
    "zerovi": "v must be positive and finite where it is used; analysis 1 uses study 2",
    "negvi": "v must be positive and finite where it is used; analysis 1 uses study 2",
    "infyi": "y must be finite where it is used; analysis 1 uses study 2",
}


def test_edge_cases(open_tally: Callable[[str, float], Tally]) -> None:
    tally = open_tally("edge_cases", TOLERANCE)
    for case in tally.topic.cases:
        if case["spec"]["fn"] == "escalc":
            check_effect_sizes(tally, case)
        else:
            check_case(tally, case)
    tally.check()


def check_case(tally: Tally, case: dict[str, Any]) -> None:
    if case["spec"].get("method") == "XX":
        with pytest.raises(OptionError, match=r"tau2_method under model='random' must be one of .* 'XX'"):
            ModelSpec(tau2_method="XX")
        tally.run.add(case["id"])
    elif case["data"] == "mods" or "onelevel" in case["id"]:
        check_one_level(tally, case)
    elif not isinstance(case["data"], dict) and case["data"] in REFUSED:
        with pytest.raises(ModelError, match=REFUSED[case["data"]]):
            answer_case(case, tally.topic.columns(case["data"]), ["intrcpt"])
        if case["expected"] is None:
            tally.run.add(case["id"])
        else:
            what = "an infinite effect" if case["data"] == "infyi" else "a study whose variance is 0 or less"
            tally.excuse(case, f"R averages {what}; we refuse it")
    elif case["expected"] is None:
        check_not_estimable(tally, case)
    else:
        check_numbers(tally, case)


def check_one_level(tally: Tally, case: dict[str, Any]) -> None:
    """A factor with one level: R has no contrasts; its indicator repeats the intercept, and we say it."""
    names = ["intrcpt", "ga"]
    answer = answer_case(case, tally.topic.columns("onelevel"), names)
    assert answer.status is Status.NOT_ESTIMABLE
    tally.run.add(case["id"])


def check_not_estimable(tally: Tally, case: dict[str, Any]) -> None:
    """Where R stops (no studies, as many coefficients as studies) we answer with a status and no numbers."""
    names = ["intrcpt", "x"] if "mods" in case["spec"] else ["intrcpt"]
    answer = answer_case(case, tally.topic.columns(case["data"]), names)
    assert answer.status is Status.NOT_ESTIMABLE
    for array in (answer.rows.value, answer.rows.se, answer.rows.tau2, answer.rows.q, answer.rows.loglik):
        assert np.isnan(array).all()
    tally.run.add(case["id"])


def check_numbers(tally: Tally, case: dict[str, Any]) -> None:
    expected, data = case["expected"], case["data"]
    case["spec"].setdefault("method", "REML")
    columns = {n: expected[n] for n in ("yi", "vi")} if isinstance(data, dict) else tally.topic.columns(data)
    answer = answer_case(case, columns, expected["names"])
    fixed, settled = settle_iterated(tally, case, answer)
    excused: dict[str, str] = {}
    if not settled and not case["spec"].get("control"):
        excused["tau2"] = DEFAULT_THRESHOLD
        assert abs(score(answer, float(answer.rows.tau2[0]), "REML")) < 1e-10 or answer.rows.tau2[0] == 0.0
        fixed = expected["tau2"]
    if case["id"] in ("edge-tiny-PM-z", "edge-bign-PM-z"):
        excused["tau2"] = "metafor's tolerance is absolute, and the variances tiny; ours has Q(tau2) = k - 1"
        assert answer.batch.residual_q[0] == pytest.approx(answer.batch.k[0] - 1, rel=1e-12)
        fixed = expected["tau2"]
    if case["id"] in ("edge-tiny-PMM-z", "edge-bign-PMM-z"):
        excused["tau2"] = "metafor's tolerance is absolute, and the variances tiny; ours has Q(tau2) = median"
        median = special.chdtri(answer.batch.k[0] - 1, 0.5)
        assert answer.batch.residual_q[0] == pytest.approx(median, rel=1e-12)
        fixed = expected["tau2"]
    if answer.batch.k[0] == answer.batch.p:
        for name in ("I2", "H2"):
            excused[name] = "not defined without a degree of freedom"
        if answer.spec.ci_method == "HKSJ" and answer.status is not Status.SINGLE_STUDY:
            for name in ("se", "zval", "vcov", "s2w"):
                excused[name] = "the HKSJ factor is 0 / 0 without a degree of freedom; metafor takes it as 0"
    if fixed is not None:
        answer = answer_case(case, columns, expected["names"], tau2=fixed)
    if expected["s2w"] == 0:
        for name in ("QM", "QMp"):
            excused[name] = "metafor cannot invert a covariance of 0; the statistic is infinite and p 0"
        if case["data"] == "perfect":
            for name in ("zval", "pval"):
                excused[name] = "0 / 0 is no statistic; metafor divides its rounding by 0"
    for name, reason in excused.items():
        tally.excuse_field(case, name, reason)
    skipped = (*excused, *settled, "yi", "vi")
    compare_fit(tally, case, answer, skip=lambda name: name in skipped)
    if answer.intercept_only:
        compare_prediction(tally, case, columns, fixed)
    if "confint" in expected and data == "tiny":
        tally.excuse_field(case, "confint", "metafor's tolerance is absolute, and these variances are 1e-12")
        check_bounds(answer, 0.95)
    elif "confint" in expected:
        compare_interval(tally, case, answer, expected["confint"])
