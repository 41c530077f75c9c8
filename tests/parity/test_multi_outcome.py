"""Sampling covariances within studies, and rows combined, against metafor."""

from __future__ import annotations

from collections.abc import Callable

from oracle import Tally

from meta.effects.dependence import combine_rows, constant_correlation

#: Worst seen 1.7e-14.
TOLERANCE = 1e-13

#: What this engine does not offer: the issue asks for one correlation within a study.
OTHER_STRUCTURES = {
    "vcalc-berkey": "a covariance matrix given in columns is a test's input here, no option",
    "vcalc-type": "correlations by type of outcome are not asked for",
    "vcalc-time": "correlations that fall with time are not asked for",
    "vcalc-groups": "covariances of contrasts that share a group are not asked for",
    "aggregate-CAR": "correlations that fall with time are not asked for",
    "matreg-n": "regression on a correlation matrix is not asked for",
}


def test_multi_outcome(open_tally: Callable[[str, float], Tally]) -> None:
    tally = open_tally("multi_outcome", TOLERANCE)
    for case in tally.topic.cases:
        if case["id"] in OTHER_STRUCTURES:
            tally.excuse(case, OTHER_STRUCTURES[case["id"]])
            continue
        columns = tally.topic.columns(case["data"])
        rho = case["spec"].get("rho", 0)
        if case["spec"]["fn"] == "vcalc":
            ours = constant_correlation(columns["vi"], columns["study"], rho)
            tally.compare(case, "V", ours, case["expected"]["V"])
            continue
        combined = combine_rows(
            columns["yi"], columns["vi"], columns["study"], rho, weighted=case["spec"].get("weighted", True)
        )
        tally.compare(case, "cluster", combined.studies, case["expected"]["cluster"])
        tally.compare(case, "yi", combined.y, case["expected"]["yi"])
        tally.compare(case, "vi", combined.v, case["expected"]["vi"])
    tally.check()
    assert not tally.deferred
    assert (len(tally.run), len(tally.excused)) == (11, 6)
