"""One-group GLMMs against likelihoods maximised to high accuracy, at the number of nodes each case names."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from glmm_cases import read_counts, two_groups_of_a_later_issue
from oracle import Tally, load_topic

from meta.kernels.glmm import fit_glmm

#: What the oracle promises, relative to max(1, |golden|). Worst seen: 3.6e-6 relative in the standard error
#: of a rate, which the oracle takes by differences; all else 1e-7.
TOLERANCE = 1e-6
#: The goldens' standard errors are second differences of a log-likelihood: good to 1e-5, by their spread
#: around exact GLM values at tau2 = 0 (3e-6).
SE_TOLERANCE = 1e-5


def test_glmm_exact(open_tally: Callable[[str, float], Tally]) -> None:
    tally = open_tally("glmm_exact", TOLERANCE)
    for case in tally.topic.cases:
        if two_groups_of_a_later_issue(case):
            tally.defer(case, two_groups_of_a_later_issue)
            continue
        counts, spec = read_counts(tally.topic, case), case["spec"]
        common = spec["method"] == "EE"
        fit = fit_glmm(
            *counts.arguments, tau2=0.0 if common else None, nodes=None if common else spec["nAGQ"]
        )
        p = counts.design.shape[1]
        ours = {
            "beta": fit.beta[0],
            "se": np.sqrt(np.diagonal(fit.covariance[0])[:p]),
            "tau2": fit.tau2[0],
            "ll": fit.loglik[0],
        }
        assert set(case["expected"]) == set(ours)
        for name, golden in case["expected"].items():
            tolerance = SE_TOLERANCE if name == "se" else None
            tally.compare(case, name, ours[name], golden, scale=1.0, tolerance=tolerance)
    tally.check()
    assert len(tally.run) == 35
    assert len(tally.deferred) == 55


def test_own_nodes_agree_with_the_most_that_were_tried() -> None:
    """With the number of nodes left to the kernel, the fit is that of 30 or 50."""
    topic = load_topic("glmm_exact")
    best = [c for c in topic.cases if c["spec"]["model"] == "one" and c["spec"]["nAGQ"] in (30, 50)]
    assert len(best) == 6
    for case in best:
        fit = fit_glmm(*read_counts(topic, case).arguments)
        golden = case["expected"]
        np.testing.assert_allclose(fit.beta[0], golden["beta"], rtol=1e-8)
        np.testing.assert_allclose(fit.tau2[0], golden["tau2"], rtol=1e-8)
        np.testing.assert_allclose(fit.loglik[0], golden["ll"], rtol=0, atol=1e-9)
